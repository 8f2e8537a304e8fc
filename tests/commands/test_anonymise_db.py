import builtins
import re
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connections
from model_bakery import baker

from gdpr_assist import compaction
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.models import EventLog, Instance, Operation, PrivacyAnonymised, Receipt
from gdpr_assist.registry import registry
from tests.apps.shop.models import AuditEntry, Comment, Customer, GiftOrder, Reservation, Supplier
from tests.apps.thirdparty.models import Device
from tests.databases import dump, log_is, migrate, refused, scratch, unblocked_site, untouched
from tests.logbook import committing, customer, logged, receipts
from tests.observing import markers, row
from tests.test_replay import ANONYMISE, DELETE, event, log, rerun

REFUSAL = (
    "This database may not be anonymised: set GDPR_CAN_ANONYMISE_DATABASE = True in the settings "
    "of the copy, never in those of the original."
)


def run(*args):
    out = StringIO()
    call_command("anonymise_db", *args, stdout=out)
    return out.getvalue()


def scrub():
    """Run it on one database: two take twice the time."""
    return run("--noinput", "--database", "default")


def instance(using="default"):
    return Instance.objects.using(using).get().instance


@pytest.fixture
def copy(db, settings):
    """This database is a copy, and may be scrubbed."""
    settings.GDPR_CAN_ANONYMISE_DATABASE = True


@pytest.fixture
def answer(monkeypatch):
    """Give what is typed at the question; return the list of the questions that were asked."""
    asked = []

    def answer(typed):
        def ask(prompt=""):
            asked.append(prompt)
            if typed is None:
                raise EOFError
            return typed

        monkeypatch.setattr(builtins, "input", ask)
        return asked

    return answer


class CustomersOnDefault:
    def allow_migrate(self, db, app_label, model_name=None, **hints):
        return False if (db, app_label, model_name) == ("other", "shop", "customer") else None


class TestMayIt:
    @pytest.mark.django_db
    @pytest.mark.parametrize("args", [[], ["--noinput"], ["--database=default", "--noinput"]])
    def test_not_unless_the_settings_say_so(self, args):
        customer()
        with untouched(), pytest.raises(CommandError) as caught:
            run(*args)
        assert str(caught.value) == REFUSAL

    @pytest.mark.usefixtures("copy")
    def test_it_asks_and_goes_on_at_yes(self, answer):
        person = customer()
        asked = answer("yes")
        printed = run()
        assert asked == ["Type 'yes' to go on: "]
        assert "(default)" in printed
        assert "(other)" in printed
        assert "It cannot be undone." in printed
        assert row(person)["name"] == str(person.pk)

    @pytest.mark.usefixtures("copy")
    @pytest.mark.parametrize("typed", ["no", "", "y", "YES", None])
    def test_anything_but_yes_changes_nothing(self, answer, typed):
        customer()
        asked = answer(typed)
        with untouched(), pytest.raises(CommandError) as caught:
            run()
        assert len(asked) == 1
        assert str(caught.value) == ("Nothing was changed. To run without a question, give --noinput.")

    @pytest.mark.usefixtures("copy")
    @pytest.mark.parametrize("flag", ["--noinput", "--no-input"])
    def test_it_does_not_ask_if_told_so(self, answer, flag):
        asked = answer("no")
        person = customer()
        run(flag)
        assert asked == []
        assert row(person)["name"] == str(person.pk)


@pytest.mark.usefixtures("copy")
class TestScrubbing:
    def test_every_row_of_every_model_on_every_database_but_the_log(self):
        people = [customer(), customer("other")]
        comment = baker.make(Comment, body="I live in Quill Lane")
        user = User.objects.create_user("ottoline", "ottoline@quill.example")
        gift = baker.make(GiftOrder, greeting="Dear Ottoline", recipient="Ottoline")
        run("--noinput")
        assert [row(each)["name"] for each in people] == [str(each.pk) for each in people]
        assert row(comment)["body"] == "[removed, 20 characters]"
        assert row(user)["username"] == str(user.pk)
        gift.refresh_from_db()
        assert (gift.greeting, gift.recipient) == (str(gift.pk), str(gift.pk))
        assert not re.search("quill|ottoline", repr(dump("default", "other")), re.IGNORECASE)

    def test_rows_that_are_marked_and_filled_again(self):
        person = customer()
        person.anonymise()
        Customer.all_objects.filter(pk=person.pk).update(phone="0161 555 0147")
        scrub()
        assert row(person)["phone"] == ""
        assert markers(Customer) == [str(person.pk)]

    def test_rows_that_were_deleted_softly(self):
        person = customer(is_deleted=True)
        scrub()
        assert row(person)["name"] == str(person.pk)

    def test_a_second_run_is_the_same(self):
        customer()
        baker.make(Comment, body="short")
        scrub()
        before = dump("default")
        scrub()
        after = dump("default")
        assert after["default", "shop_customer"] == before["default", "shop_customer"]
        assert markers(Customer) == [str(each.pk) for each in Customer.all_objects.all()]

    def test_no_event_is_logged_and_no_receipt_written(self):
        customer()
        baker.make(Comment)
        with untouched("gdpr_log"):
            run("--noinput")
        assert Receipt.objects.count() == 0

    def test_it_needs_no_reachable_log(self):
        person = customer()
        with log_is(refused):
            scrub()
        assert row(person)["name"] == str(person.pk)

    def test_it_says_what_it_did(self):
        customer()
        customer("other")
        customer("other", email="second@quill.example")
        printed = run("--noinput").splitlines()
        assert "default: shop.Customer: 1 anonymised" in printed
        assert "other: shop.Customer: 2 anonymised" in printed
        assert printed[-1].endswith("No event was logged.")

    def test_models_that_stay_as_they_are_are_named(self):
        entry = baker.make(AuditEntry, actor="ottoline@quill.example")
        printed = scrub()
        assert "shop.AuditEntry: kept as it is, its PrivacyMeta says can_anonymise = False." in printed.splitlines()
        assert row(entry)["actor"] == "ottoline@quill.example"

    def test_one_database(self):
        here, there = customer(), customer("other")
        ours, theirs = instance("default"), instance("other")
        run("--noinput", "--database", "other")
        assert row(there)["name"] == str(there.pk)
        assert row(here)["name"] == here.name
        assert instance("default") == ours
        assert instance("other") != theirs

    def test_several_databases(self):
        here, there = customer(), customer("other")
        run("--noinput", "--database", "other", "--database", "default")
        assert row(there)["name"] == str(there.pk)
        assert row(here)["name"] == str(here.pk)

    @pytest.mark.parametrize("alias", ["nowhere", "gdpr_log"])
    def test_an_alias_that_holds_nothing_to_scrub(self, alias):
        customer()
        expected = rf"the alias {alias}\. There are: default, other\."
        with untouched(), pytest.raises(CommandError, match=expected):
            run("--noinput", "--database", "default", "--database", alias)

    def test_a_failing_anonymiser_is_named_and_its_rows_stay(self):
        guest = baker.make(Reservation, guest="Ada", phone="0161 555 0147")
        before = row(guest)
        with pytest.raises(CommandError) as caught:
            scrub()
        message = str(caught.value)
        assert "shop.Reservation.phone" in message
        assert "RuntimeError" in message
        assert "0161" not in message
        assert row(guest) == before
        assert markers(Reservation) == []

    def test_after_a_failure_it_may_be_run_again(self):
        person, guest = customer(), baker.make(Reservation, guest="Ada", phone="0161 555 0147")
        with pytest.raises(CommandError):
            scrub()
        guest.delete()
        scrub()
        assert row(person)["name"] == str(person.pk)

    def test_a_declaration_that_cannot_be_used_is_found_before_anything_is_changed(self):
        customer()
        wrong = type("PrivacyMeta", (), {"fields": ["owner", "id"]})
        expected = r"Nothing was changed\..*thirdparty\.Device\.id"
        with registry.registered(Device, wrong), untouched(), pytest.raises(CommandError, match=expected):
            scrub()

    def test_one_on_which_a_router_does_not_let_the_model_be(self, settings):
        """Its table may be left over there."""
        settings.DATABASE_ROUTERS = [*settings.DATABASE_ROUTERS, f"{__name__}.CustomersOnDefault"]
        here, there = customer(), customer("other")
        printed = run("--noinput")
        assert row(here)["name"] == str(here.pk)
        assert row(there)["name"] == there.name
        assert "other: shop.Customer" not in printed
        assert "other: shop.Comment: 0 anonymised" in printed


class TestCompacting:
    """What it does to the files is in tests/test_compaction.py."""

    @pytest.fixture
    def compacted(self, copy, monkeypatch):
        """Return what was handed to the compaction: {alias: models}."""
        calls = {}

        def compact(models, using):
            calls[using] = set(models)
            assert not Customer.objects.using(using).filter(name="Ottoline Quillfeather").exists()
            return [f"{using}: still in the cellar."] if using == "other" else []

        monkeypatch.setattr(compaction, "compact", compact)
        return calls

    def test_each_database_after_its_rows(self, compacted, capsys):
        customer()
        customer("other")
        printed = run("--noinput").splitlines()
        assert set(compacted) == {"default", "other"}
        assert {Customer, Comment, GiftOrder, Supplier, User} <= compacted["default"]
        assert AuditEntry not in compacted["default"]
        assert printed[-3:-1] == ["default: compacting", "other: compacting"]
        assert capsys.readouterr().err == "other: still in the cellar.\n"

    def test_not_if_told_so(self, compacted):
        assert "compact" not in run("--noinput", "--no-compact")
        assert compacted == {}

    def test_a_dry_run_says_so(self, compacted):
        printed = run("--dry-run", "--database", "default").splitlines()
        assert printed[-1] == "default: would be compacted."
        assert compacted == {}
        assert "compact" not in run("--dry-run", "--no-compact")

    @pytest.mark.usefixtures("copy")
    def test_a_failure_is_an_error(self, monkeypatch):
        def compact(models, using):
            raise AnonymiseError(f"{using}: the disk is full.")

        person = customer()
        monkeypatch.setattr(compaction, "compact", compact)
        with pytest.raises(CommandError, match=r"^default: the disk is full\.$"):
            scrub()
        assert row(person)["name"] == str(person.pk)


class TestDatabaseWithoutTables:
    """One of the aliases is another system's, or was never migrated."""

    @pytest.fixture
    def aliases(self, settings, django_db_blocker):
        settings.GDPR_CAN_ANONYMISE_DATABASE = True
        with unblocked_site(django_db_blocker) as (main, log), scratch("legacy") as legacy:
            migrate(main, log)
            with connections[main].schema_editor() as editor:
                editor.create_model(Supplier)
            Supplier.objects.using(main).create(contact_name="Ada", since="2001-02-03")
            yield main, legacy

    def test_one_without_any_of_the_tables_is_left_alone(self, aliases):
        main, legacy = aliases
        printed = run("--noinput", "--database", main, "--database", legacy)
        assert dump(legacy) == {}
        assert legacy not in printed
        supplier = Supplier.objects.using(main).get()
        assert supplier.contact_name == str(supplier.pk)

    def test_one_with_data_but_without_the_tables_of_the_app_is_refused_before_anything_is_changed(self, aliases):
        main, legacy = aliases
        with connections[legacy].schema_editor() as editor:
            editor.create_model(Supplier)
        with untouched(main, legacy), pytest.raises(CommandError) as caught:
            run("--noinput", "--database", main, "--database", legacy)
        assert str(caught.value).startswith("Nothing was changed. A database could not be read (")
        assert legacy in str(caught.value)


class TestDryRun:
    @pytest.mark.django_db
    def test_writes_nothing_and_needs_no_permission(self, answer):
        asked = answer("yes")
        customer()
        baker.make(Reservation)
        with untouched():
            run("--dry-run")
        assert asked == []

    @pytest.mark.usefixtures("copy")
    @pytest.mark.parametrize("flag", [[], ["--noinput"]])
    def test_writes_nothing_with_it_either(self, flag):
        customer()
        Instance.objects.all().delete()
        with untouched():
            run("--dry-run", *flag)

    @pytest.mark.django_db
    def test_prints_the_plans(self):
        customer()
        baker.make(Comment, _quantity=2)
        printed = run("--dry-run").splitlines()
        assert (
            "default: shop.Customer: 1 row, one UPDATE for each batch of rows; "
            "fields: name, email, phone, born, notes" in printed
        )
        assert any(line.startswith("default: shop.Comment: 2 rows, in batches") for line in printed)
        assert any(line.startswith("other: shop.Customer: 0 rows") for line in printed)
        assert not any(line.startswith("gdpr_log") for line in printed)

    @pytest.mark.django_db
    def test_an_unknown_alias_is_an_error_here_too(self):
        with pytest.raises(CommandError, match="nowhere"):
            run("--dry-run", "--database", "nowhere")


@pytest.mark.usefixtures("copy")
class TestSharedLog:
    """A staging copy keeps the log's address of the original that it was copied from."""

    def test_what_was_erased_in_the_original_is_not_replayed_on_the_copy(self):
        person = customer()
        log(event(DELETE, person))
        scrub()
        with untouched():
            report = rerun()
        assert (report.applied, report.foreign) == (0, 1)
        assert Customer.all_objects.filter(pk=person.pk).exists()

    def test_what_is_erased_in_the_copy_is_not_replayed_on_the_original(self):
        original = instance()
        person = customer()
        scrub()
        with committing():
            person.delete()
        assert len(logged()) == 1
        # Back at the original: its id, its row, and no receipt
        Instance.objects.update(instance=original)
        Receipt.objects.all().delete()
        customer(pk=4711)
        with untouched():
            report = rerun()
        assert (report.applied, report.foreign) == (0, 1)

    def test_the_copy_replays_its_own(self):
        scrub()
        person = customer()
        log(event(ANONYMISE, person))
        assert rerun().applied == 1

    def test_scrubbing_is_not_replayed_on_the_original(self):
        customer()
        scrub()
        assert Operation.objects.using("gdpr_log").count() == 0
        assert EventLog.objects.using("gdpr_log").count() == 0
        assert receipts() == set()
        assert PrivacyAnonymised.objects.exists()


class TestProcess:
    def test_plain_lines_where_there_is_no_terminal(self, site):
        done = site.run("anonymise_db", "--noinput")
        assert (done.returncode, done.stderr) == (0, "")
        assert "\x1b" not in done.stdout
        assert "default: shop.Customer: 2 anonymised" in done.stdout.splitlines()
        assert site.customers() == ["1", "3"]

    def test_a_progress_bar_on_a_terminal(self, site):
        status, seen = site.run_on_terminal("anonymise_db", answer="yes\n")
        assert status == 0
        assert "Type 'yes' to go on:" in seen
        assert "━" in seen
        assert "shop.Customer" in seen
        assert site.customers() == ["1", "3"]

    def test_an_input_that_has_ended_is_a_no(self, site):
        done = site.run("anonymise_db", input="")
        assert done.returncode == 1
        assert "Nothing was changed." in done.stderr
        assert "Traceback" not in done.stderr
        assert site.customers() == ["1", "Ada"]

    def test_a_refusal_is_a_line_and_an_exit_status(self, site):
        with (site.directory / "site_settings.py").open("a") as settings:
            settings.write("GDPR_CAN_ANONYMISE_DATABASE = False\n")
        done = site.run("anonymise_db", "--noinput")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.splitlines()[-1] == f"CommandError: {REFUSAL}"
