"""What erasing costs: how many statements, on the main database and on the log; those of transactions not counted."""

from contextlib import suppress
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gdpr_assist.execution.ranges import execute_in_ranges
from gdpr_assist.log.reading import OPERATIONS_PER_QUERY
from gdpr_assist.models import EventLog
from gdpr_assist.planning.plans import plan
from tests.apps.fields.models import UUIDKey
from tests.apps.migrated.models import Letter
from tests.apps.shop.models import Address, Comment, Customer, GiftOrder, Message, Order

from .observing import markers

TRANSACTION = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE SAVEPOINT")
FEW, MANY = 10, 100

# With transactions of its own: an erasure that is committed also writes its outcome.
pytestmark = pytest.mark.django_db(transaction=True)


def asked(action):
    """Return the statements that ``action`` asks of the main database and of the log."""
    with CaptureQueriesContext(connections["default"]) as main, CaptureQueriesContext(connections["gdpr_log"]) as log:
        action()
    return tuple(
        [each["sql"] for each in captured if not each["sql"].startswith(TRANSACTION)] for captured in (main, log)
    )


def numbers(action):
    return tuple(len(statements) for statements in asked(action))


def customers(count, orders=1):
    """Make customers with orders, and with an address and a message each; return them as a queryset."""
    Customer.objects.bulk_create(Customer(name="Ada", email=f"{number}@quill.example") for number in range(count))
    made = list(Customer.objects.all())
    Order.objects.bulk_create(
        Order(customer=each, recipient="Ada", email="ada@quill.example", placed=timezone.now())
        for each in made
        for _ in range(orders)
    )
    Address.objects.bulk_create(Address(customer=each, street="Quill Lane", town="Leeds") for each in made)
    Message.objects.bulk_create(Message(recipient=each, text="Dear Ada") for each in made)
    return Customer.objects.all()


def authors(count, letters):
    """Make users who are targets of letters, and of nothing else that is registered."""
    User.objects.bulk_create(User(username=f"author {number}") for number in range(count))
    made = list(User.objects.all())
    Letter.objects.bulk_create(
        Letter(author=each, signature="Ada", body="I live in Quill Lane") for each in made for _ in range(letters)
    )
    return User.objects.all()


@pytest.fixture
def warm():
    """Read what is read once in a process: content types, the id of the database."""
    authors(1, 1).delete()
    customers(1).delete()
    Letter.objects.all().delete()
    Order.objects.all().delete()


# -- deleting --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize(
    ("targets", "letters", "most", "most_of_log"),
    [(1, 500, 14, 3), (200, 10, 40, 8)],
    ids=["1 with 500", "200 with 2,000"],
)
def test_a_deletion_with_many_rows_to_anonymise(targets, letters, most, most_of_log):
    people = authors(targets, letters)
    before = EventLog.objects.using("gdpr_log").count()

    main, log = asked(people.get().delete if targets == 1 else people.delete)

    assert not User.objects.exists()
    assert Letter.objects.filter(author=None, body="").exclude(signature="Ada").count() == targets * letters
    assert EventLog.objects.using("gdpr_log").count() == before + targets + targets * letters
    assert len(main) <= most, main
    assert len(log) <= most_of_log, log


@pytest.mark.usefixtures("warm")
def test_a_deletion_of_one_target_costs_the_same_for_ten_rows_and_for_a_hundred():
    found = [numbers(customers(1, orders).get().delete) for orders in (FEW, MANY)]

    assert found[0] == found[1]
    assert len(markers(Order)) == FEW + MANY


@pytest.mark.usefixtures("warm")
def test_a_deletion_costs_the_same_for_ten_targets_and_for_a_hundred():
    found = [numbers(customers(count).delete) for count in (FEW, MANY)]

    assert found[0] == found[1]


@pytest.mark.usefixtures("warm")
def test_a_deletion_across_batches_costs_five_statements_for_each_further_batch(monkeypatch):
    """The claim, the markers, the UPDATE, and one look at each of the two models that add to an order."""
    one_batch = numbers(customers(1, 9).get().delete)
    monkeypatch.setattr("gdpr_assist.databases.rows.LARGEST_BATCH", 9)
    three_batches = numbers(customers(1, 27).get().delete)

    assert three_batches[0] - one_batch[0] == 5 * 2 + 1  # and one that finds no fourth
    assert three_batches[1] == one_batch[1]


# -- anonymising -----------------------------------------------------------------------------------


# What the catalogues have the triggers in. PostgreSQL is asked before the claim, as it may hide rows from it.
CATALOGUES = ("sqlite_master", "pg_rewrite", "information_schema.triggers")


def first_words(statements):
    return ["LOOK" if any(each in sql for each in CATALOGUES) else sql.split()[0] for sql in statements]


def looked_once(words):
    """Return ``words`` without the look whether a trigger interferes, of which there is one an operation."""
    assert words.count("LOOK") == 1
    return [each for each in words if each != "LOOK"]


def make(model, count):
    common = {"name": "Ada", "email": "ada@quill.example"}
    values = {
        Customer: lambda number: {"name": "Ada", "email": f"{number}@quill.example"},
        Comment: lambda number: {"display_name": "Ada", "email": "ada@quill.example", "posted": timezone.now()},
        UUIDKey: lambda number: common | {"unique_name": str(number), "url": "http://quill.example"},
        Order: lambda number: {"recipient": "Ada", "email": "ada@quill.example", "placed": timezone.now()},
    }[model]
    start = model._base_manager.count()
    model._base_manager.bulk_create(model(**values(start + number)) for number in range(count))


@pytest.mark.parametrize(
    ("model", "statements"),
    [
        # The claim of the keys, the markers, the id and key of the database, the columns; then receipt and outcome
        (Customer, ["SELECT", "INSERT", "SELECT", "UPDATE", "INSERT", "SELECT"]),
        (UUIDKey, ["SELECT", "INSERT", "SELECT", "UPDATE", "INSERT", "SELECT"]),
        # Mixed mode reads the rows, writes back what Python computed, and leaves the rest to the database.
        (Comment, ["SELECT", "INSERT", "SELECT", "UPDATE", "UPDATE", "SELECT", "INSERT", "SELECT"]),
        # Two models add to an order: one look for each
        (Order, ["SELECT", "INSERT", "UPDATE", "SELECT", "SELECT", "SELECT", "INSERT", "SELECT"]),
    ],
)
def test_a_queryset_is_the_same_statements_for_ten_rows_and_for_a_hundred(model, statements):
    make(model, 1)
    model.objects.anonymise()
    found = []
    for count in (FEW, MANY):
        make(model, count)
        main, log = asked(model.objects.anonymise)
        found.append((looked_once(first_words(one_for_many(main))), first_words(one_for_many(log))))

    assert found[0] == found[1] == (statements, ["INSERT", "INSERT", "INSERT"])
    assert len(markers(model)) == 1 + FEW + MANY


def one_for_many(statements):
    """SQLite takes the rows of one statement one after the other; Django notes "10 times: UPDATE ..."."""
    return [each.split("times: ", 1)[-1] for each in statements]


def test_rows_that_are_done_cost_one_statement():
    """And on PostgreSQL a look whether row level security hides others."""
    make(Customer, FEW)
    Customer.objects.anonymise()

    main, log = asked(Customer.objects.anonymise)

    assert first_words(main) == (["LOOK", "SELECT"] if connection.vendor == "postgresql" else ["SELECT"])
    assert log == []


# -- scrubbing a copy ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [5, 20])
def test_a_range_is_the_bound_the_columns_and_the_markers(size):
    make(Customer, 1)
    Customer.objects.anonymise()
    Customer.objects.all().delete()
    make(Customer, 4 * size + 1)

    main, log = asked(lambda: list(execute_in_ranges(plan(Customer.all_objects.all(), force=True), size)))

    # Whether there are markers is asked once, and so is the key of the database; the last range has one row.
    ranges = ["SELECT", "SELECT", "UPDATE", "INSERT", *["SELECT", "UPDATE", "INSERT"] * 4]
    assert looked_once(first_words(main)) == ["SELECT", *ranges]
    assert log == []
    assert not Customer.all_objects.filter(name="Ada").exists()


def test_one_range_of_all_rows_that_are_expected_has_no_bound_and_takes_rows_that_came_since():
    make(Customer, 7)

    main, _ = asked(lambda: list(execute_in_ranges(plan(Customer.all_objects.all(), force=True), 5, expected=5)))

    assert looked_once(first_words(main)) == ["SELECT", "SELECT", "UPDATE", "INSERT"]
    assert not Customer.all_objects.filter(name="Ada").exists()


def test_a_range_with_a_python_anonymiser_reads_its_rows_too():
    make(Comment, 1)
    Comment.objects.anonymise()
    Comment.objects.all().delete()
    make(Comment, 25)

    main, log = asked(lambda: list(execute_in_ranges(plan(Comment.objects.all(), force=True), 10)))

    # Whether there are markers; then for each range its end, its rows, both kinds of columns, and the markers
    each = ["SELECT", "SELECT", "UPDATE", "UPDATE", "INSERT"]
    assert looked_once(first_words(one_for_many(main))) == ["SELECT", *each * 3]
    assert log == []


def test_a_range_of_a_model_with_children_asks_each_child_once():
    GiftOrder.objects.create(recipient="Ada", email="ada@quill.example", placed=timezone.now(), greeting="Dear Ada")
    list(execute_in_ranges(plan(Order.objects.all(), force=True)))
    GiftOrder.objects.all().delete()
    make(Order, 25)

    main, _ = asked(lambda: list(execute_in_ranges(plan(Order.objects.all(), force=True), 10)))

    assert looked_once(first_words(main)) == ["SELECT", "INSERT", "UPDATE", "SELECT", "SELECT"] * 3


# -- the events of 1.x ---------------------------------------------------------------------------


def of_1x(model_name, count):
    """Write events as 1.x did, and rows with their keys."""
    Customer.all_objects.all()._raw_delete("default")
    EventLog.objects.using("gdpr_log").all().delete()
    people = [Customer(pk=number, name="Ada", email=f"{number}@quill.example") for number in range(1, count + 1)]
    Customer.objects.bulk_create(people)
    EventLog.objects.using("gdpr_log").bulk_create(
        EventLog(event=EventLog.EVENT_ANONYMISE, app_label="shop", model_name=model_name, target_pk=str(each.pk))
        for each in people
    )


@pytest.mark.parametrize("model_name", ["Customer", "Gone"], ids=["live", "removed"])
class TestEventsOf1x:
    """A site of 1.x may have a million of them: no statement for each, a few for each page of them."""

    def rerun(self):
        printed = StringIO()
        with suppress(CommandError):  # of the model that is gone
            call_command("gdpr_rerun", "--dry-run", "--apply-1x", stdout=printed)
        return printed.getvalue()

    def upgrade(self):
        call_command("gdpr_upgrade", stdout=StringIO())

    def counts(self, model_name, action, *numbers_of_events):
        for count in numbers_of_events:
            of_1x(model_name, count)
            yield numbers(action)

    def test_a_dry_run_sees_all(self, model_name):
        of_1x(model_name, 40)
        line = {"Customer": "To be applied: 40\n", "Gone": "Failed: shop.Gone: 40 of 1.x: there is no such model"}
        assert line[model_name] in self.rerun()

    def test_a_dry_run(self, model_name):
        few, many = self.counts(model_name, self.rerun, 40, 400)
        assert few == many
        main, log = many
        pages = 2
        [(more, more_of_log)] = self.counts(model_name, self.rerun, 400 + pages * OPERATIONS_PER_QUERY)
        assert more - main <= 2 * pages
        assert more_of_log - log <= pages

    def test_an_upgrade(self, model_name):
        self.upgrade()  # what it makes once
        few, many, more = self.counts(model_name, self.upgrade, 40, 400, 1400)
        assert few == many == more
