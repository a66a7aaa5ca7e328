"""Exhaustive, exact search: every row is looked at, most of them through one of their three planes.

Blocks are taken in spans. Over the first plane of a span's blocks the weight that each row matches is summed, for all
queries at once. Rows that cannot reach the score of the last of the best so far drop out, by integer comparisons
(`bounds`). The second plane is gathered for the rows that are left, and the third for those left after that; then a·b
is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Rows
from shards.families.goldberg import columns
from shards.families.goldberg.bounds import Needs, needs
from shards.families.goldberg.columns import Classes, Plane
from shards.families.goldberg.planes import distances_from, negate
from shards.families.goldberg.weights import Asked, matched_weights
from shards.families.matches import BestRows, Matches
from shards.families.reading import ColumnReader

SPAN = 16
"""Blocks read in one request once the floor is high: 8.9 MB of plane P."""

SEEDS = 256
"""Rows that are scored before all others: those of the first block that match the largest weight. The best of them make
a floor that few other rows reach."""


@dataclass(frozen=True, slots=True)
class QueryRow:
    """One of the queries. A query and its negative share the weights that rows match."""

    number: int
    """Position among all queries."""

    place: int
    """Position of `asked` among those of all queries."""

    asked: Asked
    """The values of the query, or of its negative if `negated`."""

    negated: bool

    def turned(self, weights: NDArray[np.uint16]) -> NDArray[np.int64]:
        """Return the weights matched by this query, given those matched by `asked`."""
        wide = weights.astype(np.int64)
        return self.asked.weight - wide if self.negated else wide

    def reaching(self, weights: NDArray[np.uint16], least: int) -> NDArray[np.intp]:
        """Return where this query matches a weight of at least `least`, given the weights matched by `asked`."""
        if least <= 0:
            return np.arange(len(weights))
        if least > self.asked.weight:
            return np.empty(0, np.intp)
        if self.negated:
            return np.flatnonzero(weights <= np.uint16(self.asked.weight - least))
        return np.flatnonzero(weights >= np.uint16(least))


@dataclass(frozen=True, slots=True)
class Survivors:
    """Rows of some blocks that may be among the best for a query."""

    blocks: Sequence[tuple[int, int]]
    """(first row, row after the last) of each block."""

    block: NDArray[np.intp]
    """(n,) intp: which of the blocks each row is in, rising."""

    offsets: NDArray[np.intp]
    """(n,) intp: the place of each row in its block."""

    matched: NDArray[np.int64]
    """(n,) int64: the weight that each row matches in plane P."""

    sums: NDArray[np.int64]
    """(n,) int64: the part of a·b that is known from the planes so far."""

    @property
    def places(self) -> NDArray[np.int64]:
        """(n,) int64: the places of the rows in the search columns."""
        return np.array([start for start, _ in self.blocks], np.int64)[self.block] + self.offsets

    def reaching(self, sums: NDArray[np.int64], least: NDArray[np.int64]) -> Survivors:
        """Return the rows whose new sum is at least the minimum of their block, `least` (blocks,) int64."""
        kept = np.flatnonzero(sums >= least[self.block])
        return Survivors(self.blocks, self.block[kept], self.offsets[kept], self.matched[kept], sums[kept])

    def gather(self, planes: Sequence[Plane]) -> Plane:
        """Return the bits of these rows in a plane, given the plane of each block."""
        ends = np.searchsorted(self.block, np.arange(1, len(self.blocks)))
        parts = np.split(self.offsets, ends)
        return Plane.joined([plane.take(part) for plane, part in zip(planes, parts, strict=True)])


def different(queries: Rows) -> list[QueryRow]:
    """Return the different queries, each the first of its equals."""
    known: dict[bytes, QueryRow] = {}
    places = 0
    for number, query in enumerate(queries):
        if query.tobytes() in known:
            continue
        opposite = known.get(negate(query).tobytes())
        if opposite is None:
            known[query.tobytes()] = QueryRow(number, places, Asked.of(query), negated=False)
            places += 1
        else:
            known[query.tobytes()] = QueryRow(number, opposite.place, opposite.asked, not opposite.negated)
    return list(known.values())


def search(
    queries: Rows,
    reader: ColumnReader,
    *,
    limit: int,
    min_score: float | None,
    dead: NDArray[np.uint32] | None,
) -> Matches:
    """Search as `Family.search` does, in a segment that has the search columns."""
    best = BestRows(limit, min_score, dead)
    if reader.rows == 0 or best.floor > 100:
        return best.settle()
    scan = Scan(reader, different(queries), best)
    todo = scan.blocks_from_likeliest()
    size = 1
    while todo:
        span, todo = todo[:size], todo[size:]
        scan.take(span, seed=size == 1)
        size = min(2 * size, SPAN)
    return best.settle()


class Scan:
    """One pass over a segment's search columns, for all queries."""

    def __init__(self, reader: ColumnReader, queries: list[QueryRow], best: BestRows) -> None:
        self._reader = reader
        self._queries = queries
        self._best = best
        self._classes = Classes.read(reader)
        self._places = reader.column(columns.PLACES)
        asked = {query.place: query.asked for query in queries}
        self._asked = [asked[place] for place in range(len(asked))]
        self._rest: dict[tuple[int, int], tuple[Plane, Plane]] = {}

    def blocks_from_likeliest(self) -> list[tuple[int, int]]:
        """Return all blocks in order, beginning where rows are about as long as the first query, then those before."""
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
            self._finish([self._seeds(query, span[0], matched[0]) for query in self._queries])
        self._finish(
            [
                self._through_first_plane(query, span, [weights[query.place] for weights in matched], need)
                for query, need in zip(self._queries, self._needs(), strict=True)
            ]
        )

    def _needs(self) -> list[Needs]:
        return [needs(query.asked, self._classes, self._best.floor, negated=query.negated) for query in self._queries]

    def _seeds(self, query: QueryRow, block: tuple[int, int], matched: NDArray[np.uint16]) -> Survivors:
        weights = query.turned(matched[query.place])
        count = min(SEEDS, len(weights))
        offsets = np.sort(np.argpartition(weights, -count)[-count:])
        return Survivors([block], np.zeros(count, np.intp), offsets, weights[offsets], weights[offsets])

    def _through_first_plane(
        self, query: QueryRow, span: list[tuple[int, int]], matched: list[NDArray[np.uint16]], need: Needs
    ) -> Survivors:
        """Return the rows that match enough in plane P, in the blocks that have any; `sums` is what they match."""
        blocks, offsets, weights = [], [], []
        for block, weight in zip(span, matched, strict=True):
            least, _, _ = need.least(self._classes.between(*block))
            kept = query.reaching(weight, least)
            if len(kept):
                blocks.append(block)
                offsets.append(kept)
                weights.append(query.turned(weight.take(kept)))
        if not blocks:
            nothing = np.empty(0, np.int64)
            return Survivors([], nothing, nothing, nothing, nothing)
        which = np.repeat(np.arange(len(blocks)), [len(kept) for kept in offsets])
        sums = np.concatenate(weights)
        return Survivors(blocks, which, np.concatenate(offsets), sums, sums)

    def _finish(self, alive: list[Survivors]) -> None:
        """Score the survivors of each query, and raise the floor."""
        hit = {block for survivors in alive for block in survivors.blocks}
        read = sorted(hit - self._rest.keys())
        if read:
            self._rest.update(zip(read, columns.read_rest(self._reader, read), strict=True))
        for query, survivors, need in zip(self._queries, alive, self._needs(), strict=True):
            if survivors.blocks:
                self._score(query, survivors, need)
        self._best.settle()

    def _score(self, query: QueryRow, alive: Survivors, need: Needs) -> None:
        """Go on with planes N and R, since a is P - 2N + R, and add the rows that reach the floor to the best."""
        least = np.array([need.least(self._classes.between(*block)) for block in alive.blocks])
        negative, raised = zip(*(self._rest[block] for block in alive.blocks), strict=True)
        alive = alive.reaching(alive.matched - self._weigh(query, alive.gather(negative)), least[:, 1])
        # P - 2N + R is twice P - N, less P, and R
        sums = 2 * alive.sums - alive.matched + self._weigh(query, alive.gather(raised))
        alive = alive.reaching(sums, least[:, 2])
        places = alive.places
        rows = self._places[places].astype(np.int64)
        if len(rows) and rows.max() >= self._reader.rows:
            raise self._reader.damaged(columns.PLACES, f"names row {rows.max():,} of {self._reader.rows:,}")
        squares = self._classes.squares[self._classes.at(places)]
        scores = 100.0 * (1.0 - distances_from(query.asked.square, squares, alive.sums))
        self._best.add(rows, scores, query.number)

    def _weigh(self, query: QueryRow, plane: Plane) -> NDArray[np.int64]:
        return query.turned(matched_weights([query.asked], plane)[0])
