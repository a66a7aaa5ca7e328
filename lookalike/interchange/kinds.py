"""The kinds of dumps, and which of them a file is."""

from __future__ import annotations

from typing import Protocol

from lookalike.interchange.documents import DocumentsDump
from lookalike.interchange.dump import Dump
from lookalike.interchange.file import DumpFile
from lookalike.interchange.hashes import HashesDump
from lookalike.interchange.iqdb import Iqdb
from lookalike.interchange.local_reverse_image_search import Lris
from lookalike.interchange.options import DumpOptions
from lookalike.interchange.own import OwnDump
from lookalike.interchange.postgres.dump import PostgresDump
from shards.errors import DumpUnreadable


class Kind(Protocol):
    """A class of dumps."""

    kind: str
    """What `--from` calls it."""

    def recognises(self, file: DumpFile) -> bool:
        """Return True if this file seems to be one, by its name and the first of its bytes."""
        ...

    def open(self, file: DumpFile, options: DumpOptions) -> Dump:
        """Open a file as one. Raises DumpUnreadable."""
        ...


KINDS: tuple[Kind, ...] = (OwnDump, Lris, Iqdb, PostgresDump, DocumentsDump, HashesDump)
"""All kinds; of several that recognise a file, the first opens it. Any text may be a list of hashes."""


def open_dump(file: DumpFile, options: DumpOptions, kind: str | None = None) -> Dump:
    """Open a file as what it is, or as a `kind`. Raises DumpUnreadable."""
    if kind is None and PostgresDump.has_rows_named(file, options):
        return PostgresDump.open(file, options)
    for each in KINDS:
        if each.kind == kind or (kind is None and each.recognises(file)):
            return each.open(file, options)
    what = "a folder" if file.path.is_dir() else f"begins with {file.head[:16]!r}" if file.head else "is empty"
    raise DumpUnreadable(
        f"{file.name} {what}: it is none of the dumps that can be told by themselves; say what it is with --from"
    )
