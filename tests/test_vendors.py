"""A database that nobody thought of: what is not known of it has a default, and breaks nothing."""

import ast
from pathlib import Path
from unittest import mock

import pytest
from django.db import IntegrityError, OperationalError, connections

import gdpr_assist
from gdpr_assist.databases import compaction, isolation, locks, presence, servers, transactions
from gdpr_assist.databases.failures import failure
from gdpr_assist.databases.interference import interference
from gdpr_assist.replay import sequences
from gdpr_assist.routing import here
from tests.apps.shop.models import Customer

pytestmark = pytest.mark.django_db

PACKAGE = Path(gdpr_assist.__file__).parent


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
