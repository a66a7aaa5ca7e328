"""Messages to workers and back: nothing is lost on the way, and what does not fit or make sense is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike import CorruptObject, LookalikeError, ObjectNotFound, QueryError
from shards.families import DEFAULT, Rows, family
from shards.search.executors import messages
from shards.search.executors.messages import PayloadTooLarge, WorkerFailed
from shards.search.filters import Filter
from shards.search.found import FoundRow
from shards.search.query import Part, Query
from shards.storage.memory import MemoryStore
from shards.table.format.manifest import Segment
from shards.table.format.segment import pack_records
from shards.table.read.reader import SegmentReader
from shards.table.read.snapshot import Source
from shards.testing.samples import scene
from tests.shards.table.synthetic import FAMILIES, many

DHASH = family("dhash")


def segment(shard: int = 3) -> Segment:
    made, _ = pack_records(shard, many([f"{n}" for n in range(50)], 1), FAMILIES, "0" * 16)
    return made


def source(dead: tuple[int, ...] = (), of: Segment | None = None) -> Source:
    return Source(SegmentReader(MemoryStore(), of or segment()), np.array(dead, np.uint32))


def sent(document: Any) -> Any:
    """Return the document as it arrives."""
    return json.loads(json.dumps(document, allow_nan=False))


def signatures(name: str) -> Rows:
    kind = family(name)
    return np.concatenate([kind.questions(scene(n)) for n in range(3)])


def part(name: str, *questions: Rows, min_score: float | None = None) -> Part:
    return Part(family(name), questions, min_score)


def query(*questions: Rows, **options: Any) -> Query:
    return Query((part("dhash", *questions),), **options)


ONE = query(np.zeros(1, DHASH.dtype))
"""A query with one lane."""


def same_part(arrived: Part, sent: Part) -> bool:
    return (
        (arrived.family, arrived.min_score) == (sent.family, sent.min_score)
        and [rows.tobytes() for rows in arrived.questions] == [rows.tobytes() for rows in sent.questions]
        and all(rows.dtype == sent.family.question_dtype for rows in arrived.questions)
    )


@pytest.mark.parametrize("name", [*DEFAULT, "phash16"])
def test_a_question_arrives_as_it_was_asked(name: str) -> None:
    rows = signatures(name)
    where = {"album": "Zürich 😀", "n": [1.5, None, True]}
    asked = Query((part(name, rows, rows[1:], min_score=33.3),), 7, Filter.of(where))
    request = messages.read_request(sent(messages.write_request(asked, [source()], 9, workers=7)))
    assert request.workers == 7
    assert (request.query.limit, request.query.where, request.max_rows) == (7, Filter.of(where), 9)
    assert all(map(same_part, request.query.parts, asked.parts))


def test_a_question_in_several_families_with_more_signatures_than_a_record_has_arrives() -> None:
    many_rows = np.tile(signatures("haar"), 7)
    asked = Query((part("dhash", signatures("dhash"), signatures("dhash")[:1]), part("haar", many_rows, many_rows[:2])))
    request = messages.read_request(sent(messages.write_request(asked, [source()], 9)))
    assert len(request.query.parts) == 2
    assert all(map(same_part, request.query.parts, asked.parts))


@given(st.sets(st.integers(0, 2**32 - 1)))
def test_a_segment_arrives_with_what_is_dead_in_it_now(dead: set[int]) -> None:
    wanted = segment()
    request = messages.read_request(sent(messages.write_request(query(), [source(tuple(sorted(dead)), wanted)], 7)))
    ((got, rows),) = request.segments
    assert got == wanted
    assert dict(got.columns) == dict(wanted.columns)
    assert list(got.columns) == list(wanted.columns), "checksums are in the order of the columns"
    assert (rows.dtype, rows.tolist()) == (np.uint32, sorted(dead))


def test_no_threshold_and_the_lowest_threshold_are_the_same() -> None:
    for min_score in (None, -np.inf):
        asked = Query((part("dhash", min_score=min_score),))
        request = messages.read_request(sent(messages.write_request(asked, [], 7)))
        assert request.query.parts[0].min_score is None


ROW = st.builds(
    FoundRow,
    source=st.none(),
    row=st.integers(0, 2**32 - 1),
    key=st.binary(min_size=1, max_size=40),
    score=st.floats(-200, 100),
    variant=st.integers(0, 15),
)


@st.composite
def lanes(draw: st.DrawFn) -> tuple[int, list[list[FoundRow]]]:
    """A number of parts, and rows for each lane of some questions in so many parts."""
    parts, questions = draw(st.integers(1, 3)), draw(st.integers(0, 4))
    lane = st.lists(ROW, max_size=4)
    return parts, draw(st.lists(lane, min_size=parts * questions, max_size=parts * questions))


@given(lanes())
def test_rows_arrive_to_the_last_bit(parts_scanned: tuple[int, list[list[FoundRow]]]) -> None:
    parts, scanned = parts_scanned
    questions = len(scanned) // parts
    asked = Query(tuple(part("dhash", *[np.zeros(1, DHASH.dtype)] * questions) for _ in range(parts)))
    of = source()
    (got,) = messages.read_answer(sent(messages.write_answer([scanned])), asked, [of])
    assert isinstance(got, list)
    assert [[(row.row, row.key, row.score, row.variant) for row in lane] for lane in got] == [
        [(row.row, row.key, row.score, row.variant) for row in lane] for lane in scanned
    ]
    assert all(row.source is of and row.part == n // questions for n, lane in enumerate(got) for row in lane)


def test_an_error_is_one_of_its_segment_alone() -> None:
    errors = [ObjectNotFound("segments/1", "s3://b"), CorruptObject("segments/2", "ends inside column x")]
    gone, broken, fine = messages.read_answer(sent(messages.write_answer([*errors, [[]]])), ONE, [source()] * 3)
    assert isinstance(gone, ObjectNotFound)
    assert gone.name == "segments/1"
    assert isinstance(broken, WorkerFailed)
    assert "CorruptObject: segments/2: ends inside column x" in str(broken)
    assert fine == [[]]


def test_a_refusal_says_why() -> None:
    with pytest.raises(WorkerFailed, match="MemoryError: out of memory"):
        messages.read_answer(sent(messages.refusal(MemoryError("out of memory"))), ONE, [source()])
    with pytest.raises(PayloadTooLarge, match="9 bytes"):
        messages.read_answer(sent(messages.refusal(PayloadTooLarge("9 bytes"))), ONE, [source()])


def test_what_a_function_cannot_take_is_not_sent() -> None:
    rows = np.zeros(messages.PAYLOAD, np.uint8).view(DHASH.dtype)
    with pytest.raises(PayloadTooLarge, match=r"a question about 1 segments has 8,\d{3},\d{3} bytes, and 6,000,000"):
        messages.write_request(query(rows), [source()], 7)


def test_an_answer_that_a_function_cannot_give_says_so() -> None:
    asked = source()
    found = [FoundRow(asked, row, b"pictures/2024/a.jpg", 99.5, 0) for row in range(100_000)]
    fits = messages.write_answer([[found]])
    assert len(json.dumps(fits)) < messages.PAYLOAD, "a hundred thousand hits are an answer"
    with pytest.raises(PayloadTooLarge, match="an answer about 2 segments"):
        messages.read_answer(sent(messages.write_answer([[found], [found]])), ONE, [asked, asked])


def test_a_third_of_a_million_dead_rows_is_a_small_question() -> None:
    dead = np.flatnonzero(np.random.default_rng(1).random(1 << 20) < 1 / 3).astype(np.uint32)
    asked = messages.write_request(query(), [Source(source().reader, dead)], 7)
    assert len(json.dumps(asked)) < 300_000


PART = messages.write_request(query(signatures("dhash")), [], 7)["parts"][0]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"protocol": 2}, "protocol 7 is asked in protocol 2"),
        ({"index": "../elsewhere"}, "is no id of an index"),
        ({"parts": [PART | {"family": {"name": "dhash", "version": 99}}]}, "and is asked about 99"),
        ({"parts": [PART | {"family": {"name": "sift", "version": 1}}]}, "no family is called 'sift'"),
        ({"parts": [PART | {"questions": ["?"]}]}, "no question for a worker"),
        ({"parts": [PART | {"questions": ["AAAA"]}]}, "no question for a worker"),
        ({"parts": [PART | {"questions": []}, PART]}, r"the parts of a query have \[0, 1\] questions"),
        ({"parts": []}, r"the parts of a query have \[\] questions"),
        ({"parts": 7}, "no question for a worker"),
        ({"segments": [{}]}, "no question for a worker: KeyError"),
        ({"segments": 7}, "no question for a worker"),
        ({"limit": 0}, "limit is 0"),
    ],
)
def test_a_question_that_a_worker_cannot_answer_is_refused(change: dict[str, Any], problem: str) -> None:
    asked = sent(messages.write_request(query(signatures("dhash")), [source()], 7))
    with pytest.raises(QueryError, match=problem):
        messages.read_request(asked | change)


SCANNED = [[FoundRow(source(), 5, b"key", 50.0, 1)]]


@pytest.mark.parametrize(
    "change",
    [
        {"keys": "a2V5cw=="},
        {"rows": ""},
        {"rows": "*"},
        {"counts": [2]},
        {"counts": [1, 0]},
        {"counts": []},
        {"counts": [-1]},
        {"counts": ["1"]},
        {"lengths": "BAA="},
        {"scores": None},
    ],
)
def test_an_answer_that_does_not_add_up_is_a_failure(change: dict[str, Any]) -> None:
    answer = sent(messages.write_answer([SCANNED]))
    answer["segments"][0] |= change
    with pytest.raises(WorkerFailed, match="cannot be understood"):
        messages.read_answer(answer, ONE, [source()])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["protocol", "segments", "error"]), inner)
    ),
)


@given(JSON)
def test_nonsense_is_refused_with_an_error_of_ours(document: Any) -> None:
    with pytest.raises(LookalikeError):
        messages.read_answer(document, ONE, [source()])
    with pytest.raises(LookalikeError):
        messages.read_request(document)


def test_an_answer_in_another_protocol_is_refused() -> None:
    with pytest.raises(WorkerFailed, match="answers in protocol 2"):
        messages.read_answer({"protocol": 2, "segments": []}, ONE, [])
