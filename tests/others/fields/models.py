"""A model for each package, with a column of each of its classes as it stands, blank, null and unique."""

import encrypted_fields.fields as fernet
import encrypted_model_fields.fields as encrypting
from ckeditor.fields import RichTextField
from ckeditor_uploader.fields import RichTextUploadingField
from django.db import connection, models
from django_ckeditor_5.fields import CKEditor5Field
from django_countries.fields import CountryField
from django_cryptography.fields import encrypt
from djmoney.models.fields import MoneyField
from model_utils import fields as utils
from phonenumber_field.modelfields import PhoneNumberField
from tinymce.models import HTMLField

VARIANTS = {"plain": {}, "blank": {"blank": True}, "null": {"null": True, "blank": True}}
UNIQUE = {**VARIANTS, "unique": {"unique": True}, "unique_null": {"unique": True, "null": True, "blank": True}}


class Everything:
    fields = "__all__"


def in_variants(variants, /, **classes):
    """Return {name of a column: field} for each class, or function that makes a field, in each variant."""
    return {
        f"{name}_{variant}": make(**options) for name, make in classes.items() for variant, options in variants.items()
    }


def made_of(name, columns, **attributes):
    return type(name, (models.Model,), {"__module__": __name__, "PrivacyMeta": Everything, **columns, **attributes})


def few(make, **arguments):
    return lambda **options: make(**arguments, **options)


Phones = made_of("Phones", in_variants(UNIQUE, phone=PhoneNumberField))
PhonesByWord = made_of(
    "PhonesByWord",
    {"word": models.CharField(max_length=20, primary_key=True), **in_variants(VARIANTS, phone=PhoneNumberField)},
)
Countries = made_of(
    "Countries", in_variants(VARIANTS, country=CountryField, countries=few(CountryField, multiple=True))
)
Prices = made_of(
    "Prices",
    in_variants(
        {"plain": {}, "null": VARIANTS["null"]},
        price=few(MoneyField, max_digits=9, default_currency="EUR"),
        cost=few(MoneyField, max_digits=9, default_currency=None),
    ),
)
Texts = made_of(
    "Texts",
    in_variants(VARIANTS, rich=RichTextField, uploading=RichTextUploadingField, five=CKEditor5Field, tiny=HTMLField),
)
Utils = made_of(
    "Utils",
    {
        **in_variants(VARIANTS, status=utils.StatusField, uuid=few(utils.UUIDField, primary_key=False)),
        **in_variants(
            {"plain": {}, "null": VARIANTS["null"]},
            created=utils.AutoCreatedField,
            modified=utils.AutoLastModifiedField,
            changed=few(utils.MonitorField, monitor="status_plain"),
        ),
        "published": utils.MonitorField(monitor="status_plain", when=["sent"], null=True),
        "token": utils.UrlsafeTokenField(max_length=20),
    },
    STATUS=[("new", "new"), ("sent", "sent")],
)
Fernet = made_of(
    "Fernet",
    in_variants(
        VARIANTS,
        char=few(fernet.EncryptedCharField, max_length=50),
        text=fernet.EncryptedTextField,
        email=fernet.EncryptedEmailField,
        integer=fernet.EncryptedIntegerField,
        float=fernet.EncryptedFloatField,
        boolean=fernet.EncryptedBooleanField,
        date=fernet.EncryptedDateField,
        date_time=fernet.EncryptedDateTimeField,
        json=fernet.EncryptedJSONField,
    ),
)
# The package cannot save them on PostgreSQL.
INTEGERS = {
    "integer": encrypting.EncryptedIntegerField,
    "big_integer": encrypting.EncryptedBigIntegerField,
    "small_integer": encrypting.EncryptedSmallIntegerField,
    "positive_integer": encrypting.EncryptedPositiveIntegerField,
    "positive_small_integer": encrypting.EncryptedPositiveSmallIntegerField,
}
Encrypting = made_of(
    "Encrypting",
    in_variants(
        VARIANTS,
        char=few(encrypting.EncryptedCharField, max_length=50),
        text=encrypting.EncryptedTextField,
        email=encrypting.EncryptedEmailField,
        boolean=encrypting.EncryptedBooleanField,
        date=encrypting.EncryptedDateField,
        date_time=encrypting.EncryptedDateTimeField,
        **({} if connection.vendor == "postgresql" else INTEGERS),
    ),
)


def encrypted(make, **arguments):
    return lambda **options: encrypt(make(**arguments, **options))


Cryptography = made_of(
    "Cryptography",
    in_variants(
        VARIANTS,
        char=encrypted(models.CharField, max_length=50),
        slug=encrypted(models.SlugField),
        text=encrypted(models.TextField),
        email=encrypted(models.EmailField),
        url=encrypted(models.URLField),
        integer=encrypted(models.IntegerField),
        big_integer=encrypted(models.BigIntegerField),
        small_integer=encrypted(models.SmallIntegerField),
        positive_integer=encrypted(models.PositiveIntegerField),
        positive_big_integer=encrypted(models.PositiveBigIntegerField),
        positive_small_integer=encrypted(models.PositiveSmallIntegerField),
        decimal=encrypted(models.DecimalField, max_digits=9, decimal_places=2),
        float=encrypted(models.FloatField),
        boolean=encrypted(models.BooleanField),
        date=encrypted(models.DateField),
        date_time=encrypted(models.DateTimeField),
        time=encrypted(models.TimeField),
        binary=encrypted(models.BinaryField),
        address=encrypted(models.GenericIPAddressField),
        uuid=encrypted(models.UUIDField),
        json=encrypted(models.JSONField),
    ),
)


class UnknownCharField(models.CharField):
    """Somebody's own, called as one of Django's when it is encrypted."""


UnknownCharField.__name__ = "CharField"
Unknown = made_of("Unknown", {"char": encrypt(UnknownCharField(max_length=50))})
