"""A scrub and a verification as functions: what the commands print is made of these."""

import pytest
from model_bakery import baker

from gdpr_assist import AnonymiseError
from gdpr_assist.databases import compaction
from gdpr_assist.models import EventLog, Receipt, Scrub
from gdpr_assist.scrubbing.run import prepare, scrub
from gdpr_assist.scrubbing.verification import verify
from tests.apps.shop.models import Comment, Customer

from .observing import row, unchanged

CHOSEN = {"only": ["shop.Comment", "shop.Customer"]}


@pytest.fixture
def comment():
    return baker.make(Comment, display_name="Ada")


@pytest.mark.django_db(transaction=True)
def test_a_scrub_does_every_table_and_says_what_is_left(comment):
    baker.make(Customer, _quantity=2)
    work = prepare(["default"], **CHOSEN)
    seen = []

    def follow(plan, steps, total):
        seen.append((plan.label, total, list(steps)[-1:]))

    left = scrub(work, compact=False, follow=follow)

    assert sorted(seen) == [("shop.Comment", 1, [1]), ("shop.Customer", 2, [2])]
    assert left == [compaction.left_out("default")]
    assert row(comment)["display_name"] == "Anonymous user"
    assert not any(model.objects.exists() for model in (EventLog, Receipt, Scrub))


@pytest.mark.django_db(transaction=True)
def test_a_scrub_needs_nobody_to_follow_it(comment):
    scrub(prepare(["default"], **CHOSEN), compact=False)
    assert row(comment)["display_name"] == "Anonymous user"


@pytest.mark.django_db(transaction=True)
def test_preparing_writes_nothing_and_refuses_what_is_not_there(comment):
    with unchanged(Comment):
        assert prepare(["default"], **CHOSEN).aliases == ["default"]
        with pytest.raises(AnonymiseError, match=r"There is no model shop\.Nothing\."):
            prepare(["default"], only=["shop.Nothing"])


@pytest.mark.django_db
def test_a_verification_has_the_numbers_of_each_table(comment):
    baker.make(Comment)
    comment.anonymise()
    found = verify(["default"], only=["shop.Comment"])
    (preview,) = found.previews
    assert (preview.plan.label, preview.rows, preview.marked, preview.unmarked) == ("shop.Comment", 2, 1, 1)
    assert (found.returned, found.log_error) == ([], "")
