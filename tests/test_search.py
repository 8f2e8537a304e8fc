"""From a term to the rows that match it: which, each once, and with how many queries."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gdpr_assist.meta import all_rows
from gdpr_assist.planning import plan
from gdpr_assist.registry import registry
from gdpr_assist.search import matching
from tests.apps.shop.models import Customer, ForeignCustomer, GiftOrder, Order
from tests.apps.thirdparty.models import Device

pytestmark = pytest.mark.django_db

MANY = ["email__iexact", "customer__email__iexact", "recipient__icontains", "customer__name__icontains"]


def order(**attributes):
    return Order.objects.create(**{"recipient": "x", "email": "x@x.test", "placed": timezone.now(), **attributes})


@pytest.fixture
def ada():
    return Customer.objects.create(name="Ada", email="ada@x.test")


# -- several lookups -------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [MANY, MANY[::-1], MANY[:2], MANY[1:3]], ids=len)
def test_own_columns_and_those_of_related_rows(ada, names):
    found = {order(customer=ada).pk, order(customer=ada).pk}
    found |= {order(email="ADA@x.test").pk} if "email__iexact" in names else set()
    found |= {order(recipient="to ada@x.test").pk} if "recipient__icontains" in names else set()
    order(customer=Customer.objects.create(name="Bob", email="bob@x.test"))
    matches = matching(all_rows(Order), names, "ada@x.test")
    assert sorted(matches.values_list("pk", flat=True)) == sorted(found)
    assert matches.count() == len(found)


def test_a_row_with_many_related_rows_that_match_is_found_once(ada):
    for _number in range(3):
        order(customer=ada, email="y@x.test")
    for names in (["orders__email__iexact"], ["orders__email__iexact", "name__icontains", "email"]):
        assert list(matching(all_rows(Customer), names, "y@x.test")) == [ada]


def test_columns_of_a_multi_table_parent():
    gift = GiftOrder.objects.create(recipient="Ada", email="ada@x.test", greeting="x", placed=timezone.now())
    names = ["email", "greeting__icontains", "customer__email__iexact"]
    assert list(matching(all_rows(GiftOrder), names, "ada@x.test")) == [gift]


def test_what_was_found_can_be_narrowed_down_planned_and_erased(ada):
    first, _second = order(customer=ada), order(email="ada@x.test")
    matches = matching(all_rows(Order), MANY, "ada@x.test")
    assert list(matches.filter(pk=first.pk)) == [first]
    assert plan(matches).count() == 2
    assert matches.filter(email="x@x.test").delete()[0] == 1
    assert Order.objects.anonymise().anonymised == 1


def test_a_term_that_only_some_columns_can_hold(ada):
    mine = order(customer=ada, total=7)
    assert list(matching(all_rows(Order), ["total", "customer__email__iexact"], "ada@x.test")) == [mine]
    assert list(matching(all_rows(Order), ["total__exact", "customer__email__iexact"], "7")) == [mine]
    assert list(matching(all_rows(Order), ["total__exact", "customer__referred_by__pk__exact"], "Ada")) == []


def test_no_index_is_given_up_by_an_or_over_several_tables():
    sql = str(matching(all_rows(Order), MANY, "ada").query)
    assert sql.count(" UNION ") == 2
    assert " OR " in sql  # of the two own columns
    assert "LEFT OUTER JOIN" not in sql


# -- queries ---------------------------------------------------------------------------------------


def tables_read(captured):
    """Return the tables from which the queries read, one for each query."""
    quote = connection.ops.quote_name
    tables = {model._meta.db_table for model in registry.models}
    return sorted(
        table
        for query in captured
        for table in tables
        if f"FROM {quote(table)} " in query["sql"].partition("WHERE")[0]
    )


def test_one_query_for_each_model(ada):
    with CaptureQueriesContext(connection) as captured:
        assert [model for model, _matches in registry.search("ada@x.test")] == [Customer]
    assert len(captured) == len(registry.models)
    assert tables_read(captured) == sorted(model._meta.db_table for model in registry.models)


def test_candidates_ask_no_database(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert [model for model, _matches in registry.candidates("ada@x.test")] == registry.models
        assert [model for model, _matches in registry.candidates("ada", [Order, ForeignCustomer])] == [
            Order,
            ForeignCustomer,
        ]
        assert list(registry.candidates(" ")) == []


def test_a_custom_search_that_gives_a_part_of_a_queryset_can_be_narrowed_down():
    for number in range(3):
        Device.objects.create(owner="Ada", address=f"192.0.2.{number}")
        Device.objects.using("other").create(owner="Ada", address="192.0.2.9")

    def found(search):
        with registry.registered(Device, type("PrivacyMeta", (), {"fields": ["owner"], "search": search})):
            [(_model, matches)] = [each for each in registry.search("Ada") if each[0] is Device]
            assert plan(matches).count() == matches.filter(owner="Ada").count()
            return list(matches.order_by("pk").values_list("address", flat=True))

    assert found(lambda self, term: Device.objects.order_by("-pk")[:2]) == ["192.0.2.1", "192.0.2.2"]
    assert found(lambda self, term: Device.objects.using("other").order_by("pk")[:1]) == ["192.0.2.9"]
    first, last = Device.objects.filter(address="192.0.2.0"), Device.objects.filter(address="192.0.2.2")
    assert found(lambda self, term: first.union(last)) == ["192.0.2.0", "192.0.2.2"]
