"""Two people buy in a shop, with an account and as a guest; they review, wish and are written to."""

from datetime import date

from django.contrib.auth import get_user_model
from django.test import Client
from oscar.core.loading import get_model
from oscar.test.factories import CountryFactory, OptionFactory, create_product

from tests.bundles.browsing import post
from tests.bundles.people import PASSWORD, Left

Bankcard, BillingAddress, Notification, Order, Source, SourceType, Transaction, WishList = (
    get_model(*label.split("."))
    for label in (
        "payment.Bankcard",
        "order.BillingAddress",
        "communication.Notification",
        "order.Order",
        "payment.Source",
        "payment.SourceType",
        "payment.Transaction",
        "wishlists.WishList",
    )
)

LEFT = [
    Left(
        "an order and the score of a review stay, of an account that is nobody's any more",
        ["order_order.user_id", "reviews_productreview.user_id"],
    ),
    Left(
        "oscar keeps the basket of a guest when it is ordered, with what was typed for a product: delete old ones",
        ["basket_lineattribute.value"],
    ),
    Left(
        "somebody else shares a list with this address: it is theirs, and listed as uncertain",
        ["wishlists_wishlistsharedemail.email"],
    ),
]
CHANGED = [
    Left("with a list that is gone goes with whom it was shared", ["wishlists_wishlistsharedemail"]),
    Left(
        "votes of who is gone about reviews of others go, as do those about a review that is deleted", ["reviews_vote"]
    ),
]


def fill(gone, stays):
    CountryFactory(iso_3166_1_a2="GB", is_shipping_country=True)
    product, sold_out = create_product(price=10, num_in_stock=100), create_product(price=10, num_in_stock=0)
    engraving = OptionFactory(name="words", code="words", type="text", required=False)
    product.product_class.options.add(engraving)
    clients = {}
    for person in (gone, stays):
        client = clients[person.number] = _sign_up(person)
        _fill_account(person, client, product, sold_out)
        _buy(person, client, product)
        _buy_as_guest(person, product)
        _put_into_basket(person, client, product)
    officer = get_user_model().objects.get(username="officer")
    for person, other in ((gone, stays), (stays, gone)):
        _write_about(person, officer)
        _help(person, clients[other.number], other, product)


def _sign_up(person):
    user = get_user_model().objects.create_user(
        person.username, person.email, PASSWORD, first_name=person.token(), last_name=person.token()
    )
    person.knows["pk"] = user.pk
    client = Client()
    post(
        client,
        "/accounts/login/",
        {"login-username": person.email, "login-password": PASSWORD, "login_submit": "Log In"},
    )
    return client


def _address(person):
    names = ("first_name", "last_name", "line1", "line2", "line3", "line4", "state", "notes")
    phone = person.secret(f"+4420794609{person.number:02}")
    return {**{name: person.token() for name in names}, "postcode": "N1 9RT", "country": "GB", "phone_number": phone}


def _fill_account(person, client, product, sold_out):
    post(client, "/accounts/addresses/add/", _address(person))
    at = product.get_absolute_url()
    client.get(at)
    client.get("/search/", {"q": person.token()})
    post(client, f"{at}reviews/add/", {"title": person.token(), "body": person.token(), "score": 5})
    post(client, f"/accounts/wishlists/add/{product.pk}/")
    post(client, f"/accounts/alerts/create/{sold_out.pk}/")
    Bankcard.objects.create(
        user_id=person.knows["pk"],
        card_type="Visa",
        name=person.token(),
        number="XXXX-XXXX-XXXX-0002",
        expiry_date=date(2030, 1, 1),
        partner_reference=person.token(),
    )


def _put_into_basket(person, client, product):
    post(client, f"/basket/add/{product.pk}/", {"quantity": 1, "words": person.token()})


def _buy(person, client, product):
    _put_into_basket(person, client, product)
    post(client, "/checkout/shipping-address/", _address(person))
    client.get("/checkout/shipping-method/")
    client.get("/checkout/payment-method/")
    post(client, "/checkout/preview/", {"action": "place_order"})


def _buy_as_guest(person, product):
    client = Client()
    _put_into_basket(person, client, product)
    post(client, "/checkout/", {"username": person.email, "options": "anonymous"})
    post(client, "/checkout/shipping-address/", _address(person))
    client.get("/checkout/shipping-method/")
    client.get("/checkout/payment-method/")
    post(client, "/checkout/preview/", {"action": "place_order"})
    form = {"title": person.token(), "body": person.token(), "score": 1, "name": person.token(), "email": person.email}
    post(client, f"{product.get_absolute_url()}reviews/add/", form)


def _write_about(person, officer):
    """What the shop itself has of an order and of a customer."""
    order = Order.objects.get(user_id=person.knows["pk"])
    order.notes.create(user=officer, message=person.token())
    order.billing_address = get_model("order", "BillingAddress").objects.create(
        first_name=person.token(),
        last_name=person.token(),
        line1=person.token(),
        line4=person.token(),
        country_id="GB",
    )
    order.save()
    kind, _ = SourceType.objects.get_or_create(name="Bank")
    source = Source.objects.create(order=order, source_type=kind, reference=person.token(), label=person.token())
    Transaction.objects.create(source=source, txn_type="Debit", amount=10, reference=person.token())
    Notification.objects.create(
        recipient_id=person.knows["pk"], sender=officer, subject=person.token(), body=person.token()
    )


def _help(person, client, other, product):
    """The other one finds a review useful, and shares a list with this one."""
    review = product.reviews.get(user_id=person.knows["pk"])
    post(client, f"{product.get_absolute_url()}reviews/{review.pk}/vote/", {"delta": 1})
    wishes = WishList.objects.get(owner_id=other.knows["pk"])
    wishes.shared_emails.create(email=person.email)
