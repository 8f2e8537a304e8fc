"""The page of work that a worker does: it follows by itself, is in order for axe, and hands out the zip."""

import os
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.long_work import IS_INSTALLED

from .markup import inline
from .site import WITH_A_QUEUE, make_queue, served, work
from .steps import LAPTOP, LONGEST_STEP, SEARCH, TELEPHONE, erase, find, findings, heading, press, told

pytestmark = [
    pytest.mark.anywhere,
    pytest.mark.skipif(not IS_INSTALLED, reason="no queue is installed: see tests/long_work/requirements.txt"),
]

# A folder to which pictures of the pages are written
SCREENSHOTS = os.environ.get("SCREENSHOTS", "")


@pytest.fixture(scope="module")
def site(seeded, tmp_path_factory, _there_is_a_browser):
    folder = tmp_path_factory.mktemp("queue")
    shutil.copytree(seeded(), folder, dirs_exist_ok=True)
    make_queue(folder)
    with served(folder, settings=WITH_A_QUEUE) as site:
        yield site


def in_order(page, name):
    assert findings(page) == [], name
    assert inline(page.request.get(page.url).text()) == [], name
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)


def state(page):
    return page.locator(".gdpr-state strong").inner_text()


def ask_for_export(page):
    page.locator("[name=format]").select_option("json")
    press(page, page.locator("[name=action][value=export]"))


@pytest.mark.parametrize(
    ("viewport", "scheme"), [(LAPTOP, "light"), (TELEPHONE, "dark")], ids=["laptop", "telephone, dark"]
)
def test_an_erasure_is_followed_to_its_end(desk, site, person, viewport, scheme):
    with desk(viewport, color_scheme=scheme) as page:
        page.goto(site.url(SEARCH))
        find(page, person)
        erase(page)
        assert heading(page) == "Erasure in the background"
        assert state(page) == "Waiting for a worker"
        assert not told(person, page.content() + page.url)
        in_order(page, f"job-waiting-{scheme}")
        work(site.folder)
        page.get_by_text("It is done.").wait_for(timeout=LONGEST_STEP)
        assert site.email_of(person) == f"{person.key}@anon.example.com"
        in_order(page, f"job-done-{scheme}")
        press(page, page.get_by_role("link", name="To the erasure and its receipt"))
        assert heading(page) == "Erasure"


@pytest.mark.parametrize(
    ("viewport", "scheme"), [(LAPTOP, "light"), (TELEPHONE, "dark")], ids=["laptop", "telephone, dark"]
)
def test_an_export_is_found_again_and_downloaded_once(desk, site, person, viewport, scheme):
    with desk(viewport, color_scheme=scheme) as page:
        page.goto(site.url(SEARCH))
        find(page, person)
        ask_for_export(page)
        running = page.url
        site.change(
            "UPDATE gdpr_assist_job SET state = 'running', phase = 'working', done = 3, total = 8, seen = "
            "'2999-01-01 00:00:00' WHERE state = 'waiting'"
        )
        page.locator("progress").wait_for(timeout=LONGEST_STEP)
        assert "3 of 8 rows are written" in page.locator("#content").inner_text()
        in_order(page, f"job-running-{scheme}")
        site.change("UPDATE gdpr_assist_job SET state = 'waiting', phase = '' WHERE state = 'running'")
        page.goto(site.url())
        work(site.folder)
        page.goto(site.url(SEARCH))
        in_order(page, f"job-list-{scheme}")
        press(page, page.get_by_role("link", name="Export,").first)
        assert page.url == running
        in_order(page, f"job-file-{scheme}")
        with page.expect_download() as download:
            page.get_by_role("button", name="Download").click()
        assert "account.json" in zipfile.ZipFile(download.value.path()).namelist()
        assert not told(person, download.value.suggested_filename)
        page.goto(running)
        assert "The file was downloaded, and is deleted." in page.locator("#content").inner_text()
        in_order(page, f"job-fetched-{scheme}")


def test_it_follows_without_javascript(desk, site, person):
    with desk(java_script_enabled=False) as page:
        page.goto(site.url(SEARCH))
        find(page, person)
        ask_for_export(page)
        assert state(page) == "Waiting for a worker"
        work(site.folder)
        page.get_by_role("button", name="Download").wait_for(timeout=LONGEST_STEP)


def test_what_broke_off_says_so(desk, site, person):
    with desk() as page:
        page.goto(site.url(SEARCH))
        find(page, person)
        erase(page)
        site.change(
            "UPDATE gdpr_assist_job SET state = 'running', phase = 'working', seen = '2020-01-01 00:00:00' "
            "WHERE state = 'waiting'"
        )
        page.get_by_text("Nothing was changed.").wait_for(timeout=LONGEST_STEP)
        assert state(page) == "Broken off"
        assert site.email_of(person) == person.email
        in_order(page, "job-broken")
        work(site.folder)
        assert site.email_of(person) == person.email
