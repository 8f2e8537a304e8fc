"""The admin's log as ready declarations have it: entries of erasures hold nothing of a row, and are no copies."""

from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from gdpr_assist.models import Operation, PrivacyAnonymised, Receipt
from tests.admin.pages import confirm
from tests.admin.test_model_admin import choose
from tests.admin.test_people import erase, person
from tests.apps.people.models import SaleLine
from tests.apps.shop.models import Customer
from tests.observing import row
from tests.people import account, sale
from tests.test_ready_made import entry, taken

pytestmark = pytest.mark.django_db

WELL = "All is well."


@pytest.fixture(autouse=True)
def _ready(settings):
    with taken(settings, ["auth", "admin"]):
        yield


@pytest.fixture
def others(ada):
    """Another customer, of whom Django has an entry too."""
    other = Customer.objects.create(name="Grace Hopper", email="grace@example.org")
    entry(other, by=User.objects.create_user("clerk"))
    return other


def verify(*args):
    """Return the last line of what is printed; where the exit status is 1, that is the error."""
    out = StringIO()
    try:
        call_command("gdpr_verify", *args, stdout=out)
    except CommandError as error:
        return str(error)
    return out.getvalue().splitlines()[-1]


def texts(**which):
    return sorted(LogEntry.objects.filter(**which).values_list("object_repr", "change_message"))


def operation():
    return Operation.objects.using("gdpr_log").get().pk


def clerk():
    return User.objects.get_or_create(username="clerk")[0]


@pytest.mark.parametrize("is_logged", [True, False])
@pytest.mark.parametrize("language", ["en", "de"])
def test_after_the_action_of_a_model_all_is_well(officer, ada, others, settings, language, is_logged):
    settings.GDPR_LOG_ON_ANONYMISE = is_logged
    settings.LANGUAGE_CODE = language
    before = entry(ada, by=clerk())
    confirm(officer, choose(officer, ada))
    assert row(before)["change_message"] == ""
    [(text, message)] = texts(user__username="staff")
    assert text == f"shop.Customer {ada.pk}"
    assert message.startswith("Anonymised" if language == "en" else "Anonymisiert")
    assert verify() == WELL
    if is_logged:
        assert verify(f"--operation={operation()}") == WELL


def test_after_an_action_on_a_proxy_too(officer, ada):
    confirm(officer, choose(officer, ada, url="/shop/shop/foreigncustomer/"))
    assert texts() == [(f"shop.ForeignCustomer {ada.pk}", f"Anonymised (operation {operation()}).")]
    assert verify(f"--operation={operation()}") == WELL


def test_after_the_erasure_of_a_person_all_is_well_and_her_page_names_no_copies(officer):
    ada = account("ada")
    bought = sale(ada, email="ada@quill.example")
    SaleLine.objects.create(sale=bought)
    erase(officer, person(officer, ada))
    assert verify(f"--operation={operation()}") == WELL
    assert verify("--model=people.Account", "--model=people.Sale", "--model=admin.LogEntry") == WELL
    assert LogEntry.objects.filter(user__username="staff").count() == 3
    assert not any(each.is_copy for each in person(officer, ada).context["page"].groups)


def test_nor_do_they_count_where_the_row_is_chosen_again(officer, ada):
    confirm(officer, choose(officer, ada))
    entry(ada, by=clerk())
    (shown,) = choose(officer, ada).context["planned"]
    assert shown.copies == ["1 log entry"]


@pytest.mark.django_db(transaction=True)
def test_where_the_history_is_in_another_database_all_is_well_on_both(officer, ada, settings):
    User.objects.get().save(using="other", force_insert=True)
    settings.DATABASE_ROUTERS = [
        "tests.admin.test_model_admin.HistoryElsewhere",
        *settings.DATABASE_ROUTERS,
    ]
    confirm(officer, choose(officer, ada))
    assert not LogEntry.objects.using("default").exists()
    assert LogEntry.objects.using("other").count() == 1
    # A customer there with the same key, who was erased there
    Customer.objects.using("other").create(pk=ada.pk, name="Grace", email="grace@example.org").anonymise()
    assert LogEntry.objects.using("other").get().change_message.startswith("Anonymised (operation ")
    assert verify("--model=shop.Customer", "--model=admin.LogEntry") == WELL


def test_what_django_writes_later_is_found_and_taken_and_ours_stays(officer, ada):
    confirm(officer, choose(officer, ada))
    ours = texts(user__username="staff")
    # As Django writes it where the text of an object happens to be its key, with those of other objects
    of_others = '[{"added": {"name": "order", "object": "Ada Lovelace, London"}}]'
    for text, message in [("Ada Lovelace", '[{"changed": {"fields": ["Name"]}}]'), (ours[0][0], of_others)]:
        later = entry(ada, by=clerk())
        LogEntry.objects.filter(pk=later.pk).update(object_repr=text, change_message=message)
    found = "2 of admin.LogEntry on default not anonymised"
    assert found in verify(f"--operation={operation()}")
    assert found in verify("--model=admin.LogEntry")
    assert verify("--fix", "--noinput", "--model=admin.LogEntry").startswith(WELL)
    assert [message for _text, message in texts(user__username="clerk")] == ["", ""]
    assert texts(user__username="staff") == ours
    assert verify("--model=admin.LogEntry") == WELL


@pytest.mark.django_db(transaction=True)
def test_the_entry_stays_when_the_operation_is_applied_to_a_restored_row(officer, ada):
    backup = Customer.objects.get(pk=ada.pk)
    confirm(officer, choose(officer, ada))
    before = texts()
    PrivacyAnonymised.objects.all().delete()
    Receipt.objects.all().delete()
    backup.save()
    call_command("gdpr_rerun", "--noinput", stdout=StringIO())
    assert row(ada)["name"] != "Ada Lovelace"
    assert texts() == before
    assert verify(f"--operation={operation()}") == WELL


def test_the_entry_stays_when_the_row_is_erased_once_more_and_when_it_is_deleted(officer, ada):
    confirm(officer, choose(officer, ada))
    [ours] = texts()
    ada.anonymise(force=True)
    assert texts() == [ours]
    ada.delete()
    assert texts() == [ours]
