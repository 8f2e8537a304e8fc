import builtins
import json
import re
import signal
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, connections
from model_bakery import baker

from gdpr_assist.databases import compaction
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.log import identity
from gdpr_assist.log.reconciliation import shown
from gdpr_assist.management.console import Lines
from gdpr_assist.models import DatabaseIdentity, EventLog, Operation, PrivacyAnonymised, Receipt, Scrub
from gdpr_assist.registry import registry
from gdpr_assist.scrubbing import choice, table, telling
from gdpr_assist.scrubbing import run as steps
from tests.apps.fields.models import TextKey
from tests.apps.shop.models import (
    AuditEntry,
    Category,
    Comment,
    Customer,
    GiftOrder,
    Order,
    Product,
    Reservation,
    Supplier,
)
from tests.apps.thirdparty.models import Device, Letter
from tests.databases import database_is, dump, log_is, migrate, refused, scratch, unblocked_site, untouched
from tests.logbook import committing, customer, logged, receipts
from tests.observing import address, keyed, markers, redeclared, row
from tests.settings import DB
from tests.test_replay import ANONYMISE, DELETE, event, log, rerun

REFUSAL = (
    "This database may not be anonymised: set GDPR_CAN_ANONYMISE_DATABASE = True in the settings "
    "of the copy, never in those of the original."
)


# Of an invented row: it takes the key of the database
AFTERWARDS = "will become: [key]-[digits]@anon.example.com, where it is not empty"


def run(*args):
    out = StringIO()
    call_command("anonymise_db", *args, stdout=out)
    return out.getvalue()


def scrub():
    """Run it on one database: two take twice the time."""
    return run("--noinput", "--database", "default")


def database_id(using="default"):
    return DatabaseIdentity.objects.using(using).get().database_id


@pytest.mark.django_db
def test_it_forgets_the_receipts_of_the_original(settings):
    settings.GDPR_CAN_ANONYMISE_DATABASE = True
    with committing():
        customer().anonymise()
    assert len(receipts()) == 1
    scrub()
    assert receipts() == set()


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


class DeviceOfSomebody:
    fields = ["owner"]


class TestCoverage:
    """Where the site is strict, nothing is scrubbed before it is said of all columns and models what they are."""

    @pytest.fixture(autouse=True)
    def strict(self, settings):
        settings.GDPR_STRICT = True

    @pytest.mark.usefixtures("copy")
    @pytest.mark.parametrize("args", [["--noinput"], ["--dry-run"], ["--noinput", "--model", "shop.Customer"]])
    def test_it_refuses_a_column_that_is_neither_personal_nor_kept(self, args):
        customer()
        with registry.registered(Device, DeviceOfSomebody), untouched(), pytest.raises(CommandError) as caught:
            run(*args)
        assert str(caught.value) == (
            "Nothing was changed. GDPR_STRICT, and nothing is said of thirdparty.Device (address): they would stay as "
            "they are. Run manage.py check, and answer what it says of them (W001, W033)."
        )

    @pytest.mark.usefixtures("copy")
    def test_it_refuses_a_model_that_looks_personal(self, settings):
        settings.GDPR_NOT_PERSONAL = ["people.Counter"]
        with untouched(), pytest.raises(CommandError) as caught:
            run("--noinput")
        assert "thirdparty.Device (address): they would stay as they are." in str(caught.value)

    @pytest.mark.usefixtures("copy")
    def test_it_goes_on_once_all_is_answered(self):
        person = customer()
        scrub()
        assert row(person)["name"] == str(person.pk)

    @pytest.mark.usefixtures("copy")
    def test_a_site_that_is_not_strict_is_not_refused(self, settings):
        settings.GDPR_STRICT, settings.GDPR_NOT_PERSONAL = False, ["people.Counter"]
        person = customer()
        scrub()
        assert row(person)["name"] == str(person.pk)


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
    def test_it_asks_and_goes_on_at_yes(self, answer, capsys):
        person = customer()
        answer("yes")
        printed = run()
        assert capsys.readouterr().err.startswith("Type 'yes' to go on: ")
        assert "(default)" in printed
        assert "(other)" in printed
        assert "It cannot be undone." in printed
        assert row(person)["name"] == str(person.pk)

    @pytest.mark.usefixtures("copy")
    @pytest.mark.parametrize("typed", ["no", "n"])
    def test_no_cancels(self, answer, typed):
        customer()
        answer(typed)
        with untouched(), pytest.raises(CommandError) as caught:
            run()
        assert str(caught.value) == "Cancelled. Nothing was changed."

    @pytest.mark.usefixtures("copy")
    @pytest.mark.parametrize("typed", ["", "y", "YES", "maybe", None])
    def test_anything_but_yes_changes_nothing(self, answer, typed):
        customer()
        asked = answer(typed)
        with untouched(), pytest.raises(CommandError) as caught:
            run()
        assert len(asked) == 1
        assert str(caught.value) == (
            "Cancelled. Nothing was changed. Only the answer yes, in small letters, goes on. To run without a "
            "question, give --noinput."
        )

    @pytest.mark.usefixtures("copy")
    def test_the_question_names_the_storages_of_the_files_that_go(self, answer, settings):
        """Whoever has kept the MEDIA_ROOT of the original sees it there."""
        answer("no")
        out = StringIO()
        with pytest.raises(CommandError):
            call_command("anonymise_db", "--model=fields.BlankFields", stdout=out)
        named = f"{settings.MEDIA_ROOT} (fields.BlankFields.file, fields.BlankFields.image)"
        assert f"Erased with the rows: stored files in {named}." in out.getvalue().splitlines()
        assert f", and erases with the rows stored files in {named}. It cannot be undone." in (out.getvalue())

    @pytest.mark.usefixtures("copy")
    def test_where_no_files_go_the_question_has_no_word_of_them(self, answer):
        answer("no")
        out = StringIO()
        with pytest.raises(CommandError):
            call_command("anonymise_db", "--model=shop.Customer", stdout=out)
        assert "(default)" in out.getvalue()
        assert "file" not in out.getvalue()

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
        assert row(user)["username"] == keyed(user)
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
        assert markers(Customer) == sorted(str(each.pk) for each in Customer.all_objects.all())

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
        assert any(line.endswith("No event was logged.") for line in printed)

    def test_it_says_last_what_it_did_not_touch(self):
        printed = self.last_of(run("--noinput", "--database", "default"))
        columns = {name: printed[name] for name in ("shop.Customer", "people.Profile")}
        assert columns == {
            "shop.Customer": "left as they are: number, country, is_deleted, referred_by.",
            "people.Profile": "left as they are: account.",
        }
        assert "shop.AuditEntry" in printed["Registered, and not scrubbed"].rstrip(".").split(", ")
        others = printed["Not registered, so left as they are"].rstrip(".").split(", ")
        assert {"auth.Group", "shop.Product", "thirdparty.Device"} <= set(others)
        assert not {"shop.Customer", "gdpr_assist.Receipt"} & set(others)

    def last_of(self, printed):
        """Return {what it is about: what is said of it} of the lines after the last one about what was done."""
        _, _, last = printed.partition("No event was logged.\n")
        return dict(line.split(": ", 1) for line in last.splitlines())

    def test_models_that_stay_as_they_are_are_named(self):
        entry = baker.make(AuditEntry, actor="ottoline@quill.example")
        baker.make(AuditEntry, _quantity=2, _using="other")
        printed = run("--noinput").splitlines()
        says = "as its PrivacyMeta says can_anonymise = False."
        assert f"default: shop.AuditEntry: 1 row kept as it is, {says}" in printed
        assert f"other: shop.AuditEntry: 2 rows kept as they are, {says}" in printed
        assert row(entry)["actor"] == "ottoline@quill.example"

    def test_one_database(self):
        here, there = customer(), customer("other")
        ours, theirs = database_id("default"), database_id("other")
        run("--noinput", "--database", "other")
        assert row(there)["name"] == str(there.pk)
        assert row(here)["name"] == here.name
        assert database_id("default") == ours
        assert database_id("other") != theirs

    def test_several_databases(self):
        here, there = customer(), customer("other")
        run("--noinput", "--database", "other", "--database", "default")
        assert row(there)["name"] == str(there.pk)
        assert row(here)["name"] == str(here.pk)

    @pytest.mark.parametrize(
        ("alias", "reason"),
        [
            ("nowhere", "No database with personal data has the alias nowhere."),
            ("gdpr_log", "gdpr_log is the event log; it holds no personal data and is never scrubbed."),
        ],
    )
    def test_an_alias_that_holds_nothing_to_scrub(self, alias, reason):
        customer()
        with untouched(), pytest.raises(CommandError) as caught:
            run("--noinput", "--database", "default", "--database", alias)
        assert str(caught.value) == f"Nothing was changed. {reason} There are: default, other."

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

        def compact(models, using, anew):
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
        (end,) = (number for number, line in enumerate(printed) if line.endswith("No event was logged."))
        assert printed[end - 2 : end] == ["default: compacting", "other: compacting"]
        assert capsys.readouterr().err == "other: still in the cellar.\n"

    def test_not_if_told_so(self, compacted):
        assert "compact" not in run("--noinput", "--no-compact")
        assert compacted == {}

    @pytest.mark.usefixtures("copy")
    def test_after_one_that_failed_the_next_run_does_all_rows(self, monkeypatch):
        """Whoever fills the copy again in between must not find it half scrubbed."""
        person = customer()

        def fail(models, using, anew):
            raise AnonymiseError("The disk is full.")

        with monkeypatch.context() as patch:
            patch.setattr(compaction, "compact", fail)
            with pytest.raises(CommandError, match=r"^The disk is full\. The files of other hold old"):
                run("--noinput", "--model=shop.Customer")
        Customer.objects.filter(pk=person.pk).update(notes="likes engines")
        run("--noinput", "--no-compact", "--model=shop.Customer")
        assert row(person)["notes"] == ""

    def test_if_told_not_to_the_end_says_what_is_left_and_how_to_remove_it(self, compacted, capsys):
        run("--noinput", "--no-compact", "--model=shop.Customer")
        by_hand = {
            "sqlite": "VACUUM",
            "postgresql": "VACUUM FULL of the scrubbed tables and of pg_catalog.pg_statistic and "
            "pg_catalog.pg_statistic_ext_data",
            "mariadb": "OPTIMIZE TABLE of the scrubbed tables",
        }[DB]
        assert capsys.readouterr().err.splitlines() == [
            f"{using}: its files may still hold old values. To remove them, run the command again without "
            f"--no-compact, or run {by_hand} by hand."
            for using in ("default", "other")
        ]

    def test_a_dry_run_says_so(self, compacted):
        printed = run("--dry-run", "--database", "default").splitlines()
        assert printed[-2:] == ["default: would be compacted.", "Nothing is in the way of the run itself."]
        assert compacted == {}
        assert "compact" not in run("--dry-run", "--no-compact")

    @pytest.mark.usefixtures("copy")
    def test_a_failure_is_an_error(self, monkeypatch):
        def compact(models, using, anew):
            raise AnonymiseError(f"{using}: the disk is full.")

        person = customer()
        monkeypatch.setattr(compaction, "compact", compact)
        with pytest.raises(CommandError, match=r"^default: the disk is full\.$"):
            scrub()
        assert row(person)["name"] == str(person.pk)


@pytest.mark.usefixtures("copy")
class TestChoosingModels:
    def scrub(self, *args):
        return run("--noinput", "--no-compact", "--database", "default", *args)

    def seed(self):
        comment = baker.make(Comment, body="I live in Quill Lane")
        supplier = baker.make(Supplier, contact_name="Ada")
        return customer(), comment, supplier

    def done(self, *instances):
        return [each.is_anonymised() for each in instances]

    @pytest.mark.parametrize("label", ["shop.Customer", "SHOP.customer", "shop.customer"])
    def test_one(self, label):
        seeded = self.seed()
        printed = self.scrub("--model", label)
        assert self.done(*seeded) == [True, False, False]
        assert "shop.Comment: " not in printed
        assert "Anonymised 1 table. No event was logged." in printed.splitlines()
        (left,) = (line for line in printed.splitlines() if line.startswith("Registered, and not scrubbed: "))
        assert "shop.Comment" in left
        assert "shop.Customer" not in left

    def test_several(self):
        seeded = self.seed()
        printed = self.scrub("--model", "shop.Customer", "--model", "shop.Supplier")
        assert self.done(*seeded) == [True, False, True]
        assert "Anonymised 2 tables. No event was logged." in printed.splitlines()

    def test_all_but_some(self):
        seeded = self.seed()
        printed = self.scrub("--exclude-model", "shop.customer", "--exclude-model", "shop.Supplier")
        assert self.done(*seeded) == [False, True, False]
        assert "shop.Supplier: left as it is, with all personal data in it." in printed.splitlines()

    @pytest.mark.parametrize("others", [[], ["--model", "shop.Comment"]])
    def test_one_that_is_chosen_and_left_out_is_refused(self, others):
        self.seed()
        with untouched(), pytest.raises(CommandError) as caught:
            self.scrub("--model", "shop.Customer", "--exclude-model", "SHOP.customer", *others)
        assert str(caught.value) == (
            "Nothing was changed. shop.Customer: chosen with --model and left out with --exclude-model. Say one."
        )

    def test_all_left_out_are_refused(self):
        labels = [each.label for each in choice.chosen()]
        with untouched(), pytest.raises(CommandError, match=r"^Nothing was changed\. No model is left"):
            self.scrub(*(f"--exclude-model={label}" for label in labels))

    def test_a_parent_takes_its_children_with_it(self):
        gift = baker.make(GiftOrder, greeting="Dear Ada")
        self.scrub("--model", "shop.Order")
        assert row(gift)["greeting"] == str(gift.pk)

    @pytest.mark.parametrize("option", ["--model", "--exclude-model"])
    @pytest.mark.parametrize(
        ("label", "reason"),
        [
            ("shop.Nobody", "There is no model shop.Nobody."),
            ("Customer", "There is no model Customer."),
            ("shop.company", "shop.Company is not registered: it has no PrivacyMeta."),
            (
                "shop.GiftOrder",
                "shop.GiftOrder is a multi-table child, and goes with its parent: choose shop.Order.",
            ),
            (
                "shop.AuditEntry",
                "shop.AuditEntry is never scrubbed: its PrivacyMeta says can_anonymise = False.",
            ),
            (
                "shop.ForeignCustomer",
                "shop.ForeignCustomer is a proxy: choose shop.Customer, whose rows it shows.",
            ),
        ],
    )
    def test_a_label_of_no_model_to_scrub_is_refused_before_anything_is_changed(self, option, label, reason):
        self.seed()
        with untouched(), pytest.raises(CommandError) as caught:
            self.scrub("--model", "shop.Comment", option, label)
        message, _, others = str(caught.value).partition(" Models to choose from: ")
        assert message == f"Nothing was changed. {reason}"
        assert {"shop.Customer", "shop.Order"} <= set(others.rstrip(".").split(", "))

    def test_each_of_several_wrong_labels_is_told(self):
        with pytest.raises(CommandError, match=r"no model shop\.Nope\. shop\.Company is not registered: "):
            self.scrub("--model=shop.Nope", "--model=shop.Company", "--model=shop.Nope")

    @pytest.mark.parametrize("size", ["0", "-1", "1.5", "many", ""])
    def test_a_batch_size_that_is_none(self, size):
        self.seed()
        with untouched(), pytest.raises(CommandError, match="not a whole number of at least 1"):
            self.scrub(f"--batch-size={size}")


class Calls:
    """Declare Comment with an anonymiser that notes whose turn it is, and fails at one."""

    def __init__(self):
        self.keys = []
        self.fails_at = None
        self.do = lambda instance: None

    def __enter__(self):
        calls = self

        class Meta:
            fields = ["display_name", "body", "email"]
            keep = ["author", "posted"]

            def anonymise_body(self, instance):
                if instance.pk == calls.fails_at:
                    raise RuntimeError("no such thing")
                calls.do(instance)
                calls.keys.append(instance.pk)
                return "removed"

        self.patch = redeclared(Comment, Meta)
        self.patch.__enter__()
        return self

    def __exit__(self, *args):
        self.patch.__exit__(*args)

    def taken(self):
        """Return the keys since the last time."""
        keys, self.keys = self.keys, []
        return keys


@pytest.mark.usefixtures("copy")
class TestResuming:
    RESUMING = "goes on where the run of "

    @pytest.fixture
    def calls(self):
        with Calls() as calls:
            yield calls

    @pytest.fixture
    def comments(self, calls):
        """Seven comments, of which a run with two in a batch has done four: its anonymiser failed at the sixth."""
        made = [baker.make(Comment, body="I live in Quill Lane", email="ada@quill.example") for _ in range(7)]
        calls.fails_at = made[5].pk
        with pytest.raises(CommandError, match=r"shop\.Comment\.body.* 4 of 7 rows are done; ") as caught:
            self.scrub()
        assert "no such thing" not in str(caught.value)
        calls.fails_at = None
        return made

    def scrub(self, *args):
        return run("--noinput", "--no-compact", "--database=default", "--model=shop.Comment", "--batch-size=2", *args)

    def bodies(self):
        return list(Comment.objects.order_by("pk").values_list("body", flat=True))

    def test_the_error_says_what_is_true_of_a_scrub(self, comments, calls):
        """Of an erasure nothing is changed; here four of the comments are."""
        calls.fails_at = comments[6].pk
        with pytest.raises(CommandError) as caught:
            self.scrub()
        assert re.fullmatch(
            r"shop\.Comment\.body: anonymise_body raised RuntimeError \(line \d+ of anonymise_body\)\. "
            r"shop\.Comment on default: 6 of 7 rows are done; what was in the making was rolled back\. Mend this\. "
            r"Run the command again, without --restart: it goes on where it stopped\.",
            str(caught.value),
        )

    @pytest.mark.parametrize("use_tz", [True, False])
    @pytest.mark.parametrize("args", [["--dry-run"], ["--noinput"]])
    def test_the_plan_says_it(self, comments, args, use_tz, settings):
        settings.USE_TZ = use_tz
        started = Scrub.objects.get().started
        printed = run("--no-compact", "--database=default", "--model=shop.Comment", *args)
        (line,) = (line for line in printed.splitlines() if line.startswith("default: shop.Comment: 7 rows"))
        assert line.endswith(
            f"; goes on where the run of {shown(started)} stopped: 4 of 7 rows are done (--restart scrubs them again)"
        )

    def test_a_row_that_was_filled_again_since_is_not_done(self, comments, calls):
        calls.taken()
        Comment.objects.filter(pk=comments[1].pk).update(email="ada@again.example")
        assert "stopped: 3 of 7 rows are done" in self.scrub("--dry-run")
        assert "default: shop.Comment: 4 anonymised" in self.scrub()
        assert row(comments[1])["email"] == address(comments[1])
        assert sorted(calls.taken()) == [each.pk for each in (comments[1], *comments[4:])]

    def test_the_plan_of_a_restart_says_that_all_are_done_again(self, comments):
        printed = run("--dry-run", "--restart", "--database=default", "--model=shop.Comment")
        assert self.RESUMING not in printed
        assert "; 4 anonymised before, and now again" in printed

    def test_the_question_comes_after_it(self, comments, answer):
        answer("no")
        out = StringIO()
        with untouched(), pytest.raises(CommandError):
            call_command("anonymise_db", "--database=default", "--model=shop.Comment", stdout=out)
        assert self.RESUMING in out.getvalue()

    @pytest.mark.parametrize(("args", "left"), [([], 3), (["--restart"], 7)])
    def test_the_progress_counts_what_is_left(self, comments, monkeypatch, args, left):
        totals = []

        def follow(lines, counts, label, total):
            totals.append(total)
            return list(counts)[-1]

        monkeypatch.setattr(Lines, "follow", follow)
        self.scrub(*args)
        assert totals == [left]

    def test_what_is_done_stays_done(self, comments):
        assert self.bodies() == ["removed"] * 4 + ["I live in Quill Lane"] * 3
        assert markers(Comment) == sorted(str(each.pk) for each in comments[:4])

    def test_the_next_run_does_the_rest_only_and_says_so(self, comments, calls):
        calls.taken()
        printed = self.scrub()
        assert sorted(calls.taken()) == [each.pk for each in comments[4:]]
        assert self.RESUMING in printed
        assert "default: shop.Comment: 3 anonymised" in printed.splitlines()
        assert self.bodies() == ["removed"] * 7

    def test_rows_that_were_added_meanwhile_are_scrubbed(self, comments, calls):
        calls.taken()
        added = baker.make(Comment, body="I live in Quill Lane")
        Comment.objects.filter(pk=comments[6].pk).delete()
        self.scrub()
        assert sorted(calls.taken()) == [comments[4].pk, comments[5].pk, added.pk]
        assert self.bodies() == ["removed"] * 7

    def test_after_its_end_the_next_run_scrubs_all_rows_again(self, comments, calls):
        self.scrub()
        calls.taken()
        Comment.objects.filter(pk=comments[0].pk).update(email="again@quill.example")
        printed = self.scrub()
        assert sorted(calls.taken()) == [each.pk for each in comments]
        assert self.RESUMING not in printed
        assert not Comment.objects.filter(email="again@quill.example").exists()

    def test_restarting_scrubs_all_rows_again(self, comments, calls):
        calls.taken()
        printed = self.scrub("--restart")
        assert sorted(calls.taken()) == [each.pk for each in comments]
        assert self.RESUMING not in printed

    def test_after_all_rows_are_done_nothing_is_resumed(self, comments, calls, monkeypatch):
        def compact(models, using, anew):
            raise AnonymiseError(f"{using}: the disk is full.")

        with monkeypatch.context() as patch:
            patch.setattr(compaction, "compact", compact)
            with pytest.raises(CommandError, match="the disk is full"):
                run("--noinput", "--database=default", "--model=shop.Comment")
        calls.taken()
        printed = self.scrub()
        assert self.RESUMING not in printed
        assert sorted(calls.taken()) == [each.pk for each in comments]

    def test_other_models_are_not_taken_for_interrupted(self, comments):
        person = customer()
        person.anonymise()
        Customer.all_objects.update(phone="0161 555 0147")
        printed = run("--noinput", "--no-compact", "--database=default")
        assert printed.count("goes on") == 1
        assert row(person)["phone"] == ""

    def left(self, *args):
        """Return what a run says of interrupted ones."""
        err = StringIO()
        given = ("--noinput", "--no-compact", "--database=default", *args)
        call_command("anonymise_db", *given, stdout=StringIO(), stderr=err)
        return [line for line in err.getvalue().splitlines() if "interrupted" in line]

    def test_a_run_of_other_tables_says_that_it_is_not_ended(self, comments):
        [line] = self.left("--model=shop.Boat")
        assert line == (
            "default: shop.Comment: a run over it was interrupted, so rows may hold old values. Run the command again "
            "without --model, or with --model=shop.Comment: it goes on where that run stopped, or begins anew with "
            "--restart."
        )
        assert self.left("--exclude-model=shop.Comment")
        assert self.bodies().count("removed") == 4

    @pytest.mark.parametrize("args", [[], ["--model=shop.Comment"], ["--model=shop.Comment", "--restart"]])
    def test_each_cure_ends_it(self, comments, args):
        assert self.left(*args) == []
        assert self.bodies() == ["removed"] * 7
        assert self.left("--model=shop.Boat") == []

    def test_what_is_not_scrubbed_any_more_ends_with_a_run_of_all(self, comments):
        Scrub.objects.create(label="old.Gone", started=Scrub.objects.get().started)
        [line] = self.left("--model=shop.Boat")
        assert line.startswith("default: old.Gone, shop.Comment: a run over it was interrupted")
        assert " or with --model=old.Gone --model=shop.Comment: " in line
        [line] = self.left("--model=shop.Comment")
        assert line.startswith("default: old.Gone: ")
        assert self.left() == []
        assert not Scrub.objects.exists()

    def test_a_run_on_another_database_ends_none(self, comments):
        run("--noinput", "--no-compact", "--database=other")
        assert Scrub.objects.using("default").get().label == "shop.Comment"

    def test_a_database_that_refuses_a_value(self, calls):
        """A unique column: the key of the sixth makes an address that a later, kept row has already."""
        people = [customer(email=f"{number}@quill.example") for number in range(6)]
        taken = customer(email=address(people[5]), is_deleted=True)
        args = ("--noinput", "--no-compact", "--database=default", "--model=shop.Customer", "--batch-size=2")
        with pytest.raises(CommandError, match="default: 4 of 7 rows are done") as caught:
            run(*args)
        assert "of one of name, email, phone, born, notes (unique: email). Look at" in str(caught.value)
        assert "Nothing was changed" not in str(caught.value)
        assert markers(Customer) == sorted(str(each.pk) for each in people[:4])
        assert [row(each)["name"] for each in people] == [
            *(str(each.pk) for each in people[:4]),
            *[people[0].name] * 2,
        ]
        Customer.all_objects.filter(pk=taken.pk).update(email="free@quill.example")
        assert "default: shop.Customer: 3 anonymised" in run(*args).splitlines()
        assert row(taken)["email"] == address(taken)


# What is said of a table that the database changes in sets
IN_SETS = {
    "postgresql": "the table written anew in one pass (which takes its room twice, and keeps readers out)",
}.get(connection.vendor, "one UPDATE for each batch of rows")

# {where it is broken off: (what breaks, what it says is done)}
STEPS = {
    "preparing": ((identity, "cut_loose"), "No row was changed, though"),
    "beginning": ((table, "begin_scrub"), "shop.Comment on default: 0 of 1 row is done; what was in"),
    "compacting": (
        (compaction, "compact"),
        "All rows are anonymised, but the files of default still hold old values.",
    ),
    "ending": ((steps, "end_scrubs"), "All rows are anonymised, but it could not be noted that the run has"),
}


@pytest.mark.usefixtures("copy")
@pytest.mark.parametrize("step", STEPS)
class TestBreakingOff:
    """Of a database, or by whoever runs it: what is done, what is not, and how to go on."""

    @pytest.fixture
    def broken_by(self, step, monkeypatch):
        def broken_by(error):
            def fail(*args, **more):
                raise error

            monkeypatch.setattr(*STEPS[step][0], fail)
            with pytest.raises(CommandError) as caught:
                run("--noinput", "--database=default", "--model=shop.Comment")
            monkeypatch.undo()
            return caught.value

        return broken_by

    def test_by_a_database(self, step, broken_by):
        baker.make(Comment)
        error = broken_by(OperationalError("ada@quill.example is in the way"))
        message = str(error)
        assert message.startswith(f"A database failed (OperationalError). {STEPS[step][1]}")
        assert "un the command again" in message
        assert "quill" not in message
        assert error.returncode == 1

    def test_by_ctrl_c(self, step, broken_by):
        comment = baker.make(Comment, display_name="Ada")
        error = broken_by(KeyboardInterrupt())
        assert str(error).startswith(f"Interrupted. {STEPS[step][1]}")
        assert "un the command again" in str(error)
        assert error.returncode == 130
        assert row(comment)["display_name"] == ("Ada" if step in {"preparing", "beginning"} else "Anonymous user")

    def test_the_next_run_comes_to_the_end(self, step, broken_by):
        comment = baker.make(Comment, display_name="Ada")
        broken_by(KeyboardInterrupt())
        run("--noinput", "--database=default", "--model=shop.Comment")
        assert row(comment)["display_name"] == "Anonymous user"
        assert not Scrub.objects.exists()


@pytest.mark.usefixtures("copy")
class TestCompactionThatEnds:
    """Of two databases, at the second: the files of the first are as they should be."""

    def scrub(self, **how):
        with pytest.raises(AnonymiseError) as caught:
            steps.scrub(steps.prepare(only=["shop.Comment"]), **how)
        return caught.value

    @pytest.mark.parametrize("at", ["default", "other"])
    def test_ctrl_c_while_it_is_said_which_is_next(self, at, monkeypatch):
        monkeypatch.setattr(compaction, "compact", lambda models, using, anew: [])

        def say(using):
            if using == at:
                raise KeyboardInterrupt

        error = self.scrub(compacting=say)
        files = {"default": "default, other", "other": "other"}[at]
        assert type(error) is telling.Interrupted
        assert str(error) == (
            f"Interrupted. All rows are anonymised, but the files of {files} still hold old values. Run the command "
            "again: it anonymises them once more, and compacts."
        )

    def test_a_table_that_cannot_be_rewritten(self, monkeypatch):
        def refuse(models, using, anew):
            raise AnonymiseError(f"{using}: in use.")

        monkeypatch.setattr(compaction, "compact", refuse)
        assert str(self.scrub()) == "default: in use. The files of other hold old values too."


@pytest.mark.usefixtures("copy")
def test_a_table_that_is_not_there_does_not_say_that_nothing_was_changed(monkeypatch):
    def absent(plan, size, *, marks, expected):
        yield 2
        raise AnonymiseError("The database 'x' has no table y, which an erasure needs; nothing was changed. Migrate.")

    baker.make(Comment)
    monkeypatch.setattr(table, "execute_in_ranges", absent)
    with pytest.raises(CommandError) as caught:
        run("--noinput", "--database=default", "--model=shop.Comment")
    said = str(caught.value)
    assert said.startswith(
        "The database 'x' has no table y, which an erasure needs. Migrate. shop.Comment on default: 2 of 1"
    )


@pytest.mark.usefixtures("copy")
def test_ctrl_c_at_the_question(monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    customer()
    monkeypatch.setattr(builtins, "input", interrupt)
    with untouched(), pytest.raises(CommandError) as caught:
        run()
    assert (str(caught.value), caught.value.returncode) == ("Interrupted. Nothing was changed.", 130)


@pytest.mark.usefixtures("copy")
@pytest.mark.parametrize("args", [["--noinput"], ["--noinput", "--no-compact"], ["--dry-run"]])
def test_verbosity_0_prints_nothing(args, capsys, monkeypatch):
    monkeypatch.setattr(compaction, "compact", lambda models, using, anew: [])
    person = customer()
    assert run("-v0", *args) == ""
    assert capsys.readouterr() == ("", "")
    assert person.is_anonymised() == ("--dry-run" not in args)


@pytest.mark.usefixtures("copy")
def test_verbosity_0_prints_errors():
    baker.make(Reservation)
    with pytest.raises(CommandError, match=r"shop\.Reservation\.phone"):
        run("-v0", "--noinput")


@pytest.mark.usefixtures("copy")
class TestAnotherSchema:
    @pytest.fixture
    def letter(self):
        with registry.registered(Letter):
            yield

    @pytest.mark.usefixtures("letter")
    def test_a_table_that_is_not_there_is_an_error(self):
        with untouched(), pytest.raises(CommandError, match=r"No table of thirdparty\.Letter is on default, other\."):
            run("--noinput")

    @pytest.mark.usefixtures("letter")
    @pytest.mark.skipif(DB != "postgresql", reason="the others have no schemas")
    def test_a_table_in_it_is_scrubbed(self):
        with connections["default"].cursor() as cursor:
            cursor.execute("CREATE SCHEMA archive")
            cursor.execute("CREATE TABLE archive.letter (id serial PRIMARY KEY, sender varchar(50))")
            cursor.execute("INSERT INTO archive.letter (sender) VALUES ('Ottoline'), ('Ada')")
        printed = run("--noinput", "--database=default", "--model=thirdparty.Letter")
        assert "default: thirdparty.Letter: 2 anonymised" in printed
        assert list(Letter.objects.order_by("pk").values_list("sender", flat=True)) == ["1", "2"]


def update_elsewhere(key):
    """Update a comment through a connection of its own, as another process does; fail if that waits."""
    other = connections["default"].copy()
    wait = {"postgresql": "SET lock_timeout = '2s'", "mysql": "SET innodb_lock_wait_timeout = 2"}[other.vendor]
    try:
        with other.cursor() as cursor:
            cursor.execute(wait)
            cursor.execute("UPDATE shop_comment SET display_name = 'seen' WHERE id = %s", [key])
    finally:
        other.close()


if DB != "sqlite":  # which locks the whole file while a batch is written

    @pytest.mark.django_db(transaction=True)
    def test_rows_are_locked_for_the_time_of_their_batch_only(settings):
        settings.GDPR_CAN_ANONYMISE_DATABASE = True
        made = [baker.make(Comment, display_name="Ada") for _ in range(5)]
        waited = []

        def touch(instance):
            if instance.pk == made[3].pk:
                update_elsewhere(made[0].pk)  # of a batch that is committed
                update_elsewhere(made[4].pk)  # of one that is to come
                try:
                    update_elsewhere(made[2].pk)  # of the same
                except OperationalError:
                    waited.append(made[2].pk)

        with Calls() as calls:
            calls.do = touch
            run("--noinput", "--no-compact", "--database=default", "--model=shop.Comment", "--batch-size=2")

        assert waited == [made[2].pk]
        assert row(made[0])["display_name"] == "seen"
        assert row(made[4])["display_name"] == str(made[4].pk)


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

    def scrub(self, *databases, label="shop.Supplier"):
        return run("--noinput", f"--model={label}", *(f"--database={using}" for using in databases))

    def test_one_without_any_of_the_tables_is_refused(self, aliases):
        main, legacy = aliases
        with untouched(main, legacy), pytest.raises(CommandError) as caught:
            self.scrub(main, legacy)
        assert str(caught.value) == (
            f"Nothing was changed. {legacy}: none of the tables of the chosen models is there. It is empty, or the "
            "wrong database, or routers allow none of them on it. Correct its entry in DATABASES, migrate it (migrate "
            f"--database={legacy}), or choose the databases with --database."
        )

    def test_an_empty_one_is_refused_in_a_dry_run_too(self, aliases):
        with pytest.raises(CommandError, match="none of the tables of the chosen models is there"):
            run("--dry-run", f"--database={aliases[1]}")

    def test_a_model_whose_table_is_nowhere_is_refused(self, aliases):
        main, _ = aliases
        with untouched(main), pytest.raises(CommandError) as caught:
            run("--noinput", f"--database={main}")
        message = str(caught.value)
        assert message.startswith("Nothing was changed. No table of ")
        assert "shop.Customer, " in message
        assert "shop.Supplier" not in message
        assert message.endswith(
            f" is on {main}. Migrate, or correct DATABASES, or choose the databases with --database; leave out with "
            "--exclude-model what has no table."
        )

    def test_so_is_a_child_whose_table_is_nowhere(self, aliases):
        main, _ = aliases
        with connections[main].schema_editor() as editor:
            for model in (Category, Product, Customer, Order):
                editor.create_model(model)
        with (
            untouched(main),
            pytest.raises(CommandError, match=r"No table of shop\.GiftOrder, shop\.ExpressOrder is on"),
        ):
            self.scrub(main, label="shop.Order")

    def test_a_model_may_be_on_one_of_them_only(self, aliases):
        main, legacy = aliases
        with connections[legacy].schema_editor() as editor:
            editor.create_model(TextKey)
        migrate(legacy)
        printed = run("--noinput", "--model=fields.TextKey", "--model=shop.Supplier", *database(main, legacy))
        assert f"{main}: shop.Supplier: 1 anonymised" in printed
        assert f"{legacy}: fields.TextKey: 0 anonymised" in printed
        assert f"{main}: fields.TextKey" not in printed

    @pytest.mark.parametrize("has_router", [True, False])
    def test_one_is_left_alone_unless_chosen(self, aliases, settings, has_router):
        main, legacy = aliases
        if has_router:
            settings.DATABASE_ROUTERS = [*settings.DATABASE_ROUTERS, Only({main})]
        printed = self.scrub()
        assert "shop.Supplier: 1 anonymised" in printed
        assert f"{legacy}: left as it is, none of the tables is there." in printed
        with pytest.raises(CommandError, match=f"{legacy}: none of the tables"):
            self.scrub(main, legacy)

    def test_a_model_that_routers_keep_elsewhere_is_no_matter_unless_chosen(self, aliases, settings):
        main, legacy = aliases
        with connections[legacy].schema_editor() as editor:
            editor.create_model(TextKey)
        migrate(legacy)
        others = {each.label.lower() for each in registry} - {"fields.textkey"}
        settings.DATABASE_ROUTERS = [*settings.DATABASE_ROUTERS, Only({main}, others)]
        printed = run("--noinput", f"--database={legacy}")
        assert f"{legacy}: fields.TextKey: 0 anonymised" in printed
        with pytest.raises(CommandError, match=f"No table of shop.Supplier is on {legacy}"):
            run("--noinput", "--model=fields.TextKey", "--model=shop.Supplier", f"--database={legacy}")

    def test_a_model_that_routers_let_be_nowhere_is_refused(self, aliases, settings):
        main, legacy = aliases
        with connections[main].schema_editor() as editor:
            editor.create_model(TextKey)
        others = {each.label.lower() for each in registry} - {"fields.textkey", "shop.supplier"}
        routers = [Only({legacy}, others), Only(set(), {"shop.supplier"})]
        settings.DATABASE_ROUTERS = [*settings.DATABASE_ROUTERS, *routers]
        with pytest.raises(CommandError, match=rf"No table of shop\.Supplier is on {main}\."):
            run("--dry-run", f"--database={main}")

    def test_one_with_data_but_without_the_tables_of_the_app_is_refused_before_anything_is_changed(self, aliases):
        main, legacy = aliases
        with connections[legacy].schema_editor() as editor:
            editor.create_model(Supplier)
        with untouched(main, legacy), pytest.raises(CommandError) as caught:
            self.scrub(main, legacy)
        name = re.escape(str(connections[legacy].settings_dict["NAME"]))
        assert re.fullmatch(
            rf"The database {legacy} \({name}\) is not migrated \(\w+\)\. Run migrate --database={legacy}\. If .*"
            r"Nothing was changed\.",
            str(caught.value),
        )


def database(*aliases):
    return [f"--database={using}" for using in aliases]


class Only:
    """A router that keeps registered models, by default all, on these aliases."""

    def __init__(self, aliases, labels=None):
        self.aliases, self.labels = aliases, labels

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        if app_label in {"gdpr_assist", "contenttypes"} or not model_name:
            return None
        if self.labels is not None and f"{app_label}.{model_name}" not in self.labels:
            return None
        return False if db not in self.aliases else None


class TestDryRun:
    @pytest.mark.django_db
    def test_a_database_that_cannot_be_reached_is_named_without_its_address(self):
        with database_is("other", refused):
            name = connections["other"].settings_dict["NAME"]
            with pytest.raises(CommandError) as caught:
                run("--dry-run")
        assert str(caught.value) == (
            f"The database other ({name}) cannot be read (OperationalError). Is its entry in DATABASES right, and is "
            "it running? Nothing was changed."
        )

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
        DatabaseIdentity.objects.all().delete()
        with untouched():
            run("--dry-run", *flag)

    @pytest.mark.django_db
    def test_prints_the_plans(self):
        customer()
        baker.make(Comment, _quantity=2)
        printed = run("--dry-run").splitlines()
        assert f"default: shop.Customer: 1 row, {IN_SETS}; fields: name, email, phone, born, notes" in printed
        assert any(line.startswith("default: shop.Comment: 2 rows, in batches") for line in printed)
        assert any(line.startswith("other: shop.Customer: 0 rows") for line in printed)
        assert not any(line.startswith("gdpr_log") for line in printed)

    @pytest.mark.django_db
    def test_the_last_line_says_that_the_run_itself_is_refused_which_is_nothing_wrong(self):
        refused = "Without --dry-run it is refused here, as GDPR_CAN_ANONYMISE_DATABASE is not True."
        assert run("--dry-run").splitlines()[-1] == refused
        document = json.loads(run("--dry-run", "--json"))
        assert document["in_the_way"] == [refused]
        assert not {"is_well", "wrong"} & set(document)

    @pytest.mark.usefixtures("copy")
    def test_or_that_nothing_is_in_its_way(self):
        assert run("--dry-run").splitlines()[-1] == "Nothing is in the way of the run itself."

    @pytest.mark.usefixtures("copy")
    def test_as_json(self):
        customer()
        with untouched():
            printed = run("--dry-run", "--json", "--database=default", "--model=shop.Customer", "--model=shop.Comment")
        document = json.loads(printed)
        assert (document["in_the_way"], document["compacted"]) == ([], ["default"])
        customers = next(each for each in document["tables"] if each["model"] == "shop.Customer")
        assert customers == {
            "database": "default",
            "model": "shop.Customer",
            "does": "anonymise",
            "way": IN_SETS,
            "rows": 1,
            "left": 0,
            "fields": ["name", "email", "phone", "born", "notes"],
            "with": [],
            "fields_by_rules": [],
            "nulled": [],
            "marked": 0,
            "refilled": 0,
            "unknown": [],
            "kept": {},
            "goes_on_from": None,
            "done": 0,
            "sample": [
                {"field": "name", "before": "Alex Example", "after": "will become 17"},
                {"field": "email", "before": "alex@example.org", "after": AFTERWARDS},
                {"field": "phone", "before": "+44 1632 960017", "after": "will be emptied"},
                {"field": "born", "before": "1990-05-17", "after": "will be emptied"},
                {"field": "notes", "before": "Alex Example", "after": "will be emptied"},
            ],
        }
        assert "quill" not in printed

    @pytest.mark.usefixtures("copy")
    def test_shows_what_becomes_of_an_invented_row(self):
        ada = customer()
        with untouched():
            printed = run("--dry-run", "--database=default", "--model=shop.Customer")
        assert "default: shop.Customer: an invented row" in printed
        assert f"email  alex@example.org  {AFTERWARDS}" in printed
        assert ada.email not in printed

    @pytest.mark.usefixtures("copy")
    def test_shows_what_becomes_of_real_rows_where_that_is_asked_for(self):
        rows = [customer(email=f"{name}@quill.example") for name in "abcd"]
        with untouched():
            printed = run("--dry-run", "--show-values", "--database=default", "--model=shop.Customer")
        shown = re.findall(r"^default: shop.Customer: row (\d+)$", printed, re.M)
        assert shown == [str(each.pk) for each in rows[:3]]
        assert rows[0].email in printed
        assert "Alex Example" not in printed

    @pytest.mark.usefixtures("copy")
    def test_no_row_is_shown_of_a_table_that_is_deleted_or_with_v_0(self):
        customer()
        with redeclared(Customer, type("PrivacyMeta", (), {"fields": ["email"], "on_erasure": "delete"})):
            assert "an invented row" not in run("--dry-run", "--database=default", "--model=shop.Customer")
        assert run("--dry-run", "--show-values", "-v0", "--database=default") == ""

    @pytest.mark.usefixtures("copy")
    @pytest.mark.parametrize(
        ("args", "why"), [(["--noinput"], "add --dry-run"), (["--dry-run", "--json"], "not with --json")]
    )
    def test_real_values_are_refused_elsewhere(self, args, why):
        with untouched(), pytest.raises(CommandError, match=why):
            run("--show-values", *args)

    @pytest.mark.usefixtures("copy")
    def test_json_is_for_a_dry_run(self):
        with untouched(), pytest.raises(CommandError, match=r"^--json is for what would be done: add --dry-run\.$"):
            run("--json", "--noinput")

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
        original = database_id()
        person = customer()
        scrub()
        with committing():
            person.delete()
        assert len(logged()) == 1
        # Back at the original: its id, its row, and no receipt
        DatabaseIdentity.objects.update(database_id=original)
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


# anonymise_db with an anonymiser that says whose turn it is, and kills the process at the comment of a number
KILLED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a parent in the background may have switched off
import django
django.setup()
from django.core.management import execute_from_command_line
from tests.apps.shop.models import Comment
from tests.observing import redeclared

class Meta:
    fields = ["display_name", "body", "email"]
    keep = ["author", "posted"]

    def anonymise_body(self, instance):
        if instance.pk == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)
        print(instance.pk, file=sys.stderr)
        return "removed"

with redeclared(Comment, Meta):
    execute_from_command_line(["manage.py", "anonymise_db", *sys.argv[2:]])
"""


def turns(done):
    """Return whose turn it was."""
    return sorted(line for line in done.stderr.splitlines() if line.isdigit())


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

    def test_a_file_that_is_no_database_is_named(self, site):
        file = site.directory / "main.sqlite3"
        file.write_bytes(b"not a database, and longer than the header of one" * 10)
        done = site.run("anonymise_db", "--noinput")
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == (
            f"CommandError: The database default ({file}) cannot be read (DatabaseError). Is its entry in DATABASES "
            "right, and is it running? Nothing was changed."
        )

    def test_a_refusal_is_a_line_and_an_exit_status(self, site):
        with (site.directory / "site_settings.py").open("a") as settings:
            settings.write("GDPR_CAN_ANONYMISE_DATABASE = False\n")
        done = site.run("anonymise_db", "--noinput")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.splitlines()[-1] == f"CommandError: {REFUSAL}"

    COMMAND = ("--noinput", "--no-compact", "--database=default", "--model=shop.Comment", "--batch-size=2")

    @pytest.fixture
    def five_comments(self, site):
        site.sql(
            "INSERT INTO shop_comment (display_name, body, email, posted) "
            "SELECT 'Ada', 'I live in Quill Lane', 'ada@quill.example', '2001-02-03' FROM "
            "(SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5)"
        )

    @pytest.mark.usefixtures("five_comments")
    def test_ctrl_c_is_a_line_and_an_exit_status(self, site):
        done = site.python("-c", KILLED.replace("SIGKILL", "SIGINT"), "4", *self.COMMAND)
        assert done.returncode == 130
        assert site.comments() == ["I live in Quill Lane"] * 3 + ["removed"] * 2
        assert "Traceback" not in done.stderr
        assert done.stderr.splitlines()[-1] == (
            "CommandError: Interrupted. shop.Comment on default: 2 of 5 rows are done; what was in the making was "
            "rolled back. Run the command again, without --restart: it goes on where it stopped."
        )

    @pytest.mark.usefixtures("five_comments")
    @pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
    def test_a_run_that_was_killed_is_resumed(self, site, by):
        command = self.COMMAND
        killed = site.python("-c", KILLED.replace("SIGKILL", by.name), "4", *command)
        assert killed.returncode == -by, killed.stderr
        assert "CommandError" not in killed.stderr
        assert site.comments() == ["I live in Quill Lane"] * 3 + ["removed"] * 2
        resumed = site.python("-c", KILLED, "0", *command)
        assert resumed.returncode == 0, resumed.stderr
        assert site.comments() == ["removed"] * 5
        assert "goes on where the run of" in resumed.stdout
        assert "default: shop.Comment: 3 anonymised" in resumed.stdout.splitlines()
        assert turns(resumed) == ["3", "4", "5"]
        again = site.python("-c", KILLED, "0", *command)
        assert "goes on" not in again.stdout
        assert turns(again) == ["1", "2", "3", "4", "5"]
