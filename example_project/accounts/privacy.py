"""Declares what is personal in ``auth.User``, a model that this project does not own."""

from django.contrib.auth.models import User

import gdpr_assist


class UserPrivacy:
    # The three flags become False, and the password one that nobody has: nobody can log in as the anonymised account.
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
    # By the key, so that they say nothing of the names that were there
    replace = {
        "first_name": gdpr_assist.Pseudonym("first_name", of="key"),
        "last_name": gdpr_assist.Pseudonym("last_name", of="key"),
    }
    # Each row is a person. The shop has every address confirmed before an account can be used.
    subject = "self"
    identifiers = {"email": gdpr_assist.Identifier("email", verified=True)}
    search_fields = ["username", "email", "first_name", "last_name"]
    export_fields = ["username", "first_name", "last_name", "email", "last_login", "date_joined"]
    purpose = "An account to order with, and to take part in the forum"
    export_filename = "account.csv"


gdpr_assist.register(User, UserPrivacy)
