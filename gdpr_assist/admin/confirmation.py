"""From plans to the page that asks before they are executed, and to the words that say it was done; writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps
from django.contrib import messages
from django.contrib.admin.utils import model_ngettext
from django.db.models import Model
from django.db.models.options import Options
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..loading import at_first_call
from .selection import SelectionError

if TYPE_CHECKING:
    from ..execution.execute import Result
    from ..paths import person_of
    from ..planning.plans import Plan
    from ..planning.preview import Preview, preview
    from ..planning.superusers import is_among, staff_among, takes_last_superuser
    from .naming import name_of
    from .samples import Sample, samples
else:
    is_among = at_first_call("gdpr_assist.planning.superusers.is_among")
    person_of = at_first_call("gdpr_assist.paths.person_of")
    name_of = at_first_call("gdpr_assist.admin.naming.name_of")
    samples = at_first_call("gdpr_assist.admin.samples.samples")
    preview = at_first_call("gdpr_assist.planning.preview.preview")
    staff_among = at_first_call("gdpr_assist.planning.superusers.staff_among")
    takes_last_superuser = at_first_call("gdpr_assist.planning.superusers.takes_last_superuser")

TEMPLATE = "anonymise_confirmation.html"

# Of each model, on the page that asks
MOST_NAMES = 20
MOST_SAMPLES = 3

# Of more rows than this, and of more than one person, the number is typed.
MOST_UNTYPED = 100


class PlannedModel(NamedTuple):
    """The preview of a plan, in the words of the page."""

    preview: Preview

    first: list[Model]
    """The first of the rows."""

    @property
    def name(self) -> str:
        return model_ngettext(self.preview.plan.model._meta, self.preview.rows)

    @property
    def names(self) -> list[str]:
        """The text of the first rows."""
        return [name_of(row) for row in self.first]

    @property
    def others(self) -> int:
        """How many rows have no name here."""
        return self.preview.rows - len(self.first)

    @property
    def samples(self) -> list[Sample]:
        """What becomes of the first rows, field by field."""
        return samples(self.preview.plan, self.first[:MOST_SAMPLES])

    @property
    def fields(self) -> str:
        return ", ".join(str(change.field.verbose_name) for change in self.preview.plan.changes)


def templates(opts: Options[Any]) -> list[str]:
    """Return the names under which a project may put a page of its own, most specific first."""
    return [
        f"admin/{opts.app_label}/{opts.model_name}/{TEMPLATE}",
        f"admin/{opts.app_label}/{TEMPLATE}",
        f"admin/gdpr_assist/{TEMPLATE}",
    ]


def context(request: HttpRequest, plans: Iterable[Plan]) -> dict[str, Any]:
    """Return what the page says about ``plans``."""
    plans = list(plans)
    previews = [preview(plan) for plan in plans]
    kept: Counter[str] = Counter()
    for each in previews:
        kept.update(each.kept)
    return {
        "title": _("Anonymise data"),
        "subtitle": None,
        "planned": [
            PlannedModel(preview=each, first=list(each.plan.rows().order_by("pk")[:MOST_NAMES])) for each in previews
        ],
        "rows": sum(each.rows for each in previews),
        "unmarked": sum(each.unmarked for each in previews),
        "marked": sum(each.marked for each in previews),
        "refilled": sum(each.refilled for each in previews),
        "parts_kept": left_for_good(kept),
        "last_superuser": any(map(takes_last_superuser, plans)),
        "is_herself": _is_herself(request, plans),
        "staff": _staff(plans),
        "asks_for_number": asks_for_number(_rows(plans), _people(plans)),
        "are_people": any(person_of(each.plan.declaration.model) for each in previews),
    }


def is_confirmed(request: HttpRequest) -> bool:
    return "confirmed" in request.POST


def is_forced(request: HttpRequest) -> bool:
    return "force" in request.POST


def check_superuser(request: HttpRequest, *, goes: bool) -> None:
    """Raise ``SelectionError`` if the last active superuser ``goes``, and the box that says so is not ticked."""
    if goes and "last_superuser" not in request.POST:
        raise SelectionError(
            _(
                "Nothing was changed. The last active superuser is among these rows, and nobody would be left who may "
                "do everything. If that is meant, tick the box that says so."
            )
        )


def check_accounts(request: HttpRequest, *, herself: bool, staff: int) -> None:
    """Raise ``SelectionError`` if the user's own account goes, or one of the staff, and that box is not ticked."""
    if (herself or staff) and "accounts" not in request.POST:
        raise SelectionError(
            _(
                "Nothing was changed. Your own account, or that of somebody who may log in here, is among these rows. "
                "If that is meant, tick the box that says so."
            )
        )


def asks_for_number(rows: int, people: int = 1) -> bool:
    """Return whether the number of rows is to be typed: of so many nobody has looked at each."""
    return rows > MOST_UNTYPED or people > 1


def check_number(request: HttpRequest, *, rows: int, people: int = 1) -> None:
    """Raise ``SelectionError`` if the number of rows is to be typed, and another or none was."""
    typed = "".join(filter(str.isdecimal, request.POST.get("number", "")))  # "1,000" is one, too
    if asks_for_number(rows, people) and typed != str(rows):
        raise SelectionError(
            _("Nothing was changed. Type the number of rows, %(rows)s, into the box that asks for it.")
            % {"rows": rows}
        )


def check_plans(request: HttpRequest, plans: Iterable[Plan]) -> None:
    """Raise ``SelectionError`` unless all was ticked and typed that the page asks for of what ``plans`` take."""
    plans = list(plans)
    check_superuser(request, goes=any(map(takes_last_superuser, plans)))
    check_accounts(request, herself=_is_herself(request, plans), staff=_staff(plans))
    check_number(request, rows=_rows(plans), people=_people(plans))


def _is_herself(request: HttpRequest, plans: list[Plan]) -> bool:
    return any(is_among(request.user.pk, plan.rows()) for plan in plans)


def _staff(plans: list[Plan]) -> int:
    """Return how many accounts of the staff go; none where the last superuser does: one box is enough."""
    return 0 if any(map(takes_last_superuser, plans)) else sum(staff_among(plan.rows()) for plan in plans)


def _rows(plans: list[Plan]) -> int:
    return sum(plan.count() for plan in plans)


def _people(plans: list[Plan]) -> int:
    return sum(plan.count() for plan in plans if person_of(plan.declaration.model))


def outcome(plans: Sequence[Plan], results: Sequence[Result]) -> str:
    """Return what was done, in numbers and without a value: messages may be kept in a cookie."""
    anonymised = {plan.model: result.anonymised for plan, result in zip(plans, results, strict=True)}
    left = {plan.model: result.skipped for plan, result in zip(plans, results, strict=True)}
    sentences = [_done(sum(anonymised.values()), _listed(anonymised))]
    if any(left.values()):
        sentences.append(_left(sum(left.values()), _listed(left)))
    kept: Counter[str] = Counter()
    for result in results:
        kept.update(result.kept)
    if kept:
        sentences.append(left_for_good(kept))
    operations = dict.fromkeys(result.operation for result in results if result.operation)
    sentences += [_("Operation %(id)s.") % {"id": operation} for operation in operations]
    return " ".join(sentences)


def level(results: Sequence[Result]) -> int:
    """Return the level of the message that says it."""
    return messages.SUCCESS if any(result.anonymised for result in results) else messages.WARNING


def _done(count: int, rows: str) -> str:
    if not count:
        return _("Nothing was anonymised.")
    text = ngettext("%(count)s row was anonymised: %(rows)s.", "%(count)s rows were anonymised: %(rows)s.", count)
    return text % {"count": count, "rows": rows}


def _left(count: int, rows: str) -> str:
    text = ngettext(
        "%(count)s row was left as it is, because it was anonymised before: %(rows)s.",
        "%(count)s rows were left as they are, because they were anonymised before: %(rows)s.",
        count,
    )
    return text % {"count": count, "rows": rows}


def left_for_good(kept: Mapping[str, int]) -> str:
    """Return what is reached and left as it is, {label of the model: rows}; empty if that is nothing."""
    count = sum(kept.values())
    text = ngettext(
        "%(count)s row is left as it is, because its model says so (can_anonymise = False): %(rows)s.",
        "%(count)s rows are left as they are, because their models say so (can_anonymise = False): %(rows)s.",
        count,
    )
    rows = _listed({apps.get_model(label): number for label, number in kept.items()})
    return text % {"count": count, "rows": rows} if count else ""


def _listed(counts: dict[type[Model], int]) -> str:
    return ", ".join(counted(model, count) for model, count in counts.items() if count)


def counted(model: type[Model], count: int) -> str:
    """Return a number of rows in words: "2 orders"."""
    return f"{count} {model_ngettext(model._meta, count)}"
