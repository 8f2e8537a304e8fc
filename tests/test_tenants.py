"""django-tenants: a schema for each tenant in one database, one log. What was erased for one concerns no other."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from django.db import connections

from gdpr_assist.log.status import STATES
from tests.settings import DB

pytestmark = pytest.mark.skipif(DB != "postgresql", reason="django-tenants needs PostgreSQL")


class Site:
    def __init__(self):
        self.name = f"tenants_{uuid.uuid4().hex[:8]}"

    def manage(self, *args, settings="settings", status=0):
        """Run one command as a user does; return what it prints."""
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": f"tests.tenants.{settings}",
            "PYTHONPATH": str(Path(__file__).parent.parent),
            "TENANTS_NAME": self.name,
        }
        command = [sys.executable, "-m", "django", *args]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def of(self, schema, command, *args, status=0):
        """Run a command for one tenant."""
        return self.manage("tenant_command", command, f"--schema={schema}", *args, status=status)

    def shell(self, schema, statement):
        script = f"from tests.tenants.hotel.models import Guest; {statement}"
        return self.of(schema, "shell", "-v0", "-c", script).split()

    def guests(self, schema):
        return self.shell(schema, "print(*Guest.objects.order_by('pk').values_list('name', flat=True))")

    def tool(self, program, *args):
        """Run one of PostgreSQL's own."""
        database = connections["default"].settings_dict
        server = [f"--host={database['HOST']}", f"--port={database['PORT']}", f"--username={database['USER']}"]
        subprocess.run([program, *server, "--no-password", *args], check=True, capture_output=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Two tenants with guests of the same keys. North erases Ada; its backup is of before, and is restored."""
    site, backup = Site(), tmp_path_factory.mktemp("backup") / "north.dump"
    names = site.name, f"{site.name}_log"
    for name in names:
        site.tool("createdb", name)
    try:
        site.manage("migrate_schemas", "--shared", "-v0")
        site.manage("migrate", "--database=gdpr_log", "-v0", settings="settings_log")
        tenants = "from tests.tenants.clients.models import Client; "
        tenants += "[Client(schema_name=name).save(verbosity=0) for name in ('north', 'south')]"
        site.manage("shell", "-v0", "-c", tenants)
        for schema in ("north", "south"):
            site.shell(schema, "[Guest.objects.create(name=name) for name in ('Ada', 'Bea', 'Cleo')]")
        site.tool("pg_dump", "--schema=north", "--format=custom", f"--file={backup}", site.name)
        site.shell("north", "Guest.objects.get(name='Ada').delete()")
        site.shell("south", "Guest.objects.get(name='Cleo').delete()")
        site.backup = backup
        yield site
    finally:
        for name in names:
            site.tool("dropdb", name)


def test_the_whole_way(site):
    assert "no issues" in site.manage("check", "--database=default")

    # While nothing is restored, no tenant hears of the other.
    for schema in ("north", "south"):
        shown = site.of(schema, "gdpr_status", "--fail-on", "undecided", "restored", "log-restored", "foreign")
        assert "  committed: 1\n" in shown
        assert "  missing here: 0\n" in shown
        assert "under other database ids" not in shown
        assert "Applied: 0\nAlready applied: 1\n" in site.of(schema, "gdpr_rerun")
    assert site.guests("north") == ["Bea", "Cleo"]
    assert site.guests("south") == ["Ada", "Bea"]

    # The backup of one tenant comes back: what was erased for the other is not missing in it.
    site.tool("psql", f"--dbname={site.name}", "--command=DROP SCHEMA north CASCADE")
    site.tool("pg_restore", f"--dbname={site.name}", str(site.backup))
    assert site.guests("north") == ["Ada", "Bea", "Cleo"]
    site.of("south", "gdpr_status", "--fail-on", "restored", "foreign")
    assert "  missing here: 1  <- restored?" in site.of("north", "gdpr_status")

    # Nobody gets the erasures of the other by its id, which is in use.
    theirs = site.shell("south", "from gdpr_assist.log.identity import database_id; print(database_id('default'))")[0]
    refused = site.of("north", "gdpr_rerun", "--noinput", f"--database-id={theirs}", status=1)
    assert "is the id of another schema" in refused
    assert site.guests("north") == ["Ada", "Bea", "Cleo"]

    assert "Applied: 1\nAlready applied: 0\n" in site.of("north", "gdpr_rerun")
    assert site.guests("north") == ["Bea", "Cleo"]
    assert site.guests("south") == ["Ada", "Bea"]
    for schema in ("north", "south"):
        site.of(schema, "gdpr_status", "--fail-on", "undecided", "restored", "log-restored", "foreign")
        site.of(schema, "gdpr_verify")

    # What is undecided for one tenant is that tenant's concern, and its id is named to nobody.
    erased = "Guest.objects.get(name='Bea').delete(); transaction.set_rollback(True)"
    site.shell("south", f"from django.db import transaction\nwith transaction.atomic(): {erased}")
    assert "  undecided: 1, the oldest of" in site.of("south", "gdpr_status")
    shown = site.of("north", "gdpr_status", "--fail-on", *STATES)
    assert "  undecided: 0\n" in shown
    assert "of no id that this database has" not in shown
    assert theirs not in shown
