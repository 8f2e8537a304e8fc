"""The pages in other languages: all of their texts are marked for translation, and numbers and dates are theirs."""

import io
import re
import zipfile
from contextlib import contextmanager
from datetime import datetime, timezone
from html.parser import HTMLParser

import pytest
from django.apps import apps
from django.utils import translation

from gdpr_assist.admin.confirmation import counted
from gdpr_assist.admin.languages import languages
from gdpr_assist.admin.refusals import told
from gdpr_assist.export.page import shown
from gdpr_assist.models import Operation
from gdpr_assist.tables import Export
from tests.admin.conftest import CUSTOMERS, OPERATIONS, TOOL
from tests.admin.pages import obj_pk, said, send
from tests.admin.test_refusals import ERRORS
from tests.apps.shop.models import Customer
from tests.people import account, around
from tests.test_languages import CATALOGUES

EXPORTS = OPERATIONS.replace("operation", "export")
ADDRESS = "ada@quill.example"
# Of the rows, and what Django calls an object, and the picture beside a search
VALUES = {ADDRESS, "Ada Quill", "staff", "object", "Harbour Road", "for Ada", "csv", "Search"}
TRANSLATED = sorted(CATALOGUES)

pytestmark = pytest.mark.django_db(databases=["default", "other", "gdpr_log"])


@pytest.fixture
def ada(db):
    ada = account("ada")
    around(ada)
    return ada


class Site:
    """What an officer does, from the search to the receipt; she keeps the pages that she has seen."""

    def __init__(self, client, capture):
        self.client, self.capture, self.seen = client, capture, {}

    def keep(self, name, page):
        assert page.status_code == 200
        self.seen[name] = page.content.decode()
        return page

    def walk(self, person, rows):
        self.keep("search", self.client.get(TOOL))
        self.keep("found", self.client.post(TOOL, {"term": ADDRESS}, follow=True))
        self.keep("confirm", self.client.post(TOOL, {"action": "anonymise", "obj_pk": rows}, follow=True))
        person = self.client.post(TOOL, {"person": person}, follow=True)
        self.keep("person", person)
        with self.capture(execute=True):
            done = send(self.client, person, "person-form", {"action": "erase", "residue": "yes"}, follow=True)
        self.keep("erasure", done)
        self.keep("erasures", self.client.get(OPERATIONS))
        self.keep("receipt", self.client.get(done.request["PATH_INFO"].replace("change/", "receipt/")))
        self.keep("exports", self.client.get(EXPORTS))
        return self.seen


@pytest.fixture
def walk(officer, ada, django_capture_on_commit_callbacks):
    """Return {name: page} of what an officer does with one person."""
    Export.objects.create(by="", format="csv")
    customer = Customer.objects.create(name="Ada Quill", email=ADDRESS)
    site = Site(officer, django_capture_on_commit_callbacks)
    return lambda: site.walk(f"default/{obj_pk(ada)}", [obj_pk(customer)])


# -- every text is marked ------------------------------------------------------------------------

MARKED = re.compile("⟦[^⟦⟧]*⟧")
LETTERS = re.compile(r"[^\W\d_]{2,}")
CODE = ("script", "style", "code")
SPOKEN = ("aria-label", "title", "alt", "placeholder")


class Texts(HTMLParser):
    """Collects what a page says to somebody who sees or hears it, but for code, English, and names of languages."""

    def __init__(self, html):
        super().__init__()
        self.found, self.around = [], []
        self.feed(re.sub("</?bdi>", "", html))  # they stand within a sentence

    def handle_starttag(self, tag, attributes):
        said = dict(attributes)
        self.found += [said[name] for name in SPOKEN if said.get(name)]
        if tag == "input":
            self.found += [said["value"]] if said.get("type") == "submit" else []
        elif tag not in ("link", "meta", "br", "img", "hr"):
            self.around.append((tag, said.get("lang")))

    def handle_endtag(self, tag):
        while self.around and self.around.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if not any(tag in CODE or lang == "en" or (tag == "option" and lang) for tag, lang in self.around):
            self.found.append(" ".join(data.split()))


@pytest.fixture
def _marks(monkeypatch):
    """Every text that is translated stands in marks."""
    functions = {
        "gettext": lambda text: f"⟦{text}⟧" if text else "",
        "pgettext": lambda context, text: f"⟦{text}⟧",
        "ngettext": lambda one, several, number: f"⟦{one if number == 1 else several}⟧",
    }
    for name, function in functions.items():
        getattr(translation._trans, name)  # which Django looks up when it is first asked for
        monkeypatch.setattr(translation._trans, name, function)


def names_of_the_site():
    """What the project calls its models and fields, which is for the project to translate."""
    found = {config.verbose_name for config in apps.get_app_configs()}
    for model in apps.get_models():
        opts = model._meta
        found |= {opts.verbose_name, opts.verbose_name_plural, opts.label, opts.object_name}
        found |= {field.verbose_name for field in opts.concrete_fields} | {field.name for field in opts.get_fields()}
    return {str(name) for name in found if "⟦" not in str(name)}


def unmarked(html, names):
    """Return what a page says that neither is translated, nor is among ``names``."""
    known = re.compile(rf"\b({'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))})s?\b", re.IGNORECASE)
    for text in Texts(html).found:
        left, before = text, ""
        while left != before:
            left, before = MARKED.sub("", left), left
        if LETTERS.search(left) and LETTERS.search(known.sub("", left)):
            yield text


@pytest.mark.usefixtures("_marks")
def test_every_text_of_a_page_is_marked_for_translation(walk):
    names = VALUES | names_of_the_site()
    for name, page in walk().items():
        assert list(unmarked(page, names)) == [], name


@pytest.mark.usefixtures("_marks")
@pytest.mark.parametrize("is_undone", [True, False])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_of_a_refusal_all_but_the_text_for_developers_is_marked(error, is_undone):
    assert "".join(Texts(MARKED.sub("", told(error, is_undone=is_undone))).found).strip() == ""


@pytest.mark.usefixtures("_marks")
@pytest.mark.parametrize(
    ("path", "data"),
    [
        (TOOL, {"action": "export", "obj_pk": "x"}),
        (TOOL, {"action": "export", "all": "x"}),
        (TOOL, {"action": "export", "selection": "[["}),
        (TOOL, {"action": "export"}),
        (TOOL, {"action": "x"}),
        (TOOL, {"person": "x"}),
        (TOOL, {"person": "default/x-1", "action": "erase", "operation": "signed:by:nobody"}),
        (f"{TOOL}search/x/", {"term": "x"}),
        (f"{TOOL}confirm/x/", {"operation": "signed:by:nobody"}),
        (f"{TOOL}person/x/", {"action": "erase"}),
        (CUSTOMERS, {"action": "anonymise", "_selected_action": "x"}),
        (f"{CUSTOMERS}anonymise/", {"_selected_action": "x"}),
        (f"{CUSTOMERS}anonymise/", {"_selected_action": "1", "confirmed": "yes", "operation": "signed:by:nobody"}),
    ],
)
def test_what_is_said_of_a_bad_value_is_marked(officer, path, data):
    texts = said(officer.post(path, data))
    assert texts
    assert [text for text in texts if MARKED.sub("", text).strip()] == []


# -- in each language ----------------------------------------------------------------------------


@pytest.fixture
def _asked_for(settings):
    """The language is that of the browser."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"]
    before = translation.get_language()
    yield
    translation.activate(before)


@pytest.mark.usefixtures("_asked_for")
@pytest.mark.parametrize("language", TRANSLATED)
def test_pages_are_in_the_language_of_the_browser(walk, officer, language):
    officer.defaults["HTTP_ACCEPT_LANGUAGE"] = language
    pages = walk()
    expected = {
        "search": "Search term",
        "found": "What was found",
        "confirm": "Yes, anonymise",
        "person": "Yes, erase this person",
        "erasure": "What is left to do",
        "receipt": "Receipt of an erasure",
    }
    for name, text in expected.items():
        assert f'<html lang="{language}"' in pages[name]
        with translation.override(language):
            assert translation.gettext(text) != text
            assert translation.gettext(text) in pages[name]
        assert text not in pages[name]


@pytest.mark.usefixtures("_asked_for")
def test_dates_are_those_of_the_language(officer, walk):
    officer.defaults["HTTP_ACCEPT_LANGUAGE"] = "de"
    walk()
    [operation] = Operation.objects.all()
    Operation.objects.update(started=datetime(2026, 3, 17, 14, 5, tzinfo=timezone.utc))
    page = officer.get(f"{OPERATIONS}{operation.pk}/receipt/").content.decode()
    assert "17. März 2026" in page


def test_numbers_are_those_of_the_language(settings):
    settings.USE_THOUSAND_SEPARATOR = True
    with translation.override("de"):
        assert counted(Customer, 12_000) == "12.000 customers"
        assert shown(memoryview(b"x" * 12_000)) == "12.000 Bytes"
    with translation.override("en"):
        assert counted(Customer, 12_000) == "12,000 customers"


def test_numbers_that_a_form_sends_and_a_script_reads_are_in_no_language(officer, settings, monkeypatch):
    settings.USE_THOUSAND_SEPARATOR = True
    monkeypatch.setattr("gdpr_assist.admin.results.ROWS_PER_MODEL", 1)
    Customer.objects.bulk_create(
        Customer(name="Ada Quill", email=f"{number}@quill.example") for number in range(1_001)
    )
    page = officer.post(TOOL, {"term": "Ada Quill"}, follow=True).content.decode()
    assert 'data-total="1001"' in page
    assert 'name="page" value="1001"' in page
    assert not re.search(r'(?:data-\w+|value)="\d+,\d+"', page)


# -- the language of an export -------------------------------------------------------------------


def cover(response):
    with zipfile.ZipFile(io.BytesIO(response.getvalue())) as archive:
        return archive.read("index.html").decode()


@contextmanager
def only(settings, *codes):
    settings.LANGUAGES = [(code, code) for code in codes]
    with translation.override(codes[0]):
        yield


def test_the_choice_is_of_the_languages_of_the_site_that_there_are(settings):
    with only(settings, "de", "en-gb", "fi", "fr"):
        assert [(each.code, each.is_active) for each in languages()] == [("de", True), ("en-gb", False), ("fr", False)]
    with only(settings, "fi", "de"):
        assert [(each.code, each.is_active) for each in languages()] == [("fi", True), ("de", False)]
    with only(settings, "de"):
        assert languages() == []
    with only(settings, "de", "en"), translation.override("en-us"):
        assert [each.code for each in languages() if each.is_active] == ["en"]


def test_each_language_is_called_by_its_own_name(settings, officer, ada):
    with only(settings, "ar", "de", "en-gb", "fr-xx"):
        assert [(each.name, each.is_rtl) for each in languages()] == [
            ("العربيّة", True),
            ("Deutsch", False),
            ("British English", False),
            ("fr-xx", False),
        ]
        officer.defaults["HTTP_ACCEPT_LANGUAGE"] = "ar"
        content = officer.post(TOOL, {"person": f"default/{obj_pk(ada)}"}, follow=True).content.decode()
    assert '<option value="ar" lang="ar" dir="rtl" selected>العربيّة</option>' in content
    assert '<option value="de" lang="de">Deutsch</option>' in content


def test_an_export_is_in_the_language_of_the_officer_or_in_the_chosen_one(officer, ada):
    chosen = {"person": f"default/{obj_pk(ada)}", "action": "export", "format": "complete"}
    assert '<html lang="en-us"' in cover(officer.post(TOOL, chosen))
    german = cover(officer.post(TOOL, {**chosen, "language": "de"}))
    assert '<html lang="de"' in german
    assert "Personenbezogene Daten" in german
    rows = {"obj_pk": [obj_pk(ada)], "action": "export", "format": "complete", "language": "fr"}
    assert "Données à caractère personnel" in cover(officer.post(TOOL, rows))


def test_the_pieces_of_an_export_are_in_its_language_whatever_is_active_when_they_are_sent(officer, ada):
    chosen = {"person": f"default/{obj_pk(ada)}", "action": "export", "format": "complete", "language": "de"}
    response = officer.post(TOOL, chosen)
    with translation.override("fr"):
        assert "Personenbezogene Daten" in cover(response)


@pytest.mark.parametrize("language", ["xx", "fi", "\0", "de" * 1000])
def test_a_language_that_there_is_not_is_refused(officer, ada, language):
    chosen = {"person": f"default/{obj_pk(ada)}", "action": "export", "language": language}
    page = officer.post(TOOL, chosen, follow=True)
    assert "The selection could not be read" in page.content.decode()
    assert not Export.objects.exists()
