"""``anonymise_db --no-marks``: the values alone."""

import pytest
from django.db import Error, connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from model_bakery import baker

from gdpr_assist import AnonymiseError
from gdpr_assist.execution import ranges, rewriting
from gdpr_assist.models import PrivacyAnonymised, Scrub
from gdpr_assist.scrubbing.preview import done
from gdpr_assist.scrubbing.run import prepare, scrub
from tests.apps.shop.models import Comment, Customer, GiftOrder

from .observing import changed, markers, row
from .test_effects import KEPT, TRIGGERS, stubborn

pytestmark = pytest.mark.django_db(transaction=True)


def scrubbed(*models, **options):
    work = prepare(["default"], only=[each._meta.label for each in models], marks=False, **options)
    scrub(work, compact=False)
    return work


@pytest.mark.parametrize("batch_size", [None, 2])
def test_every_row_is_anonymised_and_none_is_marked(batch_size):
    people, comments = baker.make(Customer, _quantity=5), baker.make(Comment, display_name="Ada", _quantity=5)
    Customer.all_objects.last().anonymise()
    Customer.all_objects.update(name="again")
    work = scrubbed(Customer, Comment, batch_size=batch_size)
    assert [row(each)["name"] for each in people] == [str(each.pk) for each in people]
    assert [row(each)["display_name"] for each in comments] == ["Anonymous user"] * 5
    assert markers(Customer) == [str(people[-1].pk)], "It was marked before."
    assert markers(Comment) == []
    assert not Scrub.objects.exists()
    said = "Rows are not marked: gdpr_verify does not know that they are anonymised."
    assert done(work) == f"Anonymised 2 tables. No event was logged. {said}"


def test_rows_are_marked_where_the_markers_tell_which_are_done():
    house, ada = baker.make(Customer, name="House"), baker.make(Customer, name="Ada")
    gift = baker.make(GiftOrder, recipient="Ada")
    with changed(Customer, scrub=~Q(name="House")):
        scrubbed(Customer)
    assert (row(house)["name"], row(ada)["name"]) == ("House", str(ada.pk))
    assert markers(Customer) == [str(ada.pk)]
    prepared = prepare(["default"], only=["shop.Order"], marks=False)
    scrub(prepared, compact=False)
    assert markers(GiftOrder) == [str(gift.pk)]


def test_a_run_that_is_interrupted_begins_anew(monkeypatch):
    people = baker.make(Customer, name="Ada", _quantity=3)
    original, seen = ranges._anonymise_range, []

    def fail(plan, rows, *args, **kwargs):
        seen.append(rows.count())
        if len(seen) == 2:
            raise Error("The network is down.")
        return original(plan, rows, *args, **kwargs)

    monkeypatch.setattr(ranges, "_anonymise_range", fail)
    with pytest.raises(AnonymiseError) as caught:
        scrubbed(Customer, batch_size=2)
    assert "2 of 3 rows are done" in str(caught.value)
    assert str(caught.value).endswith("Run the command again: it begins anew, as no row was marked.")
    assert not Scrub.objects.exists()
    assert not PrivacyAnonymised.objects.exists()
    scrubbed(Customer, batch_size=2)
    assert seen == [2, 1, 2, 1]
    assert [row(each)["name"] for each in people] == [str(each.pk) for each in people]


def test_a_run_that_marks_and_was_interrupted_is_not_gone_on_with():
    people = baker.make(Customer, name="Ada", _quantity=3)
    (plan,) = prepare(["default"], only=["shop.Customer"], batch_size=2).plans
    ranges.begin_scrub(plan)
    assert next(ranges.execute_in_ranges(plan, 2)) == 2
    Customer.all_objects.update(name="again")
    work = scrubbed(Customer)
    assert work.begun == {}
    assert [row(each)["name"] for each in people] == [str(each.pk) for each in people]
    assert not Scrub.objects.exists()


@pytest.mark.parametrize("what", ["drops", "writes back"])
def test_a_row_that_the_database_does_not_change_is_found_out(what):
    """The number of rows that it says it has changed is asked about only where nothing can interfere."""
    if what not in TRIGGERS[connection.vendor]:
        what = "writes back"
    for name in ("Ada", KEPT):
        baker.make(Customer, name=name)
    with stubborn(what, Customer, "name"), pytest.raises(AnonymiseError, match=r"1 row|shop\.Customer\.name"):
        scrubbed(Customer)
    assert sorted(each.name for each in Customer.all_objects.all()) == ["Ada", KEPT]


def test_where_nothing_interferes_rows_are_counted_by_the_update_alone():
    baker.make(Customer, name="Ada", _quantity=5)
    (plan,) = prepare(["default"], only=["shop.Customer"], batch_size=10, marks=False).plans
    with CaptureQueriesContext(connection) as captured:
        assert list(ranges.execute_in_ranges(plan, 10, marks=False)) == [5]
    assert [each["sql"] for each in captured if "COUNT(" in each["sql"]] == []


@pytest.mark.skipif(connection.vendor != "postgresql", reason="others write no table anew")
def test_a_table_that_is_written_anew_too(monkeypatch):
    people = baker.make(Customer, name="Ada", _quantity=3)
    monkeypatch.setattr(rewriting, "insert_markers", None)
    work = scrubbed(Customer)
    assert [each.way.kind for each in work.plans] == ["anew"]
    assert [row(each)["name"] for each in people] == [str(each.pk) for each in people]
    assert markers(Customer) == []
