"""The recipe for django-oscar 4.2, which docs/howto/recipes shows from here on."""

from django.contrib.auth.models import User
from django.dispatch import receiver
from oscar.core.loading import get_model

import gdpr_assist
from gdpr_assist.contrib import auth
from gdpr_assist.signals import rows_anonymised


class UserPrivacy(auth.UserPrivacy):
    # Only if nobody can have an account with an address that is not theirs
    identifiers = {**auth.UserPrivacy.identifiers, "email": gdpr_assist.Identifier("email", verified=True)}


@gdpr_assist.rule("oscar.models.fields.UppercaseCharField", "oscar.models.fields.NullCharField")
def nothing(field):
    return None if field.null else ""


class OrderPrivacy:
    """What was sold, when and for how much stays."""

    fields = ["guest_email"]
    keep = [
        "number",
        "site",
        "basket",
        "user",
        "billing_address",
        "currency",
        "total_incl_tax",
        "total_excl_tax",
        "shipping_incl_tax",
        "shipping_excl_tax",
        "shipping_tax_code",
        "shipping_address",
        "shipping_method",
        "shipping_code",
        "status",
        "date_placed",
        "analytics_tracked",
    ]
    subject = "user"
    identifiers = {"email": "guest_email"}
    actors = ["basket"]
    search_fields = ["number", "guest_email"]


class AddressPrivacy:
    # If the law has you keep an invoice: on_erasure = gdpr_assist.Keep("tax")
    fields = "__all__"
    keep = ["country"]
    subject = "order"
    search_fields = ["last_name", "postcode"]


class UserAddressPrivacy:
    fields = "__all__"
    keep = [
        "user",
        "country",
        "is_default_for_shipping",
        "is_default_for_billing",
        "num_orders_as_shipping_address",
        "num_orders_as_billing_address",
        "date_created",
    ]
    subject = "user"
    on_erasure = "delete"


class OrderNotePrivacy:
    fields = ["message"]
    keep = ["order", "user", "note_type", "date_created", "date_updated"]
    subject = "order"
    actors = ["user"]


class LineAttributePrivacy:
    """What somebody has typed for a product, as the words of an engraving."""

    fields = ["value"]
    keep = ["line", "option", "type"]
    subject = "line__order"


class ShippingEventPrivacy:
    fields = ["notes"]
    keep = ["order", "event_type", "date_created"]
    subject = "order"


class SourcePrivacy:
    fields = ["reference", "label"]
    keep = ["order", "source_type", "currency", "amount_allocated", "amount_debited", "amount_refunded"]
    subject = "order"


class TransactionPrivacy:
    fields = ["reference"]
    keep = ["source", "txn_type", "amount", "status", "date_created"]
    subject = "source"


class BankcardPrivacy:
    fields = "__all__"
    keep = ["user"]
    subject = "user"
    on_erasure = "delete"


class BasketPrivacy:
    """Goes with its lines; an order has lines of its own."""

    fields = []
    keep = ["owner", "status", "date_created", "date_merged", "date_submitted"]
    subject = "owner"
    on_erasure = "delete"


class BasketLineAttributePrivacy:
    fields = ["value"]
    keep = ["line", "option"]
    subject = "line__basket"
    on_erasure = "delete"


class WishListPrivacy:
    fields = ["name"]
    keep = ["owner", "key", "visibility", "date_created"]
    subject = "owner"
    on_erasure = "delete"


class SharedEmailPrivacy:
    """With whom somebody shares a list."""

    fields = ["email"]
    keep = ["wishlist"]
    subject = "wishlist"
    identifiers = {"email": "email"}
    on_erasure = "delete"


class ReviewPrivacy:
    """The score stays."""

    fields = ["title", "body", "name", "email", "homepage"]
    keep = ["product", "score", "user", "status", "code", "total_votes", "delta_votes", "date_created"]
    subject = "user"
    identifiers = {"email": "email"}
    search_fields = ["name", "email"]


class OfTheUserPrivacy:
    """Goes with the account."""

    fields = []
    subject = "user"
    on_erasure = "delete"


class VotePrivacy(OfTheUserPrivacy):
    keep = ["user", "review", "delta", "date_created"]
    actors = ["review"]


class EmailPrivacy(OfTheUserPrivacy):
    """What the shop has sent; to a guest too."""

    fields = ["email", "subject", "body_text", "body_html"]
    keep = ["user", "date_sent"]
    identifiers = {"email": "email"}


class NotificationPrivacy(OfTheUserPrivacy):
    fields = ["subject", "body"]
    keep = ["recipient", "sender", "location", "date_sent", "date_read"]
    subject = "recipient"
    actors = ["sender"]


class ProductAlertPrivacy(OfTheUserPrivacy):
    fields = ["email", "key"]
    keep = ["user", "product", "status", "date_created", "date_confirmed", "date_cancelled", "date_closed"]
    identifiers = {"email": "email"}


class UserRecordPrivacy(OfTheUserPrivacy):
    keep = [
        "user",
        "num_product_views",
        "num_basket_additions",
        "num_orders",
        "num_order_lines",
        "num_order_items",
        "total_spent",
        "date_last_order",
    ]


class ProductViewPrivacy(OfTheUserPrivacy):
    keep = ["user", "product", "date_created"]


class SearchPrivacy(OfTheUserPrivacy):
    fields = ["query"]
    keep = ["user", "date_created"]


class VoucherApplicationPrivacy:
    """How often it was used has to stay."""

    fields = []
    keep = ["voucher", "user", "order", "date_created"]
    actors = ["user", "order"]


class UploadPrivacy:
    fields = ["filepath"]
    keep = [
        "range",
        "size",
        "uploaded_by",
        "date_uploaded",
        "upload_type",
        "status",
        "error_message",
        "date_processed",
        "num_new_skus",
        "num_unknown_skus",
        "num_duplicate_skus",
    ]
    actors = ["uploaded_by"]


gdpr_assist.register(User, UserPrivacy)
for label, privacy in {
    "address.UserAddress": UserAddressPrivacy,
    "analytics.UserProductView": ProductViewPrivacy,
    "analytics.UserRecord": UserRecordPrivacy,
    "analytics.UserSearch": SearchPrivacy,
    "basket.Basket": BasketPrivacy,
    "basket.LineAttribute": BasketLineAttributePrivacy,
    "communication.Email": EmailPrivacy,
    "communication.Notification": NotificationPrivacy,
    "customer.ProductAlert": ProductAlertPrivacy,
    "offer.RangeProductFileUpload": UploadPrivacy,
    "order.BillingAddress": AddressPrivacy,
    "order.LineAttribute": LineAttributePrivacy,
    "order.Order": OrderPrivacy,
    "order.OrderNote": OrderNotePrivacy,
    "order.ShippingAddress": AddressPrivacy,
    "order.ShippingEvent": ShippingEventPrivacy,
    "payment.Bankcard": BankcardPrivacy,
    "payment.Source": SourcePrivacy,
    "payment.Transaction": TransactionPrivacy,
    "reviews.ProductReview": ReviewPrivacy,
    "reviews.Vote": VotePrivacy,
    "voucher.VoucherApplication": VoucherApplicationPrivacy,
    "wishlists.WishList": WishListPrivacy,
    "wishlists.WishListSharedEmail": SharedEmailPrivacy,
}.items():
    gdpr_assist.register(get_model(*label.split(".")), privacy)


@receiver(rows_anonymised, sender=get_model("order", "Order"))
def erase_addresses(keys, using, **kwargs):
    """Those of a guest too: nothing but the order knows whose they are."""
    for name in ("BillingAddress", "ShippingAddress"):
        get_model("order", name).objects.using(using).filter(order__in=keys).anonymise()
