"""An app that a test adds to INSTALLED_APPS while it runs."""

from django.db import models


class Guest(models.Model):
    name = models.CharField(max_length=50)

    class PrivacyMeta:
        fields = ["name"]


class Regular(Guest):
    class Meta:
        proxy = True
