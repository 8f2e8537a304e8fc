"""Declares by hand what the packages keep of people."""

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.socialaccount.models import SocialAccount, SocialToken
from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db.models import F, Q
from rest_framework.authtoken.models import Token

import gdpr_assist

from .models import HistoricalOrder, HistoricalUser

ACCOUNT = ["username", "first_name", "last_name", "email", "password", "last_login"]
FLAGS = ["is_active", "is_staff", "is_superuser"]
ACCESS = ["user_agent", "ip_address", "username", "http_accept", "path_info"]
HISTORY = ["history_id", "history_date", "history_type", "history_user"]


class UserPrivacy:
    fields = [*ACCOUNT, *FLAGS]
    keep = ["date_joined"]
    subject = "self"
    identifiers = {
        "email": gdpr_assist.Identifier(
            "email", verified=Q(emailaddress__email=F("email"), emailaddress__verified=True)
        ),
        "username": gdpr_assist.Identifier("username", verified=True),
    }


class HistoricalUserPrivacy:
    fields = [*ACCOUNT, *FLAGS, "history_change_reason"]
    keep = ["id", "date_joined", "history_relation", *HISTORY]
    subject = "history_relation"
    identifiers = {}
    actors = ["history_user"]


class HistoricalOrderPrivacy:
    fields = ["email", "phone", "recipient", "note", "invoice_name", "history_change_reason"]
    keep = ["id", "number", "customer", "packed_by", *HISTORY]
    subject = "customer"
    identifiers = {"email": "email", "phone": "phone"}
    actors = ["packed_by", "history_user"]
    on_erasure = {"invoice_name": gdpr_assist.Keep("tax")}


class EmailAddressPrivacy:
    fields = ["email"]
    keep = ["user", "verified", "primary"]
    subject = "user"
    identifiers = {"email": "email"}
    on_erasure = "delete"


class EmailConfirmationPrivacy:
    fields = ["key"]
    keep = ["email_address", "created", "sent"]
    subject = "email_address"
    on_erasure = "delete"


class SocialAccountPrivacy:
    fields = ["uid", "extra_data"]
    keep = ["user", "provider", "last_login", "date_joined"]
    subject = "user"
    on_erasure = "delete"


class SocialTokenPrivacy:
    fields = ["token", "token_secret"]
    keep = ["app", "account", "expires_at"]
    subject = "account"
    on_erasure = "delete"


class UserSessionPrivacy:
    fields = ["ip", "session_key", "user_agent", "data"]
    keep = ["user", "created_at", "last_seen_at"]
    subject = "user"
    identifiers = {"session": "session_key"}
    on_erasure = "delete"


class SessionPrivacy:
    fields = ["session_data"]
    keep = ["session_key", "expire_date"]
    identifiers = {"session": "session_key"}
    on_erasure = "delete"


class TokenPrivacy:
    fields = []
    keep = ["key", "user", "created"]
    subject = "user"
    on_erasure = "delete"


class AccessPrivacy:
    identifiers = {"username": "username"}


class AccessLogPrivacy(AccessPrivacy):
    fields = [*ACCESS, "session_hash"]
    keep = ["attempt_time", "logout_time"]


class AccessFailurePrivacy(AccessPrivacy):
    fields = ACCESS
    keep = ["attempt_time", "locked_out"]


class AccessAttemptPrivacy(AccessPrivacy):
    fields = [*ACCESS, "get_data", "post_data"]
    keep = ["attempt_time", "failures_since_start"]
    on_erasure = "delete"


gdpr_assist.register(User, UserPrivacy)
gdpr_assist.register(HistoricalUser, HistoricalUserPrivacy)
gdpr_assist.register(HistoricalOrder, HistoricalOrderPrivacy)
gdpr_assist.register(EmailAddress, EmailAddressPrivacy)
gdpr_assist.register(EmailConfirmation, EmailConfirmationPrivacy)
gdpr_assist.register(SocialAccount, SocialAccountPrivacy)
gdpr_assist.register(SocialToken, SocialTokenPrivacy)
gdpr_assist.register(UserSession, UserSessionPrivacy)
gdpr_assist.register(Session, SessionPrivacy)
gdpr_assist.register(Token, TokenPrivacy)
gdpr_assist.register(AccessLog, AccessLogPrivacy)
gdpr_assist.register(AccessFailureLog, AccessFailurePrivacy)
gdpr_assist.register(AccessAttempt, AccessAttemptPrivacy)
