"""Long work with the real database backend of Django's Tasks, and its worker in a process of its own, also killed."""

import io
import os
import signal
import subprocess
import sys
import time
import uuid
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from django.test.utils import modify_settings

from gdpr_assist.jobs import settling
from gdpr_assist.models import Job, Receipt
from gdpr_assist.tables import Export
from tests import databases
from tests.admin.conftest import OPERATIONS
from tests.admin.pages import send
from tests.admin.test_long_work import erase, export, person_page, shown, texts
from tests.apps.people.models import Account, Reader, Sale
from tests.apps.shop.models import Customer
from tests.databases import dump
from tests.long_work import IS_INSTALLED, QUEUE_APP, SHARED, environment
from tests.people import account

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("queue"),
    pytest.mark.skipif(not IS_INSTALLED, reason="no queue is installed: see tests/long_work/requirements.txt"),
]

ROOT = Path(__file__).parents[1]

# In seconds, for whatever another process has to do
PATIENCE = 60

PERSON = "ada@quill.example"


@pytest.fixture(scope="module")
def _queue_table(django_db_setup, django_db_blocker):
    """The app of the backend, with its table, for as long as these tests run."""
    with django_db_blocker.unblock():
        for using in databases.ALIASES:
            databases.migrated(using)  # and which tables there are: not this one, for the tests that follow
    with django_db_blocker.unblock(), modify_settings(INSTALLED_APPS={"append": QUEUE_APP}):
        model = apps.get_model("django_tasks_database", "DBTaskResult")
        with connections["default"].schema_editor() as editor:
            editor.create_model(model)
        yield model
        with connections["default"].schema_editor() as editor:
            editor.delete_model(model)
        if admin.site.is_registered(model):  # by its app, when the admin looked through the apps
            admin.site.unregister(model)


@pytest.fixture
def queue(_queue_table, transactional_db, settings, tmp_path, monkeypatch):
    """Return the table of the queue."""
    for name, value in SHARED.items():
        setattr(settings, name, value)
    settings.ROOT_URLCONF = "tests.admin.urls"
    settings.GDPR_TASKS_FROM = 10
    private = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / "zips"}}
    settings.STORAGES = {**settings.STORAGES, "private": private}
    yield _queue_table.objects
    _queue_table.objects.all().delete()


@pytest.fixture
def officer(queue):
    client = Client()
    client.force_login(User.objects.create_superuser("staff"))
    return client


@pytest.fixture
def worker(tmp_path):
    """Return a function that starts a worker, and stops it after a statement if one is given."""
    started = []

    def start(stop="", **more):
        told = environment(tmp_path / "zips", stop=stop, stopped=str(tmp_path / "stopped"), **more)
        command = [sys.executable, "-W", "ignore", "-m", "tests.long_work.worker"]
        started.append(
            subprocess.Popen(command, cwd=ROOT, env={**os.environ, **told}, stderr=subprocess.PIPE, text=True)
        )
        if stop:
            wait_for((tmp_path / "stopped").exists, started[-1])
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def zips(tmp_path):
    return lambda: sorted(each.name for each in (tmp_path / "zips").glob("*"))


def wait_for(condition, process=None):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process is None or process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.05)


def ends(process):
    """Wait for the worker to have done all there is to do."""
    _out, errors = process.communicate(timeout=PATIENCE * 3)
    assert process.returncode == 0, errors
    return errors


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE)


def customers(number):
    return Customer.objects.bulk_create(
        Customer(name=f"Person {each}", email=f"person{each}@example.org") for each in range(number)
    )


def named():
    return Customer._base_manager.filter(name__startswith="Person ").count()


@pytest.fixture
def _heard_of_nothing(monkeypatch):
    """A worker is taken for dead at once."""
    monkeypatch.setattr(settling, "SILENCE", timedelta(0))


def followed(client, response, state):
    """Load the page of the job until it is in this state; return it."""
    pages = []

    def is_there():
        pages[:] = [shown(client, response)]
        return pages[0].context["job"].state == state

    wait_for(is_there)
    return pages[0]


def test_an_erasure_of_rows(officer, worker, queue):
    rows = customers(12)
    response = erase(officer, *rows)
    assert named() == 12
    assert shown(officer, response).context["job"].state == Job.WAITING
    ends(worker())
    assert named() == 0
    page = shown(officer, response)
    assert "12 rows were anonymised: 12 customers." in texts(page)[1]
    assert page.context["operation_url"].startswith(OPERATIONS)
    assert [each.status for each in queue.all()] in (["SUCCESSFUL"], ["SUCCEEDED"])


def test_an_erasure_of_10_000_rows(officer, worker, settings):
    settings.GDPR_TASKS_FROM = 10_000
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = None
    rows = customers(10_000)
    response = erase(officer, *rows)
    ends(worker())
    assert "10000 rows were anonymised" in texts(shown(officer, response))[1]
    assert named() == 0


def test_an_erasure_of_a_person(officer, worker):
    ada = account("ada")
    Sale.objects.bulk_create(Sale(buyer=ada, email=PERSON, recipient="Ada") for _number in range(20))
    response = send(officer, person_page(officer, ada), "person-form", {"action": "erase"})
    ends(worker())
    assert not Sale.objects.filter(email=PERSON).exists()
    assert not Account.objects.filter(email=PERSON).exists()
    assert texts(shown(officer, response))[0] == "It is done."


@pytest.mark.usefixtures("_heard_of_nothing")
def test_one_that_is_killed_in_its_transaction_is_rolled_back_and_can_be_done_again(officer, worker):
    rows = customers(12)
    response = erase(officer, *rows)
    process = worker("UPDATE shop_customer")
    # Whoever looks now is told that it is running, though nothing is heard of it.
    page = shown(officer, response)
    assert (page.context["job"].state, page.context["job"].phase) == (Job.RUNNING, Job.WORKING)
    kill(process)
    page = followed(officer, response, Job.BROKEN)
    assert texts(page) == ["The worker ended before it was done, and all was rolled back. Nothing was changed."]
    assert named() == 12
    assert not Receipt.objects.exists()
    again = erase(officer, *rows)
    assert again.url != response.url
    ends(worker())
    assert named() == 0
    assert texts(shown(officer, again))[0] == "It is done."
    assert Receipt.objects.count() == 1


def test_one_that_is_heard_of_again_changes_nothing(officer, worker, tmp_path, monkeypatch):
    rows = customers(12)
    response = erase(officer, *rows)
    process = worker("UPDATE gdpr_assist_job")  # it has claimed the job, and done nothing
    monkeypatch.setattr(settling, "SILENCE", timedelta(0))
    followed(officer, response, Job.BROKEN)
    (tmp_path / "stopped").unlink()
    ends(process)
    assert named() == 12
    assert not Receipt.objects.exists()
    assert shown(officer, response).context["job"].state == Job.BROKEN


@pytest.mark.usefixtures("_heard_of_nothing")
def test_one_that_is_killed_after_its_commit_is_done(officer, worker):
    rows = customers(12)
    response = erase(officer, *rows)
    kill(worker("INSERT INTO gdpr_assist_outcome"))
    page = followed(officer, response, Job.DONE)
    assert texts(page) == ["It is done."]
    assert named() == 0


@pytest.mark.usefixtures("_heard_of_nothing")
def test_one_that_is_killed_between_two_databases_is_told_as_that_and_is_finished_by_doing_it_again(officer, worker):
    ada = account("ada")
    Sale.objects.bulk_create(Sale(buyer=ada, email=PERSON, recipient="Ada") for _number in range(20))
    Reader.objects.using("other").create(email=PERSON)

    def left():
        return {
            "default": Sale.objects.filter(email=PERSON).exists(),
            "other": Reader.objects.using("other").filter(email=PERSON).exists(),
        }

    response = send(officer, person_page(officer, ada), "person-form", {"action": "erase"})
    kill(worker("UPDATE people_sale > COMMIT other"))
    assert sorted(left().values()) == [False, True]
    page = followed(officer, response, Job.PARTLY)
    assert texts(page) == [
        "It is done on some databases and not on others. Erase the same again: that finishes it.",
    ]
    again = send(officer, person_page(officer, ada), "person-form", {"action": "erase"})
    ends(worker())
    assert texts(shown(officer, again))[0] == "It is done."
    assert left() == {"default": False, "other": False}


def test_an_export(officer, worker, zips):
    rows = customers(12)
    response = export(officer, *rows)
    ends(worker())
    page = shown(officer, response)
    assert (page.context["job"].done, page.context["job"].total) == (12, 12)
    archive = zipfile.ZipFile(io.BytesIO(officer.post(response.url).getvalue()))
    assert archive.read("shop-Customer.csv").decode().count("@example.org") == 12
    assert zips() == []
    assert Export.objects.get().state == Export.WHOLE


@pytest.mark.usefixtures("_heard_of_nothing")
@pytest.mark.parametrize(
    "where", ["INSERT INTO gdpr_assist_export", "INSERT INTO gdpr_assist_export > SELECT shop_customer"]
)
def test_one_that_is_killed_leaves_no_file_and_is_noted_as_broken_off(officer, worker, zips, where):
    rows = customers(12)
    response = export(officer, *rows)
    kill(worker(where))
    page = followed(officer, response, Job.BROKEN)
    assert "The worker ended before the file was complete." in texts(page)[0]
    assert (Export.objects.get().state, zips()) == (Export.BROKEN, [])


def test_no_table_has_what_it_is_about(officer, worker):
    ada = account("seeded-token")
    Sale.objects.bulk_create(Sale(buyer=ada, email="seeded-token@quill.example") for _number in range(12))
    page = person_page(officer, ada)
    before = dump()
    send(officer, page, "person-form", {"action": "erase"})
    changed = {key: rows for key, rows in dump().items() if rows != before[key]}
    assert {table for _using, table in changed} >= {"gdpr_assist_job", "gdpr_assist_errand"}
    assert any("tasks" in table for _using, table in changed)
    assert "seeded" not in repr(changed).lower()
    ends(worker())
    assert {place: rows for place, rows in dump().items() if "seeded" in repr(rows).lower()} == {}


def test_two_deliveries_are_one_erasure(officer, worker, queue):
    rows = customers(12)
    erase(officer, *rows)
    again = queue.get()
    again.pk = uuid.uuid4()
    again.save(force_insert=True)
    ends(worker())
    assert Receipt.objects.count() == 1
    assert Job.objects.get().state == Job.DONE


def test_a_backend_without_its_table_is_told(officer, queue, settings):
    rows = customers(12)
    with connections["default"].schema_editor() as editor:
        editor.delete_model(queue.model)
    try:
        response = erase(officer, *rows)
        assert response.status_code == 200
        assert not Job.objects.exists()
        assert named() == 12
    finally:
        with connections["default"].schema_editor() as editor:
            editor.create_model(queue.model)
