"""What the pages that ask say beside the rows that change: files, copies, what stays, what refers, and how many."""

import pytest
from django.contrib.admin import AdminSite
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from model_bakery import baker

from gdpr_assist import Generic, Keep
from gdpr_assist.admin.naming import MOST_NAMES
from gdpr_assist.admin.planned import planned
from gdpr_assist.copies.named import joined, named, named_by
from gdpr_assist.planning.plans import plan
from gdpr_assist.planning.preview import preview
from tests.admin.conftest import CUSTOMERS
from tests.admin.test_people import OF_A_PACKER, person
from tests.apps.fields.models import NullBlankFields
from tests.apps.own.models import Document, SignedDocument
from tests.apps.people.models import Account, Remark, Sale, SaleLine, StaffAccount
from tests.apps.shop.models import Customer, Order
from tests.observing import changed
from tests.people import account, around, sale

ADDRESS = "ada@quill.example"
STAYS = "What will stay, and on which ground"
FILES = "Files that will be deleted, unless another row names them"


@pytest.fixture
def ada(db):
    return account("ada")


def parts(page):
    return {each.title: each for each in page.context["parts"]}


def titles(part):
    return [each.title for each in part.groups]


def with_files(count):
    """Create rows that are Ada's by her address, each with a file."""
    return [baker.make(NullBlankFields, email=ADDRESS, file=f"files/{number}.pdf") for number in range(count)]


def of_ada():
    return changed(NullBlankFields, identifiers={"email": "email"})


class TestThePageOfAPerson:
    def test_says_part_by_part_what_becomes_of_the_rows(self, officer, ada):
        around(ada)
        found = parts(person(officer, ada))
        assert titles(found["What will be anonymised"]) == ["1 account", "1 parcel", "2 sales", "1 reader", "1 remark"]
        assert titles(found["What will be deleted"]) == ["1 sale line"]
        assert found[STAYS].texts == ["recipient of 2 sales (tax)"]
        assert set(found) == {"What will be anonymised", "What will be deleted", STAYS}

    def test_says_it_in_numbers(self, officer, ada):
        around(ada)
        page = person(officer, ada)
        assert page.context["summary"] == ["6 rows will be anonymised.", "1 row will be deleted."]
        html = page.content.decode()
        assert "6 rows will be anonymised." in html
        assert "What only refers" not in html

    def test_names_the_files_of_the_first_rows(self, officer, ada):
        with of_ada():
            with_files(MOST_NAMES + 3)
            page = person(officer, ada)
            [files] = parts(page)[FILES].files
        assert files.title == f"{MOST_NAMES + 3} files: file of null blank fieldss"
        assert files.names == tuple(f"files/{n}.pdf" for n in range(MOST_NAMES))
        assert files.others == 3
        assert f"{MOST_NAMES + 3} files will be deleted." in page.context["summary"]
        assert "files/0.pdf" in page.content.decode()

    def test_names_the_files_of_rows_that_are_deleted(self, officer, ada):
        with changed(NullBlankFields, identifiers={"email": "email"}, on_erasure="delete"):
            with_files(1)
            [files] = parts(person(officer, ada))[FILES].files
        assert files.names == ("files/0.pdf",)

    def test_escapes_the_name_of_a_file(self, officer, ada):
        with of_ada():
            baker.make(NullBlankFields, email=ADDRESS, file="<b>a</b>.pdf")
            html = person(officer, ada).content.decode()
        assert "&lt;b&gt;a&lt;/b&gt;.pdf" in html
        assert "<b>a</b>.pdf" not in html

    def test_counts_copies_by_kind(self, officer, ada):
        Remark.objects.create(about=ada, text=ADDRESS)
        with changed(Remark, subject=None, copy_of=Generic("content_type", "object_id")):
            page = person(officer, ada)
        assert titles(parts(page)["Copies that will go with these"]) == ["1 remark"]
        assert "1 copy will go with these." in page.context["summary"]

    def test_says_what_stays_and_on_which_ground(self, officer, ada):
        sale(ada, email=ADDRESS)
        with changed(Sale, on_erasure=Keep("tax law"), purpose="To keep the books", recipients=["Tax office"]):
            page = person(officer, ada)
        [group] = parts(page)[STAYS].groups
        assert (group.title, group.done) == ("1 sale", "will be kept (tax law)")
        assert (group.purposes, group.recipients) == (("To keep the books",), ("Tax office",))
        html = page.content.decode()
        assert "Used for: To keep the books" in html
        assert "Received by: Tax office" in html
        assert "1 row will stay." in page.context["summary"]

    def test_shows_what_only_refers_to_her(self, log_in, ada):
        packer = StaffAccount.objects.create(email="cleo@quill.example", is_confirmed=True)
        sale(ada, packed_by=packer)
        page = person(log_in(*OF_A_PACKER, "change_personaldata", "people.view_sale"), packer)
        assert titles(parts(page)["What only refers to this person, and will stay"]) == ["1 sale"]
        assert "1 row only refers to this person." in page.context["summary"]

    def test_has_no_button_where_there_is_nothing_to_do(self, officer, ada):
        with changed(Account, on_erasure=Keep("law")):
            page = person(officer, ada)
        assert 'value="erase"' not in page.content.decode()
        assert page.context["summary"] == ["1 row will stay."]

    def test_says_nothing_of_what_is_not_for_the_user(self, log_in, ada):
        client = log_in("people.view_account", "people.change_account", "change_personaldata")
        with of_ada():
            with_files(1)
            page = person(client, ada)
        assert page.context["parts"] == []
        assert "files/0.pdf" not in page.content.decode()

    def test_asks_as_much_of_a_row_as_of_many(self, officer, ada):
        asked = []
        with of_ada():
            for count in (3, 40):  # of three there are samples
                with_files(count)
                bought = [sale(ada, email=ADDRESS) for _ in range(count)]
                SaleLine.objects.bulk_create(SaleLine(sale=each) for each in bought)
                path = person(officer, ada).request["PATH_INFO"]
                with CaptureQueriesContext(connection) as queries:
                    assert officer.get(path).status_code == 200
                asked.append(len(queries))
        assert asked[0] == asked[1]


class TestTheConfirmation:
    def asked(self, client, *rows, model=CUSTOMERS):
        return client.post(model, {"action": "anonymise", "_selected_action": [each.pk for each in rows]})

    def planned(self, page):
        [each] = page.context["planned"]
        return each

    @pytest.fixture
    def order(self, db):
        return baker.make(Order, customer=Customer.objects.create(name="Ada", email=ADDRESS))

    def test_counts_what_refers_to_the_rows(self, officer, order):
        page = self.asked(officer, order.customer)
        assert "1 order, through the field “customer”" in self.planned(page).referring
        assert "What refers to them: 1 order, through the field “customer”" in page.content.decode()

    def test_does_not_count_it_for_who_may_not_view_it(self, log_in, order):
        client = log_in("shop.view_customer", "shop.change_customer")
        page = self.asked(client, order.customer)
        assert self.planned(page).referring == []
        assert "order" not in page.content.decode()

    def test_has_technical_terms_for_superusers_only(self, log_in, order):
        client = log_in("shop.view_customer", "shop.change_customer")
        assert "The plan in technical terms" not in self.asked(client, order.customer).content.decode()
        User.objects.update(is_superuser=True)
        assert "The plan in technical terms" in self.asked(client, order.customer).content.decode()

    def test_says_what_stays_in_the_rows(self, officer, order):
        with changed(Customer, fields=["email"], keep=["name", "phone", "born", "notes"]):
            page = self.asked(officer, order.customer)
            assert self.planned(page).staying == "number, name, phone, born, notes, country, is deleted, referred by"

    def test_names_files_and_counts_copies(self, officer, order):
        copies = changed(Remark, subject=None, copy_of=Generic("content_type", "object_id"))
        Remark.objects.create(about=order.customer, text=ADDRESS)
        with copies:
            page = self.asked(officer, order.customer)
        assert self.planned(page).copies == ["1 remark"]
        assert "Copies: 1 remark" in page.content.decode()

    def test_names_no_files_of_a_table_that_is_not_for_the_user(self, db, rf):
        """A document that was signed has a file more, in the table of another model."""
        own = AdminSite("own")
        own.register([Document, SignedDocument])
        baker.make(SignedDocument, scan="scans/ada.pdf", signature="signatures/ada.png")
        request = rf.get("/")
        request.user = User.objects.create_user("clerk", is_staff=True)
        names = ["view_document", "change_document", "view_person"]
        request.user.user_permissions.set(Permission.objects.filter(codename__in=names))
        found = planned(request, own, preview(plan(Document.objects.all())))
        assert [each.names for each in found.files] == [("scans/ada.pdf",), ()]

    def test_names_purposes_and_recipients(self, officer, order):
        with changed(Customer, purpose="To deliver", recipients=["The post"]):
            html = self.asked(officer, order.customer).content.decode()
        assert "Used for: To deliver" in html
        assert "Received by: The post" in html

    def test_has_no_button_without_rows(self, officer, order):
        page = self.asked(officer, order.customer)
        Order.objects.all().delete()
        Customer.objects.all().delete()
        again = officer.post(f"{CUSTOMERS}anonymise/", {"selection": page.context["hidden"]["selection"]})
        assert "gdpr-erase" not in again.content.decode()
        assert "None of the selected rows is still to be anonymised." in again.content.decode()

    def test_asks_as_much_of_a_row_as_of_many(self, officer):
        asked = []
        for count in (3, 40):  # of three there are samples
            rows = [customer(f"{count}-{number}") for number in range(count)]
            self.asked(officer, *rows)
            with CaptureQueriesContext(connection) as queries:
                assert self.asked(officer, *rows).status_code == 200
            asked.append(len(queries))
        assert asked[0] == asked[1]


def customer(name):
    """Create one with an order."""
    made = Customer.objects.create(name=name, email=f"{name}@quill.example")
    baker.make(Order, customer=made)
    return made


@pytest.mark.django_db
class TestNamedFiles:
    def fields(self, name="file"):
        return [NullBlankFields._meta.get_field(name)]

    def test_rows_without_a_file_have_none(self):
        for value in ("", None):
            baker.make(NullBlankFields, file=value)
        assert list(named(NullBlankFields.objects.all(), self.fields(), 5)) == []

    def test_names_are_for_those_who_may_see_the_rows(self):
        baker.make(NullBlankFields, file="files/a.pdf")
        [found] = named(NullBlankFields.objects.all(), self.fields(), 5, lambda rows: False)
        assert (found.count, found.names) == (1, ())
        assert "a.pdf" not in repr(found)

    def test_what_is_done_has_none_any_more(self):
        done = baker.make(NullBlankFields, file="files/a.pdf")
        done.anonymise()
        NullBlankFields.objects.update(file="files/b.pdf")  # refilled, and left as it is
        everyone = NullBlankFields.objects.all()
        assert list(named_by(plan(everyone), 5)) == []
        assert [each.count for each in named_by(plan(everyone, force=True), 5)] == [1]

    def test_two_lots_of_rows_of_one_table_are_counted_together(self):
        with_files(3)
        first = NullBlankFields.objects.order_by("pk").first().pk
        lots = [NullBlankFields.objects.filter(pk=first), NullBlankFields.objects.exclude(pk=first)]
        [found] = joined((each for lot in lots for each in named(lot, self.fields(), 5)), 2)
        assert (found.count, found.names) == (3, ("files/0.pdf", "files/1.pdf"))
