"""Rows about several people: each is found by a key or a value of her own, and only what is hers is hers."""

from io import BytesIO
from zipfile import ZipFile

import pytest

from gdpr_assist import Keep, Party, Subject
from gdpr_assist.models import EventLog
from gdpr_assist.paths import known_by, routes
from gdpr_assist.registry import registry
from tests.apps.people.models import Account, Attachment, Chat, Profile, StaffAccount

from .observing import changed, row
from .people import account, sale

pytestmark = pytest.mark.django_db

ADDRESS = "ada@quill.example"


def found(person):
    """Return {party: keys of the chats}."""
    chats = [each for each in person.rows() if each.model is Chat and each.using == "default"]
    return {each.part: set(each.rows.values_list("pk", flat=True)) for each in chats if each.rows.exists()}


@pytest.fixture
def by_address():
    """Let the question be the address of who asks, and the answer that of who answers."""
    with changed(Chat, identifiers={"email": ["question", "answer"]}):
        yield


@pytest.mark.usefixtures("by_address")
class TestByValue:
    def test_each_by_the_column_that_is_theirs(self, ada, bob):
        asked = Chat.objects.create(answerer=bob, question=ADDRESS, answer="Yes")
        answered = Chat.objects.create(asker=bob, question="Ada?", answer=ADDRESS)
        assert found(Subject(ada)) == {"asker": {asked.pk}, "answerer": {answered.pk}}
        result = Subject(ada).erase()
        assert result.erased["people.Chat (asker)"] == result.erased["people.Chat (answerer)"] == 1
        assert (row(asked)["question"], row(asked)["answer"]) == (str(asked.pk), "Yes")
        assert (row(answered)["question"], row(answered)["answer"]) == ("Ada?", str(answered.pk))

    def test_a_key_of_the_same_party_to_somebody_else_is_a_doubt(self, ada, bob):
        Chat.objects.create(asker=bob, question=ADDRESS, answer="Yes")
        assert found(Subject(ada)) == {}
        assert [each.reason for each in Subject(ada).doubts()] == ["by email, but about somebody else"]

    def test_her_own_key_is_none(self, ada, bob):
        Chat.objects.create(asker=ada, answerer=bob, question=ADDRESS, answer="Yes")
        assert Subject(ada).doubts() == []

    def test_somebody_without_an_account(self, bob):
        asked = Chat.objects.create(answerer=bob, question="gil@quill.example", answer="Yes")
        [guest] = Subject.find(email="gil@quill.example")
        assert found(guest) == {"asker": {asked.pk}}
        guest.erase()
        assert (row(asked)["question"], row(asked)["answer"]) == (str(asked.pk), "Yes")

    def test_who_is_found_by_a_value_is_who_it_is_of(self, ada, bob):
        Chat.objects.create(asker=ada, answerer=bob, question="second@quill.example", answer="third@quill.example")
        for value, person in (("second@quill.example", ada), ("third@quill.example", bob)):
            [subject] = Subject.find(email=value)
            assert subject.keys == {Account: {person.pk}}


def test_values_of_the_others_are_not_hers(ada, bob):
    """As that of a telephone, where nobody confirms it."""
    guests = [sale(phone=phone) for phone in ("555", "777")]
    Chat.objects.create(asker=ada, answerer=bob, question="555", answer="777")
    with changed(Profile, identifiers={}), changed(Chat, identifiers={"phone": ["question", "answer"]}):
        assert [each.value for each in Subject(ada).values if each.identifier == "phone"] == ["555"]
        Subject(ada).erase()
    assert [row(each)["phone"] for each in guests] == ["", "777"]


def test_each_value_has_its_party():
    with changed(Chat, identifiers={"email": ["question", "answerer__email"]}):
        assert [(each.lookup, each.party) for each in known_by(Chat)] == [
            ("question", "asker"),
            ("answerer__email", "answerer"),
        ]


def test_gdpr_assist_E045_of_a_value_that_is_nobodys():
    parties = {"asker": Party(erases=["question"])}
    with changed(Chat, identifiers={"email": "answer"}, subject=parties, fields=["question"], keep=["answer"]):
        messages = [each.message for each in registry.declaration(Chat).mistakes if each.check == "E045"]
    assert messages == ["people.Chat: PrivacyMeta.identifiers['email'] names answer, which is nobody's."]


class TestOfNobody:
    """A party with neither a key nor a value can never ask: what is theirs goes with the last of the others."""

    def test_it_goes_with_the_last(self, ada, bob):
        alone, between = Chat.objects.create(asker=ada), Chat.objects.create(asker=ada, answerer=bob)
        for chat in (alone, between):
            Chat.objects.filter(pk=chat.pk).update(question="Ada?", answer="Yes, Ada!")
        assert [str(each) for each in Subject(ada).lines() if each.share.label == "people.Chat"] == [
            (
                "people.Chat (asker): 2 rows, by asker: anonymised: question; "
                "answer stays (it belongs to the answerer, if there is one)"
            ),
            "people.Chat (answerer): 1 row, without answerer: anonymised: answer",
        ]
        assert Subject(ada).erase().erased["people.Chat (answerer)"] == 1
        assert (row(alone)["question"], row(alone)["answer"]) == (str(alone.pk), str(alone.pk))
        assert alone.is_anonymised()
        assert (row(between)["answer"], between.is_anonymised()) == ("Yes, Ada!", False)
        assert sorted(EventLog.objects.filter(model_name="Chat").values_list("target_pk", "part")) == [
            (str(alone.pk), "answerer"),
            (str(alone.pk), "asker"),
            (str(between.pk), "asker"),
        ]

    @pytest.mark.parametrize("delete", [lambda person: person.delete(), lambda person: Subject(person).delete()])
    def test_also_when_the_last_is_deleted(self, delete):
        ada, bob = account("ada"), account("bob")
        chat = Chat.objects.create(asker=ada, answerer=bob, question="Ada?", answer="Yes!")
        Chat.objects.filter(pk=chat.pk).update(answerer=None)  # as before there was a declaration
        Account.objects.filter(pk=bob.pk)._raw_delete("default")
        delete(ada)
        assert (row(chat)["question"], row(chat)["answer"]) == (str(chat.pk), str(chat.pk))

    def test_it_is_not_in_the_export_of_the_last(self, ada):
        Chat.objects.create(asker=ada, question="Ada?", answer="Yes!")
        parties = {"asker": Party(erases=["question"]), "answerer": Party(erases=["answer"])}
        with changed(Chat, subject=parties):
            Subject(ada).export(file := BytesIO())
            with ZipFile(file) as archive:
                assert not any(b"Yes!" in archive.read(name) for name in archive.namelist())

    def test_one_whose_path_leads_in_a_circle(self, ada):
        chat = Chat.objects.create(asker=ada, question="Ada?", answer="Yes!")
        with changed(
            Chat, subject={"asker": Party(erases=["question"]), "attachment__chat": Party(erases=["answer"])}
        ):
            Subject(ada).erase()
        assert (row(chat)["question"], row(chat)["answer"]) == (str(chat.pk), str(chat.pk))

    def test_who_is_another_party_too_is_the_last_of_the_others(self):
        """At once, not at a second call."""
        staff = StaffAccount.objects.create(email="cleo@quill.example", is_confirmed=True)
        chat = Chat.objects.create(asker=staff, question="Cleo?", answer="Yes!")
        parties = {
            "asker": Party(erases=["question"]),
            "asker__staffaccount": Party(sees=["question"]),
            "answerer": Party(erases=["answer"]),
        }
        with changed(Chat, subject=parties):
            Subject(staff).erase()
            assert (row(chat)["question"], row(chat)["answer"]) == (str(chat.pk), str(chat.pk))
            assert Subject(staff).erase().erased == {}

    @pytest.mark.usefixtures("by_address")
    def test_who_is_known_by_a_value_is_somebody(self, ada):
        chat = Chat.objects.create(asker=ada, question=ADDRESS, answer="gil@quill.example")
        Subject(ada).erase()
        assert row(chat)["answer"] == "gil@quill.example"
        [guest] = Subject.find(email="gil@quill.example")
        guest.erase()
        assert row(chat)["answer"] == str(chat.pk)

    @pytest.mark.parametrize("is_there", [True, False])
    def test_of_three_the_last_takes_it(self, ada, bob, is_there):
        """Who is erased is nobody any more."""
        parties = {
            "asker": Party(erases=["question"]),
            "answerer": Party(erases=["answer"]),
            "asker__brought_by": Party(sees=["question"]),
        }
        Account.objects.filter(pk=ada.pk).update(brought_by=bob)
        chat = Chat.objects.create(asker=ada, question="Ada?", answer="Eve!")
        with changed(Chat, subject=parties, identifiers={}):
            if not is_there:
                Subject(bob).erase()
            Subject(ada).erase()
        assert row(chat)["answer"] == ("Eve!" if is_there else str(chat.pk))

    def test_what_is_kept_of_theirs_stays(self, ada):
        chat = Chat.objects.create(asker=ada, question="Ada?", answer="Yes!")
        with changed(Chat, on_erasure={"answer": Keep("a claim")}):
            Subject(ada).erase()
        assert row(chat)["answer"] == "Yes!"


class TestBehind:
    """Rows of which the path goes on by the paths of a row with parties: about each of these, and nobody's part."""

    def test_the_paths_are_no_parties_there(self):
        assert [(each.lookup, each.party) for each in routes(Attachment)] == [
            ("chat__asker", ""),
            ("chat__answerer", ""),
        ]

    def test_it_stays_while_somebody_else_is_there(self, ada, bob):
        attached = Attachment.objects.create(chat=Chat.objects.create(asker=ada, answerer=bob), title="Holiday")
        assert "people.Attachment: 1 row, kept (about somebody else too)" in map(str, Subject(ada).erase().kept)
        assert row(attached)["title"] == "Holiday"
        Subject(bob).erase()
        assert row(attached)["title"] == str(attached.pk)

    def test_it_is_hers_where_nobody_else_is_there(self, ada):
        attached = Attachment.objects.create(chat=Chat.objects.create(asker=ada), title="Holiday")
        Subject(ada).erase()
        assert row(attached)["title"] == str(attached.pk)

    def test_a_deletion_does_the_same(self):
        ada, bob = account("ada"), account("bob")
        attached = Attachment.objects.create(chat=Chat.objects.create(asker=ada, answerer=bob), title="Holiday")
        ada.delete()
        assert row(attached)["title"] == "Holiday"
        bob.delete()
        assert row(attached)["title"] == str(attached.pk)
