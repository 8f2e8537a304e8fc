"""A real browser, Debian's Chromium, and a page in it. Without one, these tests are skipped, in one line."""

import importlib.util
import json
import shutil
from contextlib import contextmanager
from functools import cache

import pytest

from .site import seed, served
from .steps import LAPTOP, LONGEST_STEP, SEARCH, log_in, told

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PACKAGES = ["playwright", "axe_playwright_python", "unfold", "jazzmin"]
MISSING = [
    *([] if CHROMIUM else ["Chromium (apt-get install chromium)"]),
    *(
        []
        if all(map(importlib.util.find_spec, PACKAGES))
        else ["playwright and others (pip install -r tests/browser/requirements.txt)"]
    ),
]

# Nothing is asked of the network.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module", autouse=True)
def _there_is_a_browser():
    if MISSING:
        pytest.skip(f"The tests in a browser need {' and '.join(MISSING)}.")


# Not for the session: while Playwright runs, Django takes this thread for one that is asynchronous.
@pytest.fixture(scope="module")
def browser(_there_is_a_browser):
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (may not be there)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def seeded(tmp_path_factory):
    """Returns the folder of a new site, of which each site is a copy; nothing is made where the tests are skipped."""

    @cache
    def folder():
        seed(made := tmp_path_factory.mktemp("seeded"))
        return made

    return folder


@pytest.fixture(scope="module")
def theme():
    """The app that is the theme of the admin; a module may have others."""
    return ""


@pytest.fixture(scope="module")
def site(theme, seeded, tmp_path_factory, _there_is_a_browser):
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(seeded(), folder, dirs_exist_ok=True)
    with served(folder, theme) as site:
        yield site


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
def desk(browser, site, officer, person, theme):
    """Opens a page at which the officer is logged in.

    Afterwards nothing of the person was told to anybody, and nothing was against the site's policy.
    """
    urls, cookies, console = [], [], []

    @contextmanager
    def opened(viewport=LAPTOP, **options):
        options = {"locale": "en-GB", "storage_state": officer, **options}
        context = browser.new_context(viewport=viewport, **options)
        context.set_default_timeout(LONGEST_STEP)
        context.on("request", lambda request: urls.append(request.url))
        context.on("console", lambda message: console.append((message.location["url"], message.text)))
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
    assert theme or not list(_forbidden(console))


def _forbidden(console):
    """Yield what was against the policy; axe, which the tests put into a page, has no address."""
    for url, text in console:
        if "Content Security Policy" in text and url:
            yield f"{url}: {text}"


@pytest.fixture
def page(desk):
    with desk() as page:
        yield page
