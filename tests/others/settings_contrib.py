"""A site with nothing but the apps that the variable CONTRIB names, and their ready declarations."""

import os

from tests.settings import TEMPLATES

__all__ = ["TEMPLATES"]

CONTRIB = os.environ["CONTRIB"].split(",")
# {name in GDPR_CONTRIB: the apps that a site installs for it}
APPS = {
    "admin": ["django.contrib.admin", "django.contrib.messages"],
    "allauth": ["allauth", "allauth.account", "allauth.socialaccount", "allauth.mfa", "allauth.usersessions"],
    "auditlog": ["auditlog"],
    "auth": [],
    "authtoken": ["rest_framework", "rest_framework.authtoken"],
    "axes": ["axes"],
    "django_otp": ["django_otp", "django_otp.plugins.otp_totp", "django_otp.plugins.otp_email"],
    "guardian": ["guardian"],
    "knox": ["rest_framework", "knox"],
    "oauth2_provider": ["oauth2_provider"],
    "pghistory": ["pgtrigger", "pghistory"],
    "reversion": ["reversion"],
    "sessions": ["django.contrib.sessions"],
    "simple_history": ["simple_history"],
    "social_django": ["social_django"],
    "taggit": ["taggit"],
    "wagtail": [
        "modelcluster",
        "taggit",
        "wagtail.contrib.forms",
        "wagtail.contrib.redirects",
        "wagtail.embeds",
        "wagtail.sites",
        "wagtail.users",
        "wagtail.snippets",
        "wagtail.documents",
        "wagtail.images",
        "wagtail.search",
        "wagtail.admin",
        "wagtail",
        "django.contrib.messages",
        "django.contrib.sessions",
        "django.contrib.staticfiles",
    ],
}

DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
    "gdpr_log": {"ENGINE": "django.db.backends.sqlite3", "NAME": "log_of_a_check.sqlite3"},
}
DATABASE_ROUTERS = ["gdpr_assist.routers.EventLogRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = list(
    dict.fromkeys(
        [
            "gdpr_assist",
            "django.contrib.contenttypes",
            "django.contrib.auth",
            *(app for name in CONTRIB for app in APPS[name]),
        ]
    )
)
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    *(["allauth.account.middleware.AccountMiddleware"] if "allauth" in CONTRIB else []),
]
SECRET_KEY = "only for tests"
STATIC_URL = "static/"
USE_TZ = True
WAGTAILADMIN_BASE_URL = "https://example.com"
WAGTAIL_SITE_NAME = "Shop"

GDPR_STRICT = True
GDPR_CONTRIB = CONTRIB
GDPR_TOOL_PERMISSIONS = True
if "wagtail" in CONTRIB:  # as docs/howto/pages_of_wagtail.rst says
    GDPR_NOT_PERSONAL = ["wagtailcore.Page"]
