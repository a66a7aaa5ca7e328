"""The part that a question's picture and a stored one have in common, from the features that agree.

A way lays one picture over the other, and where both are there they may show the same: but a cell of a collage shows a
part of a picture beside something else. So the part ends, on each side, where features of the stored picture begin of
which hardly any would be missing if the question showed them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Row
from shards.families.crops.matching import Lookup
from shards.families.crops.unpacked import Unpacked
from shards.families.crops.vote import AGREES, vote
from shards.families.overlap import Corners, Overlap
from shards.families.polygons import Box, Points, area, clipped

UNLIKELY = 1e-7
"""Probability of so many missing features below which a side of the part ends before them. They come in clusters, so it
is small: of a crop by half the outline and the truth share 97 % of their area, of a half beside another picture 76 %;
at a probability of 0.05 these are 73 and 69 %, and if no side ever ends 98 and 50 %."""

FITS = 3
"""Times that a way is fitted to the matches that agree with it: by then they are the same."""


def common_part(query: Row, row: Row) -> Overlap | None:
    """Return where a question's picture and a stored one show the same; None where too little agrees."""
    question, stored = (Unpacked.of(np.array([one], one.dtype)) for one in (query, row))
    matched = Lookup.of(question).matches(stored)
    votes = vote(matched, question, stored, int(query["min_share"]))
    count = int(votes.counts[0])
    if not count:
        return None
    asked_at, stored_at = _points(question), _points(stored)
    pairs = stored_at[matched.stored], asked_at[matched.asked]
    turn, shift, near = _fitted(*pairs, complex(*votes.turns[0]), complex(*votes.shifts[0]))
    agreeing = np.zeros(len(stored_at), bool)
    agreeing[matched.stored[near]] = True
    frame, asked_frame = (Box(0, 0, *(float(side) for side in of.sizes[0])) for of in (stored, question))
    both = clipped((asked_frame.corners - shift) / turn, frame)
    # a crop of a turned picture is upright in the question, a picture turned within another in the stored one
    upright, turned = Box.around(both), Box.around(turn * both + shift)
    if turned.area / abs(turn) ** 2 < 0.99 * upright.area:
        part = _ending(turned, turn * stored_at + shift, agreeing)
        corners = (part.corners - shift) / turn
    else:
        part = _ending(upright, stored_at, agreeing)
        corners = part.corners
    share = area(clipped(corners, frame)) / frame.area
    return Overlap(
        _shares(corners, frame),
        _shares(turn * corners + shift, asked_frame),
        share,
        # the remainder of a tiny negative number is rounded to 360
        math.degrees(math.atan2(turn.imag, turn.real)) % 360 % 360,
        abs(turn) * math.sqrt(frame.area / asked_frame.area),
        count,
    )


def _points(of: Unpacked) -> Points:
    """Return (f,) the places of the features of one row."""
    pixels = of.places[0, : of.counts[0]] / 255.0 * of.sizes[0]
    points: Points = pixels[:, 0] + 1j * pixels[:, 1]
    return points


def _fitted(stored: Points, asked: Points, turn: complex, shift: complex) -> tuple[complex, complex, NDArray[np.bool_]]:
    """Return the way of least squares through the matches that agree with one, and which of them agree.

    A vote lays two features exactly on each other, and so the far end of the picture some pixels off.
    """
    near = _agreeing(stored, asked, turn, shift)
    for _ in range(FITS):
        middle, asked_middle = stored[near].mean(), asked[near].mean()
        off, asked_off = stored[near] - middle, asked[near] - asked_middle
        spread = float((off * off.conj()).real.sum())
        if not spread:
            break
        fitted = complex((off.conj() * asked_off).sum() / spread)
        fitted_shift = complex(asked_middle - fitted * middle)
        fit = _agreeing(stored, asked, fitted, fitted_shift)
        # matches that lie within some pixels, in any order, are best fitted by making all of the picture a point
        if np.count_nonzero(fit) < 2:
            break
        turn, shift, near = fitted, fitted_shift, fit
    return turn, shift, near


def _agreeing(stored: Points, asked: Points, turn: complex, shift: complex) -> NDArray[np.bool_]:
    """Return which matches agree with a way."""
    near: NDArray[np.bool_] = np.abs(turn * stored + shift - asked) < AGREES * abs(turn)
    return near


def _ending(whole: Box, points: Points, agreeing: NDArray[np.bool_]) -> Box:
    """Return the part of a box that ends before features that would agree if the question showed them."""
    there = whole.holds(points)
    seen = Box.around(points[agreeing])
    inside = there & seen.holds(points)
    # that of the features inside all agree is no reason to believe that all do
    found = np.count_nonzero(agreeing & inside) / (np.count_nonzero(inside) + 1)
    missing = math.log(UNLIKELY) / math.log(1 - found) if found else math.inf
    sides = []
    for limit, edge, values in (
        (whole.left, seen.left, points.real),
        (whole.top, seen.top, points.imag),
        (-whole.right, -seen.right, -points.real),
        (-whole.bottom, -seen.bottom, -points.imag),
    ):
        beyond = values[there & (values < edge)]
        # no side begins inside of the features that agree, or outside of both pictures
        sides.append(min(limit, edge) if len(beyond) < missing else max(float(beyond.max()), limit))
    return Box(sides[0], sides[1], -sides[2], -sides[3])


def _shares(points: Points, frame: Box) -> Corners:
    """Return four points as shares of the frame's sides."""
    across, down = points.real / frame.right, points.imag / frame.bottom
    first, second, third, fourth = zip(across.tolist(), down.tolist(), strict=True)
    return first, second, third, fourth
