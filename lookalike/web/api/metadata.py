"""Metadata of images as clients send it: a JSON object of limited size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, Field, Json

MAX_BYTES = 64 << 10
"""Maximum size of one image's metadata as JSON: it is written with every change, and read with every hit."""


def _checked(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        size = len(json.dumps(meta, allow_nan=False).encode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON: {error}") from error
    if size > MAX_BYTES:
        raise ValueError(f"has {size:,} bytes as JSON; metadata may have {MAX_BYTES:,} at most")
    return meta


Meta: TypeAlias = Annotated[
    dict[str, Any],
    AfterValidator(_checked),
    Field(description="Metadata: a JSON object.", examples=[{"album": "zoo"}]),
]
"""Metadata in a JSON document."""

MetaText: TypeAlias = Json[Meta]
"""Metadata in the query or in a form."""
