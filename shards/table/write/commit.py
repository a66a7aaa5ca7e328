"""Committing: create manifest N + 1, or start again from the newest manifest when somebody else created that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from shards.errors import Conflict, Undecided
from shards.storage.base import Data, Store
from shards.storage.effects import Effects
from shards.storage.parallel import parallel_map
from shards.table.format import names
from shards.table.format.manifest import Manifest
from shards.table.read.newest import Base
from shards.table.write.draft import Change

TRIES = 40
"""Attempts of one commit: with the waits below, over a minute of losing every race."""

WRITE_TRIES = 6
"""Attempts of one undecided request: the waits add up to about 6 s, after the client's own retries."""

COMMIT_NS = 30 * 60 * 10**9
"""A commit that takes longer gives up: after an hour its objects may be collected, since nothing names them."""

Result = TypeVar("Result")


def decide(effects: Effects, attempt: Callable[[], Result]) -> Result:
    """Return what an idempotent attempt returns; try again while the store is undecided."""
    for n in range(WRITE_TRIES):
        try:
            return attempt()
        except Undecided:
            if n == WRITE_TRIES - 1:
                raise
            wait(effects, n)
    raise AssertionError("unreachable")


def write_once(store: Store, effects: Effects, name: str, data: Data) -> bool:
    """Create an object whose name stands for its content; return True if written now, False if it was there."""
    return decide(effects, lambda: store.create(name, data))


def write_all(store: Store, effects: Effects, objects: Mapping[str, Data]) -> None:
    """Create objects whose names stand for their contents, several at once where the store is far away."""
    parallel_map(store, lambda item: write_once(store, effects, *item), list(objects.items()))


def wait(effects: Effects, n: int) -> None:
    """Wait for the n-th time: doubling from 50 ms to 2 s, varied at random so that rivals do not meet again."""
    effects.sleep(min(0.05 * 2**n, 2.0) * (0.5 + effects.random() / 2**65))


def commit(
    store: Store, effects: Effects, read: Callable[[], Base], build: Callable[[Base, str], Change | None]
) -> Manifest | None:
    """Make the change that `build(newest manifest, commit id)` returns, and return the manifest; None for no change.

    Builds again from the newest manifest, which `read` returns, until this commit is the one that created the next
    version. Raises Conflict where others win every race, or where it took over half an hour.
    """
    started = effects.now_ns()
    for n in range(TRIES):
        commit_id = f"{effects.random():016x}"
        change = build(read(), commit_id)
        if change is None:
            return None
        write_all(store, effects, change.objects)
        if effects.now_ns() - started > COMMIT_NS:
            raise Conflict(f"{store.url}: this commit took over half an hour, its objects may be gone; try again")
        if _create(store, effects, change.manifest):
            # after a sleep of hours just before the create, the version may be long past, collected, and created anew
            if effects.now_ns() - started > COMMIT_NS:
                raise Undecided(f"{store.url}: creating a manifest took over half an hour; try again")
            return change.manifest
        wait(effects, n)
    raise Conflict(f"{store.url}: other writers created the next manifest {TRIES} times in a row; try again")


def _create(store: Store, effects: Effects, manifest: Manifest) -> bool:
    """Return True if this manifest became its version. A repeated request may find what it created itself."""
    name = names.manifest(manifest.version)
    if write_once(store, effects, name, manifest.to_bytes()):
        return True
    there = Manifest.from_bytes(store.get(name), name)
    return there.commit_id == manifest.commit_id
