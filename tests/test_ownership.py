"""What is said to somebody who replays a log with operations under other ids, though it is no reason to refuse."""

import uuid

import pytest
from django.utils import timezone

from gdpr_assist.log.ownership import ADVICE, check_log, is_migrated, warnings
from gdpr_assist.log.receipts import write_receipt
from gdpr_assist.log.reconciliation import shown
from gdpr_assist.models import Operation
from gdpr_assist.routing import here
from tests.databases import untouched
from tests.test_replay import DELETE, event, log

pytestmark = pytest.mark.django_db


def test_nothing_where_all_is_of_this_database():
    write_receipt(log(event(DELETE, "shop.Customer", 1)), "default", timezone.now())
    assert warnings(here()) == []


def test_operations_under_another_database_id():
    """A backup of before the id, and one erasure since: the log is not refused any more."""
    theirs = uuid.uuid4()
    first, last = (log(event(DELETE, "shop.Customer", age), database_id=theirs, age=age) for age in (9, 2))
    log(event(DELETE, "shop.Customer", 3))
    times = [shown(Operation.objects.using("gdpr_log").get(pk=key).started) for key in (first, last)]
    check_log(here())
    with untouched():
        [warning] = warnings(here())
        assert warning == (
            f"2 operations are of another database under the alias 'default', from {times[0]} to {times[1]}. {ADVICE}"
        )
    assert warnings(here([theirs])) == []


def test_receipts_that_the_log_does_not_know():
    log(event(DELETE, "shop.Customer", 1))
    write_receipt(uuid.uuid4(), "default", timezone.now())
    check_log(here())
    [warning] = warnings(here())
    assert warning == (
        "The database 'default' has 1 receipt that the log does not know. "
        "The log was restored, or it is the wrong one."
    )


def test_what_is_migrated_has_the_tables_that_belong_there():
    """The log has no receipts, the other databases have no operations."""
    assert [using for using in ("default", "other", "gdpr_log") if is_migrated(using)] == [
        "default",
        "other",
        "gdpr_log",
    ]
