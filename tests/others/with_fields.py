"""What is in the fields of other packages after an erasure. Run by tests/test_ready_rules.py."""

from decimal import Decimal

import pytest
from django.db import connection, models
from django.utils import timezone
from hypothesis import strategies as st
from moneyed import Money

import gdpr_assist
from gdpr_assist.declaring import rules
from gdpr_assist.declaring.replacing import replacement_for
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.planning.plans import plan
from gdpr_assist.ready_made import register_ready_made
from gdpr_assist.registry import registry
from tests.test_rules import VALUES, check, undone

from .fields.models import (
    Countries,
    Cryptography,
    Encrypting,
    Fernet,
    Phones,
    PhonesByWord,
    Prices,
    Texts,
    Unknown,
    Utils,
)

pytestmark = pytest.mark.django_db(databases=["default", "gdpr_log"])

MODELS = [Phones, PhonesByWord, Countries, Prices, Texts, Utils, Fernet, Encrypting, Cryptography]
ENCRYPTED = [Fernet, Encrypting, Cryptography]
EVERY_MODEL = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
EVERY_ENCRYPTED = pytest.mark.parametrize("model", ENCRYPTED, ids=lambda model: model.__name__)

PHONES = st.integers(201, 299).map("+1202555{0:04}".format)
MONEY = st.builds(Money, st.decimals(1, 999, places=2), st.sampled_from(["USD", "GBP"]))
COUNTRIES = st.sampled_from(["DE", "FR", "NZ"])


def values(field):
    """Return the strategy of values of ``field``, none of which a rule gives."""
    name = type(field).__name__
    if name == "PhoneNumberField":
        return PHONES
    if name == "MoneyField":
        return MONEY
    if name == "CountryField":
        return st.lists(COUNTRIES, min_size=1, unique=True) if field.multiple else COUNTRIES
    if name == "StatusField":
        return st.just("sent")
    if name == "UrlsafeTokenField":
        return st.text("gijk", min_size=20, max_size=20)
    base = getattr(field, "base_class", None) or next(
        (each for each in type(field).__mro__ if each.__module__.startswith("django.")), models.TextField
    )
    if base is models.Field:
        base = models.TextField
    if base is models.CharField or base is models.TextField or issubclass(base, models.CharField):
        return st.text("gijkqrsuvwyz", min_size=3, max_size=20)
    return VALUES[base.__name__](field)


def some_empty(field, count, found):
    if not field.null or field.unique:
        return found
    masks = st.lists(st.booleans(), min_size=count, max_size=count)
    return st.builds(lambda all_, mask: [v if m else None for v, m in zip(all_, mask, strict=True)], found, masks)


@st.composite
def rows(draw, model):
    """Draw unsaved rows of ``model``."""
    count = draw(st.integers(1, 3))
    first = draw(st.integers(1, 2000) | st.integers(10**11 - 1, 2**62))
    is_word = isinstance(model._meta.pk, models.CharField)
    columns = {"pk": [f"w{first + at}" if is_word else first + at for at in range(count)]}
    for name in registry.declaration(model).fields:
        field = model._meta.get_field(name)
        if type(field).__name__ == "CurrencyField":  # comes with its amount
            continue
        found = st.lists(values(field), min_size=count, max_size=count, unique=field.unique)
        columns[name] = draw(some_empty(field, count, found))
    return [model(**dict(zip(columns, each, strict=True))) for each in zip(*columns.values(), strict=True)]


def save(drawn):
    for each in drawn:
        each.save(force_insert=True)


def stored(model, names):
    return {row.pop("pk"): row for row in model._base_manager.values("pk", *names)}


def raw(model):
    """Return what the database holds, without the fields' own reading of it."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {model._meta.db_table}")
        return str([tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in cursor.fetchall()])


def as_a_set(model):
    rows = model._base_manager.all()
    assert plan(rows).way.kind in ("set", "mixed")
    assert model.objects.all().anonymise().anonymised == len(rows)


def as_rows(model):
    for instance in model._base_manager.order_by("-pk"):
        assert instance.anonymise().anonymised == 1


WAYS = pytest.mark.parametrize("anonymise", [as_a_set, as_rows])


def is_exact(field):
    """Whether the rule always gives the same."""
    return not isinstance(field, models.DateTimeField) and type(field).__name__ != "UrlsafeTokenField"


@EVERY_MODEL
def test_a_set_gets_the_values_that_rows_get(model):
    fields = [model._meta.get_field(name) for name in registry.declaration(model).fields]
    names = [field.name for field in fields if is_exact(field)]

    def after(anonymise):
        anonymise(model)
        return stored(model, names)

    def agree(drawn):
        save(drawn)
        from_set = undone(lambda: after(as_a_set))
        for each in drawn:
            each._state.adding = False
        assert from_set == undone(lambda: after(as_rows))
        assert len(from_set) == len(drawn)

    check(agree, rows(model))


@EVERY_MODEL
@WAYS
def test_what_is_left_is_valid_and_not_what_it_was(model, anonymise):
    def is_valid(drawn):
        save(drawn)
        names = registry.declaration(model).fields
        before = stored(model, names)
        anonymise(model)
        for key, after in stored(model, names).items():
            kept = {name for name, value in after.items() if value is not None and value == before[key][name]}
            assert {name for name in kept if before[key][name] not in ("", [])} <= {*POSSIBLY_THE_SAME}
        for row in model._base_manager.all():
            row.full_clean(exclude=CANNOT_BE_CLEANED)
        assert model.objects.all().anonymise().anonymised == 0
        assert plan(model._base_manager.all()).refilled().count() == 0

    check(is_valid, rows(model))


# Django takes {} for no answer. django-cryptography knows the range of an integer on SQLite alone.
CANNOT_BE_CLEANED = {"json_plain"}
if connection.vendor != "sqlite":
    CANNOT_BE_CLEANED |= {field.name for field in Cryptography._meta.fields if isinstance(field, models.IntegerField)}

# A boolean that cannot be stored as False, and the currency of all prices
POSSIBLY_THE_SAME = ["boolean_plain", "boolean_blank"]


def only(model, **values):
    """Return a row of ``model`` with these values, and any others."""
    drawn = {}

    def note(each):
        drawn.setdefault("row", each[0])

    check(note, rows(model))
    row = drawn["row"]
    for name, value in values.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    return row


class TestPhoneNumbers:
    @WAYS
    def test_they_are_nobodys_and_end_with_the_key(self, anonymise):
        only(Phones, pk=42)
        anonymise(Phones)
        found = Phones.objects.get()
        number = "+88800000000042"
        assert (found.phone_plain, found.phone_unique) == (number, number)
        assert found.phone_plain.is_valid()
        assert (found.phone_blank, found.phone_null, found.phone_unique_null) == ("", "", None)

    @WAYS
    def test_of_a_row_with_another_key_they_are_all_the_same(self, anonymise):
        only(PhonesByWord, pk="ada")
        anonymise(PhonesByWord)
        assert PhonesByWord.objects.get().phone_plain == "+88800000000001"

    @WAYS
    def test_they_are_written_as_the_site_writes_them(self, anonymise, settings):
        settings.PHONENUMBER_DB_FORMAT = "INTERNATIONAL"
        with undeclared(Phones):
            only(Phones, pk=42)
            anonymise(Phones)
            assert "+888 000 000 00042" in raw(Phones)

    def test_a_check_says_that_a_unique_one_can_be_guessed(self):
        doubts = [each.message for each in registry.declaration(Phones).mistakes if each.check == "W014"]
        assert [message.split(":")[0] for message in doubts] == ["fields_of_others.Phones.phone_unique"]


class undeclared:
    """Have the declaration of a model made anew within the block, and after it."""

    def __init__(self, model):
        self.model = model

    def __enter__(self):
        registry._declarations.pop(self.model, None)

    def __exit__(self, *args):
        registry._declarations.pop(self.model, None)


@WAYS
def test_countries(anonymise):
    only(Countries)
    anonymise(Countries)
    found = Countries.objects.get()
    assert (found.country_plain.code, found.country_blank.code, found.country_null.code) == ("AF", "", "")
    assert [list(each) for each in (found.countries_plain, found.countries_blank, found.countries_null)] == [
        ["AF"],
        [],
        [],
    ]
    doubts = {each.message.split(":")[0] for each in registry.declaration(Countries).mistakes if each.check == "W014"}
    assert doubts == {"fields_of_others.Countries.country_plain", "fields_of_others.Countries.countries_plain"}


@WAYS
def test_prices(anonymise):
    only(Prices)
    anonymise(Prices)
    found = Prices.objects.get()
    assert found.price_plain == Money(Decimal(0), "EUR")
    assert (found.price_null, found.price_null_currency) == (None, None)
    assert found.cost_plain.amount == 0
    assert found.cost_null is None


@WAYS
def test_texts(anonymise):
    row = only(Texts)
    anonymise(Texts)
    found = Texts.objects.values().get()
    for name in ("rich", "uploading", "five", "tiny"):
        assert [found[f"{name}_{variant}"] for variant in ("plain", "blank", "null")] == [str(row.pk), "", ""]


@WAYS
def test_times_are_those_of_the_erasure(anonymise):
    token = only(Utils).token
    start = timezone.now()
    anonymise(Utils)
    found = Utils.objects.get()
    times = [found.created_plain, found.modified_plain, found.changed_plain, found.changed_null, found.published]
    assert all(start <= each <= timezone.now() for each in times)
    assert found.created_null is None
    assert (found.status_plain, found.status_blank, found.status_null) == ("new", "", "")
    assert (len(found.token), found.token == token) == (20, False)


@EVERY_ENCRYPTED
@WAYS
def test_what_is_encrypted_is_encrypted_again(model, anonymise):
    row = only(model)
    before = raw(model)
    anonymise(model)
    found = model.objects.get()
    key = str(row.pk)
    assert (found.char_plain, found.text_plain, found.email_plain) == (key, key, f"{key}@anon.example.com")
    assert f"'{key}'" not in raw(model)
    assert "anon.example.com" not in raw(model)
    assert before != raw(model)
    assert (found.char_null or "", found.date_null, found.date_time_null) == ("", None, None)


@EVERY_ENCRYPTED
def test_a_set_encrypts_what_is_the_same_for_all_rows_once(model, django_assert_num_queries):
    made = {change.field.name: change for change in registry.declaration(model).changes}
    assert not made["char_plain"].in_sql
    assert not made["email_plain"].in_sql
    assert made["boolean_plain"].in_sql
    assert made["boolean_plain"].replacement.holds is None
    assert made["boolean_null"].replacement.holds is not None


@EVERY_ENCRYPTED
def test_null_that_was_filled_again_is_found(model):
    row = only(model, boolean_null=None)
    model.objects.all().anonymise()
    assert plan(model._base_manager.all()).refilled().count() == 0
    found = model.objects.get(pk=row.pk)
    found.boolean_null = True
    found.save()
    assert plan(model._base_manager.all()).refilled().count() == 1


def test_an_encrypted_field_of_somebody_else_has_no_rule():
    (found,) = registry.declaration(Unknown).errors
    assert found.check == "E004"
    assert found.message == "Unknown field type for anonymiser: fields_of_others.Unknown.char is a EncryptedCharField."


@pytest.mark.parametrize("is_first", [True, False])
def test_a_rule_of_the_sites_own_comes_first(monkeypatch, is_first):
    monkeypatch.setattr(rules, "registered", {})
    monkeypatch.setattr(rules, "ready_made", {})
    field = Texts._meta.get_field("rich_plain")
    with pytest.raises(AnonymiseError, match=r"^Unknown field type"):
        replacement_for(field)
    if not is_first:
        register_ready_made()
    gdpr_assist.rule(type(field))(lambda field: "<p></p>")
    if is_first:
        register_ready_made()
    assert replacement_for(field).value(Texts(pk=7)) == "<p></p>"
    assert replacement_for(Texts._meta.get_field("tiny_plain")).value(Texts(pk=7)) == "7"


def test_a_subclass_of_theirs_has_no_rule():
    class Own(type(Texts._meta.get_field("rich_plain"))):
        pass

    field = Own()
    field.set_attributes_from_name("own")
    field.model = Texts
    with pytest.raises(AnonymiseError, match=r"Texts\.own is a Own"):
        replacement_for(field)


def test_each_rule_has_a_column_here():
    found = {
        f"{type(field).__module__}.{type(field).__qualname__}"
        for model in MODELS
        for field in model._meta.concrete_fields
    }
    not_here = {
        path
        for path in rules.ready_made
        if connection.vendor == "postgresql" and "encrypted_model_fields" in path and "Integer" in path
    }
    as_class = {
        each for each in rules.ready_made if each.startswith("django_cryptography.fields.") and "Encrypted" not in each
    }
    assert set(rules.ready_made) - as_class - found == not_here
