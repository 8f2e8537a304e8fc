"""A site that erases nothing pays nothing: Django's own queries, no more; classes as they were."""

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection, models
from django.db.models.signals import (
    m2m_changed,
    post_delete,
    post_init,
    post_save,
    pre_delete,
    pre_init,
    pre_save,
)
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gdpr_assist.models import DatabaseIdentity
from gdpr_assist.registry import registry
from tests.apps.fields.models import Target
from tests.apps.own.models import Account
from tests.apps.people.models import Counter
from tests.apps.shop.models import Category, Company, Customer, Invoice, Order, OrderLine, Plant, Product
from tests.apps.thirdparty.models import Subscriber, Ticket

pytestmark = pytest.mark.anywhere

SIGNALS = (pre_init, post_init, pre_save, post_save, pre_delete, post_delete, m2m_changed)
UNREGISTERED = [model for model in apps.get_models(include_auto_created=True) if model not in registry]


def queries_of(function):
    """Call ``function``; return its statements, without those that begin and end transactions."""
    with CaptureQueriesContext(connection) as captured:
        function()
    return [
        each["sql"] for each in captured if each["sql"].split()[0] not in ("BEGIN", "SAVEPOINT", "RELEASE", "COMMIT")
    ]


def verbs_of(function):
    """Return the first word and the tables of each statement: [("DELETE", "shop_product")]."""
    quote = '`"'
    verbs = []
    for sql in queries_of(function):
        words = sql.split()
        at = words.index("FROM") + 1 if "FROM" in words else 1
        verbs.append((words[0], words[at].strip(quote)))
    return verbs


@pytest.fixture
def customer(db):
    customer = Customer.objects.create(name="Ada", email="ada@x.test")
    for _ in range(3):
        Order.objects.create(customer=customer, recipient="Ada", email="a@x.test", placed=timezone.now())
    return customer


@pytest.fixture
def product(db):
    return Product.objects.create(name="Ball", category=Category.objects.create(name="Toys"))


# -- reading --------------------------------------------------------------------------------------


def test_get_is_one_query(customer):
    plain = models.QuerySet(Customer).filter(is_deleted=False)
    assert queries_of(lambda: Customer.objects.get(pk=customer.pk)) == queries_of(lambda: plain.get(pk=customer.pk))
    assert len(queries_of(lambda: Customer.objects.get(pk=customer.pk))) == 1


def test_list_is_one_query(customer):
    found = queries_of(lambda: list(Customer.objects.all()))
    assert found == queries_of(lambda: list(models.QuerySet(Customer).filter(is_deleted=False)))
    assert len(found) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("model", registry.models, ids=lambda model: model._meta.label)
def test_list_of_every_registered_model_is_djangos_own_query(model):
    own_filter = {"is_deleted": False} if model is Customer else {}
    plain = models.QuerySet(model).filter(**own_filter)
    assert str(model._default_manager.all().query) == str(plain.query)
    assert queries_of(lambda: list(model._default_manager.all())) == queries_of(lambda: list(plain))


def test_related_list_is_one_query(customer):
    found = queries_of(lambda: list(customer.orders.all()))
    assert found == queries_of(lambda: list(models.QuerySet(Order).filter(customer=customer)))
    assert len(found) == 1


def test_prefetch_is_two_queries(customer):
    def read():
        (found,) = Customer.objects.prefetch_related("orders")
        assert len(found.orders.all()) == 3

    assert len(queries_of(read)) == 2


def test_related_object_is_one_query_or_none(customer):
    order = Order.objects.first()
    assert len(queries_of(lambda: order.customer)) == 1

    def read():
        for each in Order.objects.select_related("customer"):
            assert each.customer == customer

    assert len(queries_of(read)) == 1


def test_many_to_many_is_one_query(customer, product):
    customer.favourites.add(product)
    assert len(queries_of(lambda: list(customer.favourites.all()))) == 1
    assert len(queries_of(lambda: list(product.admirers.all()))) == 1


@pytest.mark.parametrize(
    "read",
    [
        Customer.objects.count,
        Customer.objects.exists,
        Customer.objects.first,
        lambda: list(Customer.objects.values_list("name")),
        lambda: list(Customer.objects.iterator()),
        Customer.objects.in_bulk,
        lambda: Customer.objects.aggregate(models.Max("pk")),
    ],
)
def test_other_reads_are_one_query(customer, read):
    assert len(queries_of(read)) == 1


def test_reading_a_deferred_column_is_one_query(customer):
    found = Customer.objects.only("name").get()
    assert len(queries_of(lambda: found.email)) == 1


def test_user_is_one_query(db):
    User.objects.create_user("ada")
    assert len(queries_of(lambda: User.objects.get_by_natural_key("ada"))) == 1


# -- writing --------------------------------------------------------------------------------------


def test_saving_and_updating_are_one_query(customer):
    assert verbs_of(customer.save) == [("UPDATE", "shop_customer")]
    assert verbs_of(lambda: Customer.objects.update(notes="x")) == [("UPDATE", "shop_customer")]
    assert len(queries_of(lambda: Subscriber.objects.create(email="x@x.test"))) == 1
    assert len(queries_of(lambda: Subscriber.objects.bulk_create([Subscriber(email="y@x.test")]))) == 1


# -- deleting what is not registered --------------------------------------------------------------


# The app guards its own id (receivers.keep_database_id), and the parent of registered children goes with them; Django
# cannot delete rows of a parent fast anyway.
HEARD = (DatabaseIdentity, Account, Plant)


@pytest.mark.parametrize(
    "model", [each for each in UNREGISTERED if each not in HEARD], ids=lambda model: model._meta.label
)
def test_nobody_listens_to_an_unregistered_model(model):
    assert [signal for signal in SIGNALS if signal.has_listeners(model)] == []


@pytest.mark.parametrize("model", registry.models, ids=lambda model: model._meta.label)
def test_saves_of_a_registered_model_have_no_listener(model):
    assert not any(signal.has_listeners(model) for signal in (pre_init, pre_save, post_save))


@pytest.mark.parametrize("model", [Counter, Invoice, OrderLine])
@pytest.mark.django_db
def test_rows_that_nothing_points_at_are_deleted_in_one_query(model):
    deletion = verbs_of(model.objects.all().delete)
    assert deletion == [("DELETE", model._meta.db_table)]


def test_one_row_that_nothing_points_at_is_deleted_in_one_query(ada):
    counter = Counter.objects.create(account=ada)
    assert verbs_of(counter.delete) == [("DELETE", "people_counter")]


def test_products_are_deleted_as_django_does(customer, product):
    """The rows that point at a product are deleted without being loaded."""
    customer.favourites.add(product)
    OrderLine.objects.create(order=Order.objects.first(), product=product)
    assert sorted(verbs_of(Product.objects.all().delete)) == [
        ("DELETE", "shop_customer_favourites"),
        ("DELETE", "shop_orderline"),
        ("DELETE", "shop_product"),
        ("SELECT", "shop_product"),
    ]


def test_category_is_deleted_as_django_does(product):
    assert sorted(verbs_of(product.category.delete)) == [
        ("DELETE", "shop_category"),
        ("DELETE", "shop_customer_favourites"),
        ("DELETE", "shop_orderline"),
        ("DELETE", "shop_product"),
        ("SELECT", "shop_product"),
    ]


def test_number_of_queries_does_not_grow_with_the_rows(product):
    few = len(queries_of(Category.objects.all().delete))
    for _ in range(20):
        category = Category.objects.create(name="Toys")
        Product.objects.bulk_create(Product(name="Ball", category=category) for _ in range(3))
    assert len(queries_of(Category.objects.all().delete)) == few


def test_delete_returns_what_djangos_returns(customer, product):
    customer.favourites.add(product)
    assert Product.objects.all().delete() == (2, {"shop.Product": 1, "shop.Customer_favourites": 1})
    assert Customer.objects.all().delete() == (1, {"shop.Customer": 1})
    assert Order.objects.filter(pk=0).delete() == (0, {})
    assert Order.objects.all().delete() == (3, {"shop.Order": 3})


def test_raw_delete_of_a_registered_model_is_one_query(customer):
    """Django's private way past the Collector stays what it is."""
    assert verbs_of(lambda: Order.objects.all()._raw_delete("default")) == [("DELETE", "shop_order")]


# -- classes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", registry.models, ids=lambda model: model._meta.label)
def test_no_class_of_ours_is_among_the_bases(model):
    assert not [base for base in model.__mro__ if base.__module__.startswith("gdpr_assist")]


@pytest.mark.parametrize("model", [*registry.models, *UNREGISTERED], ids=lambda model: model._meta.label)
def test_no_field_and_no_relation_is_added(model):
    if model._meta.app_label in ("gdpr_assist", "contenttypes"):
        return
    assert not [each for each in model._meta.private_fields if type(each).__module__.startswith("gdpr_assist")]
    ours = [
        field
        for field in model._meta.get_fields(include_hidden=True)
        if field.is_relation and field.related_model and field.related_model._meta.app_label == "gdpr_assist"
    ]
    assert ours == []


def test_direct_bases_are_what_was_written():
    for model in (Customer, Order, Ticket, Company, Target):
        assert model.__bases__ == (models.Model,)


@pytest.mark.parametrize("model", UNREGISTERED, ids=lambda model: model._meta.label)
def test_managers_of_an_unregistered_model_are_djangos(model):
    for manager in model._meta.managers:
        assert not hasattr(manager, "anonymise")
        assert not hasattr(manager.get_queryset(), "anonymise")
