"""A project with Celery, which keeps its results in the database, and what its recipe says."""

from tests.bundles.settings import *  # noqa: F403
from tests.bundles.settings import INSTALLED_APPS, databases, media

DATABASES = databases("tasks")
MEDIA_ROOT = media("tasks")
ROOT_URLCONF = "tests.bundles.tasks.urls"

INSTALLED_APPS = ["gdpr_assist", *INSTALLED_APPS, "django_celery_results", "tests.bundles.tasks"]
