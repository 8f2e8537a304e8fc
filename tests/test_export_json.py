"""JSON loses nothing of any column, and its schema says what stands in it."""

import io
import json
import math
import uuid
import zipfile
from base64 import b64decode
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import models
from django.db.models.fields.files import FieldFile
from django.utils.dateparse import parse_duration
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from model_bakery import baker

from gdpr_assist import Subject
from gdpr_assist.exceptions import ExportError
from gdpr_assist.export.archive import write_zip
from gdpr_assist.export.values import KINDS, encoded, kinds_of, schema_of
from gdpr_assist.registry import registry
from tests.apps.fields.models import NullBlankFields, PlainFields
from tests.apps.people.models import Profile
from tests.apps.shop.models import Customer, Order
from tests.apps.thirdparty.models import Device
from tests.logbook import customer
from tests.people import around

from .observing import changed, spoken
from .test_rules import FIELD_MODELS, originals

# How each kind is read back
BACK = {
    "float": float,
    "decimal": Decimal,
    "uuid": uuid.UUID,
    "bytes": b64decode,
    "date-time": datetime.fromisoformat,
    "naive date-time": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "duration": parse_duration,
}

# A column of each class
VARIANTS = [model for model in FIELD_MODELS if {"text", "array"} & set(registry.declaration(model).fields)]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAIVE = datetime(1000, 1, 1)  # noqa: DTZ001  (without a zone on purpose)
VALUES = st.one_of(
    JSON,
    st.floats(),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.binary(),
    st.datetimes(min_value=NAIVE),
    st.datetimes(min_value=NAIVE, timezones=st.just(timezone(timedelta(hours=5, minutes=30)))),
    st.dates(),
    st.times(),
    st.timedeltas(),
)


def checked(value, schema):
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(value)


def read(file):
    """Return {name of file: rows} of a zip, each checked by its schema, and the schemas."""
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        read = {name: json.loads(archive.read(name)) for name in archive.namelist()}
    read.pop("manifest.json", None)
    schemas = {name: read.pop(name) for name in list(read) if name.endswith(".schema.json")}
    assert [name.replace(".json", ".schema.json") for name in read] == list(schemas)
    for rows, schema in zip(read.values(), schemas.values(), strict=True):
        checked(rows, schema)
    return read, schemas


def exported(*models):
    file = io.BytesIO()
    counts = write_zip(file, [(model, model._base_manager.order_by("pk")) for model in models], format="json")
    rows, schemas = read(file)
    assert counts == {name: len(those) for name, those in rows.items()}
    return rows, schemas


def meta(**attributes):
    return type("PrivacyMeta", (), attributes)


class TestValues:
    @given(VALUES)
    @settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
    def test_any_value_comes_back_as_it_was(self, value):
        written, kind = encoded(value)
        read = json.loads(json.dumps(written, allow_nan=False))
        checked(read, schema_of({kind}))
        back = BACK.get(kind, lambda each: each)(read)
        # Neither NaN nor the zone is compared by ==, and what no column holds is not written.
        assert repr(back) == repr(value.replace(fold=0) if hasattr(value, "fold") else value)
        assert type(back) is type(value)

    @pytest.mark.parametrize(
        ("value", "written"),
        [
            (None, None),
            ("", ""),
            (True, True),
            (10**30, 10**30),
            (-0.0, -0.0),
            (math.nan, "NaN"),
            (-math.inf, "-Infinity"),
            (Decimal("1.50"), "1.50"),
            (Decimal("1E+3"), "1E+3"),
            (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
            (b"\x00\xff", "AP8="),
            (memoryview(b"\x00\xff"), "AP8="),
            (datetime(2024, 2, 29, 12, 30, tzinfo=timezone.utc), "2024-02-29T12:30:00+00:00"),
            (NAIVE, "1000-01-01T00:00:00"),
            (date(2024, 2, 29), "2024-02-29"),
            (time(23, 59, 59, 7), "23:59:59.000007"),
            (-timedelta(days=1, microseconds=5), "-P1DT00H00M00.000005S"),
            ((1, Decimal("2.0")), [1, "2.0"]),
            ({1: date(2024, 2, 29)}, {"1": "2024-02-29"}),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_as_it_is_written(self, value, written):
        assert repr(encoded(value)[0]) == repr(written)

    @pytest.mark.parametrize("kind", [Decimal, float, int, str, date], ids=lambda kind: kind.__name__)
    def test_a_class_with_a_text_of_its_own_is_written_as_what_the_column_holds(self, kind):
        given = (2024, 2, 29) if kind is date else ("7",)
        own = type("Own", (kind,), {"__str__": lambda self: "=1+1", "__repr__": lambda self: "=1+1"})(*given)
        assert json.dumps(encoded(own)[0]) == json.dumps(encoded(kind(*given))[0])

    def test_every_kind_is_a_schema_of_its_own(self):
        for kind in KINDS:
            Draft202012Validator.check_schema(schema_of({kind}))
        assert schema_of({"null", "date"}) == {"anyOf": [{"type": "null"}, {"type": "string", "format": "date"}]}
        assert schema_of(()) == {}

    def test_a_field_says_what_its_column_holds(self):
        assert kinds_of(models.PositiveBigIntegerField(null=True)) == {"integer", "null"}
        assert kinds_of(models.DateTimeField()) == {"date-time"}
        assert kinds_of(models.URLField()) == {"text"}
        assert kinds_of(models.ForeignKey(Customer, models.CASCADE, null=True)) == set()


@pytest.mark.django_db
class TestFiles:
    @pytest.mark.parametrize("model", VARIANTS, ids=lambda model: model.__name__)
    def test_every_field_class_is_as_in_python(self, model):
        """Also without a row the schema is the same; where a class says nothing, it is what was seen."""
        _, without = exported(model)
        rows = [model.objects.create(**originals(model))]
        if all(field.null for field in model._meta.concrete_fields if not field.primary_key):
            rows.append(model.objects.create())
        for row in rows:
            row.refresh_from_db()
        read, schemas = exported(model)
        if model.__module__ == PlainFields.__module__:
            assert schemas == without
        [found] = read.values()
        assert len(found) == len(rows)
        for row, known in zip(rows, found, strict=True):
            assert list(known) == list(registry.declaration(model).export_fields)
            for name, value in known.items():
                expected = getattr(row, name)
                if isinstance(expected, FieldFile):
                    expected = expected.name or ""
                written, kind = encoded(expected)
                assert value == written
                assert BACK.get(kind, lambda each: each)(value) == _in_python(expected, kind), name

    def test_null_is_not_an_empty_text(self):
        baker.make(NullBlankFields, char=None, text="", boolean=None, integer=0)
        [[row]] = exported(NullBlankFields)[0].values()
        assert (row["char"], row["text"], row["boolean"], row["integer"]) == (None, "", None, 0)

    def test_a_schema_refuses_what_is_no_such_value(self):
        customer(name="Ada")
        _, schemas = exported(Customer)
        [schema] = schemas.values()
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["title"] == "shop.Customer"
        good = {"name": "Ada", "email": "a@b.example", "phone": "", "born": None}
        validator = Draft202012Validator(schema, format_checker=FormatChecker())
        assert validator.is_valid([good])
        bad = [{"born": 7}, {"name": None}, {"more": ""}, {"born": "yesterday"}]
        assert not any(validator.is_valid([good | each]) for each in bad)
        assert not validator.is_valid([{"name": "Ada"}])

    def test_a_model_without_rows(self):
        assert exported(Customer)[0] == {"shop-Customer.json": []}

    def test_letters_are_readable_and_markup_is_left_alone(self):
        customer(name="Žofie <b> 北京 \u2028 =1+1")
        file = io.BytesIO()
        write_zip(file, [(Customer, Customer.objects.all())], format="json")
        with zipfile.ZipFile(file) as archive:
            assert "Žofie <b> 北京 \u2028 =1+1" in archive.read("shop-Customer.json").decode()

    def test_half_of_a_character_comes_back(self):
        baker.make(Device, owner="Ada")
        with registry.registered(Device, meta(export=lambda self, row: {"half\udc80": "Ada\ud83d"})):
            assert exported(Device)[0] == {"thirdparty-Device.json": [{"half\udc80": "Ada\ud83d"}]}

    def test_a_method_of_the_project_may_give_anything(self):
        class Thing:
            def __str__(self):
                return "a thing"

        def export(self, row):
            given = {"owner": row.owner, 7: {"on": date(2024, 2, 29)}, "thing": Thing()}
            return given if row.owner == "Ada" else {"owner": Decimal("1.0")}

        for name in ("Ada", "Bea"):
            baker.make(Device, owner=name)
        with registry.registered(Device, meta(export=export)):
            read, schemas = exported(Device)
        assert read["thirdparty-Device.json"] == [
            {"owner": "Ada", "7": {"on": "2024-02-29"}, "thing": "a thing"},
            {"owner": "1.0"},
        ]
        assert schemas["thirdparty-Device.schema.json"]["items"]["required"] == []

    @pytest.mark.parametrize("format", ["csv", "json"])
    def test_a_row_whose_text_cannot_be_made_is_named(self, monkeypatch, format):
        monkeypatch.setattr(Customer, "__str__", lambda self: 1 / 0)
        baker.make(Order, customer=customer(pk=7), recipient="Ada")
        file = io.BytesIO()
        with changed(Order, export_fields=["recipient", "customer"]):
            write_zip(file, [(Order, Order.objects.all())], format=format)
        with zipfile.ZipFile(file) as archive:
            assert "shop.Customer 7" in archive.read(f"orders.{format}").decode()

    @pytest.mark.parametrize("format", ["csv", "json"])
    def test_anything_else_whose_text_cannot_be_made_breaks_it_off(self, format):
        class Thing:
            def __str__(self):
                raise ValueError("0161-555-0147")

        baker.make(Device, owner="Ada")
        with (
            registry.registered(Device, meta(export=lambda self, row: {"thing": Thing()})),
            pytest.raises(ExportError) as raised,
        ):
            write_zip(io.BytesIO(), [(Device, Device.objects.all())], format=format)
        assert "thirdparty.Device: the export broke off: ValueError" in str(raised.value)
        assert "0161" not in spoken(raised.value)


def _in_python(value, kind):
    if kind == "range":
        return encoded(value)[0]
    return bytes(value) if kind == "bytes" else value


@pytest.mark.django_db
class TestPerson:
    def test_the_same_rows_as_csv(self, ada):
        Profile.objects.create(account=ada, phone="555")
        around(ada)
        file, other = io.BytesIO(), io.BytesIO()
        counts = Subject(ada).export(file, format="json")
        lines = Subject(ada).export(other)
        assert {name.replace(".json", ".csv"): count for name, count in counts.items()} == lines
        rows, schemas = read(file)
        assert {name: len(those) for name, those in rows.items()} == counts
        with zipfile.ZipFile(file) as archive:
            manifest = json.loads(archive.read("manifest.json"))
        assert {each["file"]: each["schema"] for each in manifest["files"]} == dict(zip(rows, schemas, strict=True))
        assert rows["people-Sale.json"][0]["buyer"] == "this person"

    def test_a_password_is_in_none(self):
        user = User.objects.create_user("ada", "ada@quill.example", "secret")
        file = io.BytesIO()
        with changed(User, subject="self", identifiers={}):
            Subject(user).export(file, format="json")
        [[row]] = read(file)[0].values()
        assert "password" not in row
        assert row["last_login"] is None
        assert row["is_active"] is True
