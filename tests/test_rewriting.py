"""A table that is written anew: what PostgreSQL does, when it does not, and that all else of the table stays."""

from contextlib import contextmanager
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q, Subquery
from django.test.utils import CaptureQueriesContext
from model_bakery import baker

from gdpr_assist import AnonymiseError, Replacement
from gdpr_assist.databases import indexing, rewriting
from gdpr_assist.execution import ranges
from gdpr_assist.execution.rewriting import execute_anew
from gdpr_assist.models import DatabaseIdentity, PrivacyAnonymised, Scrub
from gdpr_assist.planning.plans import plan
from gdpr_assist.scrubbing.run import prepare, scrub
from tests.apps.fields.models import PlainFields, UniqueNullFields
from tests.apps.people.models import Account, Circle
from tests.apps.shop.models import Comment, Customer, Order, Product, Tree

from .observing import changed, markers, row

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="about PostgreSQL"),
]
TABLE = Customer._meta.db_table


def run(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def rows_of(query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def scrubbed(*models, **options):
    work = prepare(["default"], only=[each._meta.label for each in models], **options)
    scrub(work, compact=False)
    return work


def way(model=Customer):
    (found,) = prepare(["default"], only=[model._meta.label]).plans
    return found.way


def why_not(model=Customer):
    found = way(model)
    assert (found.kind, str(found)) == ("set", f"one UPDATE for each batch of rows, because {found.reason}")
    return found.reason


def file_of(table=TABLE):
    return rows_of(f"SELECT pg_relation_filenode('{table}')")[0][0]


def stored(model, but):
    names = [each.attname for each in model._meta.concrete_fields if each.name not in but]
    return list(model._base_manager.order_by("pk").values(*names))


# -- what it does ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "count"), [(Customer, 3), (PlainFields, 3), (UniqueNullFields, 1)])
def test_each_row_gets_what_it_gets_range_by_range(model, count):
    baker.make(model, _quantity=count, _fill_optional=True)
    every = plan(model._base_manager.all(), force=True)
    stored_now = partial(stored, model, every.untold)  # not the time at which it was done
    with transaction.atomic():
        assert list(ranges.execute_in_ranges(every)) == [model._base_manager.count()]
        expected = stored_now()
        transaction.set_rollback(True)
    assert expected != stored_now()
    before = file_of(model._meta.db_table)
    assert way(model).kind == "anew"
    scrubbed(model)
    assert stored_now() == expected
    assert file_of(model._meta.db_table) != before
    assert markers(model) == sorted(str(each["id"]) for each in expected)
    assert not Scrub.objects.exists()


def test_the_catalogue_is_asked_once_for_all_tables_and_tells_of_each():
    plain = PlainFields._meta.db_table
    models = [Customer, PlainFields, UniqueNullFields, Circle]
    made = [
        "CREATE VIEW seen AS SELECT name FROM {table}",
        "CREATE VIEW also_seen AS SELECT name FROM {table}",
        f"ALTER TABLE {plain} ENABLE ROW LEVEL SECURITY",
    ]
    undone = [
        f"ALTER TABLE {plain} DISABLE ROW LEVEL SECURITY",
        "DROP VIEW also_seen",
        "DROP VIEW seen",
    ]
    with so(made, undone), CaptureQueriesContext(connection) as asked:
        plans = prepare(["default"], only=[each._meta.label for each in models]).plans
    said = {each.label: each.way.reason.split(" on ")[0] or each.way.kind for each in plans}
    assert said == {
        "shop.Customer": "on a column depends: rule _RETURN",
        "fields.PlainFields": "it has row level security",
        "fields.UniqueNullFields": "anew",
        "people.Circle": "anew",
    }
    assert len([each for each in asked.captured_queries if "pg_publication_tables" in each["sql"]]) == 1


def test_rows_that_a_scrub_leaves_stay_as_they_are():
    house, ada = baker.make(Customer, name="House"), baker.make(Customer, name="Ada")
    before = row(house)
    with changed(Customer, scrub=~Q(name="House")):
        assert way().kind == "anew"
        scrubbed(Customer)
    assert row(house) == before
    assert row(ada)["name"] == str(ada.pk)
    assert markers(Customer) == [str(ada.pk)]


def test_links_go_with_the_columns():
    circle = baker.make(Circle, motto="ours")
    circle.members.add(baker.make(Account))
    with changed(Circle, clear=["members"]):
        assert way(Circle).kind == "anew"
        scrubbed(Circle)
    assert (row(circle)["motto"] == "ours", circle.members.count()) == (False, 0)


def test_the_key_of_the_database_is_taken_from_its_session_and_stands_in_no_statement():
    made = baker.make(Customer, name="Ada")
    statements = []

    def note(execute, sql, params, many, context):
        statements.append(f"{sql} {params}")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        work = scrubbed(Customer)
    assert [(each.is_keyed, each.way.kind) for each in work.plans] == [(True, "anew")]
    # It is what a single object gets, which Python computes.
    anew = row(made)
    made.refresh_from_db()
    made.anonymise(force=True)
    assert row(made) == anew
    key = bytes(DatabaseIdentity.objects.get().key).hex()
    assert any("set_config" in each for each in statements)
    assert not any(key in each for each in statements)


def test_a_column_that_is_not_there_is_an_error_and_changes_nothing():
    person = baker.make(Customer, name="Ada")
    work = prepare(["default"], only=["shop.Customer"])
    run(f"ALTER TABLE {TABLE} RENAME COLUMN notes TO words")
    try:
        assert why_not() == "a column is not there"
        with pytest.raises(AnonymiseError, match="shop_customer lacks a column that the code has; run migrate on it"):
            scrub(work, compact=False)
    finally:
        run(f"ALTER TABLE {TABLE} RENAME COLUMN words TO notes")
    assert (row(person)["name"], markers(Customer)) == ("Ada", [])


def test_what_fails_changes_nothing():
    person = baker.make(Customer, name="Ada")
    before, circle = row(person), baker.make(Circle)
    run(f"ALTER TABLE {TABLE} ADD CONSTRAINT short CHECK (length(email) < 3 OR name = 'Ada')")
    try:
        with pytest.raises(AnonymiseError) as caught:
            scrubbed(Customer)
    finally:
        run(f"ALTER TABLE {TABLE} DROP CONSTRAINT short")
    said = str(caught.value)
    assert "shop.Customer: the database refused the new value (IntegrityError) of one of name, email" in said
    assert "shop.Customer on default: 0 of 1 row is done" in said
    assert person.email not in said
    assert (row(person), markers(Customer), circle.pk) == (before, [], circle.pk)
    scrubbed(Customer)
    assert row(person)["name"] == str(person.pk)


# -- when it does not, and why ---------------------------------------------------------------------


VIEW = "CREATE VIEW seen AS SELECT name FROM {table}", "DROP VIEW seen"
TRIGGER = (
    "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER watch BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION nothing()",
)
NO_TRIGGER = "DROP FUNCTION nothing() CASCADE"
# {what the catalogue knows: (statements that make it so, statements that undo it, what is said)}
REASONS = {
    "a view": (VIEW[:1], VIEW[1:], "on a column depends: rule _RETURN on view seen"),
    "a trigger": (TRIGGER, [NO_TRIGGER], "a trigger waits for an UPDATE of it"),
    "a condition of a trigger": (
        [
            TRIGGER[0],
            "CREATE TRIGGER watch BEFORE DELETE ON {table} FOR EACH ROW WHEN (OLD.name='') EXECUTE FUNCTION nothing()",
        ],
        [NO_TRIGGER],
        "on a column depends: trigger watch on table {table}",
    ),
    "a rule": (
        ["CREATE RULE also AS ON UPDATE TO {table} DO ALSO NOTHING"],
        ["DROP RULE also ON {table}"],
        "a rule waits for an UPDATE of it",
    ),
    "row level security": (
        ["ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"],
        ["ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"],
        "it has row level security",
    ),
    "a policy": (
        ["CREATE POLICY narrow ON {table} USING (name <> 'x')"],
        ["DROP POLICY narrow ON {table}"],
        "on a column depends: policy narrow on table {table}",
    ),
    "a generated column": (
        ["ALTER TABLE {table} ADD COLUMN upper text GENERATED ALWAYS AS (upper(name)) STORED"],
        ["ALTER TABLE {table} DROP COLUMN upper"],
        "on a column depends: ",
    ),
    "a publication": (
        ["CREATE PUBLICATION told FOR TABLE {table}"],
        ["DROP PUBLICATION told"],
        "a publication has it",
    ),
    "a publication of all tables": (
        ["CREATE PUBLICATION told FOR ALL TABLES"],
        ["DROP PUBLICATION told"],
        "a publication has it",
    ),
    "a table that inherits": (
        ["CREATE TABLE child () INHERITS ({table})"],
        ["DROP TABLE child"],
        "it is a partition, or inherits from a table, or another does from it",
    ),
    "an event trigger": (
        [
            "CREATE FUNCTION heard() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
            "CREATE EVENT TRIGGER hear ON table_rewrite EXECUTE FUNCTION heard()",
        ],
        ["DROP FUNCTION heard() CASCADE"],
        "the database has an event trigger",
    ),
    "statistics over columns": (
        ["CREATE STATISTICS pairs ON name, notes FROM {table}"],
        ["DROP STATISTICS pairs"],
        "on a column depends: statistics object pairs",
    ),
    "a view in the place of the table": (
        ["ALTER TABLE {table} RENAME TO behind", "CREATE VIEW {table} AS SELECT * FROM behind"],
        ["DROP VIEW {table}", "ALTER TABLE behind RENAME TO {table}"],
        "it is no plain table",
    ),
}


@contextmanager
def so(made, undone):
    run(*(each.format(table=TABLE) for each in made))
    try:
        yield
    finally:
        run(*(each.format(table=TABLE) for each in undone))


@pytest.mark.parametrize("what", REASONS)
def test_by_ranges_where_the_catalogue_says_so(what):
    made, undone, said = REASONS[what]
    person = baker.make(Customer, name="Ada")
    assert way().kind == "anew"
    with so(made, undone):
        before = file_of()
        assert why_not().startswith(said.format(table=TABLE))
        scrubbed(Customer)
        assert file_of() == before
    assert row(person)["name"] == str(person.pk)
    assert markers(Customer) == [str(person.pk)]


@pytest.mark.parametrize(
    ("made", "undone"),
    [
        ([*TRIGGER, "ALTER TABLE {table} DISABLE TRIGGER watch"], [NO_TRIGGER]),
        (["CREATE INDEX by_upper ON {table} (upper(name)) WHERE name <> ''"], ["DROP INDEX by_upper"]),
        (
            ["ALTER TABLE {table} ADD CONSTRAINT short CHECK (length(name) < 99)"],
            ["ALTER TABLE {table} DROP CONSTRAINT short"],
        ),
        (
            ["ALTER TABLE {table} ALTER COLUMN name SET DEFAULT 'x'"],
            ["ALTER TABLE {table} ALTER COLUMN name DROP DEFAULT"],
        ),
        (["CREATE VIEW seen AS SELECT id FROM {table}"], ["DROP VIEW seen"]),
    ],
    ids=["a trigger that is disabled", "an index", "a check", "a default", "a view of another column"],
)
def test_what_is_in_no_way(made, undone):
    person = baker.make(Customer, name="Ada")
    with so(made, undone):
        assert way().kind == "anew"
        scrubbed(Customer)
    assert row(person)["name"] == str(person.pk)


def test_by_ranges_where_the_role_does_not_own_the_table():
    person = baker.make(Customer, name="Ada")
    run("CREATE ROLE gdpr_stranger", "GRANT ALL ON ALL TABLES IN SCHEMA public TO gdpr_stranger")
    run("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO gdpr_stranger")
    try:
        run("SET ROLE gdpr_stranger")
        assert why_not() == "the role does not own it"
        scrubbed(Customer)
    finally:
        run("RESET ROLE", "DROP OWNED BY gdpr_stranger", "DROP ROLE gdpr_stranger")
    assert row(person)["name"] == str(person.pk)


@pytest.mark.parametrize(
    ("scrub_", "said"),
    [
        (~Q(referred_by__name="x"), "it takes other tables to tell which of its rows are scrubbed"),
        (~Q(name=F("notes")), "it takes other tables to tell which of its rows are scrubbed"),
        (Q(pk__in=[]), "its condition is true of every row, or of none"),
    ],
)
def test_by_ranges_where_the_row_does_not_tell_whether_it_is_left(scrub_, said):
    with changed(Customer, scrub=scrub_):
        assert why_not() == said


def test_by_ranges_where_somebody_has_to_know_the_rows():
    assert way(Comment).kind != "anew"  # Python computes a column
    with changed(Customer, bulk=False):
        assert way().kind == "rows"
    assert why_not(Order) == "its objects have parts in other tables"


NAMES = ["name", "email", "phone", "born", "notes", "number"]


def a_name():
    return Subquery(Product.objects.order_by("pk").values("name")[:1])


@pytest.mark.parametrize(
    ("model", "declared", "said"),
    [
        (Customer, {"fields": NAMES}, "keys of other tables point at a column of it"),
        (Customer, {"fields": [], "keep": NAMES, "clear": ["favourites"]}, "nothing of it is replaced"),
        (Tree, {"fields": ["planted_by", "species"], "keep": []}, "its columns are in several tables"),
        (
            Customer,
            {"replace": {"notes": Replacement(value=lambda row: "a name", expression=a_name)}},
            "it takes a subquery to compute notes",
        ),
    ],
)
def test_by_ranges_where_the_declaration_says_so(model, declared, said):
    keep = [each.name for each in model._meta.local_fields if each.name not in declared.get("fields", [])]
    with changed(model, **{"keep": keep, **declared}) if "fields" in declared else changed(model, **declared):
        assert why_not(model) == said


def test_by_ranges_where_the_size_of_a_range_is_given_or_a_run_is_gone_on_with():
    people = baker.make(Customer, _quantity=3)
    (by_size,) = prepare(["default"], only=["shop.Customer"], batch_size=2).plans
    assert by_size.way.reason == "--batch-size is given"
    assert ranges.begin_scrub(by_size) is None
    assert next(ranges.execute_in_ranges(by_size, 2)) == 2
    assert why_not() == "an interrupted run has done a part of it"
    scrubbed(Customer)
    assert [row(each)["name"] for each in people] == [str(each.pk) for each in people]
    assert len(markers(Customer)) == 3


def test_after_a_refusal_before_the_first_row_it_is_still_written_anew():
    person = baker.make(Customer, name="Ada")
    check = "ALTER TABLE {table} ADD CONSTRAINT own CHECK (name = 'Ada')"
    with so([check], ["ALTER TABLE {table} DROP CONSTRAINT own"]), pytest.raises(AnonymiseError):
        scrubbed(Customer)
    assert Scrub.objects.filter(label="shop.Customer").exists()
    assert way().kind == "anew"
    scrubbed(Customer)
    assert (row(person)["name"], markers(Customer)) == (str(person.pk), [str(person.pk)])
    assert not Scrub.objects.exists()


def test_a_table_that_is_in_use_is_waited_for_and_who_uses_it_is_said(monkeypatch):
    person = baker.make(Customer, name="Ada")
    monkeypatch.setattr(rewriting, "PATIENCE", 1)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(f"SELECT count(*) FROM {TABLE}")
            cursor.execute("SELECT pg_backend_pid()")
            (process,) = cursor.fetchone()
            with pytest.raises(AnonymiseError) as caught:
                scrubbed(Customer)
    finally:
        other.close()
    assert f"{TABLE} cannot be written anew: it is in use by process {process}." in str(caught.value)
    assert (row(person)["name"], markers(Customer)) == ("Ada", [])
    scrubbed(Customer)
    assert row(person)["name"] == str(person.pk)


# -- nothing else about the table changes ----------------------------------------------------------


# PostgreSQL 15.20 of Debian numbers the definitions of columns among their options (pg_attver).
CATALOGUE = {
    "columns": """
        SELECT attname, format_type(atttypid, atttypmod), attnotnull, attcollation, attstorage, attstattarget,
            (SELECT array_agg(each) FROM unnest(attoptions) each WHERE each NOT LIKE 'pg_attver=%'), attacl,
            attidentity, attgenerated, to_jsonb(a)->>'attcompression',
            col_description(attrelid, attnum), pg_get_expr(adbin, adrelid)
        FROM pg_attribute a LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = '{table}'::regclass AND attnum > 0 ORDER BY attnum
    """,
    "indexes": """
        SELECT c.relname, pg_get_indexdef(indexrelid), indisunique, indisprimary, indisclustered, indisreplident,
            indisvalid, c.reloptions, obj_description(indexrelid, 'pg_class')
        FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE indrelid = '{table}'::regclass ORDER BY 1
    """,
    "constraints": """
        SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid), condeferrable, condeferred, convalidated,
            obj_description(oid, 'pg_constraint')
        FROM pg_constraint WHERE conrelid = '{table}'::regclass OR confrelid = '{table}'::regclass ORDER BY 2, 1
    """,
    "table": """
        SELECT relowner, relacl, reloptions, relpersistence, relreplident, relrowsecurity,
            obj_description(oid, 'pg_class'), pg_get_serial_sequence('{table}', 'id')
        FROM pg_class WHERE oid = '{table}'::regclass
    """,
    "triggers": "SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = '{table}'::regclass AND NOT tgisinternal",
}


def catalogue(table=TABLE):
    return {f"{what}: {each}" for what, query in CATALOGUE.items() for each in rows_of(query.format(table=table))}


def test_the_catalogue_is_the_same_before_and_after():
    person = baker.make(Customer, name="Ada")
    made = [
        'ALTER TABLE {table} ALTER COLUMN name TYPE varchar(100) COLLATE "C"',
        "ALTER TABLE {table} ALTER COLUMN notes SET STORAGE EXTERNAL, ALTER COLUMN name SET STATISTICS 500",
        "ALTER TABLE {table} ALTER COLUMN name SET (n_distinct = -0.5), ALTER COLUMN email SET DEFAULT 'x'",
        "COMMENT ON COLUMN {table}.name IS 'who'",
        "COMMENT ON TABLE {table} IS 'whom'",
        "CREATE INDEX by_pattern ON {table} (name varchar_pattern_ops) WITH (fillfactor = 70)",
        "COMMENT ON INDEX by_pattern IS 'for LIKE'",
        "CLUSTER {table} USING by_pattern",
        "ALTER TABLE {table} ADD CONSTRAINT short CHECK (length(name) < 99)",
        "COMMENT ON CONSTRAINT short ON {table} IS 'not long'",
        "CREATE ROLE gdpr_reader",
        "GRANT SELECT (name) ON {table} TO gdpr_reader",
    ]
    undone = [
        "DROP OWNED BY gdpr_reader",
        "DROP ROLE gdpr_reader",
        "DROP INDEX by_pattern",
        "ALTER TABLE {table} DROP CONSTRAINT short",
        "COMMENT ON TABLE {table} IS NULL",
        "COMMENT ON COLUMN {table}.name IS NULL",
        "ALTER TABLE {table} ALTER COLUMN email DROP DEFAULT, ALTER COLUMN name RESET (n_distinct)",
        "ALTER TABLE {table} ALTER COLUMN notes SET STORAGE EXTENDED, ALTER COLUMN name SET STATISTICS -1",
        'ALTER TABLE {table} ALTER COLUMN name TYPE varchar(100) COLLATE "default"',
    ]
    with so(made, undone):
        before = catalogue()
        assert way().kind == "anew"
        scrubbed(Customer)
        assert catalogue() ^ before == set()
    assert row(person)["name"] == str(person.pk)
    # Its sequence goes on, and foreign keys of others hold.
    assert baker.make(Customer).pk == person.pk + 1
    assert baker.make(Comment, author=person).author_id == person.pk


# -- the keys of the table of markers are built after many of them came ----------------------------

MARKERS = PrivacyAnonymised._meta.db_table
KIND = "FOREIGN KEY (content_type_id) REFERENCES django_content_type DEFERRABLE INITIALLY DEFERRED"


@pytest.fixture
def few_are_many(monkeypatch):
    monkeypatch.setattr(indexing, "FEWEST", 1)
    monkeypatch.setattr(indexing, "BYTES_OF_A_ROW", 1_000_000)  # a page, of which more may be there, counts as a few


def builds_keys(scrubbing):
    """Whether they are others than before; nothing else of the catalogue of that table may be."""
    before, keys = catalogue(MARKERS), keys_of_markers()
    scrubbing()
    assert catalogue(MARKERS) == before
    return keys_of_markers() != keys


def keys_of_markers():
    return rows_of(f"SELECT oid FROM pg_constraint WHERE conrelid = '{MARKERS}'::regclass AND contype IN ('p', 'u')")


@pytest.mark.usefixtures("few_are_many")
def test_they_are_the_same_afterwards_and_hold():
    people = baker.make(Customer, _quantity=3)
    assert builds_keys(lambda: scrubbed(Customer))
    assert markers(Customer) == sorted(str(each.pk) for each in people)
    first = PrivacyAnonymised.objects.order_by("pk")[0]
    for twin in ({"pk": first.pk, "object_id": "x"}, {"pk": None, "object_id": first.object_id}):
        with pytest.raises(IntegrityError), transaction.atomic():
            PrivacyAnonymised.objects.bulk_create([PrivacyAnonymised(content_type=first.content_type, **twin)])
    # The numbers of markers go on.
    baker.make(PlainFields)
    assert builds_keys(lambda: scrubbed(PlainFields))
    assert len(markers(PlainFields)) == 1


@pytest.mark.usefixtures("few_are_many")
@pytest.mark.parametrize(
    ("made", "undone"),
    [
        (
            [f"CREATE TABLE follower (id integer REFERENCES {MARKERS})"],
            ["DROP TABLE follower"],
        ),
        (
            [f"ALTER INDEX {MARKERS}_pkey SET (fillfactor = 70)"],
            [f"ALTER INDEX {MARKERS}_pkey RESET (fillfactor)"],
        ),
        (
            [f"COMMENT ON CONSTRAINT gdpr_assist_one_marker_per_part ON {MARKERS} IS 'one'"],
            [f"COMMENT ON CONSTRAINT gdpr_assist_one_marker_per_part ON {MARKERS} IS NULL"],
        ),
        (
            [f"COMMENT ON INDEX {MARKERS}_pkey IS 'its number'"],
            [f"COMMENT ON INDEX {MARKERS}_pkey IS NULL"],
        ),
        ([f"CLUSTER {MARKERS} USING {MARKERS}_pkey"], [f"ALTER TABLE {MARKERS} SET WITHOUT CLUSTER"]),
        (
            [f"ALTER TABLE {MARKERS} REPLICA IDENTITY USING INDEX {MARKERS}_pkey"],
            [f"ALTER TABLE {MARKERS} REPLICA IDENTITY DEFAULT"],
        ),
        (
            [f"ALTER TABLE {MARKERS} ADD CONSTRAINT kind {KIND}"],
            [f"ALTER TABLE {MARKERS} DROP CONSTRAINT kind"],
        ),
        (["SET default_tablespace = pg_default"], ["RESET default_tablespace"]),
    ],
    ids=["a foreign key", "options", "a comment", "one on its index", "an order", "an identity", "a check", "a place"],
)
def test_they_stay_where_something_hangs_on_one(made, undone):
    person = baker.make(Customer, name="Ada")
    with so(made, undone):
        assert not builds_keys(lambda: scrubbed(Customer))
    assert (row(person)["name"], markers(Customer)) == (str(person.pk), [str(person.pk)])


@pytest.mark.usefixtures("few_are_many")
def test_they_stay_where_the_role_does_not_own_them():
    person = baker.make(Customer, name="Ada")
    run("CREATE ROLE gdpr_stranger", "GRANT ALL ON ALL TABLES IN SCHEMA public TO gdpr_stranger")
    run(
        "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO gdpr_stranger",
        "GRANT CREATE ON SCHEMA public TO gdpr_stranger",
    )
    (owner,) = rows_of("SELECT current_user")[0]
    try:
        run(f"ALTER TABLE {TABLE} OWNER TO gdpr_stranger", "SET ROLE gdpr_stranger")
        assert not builds_keys(lambda: scrubbed(Customer))
    finally:
        run("RESET ROLE", f"ALTER TABLE {TABLE} OWNER TO {owner}")
        run("DROP OWNED BY gdpr_stranger", "DROP ROLE gdpr_stranger")
    assert (row(person)["name"], markers(Customer)) == (str(person.pk), [str(person.pk)])


@pytest.mark.usefixtures("few_are_many")
def test_they_stay_where_the_role_may_create_nothing():
    person = baker.make(Customer, name="Ada")
    run("CREATE ROLE gdpr_owner", "GRANT ALL ON ALL TABLES IN SCHEMA public TO gdpr_owner")
    run("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO gdpr_owner")
    (owner,) = rows_of("SELECT current_user")[0]
    tables = [TABLE, MARKERS]
    run(*(f"ALTER TABLE {each} OWNER TO gdpr_owner" for each in tables))
    try:
        run("SET ROLE gdpr_owner")
        assert not rows_of("SELECT has_schema_privilege('public', 'CREATE')")[0][0]
        assert not builds_keys(lambda: scrubbed(Customer))
    finally:
        run("RESET ROLE", *(f"ALTER TABLE {each} OWNER TO {owner}" for each in tables))
        run("DROP OWNED BY gdpr_owner", "DROP ROLE gdpr_owner")
    assert (row(person)["name"], markers(Customer)) == (str(person.pk), [str(person.pk)])


@pytest.mark.usefixtures("few_are_many")
def test_they_stay_while_others_read_the_markers():
    person = baker.make(Customer, name="Ada")
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(f"SELECT count(*) FROM {MARKERS}")
            assert not builds_keys(lambda: scrubbed(Customer))
    finally:
        other.close()
    assert (row(person)["name"], markers(Customer)) == (str(person.pk), [str(person.pk)])


def test_they_stay_where_few_rows_come():
    baker.make(Customer, _quantity=3)
    assert not builds_keys(lambda: scrubbed(Customer))


def test_they_stay_where_fewer_rows_come_than_are_there(monkeypatch):
    monkeypatch.setattr(indexing, "FEWEST", 1)
    baker.make(Customer, _quantity=300)
    scrubbed(Customer)
    baker.make(PlainFields, _quantity=100)
    assert not builds_keys(lambda: scrubbed(PlainFields))
    run(f"TRUNCATE {MARKERS}")
    assert builds_keys(lambda: scrubbed(PlainFields))


@pytest.mark.usefixtures("few_are_many")
def test_they_stay_where_several_processes_mark_rows():
    baker.make(Customer, _quantity=3)
    (work,) = prepare(["default"], only=["shop.Customer"]).plans
    ranges.begin_scrub(work)
    assert not builds_keys(lambda: list(execute_anew(work)))
    ranges.end_scrubs([work])
    assert not builds_keys(lambda: scrub(prepare(["default"], only=["shop.Customer"], marks=False), compact=False))


@pytest.mark.usefixtures("few_are_many")
def test_they_are_there_after_a_failure_while_they_are_not(monkeypatch):
    def refused(plan, rows):
        assert not keys_of_markers()
        raise AnonymiseError("No room.")

    person = baker.make(Customer, name="Ada")
    before = catalogue(MARKERS)
    with monkeypatch.context() as patch:
        patch.setattr("gdpr_assist.execution.rewriting.insert_markers", refused)
        with pytest.raises(AnonymiseError, match="No room"):
            scrubbed(Customer)
    assert (catalogue(MARKERS), row(person)["name"], markers(Customer)) == (before, "Ada", [])


@pytest.mark.usefixtures("few_are_many")
def test_they_are_there_after_a_scrub_that_failed():
    person = baker.make(Customer, name="Ada")
    before = catalogue(MARKERS)
    check = f"ALTER TABLE {TABLE} ADD CONSTRAINT no_number CHECK (name = 'Ada')"
    with so([check], ["ALTER TABLE {table} DROP CONSTRAINT no_number"]):
        with pytest.raises(AnonymiseError):
            scrubbed(Customer)
        assert catalogue(MARKERS) == before
    assert (row(person)["name"], markers(Customer)) == ("Ada", [])
