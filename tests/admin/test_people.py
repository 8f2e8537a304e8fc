"""The Personal data tool where people are declared: found first, shown with all that is theirs, erased as a whole."""

import csv
import io
import json
import re
import zipfile
from contextlib import contextmanager, nullcontext

import django
import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.messages import get_messages
from django.db import OperationalError, connection
from django.db.models import PROTECT, RESTRICT, SET_NULL
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from gdpr_assist import Generic, Keep, Party, Subject
from gdpr_assist.admin import people as listed
from gdpr_assist.admin import person as pages
from gdpr_assist.admin.done import residue
from gdpr_assist.models import Operation
from gdpr_assist.registry import registry
from gdpr_assist.subjects.shares import SubjectResult
from tests.admin.conftest import OPERATIONS, TOOL
from tests.admin.pages import Forms, confirm, obj_pk, said, send
from tests.admin.urls import site
from tests.apps.fields.models import TextKey
from tests.apps.people.models import (
    Account,
    Chat,
    Circle,
    Counter,
    Event,
    Parcel,
    Profile,
    Reader,
    Remark,
    Sale,
    SaleLine,
    StaffAccount,
    Visit,
)
from tests.apps.thirdparty.models import Device
from tests.databases import log_is, untouched, without_tables
from tests.observing import changed, row, unchanged, unchanged_rows
from tests.people import account, sale

ADDRESS = "ada@quill.example"
UNCONFIRMED = "This must be confirmed on the page that shows it. Nothing was changed."
CHANGED = "What is there now is not what was shown. Nothing was changed; please look at it again."
OVER = "This search is over. Please search again."
UNKNOWN = "Whose this is is not known, or not for you to see. Please search for what the person is known by."
ALL = [f"people.{action}_{model}" for model in ("account", "sale", "saleline") for action in ("view", "change")]


@pytest.fixture
def ada(db):
    return account("ada")


@pytest.fixture
def bob(db):
    return account("bob")


def value(row):
    return f"default/{obj_pk(row)}"


def search(client, term=ADDRESS):
    return client.post(TOOL, {"term": term}, follow=True)


def person(client, row, **more):
    return post(client, {"person": value(row), **more})


def post(client, data):
    """Post to the tool, and go where that leads."""
    return client.post(TOOL, data, follow=True)


def erase(client, page, **more):
    return send(client, page, "person-form", {"action": "erase", **more})


def groups(page):
    return {each.title: (each.ways, each.done) for each in page.context["page"].groups}


# -- the people that a search finds -------------------------------------------------------------


def test_people_stand_first_with_how_they_were_found(officer, ada, bob):
    sale(ada, email=ADDRESS)
    sale(bob)
    page = search(officer, "ADA@quill.example")
    (found,) = page.context["people"]
    assert found.names == [(str(ada), f"/shop/people/account/{ada.pk}/change/")]
    assert found.found == ["by this email"]
    assert found.value == value(ada)
    assert f'name="person" value="{value(ada)}"' in page.content.decode()


def test_people_of_one_name_are_told_apart_by_what_they_are_known_by(officer, ada, bob, monkeypatch):
    with changed(Account, search_fields=["email__contains"]):
        monkeypatch.setattr(Account, "__str__", lambda self: self.email)
        named = search(officer, "quill")
        monkeypatch.setattr(Account, "__str__", lambda self: "Ada Quill")
        page = search(officer, "quill")
    assert [each.told_apart for each in named.context["people"]] == ["account", "account"]
    assert {each.told_apart for each in page.context["people"]} == {f"account, {each.email}" for each in (ada, bob)}
    assert f'dir="auto">Account, {ada.email}</p>' in page.content.decode()
    assert ada.email not in page.request["PATH_INFO"] + page.request["QUERY_STRING"]


@pytest.mark.parametrize("searched", [["phone"], ["buyer__email"]])
def test_rows_that_match_lead_to_their_people_and_stand_in_no_table(officer, ada, searched):
    mine, nobodys = sale(ada, phone=ADDRESS), sale(phone=ADDRESS)
    with changed(Sale, search_fields=searched):
        page = search(officer)
    (found,) = page.context["people"]
    assert found.found[-1] == "1 sale, through the field “buyer”"
    keys = [row.key for table in page.context["tables"] for row in table.rows]
    assert keys == ([str(nobodys.pk)] if searched == ["phone"] else [])
    assert str(mine.pk) not in keys


def test_rows_that_a_certain_value_gives_her_stand_in_no_table(officer, ada, bob):
    Reader.objects.create(email=ADDRESS)
    mistaken = sale(bob, email=ADDRESS)
    with changed(Reader, search_fields=["email"]), changed(Sale, search_fields=["email"]):
        page = search(officer)
    found = {each.value: each.found for each in page.context["people"]}
    assert found == {
        value(ada): ["by this email", "1 reader, by email"],
        value(bob): ["by this email", "1 sale, through the field “buyer”"],
    }
    assert page.context["tables"] == []
    assert mistaken.buyer == bob


def test_who_is_named_by_a_generic_key_is_told_so(officer, ada):
    Remark.objects.create(about=sale(ada), text="hers")
    with changed(Remark, subject=None, actors=["about"]):
        found = group(person(officer, ada), "1 remark")
    assert found.ways == "linked to this person only by the field “about”"


def test_somebody_without_an_account_is_found_by_what_she_is_known_by(officer):
    guest = sale(email="eve@quill.example")
    page = search(officer, "eve@quill.example")
    (found,) = page.context["people"]
    assert (found.names, found.value) == ([], "email")
    assert "Somebody without an account" in page.content.decode()
    page = post(officer, {"guest": "email", "term": "eve@quill.example"})
    assert groups(page)["1 sale"][0] == "by email"
    erase(officer, page)
    assert row(guest)["email"] != "eve@quill.example"


def test_whose_rows_are_all_hers_is_nobody_else(officer, ada):
    """A column where people type either of two: what has her address there is not a second person's."""
    Reader.objects.create(email=ADDRESS)
    Reader.objects.create(email="eve@quill.example")
    with changed(Reader, identifiers={"email": "email", "phone": "email"}):
        (found,) = search(officer).context["people"]
        (other,) = search(officer, "eve@quill.example").context["people"]
    assert found.value == value(ada)
    assert other.names == []


def test_everything_found_is_what_stands_in_the_tables(officer, ada):
    mine, nobodys = sale(ada, phone=ADDRESS), sale(phone=ADDRESS)
    with changed(Sale, search_fields=["phone"]):
        page = post(officer, {"action": "anonymise", "everything": "yes", "term": ADDRESS})
        assert page.context["rows"] == 1
        confirm(officer, page)
    assert row(mine)["phone"] == ADDRESS
    assert row(nobodys)["phone"] == ""


def test_many_people_are_not_all_listed(officer, ada, monkeypatch):
    monkeypatch.setattr(listed, "MOST_PEOPLE", 2)
    for name in ("bob", "cleo"):
        sale(account(name), phone="555")
    sale(ada, phone="555")
    with changed(Sale, search_fields=["phone"]):
        page = search(officer, "555")
    assert len(page.context["people"]) == 2
    assert "There are more than 2 people." in page.content.decode()
    (table,) = page.context["tables"]
    assert table.total == 1


def test_queries_of_a_search_do_not_grow_with_rows(officer, ada):
    with changed(Sale, search_fields=["phone"]):
        counts = []
        for _number in (1, 2):
            for _sale in range(3):
                sale(ada, phone=ADDRESS)
            with CaptureQueriesContext(connection) as captured:
                search(officer)
            counts.append(len(captured))
    assert counts[0] == counts[1]


@pytest.fixture
def broken(monkeypatch):
    """The table of sales has not a column that it should have."""
    monkeypatch.setattr(Sale._meta.get_field("phone"), "column", "nowhere")


@pytest.mark.usefixtures("broken")
def test_a_model_that_cannot_be_read_is_named_and_the_others_are_searched(officer, ada):
    page = search(officer)
    assert [each.value for each in page.context["people"]] == [value(ada)]
    named = [each.replace("ProgrammingError", "OperationalError") for each in page.context["failed"]]
    assert named == [
        "The model people.Sale could not be searched (OperationalError).",
        # Of what is theirs.
        "The model people.Account could not be searched (OperationalError).",
    ]
    assert "quill" not in " ".join(named)


@pytest.mark.usefixtures("broken")
def test_rows_of_which_nobody_knows_whose_they_are_stand_in_no_table(officer, ada):
    Reader.objects.create(email=ADDRESS)
    with changed(Reader, search_fields=["email"]):
        assert search(officer).context["tables"] == []
        response = post(officer, {"action": "anonymise", "everything": "yes", "term": ADDRESS})
    assert said(response)[-1] == "No rows are selected. Nothing was changed."


@pytest.mark.usefixtures("broken")
def test_nothing_is_said_of_a_model_that_cannot_be_read_and_is_not_for_the_user(log_in, ada):
    page = search(log_in("view_personaldata", "people.view_profile"))
    assert (page.context["people"], page.context["failed"]) == ([], [])


def test_a_value_of_too_many_people_is_said_to_be_one(officer, ada, bob, monkeypatch):
    monkeypatch.setattr("gdpr_assist.subjects.searching.MOST_PEOPLE", 1)
    for each in (ada, bob):
        sale(each, phone="555-0199")
    page = search(officer, "555-0199")
    text = (
        "More than 1000 people have this phone, so none of them is listed for it. Search for more of what the person "
        "is known by, or for something that fewer people have."
    )
    assert page.context["crowds"] == [text]
    content = page.content.decode()
    assert f'<li class="warning">{text}</li>' in content
    assert "Nothing was found." not in content


def test_nobody_is_found_by_a_row_that_the_user_may_not_see(log_in, ada, settings):
    sale(ada, email="gil@quill.example", recipient="north")
    client = log_in(*ALL, "change_personaldata")
    assert search(client, "gil@quill.example").context["people"] == []
    sale(email="gil@quill.example")
    (guest,) = search(client, "gil@quill.example").context["people"]
    assert guest.value == "email"
    page = post(client, {"guest": "email", "term": "gil@quill.example"})
    assert list(groups(page)) == ["1 sale"]
    settings.GDPR_TOOL_SEES_ALL = True
    (found,) = search(client, "gil@quill.example").context["people"]
    assert found.value == value(ada)


def test_nobody_is_found_by_a_model_that_the_user_may_not_view(log_in, ada):
    Profile.objects.create(account=ada, phone="555")
    client = log_in("view_personaldata", "people.view_account", "people.view_sale")
    assert search(client, "555").context["people"] == []
    User.objects.get().user_permissions.add(Permission.objects.get(codename="view_profile"))
    assert len(search(client, "555").context["people"]) == 1


# -- the page of one person ---------------------------------------------------------------------


def test_the_page_says_what_an_erasure_does_by_names(officer, ada):
    Profile.objects.create(account=ada, phone="555")
    bought = sale(ada, email=ADDRESS)
    SaleLine.objects.create(sale=bought)
    page = person(officer, ada, term=ADDRESS)
    assert page.context["title"] == "Personal data of one person"
    assert groups(page) == {
        "1 account": ("is the person", "will be anonymised: email"),
        "1 profile": ("is the person, through the field “account”", "will be anonymised: phone"),
        "1 sale": ("through the field “buyer”", "will be anonymised: email, phone"),
        "1 sale line": ("through the field “buyer” of “sale”", "will be deleted"),
    }
    sales = next(each for each in page.context["page"].groups if each.title == "1 sale")
    assert sales.names == [(str(bought), f"/shop/people/sale/{bought.pk}/change/", None)]
    content = page.content.decode()
    assert str(bought) in content
    assert "Recipient of 1 sale (tax)" in content


def test_the_page_changes_nothing(officer, ada):
    sale(ada, email=ADDRESS)
    path = person(officer, ada).request["PATH_INFO"]
    with untouched():
        assert officer.get(path).status_code == 200


@pytest.mark.parametrize("party", ["", "asker"])
def test_any_row_leads_to_its_person(officer, ada, bob, party):
    bought = sale(ada)
    chat = Chat.objects.create(asker=ada, answerer=bob, question="?", answer="!")
    page = person(officer, chat if party else bought, party=party)
    assert page.context["page"].names == [(str(ada), f"/shop/people/account/{ada.pk}/change/")]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "The selection could not be read. Nothing was changed; please select again."),
        ("default/1", "The selection could not be read. Nothing was changed; please select again."),
        ("gdpr_log/{kind}-1", "The selection could not be read. Nothing was changed; please select again."),
        ("default/{kind}-x", "The selection could not be read. Nothing was changed; please select again."),
        ("default/{kind}-77", UNKNOWN),
    ],
)
def test_what_names_nobody_is_a_message(officer, ada, given, message):
    kind = ContentType.objects.get_for_model(Account).pk
    page = post(officer, {"person": given.format(kind=kind), "action": "erase"})
    assert said(page) == [message]


def test_a_row_of_nobody_is_a_message(officer):
    assert said(person(officer, sale())) == [UNKNOWN]


def test_a_guest_who_has_an_account_by_now_is_a_message(officer, ada):
    page = post(officer, {"guest": "email", "term": ADDRESS})
    assert said(page) == [UNKNOWN]


def test_a_generic_key_leads_to_the_people_of_its_row(officer, ada, bob):
    chat = Chat.objects.create(asker=ada, answerer=bob, question="?", answer="!")
    for about in (sale(ada), chat, Counter.objects.create(account=bob)):
        Remark.objects.create(about=about, text="found by this")
    Remark.objects.create(
        content_type=ContentType.objects.get_for_model(Sale), object_id="no key", text="found by this"
    )
    with changed(Remark, search_fields=["text"]):
        page = search(officer, "found by this")
    assert {each.value: each.found for each in page.context["people"]} == {
        value(ada): ["2 remarks, attached to data of this person"],
        value(bob): ["1 remark, attached to data of this person"],
    }


def test_guests_who_share_a_value_are_chosen_one_by_one(officer):
    one, other = (sale(email=f"{name}@quill.example", phone="555") for name in ("eve", "gil"))
    with changed(Sale, search_fields=["phone"]):
        found = {each.names[0][0]: each for each in search(officer, "555").context["people"]}
    assert set(found) == {str(one), str(other)}
    posted = {"guest": found[str(one)].value, "term": "555"}
    page = post(officer, posted)
    assert [each.name for each in page.context["page"].doubts] == ["people.Sale by phone"]
    erase(officer, page)
    assert (row(one)["phone"], row(other)["phone"]) == ("", "555")
    assert said(post(officer, posted))[-1] == UNKNOWN  # no row of hers is left to be known by


@pytest.mark.parametrize("value", ["phone", "phone/", "phone/default/1-1", "phone/x", "/"])
def test_a_choice_that_says_not_which_guest_is_a_message(officer, value):
    for name in ("eve", "gil"):
        sale(email=f"{name}@quill.example", phone="555")
    with unchanged(Sale):
        assert said(post(officer, {"guest": value, "term": "555", "action": "erase"})) == [UNKNOWN]


def test_long_lists_are_cut_short(officer, ada, monkeypatch):
    monkeypatch.setattr(pages, "MOST_NAMES", 2)
    for _number in range(4):
        sale(ada)
    page = person(officer, ada)
    sales = next(each for each in page.context["page"].groups if each.title == "4 sales")
    assert (len(sales.names), sales.others) == (2, 2)
    assert "and 2 more" in page.content.decode()


# -- erasing ------------------------------------------------------------------------------------


def test_confirming_erases_the_whole_person_and_writes_it_to_the_history(officer, ada, bob):
    bought, bobs = sale(ada, email=ADDRESS), sale(bob, email="bob@quill.example")
    line = SaleLine.objects.create(sale=bought)
    response = erase(officer, person(officer, ada))
    assert response.url.startswith(OPERATIONS)
    operation = Operation.objects.using("gdpr_log").get().pk
    assert said(response) == [f"Anonymised: 1 account, 1 sale. Deleted: 1 sale line. Operation {operation}."]
    assert row(ada)["email"] != ADDRESS
    assert row(bought)["email"] != ADDRESS
    assert not SaleLine.objects.filter(pk=line.pk).exists()
    assert row(bobs)["email"] == "bob@quill.example"
    entries = LogEntry.objects.values_list(
        "action_flag", "object_repr", "object_id", "user__username", "change_message"
    )
    assert sorted(entries) == [
        (CHANGE, f"people.Account {ada.pk}", str(ada.pk), "staff", f"Anonymised (operation {operation})."),
        (CHANGE, f"people.Sale {bought.pk}", str(bought.pk), "staff", f"Anonymised (operation {operation})."),
        (DELETION, f"people.SaleLine {line.pk}", str(line.pk), "staff", f"Deleted (operation {operation})."),
    ]


def test_the_history_has_no_key_of_a_deleted_row_that_is_a_text(officer, ada):
    """It may say who it was; and that of a session or a token is one, once a backup is restored."""
    TextKey.objects.create(word="ada-lovelace", email=ADDRESS)
    with changed(TextKey, identifiers={"email": "email"}, on_erasure="delete"):
        erase(officer, person(officer, ada))
    assert not TextKey.objects.exists()
    entry = LogEntry.objects.get(action_flag=DELETION)
    assert (entry.object_repr, entry.object_id) == ("fields.TextKey", "")


class TestLookingAfterwards:
    def test_nothing_is_found(self, officer, ada):
        sale(ada, email=ADDRESS)
        (message,) = said(erase(officer, person(officer, ada), residue="yes"))
        # A role that may not read the tables of the log is told so.
        assert "Still found" not in message
        assert "nothing of it was found" in message.lower()

    def test_where_it_still_stands(self, officer, ada):
        """In the history of another row, which tells nobody whose it is."""
        LogEntry.objects.create(user=User.objects.get(), action_flag=2, object_repr=f"Letter to {ADDRESS}")
        response = erase(officer, person(officer, ada), residue="yes")
        (message,) = said(response)
        assert " Still found, with the number of rows: django_admin_log.object_repr on default (1)." in message
        assert [each.level_tag for each in get_messages(response.wsgi_request)] == ["warning"]

    @pytest.mark.parametrize("may_view", [True, False])
    def test_a_table_that_is_not_for_the_user_is_not_named(self, log_in, ada, may_view):
        client = log_in(*ALL, "change_personaldata", *(["admin.view_logentry"] if may_view else []))
        LogEntry.objects.create(user=User.objects.get(), action_flag=2, object_repr=f"Letter to {ADDRESS}")
        response = erase(client, person(client, ada), residue="yes")
        (message,) = said(response)
        assert ("django_admin_log.object_repr on default (1)" in message) is may_view
        assert ("Still found in tables that are not for you to see: " in message) is not may_view
        assert "nothing of it was found" not in message.lower()
        assert [each.level_tag for each in get_messages(response.wsgi_request)] == ["warning"]

    def test_a_table_of_which_the_models_admin_hides_a_row_is_not_named(self, log_in, settings):
        """The admin of sales shows those of the shop in the north to superusers only."""
        log_in(*ALL)
        request = RequestFactory().get("/")
        request.user = User.objects.get()
        result = SubjectResult(operations={}, residue={"people_sale.phone on default": 1})
        named = ["Still found, with the number of rows: people_sale.phone on default (1)."]
        sale()
        assert list(residue(result, request, site)) == named
        sale(recipient="north")
        assert "people_sale" not in " ".join(residue(result, request, site))
        settings.GDPR_TOOL_SEES_ALL = True
        assert list(residue(result, request, site)) == named

    def test_a_table_without_a_model_is_named_to_superusers(self, log_in):
        log_in("view_personaldata")
        request = RequestFactory().get("/")
        request.user = User.objects.get()
        unread = {"old_letters on default": "no rights", "people_sale on default": "no rights", "all tables": "?"}
        result = SubjectResult(operations={}, residue={"old_letters.text on default": 1}, unread=unread)
        assert list(residue(result, request, site)) == [
            "Still found in tables that are not for you to see: the command gdpr_residue names them.",
            "Not looked at: all tables (?).",
            "Not looked at: tables that are not for you to see.",
        ]
        request.user = User.objects.create_superuser("boss")
        assert list(residue(result, request, site)) == [
            "Still found, with the number of rows: old_letters.text on default (1).",
            "Not looked at: old_letters on default (no rights), people_sale on default (no rights), all tables (?).",
        ]

    def test_what_could_not_be_looked_at(self, officer, ada, monkeypatch):
        def fail(*args):
            raise OperationalError(ADDRESS)

        page = person(officer, ada)
        monkeypatch.setattr("gdpr_assist.subjects.traces.look", fail)
        (message,) = said(erase(officer, page, residue="yes"))
        assert message.endswith(
            " Nothing of it was found in what could be looked at. Not looked at: all tables (OperationalError)."
        )
        assert row(ada)["email"] != ADDRESS

    def test_it_is_not_done_unless_it_is_ticked(self, officer, ada):
        (message,) = said(erase(officer, person(officer, ada)))
        assert "looked" not in message


def test_no_message_and_no_url_holds_a_value(officer, ada, bob):
    sale(ada, email=ADDRESS)
    sale(bob, email=ADDRESS)
    response = erase(officer, person(officer, ada))
    assert "quill" not in " ".join([*said(response), response.url])


def test_what_has_changed_since_it_was_shown_is_shown_again(officer, ada):
    page = person(officer, ada)
    bought = sale(ada, email=ADDRESS)
    with unchanged(Account, Sale):
        again = erase(officer, page)
    assert said(again) == [f"{CHANGED} Sales: 0 when this was shown, 1 now."]
    assert "1 sale" in groups(again)
    erase(officer, again)
    assert row(bought)["email"] != ADDRESS


def just_before(method, monkeypatch, happens):
    """Have something happen between the view's look at the person and the erasure."""
    whole = getattr(Subject, method)

    def called(*args, **kwargs):
        happens()
        return whole(*args, **kwargs)

    monkeypatch.setattr(Subject, method, called)


@pytest.mark.parametrize("included", [[], ["people.Sale by phone"]])
def test_a_row_that_appears_before_the_rows_are_locked_is_no_part_of_what_was_shown(
    officer, ada, bob, included, monkeypatch
):
    for each in (ada, bob):
        Profile.objects.create(account=each, phone="555")
    sale(phone="555")
    page = person(officer, ada)
    values = {"phone": "555"} if included else {"buyer": ada, "email": ADDRESS}
    just_before("erase", monkeypatch, lambda: sale(**values))
    with unchanged(Account, Profile):
        again = erase(officer, page, include=included)
    rows = "Sales by phone: 1 when this was shown, 2 now." if included else "Sales: 0 when this was shown, 1 now."
    assert said(again) == [f"{CHANGED} {rows}"]
    assert set(Sale.objects.values_list("phone", flat=True)) == ({"555"} if included else {"555", ""})
    assert Sale.objects.filter(email=ADDRESS).count() == (not included)
    assert again.context["page"].token not in ("", page.context["page"].token)


def test_a_row_that_is_not_for_the_user_when_the_rows_are_locked_refuses_the_whole(log_in, ada, monkeypatch):
    bought = sale(ada, email=ADDRESS)
    client = log_in(*ALL, "change_personaldata")
    page = person(client, ada)
    just_before("erase", monkeypatch, lambda: Sale.objects.update(recipient="north"))
    assert erase(client, page).status_code == 403
    assert (row(ada)["email"], row(bought)["email"]) == (ADDRESS, ADDRESS)


def test_what_one_officer_was_shown_another_cannot_confirm(officer, ada, client):
    page = person(officer, ada)
    client.force_login(User.objects.create_superuser("other"))
    with unchanged(Account):
        again = erase(client, page)
        assert again.status_code == 400
        assert "was shown to somebody else" in said(again)[0]
        again = erase(client, page, operation="")
        assert (again.status_code, said(again)) == (400, [OVER])
        own = person(client, ada)
        signed = dict(Forms(page).forms["person-form"])["operation"]
        assert erase(client, own, operation=signed).status_code == 400
    assert erase(client, own).status_code == 302


def test_a_form_without_the_page_is_no_confirmation(officer, ada):
    with unchanged(Account):
        assert said(person(officer, ada, action="erase")) == [UNCONFIRMED]


def test_rows_in_doubt_are_left_unless_they_are_ticked(officer, ada, bob):
    for each in (ada, bob):
        Profile.objects.create(account=each, phone="555")
    guest, bobs = sale(phone="555"), sale(bob, phone="555")
    page = person(officer, ada)
    doubts = [(each.name, each.can_include, each.group.names[0][0]) for each in page.context["page"].doubts]
    assert doubts == [("people.Sale by phone", True, str(guest)), ("people.Sale by phone", False, str(bobs))]
    assert page.content.decode().count('name="include"') == 1
    erase(officer, page, include="people.Sale by phone")
    assert (row(guest)["phone"], row(bobs)["phone"]) == ("", "555")


def test_what_cannot_be_included_is_a_message_and_changes_nothing(officer, ada, bob):
    sale(bob, email=ADDRESS)
    with unchanged(Account, Sale):
        page = erase(officer, person(officer, ada), include="people.Sale by email")
    assert said(page) == ["The selection could not be read. Nothing was changed; please select again."]


def test_what_was_filled_again_is_erased_with_force(officer, ada):
    Subject(ada).erase()
    Account.objects.filter(pk=ada.pk).update(email=ADDRESS)
    page = person(officer, ada)
    assert page.context["page"].groups[0].notes == ["1 anonymised before", "1 of these filled again since"]
    with unchanged(Account):
        assert said(erase(officer, page)) == [UNCONFIRMED]
    page = send(officer, page, "person-form", {"force": "yes"})
    (message,) = said(erase(officer, page))
    assert message.startswith("Nothing was anonymised. Left as they are: 1 account (refilled since")
    assert row(ada)["email"] == ADDRESS
    page = send(officer, person(officer, ada), "person-form", {"force": "yes"})
    erase(officer, page, force="yes")
    assert row(ada)["email"] != ADDRESS


def test_a_refusal_is_a_message_and_changes_nothing(officer, ada):
    page = person(officer, ada)
    with unchanged(Account), log_is(without_tables):
        (message,) = said(erase(officer, page))
    assert "quill" not in message


def test_the_export_is_that_of_the_person(officer, ada, bob):
    sale(ada, email=ADDRESS)
    sale(bob, email="bob@quill.example")
    response = person(officer, ada, action="export")
    assert re.fullmatch(
        r'attachment; filename="personal-data-\d{4}-\d\d-\d\d-[0-9a-f]{8}\.zip"',
        response.headers["Content-Disposition"],
    )
    with zipfile.ZipFile(io.BytesIO(response.getvalue())) as archive:
        names = archive.namelist()
        rows = list(csv.DictReader(io.StringIO(archive.read("people-Sale.csv").decode())))
        manifest = json.loads(archive.read("manifest.json"))
    assert names == ["people-Account.csv", "people-Sale.csv", "manifest.json"]
    assert f"-{manifest['reference']}.zip" in response.headers["Content-Disposition"]
    assert "no-store" in response.headers["Cache-Control"]
    assert [each["email"] for each in rows] == [ADDRESS]


def test_the_export_is_in_the_format_that_was_chosen(officer, ada):
    page = person(officer, ada)
    choices = page.content.decode().partition('id="id_format"')[2].partition("</select>")[0]
    assert re.findall(r'<option value="(\w+)">', choices) == ["complete", "csv", "json"]
    response = person(officer, ada, action="export", format="complete", bom="yes")
    with zipfile.ZipFile(io.BytesIO(response.getvalue())) as archive:
        assert archive.read("csv/people-Account.csv").startswith(b"\xef\xbb\xbf")
        assert ADDRESS in archive.read("index.html").decode()
    (message,) = said(person(officer, ada, action="export", format="xml"))
    assert message.endswith("please select again.")


def test_the_manifest_has_no_word_of_rows_that_are_not_for_the_user(log_in, ada, bob, settings):
    hidden = sale(bob, email=ADDRESS, recipient="north")
    client = log_in(*ALL, "change_personaldata")

    def told():
        with zipfile.ZipFile(io.BytesIO(person(client, ada, action="export").getvalue())) as archive:
            return json.loads(archive.read("manifest.json"))["not_included"]

    assert told() == []
    settings.GDPR_TOOL_SEES_ALL = True
    assert told() == ["people.Sale: 1 row, by email, but about somebody else"]
    assert row(hidden)["email"] == ADDRESS


@pytest.mark.parametrize("may_view", [True, False])
def test_the_manifest_counts_copies_for_who_may_view_them(log_in, ada, may_view):
    Remark.objects.create(about=ada, text=ADDRESS)
    client = log_in(*ALL, *(["people.view_remark"] if may_view else []), "view_personaldata")
    with changed(Remark, subject=None, copy_of=Generic("content_type", "object_id")):
        zipped = person(client, ada, action="export").getvalue()
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["copies"] == ({"people.Remark": 1} if may_view else {})


def test_a_row_that_the_export_names_and_that_is_not_for_the_user_refuses_the_export(log_in, ada):
    """As a diagnosis: the key is personal, what it leads to is nobody's, and its text is in the export."""
    bought = sale(ada, parcel=Parcel.objects.create(street="Harbour Road"))
    client = log_in(*ALL, "change_personaldata")
    fields = {"fields": ["email", "phone", "recipient", "parcel"], "keep": ["buyer", "packed_by"]}
    with changed(Sale, **fields), changed(Parcel, subject=None):
        page = person(client, ada)
        assert page.context["page"].unshown == ["parcels"]
        assert "not for you to see: parcels." in " ".join(page.content.decode().split())
        assert 'value="export"' not in page.content.decode()
        assert person(client, ada, action="export").status_code == 403
        with changed(Sale, export_fields=["recipient", "parcel"]):
            assert person(client, ada).context["page"].unshown == ["parcels"]
        with changed(Sale, **fields, export_exclude=["parcel"]):
            assert person(client, ada, action="export").status_code == 200
        assert erase(client, page).status_code == 302  # which shows nobody what it is
        assert row(bought)["parcel_id"] is None


def test_a_row_that_the_export_names_is_exported_to_who_may_view_it(log_in, ada):
    sale(ada, parcel=Parcel.objects.create(street="Harbour Road"))
    client = log_in(*ALL, "change_personaldata", "people.view_parcel")
    fields = {"fields": ["email", "phone", "recipient", "parcel"], "keep": ["buyer", "packed_by"]}
    with changed(Sale, **fields), changed(Parcel, subject=None):
        assert person(client, ada).context["page"].unshown == []
        assert person(client, ada, action="export").status_code == 200


def test_rows_that_are_deleted_have_no_entry_where_nobody_is_named_and_a_link_has_none(officer, ada, bob):
    event = Event.objects.create(topic="?")
    for each in (ada, bob):
        Visit.objects.create(event=event, account=each)
    circle = Circle.objects.create(motto="?")
    circle.members.set([ada, bob])
    erase(officer, person(officer, ada))
    assert list(circle.members.all()) == [bob]
    kinds = LogEntry.objects.filter(action_flag=DELETION).values_list("content_type__model", flat=True)
    assert "circle_members" not in kinds
    before = LogEntry.objects.count()
    SaleLine.objects.create(sale=sale(bob))
    Subject(bob).erase()
    assert LogEntry.objects.count() == before


# -- rights: the whole person, or nothing -------------------------------------------------------


def test_who_may_view_only_sees_and_exports(log_in, ada):
    client = log_in("view_personaldata", "people.view_account")
    page = person(client, ada)
    assert "Export" in page.content.decode()
    assert "erase this person" not in page.content.decode()
    with unchanged(Account):
        assert erase(client, page).status_code == 403


@pytest.mark.parametrize("without", ["people.view_sale", "people.change_sale", "people.delete_saleline"])
def test_a_model_that_is_not_for_the_user_refuses_the_whole(log_in, ada, without):
    SaleLine.objects.create(sale=sale(ada))
    rights = {*ALL, "change_personaldata", "people.delete_saleline"} - {without}
    rights -= {"people.change_sale"} if without == "people.view_sale" else set()
    client = log_in(*rights)
    page = person(client, ada)
    name = "sale lines" if without == "people.delete_saleline" else "sales"
    assert page.context["page"].outside == [name]
    assert f"to change: {name}." in " ".join(page.content.decode().split())
    assert "erase this person" not in page.content.decode()
    with unchanged(Account, Sale, SaleLine):
        refused = erase(client, page)
        assert (refused.status_code, refused.context["missing"]) == (403, [(without, "")])
        may_export = person(client, ada, action="export").status_code
    assert may_export == (403 if without == "people.view_sale" else 200)
    assert bool(page.context["page"].groups) == (without != "people.view_sale")


def test_with_all_rights_it_is_erased(log_in, ada):
    SaleLine.objects.create(sale=sale(ada))
    client = log_in(*ALL, "change_personaldata", "people.delete_saleline")
    assert erase(client, person(client, ada)).status_code == 302
    assert row(ada)["email"] != ADDRESS


def test_rows_that_the_models_admin_hides_from_the_user_refuse_the_whole(log_in, ada, settings):
    """The admin of sales shows those of the shop in the north to superusers only."""
    hidden = sale(ada, email=ADDRESS, recipient="north")
    client = log_in(*ALL, "change_personaldata")
    with changed(Sale, search_fields=["email"]):
        page = search(client)
        assert [each.found for each in page.context["people"]] == [["by this email"]]
        page = person(client, ada)
        assert page.context["page"].outside == ["sales"]
        with unchanged(Account, Sale):
            assert erase(client, page).status_code == 403
            assert person(client, ada, action="export").status_code == 403
            for action in ("export", "anonymise"):
                assert post(client, {"action": action, "obj_pk": obj_pk(hidden)}).status_code == 403
        settings.GDPR_TOOL_SEES_ALL = True
        assert erase(client, person(client, ada)).status_code == 302
    assert row(hidden)["email"] != ADDRESS


def test_a_person_whom_the_models_admin_hides_is_not_found(log_in, settings):
    north = account("north")
    client = log_in(*ALL, "change_personaldata")
    assert search(client, "north@quill.example").context["people"] == []
    assert search(client, "north@quill.example").context["tables"] == []
    assert said(person(client, north)) == [UNKNOWN]
    settings.GDPR_TOOL_SEES_ALL = True
    assert len(search(client, "north@quill.example").context["people"]) == 1


def test_object_permissions_of_the_models_admin_hold(log_in, ada, settings):
    """The admin of sales lets nobody but superusers anonymise those to Cleo."""
    sale(ada, recipient="Cleo")
    client = log_in(*ALL, "change_personaldata")
    page = person(client, ada)
    assert page.context["page"].outside == ["sales"]
    with unchanged(Account, Sale):
        assert erase(client, page).status_code == 403
    settings.GDPR_TOOL_SEES_ALL = True
    assert erase(client, person(client, ada)).status_code == 302


class OfTheNorthAlone(admin.ModelAdmin):
    """Decides by the row alone, as Django's documentation has it: without one it says no."""

    def has_change_permission(self, request, obj=None):
        return obj is not None and obj.recipient == "north"


class EditedByNobody(admin.ModelAdmin):
    def has_change_permission(self, request, obj=None):
        return False


class Erasable(EditedByNobody):
    def has_anonymise_permission(self, request, obj=None):
        return request.user.has_perm("people.change_sale")


@pytest.mark.parametrize(
    ("decides", "recipients", "is_erased"),
    [
        (OfTheNorthAlone, ["north"], True),
        (OfTheNorthAlone, ["south"], False),
        (OfTheNorthAlone, ["north", "south"], False),
        (EditedByNobody, ["north"], False),
        (Erasable, ["north", "south"], True),
    ],
)
def test_a_row_that_the_admin_refuses_is_not_anonymised_whatever_it_says_without_a_row(
    log_in, ada, monkeypatch, decides, recipients, is_erased
):
    monkeypatch.setitem(site._registry, Sale, decides(Sale, site))
    sales = [sale(ada, recipient=each, phone="555") for each in recipients]
    client = log_in(*ALL, "change_personaldata")
    with changed(Sale, on_erasure="anonymise"):
        page = person(client, ada)
        ticked = {"action": "anonymise", "confirmed": "yes", "obj_pk": [obj_pk(each) for each in sales]}
        if is_erased:
            assert page.context["page"].outside == []
            del ticked["confirmed"]
            assert post(client, ticked).status_code == 200
            assert erase(client, page).status_code == 302
            assert {row(each)["phone"] for each in sales} == {""}
        else:
            assert page.context["page"].outside == ["sales"]
            assert "give the admin has_anonymise_permission: people.Sale." in " ".join(page.content.decode().split())
            with unchanged(Account, Sale):
                assert erase(client, page).status_code == 403
                assert post(client, ticked).status_code == 403


def test_object_permissions_hold_for_rows_that_are_ticked_or_found(log_in, settings):
    kept, hidden, free = sale(phone="555", recipient="Cleo"), sale(phone="555", recipient="Dora"), sale(phone="555")
    client = log_in(*ALL, "change_personaldata")
    with changed(Sale, search_fields=["phone"], on_erasure="anonymise", identifiers={}):
        (table,) = search(client, "555").context["tables"]
        assert {each.key for each in table.rows} == {str(kept.pk), str(free.pk)}
        with unchanged(Sale):
            for data in ({"obj_pk": obj_pk(kept)}, {"everything": "yes", "term": "555"}):
                assert post(client, {"action": "anonymise", "confirmed": "yes", **data}).status_code == 403
            assert post(client, {"action": "export", "obj_pk": obj_pk(hidden)}).status_code == 403
            exported = post(client, {"action": "export", "everything": "yes", "term": "555"}).getvalue()
        assert len(zipfile.ZipFile(io.BytesIO(exported)).read("people-Sale.csv").splitlines()) == 3
        settings.GDPR_TOOL_SEES_ALL = True
        confirm(client, post(client, {"action": "anonymise", "everything": "yes", "term": "555"}))
    assert {row(each)["phone"] for each in (kept, hidden, free)} == {""}


def test_what_a_person_has_only_seen_is_exported_to_who_may_view_it_alone(log_in, ada, bob, monkeypatch):
    monkeypatch.setattr(Chat._meta.get_field("answerer").remote_field, "on_delete", SET_NULL)
    Chat.objects.create(asker=bob, answerer=ada, question="Bob's own words", answer="")
    parties = {"asker": Party(erases=["question", "answer"]), "answerer": Party(sees=["question"])}
    client = log_in("view_personaldata", "people.view_account")
    with changed(Chat, subject=parties):
        page = person(client, ada)
        assert "chats" in page.context["page"].outside
        assert "own words" not in page.content.decode()
        assert person(client, ada, action="export").status_code == 403
        lines = Subject(ada).preview()
    assert "people.Chat: 1 row, by answerer: kept (another's; this person has seen it)" in lines


def test_whose_a_hidden_row_is_cannot_be_asked(log_in, ada):
    hidden = sale(ada, recipient="north")
    client = log_in(*ALL, "change_personaldata")
    assert said(person(client, hidden)) == [UNKNOWN]
    guest = sale(email="gil@quill.example", recipient="north")
    page = post(client, {"guest": "email", "term": "gil@quill.example"})
    assert said(page) == [UNKNOWN]
    assert row(guest)["email"] == "gil@quill.example"


@pytest.mark.parametrize("name", ["cls", "self", "identifiers"])
def test_a_kind_that_there_is_not_is_a_message(officer, ada, name):
    assert said(post(officer, {"guest": name, "term": ADDRESS})) == [UNKNOWN]


def test_rows_in_doubt_and_rows_in_the_place_of_others_are_no_longer_what_was_shown(officer, ada, bob):
    for each in (ada, bob):
        Profile.objects.create(account=each, phone="555")
    first, bought = sale(phone="555"), sale(ada)
    page = person(officer, ada)
    sale(phone="555")
    with unchanged(Account, Sale):
        again = erase(officer, page, include="people.Sale by phone")
    assert said(again) == [f"{CHANGED} Sales by phone: 1 when this was shown, 2 now."]
    bought.delete()
    other = sale(ada, email=ADDRESS)
    assert said(erase(officer, again)) == [CHANGED]
    assert (row(first)["phone"], row(other)["email"]) == ("555", ADDRESS)


def test_a_row_of_another_database_has_no_page_here(officer, ada):
    sale(email=ADDRESS)
    elsewhere = Reader.objects.using("other").create(email=ADDRESS)
    page = person(officer, ada)
    (found,) = [each for each in page.context["page"].groups if each.title == "1 reader"]
    assert found.names == [(str(elsewhere), None, None)]


# -- on other pages -----------------------------------------------------------------------------


def test_the_page_of_a_row_leads_to_its_person(officer, log_in, ada):
    bought = sale(ada)
    page = officer.get(f"/shop/people/sale/{bought.pk}/change/").content.decode()
    assert page.count("Personal data of this person</button>") == 1
    assert f'name="person" value="{value(bought)}"' in page
    assert "quill" not in "".join(part.split("</form>")[0] for part in page.split("gdpr-link")[1:])


def test_the_page_of_a_row_of_several_people_leads_to_each(officer, ada, bob):
    chat = Chat.objects.create(asker=ada, answerer=bob, question="?", answer="!")
    page = officer.get(f"/shop/people/chat/{chat.pk}/change/").content.decode()
    assert "Personal data of this person (asker)" in page
    assert "Personal data of this person (answerer)" in page


def test_who_may_not_use_the_tool_has_no_button(log_in, ada):
    client = log_in("people.view_account")
    assert "Personal data of this person" not in client.get(f"/shop/people/account/{ada.pk}/change/").content.decode()


def test_a_row_that_is_added_leads_nowhere(officer):
    assert "Personal data of this person" not in officer.get("/shop/people/account/add/").content.decode()


def test_a_template_of_the_projects_own_is_used(officer, ada, monkeypatch):
    monkeypatch.setattr("tests.admin.urls.PeopleAdmin.change_form_template", "admin/change_form.html")
    page = officer.get(f"/shop/people/account/{ada.pk}/change/")
    assert page.template_name == "admin/change_form.html"


def test_anonymising_the_row_of_a_person_alone_warns(officer, ada):
    other = sale()

    def asked(*rows):
        return post(officer, {"action": "anonymise", "obj_pk": [obj_pk(each) for each in rows]})

    assert "These rows are people." in asked(ada, other).content.decode()
    assert "These rows are people." not in asked(other).content.decode()


def test_the_page_for_deleting_names_what_will_be_anonymised(officer, ada, bob):
    bought, guest, bobs = sale(ada, email=ADDRESS), sale(email=ADDRESS), sale(bob)
    SaleLine.objects.create(sale=guest)
    Profile.objects.create(account=ada, phone="555")
    with untouched():
        page = officer.get(f"/shop/people/account/{ada.pk}/delete/")
    assert dict(page.context["model_count"]) == {
        "accounts": 1,
        "profiles": 1,
        "sales to be anonymised": 2,
        "sale lines to be deleted with the person": 1,
    }
    content = page.content.decode()
    assert f'Sale: <a href="/shop/people/sale/{bought.pk}/change/">{bought}</a>' in content
    assert f"/shop/people/sale/{guest.pk}/change/" in content
    assert f"/shop/people/sale/{bobs.pk}/change/" not in content
    officer.post(f"/shop/people/account/{ada.pk}/delete/", {"post": "yes"})
    assert not Account.objects.filter(pk=ada.pk).exists()
    assert ADDRESS not in (row(bought)["email"], row(guest)["email"])


def test_so_does_that_of_the_action(officer, ada, bob, monkeypatch):
    monkeypatch.setattr("gdpr_assist.admin.consequences.MOST_NAMES", 2)
    for each in (ada, bob):
        for _number in range(2):
            sale(each)
    data = {"action": "delete_selected", "_selected_action": [ada.pk, bob.pk]}
    page = officer.post("/shop/people/account/", data)
    assert dict(page.context["model_count"]) == {"accounts": 2, "sales to be anonymised": 4}
    assert page.content.decode().count("Sale: <a") == 2
    assert "and 2 sales more" in page.content.decode()


def test_of_rows_that_are_not_for_the_user_it_names_the_number_only(log_in, ada):
    hidden, shown = sale(ada, recipient="north"), sale(ada)
    client = log_in("people.delete_account", "people.view_account", "people.view_sale")
    content = client.get(f"/shop/people/account/{ada.pk}/delete/").content.decode()
    assert "Sales to be anonymised: 2" in content
    assert str(shown) in content
    assert str(hidden) not in content


def test_what_goes_with_a_row_that_is_no_person_is_not_named(officer, ada):
    bought = sale(ada)
    SaleLine.objects.create(sale=bought)
    page = officer.get(f"/shop/people/sale/{bought.pk}/delete/")
    assert dict(page.context["model_count"]) == {"sales": 1, "sale lines": 1}


# -- rows to which she only did something, and rows that go by cascade --------------------------


@pytest.fixture
def packer(db):
    return StaffAccount.objects.create(email="cleo@quill.example", is_confirmed=True, desk="3")


OF_A_PACKER = [f"people.{action}_{model}" for model in ("account", "staffaccount") for action in ("view", "change")]


def group(page, title):
    [found] = [each for each in page.context["page"].groups if each.title == title]
    return found


def test_what_she_only_did_something_to_is_shown_and_stays(officer, ada, packer):
    bought = sale(ada, packed_by=packer)
    page = person(officer, packer)
    found = group(page, "1 sale")
    assert (found.ways, found.done) == (
        "linked to this person only by the field “packed by”",
        "will be left as they are",
    )
    assert found.names == [(str(bought), f"/shop/people/sale/{bought.pk}/change/", None)]
    another = sale(ada, packed_by=packer)  # which makes no difference to an erasure
    with unchanged_rows(Sale):
        assert erase(officer, page).url.startswith(OPERATIONS)
    assert row(packer)["email"] != "cleo@quill.example"
    assert row(another)["packed_by_id"] == packer.pk


@pytest.mark.parametrize("may_view", [True, False])
def test_what_she_only_did_something_to_takes_no_right(log_in, ada, packer, may_view):
    seen, _hidden = (sale(ada, packed_by=packer, recipient=name) for name in ("south", "north"))
    client = log_in(*OF_A_PACKER, "change_personaldata", *(["people.view_sale"] if may_view else []))
    page = person(client, packer)
    assert page.context["page"].outside == []
    if may_view:
        found = group(page, "2 sales")
        assert ([each.name for each in found.names], found.others) == ([str(seen)], 1)
    else:
        assert set(groups(page)) == {"1 account", "1 staff account"}
        assert "sale" not in page.content.decode()
    assert erase(client, page).status_code == 302


def with_lines(person, *lines):
    bought = sale(person, email=ADDRESS)
    return [SaleLine.objects.create(sale=bought, engraving=each) for each in lines]


@contextmanager
def sales_go(**lines):
    with changed(Sale, on_erasure="delete"), changed(SaleLine, **{"on_erasure": "anonymise", **lines}):
        yield


def test_what_goes_by_cascade_is_shown_by_names(officer, ada):
    line, *_others = with_lines(ada, *"abc")
    with sales_go():
        page = person(officer, ada)
        found = next(each for each in page.context["page"].groups if each.ways == "belonging to what is deleted")
        assert (found.title, found.done) == ("3 sale lines", "will be deleted with the above")
        assert found.names[0] == (str(line), None, None)  # it has no page of its own
        (message,) = said(erase(officer, page))
    assert "Deleted: 3 sale lines, 1 sale." in message


@pytest.mark.skipif(django.VERSION < (5, 2), reason="no composite keys before Django 5.2")
def test_rows_with_a_composite_key_go_by_cascade(officer, ada):
    readings = apps.get_model("thirdparty", "Reading").objects
    bought = Device.objects.create(owner=ADDRESS, address="192.0.2.1")
    for number in (2, 1):
        readings.create(device=bought, number=number)
    declared = {"fields": ["owner"], "identifiers": {"email": "owner"}, "on_erasure": "delete"}
    with registry.registered(Device, type("PrivacyMeta", (), declared)):
        page = person(officer, ada)
        assert groups(page)["2 readings"] == ("belonging to what is deleted", "will be deleted with the above")
        (message,) = said(erase(officer, page))
    assert "Deleted: 2 readings, 1 device." in message
    assert not readings.exists()


def test_what_would_go_by_cascade_since_it_was_shown_is_shown_again(officer, ada):
    [line] = with_lines(ada, "a")
    with sales_go(subject=None):
        page = person(officer, ada)
        SaleLine.objects.create(sale=line.sale)
        with unchanged(Sale, SaleLine):
            assert said(erase(officer, page)) == [f"{CHANGED} Sale lines: 1 when this was shown, 2 now."]


RIGHTS = [
    "people.view_account",
    "people.change_account",
    "people.view_sale",
    "people.delete_sale",
    "change_personaldata",
]


@pytest.mark.parametrize("right", ["people.view_saleline", None])
def test_names_of_what_goes_by_cascade_are_for_those_who_may_view_it(log_in, ada, right):
    [line] = with_lines(ada, "a")
    with sales_go(subject=None):
        page = person(log_in(*RIGHTS, *filter(None, [right])), ada)
    assert page.context["page"].outside == []
    assert [each.name for each in group(page, "1 sale line").names] == ([str(line)] if right else [])


@pytest.mark.parametrize("right", ["people.delete_saleline", None])
def test_a_model_with_an_admin_is_asked_for_the_right_to_delete_what_goes_by_cascade(log_in, ada, right):
    """As on Django's own page; there is none to ask where the model has no admin."""
    [line] = with_lines(ada, "a")
    client = log_in(*RIGHTS, *filter(None, [right]))
    with sales_go(subject=None), registered(SaleLine):
        page = person(client, ada)
        assert page.context["page"].outside == ([] if right else ["sale lines"])
        with nullcontext() if right else unchanged(Account, Sale, SaleLine):
            assert erase(client, page).status_code == (302 if right else 403)
    assert SaleLine.objects.filter(pk=line.pk).exists() != bool(right)


@contextmanager
def registered(model):
    site.register(model)
    try:
        yield
    finally:
        site.unregister(model)


@pytest.mark.parametrize("action", [PROTECT, RESTRICT])
def test_what_protects_a_row_is_said_on_the_page(officer, ada, action, monkeypatch):
    with_lines(ada, "a", "b")
    monkeypatch.setattr(SaleLine._meta.get_field("sale").remote_field, "on_delete", action)
    with sales_go(subject=None):
        page = person(officer, ada)
        content = " ".join(page.content.decode().split())
        assert page.context["page"].obstacles == ["sales are protected by 2 sale lines"]
        assert "stands in the way: sales are protected by 2 sale lines." in content
        assert "erase this person" not in content
        assert "Export" in content
        with unchanged(Account, Sale, SaleLine):
            assert len(said(erase(officer, page))) == 1


def test_rows_that_stay_and_would_go_are_said_on_the_page(officer, ada):
    with_lines(ada, "a")
    with sales_go(on_erasure=Keep("tax")):
        page = person(officer, ada)
        assert page.context["page"].obstacles == ["1 sale line would be deleted with sales: kept (tax)"]
        with unchanged(Account, Sale, SaleLine):
            (message,) = said(erase(officer, page))
    # There is no button on the page, and nothing to send that it has signed.
    assert message.startswith("This must be confirmed on the page that shows it.")
