"""How each page looks: in order for axe, on a laptop and a telephone, in light and dark, and from right to left."""

import os
from itertools import chain
from pathlib import Path

import pytest

from .markup import inline
from .seen import has_border, is_in_width, is_red, too_small, without_focus
from .site import ADD_CLERK
from .steps import ERASURES, LAPTOP, SEARCH, TELEPHONE, export, find, findings, heading, log_in, press
from .walk import ADD_COMMENTS, walk, walk_of_a_model

pytestmark = pytest.mark.anywhere

# A folder to which pictures of the pages are written
SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
PICTURE = {"width": 1000, "height": 600}


def picture(page, name):
    if SCREENSHOTS:
        page.set_viewport_size(PICTURE)
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)
        if name == "person":
            page.screenshot(path=Path(SCREENSHOTS) / "desk.png")
        page.set_viewport_size(LAPTOP)


@pytest.mark.parametrize(
    ("viewport", "scheme"), [(LAPTOP, "light"), (TELEPHONE, "dark")], ids=["laptop", "telephone, dark"]
)
def test_each_page_is_in_order(desk, site, person, viewport, scheme):
    with desk(viewport, color_scheme=scheme) as page:
        for name in chain(walk(page, site, person), walk_of_a_model(page, site)):
            if viewport == LAPTOP:
                picture(page, name)
            assert findings(page) == [], name
            assert inline(page.request.get(page.url).text()) == [], name
            assert is_in_width(page), name
            assert without_focus(page) == [], name
            assert viewport == LAPTOP or too_small(page) == [], name


def test_each_page_is_in_order_from_right_to_left(desk, site, person):
    """In Hebrew, which Django speaks; what the tool says itself may be English."""
    with desk(TELEPHONE, locale="he") as page:
        for name in walk(page, site, person):
            assert page.locator("html[lang=he][dir=rtl]").count() == 1, name
            assert findings(page) == [], name
            assert is_in_width(page), name


def test_the_button_that_nobody_takes_back_is_red(page, person):
    assert has_border(page.locator("[name=term]"))
    find(page, person)
    assert is_red(page.locator(".gdpr-erase"))
    assert not is_red(page.locator(".gdpr-cancel"))


def test_what_is_ticked_is_counted_under_the_policy_of_the_site(page, site, person):
    site.change(ADD_COMMENTS, 3, None, "Somebody else")
    page.locator("[name=term]").fill("Somebody else")
    press(page, page.locator(".gdpr-search [type=submit]"))
    answer = page.request.get(page.url)
    assert "unsafe" not in answer.headers["content-security-policy"]
    page.locator("[name=obj_pk]").first.check()
    assert page.locator(".gdpr-count output").inner_text() == "1"
    page.locator("thead [type=checkbox]").check()
    assert page.locator(".gdpr-count output").inner_text() == "3"


def test_who_may_not_is_told_so_in_order(desk, site, person):
    site.change(ADD_CLERK)
    with desk(TELEPHONE, color_scheme="dark", storage_state=None) as page:
        log_in(page, site, "clerk", "officer")
        page.goto(site.url(SEARCH))
        assert "gdpr_assist.search_personaldata" in page.locator(".gdpr-page").inner_text()
        assert findings(page) == []
        assert is_in_width(page)


def test_a_log_that_cannot_be_read_is_told_in_order(desk, site, person):
    with desk(TELEPHONE, color_scheme="dark") as page, site.without_a_log():
        answer = page.goto(site.url(ERASURES))
        assert (answer.status, heading(page)) == (503, "Erasures")
        assert findings(page) == []
        assert is_in_width(page)


def test_a_large_export_has_pages_in_order(desk, site, person, tmp_path):
    site.change(ADD_COMMENTS, 1_001, person.key, person.name)
    with desk(TELEPHONE, color_scheme="dark") as page:
        find(page, person)
        export(page, "complete")[0].extractall(tmp_path)
        page.goto((tmp_path / "index.html").as_uri())
        press(page, page.get_by_role("link", name="Comments", exact=True))
        assert page.locator("tbody tr").count() == 1_000
        # The colours of so many cells take axe long; they are those of the next page.
        assert findings(page, without=["color-contrast"]) == []
        assert is_in_width(page)
        press(page, page.get_by_role("link", name="Next page"))
        assert page.locator("tbody tr").count() >= 1
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            assert findings(page) == [], scheme
