"""What a customer tells about themselves beyond the account."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Upper

import gdpr_assist


class Profile(models.Model):
    # Not CASCADE: Django leaves the file of a deleted row behind, anonymising removes it.
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=gdpr_assist.ANONYMISE(models.SET_NULL),
    )
    avatar = models.ImageField(upload_to="avatars", blank=True)
    date_of_birth = models.DateField(null=True, blank=True)
    phone = models.CharField(max_length=30, blank=True)
    website = models.URLField(blank=True)
    about = models.TextField(blank=True)
    country = models.CharField(max_length=2, help_text="for statistics: kept when anonymised")

    class Meta:
        # What the Personal data tool searches, as it compares on PostgreSQL
        indexes = [
            models.Index(Upper("phone"), name="accounts_profile_phone_upper"),
        ]

    class PrivacyMeta:
        fields = ["avatar", "date_of_birth", "phone", "website", "about"]
        keep = ["user", "country"]
        subject = "user"
        search_fields = ["user__username__iexact", "user__email__iexact", "phone"]
        purpose = "The page of a customer in the shop and the forum"
        export_filename = "profile.csv"

    def __str__(self) -> str:
        return f"Profile {self.pk}"
