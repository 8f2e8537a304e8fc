"""Loaded before gdpr_assist's own models: the app stands first in INSTALLED_APPS."""

from django.db import models

import gdpr_assist
from tests.apps.thirdparty.models import Ticket


class EarlyBird(models.Model):
    name = models.CharField(max_length=50)
    email = models.EmailField()
    arrived = models.DateTimeField(null=True)
    referrer = models.ForeignKey("self", null=True, on_delete=gdpr_assist.ANONYMISE(models.SET_NULL))

    class PrivacyMeta:
        fields = ["name", "email"]
        keep = ["arrived", "referrer"]
        search_fields = ["email"]


class TicketPrivacy:
    fields = ["reporter", "body"]
    keep = ["status"]
    search_fields = ["reporter"]


# As a site does that registers another app's model from its own models.py
gdpr_assist.register(Ticket, TicketPrivacy, gdpr_default_manager_name="privacy")
