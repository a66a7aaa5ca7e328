"""The results of computing signatures: everything about one picture, and the part that can be searched for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shards.families import Family, Row, Rows
from shards.pictures.looks import Look
from shards.table.format.records import Order, Record

MIRRORED = 2
"""Orientations that are asked of families that find a picture however it is turned: as it is, and mirrored."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A picture's signatures, computed elsewhere, as a question to an index."""

    orientations: tuple[Mapping[str, Row | Rows], ...]
    """By family, the rows by which the picture is asked for as it is and, where they are to be searched, in the other
    seven orientations, in the order of ORIENTATIONS: rows of the family's `question_dtype`, or a stored row."""

    rows: dict[str, Row] = field(default_factory=dict)
    """The rows that are stored of the picture, by family, where they are known."""

    over_black: dict[str, Row] = field(default_factory=dict)
    """The same of the picture over black, where its transparency shows that: then each family's rows that ask for it
    are those over white, and as many over black."""

    sha256: bytes = b""
    """The digest of the picture's file, where it is known."""

    is_text: bool = False
    """Whether the signature was given as such, in the form of another program: it is asked for as that program does."""

    key: str = ""
    """The key of the picture, where it is one of the index that is asked."""

    def backgrounds(self) -> list[Signed]:
        """Return the picture over each background, apart."""
        if not self.over_black:
            return [self]
        return [
            Signed(({name: np.split(np.atleast_1d(rows), 2)[n] for name, rows in self.orientations[0].items()},), shown)
            for n, shown in enumerate((self.rows, self.over_black))
        ]


def asked_of(families: Iterable[Family], orientation: int) -> list[Family]:
    """Return the families that are asked for a picture in this orientation, which is counted from 0."""
    return [family for family in families if orientation < MIRRORED or not family.covers_rotations]


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

    rows: Mapping[str, Row] = field(default_factory=dict)
    """The rows that are stored of the picture, by family: of all families, or of those that are asked."""

    orientations: tuple[Mapping[str, Row | Rows], ...] = ()
    """The rows by which the picture is asked for, where they were wanted, as `Signed` has them."""

    over_black: Mapping[str, Row] = field(default_factory=dict)
    """The rows that would be stored of the picture over black, where it is a question and its transparency shows."""

    look: Look | None = None
    """The pixels made small, where these alone were wanted."""

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
            rows=self.rows,
            thumbnail=self.thumbnail,
        )

    def question(self) -> Signed:
        """Return the question for pictures like this one."""
        return Signed(self.orientations, dict(self.rows), dict(self.over_black), self.sha256)

    def question_over_white(self, family: str) -> Signed:
        """Return the question to one family as programs ask it that know no other background."""
        return Signed(
            tuple({family: np.atleast_1d(rows[family])[:1]} for rows in self.orientations),
            {family: self.rows[family]},
        )
