"""The Personal data tool: search all models, then export or anonymise what is selected. Writes nothing by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextInputWidget
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db import router
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..declaring.meta import all_rows
from ..declaring.search import LONGEST_TERM, Failed, noted
from ..loading import at_first_call
from ..registry import registry
from ..tables import stored_key
from . import confirmation
from .page import guarded, outside_transactions
from .permissions import (
    ANONYMISE,
    EXPORT,
    SEARCH,
    can_be_anonymised,
    may_anonymise,
    may_anonymise_all,
    may_use,
    may_view,
    may_view_all,
)
from .refusals import REFUSALS, told
from .selection import (
    LARGEST_SELECTION,
    PACKED,
    SelectionError,
    check_size,
    key_from_text,
    not_a_selection,
    pack,
    posted,
)

if TYPE_CHECKING:
    from ..erasure import erase
    from ..planning.plans import Plan, plan
    from .download import download
    from .people import Search, search
    from .person_view import person_view
    from .results import RowsByModel, is_at_home, tables

    Base = admin.ModelAdmin[Any]
else:
    download = at_first_call("gdpr_assist.admin.download.download")
    erase = at_first_call("gdpr_assist.erasure.erase")
    search = at_first_call("gdpr_assist.admin.people.search")
    is_at_home = at_first_call("gdpr_assist.admin.results.is_at_home")
    person_view = at_first_call("gdpr_assist.admin.person_view.person_view")
    plan = at_first_call("gdpr_assist.planning.plans.plan")
    tables = at_first_call("gdpr_assist.admin.results.tables")

    Base = admin.ModelAdmin

# The names of the checkboxes: of a row, of a table, of everything found. No two have a value in common.
TICKS = ("obj_pk", "all", "everything")

_LEFT_OUT = gettext_lazy("Its rows are left out.")


class SearchForm(forms.Form):
    """The term is personal data: it is sent by POST, and the browser is asked not to remember it."""

    term = forms.CharField(
        label=gettext_lazy("Search term"),
        help_text=gettext_lazy(
            "An e-mail address, a name or another value that a person is known by, in full: a part of it is found "
            "only where the site has declared that. A first and a last name in two fields are "
            "found together."
        ),
        max_length=LONGEST_TERM,
        widget=AdminTextInputWidget(attrs={"autocomplete": "off"}),
    )


class PersonalDataAdmin(Base):
    """One page in place of the list, and no other: the model has no table.

    Whoever may view personal data may search and export; whoever may change it may anonymise: each only rows of models
    that they may view or change anyway. Rows that a model's admin hides from its list (soft-deleted ones) are found.
    """

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may search."""
        return may_use(request, SEARCH)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return may_use(request, EXPORT)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may anonymise, and erase a person."""
        return may_use(request, ANONYMISE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        view = outside_transactions(self.admin_site.admin_view(self.changelist_view))
        return [path("", view, name="gdpr_assist_personaldata_changelist")]

    # An error report would hold what was searched for.
    @method_decorator(guarded)
    def changelist_view(  # type: ignore[override]  # an export is streamed
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Search, or do with the selected rows what ``action`` says."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            if (response := self._act(request)) is not None:
                return response
        except REFUSALS as error:
            self.message_user(request, told(error), messages.ERROR)
        try:
            return self._page(request)
        except REFUSALS as error:
            self.message_user(request, told(error), messages.ERROR)
            return self._page(request, searches=False)

    def _act(self, request: HttpRequest) -> HttpResponseBase | None:
        action = request.POST.get("action")
        if not request.POST.keys().isdisjoint({"person", "guest"}):
            answer: HttpResponseBase = person_view(self, request)
            return answer
        if action == "export":
            return self._export(request)
        if action == "anonymise":
            return self._anonymise(request)
        if action:
            raise SelectionError(_("No such action. Nothing was changed."))
        return None

    def _page(self, request: HttpRequest, searches: bool = True) -> TemplateResponse:
        form = SearchForm(request.POST if "term" in request.POST else None)
        term = form.cleaned_data["term"] if searches and form.is_valid() else None
        models = self._viewable_models(request)
        failed: Failed = {}
        results: list[Any] = []
        found: Search | None = None
        if term is not None:
            found = search(request, self.admin_site, term, models, failed)
            results = list(tables(request, self.admin_site, found.others, failed))
        # With results, the keyboard of a phone would open over them.
        form.fields["term"].widget.attrs["autofocus"] = not results and not (found and found.people)
        context = {
            "title": _("Personal data"),
            "form": form,
            "term": term,
            "people": found.people if found else [],
            "are_more_people": found is not None and found.are_more,
            "crowds": found.crowds if found else [],
            "tables": results,
            "failed": [_could_not_be_searched(model, error) for model, error in failed.items() if model in models],
            "selectable": sum(table.total for table in results if table.can_select),
            "not_searched": len(registry.models) - len(models),
            "may_anonymise": self.has_change_permission(request),
            # What was ticked still is, after an error or on the way back from the confirmation page.
            "ticked": {value for name in TICKS for value in request.POST.getlist(name)},
        }
        return self.render(request, ["admin/gdpr_assist/personaldata/search.html"], context)

    def _export(self, request: HttpRequest) -> StreamingHttpResponse:
        """Export; of a whole table the keys are not read, as they may be many."""
        keys, whole, failed = self._posted(request)
        check_size(sum(map(len, keys.values())) or len(whole))
        rows = [(model, _either(model, keys[model], whole.get(model))) for model in {**keys, **whole}]
        return download(request, rows, failed)

    def _anonymise(self, request: HttpRequest) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        selected = self._selected(request)
        for model, rows in selected:
            if self._can_anonymise(request, model) and not may_anonymise_all(request, self.admin_site, rows):
                raise PermissionDenied(
                    f"The admin of {model._meta.label} refuses one of the rows: it is asked has_anonymise_permission, "
                    "or has_change_permission if it has no such method, of each."
                )
        plans = [
            plan(rows, force=confirmation.is_forced(request))
            for model, rows in selected
            if self._can_anonymise(request, model)
        ]
        if not plans:
            raise SelectionError(_("None of the selected rows can be anonymised. Nothing was changed."))
        if not confirmation.is_confirmed(request):
            kept = [(model, rows) for model, rows in selected if not self._can_anonymise(request, model)]
            return self._confirmation_page(request, plans, kept)
        confirmation.check_superusers(request, plans)
        results = erase(plans, by=request.user)
        self.message_user(request, confirmation.outcome(plans, results), confirmation.level(results))
        return HttpResponseRedirect(self.own_url())

    def _confirmation_page(self, request: HttpRequest, plans: list[Plan], kept: RowsByModel) -> HttpResponse:
        values = [
            f"{ContentType.objects.get_for_model(each.model).pk}-{stored_key(key)}"
            for each in plans
            for key in each.rows().order_by("pk").values_list("pk", flat=True)
        ]
        context = {
            **confirmation.context(plans),
            "kept": [confirmation.counted(model, rows.count()) for model, rows in kept],
            "action_url": self.own_url(),
            "back_url": self.own_url(),
            "hidden": {"action": "anonymise", "term": request.POST.get("term", ""), PACKED: pack(values)},
            "back": [(name, value) for name in ("term", *TICKS) for value in request.POST.getlist(name)],
        }
        return self.render(request, confirmation.templates(self.opts), context)

    def _can_anonymise(self, request: HttpRequest, model: type[Model]) -> bool:
        return can_be_anonymised(model) and may_anonymise(request, self.admin_site, model)

    def _viewable_models(self, request: HttpRequest) -> list[type[Model]]:
        return [model for model in registry.models if may_view(request, self.admin_site, model)]

    def _selected(self, request: HttpRequest) -> RowsByModel:
        """The rows that are selected, by model, of as many as a form may name."""
        keys, whole, _failed = self._posted(request)
        for model, matches in whole.items():
            keys[model] += matches.values_list("pk", flat=True)[: LARGEST_SELECTION + 1]
        check_size(sum(map(len, keys.values())))
        return [(model, _rows(model, selected)) for model, selected in keys.items()]

    def _posted(
        self, request: HttpRequest
    ) -> tuple[dict[type[Model], list[Any]], dict[type[Model], QuerySet[Any]], Failed]:
        """By model, the keys whose checkboxes are ticked, what the term finds where that of a whole table is, and why
        that could not be searched.

        The box of a table, or that of everything, adds to the boxes of rows: one without a tick takes nothing away.
        Raises ``SelectionError`` if a value is not one of the page's, ``PermissionDenied`` if the user may not view
        one of the rows. A message names the models that could not be searched.
        """
        models = _models_by_content_type()
        keys = self._ticked(request, models)
        whole = [self._viewable(request, models.get(kind)) for kind in request.POST.getlist("all")]
        if "everything" in request.POST:
            whole += self._viewable_models(request)
        wanted, failed = self._found(request, whole)
        for model, error in failed.items():
            self.message_user(request, f"{_could_not_be_searched(model, error)} {_LEFT_OUT}", messages.WARNING)
        return keys, wanted, failed

    def _ticked(self, request: HttpRequest, models: dict[str, type[Model]]) -> dict[type[Model], list[Any]]:
        keys: dict[type[Model], list[Any]] = defaultdict(list)
        for value in posted(request, "obj_pk"):
            kind, _dash, text = value.partition("-")
            model = self._viewable(request, models.get(kind))
            keys[model].append(key_from_text(model, text))
        for model, ticked in keys.items():
            if not may_view_all(request, self.admin_site, _rows(model, ticked)):
                raise PermissionDenied
        return keys

    def _found(
        self, request: HttpRequest, models: list[type[Model]]
    ) -> tuple[dict[type[Model], QuerySet[Any]], Failed]:
        """What the term finds of ``models``, without the rows about the people that it finds; and what failed."""
        failed: Failed = {}
        form = SearchForm(request.POST)
        if not models or not form.is_valid():
            return {}, failed
        viewable = self._viewable_models(request)
        rows = search(request, self.admin_site, form.cleaned_data["term"], viewable, failed).others
        wanted = {}
        for model, matches in rows:
            with noted(failed, model, matches.db):
                # Every row is compared, while the page can still say that this failed.
                if model in models and is_at_home(model, matches) and matches.count():
                    wanted[model] = matches
        return wanted, {model: error for model, error in failed.items() if model in models}

    def _viewable(self, request: HttpRequest, model: type[Model] | None) -> type[Model]:
        if model is None:
            raise SelectionError(not_a_selection())
        if not may_view(request, self.admin_site, model):
            raise PermissionDenied
        return model

    def render(self, request: HttpRequest, templates: list[str], context: dict[str, Any]) -> TemplateResponse:
        request.current_app = self.admin_site.name
        common = self.admin_site.each_context(request)
        return TemplateResponse(request, templates, {**common, "opts": self.opts, **context})

    def own_url(self) -> str:
        return reverse("admin:gdpr_assist_personaldata_changelist", current_app=self.admin_site.name)


def _could_not_be_searched(model: type[Model], error: str) -> str:
    """Say so; ``error`` is the name of a class, since what an error says may hold the term."""
    return _("The model %(model)s could not be searched (%(error)s).") % {"model": model._meta.label, "error": error}


def _models_by_content_type() -> dict[str, type[Model]]:
    kinds = ContentType.objects.get_for_models(*registry.models)
    return {str(kind.pk): model for model, kind in kinds.items()}


def _rows(model: type[Model], keys: Iterable[Any]) -> QuerySet[Any]:
    """The rows themselves, soft-deleted ones too, from where they would be erased."""
    return all_rows(model, router.db_for_write(model)).filter(pk__in=list(dict.fromkeys(keys))).order_by("pk")


def _either(model: type[Model], keys: list[Any], matches: QuerySet[Any] | None) -> QuerySet[Any]:
    """The rows that are ticked, or what the term finds, or both if it does not find a ticked one any more."""
    if matches is None:
        return _rows(model, keys)
    matches = matches.using(router.db_for_write(model))
    strays = set(keys).difference(matches.filter(pk__in=keys).values_list("pk", flat=True))
    if not strays:
        return matches
    condition = Q(pk__in=list(strays)) | Q(pk__in=matches.order_by().values("pk"))
    return all_rows(model, matches.db).filter(condition)
