"""Exhaustive, exact search: every row is looked at, most of them through one of their three planes.

Blocks are taken in spans. Over the first plane of a span's blocks the weight that each row matches is summed, for all
queries at once; rows that cannot reach the score of the last of the best so far drop out, by integer comparisons
(`bounds`). The others' second plane is gathered, then that of whoever is left after it; then a·b is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families.base import ColumnReader, Matches, Rows
from shards.families.goldberg import columns
from shards.families.goldberg.bounds import Needs, needs
from shards.families.goldberg.columns import Classes, Plane
from shards.families.goldberg.contenders import Contenders
from shards.families.goldberg.planes import distances_from, negate
from shards.families.goldberg.weights import Asked, matched_weights

SPAN = 16
"""Blocks read in one request once there is a good floor: 8.9 MB of plane P."""

SEEDS = 256
"""Rows that are scored before all others, those with the largest weight matched in the first block: their best make a
floor that few rows of the first span reach."""


@dataclass(frozen=True, slots=True)
class Question:
    """One query: `asked[place]` or, if `negated`, its negative; `number` is its own among all the queries."""

    number: int
    place: int
    asked: Asked
    negated: bool

    def turned(self, weights: NDArray[np.uint16]) -> NDArray[np.int64]:
        """Weights matched by this query, from those matched by `asked`."""
        wide = weights.astype(np.int64)
        return self.asked.weight - wide if self.negated else wide

    def reaching(self, weights: NDArray[np.uint16], least: int) -> NDArray[np.intp]:
        """Where the weight matched by this query is `least` or more, from those matched by `asked`."""
        if least <= 0:
            return np.arange(len(weights))
        if least > self.asked.weight:
            return np.empty(0, np.intp)
        if self.negated:
            return np.flatnonzero(weights <= np.uint16(self.asked.weight - least))
        return np.flatnonzero(weights >= np.uint16(least))


@dataclass(frozen=True, slots=True)
class Survivors:
    """Rows of some blocks that may still be among the best for a question.

    `blocks`: (first row, row after the last) of each. `block`: (n,) intp, which of them each row is in, rising.
    `offsets`: (n,) intp, its place in the block. `matched`: (n,) int64, the weight it matches in plane P. `sums`: (n,)
    int64, what all planes so far have of its a·b.
    """

    blocks: Sequence[tuple[int, int]]
    block: NDArray[np.intp]
    offsets: NDArray[np.intp]
    matched: NDArray[np.int64]
    sums: NDArray[np.int64]

    @property
    def places(self) -> NDArray[np.int64]:
        """(n,) int64: their places in the search columns."""
        return np.array([start for start, _ in self.blocks], np.int64)[self.block] + self.offsets

    def reaching(self, sums: NDArray[np.int64], least: NDArray[np.int64]) -> Survivors:
        """Those whose new sum is at least what is needed in their block, (blocks,) int64."""
        kept = np.flatnonzero(sums >= least[self.block])
        return Survivors(self.blocks, self.block[kept], self.offsets[kept], self.matched[kept], sums[kept])

    def gather(self, planes: Sequence[Plane]) -> Plane:
        """Their bits of a plane, given those of the blocks."""
        ends = np.searchsorted(self.block, np.arange(1, len(self.blocks)))
        parts = np.split(self.offsets, ends)
        return Plane.joined([plane.take(part) for plane, part in zip(planes, parts, strict=True)])


def questions(queries: Rows) -> list[Question]:
    """The different queries, each the first of its equals; a query and its negative share what is asked."""
    found: dict[bytes, Question] = {}
    places = 0
    for number, query in enumerate(queries):
        if query.tobytes() in found:
            continue
        opposite = found.get(negate(query).tobytes())
        if opposite is None:
            found[query.tobytes()] = Question(number, places, Asked.of(query), negated=False)
            places += 1
        else:
            found[query.tobytes()] = Question(number, opposite.place, opposite.asked, not opposite.negated)
    return list(found.values())


def search(
    queries: Rows,
    reader: ColumnReader,
    *,
    limit: int,
    min_score: float | None,
    dead: NDArray[np.uint32] | None,
) -> Matches:
    """As `Family.search`, of a segment that has the search columns."""
    best = Contenders(limit, min_score, dead)
    if reader.rows == 0 or best.floor > 100:
        return best.settle()
    scan = Scan(reader, questions(queries), best)
    todo = scan.blocks_from_likeliest()
    size = 1
    while todo:
        span, todo = todo[:size], todo[size:]
        scan.take(span, seed=size == 1)
        size = min(2 * size, SPAN)
    return best.settle()


class Scan:
    """One pass over a segment's search columns, for all queries."""

    def __init__(self, reader: ColumnReader, asking: list[Question], best: Contenders) -> None:
        self._reader = reader
        self._asking = asking
        self._best = best
        self._classes = Classes.read(reader)
        self._places = reader.column(columns.PLACES)
        different = {question.place: question.asked for question in asking}
        self._asked = [different[place] for place in range(len(different))]
        self._rest: dict[tuple[int, int], tuple[Plane, Plane]] = {}

    def blocks_from_likeliest(self) -> list[tuple[int, int]]:
        """All blocks in order, beginning where rows are about as long as the first query; then those before it."""
        blocks = columns.blocks(self._reader.rows)
        values = sum(self._asked[0].counts)
        ends = self._classes.ends[np.searchsorted(self._classes.values[:-1], values)]
        first = min(int(ends) // columns.BLOCK, len(blocks) - 1)
        return blocks[first:] + blocks[:first]

    def take(self, span: list[tuple[int, int]], *, seed: bool) -> None:
        """Look at every row of these blocks."""
        self._rest = {}
        matched = [matched_weights(self._asked, plane) for plane in columns.read_positive(self._reader, span)]
        if seed and self._best.floor == -np.inf:
            self._finish([self._seeds(question, span[0], matched[0]) for question in self._asking])
        self._finish(
            [
                self._through_first_plane(question, span, [weights[question.place] for weights in matched], need)
                for question, need in zip(self._asking, self._needs(), strict=True)
            ]
        )

    def _needs(self) -> list[Needs]:
        return [
            needs(question.asked, self._classes, self._best.floor, negated=question.negated)
            for question in self._asking
        ]

    def _seeds(self, question: Question, block: tuple[int, int], matched: NDArray[np.uint16]) -> Survivors:
        weights = question.turned(matched[question.place])
        count = min(SEEDS, len(weights))
        offsets = np.sort(np.argpartition(weights, -count)[-count:])
        return Survivors([block], np.zeros(count, np.intp), offsets, weights[offsets], weights[offsets])

    def _through_first_plane(
        self, question: Question, span: list[tuple[int, int]], matched: list[NDArray[np.uint16]], need: Needs
    ) -> Survivors:
        """The rows that match enough in plane P, in the blocks that have any; their sums are what they match."""
        blocks, offsets, weights = [], [], []
        for block, weight in zip(span, matched, strict=True):
            least, _, _ = need.least(self._classes.between(*block))
            some = question.reaching(weight, least)
            if len(some):
                blocks.append(block)
                offsets.append(some)
                weights.append(question.turned(weight.take(some)))
        if not blocks:
            nothing = np.empty(0, np.int64)
            return Survivors([], nothing, nothing, nothing, nothing)
        which = np.repeat(np.arange(len(blocks)), [len(some) for some in offsets])
        sums = np.concatenate(weights)
        return Survivors(blocks, which, np.concatenate(offsets), sums, sums)

    def _finish(self, alive: list[Survivors]) -> None:
        """Score the survivors of each question, and raise the floor."""
        hit = {block for survivors in alive for block in survivors.blocks}
        read = sorted(hit - self._rest.keys())
        if read:
            self._rest.update(zip(read, columns.read_rest(self._reader, read), strict=True))
        for question, survivors, need in zip(self._asking, alive, self._needs(), strict=True):
            if survivors.blocks:
                self._score(question, survivors, need)
        self._best.settle()

    def _score(self, question: Question, alive: Survivors, need: Needs) -> None:
        """Go on with planes N and R: a is P - 2N + R."""
        least = np.array([need.least(self._classes.between(*block)) for block in alive.blocks])
        negative, raised = zip(*(self._rest[block] for block in alive.blocks), strict=True)
        alive = alive.reaching(alive.matched - self._weigh(question, alive.gather(negative)), least[:, 1])
        # P - 2N + R is twice P - N, less P, and R
        sums = 2 * alive.sums - alive.matched + self._weigh(question, alive.gather(raised))
        alive = alive.reaching(sums, least[:, 2])
        places = alive.places
        squares = self._classes.squares[self._classes.at(places)]
        scores = 100.0 * (1.0 - distances_from(question.asked.square, squares, alive.sums))
        self._best.add(self._places[places].astype(np.int64), scores, question.number)

    def _weigh(self, question: Question, plane: Plane) -> NDArray[np.int64]:
        return question.turned(matched_weights([question.asked], plane)[0])
