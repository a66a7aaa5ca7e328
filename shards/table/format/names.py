"""The names of objects: the one place where they are made and taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject, KeyInvalid, QueryError
from shards.storage.base import Data
from shards.table.format.texts import Texts

SETTINGS = "index.json"
LOG = "log/"
MANIFEST = "manifest/"
SEGMENTS = "segments/"
DEAD = "dead/"
THUMBNAILS = "thumbnails/"
COPIES = "copies/"
IMPORTS = "imports/"
RATES = "rates/"
MARKS = "marks/"

MAX_KEY_BYTES = 1024
"""S3's own limit for an object key, so that every object can be a key."""

MAX_SHARDS = 1 << 16
"""The limit of shards: a segment's name has four hex digits for its shard."""

_VERSIONS = 1 << 64
ID = re.compile("[0-9a-f]{16}")
COMMIT_ID = re.compile("[!-~]{1,64}")
_DIGEST = re.compile("[0-9a-f]{32}")
SEGMENT_NAME = re.compile(re.escape(SEGMENTS) + "[0-9a-f]{4}/[0-9a-f]{32}-[0-9a-f]{16}[.]npz")
DEAD_NAME = re.compile(re.escape(DEAD) + "[0-9a-f]{32}-[0-9a-f]{16}[.]npy")
IMPORT_NAME = re.compile(re.escape(IMPORTS) + "[0-9a-f]{32}(-done)?[.]json")
RATES_NAME = re.compile(re.escape(RATES) + "[0-9]{13}-[0-9a-f]{32}[.]json")
MARKS_NAME = re.compile(re.escape(MARKS) + "[0-9]{13}-[0-9a-f]{32}[.]json")
_OWN = re.compile(
    "|".join(
        (
            SEGMENT_NAME.pattern,
            DEAD_NAME.pattern,
            IMPORT_NAME.pattern,
            RATES_NAME.pattern,
            MARKS_NAME.pattern,
            re.escape(LOG) + "[0-9]{13,}-[0-9a-f]{32}[.]npz",
            re.escape(MANIFEST) + "[0-9]{20}[.]json",
            re.escape(THUMBNAILS) + "[0-9a-f]{64}[.]webp",
            re.escape(COPIES) + "([0-9a-f]{16}|1)/(begun|[0-9]{20}-[0-9a-zA-Z_.-]{1,64})[.]json",
            "probe/clock-[0-9a-f]{16}",
        )
    )
)
_THUMBNAIL = re.compile(re.escape(THUMBNAILS) + r"([0-9a-f]{64})\.webp")


def digest(data: Data) -> str:
    """Return 32 hex digits of BLAKE2b, as in the names of log objects, segments and lists of dead rows."""
    return blake2b(data, digest_size=16).hexdigest()


def is_id(text: str) -> bool:
    """Return True if an index can have this id."""
    return ID.fullmatch(text) is not None


def is_own(name: str) -> bool:
    """Return True if an index gives objects such names: whatever else lies among them is somebody's own file.

    A folder of an index may be a link, and lead to files of people.
    """
    return _OWN.fullmatch(name) is not None


def log(milliseconds: int, body: Data) -> str:
    """Return the name of a log object. The same body gives the same name, so a repeated call is a no-op."""
    return f"{LOG}{milliseconds:013d}-{digest(body)}.npz"


def log_ms(name: str) -> int:
    """Return the milliseconds in a log object's name; 0 where there are none."""
    digits = name.removeprefix(LOG).partition("-")[0]
    return int(digits) if len(digits) >= 13 and digits.isascii() and digits.isdecimal() else 0


def manifest(version: int) -> str:
    """Return the name of a manifest; the newest sorts first."""
    return f"{MANIFEST}{_VERSIONS - 1 - version:020d}.json"


def manifest_version(name: str) -> int:
    """Return the version in a manifest's name. Raises CorruptObject where there is none."""
    number = name.removeprefix(MANIFEST).removesuffix(".json")
    if len(number) != 20 or not number.isdecimal() or int(number) >= _VERSIONS:
        raise CorruptObject(name, "is no name of a manifest")
    return _VERSIONS - 1 - int(number)


def segment(shard: int, body: Data, mark: str) -> str:
    """Return the name of a segment of this shard.

    `mark`: the mark of one commit or merge. Were names made of the content alone, a commit could take over an old
    orphan of the same content at the moment when that is collected.
    """
    return f"{shard_prefix(shard)}{digest(body)}-{mark}.npz"


def shard_prefix(shard: int) -> str:
    """Return the beginning of the names of a shard's segments."""
    return f"{SEGMENTS}{shard:04x}/"


def dead(body: Data, mark: str) -> str:
    """Return the name of a list of dead rows; `mark` as for a segment."""
    return f"{DEAD}{digest(body)}-{mark}.npy"


def rates(milliseconds: int, body: Data) -> str:
    """Return the name of false rates that were measured then; the newest sorts last."""
    return f"{RATES}{milliseconds:013d}-{digest(body)}.json"


def marks(milliseconds: int, body: Data) -> str:
    """Return the name of marks and decisions that were made then; the newest sorts last."""
    return f"{MARKS}{milliseconds:013d}-{digest(body)}.json"


def imported(content: str, *, is_done: bool) -> str:
    """Return the name of the note that this content was begun to be imported, or is all here.

    `content`: 32 hex digits. Raises QueryError for anything else.
    """
    if _DIGEST.fullmatch(content) is None:
        raise QueryError(f"content {content[:60]!r}: the content of an import is named by 32 hex digits")
    return f"{IMPORTS}{content}{'-done' if is_done else ''}.json"


def is_done(name: str) -> bool:
    """Return True if this is the name of a note that an import is complete."""
    return name.startswith(IMPORTS) and name.endswith("-done.json")


def check_content(name: str, data: Data) -> None:
    """Raise CorruptObject unless the name of this log object, segment or list was made of these bytes."""
    check_digest(name, digest(data), len(data))


def check_digest(name: str, computed: str, size: int) -> None:
    """Raise CorruptObject unless this digest, of all the object's bytes, is in its name."""
    named = _DIGEST.search(name)
    if named is None or named[0] != computed:
        raise CorruptObject(name, f"BLAKE2b of its {size:,} bytes is {computed}, not what its name says")


def key_bytes(key: str) -> bytes:
    """Return the key as it is stored. Raises KeyInvalid."""
    try:
        stored = key.encode()
    except UnicodeEncodeError as error:
        raise KeyInvalid(f"key {key!r} is not valid UTF-8: {error.reason}") from error
    if not 1 <= len(stored) <= MAX_KEY_BYTES:
        raise KeyInvalid(f"key {key[:60]!r} has {len(stored):,} bytes; a key has 1 to {MAX_KEY_BYTES:,}")
    return stored


def check_keys(stored: Texts) -> None:
    """Raise KeyInvalid unless each of these can be a key as it is stored."""
    lengths = np.diff(stored.offsets)
    wrong = np.flatnonzero((lengths < 1) | (lengths > MAX_KEY_BYTES))
    if len(wrong):
        key = stored[int(wrong[0])]
        raise KeyInvalid(f"key {key[:60]!r} has {len(key):,} bytes; a key has 1 to {MAX_KEY_BYTES:,}")
    try:
        stored.check_utf8()
    except UnicodeDecodeError as error:
        raise KeyInvalid(f"key {error.object[:60]!r} is not valid UTF-8: {error.reason}") from error


_KEY_HASH = blake2b(digest_size=8)
"""Copied for each of many keys: that takes half the time of making it anew."""


def key_hash(stored: bytes) -> int:
    """Return the first 8 bytes of the key's BLAKE2b, little-endian: the key's place in a shard and in a segment."""
    return int.from_bytes(blake2b(stored, digest_size=8).digest(), "little")


def key_hashes(stored: Iterable[bytes]) -> NDArray[np.uint64]:
    """Return (keys,) uint64: the `key_hash` of each key."""
    copied, hashes = _KEY_HASH.copy, bytearray()
    for key in stored:
        hashed = copied()
        hashed.update(key)
        hashes += hashed.digest()
    return np.frombuffer(bytes(hashes), "<u8")


def thumbnail(sha256: bytes) -> str:
    """Return the name of the thumbnail of the image with this SHA-256. Images of the same bytes share one."""
    return f"{THUMBNAILS}{sha256.hex()}.webp"


def thumbnail_sha256(name: str) -> bytes | None:
    """Return the SHA-256 in a thumbnail's name; None for any other name."""
    match = _THUMBNAIL.fullmatch(name)
    return bytes.fromhex(match[1]) if match else None
