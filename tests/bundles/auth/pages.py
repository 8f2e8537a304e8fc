"""How a browser or a program of a person calls the pages; used to make rows, and to try to get in."""

import base64
import re
import time
from urllib.parse import parse_qsl, urlsplit

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.test import Client

from tests.bundles.people import PASSWORD

# Applications of the site; where they lead to nobody is.
SITE, DEVICE = (
    {
        "client_id": name,
        "client_secret": "that of an application of the site itself",
        "redirect_uri": "https://client.example/back/",
    }
    for name in ("site", "device")
)

LINK = re.compile(r"https?://testserver(\S+)")

# In seconds: how long one code of a second factor is the one
PERIOD = 30


def browser(person):
    """Return a browser with an address of the net and a name of its own."""
    return Client(REMOTE_ADDR=person.address(), HTTP_USER_AGENT=person.token())


def post(client, url, data=None, **more):
    """Post, and return where it leads to, or its JSON. Raises if the page has anything to object to."""
    response = client.post(url, data or {}, **more)
    if response.status_code in (301, 302):
        return urlsplit(response["Location"])._replace(scheme="", netloc="").geturl()
    if response.status_code >= 300 or "json" not in response["Content-Type"]:
        form = (response.context or {}).get("form")
        raise AssertionError(f"{url}: {response.status_code} {form.errors if form else response.content[:500]}")
    return response.json()


def query(url):
    return dict(parse_qsl(urlsplit(url).query))


def basic(person):
    """Return the header with which a program sends a name and a password."""
    return {"HTTP_AUTHORIZATION": f"Basic {base64.b64encode(f'{person.username}:{PASSWORD}'.encode()).decode()}"}


def mail_code(strategy, backend, code, partial_token):
    """For social-auth, which leaves the mail to the site."""
    mail.send_mail("Is this you?", f"http://testserver/?verification_code={code.code}", None, [code.email])


def mailed_link(address):
    """Return the path in the last mail to an address, None if there is none."""
    for letter in reversed(mail.outbox):
        if letter.to == [address]:
            found = LINK.search(letter.body)
            return found and found.group(1)
    return None


def totp(secret, ago=0):
    """Return the code of now, or the one that many codes ago: each is taken once."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // PERIOD - ago))


def is_known(client, person, url="/who/", **headers):
    """Return whether a page takes the caller for that person: for their row, whatever it says by now."""
    response = client.get(url, **headers)
    return response.status_code == 200 and response.json()["pk"] == person.knows["pk"]
