"""Ten minutes of adding: writers, a compactor and its merge workers, in the order that their times give.

The rules are those of `shards.table` and `functions`: what a fold takes, what is merged and when, and that the
compactor commits what is merged together with what it folds. So there is one who commits, and nobody loses a race.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from benchmarks.scale import cloud, shapes
from benchmarks.scale.life import Life, grown
from benchmarks.scale.lookups import lookups
from lookalike.ingest.backpressure import BACKPRESSURE
from lookalike.upkeep.compactor import FOLD_SECONDS
from shards.families.reading import SECONDS_A_BYTE
from shards.table.format.manifest import Segment
from shards.table.maintain.committing import fold_bytes
from shards.table.maintain.merge import Merged
from shards.table.write.fold import LOG_AGE_MS

MINUTES = 10
"""Minutes of simulated time, from an empty tail."""

EVERY = 300.0
"""Seconds between two calls of the compactor, unless it is called early: as in `serverless.yml`."""

WORKERS = 16
"""Limit on merges at once."""

SEGMENT_JSON, NAME_JSON = 2450, 70
"""Bytes of a manifest's JSON for a segment, and for the name of a folded log object; a test compares both."""

SEGMENT_STORED, NAME_STORED = 350, 26
"""The same when compressed: of a name its digest, of a segment two, and where its columns begin."""

HASH_BYTES = 8
"""Bytes of a key hash, which a compactor keeps of a row to look up fresh keys."""

LOOK, LOOK_KEY = 0.3e-3, 0.1e-6
"""Seconds to look keys up in a segment whose hashes are in memory, and for each key: measured with 25,000 keys in
880,000, of which none was there, on one core."""

DELETED = 1000
"""Objects that one request deletes."""


@dataclass(frozen=True, slots=True)
class Setting:
    """An index and its settings, by default those of `functions` and `serverless.yml`.

    `rate`: images added a second; `batch`: of them in a log object. `memory`: bytes that the compactor keeps of
    segments. `fold_bytes`: of log objects folded at a time, None: what goes with that memory. `collected`: seconds
    between two collections of folded log objects, 0: each time that something is folded. `at_once`: objects that a
    commit creates, and segments that it looks into, at a time.
    """

    images: int
    shards: int = 4
    segment_rows: int = 1 << 20
    rate: int = 10_000
    batch: int = 100
    fold_bytes: int | None = None
    memory: int = 1536 << 20
    collected: float = 0.0
    at_once: int = cloud.PARALLEL

    @property
    def fold_rows(self) -> int:
        """Rows of a full fold: as many whole log objects as fit."""
        limit = self.fold_bytes or fold_bytes(self.memory)
        return max(limit // shapes.log_bytes(self.batch), 1) * self.batch

    @property
    def listed(self) -> int:
        """Folded log objects that are still there, and in the manifest."""
        return round(self.rate / self.batch * (LOG_AGE_MS / 1000 + self.collected / 2))

    def grown(self) -> Life:
        return grown(self.images, self.shards, self.segment_rows, self.fold_rows)


@dataclass(slots=True)
class Play:
    """A simulation and its results. Times are in seconds.

    `tail`: log objects that wait, `longest`: at most. `written`, `folded`: images. `folds`: how long each took;
    `merges`: how long each took until it was committed; `done`: merged and not committed yet; `begun`: merges;
    `merging`: the segments they work at. `running`: how long the compactor ran in all.
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
    done: list[tuple[float, Merged]] = field(default_factory=list)
    begun: int = 0
    merging: set[str] = field(default_factory=set)
    running: float = 0.0

    @property
    def under_way(self) -> int:
        """Merges that were begun and are not committed."""
        return self.begun - len(self.merges)

    def run(self, seconds: float) -> Play:
        """Play for so long."""
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
        """Run one compactor. Once it is called, it commits and hands out merges until nothing is due."""
        each = shapes.log_bytes(self.setting.batch)
        while True:
            called = self.now
            while self.now - called < EVERY and not BACKPRESSURE.should_fold_soon(self.tail, self.tail * each):
                yield 1.0
            called = self.now
            while True:
                before = waiting = self.tail
                while True:
                    chosen = min(waiting, self.setting.fold_rows // self.setting.batch)
                    yield from self._commit(chosen, each)
                    waiting -= chosen
                    if not chosen or not waiting:
                        break
                for segments in self.life.due():
                    names = {segment.name for segment in segments}
                    if self.under_way < WORKERS and self.merging.isdisjoint(names):
                        self.merging |= names
                        self.begun += 1
                        start(self._merge(segments))
                if not self.under_way:
                    break
                pause = 0.0 if BACKPRESSURE.should_fold_soon(before, before * each) else FOLD_SECONDS
                paused = self.now
                while not self.done and self.now - paused < pause:
                    yield 0.25
            self.running += self.now - called

    def _commit(self, chosen: int, each: int) -> Iterator[float]:
        """Fold the oldest log objects of the tail, so many of so many bytes each, and commit what is merged."""
        began, rows = self.now, chosen * self.setting.batch
        yield cloud.listing(self.setting.listed + self.tail) + cloud.GET
        if not chosen and not self.done:
            return
        if chosen:
            yield cloud.download(chosen * each, chosen)
        # the newest manifest is the one that was made here: it is listed, and not read
        yield cloud.GET
        merged, self.done = self.done, []
        yield self._building(rows) + self.json * cloud.SEAL + cloud.upload(self.stored)
        self.commits += 1
        for began_merge, one in merged:
            self.life.commit(one)
            self.merges.append(self.now - began_merge)
            self.merging -= one.replaced.keys()
        if chosen:
            self.life.fold(rows)
            self.tail -= chosen
            self.folded += rows
            gone = 0 if self.setting.collected else chosen
            yield cloud.PUT * -(-gone // DELETED)
            self.folds.append(self.now - began)

    def _building(self, rows: int) -> float:
        """Return the seconds to fold so many rows, between reading the newest manifest and creating the next."""
        if not rows:
            return 0.0
        setting, manifest = self.setting, self.life.manifest
        segments = sum(map(len, manifest.segments))
        looking = segments * LOOK + rows * segments / setting.shards * LOOK_KEY
        if manifest.live * HASH_BYTES <= setting.memory:
            # those of the segments that are new since the last fold
            new = max(setting.shards * 8 // 7, 1)
            reading = cloud.download(rows * HASH_BYTES, new, setting.at_once)
        else:
            read = lookups(manifest, rows)
            waits = read.rounds * cloud.PARALLEL / setting.at_once
            reading = waits * cloud.GET + read.fetched * SECONDS_A_BYTE
        objects = min(setting.shards, rows)
        size = rows * shapes.segment(0, max(rows // objects, 1), 0).size / max(rows // objects, 1)
        creating = -(-objects // setting.at_once) * cloud.PUT + size * SECONDS_A_BYTE
        return looking + reading + rows * cloud.PACK + creating

    def _merge(self, segments: list[Segment]) -> Iterator[float]:
        """Merge as a worker: read, write the file, upload it, and get its time of creation."""
        began = self.now
        merged = self.life.merged(segments)
        size = sum(segment.size for segment in segments)
        (made,) = merged.segments
        yield cloud.INVOKE + 2 * cloud.GET + self.stored * SECONDS_A_BYTE + self.json * cloud.UNSEAL
        yield cloud.download(size, len(segments) * len(made.columns), parallel=1) + made.rows * cloud.PACK
        yield cloud.upload(made.size) + cloud.GET
        self.done.append((began, merged))

    @property
    def json(self) -> int:
        """Size of the newest manifest before it is compressed."""
        return self._manifest(SEGMENT_JSON, NAME_JSON)

    @property
    def stored(self) -> int:
        """Size of the newest manifest after it is compressed."""
        return self._manifest(SEGMENT_STORED, NAME_STORED)

    def _manifest(self, segment: int, name: int) -> int:
        return sum(map(len, self.life.manifest.segments)) * segment + self.setting.listed * name


def play(setting: Setting) -> Play:
    """Play ten minutes, from an index that has grown to its images."""
    return Play(setting, setting.grown()).run(60.0 * MINUTES)
