"""Committing: create manifest N + 1, and start again from the newest when somebody else did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from shards.errors import Conflict, Undecided
from shards.storage.base import Data, Store
from shards.storage.each import several
from shards.table.format import names
from shards.table.format.manifest import Manifest
from shards.table.write.draft import Change

TRIES = 40
"""Attempts before giving up: with the waits below, over a minute of losing every race."""

WRITE_TRIES = 6
"""Attempts of one undecided request: the waits add up to about 6 s, beyond what the client did by itself."""

COMMIT_NS = 30 * 60 * 10**9
"""A commit that lasted longer gives up: after an hour its objects may be collected as nobody's."""

UPLOAD_SECONDS = 30 * 60.0
"""What was uploaded so long before the newest manifest is not named by the next one: after an hour it may be
collected as nobody's."""

Result = TypeVar("Result")


class Effects(Protocol):
    """What is not a function of its arguments, so that a simulator can stand in for the world."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970."""
        ...

    def random(self) -> int:
        """64 random bits."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@dataclass(frozen=True, slots=True)
class Base:
    """What a commit builds on: the newest manifest, and when the store says that it was created.

    `modified`: in seconds since 1970; 0 where there is no manifest yet, and this is version 0.
    """

    manifest: Manifest
    modified: float

    def may_name(self, uploaded: float) -> bool:
        """Whether the next manifest may name an object that was there before this one was read.

        By the store's clock alone. A collector deletes what nobody names only where a manifest is over an hour
        younger, and does not name it either: who reads that manifest, or a later one, is refused here, and who has
        read an earlier one finds its version taken.
        """
        return self.modified - uploaded <= UPLOAD_SECONDS


def newest(store: Store, shards: int, known: Manifest | None = None) -> Base:
    """The newest manifest, or version 0 with so many shards where there is none.

    `known`: one that was read or created before; it is not read again where it is still the newest.
    """
    for entry in store.list(names.MANIFEST, limit=1):
        if known is not None and entry.name == names.manifest(known.version):
            return Base(known, entry.modified)
        return Base(Manifest.from_bytes(store.get(entry.name), entry.name), entry.modified)
    return Base(Manifest.empty(shards), 0.0)


def decide(effects: Effects, attempt: Callable[[], Result]) -> Result:
    """What the attempt returns, tried again while the store is undecided. The attempt must be idempotent."""
    for n in range(WRITE_TRIES):
        try:
            return attempt()
        except Undecided:
            if n == WRITE_TRIES - 1:
                raise
            wait(effects, n)
    raise AssertionError("unreachable")


def write_once(store: Store, effects: Effects, name: str, data: Data) -> bool:
    """Create an object whose name stands for its content: True if written now, False if it was there."""
    return decide(effects, lambda: store.create(name, data))


def write_all(store: Store, effects: Effects, objects: Mapping[str, Data]) -> None:
    """Create them, several at once where the store is far away; on return all are there."""
    several(store, lambda item: write_once(store, effects, *item), list(objects.items()))


def wait(effects: Effects, n: int) -> None:
    """The n-th wait: doubling from 50 ms to 2 s, shortened at random so that rivals do not meet again."""
    effects.sleep(min(0.05 * 2**n, 2.0) * (0.5 + effects.random() / 2**65))


def commit(
    store: Store, effects: Effects, read: Callable[[], Base], build: Callable[[Base, str], Change | None]
) -> Manifest | None:
    """Make the change that `build(newest manifest, commit id)` returns; None where it returns None.

    Builds again from the newest manifest, as `read` finds it, until this commit is the one that created the next
    version.
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
            # asleep for hours just before, it would have created a version that is long past and collected
            if effects.now_ns() - started > COMMIT_NS:
                raise Undecided(f"{store.url}: creating a manifest took over half an hour; try again")
            return change.manifest
        wait(effects, n)
    raise Conflict(f"{store.url}: other writers created the next manifest {TRIES} times in a row; try again")


def _create(store: Store, effects: Effects, manifest: Manifest) -> bool:
    """Whether this manifest became its version. A repeated request may find what it created itself."""
    name = names.manifest(manifest.version)
    if write_once(store, effects, name, manifest.to_bytes()):
        return True
    there = Manifest.from_bytes(store.get(name), name)
    return there.commit_id == manifest.commit_id
