"""Runs a bundle: ``DB=postgresql python -m tests.bundles auth``."""

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path

import django

BUNDLES = sorted(path.parent.name for path in Path(__file__).parent.glob("*/settings.py"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", choices=BUNDLES)
    parser.add_argument("--way", action="append", default=[], help="do this one only; may be repeated")
    parser.add_argument("--record", action="store_true", help="write it over the table that the docs show")
    options = parser.parse_args()
    if options.record and options.way:
        parser.error("--record is for all ways")
    os.environ["DJANGO_SETTINGS_MODULE"] = f"tests.bundles.{options.bundle}.settings"
    django.setup()
    sys.exit(import_module("tests.bundles.report").run(options.bundle, options.way, options.record))


if __name__ == "__main__":
    main()
