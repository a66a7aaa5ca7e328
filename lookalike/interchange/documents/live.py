"""Documents of an Elasticsearch or OpenSearch that runs, read page by page over HTTP."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, Self
from urllib.parse import unquote, urlsplit

import httpcore

from lookalike.interchange.addresses import without_password
from lookalike.interchange.documents.document import SIGNATURE, WORD, Fields
from lookalike.interchange.documents.dump import BYTES, ROWS, TOGETHER, TOO_LONG
from lookalike.interchange.documents.pages import Answer, hits
from lookalike.interchange.documents.reading import FAMILY, Place, Reading
from lookalike.interchange.dump import Batch, Dump
from lookalike.interchange.json_stream import JsonStream, Malformed
from lookalike.interchange.options import DumpOptions
from shards.errors import DumpUnreadable
from shards.table.format import strict_json

PAGE = 1000
"""Documents that are asked for at a time: 2 MB without their words."""

KEPT = "5m"
"""Time for which the server keeps its place between two pages. Writing what was read may take a minute of it."""

SECONDS = {"connect": 10.0, "read": 120.0, "write": 30.0, "pool": 10.0}

SHORT = 1 << 16
"""Bytes of an answer that is no page."""


class ElasticsearchIndex(Dump):
    """The documents of an index, as they are when the first page is asked for."""

    kind: ClassVar[str] = "image-match"

    def __init__(self, url: str, fields: Fields) -> None:
        """Look whether the index is there. Raises DumpUnreadable."""
        super().__init__()
        self.families = (FAMILY,)
        self.name = without_password(url)
        try:
            parts = urlsplit(url)
            parts.port  # noqa: B018 - reading it checks it
            httpcore.URL(url)
        except ValueError as error:
            raise DumpUnreadable(f"{self.name} is no address: {error}") from None
        index = parts.path.strip("/")
        if not index or "/" in index or index.startswith("_"):
            raise DumpUnreadable(f"{self.name}: name the index, too, as in http://localhost:9200/images")
        self._base = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._index = index
        self._headers: dict[str | bytes, str | bytes] = {
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {b64encode(user.encode()).decode()}"
        self._fields = fields
        with self._connected() as pool:
            self._count = self._counted(pool)

    @classmethod
    def open(cls, url: str, options: DumpOptions) -> Self:
        """Look whether the index is there. Raises DumpUnreadable."""
        if options.family not in (None, FAMILY):
            raise DumpUnreadable(f"image-match's signatures are of family {FAMILY}, not {options.family}")
        for option in ("table", "columns", "null", "hash_form"):
            if getattr(options, option) is not None:
                raise DumpUnreadable(f"documents of image-match have no --{option.replace('_', '-')}: leave it out")
        return cls(url, Fields(options.key, options.hash or SIGNATURE))

    def batches(self) -> Iterator[Batch]:
        """Yield the documents, in the order in which the server has them."""
        reading = Reading(self._fields)
        failed = 0
        try:
            with self._connected() as pool:
                for answer in self._pages(pool, reading):
                    failed = max(failed, answer.failed)
                    if reading.rows >= ROWS or reading.size >= BYTES:
                        yield reading.batch()
        except (DumpUnreadable, Malformed) as error:
            self.faults.append(f"after {reading.taken:,} documents: {error}")
        if failed:
            self.faults.append(f"{failed:,} shards of the index did not answer")
        reading.end()
        yield reading.batch()
        reading.expect(Answer(self._count, hits=reading.taken))
        self.notes += reading.notes()

    def _pages(self, pool: httpcore.ConnectionPool, reading: Reading) -> Iterator[Answer]:
        """Read page after page, until one is empty."""
        words = f"{WORD}*"
        query = {
            "size": PAGE,
            "sort": ["_doc"],
            "query": {"match_all": {}},
            "_source": {"excludes": [words, f"*.{words}"]},
        }
        answer = self._page(pool, f"/{self._index}/_search?scroll={KEPT}", query, reading)
        try:
            while answer.hits:
                yield answer
                scroll = {"scroll": KEPT, "scroll_id": answer.scroll}
                answer = self._page(pool, "/_search/scroll", scroll, reading)
        finally:
            if answer.scroll is not None:
                # else the server lets go of its place by itself
                with (
                    suppress(DumpUnreadable),
                    self._asked(pool, "DELETE", "/_search/scroll", {"scroll_id": [answer.scroll]}),
                ):
                    pass

    def _page(self, pool: httpcore.ConnectionPool, path: str, body: Any, reading: Reading) -> Answer:
        answer = Answer()
        with self._asked(pool, "POST", path, body) as response:
            read = _Body(response)
            stream = JsonStream(read)
            texts: list[bytes] = []
            places: list[Place] = []

            def take() -> None:
                reading.take(texts, places)
                texts.clear()
                places.clear()

            try:
                for _ in hits(stream, answer):
                    text = stream.value()
                    if text is None:
                        stream.skip()
                        text = TOO_LONG
                    texts.append(text)
                    places.append(f"document {reading.taken + len(texts):,}")
                    if len(texts) == TOGETHER:
                        take()
            finally:
                # of a page that breaks off, what came whole is there
                take()
            self.done += read.size
        return answer

    def _counted(self, pool: httpcore.ConnectionPool) -> int | None:
        with self._asked(pool, "GET", f"/{self._index}/_count", None) as response:
            text = _Body(response).read(SHORT)
        try:
            count = strict_json.loads(text).get("count")
        except (ValueError, AttributeError):
            count = None
        if not isinstance(count, int):
            raise DumpUnreadable(f"{self.name}: this is no Elasticsearch: it answers {text[:60]!r}")
        return count

    @contextmanager
    def _connected(self) -> Iterator[httpcore.ConnectionPool]:
        with httpcore.ConnectionPool(max_connections=1) as pool:
            yield pool

    @contextmanager
    def _asked(self, pool: httpcore.ConnectionPool, method: str, path: str, body: Any) -> Iterator[httpcore.Response]:
        """Ask the server. Raises DumpUnreadable where it does not answer, also while the answer is read."""
        content = None if body is None else json.dumps(body).encode()
        try:
            with pool.stream(
                method, self._base + path, headers=self._headers, content=content, extensions={"timeout": SECONDS}
            ) as response:
                if response.status != 200:
                    raise DumpUnreadable(f"{self.name}: {_problem(response.status, _Body(response).read(SHORT))}")
                yield response
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            raise DumpUnreadable(f"{self.name}: {str(error) or type(error).__name__}") from error


class _Body:
    """The content of an answer, to be read bit by bit."""

    def __init__(self, response: httpcore.Response) -> None:
        self._parts = response.iter_stream()
        self._left = b""
        self.size = 0

    def read(self, size: int) -> bytes:
        while len(self._left) < size and (part := next(self._parts, b"")):
            self._left += part
        taken, self._left = self._left[:size], self._left[size:]
        self.size += len(taken)
        return taken


def _problem(status: int, body: bytes) -> str:
    """Return what is wrong, by the answer of a server."""
    try:
        error = strict_json.loads(body).get("error")
        reason = error.get("reason") if isinstance(error, dict) else error
    except (ValueError, AttributeError):
        reason = None
    told = str(reason or body[:200])[:200]
    if status == 401:
        return (
            f"it wants to know who asks ({told}): give user and password, as in https://user:password@host:9200/images"
        )
    if status == 404:
        return f"there is no such index ({told})"
    return f"it answers {status}: {told}"
