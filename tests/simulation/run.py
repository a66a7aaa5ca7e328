"""One simulated history of an index: a seed decides everything in it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import Any, TypeAlias
from unittest.mock import patch

from shards.storage import parallel
from shards.table.format import manifest, segment
from shards.table.format import settings as table_settings
from shards.table.format.settings import IndexSettings
from shards.table.maintain import collect, committing, merge, reshard, verify
from shards.table.maintain.committing import CommittingTable
from shards.table.write import commit
from tests.simulation.actors import (
    Actor,
    BulkWriter,
    Collector,
    Committer,
    Compactor,
    Merger,
    Place,
    Reader,
    Replacer,
    Resharder,
    WarmReader,
    Writer,
)
from tests.simulation.audit import WatchedStore, read_all
from tests.simulation.faults import ADVERSE, CALM, Adversity, UnreliableStore
from tests.simulation.model import FAMILY, Model, ViolationError
from tests.simulation.scheduler import Scheduler
from tests.simulation.world import HOURS, ActorEffects

Cast: TypeAlias = Mapping[str, tuple[type[Actor], int]]
"""The actors by name: their roles, and how often each acts."""

EVERYBODY: Cast = {
    "writer 1": (Writer, 5),
    "writer 2": (Writer, 5),
    "bulk writer": (BulkWriter, 4),
    "compactor 1": (Compactor, 4),
    "compactor 2": (Compactor, 4),
    "merger": (Merger, 4),
    "committer": (Committer, 4),
    "resharder 1": (Resharder, 2),
    "resharder 2": (Resharder, 2),
    "collector": (Collector, 4),
    "reader": (Reader, 5),
    "warm reader": (WarmReader, 4),
}

REPLACED: Cast = {**EVERYBODY, "replacer": (Replacer, 1)}
"""Everybody, and somebody who puts another index in the place of theirs."""

MERGING: Cast = {
    "writer": (Writer, 3),
    "bulk writer": (BulkWriter, 5),
    "merger 1": (Merger, 6),
    "merger 2": (Merger, 6),
    "committer 1": (Committer, 6),
    "committer 2": (Committer, 6),
    "collector 1": (Collector, 8),
    "collector 2": (Collector, 8),
    "reader": (Reader, 3),
}
"""A cast whose uploads often still wait for a commit when they are old enough to be collected."""

CROWD: Cast = {
    **{f"writer {n}": (Writer, 2) for n in range(200)},
    **{f"bulk writer {n}": (BulkWriter, 2) for n in range(4)},
    **{f"compactor {n}": (Compactor, 4) for n in range(3)},
    "committer": (Committer, 4),
    "merger": (Merger, 4),
    "resharder": (Resharder, 1),
    "collector": (Collector, 6),
    **{f"reader {n}": (Reader, 4) for n in range(4)},
}
"""Hundreds of writers, of whom most say little."""

CASTS: Sequence[Cast] = (EVERYBODY, MERGING, REPLACED, CROWD)
"""The cast of a history by its seed, in turn."""

SKEW_NS = 5 * 10**9
"""Clocks are off by up to 5 s: what a machine without a working time server gains in a day."""


SLEEPY = 0.3
"""The share of actors that stall: were it all of them, they would hardly meet."""


class SimulationError(AssertionError):
    """A run in which the index broke a promise, or failed as it never should: the seed and the last steps."""


@dataclass(frozen=True, slots=True)
class History:
    """A history that broke no promise: its last steps, and the requests that were made of the store."""

    steps: list[tuple[int, str, str]]
    requests: int


def simulate(seed: int, adversity: Adversity = ADVERSE, cast: Cast | None = None) -> History:
    """Live through the history of this seed, with its own cast unless another is given. Raises SimulationError."""
    cast = cast or CASTS[seed % len(CASTS)]
    random = Random(seed)
    scheduler = Scheduler(Random(random.getrandbits(64)))
    with small_constants(random, fold_bytes=4_000 if len(cast) < 20 else 100_000) as kept:
        model = Model()
        shards, segment_rows = random.choice((1, 2, 3)), random.choice((8, 20, 1000))
        mark = random.choice(("", f"{random.getrandbits(64):016x}"))
        settings = IndexSettings((FAMILY.name,), shards=shards, segment_rows=segment_rows, id=mark)
        store = WatchedStore(scheduler, kept, settings)
        table_settings.create(store, settings, ActorEffects(scheduler, Random(0)))
        calm = CommittingTable(store, settings, effects=ActorEffects(scheduler, Random(random.getrandbits(64))))

        some = 1.0 if len(cast) < 20 else 0.1

        def audit() -> None:
            if random.random() < some:
                model.check(read_all(calm.snapshot()), model.floor())

        place = Place(
            scheduler,
            model,
            store,
            keys=tuple(f"key {n}" for n in range(random.choice((3, 10, 40)))),
            pause=random.choice((10.0, 300.0, 1500.0)),
            audit=audit,
        )
        actors: dict[str, Actor] = {}
        for name, (role, acts) in cast.items():
            effects = ActorEffects(
                scheduler, Random(random.getrandbits(64)), skew_ns=random.randrange(-SKEW_NS, SKEW_NS)
            )
            chosen = adversity if random.random() < SLEEPY else replace(adversity, stall=0.0)
            way = UnreliableStore(store, scheduler, effects, Random(random.getrandbits(64)), chosen)
            actors[name] = role(place, way, effects, Random(random.getrandbits(64)), acts)
        try:
            scheduler.run({name: actor.live for name, actor in actors.items()})
            close(place, store)
        except Exception as error:
            raise SimulationError(f"seed {seed}: {type(error).__name__}: {error}\n{scheduler.tail()}") from error
    return History(list(scheduler.trace), sum(actor.store.requests for actor in actors.values()))


def close(place: Place, store: WatchedStore) -> None:
    """When all have gone home: what was acknowledged is there, whatever is compacted and collected, and whole."""
    scheduler, model = place.scheduler, place.model
    for days in (0, 16):
        scheduler.pass_on(days * 24 * HOURS)
        effects = ActorEffects(scheduler, Random(days))
        way = UnreliableStore(store, scheduler, effects, Random(0), CALM)
        last = CommittingTable(way, table_settings.read(store), effects=effects)
        last.compact(everything=days > 0)
        last.reshard(last.snapshot().manifest.shards)
        if last.snapshot().manifest.wide:
            raise ViolationError(f"after {days} days there are wide segments, and nobody is left who could split them")
        collect.collect(last)
        model.check(read_all(last.snapshot()), model.floor())
        report = verify.verify(CommittingTable(store, table_settings.read(store), effects=effects))
        if not report.is_clean:
            raise ViolationError(f"after {days} days: {[p for p in report.problems if not p.is_harmless]}")


@contextmanager
def small_constants(random: Random, *, fold_bytes: int) -> Iterator[int]:
    """Limits so low that a few dozen records reach them. Gives the number of manifests that are kept."""
    kept = random.choice((2, collect.KEPT_MANIFESTS))
    with ExitStack() as patches:
        for module, name, values in (
            (collect, "KEPT_MANIFESTS", (kept,)),
            (commit, "KEPT_MANIFESTS", (kept,)),
            (verify, "KEPT_MANIFESTS", (kept,)),
            (segment, "INLINE_DEAD", (0, 2, manifest.INLINE_DEAD)),
            (merge, "FACTOR", (2, 4)),
            (reshard, "FAN_OUT", (2, reshard.FAN_OUT)),
            (committing, "FOLD_BYTES", ((fold_bytes, fold_bytes), committing.FOLD_BYTES)),
        ):
            patches.enter_context(patch.object(module, name, random.choice(values)))
        # immutable, and read by everybody: most of the time would go into reading them again
        patches.enter_context(
            patch.object(manifest.Manifest, "from_bytes", lru_cache(1000)(manifest.Manifest.from_bytes))
        )
        patches.callback(logging.getLogger("lookalike").setLevel, logging.getLogger("lookalike").level)
        logging.getLogger("lookalike").setLevel(logging.ERROR)  # of all the clocks that are wrong
        # requests that a table would make at once come one after the other, in turn with everybody else's
        patches.enter_context(patch.object(parallel, "ThreadPoolExecutor", OneByOne))
        yield kept


class OneByOne(ThreadPoolExecutor):
    """An executor without threads."""

    def map(self, fn: Callable[[Any], Any], *iterables: Iterable[Any], **_: Any) -> Iterator[Any]:
        return map(fn, *iterables)
