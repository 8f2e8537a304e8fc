"""Each kind of user at each page of the tool: what docs/reference/admin.rst says of permissions, row by row.

``CELLS`` says what a request takes, in the order in which it is asked for, and what is then answered. What a user has
stands in ``USERS``. Nothing here is taken from what the pages answer.
"""

import uuid
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.base import ContentFile
from django.test import Client, RequestFactory
from django.utils import timezone

from gdpr_assist.admin.asked import Choice, Done, Search, forget, keep
from gdpr_assist.erasure import erase
from gdpr_assist.jobs import files, keeping
from gdpr_assist.planning.plans import plan
from gdpr_assist.registry import Registry, registry
from gdpr_assist.tables import Export, Job
from tests import databases
from tests.admin.conftest import CUSTOMERS, OPERATIONS, TOOL
from tests.admin.pages import Forms, obj_pk
from tests.apps.people.models import Account, Sale, SaleLine
from tests.apps.shop.models import Customer
from tests.people import account, sale

EXPORTS = "/shop/gdpr_assist/export/"
ACCOUNTS = "/shop/people/account/"

pytestmark = pytest.mark.django_db(databases=["default", "other", "gdpr_log"])

# -- what is answered ------------------------------------------------------------------------------

LOGIN = "led to the login"
DENIED = "a page that names the permission"
REFUSED = "a page that says no to these rows"
PLAIN = "Django's own page for what is forbidden"
PAGE = "a page"
LED = "led to a page"
UNKNOWN = "a page that says that nobody known is meant"
LEFT = "a page that says that none of the rows can be anonymised"
NOT_FOUND = "not found"
ZIP = "a zip"
DONE = "done"

MESSAGES = {
    UNKNOWN: "Whose this is is not known, or not for you to see.",
    LEFT: "None of the selected rows can be anonymised.",
}

# Only these change anything.
CHANGES = {ZIP, DONE}

# -- what a user needs -----------------------------------------------------------------------------

SEARCH, EXPORT, ANONYMISE, ERASURES = "search", "export", "anonymise", "see erasures"

# {what is done with the tool: the permissions of which one is enough, with GDPR_TOOL_PERMISSIONS and without}
OF_TOOL = {
    SEARCH: ({"search_personaldata"}, {"view_personaldata", "change_personaldata"}),
    EXPORT: ({"export_personaldata"}, {"view_personaldata", "change_personaldata"}),
    ANONYMISE: ({"anonymise_personaldata"}, {"change_personaldata"}),
    ERASURES: ({"view_erasures"}, {"view_erasures", "view_personaldata", "change_personaldata"}),
}

# Whoever may change rows may view them, as everywhere in the admin.
VIEWING = {"view", "change"}


class Of(NamedTuple):
    """A permission of a model, and what is answered where it is lacking."""

    model: str
    action: str
    otherwise: str = DENIED

    @property
    def enough(self):
        actions = VIEWING if self.action == "view" else {self.action}
        return {f"{each}_{self.model}" for each in actions}

    @property
    def name(self):
        app = "shop" if self.model == "customer" else "people"
        return f"{app}.{self.action}_{self.model}"


class Row(NamedTuple):
    """That the admin of the model lets the user have the row: some of them let superusers alone, or nobody."""

    superusers: bool
    otherwise: str = REFUSED


class Nobody(NamedTuple):
    otherwise: str


class Cell(NamedTuple):
    what: str
    send: Any
    """Takes the visit, sends the request, and returns the response."""

    needs: list[Any]
    answer: str
    is_done: Any = None
    """Takes the visit, after ``DONE``."""


# -- who -------------------------------------------------------------------------------------------

MODELS = ("customer", "account", "sale", "saleline")


def of_models(*actions):
    return {f"{action}_{model}" for action in actions for model in MODELS}


TOOL_PERMISSIONS = {
    "with nothing": set(),
    "who searches": {"search_personaldata"},
    "who exports and may not search": {"export_personaldata"},
    "who anonymises and may not search": {"anonymise_personaldata"},
    "who sees erasures": {"view_erasures"},
    "who searches and exports": {"search_personaldata", "export_personaldata"},
    "who searches and anonymises": {"search_personaldata", "anonymise_personaldata"},
    "who may all": {"search_personaldata", "export_personaldata", "anonymise_personaldata", "view_erasures"},
    "who may view, as in 1.x": {"view_personaldata"},
    "who may change, as in 1.x": {"change_personaldata"},
}
MODEL_PERMISSIONS = {
    "no rows": set(),
    "rows to view": of_models("view"),
    "rows to change": of_models("view", "change"),
    "rows to view and delete": of_models("view", "delete"),
    "rows to change and delete": of_models("view", "change", "delete"),
}


class Kind(NamedTuple):
    """Somebody, with permissions of the tool and of the models."""

    name: str
    permissions: set[str]
    is_staff: bool = True
    is_superuser: bool = False

    def has(self, enough):
        return self.is_superuser or bool(self.permissions & enough)


EVERY = set().union(*TOOL_PERMISSIONS.values(), *MODEL_PERMISSIONS.values())
VISITOR = Kind("a visitor", set(), is_staff=False)
MOST = "rows to change and delete"


def staff(tool, models):
    return Kind(f"staff {tool}, {models}", TOOL_PERMISSIONS[tool] | MODEL_PERMISSIONS[models])


USERS = [
    VISITOR,
    Kind("somebody who is no staff", EVERY, is_staff=False),
    Kind("a superuser", set(), is_superuser=True),
    # What a permission of the tool does not let somebody do, it does not with whatever others.
    *(staff(tool, MOST) for tool in TOOL_PERMISSIONS),
    *(
        staff(tool, models)
        for tool in ("who searches and exports", "who may all")
        for models in ("no rows", "rows to view")
    ),
    *(staff("who searches and anonymises", models) for models in MODEL_PERMISSIONS if models != MOST),
    staff("with nothing", "no rows"),
]
IN_1X = [
    *USERS[:3],
    *(staff(tool, MOST) for tool in ("with nothing", "who may all", "who sees erasures")),
    *(staff("who may view, as in 1.x", models) for models in ("no rows", "rows to view", MOST)),
    *(staff("who may change, as in 1.x", models) for models in MODEL_PERMISSIONS),
]
VISITS = [*((kind, True) for kind in USERS), *((kind, False) for kind in IN_1X)]


# -- the rule --------------------------------------------------------------------------------------


def expected(user, cell, has_own):
    """Return what is answered, and the permissions that the page names, of which one is enough."""
    if not user.is_staff and not user.is_superuser:
        return LOGIN, set()
    for need in cell.needs:
        if isinstance(need, str):
            enough = OF_TOOL[need][0 if has_own else 1]
            if not user.has(enough):
                return DENIED, {f"gdpr_assist.{each}" for each in enough}
        elif isinstance(need, Of) and not user.has(need.enough):
            return need.otherwise, {need.name} if need.otherwise == DENIED else set()
        elif isinstance(need, Nobody) or (isinstance(need, Row) and not (need.superusers and user.is_superuser)):
            return need.otherwise, set()
    return cell.answer, set()


def seen(response):
    """Return which of the answers a response is."""
    if response.status_code == 302:
        return LOGIN if response.url.startswith("/shop/login/") else LED
    if response.status_code == 403:
        if response.templates and response.templates[0].name == "admin/gdpr_assist/denied.html":
            return DENIED if response.context["missing"] else REFUSED
        return PLAIN
    if response.status_code == 200 and response.get("Content-Type") == "application/zip":
        return ZIP
    if response.status_code == 200:
        text = response.content.decode()
        return next((answer for answer, message in MESSAGES.items() if message in text), PAGE)
    return {404: NOT_FOUND}[response.status_code]


# -- a visit: who, and the rows that there are -----------------------------------------------------


class Visit:
    def __init__(self, kind):
        self.kind, self.client, self.user = kind, Client(), None
        self.ada, self.bea, self.cay = (
            Customer.objects.create(name=name, email=f"{name}@quill.example") for name in ("Ada", "Bea", "Cay")
        )
        self.refused = Customer.objects.create(name="Dee", email="dee@quill.example", country="XX")
        # Dora's are for superusers to view, and Cleo's for them to change: see tests.admin.urls.
        self.gil, self.dora, self.cleo = (account(name) for name in ("gil", "dora", "cleo"))
        self.sales = {each: sale(each, recipient=each.email[:4].title()) for each in (self.gil, self.dora, self.cleo)}
        SaleLine.objects.create(sale=self.sales[self.gil], engraving="Gil")
        [erased] = erase([plan(Customer.objects.create(name="Eve", email="eve@quill.example"))])
        self.operation = f"{OPERATIONS}{erased.operation}/"
        self.export = f"{EXPORTS}{Export.objects.create(format='csv').pk}/"
        if kind is not VISITOR:
            self.log_in()
        self.job, self.waiting = self._job(is_export=True, state=Job.DONE), self._job(is_export=False)
        self.job_of_another = self._job(user="0", is_export=True, state=Job.DONE)

    def log_in(self):
        self.user = User.objects.create_user(
            "somebody", is_staff=self.kind.is_staff, is_superuser=self.kind.is_superuser
        )
        apps = ["gdpr_assist", "shop", "people"]
        names = Permission.objects.filter(codename__in=self.kind.permissions, content_type__app_label__in=apps)
        assert len(names) == len(self.kind.permissions)
        self.user.user_permissions.add(*names)
        self.client.force_login(self.user)

    def _job(self, **values):
        file = files.save(files.new_name(), ContentFile(b"PK of a job"))
        later = timezone.now() + keeping.VALID
        values = {"user": str(self.user.pk) if self.user else "0", "site": "shop_admin", "expires": later} | values
        return Job.objects.create(id=uuid.uuid4(), file=file, **values)

    def errand(self, asked):
        """Return the id of an errand of this user, as if a page had led there."""
        return keep(self._request(), "shop_admin", asked) if self.user else "a" * 43

    def _request(self):
        request = RequestFactory().get("/")
        request.user = self.user
        return request

    def post(self, url, **data):
        return self.client.post(url, data)

    def results(self):
        return f"{TOOL}search/{self.errand(Search(term='ada@quill.example'))}/"

    def confirming(self, row):
        return f"{TOOL}confirm/{self.errand(Search(keys=(obj_pk(row),)))}/"

    def person(self, row):
        return f"{TOOL}person/{self.errand(Choice(person=f'default/{obj_pk(row)}'))}/"

    def done_before(self):
        """Return the page of a person, of whom this user has done what there was to do."""
        url = self.person(self.gil)
        if self.user:
            forget(self._request(), "shop_admin", Choice(), url.split("/")[-2], Done(operation=""))
        return url

    def erase(self, row):
        """Press the button of the page of a person, or send what it would send where there is none."""
        url = self.person(row)
        return self._pressed(url, self.client.get(url), "person-form", action="erase")

    def confirm(self, row):
        """The same of the page that asks about a row that is selected."""
        url = self.confirming(row)
        return self._pressed(url, self.client.get(url), "anonymise-form", confirmed="yes")

    def confirm_customer(self, row):
        """The same of the page of the model's own admin."""
        url, selected = f"{CUSTOMERS}anonymise/", {"_selected_action": row.pk}
        return self._pressed(url, self.post(url, **selected), "anonymise-form", **selected, confirmed="yes")

    def _pressed(self, url, page, form, **data):
        sent = {}
        with suppress(KeyError):
            sent = dict(Forms(page).forms[form])
            del sent["csrfmiddlewaretoken"]
        return self.post(url, **{**sent, **data})


def get(url):
    return lambda visit: visit.client.get(url(visit) if callable(url) else url)


def post(url, **data):
    """``data`` may be functions that take the visit."""

    def send(visit):
        given = {name: value(visit) if callable(value) else value for name, value in data.items()}
        return visit.post(url(visit) if callable(url) else url, **given)

    return send


def gone(name):
    """Return whether the name of that customer is gone."""
    return lambda visit: not Customer.objects.filter(name=name).exists()


VIEW, CHANGE = Of("customer", "view"), Of("customer", "change")
PERSON = Of("account", "view", otherwise=UNKNOWN)
SEES_ALL = [Of(model, "view") for model in ("sale", "saleline")]
MAY_ERASE = [Of("account", "change"), Of("sale", "change"), Of("saleline", "delete")]


def row_of(name):
    return lambda visit: obj_pk(getattr(visit, name))


def job(name):
    return lambda visit: f"{TOOL}job/{getattr(visit, name).pk}/"


CELLS = [
    # The tool
    Cell("the empty form", get(TOOL), [SEARCH], PAGE),
    Cell("a search", post(TOOL, term="ada@quill.example"), [SEARCH], LED),
    Cell("results", get(Visit.results), [SEARCH], PAGE),
    Cell("another search", post(Visit.results, term="bea@quill.example"), [SEARCH], LED),
    Cell("no such action", post(TOOL, action="delete", obj_pk=row_of("ada")), [SEARCH], PAGE),
    Cell("export", post(TOOL, action="export", obj_pk=row_of("ada")), [SEARCH, EXPORT, VIEW], ZIP),
    Cell(
        "export of a row that is hidden",
        post(TOOL, action="export", obj_pk=lambda visit: obj_pk(visit.sales[visit.dora])),
        [SEARCH, EXPORT, Of("sale", "view"), Row(superusers=True)],
        ZIP,
    ),
    Cell(
        "anonymise",
        post(TOOL, action="anonymise", obj_pk=row_of("ada")),
        [SEARCH, ANONYMISE, VIEW, CHANGE._replace(otherwise=LEFT)],
        LED,
    ),
    Cell(
        "anonymise from the results",
        post(Visit.results, action="anonymise", obj_pk=row_of("ada")),
        [SEARCH, ANONYMISE, VIEW, CHANGE._replace(otherwise=LEFT)],
        LED,
    ),
    Cell(
        "anonymise a row that the admin refuses",
        post(TOOL, action="anonymise", obj_pk=row_of("refused")),
        [SEARCH, ANONYMISE, VIEW, CHANGE._replace(otherwise=LEFT), Row(superusers=False)],
        LED,
    ),
    Cell(
        "anonymise a row that superusers alone may change",
        post(TOOL, action="anonymise", obj_pk=lambda visit: obj_pk(visit.sales[visit.cleo])),
        [SEARCH, ANONYMISE, Of("sale", "view"), Of("sale", "change", otherwise=LEFT), Row(superusers=True)],
        LED,
    ),
    Cell(
        "the page that asks",
        get(lambda visit: visit.confirming(visit.ada)),
        [SEARCH, ANONYMISE, VIEW, CHANGE._replace(otherwise=LEFT)],
        PAGE,
    ),
    Cell(
        "yes, anonymise",
        lambda visit: visit.confirm(visit.ada),
        [SEARCH, ANONYMISE, VIEW, CHANGE._replace(otherwise=LEFT)],
        DONE,
        gone("Ada"),
    ),
    Cell(
        "yes, anonymise what the admin refuses",
        lambda visit: visit.confirm(visit.refused),
        [SEARCH, ANONYMISE, VIEW, CHANGE._replace(otherwise=LEFT), Row(superusers=False)],
        DONE,
    ),
    # One person
    Cell(
        "show this person",
        post(TOOL, person=lambda visit: f"default/{obj_pk(visit.gil)}"),
        [SEARCH, PERSON],
        LED,
    ),
    Cell("a person", get(lambda visit: visit.person(visit.gil)), [SEARCH, PERSON], PAGE),
    Cell(
        "export of a person",
        post(lambda visit: visit.person(visit.gil), action="export"),
        [SEARCH, PERSON, EXPORT, *SEES_ALL],
        ZIP,
    ),
    Cell(
        "export of a person with a row that is hidden",
        post(lambda visit: visit.person(visit.dora), action="export"),
        [SEARCH, PERSON, EXPORT, SEES_ALL[0], Row(superusers=True)],
        ZIP,
    ),
    Cell(
        "erase a person",
        lambda visit: visit.erase(visit.gil),
        [SEARCH, PERSON, ANONYMISE, *SEES_ALL, *MAY_ERASE],
        DONE,
        lambda visit: not Account.objects.filter(email=visit.gil.email).exists(),
    ),
    Cell(
        "erase a person with a row that superusers alone may change",
        lambda visit: visit.erase(visit.cleo),
        [SEARCH, PERSON, ANONYMISE, SEES_ALL[0], *MAY_ERASE[:2], Row(superusers=True)],
        DONE,
        lambda visit: not Account.objects.filter(email=visit.cleo.email).exists(),
    ),
    Cell("what is done", get(Visit.done_before), [SEARCH], PAGE),
    # In the background
    Cell("a job", get(job("job")), [SEARCH], PAGE),
    Cell("the zip of a job", post(job("job")), [SEARCH, EXPORT], ZIP),
    Cell(
        "a job, withdrawn",
        post(job("waiting"), action="withdraw"),
        [SEARCH],
        DONE,
        lambda visit: Job.objects.get(pk=visit.waiting.pk).state == Job.NEVER,
    ),
    Cell("another's job", get(job("job_of_another")), [SEARCH, Nobody(NOT_FOUND)], PAGE),
    Cell("the zip of another's job", post(job("job_of_another")), [SEARCH, Nobody(NOT_FOUND)], ZIP),
    # What was erased and exported
    Cell("erasures", get(OPERATIONS), [ERASURES], PAGE),
    Cell("erasures, posted to", post(OPERATIONS), [ERASURES], PAGE),
    Cell("an erasure", get(lambda visit: f"{visit.operation}change/"), [ERASURES], PAGE),
    Cell("an erasure, posted to", post(lambda visit: f"{visit.operation}change/"), [ERASURES], PAGE),
    Cell("a receipt", get(lambda visit: f"{visit.operation}receipt/"), [ERASURES], PAGE),
    Cell(
        "a receipt with a reference", post(lambda visit: f"{visit.operation}receipt/", reference="7"), [ERASURES], PAGE
    ),
    Cell("exports", get(EXPORTS), [ERASURES], PAGE),
    Cell("exports, posted to", post(EXPORTS), [ERASURES], PAGE),
    Cell("an export", get(lambda visit: f"{visit.export}change/"), [ERASURES], PAGE),
    Cell("an export, posted to", post(lambda visit: f"{visit.export}change/"), [ERASURES, Nobody(REFUSED)], PAGE),
    Cell("the history of an export", get(lambda visit: f"{visit.export}history/"), [ERASURES], PAGE),
    *(
        Cell(f"{page} of what is only looked at, {send.__name__}", send(url), [Nobody(NOT_FOUND)], PAGE)
        for page, url in {
            "adding one": f"{EXPORTS}add/",
            "deleting one": lambda visit: f"{visit.export}delete/",
            "adding an erasure": f"{OPERATIONS}add/",
            "deleting an erasure": lambda visit: f"{visit.operation}delete/",
            "adding personal data": f"{TOOL}add/",
        }.items()
        for send in (get, post)
    ),
    # A model's own admin
    Cell("the list of customers", get(CUSTOMERS), [VIEW._replace(otherwise=PLAIN)], PAGE),
    Cell(
        "the action",
        post(CUSTOMERS, action="anonymise", _selected_action=lambda visit: visit.bea.pk),
        [VIEW._replace(otherwise=PLAIN), CHANGE._replace(otherwise=LED)],  # with a message: it is not in the list
        PAGE,
    ),
    Cell(
        "the action with what the admin refuses",
        post(CUSTOMERS, action="anonymise", _selected_action=lambda visit: visit.refused.pk),
        [VIEW._replace(otherwise=PLAIN), CHANGE._replace(otherwise=LED), Row(superusers=False)],
        PAGE,
    ),
    Cell("the page that asks, gone to", get(f"{CUSTOMERS}anonymise/"), [CHANGE], LED),
    Cell(
        "the page that asks for customers",
        post(f"{CUSTOMERS}anonymise/", _selected_action=lambda visit: visit.bea.pk),
        [CHANGE],
        PAGE,
    ),
    Cell(
        "yes, anonymise a customer",
        lambda visit: visit.confirm_customer(visit.bea),
        [CHANGE],
        DONE,
        gone("Bea"),
    ),
    Cell(
        "yes, anonymise a customer whom the admin refuses",
        lambda visit: visit.confirm_customer(visit.refused),
        [CHANGE, Row(superusers=False)],
        DONE,
    ),
    Cell(
        "the history of a customer",
        get(lambda visit: f"{CUSTOMERS}{visit.cay.pk}/history/"),
        [VIEW._replace(otherwise=PLAIN)],
        PAGE,
    ),
    Cell(
        "the page of an account",
        get(lambda visit: f"{ACCOUNTS}{visit.dora.pk}/change/"),
        [Of("account", "view", otherwise=PLAIN)],
        PAGE,
    ),
]


@pytest.fixture
def few_models(monkeypatch):
    """Leave the models out that no row is of: pages of people look at each."""
    of_rows = (Customer, Account, Sale, SaleLine)
    models = [each for each in registry.models if each in of_rows]
    monkeypatch.setattr(Registry, "models", property(lambda self: list(models)))


@pytest.mark.parametrize(
    ("kind", "has_own"), VISITS, ids=[f"{kind.name}{'' if has_own else ', as in 1.x'}" for kind, has_own in VISITS]
)
def test_each_page_answers_as_the_docs_say(kind, has_own, settings, few_models):
    settings.GDPR_TOOL_PERMISSIONS = has_own
    settings.GDPR_EXPORT_STORAGE = "private"
    settings.STORAGES = {**settings.STORAGES, "private": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
    visit = Visit(kind)
    answers = [(cell, *expected(kind, cell, has_own)) for cell in CELLS]
    before = databases.all_contents()
    for cell, answer, named in answers:
        if answer not in CHANGES:
            response = cell.send(visit)
            assert (seen(response), cell.what) == (answer, cell.what)
            if named:
                assert {name for name, _text in response.context["missing"]} == named, cell.what
                assert all(each in response.content.decode() for each in named), cell.what
    after = databases.all_contents()
    assert {key for key in before | after if before.get(key) != after.get(key)} == set()
    for cell, answer, _named in answers:
        if answer == ZIP:
            response = cell.send(visit)
            assert (seen(response), cell.what) == (ZIP, cell.what)
            assert response.getvalue().startswith(b"PK")
        elif answer == DONE:
            assert not cell.is_done(visit), cell.what
            response = cell.send(visit)
            assert (seen(response), cell.is_done(visit), cell.what) == (LED, True, cell.what)
