"""What an officer does at a page, step by step, and what is read there.

By the names in the markup: the site may speak any language, and have any theme.
"""

import zipfile

import django

SEARCH = "gdpr_assist/personaldata/"
ERASURES = "gdpr_assist/operation/"
EXPORTS = "gdpr_assist/export/"

LAPTOP = {"width": 1280, "height": 900}
TELEPHONE = {"width": 400, "height": 800}

# In milliseconds
LONGEST_STEP = 30_000


def log_in(page, site, name, password=None):
    page.goto(site.url())
    page.locator("[name=username]").fill(name)
    page.locator("[name=password]").fill(password or name)
    press(page, page.locator("#login-form [type=submit], form [type=submit]").first)


def press(page, button):
    """Press what leads to another page, and wait for that."""
    with page.expect_navigation():
        button.click()


def search(page, person):
    look_for(page, person.email)


def look_for(page, term):
    page.locator("[name=term]").fill(term)
    press(page, page.locator(".gdpr-search [type=submit]"))


def show(page, person):
    found = page.locator(".gdpr-found").filter(has=page.get_by_role("heading", name=person.username, exact=True))
    press(page, found.locator("button"))


def find(page, person):
    search(page, person)
    show(page, person)


def button_to_erase(page):
    return page.locator("[name=action][value=erase]")


def erase(page):
    press(page, button_to_erase(page))


def export(page, format):
    page.locator("[name=format]").select_option(format)
    with page.expect_download() as download:
        page.locator("[name=action][value=export]").click()
    archive = zipfile.ZipFile(download.value.path())
    assert archive.testzip() is None
    return archive, download.value.suggested_filename


def receipt(page, reference):
    press(page, page.locator("#gdpr-receipt"))
    page.locator("[name=reference]").fill(reference)
    press(page, page.locator(".gdpr-on-screen button"))


def heading(page):
    return page.locator("#content h1").inner_text()


def rows(page):
    return page.locator("#result_list tbody tr").all_inner_texts()


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


def findings(page, within=None, without=()):
    """Return what axe finds in the page, or ``within`` a part: each rule, with the first thing that breaks it.

    ``without`` are rules that are left out. The admin of Django 4.2 breaks some itself: its frame has no
    landmarks, and its buttons too little contrast. There it is what the frame holds, and but for contrast.
    """
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415  (may not be there)

    if django.VERSION < (5, 0) and page.locator("#content").count():
        within, without = within or "#content", [*without, "color-contrast"]
    options = {"resultTypes": ["violations"], "rules": {rule: {"enabled": False} for rule in without}}
    return [(rule["id"], rule["nodes"][0]["html"]) for rule in Axe().run(page, within, options).response["violations"]]
