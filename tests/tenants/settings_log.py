"""The same without tenants, by which the log is migrated."""

from tests.tenants.settings import *  # noqa: F403
from tests.tenants.settings import DATABASES

INSTALLED_APPS = ["django.contrib.contenttypes", "gdpr_assist"]
DATABASES["default"] = {**DATABASES["default"], "ENGINE": "django.db.backends.postgresql"}
DATABASE_ROUTERS = ["gdpr_assist.routers.EventLogRouter"]
