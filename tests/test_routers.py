import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connections, router

from gdpr_assist.models import (
    DatabaseIdentity,
    EventLog,
    Operation,
    Outcome,
    PersonalData,
    PrivacyAnonymised,
    Receipt,
)
from gdpr_assist.routers import EventLogRouter
from tests.apps.shop.models import Customer

LOG_MODELS = [EventLog, Operation, Outcome]
DATA_MODELS = [DatabaseIdentity, PrivacyAnonymised, Receipt, PersonalData, Customer, User, ContentType]
DATA_ALIASES = ["default", "other"]


@pytest.mark.parametrize("model", LOG_MODELS)
def test_log_models_live_in_the_log_database(model):
    assert router.db_for_read(model) == "gdpr_log"
    assert router.db_for_write(model) == "gdpr_log"
    assert router.allow_migrate_model("gdpr_log", model) is True


@pytest.mark.parametrize("model", LOG_MODELS)
@pytest.mark.parametrize("alias", DATA_ALIASES)
def test_and_nowhere_else(model, alias):
    assert router.allow_migrate_model(alias, model) is False


@pytest.mark.parametrize("model", DATA_MODELS)
def test_nothing_else_lives_in_it(model):
    assert router.allow_migrate_model("gdpr_log", model) is False


@pytest.mark.parametrize("model", DATA_MODELS)
@pytest.mark.parametrize("alias", DATA_ALIASES)
def test_the_other_routers_decide_about_all_other_models(model, alias):
    ours = EventLogRouter()
    opts = model._meta
    assert ours.db_for_read(model) is None
    assert ours.db_for_write(model) is None
    assert ours.allow_migrate(alias, opts.app_label, model_name=opts.model_name) is None


def test_it_says_nothing_about_relations():
    assert not hasattr(EventLogRouter(), "allow_relation")


def test_migrations_of_other_apps_do_not_run_there():
    assert router.allow_migrate("gdpr_log", "shop") is False
    assert router.allow_migrate("gdpr_log", "auth", model_name="user") is False


def test_the_alias_is_a_setting(settings):
    settings.GDPR_LOG_DATABASE_NAME = "other"
    assert router.db_for_write(EventLog) == "other"
    assert router.allow_migrate_model("other", EventLog) is True
    assert router.allow_migrate_model("gdpr_log", EventLog) is False
    assert router.allow_migrate_model("other", Customer) is False


def test_without_a_log_its_tables_are_made_nowhere(settings):
    settings.GDPR_LOG_DATABASE_NAME = None
    for alias in connections:
        assert router.allow_migrate_model(alias, EventLog) is False
        assert router.allow_migrate_model(alias, Customer) is True


# -- in the databases of this test run, which were made by migrating --------------------------------


def tables(alias):
    connection = connections[alias]
    with connection.cursor() as cursor:
        return set(connection.introspection.table_names(cursor))


@pytest.mark.django_db
def test_the_tables_of_the_log_database():
    assert tables("gdpr_log") == {
        "django_migrations",
        "gdpr_assist_eventlog",
        "gdpr_assist_operation",
        "gdpr_assist_outcome",
        "gdpr_assist_upgrade",
    }


@pytest.mark.django_db
@pytest.mark.parametrize("alias", DATA_ALIASES)
def test_the_tables_of_the_app_in_a_data_database(alias):
    assert {each for each in tables(alias) if each.startswith("gdpr_assist_")} == {
        "gdpr_assist_databaseidentity",
        "gdpr_assist_errand",
        "gdpr_assist_job",
        "gdpr_assist_export",
        "gdpr_assist_privacyanonymised",
        "gdpr_assist_receipt",
        "gdpr_assist_scrub",
    }
