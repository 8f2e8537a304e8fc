"""``PrivacyMeta.replace``: what a site has put in the place of values, the same for one row as for many."""

import datetime

import pytest
from django.core.management import call_command
from django.db import models
from django.db.models import Case, CharField, Count, DateField, F, Func, IntegerField, OuterRef, Subquery, Value, When
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast, Concat, Now, Random, Upper

from gdpr_assist import Pseudonym, Replacement
from gdpr_assist.checks.declarations import check_E007, check_E010, check_E055
from gdpr_assist.contrib.histories import history
from gdpr_assist.declaring.declaration import declare
from gdpr_assist.declaring.expressions import replaced_by
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.execution.ranges import begin_scrub, execute_in_ranges
from gdpr_assist.invented import invented
from gdpr_assist.inventory.held import inventory
from gdpr_assist.planning.plans import plan
from gdpr_assist.registry import registry
from gdpr_assist.samples import samples
from gdpr_assist.signals import post_anonymise
from tests.apps.fields.models import PlainFields
from tests.apps.own.models import Account, Reader
from tests.apps.shop.models import Customer
from tests.observing import changed, listening, queries, row, spoken, updates

pytestmark = pytest.mark.django_db

PERSON = Concat(Value("Person "), Cast("pk", CharField()))


def replacing(model=Customer, **replace):
    return changed(model, replace=replace)


def customer(number, **values):
    values = {"name": "Ada Quill", "phone": "0170 1", "notes": "n", "country": "DE", **values}
    return Customer.objects.create(email=f"ada{number}@quill.example", **values)


def by_object(people):
    for each in people:
        each.anonymise()


def by_set(people):
    Customer.objects.filter(pk__in=[each.pk for each in people]).anonymise()


def by_scrub(people):
    work = plan(Customer.objects.all())
    begin_scrub(work)
    list(execute_in_ranges(work))


def by_signal(people):
    """Python has all columns, as somebody listens, and they are written back in batches."""
    with changed(Customer, bulk=True), listening(post_anonymise, lambda **kwargs: None, sender=Customer):
        by_set(people)


WAYS = pytest.mark.parametrize("anonymise", [by_object, by_set, by_scrub, by_signal])


def refilled():
    return plan(Customer._base_manager.all()).refilled().count()


@WAYS
def test_an_expression_takes_the_place_of_the_default_rule(anonymise):
    people = [customer(number, country=country) for number, country in enumerate(["DE", "fr", ""])]
    with replacing(
        name=PERSON,
        phone=Upper("country"),
        born=Case(When(country="", then=None), default=Value(datetime.date(1980, 1, 1)), output_field=DateField()),
    ):
        anonymise(people)
        assert refilled() == 0

    found = [row(each) for each in people]
    assert [each["name"] for each in found] == [f"Person {each.pk}" for each in people]
    assert [each["phone"] for each in found] == ["DE", "FR", ""]
    assert [each["born"] for each in found] == [datetime.date(1980, 1, 1)] * 2 + [None]
    assert {each["notes"] for each in found} == {""}
    assert {each["country"] for each in found} == {"DE", "fr", ""}


@WAYS
def test_a_value_and_a_replacement_do_too(anonymise):
    people = [customer(1), customer(2)]
    made = Replacement(
        value=lambda instance: f"{instance.name[:1]}.",
        expression=lambda: Concat(models.functions.Left("name", 1), Value(".")),
    )
    with replacing(name=made, phone=Value("030"), notes="none"):
        anonymise(people)

    assert {(row(each)["name"], row(each)["phone"], row(each)["notes"]) for each in people} == {("A.", "030", "none")}


def test_the_object_in_memory_has_what_the_database_has_computed():
    heard = []
    person = customer(1)

    def receiver(instance, **kwargs):
        heard.append(instance.name)

    with replacing(name=PERSON), listening(post_anonymise, receiver, sender=Customer):
        person.anonymise()

    assert heard == [person.name] == [f"Person {person.pk}"]


def test_a_set_is_one_statement():
    people = [customer(number) for number in range(5)]
    with replacing(name=PERSON, phone=Value("030")):
        assert plan(Customer.objects.all()).way.kind == "set"
        assert len(updates(queries(lambda: by_set(people)), Customer)) == 1


@pytest.mark.parametrize("name", ["Ada Quill", "", "person 1"])
def test_a_row_that_was_filled_again_is_seen(name):
    person = customer(1)
    with replacing(name=PERSON):
        by_set([person])
        Customer.objects.update(name=name)
        assert refilled() == 1
        person.refresh_from_db()
        person.anonymise(force="refilled")
        assert (refilled(), row(person)["name"]) == (0, f"Person {person.pk}")


@pytest.mark.parametrize(("name", "expression"), [("born", Now()), ("notes", Cast(Random(), CharField()))])
def test_what_is_another_value_each_time_says_nothing(name, expression):
    person = customer(1)
    given = Cast(expression, DateField()) if name == "born" else expression
    with replacing(**{name: given}):
        person.anonymise()
        assert row(person)[name]
        assert name in plan(Customer.objects.all()).untold
        assert refilled() == 0


def test_columns_of_a_multi_table_parent():
    reader = Reader.objects.create(login="ada", nick="ada")
    with replacing(Reader, nick=Concat(Value("no "), Cast("pk", CharField()))):
        Reader.objects.all().anonymise()
        assert Account.objects.get().nick == f"no {reader.account_id}"
        Account.objects.update(nick="ada")
        Reader.objects.get().anonymise(force=True)
        assert Account.objects.get().nick == f"no {reader.account_id}"


def test_a_replica_is_not_asked():
    person = customer(1)
    person._state.db = "other"
    with replacing(name=PERSON), pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.db.router.db_for_write", lambda *args, **kwargs: "default")
        person.anonymise()
    assert Customer.objects.using("default").get().name == f"Person {person.pk}"


@pytest.mark.parametrize("anonymise", [by_object, by_set, by_scrub])
def test_what_the_column_refuses_is_told_without_the_value(anonymise):
    people = [customer(1, country="qv"), customer(2, country="qv")]
    with replacing(email=Concat("country", Value("@x.example"))), pytest.raises(AnonymiseError) as caught:
        anonymise(people)

    assert str(caught.value).startswith(
        "shop.Customer: the database refused the new value (IntegrityError) of one of "
    )
    assert "email" in str(caught.value)
    assert "qv" not in spoken(caught.value)
    assert row(people[1])["name"] == "Ada Quill"


def test_a_preview_shows_what_the_database_would_compute_and_writes_nothing():
    person = customer(1)
    with replacing(name=PERSON, notes=Value("none")):
        work = plan(Customer.objects.all())
        [real] = samples(work, [person])
        [made_up] = samples(work, [invented(Customer)], are_invented=True)
        (held,) = (each for each in inventory() if (each.model, each.field) == ("shop.Customer", "name"))

    assert {each.name: each.after for each in real.fields}["name"] == f"will become Person {person.pk}"
    assert {each.name: each.after for each in made_up.fields}["name"].endswith("PrivacyMeta.replace gives (Concat)")
    assert {each.name: each.after for each in made_up.fields}["notes"] == "will become none"
    assert held.becomes.startswith("what an expression of PrivacyMeta.replace gives")
    assert row(person)["name"] == "Ada Quill"


def test_a_command_scrubs_with_it(settings):
    settings.GDPR_CAN_ANONYMISE_DATABASE = True
    person = customer(1)
    with replacing(name=PERSON):
        call_command("anonymise_db", "--noinput", "--model", "shop.Customer", "--no-compact", verbosity=0)
        call_command("anonymise_db", "--noinput", "--model", "shop.Customer", "--no-compact", verbosity=0)
    assert row(person)["name"] == f"Person {person.pk}"


def test_a_history_gets_the_values_and_pseudonyms_too():
    replace = {
        "char": Value("x"),
        "slug": "y",
        "text": Pseudonym("first_name"),
        "email": Upper("id"),
        "url": Replacement(value=lambda instance: ""),
    }
    with changed(PlainFields, replace=replace):
        _label, privacy = history(PlainFields, PlainFields, "whatever")
        assert privacy.replace == {name: replace[name] for name in ("char", "slug", "text")}
    with changed(PlainFields, replace=["char"]):
        _label, privacy = history(PlainFields, PlainFields, "whatever")
        assert privacy.replace == {}


class Sealed(CharField):
    """Stores something else than what Python has."""

    def get_prep_value(self, value):
        return f"sealed {value}"


def mistakes(model=Customer, **attributes):
    kind = type(registry.declaration(model).meta)
    return [(each.check, each.message) for each in declare(model, type("PrivacyMeta", (kind,), attributes)).errors]


class TestE055:
    @pytest.mark.parametrize("replace", [["name"], "name", {1: "x"}, None])
    def test_no_dict_by_name(self, replace):
        assert mistakes(replace=replace) == [
            ("E010", "shop.Customer: PrivacyMeta.replace is no dict by name of field.")
        ]
        with changed(Customer, replace=replace):
            assert [each.id for each in check_E010()] == ["gdpr_assist.E010"]

    @pytest.mark.parametrize("name", ["nothing", "country", "id", "pk"])
    def test_a_name_that_is_not_personal(self, name):
        assert mistakes(replace={name: Value("x")}) == [
            ("E055", f"shop.Customer: PrivacyMeta.replace names {name}, which is not in PrivacyMeta.fields.")
        ]

    def test_said_twice(self):
        assert mistakes(replace={"name": PERSON}, anonymise_name=lambda self, instance: "x") == [
            ("E055", "shop.Customer: PrivacyMeta.replace names name, which has an anonymise_name too.")
        ]

    @pytest.mark.parametrize(
        ("given", "what"),
        [
            (lambda instance: "x", "has a function for it"),
            (Value, "has a function for it"),
            (Value(None), "gives NULL, and the column may not be null"),
            ("x" * 51, "gives a text of over 50 characters"),
            (Upper("name"), "has an expression for it that reads name, which changes too"),
            (Concat("country", Upper("email")), "has an expression for it that reads email, which changes too"),
            (Case(When(phone="", then=Value("x"))), "has an expression for it that reads phone, which changes too"),
            (F("email"), "has an expression for it that reads email, which changes too"),
            (F("nothing"), "has an expression for it that cannot be written"),
            (F("referred_by__country"), "has an expression for it that cannot be written"),
            (Cast(Count("pk"), CharField()), "has an aggregate for it"),
            (RawSQL("email", ()), "has SQL or a subquery for it"),
            (
                Subquery(Customer.objects.filter(pk=OuterRef("pk")).values("email")),
                "has SQL or a subquery for it",
            ),
        ],
        ids=lambda each: each if isinstance(each, str) else "",
    )
    def test_what_cannot_be_written(self, given, what):
        ((check, message),) = mistakes(replace={"name": given})
        assert check == "E055"
        assert message.startswith(f"shop.Customer.name: PrivacyMeta.replace {what}")

    def test_another_type(self):
        assert mistakes(replace={"born": Cast("pk", IntegerField())}) == [
            ("E055", "shop.Customer.born: PrivacyMeta.replace has an expression for it that gives a IntegerField.")
        ]

    @pytest.mark.parametrize("given", ["Ada", Value("Ada"), 7.5])
    def test_a_value_that_the_column_cannot_hold(self, given):
        kind = "float" if given == 7.5 else "str"
        assert mistakes(replace={"born": given}) == [
            ("E055", f"shop.Customer.born: PrivacyMeta.replace gives a {kind} that the column cannot hold.")
        ]

    def test_an_object_in_a_key_is_taken(self):
        fields = [*registry.declaration(Customer).fields, "referred_by"]
        assert mistakes(fields=fields, keep=[], replace={"referred_by": Customer(pk=7)}) == []

    def test_a_number_in_a_text_is_written_as_text(self):
        person = customer(1)
        with replacing(name=F("pk")):
            by_set([person])
            assert (row(person)["name"], refilled()) == (str(person.pk), 0)

    @pytest.mark.parametrize("given", [Value("x"), "x", Concat(Value("x"), Value("y")), Func(function="now")])
    def test_the_same_in_every_row_of_a_unique_column(self, given):
        ((check, message),) = mistakes(replace={"email": given})
        assert (check, "it is unique" in message) == ("E007", True)

    def test_null_in_a_column_that_may_be_null_is_taken(self):
        assert mistakes(replace={"born": Value(None)}) == []

    def test_a_class_that_prepares_what_it_stores(self):
        field = Sealed(max_length=50)
        field.set_attributes_from_name("name")
        field.model = Customer
        meta = registry.declaration(Customer).meta
        kind = type("PrivacyMeta", (type(meta),), {"replace": {"name": PERSON}, "model": Customer})
        with pytest.raises(AnonymiseError, match="Sealed prepares what it stores"):
            replaced_by(kind(), field)

    def test_the_checks_say_it_with_the_cure_and_nothing_is_erased(self):
        person = customer(1)
        with replacing(name=Upper("email")):
            (message,) = check_E055()
            assert (message.id, message.obj) == ("gdpr_assist.E055", Customer)
            assert "Read the primary key, and fields that stay; else write anonymise_name." in message.hint
            with pytest.raises(AnonymiseError, match="which changes too"):
                person.anonymise()
        with replacing(email="x"):
            assert [each.id for each in check_E007()] == ["gdpr_assist.E007"]
        assert row(person)["name"] == "Ada Quill"

    def test_a_model_that_is_not_anonymised_may_say_anything(self):
        assert mistakes(can_anonymise=False, replace={"name": Upper("email")}) == []
