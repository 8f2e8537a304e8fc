"""A scrub and a verification as functions: what the commands print is made of these."""

from unittest import mock

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from model_bakery import baker

from gdpr_assist import AnonymiseError
from gdpr_assist.databases import compaction
from gdpr_assist.databases.rows import range_size
from gdpr_assist.execution import marking, ranges
from gdpr_assist.execution.run import Run
from gdpr_assist.execution.ways import ROWS_READ_PER_RANGE, rows_per_range
from gdpr_assist.log.writing import Erasure
from gdpr_assist.models import EventLog, PrivacyAnonymised, Receipt, Scrub
from gdpr_assist.planning.plans import plan
from gdpr_assist.scrubbing.run import prepare, scrub
from gdpr_assist.scrubbing.verification import verify
from tests.apps.own.models import Reader
from tests.apps.shop.models import Comment, Customer

from .observing import changed, markers, queries, row, unchanged
from .test_effects import stubborn

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
def test_a_table_without_rows_costs_two_statements(comment):
    """Its rows are counted, and markers of rows that are gone are removed."""
    work = prepare(["default"], **CHOSEN)
    asked = queries(lambda: scrub(work, compact=False))
    of_customers = [sql for sql in asked if "shop_customer" in sql]
    assert of_customers == ["SELECT COUNT(*) AS __count FROM shop_customer"]
    assert len([sql for sql in asked if sql.startswith("DELETE FROM gdpr_assist_privacyanonymised")]) == 2
    assert len([sql for sql in asked if sql.startswith("INSERT INTO gdpr_assist_scrub ")]) == 1, "Of the comments."


@pytest.mark.django_db(transaction=True)
def test_a_row_that_comes_after_a_scrub_of_none_is_not_born_anonymised(comment):
    customer = baker.make(Customer)
    customer.anonymise()
    key = customer.pk
    Customer.all_objects.filter(pk=key)._raw_delete("default")
    assert markers(Customer) == [str(key)], "As the database deletes it."
    scrub(prepare(["default"], **CHOSEN), compact=False)
    assert markers(Customer) == []
    assert not baker.make(Customer, pk=key).is_anonymised()


@pytest.mark.django_db(transaction=True)
def test_rows_that_come_between_the_plan_and_the_scrub_are_scrubbed(comment):
    work = prepare(["default"], **CHOSEN)
    customer = baker.make(Customer, name="Ada")
    scrub(work, compact=False)
    assert row(customer)["name"] == str(customer.pk)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("marked", [0, 1, 3])
def test_rows_that_somebody_marks_meanwhile_are_scrubbed_and_marked_once(marked, monkeypatch):
    """A marker that is there already is looked for only after the database has refused a second one."""
    comments = baker.make(Comment, display_name="Ada", _quantity=3)
    insert, started = ranges.insert_markers, []

    def meanwhile(plan, rows):
        if not started:
            started.append(True)
            kind = ContentType.objects.get_for_model(Comment)
            for each in comments[:marked]:
                PrivacyAnonymised.objects.create(content_type=kind, object_id=str(each.pk))
        return insert(plan, rows)

    monkeypatch.setattr(ranges, "insert_markers", meanwhile)
    with mock.patch.object(marking, "insert_missing_markers", side_effect=marking.insert_missing_markers) as looked:
        scrub(prepare(["default"], only=["shop.Comment"], batch_size=10))
    assert looked.call_count == bool(marked)
    assert [row(each)["display_name"] for each in comments] == ["Anonymous user"] * 3
    assert markers(Comment) == sorted(str(each.pk) for each in comments)


@pytest.mark.django_db
def test_markers_go_with_their_content_type(comment):
    """Django deletes them, as the database has no foreign key for it."""
    gone = ContentType.objects.create(app_label="shop", model="gone")
    PrivacyAnonymised.objects.create(content_type=gone, object_id="1")
    comment.anonymise()
    gone.delete()
    assert [each.object_id for each in PrivacyAnonymised.objects.all()] == [str(comment.pk)]


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


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="its ranges are wide")
class TestSizeOfARange:
    def size(self, model):
        rows = plan(model._base_manager.all(), force=True)
        return rows_per_range(rows, Run(Erasure("default"), is_scrub=True))

    def test_it_is_wide_where_the_database_does_all(self):
        assert self.size(Customer) == range_size("default") == 500_000

    def test_it_is_not_where_django_reads_keys_or_rows(self):
        """Keys of a child, to change the table of its parent; all of a row, where a trigger may change it."""
        assert self.size(Reader) == ROWS_READ_PER_RANGE
        with stubborn("drops", Customer, "name"):
            assert self.size(Customer) == ROWS_READ_PER_RANGE
        with changed(Customer, clear=["favourites"], keep=["favourites"]):
            assert self.size(Customer) == ROWS_READ_PER_RANGE
