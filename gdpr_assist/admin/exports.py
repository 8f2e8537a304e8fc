"""The list of what was exported with the Personal data tool. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..loading import at_first_call
from .denied import explaining
from .erasures import List, ReadOnly

if TYPE_CHECKING:
    from .past import in_words, named
else:
    in_words = at_first_call("gdpr_assist.admin.past.in_words")
    named = at_first_call("gdpr_assist.admin.past.named")


class WithNames(List):
    """A page of exports, each with the name of who asked for it, where the user may see users."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        names: dict[str, str] = {}
        for each in self.result_list:
            if each.by not in names:
                names[each.by] = named(request, self.model_admin.admin_site, each.by)
            each.asked_by = names[each.by]


class ExportsAdmin(ReadOnly):
    """What was exported, by whom and when: numbers, and a hash that the zip can be held against."""

    list_display = ("started", "what", "who", "format", "reference", "state")
    list_filter = (("started", admin.DateFieldListFilter), "state")
    fields = ("started", "who", "format", "reference", "state", "what", "digest")
    readonly_fields = ("who", "what")
    ordering = ("-started", "-pk")
    list_per_page = 50

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return WithNames

    @admin.display(description=gettext_lazy("what"))
    def what(self, export: Any) -> str:
        return ", ".join(in_words(label, count) for label, count in sorted(export.counts.items())) or _("nothing")

    @admin.display(description=gettext_lazy("who"))
    def who(self, export: Any) -> str:
        return str(getattr(export, "asked_by", export.by) or _("nobody said who"))

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
        return super().change_view(request, object_id, form_url, {"title": _("Export"), **(extra_context or {})})
