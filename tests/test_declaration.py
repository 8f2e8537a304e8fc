"""From a PrivacyMeta to a Declaration: which fields, what is exported and found, and every mistake at once."""

import datetime
from functools import cached_property
from unittest import mock

import django
import pytest
from django.contrib.auth.models import User
from django.db import models
from django.test.utils import isolate_apps
from django.utils import timezone
from django.utils.functional import cached_property as django_cached_property

import gdpr_assist
from gdpr_assist import AnonymiseError
from gdpr_assist.declaring.declaration import declare
from gdpr_assist.planning.plans import plan
from gdpr_assist.registry import registry
from tests.apps.fields import models as fields
from tests.apps.fields.models import PlainFields, Target, UndeclaredFields
from tests.apps.shop.models import (
    AuditEntry,
    Category,
    Comment,
    Company,
    Courier,
    Customer,
    Employee,
    ExpressOrder,
    ForeignCustomer,
    GiftOrder,
    Invoice,
    Order,
    Product,
    Supplier,
)
from tests.apps.thirdparty.models import Device, Subscriber, Ticket
from tests.observing import address


def meta(**attributes):
    return type("PrivacyMeta", (), attributes)


@pytest.fixture
def throwaway_models():
    with isolate_apps("tests.apps.shop"):
        yield


# -- fields and keep ------------------------------------------------------------------------------


def test_fields_as_written():
    assert registry.declaration(Customer).fields == ("name", "email", "phone", "born", "notes")


def test_unset_fields_are_all_columns_but_the_key_and_what_is_kept():
    assert registry.declaration(UndeclaredFields).fields == ("name", "email")


def test_unset_fields_without_keep():
    assert declare(Device, meta()).fields == ("owner", "address")


def test_no_fields_at_all_is_not_unset():
    declared = declare(Device, meta(fields=[], keep=["owner", "address"]))
    assert (declared.fields, declared.changes, declared.mistakes) == ((), (), ())


def test_unset_fields_include_relations():
    assert declare(Invoice, meta(keep=["total"])).fields == ("customer",)


if django.VERSION >= (5, 0):

    def test_unset_fields_leave_generated_columns_out():
        assert registry.declaration(fields.GeneratedFields).fields == ("name",)

    @pytest.mark.django_db
    def test_generated_column_follows():
        row = fields.GeneratedFields.objects.create(name="Ada")
        fields.GeneratedFields.objects.all().anonymise()
        row.refresh_from_db()
        assert (row.name, row.shout) == (str(row.pk), str(row.pk))


@pytest.mark.parametrize("kind", [list, tuple, set, dict.fromkeys])
def test_fields_may_be_any_collection_of_names(kind):
    declared = declare(Device, meta(fields=kind(["owner", "address"])))
    assert sorted(declared.fields) == ["address", "owner"]
    assert declared.mistakes == ()


def test_column_in_neither_is_reported():
    declared = declare(Device, meta(fields=["owner"]))
    (mistake,) = declared.mistakes
    assert mistake.check == "W001"
    assert "thirdparty.Device" in mistake.message
    assert "address" in mistake.message
    declared.require_can_anonymise()  # a question, not an error


def test_nothing_is_reported_where_each_column_is_in_one_of_them():
    assert declare(Device, meta(fields=["owner"], keep=["address"])).mistakes == ()


@pytest.mark.parametrize("model", registry.models, ids=lambda model: model._meta.label)
def test_test_models_are_declared_without_error(model):
    assert registry.declaration(model).errors == ()


def test_declaration_is_frozen():
    with pytest.raises(AttributeError):
        registry.declaration(Customer).model = Order


def test_meta_is_an_instance_of_what_was_written_and_of_privacy_meta():
    written = meta(fields=["owner"], keep=["address"], colour="green")
    declared = declare(Device, written)
    assert isinstance(declared.meta, written)
    assert isinstance(declared.meta, gdpr_assist.PrivacyMeta)
    assert declared.meta.colour == "green"
    assert declared.meta.model is Device
    assert not hasattr(written, "model")


def test_meta_may_inherit_from_privacy_meta():
    class PrivacyMeta(gdpr_assist.PrivacyMeta):
        fields = ["owner"]
        keep = ["address"]

    declared = declare(Device, PrivacyMeta)
    assert declared.fields == ("owner",)
    assert declared.meta.can_anonymise is True


# -- inheritance ----------------------------------------------------------------------------------


def test_abstract_base_declares_for_its_children():
    assert registry.declaration(Supplier).fields == ("contact_name", "contact_email")
    assert registry.declaration(Courier).fields == ("contact_name", "contact_email", "phone")
    assert registry.declaration(Courier).meta.keep == ["since"]


@pytest.mark.django_db
def test_what_a_child_of_an_abstract_base_adds_is_anonymised():
    courier = Courier.objects.create(
        contact_name="Ada", contact_email="ada@x.test", since=datetime.date(2020, 1, 1), phone="77"
    )
    Courier.objects.all().anonymise()
    courier.refresh_from_db()
    assert courier.contact_name == courier.phone == str(courier.pk)
    assert courier.since == datetime.date(2020, 1, 1)


def test_proxy_shares_the_declaration():
    assert registry.declaration(ForeignCustomer) is registry.declaration(Customer)
    assert ForeignCustomer in registry
    assert ForeignCustomer not in registry.models


@pytest.mark.django_db
def test_proxy_and_its_model_are_anonymised_once():
    customer = Customer.objects.create(name="Ada", email="ada@x.test")
    ForeignCustomer.objects.get().anonymise()
    assert customer.is_anonymised()
    assert customer.anonymise().anonymised == 0
    customer.refresh_from_db()
    assert customer.name == str(customer.pk)


def test_multi_table_child_inherits():
    parent, child = registry.declaration(Order), registry.declaration(ExpressOrder)
    assert child.model is ExpressOrder
    assert child.fields == parent.fields
    assert child.meta.keep == parent.meta.keep
    assert child.meta.model is ExpressOrder


def test_multi_table_child_with_its_own_declaration():
    assert registry.declaration(GiftOrder).fields == (
        "recipient",
        "email",
        "delivery_note",
        "greeting",
    )


def test_multi_table_child_does_not_report_the_pointer_to_its_parent():
    assert registry.declaration(GiftOrder).mistakes == ()


@pytest.mark.django_db
@pytest.mark.parametrize("as_object", [True, False])
def test_multi_table_child_is_anonymised(as_object):
    order = ExpressOrder.objects.create(
        recipient="Ada", email="ada@x.test", delivery_note="back door", placed=timezone.now()
    )
    order.anonymise() if as_object else ExpressOrder.objects.all().anonymise()
    order.refresh_from_db()
    assert (order.recipient, order.delivery_note) == (str(order.pk), "")
    assert order.email == address(order)


# -- mistakes -------------------------------------------------------------------------------------


def test_all_mistakes_are_collected():
    written = meta(
        fields=["id", "nmae", "category"],
        keep=["colour"],
        search_fields=["height__icontains", "name"],
        export_fields=["size"],
        export_exclude=["weight"],
    )
    mistakes = declare(Product, written).mistakes
    checks = sorted(mistake.check for mistake in mistakes)
    assert checks == ["E002"] * 4 + ["E003", "E005", "W001", "W009"]
    everything = " ".join(mistake.message for mistake in mistakes)
    for word in ("nmae", "colour", "height__icontains", "size", "weight", ".id", ".category", "name:"):
        assert word in everything
    assert all("shop.Product" in mistake.message for mistake in mistakes)
    assert all(mistake.hint for mistake in mistakes)


@pytest.mark.parametrize("name", ["admirers", "products"])
def test_relation_back_is_no_field(name):
    model = {"admirers": Product, "products": Category}[name]
    declared = declare(model, meta(fields=[name]))
    assert [mistake.check for mistake in declared.errors] == ["E002"]
    assert name in declared.errors[0].message


@pytest.mark.parametrize("attribute", ["fields", "keep"])
def test_unknown_field(attribute):
    declared = declare(Device, meta(**{"fields": ["owner"], "keep": ["address"]} | {attribute: ["ownr"]}))
    errors = [mistake.message for mistake in declared.errors]
    assert errors == [f"thirdparty.Device: PrivacyMeta.{attribute} names ownr, which is no field of the model."]
    with pytest.raises(AnonymiseError, match=r"thirdparty\.Device.*ownr"):
        declared.require_can_anonymise()


def test_field_in_both_lists():
    declared = declare(Device, meta(fields=["owner", "address"], keep=["owner"]))
    (mistake,) = declared.mistakes
    assert mistake.check == "E002"
    assert mistake.message.startswith("thirdparty.Device.owner is in PrivacyMeta.fields and")


@pytest.mark.parametrize("attribute", ["fields", "keep", "search_fields", "export_fields", "export_exclude"])
@pytest.mark.parametrize("value", ["owner", 7, [7], [None]], ids=repr)
def test_what_is_no_list_of_names(attribute, value):
    declared = declare(Device, meta(**{attribute: value}))
    (mistake,) = declared.mistakes
    assert mistake.check == "E010"
    assert f"thirdparty.Device: PrivacyMeta.{attribute}" in mistake.message
    with pytest.raises(AnonymiseError, match=attribute):
        declared.require_can_anonymise()


def test_two_lists_that_are_none():
    declared = declare(Device, meta(fields="owner", search_fields="owner"))
    assert [mistake.check for mistake in declared.mistakes] == ["E010", "E010"]


@pytest.mark.parametrize("name", ["ownr", "ownr__iexact", "owner__nearly", "owner__name__iexact"])
def test_search_field_that_cannot_be_looked_up(name):
    declared = declare(Device, meta(fields="__all__", search_fields=[name]))
    (mistake,) = declared.mistakes
    assert mistake.check == "E002"
    assert name in mistake.message


def test_a_key_of_bytes():
    """Its text could not be read back from the log."""
    with mock.patch.object(Device._meta, "pk", models.BinaryField(primary_key=True)):
        declared = declare(Device, meta(fields=["owner"]))
    assert "E008" in [mistake.check for mistake in declared.errors]


if django.VERSION >= (5, 2):

    def test_composite_key():
        declared = declare(fields.CompositeKey, meta(fields=["name", "email"]))
        assert [mistake.check for mistake in declared.errors] == ["E008"]
        with pytest.raises(AnonymiseError, match=r"fields\.CompositeKey has a composite primary key"):
            declared.require_can_anonymise()

    def test_composite_key_may_be_found_and_exported():
        declared = declare(fields.CompositeKey, meta(can_anonymise=False, search_fields=["email"]))
        assert declared.errors == ()
        assert set(declared.export_fields) >= {"name", "email"}


def test_can_anonymise_false_asks_for_no_rule():
    declared = declare(Invoice, meta(can_anonymise=False, fields=["customer"]))
    assert declared.errors == ()
    assert declared.changes == ()
    with pytest.raises(
        AnonymiseError, match=r"^shop\.Invoice cannot be anonymised: its PrivacyMeta says can_anonymise = False\."
    ):
        declared.require_can_anonymise()


@pytest.mark.django_db
def test_can_anonymise_false_refuses():
    entry = AuditEntry.objects.create(actor="ada@x.test", action="login")
    for anonymise in (entry.anonymise, AuditEntry.objects.all().anonymise):
        with pytest.raises(AnonymiseError, match=r"shop\.AuditEntry cannot be anonymised"):
            anonymise()
    entry.refresh_from_db()
    assert entry.actor == "ada@x.test"
    assert not entry.is_anonymised()


# -- custom anonymisers ---------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("as_object", [True, False])
def test_anonymiser_returns_the_value_or_sets_it(as_object):
    comment = Comment.objects.create(display_name="Ada", body="Hello", email="ada@x.test", posted=timezone.now())
    comment.anonymise() if as_object else Comment.objects.all().anonymise()
    comment.refresh_from_db()
    assert comment.display_name == "Anonymous user"
    assert comment.body == "[removed, 5 characters]"
    assert comment.email == address(comment)


@pytest.mark.django_db
@pytest.mark.parametrize("as_object", [True, False])
def test_anonymiser_may_set_other_columns_and_sees_the_values_of_all(as_object):
    class PrivacyMeta:
        fields = ["owner", "address"]

        def anonymise_address(self, instance):
            assert instance.owner == "Ada"  # its own rule comes later
            instance.address = "198.51.100.1"

    device = Device.objects.create(owner="Ada", address="192.0.2.7")
    with registry.registered(Device, PrivacyMeta):
        device.anonymise() if as_object else Device.objects.all().anonymise()
    device.refresh_from_db()
    assert (device.owner, device.address) == (str(device.pk), "198.51.100.1")


def test_anonymiser_of_a_field_that_has_no_rule():
    class PrivacyMeta:
        fields = ["name", "category"]

        def anonymise_category(self, instance):
            return 1

    assert declare(Product, PrivacyMeta).errors == ()


@pytest.mark.django_db
@pytest.mark.parametrize("falsy", ["", 0])
def test_returned_value_that_is_falsy_counts(falsy):
    class PrivacyMeta:
        fields = ["owner"]
        keep = ["address"]

        def anonymise_owner(self, instance):
            return falsy

    device = Device.objects.create(owner="Ada", address="192.0.2.7")
    with registry.registered(Device, PrivacyMeta):
        device.anonymise()
    device.refresh_from_db()
    assert device.owner == str(falsy)


# -- export ---------------------------------------------------------------------------------------


def test_export_fields_by_default_are_the_columns_in_order():
    assert registry.declaration(PlainFields).export_fields == registry.declaration(PlainFields).fields
    assert registry.declaration(UndeclaredFields).export_fields == ("name", "email", "created")


def test_export_fields_by_default_leave_relations_out():
    assert registry.declaration(Order).export_fields == (
        "recipient",
        "email",
        "delivery_note",
        "placed",
        "total",
    )


def test_export_fields_by_default_leave_the_pointer_to_the_parent_out():
    assert registry.declaration(ExpressOrder).export_fields == registry.declaration(Order).export_fields


def test_export_fields_of_a_user_leave_the_hashed_password_out():
    assert registry.declaration(User).export_fields == (
        "last_login",
        "is_superuser",
        "username",
        "first_name",
        "last_name",
        "email",
        "is_staff",
        "is_active",
        "date_joined",
    )


@pytest.mark.usefixtures("throwaway_models")
def test_password_that_is_not_hashed_is_exported():
    class Router(models.Model):
        password = models.CharField(max_length=50)

        class Meta:
            app_label = "shop"

    assert declare(Router, meta()).export_fields == ("password",)


def test_export_fields_as_written():
    assert registry.declaration(Customer).export_fields == ("name", "email", "phone", "born")


def test_export_exclude():
    assert registry.declaration(AuditEntry).export_fields == ("actor",)


def test_export_exclude_goes_before_export_fields():
    declared = declare(Device, meta(export_fields=["owner", "address"], export_exclude=["owner"]))
    assert declared.export_fields == ("address",)


def test_export_fields_may_name_a_property_or_a_relation():
    declared = declare(Product, meta(export_fields=["category", "pk"]))
    assert [mistake for mistake in declared.errors if "export" in mistake.message] == []


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (Customer, "shop-Customer.csv"),
        (Order, "orders.csv"),
        (GiftOrder, "shop-GiftOrder.csv"),
        (User, "auth-User.csv"),
        (PlainFields, "fields-PlainFields.csv"),
    ],
)
def test_export_filename(model, name):
    assert registry.declaration(model).export_filename == name


def test_export_gives_the_values_by_name():
    customer = Customer(name="Ada", email="ada@x.test", phone="77", born=datetime.date(1815, 12, 10))
    assert registry.declaration(Customer).meta.export(customer) == {
        "name": "Ada",
        "email": "ada@x.test",
        "phone": "77",
        "born": datetime.date(1815, 12, 10),
    }


def test_custom_export():
    comment = Comment(display_name="Ada", body="Hello")
    assert registry.declaration(Comment).meta.export(comment) == {"name": "Ada", "length": 5}


# -- search ---------------------------------------------------------------------------------------


def found(model, term, **attributes):
    written = declare(model, meta(**attributes)).meta if attributes else registry.declaration(model).meta
    return list(written.search(term))


@pytest.fixture
def ada(db):
    return Customer.objects.create(name="Ada Lovelace", email="Ada@x.test", country="uk")


@pytest.fixture
def bob(db):
    return Customer.objects.create(name="Bob", email="bob@x.test", is_deleted=True)


def test_name_is_looked_up_without_case_as_a_whole(ada):
    assert found(Customer, "aDA@X.TEST", search_fields=["email"]) == [ada]
    assert found(Customer, "ada@x", search_fields=["email"]) == []


def test_lookup_is_used_as_it_is(ada):
    assert found(Customer, "love", search_fields=["name__icontains"]) == [ada]
    assert found(Customer, "ada lovelace", search_fields=["name__in"]) == []
    assert found(Customer, "Ada", search_fields=["name__startswith"]) == [ada]


def test_any_field_is_enough(ada, bob):
    assert found(Customer, "lovelace") == [ada]
    assert found(Customer, "ada@x.test") == [ada]
    assert found(Customer, "bob@x.test") == [bob]
    assert found(Customer, "nobody") == []


def test_soft_deleted_row_is_found(bob):
    assert bob not in Customer.objects.all()
    assert found(Customer, "bob") == [bob]


def test_no_search_fields_find_nothing(ada):
    assert found(Customer, "ada", search_fields=[]) == []


def test_lookup_over_a_relation(ada):
    order = Order.objects.create(recipient="x", email="y@x.test", placed=timezone.now(), customer=ada)
    assert found(Order, "ada@x.test", search_fields=["customer__email__iexact"]) == [order]


def test_lookup_over_many_rows_finds_each_row_once(ada):
    for _ in range(2):
        Order.objects.create(recipient="x", email="y@x.test", placed=timezone.now(), customer=ada)
    assert found(Customer, "y@x.test", search_fields=["orders__email__iexact"]) == [ada]


@pytest.fixture
def employee(db):
    company = Company.objects.create(name="Engines")
    return Employee.objects.create(company=company, name="Ada", salary=777)


@pytest.mark.parametrize("lookup", ["salary", "salary__exact", "salary__gte", "salary__in"])
@pytest.mark.parametrize("term", ["Ada", "ada", "7e", "9" * 30, "7.5", "-", "", "é", "漢"])
def test_term_that_a_number_column_cannot_hold(employee, lookup, term):
    wanted = [employee] if term.lower() == "ada" else []
    assert found(Employee, term, search_fields=[lookup, "name"]) == wanted


def test_number(employee):
    for lookup in ("salary", "salary__exact"):
        assert found(Employee, "777", search_fields=[lookup, "name"]) == [employee]


@pytest.mark.parametrize("lookup", ["born", "born__exact", "number", "number__exact", "is_deleted__exact"])
def test_term_that_a_date_a_uuid_or_a_boolean_cannot_hold(ada, lookup):
    assert found(Customer, "lovelace", search_fields=[lookup, "name__icontains"]) == [ada]


def test_date_and_uuid(ada):
    Customer.objects.filter(pk=ada.pk).update(born=datetime.date(1815, 12, 10))
    assert found(Customer, "1815-12-10", search_fields=["born__exact"]) == [ada]
    assert found(Customer, str(ada.number), search_fields=["number"]) == [ada]
    assert found(Customer, ada.number.hex, search_fields=["number__exact"]) == [ada]


def test_only_fields_that_cannot_hold_the_term(employee):
    assert found(Employee, "Ada", search_fields=["salary__exact"]) == []


@pytest.mark.django_db
@pytest.mark.parametrize("model", registry.models, ids=lambda model: model._meta.label)
@pytest.mark.parametrize("term", ["nobody", "7", "é%_'\"\\"])
def test_every_declaration_can_be_searched(model, term):
    assert found(model, term) == []


def test_custom_search_gives_a_queryset(db):
    comment = Comment.objects.create(display_name="Ada", body="Hello", email="ada@x.test", posted=timezone.now())
    assert found(Comment, "Ada") == found(Comment, "ADA@x.test") == [comment]
    assert found(Comment, "Hello") == []


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_custom_search_gives_an_iterable(kind):
    class PrivacyMeta:
        fields = ["owner"]
        keep = ["address"]

        def search(self, term):
            return kind([row for row in Device.objects.all() if row.owner[::-1] == term])

    ada = Device.objects.create(owner="adA", address="192.0.2.7")
    Device.objects.create(owner="Bob", address="192.0.2.8")
    with registry.registered(Device, PrivacyMeta):
        ((model, queryset),) = registry.search("Ada")
        assert model is Device
        assert list(queryset) == [ada]
        assert plan(queryset).count() == 1
        assert registry.search("nobody") == []


# -- models of other apps -------------------------------------------------------------------------


def test_declarations_written_elsewhere():
    assert registry.declaration(Ticket).fields == ("reporter", "body")
    assert registry.declaration(Subscriber).fields == ("email", "name")
    assert Target not in registry


@pytest.mark.parametrize("attribute", ["export_fields", "export_exclude"])
@pytest.mark.parametrize("name", ["favourites", "full_clean", "orders", "objects"])
def test_export_of_what_is_no_value_of_the_row(attribute, name):
    """Many-to-many, a method, a way back and a manager: a cell would hold the name of a class."""
    declared = declare(Customer, meta(fields="__all__", search_fields=[], **{attribute: [name]}))
    (mistake,) = declared.mistakes
    assert mistake.check == "W009"
    assert mistake.message == (
        f"shop.Customer: PrivacyMeta.{attribute} names {name}, which is no column or property of the model."
    )


@pytest.mark.usefixtures("throwaway_models")
def test_export_of_properties_and_keys():
    class Shelf(models.Model):
        owner = models.CharField(max_length=50)
        category = models.ForeignKey(Category, null=True, on_delete=models.CASCADE)

        class Meta:
            app_label = "shop"

        @property
        def initial(self):
            return self.owner[:1]

        @cached_property
        def length(self):
            return len(self.owner)

        @django_cached_property
        def last(self):
            return self.owner[-1:]

    names = ["owner", "initial", "length", "last", "category", "category_id"]
    declared = declare(Shelf, meta(fields=["owner"], keep=["category"], export_fields=names))
    assert declared.errors == ()
    assert declared.meta.export(Shelf(owner="Ada"))["initial"] == "A"
