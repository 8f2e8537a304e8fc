import builtins
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from gdpr_assist.models import DatabaseIdentity
from tests.databases import untouched
from tests.logbook import committing, customer, logged, receipts
from tests.observing import row

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_copy(settings):
    settings.GDPR_CAN_ANONYMISE_DATABASE = True


@pytest.fixture
def erased():
    person = customer()
    with committing():
        person.anonymise()
    return person


def run(*args):
    out = StringIO()
    call_command("gdpr_new_id", *args, stdout=out)
    return out.getvalue()


def ids(using="default"):
    return DatabaseIdentity.objects.using(using).values_list("database_id", "key").get()


def test_the_copy_is_another_database_and_has_forgotten_its_receipts(erased):
    DatabaseIdentity.objects.using("other").get_or_create(pk=1)
    before, other, held = ids(), ids("other"), row(erased)
    with untouched("gdpr_log"):
        printed = run("--noinput", "--database=default")
    assert printed.startswith("New id: ")
    after = ids()
    assert after[0] != before[0]
    assert bytes(after[1]) == bytes(before[1])  # or each row would look refilled
    assert ids("other")[0] == other[0]
    assert receipts() == set()
    assert row(erased) == held
    assert erased.is_anonymised()


def test_its_reconcile_then_leaves_the_operations_of_the_original_alone():
    person = customer()
    person.anonymise()  # and has not committed yet
    run("--noinput")
    call_command("gdpr_reconcile", stdout=StringIO())
    assert [outcome for *_, outcome in logged()] == [None]


@pytest.mark.parametrize(("answer", "is_done"), [("yes", True), ("no", False), ("", False), ("Yes", False)])
def test_it_asks(answer, is_done, erased, monkeypatch):
    monkeypatch.setattr(builtins, "input", lambda: answer)
    before = ids()
    if is_done:
        run()
    else:
        with untouched(), pytest.raises(CommandError, match=r"^Cancelled\. Nothing was changed\."):
            run()
    assert (ids() != before) is is_done


def test_never_on_the_original(settings, erased):
    settings.GDPR_CAN_ANONYMISE_DATABASE = False
    with untouched(), pytest.raises(CommandError, match="set GDPR_CAN_ANONYMISE_DATABASE = True in the settings of"):
        run("--noinput")


def test_not_the_log(erased):
    with untouched(), pytest.raises(CommandError, match="gdpr_log is the event log"):
        run("--noinput", "--database=gdpr_log")
