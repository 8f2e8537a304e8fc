"""on_delete=ANONYMISE(...): deleting a target anonymises what points at it."""

import re

import django
import pytest
from django.contrib.admin.utils import NestedObjects
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import OperationalError, connection, models, transaction
from django.db.migrations.writer import MigrationWriter
from django.db.models import ProtectedError
from django.db.models.deletion import Collector
from django.db.models.signals import post_delete
from model_bakery import baker

from gdpr_assist import ANONYMISE, EventLogError
from gdpr_assist.apps import anonymise_related
from gdpr_assist.declaring import declaration
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.models import Receipt
from gdpr_assist.registry import registry
from gdpr_assist.signals import post_anonymise, pre_anonymise, target_deleted
from tests.apps.early.models import EarlyBird
from tests.apps.migrated.models import Letter
from tests.apps.shop.models import (
    HOUSE_COMPANY,
    Address,
    Badge,
    Boat,
    Comment,
    Company,
    Customer,
    Department,
    Employee,
    ForeignCustomer,
    GiftOrder,
    Home,
    Houseboat,
    Invoice,
    Message,
    Order,
    OrderLine,
    Parcel,
    Plant,
    Product,
    Tree,
    Visitor,
    Voucher,
    house_company,
)
from tests.databases import FAULTS, log_is

from .observing import (
    address,
    changed,
    events,
    listening,
    markers,
    queries,
    row,
    rows,
    spoken,
    unchanged,
    updates,
)

FEW, MANY = 5, 50

# Only tests with rows need the databases.
with_rows = pytest.mark.django_db


# -- the declaration ---------------------------------------------------------------------------

REFUSED = ["CASCADE", "PROTECT", "RESTRICT", "DO_NOTHING"]
if django.VERSION >= (6, 1):
    REFUSED += ["DB_CASCADE", "DB_SET_NULL", "DB_SET_DEFAULT"]


@pytest.mark.parametrize("name", REFUSED)
def test_other_actions_are_refused(name):
    with pytest.raises(ValueError, match=rf"^Cannot ANONYMISE\({name}\): .* Write ANONYMISE\(models\.SET_NULL\), "):
        ANONYMISE(getattr(models, name))


def test_an_anonymise_within_an_anonymise_is_refused():
    with pytest.raises(ValueError, match=r"^Cannot ANONYMISE\("):
        ANONYMISE(ANONYMISE(models.SET_NULL))


def test_more_than_one_action_is_refused():
    with pytest.raises(TypeError, match=r"^ANONYMISE takes one action\. Write ANONYMISE\(models\.SET_NULL\), "):
        ANONYMISE(models.SET_NULL, models.SET_DEFAULT)


@pytest.mark.parametrize(
    ("nonsense", "name"),
    [((), ""), (("SET_NULL",), "'SET_NULL'"), ((5,), "5"), ((models.SET,), "SET"), ((ANONYMISE,), "ANONYMISE")],
)
def test_what_is_no_action_is_refused(nonsense, name):
    with pytest.raises(ValueError, match="Write ANONYMISE") as caught:
        ANONYMISE(*nonsense)
    assert str(caught.value) == (
        f"Cannot ANONYMISE({name}): the row stays, and its key must get a value. Write ANONYMISE(models.SET_NULL), "
        "ANONYMISE(models.SET_DEFAULT) or ANONYMISE(models.SET(value))."
    )


@with_rows
def test_without_a_call_nothing_is_deleted(monkeypatch):
    key = Order._meta.get_field("customer")
    monkeypatch.setattr(key.remote_field, "on_delete", ANONYMISE)
    order = baker.make(Order, customer=baker.make(Customer))
    refusal = r"^shop\.Order\.customer has on_delete=ANONYMISE without an action; nothing was deleted\."
    with pytest.raises(AnonymiseError, match=refusal):
        order.customer.delete()
    assert Order.objects.filter(pk=order.pk, customer=order.customer).exists()


ACTIONS = [
    models.SET_NULL,
    models.SET_DEFAULT,
    models.SET(HOUSE_COMPANY),
    models.SET(house_company),
]


@pytest.mark.parametrize("action", ACTIONS)
def test_it_is_deconstructed_as_it_was_written(action):
    assert ANONYMISE(action).deconstruct() == ("gdpr_assist.ANONYMISE", (action,), {})


def test_what_a_migration_says():
    written, imports = MigrationWriter.serialize(ANONYMISE(models.SET_NULL))

    assert written == "gdpr_assist.ANONYMISE(django.db.models.deletion.SET_NULL)"
    assert "import gdpr_assist" in imports


@pytest.mark.parametrize("action", ACTIONS)
def test_what_a_migration_says_makes_the_same_again(action):
    written, imports = MigrationWriter.serialize(ANONYMISE(action))
    names = {"models": models}
    for each in imports:
        exec(each, names)

    assert eval(written, names) == ANONYMISE(action)


def test_equality():
    assert ANONYMISE(models.SET_NULL) == ANONYMISE(models.SET_NULL)
    assert ANONYMISE(models.SET(1)) == ANONYMISE(models.SET(1))
    assert hash(ANONYMISE(models.SET(1))) == hash(ANONYMISE(models.SET(1)))
    assert ANONYMISE(models.SET_NULL) != ANONYMISE(models.SET_DEFAULT)
    assert ANONYMISE(models.SET(1)) != ANONYMISE(models.SET(2))
    assert ANONYMISE(models.SET(1)) != ANONYMISE(models.SET(house_company))
    assert ANONYMISE(models.SET_NULL) != models.SET_NULL


# -- what it does ------------------------------------------------------------------------------


def assert_anonymised(order):
    found = row(order)
    assert found["recipient"] == str(order.pk)
    assert found["email"] == address(order)
    assert found["delivery_note"] == ""
    assert found["customer_id"] is None


DELETIONS = {
    "object": lambda customer: customer.delete(),
    "queryset": lambda customer: Customer.objects.filter(pk=customer.pk).delete(),
    "proxy": lambda customer: ForeignCustomer.objects.get(pk=customer.pk).delete(),
    "deferred": lambda customer: Customer.objects.only("name").get(pk=customer.pk).delete(),
}


@with_rows
@pytest.mark.parametrize("way", DELETIONS)
def test_deleting_a_target_anonymises_what_points_at_it(way):
    customer, other = baker.make(Customer, _quantity=2)
    orders = baker.make(Order, customer=customer, delivery_note="ring twice", _quantity=2)
    foreign = baker.make(Order, customer=other)
    before = row(foreign)

    DELETIONS[way](customer)

    for order in orders:
        assert_anonymised(order)
        assert order.is_anonymised()
    assert row(foreign) == before
    assert not foreign.is_anonymised()
    assert list(Customer.objects.all()) == [other]


@with_rows
@pytest.mark.parametrize("way", DELETIONS)
def test_the_deletion_returns_what_djangos_returns(way):
    customer = baker.make(Customer)
    baker.make(Address, customer=customer, _quantity=2)
    baker.make(Order, customer=customer)

    total, by_model = DELETIONS[way](customer)

    label = "shop.ForeignCustomer" if way == "proxy" else "shop.Customer"
    assert total == 3
    assert by_model == {label: 1, "shop.Address": 2}


@with_rows
def test_kept_columns_are_kept():
    customer = baker.make(Customer)
    order = baker.make(Order, customer=customer, total=12)
    before = row(order)

    customer.delete()

    assert row(order) == before | {
        "customer_id": None,
        "recipient": str(order.pk),
        "email": address(order),
        "delivery_note": "",
    }


@with_rows
def test_the_project_s_own_anonymisers_run():
    customer = baker.make(Customer)
    comment = baker.make(Comment, author=customer, body="12345")

    customer.delete()

    assert row(comment)["author_id"] is None
    assert row(comment)["display_name"] == "Anonymous user"
    assert row(comment)["body"] == "[removed, 5 characters]"


@with_rows
def test_the_anonymisers_see_the_key_that_is_about_to_go():
    seen = []

    def note(instance, using, **kwargs):
        seen.append((instance.author_id, using))

    customer = baker.make(Customer)
    key = customer.pk
    comment = baker.make(Comment, author=customer)
    with listening(pre_anonymise, note, sender=Comment):
        customer.delete()

    assert seen == [(key, "default")]
    assert row(comment)["author_id"] is None


@with_rows
def test_a_relation_without_a_way_back():
    customer, other = baker.make(Customer, _quantity=2)
    message = baker.make(Message, recipient=customer, text="dear Ada")
    foreign = baker.make(Message, recipient=other, text="dear Bob")

    customer.delete()

    assert row(message) == {"id": message.pk, "recipient_id": None, "text": str(message.pk)}
    assert row(foreign)["text"] == "dear Bob"


@with_rows
@pytest.mark.parametrize("way", DELETIONS)
def test_a_relation_to_another_column_than_the_key(way):
    customer, other = baker.make(Customer, _quantity=2)
    voucher = baker.make(Voucher, customer=customer, greeting="dear Ada")
    foreign = baker.make(Voucher, customer=other, greeting="dear Bob")

    DELETIONS[way](customer)

    assert row(voucher) == {"id": voucher.pk, "customer_id": None, "greeting": str(voucher.pk)}
    assert row(foreign)["greeting"] == "dear Bob"


@with_rows
def test_a_relation_to_itself():
    first = baker.make(EarlyBird)
    second = baker.make(EarlyBird, referrer=first)
    third = baker.make(EarlyBird, referrer=second)

    first.delete()

    assert row(second)["referrer_id"] is None
    assert row(second)["email"] == address(second)
    assert row(third)["referrer_id"] == second.pk
    assert not third.is_anonymised()


@with_rows
def test_rows_that_are_deleted_with_their_target_leave_no_marker():
    first = baker.make(EarlyBird)
    second = baker.make(EarlyBird, referrer=first)
    third = baker.make(EarlyBird, referrer=second)

    EarlyBird.objects.filter(pk__in=[first.pk, second.pk]).delete()

    assert list(EarlyBird.objects.all()) == [third]
    assert markers(EarlyBird) == [str(third.pk)]
    assert row(third)["referrer_id"] is None


@with_rows
def test_what_children_of_a_row_add_is_anonymised_too():
    customer = baker.make(Customer)
    gift = baker.make(GiftOrder, customer=customer, greeting="to my dear Ada")

    customer.delete()

    assert_anonymised(gift)
    assert row(gift)["greeting"] == str(gift.pk)


@with_rows
def test_anonymising_a_target_does_not_anonymise_what_points_at_it():
    customer = baker.make(Customer)
    order = baker.make(Order, customer=customer)
    before = row(order)

    customer.anonymise()

    assert row(order) == before
    assert not order.is_anonymised()


@with_rows
def test_a_soft_deleted_row_is_anonymised_too():
    sponsor = baker.make(Customer)
    hidden = baker.make(Customer, referred_by=sponsor, is_deleted=True)

    sponsor.delete()

    assert row(hidden)["email"] == address(hidden)
    assert row(hidden)["referred_by_id"] is None


@with_rows
def test_a_row_that_was_anonymised_before_and_still_is_only_loses_its_key():
    customer = baker.make(Customer)
    order = baker.make(Order, customer=customer)
    order.anonymise()
    before = row(order)

    customer.delete()

    assert row(order) == {**before, "customer_id": None}
    assert [event for event in events() if event[1] == "shop.Order"] == [("anonymise", "shop.Order", str(order.pk))]


@with_rows
def test_a_row_that_was_filled_again_is_anonymised_again_as_nothing_leads_to_it_any_more():
    customer = baker.make(Customer)
    order = baker.make(Order, customer=customer)
    order.anonymise()
    Order.objects.update(delivery_note="filled again")

    customer.delete()

    assert row(order)["customer_id"] is None
    assert row(order)["delivery_note"] == ""


@with_rows
def test_a_row_whose_receiver_deletes_what_it_points_at_comes_to_an_end():
    """It has its marker, and still holds what it held."""
    customer = baker.make(Customer)
    order = baker.make(Order, customer=customer, delivery_note="At the door")

    def receiver(sender, instance, **kwargs):
        Customer.objects.filter(pk=customer.pk).delete()

    with listening(pre_anonymise, receiver, sender=Order):
        order.anonymise()

    assert row(order)["delivery_note"] == ""
    assert [event for event in events() if event[1] == "shop.Order"] == [("anonymise", "shop.Order", str(order.pk))]


@with_rows
def test_a_row_without_a_personal_column_is_only_marked():
    with changed(Order, fields=[], search_fields=[]):
        customer = baker.make(Customer)
        order = baker.make(Order, customer=customer)
        order.anonymise()
        before = row(order)
        customer.delete()
    assert row(order) == {**before, "customer_id": None}


@with_rows
def test_of_what_nobody_can_tell_whether_it_was_filled_again_is_anonymised_again():
    customer = baker.make(Customer)
    comment = baker.make(Comment, author=customer)
    comment.anonymise()
    Comment.objects.update(body="filled again")

    customer.delete()

    assert row(comment)["body"] == "[removed, 12 characters]"


# -- the actions -------------------------------------------------------------------------------


@pytest.fixture
def house(db):
    """The company of the default. Others need a key: on some databases theirs would start at 1, too."""
    return baker.make(Company, pk=HOUSE_COMPANY, name="House")


@pytest.mark.parametrize(
    ("model", "personal"),
    [
        (Employee, {"name": "Ada", "salary": 4000}),
        (Visitor, {"name": "Ada"}),
        (Parcel, {"addressee": "Ada"}),
    ],
    ids=["SET_DEFAULT", "SET(callable)", "SET(value)"],
)
@pytest.mark.parametrize("whole", [True, False], ids=["object", "queryset"])
def test_the_key_goes_where_the_action_says(house, model, personal, whole):
    company, other = baker.make(Company, pk=50), baker.make(Company, pk=51)
    found = baker.make(model, company=company, **personal)
    foreign = baker.make(model, company=other, **personal)
    before = row(foreign)

    if whole:
        company.delete()
    else:
        Company.objects.filter(pk=50).delete()

    wiped = {name: 0 if name == "salary" else str(found.pk) for name in personal}
    assert row(found) == {"id": found.pk, "company_id": house.pk, **wiped}
    assert row(foreign) == before
    assert markers(model) == [str(found.pk)]


# -- from where --------------------------------------------------------------------------------


@with_rows
def test_an_unregistered_target_is_logged_by_what_was_anonymised(house):
    company = baker.make(Company, pk=50)
    employee = baker.make(Employee, company=company)

    company.delete()

    assert events() == [("anonymise", "shop.Employee", str(employee.pk))]
    assert Receipt.objects.count() == 1


@with_rows
def test_a_registered_target_is_logged_with_its_cascade_as_one_operation():
    customer = baker.make(Customer)
    order, address = baker.make(Order, customer=customer), baker.make(Address, customer=customer)
    key = str(customer.pk)

    customer.delete()

    assert sorted(events()) == [
        ("anonymise", "shop.Order", str(order.pk)),
        ("delete", "shop.Address", str(address.pk)),
        ("delete", "shop.Customer", key),
    ]
    assert Receipt.objects.count() == 1


@with_rows
@pytest.mark.parametrize("target", [Company, Department])
@pytest.mark.parametrize("whole", [True, False], ids=["object", "queryset"])
def test_a_cascade_reaches_rows_two_levels_away(target, whole):
    company = baker.make(Company)
    department = baker.make(Department, company=company)
    badge, foreign = baker.make(Badge, department=department), baker.make(Badge, holder="Bob")
    found = company if target is Company else department

    if whole:
        found.delete()
    else:
        target.objects.filter(pk=found.pk).delete()

    assert row(badge) == {"id": badge.pk, "department_id": None, "holder": str(badge.pk)}
    assert row(foreign)["holder"] == "Bob"


@with_rows
def test_deleting_a_user_of_django():
    user, other = baker.make(User, _quantity=2)
    letter = baker.make(Letter, author=user, signature="Ada", body="dear all")
    foreign = baker.make(Letter, author=other, signature="Bob")

    User.objects.filter(pk=user.pk).delete()

    assert row(letter)["author_id"] is None
    assert (row(letter)["signature"], row(letter)["body"]) == (str(letter.pk), "")
    assert row(foreign)["signature"] == "Bob"


@with_rows
def test_only_the_database_of_the_target_is_touched():
    for using in ("default", "other"):
        customer = baker.make(Customer, pk=7, _using=using)
        baker.make(Order, pk=1, customer=customer, recipient="Ada", _using=using)
        baker.make(Comment, pk=1, author=customer, _using=using)
    here = [rows(model) for model in (Customer, Order, Comment)]

    Customer.objects.using("other").get().delete()

    assert [rows(model) for model in (Customer, Order, Comment)] == here
    assert (markers(Order), markers(Order, "other")) == ([], ["1"])
    assert_anonymised(Order.objects.using("other").get())
    assert Receipt.objects.using("other").count() == 1
    assert Receipt.objects.count() == 0


@with_rows
def test_a_queryset_of_another_database():
    for using in ("default", "other"):
        customer = baker.make(Customer, pk=7, _using=using)
        baker.make(Message, pk=1, recipient=customer, text="dear Ada", _using=using)

    Customer.objects.using("other").filter(pk=7).delete()

    assert rows(Message)[0]["text"] == "dear Ada"
    assert rows(Message, "other") == [{"id": 1, "recipient_id": None, "text": "1"}]


# -- a foreign key that is personal itself -----------------------------------------------------


@pytest.fixture
def personal_key(monkeypatch):
    """Let a customer's ``referred_by`` be personal, which its own target empties."""

    class Privacy:
        fields = ["referred_by", "name", "notes"]

    changed = declaration.declare(Customer, Privacy)
    monkeypatch.setitem(registry._declarations, Customer, changed)


@with_rows
@pytest.mark.usefixtures("personal_key")
@pytest.mark.parametrize("watched", [False, True], ids=["set", "rows"])
def test_a_personal_key_that_is_emptied_first_does_not_hide_the_rows(watched):
    sponsor = baker.make(Customer)
    customer = baker.make(Customer, referred_by=sponsor, notes="likes engines")
    other = baker.make(Customer, referred_by=customer, notes="likes poems")

    def receiver(**kwargs):
        pass

    if watched:
        with listening(post_anonymise, receiver, sender=Customer):
            sponsor.delete()
    else:
        sponsor.delete()

    assert row(customer)["referred_by_id"] is None
    assert (row(customer)["name"], row(customer)["notes"]) == (str(customer.pk), "")
    assert row(other)["referred_by_id"] == customer.pk
    assert row(other)["notes"] == "likes poems"


# -- how many statements -----------------------------------------------------------------------


def shop(customers, orders):
    made = baker.make(Customer, _quantity=customers)
    for customer in made:
        baker.make(Order, customer=customer, _quantity=orders)
        baker.make(Message, recipient=customer)
        baker.make(Address, customer=customer)
    return Customer.objects.filter(pk__in=[each.pk for each in made])


@with_rows
@pytest.mark.parametrize("model", [Order, Comment, Message])
def test_the_statements_do_not_grow_with_the_rows_of_one_target(model):
    key = "recipient" if model is Message else "author" if model is Comment else "customer"
    found = []
    for quantity in (1, FEW, MANY):
        customer = baker.make(Customer)
        baker.make(model, _quantity=quantity, **{key: customer})
        found.append(queries(customer.delete))

    assert len(found[1]) == len(found[2])
    assert len(markers(model)) == 1 + FEW + MANY


@with_rows
def test_the_statements_do_not_grow_with_the_targets():
    found = [queries(shop(quantity, orders=2).delete) for quantity in (1, FEW, MANY)]

    assert len(found[1]) == len(found[2])
    # All columns in one, the foreign key in another
    assert len(updates(found[2], Order)) == 2
    assert len(markers(Order)) == 2 * (1 + FEW + MANY)


@with_rows
def test_the_log_is_written_at_once():
    """In one transaction. SQLite takes so many rows in an INSERT, hence not more of them here."""
    found = [queries(shop(quantity, orders=2).delete, "gdpr_log") for quantity in (1, FEW, 20)]

    assert len(found[1]) == len(found[2])
    assert len([each for each in found[2] if each.startswith("SAVEPOINT")]) == 1
    assert len(events()) == 5 * (1 + FEW + 20)


@with_rows
def test_targets_that_django_collects_in_batches_are_one_operation(monkeypatch):
    """As it does with more objects than the database takes parameters."""
    monkeypatch.setattr(Collector, "get_del_batches", lambda self, objs, fields: [[each] for each in objs])
    customers = shop(3, orders=2)
    spared = baker.make(Order, customer=baker.make(Customer))

    statements = queries(customers.delete)

    assert len(updates(statements, Order)) == 2
    assert len(markers(Order)) == 6
    assert not spared.is_anonymised()
    assert Receipt.objects.count() == 1


@with_rows
def test_a_deletion_that_reaches_nothing_personal_writes_none_of_the_app_s_tables():
    category = baker.make(Product).category

    statements = queries(category.delete)

    assert statements
    assert not [each for each in statements if "gdpr_assist" in each]


# -- the preview of a deletion -----------------------------------------------------------------


@with_rows
@pytest.mark.parametrize("of", ["object", "queryset"])
def test_a_preview_changes_nothing(of):
    customer = baker.make(Customer)
    order = baker.make(Order, customer=customer)
    baker.make(Message, recipient=customer)
    collector = NestedObjects(using="default")

    def preview():
        collector.collect([customer] if of == "object" else Customer.objects.all())
        collector.nested()

    with unchanged(Customer, Order, Message):
        statements = queries(preview)

    assert all(each.startswith("SELECT") for each in statements)
    assert collector.nested() == [customer]
    assert not order.is_anonymised()


@with_rows
def test_collecting_a_deletion_does_not_read_the_rows_that_it_will_anonymise():
    customer = baker.make(Customer)
    baker.make(Order, customer=customer)
    baker.make(Message, recipient=customer)

    statements = queries(lambda: Collector(using="default", origin=customer).collect([customer]))

    assert [each for each in statements if "FROM shop_address" in each]
    assert not [each for each in statements if "FROM shop_order" in each]
    assert not [each for each in statements if "FROM shop_message" in each]


@with_rows
def test_a_preview_of_what_is_set_to_a_default_changes_nothing(house):
    company = baker.make(Company, pk=50)
    for model in (Employee, Visitor, Parcel):
        baker.make(model, company=company)
    collector = NestedObjects(using="default")

    with unchanged(Company, Employee, Visitor, Parcel):
        collector.collect([company])

    assert collector.nested() == [company]


# -- all or nothing ----------------------------------------------------------------------------

TABLES = (Customer, Order, OrderLine, Address, Comment, Message, Invoice)


def full_customer():
    customer = baker.make(Customer)
    for model, key in ((Order, "customer"), (Comment, "author"), (Message, "recipient")):
        baker.make(model, **{key: customer})
    baker.make(Address, customer=customer)
    return customer


@with_rows
@pytest.mark.parametrize("way", DELETIONS)
def test_a_protected_target_leaves_everything_as_it_is(way):
    customer = full_customer()
    baker.make(Invoice, customer=customer)

    with unchanged(*TABLES), pytest.raises(ProtectedError), transaction.atomic():
        DELETIONS[way](customer)


@with_rows
def test_a_failure_after_the_anonymising_leaves_everything_as_it_is():
    customer = full_customer()

    def refuse(**kwargs):
        raise RuntimeError("refused")

    before = [rows(model) for model in TABLES]
    with (
        listening(post_delete, refuse, sender=Customer),
        pytest.raises(RuntimeError, match="refused"),
        transaction.atomic(),
    ):
        customer.delete()

    assert [rows(model) for model in TABLES] == before
    assert markers(Order) == markers(Comment) == markers(Message) == []
    assert not Receipt.objects.exists()


@with_rows
def test_a_failed_deletion_can_be_done_again():
    customer = full_customer()
    order = Order.objects.get()

    def refuse(**kwargs):
        raise RuntimeError("refused")

    with (
        listening(pre_anonymise, refuse, sender=Message),
        unchanged(*TABLES),
        pytest.raises(AnonymiseError, match=r"^shop\.Message: a receiver of pre_anonymise raised RuntimeError"),
        transaction.atomic(),
    ):
        customer.delete()
    customer.delete()

    assert_anonymised(order)
    assert Receipt.objects.count() == 1
    assert len(events()) == len(set(events()))


def forget(monkeypatch, model):
    """Make ``model`` one that nobody has registered."""
    left = {each: said for each, said in registry._registrations.items() if each is not model}
    monkeypatch.setattr(registry, "_registrations", left)


@with_rows
def test_rows_of_a_model_that_is_not_registered_keep_their_target(monkeypatch):
    customer = full_customer()
    forget(monkeypatch, Message)

    with (
        unchanged(*TABLES),
        pytest.raises(AnonymiseError, match=r"shop\.Message.*not registered") as caught,
        transaction.atomic(),
    ):
        customer.delete()

    assert str(customer) not in spoken(caught.value)


@with_rows
def test_rows_that_may_not_be_anonymised_lose_their_target_and_nothing_else(monkeypatch, caplog):
    customer = full_customer()
    message, order = Message.objects.get(), Order.objects.get()
    monkeypatch.setattr(registry.declaration(Message).meta, "can_anonymise", False)

    with caplog.at_level("INFO", logger="gdpr_assist"):
        customer.delete()

    assert row(message) == {"id": message.pk, "recipient_id": None, "text": message.text}
    assert_anonymised(order)
    assert markers(Message) == []
    assert "shop.Message: 1 rows whose target is deleted are left as they are" in caplog.text


# -- a child, and the parents that go or stay --------------------------------------------------


@pytest.mark.django_db(transaction=True)
class TestParents:
    """``Plant`` is not registered, its child ``Tree`` is; a houseboat's parents are registered."""

    def restored(self, *instances):
        """Delete as told, then bring the rows back as a backup does, which has no receipt."""
        Receipt.objects.all().delete()
        for instance in instances:
            instance.save_base(raw=True)

    def rerun(self):
        call_command("gdpr_rerun", verbosity=0)

    @pytest.mark.parametrize("keep", [False, True])
    def test_an_unregistered_parent_is_logged_and_replayed_as_it_went(self, keep):
        tree = baker.make(Tree, species="oak", planted_by="Ada")
        plant = Plant.objects.get(pk=tree.pk)
        key = tree.pk
        tree.delete(keep_parents=keep)
        assert Plant.objects.exists() is keep
        parents = [] if keep else [("delete", "shop.Plant", str(key))]
        assert sorted(events()) == sorted([("delete", "shop.Tree", str(key)), *parents])

        tree.pk = tree.plant_ptr_id = tree.id = key
        plant.pk = key
        self.restored(plant, tree)
        assert Tree.objects.count() == 1
        self.rerun()

        assert Tree.objects.count() == 0
        assert Plant.objects.exists() is keep

    @pytest.mark.parametrize("keep", [False, True])
    def test_a_registered_parent_is_replayed_as_it_went(self, keep):
        boat = baker.make(Houseboat, owner="Ada")
        parents = [Boat.objects.get(), Home.objects.get()]
        key, home = boat.pk, boat.home_ptr_id
        boat.delete(keep_parents=keep)
        assert Boat.objects.exists() is Home.objects.exists() is keep

        parents[0].pk, parents[1].pk = key, home
        boat.pk = boat.boat_ptr_id = boat.boat_id = key
        boat.home_ptr_id = boat.home_id = home
        self.restored(*parents, boat)
        self.rerun()

        assert not Houseboat.objects.exists()
        assert Boat.objects.exists() is Home.objects.exists() is keep

    def test_a_parent_alone_is_not_logged(self):
        baker.make(Plant, species="moss")
        tree = baker.make(Tree)
        Plant.objects.filter(species="moss").delete()
        assert events() == []
        Plant.objects.filter(pk=tree.pk).delete()
        assert sorted(event[:2] for event in events()) == [("delete", "shop.Plant"), ("delete", "shop.Tree")]

    def test_many_children_cost_no_more_statements(self):
        baker.make(Tree)
        Tree.objects.all().delete()
        counts = []
        for count in (3, 30):
            baker.make(Tree, _quantity=count)
            counts.append(len(queries(Tree.objects.all().delete)))
        assert counts[0] == counts[1]


@pytest.mark.django_db(transaction=True)
def test_a_replay_lists_what_a_cascade_has_anonymised_and_no_event_names(capsys):
    customer = baker.make(Customer)
    key = customer.pk
    customer.delete()
    Receipt.objects.all().delete()
    customer.pk = key
    customer.save_base(raw=True)
    order = baker.make(Order, customer=customer, recipient="Ada")  # was somebody else's when she was deleted

    call_command("gdpr_rerun")

    assert "Also anonymised by cascade, or as a part of the same object: shop.Order: 1" in capsys.readouterr().out
    assert_anonymised(order)


@pytest.mark.django_db(transaction=True)
class TestSignalsOfOthers:
    def told(self):
        """A package deletes by itself, and then sends Django's signals; return what it is told."""
        customer = baker.make(Customer)
        Customer.all_objects.filter(pk=customer.pk)._raw_delete("default")
        with pytest.raises(EventLogError) as caught:
            post_delete.send(sender=Customer, instance=customer, using="default", origin=None)
        told = str(caught.value)
        assert told.startswith("shop.Customer: ")
        assert "The row may be gone nevertheless" in told
        assert "log it with _log_gdpr_delete()" in told
        assert re.findall(r"nothing was [\w ]+", told, re.IGNORECASE) == ["nothing was rolled back"]
        assert not Receipt.objects.exists()
        return told

    @pytest.mark.parametrize("fault", FAULTS)
    def test_outside_a_transaction_a_log_that_is_down_is_not_said_to_have_saved_the_row(self, fault):
        with log_is(fault):
            assert "the event log could not be written (on the database alias 'gdpr_log')" in self.told()

    def test_nor_is_one_on_which_a_transaction_is_open(self):
        with transaction.atomic(using="gdpr_log"):
            assert "the event log could not be written" in self.told()

    def test_nor_is_an_error_of_the_database(self):
        def full(execute, sql, *args):
            if sql.startswith("INSERT") and Receipt._meta.db_table in sql:
                raise OperationalError("Ada")
            return execute(sql, *args)

        with connection.execute_wrapper(full):
            told = self.told()
        assert "The database default (" in told
        assert "cannot be used (OperationalError)" in told
        assert "Ada" not in told

    def test_outside_a_transaction_the_row_is_logged_by_itself(self):
        customer = baker.make(Customer)
        post_delete.send(sender=Customer, instance=customer, using="default", origin=None)
        assert events() == [("delete", "shop.Customer", str(customer.pk))]
        assert Receipt.objects.count() == 1


# -- receivers ---------------------------------------------------------------------------------


@with_rows
def test_receivers_hear_of_what_a_deletion_anonymises():
    customer = baker.make(Customer)
    orders = baker.make(Order, customer=customer, _quantity=2)
    heard = []

    def note(sender, instance, using, **kwargs):
        heard.append((sender, instance.pk, using))

    with listening(post_anonymise, note, sender=Order):
        customer.delete()

    assert heard == [(Order, order.pk, "default") for order in orders]


@with_rows
def test_a_receiver_may_delete_other_objects_meanwhile():
    customer, friend = baker.make(Customer, _quantity=2)
    order, other = baker.make(Order, customer=customer), baker.make(Order, customer=friend)
    key, friend_key = str(customer.pk), str(friend.pk)

    def delete_friend(instance, **kwargs):
        if instance.pk == order.pk:
            friend.delete()

    with listening(post_anonymise, delete_friend, sender=Order):
        customer.delete()

    assert_anonymised(order)
    assert_anonymised(other)
    assert sorted(events()) == sorted(
        [
            ("anonymise", "shop.Order", str(order.pk)),
            ("anonymise", "shop.Order", str(other.pk)),
            ("delete", "shop.Customer", key),
            ("delete", "shop.Customer", friend_key),
        ]
    )


@with_rows
def test_without_the_app_in_installed_apps_nothing_is_deleted():
    """Then nobody hears that a target is deleted, and rows would be cut loose with all they say."""
    customer = baker.make(Customer)
    baker.make(Order, customer=customer, recipient="Ada")
    assert target_deleted.disconnect(anonymise_related)
    try:
        with (
            unchanged(Customer, Order),
            pytest.raises(AnonymiseError) as caught,
            transaction.atomic(),
        ):
            customer.delete()
    finally:
        target_deleted.connect(anonymise_related)

    assert '"gdpr_assist" is not in INSTALLED_APPS; nothing was deleted.' in str(caught.value)


class Sparing(Collector):
    """Asks for the columns that it needs itself, as Django does where nobody listens to signals."""

    def related_objects(self, related_model, related_fields, objs):
        return super().related_objects(related_model, related_fields, objs).only("pk")


@with_rows
def test_what_is_told_of_a_deleted_target_are_whole_rows():
    customer = baker.make(Customer)
    baker.make(Order, customer=customer, recipient="Ada")
    heard = []

    def note(queryset, **kwargs):
        heard.extend(queryset)

    collector = Sparing(using="default", origin=customer)
    collector.collect([customer])
    with listening(target_deleted, note, sender=Order):
        collector.delete()

    assert [order.get_deferred_fields() for order in heard] == [set()]


# -- migrations --------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_historical_models_do_the_action_and_no_more():
    """tests.apps.migrated deletes the users of drafts in a RunPython."""
    call_command("migrate", "migrated", "0001", verbosity=0)
    try:
        with connection.cursor() as cursor:
            drafting, writing = baker.make(User, _quantity=2)
            cursor.executemany(
                "INSERT INTO migrated_letter (id, signature, body, author_id) VALUES (%s, %s, %s, %s)",
                [(1, "Ada", "", drafting.pk), (2, "Bob", "dear all", writing.pk)],
            )
    finally:
        call_command("migrate", "migrated", verbosity=0)

    assert list(User.objects.all()) == [writing]
    assert list(Letter.objects.order_by("pk").values("signature", "body", "author_id")) == [
        {"signature": "Ada", "body": "", "author_id": None},
        {"signature": "Bob", "body": "dear all", "author_id": writing.pk},
    ]
    assert markers(Letter) == []
    assert events() == []
