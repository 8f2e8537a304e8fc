"""Two people sign up and use each of the apps; what they type and what the apps make for them is looked for."""

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from tests.bundles.people import PASSWORD, Left
from tests.bundles.running import SCRUB

from .pages import browser, mailed_link, post, totp

LEFT = [
    Left("the log names rows by their primary keys: that of a token is the token", ["gdpr_assist_eventlog.target_pk"]),
    Left(
        "rows stay in a scrubbed copy, and with them their primary keys",
        [
            "authtoken_token.key",
            "django_session.session_data",
            "django_session.session_key",
            "gdpr_assist_privacyanonymised.object_id",
        ],
        ways=[SCRUB],
    ),
]
CHANGED = []


def fill(gone, stays):
    app = SocialApp.objects.create(provider="dummy", name="dummy", client_id="dummy")
    for person in (gone, stays):
        client = _sign_up(person)
        _use_allauth(person, client, app)
        _use_tokens(person, client)
        _fail_to_log_in(person)
        # Last, as such a link is of no use once anything of the account has changed.
        post(client, "/accounts/password/reset/", {"email": person.email})
        person.knows["reset"] = mailed_link(person.email)


def _sign_up(person):
    """Return a browser in which somebody with a confirmed address has logged in."""
    client = browser(person)
    passwords = {"password1": PASSWORD, "password2": PASSWORD}
    post(client, "/accounts/signup/", {"username": person.username, "email": person.email, **passwords})
    post(client, mailed_link(person.email))
    person.secret(mailed_link(person.email).rstrip("/").rpartition("/")[2])
    client = browser(person)
    post(client, "/accounts/login/", {"login": person.email, "password": PASSWORD})
    user = get_user_model().objects.get(username=person.username)
    user.first_name, user.last_name = person.token(), person.token()
    user.save()
    user.groups.add(Group.objects.get_or_create(name="readers")[0])
    person.knows["pk"] = user.pk
    person.knows["session"] = person.secret(client.session.session_key)
    return client


def _use_allauth(person, client, app):
    person.knows["social"] = {"id": 7000 + person.number, "first_name": person.token(), "email": person.email}
    at = post(client, "/accounts/dummy/login/?process=connect")
    post(client, at, person.knows["social"])
    account = SocialAccount.objects.get(user_id=person.knows["pk"])
    SocialToken.objects.create(app=app, account=account, token=person.token(), token_secret=person.token())

    post(client, "/accounts/reauthenticate/", {"password": PASSWORD})
    secret = client.get("/accounts/2fa/totp/activate/").context["form"].secret
    person.knows["totp"] = person.secret(secret)
    post(client, "/accounts/2fa/totp/activate/", {"code": totp(secret, ago=1)})
    codes = Authenticator.objects.get(user_id=person.knows["pk"], type="recovery_codes").wrap().get_unused_codes()
    person.knows["recovery"] = [person.secret(code) for code in codes]

    second = f"{person.token()}@quill.example"
    post(client, "/accounts/email/", {"action_add": "", "email": second})
    person.secret(mailed_link(second).rstrip("/").rpartition("/")[2])


def _use_tokens(person, client):
    login = {"username": person.username, "password": PASSWORD}
    person.knows["authtoken"] = person.secret(post(client, "/token/", login)["token"])


def _fail_to_log_in(person):
    """By name and by address, as people do."""
    for name in (person.username, person.email):
        form = {"username": name, "password": "wrong", "note": person.token()}
        browser(person).post(f"/login/?next={person.token()}", form)
