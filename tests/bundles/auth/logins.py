"""Each way to get in, which both people try before anybody goes and after. Nobody looks at what that writes."""

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client
from django_otp import match_token
from django_otp.oath import totp as code_of
from guardian.utils import get_anonymous_user

from tests.bundles.people import PASSWORD

from .pages import DEVICE, SITE, basic, is_known, mailed_link, post, totp


def by_password(person, password=PASSWORD):
    client = Client()
    client.post("/login/", {"username": person.username, "password": password})
    return is_known(client, person)


def by_basic(person):
    return is_known(Client(), person, "/who/basic/", **basic(person))


def by_session(person):
    client = Client()
    client.cookies["sessionid"] = person.knows["session"]
    return is_known(client, person)


def by_allauth(code):
    """With an address, a password, and a second factor."""

    def log_in(person):
        client = Client()
        client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
        client.post("/accounts/2fa/authenticate/", {"code": code(person)})
        return is_known(client, person)

    return log_in


def by_new_reset(person):
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
    client.post("/accounts/2fa/authenticate/", {"code": totp(person.knows["totp"])})
    return is_known(client, person)


def by_social_auth(person):
    client = Client()
    client.post("/social/complete/username/", person.knows["username"])
    return is_known(client, person)


def by_token(name):
    return lambda person: is_known(Client(), person, f"/who/{name}/", HTTP_AUTHORIZATION=f"Token {person.knows[name]}")


def by_access_token(person, token=None):
    header = f"Bearer {token or person.knows['access']}"
    return is_known(Client(), person, "/who/oauth2/", HTTP_AUTHORIZATION=header)


def by_refresh_token(person):
    return _by_grant(person, {**SITE, "grant_type": "refresh_token", "refresh_token": person.knows["refresh"]})


def by_code(person):
    return _by_grant(person, person.knows["code"])


def by_device_code(person):
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    return _by_grant(person, {**DEVICE, "grant_type": grant, "device_code": person.knows["device"]})


def _by_grant(person, form):
    response = Client().post("/o/token/", form)
    return response.status_code == 200 and by_access_token(person, response.json()["access_token"])


def by_own_application(person):
    """It is let in as itself, and not as a person."""
    form = {"grant_type": "client_credentials", **person.knows["application"]}
    return Client().post("/o/token/", form).status_code == 200


def by_device(device, code):
    """With a name, a password and a code of a device of django-otp."""

    def log_in(person):
        form = {"username": person.username, "password": PASSWORD}
        form |= {"otp_device": person.knows["devices"][device], "otp_token": code(person)}
        client = Client()
        client.post("/login/device/", form)
        return is_known(client, person, "/who/device/")

    return log_in


def by_code_of_device(person):
    """Whatever has asked for the first factor."""
    return match_token(get_user_model()(pk=person.knows["pk"]), person.knows["static"]) is not None


def by_permission(person):
    """No way to log in; but somebody who has got in would have it. Visitors have that of an account of their own."""
    get_anonymous_user()
    user = get_user_model().objects.filter(pk=person.knows["pk"]).first()
    return user is not None and user.has_perm("auth.change_group", Group.objects.get())


LOGINS = {
    "name and password": by_password,
    "name and password in each request": by_basic,
    "session cookie": by_session,
    "allauth: address, password and TOTP": by_allauth(lambda person: totp(person.knows["totp"])),
    "allauth: address, password and recovery code": by_allauth(lambda person: person.knows["recovery"][0]),
    "allauth: password reset by the old address": by_new_reset,
    "allauth: password reset that was mailed before": by_old_reset,
    "allauth: social account": by_social_account,
    "social-auth: account elsewhere": by_social_auth,
    "REST framework: token": by_token("token"),
    "knox: token": by_token("knox"),
    "oauth2: access token": by_access_token,
    "oauth2: refresh token": by_refresh_token,
    "oauth2: code that was not used": by_code,
    "oauth2: device": by_device_code,
    "oauth2: secret of an application of one's own": by_own_application,
    "otp: name, password and TOTP": by_device(
        "otp", lambda person: f"{code_of(bytes.fromhex(person.knows['otp'])):06}"
    ),
    "otp: name, password and static code": by_device("static", lambda person: person.knows["static"]),
    "otp: code alone": by_code_of_device,
    "guardian: permission on an object": by_permission,
}
