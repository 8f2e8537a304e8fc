"""What a site loads at its start, and what when it is first called."""

import json
import subprocess
import sys
from inspect import unwrap
from pathlib import Path

import pytest
from django.core.checks import Tags
from django.core.checks.registry import registry as checks
from django.test import modify_settings, override_settings

from gdpr_assist.checks import check_models
from gdpr_assist.loading import at_first_call

pytestmark = pytest.mark.anywhere

# A site with registered models, as a web server starts it.
SITE = """
import json
import sys

import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=[
        "gdpr_assist",
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "benchmarks.many",
    ],
    DATABASES={
        alias: {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"} for alias in ("default", "gdpr_log")
    },
    DATABASE_ROUTERS=["gdpr_assist.routers.EventLogRouter"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()
"""

# What it loads for that. All else waits for a call: a dozen modules are a millisecond or two.
AT_START = {
    "admin",
    "admin.asked",
    "admin.by_number",
    "admin.confirmation",
    "admin.denied",
    "admin.erasures",
    "admin.exports",
    "admin.operations",
    "admin.history",
    "admin.model_admin",
    "admin.page",
    "admin.permissions",
    "admin.personal_data",
    "admin.refusals",
    "admin.selection",
    "apps",
    "conf",
    "databases",
    "databases.columns",
    "databases.errors",
    "databases.placement",
    "databases.presence",
    "databases.rows",
    "declaring",
    "declaring.digits",
    "declaring.keys",
    "declaring.meta",
    "declaring.owners",
    "declaring.rules",
    "declaring.search",
    "defaults",
    "deletion",
    "errands",
    "exceptions",
    "former",
    "loading",
    "looks",
    "managers",
    "marks",
    "models",
    "pages",
    "phrases",
    "registry",
    "sensitive",
    "signals",
    "tables",
    "undocumented",
}


def run(script):
    """Run ``script`` on the site in a process of its own; return what it printed as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", SITE + script],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_start_loads_nothing_that_can_wait():
    loaded = run('print(json.dumps([name for name in sys.modules if name.startswith("gdpr_assist.")]))')
    assert {name.removeprefix("gdpr_assist.") for name in loaded} == AT_START


def test_threads_that_are_the_first_wait_for_one_another():
    """Each of them plans, deletes and checks, as the first requests to a new process do."""
    script = """
import time
from threading import Barrier, Thread

from django.contrib.auth.models import User
from django.db.models.signals import post_delete

from gdpr_assist import apps, register


class Slow:
    # Gives the other threads time to come in between.

    @staticmethod
    def find_spec(name, path, target=None):
        if name.startswith("gdpr_assist."):
            time.sleep(0.005)


register(User, type("Privacy", (), {"fields": ["email"]}))
sys.meta_path.insert(0, Slow)
NUMBER = 8
barrier, found = Barrier(NUMBER), []


def first(number):
    calls = [
        lambda: User.objects.filter(pk=1).anonymise(),
        lambda: post_delete.send(User, instance=User(pk=1), using="default", origin=None),
        lambda: [each for each in apps.check_models(app_configs=None) if each.id.startswith("gdpr_assist.E")],
    ]
    barrier.wait()
    try:
        found.append(str(calls[number % 3]()))
    except Exception as error:
        found.append(f"{type(error).__name__}: {error}")
    found.append(User.check_can_anonymise())


threads = [Thread(target=first, args=[number]) for number in range(NUMBER)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(found))
"""
    found = run(script)
    assert found.count(True) == 8
    # The site has no tables: each call came as far as that.
    assert {text.partition(":")[0] for text in found if text is not True} == {
        "AnonymiseError",
        "NotLogged",
        "[]",
    }


def test_one_name_is_one_function():
    name = "gdpr_assist.receivers.begin_deletion"
    assert at_first_call(name) is at_first_call(name)
    assert at_first_call(name) is not at_first_call("gdpr_assist.receivers.end_deletion")


def test_it_goes_by_the_name_of_what_it_calls():
    function = unwrap(at_first_call("gdpr_assist.receivers.begin_deletion"))
    assert (function.__module__, function.__qualname__) == ("gdpr_assist.receivers", "begin_deletion")


def test_it_hands_on_what_it_is_given_and_what_comes_back():
    assert at_first_call("json.dumps")({"a": 1}, indent=None, sort_keys=True) == '{"a": 1}'


def test_what_is_not_there_is_an_error_of_the_call():
    missing = at_first_call("gdpr_assist.receivers.no_such_thing")
    with pytest.raises(ImportError, match="no_such_thing"):
        missing()


def registered():
    every = checks.get_checks(include_deployment_checks=True)
    return sorted(check.__name__ for check in every if check.__module__.startswith("gdpr_assist"))


# On PostgreSQL, django.contrib.postgres asks the database for its types each time.
@pytest.mark.django_db
@pytest.mark.parametrize("changes", [{"append": "tests.apps.late"}, {"remove": "tests.apps.own"}], ids=str)
def test_apps_that_are_set_up_again_register_no_check_again(changes):
    ours = ["check_code", "check_deployment", "check_models", "check_rows", "check_site", "check_templates"]
    assert registered() == ours
    with modify_settings(INSTALLED_APPS=changes):
        assert registered() == ours


@pytest.mark.django_db
def test_a_check_by_its_tag():
    """As ``check --tag models`` runs it."""
    with override_settings(SILENCED_SYSTEM_CHECKS=[]):
        ours = {message.id for message in checks.run_checks(tags=[Tags.models])} & {
            message.id for message in check_models(app_configs=None)
        }
    assert "gdpr_assist.W014" in ours
