"""What an error report says where DEBUG is off, as Django's own reporter writes it: no term, and nobody's name."""

import io
import traceback
import uuid
from contextlib import contextmanager

import pytest
from asgiref.sync import async_to_sync
from django.db import DatabaseError, OperationalError, connections
from django.db.models.signals import post_save, pre_save
from django.views.debug import ExceptionReporter

from gdpr_assist import AnonymiseError
from gdpr_assist.exceptions import ExportError
from gdpr_assist.export.archive import stream_zip, write_zip
from gdpr_assist.planning.plans import plan
from gdpr_assist.planning.preview import preview
from gdpr_assist.registry import registry
from gdpr_assist.sensitive import sensitive
from gdpr_assist.signals import post_anonymise, pre_anonymise
from tests.admin.conftest import CUSTOMERS, TOOL
from tests.admin.pages import Forms
from tests.apps.shop.models import Customer, Reservation
from tests.apps.thirdparty.models import Device
from tests.databases import log_is, refused
from tests.observing import listening

# Not in this file, of which a report shows lines
SECRET = uuid.uuid4().hex[:20]

OURS = "gdpr_assist"


def report(error, request=None):
    """Return the text and the HTML of Django's report, from the first frame that is not of this file on."""
    part = error.__traceback__
    while part is not None and part.tb_frame.f_code.co_filename == __file__:
        part = part.tb_next
    assert part is not None, "there is no frame of ours"
    reporter = ExceptionReporter(request, type(error), error, part)
    assert reporter.filter.is_active(request)
    text = reporter.get_traceback_text()
    assert type(error).__name__ in text
    return text + reporter.get_traceback_html()


# -- the decorator -----------------------------------------------------------------------------


def fail(value):
    name = value + "!"
    raise ZeroDivisionError(len(name))


class TestKinds:
    def plain(self, value):
        fail(value)

    def generator(self, value):
        yield value
        fail(value)

    async def coroutine(self, value):
        fail(value)

    def consumer(self, value):
        """Of a generator that is not guarded itself."""
        return list(self.generator(value))

    def within(self, value):
        """The block of a context manager, which is a generator too."""

        @contextmanager
        def renamed(name):
            try:
                yield
            except ZeroDivisionError as error:
                raise LookupError from error

        with renamed(value):
            fail(value)

    CALLS = {
        "plain": lambda function: function(SECRET),
        "generator": lambda function: list(function(SECRET)),
        "coroutine": lambda function: async_to_sync(function)(SECRET),
        "consumer": lambda function: function(SECRET),
        "within": lambda function: function(SECRET),
    }

    def raised(self, kind, guarded):
        function = getattr(self, kind)
        function = sensitive(function) if guarded else function
        with pytest.raises((ZeroDivisionError, LookupError)) as raised:
            self.CALLS[kind](function)
        return raised.value

    @pytest.mark.parametrize("kind", CALLS)
    def test_without_it_the_variables_are_there(self, kind):
        assert SECRET in report_of_all(self.raised(kind, guarded=False))

    @pytest.mark.parametrize("kind", CALLS)
    def test_no_variable_is_left(self, kind):
        error = self.raised(kind, guarded=True)
        assert SECRET not in report_of_all(error)

    @pytest.mark.parametrize("kind", CALLS)
    def test_what_ran_below_holds_nothing_any_more(self, kind):
        """Before Python 3.12 the frames below a generator do not know who called, so that no decorator is found."""
        error = self.raised(kind, guarded=True)
        while error is not None:
            frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
            assert not any(frame.f_locals for frame in frames if frame.f_code.co_name in ("fail", kind, "renamed"))
            error = error.__cause__

    @pytest.mark.parametrize("kind", CALLS)
    def test_the_places_are_still_told(self, kind):
        assert "in fail\n" in "".join(traceback.format_exception(self.raised(kind, guarded=True)))

    @pytest.mark.parametrize("kind", CALLS)
    def test_a_developer_sees_them(self, kind, settings):
        settings.DEBUG = True
        assert SECRET in report_of_all(self.raised(kind, guarded=True))

    def test_it_stays_the_function_that_it_was(self):
        def add(a, b=1):
            """Add."""
            return a + b

        async def aadd(a):
            return a + 1

        def count(to):
            given = yield 0
            yield given + to

        guarded = sensitive(add)
        assert (guarded(2), guarded(a=2, b=3), guarded.__name__, guarded.__doc__) == (3, 5, "add", "Add.")
        assert async_to_sync(sensitive(aadd))(1) == 2
        values = sensitive(count)(3)
        assert (next(values), values.send(4)) == (0, 7)


def report_of_all(error):
    """Return the report without the frames of tests, whose own variables hold the secret."""
    part = error.__traceback__
    while part.tb_frame.f_code.co_name in ("raised", "<lambda>") or "asgiref" in part.tb_frame.f_code.co_filename:
        part = part.tb_next
    frames = ExceptionReporter(None, type(error), error, part).get_traceback_frames()
    ignored = ("raised", "<lambda>", "<module>")
    return str([each["vars"] for each in frames if each["function"] not in ignored])


# -- the doors -----------------------------------------------------------------------------


@pytest.fixture
def secret_customer(db):
    return Customer.objects.create(name=SECRET, email=f"{SECRET}@example.org", phone="0123")


@pytest.fixture
def reservation(db):
    return Reservation.objects.create(guest=SECRET, phone=SECRET)


def meta(**attributes):
    return type("PrivacyMeta", (), attributes)


def erases():
    return {
        "object": lambda each: each.anonymise(),
        "queryset": lambda each: type(each).objects.filter(pk=each.pk).anonymise(),
        "asynchronous object": lambda each: async_to_sync(each.aanonymise)(),
        "plan": lambda each: preview(plan(each)),
    }


class Broken(Exception):
    """Of a project, which says nothing."""


def raise_broken(*args, **kwargs):
    raise Broken


@pytest.mark.parametrize("how", ["object", "queryset"])
def test_an_anonymiser_raises(reservation, how):
    with pytest.raises(AnonymiseError, match="anonymise_phone raised") as raised:
        erases()[how](reservation)
    assert SECRET not in report(raised.value)


@pytest.mark.parametrize("how", ["object", "queryset"])
@pytest.mark.parametrize("signal", [pre_anonymise, post_anonymise, pre_save, post_save])
def test_a_receiver_raises(secret_customer, how, signal):
    with listening(signal, raise_broken, sender=Customer), pytest.raises(AnonymiseError, match="Broken") as raised:
        erases()[how](secret_customer)
    assert SECRET not in report(raised.value)


@pytest.mark.parametrize("how", ["object", "queryset", "asynchronous object", "plan"])
def test_the_database_raises(secret_customer, how):
    with failing_database(), pytest.raises(DatabaseError) as raised:
        erases()[how](secret_customer)
    assert SECRET not in report(raised.value)


@pytest.mark.parametrize("many", [False, True])
def test_the_log_refuses_a_deletion(secret_customer, many):
    target = Customer.objects.filter(name=SECRET) if many else secret_customer
    with log_is(refused), pytest.raises(AnonymiseError) as raised:
        target.delete()
    error = raised.value
    while error.__traceback__.tb_next and f"/{OURS}/" not in error.__traceback__.tb_next.tb_frame.f_code.co_filename:
        error.__traceback__ = error.__traceback__.tb_next
    error.__traceback__ = error.__traceback__.tb_next  # from the first frame of ours on: Django's own hold the object
    assert SECRET not in report(error)


def test_a_search_method_raises(db):
    """A model that cannot be searched is noted, unless whoever asks wants the error."""
    with registry.registered(Device, meta(search=raise_broken)), pytest.raises(Broken) as raised:
        list(registry.candidates(SECRET, [Device]))
    assert SECRET not in report(raised.value)


@pytest.mark.parametrize(
    "write", [lambda found: write_zip(io.BytesIO(), found), lambda found: list(stream_zip(found))]
)
def test_an_export_method_raises(db, write):
    Device.objects.create(owner=SECRET, address="192.0.2.1")

    def export(self, instance):
        owner = instance.owner
        raise ValueError(owner)

    found = [(Device, Device.objects.filter(owner=SECRET))]
    with registry.registered(Device, meta(export=export)), pytest.raises(ExportError) as raised:
        write(found)
    assert SECRET not in report(raised.value)


@contextmanager
def failing_database(using="default"):
    """Let each statement fail, without words of its own."""

    def wrapper(execute, sql, params, many, context):
        raise OperationalError("lost connection")

    with connections[using].execute_wrapper(wrapper):
        yield


# -- the admin -----------------------------------------------------------------------------


@pytest.fixture
def staff(admin_client, settings):
    settings.ROOT_URLCONF = "tests.admin.urls"
    return admin_client


def failed(client, url, data, monkeypatch, place):
    """Post ``data``, if any, with ``place`` broken; return Django's report of what was raised, whole."""
    monkeypatch.setattr(place, raise_broken)
    client.raise_request_exception = False
    response = client.get(url) if data is None else client.post(url, data)
    assert response.status_code == 500
    kind, error, _ = response.exc_info
    request = response.wsgi_request
    assert request.get_full_path() == url
    reporter = ExceptionReporter(request, kind, error, error.__traceback__)
    return reporter.get_traceback_text() + reporter.get_traceback_html()


@pytest.mark.parametrize(
    ("place", "more"),
    [
        ("gdpr_assist.errands.Errand", {}),
        ("gdpr_assist.admin.personal_data.export", {"action": "export", "everything": "yes"}),
        ("gdpr_assist.admin.anonymising.plan", {"action": "anonymise", "everything": "yes"}),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_the_tool(staff, secret_customer, monkeypatch, place, more):
    assert SECRET not in failed(staff, TOOL, {"term": SECRET, **more}, monkeypatch, place)


def test_the_page_of_the_tool_that_asks(staff, secret_customer, monkeypatch):
    page = staff.post(TOOL, {"term": SECRET, "action": "anonymise", "everything": "yes"}, follow=True)
    forms = Forms(page)
    url, data = forms.actions["anonymise-form"], dict(forms.forms["anonymise-form"])
    assert SECRET not in failed(staff, url, data, monkeypatch, "gdpr_assist.admin.anonymising.erase")


def test_what_the_tool_finds(staff, secret_customer, monkeypatch):
    found = staff.post(TOOL, {"term": SECRET}).url
    assert SECRET not in failed(staff, found, None, monkeypatch, "gdpr_assist.admin.finds.tables")


def test_a_list_that_cannot_be_rendered(staff, secret_customer, monkeypatch):
    assert SECRET not in failed(staff, CUSTOMERS, None, monkeypatch, "tests.admin.urls.CustomerAdmin.initial")


@pytest.mark.parametrize("page", ["{}/change/", "{}/delete/", "{}/history/", "anonymise/"])
def test_a_page_that_cannot_be_rendered(staff, secret_customer, monkeypatch, page):
    """A template calls what it is given, long after the view has returned."""
    data = {"_selected_action": secret_customer.pk} if page == "anonymise/" else None
    url = f"{CUSTOMERS}{page.format(secret_customer.pk)}"
    assert SECRET not in failed(staff, url, data, monkeypatch, "tests.admin.urls.site.site_header")


def test_nor_can_that_of_the_tool(staff, secret_customer, monkeypatch):
    found = staff.post(TOOL, {"term": SECRET}).url
    assert SECRET not in failed(staff, found, None, monkeypatch, "tests.admin.urls.site.site_header")


@pytest.mark.parametrize("step", ["plan", "erase", "confirmation.context"])
def test_the_action(staff, secret_customer, monkeypatch, step):
    data = {"_selected_action": secret_customer.pk, "note": SECRET}
    if step == "erase":
        data |= dict(Forms(staff.post(f"{CUSTOMERS}anonymise/", data)).forms["anonymise-form"])
    place = f"gdpr_assist.admin.model_admin.{step}"
    assert SECRET not in failed(staff, f"{CUSTOMERS}anonymise/", data, monkeypatch, place)


def test_the_list(staff, secret_customer, monkeypatch):
    data = {"action": "anonymise", "_selected_action": secret_customer.pk, "note": SECRET}
    assert SECRET not in failed(staff, CUSTOMERS, data, monkeypatch, "gdpr_assist.admin.model_admin.plan")


@pytest.mark.parametrize("page", ["delete", "change"])
def test_djangos_pages_for_one_row(staff, secret_customer, monkeypatch, page):
    data = {"post": "yes", "name": SECRET, "email": f"{SECRET}@example.org", "country": "GB"}
    place = f"tests.admin.urls.CustomerAdmin.{'delete_model' if page == 'delete' else 'get_form'}"
    assert SECRET not in failed(staff, f"{CUSTOMERS}{secret_customer.pk}/{page}/", data, monkeypatch, place)
