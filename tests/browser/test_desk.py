"""What an officer does, from the letter to the receipt, in a real browser on the example site."""

import csv
import io
import json
from pathlib import Path

import pytest

from .markup import inline
from .steps import (
    ERASURES,
    EXPORTS,
    SEARCH,
    button_to_erase,
    erase,
    export,
    find,
    findings,
    heading,
    press,
    receipt,
    rows,
    search,
    show,
    told,
)

pytestmark = pytest.mark.anywhere

# A request for access


def test_who_is_found_is_shown_with_what_an_erasure_would_do(page, site, person):
    find(page, person)
    assert heading(page) == "Personal data of one person"
    account = page.locator(".gdpr-part .gdpr-group").first
    assert not account.get_by_role("table").is_visible()
    account.get_by_text("Before and after").click()
    assert account.get_by_role("row", name=person.email).inner_text().split("\t") == [
        "Email address",
        person.email,
        f"will become {person.key}@anon.example.com",
    ]
    assert account.get_by_role("row", name="Active").inner_text().split("\t") == ["Active", "Yes", "will become No"]
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
    assert row.split("\t")[2:] == ["officer", "Data for programs (JSON)", reference, "whole"]


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
    assert "Our reference: 2026/17" in printed
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


def test_who_was_erased_is_erased_again_only_with_a_tick(page, site, person):
    find(page, person)
    erase(page)
    page.goto(site.url(f"auth/user/{person.key}/change/"))
    press(page, page.locator(".gdpr-link button").first)
    assert "was erased on" in page.locator(".gdpr-ends").inner_text()
    assert button_to_erase(page).count() == 0
    assert findings(page) == []
    page.get_by_label("Anonymise again").check()
    press(page, page.get_by_role("button", name="Show what will be done"))
    assert page.get_by_label("Anonymise again").is_checked()
    assert findings(page) == []
    erase(page)
    assert heading(page) == "Erasure"


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
    operation = page.url
    page.go_back()
    assert heading(page) == "This is done"
    assert not told(person, page.content())
    press(page, page.get_by_role("link", name="Show the erasure"))
    assert page.url == operation


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
