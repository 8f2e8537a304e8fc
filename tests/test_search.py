"""From a term to the rows that match it: which, each once, and with how many queries."""

from contextlib import contextmanager
from unittest import mock

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import OperationalError, connection, connections, models, router, transaction
from django.db.models import Value
from django.db.utils import ConnectionHandler
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from model_bakery import baker

from gdpr_assist.declaring.meta import PrivacyMeta, all_rows
from gdpr_assist.declaring.search import LONGEST_TERM, MOST_WORDS, matching, words_of
from gdpr_assist.planning.plans import plan
from gdpr_assist.registry import Registry, registry
from tests.apps.fields.models import NullFields
from tests.apps.shop.models import Customer, ForeignCustomer, GiftOrder, Order
from tests.apps.thirdparty.models import Device
from tests.observing import redeclared
from tests.settings import DB

pytestmark = pytest.mark.django_db

# Of the others, nobody has said how they are searched.
SEARCHED = [
    each.model for each in registry if each.meta.search_fields or type(each.meta).search is not PrivacyMeta.search
]

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


def test_a_model_with_an_order_of_its_own(ada, monkeypatch):
    monkeypatch.setattr(Order._meta, "ordering", ["-recipient"])
    first, second = order(customer=ada, recipient="x"), order(customer=ada, recipient="y")
    assert list(matching(all_rows(Order), MANY, "ada@x.test")) == [second, first]


# -- word for word ---------------------------------------------------------------------------------

NAMES = ["first_name", "last_name", "email__icontains"]


@pytest.fixture
def person():
    User.objects.create_user("bob", first_name="Ada", last_name="Quill", email="bob@lovelace.test")
    User.objects.create_user("eve", first_name="Lovelace", last_name="Lovelace")
    return User.objects.create_user("ada", first_name="Ada", last_name="Lovelace", email="al@x.test")


def users(names, term):
    return sorted(matching(all_rows(User), names, term).values_list("username", flat=True))


@pytest.mark.parametrize(
    "term", ["Ada Lovelace", "lovelace ADA", " Ada \t Lovelace\n", "'Ada' \"Lovelace\"", "Ada Ada Lovelace"]
)
def test_each_word_may_be_in_a_field_of_its_own(person, term):
    assert users(["first_name", "last_name"], term) == ["ada"]
    assert users(NAMES, term) == ["ada", "bob"]  # the second word is in the address of the other


@pytest.mark.parametrize(
    "term", ["Ada", "Lovelace Quill", "Ada Love", "Ada Lovelace Quill", '"Ada Lovelace"', "Ada 777777 Lovelace"]
)
def test_no_word_may_be_left_over(person, term):
    assert users(["first_name", "last_name", "id__exact"], term) == (["ada", "bob"] if term == "Ada" else [])


@pytest.mark.parametrize("term", ['""', "'' ''", '"', "\"' '\"", "' '"])
def test_quotes_without_a_word_are_no_words(person, term):
    assert users(NAMES, term) == []


def test_a_row_that_matches_as_a_whole_is_found_though_its_words_do_not():
    User.objects.create_user("ada", first_name="Ada King")
    assert users(["first_name", "last_name"], "ada king") == users(["first_name"], '"ada king"') == ["ada"]


@pytest.mark.parametrize(
    ("first", "last"), [("Vincent", "van Gogh"), ("Jean Paul", "Sartre"), ("Ana María", "de la Cruz")]
)
def test_a_name_of_several_words_in_one_field(first, last):
    User.objects.create_user("mine", first_name=first, last_name=last)
    User.objects.create_user("other", first_name=first, last_name=last.split()[-1] + "x")
    assert users(["first_name", "last_name"], f"{first} {last}") == ["mine"]
    assert users(["first_name", "last_name"], f"{last}  {first}") == ["mine"]
    assert users(["first_name", "last_name"], f"{first} x {last}") == []


def test_a_name_of_several_words_in_related_rows(ada):
    mine = order(customer=ada, recipient="de la Cruz")
    order(customer=ada, recipient="Cruz")
    assert list(matching(all_rows(Order), ["customer__name", "recipient"], "Ada de la Cruz")) == [mine]


def test_words_of_which_some_are_in_related_rows(ada):
    mine = order(customer=ada, recipient="Lovelace")
    order(customer=ada, recipient="Quill")
    order(recipient="Lovelace")
    whole = order(recipient="Ada Lovelace")
    for names in (["customer__name", "recipient"], ["recipient", "customer__name__icontains", "email"]):
        found = matching(all_rows(Order), names, "Ada Lovelace")
        assert sorted(found.values_list("pk", flat=True)) == sorted([mine.pk, whole.pk])
        assert found.count() == plan(found).count() == 2
    names = ["customer__name", "customer__email__iexact"]
    assert set(matching(all_rows(Order), names, "Ada ADA@x.test")) == set(all_rows(Order).filter(customer=ada))


def test_a_pattern_has_no_words(person):
    assert users(["first_name__regex"], "(Ada|x y)") == ["ada", "bob"]  # its parts would be no patterns
    assert users(["first_name__iregex", "last_name__iregex"], "ada lovelace") == []


def test_a_text_is_looked_for_as_a_whole():
    words = " ".join(map(str, range(MOST_WORDS)))
    assert (len(words_of(words)), words_of(f"{words} x")) == (MOST_WORDS, [])


def test_words_are_found_with_one_query_for_each_model(ada):
    order(customer=ada, recipient="Lovelace")
    with CaptureQueriesContext(connection) as captured:
        assert [model for model, _matches in registry.search("x@x.test Love")] == [Order]
    assert len(asked(captured)) == len(SEARCHED)


# -- what a field makes of a term ------------------------------------------------------------------


@pytest.fixture
def digits(monkeypatch):
    """Let the owner of a device be a number of which the field keeps the digits, and refuses what has none."""

    def prepare(value):
        if not any(map(str.isdigit, value)):
            raise LookupError(value)
        return "".join(filter(str.isdigit, value))

    monkeypatch.setattr(Device._meta.get_field("owner"), "get_prep_value", prepare)


@pytest.mark.usefixtures("digits")
@pytest.mark.parametrize("name", ["owner", "owner__iexact", "owner__exact"])
def test_a_number_with_blanks(name):
    mine = Device.objects.create(owner="0123 456 78", address="192.0.2.1")
    Device.objects.create(owner="0123", address="192.0.2.2")
    assert list(matching(all_rows(Device), [name], "(0123) 45-678")) == [mine]
    assert list(matching(all_rows(Device), ["address__icontains", name], "012 345678")) == [mine]


@pytest.mark.usefixtures("digits")
def test_what_the_field_refuses_is_compared_as_it_is():
    mine = Device.objects.create(owner="1", address="192.0.2.1")
    Device.objects.update(owner=Value("Ada", output_field=models.CharField()))  # from before the field was changed
    assert list(matching(all_rows(Device), ["owner"], "ADA")) == [mine]
    assert list(matching(all_rows(Device), ["owner"], "Bob")) == []


def test_a_part_of_a_value_is_not_prepared(monkeypatch):
    Device.objects.create(owner="1", address="192.0.2.1")
    monkeypatch.setattr(Device._meta.get_field("owner"), "get_prep_value", lambda value: "")
    for name in ("owner", "owner__icontains", "owner__startswith"):
        assert list(matching(all_rows(Device), [name], "Ada")) == []


# -- queries ---------------------------------------------------------------------------------------


def asked(captured):
    """Return the queries but those that begin and end the savepoints of a search within a transaction."""
    return [query for query in captured if "SAVEPOINT" not in query["sql"]]


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
    assert len(asked(captured)) == len(SEARCHED)
    assert tables_read(captured) == sorted(model._meta.db_table for model in SEARCHED)


@pytest.mark.django_db(transaction=True)
def test_a_search_outside_of_transactions_needs_no_more_than_its_queries(django_assert_num_queries):
    with django_assert_num_queries(len(SEARCHED)):
        assert registry.search("ada@x.test") == []


def test_candidates_ask_no_database():
    with CaptureQueriesContext(connection) as captured:
        assert [model for model, _matches in registry.candidates("ada@x.test")] == registry.models
        assert [model for model, _matches in registry.candidates("ada", [Order, ForeignCustomer])] == [
            Order,
            ForeignCustomer,
        ]
        assert list(registry.candidates(" ")) == []
    assert asked(captured) == []


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


# -- what cannot be searched -----------------------------------------------------------------------


@contextmanager
def device(**declaration):
    """Declare a model by itself for the time of a block."""
    with registry.registered(Device, type("PrivacyMeta", (), {"fields": ["owner"], **declaration})):
        yield


def raises(error):
    def search(self, term):
        raise error

    return search


def asks_in_vain(self, term):
    return list(Device.objects.raw("SELECT nothing FROM nowhere"))


def fails_late(self, term):
    """As a queryset whose error comes with its first row."""
    return Device.objects.filter(owner__regex=f"{term}(")


def gives_no_rows(self, term):
    return 7


def names_no_database(self, term):
    return Device.objects.using("nowhere")


@pytest.mark.parametrize(
    "search",
    [
        raises(ValueError("Ada")),
        names_no_database,
        raises(KeyError("Ada")),
        raises(RecursionError()),
        asks_in_vain,
        fails_late,
        gives_no_rows,
    ],
)
def test_a_search_that_fails_is_noted_and_the_rest_is_found(ada, search):
    Device.objects.create(owner="Ada", address="192.0.2.1")
    with device(search=search):
        found = registry.search("ada@x.test")
    assert [model for model, _matches in found] == [Customer]
    assert list(found.failed) == [Device]
    assert found.failed[Device].isidentifier()
    assert Customer.objects.get() == ada  # the transaction goes on


@pytest.mark.parametrize("search", [raises(ValueError("Ada")), lambda self, term: Device.objects.all()])
def test_a_database_that_cannot_be_reached_is_noted_and_the_others_are_searched(ada, monkeypatch, search):
    away = ConnectionHandler({**settings.DATABASES, "away": connections["other"].settings_dict})["away"]
    monkeypatch.setattr(away, "connect", mock.Mock(side_effect=OperationalError("nobody there")))
    monkeypatch.setattr(connections._connections, "away", away, raising=False)
    monkeypatch.setitem(connections.settings, "away", away.settings_dict)
    monkeypatch.setattr(router, "db_for_read", lambda model, **hints: "away" if model is Device else "default")
    with device(search=search):
        found = registry.search("ada@x.test")
    assert [model for model, _matches in found] == [Customer]
    assert list(found.failed) == [Device]


def test_what_one_search_notes_does_not_hold_for_the_next(ada):
    mine = Device.objects.create(owner="Ada", address="192.0.2.1")
    with device(search=mock.Mock(side_effect=[ValueError("Ada"), Device.objects.all()])):
        first, second = registry.search("ada@x.test"), registry.search("ada@x.test")
    assert (len(first), first.failed) == (1, {Device: "ValueError"})
    assert ({model: list(rows) for model, rows in second}, second.failed) == ({Customer: [ada], Device: [mine]}, {})


def test_nothing_is_noted_where_all_could_be_searched(ada):
    assert registry.search("ada@x.test").failed == {}


@pytest.mark.parametrize("column", [column.name for column in NullFields._meta.fields if not column.is_relation])
def test_no_lookup_stops_the_search(ada, monkeypatch, column):
    """Some terms are no value for some columns; a few of these only the database knows."""
    NullFields.objects.create()
    monkeypatch.setattr(Registry, "models", [NullFields, Customer])
    for name in (column, f"{column}__exact", f"{column}__contains", f"{column}__gt"):
        monkeypatch.setattr(registry.declaration(NullFields).meta, "search_fields", [name])
        for term in ("ada@x.test", "9" * 30, "7 days", "\N{SNOWMAN}", "-", "1e999"):
            found = registry.search(term)
            assert [model for model, _matches in found if model is Customer] == [Customer] * (term == "ada@x.test")
            assert set(found.failed) <= {NullFields}
    assert Customer.objects.get() == ada


@pytest.mark.parametrize("column", ["integer", "decimal", "float", "date", "date_time", "time", "uuid", "boolean"])
def test_a_column_that_cannot_hold_the_term_has_been_searched(monkeypatch, column):
    NullFields.objects.create()
    monkeypatch.setattr(registry.declaration(NullFields).meta, "search_fields", [f"{column}__exact"])
    assert registry.search("Ada").failed == {}


def test_an_error_at_a_later_row_than_the_first_match():
    Device.objects.create(owner="Ada(", address="192.0.2.1")
    Device.objects.create(owner="Bob", address="192.0.2.2")
    with device(search_fields=["owner", "owner__regex"]):
        found = registry.search("Ada(")
    assert (list(found), list(found.failed)) == ([], [Device])


def test_a_term_that_cannot_be_written_as_bytes(ada):
    found = registry.search("ada\ud800")
    assert list(found) == []
    assert found.failed[Customer] == "UnicodeEncodeError"


def test_what_no_text_holds_finds_nothing(ada):
    found = registry.search("ada\0")
    assert (list(found), found.failed) == ([], {})


def test_a_term_that_is_too_long_is_refused():
    assert list(registry.search("A" * LONGEST_TERM)) == []
    with pytest.raises(
        ValueError, match=f"^The term has {LONGEST_TERM + 1} characters. A search takes at most 1000.$"
    ):
        registry.search("A" * (LONGEST_TERM + 1))


def test_candidates_raise_unless_they_are_told_where_to_note_it():
    failed = {}
    with device(search=raises(ValueError("Ada"))):
        assert list(registry.candidates("Ada", [Device], failed)) == []
        with pytest.raises(ValueError, match="Ada"):
            list(registry.candidates("Ada", [Device]))
    assert failed == {Device: "ValueError"}


def test_a_search_method_may_search_all_other_models(ada):
    """As one that looks for the devices of the customers that are found."""
    mine = Device.objects.create(owner="Ada", address="192.0.2.1")
    calls = []

    def search(self, term):
        calls.append(term)
        names = [row.name for model, rows in registry.search(term) if model is Customer for row in rows]
        return Device.objects.filter(owner__in=names)

    with device(search=search):
        found = registry.search("ada@x.test")
        assert {model: list(rows) for model, rows in found} == {Customer: [ada], Device: [mine]}
        assert (found.failed, calls) == ({}, ["ada@x.test"])
        assert len(registry.search("ada@x.test")) == 2  # it is called again the next time


@pytest.mark.parametrize("lookup", ["owner__exact", "owner__gt"])
@pytest.mark.parametrize("nothing", ["", None])
def test_a_term_of_which_the_field_leaves_nothing_does_not_find_what_is_empty(monkeypatch, lookup, nothing):
    for owner in ("", "x"):
        Device.objects.create(owner=owner, address="192.0.2.1")
    owner = Device._meta.get_field("owner")
    monkeypatch.setattr(owner, "get_prep_value", lambda value: nothing)
    assert list(matching(all_rows(Device), [lookup], "Ada")) == []


if DB == "postgresql":

    def test_a_collation_that_is_not_deterministic(ada):
        """Patterns cannot be compared in it, regular expressions on no PostgreSQL."""
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
                "ALTER TABLE thirdparty_device ALTER COLUMN owner TYPE varchar(50) COLLATE loose"
            )
        mine = Device.objects.create(owner="Ada", address="192.0.2.1")
        with device(search_fields=["owner__iregex"]):
            assert registry.search("ada").failed == {Device: "NotSupportedError"}
        with device(search_fields=["owner"]):
            found = registry.search("ADA")
            assert [list(rows) for model, rows in found if model is Device] == [[mine]]


@pytest.mark.django_db
def test_a_transaction_whose_connection_is_lost_is_no_model_that_cannot_be_searched(monkeypatch):
    """No savepoint can be made, and no model searched: the error comes out as it is."""
    monkeypatch.setattr(connection, "savepoint", mock.Mock(side_effect=OperationalError("the connection has gone")))

    with pytest.raises(OperationalError), transaction.atomic():
        registry.search("ada")


@pytest.mark.django_db
@pytest.mark.parametrize("lookup", ["integer", "integer__exact", "big_integer__exact", "big_integer__gte"])
@pytest.mark.parametrize("term", [str(2**63), str(-(2**63) - 1), "9" * 40])
def test_an_integer_that_no_column_holds_matches_nothing(lookup, term):
    """Django before 5.0 gives it to the database, and SQLite does not take it."""
    baker.make(NullFields, integer=7, big_integer=7)
    assert list(matching(all_rows(NullFields), [lookup], term)) == []
    assert list(matching(all_rows(NullFields), [lookup], "7")) != []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "found",
    [
        Order.objects.all,
        lambda: list(Order.objects.all()),
        lambda: Customer.objects.values("pk"),
        lambda: Customer.objects.values_list("pk", flat=True),
        lambda: [1],
    ],
    ids=["another model", "a list of another model", "values", "a list of values", "keys"],
)
def test_what_a_search_method_finds_must_be_rows_of_its_model(found):
    """The rows of another model have the primary keys of other people here."""
    customer = baker.make(Customer, name="Bob")
    baker.make(Order, pk=customer.pk, recipient="Ada")

    class Finder:
        fields = ["name", "email", "phone", "born", "notes"]

        def search(self, term):
            return found()

    with redeclared(Customer, Finder):
        results = registry.search("ada")
        with pytest.raises(TypeError, match=r"shop\.Customer: PrivacyMeta\.search\(\) must return rows"):
            list(registry.candidates("ada", [Customer]))

    assert results.failed[Customer] == "TypeError"
    assert Customer not in dict(results)
