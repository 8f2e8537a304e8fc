"""The ways to get in, which both people try before anybody goes and after."""

from django.test import Client

from tests.bundles.browsing import by_password


def by_link(person):
    """The one that was mailed: whoever has it reads the ticket, and answers."""
    return Client().get(person.knows["link"]).status_code == 200


LOGINS = {"name and password": by_password, "link to a ticket": by_link}
