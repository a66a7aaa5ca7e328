"""What a reader may leave out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from shards.table.format.manifest import Segment, read_dead
from shards.table.read.snapshot import Snapshot
from shards.table.table import Table


def the_manifest_is_read_before_the_log() -> AbstractContextManager[object]:
    """Records that are folded between the two readings are in neither."""
    take = Table._take_snapshot

    def taken(self: Table) -> Snapshot:
        manifest = self._newest()
        with patch.object(self, "_newest", lambda: manifest):
            return take(self)

    return patch.object(Table, "_take_snapshot", taken)


def a_reader_does_not_start_again() -> AbstractContextManager[object]:
    """Objects that were listed may be folded and collected before they are read."""

    def once(self: Table, attempt: Callable[[], object]) -> object:
        return attempt()

    return patch.object(Table, "_restarting", once)


def a_snapshot_is_kept_while_the_manifest_is_the_same() -> AbstractContextManager[object]:
    """The log may have grown."""
    take = Table._take_snapshot

    def taken(self: Table) -> Snapshot:
        before = self._snapshot
        return before if before is not None and before.manifest == self._newest() else take(self)

    return patch.object(Table, "_take_snapshot", taken)


def lists_of_dead_rows_are_kept_by_segment() -> AbstractContextManager[object]:
    """Rows may have died since."""

    def dead_of(self: Table, segment: Segment) -> NDArray[np.uint32]:
        dead = self._dead.get(segment.name)
        if dead is None:
            dead = self._dead[segment.name] = read_dead(self.store, segment)
        return dead

    def forgets_nothing(self: Table) -> dict[str, NDArray[np.uint32]]:
        return self.__dict__.setdefault("dead of segments", {})

    kept = property(forgets_nothing, lambda self, _: None)
    return patch.multiple(Table, _dead_of=dead_of, _dead=kept, create=True)
