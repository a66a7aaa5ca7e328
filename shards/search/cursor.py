"""Cursors: places in the order of an answer, after which the next page begins."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from dataclasses import dataclass
from typing import Self

from shards.errors import QueryError

_HEAD = struct.Struct(">dQ")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place behind one hit, in the order of all hits: falling score, then key.

    It stays what it is while images come and go: the next page begins with whatever is behind it then.
    """

    score: float
    key: str

    rank: int = 0
    """Hits up to this place when the page was made: where to look for the next one first."""

    def __str__(self) -> str:
        """Return the cursor as text for clients, to whom it means nothing."""
        packed = _HEAD.pack(self.score, self.rank) + self.key.encode()
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the cursor that has this text. Raises QueryError."""
        try:
            packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            score, rank = _HEAD.unpack_from(packed)
            key = packed[_HEAD.size :].decode()
        except (ValueError, binascii.Error, struct.error) as error:
            raise _unknown(text) from error
        if not math.isfinite(score) or not key:
            raise _unknown(text)
        return cls(score, key, rank)


def _unknown(text: str) -> QueryError:
    return QueryError(f"{text!a:.60} is no place in an answer: give the 'next' of its previous page")
