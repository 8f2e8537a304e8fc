"""Progress of long work; silent unless a command gives it a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def show(counts: Iterator[int], label: str, total: int, console: Console) -> int:
    """Run ``counts``, which yields how much is done so far of ``total``; return the last count.

    A bar if ``console`` is a terminal, else nothing: a log file wants lines, and the command writes them.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    done = 0
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(escape(label), total=total)
        for done in counts:
            progress.update(task, completed=done)
    return done
