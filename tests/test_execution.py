"""Executing a plan: what is written, in how many statements, once, and in which transaction."""

import datetime
import re
import threading
import traceback
import uuid
from decimal import Decimal
from pathlib import Path
from unittest import mock

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.db.models import Count, F, Value
from django.db.models.functions import Concat, Upper
from django.db.models.signals import post_save, pre_save
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_bakery import baker

from gdpr_assist.databases import statements
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.execution.execute import execute
from gdpr_assist.execution.ranges import begin_scrub, execute_in_ranges
from gdpr_assist.execution.together import execute_together
from gdpr_assist.models import PrivacyAnonymised, Receipt
from gdpr_assist.planning.plans import plan
from gdpr_assist.registry import registry
from gdpr_assist.signals import post_anonymise, pre_anonymise
from tests.apps.early.models import EarlyBird
from tests.apps.fields.models import LongKey, NullFields, PlainFields, Target, TextKey, UUIDKey
from tests.apps.own.models import ConvertedKey, ExactKey, OwnColumns, OwnKey
from tests.apps.shop.models import (
    Badge,
    Boat,
    Comment,
    Customer,
    Employee,
    ExpressOrder,
    ForeignCustomer,
    GiftOrder,
    Home,
    Houseboat,
    Membership,
    OldHouseboat,
    Order,
    PaintedHouseboat,
    Product,
)
from tests.apps.thirdparty.models import Letter
from tests.settings import DB

from .observing import address, events, keyed, listening, markers, queries, redeclared, row, rows, unchanged, updates

if apps.is_installed("tests.apps.postgres"):
    from psycopg.types.range import Range

    from tests.apps.postgres.models import NullPostgresFields, PostgresFields

pytestmark = pytest.mark.django_db

FEW, MANY = 5, 50


def wiped(customer):
    """The personal columns of an anonymised customer, as the table of default rules has them."""
    return {
        "name": str(customer.pk),
        "email": address(customer),
        "phone": "",
        "born": None,
        "notes": "",
    }


def personal(instance):
    return {name: row(instance)[name] for name in ("name", "email", "phone", "born", "notes")}


def full_customer(**values):
    given = {"phone": "555", "born": "1815-12-10", "notes": "likes engines", "country": "UK"}
    return baker.make(Customer, **(given | values))


# -- values and columns ------------------------------------------------------------------------


def test_a_set_gets_the_values_of_the_rules():
    customers = [full_customer() for _ in range(3)]
    before = [row(each) for each in customers]

    Customer.objects.anonymise()

    assert [row(each) for each in customers] == [
        old | wiped(each) for each, old in zip(customers, before, strict=True)
    ]


def test_an_object_gets_the_values_of_the_rules_in_memory_and_in_its_row():
    customer = full_customer()
    before = row(customer)

    customer.anonymise()

    assert row(customer) == before | wiped(customer)
    assert {name: getattr(customer, name) for name in wiped(customer)} == wiped(customer)


def test_a_user_of_django_is_anonymised_like_any_other_row():
    user = baker.make(User, username="ada", first_name="Ada", email="ada@example.com")
    before = row(user)

    User.objects.filter(pk=user.pk).anonymise()

    assert row(user) == before | {
        "username": keyed(user),
        "first_name": "",
        "last_name": "",
        "email": address(user),
    }


@pytest.mark.parametrize("model", [Customer, Comment])
def test_a_set_writes_only_its_own_columns(model):
    baker.make(model, _quantity=3)

    sql = " ".join(updates(queries(model.objects.anonymise), model))

    kept = {"country", "is_deleted", "referred_by_id", "number", "author_id", "posted"}
    assert sql
    for column in kept.intersection(field.attname for field in model._meta.concrete_fields):
        assert f"{column} =" not in sql


def test_an_object_writes_only_its_own_columns():
    saved = []
    customer = full_customer()

    def note(update_fields, **kwargs):
        saved.append(update_fields)

    with listening(post_save, note, sender=Customer):
        customer.anonymise()

    assert saved == [frozenset(["name", "email", "phone", "born", "notes"])]


def test_a_stale_object_does_not_undo_what_others_changed():
    customer, comment = full_customer(), baker.make(Comment)
    now = timezone.now().replace(microsecond=0)
    Customer.objects.update(country="IT", is_deleted=True)
    Comment.objects.update(author=customer, posted=now)

    customer.anonymise()
    comment.anonymise()

    assert row(customer)["country"] == "IT"
    assert row(customer)["is_deleted"] is True
    assert row(comment)["author_id"] == customer.pk
    assert row(comment)["posted"] == now


def test_an_unsaved_change_to_a_kept_column_is_neither_written_nor_lost():
    customer = full_customer()
    customer.country = "XX"

    customer.anonymise()

    assert row(customer)["country"] == "UK"
    assert customer.country == "XX"


def test_an_object_with_deferred_columns_can_be_anonymised():
    customer = Customer.objects.only("country").get(pk=full_customer().pk)

    customer.anonymise()

    assert personal(customer) == wiped(customer)


def test_a_row_of_a_reader_without_all_columns_is_wiped_whole():
    customer = full_customer()

    Customer.objects.only("name").defer("notes").anonymise()

    assert personal(customer) == wiped(customer)


# -- once --------------------------------------------------------------------------------------


def test_the_numbers_of_a_result():
    customers = [full_customer() for _ in range(3)]
    customers[0].anonymise()

    result = Customer.objects.anonymise()

    assert (result.label, result.using) == ("shop.Customer", "default")
    assert (result.anonymised, result.skipped) == (2, 1)
    assert isinstance(result.operation, uuid.UUID)
    assert Receipt.objects.filter(pk=result.operation).exists()


def test_the_numbers_of_one_object():
    customer = full_customer()

    first, second = customer.anonymise(), customer.anonymise()

    assert (first.anonymised, first.skipped) == (1, 0)
    assert (second.anonymised, second.skipped, second.operation) == (0, 1, None)


def test_joined_rows_are_not_counted_as_skipped():
    customer = full_customer()
    baker.make(Order, customer=customer, _quantity=3)

    everything = Customer.anonymisable_manager().annotate(spent=F("orders__total"))
    result = everything.anonymise()

    assert (result.anonymised, result.skipped) == (1, 0)


@pytest.mark.parametrize("model", [Customer, Comment])
@pytest.mark.parametrize("watched", [False, True], ids=["nobody", "receiver"])
def test_a_row_is_anonymised_once(model, watched):
    instance = baker.make(model)
    model.objects.anonymise()
    model.objects.update(email="new@example.com")
    heard = []

    def receiver(instance, **kwargs):
        heard.append(instance)

    if watched:
        with listening(pre_anonymise, receiver, sender=model), unchanged(model):
            model.objects.anonymise()
    else:
        with unchanged(model):
            model.objects.anonymise()
            instance.anonymise()

    assert heard == []


@pytest.mark.parametrize("model", [Customer, Comment])
def test_force_does_it_again(model):
    instance = baker.make(model)
    instance.anonymise()
    model.objects.update(email="new@example.com")

    result = model.objects.anonymise(force=True)

    assert (result.anonymised, result.skipped) == (1, 0)
    assert row(instance)["email"] == address(instance)
    assert markers(model) == [str(instance.pk)]


@pytest.mark.django_db
@pytest.mark.parametrize("is_known_to_sql", [True, False])
@pytest.mark.parametrize("model", [Customer, UUIDKey, TextKey])
def test_what_was_filled_again_alone(model, is_known_to_sql, monkeypatch):
    """Also where the databases write keys of this type as texts of their own."""
    if not is_known_to_sql:
        for module in ("execution.claims", "execution.marking", "planning.markers"):
            monkeypatch.setattr(f"gdpr_assist.{module}.key_text", lambda *args: None)
    still, again = baker.make(model, _quantity=2)
    model.objects.anonymise()
    baker.make(model)
    model.objects.filter(pk=again.pk).update(name="Ada")
    before, logged = row(still), len(events())
    result = execute(plan(model.objects.all(), force="refilled"))
    assert (result.anonymised, result.skipped) == (2, 1)
    assert row(still) == before
    assert row(again)["name"] != "Ada"
    assert [each[:2] for each in events()[logged:]] == [("anonymise", model._meta.label)] * 2


def test_force_on_an_object():
    customer = full_customer()
    customer.anonymise()
    customer.phone = "666"
    customer.save()

    customer.anonymise(force=True)

    assert personal(customer) == wiped(customer)
    assert markers(Customer) == [str(customer.pk)]


@pytest.mark.parametrize("model", [Customer, UUIDKey, TextKey, LongKey])
def test_every_kind_of_key_is_marked(model):
    key = {TextKey: {"word": "engine"}, LongKey: {"code": "x" * 300}}.get(model, {})
    instance = baker.make(model, **key)
    assert not instance.is_anonymised()

    model.objects.anonymise()

    assert instance.is_anonymised()
    assert model.objects.get().is_anonymised()
    assert markers(model) == [str(instance.pk)]


def test_an_object_that_is_not_saved_is_not_anonymised():
    assert Customer().is_anonymised() is False


# -- which rows --------------------------------------------------------------------------------


def test_a_condition_over_other_rows_does_not_change_its_mind(monkeypatch):
    """Each was referred by the one before: its name is gone when the next batch is due."""
    monkeypatch.setattr("gdpr_assist.databases.rows.LARGEST_BATCH", 3)
    first = full_customer(name="Ada")
    chain = [first]
    for _ in range(6):
        chain.append(full_customer(name="Ada", referred_by=chain[-1]))

    result = Customer.objects.filter(referred_by__name="Ada").anonymise()

    assert result.anonymised == 6
    assert not first.is_anonymised()
    assert [personal(each) for each in chain[1:]] == [wiped(each) for each in chain[1:]]


def test_a_condition_over_other_rows_holds_row_by_row_too():
    chain = [full_customer(name="Ada")]
    for _ in range(3):
        chain.append(full_customer(name="Ada", referred_by=chain[-1]))

    def receiver(**kwargs):
        pass

    with listening(pre_anonymise, receiver, sender=Customer):
        result = Customer.objects.filter(referred_by__name="Ada").anonymise()

    assert result.anonymised == 3


@pytest.mark.parametrize("model", [Customer, Comment, Order])
@pytest.mark.parametrize("filtered", [False, True])
def test_all_batches_are_done(monkeypatch, model, filtered):
    monkeypatch.setattr("gdpr_assist.databases.rows.LARGEST_BATCH", 3)
    made = baker.make(model, _quantity=7)
    spared = baker.make(model)
    everything = model.anonymisable_manager().all()
    if not filtered:
        spared.delete()
    queryset = everything.exclude(pk=spared.pk) if filtered else everything

    result = queryset.anonymise()

    assert result.anonymised == 7
    assert {row(each)["email"] for each in made} == {address(each) for each in made}
    assert markers(model) == sorted(str(each.pk) for each in made)
    assert len([event for event in events() if event[0] == "anonymise"]) == 7


def test_a_condition_on_an_aggregate():
    regular, visitor = full_customer(), full_customer()
    baker.make(Order, customer=regular, _quantity=2)
    baker.make(Order, customer=visitor)

    result = Customer.objects.annotate(n=Count("orders")).filter(n__gt=1).anonymise()

    assert (result.anonymised, result.skipped) == (1, 0)
    assert markers(Customer) == [str(regular.pk)]


def test_distinct_rows():
    regular = full_customer()
    full_customer()
    baker.make(Order, customer=regular, total=9, _quantity=3)

    result = Customer.objects.filter(orders__total=9).distinct().anonymise()

    assert (result.anonymised, result.skipped) == (1, 0)
    assert personal(regular) == wiped(regular)


def test_rows_found_by_a_join_are_anonymised_once():
    regular = full_customer()
    baker.make(Order, customer=regular, total=9, _quantity=3)

    result = Customer.objects.filter(orders__total=9).order_by("orders__placed").anonymise()

    assert (result.anonymised, result.skipped) == (1, 0)


# -- signals -----------------------------------------------------------------------------------


class Recorder:
    """A receiver that notes what it was sent."""

    def __init__(self, name, heard):
        self.name = name
        self.heard = heard

    def __call__(self, sender, instance, **kwargs):
        self.heard.append((self.name, sender, instance.pk, instance.email, kwargs.get("using")))


@pytest.mark.parametrize("single", [True, False], ids=["object", "queryset"])
def test_the_signals_of_an_anonymised_row(single):
    customer = full_customer(email="ada@example.com")
    heard = []
    with (
        listening(pre_anonymise, Recorder("pre_anonymise", heard), sender=Customer),
        listening(pre_save, Recorder("pre_save", heard), sender=Customer),
        listening(post_save, Recorder("post_save", heard), sender=Customer),
        listening(post_anonymise, Recorder("post_anonymise", heard), sender=Customer),
    ):
        (customer if single else Customer.objects).anonymise()

    new = address(customer)
    assert heard == [
        ("pre_anonymise", Customer, customer.pk, "ada@example.com", "default"),
        ("pre_save", Customer, customer.pk, new, "default"),
        ("post_save", Customer, customer.pk, new, "default"),
        ("post_anonymise", Customer, customer.pk, new, "default"),
    ]


def test_the_signals_name_the_database():
    customer = baker.make(Customer, _using="other")
    heard = []
    with (
        listening(pre_anonymise, Recorder("pre", heard), sender=Customer),
        listening(post_anonymise, Recorder("post", heard), sender=Customer),
    ):
        customer.anonymise()

    assert [each[-1] for each in heard] == ["other", "other"]


@pytest.mark.parametrize("single", [True, False], ids=["object", "queryset"])
def test_the_sender_of_a_proxys_signals_is_the_proxy(single):
    full_customer()
    customer = ForeignCustomer.objects.get()
    heard = []
    with (
        listening(pre_anonymise, Recorder("pre", heard)),
        listening(post_save, Recorder("save", heard), sender=ForeignCustomer),
        listening(post_anonymise, Recorder("post", heard)),
    ):
        (customer if single else ForeignCustomer.objects).anonymise()

    assert [each[:3] for each in heard] == [
        ("pre", ForeignCustomer, customer.pk),
        ("save", ForeignCustomer, customer.pk),
        ("post", ForeignCustomer, customer.pk),
    ]


def test_a_proxy_and_its_model_share_the_marker():
    customer = full_customer()

    ForeignCustomer.objects.get().anonymise()

    assert customer.is_anonymised()
    assert customer.anonymise().skipped == 1
    assert events() == [("anonymise", "shop.Customer", str(customer.pk))]


def test_a_skipped_row_sends_no_signal():
    customer = full_customer()
    customer.anonymise()
    heard = []

    with listening(pre_anonymise, Recorder("pre", heard)):
        customer.anonymise()
        Customer.objects.anonymise()

    assert heard == []


def test_receivers_that_anonymise_each_others_rows_come_to_an_end():
    customer, friend = full_customer(), full_customer()
    comments = baker.make(Comment, author=customer, _quantity=2)

    def comments_of(instance, **kwargs):
        Comment.objects.filter(author=instance).anonymise()
        friend.anonymise()

    def author_of(instance, **kwargs):
        instance.author.anonymise()

    with (
        listening(post_anonymise, comments_of, sender=Customer),
        listening(post_anonymise, author_of, sender=Comment),
    ):
        customer.anonymise()

    assert personal(customer) == wiped(customer)
    assert personal(friend) == wiped(friend)
    assert {row(each)["display_name"] for each in comments} == {"Anonymous user"}
    assert len(markers(Comment)) == 2


def test_receivers_come_to_an_end_under_force_too():
    customer = full_customer()
    comment = baker.make(Comment, author=customer)
    Customer.objects.anonymise()
    Comment.objects.anonymise()

    def comments_of(instance, **kwargs):
        Comment.objects.filter(author=instance).anonymise()

    def author_of(instance, **kwargs):
        instance.author.anonymise()

    with (
        listening(post_anonymise, comments_of, sender=Customer),
        listening(post_anonymise, author_of, sender=Comment),
    ):
        assert customer.anonymise(force=True).anonymised == 1
        assert comment.anonymise(force=True).anonymised == 1


# -- PrivacyMeta.bulk --------------------------------------------------------------------------


def with_bulk(model, value):
    own = registry.declaration(model).meta
    return redeclared(model, type("PrivacyMeta", (type(own),), {"bulk": value}))


@pytest.mark.parametrize("model", [Customer, Comment])
def test_with_bulk_each_row_sends_our_signals_once_with_the_new_values_and_no_save(model):
    made = [baker.make(model, email=f"{number}@quill.example") for number in range(3)]
    heard, in_database = [], []

    def look(instance, **kwargs):
        in_database.append(row(instance)["email"])

    with (
        with_bulk(model, True),
        listening(pre_anonymise, Recorder("pre_anonymise", heard), sender=model),
        listening(post_anonymise, Recorder("post_anonymise", heard), sender=model),
        listening(pre_save, Recorder("pre_save", heard), sender=model),
        listening(post_save, Recorder("post_save", heard), sender=model),
        listening(post_anonymise, look, sender=model),
    ):
        model.objects.anonymise()

    new = [address(each) for each in made]
    assert heard == [
        *(("pre_anonymise", model, each.pk, each.email, "default") for each in made),
        *(("post_anonymise", model, each.pk, email, "default") for each, email in zip(made, new, strict=True)),
    ]
    assert in_database == new == [row(each)["email"] for each in made]


@pytest.mark.parametrize("model", [Customer, Comment])
@pytest.mark.parametrize("watched", [True, False], ids=["receiver", "nobody"])
def test_with_bulk_the_rows_end_as_without(model, watched):
    for _ in range(3):
        baker.make(model)

    def receiver(**kwargs):
        pass

    without = rolled_back(model.objects.anonymise, model)
    with with_bulk(model, True), listening(post_anonymise if watched else post_save, receiver, sender=model):
        found = rolled_back(model.objects.anonymise, model)

    assert found == without


def test_without_bulk_each_row_is_saved_though_nobody_watches():
    baker.make(Customer, _quantity=FEW)

    with with_bulk(Customer, False):
        statements_seen = queries(Customer.objects.anonymise)

    assert len(updates(statements_seen, Customer)) == FEW


def test_with_bulk_what_a_receiver_of_pre_anonymise_sets_is_written():
    customers = [full_customer() for _ in range(3)]

    def forget_country(instance, **kwargs):
        if instance.pk == customers[1].pk:
            instance.country = ""

    with with_bulk(Customer, True), listening(pre_anonymise, forget_country, sender=Customer):
        Customer.objects.anonymise()

    assert [row(each)["country"] for each in customers] == ["UK", "", "UK"]
    assert [personal(each) for each in customers] == [wiped(each) for each in customers]


# -- one transaction, on the rows' own database ------------------------------------------------


def test_only_the_named_database_is_touched_where_two_hold_equal_keys():
    here, there = full_customer(pk=7), full_customer(pk=7, _using="other")
    before = rows(Customer)

    there.anonymise()

    assert rows(Customer) == before
    assert personal(there) == wiped(there)
    assert (markers(Customer), markers(Customer, "other")) == ([], ["7"])
    assert not here.is_anonymised()


@pytest.mark.parametrize("watched", [False, True], ids=["set", "rows"])
def test_a_queryset_of_another_database(watched):
    full_customer(pk=7)
    there = full_customer(pk=7, _using="other")
    before = rows(Customer)

    if watched:
        with listening(post_anonymise, Recorder("post", []), sender=Customer):
            result = Customer.objects.using("other").anonymise()
    else:
        result = Customer.objects.using("other").anonymise()

    assert result.using == "other"
    assert rows(Customer) == before
    assert personal(there) == wiped(there)
    assert Receipt.objects.using("other").filter(pk=result.operation).exists()
    assert not Receipt.objects.using("default").exists()


def test_mixed_mode_in_another_database():
    baker.make(Comment, pk=7, body="here")
    baker.make(Comment, pk=7, body="there", _using="other")
    before = rows(Comment)

    Comment.objects.using("other").anonymise()

    assert rows(Comment) == before
    assert rows(Comment, "other")[0]["body"] == "[removed, 5 characters]"


def test_the_related_rows_of_an_object_are_those_of_its_database():
    here, there = full_customer(pk=7), full_customer(pk=7, _using="other")
    baker.make(Order, pk=1, customer=here)
    baker.make(Order, pk=1, customer=there, _using="other")
    before = rows(Order)

    there.orders.anonymise()

    assert rows(Order) == before
    assert rows(Order, "other")[0]["email"] == "1@anon.example.com"


NAMES_THE_RECEIVER = r"^shop\.Customer: a receiver of post_anonymise raised RuntimeError \(line \d+ of receiver\)\. No"


def fail_on(key):
    def receiver(instance, **kwargs):
        if instance.pk == key:
            raise RuntimeError(f"the newsletter service is down for {instance.pk}")

    return receiver


def test_a_receiver_that_fails_leaves_no_row_changed():
    customers = [full_customer() for _ in range(3)]

    with (
        listening(post_anonymise, fail_on(customers[2].pk), sender=Customer),
        unchanged(Customer),
        pytest.raises(AnonymiseError, match=NAMES_THE_RECEIVER),
    ):
        Customer.objects.anonymise()


def test_a_receiver_that_fails_leaves_the_object_in_memory_as_it_was():
    customer = full_customer(phone="555")

    with (
        listening(post_anonymise, fail_on(customer.pk), sender=Customer),
        unchanged(Customer),
        pytest.raises(AnonymiseError, match=NAMES_THE_RECEIVER),
    ):
        customer.anonymise()

    assert customer.phone == "555"
    assert customer.anonymise().anonymised == 1


def test_a_failure_in_a_later_batch_undoes_the_earlier_ones(monkeypatch):
    monkeypatch.setattr("gdpr_assist.databases.rows.LARGEST_BATCH", 3)
    customers = [full_customer() for _ in range(7)]
    spared = full_customer(email=address(customers[-1]))

    with unchanged(Customer), pytest.raises(AnonymiseError):
        Customer.objects.exclude(pk=spared.pk).anonymise()


def test_a_caller_who_rolls_back_takes_all_of_it_back():
    """But for the events, which are durable: the missing receipt says that they did not happen."""
    full_customer()
    before = rows(Customer)

    with transaction.atomic():
        Customer.objects.anonymise()
        transaction.set_rollback(True)

    assert rows(Customer) == before
    assert markers(Customer) == []
    assert not Receipt.objects.exists()


# -- how many statements -----------------------------------------------------------------------


def count_queries(make, anonymise):
    """Return the numbers of queries for few and for many rows, after one row to fill the caches."""
    found = []
    for quantity in (1, FEW, MANY):
        make(quantity)
        found.append(queries(anonymise))
    return found[1:]


@pytest.mark.parametrize("model", [Customer, Order, GiftOrder, UUIDKey, Membership])
def test_the_statements_of_a_set_do_not_grow_with_its_rows(model):
    few, many = count_queries(lambda quantity: baker.make(model, _quantity=quantity), model.objects.anonymise)

    assert len(few) == len(many)
    assert len(updates(many, model)) == 1


def test_all_columns_of_a_set_are_in_one_update():
    baker.make(Customer, _quantity=MANY)

    (update,) = updates(queries(Customer.objects.anonymise), Customer)

    for name in ("name", "email", "phone", "born", "notes"):
        assert name in update


def test_the_statements_of_mixed_mode_do_not_grow_with_its_rows():
    few, many = count_queries(lambda quantity: baker.make(Comment, _quantity=quantity), Comment.objects.anonymise)

    assert plan(Comment.objects.all()).way.kind == "mixed"
    assert len(few) == len(many)


def test_row_by_row_saves_each_row():
    baker.make(Customer, _quantity=FEW)

    with listening(post_save, Recorder("save", []), sender=Customer):
        statements = queries(Customer.objects.anonymise)

    assert len(updates(statements, Customer)) == FEW


def test_an_object_is_one_update():
    customer = full_customer()

    assert len(updates(queries(customer.anonymise), Customer)) == 1


def test_an_object_that_is_done_costs_no_write():
    customer = full_customer()
    customer.anonymise()

    statements = queries(customer.anonymise)

    assert all(each.startswith(("SELECT", "SAVEPOINT", "RELEASE")) for each in statements)


# -- keys --------------------------------------------------------------------------------------


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL has schemas")
def test_a_table_that_is_named_with_its_schema():
    class Meta:
        fields = ["sender"]

        def anonymise_sender(self, instance):
            return f"sender {instance.pk}"

    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA archive")
        cursor.execute("CREATE TABLE archive.letter (id serial PRIMARY KEY, sender varchar(50))")
        cursor.execute("INSERT INTO archive.letter (sender) VALUES ('Ada'), ('Ada'), ('Ada')")
    with registry.registered(Letter, Meta):
        Letter.objects.get(pk=1).anonymise()
        assert Letter.objects.anonymise().anonymised == 2

    assert list(Letter.objects.order_by("pk").values_list("sender", flat=True)) == ["sender 1", "sender 2", "sender 3"]


def test_keys_that_differ_by_case_or_accent_have_markers_of_their_own():
    ada, capital, accent = [ExactKey.objects.create(code=code, name="Ada") for code in ("ada", "Ada", "ädä")]
    capital.anonymise()
    assert [each.is_anonymised() for each in (ada, capital, accent)] == [False, True, False]

    result = ExactKey.objects.anonymise()

    assert (result.anonymised, result.skipped) == (2, 1)
    assert set(markers(ExactKey)) == {"ada", "Ada", "ädä"}
    capital.delete()
    assert set(markers(ExactKey)) == {"ada", "ädä"}
    assert [each.is_anonymised() for each in (ada, accent)] == [True, True]


def test_a_key_of_a_class_that_converts_nothing_is_read_by_the_database():
    """Its email is made from the key."""
    OwnKey.objects.create(code="k1", name="Ada", email="ada@quill.example")

    assert plan(OwnKey.objects.all()).way.kind == "set"
    OwnKey.objects.anonymise()

    assert OwnKey.objects.get().email == "k1@anon.example.com"
    assert markers(OwnKey) == ["k1"]


def converted_keys(count):
    ConvertedKey.objects.bulk_create(
        ConvertedKey(number=f"C-{number}", name="Ada", email="ada@quill.example") for number in range(count)
    )


@pytest.mark.parametrize("scrub", [False, True])
def test_a_key_that_is_converted_is_anonymised_once(scrub):
    converted_keys(5)
    ConvertedKey.objects.get(number="C-3").anonymise()

    if scrub:
        assert in_ranges(ConvertedKey, 2)[-1] == 4
    else:
        result = ConvertedKey.objects.anonymise()
        assert (result.anonymised, result.skipped) == (4, 1)

    assert sorted(ConvertedKey.objects.values_list("number", "name", "email")) == [
        (f"C-{number}", f"C-{number}", f"C-{number}@anon.example.com") for number in range(5)
    ]
    assert markers(ConvertedKey) == [f"{number}" for number in range(5)]


def test_of_converted_keys_the_markers_of_the_page_are_read():
    """Not those of the whole table, page after page."""
    converted_keys(30)
    ConvertedKey.objects.anonymise()

    statements_seen = queries(lambda: in_ranges(ConvertedKey, 10))

    listed = [found[1] for each in statements_seen if (found := re.search(r"object_id IN \(([^)]*)\)", each))]
    assert [len(texts.split(",")) for texts in listed] == [10, 10, 10]
    assert not any(" IN (" in each and "FROM own_convertedkey" in each for each in statements_seen)


# -- the ways agree ----------------------------------------------------------------------------


def rolled_back(run, *models):
    """Return the rows after ``run``, which is then undone."""
    with transaction.atomic():
        run()
        found = [rows(model) for model in models]
        transaction.set_rollback(True)
    return found


@pytest.mark.parametrize(
    "model", [Customer, Comment, Order, GiftOrder, Membership, EarlyBird, Badge, LongKey, UUIDKey]
)
def test_a_set_and_its_rows_one_by_one_end_the_same(model):
    key = {"code": iter([f"{'x' * 299}{n}" for n in range(3)])} if model is LongKey else {}
    for _ in range(3):
        baker.make(model, **{name: next(values) for name, values in key.items()})
    tables = (model, *model._meta.get_parent_list())
    before = [rows(table) for table in tables]

    as_set = rolled_back(model.objects.anonymise, *tables)
    as_objects = rolled_back(lambda: [each.anonymise() for each in model.objects.all()], *tables)

    def receiver(**kwargs):
        pass

    with listening(pre_save, receiver, sender=model):
        one_by_one = rolled_back(model.objects.anonymise, *tables)

    assert as_set != before
    assert as_set == one_by_one == as_objects
    assert [rows(table) for table in tables] == before


def test_mixed_mode_writes_what_each_anonymiser_made_of_its_own_row():
    comments = [baker.make(Comment, body="x" * length) for length in (1, 5, 9)]

    Comment.objects.anonymise()

    assert [row(each)["body"] for each in comments] == [
        "[removed, 1 characters]",
        "[removed, 5 characters]",
        "[removed, 9 characters]",
    ]


def test_mixed_mode_with_a_deferred_column():
    comment = baker.make(Comment, body="12345")

    Comment.objects.defer("body").anonymise()

    assert row(comment)["body"] == "[removed, 5 characters]"


# -- what Python computes is written back ------------------------------------------------------

AWKWARD = """O'Hara "100%" %s %(key)s \\ \\' `;-- ünï 🦉 {0}"""
INDIA = datetime.timezone(datetime.timedelta(hours=5, minutes=30))


def new_values(number):
    """Return a value for each column of the models of tests.apps.fields and tests.apps.postgres."""
    words = dict.fromkeys(("char", "slug", "text", "email", "url"), AWKWARD.format(number))
    integers = dict.fromkeys(
        ("small_integer", "positive_small_integer", "integer", "positive_integer", "big_integer"), 100 + number
    )
    addresses = {"address": f"2001:db8::{number}", "address_v4": f"192.0.2.{number}", "address_v6": f"::{number}"}
    files = {"file": f"files/{number}'.txt", "image": f"images/{number}.png", "file_path": f"/srv/{number}%s"}
    return {
        **words,
        **integers,
        **addresses,
        **files,
        "positive_big_integer": 2**62 + number,
        "decimal": Decimal("123456.70") + number,
        "float": -0.125 * number,
        "date": datetime.date(1815, 12, number),
        "date_time": datetime.datetime(1843, 7, number, 1, 2, 3, 456789, tzinfo=INDIA),
        "time": datetime.time(23, 59, number, 1),
        "duration": datetime.timedelta(days=-number, microseconds=7),
        "uuid": uuid.UUID(int=number),
        "boolean": number % 2 == 0,
        "binary": b"\x00\xff%s'\\" + bytes([number]),
        "json": {"name": AWKWARD, "list": [None, True, 1.5, {"deep": number}]},
        "json_dict": {"number": number},
        "json_list": [AWKWARD, number],
        "json_filled": AWKWARD,
        "foreign_key": None,
        "one_to_one": None,
        "array": [AWKWARD, str(number), ""],
        "hstore": {"name": AWKWARD, "none": None},
        "search_vector": f"lovelace {number}",
        **(ranges(number) if connection.vendor == "postgresql" else {}),
    }


def ranges(number):
    first = datetime.date(1815, 12, number)
    return {
        "integer_range": Range(number, number + 7),
        "big_integer_range": Range(None, number),
        "decimal_range": Range(Decimal("7.7"), Decimal("7.7") + number),
        "date_range": Range(first, datetime.date(1852, 11, 27)),
        "date_time_range": Range(datetime.datetime(1843, 7, number, tzinfo=INDIA), None),
    }


def anonymised_by(model, new):
    """Declare ``model`` with Python anonymisers that give ``new``: {key: {field: value}}."""

    def anonymiser(name):
        def give(self, instance):
            value = new[instance.pk][name]
            if value is None:  # what it returns would mean that it has set the value itself
                setattr(instance, name, None)
            return value

        return give

    names = list(next(iter(new.values())))
    keep = {field.name for field in model._meta.concrete_fields} - {model._meta.pk.name, *names}
    methods = {f"anonymise_{name}": anonymiser(name) for name in names}
    meta = {"fields": names, "keep": sorted(keep), **methods}
    return redeclared(model, type("PrivacyMeta", (), meta))


def full_row(model, number):
    columns = [field for field in model._meta.concrete_fields if not field.primary_key]
    values = {field.name: new_values(20 + number)[field.name] for field in columns if not field.is_relation}
    related = {field.name: baker.make(Target) for field in columns if field.is_relation}
    return model.objects.create(**values, **related)


def comparable(value):
    return bytes(value) if isinstance(value, memoryview) else value


def both_ways(model):
    """Return the rows of ``model`` anonymised as a queryset and object by object; both are undone."""
    found = [
        rolled_back(action, model)[0]
        for action in (model.objects.anonymise, lambda: [each.anonymise() for each in model.objects.all()])
    ]
    return [[{name: comparable(value) for name, value in each.items()} for each in rows] for rows in found]


FIELD_MODELS = [PlainFields, NullFields]
NULLABLE = [NullFields]
if connection.vendor == "postgresql":
    FIELD_MODELS += [PostgresFields, NullPostgresFields]
    NULLABLE += [NullPostgresFields]


@pytest.mark.parametrize("model", FIELD_MODELS)
def test_every_kind_of_column_is_written_back_as_it_is_saved(model):
    made = [full_row(model, number) for number in (1, 2, 3)]
    new = {}
    for number, each in enumerate(made, 5):
        names = [field.name for field in model._meta.concrete_fields if not field.primary_key]
        new[each.pk] = {name: new_values(number)[name] for name in names}
        new[each.pk] |= {name: baker.make(Target) for name in names if name in ("foreign_key", "one_to_one")}

    with anonymised_by(model, new):
        assert plan(model.objects.all()).way.kind == "mixed"
        as_set, as_objects = both_ways(model)

    assert as_set == as_objects
    for found in as_set:
        for name, value in new[found["id"]].items():
            field = model._meta.get_field(name)
            if name != "search_vector":  # which the database writes in its own way
                assert found[field.attname] == (value.pk if field.is_relation else value), name


@pytest.mark.parametrize("model", NULLABLE)
@pytest.mark.parametrize("null_first", [True, False])
def test_none_is_written_back_as_null_beside_rows_with_values(model, null_first):
    made = [full_row(model, number) for number in (1, 2)]
    names = [field.name for field in model._meta.concrete_fields if not field.primary_key]
    full = {name: new_values(5)[name] for name in names}
    values = [dict.fromkeys(names), full] if null_first else [full, dict.fromkeys(names)]

    with anonymised_by(model, {each.pk: new for each, new in zip(made, values, strict=True)}):
        as_set, as_objects = both_ways(model)

    assert as_set == as_objects
    empty = as_set[0 if null_first else 1]
    # Django saves an empty file as ""
    assert {value for name, value in empty.items() if name not in ("id", "file", "image")} == {None}


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=50), min_size=1, max_size=4))
def test_any_text_is_written_back_as_it_is(db, texts):
    with transaction.atomic():
        made = [baker.make(Customer) for _ in texts]
        new = {each.pk: {"name": text, "notes": text} for each, text in zip(made, texts, strict=True)}
        with anonymised_by(Customer, new):
            Customer.all_objects.anonymise()
        found = {each["id"]: {"name": each["name"], "notes": each["notes"]} for each in rows(Customer)}
        transaction.set_rollback(True)
    assert found == new


@pytest.mark.parametrize("model", [UUIDKey, TextKey, LongKey])
def test_rows_are_written_back_to_their_own_key(model):
    keys = {TextKey: ["ada", "o-hara"], LongKey: ["it's 100%", "ü"], UUIDKey: [uuid.uuid4(), uuid.uuid4()]}[model]
    extra = [{} if model is TextKey else {"unique_name": str(number)} for number in range(2)]
    for key, values in zip(keys, extra, strict=True):
        model.objects.create(pk=key, name="Ada", email="ada@quill.example", **values)
    new = {key: {"name": f"name of {number}"} for number, key in enumerate(keys)}

    with anonymised_by(model, new):
        model.objects.anonymise()

    assert {each.pk: {"name": each.name} for each in model.objects.all()} == new


def test_a_field_with_sql_of_its_own_around_values_is_written_with_it():
    made = [OwnColumns.objects.create(shouted="ada", doubled="d", latin="l") for _ in range(2)]
    new = {each.pk: {"shouted": f"row {each.pk}"} for each in made}

    with anonymised_by(OwnColumns, new):
        as_set, as_objects = both_ways(OwnColumns)

    assert [each["shouted"] for each in as_set] == [f"ROW {each.pk}" for each in made]
    assert as_set == as_objects


def test_a_new_file_is_stored_before_its_name_is_written(media_root):
    made = [baker.make(NullFields) for _ in range(2)]
    new = {each.pk: {"file": ContentFile(b"blank %d" % each.pk, name="blank.txt")} for each in made}

    with anonymised_by(NullFields, new):
        assert plan(NullFields.objects.all()).way.kind == "mixed"
        NullFields.objects.anonymise()

    written = NullFields.objects.order_by("pk")
    assert [Path(each.file.path).read_bytes() for each in written] == [b"blank %d" % each.pk for each in made]
    assert {str(Path(each.file.name).parent) for each in written} == {"files"}


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite holds texts of any length in any column")
def test_what_is_too_long_as_it_is_stored_is_refused_and_not_cut():
    made = [OwnColumns.objects.create(shouted="s", doubled="fits", latin="l") for _ in range(2)]

    with anonymised_by(OwnColumns, {each.pk: {"doubled": "7 chars"} for each in made}), unchanged(OwnColumns):
        assert plan(OwnColumns.objects.all()).way.kind == "mixed"
        with pytest.raises(AnonymiseError, match=r"own\.OwnColumns: .* of one of doubled\."):
            OwnColumns.objects.anonymise()


@pytest.mark.skipif(connection.vendor != "mysql", reason="only MariaDB has columns of several character sets")
def test_what_a_character_set_cannot_hold_is_refused_without_the_value():
    made = [OwnColumns.objects.create(shouted="s", doubled="d", latin="Ada") for _ in range(2)]

    with (
        anonymised_by(OwnColumns, {each.pk: {"latin": "secret 🦉"} for each in made}),
        unchanged(OwnColumns),
        pytest.raises(AnonymiseError, match=r"own\.OwnColumns: .* of one of latin\.") as caught,
    ):
        OwnColumns.objects.anonymise()

    assert "secret" not in "".join(traceback.format_exception(caught.value))


def test_a_column_that_an_anonymiser_sets_in_some_rows_is_written_in_these_only():
    """Of the others another process may have changed it in the meantime."""
    customers = [full_customer(notes=notes) for notes in ("moved", "stays", "moved", "stays")]

    class Meta:
        fields = ["notes"]
        keep = ["name", "email", "phone", "born", "number", "country", "is_deleted", "referred_by"]

        def anonymise_notes(self, instance):
            if instance.notes == "moved":
                instance.country = "XX"
                instance.phone = ""
            return f"note {instance.pk}"

    with redeclared(Customer, Meta):
        written = [each for each in queries(Customer.objects.anonymise) if "UPDATE shop_customer" in each]

    assert [(row(each)["country"], row(each)["phone"]) for each in customers] == [("XX", ""), ("UK", "555")] * 2
    assert [row(each)["notes"] for each in customers] == [f"note {each.pk}" for each in customers]
    assert sorted("country" in each for each in written) == [False, True]


def test_a_child_and_its_parent_are_written_back_each_to_its_own_table():
    gifts = [baker.make(GiftOrder, greeting="Dear Ada", recipient="Ada", email="a@x.example") for _ in range(3)]
    plain = baker.make(Order, recipient="Ada")
    new = {each.pk: {"recipient": f"R{each.pk}", "greeting": f"G{each.pk}"} for each in gifts}

    with anonymised_by(GiftOrder, new):
        assert plan(GiftOrder.objects.all()).way.kind == "mixed"
        GiftOrder.objects.anonymise()

    assert {
        each.pk: {"recipient": each.recipient, "greeting": each.greeting} for each in GiftOrder.objects.all()
    } == new
    assert row(plain)["recipient"] == "Ada"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [(Upper("name"), "ADA"), (F("phone"), "555"), (Concat(F("name"), Value("%s")), "Ada%s")],
    ids=["Upper", "F", "Concat"],
)
def test_an_expression_of_an_anonymiser_is_computed_by_the_database(expression, expected):
    customers = [full_customer(name="Ada") for _ in range(3)]
    new = {each.pk: {"name": expression, "notes": f"note {each.pk}"} for each in customers}

    with anonymised_by(Customer, new):
        Customer.objects.anonymise()

    assert [row(each)["name"] for each in customers] == [expected] * 3
    assert [row(each)["notes"] for each in customers] == [f"note {each.pk}" for each in customers]


def test_a_database_without_a_statement_of_its_own_is_written_by_bulk_update(monkeypatch):
    monkeypatch.setattr(statements, "UPDATE", {})
    made = [full_row(PlainFields, number) for number in (1, 2, 3)]
    names = [field.name for field in PlainFields._meta.concrete_fields if not field.primary_key]
    new = {each.pk: {name: new_values(n)[name] for name in names} for n, each in enumerate(made, 5)}

    with anonymised_by(PlainFields, new):
        (update,) = updates(rolled_back_queries(PlainFields.objects.anonymise), PlainFields)
        as_set, as_objects = both_ways(PlainFields)

    assert "CASE WHEN" in update
    assert as_set == as_objects
    assert [each["char"] for each in as_set] == [new[each["id"]]["char"] for each in as_set]


def rolled_back_queries(action):
    with transaction.atomic():
        found = queries(action)
        transaction.set_rollback(True)
    return found


# -- multi-table inheritance -------------------------------------------------------------------


def test_anonymising_a_parent_reaches_what_its_children_add():
    gift = baker.make(GiftOrder, greeting="to my dear Ada")
    express, plain = baker.make(ExpressOrder), baker.make(Order)

    result = Order.objects.anonymise()

    assert result.anonymised == 3
    for order in (gift, express, plain):
        assert row(order)["email"] == address(order)
    assert row(gift)["greeting"] == str(gift.pk)
    assert markers(Order) == sorted(str(each.pk) for each in (gift, express, plain))
    assert markers(GiftOrder) == [str(gift.pk)]
    assert markers(ExpressOrder) == [str(express.pk)]
    assert gift.is_anonymised()
    assert express.is_anonymised()


def test_anonymising_one_parent_object_reaches_its_child_only():
    gift, another = baker.make(GiftOrder, greeting="hello Ada", _quantity=2)

    Order.objects.get(pk=gift.pk).anonymise()

    assert row(gift)["greeting"] == str(gift.pk)
    assert row(another)["greeting"] == "hello Ada"
    assert markers(GiftOrder) == [str(gift.pk)]


def test_anonymising_a_child_does_both_tables_of_its_own_row_only():
    gift = baker.make(GiftOrder, greeting="hello Ada", total=Decimal("9.50"))
    plain = baker.make(Order)
    before, after = row(plain), row(gift)

    gift.anonymise()

    assert row(plain) == before
    assert row(gift) == after | {
        "recipient": str(gift.pk),
        "email": address(gift),
        "delivery_note": "",
        "greeting": str(gift.pk),
    }
    assert markers(GiftOrder) == [str(gift.pk)]


def test_a_child_that_was_done_before_its_parent_is_not_done_twice():
    gift = baker.make(GiftOrder)
    gift.anonymise()
    GiftOrder.objects.update(greeting="filled again")

    Order.objects.anonymise()

    assert row(gift)["greeting"] == "filled again"
    assert (markers(Order), markers(GiftOrder)) == ([str(gift.pk)], [str(gift.pk)])


# -- one object is all its tables ---


def houseboat(**values):
    return baker.make(Houseboat, **{"owner": "Ada", "street": "Quill Lane", "nickname": "Adas Ark", **values})


def shown(boat):
    return Houseboat.objects.values_list("owner", "street", "nickname").get(pk=boat.pk)


DOORS_TO_A_HOUSEBOAT = {
    "object": lambda boat: boat.anonymise(),
    "queryset": lambda boat: Houseboat.objects.filter(pk=boat.pk).anonymise(),
    "proxy": lambda boat: OldHouseboat.objects.get(pk=boat.pk).anonymise(),
    "first parent": lambda boat: Boat.objects.get(pk=boat.pk).anonymise(),
    "second parent": lambda boat: Home.objects.get(pk=boat.home_ptr_id).anonymise(),
    "queryset of a parent": lambda boat: Home.objects.anonymise(),
    "related manager's condition": lambda boat: Houseboat.objects.filter(owner="Ada").anonymise(),
    "ranges": lambda boat: list(execute_in_ranges(plan(Home.objects.all(), force=True))),
}


@pytest.mark.parametrize("listened", [False, True], ids=["sets", "row by row"])
@pytest.mark.parametrize("door", DOORS_TO_A_HOUSEBOAT)
def test_one_object_is_all_its_tables_whichever_is_asked_for(door, listened):
    if baker.make(Home).pk == baker.make(Boat).pk:
        baker.make(Home)  # so that the two parents have keys of their own; sequences outlive a test
    boat, other = houseboat(), houseboat(owner="Bob")
    assert boat.pk != boat.home_ptr_id

    with listening(post_save if listened else post_anonymise, lambda **kwargs: None, Home if listened else Customer):
        DOORS_TO_A_HOUSEBOAT[door](boat)

    assert shown(boat) == (str(boat.pk), str(boat.home_ptr_id), str(boat.pk))
    assert boat.is_anonymised()
    assert Boat.objects.get(pk=boat.pk).is_anonymised()
    assert Home.objects.get(pk=boat.home_ptr_id).is_anonymised()
    if door in ("queryset of a parent", "ranges"):
        assert shown(other)[0] == str(other.pk)
    else:
        assert shown(other) == ("Bob", "Quill Lane", "Adas Ark")


def test_the_object_in_memory_shows_what_its_parents_tables_hold():
    boat = houseboat()
    boat.anonymise()
    assert (boat.owner, boat.street, boat.nickname) == shown(boat)


def test_all_tables_of_an_object_are_one_operation_with_an_event_for_each():
    boat = houseboat()
    result = boat.anonymise()
    assert (result.anonymised, result.skipped) == (1, 0)
    assert sorted(events()) == [
        ("anonymise", "shop.Boat", str(boat.pk)),
        ("anonymise", "shop.Home", str(boat.home_ptr_id)),
        ("anonymise", "shop.Houseboat", str(boat.pk)),
    ]
    assert Receipt.objects.count() == 1


def test_a_child_without_a_declaration_is_done_with_its_parents():
    boat = baker.make(PaintedHouseboat, owner="Ada", street="Quill Lane", nickname="Ark")
    boat.anonymise()
    assert shown(boat) == (str(boat.pk), str(boat.home_ptr_id), str(boat.pk))
    assert [each.is_anonymised() for each in (boat, Boat.objects.get(), Home.objects.get())] == [True] * 3


def test_a_child_that_was_marked_alone_gets_its_parents_done():
    """As earlier versions left it."""
    boat = houseboat()
    kind = ContentType.objects.get_for_model(Houseboat)
    PrivacyAnonymised.objects.create(content_type=kind, object_id=str(boat.pk))

    assert boat.anonymise().skipped == 1

    assert shown(boat) == (str(boat.pk), str(boat.home_ptr_id), "Adas Ark")


def test_an_object_costs_the_same_for_few_and_for_many():
    few, many = count_queries(lambda quantity: [houseboat() for _ in range(quantity)], Houseboat.objects.anonymise)
    assert len(few) == len(many)


def test_what_may_not_be_anonymised_of_an_object_is_left_and_said_so():
    meta = type("Meta", (), {"fields": ["nickname"], "keep": ["owner", "street"], "can_anonymise": False})
    boat, plain = houseboat(), baker.make(Boat, owner="Ada")

    with redeclared(Houseboat, meta):
        result = Boat.objects.anonymise()
        assert (result.anonymised, result.kept) == (2, {"shop.Houseboat": 1})
        with pytest.raises(AnonymiseError, match=r"^shop\.Houseboat cannot be anonymised"):
            boat.anonymise()

    assert row(plain)["owner"] == str(plain.pk)
    assert shown(boat)[2] == "Adas Ark"


def test_force_on_a_child_is_force_on_its_parents():
    boat = houseboat()
    boat.anonymise()
    Boat.objects.update(owner="Ada")
    Houseboat.objects.anonymise()
    assert shown(boat)[0] == "Ada"

    Houseboat.objects.anonymise(force=True)

    assert shown(boat)[0] == str(boat.pk)


@pytest.mark.django_db(transaction=True)
def test_a_replay_does_all_tables_of_an_object_again():
    boat = houseboat()
    boat.anonymise()
    Receipt.objects.all().delete()
    PrivacyAnonymised.objects.all().delete()
    Houseboat.objects.all().update(nickname="Adas Ark")
    Boat.objects.update(owner="Ada")
    Home.objects.update(street="Quill Lane")

    call_command("gdpr_rerun", verbosity=0)

    assert shown(boat) == (str(boat.pk), str(boat.home_ptr_id), str(boat.pk))


def test_force_on_a_parent_is_force_on_its_children():
    gift = baker.make(GiftOrder)
    Order.objects.anonymise()
    GiftOrder.objects.update(greeting="filled again")

    Order.objects.anonymise(force=True)

    assert row(gift)["greeting"] == str(gift.pk)


def test_a_child_is_logged_with_its_parent_in_one_operation():
    gift = baker.make(GiftOrder)

    Order.objects.anonymise()

    key = str(gift.pk)
    assert sorted(events()) == [
        ("anonymise", "shop.GiftOrder", key),
        ("anonymise", "shop.Order", key),
    ]
    assert Receipt.objects.count() == 1


def test_receivers_of_a_child_hear_of_it_when_the_parent_is_anonymised():
    gift = baker.make(GiftOrder)
    baker.make(Order)
    heard = []

    with listening(post_anonymise, Recorder("post", heard), sender=GiftOrder):
        Order.objects.anonymise()

    assert [each[1:3] for each in heard] == [(GiftOrder, gift.pk)]


def test_a_failing_child_leaves_the_parent_as_it_was():
    gift = baker.make(GiftOrder)

    with (
        listening(pre_anonymise, fail_on(gift.pk), sender=GiftOrder),
        unchanged(Order, GiftOrder),
        pytest.raises(
            AnonymiseError, match=r"^shop\.GiftOrder: a receiver of pre_anonymise raised RuntimeError \(line"
        ),
    ):
        Order.objects.anonymise()


# -- a marker goes with its row ----------------------------------------------------------------


@pytest.mark.parametrize("whole", [True, False], ids=["object", "queryset"])
def test_a_row_that_reuses_a_key_is_not_born_anonymised(whole):
    customer = full_customer(pk=7)
    customer.anonymise()
    (customer if whole else Customer.objects.filter(pk=7)).delete()
    assert markers(Customer) == []

    reborn = full_customer(pk=7)

    assert not reborn.is_anonymised()
    assert reborn.anonymise().anonymised == 1


def test_the_marker_of_a_row_deleted_by_a_cascade_goes_too():
    gift = baker.make(GiftOrder)
    Order.objects.anonymise()

    Order.objects.get(pk=gift.pk).delete()

    assert (markers(Order), markers(GiftOrder)) == ([], [])


def test_deleting_one_row_leaves_the_markers_of_others():
    here, there = full_customer(pk=7), full_customer(pk=7, _using="other")
    sibling = full_customer(pk=8)
    order = baker.make(Order, pk=7)
    for each in (here, there, sibling, order):
        each.anonymise()

    here.delete()

    assert markers(Customer) == ["8"]
    assert markers(Customer, "other") == ["7"]
    assert markers(Order) == ["7"]


def test_deleting_a_child_but_not_its_parent_leaves_the_parents_marker():
    gift = baker.make(GiftOrder)
    Order.objects.anonymise()

    gift.delete(keep_parents=True)

    assert (markers(Order), markers(GiftOrder)) == ([str(Order.objects.get().pk)], [])


# -- directly ----------------------------------------------------------------------------------


def test_executing_a_plan_is_what_the_methods_do():
    customer = full_customer()

    result = execute(plan(Customer.objects.all()))

    assert result.anonymised == 1
    assert personal(customer) == wiped(customer)


def test_a_row_that_goes_after_planning_is_no_row_any_more():
    customer, gone = full_customer(), full_customer()
    made = plan(Customer.objects.all())
    Customer.objects.filter(pk=gone.pk).delete()

    result = execute(made)

    assert result.anonymised == 1
    assert markers(Customer) == [str(customer.pk)]


def test_a_declaration_without_personal_fields_marks_the_row_and_writes_nothing():
    class ProductPrivacy:
        fields = []
        keep = ["name", "category"]

    product = baker.make(Product)
    with registry.registered(Product, ProductPrivacy):
        statements = queries(Product.objects.anonymise)
        assert product.is_anonymised()

    assert updates(statements, Product) == []


def test_a_number_without_null_becomes_zero():
    employee = baker.make(Employee, company__name="x", name="Ada", salary=4000)

    Employee.objects.anonymise()

    assert row(employee)["salary"] == 0


# -- several plans -----------------------------------------------------------------------------


def test_a_row_and_its_multi_table_child_are_each_counted_as_anonymised():
    gift = baker.make(GiftOrder, greeting="Dear Ada", recipient="Ada")
    orders, gifts = plan(Order.objects.all()), plan(GiftOrder.objects.all())

    results = execute_together([orders, gifts])

    assert [(each.label, each.anonymised, each.skipped) for each in results] == [
        ("shop.Order", 1, 0),
        ("shop.GiftOrder", 1, 0),
    ]
    assert (row(gift)["greeting"], gift.is_anonymised()) == (str(gift.pk), True)


def test_rows_that_are_found_through_those_of_another_plan_are_still_found():
    """All keys are read first: afterwards no customer has the address by which the orders are found."""
    ada = baker.make(Customer, name="Ada", email="ada@quill.example")
    order = baker.make(Order, customer=ada, email="ada@quill.example", recipient="Ada")
    customers = plan(Customer.objects.filter(email="ada@quill.example"))
    orders = plan(Order.objects.filter(customer__email="ada@quill.example"))

    results = execute_together([customers, orders])

    assert [each.anonymised for each in results] == [1, 1]
    assert row(order)["recipient"] != "Ada"


# -- in ranges, for scrubbing a copy -----------------------------------------------------------


def in_ranges(model, size):
    """Scrub all rows; return the numbers of rows that were done after each range."""
    return list(execute_in_ranges(plan(model._base_manager.all(), force=True), size))


WORDS = ["", "0", "10", "9", "Zebra", "it's", "o-hara", "x y", "über", "日本", "100%s"]


def text_keys():
    TextKey.objects.bulk_create(TextKey(word=word, name="Ada", email="ada@quill.example") for word in WORDS)
    return {word: (str(word), f"{word}@anon.example.com") for word in WORDS}


def uuid_keys():
    # In an order of their own: a version 1 begins with its fastest digits
    keys = [uuid.UUID(int=number * 2**120 + number) for number in range(5)] + [uuid.uuid4() for _ in range(6)]
    UUIDKey.objects.bulk_create(
        UUIDKey(pk=key, name="Ada", unique_name=str(number), email="ada@quill.example", url="http://quill.example")
        for number, key in enumerate(keys)
    )
    return {key: (str(key), f"{key}@anon.example.com") for key in keys}


@pytest.mark.parametrize(("model", "make_rows"), [(TextKey, text_keys), (UUIDKey, uuid_keys)], ids=["text", "uuid"])
@pytest.mark.parametrize("size", [1, 2, 4, 11, 12])
def test_ranges_over_keys_that_are_no_numbers_reach_every_row_once(model, make_rows, size):
    expected = make_rows()
    written = []

    def scrub():
        written.extend(in_ranges(model, size))

    statements_seen = updates(queries(scrub), model)

    assert {each.pk: (each.name, each.email) for each in model.objects.all()} == expected
    assert markers(model) == sorted(map(str, expected))
    assert written[-1] == 11
    assert [later - earlier for earlier, later in zip([0, *written], written, strict=False)] == (
        [size] * (11 // size) + [11 % size]
    )
    assert len(statements_seen) == 11 // size + 1


@pytest.mark.parametrize("model", [Customer, Comment, Order])
@pytest.mark.parametrize(("count", "size"), [(6, 3), (6, 6), (6, 1), (7, 3), (1, 3), (2, 3)])
def test_ranges_of_any_size_do_every_row_once(model, count, size):
    made = [baker.make(model, email=f"{number}@quill.example") for number in range(count)]

    done = in_ranges(model, size)

    assert done[-1] == count
    assert done[: count // size] == list(range(size, count + 1, size))
    assert [row(each)["email"] for each in made] == [address(each) for each in made]
    assert markers(model) == sorted(str(each.pk) for each in made)


@pytest.mark.parametrize("model", [Customer, Comment, Order, TextKey, UUIDKey])
def test_ranges_of_an_empty_table(model):
    assert sum(in_ranges(model, 3)) == 0
    assert markers(model) == []


def test_a_resumed_scrub_does_again_what_was_filled_again_in_a_child():
    gift, other = (baker.make(GiftOrder, greeting="Dear Ada", recipient="Ada") for _ in range(2))
    target = plan(Order.objects.all(), force=True)
    begin_scrub(target)
    assert list(execute_in_ranges(target))[-1] == 2
    GiftOrder.objects.filter(pk=gift.pk).update(greeting="Dear Bea")

    assert begin_scrub(target) is not None
    assert list(execute_in_ranges(target))[-1] == 1

    assert [row(each)["greeting"] for each in (gift, other)] == [str(gift.pk), str(other.pk)]
    assert len(markers(Order)) == len(markers(GiftOrder)) == 2


@pytest.mark.parametrize("way", ["queryset", "scrub"])
def test_rows_that_a_receiver_creates_are_not_followed(way):
    """As where each change leaves a version in the same table: they would have no end."""
    made = [baker.make(Customer) for _ in range(5)]

    def keep_a_version(instance, **kwargs):
        if Customer.objects.count() < 20:
            Customer.objects.create(name="version", email=f"{uuid.uuid4()}@quill.example")

    with listening(post_anonymise, keep_a_version, sender=Customer):
        if way == "scrub":
            assert in_ranges(Customer, 2)[-1] == 5
        else:
            with mock.patch("gdpr_assist.execution.claims.batch_size", return_value=2):
                assert Customer.objects.all().anonymise().anonymised == 5

    assert markers(Customer) == sorted(str(each.pk) for each in made)


def test_ranges_reach_rows_that_were_deleted_softly():
    made = [full_customer(is_deleted=number % 2 == 0) for number in range(6)]

    assert in_ranges(Customer, 2)[-1] == 6

    assert [personal(each) for each in made] == [wiped(each) for each in made]
    assert [row(each)["is_deleted"] for each in made] == [True, False] * 3


@pytest.mark.parametrize("model", [Customer, Comment])
def test_ranges_leave_marked_rows_as_they_are(model):
    made = [baker.make(model, email=f"{number}@quill.example") for number in range(7)]
    done_before = [made[0], made[3], made[6]]
    model.objects.filter(pk__in=[each.pk for each in done_before]).anonymise()
    model._base_manager.update(email=F("pk"))

    assert in_ranges(model, 2)[-1] == 4

    assert [row(each)["email"] for each in done_before] == [str(each.pk) for each in done_before]
    rest = [each for each in made if each not in done_before]
    assert [row(each)["email"] for each in rest] == [address(each) for each in rest]


# -- two connections ---------------------------------------------------------------------------

SOON = 20  # seconds, for what should take none


def connected(function):
    """Start a thread with connections of its own."""

    def run():
        try:
            function()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


class SlowDelete:
    """Deletes orders in a thread, and does not commit before it is told to."""

    def __init__(self, *orders):
        self.keys = [order.pk for order in orders]
        self.is_done, self.may_commit = threading.Event(), threading.Event()
        self.thread = connected(self.run)
        assert self.is_done.wait(SOON)

    def run(self):
        with transaction.atomic():
            Order.objects.filter(pk__in=self.keys).delete()
            self.is_done.set()
            self.may_commit.wait(SOON)

    def commit(self):
        self.may_commit.set()
        self.thread.join(SOON)


if DB != "sqlite":  # which locks whole files, not rows

    @pytest.mark.django_db(transaction=True)
    def test_anonymising_waits_for_a_delete_and_leaves_no_marker_behind():
        single, one_of_many = baker.make(Order, _quantity=2)
        outcomes = {}

        def anonymise_object():
            with pytest.raises(AnonymiseError, match=r"shop\.Order") as caught:
                single.anonymise()
            outcomes["object"] = caught.type

        def anonymise_queryset():
            outcomes["queryset"] = Order.objects.filter(pk=one_of_many.pk).anonymise().anonymised

        deletion = SlowDelete(single, one_of_many)
        waiting = [connected(anonymise_object), connected(anonymise_queryset)]
        for thread in waiting:
            thread.join(0.5)
        assert outcomes == {}
        deletion.commit()
        for thread in waiting:
            thread.join(SOON)

        assert outcomes == {"object": AnonymiseError, "queryset": 0}
        assert markers(Order) == []
        assert {event[0] for event in events()} == {"delete"}


@pytest.mark.parametrize("way", ["object", "deferred object", "queryset"])
def test_a_column_that_a_receiver_of_pre_anonymise_sets_is_written(way):
    """As it was when row by row meant save() of the whole row."""

    def forget_country(instance, **kwargs):
        instance.country = ""

    customer, other = full_customer(), full_customer()
    before = row(customer)
    with listening(pre_anonymise, forget_country, sender=Customer):
        if way == "object":
            customer.anonymise()
        elif way == "deferred object":
            Customer.objects.only("name").get(pk=customer.pk).anonymise()
        else:
            Customer.objects.filter(pk=customer.pk).anonymise()

    assert before["country"] == "UK"
    assert row(customer) == before | wiped(customer) | {"country": ""}
    assert row(other)["country"] == "UK"
