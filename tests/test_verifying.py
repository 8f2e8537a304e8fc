"""gdpr_verify of an operation and of a person: what was erased still is, or what is not is named and erased again."""

import json
import uuid
from contextlib import ExitStack
from io import StringIO
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gdpr_assist import Generic, Keep, Subject
from gdpr_assist.copies import keeper
from gdpr_assist.log import reading
from gdpr_assist.log.receipts import write_receipt
from gdpr_assist.models import EventLog, Operation, Outcome, PrivacyAnonymised, Receipt
from gdpr_assist.replay import returned
from tests.apps.people.models import Account, Chat, Profile, Reader, Remark, Sale, SaleLine
from tests.apps.shop.models import Customer
from tests.databases import untouched
from tests.test_replay import ANONYMISE, DELETE, event, log

from .logbook import committing, customer, logged
from .observing import changed, row, spoken, unchanged
from .people import account, around, sale

pytestmark = pytest.mark.django_db

SECRETS = ("ada@quill.example", "Harbour Road", "for Ada")


def run(*args, typed=()):
    """Return {(label, what): rows} of the first table, and all that is printed."""
    out = StringIO()
    with mock.patch("builtins.input", side_effect=[*typed, EOFError]):
        call_command("gdpr_verify", *map(str, args), stdout=out)
    return out.getvalue()


def found(*args):
    """Return {(label, what): rows} of a verification that is in order."""
    with untouched():
        return numbers(run(*args, "--json"))


def numbers(printed, *, wrong=None):
    result = json.loads(printed)["found"]
    return {(each["model"], each["what"]): each["rows"] for each in result if wrong in (None, each["wrong"])}


def wrong(*args):
    """Return the same of what is wrong; the exit status is not 0 then, and no value is printed."""
    out = StringIO()
    with untouched(), pytest.raises(CommandError) as caught:
        call_command("gdpr_verify", *map(str, args), "--json", stdout=out)
    assert not any(secret in out.getvalue() + spoken(caught.value) for secret in SECRETS)
    return numbers(out.getvalue(), wrong=True)


@pytest.fixture
def erased(ada):
    """Ada with rows of each kind, all erased; return them, and the operation."""
    rows = around(ada)
    with committing():
        result = Subject(ada).erase()
    return rows, result.operations["default"]


class TestOperation:
    def test_all_of_it_is_in_order(self, erased):
        _, operation = erased
        assert found("--operation", operation) == {
            ("people.Account", "anonymised"): 1,
            ("people.Sale (free)", "anonymised"): 2,
            ("people.Parcel", "anonymised"): 1,
            ("people.Remark", "anonymised"): 1,
            ("people.Reader", "anonymised"): 1,
            ("people.SaleLine", "gone"): 1,
        }

    def test_a_table_for_people(self, erased):
        lines = run("--operation", erased[1]).splitlines()
        assert lines[0].split() == ["database", "model", "what", "rows"]
        assert "default   people.SaleLine     gone        1" in lines

    def test_refilled_rows(self, erased):
        rows, operation = erased
        Sale.objects.filter(pk=rows["guest"].pk).update(email="ada@quill.example")
        assert wrong("--operation", operation) == {("people.Sale (free)", "refilled"): 1}

    def test_rows_of_other_operations_are_no_matter(self, erased):
        other = customer()
        other.anonymise()
        Customer.all_objects.update(notes="allergic to lilies")
        run("--operation", erased[1])

    def test_a_row_that_is_back(self, erased):
        rows, operation = erased
        rows["line"].sale = rows["sale"]
        rows["line"].save(force_insert=True)
        assert wrong("--operation", operation) == {("people.SaleLine", "there again"): 1}

    def test_that_is_nothing_to_be_anonymised_again(self, erased):
        """Whoever looks at it decides: a row may be there under an old key."""
        rows, operation = erased
        rows["line"].save(force_insert=True)
        with unchanged(SaleLine), pytest.raises(CommandError, match=r"\. For the rest, see .*gdpr-verify"):
            run("--operation", operation, "--fix", "--noinput")

    def test_a_row_that_was_loaded_over_the_erased_one(self, erased):
        rows, operation = erased
        PrivacyAnonymised.objects.all().delete()
        rows["guest"].save()
        assert wrong("--operation", operation) == {("people.Sale (free)", "not anonymised"): 1}
        printed = run("--operation", operation, "--fix", "--noinput")
        assert "people.Sale (free): 1 anonymised again" in printed
        assert row(rows["guest"])["email"] == f"{rows['guest'].pk}@anon.example.com"

    def test_rows_that_are_gone_by_now(self, erased):
        rows, operation = erased
        rows["guest"].delete()
        assert found("--operation", operation)["people.Sale (free)", "gone"] == 1

    def test_a_deleted_row_that_came_back_and_was_anonymised_is_in_order(self):
        person = customer()
        key = person.pk
        with committing():
            person.delete()
        [operation] = Operation.objects.using("gdpr_log").values_list("pk", flat=True)
        customer(pk=key).anonymise()
        assert found("--operation", operation) == {("shop.Customer", "anonymised"): 1}

    def test_many_rows(self, monkeypatch):
        monkeypatch.setattr(reading, "ROWS_PER_QUERY", 2)
        monkeypatch.setattr(returned, "ROWS_PER_QUERY", 2)
        made = [customer(email=f"{number}@quill.example") for number in range(5)]
        with committing():
            operation = Customer.objects.all().anonymise().operation
        for each in made[:3]:
            each.save()
        PrivacyAnonymised.objects.filter(object_id__in=[str(each.pk) for each in made[:2]]).delete()
        assert wrong("--operation", operation) == {
            ("shop.Customer", "not anonymised"): 2,
            ("shop.Customer", "refilled"): 1,
        }
        run("--operation", operation, "--fix", "--noinput")
        assert found("--operation", operation) == {("shop.Customer", "anonymised"): 5}

    def test_another_database(self):
        person = customer("other")
        with committing("other"):
            operation = person.anonymise().operation
        Customer.all_objects.using("other").update(notes="allergic to lilies")
        assert wrong("--operation", operation) == {("shop.Customer", "refilled"): 1}
        assert "other: operation " in run("--operation", operation, "--fix", "--noinput")

    def test_a_model_that_there_is_no_more(self):
        operation = log(event(ANONYMISE, "shop.Nobody", 1), event(DELETE, customer()))
        write_receipt(operation, "default", timezone.now())
        Customer.all_objects.all().delete()
        assert wrong("--operation", operation) == {
            ("shop.Nobody", "not looked at: there is no such model, or no table"): 1
        }

    def test_what_is_declared_otherwise_by_now(self, erased):
        with changed(Reader, can_anonymise=False):
            assert wrong("--operation", erased[1]) == {
                ("people.Reader", "not looked at: it is declared otherwise by now"): 1
            }


class TestOperationThatSaysNothing:
    def refused(self, operation):
        with untouched(), pytest.raises(CommandError) as caught:
            run("--operation", operation)
        return str(caught.value)

    def test_one_that_is_not_in_the_log(self):
        operation = uuid.uuid4()
        assert self.refused(operation) == f"{operation} is not in the log."

    def test_no_log(self, settings):
        settings.GDPR_LOG_DATABASE_NAME = None
        assert self.refused(uuid.uuid4()).startswith("This site keeps no log")

    def test_one_of_another_database(self, erased):
        Operation.objects.using("gdpr_log").update(database_id=uuid.uuid4())
        assert self.refused(erased[1]).endswith("is of another database under the alias 'default'.")

    @pytest.mark.parametrize(
        ("outcome", "message"),
        [
            (True, "took effect, and this database has no receipt of it: it was restored. Run gdpr_rerun."),
            (False, "was rolled back: it has erased nothing."),
            (None, "is not settled. Run gdpr_reconcile."),
        ],
    )
    def test_one_without_a_receipt(self, outcome, message):
        operation = log(event(ANONYMISE, customer()), outcome=outcome)
        assert self.refused(operation) == f"{operation} {message}"

    def test_one_that_was_pruned(self, erased):
        EventLog.objects.using("gdpr_log").all().delete()
        assert "gdpr_prune has removed them" in self.refused(erased[1])


class TestCopies:
    @pytest.fixture(autouse=True)
    def _copies(self):
        """Remarks are copies of any row."""
        with changed(Remark, subject=None, copy_of=Generic("content_type", "object_id")):
            yield

    def copied(self, ada):
        copy = Remark.objects.create(about=ada, text="for Ada")
        with committing():
            return copy, Subject(ada).erase().operations["default"]

    def test_of_an_operation_and_of_a_person(self, ada):
        _, operation = self.copied(ada)
        key = ("people.Remark", "anonymised")
        assert found("--operation", operation)[key] == 1
        assert found("--person", "people.Account", ada.pk)[key] == 1
        Remark.objects.update(text="for Ada")
        assert wrong("--person", "people.Account", ada.pk) == {("people.Remark", "refilled"): 1}
        assert wrong("--operation", operation)

    def test_one_that_was_made_since(self, ada):
        _, operation = self.copied(ada)
        late = Remark.objects.create(about=ada, text="for Ada")
        for args in (["--operation", operation], ["--person", "people.Account", ada.pk]):
            assert wrong(*args) == {("people.Remark", "not anonymised"): 1}
        run("--operation", operation, "--fix", "--noinput")
        assert row(late)["text"] == str(late.pk)

    def test_those_that_are_deleted_with_their_rows(self, ada):
        with changed(Remark, subject=None, copy_of=Generic("content_type", "object_id"), on_erasure="delete"):
            _, operation = self.copied(ada)
            Remark.objects.create(about=ada, text="for Ada")
            for args in (["--operation", operation], ["--person", "people.Account", ada.pk]):
                assert wrong(*args) == {("people.Remark", "not deleted"): 1}
            assert "people.Remark: 1 deleted" in run("--operation", operation, "--fix", "--noinput")

    def test_those_that_are_kept(self, ada):
        with changed(Remark, subject=None, copy_of=Generic("content_type", "object_id"), on_erasure=Keep("tax")):
            _, operation = self.copied(ada)
            assert found("--operation", operation)["people.Remark", "kept (tax)"] == 1


class Index:
    """A keeper that knows what it still has."""

    erases_before_commit = True
    held = set()

    def __init__(self, using, *, is_scrub):
        pass

    @staticmethod
    def describe(plans):
        return []

    def concerns(self, declaration):
        return declaration.model is Account

    def find(self, plan, rows):
        return [key for key in rows.values_list("pk", flat=True) if key in self.held]

    def left(self, plan, rows):
        return len(self.find(plan, rows))

    def find_deleted(self, instance, *, read):
        return []

    def erase(self, copies):
        self.held.difference_update(copies)
        return keeper.Erased(removed=len(copies))


class TestPerson:
    @pytest.fixture
    def person(self, ada):
        return "--person", "people.Account", ada.pk

    def test_all_that_is_found_is_in_order(self, erased, person):
        assert found(*person) == {
            ("people.Account", "anonymised"): 1,
            ("people.Sale (free)", "anonymised"): 1,
            ("people.Parcel", "anonymised"): 1,
            ("people.Remark", "anonymised"): 1,
        }

    def test_what_is_kept_has_its_ground(self, ada, person):
        with changed(Sale, on_erasure=Keep("tax")):
            sale(ada)
            Subject(ada).erase()
            assert found(*person)["people.Sale", "kept (tax)"] == 1

    def test_credentials_that_are_still_there(self, erased, person):
        SaleLine.objects.create(sale=erased[0]["sale"], engraving="Ada")
        assert wrong(*person) == {("people.SaleLine", "not deleted"): 1}
        assert "people.SaleLine: 1 deleted" in run(*person, "--fix", "--noinput")
        assert not SaleLine.objects.exists()
        assert logged()[-1][1] >= {("delete", "people.SaleLine", str(erased[0]["line"].pk + 1))}

    def test_what_came_since_and_what_was_refilled(self, ada, erased, person):
        late = sale(ada, email="ada@quill.example")
        Account.objects.update(email="ada@quill.example")
        assert wrong(*person) == {
            ("people.Account", "refilled"): 1,
            ("people.Sale (free)", "not anonymised"): 1,
        }
        with committing():
            printed = run(*person, "--fix", typed=["yes"])
        assert "people.Account: 1 anonymised again" in printed
        assert "people.Sale (free): 1 anonymised again" in printed
        assert row(late)["email"] == f"{late.pk}@anon.example.com"
        _, events, is_committed = logged()[-1]
        assert events == {("anonymise", "people.Account", str(ada.pk)), ("anonymise", "people.Sale", str(late.pk))}
        assert is_committed
        assert printed.count("refilled") == 1  # it has looked again

    def test_a_stranger_with_a_value_of_hers_is_no_error(self, ada, person):
        Profile.objects.create(account=ada, phone="555")
        Profile.objects.create(account=account("bob"), phone="555")
        sale(phone="555")
        with pytest.raises(CommandError):
            run(*person)
        result = wrong(*person)
        assert not any("not certain" in what for _, what in result)

    def test_somebody_who_was_not_erased_is_not_erased_by_it(self, ada, person):
        """Whoever mistypes a key must not erase a living person."""
        around(ada)
        assert wrong(*person)["people.Account", "not anonymised"] == 1
        with unchanged(Account, Sale), pytest.raises(CommandError, match=r"^Nothing says that this person was erased"):
            run(*person, "--fix", "--noinput")

    @pytest.mark.parametrize("answer", ["no", "y"])
    def test_it_asks(self, ada, erased, person, answer):
        Account.objects.update(email="ada@quill.example")
        with unchanged(Account), pytest.raises(CommandError, match=r"^Cancelled\. Nothing was changed\."):
            run(*person, "--fix", typed=[answer])

    def test_nothing_is_asked_where_all_is_in_order(self, erased, person):
        with unchanged(Account):
            run(*person, "--fix")

    def test_a_party(self, ada):
        chat = Chat.objects.create(asker=ada, answerer=account("bob"), question="Where?", answer="Here.")
        Subject(ada).erase()
        assert found("--person", "people.Chat", chat.pk, "--party", "asker")["people.Chat (asker)", "anonymised"] == 1
        assert ("people.Account", "not anonymised") in wrong("--person", "people.Chat", chat.pk, "--party", "answerer")

    def test_a_row_on_another_database(self):
        person = Account.objects.using("other").create(email="ada@quill.example")
        person.anonymise()
        assert found("--person", "people.Account", person.pk, "--database", "other") == {
            ("people.Account", "anonymised"): 1
        }

    def test_a_keeper_says_what_it_has(self, ada, erased, person, monkeypatch):
        monkeypatch.setattr(keeper, "_kinds", [*keeper._kinds, Index])
        monkeypatch.setattr(Index, "held", {ada.pk})
        assert wrong(*person) == {("people.Account", "held by Index"): 1}
        run(*person, "--fix", "--noinput")
        assert Index.held == set()

    def test_the_log_of_what_was_done_again(self, ada, erased, person):
        """A replay after a restore does it again too."""
        Account.objects.update(email="ada@quill.example")
        with committing():
            result = json.loads(run(*person, "--fix", "--noinput", "--json"))
        [operation] = result["cured"]["operations"].values()
        assert Receipt.objects.filter(pk=operation).exists()
        assert Outcome.objects.using("gdpr_log").get(pk=operation).committed
        assert numbers(json.dumps(result), wrong=True) == {}


class TestEverything:
    def test_fix(self):
        made = [customer(email=f"{number}@quill.example") for number in range(3)]
        for each in made[:2]:
            each.anonymise()
        Customer.all_objects.update(notes="allergic to lilies")
        with committing():
            printed = run("--fix", typed=["yes"])
        assert "shop.Customer: 2 anonymised again" in printed
        assert row(made[2])["notes"] == "allergic to lilies"
        assert [row(each)["notes"] for each in made[:2]] == ["", ""]
        assert len(logged()[-1][1]) == 2

    def test_a_row_is_done_once_whatever_parts_it_has(self, ada):
        mine = sale(ada)
        Sale.objects.all().anonymise()
        Sale.objects.update(email="ada@quill.example")
        with committing():
            run("--fix", "--noinput", "--model", "people.Sale")
        assert [events for *_, events, _ in logged()][-1] == {("anonymise", "people.Sale", str(mine.pk))}
        assert PrivacyAnonymised.objects.filter(object_id=str(mine.pk), part="").count() == 1

    def test_what_goes_with_an_erased_person(self, ada, erased):
        """A token, say, that came since; somebody else's stays."""
        SaleLine.objects.create(sale=erased[0]["sale"], engraving="Ada")
        other = SaleLine.objects.create(sale=sale(account("bob")), engraving="Bob")
        SaleLine.objects.create(sale=sale(email="guest@quill.example"), engraving="Guest")
        assert wrong() == {("people.SaleLine", "not deleted"): 1}
        assert wrong("--model", "people.SaleLine") == {("people.SaleLine", "not deleted"): 1}
        assert not found("--exclude-model", "people.SaleLine").keys() & {("people.SaleLine", "not deleted")}
        with committing():
            printed = run("--fix", typed=["yes"])
        assert "default: people.SaleLine: 1 not deleted (came since, or was left)" in printed
        assert "people.SaleLine: 1 deleted" in printed
        assert SaleLine.objects.count() == 2
        assert SaleLine.objects.filter(pk=other.pk).exists()
        assert logged()[-1][1] == {("delete", "people.SaleLine", str(erased[0]["line"].pk + 1))}

    def test_the_way_is_named(self, erased):
        SaleLine.objects.create(sale=erased[0]["sale"], engraving="Ada")
        with pytest.raises(CommandError, match=r"1 of people\.SaleLine on default not deleted\..*--fix"):
            run()

    def test_a_row_that_is_about_somebody_living_too(self, ada):
        bob = account("bob")
        with changed(Chat, subject=["asker", "answerer"], on_erasure="delete"):
            ada.anonymise()
            both = {"question": "Where?", "answer": "Here."}
            Chat.objects.create(asker=ada, answerer=bob, **both)
            assert ("people.Chat", "not deleted") not in found()
            Chat.objects.create(asker=ada, **both)
            assert wrong() == {("people.Chat", "not deleted"): 1}
            bob.anonymise()
            assert wrong() == {("people.Chat", "not deleted"): 2}

    def test_a_generic_key_to_an_erased_person(self, ada):
        with changed(Remark, on_erasure="delete"):
            Remark.objects.create(about=account("bob"), text="for Bob")
            Remark.objects.create(about=ada, text="for Ada")
            assert ("people.Remark", "not deleted") not in found()
            ada.anonymise()
            assert wrong() == {("people.Remark", "not deleted"): 1}

    @pytest.mark.parametrize(
        ("on_erasure", "what"), [("anonymise", "not anonymised"), ("delete", "not deleted"), (Keep("tax"), None)]
    )
    def test_copies_of_erased_rows(self, ada, on_erasure, what):
        with changed(Remark, subject=None, copy_of=Generic("content_type", "object_id"), on_erasure=on_erasure):
            mine, other = sale(ada), sale(account("bob"))
            Subject(ada).erase()
            Remark.objects.create(about=other, text="for Bob")
            found()
            copies = [Remark.objects.create(about=each, text="for Ada") for each in (ada, mine)]
            if what is None:
                found()
                return
            assert wrong() == {("people.Remark", what): 2}
            run("--fix", "--noinput")
            assert not Remark.objects.filter(pk__in=[each.pk for each in copies], text="for Ada").exists()
            assert Remark.objects.get(text="for Bob").about == other

    def test_copies_of_a_part(self, ada):
        """Both have their part erased, and the copy goes once."""
        bob = account("bob")
        with changed(Remark, subject=None, copy_of=Generic("content_type", "object_id")):
            chat = Chat.objects.create(asker=ada, answerer=bob, question="Where?", answer="Here.")
            for each in (ada, bob):
                Subject(each).erase()
            Remark.objects.create(about=chat, text="Where? Here.")
            assert wrong() == {("people.Remark", "not anonymised"): 1}

    def test_the_number_of_queries_is_that_of_the_tables(self, ada, erased):
        def count():
            SaleLine.objects.create(sale=erased[0]["sale"], engraving="Ada")
            with CaptureQueriesContext(connections["default"]) as captured, pytest.raises(CommandError):
                run("--model", "people.SaleLine")
            return len(captured)

        first = count()
        for number in range(20):
            account(f"other{number}").anonymise()
            SaleLine.objects.create(sale=erased[0]["sale"], engraving="Ada")
        assert count() == first

    def test_all_does_not_anonymise_what_never_was(self):
        customer()
        with unchanged(Customer), pytest.raises(CommandError, match=r"^Not well: Not anonymised"):
            run("--all", "--fix", "--noinput")

    def test_json(self):
        customer().anonymise()
        customer(email="second@quill.example")
        result = found("--model", "shop.Customer")
        assert result == {("shop.Customer", "anonymised"): 1, ("shop.Customer", "not anonymised"): 1}


@pytest.mark.parametrize(
    "args",
    [
        ["--operation", str(uuid.uuid4()), "--person", "people.Account", "1"],
        ["--operation", str(uuid.uuid4()), "--database", "other"],
        ["--operation", str(uuid.uuid4()), "--all"],
        ["--person", "people.Account", "1", "--model", "people.Sale"],
        ["--person", "people.Account", "1", "--exclude-model", "people.Sale"],
        ["--person", "people.Account", "1", "--all"],
        ["--person", "people.Account", "1", "--database", "default", "--database", "other"],
        ["--party", "asker"],
    ],
)
def test_options_that_do_not_go_together(args):
    with pytest.raises(CommandError, match=r"leave out --|name the row with --person|name one with --database"):
        run(*args)


@pytest.mark.parametrize("args", [["people.Nobody", "1"], ["people.Account", "no key"], ["people.Account", "0"]])
def test_a_row_that_there_is_not(args):
    with pytest.raises(CommandError, match=r"^There is no such model; name it|has no row with this key"):
        run("--person", *args)


def test_fix_refuses_where_nothing_would_be_committed():
    with ExitStack() as patched:
        database = connections["default"]
        patched.enter_context(mock.patch.dict(database.settings_dict, {"AUTOCOMMIT": False}))
        run("--model", "shop.Customer")
        with pytest.raises(CommandError, match=r"^AUTOCOMMIT is off"):
            run("--fix", "--model", "shop.Customer")


class TestLinks:
    """Groups that come back with the next login, as from a directory: what ``clear`` took."""

    @pytest.fixture(autouse=True)
    def cleared(self):
        with changed(Account, clear=["friends"], actors=["brought_by", "friends"]):
            yield

    @pytest.fixture
    def linked(self, ada):
        """Ada, erased and linked again; somebody who was not erased is linked to a third."""
        bob = account("bob")
        bob.friends.add(account("cleo"))
        ada.friends.add(bob)
        with committing():
            operation = Subject(ada).erase().operations["default"]
        ada.friends.add(bob)
        return ada, operation

    def ways(self, ada, operation):
        return {
            "everything": ("--model", "people.Account"),
            "person": ("--person", "people.Account", ada.pk),
            "operation": ("--operation", operation),
        }

    @pytest.mark.parametrize("way", ["everything", "person", "operation"])
    def test_links_that_are_there_again(self, linked, way):
        args = self.ways(*linked)[way]
        assert wrong(*args) == {("people.Account", "refilled"): 1}
        run(*args, "--fix", "--noinput")
        ada, _ = linked
        assert not ada.friends.exists()
        assert Account.friends.through.objects.count() == 2
        run(*args)

    def test_an_erasure_with_force_takes_them(self, linked):
        ada, _ = linked
        assert [str(each) for each in Subject(ada).erase().left] == [
            "people.Account: 1 row, refilled since it was erased: force=True"
        ]
        assert ada.friends.exists()
        Subject(ada).erase(force=True)
        assert not ada.friends.exists()

    def test_the_link_at_the_other_end_counts(self, linked):
        ada, _ = linked
        Account.friends.through.objects.filter(from_account=ada).delete()
        assert wrong("--person", "people.Account", ada.pk) == {("people.Account", "refilled"): 1}

    def test_links_of_a_model_without_fields_that_can_tell(self, ada):
        ada.friends.add(account("bob"))
        with changed(Account, fields=[], clear=["friends"]):
            ada.anonymise()
            ada.friends.add(Account.objects.exclude(pk=ada.pk).get())
            assert wrong("--model", "people.Account") == {("people.Account", "refilled"): 1}
