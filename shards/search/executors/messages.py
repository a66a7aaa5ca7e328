"""Messages between a process that searches and its workers, as JSON: whatever carries a few megabytes can carry them.

Arrays are the base64 of their own bytes, little-endian: so a score arrives as the same float64, and an answer is the
same wherever it was computed. Segments are described as in a manifest, their dead rows as the asking process sees them.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, islice, pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from shards.errors import LookalikeError, ObjectNotFound, QueryError
from shards.families import family
from shards.search.cursor import Cursor
from shards.search.filters import Filter
from shards.search.found import FoundRow, ScanOutcome
from shards.search.query import Part, Query
from shards.table.format import names
from shards.table.format.manifest import Segment
from shards.table.read.reader import SegmentReader
from shards.table.read.snapshot import Source

PROTOCOL = 7
"""Version of these documents. While a new release is put in place, workers of both versions are asked."""

PAYLOAD = 6_000_000
"""Maximum bytes of a request or an answer: AWS Lambda takes 6 MB each way, and wraps them in a few more."""


class WorkerFailed(LookalikeError):
    """A worker did not scan what it was asked to. The answer to the query names it as missing."""


class NoWorkerFree(WorkerFailed):
    """A worker that could not begin, since as many are at work as may be: nothing was done, so ask again later."""


class PayloadTooLarge(LookalikeError):
    """A request or an answer is too large to be sent: the process that asks has to scan those segments itself."""


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """A request to scan some segments for a query."""

    query: Query

    segments: tuple[tuple[Segment, NDArray[np.uint32]], ...]
    """Each with the rows that are dead in it: sorted, uint32."""

    max_rows: int
    """Maximum number of rows to answer for each lane, of all these segments together."""

    index: str = ""
    """The id of the index that the segments are of: the folder in which they lie."""

    workers: int = 1
    """Number of workers that are asked for this query, who share what the store may be asked."""


def write_request(query: Query, sources: Sequence[Source], max_rows: int, workers: int = 1) -> dict[str, Any]:
    """Return the request as JSON, to one of so many workers. Raises PayloadTooLarge."""
    document: dict[str, Any] = {
        "protocol": PROTOCOL,
        "index": _index_of(sources),
        "parts": [_write_part(part) for part in query.parts],
        "limit": query.limit,
        "where": query.where.to_json(),
        "after": None if query.after is None else str(query.after),
        "segments": [_write_source(source) for source in sources],
        "max_rows": max_rows,
        "workers": workers,
    }
    _check_size(document, f"a question about {len(sources):,} segments")
    return document


def read_request(document: Mapping[str, Any]) -> ScanRequest:
    """Return the request that this JSON says. Raises QueryError where this release cannot answer it."""
    try:
        if document["protocol"] != PROTOCOL:
            raise QueryError(f"a worker of protocol {PROTOCOL} is asked in protocol {document['protocol']!r}")
        after = document["after"]
        query = Query(
            tuple(map(_read_part, document["parts"])),
            document["limit"],
            Filter.of(document["where"]),
            None if after is None else Cursor.parse(after),
        )
        segments = tuple(
            (
                Segment.from_json(source["shard"], source["modulus"], source["segment"]),
                np.cumsum(_unpack(source["dead"], "<u4", packed=True), dtype=np.uint32),
            )
            for source in document["segments"]
        )
        index = document["index"]
        if index and not names.is_id(index):
            raise QueryError(f"{index!r:.40} is no id of an index")
        return ScanRequest(query, segments, int(document["max_rows"]), index, int(document["workers"]))
    except (KeyError, TypeError, ValueError, binascii.Error, zlib.error) as error:
        raise QueryError(f"this is no question for a worker: {error!r}") from error


def write_answer(outcomes: Sequence[ScanOutcome]) -> dict[str, Any]:
    """Return the answer as JSON, an outcome for each segment in order; a refusal where it is too large."""
    document = {"protocol": PROTOCOL, "segments": [_write_outcome(outcome) for outcome in outcomes]}
    try:
        _check_size(document, f"an answer about {len(outcomes):,} segments")
    except PayloadTooLarge as error:
        return refusal(error)
    return document


def refusal(error: Exception) -> dict[str, Any]:
    """Return the answer of a worker that could scan nothing at all."""
    return {"protocol": PROTOCOL, "error": _write_error(error)}


def read_answer(document: Any, query: Query, sources: Sequence[Source]) -> list[ScanOutcome]:
    """Return the outcome of each source: its best rows for each lane of the query, or why they are not known.

    Raises PayloadTooLarge, or WorkerFailed where there is nothing about any of them.
    """
    try:
        if "error" in document:
            raise _read_error(document["error"])
        if document["protocol"] != PROTOCOL:
            raise WorkerFailed(f"a worker answers in protocol {document['protocol']}, and was asked in {PROTOCOL}")
        return [
            _read_outcome(outcome, query, source) for outcome, source in zip(document["segments"], sources, strict=True)
        ]
    except (KeyError, TypeError, ValueError, binascii.Error, zlib.error) as error:
        raise WorkerFailed(
            f"a worker's answer cannot be understood: {error!r}; it begins {str(document)[:200]!r}"
        ) from error


def _write_part(part: Part) -> dict[str, Any]:
    return {
        "family": {"name": part.family.name, "version": part.family.version},
        # JSON has no infinity, and nothing scores less
        "min_score": None if part.min_score == -np.inf else part.min_score,
        "questions": [_pack(rows, part.family.question_dtype) for rows in part.questions],
    }


def _read_part(document: Mapping[str, Any]) -> Part:
    kind = family(document["family"]["name"])
    asked = document["family"]["version"]
    if kind.version != asked:
        raise QueryError(f"a worker computes version {kind.version} of {kind.name}, and is asked about {asked}")
    questions = tuple(_unpack(text, kind.question_dtype) for text in document["questions"])
    return Part(kind, questions, document["min_score"])


def _write_source(source: Source) -> dict[str, Any]:
    reader = source.reader
    assert isinstance(reader, SegmentReader)  # noqa: S101  (the tail is in this process's memory, nothing is cold)
    segment = reader.segment
    return {
        "shard": segment.shard,
        "modulus": segment.modulus,
        "segment": segment.to_json(segment.modulus),
        # gaps are small numbers: where a third of a million rows is dead, 0.27 MB in place of 1.9
        "dead": _pack(np.diff(source.dead, prepend=np.uint32(0)), "<u4", packed=True),
    }


def _index_of(sources: Sequence[Source]) -> str:
    """Return the id of the index that these segments are of: all of one snapshot are of one."""
    return next((source.reader.index for source in sources if isinstance(source.reader, SegmentReader)), "")


def _write_outcome(outcome: ScanOutcome) -> dict[str, Any]:
    if isinstance(outcome, LookalikeError):
        return {"error": _write_error(outcome)}
    rows = list(chain.from_iterable(outcome))
    return {
        # by lane, which says the part of a row
        "counts": [len(lane) for lane in outcome],
        "rows": _pack([row.row for row in rows], "<u4"),
        "scores": _pack([row.score for row in rows], "<f8"),
        "variants": _pack([row.variant for row in rows], "<u2"),
        "lengths": _pack([len(row.key) for row in rows], "<u2"),
        "keys": base64.b64encode(b"".join(row.key for row in rows)).decode(),
    }


def _read_outcome(document: Mapping[str, Any], query: Query, source: Source) -> ScanOutcome:
    if "error" in document:
        return _read_error(document["error"])
    keys = base64.b64decode(document["keys"], validate=True)
    columns = [_unpack(document[name], dtype) for name, dtype in (("rows", "<u4"), ("scores", "<f8"))]
    variants, lengths = (_unpack(document[name], "<u2") for name in ("variants", "lengths"))
    counts = document["counts"]
    if len(counts) != query.lanes or sum(counts) != len(lengths) or int(lengths.sum()) != len(keys):
        raise ValueError(f"{counts} rows of {query.lanes} lanes, {len(lengths)} with {len(keys)} bytes of keys")
    parts = chain.from_iterable([query.part_of(lane)] * count for lane, count in enumerate(counts))
    rows = iter(
        [
            FoundRow(source, row, keys[start:stop], score, variant, part)
            for row, score, variant, (start, stop), part in zip(
                *(column.tolist() for column in (*columns, variants)),
                pairwise(accumulate(lengths.tolist(), initial=0)),
                parts,
                strict=True,
            )
        ]
    )
    return [list(islice(rows, count)) for count in counts]


def _write_error(error: Exception) -> dict[str, str]:
    document = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, ObjectNotFound):
        document["object"] = error.name
    return document


def _read_error(document: Mapping[str, str]) -> LookalikeError:
    """Return the error: of a type of its own where the asking process can do something about it."""
    if document["type"] == ObjectNotFound.__name__:
        return ObjectNotFound(document["object"], "the store of a worker")
    if document["type"] == PayloadTooLarge.__name__:
        return PayloadTooLarge(document["message"])
    if document["type"] == WorkerFailed.__name__:
        return WorkerFailed(document["message"])
    return WorkerFailed(f"{document['type']}: {document['message']}")


def _check_size(document: Mapping[str, Any], what: str) -> None:
    size = len(json.dumps(document, allow_nan=False))
    if size > PAYLOAD:
        raise PayloadTooLarge(f"{what} has {size:,} bytes, and {PAYLOAD:,} can be sent")


def _pack(values: Sequence[Any] | NDArray[Any], dtype: DTypeLike, *, packed: bool = False) -> str:
    data = np.asarray(values, dtype).tobytes()
    return base64.b64encode(zlib.compress(data) if packed else data).decode()


def _unpack(text: str, dtype: DTypeLike, *, packed: bool = False) -> NDArray[Any]:
    data = base64.b64decode(text, validate=True)
    return np.frombuffer(zlib.decompress(data) if packed else data, dtype)
