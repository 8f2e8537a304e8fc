import json

import pytest
from django.contrib import messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.db import IntegrityError, InterfaceError, OperationalError, ProgrammingError, connections, transaction
from django.db.models import ProtectedError, RestrictedError
from django.db.models.signals import pre_delete
from django.test import Client

from gdpr_assist import AnonymiseError
from gdpr_assist.models import EventLog, Operation, Outcome, PrivacyAnonymised, Receipt
from tests.admin.conftest import CUSTOMERS
from tests.admin.pages import Forms, confirm, said
from tests.apps.fields.models import TextKey
from tests.apps.shop.models import AuditEntry, Category, Customer, Invoice, Order, Reservation
from tests.databases import FAULTS, log_is, refused
from tests.observing import address, listening, unchanged

URL = f"{CUSTOMERS}anonymise/"


def choose(client, *instances, url=CUSTOMERS, **more):
    keys = [instance.pk for instance in instances]
    return client.post(url, {"action": "anonymise", "_selected_action": keys, **more})


def values(customer):
    return Customer.all_objects.values("name", "email", "phone", "notes").get(pk=customer.pk)


# -- where the action is offered ---------------------------------------------------------------


def actions(client, url):
    form = client.get(url).context["action_form"]
    return [] if form is None else [name for name, _label in form.fields["action"].choices]


def test_the_action_stands_beside_the_subclass_own(officer, ada):
    assert {"greet", "anonymise", "delete_selected"} <= set(actions(officer, CUSTOMERS))
    assert "Anonymise data" in officer.get(CUSTOMERS).content.decode()


def test_the_action_works_with_another_admin_class(officer):
    assert "anonymise" in actions(officer, "/shop/auth/user/")


def test_the_action_is_offered_to_who_may_change(log_in, ada):
    assert "anonymise" in actions(log_in("change_customer"), CUSTOMERS)


def test_the_action_is_not_offered_to_who_may_only_view(log_in, ada):
    assert "anonymise" not in actions(log_in("view_customer"), CUSTOMERS)


@pytest.mark.parametrize(("model", "name"), [(AuditEntry, "auditentry"), (Category, "category")])
def test_the_action_is_not_offered_where_rows_cannot_be_anonymised(officer, model, name):
    row = model.objects.create()
    assert "anonymise" not in actions(officer, f"/shop/shop/{name}/")
    response = officer.post(f"/shop/shop/{name}/anonymise/", {"_selected_action": row.pk})
    assert response.status_code == 403


def test_actions_none_stays_none(officer, ada, monkeypatch):
    monkeypatch.setattr("tests.admin.urls.CustomerAdmin.actions", None)
    from tests.admin.urls import CustomerAdmin, site  # noqa: PLC0415 - after the patch

    assert CustomerAdmin(Customer, site).actions is None


# -- asking ------------------------------------------------------------------------------------


def test_the_action_asks_and_changes_nothing(officer, ada):
    before = values(ada)
    page = choose(officer, ada)
    assert page.status_code == 200
    assert values(ada) == before
    assert not PrivacyAnonymised.objects.exists()
    content = page.content.decode()
    assert "shop.Customer: 1 row, one UPDATE for each batch of rows" in content
    assert "fields: name, email, phone, born, notes" in content
    assert "<li><bdi>Ada Lovelace</bdi></li>" in content  # five different people are not "5 customers"
    assert "no-store" in page.headers["Cache-Control"]


def test_the_page_offers_force_for_rows_that_are_marked(officer, ada):
    assert 'name="force"' not in choose(officer, ada).content.decode()
    ada.anonymise()
    page = choose(officer, ada)
    assert 'name="force"' in page.content.decode()
    assert (page.context["marked"], page.context["refilled"]) == (1, 0)
    Customer.objects.filter(pk=ada.pk).update(phone="0456")
    page = choose(officer, ada)
    assert page.context["refilled"] == 1
    assert "1 of them holds personal data again" in page.content.decode()


def test_the_page_says_how_many_rows_will_be_anonymised_and_how_many_are_left(officer, ada):
    others = [Customer.objects.create(name=name, email=f"{name}@example.org") for name in ("Grace", "Alan")]
    ada.anonymise()
    content = choose(officer, ada, *others).content.decode()
    assert "Are you sure you want to anonymise 2 rows?" in content
    assert "1 selected row was anonymised before. It will be left as it is, unless you tick" in content
    for other in others:
        other.anonymise()
    content = choose(officer, ada, *others).content.decode()
    assert "Are you sure" not in content
    assert "None of the selected rows is still to be anonymised." in content
    assert "3 selected rows were anonymised before. They will be left as they are, unless you tick" in content


def test_if_all_rows_were_anonymised_before_the_message_is_a_warning(officer, ada):
    ada.anonymise()
    page = confirm(officer, choose(officer, ada), force="yes")
    response = confirm(officer, page)  # the box is not ticked any more
    [message] = get_messages(response.wsgi_request)
    assert message.level == messages.WARNING
    assert str(message) == (
        "Nothing was anonymised. 1 row was left as it is, because it was anonymised before: 1 customer."
    )


def test_the_page_is_looked_up_from_most_to_least_specific(officer, ada):
    names = [
        "admin/shop/customer/anonymise_confirmation.html",
        "admin/shop/anonymise_confirmation.html",
        "admin/gdpr_assist/anonymise_confirmation.html",
    ]
    assert choose(officer, ada).template_name == names


def test_the_action_without_rows_says_so(officer, ada):
    Customer.objects.filter(pk=ada.pk).update(is_deleted=True)
    response = choose(officer, ada)
    assert (response.status_code, response.url) == (302, CUSTOMERS)
    assert said(response) == ["No rows are selected. Nothing was changed."]


def test_too_many_rows_for_a_form_are_refused(officer, ada, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    response = choose(officer, ada)
    assert said(response) == ["Too many rows are selected for one form. Nothing was changed; please select fewer."]


# -- confirming --------------------------------------------------------------------------------


def test_confirming_anonymises(officer, ada):
    response = confirm(officer, choose(officer, ada))
    assert (response.status_code, response.url) == (302, CUSTOMERS)
    assert values(ada) == {
        "name": str(ada.pk),
        "email": address(ada),
        "phone": "",
        "notes": "",
    }
    event = EventLog.objects.get()
    assert (event.event, event.target_pk) == ("anonymise", str(ada.pk))
    assert said(response) == [f"1 row was anonymised: 1 customer. Operation {event.operation_id}."]


@pytest.mark.django_db(transaction=True)
def test_confirming_logs_one_committed_operation(officer, ada):
    confirm(officer, choose(officer, ada))
    operation = Operation.objects.get()
    assert Receipt.objects.get().pk == operation.pk
    assert Outcome.objects.get().committed


def test_confirming_skips_marked_rows_unless_forced(officer, ada):
    other = Customer.objects.create(name="Grace", email="grace@example.org")
    ada.anonymise()
    Customer.objects.filter(pk=ada.pk).update(phone="0456")
    response = confirm(officer, choose(officer, ada, other))
    assert values(ada)["phone"] == "0456"
    assert said(response)[0].startswith(
        "1 row was anonymised: 1 customer. "
        "1 row was left as it is, because it was anonymised before: 1 customer. Operation"
    )
    page = confirm(officer, choose(officer, ada, other), force="yes")
    response = confirm(officer, page, force="yes")
    assert values(ada)["phone"] == ""
    assert said(response)[-1].startswith("2 rows were anonymised: 2 customers. Operation")


def test_the_history_names_model_and_key_and_no_person(officer, ada):
    confirm(officer, choose(officer, ada))
    entry = LogEntry.objects.get()
    assert entry.object_repr == f"shop.Customer {ada.pk}"
    assert entry.object_id == str(ada.pk)
    assert entry.get_edited_object() == ada
    assert entry.change_message == f"Anonymised (operation {EventLog.objects.get().operation_id})."
    history = officer.get(f"{CUSTOMERS}{ada.pk}/history/").content.decode()
    assert "Anonymised (operation" in history


def test_the_history_leaves_out_rows_that_were_skipped(officer, ada):
    ada.anonymise()
    confirm(officer, choose(officer, ada))
    assert not LogEntry.objects.exists()


def test_without_logging_there_is_no_operation_to_name(officer, ada, settings):
    settings.GDPR_LOG_ON_ANONYMISE = False
    assert said(confirm(officer, choose(officer, ada))) == ["1 row was anonymised: 1 customer."]
    assert LogEntry.objects.get().change_message == "Anonymised."


def test_select_across_takes_all_rows_of_the_filtered_list(officer):
    for number in range(150):
        country = "GB" if number % 2 else "FR"
        Customer.objects.create(name=f"Customer {number}", email=f"{number}@example.org", country=country)
    first = Customer.objects.filter(country="GB").first()
    page = choose(officer, first, url=f"{CUSTOMERS}?country=GB", select_across=1)
    assert page.context["rows"] == 75
    response = confirm(officer, page)
    assert response.url == CUSTOMERS
    assert Customer.objects.filter(name__startswith="Customer", country="GB").count() == 0
    assert Customer.objects.filter(name__startswith="Customer", country="FR").count() == 75
    assert LogEntry.objects.count() == 75


def test_more_rows_than_a_form_has_fields(officer):
    Customer.objects.bulk_create(
        Customer(name=f"Customer {number}", email=f"{number}@example.org") for number in range(1500)
    )
    page = choose(officer, Customer.objects.first(), select_across=1)
    for wrong in ({}, {"number": "1499"}, {"number": "all"}):
        with unchanged(Customer):
            assert "Type the number of rows, 1500" in said(confirm(officer, page, **wrong))[-1]
    response = confirm(officer, page, number="1,500")
    assert response.status_code == 302
    assert not Customer.objects.filter(name__startswith="Customer").exists()


def test_no_url_holds_what_the_list_was_searched_for(officer, ada):
    page = choose(officer, ada, url=f"{CUSTOMERS}?q=Lovelace")
    assert Forms(page).actions["anonymise-form"] == URL
    response = confirm(officer, page)
    assert response.url == CUSTOMERS


def test_text_keys(officer):
    for word in ("a-b-c", "d"):
        TextKey.objects.create(word=word, name="Ada", email="ada@example.org")
    url = "/shop/fields/textkey/"
    confirm(officer, choose(officer, TextKey.objects.get(word="a-b-c"), url=url))
    assert TextKey.objects.get(word="a-b-c").name == "a-b-c"
    assert TextKey.objects.get(word="d").name == "Ada"
    assert LogEntry.objects.get().object_repr == "fields.TextKey a-b-c"


def test_a_proxy_has_the_action_too(officer, ada):
    confirm(officer, choose(officer, ada, url="/shop/shop/foreigncustomer/"))
    assert values(ada)["phone"] == ""
    assert LogEntry.objects.get().object_repr == f"shop.ForeignCustomer {ada.pk}"


# -- refusing ----------------------------------------------------------------------------------


def packed(*keys):
    return {"selection": json.dumps([str(key) for key in keys]), "confirmed": "yes"}


def test_posting_keys_without_confirming_asks(officer, ada):
    page = officer.post(URL, {"_selected_action": ada.pk})
    assert page.status_code == 200
    assert values(ada)["phone"] == "0123"


def test_get_goes_back_to_the_list(officer):
    response = officer.get(f"{URL}?_selected_action=1")
    assert (response.status_code, response.url) == (302, CUSTOMERS)


def test_anonymous_visitors_are_sent_to_the_login(client, ada):
    response = client.post(URL, packed(ada.pk))
    assert response.url.startswith("/shop/login/")
    assert values(ada)["phone"] == "0123"


def test_users_who_are_not_staff_are_sent_to_the_login(log_in, ada):
    response = log_in("change_customer", is_staff=False).post(URL, packed(ada.pk))
    assert response.url.startswith("/shop/login/")
    assert values(ada)["phone"] == "0123"


@pytest.mark.parametrize("method", ["get", "post"])
def test_who_may_only_view_is_refused(log_in, ada, method):
    response = getattr(log_in("view_customer"), method)(URL, packed(ada.pk))
    assert response.status_code == 403
    assert values(ada)["phone"] == "0123"


def test_a_form_without_token_is_refused(officer, ada):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = officer.cookies
    assert strict.post(URL, packed(ada.pk)).status_code == 403
    assert values(ada)["phone"] == "0123"


def test_rows_that_the_admin_does_not_show_are_left(officer, ada):
    Customer.objects.filter(pk=ada.pk).update(is_deleted=True)
    page = officer.post(URL, {"_selected_action": ada.pk})
    assert page.context["rows"] == 0
    page = confirm(officer, page)
    assert "gdpr-erase" not in page.content.decode()
    assert values(ada)["phone"] == "0123"


def test_an_object_that_the_user_may_not_anonymise_stops_it(officer, ada):
    other = Customer.objects.create(name="X", email="x@example.org", phone="1", country="XX")
    assert officer.post(URL, packed(ada.pk, other.pk)).status_code == 403
    assert choose(officer, ada, other).status_code == 403
    assert values(ada)["phone"] == "0123"


@pytest.mark.parametrize(
    "data",
    [
        {"selection": "no JSON"},
        {"selection": "[" * 100_000},
        {"selection": '{"a": 1}'},
        {"selection": "[1]"},
        {"selection": '["x"]'},
        {"_selected_action": "x"},
        {"_selected_action": ""},
        {"_selected_action": "9" * 30},
    ],
    ids=lambda data: str(data)[:40],
)
def test_what_is_no_selection_is_refused(officer, ada, data):
    response = officer.post(URL, {**data, "confirmed": "yes"})
    assert (response.status_code, response.url) == (302, CUSTOMERS)
    assert said(response) == ["The selection could not be read. Nothing was changed; please select again."]


def test_a_text_key_with_nul_is_refused(officer):
    url = "/shop/fields/textkey/anonymise/"
    response = officer.post(url, {"_selected_action": "a\0b", "confirmed": "yes"})
    assert said(response)[0].startswith("The selection could not be read.")


def test_confirming_nothing_does_nothing(officer):
    assert said(officer.post(URL, packed()))[-1] == "No rows are selected. Nothing was changed."


def test_a_failing_anonymiser_changes_nothing(officer):
    row = Reservation.objects.create(guest="Ada", phone="secret")
    url = "/shop/shop/reservation/"
    response = confirm(officer, choose(officer, row, url=url))
    (message,) = said(response)
    assert "anonymise_phone raised RuntimeError" in message
    assert "secret" not in message
    row.refresh_from_db()
    assert (row.guest, row.phone) == ("Ada", "secret")
    for model in (PrivacyAnonymised, LogEntry, EventLog, Operation, Receipt):
        assert not model.objects.exists()


def test_a_history_that_cannot_be_written_changes_nothing(officer, ada, monkeypatch):
    page = choose(officer, ada)

    def fail(*args, **kwargs):
        raise OSError("no room")

    monkeypatch.setattr("gdpr_assist.admin.history.LogEntry.objects.bulk_create", fail)
    with pytest.raises(OSError, match="no room"):
        confirm(officer, page)
    assert values(ada)["phone"] == "0123"
    for model in (PrivacyAnonymised, LogEntry, Receipt):
        assert not model.objects.exists()


# -- Django's own page for deleting ------------------------------------------------------------


def test_the_preview_of_a_deletion_changes_nothing(officer, ada, ada_order):
    before = Order.objects.values().get()
    single = officer.get(f"{CUSTOMERS}{ada.pk}/delete/")
    several = officer.post(CUSTOMERS, {"action": "delete_selected", "_selected_action": ada.pk})
    assert (single.status_code, several.status_code) == (200, 200)
    assert Order.objects.values().get() == before
    assert values(ada)["name"] == "Ada Lovelace"
    for model in (PrivacyAnonymised, EventLog, Operation, Receipt):
        assert not model.objects.exists()


@pytest.fixture
def two(ada):
    return [ada, Customer.objects.create(name="Grace Hopper", email="grace@example.org")]


def delete(client, *rows):
    return client.post(f"{CUSTOMERS}{rows[0].pk}/delete/", {"post": "yes"})


def delete_selected(client, *rows):
    keys = [each.pk for each in rows]
    return client.post(CUSTOMERS, {"action": "delete_selected", "_selected_action": keys, "post": "yes"})


@pytest.mark.parametrize("act", [delete, delete_selected])
def test_a_deletion_is_in_the_history(officer, two, act):
    LogEntry.objects.all().delete()
    response = act(officer, *two)
    [message] = get_messages(response.wsgi_request)
    assert message.level == messages.SUCCESS
    gone = 2 - Customer.objects.count()
    assert gone == (1 if act is delete else 2)
    assert LogEntry.objects.count() == EventLog.objects.filter(event="delete").count() == gone


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("act", [delete, delete_selected])
def test_a_deletion_that_the_log_refuses_is_a_message_and_not_in_the_history(officer, two, act, fault):
    entries = LogEntry.objects.count()
    with log_is(fault):
        response = act(officer, *two)
    assert (response.status_code, response.url) == (302, CUSTOMERS)
    [message] = get_messages(response.wsgi_request)
    assert message.level == messages.ERROR
    assert "The event log could not be written" in str(message)
    assert "Make the log database reachable and writable" in str(message)
    assert LogEntry.objects.count() == entries
    assert Customer.objects.count() == 2
    assert not Receipt.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", [delete, delete_selected])
@pytest.mark.parametrize("atomic", [False, True])
def test_nor_is_it_when_the_request_is_committed(officer, two, act, atomic, monkeypatch):
    for using in ("default", "other"):
        monkeypatch.setitem(connections[using].settings_dict, "ATOMIC_REQUESTS", atomic)
    with log_is(refused):
        response = act(officer, *two)
    assert said(response)[0].startswith(
        "This could not be done, and nothing was changed: the site could not write its log"
    )
    assert not LogEntry.objects.exists()
    assert Customer.objects.count() == 2


class HistoryElsewhere:
    def db_for_read(self, model, **hints):
        return "other" if model is LogEntry else None

    db_for_write = db_for_read


@pytest.mark.parametrize("act", [delete, delete_selected])
def test_nor_is_it_in_a_history_of_another_database(officer, two, act, settings):
    User.objects.get().save(using="other", force_insert=True)
    settings.DATABASE_ROUTERS = [f"{__name__}.HistoryElsewhere", *settings.DATABASE_ROUTERS]
    with log_is(refused):
        response = act(officer, *two)
    assert said(response)[0].startswith(
        "This could not be done, and nothing was changed: the site could not write its log"
    )
    assert not LogEntry.objects.exists()
    act(officer, *two)
    assert LogEntry.objects.using("other").count() == 2 - Customer.objects.count() > 0


@pytest.mark.parametrize("act", [delete, delete_selected])
@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_an_error_of_the_database_in_a_deletion_is_told_without_its_words(officer, two, act, kind, monkeypatch):
    def fail(*args):
        raise kind("deadlock: Ada Lovelace")

    monkeypatch.setattr("tests.admin.urls.CustomerAdmin.delete_model", fail)
    monkeypatch.setattr("tests.admin.urls.CustomerAdmin.delete_queryset", fail)
    response = act(officer, *two)
    assert response.status_code == 302
    [text] = said(response)
    assert f"The database could not do this ({kind.__name__})." in text
    assert "Ada" not in text
    assert not LogEntry.objects.exists()
    assert Customer.objects.count() == 2


@pytest.mark.parametrize("act", [delete, delete_selected])
def test_an_error_of_the_projects_in_a_deletion_stays_an_error(officer, two, act, monkeypatch):
    def fail(*args):
        raise ZeroDivisionError

    monkeypatch.setattr("tests.admin.urls.CustomerAdmin.delete_model", fail)
    monkeypatch.setattr("tests.admin.urls.CustomerAdmin.delete_queryset", fail)
    with pytest.raises(ZeroDivisionError):
        act(officer, *two)
    assert not LogEntry.objects.exists()


def remove(client, *rows, action="remove"):
    keys = [each.pk for each in rows]
    return client.post(CUSTOMERS, {"action": action, "_selected_action": keys, "post": "yes"})


def told(client, response):
    """Return the only message on the list to which the response leads."""
    assert (response.status_code, response.url) == (302, CUSTOMERS)
    [text] = said(client.get(CUSTOMERS))
    return text


def discard(client, *rows):
    return remove(client, *rows, action="discard")


@pytest.mark.parametrize("act", [remove, discard])
def test_an_action_of_the_projects_that_deletes_is_refused_alike(officer, two, act):
    with log_is(refused):
        text = told(officer, act(officer, *two))
    assert text.startswith("This could not be done, and nothing was changed: the site could not write its log")
    assert Customer.objects.count() == 2
    for model in (LogEntry, Receipt):
        assert not model.objects.exists()
    act(officer, *two)
    assert not Customer.objects.exists()
    assert LogEntry.objects.count() == (2 if act is discard else 0)


def test_an_action_that_is_refused_half_way_leaves_nothing(officer, two, monkeypatch):
    def delete_queryset(self, request, queryset):
        for number, row in enumerate(queryset):
            if number == 1:
                raise AnonymiseError("No.")
            row.delete()

    monkeypatch.setattr("tests.admin.urls.CustomerAdmin.delete_queryset", delete_queryset)
    assert told(officer, remove(officer, *two)) == (
        "This could not be done, and nothing was changed. Show this message to whoever runs the site: "
        '<span lang="en">No.</span>'
    )
    assert Customer.objects.count() == 2


def test_an_action_that_is_held_up_by_other_rows_says_which(officer, two):
    Invoice.objects.create(customer=two[0], total=1)
    assert told(officer, remove(officer, *two)) == (
        "Nothing was changed. What was to be deleted is needed by rows that protect it: 1 invoice."
    )
    assert Customer.objects.count() == 2


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_an_action_that_the_database_breaks_off_is_a_message(officer, two, kind, monkeypatch):
    monkeypatch.setattr("tests.admin.urls.CustomerAdmin.delete_queryset", raises(kind("deadlock: Ada Lovelace")))
    text = told(officer, remove(officer, *two))
    assert f"The database could not do this ({kind.__name__})." in text
    assert "Ada" not in text


@pytest.mark.parametrize("kind", [ZeroDivisionError, IntegrityError, ProgrammingError])
def test_a_mistake_in_an_action_of_the_projects_stays_an_error(officer, two, kind, monkeypatch):
    monkeypatch.setattr("tests.admin.urls.CustomerAdmin.delete_queryset", raises(kind))
    with pytest.raises(kind):
        remove(officer, *two)


@pytest.mark.django_db(transaction=True)
def test_an_action_may_end_its_own_transactions(officer, two, monkeypatch):
    def delete_queryset(self, request, queryset):
        with transaction.atomic(durable=True):
            queryset.delete()

    monkeypatch.setattr("tests.admin.urls.CustomerAdmin.delete_queryset", delete_queryset)
    monkeypatch.setattr("tests.admin.urls.CustomerAdmin.atomic_actions", False)
    with log_is(refused):
        assert said(remove(officer, *two))[1].startswith("This broke off, and a part of it may be done.")
    remove(officer, two[0])
    assert Customer.objects.get() == two[1]


def raises(error):
    def fail(*args, **kwargs):
        raise error

    return fail


def delete_order(client, order):
    """Tick the box of the order on the page of its customer, and give that another name."""
    url = f"/shop/shop/foreigncustomer/{order.customer_id}/change/"
    form = client.get(url).context["adminform"].form
    data = {name: value for name, value in form.initial.items() if value is not None}
    management = {"orders-TOTAL_FORMS": 1, "orders-INITIAL_FORMS": 1, "orders-0-DELETE": "on"}
    ids = {"orders-0-id": order.pk, "orders-0-customer": order.customer_id}
    return client.post(url, {**data, "name": "New", **management, **ids})


@pytest.mark.parametrize("kind", [AnonymiseError, ProtectedError, RestrictedError, IntegrityError, OperationalError])
def test_a_row_that_cannot_be_deleted_on_the_page_of_another_one(officer, ada, ada_order, kind):
    arguments = ("No.", {ada_order}) if kind in (ProtectedError, RestrictedError) else ("No.",)
    with listening(pre_delete, raises(kind(*arguments)), Order):
        response = delete_order(officer, ada_order)
    assert response.status_code == 302
    [text] = said(response)
    if kind in (ProtectedError, RestrictedError):
        assert text.endswith("is needed by rows that protect it: 1 order.")
    else:
        assert ("No." in text) == (kind is AnonymiseError)
    assert values(ada)["name"] == "Ada Lovelace"
    assert Order.objects.filter(pk=ada_order.pk).exists()
    assert not LogEntry.objects.exists()


def test_a_mistake_of_the_projects_on_the_page_of_a_row_stays_an_error(officer, ada, monkeypatch):
    monkeypatch.setattr("tests.admin.urls.CustomerAdmin.save_model", raises(IntegrityError))
    data = {"name": "New", "email": "ada@example.org", "country": "GB"}
    with pytest.raises(IntegrityError):
        officer.post(f"{CUSTOMERS}{ada.pk}/change/", data)


def test_a_list_that_cannot_be_read_is_an_error_and_no_endless_redirection(officer, ada, monkeypatch):
    monkeypatch.setattr("tests.admin.urls.CustomerAdmin.get_queryset", raises(OperationalError))
    with pytest.raises(OperationalError):
        officer.get(CUSTOMERS)


def test_a_row_that_is_deleted_on_the_page_of_another_one(officer, ada, ada_order):
    with log_is(refused):
        response = delete_order(officer, ada_order)
    assert said(response)[0].startswith(
        "This could not be done, and nothing was changed: the site could not write its log"
    )
    assert response.status_code == 302
    assert values(ada)["name"] == "Ada Lovelace"
    assert Order.objects.filter(pk=ada_order.pk).exists()
    assert not LogEntry.objects.exists()


# -- an error of the database ------------------------------------------------------------------


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
@pytest.mark.parametrize("step", ["plan", "erase"])
def test_an_error_of_the_database_is_told_without_its_words(officer, ada, kind, step, monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise kind("deadlock: Ada Lovelace")

    page = choose(officer, ada)
    monkeypatch.setattr(f"gdpr_assist.admin.model_admin.{step}", fail)
    response = choose(officer, ada) if step == "plan" else confirm(officer, page)
    assert (response.status_code, response.url) == (302, CUSTOMERS)
    [message] = get_messages(response.wsgi_request)
    assert message.level == messages.ERROR
    assert f"The database could not do this ({kind.__name__})." in str(message)
    assert "Ada" not in str(message) + caplog.text
    assert kind.__name__ in caplog.text
    assert values(ada)["phone"] == "0123"
