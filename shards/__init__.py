"""lookalike: reverse image search that lives in your bucket.

>>> from shards import Index
>>> index = Index.create("memory://")
>>> index.count()
0
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shards.answers import Answer, Stored
    from shards.errors import (
        Conflict,
        CorruptObject,
        FormatUnsupported,
        IndexExists,
        IndexNotFound,
        KeyInvalid,
        KeyNotFound,
        LookalikeError,
        ObjectNotFound,
        PictureError,
        QueryError,
        SignatureError,
        StorageError,
        Undecided,
    )
    from shards.images import Picture, PictureSettings
    from shards.index import Index
    from shards.questions import Key, Signature, Signed
    from shards.search.duplicates import Copy, Duplicates, Group, Method
    from shards.search.search import Hit
    from shards.signing import Comparison, compare
    from shards.stats import Stats
    from shards.table.records import Record, Records
    from shards.table.snapshot import Image

__version__ = "0.1.0"

_HOMES = {
    "Answer": "shards.answers",
    "Comparison": "shards.signing",
    "Conflict": "shards.errors",
    "Copy": "shards.search.duplicates",
    "CorruptObject": "shards.errors",
    "Duplicates": "shards.search.duplicates",
    "FormatUnsupported": "shards.errors",
    "Group": "shards.search.duplicates",
    "Hit": "shards.search.search",
    "Image": "shards.table.snapshot",
    "Index": "shards.index",
    "IndexExists": "shards.errors",
    "IndexNotFound": "shards.errors",
    "Key": "shards.questions",
    "KeyInvalid": "shards.errors",
    "KeyNotFound": "shards.errors",
    "LookalikeError": "shards.errors",
    "Method": "shards.search.duplicates",
    "ObjectNotFound": "shards.errors",
    "Picture": "shards.images",
    "PictureError": "shards.errors",
    "PictureSettings": "shards.images",
    "QueryError": "shards.errors",
    "Record": "shards.table.records",
    "Records": "shards.table.records",
    "Signature": "shards.questions",
    "SignatureError": "shards.errors",
    "Signed": "shards.questions",
    "Stats": "shards.stats",
    "StorageError": "shards.errors",
    "Stored": "shards.answers",
    "Undecided": "shards.errors",
    "compare": "shards.signing",
}

__all__ = [
    "Answer",
    "Comparison",
    "Conflict",
    "Copy",
    "CorruptObject",
    "Duplicates",
    "FormatUnsupported",
    "Group",
    "Hit",
    "Image",
    "Index",
    "IndexExists",
    "IndexNotFound",
    "Key",
    "KeyInvalid",
    "KeyNotFound",
    "LookalikeError",
    "Method",
    "ObjectNotFound",
    "Picture",
    "PictureError",
    "PictureSettings",
    "QueryError",
    "Record",
    "Records",
    "Signature",
    "SignatureError",
    "Signed",
    "Stats",
    "StorageError",
    "Stored",
    "Undecided",
    "compare",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is: a command's help, or a worker that scans, needs little of all this."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
