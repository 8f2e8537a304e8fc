"""What lets an interrupted run of anonymise_db go on where it stopped."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gdpr_assist", "0006_unknown_outcomes")]

    operations = [
        migrations.CreateModel(
            name="Scrub",
            fields=[
                ("label", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("started", models.DateTimeField()),
            ],
        ),
    ]
