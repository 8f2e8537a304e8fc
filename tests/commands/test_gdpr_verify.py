from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from model_bakery import baker

from gdpr_assist.pages import DOCUMENTATION
from gdpr_assist.planning import plan
from gdpr_assist.registry import registry
from tests.apps.shop.models import AuditEntry, Comment, Customer, GiftOrder, Supplier
from tests.apps.thirdparty.models import Letter
from tests.databases import database_is, refused, scratch, untouched
from tests.logbook import customer


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

    @pytest.mark.parametrize("options", [["--model=shop.Customer", "--model=SHOP.order"], ["--model=shop.Order"]])
    def test_chosen_models_with_their_children(self, options):
        chosen = {"shop.Customer"} if len(options) > 1 else set()
        printed = run("--database=default", *options)
        assert {line.split(": ")[1] for line in printed} == {
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
        assert {line.split(":")[0] for line in printed} == {"other"}

    def test_a_row_that_was_filled_again_is_an_error(self):
        people = [customer(email=f"{number}@quill.example") for number in range(3)]
        for person in people:
            person.anonymise()
        Customer.all_objects.filter(pk=people[1].pk).update(notes="allergic to lilies")
        out = StringIO()
        with untouched(), pytest.raises(CommandError) as caught:
            call_command("gdpr_verify", stdout=out)
        assert str(caught.value) == (
            "Filled again since they were anonymised: 1 row of shop.Customer on default. On a copy, run anonymise_db; "
            "elsewhere, anonymise these rows with force=True "
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
        named = str(caught.value).partition(". On a copy")[0].removeprefix("Filled again since they were anonymised: ")
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
        assert {line.split(":")[0] for line in run()} == {"default"}
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
            "Not anonymised: 2 of 3 rows of shop.Customer on default, 1 of 1 row of shop.Customer on other. On a "
            "copy, run anonymise_db."
        )

    def test_refilled_rows_are_told_too(self):
        people = [customer(email=f"{number}@quill.example") for number in range(2)]
        people[0].anonymise()
        Customer.all_objects.update(notes="allergic to lilies")
        with pytest.raises(CommandError, match=r"^Not anonymised: 1 of 2 rows .* Filled again since .*: 1 row of "):
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
            "CommandError: Filled again since they were anonymised: 1 row of "
        )
