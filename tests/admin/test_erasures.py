"""The lists of what was erased and exported, the page of one erasure, its receipt, and who may see them."""

import hashlib
import uuid
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gdpr_assist import Subject
from gdpr_assist.admin import operations
from gdpr_assist.admin.done import note
from gdpr_assist.erasure import erase
from gdpr_assist.exceptions import ExportError
from gdpr_assist.log import writing
from gdpr_assist.models import EventLog, Operation, Outcome, Receipt
from gdpr_assist.planning.plans import plan
from gdpr_assist.registry import registry
from gdpr_assist.tables import Export, who
from tests.admin.conftest import TOOL
from tests.admin.pages import confirm, obj_pk
from tests.apps.people.models import Account, Sale
from tests.apps.shop.models import Customer
from tests.observing import in_table

ERASURES = "/shop/gdpr_assist/operation/"
EXPORTS = "/shop/gdpr_assist/export/"

# What in 1.x let somebody search
IN_1X = ("view_personaldata", "change_personaldata")

pytestmark = pytest.mark.django_db(databases=["default", "other", "gdpr_log"])


@pytest.fixture
def chief(db):
    return User.objects.create_user("chief", is_superuser=True)


@pytest.fixture
def erased(ada, chief, django_capture_on_commit_callbacks):
    """The id of an erasure of one customer, that the chief asked for."""
    with django_capture_on_commit_callbacks(execute=True):
        [result] = erase([plan(Customer.objects.filter(pk=ada.pk))], by=chief)
    return result.operation


def page_of(client, operation):
    return client.get(f"{ERASURES}{operation}/change/")


def text(page):
    return " ".join(page.content.decode().split())


# -- the list ----------------------------------------------------------------------------------


def test_the_list_says_when_what_who_and_the_state(officer, erased):
    page = officer.get(ERASURES)
    [operation] = page.context["cl"].result_list
    admin = page.context["cl"].model_admin
    assert operation.pk == erased
    assert admin.what(operation) == "anonymised: 1 customer"
    assert admin.asked_by(operation) == "chief"
    assert admin.state(operation) == "done"
    assert f"{ERASURES}{erased}/change/" in text(page)


def test_the_list_names_nobody_whose_row_was_erased(officer, ada, erased):
    assert "Ada" not in text(officer.get(ERASURES))
    assert "ada@example.org" not in text(page_of(officer, erased))


def test_the_numbers_of_queries_do_not_grow_with_the_list(officer, chief, django_assert_num_queries):
    def once(count):
        for number in range(count):
            customer = Customer.objects.create(name=f"Name {number}", email=f"{uuid.uuid4()}@example.org")
            erase([plan(Customer.objects.filter(pk=customer.pk))], by=None)

    def queries():

        with (
            CaptureQueriesContext(connections["default"]) as here,
            CaptureQueriesContext(connections["gdpr_log"]) as log,
        ):
            assert officer.get(ERASURES).status_code == 200
        return len(here), len(log)

    once(2)
    officer.get(ERASURES)
    few = queries()
    once(10)
    assert queries() == few


@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        ({"outcome": "done"}, 1),
        ({"outcome": "undone"}, 0),
        ({"outcome": "unsettled"}, 0),
        ({"outcome": "no such"}, 1),
        ({"model": "shop.Customer"}, 1),
        ({"model": "shop.Order"}, 0),
        ({"model": "nonsense"}, 1),
        ({"started__gte": "2000-01-01 00:00:00+00:00"}, 1),
        ({"started__lt": "2000-01-01 00:00:00+00:00"}, 0),
    ],
)
def test_filters(officer, erased, parameters, count):
    assert len(officer.get(ERASURES, parameters).context["cl"].result_list) == count


@pytest.mark.parametrize("written", [str, lambda id_: id_.hex, lambda id_: f" {id_.hex[:12].upper()} "])
def test_an_erasure_is_found_by_its_number(officer, erased, written):
    another = Operation.objects.create(database_id=uuid.uuid4(), using="default", started=timezone.now())
    assert another.pk.hex[:12] != erased.hex[:12]
    page = officer.get(ERASURES, {"q": written(erased)})
    assert [each.pk for each in page.context["cl"].result_list] == [erased]
    assert "The number of the erasure" in text(page)


@pytest.mark.parametrize("term", ["ada@example.org", "customer", "0" * 33, "é", "٣"])
def test_by_anything_else_none_is_found(officer, ada, erased, term):
    assert officer.get(ERASURES, {"q": term}).context["cl"].result_list == []


def test_without_a_number_all_are_there(officer, erased):
    assert len(officer.get(ERASURES, {"q": " - "}).context["cl"].result_list) == 1


def test_an_export_is_found_by_its_number(officer, chief):
    mine = Export.objects.create(by=who(chief), format="csv", reference="0a1b2c3d")
    Export.objects.create(by=who(chief), format="csv", reference="ffff0a1b")
    for term in ("0a1b2c3d", "0A1B"):
        assert officer.get(EXPORTS, {"q": term}).context["cl"].result_list == [mine]
    assert officer.get(EXPORTS, {"q": "chief"}).context["cl"].result_list == []


def test_a_page_that_there_is_not_is_no_error_of_the_server(officer, erased):
    for value in ("x", "-1", "99999999999999999999", "\0"):
        assert officer.get(ERASURES, {"p": value}).status_code in (200, 302)
    assert officer.get(ERASURES, {"no_such": "1"}).status_code == 302


@pytest.mark.parametrize(
    ("outcome", "has_receipt", "state"),
    [
        (True, True, "done"),
        (None, True, "done"),
        (False, True, "done"),  # the receipt is the truth
        (True, False, "not in this database: it was restored from a backup, and gdpr_rerun erases it again"),
        (False, False, "undone: nothing was erased"),
        (None, False, "not settled: gdpr_reconcile finds out what became of it"),
    ],
)
def test_the_state_is_what_the_receipt_says_and_then_the_log(officer, erased, outcome, has_receipt, state):
    if outcome is None:
        Outcome.objects.using("gdpr_log").all().delete()
    else:
        Outcome.objects.using("gdpr_log").update(committed=outcome)
    if not has_receipt:
        Receipt.objects.all().delete()
    page = officer.get(ERASURES)
    [operation] = page.context["cl"].result_list
    assert page.context["cl"].model_admin.state(operation) == state
    assert page_of(officer, erased).context["states"] == [state]


def test_trouble_with_the_log_stands_above_the_list(officer, erased):
    assert officer.get(ERASURES).context["troubles"] == []
    Receipt.objects.all().delete()
    page = officer.get(ERASURES)
    assert page.context["troubles"] == [
        "restored: a database lacks committed operations: it was restored and not rerun"
    ]
    assert "gdpr_status says more" in text(page)


def test_operations_of_another_database_are_not_listed(officer, erased):
    Operation.objects.using("gdpr_log").update(database_id=uuid.uuid4())
    assert officer.get(ERASURES).context["cl"].result_list == []
    assert page_of(officer, erased).status_code == 404


def test_without_a_log_there_is_no_list(officer, erased, settings):
    settings.GDPR_LOG_DATABASE_NAME = None
    assert officer.get(ERASURES).status_code == 404
    assert page_of(officer, erased).status_code == 404
    assert ERASURES not in officer.get("/shop/").content.decode()


def test_a_log_that_this_site_may_not_read_is_told_of(officer, erased):
    with in_table(Operation, "nowhere"):
        pages = [officer.get(url) for url in (ERASURES, f"{ERASURES}{erased}/change/", f"{ERASURES}{erased}/receipt/")]
    assert [page.status_code for page in pages] == [503] * 3
    assert all("the right to add to it only" in text(page) for page in pages)


def test_where_the_log_cannot_be_read_an_erasure_leads_back_to_the_tool(officer, ada):
    data = {"action": "anonymise", "obj_pk": obj_pk(ada), "term": "ada@example.org"}
    page = officer.post(TOOL, data, follow=True)
    with mock.patch.object(operations, "is_readable", return_value=False):
        response = confirm(officer, page)
    assert response.url == TOOL


def test_nothing_is_added_changed_or_deleted_there(officer, erased):
    for url in (f"{ERASURES}add/", f"{ERASURES}{erased}/delete/", f"{EXPORTS}add/"):
        assert officer.get(url).status_code == 404
        assert officer.post(url, {"post": "yes"}).status_code == 404
    assert officer.post(ERASURES, {"action": "delete_selected", "_selected_action": str(erased)}).status_code == 200
    assert Operation.objects.using("gdpr_log").count() == 1


# -- one erasure -------------------------------------------------------------------------------


def test_the_page_of_an_erasure(officer, erased):
    page = page_of(officer, erased)
    assert page.status_code == 200
    assert page.context["counts"] == ["1 customer anonymised"]
    assert page.context["by"] == "chief"
    assert "tell whoever runs the site: gdpr_rerun erases it again" in text(page)
    assert "Article 19" in text(page)
    assert f'href="{ERASURES}{erased}/receipt/"' in text(page)
    assert "may forget" not in text(page)


def test_how_long_backups_may_be_kept_is_said_where_the_log_is_not_kept_for_ever(officer, erased, settings):
    settings.GDPR_LOG_RETENTION = timezone.timedelta(days=90)
    until = (Operation.objects.using("gdpr_log").get().started + settings.GDPR_LOG_RETENTION).date()
    page = page_of(officer, erased)
    assert page.context["kept_until"] == until
    assert "may forget this erasure" in text(page)


def test_what_stays_and_what_was_looked_at_is_on_the_page(officer, chief):
    account = Account.objects.create(email="may@example.org")
    Sale.objects.create(buyer=account, recipient="May", email="may@example.org")
    result = Subject(account).erase(by=chief, residue=True)
    note(result, is_looked_for=True)
    [operation] = result.operations.values()
    page = page_of(officer, operation)
    assert "All tables were looked through, and nothing of it was found." in page.context["remarks"]
    assert set(page.context["counts"]) == {"1 account anonymised", "1 sale anonymised"}


def test_reasons_are_said_in_the_active_language(officer, erased, monkeypatch):
    """Those that an older version has noted are texts, and stay as they are."""
    held = {"pattern": "kept (%(ground)s)", "values": {"ground": "tax"}}
    rows = [{"label": "shop.Customer", "count": 2, "reason": reason} for reason in (held, "kept (law)")]
    Receipt.objects.update(remarks={"kept": rows, "left": [], "uncertain": []})
    monkeypatch.setattr("gdpr_assist.phrases._", lambda text: text.replace("kept", "behalten"))
    page = page_of(officer, erased)
    assert page.context["remarks"] == ["Kept: 2 customers (tax); 2 customers (kept (law))."]


def test_remarks_about_a_model_that_is_gone_are_left_out(officer, erased):
    remarks = {"kept": [{"label": "gone.Thing", "count": 2, "reason": "kept (tax)"}], "left": [], "uncertain": []}
    Receipt.objects.update(remarks=remarks)
    EventLog.objects.using("gdpr_log").update(app_label="gone", model_name="Thing")
    page = page_of(officer, erased)
    assert page.context["remarks"] == []
    assert page.context["counts"] == ["1 gone.Thing anonymised"]


@pytest.mark.parametrize(
    "key", ["abc", "1", "5f0c5a0e-8a6a-4a6e-9a53-0d1c1b7d9d31", "00000000-0000-0000-0000-00000000000g"]
)
def test_an_erasure_that_there_is_not(officer, erased, key):
    assert page_of(officer, key).status_code == 404
    assert officer.get(f"{ERASURES}{key}/receipt/").status_code in (302, 404)


# -- the receipt -------------------------------------------------------------------------------


def test_the_receipt_prints_a_reference_that_is_stored_nowhere(officer, erased):
    url = f"{ERASURES}{erased}/receipt/"
    assert "Our reference:" not in text(officer.get(url))
    page = officer.post(url, {"reference": "File <b>1815</b> of Ms L."})
    assert "File &lt;b&gt;1815&lt;/b&gt; of Ms L." in text(page)
    assert "1 customer anonymised" in text(page)
    assert "cannot be brought back" in text(page)
    assert str(erased) in text(page).partition("Number of the erasure:")[2]
    assert "<dd>chief</dd>" not in text(page)
    assert "1815" not in text(officer.get(url))
    assert "1815" not in str(Receipt.objects.values())


def test_a_reference_that_is_too_long_is_refused(officer, erased):
    page = officer.post(f"{ERASURES}{erased}/receipt/", {"reference": "x" * 201})
    assert page.status_code == 200
    assert page.context["reference"] == ""
    assert "at most 200 characters" in text(page)


def test_what_was_undone_has_no_receipt_that_says_it_was_erased(officer, erased):
    Outcome.objects.using("gdpr_log").update(committed=False)
    Receipt.objects.all().delete()
    page = officer.get(f"{ERASURES}{erased}/receipt/")
    assert "was erased at your request" not in text(page)
    assert "Undone: nothing was erased" in text(page)


# -- who asked ---------------------------------------------------------------------------------


def test_who_asked_stands_beside_the_rows_and_never_in_the_log(erased, chief):
    assert Receipt.objects.get().by == f"auth.User {chief.pk}"
    columns = {field.name for model in (Operation, EventLog, Outcome) for field in model._meta.get_fields()}
    assert "by" not in columns


@pytest.mark.parametrize("user", [None, "chief", User(username="unsaved")])
def test_what_is_no_saved_user_is_not_noted(user):
    assert who(user) == ""


def test_a_key_that_may_say_who_it_is_is_not_noted(db):
    account = Account(pk=1)
    assert who(account) == "people.Account 1"
    account.pk = "may@example.org"
    assert who(account) == ""


def test_after_a_restore_it_is_said_that_nobody_knows_who_asked(officer, erased):
    Receipt.objects.update(by="?")  # as gdpr_rerun writes it
    assert page_of(officer, erased).context["by"].startswith("not known: that was lost")


def test_users_are_named_to_those_only_who_may_see_users(log_in, erased, chief):
    client = log_in("view_erasures")
    assert page_of(client, erased).context["by"] == f"user {chief.pk}"
    client.logout()


# -- one id for several databases --------------------------------------------------------------


@pytest.mark.django_db(databases=["default", "other", "gdpr_log"], transaction=True)
def test_one_erasure_of_two_databases_is_one_page(officer):
    here = Customer.objects.create(name="Ada", email="ada@example.org")
    there = Customer.objects.using("other").create(name="Ada", email="ada@example.org")
    drawn = uuid.uuid4()
    results = erase(
        [plan(Customer.objects.filter(pk=here.pk)), plan(Customer.objects.using("other").filter(pk=there.pk))],
        operation=drawn,
        last="default",
    )
    assert {result.using: result.operation for result in results}["default"] == drawn
    page = page_of(officer, drawn)
    assert {each.operation.using for each in page.context["pasts"]} == {"default", "other"}
    assert page.context["counts"] == ["1 customer anonymised"] * 2


def test_ids_made_from_one_are_the_same_each_time_and_no_rows_of_1x():
    drawn = uuid.uuid4()
    ids = writing.ids_on(["other", "default"], drawn)
    assert ids == writing.ids_on(["other", "default"], drawn)
    assert ids["default"] == drawn
    assert ids["other"].version == 4
    assert ids["other"] != drawn
    assert ids["other"] in writing.parts_of(drawn, ["other"])["other"]


# -- permissions -------------------------------------------------------------------------------


@pytest.mark.parametrize("with_own", [True, False])
@pytest.mark.parametrize(
    "permission", ["view_erasures", "view_personaldata", "change_personaldata", "search_personaldata", None]
)
def test_who_may_see_them(log_in, erased, settings, with_own, permission):
    settings.GDPR_TOOL_PERMISSIONS = with_own
    client = log_in(*([permission] if permission else []))
    may = permission == "view_erasures" or (
        not with_own and permission in ("view_personaldata", "change_personaldata")
    )
    for url in (ERASURES, f"{ERASURES}{erased}/change/", f"{ERASURES}{erased}/receipt/", EXPORTS):
        response = client.get(url)
        assert response.status_code == (200 if may else 403), url
        if not may:
            assert "gdpr_assist.view_erasures" in text(response)
            assert "Can view what was erased and exported" in text(response)


# -- exports -----------------------------------------------------------------------------------


def test_the_list_of_exports(officer, chief):
    Export.objects.create(by=who(chief), format="csv", counts={"shop.Customer": 2, "gone.Thing": 1}, state="whole")
    page = officer.get(EXPORTS)
    [export] = page.context["cl"].result_list
    admin = page.context["cl"].model_admin
    assert admin.what(export) == "1 gone.Thing, 2 customers"
    assert admin.who(export) == "chief"
    page = officer.get(f"{EXPORTS}{export.pk}/change/")
    assert page.context["original"].asked_by == "chief"
    assert who(chief) not in text(page)


def test_the_page_of_an_export_is_headed_by_its_number_and_has_the_words_of_the_form(officer):
    export = Export.objects.create(format="json", reference="e6c4a7d6")
    page = officer.get(f"{EXPORTS}{export.pk}/change/")
    assert "<h1>Export e6c4a7d6</h1>" in text(page)
    assert "Data for programs (JSON)" in text(page)
    assert str(export.pk) not in text(page)


def tick(client, *rows, **more):
    data = {"action": "export", "obj_pk": [obj_pk(each) for each in rows], **more}
    return client.post(TOOL, data)


@pytest.mark.parametrize("format", ["csv", "json", "complete"])
def test_an_export_is_noted_with_a_hash_of_the_zip(officer, ada, ada_order, format):
    response = tick(officer, ada, ada_order, format=format)
    zipped = response.getvalue()
    [export] = Export.objects.all()
    assert (export.state, export.format) == ("whole", format)
    assert export.digest == hashlib.sha256(zipped).hexdigest()
    assert export.counts == {"shop.Customer": 1, "shop.Order": 1}
    assert export.by == who(User.objects.get(username="staff"))
    assert f"-{export.reference}.zip" in response["Content-Disposition"]
    assert "Ada" not in str(Export.objects.values())


def test_the_export_of_a_person_is_noted(officer):
    may = Account.objects.create(email="may@example.org")
    Sale.objects.create(buyer=may, recipient="May", email="may@example.org")
    response = officer.post(TOOL, {"person": f"default/{obj_pk(may)}", "action": "export"})
    assert response.getvalue()
    [export] = Export.objects.all()
    assert (export.state, export.counts) == ("whole", {"people.Account": 1, "people.Sale": 1})


def test_one_that_breaks_off_is_noted_as_broken(officer, ada, monkeypatch):
    monkeypatch.setattr(type(registry.declaration(Customer).meta), "export", lambda self, row: row.no_such)
    response = tick(officer, ada)
    with pytest.raises(ExportError):
        response.getvalue()
    [export] = Export.objects.all()
    assert (export.state, export.digest) == ("broken", "")


def test_one_that_nobody_reads_to_its_end_is_noted_as_broken(officer, ada, ada_order):
    response = tick(officer, ada, ada_order)
    next(iter(response.streaming_content))
    for close in response._resource_closers:  # as close() does, which also ends the connections of a request
        close()
    assert [each.state for each in Export.objects.all()] == ["broken"]


def test_what_cannot_be_noted_is_not_handed_out(officer, ada, monkeypatch):
    monkeypatch.setattr(Export.objects, "create", mock.Mock(side_effect=OperationalError("no such table")))
    response = tick(officer, ada)
    pieces = []
    with pytest.raises(OperationalError):
        pieces.extend(response.streaming_content)
    assert pieces == []


def test_the_end_of_an_export_of_which_the_note_is_gone_breaks_no_transaction(officer, ada):
    """As where what is left of a download is collected in the middle of somebody else's transaction."""
    response = officer.post(TOOL, {"action": "export", "obj_pk": obj_pk(ada)})
    next(iter(response.streaming_content))
    Export.objects.all().delete()
    for close in response._resource_closers:
        close()
    assert Customer.objects.get().name == "Ada Lovelace"
