"""Draws the figures of a run as SVG: ``python -m benchmarks.chart FILE.json ...``. Measures nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

matplotlib.use("svg")
# The same figures give the same file, and its texts can be read and searched.
matplotlib.rcParams.update({"svg.hashsalt": "gdpr_assist", "svg.fonttype": "none", "font.size": 9})

COLOURS = {"met": "#2a7f62", "missed": "#c0392b"}
# A figure far beyond its bar must not make the others invisible.
LONGEST = 2.5


def draw(file: Path) -> Path:
    """Write the chart of ``file`` beside it and return where."""
    content = json.loads(file.read_text(encoding="utf-8"))
    picture = growth(content) if content["growth"] else bars(content)
    target = file.with_suffix(".svg")
    picture.savefig(target, metadata={"Date": None, "Creator": None})
    return target


def bars(content: dict[str, Any]) -> Figure:
    """One bar for each figure: how much of what it may be at most it takes."""
    figures = [each for each in content["figures"] if each["bar"]]
    picture = Figure(figsize=(9, 0.6 + 0.34 * len(figures)), layout="constrained")
    axes = picture.add_subplot()
    shares = [max(each["figure"], 0) / each["bar"] for each in figures]
    colours = [COLOURS[each["verdict"]] for each in figures]
    titles = [each["title"] for each in figures]
    axes.barh(titles, [min(share, LONGEST) for share in shares], color=colours, height=0.62)
    for at, (each, share) in enumerate(zip(figures, shares, strict=True)):
        said = f"{round(each['figure'], 2):g} of {each['bar']:g} {each['unit']}"
        axes.text(min(share, LONGEST) + 0.02, at, said, va="center")
    axes.axvline(1, color="#333333", linewidth=1)
    axes.invert_yaxis()
    axes.set_xlim(0, LONGEST + 0.6)
    axes.set_xlabel("figure / bar; up to the line it is met")
    axes.set_title(content["environment"]["database"], loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    return picture


def growth(content: dict[str, Any]) -> Figure:
    """Rows in a second over rows, one small picture for each work."""
    works = {each["title"]: [] for each in content["figures"]}
    for each in content["figures"]:
        works[each["title"]].append(each)
    across = 2
    down = -(-len(works) // across)
    picture = Figure(figsize=(9, 2.3 * down), layout="constrained")
    for at, (title, figures) in enumerate(works.items(), start=1):
        axes = picture.add_subplot(down, across, at)
        sizes = [each["rows"] for each in figures]
        ours = [each["rows_per_second"] for each in figures]
        beside = [each["rows_per_second_beside"] for each in figures]
        axes.semilogx(sizes, ours, "o-", color="#1f4e79", label="gdpr_assist")
        axes.semilogx(sizes, beside, "s--", color="#888888", label="by hand")
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_ylim(0, 1.1 * max(*ours, *beside))
        axes.set_title(title, loc="left", fontsize=9)
        axes.set_xlabel("rows")
        axes.set_ylabel("rows a second")
        axes.grid(visible=True, which="major", alpha=0.3)
        if at == 1:
            axes.legend(frameon=False)
    picture.suptitle(content["environment"]["database"], x=0.01, ha="left")
    return picture


if __name__ == "__main__":
    for name in sys.argv[1:]:
        draw(Path(name))
