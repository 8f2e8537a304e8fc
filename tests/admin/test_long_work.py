"""Work that is long is done by a worker: here in the same process, in tests/test_long_work_process.py a real one."""

import io
import json
import zipfile
from contextlib import suppress
from datetime import timedelta
from functools import partial
from threading import Event
from unittest import mock

import pytest
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.files.storage import FileSystemStorage
from django.core.management import call_command
from django.db import IntegrityError, OperationalError
from django.test import Client
from django.utils import timezone
from django.utils.translation import get_language

from gdpr_assist import AnonymiseError, PartlyErased
from gdpr_assist.admin import background
from gdpr_assist.admin.job_run import WITHOUT_SESSION, run_job
from gdpr_assist.jobs import heartbeat, keeping, settling
from gdpr_assist.models import Errand, Job, Receipt
from gdpr_assist.scrubbing.run import prepare, scrub
from gdpr_assist.tables import Export
from tests.admin import queue
from tests.admin.conftest import OPERATIONS, TOOL
from tests.admin.pages import Forms, obj_pk, said, send
from tests.apps.people.models import Account, Sale
from tests.apps.shop.models import Customer
from tests.databases import dump, untouched
from tests.observing import queries, row, unchanged
from tests.people import account, sale

TERM = "ada@example.org"
PERSON = "ada@quill.example"


@pytest.fixture(autouse=True)
def _queue(settings, monkeypatch, tmp_path):
    settings.GDPR_TASK_BACKEND = "default"
    settings.GDPR_TASKS_FROM = 1
    settings.GDPR_EXPORT_STORAGE = "private"
    private = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / "zips"}}
    settings.STORAGES = {**settings.STORAGES, "private": private}
    monkeypatch.setattr(background, "TASK", "tests.admin.queue.run")
    queue.waiting.clear()


@pytest.fixture
def zips(tmp_path):
    """Return a function for the names of the files in the storage."""

    def names():
        directory = tmp_path / "zips"
        return sorted(each.name for each in directory.iterdir()) if directory.exists() else []

    return names


def search(client, term=TERM):
    return client.post(TOOL, {"term": term}, follow=True)


def asked_to_erase(client, *rows):
    """Return the page that asks whether these rows are to be anonymised."""
    found = search(client)
    return send(client, found, "results-form", {"action": "anonymise", "obj_pk": [*map(obj_pk, rows)]}, follow=True)


def number(page):
    return {"number": page.context["rows"]}


def erase(client, *rows):
    """Confirm it; return the response, which leads to the page of the job."""
    page = asked_to_erase(client, *rows)
    return send(client, page, "anonymise-form", number(page))


def person_page(client, who):
    return client.post(TOOL, {"person": f"default/{obj_pk(who)}"}, follow=True)


def export(client, *rows, **more):
    found = search(client)
    return send(client, found, "results-form", {"action": "export", "obj_pk": [*map(obj_pk, rows)], **more})


def shown(client, response):
    """Return the page of the job that ``response`` leads to."""
    assert response.status_code == 302, said(response)
    assert response.url.startswith(f"{TOOL}job/")
    return client.get(response.url)


def texts(page):
    """Return what the page of a job says of its end."""
    return [str(page.context["end"]), *(text for _tag, text, _lang in page.context["said"])]


def the_job():
    return Job.objects.get()


class TestErasingRows:
    def test_the_request_changes_nothing_and_leads_to_the_page_of_the_job(self, officer, ada):
        with unchanged(Customer):
            page = shown(officer, erase(officer, ada))
        assert page.status_code == 200
        assert page.context["title"] == "Erasure in the background"
        assert [each.is_now for each in page.context["steps"]] == [True, False, False, False]
        assert 'http-equiv="refresh"' in page.content.decode()
        assert "no-store" in page.headers["Cache-Control"]

    def test_a_worker_does_it_and_the_page_leads_to_the_erasure(self, officer, ada):
        response = erase(officer, ada)
        queue.deliver()
        page = shown(officer, response)
        assert row(ada)["name"] == str(ada.pk)
        job = the_job()
        assert (job.state, job.phase) == (Job.DONE, Job.COMMITTED)
        assert texts(page)[0] == "It is done."
        assert "1 row was anonymised: 1 customer." in texts(page)[1]
        assert page.context["operation_url"] == f"{OPERATIONS}{job.pk}/change/"
        assert officer.get(page.context["operation_url"]).status_code == 200
        assert Receipt.objects.get(pk=job.pk).by == f"auth.User {User.objects.get().pk}"
        assert 'http-equiv="refresh"' not in page.content.decode()

    def test_below_the_threshold_the_request_does_it(self, officer, ada, settings):
        settings.GDPR_TASKS_FROM = 2
        response = erase(officer, ada)
        assert response.url.startswith(OPERATIONS)
        assert row(ada)["name"] == str(ada.pk)
        assert not Job.objects.exists()

    def test_delivered_twice_it_is_done_once(self, officer, ada):
        erase(officer, ada)
        queue.deliver(times=2)
        assert Receipt.objects.count() == 1
        assert the_job().state == Job.DONE

    def test_confirmed_twice_it_is_one_job(self, officer, ada):
        page = asked_to_erase(officer, ada)
        first = send(officer, page, "anonymise-form", number(page))
        second = send(officer, page, "anonymise-form", number(page))
        assert first.url == second.url
        assert len(queue.waiting) == 1
        queue.deliver()
        assert send(officer, page, "anonymise-form", number(page)).url.startswith(OPERATIONS)

    def test_what_is_not_typed_starts_nothing(self, officer, ada, monkeypatch):
        monkeypatch.setattr("gdpr_assist.admin.confirmation.MOST_UNTYPED", 0)
        page = asked_to_erase(officer, ada)
        response = send(officer, page, "anonymise-form", {"number": "7"})
        assert "Type the number of rows" in " ".join(said(response))
        assert not Job.objects.exists()

    def test_rows_that_went_meanwhile_are_another_number(self, officer, ada, monkeypatch):
        monkeypatch.setattr("gdpr_assist.admin.confirmation.MOST_UNTYPED", 1)
        others = [Customer.objects.create(name="Bob", email=f"{number}@example.org") for number in range(2)]
        response = erase(officer, ada, *others)
        others[0].delete()
        with unchanged(Customer):
            queue.deliver()
        assert "Customers: 3 when this was shown, 2 now." in texts(shown(officer, response))[1]
        assert the_job().state == Job.FAILED

    def test_what_was_confirmed_in_time_is_done_also_if_the_queue_is_slow(self, officer, ada, monkeypatch):
        response = erase(officer, ada)
        monkeypatch.setattr("gdpr_assist.admin.operations.VALID", -1)
        queue.deliver()
        assert texts(shown(officer, response))[0] == "It is done."

    def test_the_search_is_over_when_it_is_done(self, officer, ada):
        erase(officer, ada)
        before = list(Errand.objects.values_list("digest", flat=True))
        assert len(before) == 3  # the search, what is to be confirmed, and that of the job
        queue.deliver()
        assert not Errand.objects.filter(digest__in=before).exists()

    def test_an_error_of_the_project_is_named_by_its_class_alone(self, officer, ada, caplog):
        response = erase(officer, ada)
        with (
            unchanged(Customer),
            mock.patch("gdpr_assist.admin.anonymising.erase", side_effect=ValueError("Ada Lovelace")),
        ):
            queue.deliver()
        page = shown(officer, response)
        assert texts(page)[0] == "Nothing was changed. You can do it again."
        assert "It broke off (ValueError)" in texts(page)[1]
        assert "Lovelace" not in page.content.decode() + caplog.text

    def test_an_error_after_the_commit_does_not_say_that_nothing_was_changed(self, officer, ada):
        response = erase(officer, ada)
        with mock.patch("gdpr_assist.admin.confirmation.outcome", side_effect=ValueError):
            queue.deliver()
        assert row(ada)["name"] == str(ada.pk)
        page = shown(officer, response)
        assert texts(page)[0] == "It is done."
        assert the_job().state == Job.DONE

    def test_what_a_projects_code_says_of_a_denial_is_not_kept(self, officer, ada):
        response = erase(officer, ada)
        with mock.patch("gdpr_assist.admin.anonymising.erase", side_effect=PermissionDenied("Ada Lovelace")):
            queue.deliver()
        assert "Lovelace" not in json.dumps(the_job().said)
        assert texts(shown(officer, response))[1].endswith("to see or to change. PermissionDenied")

    @pytest.mark.parametrize(
        ("error", "end"),
        [
            (AnonymiseError, "Nothing was changed."),
            (partial(PartlyErased, results=[], remaining=[]), "It is done on some databases and not on others."),
        ],
    )
    def test_a_text_for_developers_is_introduced_and_english(self, officer, ada, error, end):
        response = erase(officer, ada)
        with unchanged(Customer), mock.patch("gdpr_assist.admin.anonymising.erase", side_effect=error("<b>No.</b>")):
            queue.deliver()
        page = shown(officer, response)
        assert texts(page)[0].startswith(end)
        assert texts(page)[1:] == ["Show this message to whoever runs the site:", "<b>No.</b>"]
        assert '<li class="error" lang="en">&lt;b&gt;No.&lt;/b&gt;</li>' in page.content.decode()

    @pytest.mark.parametrize("failing", ["claim", "end"])
    def test_nothing_is_raised_into_the_queue(self, officer, ada, failing, caplog):
        erase(officer, ada)
        with mock.patch.object(keeping, failing, side_effect=OperationalError("Ada Lovelace")):
            queue.deliver()
        assert "(OperationalError)" in caplog.text
        assert "Lovelace" not in caplog.text

    def test_nor_for_what_is_no_id(self, db, caplog):
        run_job("x")
        assert "(ValueError)" in caplog.text


class TestErasingAPerson:
    def test_a_worker_does_it(self, officer):
        ada = account("ada")
        order = sale(ada, email=PERSON)
        page = person_page(officer, ada)
        response = send(officer, page, "person-form", {"action": "erase", "residue": "yes"})
        queue.deliver()
        done = shown(officer, response)
        assert row(order)["email"] != PERSON
        assert "All tables were looked through" in " ".join(texts(done))
        assert Receipt.objects.get(pk=the_job().pk).remarks["residue"] == {}

    def test_what_changed_meanwhile_changes_nothing_and_the_page_says_so(self, officer):
        ada = account("ada")
        sale(ada, email=PERSON)
        response = send(officer, person_page(officer, ada), "person-form", {"action": "erase"})
        sale(ada, email=PERSON)
        with unchanged(Account, Sale):
            queue.deliver()
        page = shown(officer, response)
        assert the_job().state == Job.FAILED
        assert "What is there now is not what was shown. Nothing was changed" in texts(page)[1]

    def test_rows_of_the_person_that_are_not_for_the_user_any_more(self, log_in):
        rights = [f"people.{verb}_{name}" for verb in ("view", "change") for name in ("account", "sale")]
        client = log_in("change_personaldata", *rights)
        ada = account("ada")
        sale(ada, email=PERSON)
        response = send(client, person_page(client, ada), "person-form", {"action": "erase"})
        Sale.objects.update(recipient="Cleo")  # only for superusers
        with unchanged(Account, Sale):
            queue.deliver()
        page = shown(client, response)
        assert texts(page)[1:3] == [
            "Some of these rows are not, or not any more, for you to see or to change.",
            "Show this message to whoever runs the site:",
        ]
        assert '<li class="error" lang="en">The admin of people.Sale refuses one of the rows' in page.content.decode()

    def test_the_person_is_gone_meanwhile(self, officer):
        ada = account("ada")
        response = send(officer, person_page(officer, ada), "person-form", {"action": "erase"})
        Account.objects.all().delete()
        queue.deliver()
        assert "Whose this is is not known" in texts(shown(officer, response))[1]


class TestRightsAreReadAgain:
    @pytest.fixture(autouse=True)
    def _own(self, settings):
        settings.GDPR_TOOL_PERMISSIONS = True

    RIGHTS = (
        "search_personaldata",
        "anonymise_personaldata",
        "export_personaldata",
        "view_customer",
        "change_customer",
    )

    @pytest.mark.parametrize(
        ("taken", "told"),
        [
            ("anonymise_personaldata", "gdpr_assist.anonymise_personaldata"),
            ("search_personaldata", "gdpr_assist.search_personaldata"),
            ("change_customer", "None of the selected rows can be anonymised"),
            ("view_customer change_customer", "the permission for this: shop.view_customer"),
        ],
    )
    def test_a_permission_that_was_taken_in_between(self, log_in, ada, taken, told):
        client = log_in(*self.RIGHTS)
        erase(client, ada)
        User.objects.get().user_permissions.remove(
            *User.objects.get().user_permissions.filter(codename__in=taken.split())
        )
        with unchanged(Customer):
            queue.deliver()
        assert the_job().state == Job.FAILED
        assert told in the_job().said[0][1]

    @pytest.mark.parametrize("name", ["is_active", "is_staff"])
    def test_a_user_who_may_not_log_in_any_more(self, officer, ada, name):
        erase(officer, ada)
        User.objects.update(**{name: False})
        with unchanged(Customer):
            queue.deliver()
        assert the_job().said == [[40, "You may not log in here any more."]]

    def test_a_site_that_asks_for_a_session_says_what_is_missing(self, officer, ada):
        erase(officer, ada)
        with mock.patch.object(AdminSite, "has_permission", lambda site, request: bool(request.session)):
            queue.deliver()
        assert "has_permission_without_session() is missing." in the_job().said[0][1]

    @pytest.mark.parametrize(("answer", "state"), [(True, Job.DONE), (False, Job.FAILED)])
    def test_and_may_answer_without(self, officer, ada, answer, state):
        erase(officer, ada)
        with (
            mock.patch.object(AdminSite, "has_permission", lambda site, request: bool(request.session)),
            mock.patch.object(AdminSite, WITHOUT_SESSION, return_value=answer, create=True),
        ):
            queue.deliver()
        assert the_job().state == state

    def test_a_user_who_is_gone(self, officer, ada):
        erase(officer, ada)
        User.objects.all().delete()
        with unchanged(Customer):
            queue.deliver()
        assert the_job().state == Job.FAILED

    @pytest.mark.parametrize("taken", ["export_personaldata", "view_customer change_customer"])
    def test_a_download_asks_again(self, log_in, ada, taken):
        client = log_in(*self.RIGHTS)
        response = export(client, ada)
        queue.deliver()
        User.objects.get().user_permissions.remove(
            *User.objects.get().user_permissions.filter(codename__in=taken.split())
        )
        answer = client.post(response.url)
        assert answer.status_code == 403
        assert taken.split()[0] in answer.content.decode()
        assert the_job().file


class TestExporting:
    def test_a_worker_makes_the_zip_and_it_is_downloaded_once(self, officer, ada, zips):
        response = export(officer, ada, format="json")
        assert zips() == []
        queue.deliver()
        job = the_job()
        assert zips() == [job.file]
        page = shown(officer, response)
        assert (job.state, job.done, page.context["has_file"]) == (Job.DONE, 1, True)
        sent = officer.post(Forms(page).actions["download-form"])
        content = sent.getvalue()
        assert sent.headers["Content-Length"] == str(len(content))
        archive = zipfile.ZipFile(io.BytesIO(content))
        assert TERM in archive.read(next(each for each in archive.namelist() if each == "shop-Customer.json")).decode()
        noted = Export.objects.get()
        assert (noted.pk, noted.state, noted.counts) == (job.pk, Export.WHOLE, {"shop.Customer": 1})
        assert noted.digest
        assert noted.reference in sent.headers["Content-Disposition"]
        assert "no-store" in sent.headers["Cache-Control"]
        assert zips() == []
        again = officer.post(response.url, follow=True)
        assert said(again) == ["There is no file, or it was fetched before."]
        assert "The file was downloaded, and is deleted." in again.content.decode()

    def test_a_download_that_breaks_off_can_be_made_again(self, officer, ada, zips):
        response = export(officer, ada)
        queue.deliver()
        broken = officer.post(response.url)
        next(iter(broken.streaming_content))
        broken._iterator.close()  # as the server does when the browser has gone
        assert len(zips()) == 1
        assert zipfile.ZipFile(io.BytesIO(officer.post(response.url).getvalue())).testzip() is None
        assert zips() == []

    def test_one_that_is_given_up_while_it_is_stored_leaves_no_file(self, officer, ada, zips):
        export(officer, ada)
        save = FileSystemStorage._save

        def given_up(storage, name, content):
            Job.objects.update(state=Job.BROKEN)
            return save(storage, f"other-{name}", content)

        with mock.patch.object(FileSystemStorage, "_save", given_up):
            queue.deliver()
        assert zips() == []

    def test_one_that_cannot_be_deleted_after_the_download_is_at_the_next_visit(self, officer, ada, zips):
        response = export(officer, ada)
        queue.deliver()
        with mock.patch.object(FileSystemStorage, "delete", side_effect=OSError):
            assert officer.post(response.url).getvalue()
        assert len(zips()) == 1
        officer.get(TOOL)
        assert zips() == []

    def test_a_storage_that_tells_no_size_sends_it_without(self, officer, ada):
        response = export(officer, ada)
        queue.deliver()
        with mock.patch.object(FileSystemStorage, "size", side_effect=NotImplementedError):
            sent = officer.post(response.url)
        assert "Content-Length" not in sent.headers
        assert sent.getvalue()

    def test_that_of_a_person(self, officer, zips):
        ada = account("ada")
        sale(ada, email=PERSON)
        response = send(officer, person_page(officer, ada), "person-form", {"action": "export", "format": "complete"})
        queue.deliver()
        archive = zipfile.ZipFile(io.BytesIO(officer.post(response.url).getvalue()))
        assert {"index.html", "manifest.json"} <= set(archive.namelist())

    def test_without_a_storage_the_request_sends_it(self, officer, ada, settings):
        settings.GDPR_EXPORT_STORAGE = None
        assert export(officer, ada).headers["Content-Type"] == "application/zip"
        assert not Job.objects.exists()

    def test_the_search_stays(self, officer, ada):
        export(officer, ada)
        before = Errand.objects.count()
        queue.deliver()
        assert Errand.objects.count() == before - 1  # what the job was about

    def test_a_storage_that_fails(self, officer, ada, zips):
        response = export(officer, ada)
        with mock.patch.object(FileSystemStorage, "_save", side_effect=OSError("Ada on a full disk")):
            queue.deliver()
        page = shown(officer, response)
        assert texts(page)[0] == "There is no file. You can do it again."
        assert "It broke off (OSError)" in texts(page)[1]
        assert "Ada on" not in page.content.decode()
        assert Export.objects.get().state == Export.BROKEN
        assert zips() == []

    def test_a_storage_that_cannot_be_read(self, officer, ada):
        response = export(officer, ada)
        queue.deliver()
        with mock.patch.object(FileSystemStorage, "_open", side_effect=OSError):
            assert said(officer.post(response.url)) == ["The file could not be read. Please try again later."]
        assert the_job().file

    def test_a_row_that_cannot_be_exported(self, officer, ada, zips):
        response = export(officer, ada)
        with mock.patch("gdpr_assist.export.csv.write", side_effect=ValueError("Ada Lovelace")):
            queue.deliver()
        page = shown(officer, response)
        assert "the export broke off: ValueError" in texts(page)[2]
        assert "Lovelace" not in page.content.decode()
        assert (Export.objects.get().state, zips()) == (Export.BROKEN, [])

    def test_it_speaks_the_language_of_who_asked(self, officer, ada):
        with mock.patch("gdpr_assist.admin.background.get_language", return_value="de"):
            export(officer, ada)
        spoken = []

        def write(*args, **kwargs):
            spoken.append(get_language())
            return iter(())

        with mock.patch("gdpr_assist.export.csv.write", write):
            queue.deliver()
        assert spoken == ["de"]


class TestWhoseItIs:
    def test_another_user_has_no_such_page(self, officer, ada):
        response = erase(officer, ada)
        other = Client()
        other.force_login(User.objects.create_superuser("other"))
        assert other.get(response.url).status_code == 404
        assert other.post(response.url).status_code == 404

    def test_nor_has_another_site(self, officer, ada):
        response = erase(officer, ada)
        elsewhere = response.url.replace("/shop/", "/admin/", 1)
        assert officer.get(elsewhere).status_code == 404

    def test_nor_has_anybody_who_may_not_use_the_tool(self, log_in, ada, officer):
        response = erase(officer, ada)
        User.objects.update(is_superuser=False)
        assert officer.get(response.url).status_code == 403

    @pytest.mark.parametrize("text", ["x", "0" * 32, "%00", "..", "9" * 5000])
    def test_what_is_no_id(self, officer, text):
        assert officer.get(f"{TOOL}job/{text}/").status_code == 404

    def test_the_first_page_lists_ones_own(self, officer, ada):
        response = erase(officer, ada)
        other = Client()
        other.force_login(User.objects.create_superuser("other"))
        assert response.url in officer.get(TOOL).content.decode()
        assert response.url not in other.get(TOOL).content.decode()


class TestWhatIsKept:
    def test_no_table_and_no_queue_has_what_it_is_about(self, officer):
        ada = account("ada")
        customer = Customer.objects.create(name="Seeded Token", email="seeded.token@example.org")
        page = search(officer, "seeded.token@example.org")
        before = dump()
        send(officer, page, "results-form", {"action": "export", "obj_pk": obj_pk(customer)})
        send(officer, person_page(officer, ada), "person-form", {"action": "erase"})
        changed = {key: rows for key, rows in dump().items() if rows != before[key]}
        assert ("default", "gdpr_assist_job") in changed
        assert "seeded" not in json.dumps([*changed.values(), queue.waiting], default=str).lower()
        assert all(len(args) == 1 and len(args[0]) == 36 for args in queue.waiting)

    def test_the_tables_alone_do_not_open_it(self, officer, ada, settings):
        erase(officer, ada)
        job = the_job()
        user = User.objects.get()
        assert keeping.content_of(job, user)["purpose"] == "search"
        settings.SECRET_KEY = "another"
        assert keeping.content_of(job, user) is None

    def test_a_copy_has_no_jobs(self, officer, ada, settings):
        erase(officer, ada)
        settings.GDPR_CAN_ANONYMISE_DATABASE = True
        scrub(prepare(["default"]))
        assert not Job.objects.exists()


class TestTheQueue:
    def test_one_that_takes_nothing_leaves_nothing(self, officer, ada, monkeypatch, caplog):
        monkeypatch.setattr(background, "TASK", "tests.admin.queue.broken")
        page = asked_to_erase(officer, ada)
        with untouched():
            response = send(officer, page, "anonymise-form", number(page))
        assert "nobody took it over to do it (ConnectionError). Nothing was changed." in " ".join(said(response))
        assert "secret of the queue" not in caplog.text + response.content.decode()
        monkeypatch.setattr(background, "TASK", "tests.admin.queue.run")
        send(officer, page, "anonymise-form", number(page))
        queue.deliver()
        assert row(ada)["name"] == str(ada.pk)

    def test_one_that_raises_after_it_has_delivered_leads_to_the_job(self, officer, ada, monkeypatch):
        monkeypatch.setattr(background, "TASK", "tests.admin.queue.late")
        page = shown(officer, erase(officer, ada))
        assert texts(page)[0] == "It is done."
        assert row(ada)["name"] == str(ada.pk)

    def test_an_id_that_somebody_else_has_is_refused(self, officer, ada):
        page = asked_to_erase(officer, ada)
        with mock.patch.object(keeping, "start", side_effect=IntegrityError), unchanged(Customer):
            response = send(officer, page, "anonymise-form", number(page))
        assert "was shown to somebody else" in " ".join(said(response))

    @pytest.mark.parametrize(("act", "told"), [(erase, "nothing was changed"), (export, "there is no file")])
    def test_one_that_was_never_begun_says_so_after_24_hours_and_24_hours_later_it_is_gone(
        self, officer, ada, act, told
    ):
        response = act(officer, ada)
        Job.objects.update(expires=timezone.now() - timedelta(seconds=1))
        with unchanged(Customer):
            queue.deliver()
        assert texts(shown(officer, response)) == [f"It was never begun: {told}. You can do it again."]
        assert "never begun" in officer.get(TOOL).content.decode()
        assert keeping.content_of(the_job(), User.objects.get()) is None
        Job.objects.update(expires=timezone.now() - timedelta(seconds=1))
        assert officer.get(response.url).status_code == 404
        assert not Job.objects.exists()

    def test_one_that_waits_says_that_nobody_has_taken_it_after_some_minutes(self, officer, ada):
        response = erase(officer, ada)
        assert "No worker has taken this yet." not in shown(officer, response).content.decode()
        Job.objects.update(created=timezone.now() - timedelta(minutes=6))
        assert "No worker has taken this yet." in shown(officer, response).content.decode()

    def test_one_that_waits_can_be_withdrawn(self, officer, ada):
        response = erase(officer, ada)
        send(officer, shown(officer, response), "withdraw-form", {"action": "withdraw"})
        with unchanged(Customer):
            queue.deliver()
        page = shown(officer, response)
        assert texts(page) == ["It was never begun: nothing was changed. You can do it again."]
        assert "withdraw-form" not in page.content.decode()

    def test_one_that_was_begun_cannot(self, officer, ada):
        response = erase(officer, ada)
        page = shown(officer, response)
        queue.deliver()
        refused = send(officer, page, "withdraw-form", {"action": "withdraw"}, follow=True)
        assert said(refused) == ["This was begun or ended in the meantime: it cannot be withdrawn."]
        assert the_job().state == Job.DONE

    def test_without_the_setting_there_is_not_one_query_more(self, officer, ada, settings):
        settings.GDPR_TASK_BACKEND = None
        page = asked_to_erase(officer, ada)
        acts = [
            lambda: officer.get(TOOL),
            lambda: search(officer),
            lambda: export(officer, ada),
            lambda: send(officer, page, "anonymise-form", number(page)),
        ]
        assert [sql for act in acts for sql in queries(act) if "gdpr_assist_job" in sql] == []
        assert row(ada)["name"] == str(ada.pk)


class TestSilence:
    """A worker of which nothing is heard: what the page says of its work stays true."""

    @pytest.fixture(autouse=True)
    def _at_once(self, monkeypatch):
        monkeypatch.setattr(settling, "SILENCE", timedelta(seconds=-1))

    def test_an_erasure_that_was_not_done(self, officer, ada):
        response = erase(officer, ada)
        keeping.claim(the_job().pk)
        page = shown(officer, response)
        assert texts(page) == ["The worker ended before it was done, and all was rolled back. Nothing was changed."]
        assert the_job().state == Job.BROKEN
        assert not Errand.objects.filter(expires__gt=timezone.now() + timedelta(hours=1)).exists()

    def test_a_worker_that_only_slept_changes_nothing_afterwards(self, officer, ada):
        response = erase(officer, ada)

        def sleep(*args, **kwargs):
            assert shown(officer, response).context["job"].state == Job.BROKEN

        with unchanged(Customer), mock.patch("gdpr_assist.admin.anonymising.confirmation.check_plans", sleep):
            queue.deliver()
        assert the_job().state == Job.BROKEN
        assert not Receipt.objects.exists()

    def test_an_erasure_that_was_done_by_a_worker_that_ended_then(self, officer, ada):
        response = erase(officer, ada)
        with mock.patch.object(keeping, "end", side_effect=SystemExit), suppress(SystemExit):
            queue.deliver()
        assert the_job().state == Job.RUNNING
        assert texts(shown(officer, response)) == ["It is done."]

    def test_the_same_without_a_log(self, officer, ada, settings):
        settings.GDPR_LOG_ON_ANONYMISE = False
        response = erase(officer, ada)
        with mock.patch.object(keeping, "end", side_effect=SystemExit), suppress(SystemExit):
            queue.deliver()
        assert texts(shown(officer, response)) == ["It is done."]

    def test_an_export_leaves_no_file(self, officer, ada, zips):
        response = export(officer, ada)
        with mock.patch.object(keeping, "end", side_effect=SystemExit), suppress(SystemExit):
            queue.deliver()
        assert len(zips()) == 1
        page = shown(officer, response)
        assert "The worker ended before the file was complete." in texts(page)[0]
        assert (zips(), Export.objects.get().state) == ([], Export.BROKEN)
        assert officer.post(response.url, follow=True).status_code == 200

    def test_the_clock_of_a_worker_is_not_asked(self, officer, ada, monkeypatch):
        monkeypatch.setattr(settling, "SILENCE", timedelta(minutes=1))
        response = erase(officer, ada)
        with mock.patch.object(timezone, "now", return_value=timezone.now() - timedelta(hours=2)):
            keeping.claim(the_job().pk)
        assert shown(officer, response).context["job"].state == Job.RUNNING

    def test_one_of_anybody_that_cannot_be_settled_fails_no_page(self, officer, ada, caplog):
        response = erase(officer, ada)
        keeping.claim(the_job().pk)
        with mock.patch.object(settling, "_fate", side_effect=OperationalError("Ada Lovelace")):
            assert officer.get(TOOL).status_code == 200
            assert shown(officer, response).context["job"].state == Job.RUNNING
        assert "could not be settled (OperationalError)" in caplog.text
        assert "Lovelace" not in caplog.text
        assert shown(officer, response).context["job"].state == Job.BROKEN

    def test_a_database_that_cannot_be_asked_fails_no_page(self, officer, ada):
        response = erase(officer, ada)
        with mock.patch.object(keeping, "jobs", side_effect=OperationalError("Ada Lovelace")):
            page = officer.get(TOOL)
            of_the_job = officer.get(response.url)
        for answer, status in [(page, 200), (of_the_job, 503)]:
            assert answer.status_code == status
            assert "The database could not do this (OperationalError)" in " ".join(said(answer))
            assert "Lovelace" not in answer.content.decode()

    def test_a_broken_connection_of_the_heartbeat_is_closed(self, db, monkeypatch):
        beaten, connection = Event(), mock.Mock()
        connection.close_if_unusable_or_obsolete.side_effect = beaten.set
        monkeypatch.setattr(heartbeat, "INTERVAL", 0.01)
        monkeypatch.setattr(heartbeat, "note", mock.Mock(side_effect=OperationalError))
        monkeypatch.setattr(heartbeat, "connections", {keeping.using(): connection})
        with heartbeat.Heartbeat(Job(), lambda: 0):
            assert beaten.wait(30)


class TestTheEnd:
    @pytest.fixture
    def done(self, officer, ada):
        response = export(officer, ada)
        queue.deliver()
        Job.objects.update(expires=timezone.now() - timedelta(seconds=1))
        return response

    def test_after_24_hours_nothing_is_left_once_the_tool_is_visited(self, officer, done, zips):
        officer.get(TOOL)
        assert (Job.objects.count(), zips()) == (0, [])

    def test_its_page_and_its_zip_are_gone_at_once(self, officer, done, zips):
        assert officer.get(done.url).status_code == 404
        assert officer.post(done.url).status_code == 404
        assert zips() == []

    def test_gdpr_prune_removes_it(self, done, zips, settings):
        settings.GDPR_LOG_RETENTION = timedelta(days=90)
        call_command("gdpr_prune", stdout=io.StringIO())
        assert (Job.objects.count(), zips()) == (0, [])

    def test_a_dry_run_does_not(self, done, zips, settings):
        settings.GDPR_LOG_RETENTION = timedelta(days=90)
        call_command("gdpr_prune", "--dry-run", stdout=io.StringIO())
        assert (Job.objects.count(), len(zips())) == (1, 1)

    def test_what_cannot_be_deleted_is_tried_again(self, officer, done, zips, caplog):
        with mock.patch.object(FileSystemStorage, "delete", side_effect=OSError):
            assert officer.get(done.url).status_code == 404
        assert (Job.objects.count(), len(zips())) == (1, 1)
        assert "could not be deleted (OSError)" in caplog.text
        officer.get(TOOL)
        assert (Job.objects.count(), zips()) == (0, [])
