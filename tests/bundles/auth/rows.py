"""Two people sign up and use each of the apps; what they type and what the apps make for them is looked for."""

import base64
import hashlib

from allauth.idp.oidc.models import Client as OIDCClient
from allauth.idp.oidc.models import Token as OIDCToken
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client
from django.utils.http import urlencode
from django_otp.plugins.otp_email.models import EmailDevice
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from guardian.shortcuts import assign_perm
from oauth2_provider.models import Application, IDToken

from tests.bundles.people import PASSWORD, Left
from tests.bundles.running import DELETED, SCRUB

from .pages import DEVICE, SITE, basic, browser, mailed_link, post, query, totp

LEFT = [
    Left("on a scrubbed copy each account is nobody's", ["*_id"], ways=[SCRUB]),
    Left("others have tokens of it", ["allauth_idp_oidc_client.owner_id", "oauth2_provider_application.user_id"]),
    Left(
        "a session of somebody who has not logged in yet is nobody's; it goes when it expires (clearsessions)",
        ["django_session.session_data"],
    ),
]
CHANGED = [
    Left(
        "an application goes with whoever has registered it, and so do its tokens (on_delete=CASCADE)",
        ["oauth2_provider_accesstoken", "oauth2_provider_refreshtoken", "oauth2_provider_idtoken"],
        ways=DELETED,
    ),
]


def fill(gone, stays):
    group = Group.objects.create(name="readers")
    app = SocialApp.objects.create(provider="dummy", name="dummy", client_id="dummy")
    _register_of_the_site(SITE, Application.GRANT_AUTHORIZATION_CODE)
    _register_of_the_site(DEVICE, Application.GRANT_DEVICE_CODE)
    clients = {}
    for person in (gone, stays):
        client = clients[person.number] = _sign_up(person)
        _user(person).groups.add(group)
        assign_perm("auth.change_group", _user(person), group)
        _use_allauth(person, client, app)
        _use_tokens(person, client)
        _grant(person, client)
        _grant_device(person, client)
        _register_applications(person, client)
        _use_social_auth(person, client)
        _have_devices(person)
        _fail_to_log_in(person)
        # Last, as such a link is of no use once anything of the account has changed.
        post(client, "/accounts/password/reset/", {"email": person.email})
        person.knows["reset"] = mailed_link(person.email)
    assign_perm("auth.change_user", _user(gone), _user(stays))
    assign_perm("auth.change_user", _user(stays), _user(gone))
    exchange(_code(stays, clients[stays.number], gone.knows["application of others"]))


def _register_of_the_site(application, grant):
    Application.objects.create(
        name="of the site",
        authorization_grant_type=grant,
        client_type=Application.CLIENT_CONFIDENTIAL,
        client_id=application["client_id"],
        client_secret=application["client_secret"],
        hash_client_secret=False,
        redirect_uris=application["redirect_uri"],
        algorithm=Application.HS256_ALGORITHM,
    )


def _user(person):
    return get_user_model().objects.get(pk=person.knows["pk"])


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
    user.email = person.email.upper()  # as some directories write them; allauth has its own in small letters
    user.save()
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

    # Somebody who does not find the second factor
    post(browser(person), "/accounts/login/", {"login": person.email, "password": PASSWORD})

    own = OIDCClient.objects.create(owner=_user(person), name=person.token(), data={"note": person.token()})
    own.set_redirect_uris([f"https://{person.token()}.example/"])
    own.set_cors_origins([f"https://{person.token()}.example"])
    own.save()
    OIDCToken.objects.create(client=own, user=_user(person), type="rt", hash=person.token(), data=person.token())


def _use_tokens(person, client):
    login = {"username": person.username, "password": PASSWORD}
    person.knows["token"] = person.secret(post(client, "/login/token/", login)["token"])
    person.knows["knox"] = person.secret(post(client, "/login/knox/", **basic(person))["token"])
    # What is kept of it, as a name
    person.secret(person.knows["knox"][:15])


def _grant(person, client):
    """Let an application in, twice: one code is used, and one is not."""
    person.knows["code"] = _code(person, client, SITE)
    tokens = exchange(_code(person, client, SITE))
    person.knows["access"] = person.secret(tokens["access_token"])
    person.knows["refresh"] = person.secret(tokens["refresh_token"])
    # As one database stores it, and as another does
    number = IDToken.objects.get(user_id=person.knows["pk"]).jti
    person.secret(str(number))
    person.secret(number.hex)


def _code(person, client, application):
    """Return what the application sends for tokens, once somebody has let it in."""
    verifier = person.token().ljust(50, "v")
    digest = hashlib.sha256(verifier.encode()).digest()
    form = {
        "client_id": application["client_id"],
        "response_type": "code",
        "redirect_uri": application["redirect_uri"],
        "scope": "openid read",
        "nonce": person.token(),
        "state": person.token(),
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
        "allow": "yes",
    }
    code = query(post(client, "/o/authorize/", form))["code"]
    return {"grant_type": "authorization_code", **application, "code": person.secret(code), "code_verifier": verifier}


def exchange(form):
    return post(Client(), "/o/token/", form)


def _grant_device(person, client):
    """Let a device in that has no browser, and does not ask whether it may."""
    form = urlencode(DEVICE)
    asked = post(Client(), "/o/device-authorization/", form, content_type="application/x-www-form-urlencoded")
    at = post(client, "/o/device/", {"user_code": person.secret(asked["user_code"])})
    post(client, at, {"action": "accept"})
    person.knows["device"] = person.secret(asked["device_code"])


def _register_applications(person, client):
    """Register one that comes by itself, and one that others let in."""
    person.knows["application"] = _register(person, client, Application.GRANT_CLIENT_CREDENTIALS)
    person.knows["application of others"] = _register(person, client, Application.GRANT_AUTHORIZATION_CODE)


def _register(person, client, grant):
    secret, redirect = person.token().ljust(40, "s"), f"https://{person.token()}.example/"
    form = {
        "name": person.token(),
        "client_id": f"{grant} {person.number}",
        "client_secret": secret,
        "hash_client_secret": "",
        "client_type": Application.CLIENT_CONFIDENTIAL,
        "authorization_grant_type": grant,
        "redirect_uris": redirect,
        "post_logout_redirect_uris": f"https://{person.token()}.example/",
        "allowed_origins": f"https://{person.token()}.example",
        "algorithm": Application.HS256_ALGORITHM,
    }
    post(client, "/o/applications/register/", form)
    return {"client_id": form["client_id"], "client_secret": secret, "redirect_uri": redirect}


def _use_social_auth(person, client):
    """Join an account elsewhere to this one; and begin to sign up once more, without confirming the address."""
    person.knows["username"] = {"username": person.token(), "fullname": person.token()}
    post(client, "/social/complete/username/", person.knows["username"])
    post(browser(person), "/social/complete/email/", {"email": person.email, "fullname": person.token()})


def _have_devices(person):
    user = _user(person)
    totp = TOTPDevice.objects.create(user=user, name=person.token())
    person.knows["otp"] = person.secret(totp.key)
    person.secret(HOTPDevice.objects.create(user=user, name=person.token()).key)
    static = StaticDevice.objects.create(user=user, name=person.token())
    person.knows["static"] = static.token_set.create(token=person.token()).token
    person.knows["devices"] = {"otp": totp.persistent_id, "static": static.persistent_id}
    EmailDevice.objects.create(user=user, name=person.token(), email=f"{person.token()}@quill.example")


def _fail_to_log_in(person):
    """By name and by address, as people do."""
    for name in (person.username, person.email, person.email.upper()):
        form = {"username": name, "password": "wrong", "note": person.token()}
        browser(person).post(f"/login/?next={person.token()}", form)
