"""Questions: what can be looked for, and the signatures it is looked for by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np

from lookalike.signatures import compute
from shards.errors import KeyInvalid, KeyNotFound, LookalikeError, PictureError, QueryError, SignatureError
from shards.families import Family, Row, Rows
from shards.pictures.decoding import ORIENTATIONS, PictureSettings


@dataclass(frozen=True, slots=True)
class Key:
    """The image that the index has under this key."""

    key: str


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature in its family's text form, such as IQDB's `iqdb_…` or ImageHash's hex."""

    text: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A picture that was signed elsewhere, in a signing process for one.

    `orientations`: signatures by family, of the picture as it is and, where they are to be searched, of the other
    seven, in the order of ORIENTATIONS.
    """

    orientations: tuple[Mapping[str, Row], ...]


Given: TypeAlias = compute.Image | Signed | Signature
"""A question that brings its signature, or what it is computed from: no index is read to sign it."""

Question: TypeAlias = Given | Key
"""What to look for: a picture, an encoded image, a path, a picture's signatures, a key of the index, or a text."""

REFUSALS = (PictureError, SignatureError, QueryError, KeyNotFound, KeyInvalid)
"""What is wrong with one question, and not with the index or the others."""

Work = TypeVar("Work")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Asking:
    """How questions are put to one family.

    `pictures`: how images are read. `orientations`: each is also turned and mirrored; `negatives`: also inverted.
    """

    family: Family
    pictures: PictureSettings
    orientations: bool = False
    negatives: bool = False

    @property
    def variants(self) -> tuple[str, ...]:
        """The names of a question's signatures, in their order."""
        turned = ORIENTATIONS if self.orientations else ORIENTATIONS[:1]
        return (*turned, *(f"{variant}, negative" for variant in turned)) if self.negatives else turned

    def sign(self, questions: Sequence[Question]) -> list[Sequence[Row] | Key | LookalikeError]:
        """Each question's signatures, by orientation; a key as it is, since only a snapshot knows its image.

        One that cannot be asked has its error in the place: this is where pictures are decoded, once, however often
        the index has to be read.
        """
        return [_or_refusal(self._sign, one) for one in questions]

    def rows(
        self, signed: Sequence[Sequence[Row] | Key | LookalikeError], stored: Callable[[str], Row]
    ) -> list[Rows | LookalikeError]:
        """What `sign` gave as (variants,) rows each, errors in their places. `stored`: the signature under a key."""

        def rows(one: Sequence[Row] | Key) -> Rows:
            found = [stored(one.key)] if isinstance(one, Key) else one
            if self.negatives:
                found = [*found, *(inverted(row, self.family) for row in found)]
            return np.array(found, self.family.dtype)

        return [one if isinstance(one, LookalikeError) else _or_refusal(rows, one) for one in signed]

    def _sign(self, question: Question) -> Sequence[Row] | Key:
        if self.orientations:
            return turned_signatures(question, self.family, self.pictures)
        return question if isinstance(question, Key) else [signature(question, self.family, self.pictures)]


def signature(question: Given, family: Family, pictures: PictureSettings) -> Row:
    """Its signature in this family. Raises PictureError, SignatureError."""
    if isinstance(question, Signature):
        return family.parse(question.text)
    if isinstance(question, Signed):
        return question.orientations[0][family.name]
    return family.compute(compute.load(question, pictures))


def signatures_by_family(question: Given, families: Iterable[Family], pictures: PictureSettings) -> Mapping[str, Row]:
    """Its signatures by family: of a text, in every family that reads it. Raises PictureError, SignatureError."""
    if isinstance(question, Signature):
        return _parse(question.text, families)
    if isinstance(question, Signed):
        return question.orientations[0]
    return compute.sign(compute.load(question, pictures), families)


def turned_signatures(question: Question, family: Family, pictures: PictureSettings) -> list[Row]:
    """The signatures of its 8 orientations, in the order of ORIENTATIONS.

    Raises PictureError, or QueryError where there is no picture to turn.
    """
    if isinstance(question, Key | Signature):
        raise QueryError("orientations are computed from a picture: give the image, not its key or signature")
    if isinstance(question, Signed):
        if len(question.orientations) != len(ORIENTATIONS):
            raise QueryError("this picture was signed in one orientation only: sign all 8 to search them")
        return [rows[family.name] for rows in question.orientations]
    return [family.compute(picture) for picture in compute.load(question, pictures).orientations()]


def inverted(row: Row, family: Family) -> Row:
    """The signature of the picture's negative. Raises QueryError where the family cannot tell it."""
    found = family.invert(row)
    if found is None:
        raise QueryError(f"family {family.name} cannot find negatives; goldberg can")
    return found


def _parse(text: str, families: Iterable[Family]) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    refusals = []
    for one in families:
        try:
            rows[one.name] = one.parse(text)
        except SignatureError as error:
            refusals.append(str(error))
    if not rows:
        raise SignatureError("; ".join(refusals))
    return rows


def _or_refusal(work: Callable[[Work], Result], given: Work) -> Result | LookalikeError:
    """What comes of it, or the error that says what is wrong with it."""
    try:
        return work(given)
    except REFUSALS as error:
        return error
