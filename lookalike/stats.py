"""Statistics of an index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shards.table.read.reader import TailReader
from shards.table.read.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Stats:
    """Numbers of an index."""

    id: str
    """The id of the index, which is also the folder of its objects; empty in format 1."""

    images: int
    shards: int
    segments: int

    wide: int
    """Segments that a resharding has not split yet."""

    dead: int
    """Rows of segments that were replaced or removed."""

    tail: int
    """Log objects that are not folded yet."""

    tail_images: int
    """Images in those log objects."""

    size: int
    """Bytes of all segments."""

    version: int
    """Version of the newest manifest; 0 before the first."""

    committed: int | None
    """Time at which the newest manifest was made, in ms since 1970; None before the first."""

    columns: Mapping[str, int]
    """Bytes of each column in all segments, by name."""

    @classmethod
    def of(cls, snapshot: Snapshot) -> Stats:
        """Return the numbers of this snapshot."""
        manifest = snapshot.manifest
        columns: dict[str, int] = {}
        for segment in manifest:
            for name, column in segment.columns.items():
                columns[name] = columns.get(name, 0) + column.size
        return cls(
            id=manifest.index,
            images=snapshot.live,
            shards=manifest.shards,
            segments=sum(len(shard) for shard in manifest.segments),
            wide=len(manifest.wide),
            dead=sum(segment.dead_rows for segment in manifest),
            tail=len(snapshot.log),
            tail_images=sum(source.live for source in snapshot.sources if isinstance(source.reader, TailReader)),
            size=sum(segment.size for segment in manifest),
            version=manifest.version,
            committed=manifest.created if manifest.version else None,
            columns=columns,
        )
