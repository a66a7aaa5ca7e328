"""Objects that somebody made on purpose: every digest and checksum is right, and what they say is not.

An index may come from somebody else. Its answers are then worth what its maker is worth; but it must neither raise what
is not ours nor take time or memory without bound.
"""

from __future__ import annotations

import ast
import io
import json
import math
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, TypeAlias

import numpy as np

from shards.table.format import names
from shards.table.format.columns import CHECK_BLOCK, CHECKS
from tests.torture.corruption.damages import Objects, kind
from tests.torture.corruption.scene import FAMILIES

Craft: TypeAlias = Callable[[Objects, Random], Mapping[str, bytes]]
"""From the objects of an index and chance to those that are other ones in the crafted index."""

STRANGE: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 7, 2**31, 2**32, 2**53, 2**60, 2**63, 2**64, -(2**63), 10**400, 0.5, -0.0, 1e308,
    math.nan, math.inf, "", "x", "0", "\ud800", "\0", "../../index.json", "/etc/passwd", "segments/0000/", "x" * 5_000,
    "|O", "<U9", "<u8", [], {}, [[]], [0], [1, 1], [-1], [2**60, 2**60], {"": None}, [["a", "<u8"]], [["a", "|O"]],
    ["x"] * 3_000,
)  # fmt: skip
"""Values that are seldom expected."""

DEEP = 100_000
"""Lists in each other: deeper than any parser that calls itself can go."""

BOMB = 1 << 31
"""Bytes that a bomb becomes."""


def sealed(body: bytes, *, packed: bool = False, tail: bytes = b"") -> bytes:
    """Return a JSON document in its envelope; what is in it may be anything. `tail`: more compressed bytes."""
    plain = b'{"blake2b":"%s","body":%s}\n' % (names.digest(body).encode(), body)
    if not packed:
        return plain
    press = zlib.compressobj(6, zlib.DEFLATED, -15)
    deflated = press.compress(plain) + (press.flush(zlib.Z_FULL_FLUSH) + tail if tail else press.flush())
    ending = zlib.crc32(plain).to_bytes(4, "little") + len(plain).to_bytes(4, "little")
    follows = deflated + ending
    head = bytes.fromhex("1f8b0804000000000003") + b"\x24\x00LK\x20\x00"
    return head + names.digest(follows).encode() + follows


def unsealed(document: bytes) -> Any:
    """Return what is in the envelope of a document that is in good order."""
    if document.startswith(b"\x1f\x8b"):
        document = zlib.decompress(document, wbits=31)
    return json.loads(document)["body"]


def inflating(size: int) -> bytes:
    """Return deflated bytes that become `size` blanks, a thousandth of that."""
    press = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = press.compress(b" " * (1 << 20)) + press.flush(zlib.Z_FULL_FLUSH)
    return piece * (size >> 20)


def newest(objects: Objects) -> str:
    """Return the name of the newest manifest."""
    return min(name for name in objects if kind(name) == "manifest")


# documents


def strange_document(objects: Objects, random: Random) -> Mapping[str, bytes]:
    """A manifest or settings in which one to three values are other ones, or missing, or doubled."""
    name = random.choice(["index.json", newest(objects)])
    document = unsealed(objects[name])
    for _ in range(random.randrange(1, 4)):
        document = changed(document, random)
    body = json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode()
    return {name: sealed(body, packed=random.random() < 0.3)}


def changed(document: Any, random: Random) -> Any:
    """Return the document with a change at one place."""
    places = list(_places(document))
    if not places:
        return random.choice(STRANGE)
    holder, at = random.choice(places)
    match random.randrange(6):
        case 0 if isinstance(holder, dict):
            del holder[at]
        case 1 if isinstance(holder, list):
            holder.insert(random.randrange(len(holder) + 1), holder[at])
        case 2 if isinstance(holder[at], int) and not isinstance(holder[at], bool):
            holder[at] += random.choice((-1, 1, 64, 2**32))
        case 3 if isinstance(holder, list):
            del holder[at]
        case 4:
            other, there = random.choice(places)
            holder[at] = json.loads(json.dumps(other[there]))
        case _:
            holder[at] = random.choice(STRANGE)
    return document


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for at, value in list(items):
        yield document, at
        yield from _places(value)


def deep_document(objects: Objects, random: Random) -> Mapping[str, bytes]:
    name = random.choice(["index.json", newest(objects)])
    opening, closing = random.choice(((b"[", b"]"), (b'{"a":', b"}")))
    deep = opening * DEEP + b"0" + closing * DEEP
    return {name: sealed(b'{"format":1,"version":%s}' % deep, packed=random.random() < 0.5)}


def bomb_document(objects: Objects, random: Random) -> Mapping[str, bytes]:
    """A document of a few MB that becomes two GB."""
    name = random.choice(["index.json", newest(objects)])
    return {name: sealed(b"{}", packed=True, tail=inflating(BOMB))}


# columns


Member: TypeAlias = tuple[str, bytes, bytes]
"""(name, numpy's header, data) of a column."""


def members(archive: bytes) -> list[Member]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        found = [(name, opened.read(name)) for name in opened.namelist()]
    return [(name, data[: 10 + _length(data)], data[10 + _length(data) :]) for name, data in found]


def _length(data: bytes) -> int:
    return int.from_bytes(data[8:10], "little")


def archived(columns: Sequence[Member], random: Random) -> bytes:
    """Return columns as an archive, now and then one that is packed, or has names twice."""
    file = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if random.random() < 0.1 else zipfile.ZIP_STORED
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(file, "w", method) as archive:
        for name, header, data in columns:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), header + data, method)
    return file.getvalue()


def header(text: str) -> bytes:
    """Return numpy's header with this text in it."""
    padded = text.encode("utf-8", "replace") + b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + (len(padded) & 0xFFFF).to_bytes(2, "little") + padded


def strange_member(member: Member, random: Random) -> Member:
    """Return the column with another name, header or data."""
    name, head, data = member
    match random.randrange(5):
        case 0:
            return random.choice(("", "../x.npy", "key_hash.npy", "key_hash", "x" * 300, "meta.data.npy")), head, data
        case 1:
            said = _read_header(head)
            if not said:
                return name, head, strange_bytes(data, random)
            said[random.choice(list(said))] = random.choice(
                ("|O", "<u8", ">u8", "<f8", "|V100000000", "<U1000000", True, (2**60,), (2**31, 2**31), (-1,), (0,), (),
                 [], None, (len(data),), (1, 1, 1), ((((),),),))
            )  # fmt: skip
            return name, header(repr(said)), data
        case 2:
            deep = random.choice(
                ("(" * 200 + ")" * 200, "-" * 3_000 + "1", "{" * 500, "9" * 10_000, "__import__('os')")
            )
            return name, header(f"{{'descr': '<u8', 'fortran_order': False, 'shape': {deep}, }}"), data
        case 3:
            return name, head, strange_bytes(data, random)
        case _:
            return name, head[: random.randrange(len(head))], data


def _read_header(head: bytes) -> dict[str, Any]:
    """Return what a header says; nothing where it is changed already."""
    try:
        said = ast.literal_eval(head[10:].decode())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return {}
    return said if isinstance(said, dict) else {}


def strange_bytes(data: bytes, random: Random) -> bytes:
    """Return as many bytes, some of them other ones: numbers that are huge, falling, or none."""
    if not data:
        return data
    values = bytearray(data)
    for _ in range(random.randrange(1, 5)):
        piece = random.choice(
            (b"\xff" * 8, b"\0" * 8, b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\0\0\0\0\0\0\xf8\x7f", random.randbytes(8),
             b"\xff" * 64, (len(data) + random.randrange(-2, 3)).to_bytes(8, "little", signed=True))
        )  # fmt: skip
        at = random.randrange(len(values)) // 4 * 4
        values[at : at + len(piece)] = piece[: len(values) - at]
    match random.randrange(16):
        case 0:
            random.shuffle(values)
        case 1:
            values[:] = random.choice((b"\xff", b"\0", b"\x7f")) * len(values)
        case 2:
            values[:] = random.randbytes(len(values))
    return bytes(values)


def strange_log(objects: Objects, random: Random) -> Mapping[str, bytes]:
    """A log object in which one to three columns are other ones, missing or doubled."""
    name = random.choice([name for name in objects if kind(name) == "log"])
    columns = members(objects[name])
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(columns))
        match random.randrange(6):
            case 0 if len(columns) > 1:
                del columns[at]
            case 1:
                columns.append(columns[at])
            case 2:
                here, there = columns[at], random.choice(columns)
                columns[at] = here[0], there[1], there[2]
            case _:
                columns[at] = strange_member(columns[at], random)
    body = archived(columns, random)
    return {names.log(random.choice((0, 1_800_000_000_001, 10**13 - 1)), body): body}


def bomb_log(objects: Objects, random: Random) -> Mapping[str, bytes]:
    """A log object of a few MB with a column of two GB."""
    head = header(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({BOMB - (1 << 20)},), }}")
    press = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = press.compress(head) + press.flush(zlib.Z_FULL_FLUSH) + inflating(BOMB)
    name = b"key_hash.npy"
    sizes = len(packed).to_bytes(4, "little") + (BOMB - 1).to_bytes(4, "little")
    common = b"\x14\0\0\0\x08\0\0\0\x21\0" + bytes(4) + sizes + len(name).to_bytes(2, "little") + b"\0\0"
    local = b"PK\x03\x04" + common + name + packed
    central = b"PK\x01\x02\x14\x03" + common + bytes(10) + bytes(4) + name
    end = b"PK\x05\x06" + bytes(4) + b"\x01\0\x01\0" + len(central).to_bytes(4, "little")
    body = local + central + end + len(local).to_bytes(4, "little") + b"\0\0"
    return {names.log(1_800_000_000_001, body): body}


# what a manifest names


def named_instead(objects: Objects, old: str, new: str, body: bytes) -> Mapping[str, bytes]:
    """Return the changes by which the newest manifest names this body in the place of another object."""
    manifest = newest(objects)
    document = json.dumps(unsealed(objects[manifest]), separators=(",", ":")).replace(json.dumps(old), json.dumps(new))
    return {new: body, manifest: sealed(document.encode())}


def resealed_segment(objects: Objects, name: str, body: bytes) -> Mapping[str, bytes]:
    """Return the changes by which these bytes, as many, take the place of a segment: with checksums that are theirs."""
    living = [segment for shard in unsealed(objects[newest(objects)])["shards"] for segment in shard]
    (columns,) = (segment["columns"] for segment in living if segment["name"] == name)
    checks: list[int] = []
    for place in sorted(columns.values(), key=lambda place: place["offset"]):
        if place is not columns[CHECKS]:
            data = body[place["offset"] : place["offset"] + place["bytes"]]
            checks += [zlib.crc32(data[at : at + CHECK_BLOCK]) for at in range(0, len(data), CHECK_BLOCK)]
    start, stop = columns[CHECKS]["offset"], columns[CHECKS]["offset"] + columns[CHECKS]["bytes"]
    body = body[:start] + np.array(checks, "<u4").tobytes() + body[stop:]
    return named_instead(objects, name, names.segment(int(name[9:13], 16), body, "f" * 16), body)


def strange_segment(objects: Objects, random: Random) -> Mapping[str, bytes]:
    """A segment with one or two columns that hold something else."""
    living = [segment for shard in unsealed(objects[newest(objects)])["shards"] for segment in shard]
    segment = random.choice(living)
    columns = {name: place for name, place in segment["columns"].items() if name != CHECKS and place["bytes"]}
    searching = [name for name in columns if name.partition(".")[0] in FAMILIES]
    body = bytearray(objects[segment["name"]])
    for _ in range(random.randrange(1, 3)):
        place = columns[random.choice(searching if random.random() < 0.6 else list(columns))]
        start, stop = place["offset"], place["offset"] + place["bytes"]
        body[start:stop] = strange_bytes(bytes(body[start:stop]), random)
    return resealed_segment(objects, segment["name"], bytes(body))


def strange_dead(objects: Objects, random: Random) -> Mapping[str, bytes]:
    """A list of dead rows that are none, come twice, or are in no order; or no list."""
    document = json.dumps(unsealed(objects[newest(objects)]))
    old = random.choice([name for name in objects if kind(name) == "dead" and name in document])
    body = objects[old]
    match random.randrange(3):
        case 0:
            body = body[:128] + strange_bytes(body[128:], random)
        case 1:
            body = body[: random.randrange(len(body))]
        case _:
            _, head, data = strange_member(("", body[:128], body[128:]), random)
            body = head + data
    return named_instead(objects, old, names.dead(body, f"{random.getrandbits(64):016x}"), body)


def strange_thumbnail(objects: Objects, random: Random) -> Mapping[str, bytes]:
    name = random.choice([name for name in objects if kind(name) == "thumbnails"])
    return {name: random.choice((b"", bytes(15), bytes(16), objects[name][:16]))}


CRAFTS: tuple[Craft, ...] = (
    strange_document, strange_document, strange_document, strange_log, strange_log, strange_segment, strange_segment,
    strange_segment, strange_dead, strange_thumbnail, deep_document,
)  # fmt: skip
"""How often each is tried among the others."""

BOMBS: tuple[Craft, ...] = (bomb_document, bomb_log)
