"""The documentation names what there is, and all of it."""

import os
import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.core.management import load_command_class
from django.core.management.base import CommandParser
from django.utils.module_loading import import_string

import gdpr_assist
from gdpr_assist import checks, looks, managers, signals, testing
from gdpr_assist import models as models_of_ours
from gdpr_assist.declaring import defaults
from gdpr_assist.declaring.meta import PrivacyMeta
from gdpr_assist.defaults import GdprAssistConf
from gdpr_assist.log.status import STATES

pytestmark = pytest.mark.anywhere

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PACKAGE = Path(gdpr_assist.__file__).parent
COMMANDS = [
    "anonymise_db",
    "gdpr_fakes",
    "gdpr_inventory",
    "gdpr_new_id",
    "gdpr_paths",
    "gdpr_prune",
    "gdpr_reconcile",
    "gdpr_rerun",
    "gdpr_residue",
    "gdpr_status",
    "gdpr_subject",
    "gdpr_upgrade",
    "gdpr_verify",
]


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def sections(text: str) -> dict[str, str]:
    """Return {title: what stands below it} of a reStructuredText file."""
    parts = re.split(r"^(\S.*)\n([=-])\2+$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::3], parts[3::3], strict=True))


def code_blocks(text: str) -> list[str]:
    blocks = re.findall(r"^\.\. code-block:: python\n\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in blocks]


# -- checks -------------------------------------------------------------------------------------


def check_ids() -> set[str]:
    source = "".join(path.read_text() for path in Path(checks.__file__).parent.glob("*.py"))
    return {f"gdpr_assist.{check}" for check in re.findall(r'\w\(\s*"([EW]\d{3})"', source)}


def test_each_check_has_a_section():
    assert {title for title in sections(read("checks.rst")) if "." in title} == check_ids()


@pytest.mark.parametrize("check", sorted(check_ids()))
def test_section_of_a_check_says_what_why_and_cure(check):
    section = sections(read("checks.rst"))[check]
    assert re.findall(r"^\*\*(\w+)\.\*\*", section, re.MULTILINE) == ["What", "Why", "Cure"]


# -- reference ----------------------------------------------------------------------------------


def test_settings_are_those_of_conf():
    documented = re.findall(
        r"^    \* - ``(GDPR_\w+)``\n      - ``(.+)``", read("reference/settings.rst"), re.MULTILINE
    )
    defaults = {name: str(value) for name, value in GdprAssistConf._meta.defaults.items()}
    defaults["GDPR_LOOKS_PERSONAL"] = "gdpr_assist.looks.PERSONAL"  # a long list, below
    assert {name: value.strip('"') for name, value in documented} == defaults


def test_what_looks_personal_is_in_the_list():
    section = sections(read("reference/settings.rst"))["What looks personal"]
    _, table = section.split("in full:")
    assert tuple(dict.fromkeys(re.findall(r"``(\w+)``", table))) == looks.PERSONAL
    assert GdprAssistConf._meta.defaults["GDPR_LOOKS_PERSONAL"] == looks.PERSONAL


def test_each_command_is_in_the_list():
    directory = Path(import_module("gdpr_assist.management.commands").__file__).parent
    assert sorted(path.stem for path in directory.glob("[a-z]*.py")) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_options_are_those_of_the_command(name):
    parser = CommandParser(add_help=False)
    load_command_class("gdpr_assist", name).add_arguments(parser)
    options = set(re.findall(r"--[a-z-]+", parser.format_help()))
    entries = re.findall(r"^``--.*$", sections(read("reference/commands.rst"))[name], re.MULTILINE)
    assert set(re.findall(r"--[a-z-]+", " ".join(entries))) == options


@pytest.mark.parametrize("name", gdpr_assist.__all__)
def test_each_public_name_is_in_the_reference(name):
    pages = read("reference/declaration.rst") + read("reference/subject.rst")
    assert re.search(rf"^\.\. py:\w+:: gdpr_assist\.{name}\b", pages, re.MULTILINE)


def test_what_is_for_tests_is_in_the_reference():
    documented = re.findall(r"^\.\. py:(?:function|class):: (\w+)", read("reference/testing.rst"), re.MULTILINE)
    assert sorted(documented) == sorted(testing.__all__)


def test_each_attribute_of_a_declaration_is_in_the_reference():
    documented = re.findall(
        r"^    \.\. py:(?:attribute|method):: (\w+)", read("reference/declaration.rst"), re.MULTILINE
    )
    names = {*PrivacyMeta.__annotations__, *(name for name in vars(PrivacyMeta) if name[0] != "_")}
    assert names - set(documented) == set()


def test_each_field_class_with_a_rule_is_in_the_table():
    table = sections(read("reference/declaration.rst"))["Default rules"]
    shipped = [(kind if isinstance(kind, str) else kind.__name__).rpartition(".")[2] for kind in defaults.DEFAULTS]
    assert [name for name in shipped if f"``{name}``" not in table] == []


@pytest.mark.parametrize("name", managers.METHODS)
def test_each_method_is_in_the_reference(name):
    assert f".. py:method:: Model.{name}(" in read("reference/methods.rst")


def test_importable_names_are_those_of_the_module():
    section = sections(read("reference/methods.rst"))["Importable names"]
    listed = re.findall(r"``([A-Z]\w+)``", section)
    assert sorted(listed) == sorted(set(listed)) == models_of_ours.__all__


def test_states_are_those_of_gdpr_status():
    section = sections(read("reference/commands.rst"))["gdpr_status"]
    assert re.findall(r"^    ``([\w-]+)``$", section, re.MULTILINE) == list(STATES)


def asked_for(text: str) -> set[str]:
    """Return the states after ``--fail-on`` in the first command that has it."""
    return set(re.findall(r"--fail-on ([a-z -]+)$", text, re.MULTILINE)[0].split())


def test_monitoring_and_the_end_of_a_restore_ask_for_each_state():
    assert asked_for(read("howto/protect_the_log.rst")) == set(STATES)
    # Whether somebody said what 1.x erased is no matter of this restore.
    assert asked_for(read("howto/restore_a_backup.rst")) == set(STATES) - {"upgrade", "incomparable"}


@pytest.mark.parametrize("name", ["pre_anonymise", "post_anonymise", "rows_anonymised", "erased", "refilled"])
def test_signals_are_in_the_reference(name):
    assert getattr(signals, name)
    assert f".. py:data:: gdpr_assist.signals.{name}" in read("reference/signals.rst")


def test_paths_of_the_example_project_are_those_of_gdpr_paths(tmp_path):
    command = [sys.executable, "-W", "error", ROOT / "example_project/manage.py", "gdpr_paths"]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "example.settings", "EXAMPLE_VAR": str(tmp_path)}
    printed = subprocess.check_output(command, env={**environment, "PYTHONPATH": path}, text=True)
    shown = re.search(r"^    KEY .*\n(    .*\n)+", read("howto/whose_it_is.rst"), re.MULTILINE)
    assert re.sub("^    ", "", shown[0], flags=re.MULTILINE) == printed


# -- other apps ---------------------------------------------------------------------------------

MODULES = {path.stem: path.read_text(encoding="utf-8") for path in (PACKAGE / "contrib").glob("[a-z]*.py")}
READY = {name for name, text in MODULES.items() if re.search(r"^def (declarations|rules)\(", text, re.MULTILINE)}


def apps_of(readme):
    """Return the table of apps, which the first page of the documentation shows, too."""
    return re.split(r"^\.\. (?:end of )?apps$", readme, flags=re.MULTILINE)[1]


def test_each_app_that_is_ready_is_in_the_tables(readme):
    listed = re.findall(r"``(\w+)``", apps_of(readme))
    assert sorted(listed) == sorted(set(listed)) == sorted(READY)
    assert set(re.findall(r"^``(\w+)`` ", read("howto/ready_declarations.rst"), re.MULTILINE)) == READY


def test_each_recipe_is_in_the_table(readme):
    pages = {path.stem: path for path in DOCS.glob("howto/recipes/*.rst") if path.stem != "index"}
    titles = [next(iter(sections(page.read_text(encoding="utf-8")))) for page in pages.values()]
    assert re.findall(r"^recipes +(.*)$", apps_of(readme), re.MULTILINE) == [", ".join(sorted(titles))]
    toctree = re.findall(r"^    (\w+)$", read("howto/recipes/index.rst"), re.MULTILINE)
    assert toctree == sorted(pages)


@pytest.mark.parametrize("name", sorted(READY))
def test_each_app_that_is_ready_has_a_page(name):
    """With the line to write, what is erased and what is not."""
    page = read(f"reference/contrib/{name}.rst")
    assert re.search(rf'^    GDPR_CONTRIB = \[.*"{name}".*\]', page, re.MULTILINE)
    assert re.findall(r"^\*\*((?:Not e|E)rased)\.\*\*", page, re.MULTILINE) == ["Erased", "Not erased"]


def test_each_page_is_of_an_app_that_is_ready():
    pages = {path.stem for path in (DOCS / "reference/contrib").glob("*.rst")}
    assert pages - {"index"} == READY


BUNDLES = {path.parent.name for path in (ROOT / "tests/bundles").glob("*/requirements.txt")}
TABLES = {path.stem[1:]: path for path in DOCS.rglob("_*.txt")}


def test_each_bundle_has_its_table():
    """On PostgreSQL, those of ready declarations and rules; the others are recipes."""
    ready = {path.stem[1:] for path in (DOCS / "reference/contrib").glob("_*.txt")}
    assert set(TABLES) == BUNDLES | ready
    assert ready == {
        f"{name}{database}" for name in ("auth", "histories", "models") for database in ("", "_postgresql")
    }


@pytest.mark.parametrize("name", TABLES)
def test_a_page_shows_a_table_of_which_nothing_is_wrong(name):
    """As `make bundles` writes it, that is."""
    path = TABLES[name]
    assert any(f".. literalinclude:: {path.name}\n" in page.read_text() for page in path.parent.glob("*.rst"))
    table = path.read_text(encoding="utf-8")
    bundle, _, database = name.partition("_")
    assert table.startswith(f"bundle {bundle} on {database or 'sqlite'}: ")
    ways = re.findall(r"^(\S.*?) +(\d+) +(\d+) +(\d+)$", table, re.MULTILINE)
    assert {"the tool", "erase()", "delete()", "erase() and gdpr_rerun", "anonymise_db"} <= {each[0] for each in ways}
    assert [(way, left) for way, _, left, _ in ways if left != "0"] == []
    assert "WRONG" not in table


# -- README -------------------------------------------------------------------------------------


@pytest.fixture
def readme():
    return (ROOT / "README.rst").read_text(encoding="utf-8")


def test_settings_of_the_quick_start_are_real(readme):
    project = {"INSTALLED_APPS": [], "DATABASES": {}, "BASE_DIR": ROOT}
    exec(code_blocks(readme)[2], project)
    ours, theirs = project["INSTALLED_APPS"]
    assert import_module(ours) is gdpr_assist
    assert f"makemigrations {theirs}\n" in readme
    assert [import_string(router).__name__ for router in project["DATABASE_ROUTERS"]] == ["EventLogRouter"]
    assert list(project["DATABASES"]) == [GdprAssistConf._meta.defaults["GDPR_LOG_DATABASE_NAME"]]
    assert import_module(project["DATABASES"]["gdpr_log"]["ENGINE"])


def test_paths_into_the_docs_exist(readme):
    paths = set(re.findall(r"``(docs/[\w/.]+)``", readme)) - {"docs/_build/html"}
    assert "docs/tutorial.rst" in paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_pictures_are_in_the_docs_too(readme):
    """Where the README stands without the files around it, it shows the pictures that the documentation has built."""
    pages = "".join(path.read_text() for path in DOCS.rglob("*.rst"))
    assert [name for name in re.findall(r"docs/(pictures/[\w.]+)", readme) if name not in pages] == []


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.rst")), ids=lambda page: page.stem)
def test_each_directive_is_one(page):
    """Without an empty line before it, it is text of the paragraph, and Sphinx says nothing."""
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^(?! *\.\. | *:)[ ]*\S.*\n( *\.\. [\w-]+::.*)$", text, flags=re.MULTILINE) == []


def imports():
    """Yield each import of ours that the documentation shows."""
    for path in [*DOCS.rglob("*.rst"), DOCS.parent / "README.rst"]:
        for module, names in re.findall(
            r"^ +from (gdpr_assist[\w.]*) import ([\w, ]+)$", path.read_text(), flags=re.M
        ):
            for name in names.split(", "):
                yield module, name


@pytest.mark.parametrize(("module", "name"), sorted(set(imports())))
def test_what_the_documentation_imports_is_there(module, name):
    assert hasattr(import_module(module), name) or find_spec(f"{module}.{name}")


# -- where to look ------------------------------------------------------------------------------

CONTRIBUTING = sections((ROOT / "CONTRIBUTING.rst").read_text(encoding="utf-8"))


def column(text: str, number: int) -> str:
    """Return a column of the table in ``text``."""
    (first,) = {line for line in text.splitlines() if re.fullmatch("=+ +[= ]+", line)}
    starts = [match.start() for match in re.finditer("=+", first)] + [None]
    lines = "".join(text.split(first)[1:-1]).splitlines()
    return "\n".join(line[starts[number] : starts[number + 1]] for line in lines)


def named(text: str) -> list[str]:
    return re.findall(r"``([\w/.]+)``", text)


def test_each_room_is_in_the_list():
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    listed = named(column(sections(read("explanation/how_it_works.rst"))["Rooms"], 0))
    assert sorted(listed) == sorted(rooms - {"__init__"})


def test_where_to_look_is_there():
    paths = named(column(CONTRIBUTING["Where is ..."], 1))
    assert {"planning/ways.py", "execution/ways.py", "checks/"} <= set(paths)
    assert [path for path in paths if "/" in path or "." in path if not (PACKAGE / path).exists()] == []


def test_each_app_of_the_tests_is_in_the_list():
    apps = {path.parent.name for path in (ROOT / "tests/apps").glob("*/__init__.py")}
    assert set(named(column(CONTRIBUTING["Databases"], 0))) == apps
