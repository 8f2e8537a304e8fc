"""What a person is given of her rows: all that is hers, what she has seen of others, and not who these are."""

import csv
import io
import json
import zipfile

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.dateparse import parse_datetime

import gdpr_assist
from gdpr_assist import Party, Subject
from gdpr_assist.registry import registry
from tests.apps.people.models import (
    Account,
    Chat,
    Circle,
    Event,
    Parcel,
    Profile,
    Remark,
    Sale,
    SaleLine,
    StaffAccount,
)

from .observing import changed
from .people import account, around, sale

pytestmark = pytest.mark.django_db

HERSELF = "this person"


def exported(person):
    """Return {name of file: rows} and the manifest."""
    file = io.BytesIO()
    counts = person.export(file)
    return read(file, counts)


def read(file, counts):
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    assert [(each["file"], each["rows"]) for each in manifest["files"]] == list(counts.items())
    tables = {name: list(csv.DictReader(io.StringIO(text, newline=""))) for name, text in files.items()}
    for each in manifest["files"]:
        assert list(tables[each["file"]][0]) == each["columns"]
    return tables, manifest


def entry(manifest, label, party=""):
    [found] = [each for each in manifest["files"] if (each["model"], each["party"]) == (label, party)]
    return found


@pytest.fixture
def packer():
    # A key that is in no date, size or digest by chance
    return StaffAccount.objects.create(id=1_204_681_357, email="cleo@quill.example", is_confirmed=True, desk="3")


class TestOtherPeople:
    def test_the_same_one_is_the_same_token_in_each_file(self, ada, packer):
        for _ in range(2):
            sale(ada, packed_by=packer)
        Chat.objects.create(asker=ada, answerer=Account.objects.get(pk=packer.pk))
        tables, manifest = exported(Subject(ada))
        tokens = {each["packed_by"] for each in tables["people-Sale.csv"]}
        [token] = tokens
        assert token.startswith("person-")
        assert len(token) == len("person-") + 16
        assert tables["people-Chat.csv"][0]["answerer"] == token
        assert str(packer.pk) not in str(tables) + str(manifest)
        assert "Article 15(4)" in manifest["other_people"]

    def test_two_are_two_tokens(self, ada, bob, packer):
        sale(ada, packed_by=packer)
        Chat.objects.create(asker=ada, answerer=bob)
        tables, _ = exported(Subject(ada))
        assert tables["people-Sale.csv"][0]["packed_by"] != tables["people-Chat.csv"][0]["answerer"]

    def test_the_next_export_has_other_tokens(self, ada, packer):
        sale(ada, packed_by=packer)
        first, second = (exported(Subject(ada))[0]["people-Sale.csv"][0]["packed_by"] for _ in range(2))
        assert first != second

    def test_she_herself_is_none_of_them(self, ada):
        Chat.objects.create(asker=ada, answerer=ada)
        sale(ada)
        tables, _ = exported(Subject(ada))
        assert tables["people-Sale.csv"][0]["buyer"] == HERSELF
        assert {(each["asker"], each["answerer"]) for each in tables["people-Chat.csv"]} == {(HERSELF, HERSELF)}

    def test_nobody_is_nobody(self, ada):
        sale(ada)
        assert exported(Subject(ada))[0]["people-Sale.csv"][0]["packed_by"] == ""

    def test_a_profile_and_its_account_are_one_person(self, ada, bob):
        profile = Profile.objects.create(account=bob)
        circle = Circle.objects.create(motto="Sing", host=profile)
        circle.members.add(ada)
        Chat.objects.create(asker=ada, answerer=bob)
        tables, _ = exported(Subject(ada))
        assert tables["people-Circle.csv"][0]["host"] == tables["people-Chat.csv"][0]["answerer"] != ""

    def test_her_profile_is_herself(self, ada):
        circle = Circle.objects.create(motto="Sing", host=Profile.objects.create(account=ada))
        circle.members.add(ada)
        assert exported(Subject(ada))[0]["people-Circle.csv"][0]["host"] == HERSELF

    def test_the_path_of_an_actor_goes_on_to_a_person(self, ada, packer):
        parcel = Parcel.objects.create(street="Harbour Road")
        sale(ada, packed_by=packer, parcel=parcel)
        with changed(Sale, actors=["packed_by", "parcel"]), changed(Parcel, subject="sale__packed_by"):
            [row] = exported(Subject(ada))[0]["people-Sale.csv"]
        assert row["parcel__sale__packed_by"] == row["packed_by"] != ""

    def test_a_generic_key(self, ada, bob):
        """Of rows that are hers, as they name her, and about other people."""
        targets = (bob, Profile.objects.create(account=bob), ada, Event.objects.create(topic="Jazz"))
        with changed(Remark, subject=None, identifiers={"email": "text"}):
            for each in targets:
                Remark.objects.create(about=each, text=ada.email)
            Remark.objects.create(about=bob, text=ada.email)
            tables, _ = exported(Subject(ada))
        first, second, third, fourth, again = (each["object_id"] for each in tables["people-Remark.csv"])
        assert first == second == again
        assert first.startswith("person-")
        assert (third, fourth) == (HERSELF, str(targets[3].pk))

    def test_a_generic_key_that_is_none(self, ada):
        with changed(Remark, subject=None, identifiers={"email": "text"}):
            Remark.objects.create(about=ada, text=ada.email)
            Remark.objects.update(object_id="nobody")
            tables, _ = exported(Subject(ada))
        assert tables["people-Remark.csv"][0]["object_id"] == "nobody"

    def test_columns_that_are_chosen(self, ada, packer):
        """A listed key is a token; what is not listed is not added, nor what is excluded."""
        sale(ada, packed_by=packer)
        with changed(Sale, export_fields=["recipient", "packed_by", "packed_by_id"]):
            [chosen] = exported(Subject(ada))[0]["people-Sale.csv"]
        with changed(Sale, export_exclude=["packed_by", "buyer"]):
            [rest] = exported(Subject(ada))[0]["people-Sale.csv"]
        assert list(chosen) == ["recipient", "packed_by", "packed_by_id"]
        assert chosen["packed_by"] == chosen["packed_by_id"]
        assert chosen["packed_by"].startswith("person-")
        assert not {"packed_by", "buyer"} & rest.keys()

    def test_an_export_method_of_the_project(self, ada, packer):
        """The people whom it gives are tokens, also a profile; what a party has not seen is left out of it."""
        profile = Profile.objects.create(account=Account.objects.get(pk=packer.pk))
        sale(ada, packed_by=packer)

        def export(self, row):
            return {"packed by": row.packed_by, "host": profile, "sold to": row.buyer, "number": 7}

        with changed(Sale, export=export):
            [row] = exported(Subject(ada))[0]["people-Sale.csv"]
        assert row["packed by"] == row["host"]
        assert row["host"].startswith("person-")
        assert (row["sold to"], row["number"]) == (HERSELF, "7")

    def test_the_same_key_on_another_database_is_somebody_else(self, ada):
        strange = StaffAccount.objects.using("other").create(pk=ada.pk, email="eve@quill.example", desk="3")
        sale(ada)
        Sale.objects.using("other").create(email=ada.email, recipient="Ada", packed_by=strange)
        tables, manifest = exported(Subject(ada))
        here, there = (each["file"] for each in manifest["files"] if each["model"] == "people.Sale")
        assert tables[here][0]["buyer"] == HERSELF
        assert tables[there][0]["packed_by"].startswith("person-")

    def test_no_query_for_each_row(self, ada):
        counted = []
        for number in range(2):
            for place in range(3):
                person = account(f"m{number}{place}")
                circle = Circle.objects.create(motto="x", host=Profile.objects.create(account=person))
                circle.members.add(ada)
                Chat.objects.create(asker=ada, answerer=person)
            with CaptureQueriesContext(connection) as captured:
                exported(Subject(ada))
            counted.append(len(captured))
        assert counted[0] == counted[1]


class TestParties:
    PARTIES = {"asker": Party(erases=["question"]), "answerer": Party(erases=["answer"], sees=["question"])}

    def test_each_gets_what_is_theirs_and_what_they_saw(self, ada, bob):
        Chat.objects.create(asker=ada, answerer=bob, question="Ada?", answer="Bob!")
        with changed(Chat, subject=self.PARTIES):
            asked, said = exported(Subject(ada))
            answered, told = exported(Subject(bob))
        [mine], [theirs] = asked["people-Chat.csv"], answered["people-Chat.csv"]
        assert (mine["question"], mine["asker"]) == ("Ada?", HERSELF)
        assert (theirs["question"], theirs["answer"], theirs["answerer"]) == ("Ada?", "Bob!", HERSELF)
        assert "answer" not in mine
        assert mine["answerer"].startswith("person-")
        assert theirs["asker"].startswith("person-")
        assert entry(said, "people.Chat", "asker")["withheld"] == {"answer": "it belongs to another person"}
        assert entry(told, "people.Chat", "answerer")["withheld"] == {}

    def test_a_method_of_the_project_cannot_tell_more(self, ada, bob):
        Chat.objects.create(asker=ada, answerer=bob, question="Ada?", answer="Bob!")
        with changed(Chat, subject=self.PARTIES, export=lambda self, row: {"answer": row.answer, "all": row.question}):
            tables, manifest = exported(Subject(ada))
        assert tables["people-Chat.csv"] == [{"all": "Ada?"}]
        assert entry(manifest, "people.Chat", "asker")["withheld"] == {
            "question": "left out by the declaration of this site",
            "answer": "it belongs to another person",
        }

    def test_a_key_that_is_the_other_one_s_own_column(self, ada, bob):
        Chat.objects.create(asker=ada, answerer=bob, question="Ada?", answer="Bob!")
        parties = {"asker": Party(erases=["question"]), "answerer": Party(erases=["answer", "answerer"])}
        with changed(Chat, subject=parties, fields=["question", "answer", "answerer"], keep=["asker"]):
            tables, manifest = exported(Subject(ada))
        assert tables["people-Chat.csv"][0]["answerer"].startswith("person-")
        assert list(entry(manifest, "people.Chat", "asker")["withheld"]) == ["answer"]


class TestManifest:
    def test_for_whom_by_what_and_when(self, ada):
        profile = Profile.objects.create(account=ada, phone="555")
        around(ada)
        sale(ada, email="second@quill.example")
        before = timezone.now()
        _, manifest = exported(Subject(ada))
        assert manifest["person"] == f"people.Account {ada.pk}, people.Profile {profile.pk}"
        assert manifest["identifiers"] == {"email": ["ada@quill.example"], "phone": ["555"]}
        assert before <= parse_datetime(manifest["made"]) <= timezone.now()
        assert manifest["version"] == gdpr_assist.__version__
        assert entry(manifest, "people.Sale")["found"] == ["by buyer", "by email", "by phone"]
        assert entry(manifest, "people.Sale")["rows"] == 3
        assert entry(manifest, "people.Sale")["on_erasure"] == "anonymised; recipient is kept (tax)"
        assert entry(manifest, "people.SaleLine")["on_erasure"] == "deleted"

    def test_what_is_about_somebody_else_too_stays(self, ada, bob):
        circle = Circle.objects.create(motto="Ours")
        circle.members.add(ada, bob)
        found = entry(exported(Subject(ada))[1], "people.Circle")
        assert (found["about_somebody_else_too"], found["on_erasure"]) == (True, "kept (about somebody else too)")
        Subject(ada).erase()
        assert Circle.objects.get().motto == "Ours"
        found = entry(exported(Subject(bob))[1], "people.Circle")
        assert (found["about_somebody_else_too"], found["on_erasure"]) == (False, "anonymised")

    def test_what_cannot_be_anonymised_stays(self, ada):
        around(ada)
        with changed(Sale, can_anonymise=False, on_erasure="anonymise"):
            found = entry(exported(Subject(ada))[1], "people.Sale")
        assert found["on_erasure"] == "kept (declared as not to be anonymised)"

    def test_no_value_stands_in_it_that_is_in_no_export(self, ada):
        Profile.objects.create(account=ada, phone="555")
        with changed(Profile, export_exclude=["phone"]), changed(Sale, export_exclude=["phone"]):
            _, manifest = exported(Subject(ada))
        assert manifest["identifiers"] == {"email": ["ada@quill.example"]}

    def test_of_somebody_without_an_account(self):
        sale(email="gil@quill.example")
        [guest] = Subject.find(email="gil@quill.example")
        _, manifest = exported(guest)
        assert manifest["person"] == "somebody without a row of their own"
        assert manifest["identifiers"] == {"email": ["gil@quill.example"]}

    def test_every_model_that_may_be_about_people_was_searched(self, ada):
        _, manifest = exported(Subject(ada))
        empty = {"people.Chat", "people.Circle", "people.Event", "people.Parcel", "people.Profile", "people.Reader"}
        assert empty <= set(manifest["empty"])
        assert not {"people.Counter", "people.Account"} & set(manifest["empty"])

    def test_what_was_left_out_by_the_caller(self, ada):
        assert exported(Subject(ada))[1]["narrowed"] is False
        assert exported(Subject(ada, rows=lambda model, rows: rows))[1]["narrowed"] is True

    def test_what_was_left_out_and_why(self, ada):
        sale(ada)
        with changed(Sale, export_exclude=["phone"]):
            _, manifest = exported(Subject(ada))
        assert entry(manifest, "people.Sale")["withheld"] == {"phone": "left out by the declaration of this site"}
        assert entry(manifest, "people.Account")["withheld"] == {}

    def test_a_password_is_no_answer(self):
        user = User.objects.create_user("ada", "ada@quill.example", "secret")
        fields = [*registry.declaration(User).fields, "password"]
        with changed(User, subject="self", fields=dict.fromkeys(fields), identifiers={}):
            tables, manifest = exported(Subject(user))
        assert tables["auth-User.csv"][0]["email"] == "ada@quill.example"
        assert entry(manifest, "auth.User")["withheld"] == {
            "password": "it is a means to log in, and is never handed out"
        }
        assert user.password not in str(tables) + str(manifest)

    def test_personal_keys(self, ada):
        """What a key leads to that is nobody's is said; a row that is about people has a file of its own."""
        parcel = Parcel.objects.create(street="Harbour Road")
        sale(ada, parcel=parcel)
        with changed(Sale, fields=["email", "phone", "recipient", "parcel"], keep=["buyer", "packed_by"]):
            tables, manifest = exported(Subject(ada))
            with changed(Parcel, subject=None):
                things, rest = exported(Subject(ada))
        assert "parcel" not in tables["people-Sale.csv"][0]
        assert entry(manifest, "people.Sale")["withheld"] == {
            "parcel": "it leads to another row, and what it says stands there"
        }
        assert things["people-Sale.csv"][0]["parcel"] == str(parcel)
        assert entry(rest, "people.Sale")["withheld"] == {}

    def test_chosen_keys_to_rows_of_others(self, ada, bob):
        """Also if it is named, a key to what is about people, or to many, says nothing of them."""
        sale(ada, parcel=Parcel.objects.create(street="Harbour Road"))
        line = SaleLine.objects.create(sale=sale(bob), engraving="E")
        circle = Circle.objects.create(motto="Ours")
        circle.members.add(ada, bob)
        with changed(Sale, export_fields=["recipient", "parcel", "parcel_id"]):
            tables, manifest = exported(Subject(ada))
            with changed(Parcel, subject=None):
                things, _rest = exported(Subject(ada))
        assert list(tables["people-Sale.csv"][0]) == ["recipient"]
        assert "parcel" in entry(manifest, "people.Sale")["withheld"]
        assert things["people-Sale.csv"][0]["parcel"] == str(Parcel.objects.get())
        with changed(Circle, export_fields=["motto", "members"]):
            tables, manifest = exported(Subject(ada))
        assert list(tables["people-Circle.csv"][0]) == ["motto"]
        assert "members" in entry(manifest, "people.Circle")["withheld"]
        with changed(Sale, export=lambda self, row: {"line": line, "friend": bob}):
            [given] = exported(Subject(ada))[0]["people-Sale.csv"]
        assert given["line"] == ""
        assert given["friend"].startswith("person-")


@pytest.mark.django_db(transaction=True)
def test_asynchronously(ada):
    around(ada)

    async def act():
        person = Subject(ada)
        file = io.BytesIO()
        counts = await person.aexport(file)
        return file, counts, await person.arows()

    person = async_to_sync(act)
    file, counts, found = person()
    tables, _ = read(file, counts)
    assert tables["people-Account.csv"][0]["email"] == "ada@quill.example"
    assert {each.label for each in found} >= {"people.Account", "people.Sale"}
