"""Setting the apps up anew, as a test does that sets INSTALLED_APPS."""

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.core import checks
from django.core.management import call_command
from django.db import connection, models
from django.test import modify_settings, override_settings
from django.test.utils import isolate_apps

from gdpr_assist.models import DatabaseIdentity, PrivacyAnonymised
from gdpr_assist.registry import registry
from tests.apps.shop.models import Customer
from tests.logbook import customer, logged

pytestmark = pytest.mark.django_db(transaction=True)

late = modify_settings(INSTALLED_APPS={"append": "tests.apps.late"})


@pytest.fixture
def guests():
    """The models of an app that is installed for the time of the test, with their table."""
    with late:
        guest, regular = apps.get_model("late.Guest"), apps.get_model("late.Regular")
        with connection.schema_editor() as editor:
            editor.create_model(guest)
        yield guest, regular
        with connection.schema_editor() as editor:
            editor.delete_model(guest)


def managers(model):
    return [(manager.name, type(manager)) for manager in model._meta.managers]


def is_erased_once(person):
    person.anonymise()
    assert person.is_anonymised()
    assert PrivacyAnonymised.objects.filter(object_id=str(person.pk)).count() == 1
    assert [len(events) for _, events, _ in logged()] == [1]


@pytest.mark.parametrize("again", [False, True], ids=["once", "again"])
def test_a_model_of_an_added_app_is_registered(guests, again):
    guest, regular = guests
    assert guest in registry.models
    is_erased_once(guest.objects.create(name="Ada"))
    assert regular.objects.get().is_anonymised()
    regular.objects.all().delete()
    assert not guest.objects.exists()


def test_afterwards_it_is_not(guests):
    assert {each.__name__ for each in registry.models} > {"Customer", "Guest"}
    with override_settings(INSTALLED_APPS=[app for app in settings.INSTALLED_APPS if app != "tests.apps.late"]):
        assert not any(each.__name__ == "Guest" for each in registry.models)
        assert registry.search("Ada") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"append": "tests.apps.late"},
        {"prepend": "tests.apps.late"},
        {"remove": "tests.apps.own"},
        {"remove": "gdpr_assist"},
        {"remove": "gdpr_assist", "append": ["tests.apps.late"]},
    ],
    ids=str,
)
def test_the_others_are_wired_once_within_and_afterwards(changes):
    before = managers(Customer)
    if changes.get("remove") != "gdpr_assist":
        with modify_settings(INSTALLED_APPS=changes):
            is_erased_once(customer())
    else:
        with modify_settings(INSTALLED_APPS=changes):
            assert not apps.is_installed("gdpr_assist")
        is_erased_once(customer())
    person = customer(email="second@quill.example")
    person.delete()
    assert [len(events) for _, events, _ in logged()] == [1, 1]
    assert managers(Customer) == before
    assert not [each for each in checks.run_checks() if each.id and each.id.startswith("gdpr_assist.E")]


def test_our_app_may_go_and_come_back():
    with modify_settings(INSTALLED_APPS={"remove": "gdpr_assist"}):  # noqa: SIM117  (one inside the other)
        with modify_settings(INSTALLED_APPS={"append": "gdpr_assist"}):
            is_erased_once(User.objects.create(username="ada"))


def test_what_is_registered_within_is_wired_and_can_be_withdrawn():
    product = apps.get_model("shop.Product")
    with modify_settings(INSTALLED_APPS={"append": "tests.apps.late"}):
        before = managers(product)
        with registry.registered(product, type("PrivacyMeta", (), {"fields": ["name"]})):
            assert hasattr(product, "anonymise")
        assert not hasattr(product, "anonymise")
        assert managers(product) == before


def test_migrating_within_gives_the_database_its_id():
    with modify_settings(INSTALLED_APPS={"append": "tests.apps.late"}):
        DatabaseIdentity.objects.all().delete()
        call_command("migrate", "gdpr_assist", verbosity=0)
        assert DatabaseIdentity.objects.count() == 1


@isolate_apps("tests.apps.shop")
def test_models_of_another_app_registry_are_left_alone():
    class Sketch(models.Model):
        name = models.CharField(max_length=5)

        class Meta:
            app_label = "shop"

        class PrivacyMeta:
            fields = ["name"]

    assert Sketch not in registry
    assert not hasattr(Sketch, "anonymise")


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite has a function for pseudonyms")
def test_a_connection_that_was_open_before_can_pick_pseudonyms():
    connection.ensure_connection()
    connection.connection.create_function("GDPR_PICK", 2, None)
    with late, connection.cursor() as cursor:
        cursor.execute("SELECT GDPR_PICK(NULL, '')")
        assert cursor.fetchone() == (None,)
