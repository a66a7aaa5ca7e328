"""What a worker is asked and what it answers, as JSON: for whatever carries a few megabytes from process to process.

Arrays are the base64 of their own bytes, little-endian; so a score arrives as the very float64 it was, and an answer is
the same wherever it was worked out. Segments are described as in a manifest, their dead rows as the asking process sees
them.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from shards.errors import LookalikeError, ObjectNotFound, QueryError
from shards.families import Rows, family
from shards.search.query import Query
from shards.search.scan import Found, Outcome
from shards.table.format.manifest import Segment
from shards.table.read.reader import SegmentReader
from shards.table.read.snapshot import Source

PROTOCOL = 2
"""Of these documents. While a new release is put in place, workers of both are asked."""

PAYLOAD = 6_000_000
"""Bytes of a request or an answer: AWS Lambda takes 6 MB each way, and wraps them in a few more."""


class WorkerFailed(LookalikeError):
    """A worker did not scan what it was asked to. The answer to the query names it as missing."""


class PayloadTooLarge(LookalikeError):
    """A request or an answer that cannot be sent: what it is about is to be scanned by the process that asks."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is asked: these questions of these segments, without the rows that are dead (sorted, uint32).

    `most`: of all the rows that it finds, the best so many are answered, for each question.
    """

    query: Query
    questions: tuple[Rows, ...]
    segments: tuple[tuple[Segment, NDArray[np.uint32]], ...]
    most: int


def write_order(query: Query, questions: Sequence[Rows], sources: Sequence[Source], most: int) -> dict[str, Any]:
    """The request. Raises PayloadTooLarge."""
    document: dict[str, Any] = {
        "protocol": PROTOCOL,
        "family": {"name": query.family.name, "version": query.family.version},
        "variants": list(query.variants),
        "limit": query.limit,
        # JSON has no infinity, and nothing scores less
        "min_score": None if query.min_score == -np.inf else query.min_score,
        "where": dict(query.where),
        "questions": [_pack(rows, query.family.dtype) for rows in questions],
        "segments": [_write_source(source) for source in sources],
        "most": most,
    }
    _check_size(document, f"a question about {len(sources):,} segments")
    return document


def read_order(document: Mapping[str, Any]) -> Order:
    """What is asked. Raises QueryError where this release cannot answer it."""
    try:
        if document["protocol"] != PROTOCOL:
            raise QueryError(f"a worker of protocol {PROTOCOL} is asked in protocol {document['protocol']!r}")
        kind = family(document["family"]["name"])
        if kind.version != document["family"]["version"]:
            raise QueryError(
                f"a worker computes version {kind.version} of {kind.name}, and is asked about"
                f" {document['family']['version']}"
            )
        query = Query(kind, tuple(document["variants"]), document["limit"], document["min_score"], document["where"])
        questions = tuple(_unpack(text, kind.dtype) for text in document["questions"])
        segments = tuple(
            (
                Segment.from_json(one["shard"], one["modulus"], one["segment"]),
                np.cumsum(_unpack(one["dead"], "<u4", packed=True), dtype=np.uint32),
            )
            for one in document["segments"]
        )
        most = int(document["most"])
    except (KeyError, TypeError, ValueError, binascii.Error, zlib.error) as error:
        raise QueryError(f"this is no question for a worker: {error!r}") from error
    return Order(query, questions, segments, most)


def write_answer(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The answer, an outcome for each segment in order; that it is too large, where it is."""
    document = {"protocol": PROTOCOL, "segments": [_write_outcome(one) for one in outcomes]}
    try:
        _check_size(document, f"an answer about {len(outcomes):,} segments")
    except PayloadTooLarge as error:
        return refusal(error)
    return document


def refusal(error: Exception) -> dict[str, Any]:
    """The answer where nothing could be scanned at all."""
    return {"protocol": PROTOCOL, "error": _write_error(error)}


def read_answer(document: Any, sources: Sequence[Source]) -> list[Outcome]:
    """What is known of each source now: its best rows for each question, or why they are not known.

    Raises PayloadTooLarge, WorkerFailed where there is nothing about any of them.
    """
    try:
        if "error" in document:
            raise _read_error(document["error"])
        if document["protocol"] != PROTOCOL:
            raise WorkerFailed(f"a worker answers in protocol {document['protocol']}, and was asked in {PROTOCOL}")
        return [_read_outcome(one, source) for one, source in zip(document["segments"], sources, strict=True)]
    except (KeyError, TypeError, ValueError, binascii.Error, zlib.error) as error:
        raise WorkerFailed(
            f"a worker's answer cannot be understood: {error!r}; it begins {str(document)[:200]!r}"
        ) from error


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


def _write_outcome(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, LookalikeError):
        return {"error": _write_error(outcome)}
    found = list(chain.from_iterable(outcome))
    return {
        "counts": [len(one) for one in outcome],
        "rows": _pack([one.row for one in found], "<u4"),
        "scores": _pack([one.score for one in found], "<f8"),
        "variants": _pack([one.variant for one in found], "<u2"),
        "lengths": _pack([len(one.key) for one in found], "<u2"),
        "keys": base64.b64encode(b"".join(one.key for one in found)).decode(),
    }


def _read_outcome(document: Mapping[str, Any], source: Source) -> Outcome:
    if "error" in document:
        return _read_error(document["error"])
    keys = base64.b64decode(document["keys"], validate=True)
    columns = [_unpack(document[name], dtype) for name, dtype in (("rows", "<u4"), ("scores", "<f8"))]
    variants, lengths = (_unpack(document[name], "<u2") for name in ("variants", "lengths"))
    found = [
        Found(source, row, keys[start:stop], score, variant)
        for row, score, variant, (start, stop) in zip(
            *(column.tolist() for column in (*columns, variants)),
            pairwise(accumulate(lengths.tolist(), initial=0)),
            strict=True,
        )
    ]
    ends = list(accumulate(document["counts"], initial=0))
    if ends[-1] != len(found) or int(lengths.sum()) != len(keys):
        raise ValueError(f"{len(found)} rows with {len(keys)} bytes of keys")
    return [found[start:stop] for start, stop in pairwise(ends)]


def _write_error(error: Exception) -> dict[str, str]:
    document = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, ObjectNotFound):
        document["object"] = error.name
    return document


def _read_error(document: Mapping[str, str]) -> LookalikeError:
    """What went wrong: two errors are something that the asking process can do about, the others have a reason."""
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
