"""JSON from an object, read strictly: nothing in it costs unbounded time or memory, or comes out as no JSON."""

from __future__ import annotations

import json
import math
import re
from typing import Any

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def loads(stored: bytes) -> Any:
    """Return the document in these bytes.

    Raises ValueError, also for NaN and infinity, which are no JSON; for half a surrogate pair, which is no text; and
    for nesting so deep that Python refuses it.
    """
    try:
        text = stored.decode()
        document = _DECODER.decode(text)
        if _SURROGATE.search(stored):
            json.dumps(document, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return document


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is larger than any number here")
    return number


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse)
