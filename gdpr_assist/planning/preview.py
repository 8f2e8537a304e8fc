"""The numbers of plans, each asked of the database once: for a page, a ``--dry-run``, a verification."""

from __future__ import annotations

from dataclasses import dataclass

from django.template.defaultfilters import pluralize

from ..databases.placement import explained
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
        return text


@sensitive
def preview(plan: Plan) -> Preview:
    """Return the numbers of ``plan``. Raises ``AnonymiseError`` on an alias without the tables of an erasure."""
    with explained(plan.using):
        rows = plan.count()
        if not markers(plan.declaration.model, plan.using).exists():
            return Preview(plan=plan, rows=rows)
        notes = plan.computed()
        return Preview(
            plan=plan,
            rows=rows,
            marked=plan.marked().count(),
            refilled=plan.refilled(notes).count(),
            computed=tuple(dict.fromkeys(name for note in notes for name in note.split(","))),
        )
