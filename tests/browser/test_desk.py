"""What an officer does, from the letter to the receipt, in a real browser on the example site."""

import pytest

pytestmark = pytest.mark.anywhere


def log_in(page, site, name="officer"):
    page.goto(f"{site}/admin/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(name)
    page.get_by_role("button", name="Log in").click()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(10_000)
    yield page
    context.close()


def test_smoke(page, site):
    log_in(page, site)
    page.get_by_role("link", name="Personal data").first.click()
    assert page.title().startswith("Personal data")
