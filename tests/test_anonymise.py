"""What a registered model can do: its methods, its managers, and the project's own anonymisers."""

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.hashers import is_password_usable
from django.contrib.auth.models import Group, Permission, User
from django.db.models.signals import post_save
from model_bakery import baker

from gdpr_assist.models import PrivacyMeta
from gdpr_assist.planning.plans import plan
from gdpr_assist.registry import registry
from gdpr_assist.signals import pre_anonymise
from tests.apps.shop.models import AuditEntry, Category, Comment, Customer, Order, Product
from tests.apps.thirdparty.models import Device, Subscriber, Ticket

from .observing import address, keyed, listening, markers, redeclared, row

pytestmark = pytest.mark.django_db


def email(instance):
    return row(instance)["email"]


# -- every door --------------------------------------------------------------------------------


def test_an_object():
    customer = baker.make(Customer)

    result = customer.anonymise()

    assert email(customer) == address(customer)
    assert result.anonymised == 1
    assert customer.is_anonymised()


def test_a_filtered_queryset():
    one, other = baker.make(Customer, _quantity=2)

    Customer.objects.filter(pk=one.pk).exclude(name="nobody").anonymise()

    assert email(one) == address(one)
    assert row(other)["email"] == other.email
    assert (one.is_anonymised(), other.is_anonymised()) == (True, False)


def test_a_manager_with_methods_of_its_own():
    ada, other = baker.make(Customer, name="Ada"), baker.make(Customer)

    Customer.objects.named("Ada").anonymise()

    assert (ada.is_anonymised(), other.is_anonymised()) == (True, False)


def test_a_queryset_method_of_the_model():
    abroad, home = baker.make(Customer, country="IT"), baker.make(Customer, country="")

    Customer.objects.from_abroad().anonymise()

    assert (abroad.is_anonymised(), home.is_anonymised()) == (True, False)


def test_a_manager_anonymises_what_it_shows():
    shown, hidden = baker.make(Customer), baker.make(Customer, is_deleted=True)

    assert Customer.objects.anonymise().anonymised == 1

    assert (shown.is_anonymised(), hidden.is_anonymised()) == (True, False)


def test_every_manager_of_the_model_can():
    shown, hidden = baker.make(Customer), baker.make(Customer, is_deleted=True)

    assert Customer.all_objects.anonymise().anonymised == 2

    assert shown.is_anonymised()
    assert hidden.is_anonymised()


def test_the_anonymisable_manager_has_soft_deleted_rows_too():
    shown, hidden = baker.make(Customer), baker.make(Customer, is_deleted=True)

    assert set(Customer.anonymisable_manager().all()) == {shown, hidden}
    assert Customer.anonymisable_manager().filter(pk=hidden.pk).anonymise().anonymised == 1
    assert Customer.anonymisable_manager().anonymise().anonymised == 1


def test_a_soft_deleted_object():
    hidden = baker.make(Customer, is_deleted=True)

    assert hidden.anonymise().anonymised == 1
    assert email(hidden) == address(hidden)


def test_the_anonymisable_manager_of_another_database():
    there = baker.make(Customer, _using="other", is_deleted=True)

    Customer.anonymisable_manager().using("other").anonymise()

    assert email(there) == address(there)


def test_a_related_manager():
    customer = baker.make(Customer)
    own = baker.make(Order, customer=customer, _quantity=2)
    foreign = baker.make(Order)

    assert customer.orders.anonymise().anonymised == 2

    assert [email(each) for each in own] == [address(each) for each in own]
    assert email(foreign) == foreign.email


def test_a_filtered_related_manager():
    customer = baker.make(Customer)
    large, small = (baker.make(Order, customer=customer, total=total) for total in (90, 10))

    customer.orders.filter(total__gt=50).anonymise()

    assert (large.is_anonymised(), small.is_anonymised()) == (True, False)


def test_a_related_manager_of_many_to_many():
    product = baker.make(Product)
    admirer, other = baker.make(Customer, _quantity=2)
    admirer.favourites.add(product)

    assert product.admirers.anonymise().anonymised == 1

    assert (admirer.is_anonymised(), other.is_anonymised()) == (True, False)
    assert list(admirer.favourites.all()) == [product]


def test_the_manager_of_a_model_that_was_registered_from_elsewhere():
    subscriber = baker.make(Subscriber, is_confirmed=True)

    Subscriber.objects.confirmed().anonymise()

    assert email(subscriber) == address(subscriber)


def test_the_manager_that_was_named():
    ticket = baker.make(Ticket)

    assert not hasattr(Ticket.objects.all(), "anonymise")
    Ticket.privacy.filter(status="open").anonymise()

    assert row(ticket)["reporter"] == f"{ticket.pk}@anon.example.com"


def test_from_asynchronous_code():
    first, second, third = baker.make(Customer, _quantity=3)

    assert async_to_sync(first.aanonymise)().anonymised == 1
    assert async_to_sync(Customer.objects.filter(pk=second.pk).aanonymise)().anonymised == 1
    assert async_to_sync(Customer.objects.aanonymise)().anonymised == 1
    assert async_to_sync(third.aanonymise)(force=True).anonymised == 1

    for each in (first, second, third):
        assert email(each) == address(each)


def test_check_can_anonymise():
    assert Customer.check_can_anonymise() is True
    assert AuditEntry.check_can_anonymise() is False


def test_get_privacy_meta():
    meta = Customer.get_privacy_meta()

    assert isinstance(meta, PrivacyMeta)
    assert meta.search_fields == ["email", "name__icontains"]
    assert Customer._privacy_meta is meta


def test_templates_cannot_anonymise():
    """Django calls what it finds in a template, unless it alters data."""
    for found in (Customer, Customer.objects, Customer.objects.all(), Customer.anonymisable_manager()):
        assert found.anonymise.alters_data
        assert found.aanonymise.alters_data


# -- anonymisers of the project ----------------------------------------------------------------


def test_an_anonymiser_may_return_the_value_or_set_it():
    comment = baker.make(Comment, body="12345")

    comment.anonymise()

    assert comment.display_name == row(comment)["display_name"] == "Anonymous user"
    assert comment.body == row(comment)["body"] == "[removed, 5 characters]"


@pytest.fixture(params=["object", "mixed", "rows"])
def anonymise(request):
    """Anonymise the one row of a model in each of the ways."""

    def receiver(**kwargs):
        pass

    def run(model):
        if request.param == "object":
            model.objects.get().anonymise()
        elif request.param == "mixed":
            model.objects.anonymise()
        else:
            with listening(pre_anonymise, receiver, sender=model):
                model.objects.anonymise()

    return run


def test_an_anonymiser_may_set_another_column_too(anonymise):
    class ProductPrivacy:
        fields = ["name"]
        keep = ["category"]

        def anonymise_name(self, instance):
            instance.category = discontinued
            return "something"

    discontinued = baker.make(Category)
    product = baker.make(Product)
    with registry.registered(Product, ProductPrivacy):
        anonymise(Product)

    assert row(product) == {
        "id": product.pk,
        "name": "something",
        "category_id": discontinued.pk,
    }


def test_an_anonymiser_sees_the_row_before_the_rules_have_changed_it(anonymise):
    class DevicePrivacy:
        fields = ["address", "owner"]

        def anonymise_owner(self, instance):
            return f"owner of {instance.address}"

    device = baker.make(Device, address="192.0.2.1")
    with registry.registered(Device, DevicePrivacy):
        anonymise(Device)

    assert row(device) == {
        "id": device.pk,
        "owner": "owner of 192.0.2.1",
        "address": "0.0.0.0",
    }


def test_a_rule_has_the_last_word_on_its_own_column(anonymise):
    class DevicePrivacy:
        fields = ["owner", "address"]

        def anonymise_owner(self, instance):
            instance.address = "192.0.2.99"
            return "nobody"

    device = baker.make(Device)
    with registry.registered(Device, DevicePrivacy):
        anonymise(Device)

    assert row(device) == {"id": device.pk, "owner": "nobody", "address": "0.0.0.0"}


@pytest.mark.parametrize("as_key", [True, False])
def test_an_anonymiser_of_a_foreign_key_may_give_the_object_or_its_key(anonymise, as_key):
    class ProductPrivacy:
        fields = ["category"]
        keep = ["name"]

        def anonymise_category(self, instance):
            return neutral.pk if as_key else neutral

    neutral = baker.make(Category)
    product = baker.make(Product)
    with registry.registered(Product, ProductPrivacy):
        anonymise(Product)

    assert row(product)["category_id"] == neutral.pk


def test_an_anonymiser_may_empty_a_many_to_many_field(anonymise):
    class GroupPrivacy:
        fields = ["name", "permissions"]

        def anonymise_permissions(self, instance):
            instance.permissions.clear()

    group = baker.make(Group)
    group.permissions.add(Permission.objects.first())
    with registry.registered(Group, GroupPrivacy):
        anonymise(Group)

    assert row(group)["name"] == keyed(group)
    assert not group.permissions.exists()


def test_reading_a_deferred_column_is_not_changing_it():
    class ProductPrivacy:
        fields = ["name"]
        keep = ["category"]

        def anonymise_name(self, instance):
            return f"product of category {instance.category_id}"

    saved = []

    def note(update_fields, **kwargs):
        saved.append(update_fields)

    baker.make(Product)
    with (
        registry.registered(Product, ProductPrivacy),
        listening(post_save, note, sender=Product),
    ):
        Product.objects.only("name").get().anonymise()

    assert saved == [frozenset(["name"])]


def test_an_anonymiser_belongs_to_an_instance_that_knows_its_model():
    class CategoryPrivacy:
        fields = ["name"]
        new_name = "nothing"

        def anonymise_name(self, instance):
            return f"{self.new_name} in {self.model._meta.label}"

    category = baker.make(Category)
    with registry.registered(Category, CategoryPrivacy):
        category.anonymise()

    assert category.name == "nothing in shop.Category"


def test_what_was_marked_stays_marked_when_it_is_done_by_force():
    comment = baker.make(Comment, body="12345")
    comment.anonymise()

    comment.anonymise(force=True)

    assert comment.body == "[removed, 23 characters]"  # the length of what the first left
    assert markers(Comment) == [str(comment.pk)]


# -- the password of a user --------------------------------------------------------------------


class Locked:
    """As docs/howto/third_party_models.rst has it."""

    fields = ["username", "first_name", "last_name", "email", "password", "last_login"]
    fields += ["is_active", "is_staff", "is_superuser"]
    keep = ["date_joined"]


@pytest.fixture
def superuser(db):
    return User.objects.create_superuser("ada", "ada@example.com", "correct horse")


@pytest.mark.parametrize("door", ["object", "queryset"])
def test_an_anonymised_superuser_is_locked_out_and_logged_out(superuser, door, client):
    client.force_login(superuser)
    assert client.get("/admin/").status_code == 200

    with redeclared(User, Locked):
        assert {change.in_sql for change in registry.declaration(User).changes} == {True}
        (superuser if door == "object" else User.objects).anonymise()

    user = User.objects.get()
    assert not user.has_usable_password()
    assert not is_password_usable(user.password)
    assert (user.is_active, user.is_staff, user.is_superuser) == (False, False, False)
    assert client.get("/admin/").status_code == 302
    assert not client.login(username=user.username, password="correct horse")
    assert list(PasswordResetForm().get_users("ada@example.com")) == []
    assert list(PasswordResetForm().get_users(user.email)) == []


def test_unusable_passwords_differ_from_row_to_row(db):
    for name in ("ada", "bob", "eve"):
        User.objects.create_user(name, password="correct horse")
    with redeclared(User, Locked):
        User.objects.anonymise()
    found = [user.password for user in User.objects.all()]
    assert len(set(found)) == 3
    assert {password[0] for password in found} == {"!"}


@pytest.mark.parametrize("door", ["object", "queryset"])
@pytest.mark.parametrize("length", [1, 20, 33, 40, None])
def test_an_unusable_password_is_as_long_as_its_column(superuser, door, length, monkeypatch):
    monkeypatch.setattr(User._meta.get_field("password"), "max_length", length)
    with redeclared(User, Locked):
        (superuser if door == "object" else User.objects).anonymise()
        assert plan(User.objects.all()).refilled().count() == 0

    user = User.objects.get()
    assert len(user.password) in ([length] if length in (1, 20, 33) else range(33, (length or 41) + 1))
    assert not is_password_usable(user.password)
    assert not user.check_password(user.password)


def test_a_bare_declaration_of_users_leaves_no_usable_password(superuser):
    with redeclared(User, type("Meta", (), {"fields": "__all__"})):
        superuser.anonymise()
        assert not User.objects.get().has_usable_password()
        assert plan(User.objects.all()).refilled().count() == 0

        user = User.objects.get()
        user.set_password("again")
        user.save()
        assert plan(User.objects.all()).refilled().count() == 1
