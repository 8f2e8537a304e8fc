"""One line of the table: what was measured, what it is measured against, and its bar."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

# {unit of what is held against the bar: how it is written}
FORMATS = {"x": "{:.2f} x", "MiB": "{:.1f} MiB more", "queries": "{:.0f}", "ms": "{:.0f} ms more", "s": "{:.3f} s"}


@dataclass(frozen=True, kw_only=True)
class Figure:
    work: str
    title: str
    rows: int
    ours: float
    beside: float
    """What ``ours`` is compared with: the hand-written SQL, Django alone, or the small table."""

    measured_in: str
    figure: float
    """What is held against the bar."""

    unit: str
    bar: float | None = None
    """The figure is at most this; None where there is no bar."""

    aside: str = ""
    """What is said of ``ours`` in the table."""

    note: str = ""

    @property
    def verdict(self) -> str:
        if self.bar is None:
            return ""
        return "met" if self.figure <= self.bar else "missed"

    @property
    def is_timed(self) -> bool:
        return self.measured_in == "s"

    def shown(self, value: float) -> str:
        """Return one side as text; seconds with the rows in each."""
        if self.is_timed:
            return f"{value:.2f} s, {self.rows / value:,.0f}/s"
        return {"MiB": "{:.1f} MiB", "queries": "{:.0f}", "ms": "{:.0f} ms"}[self.measured_in].format(value)

    def cells(self) -> list[str]:
        """Return title, rows, ours, beside, figure, bar, verdict as texts."""
        written = FORMATS[self.unit]
        bar = "" if self.bar is None else written.format(self.bar).removesuffix(" more")
        return [
            self.title,
            f"{self.rows:,}",
            f"{self.shown(self.ours)} {self.aside}".rstrip(),
            self.shown(self.beside),
            written.format(self.figure),
            bar,
            self.verdict,
        ]

    def as_dict(self) -> dict[str, Any]:
        found = asdict(self) | {"verdict": self.verdict}
        if self.is_timed:
            found |= {"rows_per_second": self.rows / self.ours, "rows_per_second_beside": self.rows / self.beside}
        return found
