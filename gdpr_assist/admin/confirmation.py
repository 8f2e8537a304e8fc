"""From plans to the page that asks before they are executed, and to the words that say it was done; writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.db.models import Model
from django.db.models.options import Options
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..loading import at_first_call
from . import operations
from .selection import SelectionError

if TYPE_CHECKING:
    from ..execution.execute import Result
    from ..paths import person_of
    from ..planning.plans import Plan, all_pinned
    from ..planning.preview import preview
    from ..planning.superusers import is_among, staff_among, takes_last_superuser
    from .before import last, url_of
    from .naming import counted
    from .over import afterwards, done
    from .planned import planned
    from .shown import check_shown, counts_of, stamp_of
else:
    afterwards = at_first_call("gdpr_assist.admin.over.afterwards")
    all_pinned = at_first_call("gdpr_assist.planning.plans.all_pinned")
    check_shown = at_first_call("gdpr_assist.admin.shown.check_shown")
    counted = at_first_call("gdpr_assist.admin.naming.counted")
    counts_of = at_first_call("gdpr_assist.admin.shown.counts_of")
    done = at_first_call("gdpr_assist.admin.over.done")
    is_among = at_first_call("gdpr_assist.planning.superusers.is_among")
    last = at_first_call("gdpr_assist.admin.before.last")
    person_of = at_first_call("gdpr_assist.paths.person_of")
    planned = at_first_call("gdpr_assist.admin.planned.planned")
    preview = at_first_call("gdpr_assist.planning.preview.preview")
    stamp_of = at_first_call("gdpr_assist.admin.shown.stamp_of")
    staff_among = at_first_call("gdpr_assist.planning.superusers.staff_among")
    takes_last_superuser = at_first_call("gdpr_assist.planning.superusers.takes_last_superuser")
    url_of = at_first_call("gdpr_assist.admin.before.url_of")

TEMPLATE = "anonymise_confirmation.html"

# Of more rows than this, and of more than one person, the number is typed.
MOST_UNTYPED = 100


def templates(opts: Options[Any]) -> list[str]:
    """Return the names under which a project may put a page of its own, most specific first."""
    return [
        f"admin/{opts.app_label}/{opts.model_name}/{TEMPLATE}",
        f"admin/{opts.app_label}/{TEMPLATE}",
        f"admin/gdpr_assist/{TEMPLATE}",
    ]


def context(request: HttpRequest, site: AdminSite, plans: Iterable[Plan], address: str) -> dict[str, Any]:
    """Return what the page says about ``plans``, and what it signs; ``address`` is where its form is posted to."""
    plans = all_pinned(plans)
    previews = [preview(plan) for plan in plans]
    shown = [planned(request, site, each) for each in previews]
    kept: Counter[str] = Counter()
    for each in previews:
        kept.update(each.kept)
    is_open = any(each.unmarked for each in previews)
    erased = None if is_open else last(row for each in shown for row in each.names)
    return {
        "title": _("Anonymise data"),
        "subtitle": None,
        "planned": shown,
        "rows": sum(each.rows for each in previews),
        "going": sum(each.going for each in shown),
        "marked": sum(each.marked for each in previews),
        "erasure_url": url_of(request, site, erased),
        "refilled": sum(each.refilled for each in previews),
        "parts_kept": left_for_good(kept),
        "last_superuser": any(map(takes_last_superuser, plans)),
        "is_herself": _is_herself(request, plans),
        "staff": _staff(plans),
        "asks_for_number": asks_for_number(rows_of(plans), _people(plans)),
        "ticked": request.POST,
        "are_people": any(person_of(each.plan.declaration.model) for each in previews),
        "action_url": address,
        "operation": operations.drawn(request, site, address, counts=counts_of(previews), token=stamp_of(previews)),
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
                "Nothing was changed. This takes the last active superuser, and nobody would be left who may do "
                "everything. If that is meant, tick the box that says so."
            )
        )


def check_accounts(request: HttpRequest, *, herself: bool, staff: int) -> None:
    """Raise ``SelectionError`` if the user's own account goes, or one of the staff, and that box is not ticked."""
    if (herself or staff) and "accounts" not in request.POST:
        raise SelectionError(
            _(
                "Nothing was changed. This takes your own account, or that of somebody who may log in here. If "
                "that is meant, tick the box that says so."
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
            % {"rows": localize(rows)}
        )


def check_plans(request: HttpRequest, site: AdminSite, plans: Iterable[Plan]) -> None:
    """Raise ``SelectionError`` unless all was ticked and typed that the page asks for of what ``plans`` take.

    ``ChangedError`` if that is not what the page has shown.
    """
    plans = as_shown(request, site, plans)
    check_superuser(request, goes=any(map(takes_last_superuser, plans)))
    check_accounts(request, herself=_is_herself(request, plans), staff=_staff(plans))
    check_number(request, rows=rows_of(plans), people=_people(plans))


def as_shown(request: HttpRequest, site: AdminSite, plans: Iterable[Plan]) -> list[Plan]:
    """Return ``plans`` with their keys read. Raises ``ChangedError`` if they are not what the page has shown."""
    plans = all_pinned(plans)
    previews = list(map(preview, plans))
    check_shown(operations.signed(request, site), counts=counts_of(previews), token=stamp_of(previews))
    return plans


def _is_herself(request: HttpRequest, plans: list[Plan]) -> bool:
    return any(is_among(request.user.pk, plan.rows()) for plan in plans)


def _staff(plans: list[Plan]) -> int:
    """Return how many accounts of the staff go; none where the last superuser does: one box is enough."""
    return 0 if any(map(takes_last_superuser, plans)) else sum(staff_among(plan.rows()) for plan in plans)


def rows_of(plans: Iterable[Plan]) -> int:
    """Return how many rows they change: not those that were anonymised before, unless they are to be so again."""
    return sum(plan.count() - plan.done().count() for plan in plans)


def _people(plans: Iterable[Plan]) -> int:
    return rows_of(plan for plan in plans if person_of(plan.declaration.model))


def said(plans: Sequence[Plan], results: Sequence[Result]) -> tuple[int, str]:
    """Return the message about what is done: (level, text)."""
    with afterwards():
        return level(results), outcome(plans, results)
    return done()


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
    return text % {"count": localize(count), "rows": rows}


def _left(count: int, rows: str) -> str:
    text = ngettext(
        "%(count)s row was left as it is, because it was anonymised before: %(rows)s.",
        "%(count)s rows were left as they are, because they were anonymised before: %(rows)s.",
        count,
    )
    return text % {"count": localize(count), "rows": rows}


def left_for_good(kept: Mapping[str, int]) -> str:
    """Return what is reached and left as it is, {label of the model: rows}; empty if that is nothing."""
    count = sum(kept.values())
    text = ngettext(
        "%(count)s row is left as it is, because its model says so (can_anonymise = False): %(rows)s.",
        "%(count)s rows are left as they are, because their models say so (can_anonymise = False): %(rows)s.",
        count,
    )
    rows = _listed({apps.get_model(label): number for label, number in kept.items()})
    return text % {"count": localize(count), "rows": rows} if count else ""


def _listed(counts: dict[type[Model], int]) -> str:
    return ", ".join(counted(model, count) for model, count in counts.items() if count)
