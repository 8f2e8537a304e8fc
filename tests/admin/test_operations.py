"""The id that a page draws: of this user, on this site, for a while; and what took effect under it."""

import uuid

import pytest
from django.contrib.auth.models import User
from django.core import signing
from django.test import RequestFactory

from gdpr_assist.admin import operations
from gdpr_assist.admin.selection import SelectionError
from gdpr_assist.erasure import erase
from gdpr_assist.planning.plans import plan
from tests.admin.urls import site
from tests.apps.shop.models import Customer

pytestmark = pytest.mark.django_db(databases=["default", "other", "gdpr_log"])


@pytest.fixture
def user(db):
    return User.objects.create_superuser("officer")


def request_of(user, **data):
    request = RequestFactory().post("/", data)
    request.user = user
    return request


def drawn(user, address="/"):
    return operations.drawn(request_of(user), site, address, counts={"shop.Customer": 2}, token="abc")


def test_what_a_page_has_drawn_is_read_again(user):
    first, second = drawn(user), drawn(user)
    found = {operations.posted(request_of(user, operation=each), site) for each in (first, second)}
    assert len(found) == 2
    assert all(isinstance(each, uuid.UUID) and each.version == 4 for each in found)


def test_what_it_has_shown_travels_with_it(user):
    signed = operations.signed(request_of(user, operation=drawn(user)), site)
    assert (signed.counts, signed.token) == ({"shop.Customer": 2}, "abc")


def test_that_of_another_page_is_refused(user):
    with pytest.raises(SelectionError, match="Nothing was changed"):
        operations.posted(request_of(user, operation=drawn(user, "/person/x/")), site)


def test_that_of_an_older_version_is_refused(user):
    old = signing.dumps(uuid.uuid4().hex, salt=operations._salt(request_of(user), site, "/"))
    with pytest.raises(SelectionError, match="Nothing was changed"):
        operations.posted(request_of(user, operation=old), site)


def test_a_form_without_one_is_an_operation_of_its_own(user):
    assert operations.posted(request_of(user), site) is None


@pytest.mark.parametrize("text", ["abc", "\0", "\ud800", "x" * 100_000, str(uuid.UUID(int=1))], ids=range(5))
def test_what_no_page_has_drawn_is_refused(user, text):
    request = request_of(user)
    request.POST = {"operation": text}
    with pytest.raises(SelectionError, match="Nothing was changed"):
        operations.posted(request, site)


def test_that_of_another_user_or_of_another_site_is_refused(user):
    text = drawn(user)
    with pytest.raises(SelectionError):
        operations.posted(request_of(User.objects.create_superuser("chief"), operation=text), site)
    elsewhere = type(site)(name="elsewhere")
    with pytest.raises(SelectionError):
        operations.posted(request_of(user, operation=text), elsewhere)


def test_one_that_is_older_than_half_an_hour_is_refused(user, monkeypatch):
    text = drawn(user)
    monkeypatch.setattr(operations, "VALID", -1)
    with pytest.raises(SelectionError):
        operations.posted(request_of(user, operation=text), site)


def test_whether_it_took_effect_its_receipt_says(user):
    customer = Customer.objects.create(name="Ada", email="ada@example.org")
    number = uuid.uuid4()
    assert not operations.is_done(number)
    erase([plan(Customer.objects.filter(pk=customer.pk))], operation=number)
    assert operations.is_done(number)
    assert not operations.is_done(None)


def test_its_page_is_for_those_who_may_see_erasures(user, settings):
    settings.GDPR_TOOL_PERMISSIONS = True
    settings.ROOT_URLCONF = "tests.admin.urls"
    number = uuid.uuid4()
    assert operations.url_of(request_of(user), site, number) == f"/shop/gdpr_assist/operation/{number}/change/"
    assert operations.url_of(request_of(User.objects.create_user("clerk", is_staff=True)), site, number) is None
    settings.GDPR_LOG_DATABASE_NAME = None
    assert operations.url_of(request_of(user), site, number) is None
