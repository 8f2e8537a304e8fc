"""What takes the place of each field's value: the table of default rules, as a set and row by row."""

import datetime
import os
import uuid
from decimal import Decimal

import django
import pytest
from django.apps import apps
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, models, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce, Concat, Lower
from django.db.models.lookups import Exact
from django.test.utils import isolate_apps
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import gdpr_assist
from gdpr_assist import AnonymiseError, Replacement
from gdpr_assist.declaring import defaults, rules
from gdpr_assist.declaring.declaration import declare
from gdpr_assist.declaring.replacing import choices_of, replacement_for
from gdpr_assist.declaring.uniqueness import names_in
from gdpr_assist.execution.execute import execute
from gdpr_assist.planning.plans import plan
from gdpr_assist.registry import registry
from tests.apps.fields.models import (
    BlankFields,
    ChoiceFields,
    LongKey,
    Mood,
    NullBlankFields,
    NullFields,
    PlainFields,
    ShortFields,
    Size,
    Target,
    TextKey,
    UniqueBlankFields,
    UniqueFields,
    UniqueNullBlankFields,
    UniqueNullFields,
    UUIDKey,
)
from tests.apps.shop.models import Category, Membership, Product
from tests.apps.thirdparty.models import Device
from tests.observing import digits, keyed, redeclared

if django.VERSION >= (5, 0):
    from tests.apps.own.models import Handle

if apps.is_installed("tests.apps.postgres"):
    from psycopg.types.range import Range

    from tests.apps.postgres import models as postgres

FIELD_APPS = ("fields", "postgres_fields")
FIELD_MODELS = [model for model in registry.models if model._meta.app_label in FIELD_APPS]


@pytest.fixture
def own_rules(monkeypatch):
    """Forget the rules that the test registers."""
    monkeypatch.setattr(rules, "registered", dict(rules.registered))


@pytest.fixture
def throwaway_models():
    """Let the test make models that no other test sees."""
    with isolate_apps("tests.apps.fields"):
        yield
    # A test's transaction takes the content types of its models with it, but not the cache.
    ContentType.objects.clear_cache()


def originals(model):
    """Return a value for each declared column, none of which any rule gives."""
    values = {
        "char": "Ada",
        "slug": "ada-lovelace",
        "text": "Ada's notes",
        "email": "ada@lovelace.test",
        "url": "https://lovelace.test/",
        "small_integer": 7,
        "integer": 77,
        "big_integer": 777,
        "positive_small_integer": 7,
        "positive_integer": 77,
        "positive_big_integer": 777,
        "decimal": Decimal("7.77"),
        "float": 7.5,
        "date": datetime.date(1815, 12, 10),
        "date_time": datetime.datetime(1843, 7, 1, 12, tzinfo=datetime.timezone.utc),
        "time": datetime.time(7, 7),
        "duration": datetime.timedelta(7),
        "uuid": uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        "boolean": True,
        "binary": b"Ada",
        "json": {"name": "Ada"},
        "json_dict": {"name": "Ada"},
        "json_list": ["Ada"],
        "json_filled": {"name": "Ada"},
        "address": "192.0.2.7",
        "address_v4": "192.0.2.7",
        "address_v6": "2001:db8::7",
        "file": "files/ada.txt",
        "image": "images/ada.png",
        "file_path": "/srv/ada.txt",
        "array": ["Ada"],
        "hstore": {"name": "Ada"},
        "search_vector": "ada",
    }
    if connection.vendor == "postgresql":
        values |= {
            "integer_range": Range(7, 77),
            "big_integer_range": Range(7, 77),
            "decimal_range": Range(Decimal("7.7"), Decimal("77.7")),
            "date_range": Range(datetime.date(1815, 12, 10), datetime.date(1852, 11, 27)),
            "date_time_range": Range(
                datetime.datetime(1815, 12, 10, tzinfo=datetime.timezone.utc),
                datetime.datetime(1852, 11, 27, tzinfo=datetime.timezone.utc),
            ),
        }
    columns = {}
    for name in registry.declaration(model).fields:
        field = model._meta.get_field(name)
        columns[name] = Target.objects.create(name=name) if field.is_relation else values[name]
    return columns


class Between:
    """Equal to every value that is not before the first nor after the second."""

    __hash__ = None

    def __init__(self, first, last):
        self.first, self.last = first, last

    def __eq__(self, other):
        return self.first <= other <= self.last

    def __repr__(self):
        return f"<{self.first} to {self.last}>"


def now():
    """Return what equals any time from now to the end of the test."""
    return Between(timezone.now(), timezone.now() + datetime.timedelta(minutes=10))


def today():
    return Between(timezone.localdate(), timezone.localdate() + datetime.timedelta(days=1))


# -- the table, from the documentation ------------------------------------------------------------

INTEGERS = (
    "small_integer",
    "integer",
    "big_integer",
    "positive_small_integer",
    "positive_integer",
    "positive_big_integer",
)
RELATIONS = ("foreign_key", "one_to_one")
# How many examples of each property; the other environments of the matrix take fewer than the default
EXAMPLES = int(os.environ.get("EXAMPLES", "10"))

FILES = ("file", "image", "file_path")
ADDRESSES = ("address", "address_v4", "address_v6")
JSONS = ("json", "json_dict", "json_list", "json_filled")


def not_null_values():
    return {
        **dict.fromkeys(INTEGERS, 0),
        "decimal": Decimal(0),
        "float": 0.0,
        "boolean": False,
        "date": today(),
        "date_time": now(),
        "time": datetime.time(0, 0),
        "duration": datetime.timedelta(0),
        "binary": b"",
        "uuid": uuid.UUID("00000000-0000-0000-0000-000000000000"),
        "json": {},  # as the value was
        "json_dict": {},
        "json_list": [],
        "json_filled": {},  # its default is callable, but not empty: as the value was
    }


def expected(model, key):
    """Return what each column of a row with this primary key holds afterwards."""
    key_texts = {"char": key, "slug": key, "text": key}
    key_mail = {"email": f"{key}@anon.example.com"}
    key_url = {"url": f"http://{key}.anon.example.com"}
    blank_texts = {"char": "", "slug": "", "text": "", "url": ""}
    nulls = dict.fromkeys(("char", "slug", "text", "email", "url", *not_null_values()), None)
    null_addresses = dict.fromkeys(ADDRESSES, None)
    null_files = {"file": "", "image": "", "file_path": None}  # Django never saves NULL for a stored file
    null_relations = dict.fromkeys(RELATIONS, None)
    not_in_unique_variants = ("boolean", "binary", *JSONS)
    unique_nulls = {name: None for name in {**nulls, **null_addresses} if name not in not_in_unique_variants}
    return {
        PlainFields: {
            **key_texts,
            **key_mail,
            **key_url,
            **not_null_values(),
            "address": "0.0.0.0",
            "address_v4": "0.0.0.0",
            "address_v6": "::",
        },
        BlankFields: {
            **blank_texts,
            **key_mail,
            **not_null_values(),
            **dict.fromkeys(FILES, ""),
        },
        NullFields: {**nulls, **null_addresses, **null_files, **null_relations},
        NullBlankFields: {
            **nulls,
            **blank_texts,
            **null_addresses,
            **null_files,
            **null_relations,
        },
        UniqueBlankFields: {**key_texts, **key_mail, **key_url},
        UniqueNullFields: unique_nulls,
        UniqueNullBlankFields: unique_nulls,
    }[model]


VARIANTS = (
    PlainFields,
    BlankFields,
    NullFields,
    NullBlankFields,
    UniqueBlankFields,
    UniqueNullFields,
    UniqueNullBlankFields,
)


def anonymise_set(instance):
    queryset = type(instance)._base_manager.filter(pk=instance.pk)
    chosen = plan(queryset)
    assert chosen.way.kind == "set"
    type(instance).objects.filter(pk=instance.pk).anonymise()


def anonymise_row(instance):
    instance.anonymise()


WAYS = pytest.mark.parametrize("anonymise", [anonymise_set, anonymise_row])


def columns_of(instance):
    names = registry.declaration(type(instance)).fields
    return type(instance).objects.values(*names).get(pk=instance.pk)


def plain(value):
    return bytes(value) if isinstance(value, memoryview) else value


@pytest.mark.django_db
@WAYS
@pytest.mark.parametrize("model", VARIANTS, ids=lambda model: model.__name__)
def test_default_rules(model, anonymise):
    row = model.objects.create(**originals(model))
    wanted = expected(model, keyed(row) if model._meta.get_field("char").unique else str(row.pk))
    anonymise(row)
    found = {name: plain(value) for name, value in columns_of(row).items()}
    assert found.keys() == wanted.keys()
    assert {name: (found[name], wanted[name]) for name in wanted if wanted[name] != found[name]} == {}


@pytest.mark.django_db
@pytest.mark.parametrize("model", VARIANTS, ids=lambda model: model.__name__)
def test_object_in_memory_has_the_new_values_too(model):
    row = model.objects.create(**originals(model))
    row.anonymise()
    read_again = model.objects.get(pk=row.pk)
    for name in registry.declaration(model).fields:
        in_memory, in_database = plain(getattr(row, name)), plain(getattr(read_again, name))
        assert in_memory == in_database or (name in FILES and not in_memory and not in_database)


@pytest.mark.django_db
@WAYS
def test_unique_fields(anonymise):
    row = UniqueFields.objects.create(**originals(UniqueFields))
    before = row.uuid
    anonymise(row)
    row.refresh_from_db()
    assert row.char == row.slug == row.text == keyed(row)
    assert row.email == f"{keyed(row)}@anon.example.com"
    assert row.url == f"http://{keyed(row)}.anon.example.com"
    assert row.uuid not in (before, uuid.UUID(int=0))


@pytest.mark.django_db
@WAYS
@pytest.mark.parametrize(("before", "after"), [({"a": [1]}, {}), ([1, {"a": 1}], []), ({}, {}), ([], [])])
def test_json_without_an_empty_default_is_emptied_as_it_is(anonymise, before, after):
    values = originals(PlainFields)
    row = PlainFields.objects.create(**values | {"json": before, "json_filled": before})
    anonymise(row)
    row.refresh_from_db()
    assert (row.json, row.json_filled) == (after, after)


@pytest.mark.django_db
@WAYS
@pytest.mark.parametrize("before", ["Ada", 7, 7.5, True])
def test_json_that_is_no_container_is_emptied(anonymise, before):
    row = PlainFields.objects.create(**originals(PlainFields) | {"json": before})
    anonymise(row)
    row.refresh_from_db()
    assert row.json == {}


@pytest.mark.django_db
@WAYS
def test_json_with_an_empty_default_becomes_that_whatever_it_was(anonymise):
    crossed = {"json_dict": ["Ada"], "json_list": {"name": "Ada"}}
    row = PlainFields.objects.create(**originals(PlainFields) | crossed)
    anonymise(row)
    row.refresh_from_db()
    assert (row.json_dict, row.json_list) == ({}, [])


@pytest.mark.django_db
@WAYS
def test_date_is_the_local_day(anonymise, monkeypatch, settings):
    settings.TIME_ZONE = "Pacific/Kiritimati"  # 14 hours ahead
    row = PlainFields.objects.create(**originals(PlainFields))
    noon = datetime.datetime(2024, 2, 28, 12, tzinfo=datetime.timezone.utc)
    monkeypatch.setattr("django.utils.timezone.now", lambda: noon)
    anonymise(row)
    row.refresh_from_db()
    assert row.date == datetime.date(2024, 2, 29)


@pytest.mark.django_db
@WAYS
def test_date_and_time_without_time_zones(anonymise, settings):
    settings.USE_TZ = False
    before = datetime.datetime.now()  # noqa: DTZ005 - the site has no time zones
    values = originals(PlainFields) | {"date_time": datetime.datetime(1843, 7, 1)}  # noqa: DTZ001
    row = PlainFields.objects.create(**values)
    anonymise(row)
    row.refresh_from_db()
    after = datetime.datetime.now()  # noqa: DTZ005
    assert before <= row.date_time <= after
    assert row.date_time.tzinfo is None
    assert before.date() <= row.date <= after.date()


if apps.is_installed("tests.apps.postgres"):

    @pytest.mark.django_db
    @WAYS
    def test_postgres_fields(anonymise):
        row = postgres.PostgresFields.objects.create(**originals(postgres.PostgresFields))
        anonymise(row)
        assert columns_of(row) == {
            "array": [],
            "hstore": {},
            "integer_range": Range(empty=True),
            "big_integer_range": Range(empty=True),
            "decimal_range": Range(empty=True),
            "date_range": Range(empty=True),
            "date_time_range": Range(empty=True),
            "search_vector": "",
        }

    @pytest.mark.django_db
    @WAYS
    def test_null_postgres_fields(anonymise):
        row = postgres.NullPostgresFields.objects.create(**originals(postgres.NullPostgresFields))
        anonymise(row)
        assert set(columns_of(row).values()) == {None}

    if django.VERSION < (5, 1):

        @pytest.mark.django_db
        @WAYS
        def test_case_insensitive_fields(anonymise):
            row = postgres.CaseInsensitiveFields.objects.create(
                char="Ada", email="ada@lovelace.test", text="Notes", null_char="Ada"
            )
            anonymise(row)
            assert columns_of(row) == {
                "char": str(row.pk),
                "email": f"{row.pk}@anon.example.com",
                "text": str(row.pk),
                "null_char": None,
            }


# -- keys and lengths -----------------------------------------------------------------------------


@pytest.mark.django_db
@WAYS
def test_uuid_key_is_written_as_python_writes_it(anonymise):
    row = UUIDKey.objects.create(
        id=uuid.UUID("0123456789ab4def8123456789abcdef"),
        name="Ada",
        unique_name="Ada",
        email="ada@lovelace.test",
        url="https://lovelace.test/",
    )
    anonymise(row)
    text = "01234567-89ab-4def-8123-456789abcdef"
    assert columns_of(row) == {
        "name": text,
        "unique_name": f"{text}-{digits(row)[:13]}",  # there is room for so many
        "email": f"{text}@anon.example.com",
        "url": f"http://{text}.anon.example.com",
    }


@pytest.mark.django_db
@WAYS
def test_word_as_key(anonymise):
    row = TextKey.objects.create(word="ada-l", name="Ada", email="ada@lovelace.test")
    anonymise(row)
    assert columns_of(row) == {"name": "ada-l", "email": "ada-l@anon.example.com"}


@pytest.mark.django_db
@WAYS
def test_long_key_is_cut_to_what_each_column_holds(anonymise):
    key = "0123456789" * 30
    row = LongKey.objects.create(
        code=key, name="Ada", unique_name="Ada", email="ada@lovelace.test", url="https://lovelace.test/"
    )
    anonymise(row)
    row.refresh_from_db()
    assert row.name == key[:50]
    assert row.email == key[: 254 - len("@anon.example.com")] + "@anon.example.com"
    assert row.url == "http://" + key[: 200 - 7 - len(".anon.example.com")] + ".anon.example.com"


@pytest.mark.django_db
@WAYS
def test_long_keys_with_the_same_beginning_stay_unique(anonymise):
    rows = [LongKey.objects.create(code="7" * 299 + end, unique_name=end) for end in "abc"]
    for row in rows:
        anonymise(row)
    names = list(LongKey.objects.values_list("unique_name", flat=True))
    assert len(set(names)) == 3
    assert max(map(len, names)) <= 50


@pytest.mark.django_db
@WAYS
def test_key_longer_than_a_column_of_two_characters(anonymise):
    row = ShortFields.objects.create(pk=345, char="Ad", unique_char="Ad", slug="ad")
    anonymise(row)
    assert columns_of(row) == {"char": "34", "unique_char": "345", "slug": "34"}


@pytest.mark.django_db
@WAYS
def test_neighbouring_numbers_too_long_for_a_unique_column_stay_unique(anonymise):
    rows = [
        ShortFields.objects.create(pk=pk, char="Ad", unique_char=f"a{pk % 10}", slug="ad")
        for pk in (123451, 123452, 123453)
    ]
    for row in rows:
        anonymise(row)
    values = ShortFields.objects.values_list("unique_char", flat=True)
    assert len(set(values)) == 3
    assert max(map(len, values)) <= 4


@pytest.mark.django_db
@WAYS
def test_columns_of_unique_constraints_stay_unique(anonymise):
    rows = [Membership.objects.create(club="chess", nickname=name, card=name, visits=3) for name in ("Ada", "Bob")]
    for row in rows:
        anonymise(row)
    assert sorted(Membership.objects.values_list("nickname", "card", "visits")) == sorted(
        (keyed(row), keyed(row), 0) for row in rows
    )


@pytest.mark.django_db
@pytest.mark.usefixtures("throwaway_models")
def test_unique_constraint_over_an_expression_counts():
    class Nickname(models.Model):
        name = models.CharField(max_length=50, blank=True)

        class Meta:
            app_label = "fields"
            constraints = [models.UniqueConstraint(Lower("name"), name="one_name")]

    replacement = replacement_for(Nickname._meta.get_field("name"))
    assert replacement.value(Nickname(pk=7)) == keyed(Nickname(pk=7))


if django.VERSION >= (5, 0):

    @pytest.mark.django_db
    @WAYS
    def test_columns_of_unique_generated_columns_stay_unique(anonymise):
        rows = [Handle.objects.create(name=name) for name in ("Ada", "Bob")]
        for row in rows:
            anonymise(row)
        found = Handle.objects.order_by("pk").values_list("name", "shout")
        assert list(found) == [(keyed(row), keyed(row).upper()) for row in rows]

    @pytest.mark.django_db
    @pytest.mark.usefixtures("throwaway_models")
    def test_null_may_not_repeat_where_nulls_are_not_distinct():
        class Nickname(models.Model):
            name = models.CharField(max_length=50, null=True)
            number = models.IntegerField(null=True)

            class Meta:
                app_label = "fields"
                constraints = [
                    models.UniqueConstraint(fields=["name"], name="one_name", nulls_distinct=False),
                    models.UniqueConstraint(fields=["number"], name="one_number", nulls_distinct=False),
                ]

        replacement = replacement_for(Nickname._meta.get_field("name"))
        assert replacement.value(Nickname(pk=7)) == keyed(Nickname(pk=7))
        with pytest.raises(AnonymiseError, match=r"fields\.Nickname\.number - it is unique"):
            replacement_for(Nickname._meta.get_field("number"))


@pytest.mark.usefixtures("throwaway_models")
def test_key_of_another_model_is_followed():
    class Owner(models.Model):
        code = models.CharField(max_length=300, primary_key=True)

        class Meta:
            app_label = "fields"

    class Profile(models.Model):
        owner = models.OneToOneField(Owner, on_delete=models.CASCADE, primary_key=True, related_name="+")
        name = models.CharField(max_length=5)

        class Meta:
            app_label = "fields"

    replacement = replacement_for(Profile._meta.get_field("name"))
    assert replacement.value(Profile(pk="1234567")) == "12345"


@pytest.mark.django_db
@WAYS
def test_a_person_cannot_take_the_value_that_another_row_will_get(anonymise):
    """The primary key is no secret, and may be what a person writes into a unique column."""
    row = UniqueFields.objects.create(**originals(UniqueFields))
    key = row.pk
    squatter = UniqueFields.objects.create(
        char=key,
        slug=key,
        text=key,
        email=f"{key}@anon.example.com",
        url=f"http://{key}.anon.example.com",
        uuid=uuid.uuid4(),
    )
    anonymise(row)
    row.refresh_from_db()
    assert (row.char, row.email) == (keyed(row), f"{keyed(row)}@anon.example.com")
    squatter.refresh_from_db()
    assert squatter.char == str(key)


@pytest.mark.django_db
@WAYS
def test_value_that_another_row_has_already_changes_nothing(anonymise):
    row = UniqueFields.objects.create(**originals(UniqueFields))
    UniqueFields.objects.create(char=keyed(row), slug="s", text="t", email="e@x.test", url="u", uuid=uuid.uuid4())
    before = columns_of(row)
    with pytest.raises(AnonymiseError, match=r"^fields\.UniqueFields: ") as caught:
        anonymise(row)
    assert "Ada" not in str(caught.value)
    assert columns_of(row) == before
    assert not row.is_anonymised()


# -- property: a set gives what rows give ----------------------------------------------------------

# Nothing that a rule writes holds any of these: digits, hex digits, the letters of the example domain.
LETTERS = "gijkqrsuvwyz" + "ßéЖ漢🙈" + "'\"\\% _\n"


def secret(size):
    return st.text(alphabet=LETTERS, min_size=1, max_size=min(size or 80, 80))


def secret_json():
    leaves = secret(20) | st.integers(1, 9)
    return st.one_of(
        secret(20),
        st.dictionaries(secret(5), leaves, min_size=1, max_size=3),
        st.lists(leaves | st.lists(leaves, max_size=2), min_size=1, max_size=3),
    )


def nonzero(low, high):
    return st.integers(low, high).filter(bool)


def utc_times(first):
    return st.datetimes(
        datetime.datetime(*first),  # noqa: DTZ001 - hypothesis wants these naive
        datetime.datetime(2020, 1, 1),  # noqa: DTZ001
        timezones=st.just(datetime.timezone.utc),
    )


def bounds(strategy):
    return st.lists(strategy, min_size=2, max_size=2, unique=True).map(lambda pair: Range(min(pair), max(pair)))


def file_names():
    return st.text("gijkqrsuvwyz", min_size=3, max_size=20).map("files/{}.qqq".format)


def addresses(version):
    return st.ip_addresses(v=version).filter(int).map(str)


# {field class: strategy of values that no rule gives}
VALUES = {
    "CharField": lambda field: secret(field.max_length),
    "SlugField": lambda field: secret(field.max_length),
    "TextField": lambda field: secret(200),
    "EmailField": lambda field: secret(50),
    "URLField": lambda field: secret(50),
    "SmallIntegerField": lambda field: nonzero(-32768, 32767),
    "IntegerField": lambda field: nonzero(-(2**31), 2**31 - 1),
    "BigIntegerField": lambda field: nonzero(-(2**63), 2**63 - 1),
    "PositiveSmallIntegerField": lambda field: st.integers(1, 32767),
    "PositiveIntegerField": lambda field: st.integers(1, 2**31 - 1),
    "PositiveBigIntegerField": lambda field: st.integers(1, 2**63 - 1),
    "DecimalField": lambda field: st.decimals(1, 999_999, places=2),
    "FloatField": lambda field: st.floats(0.5, 1e9, width=32),
    "BooleanField": lambda field: st.just(True),
    "DateField": lambda field: st.dates(datetime.date(1900, 1, 1), datetime.date(2020, 1, 1)),
    "DateTimeField": lambda field: utc_times((1900, 1, 1)),
    "TimeField": lambda field: st.times(datetime.time(0, 1)),
    "DurationField": lambda field: st.timedeltas(datetime.timedelta(microseconds=1), datetime.timedelta(days=9999)),
    "BinaryField": lambda field: st.text("gijkqrsuvwyz", min_size=1).map(str.encode),
    "UUIDField": lambda field: st.uuids(version=4),
    "JSONField": lambda field: secret_json(),
    "GenericIPAddressField": lambda field: addresses(6) if field.protocol == "IPv6" else addresses(4),
    "FileField": lambda field: file_names(),
    "ImageField": lambda field: file_names(),
    "FilePathField": lambda field: file_names(),
    # Whether there is a target: each row gets one of its own.
    "ForeignKey": lambda field: st.just(True),
    "OneToOneField": lambda field: st.just(True),
    "ArrayField": lambda field: st.lists(secret(50), min_size=1, max_size=3),
    "HStoreField": lambda field: st.dictionaries(secret(9), secret(50), min_size=1, max_size=3),
    "IntegerRangeField": lambda field: bounds(st.integers(-(2**31), 2**31 - 1)),
    "BigIntegerRangeField": lambda field: bounds(st.integers(-(2**63), 2**63 - 1)),
    "DecimalRangeField": lambda field: bounds(st.decimals(-9999, 9999, places=2)),
    "DateRangeField": lambda field: bounds(VALUES["DateField"](field)),
    "DateTimeRangeField": lambda field: bounds(utc_times((1900, 1, 1))),
    "SearchVectorField": lambda field: st.text("gijkqrsuvwyz", min_size=1, max_size=20),
    "CICharField": lambda field: secret(field.max_length),
    "CITextField": lambda field: secret(200),
    "CIEmailField": lambda field: secret(50),
}
TEXTS = (models.CharField, models.TextField)


def column(field, count, empty):
    """Return lists of ``count`` values for ``field``, different ones if it is unique."""
    values = VALUES[type(field).__name__](field).filter(lambda value: value not in choices_of(field))
    if field.unique and isinstance(field, TEXTS):
        # Different in the first letter, for databases that fold case and accents.
        starting = [values.map(lambda value, at=at: LETTERS[at] + value[1:]) for at in range(count)]
        found = st.tuples(*starting)
    else:
        is_unique = field.unique and not field.is_relation
        found = st.lists(values, min_size=count, max_size=count, unique=is_unique)
    if empty and isinstance(field, (models.EmailField, models.URLField)):
        found = some_empty(found, field, count)
    if not (empty and field.null):
        return found
    mask = st.lists(st.booleans(), min_size=count, max_size=count)
    return st.builds(
        lambda values, mask: [v if m else None for v, m in zip(values, mask, strict=True)],
        found,
        mask,
    )


def some_empty(found, field, count):
    """Let some of the addresses be empty; one of a unique column, as the database lets no more be."""
    masks = st.lists(st.booleans(), min_size=count, max_size=count)
    if field.unique:
        masks = st.integers(0, count).map(lambda empty: [at == empty for at in range(count)])
    return st.builds(
        lambda values, mask: ["" if m else v for v, m in zip(values, mask, strict=True)],
        found,
        masks,
    )


def keys(model, count):
    if isinstance(model._meta.pk, models.AutoField):
        first = st.integers(1, 2000) | st.integers(2**31, 2**62)
        if model is ShortFields:  # four characters, unique
            first = st.integers(1, 9000)
        return first.map(lambda number: range(number, number + count))
    if isinstance(model._meta.pk, models.UUIDField):
        return st.lists(st.uuids(version=4), min_size=count, max_size=count, unique=True)
    beginning = st.text("0123456789" + "abcdefÀ漢🙈-", max_size=model._meta.pk.max_length - 1)
    return beginning.map(lambda text: [f"{text}{at}" for at in range(count)])


@st.composite
def rows(draw, model, empty=True):
    """Draw unsaved rows of ``model``: [{column: value}]."""
    count = draw(st.integers(1, 3))
    columns = {"pk": draw(keys(model, count))}
    for name in registry.declaration(model).fields:
        columns[name] = draw(column(model._meta.get_field(name), count, empty))
    rest = {field.name for field in model._meta.concrete_fields} & {"created"}
    for name in rest:
        columns[name] = [timezone.now()] * count
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def save(model, values):
    for each in values:
        targets = {name: Target.objects.create(name="target") for name in RELATIONS if each.get(name) is True}
        model(**each | targets).save(force_insert=True)


def read(model, names, cast=False):
    """Return the rows as the database holds them, {name: value} by primary key, read without the ORM."""
    quote = connection.ops.quote_name
    kind = {"mysql": "CHAR", "postgresql": "TEXT", "sqlite": "TEXT"}[connection.vendor]
    columns = [quote(model._meta.get_field(name).column) for name in names]
    key = quote(model._meta.pk.column)
    if cast:
        columns = [f"CAST({each} AS {kind})" for each in columns]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join([key, *columns])} FROM {quote(model._meta.db_table)} ORDER BY {key}")
        return {row[0]: dict(zip(names, map(plain, row[1:]), strict=True)) for row in cursor.fetchall()}


class Undo(Exception):
    pass


def undone(function):
    """Call ``function`` and take back what it did to the database."""
    try:
        with transaction.atomic():
            result = function()
            raise Undo
    except Undo:
        return result


def check(test, strategy):
    """Run ``test`` on examples, each rolled back. (A decorated test function cannot have fixtures of one test.)"""

    @settings(
        max_examples=EXAMPLES,
        # An example is small as it is; making it smaller takes minutes on a database.
        phases=(Phase.reuse, Phase.generate),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(strategy)
    def examples(values):
        undone(lambda: test(values))

    examples()


def is_exact(field):
    """Whether the rule always gives the same value: no current time, no random UUID."""
    is_random = isinstance(field, models.UUIDField) and field.unique and not field.null
    return not is_random and not isinstance(field, models.DateTimeField)


EVERY_MODEL = pytest.mark.parametrize("model", FIELD_MODELS, ids=lambda model: model.__name__)


def test_every_default_rule_has_a_column_here():
    declared = {
        type(model._meta.get_field(name)) for model in FIELD_MODELS for name in registry.declaration(model).fields
    }
    built_in = {each for each in defaults.DEFAULTS if isinstance(each, type)}
    assert built_in - declared == {models.ManyToManyField}
    assert {each.__name__ for each in declared} <= VALUES.keys()


@EVERY_MODEL
@pytest.mark.django_db
def test_part_by_part_leaves_what_the_whole_leaves(model):
    """The law of parts: that columns are changed apart makes no difference, nor does it whose are first."""
    names = [change.field.name for change in registry.declaration(model).changes]
    exact = [name for name in names if is_exact(model._meta.get_field(name))]
    meta = registry.declaration(model).meta

    def parted(values, split, is_row_by_row):
        save(model, values)
        with redeclared(model, type(meta), parts=split):
            for part in split:
                for target in model._base_manager.all() if is_row_by_row else [model._base_manager.all()]:
                    execute(plan(target, part=part))
            assert execute(plan(model._base_manager.all())).anonymised == 0
        return read(model, exact)

    def whole(values):
        save(model, values)
        execute(plan(model._base_manager.all()))
        return read(model, exact)

    def same(drawn):
        values, first, is_row_by_row = drawn
        split = {"first": sorted(first), "second": sorted(set(names) - first)}
        assert undone(lambda: parted(values, split, is_row_by_row)) == undone(lambda: whole(values))

    check(same, st.tuples(rows(model), st.sets(st.sampled_from(names)), st.booleans()))


def anonymise_all_as_a_set(model):
    queryset = model._base_manager.all()
    assert plan(queryset).way.kind == "set"
    assert model.objects.all().anonymise().anonymised == len(queryset)


def anonymise_all_as_rows(model):
    for instance in model._base_manager.order_by("-pk"):
        assert instance.anonymise().anonymised == 1


@pytest.mark.django_db
@EVERY_MODEL
def test_a_set_gets_the_values_that_rows_get(model):
    fields = [model._meta.get_field(name) for name in registry.declaration(model).fields]
    names = [field.name for field in fields if is_exact(field)]

    def after(anonymise):
        anonymise(model)
        return read(model, names)

    def agree(values):
        save(model, values)
        from_set = undone(lambda: after(anonymise_all_as_a_set))
        assert from_set == undone(lambda: after(anonymise_all_as_rows))
        assert len(from_set) == len(values)

    check(agree, rows(model))


@pytest.mark.django_db
@pytest.mark.parametrize("anonymise_all", [anonymise_all_as_a_set, anonymise_all_as_rows])
def test_random_uuids_are_new_and_unique(anonymise_all):
    def renew(values):
        save(UniqueFields, values)
        anonymise_all(UniqueFields)
        after = set(UniqueFields.objects.values_list("uuid", flat=True))
        assert len(after) == len(values)
        assert not after & {uuid.UUID(int=0), *(each["uuid"] for each in values)}

    check(renew, rows(UniqueFields))


@pytest.mark.django_db
@EVERY_MODEL
def test_no_original_value_survives(model):
    names = registry.declaration(model).fields

    def survives(before, after):
        if after is None:
            return False
        return before == after or (len(before) > 2 and str(before) in str(after))

    def compare(before, anonymise):
        anonymise()
        after = read(model, names, cast=True)
        assert after.keys() == before.keys()
        left = [
            (key, name, before[key][name], after[key][name])
            for key in before
            for name in names
            if survives(before[key][name], after[key][name])
        ]
        assert left == []

    def forget(values):
        save(model, values)
        before = read(model, names, cast=True)
        undone(lambda: compare(before, model.objects.all().anonymise))
        for instance in model._base_manager.all():
            instance.anonymise()
        compare(before, lambda: None)

    check(forget, rows(model, empty=False))


@pytest.mark.django_db
@EVERY_MODEL
def test_unique_columns_stay_unique_and_lengths_are_respected(model):
    names = registry.declaration(model).fields

    def respects(values):
        save(model, values)
        model.objects.all().anonymise()
        for name in names:
            field = model._meta.get_field(name)
            found = list(model.objects.values_list(name, flat=True))
            some = [value for value in found if value is not None]
            if field.unique:
                assert len(set(some)) == len(some)
                assert field.null or len(some) == len(values)
            if getattr(field, "max_length", None) and isinstance(field, TEXTS):
                assert all(len(value) <= field.max_length for value in some)

    check(respects, rows(model))


@pytest.mark.django_db
@EVERY_MODEL
def test_what_was_just_anonymised_is_not_refilled(model):
    def holds(values):
        save(model, values)
        model.objects.all().anonymise()
        assert plan(model.objects.all()).refilled().count() == 0

    check(holds, rows(model))


@pytest.mark.django_db
@WAYS
@pytest.mark.parametrize("model", [PlainFields, UniqueFields, UniqueBlankFields], ids=lambda model: model.__name__)
def test_an_empty_address_stays_empty(model, anonymise):
    row = model.objects.create(**originals(model) | {"email": "", "url": ""})
    assert row.pk
    anonymise(row)
    assert model.objects.filter(pk=row.pk, email="", url="").exists()
    assert plan(model.objects.all()).refilled().count() == 0
    model.objects.update(email="ada@lovelace.test")
    assert plan(model.objects.all()).refilled().count() == 1


@pytest.mark.django_db
@WAYS
def test_an_address_of_blanks_is_none(anonymise):
    """MariaDB says that it equals the empty text."""
    row = PlainFields.objects.create(**originals(PlainFields) | {"email": "  ", "url": "  "})
    anonymise(row)
    row.refresh_from_db()
    assert (row.email, row.url) == (f"{row.pk}@anon.example.com", f"http://{row.pk}.anon.example.com")


if django.VERSION >= (5, 0):

    @pytest.mark.django_db
    @pytest.mark.usefixtures("throwaway_models")
    def test_no_address_stays_none_where_null_may_not_repeat():
        class Contact(models.Model):
            email = models.EmailField(null=True)

            class Meta:
                app_label = "fields"
                constraints = [models.UniqueConstraint(fields=["email"], name="one_email", nulls_distinct=False)]

        replacement = replacement_for(Contact._meta.get_field("email"))
        assert replacement.value(Contact(pk=7)) is None
        assert replacement.value(Contact(pk=7, email="")) == ""
        new = replacement.value(Contact(pk=7, email="ada@lovelace.test"))
        assert new == f"{keyed(Contact(pk=7))}@anon.example.com"


# -- choices --------------------------------------------------------------------------------------


class Switch(models.IntegerChoices):
    ON = 1
    OFF = 0


def chosen_by(field):
    """Return the value for a row with the key 7, and the ids of what checks say of it."""
    attributes = {"__module__": __name__, "own": field, "Meta": type("Meta", (), {"app_label": "fields"})}
    declared = declare(type("Passport", (models.Model,), attributes), meta_of("own"))
    [change] = declared.changes
    return change.replacement.value(declared.model(pk=7)), [mistake.check for mistake in declared.mistakes]


CHOSEN = {
    "blank": (models.CharField(max_length=1, choices=Mood.choices, blank=True), ""),
    "a choice for none": (models.CharField(max_length=1, choices=[("", "-"), *Mood.choices]), ""),
    "null": (models.CharField(max_length=1, choices=Mood.choices, null=True), None),
    "blank number that is null": (models.IntegerField(choices=Size.choices, null=True, blank=True), None),
    "address": (models.EmailField(choices=[("a@b.test", "A")], blank=True), ""),
    "the usual value is one": (models.IntegerField(choices=Switch.choices), 0),
    "as is that of a truth value": (models.BooleanField(choices=[(True, "Yes"), (False, "No")]), False),
    "no choices": (models.CharField(max_length=9, choices=[]), "7"),
}
INVENTED = {
    "texts": (models.CharField(max_length=1, choices=Mood.choices), "a"),
    "numbers": (models.IntegerField(choices=Size.choices), Size.SMALL),
    "blank number": (models.IntegerField(choices=[("", "-"), (3, "Three")], blank=True), 3),
    "none is a choice of a field that is not null": (models.IntegerField(choices=[(None, "-"), (3, "Three")]), 3),
    "groups": (models.CharField(max_length=1, choices=[("Letters", [("a", "A")]), ("b", "B")]), "a"),
    "address": (models.EmailField(choices=[("a@b.test", "A")]), "a@b.test"),
    "dates": (models.DateField(choices=[(datetime.date(1970, 1, 1), "Epoch")]), datetime.date(1970, 1, 1)),
}
if django.VERSION >= (5, 0):
    INVENTED |= {
        "a class": (models.CharField(max_length=1, choices=Mood), "a"),
        "a function": (models.CharField(max_length=1, choices=lambda: [("f", "F")]), "f"),
        "a mapping": (models.IntegerField(choices={"Some": {4: "Four"}}), 4),
    }


@pytest.mark.usefixtures("throwaway_models")
@pytest.mark.parametrize("case", CHOSEN)
def test_empty_or_usual_value_that_is_a_choice(case):
    field, value = CHOSEN[case]
    assert chosen_by(field.clone()) == (value, [])


@pytest.mark.usefixtures("throwaway_models")
@pytest.mark.parametrize("case", INVENTED)
def test_first_choice_if_none_is_empty(case):
    field, value = INVENTED[case]
    assert chosen_by(field.clone()) == (value, ["W014"])


@pytest.mark.usefixtures("throwaway_models")
def test_choices_that_have_to_be_unique():
    assert chosen_by(models.CharField(max_length=9, choices=Mood.choices, unique=True)) == ("7", ["W014"])


@pytest.mark.usefixtures("throwaway_models", "own_rules")
def test_rule_of_a_project_knows_its_choices():
    class ManyField(models.CharField):
        pass

    gdpr_assist.rule(ManyField)(lambda field: "a,b")
    assert chosen_by(ManyField(max_length=9, choices=[("a", "A"), ("b", "B")])) == ("a,b", [])


@pytest.mark.django_db
@WAYS
def test_a_row_gets_the_first_choice_and_does_not_look_refilled(anonymise):
    row = ChoiceFields.objects.create(mood=Mood.BAD, size=Size.LARGE)
    anonymise(row)
    assert columns_of(row) == {"mood": "a", "size": Size.SMALL}
    row.refresh_from_db()
    row.full_clean()
    assert plan(ChoiceFields.objects.all()).refilled().count() == 0
    # What 1.x had put there
    ChoiceFields.objects.update(mood=str(row.pk), size=0)
    assert plan(ChoiceFields.objects.all()).refilled().count() == 0
    ChoiceFields.objects.update(size=Size.LARGE)
    assert plan(ChoiceFields.objects.all()).refilled().count() == 1


# -- errors ---------------------------------------------------------------------------------------


def message_for(field_or_model, meta=None):
    with pytest.raises(AnonymiseError) as caught:
        declare(field_or_model, meta).require_can_anonymise()
    return str(caught.value)


def meta_of(*names):
    return type("PrivacyMeta", (), {"fields": list(names)})


@pytest.mark.usefixtures("throwaway_models")
@pytest.mark.parametrize(
    "field",
    [
        models.FileField(),
        models.ImageField(),
        models.FilePathField(),
    ],
    ids=lambda field: type(field).__name__,
)
def test_file_that_can_neither_be_null_nor_blank(field):
    attributes = {
        "__module__": __name__,
        "scan": field,
        "Meta": type("Meta", (), {"app_label": "fields"}),
    }
    model = type("Passport", (models.Model,), attributes)
    assert message_for(model, meta_of("scan")).startswith(
        "Cannot anonymise fields.Passport.scan - can only null file fields"
    )


@pytest.mark.usefixtures("throwaway_models")
@pytest.mark.parametrize("field_class", [models.ForeignKey, models.OneToOneField])
def test_relation_that_cannot_be_null(field_class):
    class Passport(models.Model):
        holder = field_class(Target, on_delete=models.CASCADE, related_name="+")

        class Meta:
            app_label = "fields"

    assert message_for(Passport, meta_of("holder")).startswith(
        "Cannot anonymise fields.Passport.holder - can only null relationship field"
    )


@pytest.mark.usefixtures("throwaway_models")
def test_many_to_many():
    class Passport(models.Model):
        holders = models.ManyToManyField(Target, related_name="+")

        class Meta:
            app_label = "fields"

    assert message_for(Passport, meta_of("holders")).startswith(
        "Cannot anonymise fields.Passport.holders - cannot anonymise ManyToManyField"
    )


@pytest.mark.parametrize(("model", "name"), [(Device, "id"), (TextKey, "word"), (UUIDKey, "id")])
def test_primary_key(model, name):
    message = message_for(model, meta_of(name))
    assert message.startswith("Cannot anonymise primary key")
    assert f"{model._meta.label}.{name}" in message


# A subclass of every class that has a rule, and a class of its own
def subclasses():
    for original in (each for each in defaults.DEFAULTS if isinstance(each, type)):
        yield type(f"My{original.__name__}", (original,), {})
    yield type("MyField", (models.Field,), {})


@pytest.mark.usefixtures("throwaway_models")
@pytest.mark.parametrize("field_class", list(subclasses()), ids=lambda each: each.__name__)
def test_class_without_a_rule(field_class):
    if issubclass(field_class, models.ManyToManyField):
        field = field_class(Target, related_name="+")
    elif field_class.mro()[1] in (models.ForeignKey, models.OneToOneField):
        field = field_class(Target, null=True, on_delete=models.CASCADE, related_name="+")
    elif issubclass(field_class, models.DecimalField):
        field = field_class(max_digits=8, decimal_places=2, null=True)
    else:
        field = field_class(null=True)
    attributes = {
        "__module__": __name__,
        "own": field,
        "Meta": type("Meta", (), {"app_label": "fields"}),
    }
    model = type("Passport", (models.Model,), attributes)
    name = field_class.__name__
    message = message_for(model, meta_of("own"))
    assert message.startswith("Unknown field type for anonymiser")
    assert f"fields.Passport.own is a {name}" in message
    assert f"@gdpr_assist.rule({name})" in message
    assert [mistake.check for mistake in declare(model, meta_of("own")).errors] == ["E004"]


@pytest.mark.usefixtures("throwaway_models")
def test_relation_to_any_model_has_no_rule():
    class Passport(models.Model):
        kind = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
        key = models.TextField()
        holder = GenericForeignKey("kind", "key")

        class Meta:
            app_label = "fields"

    assert message_for(Passport, meta_of("holder")).startswith("Unknown field type for anonymiser")


@pytest.mark.usefixtures("throwaway_models")
def test_class_without_a_rule_is_no_error_where_it_is_kept_or_has_an_anonymiser():
    class MyField(models.CharField):
        pass

    class Passport(models.Model):
        kept = MyField(max_length=50)
        own = MyField(max_length=50)

        class Meta:
            app_label = "fields"

    class PrivacyMeta:
        fields = ["own"]
        keep = ["kept"]

        def anonymise_own(self, instance):
            return "own"

    assert declare(Passport, PrivacyMeta).mistakes == ()


CONSTANT_RULES = {
    "integer": models.IntegerField,
    "small": models.SmallIntegerField,
    "big": models.BigIntegerField,
    "positive": models.PositiveIntegerField,
    "positive_small": models.PositiveSmallIntegerField,
    "positive_big": models.PositiveBigIntegerField,
    "float": models.FloatField,
    "boolean": models.BooleanField,
    "date": models.DateField,
    "date_time": models.DateTimeField,
    "time": models.TimeField,
    "duration": models.DurationField,
    "binary": models.BinaryField,
    "json": models.JSONField,
    "address": models.GenericIPAddressField,
}


@pytest.mark.usefixtures("throwaway_models")
@pytest.mark.parametrize("name", CONSTANT_RULES)
def test_same_value_for_every_row_of_a_unique_column(name):
    class Passport(models.Model):
        own = CONSTANT_RULES[name](unique=True)

        class Meta:
            app_label = "fields"

    declared = declare(Passport, meta_of("own"))
    assert [mistake.check for mistake in declared.errors] == ["E007"]
    assert "fields.Passport.own" in declared.errors[0].message


@pytest.mark.usefixtures("throwaway_models")
def test_same_value_for_every_row_of_a_constraint_over_one_column():
    class Passport(models.Model):
        number = models.IntegerField()
        series = models.IntegerField()

        class Meta:
            app_label = "fields"
            constraints = [
                models.UniqueConstraint(fields=["number"], name="one"),
                models.UniqueConstraint(F("series") % 7, name="another"),
            ]

    declared = declare(Passport, meta_of("number", "series"))
    assert [mistake.check for mistake in declared.errors] == ["E007", "E007"]


@pytest.mark.usefixtures("throwaway_models")
def test_unique_text_too_short_for_any_key():
    class Passport(models.Model):
        code = models.CharField(max_length=300, primary_key=True)
        number = models.CharField(max_length=4, unique=True)

        class Meta:
            app_label = "fields"

    declared = declare(Passport, meta_of("number"))
    assert [mistake.check for mistake in declared.errors] == ["E007"]


@pytest.mark.django_db
def test_rows_of_a_declaration_with_an_error_are_left_alone():
    category = Category.objects.create(name="Toys")
    product = Product.objects.create(name="Ball", category=category)
    with registry.registered(Product, meta_of("name", "category")):
        for anonymise in (product.anonymise, Product.objects.all().anonymise):
            with pytest.raises(AnonymiseError, match=r"^Cannot anonymise shop\.Product\.category - can only null"):
                anonymise()
        assert not product.is_anonymised()
    product.refresh_from_db()
    assert (product.name, product.category) == ("Ball", category)


# -- rules of the project's own -------------------------------------------------------------------


class SecretField(models.CharField):
    """A field class of a project."""


@pytest.fixture
def secret_model(throwaway_models):
    """A model of the table of Target, whose name is a SecretField."""

    class Secret(models.Model):
        name = SecretField(max_length=50)

        class Meta:
            app_label = "fields"
            db_table = Target._meta.db_table
            managed = False

    return Secret


def names_after(model):
    """Register ``model``, anonymise one row as an object and two as a set; return the plan's mode and the names."""
    with registry.registered(model, meta_of("name")):
        first, *_ = [model.objects.create(name=f"Ada {number}") for number in range(3)]
        mode = plan(model.objects.all()).way.kind
        first.anonymise()
        model.objects.all().anonymise()
        return mode, [(row.pk, row.name) for row in model.objects.order_by("pk")]


@pytest.mark.django_db
@pytest.mark.usefixtures("own_rules")
def test_rule_that_gives_a_constant(secret_model):
    @gdpr_assist.rule(SecretField)
    def secret_rule(field):
        return "x" * (field.max_length // 10)

    mode, names = names_after(secret_model)
    assert mode == "set"
    assert [name for _, name in names] == ["xxxxx"] * 3
    assert secret_rule(SecretField(max_length=20)) == "xx"  # still a function


@pytest.mark.django_db
@pytest.mark.usefixtures("own_rules")
def test_rule_that_gives_a_callable(secret_model):
    @gdpr_assist.rule(SecretField)
    def secret_rule(field):
        return lambda instance: f"{len(instance.name)} letters in {instance.pk}"

    mode, names = names_after(secret_model)
    assert mode == "mixed"
    assert names == [(key, f"5 letters in {key}") for key, _ in names]


@pytest.mark.django_db
@pytest.mark.usefixtures("own_rules")
def test_rule_that_gives_a_replacement(secret_model):
    @gdpr_assist.rule(SecretField)
    def secret_rule(field):
        return Replacement(
            value=lambda instance: f"secret {instance.pk}",
            expression=lambda: Concat(Value("secret "), F("pk"), output_field=models.CharField(max_length=50)),
        )

    mode, names = names_after(secret_model)
    assert mode == "set"
    assert names == [(key, f"secret {key}") for key, _ in names]


@pytest.mark.usefixtures("own_rules")
def test_rule_for_several_classes(secret_model):
    class OtherField(models.TextField):
        pass

    @gdpr_assist.rule(SecretField, OtherField)
    def secret_rule(field):
        return ""

    for field in (SecretField(), OtherField()):
        assert replacement_for(field).value(secret_model()) == ""


@pytest.mark.usefixtures("own_rules")
def test_rule_of_a_project_goes_before_the_default(secret_model):
    @gdpr_assist.rule(models.CharField)
    def no_text(field):
        return "-"

    assert replacement_for(Target._meta.get_field("name")).value(Target()) == "-"


@pytest.mark.usefixtures("own_rules")
def test_rule_that_refuses_a_field(secret_model):
    @gdpr_assist.rule(SecretField)
    def secret_rule(field):
        raise AnonymiseError(f"{field.name} is too secret")

    assert message_for(secret_model, meta_of("name")).startswith("name is too secret")


# -- stored files ---------------------------------------------------------------------------------


def stored(name):
    return default_storage.save(name, ContentFile(b"Ada"))


@pytest.mark.django_db
@pytest.mark.usefixtures("media_root")
@WAYS
@pytest.mark.parametrize("model", [BlankFields, NullFields, NullBlankFields])
def test_stored_file_is_deleted_after_commit(model, anonymise, django_capture_on_commit_callbacks):
    names = {"file": stored("files/ada.txt"), "image": stored("images/ada.png")}
    row = model.objects.create(**originals(model) | names)
    with django_capture_on_commit_callbacks(execute=True):
        anonymise(row)
        assert all(map(default_storage.exists, names.values()))
    assert not any(map(default_storage.exists, names.values()))


@pytest.mark.django_db
@pytest.mark.usefixtures("media_root")
@WAYS
def test_stored_file_that_another_row_names_stays(anonymise, django_capture_on_commit_callbacks):
    name = stored("files/ada.txt")
    row = BlankFields.objects.create(**originals(BlankFields) | {"file": name})
    NullFields.objects.create(**originals(NullFields) | {"file": name})
    with django_capture_on_commit_callbacks(execute=True):
        anonymise(row)
    assert default_storage.exists(name)


@pytest.mark.django_db
@pytest.mark.usefixtures("media_root")
@WAYS
def test_stored_file_stays_when_the_transaction_is_rolled_back(anonymise, django_capture_on_commit_callbacks):
    name = stored("files/ada.txt")
    row = BlankFields.objects.create(**originals(BlankFields) | {"file": name})
    with django_capture_on_commit_callbacks(execute=True):
        undone(lambda: anonymise(row))
    assert default_storage.exists(name)
    assert columns_of(row)["file"] == name


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        (Case(When(active=True, then="name")), {"active", "name"}),
        (Case(When(Q(active=True) | ~Q(name__startswith="x"), then="email")), {"active", "name", "email"}),
        (Case(When(Q(name=F("email")), then=Value(1))), {"name", "email"}),
        (Case(When(Exact(Lower("name"), "x"), then=Value(1))), {"name"}),
        (Lower(Coalesce("name", "email")).desc(), {"name", "email"}),
    ],
    ids=["when", "or", "of two columns", "a lookup", "of functions"],
)
def test_the_columns_that_a_constraint_is_made_of(expression, names):
    assert names_in([expression]) == names


@pytest.mark.usefixtures("throwaway_models")
def test_choices_that_are_written_as_texts():
    value, _ = chosen_by(models.DurationField(choices=[("1 00:00:00", "A day")]))
    assert value == datetime.timedelta(days=1)
