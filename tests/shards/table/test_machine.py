"""An index plays against a dict: whatever is done to it, in whatever order, it answers like the plain formulas."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from lookalike import Index, Key, KeyNotFound, QueryError, Signature
from shards.families import family
from shards.search.query import LIMIT
from shards.storage import Store
from shards.table.format.records import PUT, Order, Record, Records, meta_bytes
from tests.conftest import BACKENDS, MakeStore
from tests.shards.table.counting import CountingStore
from tests.tiers import scaled
from tests.world import FakeWorld

FAR = "memory, as if it were far away"

KEYS = ["a/1.jpg", "a/2 .jpg", "ü/3+%.png", "🐈", "5"]
DHASH = family("dhash")
HAAR = family("haar")

# few values, near each other: ties, and distances from 0 to 64
hashes = st.sampled_from([0, 1, 3, 0xFF, 0xFF00, 0xFFFFFFFF, 2**64 - 1, 0xAAAAAAAAAAAAAAAA])
keys = st.sampled_from(KEYS)
marks = st.sampled_from([1, 2, True, "x"])


@dataclass(frozen=True)
class Known:
    """The state of a key in the dict."""

    order: Order
    hashed: int | None
    mark: object


def dhash_row(hashed: int) -> np.void:
    row = np.zeros(1, DHASH.dtype)
    row["hash"] = hashed
    return row[0]


def haar_row(hashed: int) -> np.void:
    """A signature that follows from a hash: 40 coefficients a channel, some shared with other hashes."""
    row = np.zeros(1, HAAR.dtype)
    row["avgl"] = [hashed % 97 / 97, 0.1, hashed % 3 / 30]
    for channel in range(3):
        at = 1 + (np.arange(40) * (1 + hashed % 5) + channel) % 16383
        row["sig"][0, channel] = np.sort(np.where(np.arange(40) % (2 + hashed % 3) == 0, -at, at))
    return row[0]


def interrupt(done: int, total: int) -> None:
    """Do as Ctrl-C does."""
    if 2 * done >= total:
        raise KeyboardInterrupt


class IndexMachine(RuleBasedStateMachine):
    """Subclasses say where and how: `make` gives a fresh store, `shards` a number."""

    make: Callable[[], Store]
    shards: int

    def __init__(self) -> None:
        super().__init__()
        self.began = time.time_ns()
        self.world = FakeWorld(start_ns=self.began)
        self.store = type(self).make()
        self.index = Index.create(
            self.store, families=["dhash", "haar"], shards=self.shards, segment_rows=16, effects=self.world
        )
        self.model: dict[str, Known] = {}
        self.batches: list[list[Record]] = []

    def late(self, past: int) -> int:
        """The time of an event of the day before: no tombstone is so old that it may go."""
        return self.began - 86_400 * 10**9 + past

    def record(self, key: str, hashed: int, mark: object, order: Order | None = None) -> Record:
        return Record(
            key,
            order or self.index.orders([key])[0],
            sha256=bytes([hashed % 251]) * 32,
            width=hashed % 1000,
            height=7,
            meta={"mark": mark},
            source={"path": key},
            rows={"dhash": dhash_row(hashed), "haar": haar_row(hashed)},
        )

    def remember(self, records: list[Record]) -> None:
        for record in records:
            before = self.model.get(record.key)
            if before is None or record.order > before.order:
                hashed = None if record.rows is None else int(record.rows["dhash"]["hash"][0])
                self.model[record.key] = Known(record.order, hashed, (record.meta or {}).get("mark"))

    def write(self, records: list[Record]) -> None:
        self.index.write(records)
        self.batches.append(records)
        self.remember(records)

    @property
    def live(self) -> dict[str, Known]:
        return {key: known for key, known in self.model.items() if known.hashed is not None}

    @rule(images=st.lists(st.tuples(keys, hashes, marks), min_size=1, max_size=6))
    def add(self, images: list[tuple[str, int, object]]) -> None:
        self.write([self.record(*image) for image in images])

    @rule(images=st.lists(st.tuples(keys, hashes, marks), min_size=1, max_size=40))
    def add_in_bulk(self, images: list[tuple[str, int, object]]) -> None:
        records = [self.record(*image) for image in images]
        self.index.write_bulk(
            Records.build(
                keys=[record.key for record in records],
                order=np.array([record.order for record in records], np.uint64),
                kind=np.full(len(records), PUT, np.uint8),
                sha256=np.array([np.frombuffer(record.sha256, np.uint8) for record in records]),
                width=np.array([record.width for record in records], np.uint32),
                height=np.array([record.height for record in records], np.uint32),
                meta=[meta_bytes(record.meta, record.source) for record in records],
                rows={
                    "dhash": np.array([dhash_row(hashed) for _, hashed, _ in images], DHASH.dtype),
                    "haar": np.array([haar_row(hashed) for _, hashed, _ in images], HAAR.dtype),
                },
            )
        )
        self.remember(records)

    @rule(images=st.lists(st.tuples(keys, hashes, marks, st.integers(1, 2)), min_size=1, max_size=5))
    def add_out_of_order(self, images: list[tuple[str, int, object, int]]) -> None:
        """Events that arrive late: their orders are older than most, and equal only where the event is the same."""
        self.write(
            [
                self.record(key, hashed, mark, (self.late(past), crc32(repr((hashed, mark)).encode())))
                for key, hashed, mark, past in images
            ]
        )

    @rule(key=keys, past=st.none() | st.integers(1, 2))
    def delete_event(self, key: str, past: int | None) -> None:
        """A delete, in time or late, perhaps of a key that never was."""
        order = self.index.orders([key])[0] if past is None else (self.late(past), 5)
        self.write([Record(key, order, deleted=True)])

    @rule(chosen=st.sets(keys, max_size=4))
    def remove(self, chosen: set[str]) -> None:
        there = self.index.remove(sorted(chosen))
        assert set(there) == chosen & set(self.live)
        orders = self.index._table.read(lambda snapshot: snapshot.orders(there))
        for key in there:
            self.model[key] = Known(orders[key], None, None)

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """The same call once more: an event delivered twice, a client that did not get the answer."""
        self.index.write(data.draw(st.sampled_from(self.batches)))

    @rule(everything=st.booleans())
    def compact(self, everything: bool) -> None:
        self.index.compact(everything=everything)
        assert self.index.stats().tail == 0

    @rule(times=st.sampled_from([1, 2, 4]), interrupted=st.booleans())
    def reshard(self, times: int, interrupted: bool) -> None:
        """Doubled, perhaps twice, or on from where it was interrupted; and perhaps it is interrupted again."""
        shards = times * self.index.stats().shards
        if shards > 64:
            with pytest.raises(QueryError, match=r"64 is the most|up to 64"):
                self.index.reshard(shards)
            return
        if not interrupted:
            assert self.index.reshard(shards).shards == shards
            assert self.index.stats().wide == 0
            return
        with suppress(KeyboardInterrupt):
            self.index.reshard(shards, interrupt)
        assert self.index.stats().shards == shards

    @rule(hours=st.sampled_from([0, 0.2, 2]))
    def collect(self, hours: float) -> None:
        self.world.pass_seconds(hours * 3600)
        self.index.collect()

    @rule()
    def open_again(self) -> None:
        self.index = Index.open(self.store, effects=self.world)

    @rule(
        hashed=hashes,
        name=st.sampled_from(["dhash", "haar"]),
        limit=st.integers(1, 20),
        bar=st.none() | st.sampled_from([0, 50, 87.5, 100]),
        mark=st.none() | marks,
    )
    def search(self, hashed: int, name: str, limit: int, bar: float | None, mark: object) -> None:
        kind = family(name)
        query = dhash_row(hashed) if name == "dhash" else haar_row(hashed)
        answer = self.index.search(
            Signature(kind.format(query)),
            family=name,
            limit=limit,
            min_score=bar,
            where={} if mark is None else {"mark": mark},
        )
        expected = self.plainly(name, query, limit, bar, mark)
        assert [(hit.key, hit.score) for hit in answer.hits] == expected
        # of a far-away store, what the tail overwrites is scanned, and left out of what is found
        assert answer.searched == len(self.live) or (answer.searched > len(self.live) and not self.store.mapped)

    def plainly(
        self, name: str, query: np.void, limit: int, bar: float | None, mark: object
    ) -> list[tuple[str, float]]:
        found = []
        for key, known in self.live.items():
            assert known.hashed is not None
            if mark is not None and (known.mark != mark or isinstance(known.mark, bool) != isinstance(mark, bool)):
                continue
            if name == "dhash":
                score = 100 * (1 - (int(query["hash"][0]) ^ known.hashed).bit_count() / 64)
            else:
                stored = np.array([haar_row(known.hashed)], HAAR.dtype)
                score = float(HAAR.score_asked(HAAR.asked(np.array([query], HAAR.dtype)), stored)[0])
            if bar is None or score >= bar:
                found.append((key, score))
        return sorted(found, key=lambda hit: (-hit[1], hit[0].encode()))[:limit]

    @rule(key=keys)
    def get(self, key: str) -> None:
        known = self.model.get(key)
        if known is None or known.hashed is None:
            with pytest.raises(KeyNotFound, match="no image"):
                self.index.get(key)
            return
        stored = self.index.get(key)
        assert stored.image.key == key
        assert stored.image.added == known.order[0]
        assert stored.image.width == known.hashed % 1000
        assert stored.image.meta == {"mark": known.mark}
        assert stored.image.source == {"path": key}
        assert int(stored.signatures["dhash"], 16) == known.hashed
        assert self.index.search(Key(key), family="haar", limit=LIMIT).hits[0].score == 100

    @rule(page=st.integers(1, 5))
    def list_in_pages(self, page: int) -> None:
        found: list[str] = []
        while more := [image.key for image in self.index.list(after=found[-1] if found else None, limit=page)]:
            found += more
        assert len(found) == len(set(found))
        assert set(found) == set(self.live)

    @invariant()
    def counts(self) -> None:
        assert self.index.count() == len(self.live)

    def teardown(self) -> None:
        report = self.index.verify()
        assert report.problems == () or report.is_clean, report.problems
        assert {image.key for image in self.index.list()} == set(self.live)


@pytest.mark.scaled
@pytest.mark.parametrize("shards", [1, 3, 16])
@pytest.mark.parametrize("backend", [*BACKENDS, FAR])
def test_an_index_answers_like_a_dict(
    backend: str, shards: int, make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shards.table.format.names.MAX_SHARDS", 64)

    def make() -> Store:
        return CountingStore(make_store("memory")) if backend == FAR else make_store(backend)

    machine = type("Machine", (IndexMachine,), {"make": staticmethod(make), "shards": shards})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=scaled({"memory": 20, FAR: 15, "local": 6, "cloud": 3}[backend]),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
