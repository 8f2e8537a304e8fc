"""The settings of the tests in a browser, with a queue in the database, for which all work is long."""

import os
from pathlib import Path

from django.conf import global_settings

from tests.browser.settings import *  # noqa: F403
from tests.browser.settings import INSTALLED_APPS
from tests.long_work import QUEUE_APP, SHARED

INSTALLED_APPS = [*INSTALLED_APPS, QUEUE_APP]
STORAGES = {
    **globals().get("STORAGES", global_settings.STORAGES),
    "private": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": Path(os.environ["EXAMPLE_VAR"]) / "exports"},
    },
}
GDPR_TASKS_FROM = 1
globals().update(SHARED)
