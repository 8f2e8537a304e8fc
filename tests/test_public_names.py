"""What existing code imports, and that importing the package loads no models."""

import os
import subprocess
import sys
import textwrap
from importlib import import_module
from inspect import iscoroutinefunction, signature

import pytest
from django.conf import settings as django_settings

import gdpr_assist
from tests.apps.shop.models import Customer

pytestmark = pytest.mark.anywhere

NAMES = [
    ("gdpr_assist", "ANONYMISE"),
    ("gdpr_assist", "AnonymiseError"),
    ("gdpr_assist", "EventLogError"),
    ("gdpr_assist", "Generic"),
    ("gdpr_assist", "Identifier"),
    ("gdpr_assist", "Keep"),
    ("gdpr_assist", "PartlyErased"),
    ("gdpr_assist", "Party"),
    ("gdpr_assist", "PrivacyMeta"),
    ("gdpr_assist", "Replacement"),
    ("gdpr_assist", "Subject"),
    ("gdpr_assist", "Pseudonym"),
    ("gdpr_assist", "register"),
    ("gdpr_assist", "register_switch"),
    ("gdpr_assist", "rule"),
    ("gdpr_assist.admin", "ModelAdmin"),
    ("gdpr_assist.models", "EventLog"),
    ("gdpr_assist.models", "PrivacyAnonymised"),
    ("gdpr_assist.models", "PrivacyManager"),
    ("gdpr_assist.models", "PrivacyMeta"),
    ("gdpr_assist.models", "PrivacyModel"),
    ("gdpr_assist.models", "PrivacyQuerySet"),
    ("gdpr_assist.models", "PersonalData"),
    ("gdpr_assist.registry", "registry"),
    ("gdpr_assist.routers", "EventLogRouter"),
    ("gdpr_assist.signals", "post_anonymise"),
    ("gdpr_assist.signals", "pre_anonymise"),
    ("gdpr_assist.upgrading", "MigrateGdprAnonymised"),
]


@pytest.mark.parametrize(("module", "name"), NAMES, ids=".".join)
def test_public_name(module, name):
    assert getattr(import_module(module), name) is not None


def test_names_of_the_package():
    assert set(gdpr_assist.__all__) == {name for module, name in NAMES if module == "gdpr_assist"}


def test_errors_are_of_one_family():
    assert issubclass(gdpr_assist.EventLogError, gdpr_assist.AnonymiseError)
    assert issubclass(gdpr_assist.PartlyErased, gdpr_assist.AnonymiseError)


def test_privacy_meta_is_the_same_everywhere():
    assert import_module("gdpr_assist.models").PrivacyMeta is gdpr_assist.PrivacyMeta


@pytest.mark.parametrize("name", ["models", "register", "search", "registered", "__contains__"])
def test_names_of_the_registry(name):
    assert hasattr(import_module("gdpr_assist.registry").registry, name)


@pytest.mark.parametrize(
    "name",
    [
        "_log_gdpr_anonymise",
        "_log_gdpr_delete",
        "aanonymise",
        "anonymisable_manager",
        "anonymise",
        "check_can_anonymise",
        "get_privacy_meta",
        "is_anonymised",
    ],
)
def test_methods_of_a_registered_model(name):
    assert callable(getattr(Customer, name))


@pytest.mark.parametrize(
    "name", ["find", "rows", "outlook", "doubts", "including", "preview", "export", "erase", "delete"]
)
def test_methods_of_a_person_and_their_asynchronous_twins(name):
    one, twin = (getattr(gdpr_assist.Subject, each) for each in (name, f"a{name}"))
    assert iscoroutinefunction(twin)
    assert signature(one).parameters == signature(twin).parameters


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("GDPR_PRIVACY_CLASS_NAME", "PrivacyMeta"),
        ("GDPR_PRIVACY_INSTANCE_NAME", "_privacy_meta"),
        ("GDPR_LOG_DATABASE_NAME", "gdpr_log"),
        ("GDPR_CAN_ANONYMISE_DATABASE", False),
        ("GDPR_LOG_ON_ANONYMISE", True),
    ],
)
def test_settings_have_defaults(name, default):
    assert getattr(django_settings, name) == default


def python(code, **environment):
    """Run ``code`` in an interpreter that has loaded nothing."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_importing_the_package_needs_no_settings():
    done = python("import gdpr_assist; print(gdpr_assist.__version__)", DJANGO_SETTINGS_MODULE="")
    assert (done.returncode, done.stdout.strip()) == (0, gdpr_assist.__version__), done.stderr


def test_importing_the_package_loads_no_models():
    done = python(
        """
        import sys
        from django.apps import apps
        from django.conf import settings
        settings.configure()
        import gdpr_assist
        assert not apps.apps_ready
        loaded = {"gdpr_assist.models", "gdpr_assist.tables", "django.contrib.contenttypes.models"} & set(sys.modules)
        assert not loaded, loaded
        """,
        DJANGO_SETTINGS_MODULE="",
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_package_is_imported_from_a_models_module_before_the_apps_are_loaded(tmp_path):
    (tmp_path / "blog").mkdir()
    (tmp_path / "blog" / "__init__.py").touch()
    (tmp_path / "blog" / "models.py").write_text(
        textwrap.dedent(
            """
            from django.apps import apps
            from django.conf import settings
            from django.db import models
            import gdpr_assist

            assert not apps.models_ready

            class Post(models.Model):
                author = models.ForeignKey(
                    settings.AUTH_USER_MODEL, null=True, on_delete=gdpr_assist.ANONYMISE(models.SET_NULL)
                )
                name = models.CharField(max_length=50)

                class PrivacyMeta:
                    fields = ["name"]

            class Reader(models.Model):
                name = models.CharField(max_length=50)

            gdpr_assist.register(Reader)
            """
        )
    )
    done = python(
        """
        import django
        from django.conf import settings
        settings.configure(
            INSTALLED_APPS=["blog", "django.contrib.auth", "django.contrib.contenttypes", "gdpr_assist"],
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        )
        django.setup()
        from blog.models import Post, Reader
        from gdpr_assist.registry import registry
        assert registry.models == [Reader, Post], registry.models
        assert not hasattr(Post, "PrivacyMeta")
        assert Post._privacy_meta.fields == ["name"]
        assert callable(Reader.objects.anonymise)
        """,
        DJANGO_SETTINGS_MODULE="",
        PYTHONPATH=os.pathsep.join([str(tmp_path), *filter(None, sys.path)]),
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_it_needs_no_settings():
    """As a settings module does, or whoever asks for the version."""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [sys.executable, "-c", "import gdpr_assist"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
