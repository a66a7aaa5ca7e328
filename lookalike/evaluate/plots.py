"""Plots of an evaluation, as SVG that takes its colours from the page around it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from lookalike.evaluate.result import FamilyResult

WIDTH, HEIGHT = 360, 200
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 8, 30

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#999933", "#332288", "#888888")
"""Colours that colour-blind people can tell apart (Okabe and Ito, 2008), and four more."""

DECADES = 8
"""Decades of the logarithmic axes."""

SHARES = ((1.0, "1"), (0.75, "1e-2"), (0.5, "1e-4"), (0.25, "1e-6"), (0.0, "1e-8"))
"""Ticks of a logarithmic axis: where on it, and what they say."""


def distribution(result: FamilyResult, title: str) -> str:
    """Return a plot of what copies and strangers score: shares by score, logarithmic, with the threshold."""
    strangers = result.strangers
    bins = 100
    own, _ = np.histogram(np.minimum(result.own, strangers.top), bins, (0, strangers.top))
    others = strangers.counts.reshape(bins, -1).sum(axis=1)
    lines = []
    for counts, kind in ((others, "strangers"), (own, "copies")):
        shares = counts / max(1, counts.sum())
        places = [(n / bins, _log(share)) for n, share in enumerate(shares)]
        steps = " ".join(f"{_x(x):.1f},{_y(y):.1f} {_x(x + 1 / bins):.1f},{_y(y):.1f}" for x, y in places)
        lines.append(f'<polyline class="{kind}" points="{_x(0):.1f},{_y(0):.1f} {steps} {_x(1):.1f},{_y(0):.1f}"/>')
    at = _x(min(1.0, result.threshold / strangers.top))
    lines.append(f'<line class="threshold" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
    ticks = [(n / 4, f"{strangers.top * n / 4:g}") for n in range(5)]
    return _plot(title, "".join(lines), ticks)


def trade(results: Mapping[str, FamilyResult], rates: Sequence[float]) -> str:
    """Return a plot of the mean recall of each family by the false rate that is allowed."""
    lines = []
    decades = [-math.log10(rate) for rate in rates]
    low, high = decades[0], decades[-1]
    for n, result in enumerate(results.values()):
        places = []
        for rate, decade in zip(rates, decades, strict=True):
            if result.strangers.can_measure(rate):
                threshold = result.strangers.threshold(rate, result.own.ravel())
                recall = float((result.own >= threshold).mean())
                places.append((_x((decade - low) / (high - low)), _y(recall)))
        if places:
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            lines.append(f'<polyline fill="none" stroke="{colour(n)}" points="{points}"/>')
            lines.extend(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour(n)}"/>' for x, y in places)
    ticks = [((decade - low) / (high - low), f"1e-{decade:.0f}") for decade in decades]
    levels = [(n / 4, f"{25 * n} %") for n in range(5)]
    return _plot("Mean recall by false rate", "".join(lines), ticks, levels)


def colour(place: int) -> str:
    """Return the colour of the family at this place."""
    return COLOURS[place % len(COLOURS)]


def _plot(
    title: str,
    inside: str,
    ticks: Sequence[tuple[float, str]],
    levels: Sequence[tuple[float, str]] = SHARES,
) -> str:
    grid = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_y(at):.1f}" y2="{_y(at):.1f}"/>'
        f'<text x="{LEFT - 5}" y="{_y(at) + 4:.1f}" text-anchor="end">{escape(text)}</text>'
        for at, text in levels
    )
    below = "".join(
        f'<text x="{_x(at):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{escape(text)}</text>'
        for at, text in ticks
    )
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{grid}{below}{inside}</svg>'


def _log(share: float) -> float:
    """Return where a share lies on the logarithmic axis: 1 at the top, 0 at `DECADES` decades below it."""
    return max(0.0, 1 + math.log10(share) / DECADES) if share > 0 else 0.0


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
