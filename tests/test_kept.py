"""What is reached and stays, as its model says ``can_anonymise = False``: each result names it, with numbers."""

from io import StringIO

import pytest
from django.core.management import call_command
from model_bakery import baker

from gdpr_assist import Keep, Party, Subject
from gdpr_assist.erasure import erase
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.execution.kept import hearing_of_kept, keep
from gdpr_assist.models import PrivacyAnonymised, Receipt
from gdpr_assist.planning.plans import plan
from gdpr_assist.planning.preview import preview
from gdpr_assist.registry import registry
from gdpr_assist.signals import pre_anonymise
from tests.apps.people.models import Sale
from tests.apps.shop.models import Boat, Comment, Customer, GiftOrder, Home, Houseboat, Message, Order
from tests.observing import changed, listening, queries, row

from .admin.pages import confirm, said
from .people import sale


@pytest.fixture
def messages_stay(monkeypatch):
    """Messages point at customers with ANONYMISE, and may not be anonymised: check W024 says so."""
    monkeypatch.setattr(registry.declaration(Message).meta, "can_anonymise", False)


@pytest.fixture
def houseboats_stay(monkeypatch):
    monkeypatch.setattr(registry.declaration(Houseboat).meta, "can_anonymise", False)


@pytest.fixture
def boats():
    houseboat = {"owner": "Ada", "street": "Quill Lane", "nickname": "Ark"}
    return [*(baker.make(Houseboat, **houseboat) for _ in range(2)), baker.make(Boat, owner="Ada")]


class TestHearing:
    def test_the_blocks_around_hear_of_it_too(self):
        keep("shop.Message", 1)
        with hearing_of_kept() as outer:
            keep("shop.Message", 1)
            with hearing_of_kept() as inner:
                keep("shop.Message", 2)
                keep("shop.Order", 0)
        assert (outer, inner) == ({"shop.Message": 3}, {"shop.Message": 2})

    def test_not_of_what_is_rolled_back(self):
        def fail():
            with hearing_of_kept():
                keep("shop.Message", 2)
                raise ValueError("no")

        with hearing_of_kept() as outer, pytest.raises(ValueError, match="no"):
            fail()
        assert outer == {}


@pytest.mark.django_db
class TestResults:
    def test_of_a_cascade_within_an_anonymisation(self, messages_stay):
        customer = baker.make(Customer)
        baker.make(Message, recipient=customer, text="Dear Ada", _quantity=2)
        comment = baker.make(Comment, author=None)

        def forget_customers(sender, **kwargs):
            Customer.objects.all().delete()

        with listening(pre_anonymise, forget_customers, sender=Comment):
            assert comment.anonymise().kept == {"shop.Message": 2}
        assert set(Message.objects.values_list("text", "recipient")) == {("Dear Ada", None)}

    def test_of_an_erasure_of_several_models(self, houseboats_stay, boats):
        results = erase([plan(Home.objects.all()), plan(Boat.objects.all())])
        assert [(each.label, each.anonymised, each.kept) for each in results] == [
            ("shop.Home", 2, {"shop.Houseboat": 2}),
            ("shop.Boat", 3, {"shop.Houseboat": 2}),
        ]

    def test_asked_for_itself_it_is_refused(self, houseboats_stay, boats):
        before = row(boats[0])
        with pytest.raises(AnonymiseError, match=r"^shop\.Houseboat cannot be anonymised"):
            boats[0].anonymise()
        assert row(boats[0]) == before


@pytest.mark.django_db
class TestPlans:
    def test_the_plan_names_the_model(self, houseboats_stay):
        assert str(plan(Boat.objects.all())).endswith(
            "; what shop.Houseboat holds of them stays (can_anonymise = False)"
        )

    def test_a_plan_without_any_does_not(self):
        assert "can_anonymise" not in str(plan(Boat.objects.all()))

    def test_the_preview_has_the_numbers(self, houseboats_stay, boats):
        found = preview(plan(Boat.objects.all()))
        assert found.kept == {"shop.Houseboat": 2}
        assert str(found).endswith("; 2 rows of shop.Houseboat left as they are (can_anonymise = False)")
        assert found.kept == plan_and_do(Boat.objects.all()).kept

    def test_of_some_of_the_rows(self, houseboats_stay, boats):
        some = Boat.objects.filter(pk__in=[boats[0].pk, boats[2].pk])
        assert preview(plan(some)).kept == {"shop.Houseboat": 1}
        assert preview(plan(Boat.objects.get(pk=boats[2].pk))).kept == {}

    def test_what_a_parent_holds(self, monkeypatch, boats):
        monkeypatch.setattr(registry.declaration(Home).meta, "can_anonymise", False)
        assert preview(plan(Houseboat.objects.all())).kept == {"shop.Home": 2}
        assert preview(plan(Boat.objects.all())).kept == {"shop.Home": 2}
        assert plan_and_do(Boat.objects.all()).kept == {"shop.Home": 2}

    def test_it_asks_nothing_where_all_may_be_anonymised(self, monkeypatch, boats):
        without = len(queries(lambda: preview(plan(Boat.objects.all()))))
        monkeypatch.setattr(registry.declaration(Houseboat).meta, "can_anonymise", False)
        assert len(queries(lambda: preview(plan(Boat.objects.all())))) == without + 1


def plan_and_do(queryset):
    [result] = erase([plan(queryset)])
    return result


@pytest.mark.django_db(transaction=True)
def test_a_replay_lists_it(messages_stay):
    customer = baker.make(Customer)
    message = baker.make(Message, recipient=customer, text="Dear Ada")
    key = customer.pk
    customer.delete()
    Receipt.objects.all().delete()
    customer.pk = key
    customer.save_base(raw=True)
    Message.objects.filter(pk=message.pk).update(recipient=customer)

    printed = StringIO()
    call_command("gdpr_rerun", stdout=printed)

    assert "Reached and left as they are, as can_anonymise = False says: shop.Message: 1\n" in printed.getvalue()
    assert row(message)["text"] == "Dear Ada"


@pytest.mark.django_db(transaction=True)
def test_a_replay_lists_tables_of_the_same_objects(houseboats_stay, boats):
    Boat.objects.anonymise()
    Receipt.objects.all().delete()
    printed = StringIO()
    call_command("gdpr_rerun", stdout=printed)
    assert "Reached and left as they are, as can_anonymise = False says: shop.Houseboat: 2\n" in printed.getvalue()


@pytest.mark.urls("tests.admin.urls")
@pytest.mark.django_db
class TestAdmin:
    LEFT = "because their models say so (can_anonymise = False): "

    @pytest.fixture
    def officer(self, admin_client):
        return admin_client

    def ask(self, officer, rows):
        keys = [each.pk for each in rows]
        return officer.post("/shop/shop/boat/", {"action": "anonymise", "_selected_action": keys})

    def test_the_page_that_asks(self, officer, houseboats_stay, boats):
        content = self.ask(officer, boats).content.decode()
        assert f"2 rows are left as they are, {self.LEFT}2 houseboats." in content
        assert self.LEFT not in self.ask(officer, boats[2:]).content.decode()

    def test_the_message(self, officer, houseboats_stay, boats):
        [message] = said(confirm(officer, self.ask(officer, boats)))
        assert message.startswith("3 rows were anonymised: 3 boats. 2 rows are left as they are, ")
        assert f"{self.LEFT}2 houseboats. Operation " in message

    def test_the_tool(self, officer, houseboats_stay, boats):
        tool = "/shop/gdpr_assist/personaldata/"
        page = officer.post(tool, {"action": "anonymise", "term": "Ada", "everything": "on"}, follow=True)
        assert f"{self.LEFT}2 houseboats." in page.content.decode()
        [message] = said(confirm(officer, page))
        assert f"{self.LEFT}2 houseboats. Operation " in message

    @pytest.mark.parametrize("door", ["page", "action"])
    def test_a_deletion(self, officer, messages_stay, door):
        customer = baker.make(Customer)
        baker.make(Message, recipient=customer, text="Dear Ada", _quantity=2)
        baker.make(Order, customer=customer)
        if door == "page":
            response = officer.post(f"/shop/shop/customer/{customer.pk}/delete/", {"post": "yes"})
        else:
            data = {"action": "delete_selected", "_selected_action": [customer.pk], "post": "yes"}
            response = officer.post("/shop/shop/customer/", data)
        assert not Customer.objects.exists()
        assert f"2 rows are left as they are, {self.LEFT}2 messages." in said(response)

    def test_a_deletion_that_leaves_nothing(self, officer):
        customer = baker.make(Customer)
        baker.make(Message, recipient=customer)
        response = officer.post(f"/shop/shop/customer/{customer.pk}/delete/", {"post": "yes"})
        assert not [text for text in said(response) if "can_anonymise" in text]


# -- what a declaration keeps when the person is erased, in whichever table of an object --------------


@pytest.fixture
def gift(db):
    """A gift order, in two tables, of a customer who is a person."""
    with (
        changed(Customer, subject="self", identifiers={}),
        changed(Order, subject="customer"),
        changed(GiftOrder, subject="customer", fields=["greeting"]),
    ):
        texts = {"recipient": "Grace", "email": "ada@quill.example", "greeting": "Dear Grace"}
        person = baker.make(Customer, name="Ada", referred_by=baker.make(Customer))
        yield baker.make(GiftOrder, customer=person, **texts)


def erased(gift):
    Subject(gift.customer).erase()


def deleted(gift):
    """Which ANONYMISE on the key answers."""
    gift.customer.delete()


def erased_again(gift):
    """By a replay, to rows as they were in the backup."""
    texts = {name: getattr(gift, name) for name in ("recipient", "email", "greeting")}
    Subject(gift.customer).erase()
    GiftOrder.objects.filter(pk=gift.pk).update(**texts)
    for model in (PrivacyAnonymised, Receipt):
        model.objects.all()._raw_delete("default")
    call_command("gdpr_rerun", "--noinput", stdout=StringIO())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("go", [erased, deleted, erased_again])
class TestOfAnObjectInSeveralTables:
    def test_what_a_child_keeps(self, go, gift):
        with changed(GiftOrder, subject="customer", fields=["greeting"], on_erasure={"greeting": Keep("law")}):
            go(gift)
        held = row(gift)
        assert (held["recipient"], held["greeting"]) == (str(gift.pk), "Dear Grace")

    @pytest.mark.parametrize("own", [{"subject": "customer"}, {}])
    def test_a_child_that_is_kept(self, go, own, gift):
        with changed(GiftOrder, fields=["greeting"], on_erasure=Keep("law"), **own):
            go(gift)
        held = row(gift)
        assert (held["recipient"], held["greeting"]) == (str(gift.pk), "Dear Grace")

    def test_a_parent_that_is_kept(self, go, gift):
        with changed(Order, subject="customer", on_erasure=Keep("tax")):
            go(gift)
        held = row(gift)
        assert held["recipient"] == "Grace"
        # Of the deletion, the key of the parent speaks.
        assert held["greeting"] == str(gift.pk)

    def test_a_parent_that_keeps_a_column(self, go, gift):
        with changed(Order, subject="customer", on_erasure={"recipient": Keep("tax")}):
            go(gift)
        held = row(gift)
        assert (held["recipient"], held["email"]) == ("Grace", f"{gift.pk}@anon.example.com")
        assert held["greeting"] == str(gift.pk)

    def test_what_is_somebody_elses_in_the_table_of_the_parent(self, go, gift):
        hers, others = Party(erases=["email", "delivery_note"]), Party(erases=["recipient"])
        with changed(Order, subject={"customer": hers, "customer__referred_by": others}):
            go(gift)
        held = row(gift)
        assert (held["recipient"], held["email"]) == ("Grace", f"{gift.pk}@anon.example.com")


@pytest.mark.django_db
def test_a_row_that_is_kept_stays_when_its_person_is_deleted(ada):
    """Also where the key to that person says ANONYMISE."""
    bought = sale(ada, email=ada.email)
    before = row(bought)
    with changed(Sale, on_erasure=Keep("tax")):
        ada.delete()
    assert row(bought) == {**before, "buyer_id": None}


def test_asked_for_by_itself_the_whole_object_goes(gift):
    with changed(GiftOrder, subject="customer", fields=["greeting"], on_erasure={"greeting": Keep("law")}):
        Order.objects.get().anonymise()
    assert (row(gift)["recipient"], row(gift)["greeting"]) == (str(gift.pk), str(gift.pk))
