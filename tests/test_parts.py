"""A row that is about two people: what one of them owns is erased, logged and done again by itself."""

import datetime
from unittest import mock

import pytest
from django.core.management import call_command
from django.db import connection
from model_bakery import baker

from gdpr_assist import AnonymiseError
from gdpr_assist.erasure import erase
from gdpr_assist.execution.execute import execute
from gdpr_assist.models import EventLog, PrivacyAnonymised, Receipt
from gdpr_assist.planning.plans import plan
from gdpr_assist.registry import registry
from gdpr_assist.replay.returned import returned
from gdpr_assist.scrubbing.verification import verify
from gdpr_assist.signals import post_anonymise
from tests.apps.own.models import Letter, Person
from tests.apps.shop.models import GiftOrder, Order

from .observing import listening, redeclared, row, unchanged

WAYS = ["set", "rows", "object"]
SENDER = {"sender_name": "Ada"}
RECIPIENT = {"recipient_name": "Grace", "recipient_address": "1 Harbour Road"}


def letter(**values):
    return baker.make(Letter, posted=datetime.date(2026, 1, 1), **{**SENDER, **RECIPIENT, **values})


def anonymise(target, part, way="set", force=False):
    """Anonymise a part of one letter, in each of the ways."""
    if way == "object":
        return execute(plan(target, part=part, force=force))
    found = Letter.objects.filter(pk=target.pk)
    if way == "set":
        return execute(plan(found, part=part, force=force))
    with listening(post_anonymise, lambda **kwargs: None, sender=Letter):
        return execute(plan(found, part=part, force=force))


def held(target, expected):
    return {name: row(target)[name] for name in expected}


def parts(target):
    found = PrivacyAnonymised.objects.filter(content_type__model="letter", object_id=str(target.pk))
    return sorted(found.values_list("part", flat=True))


@pytest.mark.django_db
@pytest.mark.parametrize("way", WAYS)
def test_a_part_is_anonymised_and_the_rest_is_untouched(way):
    target, other = letter(), letter()
    result = anonymise(target, "sender", way)
    assert result.anonymised == 1
    assert held(target, SENDER) == {"sender_name": str(target.pk)}
    assert held(target, RECIPIENT) == RECIPIENT
    assert held(other, {**SENDER, **RECIPIENT}) == {**SENDER, **RECIPIENT}
    assert (parts(target), parts(other)) == (["sender"], [])


@pytest.mark.django_db
@pytest.mark.parametrize("way", WAYS)
def test_each_part_once_and_both_are_the_whole(way):
    target = letter()
    for part, numbers in (("sender", (1, 0)), ("sender", (0, 1)), ("recipient", (1, 0)), ("recipient", (0, 1))):
        result = anonymise(target, part, way)
        assert (result.anonymised, result.skipped) == numbers
        assert target.is_anonymised() == (part == "recipient")
        assert [each.is_anonymised() for each in Letter.objects.with_anonymised()] == [part == "recipient"]
    assert Letter.objects.all().anonymise().skipped == 1


@pytest.mark.django_db
def test_the_whole_covers_each_part():
    target = letter()
    anonymise(target, "sender")
    assert target.anonymise().anonymised == 1
    assert held(target, RECIPIENT) == {name: str(target.pk) for name in RECIPIENT}
    assert [anonymise(target, part).skipped for part in ("sender", "recipient")] == [1, 1]


@pytest.mark.django_db
def test_an_unknown_part_is_an_error_that_names_those_there_are():
    target = letter()
    with unchanged(Letter), pytest.raises(AnonymiseError) as caught:
        plan(target, part="author")
    assert str(caught.value) == "own.Letter has no part 'author'; it has sender, recipient."
    with pytest.raises(AnonymiseError, match=r"^own\.Person has no part 'author'; it has none\.$"):
        plan(Person.objects.all(), part="author")


@pytest.mark.django_db
def test_parts_are_told_apart_by_case():
    meta = type(registry.declaration(Letter).meta)
    target = letter()
    with redeclared(Letter, meta, parts={"Party": list(SENDER), "party": list(RECIPIENT)}):
        assert [execute(plan(target, part=part)).anonymised for part in ("Party", "party")] == [1, 1]
    assert held(target, RECIPIENT) == {name: str(target.pk) for name in RECIPIENT}


@pytest.mark.django_db
def test_what_was_filled_again_is_told_and_cured_by_part():
    target = letter()
    for part in ("sender", "recipient"):
        anonymise(target, part)
    Letter.objects.update(recipient_name="Grace")

    refilled = {part: plan(Letter.objects.all(), part=part).refilled().count() for part in ("", "sender", "recipient")}
    assert refilled == {"": 1, "sender": 0, "recipient": 1}
    found = {each.plan.name: each for each in verify(["default"], only=["own.Letter"]).previews}
    assert {name: (each.marked, each.refilled) for name, each in found.items()} == {
        "own.Letter": (1, 1),
        "own.Letter (sender)": (1, 0),
        "own.Letter (recipient)": (1, 1),
    }

    Letter.objects.update(sender_name="kept")
    assert anonymise(target, "recipient", force=True).anonymised == 1
    assert row(target)["recipient_name"] == str(target.pk)
    assert row(target)["sender_name"] == "kept"


@pytest.mark.django_db
def test_one_part_that_was_filled_again_is_seen_though_the_row_is_not_anonymised():
    target = letter()
    anonymise(target, "sender")
    Letter.objects.update(sender_name="Ada")
    found = {each.plan.name: each.refilled for each in verify(["default"], only=["own.Letter"]).previews}
    assert found == {"own.Letter": 0, "own.Letter (sender)": 1, "own.Letter (recipient)": 0}


@pytest.fixture
def computing():
    """Let Letter.save() put another value than the rule's into a column of each part."""
    original = Letter.save

    def save(self, *args, **options):
        for name in {"sender_name", "recipient_address"} & set(options.get("update_fields", ())):
            setattr(self, name, f"No. {self.pk}")
        original(self, *args, **options)

    with mock.patch.object(Letter, "save", save):
        yield


def refilled(part=""):
    return plan(Letter.objects.all(), part=part).refilled().count()


@pytest.mark.django_db
@pytest.mark.parametrize("order", [("sender", "recipient"), ("recipient", "sender")], ids=str)
def test_what_save_computed_of_both_parts_does_not_make_the_row_look_refilled(order, computing):
    target = letter()
    for part in order:
        assert anonymise(target, part, "object").computed
    assert [refilled(part) for part in ("", *order)] == [0, 0, 0]
    Letter.objects.update(recipient_name="Grace")
    assert [refilled(part) for part in ("", "sender", "recipient")] == [1, 0, 1]


@pytest.mark.django_db
def test_what_a_part_noted_is_forgotten_when_the_whole_is_anonymised_otherwise(computing):
    target = letter()
    anonymise(target, "recipient", "object")
    assert PrivacyAnonymised.objects.get().computed == "recipient_address"
    Letter.objects.all().anonymise()  # in sets: nothing is saved, and the rule's value is there
    assert set(PrivacyAnonymised.objects.values_list("part", "computed")) == {("recipient", None), ("", None)}
    Letter.objects.update(recipient_address="1 Harbour Road")
    assert [refilled(part) for part in ("", "recipient")] == [1, 1]


@pytest.mark.django_db
def test_deleting_a_party_takes_that_part_alone():
    ada, grace = baker.make(Person, name="Ada"), baker.make(Person, name="Grace")
    target = letter(sender=ada, recipient=grace)
    ada.delete()
    assert held(target, SENDER) == {"sender_name": str(target.pk)}
    assert held(target, RECIPIENT) == RECIPIENT
    assert (row(target)["sender_id"], row(target)["recipient_id"]) == (None, grace.pk)
    events = EventLog.objects.order_by("pk").values_list("event", "model_name", "part")
    assert sorted(events) == [("anonymise", "Letter", "sender"), ("delete", "Person", "")]


@pytest.mark.django_db
def test_one_who_wrote_to_herself_goes_with_both_parts():
    ada = baker.make(Person, name="Ada")
    target = letter(sender=ada, recipient=ada)
    ada.delete()
    assert held(target, {**SENDER, **RECIPIENT}) == {name: str(target.pk) for name in (*SENDER, *RECIPIENT)}
    assert target.is_anonymised()


@pytest.mark.django_db
def test_deleting_the_row_forgets_all_its_markers():
    target = letter()
    anonymise(target, "sender")
    key = target.pk
    target.delete()
    again = letter(pk=key)
    assert (parts(again), anonymise(again, "sender").anonymised) == ([], 1)


# -- objects of several tables -------------------------------------------------------------------

BUYER = ["email"]
RECEIVER = ["recipient", "delivery_note"]


@pytest.fixture
def split_orders():
    """A gift order is about two people; of the greeting, which its own table has, the receiver is one."""
    order, gift = (type(registry.declaration(model).meta) for model in (Order, GiftOrder))
    with (
        redeclared(Order, order, parts={"buyer": BUYER, "receiver": RECEIVER}),
        redeclared(GiftOrder, gift, parts={"buyer": BUYER, "receiver": [*RECEIVER, "greeting"]}),
    ):
        yield


def gift_order():
    return baker.make(
        GiftOrder, email="ada@quill.example", recipient="Grace", delivery_note="Ring", greeting="Dear Grace"
    )


@pytest.mark.django_db
@pytest.mark.usefixtures("split_orders")
@pytest.mark.parametrize("model", [Order, GiftOrder])
@pytest.mark.parametrize("way", ["set", "object"])
def test_a_part_is_anonymised_in_all_tables_of_an_object(model, way):
    target, other = gift_order(), gift_order()
    found = model.objects.filter(pk=target.pk)
    execute(plan(found.get() if way == "object" else found, part="receiver"))
    text = str(target.pk)
    assert held(target, ["recipient", "delivery_note", "greeting"]) == {
        "recipient": text,
        "delivery_note": "",
        "greeting": text,
    }
    assert row(target)["email"] == "ada@quill.example"
    assert row(other)["greeting"] == "Dear Grace"
    both = (Order.objects.get(pk=target.pk), target)
    assert [each.is_anonymised() for each in both] == [False, False]
    assert [execute(plan(each, part="receiver")).skipped for each in both] == [1, 1]
    assert execute(plan(found, part="buyer")).anonymised == 1
    assert [each.is_anonymised() for each in both] == [True, True]


@pytest.mark.django_db
@pytest.mark.usefixtures("split_orders")
def test_the_part_of_a_parent_that_a_child_does_not_have_leaves_the_child_as_it_is():
    target = gift_order()
    with redeclared(GiftOrder, type(registry.declaration(GiftOrder).meta), parts={}):
        execute(plan(Order.objects.all(), part="receiver"))
    assert held(target, ["recipient", "greeting"]) == {"recipient": str(target.pk), "greeting": "Dear Grace"}
    assert PrivacyAnonymised.objects.values_list("content_type__model", "part").get() == ("order", "receiver")


# -- the log, and a replay -----------------------------------------------------------------------


@pytest.fixture
def backup():
    """A database that is restored: rows, markers and receipts are as they were."""

    def restore(state):
        for model in (Letter, PrivacyAnonymised, Receipt):
            model.objects.all().delete() if model is not Letter else Letter._base_manager.all()._raw_delete("default")
            model.objects.bulk_create(state[model])

    def take():
        return {model: list(model.objects.all()) for model in (Letter, PrivacyAnonymised, Receipt)}

    return take, restore


def rerun(*args):
    call_command("gdpr_rerun", "--noinput", *args)


@pytest.mark.django_db(transaction=True)
def test_a_replay_does_that_part_again_and_the_other_is_untouched(backup):
    take, restore = backup
    target = letter()
    before = take()
    anonymise(target, "sender")
    restore(before)
    assert held(target, SENDER) == SENDER

    rerun()

    assert held(target, SENDER) == {"sender_name": str(target.pk)}
    assert held(target, RECIPIENT) == RECIPIENT
    assert (parts(target), target.is_anonymised()) == (["sender"], False)


@pytest.mark.django_db(transaction=True)
def test_a_replay_for_one_party_keeps_the_marks_of_the_other(backup):
    take, restore = backup
    target = letter()
    anonymise(target, "recipient")
    Letter.objects.update(sender_name="Ada")
    before = take()
    anonymise(target, "sender")
    restore(before)

    rerun()

    assert parts(target) == ["recipient", "sender"]
    assert target.is_anonymised()


@pytest.mark.django_db(transaction=True)
def test_a_part_that_was_filled_again_before_the_backup_is_done_again(backup):
    take, restore = backup
    target = letter()
    target.anonymise()
    Letter.objects.update(sender_name="Ada", recipient_name="Grace")
    before = take()
    anonymise(target, "sender", force=True)
    restore(before)

    rerun()

    assert row(target)["sender_name"] == str(target.pk)
    assert row(target)["recipient_name"] == "Grace"  # nobody has erased it again
    assert target.is_anonymised()


@pytest.mark.django_db(transaction=True)
def test_a_part_that_is_not_declared_any_more_is_told_and_the_rest_goes_on(backup, capsys):
    take, restore = backup
    target, other = letter(), letter()
    before = take()
    anonymise(target, "sender")
    anonymise(other, "recipient")
    restore(before)

    meta = type(registry.declaration(Letter).meta)
    with redeclared(Letter, meta, parts={"recipient": list(RECIPIENT)}), pytest.raises(Exception, match="1 failed"):
        rerun()

    assert "own.Letter: its declaration has no part 'sender' any more" in capsys.readouterr().out
    assert (held(target, SENDER), parts(other)) == (SENDER, ["recipient"])


@pytest.mark.django_db(transaction=True)
def test_a_part_that_is_back_in_a_table_is_anonymised_again_without_the_other():
    """The lines are those of docs/howto/restore_a_backup."""
    target, whole = letter(), letter()
    anonymise(target, "sender")
    whole.anonymise()
    for each in (target, whole):
        Letter.objects.filter(pk=each.pk).update(**SENDER, **RECIPIENT)
    PrivacyAnonymised.objects.all().delete()

    (found,) = returned()
    assert found.anonymised_keys == {target.pk, whole.pk}
    erase(list(found.plans()))

    assert held(target, {**SENDER, **RECIPIENT}) == {"sender_name": str(target.pk), **RECIPIENT}
    assert held(whole, RECIPIENT) == {name: str(whole.pk) for name in RECIPIENT}
    assert returned() == []


# -- in the database -----------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_process_that_knows_no_parts_can_write(django_db_setup):
    """One of 1.x, in a rolling deploy: the database itself has the default."""
    kind = PrivacyAnonymised(content_type_id=1)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO gdpr_assist_privacyanonymised (content_type_id, object_id) VALUES (%s, %s)",
            [kind.content_type_id, "4711"],
        )
    assert PrivacyAnonymised.objects.get(object_id="4711").part == ""
