"""Rows about people, of which each app keeps a history; and those of an account of Django, as far as it can."""

import reversion
from auditlog.registry import auditlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, models
from simple_history import register
from simple_history.models import HistoricalRecords

if connection.vendor == "postgresql":
    import pghistory


def track(model, **options):
    """Have triggers write what a row held before it changed, and when it goes."""
    if connection.vendor == "postgresql":
        events = pghistory.InsertEvent(), pghistory.UpdateEvent(row="OLD"), pghistory.DeleteEvent()
        pghistory.track(*events, **options)(model)
    return model


@track
class Letter(models.Model):
    writer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    address = models.CharField(max_length=100)
    text = models.TextField(blank=True)
    number = models.IntegerField(default=0)
    history = HistoricalRecords()

    class PrivacyMeta:
        fields = ["address", "text"]
        keep = ["number", "writer"]
        subject = "writer"

    def __str__(self):
        return self.address


class Page(models.Model):
    """In the revision of its letter; deleted with it, and when its writer is erased."""

    letter = models.ForeignKey(Letter, on_delete=models.CASCADE)
    words = models.TextField()

    class PrivacyMeta:
        fields = ["words"]
        keep = ["letter"]
        subject = "letter"
        on_erasure = "delete"

    def __str__(self):
        return self.words


register(User, app=__package__, inherit=False)
for each in (User, Letter, Page):
    auditlog.register(each, serialize_data=True)
reversion.register(User)
reversion.register(Letter, follow=["page_set"])
reversion.register(Page)

if connection.vendor == "postgresql":

    class Card(models.Model):
        """Its events are protected, and have what was said of the request with them."""

        owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
        number = models.CharField(max_length=100)

        class PrivacyMeta:
            fields = ["number"]
            keep = ["owner"]
            subject = "owner"

    track(Card, append_only=True, context_field=pghistory.ContextJSONField())
