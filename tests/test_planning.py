"""Plans: which rows, which columns, in which way. A plan writes nothing."""

from functools import partial

import django
import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q
from django.db.models.signals import post_save, pre_save
from model_bakery import baker

from gdpr_assist.marks import with_marks
from gdpr_assist.planning.markers import has_marker
from gdpr_assist.planning.plans import plan
from gdpr_assist.planning.preview import preview
from gdpr_assist.planning.watchers import OURS, SAVING
from gdpr_assist.registry import registry
from gdpr_assist.signals import post_anonymise, pre_anonymise
from gdpr_assist.tables import PrivacyAnonymised
from tests.apps.fields.models import TextKey, UUIDKey
from tests.apps.shop.models import (
    Comment,
    Customer,
    ForeignCustomer,
    GiftOrder,
    Order,
    Product,
)

from .observing import listening, markers, queries, redeclared, rows, unchanged

SIGNALS = {
    "pre_anonymise": pre_anonymise,
    "post_anonymise": post_anonymise,
    "pre_save": pre_save,
    "post_save": post_save,
}

pytestmark = pytest.mark.django_db


def ignore(**kwargs):
    """Be a receiver."""


def make(model, quantity):
    """Make rows; of the keys, only words are not made by the model itself."""
    if model is TextKey:
        return [baker.make(TextKey, word=f"word-{number}") for number in range(quantity)]
    return baker.make(model, _quantity=quantity)


# -- in which way ------------------------------------------------------------------------------


def test_nobody_watches_so_it_is_a_set():
    found = plan(Customer.objects.all())

    assert (found.way.kind, found.way.reason) == ("set", "")


def test_a_python_anonymiser_makes_it_mixed_and_the_reason_names_its_fields():
    found = plan(Comment.objects.all())

    assert found.way.kind == "mixed"
    assert "display_name" in found.way.reason
    assert "body" in found.way.reason
    assert "email" not in found.way.reason  # of which the database takes care


def test_a_single_object_is_always_saved_by_itself():
    found = plan(baker.make(Customer))

    assert found.way.kind == "rows"
    assert "single object" in found.way.reason


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("model", [Customer, Comment])
def test_a_receiver_makes_it_row_by_row_and_the_reason_names_the_signal(name, model):
    with listening(SIGNALS[name], ignore, sender=model):
        found = plan(model.objects.all())

    assert found.way.kind == "rows"
    assert name in found.way.reason
    assert plan(model.objects.all()).way.kind != "rows"


@pytest.mark.parametrize("name", SIGNALS)
def test_a_receiver_for_every_model_watches_this_one_too(name):
    with listening(SIGNALS[name], ignore):
        assert plan(Customer.objects.all()).way.kind == "rows"


@pytest.mark.parametrize("name", SIGNALS)
def test_a_receiver_for_another_model_changes_nothing(name):
    with listening(SIGNALS[name], ignore, sender=Comment):
        assert plan(Customer.objects.all()).way.kind == "set"


def test_receivers_of_a_proxy_watch_its_rows():
    with listening(pre_anonymise, ignore, sender=ForeignCustomer):
        assert plan(ForeignCustomer.objects.all()).way.kind == "rows"
        assert plan(Customer.objects.all()).way.kind == "set"


# -- PrivacyMeta.bulk --------------------------------------------------------------------------


class Told:
    """Receivers of every kind."""

    def method(self, **kwargs):
        pass

    async def asynchronous(self, **kwargs):
        pass

    def __call__(self, **kwargs):
        pass


def told(extra, **kwargs):
    pass


async def told_later(**kwargs):
    pass


def bulk(model, value):
    own = registry.declaration(model).meta
    return redeclared(model, type("PrivacyMeta", (type(own),), {"bulk": value}))


HERE = "tests.test_planning"
KINDS = [
    (ignore, f"{HERE}.ignore"),
    (Told().method, f"{HERE}.Told.method"),
    (Told(), f"{HERE}.Told"),
    (partial(told, "x"), f"{HERE}.told"),
    (partial(Told().method), f"{HERE}.Told.method"),
]
if django.VERSION >= (5, 0):
    KINDS += [(told_later, f"{HERE}.told_later"), (Told().asynchronous, f"{HERE}.Told.asynchronous")]


@pytest.mark.parametrize(("receiver", "path"), KINDS, ids=[path for _, path in KINDS])
@pytest.mark.parametrize("name", SIGNALS)
def test_the_plan_names_the_receivers_that_make_it_row_by_row(name, receiver, path):
    with listening(SIGNALS[name], receiver, sender=Customer):
        found = plan(Customer.objects.all())
        text = str(found)

    assert (found.way.kind, found.way.unheard) == ("rows", "")
    assert f"row by row, because {name} has receivers: {path};" in text


def test_the_plan_names_all_receivers_of_all_signals():
    with (
        listening(pre_anonymise, ignore, sender=Customer),
        listening(post_save, Told().method, sender=Customer),
        listening(post_save, told, sender=Customer),
    ):
        reason = plan(Customer.objects.all()).way.reason

    assert reason == (
        f"pre_anonymise has receivers: {HERE}.ignore; post_save has receivers: {HERE}.Told.method, {HERE}.told"
    )


@pytest.mark.parametrize("name", SIGNALS)
def test_a_receiver_of_every_model_is_told_from_one_of_this_model(name):
    signal = SIGNALS[name]
    with listening(signal, ignore, sender=Customer), listening(signal, told, sender=None):
        reason = plan(Customer.objects.all()).way.reason

    assert reason == f"{name} has receivers: {HERE}.ignore, {HERE}.told (for every model)"


@pytest.mark.parametrize(("model", "mode"), [(Customer, "set"), (Comment, "mixed")])
@pytest.mark.parametrize("name", SAVING)
def test_with_bulk_those_who_hear_of_saving_are_not_told_and_the_plan_says_who(model, mode, name):
    with bulk(model, True), listening(SIGNALS[name], ignore, sender=model):
        found = plan(model.objects.all())
        text = str(found)

    assert (found.way.kind, found.way.sends_signals) == (mode, False)
    assert found.way.unheard == f"{name} has receivers: {HERE}.ignore"
    assert f"; {name} has receivers: {HERE}.ignore, which are not called, as PrivacyMeta.bulk is True;" in text


@pytest.mark.parametrize("name", OURS)
def test_with_bulk_those_who_hear_of_anonymising_are_told(name):
    with bulk(Customer, True), listening(SIGNALS[name], ignore, sender=Customer):
        found = plan(Customer.objects.all())

    assert (found.way.kind, found.way.sends_signals, found.way.unheard) == ("mixed", True, "")
    assert found.way.reason == f"{name} has receivers: {HERE}.ignore"


@pytest.mark.parametrize(("value", "mode"), [(None, "set"), (True, "set"), (False, "rows")])
def test_bulk_where_nobody_watches(value, mode):
    with bulk(Customer, value):
        found = plan(Customer.objects.all())

    assert (found.way.kind, found.way.unheard) == (mode, "")
    assert found.way.reason == ("its PrivacyMeta says bulk = False" if value is False else "")


@pytest.mark.parametrize("value", [None, True, False])
def test_a_single_object_is_saved_whatever_bulk_says(value):
    with bulk(Customer, value), listening(post_save, ignore, sender=Customer):
        found = plan(baker.make(Customer))

    assert (found.way.kind, found.way.unheard) == ("rows", "")


# -- of what -----------------------------------------------------------------------------------


def test_a_plan_names_the_model_and_the_columns_that_it_will_write():
    found = plan(Customer.objects.all())

    assert found.label == "shop.Customer"
    assert sorted(found.fields) == ["born", "email", "name", "notes", "phone"]
    assert found.force is False
    assert plan(Customer.objects.all(), force=True).force is True


def test_a_plan_is_for_the_database_that_the_rows_are_from():
    baker.make(Customer, _quantity=2)
    there = baker.make(Customer, _using="other")

    assert plan(Customer.objects.using("other")).using == "other"
    assert plan(Customer.objects.using("other")).count() == 1
    assert plan(there).using == "other"
    assert plan(there.orders.all()).using == "other"
    assert plan(Customer.objects.all()).using == "default"


def test_a_plan_for_one_object_counts_one():
    baker.make(Customer, _quantity=3)

    assert plan(Customer.objects.first()).count() == 1


def test_a_soft_deleted_object_is_planned_too():
    assert plan(baker.make(Customer, is_deleted=True)).count() == 1


def test_count_is_the_number_of_rows_not_of_joined_ones():
    customer = baker.make(Customer)
    baker.make(Order, customer=customer, total=5, _quantity=3)
    customer.orders.last().anonymise()
    customer.anonymise()

    joined = plan(Customer.objects.filter(orders__total=5))

    assert joined.count() == 1
    assert joined.marked().count() == 1


def test_count_of_a_queryset_with_a_joined_annotation():
    baker.make(Order, customer=baker.make(Customer), total=5, _quantity=3)

    assert plan(Customer.objects.annotate(spent=F("orders__total"))).count() == 1


# -- what was done before ----------------------------------------------------------------------


@pytest.mark.parametrize("model", [Customer, UUIDKey, TextKey])
def test_marked_are_the_rows_that_were_anonymised(model):
    first, second, third = make(model, 3)
    second.anonymise()

    found = plan(model.objects.all())

    assert found.count() == 3
    assert list(found.marked()) == [second]
    assert list(plan(model.objects.filter(pk__in=[first.pk, third.pk])).marked()) == []


def test_marks_of_the_same_key_in_another_database_or_model_do_not_count():
    here = baker.make(Customer, pk=7)
    baker.make(Customer, pk=7, _using="other").anonymise()
    baker.make(Order, pk=7).anonymise()

    assert not plan(Customer.objects.all()).marked().exists()
    assert not here.is_anonymised()


def test_refilled_are_the_marked_rows_that_hold_something_again():
    untouched, clean, filled = baker.make(Customer, phone="555", _quantity=3)
    Customer.objects.filter(pk__in=[clean.pk, filled.pk]).anonymise()
    Customer.objects.filter(pk=filled.pk).update(phone="666")

    found = plan(Customer.objects.all())

    assert list(found.marked().order_by("pk")) == [clean, filled]
    assert list(found.refilled()) == [filled]
    assert untouched.is_anonymised() is False


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", "Ada"),
        ("email", "ada@example.com"),
        ("phone", "1"),
        ("born", "1815-12-10"),
        ("notes", "x"),
    ],
)
def test_each_personal_column_can_be_refilled(column, value):
    customer = baker.make(Customer)
    customer.anonymise()
    assert not plan(Customer.objects.all()).refilled().exists()

    Customer.objects.update(**{column: value})

    assert plan(Customer.objects.all()).refilled().exists()
    assert plan(customer).refilled().exists()


def test_a_column_that_is_kept_does_not_count_as_refilled():
    customer = baker.make(Customer)
    customer.anonymise()
    Customer.objects.update(country="IT", is_deleted=True)

    assert not plan(customer).refilled().exists()


# -- in words ----------------------------------------------------------------------------------


def test_a_preview_says_what_how_and_how_many():
    baker.make(Customer, _quantity=3)

    text = str(preview(plan(Customer.objects.all())))

    assert text.startswith("shop.Customer: 3 rows, ")
    for name in ("name", "email", "phone", "born", "notes"):
        assert name in text
    assert "anonymised before" not in text
    assert "refilled" not in text


def test_a_preview_gives_the_reason_for_the_slow_way():
    baker.make(Comment)
    found = plan(Comment.objects.all())

    assert str(preview(found)).startswith("shop.Comment: 1 row, ")
    assert f"because {found.way.reason}" in str(preview(found))


def test_a_preview_counts_what_was_anonymised_before_and_offers_force():
    customers = baker.make(Customer, _quantity=5)
    Customer.objects.filter(pk__in=[each.pk for each in customers[:3]]).anonymise()
    Customer.objects.filter(pk=customers[0].pk).update(notes="moved to Rome")

    text = str(preview(plan(Customer.objects.all())))
    forced = str(preview(plan(Customer.objects.all(), force=True)))

    assert "5 rows" in text
    assert "3 anonymised before, left as they are" in text
    assert "1 of these refilled since" in text
    assert "force" in text
    assert "3 anonymised before, and now again" in forced


def test_a_preview_names_the_parents_and_the_children_whose_part_goes_with_it():
    baker.make(Order)

    assert "shop.GiftOrder" in str(preview(plan(Order.objects.all())))
    assert "shop.ExpressOrder" in str(preview(plan(Order.objects.all())))
    assert "with what shop.Order holds of them" in str(preview(plan(GiftOrder.objects.all())))


def test_printing_a_plan_asks_no_database(django_assert_num_queries):
    customer = baker.make(Customer)
    with django_assert_num_queries(0):
        texts = [str(plan(Customer.objects.filter(name="Ada"))), str(plan(customer))]

    assert texts[0].startswith("shop.Customer: one UPDATE for each batch of rows; fields: ")
    assert texts[1].startswith("shop.Customer: row by row, because it is a single object; fields: ")


@pytest.mark.parametrize("model", [Comment, Order, GiftOrder], ids=lambda model: model.__name__)
def test_whatever_prints_a_plan_asks_no_database(model, django_assert_num_queries):
    """Of a table by itself, of a parent and of a child; as text, and in a traceback that shows variables."""
    baker.make(model).anonymise()
    made = plan(model.objects.filter(pk__gt=0), force=True)
    numbers = preview(made)
    with django_assert_num_queries(0):
        texts = [f(each) for f in (str, repr) for each in (made, numbers)]
    assert [text for text in texts if model.__name__ not in text] == []


def test_the_numbers_of_a_plan_are_asked_once_and_stay(django_assert_num_queries):
    Customer.objects.filter(pk=baker.make(Customer, _quantity=3)[0].pk).anonymise()
    found = preview(plan(Customer.objects.all()))
    Customer.objects.all().delete()

    with django_assert_num_queries(0):
        text = str(found)

    assert (found.rows, found.marked, found.refilled, found.unmarked) == (3, 1, 0, 2)
    assert text.startswith("shop.Customer: 3 rows, ")


def test_planning_and_previewing_write_nothing():
    baker.make(Comment, _quantity=3)
    Comment.objects.first().anonymise()

    def look():
        for found in (plan(Comment.objects.all()), plan(Comment.objects.last())):
            str(preview(found))
            found.pinned()

    with unchanged(Comment):
        statements = queries(look)

    assert statements
    assert all(each.startswith("SELECT") for each in statements)


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_all_keys_are_read_each_once_whatever_fits_into_a_page(monkeypatch, rows):
    monkeypatch.setattr("gdpr_assist.planning.plans.KEYS_PER_PAGE", 3)
    people = baker.make(Customer, _quantity=rows)
    for each in people:
        baker.make(Order, customer=each, email="ada@quill.example", _quantity=2)

    joining = Customer.objects.filter(orders__email="ada@quill.example")

    assert plan(joining).pinned().keys == tuple(each.pk for each in people)


# -- which conditions may be asked again -----------------------------------------------------


@pytest.mark.parametrize(
    ("queryset", "reads_keys_first"),
    [
        (Customer.all_objects.all, False),
        (Customer.objects.all, False),
        (lambda: Customer.all_objects.filter(name="Ada"), False),
        (lambda: Customer.all_objects.exclude(Q(name__icontains="Ada") | Q(pk__in=[1, 2])), False),
        (lambda: Customer.all_objects.filter(born__isnull=True, pk__gt=3), False),
        (lambda: ForeignCustomer.objects.filter(country="GB"), False),
        (lambda: Customer.all_objects.filter(referred_by__name="Ada"), True),
        (lambda: Customer.all_objects.filter(name=F("phone")), True),
        (lambda: Customer.all_objects.filter(pk__in=[F("referred_by")]), True),
        (lambda: Customer.all_objects.filter(referred_by__in=Customer.all_objects.filter(name="Ada")), True),
        (lambda: Customer.all_objects.filter(Exists(Order.objects.filter(customer=OuterRef("pk")))), True),
        (lambda: Customer.all_objects.annotate(many=Count("orders")).filter(many__gt=2), True),
        (Customer.all_objects.none, True),
        (lambda: GiftOrder.objects.filter(email="x"), True),
    ],
)
def test_keys_are_read_first_where_a_condition_could_change_its_mind(queryset, reads_keys_first):
    assert plan(queryset()).reads_keys_first is reads_keys_first


def test_keys_are_read_first_where_receivers_run():
    with listening(post_anonymise, lambda **kwargs: None, sender=Customer):
        assert plan(Customer.objects.filter(name="Ada")).reads_keys_first is True
        assert plan(Customer.all_objects.all()).reads_keys_first is False


def test_keys_are_read_first_where_receivers_hear_of_a_batch():
    class Declared:
        fields = ["name"]
        keep = ["category"]
        bulk = True

    with registry.registered(Product, Declared), listening(pre_anonymise, ignore, sender=Product):
        found = plan(Product.objects.filter(name="Ada"))
        assert (found.way.kind, found.reads_keys_first) == ("mixed", True)


def test_the_rows_of_a_queryset_with_more_than_conditions():
    """What joins, annotates or orders leaves no trace: each row once."""
    ada = baker.make(Customer, name="Ada")
    baker.make(Order, customer=ada, _quantity=2)
    baker.make(Customer, name="Bob")
    queryset = Customer.objects.annotate(place=F("orders__recipient")).select_related("referred_by").order_by("place")

    found = plan(queryset.filter(name="Ada"))

    assert list(found.rows()) == [ada]
    assert found.count() == 1
    assert found.pinned().keys == (ada.pk,)


def test_a_model_registered_for_a_test_can_be_planned():
    class ProductPrivacy:
        fields = ["name"]
        keep = ["category"]

    baker.make(Product)
    with registry.registered(Product, ProductPrivacy):
        assert plan(Product.objects.all()).count() == 1


# -- a primary and its replica -----------------------------------------------------------------


class Replica:
    """Reads the shop from "other", writes it to "default"."""

    def db_for_read(self, model, **hints):
        return "other" if model._meta.app_label == "shop" else None

    def db_for_write(self, model, **hints):
        return "default" if model._meta.app_label == "shop" else None


@pytest.fixture
def replicated(settings):
    """Return a customer of the primary, read from the replica that has the same row."""
    settings.DATABASE_ROUTERS = ["gdpr_assist.routers.EventLogRouter", "tests.test_planning.Replica"]
    customer = baker.make(Customer, name="Ada", _using="default")
    Customer.objects.using("other").bulk_create([customer])
    return Customer.objects.get(pk=customer.pk)


@pytest.mark.parametrize("way", ["object", "filter", "all"])
def test_what_is_read_from_a_replica_is_anonymised_on_the_primary(replicated, way):
    assert replicated._state.db == "other"
    before = rows(Customer, "other")

    if way == "object":
        result = replicated.anonymise()
    else:
        chosen = Customer.objects.filter(name="Ada") if way == "filter" else Customer.objects.all()
        result = chosen.anonymise()

    assert (result.using, result.anonymised) == ("default", 1)
    assert [each["name"] for each in rows(Customer)] == [str(replicated.pk)]
    assert markers(Customer) == [str(replicated.pk)]
    assert rows(Customer, "other") == before
    assert markers(Customer, "other") == []
    assert replicated.is_anonymised()


def test_a_condition_is_asked_of_the_primary_not_of_a_replica_that_lags_behind(replicated):
    late = baker.make(Customer, name="Ada", _using="default")

    assert Customer.objects.filter(name="Ada").anonymise().anonymised == 2
    assert markers(Customer) == sorted([str(replicated.pk), str(late.pk)])


# -- the keys ----------------------------------------------------------------------------------


def test_pinned_keys_ascend_whatever_the_order_of_the_queryset():
    """Two erasures that lock rows in one order cannot wait for each other."""
    keys = sorted(each.pk for each in baker.make(Customer, name="Ada", _quantity=5))

    assert plan(Customer.objects.filter(name="Ada").order_by("-pk")).pinned().keys == tuple(keys)


# -- which of them were anonymised before ------------------------------------------------------


@pytest.mark.skipif(connection.vendor != "postgresql", reason="the others look a marker up whatever they have counted")
@pytest.mark.parametrize(
    "read",
    [
        lambda: with_marks(TextKey.objects.all()),
        lambda: TextKey.objects.annotate(marked=has_marker(TextKey, "default")),
    ],
    ids=["with_anonymised", "plans"],
)
def test_a_marker_is_looked_up_also_where_the_database_counted_them_before_the_first_of_the_model(read):
    """Else all markers of the model would be read for each of its rows."""
    make_markers(Customer, 3000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE gdpr_assist_privacyanonymised")
    make_markers(TextKey, 300)

    lookups = [line for line in read().explain().splitlines() if "Index Cond" in line and "content_type_id" in line]

    assert lookups
    assert all("object_id" in line for line in lookups)


def make_markers(model, quantity):
    kind = ContentType.objects.get_for_model(model)
    PrivacyAnonymised.objects.bulk_create(
        PrivacyAnonymised(content_type=kind, object_id=str(number)) for number in range(quantity)
    )
