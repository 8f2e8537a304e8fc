"""A project with django-oscar, and what its recipe says."""

import oscar
from oscar.defaults import *  # noqa: F403

from tests.bundles.settings import *  # noqa: F403
from tests.bundles.settings import INSTALLED_APPS, MIDDLEWARE, TEMPLATES, databases, media

DATABASES = databases("shop")
MEDIA_ROOT = media("shop")
ROOT_URLCONF = "tests.bundles.shop.urls"

INSTALLED_APPS = [
    "gdpr_assist",
    *INSTALLED_APPS,
    *[app for app in oscar.INSTALLED_APPS if app not in INSTALLED_APPS],
    "tests.bundles.shop",
]
MIDDLEWARE = [
    *MIDDLEWARE,
    "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
    "oscar.apps.basket.middleware.BasketMiddleware",
]
(TEMPLATE,) = TEMPLATES
PROCESSORS = [
    *TEMPLATE["OPTIONS"]["context_processors"],
    "oscar.apps.search.context_processors.search_form",
    "oscar.apps.checkout.context_processors.checkout",
    "oscar.apps.communication.notifications.context_processors.notifications",
    "oscar.core.context_processors.metadata",
]
TEMPLATES = [{**TEMPLATE, "OPTIONS": {"context_processors": PROCESSORS}}]
AUTHENTICATION_BACKENDS = [
    "oscar.apps.customer.auth_backends.EmailBackend",
    "django.contrib.auth.backends.ModelBackend",
]
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
OSCAR_ALLOW_ANON_CHECKOUT = OSCAR_ALLOW_GUEST_CHECKOUT_WITH_ACCOUNT = True
SITE_ID = 1

# What the recipe says of settings
GDPR_NOT_PERSONAL = [
    "basket.Line",
    "catalogue.ProductAttributeValue",
    "communication.CommunicationEventType",
    "order.CommunicationEvent",
    "order.Line",
    "order.LinePrice",
    "order.OrderDiscount",
    "order.OrderStatusChange",
    "order.PaymentEvent",
    "order.ShippingEventQuantity",
    "order.Surcharge",
    "partner.Partner",
    "partner.PartnerAddress",
    "wishlists.Line",
]
# It has products alone.
GDPR_QUIET_RECEIVERS = ["haystack.signals.BaseSignalProcessor.handle_save"]
