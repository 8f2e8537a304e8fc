"""New values of unique texts: the primary key with digits that nobody can guess, the same each time."""

from contextlib import nullcontext
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import models, router
from django.test.utils import isolate_apps

from gdpr_assist.declaring.replacing import replacement_for
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.execution.ranges import execute_in_ranges
from gdpr_assist.log import identity
from gdpr_assist.models import DatabaseIdentity
from gdpr_assist.planning.plans import plan
from gdpr_assist.signals import pre_anonymise
from tests.apps.fields.models import LongKey
from tests.apps.own.models import Account, Editor, Reader, Writer
from tests.apps.shop.models import Customer

from .observing import address, digits, keyed, listening, queries, row

pytestmark = pytest.mark.django_db


def user(name="ada"):
    return User.objects.create(username=name)


def refilled(model=User):
    return plan(model._base_manager.all()).refilled().count()


def by_object(*people):
    for each in people:
        each.anonymise()


def by_set(*people):
    type(people[0]).objects.filter(pk__in=[each.pk for each in people]).anonymise()


def by_scrub(*people):
    list(execute_in_ranges(plan(type(people[0]).objects.all(), force=True)))


WAYS = pytest.mark.parametrize("anonymise", [by_object, by_set, by_scrub])


@WAYS
def test_users_who_took_each_others_keys_as_names_can_all_be_anonymised(anonymise):
    people = [user(name) for name in ("ada", "bea")]
    for each, other in zip(people, reversed(people), strict=True):
        User.objects.filter(pk=each.pk).update(username=str(other.pk))

    anonymise(*User.objects.order_by("pk"))

    assert [row(each)["username"] for each in people] == [keyed(each) for each in people]
    assert refilled() == 0


@WAYS
def test_they_are_the_same_each_time(anonymise):
    person = user()
    anonymise(person)
    first = row(person)["username"]

    User.objects.filter(pk=person.pk).update(username="ada again")
    assert refilled() == 1
    User.objects.get(pk=person.pk).anonymise(force=True)

    assert row(person)["username"] == first


def test_they_differ_from_row_to_row_from_model_to_model_and_from_database_to_database():
    Customer.objects.bulk_create([Customer(pk=7, email="a@quill.example"), Customer(pk=8, email="b@quill.example")])
    Customer.objects.using("other").bulk_create([Customer(pk=7, email="a@quill.example")])
    User.objects.create(pk=7, username="ada")
    for rows in (Customer.objects.all(), Customer.objects.using("other"), User.objects.all()):
        rows.anonymise()

    mails = [each.email for using in ("default", "other") for each in Customer.all_objects.using(using).order_by("pk")]
    found = [each.partition("@")[0].partition("-")[2] for each in mails]
    found.append(User.objects.get(pk=7).username.partition("-")[2])

    assert {len(each) for each in found} == {16}
    assert len(set(found)) == 4


@WAYS
def test_they_outlive_another_secret_key_and_the_new_id_of_a_copy(anonymise, settings):
    person = user()
    anonymise(person)
    before = row(person)["username"], identity.database_id("default")

    settings.SECRET_KEY = "another one"
    settings.GDPR_CAN_ANONYMISE_DATABASE = True
    call_command("gdpr_new_id", "--noinput", verbosity=0)
    User.objects.get(pk=person.pk).anonymise(force=True)

    assert row(person)["username"] == before[0]
    assert identity.database_id("default") != before[1]


@WAYS
def test_they_outlive_that_a_model_is_renamed(anonymise, monkeypatch):
    person = user()
    anonymise(person)
    monkeypatch.setattr(User._meta, "object_name", "Person")
    assert refilled() == 1  # it is another one to the log too, until it is said

    monkeypatch.setattr(type(User._privacy_meta), "former_labels", ["auth.User"])

    assert refilled() == 0
    assert row(person)["username"] == keyed(person, label="auth.User")


@WAYS
def test_a_row_that_1x_anonymised_is_not_refilled(anonymise):
    person = user()
    customer = Customer.objects.create(email="ada@quill.example")
    anonymise(person)
    customer.anonymise()

    User.objects.update(username=str(person.pk))
    Customer.all_objects.update(email=f"{customer.pk}@anon.example.com")

    assert refilled() == refilled(Customer) == 0


@WAYS
def test_a_database_without_a_key_gets_one_first(anonymise):
    person = user()
    DatabaseIdentity.objects.all().delete()

    anonymise(person)

    assert row(person)["username"] == keyed(person)
    assert DatabaseIdentity.objects.count() == 1


def test_without_a_log_too(settings):
    settings.GDPR_LOG_DATABASE_NAME = None
    customer = Customer.objects.create(email="ada@quill.example")
    DatabaseIdentity.objects.all().delete()

    customer.anonymise()

    assert row(customer)["email"] == address(customer)


def test_a_plan_of_a_database_without_a_key_writes_none():
    user().anonymise()
    DatabaseIdentity.objects.all().delete()

    assert refilled() == 1
    assert not DatabaseIdentity.objects.exists()


def test_a_key_longer_than_the_column_is_digits_alone():
    code = "0123456789" * 30
    instance = LongKey.objects.create(code=code, name="A", unique_name="A", email="a@x.test", url="https://x.test/")
    instance.anonymise()
    assert row(instance)["unique_name"].startswith(digits(instance))
    assert len(row(instance)["unique_name"]) == 50


@pytest.mark.parametrize(
    ("field", "count"),
    [
        (models.CharField(max_length=37, unique=True), 16),
        (models.CharField(max_length=36, unique=True), 15),
        (models.CharField(max_length=29, unique=True), 8),
        (models.CharField(max_length=28, unique=True), 0),
        (models.EmailField(max_length=29 + len("@anon.example.com"), unique=True), 8),
        (models.EmailField(max_length=28 + len("@anon.example.com"), unique=True), 0),
        (models.URLField(max_length=29 + len("http://.anon.example.com"), unique=True), 8),
        (models.URLField(max_length=28 + len("http://.anon.example.com"), unique=True), 0),
        (models.TextField(unique=True), 16),
        (models.CharField(max_length=50), 0),
    ],
    ids=lambda each: f"{type(each).__name__}-{each.max_length}" if isinstance(each, models.Field) else str(each),
)
@isolate_apps("tests.apps.fields")
def test_as_many_as_there_is_room_for(field, count):
    class Place(models.Model):
        id = models.BigAutoField(primary_key=True)
        name = field

        class Meta:
            app_label = "fields"

    made = replacement_for(Place._meta.get_field("name"))
    place = Place(pk=7, name="https://x.test/ada@x.test")
    given = f"7-{digits(place)[:count]}" if count else "7"

    assert made.value(place).replace("http://", "").replace("@", ".").partition(".")[0] == given
    assert made.is_keyed is bool(count)
    assert bool(made.doubt) is (field.unique and not count)


def test_the_value_is_in_no_message_where_the_database_refuses_it():
    person = user()
    User.objects.create(username=keyed(person))

    with pytest.raises(AnonymiseError) as caught:
        person.anonymise()

    assert digits(person) not in str(caught.value)
    assert row(person)["username"] == "ada"


@pytest.mark.parametrize("mode", ["set", "rows"])
def test_the_key_is_read_once_for_many_rows(mode):
    Customer.objects.bulk_create(Customer(email=f"{number}@quill.example") for number in range(30))

    def receiver(**kwargs):
        pass

    with listening(pre_anonymise, receiver, sender=Customer) if mode == "rows" else nullcontext():
        asked = queries(Customer.objects.anonymise)

    assert len([sql for sql in asked if sql.startswith("SELECT gdpr_assist_databaseidentity")]) == 1
    assert [each.email for each in Customer.objects.all()] == [address(each) for each in Customer.objects.all()]


@WAYS
def test_an_object_that_was_read_elsewhere_gets_those_of_the_database_that_is_changed(anonymise):
    """A replica may have no key yet."""
    person = user()
    person._state.db = "other"
    DatabaseIdentity.objects.using("other").all().delete()

    with mock.patch.object(router, "db_for_write", return_value="default"):
        anonymise(person)

    assert row(User.objects.get())["username"] == keyed(User.objects.get())
    assert refilled() == 0


@WAYS
def test_children_with_keys_of_their_own_get_those_of_the_key_of_the_column_s_table(anonymise):
    """Different objects may have the same key in two children of one parent that is not registered itself."""
    reader = Reader.objects.create(login="ada", nick="ada")
    editor = Editor.objects.create(number=reader.number, login="bea", nick="bea")
    writer = Writer.objects.create(login="cleo", nick="cleo")

    for each in (reader, editor, writer):
        anonymise(each)

    for each in (reader, editor, writer):
        account = Account.objects.get(pk=each.account_id)
        assert (account.login, account.nick) == (keyed(account), str(account.pk))
        assert refilled(type(each)) == 0
