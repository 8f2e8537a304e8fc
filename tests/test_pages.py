import re
from pathlib import Path

import pytest

import gdpr_assist
from gdpr_assist.pages import DOCUMENTATION, page
from tests.test_docs import read, sections

ROOT = Path(__file__).parents[1]
SOURCE = "".join(path.read_text() for path in Path(gdpr_assist.__file__).parent.rglob("*.py"))
NAMED = re.findall(r"""\bpage\(["']([^"']+)["'](?:, ["']([^"']+)["'])?\)""", SOURCE)


def test_of_a_page_and_of_a_section():
    assert page("howto/protect_the_log") == f"{DOCUMENTATION}howto/protect_the_log.html"
    assert page("checks", "gdpr_assist.E001") == f"{DOCUMENTATION}checks.html#gdpr-assist-e001"


@pytest.mark.parametrize(("name", "section"), NAMED)
def test_what_a_message_names_is_there(name, section):
    assert not section or section in sections(read(f"{name}.rst"))


def test_no_message_names_a_file_that_is_not_installed():
    texts = re.sub(r'""".*?"""', "", SOURCE, flags=re.DOTALL)
    assert re.findall(r"docs/\S+", texts) == []


def test_the_metadata_of_the_package_says_the_same():
    assert f'DOCUMENTATION = "{DOCUMENTATION}"' in (ROOT / "setup.py").read_text()
