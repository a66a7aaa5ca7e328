"""Questions that a user can ask, and the signatures by which they are answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lookalike.options import SearchOptions
from lookalike.signatures import compute
from lookalike.signatures.computed import Signed
from shards.errors import KeyInvalid, KeyNotFound, LookalikeError, PictureError, QueryError, SignatureError
from shards.families import Family, Row, Rows
from shards.families.hashes import forms
from shards.families.rates import RateTable
from shards.families.structure import flat_backgrounds
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

Stored: TypeAlias = Callable[[str], Signed]
"""Returns the question for the image with a key. Raises KeyNotFound."""

NEGATIVE = ", negative"
"""End of a variant's name."""

REFUSALS = (PictureError, SignatureError, QueryError, KeyNotFound, KeyInvalid)
"""Errors of one question, as opposed to those of the index or of all questions."""

Work = TypeVar("Work")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to one family."""

    rows: Rows
    """(n,) of the family's `question_dtype`."""

    variants: tuple[str, ...]
    """For each row the orientation of the picture that it asks for, such as "rotated 90", or its negative."""

    flat: NDArray[np.bool_]
    """(n,) bool: rows of a picture that is flat, as it shows over one of its backgrounds."""


@dataclass(frozen=True, slots=True)
class Questions:
    """One question to each family that can be asked it."""

    by_family: Mapping[str, Asked]

    sha256: str = ""
    """Hex digits of the SHA-256 of the picture's file; empty where it is unknown."""

    key: str = ""
    """The key of the image of the index that it is; empty where it is none."""


@dataclass(frozen=True, slots=True)
class Asking:
    """The way in which questions are put to families of an index. Raises QueryError for what they cannot be asked."""

    families: tuple[Family, ...]
    """One or several. Where there are several, a question is put to each that can be asked it."""

    pictures: PictureSettings
    """Settings by which images are decoded."""

    options: SearchOptions = field(default_factory=SearchOptions)

    rates: Mapping[str, RateTable] = field(default_factory=dict)
    """False rates measured in this index, by family; of others those that the family has everywhere."""

    def __post_init__(self) -> None:
        self.options.check(self.families)

    def query(self, questions: Sequence[Questions]) -> Query:
        """Return the query that asks these questions."""
        parts = tuple(
            self._part(kind, [question.by_family.get(kind.name) for question in questions]) for kind in self.families
        )
        digests = tuple(question.sha256 for question in questions)
        keys = tuple(question.key.encode() for question in questions)
        return Query(parts, self.options.limit, Filter.of(self.options.where), self.options.after, digests, keys)

    def _part(self, family: Family, questions: Sequence[Asked | None]) -> Part:
        nothing = Asked(np.empty(0, family.question_dtype), (), np.empty(0, bool))
        asked = [nothing if question is None else question for question in questions]
        return Part(
            family,
            tuple(question.rows for question in asked),
            self.options.threshold(family),
            tuple(question.variants for question in asked),
            tuple(question.flat for question in asked),
            self.rates.get(family.name),
        )

    def signed(self, questions: Sequence[Question]) -> list[Signed | Key | LookalikeError]:
        """Return each question with its signatures; a key as it is, since only a snapshot knows its image.

        A question that cannot be asked has its error in its place. Pictures are decoded here, once, however often the
        index has to be read.
        """
        return [_or_refusal(self._signed, question) for question in questions]

    def sign(self, question: Question, stored: Stored) -> Signed:
        """Return the question with its signatures, to be asked again and again. Raises what is wrong with it."""
        signed = self._signed(question)
        return stored(signed.key) if isinstance(signed, Key) else signed

    def rows(self, signed: Sequence[Signed | Key | LookalikeError], stored: Stored) -> list[Questions | LookalikeError]:
        """Return the rows of each question that `signed` gave, with errors in their places."""

        def rows(question: Signed | Key) -> Questions:
            return self._questions(stored(question.key) if isinstance(question, Key) else question)

        return [
            question if isinstance(question, LookalikeError) else _or_refusal(rows, question) for question in signed
        ]

    def _signed(self, question: Question) -> Signed | Key:
        if self.options.orientations:
            _check_turned(question)
        return question if isinstance(question, Key) else sign(question, self.families, self.pictures, self.options)

    def _questions(self, signed: Signed) -> Questions:
        by_name = {kind.name: kind for kind in self.families if kind.name in signed.orientations[0]}
        as_is = {name: compute.question_rows(kind, signed.orientations[0][name]) for name, kind in by_name.items()}
        flat = flat_backgrounds(self.families, as_is, 2 if signed.over_black else 1)
        asked = {name: self._asked(kind, signed, flat) for name, kind in by_name.items()}
        if self.options.negatives and not any(
            variant.endswith(NEGATIVE) for one in asked.values() for variant in one.variants
        ):
            raise QueryError(f"{_listed(self.families)} cannot find negatives; goldberg can")
        return Questions(asked, signed.sha256.hex(), signed.key)

    def _asked(self, family: Family, signed: Signed, flat_backgrounds: NDArray[np.bool_]) -> Asked:
        turned = signed.orientations[: len(ORIENTATIONS) if self.options.orientations else 1]
        rows, variants, flat = list[Rows](), list[str](), list[bool]()
        for variant, by_family in zip(ORIENTATIONS, turned, strict=False):
            if family.name in by_family:
                asked = compute.question_rows(family, by_family[family.name])
                rows.append(asked)
                variants += [variant] * len(asked)
                # as many rows over each background
                flat += np.repeat(flat_backgrounds, len(asked) // len(flat_backgrounds)).tolist()
        if self.options.negatives:
            for asked, variant, is_flat in zip(np.concatenate(rows), tuple(variants), tuple(flat), strict=True):
                negative = family.invert(asked)
                if negative is not None:
                    rows.append(np.array([negative], family.question_dtype))
                    variants.append(variant + NEGATIVE)
                    flat.append(is_flat)
        every = np.concatenate(rows)
        if self.options.as_original or signed.is_text:
            every = family.as_original(every)
        if self.options.min_share is not None:
            every = family.with_min_share(every, self.options.min_share)
        return Asked(every, tuple(variants), family.is_flat(every) | np.array(flat, bool))


def sign(
    question: Given, families: Sequence[Family], pictures: PictureSettings, options: SearchOptions | None = None
) -> Signed:
    """Return the question's signatures; those of a text or a hash in every family that it may be of.

    Raises PictureError, SignatureError.
    """
    if isinstance(question, Signed):
        stored = {name: row for name, row in question.orientations[0].items() if isinstance(row, np.void)}
        return replace(question, rows=stored | question.rows)
    if isinstance(question, Signature):
        text = question
        return _of_text(_read(lambda kind: forms.parse(text.text, kind, text.form), families))
    if isinstance(question, BitHash):
        bits = bits_of(question)
        return _of_text(_read(lambda kind: kind.of_bits(bits), families))
    orientations = options is not None and options.orientations
    picture, digest = compute.load_known(question, pictures)
    return compute.compute_question(picture, families, orientations=orientations, digest=digest)


def _of_text(rows: Mapping[str, Row]) -> Signed:
    """Return the question for an image of which these signatures were given."""
    return Signed((rows,), dict(rows), is_text=True)


def _check_turned(question: Question) -> None:
    """Raise QueryError where there is no picture to turn."""
    if isinstance(question, Key | Signature | BitHash):
        raise QueryError("orientations are computed from a picture: give the image, not its key or signature")
    if isinstance(question, Signed) and len(question.orientations) != len(ORIENTATIONS):
        raise QueryError("this picture has signatures of one orientation only: compute those of all 8 to search them")


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
    refusals = list[SignatureError | QueryError]()
    for family in families:
        try:
            rows[family.name] = read(family)
        except (SignatureError, QueryError) as error:
            refusals.append(error)
    if len(refusals) == 1 and not rows:
        raise refusals[0]
    if not rows:
        raise SignatureError("; ".join(map(str, refusals)))
    return rows


def _listed(families: Sequence[Family]) -> str:
    """Return what to call these families in a message."""
    names = [family.name for family in families]
    return f"family {names[0]}" if len(names) == 1 else f"families {', '.join(names)}"


def _or_refusal(work: Callable[[Work], Result], given: Work) -> Result | LookalikeError:
    """Return the result, or the error that says what is wrong with this question."""
    try:
        return work(given)
    except REFUSALS as error:
        return error
