"""The check of one segment, front to back: each byte is read once, in pieces, whatever the segment's size.

Memory: a piece, and 17 bytes a row for what has to be compared across columns.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject
from shards.families import Family
from shards.table.format import archive, names
from shards.table.format.archive import Member
from shards.table.format.columns import CHECK_BLOCK, CHECKS, Column
from shards.table.format.manifest import Segment
from shards.table.format.orders import highest
from shards.table.format.placement import check_columns, check_family
from shards.table.format.records import DELETE, FIXED, PARTS, Order, key_text, meta_of
from shards.table.format.texts import Texts

PIECE = 512 * CHECK_BLOCK
"""Bytes read at once: 8 MiB, so that a request's own time is little beside the transfer."""

ReadPiece = Callable[[int, int], memoryview]
"""Reads the bytes of the segment from one place up to another."""


def check_segment(
    segment: Segment, families: Sequence[Family], dead: NDArray[np.uint32] | None, read: ReadPiece
) -> NDArray[np.uint64]:
    """Check every byte of a segment; return (live,) uint64, the key hashes of its rows that are not `dead`.

    Where the dead rows are not known, `dead` is None, and nothing is returned of any row. Raises CorruptObject, and
    what `read` raises.
    """
    check_columns(segment)
    for family in families:
        check_family(segment, family)
    checked = _SegmentCheck(segment, read)
    checked.run()
    return checked.live_hashes(dead)


class _SegmentCheck:
    def __init__(self, segment: Segment, read: ReadPiece) -> None:
        self._segment = segment
        self._read_piece = read
        self._digest = blake2b(digest_size=16)
        self._small: dict[str, list[bytes]] = {}
        self._latest: Order | None = None
        self._checks: list[NDArray[np.uint32]] = []

    def run(self) -> None:
        """Read the file, and compare all that it says with itself and with the manifest."""
        size, at = self._segment.size, 0
        members: list[Member] = []
        for name, column in self._segment.columns.items():
            member, crc = self._header(at, name, column)
            members.append(member)
            self._column(name, column, member, crc)
            at = member.end
        if size - at > archive.MAX_DIRECTORY:
            raise self._corrupt(f"has {size - at:,} bytes behind its columns")
        tail = self._read_piece(at, size + 1)
        if len(tail) != size - at:
            raise self._corrupt(f"has not the {size:,} bytes that its manifest says")
        self._digest.update(tail)
        try:
            archive.check_directory(tail, members, at)
        except ValueError as error:
            raise self._corrupt(str(error)) from error
        digest = self._digest.hexdigest()
        if f"/{digest}-" not in self._segment.name:
            raise self._corrupt(f"BLAKE2b of its {size:,} bytes is {digest}, not what its name says")

    def live_hashes(self, dead: NDArray[np.uint32] | None) -> NDArray[np.uint64]:
        """Return the key hashes of the rows that are not dead, after a look at all rows together."""
        segment = self._segment
        hashes, kinds = self._array("key_hash", np.uint64), self._array("kind", np.uint8)
        if (hashes[1:] < hashes[:-1]).any():
            raise self._corrupt("its rows are not sorted by key hash")
        if (hashes % np.uint64(segment.modulus) != segment.shard).any():
            raise self._corrupt(f"has keys that are not of shard {segment.shard} of {segment.modulus}")
        if segment.latest not in (None, self._latest):
            raise self._corrupt(f"its latest order is not {segment.latest}, which its manifest says")
        if (kinds > DELETE).any():
            raise self._corrupt(f"column kind has a {kinds.max()}")
        if dead is None:
            return np.empty(0, np.uint64)
        tombstones = np.flatnonzero(kinds == DELETE)
        if len(tombstones) != segment.tombstones or not np.isin(tombstones, dead).all():
            raise self._corrupt("its tombstones are not all dead rows")
        is_live = np.ones(segment.rows, bool)
        is_live[dead] = False
        return hashes[is_live]

    def _header(self, at: int, name: str, column: Column) -> tuple[Member, int]:
        """Read what stands in front of a column, and compare it with the manifest; return it with its CRC-32 so far."""
        if column.offset - at > archive.MAX_HEADER:
            raise self._corrupt(f"has {column.offset - at:,} bytes in front of column {name}")
        head = b"".join(self._pieces(at, column.offset))
        try:
            member = archive.read_member(head, at, self._segment.size)
        except ValueError as error:
            raise self._corrupt(str(error)) from error
        said = (member.name, member.offset, member.dtype, member.shape)
        if said != (name, column.offset, column.dtype, column.shape):
            raise self._corrupt(f"column {name} is not the {column.dtype} {column.shape} that its manifest says")
        return member, zlib.crc32(head[member.content - at :])

    def _column(self, name: str, column: Column, member: Member, crc: int) -> None:
        """Read a column, and compare it with its checksums. `crc`: the CRC-32 of its header."""
        checks: list[int] = []
        take = self._consumer(name)
        for piece in self._pieces(column.offset, column.offset + column.size):
            crc = zlib.crc32(piece, crc)
            checks += [zlib.crc32(piece[i : i + CHECK_BLOCK]) for i in range(0, len(piece), CHECK_BLOCK)]
            take(piece)
        if crc != member.crc:
            raise self._corrupt(f"CRC-32 of column {name} is {crc:08x}, and its header says {member.crc:08x}")
        if name == CHECKS:
            self._compare_checks()
        self._checks.append(np.array(checks, np.uint32))
        if name in _TEXTS:
            self._end_texts(name)

    def _consumer(self, name: str) -> Callable[[memoryview], None]:
        """Return what looks at the pieces of a column."""
        if name == "order":
            return self._take_orders
        if name in _TEXTS:
            return self._texts_of(name)
        if name in ("key_hash", "kind", CHECKS) or (name.endswith(".offsets") and name.split(".")[0] in PARTS):
            kept = self._small.setdefault(name, [])
            return lambda piece: kept.append(bytes(piece))
        return lambda _: None

    def _take_orders(self, piece: memoryview) -> None:
        dtype, shape = FIXED["order"]
        found = highest(np.frombuffer(piece, dtype).reshape(-1, *shape))
        self._latest = max(filter(None, (self._latest, found)), default=None)

    def _texts_of(self, name: str) -> Callable[[memoryview], None]:
        """Return what looks at each text of a column: its places are read already."""
        part = name.removesuffix(".data")
        offsets = self._array(f"{part}.offsets", np.uint64)
        size = self._segment.columns[name].size
        if not len(offsets) or offsets[0] or int(offsets[-1]) != size or (offsets[1:] < offsets[:-1]).any():
            raise self._corrupt(f"column {part}.offsets does not rise from 0 to the {size:,} bytes of {name}")
        self._done, self._begun, self._rest = 0, 0, b""

        def take(piece: memoryview) -> None:
            data = self._rest + bytes(piece)
            end = self._begun + len(data)
            whole = int(np.searchsorted(offsets, np.uint64(end), "right")) - 1
            within = offsets[self._done : whole + 1] - np.uint64(self._begun)
            self._take_texts(part, Texts(np.frombuffer(data, np.uint8), within))
            self._rest = data[int(within[-1]) :]
            self._begun, self._done = end - len(self._rest), whole

        return take

    def _take_texts(self, part: str, texts: Texts) -> None:
        """Check the texts from number `_done` on."""
        stored = texts.tolist()
        if part != "key":
            for meta in stored:
                meta_of(meta, self._segment.name)
            return
        for key in stored:
            if not 1 <= len(key) <= names.MAX_KEY_BYTES:
                raise self._corrupt(f"has a key of {len(key):,} bytes; a key has 1 to {names.MAX_KEY_BYTES:,}")
            key_text(key, self._segment.name)
        if (names.key_hashes(stored) != self._array("key_hash", np.uint64)[self._done :][: len(stored)]).any():
            raise self._corrupt("a key does not have the hash that stands beside it")

    def _end_texts(self, name: str) -> None:
        """Look at the texts behind the last piece, which are empty, and let the places go."""
        part = name.removesuffix(".data")
        left = self._segment.rows - self._done
        self._take_texts(part, Texts(np.empty(0, np.uint8), np.zeros(left + 1, np.uint64)))
        del self._small[f"{part}.offsets"]

    def _compare_checks(self) -> None:
        computed = np.concatenate([np.empty(0, np.uint32), *self._checks])
        stored = self._array(CHECKS, np.dtype("<u4"))
        if (computed != stored).any():
            first = int(np.flatnonzero(computed != stored)[0])
            raise self._corrupt(f"CRC-32 of block {first:,} is {computed[first]:08x}, was {stored[first]:08x}")

    def _array(self, name: str, dtype: object) -> NDArray[np.uint64]:
        if name not in self._small:
            raise self._corrupt(f"column {name} comes too late, or is missing")
        whole = b"".join(self._small[name])
        self._small[name] = [whole]
        return np.frombuffer(whole, dtype)  # type: ignore[call-overload,no-any-return]

    def _pieces(self, start: int, stop: int) -> Iterator[memoryview]:
        """Yield the bytes from `start` up to `stop`, which follow those that were read before."""
        while start < stop:
            end = min(start + PIECE, stop)
            piece = self._read_piece(start, end)
            if len(piece) != end - start:
                raise self._corrupt(f"ends at byte {start + len(piece):,}, its manifest says {self._segment.size:,}")
            self._digest.update(piece)
            yield piece
            start = end

    def _corrupt(self, problem: str) -> CorruptObject:
        return CorruptObject(self._segment.name, problem)


_TEXTS = frozenset(f"{part}.data" for part in PARTS)
