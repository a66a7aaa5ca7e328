"""Ten minutes of adding: writers, one compactor and its merge workers, in the order that their times give.

The rules are those of `shards.table`: what a fold takes, what is merged, and that a commit fails where somebody else
made the next manifest since it read the newest. A lost race is run again as `commit` does it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from itertools import count

from benchmarks.scale import cloud, shapes
from benchmarks.scale.life import Life, grown
from benchmarks.scale.lookups import Reads, lookups
from shards.families.base import SECONDS_A_BYTE
from shards.table.commit import TRIES
from shards.table.fold import LOG_AGE_MS
from shards.table.manifest import Segment
from shards.table.table import FOLD_BYTES, TAIL_BYTES, TAIL_OBJECTS

MINUTES = 10
"""Of simulated time, from a tail that is empty."""

EVERY, PAUSE, EARLY = 60.0, 5.0, 4
"""Seconds between two calls of the compactor, unless a quarter of what may wait does; and between two folds of one
that has merges under way. As in `functions`."""

WORKERS = 16
"""Merges at once."""

SEGMENT_JSON, NAME_JSON = 2450, 70
"""Bytes of a manifest's JSON for a segment, and for the name of a folded log object; a test compares both."""

SEGMENT_STORED, NAME_STORED = 350, 26
"""The same when compressed: of a name its digest, of a segment two, and where its columns begin."""

TIMEOUT = 900.0
"""Seconds that a function may run."""

HASH_BYTES = 8
"""Of a key hash: what a compactor keeps of a row, to look fresh keys up."""


@dataclass(frozen=True, slots=True)
class Setting:
    """An index and how it is run, by default as `functions` and `serverless.yml` do it.

    `rate`: images added a second; `batch`: of them in a log object. `memory`: bytes that the compactor keeps of
    segments. `collected`: seconds between two collections of folded log objects. `at_once`: objects that a commit
    creates at a time; `once`: a merged segment is uploaded once, not again after each lost race; `waits`: the compactor
    folds nothing while its merges are under way.
    """

    images: int
    shards: int = 16
    segment_rows: int = 1 << 20
    rate: int = 10_000
    batch: int = 100
    fold_bytes: int = FOLD_BYTES
    memory: int = 256 << 20
    collected: float = 86_400.0
    at_once: int = 1
    once: bool = False
    waits: bool = False

    @property
    def fold_rows(self) -> int:
        """Rows of a full fold: as many whole log objects as fit."""
        return max(self.fold_bytes // shapes.log_bytes(self.batch), 1) * self.batch

    @property
    def listed(self) -> int:
        """Folded log objects that are still there, and in the manifest."""
        return round(self.rate / self.batch * (LOG_AGE_MS / 1000 + self.collected / 2))

    def grown(self) -> Life:
        return grown(self.images, self.shards, self.segment_rows, self.fold_rows)


@dataclass(slots=True)
class Play:
    """What happens, and what came of it. Times in seconds.

    `tail`: log objects that wait, `longest`: at most. `written`, `folded`: images. `folds`, `merges`: how long each
    took that was done. `lost_…`: races for a manifest that they lost; `begun`, `gave_up`: merges; `merging`: the
    segments they work at; `wasted`: bytes uploaded for commits that failed.
    """

    setting: Setting
    life: Life
    now: float = 0.0
    tail: int = 0
    longest: int = 0
    written: int = 0
    folded: int = 0
    commits: int = 0
    folds: list[float] = field(default_factory=list)
    merges: list[float] = field(default_factory=list)
    lost_folds: int = 0
    lost_merges: int = 0
    gave_up: int = 0
    wasted: int = 0
    merging: set[str] = field(default_factory=set)
    begun: int = 0
    version: int = 0

    @property
    def under_way(self) -> int:
        """Merges that were begun and are neither done nor given up."""
        return self.begun - len(self.merges) - self.gave_up

    def run(self, seconds: float) -> Play:
        """Play so long."""
        number = count()
        waiting: list[tuple[float, int, Iterator[float]]] = []

        def start(process: Iterator[float]) -> None:
            heapq.heappush(waiting, (self.now, next(number), process))

        start(self._write())
        start(self._compact(start))
        while waiting and waiting[0][0] <= seconds:
            self.now, _, process = heapq.heappop(waiting)
            pause = next(process, None)
            if pause is not None:
                heapq.heappush(waiting, (self.now + pause, next(number), process))
        self.now = seconds
        return self

    def _write(self) -> Iterator[float]:
        while True:
            yield self.setting.batch / self.setting.rate
            self.tail += 1
            self.written += self.setting.batch
            self.longest = max(self.longest, self.tail)

    def _compact(self, start: Callable[[Iterator[float]], None]) -> Iterator[float]:
        """One compactor. Once it is called, it folds and hands out merges until nothing is due."""
        each = shapes.log_bytes(self.setting.batch)
        while True:
            called = self.now
            while self.now - called < EVERY and EARLY * self.tail <= min(TAIL_OBJECTS, TAIL_BYTES // each):
                yield 1.0
            while self.tail or self.under_way:
                waiting = self.tail
                while waiting:
                    chosen = min(waiting, self.setting.fold_rows // self.setting.batch)
                    yield from self._fold(chosen, each)
                    waiting -= chosen
                for segments in self.life.due():
                    names = {segment.name for segment in segments}
                    if self.under_way < WORKERS and self.merging.isdisjoint(names):
                        self.merging |= names
                        self.begun += 1
                        start(self._merge(segments))
                paused, running = self.now, self.under_way
                while self.under_way and (
                    self.setting.waits or (self.under_way == running and self.now - paused < PAUSE)
                ):
                    yield 0.5

    def _fold(self, chosen: int, each: int) -> Iterator[float]:
        """The oldest log objects of the tail, so many, of so many bytes each."""
        began, rows = self.now, chosen * self.setting.batch
        yield cloud.listing(self.setting.listed + self.tail) + self._newest()
        yield cloud.download(chosen * each, chosen)
        yield from self._commit(self._folding(rows), self._newest(), fold=True)
        self.life.fold(rows)
        self.tail -= chosen
        self.folded += rows
        self.folds.append(self.now - began)

    def _folding(self, rows: int) -> float:
        """Seconds of an attempt to fold so many rows, between reading the newest manifest and creating the next."""
        setting, manifest = self.setting, self.life.manifest
        if manifest.live * HASH_BYTES <= setting.memory:
            # those of the segments that are new since the last fold
            new = max(setting.shards * 8 // 7, 1)
            looked = Reads(new, new, rows * HASH_BYTES, sum(map(len, manifest.segments)))
        else:
            looked = lookups(manifest, rows)
        objects = min(setting.shards, rows)
        size = rows * shapes.segment(0, max(rows // objects, 1), 0).size / max(rows // objects, 1)
        waits = -(-objects // setting.at_once)
        return looked.seconds + rows * cloud.PACK + waits * cloud.PUT + size * SECONDS_A_BYTE

    def _merge(self, segments: list[Segment]) -> Iterator[float]:
        """A worker's merge: read, write the file, and commit."""
        began = self.now
        merged = self.life.merged(segments)
        made = merged.segment
        assert made is not None
        size = sum(segment.size for segment in segments)
        yield cloud.INVOKE + self._newest()
        yield cloud.download(size, len(segments) * len(made.columns), parallel=1) + made.rows * cloud.PACK
        body = cloud.upload(made.size)
        if self.setting.once:
            yield body
        building = 0.0 if self.setting.once else body
        tries, done = yield from self._commit(building, self._newest(), fold=False, began=began)
        if not self.setting.once:
            self.wasted += (tries - done) * made.size
        if done:
            self.life.commit(merged)
            self.merges.append(self.now - began)
        else:
            self.gave_up += 1
        self.merging -= {segment.name for segment in segments}

    def _newest(self) -> float:
        """Seconds to list for the newest manifest, to get it and to read it."""
        return 2 * cloud.GET + self.stored * SECONDS_A_BYTE + self.json * cloud.UNSEAL

    @property
    def json(self) -> int:
        """Bytes of the newest manifest before it is compressed."""
        return self._manifest(SEGMENT_JSON, NAME_JSON)

    @property
    def stored(self) -> int:
        """And after."""
        return self._manifest(SEGMENT_STORED, NAME_STORED)

    def _manifest(self, segment: int, name: int) -> int:
        return sum(map(len, self.life.manifest.segments)) * segment + self.setting.listed * name

    def _commit(
        self, building: float, reading: float, *, fold: bool, began: float = 0.0
    ) -> Generator[float, None, tuple[int, bool]]:
        """Try until no other commit came between; (attempts, whether the last one won)."""
        for tries in range(1, TRIES + 1):
            yield reading
            read = self.version
            yield building + self.json * cloud.SEAL + cloud.upload(self.stored)
            if self.version == read:
                self.version += 1
                self.commits += 1
                return tries, True
            if fold:
                self.lost_folds += 1
            else:
                self.lost_merges += 1
                if self.now - began > TIMEOUT:
                    break
            yield 0.75 * min(0.05 * 2 ** (tries - 1), 2.0)
        return tries, False


def play(setting: Setting) -> Play:
    """Ten minutes of this, from an index that has grown to its images."""
    return Play(setting, setting.grown()).run(60.0 * MINUTES)
