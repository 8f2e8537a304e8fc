"""``python -m tests.long_work.worker``: the queue's own worker, which stops at a statement that a test names.

``INSERT a > SELECT b`` is the first statement that begins with the second text after one that begins with the first;
``COMMIT other`` is the end of a transaction on that database.

Until it is killed, or for as long as the test lets it: whoever waits for it looks for the file ``stopped``.
"""

import json
import os
import sys
import time
from pathlib import Path

import django


class Stop:
    """Stops the process after the first statement that begins so."""

    def __init__(self, beginnings, file):
        self.beginnings = beginnings.split(" > ")
        self.file = Path(file)

    def install(self, connection, **kwargs):
        connection.execute_wrappers.append(self.watch)
        commit = connection.commit

        def watched():
            commit()
            self.look(f"COMMIT {connection.alias}")

        connection.commit = watched

    def watch(self, execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        self.look(sql)
        return result

    def look(self, sql):
        if self.beginnings and sql.replace('"', "").replace("`", "").startswith(self.beginnings[0]):
            del self.beginnings[0]
            if not self.beginnings:
                self.stop()

    def stop(self):
        self.file.touch()
        while self.file.exists():
            time.sleep(0.05)


def main():
    given = json.loads(os.environ["LONG_WORK"])
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.long_work.settings"
    django.setup()
    signals, management = _modules()
    if given["stop"]:
        stop = Stop(given["stop"], given["stopped"])
        signals.connection_created.connect(stop.install)
    batch = ["--batch"] if given.get("batch", True) else []
    management.call_command("db_worker", *batch, "--no-startup-delay", "--interval", "0", stdout=sys.stderr)


def _modules():
    # Only once there are settings.
    from django.core import management  # noqa: PLC0415
    from django.db.backends import signals  # noqa: PLC0415

    return signals, management


if __name__ == "__main__":
    main()
