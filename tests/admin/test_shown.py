"""What is confirmed is what the page has shown: else it says what has changed, and asks again with what was ticked."""

from uuid import uuid4

import pytest
from django.core import signing

from gdpr_assist.admin.operations import Signed
from gdpr_assist.admin.selection import ChangedError
from gdpr_assist.admin.shown import check_shown, counts_of
from gdpr_assist.erasure import erase
from gdpr_assist.planning.plans import plan
from gdpr_assist.planning.preview import preview
from tests.admin.conftest import CUSTOMERS, TOOL
from tests.admin.pages import Forms, confirm, obj_pk, said, send
from tests.admin.test_people import person
from tests.apps.people.models import Account
from tests.apps.shop.models import Customer
from tests.observing import changed, unchanged
from tests.people import account, sale

CHANGED = "What is there now is not what was shown. Nothing was changed; please look at it again."
UNCONFIRMED = "This must be confirmed on the page that shows it. Nothing was changed."
FEWER = f"{CHANGED} Customers: 2 when this was shown, 1 now."


@pytest.fixture
def customers(db):
    return [Customer.objects.create(name=name, email=f"{name}@example.org") for name in ("Ada", "Bob", "Cleo")]


def in_the_list(client, rows):
    return client.post(CUSTOMERS, {"action": "anonymise", "_selected_action": [each.pk for each in rows]})


def in_the_tool(client, rows):
    return client.post(TOOL, {"action": "anonymise", "obj_pk": list(map(obj_pk, rows))}, follow=True)


def signed(page, form="anonymise-form"):
    return dict(Forms(page).forms[form])["operation"]


@pytest.mark.parametrize("asked", [in_the_list, in_the_tool])
class TestTheConfirmation:
    def test_says_what_has_changed_and_asks_again(self, officer, customers, asked):
        ada, bob, _cleo = customers
        page = asked(officer, [ada, bob])
        ada.anonymise()
        with unchanged(Customer):
            again = confirm(officer, page, force="yes")
        assert (again.status_code, said(again)) == (200, [FEWER])
        assert 'name="force" value="yes" checked' in again.content.decode()
        assert confirm(officer, again).status_code == 302
        assert Customer.objects.get(pk=bob.pk).name == str(bob.pk)

    def test_has_no_button_if_all_is_gone(self, officer, customers, asked):
        page = asked(officer, customers[:1])
        Customer.objects.all().delete()
        again = confirm(officer, page)
        assert said(again) == [f"{CHANGED} Customers: 1 when this was shown, 0 now."]
        assert "gdpr-erase" not in again.content.decode()

    def test_of_other_rows_confirms_nothing(self, officer, customers, asked):
        """As many as were shown, so that there is no number to tell."""
        ada, bob, cleo = customers
        mine = asked(officer, [ada, cleo])
        with unchanged(Customer):
            refused = confirm(officer, mine, operation=signed(asked(officer, [ada, bob])))
        assert "Nothing was changed" in said(refused)[0]

    def test_without_what_the_page_has_signed_is_none(self, officer, customers, asked):
        page = asked(officer, customers[:2])
        with unchanged(Customer):
            again = confirm(officer, page, operation="")
        assert (again.status_code, said(again)) == (200, [UNCONFIRMED])
        assert confirm(officer, again).status_code == 302
        assert Customer.objects.get(pk=customers[0].pk).name == str(customers[0].pk)

    def test_signs_what_it_shows(self, officer, customers, asked, monkeypatch):
        """Somebody else anonymises a row while the page is made."""
        ada, bob, _cleo = customers

        def then(plan):
            found = preview(plan)
            ada.anonymise()
            return found

        with monkeypatch.context() as patched:
            patched.setattr("gdpr_assist.admin.confirmation.preview", then)
            page = asked(officer, [ada, bob])
        assert page.context["going"] == 2
        with unchanged(Customer):
            assert said(confirm(officer, page)) == [FEWER]

    def test_is_compared_again_in_the_transaction(self, officer, customers, asked, monkeypatch):
        ada, bob, _cleo = customers
        page = asked(officer, [ada, bob])

        def late(*args, **kwargs):
            ada.anonymise()
            return erase(*args, **kwargs)

        for place in ("anonymising", "model_admin"):
            monkeypatch.setattr(f"gdpr_assist.admin.{place}.erase", late)
        assert said(confirm(officer, page)) == [FEWER]
        assert Customer.objects.get(pk=bob.pk).name == "Bob"

    def test_of_another_declaration_confirms_nothing(self, officer, customers, asked):
        page = asked(officer, customers)
        with changed(Customer, fields=["name"], keep=["email", "phone"]), unchanged(Customer):
            assert said(confirm(officer, page)) == [CHANGED]

    def test_twice_is_done_once(self, officer, customers, asked):
        page = asked(officer, customers[:2])
        confirm(officer, page)
        with unchanged(Customer):
            assert confirm(officer, page).status_code == 302


def test_of_a_model_that_was_removed_since_the_label_is_told():
    signed_before = Signed(operation=uuid4(), counts={"shop.Gone": 2}, token="before")
    with pytest.raises(ChangedError, match=r"shop\.Gone: 2 when this was shown, 0 now\."):
        check_shown(signed_before, counts={}, token="now")


@pytest.mark.parametrize("url", [TOOL, f"{CUSTOMERS}anonymise/"])
def test_who_posts_without_the_page_is_led_to_it(officer, customers, url):
    ada = customers[0]
    data = {"action": "anonymise", "confirmed": "yes", "obj_pk": obj_pk(ada), "_selected_action": ada.pk}
    with unchanged(Customer):
        page = officer.post(url, data, follow=True)
    assert said(page) == [UNCONFIRMED]
    assert confirm(officer, page).status_code == 302


@pytest.mark.django_db(databases=["default", "other"])
def test_counts_rows_of_a_model_on_several_databases_together():
    for using in ("default", "other"):
        Customer.objects.using(using).create(name="Ada", email="ada@example.org")
    plans = [plan(Customer.objects.using(using)) for using in ("default", "other")]
    assert counts_of(map(preview, plans)) == {"shop.Customer": 2}


class TestThePersonsPage:
    @pytest.fixture
    def ada(self, db):
        return account("ada")

    def test_keeps_what_was_ticked(self, officer, ada):
        sale(ada, email=ada.email)
        page = person(officer, ada)
        sale(ada, email=ada.email)
        with unchanged(Account):
            again = send(officer, page, "person-form", {"action": "erase", "residue": "yes"})
        assert said(again) == [f"{CHANGED} Sales: 1 when this was shown, 2 now."]
        assert 'name="residue" value="yes" checked' in again.content.decode()

    def test_of_another_person_confirms_nothing(self, officer, ada):
        other = signed(person(officer, account("bob")), "person-form")
        with unchanged(Account):
            refused = send(officer, person(officer, ada), "person-form", {"action": "erase", "operation": other})
        assert refused.status_code == 400
        assert "Nothing was changed" in said(refused)[0]

    def test_without_what_the_page_has_signed_nothing_is_confirmed(self, officer, ada):
        page = person(officer, ada)
        data = {"action": "erase", "operation": "", "token": page.context["page"].token}
        with unchanged(Account):
            again = send(officer, page, "person-form", data)
        assert (again.status_code, said(again)) == (200, [UNCONFIRMED])

    def test_the_signature_holds_no_personal_data(self, officer, ada):
        text = signed(person(officer, ada), "person-form").split(":")[0]
        assert b"quill" not in signing.b64_decode(text.lstrip(".").encode())
