"""lookalike: reverse image search that lives in your bucket.

>>> from lookalike import Index
>>> index = Index.create("memory://")
>>> index.count()
0
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lookalike.answers import Answer, Stored
    from lookalike.duplicates.find import Copy, Duplicates, Group, Method
    from lookalike.hashes import Hash, ahash, dhash, dhash_vertical, phash, whash
    from lookalike.index import Index
    from lookalike.options import SearchOptions
    from lookalike.questions import Key, Signature
    from lookalike.signatures.comparing import Comparison, compare
    from lookalike.signatures.computed import Signed
    from lookalike.stats import Stats
    from shards.errors import (
        Conflict,
        CorruptObject,
        DumpUnreadable,
        FormatUnsupported,
        IndexExists,
        IndexNotFound,
        IndexReplaced,
        KeyInvalid,
        KeyNotFound,
        LookalikeError,
        ObjectNotFound,
        PictureError,
        PoolBusy,
        QueryError,
        SignatureError,
        StorageError,
        StoreUnfit,
        Undecided,
        WorkerNotStarted,
    )
    from shards.pictures.decoding import Picture, PictureSettings
    from shards.search.cursor import Cursor
    from shards.search.hits import Hit
    from shards.table.format.records import Record, Records
    from shards.table.read.snapshot import Image
    from shards.table.write.bulk import Written

__version__ = "0.1.0"

_HOMES = {
    "Answer": "lookalike.answers",
    "Comparison": "lookalike.signatures.comparing",
    "Conflict": "shards.errors",
    "Copy": "lookalike.duplicates.find",
    "CorruptObject": "shards.errors",
    "Cursor": "shards.search.cursor",
    "DumpUnreadable": "shards.errors",
    "Duplicates": "lookalike.duplicates.find",
    "FormatUnsupported": "shards.errors",
    "Group": "lookalike.duplicates.find",
    "Hash": "lookalike.hashes",
    "Hit": "shards.search.search",
    "Image": "shards.table.read.snapshot",
    "Index": "lookalike.index",
    "IndexExists": "shards.errors",
    "IndexNotFound": "shards.errors",
    "IndexReplaced": "shards.errors",
    "Key": "lookalike.questions",
    "KeyInvalid": "shards.errors",
    "KeyNotFound": "shards.errors",
    "LookalikeError": "shards.errors",
    "Method": "lookalike.duplicates.find",
    "ObjectNotFound": "shards.errors",
    "Picture": "shards.pictures.decoding",
    "PictureError": "shards.errors",
    "PictureSettings": "shards.pictures.decoding",
    "PoolBusy": "shards.errors",
    "QueryError": "shards.errors",
    "Record": "shards.table.format.records",
    "Records": "shards.table.format.records",
    "SearchOptions": "lookalike.options",
    "Signature": "lookalike.questions",
    "SignatureError": "shards.errors",
    "Signed": "lookalike.signatures.computed",
    "Stats": "lookalike.stats",
    "StorageError": "shards.errors",
    "StoreUnfit": "shards.errors",
    "Stored": "lookalike.answers",
    "Undecided": "shards.errors",
    "WorkerNotStarted": "shards.errors",
    "Written": "shards.table.write.bulk",
    "ahash": "lookalike.hashes",
    "compare": "lookalike.signatures.comparing",
    "dhash": "lookalike.hashes",
    "dhash_vertical": "lookalike.hashes",
    "phash": "lookalike.hashes",
    "whash": "lookalike.hashes",
}

__all__ = [
    "Answer",
    "Comparison",
    "Conflict",
    "Copy",
    "CorruptObject",
    "Cursor",
    "DumpUnreadable",
    "Duplicates",
    "FormatUnsupported",
    "Group",
    "Hash",
    "Hit",
    "Image",
    "Index",
    "IndexExists",
    "IndexNotFound",
    "IndexReplaced",
    "Key",
    "KeyInvalid",
    "KeyNotFound",
    "LookalikeError",
    "Method",
    "ObjectNotFound",
    "Picture",
    "PictureError",
    "PictureSettings",
    "PoolBusy",
    "QueryError",
    "Record",
    "Records",
    "SearchOptions",
    "Signature",
    "SignatureError",
    "Signed",
    "Stats",
    "StorageError",
    "StoreUnfit",
    "Stored",
    "Undecided",
    "WorkerNotStarted",
    "Written",
    "ahash",
    "compare",
    "dhash",
    "dhash_vertical",
    "phash",
    "whash",
]


def __dir__() -> list[str]:
    """Return the public names, those that are not imported yet included."""
    return [*__all__, "__version__"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that a command's help needs neither numpy nor Pillow."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
