"""A keeper of a project's own: what is kept of rows elsewhere is found before they change, and erased with them."""

import pytest
from django.db import connections
from model_bakery import baker

from gdpr_assist import AnonymiseError
from gdpr_assist.copies import keeper
from gdpr_assist.copies.keeper import Erased, Retained
from gdpr_assist.execution.ranges import execute_in_ranges
from gdpr_assist.planning.plans import plan
from tests.apps.shop.models import AuditEntry, Comment, Customer

from .observing import row, unchanged

pytestmark = pytest.mark.django_db(transaction=True)


class Audit:
    """Keeps the audit entries that name a comment's author."""

    erases_before_commit = True

    def __init__(self, using, *, is_scrub):
        self.using = using

    @staticmethod
    def describe(plans):
        return ["the audit trail" for plan in plans if plan.model is Comment]

    def concerns(self, declaration):
        return declaration.model is Comment

    def find(self, plan, rows):
        return sorted(rows.values_list("display_name", flat=True)) if plan.model is Comment else None

    def erase(self, copies):
        assert connections[self.using].in_atomic_block is self.erases_before_commit
        if "locked" in copies:
            raise AnonymiseError("The audit trail is locked.")
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
def comments():
    for name in ("Ada", "court", "Grace"):
        baker.make(AuditEntry, action=name)
    return [baker.make(Comment, display_name=name) for name in ("Ada", "court")]


def erase_set(comments):
    return Comment.objects.all().anonymise().retained


def erase_each(comments):
    return [each for comment in comments for each in comment.anonymise().retained]


def scrub(comments):
    list(execute_in_ranges(plan(Comment.objects.all(), force=True)))


@pytest.mark.parametrize("erase", [erase_set, erase_each, scrub])
def test_what_it_keeps_of_rows_goes_with_them(audit, comments, erase):
    retained = erase(comments)
    assert sorted(AuditEntry.objects.values_list("action", flat=True)) == ["Grace", "court"]
    assert retained in (None, [Retained(what="shop.AuditEntry", count=1, reason="a legal hold")])
    assert row(comments[0])["display_name"] == "Anonymous user"


def test_one_that_refuses_before_the_commit_undoes_all(audit, comments):
    baker.make(Comment, display_name="locked")
    if audit is LateAudit:  # by then it is done, and the error is in the log of the site
        assert Comment.objects.all().anonymise().anonymised == 3
        return
    with unchanged(Comment, AuditEntry), pytest.raises(AnonymiseError, match=r"^The audit trail is locked\.$"):
        Comment.objects.all().anonymise()


def test_rows_of_which_it_keeps_nothing_cost_nothing(audit, comments):
    baker.make(Customer)
    assert Customer.objects.all().anonymise().retained == []
    assert AuditEntry.objects.count() == 3


def test_whoever_is_asked_hears_of_it(audit):
    assert keeper.describe([plan(Comment.objects.all()), plan(Customer.objects.all())]) == ["the audit trail"]


def test_each_kind_is_there_once(audit):
    keeper.register(audit)
    assert [type(each) for each in keeper.keepers("default", is_scrub=False)] == [audit]
