"""Runs the canary of one project: ``DB=postgresql python -m tests.canary packages --people 1000``."""

import argparse
import os
import random
import sys
from importlib import import_module

import django

PROJECTS = ("example", "packages")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", choices=PROJECTS)
    parser.add_argument("--people", type=int, default=int(os.environ.get("CANARY_PEOPLE", "1000")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("CANARY_SEED") or random.randrange(10**6)))
    options = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = f"tests.canary.settings_{options.project}"
    django.setup()
    report = import_module("tests.canary.report")
    sys.exit(report.run(options.project, options.people, options.seed))


if __name__ == "__main__":
    main()
