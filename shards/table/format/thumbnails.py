"""The object of a thumbnail: a WebP file, and behind its end, where no decoder looks, the BLAKE2b of the file."""

from __future__ import annotations

from hashlib import blake2b

from shards.errors import CorruptObject

DIGEST = 16
"""Bytes."""


def seal(drawn: bytes) -> bytes:
    """Return the bytes to store of a WebP file."""
    return drawn + blake2b(drawn, digest_size=DIGEST).digest()


def unseal(name: str, stored: memoryview) -> bytes:
    """Return the WebP file in the object of this name. Raises CorruptObject."""
    drawn = bytes(stored[:-DIGEST])
    if seal(drawn) != stored:
        raise CorruptObject(name, "the digest at its end is not that of the thumbnail before it")
    return drawn
