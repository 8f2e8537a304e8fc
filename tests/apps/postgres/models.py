"""The fields of django.contrib.postgres, null and not."""

import django
from django.contrib.postgres import fields, search
from django.db import models


class PostgresFields(models.Model):
    array = fields.ArrayField(models.CharField(max_length=50))
    hstore = fields.HStoreField()
    integer_range = fields.IntegerRangeField()
    big_integer_range = fields.BigIntegerRangeField()
    decimal_range = fields.DecimalRangeField()
    date_range = fields.DateRangeField()
    date_time_range = fields.DateTimeRangeField()
    search_vector = search.SearchVectorField()

    class PrivacyMeta:
        fields = "__all__"
        search_fields = ["hstore__has_key"]


class NullPostgresFields(models.Model):
    array = fields.ArrayField(models.CharField(max_length=50), null=True)
    hstore = fields.HStoreField(null=True)
    integer_range = fields.IntegerRangeField(null=True)
    big_integer_range = fields.BigIntegerRangeField(null=True)
    decimal_range = fields.DecimalRangeField(null=True)
    date_range = fields.DateRangeField(null=True)
    date_time_range = fields.DateTimeRangeField(null=True)
    search_vector = search.SearchVectorField(null=True)

    class PrivacyMeta:
        fields = "__all__"
        search_fields = ["hstore__has_key"]


# Django 5.1 removed the fields themselves.
if django.VERSION < (5, 1):

    class CaseInsensitiveFields(models.Model):
        char = fields.CICharField(max_length=50)
        email = fields.CIEmailField()
        text = fields.CITextField()
        null_char = fields.CICharField(max_length=50, null=True)

        class PrivacyMeta:
            fields = "__all__"
            search_fields = ["email"]
