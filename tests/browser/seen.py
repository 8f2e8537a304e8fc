"""What somebody sees of a page of the tool, whatever its theme: what has the focus, what to press, and what not to."""

# In CSS pixels: as large as a finger, and as much as the eye finds
FINGER = 44
LINE = 2

PRESSED = "a.button, button, input:not([type=hidden], [type=checkbox]), select, summary"

UNSEEN_FOCUS = """([selector, least]) => [...document.querySelectorAll(selector)].filter(each => {
    each.focus();
    const style = getComputedStyle(each);
    const isSeen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= least;
    return document.activeElement === each && each.offsetHeight > 1 && !isSeen;
}).map(each => each.outerHTML)"""

TOO_SMALL = """([selector, least]) => [...document.querySelectorAll(selector)].filter(each => {
    const {height} = each.getBoundingClientRect();
    return height > 0 && height < least;
}).map(each => each.outerHTML)"""

COLOURS = """element => getComputedStyle(element).backgroundColor.match(/[\\d.]+/g).map(Number)"""


def without_focus(page):
    """Return what has the focus and does not show it."""
    page.keyboard.press("Tab")  # a browser shows it to who has used the keyboard
    return page.evaluate(UNSEEN_FOCUS, [_of_the_tool(f"a, {PRESSED}"), LINE])


def too_small(page):
    """Return what no finger meets."""
    return page.evaluate(TOO_SMALL, [_of_the_tool(PRESSED), FINGER])


def is_red(element):
    red, green, blue = element.evaluate(COLOURS)[:3]
    return red > 2 * max(green, blue)


def has_border(element):
    style = element.evaluate("element => getComputedStyle(element).border")
    return not style.startswith("0px") and "none" not in style


def without_border(page):
    """Return what is typed into or chosen from and has no border. A list may be hidden, for a theme's own."""
    shown = page.locator(_of_the_tool("[type=text], select")).all()
    return [each for each in shown if each.bounding_box()["height"] > 1 and not has_border(each)]


def is_in_width(page):
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def _of_the_tool(selector):
    return f".gdpr-page :is({selector})"
