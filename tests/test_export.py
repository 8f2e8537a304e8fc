import csv
import enum
import io
import json
import tracemalloc
import uuid
import zipfile
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial

import django
import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import get_current_timezone
from model_bakery import baker

from gdpr_assist.exceptions import ExportError
from gdpr_assist.export import archive, page, records
from gdpr_assist.export.archive import NOT_SEARCHED, stream_zip, write_zip
from gdpr_assist.export.cleaning import cell, file_name
from gdpr_assist.registry import registry
from tests.apps.early.models import EarlyBird
from tests.apps.fields.models import PlainFields, TextKey, UndeclaredFields, UUIDKey
from tests.apps.shop.models import AuditEntry, Comment, Customer, GiftOrder, Order
from tests.apps.thirdparty.models import Device
from tests.logbook import customer
from tests.observing import spoken

pytestmark = pytest.mark.django_db


def exported(*models, using="default"):
    """Return {name of file: rows}, read as a spreadsheet would read the zip."""
    file = io.BytesIO()
    found = [(model, model._base_manager.using(using).order_by("pk")) for model in models]
    counts = write_zip(file, found)
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        texts = {name: archive.read(name).decode("utf-8") for name in archive.namelist()}
    files = {name: list(csv.reader(io.StringIO(text, newline=""))) for name, text in texts.items()}
    assert counts == {name: len(rows) - 1 for name, rows in files.items()}
    return files


def meta(**attributes):
    return type("PrivacyMeta", (), attributes)


class TestFiles:
    def test_one_for_each_model(self):
        customer(name="Ada", phone="", born=None)
        baker.make(EarlyBird, name="Bea", email="bea@quill.example", arrived=None)
        assert exported(Customer, EarlyBird) == {
            "shop-Customer.csv": [
                ["name", "email", "phone", "born"],
                ["Ada", "ottoline@quillfeather.example", "", ""],
            ],
            "early-EarlyBird.csv": [
                ["name", "email", "arrived"],
                ["Bea", "bea@quill.example", ""],
            ],
        }

    def test_none_for_no_model(self):
        assert exported() == {}

    def test_a_model_without_rows_has_its_header(self):
        assert exported(Customer) == {"shop-Customer.csv": [["name", "email", "phone", "born"]]}

    def test_a_declared_name(self):
        assert list(exported(Order)) == ["orders.csv"]

    def test_two_models_of_one_name(self):
        baker.make(Device, owner="Ada", address="10.0.0.1")
        baker.make(Order, recipient="Bea")
        with registry.registered(Device, meta(export_filename="orders.csv")):
            files = exported(Order, Device)
        assert list(files) == ["orders.csv", "thirdparty.Device-orders.csv"]
        assert files["orders.csv"][1][0] == "Bea"
        assert files["thirdparty.Device-orders.csv"][1][0] == "Ada"

    @pytest.mark.parametrize("given", ["in the list", "by hand"])
    def test_the_models_that_could_not_be_searched_are_named(self, given):
        customer(name="Ada")
        with registry.registered(Device, meta(search=lambda self, term: 1 / 0, export_filename=NOT_SEARCHED)):
            found = registry.search("ottoline@quillfeather.example")
            more = {} if given == "in the list" else {"failed": found.failed}
            found = found if given == "in the list" else [*found, (Device, Device.objects.all())]
            file = io.BytesIO()
            counts = write_zip(file, found, **more)
            with zipfile.ZipFile(file) as archive:
                texts = {name: archive.read(name).decode() for name in archive.namelist()}
        [name] = texts.keys() - counts.keys()
        assert name == (NOT_SEARCHED if given == "in the list" else f"gdpr_assist-{NOT_SEARCHED}")
        assert texts[name] == (
            "These models could not be searched. What they hold may be missing here.\n\n"
            "thirdparty.Device (ZeroDivisionError)\n"
        )

    def test_only_the_given_rows(self):
        customer(name="Ada")
        customer(name="Bea", email="bea@quill.example")
        file = io.BytesIO()
        counts = write_zip(file, [(Customer, Customer.objects.filter(name="Bea"))])
        assert counts == {"shop-Customer.csv": 1}
        with zipfile.ZipFile(file) as archive:
            text = archive.read("shop-Customer.csv").decode()
        assert "Bea" in text
        assert "Ada" not in text

    def test_the_given_database(self):
        customer(name="Ada")
        customer("other", name="Bea")
        assert exported(Customer, using="other")["shop-Customer.csv"][1][0] == "Bea"

    def test_one_query_for_each_page(self, monkeypatch):
        for number in range(5):
            customer(email=f"{number}@quill.example")
        for size, pages in ((10, 1), (2, 3)):
            monkeypatch.setattr(records, "ROWS_PER_PAGE", size)
            with CaptureQueriesContext(connections["default"]) as queries:
                assert len(exported(Customer)["shop-Customer.csv"]) == 6
            assert len(queries) == pages


class TestFileNames:
    """Each is unpacked under a name that no file system refuses, within the folder that was chosen."""

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("orders.csv", "orders.csv"),
            ("Žofie-注文.csv", "Žofie-注文.csv"),
            ("all orders.csv", "all_orders.csv"),
            ("../x.csv", "x.csv"),
            ("../../etc/x.csv", "etc-x.csv"),
            ("a/../b.csv", "a-b.csv"),
            ("/etc/passwd", "etc-passwd"),
            ("..\\..\\x.csv", "x.csv"),
            ("C:\\x.csv", "C-x.csv"),
            ("x.csv:stream", "x.csv-stream"),
            ("\uff0e\uff0e\uff0fx.csv", "x.csv"),
            ("a\0b\n\x1b.csv", "ab.csv"),
            ("\u202egpj.csv", "gpj.csv"),
            ("=1+1.csv", "11.csv"),
            ("\uff1dx.csv", "x.csv"),
            ("-rf.csv", "rf.csv"),
            (".hidden.csv", "hidden.csv"),
            ("x.csv. ", "x.csv"),
            ("CON", "_CON"),
            ("nul.csv", "_nul.csv"),
            ("Com1.tar.gz", "_Com1.tar.gz"),
            ("COM¹.csv", "_COM1.csv"),
            ("LPT9", "_LPT9"),
            ("console.csv", "console.csv"),
            ("", "shop.Order.csv"),
            ("..", "shop.Order.csv"),
            ("///", "shop.Order.csv"),
            ("=?*", "shop.Order.csv"),
        ],
    )
    def test_what_some_file_system_does_not_take(self, name, expected):
        assert file_name(name, label="shop.Order", taken=()) == expected

    @pytest.mark.parametrize(
        ("name", "suffix"), [("x" * 300 + ".csv", ".csv"), ("é" * 200 + ".csv", ".csv"), ("a." + "注" * 200, "")]
    )
    def test_what_is_too_long_is_cut_and_keeps_its_suffix(self, name, suffix):
        cut = file_name(name, label="shop.Order", taken=())
        assert 250 < len(cut.encode()) <= 255
        assert cut.endswith(suffix)
        other = file_name(name, label="shop.Order", taken=[cut])
        assert other.casefold() != cut.casefold()
        assert other.startswith("shop.Order-")
        assert len(other.encode()) <= 255

    def test_names_that_only_differ_in_their_letters_do_not_overwrite_each_other(self):
        taken = []
        for name in ("Straße.csv", "STRASSE.csv", "strasse.CSV", "é.csv", "e\u0301.csv"):
            taken.append(file_name(name, label="shop.Order", taken=taken))
        assert taken == [
            "Straße.csv",
            "shop.Order-STRASSE.csv",
            "2-shop.Order-strasse.CSV",
            "é.csv",
            "shop.Order-é.csv",
        ]

    def test_in_the_zip(self):
        baker.make(Device, owner="Ada")
        baker.make(Order, recipient="Bea")
        with registry.registered(Device, meta(export_filename="../ORDERS.csv", export_fields=["owner"])):
            files = exported(Order, Device)
        assert list(files) == ["orders.csv", "thirdparty.Device-ORDERS.csv"]
        assert files["thirdparty.Device-ORDERS.csv"] == [["owner"], ["Ada"]]

    def test_the_default_names_stay(self):
        for declared in registry:
            name = declared.export_filename
            assert file_name(name, label=declared.label, taken=()) == name


def pieces(queryset, **more):
    return stream_zip([(queryset.model, queryset)], **more)


def names(queryset):
    """Return the first column of what is exported, read page by page."""
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces(queryset)))) as archive:
        [name] = archive.namelist()
        text = archive.read(name).decode()
    return [row[0] for row in csv.reader(io.StringIO(text, newline=""))][1:]


class TestPages:
    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch):
        monkeypatch.setattr(records, "ROWS_PER_PAGE", 2)

    @pytest.fixture
    def five(self):
        return [customer(name=f"{number}", email=f"{number}@quill.example") for number in range(5)]

    def test_in_the_order_of_keys(self, five):
        assert names(Customer.objects.order_by("-name")) == ["0", "1", "2", "3", "4"]

    def test_conditions_hold_on_each_page(self, five):
        assert names(Customer.objects.exclude(name="1")) == ["0", "2", "3", "4"]

    def test_each_row_once_however_often_it_is_joined(self, five):
        for each in five:
            baker.make(Order, customer=each, recipient="x", _quantity=3)
        joined = Customer.objects.filter(orders__recipient="x")
        assert joined.count() == 15
        assert names(joined) == names(joined.distinct()) == ["0", "1", "2", "3", "4"]

    def test_querysets_that_cannot_be_read_in_pages(self, five):
        rows = Customer.objects.all()
        assert names(rows.order_by("-name")[1:4]) == ["3", "2", "1"]
        assert sorted(names(rows.filter(name="0").union(rows.filter(name="4")))) == ["0", "4"]
        if connection.features.can_distinct_on_fields:
            assert names(rows.order_by("phone", "name").distinct("phone")) == ["0"]

    def test_keys_that_are_no_numbers(self):
        for word in ("b", "a", "z", "a-b", "c"):
            baker.make(TextKey, word=word, name=word)
        made = [baker.make(UUIDKey, name=f"{number}") for number in range(5)]
        assert sorted(names(TextKey.objects.all())) == ["a", "a-b", "b", "c", "z"]
        assert sorted(names(UUIDKey.objects.all())) == sorted(each.name for each in made)

    @pytest.mark.skipif(django.VERSION < (5, 2), reason="no composite keys before Django 5.2")
    def test_composite_keys(self):
        model = apps.get_model("fields", "CompositeKey")
        for number in range(5):
            model.objects.create(tenant=number % 2, number=number, name=f"{number}")
        with registry.registered(model, meta(can_anonymise=False, export_fields=["name"])):
            assert names(model.objects.all()) == ["0", "2", "4", "1", "3"]

    def test_a_custom_export_is_asked_twice_as_its_columns_are_not_known(self, five):
        def late(self, instance):
            return {"owner": instance.owner, **({"last": "yes"} if instance.owner == "4" else {})}

        for each in five:
            Device.objects.create(owner=each.name, address="192.0.2.1")
        with (
            registry.registered(Device, meta(export=late)),
            CaptureQueriesContext(connections["default"]) as queries,
        ):
            rows = exported(Device)["thirdparty-Device.csv"]
        assert rows == [["owner", "last"], ["0", ""], ["1", ""], ["2", ""], ["3", ""], ["4", "yes"]]
        assert len(queries) == 2 * 3


class TestStream:
    @pytest.fixture
    def devices(self):
        """Make 20,000 rows that cannot be compressed much."""
        rows = [Device(owner=uuid.uuid4().hex, address="192.0.2.1") for _number in range(20_000)]
        Device.objects.bulk_create(rows, batch_size=1000)

    def test_what_was_read_is_given_out_before_more_is_read(self, monkeypatch, devices):
        monkeypatch.setattr(records, "ROWS_PER_PAGE", 2500)
        with registry.registered(Device, meta()), CaptureQueriesContext(connections["default"]) as queries:
            read = [len(queries) for chunk in pieces(Device.objects.all()) if chunk]
        assert read == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]

    @pytest.mark.parametrize("format", archive.FORMATS)
    @pytest.mark.parametrize("declared", [{}, {"export": lambda self, row: {"owner": row.owner}}], ids=["", "own"])
    def test_memory_does_not_grow_with_the_rows(self, monkeypatch, devices, format, declared):
        monkeypatch.setattr(records, "ROWS_PER_PAGE", 500)
        monkeypatch.setattr(page, "ROWS_PER_PAGE", 250)
        few, many = Device.objects.filter(pk__lte=_key(1_000)), Device.objects.all()
        with registry.registered(Device, meta(**declared)):
            # What is made once and kept, as the templates are
            peak(few, format=format)
            assert peak(many, format=format) < peak(few, format=format) * 1.3

    def test_an_entry_may_be_larger_than_4_gib(self, monkeypatch):
        monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
        for number in range(100):
            customer(name=f"{number}", email=f"{number}@quill.example")
        assert names(Customer.objects.all()) == [f"{number}" for number in range(100)]

    def test_nothing_of_no_model_is_a_zip_too(self):
        with zipfile.ZipFile(io.BytesIO(b"".join(stream_zip([])))) as archive:
            assert archive.namelist() == []


def _key(count):
    return Device.objects.order_by("pk").values_list("pk", flat=True)[count - 1]


def peak(queryset, **more):
    """Return the most memory, in bytes, that an export takes beyond what is taken already."""
    tracemalloc.start()
    try:
        for _chunk in pieces(queryset, **more):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class TestFormats:
    def written(self, **more):
        file = io.BytesIO()
        counts = write_zip(file, [(Device, Device.objects.all())], **more)
        with zipfile.ZipFile(file) as found:
            return counts, {name: found.read(name).decode() for name in found.namelist()}

    @pytest.mark.parametrize(
        ("declared", "name", "schema"),
        [
            ({}, "thirdparty-Device.json", "thirdparty-Device.schema.json"),
            ({"export_filename": "devices.csv"}, "devices.json", "devices.schema.json"),
            ({"export_filename": "devices.txt"}, "devices.txt", "devices.txt.schema.json"),
            ({"export_filename": "///"}, "thirdparty.Device.json", "thirdparty.Device.schema.json"),
        ],
        ids=str,
    )
    def test_is_chosen_by_its_name(self, declared, name, schema):
        Device.objects.create(owner="Ada", address="192.0.2.1")
        with registry.registered(Device, meta(fields=["owner"], **declared)):
            counts, texts = self.written(format="json")
        assert counts == {name: 1}
        assert list(texts) == [name, schema]
        assert texts[name] == '[\n{"owner": "Ada", "address": "192.0.2.1"}\n]\n'

    def test_is_csv_where_none_is_named(self):
        Device.objects.create(owner="=Ada", address="192.0.2.1")
        with registry.registered(Device, meta(export_fields=["owner"])):
            assert self.written() == self.written(format="csv")
            assert self.written()[1] == {"thirdparty-Device.csv": "owner\r\n'=Ada\r\n"}

    def test_csv_begins_with_a_byte_order_mark_where_that_is_asked_for(self):
        Device.objects.create(owner="Žofie", address="192.0.2.1")
        with registry.registered(Device, meta(export_fields=["owner"])):
            assert self.written(bom=True)[1] == {"thirdparty-Device.csv": "\ufeffowner\r\nŽofie\r\n"}
            assert self.written(bom=True, format="json") == self.written(format="json")

    @pytest.mark.parametrize("write", [lambda **more: write_zip(io.BytesIO(), [], **more), partial(stream_zip, [])])
    def test_an_unknown_name_is_refused_with_those_there_are(self, write):
        known = ", ".join(sorted(archive.FORMATS))
        with pytest.raises(ValueError, match=rf"^There is no format 'xml' of an export\. Known are: {known}\.$"):
            write(format="xml")

    @pytest.mark.parametrize("format", archive.FORMATS)
    def test_files_were_made_now(self, format):
        before = datetime.now(get_current_timezone())
        file = io.BytesIO()
        write_zip(file, [(Customer, Customer.objects.all())], format=format)
        with zipfile.ZipFile(file) as found:
            made = {datetime(*each.date_time, tzinfo=before.tzinfo) for each in found.infolist()}
        # In a zip, seconds are even.
        assert {before <= each + timedelta(seconds=2) <= before + timedelta(minutes=5) for each in made} == {True}


class TestErrors:
    """An export that breaks off must not pass for a whole one, nor tell what it read."""

    SECRET = "0161-555-0147"

    @pytest.fixture(autouse=True)
    def _broken(self, monkeypatch):
        monkeypatch.setattr(records, "ROWS_PER_PAGE", 2)
        for number in range(5):
            Device.objects.create(owner=self.SECRET if number == 3 else "Ada", address="192.0.2.1")

        def broken(self, instance):
            if instance.owner != "Ada":
                raise ValueError(f"cannot parse {instance.owner}")
            return {"owner": instance.owner}

        # Not in the class: what is custom there is read to its end before anything is given out.
        with registry.registered(Device, meta()) as declared:
            monkeypatch.setattr(declared.meta, "export", broken.__get__(declared.meta), raising=False)
            yield

    def test_the_error_names_the_model_and_no_value(self):
        taken = []
        with pytest.raises(ExportError) as raised:
            taken.extend(pieces(Device.objects.all()))
        text = spoken(raised.value)
        assert "thirdparty.Device: the export broke off: ValueError (line " in text
        assert "of broken)" in text
        assert self.SECRET not in text

    @pytest.mark.parametrize("format", archive.FORMATS)
    def test_the_beginning_does_not_open_as_a_zip(self, format):
        taken = io.BytesIO()
        with pytest.raises(ExportError):
            taken.writelines(pieces(Device.objects.all(), format=format))
        assert taken.getvalue().startswith(b"PK")
        assert not zipfile.is_zipfile(taken)

    def test_nor_does_a_file(self, tmp_path):
        path = tmp_path / "export.zip"
        with path.open("wb") as file, pytest.raises(ExportError):
            write_zip(file, [(Customer, Customer.objects.all()), (Device, Device.objects.all())])
        assert path.stat().st_size > 0
        assert not zipfile.is_zipfile(path)


class TestColumns:
    def test_by_default_all_but_keys_and_relations_in_their_order(self):
        baker.make(
            Order,
            recipient="Ada",
            email="ada@quill.example",
            delivery_note="Ring twice",
            placed=datetime(2024, 2, 29, 12, 30, tzinfo=timezone.utc),
            total=Decimal("12.50"),
            customer=customer(),
        )
        assert exported(Order)["orders.csv"] == [
            ["recipient", "email", "delivery_note", "placed", "total"],
            ["Ada", "ada@quill.example", "Ring twice", "2024-02-29 12:30:00+00:00", "12.50"],
        ]

    def test_no_many_to_many_field(self):
        assert exported(UndeclaredFields) == {"fields-UndeclaredFields.csv": [["name", "email", "created"]]}

    def test_no_hashed_password(self):
        User.objects.create_user("ada", "ada@quill.example", "secret")
        [header, row] = exported(User)["auth-User.csv"]
        assert "password" not in header
        assert {"username", "email", "first_name", "last_name"} <= set(header)
        assert not any("md5$" in cell for cell in row)

    def test_a_column_called_password_of_a_model_that_is_no_user_is_exported(self):
        with registry.registered(Device, meta(export_fields=["owner", "address"])):
            assert exported(Device)["thirdparty-Device.csv"] == [["owner", "address"]]

    def test_what_a_child_inherits(self):
        baker.make(GiftOrder, recipient="Ada", greeting="Get well")
        [header, row] = exported(GiftOrder)["shop-GiftOrder.csv"]
        assert dict(zip(header, row, strict=True))["greeting"] == "Get well"
        assert dict(zip(header, row, strict=True))["recipient"] == "Ada"
        assert "order_ptr" not in header

    def test_excluded_ones(self):
        baker.make(AuditEntry, actor="ada@quill.example")
        assert exported(AuditEntry)["shop-AuditEntry.csv"] == [["actor"], ["ada@quill.example"]]

    def test_declared_ones_in_the_declared_order(self):
        baker.make(Device, owner="Ada", address="10.0.0.1")
        with registry.registered(Device, meta(export_fields=["address", "owner"])):
            assert exported(Device)["thirdparty-Device.csv"] == [
                ["address", "owner"],
                ["10.0.0.1", "Ada"],
            ]

    def test_declared_relations_and_keys_are_there(self):
        device = baker.make(Device, owner="Ada")
        with registry.registered(Device, meta(export_fields=["id", "owner"])):
            assert exported(Device)["thirdparty-Device.csv"][1] == [str(device.pk), "Ada"]

    def test_a_custom_export(self):
        baker.make(Comment, display_name="Ada", body="Hello")
        assert exported(Comment)["shop-Comment.csv"] == [["name", "length"], ["Ada", "5"]]

    def test_a_custom_export_whose_rows_differ(self):
        def export(self, instance):
            known = {"owner": instance.owner}
            return known | {"secret": "yes"} if instance.owner == "Bea" else known

        baker.make(Device, owner="Ada")
        baker.make(Device, owner="Bea")
        with registry.registered(Device, meta(export=export)):
            assert exported(Device)["thirdparty-Device.csv"] == [
                ["owner", "secret"],
                ["Ada", ""],
                ["Bea", "yes"],
            ]


class Level(enum.IntEnum):
    FORMULA = 1

    def __str__(self):
        return "=1+1"


def speaking(kind, *arguments):
    """Return an object of a subclass of ``kind`` that has a text of its own."""
    return type("Own", (kind,), {"__str__": lambda self: "=1+1"})(*arguments)


class TestCells:
    def cell(self, value):
        customer(name=value)
        return exported(Customer)["shop-Customer.csv"][1][0]

    @pytest.mark.parametrize(
        "text",
        [
            "=1+1",
            '=HYPERLINK("http://evil.example","x")',
            "@SUM(A1)",
            "+cmd|' /C calc'!A0",
            "-cmd|' /C calc'!A0",
            "\t=1+1",
            "\r=1+1",
            "\ttext",
            "  =1+1",
            "\u00a0=1+1",
            "\u3000=1+1",
            "\ufeff=1+1",
            "\u200b\u200d=1+1",
            "\u00ad=1+1",
            "\u202e=1+1",
            "\u0301=1+1",
            " \x01 @SUM(A1)",
            "\u200b-cmd",
            "\uff1d1+1",
            "\uff0b1+1",
            "\uff0d1+1",
            "\uff20SUM(A1)",
            "\ufe661+1",
            "-5,=1+1",
        ],
    )
    def test_a_formula_is_made_text(self, text):
        assert self.cell(text) == f"'{text}"

    @pytest.mark.parametrize(
        "text",
        [
            "Ada",
            "",
            "+44 161 555 0147",
            "-12.5",
            "+44 (0)161-555",
            "a=b",
            "1-2",
            "o'clock",
            "'quoted'",
            " -5",
            "\u200b-5",
            "a\n-5\n+44 161",
            "a; b;\tc",
            "a, =1+1",
            "a\n 1=1",
        ],
    )
    def test_anything_else_stays_as_it_is(self, text):
        assert self.cell(text) == text

    @pytest.mark.parametrize(
        "text",
        ["Žofie Ångström", "北京", "مرحبا", "😀", 'say "hello", twice', "two\nlines", " spaced "],
    )
    def test_text_comes_out_as_it_went_in(self, text):
        assert self.cell(text) == text

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("\n=1+1", "'\n'=1+1"),
            ("\r\n =1+1", "'\r\n' =1+1"),
            ("Ada\n=1+1\nBea", "Ada\n'=1+1\nBea"),
            ("Ada\r\n\u200b@SUM(A1)", "Ada\r\n'\u200b@SUM(A1)"),
            ("Ada\r=1+1", "Ada\r'=1+1"),
            ("Ada\u2028\uff1d1+1", "Ada\u2028'\uff1d1+1"),
            ("Ada;=1+1", "Ada;'=1+1"),
            ("Ada\t=1+1", "Ada\t'=1+1"),
            ("-5\n-cmd", "'-5\n'-cmd"),
        ],
    )
    def test_a_formula_further_in_is_made_text_where_a_program_may_split(self, text, expected):
        assert self.cell(text) == expected

    @pytest.mark.parametrize("value", [-5, -1e-07, float("-inf"), Decimal("-1E+2"), True], ids=repr)
    def test_numbers_stay_numbers(self, value):
        baker.make(Device, owner="Ada")
        with registry.registered(Device, meta(export=lambda self, instance: {"value": value})):
            assert exported(Device)["thirdparty-Device.csv"][1] == [str(value)]

    @pytest.mark.parametrize(
        "value",
        [
            Level.FORMULA,
            speaking(int, 1),
            speaking(float, 1),
            speaking(Decimal, 1),
            speaking(date, 1971, 11, 23),
            speaking(str, "Ada"),
        ],
        ids=lambda value: type(value).__mro__[1].__name__,
    )
    def test_what_is_written_is_guarded_whatever_it_stands_for(self, value):
        baker.make(Device, owner="Ada")
        with registry.registered(Device, meta(export=lambda self, instance: {value: value})):
            assert exported(Device)["thirdparty-Device.csv"] == [["'=1+1"], ["'=1+1"]]

    def test_headers_are_guarded_too(self):
        keys = ["=1+1", "\u200b\uff1d1+1", "a\n=1", "name", "-5"]
        baker.make(Device, owner="Ada")
        with registry.registered(Device, meta(export=lambda self, instance: dict.fromkeys(keys, instance.owner))):
            [header, row] = exported(Device)["thirdparty-Device.csv"]
        assert header == ["'=1+1", "'\u200b\uff1d1+1", "a\n'=1", "name", "-5"]
        assert row == ["Ada"] * 5

    def test_long_blank_text_takes_no_time_that_grows_with_its_square(self):
        assert cell("\n" * 1_000_000 + "=1").endswith("'=1")

    def test_a_custom_export_is_guarded_too(self):
        baker.make(Comment, display_name="=1+1", body="")
        assert exported(Comment)["shop-Comment.csv"][1] == ["'=1+1", "0"]

    def test_values_that_are_no_text(self):
        customer(born=date(1971, 11, 23))
        assert exported(Customer)["shop-Customer.csv"][1][3] == "1971-11-23"

    def test_every_field_class_gives_something_to_read(self):
        """Of a binary column PostgreSQL's driver gives an address in memory, unless it is asked for the bytes."""
        baker.make(PlainFields, binary=b"fingerprint", json={"diet": "vegan"}, boolean=True)
        [header, row] = exported(PlainFields)["fields-PlainFields.csv"]
        cells = dict(zip(header, row, strict=True))
        assert "fingerprint" in cells["binary"]
        assert "vegan" in cells["json"]
        assert cells["boolean"] == "True"
        assert len(cells) == len(PlainFields._meta.concrete_fields) - 1


class TestNested:
    VALUE = {"diet": ["vegan", None, True], "née": "Žofie"}

    @pytest.mark.parametrize("value", [VALUE, ["Ada", 1, None], {}, []], ids=repr)
    def test_the_value_of_a_json_column_is_json(self, value):
        baker.make(PlainFields, json=value)
        [header, row] = exported(PlainFields)["fields-PlainFields.csv"]
        assert json.loads(dict(zip(header, row, strict=True))["json"]) == value

    def test_letters_are_readable(self):
        baker.make(PlainFields, json=self.VALUE)
        [header, row] = exported(PlainFields)["fields-PlainFields.csv"]
        assert dict(zip(header, row, strict=True))["json"] == '{"diet": ["vegan", null, true], "née": "Žofie"}'

    def test_what_a_custom_export_gives_is_json_too(self):
        class Privacy:
            fields = ["owner", "address"]

            def export(self, instance):
                return {"seen": {"on": date(1971, 11, 23)}, "names": [instance.owner]}

        baker.make(Device, owner="Ada", address="10.0.0.1")
        with registry.registered(Device, Privacy):
            [header, row] = exported(Device)["thirdparty-Device.csv"]
        assert header == ["seen", "names"]
        assert [json.loads(cell) for cell in row] == [{"on": "1971-11-23"}, ["Ada"]]
