"""The tables that are measured: people with eight personal columns, customers with orders, and their plain twins.

Of those nothing is said of people; buyers and citizens are people, and of what follows them it is said whose it is.
"""

from django.db import models

import gdpr_assist

PERSONAL = ["name", "nickname", "email", "notes", "birthday", "income", "last_ip", "website"]
KEPT = ["country", "newsletter", "joined"]


class Columns(models.Model):
    name = models.CharField(max_length=100)
    nickname = models.CharField(max_length=50, blank=True)
    email = models.EmailField(unique=True)
    notes = models.TextField(blank=True)
    birthday = models.DateField(null=True)
    income = models.IntegerField(null=True)
    last_ip = models.GenericIPAddressField(null=True)
    website = models.URLField()
    country = models.CharField(max_length=2)
    newsletter = models.BooleanField()
    joined = models.DateTimeField()

    class Meta:
        abstract = True


class Seed(Columns):
    """What the other tables are filled from before each timing."""


class Person(Columns):
    """Built-in rules only."""

    class PrivacyMeta:
        fields = PERSONAL
        keep = KEPT


class Like(Columns):
    """Tables beside that of ``Person``, for several processes."""

    class PrivacyMeta:
        fields = PERSONAL
        keep = KEPT

    class Meta:
        abstract = True


class Reader(Like):
    pass


class Writer(Like):
    pass


class Speaker(Like):
    pass


ALIKE = [Person, Reader, Writer, Speaker]


class Member(Columns):
    """One of the eight columns is computed in Python."""

    class PrivacyMeta:
        fields = PERSONAL
        keep = KEPT

        def anonymise_nickname(self, instance):
            return f"Guest {instance.pk}"


class CustomerColumns(models.Model):
    name = models.CharField(max_length=100)
    email = models.EmailField()

    class Meta:
        abstract = True


class OrderColumns(models.Model):
    recipient = models.CharField(max_length=100)
    address = models.TextField(blank=True)
    total = models.DecimalField(max_digits=8, decimal_places=2)
    placed = models.DateField()

    class Meta:
        abstract = True


class Customer(CustomerColumns):
    class PrivacyMeta:
        fields = ["name", "email"]


class Order(OrderColumns):
    customer = models.ForeignKey(
        Customer, null=True, related_name="orders", on_delete=gdpr_assist.ANONYMISE(models.SET_NULL)
    )

    class PrivacyMeta:
        fields = ["recipient", "address"]
        keep = ["customer", "total", "placed"]


class PlainCustomer(CustomerColumns):
    """The same without a declaration."""


class PlainOrder(OrderColumns):
    customer = models.ForeignKey(PlainCustomer, null=True, related_name="orders", on_delete=models.SET_NULL)


class Buyer(CustomerColumns):
    class PrivacyMeta:
        fields = ["name", "email"]
        subject = "self"
        identifiers = {"email": gdpr_assist.Identifier("email", verified=True)}


class Purchase(OrderColumns):
    """An order that also knows the address."""

    buyer = models.ForeignKey(Buyer, null=True, related_name="+", on_delete=gdpr_assist.ANONYMISE(models.SET_NULL))
    email = models.EmailField()

    class PrivacyMeta:
        fields = ["recipient", "address", "email"]
        keep = ["buyer", "total", "placed"]
        subject = "buyer"
        identifiers = {"email": "email"}


class Citizen(CustomerColumns):
    class PrivacyMeta:
        fields = ["name", "email"]
        subject = "self"
        identifiers = {}


class Entry(Columns):
    """About one citizen there may be a million."""

    citizen = models.ForeignKey(Citizen, null=True, related_name="+", on_delete=models.SET_NULL)

    class PrivacyMeta:
        fields = PERSONAL
        keep = [*KEPT, "citizen"]
        subject = "citizen"
        identifiers = {}


class Past(Columns):
    """What a citizen was before, a million times."""

    citizen = models.ForeignKey(Citizen, related_name="+", on_delete=models.CASCADE)

    class PrivacyMeta:
        fields = PERSONAL
        keep = [*KEPT, "citizen"]
        copy_of = "citizen"
        identifiers = {}


class Paper(models.Model):
    citizen = models.ForeignKey(Citizen, null=True, related_name="+", on_delete=models.SET_NULL)
    text = models.TextField()

    class Meta:
        abstract = True

    class PrivacyMeta:
        fields = ["text"]
        keep = ["citizen"]
        subject = "citizen"


# With the citizen 30 models that hold rows about a person
PAPERS = [type(f"Paper{number}", (Paper,), {"__module__": __name__}) for number in range(1, 30)]
