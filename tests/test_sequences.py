"""After a restore a new row must not get the key of an erased one: what is logged is erased again otherwise."""

import uuid
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from model_bakery import baker

from gdpr_assist.log.identity import database_id
from gdpr_assist.registry import registry
from gdpr_assist.replay.sequences import raise_sequences
from gdpr_assist.routing import here
from tests.apps.fields.models import TextKey
from tests.apps.shop.models import GiftOrder, Supplier
from tests.apps.thirdparty.models import Device
from tests.logbook import customer
from tests.test_replay import ANONYMISE, DELETE, event, legacy, log

# MariaDB ends a transaction where a sequence is raised.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def number():
    """A key far above what earlier tests have left behind: sequences are never lowered."""
    rows = [
        customer(email="first@quill.example"),
        customer("other", email="first@quill.example"),
        baker.make(GiftOrder),
    ]
    return max(row.pk for row in rows) + 1000


def raised():
    return raise_sequences(here())


@pytest.mark.parametrize("kind", [ANONYMISE, DELETE])
def test_a_new_row_gets_a_key_beyond_the_highest_logged_one(kind, number):
    log(event(kind, "shop.Customer", number), event(kind, "shop.Customer", number - 5))
    assert raised() == ["shop.Customer"]
    assert customer().pk == number + 1


def test_on_a_table_that_never_had_a_row(number):
    far = number + 1_000_000  # other tests make thousands of them at once, and none that stays
    log(event(DELETE, "shop.Supplier", far))
    assert raised() == ["shop.Supplier"]
    assert baker.make(Supplier).pk == far + 1


def test_it_is_raised_once(number):
    log(event(DELETE, "shop.Customer", number))
    raised()
    assert raised() == []
    assert customer().pk == number + 1


def test_it_is_never_lowered(number):
    log(event(DELETE, "shop.Customer", number))
    raised()
    log(event(DELETE, "shop.Customer", 7))
    assert raised() == []
    assert customer().pk == number + 1


def test_keys_are_compared_as_numbers(number):
    """As texts, 9 would be the highest."""
    log(event(DELETE, "shop.Customer", 9), event(DELETE, "shop.Customer", number))
    raised()
    assert customer().pk == number + 1


def test_each_database_has_its_own(number):
    customer()
    log(event(DELETE, "shop.Customer", number), using="other")
    raised()
    assert customer(email="other@quill.example").pk < number
    assert customer("other").pk == number + 1


def test_rows_of_1x(number):
    legacy(event(DELETE, "shop.Customer", number))
    raised()
    assert customer().pk == number + 1


def test_undecided_operations_count_too(number):
    """Their row may be gone."""
    log(event(DELETE, "shop.Customer", number), outcome=None)
    raised()
    assert customer().pk == number + 1


def test_operations_of_other_databases_do_not(number):
    log(event(DELETE, "shop.Customer", number), database_id=uuid.uuid4())
    assert raised() == []
    assert customer().pk < number


def test_an_alias_that_is_gone(number):
    """Its database had the same id, under another alias."""
    log(event(DELETE, "shop.Customer", number - 5))
    log(event(DELETE, "shop.Customer", number), using="gone", database_id=database_id("default"))
    assert raised() == ["shop.Customer"]
    assert customer().pk == number - 4


def test_a_multi_table_child_gets_its_keys_from_its_parent(number):
    """The parent need not be registered, and then has no events of its own."""
    log(event(DELETE, "shop.GiftOrder", number))
    assert raised() == ["shop.Order"]
    assert baker.make(GiftOrder).pk == number + 1


def test_unless_they_are_named(number):
    theirs = uuid.uuid4()
    log(event(DELETE, "shop.Customer", number), database_id=theirs)
    assert raise_sequences(here([theirs])) == ["shop.Customer"]
    assert customer().pk == number + 1


@pytest.mark.parametrize("key", ["-5", "12.5", "1e30", "0x10", "", " 7", "7\n8", "9" * 19, "ottoline", "١٢٣"])
def test_what_is_no_key_of_that_column_is_left_alone(key, number):
    log(event(DELETE, "shop.Customer", key))
    assert raised() == []
    assert customer().pk < number


def test_a_key_beyond_the_column():
    """The keys of users have 32 bits: raised that far, the table would take no row any more."""
    log(event(DELETE, "auth.User", 2**31 - 1), event(DELETE, "auth.User", 3_000_000_000))
    raised()
    assert User.objects.create(username="ada").pk


def test_keys_that_are_no_numbers_are_left_alone(number):
    log(event(DELETE, "fields.TextKey", "4711"), event(DELETE, "gone.Ghost", number))
    assert raised() == []
    TextKey.objects.create(word="4712")


def test_a_model_under_its_former_name(number):
    declaration = type("PrivacyMeta", (), {"fields": ["owner"], "former_labels": ["old.Gadget"]})
    number += Device.objects.create(owner="Bea", address="::2").pk  # whose sequence is another one
    log(event(DELETE, "old.Gadget", number))
    with registry.registered(Device, declaration):
        assert raised() == ["thirdparty.Device"]
    assert Device.objects.create(owner="Ada", address="::1").pk == number + 1


def test_gdpr_rerun_raises_them(number):
    log(event(DELETE, "shop.Customer", number))
    call_command("gdpr_rerun", stdout=StringIO())
    assert customer().pk == number + 1


def test_its_dry_run_does_not(number):
    log(event(DELETE, "shop.Customer", number))
    call_command("gdpr_rerun", "--dry-run", stdout=StringIO())
    assert customer().pk < number
