import itertools
import os
import subprocess
import sys
import uuid
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property, partialmethod
from io import StringIO
from pathlib import Path

import django
import pytest
from django import forms
from django.apps import apps
from django.core.checks import Error, Warning
from django.core.checks.registry import registry as checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connections, models
from django.db.models import F, Func, Q, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import MD5, Abs, Coalesce, Concat, Left, Length, Lower, Upper
from django.db.models.lookups import GreaterThan
from django.test.utils import isolate_apps
from django.utils import timezone

from gdpr_assist import ANONYMISE
from gdpr_assist.log.receipts import write_receipt
from gdpr_assist.pages import DOCUMENTATION
from gdpr_assist.registry import registry
from tests.apps.fields.models import ChoiceFields, ShortFields, TextKey
from tests.apps.own.models import Patron
from tests.apps.shop.models import (
    AuditEntry,
    Badge,
    Contact,
    Customer,
    Department,
    Employee,
    ForeignCustomer,
    Membership,
    Product,
)
from tests.apps.thirdparty.models import Device
from tests.databases import database_is, log_is, refused, without_tables
from tests.test_replay import event, log

CONDITION = "condition" if django.VERSION >= (5, 1) else "check"


# Those of Django's own open databases to ask what they can do.
OURS = [
    check for check in checks.get_checks(include_deployment_checks=True) if check.__module__.startswith("gdpr_assist.")
]
# Models whose columns are there to be odd, and what the settings silence for them
ODD = {"gdpr_assist.W014", "gdpr_assist.W015"}
DOUBTFUL = {ShortFields, ChoiceFields}
ARGUMENTS = {"app_configs": None, "databases": None}


def reported(**kwargs):
    """Return {id: [message]} of all messages of the app's own that are not silenced."""
    found = {}
    for each in itertools.chain.from_iterable(check(**{**ARGUMENTS, **kwargs}) for check in OURS):
        if each.obj not in DOUBTFUL and (each.id in ODD or not each.is_silenced()):
            found.setdefault(each.id.removeprefix("gdpr_assist."), []).append(each)
    return found


def only(check, **kwargs):
    """Return the one message there is, which has this id, and a hint that names its section in the docs."""
    found = reported(**kwargs)
    assert list(found) == [check]
    [message] = found[check]
    kind = Warning if check.startswith("W") else Error
    assert type(message) is kind
    assert message.hint.endswith(f" See {DOCUMENTATION}checks.html#gdpr-assist-{check.lower()}")
    return message


def meta(**attributes):
    defaults = {"fields": "__all__", "search_fields": [], "search": lambda self, term: []}
    return type("PrivacyMeta", (), {**defaults, **attributes})


def device(**attributes):
    """Register Device, which has the columns owner and address, for the time of a block."""
    return registry.registered(Device, meta(**attributes))


def test_the_test_project_has_nothing_to_report():
    assert reported() == {}


@pytest.mark.django_db
def test_nor_if_its_databases_are_asked():
    assert reported(databases=["default", "other", "gdpr_log"]) == {}


def test_right_declarations_have_nothing_to_report():
    with device(fields=["owner"], keep=["address"]):
        assert reported() == {}
    with device(fields=["owner", "address"], export_exclude=["address"]):
        assert reported() == {}
    with device(keep=["address"], search_fields=["owner__icontains"]):
        assert reported() == {}
    with registry.registered(Device, type("PrivacyMeta", (), {"fields": "__all__", "search_fields": ("owner",)})):
        assert reported() == {}


@pytest.fixture
def made_models():
    """Let the test make models of the app shop, and take them away again."""
    known = dict(apps.all_models["shop"])
    yield
    registry.unreadable.clear()
    apps.all_models["shop"].clear()
    apps.all_models["shop"].update(known)
    apps.clear_cache()


# -- E001 ------------------------------------------------------------------------------------------

FLAG_MIGRATIONS = {
    "0001_initial": """
        migrations.CreateModel("Person", [
            ("id", models.BigAutoField(primary_key=True)),
            ("anonymised", models.BooleanField(default=False)),
        ]),
        migrations.CreateModel("Place", [
            ("id", models.BigAutoField(primary_key=True)),
            ("anonymised", models.BooleanField(default=False)),
            ("visited", models.BooleanField(default=False)),
        ]),
""",
}
MIGRATE = 'MigrateGdprAnonymised("Person"),'
REMOVE = 'migrations.RemoveField("person", "anonymised"),'


@pytest.fixture
def migrations(settings, tmp_path, monkeypatch):
    """Write the migrations of the app "early" for the time of the test; it has none."""

    def write(safe=False, **operations):
        package = tmp_path / f"migrations_{tmp_path.name.replace('-', '_')}"
        package.mkdir()
        (package / "__init__.py").touch()
        previous = None
        for name, text in {**FLAG_MIGRATIONS, **operations}.items():
            dependencies = [("gdpr_assist", "0002_privacyanonymised")]
            dependencies += [("early", previous)] if previous else []
            (package / f"{name}.py").write_text(
                "from django.db import migrations, models\n"
                "from gdpr_assist.upgrading import MigrateGdprAnonymised\n\n\n"
                "class Migration(migrations.Migration):\n"
                f"    gdpr_assist_safe = {safe}\n"
                f"    dependencies = {dependencies}\n"
                f"    operations = [{text}]\n"
            )
            previous = name
        settings.MIGRATION_MODULES = {"early": package.name}

    monkeypatch.syspath_prepend(tmp_path)
    return write


class TestE001:
    """None of these tests may open a database, so the check does not."""

    def test_gdpr_assist_E001(self, migrations):
        migrations(**{"0002_remove": REMOVE})
        message = only("E001")
        assert message.msg == (
            "Migration early.0002_remove removes the field anonymised of person, and with it the "
            "knowledge which rows are anonymised."
        )
        assert 'gdpr_assist.upgrading.MigrateGdprAnonymised("person")' in message.hint
        assert "gdpr_assist_safe = True" in message.hint

    def test_the_operation_before_it(self, migrations):
        migrations(**{"0002_remove": MIGRATE + REMOVE})
        assert reported() == {}

    def test_the_operation_in_an_earlier_migration(self, migrations):
        migrations(**{"0002_migrate": MIGRATE, "0003_nothing": "", "0004_remove": REMOVE})
        assert reported() == {}

    def test_the_operation_after_it_is_too_late(self, migrations):
        migrations(**{"0002_remove": REMOVE + MIGRATE})
        only("E001")

    def test_the_operation_in_a_later_migration_is_too_late(self, migrations):
        migrations(**{"0002_remove": REMOVE, "0003_migrate": MIGRATE})
        only("E001")

    def test_the_operation_for_another_model(self, migrations):
        migrations(**{"0002_remove": MIGRATE + REMOVE.replace("person", "place")})
        assert "of place" in only("E001").msg

    def test_a_migration_that_says_it_is_safe(self, migrations):
        migrations(safe=True, **{"0002_remove": REMOVE})
        assert reported() == {}

    def test_a_field_of_another_name(self, migrations):
        migrations(**{"0002_remove": 'migrations.RemoveField("place", "visited"),'})
        assert reported() == {}

    @pytest.mark.parametrize(
        "dependency", [("early", "0000_lost"), ("ghost", "0001_initial"), ("early", "0002_remove")]
    )
    def test_a_graph_that_cannot_be_built_is_not_an_error_of_the_check(self, migrations, tmp_path, dependency):
        """Something is missing or in a circle, which makemigrations and migrate tell; the check still looks."""
        migrations(**{"0002_remove": REMOVE})
        [file] = tmp_path.glob("*/0002_remove.py")
        file.write_text(f"{file.read_text()}\n    dependencies += [{dependency}]\n")
        assert "removes the field anonymised of person" in only("E001").msg

    def test_each_model_is_reported(self, migrations):
        migrations(**{"0002_remove": REMOVE + REMOVE.replace("person", "place")})
        assert len(reported()["E001"]) == 2


# -- declarations ----------------------------------------------------------------------------------


class TestE002:
    @pytest.mark.parametrize("attribute", ["fields", "keep"])
    def test_gdpr_assist_E002(self, attribute):
        right = {"fields": ["owner"], "keep": ["address"]}
        with device(**{**right, attribute: [*right[attribute], "ownr"]}):
            message = only("E002")
        assert message.msg == (
            f"thirdparty.Device: PrivacyMeta.{attribute} names ownr, which is no field of the model."
        )
        assert message.hint.startswith("The fields are address, id, owner.")
        assert message.obj is Device

    def test_a_field_that_is_both(self):
        with device(fields=["owner", "address"], keep=["owner"]):
            message = only("E002")
        assert message.msg == ("thirdparty.Device.owner is in PrivacyMeta.fields and in PrivacyMeta.keep.")

    def test_an_export_of_what_is_not_there(self):
        with device(export_fields=["ownr"]):
            message = only("E002")
        assert message.msg == (
            "thirdparty.Device: PrivacyMeta.export_fields names ownr, which is no column or property of the model."
        )

    @pytest.mark.parametrize("name", ["ownr", "ownr__icontains", "owner__nonsense"])
    def test_a_search_that_cannot_be_made(self, name):
        with device(search_fields=[name]):
            message = only("E002")
        assert message.msg == (
            f"thirdparty.Device: PrivacyMeta.search_fields names {name}, which cannot be looked up."
        )

    def test_each_name_is_reported(self):
        with device(fields=["one", "owner", "two"], keep=["address"]):
            assert len(reported()["E002"]) == 2


def test_gdpr_assist_E003():
    with device(fields=["id", "owner"], keep=["address"]):
        message = only("E003")
    assert message.msg == "Cannot anonymise primary key: thirdparty.Device.id."
    assert message.hint.startswith("Take it out of PrivacyMeta.fields.")


@contextmanager
def made(**attributes):
    """Register a model that is made with these attributes, for the time of a block."""
    declaration = attributes.pop("PrivacyMeta", meta())
    options = type("Meta", (), {"app_label": "shop"})
    with isolate_apps("tests.apps.shop"):
        model = type("Made", (models.Model,), {"__module__": __name__, "Meta": options, **attributes})
    with registry.registered(model, declaration):
        yield model


class ShoutField(models.CharField):
    pass


class TestE004:
    def test_gdpr_assist_E004(self):
        with made(nick=ShoutField(max_length=50)):
            message = only("E004")
        assert message.msg == "Unknown field type for anonymiser: shop.Made.nick is a ShoutField."
        assert "@gdpr_assist.rule(ShoutField)" in message.hint
        assert "anonymise_nick" in message.hint
        assert "PrivacyMeta.keep" in message.hint

    def test_an_anonymiser_of_its_own(self):
        declaration = meta(anonymise_nick=lambda self, instance: "anonymous")
        with made(nick=ShoutField(max_length=50), PrivacyMeta=declaration):
            assert reported() == {}

    def test_a_field_that_is_kept(self):
        with made(nick=ShoutField(max_length=50), PrivacyMeta=meta(keep=["nick"])):
            assert reported() == {}

    def test_a_model_that_is_not_anonymised(self):
        with made(nick=ShoutField(max_length=50), PrivacyMeta=meta(can_anonymise=False)):
            assert reported() == {}


class TestE005:
    def test_gdpr_assist_E005(self):
        with made(scan=models.FileField()):
            message = only("E005")
        assert message.msg == "Cannot anonymise shop.Made.scan - can only null file fields"
        assert "Let the field be null or blank" in message.hint

    @pytest.mark.parametrize("kind", [models.ForeignKey, models.OneToOneField])
    def test_a_relation(self, kind):
        with made(product=kind(Product, models.CASCADE, related_name="+")):
            message = only("E005")
        assert message.msg == ("Cannot anonymise shop.Made.product - can only null relationship field")
        assert "Let the field be null" in message.hint

    def test_what_can_be_emptied(self):
        with made(
            scan=models.FileField(blank=True),
            photo=models.FileField(null=True),
            product=models.ForeignKey(Product, models.CASCADE, null=True, related_name="+"),
        ):
            assert reported() == {}


class TestE006:
    def test_gdpr_assist_E006(self):
        products = models.ManyToManyField(Product, related_name="+")
        with made(products=products, PrivacyMeta=meta(fields=["products"])):
            message = only("E006")
        assert message.msg == ("Cannot anonymise shop.Made.products - cannot anonymise ManyToManyField")
        assert "anonymise_products" in message.hint

    def test_one_that_is_not_named_is_not_personal(self):
        with made(products=models.ManyToManyField(Product, related_name="+")):
            assert reported() == {}


class TestE007:
    @pytest.mark.parametrize(
        "field",
        [
            models.IntegerField(unique=True),
            models.DateField(unique=True),
            models.DecimalField(unique=True, max_digits=5, decimal_places=2),
        ],
        ids=lambda field: type(field).__name__,
    )
    def test_gdpr_assist_E007(self, field):
        with made(code=field):
            message = only("E007")
        assert message.msg == (
            "Cannot anonymise shop.Made.code - it is unique, and the same value would go into every row."
        )
        assert "anonymise_code" in message.hint

    def test_what_may_be_null(self):
        with made(code=models.IntegerField(unique=True, null=True)):
            assert reported() == {}

    def test_what_is_made_from_the_key(self):
        with made(code=models.CharField(unique=True, max_length=50)):
            assert reported() == {}


if django.VERSION >= (5, 2):

    class TestE008:
        def composite(self, **attributes):
            return made(
                pk=models.CompositePrimaryKey("tenant", "number"),
                tenant=models.IntegerField(),
                number=models.IntegerField(),
                name=models.CharField(max_length=50),
                **attributes,
            )

        def test_gdpr_assist_E008(self):
            with self.composite(PrivacyMeta=meta(fields=["name"])):
                message = only("E008")
            assert message.msg == ("shop.Made has a composite primary key and cannot be anonymised.")
            assert "can_anonymise = False" in message.hint

        def test_a_model_that_is_not_anonymised(self):
            with self.composite(PrivacyMeta=meta(fields=["name"], can_anonymise=False)):
                assert reported() == {}


class TestE009:
    def test_gdpr_assist_E009(self, settings):
        settings.GDPR_LOG_DATABASE_NAME = "nowhere"
        message = only("E009")
        assert message.msg == "The event log's database 'nowhere' is not in DATABASES."
        assert 'DATABASES["nowhere"]' in message.hint

    @pytest.mark.parametrize("alias", ["other", "gdpr_log"])
    def test_an_alias_that_is_there(self, alias, settings):
        settings.GDPR_LOG_DATABASE_NAME = alias
        assert reported() == {}


class TestE010:
    @pytest.mark.parametrize("attribute", ["fields", "keep", "search_fields", "export_fields", "export_exclude"])
    @pytest.mark.parametrize("value", ["owner", 7, [7], True], ids=repr)
    def test_gdpr_assist_E010(self, attribute, value):
        with device(**{attribute: value}):
            message = only("E010")
        assert message.msg == (f"thirdparty.Device: PrivacyMeta.{attribute} is not a list of names.")
        assert f"{attribute} = [" in message.hint

    @pytest.mark.parametrize("value", ["yes", "", 1, 0, [True]], ids=repr)
    def test_bulk_is_a_yes_a_no_or_nothing(self, value):
        with device(fields=["owner"], keep=["address"], search_fields=["owner"], bulk=value):
            message = only("E010")
        assert message.msg == "thirdparty.Device: PrivacyMeta.bulk is neither True nor False."

    @pytest.mark.parametrize("value", ["no", "", 0, None, [False]], ids=repr)
    def test_whether_files_are_deleted_is_a_yes_or_a_no(self, value):
        with device(fields=["owner"], keep=["address"], search_fields=["owner"], delete_files=value):
            message = only("E010")
        assert message.msg == "thirdparty.Device: PrivacyMeta.delete_files is neither True nor False."

    @pytest.mark.parametrize("value", [True, False, None])
    def test_a_bulk_that_can_be_used(self, value):
        with device(fields=["owner"], keep=["address"], search_fields=["owner"], bulk=value):
            assert reported() == {}

    @pytest.mark.parametrize(
        "value", ["False", "", [False], lambda self: False], ids=["text", "empty", "list", "function"]
    )
    def test_can_anonymise_is_a_yes_or_a_no(self, value):
        """As a text it would be true."""
        with device(can_anonymise=value):
            message = only("E010")
        assert message.msg == "thirdparty.Device: PrivacyMeta.can_anonymise is neither True nor False."

    @pytest.mark.parametrize(
        "value", [False, 0, None, property(lambda self: False)], ids=["False", "0", "None", "property"]
    )
    def test_a_no_that_can_be_understood(self, value):
        with device(can_anonymise=value) as declared:
            assert reported() == {}
            assert not declared.can_anonymise

    @pytest.mark.parametrize("value", [7, ["name"], lambda self: "name.csv"], ids=["number", "list", "function"])
    def test_the_name_of_a_file_is_a_text(self, value):
        with device(export_filename=value):
            assert only("E010").msg == "thirdparty.Device: PrivacyMeta.export_filename is not a text."

    def test_the_rows_of_such_a_model_are_not_anonymised(self):
        with device(fields="owner") as declared:
            assert [mistake.check for mistake in declared.errors] == ["E010"]


class TestE011:
    @pytest.mark.parametrize("routers", [[], ["tests.test_checks.OtherRouter"]])
    def test_gdpr_assist_E011(self, routers, settings):
        settings.DATABASE_ROUTERS = routers
        message = only("E011")
        assert message.msg == "The event log is not routed to its database."
        assert '"gdpr_assist.routers.EventLogRouter"' in message.hint

    def test_a_subclass_or_an_instance_will_do(self, settings):
        from_path = "gdpr_assist.routers.EventLogRouter"
        settings.DATABASE_ROUTERS = ["tests.test_checks.OtherRouter", from_path]
        assert reported() == {}


class OtherRouter:
    pass


class TestE019:
    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("can_anonymize", "can_anonymise"),
            ("feilds", "fields"),
            ("Fields", "fields"),
            ("search_field", "search_fields"),
            ("searchFields", "search_fields"),
            ("keeps", "keep"),
        ],
    )
    def test_gdpr_assist_E019(self, name, meant):
        with device(fields=["owner"], keep=["address"], **{name: False}):
            message = only("E019")
        assert message.msg == f"thirdparty.Device: PrivacyMeta.{name} has no meaning."
        assert message.hint.startswith(f"If {meant} is meant, correct it; ")

    @pytest.mark.parametrize("name", ["kept", "exclude", "pii", "nothing_personal", "redact_these"])
    @pytest.mark.parametrize(
        "value",
        [["address"], ("address",), {"address"}, ["other", "Address"], {"address": ""}, "address", "owner, address"],
        ids=repr,
    )
    def test_what_names_fields(self, name, value):
        with device(fields=["owner"], keep=["address"], **{name: value}):
            message = only("E019")
        assert message.msg == f"thirdparty.Device: PrivacyMeta.{name} has no meaning."
        assert message.hint.startswith("If fields, keep or another list of PrivacyMeta is meant, correct it; ")

    @pytest.mark.parametrize(
        "name",
        [
            "anonymize_owner",
            "anonymiseowner",
            "anonymiseOwner",
            "Anonymise_owner",
            "anonymise_Owner",
            "annonymise_owner",
            "anonymiser_owner",
            "anon_owner",
            "owner_anonymised",
            "pseudonymise_owner",
            "scrub_owner",
            "owner",
        ],
    )
    def test_what_seems_to_anonymise_a_field(self, name):
        with device(fields=["owner"], keep=["address"], **{name: lambda self, instance: ""}):
            message = only("E019")
        assert message.msg == f"thirdparty.Device: PrivacyMeta.{name} has no meaning."
        assert message.hint.startswith("If anonymise_owner is meant, correct it; ")

    def test_a_value_in_the_name_of_a_field(self):
        with device(fields=["owner"], keep=["address"], owner="nobody"):
            assert "anonymise_owner" in only("E019").hint

    def test_beside_the_anonymiser_itself_it_is_a_helper(self):
        attributes = {name: lambda self, instance: "" for name in ("anonymise_owner", "scrub_owner", "owner")}
        with device(fields=["owner"], keep=["address"], **attributes):
            assert reported() == {}

    @pytest.mark.parametrize(
        "attributes",
        [
            {"retention": "contract"},
            {"_feilds": ["owner"]},
            {"lawful_basis": "the owner's contract"},
            {"retention_days": 30},
            {"recipients": ["insurer", "authorities"]},
            {"clean_up": lambda self, instance: None},
            {"is_open": property(lambda self: 1 / 0)},
            {"made": classmethod(lambda cls: None)},
            {"Reasons": type("Reasons", (), {})},
        ],
        ids=lambda attributes: next(iter(attributes)),
    )
    def test_the_projects_own(self, attributes):
        with device(fields=["owner"], keep=["address"], **attributes):
            assert reported() == {}


class TestE020:
    def test_gdpr_assist_E020_the_default_database(self, settings):
        settings.GDPR_LOG_DATABASE_NAME = "default"
        message = only("E020")
        assert message.msg == "The event log's database 'default' is the one of 'default'."

    def test_gdpr_assist_E020_two_aliases_of_one_database(self, monkeypatch):
        log, other = (connections[alias].settings_dict for alias in ("gdpr_log", "other"))
        for key in ("ENGINE", "NAME", "HOST", "PORT"):
            monkeypatch.setitem(log, key, other[key])
        message = only("E020")
        assert message.msg == "The event log's database 'gdpr_log' is the one of 'other'."


class TestE021:
    @pytest.mark.parametrize(("name", "value"), [("ATOMIC_REQUESTS", True), ("AUTOCOMMIT", False)])
    def test_gdpr_assist_E021(self, name, value, monkeypatch):
        monkeypatch.setitem(connections["gdpr_log"].settings_dict, name, value)
        message = only("E021")
        assert message.msg == (
            f"The event log's database 'gdpr_log' has {name} = {value}: every erasure would be refused."
        )
        assert name in message.hint


class Elsewhere:
    """Writes devices on another alias, and allows only these apps there; as one that is no good without a request."""

    def __init__(self, *allowed):
        self.allowed = allowed

    def db_for_write(self, model, **hints):
        if model is Customer:
            raise LookupError("no request")
        return "other" if model is Device else None

    def allow_migrate(self, db, app_label, **hints):
        return app_label in self.allowed if db == "other" else None


class TestE027:
    def test_gdpr_assist_E027(self, settings):
        settings.DATABASE_ROUTERS = [*settings.DATABASE_ROUTERS, Elsewhere("thirdparty")]
        with device(fields=["owner"], keep=["address"]):
            message = only("E027")
        assert message.msg == (
            "The routers write thirdparty.Device on 'other', but allow_migrate answers False there for contenttypes "
            "and gdpr_assist: nothing can be erased there."
        )
        assert message.hint.startswith("The routers keep contenttypes and gdpr_assist off 'other': let allow_migrate ")
        assert "migrate --database=other" in message.hint

    @pytest.mark.parametrize("lacking", ["contenttypes", "gdpr_assist"])
    def test_names_the_app(self, settings, lacking):
        allowed = {"thirdparty", "contenttypes", "gdpr_assist"} - {lacking}
        settings.DATABASE_ROUTERS = [*settings.DATABASE_ROUTERS, Elsewhere(*allowed)]
        with device(fields=["owner"], keep=["address"]):
            assert f"answers False there for {lacking}: " in only("E027").msg

    def test_where_each_tenant_has_a_schema_the_apps_are_looked_at_instead(self, settings):
        """The router of django-tenants answers for the schema of the moment: in a command, the one that all share."""
        settings.TENANT_APPS = ["gdpr_assist", "django.contrib.contenttypes", "tests.apps.thirdparty"]
        settings.DATABASE_ROUTERS = [*settings.DATABASE_ROUTERS, Elsewhere()]
        with device(fields=["owner"], keep=["address"]):
            assert reported() == {}

    def test_gdpr_assist_W008_where_not_even_the_rows_may_be(self, settings):
        settings.DATABASE_ROUTERS = [*settings.DATABASE_ROUTERS, Elsewhere()]
        with device(fields=["owner"], keep=["address"]):
            message = only("W008")
        assert "for contenttypes and gdpr_assist: nothing can be erased there." in message.msg
        assert "silence this check" in message.hint

    def test_routers_that_allow_them(self, settings):
        settings.DATABASE_ROUTERS = [
            *settings.DATABASE_ROUTERS,
            Elsewhere("thirdparty", "contenttypes", "gdpr_assist"),
        ]
        with device(fields=["owner"], keep=["address"]):
            assert reported() == {}

    def test_an_alias_without_registered_models_may_lack_them(self, settings):
        settings.DATABASE_ROUTERS = [*settings.DATABASE_ROUTERS, Elsewhere()]
        assert reported() == {}


class TestW023:
    def test_gdpr_assist_W023(self, settings):
        settings.TENANT_APPS = ["gdpr_assist.apps.GdprAssistConfig", "tests.apps.shop"]
        message = only("W023")
        assert message.msg.startswith("django.contrib.contenttypes is not in TENANT_APPS")
        assert message.hint.startswith("Add django.contrib.contenttypes to TENANT_APPS")

    def test_both(self, settings):
        settings.TENANT_APPS = ["tests.apps.shop"]
        assert [each.msg.split()[0] for each in reported()["W023"]] == ["gdpr_assist", "django.contrib.contenttypes"]

    @pytest.mark.parametrize("apps", [["gdpr_assist", "django.contrib.contenttypes"], []])
    def test_a_site_that_has_them_or_no_tenants(self, settings, apps):
        settings.TENANT_APPS = apps
        assert reported() == {}


class TestE028:
    """Classes in a model that is not registered."""

    @pytest.mark.parametrize(
        "name",
        ["Privacymeta", "PrivacyMata", "privacy_meta", "PRIVACYMETA", "PrivacyMetas", "PrivcyMeta", "Privacy_Meta"],
    )
    @pytest.mark.parametrize("attributes", [{}, {"fields": ["owner"]}], ids=["empty", "with fields"])
    def test_gdpr_assist_E028(self, monkeypatch, name, attributes):
        monkeypatch.setattr(Device, name, type(name, (), attributes), raising=False)
        message = only("E028")
        assert message.msg == (
            f"tests.apps.thirdparty.models.Device: the inner class {name} looks like a declaration of personal data, "
            "but is not read."
        )
        assert message.hint.startswith("If it is meant as one, call it PrivacyMeta. ")
        assert message.obj is Device

    @pytest.mark.parametrize(
        "attributes",
        [
            {"can_anonymise": False},
            {"export_fields": ["owner"]},
            {"anonymise_owner": lambda self, instance: ""},
            {"anonymize_owner": lambda self, instance: ""},
            {"exportFields": ["owner"]},
            {"Fields": ["owner"], "searchfields": ["owner"]},
            {"fields": ["owner"], "keep": ["address"]},
            {"fields": ["owner"], "search_fields": ["owner"]},
        ],
        ids=", ".join,
    )
    def test_one_with_its_attributes(self, monkeypatch, attributes):
        monkeypatch.setattr(Device, "DataProtection", type("DataProtection", (), attributes), raising=False)
        assert "the inner class DataProtection looks like a declaration" in only("E028").msg

    @pytest.mark.parametrize("name", ["GDPR", "Privacy", "PrivateMeta", "PersonalData", "Anonymisation"])
    def test_one_that_speaks_of_it(self, monkeypatch, name):
        monkeypatch.setattr(Device, name, type(name, (), {"fields": ["owner"]}), raising=False)
        assert f"the inner class {name} looks like a declaration" in only("E028").msg

    def test_by_the_name_that_the_site_gave_it(self, monkeypatch, settings):
        settings.GDPR_PRIVACY_CLASS_NAME = "DataRules"
        monkeypatch.setattr(Device, "Datarules", type("Datarules", (), {}), raising=False)
        [message] = [each for each in reported()["E028"] if each.obj is Device]
        assert message.hint.startswith("If it is meant as one, call it DataRules. ")

    def test_one_of_an_abstract_base_is_told_once(self, monkeypatch):
        monkeypatch.setattr(Contact, "Privacymeta", type("Privacymeta", (), {}), raising=False)
        assert only("E028").msg.startswith("tests.apps.shop.models.Contact: the inner class Privacymeta ")

    def test_in_a_registered_model(self, monkeypatch):
        monkeypatch.setattr(Customer, "PrivacyMetta", type("PrivacyMetta", (), {"keep": ["name"]}), raising=False)
        assert only("E028").msg.startswith("tests.apps.shop.models.Customer: the inner class PrivacyMetta ")

    def test_one_beside_the_models(self, monkeypatch):
        """With the indent of a class too few."""
        loose = type("PrivacyMeta", (), {"__module__": Device.__module__, "fields": ["owner"]})
        monkeypatch.setattr(sys.modules[Device.__module__], "PrivacyMeta", loose, raising=False)
        assert only("E028").msg == (
            "tests.apps.thirdparty.models: the class PrivacyMeta stands beside the models, and no model uses it."
        )
        with registry.registered(Device, type("Own", (loose,), {"keep": ["address"], "search_fields": ["owner"]})):
            assert reported() == {}

    @pytest.mark.parametrize(
        ("name", "written"),
        [
            ("Meta", type("Meta", (), {"fields": ["owner"], "keep": ["owner"]})),
            ("Kind", models.TextChoices("Kind", "a b")),
            ("PrivacyMode", models.TextChoices("PrivacyMode", "open closed")),
            ("PrivacyMode", type("PrivacyMode", (), {"OPEN": 1})),
            ("Privacy", type("Privacy", (), {"levels": ["open", "closed"]})),
            ("PrivacyMeta_", type("Form", (forms.Form,), {"fields": ["owner"], "keep": ["owner"]})),
            ("Admin", type("Admin", (), {"fields": ["owner"], "search_fields": ["owner"], "list_display": ["owner"]})),
            ("Elsewhere", type("Elsewhere", (), {"fields": ["title"], "keep": 30})),
            ("Problem", type("Problem", (Exception,), {"fields": ["owner"], "keep": ["owner"]})),
        ],
        ids=lambda each: each if isinstance(each, str) else "",
    )
    def test_one_for_another_purpose(self, monkeypatch, name, written):
        monkeypatch.setattr(Device, name, written, raising=False)
        assert reported() == {}

    @pytest.mark.parametrize(
        ("name", "attributes"),
        [
            ("Columns", {"fields": ["owner"]}),
            ("Columns", {"searchFields": ["owner"]}),
            ("GDPR", {"personal": ["owner"]}),
            ("Privacy", {"erase": "owner", "days": 30}),
        ],
        ids=str,
    )
    def test_gdpr_assist_W013_one_that_may_be_meant(self, monkeypatch, name, attributes):
        monkeypatch.setattr(Device, name, type(name, (), attributes), raising=False)
        assert f"the inner class {name} looks like a declaration" in only("W013").msg


class TestW032:
    """Methods of the project in the place of ours."""

    @pytest.mark.parametrize("own", [lambda self, force=False: None, True], ids=["a method", "another thing"])
    def test_gdpr_assist_W032(self, monkeypatch, own):
        monkeypatch.setattr(Customer, "anonymise", own)
        message = only("W032")
        assert message.msg == (
            "shop.Customer has an anonymise() of its own: querysets, cascades, commands and the admin do not call it, "
            "and it has none of ours to call."
        )
        assert message.obj is Customer

    def test_of_a_proxy_alone(self, monkeypatch):
        monkeypatch.setattr(ForeignCustomer, "anonymise", lambda self: None, raising=False)
        assert only("W032").obj is ForeignCustomer


class TestE029:
    @pytest.mark.parametrize(
        "written", [{"fields": ["name"]}, ["name"], "name", lambda: None], ids=["dict", "list", "text", "function"]
    )
    def test_gdpr_assist_E029(self, written, made_models):
        model = type("Undeclared", (models.Model,), {"__module__": Customer.__module__, "PrivacyMeta": written})
        message = only("E029")
        kind = type(written).__name__
        assert message.msg == (
            f"shop.Undeclared: PrivacyMeta is not a class, but an object of the class {kind}; it is not read."
        )
        assert message.obj is model
        assert model not in registry

    def test_none_stands_for_no_declaration(self, made_models):
        attributes = {"__module__": Customer.__module__, "PrivacyMeta": None}
        assert type("Plain", (Contact,), attributes) not in registry
        assert list(reported()) == ["W033"]  # and is no answer either


class TestE031:
    @pytest.mark.parametrize(
        "method",
        [
            lambda: "",
            lambda instance: "",
            lambda self, instance, value: "",
            staticmethod(lambda self, instance: ""),
            property(lambda self: 1 / 0),
            cached_property(lambda self: 1 / 0),
            "nobody",
            7,
        ],
    )
    def test_gdpr_assist_E031(self, method):
        with device(fields=["owner"], keep=["address"], anonymise_owner=method) as declared:
            message = only("E031")
            assert [mistake.check for mistake in declared.errors] == ["E031"]
        assert message.msg == (
            "thirdparty.Device: PrivacyMeta.anonymise_owner cannot be called as a method with (self, instance)."
        )
        assert message.hint.startswith("Write def anonymise_owner(self, instance). ")

    def test_an_asynchronous_one(self):
        async def anonymise(self, instance):
            return ""

        with device(fields=["owner"], keep=["address"], anonymise_owner=anonymise):
            assert "It may not be asynchronous." in only("E031").hint

    @pytest.mark.parametrize(("name", "argument"), [("search", "term"), ("export", "instance")])
    @pytest.mark.parametrize("method", [lambda self: [], property(lambda self: []), []])
    def test_search_and_export(self, name, argument, method):
        with device(fields=["owner"], keep=["address"], **{name: method}):
            message = only("E031")
        assert f"PrivacyMeta.{name} cannot be called as a method with (self, {argument})." in message.msg

    @pytest.mark.parametrize(
        "method",
        [
            lambda self, instance: "",
            lambda self, instance, value=None: "",
            lambda *args: "",
            staticmethod(lambda instance: ""),
            classmethod(lambda cls, instance: ""),
            partialmethod(lambda self, value, instance: value, ""),
            str,
            None,
        ],
    )
    def test_what_can_be_called(self, method):
        with device(fields=["owner"], keep=["address"], anonymise_owner=method):
            assert reported() == {}


# -- on_delete -------------------------------------------------------------------------------------


@pytest.fixture
def altered(monkeypatch):
    """Change attributes of a field of a model for the time of the test."""

    def alter(model, name, on_delete=None, **attributes):
        field = model._meta.get_field(name)
        for attribute, value in attributes.items():
            monkeypatch.setattr(field, attribute, value)
        if on_delete is not None:
            monkeypatch.setattr(field.remote_field, "on_delete", on_delete)

    return alter


def test_gdpr_assist_E012(altered):
    altered(Badge, "department", null=False)
    message = only("E012")
    assert message.msg == ("shop.Badge.department has on_delete=ANONYMISE(SET_NULL) but cannot be null.")
    assert message.hint.startswith("Set null=True, or use another action.")
    assert message.obj is Badge._meta.get_field("department")


def test_gdpr_assist_E013(altered):
    altered(Employee, "company", default=models.NOT_PROVIDED)
    message = only("E013")
    assert message.msg == ("shop.Employee.company has on_delete=ANONYMISE(SET_DEFAULT) but no default.")
    assert message.hint.startswith("Set a default, or use another action.")


class TestE032:
    def test_gdpr_assist_E032(self, altered):
        altered(Badge, "department", on_delete=ANONYMISE)
        message = only("E032")
        assert message.msg == "shop.Badge.department has on_delete=ANONYMISE without an action."
        assert message.hint.startswith("Write ANONYMISE(models.SET_NULL), ")
        assert message.obj is Badge._meta.get_field("department")


class TestE014:
    def test_gdpr_assist_E014(self, altered):
        altered(Department, "company", on_delete=ANONYMISE(models.SET_NULL), null=True)
        message = only("E014")
        assert message.msg == ("shop.Department.company has on_delete=ANONYMISE, but its model is not registered.")
        assert "PrivacyMeta" in message.hint


class TestW024:
    def test_gdpr_assist_W024(self, altered):
        """A warning: 1.x passed such rows over, and a site that has them must be able to migrate."""
        altered(AuditEntry, "customer", on_delete=ANONYMISE(models.SET_NULL))
        message = only("W024")
        assert "shop.AuditEntry.customer" in message.msg
        assert "can_anonymise = False" in message.msg


def DB_CASCADE(collector, field, sub_objs, using):
    """Stand for what Django has from 6.1 on."""


class TestE015:
    on_delete = staticmethod(getattr(models, "DB_CASCADE", DB_CASCADE))

    def test_gdpr_assist_E015(self, altered):
        altered(AuditEntry, "customer", on_delete=self.on_delete)
        found = reported()["E015"]
        assert [each.msg for each in found] == [
            "shop.AuditEntry.customer has on_delete=DB_CASCADE: its rows are deleted without a signal, and not logged."
        ]
        assert found[0].hint == (
            f"Use models.CASCADE, or on_delete=ANONYMISE(...). See {DOCUMENTATION}checks.html#gdpr-assist-e015"
        )
        assert list(reported()) == ["E015"]

    def test_a_model_that_is_not_registered(self, altered):
        altered(Department, "company", on_delete=self.on_delete)
        assert reported() == {}


class TestE016:
    def test_gdpr_assist_E016(self):
        inner = meta(fields=["name"])
        options = type("Meta", (), {"proxy": True, "app_label": "shop"})
        attributes = {"__module__": __name__, "Meta": options, "PrivacyMeta": inner}
        proxy = type("DeclaringProxy", (Customer,), attributes)
        try:
            message = only("E016")
            assert message.msg == ("shop.DeclaringProxy is a proxy: its declaration has no effect.")
            assert message.hint.startswith("Declare shop.Customer;")
            assert proxy.get_privacy_meta() is Customer.get_privacy_meta()
            assert not hasattr(proxy, "PrivacyMeta")
        finally:
            registry.ignored.remove(proxy)
            del apps.all_models["shop"]["declaringproxy"]
            apps.clear_cache()

    def test_a_proxy_without_one(self):
        assert ForeignCustomer not in registry.ignored


class TestE041:
    def test_gdpr_assist_E041(self):
        with registry.registered(Patron, meta(fields=["card"])):
            messages = reported()["E041"]
        assert [each.msg for each in messages] == [
            f"own.Patron: own.Loan.{key} points at card (to_field), which is anonymised: it would keep the old value, "
            "and lead nowhere."
            for key in ("patron", "guarantor")
        ]
        assert messages[0].hint.startswith("Let own.Loan.patron point at the primary key.")

    def test_a_column_that_is_kept(self):
        with registry.registered(Patron, meta(fields=[], keep=["card"])):
            assert reported() == {}

    @isolate_apps("tests.apps.shop")
    def test_the_column_of_a_parent_that_a_key_reaches_through_a_child(self):
        class Guest(models.Model):
            name = models.CharField(max_length=50, unique=True)
            Meta = options()

        class Regular(Guest):
            Meta = options()

        class Table(models.Model):
            guest = models.ForeignKey(Regular, models.CASCADE, to_field="name")
            Meta = options()

        with registry.registered(Guest, meta(fields=["name"])):
            assert "shop.Table.guest points at name" in only("E041").msg


@pytest.mark.django_db
class TestE017:
    def constraint(self, monkeypatch, condition):
        constraint = models.CheckConstraint(**{CONDITION: condition}, name="shop_condition")
        monkeypatch.setattr(Membership._meta, "constraints", [constraint])
        monkeypatch.setattr(Membership._meta, "unique_together", ())
        registry._declarations.pop(Membership, None)

    @pytest.fixture(autouse=True)
    def declared_again(self):
        yield
        registry._declarations.pop(Membership, None)

    def test_gdpr_assist_E017(self, monkeypatch):
        self.constraint(monkeypatch, Q(visits__gte=1))
        message = only("E017", databases=["default"])
        assert message.msg == ("shop.Membership: the constraint shop_condition refuses the new value of visits.")
        assert "Write anonymise_visits" in message.hint

    def test_only_where_a_database_is_named(self, monkeypatch):
        self.constraint(monkeypatch, Q(visits__gte=1))
        assert reported() == {}
        assert reported(databases=[]) == {}
        assert reported(databases=["gdpr_log"]) == {}

    def test_of_several_columns(self, monkeypatch):
        self.constraint(monkeypatch, ~Q(nickname="") | Q(visits__gte=5))
        message = only("E017", databases=["default"])
        assert "nickname, visits" in message.msg

    @pytest.mark.parametrize(
        "condition",
        [
            Q(visits__gte=0),
            Q(visits__gte=1) | Q(nickname=""),
            Q(visits__gte=1) & Q(club="Ada's"),  # depends on a column that stays
        ],
        ids=["allows", "allows one of two", "cannot be told"],
    )
    def test_one_that_allows_the_value(self, monkeypatch, condition):
        self.constraint(monkeypatch, condition)
        assert reported(databases=["default"]) == {}

    def keyed(self, condition, **attributes):
        constraint = models.CheckConstraint(**{CONDITION: condition}, name="shop_condition")
        return made(
            **{"nick": models.CharField(max_length=50), **attributes},
            login=models.CharField(max_length=50, unique=True),
            email=models.EmailField(),
            age=models.IntegerField(null=True),
            data=models.JSONField(),
            Meta=options(constraints=[constraint]),
        )

    @pytest.mark.parametrize(
        ("condition", "names"),
        [
            (Q(nick__regex=r"^[A-Z]"), "nick"),
            (Q(login__regex=r"^[0-9a-z]+$"), "login"),  # digits after a hyphen
            (Q(email__endswith="@quill.example"), "email"),
            (Q(login__startswith=F("nick")) & ~Q(nick="7"), "login, nick"),
            (GreaterThan(Length("nick"), 4), "nick"),
        ],
        ids=["text", "unique text", "address", "two columns", "no Q"],
    )
    def test_a_text_that_is_made_from_the_key(self, condition, names):
        with self.keyed(condition):
            message = only("E017", databases=["default"])
        assert message.msg == f"shop.Made: the constraint shop_condition refuses the new value of {names}."

    @pytest.mark.parametrize(
        "condition",
        [
            Q(nick__regex=r"^\w+$"),
            Q(login__regex=r"^[\w-]+$"),
            Q(email__contains="@"),
            Q(age__gte=18),  # NULL
            Q(data={"a": 1}),  # {} or [], as it was
            Q(nick="no", pk__lt=0),
            Q(nick="no") & Q(RawSQL("login = 'no'", ())),
        ],
    )
    def test_texts_that_are_allowed_and_what_cannot_be_told(self, condition):
        with self.keyed(condition):
            assert reported(databases=["default"]) == {}

    def test_a_text_that_is_made_from_a_key_of_the_project_s_own_cannot_be_told(self):
        with self.keyed(Q(nick="no"), code=models.CharField(max_length=9, primary_key=True), PrivacyMeta=meta()):
            assert "E017" not in reported(databases=["default"])

    @isolate_apps("tests.apps.shop")
    def test_the_constraint_of_a_parent_that_is_not_registered(self):
        constraint = models.CheckConstraint(**{CONDITION: Q(age__gte=18)}, name="grown_up")

        class Guest(models.Model):
            age = models.IntegerField()
            Meta = options(constraints=[constraint])

        class Regular(Guest):
            Meta = options()

        with registry.registered(Regular, meta(fields=["age"])):
            message = only("E017", databases=["default"])
        assert message.msg == "shop.Regular: the constraint grown_up refuses the new value of age."


def options(**attributes):
    return type("Meta", (), {"app_label": "shop", **attributes})


def unique(*names, **attributes):
    return models.UniqueConstraint(*attributes.pop("expressions", ()), fields=names, name="one_each", **attributes)


# {id: options of a model with the columns code, series and day, of which code and series are personal}
ALWAYS_CLASH = {
    "unique_together": {"unique_together": [("code", "series")]},
    "a constraint": {"constraints": [unique("code", "series")]},
    "a constraint over expressions": {"constraints": [unique(expressions=[Abs("code"), "series"])]},
}
MAY_CLASH = {
    "with a column that stays": {"unique_together": [("code", "day")]},
    "for some rows": {"constraints": [unique("code", condition=Q(day=7))]},
    "all of them, for some rows": {"constraints": [unique("code", "series", condition=Q(day=7))]},
}
NEVER_CLASH = {
    "with a value for each row": {"unique_together": [("code", "name")]},
    "with the primary key": {"unique_together": [("code", "id")]},
    "with a unique column that stays": {"unique_together": [("code", "number")]},
    "with NULL": {"constraints": [unique("code", "size")]},
    "of columns that stay": {"unique_together": [("day", "number")]},
}


@contextmanager
def with_columns(constraints, **attributes):
    with made(
        code=models.IntegerField(),
        series=models.DateField(),
        name=models.CharField(max_length=50),
        size=models.IntegerField(null=True),
        day=models.IntegerField(),
        number=models.IntegerField(unique=True),
        Meta=options(**constraints),
        PrivacyMeta=meta(keep=["day", "number"], **attributes),
    ):
        yield


class TestE036:
    @pytest.mark.parametrize("case", ALWAYS_CLASH)
    def test_gdpr_assist_E036(self, case):
        with with_columns(ALWAYS_CLASH[case]):
            message = only("E036")
        assert message.msg.startswith("shop.Made: the new values of code, series would be the same in every row")
        assert ("one_each" if "constraints" in ALWAYS_CLASH[case] else "unique_together") in message.msg
        assert message.hint.startswith("Write anonymise_code")

    def test_an_anonymiser_of_its_own(self):
        for case in ALWAYS_CLASH.values():
            with with_columns(case, anonymise_code=lambda self, instance: instance.pk):
                assert reported() == {}

    if django.VERSION >= (5, 0):

        def test_null_where_it_may_not_repeat(self):
            with made(
                code=models.IntegerField(),
                product=models.ForeignKey(Product, models.CASCADE, null=True, related_name="+"),
                Meta=options(constraints=[unique("code", "product", nulls_distinct=False)]),
            ):
                assert "code, product" in only("E036").msg


if django.VERSION >= (5, 0):

    def generated(expression, output_field=None, **attributes):
        output_field = output_field or models.CharField(max_length=200)
        return models.GeneratedField(expression=expression, output_field=output_field, db_persist=True, **attributes)

    class TestUniqueOfDjango50:
        def test_gdpr_assist_E007_of_one_column(self):
            number = models.IntegerField()
            for expression in (F("code") + 1, Abs("code"), F("code")):
                with made(code=models.IntegerField(), twice=generated(expression, number, unique=True)):
                    assert only("E007").msg.startswith("Cannot anonymise shop.Made.code - it is unique, and the same")

        def test_gdpr_assist_E007_in_a_constraint(self):
            with made(
                code=models.IntegerField(),
                twice=generated(F("code") + 1, models.IntegerField()),
                Meta=options(constraints=[unique("twice")]),
            ):
                assert only("E007").msg.startswith("Cannot anonymise shop.Made.code - it is unique, and the same")

        def test_gdpr_assist_E036_of_several_columns(self):
            total = generated(F("code") + F("size"), models.IntegerField(), unique=True)
            with made(code=models.IntegerField(), size=models.IntegerField(), total=total):
                message = only("E036")
            assert message.msg.startswith("shop.Made: the new values of code, size would be the same in every row")
            assert "the generated column total" in message.msg

        @pytest.mark.parametrize(
            "expression",
            [Left("name", 3), Coalesce("nick", Value("")), Concat("nick", Value("!")), Concat("nick", "town")],
            ids=["part", "of NULL", "text of NULL", "with a column that stays"],
        )
        def test_gdpr_assist_W015(self, expression):
            with made(
                name=models.CharField(max_length=50),
                nick=models.CharField(max_length=50, null=True),
                town=models.CharField(max_length=50),
                made_of=generated(expression, unique=True),
                PrivacyMeta=meta(keep=["town"]),
            ):
                assert "the generated column made_of" in only("W015").msg

        def test_what_keeps_rows_apart(self):
            with made(
                name=models.CharField(max_length=50, blank=True),
                nick=models.CharField(max_length=50, null=True),
                one=generated(Lower("name"), unique=True),
                two=generated(MD5(Upper("nick")), unique=True),
                three=generated(Left("name", 3)),
            ):
                assert reported() == {}

        def test_the_column_of_a_relation(self):
            relation = models.ForeignKey(Product, models.CASCADE, null=True, related_name="+")
            constraint = unique(expressions=[F("product_id")], nulls_distinct=False)
            with made(product=relation, Meta=options(constraints=[constraint])):
                assert only("E007").msg.startswith("Cannot anonymise shop.Made.product - it is unique")

        def test_an_anonymiser_of_its_own(self):
            declaration = meta(keep=["town"], anonymise_name=lambda self, instance: str(instance.pk))
            with made(
                name=models.CharField(max_length=50),
                town=models.CharField(max_length=50),
                made_of=generated(Concat("name", "town"), unique=True),
                PrivacyMeta=declaration,
            ):
                assert reported() == {}


class TestUniqueExpression:
    def test_gdpr_assist_E036_one_expression_over_several_columns(self):
        constraint = unique(expressions=[F("code") + F("size")])
        with made(code=models.IntegerField(), size=models.IntegerField(), Meta=options(constraints=[constraint])):
            assert only("E036").msg.startswith("shop.Made: the new values of code, size would be the same")

    def test_gdpr_assist_W015_a_part_of_a_text(self):
        constraint = unique(expressions=[Left("name", 3)])
        with made(name=models.CharField(max_length=50), Meta=options(constraints=[constraint])):
            assert only("W015").msg.startswith("shop.Made: with the new values of name, rows that differ now")

    def test_a_field_that_is_not_there(self):
        """Django's own check names it."""
        with made(code=models.IntegerField(), Meta=options(unique_together=[("code", "gone")])):
            assert list(reported()) == ["W015"]


class TestW014:
    def test_gdpr_assist_W014(self):
        with made(mood=models.CharField(max_length=9, choices=[("sad", "Sad")])):
            message = only("W014")
        assert message.msg == "shop.Made.mood: no choice of it is empty, so that every row gets the first one."
        assert message.hint.startswith("Let the field be null or blank, or write anonymise_mood.")
        assert "sad" not in message.msg + message.hint

    def test_an_error_where_the_site_is_strict(self, settings):
        settings.GDPR_STRICT = True
        with made(mood=models.CharField(max_length=9, choices=[("sad", "Sad")])):
            [message] = reported()["W014"]
        assert type(message) is Error

    def test_that_must_differ(self):
        with made(mood=models.CharField(max_length=50, unique=True, choices=[("sad", "Sad")])):
            assert "must differ from row to row" in only("W014").msg

    @pytest.mark.parametrize(("length", "enough"), [(9, False), (12, False), (28, False), (29, True)])
    def test_that_has_no_room_for_digits_nobody_can_guess(self, length, enough):
        with made(id=models.BigAutoField(primary_key=True), code=models.CharField(max_length=length, unique=True)):
            found = reported()
        assert ("W014" in found) is not enough
        for message in found.get("W014", []):
            assert message.msg.startswith("shop.Made.code: it is too short for digits that nobody can guess")
            assert message.hint.startswith("Let the field be null, give it a max_length of 29 or more, or write")

    def test_an_anonymiser_of_its_own(self):
        mood = models.CharField(max_length=9, choices=[("sad", "Sad")])
        with made(mood=mood, PrivacyMeta=meta(anonymise_mood=lambda self, instance: "sad")):
            assert reported() == {}

    def test_what_can_be_empty_and_what_is_kept(self):
        choices = [("sad", "Sad")]
        with made(
            mood=models.CharField(max_length=9, choices=choices, blank=True),
            other=models.CharField(max_length=9, choices=choices, null=True),
            kept=models.CharField(max_length=9, choices=choices),
            PrivacyMeta=meta(keep=["kept"]),
        ):
            assert reported() == {}


class TestW015:
    @pytest.mark.parametrize("case", MAY_CLASH)
    def test_gdpr_assist_W015(self, case):
        with with_columns(MAY_CLASH[case]):
            message = only("W015")
        assert message.msg.startswith("shop.Made: with the new values of code")
        assert message.hint.startswith("Write anonymise_code")

    @pytest.mark.parametrize("case", NEVER_CLASH)
    def test_what_never_clashes(self, case):
        with with_columns(NEVER_CLASH[case]):
            assert reported() == {}

    @pytest.mark.parametrize(
        ("field", "digits"),
        [
            (models.CharField(max_length=2, unique=True), "2 digits"),
            (models.SlugField(max_length=1, unique=True), "1 digit "),
            (models.EmailField(max_length=20, unique=True), "3 digits"),
            (models.URLField(max_length=28, unique=True), "4 digits"),
        ],
        ids=lambda each: type(each).__name__,
    )
    def test_a_short_unique_text(self, field, digits):
        with made(code=field):
            found = reported()
        assert sorted(found) == ["W014", "W015"]
        [message] = found["W015"]
        assert message.msg.startswith("shop.Made.code is unique")
        assert f"no more than {digits}" in message.msg

    def test_what_is_long_enough_or_not_unique(self):
        with made(
            long=models.CharField(max_length=50, unique=True),
            short=models.CharField(max_length=2),
            null=models.CharField(max_length=2, unique=True, null=True),
            kept=models.CharField(max_length=2, unique=True),
            PrivacyMeta=meta(keep=["kept"]),
        ):
            assert reported() == {}

    def test_a_short_unique_text_with_an_anonymiser(self):
        code = models.CharField(max_length=2, unique=True)
        with made(code=code, PrivacyMeta=meta(anonymise_code=lambda self, instance: "x")):
            assert reported() == {}


if apps.is_installed("tests.apps.postgres"):
    from django.contrib.postgres.constraints import ExclusionConstraint
    from django.contrib.postgres.fields import DateRangeField, RangeOperators

    class TestExclusion:
        """A constraint of PostgreSQL that refuses rows whose columns compare so."""

        def columns(self, *expressions, **attributes):
            constraint = ExclusionConstraint(name="no_two", expressions=expressions, **attributes)
            return made(
                room=models.IntegerField(),
                booked=DateRangeField(),
                noted=DateRangeField(null=True),
                name=models.CharField(max_length=50),
                place=models.IntegerField(),
                Meta=options(constraints=[constraint]),
                PrivacyMeta=meta(keep=["place"]),
            )

        def test_gdpr_assist_E036_same_in_every_row(self):
            with self.columns(("room", RangeOperators.EQUAL), ("booked", RangeOperators.EQUAL)):
                assert only("E036").msg.startswith("shop.Made: the new values of booked, room would be the same")

        @pytest.mark.parametrize(
            ("expressions", "attributes"),
            [
                ([("room", RangeOperators.EQUAL), ("place", RangeOperators.EQUAL)], {}),
                ([("room", RangeOperators.EQUAL)], {"condition": Q(place=7)}),
                ([(Func("room", "place", function="int4range"), RangeOperators.OVERLAPS)], {}),
            ],
        )
        def test_gdpr_assist_W015_same_in_some_rows(self, expressions, attributes):
            with self.columns(*expressions, **attributes):
                message = only("W015")
            assert message.msg.startswith("shop.Made: with the new values of room")
            assert "the constraint no_two" in message.msg

        def test_a_text_that_must_differ_has_digits_that_nobody_can_guess(self):
            for expressions in ([("name", "=")], [("name", RangeOperators.EQUAL), ("place", RangeOperators.EQUAL)]):
                with self.columns(*expressions) as model:
                    assert reported() == {}
                    [change] = [each for each in registry.declaration(model).changes if each.field.name == "name"]
                    assert change.replacement.is_keyed
            with self.columns(("name", RangeOperators.EQUAL), ("booked", RangeOperators.OVERLAPS)) as model:
                [change] = [each for each in registry.declaration(model).changes if each.field.name == "name"]
                assert not change.replacement.is_keyed

        @pytest.mark.parametrize(
            "expressions",
            [
                [("room", RangeOperators.EQUAL), ("booked", RangeOperators.OVERLAPS)],  # an empty range overlaps none
                [("room", RangeOperators.EQUAL), ("noted", RangeOperators.OVERLAPS)],  # NULL
                [("room", RangeOperators.NOT_EQUAL), ("place", RangeOperators.EQUAL)],
                [("room", RangeOperators.EQUAL), ("name", RangeOperators.EQUAL)],
                [("place", RangeOperators.EQUAL)],
            ],
        )
        def test_what_never_clashes(self, expressions):
            with self.columns(*expressions):
                assert reported() == {}


# -- warnings --------------------------------------------------------------------------------------


class TestE022:
    @pytest.mark.parametrize("label", ["Gadget", "", "inventory.", ".Gadget", "a.b.Gadget"])
    def test_gdpr_assist_E022_former_labels(self, label):
        with device(former_labels=["inventory.Gadget", label]):
            message = only("E022")
        assert message.msg == "thirdparty.Device: PrivacyMeta.former_labels is not the label of a model."
        assert message.hint.startswith("Write it as app_label.ModelName.")

    @pytest.mark.parametrize("label", ["Gadget", "", "a.b.Gadget", 7])
    def test_gdpr_assist_E022_log_label(self, label):
        with device(log_label=label):
            message = only("E022")
        assert message.msg == "thirdparty.Device: PrivacyMeta.log_label is not the label of a model."

    def test_right_labels(self):
        with device(log_label="inventory.Gadget", former_labels=("old.Gadget", "stock.Gadget")):
            assert reported() == {}

    @pytest.mark.parametrize("value", ["old.Gadget", 7, [7], [None], True])
    def test_what_is_no_list_of_labels(self, value):
        with device(former_labels=value):
            assert only("E010").msg == "thirdparty.Device: PrivacyMeta.former_labels is not a list of names."

    @pytest.mark.parametrize("attributes", [{"log_label": "Gadget"}, {"log_label": 7}, {"former_labels": 7}], ids=str)
    def test_until_it_is_corrected_rows_are_logged_by_the_models_own_label(self, attributes):
        with device(**attributes):
            assert registry.log_label(Device) == "thirdparty.Device"
            assert registry.find("thirdparty.device") is Device


class TestE023:
    @pytest.mark.parametrize(
        "attributes",
        [{"log_label": "shop.Customer"}, {"former_labels": ["old.Gadget", "shop.customer"]}],
        ids=["log_label", "former_labels"],
    )
    def test_gdpr_assist_E023(self, attributes):
        with device(**attributes):
            message = only("E023")
        assert message.msg == "thirdparty.Device and shop.Customer are both called shop.customer in the event log."
        assert message.obj is Device

    def test_the_models_own_label_among_its_former_ones(self):
        with device(former_labels=["thirdparty.Device"]):
            assert reported() == {}


class TestE024:
    @pytest.mark.django_db
    @pytest.mark.parametrize("value", [30, "30 days", timedelta(0), timedelta(days=-1), timedelta(days=999_999)])
    def test_gdpr_assist_E024(self, value, settings):
        settings.GDPR_LOG_RETENTION = value
        message = only("E024", databases=["default", "other", "gdpr_log"])
        assert message.msg.startswith("GDPR_LOG_RETENTION says how long the log is kept")

    @pytest.mark.parametrize("value", [None, timedelta(days=90)])
    def test_a_time(self, value, settings):
        settings.GDPR_LOG_RETENTION = value
        assert reported() == {}


@pytest.mark.django_db
class TestDeployed:
    """The states of the event log; ``check --deploy --database`` asks for them."""

    ASKED = {"databases": ["default", "other", "gdpr_log"]}

    def test_gdpr_assist_E025(self):
        with log_is(refused):
            message = only("E025", **self.ASKED)
        assert message.msg == ("The event log, on the database alias 'gdpr_log': cannot be read (OperationalError).")
        assert "as a role that may read it" in message.hint

    def test_gdpr_assist_E025_a_database(self):
        with database_is("default", without_tables):
            message = only("E025", **self.ASKED)
        assert message.msg == "The database 'default': not migrated."

    def test_gdpr_assist_E026(self):
        log(event("delete", "shop.Customer", 1))
        log(event("delete", "shop.Customer", 2))
        message = only("E026", **self.ASKED)
        assert message.msg == "The database 'default' was restored from a backup: it lacks 2 erasures of the log."
        assert message.hint.startswith("Run gdpr_rerun before anybody uses the site; ")

    def test_gdpr_assist_W004(self):
        write_receipt(uuid.uuid4(), "other", timezone.now())
        message = only("W004", **self.ASKED)
        assert message.msg == (
            "The event log lacks 1 erasure of the database 'other': it was restored, or it is the wrong one."
        )

    def test_gdpr_assist_W005(self):
        log(event("delete", "shop.Customer", 1), outcome=None)
        message = only("W005", **self.ASKED)
        assert message.msg == ("Of 1 erasure of the database 'default' it is not known whether they took effect.")

    def test_gdpr_assist_W021(self):
        operation = log(event("delete", "shop.Customer", 1), outcome=False)
        log(event("delete", "shop.Customer", 2), outcome=False)
        assert reported(**self.ASKED) == {}
        write_receipt(operation, "default", timezone.now())
        message = only("W021", **self.ASKED)
        assert message.msg == (
            "The log says of 1 erasure of the database 'default' that they were rolled back, and the receipts are "
            "there: they took effect."
        )
        assert message.hint.startswith("Run gdpr_reconcile, which corrects the log. ")
        call_command("gdpr_reconcile", stdout=StringIO())
        assert reported(**self.ASKED) == {}

    def test_gdpr_assist_W007(self):
        for label in ("shop.Customer", "old.Gadget", "old.Gadget", "gone.Ghost"):
            write_receipt(log(event("delete", label, 1)), "default", timezone.now())
        messages = reported(**self.ASKED)["W007"]
        assert [each.msg.split(",")[0] for each in messages] == [
            "The event log has rows of gone.Ghost",
            "The event log has rows of old.Gadget",
        ]
        with device(former_labels=["old.Gadget", "gone.Ghost"]):
            assert reported(**self.ASKED) == {}

    def test_only_of_the_databases_that_are_named(self):
        log(event("delete", "shop.Customer", 1))
        assert reported(databases=["other"]) == {}
        assert reported() == {}

    def test_by_the_command(self):
        log(event("delete", "shop.Customer", 1))
        call_command("check", "--database=default", stdout=StringIO(), stderr=StringIO())
        with pytest.raises(SystemCheckError, match=r"gdpr_assist\.E026"):
            call_command("check", "--deploy", "--database=default", stdout=StringIO(), stderr=StringIO())


class TestW009:
    @pytest.mark.parametrize("name", ["owners", "address"])
    def test_gdpr_assist_W009(self, name):
        with device(fields=["owner"], keep=["address"], **{f"anonymise_{name}": lambda self, instance: None}):
            message = only("W009")
        assert message.msg == (
            f"thirdparty.Device: PrivacyMeta.anonymise_{name} is never called: {name} is not in PrivacyMeta.fields."
        )
        assert f"Add {name} to fields" in message.hint

    def test_what_is_not_there_is_not_exported_either(self):
        with device(export_exclude=["ownr"]):
            message = only("W009")
        assert message.msg == (
            "thirdparty.Device: PrivacyMeta.export_exclude names ownr, which is no column or property of the model."
        )

    def test_a_row_can_be_anonymised_all_the_same(self):
        with device(fields=["owner"], keep=["address"], anonymise_nobody=lambda self, instance: None) as declared:
            assert declared.can_anonymise

    def test_an_anonymiser_of_a_declared_field(self):
        with device(fields=["owner"], keep=["address"], anonymise_owner=lambda self, instance: ""):
            assert reported() == {}


class TestW011:
    @pytest.mark.parametrize(
        "key",
        [
            models.CharField(max_length=50, primary_key=True),
            models.EmailField(primary_key=True),
            models.SlugField(primary_key=True),
            models.TextField(primary_key=True),
            models.GenericIPAddressField(primary_key=True),
            models.DateField(primary_key=True),
        ],
        ids=lambda key: type(key).__name__,
    )
    def test_gdpr_assist_W011(self, key):
        with made(code=key, name=models.CharField(max_length=50)):
            message = only("W011")
        assert message.msg == (
            f"shop.Made: the primary key code ({type(key).__name__}) stays in the row that is anonymised, and in "
            "its marker."
        )
        assert "list it in PrivacyMeta.keep" in message.hint

    @pytest.mark.parametrize("kind", [models.ForeignKey, models.OneToOneField])
    def test_one_that_points_at_a_text(self, kind):
        owner = kind(TextKey, models.CASCADE, primary_key=True, related_name="+")
        with made(owner=owner, name=models.CharField(max_length=50)):
            assert "the primary key owner (SlugField) stays" in only("W011").msg

    def test_one_that_points_at_a_text_further_on(self):
        with isolate_apps("tests.apps.shop"):
            between = {"owner": models.OneToOneField(TextKey, models.CASCADE, primary_key=True, related_name="+")}
            options = type("Meta", (), {"app_label": "shop"})
            middle = type("Middle", (models.Model,), {"__module__": __name__, "Meta": options, **between})
        key = models.OneToOneField(middle, models.CASCADE, primary_key=True, related_name="+")
        with made(middle=key, name=models.CharField(max_length=50)):
            assert "the primary key middle (SlugField) stays" in only("W011").msg

    def test_to_keep_it_is_an_answer(self):
        declaration = meta(fields=["name"], keep=["code"])
        key = models.CharField(max_length=50, primary_key=True)
        with made(code=key, name=models.CharField(max_length=50), PrivacyMeta=declaration):
            assert reported() == {}

    @pytest.mark.parametrize(
        "key",
        [
            models.UUIDField(primary_key=True),
            models.BigIntegerField(primary_key=True),
            models.AutoField(primary_key=True),
            models.OneToOneField(Customer, models.CASCADE, primary_key=True, related_name="+"),
        ],
        ids=lambda key: type(key).__name__,
    )
    def test_keys_that_say_nothing(self, key):
        with made(key=key, name=models.CharField(max_length=50)):
            assert reported() == {}

    def test_of_rows_that_are_only_ever_deleted_nothing_stays(self):
        declaration = meta(can_anonymise=False)
        with made(code=models.SlugField(primary_key=True), PrivacyMeta=declaration):
            assert reported() == {}

    def test_without_a_log_it_stays_too(self, settings):
        settings.GDPR_LOG_DATABASE_NAME = None
        with made(code=models.SlugField(primary_key=True)):
            assert sorted(reported()) == ["W002", "W011"]


class TestStrict:
    """Warnings about models are errors under GDPR_STRICT."""

    def test_what_a_model_declares(self, settings):
        settings.GDPR_STRICT = True
        with device(fields=["owner"]):
            [message] = reported()["W001"]
        assert type(message) is Error
        assert message.id == "gdpr_assist.W001"

    def test_but_not_what_is_configured(self, settings):
        settings.GDPR_STRICT = True
        settings.GDPR_LOG_DATABASE_NAME = None
        [message] = reported()["W002"]
        assert type(message) is Warning

    def test_nor_are_rows_kept_from_being_anonymised(self, settings):
        settings.GDPR_STRICT = True
        with device(fields=["owner"]) as declared:
            assert declared.can_anonymise


class TestW001:
    def test_gdpr_assist_W001(self):
        with device(fields=["owner"]):
            message = only("W001")
        assert message.msg == ("thirdparty.Device: address: neither in PrivacyMeta.fields nor in PrivacyMeta.keep.")
        assert "keep" in message.hint

    def test_without_fields_everything_is_personal(self):
        with device():
            assert reported() == {}

    def test_a_warning_keeps_nobody_from_anonymising(self):
        with device(fields=["owner"]) as declared:
            assert declared.errors == ()


class TestW002:
    def test_gdpr_assist_W002(self, settings):
        settings.GDPR_LOG_DATABASE_NAME = None
        message = only("W002")
        assert message.msg.startswith("GDPR_LOG_DATABASE_NAME is None: erasures are not logged.")
        assert "Configure a log database" in message.hint

    def test_without_a_log_its_alias_and_router_are_not_missed(self, settings):
        settings.GDPR_LOG_DATABASE_NAME = None
        settings.DATABASE_ROUTERS = []
        assert list(reported()) == ["W002"]


class TestW003:
    def test_gdpr_assist_W003(self):
        with registry.registered(Device, type("PrivacyMeta", (), {"fields": "__all__"})):
            message = only("W003")
        assert message.msg == (
            "thirdparty.Device declares no search_fields: the Personal data tool cannot find its rows."
        )
        assert "search method" in message.hint

    def test_what_has_no_personal_field_need_not_be_found(self):
        names = [each.name for each in Device._meta.concrete_fields]
        with registry.registered(Device, type("PrivacyMeta", (), {"fields": [], "keep": names})):
            assert reported() == {}

    def test_a_search_method_will_do(self):
        declaration = type("PrivacyMeta", (), {"fields": "__all__", "search": lambda self, term: []})
        with registry.registered(Device, declaration):
            assert reported() == {}


# -- all of them -----------------------------------------------------------------------------------


def test_only_the_apps_that_were_asked_for_are_checked():
    with device(fields=["ownr"], keep=["owner", "address"]):
        assert reported(app_configs=[apps.get_app_config("shop")]) == {}
        assert list(reported(app_configs=[apps.get_app_config("thirdparty")])) == ["E002"]


def test_each_mistake_of_a_declaration_is_reported():
    with device(fields=["id", "ownr"], search_fields=["nothing"]):
        assert {check: len(found) for check, found in reported().items()} == {
            "E002": 2,
            "E003": 1,
            "W001": 1,
        }


WRONG_APP = """
from django.db import models

import gdpr_assist


class Odd(models.CharField):
    pass


class Wrong(models.Model):
    name = Odd(max_length=50)
    number = models.IntegerField(unique=True)
    scan = models.FileField()
    others = models.ManyToManyField("self")
    other = models.ForeignKey("self", on_delete=gdpr_assist.ANONYMISE(models.SET_NULL))

    class PrivacyMeta:
        fields = ["id", "name", "number", "scan", "others", "nothing"]
        keep = ["other"]


class Strange(models.Model):
    name = models.CharField(max_length=50)

    class PrivacyMeta:
        fields = 7
"""

WRONG_SETTINGS = """
from tests.settings import *

INSTALLED_APPS = [*INSTALLED_APPS, "wrong"]
"""


@pytest.fixture(scope="module")
def wrong_site(tmp_path_factory):
    directory = tmp_path_factory.mktemp("wrong_site")
    (directory / "wrong").mkdir()
    (directory / "wrong" / "__init__.py").touch()
    (directory / "wrong" / "models.py").write_text(WRONG_APP)
    (directory / "wrong_settings.py").write_text(WRONG_SETTINGS)
    root = str(Path(__file__).parents[1])
    environment = {
        **os.environ,
        "DB": "sqlite",
        "DJANGO_SETTINGS_MODULE": "wrong_settings",
        "PYTHONPATH": os.pathsep.join([str(directory), root]),
    }

    def python(*args):
        return subprocess.run([sys.executable, *args], env=environment, capture_output=True, text=True, check=False)

    return python


def test_a_wrong_declaration_does_not_keep_the_site_from_starting(wrong_site):
    done = wrong_site("-c", "import django; django.setup(); print('started')")
    assert (done.returncode, done.stdout) == (0, "started\n"), done.stderr


def test_manage_py_check_reports_it(wrong_site):
    done = wrong_site("-m", "django", "check")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for check in ("E002", "E003", "E004", "E005", "E006", "E007", "E010", "E012"):
        assert f"(gdpr_assist.{check})" in done.stderr
