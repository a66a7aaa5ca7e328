"""The results of computing signatures: everything about one picture, and the part that can be searched for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shards.families import Row
from shards.table.format.records import Order, Record


@dataclass(frozen=True, slots=True)
class Signed:
    """A picture's signatures, computed elsewhere, as a question to an index."""

    orientations: tuple[Mapping[str, Row], ...]
    """Signatures by family: of the picture as it is and, where they are to be searched, of the other seven
    orientations, in the order of ORIENTATIONS."""


@dataclass(frozen=True, slots=True)
class ComputedPicture:
    """Everything that is computed of one encoded picture."""

    width: int
    height: int
    """Pixels of the decoded picture."""

    sha256: bytes
    """32 bytes: the digest of the encoded picture."""

    thumbnail: bytes | None
    """A small WebP file; None where the index keeps none."""

    orientations: tuple[Mapping[str, Row], ...]
    """Signatures by family: of the picture as it is and, where they were asked for, of the other seven orientations,
    in the order of ORIENTATIONS."""

    source: Mapping[str, Any] | None = None
    """The file or object that the picture was read from, as it was then; None where its bytes were given."""

    def record(
        self, key: str, order: Order, meta: Mapping[str, Any] | None = None, source: Mapping[str, Any] | None = None
    ) -> Record:
        """Return what an index stores of the picture under this key. `source`: that of the picture unless given."""
        return Record(
            key=key,
            order=order,
            sha256=self.sha256,
            width=self.width,
            height=self.height,
            meta=meta,
            source=self.source if source is None else source,
            rows=self.orientations[0],
            thumbnail=self.thumbnail,
        )

    def question(self) -> Signed:
        """Return the question for pictures like this one."""
        return Signed(self.orientations)
