"""Moving an object away from where it is in the way: whatever it is, and however large."""

from __future__ import annotations

import errno
from functools import partial
from itertools import count
from typing import IO

from shards.errors import CorruptObject, StorageError
from shards.storage.base import Store
from shards.storage.deciding import decide, write_once
from shards.storage.effects import Effects
from shards.storage.laid_out import lay_out
from shards.storage.local import LocalStore
from shards.storage.prefixed import PrefixedStore

PIECE = 8 << 20
"""Bytes that are read at once."""

LARGEST = 5 * 10**9
"""Bytes that S3 takes in one request."""


def move(store: Store, effects: Effects, name: str, new: str) -> None:
    """Move the object `name` to `new`, or to `new` and a number where an object of that name is there already.

    In a folder it is given another name, whatever it is; elsewhere it is copied by way of this machine's disk. Raises
    ObjectNotFound where it is gone, CorruptObject where it cannot be copied, and StorageError.
    """
    for n in count():
        if _moved(store, effects, name, f"{new}.{n}" if n else new):
            return


def _moved(store: Store, effects: Effects, name: str, new: str) -> bool:
    if isinstance(store, PrefixedStore):
        return _moved(store.around, effects, store.prefix + name, store.prefix + new)
    if isinstance(store, LocalStore):
        try:
            return store.move(name, new)
        except StorageError as error:
            # a folder of the index may be a link to one on another disk
            if not isinstance(error.__cause__, OSError) or error.__cause__.errno != errno.EXDEV:
                raise
    return _copied(store, effects, name, new)


def _copied(store: Store, effects: Effects, name: str, new: str) -> bool:
    """Copy an object, and delete it; return False, and leave it, where another object has the new name."""
    size = decide(effects, lambda: store.size(name))
    if size > LARGEST:
        raise CorruptObject(name, f"has {size:,} bytes, more than can be copied at once")

    def fill(file: IO[bytes]) -> None:
        for start in range(0, size, PIECE):
            (piece,) = decide(effects, partial(store.get_ranges, name, [(start, start + PIECE)]))
            file.write(piece)

    _, body = lay_out(fill, f"{name}, {size:,} bytes, cannot be laid down in")
    if not write_once(store, effects, new, body) and not _is(store, effects, new, body):
        return False
    decide(effects, lambda: store.delete([name]))
    return True


def _is(store: Store, effects: Effects, name: str, body: memoryview) -> bool:
    """Return True if this object has these bytes: an earlier attempt may have come so far."""
    if decide(effects, lambda: store.size(name)) != len(body):
        return False
    for start in range(0, len(body), PIECE):
        (piece,) = decide(effects, partial(store.get_ranges, name, [(start, start + PIECE)]))
        if piece != body[start : start + PIECE]:
            return False
    return True
