"""Rules for field classes of other packages: taken by a setting, and after those of the site itself."""

import importlib.util

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import models

import gdpr_assist
from gdpr_assist import AnonymiseError
from gdpr_assist.declaring import rules
from gdpr_assist.declaring.replacing import replacement_for
from gdpr_assist.ready_made import MODULES, RULING, register_ready_made
from tests.apps.shop.models import Customer

from .others.alone import run_alone


class RichTextField(models.TextField):
    """Stands for that of ckeditor, which need not be installed here."""


RichTextField.__module__ = "ckeditor.fields"


@pytest.fixture
def field(monkeypatch):
    """A field of that class, and rules that the test may change."""
    for known in ("registered", "ready_made"):
        monkeypatch.setattr(rules, known, {})
    made = RichTextField()
    made.set_attributes_from_name("notes")
    made.model = Customer
    return made


@pytest.fixture
def take(monkeypatch, settings):
    """Return the function that takes ready rules, as if their packages were installed."""
    monkeypatch.setattr("gdpr_assist.ready_made.find_spec", lambda name: object())

    def take(*names):
        settings.GDPR_CONTRIB = list(names)
        register_ready_made()

    return take


def test_there_is_none_unless_the_site_takes_it(field, take):
    with pytest.raises(AnonymiseError, match=r"^Unknown field type for anonymiser: shop\.Customer\.notes is a Rich"):
        replacement_for(field)
    take("ckeditor")
    assert replacement_for(field).value(Customer(pk=7)) == "7"
    take("tinymce")
    with pytest.raises(AnonymiseError, match=r"^Unknown field type"):
        replacement_for(field)


@pytest.mark.parametrize("is_first", [True, False])
def test_one_of_the_sites_own_comes_first(field, take, is_first):
    if not is_first:
        take("ckeditor")
    gdpr_assist.rule(RichTextField)(lambda field: "<p></p>")
    if is_first:
        take("ckeditor")
    assert replacement_for(field).value(Customer(pk=7)) == "<p></p>"


def test_a_subclass_has_none(field, take):
    take("ckeditor")
    field.__class__ = type("Own", (RichTextField,), {})
    with pytest.raises(AnonymiseError, match="notes is a Own"):
        replacement_for(field)


def test_a_package_that_is_not_installed_is_an_error(settings):
    settings.GDPR_CONTRIB = ["ckeditor_7"]
    with pytest.raises(ImproperlyConfigured, match=r"^GDPR_CONTRIB names ckeditor_7"):
        register_ready_made()


def test_a_name_without_its_package_is_an_error(settings, monkeypatch):
    monkeypatch.setattr("gdpr_assist.ready_made.find_spec", lambda name: None)
    settings.GDPR_CONTRIB = ["ckeditor", "axes"]
    with pytest.raises(ImproperlyConfigured, match=r"takes what is declared for axes, which is not in INSTALLED_APPS"):
        register_ready_made()
    settings.GDPR_CONTRIB = ["ckeditor", "tinymce"]
    with pytest.raises(ImproperlyConfigured, match=r"declared for ckeditor, tinymce, which is not installed\.$"):
        register_ready_made()


@pytest.mark.parametrize("name", RULING)
def test_each_module_is_that_of_its_package(name):
    assert name == MODULES[name].APP
    for path in MODULES[name].rules():
        assert path.split(".")[0] in (name, f"{name}_uploader")


# Not part of every test environment: see tests/others/requirements.txt.
if importlib.util.find_spec("phonenumber_field"):

    def test_with_the_packages_themselves():
        run_alone("settings_fields", "with_fields")
