"""A database that nobody thought of: what is not known of it has a default, and breaks nothing."""

import ast
from pathlib import Path
from unittest import mock

import pytest
from django.db import DataError, IntegrityError, NotSupportedError, OperationalError, connections
from model_bakery import baker

import gdpr_assist
from gdpr_assist.databases import (
    compaction,
    errors,
    indexing,
    isolation,
    locks,
    picking,
    presence,
    rewriting,
    servers,
    statements,
    transactions,
    whole_tables,
)
from gdpr_assist.databases.failures import failure
from gdpr_assist.databases.interference import interference
from gdpr_assist.models import Receipt
from gdpr_assist.replay import sequences
from gdpr_assist.residue.looking import look
from gdpr_assist.routing import here
from tests.apps.shop.models import Customer

pytestmark = pytest.mark.django_db

PACKAGE = Path(gdpr_assist.__file__).parent


# Where each is asked of an unknown vendor is below, or in a test of the room that it is in.
TABLES = {
    "compaction": {"BY_HAND", "COMPACT"},
    "errors": {"CAUSES"},
    "indexing": {"VENDORS"},
    "interference": {"ASK", "HIDING_NOTHING"},
    "isolation": {"NEXT_READ", "SCHEMAS"},
    "json": {"DIALECTS"},
    "locks": {"BUSY", "LIMITS", "SHARED"},
    "picking": {"PICKERS"},
    "presence": {"ABSENT"},
    "rewriting": {"VENDORS"},
    "rows": {"RANGES"},
    "sequences": {"RAISE"},
    "servers": {"DURABLE", "ENGINES", "IDENTITIES", "LEVELS", "SCHEMAS"},
    "statements": {"INSERT", "ONE_PARAMETER", "REFUSALS", "UPDATE"},
    "texts": {"COLUMNS", "SELECT"},
    "transactions": {"CHECK_NOW", "REFUSES_LATE"},
    "whole_tables": {"POINTING", "ROW_BY_ROW", "TRUNCATE"},
}


def vendors_in(value):
    """Return the vendors that a table, or a set of them, begins with."""
    keys = value.keys if isinstance(value, ast.Dict) else value.elts if isinstance(value, ast.Set) else []
    return {each.value for each in keys if isinstance(each, ast.Constant)} & {"sqlite", "postgresql", "mysql"}


def test_these_are_all_tables_of_vendors():
    found = {}
    for path in (PACKAGE / "databases").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and vendors_in(node.value):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                found.setdefault(path.stem, set()).add(target.id)
    assert found == TABLES


@pytest.fixture
def unknown():
    """Let the main database be of a vendor that the package does not know."""
    with mock.patch.object(type(connections["default"]), "vendor", "unheard"):
        yield "default"


def test_no_table_of_vendors_is_indexed():
    """But asked with get(), or with ``in``."""
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Attribute) and node.slice.attr == "vendor"
    ]
    assert found == []


def test_its_texts_are_not_looked_at_and_it_says_so(unknown):
    residue = look(["ada@quill.example"], databases=[unknown])
    assert residue.found == {}
    assert list(residue.unread) == [unknown]


def test_an_error_of_it_is_not_taken_for_a_lock(unknown):
    assert locks.is_busy(OperationalError("ORA-00060: deadlock detected"), unknown) is False
    assert presence.says_absent(OperationalError("ORA-00942"), unknown) is False
    locks.limit_wait(unknown)


def test_it_is_assumed_to_interfere(unknown):
    found = interference([Customer], unknown)
    assert (found.changes, found.hides) == (True, True)


def test_its_files_may_hold_old_values(unknown):
    assert compaction.compact([Customer], unknown) == [
        "default: its files may hold old values; how to compact unheard is not known here."
    ]
    assert compaction.left_out(unknown)


def test_its_tables_are_not_written_anew(unknown):
    assert not rewriting.can_rewrite(unknown)


def test_its_markers_are_entered_in_their_keys_one_by_one(unknown, django_assert_num_queries):
    asked = django_assert_num_queries(0, using=unknown)
    with asked, indexing.keys_built_after("gdpr_assist_privacyanonymised", unknown, 1_000_000):
        pass


def test_it_picks_no_pseudonym(unknown):
    assert picking.why_not(connections[unknown]) == "not by this database"
    with pytest.raises(NotSupportedError, match="unheard"):
        picking.picked(connections[unknown], ("''", ()), ["Ada"])


def test_its_sequences_stay(unknown):
    assert sequences.raise_sequences(here()) == []


def test_its_constraints_are_checked_when_it_likes(unknown):
    transactions.check_now(unknown)
    assert transactions.in_order_of_commit(["default", "other"]) == ["default", "other"]


def test_an_error_of_it_is_named(unknown):
    assert "IntegrityError" in failure(IntegrityError("ORA-00001"))


def test_its_level_of_isolation_is_not_asked_for(unknown):
    assert servers.reads_uncommitted(unknown) is False
    isolation.read_committed(unknown)


def test_nothing_is_known_of_its_server(unknown):
    assert servers.identity(unknown) is None
    assert servers.schemas(unknown) is None
    assert servers.not_transactional(unknown) == servers.lossy_settings(unknown) == {}
    assert servers.is_postgresql(unknown) is False


def test_its_errors_have_no_cause_that_is_known_here(unknown):
    assert errors.cause(OperationalError("ORA-00060: deadlock detected"), unknown) == ""
    assert errors.refusal(OperationalError("ORA-16000"), unknown) == ""
    refused = [statements.refuses_value(error, unknown) for error in (DataError(), OperationalError(1366, ""))]
    assert refused == [True, False]


def test_it_has_no_other_schemas_that_could_be_in_use(unknown):
    assert isolation.in_all_schemas("id", "gdpr_assist_receipt", unknown) == set()


def test_its_rows_are_written_by_django_itself(unknown):
    fields = [Customer._meta.get_field("name")]
    assert statements.write_back(Customer, fields, [(1, "Ada")], unknown) is None
    (one,) = statements.insert_values(fields, [("Ada",), ("Grace",)], unknown)
    assert (one.many, one.parameters) == (False, ["Ada", "Grace"])


@pytest.mark.skipif(connections["default"].vendor == "mysql", reason="the type of its ids goes by the name")
def test_its_rows_are_erased(unknown):
    """One by one; of a set, Django would write the functions of another database."""
    baker.make(Customer, name="Ada").anonymise()
    customer = Customer.objects.get()
    assert customer.name == str(customer.pk)
    assert (customer.is_anonymised(), Receipt.objects.count()) == (True, 1)


def test_its_tables_are_emptied_by_a_delete(unknown):
    assert whole_tables.filled_tables_with_keys_to(Customer, unknown) == []
    assert whole_tables.emptying(Customer, unknown).startswith("DELETE FROM ")
    with whole_tables.keys_to_itself_unchecked(Customer, unknown):
        assert not Customer.objects.exists()
