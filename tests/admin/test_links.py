"""In the Personal data tool, what links somebody to a row of several people: a table of Django's own has no rights."""

import pytest

from tests.apps.people.models import Circle
from tests.observing import row
from tests.people import account

from .test_people import ALL, erase, groups, person

RIGHTS = [*ALL, "change_personaldata"]


@pytest.fixture
def ada(db):
    return account("ada")


@pytest.fixture
def circle(ada, bob):
    made = Circle.objects.create(motto="Sing")
    made.members.add(ada, bob)
    return made


def test_who_may_see_the_row_takes_the_link(log_in, ada, bob, circle):
    client = log_in(*RIGHTS, "people.view_circle")
    page = person(client, ada)
    assert groups(page)["1 circle-account relationship"] == ("link to people.Circle", "will be deleted")
    assert erase(client, page).status_code == 302
    assert list(circle.members.all()) == [bob]
    assert row(circle)["motto"] == "Sing"


def test_who_may_not_see_it_sees_nothing(log_in, ada, circle):
    client = log_in(*RIGHTS)
    page = person(client, ada)
    assert (page.context["page"].outside, page.context["page"].groups) == (["circles"], [])
    assert erase(client, page).status_code == 403
    assert circle.members.count() == 2
