import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import gdpr_assist


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        # By a name of 1.x, as sites do
        ("gdpr_assist", "0002_privacyanonymised"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Letter",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("signature", models.CharField(max_length=50)),
                ("body", models.TextField(blank=True)),
                (
                    "author",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=gdpr_assist.ANONYMISE(django.db.models.deletion.SET_NULL),
                        related_name="letters",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
    ]
