"""Kills a real process at every step of an erasure, and compares what the log says then with what the data says.

``python -m tests.faults.killing SCENARIO SEED [ROUNDS]`` makes databases of its own, prints one JSON object for each
kill, and removes the databases. Each kill is a forked process that is sent SIGKILL by itself, before or after a write
or a COMMIT in any of the databases, or the deletion of a file: once at each such point, or at ROUNDS of them. The
seed draws the order, the size from those with as many points as the largest, and whether a backup is restored before
anybody could reconcile.
"""

import json
import os
import random
import signal
import sys
import time
from contextlib import suppress
from io import StringIO

import django
from django.core.files.storage import FileSystemStorage


class Unwanted(Exception):
    """What makes an outer transaction roll back."""


def main(name, seed, rounds=0):
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ["DB_NAME"] = f"{os.environ.get('DB_NAME', 'gdpr_assist')}_kills_{os.getpid()}"
    django.setup()
    databases, scenarios = _modules()
    scenario = scenarios.SCENARIOS[name]
    databases.create(scenario.aliases)
    try:
        for result in Harness(scenario, databases).run(int(seed), int(rounds)):
            print(json.dumps(result), flush=True)  # noqa: T201  (read by the test)
    finally:
        databases.drop(scenario.aliases)


def _modules():
    # Models can be imported only now.
    from importlib import import_module  # noqa: PLC0415

    return import_module("tests.faults.own_databases"), import_module("tests.faults.scenarios")


class Harness:
    def __init__(self, scenario, databases):
        self.scenario = scenario
        self.databases = databases

    def run(self, seed, rounds):
        rng = random.Random(seed)
        points = {size: self.count(size) for size in self.scenario.sizes}
        most = max(points.values())
        sizes = [size for size, count in points.items() if count == most]
        for point in rng.sample(range(1, most + 1), min(rounds, most) or most):
            result = self.kill(rng.choice(sizes), point, disaster=rng.random() < 1 / 3)
            yield {**result, "points": most}

    def count(self, size):
        self.scenario.prepare(size)
        return self.child(size, None)

    def kill(self, size, point, disaster):
        before = self.scenario.prepare(size)
        self.child(size, point)
        errors, listed = self.scenario.judge(before, disaster)
        return {"size": size, "point": point, "disaster": disaster, "listed": listed, "errors": errors}

    def child(self, size, point):
        """Run the scenario in a process that is killed at ``point``; return how many points there are."""
        self.databases.close()
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            with suppress(BaseException):
                points = Points(point)
                points.watch(self.databases.connections, self.scenario.aliases)
                self.scenario.act(size)
                os.write(writing, str(points.count).encode())
                status = 0
            os._exit(status)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            count = pipe.read()
        status = os.waitpid(pid, 0)[1]
        wanted = 0 if point is None else signal.SIGKILL
        if status != wanted:
            raise RuntimeError(f"size {size}, point {point}: the process ended with status {status}")
        return int(count or 0)


class Points:
    """Counts what a process does to its databases, and kills it at one point."""

    def __init__(self, target):
        self.target = target
        self.count = 0

    def hit(self):
        self.count += 1
        if self.count == self.target:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)  # not reached

    def watch(self, connections, aliases):
        for using in aliases:
            connection = connections[using]
            connection.execute_wrappers.append(self.write)
            connection._commit = self.around(connection._commit)
        FileSystemStorage.delete = self.around(FileSystemStorage.delete)

    def write(self, execute, sql, params, many, context):
        if sql.lstrip().upper().startswith("SELECT"):
            return execute(sql, params, many, context)
        return self.around(execute)(sql, params, many, context)

    def around(self, function):
        def watched(*args):
            self.hit()
            result = function(*args)
            self.hit()
            return result

        return watched


def command(name, *args):
    """Run a management command; return what it printed, also if it ended with a refusal."""
    from django.core.management import CommandError, call_command  # noqa: PLC0415

    out = StringIO()
    with suppress(CommandError):
        call_command(name, *args, stdout=out)
    return out.getvalue()


if __name__ == "__main__":
    main(*sys.argv[1:])
