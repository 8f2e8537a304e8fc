"""What is sold, to whom, and where it goes."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone

import gdpr_assist


class Product(models.Model):
    """Nothing personal here: the model is not registered and pays nothing."""

    name = models.CharField(max_length=100, unique=True)
    price = models.DecimalField(max_digits=8, decimal_places=2)

    def __str__(self) -> str:
        return self.name


class Address(models.Model):
    """An entry of a customer's address book: of no use without them, so deleted with them."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="addresses")
    label = models.CharField(max_length=20, default="Home")
    recipient = models.CharField(max_length=100)
    street = models.CharField(max_length=200)
    town = models.CharField(max_length=100)
    postcode = models.CharField(max_length=12)

    class Meta:
        verbose_name_plural = "addresses"
        # What the Personal data tool searches, as it compares on PostgreSQL
        indexes = [
            models.Index(Upper("recipient"), name="shop_address_recipient_upper"),
            models.Index(Upper("postcode"), name="shop_address_postcode_upper"),
        ]

    class PrivacyMeta:
        fields = ["recipient", "street", "town", "postcode"]
        keep = ["user", "label"]
        replace = {"recipient": gdpr_assist.Pseudonym("name"), "town": gdpr_assist.Pseudonym("city")}
        subject = "user"
        search_fields = ["user__email__iexact", "recipient", "postcode"]
        purpose = "To deliver what is ordered"
        recipients = "The carrier"
        export_filename = "address-book.csv"

    def __str__(self) -> str:
        return f"{self.label} {self.pk}"


class Order(models.Model):
    """The books need the order for years, not the person: it is anonymised, never deleted."""

    class Status(models.TextChoices):
        PAID = "paid"
        SENT = "sent"
        RETURNED = "returned"

    number = models.CharField(max_length=20, unique=True)
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=gdpr_assist.ANONYMISE(models.SET_NULL),
        related_name="orders",
        help_text="empty for an order placed as a guest",
    )
    packed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="packed"
    )
    email = models.EmailField()
    delivery_name = models.CharField(max_length=100)
    delivery_address = models.TextField(blank=True)
    phone = models.CharField(max_length=30, blank=True)
    note = models.TextField(blank=True)
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PAID)
    placed = models.DateTimeField(default=timezone.now)
    total = models.DecimalField(max_digits=9, decimal_places=2, default=0)

    class Meta:
        # What the Personal data tool searches, as it compares on PostgreSQL
        indexes = [
            models.Index(Upper("email"), name="shop_order_email_upper"),
            models.Index(Upper("delivery_name"), name="shop_order_delivery_name_upper"),
            models.Index(Upper("number"), name="shop_order_number_upper"),
        ]

    class PrivacyMeta:
        fields = ["email", "delivery_name", "delivery_address", "phone", "note", "ip_address"]
        keep = ["number", "customer", "packed_by", "status", "placed", "total"]
        # The same as in the address book, where it was the same
        replace = {"delivery_name": gdpr_assist.Pseudonym("name")}
        subject = "customer"
        identifiers = {"email": "email"}  # of a guest, who has no account
        actors = ["packed_by"]
        search_fields = ["email", "customer__email__iexact", "delivery_name", "number"]
        purpose = ["To deliver what is ordered", "The accounts, as tax law asks"]
        recipients = ["The carrier", "The tax office"]
        export_filename = "orders.csv"

    def __str__(self) -> str:
        return self.number


class OrderLine(models.Model):
    """Whose it is, its order says."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveSmallIntegerField(default=1)
    gift_note = models.CharField(max_length=200, blank=True)

    class PrivacyMeta:
        fields = ["gift_note"]
        keep = ["order", "product", "quantity"]
        subject = "order"
        search_fields = ["order__email__iexact", "order__customer__email__iexact"]
        export_fields = ["product", "quantity", "gift_note"]
        purpose = "To deliver what is ordered"
        export_filename = "order-lines.csv"

    def __str__(self) -> str:
        return f"{self.quantity} x {self.product_id}"
