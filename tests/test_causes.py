"""An error of the database is told with its cause and its cure, by objects, querysets, ranges and the scrub."""

from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, OperationalError, connection, connections
from model_bakery import baker

from gdpr_assist.databases import aliases
from gdpr_assist.databases.errors import CAUSES, DISK_FULL, NO_ACCESS, NO_COLUMN, NO_TABLE, TOO_MANY
from gdpr_assist.databases.failures import failure
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.execution.ranges import execute_in_ranges
from gdpr_assist.planning.plans import plan
from gdpr_assist.scrubbing import choice
from tests.apps.shop.models import Message

from .databases import database_is, impatient
from .observing import redeclared, row
from .test_interference import run

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "Hello, this is Ada"


@pytest.fixture
def message():
    return baker.make(Message, text=SECRET)


def scrub():
    options = ["--noinput", "--no-compact", "--database=default", "--model=shop.Message"]
    call_command("anonymise_db", *options, verbosity=0)


@pytest.fixture(params=["queryset", "object", "ranges"])
def anonymise(request, message):
    return {
        "queryset": Message.objects.anonymise,
        "object": message.anonymise,
        "ranges": lambda: list(execute_in_ranges(plan(Message.objects.all(), force=True))),
    }[request.param]


@pytest.fixture
def may_scrub(settings):
    settings.GDPR_CAN_ANONYMISE_DATABASE = True


# -- a lock ----------------------------------------------------------------------------------------


@contextmanager
def locked():
    """Another process has the rows in its transaction."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute({"sqlite": "BEGIN IMMEDIATE"}.get(connection.vendor, "BEGIN"))
            cursor.execute("UPDATE shop_message SET text = text")
            yield
            cursor.execute("ROLLBACK")
    finally:
        other.close()


def test_rows_that_are_locked(anonymise, message):
    with database_is("default", impatient), locked():
        with pytest.raises(OperationalError) as caught:
            anonymise()
        assert "locked by another transaction" in str(caught.value)
        assert "let that one end, and try again. Nothing was changed." in str(caught.value)
        assert str(caught.value.args[-1]).startswith("shop.Message: the database 'default'")
    assert row(message)["text"] == message.text == SECRET


def test_a_scrub_of_rows_that_are_locked(message, may_scrub):
    with database_is("default", impatient), locked(), pytest.raises(CommandError) as caught:
        scrub()
    said = {"postgresql": "shop_message cannot be written anew: it is in use by process "}
    usual = "cannot be used (OperationalError): what it needs is locked by another transaction"
    assert said.get(connection.vendor, usual) in str(caught.value)
    assert "role" not in str(caught.value)
    assert row(message)["text"] == SECRET


# -- a migration that was not run ------------------------------------------------------------------


@contextmanager
def without_column():
    run("ALTER TABLE shop_message RENAME COLUMN text TO words")
    try:
        yield
    finally:
        run("ALTER TABLE shop_message RENAME COLUMN words TO text")


@contextmanager
def without_table():
    run("ALTER TABLE shop_message RENAME TO shop_letter")
    try:
        yield
    finally:
        run("ALTER TABLE shop_letter RENAME TO shop_message")


def test_a_column_that_is_not_there(anonymise):
    with without_column(), pytest.raises(AnonymiseError) as caught:
        anonymise()
    assert "a table lacks a column that the code has; run migrate on it" in str(caught.value)
    assert str(caught.value).endswith("Nothing was changed.")


@pytest.mark.parametrize("anonymise", ["queryset", "object"], indirect=True)
def test_a_table_that_is_not_there(anonymise):
    with without_table(), pytest.raises(AnonymiseError, match="a table that the code has is not there; run migrate"):
        anonymise()


def test_a_scrub_of_a_table_that_lacks_a_column(message, may_scrub):
    with without_column(), pytest.raises(CommandError, match="a table lacks a column that the code has; run migrate"):
        scrub()
    assert row(message)["text"] == SECRET


# -- a full disk, and what else a server refuses ---------------------------------------------------


@contextmanager
def raising(code):
    """Let each change of the table fail with this error, as the server itself says it."""
    if connection.vendor == "postgresql":
        run(
            "CREATE FUNCTION gdpr_fails() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE 'the value is %', OLD.text USING ERRCODE = '{code}'; END $$",
            "CREATE TRIGGER gdpr_fails BEFORE UPDATE ON shop_message FOR EACH ROW EXECUTE FUNCTION gdpr_fails()",
        )
    else:
        run(
            "CREATE TRIGGER gdpr_fails BEFORE UPDATE ON shop_message FOR EACH ROW "
            f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = '{SECRET}'"
        )
    try:
        yield
    finally:
        run(*UNDO[connection.vendor])


UNDO = {
    "postgresql": ("DROP TRIGGER gdpr_fails ON shop_message", "DROP FUNCTION gdpr_fails"),
    "mysql": ("DROP TRIGGER gdpr_fails",),
}
# {vendor: {code of an error: what is said of it}}
RAISED = {
    "postgresql": {"53100": DISK_FULL, "53200": TOO_MANY, "28000": NO_ACCESS},
    "mysql": {1021: DISK_FULL, 1114: DISK_FULL, 1044: NO_ACCESS, 1045: NO_ACCESS, 1041: TOO_MANY},
}


if connection.vendor in RAISED:

    @pytest.mark.parametrize("code", RAISED[connection.vendor])
    def test_what_a_server_refuses(anonymise, message, code):
        with raising(code), pytest.raises(AnonymiseError) as caught:
            anonymise()
        assert RAISED[connection.vendor][code] in str(caught.value)
        assert SECRET not in str(caught.value)
        assert row(message)["text"] == message.text == SECRET

    @pytest.mark.parametrize("code", RAISED[connection.vendor])
    def test_a_scrub_that_a_server_refuses(message, may_scrub, code):
        with raising(code), pytest.raises(CommandError) as caught:
            scrub()
        assert RAISED[connection.vendor][code] in str(caught.value)
        assert SECRET not in str(caught.value)


if connection.vendor == "sqlite":

    @pytest.mark.parametrize("scrubbed", [False, True])
    def test_a_disk_that_is_full(message, may_scrub, scrubbed):
        def pragma(name):
            return connection.cursor().execute(f"PRAGMA {name}").fetchone()[0]

        pages = pragma("page_count")
        # The pages that rows of other tests have freed are room as well.
        length = (pragma("freelist_count") + 100) * pragma("page_size")
        long = type("Meta", (), {"fields": ["text"], "anonymise_text": lambda self, each: "x" * length})
        run(f"PRAGMA max_page_count = {pages + 20}")
        try:
            with (
                redeclared(Message, long),
                pytest.raises(CommandError if scrubbed else AnonymiseError, match="is full; make room, and try again"),
            ):
                (scrub if scrubbed else Message.objects.anonymise)()
        finally:
            run("PRAGMA max_page_count = 1073741823")
        assert row(message)["text"] == SECRET


def test_each_cause_has_a_cure():
    """A semicolon divides them; a database that is read-only, and a right, are what they are."""
    told = {why for each in CAUSES.values() for why in each.values()}
    assert {DISK_FULL, NO_ACCESS, NO_COLUMN, NO_TABLE, TOO_MANY} <= told
    assert sum(";" not in why for why in told) == 2


def test_of_an_error_that_is_not_known_the_log_of_the_server_knows_more(message):
    with connection.cursor() as cursor, pytest.raises(DatabaseError) as caught:
        cursor.execute("SELECT nonsense(")
    assert "See the log of its server." in failure(caught.value)


# -- two aliases of one database -------------------------------------------------------------------


@contextmanager
def alias_of(using, **settings):
    """Let there be another alias of the database of ``using``."""
    theirs = connections[using].settings_dict
    connections.databases["again"] = {**theirs, **settings}
    try:
        yield
    finally:
        connections["again"].close()
        del connections["again"]
        del connections.databases["again"]


def test_two_aliases_of_one_database_are_scrubbed_once(message, may_scrub, capsys, django_db_blocker):
    with django_db_blocker.unblock(), alias_of("default"):
        assert [each.using for each in choice.plans(["default", "again"], only=["shop.Message"])] == ["default"]
        assert [each.using for each in choice.plans(["again"], only=["shop.Message"])] == ["again"]
        assert aliases.twin("again", ["other", "default"]) == "default"
        assert aliases.twin("other", ["default", "again"]) is None
        options = ["--noinput", "--no-compact", "--database=again", "--database=default", "--model=shop.Message"]
        call_command("anonymise_db", *options)
    printed = capsys.readouterr().out
    assert printed.count("shop.Message: 1 anonymised") == 1
    assert "the same database as again, which is scrubbed once." in printed
    assert row(message)["text"] != SECRET


def test_a_replica_is_not_scrubbed_with_its_original(message, django_db_blocker):
    """TEST MIRROR says which alias that is, wherever it is in the list."""
    mirror = {**connections["other"].settings_dict, "TEST": {**connections["other"].settings_dict["TEST"]}}
    mirror["TEST"]["MIRROR"] = "default"
    with django_db_blocker.unblock(), alias_of("other", **mirror):
        found = choice.plans(["again", "default"], only=["shop.Message"])
        assert [each.using for each in found] == ["default"]


def test_what_routers_put_on_one_of_two_aliases_is_scrubbed_there(message, settings, django_db_blocker):
    class Apart:
        def allow_migrate(self, db, app_label, model_name=None, **hints):
            return {"default": model_name == "comment", "again": model_name == "message"}.get(db)

    settings.DATABASE_ROUTERS = [Apart()]
    with django_db_blocker.unblock(), alias_of("default"):
        found = choice.plans(["default", "again"], only=["shop.Message", "shop.Comment"])
        assert {(each.using, each.label) for each in found} == {("default", "shop.Comment"), ("again", "shop.Message")}


if connection.vendor == "postgresql":

    def test_the_tables_of_another_schema_are_others(message, django_db_blocker):
        options = connections["default"].settings_dict["OPTIONS"]
        elsewhere = {**options, "options": "-c search_path=pg_catalog"}
        with django_db_blocker.unblock(), alias_of("default", OPTIONS=elsewhere):
            assert aliases.twin("again", ["default"]) is None
