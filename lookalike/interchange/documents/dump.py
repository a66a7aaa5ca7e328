"""Documents with image-match's signatures as a dump: from lines, arrays, bulk requests and answers of searches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, ClassVar, Self

from lookalike.interchange import json_stream, lines
from lookalike.interchange.documents import kinds
from lookalike.interchange.documents.document import SIGNATURE, Fields
from lookalike.interchange.documents.pages import Answer, hits
from lookalike.interchange.documents.reading import FAMILY, Place, Reading
from lookalike.interchange.dump import Batch, Dump
from lookalike.interchange.file import DAMAGED, DumpFile
from lookalike.interchange.options import DumpOptions
from shards.errors import DumpUnreadable

ROWS = 1 << 14
"""Rows of a batch, 2 MB of signatures."""

BYTES = 1 << 24
"""Bytes of keys and metadata of a batch."""

TOGETHER = 256
"""Documents of a stream that are read together."""

TOO_LONG = b" " * (lines.MAX_LINE + 1)
"""Stands for a document that is too long to be held."""


class DocumentsDump(Dump):
    """A file with documents of image-match or Match."""

    kind: ClassVar[str] = "image-match"

    def __init__(self, file: DumpFile, fields: Fields) -> None:
        super().__init__()
        self.families = (FAMILY,)
        self.size = file.packed_size
        self._file = file
        self._fields = fields

    @classmethod
    def recognises(cls, file: DumpFile) -> bool:
        """Return whether this file holds documents with signatures, or is what `mongodump` wrote."""
        return kinds.is_bson(file.head) or kinds.has_signatures(file.head)

    @classmethod
    def open(cls, file: DumpFile, options: DumpOptions) -> Self:
        """Return the dump in this file. Raises DumpUnreadable."""
        if options.family not in (None, FAMILY):
            raise DumpUnreadable(f"{file.name}: image-match's signatures are of family {FAMILY}, not {options.family}")
        for option in ("table", "columns", "null", "hash_form"):
            if getattr(options, option) is not None:
                name = option.replace("_", "-")
                raise DumpUnreadable(f"{file.name}: documents of image-match have no --{name}: leave it out")
        fields = Fields(options.key, options.hash or SIGNATURE)
        kinds.check(file.name, file.head, fields.signature, fields.key)
        return cls(file, fields)

    def batches(self) -> Iterator[Batch]:
        """Yield the documents, in their order."""
        reading = Reading(self._fields)
        arranged = kinds.arrangement(self._file.head)
        with self._file.open() as content:
            try:
                for texts, places in (_lines if arranged == "lines" else self._stream)(content, reading):
                    reading.take(texts, places)
                    if reading.rows >= ROWS or reading.size >= BYTES:
                        yield reading.batch()
                    self.done = self._file.position(content)
            except DAMAGED as error:
                self.faults.append(f"the file is damaged or ends early: {error}")
        reading.end()
        yield reading.batch()
        self.notes += reading.notes()

    def _stream(self, content: IO[bytes], reading: Reading) -> Iterator[tuple[list[bytes], list[Place]]]:
        """Yield documents wherever they are in values that are too long to be held."""
        stream = json_stream.JsonStream(content)
        texts: list[bytes] = []
        places: list[Place] = []
        number = size = 0
        try:
            for line in _values(stream, reading):
                text = stream.value()
                number += 1
                place = f"line {line}, document {number:,}"
                if text is None:
                    stream.skip()
                    text = TOO_LONG
                texts.append(text)
                places.append(place)
                size += len(text)
                if len(texts) == TOGETHER or size > lines.MAX_LINE:
                    yield texts, places
                    texts, places, size = [], [], 0
        except json_stream.Malformed as error:
            self.faults.append(f"{error}: what follows was not read")
        except DAMAGED as error:
            self.faults.append(f"the file is damaged or ends early: {error}")
        yield texts, places


def _lines(content: IO[bytes], reading: Reading) -> Iterator[tuple[list[bytes], list[Place]]]:
    """Yield documents that are lines, without the blank ones."""
    del reading
    for first, block in lines.blocks(content):
        if first == 1:
            block[0] = block[0].removeprefix(kinds.BYTE_ORDER_MARK)
        places: list[Place] = list(range(first, first + len(block)))
        if any(not text or text.isspace() for text in block):
            kept = [(text, place) for text, place in zip(block, places, strict=True) if text and not text.isspace()]
            block, places = [text for text, _ in kept], [place for _, place in kept]
        yield block, places


def _values(stream: json_stream.JsonStream, reading: Reading) -> Iterator[int]:
    """Yield the line of each document, at which the stream then stands: in arrays, in answers, or by themselves."""
    while first := stream.peek():
        if first == b"[":
            yield from stream.elements()
        elif first != b"{" or stream.fits():
            yield stream.line
        else:
            answer = Answer()
            yield from hits(stream, answer)
            reading.expect(answer)
