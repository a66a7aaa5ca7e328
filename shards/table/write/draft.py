"""Drafts of manifests: merged segments go in first, then fresh records, and all of it becomes one commit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shards.storage.base import Data
from shards.table.format.manifest import Manifest, Segment
from shards.table.format.segment import with_dead


@dataclass(frozen=True, slots=True)
class Change:
    """The next manifest, and the objects that must exist before it does."""

    manifest: Manifest

    objects: Mapping[str, Data]
    """Bodies by name."""


@dataclass(slots=True)
class Draft:
    """A manifest in the making. Each attempt to commit makes a new one."""

    before: Manifest
    """The manifest that this one follows."""

    commit_id: str
    """The id of the attempt."""

    now_ms: int
    """The time of the attempt, in ms since 1970."""

    segments: list[list[Segment]]
    """The segments by shard, so far."""

    folded: Mapping[str, int]
    """Log objects that are folded, as in a manifest."""

    dead: dict[str, NDArray[np.uint32]] = field(default_factory=dict)
    """All dead rows, sorted uint32, of each segment in which rows die by this commit. They are listed only at the end,
    since a row may die in a segment that came in just before."""

    objects: dict[str, Data] = field(default_factory=dict)
    """Objects that must exist before the manifest does."""

    @classmethod
    def of(cls, before: Manifest, *, commit_id: str, now_ms: int) -> Draft:
        return cls(before, commit_id, now_ms, [list(shard) for shard in before.segments], before.folded)

    def manifest(self) -> Manifest:
        """Return the manifest as it would be now, without the rows that die."""
        return self._following(self.segments)

    def dead_of(self, read: Callable[[Segment], NDArray[np.uint32]]) -> Callable[[Segment], NDArray[np.uint32]]:
        """Return a function for the dead rows of a segment: those of this draft, or else what `read` returns."""

        def dead(segment: Segment) -> NDArray[np.uint32]:
            known = self.dead.get(segment.name)
            return read(segment) if known is None else known

        return dead

    def replace(self, gone: Collection[str], made: Iterable[Segment]) -> None:
        """Replace the segments of these names by others."""
        self.segments = [[segment for segment in shard if segment.name not in gone] for shard in self.segments]
        for segment in made:
            self.segments[segment.shard].append(segment)

    def change(self) -> Change:
        """Return the change to commit."""
        objects = dict(self.objects)
        segments: list[list[Segment]] = []
        for shard in self.segments:
            segments.append([])
            for segment in shard:
                dead = self.dead.get(segment.name)
                if dead is not None:
                    segment, more = with_dead(segment, dead, self.commit_id)
                    objects |= more
                segments[-1].append(segment)
        return Change(self._following(segments), objects)

    def _following(self, segments: Sequence[Sequence[Segment]]) -> Manifest:
        return self.before.following(segments, commit_id=self.commit_id, created=self.now_ms, folded=self.folded)
