"""Charts with two logarithmic axes, as SVG that is readable on white and on black. Drawn by matplotlib."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import cycle

from benchmarks.measure import optional

NEUTRAL = "#808080"
"""Colour of text and axes: 3.9 to 1 on white, 5.3 to 1 on black."""

OURS = "#2f81f7"
OTHERS = ("#e3702d", "#2da44e", "#a371f7", "#d4488e", "#b08800", "#6e9aa8")
"""Each at least 3 to 1 on white and on black."""

DASHES = ("solid", "dashed", "dotted")
"""Our lines share one colour and differ by these."""

STYLE = {
    "font.size": 9,
    # text stays text: it can be searched for, and needs no outlines
    "svg.fonttype": "none",
    **{f"{part}.color": NEUTRAL for part in ("text", "xtick", "ytick", "grid")},
    "axes.edgecolor": NEUTRAL,
    "axes.labelcolor": NEUTRAL,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "lines.marker": "o",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart, with its points."""

    name: str

    points: Sequence[tuple[float, float]]
    """(x, y), both positive, by rising x."""

    is_ours: bool = False
    """Whether the line is drawn thick, and in the one colour that says so."""


@dataclass(frozen=True, slots=True)
class Chart:
    """The content of a chart: everything but how it is drawn. Raises ValueError where there is no point to draw."""

    title: str
    lines: tuple[Line, ...]

    unit: str
    """Unit of y, to which prefixes are added: `s`, `B`."""

    def __post_init__(self) -> None:
        if not any(line.points for line in self.lines):
            raise ValueError(f"the chart {self.title!r} has no points; run the sections it is drawn from")

    @property
    def digest(self) -> str:
        """BLAKE2b of the content, which the SVG carries as its identifier: whether a drawing is up to date shows
        without drawing it again."""
        return blake2b(repr(self).encode(), digest_size=16).hexdigest()


def draw(chart: Chart) -> str:
    """Return the chart as SVG: no script, no background, the same bytes from the same content.

    Raises RuntimeError where matplotlib is not installed.
    """
    matplotlib, figures, ticker = (optional(f"matplotlib{name}") for name in ("", ".figure", ".ticker"))
    if matplotlib is None or figures is None or ticker is None:
        raise RuntimeError("matplotlib is missing: make .venv/bench/complete, and run .venv/bench/bin/python")
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": chart.digest}):
        figure = figures.Figure(figsize=(8, 3.6), layout="constrained")
        axes = figure.subplots()
        axes.set_title(chart.title, loc="left", fontweight="bold", fontsize=10)
        dashes, colours = cycle(DASHES), cycle(OTHERS)
        drawn = [line for line in chart.lines if line.points]
        handles = [
            axes.loglog(
                *zip(*line.points, strict=True),
                label=line.name,
                color=OURS if line.is_ours else next(colours),
                linestyle=next(dashes) if line.is_ours else "solid",
                linewidth=2.5 if line.is_ours else 1.2,
                markersize=5 if line.is_ours else 3.5,
            )[0]
            for line in drawn
        ]
        for axis, unit in ((axes.xaxis, ""), (axes.yaxis, chart.unit)):
            axis.set_major_formatter(ticker.EngFormatter(unit))
        axes.minorticks_off()
        # names stand in the order in which the lines end, from top to bottom
        by_end = sorted(range(len(drawn)), key=lambda n: -drawn[n].points[-1][1])
        figure.legend(handles=[handles[n] for n in by_end], loc="outside right center", labelcolor="linecolor")
        written = io.StringIO()
        about = {"Title": chart.title, "Identifier": chart.digest, "Date": None, "Creator": None}
        figure.savefig(written, format="svg", transparent=True, metadata=about)
    return written.getvalue()
