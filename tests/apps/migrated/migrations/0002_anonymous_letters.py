from django.db import migrations, models


def delete_users_of_drafts(apps, schema_editor):
    """Delete through the historical models, whose ANONYMISE must set the key and no more."""
    user_model = apps.get_model("auth", "User")
    letter_model = apps.get_model("migrated", "Letter")
    drafts = letter_model.objects.using(schema_editor.connection.alias).filter(body="")
    user_model.objects.using(schema_editor.connection.alias).filter(letters__in=drafts).delete()


class Migration(migrations.Migration):
    dependencies = [("migrated", "0001_initial")]

    operations = [
        migrations.AddField("letter", "sent", models.DateTimeField(null=True)),
        migrations.RunPython(delete_users_of_drafts, migrations.RunPython.noop),
    ]
