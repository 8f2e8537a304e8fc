"""The event log under its 1.x name: run only by a site that stopped part-way through the migrations of 1.x."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="EventLog",
            fields=[
                (
                    "id",
                    models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
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
                    models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
            ],
            options={"managed": False, "verbose_name_plural": "personal data"},
        ),
    ]
