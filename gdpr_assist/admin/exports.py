"""The list of what was exported with the Personal data tool. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..loading import at_first_call
from .denied import explaining
from .erasures import OwnList, ReadOnly

if TYPE_CHECKING:
    from .past import in_words, named
else:
    in_words = at_first_call("gdpr_assist.admin.past.in_words")
    named = at_first_call("gdpr_assist.admin.past.named")


# {format: what the form and the list call it}; a page chooses the first one, which is right for most requests
FORMATS = {
    "complete": gettext_lazy("Everything: pages to read, tables, data, and uploaded files"),
    "csv": gettext_lazy("Tables for a spreadsheet (CSV)"),
    "json": gettext_lazy("Data for programs (JSON)"),
}


class WithNames(OwnList):
    """A page of exports, each with the name of who asked for it, where the user may see users."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        names: dict[str, str] = {}
        for each in self.result_list:
            if each.by not in names:
                names[each.by] = named(request, self.model_admin.admin_site, each.by)
            each.asked_by = names[each.by]


class ExportsAdmin(ReadOnly):
    """What was exported, by whom and when: numbers, and a hash that the zip can be held against."""

    list_display = ("started", "what", "who", "written_as", "reference", "state")
    list_filter = (("started", admin.DateFieldListFilter), "state")
    number_help = gettext_lazy(
        "The number of the export, or its first digits. Enter no name or address: it would be in the server's logs."
    )
    fields = ("started", "who", "written_as", "reference", "state", "what", "digest")
    readonly_fields = ("who", "written_as", "what")
    ordering = ("-started", "-pk")
    list_per_page = 50

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return WithNames

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the exports whose number begins so. The template has the form, as that of erasures."""
        return queryset.filter(reference__istartswith=search_term.strip()), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return one export, with the name of who asked for it."""
        export = super().get_object(request, object_id, from_field)
        if export is not None:
            export.asked_by = named(request, self.admin_site, export.by)
        return export

    @admin.display(description=gettext_lazy("what"))
    def what(self, export: Any) -> str:
        return ", ".join(in_words(label, count) for label, count in sorted(export.counts.items())) or _("nothing")

    @admin.display(description=gettext_lazy("who"))
    def who(self, export: Any) -> str:
        return str(export.asked_by or _("nobody said who"))

    @admin.display(description=gettext_lazy("format"), ordering="format")
    def written_as(self, export: Any) -> str:
        return str(FORMATS.get(export.format, export.format))

    @explaining
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        self.require_view(request)
        page: HttpResponse = super().changelist_view(request, {"title": _("Exports"), **(extra_context or {})})
        return page

    @explaining
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self.require_view(request)
        return super().change_view(request, object_id, form_url, extra_context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Head the page of one export with its number."""
        heading = {"title": _("Export %(number)s") % {"number": context["original"]}, "subtitle": None}
        page: HttpResponse = super().render_change_form(request, context | heading, *args, **kwargs)
        return page
