"""Names of 1.x that are kept for existing code: each still means what it meant, and warns."""

import sys
from importlib import import_module
from io import StringIO

import pytest
from django.apps import AppConfig, apps
from django.core.management import call_command
from django.db import models
from django.test.utils import isolate_apps

import gdpr_assist
from gdpr_assist import upgrading
from gdpr_assist.admin.personal_data import SearchForm
from gdpr_assist.apps import GdprAssistConfig
from gdpr_assist.models import EventLog, PrivacyAnonymised, PrivacyManager
from gdpr_assist.registry import registry
from tests.apps.shop.models import Customer, Order, Product
from tests.logbook import customer
from tests.observing import markers

warns = pytest.warns(DeprecationWarning, match="kept for code that was written for 1.x")


def test_the_app_config():
    with warns:
        assert type(AppConfig.create("gdpr_assist.apps.GdprAppConfig")) is GdprAssistConfig
    assert type(AppConfig.create("gdpr_assist")) is GdprAssistConfig
    assert type(apps.get_app_config("gdpr_assist")) is GdprAssistConfig


def test_the_module_of_receivers():
    sys.modules.pop("gdpr_assist.handlers", None)
    with warns:
        import_module("gdpr_assist.handlers")


def test_the_form_of_the_tool():
    with warns:
        assert import_module("gdpr_assist.admin.tool").PersonalDataSearchForm is SearchForm


@pytest.mark.parametrize("module", ["gdpr_assist.apps", "gdpr_assist.admin.tool"])
def test_no_other_name_is_made_up(module):
    with pytest.raises(AttributeError, match="has no attribute 'Elephant'"):
        import_module(module).Elephant  # noqa: B018


def test_the_check_of_migrations():
    with warns:
        assert upgrading.check_migrate_gdpr_anonymised(None) == []


@pytest.mark.django_db
@pytest.mark.parametrize("value", [True, False])
def test_anonymise_for_bulk(value):
    person = customer()
    with warns:
        person.anonymise(for_bulk=value)
    assert markers(Customer) == [str(person.pk)]


@pytest.mark.django_db
@pytest.mark.parametrize("rows", [lambda: Customer.objects, Customer.objects.all])
def test_anonymise_for_bulk_of_many(rows):
    person = customer()
    with warns:
        rows().anonymise(for_bulk=True)
    assert markers(Customer) == [str(person.pk)]


@pytest.mark.django_db(transaction=True)
def test_anonymise_db_bulk(settings):
    settings.GDPR_CAN_ANONYMISE_DATABASE = True
    person = customer()
    with warns:
        call_command(
            "anonymise_db", bulk=True, interactive=False, model=["shop.Customer"], stdout=StringIO(), stderr=StringIO()
        )
    assert markers(Customer) == [str(person.pk)]


@pytest.mark.django_db
class TestTargets:
    def test_of_an_event(self):
        person = customer()
        event = EventLog(event="anonymise", app_label="shop", model_name="Customer", target_pk=str(person.pk))
        with warns:
            assert event.get_target() == person

    @pytest.mark.parametrize(("label", "key"), [("Customer", "4711"), ("Ghost", "1")])
    def test_of_an_event_whose_row_or_model_is_gone(self, label, key):
        with warns:
            assert EventLog(event="delete", app_label="shop", model_name=label, target_pk=key).get_target() is None

    def test_of_a_marker(self):
        for using in ("default", "other"):
            person = customer(using)
            person.anonymise()
            marker = PrivacyAnonymised.objects.using(using).get()
            with warns:
                found = marker.anonymised_object
            assert (found, found._state.db) == (person, using)

    def test_of_a_marker_whose_row_is_gone(self):
        person = customer()
        person.anonymise()
        Customer.all_objects.filter(pk=person.pk)._raw_delete("default")
        with warns:
            assert PrivacyAnonymised.objects.get().anonymised_object is None


def test_the_name_of_an_export():
    with warns:
        assert Customer.get_privacy_meta().get_export_filename() == "shop-Customer.csv"


def test_which_models_can_be_anonymised():
    with warns:
        found = registry.models_allowed_to_anonymise()
    assert Customer in found
    assert set(found) == {model for model in registry.models if model.check_can_anonymise()}
    assert set(found) < set(registry.models)


def test_managers_of_registered_models_are_privacy_managers():
    assert isinstance(Customer.objects, PrivacyManager)
    assert isinstance(Customer.all_objects, PrivacyManager)
    assert isinstance(Order._default_manager, PrivacyManager)
    assert isinstance(Customer.anonymisable_manager(), PrivacyManager)
    assert not isinstance(Product.objects, PrivacyManager)
    assert not isinstance(object(), PrivacyManager)

    class Own(PrivacyManager):
        pass

    assert not isinstance(Customer.objects, Own)
    assert isinstance(Own(), Own)


@isolate_apps("tests.apps.shop")
def test_registering_a_class_with_its_own_declaration_does_nothing():
    class Visitor(models.Model):
        name = models.CharField(max_length=5)

        class Meta:
            app_label = "shop"

        class PrivacyMeta:
            fields = ["name"]

    gdpr_assist.register(Visitor, Visitor.PrivacyMeta)
    assert Visitor not in registry
    with pytest.raises(ValueError, match="already registered"):
        gdpr_assist.register(Visitor, type("PrivacyMeta", (), {}))
    with pytest.raises(ValueError, match="already registered"):
        gdpr_assist.register(Visitor)


@pytest.mark.parametrize("asked", [Customer, Customer(pk=1)])
def test_the_relation_is_no_more(asked):
    with pytest.raises(AttributeError, match=r"Customer has no anonymised_relation.* Ask obj\.is_anonymised\(\)"):
        asked.anonymised_relation  # noqa: B018
    assert not hasattr(asked, "anonymised_relation")


@isolate_apps("tests.apps.shop")
def test_a_column_of_that_name_is_the_projects_own():
    class Visit(models.Model):
        anonymised_relation = models.CharField(max_length=5)

        class Meta:
            app_label = "shop"

    with registry.registered(Visit):
        assert Visit(anonymised_relation="x").anonymised_relation == "x"


class TestModelsAsADict:
    @pytest.mark.parametrize("name", ["items", "keys", "values", "get", "setdefault"])
    def test_its_methods(self, name):
        with pytest.raises(AttributeError, match=r"list of models.*Write: for model in registry\.models"):
            getattr(registry.models, name)

    def test_a_model_as_its_key(self):
        with pytest.raises(TypeError, match=r"no dict.*model\.get_privacy_meta\(\)"):
            registry.models[Customer]

    def test_what_a_list_has(self):
        assert registry.models[0] in registry.models[:1] == list(registry.models)[:1]
        with pytest.raises(AttributeError, match=r"has no attribute 'elephants'\.$"):
            registry.models.elephants  # noqa: B018
