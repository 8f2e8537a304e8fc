"""What is left of a person is found wherever it is, and nothing else is."""

import base64
import json
import logging
import zlib
from functools import partial
from unicodedata import normalize

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import connections
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gdpr_assist import AnonymiseError
from gdpr_assist.residue.looking import look
from gdpr_assist.residue.values import FEW, Values, folded, usable
from tests import planting
from tests.apps.fields.models import NullFields
from tests.apps.people.models import Account
from tests.apps.thirdparty.models import Device
from tests.databases import database_is, refused, scratch
from tests.observing import spoken

# -- a thousand of them, on each database ----------------------------------------------------------


@pytest.fixture(scope="module")
def garden(django_db_setup, django_db_blocker):
    """A database with 1,000 planted values: (alias, values, {place: rows})."""
    persons = planting.people(1, 40)
    with django_db_blocker.unblock(), scratch("garden") as using:
        planting.create_tables(using)
        planted = planting.plant(using, persons, 1000)
        planting.filler(using, planting.people(2, 50))
        yield using, [value for each in persons for value in planting.values_of(each)], planted


def test_a_thousand_are_found(garden, django_db_blocker):
    using, values, planted = garden
    with django_db_blocker.unblock():
        residue = look(values, databases=[using])
    assert residue.unread == {}
    assert residue.found == planted
    assert sum(residue.found.values()) == 1000


def test_a_hundred_people_who_are_not_there_are_not_found(garden, django_db_blocker):
    using, _, _ = garden
    with django_db_blocker.unblock():
        values = [value for each in planting.people(3, 100) for value in planting.values_of(each)]
        found = look(values, databases=[using]).found
    assert sum(found.values()) <= 1


# -- values and texts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text", "is_there"),
    [
        ("ada@quill.example", "Write to ADA@quill.example.", True),
        ("ada@quill.example", "<ada@quill.example>", True),
        ("ada@quill.example", "bada@quill.example", False),
        ("ada@quill.example", "l.ada@quill.example", False),
        ("ada@quill.example", "ada@quill.example.org", False),
        ("ada@quill.example", "ada@quill.example-org", False),
        ("ada@quill.example", "lee_ada@quill.example", False),
        ("ada@quill.example", "ada@quill.example_2.txt", True),
        ("ada_quill@quill.example", "to ada_quill@quill.example", True),
        ("adaquill", "a/adaquill_zT0HUkZ.txt", True),
        ("adaquill", "invoice_adaquill.txt", True),
        ("adaquill", "invoice_adaquilla.txt", False),
        ("ada_quill", "ada_quill_zT0HUkZ.txt", True),
        ("ada_quill", "ada quill", False),
        ("Ada Quill", "avatars/ada_quill_zT0HUkZ.txt", True),
        ("Ada Quill", "ada__quill", False),
        ("Zoë Dvořák", "zoë_dvořák_zT0HUkZ.txt", True),
        ("Ada Quill", "QUILL, ADA", False),
        ("Ada Quill", "ada\n  quill's", True),
        ("Ada Quill", "Ada Quills", False),
        ("Ada Quill", "Ada, Quill", True),
        ("Ada O'Hara", "Ada O&#x27;Hara", True),
        ("+49 30 1234", "tel:+49%2030%201234", True),
        ("+49 30 1234", "+49 30 12345", False),
        ("Zoë Dvořák", "ZOE\u0308 DVOR\u030cA\u0301K", True),
        ("Zoe\u0308 Dvořák", r"{\"name\": \"Zo\u00eb Dvo\u0159\u00e1k\"}", True),
        ("Zoë Dvořák", "Zoe Dvorak", False),
        ("Seán O'Brien", "Seán\u00a0O\u2019Brien", True),
        ("Seán O\u2019Brien", "SEÁN O'BRIEN", True),
        ("Anne-Marie Quill", "Anne\u2011Marie Quill", True),
        ("Seán O'Brien", "Seán O'Bri\u00aden", True),
        ("Seán O'Brien", "Seán O&amp;#x27;Brien", True),
        ("Seán O'Brien", "q=Se%25C3%25A1n%2BO%2527Brien", True),
        ("Straße 12", "STRASSE 12", True),
        ("李小龙先生", "李小龙先生", True),
        ("ada@quill.example", base64.b64encode(base64.b64encode(b'{"a": "ada@quill.example"}')).decode(), True),
        ("ada@quill.example", zlib.compress(b"ada@quill.example"), True),
        ("ada@quill.example", b"x no zlib, but ada@quill.example", True),
        ("ada@quill.example", "%%%\\u12 \\ & &#; +", False),
    ],
)
def test_whole_values(value, text, is_there):
    assert Values([value]).are_in(text) is is_there


@pytest.mark.django_db
@pytest.mark.usefixtures("media_root")
def test_the_name_that_django_gives_to_a_second_file_of_the_same_name():
    for name in ("adaquill.txt", "Zoë Dvořák.txt"):
        for content in (b"1", b"2"):
            NullFields.objects.create(file=ContentFile(content, name))
    assert NullFields.objects.filter(file__regex="_[A-Za-z0-9]{7}.txt$").count() == 2
    for value in ("adaquill", "Zoë Dvořák"):
        assert look([value]).found == {"fields_nullfields.file on default": 2}


@pytest.mark.parametrize("value", ["Seán O'Brien", "Sean Obrien\nAvenue 12", "Щербакова 😀"])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_json_within_json(value, layers):
    text = f"by {value}"
    for _ in range(layers):
        text = json.dumps([{"value": text}])
    assert Values([value]).are_in(text)
    assert not Values([f"{value} x"]).are_in(text)


# What is written in more than one way, and what comes between
PIECES = [
    *("ada", "ADA", "quill", "Quill", "@quill.example", "zoë", "zoe\u0308", "ZOË", "straße", "STRASSE", "ﬁnn", "finn"),
    *("\u212aelvin", "kelvin", "i\u0307sa", "İsa", "ᾳδω", "ᾼΔΩ", "\u03b1\u0345\u0301δω", "한국사람", "\uf900\uf901x"),
    *(" ", ",", "\n", "\u00ad", "\u200b", "\u02bc", "'", "\u2019", "-", "\u2011", "_", ".", "x", "1", "\\u0041"),
]
CHANGES = [str, str.upper, str.lower, partial(normalize, "NFC"), partial(normalize, "NFD")]
texts = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)


@settings(max_examples=200)
@example(value="\u03b1\u0345\u0301δωδω", before="", after="", change=str)
@example(value="stra\u00adße", before="", after="'", change=str.upper)
@given(value=texts, before=texts, after=texts, change=st.sampled_from(CHANGES))
def test_a_few_values_are_found_as_many_are(value, before, after, change):
    """Of a few each is asked for before a text is folded, which is a shorter way and no other answer."""
    others = [f"nobody {number}" for number in range(FEW)]
    for text in (f"{before} {change(value)} {after}", before + after):
        assert Values([value]).are_in(text) is Values([value, *others]).are_in(text)


def test_what_can_be_looked_for():
    assert usable([" Ada Quill ", "ADA  QUILL", "", "Ada,", "- - - -", "ab@c", "abcde"]) == ["ADA  QUILL", "abcde"]
    assert len(Values(["four"])) == 0


def test_values_are_not_printed():
    assert "quill" not in repr(Values(["ada@quill.example"]))


@pytest.mark.parametrize("value", ["Zoë Dvořák", "ada.o'hara_1@quill.example", "Иванова", "100%_sure", "back\\slash"])
def test_what_the_database_looks_for_finds_the_value(value):
    """As LIKE does."""
    held = [pattern.strip("%").split("%") for pattern in Values([value]).patterns()]
    text = folded(value).replace("\\", "_")
    assert any(all(part.replace("\\", "_") in text or "_" in part for part in parts) for parts in held)


# -- databases -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_all_aliases_and_the_log():
    for using in ("default", "other"):
        Account.objects.using(using).create(email="ada@quill.example")
    log = connections["gdpr_log"]
    with log.cursor() as cursor:
        cursor.execute(
            "INSERT INTO gdpr_assist_eventlog (event, app_label, model_name, target_pk) VALUES (%s, %s, %s, %s)",
            ["delete", "shop", "Person", "ada@quill.example"],
        )
    places = ["people_account.email on default", "people_account.email on other"]
    assert look(["ada@quill.example"]).found == dict.fromkeys(
        [*places, "gdpr_assist_eventlog.target_pk on gdpr_log"], 1
    )
    assert look(["ada@quill.example"], databases=["other"]).found == {places[1]: 1}


@pytest.mark.django_db
def test_an_alias_that_there_is_not():
    with pytest.raises(AnonymiseError, match="nowhere"):
        look(["ada@quill.example"], databases=["nowhere"])


@pytest.mark.django_db
def test_more_values_than_a_statement_takes():
    with pytest.raises(AnonymiseError, match=r"^1001 values are too many for one statement\. Look for at most 1000"):
        look(f"value {number}" for number in range(1001))


def test_one_database_of_two_names_is_looked_at_once(garden, django_db_blocker):
    using, values, _ = garden
    connections.databases["again"] = connections.databases[using]
    try:
        with django_db_blocker.unblock():
            found = look(values[:1], databases=[using, "again"]).found
            connections["again"].close()
    finally:
        del connections.databases["again"], connections["again"]
    assert {place.split(" on ")[1] for place in found} == {using}


@pytest.mark.django_db
def test_a_database_that_cannot_be_reached_is_named():
    Account.objects.create(email="ada@quill.example")
    with database_is("other", refused):
        residue = look(["ada@quill.example"])
    assert residue.found == {"people_account.email on default": 1}
    assert list(residue.unread) == ["other"]


@pytest.mark.django_db
def test_a_table_that_cannot_be_read_is_named_and_the_rest_is_looked_at(caplog):
    """Also in a transaction: PostgreSQL would take nothing afterwards."""
    Account.objects.create(email="ada@quill.example")
    Device.objects.create(owner="ada@quill.example", address="::1")

    def fail(execute, sql, params, many, context):
        if "people_account" in sql and "email" in sql:
            return execute("SELECT 'ada@quill.example' FROM no_such_table", None, False, context)
        return execute(sql, params, many, context)

    with caplog.at_level(logging.DEBUG), connections["default"].execute_wrapper(fail):
        residue = look(["ada@quill.example"])
    assert residue.found == {"thirdparty_device.owner on default": 1}
    assert list(residue.unread) == ["people_account on default"]
    assert "quill" not in str(residue) + caplog.text
    assert list(residue.lines())[1].startswith("Not looked at: people_account on default: ")


@pytest.mark.django_db
def test_another_error_holds_no_value(monkeypatch):
    def fail(execute, sql, params, many, context):
        raise RuntimeError("a bug")

    with connections["default"].execute_wrapper(fail), pytest.raises(RuntimeError) as caught:
        look(["ada@quill.example"])
    assert "ada@" not in spoken(caught.value).replace('look(["ada@quill.example"])', "")


@pytest.mark.django_db
def test_a_vendor_that_is_not_known(monkeypatch):
    monkeypatch.setattr(connections["other"], "vendor", "oracle")
    unread = look(["ada@quill.example"]).unread
    assert unread == {"other": "its columns are known on SQLite, PostgreSQL and MariaDB only"}


@pytest.mark.django_db
def test_nothing_to_look_for_asks_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert look(["four"], databases=["default"]).found == {}


@pytest.mark.django_db
def test_one_statement_a_table():
    statements = []

    def note(execute, sql, params, many, context):
        statements.append(sql)
        return execute(sql, params, many, context)

    with connections["default"].execute_wrapper(note):
        look(["ada@quill.example", "Ada Quill", "+49 30 123456"], databases=["default"])
    assert sum("people_account" in sql and "FROM" in sql for sql in statements) == 1 + sum(
        "people_account_friends" in sql for sql in statements
    )


# -- what each database has of its own ---

SPECIAL = {
    "sqlite": [
        "CREATE TABLE loose (a, b)",
        "INSERT INTO loose VALUES (5, 'Ada Quill'), (CAST('ada@quill.example' AS BLOB), x'ff'), ('Zoë Dvořák', NULL)",
        "CREATE TABLE numbers (first_name text, a integer, b datetime, last_name text, c decimal)",
        "INSERT INTO numbers VALUES ('Ada', 1, '2024-05-05 12:00:00.5', 'Quill', 1.5), ('', 'Ada Quill', '', '', '')",
        "CREATE TABLE links (a integer, b datetime)",
        "INSERT INTO links VALUES (1, '2024-05-05'), (2, 'Zoë Dvořák'), (3, 'ada@quill.example'), ('x', 'y')",
    ],
    "postgresql": [
        "CREATE SCHEMA loose",
        'CREATE TABLE loose.loose (a text[], b bytea, c varchar(9) COLLATE "C", d uuid)',
        "INSERT INTO loose.loose (a) VALUES ('{x,Ada Quill}'), ('{Zoë Dvořák}')",
        "INSERT INTO loose.loose (a, b) VALUES ('{}', 'ada@quill.example'), ('{}', '')",
        "CREATE MATERIALIZED VIEW shown AS SELECT a FROM loose.loose",
        "CREATE MATERIALIZED VIEW unseen AS SELECT a FROM loose.loose WITH NO DATA",
        "CREATE VIEW seen AS SELECT a FROM loose.loose",
        "CREATE TABLE parted (a text) PARTITION BY LIST (a)",
        "CREATE TABLE part_of_it PARTITION OF parted DEFAULT",
        "INSERT INTO parted VALUES ('Ada Quill')",
    ],
    "mysql": [
        "CREATE TABLE loose (a varchar(50) CHARACTER SET latin1, b blob, c text COLLATE utf8mb4_bin, d json)",
        """INSERT INTO loose VALUES ('Zoë Dvořák', NULL, 'x', '{"a": "Ada Quill"}')""",
        "INSERT INTO loose VALUES ('Ada Quill', x'ff', 'Zoë Dvořák', NULL), (NULL, 'ada@quill.example', '', NULL)",
        "CREATE VIEW seen AS SELECT a FROM loose",
    ],
}
FOUND = {
    "sqlite": {"loose.a": 2, "loose.b": 1, "numbers.first_name and last_name": 1, "numbers.a": 1, "links.b": 2},
    "postgresql": {"loose.loose.a": 2, "loose.loose.b": 1, "shown.a": 2, "part_of_it.a": 1},
    # That of the Latin alphabet of the west has no ř.
    "mysql": {"loose.a": 1, "loose.b": 1, "loose.c": 1, "loose.d": 1},
}


def test_types_and_tables_of_their_own(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), scratch("special") as using:
        vendor = connections[using].vendor
        with connections[using].cursor() as cursor:
            if vendor == "mysql":
                cursor.execute("SET sql_mode = ''")
            for sql in SPECIAL[vendor]:
                cursor.execute(sql)
        residue = look(["Ada Quill", "ada@quill.example", "Zoë Dvořák"], databases=[using])
    assert residue.unread == {}
    assert {place.split(" on ")[0]: count for place, count in residue.found.items()} == FOUND[vendor]


# -- stored files ----------------------------------------------------------------------------------


@pytest.mark.django_db
class TestMedia:
    def find(self, media_root):
        residue = look(["Ada Quill", "ada@quill.example"], databases=["other"], in_media=True)
        return residue.found, residue.unread

    def test_names_and_contents(self, media_root):
        for name, content in (
            ("cv/ada_quill.pdf", b"nothing"),
            ("cv/Quill, Ada-Quill.txt", b"nothing"),
            ("notes.txt", b"\x00" * 999_990 + b"to ada@quill.example and others"),
            ("other.txt", b"to bob@quill.example"),
            ("canada quill.txt", b"Adaquill"),
        ):
            default_storage.save(name, ContentFile(content))
        assert self.find(media_root) == (
            {f"names of files in {media_root}": 2, f"contents of files in {media_root}": 1},
            {},
        )

    def test_only_if_asked(self, media_root):
        default_storage.save("ada_quill.txt", ContentFile(b""))
        assert look(["Ada Quill"], databases=["other"]).found == {}

    def test_no_folder_is_no_trouble(self, media_root):
        assert self.find(media_root) == ({}, {})

    def test_a_file_that_cannot_be_read_is_counted(self, media_root, monkeypatch):
        default_storage.save("ada quill.txt", ContentFile(b""))
        default_storage.save("another.txt", ContentFile(b""))

        def fail(self, name, mode="rb"):
            raise PermissionError(name)

        monkeypatch.setattr(FileSystemStorage, "_open", fail)
        found, unread = self.find(media_root)
        assert found == {f"names of files in {media_root}": 1}
        assert unread == {f"2 of the files in {media_root}": "PermissionError"}

    def test_a_storage_that_lists_nothing(self, media_root, monkeypatch):
        def fail(self, path):
            raise NotImplementedError("ada quill")

        monkeypatch.setattr(FileSystemStorage, "listdir", fail)
        assert self.find(media_root) == ({}, {f"files in {media_root}": "NotImplementedError"})
