"""Numbers of an index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shards.table.read.reader import TailReader
from shards.table.read.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Stats:
    """Numbers of an index. `tail`: log objects not folded yet; sizes in bytes, `columns` by column of the segments.

    `wide`: segments that a resharding has not split yet. `committed`: when the newest manifest was made, in ms since
    1970; None before the first.
    """

    images: int
    shards: int
    segments: int
    wide: int
    dead: int
    tail: int
    tail_images: int
    size: int
    version: int
    committed: int | None
    columns: Mapping[str, int]

    @classmethod
    def of(cls, snapshot: Snapshot) -> Stats:
        """What this snapshot counts."""
        manifest = snapshot.manifest
        columns: dict[str, int] = {}
        for segment in manifest:
            for name, column in segment.columns.items():
                columns[name] = columns.get(name, 0) + column.size
        return cls(
            images=snapshot.live,
            shards=manifest.shards,
            segments=sum(len(shard) for shard in manifest.segments),
            wide=len(manifest.wide),
            dead=sum(segment.dead_rows for segment in manifest),
            tail=len(snapshot.log),
            tail_images=sum(s.live for s in snapshot.sources if isinstance(s.reader, TailReader)),
            size=sum(segment.size for segment in manifest),
            version=manifest.version,
            committed=manifest.created if manifest.version else None,
            columns=columns,
        )
