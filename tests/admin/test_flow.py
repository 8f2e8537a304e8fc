"""From page to page of the Personal data tool: Back and reload, what is ticked, and where the term is not."""

import io
import json
import logging
import re
import zipfile
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from gdpr_assist import Keep
from gdpr_assist.admin import asked, results
from gdpr_assist.admin.searched import is_short
from gdpr_assist.admin.selection import page_number
from gdpr_assist.models import Errand
from gdpr_assist.registry import registry
from tests.admin.conftest import OPERATIONS, TOOL
from tests.admin.pages import Forms, confirm, obj_pk, said, send
from tests.apps.fields.models import TextKey
from tests.apps.people.models import Account, Profile, Sale
from tests.apps.shop.models import Category, Customer, Order
from tests.databases import untouched
from tests.observing import changed, in_table, row, unchanged
from tests.people import account, sale

TERM = "ada@example.org"
DONE = "This is done"
OVER = "This search is over. Please search again."
UNREADABLE = "The selection could not be read. Nothing was changed; please select again."
NO_IDS = ["x", "a" * 43, "a" * 5000, "ä", "\0", "..", "%ED%A0%80", "<b>", " "]


def search(client, term=TERM, **options):
    return client.post(TOOL, {"term": term}, follow=True, **options)


def path_of(page):
    return page.request["PATH_INFO"]


def results_form(client, shown, /, **more):
    return send(client, shown, "results-form", more, follow=True)


def back(client, page):
    (url,) = re.findall(r'<a href="([^"]*)" class="button gdpr-cancel">', page.content.decode())
    return client.get(url)


def checked(page):
    boxes = re.findall(r'<input type="checkbox" name="(\w+)" value="([^"]*)"( checked)?', page.content.decode())
    return {value for name, value, is_ticked in boxes if is_ticked and name != "bom"}


def orders(number, **values):
    values = {"recipient": "Ada Lovelace", "email": TERM, "placed": timezone.now(), **values}
    return [Order.objects.create(**values) for _number in range(number)]


def pass_time():
    Errand.objects.update(expires=timezone.now() - timedelta(seconds=1))


@pytest.fixture
def three_of_two(monkeypatch):
    """Three orders on pages of two."""
    monkeypatch.setattr(results, "ROWS_PER_MODEL", 2)
    return orders(3)


class TestBackAndReload:
    def test_a_search_is_led_to_a_page_of_its_own(self, officer, ada):
        response = officer.post(TOOL, {"term": TERM})
        assert response.status_code == 302
        assert re.fullmatch(rf"{TOOL}search/[\w-]{{43}}/", response.url)

    @pytest.mark.parametrize("purpose", ["search", "person", "confirm"])
    def test_each_page_can_be_loaded_again_and_changes_nothing(self, officer, ada, purpose):
        given = account("ada")
        data = {
            "search": {"term": TERM},
            "person": {"person": f"default/{obj_pk(given)}"},
            "confirm": {"action": "anonymise", "obj_pk": obj_pk(ada), "term": TERM},
        }[purpose]
        page = officer.post(TOOL, data, follow=True)
        assert path_of(page).startswith(f"{TOOL}{purpose}/")
        number = Errand.objects.count()
        with untouched():
            for _time in range(2):
                again = officer.get(path_of(page))
                assert (again.status_code, again.context["title"]) == (200, page.context["title"])
        assert Errand.objects.count() == number
        assert "no-store" in again.headers["Cache-Control"]

    def test_the_way_through_and_back(self, officer):
        ada = account("ada")
        sale(ada, email="ada@quill.example")
        found = search(officer, "ada@quill.example")
        (person,) = found.context["people"]
        page = results_form(officer, found, person=person.value)
        assert path_of(page).startswith(f"{TOOL}person/")
        again = back(officer, page)
        assert path_of(again) == path_of(found)
        assert [each.value for each in again.context["people"]] == [person.value]

    def test_from_a_row_there_is_no_search_to_go_back_to(self, officer):
        page = officer.post(TOOL, {"person": f"default/{obj_pk(account('ada'))}"}, follow=True)
        assert path_of(back(officer, page)) == TOOL

    def test_what_is_ticked_is_there_after_a_look_at_a_person(self, officer):
        ada = account("ada")
        nobodys = sale(phone="ada@quill.example")
        with changed(Sale, search_fields=["phone"], identifiers={}):
            found = search(officer, "ada@quill.example")
            (person,) = found.context["people"]
            page = results_form(officer, found, person=person.value, obj_pk=obj_pk(nobodys))
            assert page.context["page"].names[0][0] == str(ada)
            assert checked(back(officer, page)) == {obj_pk(nobodys)}

    def test_a_guest_is_chosen_without_her_term(self, officer):
        guest = sale(email="eve@quill.example")
        found = search(officer, "eve@quill.example")
        (person,) = found.context["people"]
        page = results_form(officer, found, guest=person.value)
        send(officer, page, "person-form", {"action": "erase"})
        assert row(guest)["email"] != "eve@quill.example"

    def test_an_export_is_no_step(self, officer, ada):
        found = search(officer)
        number = Errand.objects.count()
        response = results_form(officer, found, action="export", obj_pk=obj_pk(ada))
        assert zipfile.ZipFile(io.BytesIO(response.getvalue())).namelist() == ["shop-Customer.csv"]
        assert Errand.objects.count() == number
        assert path_of(officer.get(path_of(found))) == path_of(found)

    def test_everything_of_the_term_of_the_page(self, officer, ada, ada_order):
        page = results_form(officer, search(officer), action="anonymise", everything="yes")
        assert page.context["rows"] == 2
        confirm(officer, page)
        assert row(ada)["name"] == str(ada.pk)


class TestTicks:
    def test_they_stay_from_page_to_page(self, officer, three_of_two):
        first, second, third = map(obj_pk, three_of_two)
        page = results_form(officer, search(officer), page="2", obj_pk=[first, second])
        assert (page.context["page"], [each.value for each in page.context["tables"][0].rows]) == (2, [third])
        assert "Rows 3 to 3 of 3." in page.content.decode()
        assert page.context["tables"][0].ticked == 2
        page = results_form(officer, page, page="1", obj_pk=third)
        assert checked(page) == {first, second}
        page = results_form(officer, page, action="anonymise", obj_pk=second)
        assert page.context["rows"] == 2  # the first was unticked, the third is on the other page
        again = back(officer, page)
        assert checked(again) == {second}
        assert results_form(officer, again, action="anonymise", obj_pk=[first, second]).context["rows"] == 3
        confirm(officer, page)
        assert [row(each)["email"] == TERM for each in three_of_two] == [True, False, False]

    def test_a_table_that_stands_on_other_pages_keeps_its_own(self, officer, ada, three_of_two):
        page = results_form(officer, search(officer), page="2", obj_pk=obj_pk(ada))
        assert [table.label for table in page.context["tables"]] == ["shop.Order"]
        assert "On the pages before: 1 customer" in " ".join(page.content.decode().split())
        assert page.context["ticked_elsewhere"] == 1
        assert 'data-ticked="1"' in page.content.decode()
        page = results_form(officer, page, action="anonymise", obj_pk=obj_pk(three_of_two[2]))
        assert page.context["rows"] == 2

    def test_the_box_of_a_table_can_be_unticked_on_another_page(self, officer, three_of_two):
        kind = str(ContentType.objects.get_for_model(Order).pk)
        page = results_form(officer, search(officer), page="2", all=kind, everything="yes")
        assert checked(page) == {kind, "yes"}
        page = results_form(officer, page, page="1")
        assert checked(page) == set()

    def test_all_can_be_unticked_at_once(self, officer, three_of_two):
        page = results_form(officer, search(officer), page="2", obj_pk=obj_pk(three_of_two[0]))
        assert 'name="untick"' in page.content.decode()
        page = results_form(officer, page, untick="yes")
        assert checked(page) == set()
        assert 'name="untick"' not in page.content.decode()

    def test_after_an_error_they_stay(self, officer, ada, ada_audit):
        page = results_form(officer, search(officer), action="anonymise", obj_pk=obj_pk(ada_audit))
        assert said(page) == ["None of the selected rows can be anonymised. Nothing was changed."]
        assert checked(page) == {obj_pk(ada_audit)}
        page = results_form(officer, page, action="anonymise", obj_pk=obj_pk(ada))
        assert page.context["rows"] == 1

    def test_so_do_the_boxes_of_a_person(self, officer, monkeypatch):
        ada, bob = account("ada"), account("bob")
        for each in (ada, bob):
            Profile.objects.create(account=each, phone="555")
        sale(phone="555")
        page = officer.post(TOOL, {"person": f"default/{obj_pk(ada)}"}, follow=True)

        def fails(*args, **kwargs):
            raise OperationalError("ada")

        monkeypatch.setattr("gdpr_assist.subjects.subject.Subject.erase", fails)
        data = {"action": "erase", "include": "people.Sale by phone", "residue": "yes"}
        again = send(officer, page, "person-form", data)
        assert said(again)[0].startswith("The database could not do this (OperationalError).")
        assert checked(again) == {"people.Sale by phone", "yes"}
        assert path_of(again) == path_of(page)

    def test_a_search_is_kept_anew_only_if_they_differ(self, officer, three_of_two):
        found = search(officer)
        page = results_form(officer, found, page="2")
        assert path_of(page) == path_of(found)
        page = results_form(officer, found, page="2", obj_pk=obj_pk(three_of_two[0]))
        assert path_of(page) != path_of(found)


class TestPages:
    @pytest.mark.parametrize("given", ["0", "-1", "x", "", "1.5", "٣", "9" * 7, "9" * 5000, "\0", "1 OR 1", None])
    def test_what_is_no_number_of_a_page(self, given):
        assert page_number(given) == 1

    @pytest.mark.parametrize(
        ("given", "number"), [("2", 2), ("3", 2), ("999999", 2), ("0", 1), ("x", 1), ("%00", 1), ("٣", 1)]
    )
    def test_a_page_that_there_is_not(self, officer, three_of_two, given, number):
        page = officer.get(f"{path_of(search(officer))}?page={given}")
        assert (page.status_code, page.context["page"]) == (200, number)

    def test_rows_and_number_of_each(self, officer, three_of_two):
        found = search(officer)
        keys = [
            [each.key for each in officer.get(f"{path_of(found)}?page={number}").context["tables"][0].rows]
            for number in (1, 2)
        ]
        assert keys == [[str(each.pk) for each in three_of_two[:2]], [str(three_of_two[2].pk)]]
        assert found.context["pages"] == [1, 2]
        assert found.content.decode().count('name="page"') == 1

    def test_many_pages_are_not_all_named(self, officer, monkeypatch):
        monkeypatch.setattr(results, "ROWS_PER_MODEL", 1)
        orders(30)
        page = search(officer)
        assert page.content.decode().count('name="page"') < 10
        assert 'name="page" value="30"' in page.content.decode()


class TestOver:
    def test_after_half_an_hour(self, officer, ada):
        found = search(officer)
        pass_time()
        for page in (
            officer.get(path_of(found)),
            results_form(officer, found, action="anonymise", obj_pk=obj_pk(ada)),
        ):
            assert (page.status_code, said(page)) == (400, [OVER])
            assert 'name="term"' in page.content.decode()
            assert "Ada" not in page.content.decode()
        assert row(ada)["name"] == "Ada Lovelace"

    @pytest.mark.parametrize("purpose", ["person", "confirm"])
    def test_a_page_that_erases(self, officer, ada, purpose):
        if purpose == "confirm":
            page = results_form(officer, search(officer), action="anonymise", obj_pk=obj_pk(ada))
            form, data = "anonymise-form", {}
        else:
            page = officer.post(TOOL, {"person": f"default/{obj_pk(account('ada'))}"}, follow=True)
            form, data = "person-form", {"action": "erase"}
        pass_time()
        with unchanged(Customer, Account):
            again = send(officer, page, form, data)
        assert (again.status_code, said(again)) == (400, [OVER])

    @pytest.mark.parametrize("purpose", ["search", "person", "confirm"])
    def test_of_another_user(self, officer, client, ada, purpose):
        given = account("ada")
        data = {
            "search": {"term": TERM},
            "person": {"person": f"default/{obj_pk(given)}"},
            "confirm": {"action": "anonymise", "obj_pk": obj_pk(ada)},
        }[purpose]
        path = officer.post(TOOL, data).url
        client.force_login(User.objects.create_superuser("other"))
        with unchanged(Customer, Account):
            for page in (client.get(path), client.post(path, {"action": "erase", "confirmed": "yes"})):
                assert (page.status_code, said(page)) == (400, [OVER])
                assert "Ada" not in page.content.decode()
                assert "quill" not in page.content.decode()

    def test_of_another_site(self, officer, ada):
        path = path_of(search(officer))
        page = officer.get(path.replace("/shop/", "/admin/", 1))
        assert (page.status_code, said(page)) == (400, [OVER])

    def test_of_another_purpose(self, officer, ada):
        path = path_of(search(officer))
        person = path_of(officer.post(TOOL, {"person": f"default/{obj_pk(account('ada'))}"}, follow=True))
        for wrong in (
            path.replace("/search/", "/person/"),
            path.replace("/search/", "/confirm/"),  # nothing is to be confirmed
            person.replace("/person/", "/search/"),
            person.replace("/person/", "/confirm/"),
        ):
            assert officer.get(wrong).status_code == 400

    @pytest.mark.parametrize("purpose", ["search", "person", "confirm"])
    @pytest.mark.parametrize("given", NO_IDS)
    def test_what_is_no_id(self, officer, ada, purpose, given):
        path = f"{TOOL}{purpose}/{given if '%' in given else quote(given)}/"
        with unchanged(Customer):
            for page in (officer.get(path), officer.post(path, {"action": "erase", "confirmed": "yes", "term": TERM})):
                assert page.status_code in (400, 404)

    def test_after_the_erasure_of_a_person(self, officer):
        account("ada")
        found = search(officer, "ada@quill.example")
        page = results_form(officer, found, person=found.context["people"][0].value)
        assert Errand.objects.count() == 2
        done = send(officer, page, "person-form", {"action": "erase"}).url
        assert done.startswith(OPERATIONS)
        with unchanged(Account):
            again = send(officer, page, "person-form", {"action": "erase"})
        assert (again.status_code, again.url) == (302, done)
        for behind in (path_of(page), path_of(found)):
            shown = officer.get(behind)
            assert (shown.status_code, shown.context["title"]) == (200, DONE)
            assert shown.context["erasure_url"] == done
            assert "quill" not in shown.content.decode()
        other = Client()
        other.force_login(User.objects.create_superuser("other"))
        assert said(other.get(path_of(page))) == [OVER]

    def test_after_the_erasure_of_one_of_two_too(self, officer):
        """The term is that of who is erased."""
        ada, bob = account("ada"), account("bob")
        with changed(Sale, search_fields=["phone"], identifiers={}):
            sale(ada, phone="0161-555")
            sale(bob, phone="0161-555")
            found = search(officer, "0161-555")
            page = results_form(officer, found, person=found.context["people"][0].value)
            send(officer, page, "person-form", {"action": "erase"})
            behind = officer.get(path_of(found))
        assert behind.context["title"] == DONE
        assert "0161-555" not in behind.content.decode()

    def test_after_the_erasure_of_rows_all_that_led_to_it(self, officer, three_of_two):
        first = search(officer)
        page = results_form(officer, first, page="2", obj_pk=obj_pk(three_of_two[0]))
        page = results_form(officer, page, action="anonymise", obj_pk=obj_pk(three_of_two[2]))
        other = search(officer, "Ada Lovelace")
        confirm(officer, page)
        assert "term" in officer.get(path_of(other)).context  # a search of its own
        for behind in (path_of(page), path_of(first)):
            assert officer.get(behind).context["title"] == DONE
        again = confirm(officer, page)
        assert again.url.startswith(OPERATIONS)
        assert said(again)[-1] == "This was confirmed before, and is done. It was not done again."

    def test_after_a_new_version_of_the_app_that_keeps_something_else(self, officer, ada, monkeypatch):
        path = path_of(search(officer))
        read = asked.errands.read

        def read_more(*args, **kwargs):
            found = read(*args, **kwargs)
            return found and {**found, "new": 1}

        monkeypatch.setattr(asked.errands, "read", read_more)
        assert officer.get(path).status_code == 400

    def test_after_logging_out(self, officer, client, ada):
        path = path_of(search(officer))
        client.logout()
        response = client.get(path)
        assert (response.status_code, response.url.startswith("/shop/login/")) == (302, True)
        client.force_login(User.objects.create_superuser("other"))
        assert client.get(path).status_code == 400

    def test_whoever_may_not_use_the_tool_any_more(self, log_in, ada):
        client = log_in("view_personaldata", "view_customer")
        path = path_of(search(client))
        User.objects.get().user_permissions.clear()
        assert client.get(path).status_code == 403

    @pytest.mark.parametrize("purpose", ["search", "confirm"])
    def test_whoever_may_not_see_the_rows_any_more(self, log_in, ada, purpose):
        client = log_in("change_personaldata", "change_customer")
        page = search(client)
        if purpose == "confirm":
            page = results_form(client, page, action="anonymise", obj_pk=obj_pk(ada))
        user = User.objects.get()
        user.user_permissions.remove(user.user_permissions.get(codename="change_customer"))
        again = client.get(path_of(page))
        assert again.status_code == (200 if purpose == "search" else 403)
        assert "Ada" not in again.content.decode()

    def test_a_model_that_is_not_registered_any_more(self, officer):
        meta = type("PrivacyMeta", (), {"can_anonymise": True, "search_fields": ["name"], "fields": ["name"]})
        made = Category.objects.create(name="Ada Lovelace")
        with registry.registered(Category, meta):
            page = results_form(officer, search(officer, "Ada Lovelace"), action="anonymise", obj_pk=obj_pk(made))
            assert page.context["rows"] == 1
        again = officer.get(path_of(page))
        assert (again.status_code, said(again)) == (200, [UNREADABLE])

    def test_a_row_that_is_gone(self, officer, ada):
        page = results_form(officer, search(officer), action="anonymise", obj_pk=obj_pk(ada))
        Customer.all_objects.all().delete()
        assert officer.get(path_of(page)).status_code == 200
        (message,) = said(again := confirm(officer, page))
        assert message.endswith("Customers: 1 when this was shown, 0 now.")
        assert "gdpr-erase" not in again.content.decode()

    def test_a_person_who_is_gone(self, officer):
        ada = account("ada")
        found = search(officer, "ada@quill.example")
        page = results_form(officer, found, person=found.context["people"][0].value)
        ada.delete()
        for again in (officer.get(path_of(page)), send(officer, page, "person-form", {"action": "erase"})):
            assert again.status_code == 200
            assert said(again)[-1].startswith("Whose this is is not known")


class TestNoTrace:
    """The term, and what it finds, are on the pages and nowhere else."""

    WORDS = ("quill", "Lovelace", "lovelace")

    def no_word(self, text):
        return not any(word in text for word in self.WORDS)

    @pytest.mark.usefixtures("transactional_db")
    def test_in_no_address_cookie_session_log_line_or_table(self, officer, caplog, tmp_path):
        ada = account("ada")
        nobodys = sale(phone="ada@quill.example", recipient="Lovelace")
        steps = []
        with caplog.at_level(logging.DEBUG), changed(Sale, search_fields=["phone"]):
            caplog.handler.setLevel(logging.DEBUG)
            found = search(officer, "ada@quill.example")
            ticked = {"obj_pk": obj_pk(nobodys)}
            steps.append(found)
            steps.append(results_form(officer, found, person=found.context["people"][0].value, **ticked))
            steps.append(results_form(officer, found, action="anonymise", **ticked))
            steps.append(results_form(officer, found, action="nothing", **ticked))
            officer.get("/shop/gdpr_assist/personaldata/search/x/")
        for step in steps:
            assert self.no_word(" ".join([path_of(step), *(url for url, _code in step.redirect_chain)]))
            assert self.no_word(str(step.headers))
        assert self.no_word(officer.cookies.output())
        for session in Session.objects.all():
            assert self.no_word(json.dumps(session.get_decoded()))
        # Of Django's own queries, which are logged only while DEBUG is on, there are the values of each query.
        lines = [each.getMessage() for each in caplog.records if each.name != "django.db.backends"]
        assert self.no_word("\n".join(lines))
        assert Errand.objects.count() == 4
        dump = tmp_path / "dump.json"
        call_command("dumpdata", "gdpr_assist.Errand", "sessions", output=str(dump), verbosity=0)
        assert self.no_word(dump.read_text())
        assert row(ada)["email"] == "ada@quill.example"

    def test_no_form_has_the_term_besides_that_which_asks_for_it(self, officer, ada):
        page = search(officer)
        forms = Forms(page).forms
        assert set(dict(forms["results-form"])) == {"csrfmiddlewaretoken", "shown"}
        assert set(dict(forms["search-form"])) == {"csrfmiddlewaretoken"}
        page = results_form(officer, page, action="anonymise", obj_pk=obj_pk(ada))
        sent = dict(Forms(page).forms["anonymise-form"])
        assert set(sent) == {"csrfmiddlewaretoken", "confirmed", "operation"}
        assert TERM not in str(sent)


class TestBadInput:
    @pytest.mark.parametrize("term", ["a" * 1_000_000, "a\0b", "", " "])
    def test_a_term_that_is_none(self, officer, term):
        page = search(officer, term)
        assert page.status_code == 200
        assert page.context["form"].errors["term"]
        assert not Errand.objects.exists()

    def test_half_of_a_pair_of_surrogates(self, officer):
        TextKey.objects.create(word="a", name="Ada", email=TERM)
        kind = ContentType.objects.get_for_model(TextKey).pk
        packed = json.dumps([f"{kind}-\ud800"])
        for action in ("export", "anonymise"):
            page = officer.post(TOOL, {"action": action, "selection": packed}, follow=True)
            assert said(page) == [UNREADABLE]

    @pytest.mark.parametrize("action", ["export", "anonymise", ""])
    @pytest.mark.parametrize(
        "data",
        [
            {"shown": "[["},
            {"shown": "{}"},
            {"shown": "[1]"},
            {"obj_pk": "1"},
            {"all": "1-1"},
            {"all": "x", "action": "export"},
            {"obj_pk": "x-1", "action": "export"},
        ],
    )
    def test_boxes_that_the_page_has_not(self, officer, ada, action, data):
        found = search(officer)
        with unchanged(Customer):
            page = results_form(officer, found, **{"action": action, **data})
        assert (page.status_code, said(page)) == (200, [UNREADABLE])
        assert [table.label for table in page.context["tables"]] == ["shop.Customer"]

    @pytest.mark.parametrize("name", ["person", "guest"])
    @pytest.mark.parametrize("given", ["", "x", "\0", "default/1-\0", "/", "default/999999999999-1", "a" * 100_000])
    def test_nobody(self, officer, ada, name, given):
        page = results_form(officer, search(officer), **{name: given})
        assert page.status_code == 200
        assert len(said(page)) == 1
        assert Errand.objects.count() == 1

    def test_a_form_without_token_is_refused(self, officer, ada):
        found = search(officer)
        strict = Client(enforce_csrf_checks=True)
        strict.cookies = officer.cookies
        assert strict.post(path_of(found), {"action": "anonymise", "obj_pk": obj_pk(ada)}).status_code == 403

    @pytest.mark.usefixtures("transactional_db")
    def test_the_table_is_not_there_yet(self, officer, ada):
        """A site of which the code is new, and the database not."""
        with in_table(Errand, "nowhere"):
            pages = [search(officer)]
            pages += [officer.get(f"{TOOL}{purpose}/{'a' * 43}/") for purpose in ("search", "person", "confirm")]
        assert [page.status_code for page in pages] == [200, 400, 400, 400]
        for page in pages:
            assert re.match(r"The database could not do this \(\w+Error\)\.", said(page)[0])

    @pytest.mark.parametrize(
        "function",
        [
            "errands.drop",
            "admin.operations.led",
            "admin.done.note_remarks",
            "admin.done.stays",
            "admin.confirmation._done",
        ],
    )
    @pytest.mark.parametrize("error", [OperationalError, ValueError])
    def test_what_is_done_stays_done_whatever_fails_afterwards(
        self, officer, ada, monkeypatch, caplog, function, error
    ):
        def fails(*args, **kwargs):
            raise error("ada@quill.example")

        person = account("ada")
        found = search(officer, "ada@quill.example")
        hers = results_form(officer, found, person=found.context["people"][0].value)
        rows = results_form(officer, search(officer), action="anonymise", obj_pk=obj_pk(ada))
        monkeypatch.setattr(f"gdpr_assist.{function}", fails)
        answers = [send(officer, hers, "person-form", {"action": "erase"}), confirm(officer, rows)]
        assert [answer.status_code for answer in answers] == [302, 302]
        assert row(person)["email"] != "ada@quill.example"
        assert row(ada)["name"] != "Ada Lovelace"
        assert "ada@quill.example" not in caplog.text
        for text in said(answers[-1]):
            assert "anonymised" in text.lower() or text == "What this page was for is done."

    def test_nothing_is_searched_after_an_erasure(self, officer, monkeypatch):
        """A search may fail, and costs more than the erasure."""
        account("ada")
        found = search(officer, "ada@quill.example")
        page = results_form(officer, found, person=found.context["people"][0].value)
        searched = []
        monkeypatch.setattr("gdpr_assist.admin.finds.search", lambda *args, **kwargs: searched.append(args))
        send(officer, page, "person-form", {"action": "erase"})
        assert searched == []

    def test_an_errand_that_is_dropped_meanwhile(self, officer, ada, monkeypatch):
        found = search(officer)
        real, calls = asked.errands.read, []

        def once(*args, **kwargs):
            calls.append(args)
            return real(*args, **kwargs) if len(calls) == 1 else None

        monkeypatch.setattr("gdpr_assist.errands.read", once)
        page = results_form(officer, found, page="2")
        assert (page.status_code, said(page)) == (400, [OVER])


class TestWhatIsSearched:
    def kinds(self, page):
        return {kind.name: kind.fields for kind in page.context["kinds"]}

    def test_kinds_and_fields_are_listed(self, officer):
        page = officer.get(TOOL)
        kinds = self.kinds(page)
        assert len(kinds) == len(page.context["kinds"]) == len(registry.models)
        assert kinds["customers"] == ["email", "name (a part is enough)"]
        assert kinds["orders"] == ["email", "recipient (a part is enough)"]
        assert kinds["sales"] == ["email", "phone"]
        assert page.context["unseen"] == []
        assert f"What is searched: {len(kinds)} kinds of data" in page.content.decode()

    def test_fields_of_other_rows_have_the_way_to_them(self, officer):
        with changed(Sale, search_fields=["buyer__email__icontains", "pk"]):
            fields = self.kinds(officer.get(TOOL))["sales"]
        assert fields == ["email of buyer (a part is enough)", "ID", "email", "phone"]

    def test_a_search_of_the_projects_own(self, officer, monkeypatch):
        meta = type("PrivacyMeta", (), {"search": lambda self, term: []})
        with registry.registered(Category, meta):
            assert self.kinds(officer.get(TOOL))["categorys"] == ["what the site's own search looks at"]


class TestWhyARowWasFound:
    def reasons(self, page):
        (table,) = page.context["tables"]
        return [[(each.field, each.before, each.matched, each.after) for each in row.reasons] for row in table.rows]

    def test_the_field_and_the_part(self, officer):
        orders(1, recipient="Countess Ada Lovelace of London, England", email="x@example.org")
        page = search(officer, "lovelace")
        assert self.reasons(page) == [[("recipient", "Countess Ada ", "Lovelace", " of London, England")]]
        assert "recipient: <bdi>Countess Ada <mark>Lovelace</mark> of London, England</bdi>" in page.content.decode()

    def test_each_field(self, officer):
        orders(1, recipient="ada@example.org", email="ADA@example.org")
        assert self.reasons(search(officer)) == [
            [("email", "", "ADA@example.org", ""), ("recipient", "", "ada@example.org", "")]
        ]

    def test_long_texts_are_cut(self, officer):
        orders(1, recipient="x" * 20 + " Ada " + "y" * 25, email="x@example.org")
        (((_field, before, matched, after),),) = self.reasons(search(officer, "Ada"))
        assert (before, matched, after) == ("x" * 20 + " ", "Ada", " " + "y" * 24 + "…")

    def test_words_in_several_fields(self, officer):
        orders(1, recipient="Lovelace", email="ada@example.org")
        assert self.reasons(search(officer, f"{TERM} Lovelace")) == [
            [("email", "", TERM, ""), ("recipient", "", "Lovelace", "")]
        ]

    def test_markup_is_escaped(self, officer):
        orders(1, recipient="<b>Ada</b> <script>", email="x@example.org")
        content = search(officer, "<b>Ada").content.decode()
        assert "<mark>&lt;b&gt;Ada</mark>&lt;/b&gt; &lt;script&gt;" in content
        assert "<script>" not in content.replace("<script src", "")

    def test_of_another_row_only_the_field_is_named(self, officer):
        sale(account("ada"))
        with changed(Sale, search_fields=["buyer__email"], subject=None):
            page = search(officer, "ada@quill.example")
            found = [reason for table in page.context["tables"] for row in table.rows for reason in row.reasons]
        assert [(each.field, each.matched) for each in found] == [("email of buyer", "")]


class TestRows:
    def test_each_has_its_name(self, officer, ada):
        (table,) = search(officer).context["tables"]
        assert [each.name for each in table.rows] == [str(ada)]

    @pytest.mark.parametrize("text", [ValueError, "", "  ", "<b>Ada</b>"])
    def test_a_text_that_raises_or_is_none_or_has_markup(self, officer, ada, text, monkeypatch):
        def named(self):
            if isinstance(text, str):
                return text
            raise text

        monkeypatch.setattr(Customer, "__str__", named)
        page = search(officer)
        (found,) = page.context["tables"][0].rows
        assert found.name == ("<b>Ada</b>" if "b" in str(text) and text is not ValueError else f"customer {ada.pk}")
        assert "<b>" not in page.content.decode()

    def test_a_person_whose_text_raises(self, officer, monkeypatch):
        ada = account("ada")

        def fails(self):
            raise ValueError("ada@quill.example")

        monkeypatch.setattr(Account, "__str__", fails)
        found = search(officer, "ada@quill.example")
        assert found.context["people"][0].names[0][0] == f"account {ada.pk}"
        page = results_form(officer, found, person=found.context["people"][0].value)
        assert page.context["page"].names[0][0] == f"account {ada.pk}"

    def test_what_is_kept_and_why(self, officer):
        sale(phone="0123 555")
        with changed(Sale, search_fields=["phone"], identifiers={}):
            assert "kept: recipient (tax)" in search(officer, "0123 555").content.decode()
        with changed(Sale, search_fields=["phone"], identifiers={}, on_erasure=Keep("a <b>dispute</b>")):
            assert "kept: a &lt;b&gt;dispute&lt;/b&gt;" in search(officer, "0123 555").content.decode()

    def test_a_row_that_was_anonymised_and_one_that_was_filled_again(self, officer):
        done, again, other = orders(3)
        for each in (done, again):
            each.anonymise()
        again.email = TERM
        again.save(update_fields=["email"])
        with changed(Order, search_fields=["pk"]):
            found = {}
            for each in (done, again, other):
                (table,) = search(officer, f"{each.pk:03}").context["tables"]
                (shown,) = table.rows
                found[each.pk] = (shown.marked, shown.refilled)
        assert found == {done.pk: (True, False), again.pk: (True, True), other.pk: (False, False)}


class TestShortTerms:
    WARNING = "Enter at least 3 characters."

    @pytest.mark.parametrize(
        ("term", "expected"), [("", True), ("ab", True), ("abc", False), ("李", True), ("李明", False)]
    )
    def test_how_short(self, term, expected):
        assert is_short(term) is expected

    def test_rows_are_not_searched(self, officer):
        orders(1, recipient="Xy")
        page = search(officer, "Xy")
        assert page.context["tables"] == []
        assert self.WARNING in page.content.decode()
        assert self.WARNING not in search(officer, "Xyz").content.decode()

    def test_who_is_known_by_one_is_found(self, officer):
        ada = account("ada")
        Profile.objects.create(account=ada, phone="7")
        page = search(officer, "7")
        assert [each.found for each in page.context["people"]] == [["by this phone"]]
        assert self.WARNING in page.content.decode()

    def test_everything_of_one_is_nothing(self, officer, ada):
        Customer.objects.update(email="a@b")
        page = results_form(officer, search(officer, "a@"), action="export", everything="yes")
        assert said(page) == ["No rows are selected. Nothing was changed."]


class TestRightToExport:
    """With permissions of the tool's own, whoever may search may not yet export."""

    @pytest.fixture(autouse=True)
    def _own(self, settings):
        settings.GDPR_TOOL_PERMISSIONS = True

    RIGHTS = ("search_personaldata", "view_customer", "people.view_account")

    def test_whoever_has_it_not_is_not_offered_it_and_refused(self, log_in, ada):
        client = log_in(*self.RIGHTS)
        found = search(client)
        assert 'value="export"' not in found.content.decode()
        page = results_form(client, found, action="export", obj_pk=obj_pk(ada))
        assert page.status_code == 403
        assert "gdpr_assist.export_personaldata" in page.content.decode()
        page = client.post(TOOL, {"person": f"default/{obj_pk(account('ada'))}"}, follow=True)
        assert 'value="export"' not in page.content.decode()
        assert send(client, page, "person-form", {"action": "export"}).status_code == 403

    def test_whoever_has_it_may(self, log_in, ada):
        client = log_in(*self.RIGHTS, "export_personaldata")
        found = search(client)
        assert 'value="export"' in found.content.decode()
        assert results_form(client, found, action="export", obj_pk=obj_pk(ada)).status_code == 200
        page = client.post(TOOL, {"person": f"default/{obj_pk(account('ada'))}"}, follow=True)
        assert send(client, page, "person-form", {"action": "export"}).status_code == 200

    @pytest.mark.parametrize("action", ["anonymise", "erase"])
    def test_what_else_is_refused_names_the_permission(self, log_in, ada, action):
        client = log_in(*self.RIGHTS, "export_personaldata", "change_customer")
        if action == "anonymise":
            page = results_form(client, search(client), action="anonymise", obj_pk=obj_pk(ada))
        else:
            page = client.post(TOOL, {"person": f"default/{obj_pk(account('ada'))}"}, follow=True)
            page = send(client, page, "person-form", {"action": "erase"})
        assert page.status_code == 403
        assert "gdpr_assist.anonymise_personaldata" in page.content.decode()
