"""What an officer does, from the letter to the receipt, in a real browser on the example site."""

import csv
import io
import json
import os
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from .markup import inline

pytestmark = pytest.mark.anywhere

SEARCH = "gdpr_assist/personaldata/"
ERASURES = "gdpr_assist/operation/"
EXPORTS = "gdpr_assist/export/"

# A folder to which pictures of the pages are written
SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
PICTURE = {"width": 1000, "height": 600}

LAPTOP = {"width": 1280, "height": 900}
TELEPHONE = {"width": 400, "height": 800}

# In milliseconds
LONGEST_STEP = 10_000


def log_in(page, site, name):
    page.goto(site.url())
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(name)
    press(page, page.get_by_role("button", name="Log in"))


@pytest.fixture(scope="module")
def officer(browser, site):
    """What her browser keeps once she has logged in."""
    context = browser.new_context()
    log_in(context.new_page(), site, "officer")
    kept = context.storage_state()
    context.close()
    return kept


@pytest.fixture(scope="module")
def letters(site):
    """One person after the other: each can be erased once."""
    return iter(site.people())


@pytest.fixture
def person(letters):
    return next(letters)


@pytest.fixture
def desk(browser, site, officer, person):
    """Opens a page at which the officer is logged in; afterwards nothing of the person was told to anybody."""
    urls, cookies = [], []

    @contextmanager
    def opened(viewport=LAPTOP, **options):
        context = browser.new_context(viewport=viewport, locale="en-GB", storage_state=officer, **options)
        context.set_default_timeout(LONGEST_STEP)
        context.on("request", lambda request: urls.append(request.url))
        page = context.new_page()
        page.goto(site.url(SEARCH))
        yield page
        cookies.extend(context.cookies())
        context.close()

    yield opened
    assert urls
    assert not told(person, "\n".join(urls))
    assert not told(person, json.dumps(cookies))
    assert not told(person, site.log())


@pytest.fixture
def page(desk):
    with desk() as page:
        yield page


def told(person, text):
    """Return what ``text`` says of a person, as it is or as it stands in a URL."""
    text = text.lower()
    known = {
        person.email,
        person.username,
        person.name,
        person.email.replace("@", "%40"),
        person.name.replace(" ", "+"),
    }
    return {each for each in known if each.lower() in text}


# Steps


def press(page, button):
    """Press what leads to another page, and wait for that."""
    with page.expect_navigation():
        button.click()


def search(page, person):
    page.get_by_label("Search term").fill(person.email)
    press(page, page.get_by_role("button", name="Search"))


def show(page, person):
    found = page.locator(".gdpr-found").filter(has=page.get_by_role("heading", name=person.username, exact=True))
    press(page, found.get_by_role("button", name="Show this person"))


def find(page, person):
    search(page, person)
    show(page, person)


def button_to_erase(page):
    return page.get_by_role("button", name="Yes, erase this person")


def erase(page):
    press(page, button_to_erase(page))


def export(page, format):
    page.get_by_label("Export as").select_option(format)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    archive = zipfile.ZipFile(download.value.path())
    assert archive.testzip() is None
    return archive, download.value.suggested_filename


def receipt(page, reference):
    press(page, page.get_by_role("button", name="Receipt to print"))
    page.get_by_label("Your reference").fill(reference)
    press(page, page.get_by_role("button", name="Put it on the receipt"))


def heading(page):
    return page.locator("#content h1").inner_text()


def rows(page):
    return page.locator("#result_list tbody tr").all_inner_texts()


# A request for access


def test_who_is_found_is_shown_with_what_an_erasure_would_do(page, site, person):
    find(page, person)
    assert heading(page) == "Personal data of one person"
    account = page.locator(".gdpr-group").first
    assert not account.get_by_role("table").is_visible()
    account.get_by_text("Before and after").click()
    assert account.get_by_role("row", name=person.email).inner_text().split("\t") == [
        "Email address",
        person.email,
        f"becomes {person.key}@anon.example.com",
    ]
    assert account.get_by_role("row", name="Active").inner_text().split("\t") == ["Active", "Yes", "becomes No"]
    assert site.email_of(person) == person.email


def test_tables_are_read_back(page, person):
    find(page, person)
    archive, name = export(page, "csv")
    assert not told(person, name)
    [account] = csv.DictReader(io.StringIO(archive.read("account.csv").decode("utf-8-sig")))
    assert account["email"] == person.email
    assert archive.read("account.csv").startswith(b"\xef\xbb\xbf")
    page.goto(page.url)
    page.get_by_label("byte order mark").uncheck()
    assert not export(page, "csv")[0].read("account.csv").startswith(b"\xef\xbb\xbf")


def test_data_for_programs_are_read_back(page, person):
    find(page, person)
    archive, name = export(page, "json")
    assert not told(person, name)
    [account] = json.loads(archive.read("account.json"))
    assert account["email"] == person.email
    assert set(account) <= set(json.loads(archive.read("account.schema.json"))["items"]["properties"])


def test_the_complete_export_is_read_as_a_customer_reads_it(page, person, tmp_path):
    find(page, person)
    archive, name = export(page, "complete")
    assert not told(person, name)
    archive.extractall(tmp_path)
    assert [account["email"] for account in json.loads((tmp_path / "json/account.json").read_text())] == [person.email]
    assert list((tmp_path / "files").rglob("*.png"))
    page.goto((tmp_path / "index.html").as_uri())
    assert findings(page) == []
    press(page, page.get_by_role("link", name="Users", exact=True))
    assert page.get_by_text(person.email).is_visible()
    assert inline(page.content()) == []


def test_exports_are_listed(page, site, person):
    find(page, person)
    _archive, name = export(page, "json")
    page.goto(site.url(EXPORTS))
    reference = Path(name).stem.rpartition("-")[2]
    [row] = [row for row in rows(page) if reference in row]
    assert "1 user" in row
    assert row.split("\t")[2:] == ["officer", "json", reference, "whole"]


# A request for erasure


def test_an_erasure_has_its_page_and_its_receipt(page, site, person):
    find(page, person)
    erase(page)
    assert heading(page) == "Erasure"
    assert site.email_of(person) == f"{person.key}@anon.example.com"
    assert "1 user anonymised" in page.locator("#content").inner_text()
    assert not told(person, page.content())
    operation = page.locator("code").inner_text()

    receipt(page, "2026/17")
    page.emulate_media(media="print")
    printed = page.locator("body").inner_text()
    assert "Your reference: 2026/17" in printed
    assert operation in printed
    assert "1 user anonymised" in printed
    assert not told(person, printed)
    for hidden in ("header", "nav", ".breadcrumbs", "form"):
        assert not any(each.is_visible() for each in page.locator(hidden).all()), hidden
    page.goto(page.url)
    assert "2026/17" not in page.content()

    page.goto(site.url(ERASURES))
    newest = page.locator("#result_list tbody tr").first
    assert "1 user" in newest.inner_text()
    assert newest.inner_text().split("\t")[2:] == ["officer", "done"]
    press(page, newest.get_by_role("link"))
    assert page.locator("code").inner_text() == operation


def test_who_was_erased_is_not_found(page, site, person):
    find(page, person)
    erase(page)
    page.goto(site.url(SEARCH))
    search(page, person)
    assert page.get_by_role("heading", name=person.username, exact=True).count() == 0


# Back, Reload, and twice


def test_back_and_reload_show_the_same_page_and_change_nothing(page, site, person):
    seen = [page.url]
    for step in (search, show):
        step(page, person)
        seen.append(page.url)
        shown = page.locator("#content").inner_text()
        page.reload()
        assert (page.url, page.locator("#content").inner_text()) == (seen[-1], shown)
    assert len(set(seen)) == 3
    for url in reversed(seen[:-1]):
        page.go_back()
        assert page.url == url
    for url in seen[1:]:
        page.go_forward()
        assert page.url == url
    assert site.email_of(person) == person.email
    export(page, "csv")
    assert page.url == seen[-1]
    erase(page)
    operation = page.url
    page.reload()
    assert (page.url, heading(page)) == (operation, "Erasure")


def test_who_confirms_twice_is_shown_what_was_done_once(page, site, person):
    find(page, person)
    before = count(page, site)
    page.go_back()
    page.locator("#person-form").evaluate("form => form.target = '_blank'")
    operations = []
    for _time in range(2):
        with page.expect_popup() as popup:
            button_to_erase(page).click()
        popup.value.wait_for_load_state()
        operations.append(popup.value.url)
    assert "It was not done again." in popup.value.locator(".messagelist").inner_text()
    assert operations[0] == operations[1]
    assert count(page, site) == before + 1


def test_nothing_is_left_to_confirm_behind_an_erasure(page, person):
    find(page, person)
    erase(page)
    page.go_back()
    assert "is over" in page.locator(".messagelist").inner_text()
    assert not told(person, page.content())


def count(page, site):
    page.goto(site.url(ERASURES))
    return len(rows(page))


# Without a mouse, and without a script


def test_the_keyboard_is_enough(page, site, person):
    assert focused(page) == "term"
    page.keyboard.type(person.email)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/*/")
    tab_to(page, "Show this person…")
    page.keyboard.press("Enter")
    page.wait_for_url("**/person/*/")
    tab_to(page, "Before and after")
    page.keyboard.press("Enter")
    assert page.get_by_role("row", name=person.email).first.is_visible()
    tab_to(page, "Yes, erase this person")
    page.keyboard.press("Enter")
    page.wait_for_url("**/operation/*/change/")
    assert site.email_of(person) != person.email


def focused(page):
    return page.evaluate("document.activeElement.name || document.activeElement.innerText")


def tab_to(page, text, most=200):
    for _press in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText") == text:
            return
    raise AssertionError(f"Nobody comes to {text!r} with the keyboard.")


def test_no_script_is_needed(desk, site, person):
    with desk(java_script_enabled=False) as page:
        find(page, person)
        page.locator("summary").first.click()
        assert page.get_by_role("row", name=person.email).first.is_visible()
        assert export(page, "json")[0].namelist()
        erase(page)
        receipt(page, "2026/17")
        assert "2026/17" in page.locator(".gdpr-reference").inner_text()
    assert site.email_of(person) != person.email


# Looks


def walk(page, site, person):
    """Yield the name of each page once it is shown."""
    yield "search"
    search(page, person)
    yield "found"
    show(page, person)
    yield "person"
    page.locator("summary").first.click()
    yield "before_and_after"
    export(page, "complete")
    erase(page)
    yield "operation"
    receipt(page, "2026/17")
    yield "receipt"
    page.goto(site.url(ERASURES))
    yield "erasures"
    page.goto(site.url(EXPORTS))
    yield "exports"
    page.goto(site.url("forum/comment/"))
    for box in page.locator("tbody .action-select").all()[:2]:
        box.check()
    page.locator("select[name=action]").select_option("anonymise")
    press(page, page.locator("button[name=index]"))
    yield "confirmation"


@pytest.mark.parametrize(
    ("viewport", "scheme"), [(LAPTOP, "light"), (TELEPHONE, "dark")], ids=["laptop", "telephone, dark"]
)
def test_each_page_is_in_order(desk, site, person, viewport, scheme):
    with desk(viewport, color_scheme=scheme) as page:
        for name in walk(page, site, person):
            assert findings(page) == [], name
            assert inline(page.request.get(page.url).text()) == [], name
            assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], name
            if viewport == LAPTOP:
                picture(page, name)


def picture(page, name):
    if SCREENSHOTS:
        page.set_viewport_size(PICTURE)
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)
        page.set_viewport_size(LAPTOP)


def findings(page):
    """Return what axe finds: each rule, with the first thing that breaks it."""
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415  (may not be there)

    return [(rule["id"], rule["nodes"][0]["html"]) for rule in Axe().run(page).response["violations"]]
