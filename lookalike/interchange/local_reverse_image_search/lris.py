"""The kind `lris`: the database `img.db` of local-reverse-image-search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lookalike.interchange.dump import Batch, Dump, Refused
from lookalike.interchange.file import DumpFile
from lookalike.interchange.local_reverse_image_search import hashes, params
from lookalike.interchange.options import DumpOptions
from lookalike.interchange.sqlite import MAGIC, Database, Scan, Table
from lookalike.interchange.sqlite.database import folded
from lookalike.interchange.sqlite.keys import keys_of, shown
from lookalike.interchange.sqlite.scan import DAMAGED, Row
from shards.errors import DumpUnreadable, QueryError
from shards.families import family
from shards.families.hashes import ImageHash
from shards.table.format.texts import Texts

IMAGE = "image"
COLUMNS = ("directory", "filename", "hash_hex")

DATABASE, PARAMS = "img.db", "params.json"

KEY = """CASE
WHEN substr(directory, -1) IN ('/', '\\') THEN directory || filename
WHEN directory GLOB '[A-Za-z]:*' OR substr(directory, 1, 2) = '\\\\' THEN directory || '\\' || filename
ELSE directory || '/' || filename END"""
"""SQL of a key: the path of the file, as the system of the database writes it, and as its `matches.csv` has it."""

ABOVE_THEIR_MEDIAN = ("phash", "whash", "whash_db4")
"""Kinds of hashes that set a bit for what is above the median, which is never more than half of all."""

PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
TREE = b"pybktree"


class Lris(Dump):
    """The table `image` of an `img.db`: `directory`, `filename`, `hash_hex`, `filesize`, `present`.

    Keys are directory/filename. The hash method and size are those of the `params.json` beside it, or `--family`, since
    the database does not say them. Rows that were not found at the last update, `present` = 0, are skipped.
    """

    kind = "lris"

    def __init__(self, size: int, scan: Scan, chosen: ImageHash, told_by: str) -> None:
        super().__init__()
        self.families = (chosen.name,)
        self.size: int = size
        self._scan = scan
        self._family = chosen
        self._told_by = told_by
        self._strange = 0

    @classmethod
    def recognises(cls, file: DumpFile) -> bool:
        """Return whether it is the database, its settings, or its tree."""
        head = file.head
        if head.startswith(MAGIC):
            # the schema stands at the beginning of the file. IQDB's may have any name
            return b"hash_hex" in head or (file.path.name.endswith(DATABASE) and b"avglf1" not in head)
        return _is_tree(file) or _are_params(file)

    @classmethod
    def open(cls, file: DumpFile, options: DumpOptions) -> Lris:
        """Open a database. Raises DumpUnreadable where it is none, or where nothing says what its hashes are."""
        if _is_tree(file):
            raise DumpUnreadable(
                f"{file.name}: is a pickle, which runs whatever is in it when it is read, so it is never unpickled;"
                f" give {DATABASE}, which has the same hashes"
            )
        if _are_params(file):
            raise DumpUnreadable(
                f"{file.name}: has the settings of local-reverse-image-search, not its hashes: give {DATABASE}, which"
                " lies in its db_dir; or do what the settings say with 'lookalike run'"
            )
        if options.key is not None:
            raise DumpUnreadable(f"{file.name}: keys are directory/filename: leave --key out")
        options.check(file.name, "a database of local-reverse-image-search", "family", "table")
        database = Database(file)
        table = _table(database, options.table)
        chosen, told_by = _family(file, options.family)
        present = [column for column in ("present",) if column in table.columns]
        scan = Scan(database, table, [KEY, "hash_hex", *present])
        return cls(file.packed_size, scan, chosen, told_by)

    def batches(self) -> Iterator[Batch]:
        """Yield the images in the order in which they are stored."""
        sizes: Counter[int] = Counter()
        number = 0
        for rows in self._scan.read():
            self.done = int(self.size * self._scan.share)
            sizes.update(len(row[2]) for row in rows if isinstance(row[2], bytes))
            yield self._batch(rows, number)
            number += len(rows)
        lost = [Refused(f"image {shown(key)}", DAMAGED) for key in self._scan.lost(KEY)]
        if lost:
            none = np.zeros(0, self._family.dtype)
            yield Batch(np.zeros(0, np.uint64), Texts.of([]), {self._family.name: none}, refused=lost)
        self.faults += self._scan.faults
        if number:
            self.notes.append(
                "which method made a hash cannot be seen from the file: all are taken for"
                f" {self._family.name}, as {self._told_by} says"
            )
        if self._strange:
            self.notes.append(
                f"{self._strange:,} of these hashes have more than half of their bits set, which no {self._family.name}"
                " has: they were made by another method"
            )
        if not number and not self.faults:
            self.notes.append("there are no rows in it")
        digits = hashes.digits_of(self._family)
        others = ", ".join(f"{count:,} of {size} digits" for size, count in sorted(sizes.items()) if size != digits)
        if others:
            self.notes.append(
                f"a {self._family.name} has {digits} digits, and there are others: {others}. Hashes of"
                " another size go into an index of their own, with --family"
            )

    def _batch(self, rows: list[Row], first: int) -> Batch:
        _, keys, column, *present = zip(*rows, strict=True)
        texts, unusable = keys_of(keys, "directory or filename")
        signatures, wrong = hashes.of_column(column, self._family)
        if self._family.kind in ABOVE_THEIR_MEDIAN:
            self._strange += int(np.count_nonzero(self._family.count_ones(signatures) > self._family.bits // 2))
        wrong = {**wrong, **unusable}
        absent = {row for row, value in enumerate(present[0]) if value == 0} if present else set()
        refused = [
            Refused(f"row {rows[row][0]}" if keys[row] is None else f"image {shown(keys[row])}", reason)
            for row, reason in sorted(wrong.items())
            if row not in absent
        ]
        numbers = np.arange(first, first + len(rows), dtype=np.uint64)
        if wrong or absent:
            good = np.setdiff1d(np.arange(len(rows)), [*wrong, *absent])
            numbers, texts, signatures = numbers[good], texts.take(good), signatures[good]
        return Batch(numbers, texts, {self._family.name: signatures}, refused=refused, skipped=len(absent))


def _is_tree(file: DumpFile) -> bool:
    return file.head.startswith(PICKLES) and (TREE in file.head or file.path.name == "bk_tree.pkl")


def _are_params(file: DumpFile) -> bool:
    head = file.head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return head.startswith(b"{") and all(name in head for name in (b'"db_dir"', b'"img_dirs"'))


def _table(database: Database, wanted: str | None) -> Table:
    tables = database.tables()
    table = tables.get(folded(wanted or IMAGE))
    missing = COLUMNS if table is None else [column for column in COLUMNS if column not in table.columns]
    if table is None or missing:
        raise DumpUnreadable(
            f"{database.name}: has no table {wanted or IMAGE} with the columns {', '.join(missing)}, so it is no"
            f" {DATABASE} of local-reverse-image-search; the tables are: {', '.join(sorted(tables)) or 'none'}"
        )
    return table


def _family(file: DumpFile, wanted: str | None) -> tuple[ImageHash, str]:
    """Return the family of the hashes, and what says so. Raises DumpUnreadable."""
    usual = ", ".join(params.METHODS.values())
    if wanted is not None:
        try:
            chosen = family(wanted)
        except QueryError as error:
            raise DumpUnreadable(f"{file.name}: --family {wanted}: {error}") from error
        if not isinstance(chosen, ImageHash) or chosen.kind not in params.METHODS.values():
            raise DumpUnreadable(
                f"{file.name}: local-reverse-image-search makes no {wanted}, but {usual}, and sizes as in dhash16"
            )
        return chosen, "--family"
    beside = _params_beside(file.path)
    if beside is None:
        raise DumpUnreadable(
            f"{file.name}: the database does not say which hash method and size it was made with, and there is no"
            f" {PARAMS} beside it: give --family with one of {usual}, or with a size, such as dhash16"
        )
    try:
        return params.family_in(beside, params.read_document(beside)), beside.name
    except DumpUnreadable as error:
        raise DumpUnreadable(f"{error}; or give --family") from error


def _params_beside(database: Path) -> Path | None:
    """Return the settings that belong to a database: `a.params.json` to `a.img.db`, else `params.json`."""
    own = database.name.removesuffix(".gz")
    names = [own.removesuffix(DATABASE) + PARAMS] if own.endswith(DATABASE) else []
    paths = (database.with_name(name) for name in dict.fromkeys([*names, PARAMS]))
    return next((path for path in paths if path.is_file()), None)
