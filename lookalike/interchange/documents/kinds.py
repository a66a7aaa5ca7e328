"""What a file with documents looks like from outside."""

from __future__ import annotations

import json
import re
import struct
from typing import Literal, TypeAlias

from lookalike.interchange.documents.document import SIGNATURE
from shards.errors import DumpUnreadable
from shards.table.format import strict_json

Arrangement: TypeAlias = Literal["lines", "stream"]
"""A document a line; or arrays, answers of searches and indented documents, whose ends have to be looked for."""

ARCHIVE = b"\x6d\xe2\x99\x81"
"""Begins what `mongodump --archive` writes."""

LARGEST_BSON = 16 << 20

FIRST_FIELD = re.compile(rb"[\x01-\x13\x7f\xff][^\x00-\x1f]{1,256}\x00")
"""A field of BSON: its type, its name, and a NUL."""

SIGNATURES = re.compile(rb'"%b"\s*:\s*\[' % SIGNATURE.encode())
"""A signature as image-match has it. What has a text there is a list of hashes."""

MAPPINGS = re.compile(rb'"(?:mappings|settings|aliases)"\s*:')
HITS = re.compile(rb'"hits"\s*:\s*[{\[]')

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def is_bson(head: bytes) -> bool:
    """Return whether a file that begins so is BSON, as `mongodump` writes it."""
    if head.startswith(ARCHIVE):
        return True
    if len(head) < 5:
        return False
    (length,) = struct.unpack_from("<i", head)
    if not 5 <= length <= LARGEST_BSON or not FIRST_FIELD.match(head, 4):
        return False
    return bool(length > len(head) or head[length - 1] == 0)


def has_signatures(head: bytes) -> bool:
    """Return whether a file that begins so has documents of image-match."""
    return SIGNATURES.search(head) is not None and head.removeprefix(BYTE_ORDER_MARK).lstrip()[:1] in (b"{", b"[")


def has_field(head: bytes, field: str) -> bool:
    """Return whether a file that begins so has a field of this name."""
    return any(json.dumps(field, ensure_ascii=way).encode() in head for way in (True, False)) and head.removeprefix(
        BYTE_ORDER_MARK
    ).lstrip()[:1] in (b"{", b"[")


def check(name: str, head: bytes, field: str, key: str | None = None) -> None:
    """Raise DumpUnreadable for a file that begins so and is none of documents with signatures, and with this key."""
    if is_bson(head):
        raise DumpUnreadable(
            f"{name}: this is BSON, as mongodump writes it: make lines of it with `bsondump --outFile=images.jsonl "
            "images.bson`, or use mongoexport, and import those"
        )
    if has_field(head, field):
        if key is not None and not has_field(head, key):
            raise DumpUnreadable(f"{name}: no document at the beginning has a field {key}; name another with --key")
        return
    hint = "name the field with --hash where it is called otherwise"
    if MAPPINGS.search(head):
        hint = "these are the mappings or settings of an index, not its documents: use elasticdump --type=data"
    raise DumpUnreadable(f"{name}: no document at the beginning has a field {field}; {hint}")


def arrangement(head: bytes) -> Arrangement:
    """Return how the documents of a file that begins so are arranged."""
    head = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    if head.startswith(b"["):
        return "stream"
    first, feed, rest = head.partition(b"\n")
    try:
        value = strict_json.loads(first)
    except ValueError:
        if not feed:
            # the first line is longer than what was read: only answers of searches are
            return "stream" if HITS.search(first) else "lines"
        # a bad line among others, or the first of an indented document
        return "lines" if rest.lstrip().startswith(b"{") else "stream"
    return "stream" if isinstance(value, dict) and isinstance(value.get("hits"), dict) else "lines"
