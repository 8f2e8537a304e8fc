"""What every test may rely on."""

import os
from pathlib import Path

import django.test
import hypothesis
import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import connections

from tests import databases, log_role
from tests.people import account

pytest_plugins = ["gdpr_assist.pytest_plugin"]

DATABASE_FIXTURES = {"db", "django_db_reset_sequences", "live_server", "transactional_db"}

# pytest-django makes each transactional test from this class.
django.test.TransactionTestCase = databases.Restoring

# How long an example takes depends on the database and on who else uses the machine. They are the same each time, so
# that a change that is red has made it so; AT_RANDOM draws others.
hypothesis.settings.register_profile("databases", deadline=None, derandomize="AT_RANDOM" not in os.environ)
hypothesis.settings.load_profile("databases")


def pytest_addoption(parser):
    parser.addoption("--log-role", action="store_true", help="Give the app the documented rights on the log only")


def pytest_configure(config):
    if config.getoption("--log-role") and connections["gdpr_log"].vendor == "sqlite":
        raise pytest.UsageError("--log-role: SQLite has no roles; set DB to postgresql or mariadb.")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Open all databases to each test that opens one, unless it names some.

    An erasure touches the rows' database and the log, so the default of one would fail them all.
    """
    for item in items:
        marker = item.get_closest_marker("django_db")
        fixtures = getattr(item, "fixturenames", ())
        if "seeded_site" in fixtures:  # of commands in processes of their own, which is on SQLite
            item.add_marker("anywhere")
        if marker is None and DATABASE_FIXTURES.isdisjoint(fixtures):
            continue
        kwargs = dict(marker.kwargs) if marker else {}
        kwargs.setdefault("databases", "__all__")
        args = marker.args if marker else ()
        item.add_marker(pytest.mark.django_db(*args, **kwargs), append=False)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Let each test find the content types that a running process has read long ago.

    Who reads them first pays for them: without this, a count of queries depends on the tests that ran before.
    """
    marker = item.get_closest_marker("django_db")
    if marker and (marker.kwargs["databases"] == "__all__" or "default" in marker.kwargs["databases"]):
        ContentType.objects.get_for_models(*apps.get_models())


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker, request):
    """As pytest-django's, with keys that no test writes; ``--log-role`` then leaves few rights on the log."""
    with django_db_blocker.unblock():
        for connection in connections.all():
            # None is made for an alias that no test of the run opens.
            if Path(connection.settings_dict["NAME"]).name.startswith("test_"):
                databases.number_rows_from(1_000_000, connection)
    if not request.config.getoption("--log-role"):
        yield
        return
    with django_db_blocker.unblock():
        in_force = log_role.in_force(connections["gdpr_log"])
        next(in_force)
    yield
    with django_db_blocker.unblock():
        next(in_force, None)


@pytest.fixture
def ada(db):
    """A person of ``tests.apps.people``; tests of other apps have an Ada of their own."""
    return account("ada")


@pytest.fixture
def bob(db):
    """A stranger to her."""
    return account("bob")


@pytest.fixture
def media_root(settings, tmp_path):
    """Keep the uploaded files of one test in a directory of its own."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


# What is counted: {property of a test that holds the name of a row: head of the table}
COUNTED = {
    "fault": "kills                             tried  right  undecided and listed",
    "mutants": "lines of declarations         taken out  named  equivalent",
}

# What else is said of a test: properties that hold a text
SAID = ("canary", "bundle", "drawn")


def pytest_terminal_summary(terminalreporter):
    """Print what tests have counted, and append it to the file that FAULTS_REPORT names."""
    reports = [
        dict(each.user_properties) for group in ("passed", "failed") for each in terminalreporter.getreports(group)
    ]
    lines = []
    for kind, head in COUNTED.items():
        if counts := {each[kind]: each["numbers"] for each in reports if kind in each}:
            lines += [head, *("{:32} {:6} {:6} {:6}".format(name, *counts[name]) for name in sorted(counts))]
            lines += ["{:32} {:6} {:6} {:6}".format("all of them", *map(sum, zip(*counts.values(), strict=True))), ""]
    lines += [each[name] for name in SAID for each in reports if name in each]
    if not lines or hasattr(terminalreporter.config, "workerinput"):
        return
    terminalreporter.section("counted")
    terminalreporter.write("\n".join([*lines, ""]))
    if "FAULTS_REPORT" in os.environ:
        with Path(os.environ["FAULTS_REPORT"]).open("a") as report:
            report.write("\n".join([*lines, ""]))
