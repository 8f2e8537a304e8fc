"""The works that are timed in pairs, by gdpr_assist and by hand, in turn and on freshly filled tables."""

from __future__ import annotations

import gc
import hashlib
import io
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

from django.core.management import call_command
from django.db import connection, connections
from django.db.models.signals import post_save

from . import by_hand, counting, residue, seeding
from .figures import Figure
from .models import ALIKE, Member, Past, Person

Work = Callable[[], Any]

FEW = 20

# {what both ways must leave alike: (alias, query)}
PEOPLE = {"people": ("default", "SELECT * FROM benchmarks_person ORDER BY id")}
MEMBERS = {"members": ("default", "SELECT * FROM benchmarks_member ORDER BY id")}
CITIZEN = {
    "citizens": ("default", "SELECT * FROM benchmarks_citizen ORDER BY id"),
    "entries": ("default", "SELECT * FROM benchmarks_entry ORDER BY id"),
}
HISTORY = {
    "citizens": ("default", "SELECT * FROM benchmarks_citizen ORDER BY id"),
    "history": ("default", "SELECT * FROM benchmarks_past ORDER BY id"),
}
MARKERS = {
    "markers": (
        "default",
        "SELECT content_type_id, object_id FROM gdpr_assist_privacyanonymised ORDER BY object_id, content_type_id",
    )
}
SEVERAL = {each.__name__: ("default", f"SELECT * FROM {each._meta.db_table} ORDER BY id") for each in ALIKE} | MARKERS
RECEIPTS = {"receipts": ("default", "SELECT operation FROM gdpr_assist_receipt ORDER BY operation")}
# An operation gets a new id each time.
LOG = {
    "number of receipts": ("default", "SELECT COUNT(*) FROM gdpr_assist_receipt"),
    "events": (
        "gdpr_log",
        "SELECT event, app_label, model_name, target_pk FROM gdpr_assist_eventlog ORDER BY target_pk, model_name",
    ),
    "outcomes": ("gdpr_log", "SELECT committed FROM gdpr_assist_outcome"),
    "operations": ("gdpr_log", "SELECT COUNT(DISTINCT operation_id) FROM gdpr_assist_eventlog"),
}


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The same work in two ways, which must leave the same."""

    title: str
    prepare: Callable[[int], None]
    ours: Work
    by_hand: Work
    leaves: dict[str, tuple[str, str]]
    bar: float | None = None
    share: float = 1
    """How many rows of the N that the run was asked for."""

    def rows(self, n: int) -> int:
        return max(int(n * self.share), FEW)


def measure(name: str, pair: Pair, rows: int, times: int) -> Figure:
    """Time both ways ``times`` times in turn. The figure is the median of the ratios.

    Raises ``RuntimeError`` if they do not leave the same.
    """
    ours, beside = [], []
    warm_up(pair)
    for turn in range(times):
        pair.prepare(rows)
        ours.append(seconds(pair.ours))
        left = state(pair.leaves) if turn == 0 else None
        pair.prepare(rows)
        beside.append(seconds(pair.by_hand))
        if left is not None:
            compare(name, left, state(pair.leaves))
    ratios = [one / other for one, other in zip(ours, beside, strict=True)]
    return Figure(
        work=name,
        title=pair.title,
        rows=rows,
        ours=statistics.median(ours),
        beside=statistics.median(beside),
        measured_in="s",
        figure=statistics.median(ratios),
        unit="x",
        bar=pair.bar,
        note=f"ratios: {', '.join(f'{ratio:.2f}' for ratio in ratios)}",
    )


def warm_up(pair: Pair) -> None:
    """Do both ways once with a few rows: what is imported and cached once for a process is not timed."""
    for work in (pair.ours, pair.by_hand):
        pair.prepare(FEW)
        work()


def seconds(work: Work) -> float:
    gc.collect()
    start = perf_counter()
    work()
    return perf_counter() - start


def state(leaves: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Return a digest of each thing that a work leaves."""
    found = {}
    for what, (using, sql) in leaves.items():
        digest = hashlib.sha256()
        with connections[using].cursor() as cursor:
            cursor.execute(sql)
            while rows := cursor.fetchmany(1000):
                digest.update(repr(rows).encode())
        found[what] = digest.hexdigest()
    return found


def compare(name: str, ours: dict[str, str], beside: dict[str, str]) -> None:
    """Raise ``RuntimeError`` if not all of ``ours`` is alike in ``beside``."""
    if different := [what for what in ours if ours[what] != beside[what]]:
        raise RuntimeError(f"{name}: the two ways left different {', '.join(different)}.")


# -- the works ---


def fill(model: Any, rows: int) -> None:
    seeding.fill(model, rows)
    seeding.empty_log()


def fill_several(rows: int) -> None:
    seeding.several(rows)
    seeding.empty_log()


def fill_citizen(rows: int) -> None:
    seeding.citizen(entries=rows)
    seeding.empty_log()


def fill_history(rows: int) -> None:
    seeding.citizen(past=rows)
    seeding.empty_log()


def fill_for_replay(rows: int, *, per_operation: int | None = None) -> None:
    """Half of the rows are there; of these, half were deleted and half anonymised."""
    seeding.fill(Person, rows, "id % 4 < 2")
    seeding.log(Person, rows, per_operation or rows)


def anonymise_db(*, compact: bool = False, **options: Any) -> None:
    # The reminder that nothing was compacted goes to stderr.
    streams = {"stdout": io.StringIO(), "stderr": io.StringIO()}
    call_command("anonymise_db", interactive=False, compact=compact, **options, **streams)


def anonymise_several(**options: Any) -> None:
    anonymise_db(model=[model._meta.label for model in ALIKE], **options)


def anonymise_found() -> None:
    Person.objects.filter(joined__lt=seeding.JOINED_BEFORE).anonymise()


def rerun() -> None:
    call_command("gdpr_rerun", stdout=io.StringIO())


def hear(sender: Any, **kwargs: Any) -> None:
    """A receiver that does nothing: the cost is that of telling it."""


@contextmanager
def watched() -> Iterator[None]:
    post_save.connect(hear, sender=Person)
    try:
        yield
    finally:
        post_save.disconnect(hear, sender=Person)


@watched()
def anonymise_watched() -> None:
    anonymise_found()


@watched()
def save_watched() -> None:
    by_hand.save_each()


PAIRS = {
    "workers": Pair(
        title="anonymise_db --workers 2, beside one process",
        bar=1 / 1.6,
        prepare=fill_several,
        ours=partial(anonymise_several, workers=2),
        by_hand=anonymise_several,
        leaves=SEVERAL,
    ),
    "workers_ranges": Pair(
        title="anonymise_db --workers 2, range by range, beside one process",
        prepare=fill_several,
        ours=partial(anonymise_several, workers=2, batch_size=20_000),
        by_hand=partial(anonymise_several, batch_size=20_000),
        leaves=SEVERAL,
    ),
    "anonymise_db": Pair(
        title="anonymise_db, built-in rules",
        bar=1.2,
        prepare=partial(fill, Person),
        ours=anonymise_db,
        by_hand=partial(by_hand.scrub, Person),
        leaves=PEOPLE | MARKERS,
    ),
    "ranges": Pair(
        title="anonymise_db, in ranges of 20,000 rows",
        bar={"postgresql": 1.2}.get(connection.vendor),
        prepare=partial(fill, Person),
        ours=partial(anonymise_db, batch_size=20_000),
        by_hand=partial(by_hand.scrub, Person),
        leaves=PEOPLE | MARKERS,
    ),
    "compacted": Pair(
        title="anonymise_db, with nothing left in the files",
        bar={"sqlite": 1.1, "postgresql": 0.5, "mysql": 1.0}[connection.vendor],
        prepare=partial(fill, Person),
        ours=partial(anonymise_db, compact=True),
        by_hand=partial(by_hand.scrub_and_compact, Person),
        leaves=PEOPLE | MARKERS,
    ),
    "no_marks": Pair(
        title="anonymise_db --no-marks, range by range",
        bar=1.05,
        prepare=partial(fill, Person),
        # Else PostgreSQL writes the table anew.
        ours=partial(anonymise_db, batch_size={"postgresql": 20_000}.get(connection.vendor), marks=False),
        by_hand=partial(by_hand.update, Person),
        leaves=PEOPLE,
    ),
    "queryset": Pair(
        title="queryset.anonymise(), logged",
        bar=3,
        prepare=partial(fill, Person),
        ours=anonymise_found,
        by_hand=by_hand.erase,
        leaves=PEOPLE | MARKERS | LOG,
    ),
    "mixed": Pair(
        title="anonymise_db, one anonymiser in Python",
        bar=8,
        prepare=partial(fill, Member),
        ours=anonymise_db,
        by_hand=partial(by_hand.scrub, Member),
        leaves=MEMBERS | MARKERS,
    ),
    "rows": Pair(
        title="queryset.anonymise(), a receiver of post_save",
        bar=1.3,
        share=1 / 20,
        prepare=partial(fill, Person),
        ours=anonymise_watched,
        by_hand=save_watched,
        leaves=PEOPLE,
    ),
    "person": Pair(
        title="erasing a person, with all these rows",
        bar=3,
        share=5,
        prepare=fill_citizen,
        ours=counting.erase_citizen,
        by_hand=by_hand.erase_citizen,
        leaves=CITIZEN | MARKERS | LOG,
    ),
    "history": Pair(
        title="erasing a person, with a history of so many rows",
        bar=3,
        share=5,
        prepare=fill_history,
        ours=counting.erase_citizen,
        by_hand=partial(by_hand.erase_citizen, Past),
        leaves=HISTORY | MARKERS | LOG,
    ),
    "residue": Pair(
        title="gdpr_residue, 7 values in all tables",
        bar=1.2,
        prepare=partial(fill, Person),
        ours=residue.search,
        by_hand=residue.by_hand,
        leaves=PEOPLE,
    ),
    "replay": Pair(
        title="gdpr_rerun, an operation for each event",
        bar=4,
        share=1 / 2,
        prepare=partial(fill_for_replay, per_operation=1),
        ours=rerun,
        by_hand=partial(by_hand.replay, in_one_transaction=False),
        leaves=PEOPLE | MARKERS | RECEIPTS,
    ),
    "replay_one": Pair(
        title="gdpr_rerun, all events in one operation",
        bar=4,
        share=1 / 2,
        prepare=fill_for_replay,
        ours=rerun,
        by_hand=partial(by_hand.replay, in_one_transaction=True),
        leaves=PEOPLE | MARKERS | RECEIPTS,
    ),
}
