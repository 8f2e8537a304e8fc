"""From plans to the page that asks before they are executed, and to the words that say it was done; writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import model_ngettext
from django.db.models import Model
from django.db.models.options import Options
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..execution import Result
from ..planning import Plan

TEMPLATE = "anonymise_confirmation.html"


@dataclass(frozen=True, kw_only=True)
class PlannedModel:
    """A plan and its numbers, each asked of the database once."""

    plan: Plan
    rows: int
    marked: int
    refilled: int

    @property
    def fresh(self) -> int:
        """The rows that will be anonymised, unless the marked ones are too."""
        return self.rows - self.marked

    @property
    def name(self) -> str:
        return model_ngettext(self.plan.model._meta, self.rows)

    @property
    def fields(self) -> str:
        return ", ".join(str(change.field.verbose_name) for change in self.plan.declaration.changes)


def templates(opts: Options[Any]) -> list[str]:
    """Return the names under which a project may put a page of its own, most specific first."""
    return [
        f"admin/{opts.app_label}/{opts.model_name}/{TEMPLATE}",
        f"admin/{opts.app_label}/{TEMPLATE}",
        f"admin/gdpr_assist/{TEMPLATE}",
    ]


def context(plans: Iterable[Plan]) -> dict[str, Any]:
    """Return what the page says about ``plans``."""
    planned = [_planned(plan) for plan in plans]
    return {
        "title": _("Anonymise data"),
        "subtitle": None,
        "planned": planned,
        "rows": sum(each.rows for each in planned),
        "fresh": sum(each.fresh for each in planned),
        "marked": sum(each.marked for each in planned),
        "refilled": sum(each.refilled for each in planned),
    }


def _planned(plan: Plan) -> PlannedModel:
    marked, refilled = plan.marks()
    return PlannedModel(plan=plan, rows=plan.count(), marked=marked, refilled=refilled)


def is_confirmed(request: HttpRequest) -> bool:
    return "confirmed" in request.POST


def is_forced(request: HttpRequest) -> bool:
    return "force" in request.POST


def outcome(plans: Sequence[Plan], results: Sequence[Result]) -> str:
    """Return what was done, in numbers and without a value: messages may be kept in a cookie."""
    done = {plan.model: result.anonymised for plan, result in zip(plans, results, strict=True)}
    left = {plan.model: result.skipped for plan, result in zip(plans, results, strict=True)}
    sentences = [_done(sum(done.values()), _listed(done))]
    if any(left.values()):
        sentences.append(_left(sum(left.values()), _listed(left)))
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


def _listed(counts: dict[type[Model], int]) -> str:
    return ", ".join(counted(model, count) for model, count in counts.items() if count)


def counted(model: type[Model], count: int) -> str:
    """Return a number of rows in words: "2 orders"."""
    return f"{count} {model_ngettext(model._meta, count)}"
