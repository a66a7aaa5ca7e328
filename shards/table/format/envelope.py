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

from shards.errors import CorruptObject
from shards.storage.base import Data
from shards.table.format.layout import check_format
from shards.table.format.names import digest

GZIP_FROM = 1 << 16
"""Bytes from which on a document is compressed: a smaller one stays readable, and one packet more costs nothing."""

_HEAD = b'{"blake2b":"%s","body":'
_GZIP_HEAD = bytes.fromhex("1f8b0804000000000003") + b"\x24\x00LK\x20\x00"  # FEXTRA: 36 bytes, subfield LK of 32


def seal(document: dict[str, Any]) -> bytes:
    """Return the bytes to store. The same document gives the same bytes."""
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()
    plain = _HEAD % digest(body).encode() + body + b"}\n"
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
        stored = zlib.decompress(stored, wbits=31)
    start = len(_HEAD % (b"0" * 32))
    body = stored[start:-2]
    if stored != _HEAD % digest(body).encode() + body + b"}\n":
        raise CorruptObject(name, f"its {len(data):,} bytes do not match their checksum")
    document: dict[str, Any] = json.loads(body)
    check_format(document.get("format"), name)
    return document
