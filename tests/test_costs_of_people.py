"""What a person costs: how many statements it takes to find, preview, export, erase and delete one."""

import io
from contextlib import ExitStack
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import modify_settings

from gdpr_assist import Subject
from gdpr_assist.databases.rows import batch_size
from tests.apps.migrated.models import Letter
from tests.apps.people.models import Chat, Event, Visit

from . import databases
from .observing import changed, markers
from .people import account
from .test_costs import asked, authors, numbers

pytestmark = pytest.mark.django_db(transaction=True)

# Of a model with rows: its keys, the claim, the markers, the look for a trigger, and the columns
MODEL = 5
# For each further batch: the claim, the markers, the columns
BATCH = 3
# Which tables there are, the addresses of both models that know one, whether another of the two models of people has
# hers, whether rows are in doubt, the lock of the person, the addresses and whose they are again, which models have
# rows; the id of the database, the receipt, and the look for it after the COMMIT. PostgreSQL is told to check the
# constraints.
REST = 16 + (connection.vendor == "postgresql")


@pytest.fixture(scope="module", autouse=True)
def crowd(django_db_setup, django_db_blocker):
    """The models of an app that is installed for these tests, with their tables."""
    late = modify_settings(INSTALLED_APPS={"append": "tests.apps.crowd"})
    with django_db_blocker.unblock():
        late.enable()
        from tests.apps.crowd import models  # noqa: PLC0415  (now that the app is installed)

        with connection.schema_editor() as editor:
            for model in (models.Citizen, *models.PAPERS):
                editor.create_model(model)
    databases.tables.cache_clear()
    yield models
    with django_db_blocker.unblock():
        with connection.schema_editor() as editor:
            for model in (*models.PAPERS, models.Citizen):
                editor.delete_model(model)
        late.disable()
    databases.tables.cache_clear()


def somebody(crowd, models, rows=1, name="ada"):
    """Create a person with so many rows in so many models."""
    person = crowd.Citizen.objects.create(email=f"{name}@quill.example")
    for model in crowd.PAPERS[:models]:
        model.objects.bulk_create(model(owner=person, email=person.email) for _ in range(rows))
    return person


@pytest.fixture(autouse=True)
def warm(crowd, transactional_db):
    """Read what is read once in a process."""
    Subject(somebody(crowd, 1, name="bob")).erase()


def counts(crowd, action, *sizes):
    """Return the numbers of statements for people with rows in so many models, and so many in each."""
    people = [somebody(crowd, models, rows, name=f"{models}-{rows}") for models, rows in sizes]
    return [numbers(partial(action, person)) for person in people]


# (models with rows, rows in each)
NOTHING, FEW, ALL, MORE = (0, 0), (3, 1), (30, 1), (30, 50)


def on_default(person):
    return [found for found in Subject(person).rows() if found.using == "default"]


def read_all(person):
    for found in on_default(person):
        list(found.rows.values_list("pk"))


def test_finding_is_one_query_for_each_model(crowd):
    models = len({found.model for found in on_default(somebody(crowd, 0))})
    assert models > 30
    # Which tables there are, the addresses of both models that know one, and whether another person has them
    assert counts(crowd, read_all, NOTHING, FEW, ALL, MORE) == [(models + 5, 0)] * 4


def test_looking_somebody_up(crowd):
    found = counts(crowd, lambda person: Subject.find(email=person.email), NOTHING, ALL, MORE)
    people_and_rows_with_an_address = 4
    assert found == [(1 + people_and_rows_with_an_address, 0)] * 3


def test_a_preview_is_two_queries_more_for_each_model_with_rows(crowd):
    (nothing, _), *others = counts(crowd, lambda person: Subject(person).preview(), NOTHING, FEW, ALL, MORE)
    # Of the first model also the rows of each of two ways; and, as there are markers, what was filled again, and noted
    rest = nothing + 2 + 3
    assert others == [(rest + 2 * 3, 0), (rest + 2 * 30, 0), (rest + 2 * 30, 0)]


def test_what_a_person_only_did_something_to_is_one_query_for_each_model_with_rows_and_costs_an_erasure_nothing(crowd):
    papers = crowd.PAPERS[:10]

    def cost(action, acted):
        person = somebody(crowd, 1, name=f"acted-{acted}-{action.__name__}")
        for model in papers[1:acted]:
            model.objects.bulk_create(model(owner=person) for _ in range(3))
        with ExitStack() as declared:
            for model in papers[1:] if acted else ():
                declared.enter_context(changed(model, subject=None, actors=["owner"]))
            for model in papers[1:] if not acted else ():
                declared.enter_context(changed(model, subject=None))
            return numbers(lambda: action(Subject(person)))

    cost(Subject.preview, 1)
    nothing, few, many = (cost(Subject.preview, acted) for acted in (0, 4, 10))
    assert (few, many) == ((nothing[0] + 3, 0), (nothing[0] + 9, 0))
    assert cost(Subject.erase, 0) == cost(Subject.erase, 10)


def test_an_export_is_one_query_more_for_each_model_with_rows(crowd):
    (nothing, _), *others = counts(crowd, lambda person: Subject(person).export(io.BytesIO()), NOTHING, FEW, ALL, MORE)
    tables = 1  # which there are, where a key to a person was met
    assert others == [(nothing + tables + 3, 0), (nothing + tables + 30, 0), (nothing + tables + 30, 0)]


def test_erasing_is_five_statements_for_each_model_with_rows(crowd):
    found = counts(crowd, lambda person: Subject(person).erase(), NOTHING, FEW, ALL, MORE)
    assert found == [(REST + MODEL * (1 + models), 3) for models in (0, 3, 30, 30)]
    assert len(markers(crowd.PAPERS[-1])) == 1 + 50


def test_erasing_is_three_statements_more_for_each_further_batch(crowd):
    most = batch_size("default") - 1  # and the person: 2,000 events are one statement on the log
    [one, three] = counts(crowd, lambda person: Subject(person).erase(), (1, most), (1, 3 * most))
    assert one == (REST + MODEL * 2, 3)
    assert three[0] - one[0] == 2 * BATCH
    assert three[1] <= 3 + 3


def test_erasing_again_costs_the_same_for_one_row_and_for_fifty(crowd):
    people = [somebody(crowd, 30, rows, name=f"{rows}") for rows in (1, 50)]
    for person in people:
        Subject(person).erase()
    [one, fifty] = [numbers(lambda person=person: Subject(person).erase()) for person in people]
    assert one == fifty
    assert one[1] == 0


def test_deleting_is_as_many_for_each_model_with_rows_that_stay(crowd):
    own = len(crowd.PAPERS) + 1  # Django's: each key is set to NULL, and the person deleted
    # Which tables there are, the address, whether another person has it, and which models have rows; whether the
    # person is gone, the marker, the id of the database, the receipt, and the look for it
    found = counts(crowd, lambda person: person.delete(), NOTHING, FEW, ALL, MORE)
    assert found == [(own + 10 + MODEL * models, 3) for models in (0, 3, 30, 30)]


# -- the deletions of test_costs, of people ------------------------------------------------------


@pytest.mark.parametrize(("count", "letters"), [(1, 500), (200, 10)])
def test_deleting_people_is_two_statements_more_than_deleting_others(count, letters):
    authors(1, 1).delete()  # what is read once in a process
    others = authors(count, letters)
    of_others, log_of_others = asked(others.get().delete if count == 1 else others.delete)
    people = authors(count, letters)
    with changed(User, subject="self", identifiers={}), changed(Letter, subject="author"):
        of_people, log_of_people = asked(people.get().delete if count == 1 else people.delete)

    assert Letter.objects.filter(author=None, body="").exclude(signature="Ada").count() == 1 + 2 * count * letters
    # Which tables there are, and whether a remark on one of the letters stays; which people a queryset finds
    assert len(of_people) == len(of_others) + (2 if count == 1 else 3), of_people
    assert len(log_of_people) == len(log_of_others)
    assert len(of_people) <= {1: 14 + 2, 200: 40}[count], of_people


@pytest.mark.parametrize("model", [Visit, Chat])
def test_a_model_whose_keys_see_to_its_rows_is_not_asked(model, monkeypatch):
    """They go with the person, or ANONYMISE takes them; unless a base manager may hide some from Django."""

    bob = account("bob")

    def cost():
        ada = account("ada")
        Visit.objects.create(account=ada, event=Event.objects.create(topic="Ada's"), wish="tea")
        Chat.objects.create(asker=ada, answerer=bob, question="Hers?", answer="His!")
        return numbers(ada.delete)

    usual = cost()
    with changed(model, on_delete_of_subject=None):
        assert cost() == usual
    assert not Visit.objects.exists()
    assert not Chat.objects.filter(question="Hers?").exists()
    monkeypatch.setattr(model._meta, "base_manager_name", "visible")
    assert cost() > usual
