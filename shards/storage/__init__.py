"""Object stores behind one small contract: memory, a local folder, and the clouds.

`base` holds the contract, `open_store` opens the store that a URL names. A backend's code is imported when its first
store is opened, so that a worker on a local folder never loads a cloud client.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from shards.errors import StorageError
from shards.storage.base import Data, Entry, Store

if TYPE_CHECKING:
    from shards.storage.bucket import Bucket

__all__ = ["Data", "Entry", "Store", "open_bucket", "open_store"]

KNOWN = "a folder, file://…, memory://name, s3://bucket/prefix, gs://bucket/prefix, az://container/prefix"

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?")


def open_store(url: str) -> Store:
    """Open the store at a path or URL. Opening neither creates nor contacts anything.

    `memory://name` is the same store throughout the process, `memory://` a fresh one; in a path `~` is the
    home folder. Raises StorageError for a URL of no known kind.
    """
    scheme, slashes = _scheme(url)
    if scheme == "":
        return _open_folder(url, url)
    if scheme == "memory" and slashes:
        from shards.storage.memory import MemoryStore, shared

        name = url[len("memory://") :]
        return shared(name) if name else MemoryStore()
    if scheme == "file" and slashes:
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
            raise StorageError(f"{url}: a file URL is file:///path, with % before any character that is special")
        return _open_folder(url, unquote(parts.path))
    if scheme in ("s3", "gs", "az") and slashes:
        from shards.storage.cloud import open_cloud

        return open_cloud(url)
    raise StorageError(f"{url}: no kind of store is called {scheme!r}; there are {KNOWN}")


def open_bucket(url: str) -> Bucket:
    """Open somebody else's `s3://bucket`, `gs://bucket` or `az://container` for reading. Raises StorageError."""
    from shards.storage.bucket import Bucket

    return Bucket(url)


def _scheme(url: str) -> tuple[str, bool]:
    """Return the scheme in lower case, or "" for a path, and whether `//` follows it.

    A colon without `//` belongs to a path, except after a known scheme: `s3:bucket` is no folder but a slip.
    """
    match = SCHEME.match(url)
    if match is None:
        return "", False
    scheme, slashes = match[1].lower(), match[2] is not None
    if slashes or scheme in ("memory", "file", "s3", "gs", "az"):
        return scheme, slashes
    return "", False


def _open_folder(url: str, path: str) -> Store:
    from shards.storage.local import LocalStore

    if not path or "\0" in path:
        raise StorageError(f"{url!r}: this is no path; a store is {KNOWN}")
    try:
        folder = Path(path).expanduser()
    except RuntimeError as error:
        raise StorageError(f"{url}: {error}; write the path out") from error
    return LocalStore(folder)
