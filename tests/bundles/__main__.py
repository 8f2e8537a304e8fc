"""Runs a bundle, or each in a process of its own: ``DB=postgresql python -m tests.bundles auth``."""

import argparse
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import django

BUNDLES = sorted(path.parent.name for path in Path(__file__).parent.glob("*/settings.py"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", nargs="?", choices=BUNDLES)
    parser.add_argument("--way", action="append", default=[], help="do this one only; may be repeated")
    options = parser.parse_args()
    sys.exit(run(options.bundle, options.way) if options.bundle else run_all())


def run(bundle, ways):
    os.environ["DJANGO_SETTINGS_MODULE"] = f"tests.bundles.{bundle}.settings"
    django.setup()
    return import_module("tests.bundles.report").run(bundle, ways)


def run_all():
    commands = [[sys.executable, "-W", "ignore", "-m", "tests.bundles", bundle] for bundle in BUNDLES]
    return max(subprocess.run(command, check=False).returncode for command in commands)


if __name__ == "__main__":
    main()
