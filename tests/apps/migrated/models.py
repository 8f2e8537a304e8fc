"""The one app with migrations, so also the one that may point at auth.User on every database."""

from django.conf import settings
from django.db import models

import gdpr_assist


class Letter(models.Model):
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=gdpr_assist.ANONYMISE(models.SET_NULL),
        related_name="letters",
    )
    signature = models.CharField(max_length=50)
    body = models.TextField(blank=True)
    sent = models.DateTimeField(null=True)

    class PrivacyMeta:
        fields = ["signature", "body"]
        keep = ["author", "sent"]
        search_fields = ["signature__icontains"]
