"""A project with apps that keep a history of rows, each in its own way; that of pghistory on PostgreSQL only."""

from tests.bundles.settings import *  # noqa: F403
from tests.bundles.settings import INSTALLED_APPS, MIDDLEWARE, databases, media
from tests.settings import DB

DATABASES = databases("histories")
MEDIA_ROOT = media("histories")
ROOT_URLCONF = "tests.bundles.histories.urls"

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "auditlog",
    "reversion",
    "simple_history",
    *(["pgtrigger", "pghistory"] if DB == "postgresql" else []),
    "tests.bundles.histories.shelf",
    # Behind those that write down what a deleted row held
    "gdpr_assist",
]
MIDDLEWARE = [
    *MIDDLEWARE,
    "auditlog.middleware.AuditlogMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "reversion.middleware.RevisionMiddleware",
    *(["pghistory.middleware.HistoryMiddleware"] if DB == "postgresql" else []),
]

# Their SQL is that of the release that is installed, and in no migration.
PGTRIGGER_MIGRATIONS = False
PGTRIGGER_INSTALL_ON_MIGRATE = True
