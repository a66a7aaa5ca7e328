"""Answers in lines of JSON (application/x-ndjson): all hits of one question, sent as they are found, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from starlette.requests import Request
from starlette.responses import StreamingResponse

from lookalike.answers import Answer
from lookalike.web.api import documents
from lookalike.web.api.documents import EndDocument
from lookalike.web.http import problems
from lookalike.web.http.access import Caller
from lookalike.web.http.problems import Problem
from lookalike.web.service import Service
from shards.errors import LookalikeError

MEDIA_TYPE = "application/x-ndjson"

PAGE = 4000
"""Hits that are searched for, described and sent together. Only these are in memory, however slowly a client reads."""


def are_wanted(request: Request) -> bool:
    """Return whether the client accepts lines."""
    accepted = (part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(","))
    return MEDIA_TYPE in accepted


async def respond(
    service: Service, caller: Caller, pages: Iterator[Answer], *, first: int, limit: int | None
) -> StreamingResponse:
    """Return the answer that has these pages, of PAGE hits or fewer each: a line for each hit, and one for the end.

    `first`: rank of the first hit. `limit`: hits after which it ends with the page. The first page is searched for
    before the answer begins, so what is wrong with the question is an error of the request. Later there can be no other
    status: then the last line has the error.
    """
    lines = _Lines(service, caller, pages, first, limit)
    page = await service.call(lines.page)
    return StreamingResponse(_sent(service, lines, page), headers={"Cache-Control": "no-store"}, media_type=MEDIA_TYPE)


async def _sent(service: Service, lines: _Lines, page: bytes) -> AsyncIterator[bytes]:
    """Yield the answer: the next page is searched for when the client has taken the last."""
    while not lines.is_complete:
        yield page
        try:
            page = await service.call(lines.page)
        except (LookalikeError, Problem) as error:
            yield lines.end(error)
            return
    yield page + lines.end()


class _Lines:
    """The pages of an answer as lines."""

    def __init__(
        self, service: Service, caller: Caller, pages: Iterator[Answer], first: int, limit: int | None
    ) -> None:
        self.is_complete = False
        self._service = service
        self._caller = caller
        self._pages = pages
        self._first = first
        self._limit = limit
        self._end: EndDocument = {"end": True, "hits": 0, "searched": 0, "next": None}

    def page(self) -> bytes:
        """Return the lines of the next page. Call it in a thread."""
        answer = next(self._pages)
        end, template = self._end, self._service.settings.link
        lines = [
            documents.encoded(documents.hit_document(rank, hit, self._caller, template)) + b"\n"
            for rank, hit in enumerate(answer.hits, self._first + end["hits"])
        ]
        end["hits"] += len(lines)
        end["searched"] = answer.searched
        end["next"] = None if answer.next is None else str(answer.next)
        if answer.partial:
            end["partial"] = True
            end["missing"] = sorted({*end.get("missing", []), *answer.missing})
        self.is_complete = answer.next is None or (self._limit is not None and end["hits"] >= self._limit)
        return b"".join(lines)

    def end(self, error: LookalikeError | Problem | None = None) -> bytes:
        """Return the last line."""
        if error is not None:
            problem = problems.of(error)
            self._end["error"] = problem.document()  # type: ignore[typeddict-item] # the same document, not so typed
        return documents.encoded(self._end) + b"\n"
