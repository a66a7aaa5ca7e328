"""A manifest in the making: what is merged goes in first, then what is folded, and all of it becomes one commit."""

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


@dataclass(slots=True)
class Draft:
    """What follows `before`, as far as it is known. Made anew for each attempt to commit it, whose id it carries.

    `segments`: by shard. `dead`: for each segment in which rows die by this commit all its dead rows, sorted uint32;
    they are listed only at the end, since a row may die in a segment that came in just before. `folded` and `objects`
    as they are in a manifest and in a change.
    """

    before: Manifest
    commit_id: str
    now_ms: int
    segments: list[list[Segment]]
    folded: Mapping[str, int]
    dead: dict[str, NDArray[np.uint32]] = field(default_factory=dict)
    objects: dict[str, Data] = field(default_factory=dict)

    @classmethod
    def of(cls, before: Manifest, *, commit_id: str, now_ms: int) -> Draft:
        return cls(before, commit_id, now_ms, [list(shard) for shard in before.segments], before.folded)

    def manifest(self) -> Manifest:
        """As it would be now, but for the rows that die."""
        return self._following(self.segments)

    def dead_of(self, read: Callable[[Segment], NDArray[np.uint32]]) -> Callable[[Segment], NDArray[np.uint32]]:
        """The dead rows of a segment: those of this draft, or what `read` says."""

        def dead(segment: Segment) -> NDArray[np.uint32]:
            known = self.dead.get(segment.name)
            return read(segment) if known is None else known

        return dead

    def replace(self, gone: Collection[str], made: Iterable[Segment]) -> None:
        """Put segments in the place of those of these names."""
        self.segments = [[segment for segment in shard if segment.name not in gone] for shard in self.segments]
        for segment in made:
            self.segments[segment.shard].append(segment)

    def change(self) -> Change:
        """What is to be committed."""
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
