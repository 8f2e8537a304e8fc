"""Declares what is personal in ``auth.User``, a model that this project does not own."""

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User

import gdpr_assist


class UserPrivacy:
    fields = ["username", "first_name", "last_name", "email", "password", "last_login"]
    keep = ["is_superuser", "is_staff", "is_active", "date_joined"]
    search_fields = ["username", "email", "last_name"]
    export_fields = ["username", "first_name", "last_name", "email", "last_login", "date_joined"]
    export_filename = "account.csv"

    def anonymise_password(self, instance: User) -> str:
        """An unusable password: nobody can log in as the anonymised account."""
        return make_password(None)


gdpr_assist.register(User, UserPrivacy)
