"""What a copying may do in another order."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from unittest.mock import patch

from shards.table.format import names
from shards.table.format.manifest import Manifest
from shards.table.maintain.copying import State, _Copying
from shards.table.read.newest import Base, newest


def the_index_is_published_before_its_objects_are_there() -> AbstractContextManager[object]:
    """Whoever opens it then finds nothing, or half of it."""
    bring = _Copying._bring

    def too_early(self: _Copying, state: State, base: Base) -> Manifest:
        self._publish()
        return bring(self, state, base)

    return patch.object(_Copying, "_bring", too_early)


def the_manifest_is_read_before_the_log() -> AbstractContextManager[object]:
    """What is folded and collected in between is in neither."""

    state = _Copying._state

    def too_late(self: _Copying) -> State:
        manifest = newest(self.data, self.settings.shards, index=self.settings.id).manifest
        taken = state(self)
        listed = list(self.data.list(names.LOG))
        return replace(
            taken, manifest=manifest, tail=tuple(entry for entry in listed if entry.name not in manifest.folded)
        )

    return patch.object(_Copying, "_state", too_late)


def the_state_is_taken_before_the_copy_is_read() -> AbstractContextManager[object]:
    """A slow copying puts an older state over what a faster one has made."""
    bring = _Copying._bring

    def late(self: _Copying, state: State, _: Base) -> Manifest:
        return bring(self, state, newest(self.table.store, self.copied.shards, index=self.copied.id))

    return patch.object(_Copying, "_bring", late)
