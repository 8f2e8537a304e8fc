"""A shop on packages that keep data of people: rows by keys, by values, of two people, and shared ones."""

import simple_history
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from simple_history.models import HistoricalRecords

import gdpr_assist

SET_NULL = {"null": True, "blank": True, "on_delete": models.SET_NULL, "related_name": "+"}
ANONYMISE = {**SET_NULL, "on_delete": gdpr_assist.ANONYMISE(models.SET_NULL)}

# With a key of its own, as the integer that the history has of each row leads nowhere
simple_history.register(User, app="tests.canary.kiosk", related_name="old_rows")


class Profile(models.Model):
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="profile")
    phone = models.CharField(max_length=30, blank=True)
    about = models.TextField(blank=True)
    picture = models.FileField(upload_to="pictures", blank=True)

    class PrivacyMeta:
        fields = ["phone", "about", "picture"]
        keep = ["user"]
        subject = ["self", "user"]
        identifiers = {"phone": gdpr_assist.Identifier("phone", verified=True)}


class Address(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    street = models.CharField(max_length=100)

    class PrivacyMeta:
        fields = ["street"]
        keep = ["user"]
        subject = "user"
        on_erasure = "delete"


class Order(models.Model):
    number = models.CharField(max_length=20, unique=True)
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, **ANONYMISE)
    packed_by = models.ForeignKey(settings.AUTH_USER_MODEL, **SET_NULL)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=30, blank=True)
    recipient = models.CharField(max_length=100)
    note = models.TextField(blank=True)
    invoice_name = models.CharField(max_length=100)
    history = HistoricalRecords()

    class PrivacyMeta:
        fields = ["email", "phone", "recipient", "note", "invoice_name"]
        keep = ["number", "customer", "packed_by"]
        subject = "customer"
        identifiers = {"email": "email", "phone": "phone"}  # of a guest
        actors = ["packed_by"]
        on_erasure = {"invoice_name": gdpr_assist.Keep("tax")}


class OrderLine(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE)
    engraving = models.CharField(max_length=50, blank=True)

    class PrivacyMeta:
        fields = ["engraving"]
        keep = ["order"]
        subject = "order"


class Ticket(models.Model):
    """Its key is cut when an account is deleted, and anonymises nothing."""

    customer = models.ForeignKey(settings.AUTH_USER_MODEL, **SET_NULL)
    handled_by = models.ForeignKey(settings.AUTH_USER_MODEL, **SET_NULL)
    question = models.TextField()
    answer = models.TextField(blank=True)

    class PrivacyMeta:
        fields = ["question", "answer"]
        keep = ["customer", "handled_by"]
        subject = "customer"
        actors = ["handled_by"]


class Comment(models.Model):
    author = models.ForeignKey(settings.AUTH_USER_MODEL, **ANONYMISE)
    display_name = models.CharField(max_length=100)
    body = models.TextField()
    ip_address = models.GenericIPAddressField(null=True)

    class PrivacyMeta:
        fields = ["display_name", "body", "ip_address"]
        keep = ["author"]
        subject = "author"


class Message(models.Model):
    """Between two people."""

    sender = models.ForeignKey(settings.AUTH_USER_MODEL, **ANONYMISE)
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, **ANONYMISE)
    sender_name = models.CharField(max_length=100)
    recipient_name = models.CharField(max_length=100)
    body = models.TextField()

    class PrivacyMeta:
        fields = ["sender_name", "recipient_name", "body"]
        keep = ["sender", "recipient"]
        subject = {
            "sender": gdpr_assist.Party(erases=["sender_name", "body"]),
            "recipient": gdpr_assist.Party(erases=["recipient_name"], sees=["body"]),
        }


class Team(models.Model):
    """About all of its members at once."""

    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+")
    motto = models.CharField(max_length=100)

    class PrivacyMeta:
        fields = ["motto"]
        subject = "members"


class Remark(models.Model):
    """About an account, or a row of somebody."""

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
    object_id = models.CharField(max_length=50)
    about = GenericForeignKey("content_type", "object_id")
    text = models.TextField()

    class PrivacyMeta:
        fields = ["text"]
        keep = ["content_type", "object_id"]
        subject = gdpr_assist.Generic("content_type", "object_id")


class Subscription(models.Model):
    """On a database of its own; no key leads anywhere."""

    email = models.EmailField(unique=True)
    source = models.CharField(max_length=20)

    class PrivacyMeta:
        fields = ["email"]
        keep = ["source"]
        identifiers = {"email": "email"}
