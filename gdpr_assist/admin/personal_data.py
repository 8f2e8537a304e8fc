"""The Personal data tool: search all models, then export or anonymise what is selected. Writes no personal data.

Each page is shown by a GET, and can be reloaded and come back to. What is posted is kept as an errand, of which the id
is in the path of the next page: see ``asked``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..conf import task_backend
from ..declaring.search import LONGEST_TERM
from ..loading import at_first_call
from ..registry import registry
from . import operations
from .asked import Choice, Kind, OverError, Search, became_of, keep, kept
from .denied import Denied, explaining
from .exports import FORMATS
from .page import guarded, outside_transactions
from .permissions import ANONYMISE, EXPORT, SEARCH, may_use
from .refusals import REFUSALS, left_out, told
from .selection import SelectionError, page_number, posted

if TYPE_CHECKING:
    from .anonymising import anonymise
    from .background import led_by, own_jobs
    from .choosing import chosen
    from .finds import found
    from .job_page import about_job
    from .languages import languages
    from .over import page as over_page
    from .person_view import about_person
    from .picked import named, selected, viewable_models
    from .search_export import export
    from .searched import kinds

    Base = admin.ModelAdmin[Any]
else:
    about_job = at_first_call("gdpr_assist.admin.job_page.about_job")
    about_person = at_first_call("gdpr_assist.admin.person_view.about_person")
    anonymise = at_first_call("gdpr_assist.admin.anonymising.anonymise")
    chosen = at_first_call("gdpr_assist.admin.choosing.chosen")
    export = at_first_call("gdpr_assist.admin.search_export.export")
    found = at_first_call("gdpr_assist.admin.finds.found")
    kinds = at_first_call("gdpr_assist.admin.searched.kinds")
    languages = at_first_call("gdpr_assist.admin.languages.languages")
    led_by = at_first_call("gdpr_assist.admin.background.led_by")
    named = at_first_call("gdpr_assist.admin.picked.named")
    own_jobs = at_first_call("gdpr_assist.admin.background.own_jobs")
    over_page = at_first_call("gdpr_assist.admin.over.page")
    selected = at_first_call("gdpr_assist.admin.picked.selected")
    viewable_models = at_first_call("gdpr_assist.admin.picked.viewable_models")

    Base = admin.ModelAdmin

_OVER = gettext_lazy("This search is over. Please search again.")


def check_encodable(term: str) -> None:
    """Raise ``ValidationError`` for half of a pair of surrogates, which no database takes."""
    try:
        term.encode()
    except UnicodeEncodeError:
        raise ValidationError(_("This is no text.")) from None


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
        validators=[check_encodable],
        widget=AdminTextInputWidget(attrs={"autocomplete": "off"}),
    )


class PersonalDataAdmin(Base):
    """Its pages in place of the list, and no others: the model has no table.

    What a user may do with it, ``permissions`` says, and only with rows of models that they may view or change anyway.
    Rows that a model's admin hides from its list (soft-deleted ones) are found.
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
        pages: list[tuple[str, Any, str]] = [
            ("", self.changelist_view, "changelist"),
            ("search/<str:errand>/", self.search_view, "search"),
            ("person/<str:errand>/", self.person_view, "person"),
            ("confirm/<str:errand>/", self.confirm_view, "confirm"),
            ("job/<uuid:job>/", self.job_view, "job"),
        ]
        return [
            path(
                route, outside_transactions(self.admin_site.admin_view(view)), name=f"gdpr_assist_personaldata_{name}"
            )
            for route, view, name in pages
        ]

    # An error report would hold what was searched for.
    @method_decorator(guarded)
    @explaining
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Show the empty form; of what is posted, search for the term, or do with the rows what ``action`` says."""
        self._check_permission(request)
        if request.method != "POST":
            return self._page(request)
        return self._done(request, Search(term=request.POST.get("term", "")))

    @method_decorator(guarded)
    @explaining
    def search_view(self, request: HttpRequest, errand: str) -> HttpResponseBase:
        """Show what a search finds, or do with what is ticked what ``action`` says."""

        def answer(asked: Search) -> HttpResponseBase:
            if request.method != "POST":
                return self._page(request, asked, errand)
            return self._done(request, asked, errand)

        return self._about(request, Search, errand, answer)

    @method_decorator(guarded)
    @explaining
    def person_view(self, request: HttpRequest, errand: str) -> HttpResponseBase:
        """Show the page of one person, or export or erase what is on it."""

        def answer(choice: Choice) -> HttpResponseBase:
            try:
                return about_person(self, request, choice, errand)
            except REFUSALS as error:
                self.message_user(request, told(error), messages.ERROR)
                return self._results_of(request, choice)

        return self._about(request, Choice, errand, answer)

    @method_decorator(guarded)
    @explaining
    def confirm_view(self, request: HttpRequest, errand: str) -> HttpResponseBase:
        """Say what an erasure of the selected rows does, or do it if that is confirmed."""

        def answer(asked: Search) -> HttpResponseBase:
            if not asked.keys:
                raise OverError
            self._check_may_anonymise(request)
            try:
                return anonymise(self, request, named(request, self.admin_site, asked.keys), asked, errand)
            except REFUSALS as error:
                self.message_user(request, told(error), messages.ERROR)
                return self._page(request, asked, errand)

        return self._about(request, Search, errand, answer)

    @method_decorator(guarded)
    @explaining
    def job_view(self, request: HttpRequest, job: UUID) -> HttpResponseBase:
        """Show how far a job of this user is, or send the zip that it has made."""
        self._check_permission(request)
        try:
            answer: HttpResponseBase = about_job(self, request, job)
        except REFUSALS as error:
            self.message_user(request, told(error), messages.ERROR)
            answer = self._page(request, status=503)
        return answer

    def _about(
        self, request: HttpRequest, kind: type[Kind], errand: str, answer: Callable[[Kind], HttpResponseBase]
    ) -> HttpResponseBase:
        """Return the answer about what an errand holds; the empty form if that is over, or cannot be read.

        Who confirms something twice is shown what was done, and who comes back to it, what it has led to.
        """
        self._check_permission(request)
        try:
            if operations.is_done(operation := operations.posted(request, self.admin_site)):
                self.message_user(request, operations.done_before(), messages.INFO)
                return operations.led(self, request, operation)
            if operation and (taken := led_by(self, request, operation)):
                return taken
            return answer(kept(request, self.admin_site.name, kind, errand))
        except OverError:
            if done := became_of(request, self.admin_site.name, errand):
                return over_page(self, request, done)
            self.message_user(request, _OVER, messages.WARNING)
        except REFUSALS as error:
            self.message_user(request, told(error), messages.ERROR)
        return self._page(request, status=400)

    def _check_permission(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise Denied(SEARCH)

    def _check_may_anonymise(self, request: HttpRequest) -> None:
        if not self.has_change_permission(request):
            raise Denied(ANONYMISE)

    def _done(self, request: HttpRequest, asked: Search, errand: str = "") -> HttpResponseBase:
        """Do what was posted about a search. After an error, what was ticked still is."""
        try:
            asked = asked.with_ticks(request)
            return self._act(request, asked, errand)
        except REFUSALS as error:
            self.message_user(request, told(error), messages.ERROR)
        return self._page(request, asked, errand)

    def _act(self, request: HttpRequest, asked: Search, errand: str) -> HttpResponseBase:
        action = request.POST.get("action")
        if not request.POST.keys().isdisjoint({"person", "guest"}):
            return self._person(request, asked, errand)
        if action == "export":
            return export(self, request, self._asked(request, asked), errand)
        if action == "anonymise":
            self._check_may_anonymise(request)
            rows, failed = selected(request, self.admin_site, self._asked(request, asked))
            for text in left_out(failed):
                self.message_user(request, text, messages.WARNING)
            return anonymise(self, request, rows, replace(asked, term=self._term(asked)), errand)
        if action:
            raise SelectionError(_("No such action. Nothing was changed."))
        if not (term := self._term(asked)):
            return self._page(request, asked, errand)
        asked = replace(asked, term=term, ticked=() if "untick" in request.POST else asked.ticked)
        page = page_number(request.POST.get("page"))
        url = self.url_of("search", self._kept(request, asked, errand))
        return HttpResponseRedirect(f"{url}?page={page}" if page > 1 else url)

    def _kept(self, request: HttpRequest, asked: Search, errand: str) -> str:
        """Return the id of an errand for ``asked``: ``errand`` itself if that holds just this."""
        if errand and asked == kept(request, self.admin_site.name, Search, errand):
            return errand
        return keep(request, self.admin_site.name, asked, after=errand)

    def _person(self, request: HttpRequest, asked: Search, errand: str) -> HttpResponseBase:
        """Lead to the page of the person who was posted; with an ``action``, do that."""
        choice = Choice.posted(request, self._term(asked))
        if request.POST.get("action"):
            answer: HttpResponseBase = about_person(self, request, choice)
            return answer
        chosen(request, self.admin_site, choice)
        if errand:
            errand = self._kept(request, asked, errand)
            choice = replace(choice, before=kept(request, self.admin_site.name, Search, errand).before)
        return self.to_person(request, choice, errand)

    def to_person(self, request: HttpRequest, choice: Choice, errand: str = "") -> HttpResponseBase:
        """Return what leads to the page of a person; ``errand`` is the id of the search that found her."""
        found = keep(request, self.admin_site.name, choice, after=errand)
        return HttpResponseRedirect(self.url_of("person", found))

    def _results_of(self, request: HttpRequest, choice: Choice) -> TemplateResponse:
        """Return the page of the search that led to somebody."""
        for errand in choice.before[-1:]:
            try:
                return self._page(request, kept(request, self.admin_site.name, Search, errand), errand)
            except OverError:
                break
        return self._page(request)

    def _page(
        self, request: HttpRequest, asked: Search | None = None, errand: str = "", *, status: int = 200
    ) -> TemplateResponse:
        try:
            return self._results(request, asked, errand, status)
        except REFUSALS as error:
            self.message_user(request, told(error), messages.ERROR)
            return self._results(request, None, "", status)

    def _results(self, request: HttpRequest, asked: Search | None, errand: str, status: int) -> TemplateResponse:
        """Return the page with its form, and with what is found if there is a term."""
        is_bound = asked is not None and bool(asked.term or "term" in request.POST)
        form = SearchForm({"term": asked.term} if asked and is_bound else None)
        asked = asked or Search()
        models: list[type[Model]] = viewable_models(request, self.admin_site)
        context = {
            "title": _("Personal data"),
            "form": form,
            "term": None,
            "people": [],
            "tables": [],
            "failed": [],
            "kinds": kinds(models),
            "unseen": kinds(model for model in registry.models if model not in models),
            "not_searched": len(registry.models) - len(models),
            "may_export": self.has_export_permission(request),
            "may_anonymise": self.has_change_permission(request),
            "own_url": self.own_url(),
            "jobs": own_jobs(self, request) if task_backend() else [],
            # What was ticked still is, after an error or on the way back from another page.
            "ticked": set(asked.ticked),
        }
        if is_bound and form.is_valid():
            asked = replace(asked, term=form.cleaned_data["term"])
            errand = errand or keep(request, self.admin_site.name, asked)
            context |= found(request, self.admin_site, asked, models)
            context["results_url"] = self.url_of("search", errand)
        # With results, the keyboard of a phone would open over them.
        form.fields["term"].widget.attrs["autofocus"] = not context["tables"] and not context["people"]
        return self.render(request, ["admin/gdpr_assist/personaldata/search.html"], context, status=status)

    def _term(self, asked: Search) -> str:
        """Return the term if it is one, else nothing."""
        form = SearchForm({"term": asked.term})
        return str(form.cleaned_data["term"]) if form.is_valid() else ""

    def _asked(self, request: HttpRequest, asked: Search) -> Search:
        """Return the search with what a form has packed into one field, too."""
        ticked = dict.fromkeys([*asked.ticked, *posted(request, "obj_pk")])
        return replace(asked, term=self._term(asked), ticked=tuple(ticked))

    def render(
        self, request: HttpRequest, templates: list[str], context: dict[str, Any], *, status: int = 200
    ) -> TemplateResponse:
        request.current_app = self.admin_site.name
        common = self.admin_site.each_context(request)
        ours = {"opts": self.opts, "formats": FORMATS.items(), "languages": languages()}
        return TemplateResponse(request, templates, {**common, **ours, **context}, status=status)

    def url_of(self, purpose: str, errand: str) -> str:
        """Return the address of a page of an errand."""
        name = f"admin:gdpr_assist_personaldata_{purpose}"
        return reverse(name, args=[errand], current_app=self.admin_site.name)

    def own_url(self) -> str:
        return reverse("admin:gdpr_assist_personaldata_changelist", current_app=self.admin_site.name)
