"""Two tables whose new values each package can write, and two whose names shall look like names.

What dj_anonymizer does with them is in ``anonymizer/base.py``.
"""

from django.db import models
from django.db.models import Value
from django.db.models.functions import Cast, Concat
from django_scrubber import scrubbers

from benchmarks.models import KEPT, PERSONAL, Columns
from gdpr_assist import Pseudonym

# What the rules of gdpr_assist give a name and a website; an address that is unique has digits of a secret there,
# which the others cannot know. So all give it this one.
KEY = Cast("pk", models.CharField())
EMAIL = Concat(KEY, Value("@anon.example.com"))
WEBSITE = Concat(Value("http://"), KEY, Value(".anon.example.com"))


class Numbered(Columns):
    class Meta:
        abstract = True

    class PrivacyMeta:
        fields = PERSONAL
        keep = KEPT
        replace = {"email": EMAIL}

    class Scrubbers:
        name = KEY
        nickname = scrubbers.Empty
        email = EMAIL
        notes = scrubbers.Empty
        birthday = scrubbers.Null
        income = scrubbers.Null
        last_ip = scrubbers.Null
        website = WEBSITE


class Named(Columns):
    """Names look like names; a nickname that was empty stays empty."""

    class Meta:
        abstract = True

    class PrivacyMeta:
        fields = PERSONAL
        keep = KEPT
        replace = {"name": Pseudonym("name"), "nickname": Pseudonym("first_name"), "email": EMAIL}

    class Scrubbers(Numbered.Scrubbers):
        name = scrubbers.Faker("name")
        nickname = scrubbers.IfNotEmpty(scrubbers.Faker("first_name"))


class Buyer(Numbered):
    pass


class Seller(Numbered):
    pass


class NamedBuyer(Named):
    pass


class NamedSeller(Named):
    pass
