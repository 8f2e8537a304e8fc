"""gdpr_upgrade, and gdpr_rerun before and after it: the events of 1.x. Those of shop.Customer delete their rows."""

import shutil
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models.signals import post_delete
from django.utils import timezone

from gdpr_assist import AnonymiseError
from gdpr_assist.log import identity
from gdpr_assist.log.receipts import legacy_id, write_receipt
from gdpr_assist.models import DatabaseIdentity, EventLog, Receipt, Upgrade
from tests.apps.shop.models import Customer
from tests.databases import untouched
from tests.logbook import customer, receipts
from tests.observing import listening
from tests.test_replay import ANONYMISE, DELETE, event, legacy, log

pytestmark = pytest.mark.django_db(transaction=True)  # MariaDB ends a transaction where a sequence is raised

GHOSTS = 2000


def run(name, *args):
    out = StringIO()
    call_command(name, *args, stdout=out)
    return out.getvalue()


def refused(name, *args):
    """Return why the command refuses; it must not have changed anything."""
    with untouched(), pytest.raises(CommandError) as caught:
        run(name, *args)
    return str(caught.value)


def is_there(person):
    return Customer.all_objects.filter(pk=person.pk).exists()


def last_event():
    return EventLog.objects.using("gdpr_log").order_by("pk").last().pk


def watermarks():
    """Return what the database says, and what the log says."""
    return (
        DatabaseIdentity.objects.get().watermark,
        list(Upgrade.objects.using("gdpr_log").filter(using="default").values_list("watermark", flat=True)),
    )


def restore_older(watermark=None):
    """Make the database one that was restored from a backup of before the last gdpr_upgrade."""
    DatabaseIdentity.objects.update(watermark=watermark)


@pytest.fixture
def person():
    """A living customer, whose key 1.x logged: her deletion was rolled back, or it was an earlier row."""
    found = customer()
    legacy(event(DELETE, found))
    return found


class TestBeforeTheUpgrade:
    def test_rerun_lists_them_by_model_and_leaves_them_alone(self, person):
        legacy(event(ANONYMISE, person), *(event(DELETE, "gone.Ghost", key) for key in range(3)))
        with untouched():
            printed = run("gdpr_rerun")
        assert "Events of 1.x, left alone on default: shop.Customer: 2\n" in printed
        assert "Events of 1.x, left alone on default: gone.Ghost: 3\n" in printed
        assert is_there(person)

    def test_rerun_applies_them_when_it_is_asked_to_and_once(self, person):
        assert "Applied: 1\n" in run("gdpr_rerun", "--apply-1x")
        assert not is_there(person)
        later = customer(pk=person.pk)
        with untouched():
            assert "Applied: 0\n" in run("gdpr_rerun", "--apply-1x")
        assert is_there(later)

    def test_a_dry_run_lists_them_and_writes_nothing(self, person):
        with untouched():
            printed = run("gdpr_rerun", "--dry-run", "--apply-1x")
        assert "Events of 1.x, to be applied on default: shop.Customer: 1\n" in printed
        assert "To be applied: 1\n" in printed

    def test_those_with_a_receipt_of_their_own_are_not_applied(self, person):
        write_receipt(legacy_id(last_event()), "default", timezone.now())
        assert "Already applied: 1\n" in run("gdpr_rerun", "--apply-1x")
        assert is_there(person)

    def test_status_asks_for_it(self, person):
        assert "events of 1.x that may be missing here: 1  <- run gdpr_upgrade" in run("gdpr_status")
        with pytest.raises(CommandError, match="upgrade"):
            run("gdpr_status", "--fail-on", "upgrade")


class TestUpgrade:
    def test_notes_one_number_here_and_in_the_log(self, person):
        printed = run("gdpr_upgrade")
        assert "default: has all events of 1.x, 1 of them noted now\n" in printed
        assert watermarks() == (last_event(), [last_event()])
        assert receipts() == set()

    def test_after_it_nothing_is_applied_and_nobody_asks_for_it(self, person):
        run("gdpr_upgrade")
        with untouched():
            assert "1.x" not in run("gdpr_rerun")
        assert is_there(person)
        run("gdpr_status", "--fail-on", "upgrade", "restored")

    def test_again_notes_what_1x_wrote_in_the_meantime(self, person):
        run("gdpr_upgrade")
        legacy(event(ANONYMISE, person))
        with untouched():
            assert "left alone on default: shop.Customer: 1\n" in run("gdpr_rerun")
        run("gdpr_upgrade")
        assert watermarks() == (last_event(), [last_event()])
        with untouched():
            run("gdpr_upgrade")

    def test_on_a_site_without_events_of_1x(self):
        run("gdpr_upgrade")
        assert watermarks() == (0, [0])

    def test_gives_an_id_to_a_database_that_the_log_does_not_know(self, person):
        DatabaseIdentity.objects.all().delete()
        run("gdpr_upgrade")
        assert watermarks() == (last_event(), [last_event()])

    def test_goes_on_where_only_the_log_failed(self, person):
        run("gdpr_upgrade")
        Upgrade.objects.using("gdpr_log").all().delete()
        run("gdpr_upgrade")
        assert watermarks() == (last_event(), [last_event()])

    def test_somebody_else_was_faster(self, person):
        run("gdpr_upgrade")
        with untouched(), pytest.raises(AnonymiseError, match="by somebody else just now"):
            identity.write_upgrade("default", last_event(), expected=None)


class TestAfterARestore:
    def test_it_refuses_and_names_the_rerun(self, person):
        run("gdpr_upgrade")
        restore_older()
        assert "'default' was restored from a backup" in (why := refused("gdpr_upgrade"))
        assert "Run gdpr_rerun" in why

    @pytest.mark.parametrize("known", [False, True], ids=["of before the first", "of before the last"])
    def test_the_rerun_applies_what_the_backup_lacks_and_lists_it_first(self, person, known):
        if known:
            run("gdpr_upgrade")
        earlier = watermarks()[0]
        second = customer(email="second@quill.example")
        legacy(event(DELETE, second))
        run("gdpr_upgrade")
        restore_older(earlier)
        assert "events of 1.x, missing here" in run("gdpr_status")
        with pytest.raises(CommandError, match="restored"):
            run("gdpr_status", "--fail-on", "restored")

        printed = run("gdpr_rerun")

        number = 1 if known else 2
        assert printed.startswith(f"Events of 1.x, to be applied on default: shop.Customer: {number}\n")
        assert f"Applied: {number}\n" in printed
        assert (is_there(person), is_there(second)) == (known, False)
        assert watermarks() == (last_event(), [last_event()])
        run("gdpr_status", "--fail-on", "upgrade", "restored")
        run("gdpr_upgrade")

    def test_what_fails_leaves_the_number_as_it_is(self, person):
        def refuse(**kwargs):
            raise RuntimeError

        run("gdpr_upgrade")
        restore_older()
        with listening(post_delete, refuse, sender=Customer), pytest.raises(CommandError, match="1 failed"):
            run("gdpr_rerun")
        assert watermarks()[0] is None
        run("gdpr_rerun")
        assert not is_there(person)
        assert watermarks()[0] == last_event()

    def test_since_leaves_them_out(self, person):
        run("gdpr_upgrade")
        restore_older()
        run("gdpr_rerun", "--since", "2026-01-01")
        assert is_there(person)
        assert watermarks()[0] is None

    def test_it_refuses_where_operations_are_missing(self, person):
        log(event(ANONYMISE, person))
        assert "was restored from a backup" in refused("gdpr_upgrade")


class TestWithoutAnId:
    """Restored from a backup of 1.x and migrated: it has no id while the log knows one."""

    @pytest.fixture
    def old(self, person):
        run("gdpr_upgrade")
        old = DatabaseIdentity.objects.get()
        DatabaseIdentity.objects.all().delete()
        Receipt.objects.all().delete()
        return old.database_id

    def test_the_rerun_refuses_and_names_no_id_which_may_be_that_of_a_living_database(self, old):
        why = refused("gdpr_rerun")
        assert why.startswith("The database 'default' has no id, and the log knows a database under this alias.")
        assert "--database-id" in why
        assert str(old) not in why

    def test_the_upgrade_refuses_and_names_the_rerun(self, old):
        assert "Run gdpr_rerun" in refused("gdpr_upgrade")

    def test_a_dry_run_adopts_nothing(self, old):
        with untouched():
            assert "To be applied: 1\n" in run("gdpr_rerun", "--dry-run", "--database-id", str(old))

    def test_the_rerun_adopts_the_id_that_is_named(self, old, person):
        assert "Applied: 1\n" in run("gdpr_rerun", "--noinput", "--database-id", str(old))
        assert not is_there(person)
        assert DatabaseIdentity.objects.get().database_id == old
        with untouched():
            assert "Applied: 0\n" in run("gdpr_rerun")

    def test_one_that_erased_something_since_is_not_upgraded_by_mistake(self, old):
        identity.database_id("default")
        assert "another database under the alias 'default'" in (why := refused("gdpr_upgrade"))
        assert str(old) not in why
        assert "--another-database" in why

    def test_another_one_is_if_a_person_says_so(self, old, person):
        ours = identity.database_id("default")
        run("gdpr_upgrade", "--another-database")
        assert set(
            Upgrade.objects.using("gdpr_log").filter(using="default").values_list("database_id", flat=True)
        ) == {
            old,
            ours,
        }
        assert is_there(person)


class TestRemovedModel:
    @pytest.fixture(autouse=True)
    def ghosts(self):
        legacy(*(event(DELETE, "gone.Ghost", key) for key in range(GHOSTS)))

    def test_is_one_line(self, person):
        out = StringIO()
        with pytest.raises(CommandError, match=f"{GHOSTS} failed"):
            call_command("gdpr_rerun", "--apply-1x", stdout=out)
        failed = [line for line in out.getvalue().splitlines() if line.startswith("Failed: gone")]
        assert len(failed) == 1
        assert failed[0].startswith(f"Failed: gone.Ghost: {GHOSTS} of 1.x: there is no such model any more")
        assert "--mark-applied-1x gone.Ghost" in failed[0]
        assert not is_there(person)

    @pytest.mark.parametrize("option", ["--mark-applied-1x", "--settle-1x"])
    def test_is_one_decision(self, person, option):
        printed = run("gdpr_rerun", "--apply-1x", option, "gone.Ghost")
        assert f"Applied: 1\nAlready applied: {GHOSTS}\n" in printed
        assert watermarks()[0] == last_event()
        with untouched():
            run("gdpr_rerun")

    def test_none_of_a_label_that_has_none(self):
        labels = [f"--mark-applied-1x={label}" for label in ("gone.Gost", "gone.Ghost")]
        assert "gone.Gost" in refused("gdpr_rerun", *labels)


ERASE = """
import django
django.setup()
from tests.apps.shop.models import Customer
Customer.objects.get(pk=2).anonymise()
"""


class TestARealSite:
    """Of files and processes: a backup of 1.x, the upgrade, erasures, the restore, the rerun."""

    def done(self, site, *args):
        process = site.run(*args)
        assert process.returncode == 0, process.stderr
        return process.stdout

    def test_it_ends_with_the_same_people_erased_and_nobody_else(self, site):
        site.restore()
        for alias in ("default", "other", "gdpr_log"):
            self.done(site, "migrate", "gdpr_assist", "0004", f"--database={alias}")
        assert not site.sql("SELECT 1 FROM sqlite_master WHERE name = 'gdpr_assist_databaseidentity'")
        site.sql("DELETE FROM gdpr_assist_eventlog", "log")
        shutil.copy(site.directory / "main.sqlite3", site.directory / "backup.sqlite3")
        # 1.x deletes a customer.
        columns = "(event, app_label, model_name, target_pk)"
        site.sql("DELETE FROM shop_customer WHERE id = 1")
        site.sql(f"INSERT INTO gdpr_assist_eventlog {columns} VALUES ('delete', 'shop', 'Customer', '1')", "log")

        for alias in ("default", "other", "gdpr_log"):
            self.done(site, "migrate", f"--database={alias}")
        self.done(site, "gdpr_upgrade")
        [(ours,)] = site.sql("SELECT database_id FROM gdpr_assist_databaseidentity")
        assert site.python("-c", ERASE).returncode == 0
        assert site.sql("SELECT id, name FROM shop_customer ORDER BY id") == [(2, "2"), (3, "Ada")]

        site.restore()
        for _ in range(2):
            self.done(site, "migrate")
            assert site.sql("SELECT * FROM gdpr_assist_databaseidentity") == []
        refusal = site.run("gdpr_rerun")
        assert (refusal.returncode, "has no id" in refusal.stderr) == (1, True)
        assert site.run("gdpr_upgrade").returncode == 1
        printed = self.done(site, "gdpr_rerun", "--noinput", "--database-id", ours)
        assert "Events of 1.x, to be applied on default: shop.Customer: 1\n" in printed
        assert "Applied: 2\n" in printed
        assert site.sql("SELECT id, name FROM shop_customer ORDER BY id") == [(2, "2"), (3, "Ada")]
        assert "Applied: 0\n" in self.done(site, "gdpr_rerun")
        self.done(site, "gdpr_status", "--fail-on", "undecided", "restored", "upgrade", "foreign", "log-restored")
        self.done(site, "gdpr_upgrade")
