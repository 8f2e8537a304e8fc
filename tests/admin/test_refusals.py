"""What an officer is told of an error whose text is for developers: what it means for her, and that it is theirs."""

import pytest
from django.db import transaction
from django.db.models import ProtectedError
from django.utils.html import escape

from gdpr_assist import exceptions
from gdpr_assist.admin.refusals import told
from gdpr_assist.exceptions import (
    AnonymiseError,
    EventLogError,
    FieldAnonymiseError,
    NotLogged,
    PartlyErased,
    TooManyPeople,
    TryAgain,
)
from gdpr_assist.signals import erased
from tests.admin.conftest import CUSTOMERS, TOOL
from tests.admin.pages import confirm, obj_pk, said
from tests.apps.shop.models import Customer
from tests.observing import listening, row, unchanged

pytestmark = pytest.mark.django_db(databases=["default", "other", "gdpr_log"])

# As a project's own error may say it
TEXT = "shop.Customer: it <script>alert(1)</script> & more."

NOTHING = "This could not be done, and nothing was changed. Show this message to whoever runs the site:"
MAY_BE = (
    "This broke off, and a part of it may be done. Please look at what is done before you try again. Show this "
    "message to whoever runs the site:"
)


class OfTheProject(AnonymiseError):
    pass


# {error: what it means for an officer}
ERRORS = {
    AnonymiseError(TEXT): NOTHING,
    OfTheProject(TEXT): NOTHING,
    FieldAnonymiseError(TEXT, check="E005", hint="Write one."): NOTHING,
    TooManyPeople(TEXT): NOTHING,
    EventLogError(TEXT): (
        "This could not be done, and nothing was changed: the site could not write its log of erasures. Show this "
        "message to whoever runs the site:"
    ),
    TryAgain(TEXT): (
        "This could not be done, and nothing was changed: somebody else was changing the same. Please try again. If "
        "it fails again, show this message to whoever runs the site:"
    ),
    NotLogged(TEXT): MAY_BE,
    PartlyErased(TEXT, results=[], remaining=[]): (
        "A part was erased, and the rest was not. Erase the same again: that finishes it. Show this message to "
        "whoever runs the site:"
    ),
}

each_error = pytest.mark.parametrize(("error", "meaning"), ERRORS.items(), ids=lambda each: type(each).__name__)


def shown(meaning):
    return f'{meaning} <span lang="en">{escape(TEXT)}</span>'


def raises(error):
    def fail(*args, **kwargs):
        raise error

    return fail


@pytest.fixture
def asked(officer, ada):
    """Return the page that asks whether to anonymise Ada."""
    return officer.post(TOOL, {"action": "anonymise", "obj_pk": obj_pk(ada)}, follow=True)


def test_each_class_of_error_is_in_the_table():
    classes = {each for each in vars(exceptions).values() if isinstance(each, type)}
    assert {type(each) for each in ERRORS} - {OfTheProject} == {
        each for each in classes if issubclass(each, AnonymiseError)
    }


@each_error
def test_what_it_means_stands_before_the_text_for_developers(officer, asked, error, meaning):
    with unchanged(Customer), listening(erased, raises(error), Customer):
        page = confirm(officer, asked)
    assert said(page) == [shown(meaning)]
    assert shown(meaning) in page.content.decode()
    assert "Lovelace" not in shown(meaning)


@each_error
@pytest.mark.parametrize("action", ["anonymise", "delete", "remove"])
def test_on_the_pages_of_a_model_too(officer, ada, action, error, meaning, monkeypatch):
    """Also on the page to which the message is carried, in a cookie or a session."""
    monkeypatch.setattr("tests.admin.urls.CustomerAdmin.delete_queryset", raises(error))
    monkeypatch.setattr("tests.admin.urls.CustomerAdmin.delete_model", raises(error))
    with unchanged(Customer), listening(erased, raises(error), Customer):
        if action == "anonymise":
            confirm(officer, officer.post(CUSTOMERS, {"action": action, "_selected_action": ada.pk}))
        elif action == "delete":
            officer.post(f"{CUSTOMERS}{ada.pk}/delete/", {"post": "yes"})
        else:
            officer.post(CUSTOMERS, {"action": action, "_selected_action": ada.pk})
    assert shown(meaning) in officer.get(CUSTOMERS).content.decode()


@pytest.mark.parametrize("error", [AnonymiseError(TEXT), EventLogError(TEXT), TryAgain(TEXT)])
def test_an_action_that_is_not_undone_is_not_said_to_have_changed_nothing(officer, ada, error, monkeypatch):
    def delete_queryset(self, request, rows):
        rows.update(name="Half")
        raise error

    monkeypatch.setattr("tests.admin.urls.CustomerAdmin.delete_queryset", delete_queryset)
    monkeypatch.setattr("tests.admin.urls.CustomerAdmin.atomic_actions", False)
    response = officer.post(CUSTOMERS, {"action": "remove", "_selected_action": ada.pk})
    assert row(ada)["name"] == "Half"
    assert said(response)[-1] == shown(MAY_BE)


def test_nor_where_rows_protect_what_is_to_be_deleted(ada):
    error = ProtectedError("No.", {ada})
    assert told(error, is_undone=False) == (
        "A part of this may be done: please look. What was to be deleted is needed by rows that protect it: "
        "1 customer."
    )
    assert told(error).startswith("Nothing was changed.")


@pytest.mark.django_db(transaction=True, databases=["default", "other", "gdpr_log"])
def test_nor_an_erasure_after_whose_commit_something_failed(officer, ada, asked):
    def later(**kwargs):
        transaction.on_commit(raises(AnonymiseError(TEXT)))

    with listening(erased, later, Customer):
        page = confirm(officer, asked)
    assert row(ada)["name"] != "Ada Lovelace"
    assert said(page) == [shown(MAY_BE)]
