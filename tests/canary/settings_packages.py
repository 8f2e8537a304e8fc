"""A project with packages that keep data of people: allauth, simple-history, axes, and tokens of REST framework."""

from tests.settings import DB_NAME, MIDDLEWARE, SCRATCH, TEMPLATES, database  # noqa: F401

DATABASES = {
    "default": database(f"{DB_NAME}_canary_packages"),
    "letters": database(f"{DB_NAME}_canary_packages_letters"),
    "gdpr_log": database(f"{DB_NAME}_canary_packages_log"),
}
DATABASE_ROUTERS = ["gdpr_assist.routers.EventLogRouter", "tests.canary.kiosk.routers.LettersRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "gdpr_assist",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.admin",
    "django.contrib.sessions",
    "django.contrib.messages",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.usersessions",
    "axes",
    "rest_framework",
    "rest_framework.authtoken",
    "simple_history",
    "tests.canary.kiosk",
]
MIDDLEWARE = [
    *MIDDLEWARE,
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesBackend", "django.contrib.auth.backends.ModelBackend"]
ROOT_URLCONF = "tests.site.urls"
SECRET_KEY = "only for tests"
STATIC_URL = "static/"
MEDIA_ROOT = SCRATCH / "canary_packages"
USE_TZ = True

# Two accounts may have one address, and it is certain to be nobody's.
ACCOUNT_UNIQUE_EMAIL = False

# Each key to a person has an answer, or nothing runs.
GDPR_STRICT = True
GDPR_CONTRIB = "__all__"
# Nobody opens its admin.
GDPR_TOOL_PERMISSIONS = True
SILENCED_SYSTEM_CHECKS = ["gdpr_assist.W006", "gdpr_assist.W036"]
