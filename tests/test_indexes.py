"""Which index a search needs on PostgreSQL; what is told is tried there on the real thing."""

import re
from contextlib import contextmanager

import pytest
from django.contrib.postgres.indexes import GinIndex, GistIndex, HashIndex, OpClass
from django.core.checks import Warning
from django.db import connection, connections, models
from django.db.models.functions import Lower, Upper

from gdpr_assist import checks
from gdpr_assist.declaring.indexes import OF_TEXTS, missing
from gdpr_assist.declaring.meta import all_rows
from gdpr_assist.declaring.search import lookup_of
from gdpr_assist.pages import DOCUMENTATION
from gdpr_assist.registry import registry
from tests.apps.fields.models import PlainFields, UniqueFields
from tests.apps.shop.models import Comment, Customer, GiftOrder, Order
from tests.apps.thirdparty.models import Device, Subscriber
from tests.settings import DB

TERM = "Lovelace"
NAMES = {"models": models, "Upper": Upper, "OpClass": OpClass, "GinIndex": GinIndex}


@contextmanager
def searched(model, *names):
    """Register Device, or declare another model's search anew, for the time of a block."""
    if model not in registry:
        with registry.registered(model, type("PrivacyMeta", (), {"search_fields": names})) as declared:
            yield declared
        return
    declared = registry.declaration(model)
    before, declared.meta.search_fields = declared.meta.search_fields, names
    yield declared
    declared.meta.search_fields = before


def cures(model, *names):
    with searched(model, *names) as declared:
        return [each.cure for each in missing(declared)]


def lines(model, *names):
    """Return the indexes that are to be added, {label of the model: [index]}."""
    found = {}
    for cure in cures(model, *names):
        [(line, label)] = re.findall(r"Add (.+) to Meta\.indexes of (\w+\.\w+)\.", cure)
        found.setdefault(label, []).append(eval(line, dict(NAMES)))
    return found


@contextmanager
def declared_on(model, *made):
    """Let ``model`` have indexes or constraints that it does not have, for the time of a block."""
    opts = model._meta
    before = opts.indexes, opts.constraints
    opts.indexes = [*opts.indexes, *(each for each in made if isinstance(each, models.Index))]
    opts.constraints = [*opts.constraints, *(each for each in made if not isinstance(each, models.Index))]
    try:
        yield
    finally:
        opts.indexes, opts.constraints = before


# -- what is missing -------------------------------------------------------------------------------


@pytest.mark.parametrize("lookup", OF_TEXTS)
def test_the_line_is_all_that_is_missing(lookup):
    [index] = lines(Device, f"owner__{lookup}")["thirdparty.Device"]
    assert len(index.name) <= 30
    with declared_on(Device, index):
        assert cures(Device, f"owner__{lookup}") == []


def test_the_words():
    [cure] = cures(Device, "owner")
    assert cure == (
        'Add models.Index(Upper("owner"), name="thirdparty_device_owner_upper") to Meta.indexes of thirdparty.Device.'
    )
    [cure] = cures(Device, "owner__icontains")
    assert cure == (
        'Add GinIndex(OpClass(Upper("owner"), name="gin_trgm_ops"), name="thirdparty_device_owner_utrgm") to '
        'Meta.indexes of thirdparty.Device. It needs "django.contrib.postgres" in INSTALLED_APPS, and '
        "TrigramExtension() in a migration before it."
    )
    [cure] = cures(Order, "total")
    assert cure == (
        'Write "total__exact" in search_fields: as it is, the column is cast to text, for which no index helps. '
        'Add models.Index(fields=["total"], name="shop_order_total_idx") to Meta.indexes of shop.Order.'
    )


def test_one_line_for_each_lookup():
    found = lines(Device, "owner", "owner__contains", "owner__startswith")["thirdparty.Device"]
    assert len({index.name for index in found}) == 3


def test_names_of_indexes_differ_though_they_are_cut_short():
    names = {
        index.name
        for column in ("big_integer__exact", "positive_big_integer__exact", "positive_integer__exact")
        for index in lines(PlainFields, column)["fields.PlainFields"]
    }
    names |= {index.name for index in lines(UniqueFields, "char", "slug")["fields.UniqueFields"]}
    assert len(names) == 5
    assert all(len(name) <= 30 for name in names)


def test_over_a_relation_the_model_at_the_end_needs_the_index():
    assert list(lines(Order, "customer__name__iexact")) == ["shop.Customer"]
    assert list(lines(Customer, "orders__recipient__iexact")) == ["shop.Order"]
    assert list(lines(GiftOrder, "recipient")) == ["shop.Order"]
    assert list(lines(GiftOrder, "greeting")) == ["shop.GiftOrder"]


@pytest.mark.parametrize(
    "name",
    [
        *("salary", "salary__icontains"),  # no text
        *("born", "number", "is_deleted", "total"),
    ],
)
def test_what_is_no_text_is_to_be_looked_up_exactly(name):
    column, _sep, _lookup = name.partition("__")
    [model] = [each for each in (Customer, Order, registry.find("shop.Employee")) if hasattr(each, column)]
    [cure] = cures(model, name)
    assert cure.startswith(f'Write "{column}__exact" in search_fields')
    assert ("Add models.Index" in cure) == (column != "number")  # which is unique


@pytest.mark.parametrize("name", ["duration", "address", "address_v6__icontains", "binary"])
def test_no_lookup_is_advised_that_fails_for_a_name(name):
    assert cures(PlainFields, name) == []


def test_no_index_for_patterns_is_advised_where_a_collation_may_not_allow_one(monkeypatch):
    monkeypatch.setattr(Device._meta.get_field("owner"), "db_collation", "loose")
    assert [cures(Device, f"owner__{lookup}") for lookup in ("icontains", "startswith", "regex")] == [[], [], []]
    assert "Upper" in cures(Device, "owner")[0]


@pytest.mark.parametrize("name", ["email", "email__in", "email__startswith", "pk", "id__gt"])
def test_a_unique_column_has_its_indexes(name):
    assert cures(Subscriber, lookup_of(name).replace("iexact", "exact")) == []


def test_a_key_has_its_index():
    assert cures(Order, "customer__exact", "customer__pk__exact", "pk__exact") == []


def test_what_cannot_be_told():
    assert cures(Comment, "posted__year__exact") == []  # a transform may have an index of its own
    assert cures(PlainFields, "json__icontains", "json__has_key", "binary__exact") == []


def indexed(*fields, by=models.Index, operators=None, **more):
    """Return an index with a name of its own."""
    opclasses = {"opclasses": [operators]} if operators else {}
    return by(*(() if isinstance(fields[0], str) else fields), **_fields(fields), **opclasses, name="an_index", **more)


def _fields(fields):
    return {"fields": fields} if isinstance(fields[0], str) else {}


TRIGRAMS = ["exact", "in", "startswith", "contains", "endswith", "regex", "iregex"]
CASELESS_TRIGRAMS = ["iexact", "istartswith", "icontains", "iendswith"]
ORDERED = ["exact", "in", "gt", "gte", "lt", "lte"]

# {what: (index, the lookups that it serves)}
SERVING = {
    "descending, with another": (indexed("-owner", "address"), ORDERED),
    "patterns": (indexed("owner", operators="varchar_pattern_ops"), ["exact", "in", "startswith"]),
    "hash": (indexed("owner", by=HashIndex), ["exact", "in"]),
    "hash of upper": (indexed(Upper("owner"), by=HashIndex), ["iexact"]),
    "upper, descending": (indexed(Upper("owner").desc(), "address"), ["iexact"]),
    "patterns of upper": (indexed(OpClass(Upper("owner"), name="text_pattern_ops")), ["iexact", "istartswith"]),
    "trigrams": (indexed("owner", by=GinIndex, operators="gin_trgm_ops"), TRIGRAMS),
    "trigrams in GiST": (indexed("owner", by=GistIndex, operators="gist_trgm_ops"), TRIGRAMS),
    "trigrams of upper": (indexed(OpClass(Upper("owner"), name="gin_trgm_ops"), by=GinIndex), CASELESS_TRIGRAMS),
    "unique": (indexed("owner", "address", by=models.UniqueConstraint), ORDERED),
    "unique upper": (indexed(Upper("owner"), by=models.UniqueConstraint), ["iexact"]),
    "partial": (indexed("owner", condition=models.Q(owner="Ada")), []),
    "partly unique": (indexed("owner", condition=models.Q(owner="Ada"), by=models.UniqueConstraint), []),
    "of another field": (indexed("address", "owner"), []),
    "lower": (indexed(Lower("owner")), []),
}


@pytest.mark.parametrize("kind", SERVING)
def test_the_lookups_that_an_index_serves(kind):
    index, lookups = SERVING[kind]
    with declared_on(Device, index):
        assert [lookup for lookup in OF_TEXTS if not cures(Device, f"owner__{lookup}")] == [
            lookup for lookup in OF_TEXTS if lookup in lookups
        ]


# -- the check -------------------------------------------------------------------------------------


def test_gdpr_assist_W006(monkeypatch, settings):
    """A connection that is never opened stands for PostgreSQL on the other databases."""
    settings.SILENCED_SYSTEM_CHECKS = []
    monkeypatch.setattr(connections["default"], "vendor", "postgresql")
    before = connections["default"].connection
    with searched(Device, "owner", "address__exact"):
        messages = [each for each in checks.check_W006() if each.obj is Device]
    assert connections["default"].connection is before
    assert {(type(each), each.id) for each in messages} == {(Warning, "gdpr_assist.W006")}
    slow = "has no index for a search on PostgreSQL, which reads the whole table"
    assert [each.msg for each in messages] == [
        f"thirdparty.Device.owner {slow}: owner of thirdparty.Device.",
        f"thirdparty.Device.address {slow}: address__exact of thirdparty.Device.",
    ]
    assert messages[0].hint == (
        'Add models.Index(Upper("owner"), name="thirdparty_device_owner_upper") to Meta.indexes of thirdparty.Device. '
        f"See {DOCUMENTATION}checks.html#gdpr-assist-w006"
    )


def test_one_message_for_all_models_that_are_searched_over_the_same_field(monkeypatch):
    monkeypatch.setattr(connections["default"], "vendor", "postgresql")
    [message] = [each for each in checks.check_W006() if "shop.Order.email" in each.msg]
    assert message.msg.endswith(": email of shop.Order, email of shop.ExpressOrder.")


def test_nothing_is_said_of_other_databases_a_search_method_or_a_wrong_declaration(monkeypatch):
    for vendor in ("sqlite", "mysql"):
        monkeypatch.setattr(connections["default"], "vendor", vendor)
        assert checks.check_W006() == []
    monkeypatch.setattr(connections["default"], "vendor", "postgresql")
    for written in ({"search": lambda self, term: []}, {"search_fields": 7}, {"search_fields": ["ownr"]}):
        with registry.registered(Device, type("PrivacyMeta", (), written)):
            assert not any(each.obj is Device for each in checks.check_W006())


# -- PostgreSQL itself -----------------------------------------------------------------------------

if DB == "postgresql":

    def add(model, index):
        with connection.schema_editor() as editor:
            (editor.add_index if isinstance(index, models.Index) else editor.add_constraint)(model, index)

    def used(queryset):
        """Return the indexes with which PostgreSQL would run a query if tables were never read from end to end."""
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
        pattern = r"Index (?:Only )?Scan (?:Backward )?(?:using|on) (\w+)"
        return re.findall(pattern, queryset.explain())

    def search(model, *names):
        with searched(model, *names) as declared:
            return declared.meta.search(TERM)

    @pytest.mark.django_db
    @pytest.mark.parametrize("lookup", OF_TEXTS)
    def test_the_line_of_the_hint_makes_the_search_use_an_index(lookup):
        assert used(search(Device, f"owner__{lookup}")) == []
        [index] = lines(Device, f"owner__{lookup}")["thirdparty.Device"]
        add(Device, index)
        assert used(search(Device, f"owner__{lookup}")) == [index.name]

    @pytest.mark.django_db
    @pytest.mark.parametrize("kind", SERVING)
    def test_what_is_known_of_an_index_is_so(kind):
        index, lookups = SERVING[kind]
        add(Device, index)
        for lookup in lookups:
            assert used(search(Device, f"owner__{lookup}")) == ["an_index"], lookup

    @pytest.mark.django_db
    def test_a_number_is_found_by_its_index_if_it_is_looked_up_exactly():
        Employee = registry.find("shop.Employee")
        assert used(all_rows(Employee).filter(salary__exact="777")) == []
        [index] = lines(Employee, "salary")["shop.Employee"]
        add(Employee, index)
        assert used(all_rows(Employee).filter(salary__iexact="777")) == []
        assert used(all_rows(Employee).filter(salary__exact="777")) == [index.name]

    @pytest.mark.django_db
    def test_indexes_of_own_columns_and_of_related_rows_are_used_in_one_search():
        names = ["email", "recipient__icontains", "customer__email__iexact"]
        found = lines(Order, *names)
        for model in (Order, Customer):
            for index in found[model._meta.label]:
                add(model, index)
        wanted = {index.name for made in found.values() for index in made}
        assert len(wanted) == 3
        assert wanted <= set(used(search(Order, *names)))

    @pytest.mark.django_db
    def test_a_unique_column_can_be_looked_up_by_its_beginning():
        [name] = used(search(Subscriber, "email__startswith"))
        assert name.endswith("_like")

    @pytest.mark.django_db
    def test_indexes_are_used_for_words_too():
        owner = models.Index(Upper("owner"), name="of_owner")
        email, recipient = (models.Index(Upper(each), name=f"of_{each}") for each in ("email", "recipient"))
        name = models.Index(Upper("name"), name="of_name")
        for model, index in ((Device, owner), (Order, email), (Order, recipient), (Customer, name)):
            add(model, index)
        with searched(Device, "owner") as declared:
            assert set(used(declared.meta.search("Ada Lovelace"))) == {"of_owner"}
        with searched(Order, "email", "recipient") as declared:
            assert set(used(declared.meta.search("Ada Lovelace"))) == {"of_email", "of_recipient"}
        with searched(Order, "email", "recipient", "customer__name__iexact") as declared:
            assert {"of_email", "of_recipient", "of_name"} <= set(used(declared.meta.search("Ada Lovelace")))
