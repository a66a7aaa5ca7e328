"""The vote: how many matches of two pictures agree on one way to lay one picture over the other.

A way is a similarity: question = m · stored + shift, with m a turn and a scale. Two matches suggest one, if the sizes
and the angles of their features say nearly the same as their places. Ways are judged by all matches, and of the
most promising `TRIED` those matches are counted that agree one to one, apart from each other in both pictures.

Everything is done with sums, products and square roots of float64, and with tables that are rounded: the same numbers
on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families.crops.matching import Matched, ranks
from shards.families.crops.row import sigmas_and_angles
from shards.families.crops.unpacked import Unpacked

TURN = 64
"""Angles are in 64ths of a turn."""

ALIKE = 4
"""64ths of a turn by which the angles of two matches differ at most, and eighths of octaves by which their sizes differ
less: half an octave."""

MIN_STORED, MIN_ASKED = 8, 4
"""Pixels of the working images that two matches are further apart: what is closer tells a scale badly."""

AGREES = 9
"""Pixels of the stored working image by which a match may be away from where a way puts it."""

APART = 3
"""Pixels of the stored working image within which features are the same place, and count once."""

WAYS = 500
"""Ways that are judged, those of the best matches first."""

TRIED = 8
"""Ways whose matches are counted one to one."""

AT_ONCE = 1 << 15
"""Matches that are held against ways at a time, at most: numbers of 256 KB each, which stay in the L2 cache."""

DECIMALS = 12
"""Digits of tables: libraries of mathematics differ in the last of 16."""

COSINES = np.array([round(math.cos(2 * math.pi * angle / TURN), DECIMALS) for angle in range(TURN)])
SINES = np.array([round(math.sin(2 * math.pi * angle / TURN), DECIMALS) for angle in range(TURN)])

MAX_ANGLE = round(math.cos(math.radians(26)), DECIMALS)
"""Cosine of the angle by which a feature's turn and that of a way may differ."""

SIZES = 64
"""Sizes that a feature can have, in eighths of octaves."""

SQUARED = np.array([round(2 ** (eighths / 4), DECIMALS) for eighths in range(-SIZES - ALIKE, SIZES + ALIKE + 1)])
"""The square of a scale of so many eighths of octaves, −68 to 68."""


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """The outcome for n pairs of a question and a stored row."""

    counts: NDArray[np.int64]
    """(n,) int64: the greatest number of matches that agree."""

    turns: NDArray[np.float64]
    """(n, 2) float64: m of the way they agree on, as a complex number x + iy, in pixels of the question's working image
    for a pixel of the stored one; 0 where there is none."""

    shifts: NDArray[np.float64]
    """(n, 2) float64: the shift of that way, in pixels of the question's working image."""

    boxes: NDArray[np.int64]
    """(n, 4) int64: left, top, right and bottom of the agreeing features in the stored picture, in its 255ths."""


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """The matches of c pairs of rows side by side, with room for k matches of each: (c, k) arrays."""

    is_there: NDArray[np.bool_]
    asked: NDArray[np.int64]
    stored: NDArray[np.int64]

    boxed: NDArray[np.int64]
    """(2, c, k) int64: x and y of the stored feature, in 255ths."""

    qx: NDArray[np.float64]
    qy: NDArray[np.float64]
    dx: NDArray[np.float64]
    dy: NDArray[np.float64]
    """x and y of the question's and of the stored feature, in pixels of their working images."""

    larger: NDArray[np.int64]
    """How much larger the question's feature is, in eighths of octaves."""

    turned: NDArray[np.int64]
    """How far the question's feature is turned, in 64ths, 0 to 63."""

    smallest: NDArray[np.float64]
    largest: NDArray[np.float64]
    """Limits of the squared scale of a way that the features' sizes agree with."""

    cosines: NDArray[np.float64]
    sines: NDArray[np.float64]
    """Of `turned`."""

    @classmethod
    def laid_out(cls, matched: Matched, at: NDArray[np.int64], questions: Unpacked, rows: Unpacked) -> _Table:
        """Lay out the matches from `at`, (c, k), where −1 is no match. A single question is that of all rows."""
        is_there = at >= 0
        at = np.maximum(at, 0)
        row, asked, stored = matched.pairs[at], matched.asked[at], matched.stored[at]
        question = row if len(questions.counts) > 1 else np.zeros_like(row)
        boxed = np.moveaxis(rows.places[row, stored], -1, 0).astype(np.int64)
        qx, qy = _pixels(questions.places[question, asked], questions.sizes[question])
        dx, dy = _pixels(rows.places[row, stored], rows.sizes[row])
        q_size, q_angle = sigmas_and_angles(questions.packed[question, asked])
        d_size, d_angle = sigmas_and_angles(rows.packed[row, stored])
        larger, turned = q_size - d_size, (q_angle - d_angle) % TURN
        middle = larger + (SIZES + ALIKE)
        return cls(
            is_there,
            asked,
            stored,
            boxed,
            qx,
            qy,
            dx,
            dy,
            larger,
            turned,
            SQUARED[middle - ALIKE],
            SQUARED[middle + ALIKE],
            COSINES[turned],
            SINES[turned],
        )

    def of(self, pair: NDArray[np.int64], values: NDArray[Any]) -> NDArray[Any]:
        """Return (h, k), or what is as good for arithmetic: the values, (c, k), of each of these pairs."""
        return values[pair] if len(values) > 1 else values


@dataclass(frozen=True, slots=True, eq=False)
class _Ways:
    """Ways to lay a picture over another: h of them, by rising pair, and for each pair the best matches' first."""

    pair: NDArray[np.int64]
    """(h,) int64: the pair of rows, in the table."""

    match: NDArray[np.int64]
    """(h,) int64: the match whose features the way lays exactly on each other."""

    mx: NDArray[np.float64]
    my: NDArray[np.float64]
    """(h,) float64: m, a complex number."""

    square: NDArray[np.float64]
    """(h,) float64: the square of its length."""

    def take(self, which: NDArray[np.intp]) -> _Ways:
        return _Ways(self.pair[which], self.match[which], self.mx[which], self.my[which], self.square[which])

    def fit(
        self,
        smallest: NDArray[np.float64],
        largest: NDArray[np.float64],
        cosines: NDArray[np.float64],
        sines: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Return which features agree with the ways in size and turn: arrays with a first axis of h, or of 1."""
        wide = (len(self.square), *[1] * (cosines.ndim - 1))
        square = self.square.reshape(wide)
        fit: NDArray[np.bool_] = (square > smallest) & (square < largest)
        along = self.mx.reshape(wide) * cosines + self.my.reshape(wide) * sines
        return fit & (along > (MAX_ANGLE * np.sqrt(self.square)).reshape(wide))


def vote(matched: Matched, questions: Unpacked, rows: Unpacked, min_share: int) -> Votes:
    """Return the vote of the matches of `questions[n]`, or of the only question, with `rows[n]`.

    `min_share`: percent of the stored picture that the box around agreeing features must cover for them to count.
    """
    count = len(rows.counts)
    votes = Votes(np.zeros(count, np.int64), np.zeros((count, 2)), np.zeros((count, 2)), np.zeros((count, 4), np.int64))
    for pairs, at in _together(matched):
        table = _Table.laid_out(matched, at, questions, rows)
        ways = _promising(table, _ways(table))
        if len(ways.pair):
            _count(table, ways, pairs, min_share, votes)
    return votes


def _together(matched: Matched) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield pairs of rows with about as many matches each, (c,), and where their matches are, (c, k); −1 is none."""
    firsts = np.flatnonzero(np.diff(matched.pairs, prepend=-1))
    pairs, counts = matched.pairs[firsts], np.diff(firsts, append=len(matched.pairs))
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 1]
    start = 0
    while start < len(order):
        most = int(counts[order[start]])
        some = order[start : start + max(AT_ONCE // (min(most**2 // 2, WAYS) * most), 1)]
        within = np.arange(most)
        yield pairs[some], np.where(within < counts[some, None], firsts[some, None] + within, -1)
        start += len(some)


def _ways(table: _Table) -> _Ways:
    """Return the ways that two matches suggest, which say the same about place, size and angle."""
    first, second = np.triu_indices(table.asked.shape[1], 1)
    ok = table.is_there[:, second]
    ok &= (table.asked[:, first] != table.asked[:, second]) & (table.stored[:, first] != table.stored[:, second])
    ok &= np.abs(table.larger[:, first] - table.larger[:, second]) < ALIKE
    turned = table.turned[:, first] - table.turned[:, second]
    ok &= np.minimum(turned % TURN, -turned % TURN) <= ALIKE
    pair, which = np.nonzero(ok)
    a, b = first[which], second[which]
    stored_x, stored_y = table.dx[pair, b] - table.dx[pair, a], table.dy[pair, b] - table.dy[pair, a]
    asked_x, asked_y = table.qx[pair, b] - table.qx[pair, a], table.qy[pair, b] - table.qy[pair, a]
    stored, asked = stored_x * stored_x + stored_y * stored_y, asked_x * asked_x + asked_y * asked_y
    far = np.flatnonzero((stored > MIN_STORED**2) & (asked > MIN_ASKED**2))
    pair, a, b, stored = pair[far], a[far], b[far], stored[far]
    stored_x, stored_y, asked_x, asked_y = stored_x[far], stored_y[far], asked_x[far], asked_y[far]
    mx = (asked_x * stored_x + asked_y * stored_y) / stored
    my = (asked_y * stored_x - asked_x * stored_y) / stored
    ways = _Ways(pair, a, mx, my, mx * mx + my * my)
    fit = np.ones(len(pair), bool)
    for one in (a, b):
        limits = table.smallest[pair, one], table.largest[pair, one]
        fit &= ways.fit(*limits, table.cosines[pair, one], table.sines[pair, one])
    ways = ways.take(np.flatnonzero(fit))
    return ways.take(np.flatnonzero(ranks(ways.pair) < WAYS))


def _agreeing(table: _Table, ways: _Ways) -> NDArray[np.bool_]:
    """Return (h, k) bool: the matches that agree with each way."""
    pair, match = ways.pair, ways.match
    mx, my = ways.mx[:, None], ways.my[:, None]
    x, y = (table.of(pair, of) - of[pair, match][:, None] for of in (table.dx, table.dy))
    off_x = mx * x - my * y + table.qx[pair, match][:, None] - table.of(pair, table.qx)
    off_y = mx * y + my * x + table.qy[pair, match][:, None] - table.of(pair, table.qy)
    near: NDArray[np.bool_] = off_x * off_x + off_y * off_y < AGREES**2 * ways.square[:, None]
    near &= ways.fit(*(table.of(pair, of) for of in (table.smallest, table.largest, table.cosines, table.sines)))
    near &= table.of(pair, table.is_there)
    return near


def _promising(table: _Table, ways: _Ways) -> _Ways:
    """Return of each pair the ways with which most matches agree, most first; of equals the earlier ones."""
    counts = _agreeing(table, ways).sum(axis=1)
    order = np.lexsort((-counts, ways.pair))
    return ways.take(order[ranks(ways.pair[order]) < TRIED])


def _count(table: _Table, ways: _Ways, pairs: NDArray[np.int64], min_share: int, votes: Votes) -> None:
    """Fill in the votes of these pairs, by their best way; of equals the earlier one."""
    chosen = _one_to_one(table, ways)
    counts = chosen.sum(axis=1)
    x, y = (of[ways.pair] for of in table.boxed)
    low, high = (np.stack([np.where(chosen, of, none).T for of in (x, y)]) for none in (255, 0))
    low, high = low.min(axis=1), high.max(axis=1)
    area = np.maximum(high - low, 0).prod(axis=0)
    counts[area * 100 < min_share * 255 * 255] = 0
    order = np.lexsort((-counts, ways.pair))
    best = order[ranks(ways.pair[order]) == 0]
    best = best[counts[best] > 0]
    ways = ways.take(best)
    at = pairs[ways.pair]
    votes.counts[at] = counts[best]
    votes.turns[at] = np.stack([ways.mx, ways.my], axis=1)
    dx, dy = table.dx[ways.pair, ways.match], table.dy[ways.pair, ways.match]
    shift_x = table.qx[ways.pair, ways.match] - (ways.mx * dx - ways.my * dy)
    shift_y = table.qy[ways.pair, ways.match] - (ways.mx * dy + ways.my * dx)
    votes.shifts[at] = np.stack([shift_x, shift_y], axis=1)
    votes.boxes[at] = np.concatenate([low[:, best], high[:, best]]).T


def _one_to_one(table: _Table, ways: _Ways) -> NDArray[np.bool_]:
    """Return (h, k) bool: of the matches that agree with each way, in order, those that rule each other not out.

    A match rules out later ones of the same feature, and those that are nearly at the same place in either picture.
    """
    clash = table.asked[:, :, None] == table.asked[:, None]
    clash |= table.stored[:, :, None] == table.stored[:, None]
    clash |= _apart(table.dx, table.dy) < APART**2
    near = _apart(table.qx, table.qy)[ways.pair] < APART**2 * ways.square[:, None, None]
    ruled_out = clash[ways.pair] | near
    free = _agreeing(table, ways)
    chosen = np.zeros_like(free)
    for match in range(free.shape[1]):
        chosen[:, match] = free[:, match]
        free &= ~(ruled_out[:, match] & free[:, match, None])
    return chosen


def _apart(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (c, k, k) float64: the squared distances of places, (c, k)."""
    across, down = x[:, :, None] - x[:, None], y[:, :, None] - y[:, None]
    squares: NDArray[np.float64] = across * across + down * down
    return squares


def _pixels(places: NDArray[np.uint8], sizes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    pixels = places / 255.0 * sizes
    return pixels[..., 0], pixels[..., 1]
