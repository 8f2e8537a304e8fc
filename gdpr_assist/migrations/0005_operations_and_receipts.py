"""What 2.0 adds: operations and outcomes in the log; receipts, instance id and single markers beside the data."""

import uuid
from typing import Any

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Min

from gdpr_assist.tables import ExactCharField, HexUUIDField, new_key


def remove_double_markers(apps: Any, schema_editor: Any) -> None:
    """1.x could mark a row twice; the unique constraint that follows cannot have that."""
    markers = apps.get_model("gdpr_assist", "PrivacyAnonymised").objects.using(schema_editor.connection.alias)
    first = markers.values("content_type", "object_id").annotate(first=Min("id")).values_list("first", flat=True)
    surplus = sorted(set(markers.values_list("id", flat=True)) - set(first))
    for start in range(0, len(surplus), 500):
        markers.filter(id__in=surplus[start : start + 500]).delete()


def name_this_database(apps: Any, schema_editor: Any) -> None:
    """Give the database its id now: a backup made before the first erasure must carry it."""
    instances = apps.get_model("gdpr_assist", "Instance").objects.using(schema_editor.connection.alias)
    instances.create(pk=1, instance=uuid.uuid4())


class Migration(migrations.Migration):
    # By its own name: so 0001_initial cannot be taken back under this one.
    dependencies = [("gdpr_assist", "0004_auto_20211215_1057")]

    operations = [
        migrations.CreateModel(
            name="Instance",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False),
                ),
                ("instance", HexUUIDField(default=uuid.uuid4, editable=False)),
                ("key", models.BinaryField(default=new_key, editable=False)),
            ],
        ),
        migrations.CreateModel(
            name="Operation",
            fields=[
                (
                    "id",
                    HexUUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "instance",
                    HexUUIDField(help_text="Which database the rows were in; see Instance"),
                ),
                ("using", models.CharField(help_text="Alias of that database", max_length=255)),
                ("started", models.DateTimeField(db_index=True)),
            ],
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
            ],
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
        migrations.AlterModelOptions(
            "personaldata",
            options={
                "base_manager_name": "objects",
                "managed": False,
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
        # First, so that keys which differ by case alone are not taken for doubles.
        migrations.AlterField("privacyanonymised", "object_id", ExactCharField(max_length=512)),
        migrations.RunPython(
            remove_double_markers,
            migrations.RunPython.noop,
            hints={"model_name": "privacyanonymised"},
        ),
        migrations.AddConstraint(
            "privacyanonymised",
            models.UniqueConstraint(fields=("content_type", "object_id"), name="gdpr_assist_one_marker_per_row"),
        ),
        migrations.RunPython(name_this_database, migrations.RunPython.noop, hints={"model_name": "instance"}),
    ]
