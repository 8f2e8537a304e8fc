"""The tables of pghistory. It is not installed elsewhere; its triggers are made after each migrate."""

from django.conf import settings
from django.db import connection, migrations, models
from django.db.models.deletion import CASCADE, DO_NOTHING

IS_THERE = connection.vendor == "postgresql"


def unconstrained(to, **options):
    return models.ForeignKey(to, DO_NOTHING, db_constraint=False, related_name="+", related_query_name="+", **options)


def event(name, columns):
    """Return the table of events of the model ``name``."""
    own = [
        ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
        ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
        ("pgh_label", models.TextField(help_text="The event label.")),
        ("id", models.BigIntegerField()),
        ("pgh_obj", models.ForeignKey(f"shelf.{name}", DO_NOTHING, db_constraint=False, related_name="events")),
    ]
    return migrations.CreateModel(f"{name}Event", [*own, *columns], options={"abstract": False})


class Migration(migrations.Migration):
    dependencies = [("shelf", "0001_initial"), *([("pghistory", "0001_initial")] if IS_THERE else [])]
    operations = (
        [
            migrations.CreateModel(
                "Card",
                [
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False)),
                    ("number", models.CharField(max_length=100)),
                    ("owner", models.ForeignKey(settings.AUTH_USER_MODEL, CASCADE)),
                ],
            ),
            event(
                "Card",
                [
                    ("number", models.CharField(max_length=100)),
                    ("owner", unconstrained(settings.AUTH_USER_MODEL)),
                    ("pgh_context", models.JSONField(null=True)),
                    ("pgh_context_id", models.UUIDField(null=True)),
                ],
            ),
            event(
                "Letter",
                [
                    ("address", models.CharField(max_length=100)),
                    ("text", models.TextField(blank=True)),
                    ("number", models.IntegerField(default=0)),
                    ("writer", unconstrained(settings.AUTH_USER_MODEL)),
                    (
                        "pgh_context",
                        models.ForeignKey(
                            "pghistory.Context", DO_NOTHING, null=True, db_constraint=False, related_name="+"
                        ),
                    ),
                ],
            ),
        ]
        if IS_THERE
        else []
    )
