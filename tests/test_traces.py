"""What an erasure leaves of a person in other tables is told by place and number, and never by value."""

import json
import logging
from dataclasses import asdict
from io import StringIO

import pytest
from asgiref.sync import async_to_sync
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from gdpr_assist import Keep, Subject
from gdpr_assist.subjects import traces
from tests.apps.fields.models import TextKey
from tests.apps.people.models import Profile, Sale, StaffAccount
from tests.apps.shop.models import Address, Customer
from tests.apps.thirdparty.models import Branch, Device
from tests.observing import changed
from tests.people import account, sale

pytestmark = pytest.mark.django_db

LETTERS = "abcdefghij"


@pytest.fixture
def users():
    """Let users and customers be people, who may have an address."""
    with (
        changed(User, subject="self"),
        changed(Customer, subject="self", identifiers={"phone": "phone"}),
        changed(Address, subject="customer", fields=["street", "town"], keep=["customer"]),
    ):
        yield


def user(first="Adelaide", last="Quillington", **values):
    return User.objects.create(
        **{"username": f"{first}.{last}", "first_name": first, "last_name": last, "email": f"{first}@quill.example"}
        | values
    )


def left(text, *, person, on="default"):
    """Write ``text`` where nobody declared anything; return what is found there after the erasure."""
    Device.objects.using(on).create(owner=text, address="::1")
    return Subject(person).erase(residue=True).residue


def owners(number=1, on="default"):
    return {f"thirdparty_device.owner on {on}": number}


def test_where_it_is_found(ada):
    sale(ada, email="second@quill.example")
    Device.objects.create(owner="to Second@Quill.example.", address="::1")
    Device.objects.using("other").create(owner="ADA@quill.example", address="::1")
    data = SessionStore().encode({"seen": ["ada@quill.example"], "pad": "of a basket " * 30})
    Session.objects.create(session_key="a" * 32, session_data=data, expire_date=timezone.now())
    result = Subject(ada).erase(residue=True)
    assert result.residue == owners() | owners(on="other") | {"django_session.session_data on default": 1}
    assert result.unread == {}
    assert "Still found: thirdparty_device.owner on default: 1 row" in list(result.lines())
    assert "quill" not in json.dumps(asdict(result), default=str)


def test_her_address_in_a_row_of_somebody_else_hides_nothing(ada, bob):
    sale(ada, email="ada@quill.example")
    sale(bob, email="ada@quill.example")
    assert left("ADA@quill.example", person=ada) == owners() | {"people_sale.email on default": 1}


def test_nothing_is_found_where_nothing_is(ada):
    sale(ada, email="second@quill.example", phone="+49 30 123456")
    result = Subject(ada).erase(residue=True)
    assert (result.residue, result.unread) == ({}, {})


def test_nobody_looks_unless_asked(ada):
    Device.objects.create(owner=ada.email, address="::1")
    assert Subject(ada).erase().residue == {}


def test_asynchronous_code(ada):
    Device.objects.create(owner=ada.email, address="::1")
    assert async_to_sync(Subject(ada).aerase)(residue=True).residue == owners()


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("text", ["Adelaide Quillington", "Quillington, Adelaide", "QUILLINGTON  ADELAIDE"])
def test_a_name_of_two_columns(text):
    assert left(text, person=user()) == owners()


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("text", ["Adelaide", "Quillington", "Adelaide Quillington-Smythe's", "Adelaide Jones"])
def test_never_a_first_name_or_a_last_name_alone(text):
    found = left(text, person=user())
    assert found == (owners() if text.startswith("Adelaide Q") else {})


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize(
    ("username", "is_trace"),
    [
        ("adelaide", False),
        ("Quillington", False),
        ("adelaide7", True),
        ("a.quillington", True),
        ("quilladelaide", True),
    ],
)
def test_a_username_that_is_one_of_her_names_is_no_trace(username, is_trace):
    with changed(User, subject="self", identifiers={"username": "username"}):
        found = left(f"for {username}", person=user(username=username, email=""))
    assert found == (owners() if is_trace else {})


@pytest.mark.usefixtures("users")
def test_strangers_of_the_same_names_are_no_false_alarms():
    """Each of 100 erased, after 20 others with her first name and 20 with her last name."""
    alarms = 0
    with changed(User, subject="self", identifiers={"username": "username"}):
        for at in range(100):
            first, last = f"First{LETTERS[at // 10]}{LETTERS[at % 10]}", f"Last{LETTERS[at % 10]}{LETTERS[at // 10]}"
            for other in range(20):
                user(first, f"Other{at}", username=f"x{at}.{other}", email="")
                user("Somebody", last, username=f"y{at}.{other}", email="")
            ada = user(first, last, username=(first, last)[at % 2].lower(), email="")
            alarms += bool(Subject(ada).erase(residue=True).residue)
    assert alarms <= 1


@pytest.mark.usefixtures("users")
def test_a_name_that_somebody_else_has():
    user(username="another", email="x@quill.example")
    assert left("Adelaide Quillington", person=user()) == {}


def test_what_two_people_have_in_a_column_is_no_trace(ada):
    sale(ada, phone="+49 30 123456")
    sale(account("bob"), phone="+49 30 123456")
    assert left("+49 30 123456", person=ada) == {}


def test_a_number_that_is_hers_alone(ada):
    sale(ada, phone="+49 30 123456")
    sale(account("bob"), phone="+49 30 654321")
    assert left("+49 30 123456", person=ada) == owners()


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize(
    ("notes", "is_trace"),
    [
        ("a@bc", False),
        ("Springfield", False),
        ("Aix-en-Provence", False),
        ("Europe/Berlin", False),
        ("1234567", False),
        ("12345678", True),
        ("allergic to lilies", True),
        ("DE02 1203 0000", True),
    ],
)
def test_what_is_short_or_common_is_no_trace(notes, is_trace):
    person = Customer.objects.create(name="Ada", email="ada@quill.example", notes=notes)
    assert left(f"({notes})", person=person) == (owners() if is_trace else {})


@pytest.mark.usefixtures("users")
def test_an_identifier_is_a_trace_however_it_looks():
    person = Customer.objects.create(name="Ada", email="ada@quill.example", phone="110112")
    assert left("110112", person=person) == owners()


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize(("text", "is_trace"), [("New Quill City", False), ("12 Harbour Road", True)])
def test_a_town_is_no_trace(text, is_trace):
    person = Customer.objects.create(name="Ada", email="ada@quill.example")
    Address.objects.create(customer=person, street="12 Harbour Road", town="New Quill City")
    assert left(text, person=person) == (owners() if is_trace else {})


@pytest.mark.usefixtures("users")
def test_a_long_note_is_known_by_its_beginning():
    note = "She called again about the invoice, " * 20
    person = Customer.objects.create(name="Ada", email="ada@quill.example", notes=note)
    Branch.objects.create(name="She called again")
    LogEntry.objects.create(user=User.objects.create(), action_flag=1, change_message=json.dumps([note]))
    residue = Subject(person).erase(residue=True).residue
    assert residue == {"django_admin_log.change_message on default": 1}


@pytest.mark.usefixtures("users")
def test_a_long_text_of_one_word_is_known_by_all_of_it():
    person = Customer.objects.create(name="Ada", email="ada@quill.example", notes="x7" * 120)
    LogEntry.objects.create(user=User.objects.create(), action_flag=1, change_message=f"see {person.notes}")
    assert Subject(person).erase(residue=True).residue == {"django_admin_log.change_message on default": 1}


def test_what_is_kept_is_no_trace(ada):
    """A name that is kept for the tax, in one table, and stood in a column that is erased, too."""
    Sale.objects.create(buyer=ada, email="Ada Quill", recipient="ada  QUILL")
    assert left("Ada Quill", person=ada) == {}


def test_a_row_that_is_kept_whole(ada):
    Profile.objects.create(account=ada, phone="+49 30 123456")
    sale(ada, phone="+49 30 123456")
    with changed(Profile, on_erasure=Keep("tax")):
        assert left("+49 30 123456", person=ada) == {}


def test_what_was_erased_before_is_no_trace(ada):
    Subject(ada).erase()
    ada.refresh_from_db()
    assert left(f"see {ada.email}", person=ada) == {}


def test_deleted_rows(ada):
    sale(ada).lines.create(engraving="For Ada, with love")
    assert left("for ada with LOVE", person=ada) == owners()


@pytest.mark.parametrize(
    ("key", "on_erasure", "is_trace"),
    [
        ("4f0c-a81b", "delete", True),
        ("ada-quill-7", "delete", True),
        ("4f0c-a81b", "anonymise", False),
        ("monthly", "delete", False),
        ("1234567", "delete", False),
        ("a-81", "delete", False),
    ],
)
def test_the_key_of_a_deleted_row_where_it_is_a_text(key, on_erasure, is_trace):
    with changed(TextKey, subject="self", on_erasure=on_erasure):
        person = TextKey.objects.create(word=key, name="", email="ada@quill.example")
        assert left(f"see {key}.", person=person) == (owners() if is_trace else {})


def test_columns_of_a_multi_table_child(ada):
    StaffAccount(account_ptr=ada, desk="by the third window").save_base(raw=True)
    assert left("by the third window", person=ada) == owners()


@pytest.mark.usefixtures("users")
def test_of_many_texts_the_shortest_are_looked_for(monkeypatch):
    monkeypatch.setattr(traces, "MOST", 2)
    person = Customer.objects.create(name="Ada", email="ada@quill.example", notes="a longer note about her")
    Address.objects.create(customer=person, street="12 Harbour Road", town="")
    Device.objects.create(owner="12 Harbour Road", address="::1")
    result = Subject(person).erase(residue=True)
    assert (result.residue, result.unread) == (
        owners(),
        {"1 of the person's texts": "only the 2 shortest are looked for"},
    )


def test_an_error_afterwards_does_not_hide_what_is_done(ada, monkeypatch):
    def fail(texts):
        raise OperationalError(*texts)

    monkeypatch.setattr(traces, "look", fail)
    result = Subject(ada).erase(residue=True)
    assert (result.erased, result.residue) == ({"people.Account": 1}, {})
    assert result.unread == {"all tables": "OperationalError"}


def test_on_the_command_line(ada):
    Device.objects.create(owner=ada.email, address="::1")
    out = StringIO()
    with pytest.raises(CommandError, match=r"^The person is erased, and there is more about her: see above\.$"):
        call_command("gdpr_subject", "erase", "people.Account", ada.pk, "--noinput", "--residue", stdout=out)
    assert "Still found: thirdparty_device.owner on default: 1 row\n" in out.getvalue()


def test_no_value_is_logged(ada, caplog):
    with caplog.at_level(logging.DEBUG):
        assert left(ada.email, person=ada) == owners()
    assert "quill" not in caplog.text
