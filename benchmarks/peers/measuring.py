"""Times all ways in turn, on freshly filled tables, and compares what they leave."""

from __future__ import annotations

import statistics

from django.db import connection
from rich.console import Console

from benchmarks import pairs
from benchmarks.figures import Figure

from .ways import COMPARED, GROUPS, WAYS

Times = dict[str, list[float]]


def measure(rows: int, times: int, console: Console) -> list[Figure]:
    """Time each way ``times`` times. Raises ``RuntimeError`` if ways of a group do not leave the same."""
    found: Times = {name: [] for name in WAYS}
    run_all(pairs.FEW, {name: [] for name in WAYS}, console)  # what is imported and cached once is not timed
    for _ in range(times):
        run_all(rows, found, console)
    return [figure(name, beside, bars.get(connection.vendor), rows, found) for name, beside, bars in COMPARED]


def run_all(rows: int, found: Times, console: Console) -> None:
    """Run each way once, add its time to ``found``, and compare what it left with what the first of its group left."""
    for group in GROUPS:
        first = None
        for name, way in group.ways.items():
            with console.status(f"{way.title}, {rows:,} rows"):
                group.prepare(rows)
                found[name].append(pairs.seconds(way.run))
                left = pairs.state(way.leaves)
            first = first or left
            pairs.compare(way.title, left, first)


def figure(name: str, beside: str, bar: float | None, rows: int, found: Times) -> Figure:
    ratios = [one / other for one, other in zip(found[name], found[beside], strict=True)]
    return Figure(
        work=f"{name}_beside_{beside}",
        title=f"{WAYS[name].title}, beside {WAYS[beside].title}",
        rows=rows,
        ours=statistics.median(found[name]),
        beside=statistics.median(found[beside]),
        measured_in="s",
        figure=statistics.median(ratios),
        unit="x",
        bar=bar,
        note=f"ratios: {', '.join(f'{ratio:.2f}' for ratio in ratios)}",
    )
