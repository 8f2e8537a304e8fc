"""Each page of the tool, one after the other, as an officer comes to it."""

from .steps import ERASURES, EXPORTS, SEARCH, erase, export, look_for, press, receipt, search, show

# Who has no account and is in no list of people: rows of nobody
PASSER_BY = "Passer-by"
ADD_COMMENTS = """
    WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?)
    INSERT INTO forum_comment (thread_id, author_id, display_name, body, posted)
    SELECT (SELECT min(id) FROM forum_thread), ?, ?, 'Comment no. ' || number, '2026-01-31 12:00:00' FROM numbers
"""


def walk(page, site, person):
    """Yield the name of each page once it is shown."""
    yield "search"
    search(page, person)
    yield "found"
    show(page, person)
    yield "person"
    page.locator("summary").first.click()
    yield "before_and_after"
    shown = page.url
    export(page, "complete")
    erase(page)
    yield "operation"
    receipt(page, "2026/17")
    yield "receipt"
    page.goto(shown)
    yield "over"
    page.goto(site.url(ERASURES))
    yield "erasures"
    page.goto(site.url(EXPORTS))
    yield "exports"
    press(page, page.locator("#result_list tbody a").first)
    yield "one_export"
    yield from walk_of_rows(page, site)


def walk_of_rows(page, site):
    site.change(ADD_COMMENTS, 2, None, PASSER_BY)
    page.goto(site.url(SEARCH))
    look_for(page, PASSER_BY)
    page.locator("[name=obj_pk]").first.check()
    yield "rows"
    press(page, page.locator("[name=action][value=anonymise]"))
    yield "confirmation"
    press(page, page.locator(".gdpr-erase"))
    page.goto(site.url(SEARCH))
    look_for(page, "nobody@example.com")
    yield "nothing"


def walk_of_a_model(page, site):
    """From the list of a model of the project: a theme may have an own list, which leads to the same page."""
    page.goto(site.url("forum/comment/"))
    for box in page.locator("tbody .action-select").all()[:2]:
        box.check()
    page.locator("select[name=action]").select_option("anonymise")
    press(page, page.locator("button[name=index]"))
    yield "confirmation_of_a_model"
