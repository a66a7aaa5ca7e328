"""Manifests: numbered lists of the live segments. Version N + 1 is created, nothing is ever overwritten."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject
from shards.storage.base import Data, Store
from shards.table.format import dtypes, envelope, names, whole
from shards.table.format.columns import Column
from shards.table.format.records import Order

INLINE_DEAD = 256
"""Limit of dead rows listed in the manifest itself; more go to an object of their own, so manifests stay small."""

Residue: TypeAlias = tuple[int, int]
"""(shard, modulus): the keys whose hash mod `modulus` is `shard`."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One immutable file of records of one shard, sorted by key hash."""

    name: str

    shard: int
    """The segment holds keys whose hash mod `modulus` is `shard`."""

    rows: int

    size: int
    """Bytes."""

    columns: Mapping[str, Column] = field(hash=False)

    modulus: int = 1
    """Number of shards when the segment was made. Where the manifest has more, it is wide until it is split."""

    tombstones: int = 0
    """Number of rows that are records of a delete."""

    dead_rows: int = 0
    """Number of rows that do not count any more: overwritten, deleted, and the tombstones themselves."""

    dead: tuple[int, ...] = ()
    """The dead rows, sorted, unless `dead_object` lists them."""

    dead_object: str | None = None
    """Name of the object that lists the dead rows."""

    latest: Order | None = None
    """The latest order of all rows, dead ones too; None where an older release wrote the segment."""

    @property
    def live(self) -> int:
        return self.rows - self.dead_rows

    @property
    def residue(self) -> Residue:
        return self.shard, self.modulus

    @property
    def removable(self) -> int:
        """Dead rows that a merge can surely leave out: tombstones may be too young."""
        return max(self.dead_rows - self.tombstones, 0)

    def to_json(self, shards: int) -> dict[str, Any]:
        """Return the segment as JSON in a manifest with so many shards."""
        document: dict[str, Any] = {
            "name": self.name,
            "rows": self.rows,
            "bytes": self.size,
            "columns": {name: column.to_json() for name, column in self.columns.items()},
            "tombstones": self.tombstones,
            "dead_rows": self.dead_rows,
        }
        if self.dead_object:
            document["dead_object"] = self.dead_object
        else:
            document["dead"] = list(self.dead)
        if self.modulus != shards:
            document["modulus"] = self.modulus
        if self.latest is not None:
            document["latest"] = list(self.latest)
        return document

    @classmethod
    def from_json(cls, shard: int, shards: int, document: Mapping[str, Any]) -> Segment:
        # the order of columns is the order of their checksums, and JSON's keys are sorted: go by place in the file
        columns = {name: Column.from_json(column) for name, column in document["columns"].items()}
        latest = document.get("latest")
        return cls(
            name=document["name"],
            shard=shard,
            rows=document["rows"],
            size=document["bytes"],
            columns=dict(sorted(columns.items(), key=lambda item: item[1].offset)),
            modulus=document.get("modulus", shards),
            tombstones=document["tombstones"],
            dead_rows=document["dead_rows"],
            dead=tuple(document.get("dead", ())),
            dead_object=document.get("dead_object"),
            latest=None if latest is None else _order(latest),
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """The live segments after `version` commits."""

    version: int

    commit_id: str
    """The id of the commit that created this manifest, by which a writer knows its own."""

    created: int
    """The time of that commit, in ms since 1970."""

    segments: tuple[tuple[Segment, ...], ...]
    """The segments by shard. A wide one, which holds keys of several shards, is with the first of them."""

    folded: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Log objects that are in the segments already, and when they were folded, in ms since 1970. A name is dropped once
    its object was collected."""

    index: str = ""
    """The id of the index; empty in format 1."""

    @classmethod
    def empty(cls, shards: int, index: str = "") -> Manifest:
        """Return version 0, which is never stored: an index that has folded nothing."""
        return cls(0, "", 0, ((),) * shards, index=index)

    def following(
        self,
        segments: Sequence[Sequence[Segment]],
        *,
        commit_id: str,
        created: int,
        folded: Mapping[str, int] | None = None,
    ) -> Manifest:
        """Return the next version, with these segments, and with `folded` as before unless it is given."""
        return Manifest(
            version=self.version + 1,
            commit_id=commit_id,
            created=created,
            segments=tuple(tuple(shard) for shard in segments),
            folded=self.folded if folded is None else folded,
            index=self.index,
        )

    def may_follow(self, known: Manifest) -> bool:
        """Return True if this manifest may be the newest of an index that had `known` before: versions only rise."""
        if self.version == known.version:
            return self.commit_id == known.commit_id
        return self.version > known.version

    @property
    def shards(self) -> int:
        return len(self.segments)

    @property
    def live(self) -> int:
        """Number of images in the segments, the log's tail not counted."""
        return sum(segment.live for segment in self)

    @property
    def wide(self) -> list[Segment]:
        """Segments that were made for fewer shards and wait to be split."""
        return [segment for segment in self if segment.modulus != self.shards]

    def by_residue(self) -> dict[Residue, list[Segment]]:
        """Return the segments by residue: those of one residue hold the same part of the keys and may be merged."""
        by_residue: dict[Residue, list[Segment]] = {}
        for segment in self:
            by_residue.setdefault(segment.residue, []).append(segment)
        return by_residue

    def __iter__(self) -> Iterator[Segment]:
        for shard in self.segments:
            yield from shard

    def to_bytes(self) -> bytes:
        self.check()
        return envelope.seal(
            {
                "format": 2 if self.index else 1,
                **({"index": self.index} if self.index else {}),
                "version": self.version,
                "commit_id": self.commit_id,
                "created": self.created,
                "shards": [[segment.to_json(self.shards) for segment in shard] for shard in self.segments],
                "folded": dict(self.folded),
                "totals": self._totals(),
            }
        )

    @classmethod
    def from_bytes(cls, data: Data, name: str) -> Manifest:
        """Return the manifest in the object `name`. Raises CorruptObject, or FormatUnsupported."""
        document = envelope.unseal(data, name)
        try:
            manifest = cls(
                version=document["version"],
                commit_id=document["commit_id"],
                created=document["created"],
                segments=tuple(
                    tuple(Segment.from_json(n, len(document["shards"]), segment) for segment in shard)
                    for n, shard in enumerate(document["shards"])
                ),
                folded=document["folded"],
                index=document["index"] if document["format"] > 1 else "",
            )
            manifest.check()
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptObject(name, f"its contents make no manifest ({error})") from error
        if manifest._totals() != document["totals"]:
            raise CorruptObject(name, f"its totals {document['totals']} are not those of its segments")
        if manifest.version != names.manifest_version(name):
            raise CorruptObject(name, f"holds version {manifest.version}")
        return manifest

    def _totals(self) -> dict[str, int]:
        return {
            "segments": sum(len(shard) for shard in self.segments),
            "rows": sum(segment.rows for segment in self),
            "live": self.live,
            "bytes": sum(segment.size for segment in self),
        }

    def check(self) -> None:
        """Raise ValueError unless this manifest may be stored."""
        named = [segment.name for segment in self]
        if len(set(named)) != len(named):
            raise ValueError("a segment is named twice")
        if self.version < 1 or not self.segments:
            raise ValueError(f"version {self.version} with {len(self.segments)} shards")
        for n, shard in enumerate(self.segments):
            for segment in shard:
                if segment.shard != n or not segment.name.startswith(names.shard_prefix(n)):
                    raise ValueError(f"{segment.name} is in shard {segment.shard}")
        for segment in self:
            if not segment.shard < segment.modulus or self.shards % segment.modulus:
                raise ValueError(f"{segment.name} was made for {segment.modulus} shards, and there are {self.shards}")
            if not 0 <= segment.dead_rows <= segment.rows:
                raise ValueError(f"{segment.name} has {segment.dead_rows} dead of {segment.rows} rows")
            if segment.dead_object is None:
                dead = segment.dead
                if len(dead) != segment.dead_rows or any(a >= b for a, b in pairwise(dead)):
                    raise ValueError(f"{segment.name} lists {len(dead)} dead rows, not {segment.dead_rows} in order")
                if dead and not 0 <= dead[0] <= dead[-1] < segment.rows:
                    raise ValueError(f"{segment.name} lists dead rows that it does not have")


def _order(document: Sequence[int]) -> Order:
    time, tie = document
    if not (0 <= time < 1 << 64 and 0 <= tie < 1 << 64):
        raise ValueError(f"({time}, {tie}) is no order")
    return time, tie


def read_dead(store: Store, segment: Segment) -> NDArray[np.uint32]:
    """Return the dead rows of a segment: (dead_rows,) uint32, sorted. Raises CorruptObject."""
    if segment.dead_object is None:
        return np.array(segment.dead, np.uint32)
    data = whole.get(store, segment.dead_object)
    names.check_content(segment.dead_object, data)
    if len(data) != _NPY_HEADER + 4 * segment.dead_rows or not _is_list(bytes(data[:_NPY_HEADER]), segment.dead_rows):
        raise CorruptObject(segment.dead_object, f"is no list of the {segment.dead_rows:,} dead rows of {segment.name}")
    dead = np.frombuffer(data, "<u4", offset=_NPY_HEADER).copy()
    if (dead[1:] <= dead[:-1]).any() or (len(dead) and dead[-1] >= segment.rows):
        raise CorruptObject(segment.dead_object, f"lists rows that do not rise, or that {segment.name} does not have")
    return dead


def _is_list(header: bytes, rows: int) -> bool:
    """Return True if this is the npy header of a list of so many rows."""
    try:
        return header[:8] == _NPY_MAGIC and dtypes.from_header(header[10:].decode()) == (np.dtype("<u4"), (rows,))
    except ValueError:
        return False


def dead_bytes(dead: NDArray[np.uint32]) -> bytes:
    """Return a list of dead rows as an object of its own: a `.npy` file."""
    file = io.BytesIO()
    np.save(file, dead.astype("<u4"), allow_pickle=False)
    return file.getvalue()


_NPY_MAGIC = b"\x93NUMPY\x01\x00"
_NPY_HEADER = 128
"""np.save pads its header to a multiple of 64 bytes; a one-dimensional uint32 array's has always 128."""
