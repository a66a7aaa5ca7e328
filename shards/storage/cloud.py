"""Objects in S3 and everything that speaks it, Google Cloud Storage and Azure. Nothing else uses obstore.

Credentials, regions and endpoints come from the environment under the names that the AWS, Google and Azure tools
use (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL; GOOGLE_APPLICATION_CREDENTIALS; AZURE_STORAGE_ACCOUNT_NAME),
or from the role of the machine or function.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from shards.errors import StorageError
from shards.storage._cloud_errors import is_conflict, status, translate
from shards.storage._names import check_name, folder_of
from shards.storage._order import by_name, start_after
from shards.storage.base import Data, Entry, check_size
from shards.storage.ranges import GAP, check_ranges, cut, join

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

PAGE = 1000
"""Entries of a listing that are handed over at once: as many as the stores send in one answer."""

RETRIES: RetryConfig = {
    # the client's own 10 retries take 3 minutes, and a function answers a question within 30 s; who can wait longer
    # tries again after Undecided
    "max_retries": 5,
    "retry_timeout": timedelta(seconds=15),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=3), "base": 2},
}

MAX_REQUEST_TIME = timedelta(minutes=10)
"""The limit of one request: a segment of gigabytes takes longer than the client's own 30 s."""

STALLED = timedelta(seconds=20)
"""Time without a byte received after which a read is tried again. Not for writes: while a large body is on its way to
the store nothing comes back, and the client would call that a stall."""

ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
"""Variables that point the client at another server than the cloud's own."""

BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")

CLIENT_ERRORS = (BaseError, FileNotFoundError, ValueError)
"""The errors of obstore: a missing object is Python's own FileNotFoundError, a bad path a ValueError."""


def open_cloud(url: str) -> CloudStore:
    """Open the store at `s3://bucket/prefix`, `gs://…` or `az://container/prefix`, without a request.

    Raises StorageError for a URL without a bucket, and for a configuration that the client cannot use.
    """
    return CloudStore(*connect(url))


def connect(url: str) -> tuple[str, ObjectStore, ObjectStore]:
    """Return the URL as we write it, a client for reading and one for writing. Raises as `open_cloud` does."""
    parts = urlsplit(url)
    bucket, prefix = parts.netloc, parts.path.strip("/")
    if parts.query or parts.fragment or not BUCKET.fullmatch(bucket) or "//" in prefix:
        raise StorageError(f"{url}: a store in a cloud is {parts.scheme}://bucket or {parts.scheme}://bucket/prefix")
    options: ClientConfig = {"timeout": MAX_REQUEST_TIME, "connect_timeout": timedelta(seconds=5)}
    for variable in ENDPOINTS[parts.scheme]:
        endpoint = os.environ.get(variable, "")
        if endpoint and not endpoint.startswith(("http://", "https://")):
            raise StorageError(f"{url}: {variable} is {endpoint!r}, and has to begin with http:// or https://")
        if endpoint.startswith("http://"):
            # writing http:// allows it
            options["allow_http"] = True
    url = f"{parts.scheme}://{bucket}/{prefix}".rstrip("/")
    try:
        writing = _client(parts.scheme, bucket, prefix, options)
        reading = _client(parts.scheme, bucket, prefix, {**options, "read_timeout": STALLED})
    except CLIENT_ERRORS as error:
        raise translate(error, verb="open", name=url, url=url) from error
    return url, reading, writing


def _client(scheme: str, bucket: str, prefix: str, options: ClientConfig) -> ObjectStore:
    if scheme == "s3":
        return S3Store(bucket, prefix=prefix or None, client_options=options, retry_config=RETRIES)
    if scheme == "gs":
        return GCSStore(bucket, prefix=prefix or None, client_options=options, retry_config=RETRIES)
    return AzureStore(bucket, prefix=prefix or None, client_options=options, retry_config=RETRIES)


class CloudStore:
    """The objects of one bucket or container, below one prefix."""

    def __init__(self, url: str, reading: ObjectStore, writing: ObjectStore) -> None:
        """Use two obstore clients of the same place, one for reading and one for writing; `url` is for messages."""
        self._url = url
        self._reading = reading
        self._writing = writing

    @property
    def url(self) -> str:
        return self._url

    @property
    def mapped(self) -> bool:
        return False

    def get(self, name: str, max_bytes: int | None = None) -> memoryview:
        check_name(name)
        try:
            answer = obstore.get(self._reading, name)
            check_size(name, answer.meta["size"], max_bytes)
            return memoryview(answer.bytes())
        except CLIENT_ERRORS as error:
            raise self._error(error, "read", name) from error

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        """Read ranges as the contract says: those less than 1 MiB apart share a request, 10 requests run at once.

        Joining is done here because the client's own joining fails on a range that begins past the object.
        """
        check_name(name)
        check_ranges(name, ranges)
        fetched = join(ranges, GAP)
        if not fetched:
            self.size(name)
            return [memoryview(b"") for _ in ranges]
        try:
            bodies = self._fetch(name, fetched)
        except CLIENT_ERRORS as error:
            if status(str(error)) != 416:
                raise self._error(error, "read", name) from error
            # a range begins past the object: rare, as a manifest says how long each column is
            size = self.size(name)
            within = [(start, min(stop, size)) for start, stop in fetched if start < size]
            try:
                bodies = self._fetch(name, within)
            except CLIENT_ERRORS as second:
                raise self._error(second, "read", name) from second
            bodies = [*bodies, *[memoryview(b"")] * (len(fetched) - len(within))]
        return cut(ranges, fetched, bodies)

    def create(self, name: str, data: Data) -> bool:
        """Create as the contract says, by one conditional put: a multipart upload would overwrite.

        The client sends a put again when its answer got lost, and is told then that the object is there already:
        False may mean that this very call wrote the object. A caller who has to know reads it and compares.
        """
        check_name(name)
        body = memoryview(data).cast("B")
        try:
            obstore.put(self._writing, name, body, mode="create", use_multipart=False)
        except AlreadyExistsError as error:
            # the client calls every 409 so, and S3's says that another put is under way, which may yet fail
            if is_conflict(error):
                raise self._error(error, "create", name) from error
            return False
        except CLIENT_ERRORS as error:
            raise self._error(error, "create", name) from error
        return True

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        folder = folder_of(prefix)
        if folder is None:
            return iter(())
        entries = self._entries(folder, start_after(folder, prefix, after))
        return islice(by_name(entries, folder, prefix, after), limit)

    def delete(self, names: Sequence[str]) -> None:
        """Delete as the contract says: 1,000 a request in S3, 256 in Azure, one by one in GCS."""
        for name in names:
            check_name(name)
        try:
            obstore.delete(self._writing, names)
        except FileNotFoundError:
            # GCS and Azure raise this where S3 does not, and may leave out the rest
            self._delete_one_by_one(names)
        except CLIENT_ERRORS as error:
            raise self._error(error, "delete", ", ".join(names[:3])) from error

    def size(self, name: str) -> int:
        check_name(name)
        try:
            return obstore.head(self._reading, name)["size"]
        except CLIENT_ERRORS as error:
            raise self._error(error, "look at", name) from error

    def _error(self, error: Exception, verb: str, name: str) -> StorageError:
        return translate(error, verb=verb, name=name, url=self._url)

    def _fetch(self, name: str, ranges: Sequence[tuple[int, int]]) -> Sequence[memoryview]:
        starts, stops = [start for start, _ in ranges], [stop for _, stop in ranges]
        bodies = obstore.get_ranges(self._reading, name, starts=starts, ends=stops, coalesce=0)
        return [memoryview(body) for body in bodies]

    def _entries(self, folder: str, start: str | None) -> Iterator[Entry]:
        """Yield the objects below `folder` that come after `start`, in the store's own order."""
        try:
            pages = obstore.list(self._reading, folder or None, offset=start, chunk_size=PAGE)
            for listed in chain.from_iterable(pages):
                yield Entry(listed["path"], listed["size"], listed["last_modified"].timestamp())
        except CLIENT_ERRORS as error:
            raise self._error(error, "list", folder or "the objects") from error

    def _delete_one_by_one(self, names: Iterable[str]) -> None:
        for name in names:
            try:
                obstore.delete(self._writing, name)
            except FileNotFoundError:
                continue
            except CLIENT_ERRORS as error:
                raise self._error(error, "delete", name) from error
