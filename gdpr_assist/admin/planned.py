"""What the page that asks says of one plan: names, samples, and what else happens. Reads only."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from django.contrib.admin import AdminSite
from django.contrib.admin.utils import model_ngettext
from django.http import HttpRequest

from ..copies.named import named_by
from ..export.naming import called_in
from ..planning.preview import Preview
from ..samples import MOST_SAMPLES, Sample
from .before import Named, erased_before
from .beside import FilesOfField, columns_staying, copies, files, referring
from .naming import MOST_NAMES, name_of
from .permissions import may_view_all
from .samples import samples


class PlannedModel(NamedTuple):
    """The preview of a plan, in the words of the page."""

    preview: Preview

    names: list[Named]
    """The first of the rows."""

    files: list[FilesOfField]
    """The stored files that are deleted."""

    copies: list[str]
    """What is a copy of the rows, and goes with them."""

    referring: list[str]
    """What has a key to the rows, and stays as it is."""

    @property
    def name(self) -> str:
        return model_ngettext(self.preview.plan.model._meta, self.preview.rows)

    @property
    def going(self) -> int:
        """How many rows will be anonymised."""
        return self.preview.rows if self.preview.plan.force else self.preview.unmarked

    @property
    def others(self) -> int:
        """How many rows have no name here."""
        return self.preview.rows - len(self.names)

    @property
    def samples(self) -> list[Sample]:
        """What becomes of the first rows that are anonymised, field by field."""
        plan = self.preview.plan
        rows = plan.rows().exclude(pk__in=plan.done().order_by().values("pk")) if self.preview.marked else plan.rows()
        return samples(plan, rows.order_by("pk")[:MOST_SAMPLES])

    @property
    def fields(self) -> str:
        return ", ".join(str(change.field.verbose_name) for change in self.preview.plan.changes)

    @property
    def links(self) -> str:
        """What the many-to-many fields are called of which the links go."""
        plan = self.preview.plan
        return ", ".join(called_in(plan.declaration.model, name) for name in plan.clears)

    @property
    def staying(self) -> str:
        """What the columns are called that stay."""
        return ", ".join(columns_staying(self.preview.plan))

    @property
    def purposes(self) -> tuple[str, ...]:
        return self.preview.plan.declaration.purposes

    @property
    def recipients(self) -> tuple[str, ...]:
        return self.preview.plan.declaration.recipients


def planned(request: HttpRequest, site: AdminSite, found: Preview) -> PlannedModel:
    """Return what the page says of a plan."""
    plan = found.plan
    first = list(plan.rows().order_by("pk")[:MOST_NAMES])
    before = erased_before(plan, first) if found.marked else {}
    return PlannedModel(
        preview=found,
        names=[Named(name_of(row), before=before.get(row.pk)) for row in first],
        files=files(named_by(plan, MOST_NAMES, partial(may_view_all, request, site))),
        copies=copies([plan]),
        referring=referring(request, site, [plan]),
    )
