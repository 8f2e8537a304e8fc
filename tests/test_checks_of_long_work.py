"""E053 and E054: a queue and a storage that are not there, or that others can read."""

import sys

import pytest
from django.apps import apps
from django.test import override_settings

from gdpr_assist.checks.long_work import check_E053, check_E054
from gdpr_assist.queues import MODULE

pytestmark = pytest.mark.anywhere

FILES = "django.core.files.storage.FileSystemStorage"
IMMEDIATE = f"{MODULE}.backends.immediate.ImmediateBackend"


def texts(messages):
    return [(each.id, each.msg) for each in messages]


def storage(settings, alias="private", backend=FILES, **options):
    settings.GDPR_EXPORT_STORAGE = alias
    settings.STORAGES = {**settings.STORAGES, "private": {"BACKEND": backend, "OPTIONS": options}}


def test_without_the_settings_there_is_nothing_to_say():
    assert [*check_E053(), *check_E054()] == []


def test_gdpr_assist_E053_of_a_backend_that_is_there(settings):
    settings.GDPR_TASK_BACKEND = "long"
    with override_settings(TASKS={"long": {"BACKEND": IMMEDIATE}}):
        assert check_E053() == []


def test_gdpr_assist_E053_of_one_that_is_not_there(settings):
    settings.GDPR_TASK_BACKEND = "long"
    with override_settings(TASKS={"default": {"BACKEND": IMMEDIATE}}):
        [(name, text)] = texts(check_E053())
    assert name == "gdpr_assist.E053"
    assert text.startswith("The backend of GDPR_TASK_BACKEND, 'long', cannot be used (InvalidTaskBackend")


def test_gdpr_assist_E053_of_a_package_that_is_not_there(settings, monkeypatch):
    settings.GDPR_TASK_BACKEND = "default"
    monkeypatch.setitem(sys.modules, MODULE, None)
    assert texts(check_E053()) == [("gdpr_assist.E053", f"GDPR_TASK_BACKEND is set, and {MODULE} is not installed.")]


def test_gdpr_assist_E053_of_tenants(settings, monkeypatch):
    settings.GDPR_TASK_BACKEND = "long"
    monkeypatch.setattr(apps, "is_installed", lambda name: name == "django_tenants")
    with override_settings(TASKS={"long": {"BACKEND": IMMEDIATE}}):
        [(name, text)] = texts(check_E053())
    assert name == "gdpr_assist.E053"
    assert "django_tenants is installed" in text


@pytest.mark.parametrize("number", [0, -1, "many", None])
def test_gdpr_assist_E053_of_what_is_no_number(settings, number):
    settings.GDPR_TASK_BACKEND, settings.GDPR_TASKS_FROM = "default", number
    with override_settings(TASKS={"default": {"BACKEND": IMMEDIATE}}):
        assert texts(check_E053()) == [("gdpr_assist.E053", "GDPR_TASKS_FROM is no number of rows.")]


def test_gdpr_assist_E054_of_a_directory_of_its_own(settings, tmp_path):
    storage(settings, location=tmp_path)
    assert check_E054() == []


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ({"alias": "default"}, "is the site's own for what it shows"),
        ({"alias": "staticfiles"}, "is the site's own for what it shows"),
        ({"alias": "nowhere"}, "cannot be used (InvalidStorageError)"),
        ({"backend": "no.such.Storage"}, "cannot be used (InvalidStorageError)"),
        ({"location": "/srv/media"}, "is in MEDIA_ROOT"),
        ({"location": "/srv/media/exports/"}, "is in MEDIA_ROOT"),
        ({"location": "/srv/other/../static/exports"}, "is in STATIC_ROOT"),
        ({"location": "/srv/exports", "base_url": "/exports/"}, "has an address (base_url)"),
    ],
    ids=str,
)
def test_gdpr_assist_E054(settings, where, why):
    settings.MEDIA_ROOT, settings.STATIC_ROOT = "/srv/media", "/srv/static"
    storage(settings, **where)
    alias = where.get("alias", "private")
    expected = f"The storage of GDPR_EXPORT_STORAGE, '{alias}', {why}."
    assert texts(check_E054()) == [("gdpr_assist.E054", expected)]
