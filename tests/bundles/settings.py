"""What the projects of all bundles have in common. A bundle adds its apps, and has databases of its own."""

from tests.settings import DB_NAME, MIDDLEWARE, SCRATCH, TEMPLATES, database

__all__ = [
    "DATABASE_ROUTERS",
    "DEFAULT_AUTO_FIELD",
    "GDPR_CONTRIB",
    "GDPR_STRICT",
    "GDPR_TOOL_PERMISSIONS",
    "INSTALLED_APPS",
    "MEDIA_URL",
    "MIDDLEWARE",
    "PASSWORD_HASHERS",
    "SECRET_KEY",
    "SILENCED_SYSTEM_CHECKS",
    "STATIC_URL",
    "TEMPLATES",
    "USE_TZ",
    "databases",
    "media",
]


def databases(bundle):
    return {
        "default": database(f"{DB_NAME}_bundle_{bundle}"),
        "gdpr_log": database(f"{DB_NAME}_bundle_{bundle}_log"),
    }


def media(bundle):
    return SCRATCH / f"bundle_{bundle}"


DATABASE_ROUTERS = ["gdpr_assist.routers.EventLogRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.admin",
    "django.contrib.sessions",
    "django.contrib.messages",
]
MEDIA_URL = "media/"
# One that is quick: each person logs in by every way, after every way of going.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
SECRET_KEY = "only for tests, and as long as those who sign with it demand"
STATIC_URL = "static/"
USE_TZ = True

# Each key to a person has an answer, or nothing runs.
GDPR_STRICT = True
GDPR_CONTRIB = "__all__"
GDPR_TOOL_PERMISSIONS = True
# Their admins are those of the apps.
SILENCED_SYSTEM_CHECKS = ["gdpr_assist.W006", "gdpr_assist.W036"]
