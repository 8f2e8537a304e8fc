"""What is kept of a user between two requests: read with its id, by that user, in that place, for half an hour."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from model_bakery import baker

from gdpr_assist import errands
from gdpr_assist.models import Errand
from gdpr_assist.scrubbing.run import prepare, scrub
from tests.apps.shop.models import Customer
from tests.observing import queries

pytestmark = pytest.mark.django_db(databases=["default", "other", "gdpr_log"])

PLACE = "shop_admin search"
CONTENT = {"term": "Ada Lövelace \ud800", "ticked": ["12-3"]}


@pytest.fixture
def ada(db):
    return User.objects.create_user("ada")


def keep(user, content=CONTENT, place=PLACE):
    return errands.store(content, user=user, place=place)


def test_what_was_stored_is_read_as_often_as_it_is_asked_for(ada):
    secret = keep(ada)
    for _time in range(2):
        assert errands.read(secret, user=ada, place=PLACE) == CONTENT


def test_each_has_an_id_of_its_own_that_nobody_can_guess(ada):
    ids = {keep(ada) for _number in range(3)}
    assert len(ids) == 3
    assert all(errands.ID.fullmatch(each) for each in ids)
    assert len({bytes(each.content) for each in Errand.objects.all()}) == 3


def test_another_user_reads_nothing(ada):
    assert errands.read(keep(ada), user=User.objects.create_user("eve"), place=PLACE) is None


def test_another_place_has_nothing(ada):
    for place in ("shop_admin person", "admin search", ""):
        assert errands.read(keep(ada), user=ada, place=place) is None


def test_after_half_an_hour_it_is_over(ada):
    secret = keep(ada)
    Errand.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert errands.read(secret, user=ada, place=PLACE) is None
    expires = Errand.objects.get(digest=errands._digest(keep(ada))).expires
    assert timedelta(minutes=29) < expires - timezone.now() <= timedelta(minutes=30)


def test_what_is_over_goes_when_something_is_stored(ada):
    for _number in range(3):
        keep(ada)
    Errand.objects.update(expires=timezone.now() - timedelta(seconds=1))
    asked = queries(lambda: keep(ada))
    assert Errand.objects.count() == 1
    assert len(asked) == 2


def test_what_is_dropped_is_gone_and_the_rest_stays(ada):
    first, second = keep(ada), keep(ada)
    errands.drop([first, "no id"])
    assert errands.read(first, user=ada, place=PLACE) is None
    assert errands.read(second, user=ada, place=PLACE) == CONTENT


@pytest.mark.parametrize(
    "given", ["", "abc", "a" * 43, "ä" * 43, "\0" * 43, "\ud800" * 43, "a" * 1_000_000, "../" * 14 + "a"]
)
def test_what_is_no_id_has_nothing_and_is_no_error(ada, given):
    keep(ada)
    assert errands.read(given, user=ada, place=PLACE) is None
    errands.drop([given])
    assert Errand.objects.count() == 1


@pytest.mark.parametrize("at", [0, 31, 32, 40, -1])
def test_a_byte_that_was_changed_is_noticed(ada, at):
    secret = keep(ada)
    sealed = bytearray(Errand.objects.get().content)
    sealed[at] ^= 1
    Errand.objects.update(content=bytes(sealed))
    assert errands.read(secret, user=ada, place=PLACE) is None


@pytest.mark.parametrize("content", [b"", b"x", b"x" * 32, b"x" * 600])
def test_so_is_what_was_put_in_its_place(ada, content):
    secret = keep(ada)
    Errand.objects.update(content=content)
    assert errands.read(secret, user=ada, place=PLACE) is None


def test_one_that_is_given_to_another_user_is_noticed(ada):
    eve = User.objects.create_user("eve")
    secret = keep(ada)
    Errand.objects.update(user=str(eve.pk))
    assert errands.read(secret, user=eve, place=PLACE) is None


def test_the_table_says_nothing_of_it_and_not_how_long_it_is(ada):
    keep(ada)
    (first,) = Errand.objects.all()
    keep(ada, {"term": "x"})
    (second,) = Errand.objects.exclude(pk=first.pk)
    assert len(first.content) == len(second.content)
    for each in (first, second):
        stored = f"{each.digest} {each.user} {each}".encode() + bytes(each.content)
        assert b"term" not in stored
        assert b"velace" not in stored


def test_the_id_stands_in_no_column(ada):
    secret = keep(ada)
    (errand,) = Errand.objects.all()
    assert secret not in f"{errand.digest} {errand.user}"
    assert secret.encode() not in bytes(errand.content)


def test_a_large_selection(ada):
    content = {"values": [f"12-{number}" for number in range(30_000)]}
    assert errands.read(keep(ada, content), user=ada, place=PLACE) == content


def test_any_key_of_a_user_will_do():
    user = SimpleNamespace(pk=("a", 1))
    assert errands.read(keep(user), user=user, place=PLACE) == CONTENT


@pytest.mark.django_db(transaction=True, databases=["default", "other", "gdpr_log"])
def test_a_copy_has_none_after_a_scrub(ada):
    baker.make(Customer)
    keep(ada)
    scrub(prepare(["default"], only=["shop.Customer"]), compact=False)
    assert not Errand.objects.exists()
