"""Answers of Elasticsearch's searches, hit by hit, however long they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lookalike.interchange.documents.document import total_of
from lookalike.interchange.json_stream import MAX_VALUE, JsonStream, Malformed
from shards.table.format import strict_json


@dataclass(slots=True)
class Answer:
    """What an answer says besides its hits."""

    found: int | None = None
    """How many documents the search found in all."""

    scroll: str | None = None
    """What asks for the next page."""

    failed: int = 0
    """Shards that did not answer."""

    hits: int = 0
    """Hits that were there."""


def hits(stream: JsonStream, answer: Answer) -> Iterator[int]:
    """Yield the line of each hit in the answer that begins here, at which the stream then stands; fill in the answer.

    Raises Malformed.
    """
    begun, is_answer = stream.line, False
    for outer in stream.members():
        if outer == "_scroll_id":
            scroll = _parsed(stream)
            answer.scroll = scroll if isinstance(scroll, str) else None
        elif outer == "_shards" and stream.peek() == b"{":
            shards = _parsed(stream)
            failed = shards.get("failed") if isinstance(shards, dict) else None
            answer.failed = failed if isinstance(failed, int) else 0
        elif outer == "hits" and stream.peek() == b"{":
            for inner in stream.members():
                if inner == "hits" and stream.peek() == b"[":
                    is_answer = True
                    for line in stream.elements():
                        answer.hits += 1
                        yield line
                elif inner == "total":
                    answer.found = total_of(_parsed(stream))
                else:
                    stream.skip()
        else:
            stream.skip()
    if not is_answer:
        raise Malformed(f"line {begun}: an object without hits, of more than {MAX_VALUE:,} bytes or from a server")


def _parsed(stream: JsonStream) -> Any:
    """Pass a short value; None where it is no JSON, or long."""
    text = stream.value()
    if text is None:
        stream.skip()
        return None
    try:
        return strict_json.loads(text)
    except ValueError:
        return None
