"""The service that the handlers share: an index, and what is needed to serve it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import ParamSpec, Protocol, TypeAlias, TypeVar
from weakref import WeakValueDictionary

import anyio
from anyio import to_thread

from lookalike.answers import Answer
from lookalike.index import Index
from lookalike.ingest.backpressure import BACKPRESSURE
from lookalike.options import SearchOptions, called, families_of
from lookalike.questions import Question
from lookalike.signatures.async_pool import AsyncPool
from lookalike.web.duplicates import DuplicatesCache
from lookalike.web.http.callers import CALLER
from lookalike.web.http.limits import Limiter
from lookalike.web.http.places import Places
from lookalike.web.http.problems import Problem
from lookalike.web.metrics import Metrics
from lookalike.web.remote.fetching import Fetched
from lookalike.web.reviews import Reviews
from lookalike.web.settings import WebSettings
from lookalike.web.uploads import Uploads, UsedUploads
from shards.errors import LookalikeError
from shards.families import Family
from shards.storage.originals import OpenOriginal
from shards.table.format.records import Record
from shards.table.read.snapshot import Image, hex_of

Given = ParamSpec("Given")
Result = TypeVar("Result")

Answers: TypeAlias = Sequence[Answer | LookalikeError]
"""An answer or an error for each question."""

OPENING = 2
"""Originals that are opened at once: each is hashed, or fetched from a bucket, which takes all of a processor."""

PARSING = 2
"""Bodies that are parsed at once, in threads: parsing holds the interpreter's lock, which the event loop needs too."""

TOGETHER = 8
"""Pictures of one request that are at work at once, so that a batch does not take all places."""

_FETCHED_BY: ContextVar[float | None] = ContextVar("fetched by", default=None)
"""The time by which the request that this task answers has to have fetched its pictures."""

TAIL_SECONDS = 1.0
"""Time for which the length of the tail is remembered: asking costs a listing of the store."""


class Fetches(Protocol):
    """A fetcher of pictures from other sites."""

    async def fetch(self, url: str, *, caller: str, seconds: float) -> Fetched:
        """Return the picture at this address, for this caller and within this time. Raises Problem."""
        ...


class Contents(Protocol):
    """A maker of addresses from which clients read large pictures, so that the service does not send them."""

    def address(self, image: Image) -> str | None:
        """Return an address that is good for a while and needs no token, or `None` where the service sends the file."""
        ...


@dataclass(slots=True)
class Service:
    """An index, and how it is served. Each app has one."""

    index: Index
    settings: WebSettings
    pool: AsyncPool
    fetcher: Fetches
    limiter: Limiter
    places: Places
    metrics: Metrics
    uploads: Uploads
    contents: Contents | None = None
    """`None`: the service sends every picture itself."""
    clock: Callable[[], float] = time.monotonic
    """Seconds that only rise."""
    duplicates: DuplicatesCache = field(init=False)
    reviews: Reviews = field(init=False)
    used_uploads: UsedUploads = field(init=False)
    _opening: Places = field(default_factory=lambda: Places(OPENING))
    _parsing: Places = field(default_factory=lambda: Places(PARSING))
    # places say who runs; more threads than all kinds of them are never needed
    _threads: anyio.CapacityLimiter = field(init=False)
    # by key, for `write_new`; a lock that nobody holds or waits for is forgotten
    _turns: WeakValueDictionary[str, anyio.Lock] = field(default_factory=WeakValueDictionary)
    _tail_is_long: str | None = None
    _tail_seen: float | None = None

    def __post_init__(self) -> None:
        self.duplicates = DuplicatesCache(self.index, self.settings)
        self.reviews = Reviews(self.index)
        self.used_uploads = UsedUploads(self.index)
        self._threads = anyio.CapacityLimiter(self.settings.concurrency + OPENING + PARSING)

    def family(self, name: str | None) -> Family:
        """Return the family of this name, or the index's first family for `None`. Raises Problem."""
        for family in self.index.families:
            if name in (None, family.name):
                return family
        known = ", ".join(family.name for family in self.index.families)
        detail = f"the index has no signatures of family {name!r}"
        raise Problem(422, "query-invalid", "Invalid query", detail, name, f"Use one of: {known}.")

    def asked(self, name: str | None) -> tuple[Family, ...]:
        """Return the families that a search asks: the one of this name, or all of the index for `None` and "auto".

        Raises Problem.
        """
        return tuple(map(self.family, families_of(name))) or self.index.families

    def write(self, records: Sequence[Record]) -> tuple[Sequence[Record], set[str]]:
        """Add these images, as of now, in one log object. Call it in a thread.

        Returns the records as written, and the keys that existed before.
        """
        existing = self.index.has(record.key for record in records)
        # dated after looking: what is said to be replaced is, whatever its clock was
        dated = self.index.dated(records)
        self.index.write(dated)
        self._count(dated, existing)
        return dated, existing

    async def write_new(self, record: Record) -> Record:
        """Add this image, as of now, unless its key exists, and return the record as written.

        Raises Problem where the key exists, or where another writer came first.

        Requests of this process take turns, so exactly one of several for the same key succeeds. Another process may
        write between the check and the write: then both records are in the log, the one with the higher order counts,
        and only its writer finds its own record when it checks again. If the first writer has checked again before the
        second one writes, both succeed: a write to the log does not depend on what is there, so it never waits.
        """
        async with self._turns.setdefault(record.key, anyio.Lock()):
            return await self.call(self._write_new, record)

    def _write_new(self, record: Record) -> Record:
        if self.index.has([record.key]):
            raise _taken(record.key)
        (record,) = self.index.dated([record])
        self.index.write([record])
        current = self.index.images([record.key]).get(record.key)
        if current is not None and (current.added, current.sha256) != (record.order[0], hex_of(record.sha256)):
            raise _taken(record.key)
        self._count([record], set())
        return record

    def _count(self, records: Sequence[Record], existing: set[str]) -> None:
        seen = set(existing)
        for record in records:
            self.metrics.added(is_replaced=record.key in seen)
            seen.add(record.key)

    def remove(self, keys: Iterable[str]) -> Sequence[str]:
        """Remove these images. Returns the keys that existed. Call it in a thread."""
        removed = self.index.remove(keys)
        for _ in removed:
            self.metrics.removed()
        return removed

    def search_one(self, question: Question, options: SearchOptions) -> Answer:
        """Answer one question, for clients to which a partial answer cannot be explained. Call it in a thread.

        Raises the question's error, or Problem where a part of the index could not be searched.
        """
        (answer,) = self.search([question], options)
        if isinstance(answer, LookalikeError):
            raise answer
        if answer.partial:
            raise Problem(
                503,
                "partial-answer",
                "A part of the index could not be searched",
                f"segments that were not searched in time: {len(answer.missing)}",
                help="Send it again; /v1/search also gives partial answers.",
                headers={"Retry-After": "1"},
            )
        return answer

    def search(self, questions: Sequence[Question], options: SearchOptions) -> Answers:
        """Answer questions as `Index.ask` does; the options name the families. Call it in a thread."""
        began = self.clock()
        answers = self.index.ask(questions, options)
        self.metrics.searched(called(options.families), self.clock() - began, len(questions))
        return answers

    def pages(self, question: Question, options: SearchOptions) -> Iterator[Answer]:
        """Answer a question as `Index.pages` does; the options name the families. Go on in threads, one by one."""
        pages = self.index.pages(question, options)
        while True:
            began = self.clock()
            answer = next(pages, None)
            if answer is None:
                return
            self.metrics.searched(called(options.families), self.clock() - began)
            yield answer

    async def call(self, work: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        """Call this function in a thread when it is the caller's turn, as everything does that touches the store."""
        async with self.places.turn(CALLER.get()):
            return await to_thread.run_sync(lambda: work(*args, **kwargs), limiter=self._threads)

    async def open(self, image: Image) -> OpenOriginal | None:
        """Open the image as it was added, when it is the caller's turn; None where there is no such file any more."""
        async with self._opening.turn(CALLER.get()):
            return await to_thread.run_sync(self.index.open_content, image, limiter=self._threads)

    async def read(self, work: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        """Call this function in a thread at once, which does nothing but read a few bytes of a file."""
        return await to_thread.run_sync(lambda: work(*args, **kwargs))

    async def parse(self, work: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        """Call this function in a thread when it is the caller's turn, as everything does that reads many bytes."""
        async with self._parsing.turn(CALLER.get()):
            return await to_thread.run_sync(lambda: work(*args, **kwargs), limiter=self._threads)

    @contextmanager
    def fetching(self) -> Iterator[None]:
        """Let all that is fetched inside share the time of one request."""
        token = _FETCHED_BY.set(self.clock() + self.settings.urls_seconds)
        try:
            yield
        finally:
            _FETCHED_BY.reset(token)

    async def fetch(self, url: str) -> bytes:
        """Return the picture at this address. Raises Problem."""
        until = _FETCHED_BY.get()
        seconds = self.settings.urls_seconds if until is None else until - self.clock()
        return (await self.fetcher.fetch(url, caller=CALLER.get(), seconds=seconds)).data

    async def all(self, tasks: Iterable[Callable[[], Awaitable[Result]]]) -> list[Result]:
        """Run these tasks a few at a time. Returns their results in order. They handle their own errors."""
        limiter = anyio.Semaphore(TOGETHER)
        results: dict[int, Result] = {}

        async def run(i: int, task: Callable[[], Awaitable[Result]]) -> None:
            async with limiter:
                results[i] = await task()

        async with anyio.create_task_group() as group:
            for i, task in enumerate(tasks):
                group.start_soon(run, i, task)
        return [results[i] for i in sorted(results)]

    async def make_room(self) -> None:
        """Raise Problem 429 while the tail is so long that nothing should be added before the next fold."""
        now = self.clock()
        if self._tail_seen is None or now - self._tail_seen >= TAIL_SECONDS:
            # set before the answer is there, so that a hundred concurrent requests ask only once
            self._tail_seen = now
            objects, size = await self.call(self.index.pressure)
            is_long = BACKPRESSURE.must_wait(objects, size)
            self._tail_is_long = f"{objects:,} log objects, {size:,} bytes" if is_long else None
        if self._tail_is_long is not None:
            raise Problem(
                429,
                "tail-too-long",
                "The index has to catch up",
                f"{self._tail_is_long} wait to be folded into the index",
                help="Wait and send it again; send many images in one request, which makes one log object. If this "
                "goes on, no 'lookalike compact' is running.",
                headers={"Retry-After": "5"},
            )


def _taken(key: str) -> Problem:
    return Problem(
        412,
        "key-exists",
        "The key exists",
        f"there is already an image with the key {key!r}",
        key,
        "Send it without If-None-Match to replace that image.",
    )
