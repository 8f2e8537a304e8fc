"""What the commands show of work and numbers: a bar and a table on a terminal, if rich is installed; else plain lines.

The only module that knows rich, which is what the extra ``rich`` of the package installs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.core.management.base import OutputWrapper

try:
    import rich.console
    import rich.live
    import rich.markup
    import rich.progress
    import rich.table
except ImportError:
    has_rich = False
else:
    has_rich = True

# Takes the cells of a row, and the same as a line
Add = Callable[[Sequence[str], str], None]


class Fact(NamedTuple):
    """One line of a status; as text, with two spaces before it for each level that it stands below the title."""

    what: str
    says: object = ""
    advice: str = ""
    level: int = 1

    def __str__(self) -> str:
        says = self.what if self.says == "" else f"{self.what}: {self.says}"
        return "  " * self.level + says + (f"  <- {self.advice}" if self.advice else "")


class Lines:
    """Plain lines, and no progress: for log files, and where there is no rich."""

    def __init__(self, stdout: OutputWrapper) -> None:
        self.stdout = stdout

    def follow(self, counts: Iterator[int], label: str, total: int) -> int:
        """Run ``counts``, which yields how much is done so far of ``total``; return the last count."""
        last = 0
        for count in counts:
            last = count
        return last

    def table(self, numbers: dict[str, int], title: str) -> None:
        for name, number in numbers.items():
            self.stdout.write(f"{name}: {number}")

    def facts(self, title: str, facts: Sequence[Fact]) -> None:
        for line in (title, *facts):
            self.stdout.write(str(line))

    @contextmanager
    def growing(self, header: Sequence[str]) -> Iterator[Add]:
        """Give the block a function for each row of a table: its cells, and the same as a line, to be seen at once."""

        def add(cells: Sequence[str], line: str) -> None:
            self.stdout.write(line)
            self.stdout.flush()  # a pipe may hold it back, and the next may take long

        yield add

    def rows(self, rows: Sequence[Sequence[str]], header: Sequence[str], title: str = "") -> None:
        if title:
            self.stdout.write(f"\n{title}")
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        for row in (header, *rows):
            self.stdout.write("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


class Drawings:
    """A bar while work is done, and tables: for a terminal, with rich."""

    def __init__(self, terminal: rich.console.Console) -> None:
        self.terminal = terminal

    def follow(self, counts: Iterator[int], label: str, total: int) -> int:
        """Run ``counts``, which yields how much is done so far of ``total``; return the last count."""
        columns = (
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TimeRemainingColumn(),
        )
        completed = 0
        with rich.progress.Progress(*columns, console=self.terminal, transient=True) as progress:
            task = progress.add_task(rich.markup.escape(label), total=total)
            for completed in counts:
                progress.update(task, completed=completed)
        return completed

    def table(self, numbers: dict[str, int], title: str) -> None:
        table = rich.table.Table(title, "Number")
        for name, number in numbers.items():
            table.add_row(name, str(number))
        self.terminal.print(table)

    def facts(self, title: str, facts: Sequence[Fact]) -> None:
        if not facts:
            self.terminal.print(rich.markup.escape(title), highlight=False)
            return
        self.rows([(each.what, str(each.says), each.advice) for each in facts], ("WHAT", "NUMBER", "CURE"), title)

    @contextmanager
    def growing(self, header: Sequence[str]) -> Iterator[Add]:
        """Give the block a function for each row of a table, which is drawn anew with it."""
        table = _table(header)
        with rich.live.Live(table, console=self.terminal, auto_refresh=False) as live:

            def add(cells: Sequence[str], line: str) -> None:
                table.add_row(*map(rich.markup.escape, cells))
                live.refresh()

            yield add

    def rows(self, rows: Sequence[Sequence[str]], header: Sequence[str], title: str = "") -> None:
        table = _table(header, title)
        for row in rows:
            table.add_row(*map(rich.markup.escape, row))
        self.terminal.print(table)


def _table(header: Sequence[str], title: str = "") -> rich.table.Table:
    table = rich.table.Table(title=rich.markup.escape(title) or None, title_justify="left")
    for heading in header:
        table.add_column(rich.markup.escape(heading), overflow="fold")
    return table


def console(stdout: OutputWrapper, options: dict[str, Any]) -> Lines | Drawings:
    """Return what a command with these ``options`` shows its progress and its tables with.

    As Django's styles, drawings are forced by ``--force-color`` and kept away by ``--no-color``; by ``-v 0`` too. With
    ``--json`` they are drawn on stderr: stdout is for the document.
    """
    name = "stderr" if options.get("json") else "stdout"
    if has_rich and options["verbosity"]:
        forced = False if options["no_color"] else options["force_color"] or None
        terminal = rich.console.Console(file=options.get(name) or getattr(sys, name), force_terminal=forced)
        if terminal.is_terminal:
            return Drawings(terminal)
    return Lines(stdout)
