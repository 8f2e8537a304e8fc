"""GDPR_WATCH_REFILLS: who is told of a save that fills an anonymised row again, and what hearing of it costs."""

import pytest
from django.core.files.base import ContentFile
from django.core.serializers import deserialize, serialize
from django.db.models import F, Value
from django.utils import timezone
from model_bakery import baker

from gdpr_assist import apps
from gdpr_assist.planning.plans import plan
from gdpr_assist.registry import registry
from gdpr_assist.signals import refilled
from tests.apps.fields.models import NullFields, UUIDKey
from tests.apps.people.models import Chat
from tests.apps.shop.models import Comment, Customer, ForeignCustomer, GiftOrder, Order
from tests.people import account
from tests.test_conf import site
from tests.test_verification import computing  # noqa: F401  (a fixture)

from .logbook import customer
from .observing import listening, queries

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(settings):
    """Watch all registered models; return [(model, key, alias, fields)] of what was told."""
    heard = []

    def hear(sender, instance, using, fields, **kwargs):
        heard.append((sender, instance.pk, using, fields))

    settings.GDPR_WATCH_REFILLS = True
    connected = [
        each for model in registry.models for member in registry.family(model) for each in apps._of_saves(member)
    ]
    apps._connect(connected)
    with listening(refilled, hear):
        yield heard
    apps._disconnect(connected)


def test_a_save_that_fills_an_anonymised_row_again_is_told(told):
    person = customer()
    draft = Customer.all_objects.get(pk=person.pk)
    person.anonymise()
    draft.save()
    assert told == [(Customer, person.pk, "default", ["name", "email", "phone", "born", "notes"])]
    assert plan(Customer.all_objects.all()).refilled().get() == person


def test_only_what_is_saved_counts(told):
    person = customer()
    draft = Customer.all_objects.get(pk=person.pk)
    person.anonymise()
    draft.save(update_fields=["country"])
    assert told == []
    draft.save(update_fields=["country", "notes"])
    assert told == [(Customer, person.pk, "default", ["notes"])]


def test_a_deferred_column_is_not_saved(told):
    person = customer()
    draft = Customer.all_objects.only("phone").get(pk=person.pk)
    person.anonymise()
    draft.save()
    assert [fields for *_, fields in told] == [["phone"]]


def test_another_database(told):
    here, there = customer(), customer("other")
    there.anonymise()
    here.save()
    there.notes = "allergic to lilies"
    there.save()
    assert told == [(Customer, there.pk, "other", ["notes"])]


def test_a_proxy_tells_as_itself(told):
    person = customer()
    person.anonymise()
    proxy = ForeignCustomer.objects.get(pk=person.pk)
    proxy.notes = "allergic to lilies"
    proxy.save()
    assert told == [(ForeignCustomer, person.pk, "default", ["notes"])]


@pytest.mark.parametrize(("filled", "fields"), [("greeting", ["greeting"]), ("delivery_note", ["delivery_note"])])
def test_a_part_in_the_table_of_a_parent(told, filled, fields):
    order = GiftOrder.objects.create(recipient="Ada", email="ada@quill.example", placed=timezone.now(), greeting="Hi")
    order.anonymise()
    setattr(order, filled, "Dear Ada")
    order.save()
    assert told == [(GiftOrder, order.pk, "default", fields)]


def test_a_part_of_a_row_that_was_not_erased_may_be_filled(told):
    chat = Chat.objects.create(asker=account("ada"), answerer=account("bob"), question="Where?", answer="Here.")
    Chat.objects.filter(pk=chat.pk).anonymise()
    told.clear()
    other = Chat.objects.create(asker=account("eve"), answerer=account("kim"), question="Where?", answer="Here.")
    other.asker.delete()
    other.refresh_from_db()
    other.answer = "There."
    other.save()
    assert told == []
    other.question = "When?"
    other.save()
    assert told == [(Chat, other.pk, "default", ["question"])]


def test_a_key_of_another_type(told):
    row = baker.make(UUIDKey)
    row.anonymise()
    row.pk, row.name = row.pk.hex, "Ada"
    row.save()
    assert [(model, fields) for model, *_, fields in told] == [(UUIDKey, ["name"])]


@pytest.mark.usefixtures("media_root")
def test_a_file(told):
    row = NullFields.objects.create(file=ContentFile("Ada", "ada.txt"))
    row.anonymise()
    row.save()
    assert told == []
    row.file = ContentFile("Ada", "ada.txt")
    row.save()
    assert [fields for *_, fields in told] == [["file"]]


class TestNoRefill:
    @pytest.fixture(autouse=True)
    def nothing(self, told):
        yield
        assert told == []

    def test_erasures_themselves(self):
        """Row by row each row is saved, and again with force."""
        person = customer()
        person.anonymise()
        person.anonymise(force=True)
        Customer.all_objects.update(notes="allergic to lilies")
        Customer.all_objects.all().anonymise(force=True)

    @pytest.mark.usefixtures("computing")
    def test_what_a_save_computes(self):
        person = customer()
        person.anonymise()
        person.save()

    def test_the_row_as_it_is(self):
        person = customer()
        person.anonymise()
        person.country = "IT"
        person.save()
        Customer.all_objects.get(pk=person.pk).save()

    def test_an_empty_value(self):
        person = customer()
        person.anonymise()
        person.name = ""
        person.save()

    def test_a_row_that_is_not_anonymised(self):
        customer().anonymise()
        customer(email="second@quill.example").save()

    def test_a_new_row_in_its_place(self):
        person = customer()
        person.anonymise()
        key = person.pk
        person.delete()
        customer(pk=key)

    def test_what_an_anonymiser_of_the_projects_gave_cannot_tell(self):
        comment = baker.make(Comment)
        comment.anonymise()
        comment.display_name = "Ada"
        comment.save()

    def test_an_expression(self):
        person = customer()
        person.anonymise()
        person.notes = Value("")
        person.born = F("born")
        person.save()

    def test_a_queryset_and_a_fixture(self):
        """The documentation says so: gdpr_verify finds these."""
        person = customer()
        fixture = serialize("json", [person])
        person.anonymise()
        Customer.all_objects.update(notes="allergic to lilies")
        for each in deserialize("json", fixture):
            each.save()
        assert plan(Customer.all_objects.all()).refilled().count() == 1


class TestCosts:
    def asked(self, row, **options):
        return [each.split()[0] for each in queries(lambda: row.save(**options))]

    def test_statements(self, told):
        person, other = customer(), customer(email="second@quill.example")
        person.anonymise()
        assert self.asked(other) == ["UPDATE", "SELECT"]
        assert self.asked(other, update_fields=["country"]) == ["UPDATE"]
        other.notes = other.phone = ""
        assert self.asked(other, update_fields=["notes", "phone"]) == ["UPDATE"]
        person.notes = "allergic to lilies"
        assert self.asked(person, update_fields=["notes"]) == ["UPDATE", "SELECT", "SELECT"]
        assert len(told) == 1

    def test_a_new_row_costs_nothing(self, told):
        Customer.all_objects.first()
        assert [each.split()[0] for each in queries(customer)] == ["INSERT"]

    def test_one_query_for_the_tables_of_one_object(self, told):
        order = GiftOrder.objects.create(
            recipient="Ada", email="ada@quill.example", placed=timezone.now(), greeting="Hi"
        )
        order.save()
        assert self.asked(order) == ["UPDATE", "UPDATE", "SELECT"]

    def test_erasures_stay_as_they_are(self, told):
        assert plan(Customer.objects.all()).way.kind == "set"
        assert plan(Order.objects.all()).way.kind == "set"


CONNECTED = """
from django.db.models.signals import post_save

class Person(models.Model):
    name = models.CharField(max_length=50)

    class PrivacyMeta:
        fields = ["name"]

    class Meta:
        app_label = "contenttypes"

class Nickname(Person):
    class Meta:
        proxy = True
        app_label = "contenttypes"

class Thing(models.Model):
    class Meta:
        app_label = "contenttypes"

print([post_save.has_listeners(model) for model in (Person, Nickname, Thing)], "gdpr_assist.refills" in sys.modules)
"""


@pytest.mark.parametrize(
    ("settings", "heard"),
    [({}, "[False, False, False] False"), ({"GDPR_WATCH_REFILLS": True}, "[True, True, False] False")],
)
def test_only_a_site_that_asks_for_it_hears_of_saves(settings, heard):
    assert site(CONNECTED, **settings) == heard
