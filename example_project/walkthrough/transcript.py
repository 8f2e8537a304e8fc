"""Prints the numbered steps, and stops at the first thing that does not hold."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from rich.console import Console
from rich.markup import escape


class DoesNotHold(Exception):
    """Something that a step promised is not so."""


class Transcript:
    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        self.number = 0

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Number and time a step; whatever goes wrong inside is reported with both."""
        self.number += 1
        self.console.print(f"\n[bold]{self.number:>2}  {escape(title)}[/bold]")
        started = perf_counter()
        try:
            yield
        except Exception as error:
            what = "does not hold" if isinstance(error, DoesNotHold) else "broke"
            self.console.print(f"\n[bold red]Step {self.number} {what}: {escape(title)}[/bold red]")
            raise
        self.console.print(f"    [dim]{perf_counter() - started:.2f} s[/dim]")

    def figure(self, label: str, value: object) -> None:
        self.console.print(f"    {escape(label):<54}{escape(str(value)):>9}")

    def figures(self, values: dict[str, int]) -> None:
        for label, value in values.items():
            self.figure(label, value)

    def command(self, line: str) -> None:
        self.console.print(f"    [bold blue]$ {escape(line)}[/bold blue]")

    def output(self, text: str) -> None:
        """Show what a command printed, indented."""
        for line in filter(str.strip, text.splitlines()):
            self.console.print(f"      [dim]{escape(line)}[/dim]")

    def note(self, text: str) -> None:
        self.console.print(f"    {escape(text)}")

    def holds(self, fact: str, condition: object, why_not: object = "") -> None:
        """Print ``fact`` if ``condition`` is true. Raises ``DoesNotHold`` otherwise."""
        if not condition:
            raise DoesNotHold(f"not so: {fact}. {why_not}".strip())
        self.console.print(f"    [green]ok[/green]  {escape(fact)}")

    def nothing(self, fact: str, leftovers: list[str]) -> None:
        """Print ``fact`` if there are no ``leftovers``. Raises ``DoesNotHold`` otherwise."""
        shown = ", ".join(leftovers[:10]) + (", ..." if len(leftovers) > 10 else "")
        self.holds(fact, not leftovers, f"{len(leftovers)} left: {shown}")
