"""A run: measures what was chosen, prints it, writes it."""

from __future__ import annotations

import argparse
import cProfile
import pstats
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from . import pairs, report
from .figures import Figure
from .works import GROWING, WORKS, Size


def run(chosen: argparse.Namespace, path: str) -> None:
    console = Console()
    if chosen.profile:
        profile(chosen.profile, chosen.n, console)
        return
    where = report.environment(place(chosen.db, path))
    figures = []
    for found in grown(chosen, console) if chosen.growth else measured(chosen, console):
        figures += found
    report.show(figures, where, console)
    if chosen.output:
        name = f"{chosen.db}_growth.json" if chosen.growth else f"{chosen.db}.json"
        report.write(figures, where, chosen.output / name, growth=bool(chosen.growth))
        console.print(f"Written to {chosen.output / name}, and a table beside it.", highlight=False, soft_wrap=True)


def measured(chosen: argparse.Namespace, console: Console) -> Iterator[list[Figure]]:
    size = Size(n=chosen.n, pairs=chosen.pairs, memory_rows=chosen.memory_rows, starts=chosen.starts)
    for name in selected(chosen.only, list(WORKS)):
        with console.status(name):
            yield WORKS[name](size)


def grown(chosen: argparse.Namespace, console: Console) -> Iterator[list[Figure]]:
    """The timed works at each of the sizes, all with that many rows."""
    for name in selected(chosen.only, GROWING):
        for rows in chosen.growth:
            with console.status(f"{name}, {rows:,} rows"):
                yield [pairs.measure(name, pairs.PAIRS[name], rows, chosen.pairs)]


def selected(only: list[str] | None, known: list[str]) -> list[str]:
    if unknown := sorted(set(only or ()) - set(known)):
        raise SystemExit(f"There is no work {', '.join(unknown)}; there are {', '.join(known)}.")
    return only or known


def profile(name: str, n: int, console: Console) -> None:
    """Print where gdpr_assist's side of one work spends its time; of a work that is not timed, all of it."""
    size = Size(n=n, pairs=1, memory_rows=n, starts=1)
    selected([name], list(WORKS))
    profiler = cProfile.Profile()
    if name in pairs.PAIRS:
        pair = pairs.PAIRS[name]
        pair.prepare(pair.rows(n))
        profiler.runcall(pair.ours)
    else:
        profiler.runcall(WORKS[name], size)
    statistics = pstats.Stats(profiler, stream=console.file)
    statistics.sort_stats("tottime").print_stats(30)
    statistics.sort_stats("cumulative").print_stats("gdpr_assist", 30)


def place(db: str, path: str) -> str:
    if db != "sqlite":
        return "settings of the server"
    return "files in memory" if Path(path).is_relative_to("/dev/shm") else "files on disk"
