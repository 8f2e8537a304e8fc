"""A step of 1.x by its name, with nothing left to do: 0004 brings any site that stopped before it to the same end."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("gdpr_assist", "0002_privacyanonymised")]

    operations = []
