"""Lists of hashes in JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lookalike.interchange import json_stream
from lookalike.interchange.dump import Batch
from lookalike.interchange.file import DAMAGED, DumpFile
from lookalike.interchange.hashes import objects
from lookalike.interchange.hashes.hash_list import SAMPLE, HashList
from lookalike.interchange.hashes.roles import choose
from lookalike.interchange.hashes.rows import Columns, RowMaker, text_of
from lookalike.interchange.options import DumpOptions
from lookalike.interchange.stored import RowUnfit, meta_of
from shards.errors import DumpUnreadable

TOGETHER = 1 << 13
"""Objects that are read together."""

META = ("meta", "metadata")
"""Fields of objects whose own fields are metadata."""

IMAGEDEDUP = (
    "an object of names and hashes may be imagededup's encodings. Its hashes are not those that lookalike computes of "
    "the same pictures: its phash differs in nearly every picture, by a bit or two in most; the others differ in some"
)


class ObjectList(HashList):
    """A list in JSON."""

    def __init__(self, file: DumpFile, options: DumpOptions, arrangement: objects.Arrangement) -> None:
        super().__init__(file, options)
        self._objects = objects.Objects(file, arrangement)
        seen: list[objects.Row] = []
        with file.open() as content:
            try:
                seen += objects.gathered(self._objects.rows(content), SAMPLE)
            except json_stream.Malformed as error:
                raise DumpUnreadable(f"{file.name}: this is no JSON with hashes: {error}") from None
            except DAMAGED:
                # met again when the rows before it are imported
                if not seen:
                    raise
        read = [row.content for row in seen]
        sample = [row for row in read if not isinstance(row, RowUnfit)]
        names = list(dict.fromkeys(name for row in sample for name in row if name not in META))
        columns = {name: [_shown(row.get(name)) for row in sample] for name in names}
        known = {name: [text for text in texts if text and text != options.null] for name, texts in columns.items()}
        self._roles = choose(names, known, options, file.name)
        self._take(self._roles)
        if self._roles.key is None:
            raise DumpUnreadable(f"{file.name}: nothing names the pictures: choose a field with --key")
        if arrangement == "map":
            self.notes.append(IMAGEDEDUP)

    def batches(self) -> Iterator[Batch]:
        """Yield the rows of the list."""
        maker = RowMaker(self._roles, self._objects.place)
        with self._file.open() as content:
            rows = self._objects.rows(content)
            is_over = False
            while not is_over:
                taken: list[objects.Row] = []
                try:
                    taken += objects.gathered(rows, TOGETHER)
                    is_over = not taken
                except json_stream.Malformed as error:
                    self.faults.append(f"{error}: what follows was not read")
                    is_over = True
                except DAMAGED as error:
                    self.faults.append(f"the file is damaged or ends early: {error}")
                    is_over = True
                yield maker.batch(self._columns(taken))
                self.done = self._file.position(content)
        self._finish(maker)

    def _columns(self, rows: Sequence[objects.Row]) -> Columns:
        roles, null = self._roles, self._options.null
        numbers: list[int] = []
        refused: list[tuple[int, str]] = []
        keys: list[str | None] = []
        hashes: dict[str, list[str | None]] = {name: [] for name in roles.hashes}
        quality: list[str | None] = []
        meta: list[bytes | RowUnfit] = []
        used = {*roles.hashes, roles.key, roles.quality}
        for entry in rows:
            number, row = entry.number, entry.content
            try:
                if isinstance(row, RowUnfit):
                    raise row
                missing = next((name for name in roles.hashes if name not in row), None)
                if missing is not None:
                    raise RowUnfit(f"has no {missing}")
                texts = {name: text_of(row[name]) for name in roles.hashes}
                key = text_of(row.get(roles.key or ""))
                level = text_of(row.get(roles.quality)) if roles.quality else None
                stored = _meta(row, used, null)
            except RowUnfit as error:
                refused.append((number, str(error)))
                continue
            numbers.append(number)
            keys.append(key)
            for name, text in texts.items():
                hashes[name].append(None if text is not None and text == null else text)
            quality.append(level)
            meta.append(stored)
        return Columns(numbers, keys, hashes, quality if roles.quality else None, meta, refused)


def _shown(value: Any) -> str:
    try:
        return text_of(value) or ""
    except RowUnfit:
        return ""


def _meta(row: Any, used: set[str | None], null: str | None) -> bytes:
    meta: dict[str, Any] = {}
    for name, value in row.items():
        if name in used or value is None or value == null:
            continue
        if name in META and isinstance(value, dict):
            meta |= value
        else:
            meta[name] = value
    return meta_of(meta) if meta else b""
