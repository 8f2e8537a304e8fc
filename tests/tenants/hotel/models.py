from django.db import models


class Guest(models.Model):
    name = models.CharField(max_length=50)

    class PrivacyMeta:
        fields = ["name"]
        search_fields = ["name"]
