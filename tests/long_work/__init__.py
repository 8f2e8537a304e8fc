"""A worker in a process of its own, as a site runs it, and what it needs to know of the tests' databases."""

import json
from importlib.util import find_spec

from django.db import connections

# The database backend was a part of django-tasks up to 0.11, which goes with Django 4.2; since then it is a package of
# its own, for Django 5.2 and later.
QUEUE_APP = "django_tasks_db" if find_spec("django_tasks_db") else "django_tasks.backends.database"
IS_INSTALLED = find_spec(QUEUE_APP.partition(".")[0]) is not None

# What the web server and the worker have to agree on
SHARED = {
    "TASKS": {"default": {"BACKEND": f"{QUEUE_APP}.DatabaseBackend"}},
    "GDPR_TASK_BACKEND": "default",
    "GDPR_EXPORT_STORAGE": "private",
}


def environment(storage, **given):
    """Return the variables by which ``tests.long_work.settings`` of another process knows the databases of the tests.

    ``storage`` is a directory for what is exported; ``given`` may have other ``settings``.
    """
    databases = {alias: str(connections[alias].settings_dict["NAME"]) for alias in connections}
    return {"LONG_WORK": json.dumps({"databases": databases, "storage": str(storage), **given})}
