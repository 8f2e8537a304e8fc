"""The lists of what was erased and exported, the page of one erasure, and its receipt for the file. Reads only."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AdminTextInputWidget
from django.db import DataError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..conf import log_database
from ..loading import at_first_call
from ..registry import registry
from ..tables import EventLog
from .by_number import ByNumber
from .denied import Denied, explaining
from .page import guarded
from .permissions import ERASURES, may_use

if TYPE_CHECKING:
    from ..log.history import is_readable, operations_of, pasts
    from ..routing import here
    from .past import of_erasure, state_text, summary, troubles, who_asked

    Base = admin.ModelAdmin[Any]
    Filter = admin.SimpleListFilter
    List = ChangeList
else:
    here = at_first_call("gdpr_assist.routing.here")
    of_erasure = at_first_call("gdpr_assist.admin.past.of_erasure")
    is_readable = at_first_call("gdpr_assist.log.history.is_readable")
    operations_of = at_first_call("gdpr_assist.log.history.operations_of")
    pasts = at_first_call("gdpr_assist.log.history.pasts")
    state_text = at_first_call("gdpr_assist.admin.past.state_text")
    summary = at_first_call("gdpr_assist.admin.past.summary")
    troubles = at_first_call("gdpr_assist.admin.past.troubles")
    who_asked = at_first_call("gdpr_assist.admin.past.who_asked")
    Base, Filter, List = admin.ModelAdmin, admin.SimpleListFilter, ChangeList

LONGEST_REFERENCE = 200


class ReadOnly(Base):
    """Rows that are looked at, and neither added, changed nor deleted here."""

    actions = None
    show_full_result_count = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_use(request, ERASURES)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_use(request, ERASURES)

    def require_view(self, request: HttpRequest) -> None:
        """Raise ``Denied`` unless the user may view what was erased and exported."""
        if not may_use(request, ERASURES):
            raise Denied(ERASURES)

    def get_urls(self) -> list[URLPattern]:
        """Return the pages of a list, a row and its history; there is none to add or delete one."""
        info = f"{self.opts.app_label}_{self.opts.model_name}"
        own = {f"{info}_{name}" for name in ("changelist", "change", "history")}
        return [each for each in super().get_urls() if each.name in own]

    @explaining
    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self.require_view(request)
        page: HttpResponse = super().history_view(request, object_id, extra_context)
        return page

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OwnList(List):
    """A page of rows, read at once. A value in the address that only a database refuses is no more than wrong."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the rows. Raises what leads to the whole list for NUL, or a year that no calendar has."""
        try:
            super().get_results(request)
            self.result_list = list(self.result_list)
        except (ValueError, OverflowError, DataError):
            raise IncorrectLookupParameters from None


class OutcomeFilter(Filter):
    """By what the log says became of an operation; the state on the page is what its receipt says."""

    title = gettext_lazy("outcome in the log")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        # Translators: "done", "undone", "not settled": of an erasure
        return [("done", _("done")), ("undone", _("undone")), ("unsettled", _("not settled"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        committed = {"done": True, "undone": False, "unsettled": None}
        value = self.value()
        return queryset.filter(outcome__committed=committed[value]) if value in committed else queryset


class ModelFilter(Filter):
    """By a model of which a row was erased."""

    title = gettext_lazy("kind of data")
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        labels = {registry.log_label(model): capfirst(str(model._meta.verbose_name)) for model in registry.models}
        return sorted(labels.items(), key=lambda each: each[1].casefold())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        app_label, dot, model_name = (self.value() or "").partition(".")
        if not dot:
            return queryset
        events = EventLog.objects.using(queryset.db).filter(app_label=app_label, model_name=model_name)
        return queryset.filter(pk__in=events.order_by().values("operation"))


class WithPasts(OwnList):
    """A page of operations, each with what is known of it: asked for once for all of the page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        for each in pasts(self.result_list):
            each.operation.past = each  # type: ignore[attr-defined]
            each.operation.asked_by = who_asked(request, self.model_admin.admin_site, each)  # type: ignore[attr-defined]


class ReferenceForm(forms.Form):
    """The reference is printed, and never stored."""

    reference = forms.CharField(
        label=gettext_lazy("Our reference"),
        # Translators: of a reference, as of a file of the office
        help_text=gettext_lazy("Of your file. For the paper only: it is not stored."),
        max_length=LONGEST_REFERENCE,
        required=False,
        widget=AdminTextInputWidget(attrs={"autocomplete": "off"}),
    )


class ErasuresAdmin(ByNumber, ReadOnly):
    """The operations of the log of which the rows are, or were, in a database here."""

    list_display = ("when", "what", "asked_by", "state")
    list_filter = (("started", admin.DateFieldListFilter), OutcomeFilter, ModelFilter)
    ordering = ("-started", "-pk")
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return operations_of(here()).order_by(*self.ordering)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return WithPasts

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(guarded(self.receipt_view))
        return [path("<uuid:id_>/receipt/", view, name="gdpr_assist_operation_receipt"), *super().get_urls()]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return log_database() is not None and super().has_module_permission(request)

    # Translators: heading of a column
    @admin.display(description=gettext_lazy("when"), ordering="started")
    def when(self, operation: Any) -> Any:
        return operation.started

    # Translators: heading of a column: what was erased, or exported
    @admin.display(description=gettext_lazy("what"))
    def what(self, operation: Any) -> str:
        return summary(operation.past.counts) or _("Its rows are in the log no more.")

    # Translators: heading of a column: who asked for it
    @admin.display(description=gettext_lazy("who"))
    def asked_by(self, operation: Any) -> str:
        return str(operation.asked_by)

    # Translators: heading of a column: the state of an erasure or export
    @admin.display(description=gettext_lazy("state"))
    def state(self, operation: Any) -> str:
        return str(state_text(operation.past))

    @explaining
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """List them, under what ``gdpr_status`` would say that is not well."""
        self.require_view(request)
        if log_database() is None:
            raise Http404
        if not is_readable():
            return self._unreadable(request)
        context = {"title": _("Erasures"), "troubles": list(troubles()), **(extra_context or {})}
        page: HttpResponse = super().changelist_view(request, context)
        return page

    @explaining
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one erasure: what was done, what stays and why, and what is left to do."""
        return self._page(request, object_id, "operation.html", {})

    @explaining
    def receipt_view(self, request: HttpRequest, id_: uuid.UUID) -> HttpResponse:
        """Show it for print, with a reference if one was posted: that is never in the URL."""
        form = ReferenceForm(request.POST if request.method == "POST" else None)
        reference = form.cleaned_data["reference"] if form.is_valid() else ""
        context = {"form": form, "reference": reference, "printed": timezone.now()}
        return self._page(request, str(id_), "receipt.html", context)

    def _page(self, request: HttpRequest, text: str, template: str, context: dict[str, Any]) -> HttpResponse:
        self.require_view(request)
        if log_database() is not None and not is_readable():
            return self._unreadable(request)
        known = of_erasure(request, self.admin_site, text)
        if known is None:
            raise Http404
        request.current_app = self.admin_site.name
        common = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("Erasure")}
        return TemplateResponse(request, [f"admin/gdpr_assist/operation/{template}"], {**common, **known, **context})

    def _unreadable(self, request: HttpRequest) -> HttpResponse:
        request.current_app = self.admin_site.name
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("Erasures")}
        return TemplateResponse(request, ["admin/gdpr_assist/operation/unreadable.html"], context, status=503)
