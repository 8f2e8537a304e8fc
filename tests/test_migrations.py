"""Sites of 1.x and new ones end with the same schema. Each test migrates databases of its own."""

import copy
import uuid
from io import StringIO

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import IntegrityError, connections, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings
from django.utils import timezone

from gdpr_assist.log.identity import database_id
from gdpr_assist.models import DatabaseIdentity, EventLog, Operation, Outcome, PrivacyAnonymised, Receipt, Upgrade
from tests.databases import log_is, migrate, refused, scratch_site, unblocked_site, without_unmigrated_models
from tests.logbook import customer

OF_1X = [
    "0001_initial",
    "0002_privacyanonymised",
    "0003_auto_20210205_1657",
    "0004_auto_20211215_1057",
]
SQUASHED = ("gdpr_assist", "0001_squashed_0004_auto_20211215_1057")

# The tables of 1.4 as Django made them, by vendor; {auto} is the type of the key.
EVENT_LOG = {
    "sqlite": """
        CREATE TABLE gdpr_assist_eventlog (
            id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
            event varchar(9) NOT NULL,
            app_label varchar(255) NOT NULL,
            model_name varchar(255) NOT NULL,
            target_pk text NOT NULL
        )
    """,
    "postgresql": """
        CREATE TABLE gdpr_assist_eventlog (
            id {auto} NOT NULL PRIMARY KEY,
            event varchar(9) NOT NULL,
            app_label varchar(255) NOT NULL,
            model_name varchar(255) NOT NULL,
            target_pk text NOT NULL
        )
    """,
    "mysql": """
        CREATE TABLE gdpr_assist_eventlog (
            id {auto} AUTO_INCREMENT NOT NULL PRIMARY KEY,
            event varchar(9) NOT NULL,
            app_label varchar(255) NOT NULL,
            model_name varchar(255) NOT NULL,
            target_pk longtext NOT NULL
        )
    """,
}
MARKERS = {
    "sqlite": """
        CREATE TABLE gdpr_assist_privacyanonymised (
            id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
            object_id varchar(36) NOT NULL,
            content_type_id integer NOT NULL
                REFERENCES django_content_type (id) DEFERRABLE INITIALLY DEFERRED
        );
        CREATE INDEX gdpr_assist_privacyanonymised_content_type_id_1
            ON gdpr_assist_privacyanonymised (content_type_id)
    """,
    "postgresql": """
        CREATE TABLE gdpr_assist_privacyanonymised (
            id {auto} NOT NULL PRIMARY KEY,
            object_id varchar(36) NOT NULL,
            content_type_id integer NOT NULL
                REFERENCES django_content_type (id) DEFERRABLE INITIALLY DEFERRED
        );
        CREATE INDEX gdpr_assist_privacyanonymised_content_type_id_1
            ON gdpr_assist_privacyanonymised (content_type_id)
    """,
    "mysql": """
        CREATE TABLE gdpr_assist_privacyanonymised (
            id {auto} AUTO_INCREMENT NOT NULL PRIMARY KEY,
            object_id varchar(36) NOT NULL,
            content_type_id integer NOT NULL
        );
        ALTER TABLE gdpr_assist_privacyanonymised
            ADD CONSTRAINT gdpr_assist_privacya_content_type_id_1_fk_django_co
            FOREIGN KEY (content_type_id) REFERENCES django_content_type (id)
    """,
}
# Before the last migration of 1.x the keys were of 32 bits. Sites of that time have serials on PostgreSQL.
SMALL = {"sqlite": "", "postgresql": "serial", "mysql": "integer"}
BIG = {"sqlite": "", "postgresql": "bigserial", "mysql": "bigint"}

TABLES = {
    "log": {"gdpr_assist_eventlog", "gdpr_assist_operation", "gdpr_assist_outcome", "gdpr_assist_upgrade"},
    "main": {
        "gdpr_assist_databaseidentity",
        "gdpr_assist_errand",
        "gdpr_assist_job",
        "gdpr_assist_export",
        "gdpr_assist_privacyanonymised",
        "gdpr_assist_receipt",
        "gdpr_assist_scrub",
        "django_content_type",
    },
}

# {vendor: (a query for the type of a column, the type of those that hold an id)}
COLUMN_TYPE = {
    "sqlite": ("SELECT type FROM pragma_table_info(%s) WHERE name = %s", "char(32)"),
    "postgresql": (
        "SELECT data_type FROM information_schema.columns WHERE table_name = %s AND column_name = %s",
        "uuid",
    ),
    "mysql": (
        (
            "SELECT column_type FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND table_name = %s AND column_name = %s"
        ),
        "char(32)",
    ),
}
IDS = {
    "main": [
        ("gdpr_assist_receipt", "operation"),
        ("gdpr_assist_databaseidentity", "database_id"),
        ("gdpr_assist_export", "id"),
    ],
    "log": [
        ("gdpr_assist_operation", "id"),
        ("gdpr_assist_operation", "database_id"),
        ("gdpr_assist_eventlog", "operation_id"),
        ("gdpr_assist_outcome", "operation_id"),
        ("gdpr_assist_upgrade", "database_id"),
    ],
}


@pytest.fixture(autouse=True)
def _without_unmigrated_models():
    with without_unmigrated_models():
        yield


@pytest.fixture
def site(django_db_blocker):
    """The aliases of two empty databases, for data and for the log."""
    with unblocked_site(django_db_blocker) as aliases:
        yield aliases


def execute(alias, statements, **types):
    with connections[alias].cursor() as cursor:
        for statement in statements.split(";"):
            cursor.execute(statement.format(**types))


def old_site(site, applied=4):
    """Make the tables of a site that has run so many of the migrations of 1.x."""
    main, log = site
    vendor = connections[main].vendor
    auto = (BIG if applied == len(OF_1X) else SMALL)[vendor]
    for alias in site:
        call_command("migrate", "contenttypes", database=alias, verbosity=0)
        recorder = MigrationRecorder(connections[alias])
        for name in OF_1X[:applied]:
            recorder.record_applied("gdpr_assist", name)
    execute(log, EVENT_LOG[vendor], auto=auto)
    if applied > 1:
        execute(main, MARKERS[vendor], auto=auto)


def schema(alias):
    """Return all that introspection tells of the tables, but for names of indexes and for the migrations' own.

    Serial or identity is no difference: Django leaves the keys of old sites on PostgreSQL as they were made.
    """
    connection = connections[alias]
    with connection.cursor() as cursor:
        introspection = connection.introspection
        tables = set(introspection.table_names(cursor)) - {"django_migrations"}
        return {table: _table(introspection, cursor, table) for table in tables}


def _table(introspection, cursor, table):
    columns = {
        column.name: _column(introspection.get_field_type(column.type_code, column), column)
        for column in introspection.get_table_description(cursor, table)
    }
    constraints = sorted(
        repr(
            (
                tuple(each["columns"] or ()),
                each["primary_key"],
                each["unique"],
                each["foreign_key"],
                each["check"],
                each["index"],
            )
        )
        for each in introspection.get_constraints(cursor, table).values()
    )
    return columns, constraints


def _column(kind, column):
    # MariaDB's driver gives the size of a number by the longest one in the table.
    size = (column.display_size or column.internal_size) if kind == "CharField" else None
    return kind, size, column.null_ok


@pytest.fixture(scope="module")
def new_site(django_db_blocker):
    """Return the schema of a new site's databases: (main, log)."""
    with unblocked_site(django_db_blocker) as aliases:
        migrate(*aliases)
        return tuple(map(schema, aliases))


def kinds(main):
    """Return the ids of two content types."""
    types = ContentType.objects.using(main)
    return [types.get_or_create(app_label="shop", model=model)[0].pk for model in ("customer", "order")]


class TestNewSite:
    def test_its_tables(self, new_site):
        main, log = new_site
        assert set(main) == TABLES["main"]
        assert set(log) == TABLES["log"]

    def test_its_log_has_the_columns_of_1x_and_the_operation(self, new_site):
        columns, _ = new_site[1]["gdpr_assist_eventlog"]
        assert list(columns) == [
            "id",
            "event",
            "app_label",
            "model_name",
            "target_pk",
            "operation_id",
            "part",
        ]
        assert [name for name, (_, _, null) in columns.items() if null] == ["operation_id"]

    def test_it_works(self, site):
        main, log = site
        migrate(main, log)
        assert DatabaseIdentity.objects.using(main).count() == 1
        kind = ContentType.objects.db_manager(main).get_for_model(DatabaseIdentity)
        marker = PrivacyAnonymised.objects.using(main)
        marker.create(content_type=kind, object_id="x" * 512)
        with pytest.raises(IntegrityError), transaction.atomic(using=main):
            marker.create(content_type=kind, object_id="x" * 512)
        assert EventLog.objects.using(log).count() == 0
        assert Operation.objects.using(log).count() == 0
        assert Outcome.objects.using(log).count() == 0
        assert Receipt.objects.using(main).count() == 0

    def test_ids_have_the_type_that_every_django_makes(self, site):
        """Django 4.2 and 5 differ on MariaDB: a site may be made under the one and run under the other."""
        migrate(*site)
        query, expected = COLUMN_TYPE[connections[site[0]].vendor]
        for alias, columns in zip(site, IDS.values(), strict=True):
            with connections[alias].cursor() as cursor:
                for column in columns:
                    cursor.execute(query, column)
                    assert (column, cursor.fetchone()) == (column, (expected,))

    def test_its_id_is_its_own_and_stays(self, site):
        main = site[0]
        migrate(main)
        ours = DatabaseIdentity.objects.using(main).get().database_id
        migrate(main)
        assert DatabaseIdentity.objects.using(main).get().database_id == ours
        with scratch_site() as others:
            migrate(others[0])
            assert DatabaseIdentity.objects.using(others[0]).get().database_id != ours

    def test_migrating_again_does_nothing(self, site):
        migrate(*site)
        out = StringIO()
        for alias in site:
            call_command("migrate", "gdpr_assist", database=alias, stdout=out, verbosity=1)
        assert out.getvalue().count("No migrations to apply.") == 2

    def test_backwards_to_nothing_and_forwards_again(self, site, new_site):
        migrate(*site)
        migrate(*site, target=["zero"])
        for alias in site:
            assert {table for table in schema(alias) if table.startswith("gdpr")} == set()
        migrate(*site)
        assert tuple(map(schema, site)) == new_site


class Upgraded:
    """A site of 1.x with events and markers, after migrating. ``rows`` are the markers that it had, some twice."""

    def __init__(self, site, applied):
        self.main, self.log = site
        self.applied = applied
        old_site(site, applied)
        execute(
            self.log,
            "INSERT INTO gdpr_assist_eventlog (event, app_label, model_name, target_pk) VALUES "
            "('delete', 'shop', 'Customer', '4711'), ('anonymise', 'shop', 'Order', 'a-key')",
        )
        self.rows = []
        if applied > 1:
            one, other = kinds(self.main)
            self.rows = [(one, "1")] * 3 + [(one, "2"), (other, "1"), (other, "1"), (other, "a-key")]
            execute(
                self.main,
                "INSERT INTO gdpr_assist_privacyanonymised (content_type_id, object_id) VALUES "
                + ", ".join(f"({kind}, '{key}')" for kind, key in self.rows),
            )
        out = StringIO()
        for alias in site:
            call_command("migrate", "gdpr_assist", database=alias, stdout=out, verbosity=1)
        self.printed = out.getvalue()


@pytest.fixture(scope="class", params=[4, 3, 2, 1], ids=["1.4", "to 0003", "to 0002", "to 0001"])
def upgraded(request, django_db_blocker):
    with unblocked_site(django_db_blocker) as aliases:
        yield Upgraded(aliases, request.param)


class TestUpgrade:
    """The tests of one site share it, and write nothing but new rows."""

    def test_it_ends_as_a_new_site(self, upgraded, new_site):
        assert schema(upgraded.main) == new_site[0]
        assert schema(upgraded.log) == new_site[1]

    def test_events_are_kept_and_have_no_operation(self, upgraded):
        events = EventLog.objects.using(upgraded.log).filter(pk__lte=2).order_by("pk")
        assert list(events.values_list("event", "app_label", "model_name", "target_pk", "operation")) == [
            ("delete", "shop", "Customer", "4711", None),
            ("anonymise", "shop", "Order", "a-key", None),
        ]

    def test_new_events_go_on_from_there(self, upgraded):
        event = EventLog.objects.using(upgraded.log).create(
            event="delete", app_label="shop", model_name="Customer", target_pk="4712"
        )
        assert event.pk == 3

    def test_one_marker_of_each_row_is_left(self, upgraded):
        left = PrivacyAnonymised.objects.using(upgraded.main)
        assert sorted(left.values_list("content_type_id", "object_id")) == sorted(set(upgraded.rows))

    def test_the_database_gets_its_id(self, upgraded):
        assert DatabaseIdentity.objects.using(upgraded.main).count() == 1

    def test_what_1x_ran_is_not_run_again(self, upgraded):
        ran = [f"Applying gdpr_assist.{name}..." in upgraded.printed for name in OF_1X]
        assert ran == [number >= upgraded.applied for number in range(len(OF_1X))]
        assert "Applying gdpr_assist.0001_squashed" not in upgraded.printed
        assert upgraded.printed.count("Applying gdpr_assist.0005_operations_and_receipts") == 2

    def test_only_the_tables_of_the_log_are_in_the_log_database(self, upgraded):
        assert set(schema(upgraded.log)) == TABLES["log"]
        assert set(schema(upgraded.main)) == TABLES["main"]


def without_spare_index(schemas):
    """On MariaDB the foreign key of the markers keeps the index that it got while their unique one was away."""
    spare = repr((("content_type_id",), False, False, None, False, True))
    return [
        {table: (columns, [each for each in constraints if each != spare]) for table, (columns, constraints) in each}
        for each in (tables.items() for tables in schemas)
    ]


class TestWritesOf1x:
    """In a rolling deploy processes of 1.x go on, and so do historical models in migrations: they know no parts."""

    def write(self, site, key):
        main, log = site
        kind, _ = kinds(main)
        execute(
            log,
            "INSERT INTO gdpr_assist_eventlog (event, app_label, model_name, target_pk) VALUES "
            f"('delete', 'shop', 'Customer', '{key}')",
        )
        execute(
            main,
            f"INSERT INTO gdpr_assist_privacyanonymised (content_type_id, object_id) VALUES ({kind}, '{key}')",
        )
        assert EventLog.objects.using(log).get(target_pk=key).part == ""
        assert PrivacyAnonymised.objects.using(main).get(object_id=key).part == ""

    @pytest.mark.parametrize("applied", [0, 4], ids=["new", "1.4"])
    def test_are_taken_by_the_database_also_after_a_table_was_made_anew(self, applied, site):
        if applied:
            old_site(site, applied)
        migrate(*site)
        self.write(site, "1")
        # SQLite makes a table anew whatever column is changed; MariaDB states a column as a whole.
        for alias, model, name in zip(site, (PrivacyAnonymised, EventLog), ("object_id", "app_label"), strict=True):
            old = model._meta.get_field(name)
            longer = copy.copy(old)
            longer.max_length += 10
            with connections[alias].schema_editor() as editor:
                editor.alter_field(model, old, longer)
        self.write(site, "2")


class TestBackwards:
    """``migrate gdpr_assist 0004``: to 1.x again, on a site that was upgraded and on one that was new."""

    LEFT = {"gdpr_assist_eventlog", "gdpr_assist_privacyanonymised", "django_content_type"}

    @pytest.fixture(params=[0, 1, 2, 3, 4], ids=["new", "from 0001", "from 0002", "from 0003", "from 0004"])
    def migrated(self, request, site):
        if request.param:
            old_site(site, request.param)
        migrate(*site)
        return site

    def test_to_the_last_step_of_1x_and_forwards_again(self, migrated, new_site, capsys):
        main, log = migrated
        migrate(main, log, target=["0004"])
        assert set(schema(main)) == self.LEFT - {"gdpr_assist_eventlog"}
        assert set(schema(log)) == {"gdpr_assist_eventlog"}
        assert "operation_id" not in schema(log)["gdpr_assist_eventlog"][0]
        for alias in migrated:
            MigrationLoader(connections[alias]).check_consistent_history(connections[alias])
        assert capsys.readouterr().out == ""
        migrate(main, log)
        assert without_spare_index(map(schema, migrated)) == without_spare_index(new_site)

    def test_to_nothing_and_forwards_again(self, migrated, new_site):
        migrate(*migrated, target=["zero"])
        assert not any(table.startswith("gdpr") for alias in migrated for table in schema(alias))
        migrate(*migrated)
        assert without_spare_index(map(schema, migrated)) == without_spare_index(new_site)

    @pytest.mark.parametrize("name", OF_1X[:3])
    def test_an_earlier_step_leaves_no_inconsistent_history(self, migrated, name, new_site):
        """Django takes back all of a squashed migration or, where it has the steps, those after the named one."""
        migrate(*migrated, target=[name])
        for alias in migrated:
            MigrationLoader(connections[alias]).check_consistent_history(connections[alias])
        migrate(*migrated)
        assert without_spare_index(map(schema, migrated)) == without_spare_index(new_site)

    def test_events_of_what_never_was_or_is_undecided_go_and_are_counted(self, site, capsys):
        main, log = site
        migrate(main, log)
        events = EventLog.objects.using(log)
        for key, committed in enumerate([True, False, None, "no outcome"]):
            operation = Operation.objects.using(log).create(
                database_id=uuid.uuid4(), using=main, started=timezone.now()
            )
            if committed != "no outcome":
                Outcome.objects.using(log).create(operation=operation, committed=committed, decided=timezone.now())
            for target in (key, f"again {key}"):
                events.create(
                    event="delete", app_label="shop", model_name="Customer", target_pk=target, operation=operation
                )
        events.create(event="delete", app_label="shop", model_name="Customer", target_pk="of 1.x")
        migrate(main, log, target=["0004"])
        printed = capsys.readouterr().out
        assert printed.strip() == "Removed: 6 events of operations that were rolled back or are undecided."
        with connections[log].cursor() as cursor:
            cursor.execute("SELECT target_pk FROM gdpr_assist_eventlog ORDER BY id")
            assert [key for (key,) in cursor.fetchall()] == ["0", "again 0", "of 1.x"]

    def test_markers_that_1x_has_no_room_for_go_and_are_counted(self, site, capsys):
        main, _ = site
        migrate(*site)
        kind, _ = kinds(main)
        for length in (36, 37, 512):
            PrivacyAnonymised.objects.using(main).create(content_type_id=kind, object_id="x" * length)
        migrate(*site, target=["0004"])
        printed = capsys.readouterr().out
        assert printed.strip() == "Removed: 2 markers of rows whose primary key is longer than 36 characters."
        migrate(*site)
        assert [each.object_id for each in PrivacyAnonymised.objects.using(main)] == ["x" * 36]

    def test_markers_of_content_types_that_are_gone_go_and_are_counted(self, site, capsys):
        main, _ = site
        migrate(*site)
        kept, gone = kinds(main)
        for kind in (kept, gone, gone):
            PrivacyAnonymised.objects.using(main).create(content_type_id=kind, object_id=uuid.uuid4().hex)
        with connections[main].cursor() as cursor:
            cursor.execute("DELETE FROM django_content_type WHERE id = %s", [gone])
        migrate(*site, target=["0004"])
        assert capsys.readouterr().out.strip() == "Removed: 2 markers of content types that are gone."
        migrate(*site)
        assert [each.content_type_id for each in PrivacyAnonymised.objects.using(main)] == [kept]


class TestMarkers:
    """A marker has no foreign key in the database, and one index beside that of its key."""

    @pytest.mark.parametrize("applied", [0, 4], ids=["new", "of 1.x"])
    def test_cost_one_index_and_no_foreign_key(self, site, applied):
        main, _ = site
        if applied:
            old_site(site, applied)
        migrate(*site)
        with connections[main].cursor() as cursor:
            table = connections[main].introspection.get_constraints(cursor, PrivacyAnonymised._meta.db_table)
        assert [each["columns"] for each in table.values() if each["foreign_key"]] == []
        indexes = {tuple(each["columns"]) for each in table.values() if each["index"] or each["unique"]}
        assert indexes - {("id",)} == {("content_type_id", "object_id", "part")}


class TestIdOfTheDatabase:
    """post_migrate writes it, unless the database may be a restored one that had another."""

    def ids(self, main):
        return [each.database_id for each in DatabaseIdentity.objects.using(main)]

    def test_a_new_one_gets_one_though_the_log_knows_its_alias(self, site):
        main, log = site
        migrate(log)
        Operation.objects.using(log).create(database_id=uuid.uuid4(), using=main, started=timezone.now())
        migrate(main)
        assert len(self.ids(main)) == 1

    def test_one_of_1x_gets_one_where_the_log_knows_nothing(self, site):
        old_site(site)
        migrate(site[1])
        migrate(site[0])
        assert len(self.ids(site[0])) == 1

    @pytest.mark.parametrize("table", [Operation, Upgrade])
    def test_one_of_1x_gets_none_where_the_log_knows_its_alias(self, site, table):
        main, log = site
        old_site(site)
        migrate(log)
        more = {"started": timezone.now()} if table is Operation else {"watermark": 1}
        table.objects.using(log).create(database_id=uuid.uuid4(), using=main, **more)
        migrate(main)
        migrate(main)
        assert self.ids(main) == []

    def test_one_of_1x_gets_none_while_the_log_cannot_be_read(self, site):
        old_site(site)
        with override_settings(GDPR_LOG_DATABASE_NAME="gdpr_log"), log_is(refused):
            migrate(site[0])
        assert self.ids(site[0]) == []

    def test_one_of_a_site_without_a_log_gets_one(self, site):
        old_site(site)
        with override_settings(GDPR_LOG_DATABASE_NAME=None):
            migrate(site[0])
        assert len(self.ids(site[0])) == 1

    def test_the_key_comes_with_it(self, site):
        migrate(site[0])
        assert len(bytes(DatabaseIdentity.objects.using(site[0]).get().key)) == 32

    def test_the_log_has_none(self, site):
        migrate(*site)
        assert "gdpr_assist_databaseidentity" not in schema(site[1])


@pytest.mark.django_db(transaction=True)
class TestEmptiedDatabase:
    """After ``flush``, as after each TransactionTestCase."""

    def test_is_another_one_at_once(self):
        before = database_id("default")
        call_command("flush", database="default", interactive=False, verbosity=0)
        [emptied] = DatabaseIdentity.objects.all()
        assert emptied.database_id != before
        assert len(bytes(emptied.key)) == 32

    def test_an_erasure_that_is_rolled_back_is_of_this_database(self):
        call_command("flush", database="default", interactive=False, verbosity=0)
        with transaction.atomic():
            customer().anonymise()
            transaction.set_rollback(True)
        [operation] = Operation.objects.using("gdpr_log")
        assert operation.database_id == DatabaseIdentity.objects.get().database_id
        call_command("gdpr_reconcile", verbosity=0)
        assert Outcome.objects.using("gdpr_log").get().committed is False
        call_command("gdpr_rerun", verbosity=0)


@pytest.mark.django_db(transaction=True)
def test_an_operation_whose_id_no_database_has_is_named_by_status():
    """Where post_migrate is inhibited, the id is made within the first erasure, and may go with it."""
    DatabaseIdentity.objects.all().delete()
    with transaction.atomic():
        customer().anonymise()
        transaction.set_rollback(True)
    assert not DatabaseIdentity.objects.exists()
    [operation] = Operation.objects.using("gdpr_log")
    out = StringIO()
    call_command("gdpr_status", stdout=out)
    [line] = [line for line in out.getvalue().splitlines() if "of no id that this database has" in line]
    assert str(operation.pk) in line
    assert f"anonymise shop.Customer, under the database id {operation.database_id}" in line


class TestNamesOf1x:
    """Migrations of users depend on them; see tests.apps.migrated."""

    @pytest.mark.parametrize("applied", [0, 2, len(OF_1X)])
    def test_a_migration_that_depends_on_one_loads(self, applied, site):
        if applied:
            old_site(site, applied)
        graph = MigrationLoader(connections[site[0]]).graph
        plan = graph.forwards_plan(("migrated", "0001_initial"))
        expected = ("gdpr_assist", OF_1X[1]) if applied == 2 else SQUASHED
        assert expected in plan

    @pytest.mark.parametrize("name", OF_1X)
    def test_each_is_on_disk_and_replaced(self, name):
        loader = MigrationLoader(None)
        assert ("gdpr_assist", name) in loader.disk_migrations
        assert ("gdpr_assist", name) in loader.disk_migrations[SQUASHED].replaces

    def test_the_migration_runs_on_an_upgraded_site(self, site):
        old_site(site)
        migrate(site[0])
        call_command("migrate", "migrated", database=site[0], verbosity=0)
        assert "migrated_letter" in schema(site[0])


@pytest.mark.django_db
def test_no_migration_is_missing():
    """Of ours, of the test apps that have some, and of auth, whose User is registered."""
    out = StringIO()
    call_command("makemigrations", "--check", "--dry-run", stdout=out)
    assert out.getvalue() == "No changes detected\n"
