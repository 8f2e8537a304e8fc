import csv
import io
import json
import zipfile
from datetime import date, datetime, timezone
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test.utils import CaptureQueriesContext
from model_bakery import baker

from gdpr_assist.export import write_zip
from gdpr_assist.registry import registry
from tests.apps.early.models import EarlyBird
from tests.apps.fields.models import PlainFields, UndeclaredFields
from tests.apps.shop.models import AuditEntry, Comment, Customer, GiftOrder, Order
from tests.apps.thirdparty.models import Device
from tests.logbook import customer

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

    def test_one_query_whatever_the_number_of_rows(self):
        for number in range(5):
            customer(email=f"{number}@quill.example")
        with CaptureQueriesContext(connections["default"]) as queries:
            exported(Customer)
        assert len(queries) == 1


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
