"""``manage.py gdpr_paths``: which keys lead to a person, and what is said of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import pluralize

from gdpr_assist.baseline import read_baseline, write_baseline
from gdpr_assist.conf import paths_baseline
from gdpr_assist.management.console import console
from gdpr_assist.management.ending import end
from gdpr_assist.management.proposals import proposals
from gdpr_assist.pages import page
from gdpr_assist.paths import keys_to_people, people


class Command(BaseCommand):
    help = (
        "List every key that leads to a person, or to a row that leads to one, with what is said of it. The exit "
        "status is 1 if nothing is said of some."
    )
    # Those of this app say the same.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--propose", action="store_true", help="Print the missing lines, to be corrected and pasted."
        )
        parser.add_argument(
            "--baseline",
            type=Path,
            metavar="FILE",
            help="Let pass what this file lists. Written if it is not there, and made shorter as keys are answered. "
            "Default: GDPR_PATHS_BASELINE.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not people():
            raise CommandError(
                'No model is declared as a person: no PrivacyMeta says subject = "self". Declare the model of the '
                f"people, as auth.User, first ({page('howto/whose_it_is')})."
            )
        keys = keys_to_people()
        if options["propose"]:
            for line in proposals():
                self.stdout.write(line)
            return
        rows = [(key.label, key.target._meta.label if key.target else "anything", key.answer or "-") for key in keys]
        console(self.stdout, options).rows(rows, ["KEY", "LEADS TO", "ANSWER"])
        left = [key.label for key in keys if not key.answer]
        try:
            if file := options["baseline"] or paths_baseline():
                left = self.compare(file, left)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        wrong = f"Nothing is said of {len(left)} key{pluralize(len(left))}: {', '.join(left)}."
        end(self, options, [wrong, "gdpr_paths --propose writes the lines."] if left else [])

    def compare(self, file: Path, left: list[str]) -> list[str]:
        """Return what is not in ``file``; leave out of that what is answered by now."""
        if not file.exists():
            self.write(file, left)
            return []
        known = read_baseline(file)
        if still := sorted(known & set(left)):
            self.stdout.write(f"Known from {file.name}: {len(still)} without an answer.")
        if len(still) < len(known):
            self.write(file, still)
        return [label for label in left if label not in known]

    def write(self, file: Path, labels: list[str]) -> None:
        try:
            write_baseline(file, labels)
        except OSError as error:
            raise CommandError(f"{file.name} cannot be written ({type(error).__name__}).") from None
        self.stdout.write(f"{file.name}: {len(labels)} key{pluralize(len(labels))} without an answer.")
