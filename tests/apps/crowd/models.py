"""An app that a test adds to INSTALLED_APPS while it runs: people, and 30 models with rows about them."""

from django.db import models

import gdpr_assist

NUMBER = 30


class Citizen(models.Model):
    email = models.EmailField()

    class PrivacyMeta:
        fields = ["email"]
        subject = "self"
        identifiers = {"email": gdpr_assist.Identifier("email", verified=True)}


class Paper(models.Model):
    owner = models.ForeignKey(Citizen, null=True, related_name="+", on_delete=models.SET_NULL)
    email = models.EmailField()

    class Meta:
        abstract = True

    class PrivacyMeta:
        fields = ["email"]
        keep = ["owner"]
        subject = "owner"


def make(number: int) -> type[Paper]:
    declared = type("PrivacyMeta", (Paper.PrivacyMeta,), {"identifiers": {"email": "email"} if number == 1 else {}})
    return type(f"Paper{number}", (Paper,), {"__module__": __name__, "PrivacyMeta": declared})


# The first of them are also known by the address.
PAPERS = [make(number) for number in range(1, NUMBER + 1)]
