"""gdpr_verify: look whether what was erased still is: everything, an operation, or a person; erase it again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, Error

from gdpr_assist.conf import log_database
from gdpr_assist.databases.aliases import data_aliases
from gdpr_assist.databases.failures import failure
from gdpr_assist.databases.isolation import check_commits
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.management import verdicts
from gdpr_assist.management.arguments import add_json, operation_id
from gdpr_assist.management.asking import check_confirmed
from gdpr_assist.management.console import console
from gdpr_assist.management.ending import end
from gdpr_assist.management.people import person_of_row
from gdpr_assist.scrubbing.verification import failures, verify
from gdpr_assist.sensitive import sensitive
from gdpr_assist.subjects.subject import Subject
from gdpr_assist.verifying.curing import Cured, cure, last_superuser
from gdpr_assist.verifying.findings import Finding
from gdpr_assist.verifying.of_everything import of_everything
from gdpr_assist.verifying.of_operation import of_operation
from gdpr_assist.verifying.of_person import check_was_erased, of_person
from gdpr_assist.verifying.since import came_since


class Command(BaseCommand):
    help = (
        "Count the anonymised rows of every registered model, those of them that were filled again since, and the "
        "rows that are there though they were erased, or would have been; or look so at one operation, or one person. "
        "The exit status is 1 if something is not in order."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--all",
            action="store_true",
            help="Every row must be anonymised, as after anonymise_db; else the exit status is 1.",
        )
        parser.add_argument(
            "--operation", type=operation_id, metavar="UUID", help="Look at what this operation has erased."
        )
        parser.add_argument(
            "--person",
            nargs=2,
            metavar=("APP.MODEL", "KEY"),
            help="Look at all that is found for the person that this row is, or is about.",
        )
        parser.add_argument("--party", metavar="PATH", help="Which of the people that the row is about.")
        parser.add_argument("--database", action="append", metavar="ALIAS", help="Default: all but the log.")
        parser.add_argument(
            "--model",
            action="append",
            default=[],
            metavar="APP.MODEL",
            help="A model to look at; may be repeated. Default: all that are registered.",
        )
        parser.add_argument(
            "--exclude-model",
            action="append",
            default=[],
            metavar="APP.MODEL",
            help="A model to leave out, as one without a table; may be repeated.",
        )
        parser.add_argument(
            "--fix", action="store_true", help="Erase again what was refilled or missed, and look again."
        )
        parser.add_argument("--noinput", "--no-input", action="store_false", dest="interactive", help="Do not ask.")
        parser.add_argument(
            "--last-superuser", action="store_true", help="With --fix and --noinput: also the last active superuser."
        )
        add_json(parser)

    @sensitive
    def handle(self, *args: Any, **options: Any) -> None:
        verdicts.check_options(options)
        try:
            if options["fix"]:
                check_commits(filter(None, [*data_aliases(), log_database()]))
            found, wrong, cured = self.verify(options)
        except AnonymiseError as error:
            raise CommandError(str(error)) from None
        except Error as error:
            raise CommandError(failure(error)) from None
        end(self, options, wrong, lambda: verdicts.as_json(found, cured), well=verdicts.well(found))

    def verify(self, options: dict[str, Any]) -> tuple[list[Finding], list[str], Cured | None]:
        """Look, and with ``fix`` erase again and look again; return what is there, what is wrong, and the cure."""
        cured = None
        found, wrong = self.look(options)
        if options["fix"] and any(each.is_wrong and each.is_curable for each in found):
            cured = self.fix(found, options)
            found, wrong = self.look(options)
        return found, wrong, cured

    def look(self, options: dict[str, Any]) -> tuple[list[Finding], list[str]]:
        """Print what is found; return it, and what is wrong with it."""
        if not options["operation"] and not options["person"]:
            return self.look_at_everything(options)
        found = of_operation(options["operation"]) if options["operation"] else of_person(self.person(options))
        if not options["json"]:
            console(self.stdout, options).rows(verdicts.table(found), verdicts.HEADER)
        return found, list(verdicts.sentences(found))

    def person(self, options: dict[str, Any]) -> Subject:
        [using] = options["database"] or [DEFAULT_DB_ALIAS]
        return person_of_row(options["person"], using, options["party"])

    def look_at_everything(self, options: dict[str, Any]) -> tuple[list[Finding], list[str]]:
        chosen = {"only": options["model"], "but": options["exclude_model"]}
        if options["json"]:
            verification = verify(options["database"], **chosen)
        else:
            with console(self.stdout, options).growing(verdicts.NUMBERS) as add:
                verification = verify(
                    options["database"], **chosen, follow=lambda it: add(verdicts.cells(it), verdicts.of_table(it))
                )
        since = came_since(each.plan for each in verification.previews if not each.plan.part)
        self.print([*verdicts.of_verification(verification), *verdicts.of_since(since)], options)
        every = options["all"]
        wrong = [*failures(verification, every=every), *verdicts.sentences(since)]
        return [*of_everything(verification, every=every), *since], wrong

    def print(self, lines: Iterable[str], options: dict[str, Any]) -> None:
        for line in () if options["json"] else lines:
            self.stdout.write(line)

    def fix(self, found: list[Finding], options: dict[str, Any]) -> Cured:
        if options["person"]:
            check_was_erased(self.person(options))
        warning = last_superuser(found)
        check_confirmed(options, self.stderr.write, warning, warning)
        cured = cure(found)
        self.print(verdicts.of_cured(cured), options)
        return cured
