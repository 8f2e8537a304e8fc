"""Settings of the test suite. The environment variable DB chooses the databases' engine."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

DB = os.environ.get("DB", "sqlite")
# Two runs at once on one server need different names.
DB_NAME = os.environ.get("DB_NAME", "gdpr_assist")


def scratch_directory() -> Path:
    """Return a directory for this run, the same in every process that the run starts."""
    if "TEST_SCRATCH" not in os.environ:
        # In memory where there is such a directory: waiting for a disk would take most of the time.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        os.environ["TEST_SCRATCH"] = tempfile.mkdtemp(prefix="gdpr_assist-", dir=memory)
        atexit.register(shutil.rmtree, os.environ["TEST_SCRATCH"], ignore_errors=True)
    return Path(os.environ["TEST_SCRATCH"])


def database(name: str) -> dict[str, object]:
    if DB == "postgresql":
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": name,
            "HOST": os.environ.get("PGHOST", "127.0.0.1"),
            "PORT": os.environ.get("PGPORT", "5432"),
            "USER": os.environ.get("PGUSER", "postgres"),
            "PASSWORD": os.environ.get("PGPASSWORD", ""),
            # What a test commits need not outlive the server.
            "OPTIONS": {"options": "-c synchronous_commit=off"},
        }
    if DB == "mariadb":
        return {
            "ENGINE": "django.db.backends.mysql",
            "NAME": name,
            "HOST": os.environ.get("MYSQL_HOST", "127.0.0.1"),
            "PORT": os.environ.get("MYSQL_TCP_PORT", "3306"),
            "USER": os.environ.get("MYSQL_USER", "root"),
            "PASSWORD": os.environ.get("MYSQL_PWD", ""),
            "OPTIONS": {"charset": "utf8mb4"},
            "TEST": {"CHARSET": "utf8mb4"},
        }
    if DB == "sqlite":
        # Files, not memory: tests use threads, second processes and copies of the database.
        path = SCRATCH / f"{name}.sqlite3"
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": path,
            "TEST": {"NAME": str(path.with_name(f"test_{path.name}"))},
        }
    raise ValueError(f"DB={DB}: expected sqlite, postgresql or mariadb")


SCRATCH = scratch_directory()

DATABASES = {
    "default": database(DB_NAME),
    "other": database(f"{DB_NAME}_other"),
    "gdpr_log": database(f"{DB_NAME}_log"),
}
DATABASE_ROUTERS = ["gdpr_assist.routers.EventLogRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    # Its models are loaded before gdpr_assist's own.
    "tests.apps.early",
    "gdpr_assist",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.admin",
    "django.contrib.sessions",
    "django.contrib.messages",
    "tests.apps.fields",
    "tests.apps.migrated",
    "tests.apps.own",
    "tests.apps.people",
    "tests.apps.shop",
    "tests.apps.thirdparty",
]
# Some columns are too short, or have choices, so that tests can see what becomes of them. Most models say nothing of
# people.
GDPR_NOT_PERSONAL = ["people.Counter", "fields.CompositeKey", "thirdparty.Device"]
SILENCED_SYSTEM_CHECKS = ["gdpr_assist.W014", "gdpr_assist.W015", "gdpr_assist.W029", "gdpr_assist.W034"]
SILENCED_SYSTEM_CHECKS += ["gdpr_assist.W037"]
if DB == "postgresql":
    INSTALLED_APPS += ["django.contrib.postgres", "tests.apps.postgres"]
    # Django 4.2 says of the CI fields that 5.1 has none. And tables of a few rows need no indexes to be searched.
    SILENCED_SYSTEM_CHECKS += ["fields.W905", "fields.W906", "fields.W907", "gdpr_assist.W006"]

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

ROOT_URLCONF = "tests.site.urls"
SECRET_KEY = "only for tests"
STATIC_URL = "static/"
MEDIA_ROOT = SCRATCH / "media"
MEDIA_URL = "media/"
USE_TZ = True
# Hashing with the default hasher would take most of the time of the tests that log in.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

GDPR_CAN_ANONYMISE_DATABASE = False
