"""What 2.0 adds: operations and outcomes in the log; receipts, database id, single markers, errands and jobs of the
admin's tool beside the data.
"""

import sys
import uuid
from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.models import Exists, Min, OuterRef
from django.db.models.functions import Length

from gdpr_assist.tables import ExactCharField, HexUUIDField, PartField, new_key

LONGEST_KEY_OF_1X = 36


def remove_double_markers(apps: Any, schema_editor: Any) -> None:
    """1.x could mark a row twice; the unique constraint that follows cannot have that."""
    markers = apps.get_model("gdpr_assist", "PrivacyAnonymised").objects.using(schema_editor.connection.alias)
    first = markers.values("content_type", "object_id").annotate(first=Min("id")).values_list("first", flat=True)
    surplus = sorted(set(markers.values_list("id", flat=True)) - set(first))
    for start in range(0, len(surplus), 500):
        markers.filter(id__in=surplus[start : start + 500]).delete()


def forget_what_never_was(apps: Any, schema_editor: Any) -> None:
    """Backwards: without their operation, events count as committed; of these nobody knows that, or it is not so."""
    log = schema_editor.connection.alias
    operations = apps.get_model("gdpr_assist", "Operation").objects.using(log)
    others = operations.exclude(outcome__committed=True).values("pk")
    events = apps.get_model("gdpr_assist", "EventLog").objects.using(log)
    removed, _ = events.filter(operation__in=others).delete()
    report(removed, "events of operations that were rolled back or are undecided")
    removed, _ = events.exclude(part="").delete()
    report(removed, "events of parts of rows")  # 1.x would take them for events of the whole rows


def forget_what_1x_cannot_hold(apps: Any, schema_editor: Any) -> None:
    """Backwards: markers for which 1.x has no room."""
    markers = apps.get_model("gdpr_assist", "PrivacyAnonymised").objects.using(schema_editor.connection.alias)
    removed, _ = markers.alias(length=Length("object_id")).filter(length__gt=LONGEST_KEY_OF_1X).delete()
    report(removed, f"markers of rows whose primary key is longer than {LONGEST_KEY_OF_1X} characters")
    removed, _ = markers.exclude(part="").delete()
    report(removed, "markers of parts of rows")


def forget_what_has_no_content_type(apps: Any, schema_editor: Any) -> None:
    """Backwards: markers that the foreign key of 1.x would refuse."""
    using = schema_editor.connection.alias
    kinds = apps.get_model("contenttypes", "ContentType").objects.using(using)
    markers = apps.get_model("gdpr_assist", "PrivacyAnonymised").objects.using(using)
    orphans = markers.alias(has_one=Exists(kinds.filter(pk=OuterRef("content_type_id")))).filter(has_one=False)
    report(orphans._raw_delete(using), "markers of content types that are gone")


def report(removed: int, what: str) -> None:
    if removed:
        sys.stdout.write(f"\n    Removed: {removed} {what}.\n")


class AddWithDefault(migrations.AddField):
    """Adds a column whose type says its default: Django would drop that as soon as the rows have it."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            field = model._meta.get_field(self.name)
            quote = schema_editor.quote_name
            schema_editor.execute(
                f"ALTER TABLE {quote(model._meta.db_table)} ADD COLUMN {quote(field.column)} "
                f"{field.db_type(schema_editor.connection)} NOT NULL"
            )


class Migration(migrations.Migration):
    # By its own name: so 0001_initial cannot be taken back under this one.
    dependencies = [("gdpr_assist", "0004_auto_20211215_1057")]

    operations = [
        migrations.CreateModel(
            name="DatabaseIdentity",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False),
                ),
                ("database_id", HexUUIDField(default=uuid.uuid4, editable=False)),
                ("key", models.BinaryField(default=new_key, editable=False)),
                ("scrub_key", models.BinaryField(editable=False, null=True)),
                (
                    "watermark",
                    models.BigIntegerField(
                        editable=False,
                        help_text="The events of 1.x up to this one took effect here; empty if nobody said so",
                        null=True,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Upgrade",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("using", models.CharField(help_text="Alias of that database", max_length=255)),
                ("database_id", HexUUIDField(help_text="Which database it is; see DatabaseIdentity")),
                ("watermark", models.BigIntegerField(help_text="Number of the last of these events")),
            ],
        ),
        migrations.AddConstraint(
            "upgrade",
            models.UniqueConstraint(fields=("using", "database_id"), name="gdpr_assist_one_upgrade_per_database"),
        ),
        migrations.CreateModel(
            name="Operation",
            fields=[
                (
                    "id",
                    HexUUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "database_id",
                    HexUUIDField(help_text="Which database the rows were in; see DatabaseIdentity"),
                ),
                ("using", models.CharField(help_text="Alias of that database", max_length=255)),
                ("started", models.DateTimeField(db_index=True, verbose_name="when")),
            ],
            options={"verbose_name": "erasure", "verbose_name_plural": "erasures"},
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                ("operation", HexUUIDField(editable=False, primary_key=True, serialize=False)),
                (
                    "written",
                    models.DateTimeField(
                        help_text="When the operation was started, also if a replay wrote the receipt"
                    ),
                ),
                (
                    "by",
                    models.CharField(
                        blank=True,
                        default="",
                        editable=False,
                        help_text=(
                            "Who asked for it: label of the model and key, as in auth.User 7; empty if nobody said so"
                        ),
                        max_length=255,
                    ),
                ),
                (
                    "remarks",
                    models.JSONField(
                        editable=False,
                        help_text="What the log does not hold: numbers of rows that stay, and why",
                        null=True,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Export",
            fields=[
                ("id", HexUUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "started",
                    models.DateTimeField(db_index=True, default=django.utils.timezone.now, verbose_name="when"),
                ),
                ("by", models.CharField(blank=True, default="", max_length=255, verbose_name="who")),
                ("format", models.CharField(max_length=20, verbose_name="format")),
                (
                    "reference",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="In the name of the zip, and in it",
                        max_length=20,
                        verbose_name="number of the export",
                    ),
                ),
                (
                    "counts",
                    models.JSONField(default=dict, help_text="{label of a model: rows}", verbose_name="rows"),
                ),
                (
                    "digest",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Once it is whole",
                        max_length=64,
                        verbose_name="fingerprint (SHA-256 of the zip)",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("whole", "whole"),
                            ("broken", "broken off"),
                            ("begun", "begun, and no more is known"),
                        ],
                        default="begun",
                        max_length=6,
                        verbose_name="state",
                    ),
                ),
            ],
            options={"verbose_name": "export", "verbose_name_plural": "exports"},
        ),
        migrations.CreateModel(
            name="Outcome",
            fields=[
                (
                    "operation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        serialize=False,
                        to="gdpr_assist.operation",
                    ),
                ),
                ("committed", models.BooleanField(help_text="Empty if it cannot be told any more", null=True)),
                ("decided", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Scrub",
            fields=[
                ("label", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("started", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Errand",
            fields=[
                (
                    "digest",
                    models.CharField(
                        help_text="SHA-256 of the id that the page has",
                        max_length=64,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("user", models.CharField(help_text="Primary key of the user", max_length=255)),
                ("content", models.BinaryField(editable=False, help_text="Encrypted with the id")),
                ("expires", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name="Job",
            fields=[
                (
                    "id",
                    HexUUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        help_text="That of the operation, or of the export",
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("user", models.CharField(db_index=True, help_text="Primary key of the user", max_length=255)),
                ("site", models.CharField(help_text="Name of the site of the admin", max_length=255)),
                ("is_export", models.BooleanField(help_text="Else it is an erasure")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting for a worker"),
                            ("running", "running"),
                            ("done", "done"),
                            ("partly", "done in part"),
                            ("failed", "failed"),
                            ("broken", "broken off"),
                            ("never", "never begun"),
                        ],
                        default="waiting",
                        max_length=7,
                    ),
                ),
                (
                    "phase",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="COMMITTED is written in the transaction of the erasure",
                        max_length=9,
                    ),
                ),
                ("done", models.BigIntegerField(default=0, help_text="Rows that are written, of an export")),
                ("total", models.BigIntegerField(default=0, help_text="Rows that there are to do")),
                (
                    "file",
                    models.CharField(
                        blank=True, default="", help_text="Name of the zip in the storage", max_length=100
                    ),
                ),
                (
                    "said",
                    models.JSONField(
                        default=list, help_text="[[level, text, language]] of what its page says in the end"
                    ),
                ),
                ("created", models.DateTimeField(default=django.utils.timezone.now)),
                ("seen", models.DateTimeField(help_text="When its worker was last heard of", null=True)),
                ("expires", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.AlterModelOptions(
            "personaldata",
            options={
                "base_manager_name": "objects",
                "managed": False,
                "permissions": [
                    ("search_personaldata", "Can search personal data"),
                    ("export_personaldata", "Can export personal data"),
                    ("anonymise_personaldata", "Can anonymise personal data"),
                    ("view_erasures", "Can view what was erased and exported"),
                ],
                "verbose_name_plural": "personal data",
            },
        ),
        migrations.AlterField(
            "eventlog",
            "model_name",
            models.CharField(help_text="The object name, as in Order", max_length=255),
        ),
        migrations.AddField(
            "eventlog",
            "operation",
            models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="events",
                to="gdpr_assist.operation",
            ),
        ),
        AddWithDefault("eventlog", "part", PartField(help_text="The part of the row, empty for all of it")),
        migrations.RunPython(
            migrations.RunPython.noop,
            forget_what_never_was,
            hints={"model_name": "eventlog"},
        ),
        # First, so that keys which differ by case alone are not taken for doubles.
        migrations.AlterField("privacyanonymised", "object_id", ExactCharField(max_length=512)),
        migrations.AddField(
            "privacyanonymised",
            "computed",
            models.TextField(
                help_text="Names of columns in which a save() of the project has put another value than the rule's",
                null=True,
            ),
        ),
        AddWithDefault("privacyanonymised", "part", PartField(help_text="The part of the row, empty for all of it")),
        migrations.RunPython(
            remove_double_markers,
            forget_what_1x_cannot_hold,
            hints={"model_name": "privacyanonymised"},
        ),
        migrations.AddConstraint(
            "privacyanonymised",
            models.UniqueConstraint(
                fields=("content_type", "object_id", "part"), name="gdpr_assist_one_marker_per_part"
            ),
        ),
        # After that constraint, whose index MariaDB takes for the foreign key until that is gone.
        migrations.AlterField(
            "privacyanonymised",
            "content_type",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                to="contenttypes.contenttype",
            ),
        ),
        migrations.RunPython(
            migrations.RunPython.noop,
            forget_what_has_no_content_type,
            hints={"model_name": "privacyanonymised"},
        ),
    ]
