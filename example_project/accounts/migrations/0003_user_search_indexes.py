"""Indexes for the search on ``auth.User``: its ``Meta`` belongs to Django, so that they cannot be declared there."""

from django.db import migrations, models
from django.db.models.functions import Upper

INDEXES = [
    models.Index(Upper("username"), name="auth_user_username_upper"),
    models.Index(Upper("email"), name="auth_user_email_upper"),
    models.Index(Upper("first_name"), name="auth_user_first_name_upper"),
    models.Index(Upper("last_name"), name="auth_user_last_name_upper"),
]


def add(apps, schema_editor):
    for index in INDEXES:
        schema_editor.add_index(apps.get_model("auth", "User"), index)


def remove(apps, schema_editor):
    for index in INDEXES:
        schema_editor.remove_index(apps.get_model("auth", "User"), index)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_search_indexes"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [migrations.RunPython(add, remove)]
