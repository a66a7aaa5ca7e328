"""Marks and decisions about duplicates: what somebody wants to remove or keep, and which pairs are none.

They are objects of their own beside the index, each created once. Of several entries about the same thing the youngest
counts, so their order does not matter, and objects may be folded into one while others are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from shards.errors import CorruptObject, LookalikeError, ObjectNotFound
from shards.storage.base import Data, Store
from shards.storage.deciding import write_once
from shards.storage.effects import Effects
from shards.table.format import names, whole
from shards.table.format.envelope import seal, unseal

Mark: TypeAlias = Literal["remove", "keep"]
MARKS = ("remove", "keep")

FOLDED_FROM = 32
"""Objects from which on they are folded: each is a request of every reader."""

ENTRIES = 50_000
"""Entries of one object: of the longest keys that is what an object of its kind may have."""

FORGOTTEN = 86_400 * 10**9
"""Age, in ns, at which what was taken back is forgotten: by then no writer is left who began before."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A mark of an image, or a decision about a pair."""

    keys: tuple[str, ...]
    """One key: a mark. Two, sorted: a decision."""

    value: str | None
    """remove, keep; of a pair different. None takes back what was there."""

    time: int = 0
    """When, in ns since 1970; 0: now."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What counts now."""

    marks: Mapping[str, tuple[Mark, int]]
    """By key, the mark and its time."""

    different: Mapping[tuple[str, str], int]
    """Pairs of keys, sorted, that are no duplicates, with the time of the decision."""

    def keys(self, wanted: Mark) -> set[str]:
        """Return the keys that have this mark."""
        return {key for key, (mark, _) in self.marks.items() if mark == wanted}


def store(store: Store, effects: Effects, entries: Sequence[Entry], now: int, form: int) -> None:
    """Keep entries, as of now where they have no time of their own; fold what is there where it is much."""
    for start in range(0, len(entries), ENTRIES):
        _write(store, effects, [_dated(entry, now) for entry in entries[start : start + ENTRIES]], now, form)
    _fold(store, effects, now, form)


def read(store: Store) -> Marks:
    """Return what counts now. Raises CorruptObject."""
    newest, _ = _read(store)
    marks = {keys[0]: (cast(Mark, value), time) for keys, (time, value) in newest.items() if len(keys) == 1 and value}
    pairs = {(keys[0], keys[1]): time for keys, (time, value) in newest.items() if len(keys) == 2 and value}
    return Marks(marks, pairs)


def parse(name: str, data: Data) -> list[Entry]:
    """Return the entries of the object of this name. Raises CorruptObject."""
    document = unseal(data, name)
    try:
        entries = document["entries"]
        if not isinstance(entries, list) or len(entries) > ENTRIES:
            raise ValueError(f"entries should be a list of {ENTRIES:,} at most")
        return [_entry(entry) for entry in entries]
    except (KeyError, TypeError, ValueError, LookalikeError) as error:
        raise CorruptObject(name, f"its contents are no marks: {error}") from error


def checked(keys: Sequence[Any], value: Any, time: int = 0) -> Entry:
    """Return an entry of what somebody sent. Raises ValueError, and KeyInvalid."""
    for key in keys:
        if not isinstance(key, str):
            raise ValueError(f"{key!r:.80} is no key")  # noqa: TRY004
        names.key_bytes(key)
    if len(keys) not in (1, 2) or (len(keys) == 2 and keys[0] == keys[1]):
        raise ValueError("give the key of an image, or those of two different ones")
    allowed = MARKS if len(keys) == 1 else ("different",)
    if value is not None and value not in allowed:
        raise ValueError(f"{value!r:.80} should be {' or '.join(allowed)}, or null")
    return Entry(tuple(sorted(keys)), value, time)


def _entry(document: Any) -> Entry:
    if not isinstance(document, list) or len(document) != 3 or not isinstance(document[0], list):
        raise ValueError(f"{document!r:.80} should be keys, a value and a time")
    keys, value, time = document
    if type(time) is not int or not 0 <= time < 1 << 63:
        raise ValueError(f"{time!r:.80} is no time")
    return checked(keys, value, time)


def _dated(entry: Entry, now: int) -> Entry:
    return Entry(entry.keys, entry.value, entry.time or now)


def _write(store: Store, effects: Effects, entries: Iterable[Entry], now: int, form: int) -> str:
    document = {"format": form, "entries": [[list(entry.keys), entry.value, entry.time] for entry in entries]}
    body = seal(document)
    name = names.marks(now // 10**6, body)
    write_once(store, effects, name, body)
    return name


def _read(store: Store) -> tuple[dict[tuple[str, ...], tuple[int, str | None]], list[str]]:
    """Return the youngest entry about each image and pair, and the names of the objects that were read."""
    newest: dict[tuple[str, ...], tuple[int, str | None]] = {}
    seen: list[str] = []
    for entry in list(store.list(names.MARKS)):
        if names.MARKS_NAME.fullmatch(entry.name) is None:
            continue
        try:
            entries = parse(entry.name, whole.get(store, entry.name))
        except ObjectNotFound:
            # folded since the listing: what it said is in an object that sorts later, or will be listed next time
            return _read(store)
        seen.append(entry.name)
        for each in entries:
            # of the same moment, the object that sorts later counts
            if newest.get(each.keys, (-1, None))[0] <= each.time:
                newest[each.keys] = each.time, each.value
    return newest, seen


def _fold(store: Store, effects: Effects, now: int, form: int) -> None:
    newest, seen = _read(store)
    kept = [
        Entry(keys, value, time)
        for keys, (time, value) in sorted(newest.items())
        if value is not None or now - time < FORGOTTEN
    ]
    if len(seen) - -(-len(kept) // ENTRIES) < FOLDED_FROM:
        return
    made = [_write(store, effects, kept[start : start + ENTRIES], now, form) for start in range(0, len(kept), ENTRIES)]
    store.delete([name for name in seen if name not in made])
