from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from model_bakery import baker

from gdpr_assist.registry import registry
from tests.apps.shop.models import AuditEntry, Comment, Customer
from tests.apps.thirdparty.models import Letter
from tests.databases import scratch, untouched
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
        assert "other: shop.Customer: 1 rows, 0 anonymised, 0 refilled" in printed
        assert not any(line.startswith("gdpr_log") for line in printed)

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
            "1 of the anonymised rows were filled again. gdpr_assist.planning.plan(Model.objects.all()).refilled() "
            "gives them; anonymise them with force=True."
        )
        assert "default: shop.Customer: 3 rows, 3 anonymised, 1 refilled" in out.getvalue()

    def test_the_cure_that_it_names_is_one(self):
        person = customer()
        person.anonymise()
        Customer.all_objects.update(notes="allergic to lilies")
        Customer.anonymisable_manager().filter(pk=person.pk).anonymise(force=True)
        assert "default: shop.Customer: 1 rows, 1 anonymised, 0 refilled" in run()

    def test_what_an_anonymiser_in_python_made_is_not_called_refilled(self):
        baker.make(Comment).anonymise()
        assert "default: shop.Comment: 1 rows, 1 anonymised, 0 refilled" in run()

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
        assert done.stderr.splitlines()[-1].startswith("CommandError: 1 of the anonymised rows were")
