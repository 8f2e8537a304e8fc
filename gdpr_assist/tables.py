"""The app's own tables: the event log in its database, markers and receipts beside the rows. No personal data."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import connections, models
from django.utils import timezone
from django.utils.translation import gettext_lazy, gettext_noop

from .former import warn

if TYPE_CHECKING:
    _UUIDField = models.UUIDField[uuid.UUID, uuid.UUID]
    _CharField = models.CharField[str, str]
else:  # generic for a type checker only
    _UUIDField = models.UUIDField
    _CharField = models.CharField

# In characters; MariaDB's longest index is 3,072 bytes, at 4 bytes a character.
LONGEST_KEY = 512

# In characters
LONGEST_PART = 64

# In characters: the label of a model, and a key that is no text
LONGEST_WHO = 255

# In place of who asked for an erasure, where that was lost with a database that was restored
NOBODY_KNOWS = "?"

# {vendor: type of a column that holds an id}; Django's own type elsewhere
ID_TYPES = {"mysql": "char(32)"}

# {vendor: collation in which two texts are equal only if they are the same}; the database's own elsewhere
EXACT = {"mysql": "utf8mb4_bin"}


def stored_key(key: Any) -> str:
    """Return a primary key as the text under which it is stored; a composite one as JSON, which Django reads."""
    return json.dumps([str(part) for part in key]) if isinstance(key, tuple) else str(key)


def who(user: Any) -> str:
    """Return the user as a receipt has it: label of the model and key. ``""`` for what is no saved user, and where the
    key is a text, which may itself say who it is.
    """
    is_kept = isinstance(user, models.Model) and isinstance(user.pk, (int, uuid.UUID))
    return f"{user._meta.label} {stored_key(user.pk)}" if is_kept else ""


def new_key() -> bytes:
    """Return 32 random bytes."""
    return secrets.token_bytes(32)


class HexUUIDField(_UUIDField):
    """A ``UUIDField`` that is ``char(32)`` on MariaDB whatever the Django version.

    From Django 5 on its own one is of the type ``uuid`` there, and writes 36 characters into the columns that an older
    Django made: https://docs.djangoproject.com/en/5.0/releases/5.0/#migrating-existing-uuidfield-on-mariadb-10-7
    """

    def db_type(self, connection: Any) -> str | None:
        return ID_TYPES.get(connection.vendor) or super().db_type(connection)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        value = super().get_db_prep_value(value, connection, prepared)
        return value.hex if connection.vendor in ID_TYPES and isinstance(value, uuid.UUID) else value


class ExactCharField(_CharField):
    """A ``CharField`` that tells ``"a"`` from ``"A"`` and ``"ä"``, whatever the collation of the database."""

    def db_parameters(self, connection: Any) -> Any:
        parameters = super().db_parameters(connection)
        return {**parameters, "collation": EXACT.get(connection.vendor, parameters["collation"])}


class PartField(_CharField):
    """The name of a part of a row, ``""`` for all of it: a column with that default in the database.

    So a process of 1.x, or of an older version, can still write rows in a rolling deploy; Django itself has such
    defaults from 5.0 on only, and drops one that SQL has given whenever it makes the table anew.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"max_length": LONGEST_PART, "editable": False, **kwargs})

    def db_type(self, connection: Any) -> str | None:
        collation = EXACT.get(connection.vendor)
        return f"{super().db_type(connection)}{f' COLLATE {collation}' if collation else ''} DEFAULT ''"

    def cast_db_type(self, connection: Any) -> str | None:
        return super().db_type(connection)


def stored_ids(operations: Iterable[uuid.UUID], using: str) -> list[Any]:
    """Return the ids of operations as the database has them."""
    field, connection = Operation._meta.pk, connections[using]
    return [field.get_db_prep_value(operation, connection) for operation in operations]


class Operation(models.Model):
    """One erasure, written to the log before the erasure is committed."""

    id = HexUUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    database_id = HexUUIDField(help_text="Which database the rows were in; see DatabaseIdentity")
    using = models.CharField(max_length=255, help_text="Alias of that database")
    started = models.DateTimeField(gettext_lazy("when"), db_index=True)

    class Meta:
        app_label = "gdpr_assist"
        verbose_name = gettext_lazy("erasure")
        verbose_name_plural = gettext_lazy("erasures")

    def __str__(self) -> str:
        return str(self.id)


class EventLog(models.Model):
    """One row that an operation erased. Rows that 1.x wrote have no operation; they count as committed."""

    EVENT_DELETE = "delete"
    EVENT_ANONYMISE = "anonymise"
    EVENT_CHOICES = [(EVENT_DELETE, "Delete"), (EVENT_ANONYMISE, "Anonymise")]

    event = models.CharField(max_length=9, choices=EVENT_CHOICES)
    app_label = models.CharField(max_length=255)
    model_name = models.CharField(max_length=255, help_text="The object name, as in Order")
    target_pk = models.TextField()
    part = PartField(help_text="The part of the row, empty for all of it")
    operation = models.ForeignKey(
        Operation, null=True, editable=False, on_delete=models.PROTECT, related_name="events"
    )

    class Meta:
        app_label = "gdpr_assist"

    def __str__(self) -> str:
        return f"{self.event} {self.app_label}.{self.model_name}"

    def get_target(self) -> models.Model | None:
        """Return the object that the event is about, None if it is gone. Kept for existing code."""
        warn("EventLog.get_target()", "Ask the model for the row with the key target_pk.")
        try:
            model: type[models.Model] = apps.get_model(self.app_label, self.model_name)
        except LookupError:
            return None
        return model._base_manager.filter(pk=self.target_pk).first()


class Outcome(models.Model):
    """What became of an operation. An operation without one is undecided.

    Unknown (``committed`` is None): the database was restored before it was decided, so only a person can tell.
    """

    operation = models.OneToOneField(Operation, primary_key=True, on_delete=models.PROTECT)
    committed = models.BooleanField(null=True, help_text="Empty if it cannot be told any more")
    decided = models.DateTimeField()

    class Meta:
        app_label = "gdpr_assist"

    def __str__(self) -> str:
        words = {True: "committed", False: "rolled back", None: "unknown"}
        return f"{self.operation_id} {words[self.committed]}"


class Upgrade(models.Model):
    """In the log: that the events of 1.x up to the watermark took effect in a database, as gdpr_upgrade was told.

    A database that has no watermark though this is written of it was restored from a backup of before.
    """

    using = models.CharField(max_length=255, help_text="Alias of that database")
    database_id = HexUUIDField(help_text="Which database it is; see DatabaseIdentity")
    watermark = models.BigIntegerField(help_text="Number of the last of these events")

    class Meta:
        app_label = "gdpr_assist"
        constraints = [
            models.UniqueConstraint(fields=["using", "database_id"], name="gdpr_assist_one_upgrade_per_database")
        ]

    def __str__(self) -> str:
        return f"{self.using} {self.database_id}"


class DatabaseIdentity(models.Model):
    """Who this database is: one row. It travels with backups; a scrubbed copy gets a new one.

    Stands before Receipt, as a dump has the models in this order: see ``receivers.keep_database_id``.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    database_id = HexUUIDField(default=uuid.uuid4, editable=False)
    # Keys the digits in the new values of unique columns. A copy keeps it, or each of its rows would look refilled.
    key = models.BinaryField(default=new_key, editable=False)
    # Keys the pseudonyms of a scrub, from its first table until its end: then nobody can try old values any more.
    scrub_key = models.BinaryField(null=True, editable=False)
    watermark = models.BigIntegerField(
        null=True,
        editable=False,
        help_text="The events of 1.x up to this one took effect here; empty if nobody said so",
    )

    class Meta:
        app_label = "gdpr_assist"

    def __str__(self) -> str:
        return str(self.database_id)


class Receipt(models.Model):
    """Proof in the data database that an operation took effect there: written in the transaction of the erasure."""

    operation = HexUUIDField(primary_key=True, editable=False)
    written = models.DateTimeField(help_text="When the operation was started, also if a replay wrote the receipt")
    by = models.CharField(
        max_length=LONGEST_WHO,
        blank=True,
        default="",
        editable=False,
        help_text="Who asked for it: label of the model and key, as in auth.User 7; empty if nobody said so",
    )
    remarks = models.JSONField(
        null=True, editable=False, help_text="What the log does not hold: numbers of rows that stay, and why"
    )

    class Meta:
        app_label = "gdpr_assist"

    def __str__(self) -> str:
        return str(self.operation)


class Export(models.Model):
    """What somebody took out of the site: when, who, of how much, and whether all of it came through. No values."""

    BEGUN, WHOLE, BROKEN = "begun", "whole", "broken"
    STATES = [
        # Translators: the state of an export
        (WHOLE, gettext_lazy("whole")),
        # Translators: the state of an export
        (BROKEN, gettext_lazy("broken off")),
        # Translators: the state of an export
        (BEGUN, gettext_lazy("begun, and no more is known")),
    ]

    id = HexUUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    started = models.DateTimeField(gettext_lazy("when"), db_index=True, default=timezone.now)
    by = models.CharField(gettext_lazy("who"), max_length=LONGEST_WHO, blank=True, default="")
    # Translators: of an export: CSV or JSON
    format = models.CharField(gettext_lazy("format"), max_length=20)
    reference = models.CharField(
        gettext_lazy("number of the export"),
        max_length=20,
        blank=True,
        default="",
        help_text=gettext_lazy("In the name of the zip, and in it"),
    )
    # Translators: how many rows of each model were exported
    counts = models.JSONField(gettext_lazy("rows"), default=dict, help_text="{label of a model: rows}")
    digest = models.CharField(
        gettext_lazy("fingerprint (SHA-256 of the zip)"),
        max_length=64,
        blank=True,
        default="",
        help_text=gettext_lazy("Once it is whole"),
    )
    state = models.CharField(gettext_lazy("state"), max_length=6, choices=STATES, default=BEGUN)

    class Meta:
        app_label = "gdpr_assist"
        verbose_name = gettext_lazy("export")
        verbose_name_plural = gettext_lazy("exports")

    def __str__(self) -> str:
        return self.reference or str(self.id)


class Markers(models.Manager["PrivacyAnonymised"]):
    def of(self, model: type[models.Model]) -> models.QuerySet[PrivacyAnonymised]:
        """Return the markers of ``model``, for a condition, in whatever database they are read from.

        The database looks the number of the content type up. Each has its own; and where PostgreSQL has counted the
        markers before the first one of this content type, it takes them to be few, and reads all of them for each row.
        """
        kind = ContentType.objects.filter(app_label=model._meta.app_label, model=model._meta.model_name)
        return self.filter(content_type=models.Subquery(kind.values("pk")[:1]))

    def get_by_natural_key(self, app_label: str, model: str, object_id: str, part: str = "") -> PrivacyAnonymised:
        kind = ContentType.objects.db_manager(self.db).get_by_natural_key(app_label, model)
        return self.get(content_type=kind, object_id=object_id, part=part)


class PrivacyAnonymised(models.Model):
    """Marks a row, or a part of it, as anonymised, so that it is not anonymised twice."""

    # Without a constraint, which PostgreSQL would check row by row at COMMIT: a content type that Django deletes takes
    # its markers along. Without an index, as the unique constraint begins with it.
    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, db_constraint=False, db_index=False)
    object_id = ExactCharField(max_length=LONGEST_KEY)
    part = PartField(help_text="The part of the row, empty for all of it")
    computed = models.TextField(  # noqa: DJ001  (NULL: a process of 1.x, in a rolling deploy, does not write it)
        null=True, help_text="Names of columns in which a save() of the project has put another value than the rule's"
    )

    objects = Markers()

    class Meta:
        app_label = "gdpr_assist"
        constraints = [
            models.UniqueConstraint(
                fields=["content_type", "object_id", "part"], name="gdpr_assist_one_marker_per_part"
            )
        ]

    def __str__(self) -> str:
        return f"{self.content_type_id} {self.object_id}"

    @property
    def anonymised_object(self) -> models.Model | None:
        """The object that is marked, None if it is gone. Kept for existing code."""
        warn("PrivacyAnonymised.anonymised_object", "Ask the model for the row with the key object_id.")
        model = self.content_type.model_class()
        return model._base_manager.using(self._state.db).filter(pk=self.object_id).first() if model else None

    def natural_key(self) -> tuple[str, ...]:
        """For dumpdata: the number of a content type is another one in another database."""
        return (*self.content_type.natural_key(), self.object_id, self.part)

    natural_key.dependencies = ["contenttypes.contenttype"]  # type: ignore[attr-defined]


class Scrub(models.Model):
    """A model that ``anonymise_db`` is scrubbing, in a run that has not ended: its rows with a marker are done."""

    label = models.CharField(max_length=255, primary_key=True)
    started = models.DateTimeField()

    class Meta:
        app_label = "gdpr_assist"

    def __str__(self) -> str:
        return self.label


class Errand(models.Model):
    """What a user of the admin's tool is at between two requests, encrypted: only ``errands`` can read it."""

    digest = models.CharField(max_length=64, primary_key=True, help_text="SHA-256 of the id that the page has")
    user = models.CharField(max_length=255, help_text="Primary key of the user")
    content = models.BinaryField(editable=False, help_text="Encrypted with the id")
    expires = models.DateTimeField(db_index=True)

    class Meta:
        app_label = "gdpr_assist"

    def __str__(self) -> str:
        return self.digest


class Job(models.Model):
    """An erasure or export that a worker does outside of the request; what it is about is an errand. No values."""

    WAITING, RUNNING, DONE, PARTLY, FAILED, BROKEN = "waiting", "running", "done", "partly", "failed", "broken"
    NEVER = "never"
    STATES = [
        (WAITING, gettext_lazy("waiting for a worker")),
        (RUNNING, gettext_lazy("running")),
        (DONE, gettext_lazy("done")),
        (PARTLY, gettext_lazy("done in part")),
        (FAILED, gettext_lazy("failed")),
        (BROKEN, gettext_lazy("broken off")),
        (NEVER, gettext_lazy("never begun")),
    ]

    CHECKING, WORKING, COMMITTED = "checking", "working", "committed"

    id = HexUUIDField(
        primary_key=True, default=uuid.uuid4, editable=False, help_text="That of the operation, or of the export"
    )
    user = models.CharField(max_length=255, db_index=True, help_text="Primary key of the user")
    site = models.CharField(max_length=255, help_text="Name of the site of the admin")
    is_export = models.BooleanField(help_text="Else it is an erasure")
    state = models.CharField(max_length=7, choices=STATES, default=WAITING)
    phase = models.CharField(
        max_length=9, blank=True, default="", help_text="COMMITTED is written in the transaction of the erasure"
    )
    done = models.BigIntegerField(default=0, help_text="Rows that are written, of an export")
    total = models.BigIntegerField(default=0, help_text="Rows that there are to do")
    file = models.CharField(max_length=100, blank=True, default="", help_text="Name of the zip in the storage")
    said = models.JSONField(default=list, help_text="[[level, text, language]] of what its page says in the end")
    created = models.DateTimeField(default=timezone.now)
    seen = models.DateTimeField(null=True, help_text="When its worker was last heard of")
    expires = models.DateTimeField(db_index=True)

    class Meta:
        app_label = "gdpr_assist"

    def __str__(self) -> str:
        return str(self.id)


class NoRows(models.Manager["PersonalData"]):
    """Asks no database: dumpdata, and whoever else goes through all models, finds nothing."""

    def get_queryset(self) -> models.QuerySet[PersonalData]:
        return super().get_queryset().none()


class PersonalData(models.Model):  # noqa: DJ008  (there are no objects)
    """No table: the admin's entry for the Personal data tool, and the permissions to use it."""

    objects = NoRows()

    class Meta:
        app_label = "gdpr_assist"
        managed = False
        base_manager_name = "objects"
        verbose_name_plural = gettext_lazy("personal data")
        permissions = [
            ("search_personaldata", gettext_noop("Can search personal data")),
            ("export_personaldata", gettext_noop("Can export personal data")),
            ("anonymise_personaldata", gettext_noop("Can anonymise personal data")),
            ("view_erasures", gettext_noop("Can view what was erased and exported")),
        ]
