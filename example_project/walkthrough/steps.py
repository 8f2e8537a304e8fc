"""The main job once, step by step; each step says what it did and checks that it did."""

import csv
import io
import json
import zipfile
from functools import cached_property
from pathlib import Path
from signal import SIGKILL
from subprocess import CompletedProcess

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections
from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import Profile
from example.seeding import Seeder
from forum.models import Comment, Message, Thread
from gdpr_assist import Subject
from gdpr_assist.models import EventLog
from gdpr_assist.registry import registry
from newsletter.models import Subscription
from shop.models import Address, Order

from . import evidence, places
from .evidence import Person
from .transcript import Transcript

# What is to happen after COMMIT happens in the order in which it was asked for, so this comes before the outcome.
DELETE_AND_DIE = """
import os, signal
from django.contrib.auth.models import User
from django.db import transaction
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
with transaction.atomic():
    if {after}:
        transaction.on_commit(die)
    User.objects.get(pk={key}).delete()
    if not {after}:
        die()
"""

PEOPLE = 1000
ERASED_LATER = 20


class Walkthrough:
    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self.newcomers = Seeder(seed=2)
        # every personal text there ever was
        self.seeded: set[str] = set()
        # everybody who was erased; of these, whom a restored backup brings back
        self.erased: list[Person] = []
        self.restorable: list[Person] = []
        # of an account that was made and deleted after the backup, which does not know the key
        self.highest_key = 0
        # whose erasure was rolled back
        self.spared: Person
        # what the first erasure left of those whom the backup brings back
        self.aftermath: list[evidence.Values] = []

    def run(self) -> None:
        self.migrate()
        self.seed()
        self.search()
        self.export()
        self.anonymise()
        self.delete()
        self.back_up()
        self.erase_more()
        self.crash()
        self.reconcile()
        self.restore()
        self.rerun()
        self.rerun_again()
        self.look_everywhere()
        self.refuse_live()
        self.scrub_copy()

    # -- steps ------------------------------------------------------------------------------

    def migrate(self) -> None:
        with self.transcript.step("Migrate both databases"):
            self.manage("migrate", "--verbosity=0")
            self.manage("migrate", "--database=gdpr_log", "--verbosity=0")
            self.manage("makemigrations", "--check", "--dry-run")
            self.manage("check", "--database=default", "--database=gdpr_log")
            self.manage("gdpr_paths")

    def seed(self) -> None:
        with self.transcript.step(f"Seed {PEOPLE:,} people"):
            self.manage("seed", f"--people={PEOPLE}")
            self.manage("create_demo_admin")
            self.seeded = evidence.declared_values(places.DATABASE)
            self.transcript.figure("avatars on disk", len(self.avatars()))
            self.transcript.figure("different personal texts", len(self.seeded))
            self.transcript.holds(f"{PEOPLE:,} customers", self.customers().count() == PEOPLE)

    def search(self) -> None:
        with self.transcript.step("Search one person by e-mail, in every registered model"):
            found = evidence.find(self.first.email)
            self.transcript.figures(evidence.per_model(found))
            # The log of the admin has copies of rows, which go with these and are found by nobody.
            searched = {declared.model for declared in registry if declared.clauses.copy_of is None}
            self.transcript.holds("found in every registered model, but for copies", set(found) == searched)
            guest = Order.objects.filter(pk__in=found[Order], customer=None).count()
            self.transcript.figure("of these, orders placed as a guest", guest)

    def export(self) -> None:
        with self.transcript.step("Export them as a whole"):
            places.EXPORTS.mkdir()
            path = places.EXPORTS / "person.zip"
            [subject] = Subject.find(email=self.first.email)
            with path.open("wb") as target:
                counts = subject.export(target)
            self.transcript.figures({f"rows in {name}": rows for name, rows in counts.items()})
            self.transcript.note(str(path.relative_to(places.PROJECT.parent)))
            with zipfile.ZipFile(path) as archive:
                self.transcript.holds("the zip is whole", archive.testzip() is None)
                self.check_export(archive)

    def anonymise(self) -> None:
        with self.transcript.step("Erase them as a whole, by what the models say of people"):
            person, stranger, before = self.first, self.stranger, self.events()
            [subject] = Subject.find(email=person.email)
            for line in subject.preview().splitlines():
                self.transcript.note(line)
            self.transcript.figures({f"anonymised {name}": count for name, count in subject.erase().erased.items()})
            whose = "somebody who wrote them a message is there with every value"
            self.transcript.holds(whose, stranger.is_whole())
            self.erased.append(person)
            self.check_gone(person)
            self.transcript.nothing("their avatar is off the disk", self.files_of([person]))
            text = evidence.all_text(places.DATABASE)
            self.transcript.holds("their e-mail is in no column of any table", person.email.lower() not in text)
            self.transcript.holds("a search finds nothing", not evidence.find(person.email))
            rows = sum(map(len, person.rows.values()))
            self.transcript.holds(f"{rows} events logged", self.events() - before == rows)

    def delete(self) -> None:
        with self.transcript.step("Delete another person, and with them what is about them"):
            user = self.well_known().exclude(pk__in=self.spoken_for()).first()
            person, before = Person.remember(user), self.events()
            _, deleted = user.delete()
            self.transcript.figures({f"deleted {label}": rows for label, rows in deleted.items()})
            self.check_cascade(person)
            self.transcript.holds("a search finds nothing", not evidence.find(person.email))
            self.erased.append(person)
            self.check_gone(person)
            self.transcript.figure("events logged", self.events() - before)

    def back_up(self) -> None:
        with self.transcript.step("Copy the main database and its uploads away as a backup"):
            places.copy_site(places.DATABASE, places.MEDIA, places.BACKUP)
            same = evidence.dump(places.DATABASE) == evidence.dump(places.BACKUP / "db.sqlite3")
            self.transcript.holds("the backup is equal to the database", same)

    def erase_more(self) -> None:
        with self.transcript.step("Erase more: what the backup does not know"):
            before = self.events()
            users = self.customers().exclude(pk__in=self.spoken_for()).order_by("-pk")
            self.restorable = list(map(Person.remember, users[:ERASED_LATER]))
            erased, deleted = self.restorable[::2], self.restorable[1::2]
            for person in erased:
                [subject] = Subject.find(email=person.email)
                subject.erase()
            self.delete_people(deleted)
            self.erased += [*self.restorable, self.sign_up_and_leave()]
            self.transcript.figure("people erased", len(erased))
            self.transcript.figure("people deleted", len(deleted))
            self.transcript.figure("newcomers, one of whom was deleted again", 2)
            self.transcript.figure("events logged", self.events() - before)
            self.check_gone(*self.erased)
            self.aftermath = [person.remains() for person in self.restorable]

    def crash(self) -> None:
        with self.transcript.step("Two processes are killed while they erase: one after its COMMIT, one before"):
            known = [key for person in self.restorable for key in person.rows[User]] + self.spoken_for()
            # The file of an avatar would stay: it is removed after the COMMIT, too.
            avatars = Profile.objects.filter(user=OuterRef("pk")).exclude(avatar="")
            users = self.customers().exclude(pk__in=known).filter(~Exists(avatars)).order_by("-pk")
            gone, self.spared = map(Person.remember, users[:2])
            self.delete_and_die(gone, after_commit=True)
            self.delete_and_die(self.spared, after_commit=False)
            self.transcript.holds("the first account is deleted", not User.objects.filter(pk__in=gone.rows[User]))
            self.transcript.holds("the second person is there with every value", self.spared.is_whole())
            self.transcript.holds("and nothing of them is left", not evidence.find(gone.email))
            self.erased.append(gone)
            self.restorable.append(gone)
            self.aftermath.append(gone.remains())

    def reconcile(self) -> None:
        with self.transcript.step("gdpr_reconcile finds out which of the two erasures happened"):
            self.manage("gdpr_status", "--fail-on", "undecided", fails=True)
            self.manage("gdpr_reconcile")
            self.manage("gdpr_status", "--fail-on", "undecided", "restored")

    def restore(self) -> None:
        with self.transcript.step("Restore the backup over the main database"):
            before = self.events()
            connections.close_all()
            backup = places.BACKUP
            places.copy_site(backup / places.DATABASE.name, backup / places.MEDIA.name, places.VAR)
            back = sum(person.is_whole() for person in self.restorable)
            self.transcript.figure("erased people who are back", back)
            self.transcript.holds("all of them, with every value", back == len(self.restorable))
            self.transcript.holds("the log still knows", self.events() == before)
            self.manage("gdpr_status", "--fail-on", "restored", fails=True)

    def rerun(self) -> None:
        with self.transcript.step("gdpr_rerun: erase them again"):
            state, before = self.state(), self.events()
            self.manage("gdpr_rerun", "--dry-run")
            self.transcript.holds("a dry run changes nothing", self.state() == state)
            self.manage("gdpr_rerun")
            self.manage("gdpr_verify")
            self.check_gone(*self.erased)
            same = self.aftermath == [person.remains() for person in self.restorable]
            self.transcript.holds("their rows are what the first erasure left of them", same)
            text = evidence.all_text(places.DATABASE)
            named = [person.email for person in self.erased if person.email.lower() in text]
            self.transcript.holds("none of their e-mails is in any column of any table", not named)
            self.transcript.nothing("their avatars are off the disk", self.files_of(self.erased))
            whole = self.spared.is_whole() and self.stranger.is_whole()
            self.transcript.holds("who was never erased is there with every value", whole)
            self.transcript.holds("no new events", self.events() == before)
            self.manage("gdpr_status", "--fail-on", "undecided", "restored", "log-restored")

    def rerun_again(self) -> None:
        with self.transcript.step("A second gdpr_rerun does nothing"):
            user = self.newcomers.newcomer("later")
            self.transcript.holds(
                "a newcomer does not get the primary key of a deleted account",
                user.pk > self.highest_key,
                f"{user.pk}, and {self.highest_key} was deleted",
            )
            newcomer = Person.remember(user)
            self.seeded |= newcomer.texts()
            state = self.state()
            self.manage("gdpr_rerun")
            main, log = (a == b for a, b in zip(state, self.state(), strict=True))
            self.transcript.holds("main database: every row as before", main)
            self.transcript.holds("event log: every row as before", log)
            self.transcript.holds("the newcomer is untouched", newcomer.is_whole())
            self.transcript.holds("and not marked as anonymised", not user.is_anonymised())

    def look_everywhere(self) -> None:
        with self.transcript.step("Look for everybody who was erased, in every column of every table and every file"):
            self.manage("gdpr_verify")
            self.transcript.figure("e-mail addresses to look for", len(self.erased))
            self.manage("gdpr_residue", "--media", stdin="\n".join(person.email for person in self.erased))
            self.transcript.note("and to see that it does find, that of somebody who is there:")
            self.manage("gdpr_residue", stdin=self.stranger.email, fails=True)

    def refuse_live(self) -> None:
        with self.transcript.step("anonymise_db refuses to touch the live site"):
            state = self.state()
            done = self.manage("anonymise_db", "--noinput", fails=True)
            self.transcript.holds("it ended with an error", done.returncode != 0)
            self.transcript.holds("nothing has changed", self.state() == state)

    def scrub_copy(self) -> None:
        with self.transcript.step("Scrub a copy for development with anonymise_db"):
            places.copy_site(places.DATABASE, places.MEDIA, places.STAGING)
            database, media = places.STAGING / "db.sqlite3", places.STAGING / "media"
            state, avatars = self.state(), self.avatars()
            # A copy needs uploads of its own: anonymising removes the files.
            copy = {"EXAMPLE_DATABASE": str(database), "EXAMPLE_MEDIA": str(media)}
            scrubbing = {**copy, "GDPR_CAN_ANONYMISE_DATABASE": "1"}
            done = self.manage("anonymise_db", "--noinput", fails=True, **scrubbing)
            self.transcript.holds("it does not take the last superuser without a word", done.returncode != 0)
            self.manage("anonymise_db", "--noinput", "--last-superuser", **scrubbing)
            self.transcript.note("SQLite updates the rows, then compacts its file; PostgreSQL writes tables anew")
            self.manage("gdpr_verify", "--all", **copy)
            self.check_scrubbed(database)
            left = len(list(media.rglob("*.png")))
            self.transcript.holds("no avatar is left beside the copy", not left, left)
            self.transcript.holds("the live site and the log did not change", self.state() == state)
            self.transcript.holds("the live avatars are all there", self.avatars() == avatars)

    # -- checks -----------------------------------------------------------------------------

    def check_export(self, archive: zipfile.ZipFile) -> None:
        """See that the values of each row that a search finds are in the files, and no address of another."""
        files = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".csv")]
        rows = [row for text in files for row in csv.DictReader(io.StringIO(text, newline=""))]
        cells = {cell for row in rows for cell in row.values()}
        missing = [
            f"{model._meta.label} {key} {name}"
            for (model, key), values in self.first.originals.items()
            for name, value in values.items()
            if name in registry.declaration(model).export_fields and isinstance(value, str) and value not in cells
        ]
        self.transcript.nothing("every value that a search finds is in it", missing)
        found = sum(map(len, self.first.rows.values()))
        self.transcript.holds(f"{found} rows, as a search finds", len(rows) == found, len(rows))
        strangers = any(self.stranger.email in text.lower() for text in files)
        self.transcript.holds("the address of somebody who wrote to them is not in it", not strangers)

    def check_gone(self, *people: Person) -> None:
        left = [each for person in people for each in person.still_there()]
        who = "that person's" if len(people) == 1 else f"{len(people)} people's"
        size = sum(person.size() for person in people)
        self.transcript.nothing(f"none of {who} {size:,} original values and files is left", left)

    def check_cascade(self, person: Person) -> None:
        rows = person.rows
        gone = User.objects.filter(pk__in=rows[User]) or Address.objects.filter(pk__in=rows[Address])
        self.transcript.holds("the account and its address book are deleted", not gone)
        kept = Order.objects.filter(pk__in=rows[Order], customer=None)
        self.transcript.figure("orders kept, without a customer", kept.count())
        self.transcript.holds("every order is kept", kept.count() == len(rows[Order]))
        anonymised = [order for order in kept if order.is_anonymised()]
        self.transcript.holds("all of them, also those of a guest, are anonymised", len(anonymised) == kept.count())
        written = Comment.objects.filter(pk__in=rows[Comment])
        names = set(written.values_list("author", "display_name"))
        self.transcript.figure("comments kept, without an author", written.count())
        self.transcript.holds("all by an anonymous user", names == {(None, "Anonymous user")})
        self.transcript.nothing("the avatar is off the disk", self.files_of([person]))

    def check_scrubbed(self, database: Path) -> None:
        left = self.seeded & evidence.declared_values(database)
        self.transcript.holds(
            f"none of {len(self.seeded):,} personal texts is in a declared column",
            not left,
            len(left),
        )
        names = evidence.first_names(database)
        pool = json.loads(Path(settings.GDPR_PSEUDONYMS).read_text(encoding="utf-8"))["first_name"]
        self.transcript.note(f"first names now: {', '.join(sorted(names)[:5])}, ...")
        self.transcript.holds("they look like names: all are of the pool", names and names <= set(pool), len(names))
        emails = {value.lower() for value in self.seeded if "@" in value}
        text = evidence.all_text(database)
        left = {email for email in emails if email in text}
        self.transcript.holds(f"none of {len(emails):,} e-mails is in any column of any table", not left, len(left))
        raw = database.read_bytes().lower()
        left = {email for email in emails if email.encode() in raw}
        self.transcript.holds("nor in the bytes of the file", not left, len(left))

    # -- what the steps are made of -----------------------------------------------------------

    @cached_property
    def first(self) -> Person:
        return Person.remember(self.well_known().first())

    @cached_property
    def stranger(self) -> Person:
        """Somebody who wrote to the first person: what they wrote is theirs, and stays."""
        return Person.remember(Message.objects.filter(recipient__in=self.first.rows[User]).first().sender)

    def spoken_for(self) -> list[int]:
        """Keys of the accounts that are not free for another step."""
        return [*self.first.rows[User], *self.stranger.rows[User]]

    def customers(self) -> QuerySet[User]:
        return User.objects.filter(is_staff=False)

    def well_known(self) -> QuerySet[User]:
        """Customers who left something in every model, in a lasting order."""
        mine = {"email__iexact": OuterRef("email")}
        return (
            self.customers()
            .filter(
                Exists(Profile.objects.filter(user=OuterRef("pk")).exclude(avatar="")),
                Exists(Address.objects.filter(user=OuterRef("pk"))),
                Exists(Thread.objects.filter(author=OuterRef("pk"))),
                Exists(Comment.objects.filter(author=OuterRef("pk"))),
                Exists(Message.objects.filter(sender=OuterRef("pk"))),
                Exists(Message.objects.filter(recipient=OuterRef("pk"))),
                Exists(Subscription.objects.filter(**mine)),
                Exists(Order.objects.filter(customer=OuterRef("pk"))),
                Exists(Order.objects.filter(customer=None, **mine)),
            )
            .order_by("pk")
        )

    def delete_people(self, people: list[Person]) -> None:
        """Delete the accounts, and with them what is about these people."""
        User.objects.filter(pk__in=[key for person in people for key in person.rows[User]]).delete()

    def delete_and_die(self, person: Person, *, after_commit: bool) -> None:
        """Delete an account in a process of its own, which is killed (SIGKILL) before it can log the outcome."""
        connections.close_all()
        done = places.manage("shell", "--command", DELETE_AND_DIE.format(key=person.rows[User][0], after=after_commit))
        self.transcript.holds("killed", done.returncode == -SIGKILL, done.stdout)

    def sign_up_and_leave(self) -> Person:
        """Two people sign up; return the first of them, who has the account deleted again."""
        leaver = self.newcomers.newcomer("leaver")
        self.newcomers.newcomer("stayer")
        self.highest_key = leaver.pk
        person = Person.remember(leaver)
        self.delete_people([person])
        return person

    def files_of(self, people: list[Person]) -> list[str]:
        return [name for person in people for name in person.files_still_there()]

    def avatars(self) -> set[str]:
        return {path.name for path in places.MEDIA.rglob("*.png")}

    def events(self) -> int:
        return EventLog.objects.using(settings.GDPR_LOG_DATABASE_NAME).count()

    def state(self) -> tuple[str, str]:
        """Fingerprints of the main database and the log."""
        return evidence.dump(places.DATABASE), evidence.dump(places.LOG)

    def manage(
        self, *arguments: str, fails: bool = False, stdin: str = "", **environment: str
    ) -> CompletedProcess[str]:
        """Run manage.py in a process of its own, show it, and see that it ended as it should."""
        self.transcript.command("manage.py " + " ".join(arguments))
        connections.close_all()
        done = places.manage(*arguments, stdin=stdin, **environment)
        self.transcript.output(done.stdout)
        self.transcript.holds(
            f"exit status {done.returncode}",
            bool(done.returncode) == fails,
            "" if fails else "want 0",
        )
        return done
