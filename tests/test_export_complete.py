"""The export that a reader opens without any tool: pages, uploaded files, and what was left out and why."""

import csv
import io
import json
import os
import posixpath
import re
import zipfile
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage
from django.db.models.fields.files import FieldFile
from django.utils import timezone as zones
from django.utils.translation import override
from hypothesis import given
from model_bakery import baker

from gdpr_assist import Party, Subject
from gdpr_assist.export import page
from gdpr_assist.export.archive import stream_zip, write_zip
from gdpr_assist.export.cleaning import upload_name
from gdpr_assist.export.page import shown
from gdpr_assist.registry import registry
from tests.apps.fields.models import ChoiceFields, NullBlankFields
from tests.apps.people.models import Chat, Circle, Profile, Sale
from tests.apps.shop.models import Customer, Order
from tests.apps.thirdparty.models import Device
from tests.logbook import customer
from tests.people import account, around, sale

from .observing import changed
from .test_export_json import VALUES

DJANGO = "django.template.backends.django.DjangoTemplates"
MARKUP = "<script>alert(1)</script><b onclick='x'>\"&amp;"


class Page(HTMLParser):
    """A page as a browser reads it: its tags with their attributes, its text, and the cells of its table."""

    EMPTY = {"meta", "link", "img"}

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.cells, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.text += " "
        if tag in ("td", "th"):
            self.cells.append("")
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if {"td", "th"} & set(self.open):
            self.cells[-1] += data

    def all(self, tag):
        return [attrs for each, attrs in self.tags if each == tag]

    @property
    def links(self):
        return [unquote(attrs.get("href") or attrs["src"]) for tag, attrs in self.tags if tag in ("a", "img", "link")]


def read(file):
    """Return {name: content} of a zip; every page leads to files that are there, and holds nothing that runs."""
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len({name.casefold() for name in names}) == len(names)
        files = {name: archive.read(name) for name in names}
    for name, content in files.items():
        assert not name.startswith(("/", "."))
        assert ".." not in name.split("/")
        if name.endswith(".html"):
            known = Page(content.decode())
            for link in known.links:
                assert posixpath.normpath(posixpath.join(posixpath.dirname(name), link)) in files, link
            assert {"script", "style", "iframe", "object", "form", "b"}.isdisjoint(tag for tag, _ in known.tags)
            assert not [key for _, attrs in known.tags for key in attrs if key == "style" or key.startswith("on")]
            assert all(attrs["scope"] == "col" for attrs in known.all("th"))
            assert all("alt" in attrs for attrs in known.all("img"))
            assert len(known.all("h1")) == len(known.all("main")) == len(known.all("title")) == 1
    return files


def exported(*models, **more):
    file = io.BytesIO()
    rows = [(model, model._base_manager.order_by("pk")) for model in models]
    counts = write_zip(file, rows, format="complete", **more)
    return read(file), counts


def of(person):
    file = io.BytesIO()
    person.export(file, format="complete")
    files = read(file)
    return files, json.loads(files["manifest.json"])


def table(files, name):
    """Return the header and the rows of a page."""
    known = Page(files[name].decode())
    width = len(known.all("th"))
    return [known.cells[at : at + width] for at in range(0, len(known.cells), width)]


def meta(**attributes):
    return type("PrivacyMeta", (), attributes)


def cover(files):
    return re.sub(r"\s+", " ", Page(files["index.html"].decode()).text)


@pytest.mark.django_db
class TestFiles:
    def test_all_formats_of_all_models(self):
        customer(name="Ada", born=date(1971, 11, 23))
        baker.make(Order, recipient="Ada")
        files, counts = exported(Customer, Order)
        assert list(files) == [
            "csv/shop-Customer.csv",
            "json/shop-Customer.json",
            "json/shop-Customer.schema.json",
            "tables/shop-Customer-1.html",
            "csv/orders.csv",
            "json/orders.json",
            "json/orders.schema.json",
            "tables/orders-1.html",
            "index.html",
            "export.css",
        ]
        assert counts == {
            "csv/shop-Customer.csv": 1,
            "json/shop-Customer.json": 1,
            "csv/orders.csv": 1,
            "json/orders.json": 1,
        }
        assert table(files, "tables/shop-Customer-1.html") == [
            ["Name", "Email", "Phone", "Born"],
            ["Ada", "ottoline@quillfeather.example", "0161 555 0147", "Nov. 23, 1971"],
        ]

    def test_the_byte_order_mark_is_in_csv_alone(self):
        customer(name="Ada")
        files, _ = exported(Customer, bom=True)
        assert [name for name, content in files.items() if content.startswith(b"\xef\xbb\xbf")] == [
            "csv/shop-Customer.csv"
        ]

    def test_nothing_of_no_model(self):
        assert list(exported()[0]) == ["index.html", "export.css"]
        assert "Nothing was found." in cover(exported()[0])

    def test_a_model_without_rows_has_no_page(self):
        files, _ = exported(Customer)
        assert not [name for name in files if name.startswith("tables/")]
        assert "0 rows" in cover(files)

    def test_pages(self, monkeypatch):
        monkeypatch.setattr(page, "ROWS_PER_PAGE", 2)
        for number in range(5):
            customer(name=f"{number}", email=f"{number}@quill.example")
        files, _ = exported(Customer)
        names = [f"tables/shop-Customer-{number}.html" for number in (1, 2, 3)]
        assert [[row[0] for row in table(files, name)[1:]] for name in names] == [["0", "1"], ["2", "3"], ["4"]]
        links = [Page(files[name].decode()).links[1:] for name in names]
        assert links == [
            ["../index.html", "shop-Customer-2.html"],
            ["../index.html", "shop-Customer-1.html", "shop-Customer-3.html"],
            ["../index.html", "shop-Customer-2.html"],
        ]
        assert {name for name in Page(files["index.html"].decode()).links if "tables" in name} == set(names)

    def test_a_page_has_as_many_rows_as_a_browser_shows_with_ease(self):
        assert page.ROWS_PER_PAGE == 1000

    def test_a_whole_that_cannot_be_read_in_pages_is_shown_in_pages(self, monkeypatch):
        monkeypatch.setattr(page, "ROWS_PER_PAGE", 2)
        for number in range(5):
            customer(name=f"{number}", email=f"{number}@quill.example")
        file = io.BytesIO()
        write_zip(file, [(Customer, Customer.objects.order_by("-name")[:3])], format="complete")
        files = read(file)
        assert [row[0] for row in table(files, "tables/shop-Customer-1.html")[1:]] == ["4", "3"]
        assert [row[0] for row in table(files, "tables/shop-Customer-2.html")[1:]] == ["2"]

    @pytest.mark.parametrize(
        "name", ["../../index.html", "index", "a/b", "con", "///", f"{MARKUP}.csv", "x.txt", "é#%?"]
    )
    def test_hostile_names(self, name):
        baker.make(Device, owner="Ada")
        baker.make(Order, recipient="Bea")
        with registry.registered(Device, meta(export_filename=name)), changed(Order, export_filename=name.upper()):
            files, _ = exported(Device, Order)
        assert len([each for each in files if each.startswith("tables/")]) == 2

    def test_what_was_not_searched_is_on_the_cover(self):
        customer(name="Ada")
        files, _ = exported(Customer, failed={Order: "OperationalError"})
        assert "Could not be searched Orders" in cover(files)
        assert "could-not-be-searched.txt" in files


@pytest.mark.django_db
class TestMarkup:
    def test_of_values_and_names(self, monkeypatch):
        monkeypatch.setattr(Customer._meta, "verbose_name_plural", f"people {MARKUP}")
        monkeypatch.setattr(Customer._meta.get_field("name"), "verbose_name", f"name {MARKUP}")
        customer(name=MARKUP)
        with changed(Customer, purpose=f"billing {MARKUP}", recipients=[f"bank {MARKUP}"]):
            files, _ = exported(Customer)
        assert table(files, "tables/shop-Customer-1.html")[0][0] == f"Name {MARKUP}"
        assert table(files, "tables/shop-Customer-1.html")[1][0] == MARKUP
        for text in (f"People {MARKUP}", f"billing {MARKUP}", f"bank {MARKUP}"):
            assert text in cover(files)

    @pytest.mark.parametrize("templates", [[], [{"BACKEND": DJANGO, "OPTIONS": {"autoescape": False}}]], ids=len)
    def test_whatever_templates_the_project_has(self, settings, templates):
        settings.TEMPLATES = templates
        page._engine.cache_clear()
        customer(name=MARKUP)
        assert table(exported(Customer)[0], "tables/shop-Customer-1.html")[1][0] == MARKUP

    def test_of_keys_that_a_method_gives(self):
        baker.make(Device, owner="Ada")
        with registry.registered(Device, meta(export=lambda self, row: {MARKUP: MARKUP, 7: {"a": [MARKUP]}})):
            [header, row] = table(exported(Device)[0], "tables/thirdparty-Device-1.html")
        assert header == [MARKUP, "7"]
        assert row[0] == MARKUP
        assert json.loads(row[1]) == {"a": [MARKUP]}

    def test_no_policy_lets_a_script_run(self):
        files, _ = exported(Customer)
        [policy] = [each["content"] for each in Page(files["index.html"].decode()).all("meta") if "http-equiv" in each]
        assert "script-src 'none'" in policy


class TestCells:
    @given(VALUES)
    def test_any_value_has_a_text(self, value):
        assert isinstance(shown(value), str)

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, ""),
            (True, "Yes"),
            (False, "No"),
            (7, "7"),
            (Decimal("12.50"), "12.50"),
            (Decimal("NaN"), "NaN"),
            (float("inf"), "inf"),
            (datetime(2024, 2, 29, 12, 30, tzinfo=timezone.utc), "Feb. 29, 2024, 12:30 p.m."),
            (date(2024, 2, 29), "Feb. 29, 2024"),
            (timedelta(days=1), "1 day, 0:00:00"),
            (b"x", "1 byte"),
            (memoryview(b"xyz"), "3 bytes"),
            (["é"], '[\n  "é"\n]'),
            ("two\nlines", "two\nlines"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_as_somebody_reads_it(self, value, text):
        with zones.override(timezone.utc):
            assert shown(value) == text

    def test_in_the_active_language(self):
        with override("de"):
            assert shown(Decimal("12.50")) == "12,50"
            assert shown(date(2024, 2, 29)) == "29. Februar 2024"

    @pytest.mark.django_db
    def test_choices_are_called_by_their_names(self):
        ChoiceFields.objects.create(mood="a", size=98)
        files, _ = exported(ChoiceFields)
        assert table(files, "tables/fields-ChoiceFields-1.html")[1] == ["Good", "Small"]
        assert json.loads(files["json/fields-ChoiceFields.json"]) == [{"mood": "a", "size": 98}]


@pytest.mark.django_db
class TestLanguage:
    @pytest.mark.parametrize(("language", "direction"), [("en", "ltr"), ("de", "ltr"), ("ar", "rtl")])
    def test_is_the_one_that_was_active_when_it_was_asked_for(self, language, direction):
        baker.make(Order, recipient="Ada", total=Decimal("12.50"))
        with override(language):
            pieces = stream_zip([(Order, Order.objects.all())], format="complete")
        with override("fr"):
            files = read(io.BytesIO(b"".join(pieces)))
        for name in ("index.html", "tables/orders-1.html"):
            [html] = Page(files[name].decode()).all("html")
            assert (html["lang"], html["dir"]) == (language, direction)
        assert ("12,50" if language == "de" else "12.50") in files["tables/orders-1.html"].decode() or language == "ar"

    def test_others_speak_theirs_meanwhile(self):
        customer(name="Ada")
        with override("de"):
            pieces = stream_zip([(Customer, Customer.objects.all())], format="complete")
        with override("fr"):
            assert {shown(date(2024, 2, 29)) for _ in pieces} == {"29 février 2024"}


@pytest.fixture
def stored():
    """Make a row with uploaded files; their storage is in memory."""

    def make(**files):
        row = baker.make(NullBlankFields)
        for column, (name, content) in files.items():
            getattr(row, column).save(name, ContentFile(content))
        return row

    return make


@pytest.fixture(autouse=True)
def _in_memory(monkeypatch):
    for column in ("file", "image"):
        monkeypatch.setattr(NullBlankFields._meta.get_field(column), "storage", InMemoryStorage())


STEM = "fields-NullBlankFields"
TABLE = f"tables/{STEM}-1.html"


@pytest.mark.django_db
class TestUploads:
    def test_are_there_and_images_are_shown(self, stored):
        stored(file=("letter.pdf", b"%PDF"), image=("ada.png", b"\x89PNG"))
        stored()
        with changed(NullBlankFields, export_fields=["file", "image"]):
            files, counts = exported(NullBlankFields)
        assert files[f"files/{STEM}/1-letter.pdf"] == b"%PDF"
        assert files[f"files/{STEM}/2-ada.png"] == b"\x89PNG"
        assert len([name for name in files if name.startswith("files/")]) == 2
        known = Page(files[TABLE].decode())
        assert known.all("img") == [{"src": f"../files/{STEM}/2-ada.png", "alt": "images/ada.png", "loading": "lazy"}]
        assert known.cells[2:] == ["files/letter.pdf", "", "", ""]
        assert "2 rows, 2 files" in cover(files)
        assert set(counts) == {f"csv/{STEM}.csv", f"json/{STEM}.json"}

    def test_once_however_many_rows_name_it(self, stored):
        row = stored(file=("a.txt", b"one"))
        baker.make(NullBlankFields, file=row.file.name)
        with changed(NullBlankFields, export_fields=["file"]):
            files, _ = exported(NullBlankFields)
        assert [name for name in files if name.startswith("files/")] == [f"files/{STEM}/1-a.txt"]
        assert len(Page(files[TABLE].decode()).all("a")) == 1 + 2

    def test_of_columns_that_are_exported_alone(self, stored):
        stored(file=("letter.pdf", b"%PDF"), image=("ada.png", b"\x89PNG"))
        with changed(NullBlankFields, export_fields=["file", "image"], export_exclude=["image"]):
            files, _ = exported(NullBlankFields)
        assert [name for name in files if name.startswith("files/")] == [f"files/{STEM}/1-letter.pdf"]

    def test_a_missing_file_is_named_and_breaks_nothing(self, stored):
        baker.make(NullBlankFields, file="files/gone.pdf", image="images/gone.png")
        stored(file=("there.pdf", b"%PDF"))
        with changed(NullBlankFields, export_fields=["file", "image"]):
            files, _ = exported(NullBlankFields)
        assert [name for name in files if name.startswith("files/")] == [f"files/{STEM}/3-there.pdf"]
        first = table(files, TABLE)[1]
        assert first == [f"{name} This file could not be read." for name in ("files/gone.pdf", "images/gone.png")]
        assert "files/gone.pdf (FileNotFoundError) images/gone.png (FileNotFoundError)" in cover(files)

    @pytest.mark.parametrize("error", [OSError("0161-555-0147"), ValueError("0161-555-0147"), PermissionError()])
    def test_a_storage_that_raises(self, stored, monkeypatch, error):
        def fail(self, mode="rb"):
            raise error

        stored(file=("a.pdf", b"%PDF"))
        monkeypatch.setattr(FieldFile, "open", fail)
        with changed(NullBlankFields, export_fields=["file"]):
            files, _ = exported(NullBlankFields)
        assert f"files/a.pdf ({type(error).__name__})" in cover(files)
        assert b"0161" not in b"".join(files.values())

    def test_a_storage_that_raises_half_way(self, stored, monkeypatch):
        def chunks(self, chunk_size=None):
            yield b"beginning"
            raise OSError

        stored(file=("a.pdf", b"%PDF"))
        monkeypatch.setattr(FieldFile, "chunks", chunks)
        with changed(NullBlankFields, export_fields=["file"]):
            files, _ = exported(NullBlankFields)
        assert files[f"files/{STEM}/1-a.pdf"] == b"beginning"
        assert table(files, TABLE)[1] == ["files/a.pdf Only a part of this file could be read."]
        assert "files/a.pdf (OSError): only a part of it could be read" in cover(files)

    def test_is_closed_again(self, stored, monkeypatch):
        closed = []
        close = FieldFile.close
        monkeypatch.setattr(FieldFile, "close", lambda self: (closed.append(self.name), close(self)))
        stored(file=("a.pdf", b"%PDF"))
        closed.clear()
        with changed(NullBlankFields, export_fields=["file"]):
            exported(NullBlankFields)
        assert closed == ["files/a.pdf"]

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("a/b/letter.pdf", "1-letter.pdf"),
            ("..\\..\\x.exe", "1-x.exe"),
            ("../../etc/passwd", "1-passwd"),
            ("", "1-file"),
            ("///", "1-file"),
            ("con", "1-_con"),
            ("page.html", "1-page.html.txt"),
            ("Me.SVG", "1-Me.SVG.txt"),
            ("x.xhtml", "1-x.xhtml.txt"),
            ("x.svg.png", "1-x.svg.png"),
            (f"{MARKUP}.png", "1-scriptb_onclickxamp.png"),
            ("\u202egnp.exe", "1-gnp.exe"),
        ],
    )
    def test_names(self, name, expected):
        assert upload_name(name, 1) == expected

    def test_a_long_name_is_cut_and_keeps_its_suffix(self):
        name = upload_name("é" * 200 + ".jpeg", 12)
        assert name.startswith("12-éé")
        assert name.endswith("é.jpeg")
        assert len(name.encode()) <= 103

    def test_a_name_that_leads_elsewhere_is_not_followed(self, monkeypatch, tmp_path, settings):
        settings.MEDIA_ROOT = tmp_path / "media"
        monkeypatch.undo()
        (tmp_path / "secret.txt").write_text("secret")
        baker.make(NullBlankFields, file="../secret.txt")
        with changed(NullBlankFields, export_fields=["file"]):
            files, _ = exported(NullBlankFields)
        assert b"secret\n" not in files.values()
        assert not [name for name in files if name.startswith("files/")]
        assert "../secret.txt (SuspiciousFileOperation)" in cover(files)


@pytest.mark.django_db
class TestPerson:
    def test_what_is_hers(self, ada, bob, stored):
        """The files of rows that are hers, and of nobody else; the same names in the manifest."""
        row = stored(image=("ada.png", b"\x89PNG"), file=("a.svg", b"<svg/>"))
        other = stored(image=("bob.png", b"\x89PNG"))
        for each, person in ((row, ada), (other, bob)):
            NullBlankFields.objects.filter(pk=each.pk).update(email=person.email)
        around(ada)
        with changed(NullBlankFields, export_fields=["image", "file"], identifiers={"email": "email"}):
            files, manifest = of(Subject(ada))
        assert [name for name in files if name.startswith("files/")] == [
            f"files/{STEM}/1-ada.png",
            f"files/{STEM}/2-a.svg.txt",
        ]
        [entry] = [each for each in manifest["files"] if each["model"] == "fields.NullBlankFields"]
        assert entry["file"] == f"csv/{STEM}.csv"
        assert entry["json"] == f"json/{STEM}.json"
        assert entry["schema"] == f"json/{STEM}.schema.json"
        assert entry["pages"] == [TABLE]
        assert entry["uploads"] == [
            {"column": "image", "name": "images/ada.png", "file": f"files/{STEM}/1-ada.png"},
            {"column": "file", "name": "files/a.svg", "file": f"files/{STEM}/2-a.svg.txt"},
        ]
        assert b"bob" not in b"".join(files.values())

    def test_an_unreadable_file_is_in_the_manifest(self, ada):
        baker.make(NullBlankFields, email=ada.email, file="files/gone.pdf")
        with changed(NullBlankFields, export_fields=["file"], identifiers={"email": "email"}):
            _, manifest = of(Subject(ada))
        [entry] = [each for each in manifest["files"] if each["model"] == "fields.NullBlankFields"]
        gone = {"column": "file", "name": "files/gone.pdf", "file": None, "error": "FileNotFoundError"}
        assert entry["uploads"] == [gone]

    def test_the_cover(self, ada, bob, packer):
        Profile.objects.create(account=ada, phone="555")
        around(ada)
        sale(bob, email=ada.email)
        sale(bob, packed_by=packer)
        with changed(Sale, purpose="To deliver", recipients=["The post"], export_exclude=["phone"]):
            files, manifest = of(Subject(ada))
        text = cover(files)
        assert f"Number of the export {manifest['reference']}" in text
        assert manifest["format"] == "complete"
        assert "This person is known by Email: ada@quill.example" in text
        assert "What it is used for To deliver" in text
        assert "Who receives it The post" in text
        assert "Left out Phone: left out by the declaration of this site" in text
        assert "Not certain to be about this person Sales: 1 row, by email, but about somebody else" in text
        assert "Where nothing was found" in text
        assert "This is a choice" not in text

    def test_why_rows_are_left_out_in_the_chosen_language(self, ada, bob, monkeypatch):
        """And in English in the manifest, which programs read."""
        sale(bob, email=ada.email)
        account("cid", brought_by=ada)
        german = {
            "by %(kind)s, but about somebody else": "über %(kind)s, doch ein Schlüssel führt woandershin",
        }
        monkeypatch.setattr("gdpr_assist.phrases._", lambda text: german.get(text, text))
        files, manifest = of(Subject(ada))
        text = cover(files)
        assert "Sales: 1 row, über email, doch ein Schlüssel führt woandershin" in text
        assert "Accounts: 1 row, in which this person is named under “brought by” only" in text
        assert manifest["not_included"] == ["people.Sale: 1 row, by email, but about somebody else"]
        assert manifest["acted"] == ["people.Account: 1 row, only acted (brought_by): not about this person"]

    def test_what_is_left_out_elsewhere_is_not_said_to_be_nowhere(self, ada):
        Circle.objects.create(host=Profile.objects.create(account=ada), motto="Sing")
        files, manifest = of(Subject(ada))
        assert manifest["acted"] == ["people.Circle: 1 row, only acted (host): not about this person"]
        assert "people.Circle" not in manifest["empty"]
        assert "Circles: 1 row, in which this person is named under “host” only" in cover(files)
        assert "Where nothing was found" in cover(files)
        assert "Circles" not in cover(files).partition("Where nothing was found")[2]

    def test_what_was_narrowed_says_so(self, ada):
        files, _ = of(Subject(ada, rows=lambda model, rows: rows))
        assert "This is a choice" in cover(files)

    def test_others_are_tokens_and_what_is_theirs_is_nowhere(self, ada, bob):
        Chat.objects.create(asker=ada, answerer=bob, question="Ada?", answer="Bob!")
        parties = {"asker": Party(erases=["question"]), "answerer": Party(erases=["answer"], sees=["question"])}
        with changed(Chat, subject=parties):
            files, _ = of(Subject(ada))
        assert b"Bob!" not in b"".join(files.values())
        assert "Chats (this person: asker)" in cover(files)
        assert "Left out Answer: it belongs to another person" in cover(files)
        [header, row] = table(files, "tables/people-Chat-1.html")
        token = dict(zip(header, row, strict=True))["Answerer"]
        [known] = csv.DictReader(io.StringIO(files["csv/people-Chat.csv"].decode()))
        assert known["answerer"] == token
        assert token.startswith("person-")

    def test_the_reference_is_another_one_each_time(self, ada):
        references = {of(Subject(ada))[1]["reference"] for _ in range(3)}
        assert len(references) == 3
        assert all(re.fullmatch("[0-9a-f]{8}", each) for each in references)

    def test_may_be_looked_at(self, ada, stored):
        """With EXPORT_TO a file, the zip stays there, for a look at its pages."""
        if "EXPORT_TO" in os.environ:
            for number in range(2500):
                sale(ada, recipient=f"Ada {number}", email=ada.email)
            around(ada)
            with (
                Path(os.environ["EXPORT_TO"]).open("wb") as file,
                changed(Sale, purpose="To deliver", recipients=["The post"], export_exclude=["phone"]),
            ):
                Subject(ada).export(file, format="complete")


@pytest.fixture
def packer():
    return baker.make("people.StaffAccount", email="cleo@quill.example")
