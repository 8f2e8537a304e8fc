"""What can be told of a row that was anonymised before, and what cannot; nothing is in order that nobody knows."""

from io import StringIO
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from model_bakery import baker

from gdpr_assist.execution.execute import execute
from gdpr_assist.execution.ranges import begin_scrub, end_scrubs, execute_in_ranges
from gdpr_assist.models import PrivacyAnonymised
from gdpr_assist.planning.plans import plan
from gdpr_assist.planning.preview import preview
from tests.apps.own.models import ClosedRow, CodedRow, SaltedRow
from tests.apps.shop.models import Comment, Customer

from .observing import row

pytestmark = pytest.mark.django_db

# {model: whether anybody can tell if its column "secret" was filled again}
MODELS = {SaltedRow: False, ClosedRow: False, CodedRow: True}


def verify(*args):
    out = StringIO()
    call_command("gdpr_verify", *args, stdout=out)
    return out.getvalue()


@pytest.fixture(params=MODELS, ids=lambda model: model.__name__)
def model(request):
    made = request.param.objects.create(secret="Ada", name="Ada")
    made.anonymise()
    return request.param


def test_a_column_that_encrypts_or_cannot_be_looked_up_is_never_called_refilled(model):
    assert plan(model.objects.all()).refilled().count() == 0
    assert model.objects.get().secret == "no secret"


def test_what_cannot_be_told_is_said_so(model):
    found = plan(model.objects.all())
    is_told = MODELS[model]
    assert found.untold == ([] if is_told else ["secret"])
    assert ("whether secret was filled again cannot be told" in str(preview(found))) is not is_told
    printed = verify(f"--model={model._meta.label}")
    assert f"{model._meta.label}: 1 row, 1 anonymised, 0 refilled" in printed
    assert ("; not known of secret" in printed) is not is_told
    assert (f"Not known, and not counted as in order: whether {model._meta.label}.secret" in printed) is not is_told


def test_the_other_columns_tell(model):
    model.objects.update(name="Ada")
    assert plan(model.objects.all()).refilled().count() == 1
    with pytest.raises(CommandError, match=rf"Filled again .* 1 row of {model._meta.label}"):
        verify(f"--model={model._meta.label}")


def test_a_column_of_a_class_of_the_projects_own_that_converts_tells():
    made = CodedRow.objects.create(secret="Ada", name="Ada")
    made.anonymise()
    CodedRow.objects.update(secret="Ada")
    assert plan(CodedRow.objects.all()).refilled().count() == 1


def test_a_scrub_that_is_resumed_goes_through(model):
    whole = plan(model.objects.all(), force=True)
    begin_scrub(whole)
    list(execute_in_ranges(whole))
    assert begin_scrub(whole) is not None
    list(execute_in_ranges(whole))
    end_scrubs([whole])
    assert plan(model.objects.all()).marked().count() == 1


def test_an_anonymiser_of_the_projects_own_is_never_counted_as_in_order():
    baker.make(Comment).anonymise()
    assert "shop.Comment.display_name" in verify("--all", "--model=shop.Comment").split("Not known")[1]


def test_where_nothing_was_anonymised_nothing_is_unknown():
    baker.make(Comment)
    assert "Not known" not in verify("--model=shop.Comment")


# -- what a project's save() computes ----------------------------------------------------------


@pytest.fixture
def computing():
    """Let Customer.save() put another value into a column than the plan: a text made from the name."""
    original = Customer.save

    def save(self, *args, **options):
        self.notes = f"{self.name} is a customer"
        original(self, *args, **options)

    with mock.patch.object(Customer, "save", save):
        yield


@pytest.mark.usefixtures("computing")
class TestComputed:
    def test_a_computed_column_does_not_look_refilled(self):
        customer = baker.make(Customer, name="Ada")
        result = customer.anonymise()
        assert result.computed == ("shop.Customer.notes",)
        assert row(customer)["notes"] == f"{customer.name} is a customer"
        assert plan(Customer.objects.all()).refilled().count() == 0
        assert PrivacyAnonymised.objects.get().computed == "notes"
        assert "not known of notes (where save() has computed it)" in verify("--model=shop.Customer")

    def test_it_is_not_done_again_as_refilled(self):
        customer = baker.make(Customer, name="Ada")
        customer.anonymise()
        result = execute(plan(Customer.objects.all(), force="refilled"))
        assert (result.anonymised, result.skipped) == (0, 1)
        Customer.objects.update(name="Ada")
        assert execute(plan(Customer.objects.all(), force="refilled")).anonymised == 1

    def test_another_column_of_the_same_row_tells(self):
        customer = baker.make(Customer, name="Ada")
        customer.anonymise()
        Customer.objects.update(phone="555")
        assert plan(Customer.objects.all()).refilled().count() == 1

    def test_the_same_column_of_another_row_tells(self):
        baker.make(Customer, name="Ada").anonymise()
        other = baker.make(Customer, name="Bob")
        Customer.objects.filter(pk=other.pk).anonymise()  # in sets: nothing is saved
        assert plan(Customer.objects.all()).refilled().count() == 0
        Customer.objects.update(notes="Bob is back")
        assert list(plan(Customer.objects.all()).refilled()) == [other]
