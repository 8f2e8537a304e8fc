"""Apps that put templates and styles of their own in place of the admin's: the pages of the tool are whole in them."""

import pytest

from .seen import is_in_width, is_red, too_small, without_border, without_focus
from .steps import LAPTOP, TELEPHONE, findings
from .walk import walk

pytestmark = pytest.mark.anywhere

# Of it the theme makes all but what the tool says: what axe finds there is the theme's.
OF_THE_THEME = {"one_export"}

# {list: a choice of one of its filters}, which a theme may have in another place
FILTERED = {"erasures": "not settled", "exports": "broken off"}


@pytest.fixture(scope="module", params=["unfold", "jazzmin"])
def theme(request):
    return request.param


@pytest.mark.parametrize(
    ("viewport", "scheme"), [(LAPTOP, "light"), (TELEPHONE, "dark")], ids=["laptop", "telephone, dark"]
)
def test_each_page_is_whole(desk, site, person, viewport, scheme):
    with desk(viewport, color_scheme=scheme) as page:
        for name in walk(page, site, person):
            assert is_in_width(page), name
            assert FILTERED.get(name, "") in page.content(), name
            if name in OF_THE_THEME:
                continue
            assert findings(page, ".gdpr-page") == [], name
            assert without_focus(page) == [], name
            assert without_border(page) == [], name
            assert all(map(is_red, page.locator(".gdpr-erase").all())), name
            assert viewport == LAPTOP or too_small(page) == [], name
