"""The laws of a person, on random rows: nothing of a stranger changes, and nothing stays of what is hers alone.

Whose a row is, the tests work out from what they have drawn, and not with the code's own functions.
"""

import csv
import io
import json
import zipfile
from collections import Counter
from contextlib import ExitStack
from io import StringIO
from itertools import chain

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import QuerySet
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gdpr_assist import Subject
from gdpr_assist.models import PrivacyAnonymised, Receipt
from tests.apps.people.models import (
    Account,
    Chat,
    Circle,
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

from .observing import changed, rows
from .test_rules import EXAMPLES

# What stands between circles and their members, and between two friends
Member = Circle.members.through
Friendship = Account.friends.through

# In an order in which they can be created
MODELS = (
    Account, StaffAccount, Friendship, Profile, Parcel, Sale, SaleLine, Chat, Event, Visit, Circle, Member, Reader,
    Remark,
)  # fmt: skip
GONE = "the row is gone"

# {label: the personal columns}
PERSONAL = {
    "people.Account": ["email"],
    "people.Account_friends": [],
    "people.StaffAccount": ["desk"],
    "people.Profile": ["phone"],
    "people.Parcel": ["street"],
    "people.Sale": ["email", "phone", "recipient"],
    "people.SaleLine": ["engraving"],
    "people.Chat": ["question", "answer"],
    "people.Event": ["topic"],
    "people.Visit": ["wish"],
    "people.Circle": ["motto"],
    "people.Circle_members": [],
    "people.Reader": ["email"],
    "people.Remark": ["text"],
}


# -- what is drawn ------------------------------------------------------------------------------

PHONES = st.sampled_from(["", "555", "777"])
WHO = st.none() | st.integers(0, 2)
# An address of an account, of a stranger without one, or none, in whatever case
ADDRESSES = st.tuples(
    st.sampled_from(["p0@quill.example", "p1@quill.example", "p2@quill.example", "gil@quill.example", ""]),
    st.sampled_from([str.lower, str.upper, str.title]),
).map(lambda drawn: drawn[1](drawn[0]))
# On MariaDB, no two accounts have the same address in another case
TWINS = st.booleans() if connection.vendor != "mysql" else st.just(False)
# {model: attributes by which its paths lead in a circle too, and to nobody else that way}
CIRCULAR = {
    Account: {"subject": ["self", "brought_by"], "actors": ["friends"]},
    Sale: {"subject": ["buyer", "lines"]},
    Parcel: {"subject": ["sale", "sale__lines"]},
}
SITES = st.fixed_dictionaries(
    {
        "people": st.lists(
            st.fixed_dictionaries(
                {
                    "is_confirmed": st.booleans(),
                    "is_staff": st.booleans(),
                    "phone": st.none() | PHONES,
                    # Keys from people to people, also in circles: only actors
                    "brought_by": WHO,
                    "friends": st.sets(st.integers(0, 2)),
                }
            ),
            min_size=3,
            max_size=3,
        ),
        "is_twin": TWINS,
        "sales": st.lists(st.tuples(WHO, ADDRESSES, PHONES, st.booleans(), st.integers(0, 2)), max_size=5),
        "chats": st.lists(st.tuples(WHO, WHO), max_size=3),
        "events": st.lists(st.sets(st.integers(0, 2)), max_size=3),
        "circles": st.lists(st.sets(st.integers(0, 2)), max_size=3),
        "readers": st.lists(ADDRESSES, max_size=3),
        "remarks": st.lists(st.integers(0, 1000), max_size=6),
        "root": st.integers(0, 2),
        "circular": st.sets(st.sampled_from(list(CIRCULAR))),
    }
)


class Site:
    """The rows as drawn, and whose they are: the person in question is number 0."""

    def __init__(self, drawn):
        self.drawn = drawn
        self.number = 0
        # {(model, key): columns that are hers alone, or GONE}
        self.hers = {}
        # {(model, key): columns that are also somebody else's}
        self.shared = {}
        self._people()
        self._values()
        self._sales()
        self._chats()
        self._events()
        self._circles()
        self._readers()
        self._remarks()
        self.before = self.state()

    def token(self):
        self.number += 1
        return f"token{self.number}x"

    def note(self, instance, is_hers, columns=(), *, is_shared=False):
        place = (type(instance), instance.pk)
        if is_hers:
            (self.shared if is_shared else self.hers)[place] = columns
        return instance

    def _people(self):
        self.accounts, self.targets = [], []
        for number, each in enumerate(self.drawn["people"]):
            model, values = (StaffAccount, {"desk": self.token()}) if each["is_staff"] else (Account, {})
            email = "P0@Quill.Example" if number == 1 and self.drawn["is_twin"] else f"p{number}@quill.example"
            person = model.objects.create(email=email, is_confirmed=each["is_confirmed"], **values)
            account = Account.objects.get(pk=person.pk)
            self.note(account, number == 0, {"email"})
            if each["is_staff"]:
                # The row of the account has these columns, too
                self.note(person, number == 0, {"desk", "email"})
            self.accounts.append(account)
            self.targets.append(account)
            if each["phone"] is not None:
                profile = Profile.objects.create(account=account, phone=each["phone"])
                self.targets.append(self.note(profile, number == 0, {"phone"}))
        self.key = self.accounts[0].pk
        for account, each in zip(self.accounts, self.drawn["people"], strict=True):
            account.brought_by = self.person(each["brought_by"])
            account.save()
            account.friends.add(*(self.accounts[number] for number in each["friends"]))
        for each in Friendship.objects.all():
            is_hers = self.key in (each.from_account_id, each.to_account_id)
            self.note(each, is_hers, set())

    def _values(self):
        first, *others = self.drawn["people"]
        is_certain = first["is_confirmed"] and not self.drawn["is_twin"]
        self.emails = {"p0@quill.example"} if is_certain else set()
        theirs = {each["phone"] for each in others}
        self.phones = {first["phone"]} - theirs - {None, ""}

    def person(self, number):
        return None if number is None else self.accounts[number]

    def _sales(self):
        for buyer, email, phone, has_parcel, lines in self.drawn["sales"]:
            is_hers = buyer == 0 or (buyer is None and (email.lower() in self.emails or phone in self.phones))
            parcel = Parcel.objects.create(street=self.token()) if has_parcel else None
            sale = Sale.objects.create(
                buyer=self.person(buyer), parcel=parcel, email=email, phone=phone, recipient=self.token()
            )
            self.targets.append(self.note(sale, is_hers, {"email", "phone"}))
            if parcel:
                self.targets.append(self.note(parcel, is_hers, {"street"}))
            for _ in range(lines):
                line = SaleLine.objects.create(sale=sale, engraving=self.token())
                self.targets.append(self.note(line, is_hers, GONE))

    def _chats(self):
        for asker, answerer in self.drawn["chats"]:
            chat = Chat.objects.create(
                asker=self.person(asker), answerer=self.person(answerer), question=self.token(), answer=self.token()
            )
            # What is nobody's goes with her.
            is_last = {asker, answerer} == {0, None}
            mine = {name for name, who in (("question", asker), ("answer", answerer)) if who == 0 or is_last}
            self.targets.append(self.note(chat, bool(mine), mine))

    def _events(self):
        for guests in self.drawn["events"]:
            event = Event.objects.create(topic=self.token())
            self.targets.append(self.note(event, 0 in guests, {"topic"}, is_shared=guests != {0}))
            for number in sorted(guests):
                visit = Visit.objects.create(event=event, account=self.accounts[number], wish=self.token())
                self.targets.append(self.note(visit, number == 0, {"wish"}))

    def _circles(self):
        """Of one that has other members too, she is taken off; of her own, nothing but the motto is hers."""
        for members in self.drawn["circles"]:
            circle = Circle.objects.create(motto=self.token())
            self.targets.append(self.note(circle, 0 in members, {"motto"}, is_shared=members != {0}))
            for number in sorted(members):
                member = Member.objects.create(circle=circle, account=self.accounts[number])
                self.note(member, number == 0, set() if members == {0} else GONE)

    def _readers(self):
        for email in self.drawn["readers"]:
            reader = Reader.objects.create(email=email)
            self.targets.append(self.note(reader, email.lower() in self.emails, {"email"}))

    def _remarks(self):
        for number in self.drawn["remarks"]:
            about = self.targets[number % len(self.targets)]
            remark = Remark.objects.create(about=about, text=self.token())
            place = (type(about), about.pk)
            # Of a chat each has a part, and what points at it is about both.
            parties = {about.asker_id, about.answerer_id} if type(about) is Chat else set()
            is_shared = place in self.shared or bool(parties - {self.key, None})
            # What is about a remark is nobody's.
            is_hers = (place in self.hers or place in self.shared) and type(about) is not Remark
            self.targets.append(self.note(remark, is_hers, {"text"}, is_shared=is_shared))

    @staticmethod
    def state():
        """Return {(model, key): columns} of all rows."""
        return {(model, each[model._meta.pk.attname]): each for model in MODELS for each in rows(model)}

    def tokens_in(self, places):
        """Return the texts that are of these rows and of no others."""
        found = []
        for place in places:
            if place[0] is not Chat:  # the export of a party has what she saw, too
                found += self.before[place].values()
        return {value for value in found if str(value).startswith("token")}

    def personal(self):
        """Yield (label, column, value) of all that is known of her; both see what is said in a chat."""
        for model, key in [*self.hers, *self.shared]:
            for column in PERSONAL[model._meta.label]:
                yield model._meta.label, column, self.before[model, key][column]

    def check(self, *, is_deleted=False):
        """Fail if a stranger's row has changed in any column, or something stays that is hers alone."""
        after = self.state()
        for place, before in self.before.items():
            columns = self.hers.get(place, set())
            now = after.pop(place, None)
            if now is None:
                goes = is_deleted and place[0] in (Account, StaffAccount, Friendship, Profile, Visit, Member)
                assert columns == GONE or (goes and place in self.hers), f"lost: {place}"
                continue
            assert columns != GONE, f"still there: {place}"
            cut = {"buyer_id", "asker_id", "answerer_id"} if is_deleted and place in self.hers else set()
            if is_deleted and before.get("brought_by_id") == self.key:
                cut = {"brought_by_id"}
            changed = {name for name in before if before[name] != now[name]}
            assert changed <= columns | cut, f"changed: {place}"
            assert {name for name in columns if before[name] != ""} <= changed, f"not erased: {place}"
        assert after == {}


def check(law):
    """Try ``law`` on random rows. (A decorated test function cannot have fixtures of one test.)"""

    @settings(
        max_examples=EXAMPLES,
        # Making an example smaller takes minutes on a database.
        phases=(Phase.reuse, Phase.generate),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        deadline=None,
    )
    @given(SITES)
    def examples(drawn):
        with ExitStack() as declared:
            for model in drawn["circular"]:
                declared.enter_context(changed(model, **CIRCULAR[model]))
            law(drawn)

    examples()


def undone(law):
    """Return ``law``, its rows taken back. Not by a block: an erasure on two databases must be the outermost one."""

    def run(drawn):
        savepoint = connection.savepoint()
        try:
            law(drawn)
        finally:
            connection.savepoint_rollback(savepoint)

    return run


@pytest.mark.django_db
class TestOnRandomRows:
    def test_an_erasure_takes_what_is_hers_and_nothing_else(self):
        def law(drawn):
            site = Site(drawn)
            roots = [each for each in site.targets if isinstance(each, (Account, Profile))]
            roots = [each for each in roots if (type(each), each.pk) in site.hers]
            root = roots[drawn["root"] % len(roots)]
            Subject(root).erase()
            site.check()
            once = site.state()
            again = Subject(root).erase()
            assert (again.erased, again.deleted, again.operations) == ({}, {}, {})
            assert site.state() == once

        check(undone(law))

    def test_a_deletion_of_the_account_does_the_same_to_what_stays(self):
        def law(drawn):
            site = Site(drawn)
            site.accounts[0].delete()
            site.check(is_deleted=True)

        check(undone(law))

    def test_an_export_has_all_of_hers_and_nothing_of_strangers(self):
        def law(drawn):
            site = Site(drawn)
            file = io.BytesIO()
            Subject(site.accounts[0]).export(file)
            with zipfile.ZipFile(file) as archive:
                files = {name: archive.read(name).decode() for name in archive.namelist()}
            manifest = json.loads(files["manifest.json"])
            assert not any(each["withheld"] for each in manifest["files"])
            exported = [
                (each["model"], column, record[column])
                for each in manifest["files"]
                for record in csv.DictReader(io.StringIO(files[each["file"]], newline=""))
                for column in PERSONAL[each["model"]]
            ]
            assert counted(exported) == counted(site.personal())
            strangers = site.before.keys() - site.hers.keys() - site.shared.keys()
            assert {each for each in site.tokens_in(strangers) if each in "".join(files.values())} == set()

        check(undone(law))


def counted(columns):
    """Count them; of a chat with herself there are two files, one for each party."""
    count = Counter(columns)
    return {each: 1 if each[0] == "people.Chat" else number for each, number in count.items()}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_deleted", [False, True], ids=["erased", "deleted"])
def test_a_replay_after_a_restore_does_the_same(is_deleted):
    """To random rows as they were in the backup."""
    tables = (*MODELS, PrivacyAnonymised, Receipt)

    def empty():
        # Accounts lead to accounts.
        with connection.constraint_checks_disabled(), transaction.atomic():
            for model in reversed(tables):
                QuerySet(model)._raw_delete("default")

    def law(drawn):
        empty()
        site = Site(drawn)
        backup = {model: list(QuerySet(model)) for model in tables}
        site.accounts[0].delete() if is_deleted else Subject(site.accounts[0]).erase()
        erased = site.state()
        empty()
        with connection.constraint_checks_disabled(), transaction.atomic():
            for each in chain.from_iterable(backup.values()):
                each.save_base(raw=True, force_insert=True)
        assert site.state() == site.before
        call_command("gdpr_rerun", "--noinput", stdout=StringIO())
        assert site.state() == erased

    check(law)
    empty()
