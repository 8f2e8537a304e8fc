"""Apps that write copies of rows offer a switch: it is off while personal data is written, and on again afterwards."""

from contextlib import ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from unittest import mock

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models.signals import post_delete, post_save, pre_save

import gdpr_assist
from gdpr_assist import AnonymiseError, Generic, Subject, switches
from gdpr_assist.execution.ranges import execute_in_ranges
from gdpr_assist.models import PrivacyAnonymised, Receipt
from gdpr_assist.planning import plan
from tests.apps.people.models import Account, Remark, Sale

from .observing import changed, listening, queries, row, spoken, unchanged
from .people import account, sale

pytestmark = pytest.mark.django_db

ADDRESS = "ada@quill.example"
_paused = ContextVar("_paused", default=False)


def log(instance, **kwargs):
    """What an audit trail does: it writes down what the row held."""
    if instance.pk and not _paused.get():
        old = Account._base_manager.filter(pk=instance.pk).values_list("email", flat=True).first()
        Remark.objects.create(about=instance, text=f"was {old or instance.email}")


@contextmanager
def pause(using):
    token = _paused.set(True)
    try:
        yield
    finally:
        _paused.reset(token)


RECEIVERS = ["tests.test_switches.log"]


@pytest.fixture
def site():
    """A site with remarks as its audit trail; nothing is registered after the test."""
    with ExitStack() as entered:
        entered.enter_context(mock.patch.dict(switches._switches))
        entered.enter_context(changed(Remark, subject=None, copy_of=Generic("content_type", "object_id")))
        entered.enter_context(listening(pre_save, log, sender=Account))
        entered.enter_context(listening(post_delete, log, sender=Account))
        yield


@pytest.fixture
def switched(site):
    gdpr_assist.register_switch(pause, receivers=RECEIVERS)


@pytest.fixture
def ada(site):
    made = account("ada")
    Remark.objects.all().delete()
    return made


def row_by_row(instance):
    with changed(Account, bulk=False):
        Account.objects.filter(pk=instance.pk).anonymise()


WAYS = {
    "object": lambda instance: instance.anonymise(),
    "queryset": lambda instance: Account.objects.filter(pk=instance.pk).anonymise(),
    "row by row": row_by_row,
    "subject": lambda instance: Subject(instance).erase(),
    "subject.delete": lambda instance: Subject(instance).delete(),
}


@pytest.mark.usefixtures("switched")
@pytest.mark.parametrize("way", WAYS)
def test_no_copy_is_written(ada, way):
    WAYS[way](ada)
    assert list(Remark.objects.values_list("text", flat=True)) == []
    assert not _paused.get()
    log(account("eve"))
    assert Remark.objects.count() > 0


@pytest.mark.parametrize("way", WAYS)
def test_without_a_switch_what_is_written_is_erased(ada, way):
    # As an app does that connects its receivers before
    post_delete.receivers.insert(0, post_delete.receivers.pop())
    post_delete.sender_receivers_cache.clear()
    WAYS[way](ada)
    assert [each.text for each in Remark.objects.all()] == [str(each.pk) for each in Remark.objects.all()]


def test_a_receiver_that_is_switched_off_does_not_make_it_row_by_row(ada):
    assert plan(Account.objects.all()).way.kind == "rows"
    gdpr_assist.register_switch(pause, receivers=RECEIVERS)
    assert plan(Account.objects.all()).way.kind == "set"


@pytest.mark.usefixtures("switched")
def test_queries_do_not_grow_with_rows_that_an_audit_trail_follows(site):
    counts = []
    for number in (1, 20):
        rows = [account(f"p{number}-{each}").pk for each in range(number)]
        counts.append(len(queries(Account.objects.filter(pk__in=rows).anonymise)))
    assert counts[0] == counts[1]


@pytest.mark.usefixtures("switched")
def test_a_switch_costs_no_query(ada):
    Account.objects.filter(pk=ada.pk).anonymise(force=True)
    with_switch = len(queries(lambda: Account.objects.filter(pk=ada.pk).anonymise(force=True)))
    switches._switches.clear()
    with changed(Account, bulk=True):
        assert len(queries(lambda: Account.objects.filter(pk=ada.pk).anonymise(force=True))) == with_switch


@pytest.mark.usefixtures("switched")
def test_a_scrub_writes_no_copy_and_each_range_is_switched_by_itself(ada):
    account("bob")
    seen = []

    @contextmanager
    def watch(using):
        seen.append(using)
        yield

    gdpr_assist.register_switch(watch)
    with changed(Account, bulk=False):
        from_outside = [_paused.get() for _ in execute_in_ranges(plan(Account.objects.all()), 1)]
    assert from_outside == [False, False]
    assert set(seen) == {"default"}
    assert len(seen) >= len(from_outside)
    assert not Remark.objects.filter(text__contains="@quill").exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("switched")
@pytest.mark.parametrize("act", [lambda each: each.anonymise(), lambda each: each.delete()])
def test_a_replay_writes_no_copy(ada, act):
    key = ada.pk
    act(ada)
    Receipt.objects.all().delete()
    PrivacyAnonymised.objects.all().delete()
    Account.objects.filter(pk=key)._raw_delete("default")
    Account.objects.bulk_create([Account(pk=key, email=ADDRESS, is_confirmed=True)])
    Remark.objects.all().delete()
    call_command("gdpr_rerun", "--noinput")
    assert not Account.objects.filter(email=ADDRESS).exists()
    assert Remark.objects.count() == 0


def test_an_object_is_marked_while_it_is_saved_and_not_after(ada):
    seen = []

    def see(instance, **kwargs):
        seen.append(vars(instance).get("skip_it"))

    switches.add(switches.Switch(name="marking", mark="skip_it"))
    with listening(post_save, see, sender=Account):
        ada.anonymise()
        ada.save()
    assert seen == [True, None]


def test_a_mark_of_the_site_stays(ada):
    switches.add(switches.Switch(name="marking", mark="skip_it"))
    ada.skip_it = "always"
    ada.anonymise()
    assert ada.skip_it == "always"


# -- what goes wrong -------------------------------------------------------------------------------


@contextmanager
def never_off(using):
    raise RuntimeError(ADDRESS)
    yield


@contextmanager
def never_on(using):
    yield
    raise RuntimeError(ADDRESS)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("switch", "message"),
    [
        (never_off, "tests.test_switches.never_off, which switches copies off, raised RuntimeError. Nothing was"),
        (never_on, "What switches copies on again raised RuntimeError. Nothing was changed."),
    ],
)
def test_a_switch_that_raises_undoes_all(ada, way, switch, message):
    sale(ada)
    gdpr_assist.register_switch(switch)
    with unchanged(Account, Sale, Remark), pytest.raises(AnonymiseError) as caught:
        WAYS[way](ada)
    assert message in str(caught.value)
    assert ADDRESS not in spoken(caught.value)
    assert switches._off.get() == frozenset()


def test_what_broke_the_erasure_is_told_and_not_that_a_switch_broke_on_it(ada):
    def refuse(self, instance):
        raise LookupError

    gdpr_assist.register_switch(never_on)
    with changed(Account, anonymise_email=refuse), pytest.raises(AnonymiseError, match="LookupError"):
        ada.anonymise()
    assert row(ada)["email"] == ADDRESS


def test_others_are_on_again_where_one_cannot_be_switched_off(ada):
    gdpr_assist.register_switch(pause)
    gdpr_assist.register_switch(never_off)
    with pytest.raises(AnonymiseError):
        ada.anonymise()
    assert not _paused.get()


@pytest.mark.parametrize(
    ("off", "receivers"), [("audit.pause", []), (None, []), (nullcontext, "audit.log"), (nullcontext, [7])]
)
def test_what_is_no_switch_is_an_error(site, off, receivers):
    with pytest.raises(TypeError, match=r"^register_switch\(\) takes a function that gets an alias"):
        gdpr_assist.register_switch(off, receivers)
    assert switches.silenced() == []


def test_it_is_a_decorator_and_the_same_twice_is_once(site):
    count = len(switches._switches)
    assert gdpr_assist.register_switch(pause) is pause
    gdpr_assist.register_switch(pause)
    assert len(switches._switches) == count + 1


def test_within_a_broken_transaction_the_database_says_why(ada):
    @contextmanager
    def asks_the_database(using):
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")

    def refuse(sender, instance, **kwargs):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM not_there")

    gdpr_assist.register_switch(asks_the_database)
    with listening(post_save, refuse, sender=Account), pytest.raises(AnonymiseError, match="is not there"):
        ada.anonymise()
    assert row(ada)["email"] == ADDRESS
