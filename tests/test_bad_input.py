"""What cannot be anonymised: a clear error that names model and field and no value, and nothing changes."""

import django
import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, models, transaction
from django.db.models.signals import pre_delete
from model_bakery import baker

from gdpr_assist.declaring import rules
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.models import EventLog, PrivacyAnonymised
from gdpr_assist.planning.plans import plan
from gdpr_assist.registry import registry
from gdpr_assist.signals import pre_anonymise
from tests.apps.fields.models import LongKey, Target
from tests.apps.shop.models import (
    AuditEntry,
    Category,
    Comment,
    Company,
    Customer,
    Employee,
    Invoice,
    Membership,
    Order,
    Product,
    Reservation,
)
from tests.apps.thirdparty.models import Device
from tests.settings import DB
from tests.test_hidden import digest

from .observing import address, events, listening, markers, row, rows, spoken, state, unchanged

pytestmark = pytest.mark.django_db

# What no message may say
SECRET = "Ottilie Quint"
PHONE = "+49 30 901820"
EMAIL = "ottilie@example.org"


class Refused:
    """The error that a block raised, after it was found to change nothing and to give nothing away."""

    def __init__(self, *models, secrets=(SECRET, PHONE, EMAIL)):
        self.models = models
        self.secrets = secrets

    def __enter__(self):
        self.before = state(*self.models)
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        return self

    def __exit__(self, kind, error, trace):
        self.atomic.__exit__(kind, error, trace)
        assert isinstance(error, AnonymiseError), f"not refused: {error!r}"
        assert state(*self.models) == self.before
        said = spoken(error)
        assert [secret for secret in self.secrets if secret in said] == []
        self.message = str(error)
        return True

    def names(self, *texts):
        assert [text for text in texts if text not in self.message] == []


def memory(instance):
    """Return what an object holds, without Django's own state."""
    return {name: value for name, value in vars(instance).items() if not name.startswith("_")}


def customer(**values):
    given = {"name": SECRET, "phone": PHONE, "email": EMAIL, "notes": SECRET}
    return baker.make(Customer, **(given | values))


# -- objects -----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, 5])
def test_an_unsaved_object(key):
    unsaved = Customer(pk=key, name=SECRET, phone=PHONE, email=EMAIL)
    held = memory(unsaved)

    with Refused(Customer) as refused:
        unsaved.anonymise()

    refused.names("shop.Customer", "not saved")
    assert memory(unsaved) == held


def test_an_object_that_was_deleted():
    gone = customer()
    gone.delete()
    held = memory(gone)

    with Refused(Customer) as refused:
        gone.anonymise()

    refused.names("shop.Customer")
    assert memory(gone) == held


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("make", [customer, lambda: baker.make(Comment, body=SECRET)])
def test_an_object_whose_row_somebody_else_deleted(make, force):
    stale = make()
    type(stale).objects.filter(pk=stale.pk).delete()
    held = memory(stale)

    with Refused(Customer, Comment) as refused:
        stale.anonymise(force=force)

    refused.names(stale._meta.label, "not in the database")
    assert memory(stale) == held


def test_an_object_of_another_database_is_not_looked_for_in_this_one():
    there = customer(_using="other")
    Customer.objects.using("other").all().delete()
    customer(pk=there.pk)

    with Refused(Customer) as refused:
        there.anonymise()

    refused.names("shop.Customer")


def test_a_model_that_is_not_registered():
    with Refused(Company) as refused:
        plan(baker.make(Company, name=SECRET))
    refused.names("shop.Company", "not registered")

    with Refused(Company) as refused:
        plan(Company.objects.all())
    refused.names("shop.Company", "not registered")


# -- querysets ---------------------------------------------------------------------------------

QUERYSETS = {
    "sliced": lambda rows: rows[:1],
    "sliced from the middle": lambda rows: rows[1:],
    "values": lambda rows: rows.values("name"),
    "values of all": lambda rows: rows.values(),
    "values_list": lambda rows: rows.values_list("pk"),
    "flat values_list": lambda rows: rows.values_list("name", flat=True),
    "dates": lambda rows: rows.dates("born", "year"),
    "union": lambda rows: rows.union(rows.filter(phone=PHONE)),
    "intersection": lambda rows: rows.filter(phone=PHONE).intersection(rows.filter(name=SECRET)),
    "difference": lambda rows: rows.difference(rows.filter(name="nobody")),
}
if DB == "postgresql":
    QUERYSETS["distinct over columns"] = lambda rows: rows.order_by("name").distinct("name")


@pytest.mark.parametrize("kind", QUERYSETS)
def test_a_queryset_that_cannot_be_updated(kind):
    customer()
    customer(email="another@example.org")
    queryset = QUERYSETS[kind](Customer.objects.order_by("pk"))

    with Refused(Customer) as refused:
        queryset.anonymise()

    refused.names("shop.Customer", "cannot be anonymised")


def test_a_sliced_queryset_that_was_read_already():
    customer()
    queryset = Customer.objects.order_by("pk")[:1]
    assert len(queryset) == 1

    with Refused(Customer) as refused:
        queryset.anonymise()

    refused.names("shop.Customer", "slice")


EMPTY = {
    "none()": Customer.objects.none,
    "no match": lambda: Customer.objects.filter(name="nobody"),
    "no key": lambda: Customer.objects.filter(pk__in=[]),
    "an empty table": Order.objects.all,
    "a related manager": lambda: Customer.objects.get().orders,
    "none() of a model with anonymisers": Comment.objects.none,
}


@pytest.mark.parametrize("kind", EMPTY)
@pytest.mark.parametrize("force", [False, True])
def test_an_empty_queryset_is_a_no_op(kind, force):
    customer()

    with unchanged(Customer, Order, Comment):
        result = EMPTY[kind]().anonymise(force=force)

    assert (result.anonymised, result.skipped, result.operation) == (0, 0, None)
    assert events() == []


def test_rows_that_are_all_done_are_a_no_op():
    customer()
    Customer.objects.anonymise()

    with unchanged(Customer):
        result = Customer.objects.anonymise()

    assert (result.anonymised, result.skipped, result.operation) == (0, 1, None)


# -- keys --------------------------------------------------------------------------------------

LONG = "k" * 299


@pytest.mark.parametrize("way", ["object", "queryset", "rows"])
def test_a_text_key_of_300_characters(way):
    """It is longer than what is made from it, and two of them differ only at the end."""
    first, second = (baker.make(LongKey, code=LONG + end, name=SECRET, unique_name=f"{SECRET} {end}") for end in "ab")

    def receiver(**kwargs):
        pass

    if way == "object":
        first.anonymise()
        second.anonymise()
    elif way == "queryset":
        LongKey.objects.anonymise()
    else:
        with listening(pre_anonymise, receiver, sender=LongKey):
            LongKey.objects.anonymise()

    found = [row(first), row(second)]
    assert [each["name"] for each in found] == [LONG[:50], LONG[:50]]
    assert found[0]["unique_name"] != found[1]["unique_name"]
    assert all(len(each["unique_name"]) <= 50 for each in found)
    assert all(each["email"].endswith("@anon.example.com") for each in found)
    assert all(len(each["email"]) <= 254 for each in found)
    assert all(each["url"].endswith(".anon.example.com") for each in found)
    assert SECRET not in str(found)
    assert markers(LongKey) == [LONG + "a", LONG + "b"]
    assert [event[2] for event in events()] == [digest(LONG + end, "fields.LongKey") for end in "ab"]
    assert first.is_anonymised()
    assert LongKey.objects.anonymise().skipped == 2


def test_a_text_key_of_300_characters_is_deleted_with_its_marker():
    baker.make(LongKey, code=LONG + "a")
    spared = baker.make(LongKey, code=LONG + "b")
    LongKey.objects.anonymise()

    LongKey.objects.filter(code=LONG + "a").delete()

    assert markers(LongKey) == [spared.code]
    assert events()[-1] == ("delete", "fields.LongKey", digest(LONG + "a", "fields.LongKey"))


if django.VERSION >= (5, 2):
    from tests.apps.fields.models import CompositeKey

    class CompositePrivacy:
        fields = ["name", "email"]

    class KeptCompositePrivacy(CompositePrivacy):
        can_anonymise = False

    def composite():
        return CompositeKey.objects.create(tenant=1, number=2, name=SECRET, email=EMAIL)

    @pytest.mark.parametrize("way", ["object", "queryset", "plan"])
    def test_a_composite_key(way):
        instance = composite()
        held = memory(instance)
        with registry.registered(CompositeKey, CompositePrivacy), Refused(CompositeKey) as refused:
            {
                "object": instance.anonymise,
                "queryset": CompositeKey.objects.anonymise,
                "plan": lambda: plan(CompositeKey.objects.all()),
            }[way]()

        refused.names("fields.CompositeKey", "composite primary key")
        assert memory(instance) == held

    def test_a_row_with_a_composite_key_is_not_anonymised():
        instance = composite()
        with registry.registered(CompositeKey, KeptCompositePrivacy):
            assert instance.is_anonymised() is False

    @pytest.mark.parametrize("whole", [True, False], ids=["object", "queryset"])
    def test_a_row_with_a_composite_key_can_be_deleted(whole):
        instance = composite()
        with registry.registered(CompositeKey, KeptCompositePrivacy):
            (instance if whole else CompositeKey.objects.all()).delete()

        assert not CompositeKey.objects.exists()
        assert [event[:2] for event in events()] == [("delete", "fields.CompositeKey")]


# -- anonymisers that fail ---------------------------------------------------------------------


def reservation():
    return baker.make(Reservation, guest=SECRET, phone=PHONE)


@pytest.mark.parametrize("way", ["object", "queryset", "rows", "forced"])
def test_an_anonymiser_that_raises(way):
    instance, _ = reservation(), reservation()
    held = memory(instance)

    def receiver(**kwargs):
        pass

    with Refused(Reservation) as refused:
        if way == "object":
            instance.anonymise()
        elif way == "rows":
            with listening(pre_anonymise, receiver, sender=Reservation):
                Reservation.objects.anonymise()
        else:
            Reservation.objects.anonymise(force=way == "forced")

    refused.names("shop.Reservation.phone", "anonymise_phone", "RuntimeError")
    assert memory(instance) == held
    assert not instance.is_anonymised()


def test_an_anonymiser_that_raises_for_a_later_row():
    class ProductPrivacy:
        fields = ["name"]
        keep = ["category"]

        def anonymise_name(self, instance):
            if instance.name == SECRET:
                raise ValueError(instance.name)
            return "product"

    baker.make(Product, name="first")
    baker.make(Product, name=SECRET)
    with registry.registered(Product, ProductPrivacy), Refused(Product) as refused:
        Product.objects.anonymise()

    refused.names("shop.Product.name", "ValueError")


def test_an_object_keeps_what_an_earlier_anonymiser_had_changed_in_memory():
    class DevicePrivacy:
        fields = ["owner", "address"]

        def anonymise_owner(self, instance):
            instance.address = "192.0.2.99"
            return "nobody"

        def anonymise_address(self, instance):
            raise LookupError(instance.owner)

    device = baker.make(Device, owner=SECRET, address="192.0.2.1")
    held = memory(device)
    with registry.registered(Device, DevicePrivacy), Refused(Device) as refused:
        device.anonymise()

    refused.names("thirdparty.Device.address")
    assert memory(device) == held


def test_an_anonymiser_that_raises_in_a_deletion():
    owner = customer()
    order = baker.make(Order, customer=owner, recipient=SECRET)
    baker.make(Comment, author=owner, display_name=SECRET, body=SECRET)

    def broken(instance):
        raise RuntimeError(f"cannot parse {instance.body}")

    changes = registry.declaration(Comment).changes
    (body,) = (change for change in changes if change.field.name == "body")
    held = memory(owner)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(vars(body), "anonymiser", broken)
        for delete in (owner.delete, Customer.objects.all().delete):
            with Refused(Customer, Order, Comment) as refused:
                delete()
            refused.names("shop.Comment.body", "anonymise_body", "RuntimeError")
            assert memory(owner) == held

    owner.delete()
    assert row(order)["customer_id"] is None
    assert not Customer.objects.exists()


@pytest.mark.parametrize("way", ["object", "mixed", "rows"])
def test_an_anonymiser_that_gives_a_value_of_the_wrong_type(way):
    class InvoicePrivacy:
        fields = ["total"]
        keep = ["customer"]

        def anonymise_total(self, instance):
            return SECRET

    def receiver(**kwargs):
        pass

    invoice = baker.make(Invoice, total=5)
    held = memory(invoice)
    with registry.registered(Invoice, InvoicePrivacy), Refused(Invoice) as refused:
        if way == "object":
            invoice.anonymise()
        elif way == "mixed":
            Invoice.objects.anonymise()
        else:
            with listening(pre_anonymise, receiver, sender=Invoice):
                Invoice.objects.anonymise()

    refused.names("shop.Invoice", "total")
    assert memory(invoice) == held


@pytest.fixture
def address_rule(monkeypatch):
    """Let a test give the rule of Device.address, for its own time."""

    def give(made):
        monkeypatch.setitem(rules.registered, models.GenericIPAddressField, lambda field: made)

    return give


class DevicePrivacy:
    fields = ["owner", "address"]


def fail(instance):
    raise LookupError(f"no such person: {instance.owner}")


WRONG_RULES = {
    "a callable": lambda function: function,
    "a replacement": lambda function: rules.Replacement(value=function),
}


def anonymise_devices(way, device):
    """Anonymise in one of the ways that call a rule in Python."""
    if way == "object":
        device.anonymise()
    elif way == "mixed":
        assert plan(Device.objects.all()).way.kind == "mixed"
        Device.objects.anonymise()
    else:
        with listening(pre_anonymise, lambda **kwargs: None, sender=Device):
            Device.objects.anonymise()


@pytest.mark.parametrize("way", ["object", "mixed", "rows"])
@pytest.mark.parametrize("kind", WRONG_RULES)
def test_a_rule_that_raises(address_rule, kind, way):
    address_rule(WRONG_RULES[kind](fail))
    device = baker.make(Device, owner=SECRET, address="10.0.0.1")
    held = memory(device)

    with registry.registered(Device, DevicePrivacy), Refused(Device) as refused:
        anonymise_devices(way, device)

    refused.names("thirdparty.Device.address: its rule raised LookupError", "Nothing was changed")
    assert memory(device) == held


@pytest.mark.parametrize("way", ["object", "mixed", "rows"])
@pytest.mark.parametrize("kind", WRONG_RULES)
def test_a_rule_that_gives_a_value_of_the_wrong_type(monkeypatch, kind, way):
    monkeypatch.setitem(
        rules.registered, models.DecimalField, lambda field: WRONG_RULES[kind](lambda instance: SECRET)
    )
    invoice = baker.make(Invoice, total=5)
    held = memory(invoice)
    privacy = type("PrivacyMeta", (), {"fields": ["total"], "keep": ["customer"]})

    with registry.registered(Invoice, privacy), Refused(Invoice) as refused:
        if way == "object":
            invoice.anonymise()
        elif way == "mixed":
            Invoice.objects.anonymise()
        else:
            with listening(pre_anonymise, lambda **kwargs: None, sender=Invoice):
                Invoice.objects.anonymise()

    refused.names("shop.Invoice.total", "a str, which the column cannot hold")
    assert memory(invoice) == held


# -- what the database refuses -----------------------------------------------------------------


@pytest.mark.parametrize("way", ["object", "queryset", "rows"])
def test_a_unique_value_that_another_row_already_has(way):
    instance = customer()
    squatter = customer(email=address(instance))
    held = memory(instance)

    def receiver(**kwargs):
        pass

    with Refused(Customer, secrets=(SECRET, PHONE, EMAIL, squatter.email)) as refused:
        if way == "object":
            instance.anonymise()
        elif way == "rows":
            with listening(pre_anonymise, receiver, sender=Customer):
                Customer.objects.filter(pk=instance.pk).anonymise()
        else:
            Customer.objects.filter(pk=instance.pk).anonymise()

    refused.names("shop.Customer", "email")
    assert memory(instance) == held
    assert not instance.is_anonymised()


def test_a_unique_value_from_an_anonymiser_of_the_project():
    class GroupPrivacy:
        fields = ["name"]

        def anonymise_name(self, instance):
            return SECRET

    baker.make(Group, name=SECRET)
    other = baker.make(Group, name="staff")
    with registry.registered(Group, GroupPrivacy):
        for act in (other.anonymise, Group.objects.anonymise):
            with Refused(Group) as refused:
                act()
            refused.names("auth.Group", "name")
    assert other.name == "staff"


if DB != "sqlite":  # which takes a text of any length

    @pytest.mark.parametrize("single", [True, False], ids=["object", "queryset"])
    def test_a_value_that_is_too_long(single):
        class CategoryPrivacy:
            fields = ["name"]

            def anonymise_name(self, instance):
                return f"{SECRET}{'x' * 51}"

        category = baker.make(Category, name="gifts")
        with registry.registered(Category, CategoryPrivacy), Refused(Category) as refused:
            (category if single else Category.objects).anonymise()

        refused.names("shop.Category", "name")
        assert category.name == "gifts"


@pytest.mark.parametrize("way", ["object", "mixed", "rows"])
def test_a_check_constraint_that_refuses(way, monkeypatch):
    membership = baker.make(Membership, nickname=SECRET, card=PHONE, visits=3)
    held = memory(membership)
    changes = registry.declaration(Membership).changes
    (visits,) = (change for change in changes if change.field.name == "visits")
    monkeypatch.setitem(vars(visits), "anonymiser", lambda instance: -901820)
    monkeypatch.setitem(vars(visits), "replacement", None)

    def receiver(**kwargs):
        pass

    with Refused(Membership, secrets=(SECRET, PHONE, "901820")) as refused:
        if way == "object":
            membership.anonymise()
        elif way == "mixed":
            assert plan(Membership.objects.all()).way.kind == "mixed"
            Membership.objects.anonymise()
        else:
            with listening(pre_anonymise, receiver, sender=Membership):
                Membership.objects.anonymise()

    refused.names("shop.Membership", "visits")
    assert memory(membership) == held


def test_a_deletion_in_which_a_unique_value_collides():
    sponsor = customer()
    friend = customer(email="friend@example.org", referred_by=sponsor)
    squatter = customer(email=address(friend))

    for delete in (sponsor.delete, Customer.objects.filter(pk=sponsor.pk).delete):
        with Refused(Customer, secrets=(SECRET, PHONE, EMAIL, squatter.email)) as refused:
            delete()
        refused.names("shop.Customer", "email")

    assert not friend.is_anonymised()


# -- declarations ------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["object", "queryset", "forced"])
def test_a_model_that_is_not_to_be_anonymised(way):
    entry = baker.make(AuditEntry, actor=EMAIL)
    held = memory(entry)

    with Refused(AuditEntry) as refused:
        {
            "object": entry.anonymise,
            "queryset": AuditEntry.objects.anonymise,
            "forced": lambda: AuditEntry.objects.anonymise(force=True),
        }[way]()

    refused.names("shop.AuditEntry", "can_anonymise = False")
    assert memory(entry) == held


class UnknownField:
    fields = ["owner", "birthday"]


class PrimaryKey:
    fields = ["id", "owner"]


class NoList:
    fields = "owner"


class BothWays:
    fields = ["owner", "address"]
    keep = ["owner"]


class UnknownKept:
    fields = ["owner"]
    keep = ["adress"]


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        (UnknownField, ["birthday"]),
        (PrimaryKey, ["Cannot anonymise primary key", "id"]),
        (NoList, ["fields"]),
        (BothWays, ["owner", "keep"]),
        (UnknownKept, ["adress"]),
    ],
)
@pytest.mark.parametrize("single", [True, False], ids=["object", "queryset"])
def test_a_declaration_with_a_mistake(meta, words, single):
    device = baker.make(Device, owner=SECRET, address="192.0.2.1")
    held = memory(device)

    with registry.registered(Device, meta), Refused(Device) as refused:
        (device if single else Device.objects).anonymise()

    refused.names("thirdparty.Device", *words)
    assert memory(device) == held


def test_a_relation_that_cannot_be_emptied():
    class ProductPrivacy:
        fields = ["name", "category"]

    baker.make(Product, name=SECRET)
    with registry.registered(Product, ProductPrivacy), Refused(Product) as refused:
        Product.objects.anonymise()

    refused.names("Cannot anonymise shop.Product.category - can only null relationship field")


def test_a_many_to_many_field():
    class GroupPrivacy:
        fields = ["name", "permissions"]

    baker.make(Group, name=SECRET)
    with registry.registered(Group, GroupPrivacy), Refused(Group) as refused:
        Group.objects.anonymise()

    refused.names("Cannot anonymise auth.Group.permissions - cannot anonymise ManyToManyField")


def test_a_declaration_with_a_mistake_does_not_keep_a_row_from_being_deleted():
    device = baker.make(Device, owner=SECRET)
    with registry.registered(Device, UnknownField):
        device.delete()

    assert not Device.objects.exists()
    assert [event[:2] for event in events()] == [("delete", "thirdparty.Device")]


@pytest.mark.parametrize("model", [Customer, Order])
def test_registering_twice(model):
    with pytest.raises(ValueError, match=rf"^Model {model._meta.label} already registered: by the inner class "):
        registry.register(model)


# -- what a programmer may print ---------------------------------------------------------------


def test_a_plan_and_a_result_print_no_values():
    """Error reporters show what local variables hold."""
    instance = customer()
    found = plan(Customer.objects.all())
    result = Customer.objects.anonymise()

    shown = repr(found) + repr(plan(instance)) + repr(result)
    before = repr(plan(customer(email="second@example.org")))

    assert SECRET not in shown + before


def test_nothing_is_left_behind_by_all_the_refusals_of_one_request():
    """A site that catches the error and goes on commits what it did itself, and no more."""
    reservation()
    owner = customer()
    for act in (Reservation.objects.anonymise, Customer(name=SECRET).anonymise):
        with pytest.raises(AnonymiseError):
            act()
    Target.objects.create(name="still working")

    assert not PrivacyAnonymised.objects.exists()
    assert not EventLog.objects.using("gdpr_log").exists()
    assert rows(Customer)[0]["name"] == SECRET
    assert owner.anonymise().anonymised == 1


def test_a_receiver_of_a_deletion_that_refuses_leaves_markers_alone():
    owner = customer()
    owner.anonymise()

    def refuse(**kwargs):
        raise RuntimeError("not today")

    with (
        listening(pre_delete, refuse, sender=Customer),
        unchanged(Customer),
        pytest.raises(RuntimeError),
        transaction.atomic(),
    ):
        owner.delete()

    assert owner.is_anonymised()


def test_rows_whose_default_target_does_not_exist():
    """The database refuses it, at once or at the end."""
    company = baker.make(Company, pk=50)
    baker.make(Employee, company=company, name=SECRET, salary=4000)

    def delete():
        company.delete()
        connection.check_constraints()

    before = [rows(model) for model in (Company, Employee)]
    with pytest.raises(IntegrityError), transaction.atomic():
        delete()

    assert [rows(model) for model in (Company, Employee)] == before
    assert markers(Employee) == []
