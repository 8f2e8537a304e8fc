import subprocess
import sys

import pytest
from django.conf import settings as django_settings

from gdpr_assist.conf import log_database

DEFAULTS = {
    "GDPR_PRIVACY_CLASS_NAME": "PrivacyMeta",
    "GDPR_PRIVACY_INSTANCE_NAME": "_privacy_meta",
    "GDPR_LOG_DATABASE_NAME": "gdpr_log",
    "GDPR_CAN_ANONYMISE_DATABASE": False,
    "GDPR_LOG_ON_ANONYMISE": True,
    "GDPR_STRICT": False,
}

# A site with no GDPR_* setting but those that are put in.
SITE = """
import sys
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "gdpr_assist"],
    DATABASES={{
        alias: {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
        for alias in ("default", "gdpr_log")
    }},
    DATABASE_ROUTERS=["gdpr_assist.routers.EventLogRouter"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    **{settings!r},
)

import django
django.setup()

from django.db import models
"""


def site(script, **settings):
    """Run ``script`` in a process of its own and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", SITE.format(settings=settings) + script],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_defaults():
    script = f"for name in {list(DEFAULTS)}: print(name, repr(getattr(settings, name)))"
    expected = [f"{name} {value!r}" for name, value in DEFAULTS.items()]
    assert site(script).splitlines() == expected


def test_a_site_overrides_each():
    script = f"print([getattr(settings, name) for name in {list(DEFAULTS)}])"
    values = ["Gdpr", "_gdpr", None, True, False, True]
    assert site(script, **dict(zip(DEFAULTS, values, strict=True))) == repr(values)


def test_the_names_of_the_class_and_of_its_instance():
    script = """
class Person(models.Model):
    name = models.CharField(max_length=50)

    class Gdpr:
        fields = ["name"]

    class PrivacyMeta:
        "Of another app"

    class Meta:
        app_label = "contenttypes"

from gdpr_assist.registry import registry
print(Person in registry, Person._gdpr.fields, hasattr(Person, "Gdpr"))
print(hasattr(Person, "PrivacyMeta"), hasattr(Person, "_privacy_meta"))
"""
    printed = site(script, GDPR_PRIVACY_CLASS_NAME="Gdpr", GDPR_PRIVACY_INSTANCE_NAME="_gdpr")
    assert printed.splitlines() == ["True ['name'] False", "True False"]


@pytest.mark.parametrize("alias", ["gdpr_log", "another", None])
def test_the_log_database_is_read_when_it_is_asked_for(alias, settings):
    settings.GDPR_LOG_DATABASE_NAME = alias
    assert log_database() == alias


def test_this_run_has_the_defaults():
    assert {name: getattr(django_settings, name) for name in DEFAULTS} == DEFAULTS
