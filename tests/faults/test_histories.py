"""The two databases are not of the same age: one of them was restored, or both, or one is a copy of another."""

import uuid
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from gdpr_assist.log import identity
from gdpr_assist.log.receipts import forget_receipts, write_receipt
from gdpr_assist.log.status import STATES
from gdpr_assist.models import DatabaseIdentity, EventLog, Operation, Outcome
from tests.apps.shop.models import Comment, Customer
from tests.databases import dump, untouched
from tests.logbook import anonymised, customer, deleted, logged, operations, receipts
from tests.observing import row
from tests.test_replay import ANONYMISE, Backup, event, legacy

pytestmark = pytest.mark.django_db(transaction=True)


def command(name, *args):
    out = StringIO()
    call_command(name, *args, stdout=out)
    return out.getvalue()


def left_undecided(*args):
    """Run ``gdpr_rerun``, which must fail because something is undecided; return what it printed."""
    out = StringIO()
    with pytest.raises(CommandError, match="1 undecided"):
        call_command("gdpr_rerun", *args, stdout=out)
    return out.getvalue()


def status():
    """Return {name: number} of what gdpr_status says of the default database."""
    ours = command("gdpr_status").split("Database default\n")[1].split("Database")[0]
    return {line.split(":")[0].strip(): int(line.split(":")[1].split()[0].strip(",")) for line in ours.splitlines()}


class LogBackup:
    """The log as it was."""

    def __init__(self):
        self.rows = [list(model.objects.using("gdpr_log")) for model in (Operation, EventLog, Outcome)]

    def restore(self):
        for model in (EventLog, Outcome, Operation):
            model.objects.using("gdpr_log").all()._raw_delete("gdpr_log")
        for objects in self.rows:
            for each in objects:
                each.save_base(using="gdpr_log", raw=True, force_insert=True)


@pytest.fixture
def people():
    """Five customers of a database that has its id, as after migrate."""
    identity.database_id("default")
    return [customer(name=f"Ottoline {number}", email=f"{number}@quill.example") for number in range(5)]


def names():
    return {each.pk: each.name for each in Customer.all_objects.all()}


def unsettled(person):
    """Anonymise ``person`` and lose the outcome; return the operation."""
    known = operations()
    person.anonymise()
    [operation] = operations() - known
    Outcome.objects.using("gdpr_log").filter(pk=operation).delete()
    return operation


class TestTheLogIsOlder:
    def test_nothing_is_erased_again_nor_decided(self, people):
        people[0].anonymise()
        log = LogBackup()
        people[1].delete()
        key = people[2].pk
        people[2].delete()
        # The key of an erased person is somebody else's by now.
        customer(pk=key, name="Somebody else")
        log.restore()
        with untouched():
            assert status() == {
                "committed": 1,
                "rolled back": 0,
                "undecided": 0,
                "missing here": 0,
                "missing in the log": 2,
            }
            command("gdpr_reconcile")
            assert command("gdpr_rerun").startswith("Applied: 0\nAlready applied: 1\n")

    def test_an_outcome_that_was_lost_with_it_is_found_again(self, people):
        person = people[0]
        operation = unsettled(person)
        log = LogBackup()
        command("gdpr_reconcile")
        log.restore()
        assert [outcome for *_, outcome in logged()] == [None]
        command("gdpr_reconcile")
        assert logged() == [("default", {anonymised(person)}, True)]
        assert operations() == {operation}

    def test_an_unlogged_erasure_does_not_make_an_undecided_one_count(self, people):
        people[0].anonymise()
        log = LogBackup()
        people[1].anonymise()
        log.restore()
        operation = unsettled(people[2])
        assert command("gdpr_reconcile").startswith("Committed: 1\nRolled back: 0\n")
        assert Outcome.objects.using("gdpr_log").get(pk=operation).committed is True


class TestTheDatabaseIsOlder:
    def test_it_looks_restored_until_it_is_rerun(self, people):
        backup = Backup(Customer)
        people[0].anonymise()
        key = people[1].pk
        people[1].delete()
        erased = names()
        backup.restore()
        assert (status()["missing here"], status()["missing in the log"]) == (2, 0)
        command("gdpr_rerun")
        assert names() == erased
        assert key not in names()
        assert status()["missing here"] == 0

    def test_an_operation_without_an_outcome_is_for_a_person_to_decide(self, people):
        """It took effect, and its receipt went with the restore; one that rolled back looks the same."""
        backup = Backup(Customer)
        operation = unsettled(people[0])
        people[1].anonymise()
        backup.restore()

        listed = left_undecided().splitlines()[0]

        assert listed.startswith(f"Undecided: {operation} of ")
        assert row(people[0])["name"] == "Ottoline 0"
        assert row(people[1])["name"] == str(people[1].pk)
        assert Outcome.objects.using("gdpr_log").get(pk=operation).committed is None

    def test_it_is_applied_if_they_say_so(self, people):
        backup = Backup(Customer)
        operation = unsettled(people[0])
        backup.restore()
        left_undecided()
        assert command("gdpr_rerun", "--include-undecided").startswith("Applied: 1\n")
        assert row(people[0])["name"] == str(people[0].pk)
        assert Outcome.objects.using("gdpr_log").get(pk=operation).committed is True
        with untouched():
            assert command("gdpr_rerun", "--include-undecided").startswith("Applied: 0\nAlready applied: 1\n")

    def test_it_is_not_if_they_say_that(self, people):
        backup = Backup(Customer)
        operation = unsettled(people[0])
        backup.restore()
        left_undecided()
        command("gdpr_reconcile", "--dismiss", str(operation))
        with untouched():
            assert command("gdpr_rerun", "--include-undecided").startswith("Applied: 0\nAlready applied: 0\n")
        assert row(people[0])["name"] == "Ottoline 0"

    def test_a_backup_from_before_all_receipts_is_still_this_database(self, people):
        """Its database id is in it: migrate wrote it, not the first erasure."""
        backup = Backup(Customer)
        for person in people:
            person.anonymise()
        erased = names()
        backup.restore()
        assert command("gdpr_rerun").startswith("Applied: 5\n")
        assert names() == erased


class TestBothAreOlder:
    def test_what_is_later_than_both_is_forgotten(self, people):
        """Nothing knows of it: that is what the documentation does not promise."""
        people[0].anonymise()
        backup, log, noted = Backup(Customer), LogBackup(), receipts()
        people[1].anonymise()
        backup.restore()
        for operation in noted:
            write_receipt(operation, "default", Operation.objects.using("gdpr_log").get(pk=operation).started)
        log.restore()
        with untouched():
            assert (status()["missing here"], status()["missing in the log"]) == (0, 0)
            command("gdpr_rerun")
        assert row(people[1])["name"] == "Ottoline 1"

    def test_what_the_log_still_knows_is_applied(self, people):
        backup = Backup(Customer)
        people[0].anonymise()
        log = LogBackup()
        people[1].anonymise()
        backup.restore()
        log.restore()
        assert command("gdpr_rerun").startswith("Applied: 1\n")
        assert row(people[0])["name"] == str(people[0].pk)
        assert row(people[1])["name"] == "Ottoline 1"

    def test_with_each_lacking_what_the_other_has(self, people):
        """The log lost the second erasure, the database the first and then got the second's receipt."""
        backup = Backup(Customer)
        people[0].anonymise()
        log = LogBackup()
        people[1].anonymise()
        second = max(receipts(), key=lambda each: Operation.objects.using("gdpr_log").get(pk=each).started)
        backup.restore()
        log.restore()
        write_receipt(second, "default", Operation.objects.using("gdpr_log").get().started)
        assert (status()["missing here"], status()["missing in the log"]) == (1, 1)
        assert command("gdpr_rerun").startswith("Applied: 1\n")
        assert (status()["missing here"], status()["missing in the log"]) == (0, 1)


class TestAnotherDatabase:
    def test_a_backup_from_before_the_id_was_there_is_refused_and_named(self, people):
        """It was made before the site was upgraded; migrating gives it a new id."""
        backup = Backup(Customer)
        people[0].anonymise()
        erased, ours = names(), identity.database_id("default")
        backup.restore()
        DatabaseIdentity.objects.all().delete()
        identity.database_id("default")
        with untouched(), pytest.raises(CommandError) as caught:
            command("gdpr_rerun")
        assert "1 operation is of another database under the alias 'default', from " in str(caught.value)
        assert command("gdpr_rerun", "--noinput", f"--database-id={ours}").startswith("Applied: 1\n")
        assert names() == erased
        # What was taken over is no longer another's.
        with untouched():
            command("gdpr_rerun")
            command("gdpr_status", "--fail-on", *STATES)

    def test_what_the_two_ids_have_erased_is_applied_once_each(self, people):
        backup = Backup(Customer)
        people[0].anonymise()
        ours = identity.database_id("default")
        backup.restore()
        DatabaseIdentity.objects.all().delete()
        people[1].anonymise()
        assert command("gdpr_rerun", "--noinput", f"--database-id={ours}").startswith(
            "Applied: 1\nAlready applied: 1\n"
        )
        with untouched():
            assert command("gdpr_rerun", "--noinput", f"--database-id={ours}").startswith(
                "Applied: 0\nAlready applied: 2\n"
            )

    def test_the_id_of_nobody_is_refused_too(self, people):
        people[0].anonymise()
        DatabaseIdentity.objects.all().delete()
        with untouched(), pytest.raises(CommandError, match="The log has no operations under the database id"):
            command("gdpr_rerun", f"--database-id={uuid.uuid4()}")

    def test_a_scrubbed_copy_that_shares_the_log_erases_nothing(self, people):
        """``anonymise_db`` gives a copy an id of its own, and takes its receipts."""
        people[0].anonymise()
        identity.renew_database_id("default")
        forget_receipts("default")
        with untouched(), pytest.raises(CommandError, match="No operation in the log is of this database"):
            command("gdpr_rerun")
        with untouched():
            command("gdpr_reconcile")

    def test_nor_does_the_original_what_the_copy_erased(self, people):
        ours = identity.database_id("default")
        people[0].anonymise()
        identity.renew_database_id("default")
        people[1].delete()
        DatabaseIdentity.objects.update(database_id=ours)
        restored = customer(pk=people[1].pk or 4711, name="Not erased here", email="here@quill.example")
        with untouched():
            assert "Of other databases, left alone: 1\n" in command("gdpr_rerun")
        assert row(restored)["name"] == "Not erased here"


class TestRowsOf1x:
    def test_among_todays(self, people):
        """They wait until they are asked for, are applied once, and keep no later row from its own erasure."""
        backup = Backup(Customer)
        people[1].anonymise()
        legacy(event(ANONYMISE, people[0]), event("delete", "shop.Customer", people[2].pk))
        backup.restore()
        assert "Events of 1.x, left alone on default: shop.Customer: 2\nApplied: 1\n" in command("gdpr_rerun")
        assert "Applied: 2\nAlready applied: 1\n" in command("gdpr_rerun", "--apply-1x")
        found = names()
        assert found[people[0].pk] == str(people[0].pk)
        assert found[people[1].pk] == str(people[1].pk)
        assert people[2].pk not in found
        # Their keys are somebody else's by now
        customer(pk=people[2].pk, name="Somebody else", email="else@quill.example")
        with untouched():
            assert "Applied: 0\nAlready applied: 1\n" in command("gdpr_rerun")


class TestNeedless:
    def test_a_rerun_where_nothing_was_restored_changes_nothing(self, people):
        Comment.objects.create(author=people[0], display_name="Ottoline", posted="2026-01-01T00:00Z")
        key = people[0].pk
        people[0].delete()
        people[1].anonymise()
        # The key is taken, and what was anonymised has been filled again.
        customer(pk=key, name="Somebody else")
        Customer.all_objects.filter(pk=people[1].pk).update(phone="0161 555 0199")
        before = dump()
        for _ in range(2):
            with untouched():
                assert command("gdpr_rerun").startswith("Applied: 0\nAlready applied: 2\n")
        assert dump() == before
        assert names()[key] == "Somebody else"

    @pytest.mark.parametrize("reconciled", [True, False])
    def test_a_deletion_that_was_rolled_back_is_not_replayed(self, reconciled, people):
        """In 1.x that destroyed the live customer. Without a reconciliation before, a person is asked."""
        key = people[0].pk
        with transaction.atomic():
            people[0].delete()
            transaction.set_rollback(True)
        assert logged() == [("default", {deleted("shop.Customer", key)}, None)]
        if reconciled:
            command("gdpr_reconcile")
        printed = command("gdpr_rerun") if reconciled else left_undecided()
        assert "Applied: 0\n" in printed
        assert f"Undecided: {int(not reconciled)}\n" in printed
        assert names()[key] == "Ottoline 0"
