"""What is installed with the package."""

import ast
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import gdpr_assist
from tests.test_architecture import MODULES

pytestmark = pytest.mark.anywhere

ROOT = Path(__file__).parents[1]


@pytest.fixture
def metadata(monkeypatch):
    """What setup.py says; tox looks at the wheel itself, in the environment ``wheel``."""
    said = {}
    setuptools = SimpleNamespace(setup=said.update, find_packages=lambda **kwargs: [])
    monkeypatch.setitem(sys.modules, "setuptools", setuptools)
    runpy.run_path(str(ROOT / "setup.py"))
    return said


def test_every_file_that_is_no_code_is_in_the_wheel(metadata):
    # Of the wheel itself, where that is what is installed
    package = Path(gdpr_assist.__file__).parent
    patterns = metadata["package_data"]["gdpr_assist"]
    taken = {path for pattern in patterns for path in package.glob(pattern) if path.is_file()}
    # Python writes compiled code under another name first (".pyc.1234"), and other tests run beside this one.
    there = {path for path in package.rglob("*.*") if path.suffix != ".py" and path.parent.name != "__pycache__"}
    assert there - taken == set()
    assert {path.suffix for path in taken} >= {".html", ".css", ".js", ".mo"}


def imported():
    """Return the packages that each module imports, but the standard library's and its own."""
    found = {}
    for module, tree in MODULES.items():
        names = {each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names}
        names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
        found[module] = {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"gdpr_assist"}
    return found


def test_it_brings_django_and_its_settings_and_nothing_else(metadata):
    assert metadata["install_requires"] == ["Django>=4.2,!=6.1.0", "django-appconf"]
    with_django = {"asgiref"}
    assert (
        set().union(*imported().values())
        == {"appconf", "django", "faker", "model_bakery", "pygraphviz", "pytest", "rich"} | with_django
    )


def test_each_extra_is_known_by_one_module(metadata):
    assert metadata["extras_require"] == {
        "fakes": ["Faker"],
        "rich": ["rich"],
        "svg": ["pygraphviz>=2"],
        "testing": ["model-bakery"],
    }
    assert [module for module, names in imported().items() if "rich" in names] == ["management/console"]
    assert [module for module, names in imported().items() if "faker" in names] == ["management/fakes"]
    assert [module for module, names in imported().items() if "pygraphviz" in names] == ["inventory/drawing"]
    assert [module for module, names in imported().items() if "model_bakery" in names] == ["testing/making"]
    assert [module for module, names in imported().items() if "pytest" in names] == ["pytest_plugin"]
