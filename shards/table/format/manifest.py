"""Manifests: numbered lists of what is live. Version N + 1 is created, nothing is ever overwritten."""

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
from shards.table.format import names, sealed
from shards.table.format.columns import Column
from shards.table.format.records import Order

INLINE_DEAD = 256
"""Dead rows listed in the manifest itself; more go to an object of their own, so that manifests stay small."""

Residue: TypeAlias = tuple[int, int]
"""(shard, modulus): the part of the keys whose hash mod `modulus` is `shard`."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One immutable file of records of one shard, sorted by key hash.

    `modulus`: of how many shards, when it was made: it holds keys whose hash mod `modulus` is `shard`. Where the
    manifest has more by now, it is wide, until it is split. `dead`: sorted rows that do not count any more
    (overwritten, deleted, and the tombstones themselves), either here or in the object `dead_object`; `dead_rows` says
    how many. `tombstones` of the rows are records of a delete. `latest`: the highest order of all its rows, dead ones
    too; None where an older release wrote it.
    """

    name: str
    shard: int
    rows: int
    size: int
    columns: Mapping[str, Column] = field(hash=False)
    modulus: int = 1
    tombstones: int = 0
    dead_rows: int = 0
    dead: tuple[int, ...] = ()
    dead_object: str | None = None
    latest: Order | None = None

    @property
    def live(self) -> int:
        return self.rows - self.dead_rows

    @property
    def residue(self) -> Residue:
        return self.shard, self.modulus

    @property
    def removable(self) -> int:
        """Dead rows that a merge can leave out, at least: tombstones may be too young."""
        return max(self.dead_rows - self.tombstones, 0)

    def to_json(self, shards: int) -> dict[str, Any]:
        """`shards`: how many the manifest has."""
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
    """What is live after `version` commits.

    `commit_id` tells whose commit this is, `created` is its time in ms since 1970. `segments[n]` are those of shard
    n; a wide one, which holds keys of several shards, is with the first of them. `folded`: log objects that are in
    the segments already, and when they were folded, in ms; a name is dropped from it once its object was collected.
    """

    version: int
    commit_id: str
    created: int
    segments: tuple[tuple[Segment, ...], ...]
    folded: Mapping[str, int] = field(default_factory=dict, hash=False)

    @classmethod
    def empty(cls, shards: int) -> Manifest:
        """Version 0, which is never stored: an index that has folded nothing."""
        return cls(0, "", 0, ((),) * shards)

    def following(
        self,
        segments: Sequence[Sequence[Segment]],
        *,
        commit_id: str,
        created: int,
        folded: Mapping[str, int] | None = None,
    ) -> Manifest:
        """The next version, with these segments; `folded` as before unless given."""
        return Manifest(
            version=self.version + 1,
            commit_id=commit_id,
            created=created,
            segments=tuple(tuple(shard) for shard in segments),
            folded=self.folded if folded is None else folded,
        )

    @property
    def shards(self) -> int:
        return len(self.segments)

    @property
    def live(self) -> int:
        """Images in the segments, the log's tail not counted."""
        return sum(segment.live for segment in self)

    @property
    def wide(self) -> list[Segment]:
        """Segments that were made for fewer shards, and wait to be split."""
        return [segment for segment in self if segment.modulus != self.shards]

    def by_residue(self) -> dict[Residue, list[Segment]]:
        """The segments that hold the same part of the keys: those that have rows of it, and that may be merged."""
        found: dict[Residue, list[Segment]] = {}
        for segment in self:
            found.setdefault(segment.residue, []).append(segment)
        return found

    def __iter__(self) -> Iterator[Segment]:
        for shard in self.segments:
            yield from shard

    def to_bytes(self) -> bytes:
        self.check()
        return sealed.seal(
            {
                "format": sealed.FORMAT,
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
        """Raises CorruptObject, or FormatUnsupported."""
        document = sealed.unseal(data, name)
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
        """Raise ValueError unless this manifest is one that may be stored."""
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
    """(dead_rows,) uint32, sorted."""
    if segment.dead_object is None:
        return np.array(segment.dead, np.uint32)
    data = store.get(segment.dead_object)
    names.check_content(segment.dead_object, data)
    return np.frombuffer(data, "<u4", offset=_NPY_HEADER)


def dead_bytes(dead: NDArray[np.uint32]) -> bytes:
    """A list of dead rows as an object of its own: a `.npy` file."""
    file = io.BytesIO()
    np.save(file, dead.astype("<u4"), allow_pickle=False)
    return file.getvalue()


_NPY_HEADER = 128
"""np.save pads its header to a multiple of 64 bytes; a one-dimensional uint32 array's has always 128."""
