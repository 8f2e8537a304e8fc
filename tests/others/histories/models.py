"""Rows with a history, to which the site adds columns of its own, as the docs of django-simple-history propose."""

from django.conf import settings
from django.db import models
from simple_history.models import HistoricalRecords


class Whence(models.Model):
    address = models.GenericIPAddressField(null=True)
    browser = models.CharField(max_length=100, blank=True)

    class Meta:
        abstract = True


class Tag(models.Model):
    word = models.CharField(max_length=50)


class Tagged(models.Model):
    letter = models.ForeignKey("Letter", on_delete=models.CASCADE)
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE)
    why = models.CharField(max_length=50, blank=True)

    class PrivacyMeta:
        fields = ["why"]
        keep = ["letter", "tag"]


class Letter(models.Model):
    text = models.TextField(blank=True)
    number = models.IntegerField(default=0)
    tags = models.ManyToManyField(Tag, through=Tagged)
    history = HistoricalRecords(bases=[Whence], m2m_fields=[tags])

    class PrivacyMeta:
        fields = ["text"]
        keep = ["number"]


class Card(models.Model):
    """All that the app adds to a record, and a column of which nothing is said: of that of the history neither."""

    text = models.TextField(blank=True)
    added = models.TextField(blank=True)
    history = HistoricalRecords(
        related_name="records",
        history_change_reason_field=models.TextField(null=True),
        history_user_id_field=models.IntegerField(null=True),
        history_user_getter=lambda record: None,
        history_user_setter=lambda record, user: None,
    )

    class PrivacyMeta:
        fields = ["text"]


class Person(models.Model):
    name = models.CharField(max_length=50, blank=True)

    class PrivacyMeta:
        fields = ["name"]


class Writer(Person):
    """What is personal in its parent is so in its history, which has the columns of both."""

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True)
    pen_name = models.CharField(max_length=50, blank=True)
    history = HistoricalRecords()

    class PrivacyMeta:
        fields = ["pen_name"]
        keep = ["account", "name"]
