"""A keeper of a project's own: what it keeps of rows is found before they change or go, and erased with them."""

import logging

import pytest
from django.db import connections, transaction
from django.db.models.signals import post_delete, pre_delete
from model_bakery import baker

from gdpr_assist import AnonymiseError
from gdpr_assist.copies import keeper
from gdpr_assist.copies.keeper import Erased, Retained
from gdpr_assist.execution.ranges import execute_in_ranges
from gdpr_assist.planning.plans import plan
from gdpr_assist.registry import registry
from tests.apps.shop.models import Address, AuditEntry, Customer
from tests.test_replay import ANONYMISE, DELETE, event, failures, log, rerun

from .observing import row, rows, unchanged

pytestmark = pytest.mark.django_db(transaction=True)


class Audit:
    """Keeps the audit entries that name the street of an address."""

    erases_before_commit = True

    def __init__(self, using, *, is_scrub):
        self.using = using

    @staticmethod
    def describe(plans):
        return ["the audit trail" for plan in plans if plan.model is Address]

    def concerns(self, declaration):
        return declaration.model is Address

    def find(self, plan, rows):
        assert plan.model is Address
        return rows.values_list("street", flat=True)

    def find_deleted(self, instance, *, read):
        rows = Address.objects.using(self.using).filter(pk=instance.pk)
        return rows.values_list("street", flat=True) if read else [instance.street]

    def erase(self, copies):
        assert connections[self.using].in_atomic_block is self.erases_before_commit
        if "locked" in copies:
            raise AnonymiseError("The audit trail of 221b Baker Street is locked.")
        entries = AuditEntry.objects.filter(action__in=copies)
        kept = entries.filter(action="court").count()
        removed, _ = entries.exclude(action="court").delete()
        retained = [Retained(what="shop.AuditEntry", count=kept, reason="a legal hold")] if kept else []
        return Erased(removed=removed, retained=tuple(retained))


class LateAudit(Audit):
    erases_before_commit = False


@pytest.fixture(params=[Audit, LateAudit])
def audit(request, monkeypatch):
    monkeypatch.setattr(keeper, "_kinds", [])
    return keeper.register(request.param)


@pytest.fixture
def addresses():
    for street in ("Ada Lane", "court", "Grace Road"):
        baker.make(AuditEntry, action=street)
    ada = baker.make(Customer)
    return [baker.make(Address, street=street, customer=ada) for street in ("Ada Lane", "court")]


def entries():
    return sorted(AuditEntry.objects.values_list("action", flat=True))


def erase_set(addresses):
    return Address.objects.all().anonymise().retained


def erase_each(addresses):
    return [each for address in addresses for each in address.anonymise().retained]


def scrub(addresses):
    list(execute_in_ranges(plan(Address.objects.all(), force=True)))


def replay_anonymising(addresses):
    log(*(event(ANONYMISE, address) for address in addresses))
    rerun()


@pytest.mark.parametrize("erase", [erase_set, erase_each, scrub, replay_anonymising])
def test_what_it_keeps_of_rows_goes_with_them(audit, addresses, erase):
    retained = erase(addresses)
    assert entries() == ["Grace Road", "court"]
    assert retained in (None, [Retained(what="shop.AuditEntry", count=1, reason="a legal hold")])
    assert row(addresses[0])["street"] != "Ada Lane"


def delete_each(addresses):
    for address in addresses:
        address.street = "never saved"
        address.delete()


def delete_set(addresses):
    Address.objects.all().delete()


def delete_the_owner(addresses):
    addresses[0].customer.delete()


def delete_within_a_transaction(addresses):
    with transaction.atomic():
        delete_set(addresses)


def replay_deleting(addresses):
    log(*(event(DELETE, address) for address in addresses))
    rerun()


@pytest.mark.parametrize(
    "delete", [delete_each, delete_set, delete_the_owner, delete_within_a_transaction, replay_deleting]
)
def test_what_it_keeps_of_rows_that_are_deleted_goes_too(audit, addresses, delete):
    delete(addresses)
    assert entries() == ["Grace Road", "court"]
    assert rows(Address) == []


def test_it_hears_of_what_others_delete_in_their_own_way(audit, addresses):
    """They send Django's signals, without an origin and outside of a transaction."""
    address = addresses[0]
    pre_delete.send(sender=Address, instance=address, using="default")
    Address.objects.filter(pk=address.pk)._raw_delete("default")
    post_delete.send(sender=Address, instance=address, using="default")
    assert entries() == ["Grace Road", "court"]


def test_what_it_keeps_of_a_deletion_that_is_rolled_back_stays(audit, addresses):
    with transaction.atomic():
        delete_set(addresses)
        transaction.set_rollback(True)
    assert entries() == ["Ada Lane", "Grace Road", "court"]


def test_a_deletion_of_many_rows_is_erased_at_once(audit, addresses, monkeypatch):
    calls = []
    monkeypatch.setattr(audit, "erase", lambda self, copies: calls.append(sorted(copies)) or Erased())
    delete_the_owner(addresses)
    assert calls == [["Ada Lane", "court"]]


def test_one_that_refuses_before_the_commit_undoes_all(audit, addresses):
    baker.make(Address, street="locked")
    if audit is LateAudit:  # by then it is done
        assert Address.objects.all().anonymise().anonymised == 3
        return
    with (
        unchanged(Address, AuditEntry),
        pytest.raises(AnonymiseError, match=r"^The audit trail of 221b Baker Street is locked\.$"),
    ):
        Address.objects.all().anonymise()


@pytest.mark.parametrize("delete", [delete_set, delete_within_a_transaction])
def test_one_that_refuses_a_deletion_before_the_commit_undoes_it(audit, addresses, delete):
    baker.make(Address, street="locked")
    if audit is LateAudit:
        delete(addresses)
        assert rows(Address) == []
        return
    with unchanged(Address, AuditEntry), pytest.raises(AnonymiseError, match="is locked"):
        delete(addresses)


def test_a_replay_says_who_refused(monkeypatch, addresses):
    monkeypatch.setattr(keeper, "_kinds", [Audit])
    locked = baker.make(Address, street="locked")
    operation = log(event(DELETE, locked))
    assert failures(rerun()) == [(operation, "shop.Address", "The audit trail of 221b Baker Street is locked.")]


class TestAnErrorAfterTheCommit:
    """Nothing can be undone: the result and the log of the site say what is left, and never a value."""

    class Broken(LateAudit):
        def erase(self, copies):
            raise ConnectionError("221b Baker Street")

    @pytest.fixture(autouse=True)
    def _broken(self, monkeypatch):
        monkeypatch.setattr(keeper, "_kinds", [self.Broken, LateAudit])

    REASON = "TestAnErrorAfterTheCommit.Broken could not erase it (ConnectionError)"

    def test_is_in_the_result(self, addresses):
        result = Address.objects.all().anonymise()
        assert result.anonymised == 2
        assert result.retained[0] == Retained(what="shop.Address", count=2, reason=self.REASON)

    @pytest.mark.parametrize("erase", [erase_set, delete_set])
    def test_is_logged_and_the_other_keepers_go_on(self, addresses, erase, caplog):
        erase(addresses)
        assert entries() == ["Grace Road", "court"]
        (error,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
        assert error.name == "gdpr_assist.copies.keeper"
        assert error.getMessage() == (
            "TestAnErrorAfterTheCommit.Broken could not erase what it has of shop.Address (ConnectionError)."
        )
        assert "Baker" not in caplog.text


def test_rows_of_which_it_keeps_nothing_cost_nothing(audit, addresses):
    other = baker.make(Customer)
    assert Customer.objects.filter(pk=other.pk).anonymise().retained == []
    other.delete()
    assert AuditEntry.objects.count() == 3


def test_whoever_is_asked_hears_of_it(audit):
    assert keeper.describe([plan(Address.objects.all()), plan(Customer.objects.all())]) == ["the audit trail"]


def concerned(model):
    return [type(each) for each in keeper.Keepers("default").concerned(registry.declaration(model))]


def test_each_kind_is_there_once(audit):
    keeper.register(audit)
    assert concerned(Address) == [audit]


def test_by_its_name_and_by_its_class_it_is_the_same(audit):
    keeper.register(f"{__name__}.{audit.__name__}")
    assert concerned(Address) == [audit]
    assert len(keeper.describe([plan(Address.objects.all())])) == 1
