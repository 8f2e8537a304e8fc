"""``python -m benchmarks``: the options, and the databases around a run."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import django

from . import databases

DOCUMENTED = Path(__file__).parent.parent / "docs" / "explanation" / "_benchmarks"
SIZES = [10_000, 100_000, 1_000_000]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="What the package costs, beside the SQL that one writes by hand."
    )
    parser.add_argument("--db", choices=["sqlite", "postgresql", "mariadb"], default=os.environ.get("DB", "sqlite"))
    parser.add_argument("--n", type=int, default=200_000, metavar="ROWS", help="rows of the timed works")
    parser.add_argument("--pairs", type=int, default=3, help="how often each pair is timed (default 3)")
    parser.add_argument("--starts", type=int, default=9, help="how often the start is timed (default 9)")
    parser.add_argument("--memory-rows", type=int, default=1_000_000, metavar="ROWS")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this work; may be repeated")
    parser.add_argument(
        "--growth", nargs="*", type=int, metavar="ROWS", help=f"time at these sizes instead (default {SIZES})"
    )
    parser.add_argument("--profile", metavar="NAME", help="show where one work spends its time; write nothing")
    parser.add_argument("--directory", help="where SQLite's files go (default: in memory where there is /dev/shm)")
    parser.add_argument(
        "--output", type=Path, help="where the figures are written (default, unless --only: the documentation)"
    )
    chosen = parser.parse_args()
    if chosen.growth == []:
        chosen.growth = SIZES
    if chosen.output is None and chosen.only is None:
        chosen.output = DOCUMENTED
    return chosen


def main() -> None:
    chosen = arguments()
    os.environ["DB"] = chosen.db
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    with databases.directory(chosen.directory) as path:
        os.environ["BENCH_DIRECTORY"] = path
        django.setup()
        from .run import run  # noqa: PLC0415  (loads models, so after setup)

        with databases.created():
            run(chosen, path)


if __name__ == "__main__":
    main()
