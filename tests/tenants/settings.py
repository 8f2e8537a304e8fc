"""As docs/explanation/event_log.rst says it for a schema for each tenant."""

import os

from tests.settings import database

NAME = os.environ["TENANTS_NAME"]
DATABASES = {
    "default": {**database(NAME), "ENGINE": "django_tenants.postgresql_backend"},
    "gdpr_log": database(f"{NAME}_log"),
}
DATABASE_ROUTERS = ["gdpr_assist.routers.EventLogRouter", "django_tenants.routers.TenantSyncRouter"]
SHARED_APPS = ["django_tenants", "django.contrib.contenttypes", "tests.tenants.clients"]
TENANT_APPS = ["django.contrib.contenttypes", "gdpr_assist", "tests.tenants.hotel"]
INSTALLED_APPS = [*SHARED_APPS, "gdpr_assist", "tests.tenants.hotel"]
TENANT_MODEL = "clients.Client"
TENANT_DOMAIN_MODEL = "clients.Domain"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
GDPR_LOG_DATABASE_NAME = "gdpr_log"
SECRET_KEY = "only for tests"
USE_TZ = True
SILENCED_SYSTEM_CHECKS = ["gdpr_assist.W006"]  # a few guests need no index to be found
