"""Models of an app that has never heard of gdpr_assist. Other test apps register them."""

from typing import Generic, TypeVar

import django
from django.db import models


class TicketQuerySet(models.QuerySet):
    def open(self):
        return self.filter(status="open")


class Ticket(models.Model):
    """Registered by tests.apps.early, with a manager name of its own."""

    reporter = models.EmailField()
    body = models.TextField(blank=True)
    status = models.CharField(max_length=10, default="open")

    objects = TicketQuerySet.as_manager()


class SubscriberManager(models.Manager):
    def confirmed(self):
        return self.filter(is_confirmed=True)


class Subscriber(models.Model):
    """Registered by tests.apps.shop, whose methods then stand on ``objects``."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=50, blank=True)
    is_confirmed = models.BooleanField(default=False)

    objects = SubscriberManager()


class Device(models.Model):
    """Not registered, unless a test does it. It names no manager."""

    owner = models.CharField(max_length=50)
    address = models.GenericIPAddressField()


if django.VERSION >= (5, 2):

    class Reading(models.Model):
        """With a key of two columns. Not registered, unless a test does it."""

        pk = models.CompositePrimaryKey("device_id", "number")
        device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+")
        number = models.IntegerField()
        text = models.CharField(max_length=50)


T = TypeVar("T", bound=models.Model)


class TypedQuerySet(Generic[T], models.QuerySet):
    def named(self, name):
        return self.filter(name=name)


class TypedManager(Generic[T], models.Manager):
    """As several packages annotate theirs."""

    def get_queryset(self):
        return TypedQuerySet(self.model, using=self._db)


class Branch(models.Model):
    """Not registered, unless a test does it. Its managers have typing.Generic as a base; one stands apart."""

    name = models.CharField(max_length=50)

    objects = TypedManager()

    def twins(self):
        return self._branches.filter(name=self.name)


Branch._branches = TypedManager()
Branch._branches.model = Branch


class Letter(models.Model):
    """In another schema, by the usual trick. Not registered, and its table not there, unless a test does it."""

    sender = models.CharField(max_length=50)

    class Meta:
        managed = False
        db_table = 'archive"."letter'
