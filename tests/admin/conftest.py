"""Users with just the permissions that a test names, and the rows that most tests look for."""

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from tests.apps.shop.models import AuditEntry, Customer, Order

# All pages below are under the second site of tests.admin.urls.
TOOL = "/shop/gdpr_assist/personaldata/"
OPERATIONS = "/shop/gdpr_assist/operation/"
CUSTOMERS = "/shop/shop/customer/"


@pytest.fixture(autouse=True)
def _urls(settings):
    settings.ROOT_URLCONF = "tests.admin.urls"


@pytest.fixture
def log_in(client, db):
    """Log in a member of staff with the named permissions (``view_customer``, ``shop.view_customer``); return the
    client.
    """

    def log_in(*codenames, **attributes):
        user = User.objects.create_user("staff", **{"is_staff": True, **attributes})
        for name in codenames:
            app, _dot, codename = name.rpartition(".")
            apps = {"content_type__app_label": app} if app else {}
            user.user_permissions.add(Permission.objects.get(codename=codename, **apps))
        client.force_login(user)
        return client

    return log_in


@pytest.fixture
def officer(log_in):
    """A client of somebody who may do everything."""
    return log_in(is_superuser=True)


@pytest.fixture
def ada(db):
    return Customer.objects.create(name="Ada Lovelace", email="ada@example.org", phone="0123")


@pytest.fixture
def ada_order(ada):
    return Order.objects.create(customer=ada, recipient="Ada Lovelace", email="ada@example.org", placed=timezone.now())


@pytest.fixture
def ada_audit(db):
    return AuditEntry.objects.create(actor="ada@example.org", action="log in")
