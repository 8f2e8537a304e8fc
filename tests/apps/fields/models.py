"""A column of every field class that has a default rule, in every variant that a rule looks at.

A variant is one model, so that a test can run over all of them and name what failed.
"""

import uuid
from functools import partial

import django
from django.conf import settings
from django.db import models
from django.db.models.functions import Upper


def one_answer():
    """Stand for a default that is callable but not empty."""
    return {"answer": 42}


def variant(name, columns, **options):
    """Make the model ``name`` with one column per entry of ``columns``, each with ``options``."""
    attributes = {column: field_class(**options) for column, field_class in columns.items()}
    declaration = {"fields": list(columns), "search_fields": ["char"]}
    attributes["PrivacyMeta"] = type("PrivacyMeta", (), declaration)
    attributes["__module__"] = __name__
    return type(name, (models.Model,), attributes)


class Target(models.Model):
    """What the relations point at. Not registered."""

    name = models.CharField(max_length=50)


# -- columns: name -> field class with what it cannot do without -------------------------------

TEXTS = {
    "char": partial(models.CharField, max_length=50),
    "slug": models.SlugField,
    "text": models.TextField,
    "email": models.EmailField,
    "url": models.URLField,
}

VALUES = {
    "small_integer": models.SmallIntegerField,
    "integer": models.IntegerField,
    "big_integer": models.BigIntegerField,
    "positive_small_integer": models.PositiveSmallIntegerField,
    "positive_integer": models.PositiveIntegerField,
    "positive_big_integer": models.PositiveBigIntegerField,
    "decimal": partial(models.DecimalField, max_digits=8, decimal_places=2),
    "float": models.FloatField,
    "date": models.DateField,
    "date_time": models.DateTimeField,
    "time": models.TimeField,
    "duration": models.DurationField,
    "uuid": models.UUIDField,
}

# Not in unique variants: two rows at most, or an index that not every database has
UNINDEXED = {
    "boolean": models.BooleanField,
    "binary": models.BinaryField,
    "json": models.JSONField,
    "json_dict": partial(models.JSONField, default=dict),
    "json_list": partial(models.JSONField, default=list),
    "json_filled": partial(models.JSONField, default=one_answer),
}

# Django allows blank=True on these only with null=True
ADDRESSES = {
    "address": models.GenericIPAddressField,
    "address_v4": partial(models.GenericIPAddressField, protocol="IPv4"),
    "address_v6": partial(models.GenericIPAddressField, protocol="IPv6"),
}

# These can only be emptied, so each variant here has null or blank
FILES = {
    "file": partial(models.FileField, upload_to="files"),
    "image": partial(models.ImageField, upload_to="images"),
    "file_path": partial(models.FilePathField, path=settings.MEDIA_ROOT, max_length=200),
}

# These can only be nulled
RELATIONS = {
    "foreign_key": partial(models.ForeignKey, to=Target, on_delete=models.CASCADE, related_name="+"),
    "one_to_one": partial(models.OneToOneField, to=Target, on_delete=models.CASCADE, related_name="+"),
}

# -- variants ----------------------------------------------------------------------------------

PlainFields = variant("PlainFields", TEXTS | VALUES | UNINDEXED | ADDRESSES)
BlankFields = variant("BlankFields", TEXTS | VALUES | UNINDEXED | FILES, blank=True)
NullFields = variant("NullFields", TEXTS | VALUES | UNINDEXED | ADDRESSES | FILES | RELATIONS, null=True)
NullBlankFields = variant(
    "NullBlankFields",
    TEXTS | VALUES | UNINDEXED | ADDRESSES | FILES | RELATIONS,
    null=True,
    blank=True,
)

# One constant for all rows cannot be unique: of VALUES only the UUID has a rule without null.
UniqueFields = variant("UniqueFields", TEXTS | {"uuid": VALUES["uuid"]}, unique=True)
UniqueBlankFields = variant("UniqueBlankFields", TEXTS, unique=True, blank=True)
UniqueNullFields = variant("UniqueNullFields", TEXTS | VALUES | ADDRESSES, unique=True, null=True)
UniqueNullBlankFields = variant(
    "UniqueNullBlankFields", TEXTS | VALUES | ADDRESSES, unique=True, null=True, blank=True
)


class ShortFields(models.Model):
    """Columns too short for many a primary key."""

    char = models.CharField(max_length=2)
    unique_char = models.CharField(max_length=4, unique=True)
    slug = models.SlugField(max_length=2)

    class PrivacyMeta:
        fields = ["char", "unique_char", "slug"]
        search_fields = ["unique_char"]


class Mood(models.TextChoices):
    GOOD = "a", "Good"
    BAD = "b", "Bad"


class Size(models.IntegerChoices):
    SMALL = 98
    LARGE = 99


class ChoiceFields(models.Model):
    """Columns with choices, none of which is empty."""

    mood = models.CharField(max_length=20, choices=Mood.choices)
    size = models.IntegerField(choices=Size.choices)

    class PrivacyMeta:
        fields = ["mood", "size"]
        search_fields = ["mood"]


class UndeclaredFields(models.Model):
    """Names no field: all columns are personal but the key, the relation and what is kept."""

    name = models.CharField(max_length=50)
    email = models.EmailField()
    created = models.DateTimeField()
    tags = models.ManyToManyField(Target, related_name="+")

    class PrivacyMeta:
        fields = "__all__"
        keep = ["created"]
        search_fields = ["email"]


# -- primary keys ------------------------------------------------------------------------------


class UUIDKey(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=50)
    unique_name = models.CharField(max_length=50, unique=True)
    email = models.EmailField()
    url = models.URLField()

    class PrivacyMeta:
        fields = ["name", "unique_name", "email", "url"]
        search_fields = ["email"]


class LongKey(models.Model):
    """A key longer than the columns that are made from it."""

    code = models.CharField(primary_key=True, max_length=300)
    name = models.CharField(max_length=50)
    unique_name = models.CharField(max_length=50, unique=True)
    email = models.EmailField()
    url = models.URLField()

    class PrivacyMeta:
        fields = ["name", "unique_name", "email", "url"]
        keep = ["code"]
        search_fields = ["email"]


class TextKey(models.Model):
    """A key that is a word."""

    word = models.SlugField(primary_key=True)
    name = models.CharField(max_length=50)
    email = models.EmailField()

    class PrivacyMeta:
        fields = ["name", "email"]
        keep = ["word"]
        search_fields = ["email"]


# -- what only some versions of Django have ----------------------------------------------------

if django.VERSION >= (5, 0):

    class GeneratedFields(models.Model):
        """A column that the database computes from a personal one."""

        name = models.CharField(max_length=50)
        shout = models.GeneratedField(
            expression=Upper("name"),
            output_field=models.CharField(max_length=50),
            db_persist=True,
        )

        class PrivacyMeta:
            fields = "__all__"
            search_fields = ["shout"]


if django.VERSION >= (5, 2):

    class CompositeKey(models.Model):
        """Not registered, as it cannot be anonymised. Tests register it to see it refused."""

        pk = models.CompositePrimaryKey("tenant", "number")
        tenant = models.IntegerField()
        number = models.IntegerField()
        name = models.CharField(max_length=50)
        email = models.EmailField()
