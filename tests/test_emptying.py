"""What a scrub deletes: rows that go with their person (``on_erasure = "delete"``)."""

from unittest import mock

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.db.models import PROTECT, RESTRICT, Q
from django.db.models.signals import post_delete
from django.utils import timezone
from model_bakery import baker

from gdpr_assist import AnonymiseError, Keep
from gdpr_assist.execution.execute import execute
from gdpr_assist.planning.plans import plan
from gdpr_assist.scrubbing.preview import described, done, untouched, warning
from gdpr_assist.scrubbing.run import prepare, scrub
from gdpr_assist.scrubbing.verification import failures, verify
from tests.apps.fields.models import TextKey
from tests.apps.own.models import Document, Person
from tests.apps.people.models import Account, Sale, SaleLine
from tests.apps.shop.models import Address, Customer, GiftOrder, Invoice, Message, Order, Reply

from .logbook import customer, logged
from .observing import changed, listening, markers, queries

pytestmark = pytest.mark.django_db(transaction=True)


def prepared(*models, but=(), batch_size=None):
    labels, without = ([each._meta.label for each in those] for those in (models, but))
    return prepare(["default"], only=labels, but=without, batch_size=batch_size)


def scrubbed(*models, batch_size=None, **options):
    work = prepared(*models, batch_size=batch_size)
    scrub(work, compact=False, **options)
    return work


def deleting(model, **attributes):
    """Declare that its rows are deleted with their person."""
    return changed(model, on_erasure="delete", **attributes)


def tokens(*keys):
    return [TextKey.objects.create(pk=key, name="x", email="x@quill.example") for key in keys]


def test_rows_that_go_with_their_person_are_deleted():
    one, _two = tokens("token-1", "token-2")
    execute(plan(TextKey.objects.filter(pk=one.pk)))  # some may be anonymised, and marked, by now
    before = logged()
    with deleting(TextKey):
        work = scrubbed(TextKey)
    assert not TextKey.objects.exists()
    assert markers(TextKey) == []
    assert logged() == before
    assert done(work) == "Anonymised 0 tables, and deleted the rows of 1. No event was logged."


def test_the_plan_says_what_is_deleted():
    tokens("token-1", "token-2")
    with deleting(TextKey):
        work = prepared(TextKey)
        assert next(described(work)) == "default: fields.TextKey: 2 rows, deleted (on_erasure)"
        assert warning(work).startswith("This anonymises, or deletes, all of the above in ")
        assert not any(line.startswith("fields.TextKey") for line in untouched(work))


def test_rows_that_scrub_leaves_stay():
    tokens("token-1", "service")
    with deleting(TextKey, scrub=~Q(pk="service")):
        assert next(described(prepared(TextKey))).endswith("1 row, deleted (on_erasure); 1 row left out by scrub")
        scrubbed(TextKey)
        assert [each.pk for each in TextKey.objects.all()] == ["service"]
        found = verify(["default"], only=["fields.TextKey"])
    assert list(failures(found, every=True)) == []


def test_a_person_is_anonymised_all_the_same():
    account = Account.objects.create(email="ada@quill.example")
    with deleting(Account):
        scrubbed(Account)
    assert Account.objects.get().pk == account.pk


def test_rows_are_deleted_range_by_range():
    tokens(*"abcde")
    seen = []

    def follow(plan, steps, total):
        seen.extend([*steps, total])

    with deleting(TextKey):
        scrubbed(TextKey, batch_size=2, follow=follow)
    assert seen == [2, 4, 5, 5]


def test_rows_that_nothing_goes_with_are_deleted_as_a_set():
    def of(count):
        tokens(*(f"{number}" for number in range(count)))
        return len(queries(lambda: scrubbed(TextKey)))

    with deleting(TextKey):
        assert of(2) == of(20)


def test_receivers_hear_of_what_is_deleted():
    tokens("token-1")
    heard = []

    def hear(instance, **kwargs):
        heard.append(instance.pk)

    with deleting(TextKey), listening(post_delete, hear, TextKey):
        scrubbed(TextKey)
    assert heard == ["token-1"]


def test_what_goes_by_cascade_is_in_the_plan():
    sale = baker.make(Sale)
    baker.make(SaleLine, sale=sale)
    with deleting(Sale):
        line = next(line for line in described(prepared(Sale)) if "people.Sale:" in line)
        assert "with what goes by cascade: rows of" in line
        assert "people.SaleLine" in line
        scrubbed(Sale)
    assert not SaleLine.objects.exists()


def house():
    return baker.make(Address, customer=customer(), street="1 High Street", town="Ely")


STAYING = {
    "can_anonymise": (Address, {"can_anonymise": False}, "never scrubbed"),
    "scrub": (Address, {"scrub": ~Q(town="Ely")}, "left by PrivacyMeta.scrub"),
    "keep": (Address, {"on_erasure": Keep("tax")}, "kept (tax)"),
}


@pytest.mark.parametrize(("model", "attributes", "why"), STAYING.values(), ids=STAYING)
def test_rows_that_stay_do_not_go_with_others(model, attributes, why):
    house()
    with deleting(Customer), changed(model, **attributes), pytest.raises(AnonymiseError) as error:
        prepared(Customer)
    assert str(error.value).startswith(
        "shop.Customer: a scrub deletes its rows, and 1 row of shop.Address would go with them, which is " + why
    )
    assert Address.objects.count() == 1


def test_rows_that_somebody_leaves_out_do_not_go_with_others():
    house()
    with deleting(Customer), pytest.raises(AnonymiseError, match=r"left out \(--exclude-model\)"):
        prepared(but=[Address])


def test_where_no_such_row_would_go_nothing_is_refused():
    baker.make(Address, customer=customer(), town="Rye")
    with deleting(Customer), changed(Address, scrub=~Q(town="Ely")):
        scrubbed(Customer)
    assert not Customer.objects.exists()


def test_rows_that_others_protect_are_named():
    baker.make(Invoice, customer=customer())
    with deleting(Customer), pytest.raises(AnonymiseError) as error:
        prepared(Customer)  # before anything changes, and in a dry run
    assert "shop.Customer: its rows are to be deleted, and 1 row of shop.Invoice protect" in str(error.value)
    assert Customer.objects.count() == 1


@pytest.mark.parametrize("on_delete", [PROTECT, RESTRICT])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_rows_that_protect_one_another_go_from_the_leaves(on_delete, size, monkeypatch):
    monkeypatch.setattr(Reply._meta.get_field("to").remote_field, "on_delete", on_delete)
    Reply.objects.bulk_create(Reply(pk=key, to_id=to) for key, to in enumerate([None, 1, 1, 2, None, 7, 5], start=1))
    with deleting(Reply):
        work = scrubbed(Reply, batch_size=size)
    assert not Reply.objects.exists()
    assert done(work) == "Anonymised 0 tables, and deleted the rows of 1. No event was logged."


def test_rows_that_protect_one_another_in_a_circle_are_named(monkeypatch):
    monkeypatch.setattr(Reply._meta.get_field("to").remote_field, "on_delete", PROTECT)
    Reply.objects.bulk_create(Reply(pk=key, to_id=to) for key, to in [(1, 2), (2, 1), (3, 1)])
    with deleting(Reply), pytest.raises(AnonymiseError, match=r"2 rows of shop\.Reply protect some of them"):
        scrubbed(Reply)
    assert set(Reply.objects.values_list("pk", flat=True)) == {1, 2}


def test_a_child_that_goes_with_its_person_is_deleted():
    baker.make(GiftOrder, placed=timezone.now())
    plain = baker.make(Order, placed=timezone.now())
    with deleting(GiftOrder):
        scrubbed()
    assert [each.pk for each in Order.objects.all()] == [plain.pk]


def test_an_interrupted_run_goes_on():
    tokens(*"abcde")

    def stop(plan, steps, total):
        next(steps)
        raise KeyboardInterrupt

    with deleting(TextKey):
        with pytest.raises(AnonymiseError, match=r"fields\.TextKey on default: 2 of 5 rows are done"):
            scrubbed(TextKey, batch_size=2, follow=stop)
        scrubbed(TextKey)
    assert not TextKey.objects.exists()


def test_rows_that_point_at_what_is_deleted_are_anonymised_by_their_own_plan_or_left():
    """``on_delete=ANONYMISE`` does nothing more: a row that somebody leaves out stays, and points at nobody."""
    person = customer()
    order = baker.make(Order, customer=person, recipient="Ada", placed=timezone.now())
    note = baker.make(Message, recipient=person, text="Dear Ada")
    before = logged()
    with deleting(Customer):
        work = prepare(["default"], but=["shop.Message"])
        scrub(work, compact=False)
    order.refresh_from_db()
    note.refresh_from_db()
    assert (order.customer, order.recipient == "Ada") == (None, False)
    assert (note.recipient, note.text) == (None, "Dear Ada")
    assert markers(Message) == []
    assert logged() == before


@pytest.mark.usefixtures("media_root")
def test_what_a_receiver_erases_in_a_scrub_is_a_part_of_it():
    """Its files go before the COMMIT: after it, one that a kill has left is named by no row."""
    tokens("token-1")
    contract = Document.objects.create(person=Person.objects.create(name="Ada"))
    contract.scan.save("ada.pdf", ContentFile(b"personal"))

    def erase(**kwargs):
        contract.anonymise()

    def refuse(storage, name):
        raise PermissionError

    before = logged()
    with deleting(TextKey), listening(post_delete, erase, TextKey):
        with mock.patch.object(FileSystemStorage, "delete", refuse), pytest.raises(AnonymiseError, match="file of"):
            scrubbed(TextKey)
        assert TextKey.objects.count() == 1
        assert Document.objects.get().scan.name == contract.scan.name != ""
        scrubbed(TextKey)
    assert (Document.objects.get().scan.name, list(default_storage.listdir("scans")[1])) == ("", [])
    assert logged() == before


def test_a_key_that_says_something_is_named_where_it_stays():
    tokens("token-1")
    line = next(line for line in untouched(prepared(TextKey)) if line.startswith("fields.TextKey"))
    assert line == "fields.TextKey: left as they are: word (primary key)."
    assert not any("(primary key)" in line for line in untouched(prepared(Customer)) if line.startswith("shop.Cust"))
