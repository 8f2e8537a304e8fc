"""A shop as sites build them: what an erasure has to reach, and what it has to leave alone.

No key here points at auth.User: the app has no migrations, so its tables are made before auth's.
"""

import uuid

import django
from django.db import models
from django.db.models import Q

import gdpr_assist

# The row that takes over what a deleted company leaves behind; a test has to create it.
HOUSE_COMPANY = 1


def house_company():
    return HOUSE_COMPANY


# -- not registered: what registered rows point at, or what points at them ---------------------


class Company(models.Model):
    """Deleting one reaches registered rows, directly and through its departments."""

    name = models.CharField(max_length=50)


class Department(models.Model):
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="departments")
    name = models.CharField(max_length=50)


class Category(models.Model):
    """Nothing registered is near: Django may delete it, and its products, without loading them."""

    name = models.CharField(max_length=50)


class Product(models.Model):
    category = models.ForeignKey(Category, on_delete=models.CASCADE, related_name="products")
    name = models.CharField(max_length=50)


# -- customers ---------------------------------------------------------------------------------


class CustomerQuerySet(models.QuerySet):
    def from_abroad(self):
        return self.exclude(country="")


class ActiveManager(models.Manager.from_queryset(CustomerQuerySet)):
    """Hides the rows that were deleted softly."""

    def get_queryset(self):
        return super().get_queryset().filter(is_deleted=False)

    def named(self, name):
        return self.filter(name=name)


class Customer(models.Model):
    number = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=50)
    email = models.EmailField(unique=True)
    phone = models.CharField(max_length=20, blank=True)
    born = models.DateField(null=True, blank=True)
    notes = models.TextField(blank=True)
    country = models.CharField(max_length=2, blank=True)
    is_deleted = models.BooleanField(default=False)
    referred_by = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=gdpr_assist.ANONYMISE(models.SET_NULL),
        related_name="referrals",
    )
    favourites = models.ManyToManyField(Product, blank=True, related_name="admirers")

    objects = ActiveManager()
    all_objects = models.Manager()

    class PrivacyMeta:
        fields = ["name", "email", "phone", "born", "notes"]
        keep = ["number", "country", "is_deleted", "referred_by"]
        search_fields = ["email", "name__icontains"]
        export_fields = ["name", "email", "phone", "born"]

    def __str__(self):
        return self.name


class ForeignCustomer(Customer):
    class Meta:
        proxy = True


class Address(models.Model):
    """Deleted together with the customer."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="addresses")
    street = models.CharField(max_length=100)
    town = models.CharField(max_length=50)

    class PrivacyMeta:
        fields = ["street"]
        keep = ["customer", "town"]
        search_fields = ["street__icontains"]


class Invoice(models.Model):
    """Not registered. A customer with an invoice cannot be deleted."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="invoices")
    total = models.DecimalField(max_digits=8, decimal_places=2)


class Voucher(models.Model):
    """Points at something other than the customer's primary key."""

    customer = models.ForeignKey(
        Customer,
        null=True,
        on_delete=gdpr_assist.ANONYMISE(models.SET_NULL),
        to_field="number",
        related_name="vouchers",
    )
    greeting = models.CharField(max_length=100)

    class PrivacyMeta:
        fields = ["greeting"]
        keep = ["customer"]
        search_fields = ["greeting"]


class Message(models.Model):
    """The customer cannot be asked for its messages: there is no way back."""

    recipient = models.ForeignKey(
        Customer,
        null=True,
        on_delete=gdpr_assist.ANONYMISE(models.SET_NULL),
        related_name="+",
    )
    text = models.TextField()

    class PrivacyMeta:
        fields = ["text"]
        keep = ["recipient"]
        search_fields = ["text__icontains"]


# -- orders: a parent and its multi-table children ---------------------------------------------


class Order(models.Model):
    customer = models.ForeignKey(
        Customer,
        null=True,
        blank=True,
        on_delete=gdpr_assist.ANONYMISE(models.SET_NULL),
        related_name="orders",
    )
    recipient = models.CharField(max_length=50)
    email = models.EmailField()
    delivery_note = models.TextField(blank=True)
    placed = models.DateTimeField()
    total = models.DecimalField(max_digits=8, decimal_places=2, default=0)

    class PrivacyMeta:
        fields = ["recipient", "email", "delivery_note"]
        keep = ["customer", "placed", "total"]
        search_fields = ["email", "recipient__icontains"]
        export_filename = "orders.csv"


class GiftOrder(Order):
    """Has a declaration of its own."""

    greeting = models.CharField(max_length=100)

    class PrivacyMeta:
        fields = ["recipient", "email", "delivery_note", "greeting"]
        keep = ["customer", "placed", "total"]
        search_fields = ["greeting__icontains"]


class ExpressOrder(Order):
    """Has none, so its parent's holds."""


class Boat(models.Model):
    boat_id = models.AutoField(primary_key=True)
    owner = models.CharField(max_length=50)

    class PrivacyMeta:
        fields = ["owner"]
        search_fields = ["owner"]


class Home(models.Model):
    home_id = models.AutoField(primary_key=True)
    street = models.CharField(max_length=50)

    class PrivacyMeta:
        fields = ["street"]
        search_fields = ["street"]


class Houseboat(Boat, Home):
    """Has two parents, whose keys need not be the same; declares what it adds itself and nothing else."""

    nickname = models.CharField(max_length=50)

    class PrivacyMeta:
        fields = ["nickname"]
        keep = ["owner", "street"]
        search_fields = ["nickname"]


class PaintedHouseboat(Houseboat):
    """Has no declaration, so its parent's holds."""


class OldHouseboat(Houseboat):
    class Meta:
        proxy = True


class Plant(models.Model):
    """Not registered, but for its child."""

    species = models.CharField(max_length=50)


class Tree(Plant):
    planted_by = models.CharField(max_length=50)

    class PrivacyMeta:
        fields = ["planted_by"]
        keep = ["species"]
        search_fields = ["planted_by"]


class OrderLine(models.Model):
    """Not registered."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+")


# -- custom anonymisers, search and export -----------------------------------------------------


class Comment(models.Model):
    author = models.ForeignKey(
        Customer,
        null=True,
        blank=True,
        on_delete=gdpr_assist.ANONYMISE(models.SET_NULL),
        related_name="comments",
    )
    display_name = models.CharField(max_length=255)
    body = models.TextField()
    email = models.EmailField()
    posted = models.DateTimeField()

    class PrivacyMeta:
        fields = ["display_name", "body", "email"]
        keep = ["author", "posted"]

        def anonymise_display_name(self, instance):
            return "Anonymous user"

        def anonymise_body(self, instance):
            instance.body = f"[removed, {len(instance.body)} characters]"

        def search(self, term):
            return Comment.objects.filter(Q(email__iexact=term) | Q(display_name=term))

        def export(self, instance):
            return {"name": instance.display_name, "length": len(instance.body)}


class Reservation(models.Model):
    """Its anonymiser fails with the value in the message, as careless code does."""

    guest = models.CharField(max_length=50)
    phone = models.CharField(max_length=20)

    class PrivacyMeta:
        fields = ["guest", "phone"]
        search_fields = ["guest"]

        def anonymise_phone(self, instance):
            raise RuntimeError(f"cannot parse {instance.phone}")


class AuditEntry(models.Model):
    """May be found and exported, but not anonymised."""

    customer = models.ForeignKey(Customer, null=True, on_delete=models.SET_NULL, related_name="+")
    actor = models.EmailField()
    action = models.CharField(max_length=50)

    class PrivacyMeta:
        can_anonymise = False
        fields = ["actor"]
        keep = ["customer", "action"]
        search_fields = ["actor"]
        export_exclude = ["action"]


# -- an abstract base that declares for its children -------------------------------------------


class Contact(models.Model):
    contact_name = models.CharField(max_length=50)
    contact_email = models.EmailField(blank=True)
    since = models.DateField()

    class PrivacyMeta:
        fields = "__all__"
        keep = ["since"]
        search_fields = ["contact_email"]

    class Meta:
        abstract = True


class Supplier(Contact):
    pass


class Courier(Contact):
    """What it adds is personal, as nothing keeps it."""

    phone = models.CharField(max_length=20)


# -- rows that outlive an unregistered parent --------------------------------------------------


class Employee(models.Model):
    company = models.ForeignKey(
        Company,
        default=HOUSE_COMPANY,
        on_delete=gdpr_assist.ANONYMISE(models.SET_DEFAULT),
        related_name="employees",
    )
    name = models.CharField(max_length=50)
    salary = models.IntegerField()

    class PrivacyMeta:
        fields = ["name", "salary"]
        keep = ["company"]
        search_fields = ["name"]


class Visitor(models.Model):
    company = models.ForeignKey(
        Company,
        on_delete=gdpr_assist.ANONYMISE(models.SET(house_company)),
        related_name="visitors",
    )
    name = models.CharField(max_length=50)

    class PrivacyMeta:
        fields = ["name"]
        keep = ["company"]
        search_fields = ["name"]


class Parcel(models.Model):
    company = models.ForeignKey(
        Company,
        on_delete=gdpr_assist.ANONYMISE(models.SET(HOUSE_COMPANY)),
        related_name="parcels",
    )
    addressee = models.CharField(max_length=50)

    class PrivacyMeta:
        fields = ["addressee"]
        keep = ["company"]
        search_fields = ["addressee"]


class Badge(models.Model):
    """Two steps from the company: its department is deleted first."""

    department = models.ForeignKey(
        Department,
        null=True,
        on_delete=gdpr_assist.ANONYMISE(models.SET_NULL),
        related_name="badges",
    )
    holder = models.CharField(max_length=50)

    class PrivacyMeta:
        fields = ["holder"]
        keep = ["department"]
        search_fields = ["holder"]


# -- rows that keep one another ----------------------------------------------------------------


class Reply(models.Model):
    """What was replied to goes with the reply or not at all.

    With a constraint MariaDB would check each row by itself, and could not delete both.
    """

    to = models.ForeignKey("self", null=True, on_delete=models.RESTRICT, db_constraint=False, related_name="+")
    text = models.TextField()

    class PrivacyMeta:
        fields = ["text"]
        keep = ["to"]
        search_fields = ["text__icontains"]


# -- constraints over several columns ----------------------------------------------------------


class Membership(models.Model):
    """The blank columns cannot become the same text twice in one club."""

    club = models.CharField(max_length=50)
    nickname = models.CharField(max_length=40, blank=True)
    card = models.CharField(max_length=40, blank=True)
    visits = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["club", "nickname"], name="shop_one_nickname"),
            models.CheckConstraint(
                **{"condition" if django.VERSION >= (5, 1) else "check": Q(visits__gte=0)},
                name="shop_visits_not_negative",
            ),
        ]
        unique_together = [("club", "card")]

    class PrivacyMeta:
        fields = ["nickname", "card", "visits"]
        keep = ["club"]
        search_fields = ["nickname"]
