"""Runs a ``Plan`` in one transaction on the rows' own database. The only writer of personal data."""

from __future__ import annotations

import logging
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

from django.db import DatabaseError, IntegrityError, connections, transaction
from django.db.models import (
    BooleanField,
    ExpressionWrapper,
    IntegerField,
    Model,
    ProtectedError,
    QuerySet,
    RestrictedError,
    Value,
)
from django.db.models.deletion import Collector
from django.dispatch import Signal
from django.utils import timezone

from . import eventlog
from .batching import LARGEST_BATCH, batch_size, chunks, pages
from .conf import settings
from .digits import known_key
from .effects import (
    Computed,
    Intended,
    as_they_are,
    check_changed,
    check_deleted,
    check_in_sql,
    check_seen,
    check_stored,
    columns,
    intended,
    references_kept,
    unchanged,
)
from .exceptions import AnonymiseError, PartlyErased
from .files import Names, delete_files, file_changes, named_files
from .interference import FOR_NOW, Interference, cause, interference, may_hide, raised_by
from .meta import all_rows
from .placement import explained
from .planning import Plan, content_type, has_marker, marked_texts, markers
from .planning import plan as make_plan
from .registry import registry
from .rules import field_label, is_unique, key_text
from .sensitive import sensitive
from .signals import post_anonymise, pre_anonymise
from .statements import among, insert_select, refuses_value, write_back
from .tables import LONGEST_KEY, EventLog, PrivacyAnonymised, Scrub
from .transactions import check_now, in_order_of_commit, is_within_transaction
from .values import apply, changed_fields, explained_call, held, prepared

logger = logging.getLogger(__name__)

# Of a range that is anonymised by its bounds alone, without reading a key
ROWS_PER_RANGE = 20_000

# bulk_update compares each row with each, so that more of them take longer.
ROWS_PER_CASE = 100

# (primary key, whether the row was anonymised before)
Claimed = tuple[Any, bool]


@dataclass
class Run:
    """One execution while it happens."""

    erasure: eventlog.Erasure
    in_range: bool = False
    """Whether it is a range of a scrub."""

    names: Names | None = None
    """What the scrub knows of the names of files."""

    # {model: what may interfere with changing it}; asked of the catalogue once
    _interference: dict[type[Model], Interference] = field(default_factory=dict)
    # {label of a model that says can_anonymise = False: how many rows of it belong to the objects}
    kept: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    # Labels of the columns that hold another value than the planned one
    computed: set[str] = field(default_factory=set)

    def interference(self, plan: Plan) -> Interference:
        """Ask of all tables that an object may have a part in, once."""
        model = plan.declaration.model
        if model not in self._interference:
            models = registry.relatives(model)
            self._interference |= dict.fromkeys(models, interference(models, plan.using))
        return self._interference[model]

    def note(self, plan: Plan, computed: Computed) -> None:
        """Note it in the markers too: such a column must not make a row look filled again, for ever."""
        notes: dict[str, list[str]] = defaultdict(list)
        for key, names in computed.items():
            self.computed |= {f"{plan.label}.{name}" for name in names}
            notes[",".join(sorted(names & plan.told.keys()))].append(str(key))
        for note, texts in notes.items():
            if note:
                there = markers(plan.declaration.model, plan.using).filter(object_id__in=among(texts))
                there.update(computed=note)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What an execution did: how many rows it anonymised, how many it left because they were anonymised before."""

    label: str
    using: str
    anonymised: int
    skipped: int
    operation: uuid.UUID | None = None
    """The id under which it was logged; None if it was not."""

    kept: dict[str, int] = field(default_factory=dict)
    """{label: rows} of the same objects in multi-table models that say ``can_anonymise = False``: left as they are."""

    computed: tuple[str, ...] = ()
    """Labels of columns that hold another value than their rule's: the project's ``save()``, or a trigger, gave it."""


@sensitive
def execute(plan: Plan, *, within: eventlog.Erasure | None = None, marked: int | None = None) -> Result:
    """Anonymise the rows of ``plan``: all of them, or after an exception none.

    ``within`` is an erasure that is under way in the same transaction; it takes the events and logs them.
    ``marked`` is how many of the rows were anonymised before that erasure, where it may have done some by now.
    Raises ``AnonymiseError`` if an anonymiser fails, the database refuses a value, the object of the plan is gone, or
    (``EventLogError``) the log cannot be written.
    """
    erasure = within or eventlog.Erasure(plan.using)
    run = Run(erasure)
    seen = anonymised = 0
    with _restored(plan.instance), _explained(plan), _transaction(plan, savepoint=within is None):
        for claimed in _all_claims(plan, run):
            seen += len(claimed)
            anonymised += _run(plan, claimed, run, {plan.declaration.model})
        if plan.instance is not None and not seen:
            raise AnonymiseError(
                f"{plan.label}: the object is not in the database any more, or row level security hides it."
            )
        if within is None:
            eventlog.record(erasure)
    if marked is not None and not plan.force:
        anonymised = seen - marked
    logged = erasure.id if erasure.count else None
    return Result(
        label=plan.label,
        using=plan.using,
        anonymised=anonymised,
        skipped=seen - anonymised,
        operation=logged,
        kept=dict(run.kept),
        computed=tuple(sorted(run.computed)),
    )


@sensitive
def execute_together(plans: Sequence[Plan]) -> list[Result]:
    """Execute ``plans`` as one erasure: one transaction and one operation on each of their databases.

    For a person's rows in several models. All keys are read first, so that a plan which finds its rows through those
    of another one still finds them. Raises ``AnonymiseError``; then nothing was changed. Several databases cannot
    commit together: if one refuses after another came through, ``PartlyErased`` says what is done.
    """
    pinned = [plan.pinned() for plan in plans]
    erasures = {using: eventlog.Erasure(using) for using in in_order_of_commit(plan.using for plan in pinned)}
    _check_outermost(list(erasures))
    with ExitStack() as transactions:
        blocks = {using: transaction.atomic(using=using) for using in erasures}
        for using in reversed(erasures):
            transactions.enter_context(blocks[using])
        # A multi-table child is anonymised with its parent, and would be counted as done before.
        marked = [plan.marked().count() if plan.has_relatives else None for plan in plans]
        results = [
            execute(plan, within=erasures[plan.using], marked=before)
            for plan, before in zip(pinned, marked, strict=True)
        ]
        for using, erasure in erasures.items():
            eventlog.record(erasure)
            _check_constraints(using)
        transactions.pop_all()
    _commit(blocks, erasures, pinned, results)
    return results


def _check_outermost(aliases: list[str]) -> None:
    """Raise ``AnonymiseError`` where the databases would not commit at the end: nobody could say what is done."""
    around = [using for using in aliases if is_within_transaction(using)]
    if len(aliases) > 1 and around:
        raise AnonymiseError(
            f"An erasure on {' and '.join(aliases)} needs transactions of its own, and there is one open on "
            f"{' and '.join(around)}; nothing was changed. Erase outside of atomic(), and switch ATOMIC_REQUESTS off "
            "for the view with transaction.non_atomic_requests, or erase on each database by itself."
        )


def _check_constraints(using: str) -> None:
    """Have the constraints checked that would be checked at COMMIT, while all can be rolled back."""
    try:
        check_now(using)
    except IntegrityError as error:
        raise AnonymiseError(
            f"A constraint of the database {using!r} refused the erasure ({type(error).__name__}). Nothing was "
            "changed."
        ) from None


def _commit(
    blocks: dict[str, Any], erasures: dict[str, eventlog.Erasure], plans: list[Plan], results: list[Result]
) -> None:
    """Commit the databases one after the other. The first that fails takes those that follow with it."""
    raised: dict[str, BaseException] = {}
    left: list[str] = []
    for using, block in blocks.items():
        if left:
            block.__exit__(RuntimeError, RuntimeError(), None)  # rolls back, and raises nothing
            left.append(using)
            continue
        try:
            block.__exit__(None, None, None)
        except BaseException as error:  # noqa: BLE001  (raised again, below)
            raised[using] = error
            # A callback of the project's that failed after the COMMIT has undone nothing.
            if isinstance(error, DatabaseError) and not eventlog.has_receipt(erasures[using]):
                left.append(using)
    if left and len(left) < len(blocks):
        raise _partly(list(blocks), left, raised[left[0]], plans, results) from None
    if left and isinstance(raised[left[0]], IntegrityError):
        kind = type(raised[left[0]]).__name__
        raise AnonymiseError(f"The database {left[0]!r} refused to commit ({kind}). Nothing was changed.") from None
    for each in raised.values():
        raise each


def _partly(
    aliases: list[str], left: list[str], error: BaseException, plans: list[Plan], results: list[Result]
) -> PartlyErased:
    done = [result for result in results if result.using not in left]
    operations = {result.using: result.operation for result in done}
    listed = " and ".join(
        f"{using!r}" + (f" (operation {operations[using]})" if operations.get(using) else "")
        for using in aliases
        if using not in left
    )
    return PartlyErased(
        f"The erasure is done on {listed}, and not on {' and '.join(map(repr, left))}: {left[0]!r} did not commit "
        f"({type(error).__name__}). Erase the same again to finish it: what is done is not done twice.",
        done=done,
        remaining=[plan for plan in plans if plan.using in left],
    )


@sensitive
def begin_scrub(plan: Plan) -> Scrub | None:
    """Forget which rows of the plan's table were anonymised before, so that all of them are scrubbed.

    Where an earlier run was interrupted, its markers say which rows it has done: then they stay, but for rows that
    were filled again since, and what that run noted is returned.
    """
    with _explained(plan), _transaction(plan):
        scrub, is_new = Scrub.objects.using(plan.using).get_or_create(
            label=plan.label, defaults={"started": timezone.now()}
        )
        if is_new:
            for model in (plan.declaration.model, *plan.descendants):
                markers(model, plan.using).delete()
        else:
            for model in (plan.declaration.model, *plan.descendants):
                _forget_refilled(plan, model)
    return None if is_new else scrub


def _forget_refilled(plan: Plan, model: type[Model]) -> None:
    """Remove the markers of refilled rows of ``model``, and of the rows of its parents through which it is reached."""
    owners = [each for each in (plan.declaration.model, *plan.descendants) if issubclass(model, each)]
    links: list[Any] = [model._meta.pk if each is model else model._meta.get_ancestor_link(each) for each in owners]
    refilled = make_plan(all_rows(model, plan.using)).refilled()
    rows = refilled.values_list("pk", *(link.attname for link in links))
    for page in pages(rows, batch_size(plan.using), key=itemgetter(0)):
        for owner, keys in zip(owners, list(zip(*page, strict=True))[1:], strict=True):
            forget_markers(owner, keys, plan.using)


def end_scrubs(plans: Iterable[Plan]) -> None:
    """Note that the run over ``plans`` has come to its end: the next one begins anew."""
    for plan in plans:
        Scrub.objects.using(plan.using).filter(label=plan.label).delete()


@sensitive
def execute_in_ranges(plan: Plan, size: int | None = None) -> Iterator[int]:
    """Anonymise the unmarked rows of ``plan`` range by range, each in a transaction of its own.

    Yield the number of rows done so far. Each range has ``size`` rows, by default as many as the database likes. Logs
    nothing: for scrubbing a copy.
    """
    done = 0
    run = Run(eventlog.Erasure(plan.using), in_range=True, names=Names(plan.using))
    has_text = key_text(plan.declaration.model) is not None
    if has_text and not plan.sends_signals and not plan.has_relatives and not file_changes(plan.declaration):
        # Nobody needs to know the keys.
        for rows in _ranges(plan, size or (ROWS_PER_RANGE if plan.mode == "set" else batch_size(plan.using))):
            with eventlog.suspended(), _explained(plan), _transaction(plan):
                done += _run_range(plan, rows, run)
            yield done
        return
    plan = replace(plan, force=False)  # the markers say which rows this run, or one it resumes, has done
    claims = _all_claims(plan, run, size)
    while True:
        # The rows are locked as they are read.
        with eventlog.suspended(), _explained(plan), _transaction(plan):
            claimed = next(claims, None)
            if claimed is None:
                return
            done += _run(plan, claimed, run, {plan.declaration.model})
        yield done


def _run_range(plan: Plan, rows: QuerySet[Any], run: Run) -> int:
    """Anonymise and mark ``rows``, of which none has a marker; return their number."""
    with _with_key(plan, run), references_kept(plan, rows):
        changed = _run_sets(plan, rows, run)
    marked = _insert_markers(plan, rows)
    if changed < marked:
        raise unchanged(plan, marked - changed)
    return marked


def _ranges(plan: Plan, size: int) -> Iterator[QuerySet[Any]]:
    """Yield querysets of the unmarked rows of ``plan``, each up to the key that is ``size`` rows further."""
    rows, last = plan.rows(), None
    if markers(plan.declaration.model, plan.using).exists():
        rows = rows.exclude(has_marker(plan.declaration.model, plan.using))
    while True:
        rest = rows if last is None else rows.filter(pk__gt=last)
        last = rest.order_by("pk").values_list("pk", flat=True)[size - 1 : size].first()
        yield rest if last is None else rest.filter(pk__lte=last)
        if last is None:
            return


@sensitive
def delete(rows: Sequence[Model], using: str) -> None:
    """Delete ``rows``, of one model, together as Django does, with cascades and signals: for a replay.

    The rows of their multi-table parents stay: if these went too, they have an event of their own. Raises
    ``AnonymiseError`` if the database lets one of them be.
    """
    keys = [row.pk for row in rows]  # Django takes them off
    origin = all_rows(type(rows[0]), using).filter(pk__in=keys)
    collector = Collector(using=using, origin=origin)
    collector.collect(rows, keep_parents=True)
    collector.delete()
    check_deleted(type(rows[0]), keys, using)


def forget_markers(model: type[Model], keys: Iterable[Any], using: str) -> None:
    """Remove the markers of deleted rows: a new row with a reused key must not be born anonymised."""
    for texts in chunks(map(str, keys), batch_size(using)):
        markers(model, using).filter(object_id__in=among(texts)).delete()


def _all_claims(plan: Plan, run: Run, size: int | None = None) -> Iterator[list[Claimed]]:
    """Yield the claims of ``plan``. Raises ``AnonymiseError`` in the end if the database hides rows from them.

    Where it may, all keys are read first, without a lock: afterwards the rows may not match the queryset any more.
    """
    may_miss = plan.instance is None and may_hide(plan.using) and run.interference(plan).hides
    plan = plan.pinned() if may_miss else plan
    seen = 0
    for claimed in _claims(plan, size):
        seen += len(claimed)
        yield claimed
    if may_miss:
        check_seen(plan, seen)


def _claims(plan: Plan, size: int | None = None) -> Iterator[list[Claimed]]:
    """Lock the rows of ``plan`` in batches, so that none is deleted before its marker is in; yield what is there."""
    size = min(size or LARGEST_BATCH, batch_size(plan.using))
    has_text = key_text(plan.declaration.model) is not None
    with_marks = _with_marks if has_text else _with_keys
    if plan.reads_keys_first or plan.keys is not None:
        rows = with_marks(plan, all_rows(plan.declaration.model, plan.using))
        found: Iterable[list[Any]] = (
            list(rows.filter(pk__in=keys).order_by("pk")) for keys in chunks(plan.pinned().keys or (), size)
        )
    else:
        rows = plan.rows()
        if plan.sends_signals and (last := rows.order_by("pk").last()):
            rows = rows.filter(pk__lte=last.pk)  # a receiver may create others, without end
        found = pages(with_marks(plan, rows), size, key=itemgetter(0))
    for page in found:
        yield page if has_text else _marks_found(plan, [key for (key,) in page])


def _with_marks(plan: Plan, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return ``rows``, locked, as (primary key, whether it carries a marker)."""
    is_marked = ExpressionWrapper(has_marker(plan.declaration.model, plan.using), output_field=BooleanField())
    return _locked(rows, plan.using).values_list("pk", is_marked)


def _with_keys(plan: Plan, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return ``rows``, locked, as (primary key,), where SQL cannot tell which marker is theirs."""
    return _locked(rows, plan.using).values_list("pk")


def _marks_found(plan: Plan, keys: list[Any]) -> list[Claimed]:
    texts = marked_texts(plan.declaration.model, keys, plan.using)
    return [(key, str(key) in texts) for key in keys]


def _locked(rows: QuerySet[Any], using: str) -> QuerySet[Any]:
    features = connections[using].features
    # PostgreSQL takes no name with a schema (db_table = 's"."t') after OF.
    has_schema = any('"' in each._meta.db_table for each in (rows.model, *rows.model._meta.get_parent_list()))
    if features.has_select_for_update_of and not has_schema:
        return rows.select_for_update(of=("self",))
    return rows.select_for_update() if features.has_select_for_update else rows


def _run(plan: Plan, claimed: list[Claimed], run: Run, seen: set[type[Model]]) -> int:
    """Anonymise those rows that were not before, with ``force`` all; return their number.

    One object is all its tables: what multi-table parents and children declare of these rows is anonymised too, from
    the top down. ``seen`` are the models of the object that are under way or done.
    """
    _run_parents(plan, [key for key, _ in claimed], run, seen)
    keys = [key for key, is_marked in claimed if plan.force or not is_marked]
    if keys:
        _run_own(plan, keys, run)
    _run_children(plan, [key for key, _ in claimed], run, seen)
    return len(keys)


def _with_key(plan: Plan, run: Run) -> AbstractContextManager[None]:
    """Have the key of the database there, and known within the block, where new values take it."""
    if not plan.declaration.is_keyed:
        return nullcontext()
    return known_key(bytes(run.erasure.database.key))


def _run_own(plan: Plan, keys: list[Any], run: Run) -> None:
    """Anonymise what the plan's own model declares of the rows with these keys.

    Their files are deleted after the COMMIT, since a file does not roll back; those of a range of a scrub before it:
    if that is interrupted, the next run finds a row whose file is gone, but nobody finds a file that no row names.
    """
    rows = all_rows(plan.declaration.model, plan.using).filter(pk__in=keys)
    _mark(plan, keys, rows)
    files = named_files(plan, rows)
    with _with_key(plan, run), references_kept(plan, rows):
        if plan.mode == "rows":
            _run_rows(plan, keys, run)
        else:
            check_changed(plan, rows, _run_sets(plan, rows, run), len(keys))
    if files and run.in_range:
        if failed := delete_files(files, plan.using, run.names):
            raise AnonymiseError(
                f"{plan.label}: a stored file of {', '.join(failed)} could not be deleted. Nothing was changed. The "
                "log of the site has the error. Give the copy files, or a storage (STORAGES), of its own that it may "
                "delete from."
            )
    elif files:
        transaction.on_commit(lambda: delete_files(files, plan.using), using=plan.using, robust=True)
    if settings.GDPR_LOG_ON_ANONYMISE:
        run.erasure.add(EventLog.EVENT_ANONYMISE, plan.declaration.model, keys)


def _run_parents(plan: Plan, keys: list[Any], run: Run, seen: set[type[Model]]) -> None:
    """Anonymise what multi-table parents hold of these objects: a gift order is an order too."""
    parents = registry.parents(plan.declaration.model)
    for parent, link in parents:
        if parent not in seen:
            rows = all_rows(parent, plan.using).filter(pk__in=_linked(plan, link, keys))
            _run_part(plan, rows, run, seen)
    if parents and plan.instance is not None:
        _read_inherited(plan, plan.instance)


def _linked(plan: Plan, link: Any, keys: list[Any]) -> list[Any]:
    """Return the keys of a parent's rows: those of the child, unless it is a second parent."""
    if link.primary_key:
        return keys
    rows = all_rows(plan.declaration.model, plan.using).filter(pk__in=keys)
    return list(rows.values_list(link.attname, flat=True))


def _read_inherited(plan: Plan, instance: Model) -> None:
    """Give the object in memory what its parents' tables hold by now."""
    names = [each.attname for each in instance._meta.concrete_fields if each.model is not plan.declaration.model]
    names = [name for name in names if name in instance.__dict__]
    found = all_rows(plan.declaration.model, plan.using).filter(pk=instance.pk).values(*names).first() or {}
    for name, value in found.items():
        setattr(instance, name, value)


def _run_children(plan: Plan, keys: list[Any], run: Run, seen: set[type[Model]]) -> None:
    """Anonymise what multi-table children add to these rows: an order that is a gift order is one object."""
    for child, link in registry.children(plan.declaration.model):
        if child not in seen:
            _run_part(plan, all_rows(child, plan.using).filter(**{f"{link.name}__in": keys}), run, seen)


def _run_part(whole: Plan, rows: QuerySet[Any], run: Run, seen: set[type[Model]]) -> None:
    """Anonymise ``rows``, which are a part of the objects of ``whole`` in another table."""
    seen.add(rows.model)
    if not registry.declaration(rows.model).meta.can_anonymise:
        if count := rows.count():
            run.kept[rows.model._meta.label] += count
        return
    part = make_plan(rows, force=whole.force)
    for claimed in _all_claims(part, run):
        _run(part, claimed, run, seen)


def _mark(plan: Plan, keys: list[Any], rows: QuerySet[Any]) -> None:
    """Write the markers of ``rows``, which have these keys.

    Before anything else, so that receivers which anonymise each other's rows come to an end.
    """
    if any(len(str(key)) > LONGEST_KEY for key in keys):
        raise AnonymiseError(
            f"{plan.label}: a primary key of over {LONGEST_KEY} characters cannot be marked as anonymised."
        )
    _insert_markers(plan, rows)


def _insert_markers(plan: Plan, rows: QuerySet[Any]) -> int:
    """Write the markers that are not there yet; return their number."""
    model = plan.declaration.model
    kind, text = content_type(model, plan.using), key_text(model)
    if text is None:  # the databases write this type in ways of their own
        found = [PrivacyAnonymised(content_type=kind, object_id=str(key)) for key in rows.values_list("pk", flat=True)]
        PrivacyAnonymised.objects.using(plan.using).bulk_create(found, ignore_conflicts=True)
        return len(found)
    fields: list[Any] = [PrivacyAnonymised._meta.get_field(name) for name in ("content_type", "object_id")]
    values = rows.order_by().values_list(Value(kind.pk, output_field=IntegerField()), text)
    with connections[plan.using].cursor() as cursor:
        return insert_select(fields, values, plan.using).run(cursor)


def _run_sets(plan: Plan, rows: QuerySet[Any], run: Run) -> int:
    """Anonymise ``rows`` without saving each; return how many of them were changed in each table that has a part.

    Where the database may have a say in what is written, no count tells: what it holds afterwards does.
    """
    before = as_they_are(rows) if run.interference(plan).changes else None
    counts = [_run_in_python(plan, rows, run)] if plan.mode == "mixed" else []
    if not plan.sends_signals:
        # Of a multi-table model, update() returns the number of one table only.
        counts += [rows.update(**columns) for columns in _columns(plan)]
    if before is not None:
        run.note(plan, {} if plan.sends_signals else check_in_sql(plan, rows, before))
        return len(before)
    return min(counts) if counts else rows.count()


def _columns(plan: Plan) -> Iterable[dict[str, Any]]:
    """Return what the database itself can put into the columns, for each table that has some."""
    tables: dict[type[Model], dict[str, Any]] = defaultdict(dict)
    for change in plan.declaration.changes:
        if change.replacement is not None and change.replacement.expression is not None:
            tables[change.field.model][change.field.name] = change.replacement.expression()
    return tables.values()


def _run_in_python(plan: Plan, rows: QuerySet[Any], run: Run) -> int:
    """Write what only Python can compute; where somebody listens to the signals, all columns, so that he sees them.

    Return the number of rows.
    """
    is_watched = run.interference(plan).changes
    changes = [each for each in plan.declaration.changes if plan.sends_signals or not each.in_sql]
    instances = list(_locked(rows, plan.using).order_by("pk"))
    changed: dict[frozenset[str], list[Model]] = defaultdict(list)
    kept: dict[Any, Intended] = {}
    for instance in instances:
        before = held(plan, instance)
        if plan.sends_signals:
            _send(pre_anonymise, "pre_anonymise", plan, instance)
        changed[apply(plan, instance, changes, before)].append(instance)
        if is_watched:
            kept[instance.pk] = intended(instance, before, columns(plan))
    missed = sum(len(alike) - _write_back(plan, sorted(names), alike, run) for names, alike in changed.items())
    if is_watched:
        run.note(plan, check_stored(plan, kept)[1])
    else:
        check_changed(plan, rows, len(instances) - missed, len(instances))
    if plan.sends_signals:
        for instance in instances:
            _send(post_anonymise, "post_anonymise", plan, instance)
    return len(instances)


def _send(signal: Signal, name: str, plan: Plan, instance: Model) -> None:
    with explained_call(f"{plan.label}: a receiver of {name}"):
        signal.send(sender=plan.model, instance=instance, using=plan.using)


def _write_back(plan: Plan, names: list[str], instances: list[Model], run: Run) -> int:
    """Write these columns of the instances, each table of a multi-table model by itself.

    Return how many of them were changed in each of the tables.
    """
    connection = connections[plan.using]
    tables: dict[type[Model], list[Any]] = defaultdict(list)
    for name in names:
        field = plan.declaration.model._meta.get_field(name)
        tables[field.model].append(field)
    counts = [len(instances)]
    for model, fields in tables.items():
        key: Any = model._meta.pk
        keys = [key.get_db_prep_save(getattr(each, key.attname), connection) for each in instances]
        # As save() does: a new file is stored, and an auto_now column takes the time.
        columns = [
            [prepared(plan, field, field.pre_save(each, False), connection) for each in instances] for field in fields
        ]
        kinds = {kind for column in columns for kind in set(map(type, column))}
        has_expressions = any(hasattr(kind, "resolve_expression") for kind in kinds)
        rows = list(zip(keys, *columns, strict=True))
        types = run.interference(plan).types.get(model._meta.db_table)
        statements = None if has_expressions else write_back(model, fields, rows, plan.using, types)
        if statements is None:
            bulk = all_rows(plan.declaration.model, plan.using)
            counts.append(bulk.bulk_update(instances, [field.name for field in fields], batch_size=ROWS_PER_CASE))
            continue
        with connection.cursor() as cursor:
            counts.append(sum(statement.run(cursor) for statement in statements))
    return min(counts)


def _run_rows(plan: Plan, keys: list[Any], run: Run) -> None:
    if plan.instance is not None:
        instances: Iterable[Model] = [plan.instance]
    else:
        instances = all_rows(plan.model, plan.using).filter(pk__in=keys).order_by("pk")
    stored, computed = check_stored(plan, {instance.pk: _run_row(plan, instance) for instance in instances})
    run.note(plan, computed)
    if plan.instance is not None:
        # What save(), or the database, has computed instead of what was planned
        for name, value in stored.get(plan.instance.pk, {}).items():
            if plan.instance.__dict__.get(name) != value:
                setattr(plan.instance, name, value)


def _run_row(plan: Plan, instance: Model) -> Intended:
    """Anonymise one row with its signals; return what it held, and what it is to hold."""
    before = held(plan, instance)
    _send(pre_anonymise, "pre_anonymise", plan, instance)
    names = apply(plan, instance, plan.declaration.changes, before)
    written = {each.attname for each in instance._meta.concrete_fields if each.name in names}
    planned = intended(instance, before, written.union(columns(plan)))
    if names:
        rest = _save(plan, instance, names, before)
        computed = frozenset(name for name, value in planned.planned.items() if instance.__dict__.get(name) != value)
        planned = replace(planned | intended(instance, before, rest), computed=computed)
    _send(post_anonymise, "post_anonymise", plan, instance)
    return planned


def _save(plan: Plan, instance: Model, names: frozenset[str], before: dict[str, Any]) -> list[str]:
    """Save these columns, and those that the project's save() has computed from them: a slug holds the name too.

    Return the attnames of the latter.
    """
    with explained_call(f"{plan.label}: {type(instance).__name__}.save(), or a receiver of its signals,"):
        try:
            instance.save(using=plan.using, update_fields=names)
        except DatabaseError as error:
            if error.__cause__ is not None or isinstance(error, IntegrityError):
                raise
            raise unchanged(plan, 1) from None  # of Django itself: no row was affected
    rest = [field for field in changed_fields(instance, before) if field.name not in names and not field.primary_key]
    if rest:
        rows = all_rows(plan.declaration.model, plan.using).filter(pk=instance.pk)
        rows.update(**{field.name: getattr(instance, field.attname) for field in rest})
    return [field.attname for field in rest]


def _transaction(plan: Plan, savepoint: bool = True) -> transaction.Atomic:
    return transaction.atomic(using=plan.using, savepoint=savepoint)


@contextmanager
def _explained(plan: Plan) -> Iterator[None]:
    """Turn a database's refusal of a value, whose text holds the value, into an error that names the model."""
    try:
        with explained(plan.using):
            yield
    except (ProtectedError, RestrictedError):
        raise  # of a deletion by a receiver: no value in it
    except DatabaseError as error:
        using = raised_by(error) or plan.using
        if reason := cause(error, using):
            text = (
                f"{plan.label}: the database {using!r} does not let its rows be changed ({type(error).__name__}): "
                f"{reason}. Nothing was changed."
            )
            if reason in FOR_NOW:
                # Of the same class and code, by which a caller may know it and try again
                again = type(error)(*error.args[:-1], text).with_traceback(error.__traceback__)
                raise again from error.__cause__
            raise AnonymiseError(text) from None
        if not refuses_value(error, plan.using):
            raise
        raise AnonymiseError(
            f"{plan.label}: the database refused the new value ({type(error).__name__}) of one of "
            f"{_suspects(plan, error)}. Nothing was changed. Look at the constraints of these columns, and write an "
            "anonymiser for the one that cannot take its rule's value."
        ) from None


def _suspects(plan: Plan, error: Exception) -> str:
    """Name the columns, and those among them that can have clashed, where the error may be that of a clash."""
    fields = ", ".join(plan.fields)
    if not isinstance(error, IntegrityError):
        return fields
    unique = [change.field.name for change in plan.declaration.changes if is_unique(change.field)]
    keys = [field_label(key) for key in plan.declaration.references]
    reasons = {"unique": unique, "pointed at by": keys}
    listed = "; ".join(f"{reason}: {', '.join(names)}" for reason, names in reasons.items() if names)
    return f"{fields} ({listed})" if listed else fields


@contextmanager
def _restored(instance: Model | None) -> Iterator[None]:
    """Give the object in memory its values back if the block fails: its row was rolled back."""
    if instance is None:
        yield
        return
    values, related = dict(instance.__dict__), dict(instance._state.fields_cache)
    try:
        yield
    except BaseException:
        instance.__dict__.clear()
        instance.__dict__.update(values)
        instance._state.fields_cache = related
        raise
