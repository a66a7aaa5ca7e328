"""The names of objects: the one place that makes them or takes them apart."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject, KeyInvalid
from shards.storage.base import Data

SETTINGS = "index.json"
LOG = "log/"
MANIFEST = "manifest/"
SEGMENTS = "segments/"
DEAD = "dead/"
THUMBNAILS = "thumbnails/"

KEY_BYTES = 1024
"""S3's own limit for an object key, so that every object can be a key."""

SHARDS = 1 << 16
"""As many as there can be: a segment's name has four hex digits for its shard."""

_VERSIONS = 1 << 64
_DIGEST = re.compile("[0-9a-f]{32}")
_THUMBNAIL = re.compile(re.escape(THUMBNAILS) + r"([0-9a-f]{64})\.webp")


def digest(data: Data) -> str:
    """32 hex digits of BLAKE2b: what names log objects, segments and lists of dead rows."""
    return blake2b(data, digest_size=16).hexdigest()


def log(milliseconds: int, body: Data) -> str:
    """The name of a log object; the same body gives the same name, so a repeated call is a no-op."""
    return f"{LOG}{milliseconds:013d}-{digest(body)}.npz"


def manifest(version: int) -> str:
    """The name of a manifest; the newest sorts first."""
    return f"{MANIFEST}{_VERSIONS - 1 - version:020d}.json"


def manifest_version(name: str) -> int:
    """The version in a manifest's name."""
    number = name.removeprefix(MANIFEST).removesuffix(".json")
    if len(number) != 20 or not number.isdecimal() or int(number) >= _VERSIONS:
        raise CorruptObject(name, "is no name of a manifest")
    return _VERSIONS - 1 - int(number)


def segment(shard: int, body: Data, mark: str) -> str:
    """The name of a segment of this shard.

    `mark` is that of one commit or merge: were names made of the content alone, a commit could take over an old
    orphan of the same content at the moment when it is collected.
    """
    return f"{shard_prefix(shard)}{digest(body)}-{mark}.npz"


def shard_prefix(shard: int) -> str:
    """What the names of a shard's segments begin with."""
    return f"{SEGMENTS}{shard:04x}/"


def dead(body: Data, mark: str) -> str:
    """The name of a list of dead rows; `mark` as for a segment."""
    return f"{DEAD}{digest(body)}-{mark}.npy"


def check_content(name: str, data: Data) -> None:
    """Raise CorruptObject unless these are the bytes that the name of a log object, segment or list was made of."""
    found = digest(data)
    named = _DIGEST.search(name)
    if named is None or named[0] != found:
        raise CorruptObject(name, f"BLAKE2b of its {len(data):,} bytes is {found}, not what its name says")


def key_bytes(key: str) -> bytes:
    """The key as it is stored. Raises KeyInvalid."""
    try:
        stored = key.encode()
    except UnicodeEncodeError as error:
        raise KeyInvalid(f"key {key!r} is not valid UTF-8: {error.reason}") from error
    if not 1 <= len(stored) <= KEY_BYTES:
        raise KeyInvalid(f"key {key[:60]!r} has {len(stored):,} bytes; a key has 1 to {KEY_BYTES:,}")
    return stored


def key_hash(stored: bytes) -> int:
    """The first 8 bytes of the key's BLAKE2b, little-endian: places the key in a shard and in a segment."""
    return int.from_bytes(blake2b(stored, digest_size=8).digest(), "little")


def key_hashes(stored: Iterable[bytes]) -> NDArray[np.uint64]:
    """(keys,) uint64: `key_hash` of each."""
    return np.frombuffer(b"".join([blake2b(key, digest_size=8).digest() for key in stored]), "<u8")


def thumbnail(sha256: bytes) -> str:
    """The name of the thumbnail of the image with this SHA-256: images of the same bytes share one."""
    return f"{THUMBNAILS}{sha256.hex()}.webp"


def thumbnail_sha256(name: str) -> bytes | None:
    """The SHA-256 in a thumbnail's name; None where it is no such name."""
    found = _THUMBNAIL.fullmatch(name)
    return bytes.fromhex(found[1]) if found else None
