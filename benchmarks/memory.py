"""Peak memory: the same work on a small and on a large table, each in a process of its own."""

from __future__ import annotations

from . import child
from .figures import Figure
from .models import Person
from .pairs import fill

SMALL = 10_000
BAR = 15

TITLES = {
    "anonymise_db": "peak memory, anonymise_db",
    "queryset": "peak memory, queryset.anonymise()",
    "export": "peak memory, export",
}


def measure(work: str, rows: int) -> Figure:
    small = min(SMALL, rows)
    peaks = {}
    for size in (small, rows):
        fill(Person, size)
        peaks[size] = child.run(work)
    return Figure(
        work=f"memory_{work}",
        title=TITLES[work],
        rows=rows,
        ours=peaks[rows],
        beside=peaks[small],
        measured_in="MiB",
        figure=peaks[rows] - peaks[small],
        unit="MiB",
        bar=BAR,
        note=f"beside {small:,} rows",
    )
