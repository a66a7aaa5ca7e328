"""The kind `iqdb`: whichever of IQDB's files it is."""

from __future__ import annotations

from collections.abc import Iterator

from lookalike.interchange.dump import Batch, Dump
from lookalike.interchange.file import DumpFile
from lookalike.interchange.iqdb import old_file, table
from lookalike.interchange.options import DumpOptions
from lookalike.interchange.sqlite import MAGIC
from shards.errors import DumpUnreadable

ENDINGS = (".sqlite", ".sqlite3", ".db")
"""Ends of names of databases: a file with one is said to be none, where it is none."""


class Iqdb(Dump):
    """A database of IQDB.

    In SQLite: the table `images` of danbooru's, evazion's and e621's fork, of iqdb-rs, which has no `post_id`, and of
    Varunda's, whose `post_id` is text beside an `md5`. Keys are what IQDB answers with: the `post_id` where there is
    one, else the `id`. Or the one file of IQDB 0.9.
    """

    kind = "iqdb"
    families = ("haar",)

    def __init__(self, reader: table.ImagesTable | old_file.OldFile, size: int) -> None:
        """`size`: bytes of the file."""
        super().__init__()
        self._reader = reader
        self.size: int = size

    @classmethod
    def recognises(cls, file: DumpFile) -> bool:
        """Return whether it is an SQLite database, IQDB's old file, or has the name of a database."""
        if file.path.is_dir():
            return False
        return file.head.startswith(MAGIC) or old_file.is_one(file.head) or file.path.name.endswith(ENDINGS)

    @classmethod
    def open(cls, file: DumpFile, options: DumpOptions) -> Iqdb:
        """Open a database. Raises DumpUnreadable where it is none, or has no table of images."""
        if options.family not in (None, "haar"):
            raise DumpUnreadable(
                f"{file.name}: IQDB's signatures are of family haar, not {options.family}: leave --family out"
            )
        if not file.path.is_dir() and old_file.is_one(file.head):
            options.check(file.name, "the file of IQDB 0.9", "family")
            return cls(old_file.OldFile(file), file.packed_size)
        options.check(file.name, "a database of IQDB", "family", "table", "key")
        return cls(table.ImagesTable(file, options), file.packed_size)

    def batches(self) -> Iterator[Batch]:
        """Yield the images in the order in which they are stored."""
        images = 0
        for batch in self._reader.batches():
            images += len(batch.numbers) + len(batch.refused)
            self.done = int(self.size * self._reader.share)
            yield batch
        self.faults += self._reader.faults
        self.notes += self._reader.notes
        if not images and not self.faults:
            self.notes.append("there are no rows in it")
