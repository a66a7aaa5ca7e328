"""The envelope of JSON documents, by which a changed byte is noticed.

A document is `{"blake2b":"<32 hex>","body":<json>}` and a newline: plain JSON for people and tools, with the
BLAKE2b of the body's bytes in front. A large one is a gzip file whose header carries the BLAKE2b of all that
follows it as an extra field (RFC 1952, 2.3.1.1), because gzip itself does not check its header.
"""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

from shards.errors import CorruptObject, QueryError
from shards.storage.base import Data
from shards.table.format import strict_json
from shards.table.format.layout import check_format
from shards.table.format.names import digest

GZIP_FROM = 1 << 16
"""Bytes from which on a document is compressed: a smaller one stays readable, and one packet more costs nothing."""

MAX_DOCUMENT = 64 << 20
"""Bytes of a document: the manifest of 25,000 segments of four families."""

MAX_VALUES = 8 << 20
"""Values in a document, which take about 60 bytes each once they are parsed. 25,000 segments have 5 million."""

_HEAD = b'{"blake2b":"%s","body":'
_GZIP_HEAD = bytes.fromhex("1f8b0804000000000003") + b"\x24\x00LK\x20\x00"  # FEXTRA: 36 bytes, subfield LK of 32


def seal(document: dict[str, Any]) -> bytes:
    """Return the bytes to store. The same document gives the same bytes.

    Raises QueryError for more than a reader would take.
    """
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()
    plain = _HEAD % digest(body).encode() + body + b"}\n"
    if _is_too_large(body):
        raise QueryError(
            f"this would make a document of {len(body):,} bytes, and none has more than {MAX_DOCUMENT:,}: it lists too"
            " many segments; merge them ('lookalike compact --everything'), or use fewer shards"
        )
    if len(plain) < GZIP_FROM:
        return plain
    packed = gzip.compress(plain, compresslevel=6, mtime=0)[10:]
    return _GZIP_HEAD + digest(packed).encode() + packed


def unseal(data: Data, name: str) -> dict[str, Any]:
    """Return the document in the object `name`. Raises CorruptObject, or FormatUnsupported for a later format."""
    stored = bytes(data)
    if stored.startswith(_GZIP_HEAD):
        start = len(_GZIP_HEAD) + 32
        if digest(stored[start:]).encode() != stored[len(_GZIP_HEAD) : start]:
            raise CorruptObject(name, "its compressed bytes do not match their checksum")
        stored = _unpacked(stored, name)
    start = len(_HEAD % (b"0" * 32))
    body = stored[start:-2]
    if stored != _HEAD % digest(body).encode() + body + b"}\n":
        raise CorruptObject(name, f"its {len(data):,} bytes do not match their checksum")
    document = _parsed(body, name)
    check_format(document, name)
    return document


def _unpacked(stored: bytes, name: str) -> bytes:
    """Return what was compressed, which has a limit: a kilobyte can stand for a megabyte."""
    unpacker = zlib.decompressobj(wbits=31)
    limit = MAX_DOCUMENT + len(_HEAD) + 32
    try:
        unpacked = unpacker.decompress(stored, limit + 1)
    except zlib.error as error:
        raise CorruptObject(name, f"cannot be decompressed ({error})") from error
    if len(unpacked) > limit or not unpacker.eof or unpacker.unused_data:
        raise CorruptObject(name, f"is not one gzip file of {MAX_DOCUMENT:,} bytes at most")
    return unpacked


def _is_too_large(body: bytes) -> bool:
    return len(body) > MAX_DOCUMENT or sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES


def _parsed(body: bytes, name: str) -> dict[str, Any]:
    """Return the document in a body that matches its checksum: whoever made it may be nobody to trust."""
    if _is_too_large(body):
        raise CorruptObject(name, f"its {len(body):,} bytes of JSON are more than any index needs")
    try:
        document = strict_json.loads(body)
    except ValueError as error:
        raise CorruptObject(name, f"its body is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise CorruptObject(name, f"its body is a {type(document).__name__}, and should be an object")
    return document
