"""JSON documents that notice a changed byte.

A document is `{"blake2b":"<32 hex>","body":<json>}` and a newline: plain JSON for people and tools, with the
BLAKE2b of the body's bytes in front. A large one is a gzip file whose header carries the BLAKE2b of all that
follows it as an extra field (RFC 1952, 2.3.1.1), because gzip itself does not check its header.
"""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

from shards.errors import CorruptObject, FormatUnsupported
from shards.storage.base import Data
from shards.table.format.names import digest

FORMAT = 1
"""The version of everything an index stores; docs/format.md."""

GZIP_FROM = 1 << 16
"""Bytes from which a document is compressed: below, a person can read it, and one packet more costs nothing."""

_HEAD = b'{"blake2b":"%s","body":'
_GZIP_HEAD = bytes.fromhex("1f8b0804000000000003") + b"\x24\x00LK\x20\x00"  # FEXTRA: 36 bytes, subfield LK of 32


def seal(document: dict[str, Any]) -> bytes:
    """The bytes to store. The same document gives the same bytes."""
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()
    sealed = _HEAD % digest(body).encode() + body + b"}\n"
    if len(sealed) < GZIP_FROM:
        return sealed
    packed = gzip.compress(sealed, compresslevel=6, mtime=0)[10:]
    return _GZIP_HEAD + digest(packed).encode() + packed


def unseal(data: Data, name: str) -> dict[str, Any]:
    """The document in these bytes. Raises CorruptObject, or FormatUnsupported for a later format."""
    sealed = bytes(data)
    if sealed.startswith(_GZIP_HEAD):
        start = len(_GZIP_HEAD) + 32
        if digest(sealed[start:]).encode() != sealed[len(_GZIP_HEAD) : start]:
            raise CorruptObject(name, "its compressed bytes do not match their checksum")
        sealed = zlib.decompress(sealed, wbits=31)
    start = len(_HEAD % (b"0" * 32))
    body = sealed[start:-2]
    if sealed != _HEAD % digest(body).encode() + body + b"}\n":
        raise CorruptObject(name, f"its {len(data):,} bytes do not match their checksum")
    document: dict[str, Any] = json.loads(body)
    if document.get("format") != FORMAT:
        raise FormatUnsupported(
            f"{name} has format {document.get('format')!r}, this release reads format {FORMAT}: upgrade lookalike"
        )
    return document
