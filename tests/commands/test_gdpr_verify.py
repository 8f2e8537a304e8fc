import json
import re
import uuid
from copy import copy
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections
from model_bakery import baker

from gdpr_assist.erasure import erase
from gdpr_assist.models import EventLog, PrivacyAnonymised
from gdpr_assist.pages import DOCUMENTATION
from gdpr_assist.planning.plans import plan
from gdpr_assist.planning.preview import preview
from gdpr_assist.registry import registry
from gdpr_assist.replay.returned import returned
from gdpr_assist.scrubbing import verification
from tests.apps.fields.models import TextKey, UUIDKey
from tests.apps.shop.models import AuditEntry, Comment, Customer, GiftOrder, Supplier
from tests.apps.thirdparty.models import Letter
from tests.commands.test_gdpr_status import receipt
from tests.databases import database_is, log_is, refused, scratch, untouched, without_tables
from tests.logbook import committing, customer
from tests.observing import queries
from tests.test_replay import ANONYMISE, DELETE, event, legacy, log


def run(*args):
    out = StringIO()
    with untouched():
        call_command("gdpr_verify", *args, stdout=out)
    return out.getvalue().splitlines()


class NothingOnOther:
    def allow_migrate(self, db, app_label, model_name=None, **hints):
        return False if db == "other" else None


@pytest.mark.django_db
class TestVerify:
    def test_the_numbers_of_each_model_and_database(self):
        customer().anonymise()
        customer(email="second@quill.example", is_deleted=True)
        customer("other")
        printed = run()
        assert "default: shop.Customer: 2 rows, 1 anonymised, 0 refilled" in printed
        assert "other: shop.Customer: 1 row, 0 anonymised, 0 refilled" in printed
        assert not any(line.startswith("gdpr_log") for line in printed)

    def test_the_last_line_is_the_verdict(self):
        customer().anonymise()
        assert run("--model=shop.Supplier")[-1] == "All is well."
        out = StringIO()
        with log_is(refused):
            call_command("gdpr_verify", "--model=shop.Supplier", stdout=out)
        assert out.getvalue().splitlines()[-1] == "All is well, as far as it can be known."

    def test_with_json_it_is_in_the_document(self):
        customer().anonymise()
        Customer.all_objects.update(notes="allergic to lilies")
        out = StringIO()
        with pytest.raises(CommandError, match=r"^Not well: Filled again"):
            call_command("gdpr_verify", "--json", stdout=out)
        document = json.loads(out.getvalue())
        assert list(document) == ["is_well", "wrong", "found", "cured"]
        assert document["is_well"] is False
        assert document["wrong"][0].startswith("Filled again since they were anonymised: 1 row of shop.Customer")

    def test_each_table_is_printed_before_the_next_is_looked_at(self, monkeypatch):
        """Of a large database somebody wants to see that it goes on, and a pipe must not hold it back."""
        seen = []

        class Terminal(StringIO):
            def flush(self):
                seen.append(len(self.getvalue().splitlines()))

        numbers = []

        def look(each):
            assert seen == list(range(1, len(numbers) + 1))
            numbers.append(each)
            if len(numbers) == 3:
                raise OperationalError("it is down")
            return preview(each)

        out = Terminal()
        monkeypatch.setattr(verification, "preview", look)
        with pytest.raises(CommandError, match="OperationalError"):
            call_command("gdpr_verify", stdout=out)
        assert [line.split(":")[1] for line in out.getvalue().splitlines()] == [
            f" {each.label}" for each in numbers[:2]
        ]

    @pytest.mark.parametrize("options", [["--model=shop.Customer", "--model=SHOP.order"], ["--model=shop.Order"]])
    def test_chosen_models_with_their_children(self, options):
        chosen = {"shop.Customer"} if len(options) > 1 else set()
        printed = run("--database=default", *options)
        assert {line.split(": ")[1] for line in printed[:-1]} == {
            "shop.Order",
            "shop.GiftOrder",
            "shop.ExpressOrder",
            *chosen,
        }

    def test_a_model_that_there_is_not(self):
        with pytest.raises(CommandError, match=r"^There is no model shop\.Nope\. Models to choose from: "):
            run("--model=shop.Nope")

    def test_one_database(self):
        printed = run("--database", "other")
        assert {line.split(":")[0] for line in printed[:-1]} == {"other"}

    def test_a_row_that_was_filled_again_is_an_error(self):
        people = [customer(email=f"{number}@quill.example") for number in range(3)]
        for person in people:
            person.anonymise()
        Customer.all_objects.filter(pk=people[1].pk).update(notes="allergic to lilies")
        out = StringIO()
        with untouched(), pytest.raises(CommandError) as caught:
            call_command("gdpr_verify", stdout=out)
        assert str(caught.value) == (
            "Not well: Filled again since they were anonymised: 1 row of shop.Customer on default. On a copy, run "
            "anonymise_db; elsewhere, give --fix, or anonymise these rows with force=True "
            f"({DOCUMENTATION}reference/methods.html#refilled-rows)."
        )
        assert "default: shop.Customer: 3 rows, 3 anonymised, 1 refilled" in out.getvalue()

    def test_every_table_with_refilled_rows_is_named(self):
        for using in ("default", "other"):
            for number in range(2):
                customer(using, email=f"{number}@quill.example").anonymise()
            Customer.all_objects.using(using).update(notes="allergic to lilies")
        supplier = baker.make(Supplier)
        supplier.anonymise()
        Supplier.objects.update(contact_name="Ada")
        with pytest.raises(CommandError) as caught:
            run()
        named = (
            str(caught.value)
            .partition(". On a copy")[0]
            .removeprefix("Not well: Filled again since they were anonymised: ")
        )
        assert sorted(named.split(", ")) == [
            "1 row of shop.Supplier on default",
            "2 rows of shop.Customer on default",
            "2 rows of shop.Customer on other",
        ]

    def test_the_cure_that_it_names_is_one(self):
        """The lines are those of docs/reference/methods."""
        people = [customer(email=f"{number}@quill.example", is_deleted=number == 0) for number in range(3)]
        for person in people[:2]:
            person.anonymise()
            Customer.all_objects.filter(pk=person.pk).update(notes="allergic to lilies")
        customers = Customer.anonymisable_manager()
        customers.filter(pk__in=plan(customers.all()).refilled()).anonymise(force=True)
        assert "default: shop.Customer: 3 rows, 2 anonymised, 0 refilled" in run()

    def test_what_an_anonymiser_in_python_made_is_not_called_refilled(self):
        baker.make(Comment).anonymise()
        printed = "\n".join(run())
        assert "default: shop.Comment: 1 row, 1 anonymised, 0 refilled; not known of display_name" in printed

    def test_what_stays_by_declaration_is_no_matter_of_it(self):
        baker.make(AuditEntry)
        assert not any("AuditEntry" in line for line in run())

    @pytest.mark.parametrize("alias", ["nowhere", "gdpr_log"])
    def test_an_alias_that_is_no_data_database(self, alias):
        with pytest.raises(CommandError, match=alias):
            run("--database", alias)

    def test_a_model_whose_table_is_nowhere_is_an_error_unless_left_out(self):
        with registry.registered(Letter):
            with pytest.raises(CommandError, match=r"^No table of thirdparty\.Letter is on default, other\. Migrate"):
                run()
            assert "default: shop.Customer: 0 rows, 0 anonymised, 0 refilled" in run(
                "--exclude-model=thirdparty.Letter"
            )

    def test_what_routers_keep_away_is_not_looked_for(self, settings):
        settings.DATABASE_ROUTERS = [*settings.DATABASE_ROUTERS, f"{__name__}.NothingOnOther"]
        assert {line.split(":")[0] for line in run()[:-1]} == {"default"}
        with pytest.raises(CommandError, match=r"^other: none of the tables of the chosen models is there\."):
            run("--database=other")


@pytest.mark.django_db
class TestAll:
    """Every row must be anonymised, as after anonymise_db."""

    def test_a_copy_that_is_scrubbed_by_half_is_an_error(self):
        people = [customer(email=f"{number}@quill.example") for number in range(3)]
        people[0].anonymise()
        customer("other")
        run()
        with pytest.raises(CommandError) as caught:
            run("--all")
        assert str(caught.value) == (
            "Not well: Not anonymised: 2 of 3 rows of shop.Customer on default, 1 of 1 row of shop.Customer on other. "
            "On a copy, run anonymise_db."
        )

    def test_refilled_rows_are_told_too(self):
        people = [customer(email=f"{number}@quill.example") for number in range(2)]
        people[0].anonymise()
        Customer.all_objects.update(notes="allergic to lilies")
        with pytest.raises(
            CommandError, match=r"^Not well: Not anonymised: 1 of 2 rows .* Filled again since .*: 1 row of "
        ):
            run("--all")

    def test_after_a_scrub_it_is_content(self, settings):
        settings.GDPR_CAN_ANONYMISE_DATABASE = True
        customer()
        baker.make(GiftOrder)
        baker.make(AuditEntry)
        call_command("anonymise_db", "--noinput", "--no-compact", stdout=StringIO(), stderr=StringIO())
        printed = run("--all")
        assert "default: shop.GiftOrder: 1 row, 1 anonymised, 0 refilled" in printed

    def test_only_what_is_chosen(self):
        customer()
        run("--all", "--model=shop.Supplier")
        run("--all", "--exclude-model=shop.Customer")
        run("--all", "--database=other")


class Backup:
    """Rows as they were. Restoring them leaves the receipts alone, as when one table is restored."""

    def __init__(self, *objects):
        self.objects = [copy(each) for each in objects]

    def restore(self, *, markers=True):
        for each in self.objects:
            type(each)._base_manager.using(each._state.db).filter(pk=each.pk)._raw_delete(each._state.db)
            each.save_base(using=each._state.db, raw=True, force_insert=True)
        if not markers:
            PrivacyAnonymised.objects.all().delete()


CURE = (
    f"Was a table restored, or data loaded? Erase these rows again ({DOCUMENTATION}howto/restore_a_backup.html"
    "#if-only-a-table-was-restored)."
)


def erased_and_restored(*, markers=True):
    """Delete two customers and anonymise a third and a fourth, and put all but the fourth back."""
    people = [customer(email=f"{number}@quill.example") for number in range(4)]
    backup = Backup(*people[:3])
    with committing():
        for person in people[:2]:
            person.delete()
        for person in people[2:]:
            person.anonymise()
    backup.restore(markers=markers)
    return backup.objects


@pytest.mark.django_db
class TestRowsThatAreBack:
    """One table was restored, or data loaded over a living database: no receipt is missing."""

    def test_deleted_rows(self):
        erased_and_restored()
        call_command("gdpr_status", "--fail-on", "restored", stdout=StringIO())
        out = StringIO()
        with untouched(), pytest.raises(CommandError) as caught:
            call_command("gdpr_verify", stdout=out)
        back, refilled = str(caught.value).split(" Filled again")
        assert back == (
            "Not well: There again, as it seems, though the log says that they were erased: 2 deleted of "
            f"shop.Customer on default. {CURE}"
        )
        assert refilled.startswith(" since they were anonymised: 1 row of shop.Customer on default. ")
        assert "default: shop.Customer: 2 deleted, and there again\n" in out.getvalue()

    def test_anonymised_rows_whose_marker_is_gone_too(self):
        """Of the two, one was put back; the other still holds what the rules gave it."""
        erased_and_restored(markers=False)
        with pytest.raises(CommandError, match=r"erased: 2 deleted and 1 anonymised of shop\.Customer on default\. "):
            run()

    def test_what_only_the_log_says_was_anonymised(self):
        """Where an anonymiser gave it nobody can tell."""
        comment = baker.make(Comment)
        with committing():
            comment.anonymise()
        run()
        PrivacyAnonymised.objects.all().delete()
        with pytest.raises(CommandError, match=r"erased: 1 anonymised of shop\.Comment on default\. "):
            run()

    def test_erasures_by_hand_are_no_finding(self):
        person = customer()
        person.anonymise()
        PrivacyAnonymised.objects.all().delete()
        EventLog.objects.using("gdpr_log").all().delete()
        with committing():
            person._log_gdpr_anonymise()
        assert not any("there again" in line for line in run())

    def test_the_cure_of_the_page_is_one(self):
        """The lines are those of docs/howto/restore_a_backup."""
        erased_and_restored(markers=False)
        with committing():
            for each in returned():
                for row in each.deleted():
                    row.delete()
                erase(list(each.plans()))
        run()
        assert not Customer.all_objects.filter(notes="allergic to lilies").exists()

    def test_a_row_that_was_anonymised_instead_is_no_finding(self):
        for each in erased_and_restored()[:2]:
            each.anonymise()
        with pytest.raises(CommandError, match=r"^Not well: Filled again since"):
            run()

    def test_another_row_under_a_key_that_somebody_chose(self):
        with committing():
            baker.make(TextKey, word="ada").delete()
        baker.make(TextKey, word="ada")
        (line,) = (line for line in run() if "there again" in line)
        assert line == (
            "default: fields.TextKey: 1 deleted, and there again; not known whether these are other rows, as a key of "
            "this model may be used again"
        )

    def test_uuids_of_chance_and_all_tables_of_an_object(self):
        key, order = UUIDKey.objects.create(), baker.make(GiftOrder)
        backup = Backup(key, order.order_ptr, order)
        with committing():
            key.delete()
            order.delete()
        backup.restore()
        with pytest.raises(CommandError) as caught:
            run()
        for label in ("fields.UUIDKey", "shop.GiftOrder", "shop.Order"):
            assert f"1 deleted of {label} on default" in str(caught.value)

    def test_rows_that_stay_by_declaration_and_were_deleted(self):
        entry = baker.make(AuditEntry)
        backup = Backup(entry)
        with committing():
            entry.delete()
        run()
        backup.restore()
        with pytest.raises(CommandError, match=r"erased: 1 deleted of shop\.AuditEntry on default\. "):
            run()
        run("--model=shop.Customer")

    def test_only_what_took_effect_here(self):
        """Not what was rolled back, is of another database, or is for gdpr_rerun to erase: it has no receipt."""
        person = customer()
        receipt(log(event(DELETE, person), outcome=False))
        receipt(log(event(DELETE, person), database_id=uuid.uuid4()))
        log(event(DELETE, person))
        legacy(event(DELETE, person))
        run()
        receipt(log(event(DELETE, person), outcome=None))
        with pytest.raises(CommandError, match=r"erased: 1 deleted of shop\.Customer on default\. "):
            run()

    def test_a_row_is_counted_once(self):
        person = customer()
        for kind in (ANONYMISE, DELETE, DELETE):
            receipt(log(event(kind, person)))
        with pytest.raises(CommandError, match=r"erased: 1 deleted of shop\.Customer on default\. "):
            run()

    def test_events_that_no_row_can_be_looked_up_for(self):
        receipt(log(event(DELETE, "gone.Ghost", 1), event(DELETE, "shop.Customer", "no number")))
        run()

    def test_an_erasure_of_more_rows_than_are_held(self):
        people = [customer(email=f"{number}@quill.example") for number in range(30)]
        receipt(log(*(event(DELETE, person) for person in people)))
        with pytest.raises(CommandError, match=r"erased: 30 deleted of shop\.Customer on default\. "):
            run()

    def test_the_database_and_the_models_that_are_asked_for(self):
        receipt(log(event(DELETE, customer("other")), using="other"), "other")
        for chosen in ("--database=default", "--model=shop.Supplier", "--exclude-model=shop.Customer"):
            run(chosen)
        with pytest.raises(CommandError, match=r"erased: 1 deleted of shop\.Customer on other\. "):
            run("--database=other")

    def test_its_queries_do_not_grow_with_the_erasures(self):
        def back(number):
            for _ in range(number):
                receipt(log(event(DELETE, customer(email=f"{uuid.uuid4()}@quill.example"))))
            return [len(queries(returned, using)) for using in ("default", "gdpr_log")]

        assert back(1) == back(30)
        assert [len(each.deleted_keys) for each in returned()] == [31]

    def test_without_a_log(self, settings):
        erased_and_restored()
        settings.GDPR_LOG_DATABASE_NAME = None
        assert returned() == []

    @pytest.mark.parametrize("fault", [refused, without_tables])
    def test_where_the_log_cannot_be_read_it_says_what_it_did_not_look_at(self, fault):
        """A copy that is scrubbed may have no log, and the role of a site may only add to it."""
        customer()
        with log_is(fault):
            out = StringIO()
            call_command("gdpr_verify", stdout=out)
        assert re.search(
            r"^Not looked at: whether erased rows are there again, as the event log cannot be read \(\w+Error\): "
            rf"{re.escape(DOCUMENTATION)}howto/protect_the_log\.html#the-owner$",
            out.getvalue(),
            re.MULTILINE,
        )


class TestBroken:
    @pytest.mark.django_db
    def test_a_database_that_cannot_be_reached_is_named(self):
        with database_is("other", refused):
            name = connections["other"].settings_dict["NAME"]
            with pytest.raises(CommandError) as caught:
                call_command("gdpr_verify")
        assert str(caught.value) == (
            f"The database other ({name}) cannot be read (OperationalError). Is its entry in DATABASES right, and is "
            "it running?"
        )


class TestEmptyDatabase:
    def test_it_is_an_error(self, django_db_blocker):
        with django_db_blocker.unblock(), scratch("empty") as empty, pytest.raises(CommandError) as caught:
            call_command("gdpr_verify", f"--database={empty}")
        assert str(caught.value).startswith(f"{empty}: none of the tables of the chosen models is there.")


class TestProcess:
    def test_the_exit_status(self, site):
        done = site.run("gdpr_verify")
        assert (done.returncode, done.stderr) == (0, "")
        assert "default: shop.Customer: 2 rows, 1 anonymised, 0 refilled" in done.stdout
        site.sql("UPDATE shop_customer SET notes = 'again' WHERE name = '1'")
        done = site.run("gdpr_verify")
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith(
            "CommandError: Not well: Filled again since they were anonymised: 1 row of "
        )
