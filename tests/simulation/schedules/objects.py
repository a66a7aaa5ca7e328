"""What lies in a store, as values: a state of the store is never changed, and two that are equal are one object."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shards.storage.base import Entry


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """An object as it was created at one time. Equal ones are the same."""

    name: str
    body: bytes
    modified: float


@dataclass(slots=True, eq=False)
class Contents:
    """A state of the store: its objects by name. `_after` keeps the states that follow from it by one change."""

    pool: Pool
    by_name: Mapping[str, Stored]
    _listed: dict[str, tuple[Stored, ...]] = field(default_factory=dict)
    _after: dict[object, Contents] = field(default_factory=dict)

    def created(self, name: str, body: bytes, modified: float) -> Contents:
        """Return the state with one object more."""
        made = self.pool.stored(name, body, modified)
        after = self._after.get(made)
        if after is None:
            after = self._after[made] = self.pool.contents([*self.by_name.values(), made])
        return after

    def deleted(self, name: str) -> Contents:
        """Return the state without this object."""
        if name not in self.by_name:
            return self
        after = self._after.get(name)
        if after is None:
            after = self._after[name] = self.pool.contents(one for one in self.by_name.values() if one.name != name)
        return after

    def listed(self, prefix: str, after: str = "", limit: int | None = None) -> tuple[Stored, ...]:
        """Return the objects with this prefix after a name, by name."""
        found = self._listed.get(prefix)
        if found is None:
            names = sorted(name for name in self.by_name if name.startswith(prefix))
            found = self._listed[prefix] = tuple(self.by_name[name] for name in names)
        if after:
            found = found[bisect_right(found, after, key=lambda one: one.name) :]
        return found if limit is None else found[:limit]


class Pool:
    """All objects and states that were ever met, each once."""

    def __init__(self) -> None:
        self._stored: dict[tuple[str, bytes, float], Stored] = {}
        self._contents: dict[frozenset[Stored], Contents] = {}

    def stored(self, name: str, body: bytes, modified: float) -> Stored:
        known = self._stored.get((name, body, modified))
        if known is None:
            known = self._stored[name, body, modified] = Stored(name, body, modified)
        return known

    def contents(self, objects: Iterable[Stored]) -> Contents:
        those = frozenset(objects)
        known = self._contents.get(those)
        if known is None:
            known = self._contents[those] = Contents(self, {one.name: one for one in those})
        return known


def entries(listed: Sequence[Stored]) -> list[Entry]:
    return [Entry(one.name, len(one.body), one.modified) for one in listed]
