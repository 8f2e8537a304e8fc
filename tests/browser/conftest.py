"""A real browser, Debian's Chromium, and a page in it. Without one, these tests are skipped, in one line."""

import importlib.util
import shutil

import pytest

from .site import served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = [
    *([] if CHROMIUM else ["Chromium (apt-get install chromium)"]),
    *(
        []
        if importlib.util.find_spec("playwright") and importlib.util.find_spec("axe_playwright_python")
        else ["playwright (pip install -r tests/browser/requirements.txt)"]
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


@pytest.fixture(scope="module")
def site(tmp_path_factory, _there_is_a_browser):
    with served(tmp_path_factory.mktemp("site")) as site:
        yield site
