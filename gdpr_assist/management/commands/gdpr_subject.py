"""gdpr_subject: find one person, show what would be erased, or erase it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from gdpr_assist.conf import log_database
from gdpr_assist.databases.aliases import data_aliases
from gdpr_assist.databases.failures import failure
from gdpr_assist.databases.isolation import check_commits
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.export.archive import FORMATS
from gdpr_assist.management.asking import check_superuser, check_yes
from gdpr_assist.management.people import export_to, one_of, people_of
from gdpr_assist.management.values import of_person, of_preview
from gdpr_assist.sensitive import sensitive
from gdpr_assist.subjects.shares import SubjectResult
from gdpr_assist.subjects.subject import Subject


class Command(BaseCommand):
    help = "Find a person by her row or by a value that she is known by; show what an erasure would do, or erase her."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["find", "preview", "export", "erase"])
        parser.add_argument("model", nargs="?", metavar="APP.MODEL", help="The model of a row that leads to her.")
        parser.add_argument("key", nargs="?", metavar="KEY", help="The primary key of that row.")
        parser.add_argument("--party", metavar="PATH", help="Which of the people that the row is about.")
        parser.add_argument("--email", metavar="ADDRESS", help="What she is known by; - reads it from the input.")
        parser.add_argument("--by", metavar="KIND", help="What she is known by, of this kind, read from the input.")
        parser.add_argument("--database", default="default", metavar="ALIAS", help="Of the row. Default: default.")
        parser.add_argument("--output", metavar="FILE", help="The zip that export makes; it may not be there yet.")
        parser.add_argument("--format", choices=sorted(FORMATS), default="csv", help="Of the export. Default: csv.")
        parser.add_argument("--bom", action="store_true", help="CSV begins with a byte order mark, for spreadsheets.")
        parser.add_argument(
            "--include",
            action="append",
            default=[],
            metavar="NAME",
            help='Rows of which it is not certain that they are hers: "newsletter.Reader by phone".',
        )
        parser.add_argument("--force", action="store_true", help="Erase again what was filled since.")
        parser.add_argument("--residue", action="store_true", help="Look in all tables for what was erased.")
        parser.add_argument("--dry-run", action="store_true", help="Only show what would be done.")
        parser.add_argument("--noinput", "--no-input", action="store_true", help="Do not ask.")
        parser.add_argument(
            "--last-superuser",
            action="store_true",
            help="Without a question: erase also the last account that may do everything.",
        )
        parser.add_argument("--json", action="store_true", help="Write the result as JSON.")

    @sensitive
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["action"] == "erase":
                check_commits(filter(None, [*data_aliases(), log_database()]))
            self.act(people_of(options), options)
        except AnonymiseError as error:
            raise CommandError(str(error)) from None
        except Error as error:
            raise CommandError(failure(error)) from None

    def act(self, people: list[Subject], options: dict[str, Any]) -> None:
        if not people:
            raise CommandError("Nobody was found.")
        if options["action"] == "find":
            self.stdout.write(_json(list(map(of_person, people))) if options["json"] else "\n".join(map(str, people)))
            return
        person = one_of(people)
        self.act_on(person.including(*options["include"]) if options["include"] else person, options)

    def act_on(self, person: Subject, options: dict[str, Any]) -> None:
        if options["action"] == "export":
            self.export(person, options)
            return
        erases = options["action"] == "erase" and not options["dry_run"]
        if not options["json"]:
            self.stdout.write(person.preview())
        elif not erases:
            self.stdout.write(_json(of_preview(person)))
        elif not options["noinput"]:
            self.stderr.write(person.preview(), str)  # not in red
        if erases:
            check_superuser(
                person.last_superuser(),
                asked=not options["noinput"],
                allowed=options["last_superuser"],
            )
            if not options["noinput"]:
                check_yes()
            result = person.erase(force=options["force"], residue=options["residue"])
            self.report(result, as_json=options["json"])
            if result.residue:
                raise CommandError("The person is erased, and there is more about her: see above.")

    def export(self, person: Subject, options: dict[str, Any]) -> None:
        counts = export_to(person, options["output"], format=options["format"], bom=options["bom"])
        if options["json"]:
            self.stdout.write(_json(counts))
            return
        for written, count in counts.items():
            self.stdout.write(f"{written}: {count}")

    def report(self, result: SubjectResult, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(_json(asdict(result)))
            return
        for line in result.lines():
            self.stdout.write(line)


def _json(values: Any) -> str:
    return json.dumps(values, default=str)
