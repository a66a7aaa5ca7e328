"""lookalike: reverse image search that lives in your bucket.

>>> from shards import Index
>>> index = Index.create("memory://")
>>> index.count()
0
"""

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
from shards.index import Answer, Index, Key, Signature, Stats, Stored
from shards.search.duplicates import Copy, Duplicates, Group
from shards.search.scan import Hit
from shards.signing import Comparison, compare
from shards.table.records import Record, Records
from shards.table.snapshot import Image

__version__ = "0.1.0"

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
    "ObjectNotFound",
    "Picture",
    "PictureError",
    "PictureSettings",
    "QueryError",
    "Record",
    "Records",
    "Signature",
    "SignatureError",
    "Stats",
    "StorageError",
    "Stored",
    "Undecided",
    "compare",
]
