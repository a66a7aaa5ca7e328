"""Buckets of other people, to read images from. Names may be any that the store allows."""

from __future__ import annotations

from collections.abc import Iterator

import obstore

from shards.errors import ObjectNotFound, StorageError
from shards.storage._cloud_errors import translate
from shards.storage.base import Entry, check_size
from shards.storage.cloud import CLIENT_ERRORS, PAGE, connect


class Bucket:
    """The objects of one bucket, by their full names: spaces, umlauts and all.

    Names with a line break, an empty part, or a part `.` or `..` cannot be asked for: the client refuses them.
    """

    def __init__(self, url: str) -> None:
        self.url, self._client, _ = connect(url)

    def list(self, folder: str = "") -> Iterator[Entry]:
        """List the objects below this folder, in the store's own order."""
        try:
            for page in obstore.list(self._client, folder or None, chunk_size=PAGE):
                for listed in page:
                    yield Entry(listed["path"], listed["size"], listed["last_modified"].timestamp())
        except CLIENT_ERRORS as error:
            raise self._error(error, "list", folder or "the objects") from error

    def get(self, name: str, max_bytes: int | None = None) -> bytes:
        """Return the whole object. Raises ObjectNotFound, and CorruptObject where it has more than `max_bytes`."""
        try:
            answer = obstore.get(self._client, name)
            check_size(name, answer.meta["size"], max_bytes)
            return bytes(answer.bytes())
        except CLIENT_ERRORS as error:
            raise self._error(error, "read", name) from error

    def look(self, name: str) -> Entry | None:
        """Return the listing entry of this object; None where there is none."""
        try:
            head = obstore.head(self._client, name)
        except CLIENT_ERRORS as error:
            problem = self._error(error, "look at", name)
            if isinstance(problem, ObjectNotFound):
                return None
            raise problem from error
        return Entry(name, head["size"], head["last_modified"].timestamp())

    def _error(self, error: Exception, verb: str, name: str) -> StorageError:
        return translate(error, verb=verb, name=name, url=self.url)
