"""The answers of a worker, as bytes.

JSON, not pickle: whoever loads a pickle runs what its writer wants, and the writer decodes what strangers send.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from lookalike.signatures.computed import ComputedPicture
from shards.errors import PictureError
from shards.families import Row, family

Result: TypeAlias = ComputedPicture | PictureError

READY = b"ready"
"""The first message of every worker: everything is imported, and it can begin."""

MAX_BYTES = 16 << 20
"""Bytes of an answer: the largest is a thumbnail of 2,048 × 2,048 pixels, and eight signatures of each family."""


def write(result: Result) -> bytes:
    """Return the answer as bytes."""
    if isinstance(result, PictureError):
        return json.dumps({"reason": result.reason, "message": str(result)}).encode()
    document = {
        "width": result.width,
        "height": result.height,
        "sha256": result.sha256.hex(),
        "thumbnail": None if result.thumbnail is None else b64encode(result.thumbnail).decode(),
        "orientations": [
            {name: row.tobytes().hex() for name, row in signatures.items()} for signatures in result.orientations
        ],
        "source": result.source,
    }
    return json.dumps(document).encode()


def read(data: bytes, families: Sequence[str]) -> Result:
    """Return the answer in these bytes, with the signatures of these families. Raises ValueError where it is none."""
    try:
        document = json.loads(data)
        if "reason" in document:
            return PictureError(str(document["reason"]), str(document["message"]))
        thumbnail, source = document["thumbnail"], document["source"]
        return ComputedPicture(
            int(document["width"]),
            int(document["height"]),
            bytes.fromhex(document["sha256"]),
            None if thumbnail is None else b64decode(thumbnail),
            tuple(_signatures(signatures, families) for signatures in document["orientations"]),
            None if source is None else dict(source),
        )
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"{len(data):,} bytes that are no answer of a worker") from error


def _signatures(document: Mapping[str, Any], families: Sequence[str]) -> dict[str, Row]:
    return {name: _row(bytes.fromhex(document[name]), family(name).dtype) for name in families}


def _row(data: bytes, dtype: np.dtype[np.void]) -> Row:
    (row,) = np.frombuffer(data, dtype)
    return row  # type: ignore[no-any-return] # a row of a structured array is an np.void
