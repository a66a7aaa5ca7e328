"""What the handlers share: the index and what is needed to serve it. It is at `app.state.service`."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ParamSpec, Protocol, TypeAlias, TypeVar
from weakref import WeakValueDictionary

import anyio
from anyio import to_thread
from fastapi import Depends, Request

from lookalike.answers import Answer
from lookalike.index import Index
from lookalike.questions import Question
from lookalike.signatures.signers import Signer
from lookalike.web.api.groups import Groups
from lookalike.web.api.metrics import Metrics
from lookalike.web.http.limits import Limiter
from lookalike.web.http.problems import Problem
from lookalike.web.remote.fetching import Fetched
from lookalike.web.settings import WebSettings
from shards.errors import LookalikeError
from shards.families import Family
from shards.table.format.records import Record
from shards.table.table import TAIL_BYTES, TAIL_OBJECTS

Given = ParamSpec("Given")
Result = TypeVar("Result")

Answers: TypeAlias = Sequence[Answer | LookalikeError]
"""One for each question."""

THREADS = 32
"""Calls of the index at once: most of them wait for the store, and a process has few processors."""

TOGETHER = 8
"""Pictures of one request that are fetched and signed at once, so that a batch does not take all places."""

DRAWING = 2
"""Thumbnails drawn at once where none are kept: each decodes a picture, up to 300 MB of pixels, in this process."""

TAIL_SECONDS = 1.0
"""How long it is believed how long the tail is: asking costs a listing of the store."""


class Fetches(Protocol):
    """Fetches pictures from other sites."""

    async def fetch(self, url: str) -> Fetched:
        """The picture at this address. Raises Problem."""
        ...


@dataclass(slots=True)
class Service:
    """An index, and how it is served. One for each app.

    `clock`: seconds that only rise.
    """

    index: Index
    settings: WebSettings
    signer: Signer
    fetcher: Fetches
    limiter: Limiter
    metrics: Metrics
    clock: Callable[[], float] = time.monotonic
    groups: Groups = field(init=False)
    drawing: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(DRAWING))
    _threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(THREADS))
    # of the keys that are being added where there is none; a turn that nobody takes or waits for is forgotten
    _turns: WeakValueDictionary[str, anyio.Lock] = field(default_factory=WeakValueDictionary)
    _tail_is_long: str | None = None
    _tail_seen: float | None = None

    def __post_init__(self) -> None:
        self.groups = Groups(self.index, self.settings)

    def family(self, name: str | None) -> Family:
        """The family of this name, the index's first where there is none. Raises Problem."""
        for one in self.index.families:
            if name in (None, one.name):
                return one
        known = ", ".join(one.name for one in self.index.families)
        detail = f"the images have no signatures of family {name!r}"
        raise Problem(422, "query-invalid", "That cannot be asked", detail, name, f"Ask for one of: {known}.")

    def write(self, records: Sequence[Record]) -> set[str]:
        """Add these images, in one log object; the keys of which there was one before. Call it in a thread."""
        there = self.index.has(record.key for record in records)
        self.index.write(records)
        self._count(records, there)
        return there

    async def write_new(self, record: Record) -> None:
        """Add this image where there is none of its key. Raises Problem where there is, or another came first.

        Requests of this process take turns, so of several for one key one succeeds. Another process may write between
        the look and the write: then both are in the log, the higher order is the state, and only its writer finds its
        own when it looks again. Both succeed where one has looked again before the other, slower one wrote: a write
        to the log asks nothing of what is there, which is why it never waits.
        """
        async with self._turns.setdefault(record.key, anyio.Lock()):
            await self.call(self._write_new, record)

    def _write_new(self, record: Record) -> None:
        if self.index.has([record.key]):
            raise _taken(record.key)
        self.index.write([record])
        now = self.index.images([record.key]).get(record.key)
        if now is not None and (now.added, now.sha256) != (record.order[0], record.sha256.hex()):
            raise _taken(record.key)
        self._count([record], set())

    def _count(self, records: Sequence[Record], there: set[str]) -> None:
        seen = set(there)
        for record in records:
            self.metrics.added(is_replaced=record.key in seen)
            seen.add(record.key)

    def remove(self, keys: Iterable[str]) -> Sequence[str]:
        """Remove these images; those of them that were there. Call it in a thread."""
        removed = self.index.remove(keys)
        for _ in removed:
            self.metrics.removed()
        return removed

    def search_one(self, question: Question, *, family: str, **options: Any) -> Answer:
        """What `search` answers to one question, for answers that have no place to say what is missing.

        Raises the question's error, or Problem where a part of the index could not be searched. Call it in a thread.
        """
        (answer,) = self.search([question], family=family, **options)
        if isinstance(answer, LookalikeError):
            raise answer
        if answer.partial:
            raise Problem(
                503,
                "partial-answer",
                "A part of the index could not be searched",
                f"{len(answer.missing)} segments were not searched in time",
                help="Send it again; /v1/search answers with what was found meanwhile.",
                headers={"Retry-After": "1"},
            )
        return answer

    def search(self, questions: Sequence[Question], *, family: str, **options: Any) -> Answers:
        """What `Index.search_many` answers. Call it in a thread."""
        began = self.clock()
        answers = self.index.search_many(questions, family=family, **options)
        self.metrics.searched(family, self.clock() - began, len(questions))
        return answers

    async def call(self, work: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        """What this function returns, called in a thread: whatever touches the store or many bytes goes there."""
        return await to_thread.run_sync(lambda: work(*args, **kwargs), limiter=self._threads)

    async def all(self, tasks: Iterable[Callable[[], Awaitable[Result]]]) -> list[Result]:
        """What these return, in their order, a few at a time. They handle their own errors."""
        limiter = anyio.Semaphore(TOGETHER)
        waiting = list(tasks)
        results: dict[int, Result] = {}

        async def run(i: int, task: Callable[[], Awaitable[Result]]) -> None:
            async with limiter:
                results[i] = await task()

        async with anyio.create_task_group() as group:
            for i, task in enumerate(waiting):
                group.start_soon(run, i, task)
        return [results[i] for i in range(len(waiting))]

    async def make_room(self) -> None:
        """Raise 429 where so much waits for a fold that nothing should be added before there was one."""
        now = self.clock()
        if self._tail_seen is None or now - self._tail_seen >= TAIL_SECONDS:
            # said before the answer is there, so that a hundred requests at once ask once
            self._tail_seen = now
            objects, size = await self.call(self.index.pressure)
            is_long = objects > TAIL_OBJECTS or size > TAIL_BYTES
            self._tail_is_long = f"{objects:,} log objects, {size:,} bytes" if is_long else None
        if self._tail_is_long is not None:
            raise Problem(
                429,
                "tail-too-long",
                "The index has to catch up",
                f"{self._tail_is_long} wait to be folded into the index",
                help="Wait and send it again; many images in one request need one log object. If it stays so, no "
                "'lookalike compact' is running.",
                headers={"Retry-After": "5"},
            )


def _taken(key: str) -> Problem:
    return Problem(
        412,
        "key-exists",
        "There is one already",
        f"there is an image of the key {key!r}",
        key,
        "Send it without If-None-Match to replace that one.",
    )


def service_of(request: Request) -> Service:
    """The service that answers this request."""
    service: Service = request.app.state.service
    return service


Serving = Annotated[Service, Depends(service_of)]
"""The annotation of a handler's `service` parameter."""
