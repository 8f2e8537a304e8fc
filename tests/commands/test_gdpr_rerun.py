import re
import uuid
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from model_bakery import baker

from gdpr_assist.models import Receipt
from tests.apps.shop.models import Customer, Invoice, Supplier
from tests.databases import log_is, refused, untouched, without_tables
from tests.logbook import customer
from tests.observing import row
from tests.test_replay import ANONYMISE, DELETE, event, legacy, log


def run(*args):
    out = StringIO()
    call_command("gdpr_rerun", *args, stdout=out)
    return out.getvalue()


def lines(**numbers):
    """Return the summary that a run prints where there is no terminal."""
    names = {
        "applied": "Applied",
        "already": "Already applied",
        "failed": "Failed",
        "undecided": "Undecided, left alone",
        "foreign": "Of other databases, left alone",
        "rows": "Rows erased",
        "absent": "Rows that were not there",
    }
    return "".join(f"{name}: {numbers.get(key, 0)}\n" for key, name in names.items())


@pytest.mark.django_db
class TestRerun:
    def test_an_empty_log(self):
        assert run() == lines()

    def test_the_numbers_of_each_kind(self):
        person, gone = customer(), customer(email="gone@quill.example")
        log(event(ANONYMISE, person))
        log(event(DELETE, gone), event(DELETE, "shop.Customer", 4711))
        log(event(DELETE, person), outcome=None)
        log(event(DELETE, person), instance=uuid.uuid4())
        legacy(event(ANONYMISE, person))
        assert run() == lines(applied=3, rows=3, absent=1, undecided=1, foreign=1)
        assert row(person)["name"] == str(person.pk)
        assert not Customer.all_objects.filter(pk=gone.pk).exists()

    def test_the_second_run_does_nothing(self):
        log(event(ANONYMISE, customer()))
        run()
        with untouched():
            assert run() == lines(already=1)

    def test_a_dry_run_says_what_would_be_done_and_writes_nothing(self):
        log(event(ANONYMISE, customer()))
        with untouched():
            printed = run("--dry-run")
        expected = lines(applied=1, rows=1)
        expected = expected.replace("Applied:", "To be applied:")
        assert printed == expected.replace("Rows erased:", "Rows to be erased:")

    def test_what_cannot_be_applied_is_listed_and_is_an_error(self):
        person = customer()
        Invoice.objects.create(customer=person, total=1)
        ghost = log(event(DELETE, "gone.Ghost", 1), age=3)
        protected = log(event(DELETE, person), age=2)
        log(event(DELETE, baker.make(Supplier)), age=1)
        out = StringIO()
        with pytest.raises(CommandError) as caught:
            call_command("gdpr_rerun", stdout=out)
        assert str(caught.value) == "2 operations could not be applied; they are listed above."
        first, second, *summary = out.getvalue().splitlines(keepends=True)
        assert first.startswith(f"{ghost} gone.Ghost: ")
        assert second.startswith(f"{protected} shop.Customer: ")
        assert "ProtectedError" in second
        assert "".join(summary) == lines(applied=1, failed=2, rows=1)
        assert Receipt.objects.count() == 1

    def test_a_dry_run_with_something_that_cannot_be_applied_is_an_error_too(self):
        log(event(DELETE, "gone.Ghost", 1))
        with untouched(), pytest.raises(CommandError, match="could not be applied"):
            run("--dry-run")

    def test_no_personal_data_is_printed(self):
        log(event(ANONYMISE, customer()))
        log(event(DELETE, customer(email="gone@quill.example")))
        printed = run()
        assert not re.search(r"quill|ottoline", printed, re.IGNORECASE)


@pytest.mark.django_db
class TestRefusals:
    def test_without_a_log(self, settings):
        settings.GDPR_LOG_DATABASE_NAME = None
        with untouched(), pytest.raises(CommandError) as caught:
            run()
        assert str(caught.value) == ("There is no event log to re-apply: GDPR_LOG_DATABASE_NAME is None.")

    def test_with_a_log_that_is_not_configured(self, settings):
        settings.GDPR_LOG_DATABASE_NAME = "nowhere"
        with untouched(), pytest.raises(CommandError, match="nowhere"):
            run()

    @pytest.mark.parametrize("fault", [refused, without_tables])
    def test_with_a_log_that_cannot_be_read(self, fault):
        with untouched(), log_is(fault), pytest.raises(CommandError) as caught:
            run()
        assert str(caught.value).startswith("A database could not be used (")
        assert caught.value.returncode == 1


class TestProcess:
    """From a shell: the site has one anonymised and one deleted customer, both restored."""

    def test_plain_lines_where_there_is_no_terminal(self, site):
        site.restore()
        done = site.run("gdpr_rerun")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == lines(applied=2, rows=2)
        assert site.customers() == ["1", "Ada"]
        again = site.run("gdpr_rerun")
        assert (again.returncode, again.stdout) == (0, lines(already=2))

    def test_a_progress_bar_and_a_table_on_a_terminal(self, site):
        site.restore()
        status, seen = site.run_on_terminal("gdpr_rerun")
        assert status == 0
        assert "\x1b[" in seen
        assert "━" in seen
        assert "2/2" in seen
        assert re.search(r"Applied\s+│ 2\s", seen)
        assert re.search(r"Rows erased\s+│ 2\s", seen)
        assert site.customers() == ["1", "Ada"]

    def test_a_refusal_is_a_line_and_an_exit_status(self, site):
        with (site.directory / "site_settings.py").open("a") as settings:
            settings.write("GDPR_LOG_DATABASE_NAME = None\n")
        done = site.run("gdpr_rerun")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.splitlines()[-1].startswith("CommandError: There is no event log")
        assert "Traceback" not in done.stderr
