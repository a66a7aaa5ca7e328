"""Notes of imports: when the content of a dump was first imported, and that all of it was."""

from __future__ import annotations

from shards.errors import CorruptObject, ObjectNotFound
from shards.storage.base import Data, Store
from shards.storage.deciding import write_once
from shards.storage.effects import Effects
from shards.table.format import names, whole
from shards.table.format.envelope import seal, unseal
from shards.table.format.fields import Fields


def time_of(store: Store, effects: Effects, content: str, now: int, form: int) -> int:
    """Return when this content was first imported, in ns since 1970: `now`, unless that is noted already.

    `content`: 32 hex digits that name it. `form`: the format of the index.
    """
    name = names.imported(content, is_done=False)
    write_once(store, effects, name, seal({"format": form, "time": now}))
    return parse(name, whole.get(store, name))


def mark_done(store: Store, effects: Effects, content: str, now: int, form: int) -> None:
    """Note that all of this content is in the index."""
    write_once(store, effects, names.imported(content, is_done=True), seal({"format": form, "time": now}))


def is_done(store: Store, content: str) -> bool:
    """Return True if `mark_done` was called for this content."""
    name = names.imported(content, is_done=True)
    try:
        parse(name, whole.get(store, name))
    except ObjectNotFound:
        return False
    return True


def parse(name: str, data: Data) -> int:
    """Return the time in the note of this name, in ns since 1970. Raises CorruptObject."""
    document = unseal(data, name)
    try:
        return Fields(document).integer("time", 0, (1 << 63) - 1)
    except ValueError as error:
        raise CorruptObject(name, f"its contents are no note of an import: {error}") from error
