"""What disks, cables and people do to the objects of an index."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import TypeAlias

from shards.table.format import names

Objects: TypeAlias = Mapping[str, bytes]

Damage: TypeAlias = Callable[[str, Objects, Random], Mapping[str, bytes | None] | None]
"""From the name of an object, all objects and chance to the objects that are other ones afterwards: None for one that
is gone. None in place of all where this damage cannot happen to this object."""

SECTOR, PAGE = 512, 4096
"""Bytes that a disk, and a page cache, write or lose at once."""


def kind(name: str) -> str:
    """Return the kind of an object, by its name: the folder, or `index.json`."""
    return name.partition("/")[0]


def flipped(name: str, objects: Objects, random: Random) -> Mapping[str, bytes]:
    """One bit, as memory and cables flip it."""
    body = bytearray(objects[name])
    body[random.randrange(len(body))] ^= 1 << random.randrange(8)
    return {name: bytes(body)}


def first_byte(name: str, objects: Objects, random: Random) -> Mapping[str, bytes]:
    return _put(name, objects, 0, bytes([objects[name][0] ^ random.randrange(1, 256)]))


def last_byte(name: str, objects: Objects, random: Random) -> Mapping[str, bytes]:
    return _put(name, objects, len(objects[name]) - 1, bytes([objects[name][-1] ^ random.randrange(1, 256)]))


def strange_sector(name: str, objects: Objects, random: Random) -> Mapping[str, bytes]:
    """A sector of another file."""
    return _put(name, objects, _aligned(objects[name], SECTOR, random), random.randbytes(SECTOR))


def lost_page(name: str, objects: Objects, random: Random) -> Mapping[str, bytes] | None:
    """A page of zeros: it was allocated and never written."""
    return _put(name, objects, _aligned(objects[name], PAGE, random), bytes(PAGE))


def sector_twice(name: str, objects: Objects, random: Random) -> Mapping[str, bytes] | None:
    """A sector that was written to the wrong place of the same file."""
    body = objects[name]
    start = _aligned(body, SECTOR, random)
    return _put(name, objects, _aligned(body, SECTOR, random), body[start : start + SECTOR])


def torn(name: str, objects: Objects, random: Random) -> Mapping[str, bytes]:
    """The right length, and zeros from some byte on."""
    body = objects[name]
    kept = random.randrange(len(body))
    return {name: body[:kept] + bytes(len(body) - kept)}


def empty(name: str, objects: Objects, random: Random) -> Mapping[str, bytes]:
    return {name: b""}


def cut_short(name: str, objects: Objects, random: Random) -> Mapping[str, bytes]:
    return {name: objects[name][: random.randrange(1, len(objects[name]))]}


def without_last_byte(name: str, objects: Objects, random: Random) -> Mapping[str, bytes]:
    return {name: objects[name][:-1]}


def longer(name: str, objects: Objects, random: Random) -> Mapping[str, bytes]:
    """Something behind the end, as a repeated upload in parts may leave it."""
    return {name: objects[name] + random.choice((b"\0", b"\n", bytes(PAGE), objects[name]))}


def byte_too_many(name: str, objects: Objects, random: Random) -> Mapping[str, bytes]:
    body = objects[name]
    at = random.randrange(len(body))
    return {name: body[:at] + random.randbytes(1) + body[at:]}


def byte_too_few(name: str, objects: Objects, random: Random) -> Mapping[str, bytes]:
    body = objects[name]
    at = random.randrange(len(body))
    return {name: body[:at] + body[at + 1 :]}


def line_ends(name: str, objects: Objects, random: Random) -> Mapping[str, bytes] | None:
    """What a transfer as text makes of it."""
    return {name: objects[name].replace(b"\n", b"\r\n")}


def swapped(name: str, objects: Objects, random: Random) -> Mapping[str, bytes] | None:
    """Two objects of one kind under each other's names, as a careless restore leaves them."""
    others = [other for other in objects if kind(other) == kind(name) and objects[other] != objects[name]]
    if not others:
        return None
    other = random.choice(others)
    return {name: objects[other], other: objects[name]}


def another_kind(name: str, objects: Objects, random: Random) -> Mapping[str, bytes]:
    """The bytes of an object of another kind."""
    return {name: objects[random.choice([other for other in objects if kind(other) != kind(name)])]}


def gone(name: str, objects: Objects, random: Random) -> Mapping[str, None]:
    return {name: None}


def under_another_name(name: str, objects: Objects, random: Random) -> Mapping[str, bytes] | None:
    """A copy beside it, under a name that such an object might have."""
    body = objects[name]
    match kind(name):
        case "log":
            return {f"log/{random.randrange(10**13):013d}-{name.partition('-')[2]}": body}
        case "manifest":
            version = max(names.manifest_version(other) for other in objects if kind(other) == "manifest") + 1
            return {names.manifest(version + random.randrange(3)): body}
        case "segments":
            return {f"segments/{1 - int(name[9:13], 16):04x}/{name[14:]}": body}
        case "dead":
            return {f"{name[:-20]}{random.getrandbits(64):016x}.npy": body}
        case "thumbnails":
            return {names.thumbnail(random.randbytes(32)): body}
    return None


DAMAGES: tuple[Damage, ...] = (
    flipped, first_byte, last_byte, strange_sector, lost_page, sector_twice, torn, empty, cut_short, without_last_byte,
    longer, byte_too_many, byte_too_few, line_ends, swapped, another_kind, gone, under_another_name,
)  # fmt: skip


def _aligned(body: bytes, unit: int, random: Random) -> int:
    return random.randrange(-(-len(body) // unit)) * unit


def _put(name: str, objects: Objects, at: int, piece: bytes) -> Mapping[str, bytes]:
    """Put this in the place of as many bytes, up to the end."""
    body = objects[name]
    piece = piece[: len(body) - at]
    return {name: body[:at] + piece + body[at + len(piece) :]}
