"""The schema of 1.4 from whichever step of 1.x: each column is set to its final type, whatever it was."""

from django.db import migrations, models


def big_auto_field() -> "models.BigAutoField[int, int]":
    return models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


class Migration(migrations.Migration):
    dependencies = [("gdpr_assist", "0003_auto_20210205_1657")]

    operations = [
        migrations.AlterField("eventlog", "id", big_auto_field()),
        migrations.AlterField("personaldata", "id", big_auto_field()),
        migrations.AlterField("privacyanonymised", "id", big_auto_field()),
        migrations.AlterField("privacyanonymised", "object_id", models.CharField(max_length=36)),
    ]
