"""After a copy is scrubbed, its files are searched for every value that was there, byte by byte."""

import ipaddress
import re
import struct
import uuid
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from model_bakery import baker

from gdpr_assist import Pseudonym
from gdpr_assist.databases import compaction
from gdpr_assist.databases.compaction import compact
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.models import DatabaseIdentity
from gdpr_assist.signals import post_scrub
from tests.apps.fields.models import PlainFields, UniqueNullFields
from tests.apps.shop.models import Category, Comment, Customer, ExpressOrder, GiftOrder, Order, Product, Supplier
from tests.apps.thirdparty.models import Letter
from tests.databases import migrate, unblocked_site
from tests.long_work import environment
from tests.observing import changed, listening

ROWS = 30
TABLES = [Category, Product, Customer, Comment, Order, GiftOrder, ExpressOrder, UniqueNullFields, PlainFields]

only_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite's files")
only_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="about PostgreSQL")
only_mariadb = pytest.mark.skipif(connection.vendor != "mysql", reason="about MariaDB")


# -- what is seeded, and what it looks like in a file ------------------------------------------------


def long(kind, number):
    """Long enough to be stored outside of its row."""
    return f"{kind} {number} " + "Ottoline Quéval lives in Quill Lane. " * 400 + f"Yours, {kind} {number}"


def unique_fields(number):
    return {
        "char": f"Ottoline Quéval {number}",
        "slug": f"ottoline-slug-{number}",
        "text": f"A letter from Ottoline {number}",
        "email": f"ottoline.{number}@unique.example",
        "url": f"https://quill.example/ottoline/{number}",
        "big_integer": 7311604225171900513 + number,
        "float": 814736.2577913 + number,
        "uuid": uuid.UUID(int=0x9E1C5B7A_4D3F_4A61_8C2E_F00DFACE0000 + number),
        "date_time": datetime(1931, 3, 14, 15, 9, 26, 535897, tzinfo=timezone.utc) + timedelta(number),
        "address": f"2001:db8:9e1c:5b7a:4d3f:8c2e:f00d:{0xFA00 + number:x}",
    }


def plain_fields(number):
    return {
        "json": {"name": f"Ottoline Json {number}"},
        "json_list": [f"Ottoline List {number}"],
        "binary": f"Ottoline Binary {number}".encode(),
    }


def customer(number):
    return {
        "name": f"Ottoline Name {number}",
        "email": f"ottoline.{number}@quill.example",
        "phone": f"0161-555-{number:08}",
        "notes": f"Ottoline is allergic to lilies {number}",
    }


def comment(number):
    return {
        "display_name": f"Ottoline Display {number}",
        "body": long("Comment", number),
        "email": f"comment.{number}@quill.example",
    }


def gift(number):
    return {
        "recipient": f"Ottoline Recipient {number}",
        "email": f"gift.{number}@quill.example",
        "delivery_note": long("Note", number),
        "greeting": f"Dear Ottoline {number}",
    }


SEEDS = {
    UniqueNullFields: unique_fields,
    PlainFields: plain_fields,
    Customer: customer,
    Comment: comment,
    GiftOrder: gift,
}


def forms(value):
    """Return what ``value`` may look like in a file of any of the databases."""
    return FORMS[type(value)](value)


def as_text(text):
    if not text.startswith("2001:"):
        # Of a long text the beginning and the end: it is stored in several pages.
        return [part.encode() for part in {text[:36], text[-20:]}]
    return [text.encode(), ipaddress.ip_address(text).packed]


def as_number(number):
    """SQLite and MariaDB have the highest byte first, the latter with its highest bit the other way round."""
    return [number.to_bytes(8, "big"), number.to_bytes(8, "little"), (number ^ 1 << 63).to_bytes(8, "big")]


def as_uuid(value):
    """MariaDB's own type has the groups of digits in the opposite order."""
    groups = str(value).split("-")
    return [value.bytes, value.hex.encode(), str(value).encode(), bytes.fromhex("".join(reversed(groups)))]


def as_date_time(value):
    """SQLite has a text, PostgreSQL microseconds since 2000; MariaDB packs it into 5 bytes and 3 for microseconds."""
    since_2000 = (value - datetime(2000, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)
    days = (value.year * 13 + value.month) << 5 | value.day
    packed = (days << 17 | value.hour << 12 | value.minute << 6 | value.second) + (1 << 39)
    return [
        value.strftime("%Y-%m-%d %H:%M:%S.%f").encode(),
        since_2000.to_bytes(8, "little", signed=True),
        packed.to_bytes(5, "big") + value.microsecond.to_bytes(3, "big"),
    ]


FORMS = {
    str: as_text,
    int: as_number,
    float: lambda value: [struct.pack(">d", value), struct.pack("<d", value)],
    uuid.UUID: as_uuid,
    datetime: as_date_time,
    bytes: lambda value: [value],
    dict: lambda value: forms(value["name"]),
    list: lambda value: forms(value[0]),
}


def seeded():
    """Return {field: [what its values may look like]}."""
    found = {}
    for model, values in SEEDS.items():
        for number in range(ROWS):
            for name, value in values(number).items():
                found.setdefault(f"{model._meta.label}.{name}", []).extend(forms(value))
    return found


# -- the files -------------------------------------------------------------------------------------


def files(using):
    """Return the contents of the database's own files, after everything is written to them: {name: bytes}."""
    return {path.name: path.read_bytes() for path in FILES[connections[using].vendor](using) if path.is_file()}


def files_of_sqlite(using):
    path = Path(connections[using].settings_dict["NAME"])
    return [path, *(path.with_name(path.name + suffix) for suffix in ("-journal", "-wal"))]


def files_of_postgresql(using):
    skip_if_remote(using)
    with connections[using].cursor() as cursor:
        cursor.execute("CHECKPOINT")
        cursor.execute("SELECT oid FROM pg_database WHERE datname = current_database()")
        (oid,) = cursor.fetchone()
        cursor.execute("SHOW data_directory")
        return listed(Path(*cursor.fetchone()) / "base" / str(oid))


def files_of_mariadb(using):
    skip_if_remote(using)
    with connections[using].cursor() as cursor:
        tables = ", ".join(connections[using].introspection.table_names(cursor))
        cursor.execute(f"FLUSH TABLES {tables} FOR EXPORT")
        cursor.execute("UNLOCK TABLES")
        cursor.execute("SELECT CONCAT(@@datadir, DATABASE())")
        return listed(Path(*cursor.fetchone()))


def listed(directory):
    """An unreadable directory is an error, not a reason to skip: nothing would be tested then."""
    return list(directory.iterdir())


def skip_if_remote(using):
    host = connections[using].settings_dict["HOST"]
    if host not in {"", "localhost", "127.0.0.1", "::1"} and not host.startswith("/"):
        pytest.skip(f"the files of a server on {host} cannot be read from here")


FILES = {"sqlite": files_of_sqlite, "postgresql": files_of_postgresql, "mysql": files_of_mariadb}


def left(using):
    """Return the fields of which an old value is in a file of the database."""
    contents = b"\n".join(files(using).values())
    return {name for name, values in seeded().items() if any(each in contents for each in values)}


# -- the site --------------------------------------------------------------------------------------


@pytest.fixture
def main(django_db_blocker, settings):
    """A database of its own with all the values in it; give its alias."""
    settings.GDPR_CAN_ANONYMISE_DATABASE = True
    with unblocked_site(django_db_blocker) as (main, log):
        migrate(main, log)
        with connections[main].schema_editor() as editor:
            for model in TABLES:
                editor.create_model(model)
        run(main, *PREPARE[connections[main].vendor])
        seed(main)
        yield main


# What a database has overwritten by itself would prove nothing. SQLite: Debian's clears what is deleted. PostgreSQL:
# it compresses long texts. MariaDB: it overwrites a row in its place, but not what an index has of it.
PREPARE = {
    "sqlite": ["PRAGMA secure_delete = OFF", "PRAGMA busy_timeout = 500"],
    "postgresql": [
        "ALTER TABLE shop_comment ALTER body SET STORAGE EXTERNAL",
        "ALTER TABLE shop_order ALTER delivery_note SET STORAGE EXTERNAL",
    ],
    "mysql": [
        "ALTER TABLE shop_customer ADD INDEX (name), ADD INDEX (phone), ADD INDEX (notes(40))",
        "ALTER TABLE shop_comment ADD INDEX (display_name), ADD INDEX (body(40)), ADD INDEX (email)",
        "ALTER TABLE shop_order ADD INDEX (recipient), ADD INDEX (email), ADD INDEX (delivery_note(40))",
        "ALTER TABLE shop_giftorder ADD INDEX (greeting)",
        "ALTER TABLE fields_plainfields ADD INDEX (`json`(40)), ADD INDEX (json_list(40)), ADD INDEX (`binary`(40))",
        "ALTER TABLE fields_uniquenullfields ADD INDEX (`text`(40))",
    ],
}


@pytest.fixture
def elsewhere(main, settings, monkeypatch, tmp_path):
    """Let new processes use that database."""
    names = ("GDPR_CAN_ANONYMISE_DATABASE", "GDPR_LOG_DATABASE_NAME")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.long_work.settings")
    told = environment(tmp_path, settings={name: getattr(settings, name) for name in names})
    for name, value_ in told.items():
        monkeypatch.setenv(name, value_)


def run(using, *statements):
    with connections[using].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def value(using, query):
    with connections[using].cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


def file_of(using, table):
    """Return what is in the file of one table on PostgreSQL."""
    return files(using)[str(value(using, f"SELECT pg_relation_filenode('{table}')"))]


def analyse(using):
    """Have old values in the statistics of PostgreSQL."""
    if connections[using].vendor == "postgresql":
        run(using, "ANALYZE")
        assert b"ottoline.1@quill.example" in file_of(using, "pg_statistic")


def seed(using):
    with transaction.atomic(using=using):
        for model, values in SEEDS.items():
            for number in range(ROWS):
                baker.make(model, _using=using, **values(number))


# MariaDB removes old entries of indexes in the background, unless somebody may still read them.
READER = {"mysql": ["START TRANSACTION WITH CONSISTENT SNAPSHOT"]}


# Others have no table there.
CHOSEN = ["shop.Customer", "shop.Comment", "shop.Order", "fields.UniqueNullFields", "fields.PlainFields"]

# Else PostgreSQL writes tables anew, and leaves nothing to compact.
IN_RANGES = "--batch-size=1000"


def scrub(using, *args):
    out, err = StringIO(), StringIO()
    chosen = [f"--model={label}" for label in CHOSEN]
    call_command("anonymise_db", "--noinput", "--database", using, *chosen, *args, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@contextmanager
def another(using, *statements):
    """Open a second connection to the same database, with a transaction in which the statements were run."""
    with closing(connections[using].copy()) as second, second.cursor() as cursor:
        for statement in ("BEGIN", *statements):
            cursor.execute(statement)
        yield


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(compaction, "PATIENCE", 1)


# -- tests -----------------------------------------------------------------------------------------


def test_nothing_is_left_of_tables_that_are_emptied(main, settings):
    settings.GDPR_SCRUB_EMPTY = CHOSEN
    assert left(main) == set(seeded())
    analyse(main)
    scrub(main)
    assert left(main) == set()


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("args", [(IN_RANGES,), ("--batch-size=7", "--workers=2")])
def test_no_old_value_is_in_the_files_afterwards(main, args):
    with another(main, *READER.get(connections[main].vendor, ())):
        scrub(main, "--no-compact", *args)
        # What is not found now would not be found afterwards either.
        assert left(main) == set(seeded())
    assert compact(SEEDS, main) == []
    assert left(main) == set()


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    ("args", "processes"),
    [
        ((), 1),
        ((IN_RANGES,), 1),
        (("--no-marks",), 1),
        ((IN_RANGES, "--no-marks"), 1),
        (("--workers=2",), 2),
        (("--workers=2", "--batch-size=7"), 2),
        (("--workers=2", "--batch-size=7", "--no-marks"), 2),
    ],
)
def test_the_command_does_it_unless_told_not_to(main, args, processes):
    analyse(main)
    printed, warned = scrub(main, *args)
    assert left(main) == set()
    assert f"{main}: compacting" in printed.splitlines()
    assert warned == ""
    # SQLite has one writer.
    are_several = processes > 1 and connection.vendor != "sqlite"
    assert (f"Done by {processes} processes at once: " in printed) is are_several


@pytest.mark.parametrize("args", [(), ("--no-compact",)])
def test_the_key_by_which_pseudonyms_were_picked_is_in_no_file(main, args, tmp_path, settings):
    """With it and the pool, whoever has the copy could try old values."""
    settings.GDPR_PSEUDONYMS = tmp_path / "pools.json"
    settings.GDPR_PSEUDONYMS.write_text('{"name": ["Ada", "Bea"]}')
    keys = []

    def note(using, **kwargs):
        identity = DatabaseIdentity.objects.using(using).get()
        keys.append(bytes(identity.scrub_key))

    with changed(Customer, replace={"name": Pseudonym("name")}), listening(post_scrub, note):
        scrub(main, *args)

    (key,) = keys
    assert set(Customer.all_objects.using(main).values_list("name", flat=True)) <= {"Ada", "Bea"}
    is_there = key in b"\n".join(files(main).values())
    # The others overwrite it in its place.
    assert is_there is (bool(args) and connections[main].vendor == "postgresql")


@only_postgresql
def test_a_table_that_was_written_anew_holds_none_before_it_is_compacted(main):
    scrub(main, "--no-compact")
    anew = [Customer, UniqueNullFields, PlainFields]
    labels = {each._meta.label for each in anew}
    assert {name for name in left(main) if name.rpartition(".")[0] in labels} == set()
    assert left(main), "Of comments, Python computes a column, and orders have parts in other tables."
    assert compact(SEEDS, main, anew) == []
    assert left(main) == set()


def test_the_rows_stay(main):
    scrub(main, "--no-compact", IN_RANGES)
    before = {model: list(model._base_manager.using(main).order_by("pk").values()) for model in TABLES}
    compact(SEEDS, main)
    assert {model: list(model._base_manager.using(main).order_by("pk").values()) for model in TABLES} == before


def test_a_child_has_fields_in_the_table_of_its_parent(main):
    scrub(main, "--no-compact", IN_RANGES)
    compact([GiftOrder], main)
    assert not {name for name in left(main) if name.startswith("shop.GiftOrder.")}


def test_in_a_transaction_nothing_is_done(main):
    """As in a test of the site's own: what it changed is still to be rolled back."""
    with transaction.atomic(using=main):
        Customer.objects.using(main).update(country="GB")
        (told,) = compact([Customer], main)
        transaction.set_rollback(True, using=main)
    assert (
        told
        == f"{main}: its files hold old values, because a transaction is open. Run the command again outside of it."
    )
    assert not Customer.objects.using(main).filter(country="GB").exists()


def test_a_database_that_is_not_known(main, monkeypatch):
    monkeypatch.setattr(connections[main], "vendor", "oracle")
    (told,) = compact([Customer], main)
    assert told == f"{main}: its files may hold old values; how to compact oracle is not known here."


@pytest.mark.usefixtures("impatient")
def test_a_table_that_is_in_use(main):
    """It ends with an error, not after hours, and once that use has ended it goes through."""
    with another(main, "SELECT * FROM shop_customer"), pytest.raises(AnonymiseError) as caught:
        compact([Customer], main)
    beginning = f"{main}: the rows are anonymised, but the files still hold old values, as "
    assert str(caught.value).startswith(beginning)
    assert compact([Customer], main) == []


def test_a_view_is_no_table_to_rewrite(main):
    """SQLite rewrites the whole file; the others leave the table behind it to somebody who knows it."""
    run(main, "CREATE VIEW shop_supplier AS SELECT * FROM shop_customer")
    told = compact([Supplier, Comment], main)
    if connections[main].vendor == "sqlite":
        assert told == []
    else:
        (sentence,) = told
        assert sentence == (
            f"{main}: shop_supplier is a view; the files of the tables that it shows may hold old values. Compact "
            "these by hand."
        )


# -- SQLite ----------------------------------------------------------------------------------------


@only_sqlite
@pytest.mark.parametrize("mode", ["delete", "truncate", "persist", "memory", "off", "wal"])
def test_sqlite_in_each_journal_mode(main, mode):
    run(main, f"PRAGMA journal_mode = {mode}")
    scrub(main, "--no-compact", IN_RANGES)
    assert left(main) == set(seeded())
    compact(SEEDS, main)
    assert left(main) == set()
    assert value(main, "PRAGMA journal_mode") == mode


@only_sqlite
def test_sqlite_a_journal_that_another_connection_has_left(main):
    run(main, "PRAGMA journal_mode = PERSIST")
    scrub(main, "--no-compact", IN_RANGES)
    run(main, "PRAGMA journal_mode = MEMORY")
    with another(main, "COMMIT", "PRAGMA journal_mode = PERSIST", "UPDATE shop_customer SET name = 'Ottoline Name 1'"):
        pass
    scrub(main)
    assert left(main) == set()


@only_sqlite
def test_sqlite_a_reader_of_the_write_ahead_log(main):
    run(main, "PRAGMA journal_mode = WAL")
    scrub(main, "--no-compact", IN_RANGES)
    with another(main, "SELECT * FROM shop_customer"), pytest.raises(AnonymiseError, match="the database is in use"):
        compact([Customer], main)
    assert left(main) == set(seeded())
    compact([Customer], main)
    assert left(main) == set()


@only_sqlite
def test_sqlite_samples_of_an_index(main):
    """Some builds of SQLite take them; others empty the table."""
    run(
        main,
        "ANALYZE",
        "CREATE TABLE samples (tbl, idx, neq, nlt, ndlt, sample)",
        "INSERT INTO samples VALUES ('shop_customer', 'email', '1', '1', '1', 'ottoline.1@quill.example')",
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET name = 'sqlite_stat4', tbl_name = 'sqlite_stat4',"
        " sql = 'CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)' WHERE name = 'samples'",
        "PRAGMA writable_schema = RESET",
    )
    assert value(main, "SELECT sample FROM sqlite_stat4") == "ottoline.1@quill.example"
    scrub(main)
    assert left(main) == set()


# -- PostgreSQL ------------------------------------------------------------------------------------


@only_postgresql
def test_postgresql_statistics(main):
    """The most common values of a column, and of columns together."""
    run(
        main,
        "UPDATE shop_customer SET name = 'Ottoline Often', phone = '0161'",
        "CREATE STATISTICS both_columns (mcv) ON name, phone FROM shop_customer",
        "ANALYZE",
    )
    tables = ["pg_statistic", "pg_statistic_ext_data"]
    scrub(main, "--no-compact", IN_RANGES)
    assert [b"Ottoline Often" in file_of(main, table) for table in tables] == [True, True]
    assert compact([Customer], main) == []
    assert b"Ottoline Often" not in b"".join(files(main).values())


# What is common in a table: in a column, in an index, and in columns together
COMMON = [
    "UPDATE shop_comment SET display_name = 'Ottoline Often', email = 'often@quill.example'",
    'ALTER TABLE shop_comment ALTER display_name TYPE varchar(200) COLLATE "C", ALTER body SET STATISTICS 77',
    "CREATE STATISTICS both_columns (mcv) ON display_name, email FROM shop_comment",
    "CREATE INDEX turned ON shop_comment (reverse(display_name))",
    "ANALYZE",
]
DEFINED = """
SELECT array_agg(format('%s %s %s %s %s', attname, format_type(atttypid, atttypmod), attcollation, attstorage,
    attstattarget) ORDER BY attnum) || (SELECT array_agg(indexdef ORDER BY indexname) FROM pg_indexes
        WHERE tablename = 'shop_comment')
FROM pg_attribute WHERE attrelid = 'shop_comment'::regclass AND attnum > 0
"""


def common_in_statistics(using):
    """Return what is left of it in the statistics of PostgreSQL."""
    tables = [file_of(using, f"pg_catalog.{name}") for name in ("pg_statistic", "pg_statistic_ext_data")]
    common = ([b"Ottoline Often", b"often@quill.example"], [b"netfO enilottO"])
    return [any(value in each for value in values for each in tables) for values in common], b"often@" in tables[1]


@only_postgresql
@pytest.mark.parametrize("way", ["scrub", "setting", "on_erasure", "DELETE FROM", "TRUNCATE"])
def test_postgresql_statistics_of_a_table_without_rows(main, way, settings):
    """ANALYZE finds no row of which it could write new ones."""
    run(main, *COMMON)
    defined = value(main, DEFINED)
    assert common_in_statistics(main) == ([True, True], True)
    declared = {"scrub": {"scrub": "empty"}, "on_erasure": {"on_erasure": "delete"}}.get(way, {})
    if way == "setting":
        settings.GDPR_SCRUB_EMPTY = ["shop.Comment"]
    elif not declared:
        run(main, f"{way} shop_comment")
    with changed(Comment, **declared):
        _, warned = scrub(main)
    assert warned == ""
    assert not Comment.objects.using(main).exists()
    assert common_in_statistics(main) == ([False, False], False)
    assert left(main) == set()
    assert value(main, DEFINED) == defined


@only_postgresql
def test_postgresql_statistics_that_cannot_be_dropped_are_told(main):
    """The cure is one."""
    run(main, *COMMON, "CREATE VIEW seen AS SELECT display_name, email FROM shop_comment", "DELETE FROM shop_comment")
    told = compact([Comment], main)
    assert common_in_statistics(main) == ([True, True], True)
    for relation, sentence in zip(("shop_comment", "turned"), told, strict=True):
        assert sentence == (
            f"{main}: the statistics of {relation} hold old values, as no rows are left to make new ones of. As a "
            f"superuser run DELETE FROM pg_catalog.pg_statistic WHERE starelid = '{relation}'::regclass, drop what "
            "CREATE STATISTICS made on it, and run the command again; or hand on a dump."
        )
        run(main, re.search("DELETE FROM .*::regclass", sentence)[0])
    told = compact([Comment], main)
    assert len(told) == 1, "That of columns together."
    run(main, "DROP STATISTICS both_columns")
    assert compact([Comment], main) == []
    assert common_in_statistics(main) == ([False, False], False)


@only_postgresql
@pytest.mark.usefixtures("impatient")
def test_postgresql_a_table_without_rows_that_is_in_use(main):
    run(main, *COMMON, "DELETE FROM shop_comment")
    with another(main, "SELECT * FROM shop_comment"), pytest.raises(AnonymiseError) as caught:
        compact([Comment], main)
    assert re.search(
        r'as ALTER TABLE "shop_comment" did not succeed: the table is in use by process \d+\.', str(caught.value)
    )
    assert compact([Comment], main) == []


@only_postgresql
def test_postgresql_statistics_of_an_empty_table_are_its_owners_to_drop(main, role):
    run(main, "RESET ROLE", "UPDATE shop_customer SET name = 'Ottoline Often'", "ANALYZE", f"SET ROLE {role}")
    run(main, "DELETE FROM shop_customer")
    compact([Customer], main)
    run(main, "RESET ROLE")
    assert value(main, "SELECT count(*) FROM pg_stats WHERE tablename = 'shop_customer'") == 0


@only_postgresql
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("lock", "statement"), [("ACCESS SHARE", "VACUUM FULL"), ("SHARE UPDATE EXCLUSIVE", "ANALYZE")]
)
def test_postgresql_names_who_uses_a_table(main, lock, statement, monkeypatch):
    monkeypatch.setattr(compaction, "_wait_for_holders", lambda cursor: False)  # of other databases of the server
    used = f"LOCK TABLE shop_customer IN {lock} MODE"
    with another(main, used), pytest.raises(AnonymiseError) as caught:
        compact([Customer], main)
    assert re.search(
        rf'as {statement} "shop_customer" did not succeed: the table is in use by process \d+\. End what else',
        str(caught.value),
    )


@only_postgresql
@pytest.mark.usefixtures("impatient")
def test_postgresql_a_snapshot_from_before(main):
    """Nobody holds a lock, but somebody may still read the old rows: a VACUUM FULL would copy them."""
    with another(main, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT 1"):
        scrub(main, "--no-compact", IN_RANGES)
        with pytest.raises(AnonymiseError, match=r"old row versions are kept for process \d+\. End what"):
            compact(SEEDS, main)
    compact(SEEDS, main)
    assert left(main) == set()


@only_postgresql
@pytest.mark.usefixtures("impatient")
def test_postgresql_does_not_wait_for_a_transaction_in_another_database(main, settings):
    with another(settings.GDPR_LOG_DATABASE_NAME, "CREATE TABLE held (id int)"):
        scrub(main, "--no-compact", IN_RANGES)
        compact(SEEDS, main)
        assert left(main) == set()


@pytest.fixture
def role(main):
    """A role that owns the customers, but neither the other tables nor the database; the connection has it."""
    name = f"role_{uuid.uuid4().hex[:8]}"
    run(main, f"CREATE ROLE {name}", f"GRANT CREATE ON SCHEMA public TO {name}")
    run(main, f"ALTER TABLE shop_customer OWNER TO {name}", f"SET ROLE {name}")
    yield name
    run(main, "RESET ROLE", f"REASSIGN OWNED BY {name} TO CURRENT_USER", f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@only_postgresql
def test_postgresql_statistics_are_not_everybodys(main, role):
    assert compact([Customer], main) == [
        f"{main}: dead rows of {table} hold old values. As a superuser or the owner of the database run VACUUM FULL "
        f"{table}, or hand on a dump."
        for table in ("pg_catalog.pg_statistic", "pg_catalog.pg_statistic_ext_data")
    ]


@only_postgresql
def test_postgresql_a_table_of_somebody_else(main, role):
    with pytest.raises(AnonymiseError) as caught:
        compact([Comment], main)
    assert str(caught.value).endswith(
        'VACUUM FULL "shop_comment" did not succeed: the role does not own the table. Run the command again as '
        "the owner of the table, or that statement by hand."
    )


@only_postgresql
def test_postgresql_partitions(main):
    run(
        main,
        "CREATE TABLE shop_supplier (id bigint, contact_name text, contact_email text, since date)"
        " PARTITION BY HASH (id)",
        "CREATE TABLE suppliers PARTITION OF shop_supplier FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
        "INSERT INTO shop_supplier VALUES (1, 'Ottoline Partition', '', '2001-02-03')",
        "UPDATE shop_supplier SET contact_name = ''",
    )
    assert b"Ottoline Partition" in file_of(main, "suppliers")
    assert compact([Supplier], main) == []
    assert b"Ottoline Partition" not in b"".join(files(main).values())


# {by what a table is divided: its partitions}; a name is a digit afterwards, so rows move
PARTITIONS = {
    "HASH (id)": ["FOR VALUES WITH (MODULUS 2, REMAINDER 0)", "FOR VALUES WITH (MODULUS 2, REMAINDER 1)"],
    "LIST (since)": ["FOR VALUES IN ('2001-02-03')", "DEFAULT"],
    "RANGE (contact_name)": ["FOR VALUES FROM ('A') TO ('P')", "DEFAULT"],
}


def partition(using, key, partitions):
    run(
        using,
        "CREATE TABLE shop_supplier (id bigint, contact_name text, contact_email text, since date)"
        f" PARTITION BY {key}",
        *(f"CREATE TABLE suppliers_{n} PARTITION OF shop_supplier {each}" for n, each in enumerate(partitions)),
        "INSERT INTO shop_supplier SELECT n, 'Ottoline Partition ' || n, 'partition.' || n || '@quill.example',"
        " '2001-02-03' FROM generate_series(1, 30) AS n",
        "INSERT INTO shop_supplier VALUES (31, 'Ottoline Partition 31', 'partition.31@quill.example', '2002-02-03')",
        "ANALYZE",
    )


def suppliers(using):
    return list(Supplier.objects.using(using).order_by("pk").values_list("pk", "contact_name", "contact_email"))


def partitions_left(using):
    """Return the files of the database with an old value in them, by the names of their relations."""
    contents = files(using)
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT pg_relation_filenode(oid)::text, relname FROM pg_class")
        names = dict(cursor.fetchall())
    old = (b"Ottoline Partition", b"partition.")
    return {names.get(name, name) for name, each in contents.items() if any(value in each for value in old)}


@only_postgresql
@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("args", [(), ("--workers=2", "--batch-size=7")])
@pytest.mark.parametrize("key", PARTITIONS)
def test_postgresql_a_partitioned_table_is_scrubbed(main, key, args):
    partition(main, key, PARTITIONS[key])
    assert partitions_left(main) >= {"suppliers_0", "pg_statistic"}
    printed, _ = scrub(main, "--dry-run", "--model=shop.Supplier", *args)
    reason = "--batch-size is given" if args else "it is no plain table"
    assert f"one UPDATE for each batch of rows, because {reason}" in printed
    printed, warned = scrub(main, "--model=shop.Supplier", *args)
    assert suppliers(main) == [(n, str(n), f"{n}@anon.example.com") for n in range(1, 32)]
    if "contact_name" not in key:
        assert warned == ""
    else:
        # The rows of a partition have gone to another one; the type of a column that divides them cannot be set.
        assert value(main, "SELECT count(*) FROM suppliers_0") == 0
        assert f"{main}: the statistics of suppliers_0 hold old values, as no rows are left" in warned
        assert partitions_left(main) == {"pg_statistic"}
        run(main, re.search("DELETE FROM pg_catalog.pg_statistic .*::regclass", warned)[0])
        assert compact([Supplier], main) == []
    assert partitions_left(main) == set()


@only_postgresql
@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("args", [(), ("--workers=2",)])
def test_postgresql_a_row_that_no_partition_takes_is_an_error(main, args):
    partition(main, "RANGE (contact_name)", PARTITIONS["RANGE (contact_name)"][:1])
    before = suppliers(main)
    with pytest.raises(CommandError) as caught:
        scrub(main, "--model=shop.Supplier", *args)
    said = str(caught.value)
    assert "shop.Supplier: the database refused the new value (IntegrityError) of one of contact_name" in said
    assert f"shop.Supplier on {main}: 0 of 31 rows are done; what was in the making was rolled back." in said
    assert "Ottoline" not in said
    assert suppliers(main) == before


@only_postgresql
def test_postgresql_a_table_that_inherits(main):
    """Its rows are rows of the other one, and are in files of its own; so are its statistics."""
    run(
        main,
        "CREATE TABLE shop_supplier (id bigint, contact_name text, contact_email text, since date)",
        'CREATE TABLE "Suppliers" () INHERITS (shop_supplier)',
        'CREATE TABLE suppliers_of_old () INHERITS ("Suppliers")',
        "INSERT INTO \"Suppliers\" SELECT n, 'Ottoline Partition ' || n, '', '2001-02-03'"
        " FROM generate_series(1, 60) AS n",
        "INSERT INTO suppliers_of_old VALUES (61, 'Ottoline Partition 61', '', '2001-02-03')",
        "ANALYZE",
    )
    assert partitions_left(main) == {"Suppliers", "suppliers_of_old", "pg_statistic"}
    _, warned = scrub(main, "--model=shop.Supplier")
    assert warned == ""
    assert suppliers(main) == [(n, str(n), "") for n in range(1, 62)]
    assert partitions_left(main) == set()


@only_postgresql
def test_postgresql_a_table_in_another_schema(main):
    run(
        main,
        "CREATE SCHEMA archive",
        "CREATE TABLE archive.letter (id serial, sender text)",
        "INSERT INTO archive.letter (sender) VALUES ('Ottoline Letter')",
        "UPDATE archive.letter SET sender = ''",
    )
    assert b"Ottoline Letter" in file_of(main, "archive.letter")
    assert compact([Letter], main) == []
    assert b"Ottoline Letter" not in file_of(main, "archive.letter")


@only_postgresql
def test_postgresql_the_connection_is_as_before(main):
    before = value(main, "SHOW lock_timeout")
    compact([Customer], main)
    assert value(main, "SHOW lock_timeout") == before


# -- MariaDB ---------------------------------------------------------------------------------------


@only_mariadb
@pytest.mark.usefixtures("impatient")
def test_mariadb_the_connection_is_as_before(main):
    before = value(main, "SELECT @@lock_wait_timeout")
    compact([Customer], main)
    assert value(main, "SELECT @@lock_wait_timeout") == before
