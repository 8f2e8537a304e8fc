"""``python -m benchmarks.peers``: the options, and the databases around a run."""

from __future__ import annotations

import argparse
import json
import os
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import django

from benchmarks import databases

MEANT_FOR = 300_000
# {module: what pip calls it}
PACKAGES = {"django_scrubber": "django-scrubber", "dj_anonymizer": "dj_anonymizer"}
HEADINGS = ["What ran, beside what", "Rows", "It took", "The other took", "Ratio", "Bar", ""]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description="anonymise_db beside django-scrubber, dj_anonymizer, and the SQL that one writes by hand.",
    )
    parser.add_argument("--db", choices=["sqlite", "postgresql", "mariadb"], default=os.environ.get("DB", "sqlite"))
    parser.add_argument("--n", type=int, default=MEANT_FOR, metavar="ROWS", help="rows of two tables together")
    parser.add_argument("--times", type=int, default=3, help="how often each way is timed, in turn (default 3)")
    parser.add_argument("--directory", help="where SQLite's files go (default: in memory where there is /dev/shm)")
    parser.add_argument("--output", type=Path, help="where the figures are written (default: nowhere)")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    if missing := [name for module, name in PACKAGES.items() if find_spec(module) is None]:
        raise SystemExit(
            f"Not installed: {', '.join(missing)}. Say make bench PEERS=1, or pip install -r"
            " benchmarks/peers/requirements.txt."
        )
    os.environ["DB"] = chosen.db
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.settings"
    with databases.directory(chosen.directory) as path:
        os.environ["BENCH_DIRECTORY"] = path
        make_pools(Path(path) / "pools.json")
        django.setup()
        with databases.created():
            run(chosen, path)


def make_pools(file: Path) -> None:
    """Write what ``gdpr_fakes`` prints, with up to 1,000 values each, which is what django-scrubber makes."""
    from gdpr_assist.management.fakes import pools  # noqa: PLC0415  (loads settings)

    file.write_text(json.dumps(pools("en_US", 1000, ["name", "first_name"], seed=42)), encoding="utf-8")


def run(chosen: argparse.Namespace, path: str) -> None:
    # They load models, so after setup.
    from rich.console import Console  # noqa: PLC0415

    from benchmarks import report  # noqa: PLC0415
    from benchmarks.run import place  # noqa: PLC0415

    from .measuring import measure  # noqa: PLC0415

    console = Console()
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES.values())
    where = report.environment(place(chosen.db, path)) | {"packages": packages}
    figures = measure(chosen.n, chosen.times, console)
    report.show(figures, where, console, HEADINGS)
    report.say_if_few(chosen.n, MEANT_FOR, console)
    if chosen.output:
        file = chosen.output / f"{chosen.db}_peers.json"
        report.write(figures, where, file, headings=HEADINGS)
        console.print(f"Written to {file}, and a table beside it.", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
