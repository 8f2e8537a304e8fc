"""What the pages that ask say beside the rows that change: files, copies, what stays and what refers. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..copies import keeper
from ..copies.files import Files
from ..copies.named import NamedFiles, joined
from ..copies.rows import copies_of
from ..coverage import staying
from ..declaring.meta import all_rows
from ..export.naming import called_in
from ..paths import clauses_of
from ..planning.plans import Plan
from ..registry import registry
from ..subjects.person import Tables
from .naming import MOST_NAMES, counted
from .permissions import may_view


@dataclass(frozen=True, kw_only=True)
class FilesOfField:
    """Stored files that are deleted, in the words of the page."""

    title: str
    count: int
    names: tuple[str, ...]

    @property
    def others(self) -> int:
        """How many have no name here."""
        return self.count - len(self.names)


def files(found: Iterable[NamedFiles]) -> list[FilesOfField]:
    """Return the files of each field."""
    return [FilesOfField(title=_title(each), count=each.count, names=each.names) for each in joined(found, MOST_NAMES)]


def _title(found: NamedFiles) -> str:
    text = ngettext("%(count)s file: %(field)s of %(models)s", "%(count)s files: %(field)s of %(models)s", found.count)
    models = found.model._meta.verbose_name_plural
    return text % {"count": localize(found.count), "field": found.field.verbose_name, "models": models}


def copies(plans: Iterable[Plan]) -> list[str]:
    """Return what is a copy of the rows and goes with them: of which kind, and how many."""
    plans = list(plans)
    rows = [copied for plan in plans for copied in copies_of(plan.rows())]
    return [*(counted(each.model, count) for each in rows if (count := each.count())), *kept_elsewhere(plans)]


def kept_elsewhere(plans: Iterable[Plan]) -> list[str]:
    """Return in words what keepers of the site's own have of the rows; stored files are named one by one."""
    return keeper.describe(plans, but=Files)


def columns_staying(plan: Plan) -> list[str]:
    """Return what the columns are called that stay as they are when a row is anonymised."""
    return [called_in(plan.declaration.model, name) for name in staying(plan.declaration)]


def referring(request: HttpRequest, site: AdminSite, plans: Iterable[Plan]) -> list[str]:
    """Return how many rows have a key to those of ``plans``, and stay: of the models that the user may view."""
    tables = Tables()
    return [
        _("%(rows)s, through the field “%(field)s”") % {"rows": counted(key.model, count), "field": key.verbose_name}
        for plan in plans
        for key in keys_to(plan.declaration.model)
        if may_view(request, site, key.model) and tables.has(key.model, plan.using)
        if (count := _pointing(key, plan.rows()).count())
    ]


def keys_to(model: type[Model]) -> Iterator[Any]:
    """Yield the foreign keys to rows of ``model``: not of links, copies, and other tables of the same objects."""
    fields: Any = model._meta.get_fields(include_hidden=True)  # also of keys with related_name="+"
    keys = (each.field for each in fields if (each.one_to_many or each.one_to_one) and not each.concrete)
    for key in keys:
        is_same = getattr(key.remote_field, "parent_link", False)
        is_key = hasattr(key, "attname") and not is_same and not key.model._meta.auto_created
        if is_key and not (key.model in registry and clauses_of(key.model).copy_of == key.name):
            yield key


def _pointing(key: Any, rows: QuerySet[Any]) -> QuerySet[Any]:
    return all_rows(key.model, rows.db).filter(**{f"{key.name}__in": rows.order_by()})
