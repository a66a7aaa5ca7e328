"""A store whose reads are repeated while the store cannot say: for work of hours, which one 503 should not end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from shards.storage.base import Entry, Store
from shards.storage.deciding import decide
from shards.storage.delegating import DelegatingStore, Verb
from shards.storage.effects import Effects

Result = TypeVar("Result")

PAGE = 1000
"""Entries that are listed at a time: where that fails, only they are asked for again."""


class PatientStore(DelegatingStore):
    """Another store, whose reads, listings and deletions are tried again while it is undecided.

    Not its creations: who repeats one has to know whose object it finds.
    """

    def __init__(self, inner: Store, effects: Effects) -> None:
        super().__init__(inner)
        self._effects = effects

    def request(self, verb: Verb, name: str, send: Callable[[], Result]) -> Result:
        del name
        return send() if verb == "create" else decide(self._effects, send)

    def _page(self, prefix: str, after: str, limit: int) -> Sequence[Entry]:
        return self.request("list", prefix, lambda: tuple(self.inner.list(prefix, after=after, limit=limit)))

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        while limit is None or limit > 0:
            size = PAGE if limit is None else min(PAGE, limit)
            page = self._page(prefix, after, size)
            yield from page
            if len(page) < size:
                return
            after = page[-1].name
            limit = None if limit is None else limit - size
