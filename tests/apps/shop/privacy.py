"""Declarations for models of other apps; AppConfig.ready() imports this module."""

from django.contrib.auth.models import User

import gdpr_assist
from tests.apps.thirdparty.models import Subscriber


class UserPrivacy:
    fields = ["username", "first_name", "last_name", "email"]
    keep = ["password", "last_login", "is_superuser", "is_staff", "is_active", "date_joined"]
    search_fields = ["email", "username"]


class SubscriberPrivacy:
    fields = ["email", "name"]
    keep = ["is_confirmed"]
    search_fields = ["email"]


gdpr_assist.register(User, UserPrivacy)
gdpr_assist.register(Subscriber, SubscriberPrivacy)
