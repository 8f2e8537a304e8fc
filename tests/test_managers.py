"""What a registered model gets: methods, and managers that keep everything they had."""

import copy
import pickle
import uuid
from io import StringIO

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User, UserManager
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.writer import MigrationWriter
from django.template import Context, Template
from django.test.utils import isolate_apps
from django.utils import timezone
from model_bakery import baker

from gdpr_assist import AnonymiseError, managers
from gdpr_assist.models import PrivacyManager, PrivacyModel, PrivacyQuerySet
from gdpr_assist.registry import registry
from tests.apps.fields.models import Target, UUIDKey
from tests.apps.own.models import ConvertedKey
from tests.apps.shop.models import (
    ActiveManager,
    Address,
    Category,
    Comment,
    Company,
    Customer,
    CustomerQuerySet,
    Employee,
    ForeignCustomer,
    GiftOrder,
    Order,
    OrderLine,
    Product,
)
from tests.apps.thirdparty.models import (
    Branch,
    Device,
    Subscriber,
    SubscriberManager,
    Ticket,
    TicketQuerySet,
    TypedManager,
)


def meta(**attributes):
    return type("PrivacyMeta", (), attributes)


@pytest.fixture
def throwaway_models():
    with isolate_apps("tests.apps.shop"):
        yield


@pytest.fixture
def ada(db):
    return Customer.objects.create(name="Ada", email="ada@x.test", country="uk")


@pytest.fixture
def bob(db):
    return Customer.objects.create(name="Bob", email="bob@x.test", country="nz")


@pytest.fixture
def hidden(db):
    return Customer.objects.create(name="Cy", email="cy@x.test", is_deleted=True)


def order_of(customer):
    return Order.objects.create(customer=customer, recipient="Ada", email="ada@x.test", placed=timezone.now())


def is_done(*rows):
    """Return for each row whether it was anonymised, from what the database holds now."""
    return [registry.declaration(type(row)).model._base_manager.get(pk=row.pk).is_anonymised() for row in rows]


# -- managers and querysets -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [*(model for model in registry.models if model is not Ticket), ForeignCustomer],
    ids=lambda model: model._meta.label,
)
def test_every_manager_has_the_methods(model):
    for manager in model._meta.managers:
        assert isinstance(manager.all(), PrivacyQuerySet)
        for method in ("anonymise", "aanonymise"):
            assert callable(getattr(manager, method))
            assert callable(getattr(manager.filter(pk=1).exclude(pk=2), method))


@pytest.mark.parametrize("model", [*registry.models, ForeignCustomer], ids=lambda model: model._meta.label)
def test_every_registered_model_is_a_privacy_model(model):
    assert issubclass(model, PrivacyModel)
    assert isinstance(model(), PrivacyModel)
    assert PrivacyModel not in model.__mro__


def test_other_models_are_no_privacy_models():
    for model in (Target, Company, OrderLine):
        assert not issubclass(model, PrivacyModel)


def test_queryset_is_anonymised(ada, bob):
    result = Customer.objects.filter(name="Ada").anonymise()
    assert (result.label, result.anonymised, result.skipped) == ("shop.Customer", 1, 0)
    assert is_done(ada, bob) == [True, False]


def test_manager_keeps_its_filter(ada, hidden):
    assert Customer.objects.anonymise().anonymised == 1
    assert is_done(ada, hidden) == [True, False]
    assert Customer.all_objects.anonymise().anonymised == 1
    assert is_done(ada, hidden) == [True, True]


def test_all_managers_of_the_model_stay():
    assert [(manager.name, manager.model) for manager in Customer._meta.managers] == [
        ("objects", Customer),
        ("all_objects", Customer),
    ]
    assert isinstance(Customer.objects, ActiveManager)
    assert Customer._default_manager is Customer.objects
    assert type(Customer._base_manager) is models.Manager


def test_own_methods_of_managers_and_querysets(ada, bob):
    assert list(Customer.objects.named("Ada")) == [ada]
    assert list(Customer.objects.from_abroad().order_by("name")) == [ada, bob]
    assert isinstance(Customer.objects.all(), CustomerQuerySet)


def test_own_queryset_methods_survive_filter_and_exclude(ada, bob):
    found = Customer.objects.filter(pk__gt=0).exclude(name="Bob").from_abroad().order_by("pk").all()
    assert isinstance(found, CustomerQuerySet)
    assert found.anonymise().anonymised == 1
    assert is_done(ada, bob) == [True, False]


def test_set_operations_on_querysets(ada, bob, hidden):
    both = Customer.objects.filter(name="Ada") | Customer.objects.filter(name="Bob")
    assert both.anonymise().anonymised == 2
    assert is_done(ada, bob, hidden) == [True, True, False]


def test_manager_of_a_proxy(ada, hidden):
    assert [manager.name for manager in ForeignCustomer._meta.managers] == ["objects", "all_objects"]
    assert list(ForeignCustomer.objects.named("Ada")) == [ForeignCustomer(pk=ada.pk)]
    assert ForeignCustomer.objects.anonymise().anonymised == 1
    assert is_done(ada, hidden) == [True, False]


def test_manager_that_is_made_from_a_class(db):
    assert isinstance(Subscriber.objects, SubscriberManager)
    row = Subscriber.objects.create(email="ada@x.test", is_confirmed=True)
    Subscriber.objects.create(email="bob@x.test")
    assert list(Subscriber.objects.confirmed()) == [row]
    assert Subscriber.objects.confirmed().anonymise().anonymised == 1


def test_empty_queryset_is_a_no_op(ada):
    for empty in (Customer.objects.none(), Customer.objects.filter(name="nobody")):
        result = empty.anonymise()
        assert (result.anonymised, result.skipped, result.operation) == (0, 0, None)
    assert is_done(ada) == [False]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Customer.objects.all()[:1],
        lambda: Customer.objects.values("name"),
        lambda: Customer.objects.values_list("name"),
        lambda: Customer.objects.filter(pk=1).union(Customer.objects.filter(pk=2)),
    ],
    ids=["sliced", "values", "values_list", "union"],
)
def test_queryset_that_stands_for_no_rows(ada, make):
    with pytest.raises(AnonymiseError, match=r"^shop\.Customer: a .* cannot be anonymised\. "):
        make().anonymise()
    assert is_done(ada) == [False]


def test_marked_rows_are_left_as_they_are_without_force(ada):
    assert Customer.objects.anonymise().anonymised == 1
    Customer.objects.update(notes="filled again")
    assert (Customer.objects.anonymise().anonymised, Customer.objects.anonymise().skipped) == (0, 1)
    assert Customer.objects.get().notes == "filled again"
    assert Customer.objects.anonymise(force=True).anonymised == 1
    assert Customer.objects.get().notes == ""


# -- related managers -----------------------------------------------------------------------------


def test_related_manager(ada, bob):
    mine, theirs = order_of(ada), order_of(bob)
    assert ada.orders.anonymise().anonymised == 1
    assert is_done(mine, theirs) == [True, False]
    assert bob.orders.filter(recipient="Ada").anonymise().anonymised == 1
    assert is_done(theirs) == [True]


def test_related_manager_of_an_unregistered_model(db):
    company, other = (Company.objects.create(name=name) for name in ("Engines", "Looms"))
    mine = Employee.objects.create(company=company, name="Ada", salary=7)
    theirs = Employee.objects.create(company=other, name="Bob", salary=7)
    assert company.employees.anonymise().anonymised == 1
    assert is_done(mine, theirs) == [True, False]


def test_related_manager_keeps_the_models_own_filter_and_methods(ada, db):
    ada.referrals.create(name="Bob", email="bob@x.test", country="nz")
    gone = ada.referrals.create(name="Cy", email="cy@x.test", is_deleted=True)
    assert [row.name for row in ada.referrals.from_abroad()] == ["Bob"]
    assert [row.name for row in ada.referrals.named("Bob")] == ["Bob"]
    assert ada.referrals.anonymise().anonymised == 1
    assert is_done(ada, gone) == [False, False]


def test_related_manager_by_another_manager(ada, hidden):
    Customer.all_objects.filter(pk=hidden.pk).update(referred_by=ada)
    assert ada.referrals.anonymise().anonymised == 0
    assert ada.referrals(manager="all_objects").anonymise().anonymised == 1
    assert is_done(hidden) == [True]


def test_many_to_many_manager(ada, bob):
    product = Product.objects.create(name="Ball", category=Category.objects.create(name="Toys"))
    product.admirers.add(ada)
    assert product.admirers.anonymise().anonymised == 1
    assert is_done(ada, bob) == [True, False]
    assert not hasattr(ada.favourites, "anonymise")


def test_related_managers_still_write(ada):
    address = ada.addresses.create(street="St James's Square", town="London")
    ada.addresses.add(Address(street="Other", town="London"), bulk=False)
    assert ada.addresses.count() == 2
    assert ada.addresses.get_or_create(town="London", street="Other")[1] is False
    assert address in ada.addresses.all()


# -- the default manager --------------------------------------------------------------------------


def test_users_keep_their_manager(db):
    assert isinstance(User.objects, UserManager)
    assert User._default_manager is User.objects
    assert [manager.name for manager in User._meta.managers] == ["objects"]
    user = User.objects.create_user("ada", "Ada@X.Test", "secret")
    boss = User.objects.create_superuser("boss", "boss@x.test", "secret")
    assert user.check_password("secret")
    assert user.email == "Ada@x.test"  # as create_user normalises it
    assert boss.is_superuser
    assert User.objects.get_by_natural_key("ada") == user
    assert list(User.objects.with_perm("auth.add_user", backend="django.contrib.auth.backends.ModelBackend")) == [boss]
    assert User.objects.filter(pk=user.pk).anonymise().anonymised == 1
    assert is_done(user, boss) == [True, False]


def test_named_manager_leaves_objects_as_it_is(db):
    assert type(Ticket.objects).__name__ == "ManagerFromTicketQuerySet"
    assert type(Ticket.objects.all()) is TicketQuerySet
    assert not hasattr(Ticket.objects, "anonymise")
    assert not hasattr(Ticket.objects.all(), "anonymise")
    assert Ticket._default_manager is Ticket.objects
    assert [manager.name for manager in Ticket._meta.managers] == ["objects", "privacy"]


def test_named_manager(db):
    ticket = Ticket.objects.create(reporter="ada@x.test", body="Help")
    Ticket.objects.create(reporter="bob@x.test", status="shut")
    assert list(Ticket.privacy.open()) == [ticket]
    assert Ticket.privacy.filter(pk__gt=0).open().anonymise().anonymised == 1
    assert is_done(ticket) == [True]
    ticket.refresh_from_db()
    assert (ticket.reporter, ticket.body) == (f"{ticket.pk}@anon.example.com", "")


def test_named_manager_is_of_the_class_alone():
    with pytest.raises(AttributeError):
        Ticket().privacy  # noqa: B018


@pytest.mark.usefixtures("throwaway_models")
def test_names_of_default_and_base_manager_are_respected():
    class Shelf(models.Model):
        first = models.Manager()
        second = TicketQuerySet.as_manager()

        class Meta:
            app_label = "shop"
            default_manager_name = "second"
            base_manager_name = "second"

    with registry.registered(Shelf):
        assert Shelf._default_manager is Shelf.second
        assert Shelf._base_manager.name == "second"
        assert [manager.name for manager in Shelf._meta.managers] == ["first", "second"]
        assert isinstance(Shelf.first.all(), PrivacyQuerySet)
        assert isinstance(Shelf.second.all(), TicketQuerySet)


@pytest.mark.usefixtures("throwaway_models")
def test_manager_that_is_inherited():
    class Base(models.Model):
        mine = TicketQuerySet.as_manager()

        class Meta:
            app_label = "shop"
            abstract = True

    class Shelf(Base):
        class Meta:
            app_label = "shop"

    class Other(Base):
        class Meta:
            app_label = "shop"

    with registry.registered(Shelf):
        assert isinstance(Shelf.mine.all(), PrivacyQuerySet)
        assert isinstance(Shelf.mine.all(), TicketQuerySet)
        assert Shelf._default_manager is Shelf.mine
        assert type(Other.mine.all()) is TicketQuerySet  # the base's manager is everybody's


@pytest.mark.usefixtures("throwaway_models")
def test_model_that_names_our_manager_itself():
    class Shelf(models.Model):
        objects = PrivacyManager()
        others = PrivacyQuerySet.as_manager()

        class Meta:
            app_label = "shop"

    with registry.registered(Shelf):
        assert type(Shelf.objects) is PrivacyManager
        assert isinstance(Shelf.objects.all(), PrivacyQuerySet)
        assert callable(Shelf.others.anonymise)


def test_managers_of_two_models_of_the_same_class_are_two():
    assert Order.objects is not Comment.objects
    assert Order.objects.model is Order
    assert Comment.objects.model is Comment


def test_managers_are_hashable():
    assert len({Customer.objects, Customer.all_objects}) == 2


# -- migrations -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_makemigrations_finds_nothing_to_do():
    """Also for auth.User, whose manager is written into migrations."""
    out = StringIO()
    call_command("makemigrations", check_changes=True, dry_run=True, stdout=out)
    assert "No changes detected" in out.getvalue()


@pytest.mark.parametrize("model", [User, Customer, Subscriber, Order])
def test_manager_is_deconstructed_as_its_own_class(model):
    class_of = {User: UserManager, Subscriber: SubscriberManager, Order: models.Manager}
    for name, manager in ((manager.name, manager) for manager in model._meta.managers):
        as_manager, manager_path, _, args, kwargs = manager.deconstruct()
        assert not as_manager
        assert (args, kwargs) == ((), {})
        if model in class_of:
            wanted = class_of[model]
            assert manager_path == f"{wanted.__module__}.{wanted.__qualname__}", name


def test_as_manager_is_deconstructed_as_its_queryset():
    as_manager, _, queryset_path, _, _ = Ticket.privacy.deconstruct()
    assert as_manager
    assert queryset_path == "tests.apps.thirdparty.models.TicketQuerySet"


def test_managers_own_class_is_written_into_migrations():
    ((name, manager),) = ModelState.from_model(User).managers
    assert name == "objects"
    assert manager == UserManager()
    written, imports = MigrationWriter.serialize(manager)
    assert written == "django.contrib.auth.models.UserManager()"
    assert imports == {"import django.contrib.auth.models"}


def test_manager_equals_one_of_its_own_class():
    assert User.objects == UserManager()
    assert UserManager() == User.objects
    assert User.objects != models.Manager()
    assert models.Manager() != User.objects
    assert User.objects != "objects"


@pytest.mark.usefixtures("throwaway_models")
def test_manager_with_arguments_in_a_migration():
    class ColourManager(models.Manager):
        use_in_migrations = True

        def __init__(self, colour):
            super().__init__()
            self.colour = colour

    class Shelf(models.Model):
        red = ColourManager("red")
        blue = ColourManager("blue")

        class Meta:
            app_label = "shop"

    before = ModelState.from_model(Shelf)
    with registry.registered(Shelf):
        after = ModelState.from_model(Shelf)
        assert [(name, manager.colour) for name, manager in after.managers] == [
            ("red", "red"),
            ("blue", "blue"),
        ]
        assert Shelf.red != Shelf.blue
    states = [ProjectState({("shop", "shelf"): state}) for state in (before, after)]
    assert MigrationAutodetector(*states)._detect_changes() == {}


# -- copies and pickles ---------------------------------------------------------------------------


@pytest.mark.parametrize("duplicate", [lambda manager: pickle.loads(pickle.dumps(manager)), copy.copy])
@pytest.mark.parametrize(
    ("manager", "kind"),
    [(Customer.objects, ActiveManager), (Customer.all_objects, models.Manager), (User.objects, UserManager)],
)
def test_manager_is_copied(ada, manager, kind, duplicate):
    found = duplicate(manager)
    assert isinstance(found, kind)
    assert (found.model, found.name) == (manager.model, manager.name)
    assert found == manager
    assert list(found.all()) == list(manager.all())
    assert found.filter(pk=ada.pk).anonymise().anonymised == (manager.model is Customer)


def test_manager_of_all_rows_is_pickled(ada):
    assert pickle.loads(pickle.dumps(Customer.anonymisable_manager())).anonymise().anonymised == 1


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_queryset_is_pickled(ada, bob, protocol):
    queryset = Customer.objects.exclude(name="Bob").from_abroad()
    loaded = pickle.loads(pickle.dumps(queryset, protocol))
    assert list(loaded) == [ada]
    assert type(loaded) is type(queryset)
    assert loaded.from_abroad().anonymise().anonymised == 1
    assert is_done(ada, bob) == [True, False]


def test_queryset_that_was_read_is_pickled_with_its_rows(ada, django_assert_num_queries):
    queryset = Customer.objects.all()
    assert len(queryset) == 1
    loaded = pickle.loads(pickle.dumps(queryset))
    with django_assert_num_queries(0):
        assert [row.name for row in loaded] == ["Ada"]


@pytest.mark.parametrize("model", [User, Order, Subscriber], ids=lambda model: model.__name__)
def test_querysets_of_other_managers_are_pickled(model, db):
    loaded = pickle.loads(pickle.dumps(model.objects.filter(pk=1)))
    assert type(loaded) is type(model.objects.all())
    assert list(loaded) == []


def test_queryset_of_a_related_manager_and_of_a_named_one_is_pickled(ada):
    order = order_of(ada)
    assert list(pickle.loads(pickle.dumps(ada.orders.all()))) == [order]
    assert list(pickle.loads(pickle.dumps(Ticket.privacy.open()))) == []


def test_queryset_of_values_is_pickled(ada):
    loaded = pickle.loads(pickle.dumps(Customer.objects.values_list("name", flat=True)))
    assert list(loaded) == ["Ada"]


def test_object_with_prefetched_rows_is_pickled(ada, django_assert_num_queries):
    order = order_of(ada)
    loaded = pickle.loads(pickle.dumps(Customer.objects.prefetch_related("orders").get()))
    assert loaded == ada
    with django_assert_num_queries(0):
        assert list(loaded.orders.all()) == [order]


def test_query_is_pickled(ada):
    query = pickle.loads(pickle.dumps(Customer.objects.filter(name="Ada").query))
    queryset = Customer.objects.all()
    queryset.query = query
    assert list(queryset) == [ada]


def test_deep_copy(ada):
    queryset = copy.deepcopy(Customer.objects.filter(name="Ada"))
    assert list(queryset) == [ada]
    assert queryset.anonymise().anonymised == 1


# -- methods of the model -------------------------------------------------------------------------


def test_object(ada, bob):
    result = ada.anonymise()
    assert (result.anonymised, result.skipped) == (1, 0)
    assert ada.name == str(ada.pk)
    assert ada.is_anonymised()
    assert not bob.is_anonymised()
    assert ada.anonymise().skipped == 1
    assert ada.anonymise(force=True).anonymised == 1


def test_object_that_is_not_saved(db):
    customer = Customer(name="Ada", email="ada@x.test")
    assert customer.is_anonymised() is False
    with pytest.raises(AnonymiseError, match=r"^shop\.Customer: the object is not saved"):
        customer.anonymise()
    assert customer.name == "Ada"


def test_anonymisable_manager_sees_all_rows(ada, hidden):
    manager = Customer.anonymisable_manager()
    assert isinstance(manager, PrivacyManager)
    assert manager.model is Customer
    assert sorted(manager.values_list("pk", flat=True)) == [ada.pk, hidden.pk]
    assert manager.filter(is_deleted=True).anonymise().anonymised == 1
    assert is_done(ada, hidden) == [False, True]


@pytest.mark.parametrize("model", [Ticket, User, ForeignCustomer, Subscriber])
def test_anonymisable_manager_of_any_registered_model(model, db):
    manager = model.anonymisable_manager()
    assert manager.model is model
    assert manager.anonymise().anonymised == 0


def test_anonymisable_manager_adds_no_manager():
    Customer.anonymisable_manager()
    assert [manager.name for manager in Customer._meta.managers] == ["objects", "all_objects"]


def test_check_can_anonymise():
    """1.x answered with a boolean: ``if Model.check_can_anonymise(): ...`` must go on erasing."""
    assert Customer.check_can_anonymise() is True
    for written in (meta(can_anonymise=False, fields=["owner"]), meta(fields=["ownr"])):
        with registry.registered(Device, written):
            assert Device.check_can_anonymise() is False


def test_get_privacy_meta():
    assert Customer.get_privacy_meta().keep == ["number", "country", "is_deleted", "referred_by"]
    assert ForeignCustomer.get_privacy_meta() is Customer.get_privacy_meta()


def test_asynchronous_object(ada):
    result = async_to_sync(ada.aanonymise)()
    assert result.anonymised == 1
    assert is_done(ada) == [True]
    assert async_to_sync(ada.aanonymise)().skipped == 1
    assert async_to_sync(ada.aanonymise)(force=True).anonymised == 1


def test_asynchronous_queryset_and_manager(ada, bob):
    assert async_to_sync(Customer.objects.filter(name="Ada").aanonymise)().anonymised == 1
    assert is_done(ada, bob) == [True, False]
    assert async_to_sync(Customer.objects.aanonymise)().anonymised == 1
    assert async_to_sync(Customer.objects.aanonymise)(force=True).anonymised == 2


@pytest.mark.parametrize("method", ["anonymise", "aanonymise"])
@pytest.mark.parametrize("thing", ["object", "queryset", "manager", "related", "named"])
def test_templates_cannot_call_it(ada, thing, method):
    things = {
        "object": ada,
        "queryset": Customer.objects.all(),
        "manager": Customer.objects,
        "related": ada.orders,
        "named": Ticket.privacy,
    }
    rendered = Template(f"[{{{{ thing.{method} }}}}]").render(Context({"thing": things[thing]}))
    assert rendered == "[]"
    assert is_done(ada) == [False]


@pytest.mark.usefixtures("throwaway_models")
def test_methods_that_the_model_has_already_stay():
    class Shelf(models.Model):
        def anonymise(self):
            return "mine"

        @property
        def is_anonymised(self):
            return "mine"

        class Meta:
            app_label = "shop"

    with registry.registered(Shelf):
        assert Shelf().anonymise() == "mine"
        assert Shelf().is_anonymised == "mine"
        assert callable(Shelf.anonymisable_manager)
    assert Shelf().anonymise() == "mine"
    assert not hasattr(Shelf, "anonymisable_manager")


@pytest.mark.usefixtures("throwaway_models")
def test_methods_that_a_queryset_or_a_manager_has_already_stay():
    class ShelfQuerySet(models.QuerySet):
        def anonymise(self):
            return "the queryset's"

    class ShelfManager(models.Manager):
        def anonymise(self):
            return "the manager's"

    class Shelf(models.Model):
        objects = ShelfQuerySet.as_manager()
        others = ShelfManager()

        class Meta:
            app_label = "shop"

    with registry.registered(Shelf):
        assert Shelf.objects.all().anonymise() == "the queryset's"
        assert Shelf.objects.anonymise() == "the queryset's"
        assert Shelf.others.anonymise() == "the manager's"


@pytest.mark.usefixtures("throwaway_models")
def test_naming_a_manager_that_is_there_makes_it_the_anonymising_one():
    class Shelf(models.Model):
        objects = SubscriberManager()
        others = models.Manager()

        class Meta:
            app_label = "shop"

    with registry.registered(Shelf, None, "objects"):
        assert [manager.name for manager in Shelf._meta.managers] == ["objects", "others"]
        assert isinstance(Shelf.objects, SubscriberManager)
        assert hasattr(Shelf.objects, "anonymise")
        assert hasattr(Shelf.objects.all(), "anonymise")
        assert type(Shelf.others) is models.Manager
        assert not hasattr(Shelf.others.all(), "anonymise")
        assert Shelf._default_manager is Shelf.objects
    assert type(Shelf.objects) is SubscriberManager
    assert not hasattr(Shelf.objects.all(), "anonymise")


@pytest.mark.usefixtures("throwaway_models")
def test_a_named_manager_is_not_in_migrations_though_the_one_it_is_made_from_is():
    class ShelfManager(models.Manager):
        use_in_migrations = True

    class Shelf(models.Model):
        objects = ShelfManager()

        class Meta:
            app_label = "shop"

    before = [name for name, _ in ModelState.from_model(Shelf).managers]
    with registry.registered(Shelf, None, "privacy"):
        assert hasattr(Shelf.privacy, "anonymise")
        assert [name for name, _ in ModelState.from_model(Shelf).managers] == before == ["objects"]


# -- whether many rows are anonymised ----------------------------------------------------------


@pytest.mark.django_db
class TestWithAnonymised:
    @pytest.fixture
    def customers(self):
        made = baker.make(Customer, _quantity=3)
        made[1].anonymise()
        return made

    @pytest.mark.parametrize("rows", [lambda: Customer.objects, lambda: Customer.objects.order_by("pk").all()])
    def test_is_one_query_for_all_rows(self, customers, rows, django_assert_num_queries):
        with django_assert_num_queries(1):
            found = {each.pk: each.is_anonymised() for each in rows().with_anonymised()}
        assert found == {customers[0].pk: False, customers[1].pk: True, customers[2].pk: False}

    def test_an_object_that_is_anonymised_afterwards_says_so(self, customers):
        customer = Customer.objects.with_anonymised().get(pk=customers[0].pk)
        assert not customer.is_anonymised()
        customer.anonymise()
        assert customer.is_anonymised()

    def test_an_object_that_is_read_again_says_what_is_so_now(self, customers):
        customer = Customer.objects.with_anonymised().get(pk=customers[0].pk)
        Customer.objects.filter(pk=customer.pk).anonymise()
        assert not customer.is_anonymised()
        customer.refresh_from_db(fields=["name"])
        assert not customer.is_anonymised()
        customer.refresh_from_db()
        assert customer.is_anonymised()

    @pytest.mark.parametrize("model", [Customer, ConvertedKey])
    def test_asks_no_database_before_the_rows_are_read(self, model, django_assert_num_queries):
        """It may be an attribute of a view, which is made before there are tables, and read again and again."""
        ContentType.objects.clear_cache()
        with django_assert_num_queries(0):
            rows = model.objects.with_anonymised()
        row = model.objects.create(name="Ada", **({"number": "C-1"} if model is ConvertedKey else {}))
        assert [each.is_anonymised() for each in rows.all()] == [False]
        row.anonymise()
        assert [each.is_anonymised() for each in rows.all()] == [True]

    def test_a_copy_of_an_object_is_another_row(self, customers):
        customer = Customer.objects.with_anonymised().get(pk=customers[1].pk)
        customer.pk, customer.email, customer.number = None, "another@quill.example", uuid.uuid4()
        customer.save()
        assert not customer.is_anonymised()

    def test_a_database_that_is_named_afterwards_is_the_one_that_is_asked(self, django_assert_num_queries):
        there = [baker.make(Customer, _using="other") for _ in range(2)]
        there[0].anonymise()
        found = Customer.objects.with_anonymised().using("other").order_by("pk")
        with django_assert_num_queries(1, using="other"), django_assert_num_queries(0):
            assert [each.is_anonymised() for each in found] == [True, False]

    def test_can_be_filtered_further_and_related(self, customers):
        order = baker.make(Order, customer=customers[0])
        order.anonymise()
        assert [each.is_anonymised() for each in customers[0].orders.with_anonymised().filter(pk=order.pk)] == [True]

    def test_of_a_proxy_and_of_a_child(self, customers):
        assert sum(each.is_anonymised() for each in ForeignCustomer.objects.with_anonymised()) == 1

    @pytest.mark.parametrize("model", [ConvertedKey, UUIDKey])
    def test_of_keys_that_the_databases_write_in_their_own_ways(self, model):
        keys = (
            [{"number": "C-1"}, {"number": "C-2"}]
            if model is ConvertedKey
            else [{"unique_name": "a"}, {"unique_name": "b"}]
        )
        rows = [model.objects.create(name="Ada", **key) for key in keys]
        rows[0].anonymise()
        assert sorted(each.is_anonymised() for each in model.objects.with_anonymised()) == [False, True]


# -- managers that Python does not let change their class --------------------------------------


class BranchPrivacy:
    fields = ["name"]
    search_fields = ["name"]


@pytest.mark.django_db
class TestTypedManagers:
    @pytest.fixture
    def branch(self):
        with registry.registered(Branch, BranchPrivacy):
            yield Branch.objects.create(name="Ada")

    def test_its_querysets_can_be_anonymised_and_keep_their_methods(self, branch):
        assert isinstance(Branch.objects, TypedManager)
        assert Branch.objects.all().named("Ada").anonymise().anonymised == 1
        assert Branch.objects.filter(pk=branch.pk).exclude(name="x").named(str(branch.pk)).get() == branch

    def test_a_manager_beside_the_others_gives_querysets_with_the_methods(self, branch):
        assert branch.twins().anonymise().anonymised == 1

    def test_they_are_given_back(self):
        beside = Branch._branches
        with registry.registered(Branch, BranchPrivacy):
            assert hasattr(Branch.objects.all(), "anonymise")
        assert type(Branch.objects) is TypedManager
        assert Branch._branches is beside
        assert not hasattr(Branch.objects.all(), "anonymise")

    def test_they_are_copied_pickled_and_compared_like_any_other(self, branch):
        assert copy.copy(Branch.objects) == Branch.objects == TypedManager()
        assert list(pickle.loads(pickle.dumps(Branch.objects.all()))) == [branch]

    def test_migrations_write_their_own_class(self, branch):
        assert ModelState.from_model(Branch).managers == []
        assert MigrationWriter.serialize(Branch.objects.__class__)[0].endswith("models.TypedManager")


def test_a_model_is_given_its_methods_before_it_is_declared(monkeypatch):
    """A multi-table child that is made late is wired while models that it names are still to come."""
    managers.withdraw(GiftOrder)
    with monkeypatch.context() as patch:
        patch.setattr(registry, "declaration", None)
        managers.contribute(GiftOrder)
    assert GiftOrder._privacy_meta is registry.declaration(GiftOrder).meta
