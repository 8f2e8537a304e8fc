"""The schema of 1.4 in one step. A site that ran 1.4 has it already: Django sees that from ``replaces``."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    replaces = [
        ("gdpr_assist", "0001_initial"),
        ("gdpr_assist", "0002_privacyanonymised"),
        ("gdpr_assist", "0003_auto_20210205_1657"),
        ("gdpr_assist", "0004_auto_20211215_1057"),
    ]

    dependencies = [("contenttypes", "0002_remove_content_type_name")]

    operations = [
        migrations.CreateModel(
            name="EventLog",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "event",
                    models.CharField(choices=[("delete", "Delete"), ("anonymise", "Anonymise")], max_length=9),
                ),
                ("app_label", models.CharField(max_length=255)),
                ("model_name", models.CharField(max_length=255)),
                ("target_pk", models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name="PersonalData",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
            ],
            options={"managed": False, "verbose_name_plural": "personal data"},
        ),
        migrations.CreateModel(
            name="PrivacyAnonymised",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("object_id", models.CharField(max_length=36)),
                (
                    "content_type",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="contenttypes.contenttype"),
                ),
            ],
        ),
    ]
