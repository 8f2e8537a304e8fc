"""What a scrub leaves: ``PrivacyMeta.scrub``."""

from contextlib import ExitStack
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import Error
from django.db.models import Q
from django.db.models.functions import Length
from model_bakery import baker

from gdpr_assist import AnonymiseError
from gdpr_assist.checks.leaving import check_E051
from gdpr_assist.declaring.declaration import declare
from gdpr_assist.execution import ranges
from gdpr_assist.registry import registry
from gdpr_assist.scrubbing.preview import described
from gdpr_assist.scrubbing.run import prepare, scrub
from gdpr_assist.scrubbing.telling import Interrupted
from gdpr_assist.scrubbing.verification import failures, verify
from tests.apps.people.models import Account, Circle
from tests.apps.shop.models import (
    Address,
    Comment,
    Customer,
    ExpressOrder,
    ForeignCustomer,
    GiftOrder,
    Order,
    Supplier,
)

from .observing import changed, markers, queries, row, updates

pytestmark = pytest.mark.django_db(transaction=True)

HOUSE = Q(email="house@quill.example")


def customers(*names):
    return [
        Customer.objects.create(name=name, email=f"{name.lower()}@quill.example", country="GB", notes="x")
        for name in names
    ]


def scrubbed(*models, follow=None, **options):
    work = prepare(["default"], only=[each._meta.label for each in models], **options)
    scrub(work, compact=False, **({"follow": follow} if follow else {}))


def names(model=Customer, column="name"):
    return list(model._base_manager.order_by("pk").values_list(column, flat=True))


def plans(*models):
    work = prepare(["default"], only=[each._meta.label for each in models], dry_run=True)
    return [line for line in described(work) if any(each._meta.label in line for each in models)]


def wrong(*models, every=True):
    found = verify(["default"], only=[each._meta.label for each in models])
    return list(failures(found, every=every))


def leaving(condition):
    """Declare customers with this condition."""
    return changed(Customer, scrub=condition)


def a_method(function):
    """Return it as a method of a declaration."""

    def method(self, queryset):
        return function(queryset)

    return method


CONDITIONS = {
    "a column that changes": ~HOUSE,
    "a method": a_method(lambda queryset: queryset.exclude(HOUSE)),
    "a column that stays": ~Q(country="US"),
    "another table": ~Q(comments__posted__year=2001),
    "an expression": Q(~Q(pk__in=Customer.all_objects.filter(country="US").values("pk"))),
    "an annotation": a_method(lambda queryset: queryset.alias(long=Length("country")).exclude(country="US", long=2)),
}


@pytest.fixture(params=CONDITIONS.values(), ids=CONDITIONS)
def house(request):
    """The row that is left, of three."""
    _ada, house, _bob = customers("Ada", "House", "Bob")
    Customer.objects.filter(pk=house.pk).update(country="US")
    baker.make(Comment, author=house, posted="2001-06-01T00:00Z", _quantity=2)
    with leaving(request.param):
        yield house


def test_a_row_that_the_condition_leaves_stays(house):
    before = row(house)
    scrubbed(Customer)
    first, _, last = Customer.all_objects.order_by("pk")
    assert row(house) == before
    assert names() == [str(first.pk), "House", str(last.pk)]
    assert markers(Customer) == sorted([str(first.pk), str(last.pk)])


def test_the_plan_says_how_many_are_left(house):
    (line,) = plans(Customer)
    assert line.startswith("default: shop.Customer: 2 rows, ")
    assert line.endswith("; 1 row left out by scrub")


def test_a_verification_does_not_ask_for_what_is_left(house):
    scrubbed(Customer)
    (found,) = verify(["default"], only=["shop.Customer"]).previews
    assert (found.rows, found.marked, found.left, found.unmarked) == (2, 2, 1, 0)
    assert wrong(Customer) == []
    baker.make(Customer, email="new@quill.example")
    assert wrong(Customer) == ["Not anonymised: 1 of 3 rows of shop.Customer on default. On a copy, run anonymise_db."]


def test_rows_that_were_anonymised_before_are_scrubbed_again_and_those_that_are_left_are_not(house):
    Customer.all_objects.anonymise()
    Customer.all_objects.update(notes="likes engines")
    Customer.all_objects.filter(pk=house.pk).update(email="house@quill.example")
    scrubbed(Customer)
    assert names(column="notes") == ["", "likes engines", ""]


def test_an_erasure_does_not_look_at_it(house):
    house.anonymise()
    assert row(house)["name"] == str(house.pk)
    assert house.is_anonymised()


def test_a_queryset_is_anonymised_whatever_a_scrub_leaves(house):
    Customer.all_objects.filter(pk=house.pk).anonymise()
    assert row(house)["name"] == str(house.pk)


def interrupted_after_one_range():
    """Scrub two customers: the second range fails."""
    seen = []

    def fail(*args, **kwargs):
        seen.append(args)
        if len(seen) == 2:
            raise Error("The network is down.")
        return original(*args, **kwargs)

    original = ranges._anonymise_range
    with mock.patch.object(ranges, "_anonymise_range", fail), pytest.raises(AnonymiseError, match=r"1 of 2 rows"):
        scrubbed(Customer, batch_size=1)


def test_a_run_that_was_interrupted_goes_on_and_leaves_what_it_left(house):
    interrupted_after_one_range()
    (line,) = plans(Customer)
    assert "shop.Customer: 2 rows, " in line
    assert "; 1 row left out by scrub; goes on where the run of " in line
    assert ": 1 of 2 rows are done" in line
    sql = queries(lambda: scrubbed(Customer))
    assert len(updates(sql, Customer)) == 1
    first, _, last = Customer.all_objects.order_by("pk")
    assert names() == [str(first.pk), "House", str(last.pk)]
    assert len(markers(Customer)) == 2
    assert wrong(Customer) == []


def test_a_run_that_goes_on_does_not_do_again_what_is_done():
    """Here all conditions hold still for what is done; without a rule that can tell, it may be filled again."""
    customers("House", "Ada", "Bob")
    with leaving(~HOUSE):
        interrupted_after_one_range()
        with mock.patch.object(ranges, "_forget_refilled"):
            Customer.all_objects.filter(pk=Customer.all_objects.order_by("pk")[1].pk).update(notes="later")
            scrubbed(Customer)
    assert names(column="notes") == ["x", "later", ""]


def test_the_number_of_statements_does_not_grow_with_the_rows():
    customers("House", "Ada")
    with leaving(~HOUSE):
        few = queries(lambda: scrubbed(Customer, batch_size=100))
        customers(*(f"P{number}" for number in range(20)))
        many = queries(lambda: scrubbed(Customer, batch_size=100))
    assert len(many) == len(few)
    assert len(updates(many, Customer)) == 1
    assert names()[0] == "House"


def test_it_costs_one_statement_more_than_a_scrub_of_all_rows():
    """Which marker is the newest."""
    customers("House", "Ada")
    scrubbed(Customer, batch_size=100)
    every = queries(lambda: scrubbed(Customer, batch_size=100))
    with leaving(~HOUSE):
        some = queries(lambda: scrubbed(Customer, batch_size=100))
    assert len(some) - len(every) == 1


def test_what_was_scrubbed_need_not_match_any_more():
    """A check says not to write it so (E051); that of a method nobody can tell."""
    customers("Ada", "Bob")
    with leaving(a_method(lambda queryset: queryset.filter(notes="x"))):
        interrupted_after_one_range()
        (line,) = plans(Customer)
        assert "shop.Customer: 2 rows, " in line
        assert "left out" not in line
        assert ": 1 of 2 rows are done" in line
        scrubbed(Customer)
        assert wrong(Customer) == []
    assert names(column="notes") == ["", ""]
    assert len(markers(Customer)) == 2


def test_row_by_row_and_in_python_too():
    house, comment, other = customers("House")[0], *baker.make(Comment, body="text", _quantity=2)
    Comment.objects.filter(pk=comment.pk).update(author=house)
    with changed(Comment, scrub=~Q(author__country="GB")):
        scrubbed(Comment)
    assert names(Comment, "body") == ["text", "[removed, 4 characters]"]
    for bulk in (False, True):
        Customer.all_objects.update(name="again")
        with changed(Customer, scrub=~Q(pk=house.pk), bulk=bulk):
            customers(f"Ada{bulk}")
            scrubbed(Customer)
        assert names()[0] == "again"
        assert "again" not in names()[1:]
    assert row(other)["body"] == "[removed, 4 characters]"


def test_a_copy_of_a_row_that_is_left_is_scrubbed_unless_it_is_left_itself():
    house, ada = customers("House", "Ada")
    addresses = [baker.make(Address, customer=each, street="Quill Lane") for each in (house, ada)]
    with leaving(~HOUSE):
        with changed(Address, copy_of="customer", scrub=~Q(customer__email="house@quill.example")):
            scrubbed(Customer, Address)
            assert wrong(Customer, Address) == []
        assert names(Address, "street") == ["Quill Lane", str(addresses[1].pk)]
        with changed(Address, copy_of="customer"):
            scrubbed(Customer, Address)
        assert names(Address, "street") == [str(each.pk) for each in addresses]
    assert names()[0] == "House"


class TestOneObject:
    @pytest.fixture
    def orders(self):
        return [
            baker.make(model, recipient=name, email=f"{name.lower()}@quill.example", greeting="Dear")
            if model is GiftOrder
            else baker.make(model, recipient=name, email=f"{name.lower()}@quill.example")
            for model, name in [(Order, "Ada"), (Order, "House"), (GiftOrder, "Bob"), (GiftOrder, "House")]
        ]

    def recipients(self):
        return names(Order, "recipient")

    def test_a_parent_leaves_the_whole(self, orders):
        with changed(Order, scrub=~Q(recipient="House")):
            scrubbed(Order)
            assert wrong(Order) == []
        ada, _, bob, house = orders
        assert self.recipients() == [str(ada.pk), "House", str(bob.pk), "House"]
        assert names(GiftOrder, "greeting") == [str(bob.pk), "Dear"]
        assert markers(GiftOrder) == [str(bob.pk)]
        assert row(house)["greeting"] == "Dear"

    def test_a_child_leaves_the_whole(self, orders):
        with changed(GiftOrder, scrub=~Q(greeting="Dear", order_ptr__recipient="House")):
            scrubbed(Order)
            assert wrong(Order) == []
        ada, other, bob, _ = orders
        assert self.recipients() == [str(ada.pk), str(other.pk), str(bob.pk), "House"]
        assert names(GiftOrder, "greeting") == [str(bob.pk), "Dear"]

    def test_a_child_without_a_declaration_has_that_of_its_parent(self):
        condition = ~Q(recipient="House")
        express = [baker.make(ExpressOrder, recipient=name) for name in ("Ada", "House")]
        with ExitStack() as stack:
            for model in (Order, ExpressOrder):
                stack.enter_context(changed(model, scrub=condition))
            scrubbed(Order)
            assert wrong(Order) == []
        assert self.recipients() == [str(express[0].pk), "House"]

    def test_a_proxy_shares_it(self):
        customers("House", "Ada")
        with leaving(~HOUSE):
            assert registry.declaration(ForeignCustomer).meta.scrub == ~HOUSE
            scrubbed(Customer)
        assert names()[0] == "House"


def test_a_declaration_inherits_it_as_the_rest():
    class Base:
        scrub = ~Q(name="House")
        fields = ["name"]

    class Meta(Base):
        keep = ["since"]

    assert declare(Supplier, Meta).meta.scrub == ~Q(name="House")


def mistakes(condition, model=Customer):
    meta = type(registry.declaration(model).meta)
    declared = declare(model, type("PrivacyMeta", (meta,), {"scrub": condition}))
    return [(each.check, each.message) for each in declared.mistakes if each.check.startswith("E")]


class TestMistakes:
    @pytest.mark.parametrize(
        ("condition", "name", "error"),
        [
            (~Q(nickname="x"), "nickname", "FieldError"),
            (~Q(name__sounds="x"), "name__sounds", "FieldError"),
            (Q(country="GB") & ~Q(comments__nowhere=1), "comments__nowhere", "FieldError"),
            (~Q(pk="secret"), "pk", "ValueError"),
        ],
    )
    def test_what_cannot_be_looked_up(self, condition, name, error):
        assert mistakes(condition) == [
            ("E050", f"shop.Customer: PrivacyMeta.scrub looks at {name}, which cannot be looked up ({error}).")
        ]

    @pytest.mark.parametrize("given", [True, "name", ["name"], {"name": "x"}])
    def test_what_is_no_condition(self, given):
        assert mistakes(given) == [
            ("E050", 'shop.Customer: PrivacyMeta.scrub is no Q object, no method, and not "empty".'),
        ]

    @pytest.mark.parametrize("given", [lambda self: None, lambda self, queryset, using: queryset])
    def test_a_method_that_cannot_be_called(self, given):
        assert mistakes(given) == [
            ("E050", "shop.Customer: PrivacyMeta.scrub cannot be called as a method with (self, queryset)."),
        ]

    def test_a_method_is_not_called_when_it_is_declared(self):
        assert mistakes(lambda self, queryset: 1 / 0) == []

    @pytest.mark.parametrize(
        "given",
        [
            lambda self, queryset: None,
            lambda self, queryset: Address.objects.all(),
            lambda self, queryset: queryset[:1],
            lambda self, queryset: queryset.values("pk"),
            lambda self, queryset: list(queryset),
            lambda self, queryset: queryset.union(queryset),
        ],
    )
    def test_a_method_that_returns_something_else(self, given):
        customers("Ada")
        with leaving(given), pytest.raises(AnonymiseError, match=r"^shop\.Customer: PrivacyMeta\.scrub returned no "):
            scrubbed(Customer)
        assert names() == ["Ada"]

    def test_a_method_that_fails(self):
        customers("Ada")
        with leaving(lambda self, queryset: queryset.filter(name=int("Ada"))), pytest.raises(AnonymiseError) as caught:
            scrubbed(Customer)
        assert str(caught.value).startswith("shop.Customer: PrivacyMeta.scrub raised ValueError (line ")
        assert "Ada" not in str(caught.value)


def test_guardians_account_and_a_superuser_of_ones_own():
    User.objects.create_user("AnonymousUser")
    User.objects.create_superuser("me")
    User.objects.create_user("ada", "ada@quill.example")
    with changed(User, scrub=~Q(username="AnonymousUser") & ~Q(is_superuser=True)):
        scrubbed(User)
    assert names(User, "username")[:2] == ["AnonymousUser", "me"]
    assert "ada" not in names(User, "username")[2]


@pytest.mark.parametrize(
    ("model", "condition", "others", "found"),
    [
        (Customer, ~HOUSE, {}, None),
        (Customer, Q(country="GB"), {}, None),
        (Customer, HOUSE | ~Q(name="x"), {}, ("shop.Customer.email", "next time")),
        (Customer, ~~HOUSE, {}, ("shop.Customer.email", "next time")),
        (Customer, ~Q(HOUSE, ~Q(name="x")), {}, ("shop.Customer.name", "next time")),
        (Customer, ~Q(comments__posted__year=2001), {}, None),
        (Address, ~Q(customer__country="US"), {}, None),
        (Address, ~Q(customer__email="house@quill.example"), {}, ("shop.Customer.email", "in every row")),
        (Address, ~Q(customer__email="house@quill.example"), {Customer: ~HOUSE}, None),
        (Address, Q(customer__email="house@quill.example"), {Customer: ~HOUSE}, ("shop.Customer.email", "next time")),
        (GiftOrder, ~Q(recipient="House"), {}, None),
    ],
)
def test_E051_a_condition_over_what_the_scrub_changes(model, condition, others, found):
    with ExitStack() as stack:
        for each, its in {**others, model: condition}.items():
            stack.enter_context(changed(each, scrub=its))
        messages = check_E051()
    if found is None:
        assert messages == []
        return
    (message,) = messages
    assert message.id == "gdpr_assist.E051"
    assert message.msg.startswith(f"{model._meta.label}: PrivacyMeta.scrub looks at {found[0]}, ")
    assert found[1] in message.msg


def test_links_that_are_cleared_go_in_a_scrub_too_but_those_of_rows_that_stay():
    """Also those of rows that were anonymised, and linked again."""
    ada = Account.objects.create(email="ada@quill.example")
    circles = [Circle.objects.create(motto=motto) for motto in ("gone", "again", "left")]
    with changed(Circle, clear=["members"], scrub=~Q(motto="left")):
        circles[1].anonymise()
        for each in circles:
            each.members.add(ada)
        scrubbed(Circle)
    assert [each.members.count() for each in circles] == [0, 0, 1]


def circles(number):
    ada = Account.objects.create(email="ada@quill.example")
    made = [Circle.objects.create(motto=f"motto {each}") for each in range(number)]
    for each in made:
        each.members.add(ada)
    return made


def through(model, name):
    return model._meta.get_field(name).remote_field.through._meta.db_table


def test_links_go_in_sets_whatever_the_number_of_rows():
    """A statement for a range, which reads no key."""

    def statements(number):
        circles(number)
        seen = queries(lambda: scrubbed(Circle))
        Account.objects.all().delete()
        Circle.objects.all().delete()
        return seen

    with changed(Circle, clear=["members"]):
        _first, few, many = statements(1), statements(2), statements(30)
    assert len(few) == len(many)
    deleting = [each for each in many if each.startswith("DELETE") and through(Circle, "members") in each]
    assert len(deleting) == 1
    assert "SELECT" in deleting[0]


def test_links_of_a_relation_that_leads_both_ways_go_at_both_ends():
    ada, bob, cleo = (Account.objects.create(email=f"{name}@quill.example") for name in ("ada", "bob", "cleo"))
    ada.friends.add(bob, cleo)
    bob.friends.add(cleo)
    with changed(Account, clear=["friends"]):
        ada.anonymise()
        assert (list(ada.friends.all()), list(bob.friends.all())) == ([], [cleo])
        assert Account.friends.through.objects.count() == 2
    bob.friends.add(ada)
    with changed(Account, clear=["friends"], scrub=~Q(pk=cleo.pk)):
        scrubbed(Account)
    assert not Account.friends.through.objects.exists()


def test_a_scrub_that_breaks_off_takes_the_links_of_whole_ranges_and_goes_on():
    made = circles(4)
    with changed(Circle, clear=["members"]):
        steps = []

        def stop(plan, rows, total):
            for done in rows:
                steps.append(done)
                raise KeyboardInterrupt

        with pytest.raises(Interrupted):
            scrubbed(Circle, batch_size=2, follow=stop)
        assert steps == [2]
        assert [each.members.count() for each in made] == [0, 0, 1, 1]
        scrubbed(Circle, batch_size=2)
    assert [each.members.count() for each in made] == [0, 0, 0, 0]
    assert [row(each)["motto"] == f"motto {number}" for number, each in enumerate(made)] == [False] * 4


def test_links_stay_where_the_range_is_rolled_back():
    made = circles(2)
    with (
        changed(Circle, clear=["members"]),
        mock.patch.object(ranges, "insert_markers", side_effect=Error),
        pytest.raises(AnonymiseError),
    ):
        scrubbed(Circle, batch_size=100)
    assert [each.members.count() for each in made] == [1, 1]


def test_the_plan_says_which_links_go():
    circles(1)
    with changed(Circle, clear=["members"]):
        [line] = plans(Circle)
    assert "; fields: motto; links that go: members" in line
    assert not any("links" in line for line in plans(Circle))
