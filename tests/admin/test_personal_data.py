import csv
import io
import json
import re
import uuid
import zipfile

import django
import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.contrib import messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import InterfaceError, OperationalError, connection, connections
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.urls import resolve, reverse
from django.utils import timezone

from gdpr_assist.admin import results, selection
from gdpr_assist.exceptions import ExportError
from gdpr_assist.export import records
from gdpr_assist.models import EventLog, Operation, Outcome, PrivacyAnonymised, Receipt
from gdpr_assist.registry import registry
from gdpr_assist.tables import stored_key
from tests.admin.conftest import CUSTOMERS, OPERATIONS, TOOL
from tests.admin.pages import Forms, confirm, obj_pk, said
from tests.apps.fields.models import TextKey, UUIDKey
from tests.apps.shop.models import AuditEntry, Category, Comment, Customer, Employee, Order, Reservation
from tests.observing import address, markers, spoken

UNREADABLE = "The selection could not be read. Nothing was changed; please select again."


def search(client, term):
    return client.post(TOOL, {"term": term}, follow=True)


def act(client, action, *instances, **more):
    data = {"action": action, "obj_pk": [obj_pk(each) for each in instances], **more}
    return client.post(TOOL, data, follow=True)


def path_of(page):
    return page.request["PATH_INFO"]


def back(client, page):
    """Follow the link that takes the user back."""
    (url,) = re.findall(r'<a href="([^"]*)" class="button gdpr-cancel">', page.content.decode())
    return client.get(url)


def labels(page):
    return [table.label for table in page.context["tables"]]


def exported(response):
    """Return the files of the zip: {name: rows}."""
    with zipfile.ZipFile(io.BytesIO(response.getvalue())) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    return {name: list(csv.DictReader(io.StringIO(text))) for name, text in texts.items()}


# -- the page ----------------------------------------------------------------------------------


@pytest.mark.urls("tests.site.urls")
def test_the_default_site_has_the_tool(officer, settings):
    settings.ROOT_URLCONF = "tests.site.urls"
    url = reverse("admin:gdpr_assist_personaldata_changelist")
    assert url == "/admin/gdpr_assist/personaldata/"
    index = officer.get("/admin/").content.decode()
    assert "GDPR" in index
    assert f'<a href="{url}">Personal data</a>' in index
    assert officer.get(url).status_code == 200


def test_nothing_is_searched_before_a_term_is_posted(officer, ada):
    page = officer.get(TOOL, {"term": "ada@example.org"})
    assert page.status_code == 200
    assert page.context["tables"] == []
    assert "Ada" not in page.content.decode()


def test_no_other_page_of_the_model_is_there(officer):
    for page in ("add/", "1/", "1/change/", "1/delete/", "1/history/"):
        assert officer.get(f"{TOOL}{page}").status_code == 404
    assert "/personaldata/add/" not in officer.get("/shop/").content.decode()


@pytest.mark.parametrize("codename", ["view_personaldata", "change_personaldata"])
def test_who_may_view_or_change_personal_data_may_search(log_in, codename):
    assert log_in(codename).get(TOOL).status_code == 200


def test_others_are_refused(log_in, ada):
    client = log_in("view_customer", "change_customer")
    assert client.get(TOOL).status_code == 403
    assert search(client, "ada@example.org").status_code == 403
    assert act(client, "export", ada).status_code == 403
    assert act(client, "anonymise", ada).status_code == 403


def test_anonymous_visitors_are_sent_to_the_login(client, ada):
    for purpose in ("", "search/x/", "person/x/", "confirm/x/"):
        assert client.get(TOOL + purpose).url.startswith("/shop/login/")
        assert client.post(TOOL + purpose, {"action": "export"}).url.startswith("/shop/login/")


def test_users_who_are_not_staff_are_sent_to_the_login(log_in):
    client = log_in("view_personaldata", is_staff=False)
    assert client.get(TOOL).url.startswith("/shop/login/")


def test_a_form_without_token_is_refused(officer, ada):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = officer.cookies
    assert search(strict, "ada@example.org").status_code == 403
    assert act(strict, "anonymise", ada, confirmed="yes").status_code == 403


# -- searching ---------------------------------------------------------------------------------


def test_search_groups_what_it_finds_by_model(officer, ada, ada_order, ada_audit):
    page = search(officer, " ada@example.org ")
    assert sorted(labels(page)) == ["shop.AuditEntry", "shop.Customer", "shop.Order"]
    content = page.content.decode()
    for row in (ada, ada_order, ada_audit):
        assert f'name="obj_pk" value="{obj_pk(row)}"' in content
    assert "no-store" in page.headers["Cache-Control"]


def test_results_link_to_the_row_where_it_has_a_page(officer, ada):
    Comment.objects.create(display_name="Ada Lovelace", body="x", email="ada@example.org", posted="2020-01-01T00:00Z")
    page = search(officer, "Ada Lovelace")
    urls = {table.label: table.rows[0].url for table in page.context["tables"]}
    assert urls == {"shop.Customer": f"{CUSTOMERS}{ada.pk}/change/", "shop.Comment": None}


def test_columns_are_what_is_searched_and_exported(officer, ada):
    Customer.objects.filter(pk=ada.pk).update(born="1815-12-10")
    (table,) = search(officer, "ada@example.org").context["tables"]
    assert table.headers == ["email", "name", "phone", "born"]
    assert table.rows[0].cells == ["ada@example.org", "Ada Lovelace", "0123", "Dec. 10, 1815"]


def test_columns_are_few_and_cells_are_short(officer):
    Comment.objects.create(display_name="Ada", body="x" * 500, email="ada@example.org", posted="2020-01-01T00:00Z")
    (table,) = search(officer, "ada@example.org").context["tables"]
    assert len(table.headers) <= 5
    assert table.rows[0].cells[1] == "x" * 79 + "…"


def test_values_are_escaped(officer):
    Customer.objects.create(name="<script>alert(1)</script>", email="x@example.org")
    content = search(officer, "x@example.org").content.decode()
    assert "<script>alert" not in content
    assert "&lt;script&gt;alert(1)" in content


def test_soft_deleted_rows_are_found_exported_and_anonymised(officer, ada):
    Customer.objects.filter(pk=ada.pk).update(is_deleted=True)
    assert labels(search(officer, "ada@example.org")) == ["shop.Customer"]
    assert exported(act(officer, "export", ada))["shop-Customer.csv"][0]["name"] == "Ada Lovelace"
    confirm(officer, act(officer, "anonymise", ada))
    assert Customer.all_objects.get(pk=ada.pk).phone == ""


def test_nothing_found(officer):
    assert "Nothing was found." in search(officer, "nobody").content.decode()


@pytest.mark.parametrize("term", ["", "  ", "a\0b"])
def test_what_is_no_term_is_refused(officer, term):
    page = search(officer, term)
    assert page.status_code == 200
    assert page.context["form"].errors["term"]


def test_models_that_the_user_may_not_view_are_not_shown(log_in, ada, ada_order, ada_audit):
    client = log_in("view_personaldata", "view_customer")
    page = search(client, "ada@example.org")
    assert labels(page) == ["shop.Customer"]
    assert "shop.Order" not in page.content.decode()


def test_the_permission_counts_where_a_model_has_no_admin(log_in):
    Comment.objects.create(display_name="Ada", body="x", email="ada@example.org", posted="2020-01-01T00:00Z")
    assert labels(search(log_in("view_personaldata", "view_comment"), "Ada")) == ["shop.Comment"]


def test_the_page_says_that_some_models_are_not_searched(log_in, ada, officer):
    whole = search(officer, "ada@example.org")
    assert whole.context["not_searched"] == 0
    assert "you may not view" not in whole.content.decode()
    User.objects.all().delete()
    part = search(log_in("view_personaldata", "view_customer"), "ada@example.org")
    kinds = len(registry.models) - 1
    text = " ".join(part.content.decode().split())
    assert f"{kinds} kinds of personal data are not searched, because you may not view them: accounts, " in text
    assert [kind.name for kind in part.context["kinds"]] == ["customers"]
    assert "orders" in [kind.name for kind in part.context["unseen"]]


def test_who_may_not_anonymise_is_not_offered_it(log_in, ada):
    page = search(log_in("view_personaldata", "change_customer"), "ada@example.org")
    assert 'value="export"' in page.content.decode()
    assert 'value="anonymise"' not in page.content.decode()


def test_tables_of_models_that_cannot_be_anonymised_say_so(officer, ada, ada_audit):
    page = search(officer, "ada@example.org")
    offered = {table.label: table.can_anonymise for table in page.context["tables"]}
    assert offered == {"shop.Customer": True, "shop.AuditEntry": False}
    assert page.content.decode().count("export only") == 1


def test_more_rows_than_a_page_shows(officer, ada, monkeypatch):
    monkeypatch.setattr(results, "ROWS_PER_MODEL", 2)
    found = orders(5)
    page = search(officer, "ada@example.org")
    table = next(table for table in page.context["tables"] if table.label == "shop.Order")
    assert (len(table.rows), table.total) == (2, 5)
    everything = {"all": table.content_type, "term": "ada@example.org"}
    rows = exported(act(officer, "export", ada, **everything))
    assert {name: len(found) for name, found in rows.items()} == {
        "shop-Customer.csv": 1,
        "orders.csv": 5,
    }
    asked = act(officer, "anonymise", **everything)
    assert (asked.context["going"], asked.context["marked"]) == (5, 0)
    [done] = said(confirm(officer, asked))
    keys = [order.pk for order in found]
    # In one comparison, so that a failure shows which of these the message, the rows and the markers agree about
    assert (
        done.partition(" Operation ")[0],
        dict(Order.objects.values_list("pk", "recipient")),
        markers(Order),
    ) == (
        "5 rows were anonymised: 5 orders.",
        {key: str(key) for key in keys},
        sorted(map(str, keys)),
    )
    assert Customer.objects.get().name == "Ada Lovelace"


def checked(page):
    """The boxes of rows that are ticked: {(name, value)}."""
    boxes = re.findall(r'<input type="checkbox" name="(\w+)" value="([^"]*)"( checked)?', page.content.decode())
    return {(name, value) for name, value, ticked in boxes if ticked and name != "bom"}


def test_the_box_of_a_table_means_all_its_rows_ticked_or_not(officer, monkeypatch):
    monkeypatch.setattr(results, "ROWS_PER_MODEL", 2)
    found = orders(3)
    page = search(officer, "ada@example.org")
    assert "Select all 3 orders, ticked above or not" in page.content.decode()
    whole = {"all": page.context["tables"][0].content_type, "term": "ada@example.org"}
    assert exported_orders(act(officer, "export", found[0], **whole)) == ["0", "1", "2"]
    assert act(officer, "anonymise", found[0], **whole).context["rows"] == 3


def test_everything_found_is_all_rows_of_all_models(officer, ada, ada_audit, monkeypatch):
    monkeypatch.setattr(results, "ROWS_PER_MODEL", 2)
    orders(3)
    Customer.objects.create(name="Not Ada", email="other@example.org")
    page = search(officer, "ada@example.org")
    assert "Select everything found: all 5 rows, ticked below or not" in page.content.decode()
    everything = {"everything": "yes", "term": "ada@example.org"}
    files = exported(act(officer, "export", ada, **everything))
    assert {name: len(rows) for name, rows in files.items()} == {
        "orders.csv": 3,
        "shop-AuditEntry.csv": 1,
        "shop-Customer.csv": 1,
    }
    page = act(officer, "anonymise", **everything)
    assert (page.context["rows"], page.context["kept"]) == (4, ["1 audit entry"])
    assert said(confirm(officer, page))[0].startswith("4 rows were anonymised: ")
    assert Customer.objects.filter(email="other@example.org").exists()


def test_everything_found_leaves_out_what_the_user_may_not_view(log_in, ada, ada_order):
    client = log_in("change_personaldata", "change_customer")
    everything = {"everything": "yes", "term": "ada@example.org"}
    assert list(exported(act(client, "export", **everything))) == ["shop-Customer.csv"]
    confirm(client, act(client, "anonymise", **everything))
    assert Customer.objects.get().phone == ""
    assert Order.objects.get().recipient == "Ada Lovelace"


@pytest.mark.parametrize("action", ["export", "anonymise"])
@pytest.mark.parametrize("term", ["nobody", "", "  "])
def test_everything_of_which_nothing_is_found(officer, ada, action, term):
    response = act(officer, action, everything="yes", term=term)
    assert said(response) == ["No rows are selected. Nothing was changed."]


def test_the_way_back_keeps_what_was_ticked(officer, ada, ada_order, ada_audit, monkeypatch):
    monkeypatch.setattr(results, "ROWS_PER_MODEL", 1)
    orders(1)
    kind = obj_pk(ada_order).split("-")[0]
    page = act(officer, "anonymise", ada, ada_audit, all=kind, term="ada@example.org")
    assert checked(back(officer, page)) == {
        ("all", kind),
        ("obj_pk", obj_pk(ada)),
        ("obj_pk", obj_pk(ada_audit)),
    }
    page = act(officer, "anonymise", everything="yes", term="ada@example.org")
    assert ("everything", "yes") in checked(back(officer, page))


def test_an_error_keeps_what_was_ticked_and_a_new_search_does_not(officer, ada, ada_audit):
    page = act(officer, "anonymise", ada_audit, term="ada@example.org")
    assert said(page) == ["None of the selected rows can be anonymised. Nothing was changed."]
    assert checked(page) == {("obj_pk", obj_pk(ada_audit))}
    assert checked(search(officer, "ada@example.org")) == set()


def test_the_page_has_no_more_fields_than_a_form_may_have(officer, ada, ada_order, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = results.OTHER_FIELDS + 1
    page = search(officer, "ada@example.org")
    assert sorted((len(table.rows), table.total) for table in page.context["tables"]) == [
        (0, 1),
        (1, 1),
    ]


def test_rows_of_another_database_than_the_key_means_cannot_be_selected(officer, ada, monkeypatch):
    meta = registry.declaration(Customer).meta
    elsewhere = Customer.all_objects.using("other")
    elsewhere.create(pk=ada.pk, name="Somebody else", email="else@example.org")
    monkeypatch.setattr(meta, "search", lambda term: elsewhere.filter(email=term), raising=False)
    page = search(officer, "else@example.org")
    assert labels(page) == ["shop.Customer"]
    assert 'name="obj_pk"' not in page.content.decode()
    kind = ContentType.objects.get_for_model(Customer).pk
    response = act(officer, "anonymise", all=kind, term="else@example.org", confirmed="yes")
    assert said(response) == ["No rows are selected. Nothing was changed."]
    assert Customer.objects.get(pk=ada.pk).name == "Ada Lovelace"


def queried(captured, *models):
    """Return what was selected from the table of each model, one for each query: {model: ["rows", "COUNT"]}."""
    quote = connection.ops.quote_name
    return {
        model: [
            "COUNT" if "COUNT(" in query["sql"] else "rows"
            for query in captured
            if f"FROM {quote(table)} " in query["sql"]
        ]
        for model in models
        for table in [model._meta.db_table]
    }


def test_one_query_for_each_model_that_the_user_may_view(log_in, ada, ada_order, ada_audit):
    client = log_in("view_personaldata", "view_customer", "view_order", "view_employee")
    with CaptureQueriesContext(connection) as captured:
        assert labels(search(client, "ada@example.org")) == ["shop.Customer", "shop.Order"]
    viewable = {Customer: ["rows"], Order: ["rows"], Employee: ["rows"]}
    rest = [model for model in registry.models if model not in viewable and model is not User]
    assert queried(captured, *viewable) == viewable
    assert queried(captured, *rest) == {model: [] for model in rest}


def test_rows_that_were_anonymised_before_are_marked(officer):
    marked, other = orders(2)
    assert "gdpr-badge" not in search(officer, "ada@example.org").content.decode()
    marked.anonymise()
    Order.objects.filter(pk=marked.pk).update(email="ada@example.org")
    with CaptureQueriesContext(connection) as captured:
        page = search(officer, "ada@example.org")
    (table,) = page.context["tables"]
    assert {row.key: row.marked for row in table.rows} == {str(marked.pk): True, str(other.pk): False}
    assert page.content.decode().count(">anonymised on ") == 1
    assert page.content.decode().count(">filled again</span>") == 1
    # With the rows themselves; and once more, which of those that are marked were filled again
    assert queried(captured, Order) == {Order: ["rows", "rows"]}


def anonymised_in_march():
    """Two orders that a term finds: one that the log knows to be anonymised in March 2024, and one that is not."""
    marked, other = orders(2)
    marked.anonymise()
    Order.objects.filter(pk=marked.pk).update(email="ada@example.org")
    Operation.objects.using("gdpr_log").update(started="2024-03-05T12:00Z")
    return marked, other


def badges(page):
    return re.findall(r'<span class="gdpr-badge">([^<]*)</span>', page.content.decode())


def test_the_badge_of_a_row_says_when_it_was_anonymised(officer):
    marked, other = anonymised_in_march()
    other.anonymise()
    Order.objects.filter(pk=other.pk).update(email="ada@example.org")
    Operation.objects.using("gdpr_log").filter(events__target_pk=str(other.pk)).update(started="2024-04-06T12:00Z")
    with CaptureQueriesContext(connections["gdpr_log"]) as captured:
        page = search(officer, "ada@example.org")
    assert badges(page) == ["anonymised on 03/05/2024", "anonymised on 04/06/2024"]
    assert len([each for each in captured if "target_pk" in each["sql"]]) == 1
    marked.anonymise(force=True)
    Order.objects.filter(pk=marked.pk).update(email="ada@example.org")
    first = badges(search(officer, "ada@example.org"))[0]
    assert first == f"anonymised on {timezone.localdate():%m/%d/%Y}"


def test_the_log_is_not_asked_about_rows_that_are_not_marked(officer):
    orders(2)
    with CaptureQueriesContext(connections["gdpr_log"]) as captured:
        search(officer, "ada@example.org")
    assert not captured.captured_queries


@pytest.mark.parametrize("of", ["another alias", "another database", "another model"])
def test_the_badge_has_no_date_of_what_another_row_has(officer, of):
    anonymised_in_march()
    log = Operation.objects.using("gdpr_log")
    if of == "another alias":
        log.update(using="other")
    elif of == "another database":
        log.update(database_id=uuid.uuid4())
    else:
        EventLog.objects.using("gdpr_log").update(model_name="Customer")
    assert badges(search(officer, "ada@example.org")) == ["anonymised"]


def test_the_badge_has_no_date_of_what_was_rolled_back(officer):
    anonymised_in_march()
    operation = Operation.objects.using("gdpr_log").get()
    Outcome.objects.using("gdpr_log").update_or_create(
        operation=operation, defaults={"committed": False, "decided": timezone.now()}
    )
    assert badges(search(officer, "ada@example.org")) == ["anonymised"]


def test_the_badge_has_no_date_where_the_log_cannot_be_read(officer, monkeypatch):
    anonymised_in_march()
    monkeypatch.setattr("gdpr_assist.log.history.is_readable", lambda: False)
    assert badges(search(officer, "ada@example.org")) == ["anonymised"]


@pytest.mark.parametrize("model", [TextKey, UUIDKey])
def test_rows_whose_key_is_no_number_are_marked(officer, model):
    for number in range(2):
        key = {"unique_name": f"{number}", "url": "x"} if model is UUIDKey else {"word": f"a-{number}"}
        model.objects.create(name="Ada", email="ada@example.org", **key)
    marked = model.objects.first()
    marked.anonymise()
    model.objects.update(email="ada@example.org")
    (table,) = search(officer, "ada@example.org").context["tables"]
    assert [row.key for row in table.rows if row.marked] == [str(marked.pk)]
    assert len(table.rows) == 2


@pytest.mark.parametrize(("rows", "wanted"), [(2, ["rows"]), (3, ["rows", "COUNT"])])
def test_rows_are_counted_only_if_there_are_more_than_are_shown(officer, monkeypatch, rows, wanted):
    monkeypatch.setattr(results, "ROWS_PER_MODEL", 2)
    for _number in range(rows):
        Order.objects.create(recipient="Ada", email="ada@example.org", placed="2020-01-01T00:00Z")
    with CaptureQueriesContext(connection) as captured:
        (table,) = search(officer, "ada@example.org").context["tables"]
    assert (len(table.rows), table.total, table.has_more) == (2, rows, rows > 2)
    assert queried(captured, Order) == {Order: wanted}


# -- models that cannot be searched ------------------------------------------------------------


@pytest.fixture
def broken(monkeypatch):
    """Let the search of orders fail only when the first row is read, with the term in the error."""
    Order.objects.create(recipient="x", email="x@example.org", placed="2020-01-01T00:00Z")

    def search(term):
        return Order.objects.filter(recipient__regex=f"{term}(")

    monkeypatch.setattr(registry.declaration(Order).meta, "search", search, raising=False)


NOT_SEARCHED = re.compile(r"The model shop\.Order could not be searched \(\w+Error\)\.")


@pytest.mark.usefixtures("broken")
def test_a_model_that_cannot_be_searched_is_listed_and_the_others_are_shown(officer, ada, ada_audit):
    page = search(officer, "ada@example.org")
    assert sorted(labels(page)) == ["shop.AuditEntry", "shop.Customer"]
    assert [bool(NOT_SEARCHED.fullmatch(each)) for each in page.context["failed"]] == [True]
    (item,) = re.findall('<li class="warning">(.*?)</li>', page.content.decode())
    assert re.fullmatch(NOT_SEARCHED.pattern + " It may hold what you look for.", item)


def test_a_row_that_cannot_be_shown_is_no_server_error(officer, ada, ada_order, monkeypatch):
    def fails(*args, **kwargs):
        raise ValueError("Ada")

    monkeypatch.setattr(Order, "from_db", classmethod(fails))
    page = search(officer, "ada@example.org")
    assert labels(page) == ["shop.Customer"]
    assert page.context["failed"] == ["The model shop.Order could not be searched (ValueError)."]


@pytest.mark.usefixtures("broken")
def test_an_export_of_everything_leaves_out_what_cannot_be_searched_and_says_so(officer, ada, ada_audit):
    response = act(officer, "export", everything="yes", term="ada@example.org")
    with zipfile.ZipFile(io.BytesIO(response.getvalue())) as archive:
        assert sorted(archive.namelist()) == ["could-not-be-searched.txt", "shop-AuditEntry.csv", "shop-Customer.csv"]
        assert re.search(
            r"^shop\.Order \(\w+Error\)$", archive.read("could-not-be-searched.txt").decode(), re.MULTILINE
        )
    (message,) = said(response)
    assert re.fullmatch(NOT_SEARCHED.pattern + " Its rows are left out.", message)


@pytest.mark.usefixtures("broken")
def test_who_confirms_to_anonymise_everything_sees_what_could_not_be_searched(officer, ada):
    page = act(officer, "anonymise", everything="yes", term="ada@example.org")
    (message,) = said(page)
    assert re.fullmatch(NOT_SEARCHED.pattern + " Its rows are left out.", message)
    assert page.context["rows"] == 1
    confirm(officer, page)
    assert Customer.objects.get(pk=ada.pk).phone == ""


@pytest.mark.usefixtures("broken")
def test_nothing_is_said_of_a_model_that_the_user_may_not_view(log_in, ada):
    page = search(log_in("view_personaldata", "view_customer"), "ada@example.org")
    assert (labels(page), page.context["failed"]) == (["shop.Customer"], [])
    assert "shop.Order" not in page.content.decode()


def test_a_term_that_is_too_long_is_refused_on_the_page(officer, ada):
    page = search(officer, "a" * 60_000)
    assert page.context["form"].errors["term"] == [
        "Ensure this value has at most 1000 characters (it has 60000).",
    ]
    assert page.context["tables"] == page.context["failed"] == []
    response = act(officer, "export", everything="yes", term="a" * 60_000)
    assert said(response) == ["No rows are selected. Nothing was changed."]


# -- exporting ---------------------------------------------------------------------------------


def test_export_is_a_zip_with_a_file_for_each_model(officer, ada, ada_order, ada_audit):
    Customer.objects.create(name="Not Ada", email="other@example.org")
    response = act(officer, "export", ada, ada_order, ada_audit)
    assert response.headers["Content-Type"] == "application/zip"
    assert re.fullmatch(
        r'attachment; filename="personal-data-\d{4}-\d\d-\d\d-[0-9a-f]{8}\.zip"',
        response.headers["Content-Disposition"],
    )
    assert "no-store" in response.headers["Cache-Control"]
    files = exported(response)
    assert sorted(files) == ["orders.csv", "shop-AuditEntry.csv", "shop-Customer.csv"]
    assert files["shop-Customer.csv"] == [
        {"name": "Ada Lovelace", "email": "ada@example.org", "phone": "0123", "born": ""}
    ]
    assert files["shop-AuditEntry.csv"] == [{"actor": "ada@example.org"}]


def options(page):
    """Return the formats that a page offers."""
    choices = page.content.decode().partition('id="id_format"')[2].partition("</select>")[0]
    return re.findall(r'<option value="(\w+)">', choices)


def test_the_page_offers_all_formats_and_ticks_the_mark_for_spreadsheets(officer, ada):
    page = officer.post(TOOL, {"term": "ada@example.org"}, follow=True)
    assert options(page) == ["complete", "csv", "json"]
    assert '<input type="checkbox" name="bom" value="yes" checked>' in page.content.decode()
    assert options(officer.post(TOOL, {"term": "nobody"}, follow=True)) == []


def test_the_format_is_the_one_that_was_chosen(officer, ada):
    def names(**more):
        with zipfile.ZipFile(io.BytesIO(act(officer, "export", ada, **more).getvalue())) as archive:
            return archive.namelist(), archive.read(archive.namelist()[0])[:3]

    assert names() == (["shop-Customer.csv"], b"nam")
    assert names(format="csv", bom="yes") == (["shop-Customer.csv"], b"\xef\xbb\xbf")
    assert names(format="json", bom="yes")[0] == ["shop-Customer.json", "shop-Customer.schema.json"]
    assert "index.html" in names(format="complete")[0]


@pytest.mark.parametrize("name", ["", "xml", "csv\0", "x" * 100_000, "__class__"], ids=lambda name: name[:5])
def test_a_format_that_there_is_not(officer, ada, name):
    assert said(act(officer, "export", ada, format=name)) == [
        "The selection could not be read. Nothing was changed; please select again."
    ]


def test_export_takes_view_permission_only(log_in, ada):
    client = log_in("view_personaldata", "view_customer")
    assert "shop-Customer.csv" in exported(act(client, "export", ada))


def orders(number):
    """Make orders with the address of which the tests search."""
    return [
        Order.objects.create(recipient=f"{each}", email="ada@example.org", placed="2020-01-01T00:00Z")
        for each in range(number)
    ]


def exported_orders(response):
    return [row["recipient"] for row in exported(response)["orders.csv"]]


def test_rows_are_read_while_the_export_is_sent(officer):
    [order] = orders(1)
    with CaptureQueriesContext(connection) as captured:
        response = act(officer, "export", order)
        assert response.streaming
        first, *rest = ((chunk, queried(captured, Order)[Order]) for chunk in response.streaming_content)
    assert first[0].startswith(b"PK")
    assert first[1] == []
    assert rest[-1][1] == ["rows"]
    assert all(chunk for chunk, _queries in rest)  # an empty one would end the response


def test_a_whole_table_may_be_more_than_a_form_can_name(officer, monkeypatch):
    monkeypatch.setattr(selection, "LARGEST_SELECTION", 3)
    monkeypatch.setattr(records, "ROWS_PER_PAGE", 2)
    ticked = orders(5)
    whole = {"all": ContentType.objects.get_for_model(Order).pk, "term": "ada@example.org"}
    assert said(act(officer, "export", *ticked))[0].startswith("Too many rows are selected")
    assert said(act(officer, "anonymise", **whole))[0].startswith("Too many rows are selected")
    assert exported_orders(act(officer, "export", **whole)) == ["0", "1", "2", "3", "4"]
    assert exported_orders(act(officer, "export", *ticked[:2], **whole)) == ["0", "1", "2", "3", "4"]


def test_a_ticked_row_that_the_term_does_not_find_any_more_is_exported_too(officer):
    ticked = orders(3)
    Order.objects.filter(pk=ticked[1].pk).update(email="other@example.org")
    whole = {"all": ContentType.objects.get_for_model(Order).pk, "term": "ada@example.org"}
    assert exported_orders(act(officer, "export", **whole)) == ["0", "2"]
    assert exported_orders(act(officer, "export", *ticked[:2], **whole)) == ["0", "1", "2"]


@pytest.mark.parametrize("action", ["export", "anonymise"])
def test_a_whole_table_of_which_nothing_is_found(officer, action):
    whole = {"all": ContentType.objects.get_for_model(Order).pk, "term": "nobody"}
    assert said(act(officer, action, **whole)) == ["No rows are selected. Nothing was changed."]


def test_an_error_while_the_export_is_sent_breaks_it_off_and_is_logged(officer, monkeypatch, caplog):
    def broken(instance):
        raise ValueError(f"cannot parse {instance.recipient}")

    [order] = orders(1)
    Order.objects.update(recipient="secret")
    monkeypatch.setattr(registry.declaration(Order).meta, "export", broken, raising=False)
    response = act(officer, "export", order)
    assert response.status_code == 200
    taken = io.BytesIO()
    with pytest.raises(ExportError) as raised:
        taken.writelines(response.streaming_content)
    assert taken.getvalue().startswith(b"PK")
    assert not zipfile.is_zipfile(taken)
    [record] = caplog.records
    assert (record.levelname, record.name) == ("ERROR", "gdpr_assist.admin.download")
    assert "shop.Order: the export broke off: ValueError" in record.getMessage()
    assert "secret" not in caplog.text + spoken(raised.value)


# -- an error of the database ------------------------------------------------------------------


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
@pytest.mark.parametrize("at", ["search", "export", "confirmation", "erase"])
def test_an_error_of_the_database_is_told_without_its_words(officer, ada, kind, at, monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise kind("deadlock: Ada Lovelace")

    page = act(officer, "anonymise", ada)
    broken = {
        "search": "finds.tables",
        "export": "search_export.exported",
        "confirmation": "anonymising.plan",
        "erase": "anonymising.erase",
    }
    monkeypatch.setattr(f"gdpr_assist.admin.{broken[at]}", fail)
    response = {
        "search": lambda: search(officer, "ada@example.org"),
        "export": lambda: act(officer, "export", ada),
        "confirmation": lambda: act(officer, "anonymise", ada),
        "erase": lambda: confirm(officer, page),
    }[at]()
    assert response.status_code == 200
    [message] = response.context["messages"]
    assert message.level == messages.ERROR
    assert f"The database could not do this ({kind.__name__})." in str(message)
    assert "Lovelace" not in response.content.decode() + caplog.text
    assert response.context["tables"] == []
    assert "Nothing was found" not in response.content.decode()
    ada.refresh_from_db()
    assert ada.phone == "0123"


def test_after_an_error_of_the_database_what_was_found_is_still_there(officer, ada, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("deadlock")

    monkeypatch.setattr("gdpr_assist.admin.anonymising.plan", fail)
    page = act(officer, "anonymise", ada, term="ada@example.org")
    assert said(page)[0].startswith("The database could not do this (OperationalError).")
    assert labels(page) == ["shop.Customer"]
    assert page.context["ticked"] == {obj_pk(ada)}


def test_an_asynchronous_server_gets_the_export_in_pieces_too(officer, ada):
    async def download():
        client = AsyncClient()
        client.cookies = officer.cookies
        response = await client.post(TOOL, {"action": "export", "obj_pk": [obj_pk(ada)]})
        assert response.is_async
        return [chunk async for chunk in response.streaming_content]

    chunks = async_to_sync(download)()
    assert len(chunks) > 1
    with zipfile.ZipFile(io.BytesIO(b"".join(chunks))) as archive:
        assert archive.read("shop-Customer.csv").decode().splitlines()[1].startswith("Ada Lovelace,")


def test_rows_of_models_that_the_user_may_not_view_are_refused(log_in, ada, ada_order):
    client = log_in("change_personaldata", "change_customer")
    for action in ("export", "anonymise"):
        assert act(client, action, ada, ada_order).status_code == 403
        assert act(client, action, all=obj_pk(ada_order).split("-")[0], term="x").status_code == 403


# -- anonymising -------------------------------------------------------------------------------


def test_anonymise_asks_with_the_plan_of_each_model(officer, ada, ada_order):
    page = act(officer, "anonymise", ada, ada_order, term="ada@example.org")
    assert page.status_code == 200
    content = page.content.decode()
    assert "shop.Customer: 1 row, one UPDATE for each batch of rows; fields: name," in content
    assert "shop.Order: 1 row, one UPDATE for each batch of rows; fields: recipient," in content
    assert Forms(page).actions["anonymise-form"] == path_of(page)
    assert path_of(page).startswith(f"{TOOL}confirm/")
    assert re.search(r">ada@example\.org</td><td[^>]*>will become ", content)
    assert not PrivacyAnonymised.objects.exists()
    assert Customer.objects.get().name == "Ada Lovelace"
    assert "no-store" in page.headers["Cache-Control"]


def test_who_types_another_number_is_asked_again_on_the_same_page(officer, monkeypatch):
    monkeypatch.setattr("gdpr_assist.admin.confirmation.MOST_UNTYPED", 2)
    orders(3)
    page = act(officer, "anonymise", term="ada@example.org", everything="yes")
    refused = confirm(officer, page, number="13")
    assert said(refused) == ["Nothing was changed. Type the number of rows, 3, into the box that asks for it."]
    assert 'name="number"' in refused.content.decode()
    assert Order.objects.filter(email="ada@example.org").count() == 3
    assert said(confirm(officer, refused, number="3"))[0].startswith("3 rows were anonymised: 3 orders.")


def test_the_number_is_that_of_the_rows_that_will_change(officer, monkeypatch):
    monkeypatch.setattr("gdpr_assist.admin.confirmation.MOST_UNTYPED", 2)
    orders(3)
    Order.objects.filter(pk=Order.objects.first().pk).anonymise()
    page = act(officer, "anonymise", term="example.org", obj_pk=[obj_pk(each) for each in Order.objects.all()])
    assert (page.context["rows"], page.context["going"]) == (3, 2)
    assert 'name="number"' not in page.content.decode()
    again = confirm(officer, page, force="yes")
    assert said(again) == ["Nothing was changed. Type the number of rows, 3, into the box that asks for it."]
    assert "Type the number of rows, 3, to confirm" in again.content.decode()
    assert said(confirm(officer, page))[0].startswith("2 rows were anonymised: 2 orders.")


@pytest.mark.django_db(transaction=True)
def test_confirming_anonymises_all_models_in_one_operation(officer, ada, ada_order):
    response = confirm(officer, act(officer, "anonymise", ada, ada_order, term="ada@example.org"))
    assert response.status_code == 302
    assert response.url.startswith(OPERATIONS)
    assert Customer.objects.values_list("name", "email", "phone").get() == (
        str(ada.pk),
        address(ada),
        "",
    )
    assert Order.objects.get().email == address(ada_order)
    operation = Operation.objects.get()
    events = operation.events.values_list("event", "model_name", "target_pk")
    assert sorted(events) == [
        ("anonymise", "Customer", str(ada.pk)),
        ("anonymise", "Order", str(ada_order.pk)),
    ]
    assert Receipt.objects.get().pk == operation.pk
    assert Outcome.objects.get().committed
    assert said(response) == [f"2 rows were anonymised: 1 customer, 1 order. Operation {operation.pk}."]


def test_the_history_names_model_and_key_and_no_person(officer, ada, ada_order):
    confirm(officer, act(officer, "anonymise", ada, ada_order))
    entries = LogEntry.objects.values_list("object_repr", flat=True)
    assert sorted(entries) == [f"shop.Customer {ada.pk}", f"shop.Order {ada_order.pk}"]
    # Not "ada", which the id of an operation may hold
    assert not any(
        "Ada" in each or "example.org" in each for each in LogEntry.objects.values_list("change_message", flat=True)
    )


def test_the_numbers_of_the_page_are_those_of_the_message(officer, ada, ada_order):
    marked = Customer.objects.create(name="Grace", email="grace@example.org")
    marked.anonymise()
    page = act(officer, "anonymise", marked, ada, ada_order)
    assert (page.context["going"], page.context["marked"]) == (2, 1)
    assert "Are you sure you want to anonymise 2 rows?" in page.content.decode()
    done = "2 rows were anonymised: 1 customer, 1 order. "
    left = "1 row was left as it is, because it was anonymised before: 1 customer. "
    assert said(confirm(officer, page))[0].startswith(f"{done}{left}Operation ")


def test_marked_rows_stay_unless_forced(officer, ada):
    ada.anonymise()
    Customer.objects.filter(pk=ada.pk).update(phone="0456")
    page = act(officer, "anonymise", ada)
    assert (page.context["marked"], page.context["refilled"]) == (1, 1)
    assert 'name="force"' in page.content.decode()
    again = confirm(officer, page)
    assert "gdpr-erase" not in again.content.decode()
    assert Customer.objects.get().phone == "0456"
    confirm(officer, confirm(officer, again, force="yes"), force="yes")
    assert Customer.objects.get().phone == ""


def test_rows_that_cannot_be_anonymised_are_named_and_stay(officer, ada, ada_audit):
    page = act(officer, "anonymise", ada, ada_audit)
    assert page.context["kept"] == ["1 audit entry"]
    assert "1 audit entry" in page.content.decode()
    confirm(officer, page)
    assert AuditEntry.objects.get().actor == "ada@example.org"
    assert Customer.objects.get().phone == ""


def test_nothing_that_can_be_anonymised(officer, ada_audit):
    response = act(officer, "anonymise", ada_audit)
    assert said(response) == ["None of the selected rows can be anonymised. Nothing was changed."]


def test_anonymising_takes_permission_to_change_personal_data(log_in, ada):
    client = log_in("view_personaldata", "change_customer")
    assert act(client, "anonymise", ada).status_code == 403
    assert act(client, "anonymise", ada, confirmed="yes").status_code == 403
    assert Customer.objects.get().phone == "0123"


def test_anonymising_takes_permission_to_change_the_model(log_in, ada):
    client = log_in("change_personaldata", "view_customer")
    for more in ({}, {"confirmed": "yes"}):
        response = act(client, "anonymise", ada, **more)
        assert said(response)[-1].startswith("None of the selected rows can be anonymised.")
    assert Customer.objects.get().phone == "0123"


def test_both_permissions_are_enough(log_in, ada):
    client = log_in("change_personaldata", "change_customer")
    confirm(client, act(client, "anonymise", ada))
    assert Customer.objects.get().phone == ""


def test_an_admin_in_which_nobody_may_edit_does_not_stop_an_erasure(log_in, ada_order):
    client = log_in("change_personaldata", "view_order", "change_order")
    confirm(client, act(client, "anonymise", ada_order))
    assert Order.objects.get().recipient != "Ada Lovelace"


def test_a_failing_anonymiser_changes_nothing_in_any_model(officer, ada):
    reservation = Reservation.objects.create(guest="Ada", phone="secret")
    page = act(officer, "anonymise", ada, reservation, term="ada@example.org")
    response = confirm(officer, page)
    assert response.status_code == 200
    assert "anonymise_phone raised RuntimeError" in said(response)[0]
    assert "secret" not in said(response)[0]
    assert labels(response) == ["shop.Customer"]
    assert Customer.objects.get().name == "Ada Lovelace"
    assert Reservation.objects.get().phone == "secret"
    for model in (PrivacyAnonymised, LogEntry, EventLog, Operation, Receipt):
        assert not model.objects.exists()


def test_keys_with_dashes(officer):
    for word in ("a-b-c", "a"):
        TextKey.objects.create(word=word, name="Ada", email="ada@example.org")
    row = TextKey.objects.get(word="a-b-c")
    assert exported(act(officer, "export", row))["fields-TextKey.csv"][0]["name"] == "Ada"
    confirm(officer, act(officer, "anonymise", row))
    assert TextKey.objects.get(word="a-b-c").name == "a-b-c"
    assert TextKey.objects.get(word="a").name == "Ada"


# -- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["export", "anonymise"])
def test_no_selection(officer, ada, action):
    page = officer.post(TOOL, {"action": action, "term": "ada@example.org"})
    assert page.status_code == 200
    assert said(page) == ["No rows are selected. Nothing was changed."]
    assert labels(page) == ["shop.Customer"]


def test_no_such_action(officer, ada):
    assert said(act(officer, "delete", ada)) == ["No such action. Nothing was changed."]


@pytest.mark.parametrize("action", ["export", "anonymise"])
@pytest.mark.parametrize(
    "value",
    [
        *("", "-", "x", "1", "999999-1", "x-1", "-1-1", "{category}-1"),
        *("{customer}", "{customer}-", "{customer}-x", "{customer}-1-2", "{text}-a\0b"),
        "{customer}-" + "9" * 30,
    ],
)
def test_values_that_are_none_of_the_page(officer, ada, action, value):
    kinds = {
        name: ContentType.objects.get_for_model(model).pk
        for name, model in {"customer": Customer, "category": Category, "text": TextKey}.items()
    }
    page = officer.post(TOOL, {"action": action, "obj_pk": value.format(**kinds)})
    assert page.status_code == 200
    assert said(page) == [UNREADABLE]


def test_a_selection_that_is_no_json(officer):
    response = officer.post(TOOL, {"action": "anonymise", "selection": "[["})
    assert said(response) == [UNREADABLE]


def test_a_whole_table_that_is_none(officer):
    assert said(act(officer, "export", all="x", term="y")) == [UNREADABLE]


def test_rows_that_are_gone_by_now(officer, ada):
    page = act(officer, "anonymise", ada)
    ada.delete()
    response = confirm(officer, page)
    [message] = said(response)
    assert message.startswith("What is there now is not what was shown. Nothing was changed; please look at it again.")


def test_the_selection_may_be_packed(officer, ada):
    packed = json.dumps([obj_pk(ada)])
    files = exported(officer.post(TOOL, {"action": "export", "selection": packed}))
    assert list(files) == ["shop-Customer.csv"]


@pytest.mark.skipif(django.VERSION < (5, 2), reason="no composite keys before Django 5.2")
def test_composite_keys_can_be_exported(officer):
    model = apps.get_model("fields", "CompositeKey")
    meta = type("PrivacyMeta", (), {"can_anonymise": False, "search_fields": ["email"]})
    for number in (1, 2):
        model.objects.create(tenant=7, number=number, name=f"Ada {number}", email="a@example.org")
    kind = ContentType.objects.get_for_model(model).pk
    with registry.registered(model, meta):
        (table,) = search(officer, "a@example.org").context["tables"]
        assert sorted(row.value for row in table.rows) == [
            f'{kind}-["7", "1"]',
            f'{kind}-["7", "2"]',
        ]
        response = officer.post(TOOL, {"action": "export", "obj_pk": f'{kind}-["7", "2"]'})
        assert [row["name"] for row in exported(response)["fields-CompositeKey.csv"]] == ["Ada 2"]
        for value in ('["7"]', "7", "[[", '["7", "x"]', "null"):
            page = officer.post(TOOL, {"action": "export", "obj_pk": f"{kind}-{value}"})
            assert said(page) == [UNREADABLE]


def test_composite_keys_are_written_as_they_are_read():
    assert stored_key((7, "a")) == '["7", "a"]'


@pytest.mark.parametrize("name", ["gdpr_assist_personaldata_changelist", "shop_customer_anonymise"])
def test_the_views_that_erase_are_outside_of_the_transaction_of_a_request(name):
    """With ATOMIC_REQUESTS an erasure on several databases could not end its own transactions."""
    view = resolve(
        reverse(f"admin:{name}", urlconf="tests.admin.urls", current_app="shop_admin"), "tests.admin.urls"
    ).func
    assert view._non_atomic_requests >= set(connections)
