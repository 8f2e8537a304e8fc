"""Peak memory: the same work on a small and on a large table, each in a process of its own."""

from __future__ import annotations

from functools import partial

from . import child
from .figures import Figure
from .models import Person
from .pairs import fill, fill_citizen, fill_history, fill_several

SMALL = 10_000
BAR = 15
# The keys of a person's rows are read before the first one changes: a whole number of Python's and its place each.
KEY = 40

TITLES = {
    "anonymise_db": "peak memory, anonymise_db",
    "workers": "peak memory, each process of --workers 2",
    "queryset": "peak memory, queryset.anonymise()",
    "export": "peak memory, export",
    "export_json": "peak memory, export as JSON",
    "export_complete": "peak memory, complete export",
    "person": "peak memory, erasing a person",
    "history": "peak memory, erasing a person with a history",
}

FILL = {"workers": fill_several, "person": fill_citizen, "history": fill_history}


def measure(work: str, rows: int) -> Figure:
    small = min(SMALL, rows)
    peaks = {}
    is_person = work == "person"
    for size in (small, rows):
        FILL.get(work, partial(fill, Person))(size)
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
        bar=BAR + rows * KEY / 2**20 if is_person else BAR,
        note=f"beside {small:,} rows",
    )
