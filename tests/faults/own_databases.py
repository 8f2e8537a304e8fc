"""The databases that a killed process writes to: made for one run, and dropped at its end."""

import time
from pathlib import Path

from django.core.management import call_command
from django.db import connections

ALIASES = ("default", "gdpr_log")

OTHERS = {
    "postgresql": "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
    "mysql": "SELECT COUNT(*) FROM information_schema.processlist WHERE db = %s AND id <> CONNECTION_ID()",
}


def create(aliases=ALIASES):
    for using in aliases:
        connection = connections[using]
        if connection.vendor != "sqlite":
            on_server("CREATE DATABASE", connection)
        call_command("migrate", database=using, run_syncdb=True, verbosity=0)


def drop(aliases=ALIASES):
    close()
    for using in aliases:
        connection = connections[using]
        if connection.vendor == "sqlite":
            Path(connection.settings_dict["NAME"]).unlink()
        else:
            on_server("DROP DATABASE", connection)


def close():
    connections.close_all()


def wait_for_the_killed(aliases=ALIASES):
    """Wait until the servers have noticed: until then a COMMIT that was sent may still be carried out."""
    for using in aliases:
        connection = connections[using]
        if connection.vendor in OTHERS:
            deadline = time.monotonic() + 30
            while _others(connection):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{using}: somebody is still connected")
                time.sleep(0.002)


def _others(connection):
    with connection.cursor() as cursor:
        cursor.execute(OTHERS[connection.vendor], [connection.settings_dict["NAME"]])
        return cursor.fetchone()[0]


def on_server(what, connection):
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"{what} {connection.ops.quote_name(connection.settings_dict['NAME'])}")
