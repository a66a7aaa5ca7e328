"""Indexes that somebody made on purpose: each case changes one thing of an index in good order, and signs it again.

Digests and checksums are all right, so nothing but what is said can tell that something is wrong.
"""

from __future__ import annotations

import copy
import io
import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shards.table.format import names
from shards.table.format.columns import CHECK_BLOCK, CHECKS, decode, encode
from tests.torture.corruption.crafting import BOMB, inflating, sealed, unsealed

Objects: TypeAlias = Mapping[str, bytes]
"""The objects of an index by name, as they lie in its folder."""

Make: TypeAlias = Callable[["Place"], None]

MISSING = object()

STRANGE: dict[str, Any] = {
    "missing": MISSING,
    "none": None,
    "negative": -1,
    "huge": 1 << 60,
    "endless": 10**400,
    "fraction": 1.5,
    "true": True,
    "text": "../../x",
    "list": [[]],
    "object": {"a": {}},
    "nan": float("nan"),
}
"""Values in the place of others, by what is said of them in a case's name."""


@dataclass(frozen=True, slots=True)
class Case:
    """One crafted index."""

    name: str

    make: Make
    """Changes an index in a folder."""


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of an index."""

    root: Path

    @property
    def data(self) -> Path:
        """Folder of all objects but the settings."""
        return next((path.parent for path in self.root.rglob("manifest") if path.is_dir()), self.root)

    def find(self, kind: str) -> Path:
        """Return one object of this kind: of manifests the newest, of segments the largest."""
        if kind == names.SETTINGS:
            return self.root / names.SETTINGS
        found = sorted(path for path in (self.data / kind).rglob("*.*") if path.is_file())
        return max(found, key=lambda path: path.stat().st_size) if kind == "segments" else found[0]

    def document(self, kind: str) -> Any:
        return unsealed(self.find(kind).read_bytes())

    def seal(self, kind: str, document: Any) -> None:
        self.find(kind).write_bytes(sealed(json.dumps(document).encode()))

    def name(self, path: Path) -> str:
        return path.relative_to(self.data).as_posix()

    def put(self, name: str, body: bytes) -> None:
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def rename(self, old: Path, name: str, body: bytes) -> None:
        """Put another object in the place of this one, and let the newest manifest name it."""
        text = json.dumps(self.document("manifest")).replace(json.dumps(self.name(old)), json.dumps(name))
        self.put(name, body)
        self.find("manifest").write_bytes(sealed(text.encode()))


def every() -> list[Case]:
    """Return all cases."""
    return [*_documents(), *_manifests(), *_bombs(), *_files(), *_logs(), *_lists(), *_segments(), *_thumbnails()]


# documents in which one value is another


def _documents() -> Iterator[Case]:
    for field in ("format", "id", "families", "shards", "segment_rows", "pictures", "thumbnails"):
        yield from _strange(names.SETTINGS, (field,))
    for path in (("families", 0), ("families", 0, "name"), ("families", 0, "version"), ("pictures", "max_pixels")):
        yield from _strange(names.SETTINGS, path)
    for field in ("format", "index", "version", "commit_id", "created", "shards", "folded", "totals"):
        yield from _strange("manifest", (field,))
    segment = ("shards", 0, 0)
    for path in (segment[:2], segment):
        yield from _strange("manifest", path)
    for field in ("name", "rows", "bytes", "columns", "tombstones", "dead_rows", "dead", "dead_object", "latest"):
        yield from _strange("manifest", (*segment, field))
    for column in ("key_hash", "key.offsets", "key.data", "dhash", "haar.inverted", CHECKS):
        yield from _strange("manifest", (*segment, "columns", column))
    for field in ("offset", "bytes", "dtype", "shape"):
        yield from _strange("manifest", (*segment, "columns", "order", field))


def _strange(kind: str, path: tuple[str | int, ...]) -> Iterator[Case]:
    for said, value in STRANGE.items():

        def make(place: Place, value: Any = value) -> None:
            document = place.document(kind)
            holder = document
            for step in path[:-1]:
                holder = holder[step]
            if value is MISSING and isinstance(holder, dict):
                holder.pop(path[-1], None)
            elif value is not MISSING or isinstance(holder, list):
                holder[path[-1]] = None if value is MISSING else copy.deepcopy(value)
            place.seal(kind, document)

        yield Case(f"{kind}: {'.'.join(map(str, path))} is {said}", make)


# manifests whose values are of the right type, and cannot be together


def _manifests() -> Iterator[Case]:
    def changed(name: str, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> Case:
        def make(place: Place) -> None:
            document = place.document("manifest")
            segment = document["shards"][0][0]
            change(document, segment)
            document["totals"] = _totals(document)
            place.seal("manifest", document)

        return Case(f"manifest: {name}", make)

    def columns(**changes: dict[str, Any]) -> Callable[[dict[str, Any], dict[str, Any]], None]:
        def change(_: dict[str, Any], segment: dict[str, Any]) -> None:
            for column, fields in changes.items():
                segment["columns"][column.replace("__", ".")].update(fields)

        return change

    def rows(count: int) -> Callable[[dict[str, Any], dict[str, Any]], None]:
        def change(_: dict[str, Any], segment: dict[str, Any]) -> None:
            before, segment["rows"] = segment["rows"], count
            for column in segment["columns"].values():
                if column["shape"][0] in (before, before + 1):
                    column["shape"][0] += count - before
                    column["bytes"] = column["bytes"] // before * count

        return change

    def inside(_: dict[str, Any], segment: dict[str, Any]) -> None:
        segment["columns"]["order"]["offset"] = segment["columns"]["key_hash"]["offset"]

    def twice(document: dict[str, Any], segment: dict[str, Any]) -> None:
        document["shards"][0].append(segment)

    def elsewhere(_: dict[str, Any], segment: dict[str, Any]) -> None:
        segment["name"] = segment["name"].replace("segments/0000/", "segments/0000/../0000/")

    def many(document: dict[str, Any], _: dict[str, Any]) -> None:
        document["folded"] = {f"log/{n}": 1 for n in range(300_000)}

    def no_checks(_: dict[str, Any], segment: dict[str, Any]) -> None:
        del segment["columns"][CHECKS]

    def few_checks(_: dict[str, Any], segment: dict[str, Any]) -> None:
        segment["columns"][CHECKS].update(bytes=4, shape=[1])

    def later(_: dict[str, Any], segment: dict[str, Any]) -> None:
        segment["latest"] = [0, 0]

    def behind(_: dict[str, Any], segment: dict[str, Any]) -> None:
        for column in segment["columns"].values():
            column["offset"] += 1 << 36

    def dead(*listed: int) -> Callable[[dict[str, Any], dict[str, Any]], None]:
        def change(_: dict[str, Any], segment: dict[str, Any]) -> None:
            segment.pop("dead_object", None)
            segment.update(dead=list(listed), dead_rows=len(listed))

        return change

    yield changed("one column lies in another", inside)
    yield changed("all columns lie behind the object", behind)
    yield changed("a segment twice", twice)
    yield changed("a path that goes up", elsewhere)
    yield changed("300,000 folded log objects", many)
    yield changed("no checksums", no_checks)
    yield changed("too few checksums", few_checks)
    yield changed("an order that is too early", later)
    yield changed("four million rows", rows(1 << 22))
    yield changed("2^38 rows", rows(1 << 38))
    yield changed("no rows", rows(0))
    yield changed("dead rows that fall", dead(5, 4))
    yield changed("a dead row behind the last", dead(1 << 21))
    yield changed("a column of objects", columns(dhash={"dtype": "|O"}))
    yield changed("a column of another type", columns(dhash={"dtype": "<u8"}))
    yield changed("keys as signatures", columns(order={"dtype": "<f8"}))
    yield changed("texts of another type", columns(key__data={"dtype": "|i1"}))
    yield changed("a shape of many dimensions", columns(order={"shape": [1] * 40}))
    yield changed("a record of 65 fields", columns(dhash={"dtype": [[f"f{n}", "|u1"] for n in range(65)]}))
    yield changed("a record in a record", columns(dhash={"dtype": [["hash", [["a", "<u8"]]]]}))


def _totals(document: Mapping[str, Any]) -> dict[str, int]:
    segments = [segment for shard in document["shards"] for segment in shard]
    return {
        "segments": len(segments),
        "rows": sum(segment["rows"] for segment in segments),
        "live": sum(segment["rows"] - segment["dead_rows"] for segment in segments),
        "bytes": sum(segment["bytes"] for segment in segments),
    }


# what takes memory or time


def _bombs() -> Iterator[Case]:
    bodies: dict[str, Callable[[], bytes]] = {
        "deep lists": lambda: sealed(b'{"format":1,"a":%s}' % (b"[" * 100_000 + b"]" * 100_000)),
        "deep objects": lambda: sealed(b'{"format":1,"a":%s0%s}' % (b'{"a":' * 100_000, b"}" * 100_000), packed=True),
        "two gigabytes": lambda: sealed(b"{}", packed=True, tail=inflating(BOMB)),
        "ten million values": lambda: sealed(b'{"format":1,"a":[%s0]}' % (b"0," * 10_000_000), packed=True),
        "a number of a million digits": lambda: sealed(b'{"format":1,"a":%s}' % (b"9" * 1_000_000)),
        "a list": lambda: sealed(b"[]"),
        "half a character": lambda: sealed(b'{"format":1,"a":"\\ud800"}'),
        "no UTF-8": lambda: sealed(b'{"format":1,"a":"\xff"}'),
        "nothing": lambda: b"",
    }
    for kind in (names.SETTINGS, "manifest"):
        for said, body in bodies.items():
            yield Case(f"{kind}: {said}", lambda place, kind=kind, body=body: _write(place.find(kind), body()))


def _write(path: Path, body: bytes) -> None:
    path.write_bytes(body)


# what is no file, or a strange one


def _files() -> Iterator[Case]:
    def pipe(path: Path) -> None:
        os.mkfifo(path)

    def device(path: Path) -> None:
        path.symlink_to("/dev/zero")

    def folder(path: Path) -> None:
        path.mkdir()

    def link(path: Path) -> None:
        path.symlink_to(path.name)

    def sparse(path: Path) -> None:
        path.touch()
        os.truncate(path, 1 << 42)

    for kind in (names.SETTINGS, "manifest", "log", "segments", "dead", "thumbnails"):
        for make in (pipe, device, folder, link, sparse):

            def replace(place: Place, kind: str = kind, make: Callable[[Path], None] = make) -> None:
                path = place.find(kind)
                path.unlink()
                make(path)

            yield Case(f"{kind}: a {make.__name__} in its place", replace)
    yield Case("folders that link to each other", _circle)
    yield Case("folders in folders, without end", _deep)


def _circle(place: Place) -> None:
    for n in range(6):
        (place.root / f"link{n}").symlink_to(place.root)
        (place.data / "log" / f"link{n}").symlink_to(place.data)


def _deep(place: Place) -> None:
    """Make more folders in each other than a name has parts, or a program has frames."""
    folder = os.open(place.data / "segments", os.O_RDONLY)
    for _ in range(2000):
        os.mkdir("a", dir_fd=folder)
        inner = os.open("a", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)


# log objects


def _logs() -> Iterator[Case]:
    def columns(name: str, change: Callable[[dict[str, NDArray[Any]]], None]) -> Case:
        def make(place: Place) -> None:
            path = place.find("log")
            found = decode(path.name, path.read_bytes())
            change(found)
            body = encode(found.items())
            place.put(names.log(1_800_000_000_001, body), body)

        return Case(f"log: {name}", make)

    def without(column: str) -> Callable[[dict[str, NDArray[Any]]], None]:
        return lambda found: found.__delitem__(column)

    def other(column: str, value: Any) -> Callable[[dict[str, NDArray[Any]]], None]:
        return lambda found: found.__setitem__(column, value(found[column]) if callable(value) else value)

    for column in ("key_hash", "kind", "order", "key.data", "key.offsets", "meta.data", "haar"):
        yield columns(f"no {column}", without(column))
        yield columns(f"{column} of another type", other(column, lambda array: np.zeros(len(array), np.float32)))
        yield columns(f"{column} is short", other(column, lambda array: array[:0]))
        yield columns(f"{column} is long", other(column, lambda array: np.concatenate([array, array])))
    yield columns("kinds that are none", other("kind", lambda array: np.full_like(array, 9)))
    yield columns("hashes of other keys", other("key_hash", lambda array: array ^ np.uint64(1)))
    yield columns("places that are huge", other("key.offsets", lambda array: np.full_like(array, (1 << 64) - 1)))
    yield columns("places that fall", other("meta.offsets", lambda array: np.ascontiguousarray(array[::-1])))
    yield columns("keys that are no UTF-8", other("key.data", lambda array: np.full_like(array, 255)))
    yield columns("averages that are no numbers", other("haar", _not_numbers))
    for said, meta in {
        "deep": b"[" * 50_000 + b"]" * 50_000,
        "a list": b"[]",
        "a number": b"7",
        "NaN": b'{"meta":{"a":NaN}}',
        "infinity": b'{"meta":{"a":1e999}}',
        "half a character": b'{"meta":{"a":"\\ud800"}}',
        "no objects": b'{"meta":[],"source":7}',
        "no JSON": b"{",
    }.items():

        def change(found: dict[str, NDArray[Any]], meta: bytes = meta) -> None:
            rows = len(found["kind"])
            found["meta.data"] = np.frombuffer(meta * rows, np.uint8)
            found["meta.offsets"] = np.arange(rows + 1, dtype=np.uint64) * np.uint64(len(meta))

        yield columns(f"metadata is {said}", change)
    for said, body in _archives().items():
        yield Case(f"log: {said}", lambda place, body=body: place.put(names.log(1_800_000_000_001, body()), body()))


def _not_numbers(rows: NDArray[Any]) -> NDArray[Any]:
    strange = rows.copy()
    strange["avgl"] = np.nan
    strange["sig"] = -(1 << 15)
    return strange


def _archives() -> dict[str, Callable[[], bytes]]:
    plain = encode([("kind", np.zeros(3, np.uint8))])

    def numpy_file(array: NDArray[Any]) -> bytes:
        file = io.BytesIO()
        np.savez_compressed(file, kind=array)
        return file.getvalue()

    def claims(size: int) -> bytes:
        body = bytearray(plain)
        struct.pack_into("<2I", body, 18, size, size)
        return bytes(body)

    return {
        "nothing": lambda: b"",
        "only an end": lambda: plain[-22:],
        "no end": lambda: plain[:-22],
        "compressed": lambda: numpy_file(np.zeros(1 << 20, np.uint8)),
        "pickles": lambda: numpy_file(np.array([{}], object)),
        "a size beyond the end": lambda: claims((1 << 32) - 2),
        "a size of ZIP64 without it": lambda: claims((1 << 32) - 1),
        "no size": lambda: claims(0),
        "a name that goes up": lambda: plain.replace(b"kind.npy", b"../d.npy"),
        "code in a header": lambda: plain.replace(b"'descr': '|u1'", b"'descr': id(1)"),
        "no headers": lambda: plain.replace(b"NUMPY", b"numpy"),
        "another shape": lambda: plain.replace(b"(3,)", b"(9,)"),
        "a directory that says something else": lambda: plain[:-40] + bytes([plain[-40] ^ 1]) + plain[-39:],
    }


# lists of dead rows


def _lists() -> Iterator[Case]:
    def listed(name: str, change: Callable[[NDArray[np.uint32]], NDArray[Any]]) -> Case:
        def make(place: Place) -> None:
            path = place.find("dead")
            rows = np.frombuffer(path.read_bytes(), "<u4", offset=128)
            file = io.BytesIO()
            np.save(file, change(rows))
            place.rename(path, names.dead(file.getvalue(), "0" * 16), file.getvalue())

        return Case(f"dead: {name}", make)

    yield listed("rows that the segment does not have", lambda rows: rows + np.uint32(1 << 30))
    yield listed("rows that fall", lambda rows: np.ascontiguousarray(rows[::-1]))
    yield listed("one row, again and again", lambda rows: np.full_like(rows, 1))
    yield listed("too few", lambda rows: rows[:-1])
    yield listed("none", lambda rows: rows[:0])
    yield listed("numbers of another type", lambda rows: rows.astype(np.float64))
    yield listed("in two dimensions", lambda rows: rows.reshape(-1, 1))


# segments


def _segments() -> Iterator[Case]:
    def column(name: str, column: str, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Case:
        def make(place: Place) -> None:
            path = place.find("segments")
            body = bytearray(path.read_bytes())
            (segment,) = [
                s for shard in place.document("manifest")["shards"] for s in shard if s["name"] == place.name(path)
            ]
            where = segment["columns"][column]
            start, stop = where["offset"], where["offset"] + where["bytes"]
            array = decode(path.name, bytes(body))[column]
            body[start:stop] = np.ascontiguousarray(change(array.copy())).tobytes()
            _sum_up(body, segment["columns"])
            place.rename(path, names.segment(int(path.parent.name, 16), body, "0" * 16), bytes(body))

        return Case(f"segment: {name}", make)

    def filled(value: int) -> Callable[[NDArray[Any]], NDArray[Any]]:
        return lambda array: np.full_like(array, value)

    yield column("places of keys that are huge", "key.offsets", filled((1 << 64) - 1))
    yield column("places of keys that fall", "key.offsets", lambda array: array[::-1])
    yield column("places of metadata that are none", "meta.offsets", filled(0))
    yield column("keys that are no UTF-8", "key.data", filled(255))
    yield column("metadata that is no JSON", "meta.data", filled(ord("[")))
    yield column("rows in no order", "key_hash", lambda array: array[::-1])
    yield column("orders of the future", "order", filled((1 << 64) - 1))
    yield column("kinds that are none", "kind", filled(9))
    yield column("averages that are no numbers", "haar", _not_numbers)
    yield column("planes that contradict each other", "goldberg", _all_bits)
    for name in ("haar.buckets", "haar.inverted", "goldberg.rows", "goldberg.classes", "goldberg.rest", "dhash.starts"):
        yield column(f"{name} of zeros", name, np.zeros_like)
        yield column(f"{name} of ones", name, np.ones_like)
        yield column(f"{name} of all bits", name, _all_bits)
    for name in ("dhash.buckets", "pdq.starts", "pdq.postings", "pdq.words"):
        yield column(f"{name} of all bits", name, _all_bits)


def _all_bits(array: NDArray[Any]) -> NDArray[Any]:
    return np.full(array.nbytes, 255, np.uint8).view(array.dtype).reshape(array.shape)


def _sum_up(body: bytearray, columns: Mapping[str, Mapping[str, Any]]) -> None:
    """Put the right checksums into a segment."""
    sums: list[int] = []
    for name, where in sorted(columns.items(), key=lambda item: item[1]["offset"]):
        data = body[where["offset"] : where["offset"] + where["bytes"]]
        if name != CHECKS:
            sums += [zlib.crc32(data[at : at + CHECK_BLOCK]) for at in range(0, len(data), CHECK_BLOCK)]
    where = columns[CHECKS]
    body[where["offset"] : where["offset"] + where["bytes"]] = np.array(sums, "<u4").tobytes()


# thumbnails


def _thumbnails() -> Iterator[Case]:
    for said, body in {"nothing": b"", "half a digest": bytes(8), "a digest of nothing": bytes(16)}.items():
        yield Case(f"thumbnails: {said}", lambda place, body=body: _write(place.find("thumbnails"), body))
