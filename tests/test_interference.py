"""What stands between a statement and the rows: columns of another type, views, databases that take no UPDATE."""

from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.db.models import F
from model_bakery import baker

from gdpr_assist.databases.errors import refusal
from gdpr_assist.databases.interference import interference
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.execution.ranges import execute_in_ranges
from gdpr_assist.planning.plans import plan
from tests.apps.shop.models import Message
from tests.settings import DB

from .observing import redeclared, row, unchanged
from .test_effects import stubborn

pytestmark = pytest.mark.django_db(transaction=True)


def run(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def read_only():
    """As a replica is."""
    first, then = {
        "sqlite": ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
        "postgresql": ("SET default_transaction_read_only = on", "SET default_transaction_read_only = off"),
        "mysql": ("SET SESSION TRANSACTION READ ONLY", "SET SESSION TRANSACTION READ WRITE"),
    }[connection.vendor]
    run(first)
    try:
        yield
    finally:
        run(then)


@pytest.mark.parametrize("door", ["queryset", "object"])
def test_a_database_that_is_read_only_is_said_to_be(door):
    message = baker.make(Message, text="Hello")
    action = {"queryset": Message.objects.anonymise, "object": message.anonymise}[door]

    with read_only(), pytest.raises(AnonymiseError, match=r"^shop\.Message: .*read-only.*Nothing was changed"):
        action()

    assert (row(message)["text"], message.text) == ("Hello", "Hello")


def test_a_scrub_of_a_database_that_is_read_only_says_so(settings):
    settings.GDPR_CAN_ANONYMISE_DATABASE = True
    message = baker.make(Message, text="Hello")

    with read_only(), pytest.raises(CommandError, match="read-only, as a replica is"):
        call_command("anonymise_db", "--noinput", "--no-compact", "--model=shop.Message", verbosity=0)

    assert row(message)["text"] == "Hello"


def test_a_scrub_of_a_view_works(settings):
    settings.GDPR_CAN_ANONYMISE_DATABASE = True
    message = baker.make(Message, text="Hello")

    with stubborn("view", Message, "text"):
        call_command("anonymise_db", "--noinput", "--no-compact", "--model=shop.Message", verbosity=0)

    assert row(message)["text"] != "Hello"


@contextmanager
def in_place_of_messages(made, kind="VIEW"):
    """Let a view stand in the place of the table."""
    run("ALTER TABLE shop_message RENAME TO shop_message_real", made)
    try:
        yield
    finally:
        run(f"DROP {kind} shop_message", "ALTER TABLE shop_message_real RENAME TO shop_message")


def test_a_view_that_takes_no_update_is_said_to_take_none():
    message = baker.make(Message, text="Hello")
    with (
        in_place_of_messages("CREATE VIEW shop_message AS SELECT DISTINCT * FROM shop_message_real"),
        pytest.raises(AnonymiseError, match="it is a view that takes no UPDATE"),
    ):
        list(execute_in_ranges(plan(Message.objects.all(), force=True)))
    assert row(message)["text"] == "Hello"


if connection.vendor == "postgresql":
    COLUMNS = ", ".join(each.column for each in Message._meta.concrete_fields if each.name != "text")
    VIEWS = {
        "computed": f"VIEW shop_message AS SELECT {COLUMNS}, upper(text) AS text FROM shop_message_real",
        "distinct": "VIEW shop_message AS SELECT DISTINCT * FROM shop_message_real",
        "grouped": f"VIEW shop_message AS SELECT {COLUMNS}, max(text) text FROM shop_message_real GROUP BY {COLUMNS}",
        "materialized": "MATERIALIZED VIEW shop_message AS SELECT * FROM shop_message_real",
    }

    @pytest.mark.parametrize("door", ["queryset", "object", "scrub"])
    @pytest.mark.parametrize("view", VIEWS)
    def test_a_view_of_which_no_row_can_be_locked_or_changed_is_said_to_be_the_cause(settings, view, door):
        settings.GDPR_CAN_ANONYMISE_DATABASE = True
        message = baker.make(Message, text="Hello")
        action = {
            "queryset": Message.objects.anonymise,
            "object": message.anonymise,
            "scrub": lambda: call_command(
                "anonymise_db", "--noinput", "--no-compact", "--model=shop.Message", verbosity=0
            ),
        }[door]
        kind = "MATERIALIZED VIEW" if view == "materialized" else "VIEW"
        with (
            in_place_of_messages(f"CREATE {VIEWS[view]}", kind),
            pytest.raises(
                CommandError if door == "scrub" else AnonymiseError, match=r"of a view|it is a view"
            ) as caught,
        ):
            action()
        assert "Has its role the rights" not in str(caught.value)
        assert row(message)["text"] == "Hello"


@pytest.mark.parametrize("door", ["queryset", "object"])
def test_a_column_that_the_database_computes_is_said_to_be_one(door):
    message = baker.make(Message, text="Hello")
    kind = "longtext" if connection.vendor == "mysql" else "text"
    stored = "VIRTUAL" if connection.vendor == "sqlite" else "STORED"
    run(
        "ALTER TABLE shop_message RENAME COLUMN text TO text_real",
        f"ALTER TABLE shop_message ADD COLUMN text {kind} GENERATED ALWAYS AS (text_real) {stored}",
    )
    try:
        action = {"queryset": Message.objects.anonymise, "object": message.anonymise}[door]
        with pytest.raises(AnonymiseError, match=r"^shop\.Message: .*it computes a column itself; take that out"):
            action()
    finally:
        run("ALTER TABLE shop_message DROP COLUMN text", "ALTER TABLE shop_message RENAME COLUMN text_real TO text")
    assert row(message)["text"] == "Hello"


def test_an_error_of_another_kind_is_no_refusal():
    assert refusal(DatabaseError("the connection has gone"), "default") == ""


def test_an_unknown_database_may_do_anything(monkeypatch):
    monkeypatch.setattr(connection, "vendor", "another")
    found = interference([Message], "default")
    assert (found.changes, found.hides, found.types) == (True, True, {})


# -- a column whose type is not that of its field --------------------------------------------------

IN_ENUM = ("CREATE TYPE kind AS ENUM ('Ada', 'other')", "kind USING 'Ada'::kind", "DROP TYPE kind", "other")
IN_DOMAIN = ("CREATE DOMAIN kind AS varchar(5)", "kind", "DROP DOMAIN kind", "other")
NOBODY = "00000000-0000-0000-0000-000000000000"
IN_UUID = ("SELECT 1", "uuid USING gen_random_uuid()", "SELECT 1", NOBODY)
IN_BPCHAR = ("SELECT 1", "char(5)", "SELECT 1", "other")


@contextmanager
def column_of_type(before, kind, after, value):
    """Let ``Message.text`` be of another type, in which an anonymiser gives ``value``."""
    run(before, f"ALTER TABLE shop_message ALTER COLUMN text TYPE {kind}")
    try:
        with redeclared(Message, type("Meta", (), {"fields": ["text"], "anonymise_text": lambda self, each: value})):
            yield
    finally:
        run("ALTER TABLE shop_message ALTER COLUMN text TYPE text", after)


@pytest.mark.skipif(DB != "postgresql", reason="only PostgreSQL has types that take no text")
class TestColumnsOfAnotherType:
    @pytest.mark.parametrize("kind", [IN_ENUM, IN_DOMAIN, IN_UUID, IN_BPCHAR], ids=["enum", "domain", "uuid", "char"])
    @pytest.mark.parametrize("door", ["queryset", "object", "ranges"])
    def test_what_save_can_write_every_way_can(self, kind, door):
        made = [baker.make(Message, text="Ada") for _ in range(2)]
        with column_of_type(*kind):
            if door == "queryset":
                result = Message.objects.anonymise()
                assert (result.anonymised, result.computed) == (2, ())
            elif door == "object":
                made = made[:1]
                Message.objects.get(pk=made[0].pk).anonymise()
            else:
                assert list(execute_in_ranges(plan(Message.objects.all(), force=True))) == [2]
            assert [str(row(each)["text"]) for each in made] == [kind[-1]] * len(made)

    @pytest.mark.parametrize("kind", [IN_DOMAIN, IN_BPCHAR], ids=["domain", "char"])
    def test_a_text_that_is_too_long_is_refused_and_not_cut(self, kind):
        baker.make(Message, text="Ada")
        with (
            column_of_type(*kind[:-1], "much too long"),
            unchanged(Message),
            pytest.raises(AnonymiseError, match=r"refused the new value \(DataError\) of one of text"),
        ):
            Message.objects.anonymise()

    @pytest.mark.parametrize("value", ["nobody", F("text")], ids=["no member", "an expression of the field's type"])
    def test_a_value_that_is_no_member_is_an_error_without_the_value(self, value):
        baker.make(Message, text="Ada")
        expected = "refused the new value" if value == "nobody" else "the type of a column is not that of its field"
        with column_of_type(*IN_ENUM[:-1], value), unchanged(Message), pytest.raises(AnonymiseError) as caught:
            Message.objects.anonymise()
        assert expected in str(caught.value)
        assert "nobody" not in str(caught.value)
