"""Make sure that somebody can log in to the admin."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand
from django.db import DEFAULT_DB_ALIAS

NAME = PASSWORD = "admin"


class Command(BaseCommand):
    help = f"Creates the login {NAME} with the password {PASSWORD}, or resets it. Never do this live."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS)

    def handle(self, *, database: str, **options: Any) -> None:
        rights = {"is_staff": True, "is_superuser": True, "is_active": True}
        user, _ = User.objects.using(database).update_or_create(username=NAME, defaults=rights)
        user.set_password(PASSWORD)
        user.save(using=database, update_fields=["password"])
        self.stdout.write(f"Log in to the admin as {NAME}, password {PASSWORD}.")
