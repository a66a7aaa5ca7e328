"""What reads a list of hashes, by what the list is."""

from __future__ import annotations

from typing import ClassVar

from lookalike.interchange.dump import Dump
from lookalike.interchange.file import DumpFile
from lookalike.interchange.hashes import arrays, kinds, objects
from lookalike.interchange.hashes.array_list import ArrayList
from lookalike.interchange.hashes.object_list import ObjectList
from lookalike.interchange.hashes.table_list import TableList
from lookalike.interchange.options import DumpOptions
from shards.errors import DumpUnreadable


class HashesDump:
    """Lists of hashes of any kind."""

    kind: ClassVar[str] = "hashes"

    @classmethod
    def recognises(cls, file: DumpFile) -> bool:
        """Return whether this may be a list of hashes, or is something that is often taken for one."""
        return kinds.is_known(file) or file.head.startswith((arrays.NPY, arrays.ZIP)) or kinds.is_text(file.head)

    @classmethod
    def open(cls, file: DumpFile, options: DumpOptions) -> Dump:
        """Open a list, and choose its columns by its first rows. Raises DumpUnreadable."""
        if file.path.is_dir() or not file.head:
            raise DumpUnreadable(f"{file.name} is {'a folder' if file.path.is_dir() else 'empty'}, no list of hashes")
        if options.table is not None:
            raise DumpUnreadable(f"{file.name}: a list of hashes has no tables: leave --table out")
        kinds.refuse(file)
        if file.head.startswith(arrays.NPY):
            raise arrays.refuse_array(file)
        if file.head.startswith(arrays.ZIP):
            return ArrayList(file, options)
        if not kinds.is_text(file.head):
            raise DumpUnreadable(f"{file.name}: this is no text, and so no list of hashes")
        arranged = None if options.columns else objects.arrangement(file.head, options.hash)
        return TableList(file, options) if arranged is None else ObjectList(file, options, arranged)
