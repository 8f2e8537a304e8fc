"""How a browser calls pages; used by several bundles to make rows, and to try to get in."""

from urllib.parse import urlsplit

from django.test import Client

from .people import PASSWORD


def post(client, url, data=None, **more):
    """Post, and return where it leads to. Raises if the page has anything to object to."""
    response = client.post(url, data or {}, **more)
    if response.status_code not in (301, 302):
        forms = [
            value for each in response.context or [] for value in each.flatten().values() if hasattr(value, "errors")
        ]
        raise AssertionError(
            f"{url}: {response.status_code} {[each.errors for each in forms] or response.content[:500]}"
        )
    return urlsplit(response["Location"])._replace(scheme="", netloc="").geturl()


def by_password(person):
    """Log in on the page of the bundle, and return whether that is the person."""
    client = Client()
    client.post("/login/", {"username": person.username, "password": PASSWORD})
    return client.session.get("_auth_user_id") == str(person.knows["pk"])
