"""The page of one person: what is known, then the export, then the erasure; and somebody who was erased before."""

import re

import pytest
from django.contrib.auth.models import Permission, User

from gdpr_assist import Keep, Subject
from gdpr_assist.models import EventLog, Operation
from tests.admin.conftest import CUSTOMERS, OPERATIONS, TOOL
from tests.admin.pages import confirm, obj_pk, said, send
from tests.admin.test_people import ADDRESS, ALL, UNCONFIRMED, erase, person
from tests.apps.people.models import Account, Sale
from tests.apps.shop.models import Customer
from tests.observing import changed, row, unchanged, unchanged_rows
from tests.people import account, sale

BUTTON = 'value="erase"'
QUESTION = "Are you sure that you want to erase"
BADGE = re.compile(r'<span class="gdpr-badge">was anonymised on [\d/.]+</span>')


@pytest.fixture
def ada(db):
    return account("ada")


def html(page):
    return " ".join(page.content.decode().split())


def headings(page):
    return re.findall(r"<h2>(.*?)</h2>", page.content.decode())


def again(client, page):
    """Tick the box and have the page shown that asks."""
    return send(client, page, "person-form", {"force": "yes"})


class TestTheOrder:
    def test_what_is_known_then_the_export_then_the_erasure(self, officer, ada):
        sale(ada, email=ADDRESS)
        page = person(officer, ada)
        assert headings(page) == ["What is known", "Export", "Erase"]
        known, _export, erasing = html(page).split("<h2>")[1:]
        assert "1 sale" in known
        assert "nonymised" not in known
        assert f"{QUESTION} <bdi>{ada}</bdi>?" in erasing
        assert "Will be anonymised: email, phone" in erasing
        assert erasing.index(QUESTION) < erasing.index("Will be anonymised") < erasing.index(BUTTON)
        assert "erase" not in page.context["title"].lower()

    @pytest.mark.parametrize("of_1x", [True, False])
    def test_who_may_not_erase_reads_nothing_of_erasing(self, log_in, ada, settings, of_1x):
        settings.GDPR_TOOL_PERMISSIONS = not of_1x
        own = ["view_personaldata"] if of_1x else ["search_personaldata", "export_personaldata"]
        page = person(log_in(*own, "people.view_account"), ada)
        assert headings(page) == ["What is known", "Export"]
        assert not re.search("eras|anonymise", html(page).partition('class="gdpr-page"')[2].lower())

    def test_who_may_not_export_reads_nothing_of_exporting(self, log_in, ada, settings):
        settings.GDPR_TOOL_PERMISSIONS = True
        page = person(log_in(*ALL, "search_personaldata", "anonymise_personaldata"), ada)
        assert headings(page) == ["What is known", "Erase"]
        assert "export" not in html(page).partition('class="gdpr-page"')[2].lower()
        assert BUTTON in html(page)

    def test_why_nothing_is_shown(self, log_in, ada):
        sale(ada)
        page = person(log_in("view_personaldata", "people.view_account"), ada)
        assert headings(page) == ["What is known"]
        assert "as some of these rows are not for you to see: sales." in html(page)

    def test_nothing_to_do_has_no_question(self, officer, ada):
        with changed(Account, on_erasure=Keep("law")):
            page = person(officer, ada)
        assert "There is nothing to erase." in html(page)
        assert "Will be kept (law)" in html(page)
        assert QUESTION not in html(page)
        assert BUTTON not in html(page)


class TestSomebodyErased:
    @pytest.fixture
    def erased(self, officer, ada):
        sale(ada, email=ADDRESS)
        assert erase(officer, person(officer, ada)).status_code == 302
        return Operation.objects.get()

    def test_it_is_said_when_and_there_is_nothing_to_press(self, officer, ada, erased):
        page = person(officer, ada)
        assert re.search(rf"<bdi>{re.escape(str(ada))}</bdi> was erased on [\d/.]+\.", html(page))
        assert f'<a class="gdpr-inline" href="{OPERATIONS}{erased.pk}/change/">Show the erasure</a>' in html(page)
        assert len(BADGE.findall(html(page))) == 2
        for text in (BUTTON, QUESTION, "ill be anonymised", "Before and after"):
            assert text not in html(page)
        with unchanged(Account, Sale):
            assert said(erase(officer, page)) == [UNCONFIRMED]

    def test_with_the_box_it_asks_and_does_it_again(self, officer, ada, erased):
        Account.objects.update(email=ADDRESS)
        page = person(officer, ada)
        assert 'class="warning">' in html(page)
        assert "1 of them holds personal data again." in html(page)
        page = again(officer, page)
        assert "was erased on" in html(page)
        assert page.context["summary"] == ["2 rows will be anonymised."]
        assert "Before and after" in html(page)
        assert 'name="force" value="yes" checked' in html(page)
        assert f"{QUESTION} <bdi>{ada}</bdi>?" in html(page)
        erase(officer, page, force="yes")
        assert row(ada)["email"] != ADDRESS
        assert Operation.objects.count() == 2
        newest = Operation.objects.latest("started")
        assert f"{OPERATIONS}{newest.pk}/change/" in html(person(officer, ada))

    def test_what_was_shown_without_the_box_is_shown_again_if_it_has_changed(self, officer, ada, erased):
        page = again(officer, person(officer, ada))
        bought = sale(ada, email=ADDRESS)
        with unchanged_rows(Sale):
            page = erase(officer, page, force="yes")
        assert "Sales: 1 when this was shown, 2 now." in said(page)[0]
        assert row(bought)["email"] == ADDRESS

    def test_the_link_is_for_who_may_see_erasures(self, log_in, ada, settings):
        settings.GDPR_TOOL_PERMISSIONS = True
        Subject(ada).erase()
        client = log_in(*ALL, "search_personaldata", "anonymise_personaldata")
        assert "was erased on" in html(person(client, ada))
        assert "Show the erasure" not in html(person(client, ada))
        User.objects.get(username="staff").user_permissions.add(Permission.objects.get(codename="view_erasures"))
        assert "Show the erasure" in html(person(client, ada))

    def test_where_the_log_does_not_know_it_there_is_no_day(self, officer, ada, erased):
        EventLog.objects.all().delete()
        page = person(officer, ada)
        assert f"<bdi>{ada}</bdi> was erased before." in html(page)
        assert '<span class="gdpr-badge">was anonymised before</span>' in html(page)
        assert "Show the erasure" not in html(page)
        assert BUTTON not in html(page)

    def test_a_row_that_came_since_is_the_only_one_that_will_change(self, officer, ada, erased):
        bought = sale(ada, email=ADDRESS)
        page = person(officer, ada)
        assert "was erased on" not in html(page)
        assert len(BADGE.findall(html(page))) == 2
        assert page.context["summary"] == ["1 row will be anonymised."]
        [part] = [each for each in page.context["parts"] if each.title == "What will be anonymised"]
        [group] = part.groups
        assert (group.title, group.changed) == ("2 sales", "1 sale")
        assert [each.name for each in group.samples()] == [str(bought)]
        erase(officer, page)
        assert row(bought)["email"] != ADDRESS


class TestNamesOfBothDirections:
    """A name from right to left stands in an element of its own, and is escaped there as elsewhere."""

    NAME = "דנה <לוי>"
    SHOWN = "דנה &lt;לוי&gt;"

    @pytest.fixture
    def dana(self, ada, monkeypatch):
        monkeypatch.setattr(Account, "__str__", lambda account: self.NAME)
        return ada

    def check(self, page, times):
        content = html(page).partition('class="gdpr-page"')[2]
        assert self.NAME not in content
        named = [each.start() for each in re.finditer(re.escape(self.SHOWN), re.sub(r'"[^"]*"', "", content))]
        assert len(named) >= times
        assert content.count(f"<bdi>{self.SHOWN}</bdi>") == len(named)

    def test_on_the_page_of_the_person(self, officer, dana):
        page = person(officer, dana)
        assert f"{QUESTION} <bdi>{self.SHOWN}</bdi>?" in html(page)
        self.check(page, 4)

    def test_once_erased(self, officer, dana):
        Subject(dana).erase()
        page = person(officer, dana)
        assert re.search(rf"<bdi>{re.escape(self.SHOWN)}</bdi> was erased on [\d/.]+\.", html(page))
        self.check(page, 3)

    def test_among_what_was_found(self, officer, dana):
        self.check(officer.post(TOOL, {"term": dana.email}, follow=True), 1)

    def test_before_they_are_anonymised(self, officer, dana):
        found = officer.post(TOOL, {"action": "anonymise", "obj_pk": obj_pk(dana)}, follow=True)
        self.check(found, 1)


class TestRowsAnonymisedBefore:
    @pytest.fixture
    def marked(self, db):
        customer = Customer.objects.create(name="Grace", email="grace@example.org")
        customer.anonymise()
        return customer

    def asked(self, client, *rows):
        return client.post(CUSTOMERS, {"action": "anonymise", "_selected_action": [each.pk for each in rows]})

    def test_nothing_to_do_has_no_button_until_the_box_is_ticked(self, officer, marked):
        Customer.objects.update(phone="0456")
        page = self.asked(officer, marked)
        assert f"{OPERATIONS}{Operation.objects.get().pk}/change/" in html(page)
        assert len(BADGE.findall(html(page))) == 1
        for text in ("gdpr-erase", "Before and after", "Personal fields"):
            assert text not in html(page)
        page = confirm(officer, page, force="yes")
        assert row(marked)["phone"] == "0456"
        assert "Are you sure you want to anonymise 1 row?" in html(page)
        assert "Before and after" in html(page)
        assert confirm(officer, page, force="yes").status_code == 302
        assert row(marked)["phone"] == ""

    def test_it_is_said_of_each_row_among_others(self, officer, marked):
        ada = Customer.objects.create(name="Ada", email="ada@example.org")
        page = self.asked(officer, ada, marked)
        assert len(BADGE.findall(html(page))) == 1
        [planned] = page.context["planned"]
        assert [each.name for each in planned.samples] == ["Ada"]


class TestTheNumber:
    """Above a number of rows it is typed: that of the rows that will be changed."""

    @pytest.fixture(autouse=True)
    def _above_two(self, monkeypatch):
        monkeypatch.setattr("gdpr_assist.admin.confirmation.MOST_UNTYPED", 2)

    def test_rows_that_were_anonymised_before_do_not_count(self, officer, ada):
        for number in range(3):
            sale(ada, email=ADDRESS, recipient=f"Recipient {number}")
        Sale.objects.all().anonymise()
        sale(ada, email=ADDRESS)
        page = person(officer, ada)
        assert page.context["summary"] == ["2 rows will be anonymised."]
        assert 'name="number"' not in html(page)
        assert erase(officer, page).status_code == 302
        assert not Sale.objects.filter(email=ADDRESS).exists()

    def test_with_them_again_they_do(self, officer, ada):
        for _number in range(3):
            sale(ada, email=ADDRESS)
        Sale.objects.all().anonymise()
        page = again(officer, person(officer, ada))
        assert "Type the number of rows, 4, to confirm" in html(page)

    def test_ticked_rows_in_doubt_count(self, officer, ada):
        sale(ada, email=ADDRESS, phone="555")
        doubtful = [sale(phone="555", recipient=f"Recipient {number}") for number in range(2)]
        page = person(officer, ada)
        assert 'name="number"' not in html(page)
        with unchanged(Account, Sale):
            refused = erase(officer, page, include="people.Sale by phone")
        assert "Type the number of rows, 4, to confirm" in html(refused)
        answer = erase(officer, refused, include="people.Sale by phone", number="4")
        assert answer.status_code == 302
        assert [row(each)["phone"] for each in doubtful] == ["", ""]


def test_who_cannot_erase_finds_the_way_back(log_in, ada):
    page = person(log_in("view_personaldata", "people.view_account"), ada)
    assert BUTTON not in html(page)
    assert f'<a href="{page.context["back_url"]}" class="button gdpr-cancel">Back</a>' in html(page)
