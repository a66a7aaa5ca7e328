"""Charts with two logarithmic axes, as SVG that is readable on white and on black."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import ceil, floor, log10

WIDTH, HEIGHT = 640, 340
LEFT, RIGHT, TOP, BOTTOM = 62, 250, 30, 40
"""Pixels around the axes; on the right are the lines' names."""

NAMES_APART = 16

NEUTRAL = "#808080"
"""Of text and axes: 3.9 to 1 on white, 5.3 to 1 on black."""

OURS = "#2f81f7"
OTHERS = ("#e3702d", "#2da44e", "#a371f7", "#d4488e", "#b08800", "#6e9aa8")
"""Each at least 3 to 1 on white and on black."""

DASHES = ("", "6 3", "2 3")


@dataclass(frozen=True, slots=True)
class Line:
    """`points`: (x, y), both positive, by rising x. `is_ours`: drawn thick, and in the one colour that says so."""

    name: str
    points: Sequence[tuple[float, float]]
    is_ours: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """Powers of ten from `low` to `high`, laid out from pixel `start` to pixel `stop`."""

    low: int
    high: int
    start: float
    stop: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, stop: float) -> Axis:
        low, high = floor(log10(min(values)) + 1e-9), ceil(log10(max(values)) - 1e-9)
        return cls(low, max(high, low + 1), start, stop)

    def at(self, value: float) -> float:
        share = (log10(value) - self.low) / (self.high - self.low)
        return self.start + share * (self.stop - self.start)


def chart(title: str, lines: Sequence[Line], x_name: Callable[[float], str], y_name: Callable[[float], str]) -> str:
    """The SVG: no script, no font of its own, no background. Raises ValueError where there is no point to draw."""
    lines = [line for line in lines if line.points]
    if not lines:
        raise ValueError(f"the chart {title!r} has no points; run the sections it is drawn from")
    x = Axis.over([point[0] for line in lines for point in line.points], LEFT, WIDTH - RIGHT)
    y = Axis.over([point[1] for line in lines for point in line.points], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">',
        f'<g role="img" font-family="system-ui, sans-serif" font-size="12" fill="{NEUTRAL}">',
        f"<title>{escape(title)}</title>",
        f'<text x="{LEFT}" y="16" font-size="13" font-weight="600">{escape(title)}</text>',
        *_grid(x, y, x_name, y_name),
        *_drawn(lines, x, y),
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _grid(x: Axis, y: Axis, x_name: Callable[[float], str], y_name: Callable[[float], str]) -> Iterator[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    for power in range(x.low, x.high + 1):
        at = x.at(10.0**power)
        yield f'<path d="M{at:.1f} {TOP}V{bottom}" stroke="{NEUTRAL}" stroke-opacity=".25"/>'
        yield f'<text x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">{escape(x_name(10.0**power))}</text>'
    for power in range(y.low, y.high + 1):
        at = y.at(10.0**power)
        yield f'<path d="M{LEFT} {at:.1f}H{right}" stroke="{NEUTRAL}" stroke-opacity=".25"/>'
        yield f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{escape(y_name(10.0**power))}</text>'


def _drawn(lines: Sequence[Line], x: Axis, y: Axis) -> Iterator[str]:
    """Lines, their points, and their names beside their ends, moved apart where they would overlap."""
    ends = _apart([y.at(line.points[-1][1]) for line in lines])
    ours = others = 0
    for line, end in zip(lines, ends, strict=True):
        colour = OURS if line.is_ours else OTHERS[others % len(OTHERS)]
        dash = DASHES[ours % len(DASHES)] if line.is_ours else ""
        ours, others = ours + line.is_ours, others + (not line.is_ours)
        places = [(x.at(point[0]), y.at(point[1])) for point in line.points]
        path = "L".join(f"{across:.1f} {down:.1f}" for across, down in places)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        wide = 3 if line.is_ours else 1.5
        yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="{wide}"{dashed}/>'
        for across, down in places:
            yield f'<circle cx="{across:.1f}" cy="{down:.1f}" r="{3.5 if line.is_ours else 2.5}" fill="{colour}"/>'
        right = WIDTH - RIGHT
        yield (
            f'<path d="M{places[-1][0] + 4:.1f} {places[-1][1]:.1f}L{right + 14} {end:.1f}" '
            f'stroke="{colour}" stroke-opacity=".5"/>'
        )
        weight = ' font-weight="600"' if line.is_ours else ""
        yield f'<text x="{right + 18}" y="{end + 4:.1f}" fill="{colour}"{weight}>{escape(line.name)}</text>'


def _apart(places: Sequence[float]) -> list[float]:
    """The places, at least a name's height apart, in their order, and within the chart."""
    order = sorted(range(len(places)), key=lambda n: places[n])
    found = list(places)
    for before, after in pairwise(order):
        found[after] = max(found[after], found[before] + NAMES_APART)
    floor_at = float(HEIGHT - 10)
    for n in reversed(order):
        found[n] = min(found[n], floor_at)
        floor_at = found[n] - NAMES_APART
    return found
