"""An erasure on two databases: they cannot commit together, and whoever erases hears what is done where."""

from contextlib import contextmanager

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import DatabaseError, connections, transaction
from model_bakery import baker

from gdpr_assist import AnonymiseError, PartlyErased, Subject
from gdpr_assist.erasure import erase
from gdpr_assist.execution.together import execute_together
from gdpr_assist.models import Receipt
from gdpr_assist.planning.plans import plan
from gdpr_assist.signals import post_anonymise
from tests.apps.people.models import Account, Reader, Sale, SaleLine
from tests.apps.shop.models import Address, Customer, Message

from .observing import address, listening, markers, row, rows, state, unchanged_rows
from .people import around

pytestmark = pytest.mark.django_db(transaction=True)

VENDOR = connections["other"].vendor


@pytest.fixture
def plans():
    """The plans for a message on each of two databases."""
    for using in ("default", "other"):
        baker.make(Message, text="Dear Ada", _using=using)
    return planned()


def planned():
    """Whether somebody listens is decided here."""
    return [plan(Message.objects.using(using).all()) for using in ("default", "other")]


def texts(using):
    return [each["text"] for each in rows(Message, using)]


@contextmanager
def broken_reference(using):
    """Let the erasure leave an address without its customer: a foreign key, deferred to the COMMIT."""
    customer = baker.make(Customer, _using=using)
    baker.make(Address, customer=customer, _using=using)

    def cut(**kwargs):
        if kwargs["using"] == using:
            Address.objects.using(using).update(customer_id=customer.pk + 1000)

    with listening(post_anonymise, cut, sender=Message):
        yield


@contextmanager
def gone(using):
    """Let the connection to the database be broken when it is to commit."""
    connection = connections[using]
    commit = connection._commit

    def broken():
        del connection._commit  # it is back for whoever comes next
        connection.connection.close()
        return commit()

    connection._commit = broken
    try:
        yield
    finally:
        vars(connection).pop("_commit", None)
        connection.close()


def test_both_are_done_in_one_operation_each(plans):
    results = execute_together(plans)
    assert [(each.using, each.anonymised) for each in results] == [("default", 1), ("other", 1)]
    assert texts("default") != ["Dear Ada"] != texts("other")
    assert Receipt.objects.using("other").filter(pk=results[1].operation).exists()


@pytest.mark.skipif(VENDOR == "mysql", reason="MariaDB checks each foreign key at once")
@pytest.mark.parametrize("using", ["default", "other"])
def test_a_constraint_that_is_checked_at_the_end_refuses_before_anything_is_committed(plans, using):
    """PostgreSQL is asked to check first; on SQLite only the first COMMIT can refuse, and the other follows."""
    if VENDOR == "sqlite" and using == "other":
        pytest.skip("two SQLite databases: the second COMMIT is the next test's")
    with (
        broken_reference(using),
        pytest.raises(AnonymiseError, match=rf"{using}.*IntegrityError\). Nothing was changed") as caught,
    ):
        execute_together(planned())
    assert texts("default") == texts("other") == ["Dear Ada"]
    assert markers(Message) == markers(Message, "other") == []
    assert not isinstance(caught.value, PartlyErased)


def check_partly(error, plans):
    assert [(each.using, each.anonymised) for each in error.results] == [("default", 1)]
    assert [each.using for each in error.remaining] == ["other"]
    assert "done on 'default'" in str(error)
    assert "not on 'other'" in str(error)
    assert str(error.results[0].operation) in str(error)
    assert texts("default") != ["Dear Ada"]
    assert texts("other") == ["Dear Ada"]
    assert (len(markers(Message)), markers(Message, "other")) == (1, [])


@pytest.mark.skipif(VENDOR != "sqlite", reason="the others have checked their constraints by then")
def test_a_second_commit_that_is_refused_is_told_and_can_be_finished(plans):
    with broken_reference("other"), pytest.raises(PartlyErased) as caught:
        execute_together(planned())
    check_partly(caught.value, plans)

    (result,) = execute_together(caught.value.remaining)

    assert (result.using, result.anonymised) == ("other", 1)
    assert texts("other") != ["Dear Ada"]


def test_a_server_that_goes_away_between_two_commits_is_told_and_can_be_finished(plans):
    with gone("other"), pytest.raises(PartlyErased) as caught:
        execute_together(plans)
    check_partly(caught.value, plans)

    (result,) = execute_together(caught.value.remaining)

    assert (result.using, result.anonymised) == ("other", 1)
    assert texts("other") != ["Dear Ada"]


def test_the_admins_history_has_what_is_committed(plans):
    """The message of the other database is in it once that is erased, though the history is not there."""
    officer = baker.make(User)
    first, second = (each.queryset.get().pk for each in plans)
    with gone("other"), pytest.raises(PartlyErased) as caught:
        erase(plans, by=officer)
    assert list(LogEntry.objects.values_list("object_id", flat=True)) == [str(first)]

    erase(caught.value.remaining, by=officer)

    assert sorted(LogEntry.objects.values_list("object_id", flat=True)) == sorted([str(first), str(second)])


def test_the_admins_history_survives_that_its_own_database_does_not_commit(plans):
    """It is on default: what was committed on the other one by then is in it all the same."""
    officer = baker.make(User)
    _, second = (each.queryset.get().pk for each in plans)
    with (broken_reference if VENDOR == "sqlite" else gone)("default"), pytest.raises(PartlyErased):
        erase(planned()[::-1], by=officer)
    assert list(LogEntry.objects.values_list("object_id", flat=True)) == [str(second)]


def test_a_first_commit_that_fails_leaves_both_as_they_were(plans):
    with gone("default"), pytest.raises(DatabaseError):
        execute_together(plans)
    assert texts("default") == texts("other") == ["Dear Ada"]
    assert not Receipt.objects.exists()


def test_what_the_plans_of_the_rest_find_is_pinned(plans):
    """Their rows may be found through rows that are anonymised by now."""
    filtered = [plans[0], plan(Message.objects.using("other").filter(text="Dear Ada"))]
    with gone("other"), pytest.raises(PartlyErased) as caught:
        execute_together(filtered)
    assert caught.value.remaining[0].keys == tuple(each["id"] for each in rows(Message, "other"))


def test_a_callback_of_the_project_that_fails_after_the_first_commit_stops_nothing(plans):
    def remember(using, **kwargs):
        if using == "default":
            transaction.on_commit(fail, using=using)

    def fail():
        raise RuntimeError("the newsletter service is down")

    with listening(post_anonymise, remember, sender=Message), pytest.raises(RuntimeError, match="newsletter"):
        execute_together(planned())

    assert texts("default") != ["Dear Ada"] != texts("other")


@pytest.mark.parametrize("using", ["default", "other"])
def test_inside_a_transaction_several_databases_are_refused(plans, using):
    before = state(Message)
    with transaction.atomic(using=using), pytest.raises(AnonymiseError) as caught:
        execute_together(plans)
    assert state(Message) == before
    assert f"there is one open on {using}" in str(caught.value)
    assert "non_atomic_requests" in str(caught.value)


def test_inside_a_transaction_one_database_is_not_refused(plans):
    with transaction.atomic():
        (result,) = execute_together(plans[:1])
    assert result.anonymised == 1


def test_rows_are_found_through_those_of_another_plan():
    baker.make(Message, recipient=baker.make(Customer, name="Ada", email="ada@x.example"), text="Dear Ada")
    customers = plan(Customer.objects.filter(email="ada@x.example"))
    messages = plan(Message.objects.filter(recipient__email="ada@x.example"))
    assert [each.anonymised for each in execute_together([customers, messages])] == [1, 1]


class TestPeople:
    @pytest.fixture
    def elsewhere(self, ada):
        """What is hers on the other database; her own row is on default."""
        around(ada)
        return Reader.objects.using("other").create(email=ada.email)

    def test_what_a_partial_erasure_left_is_finished_by_a_second_call(self, ada, elsewhere):
        """Her own row, by which the rest is found, is the last that is committed."""
        with gone("default"), pytest.raises(PartlyErased) as caught:
            Subject(ada).erase()
        assert {each.using for each in caught.value.results} == {"other"}
        assert {each.using for each in caught.value.remaining} == {"default"}
        assert row(elsewhere)["email"] == address(elsewhere)
        assert row(ada)["email"] == "ada@quill.example"

        result = Subject(ada).erase()

        assert list(result.operations) == ["default"]
        assert result.deleted == {"people.SaleLine": 1}
        assert row(ada)["email"] == address(ada)
        assert Subject(ada).erase().operations == {}

    def test_a_first_commit_that_fails_leaves_her_as_she_was(self, ada, elsewhere):
        with unchanged_rows(Account, Sale, SaleLine), gone("other"), pytest.raises(DatabaseError) as caught:
            Subject(ada).erase()
        assert not isinstance(caught.value, PartlyErased)
        assert row(elsewhere)["email"] == "ada@quill.example"
