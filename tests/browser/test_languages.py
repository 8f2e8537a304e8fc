"""An officer whose browser asks for German: from the search to the receipt, and an export for a French customer."""

import pytest

from .steps import ERASURES, button_to_erase, erase, export, findings, heading, press, receipt, search, show
from .test_looks import is_in_width, picture
from .walk import walk

pytestmark = pytest.mark.anywhere


@pytest.fixture
def german(desk):
    with desk(locale="de-DE") as page:
        yield page


def test_a_request_for_erasure_is_answered_in_german(german, site, person):
    assert heading(german) == "Personenbezogene Daten"
    assert german.get_by_label("Suchbegriff").is_visible()
    search(german, person)
    assert "Diese Person anzeigen" in german.locator("#content").inner_text()
    show(german, person)
    assert heading(german) == "Personenbezogene Daten einer Person"
    assert button_to_erase(german).inner_text() == "Ja, diese Person löschen"
    erase(german)
    assert heading(german) == "Löschung"
    assert site.email_of(person) == f"{person.key}@anon.example.com"
    assert "1 Benutzer anonymisiert" in german.locator("#content").inner_text()
    receipt(german, "2026/17")
    shown = german.locator("body").inner_text()
    assert "Unser Zeichen: 2026/17" in shown
    assert "auf Ihr Verlangen gelöscht: " in shown
    german.goto(site.url(ERASURES))
    assert "Administrator" not in heading(german)
    assert german.locator("#result_list tbody tr").first.inner_text().split("\t")[-1] == "ausgeführt"


def test_each_page_is_in_order_in_german(german, site, person):
    for name in walk(german, site, person):
        assert german.locator("html").get_attribute("lang") == "de", name
        assert findings(german) == [], name
        assert is_in_width(german), name
        picture(german, f"de_{name}")


def test_an_export_is_in_the_language_of_the_customer(german, person, tmp_path):
    search(german, person)
    show(german, person)
    assert german.get_by_label("Sprache").input_value() == "de"
    german.get_by_label("Sprache").select_option("fr")
    archive, _name = export(german, "complete")
    archive.extractall(tmp_path)
    german.goto((tmp_path / "index.html").as_uri())
    assert german.locator("h1").inner_text() == "Données à caractère personnel"
    assert findings(german) == []
    press(german, german.locator("h3 a").first)
    assert german.locator("html").get_attribute("lang") == "fr"
