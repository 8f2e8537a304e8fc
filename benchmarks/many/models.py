"""Two hundred models, each with a declaration where ``gdpr_assist`` is installed."""

from django.conf import settings
from django.db import models

NUMBER = 200


def make(number: int) -> type[models.Model]:
    attributes = {
        "__module__": __name__,
        "name": models.CharField(max_length=100),
        "email": models.EmailField(null=True),
        "notes": models.TextField(blank=True),
        "birthday": models.DateField(null=True),
        "country": models.CharField(max_length=2),
        "joined": models.DateTimeField(),
    }
    if "gdpr_assist" in settings.INSTALLED_APPS:
        attributes["PrivacyMeta"] = type(
            "PrivacyMeta", (), {"fields": ["name", "email", "notes", "birthday"], "keep": ["country", "joined"]}
        )
    return type(f"Record{number}", (models.Model,), attributes)


for number in range(NUMBER):
    make(number)
