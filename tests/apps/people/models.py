"""Who the people are, and whose the rows: each kind of key that leads to a person, and what is said of it."""

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models

import gdpr_assist

SET_NULL = {"null": True, "blank": True, "on_delete": models.SET_NULL}


class Account(models.Model):
    """A person."""

    email = models.EmailField(unique=True)
    is_confirmed = models.BooleanField(default=False)
    friends = models.ManyToManyField("self", blank=True)
    brought_by = models.ForeignKey("self", related_name="brought", **SET_NULL)

    class PrivacyMeta:
        fields = ["email"]
        keep = ["is_confirmed", "brought_by"]
        subject = "self"
        identifiers = {"email": gdpr_assist.Identifier("email", verified=models.Q(is_confirmed=True))}
        actors = ["brought_by", "friends"]


class StaffAccount(Account):
    """The same person, in another table too."""

    desk = models.CharField(max_length=20)

    class PrivacyMeta:
        fields = ["desk"]
        keep = ["email", "is_confirmed", "brought_by"]
        subject = "self"
        identifiers = {}


class Profile(models.Model):
    """Of an account, and a person as well."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE)
    phone = models.CharField(max_length=30, blank=True)

    class PrivacyMeta:
        fields = ["phone"]
        keep = ["account"]
        subject = ["self", "account"]
        identifiers = {"phone": gdpr_assist.Identifier("phone", verified=True)}


class Parcel(models.Model):
    """Where a sale goes; nothing leads to a person but the sale."""

    street = models.CharField(max_length=50)

    class PrivacyMeta:
        fields = ["street"]
        subject = "sale"


class Sale(models.Model):
    """One of a guest has no buyer."""

    buyer = models.ForeignKey(Account, related_name="+", null=True, on_delete=gdpr_assist.ANONYMISE(models.SET_NULL))
    packed_by = models.ForeignKey(StaffAccount, related_name="+", **SET_NULL)
    parcel = models.OneToOneField(Parcel, **SET_NULL)
    email = models.EmailField()
    phone = models.CharField(max_length=30, blank=True)
    recipient = models.CharField(max_length=50)

    class PrivacyMeta:
        fields = ["email", "phone", "recipient"]
        keep = ["buyer", "packed_by", "parcel"]
        subject = "buyer"
        identifiers = {"email": "email", "phone": ["phone"]}
        actors = ["packed_by"]
        on_erasure = {"recipient": gdpr_assist.Keep("tax")}


class SaleLine(models.Model):
    sale = models.ForeignKey(Sale, on_delete=models.CASCADE, related_name="lines")
    engraving = models.CharField(max_length=50, blank=True)

    class PrivacyMeta:
        fields = ["engraving"]
        keep = ["sale"]
        subject = "sale"
        on_erasure = "delete"


class Chat(models.Model):
    """Between two people."""

    asker = models.ForeignKey(Account, related_name="+", null=True, on_delete=gdpr_assist.ANONYMISE(models.SET_NULL))
    answerer = models.ForeignKey(
        Account, related_name="+", null=True, on_delete=gdpr_assist.ANONYMISE(models.SET_NULL)
    )
    question = models.TextField()
    answer = models.TextField()

    class PrivacyMeta:
        fields = ["question", "answer"]
        keep = ["asker", "answerer"]
        subject = {
            "asker": gdpr_assist.Party(erases=["question"], sees=["answer"]),
            "answerer": gdpr_assist.Party(erases=["answer"], sees=["question"]),
        }


class Attachment(models.Model):
    """Of what is about two people."""

    chat = models.ForeignKey(Chat, on_delete=models.CASCADE)
    title = models.CharField(max_length=50)

    class PrivacyMeta:
        fields = ["title"]
        keep = ["chat"]
        subject = "chat"


class Remark(models.Model):
    """About anything."""

    # No constraint: tables of apps without migrations are made before those of content types.
    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, db_constraint=False)
    object_id = models.CharField(max_length=50)
    about = GenericForeignKey("content_type", "object_id")
    text = models.TextField()

    class PrivacyMeta:
        fields = ["text"]
        keep = ["content_type", "object_id"]
        subject = gdpr_assist.Generic("content_type", "object_id")


class Event(models.Model):
    guests = models.ManyToManyField(Account, through="Visit", related_name="+")
    topic = models.CharField(max_length=50)

    class PrivacyMeta:
        fields = ["topic"]
        subject = "guests"


class Visit(models.Model):
    event = models.ForeignKey(Event, on_delete=models.CASCADE)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    wish = models.CharField(max_length=50, blank=True)

    class PrivacyMeta:
        fields = ["wish"]
        keep = ["event", "account"]
        subject = "account"


class Circle(models.Model):
    """Of several people, by way of a table that Django makes."""

    members = models.ManyToManyField(Account, related_name="+")
    host = models.ForeignKey(Profile, related_name="+", related_query_name="hosted", **SET_NULL)
    motto = models.CharField(max_length=50)

    class PrivacyMeta:
        fields = ["motto"]
        keep = ["host"]
        subject = "members"
        actors = ["host"]


class Reader(models.Model):
    """Known by the address alone."""

    email = models.EmailField()

    class PrivacyMeta:
        fields = ["email"]
        identifiers = {"email": "email"}


class Counter(models.Model):
    """Not registered, and not personal: GDPR_NOT_PERSONAL says so."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    clicks = models.PositiveIntegerField(default=0)
