"""A person as a whole: found by keys and values, previewed, and erased in one operation."""

import csv
import io
import json
import zipfile

import pytest
from asgiref.sync import async_to_sync
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from gdpr_assist import AnonymiseError, Keep, Subject
from gdpr_assist.databases.transactions import in_order_of_commit
from gdpr_assist.models import EventLog, PrivacyAnonymised, Receipt
from gdpr_assist.signals import deleted, erased
from tests.apps.fields.models import NullBlankFields
from tests.apps.people.models import (
    Account,
    Chat,
    Event,
    Parcel,
    Profile,
    Reader,
    Remark,
    Sale,
    SaleLine,
    StaffAccount,
    Visit,
)
from tests.settings import DB

from .observing import changed, events, listening, row, rows, unchanged
from .people import account, around, sale

pytestmark = pytest.mark.django_db


def found(subject):
    """Return {(label, part): ({keys}, ways)}."""
    return {
        (each.label, each.part): (set(each.rows.values_list("pk", flat=True)), each.ways)
        for each in subject.rows()
        if each.using == "default" and each.rows.exists()
    }


class TestRows:
    def test_her_own_row_and_those_that_a_key_joins(self, ada, bob):
        profile, other = Profile.objects.create(account=ada), Profile.objects.create(account=bob)
        assert found(Subject(ada))["people.Account", ""] == ({ada.pk}, ("is the person",))
        assert found(Subject(ada))["people.Profile", ""][0] == {profile.pk}
        assert Subject(profile).keys == Subject(ada).keys == {Account: {ada.pk}, Profile: {profile.pk}}
        assert other.pk not in found(Subject(ada))["people.Profile", ""][0]

    def test_by_key_and_along_paths(self, ada, bob):
        parcel = Parcel.objects.create(street="Harbour Road")
        mine, theirs = sale(ada, parcel=parcel), sale(bob)
        line, other = (SaleLine.objects.create(sale=each) for each in (mine, theirs))
        got = found(Subject(ada))
        assert got["people.Sale", ""] == ({mine.pk}, ("by buyer", "by email"))
        assert got["people.SaleLine", ""] == ({line.pk}, ("by sale__buyer", "by email"))
        assert got["people.Parcel", ""][0] == {parcel.pk}
        assert other.pk not in got["people.SaleLine", ""][0]

    def test_what_she_only_did_something_to_is_not_hers(self, ada):
        staff = StaffAccount.objects.create(email="cleo@quill.example", is_confirmed=True, desk="3")
        sale(ada, packed_by=staff)
        assert set(found(Subject(staff))) == {("people.Account", ""), ("people.StaffAccount", "")}

    def test_rows_of_nobody_by_a_value_in_whatever_case(self, ada, bob):
        guest, strange = sale(email="ADA@Quill.example"), sale(bob, email="ada@quill.example")
        reader = Reader.objects.create(email="ada@quill.example")
        line = SaleLine.objects.create(sale=guest)
        got = found(Subject(ada))
        assert got["people.Sale", ""][0] == {guest.pk}
        assert got["people.Reader", ""] == ({reader.pk}, ("by email",))
        assert got["people.SaleLine", ""][0] == {line.pk}
        assert strange.pk not in got["people.Sale", ""][0]

    def test_by_key_and_by_value_each_row_once(self, ada):
        both, guest = sale(ada, email="ada@quill.example"), sale(email="ada@quill.example")
        assert found(Subject(ada))["people.Sale", ""] == ({both.pk, guest.pk}, ("by buyer", "by email"))

    def test_a_value_that_nobody_confirmed_finds_nothing(self):
        eve = account("eve", is_confirmed=False)
        sale(email="eve@quill.example")
        assert set(found(Subject(eve))) == {("people.Account", "")}

    def test_a_value_of_two_people_finds_nothing(self, ada, bob):
        for each in (ada, bob):
            Profile.objects.create(account=each, phone="555")
        sale(phone="555")
        assert ("people.Sale", "") not in found(Subject(ada))

    def test_values_of_rows_whose_own_key_leads_to_her_count_where_nobody_confirms_that_kind(self, ada):
        with changed(Profile, identifiers={}):
            sale(ada, phone="555")
            guest = sale(phone="555")
            assert guest.pk in found(Subject(ada))["people.Sale", ""][0]

    def test_a_value_of_a_kind_that_her_profile_would_confirm_is_not_certain_without_one(self, ada):
        sale(ada, phone="555")
        guest = sale(phone="555")
        assert guest.pk not in found(Subject(ada))["people.Sale", ""][0]
        assert [str(each) for each in Subject(ada).erase().uncertain] == [
            "people.Sale: 1 row, by phone, which is not certain to be this person's alone"
        ]

    def test_what_is_about_something_shared_is_shared_too(self, ada, bob):
        event = Event.objects.create(topic="Jazz")
        remark = Remark.objects.create(about=event, text="Loud")
        for each in (ada, bob):
            Visit.objects.create(event=event, account=each)
        result = Subject(ada).erase()
        assert row(remark)["text"] == "Loud"
        assert "people.Remark: 1 row, kept (about somebody else too)" in map(str, result.kept)

    def test_what_is_empty_is_no_value(self, ada):
        Profile.objects.create(account=ada, phone="")
        sale(phone="")
        assert ("people.Sale", "") not in found(Subject(ada))

    def test_what_a_rule_has_made_is_no_value(self, ada):
        ada.anonymise()
        sale(email=Account.objects.get().email)
        assert ("people.Sale", "") not in found(Subject(ada))

    def test_parties(self, ada, bob):
        chat = Chat.objects.create(asker=ada, answerer=bob, question="?", answer="!")
        assert found(Subject(ada))["people.Chat", "asker"] == ({chat.pk}, ("by asker",))
        assert ("people.Chat", "answerer") not in found(Subject(ada))

    def test_generic_keys_to_her_and_to_her_rows(self, ada, bob):
        mine, theirs = sale(ada), sale(bob)
        remarks = [Remark.objects.create(about=each, text="x") for each in (ada, mine, bob, theirs)]
        assert found(Subject(ada))["people.Remark", ""][0] == {each.pk for each in remarks[:2]}

    def test_through_a_many_to_many(self, ada, bob):
        event = Event.objects.create(topic="Jazz")
        visits = [Visit.objects.create(event=event, account=each) for each in (ada, bob)]
        got = found(Subject(ada))
        assert got["people.Event", ""][0] == {event.pk}
        assert got["people.Visit", ""][0] == {visits[0].pk}

    def test_what_is_about_somebody_else_too_stays_until_the_last_one_goes(self, ada, bob):
        shared, own = Event.objects.create(topic="Jazz"), Event.objects.create(topic="Tea")
        for event, guest in ((shared, ada), (shared, bob), (own, ada)):
            Visit.objects.create(event=event, account=guest)
        result = Subject(ada).erase()
        assert (row(shared)["topic"], row(own)["topic"]) == ("Jazz", str(own.pk))
        assert [str(each) for each in result.kept] == ["people.Event: 1 row, kept (about somebody else too)"]
        assert Subject(bob).erase().erased["people.Event"] == 1
        assert row(shared)["topic"] == str(shared.pk)

    def test_of_several_paths_each_counts(self, ada, bob):
        gift = sale(ada, packed_by=StaffAccount.objects.create(email="cleo@quill.example", desk="3"))
        with changed(Sale, subject=["buyer", "packed_by"], actors=()):
            Subject(ada).erase()
            assert row(gift)["recipient"] == "Ada"
            assert row(gift)["email"] == ""
            assert not PrivacyAnonymised.objects.filter(content_type__model="sale").exists()

    def test_a_model_may_have_an_order_of_its_own(self, ada, monkeypatch):
        monkeypatch.setattr(Sale._meta, "ordering", ["-phone"])
        sale(ada, phone="555")
        sale(email="ada@quill.example", phone="777")
        [mine] = [each.rows for each in Subject(ada).rows() if (each.model, each.using) == (Sale, "default")]
        assert [each.phone for each in mine] == ["777", "555"]

    def test_so_may_one_whose_rows_are_about_two_people(self, ada, monkeypatch):
        monkeypatch.setattr(Sale._meta, "ordering", ["-phone"])
        staff = StaffAccount.objects.create(email="cleo@quill.example", desk="3")
        shared = [sale(ada, packed_by=staff, phone=phone) for phone in ("555", "777")]
        with changed(Sale, subject=["buyer", "packed_by"], actors=()):
            found = [each for each in Subject(ada).rows() if (each.model, each.using) == (Sale, "default")]
            [theirs] = [each.rows for each in found if each.is_shared]
            assert list(theirs) == shared[::-1]

    def test_narrowed(self, ada):
        first, second = sale(ada), sale(ada)
        subject = Subject(
            ada, rows=lambda model, queryset: queryset.filter(pk=first.pk) if model is Sale else queryset
        )
        assert found(subject)["people.Sale", ""][0] == {first.pk}
        assert second.pk != first.pk

    def test_one_query_for_each_model(self, ada):
        with CaptureQueriesContext(connection) as captured:
            Subject(ada).rows()
        assert len(captured) <= 20  # the values and the list of tables; rows are read when they are used


class TestWhoItIs:
    def test_a_row_leads_to_its_person(self, ada):
        line = SaleLine.objects.create(sale=sale(ada))
        assert Subject(line).keys == Subject(ada).keys

    def test_a_row_of_nobody(self):
        with pytest.raises(AnonymiseError, match=r"^people\.Sale: the row leads to nobody\. Write Subject"):
            Subject(sale())

    def test_a_row_of_several_people_asks_which(self, ada, bob):
        chat = Chat.objects.create(asker=ada, answerer=bob)
        with pytest.raises(
            AnonymiseError, match=r"^people\.Chat is about several people\. Write Subject\.of\(row, 'asker'"
        ):
            Subject(chat)
        assert Subject.of(chat, "answerer").keys == Subject(bob).keys
        with pytest.raises(AnonymiseError, match=r"^people\.Chat has no such party; it has asker, answerer\.$"):
            Subject.of(chat, "author")

    def test_an_object_that_is_not_saved(self):
        with pytest.raises(AnonymiseError, match=r"^people\.Account: the object is not saved"):
            Subject(Account(email="x@quill.example"))

    def test_find(self, ada, bob):
        [subject] = Subject.find(email="Ada@quill.example")
        assert subject.keys == Subject(ada).keys
        profile = Profile.objects.create(account=bob, phone="555")
        [subject] = Subject.find(phone="555")
        assert subject.keys == {Account: {bob.pk}, Profile: {profile.pk}}
        assert Subject.find(email="ada@quill.example", phone="555") == []
        assert Subject.find(email="nobody@quill.example") == []

    def test_find_by_a_value_of_her_rows(self, ada):
        sale(ada, email="second@quill.example")
        [subject] = Subject.find(email="second@quill.example")
        assert subject.keys == {Account: {ada.pk}}

    def test_find_two_people(self, ada, bob):
        for each in (ada, bob):
            sale(each, phone="555")
        assert [each.keys for each in Subject.find(phone="555")] == [{Account: {each.pk}} for each in (ada, bob)]

    def test_find_somebody_without_an_account(self):
        guest = sale(email="gil@quill.example")
        [subject] = Subject.find(email="gil@quill.example")
        assert found(subject) == {("people.Sale", ""): ({guest.pk}, ("by email",))}

    def test_several_values_are_not_those_of_a_guest_each(self, ada):
        """One of them might be a stranger's."""
        sale(email="ada@quill.example")
        sale(email="gil@quill.example", phone="555")
        assert Subject.find(email="ada@quill.example", phone="555") == []
        assert Subject.find(email="gil@quill.example", phone="555") == []

    @pytest.mark.parametrize(
        ("identifiers", "message"),
        [
            ({}, r"^Nobody is looked for without a value\. The kinds are email, phone\.$"),
            ({"mail": "x"}, r"^No model has this kind of identifier\. The kinds are email, phone\.$"),
            ({"email": " "}, r"^The value of email is empty: it would be that of everybody who has none\.$"),
            ({"email": None}, r"^The value of email is empty"),
        ],
    )
    def test_what_finds_nobody_in_particular(self, identifiers, message):
        with pytest.raises(AnonymiseError, match=message):
            Subject.find(**identifiers)

    def test_a_value_of_too_many_people(self, monkeypatch, ada, bob):
        monkeypatch.setattr("gdpr_assist.subjects.searching.MOST_PEOPLE", 1)
        for each in (ada, bob):
            sale(each, phone="555")
        with pytest.raises(
            AnonymiseError, match=r"^More than 1 people have this phone: it is no identifier of one\. Look for"
        ):
            Subject.find(phone="555")


class TestErase:
    def everything(self, person):
        return {"profile": Profile.objects.create(account=person, phone="555"), **around(person, phone="555")}

    def test_all_of_it_in_one_operation_and_no_strangers(self, ada, bob):
        hers, theirs = self.everything(ada), self.everything(bob)
        strangers = {name: row(each) for name, each in theirs.items()}
        result = Subject(ada).erase()
        assert result.erased == {
            "people.Account": 1,
            "people.Profile": 1,
            "people.Parcel": 1,
            "people.Sale (free)": 2,
            "people.Remark": 1,
            "people.Reader": 1,
        }
        assert result.deleted == {"people.SaleLine": 1}
        assert len(set(result.operations.values())) == 1
        assert len(set(EventLog.objects.using("gdpr_log").values_list("operation", flat=True))) == 1
        assert ("delete", "people.SaleLine", str(hers["line"].pk)) in events()
        assert row(hers["sale"])["recipient"] == "Ada"  # kept
        assert {name: row(each) for name, each in theirs.items()} == strangers
        left = [str(each) for model in (Account, Profile, Parcel, Sale, Remark, Reader) for each in rows(model)]
        assert not any("ada@quill" in each for each in left)

    def test_again_changes_nothing(self, ada):
        self.everything(ada)
        Subject(ada).erase()
        with unchanged(Account, Sale, Profile, Remark):
            result = Subject(ada).erase()
        assert (result.erased, result.deleted) == ({}, {})

    def test_what_was_filled_again_is_said_to_be_left(self, ada):
        bought = sale(ada, email="ada@quill.example")
        Subject(ada).erase()
        Sale.objects.filter(pk=bought.pk).update(email="ada@quill.example")
        result = Subject(ada).erase()
        assert [str(each) for each in result.left] == [
            "people.Sale (free): 1 row, refilled since it was erased: force=True"
        ]
        Subject(ada).erase(force=True)
        assert row(bought)["email"] != "ada@quill.example"

    def test_what_may_be_hers_is_told_and_left(self, ada, bob):
        sale(bob, email="ada@quill.example")
        result = Subject(ada).erase()
        assert [str(each) for each in result.uncertain] == ["people.Sale: 1 row, by email, but about somebody else"]

    def test_rows_in_doubt_are_hers_if_somebody_says_so(self, ada, bob):
        for each in (ada, bob):
            Profile.objects.create(account=each, phone="555")
        guest, bobs = sale(phone="555"), sale(bob, phone="555")
        assert [(each.name, each.can_include) for each in Subject(ada).doubts()] == [
            ("people.Sale by phone", True),
            ("people.Sale by phone", False),
        ]
        person = Subject(ada).including("people.Sale by phone")
        assert found(person)["people.Sale", ""] == ({guest.pk}, ("by buyer", "by email", "by phone"))
        assert [each.is_claimed for each in person.doubts()] == [True]
        assert person.erase().erased["people.Sale (free)"] == 1
        assert row(guest)["phone"] != "555"
        assert row(bobs)["phone"] == "555"

    @pytest.mark.parametrize("name", ["people.Sale by email", "people.Reader by phone", ""])
    def test_what_a_key_says_to_be_somebody_elses_is_never_hers(self, ada, bob, name):
        sale(bob, email="ada@quill.example")
        with unchanged(Account, Sale), pytest.raises(AnonymiseError) as caught:
            Subject(ada).including(name).erase()
        assert str(caught.value) == "There are no such rows in doubt; there are none."

    def test_who_asked_for_it_is_told_with_each_row(self, ada, bob):
        mine = sale(ada)
        told = []

        def hear(sender, keys, operation, by, **kwargs):
            told.extend((sender._meta.label, key, by) for key in keys)

        with listening(erased, hear):
            result = Subject(ada).erase(by=bob)
        assert told == [("people.Account", ada.pk, bob), ("people.Sale", mine.pk, bob)]
        assert result.erased == {"people.Account": 1, "people.Sale (free)": 1}

    @pytest.mark.parametrize("people_go", [False, True])
    def test_who_asked_for_it_is_told_with_each_row_that_is_deleted(self, ada, bob, people_go):
        line = SaleLine.objects.create(sale=sale(ada))
        told = []

        def hear(sender, keys, operation, using, by, **kwargs):
            told.append((sender._meta.label, keys, operation, using, by))

        with listening(deleted, hear):
            result = (Subject(ada).delete if people_go else Subject(ada).erase)(by=bob)
        operation = result.operations["default"]
        gone = {"people.Account": ada.pk, "people.SaleLine": line.pk} if people_go else {"people.SaleLine": line.pk}
        assert told == [(label, [key], operation, "default", bob) for label, key in gone.items()]

    def test_a_receiver_that_refuses_undoes_all(self, ada, bob):
        lines = [SaleLine.objects.create(sale=sale(ada))]

        def refuse(**kwargs):
            raise AnonymiseError("Not today.")

        with (
            unchanged(Account, Sale, SaleLine),
            listening(erased, refuse),
            pytest.raises(AnonymiseError, match=r"^Not today\.$"),
        ):
            Subject(ada).erase(by=bob)
        assert SaleLine.objects.filter(pk=lines[0].pk).exists()

    @pytest.mark.parametrize("residue", [False, True])
    def test_what_is_checked_when_the_rows_are_locked_undoes_all(self, ada, residue):
        line = SaleLine.objects.create(sale=sale(ada, email="ada@quill.example"))
        seen = []

        def check():
            seen.append(Sale.objects.get(buyer=ada).email)
            raise AnonymiseError("Not what was expected.")

        with unchanged(Account, Sale, SaleLine), pytest.raises(AnonymiseError, match="Not what was expected"):
            Subject(ada).erase(check=check, residue=residue)
        assert seen == ["ada@quill.example"]
        assert SaleLine.objects.filter(pk=line.pk).exists()

    def test_the_preview_says_what_was_erased_before(self, ada):
        bought = sale(ada)
        Subject(ada).erase()
        assert Subject(ada).preview().splitlines() == [
            "people.Account: 1 row, is the person: anonymised: email; 1 anonymised before, left as they are",
            (
                "people.Sale (free): 1 row, by buyer: anonymised: email, phone; recipient stays (tax); "
                "1 anonymised before, left as they are"
            ),
        ]
        Sale.objects.filter(pk=bought.pk).update(email="ada@quill.example")
        assert Subject(ada).preview().endswith("; 1 of these refilled since")

    def test_a_party(self, ada, bob):
        chat = Chat.objects.create(asker=ada, answerer=bob, question="Ada?", answer="Bob!")
        assert Subject(ada).erase().erased["people.Chat (asker)"] == 1
        assert (row(chat)["question"], row(chat)["answer"]) == (str(chat.pk), "Bob!")

    def test_a_failure_changes_nothing(self, ada, monkeypatch):
        self.everything(ada)

        def refuse(self, *args, **options):
            raise RuntimeError

        with unchanged(Account, Sale, SaleLine, Profile, Remark), monkeypatch.context() as patch:
            patch.setattr(models.QuerySet, "delete", refuse)
            with pytest.raises(RuntimeError):
                Subject(ada).erase()

    def test_delete(self, ada, bob):
        hers = self.everything(ada)
        result = Subject(ada).delete()
        assert result.deleted == {"people.Account": 1, "people.Profile": 1, "people.SaleLine": 1}
        assert list(Account.objects.all()) == [bob]
        assert row(hers["sale"])["buyer_id"] is None
        assert row(hers["sale"])["email"] != "ada@quill.example"
        assert len(set(EventLog.objects.using("gdpr_log").values_list("operation", flat=True))) == 1

    def test_the_preview_says_what_is_done_and_what_stays(self, ada, bob):
        self.everything(ada)
        sale(bob, email="ada@quill.example")
        lines = Subject(ada).preview().splitlines()
        assert "people.Account: 1 row, is the person: anonymised: email" in lines
        assert (
            "people.Sale (free): 2 rows, 1 by buyer, 1 by email: anonymised: email, phone; "
            "recipient stays (tax)" in lines
        )
        assert "people.SaleLine: 1 row, by sale__buyer: deleted" in lines
        assert "people.Sale: 1 row, by email, but about somebody else: not included" in lines
        with unchanged(Account, Sale):
            Subject(ada).preview()

    def test_what_she_is_known_by_since_the_preview(self, ada):
        guest, former = sale(email="lovelace@quill.example"), sale(email="ada@quill.example")
        person = Subject(ada)
        person.preview()
        Account.objects.filter(pk=ada.pk).update(email="lovelace@quill.example")
        person.erase()
        assert row(guest)["email"] != "lovelace@quill.example"
        assert row(former)["email"] == "ada@quill.example"

    def test_the_preview_of_rows_of_which_all_is_kept(self, ada):
        Profile.objects.create(account=ada, phone="555")
        with changed(Profile, on_erasure={"phone": Keep("tax")}):
            lines = Subject(ada).preview().splitlines()
        assert [line for line in lines if "Profile" in line] == [
            "people.Profile (free): 1 row, is the person, by account: anonymised: nothing; phone stays (tax)"
        ]


class TestExport:
    def exported(self, person):
        file = io.BytesIO()
        counts = person.export(file)
        with zipfile.ZipFile(file) as archive:
            assert archive.testzip() is None
            files = {name: archive.read(name).decode() for name in archive.namelist()}
        manifest = json.loads(files.pop("manifest.json"))
        assert [(each["file"], each["rows"]) for each in manifest["files"]] == list(counts.items())
        return {name: list(csv.DictReader(io.StringIO(text, newline=""))) for name, text in files.items()}, manifest

    def test_all_that_is_hers_and_nothing_of_others(self, ada, bob):
        for each in (ada, bob):
            TestErase().everything(each)
        files, manifest = self.exported(Subject(ada))
        assert {name: len(found) for name, found in files.items()} == {
            "people-Account.csv": 1,
            "people-Profile.csv": 1,
            "people-Parcel.csv": 1,
            "people-Sale.csv": 2,
            "people-SaleLine.csv": 1,
            "people-Remark.csv": 1,
            "people-Reader.csv": 1,
        }
        assert "bob" not in str(files) + str(manifest)
        assert files["people-Sale.csv"][0]["recipient"] == "Ada"  # what is kept is hers as well
        sales = next(each for each in manifest["files"] if each["model"] == "people.Sale")
        said = "anonymised; recipient is kept (tax)"
        assert (sales["found"], sales["on_erasure"]) == (["by buyer", "by email"], said)
        assert "people.Chat" in manifest["empty"]
        assert "people.Counter" not in manifest["empty"]
        assert manifest["person"].startswith(f"people.Account {ada.pk}, people.Profile ")

    def test_what_may_be_hers_is_named_and_not_in_it(self, ada, bob):
        sale(bob, email="ada@quill.example")
        files, manifest = self.exported(Subject(ada))
        assert list(files) == ["people-Account.csv"]
        assert manifest["not_included"] == ["people.Sale: 1 row, by email, but about somebody else"]

    def test_a_format_that_there_is_not(self, ada):
        with pytest.raises(ValueError, match="There is no format 'pdf' of an export"):
            Subject(ada).export(io.BytesIO(), format="pdf")


class TestDatabases:
    def test_rows_of_nobody_on_another_database_are_hers_too(self, ada):
        guest = Sale.objects.using("other").create(email="ada@quill.example", recipient="Ada")
        strange = Account.objects.using("other").create(pk=ada.pk, email="eve@quill.example")
        theirs = Sale.objects.using("other").create(buyer=strange, email="eve@quill.example", recipient="Eve")
        result = Subject(ada).erase()
        assert set(result.operations) == {"default", "other"}
        assert len(set(result.operations.values())) == 2
        assert row(guest)["email"] != "ada@quill.example"
        assert (row(strange)["email"], row(theirs)["email"]) == ("eve@quill.example", "eve@quill.example")

    def test_a_key_there_is_a_strangers(self, ada):
        """Also where the row holds a value of hers, or is about a party with her number."""
        strange = Account.objects.using("other").create(pk=ada.pk, email="eve@quill.example")
        sold = Sale.objects.using("other").create(buyer=strange, email="ada@quill.example", recipient="Eve")
        [doubt] = Subject(ada).doubts()
        assert (doubt.is_claimed, list(doubt.rows)) == (True, [sold])
        with changed(Chat, identifiers={"email": ["question"]}):
            chat = Chat.objects.using("other").create(answerer=strange, question="ada@quill.example", answer="!")
            kind = ContentType.objects.db_manager("other").get_for_model(Chat)
            remark = Remark.objects.using("other").create(content_type=kind, object_id=str(chat.pk), text="Loud")
            Subject(ada).erase()
        assert (row(chat)["question"], row(remark)["text"]) == (str(chat.pk), "Loud")

    def test_one_of_them_commits_last(self):
        assert in_order_of_commit(["default", "other"], last="default") == ["other", "default"]
        assert in_order_of_commit(["default", "other"], last="other") == ["default", "other"]


def looked_up(value):
    try:
        return str(Subject.find(email=value))
    except AnonymiseError as error:
        return str(error)


class TestValues:
    @pytest.mark.parametrize("value", ["\0", "\ud800", "x" * 60_000])
    def test_one_that_cannot_be_looked_up_is_an_error_without_it_or_finds_nobody(self, value):
        """Which of the two depends on the database."""
        assert looked_up(value).startswith(("[]", "The value of email cannot be looked up ("))
        assert value not in looked_up(value)

    def test_a_person_is_named_by_her_rows(self, ada):
        profile = Profile.objects.create(account=ada)
        assert str(Subject(ada)) == f"people.Account {ada.pk}, people.Profile {profile.pk}"
        assert "ada" not in repr(Subject(ada).rows()) + repr(Subject(ada).values)


@pytest.mark.django_db(transaction=True)
def test_a_replay_after_a_restore_does_the_same(ada):
    """To the rows as they were in the backup, and nothing to a stranger."""
    bought = sale(ada, email="ada@quill.example")
    line, stranger = (
        SaleLine.objects.create(sale=bought, engraving="Ada"),
        sale(account("bob"), email="bob@quill.example"),
    )
    tables = (Account, Sale, SaleLine, PrivacyAnonymised, Receipt)
    backup = {model: list(model._base_manager.all()) for model in tables}
    Subject(ada).erase()
    erased = {model: rows(model) for model in (Account, Sale, SaleLine)}
    for model in reversed(tables):
        models.QuerySet(model)._raw_delete("default")
    for model, objects in backup.items():
        model._base_manager.bulk_create(objects)
    assert row(bought)["email"] == "ada@quill.example"

    call_command("gdpr_rerun", "--noinput")

    assert {model: rows(model) for model in (Account, Sale, SaleLine)} == erased
    assert row(bought)["recipient"] == "Ada"
    assert row(stranger)["email"] == "bob@quill.example"
    assert not SaleLine.objects.filter(pk=line.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_asynchronously(ada):
    async def act():
        [person] = await Subject.afind(email="ada@quill.example")
        return await person.apreview(), await person.aerase()

    preview, result = async_to_sync(act)()
    assert preview.startswith("people.Account: 1 row")
    assert result.erased == {"people.Account": 1}


@pytest.mark.django_db(transaction=True)
def test_asynchronously_with_rows_in_doubt(ada):
    for each in (ada, account("bob")):
        Profile.objects.create(account=each, phone="555")
    sale(phone="555")

    async def act():
        [person] = await Subject.afind(email="ada@quill.example")
        [doubt] = await person.adoubts()
        person = await person.aincluding(doubt.name)
        return doubt.name, (await person.aoutlook()).lines, await person.adoubts()

    name, lines, rest = async_to_sync(act)()
    assert name == "people.Sale by phone"
    assert {each.share.name: each.ways for each in lines}["people.Sale (free)"] == {"by phone": 1}
    assert rest == []


def test_content_types_are_those_of_the_rows(ada):
    remark = Remark.objects.create(about=sale(ada), text="x")
    assert remark.content_type == ContentType.objects.get_for_model(Sale)
    Subject(ada).erase()
    assert PrivacyAnonymised.objects.filter(content_type__model="remark").count() == 1


TYPED = {
    "in small letters": "ada_q@quill.example",
    "otherwise": "Ada_Q@Quill.example",
    "in capitals": "ADA_Q@QUILL.EXAMPLE",
}


@pytest.mark.parametrize("typed", TYPED.values(), ids=TYPED)
@pytest.mark.parametrize(
    ("lookup", "held"),
    [
        ("char", lambda address: {"char": address}),
        ("text", lambda address: {"text": address}),
        ("json__told__email", lambda address: {"json": {"told": {"email": address}}}),
    ],
    ids=["a name that was typed", "a text", "within JSON"],
)
def test_an_address_is_found_in_whatever_case_in_whatever_column(typed, lookup, held):
    """As in a log of who has logged in with it."""
    ada = account("ada_q")
    account("adaxq")  # of whom "_" must not mean the letter
    hers, _ = (NullBlankFields.objects.create(**held(each)) for each in (typed, "adaxq@quill.example"))
    with changed(NullBlankFields, identifiers={"email": lookup}):
        assert found(Subject(ada))["fields.NullBlankFields", ""] == ({hers.pk}, ("by email",))


def test_any_other_value_is_compared_as_it_is():
    """Two accounts may be called Ada and ada."""
    ada = account("ada")
    for phone, name in (("Ext-5", "ext-5"), ("Ext-6", "Ext-6")):
        Profile.objects.update_or_create(account=ada, defaults={"phone": phone})
        told = NullBlankFields.objects.create(char=name)
        with changed(NullBlankFields, identifiers={"phone": "char"}):
            is_found = ("fields.NullBlankFields", "") in found(Subject(ada))
        assert is_found == (
            phone == told.char or DB == "mariadb"
        )  # whose collation compares so, unless told otherwise


def test_what_is_known_by_a_value_in_a_json_column_is_found():
    """As what another site has told of somebody, and nobody has looked at yet."""
    ada, bob = account("ada"), account("bob")
    hers, his = (NullBlankFields.objects.create(json={"told": {"email": each.email}}) for each in (ada, bob))
    with changed(NullBlankFields, identifiers={"email": "json__told__email"}):
        Subject(ada).erase()
    assert row(hers)["json"] != {"told": {"email": "ada@quill.example"}}
    assert row(his)["json"] == {"told": {"email": "bob@quill.example"}}
