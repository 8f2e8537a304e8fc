"""``PrivacyMeta.json_fields``: what is replaced within a column of JSON, and that all else is kept."""

import json
from unittest import mock

import pytest
from django.db import connection
from django.db.models import JSONField, Value
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from model_bakery import baker

from gdpr_assist.contrib.histories import history
from gdpr_assist.databases.json import why_not
from gdpr_assist.declaring.declaration import declare
from gdpr_assist.declaring.json_fields import within
from gdpr_assist.declaring.json_paths import meet, parse, replaced
from gdpr_assist.declaring.meta import undeclared
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.execution.ranges import begin_scrub, execute_in_ranges
from gdpr_assist.inventory.held import inventory
from gdpr_assist.planning.plans import plan
from gdpr_assist.registry import registry
from tests.apps.fields.models import NullFields, PlainFields
from tests.settings import DB

from .observing import redeclared

pytestmark = pytest.mark.django_db

NAMES = ["user", "email", "items", "0", "a name"]


def spelled(steps):
    """Return the path of these steps as it is written."""
    text = ""
    for step in steps:
        if step is None:
            text += "[*]"
        elif isinstance(step, int):
            text += f"[{step}]"
        elif " " in step:
            text += f'["{step}"]'
        else:
            text += f".{step}" if text else step
    return text


names = st.sampled_from(NAMES)
steps = st.lists(st.one_of(names, st.integers(0, 2), st.none()), min_size=1, max_size=4)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), max_size=5),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=4)),
    max_leaves=25,
)
new_values = st.sampled_from([..., ..., "", "given's \\ \"%", 0, None, {"user": []}])


@st.composite
def paths(draw, each=steps):
    chosen = []
    for one in draw(st.lists(each, min_size=1, max_size=4)):
        path = parse(spelled(one)) if (new := draw(new_values)) is ... else parse(spelled(one), new)
        if not any(meet(path, other) for other in chosen):
            chosen.append(path)
    return chosen


def shaped(draw_steps):
    """Return a strategy of a value in which the path leads somewhere."""
    value = values
    for step in reversed(draw_steps):
        if isinstance(step, str):
            value = st.builds(lambda inner, rest, step=step: {**rest, step: inner}, value, st.just({"z": [1, "x"]}))
        else:
            value = st.lists(value, min_size=1, max_size=3)
    return value


@st.composite
def cases(draw):
    chosen = draw(paths())
    shape = st.one_of(values, *(shaped(path.steps) for path in chosen))
    return chosen, draw(shape)


def written(chosen):
    return {path.text: path.given for path in chosen}


@given(cases())
# MariaDB takes [0] of an object for the object; on PostgreSQL, items within items made anew were the old ones.
@example(([parse("user"), parse("[0]")], {"user": False}))
@example(([parse("[*][*].user"), parse("[0][*].email")], [[{"user": "x", "email": "y"}]]))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_the_database_and_python_give_the_same(case):
    chosen, value = case
    column = NullFields._meta.get_field("json")
    made = within(column, written(chosen))
    if made.why_not(connection):
        return
    row = NullFields.objects.create(json=value)
    stored = NullFields.objects.get(pk=row.pk)  # as the database has it: PostgreSQL rounds no number, but -0.0 is 0
    rows = NullFields.objects.filter(pk=row.pk)
    expected = made.value(stored)
    rows.update(json=made.expression())
    found = rows.get().json
    assert json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)
    assert rows.filter(made.holds("json")).exists()
    assert replaced(expected, chosen) == expected


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("user", ("user",)),
        ("user.email", ("user", "email")),
        ("items[*].name", ("items", None, "name")),
        ("[*]", (None,)),
        ("[12][*].a", (12, None, "a")),
        ('meta["first name"].x', ("meta", "first name", "x")),
        ('["0"][0]', ("0", 0)),
        ("straße.nr-1", ("straße", "nr-1")),
    ],
)
def test_a_path(text, steps):
    assert parse(text).steps == steps


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", ".user", "user.", "user..email", "a b", "items[", "items[]", "items[-1]", "items[01]", "items[x]"),
        *("items.*", "$.user", "user[*]name", "user]", '["a', '[""]', "[*]*", 'a["b\\"]', "user\n"),
    ],
)
def test_what_is_no_path(text):
    with pytest.raises(ValueError, match=r".*"):
        parse(text)


def test_what_takes_the_place():
    value = {"s": "Ada", "n": 1, "f": 1.5, "b": True, "o": {"x": 1}, "a": [1], "z": None, "rest": {"s": "Ada"}}
    paths = [parse(name) for name in "snfboaz"] + [parse("nowhere.s")]
    empty = {"s": "", "n": None, "f": None, "b": None, "o": {}, "a": [], "z": None, "rest": {"s": "Ada"}}
    before = json.dumps(value)
    assert replaced(value, paths) == empty
    assert json.dumps(value) == before
    given = [parse("s", "n/a"), parse("z", "n/a"), parse("n", {"x": 0})]
    assert replaced(value, given) == {**value, "s": "n/a", "n": {"x": 0}}
    assert replaced(empty, paths) is empty


# -- on models ----------------------------------------------------------------------------------

PAYLOAD = {
    "user": {"email": "ada@quill.example", "plan": "gold", "age": 36},
    "items": [{"name": "Ada", "price": 1.10}, "loose", {"price": 10**20}],
    "ä": "Ä",
}
CLEAN = {
    "user": {"email": "", "plan": "gold", "age": 36},
    "items": [{"name": "", "price": 1.10}, "loose", {"price": 10**20}],
    "ä": "Ä",
}
PATHS = ["user.email", "items[*].name"]


def declared(**attributes):
    """Declare a model with a column of JSON by nothing else."""
    return redeclared(NullFields, type("PrivacyMeta", (), {"fields": ["char"], **attributes}))


@pytest.fixture
def row():
    return NullFields.objects.create(char="Ada", json=PAYLOAD, text=json.dumps(PAYLOAD))


def stored(row, column="json"):
    return NullFields.objects.values_list(column, flat=True).get(pk=row.pk)


def by_set(row):
    NullFields.objects.filter(pk=row.pk).anonymise()


def by_object(row):
    row.anonymise()


def by_scrub(row):
    work = plan(NullFields.objects.all(), force=True)
    begin_scrub(work)
    list(execute_in_ranges(work))


@pytest.mark.parametrize("door", [by_set, by_object, by_scrub])
@pytest.mark.parametrize("bulk", [None, False])
def test_each_way_replaces_the_same(row, door, bulk):
    nothing, other = NullFields.objects.create(), NullFields.objects.create(json=["Ada", {"user": "Ada"}])
    with declared(json_fields={"json": PATHS}, bulk=bulk):
        door(row)
    assert stored(row) == CLEAN
    assert stored(row, "char") in (None, "")
    assert stored(nothing) is None
    assert stored(other) == ["Ada", {"user": "Ada"}]
    assert row.is_anonymised()


def test_the_plan_says_how_and_why():
    with declared(json_fields={"json": ["user.email"]}):
        assert plan(NullFields.objects.all()).way.kind == "set"
    with declared(json_fields={"json": ["user.email", "ä"]}):
        way = plan(NullFields.objects.all()).way
    assert (way.kind, way.reason) == ("mixed", "Python computes json (a name is not in ASCII letters)")
    with declared(json_fields={"json": ["items[*].name"]}):
        way = plan(NullFields.objects.all()).way
    reason = "Python computes json ([*] is beyond this database)"
    assert (way.kind, way.reason) == (("mixed", reason) if DB == "mariadb" else ("set", ""))


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        (["[*][*].name"], ""),
        (["[*][*].name", "[0].name"], ""),
        (["[*][*].name", "x[*].name"], ""),
        (["[*][*].name", "[0][*].email"], "[*] within an array that another [*] goes through is beyond this database"),
        (["x[*][*].a", "x[*][0][*].b"], "[*] within an array that another [*] goes through is beyond this database"),
    ],
)
def test_items_within_items_are_left_to_python(paths, reason):
    """What would be made of the items as they were, and put into the array that was made anew."""
    assert why_not(mock.Mock(vendor="postgresql"), [(parse(path).steps, None) for path in paths]) == reason


def test_a_database_that_nobody_thought_of_leaves_it_to_python():
    for alien in (mock.Mock(vendor="oracle"), mock.Mock(vendor="mysql", mysql_is_mariadb=False)):
        assert why_not(alien, [(("user",), None)]) == "not by this database"
    old = mock.Mock(vendor="sqlite")
    old.Database.sqlite_version_info = (3, 37, 2)
    assert why_not(old, [(("user",), None)]) == "not by this database"


@pytest.mark.parametrize("paths", [["user.email"], PATHS])
def test_what_is_filled_again_is_seen_where_the_database_can_tell(row, paths):
    columns = [field.name for field in NullFields._meta.concrete_fields if not field.primary_key]
    with declared(json_fields={"json": paths}, fields=[name for name in columns if "file" not in name]):
        if "json" in plan(NullFields.objects.all()).untold:
            assert (DB, paths) == ("mariadb", PATHS)
            return
        row.anonymise()
        assert not plan(NullFields.objects.all()).refilled().exists()
        NullFields.objects.filter(pk=row.pk).update(json={**CLEAN, "user": {"plan": "silver"}, "more": "Ada"})
        assert not plan(NullFields.objects.all()).refilled().exists()
        NullFields.objects.filter(pk=row.pk).update(json=PAYLOAD)
        assert list(plan(NullFields.objects.all()).refilled()) == [row]
        row.refresh_from_db()
        row.anonymise(force=True)
        assert stored(row)["user"]["email"] == ""
    with declared(json_fields={"json": ["ä"]}):
        assert "json" in plan(NullFields.objects.all()).untold


def test_new_values_are_given_by_path(row):
    with declared(json_fields={"json": {"user.email": "nobody@quill.example", "user.age": 0}}):
        by_set(row)
    assert stored(row)["user"] == {"email": "nobody@quill.example", "plan": "gold", "age": 0}


class TestTexts:
    @pytest.mark.parametrize("door", [by_set, by_object])
    def test_a_text_that_holds_json(self, row, door):
        empty = NullFields.objects.create(text="")
        with declared(json_fields={"text": PATHS}):
            assert plan(NullFields.objects.all()).way.reason == "Python computes text"
            door(row)
            by_set(empty)
        assert json.loads(stored(row, "text")) == CLEAN
        assert stored(empty, "text") == ""

    def test_one_without_any_of_it_stays_letter_by_letter(self, row):
        NullFields.objects.filter(pk=row.pk).update(text='{ "plan" : 1.0e3 }')
        with declared(json_fields={"text": PATHS}):
            by_set(row)
        assert stored(row, "text") == '{ "plan" : 1.0e3 }'

    @pytest.mark.parametrize("door", [by_set, by_scrub])
    def test_one_that_is_malformed_is_named_by_its_key_alone(self, row, door):
        NullFields.objects.filter(pk=row.pk).update(text="{'user': 'Ada'}")
        with declared(json_fields={"text": PATHS}), pytest.raises(AnonymiseError) as caught:
            door(row)
        assert str(caught.value).startswith(
            f"fields.NullFields.text: the row with the primary key {row.pk} holds no JSON, "
        )
        assert "Ada" not in str(caught.value)
        assert stored(row, "char") == "Ada"


def mistakes(**attributes):
    found = declare(NullFields, type("PrivacyMeta", (), {"fields": ["char"], **attributes})).mistakes
    return [(each.check, each.message) for each in found if each.check.startswith("E")]


class TestMistakes:
    @pytest.mark.parametrize(
        "given",
        [
            *(None, ["json"], "json", {"json": "user"}, {"json": []}, {"json": [1]}, {1: ["user"]}),
            *({"json": {"user": object()}}, {"json": {"user": float("nan")}}),
        ],
    )
    def test_another_shape(self, given):
        assert mistakes(json_fields=given) == [
            ("E010", "fields.NullFields: PrivacyMeta.json_fields is no dict of paths by column.")
        ]

    @pytest.mark.parametrize("name", ["nothing", "integer", "date"])
    def test_what_is_no_column_of_json(self, name):
        assert mistakes(json_fields={name: ["user"]}) == [
            ("E052", f"fields.NullFields: PrivacyMeta.json_fields[{name!r}] is no column of JSON or text.")
        ]

    def test_a_path_that_is_none(self):
        found = mistakes(json_fields={"json": ["user", "items.*.name"]})
        assert (
            "E052",
            "fields.NullFields: PrivacyMeta.json_fields['json'] has 'items.*.name', which is no path.",
        ) in found
        with declared(json_fields={"json": ["items.*.name"]}), pytest.raises(AnonymiseError, match="is no path"):
            plan(NullFields.objects.all())

    @pytest.mark.parametrize(
        "paths",
        [["user", "user.email"], ["items[*].name", "items[0]"], ["items[0]", "items[*]"], ["[*].a", "[1].a.b"]],
    )
    def test_paths_that_meet(self, paths):
        ((check, message),) = mistakes(json_fields={"json": paths})
        assert check == "E052"
        assert f"has {paths[0]} and {paths[1]}, which may lead to the same" in message

    def test_paths_that_do_not(self):
        assert (
            mistakes(json_fields={"json": ["user.email", "user.name", "items[0].a", "items[*].b", "items[1].a"]}) == []
        )

    def test_said_twice(self):
        assert mistakes(json_fields={"json": ["user"]}, keep=["json"]) == [
            ("E052", "fields.NullFields: PrivacyMeta.json_fields['json'] is in PrivacyMeta.keep too.")
        ]
        assert mistakes(json_fields={"json": ["user"]}, anonymise_json=lambda self, instance: {}) == [
            ("E052", "fields.NullFields: PrivacyMeta.json_fields['json'] is in PrivacyMeta.anonymise_json too.")
        ]


def test_the_column_counts_as_personal_and_is_exported_whole(row):
    with declared(json_fields={"json": PATHS}):
        known = registry.declaration(NullFields)
        assert known.fields == ("char", "json")
        assert "json" not in undeclared(known.meta)
        assert known.meta.export(row)["json"] == PAYLOAD
        (held,) = (each for each in inventory() if (each.model, each.field) == ("fields.NullFields", "json"))
    assert held.becomes == "user.email, items[*].name replaced, the rest as it is"
    with declared(fields="__all__", json_fields={"json": PATHS}):
        by_set(row)
    assert stored(row) == CLEAN


def test_a_history_replaces_the_same_within_its_columns():
    with declared(json_fields={"json": PATHS}):
        _label, privacy = history(PlainFields, NullFields, "whatever")
    assert privacy.json_fields == {"json": PATHS}


@pytest.mark.parametrize("model", [NullFields, PlainFields])
@pytest.mark.parametrize("paths", [["user.email"], ["user.email", "ä"]])  # the latter by Python
@pytest.mark.parametrize("bulk", [None, False])
def test_null_of_json_stays_what_it_is(model, paths, bulk):
    row, other = (
        baker.make(model, char=name, json={"user": {"email": f"{name}@x.example"}}) for name in ("Ada", "Bob")
    )
    model.objects.filter(pk=row.pk).update(json=Value(None, JSONField()))
    privacy = type("PrivacyMeta", (), {"fields": ["char"], "json_fields": {"json": paths}, "bulk": bulk})
    with redeclared(model, privacy):
        model.objects.all().anonymise()
        assert model.objects.get(pk=row.pk).is_anonymised()
    # Not NULL, which compares with nothing
    assert model.objects.filter(json=Value(None, JSONField())).get().pk == row.pk
    assert model.objects.get(pk=row.pk).char != "Ada"
    assert model.objects.get(pk=other.pk).json == {"user": {"email": ""}}
