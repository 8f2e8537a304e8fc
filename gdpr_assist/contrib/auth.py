"""django.contrib.auth: each account is a person. After an erasure nobody can log in with it, and it may do nothing."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db.models import F, Q
from django.utils.module_loading import import_string

from ..declaring.clauses import Identifier

APP = "django.contrib.auth"


class UserPrivacy:
    # The three flags become False, and the password one that nobody has.
    fields = [
        "username",
        "first_name",
        "last_name",
        "email",
        "password",
        "last_login",
        "is_active",
        "is_staff",
        "is_superuser",
    ]
    keep = ["date_joined"]
    clear = ["groups", "user_permissions"]
    subject = "self"
    # Nothing here confirms an address: what does is for the site to say. A username is nobody else's.
    identifiers = {
        "email": Identifier("email", verified=False),
        "username": Identifier("username", verified=True),
    }
    search_fields = ["username", "email", "first_name", "last_name"]


class ConfirmedUserPrivacy(UserPrivacy):
    identifiers = {
        "email": Identifier("email", verified=Q(emailaddress__email__iexact=F("email"), emailaddress__verified=True)),
        "username": Identifier("username", verified=True),
    }


def declarations() -> dict[str, type[Any]]:
    """Return what is declared of ``auth.User``; allauth says which addresses are confirmed.

    A scrub leaves the account that guardian has for visitors. A user model of the site's own declares itself.
    """
    privacy: type[Any] = ConfirmedUserPrivacy if apps.is_installed("allauth.account") else UserPrivacy
    if apps.is_installed("guardian"):
        visitors = import_string("guardian.conf.settings").ANONYMOUS_USER_NAME
        privacy = type(privacy.__name__, (privacy,), {"scrub": ~Q(username=visitors)})
    return {"auth.User": privacy}
