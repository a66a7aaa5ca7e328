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
from shards.table.format.fields import Fields
from shards.table.format.layout import NEEDS, PARTIAL_SHA256
from shards.table.format.records import SHA256, Order

INLINE_DEAD = 256
"""Limit of dead rows listed in the manifest itself; more go to an object of their own, so manifests stay small."""

MAX_ROWS = 1 << 22
"""Rows of a segment: merging makes none larger (`IndexSettings.segment_rows`)."""

MAX_COLUMNS = 1 << 10
"""Columns of a segment: an index with every family has fewer than a hundred."""

MAX_BYTES = 1 << 40
"""Bytes of a segment: no store takes larger objects in one piece."""

MAX_FOLDED = 1 << 20
"""Log objects that a manifest says to be folded: those of the last minutes, of which a fold takes 128 MB at a time."""

MAX_NEEDS = 64

MAX_MS = 1 << 53
"""Limit of times in ms since 1970: whole numbers above it are no longer exact in every JSON tool."""

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
    def from_json(cls, shard: int, shards: int, document: object) -> Segment:
        """Return the segment in this document, as `to_json` writes it. Raises ValueError."""
        return cls.from_fields(shard, shards, Fields(document))

    @classmethod
    def from_fields(cls, shard: int, shards: int, fields: Fields) -> Segment:
        """Return the segment that a manifest with so many shards lists. Raises ValueError."""
        rows = fields.integer("rows", 0, MAX_ROWS)
        listed = fields.nested("columns").every(MAX_COLUMNS)
        # the order of columns is the order of their checksums, and JSON's keys are sorted: go by place in the file
        columns = sorted(((name, Column.from_json(column)) for name, column in listed), key=lambda item: item[1].offset)
        return cls(
            name=fields.text("name", names.SEGMENT_NAME),
            shard=shard,
            rows=rows,
            size=fields.integer("bytes", 0, MAX_BYTES),
            columns=dict(columns),
            modulus=fields.integer("modulus", 1, names.MAX_SHARDS, shards),
            tombstones=fields.integer("tombstones", 0, rows),
            dead_rows=fields.integer("dead_rows", 0, rows),
            dead=fields.integers("dead", INLINE_DEAD, MAX_ROWS, []),
            dead_object=fields.text("dead_object", names.DEAD_NAME) if "dead_object" in fields else None,
            latest=_order(fields) if "latest" in fields else None,
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

    needs: frozenset[str] = frozenset()
    """What a reader has to know, by the names in `layout.NEEDS`. A need stays: the log may hold what needs it."""

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
        is_partial = any(SHA256 not in segment.columns for shard in segments for segment in shard)
        return Manifest(
            version=self.version + 1,
            commit_id=commit_id,
            created=created,
            segments=tuple(tuple(shard) for shard in segments),
            folded=self.folded if folded is None else folded,
            index=self.index,
            needs=self.needs | {PARTIAL_SHA256} if is_partial and self.may_need else self.needs,
        )

    @property
    def may_need(self) -> bool:
        """True if a manifest of this index may need what not every reader knows: in format 1 none may."""
        return bool(self.index)

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
                **({"needs": sorted(self.needs)} if self.needs else {}),
                "version": self.version,
                "commit_id": self.commit_id,
                "created": self.created,
                "shards": [[segment.to_json(self.shards) for segment in shard] for shard in self.segments],
                "folded": dict(self.folded),
                "totals": self.totals,
            }
        )

    @classmethod
    def from_bytes(cls, data: Data, name: str) -> Manifest:
        """Return the manifest in the object `name`. Raises CorruptObject, or FormatUnsupported."""
        fields = Fields(envelope.unseal(data, name))
        try:
            manifest = cls._from_fields(fields)
        except ValueError as error:
            raise CorruptObject(name, f"its contents make no manifest: {error}") from error
        if manifest.version != names.manifest_version(name):
            raise CorruptObject(name, f"holds version {manifest.version}")
        return manifest

    @classmethod
    def _from_fields(cls, fields: Fields) -> Manifest:
        shards = fields.items("shards", names.MAX_SHARDS)
        manifest = cls(
            version=fields.integer("version", 1, (1 << 64) - 1),
            commit_id=fields.text("commit_id", names.COMMIT_ID),
            created=fields.integer("created", 0, MAX_MS),
            segments=tuple(
                tuple(
                    Segment.from_fields(n, len(shards), Fields(segment, f"shards[{n}][{place}]"))
                    for place, segment in enumerate(shard if isinstance(shard, list) else [shard])
                )
                for n, shard in enumerate(shards)
            ),
            folded={
                log: fields.nested("folded").integer(log, 0, MAX_MS)
                for log, _ in fields.nested("folded").every(MAX_FOLDED)
            },
            index=fields.text("index", names.ID) if fields.integer("format", 1, 2) > 1 else "",
            # known ones, or the document would have been refused
            needs=NEEDS.intersection(fields.items("needs", MAX_NEEDS, []))
            if fields.integer("format", 1, 2) > 1
            else frozenset(),
        )
        manifest.check()
        totals = {name: fields.nested("totals").integer(name, 0, 1 << 64) for name in manifest.totals}
        if manifest.totals != totals:
            raise ValueError(f"its totals {totals} are not those of its segments")
        return manifest

    @property
    def totals(self) -> dict[str, int]:
        """Sums over all segments, as a manifest states them."""
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


def _order(fields: Fields) -> Order:
    latest = fields.integers("latest", 2, (1 << 64) - 1)
    if len(latest) != 2:
        raise fields.wrong("latest", "should be a time and a tie-break")
    return latest[0], latest[1]


def read_dead(store: Store, segment: Segment) -> NDArray[np.uint32]:
    """Return the dead rows of a segment: (dead_rows,) uint32, sorted. Raises CorruptObject."""
    if segment.dead_object is None:
        return np.array(segment.dead, np.uint32)
    data = whole.get(store, segment.dead_object)
    names.check_content(segment.dead_object, data)
    if len(data) != dead_size(segment) or not _is_list(bytes(data[:_NPY_HEADER]), segment.dead_rows):
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


def dead_size(segment: Segment) -> int:
    """Return the bytes of the object that lists the dead rows of this segment."""
    return _NPY_HEADER + 4 * segment.dead_rows


def dead_bytes(dead: NDArray[np.uint32]) -> bytes:
    """Return a list of dead rows as an object of its own: a `.npy` file."""
    file = io.BytesIO()
    np.save(file, dead.astype("<u4"), allow_pickle=False)
    return file.getvalue()


_NPY_MAGIC = b"\x93NUMPY\x01\x00"
_NPY_HEADER = 128
"""np.save pads its header to a multiple of 64 bytes; a one-dimensional uint32 array's has always 128."""
