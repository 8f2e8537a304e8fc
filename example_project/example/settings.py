"""Settings of the example site, fit for a demonstration and for nothing else.

Everything the site writes goes below one git-ignored directory. Environment variables:

``EXAMPLE_VAR``
    where databases, media and exports are kept (default: ``example_project/var/site``)
``EXAMPLE_DATABASE``, ``EXAMPLE_MEDIA``
    another main database and its own uploads, to work on a copy of the site
``GDPR_CAN_ANONYMISE_DATABASE``
    ``1`` lets ``anonymise_db`` run: set it for a copy only, never on the live site
"""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("EXAMPLE_VAR", BASE_DIR / "var" / "site"))
# SQLite makes a missing file, never a missing directory.
VAR_DIR.mkdir(parents=True, exist_ok=True)

DEBUG = True
SECRET_KEY = "a demonstration has no secrets"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]

INSTALLED_APPS = [
    "accounts",
    "shop",
    "forum",
    "newsletter",
    "gdpr_assist",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

ROOT_URLCONF = "example.urls"
WSGI_APPLICATION = "example.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("EXAMPLE_DATABASE", VAR_DIR / "db.sqlite3"),
        "OPTIONS": {"timeout": 20},
    },
    # Never in the same backup as the main database: after a restore it must still know
    # what was erased since.
    "gdpr_log": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": VAR_DIR / "gdpr_log.sqlite3",
        "OPTIONS": {"timeout": 20},
    },
}
DATABASE_ROUTERS = ["gdpr_assist.routers.EventLogRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

GDPR_LOG_DATABASE_NAME = "gdpr_log"
# To search, to export and to erase takes a permission each.
GDPR_TOOL_PERMISSIONS = True
# On PostgreSQL only. The other models declare their indexes; those of auth.User are made by a migration of accounts,
# which the check cannot see.
SILENCED_SYSTEM_CHECKS = ["gdpr_assist.W006"]
# The log of the admin has the text of each object. Accounts, the project declares itself.
GDPR_CONTRIB = ["admin"]
# Made once: gdpr_fakes --locale pl_PL --rows 40 --field first_name last_name name city
GDPR_PSEUDONYMS = BASE_DIR / "pools.json"
GDPR_CAN_ANONYMISE_DATABASE = os.environ.get("GDPR_CAN_ANONYMISE_DATABASE") == "1"

LANGUAGE_CODE = "en-gb"
# Those of gdpr_assist; LocaleMiddleware takes the one that the browser asks for.
LANGUAGES = [
    ("en-gb", "English"),
    ("de", "Deutsch"),
    ("es", "Español"),
    ("fr", "Français"),
    ("it", "Italiano"),
    ("nl", "Nederlands"),
    ("pl", "Polski"),
    ("sv", "Svenska"),
]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
MEDIA_URL = "media/"
MEDIA_ROOT = os.environ.get("EXAMPLE_MEDIA", VAR_DIR / "media")
