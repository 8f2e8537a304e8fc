"""``GDPR_SCRUB_RULES``: what a scrub puts into fields of a name, or of a class, in whatever model."""

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from unittest import mock

import django
import pytest
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import Error, connection
from django.db.models import CharField, CheckConstraint, F, GenericIPAddressField, Q, Value
from django.db.models.functions import Cast, Concat, Upper
from django.db.models.signals import post_save
from model_bakery import baker

from gdpr_assist import AnonymiseError, Pseudonym, Replacement
from gdpr_assist.checks.constraints import check_E017
from gdpr_assist.checks.leaving import check_E051, check_E058, check_W038
from gdpr_assist.checks.people import check_E049
from gdpr_assist.declaring.owners import Owner
from gdpr_assist.execution import ranges
from gdpr_assist.models import PrivacyModel, Scrub
from gdpr_assist.planning.plans import plan
from gdpr_assist.registry import registry
from gdpr_assist.scrubbing import ruled
from gdpr_assist.scrubbing import rules as of_rules
from gdpr_assist.scrubbing.preview import described, done, untouched
from gdpr_assist.scrubbing.run import prepare, scrub
from gdpr_assist.scrubbing.verification import failures, verify
from gdpr_assist.signals import post_anonymise, pre_anonymise, rows_anonymised
from tests.apps.own.models import Account, Document, Editor, Loan, Patron, Person, Reader, SignedDocument, Writer
from tests.apps.people.models import Remark
from tests.apps.shop.models import (
    AuditEntry,
    Boat,
    Category,
    Company,
    Customer,
    Department,
    GiftOrder,
    Home,
    Houseboat,
    Order,
    PaintedHouseboat,
    Plant,
    Product,
    Tree,
)
from tests.apps.thirdparty.models import Device, Letter

from .logbook import customer, logged
from .observing import changed, listening, markers, queries, row, updates

pytestmark = pytest.mark.django_db(transaction=True)

IP = "django.db.models.GenericIPAddressField"
NOBODY = Value("192.0.2.1")
STAY = ["number", "country", "is_deleted", "referred_by"]


@pytest.fixture(autouse=True)
def _every_model_may_be_personal(settings):
    settings.GDPR_NOT_PERSONAL = ["fields.CompositeKey"]


@pytest.fixture
def rules(settings):
    def rules(given=None, **names):
        settings.GDPR_SCRUB_RULES = {**(given or {}), **names}

    return rules


def label(*models):
    return [each._meta.label for each in models]


def prepared(*models, but=(), **options):
    return prepare(["default"], only=label(*models), but=label(*but), **options)


def scrubbed(*models, **options):
    work = prepared(*models, **options)
    scrub(work, compact=False)
    return work


def lines(*models):
    return [line.removeprefix("default: ") for line in described(prepared(*models))]


def device(owner="Ada", address="203.0.113.7"):
    return Device.objects.create(owner=owner, address=address)


def saying_nothing_of(name, model=Customer, **attributes):
    """Declare the model without this field, which is neither personal nor kept then."""
    declared = registry.declaration(model).meta
    listed = {each: [other for other in getattr(declared, each) if other != name] for each in ("fields", "keep")}
    return changed(model, **{**listed, **attributes})


def mistakes():
    return [each.msg for each in check_E058()]


# -- models that are not registered ----------------------------------------------------------------


@pytest.mark.parametrize("marks", [True, False])
@pytest.mark.parametrize("batch_size", [None, 2])
def test_a_model_that_is_not_registered_is_scrubbed(rules, marks, batch_size):
    rules({IP: NOBODY}, owner=Concat(Value("Device "), Cast("pk", CharField())))
    devices = [device(owner) for owner in ("Ada", "Grace", "")]
    before = logged()
    work = scrubbed(Device, marks=marks, batch_size=batch_size)
    for each in devices:
        assert row(each) == {"id": each.pk, "owner": f"Device {each.pk}", "address": "192.0.2.1"}
    assert done(work).startswith("Anonymised 1 table. No event was logged.")
    assert (logged(), markers(Device), Scrub.objects.count()) == (before, [], 0)
    assert Device not in registry


def test_each_model_with_the_name_is_scrubbed_and_no_other(rules):
    rules(name=None)
    company = Company.objects.create(name="Quill Ltd")
    department = Department.objects.create(company=company, name="Ada's")
    group = Group.objects.create(name="Friends of Ada")
    category = Category.objects.create(name="Ink")
    before = ContentType.objects.count()
    scrub(prepare(["default"], but=label(Category)), compact=False)
    assert [row(each)["name"] for each in (company, department)] == [str(company.pk), str(department.pk)]
    assert row(group)["name"].startswith(f"{group.pk}-")  # it is unique
    assert row(category)["name"] == "Ink"
    assert ContentType.objects.count() >= before


def test_it_is_one_update_of_all_columns(rules):
    rules({IP: NOBODY}, owner="nobody")
    device()
    sql = queries(lambda: scrubbed(Device))
    for _ in range(20):
        device()
    assert len(queries(lambda: scrubbed(Device))) == len(sql)
    if connection.vendor == "postgresql":
        assert len([each for each in sql if each.startswith("ALTER TABLE thirdparty_device")]) == 1
        assert updates(sql, Device) == []
    else:
        assert len(updates(sql, Device)) == 1
    assert not any("thirdparty_device.owner" in each for each in sql), "No row is read."


def test_the_rule_of_the_class_is_taken_for_none(rules):
    rules({IP: None}, owner=None)
    one = device()
    scrubbed(Device)
    assert row(one) == {"id": one.pk, "owner": str(one.pk), "address": "0.0.0.0"}


def test_null_is_written_as_a_value(rules):
    rules(number=Value(None))
    with mock.patch.object(Device._meta.get_field("owner"), "null", True):
        rules(owner=Value(None))
        assert mistakes() == []
    rules(owner=Value(None))
    assert mistakes() == [
        'GDPR_SCRUB_RULES["owner"]: thirdparty.Device.owner: the rule gives NULL, and the column may not be null.'
    ]


def test_a_name_wins_over_a_class_whatever_their_order(rules):
    for given in ({"address": "198.51.100.1", IP: NOBODY}, {IP: NOBODY, "address": "198.51.100.1"}):
        one = device()
        rules(given)
        scrubbed(Device)
        assert row(one)["address"] == "198.51.100.1"


@pytest.mark.parametrize("key", [GenericIPAddressField, IP, "django.db.models.fields.GenericIPAddressField"])
def test_a_class_is_written_by_its_path_or_as_itself(rules, key):
    rules({key: NOBODY})
    one = device()
    scrubbed(Device)
    assert row(one)["address"] == "192.0.2.1"


def test_a_class_stands_for_no_class_below_it(rules):
    rules({"django.db.models.CharField": None})
    with saying_nothing_of("phone", fields=["name"]):  # nor of the address, which is an EmailField
        assert ruled.ruled().declarations[Customer].ruled == ("phone",)


def test_python_computes_what_the_database_cannot(rules):
    rules(owner=Replacement(value=lambda instance: f"device of {len(instance.owner)} letters"))
    one = device()
    work = scrubbed(Device)
    assert work.plans[0].way.kind == "mixed"
    assert row(one)["owner"] == "device of 3 letters"


def test_rows_are_saved_where_somebody_listens(rules):
    rules({IP: NOBODY})
    one, heard = device(), []
    with listening(post_save, lambda instance, **kwargs: heard.append(instance.address), sender=Device):
        work = scrubbed(Device)
    assert (work.plans[0].way.kind, heard, row(one)["address"]) == ("rows", ["192.0.2.1"], "192.0.2.1")
    assert markers(Device) == []


def test_receivers_of_every_model_hear_of_rows_of_models_that_are_not_registered(rules):
    """As docs/reference/signals.rst says; how it tells which these are holds as well."""
    rules({IP: NOBODY})
    one, ada, heard = device(), customer(), []

    def hear(sender, using, instance=None, keys=None, **kwargs):
        key = instance.pk if instance else keys[0]
        heard.append((sender, key, using, issubclass(sender, PrivacyModel), hasattr(sender, "is_anonymised")))

    with listening(pre_anonymise, hear), listening(post_anonymise, hear), listening(rows_anonymised, hear):
        scrubbed(Device, Customer)
    of_device, of_ada = (Device, one.pk, "default", False, False), (Customer, ada.pk, "default", True, True)
    assert sorted(heard, key=str) == sorted([of_device, of_ada] * 3, key=str)


@pytest.mark.usefixtures("pools")
def test_equal_values_become_equal_in_registered_models_and_in_others(rules):
    rules(owner=Pseudonym("town"), phone=Pseudonym("town"))
    with saying_nothing_of("phone"):
        one, two, ada = device("Ada"), device("Ada"), customer(phone="Ada")
        scrubbed(Device, Customer)
    assert row(one)["owner"] == row(two)["owner"] == row(ada)["phone"]
    assert row(one)["owner"] in TOWNS


TOWNS = [f"Town {number}" for number in range(50)]


@pytest.fixture
def pools(settings, tmp_path):
    file = tmp_path / "pools.json"
    file.write_text(json.dumps({"town": TOWNS}))
    settings.GDPR_PSEUDONYMS = file


def test_stored_files_go_with_the_rows(rules):
    rules(scan=None)
    person = Person.objects.create(name="Ada")
    one = Document.objects.create(
        person=person, scan=ContentFile(b"x", "scan.pdf"), form=ContentFile(b"x", "form.pdf")
    )
    names = one.scan.name, one.form.name
    with saying_nothing_of("scan", Document), changed(SignedDocument, fields=["signature"]):
        assert "Erased with the rows: stored files in" in "\n".join(lines(Document))
        scrubbed(Document)
    assert [default_storage.exists(name) for name in names] == [False, True]
    assert (row(one)["scan"], row(one)["form"]) == ("", names[1])


def test_on_several_databases(rules):
    rules({IP: NOBODY})
    for using in ("default", "other"):
        Device.objects.using(using).create(owner="Ada", address="203.0.113.7")
    work = prepare(["default", "other"], only=label(Device))
    assert work.aliases == ["default", "other"]
    scrub(work, compact=False)
    for using in ("default", "other"):
        assert Device.objects.using(using).get().address == "192.0.2.1"


test_on_several_databases = pytest.mark.django_db(transaction=True, databases=["default", "other"])(
    test_on_several_databases
)


# -- registered models -------------------------------------------------------------------------


def test_a_field_of_which_a_declaration_says_nothing_is_scrubbed(rules):
    rules(phone="0", notes="declared otherwise", country="kept")
    ada = customer(name="Ada", phone="0170 1", country="DE")
    with saying_nothing_of("phone"):
        [line, *_] = lines(Customer)
        assert "; fields: name, email, born, notes, phone; by GDPR_SCRUB_RULES: phone" in line
        assert "shop.Customer: left as they are: number, country, is_deleted, referred_by." in untouched(
            prepared(Customer)
        )
        scrubbed(Customer)
        assert list(failures(verify(["default"], only=label(Customer)), every=True)) == []
        Customer.all_objects.update(phone="0170 2")
        assert list(failures(verify(["default"], only=label(Customer)), every=True)) == []
        scrubbed(Customer)
    assert {name: row(ada)[name] for name in ("phone", "notes", "country")} == {
        "phone": "0",
        "notes": "",
        "country": "DE",
    }
    assert markers(Customer) == [str(ada.pk)]


def test_what_replace_says_wins(rules):
    rules(phone="rule")
    ada = customer(phone="0170 1")
    with changed(Customer, replace={"phone": "declared"}):
        scrubbed(Customer)
    assert row(ada)["phone"] == "declared"


def test_an_erasure_knows_no_rules(rules):
    rules(phone="rule")
    ada, grace = customer(phone="0170 1"), customer(phone="0170 2", email="grace@quill.example")
    with saying_nothing_of("phone"):
        ada.anonymise()
        Customer.objects.filter(pk=grace.pk).anonymise()
        assert plan(Customer.all_objects.all()).ruled == []
    assert [row(each)["phone"] for each in (ada, grace)] == ["0170 1", "0170 2"]


def test_rows_that_a_scrub_leaves_are_left_by_rules(rules):
    rules(phone="rule")
    house, ada = customer(name="House", phone="1"), customer(name="Ada", phone="2", email="ada@quill.example")
    with saying_nothing_of("phone", scrub=~Q(name="House")):
        scrubbed(Customer)
    assert [row(each)["phone"] for each in (house, ada)] == ["1", "rule"]


@pytest.mark.parametrize("batch_size", [None, 1])
def test_a_child_is_scrubbed_with_its_parent(rules, batch_size):
    rules(greeting="rule")
    gift = baker.make(GiftOrder, recipient="Ada", greeting="Dear Ada", email="ada@quill.example")
    order = baker.make(Order, recipient="Ada", email="ada@quill.example")
    with saying_nothing_of("greeting", GiftOrder, search_fields=[]):
        scrubbed(Order, batch_size=batch_size)
    assert (row(gift)["greeting"], row(gift)["recipient"]) == ("rule", str(gift.pk))
    assert row(order)["recipient"] == str(order.pk)


def test_a_parent_that_is_not_registered_is_a_table_of_its_own(rules):
    rules(species="rule")
    plant, tree = Plant.objects.create(species="Oak"), Tree.objects.create(species="Elm", planted_by="Ada")
    with changed(Tree, keep=[]):
        work = prepared(Plant)
        assert (work.plans[0].has_relatives, work.plans[0].children) == (False, [])
        sql = queries(lambda: scrub(work, compact=False))
        assert not any("shop_tree" in each for each in sql)
        assert [row(each)["species"] for each in (plant, tree)] == ["rule", "rule"]
        assert row(tree)["planted_by"] == "Ada"
        scrubbed(Tree)
    assert row(tree)["planted_by"] == str(tree.pk)


@pytest.mark.parametrize("batch_size", [None, 1])
def test_a_family_that_is_not_registered_is_scrubbed_table_by_table(rules, batch_size):
    rules(owner="o", street="s", nickname="n")
    family = (Boat, Home, Houseboat, PaintedHouseboat)
    others = {model: each for model, each in registry._registrations.items() if model not in family}
    boat = Boat.objects.create(owner="Ada")
    two = [PaintedHouseboat.objects.create(owner="Ada", street="Quay", nickname="Ink") for _ in range(2)]
    with mock.patch.dict(registry._registrations, others, clear=True):
        work = scrubbed(Boat, Home, Houseboat, batch_size=batch_size)
        assert [(each.label, each.fields) for each in work.plans] == [
            ("shop.Boat", ("owner",)),
            ("shop.Home", ("street",)),
            ("shop.Houseboat", ("nickname",)),
        ]
    assert row(boat)["owner"] == "o"
    assert [[row(each)[name] for name in ("owner", "street", "nickname")] for each in two] == [["o", "s", "n"]] * 2


# -- what is not touched -----------------------------------------------------------------------


def leaves(kind, rules, **given):
    rules(given)
    assert mistakes() == []
    return kind not in ruled.ruled().declarations


def test_models_that_are_left(rules, settings):
    settings.GDPR_NOT_PERSONAL = ["thirdparty.Device", "fields.CompositeKey"]
    assert leaves(Device, rules, owner="x")
    settings.GDPR_NOT_PERSONAL = ["fields.CompositeKey"]
    settings.GDPR_SCRUB_EMPTY = ["thirdparty.Device"]
    assert leaves(Device, rules, owner="x")
    settings.GDPR_SCRUB_EMPTY = []
    assert not leaves(Device, rules, owner="x")
    assert leaves(AuditEntry, rules, action="x")  # can_anonymise = False
    assert leaves(Letter, rules, sender="x")  # not managed
    assert leaves(ContentType, rules, app_label="x", model="x", codename="x")
    with changed(Customer, on_erasure="delete", subject=None, fields=["name"]):
        assert leaves(Customer, rules, phone="x")
    with mock.patch("django.db.router.allow_migrate_model", lambda using, model: using == "gdpr_log"):
        assert leaves(Device, rules, owner="x")


def test_a_class_leaves_keys_and_what_other_code_relies_on(rules):
    rules({"django.db.models.CharField": None}, text=None)
    with changed(Tree, keep=[]), changed(Reader, fields=[]), changed(Writer, fields=[]), changed(Editor, fields=[]):
        found = ruled.ruled().declarations
    assert Patron not in found, "The keys of loans point at its card."
    assert found[Account].ruled == ("login", "nick")


def test_a_name_of_a_key_is_refused(rules):
    rules(card="x", patron="x")
    card, patron = mistakes()
    assert card == 'GDPR_SCRUB_RULES["card"]: own.Patron.card is what own.Loan.patron points at.'
    assert patron == 'GDPR_SCRUB_RULES["patron"]: own.Loan.patron is a key to other rows.'
    assert check_E058()[1].hint.startswith(
        "Write another rule, or register own.Loan and say that patron stays (keep), or name the model in "
        "GDPR_NOT_PERSONAL. See "
    )
    assert check_E058()[1].obj is Loan


def test_a_name_that_many_models_have_is_refused_once(rules, monkeypatch):
    rules(id=None)
    [found] = check_E058()
    monkeypatch.setattr(of_rules, "NAMED", 1000)
    [whole] = mistakes()
    whys = re.split(r"(?<=\.) ", whole.removeprefix('GDPR_SCRUB_RULES["id"]: '))
    assert len(whys) > 40
    assert found.msg == f'GDPR_SCRUB_RULES["id"]: {" ".join(whys[:3])} And {len(whys) - 3} more fields.'
    assert found.hint.startswith(
        "Take it out, or say of each of these fields in the PrivacyMeta of its model that it stays (keep); models "
        "that are not registered may also be named in GDPR_NOT_PERSONAL. See "
    )
    assert found.obj is None


def test_so_is_one_that_several_fields_cannot_follow(rules):
    rules(name="x" * 51)
    [name] = check_E058()
    assert name.msg.startswith('GDPR_SCRUB_RULES["name"]: Cannot anonymise auth.Group.name - it is unique')
    assert name.msg.count(": the rule gives a text of over 50 characters.") == 2
    assert name.hint.startswith(
        "Write another rule, or say of each of these fields in the PrivacyMeta of its model what becomes of it "
        "(replace), or that it stays (keep); models that are not registered"
    )
    with pytest.raises(AnonymiseError, match=re.escape(f"{name.msg} Write another rule, or say of each of")):
        prepared(Customer)


def test_so_is_a_name_of_what_holds_a_key_as_a_text(rules, monkeypatch):
    monkeypatch.setattr(of_rules, "NAMED", 1000)
    rules(object_id="x", number="x")
    monkeypatch.setattr(Customer, "instance_type", Reader, raising=False)  # as a history of readers, whose key it is
    with changed(Remark, keep=["content_type"]), saying_nothing_of("number"):
        texts = " ".join(mistakes())
        assert " people.Remark.object_id is a key to other rows." in texts
        assert " shop.Customer.number is a key to other rows." in texts
        rules({"django.db.models.CharField": None, "django.db.models.UUIDField": None, "species": None})
        assert {Remark, Customer}.isdisjoint(ruled.ruled().declarations)


@pytest.mark.parametrize("is_structure", [True, False])
def test_what_other_code_relies_on(rules, monkeypatch, is_structure):
    """As the columns of a tree, or the times that a base of the model keeps."""
    owned = {"owner": Owner("mptt.MPTTModel", is_structure)}
    monkeypatch.setattr(ruled, "owners", lambda model: owned if model is Device else {})
    rules({"django.db.models.CharField": None, IP: None})
    assert ruled.ruled().declarations[Device].ruled == ("address",)
    rules(owner=None)
    text = 'GDPR_SCRUB_RULES["owner"]: thirdparty.Device.owner is one that mptt.MPTTModel relies on.'
    assert mistakes() == ([text] if is_structure else [])
    assert (Device in ruled.ruled().declarations) is not is_structure


# -- choosing ----------------------------------------------------------------------------------


def test_only_what_is_chosen(rules):
    rules(name=None)
    company, product = Company.objects.create(name="Quill"), baker.make(Product, name="Ink")
    scrubbed(Company)
    assert (row(company)["name"], row(product)["name"]) == (str(company.pk), "Ink")


def test_what_is_left_out_is_told(rules):
    rules(name=None)
    work = prepare(["default"], but=label(Company))
    assert "shop.Company: left as it is, with all personal data in it." in list(described(work))
    [last] = [line for line in untouched(work) if line.startswith("Not registered, so left as they are")]
    assert "shop.Company" in last
    assert "shop.Product" not in last


def test_a_model_that_no_rule_is_about_cannot_be_chosen(rules):
    with pytest.raises(AnonymiseError, match=r"thirdparty\.Device is not registered: it has no PrivacyMeta\. "):
        prepared(Device)
    rules(name=None)
    with pytest.raises(AnonymiseError) as error:
        prepared(Device)
    assert str(error.value).startswith(
        "thirdparty.Device is not registered: it has no PrivacyMeta, and GDPR_SCRUB_RULES is about no column of it."
    )
    assert "shop.Company" in str(error.value)


def test_the_plan_says_whence_it_is(rules):
    rules({IP: NOBODY}, owner=None)
    device()
    out = StringIO()
    call_command("anonymise_db", database=["default"], dry_run=True, model=label(Device), stdout=out)
    assert "thirdparty.Device: 1 row, " in out.getvalue()
    assert "; fields: owner, address; by GDPR_SCRUB_RULES: owner, address" in out.getvalue()
    assert "192.0.2.1" in out.getvalue(), "what becomes of an invented row"
    out = StringIO()
    call_command("anonymise_db", database=["default"], dry_run=True, json=True, model=label(Device), stdout=out)
    [table] = json.loads(out.getvalue())["tables"]
    assert (table["model"], table["does"], table["rows"]) == ("thirdparty.Device", "anonymise", 1)
    assert table["fields_by_rules"] == table["fields"] == ["owner", "address"]
    assert [each["after"] for each in table["sample"]] == ["will become 17", "will stay 192.0.2.1"]
    assert Device.objects.get().owner == "Ada"


def test_the_command_does_it(rules, settings):
    settings.GDPR_CAN_ANONYMISE_DATABASE = True
    rules({IP: NOBODY}, owner=None)
    one, ada = device(), customer(name="Ada")
    out = StringIO()
    call_command("anonymise_db", database=["default"], interactive=False, stdout=out, stderr=StringIO())
    assert "default: thirdparty.Device: 1 anonymised" in out.getvalue()
    [rest] = [line for line in out.getvalue().splitlines() if line.startswith("Not registered, so left as they are")]
    assert "thirdparty.Device" not in rest
    assert "shop.Product" in rest
    assert (row(one)["owner"], row(one)["address"]) == (str(one.pk), "192.0.2.1")
    assert row(ada)["name"] == str(ada.pk)
    call_command("gdpr_verify", all=True, database=["default"], stdout=StringIO())


def test_a_superuser_counts(rules):
    rules(username=None)
    User.objects.create(username="root", is_superuser=True, is_active=True, password="x")
    with changed(User, fields=[], keep=[]):
        work = prepared(User)
        assert work.last_superuser.startswith("default: no active superuser (auth.User) would be left")
        rules(first_name=None)
        assert prepared(User).last_superuser == ""


# -- a run that is interrupted -----------------------------------------------------------------


@contextmanager
def broken_at(number, monkeypatch):
    """Have the range of this number fail, and yield the numbers of rows of each range."""
    original, seen = ranges._anonymise_range, []

    def fail(plan, rows, *args, **kwargs):
        seen.append(rows.count())
        if len(seen) == number:
            raise Error("The network is down.")
        return original(plan, rows, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(ranges, "_anonymise_range", fail)
        yield seen


@pytest.mark.usefixtures("pools")
def test_a_run_goes_on_where_it_was_interrupted(rules, monkeypatch):
    rules(owner=Pseudonym("town"))
    devices = [device("Ada") for _ in range(3)]
    with broken_at(2, monkeypatch) as seen:
        with pytest.raises(AnonymiseError, match="2 of 3 rows are done"):
            scrubbed(Device, batch_size=2)
        assert markers(Device) == sorted(str(each.pk) for each in devices[:2])
        work = prepared(Device, batch_size=2)
        assert list(work.begun) == [("default", "thirdparty.Device")]
        assert "goes on where the run of" in next(described(work))
        scrub(work, compact=False)
    assert seen == [2, 1, 1]
    [town] = {row(each)["owner"] for each in devices}  # by the same key in both runs, and none twice
    assert town in TOWNS
    assert (markers(Device), Scrub.objects.count()) == ([], 0)


def test_rows_of_a_run_that_was_interrupted_are_looked_at_again(rules):
    """What a rule gives tells whether a row was filled again since, of children too."""
    rules(greeting="rule")
    gifts = baker.make(GiftOrder, recipient="Ada", greeting="Dear Ada", email="ada@quill.example", _quantity=2)
    with saying_nothing_of("greeting", GiftOrder, search_fields=[]):
        [work] = prepared(Order).plans
        ranges.begin_scrub(work)
        assert list(ranges.execute_in_ranges(work, 1)) == [1, 2]
        GiftOrder.objects.filter(pk=gifts[0].pk).update(greeting="Dear Grace")
        scrubbed(Order)
    assert [row(each)["greeting"] for each in gifts] == ["rule", "rule"]


def test_a_run_without_marks_begins_anew(rules, monkeypatch):
    rules({IP: NOBODY})
    devices = [device() for _ in range(3)]
    with broken_at(2, monkeypatch) as seen:
        with pytest.raises(AnonymiseError, match="it begins anew, as no row was marked"):
            scrubbed(Device, batch_size=2, marks=False)
        scrubbed(Device, batch_size=2, marks=False)
    assert seen == [2, 1, 2, 1]
    assert {row(each)["address"] for each in devices} == {"192.0.2.1"}


# -- verifying ---------------------------------------------------------------------------------


def test_a_verification_knows_nothing_of_the_rules(rules):
    rules({IP: NOBODY}, phone="rule")
    device()
    customer()
    with saying_nothing_of("phone"):
        scrub(prepare(["default"]), compact=False)
        found = verify(["default"])
        assert list(failures(found, every=True)) == []
        assert "thirdparty.Device" not in [each.plan.label for each in found.previews]
    with pytest.raises(AnonymiseError, match=r"thirdparty\.Device is not registered"):
        verify(["default"], only=label(Device))


# -- mistakes ----------------------------------------------------------------------------------

NEITHER = " is neither the name of a field nor the path of a class of fields."
OWNER = 'GDPR_SCRUB_RULES["owner"]: thirdparty.Device.owner: the rule '
CHANGES_TOO = "has an expression for it that reads address, which changes too."
UNIQUE = "auth.Group.name - it is unique, and the same value would go into every row."
CHILD = "shop.Plant.species is declared in the PrivacyMeta of shop.Tree, whose rows have it too."

# {what is wrong: (the rules, how the message begins)}
WRONG = {
    "no path": ({"phone number": None}, f'GDPR_SCRUB_RULES["phone number"]{NEITHER}'),
    "no module": ({"nowhere.Field": None}, f'GDPR_SCRUB_RULES["nowhere.Field"]{NEITHER}'),
    "no module before": ({".Field": None}, f'GDPR_SCRUB_RULES[".Field"]{NEITHER}'),
    "no field": ({"django.db.models.Model": None}, f'GDPR_SCRUB_RULES["django.db.models.Model"]{NEITHER}'),
    "no text": ({3: None}, f'GDPR_SCRUB_RULES["3"]{NEITHER}'),
    "a class of keys": (
        {"django.db.models.ForeignKey": None},
        'GDPR_SCRUB_RULES["django.db.models.ForeignKey"] is a class of keys, which a scrub leaves as they are.',
    ),
    "twice": (
        {IP: None, "django.db.models.fields.GenericIPAddressField": None},
        'GDPR_SCRUB_RULES["django.db.models.fields.GenericIPAddressField"] is the same class as GDPR_SCRUB_RULES["dja',
    ),
    "too long": ({"owner": "x" * 51}, f"{OWNER}gives a text of over 50 characters."),
    "another type": (
        {"total": "secret"},
        'GDPR_SCRUB_RULES["total"]: shop.Invoice.total: the rule gives a str that the column cannot hold.',
    ),
    "a function": ({"owner": lambda instance: "x"}, f"{OWNER}has a function for it."),
    "of what changes too": (
        {"owner": Upper(Cast("address", CharField())), "address": None},
        f"{OWNER}{CHANGES_TOO}",
    ),
    "of what is not there": ({"owner": Upper("nickname")}, f"{OWNER}has an expression for it that cannot be written"),
    "not unique": ({"name": "secret"}, f'GDPR_SCRUB_RULES["name"]: Cannot anonymise {UNIQUE}'),
    "no pool": ({"owner": Pseudonym("town")}, 'GDPR_SCRUB_RULES["owner"]: thirdparty.Device.owner: '),
    "no text for a pseudonym": (
        {"address": Pseudonym("town")},
        'GDPR_SCRUB_RULES["address"]: thirdparty.Device.address: the rule has a Pseudonym for a GenericIPAddr',
    ),
    "of a child": ({"species": None}, f'GDPR_SCRUB_RULES["species"]: {CHILD}'),
}


@pytest.mark.parametrize(("given", "text"), WRONG.values(), ids=WRONG)
def test_gdpr_assist_E058(rules, given, text):
    rules(given)
    one = device()
    [found] = check_E058()
    assert (found.id, found.is_serious()) == ("gdpr_assist.E058", True)
    assert found.msg.startswith(text)
    assert "secret" not in found.msg + found.hint
    with pytest.raises(AnonymiseError) as error:
        prepare(["default"], only=label(Customer))
    assert str(error.value).startswith(text)
    assert str(error.value).endswith(" Nothing was changed.")
    assert row(one)["owner"] == "Ada"


@pytest.mark.skipif(django.VERSION < (5, 2), reason="from 5.2 on")
def test_gdpr_assist_E058_of_a_composite_key(rules):
    rules(text=None)
    [found] = check_E058()
    assert found.msg == "GDPR_SCRUB_RULES: thirdparty.Reading has a composite primary key and cannot be anonymised."
    assert found.hint.startswith("Name thirdparty.Reading in GDPR_NOT_PERSONAL, and replace what it holds by hand")


def test_gdpr_assist_E058_of_what_a_declaration_reads(rules):
    rules(phone=None)
    with saying_nothing_of("phone", replace={"name": Concat(Value("x"), F("phone"))}):
        assert mistakes() == [
            "GDPR_SCRUB_RULES is about shop.Customer.phone, which PrivacyMeta.replace reads for name."
        ]
        assert check_E058()[0].hint.startswith("Say in the PrivacyMeta of shop.Customer that phone stays (keep).")
    rules(country=None)
    with changed(Customer, replace={"name": Concat(Value("x"), F("country"))}):
        assert mistakes() == []


def test_gdpr_assist_E058_of_a_registered_model(rules):
    rules(phone="x" * 21)
    with saying_nothing_of("phone"):
        [found] = check_E058()
    assert found.msg == 'GDPR_SCRUB_RULES["phone"]: shop.Customer.phone: the rule gives a text of over 20 characters.'
    assert found.hint.startswith(
        "Write another rule, or say in the PrivacyMeta of shop.Customer what becomes of phone (replace), or that "
        "phone stays (keep)."
    )
    assert found.obj is Customer


def test_gdpr_assist_E051_of_a_rule(rules):
    with saying_nothing_of("phone", scrub=Q(phone="0170 1")):
        assert check_E051() == []
        rules(phone="rule")
        [found] = check_E051()
    assert found.msg.startswith(
        "shop.Customer: PrivacyMeta.scrub looks at shop.Customer.phone, which the scrub changes"
    )


def test_gdpr_assist_E017_of_a_rule(rules, monkeypatch):
    condition = "condition" if django.VERSION >= (5, 1) else "check"
    constraint = CheckConstraint(**{condition: ~Q(owner="nobody")}, name="a_person")
    monkeypatch.setattr(Device._meta, "constraints", [constraint])
    rules(owner="somebody")
    assert check_E017(databases=["default"]) == []
    rules(owner="nobody")
    [found] = check_E017(databases=["default"])
    assert found.msg == "thirdparty.Device: the constraint a_person refuses the new value of owner."
    assert found.hint.startswith(
        "Write another rule for owner in GDPR_SCRUB_RULES to give a value that the constraint "
    )
    assert check_E017(databases=["default"], app_configs=[Customer._meta.app_config]) == []


def test_gdpr_assist_W038(rules):
    rules(
        {"django.db.models.SmallAutoField": None, "django.db.models.TimeField": None, IP: NOBODY}, fone=None, phone=1
    )
    assert [each.msg for each in check_W038()] == ['GDPR_SCRUB_RULES["fone"] is about no column of any model.']
    [found] = check_W038()
    assert (found.id, found.is_serious()) == ("gdpr_assist.W038", False)


def test_what_is_no_dict_is_refused(settings):
    settings.GDPR_SCRUB_RULES = ["phone"]
    assert [each.msg for each in check_E049()] == ["GDPR_SCRUB_RULES is no dict."]
    assert (check_E058(), check_W038(), check_E051()) == ([], [], [])
    with pytest.raises(AnonymiseError, match=r'^GDPR_SCRUB_RULES is no dict\. Write {"phone": None}\. Nothing was'):
        prepared(Customer)


def test_the_command_says_it(rules, settings):
    settings.GDPR_CAN_ANONYMISE_DATABASE = True
    rules(owner="x" * 51)
    with pytest.raises(CommandError, match=r"^Nothing was changed\. GDPR_SCRUB_RULES"):
        call_command("anonymise_db", interactive=False)


# -- what it costs -----------------------------------------------------------------------------


def test_without_rules_no_model_is_looked_at(monkeypatch):
    monkeypatch.setattr(ruled, "_models", None)
    monkeypatch.setattr(ruled, "read_rules", None)
    customer()
    scrubbed(Customer)
    assert (check_E058(), check_W038()) == ([], [])


def test_rules_that_are_about_nothing_of_a_model_cost_no_query(rules):
    customer()
    without = queries(lambda: prepared(Customer))
    rules({IP: NOBODY})
    assert len(queries(lambda: prepared(Customer))) == len(without)
    assert queries(ruled.ruled) == []


SETTINGS = """
from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat

from gdpr_assist import Pseudonym, Replacement
from tests.settings import *

GDPR_SCRUB_RULES = {
    "phone": None,
    "owner": Concat(Value("Device "), Cast("pk", CharField())),
    "django.db.models.GenericIPAddressField": Value("192.0.2.1"),
    "nowhere": Pseudonym("first_name"),
    "never": Replacement(value=lambda instance: "x"),
}
GDPR_NOT_PERSONAL = ["fields.CompositeKey"]
"""


def test_settings_may_import_what_they_need(tmp_path):
    (tmp_path / "settings_with_rules.py").write_text(SETTINGS)
    script = "import django; django.setup(); from gdpr_assist.scrubbing.ruled import ruled; print(ruled().unmatched)"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "settings_with_rules", "PYTHONPATH": f"{tmp_path}:."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, done.stdout) == ("", "['nowhere', 'never']\n")
