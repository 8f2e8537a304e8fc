"""Settings of the worker: those of the tests, on the databases that the tests have made."""

import json
import os

from django.conf import global_settings

from tests.long_work import QUEUE_APP, SHARED
from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS

given = json.loads(os.environ["LONG_WORK"])

for alias, name in given["databases"].items():
    DATABASES[alias] = {**DATABASES.get(alias, DATABASES["default"]), "NAME": name}

INSTALLED_APPS += [QUEUE_APP]
ROOT_URLCONF = "tests.admin.urls"
DEBUG = False
STORAGES = {
    **global_settings.STORAGES,
    "private": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": given["storage"]},
    },
}
globals().update(SHARED)
globals().update(given.get("settings", {}))
