"""Which models are registered, in whatever way and order, and what registering does to them."""

import inspect
import subprocess
import sys

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core import checks
from django.db import connection, models
from django.db.migrations.loader import MigrationLoader
from django.db.models.signals import post_delete, post_save, pre_delete, pre_save
from django.test.utils import isolate_apps, override_settings
from django.utils import timezone

import gdpr_assist
from gdpr_assist.models import PrivacyModel
from gdpr_assist.registry import registry
from gdpr_assist.signals import model_unregistered
from tests.apps.early.models import EarlyBird
from tests.apps.fields.models import Target
from tests.apps.migrated.models import Letter
from tests.apps.shop.models import (
    Category,
    Comment,
    Contact,
    Courier,
    Customer,
    ExpressOrder,
    ForeignCustomer,
    GiftOrder,
    Order,
    OrderLine,
    Product,
    Supplier,
)
from tests.apps.thirdparty.models import Device, Subscriber, Ticket

pytestmark = pytest.mark.anywhere


class DevicePrivacy:
    fields = ["owner"]
    keep = ["address"]
    search_fields = ["owner"]


@pytest.fixture
def late_models():
    """Let the test make models of the app shop, as a site does after start-up; take them away again."""
    known = dict(apps.all_models["shop"])
    yield
    made = [model for name, model in apps.all_models["shop"].items() if name not in known]
    for model in made:
        if model in registry:
            model_unregistered.send(sender=model)
            registry._registrations.pop(model, None)
            registry._declarations.pop(model, None)
    registry.ignored[:] = [model for model in registry.ignored if model not in made]
    apps.all_models["shop"].clear()
    apps.all_models["shop"].update(known)
    apps.clear_cache()


# -- models that are registered -------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(EarlyBird, id="of an app listed before gdpr_assist"),
        pytest.param(Ticket, id="of another app, registered in a models module"),
        pytest.param(Subscriber, id="of another app, registered when that is ready"),
        pytest.param(User, id="of Django"),
        pytest.param(Supplier, id="declared by an abstract base"),
        pytest.param(Courier, id="declared by an abstract base, with a column of its own"),
        pytest.param(GiftOrder, id="multi-table child with a declaration"),
        pytest.param(ExpressOrder, id="multi-table child without one"),
        pytest.param(Letter, id="of an app with migrations"),
    ],
)
def test_registered(model):
    assert model in registry
    assert model in registry.models
    assert registry.declaration(model).model is model
    assert callable(model.anonymise)


@pytest.mark.parametrize("model", [Target, Category, Product, OrderLine, Device, Contact])
def test_not_registered(model):
    assert model not in registry
    assert model not in registry.models
    assert not hasattr(model, "anonymise")


@pytest.mark.parametrize("thing", [None, "shop.Customer", object, Customer.objects, 7, type])
def test_what_is_no_model_is_not_in_the_registry(thing):
    assert thing not in registry


def test_proxy_is_in_the_registry_but_no_model_of_its_own():
    assert ForeignCustomer in registry
    assert ForeignCustomer not in registry.models
    assert len(registry.models) == len(set(registry.models))


@pytest.mark.parametrize("model", registry.models, ids=lambda model: model._meta.label)
def test_inner_class_is_taken_off(model):
    assert "PrivacyMeta" not in vars(model)


@pytest.mark.parametrize("model", [Customer, EarlyBird, Letter, GiftOrder, Order, User, Ticket])
def test_no_name_is_left_on_the_model(model):
    assert not hasattr(model, "PrivacyMeta")


@pytest.mark.parametrize("model", [*registry.models, ForeignCustomer], ids=lambda model: model._meta.label)
def test_instance_of_the_inner_class(model):
    meta = model._privacy_meta
    assert isinstance(meta, gdpr_assist.PrivacyMeta)
    assert meta is model.get_privacy_meta() is registry.declaration(model).meta
    assert meta.model is model._meta.concrete_model
    assert model()._privacy_meta is meta


# -- register -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "label", "first"),
    [
        (Customer, "shop.Customer", "the inner class PrivacyMeta of shop.Customer or of a base of it"),
        (User, "auth.User", r"a call in tests\.apps\.shop\.\w+, line \d+"),
        (Ticket, "thirdparty.Ticket", r"a call in tests\.apps\.early\.models, line \d+"),
        (EarlyBird, "early.EarlyBird", "the inner class PrivacyMeta of early.EarlyBird or of a base of it"),
        (ForeignCustomer, "shop.Customer", "the inner class PrivacyMeta of shop.Customer or of a base of it"),
        (ExpressOrder, "shop.ExpressOrder", "the inner class PrivacyMeta of shop.ExpressOrder or of a base of it"),
    ],
)
def test_register_twice(model, label, first):
    before = registry.declaration(model)
    refusal = rf"^Model {label} already registered: by {first}\. Leave out that, or this call\.$"
    with pytest.raises(ValueError, match=refusal):
        gdpr_assist.register(model, DevicePrivacy)
    assert registry.declaration(model) is before


def test_register_twice_within_a_block():
    with registry.registered(Device, DevicePrivacy):
        line = inspect.currentframe().f_lineno - 1
        with pytest.raises(ValueError, match=r"^Model thirdparty\.Device already registered: ") as caught:
            gdpr_assist.register(Device)
        assert f"by a call in {__name__}, line {line}." in str(caught.value)
        assert registry.declaration(Device).fields == ("owner",)


@pytest.mark.parametrize(
    ("given", "cure"),
    [
        ("auth.User", "a text. Import the class, or write apps.get_model('auth.User') in AppConfig.ready()"),
        (Device(), "an object. Write Device."),
        (DevicePrivacy, "the class DevicePrivacy."),
        (Device.objects, "an object of the class Manager."),
        (None, "an object of the class NoneType."),
    ],
    ids=["label", "object", "class", "manager", "nothing"],
)
def test_register_what_is_no_model(given, cure):
    with pytest.raises(TypeError) as caught:
        gdpr_assist.register(given, DevicePrivacy)
    assert str(caught.value).startswith(f"register() takes the class of a model, not {cure}")


@pytest.mark.parametrize(
    "written", [{"fields": ["owner"]}, ["owner"], DevicePrivacy(), "owner"], ids=["dict", "list", "instance", "text"]
)
def test_register_with_what_is_no_class(written):
    with pytest.raises(TypeError, match=r"^The declaration of thirdparty\.Device is not a class, but an object of "):
        gdpr_assist.register(Device, written)
    assert Device not in registry


def test_register_an_abstract_model():
    with pytest.raises(ValueError, match=r"^shop\.Contact is abstract and has no rows\. Write an inner class "):
        gdpr_assist.register(Contact)
    assert Contact not in registry


def test_register_a_swapped_model():
    options = type("Meta", (), {"app_label": "shop", "swappable": "AUTH_USER_MODEL"})
    with isolate_apps("tests.apps.shop"), override_settings(AUTH_USER_MODEL="accounts.Person"):
        swapped = type("Swapped", (models.Model,), {"__module__": __name__, "Meta": options})
        with pytest.raises(ValueError, match=r"^shop\.Swapped is swapped for accounts\.Person and has no rows\."):
            gdpr_assist.register(swapped)


def test_register_a_proxy_registers_whose_rows_it_shows():
    options = type("Meta", (), {"app_label": "shop", "proxy": True})
    with isolate_apps("tests.apps.shop"):
        proxy = type("DeviceProxy", (Device,), {"__module__": __name__, "Meta": options})
    with registry.registered(proxy, DevicePrivacy):
        assert registry.models[-1] is Device


def test_register_without_the_app():
    """As a project's models.py does it."""
    script = (
        "import django\n"
        "from django.conf import settings\n"
        'apps = ["django.contrib.contenttypes", "tests.apps.early", "tests.apps.thirdparty"]\n'
        "settings.configure(INSTALLED_APPS=apps)\n"
        "django.setup()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].endswith(
        'thirdparty.Ticket is registered, but "gdpr_assist" is not in INSTALLED_APPS: nothing would be found or '
        "erased."
    )


def test_register_without_a_declaration():
    with registry.registered(Device) as declared:
        assert declared.fields == ("owner", "address")


def test_register_takes_the_names_that_1_x_had():
    with registry.registered(model=Device, PrivacyMeta=DevicePrivacy, gdpr_default_manager_name="p"):
        assert Device.p.anonymise


def test_unregistered_model_has_no_declaration():
    with pytest.raises(KeyError):
        registry.declaration(Device)


# -- registered() leaves nothing behind -----------------------------------------------------------

SIGNALS = {"pre_delete": pre_delete, "post_delete": post_delete, "pre_save": pre_save, "post_save": post_save}


def state(model):
    """Return what registering may change."""
    return {
        "attributes": {name: value for name, value in vars(model).items() if name != "_meta"},
        "managers": [(manager.name, type(manager)) for manager in model._meta.managers],
        "local managers": [(manager.name, type(manager)) for manager in model._meta.local_managers],
        "default manager": (model._default_manager.name, type(model._default_manager)),
        "base manager": (model._base_manager.name, type(model._base_manager)),
        "queryset": type(model._default_manager.all()),
        "listeners": {name: signal.has_listeners(model) for name, signal in SIGNALS.items()},
        "bases": model.__mro__,
        "privacy model": issubclass(model, PrivacyModel),
    }


@pytest.mark.parametrize("name", [None, "private"])
@pytest.mark.parametrize("model", [Device, Product, Category])
def test_registered_restores_everything(model, name):
    before = state(model)
    models_before = registry.models
    with registry.registered(model, gdpr_default_manager_name=name):
        assert model in registry
        assert state(model) != before
        assert pre_delete.has_listeners(model)
    assert state(model) == before
    assert registry.models == models_before
    assert model not in registry


def test_registered_restores_after_an_exception():
    before = state(Device)
    with pytest.raises(ZeroDivisionError), registry.registered(Device, DevicePrivacy):
        1 / 0  # noqa: B018
    assert state(Device) == before
    assert Device not in registry


def test_registered_again_and_again():
    before = state(Device)
    for _ in range(3):
        with registry.registered(Device, DevicePrivacy) as declared:
            assert declared.label == "thirdparty.Device"
    assert state(Device) == before


@pytest.mark.django_db
def test_registered_reaches_related_managers_and_leaves_them():
    category = Category.objects.create(name="Toys")
    Product.objects.create(name="Ball", category=category)
    assert not hasattr(category.products, "anonymise")
    with registry.registered(Product, type("PrivacyMeta", (), {"fields": ["name"], "keep": ["category"]})):
        assert category.products.anonymise().anonymised == 1
    assert not hasattr(category.products, "anonymise")
    assert [type(row) for row in category.products.all()] == [Product]


@pytest.mark.django_db
def test_rows_are_untouched_by_registering(django_assert_num_queries):
    Device.objects.create(owner="Ada", address="192.0.2.7")
    with django_assert_num_queries(0), registry.registered(Device, DevicePrivacy):
        pass
    assert Device.objects.get().owner == "Ada"


# -- models made after start-up -------------------------------------------------------------------


@pytest.mark.usefixtures("late_models")
def test_late_model():
    class Late(models.Model):
        name = models.CharField(max_length=50)

        class Meta:
            app_label = "shop"

        class PrivacyMeta:
            fields = ["name"]

    assert Late in registry.models
    assert not hasattr(Late, "PrivacyMeta")
    assert Late._privacy_meta.fields == ["name"]
    assert callable(Late.objects.anonymise)
    assert pre_delete.has_listeners(Late)
    assert post_delete.has_listeners(Late)


@pytest.mark.usefixtures("late_models")
def test_late_model_without_a_declaration():
    class Late(models.Model):
        class Meta:
            app_label = "shop"

    assert Late not in registry
    assert not pre_delete.has_listeners(Late)
    with registry.registered(Late):
        assert Late in registry


@pytest.mark.usefixtures("late_models")
def test_late_proxy():
    class LateCustomer(Customer):
        class Meta:
            app_label = "shop"
            proxy = True

    assert LateCustomer in registry
    assert LateCustomer not in registry.models
    assert registry.declaration(LateCustomer) is registry.declaration(Customer)
    assert callable(LateCustomer.objects.anonymise)
    assert pre_delete.has_listeners(LateCustomer)


@pytest.mark.usefixtures("late_models")
def test_late_multi_table_child():
    class LateOrder(Order):
        wrapping = models.CharField(max_length=50)

        class Meta:
            app_label = "shop"

    assert LateOrder in registry.models
    assert registry.declaration(LateOrder).fields == registry.declaration(Order).fields


@pytest.mark.usefixtures("late_models")
def test_late_child_of_an_abstract_base():
    class LateSupplier(Contact):
        class Meta:
            app_label = "shop"

    assert registry.declaration(LateSupplier).fields == ("contact_name", "contact_email")


@pytest.mark.usefixtures("late_models")
def test_abstract_model_is_not_registered():
    class Base(models.Model):
        class Meta:
            app_label = "shop"
            abstract = True

        class PrivacyMeta:
            fields = []

    assert Base not in registry
    assert not hasattr(Base, "anonymise")
    assert hasattr(Base, "PrivacyMeta")  # for the children to come


@pytest.mark.django_db
@pytest.mark.usefixtures("late_models")
def test_declaration_of_a_proxy_has_no_effect_and_is_reported():
    class LateCustomer(Customer):
        class Meta:
            app_label = "shop"
            proxy = True

        class PrivacyMeta:
            fields = []

    assert registry.declaration(LateCustomer) is registry.declaration(Customer)
    assert registry.declaration(Customer).fields == ("name", "email", "phone", "born", "notes")
    reported = [each for each in checks.run_checks() if each.id == "gdpr_assist.E016"]
    assert [each.obj for each in reported] == [LateCustomer]


@pytest.mark.django_db
@pytest.mark.usefixtures("late_models")
def test_model_that_declares_itself_wrongly_raises_nothing():
    class Late(models.Model):
        name = models.CharField(max_length=50)

        class Meta:
            app_label = "shop"

        class PrivacyMeta:
            fields = ["nmae"]

    reported = [each for each in checks.run_checks() if each.obj is Late and each.is_serious()]
    assert [each.id for each in reported] == ["gdpr_assist.E002"]


@pytest.mark.usefixtures("late_models")
def test_names_are_settings(settings):
    settings.GDPR_PRIVACY_CLASS_NAME = "Privacy"
    settings.GDPR_PRIVACY_INSTANCE_NAME = "_gdpr"

    class Late(models.Model):
        name = models.CharField(max_length=50)

        class Meta:
            app_label = "shop"

        class Privacy:
            fields = ["name"]

        class PrivacyMeta:
            """Means nothing here."""

    assert Late in registry
    assert not hasattr(Late, "Privacy")
    assert hasattr(Late, "PrivacyMeta")
    assert Late._gdpr.fields == ["name"]
    assert not hasattr(Late, "_privacy_meta")


def test_name_of_the_instance_is_a_setting(settings):
    settings.GDPR_PRIVACY_INSTANCE_NAME = "_gdpr"
    before = state(Device)
    with registry.registered(Device, DevicePrivacy):
        assert Device._gdpr is Device.get_privacy_meta()
        assert not hasattr(Device, "_privacy_meta")
    assert state(Device) == before


# -- models that only look like the project's own -------------------------------------------------


@pytest.mark.django_db
def test_models_of_migrations_are_not_registered():
    before = registry.models
    historical = MigrationLoader(connection).project_state().apps
    for label in ("migrated.Letter", "auth.User"):
        model = historical.get_model(label)
        assert model not in registry
        assert not hasattr(model, "anonymise")
        assert not hasattr(model, "_privacy_meta")
        assert not hasattr(model.objects.all(), "anonymise")
        assert not pre_delete.has_listeners(model)
    assert registry.models == before


@isolate_apps("tests.apps.shop")
def test_models_of_an_app_registry_of_their_own_are_not_registered():
    class Elsewhere(models.Model):
        class Meta:
            app_label = "shop"

        class PrivacyMeta:
            fields = []

    assert Elsewhere not in registry
    assert not hasattr(Elsewhere, "anonymise")


# -- search ---------------------------------------------------------------------------------------


@pytest.fixture
def people(db):
    customer = Customer.objects.create(name="Ada", email="ada@x.test")
    hidden = Customer.objects.create(name="Ada the second", email="b@x.test", is_deleted=True)
    user = User.objects.create_user("ada", email="ada@x.test")
    comment = Comment.objects.create(display_name="ada@x.test", body="", email="c@x.test", posted=timezone.now())
    Subscriber.objects.create(email="nobody@x.test")
    return {Customer: [customer], "by name": [customer, hidden], User: [user], Comment: [comment]}


def test_search_gives_the_models_with_a_match(people):
    results = dict(registry.search("ada@x.test"))
    assert {model: list(rows) for model, rows in results.items()} == {
        Customer: people[Customer],
        User: people[User],
        Comment: people[Comment],
    }
    assert all(isinstance(rows, models.QuerySet) for rows in results.values())


def test_search_is_a_list_of_pairs(people):
    results = registry.search("ada@x.test")
    assert isinstance(results, list)
    assert all(len(pair) == 2 for pair in results)


def test_search_finds_soft_deleted_rows(people):
    results = dict(registry.search("ada"))
    assert sorted(row.pk for row in results[Customer]) == [row.pk for row in people["by name"]]


def test_search_without_a_match(people):
    assert registry.search("no such person") == []


@pytest.mark.django_db
def test_what_was_found_can_be_anonymised(people):
    for model, rows in registry.search("ada@x.test"):
        assert model.anonymisable_manager().filter(pk__in=rows).anonymise().anonymised == 1
    assert registry.search("ada@x.test") == []


@pytest.mark.usefixtures("late_models")
def test_a_model_made_after_start_up_may_point_at_one_that_is_still_to_come():
    class Late(models.Model):
        target = models.ForeignKey("shop.NotYet", null=True, on_delete=models.CASCADE)
        name = models.CharField(max_length=50)

        class Meta:
            app_label = "shop"

        class PrivacyMeta:
            fields = ["name"]
            keep = ["target"]

    assert Late in registry
    assert hasattr(Late.objects, "anonymise")

    class NotYet(models.Model):
        class Meta:
            app_label = "shop"

    assert Late._meta.get_field("target").related_model is NotYet
    assert registry.declaration(Late).errors == ()


@pytest.mark.parametrize("term", ["", "  ", "\t\n", "a\0b", "\0"])
def test_search_for_nothing_or_for_what_no_column_holds(people, term):
    assert registry.search(term) == []
