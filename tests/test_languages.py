"""The catalogues of translations: every text of the code, in the forms that the language has, and compiled."""

import re
import shutil
from pathlib import Path

import polib
import pytest
from django.core.management import call_command

import gdpr_assist

pytestmark = pytest.mark.anywhere

PACKAGE = Path(gdpr_assist.__file__).parent
CATALOGUES = {path.parts[-3]: path for path in sorted(PACKAGE.glob("locale/*/LC_MESSAGES/django.po"))}

# Those that docs/reference/languages.rst promises
LANGUAGES = {"de", "es", "fr", "it", "nl", "pl", "sv"}

NEEDED = "To see whether a text is missing in a catalogue takes GNU gettext (apt-get install gettext)."

PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]")
TAG = re.compile(r"</?\w+[^>]*>")
ENDING = re.compile(r"[.:?…]?\Z")

# {language: what is the same word in English}
SAME = {
    "de": {"Export", "Export %(number)s"},
    "es": {"No", "%(size)s byte", "%(size)s bytes"},
    "fr": {"Page %(number)s", "Pages", "format"},
    "it": {"GDPR", "No", "%(files)s file", "%(size)s byte"},
    "nl": {"Export", "Export %(number)s", "Exports", "export", "exports", "%(size)s byte", "%(size)s bytes"},
    "pl": {"format"},
    "sv": {"Export", "Export %(number)s", "GDPR", "export", "format", "%(number)s person", "%(size)s byte"},
}


def key(entry):
    return entry.msgctxt, entry.msgid, entry.msgid_plural


def pairs(entry):
    """Yield each text of an entry with its translation."""
    if not entry.msgid_plural:
        yield entry.msgid, entry.msgstr
        return
    for form, text in entry.msgstr_plural.items():
        # The first form is that of one: a language may say it without the number, as English does, or with it.
        yield (entry.msgid if form == 0 else entry.msgid_plural), text


def wrong(catalogue, is_wrong):
    """Return the pairs of a catalogue of which ``is_wrong`` is true."""
    return [
        (text, translated) for entry in catalogue for text, translated in pairs(entry) if is_wrong(text, translated)
    ]


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """What ``makemessages`` gathers from the code now."""
    if not shutil.which("xgettext"):
        pytest.skip(NEEDED)
    copied = tmp_path_factory.mktemp("texts") / "gdpr_assist"
    shutil.copytree(PACKAGE, copied, ignore=shutil.ignore_patterns("locale", "__pycache__"))
    (copied / "locale").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(copied)
        call_command("makemessages", locale=["de"], verbosity=0)
    return polib.pofile(str(copied / "locale/de/LC_MESSAGES/django.po"))


@pytest.fixture(params=sorted(CATALOGUES))
def language(request):
    return request.param


@pytest.fixture
def catalogue(language):
    return polib.pofile(str(CATALOGUES[language]))


def test_each_language_has_a_catalogue():
    assert CATALOGUES.keys() == LANGUAGES


def test_texts_are_gathered_from_code_and_templates(texts):
    assert {"Anonymise data", "Yes, erase this person", "Personal data"} <= {entry.msgid for entry in texts}


def test_no_text_is_missing_and_none_is_left_over(texts, catalogue):
    """A text that was changed, or is new: run ``make messages``, and translate it."""
    assert set(map(key, texts)) - set(map(key, catalogue)) == set()
    assert set(map(key, catalogue)) - set(map(key, texts)) == set()


def test_each_text_is_translated(catalogue):
    assert wrong(catalogue, lambda text, translated: not translated.strip()) == []
    assert [entry.msgid for entry in catalogue if entry.fuzzy or entry.obsolete] == []


def test_each_number_has_its_form(catalogue):
    forms = int(re.search(r"nplurals=(\d)", catalogue.metadata["Plural-Forms"])[1])
    assert [
        entry.msgid for entry in catalogue if entry.msgid_plural and sorted(entry.msgstr_plural) != list(range(forms))
    ] == []


def test_placeholders_are_those_of_the_text(catalogue):
    for entry in catalogue:
        for text, translated in pairs(entry):
            allowed = [set(PLACEHOLDER.findall(each)) for each in (text, entry.msgid_plural or text)]
            assert set(PLACEHOLDER.findall(translated)) in allowed, translated
    assert wrong(catalogue, lambda text, translated: TAG.findall(text) != TAG.findall(translated)) == []
    assert wrong(catalogue, lambda text, translated: "%" in PLACEHOLDER.sub("", translated)) == []


def test_each_begins_and_ends_as_the_text_does(catalogue):
    assert wrong(catalogue, lambda text, translated: translated != translated.strip()) == []
    assert wrong(catalogue, lambda text, translated: ENDING.search(text)[0] != ENDING.search(translated)[0]) == []


def test_nothing_is_left_in_english(language, catalogue):
    same = {text for text, translated in wrong(catalogue, lambda text, translated: text == translated)}
    assert {text for text in same if PLACEHOLDER.sub("", text).strip()} == SAME.get(language, set())


def test_what_is_compiled_is_what_stands_in_the_catalogue(language):
    compiled = polib.mofile(str(CATALOGUES[language].with_suffix(".mo")))

    def translations(entries):
        return {key(each): each.msgstr or each.msgstr_plural for each in entries}

    written = polib.pofile(str(CATALOGUES[language]))
    assert translations(compiled) == translations(written)
    assert compiled.metadata["Plural-Forms"] == written.metadata["Plural-Forms"]
