"""What becomes of a row, field by field, before anything is changed."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from gdpr_assist.admin.naming import LONGEST_CELL
from gdpr_assist.admin.samples import samples
from gdpr_assist.planning.plans import plan
from tests.admin.conftest import CUSTOMERS
from tests.apps.own.models import Document, Person
from tests.apps.shop.models import Comment, Customer
from tests.observing import redeclared


class Locked:
    fields = ["username", "password"]


class Active:
    fields = ["is_active"]


pytestmark = pytest.mark.django_db


def of(row):
    [sample] = samples(plan(type(row).objects.filter(pk=row.pk)), [row])
    return sample, {each.name: each for each in sample.fields}


def test_each_field_before_and_after():
    ada = Customer.objects.create(name="Ada", email="ada@example.org", phone="0123", born="1815-12-10")
    ada.refresh_from_db()
    sample, fields = of(ada)
    assert sample.name == "Ada"
    assert list(fields) == ["name", "email", "phone", "born", "notes"]
    assert (fields["name"].before, fields["name"].after) == ("Ada", f"will become {ada.pk}")
    assert (fields["phone"].before, fields["phone"].after) == ("0123", "will be emptied")
    assert (fields["born"].before, fields["born"].after) == ("Dec. 10, 1815", "will be emptied")
    assert (fields["notes"].before, fields["notes"].after) == ("", "is empty, and will stay so")


def test_what_is_said_is_what_happens():
    ada = Customer.objects.create(name="Ada", email="ada@example.org")
    _sample, fields = of(ada)
    ada.anonymise()
    assert fields["name"].after == f"will become {ada.name}"
    assert fields["email"].after == f"will become {ada.email}"


def test_nothing_is_changed_and_no_code_of_the_site_is_run():
    comment = Comment.objects.create(display_name="Ada", body="I was here", posted=timezone.now())
    _sample, fields = of(comment)
    assert fields["display name"].after == "will be replaced by a rule of this site"
    comment.refresh_from_db()
    assert (comment.display_name, comment.body) == ("Ada", "I was here")


def test_a_password_is_not_shown():
    user = User.objects.create_user("ada", password="secret")
    with redeclared(User, Locked):
        _sample, fields = of(user)
    assert fields["password"].before == "••••"
    assert fields["password"].after == "will become one that nobody knows"
    assert user.password not in str(fields)


def test_yes_and_no_are_words():
    user = User.objects.create_user("ada", is_active=True)
    with redeclared(User, Active):
        _sample, fields = of(user)
    assert (fields["active"].before, fields["active"].after) == ("Yes", "will become No")


def test_a_long_value_is_cut():
    ada = Customer.objects.create(name="Ada", email="ada@example.org", notes="x" * 5000)
    assert len(of(ada)[1]["notes"].before) == LONGEST_CELL


def test_a_file_that_goes_is_named():
    document = Document.objects.create(person=Person.objects.create(name="Ada"), scan="scans/of_ada.pdf")
    _sample, fields = of(document)
    assert fields["scan"].file == "scans/of_ada.pdf"
    assert fields["scan"].after == "will be emptied"


def test_a_row_whose_text_raises_is_named_by_its_key(monkeypatch):
    ada = Customer.objects.create(name="Ada", email="ada@example.org")
    monkeypatch.setattr(Customer, "__str__", lambda self: self.no_such)
    assert of(ada)[0].name == f"customer {ada.pk}"


def test_the_page_that_asks_names_the_rows_and_says_what_becomes_of_each(officer, ada):
    Customer.objects.create(name="<b>Bob</b>", email="bob@example.org", phone="0456")
    page = officer.post(
        CUSTOMERS, {"action": "anonymise", "_selected_action": [each.pk for each in Customer.objects.all()]}
    )
    [planned] = page.context["planned"]
    assert [each.name for each in planned.names] == ["Ada Lovelace", "<b>Bob</b>"]
    assert planned.others == 0
    html = page.content.decode()
    assert "&lt;b&gt;Bob&lt;/b&gt;" in html
    assert f"will become {ada.pk}" in html
    assert "0456" in html


def test_of_many_rows_the_first_are_named(officer, db):
    Customer.objects.bulk_create(Customer(name=f"Customer {n}", email=f"{n}@example.org") for n in range(25))
    page = officer.post(
        CUSTOMERS, {"action": "anonymise", "_selected_action": [each.pk for each in Customer.objects.all()]}
    )
    [planned] = page.context["planned"]
    assert (len(planned.names), planned.others, len(planned.samples)) == (20, 5, 3)
    assert "and 5 more" in page.content.decode()
