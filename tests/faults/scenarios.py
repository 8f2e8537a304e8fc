"""What is killed: each scenario seeds rows, acts on some of them, and judges what a kill has left.

The judge asks the data what happened, never the log: a row is erased if it does not hold what was seeded.
"""

import re
import shutil
from contextlib import ExitStack, suppress
from datetime import datetime, timezone
from pathlib import Path
from unittest import mock
from uuid import UUID

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError
from django.db import connections, transaction

from gdpr_assist import Subject
from gdpr_assist.execution import claims
from gdpr_assist.log import writing
from gdpr_assist.models import EventLog, Operation, Outcome, PrivacyAnonymised, Receipt
from gdpr_assist.scrubbing.run import prepare, scrub
from gdpr_assist.tables import Scrub
from tests.apps.fields.models import TextKey
from tests.apps.own.models import Contract, Document, Person
from tests.apps.people.models import Account, Reader, Sale, SaleLine
from tests.apps.shop.models import Address, Comment, Customer, Order, Reply
from tests.faults import own_databases
from tests.faults.killing import Unwanted, command
from tests.observing import changed
from tests.people import account, sale

DATA = (Customer, Order, Comment, Address)
TARGET, BYSTANDER = "XX", "ZZ"
SINCE = datetime(2026, 1, 1, tzinfo=timezone.utc)


def wipe(models, using):
    """Empty tables without telling anybody."""
    with connections[using].cursor() as cursor:
        for model in models:
            cursor.execute(f"DELETE FROM {model._meta.db_table}")


def clean():
    own_databases.wait_for_the_killed()
    wipe((*reversed(DATA), PrivacyAnonymised, Receipt), "default")
    wipe((EventLog, Outcome, Operation), "gdpr_log")
    ContentType.objects.get_for_models(*DATA)


def seed(size):
    """Make ``size`` customers who are to be erased, and one who is not; each with rows of all kinds."""
    for number in range(size + 1):
        person = Customer.all_objects.create(
            name=f"Ottoline {number}",
            email=f"ottoline{number}@quill.example",
            phone="0161 555 0147",
            country=TARGET if number < size else BYSTANDER,
        )
        Address.objects.create(customer=person, street=f"{number} Lily Lane", town="Leeds")
        Order.objects.create(customer=person, recipient="Ada", email="ada@quill.example", placed=SINCE)
        Comment.objects.create(author=person, display_name="Ottoline", body="Lilies", posted=SINCE)


def targets():
    return Customer.all_objects.filter(country=TARGET).order_by("pk")


def state():
    """Return {(model label, key): row} of the data."""
    return {(model._meta.label, row["id"]): row for model in DATA for row in model._base_manager.values()}


class Backup:
    def __init__(self):
        self.rows = {model: list(model._base_manager.all()) for model in DATA}
        self.markers = list(PrivacyAnonymised.objects.all())
        self.receipts = list(Receipt.objects.all())
        self.state = state()

    def restore(self):
        wipe((*reversed(DATA), PrivacyAnonymised, Receipt), "default")
        for model, objects in self.rows.items():
            model._base_manager.bulk_create(objects)
        PrivacyAnonymised.objects.bulk_create(self.markers)
        Receipt.objects.bulk_create(self.receipts)


def logged():
    """Return {operation: (outcome, {(model label, key)})}; the outcome of one that has none is "none"."""
    found = {}
    for operation in Operation.objects.using("gdpr_log").select_related("outcome"):
        rows = {
            (f"{event.app_label}.{event.model_name}", int(event.target_pk))
            for event in operation.events.using("gdpr_log")
        }
        outcome = operation.outcome.committed if hasattr(operation, "outcome") else "none"
        found[operation.id] = (outcome, rows)
    return found


class Scenario:
    """Erasures in a process that is killed."""

    aliases = own_databases.ALIASES
    sizes = (1, 2, 3)  # of whom is erased; most scenarios take as many steps for each

    def prepare(self, size):
        clean()
        seed(size)
        return Backup()

    def act(self, size):
        raise NotImplementedError

    def judge(self, backup, disaster):
        """Return what is wrong, and how many operations were listed as undecided."""
        if disaster:
            return self.judge_disaster(backup)
        command("gdpr_reconcile")
        errors = self.compare(backup)
        after = state()
        if errors:
            return errors, 0
        with_log = logged()
        backup.restore()
        command("gdpr_rerun")
        if state() != after:
            errors.append("a rerun on the restored backup erased something else")
        command("gdpr_rerun")
        if state() != after or logged() != with_log:
            errors.append("a second rerun changed something")
        return errors, 0

    def judge_disaster(self, backup):
        """The backup is restored before anybody could reconcile: what is undecided is listed, and a person decides."""
        own_databases.wait_for_the_killed()
        after, before = state(), logged()
        undecided = {key for key, (outcome, _) in before.items() if outcome == "none"}
        took_effect = {key for key in undecided if Receipt.objects.filter(pk=key).exists()}
        backup.restore()
        printed = command("gdpr_rerun")
        errors = []
        for key, (outcome, _) in logged().items():
            if key in undecided and (outcome is not None or str(key) not in printed):
                errors.append("an undecided operation was not listed, or decided")
        with suppress(CommandError):  # that something is left to decide
            command("gdpr_reconcile")
        if {key for key, (outcome, _) in logged().items() if outcome is None} != undecided:
            errors.append("an undecided operation was dropped by a later reconciliation")
        with suppress(CommandError):
            command("gdpr_reconcile", *(f"--dismiss={key}" for key in undecided - took_effect))
        command("gdpr_rerun", "--include-undecided")
        if state() != after:
            errors.append("after a person decided, something else is erased")
        if self.unsettled():
            errors.append("an operation is not settled")
        return errors, len(undecided)

    def compare(self, backup):
        own_databases.wait_for_the_killed()
        now, operations, errors = state(), logged(), []
        erased = {place for place, row in backup.state.items() if now.get(place) != row}
        claimed = set()
        for key, (outcome, rows) in operations.items():
            if outcome not in (True, False):
                errors.append("an operation is not settled")
            if Receipt.objects.filter(pk=key).exists() is not outcome:
                errors.append("outcome and receipt disagree")
            if outcome is True:
                claimed |= rows
                if not rows <= erased:
                    errors.append("an erasure was invented: the rows are there")
        if erased - claimed:
            errors.append("an erasure was lost: rows are erased and no committed operation says so")
        return errors + self.halves(backup, erased)

    def halves(self, backup, erased):
        """One transaction erases all of the customers meant, or none; and never the bystander."""
        people = {key for label, key in erased if label == "shop.Customer"}
        meant = {each.pk for each in backup.rows[Customer] if each.country == TARGET} & self.meant(backup)
        return [] if people in (set(), meant) else ["some of the rows are erased and others are not"]

    def meant(self, backup):
        return {each.pk for each in backup.rows[Customer]}

    def unsettled(self):
        return any(outcome not in (True, False) for outcome, _ in logged().values())


class Anonymise(Scenario):
    """One object."""

    def act(self, size):
        targets().first().anonymise()

    def meant(self, backup):
        return {min(each.pk for each in backup.rows[Customer])}


class AnonymiseQuerySet(Scenario):
    def act(self, size):
        targets().anonymise()


class InParts(Scenario):
    """More events than are kept in memory: each row's go to the log on their own, before the one COMMIT."""

    def act(self, size):
        with (
            mock.patch.object(writing, "EVENTS_IN_MEMORY", 1),
            mock.patch.object(claims, "batch_size", return_value=1),
        ):
            targets().anonymise()


class Delete(Scenario):
    """With a cascade, and with orders and comments that are anonymised."""

    def act(self, size):
        targets().delete()


class Outer(Scenario):
    """Several operations in one transaction."""

    def act(self, size):
        with transaction.atomic():
            Customer.all_objects.filter(pk=targets().first().pk).anonymise()
            targets().delete()


class RolledBack(Scenario):
    """Erasures that the transaction around them undoes."""

    def act(self, size):
        with suppress(Unwanted), transaction.atomic():
            targets().first().anonymise()
            targets().delete()
            raise Unwanted

    def compare(self, backup):
        own_databases.wait_for_the_killed()
        errors = super().compare(backup)
        return errors if state() == backup.state else [*errors, "what was rolled back is erased"]


class Replay(Scenario):
    """A rerun that is killed, and then run again: of one object, of a delete, and of a queryset.

    One customer more would be one delete more, and each has the same steps.
    """

    sizes = (2,)

    def prepare(self, size):
        clean()
        seed(size)
        backup = Backup()
        targets().first().anonymise()
        for person in targets()[1:]:
            person.delete()
        Comment.objects.filter(author__country=BYSTANDER).anonymise()
        self.aftermath, self.log = state(), logged()
        backup.restore()
        return backup

    def act(self, size):
        command("gdpr_rerun")

    def judge(self, backup, disaster):
        errors = []
        if disaster:  # a second disaster: the backup is restored once more
            own_databases.wait_for_the_killed()
            backup.restore()
        command("gdpr_rerun")
        if state() != self.aftermath:
            errors.append("the second attempt did not complete the first")
        if logged() != self.log:
            errors.append("the log has changed")
        if set(Receipt.objects.values_list("pk", flat=True)) != set(self.log):
            errors.append("the receipts are not those of the log")
        return errors, 0


class Reconcile(Scenario):
    """A reconciliation that is killed: some operations took effect, some did not, and none has an outcome."""

    def prepare(self, size):
        clean()
        seed(size)
        backup = Backup()
        targets().first().anonymise()
        with suppress(Unwanted), transaction.atomic():
            targets().delete()
            raise Unwanted
        for person in targets()[1:]:
            person.delete()
        wipe((Outcome,), "gdpr_log")
        return backup

    def act(self, size):
        command("gdpr_reconcile")

    def judge(self, backup, disaster):
        return super().judge(backup, False)

    def halves(self, backup, erased):
        return []


class OnTwoDatabases(Scenario):
    """Somebody with rows on two databases: one transaction and one operation on each.

    After a kill, status and log say on which of them she is erased, and a second call erases the rest.
    """

    aliases = ("default", "other", "gdpr_log")
    sizes = (2,)
    places = {"default": (Account, Sale, SaleLine), "other": (Sale, Reader)}

    def prepare(self, size):
        own_databases.wait_for_the_killed(self.aliases)
        for using, models in self.places.items():
            wipe((*reversed(models), PrivacyAnonymised, Receipt), using)
        wipe((EventLog, Outcome, Operation), "gdpr_log")
        for name in ("ada", "bob"):
            person = account(name)
            for _ in range(size):
                SaleLine.objects.create(sale=sale(person, person.email), engraving=name)
                Sale.objects.using("other").create(email=person.email, recipient=name)
            Reader.objects.using("other").create(email=person.email)
        ContentType.objects.get_for_models(Account, Sale, SaleLine)
        return self.rows()

    def rows(self):
        return {
            (using, model._meta.label, row[model._meta.pk.attname]): row
            for using, models in self.places.items()
            for model in models
            for row in model._base_manager.using(using).values()
        }

    def act(self, size):
        Subject(Account.objects.get(email="ada@quill.example")).erase()

    def judge(self, before, disaster):
        own_databases.wait_for_the_killed(self.aliases)
        undecided = self.in_status("undecided")
        without_outcome = Operation.objects.using("gdpr_log").filter(outcome=None).values_list("using", flat=True)
        errors = []
        if undecided != {using: list(without_outcome).count(using) for using in self.places}:
            errors.append("the status does not list what has no outcome")
        command("gdpr_reconcile")
        committed = self.in_status("committed")
        first = self.changes(before)
        erased = {using for using, *_ in first}
        if {using for using, count in committed.items() if count} != erased:
            errors.append("the status does not say on which databases she is erased")
        whole = {place for place, row in before.items() if "ada" in str(row.values())}
        if first != {place for place in whole if place[0] in erased}:
            errors.append("on one database, some of the rows are erased and others are not")
        # Her row is the last that is committed: as long as something is left, she is found by it.
        again = Subject(Account.objects.earliest("pk")).erase()
        if set(again.operations) != set(self.places) - erased:
            errors.append("the second call did something else than the rest")
        if self.changes(before) != whole:
            errors.append("after the second call, something is left, or a stranger's row is erased")
        return errors, sum(undecided.values())

    def changes(self, before):
        now = self.rows()
        return {place for place, row in before.items() if now.get(place) != row}

    def in_status(self, word):
        """Return {alias: the number after ``word``}, as gdpr_status prints it."""
        blocks = re.split(r"^Database (\w+)\n", command("gdpr_status"), flags=re.MULTILINE)[1:]
        return {
            using: int(re.search(rf"^  {word}: (\d+)", text, re.MULTILINE)[1])
            for using, text in zip(blocks[::2], blocks[1::2], strict=True)
        }


class ScrubThatDeletes(Scenario):
    """A scrub that deletes rows, with what goes with them, and files. After a kill it goes on to the same end.

    Comments tell how often they were anonymised. Some rows were anonymised before the scrub.
    """

    sizes = (2,)
    deleted = (Customer, Person, Reply, TextKey)
    models = (Contract, Document, Person, Comment, Order, Address, Customer, Reply, TextKey)
    expected = None

    def prepare(self, size):
        if self.expected is None:
            self.fill(size)
            self.act(size)
            self.expected = self.found()
        self.fill(size)
        return self.found()

    def fill(self, size):
        own_databases.wait_for_the_killed()
        wipe((*self.models, PrivacyAnonymised, Receipt, Scrub), "default")
        wipe((EventLog, Outcome, Operation), "gdpr_log")
        shutil.rmtree(settings.MEDIA_ROOT, ignore_errors=True)
        ContentType.objects.get_for_models(*self.models)
        for key in range(1, size + 1):
            customer = Customer.all_objects.create(
                pk=key, number=UUID(int=key), name=f"Ada {key}", email=f"ada{key}@quill.example", referred_by_id=key
            )
            Address.objects.create(pk=key, customer=customer, street="1 Lily Lane", town="Leeds")
            Order.objects.create(pk=key, customer=customer, recipient="Ada", email="ada@quill.example", placed=SINCE)
            Comment.objects.create(pk=key, author=customer, display_name="Ada", body="Lilies", posted=SINCE)
            person = Person.objects.create(pk=key, name="Ada", portrait=self.file(f"portraits/{key}.png"))
            Document.objects.create(pk=key, person=person, scan=self.file(f"scans/{key}.pdf"))
            Contract.objects.create(pk=key, person=person, scan=self.file(f"contracts/{key}.pdf"))
            Reply.objects.create(pk=key, to_id=key - 1 or None, text="Lilies")
            TextKey.objects.create(pk=f"token-{key}", name="Ada", email="ada@quill.example")
        Order.objects.first().anonymise()
        TextKey.objects.first().anonymise()

    def file(self, name):
        default_storage.save(f"{name}.small", ContentFile(b"Ada"))
        return default_storage.save(name, ContentFile(b"Ada"))

    def act(self, size):
        with ExitStack() as declared:
            for model in self.deleted:
                declared.enter_context(changed(model, on_erasure="delete", subject=None))
            labels = [each._meta.label for each in self.models]
            scrub(prepare(["default"], only=labels, batch_size=1), compact=False)

    def found(self):
        """Return all that a scrub is to leave the same, whatever became of it meanwhile."""
        markers = PrivacyAnonymised.objects.values_list("content_type", "object_id", "part", "computed")
        return {
            **{model._meta.label: sorted(model._base_manager.values_list()) for model in self.models},
            "markers": sorted(markers),
            "begun": Scrub.objects.count(),
            "receipts": Receipt.objects.count(),
            "log": sorted(EventLog.objects.using("gdpr_log").values_list("event", "app_label", "model_name")),
            "files": sorted(str(each) for each in Path(settings.MEDIA_ROOT).rglob("*.*")),
        }

    def judge(self, before, disaster):
        own_databases.wait_for_the_killed()
        if self.found() != self.expected:  # else it had ended, and another run would be another scrub
            self.act(2)
        now = self.found()
        return [f"{what} is not as without a kill" for what in now if now[what] != self.expected[what]], 0


SCENARIOS = {
    "anonymise": Anonymise(),
    "queryset": AnonymiseQuerySet(),
    "in parts": InParts(),
    "delete": Delete(),
    "outer": Outer(),
    "rolled-back": RolledBack(),
    "replay": Replay(),
    "reconcile": Reconcile(),
    "person": OnTwoDatabases(),
    "scrub": ScrubThatDeletes(),
}
