"""Primary keys as text: the same whatever they are in memory, and what leads back to the row."""

import enum
import uuid
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from django.db import models
from django.test.utils import isolate_apps

from gdpr_assist.declaring.keys import stored_text
from tests.apps.fields.models import TextKey, UUIDKey
from tests.apps.own.models import Address, AddressField, AddressKey, ConvertedKey

from .observing import events, markers


class Word(str, enum.Enum):
    ADA = "ada"


class Mood(models.TextChoices):
    GLAD = "glad", "Glad"


class Number(int, enum.Enum):
    SEVEN = 7


class ShortUUID(uuid.UUID):
    def __str__(self):
        return self.hex[:8]


class Silent:
    """An object that says nothing of itself."""

    def __init__(self, text):
        self.text = text

    def __eq__(self, other):
        return isinstance(other, Silent) and other.text == self.text

    def __hash__(self):
        return hash(self.text)


class SilentField(models.CharField):
    def from_db_value(self, value, expression, connection):
        return self.to_python(value)

    def to_python(self, value):
        return Silent(value) if isinstance(value, str) else value

    def get_prep_value(self, value):
        return getattr(value, "text", value)


class MaskedField(models.IntegerField):
    """As of packages that show no number: takes "no-7", and refuses "7"."""

    def from_db_value(self, value, expression, connection):
        return f"no-{value}"

    def to_python(self, value):
        if not str(value).startswith("no-"):
            raise ValueError
        return value

    def get_prep_value(self, value):
        return int(self.to_python(value).removeprefix("no-"))


UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")
NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)

# {what: (field, what may be in memory, its text)}
KEYS = {
    "text": (models.CharField(max_length=9), ["ada", Word.ADA], "ada"),
    "choice": (models.CharField(max_length=9, choices=Mood.choices), ["glad", Mood.GLAD], "glad"),
    "number": (models.IntegerField(), [7, "7", Number.SEVEN], "7"),
    "uuid": (models.UUIDField(), [UUID, UUID.hex, str(UUID), ShortUUID(UUID.hex)], str(UUID)),
    "decimal": (models.DecimalField(max_digits=5, decimal_places=2), [Decimal("1.5"), Decimal("1.50"), "1.5"], "1.50"),
    "float": (models.FloatField(), [1, 1.0, "1"], "1.0"),
    "time": (
        models.DateTimeField(),
        [NOON, NOON.astimezone(timezone(timedelta(hours=2)))],
        "2026-01-01 12:00:00+00:00",
    ),
    "bytes": (models.BinaryField(editable=True), [b"ada", memoryview(b"ada")], "YWRh"),
    "object": (AddressField(max_length=9), ["Ada", "ada", Address("ADA")], "ada"),
    "silent object": (SilentField(max_length=9), ["ada", Silent("ada")], "ada"),
    "masked number": (MaskedField(), ["no-7"], "no-7"),
}


def model_with(key):
    class Keyed(models.Model):
        id = key.clone()
        id.primary_key = True

        class Meta:
            app_label = "shop"

    return Keyed


@pytest.mark.anywhere
@pytest.mark.parametrize(("field", "in_memory", "text"), KEYS.values(), ids=KEYS)
@isolate_apps("tests.apps.shop")
def test_a_key_is_one_text_whatever_it_is_in_memory(field, in_memory, text):
    model = model_with(field)
    assert [stored_text(model, each) for each in in_memory] == [text] * len(in_memory)


@pytest.mark.anywhere
@pytest.mark.parametrize(("field", "in_memory", "text"), KEYS.values(), ids=KEYS)
@isolate_apps("tests.apps.shop")
def test_the_text_leads_back_to_the_key(field, in_memory, text):
    key = model_with(field)._meta.pk
    assert key.get_prep_value(key.to_python(text)) == key.get_prep_value(key.to_python(in_memory[0]))


ROWS = {
    "enum": (TextKey, "word", Word.ADA, {"email": "ada@quill.example"}),
    "uuid as hex": (UUIDKey, "id", UUID.hex, {"email": "ada@quill.example"}),
    "object": (AddressKey, "address", Address("Ada"), {}),
    "converted number": (ConvertedKey, "number", "C-7", {"email": "ada@quill.example"}),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("model", "name", "key", "others"), ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("is_set", [False, True])
def test_a_row_is_known_again_by_its_marker_whatever_its_key_is_in_memory(model, name, key, others, is_set):
    row = model.objects.create(**{name: key}, name="Ada", **others)
    assert not row.is_anonymised()

    model.objects.anonymise() if is_set else row.anonymise()

    assert row.is_anonymised()
    assert model.objects.get().is_anonymised()
    again = model.objects.anonymise()
    assert (again.anonymised, again.skipped) == (0, 1)

    model(**{name: key}).delete()  # an object in memory

    assert markers(model) == []
    [anonymised, deleted] = events()
    assert anonymised[1:] == deleted[1:]
    assert not model.objects.create(**{name: key}, name="Ada", **others).is_anonymised()
