"""Reading of documents: those that are written as usual by their bytes, all others by a JSON parser."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.interchange.documents import signatures
from lookalike.interchange.documents.cutting import cutter
from lookalike.interchange.documents.document import MARK, Action, Document, Fields, Page, envelope, read
from lookalike.interchange.documents.pages import Answer
from lookalike.interchange.documents.shapes import Shapes
from lookalike.interchange.documents.words import are_words
from lookalike.interchange.dump import Batch, Refused
from lookalike.interchange.lines import MAX_LINE
from lookalike.interchange.stored import RowUnfit
from shards.families import Rows, family
from shards.families.goldberg.planes import NOT_ANTISYMMETRIC, pack_each
from shards.table.format import strict_json
from shards.table.format.texts import Texts

FAMILY = "goldberg"

MARK_BYTES = MARK.encode()

Place: TypeAlias = int | str
"""Where a document is in its file: the number of its line, or more."""

NAMED = 8
"""Fields that a note names at most, and ten times as many are counted."""

_DELETE = "is a delete of a bulk request, and an import deletes nothing: 'lookalike remove' does"
_UPDATE = "is an update of a bulk request, a part of a document: export the documents themselves"
_NO_DOCUMENT = "is a line of a bulk request that no document follows"


class Reading:
    """What was read since the last batch, and what was noticed since the beginning."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._cut = cutter(fields.signature)
        self._shapes = Shapes(self._read_rest)
        self._row = 0
        self._action: tuple[Action, Place] | None = None
        self._values = 0
        self._unknown: Counter[str] = Counter()
        self._with_unknown = 0
        self._found: int | None = None
        self._hits = 0
        self._clear()

    def _clear(self) -> None:
        self._numbers: list[int] = []
        self._keys: list[bytes] = []
        self._meta: list[bytes] = []
        self._places: list[Place] = []
        self._signatures: list[Rows] = [np.zeros(0, family(FAMILY).dtype)]
        self._refused: list[tuple[int, Refused]] = []
        self._size = 0

    @property
    def rows(self) -> int:
        """The number of rows since the last batch."""
        return len(self._numbers) + len(self._refused)

    @property
    def size(self) -> int:
        """The bytes of keys and metadata since the last batch, of those that have metadata."""
        return self._size

    @property
    def taken(self) -> int:
        """The number of rows since the beginning."""
        return self._row

    def batch(self) -> Batch:
        """Return what was read since the last batch."""
        made = Batch(
            np.array(self._numbers, np.uint64),
            Texts.of(self._keys),
            {FAMILY: np.concatenate(self._signatures)},
            Texts.of(self._meta) if any(self._meta) else None,
            [refused for _, refused in sorted(self._refused, key=lambda entry: entry[0])],
        )
        self._clear()
        return made

    def expect(self, answer: Answer) -> None:
        """Note how many hits of a search were there, and how many it says that it found."""
        self._hits += answer.hits
        if answer.found is not None:
            self._found = max(self._found or 0, answer.found)

    def end(self) -> None:
        """Refuse what waits for another line."""
        if self._action is not None:
            self._refuse(self._action[1], _NO_DOCUMENT)
            self._action = None

    def notes(self) -> list[str]:
        """Return what people should know."""
        notes = []
        if self._found is not None and self._hits < self._found:
            notes.append(f"{self._hits:,} of {self._found:,}: the response holds fewer than it says")
        if self._values:
            notes.append(f"documents whose metadata is no object, and becomes their field metadata: {self._values:,}")
        if self._with_unknown:
            names = ", ".join(name[:40] for name, _ in self._unknown.most_common(NAMED))
            more = ", …" if len(self._unknown) > NAMED else ""
            notes.append(f"documents with fields that are not imported ({names}{more}): {self._with_unknown:,}")
        return notes

    def take(self, documents: Sequence[bytes], places: Sequence[Place]) -> None:
        """Read these documents. `places`: where each is in its file."""
        cuts = list(map(self._cut, documents))
        there = [part for part in cuts if part is not None]
        values, good = signatures.of_bytes([signature for signature, _, _ in there])
        good &= are_words([words for _, words, _ in there])
        usable = iter(good.tolist())
        begun = len(self._numbers)
        others: list[NDArray[np.int8]] = []
        order: list[int] = []
        at = -1
        for document, place, part in zip(documents, places, cuts, strict=True):
            if part is not None:
                at += 1
                if next(usable) and self._take_rest(part[2], place):
                    order.append(at)
                    continue
            for vector in self._read_whole(document, place):
                order.append(len(values) + len(others))
                others.append(vector)
        if others:
            values = np.concatenate([values, others])
        rows, of_pictures = pack_each(values if len(order) == len(values) and not others else values[order])
        self._signatures.append(rows)
        if not of_pictures.all():
            self._keep(begun, of_pictures)

    def _keep(self, begun: int, of_pictures: NDArray[np.bool_]) -> None:
        """Refuse those of the rows from `begun` on whose signatures no picture has."""
        for at in reversed((np.flatnonzero(~of_pictures) + begun).tolist()):
            reason = f"signature: {NOT_ANTISYMMETRIC}"
            self._refused.append((self._numbers[at], Refused(_said(self._places[at]), reason)))
            for column in (self._numbers, self._keys, self._meta, self._places):
                del column[at]

    def _take_rest(self, rest: bytes, place: Place) -> bool:
        """Take a document without signature and words; False where they were not where they belong."""
        key = self._shapes.key(rest) if self._action is None else None
        if key is not None:
            self._numbers.append(self._row)
            self._keys.append(key)
            self._meta.append(b"")
            self._places.append(place)
            self._row += 1
            return True
        found = self._read_rest(rest)
        if found is None:
            return False
        self._add(found, place)
        return True

    def _read_rest(self, rest: bytes) -> Document | None:
        """Read what is left of a document; None where signature and words were not where they belong."""
        if self._action is not None and self._action[0].name == "update":
            return None
        try:
            value = strict_json.loads(rest)
            if envelope(value) is not None:
                return None
            found = read(value, self._fields, self._outer_id())
        except (ValueError, RowUnfit, RecursionError):
            return None
        # a mark that is nowhere else is the name of a field beside the signature, if there were words
        if found.signature != MARK or (rest.count(MARK_BYTES) == 2 and found.source.get(MARK) != 0):
            return None
        return found

    def _outer_id(self) -> Any:
        """Return the `_id` of the line of a bulk request before this one; None where there was no such line."""
        return None if self._action is None else self._action[0].id or ""

    def _read_whole(self, document: bytes, place: Place) -> Iterator[NDArray[np.int8]]:
        """Read a document, an answer of a search or a line of a bulk request; yield the values of all that is taken."""
        if len(document) > MAX_LINE:
            self._refuse(place, f"has more than {MAX_LINE:,} bytes")
            return
        try:
            value = strict_json.loads(document)
        except ValueError as error:
            self._refuse(place, f"is no JSON: {error}")
            return
        wrapped = envelope(value)
        if isinstance(wrapped, Page):
            self.expect(Answer(wrapped.found, hits=len(wrapped.hits)))
            for number, hit in enumerate(wrapped.hits, 1):
                yield from self._read_value(hit, f"{_said(place)}, hit {number:,}")
        elif isinstance(wrapped, Action):
            self.end()
            if wrapped.name == "delete":
                self._refuse(place, _DELETE)
            else:
                self._action = wrapped, place
        elif self._action is not None and self._action[0].name == "update":
            self._action = None
            self._refuse(place, _UPDATE)
        else:
            yield from self._read_value(value, place)

    def _read_value(self, value: Any, place: Place) -> Iterator[NDArray[np.int8]]:
        try:
            found = read(value, self._fields, self._outer_id())
            vector = signatures.of_json(found.signature)
        except RowUnfit as error:
            self._refuse(place, str(error))
        except RecursionError:
            self._refuse(place, "is nested too deeply")
        else:
            self._add(found, place)
            yield vector
        self._action = None

    def _add(self, found: Document, place: Place) -> None:
        self._numbers.append(self._row)
        self._row += 1
        self._keys.append(found.key)
        self._meta.append(found.meta)
        self._size += len(found.key) + len(found.meta)
        self._places.append(place)
        self._values += found.has_value
        if found.unknown:
            self._with_unknown += 1
            if len(self._unknown) < 10 * NAMED:
                self._unknown.update(found.unknown[:NAMED])
        self._action = None

    def _refuse(self, place: Place, reason: str) -> None:
        self._refused.append((self._row, Refused(_said(place), reason)))
        self._row += 1


def _said(place: Place) -> str:
    return f"line {place}" if isinstance(place, int) else place
