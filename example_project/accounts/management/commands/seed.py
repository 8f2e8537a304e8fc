"""Fill the site with invented people."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS

from example.seeding import Seeder


class Command(BaseCommand):
    help = "Fills the empty site with invented people, their orders, comments and subscriptions."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--people", type=int, default=1000, help="default: 1000")
        parser.add_argument("--if-empty", action="store_true", help="do nothing if the site has customers already")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS)

    def handle(self, *, people: int, if_empty: bool, database: str, **options: Any) -> None:
        if people < 1:
            raise CommandError("--people must be at least 1.")
        if User.objects.using(database).filter(is_staff=False).exists():
            if not if_empty:
                raise CommandError("The site has customers already: seed fills an empty site.")
            self.stdout.write("The site has customers already: nothing to do.")
            return
        for label, rows in Seeder(using=database).site(people).items():
            self.stdout.write(f"{label:<26}{rows:>6}")
