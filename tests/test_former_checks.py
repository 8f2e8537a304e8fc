"""Checks that see what a site of 1.x has, and what means nothing any more."""

import sys
from types import ModuleType

import pytest
from django.core import checks
from django.core.management import CommandError, call_command
from django.db.migrations.loader import MigrationLoader
from django.test import override_settings

from gdpr_assist.checks.migrations import check_E001, check_E040
from gdpr_assist.checks.overrides import check_W020
from tests import settings

MIGRATION = """
from django.db import migrations, models
import tests.apps.migrated.models


class Migration(migrations.Migration):
    dependencies = []
    operations = [
        migrations.CreateModel(
            "Ghost",
            fields=[("id", models.BigAutoField(primary_key=True))],
            managers=[("objects", tests.apps.migrated.models.{name}())],
        ),
    ]
"""


@pytest.fixture
def migration(tmp_path, monkeypatch):
    """Give the app ``migrated`` a migration that names this class of its models."""

    def write(name):
        package = tmp_path / "written_by_1x"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "0001_initial.py").write_text(MIGRATION.format(name=name))
        monkeypatch.syspath_prepend(tmp_path)
        return override_settings(MIGRATION_MODULES={"migrated": "written_by_1x"})

    yield write
    for module in [name for name in sys.modules if name.startswith("written_by_1x")]:
        del sys.modules[module]


class TestE040:
    def test_a_class_that_is_not_there(self, migration):
        with migration("AnonymisingManagerOf1x"):
            [found] = check_E040()
            assert check_E001() == []
        assert found.id == "gdpr_assist.E040"
        assert found.level == checks.ERROR
        assert "written_by_1x.0001_initial names tests.apps.migrated.models.AnonymisingManagerOf1x" in found.msg

    @pytest.mark.django_db  # from Django 6.1 on, checks ask the databases too
    def test_check_says_it_instead_of_breaking_off(self, migration):
        with migration("AnonymisingManagerOf1x"), pytest.raises(CommandError, match=r"gdpr_assist\.E040"):
            call_command("check", tag=["models"])

    def test_one_that_is(self, migration):
        with migration("models.Manager"):
            assert check_E040() == []

    def test_another_mistake_is_not_ours_to_report(self, monkeypatch):
        def broken(self):
            ModuleType("x").__dict__["y"].z  # noqa: B018

        monkeypatch.setattr(MigrationLoader, "load_disk", broken)
        with pytest.raises(KeyError):
            check_E040()


class TestW020:
    @pytest.fixture
    def templates(self, tmp_path):
        def write(*names):
            for name in names:
                path = tmp_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            return override_settings(TEMPLATES=[{**settings.TEMPLATES[0], "DIRS": [tmp_path]}])

        return write

    @pytest.mark.parametrize("name", ["gdpr_assist/old.html", "admin/gdpr_assist/personaldata/old.html"])
    def test_one_that_stands_for_none(self, templates, name):
        with templates(name):
            [found] = check_W020()
        assert found.id == "gdpr_assist.W020"
        assert name in found.msg

    def test_those_that_are_used(self, templates):
        names = ["admin/gdpr_assist/personaldata/search.html", "admin/gdpr_assist/app_index.html", "admin/old.html"]
        with templates(*names):
            assert check_W020() == []

    def test_none_of_our_own(self):
        assert check_W020() == []
