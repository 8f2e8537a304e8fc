"""Each way to get in, which both people try before anybody goes and after. Nobody looks at what that writes."""

from django.test import Client

from tests.bundles.people import PASSWORD

from .pages import is_known, mailed_link, post, totp


def by_password(person, password=PASSWORD, name=None):
    client = Client()
    client.post("/login/", {"username": name or person.username, "password": password})
    return is_known(client, person)


def by_session(person):
    client = Client()
    client.cookies["sessionid"] = person.knows["session"]
    return is_known(client, person)


def by_allauth(person, code):
    """With an address, a password, and a second factor."""
    client = Client()
    client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    client.post("/accounts/2fa/authenticate/", {"code": code(person)})
    return is_known(client, person)


def by_new_password(person):
    """A mail to the old address lets somebody set a new password."""
    post(Client(), "/accounts/password/reset/", {"email": person.email})
    return _by_reset(person, mailed_link(person.email))


def by_old_reset(person):
    """The same mail, sent before."""
    return _by_reset(person, person.knows["reset"])


def _by_reset(person, link):
    new, client = "something quite new 6", Client()
    response = client.get(link, follow=True)
    if not response.redirect_chain:
        return False
    client.post(response.redirect_chain[-1][0], {"password1": new, "password2": new})
    return by_password(person, new)


def by_social_account(person):
    client = Client()
    client.post(post(client, "/accounts/dummy/login/"), person.knows["social"])
    return _with_totp(client, person)


def _with_totp(client, person):
    client.post("/accounts/2fa/authenticate/", {"code": totp(person.knows["totp"])})
    return is_known(client, person)


def by_authtoken(person):
    return is_known(Client(), person, "/who/authtoken/", HTTP_AUTHORIZATION=f"Token {person.knows['authtoken']}")


LOGINS = {
    "name and password": by_password,
    "session cookie": by_session,
    "address, password and TOTP": lambda person: by_allauth(person, lambda each: totp(each.knows["totp"])),
    "address, password and recovery code": lambda person: by_allauth(person, lambda each: each.knows["recovery"][0]),
    "password reset by the old address": by_new_password,
    "password reset that was mailed before": by_old_reset,
    "social account": by_social_account,
    "token of REST framework": by_authtoken,
}
