"""Readers of the newsletter. No foreign key leads here: they are known by their address."""

from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone


class Subscription(models.Model):
    email = models.EmailField(unique=True)
    source = models.CharField(max_length=20)
    subscribed = models.DateTimeField(default=timezone.now)

    class Meta:
        # What the Personal data tool searches, as it compares on PostgreSQL
        indexes = [
            models.Index(Upper("email"), name="newsletter_subscrip_2918_upper"),
        ]

    class PrivacyMeta:
        fields = ["email"]
        keep = ["source", "subscribed"]
        identifiers = {"email": "email"}
        search_fields = ["email"]
        purpose = "The newsletter"
        recipients = "The company that sends our mails"
        export_filename = "newsletter.csv"

    def __str__(self) -> str:
        return f"Subscription {self.pk}"
