"""Requests whose outcome the store did not say: the same one is sent again, until it is decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from shards.errors import Undecided
from shards.storage.base import Data, Store
from shards.storage.effects import Effects
from shards.storage.parallel import parallel_map

TRIES = 6
"""Attempts of one undecided request: the waits add up to about 6 s, after the client's own retries."""

Result = TypeVar("Result")


def decide(effects: Effects, attempt: Callable[[], Result]) -> Result:
    """Return what an idempotent attempt returns; try again while the store is undecided."""
    for n in range(TRIES):
        try:
            return attempt()
        except Undecided:
            if n == TRIES - 1:
                raise
            wait(effects, n)
    raise AssertionError("unreachable")


def write_once(store: Store, effects: Effects, name: str, data: Data) -> bool:
    """Create an object; return True if written now, False if one of this name was there.

    A repeated request may find what it wrote itself. That does no harm where the name stands for the content; else a
    caller who gets False has to read the object and compare.
    """
    return decide(effects, lambda: store.create(name, data))


def write_all(store: Store, effects: Effects, objects: Mapping[str, Data]) -> None:
    """Create objects whose names stand for their contents, several at once where the store is far away."""
    parallel_map(store, lambda item: write_once(store, effects, *item), list(objects.items()))


def wait(effects: Effects, n: int) -> None:
    """Wait for the n-th time: doubling from 50 ms to 2 s, varied at random so that rivals do not meet again."""
    effects.sleep(min(0.05 * 2**n, 2.0) * (0.5 + effects.random() / 2**65))
