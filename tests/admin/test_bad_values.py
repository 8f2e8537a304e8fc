"""What no page sends, and what was right once: a message or a 400, never an error, and nothing changes."""

import asyncio
import io
import zipfile
from datetime import timedelta
from itertools import cycle
from unittest import mock
from urllib.parse import quote, urlencode

import django
import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.core.handlers.asgi import ASGIHandler
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone

from gdpr_assist import errands
from gdpr_assist.admin import background, confirmation
from gdpr_assist.erasure import erase
from gdpr_assist.models import Errand, Job
from gdpr_assist.planning.plans import plan
from gdpr_assist.registry import Registry, registry
from gdpr_assist.tables import Export
from tests import databases
from tests.admin import queue
from tests.admin.conftest import CUSTOMERS, OPERATIONS, TOOL
from tests.admin.pages import Forms, obj_pk, said
from tests.admin.test_permission_matrix import EXPORTS
from tests.apps.people.models import Account, Sale, SaleLine
from tests.apps.shop.models import Customer, Order
from tests.people import account, sale

pytestmark = pytest.mark.django_db(databases=["default", "other", "gdpr_log"])

MARKUP = "<script>alert(1)</script>"
FORM = "application/x-www-form-urlencoded"

# As the bytes of a form: percent-encoded, so that there may be half of a pair of surrogates, too.
VALUES = {
    "nothing": "",
    "a word": "abc",
    "a dash": "-",
    "NUL": "%00",
    "a key with NUL": "1-%00",
    "half of a pair": "%ED%A0%80",
    "half of a pair, in JSON": quote(r'["\ud800"]'),
    "no UTF-8": "%FF%FE",
    "huge": "9" * 40,
    "a megabyte": "a" * 1_000_000,
    "negative": "-1",
    "a number that is none": "1e9",
    "other digits": quote("٣"),
    "markup": quote(MARKUP),
    "SQL": quote("1 OR 1=1; --"),
    "JSON cut off": quote("[["),
    "JSON of another kind": quote('{"a": [1]}'),
    "signed by nobody": quote("eyJhIjoxfQ:1abcde:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    "a key of no alias": quote("nowhere/1-1"),
    "a file": quote("../../etc/passwd"),
}


class NothingChanges:
    def __enter__(self):
        self.before = databases.all_contents()

    def __exit__(self, kind, error, trace):
        if error is None:
            after = databases.all_contents()
            assert {key for key in self.before | after if self.before.get(key) != after.get(key)} == set()


@pytest.fixture(autouse=True)
def _few_models(monkeypatch):
    """Leave the models out that no row is of: pages of people look at each."""
    of_rows = (Customer, Account, Sale, SaleLine, Order)
    models = [each for each in registry.models if each in of_rows]
    monkeypatch.setattr(Registry, "models", property(lambda self: list(models)))


@pytest.fixture
def gil(db):
    somebody = account("gil")
    sale(somebody)
    return somebody


@pytest.fixture
def others(db):
    return [Customer.objects.create(name=f"{name} Quill", email=f"{name}@quill.example") for name in ("Bea", "Cay")]


@pytest.fixture
def job(officer, ada, settings, monkeypatch, tmp_path):
    """Return the address of the page of an export that a worker has made."""
    private = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "private": private}
    settings.GDPR_EXPORT_STORAGE = "private"
    settings.GDPR_TASK_BACKEND, settings.GDPR_TASKS_FROM = "default", 1
    monkeypatch.setattr(background, "TASK", "tests.admin.queue.run")
    queue.waiting.clear()
    address = officer.post(TOOL, {"action": "export", "obj_pk": obj_pk(ada)}).url
    queue.deliver()
    settings.GDPR_TASKS_FROM = 10_000  # all that follows is done in the request
    return address


def hung_up_on(response, number):
    """Return the first pieces of a response that nobody reads on."""
    read = [piece for _number, piece in zip(range(number), response.streaming_content, strict=False)]
    for close in response._resource_closers:  # as close() does, which also ends the connections of a request
        close()
    return b"".join(read)


def form_of(page, name):
    fields = dict(Forms(page).forms[name])
    del fields["csrfmiddlewaretoken"]
    return fields


@pytest.fixture
def pages(officer, ada, gil, others, monkeypatch):
    """Return {what a button does: (address, what it sends)}."""
    monkeypatch.setattr(confirmation, "MOST_UNTYPED", 1)

    def led(**data):
        return officer.post(TOOL, data).url

    person = f"default/{obj_pk(gil)}"
    about, results, confirming = led(person=person), led(term=ada.email), led(action="anonymise", obj_pk=obj_pk(ada))
    view = f"{CUSTOMERS}anonymise/"
    asked = officer.post(view, {"_selected_action": [each.pk for each in others]})
    return {
        "search": (TOOL, {"term": ada.email}),
        "find": (TOOL, {"term": ada.email, "person": person}),
        "export": (TOOL, {"action": "export", "obj_pk": obj_pk(ada)}),
        "anonymise": (TOOL, {"action": "anonymise", "obj_pk": obj_pk(ada)}),
        "search again": (results, {"term": ada.email}),
        "export what is found": (results, {"action": "export", "obj_pk": obj_pk(ada)}),
        "anonymise what is found": (results, {"action": "anonymise", "obj_pk": obj_pk(ada)}),
        "confirm": (confirming, form_of(officer.get(confirming), "anonymise-form")),
        "export a person": (about, {"action": "export"}),
        "erase a person": (about, {**form_of(officer.get(about), "person-form"), "action": "erase", "number": "2"}),
        "act on customers": (CUSTOMERS, {"action": "anonymise", "_selected_action": ada.pk}),
        "select customers": (view, {"_selected_action": ada.pk}),
        "confirm customers": (view, {**form_of(asked, "anonymise-form"), "number": "2"}),
    }


# {kind of field: [(button, field)]}: each value is sent to one after the other.
KINDS = {
    "a term": [("search", "term"), ("search again", "term")],
    "the number of a page": [("search again", "page"), ("search", "page")],
    "a row": [
        ("export", "obj_pk"),
        ("anonymise", "obj_pk"),
        ("export what is found", "obj_pk"),
        ("anonymise what is found", "obj_pk"),
    ],
    "a table": [
        ("export", "all"),
        ("anonymise", "all"),
        ("export what is found", "all"),
        ("anonymise what is found", "all"),
    ],
    "several in one": [
        ("export", "selection"),
        ("anonymise what is found", "shown"),
        ("confirm customers", "selection"),
        ("search again", "shown"),
    ],
    "somebody": [
        ("find", "person"),
        ("search", "guest"),
        ("find", "party"),
        ("export a person", "include"),
        ("erase a person", "include"),
    ],
    "an action": [("search", "action"), ("search again", "action"), ("export a person", "action")],
    "a format": [("export", "format"), ("export a person", "format"), ("export what is found", "language")],
    "what is signed": [
        ("confirm", "operation"),
        ("erase a person", "operation"),
        ("confirm customers", "operation"),
    ],
    "a number that is typed": [("confirm customers", "number")],
    "a key": [("act on customers", "_selected_action"), ("select customers", "_selected_action")],
}

# A button does what it is for with nothing in these: each submit is an operation of its own, say.
OPTIONAL = {"operation", "language", "all", "selection", "shown", "include", "party"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_that_no_page_sends(officer, pages, kind):
    with NothingChanges():
        for (what, value), (page, field) in zip(VALUES.items(), cycle(KINDS[kind]), strict=False):
            if not value and field in OPTIONAL:
                continue
            path, data = pages[page]
            rest = urlencode({name: each for name, each in data.items() if name != field})
            response = officer.post(path, f"{rest}&{field}={value}", content_type=FORM)
            assert response.status_code in {200, 302, 400}, (what, page, field)
            assert not response.streaming, (what, page, field)
            assert MARKUP not in response.content.decode(), (what, page, field)


FILTERS = ["outcome", "model", "started__gte", "started__year", "state__exact", "state", "p", "o", "e", "q", "no_such"]


@pytest.mark.parametrize("path", [OPERATIONS, EXPORTS])
def test_a_filter_of_a_list(officer, path):
    """Every value, at one filter after the other; and what only a database refuses, at each."""
    Export.objects.create(format="csv")
    erase([plan(Customer.objects.create(name="Eve", email="eve@quill.example"))])
    each_once = zip(cycle(FILTERS), VALUES, strict=False)
    hard = [(name, what) for name in FILTERS for what in ("NUL", "huge")]
    with NothingChanges():
        for name, what in [*each_once, *hard, ("model", "a key with NUL")]:
            if what != "a megabyte":  # no server takes such an address
                value = VALUES[what] if name != "model" else f"shop.{VALUES[what]}"
                response = officer.get(f"{path}?{name}={value}", follow=True)
                assert response.status_code in {200, 400}, (name, what)
                assert MARKUP not in response.content.decode(), (name, what)


@pytest.mark.parametrize(("value", "found"), [("1999", 0), ("%00", 1), ("9" * 40, 1)])
def test_of_a_value_that_a_filter_cannot_have_the_whole_list_is_shown(officer, value, found):
    """Django itself fails: with an OverflowError for a year, PostgreSQL for NUL."""
    Export.objects.create(format="csv")
    page = officer.get(f"{EXPORTS}?started__year={value}", follow=True)
    assert len(page.context["cl"].result_list) == found


def test_an_id_of_nothing(officer):
    """Django's page of a row that is not there leads to the index, with a message."""
    addresses = [
        *(f"{OPERATIONS}{{}}/{page}/" for page in ("change", "receipt", "history")),
        *(f"{EXPORTS}{{}}/{page}/" for page in ("change", "history")),
        *(f"{TOOL}{page}/{{}}/" for page in ("search", "person", "confirm", "job")),
    ]
    with NothingChanges():
        for (what, value), address in zip(VALUES.items(), cycle(addresses), strict=False):
            if what not in ("nothing", "a megabyte", "a file"):
                for send in (officer.get, officer.post):
                    assert send(address.format(value)).status_code in {302, 400, 403, 404}, (what, address)


def test_a_reference_on_a_receipt(officer):
    [erased] = erase([plan(Customer.objects.create(name="Eve", email="eve@quill.example"))])
    with NothingChanges():
        for what, value in VALUES.items():
            page = officer.post(f"{OPERATIONS}{erased.operation}/receipt/", f"reference={value}", content_type=FORM)
            assert page.status_code == 200, what
            assert MARKUP not in page.content.decode()


def test_what_is_posted_to_the_page_of_a_job(officer, job):
    """It takes no fields but that which withdraws: whatever is posted, it sends the zip that was asked for."""
    with NothingChanges():
        for what, value in VALUES.items():
            body = "&".join(f"{field}={value}" for field in ("action", "format", "language", "operation"))
            response = officer.post(job, body, content_type=FORM)
            if what == "a megabyte":  # of four fields, it is more than Django takes
                assert response.status_code == 400
            else:
                assert hung_up_on(response, 1).startswith(b"PK"), what


# -- GET -------------------------------------------------------------------------------------------


def own_pages():
    """Return the names of all pages of the admin site that are the app's own."""
    names = set()

    def look(patterns):
        for each in patterns:
            if isinstance(each, URLPattern):
                is_own = each.name and (each.name.startswith("gdpr_assist_") or each.name.endswith("_anonymise"))
                names.update([each.name] if is_own else [])
            else:
                look(each.url_patterns)

    look(get_resolver("tests.admin.urls").url_patterns)
    return names


def test_no_get_changes_anything(officer, job, pages):
    [erased] = erase([plan(Customer.objects.create(name="Eve", email="eve@quill.example"))])
    export = Export.objects.create(format="csv").pk
    ids = {
        "personaldata_search": pages["search again"][0].split("/")[-2],
        "personaldata_person": pages["erase a person"][0].split("/")[-2],
        "personaldata_confirm": pages["confirm"][0].split("/")[-2],
        "personaldata_job": job.split("/")[-2],
        **dict.fromkeys(["operation_change", "operation_history", "operation_receipt"], erased.operation),
        **dict.fromkeys(["export_change", "export_history"], export),
    }
    asked = urlencode([each for _path, data in pages.values() for each in data.items()])
    kept = set(Errand.objects.values_list("pk", flat=True)), set(Job.objects.values_list("pk", "file"))
    with NothingChanges():
        for name in sorted(own_pages()):
            given = ids.get(name.removeprefix("gdpr_assist_"))
            url = reverse(f"admin:{name}", args=[given] if given else (), current_app="shop_admin")
            responses = [
                officer.get(url),
                officer.get(f"{url}?{asked}&action=erase&confirmed=yes"),
                officer.head(f"{url}?{asked}&confirmed=yes&action=export"),
            ]
            assert {each.status_code for each in responses} <= {200, 302, 403}, name
    assert (set(Errand.objects.values_list("pk", flat=True)), set(Job.objects.values_list("pk", "file"))) == kept


# -- what was right once ---------------------------------------------------------------------------

CONFIRMING = ("confirm", "erase a person", "confirm customers")


def test_what_is_confirmed_twice_is_done_once(officer, pages):
    for page in CONFIRMING:
        path, data = pages[page]
        assert officer.post(path, data).status_code == 302
        with NothingChanges():
            again = officer.post(path, data)
        assert again.status_code == 302
        assert said(again)[-1] == "This was confirmed before, and is done. It was not done again."
        officer.get(again.url)


@pytest.mark.parametrize("page", CONFIRMING)
def test_what_another_user_was_shown_is_refused(officer, client, pages, page):
    path, data = pages[page]
    client.force_login(User.objects.create_superuser("other"))
    with NothingChanges():
        response = client.post(path, data)
    [message] = said(response)
    assert "older than half an hour" in message or "is over" in message
    assert "Ada" not in response.content.decode()


@pytest.mark.parametrize("page", CONFIRMING)
def test_what_is_confirmed_too_late_is_refused(officer, pages, page):
    path, data = pages[page]
    late = timezone.now() + errands.VALID + timedelta(minutes=1)
    with NothingChanges(), mock.patch("django.core.signing.time.time", return_value=late.timestamp()):
        [message] = said(officer.post(path, data))
    assert message == (
        "This page is older than half an hour, or was shown to somebody else. Nothing was changed; look again."
    )


def asked_again(client, pages):
    """Send all that was right before: it is answered, and nothing changes."""
    with NothingChanges():
        for page, (path, data) in pages.items():
            responses = [client.get(path), client.post(path, data)]
            assert {each.status_code for each in responses} <= {200, 302, 400}, page
            assert not any(each.streaming for each in responses), page


def test_rows_that_are_deleted_since(officer, pages):
    SaleLine.objects.all().delete()
    Sale.objects.all().delete()
    for row in (*Customer.objects.all(), *Account.objects.all()):
        type(row).objects.filter(pk=row.pk)._raw_delete(row._state.db)
    del pages["export"], pages["export what is found"]  # which hold what there is: nothing, and no error
    asked_again(officer, pages)


def test_models_that_are_not_registered_any_more(officer, pages, monkeypatch):
    left = [each for each in registry.models if each is Order]
    monkeypatch.setattr(Registry, "models", property(lambda self: left))
    for page in ("act on customers", "select customers", "confirm customers"):
        del pages[page]  # their admin has the action as long as it is there
    asked_again(officer, pages)


# -- names -----------------------------------------------------------------------------------------

SHOWN = ("search", "search again", "export a person", "confirm", "act on customers")


@pytest.mark.parametrize("of", ["verbose_name", "__str__"])
def test_names_are_escaped(officer, pages, of, monkeypatch):
    for model in (Customer, Account, Sale):
        if of == "__str__":
            monkeypatch.setattr(model, of, lambda self: MARKUP)
        else:
            monkeypatch.setattr(model._meta, "verbose_name", MARKUP)
            monkeypatch.setattr(model._meta, "verbose_name_plural", MARKUP)
    escaped = set()
    for page in SHOWN:
        content = officer.get(pages[page][0]).content.decode()
        assert MARKUP not in content, page
        if "&lt;script&gt;alert(1)" in content:
            escaped.add(page)
    assert escaped >= {"search again", "export a person", "confirm"}


def test_a_name_that_cannot_be_said(officer, pages, monkeypatch):
    def fails(self):
        raise ValueError("ada@example.org")

    for model in (Customer, Account, Sale):
        monkeypatch.setattr(model, "__str__", fails)
    for page in ("search", "search again", "export a person", "confirm"):
        assert officer.get(pages[page][0]).status_code == 200, page
    for page in CONFIRMING:
        assert officer.post(*pages[page]).status_code == 302, page
    assert not Customer.objects.filter(name__endswith="Quill").exists()


# -- an export that nobody reads to its end --------------------------------------------------------


@pytest.mark.parametrize("format", ["csv", "json", "complete"])
def test_an_export_that_breaks_off_is_no_zip_and_is_noted(officer, ada, others, format):
    boxes = [*map(obj_pk, [ada, *others])]
    whole = list(officer.post(TOOL, {"action": "export", "obj_pk": boxes, "format": format}).streaming_content)
    assert zipfile.is_zipfile(io.BytesIO(b"".join(whole)))
    Export.objects.all().delete()
    for number in range(1, len(whole)):
        response = officer.post(TOOL, {"action": "export", "obj_pk": boxes, "format": format})
        assert not zipfile.is_zipfile(io.BytesIO(hung_up_on(response, number)))
    assert set(Export.objects.values_list("state", "digest")) == {("broken", "")}
    assert Export.objects.count() == len(whole) - 1 > 0


@pytest.mark.skipif(django.VERSION < (5, 0), reason="Django 4.2 sends a response to its end, also to nobody.")
@pytest.mark.django_db(transaction=True, databases=["default", "other", "gdpr_log"])
def test_who_hangs_up_on_an_asynchronous_server_leaves_an_export_that_is_broken(officer, ada):
    officer.cookies["csrftoken"] = token = "a" * 32
    body = urlencode({"csrfmiddlewaretoken": token, "action": "export", "obj_pk": obj_pk(ada)}).encode()
    headers = {
        "host": "testserver",
        "content-type": FORM,
        "content-length": str(len(body)),
        "cookie": officer.cookies.output(header="", attrs=[], sep=";").strip(),
    }
    scope = {
        "type": "http",
        "method": "POST",
        "path": TOOL,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }

    async def hang_up():
        incoming, is_sent = [{"type": "http.request", "body": body}], asyncio.Event()

        async def receive():
            if incoming:
                return incoming.pop()
            await is_sent.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if message.get("body"):
                is_sent.set()
                await asyncio.Event().wait()  # as a server that waits until the client takes more

        await asyncio.wait_for(ASGIHandler()(scope, receive, send), 10)

    async_to_sync(hang_up)()
    assert [each.state for each in Export.objects.all()] == ["broken"]
