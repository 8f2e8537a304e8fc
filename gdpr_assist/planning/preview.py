"""The numbers of plans, each asked of the database once: for a page, a ``--dry-run``, a verification."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model, Q, QuerySet
from django.template.defaultfilters import pluralize

from ..databases.placement import explained
from ..declaring.meta import all_rows
from ..registry import registry
from ..sensitive import sensitive
from .markers import markers
from .plans import Plan


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What executing a plan would meet. ``str(preview)`` is a line of plain words; printing it asks no database."""

    plan: Plan
    rows: int
    marked: int = 0
    """How many of the rows were anonymised before."""

    refilled: int = 0
    """How many of these were filled again since."""

    computed: tuple[str, ...] = ()
    """Columns that hold, in some of the marked rows, what a project's ``save()`` has computed."""

    kept: dict[str, int] = field(default_factory=dict)
    """{label: rows} of the same objects in multi-table models that say ``can_anonymise = False``: they stay."""

    left: int = 0
    """How many rows of the table are not among these because a scrub leaves them (``PrivacyMeta.scrub``)."""

    @property
    def unmarked(self) -> int:
        return self.rows - self.marked

    @property
    def unknown(self) -> list[str]:
        """The columns of which nobody can tell whether they were filled again."""
        in_some = [f"{name} (where save() has computed it)" for name in self.computed if name in self.plan.told]
        return [*self.plan.untold, *in_some] if self.marked else []

    @property
    def counted(self) -> str:
        """The plan with the number of its rows, without those that were anonymised before."""
        return self.plan.described(f"{self.rows} row{pluralize(self.rows)}, ")

    def __str__(self) -> str:
        text = self.counted
        if self.marked:
            text += f"; {self.marked} anonymised before, {'and now again' if self.plan.force else 'left as they are'}"
        if self.refilled:
            text += f"; {self.refilled} of these refilled since"
            text += "" if self.plan.force else ": anonymise them with force"
        if self.marked and self.plan.untold:
            text += f"; whether {', '.join(self.plan.untold)} was filled again cannot be told"
        for label, count in self.kept.items():
            text += f"; {count} row{pluralize(count)} of {label} left as they are (can_anonymise = False)"
        return text


@sensitive
def preview(plan: Plan) -> Preview:
    """Return the numbers of ``plan``. Raises ``AnonymiseError`` on an alias without the tables of an erasure."""
    with explained(plan.using):
        rows = plan.count()
        kept = dict(_kept(plan.rows(), {plan.declaration.model})) if plan.has_relatives else {}
        if not markers(plan.declaration.model, plan.using).exists():
            return Preview(plan=plan, rows=rows, kept=kept)
        notes = plan.computed()
        return Preview(
            plan=plan,
            rows=rows,
            kept=kept,
            marked=plan.marked().count(),
            refilled=plan.refilled(notes).count(),
            computed=tuple(dict.fromkeys(name for note in notes for name in note.split(","))),
        )


def _kept(rows: QuerySet[Any], seen: set[type[Model]]) -> Iterator[tuple[str, int]]:
    """Yield which tables of the same objects stay as they are, with the number of their rows, as an execution does.

    ``seen`` are the models that were looked at. Asks nothing where all tables may be anonymised.
    """
    if all(registry.declaration(each).meta.can_anonymise for each in registry.relatives(rows.model)):
        return
    parents = [(each, Q(pk__in=rows.values(link.attname))) for each, link in registry.parents(rows.model)]
    children = [(each, Q(**{f"{link.name}__in": rows})) for each, link in registry.children(rows.model)]
    for model, condition in (*parents, *children):
        if model in seen:
            continue
        seen.add(model)
        related = all_rows(model, rows.db).filter(condition)
        if registry.declaration(model).meta.can_anonymise:
            yield from _kept(related, seen)
        elif count := related.count():
            yield model._meta.label, count
