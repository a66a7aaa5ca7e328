"""Questions that a user can ask, and the signatures by which they are answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lookalike.options import SearchOptions
from lookalike.signatures import compute
from lookalike.signatures.computed import Signed
from shards.errors import KeyInvalid, KeyNotFound, LookalikeError, PictureError, QueryError, SignatureError
from shards.families import Family, Row, Rows
from shards.families.hashes import forms
from shards.hash_forms import HashForm
from shards.pictures.decoding import ORIENTATIONS, PictureSettings
from shards.search.filters import Filter
from shards.search.query import Part, Query


@dataclass(frozen=True, slots=True)
class Key:
    """The image of the index with this key."""

    key: str


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature in its family's text form, such as IQDB's `iqdb_…` or ImageHash's hex; or a hash as databases do."""

    text: str

    form: HashForm | None = None
    """How the hash is written. Unless given, a number with a minus or of 19 or 20 digits is one of 64 bits; all else is
    the family's text."""


@runtime_checkable
class BitHash(Protocol):
    """A hash that another program computed, such as an `imagehash.ImageHash`."""

    @property
    def hash(self) -> NDArray[np.bool_]:
        """(height, width) bool."""
        ...


Given: TypeAlias = compute.PictureLike | Signed | Signature | BitHash
"""A question that brings its signature or something to compute it from, so that no index has to be read."""

Question: TypeAlias = Given | Key
"""Something to look for: a picture, an encoded image, a path, a picture's signatures, a key, a signature's text, or a
hash of the ImageHash package."""

REFUSALS = (PictureError, SignatureError, QueryError, KeyNotFound, KeyInvalid)
"""Errors of one question, as opposed to those of the index or of all questions."""

Work = TypeVar("Work")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Asking:
    """The way in which questions are put to one family."""

    family: Family

    pictures: PictureSettings
    """Settings by which images are decoded."""

    options: SearchOptions = field(default_factory=SearchOptions)

    @property
    def variants(self) -> tuple[str, ...]:
        """The names of a question's signatures, in their order."""
        turned = ORIENTATIONS if self.options.orientations else ORIENTATIONS[:1]
        return (*turned, *(f"{variant}, negative" for variant in turned)) if self.options.negatives else turned

    def query(self, questions: Sequence[Rows]) -> Query:
        """Return the query that asks these questions, given by the rows of each."""
        threshold = self.options.threshold(self.family)
        part = Part(self.family, tuple(questions), threshold, self.variants)
        return Query((part,), self.options.limit, Filter.of(self.options.where), self.options.after)

    def signatures(self, questions: Sequence[Question]) -> list[Sequence[Row] | Key | LookalikeError]:
        """Return each question's signatures, by orientation; a key as it is, since only a snapshot knows its image.

        A question that cannot be asked has its error in its place. Pictures are decoded here, once, however often the
        index has to be read.
        """
        return [_or_refusal(self._signatures, question) for question in questions]

    def signed(self, question: Question, stored: Callable[[str], Row]) -> Signed:
        """Return the question with its signatures, to be asked again and again. Raises what is wrong with it.

        `stored` returns the signature of the image with a key.
        """
        signatures = self._signatures(question)
        rows = [stored(signatures.key)] if isinstance(signatures, Key) else signatures
        return Signed(tuple({self.family.name: row} for row in rows))

    def rows(
        self, signatures: Sequence[Sequence[Row] | Key | LookalikeError], stored: Callable[[str], Row]
    ) -> list[Rows | LookalikeError]:
        """Return what `signatures` gave as (variants,) rows of each question, with errors in their places.

        `stored` returns the signature of the image with a key.
        """

        def rows(computed: Sequence[Row] | Key) -> Rows:
            turned = [stored(computed.key)] if isinstance(computed, Key) else computed
            if self.options.negatives:
                turned = [*turned, *(inverted(row, self.family) for row in turned)]
            return np.array(turned, self.family.dtype)

        return [
            computed if isinstance(computed, LookalikeError) else _or_refusal(rows, computed) for computed in signatures
        ]

    def _signatures(self, question: Question) -> Sequence[Row] | Key:
        if self.options.orientations:
            return turned_signatures(question, self.family, self.pictures)
        return question if isinstance(question, Key) else [signature(question, self.family, self.pictures)]


def signature(question: Given, family: Family, pictures: PictureSettings) -> Row:
    """Return the question's signature in this family. Raises PictureError, SignatureError."""
    if isinstance(question, Signature):
        return forms.parse(question.text, family, question.form)
    if isinstance(question, Signed):
        return question.orientations[0][family.name]
    if isinstance(question, BitHash):
        return family.of_bits(bits_of(question))
    return family.compute(compute.load(question, pictures))


def signatures_by_family(question: Given, families: Iterable[Family], pictures: PictureSettings) -> Mapping[str, Row]:
    """Return the question's signatures by family; those of a text or a hash in every family that it may be of.

    Raises PictureError, SignatureError.
    """
    if isinstance(question, Signature):
        text = question
        return _read(lambda kind: forms.parse(text.text, kind, text.form), families)
    if isinstance(question, Signed):
        return question.orientations[0]
    if isinstance(question, BitHash):
        bits = bits_of(question)
        return _read(lambda kind: kind.of_bits(bits), families)
    return compute.compute_signatures(compute.load(question, pictures), families)


def turned_signatures(question: Question, family: Family, pictures: PictureSettings) -> list[Row]:
    """Return the signatures of the question's 8 orientations, in the order of ORIENTATIONS.

    Raises PictureError, or QueryError where there is no picture to turn.
    """
    if isinstance(question, Key | Signature | BitHash):
        raise QueryError("orientations are computed from a picture: give the image, not its key or signature")
    if isinstance(question, Signed):
        if len(question.orientations) != len(ORIENTATIONS):
            raise QueryError(
                "this picture has signatures of one orientation only: compute those of all 8 to search them"
            )
        return [rows[family.name] for rows in question.orientations]
    return [family.compute(picture) for picture in compute.load(question, pictures).orientations()]


def inverted(row: Row, family: Family) -> Row:
    """Return the signature of the picture's negative. Raises QueryError where it does not follow from the signature."""
    negative = family.invert(row)
    if negative is None:
        raise QueryError(f"family {family.name} cannot find negatives; goldberg can")
    return negative


def bits_of(question: BitHash) -> NDArray[np.bool_]:
    """Return the bits of a hash. Raises SignatureError where it has none."""
    bits = question.hash
    if not isinstance(bits, np.ndarray) or bits.dtype != np.bool_ or bits.ndim != 2:
        shown = f"{bits.dtype} of shape {bits.shape}" if isinstance(bits, np.ndarray) else type(bits).__name__
        raise SignatureError(
            f"the hash of {type(question).__name__} is {shown}: give one of bits, (height, width) of bool, such as"
            " ImageHash makes"
        )
    return bits


def _read(read: Callable[[Family], Row], families: Iterable[Family]) -> dict[str, Row]:
    """Return the signatures of the families that can read them. Raises SignatureError if none can."""
    rows: dict[str, Row] = {}
    refusals = []
    for family in families:
        try:
            rows[family.name] = read(family)
        except (SignatureError, QueryError) as error:
            refusals.append(str(error))
    if not rows:
        raise SignatureError("; ".join(refusals))
    return rows


def _or_refusal(work: Callable[[Work], Result], given: Work) -> Result | LookalikeError:
    """Return the result, or the error that says what is wrong with this question."""
    try:
        return work(given)
    except REFUSALS as error:
        return error
