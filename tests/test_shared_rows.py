"""Rows that are about several people: who is erased takes the link alone, and the last one takes the row."""

import io
import threading

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connections
from django.db.models import QuerySet

from gdpr_assist import Subject
from gdpr_assist.models import PrivacyAnonymised, Receipt
from gdpr_assist.registry import registry
from tests.apps.people.models import Account, Chat, Circle, Event, Profile, Remark, Visit
from tests.settings import DB

from .logbook import anonymised, deleted, logged
from .observing import changed, events, row, rows
from .people import account

pytestmark = pytest.mark.django_db

Link = Circle.members.through


def circle(*members, motto="Sing"):
    made = Circle.objects.create(motto=motto)
    made.members.add(*members)
    return made


def link(of, member):
    return Link.objects.get(circle=of, account=member)


def members(of):
    return set(of.members.values_list("pk", flat=True))


class TestErase:
    def test_the_link_goes_and_the_row_stays_while_somebody_else_is_there(self, ada, bob):
        shared, theirs, other = circle(ada, bob), circle(bob), link(circle(bob, motto="Run"), bob)
        hers = link(shared, ada)
        assert "people.Circle_members: 1 row, link to people.Circle: deleted" in Subject(ada).preview()
        result = Subject(ada).erase()
        assert (row(shared)["motto"], members(shared)) == ("Sing", {bob.pk})
        assert (members(theirs), Link.objects.filter(pk=other.pk).exists()) == ({bob.pk}, True)
        assert result.deleted == {"people.Circle_members": 1}
        assert [str(each) for each in result.kept] == ["people.Circle: 1 row, kept (about somebody else too)"]
        [(using, written, _)] = logged()
        assert (using, written) == ("default", {anonymised(ada), deleted("people.Circle_members", hers.pk)})

    def test_the_last_one_takes_the_row(self, ada, bob):
        shared = circle(ada, bob)
        Subject(ada).erase()
        result = Subject(bob).erase()
        assert row(shared)["motto"] == str(shared.pk)
        assert (result.deleted, result.kept) == ({}, [])
        assert Subject(bob).erase().erased == Subject(ada).erase().erased == {}

    def test_of_one_person_in_two_rows_no_link_goes(self, ada):
        """There is nobody else: both rows are hers alone."""
        first, second = circle(ada), circle(ada)
        assert Subject(ada).erase().deleted == {}
        assert members(first) == members(second) == {ada.pk}

    def test_a_link_with_a_declaration_of_its_own_is_what_that_says(self, ada, bob):
        """It stays, and whom it leads to counts no more."""
        shared = Event.objects.create(topic="Jazz")
        visit, _ = (Visit.objects.create(event=shared, account=each, wish="Window") for each in (ada, bob))
        Subject(ada).erase()
        assert (row(visit)["wish"], row(shared)["topic"]) == ("", "Jazz")
        Subject(bob).erase()
        assert row(shared)["topic"] == str(shared.pk)

    def test_a_link_that_is_registered_and_says_nothing_of_people_goes(self, ada, bob):
        shared = Event.objects.create(topic="Jazz")
        visit, _ = (Visit.objects.create(event=shared, account=each, wish="Window") for each in (ada, bob))
        key = visit.pk
        with changed(Visit, subject=None):
            result = Subject(ada).erase()
        assert result.deleted == {"people.Visit": 1}
        assert events().count(deleted("people.Visit", key)) == 1
        assert Visit.objects.get().account == bob

    def test_on_the_way_backwards_nothing_goes_and_who_is_erased_counts_no_more(self, ada, bob):
        """The key stands in a row of its own, which may be more than a link."""
        shared = Event.objects.create(topic="Jazz")
        for each in (ada, bob):
            Visit.objects.create(event=shared, account=each)
        with changed(Event, subject="visit__account"), changed(Visit, subject=None):
            assert Subject(ada).erase().deleted == {}
            assert row(shared)["topic"] == "Jazz"
            Subject(bob).erase()
        assert row(shared)["topic"] == str(shared.pk)
        assert Visit.objects.count() == 2

    def test_somebody_who_is_not_erased_counts(self, ada, bob):
        """Also where a part of the row of a person is kept, and only that part is marked."""
        shared = circle(ada, bob)
        with changed(Account, fields=["email", "is_confirmed"], keep=["brought_by"]):
            Subject(ada).erase()
            assert row(shared)["motto"] == "Sing"
            Subject(bob).erase()
        assert row(shared)["motto"] == str(shared.pk)

    def test_only_what_the_caller_has_left(self, ada, bob):
        first, second = circle(ada, bob), circle(ada, bob)

        def narrow(model, rows):
            return rows.filter(pk=first.pk) if model is Circle else rows

        Subject(ada, rows=narrow).erase()
        assert (members(first), members(second)) == ({bob.pk}, {ada.pk, bob.pk})

    def test_deleting_her_does_the_same(self, ada, bob):
        shared = circle(ada, bob)
        hers = link(shared, ada)
        Subject(ada).delete()
        assert (row(shared)["motto"], members(shared)) == ("Sing", {bob.pk})
        assert deleted("people.Circle_members", hers.pk) in events()
        Subject(bob).delete()
        assert row(shared)["motto"] == str(shared.pk)


class TestGenericKeys:
    """To rows about several people, of which each has a part: what points at these is about all of them."""

    @staticmethod
    def remark(about):
        return Remark.objects.create(about=about, text="Loud")

    def test_what_is_about_somebody_else_too_stays_until_the_last_one_goes(self, ada, bob):
        chat = Chat.objects.create(asker=ada, answerer=bob, question="?", answer="!")
        shared, strange = self.remark(chat), self.remark(Chat.objects.create(asker=bob, question="?", answer="!"))
        result = Subject(ada).erase()
        assert [str(each) for each in result.kept] == ["people.Remark: 1 row, kept (about somebody else too)"]
        assert (row(shared)["text"], row(strange)["text"]) == ("Loud", "Loud")
        result = Subject(bob).erase()
        assert (result.erased["people.Remark"], result.kept) == (2, [])
        assert (row(shared)["text"], row(strange)["text"]) == (str(shared.pk), str(strange.pk))

    @pytest.mark.parametrize("parties", [["asker"], ["answerer"], ["asker", "answerer"]])
    def test_what_is_about_her_alone_goes_with_her(self, parties, ada, bob):
        hers = self.remark(Chat.objects.create(**dict.fromkeys(parties, ada), question="?", answer="!"))
        assert Subject(bob).erase().erased == {"people.Account": 1}
        assert Subject(ada).erase().erased["people.Remark"] == 1
        assert row(hers)["text"] == str(hers.pk)

    def test_a_party_that_is_known_by_a_value_alone_is_somebody_else_too(self, ada):
        """As long as the value is there."""
        by_value = {"identifiers": {"email": ["answer"]}}
        chat = Chat.objects.create(asker=ada, question="?", answer="gil@quill.example")
        shared = self.remark(chat)
        with changed(Chat, **by_value):
            Subject(ada).erase()
            assert row(shared)["text"] == "Loud"
            [gil] = Subject.find(email="gil@quill.example")
            assert gil.erase().erased == {"people.Chat (answerer)": 1, "people.Remark": 1}
        assert row(shared)["text"] == str(shared.pk)

    def test_her_export_has_it(self, ada, bob):
        self.remark(Chat.objects.create(asker=ada, answerer=bob, question="?", answer="!"))
        assert Subject(ada).export(io.BytesIO())["people-Remark.csv"] == 1

    def test_deleting_her_leaves_it_to_the_other(self, ada, bob):
        shared = self.remark(Chat.objects.create(asker=ada, answerer=bob, question="?", answer="!"))
        Subject(ada).delete()
        assert row(shared)["text"] == "Loud"
        Subject(bob).delete()
        assert row(shared)["text"] == str(shared.pk)


class TestPaths:
    """From groups and permissions, which accounts have, to these: backwards over relations of many to many."""

    @pytest.fixture
    def people(self):
        class Named:
            fields = ["name"]
            subject = "user"

        class Allowed:
            fields = ["name"]
            keep = ["codename"]
            subject = "group__user"

        with (
            changed(User, subject="self", identifiers={}),
            registry.registered(Group, Named),
            registry.registered(Permission, Allowed),
        ):
            yield [User.objects.create_user(name) for name in ("ada", "bob")]

    def test_backwards(self, people):
        group = Group.objects.create(name="Choir")
        group.user_set.add(*people)
        Subject(people[0]).erase()
        assert list(group.user_set.all()) == people[1:]
        assert row(group)["name"] == "Choir"

    def test_the_link_next_to_her_on_a_longer_path(self, people):
        """What is shared stays with the group; she leaves the group."""
        group, other = Group.objects.create(name="Choir"), Group.objects.create(name="Band")
        kind = ContentType.objects.get_for_model(User)
        right = Permission.objects.create(name="Sing", codename="sing", content_type=kind)
        right.group_set.add(group)
        for each in (group, other):
            each.user_set.add(*people)
        registry.declaration(Group)
        lines = Subject(people[0]).preview().splitlines()
        assert [line for line in lines if "auth.User_groups" in line] == [
            "auth.User_groups: 2 rows, link to auth.Group, 1 link to auth.Permission: deleted"
        ]
        assert Subject(people[0]).erase().deleted == {"auth.User_groups": 2}
        assert list(right.group_set.all()) == [group]
        assert list(group.user_set.all()) == people[1:]


class TestDjangosDelete:
    def test_of_one_the_row_stays_and_of_the_last_it_is_erased(self, ada, bob):
        shared = circle(ada, bob)
        ada.delete()
        assert (row(shared)["motto"], members(shared)) == ("Sing", {bob.pk})
        bob.delete()
        assert row(shared)["motto"] == str(shared.pk)

    @pytest.mark.parametrize("action", ["erase", "delete"])
    def test_a_link_goes_too_that_is_not_next_to_the_row_that_goes(self, action, ada, bob):
        """It leads to the account, which stays when its profile, here the person, is deleted."""
        shared = circle(ada, bob)
        profile, _ = (Profile.objects.create(account=each, phone="555") for each in (ada, bob))
        with (
            changed(Account, subject="profile", identifiers={}),
            changed(Profile, subject="self", identifiers={}),
        ):
            Subject(profile).erase() if action == "erase" else profile.delete()
        assert (row(shared)["motto"], members(shared)) == ("Sing", {bob.pk})
        assert row(ada)["email"] != "ada@quill.example"

    def test_of_both_at_once(self, ada, bob):
        shared = circle(ada, bob)
        Account.objects.filter(pk__in=[ada.pk, bob.pk]).delete()
        assert row(shared)["motto"] == str(shared.pk)

    def test_of_who_is_left_after_an_erasure(self, ada, bob):
        shared = Event.objects.create(topic="Jazz")
        for each in (ada, bob):
            Visit.objects.create(event=shared, account=each)
        Subject(ada).erase()
        bob.delete()
        assert row(shared)["topic"] == str(shared.pk)


TABLES = (Account, Circle, Link, PrivacyAnonymised, Receipt)


class Backup:
    def __init__(self):
        self.objects = {model: list(QuerySet(model)) for model in TABLES}

    def restore(self):
        for model in reversed(TABLES):
            QuerySet(model)._raw_delete("default")
        for objects in self.objects.values():
            for each in objects:
                each.save_base(raw=True, force_insert=True)


def rerun():
    call_command("gdpr_rerun", "--noinput")


@pytest.mark.django_db(transaction=True)
class TestReplay:
    def test_the_link_goes_again(self, ada, bob):
        shared = circle(ada, bob)
        backup = Backup()
        Subject(ada).erase()
        after = {model: rows(model) for model in (Account, Circle, Link)}
        backup.restore()
        assert members(shared) == {ada.pk, bob.pk}
        rerun()
        assert {model: rows(model) for model in (Account, Circle, Link)} == after
        assert members(shared) == {bob.pk}

    def test_the_last_one_takes_the_row_again(self, ada, bob):
        shared = circle(ada, bob)
        backup = Backup()
        for each in (ada, bob):
            Subject(each).erase()
        backup.restore()
        rerun()
        assert (row(shared)["motto"], members(shared)) == (str(shared.pk), {bob.pk})

    def test_after_the_model_was_renamed(self, ada, bob):
        shared = circle(ada, bob)
        backup = Backup()
        Subject(ada).erase()
        backup.restore()
        with changed(Circle, former_labels=["people.Ring"]):
            assert registry.find("people.Ring_members") is registry.find("people.Circle_members") is Link
            rerun()
        assert members(shared) == {bob.pk}


def test_the_log_knows_what_stands_between_two_models():
    assert registry.find("people.Visit") is Visit
    assert registry.find("auth.User_groups") is User.groups.through
    assert registry.find("people.Ring_members") is None
    assert registry.find("people.Counter") is None


if DB != "sqlite":  # which locks whole files, not rows

    def at_once(*actions):
        """Run them on connections of their own, and return what they raised."""
        raised, barrier = [], threading.Barrier(len(actions))

        def run(action):
            try:
                barrier.wait(20)
                action()
            except Exception as error:  # noqa: BLE001  (asserted on)
                raised.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=run, args=[action], daemon=True) for action in actions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return raised

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("number", range(5))
    @pytest.mark.parametrize("method", ["erase", "delete"])
    def test_two_owners_who_go_at_once(method, number):
        people = [account("ada"), account("bob")]
        shared, event = circle(*people), Event.objects.create(topic="Jazz")
        for each in people:
            Visit.objects.create(event=event, account=each)

        actions = [Subject(each).erase if method == "erase" else each.delete for each in people]
        assert at_once(*actions) == []
        assert row(shared)["motto"] == str(shared.pk)
        assert row(event)["topic"] == str(event.pk)
        assert number >= 0
