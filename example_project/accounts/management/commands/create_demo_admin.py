"""Make sure that somebody can log in to the admin, and a privacy officer with just the permissions that she needs."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import Permission, User
from django.core.management.base import BaseCommand
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Q

from gdpr_assist.registry import registry

ADMIN = "admin"
OFFICER = "officer"

# Of the tool; and of each model with personal data
TOOL = ["search_personaldata", "export_personaldata", "anonymise_personaldata", "view_erasures"]
MODELS = ["view", "change"]

# Not personal, but an export says what was bought.
NAMED_IN_EXPORTS = Q(content_type__app_label="shop", codename="view_product")


class Command(BaseCommand):
    help = (
        f"Creates the logins {ADMIN}, who may do everything, and {OFFICER}, who may find, export and erase people, or "
        "resets them. The password of each is its name. Never do this live."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS)

    def handle(self, *, database: str, **options: Any) -> None:
        self._login(ADMIN, database, is_superuser=True)
        officer = self._login(OFFICER, database, is_superuser=False)
        needed = Q(content_type__app_label="gdpr_assist", codename__in=TOOL) | NAMED_IN_EXPORTS
        for model in registry.models:
            names = [f"{each}_{model._meta.model_name}" for each in MODELS]
            needed |= Q(content_type__app_label=model._meta.app_label, codename__in=names)
        officer.user_permissions.set(Permission.objects.using(database).filter(needed))

    def _login(self, name: str, database: str, *, is_superuser: bool) -> User:
        rights = {"is_staff": True, "is_superuser": is_superuser, "is_active": True}
        user, _ = User.objects.using(database).update_or_create(username=name, defaults=rights)
        user.set_password(name)
        user.save(using=database, update_fields=["password"])
        self.stdout.write(f"Log in to the admin as {name}, password {name}.")
        return user
