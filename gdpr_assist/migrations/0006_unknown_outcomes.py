"""An outcome that cannot be told any more is unknown."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gdpr_assist", "0005_operations_and_receipts")]

    operations = [
        migrations.AlterField(
            "outcome",
            "committed",
            models.BooleanField(help_text="Empty if it cannot be told any more", null=True),
        ),
        migrations.AlterField(
            "receipt",
            "written",
            models.DateTimeField(help_text="When the operation was started, also if a replay wrote the receipt"),
        ),
    ]
