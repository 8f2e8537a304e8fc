"""``ModelAdmin`` with the action "Anonymise data": asks with the plan, then has it executed; writes nothing itself."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy

from ..declaring.meta import all_rows
from ..exceptions import AnonymiseError
from ..loading import at_first_call
from ..tables import stored_key
from ..undocumented import admin_of
from . import confirmation, operations
from .denied import denial, explaining
from .history import with_history
from .page import guarded, outside_transactions
from .permissions import can_be_anonymised
from .refusals import REFUSALS, refusals_of, told
from .selection import LARGEST_SELECTION, PACKED, ChangedError, key_from_text, pack, posted

if TYPE_CHECKING:
    from ..erasure import erase
    from ..execution.kept import hearing_of_kept
    from ..planning.plans import Plan, plan, target_alias
    from .consequences import also_anonymised
    from .links import links_to_people

    Base = admin.ModelAdmin[Any]
else:
    also_anonymised = at_first_call("gdpr_assist.admin.consequences.also_anonymised")
    erase = at_first_call("gdpr_assist.erasure.erase")
    hearing_of_kept = at_first_call("gdpr_assist.execution.kept.hearing_of_kept")
    links_to_people = at_first_call("gdpr_assist.admin.links.links_to_people")
    plan = at_first_call("gdpr_assist.planning.plans.plan")
    target_alias = at_first_call("gdpr_assist.planning.plans.target_alias")

    Base = admin.ModelAdmin


class ModelAdmin(Base):
    """An admin whose rows can be anonymised.

    The action stands beside those of a subclass, unless that says ``actions = None``.
    """

    anonymise_confirmation_template: str | None = None

    atomic_actions = True
    """Whether all that an action did is undone if it is refused. False for those that end their own transactions."""

    def __init__(self, model: type[Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        if self.actions is not None and "anonymise" not in self.actions:
            self.actions = [*self.actions, "anonymise"]

    def has_anonymise_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return whether the user may anonymise ``obj``, or any row: who may change it, if it can be anonymised."""
        return can_be_anonymised(self.model) and self.has_change_permission(request, obj)

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_anonymise"
        view = outside_transactions(self.admin_site.admin_view(self.anonymise_view))
        # Before Django's own, which take anything for a primary key.
        urls = [path("anonymise/", view, name=name), *super().get_urls()]
        for url in urls:
            if isinstance(url, URLPattern):  # and no include() of another base class
                url.callback = guarded(url.callback)
        return urls

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show the rows, or do the chosen action."""
        view = super().changelist_view
        if request.method != "POST":
            return view(request, extra_context)
        refusals = refusals_of(request)
        is_ours = refusals is REFUSALS

        def checked(*args: Any) -> Any:
            if is_ours:  # Django looks for whatever key is posted, and fails on one that no row can have
                _keys(self.model, request.POST.getlist(ACTION_CHECKBOX_NAME))
            return view(*args)

        return self._unless(refusals, checked, request, extra_context, is_atomic=self.atomic_actions or is_ours)

    @admin.action(permissions=["anonymise"], description=gettext_lazy("Anonymise data"))
    @explaining
    def anonymise(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Ask whether to anonymise the selected rows."""
        # One more than allowed, so that packing them says that they are too many
        keys = queryset.order_by().values_list("pk", flat=True)[: LARGEST_SELECTION + 1]
        return self._confirmation_page(request, dict.fromkeys(keys))

    @explaining
    def anonymise_view(self, request: HttpRequest) -> HttpResponse:
        """Anonymise the rows whose keys were posted by the confirmation page."""
        if not self.has_anonymise_permission(request):
            raise denial(request, self.model, "change")
        if request.method != "POST":
            return HttpResponseRedirect(self._url("changelist"))
        try:
            keys = _keys(self.model, posted(request, ACTION_CHECKBOX_NAME))
            if not confirmation.is_confirmed(request):
                return self._confirmation_page(request, keys)
            operation = operations.posted(request, self.admin_site)
            if operations.is_done(operation):
                return self._back(request, messages.INFO, operations.done_before())
            try:
                return self._erase(request, keys, operation)
            except ChangedError as error:
                self.message_user(request, told(error), messages.WARNING)
                return self._confirmation_page(request, keys)
        except REFUSALS as error:
            return self._back(request, messages.ERROR, told(error))

    def _erase(self, request: HttpRequest, keys: Iterable[Any], operation: UUID | None) -> HttpResponse:
        planned = [self._plan(request, keys, force=confirmation.is_forced(request))]
        confirmation.check_plans(request, self.admin_site, planned)
        again = partial(confirmation.as_shown, request, self.admin_site, planned)  # as rows may have come and gone
        results = erase(planned, by=request.user, operation=operation, first=again)
        return self._back(request, *confirmation.said(planned, results))

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Show the form; on the page of a row that is about people, with buttons that lead to them."""
        row = kwargs.get("obj")
        people = links_to_people(request, self.admin_site, row) if row is not None and row.pk is not None else []
        response: Any = super().render_change_form(request, {**context, "gdpr_people": people}, *args, **kwargs)
        if people and self.change_form_template is None:
            response.template_name = [*response.template_name[:-1], "admin/gdpr_assist/change_form.html"]
        return response

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Return what Django says of a deletion, and name what will be anonymised because of it."""
        deleted, counts, lacking, protected = super().get_deleted_objects(objs, request)
        if not protected and "post" not in request.POST:  # which is the answer to the page that asks
            names, numbers = also_anonymised(request, self.admin_site, objs)
            deleted = [*deleted, *names]
            counts = {**counts, **numbers}
        return deleted, counts, lacking, protected

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Delete one row, or say why it was refused."""
        response: HttpResponse = self._unless(REFUSALS, super().delete_view, request, object_id, extra_context)
        return response

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Show or save one row. A row of another model that is to be deleted on the same page may be refused."""
        view = super().changeform_view
        if request.method != "POST":
            return view(request, object_id, form_url, extra_context)
        return self._unless(refusals_of(request), view, request, object_id, form_url, extra_context)

    def _unless(
        self,
        refusals: tuple[type[Exception], ...],
        view: Any,
        request: HttpRequest,
        *args: Any,
        is_atomic: bool = True,
    ) -> Any:
        """Return what ``view`` answers, or a message after one of ``refusals``: then nothing of it is left, nor in the
        admin's history.
        """
        try:
            with hearing_of_kept() as kept, with_history(self.model) if is_atomic else nullcontext():
                answer = view(request, *args)
        except refusals as error:
            if is_atomic:
                list(messages.get_messages(request))  # that something was deleted, say, is not so any more
            return self._back(request, messages.ERROR, told(error, is_undone=is_atomic))
        if kept:
            self.message_user(request, confirmation.left_for_good(kept), messages.WARNING)
        return answer

    def _plan(self, request: HttpRequest, keys: Iterable[Any], force: bool = False) -> Plan:
        """The plan for those of ``keys`` that this admin shows to the user.

        Over the rows themselves: what the admin's queryset adds to show them (joins, annotations) is not wanted here.
        """
        shown = self.get_queryset(request).filter(pk__in=list(keys))
        rows = all_rows(self.model, target_alias(shown))
        rows = rows.filter(pk__in=list(shown.order_by().values_list("pk", flat=True)))
        for instance in rows.iterator():
            if not self.has_anonymise_permission(request, instance):
                raise denial(request, self.model, "change")
        return plan(rows, force=force)

    def _confirmation_page(self, request: HttpRequest, keys: Iterable[Any]) -> HttpResponse:
        packed = pack(map(stored_key, keys := list(keys)))
        planned = [self._plan(request, keys, force=confirmation.is_forced(request))]
        context = {
            **self.admin_site.each_context(request),
            **confirmation.context(request, self.admin_site, planned, self._url("anonymise")),
            "opts": self.opts,
            "back_url": self._url("changelist"),
            "hidden": {PACKED: packed},
        }
        request.current_app = self.admin_site.name
        template = self.anonymise_confirmation_template or confirmation.templates(self.opts)
        return TemplateResponse(request, template, context)

    def _back(self, request: HttpRequest, level: int, message: str) -> HttpResponseRedirect:
        """To the list without the filters that were on it: a search for a name would stand in the URL."""
        self.message_user(request, message, level)
        return HttpResponseRedirect(self._url("changelist"))

    def _url(self, name: str) -> str:
        opts = self.opts
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_{name}", current_app=self.admin_site.name)


def extend(*models: type[Model], site: admin.AdminSite | None = None) -> None:
    """Put ``ModelAdmin`` in front of the admin that each of ``models`` has on ``site``, by default ``admin.site``.

    The rest of that admin stays. Raises ``AnonymiseError`` for a model that has none there yet.
    """
    where = site or admin.site
    for model in models:
        own = admin_of(where, model)
        if own is None:
            raise AnonymiseError(
                f"{model._meta.label} has no admin on the site {where.name!r} yet. Call extend() in the admin.py of "
                "an app that stands after its own in INSTALLED_APPS."
            )
        if not isinstance(own, ModelAdmin):
            kind = type(own)
            where.unregister(model)
            where.register(model, type(kind.__name__, (ModelAdmin, kind), {"__module__": kind.__module__}))


def _keys(model: type[Model], texts: Iterable[str]) -> list[Any]:
    return [key_from_text(model, text) for text in texts]
