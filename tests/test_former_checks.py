"""Checks that see what a site of 1.x has, and what means nothing any more."""

import sys
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest
from django.apps import apps
from django.core import checks
from django.core.management import CommandError, call_command
from django.db.migrations.loader import MigrationLoader
from django.test import override_settings

from gdpr_assist.checks.code import check_W026, check_W027
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


RELATION = "anonymised_relation"
DICT = "from gdpr_assist.registry import registry as known\n"


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Install an app with files of this text."""

    def write(text, *names):
        app = tmp_path / "legacy"
        for name in ("__init__.py", *names):
            path = app / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text if name in names else "")
        monkeypatch.syspath_prepend(tmp_path)
        # Those of the tests are beside this file.
        return override_settings(INSTALLED_APPS=["legacy", *settings.INSTALLED_APPS], ROOT_URLCONF="nowhere.urls")

    yield write
    sys.modules.pop("legacy", None)


# On PostgreSQL, apps that are set up again ask the database for its types.
@pytest.mark.django_db
class TestW026:
    @pytest.mark.parametrize(
        "code",
        [
            "customer.{}.exists()",
            "Customer.objects.filter({}=None)",
            "Customer.objects.filter(orders__{}__isnull=True)",
            "Customer.objects.order_by('-{}')",
            "getattr(customer, '{}')",
        ],
    )
    def test_code_that_uses_it(self, written, code):
        with written("# the\n" + code.format(RELATION), "deep/views.py"):
            [found] = check_W026()
        assert found.id == "gdpr_assist.W026"
        assert found.level == checks.WARNING
        assert f"{Path('legacy/deep/views.py')}, line 2: {RELATION} is no more" in found.msg

    def test_a_template_that_uses_it(self, written):
        with written(f"\n{{% if object.{RELATION}.exists %}}", "templates/legacy/customer.html"):
            [found] = check_W026()
        assert f"{Path('legacy/templates/legacy/customer.html')}, line 2" in found.msg

    def test_what_does_not_use_it(self, written):
        text = f"# {RELATION}\nmy_{RELATION} = 1\n'Once there was an {RELATION}.'\n"
        with written(text, "models.py"):
            assert check_W026() == []

    def test_code_beside_the_urls_that_is_no_app(self, written, tmp_path):
        with written(f"x.{RELATION}", "../site_of_1x/api/views.py", "../site_of_1x/urls.py"):
            (tmp_path / "site_of_1x" / "__init__.py").touch()
            with override_settings(ROOT_URLCONF="site_of_1x.urls"):
                first, second = check_W026()
        sys.modules.pop("site_of_1x")
        assert str(Path("site_of_1x/api/views.py")) in first.msg
        assert str(Path("site_of_1x/urls.py")) in second.msg

    def test_none_in_what_is_installed(self, written):
        with written(f"x.{RELATION}", "site-packages/other.py"):
            assert check_W026() == []

    def test_what_is_no_code(self, written):
        with written(f"{{{{ app_name }}}} = {RELATION}", "conf/views.py"):
            assert check_W026() == []

    def test_the_apps_that_are_asked_for(self, written):
        with written(f"x.{RELATION}", "views.py"):
            assert len(check_W026([apps.get_app_config("legacy")])) == 1
            assert check_W026([apps.get_app_config("shop")]) == []

    @pytest.mark.django_db
    def test_only_at_a_deployment(self, written):
        with written(f"x.{RELATION}", "views.py"):
            err = StringIO()
            call_command("check", tag=["compatibility"], stderr=err)
            assert "W026" not in err.getvalue()
            call_command("check", tag=["compatibility"], deploy=True, stderr=err)
            assert "gdpr_assist.W026" in err.getvalue()


# On PostgreSQL, apps that are set up again ask the database for its types.
@pytest.mark.django_db
class TestW027:
    @pytest.mark.parametrize(
        "code",
        [
            DICT + "known.models.items()",
            DICT + "known.models[Customer]",
            DICT + "known.models.get(Customer)",
            "from gdpr_assist import registry\nregistry.registry.models.values()",
            "import gdpr_assist.registry\ngdpr_assist.registry.registry.models.keys()",
        ],
    )
    def test_gdpr_assist_W027(self, written, code):
        with written(code, "views.py"):
            [found] = check_W027()
        assert found.id == "gdpr_assist.W027"
        assert found.level == checks.WARNING
        assert f"{Path('legacy/views.py')}, line 2: registry.models is a list" in found.msg

    @pytest.mark.parametrize(
        "code",
        [
            DICT + "known.models[0], known.models[-1], known.models[1:], len(known.models), known.models.copy()",
            DICT + "[model for model in known.models], Customer in known.models",
            DICT + "registry.models.items()",
            "from elsewhere import registry  # of gdpr_assist\nregistry.models.items()",
        ],
    )
    def test_what_lists_have_too(self, written, code):
        with written(code, "views.py"):
            assert check_W027() == []
