"""A run: measures what was chosen, prints it, writes it."""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from rich.console import Console

from . import counting, pairs, report, start_up
from .figures import Figure
from .works import GROWING, WORKS, Size

# Rows; see the table of bars in the documentation.
MEANT_FOR = 200_000

# So much of a query tells which it is.
LONGEST = 160


def run(chosen: argparse.Namespace, path: str) -> None:
    console = Console()
    if chosen.profile:
        profile(chosen.profile, chosen.n, sys.stdout)
        return
    where = report.environment(place(chosen.db, path))
    figures = []
    for found in grown(chosen, console) if chosen.growth else measured(chosen, console):
        figures += found
    report.show(figures, where, console)
    if not chosen.growth:
        report.say_if_few(chosen.n, MEANT_FOR, console)
    if chosen.output:
        if not chosen.growth:
            explain_missed(figures, chosen, console)
        name = f"{chosen.db}_growth.json" if chosen.growth else f"{chosen.db}.json"
        report.write(figures, where, chosen.output / name, growth=bool(chosen.growth))
        console.print(f"Written to {chosen.output / name}, and a table beside it.", highlight=False, soft_wrap=True)


def measured(chosen: argparse.Namespace, console: Console) -> Iterator[list[Figure]]:
    size = Size(n=chosen.n, pairs=chosen.pairs, memory_rows=chosen.memory_rows, starts=chosen.starts)
    for name in selected(chosen.only, list(WORKS)):
        with console.status(name):
            yield WORKS[name](size)


def grown(chosen: argparse.Namespace, console: Console) -> Iterator[list[Figure]]:
    """The timed works at each of the sizes."""
    for name in selected(chosen.only, GROWING):
        pair = pairs.PAIRS[name]
        for size in chosen.growth:
            with console.status(f"{name}, {size:,} rows"):
                yield [pairs.measure(name, pair, pair.rows(size), chosen.pairs)]


def selected(only: list[str] | None, known: list[str]) -> list[str]:
    if unknown := sorted(set(only or ()) - set(known)):
        raise SystemExit(f"There is no work {', '.join(unknown)}; there are {', '.join(known)}.")
    return only or known


def explain_missed(figures: list[Figure], chosen: argparse.Namespace, console: Console) -> None:
    """Write the profile of each work that took longer than its bar, and remove those of earlier runs."""
    for old in chosen.output.glob(f"{chosen.db}_*.profile.txt"):
        old.unlink()
    for figure in figures:
        if figure.verdict == "missed" and figure.measured_in in ("s", "ms"):
            chosen.output.mkdir(parents=True, exist_ok=True)
            with (
                console.status(f"profile of {figure.work}"),
                (chosen.output / f"{chosen.db}_{figure.work}.profile.txt").open("w", encoding="utf-8") as file,
            ):
                profile(figure.work, chosen.n, file)


def profile(name: str, n: int, file: IO[str]) -> None:
    """Print where gdpr_assist's side of one work spends its time; of a deletion, its queries; of others, all of it."""
    selected([name], list(WORKS))
    if name == "start_up":
        start_up.profile(file)
        return
    if name in counting.DELETIONS:
        for using, statements in counting.deletion_queries(counting.DELETIONS[name]).items():
            file.writelines(f"{using}: {sql[:LONGEST]}\n" for sql in statements)
        return
    profiler = cProfile.Profile()
    if name in pairs.PAIRS:
        pair = pairs.PAIRS[name]
        pairs.warm_up(pair)
        pair.prepare(pair.rows(n))
        profiler.runcall(pair.ours)
    else:
        profiler.runcall(WORKS[name], Size(n=n, pairs=1, memory_rows=n, starts=1))
    # Without the directories, which are those of the machine.
    statistics = pstats.Stats(profiler, stream=file).strip_dirs()
    statistics.sort_stats("tottime").print_stats(25)
    statistics.sort_stats("cumulative").print_stats(40)


def place(db: str, path: str) -> str:
    if db != "sqlite":
        return "settings of the server"
    return "files in memory" if Path(path).is_relative_to("/dev/shm") else "files on disk"
