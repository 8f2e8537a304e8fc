"""The restore drill as a site owner does it, with the databases' own tools: ``python -m tests.faults.drilling``.

Makes two databases of its own, prints what was found at each step as one JSON object, and removes the databases.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import django


def main():
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ["DB_NAME"] = f"{os.environ.get('DB_NAME', 'gdpr_assist')}_drill_{os.getpid()}"
    django.setup()
    databases = import_module("tests.faults.own_databases")
    databases.create()
    try:
        with tempfile.TemporaryDirectory() as directory:
            json.dump(drill(databases, Path(directory) / "backup"), sys.stdout)
    finally:
        databases.drop()


def drill(databases, backup):
    site = import_module("tests.faults.scenarios")
    Customer, log = site.Customer, site.logged
    found = {}
    site.seed(3)
    # Erased before the backup, and its key taken by somebody else, before it too
    gone = Customer.all_objects.create(name="Gone", email="gone@quill.example")
    reused, _ = gone.pk, gone.delete()
    Customer.all_objects.create(pk=reused, name="Reused", email="reused@quill.example")
    in_the_backup = site.state()
    save(databases, backup)

    first, *others = site.targets()
    first.anonymise()
    site.targets().filter(pk=others[0].pk).delete()
    site.Comment.objects.filter(author=others[1]).anonymise()
    changed = {place: row for place, row in site.state().items() if row != in_the_backup[place]}
    deleted = in_the_backup.keys() - site.state().keys()
    leaver = Customer.all_objects.create(name="Leaver", email="leaver@quill.example")
    Customer.all_objects.create(name="Stayer", email="stayer@quill.example")
    highest, _ = leaver.pk, leaver.delete()
    logged = log()

    restore(databases, backup)
    found["the backup is back"] = site.state() == in_the_backup
    found["status before"] = site.command("gdpr_status")
    for using in databases.ALIASES:
        site.command("migrate", f"--database={using}", "--verbosity=0", "--run-syncdb")
    dry = site.command("gdpr_rerun", "--dry-run")
    found["a dry run changes nothing"] = site.state() == in_the_backup and log() == logged
    found["to be applied"] = dry.splitlines()[0]
    found["first"] = site.command("gdpr_rerun")
    expected = {place: row for place, row in {**in_the_backup, **changed}.items() if place not in deleted}
    found["exactly the erased are erased"] = site.state() == expected
    found["status after"] = site.command("gdpr_status")

    newcomer = Customer.all_objects.create(name="Newcomer", email="newcomer@quill.example")
    found["a newcomer gets a key of their own"] = newcomer.pk > highest
    # Somebody insists on the key of an erased person
    Customer.all_objects.create(pk=highest, name="Later", email="later@quill.example")
    state = site.state()
    found["second"] = site.command("gdpr_rerun")
    found["the second changes nothing"] = site.state() == state
    found["the log is as it was"] = log() == logged
    return found


# -- the databases' own tools ------------------------------------------------------------------------------------


def save(databases, path):
    databases.close()
    connection = databases.connections["default"]
    settings = connection.settings_dict
    {"sqlite": copy_out, "postgresql": pg_dump, "mysql": mariadb_dump}[connection.vendor](settings, path)


def restore(databases, path):
    databases.close()
    connection = databases.connections["default"]
    settings = connection.settings_dict
    if connection.vendor != "sqlite":
        databases.on_server("DROP DATABASE", connection)
        databases.on_server("CREATE DATABASE", connection)
    {"sqlite": copy_back, "postgresql": pg_restore, "mysql": mariadb_load}[connection.vendor](settings, path)


def copy_out(settings, path):
    shutil.copy(settings["NAME"], path)


def copy_back(settings, path):
    shutil.copy(path, settings["NAME"])


def pg_dump(settings, path):
    run("pg_dump", *pg(settings), "--format=custom", f"--file={path}", settings["NAME"])


def pg_restore(settings, path):
    run("pg_restore", *pg(settings), f"--dbname={settings['NAME']}", str(path))


def pg(settings):
    return (
        f"--host={settings['HOST']}",
        f"--port={settings['PORT']}",
        f"--username={settings['USER']}",
        "--no-password",
    )


def mariadb_dump(settings, path):
    run("mariadb-dump", *mariadb(settings), "--single-transaction", f"--result-file={path}", settings["NAME"])


def mariadb_load(settings, path):
    run("mariadb", *mariadb(settings), settings["NAME"], "-e", f"source {path}")


def mariadb(settings):
    return f"--host={settings['HOST']}", f"--port={settings['PORT']}", f"--user={settings['USER']}"


def run(program, *arguments):
    subprocess.run([program, *arguments], check=True)


if __name__ == "__main__":
    main()
