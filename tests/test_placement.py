"""Rows on a database that lacks the tables which erasures need beside them: a second alias, kept apart by a router."""

from io import StringIO

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections
from django.db.models import Model
from django.db.models.deletion import Collector
from django.db.models.signals import post_delete
from django.test import override_settings

from gdpr_assist import AnonymiseError, EventLogError
from gdpr_assist.databases.placement import BESIDE_ROWS, explained, kept_off
from gdpr_assist.models import PrivacyAnonymised
from gdpr_assist.pages import page
from gdpr_assist.planning.plans import plan
from gdpr_assist.planning.preview import preview
from tests.apps.shop.models import Supplier
from tests.databases import (
    database_is,
    forget_types,
    migrate,
    scratch,
    unblocked_site,
    untouched,
    without_tables,
)
from tests.settings import DB

MORE = page("checks", "gdpr_assist.E027")


class Apart:
    """Keeps suppliers on an alias of their own, and off it all that is not of an allowed app."""

    def __init__(self, using, allowed=("shop",)):
        self.using, self.allowed = using, allowed

    def db_for_read(self, model, **hints):
        return self.using if model is Supplier else None

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, **hints):
        return app_label in self.allowed if db == self.using else None


@pytest.fixture
def site(settings, django_db_blocker):
    """A migrated site, and an alias on which there are suppliers, and nothing else."""
    with unblocked_site(django_db_blocker) as (main, log), scratch("crm") as crm:
        migrate(main, log)
        with connections[crm].schema_editor() as editor:
            editor.create_model(Supplier)
        Supplier.objects.using(crm).create(contact_name="Ada", since="2001-02-03")
        ContentType.objects.clear_cache()
        with override_settings(DATABASE_ROUTERS=[*settings.DATABASE_ROUTERS, Apart(crm)]):
            yield crm


def refusal(crm, table="django_content_type"):
    return (
        f"The database {crm!r} has no table {table}, which an erasure needs; nothing was changed. The routers keep "
        f"contenttypes and gdpr_assist off {crm!r}: let allow_migrate allow them there, then run migrate "
        f"--database={crm}. If it was run there before, see {MORE}."
    )


def collect(row):
    collector = Collector(using=row._state.db, origin=row)
    collector.collect([row])
    collector.delete()


@pytest.mark.parametrize(
    "erase",
    [
        Supplier.anonymise,
        lambda row: Supplier.objects.all().anonymise(),
        lambda row: Supplier.objects.filter(contact_name="Ada").anonymise(force=True),
        Model.delete,
        lambda row: Supplier.objects.all().delete(),
        collect,
        Supplier.is_anonymised,
        lambda row: preview(plan(Supplier.objects.all())),
        lambda row: preview(plan(row)),
    ],
    ids=[
        "object",
        "queryset",
        "forced",
        "delete",
        "queryset delete",
        "collector",
        "is_anonymised",
        "preview",
        "preview of an object",
    ],
)
def test_what_needs_them_says_so(site, erase):
    row = Supplier.objects.get()
    with untouched(site), pytest.raises(AnonymiseError) as caught:
        erase(row)
    assert str(caught.value) == refusal(site)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("erase", [Supplier.anonymise, Model.delete], ids=["anonymise", "delete"])
def test_so_does_what_lacks_one_of_them(site, erase):
    """Content types and markers are there, receipts and the id of the database are not."""
    with connections[site].schema_editor() as editor:
        editor.create_model(ContentType)
        editor.create_model(PrivacyAnonymised)
    row = Supplier.objects.get()
    with untouched(site), pytest.raises(AnonymiseError) as caught:
        erase(row)
    assert str(caught.value) == refusal(site, "gdpr_assist_databaseidentity")


def signals_alone(row):
    post_delete.send(sender=Supplier, instance=row, using=row._state.db, origin=None)


@pytest.mark.parametrize(
    ("log", "advice"),
    [
        (signals_alone, "The row may be gone nevertheless"),
        (lambda row: row._log_gdpr_delete(), "What was erased by hand is not logged."),
    ],
    ids=["signals", "hand"],
)
@pytest.mark.parametrize("there", [[], [ContentType, PrivacyAnonymised]], ids=["none", "markers"])
def test_what_is_erased_already_is_not_said_to_be_unchanged(site, log, advice, there):
    with connections[site].schema_editor() as editor:
        for model in there:
            editor.create_model(model)
    row = Supplier.objects.get()
    with untouched(site), pytest.raises(EventLogError) as caught:
        log(row)
    told = str(caught.value)
    assert told.startswith(
        f"shop.Supplier: the database {site!r} lacks a table that an erasure needs. The routers keep "
    )
    assert advice in told
    assert "nothing was changed" not in told
    assert "nothing was erased" not in told


def test_of_what_routers_allow_the_cure_is_to_migrate(site, settings):
    settings.DATABASE_ROUTERS[-1].allowed = ("shop", "gdpr_assist", "contenttypes")
    row = Supplier.objects.get()
    with pytest.raises(AnonymiseError) as caught:
        row.anonymise()
    assert str(caught.value).endswith(f" Run migrate --database={site}. If that has nothing to apply, see {MORE}.")


def test_another_table_that_is_not_there_is_another_error(site):
    with pytest.raises(DatabaseError), explained(site), connections[site].cursor() as cursor:
        cursor.execute("SELECT 1 FROM shop_nowhere")


def test_which_apps_are_kept_off(site, settings):
    assert kept_off(site) == ["contenttypes", "gdpr_assist"]
    assert kept_off("default") == kept_off("gdpr_log") == []
    settings.DATABASE_ROUTERS[-1].allowed = ("shop", "gdpr_assist")
    assert kept_off(site) == ["contenttypes"]


def test_the_commands_say_so_too(site):
    printed = StringIO()
    call_command("gdpr_status", stdout=printed, force_color=False)
    assert "not migrated: The routers keep contenttypes and gdpr_assist off" in " ".join(printed.getvalue().split())
    refusal = pytest.raises(CommandError, match=r"The routers keep contenttypes and gdpr_assist off")
    with override_settings(GDPR_CAN_ANONYMISE_DATABASE=True), refusal:
        call_command("anonymise_db", "--noinput", "--model=shop.Supplier", f"--database={site}", stdout=StringIO())


class TestCure:
    """What the page of the check tells to do."""

    def test_before_migrate_was_run(self, site, settings):
        settings.DATABASE_ROUTERS[-1].allowed = ("shop", "gdpr_assist", "contenttypes")
        migrate(site)
        assert Supplier.objects.all().anonymise().anonymised == 1

    def test_after_migrate_was_run(self, site, settings):
        """It has noted as applied what the routers kept it from making."""
        call_command("migrate", database=site, verbosity=0)
        settings.DATABASE_ROUTERS[-1].allowed = ("shop", "gdpr_assist", "contenttypes")
        with pytest.raises(DatabaseError):
            call_command("migrate", database=site, verbosity=0)
        call_command("migrate", "contenttypes", "zero", fake=True, database=site, verbosity=0)
        call_command("migrate", "contenttypes", database=site, verbosity=0)
        call_command("migrate", "gdpr_assist", database=site, verbosity=0)
        call_command("migrate", fake=True, database=site, verbosity=0)
        assert Supplier.objects.all().anonymise().anonymised == 1
        assert Supplier.objects.get().is_anonymised()
        there = connections[site].introspection.table_names()
        assert {model._meta.db_table for model in BESIDE_ROWS} <= set(there)
        assert "auth_user" not in there


if DB == "postgresql":

    @pytest.mark.django_db(transaction=True)
    def test_a_test_on_another_database_leaves_nothing_behind():
        """Django keeps the numbers of PostgreSQL's types by alias, whatever database that is at the time."""
        forget_types(connections["default"])
        with database_is("default", without_tables):
            connections["default"].ensure_connection()
        connections["default"].close()
        assert apps.get_model("postgres_fields.PostgresFields").objects.update(hstore={"name": "Ada"}) == 0
