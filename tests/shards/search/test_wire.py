"""What is sent to workers and back: nothing is lost on the way, and what does not fit or make sense is said."""

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
from shards.search.query import Query
from shards.search.scan import Found
from shards.storage.memory import MemoryStore
from shards.table.format.manifest import Segment
from shards.table.format.segment import pack_records
from shards.table.read.reader import SegmentReader
from shards.table.read.snapshot import Source
from tests.contracts.families import scene
from tests.shards.table.synthetic import FAMILIES, many

DHASH = family("dhash")


def segment(shard: int = 3) -> Segment:
    made, _ = pack_records(shard, many([f"{n}" for n in range(50)], 1), FAMILIES, "0" * 16)
    return made


def source(dead: tuple[int, ...] = (), of: Segment | None = None) -> Source:
    return Source(SegmentReader(MemoryStore(), of or segment()), np.array(dead, np.uint32))


def sent(document: Any) -> Any:
    """As it is when it arrives."""
    return json.loads(json.dumps(document, allow_nan=False))


def signatures(name: str) -> Rows:
    kind = family(name)
    return np.array([kind.compute(scene(n)) for n in range(3)], kind.dtype)


def query(name: str = "dhash", **options: Any) -> Query:
    return Query(family(name), ("as is", "mirrored", "negative"), **options)


@pytest.mark.parametrize("name", [*DEFAULT, "phash16", "pdq"])
def test_a_question_arrives_as_it_was_asked(name: str) -> None:
    asked = query(name, limit=7, min_score=33.3, where={"album": "Zürich 😀", "n": [1.5, None, True]})
    rows = signatures(name)
    order = messages.read_order(sent(messages.write_order(asked, [rows, rows[1:]], [source()], 7)))
    assert order.query == asked
    assert [one.tobytes() for one in order.questions] == [rows.tobytes(), rows[1:].tobytes()]
    assert order.questions[0].dtype == rows.dtype
    assert order.most == 7


@given(st.sets(st.integers(0, 2**32 - 1)))
def test_a_segment_arrives_with_what_is_dead_in_it_now(dead: set[int]) -> None:
    one = segment()
    order = messages.read_order(sent(messages.write_order(query(), [], [source(tuple(sorted(dead)), one)], 7)))
    ((got, rows),) = order.segments
    assert got == one
    assert dict(got.columns) == dict(one.columns)
    assert list(got.columns) == list(one.columns), "checksums are in the order of the columns"
    assert (rows.dtype, rows.tolist()) == (np.uint32, sorted(dead))


def test_no_bar_and_the_lowest_bar_are_the_same() -> None:
    for min_score in (None, -np.inf):
        order = messages.read_order(sent(messages.write_order(query(min_score=min_score), [], [], 7)))
        assert order.query.min_score is None


FOUND = st.builds(
    Found,
    source=st.none(),
    row=st.integers(0, 2**32 - 1),
    key=st.binary(min_size=1, max_size=40),
    score=st.floats(-200, 100),
    variant=st.integers(0, 15),
)


@given(st.lists(st.lists(FOUND, max_size=4), max_size=4))
def test_rows_arrive_to_the_last_bit(scanned: list[list[Found]]) -> None:
    asked = source()
    ((*got,),) = messages.read_answer(sent(messages.write_answer([scanned])), [asked])
    assert [[(one.row, one.key, one.score, one.variant) for one in part] for part in got] == [
        [(one.row, one.key, one.score, one.variant) for one in part] for part in scanned
    ]
    assert all(one.source is asked for part in got for one in part)


def test_an_error_is_one_of_its_segment_alone() -> None:
    errors = [ObjectNotFound("segments/1", "s3://b"), CorruptObject("segments/2", "ends inside column x")]
    gone, broken, fine = messages.read_answer(sent(messages.write_answer([*errors, [[]]])), [source()] * 3)
    assert isinstance(gone, ObjectNotFound)
    assert gone.name == "segments/1"
    assert isinstance(broken, WorkerFailed)
    assert "CorruptObject: segments/2: ends inside column x" in str(broken)
    assert fine == [[]]


def test_a_refusal_says_why() -> None:
    with pytest.raises(WorkerFailed, match="MemoryError: out of memory"):
        messages.read_answer(sent(messages.refusal(MemoryError("out of memory"))), [source()])
    with pytest.raises(PayloadTooLarge, match="9 bytes"):
        messages.read_answer(sent(messages.refusal(PayloadTooLarge("9 bytes"))), [source()])


def test_what_a_function_cannot_take_is_not_sent() -> None:
    rows = np.zeros(messages.PAYLOAD, np.uint8).view(DHASH.dtype)
    with pytest.raises(PayloadTooLarge, match=r"a question about 1 segments has 8,\d{3},\d{3} bytes, and 6,000,000"):
        messages.write_order(query(), [rows], [source()], 7)


def test_an_answer_that_a_function_cannot_give_says_so() -> None:
    asked = source()
    found = [Found(asked, row, b"pictures/2024/a.jpg", 99.5, 0) for row in range(100_000)]
    fits = messages.write_answer([[found]])
    assert len(json.dumps(fits)) < messages.PAYLOAD, "a hundred thousand hits are an answer"
    with pytest.raises(PayloadTooLarge, match="an answer about 2 segments"):
        messages.read_answer(sent(messages.write_answer([[found], [found]])), [asked, asked])


def test_a_third_of_a_million_dead_rows_is_a_small_question() -> None:
    dead = np.flatnonzero(np.random.default_rng(1).random(1 << 20) < 1 / 3).astype(np.uint32)
    asked = messages.write_order(query(), [], [Source(source().reader, dead)], 7)
    assert len(json.dumps(asked)) < 300_000


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"protocol": 1}, "protocol 2 is asked in protocol 1"),
        ({"family": {"name": "dhash", "version": 99}}, "and is asked about 99"),
        ({"family": {"name": "sift", "version": 1}}, "no family is called 'sift'"),
        ({"questions": ["?"]}, "no question for a worker"),
        ({"questions": ["AAAA"]}, "no question for a worker"),
        ({"segments": [{}]}, "no question for a worker: KeyError"),
        ({"segments": 7}, "no question for a worker"),
        ({"limit": 0}, "limit is 0"),
    ],
)
def test_a_question_that_a_worker_cannot_answer_is_refused(change: dict[str, Any], problem: str) -> None:
    asked = sent(messages.write_order(query(), [signatures("dhash")], [source()], 7))
    with pytest.raises(QueryError, match=problem):
        messages.read_order(asked | change)


SCANNED = [[Found(source(), 5, b"key", 50.0, 1)]]


@pytest.mark.parametrize(
    "change",
    [
        {"keys": "a2V5cw=="},
        {"rows": ""},
        {"rows": "*"},
        {"counts": [2]},
        {"lengths": "BAA="},
        {"scores": None},
    ],
)
def test_an_answer_that_does_not_add_up_is_a_failure(change: dict[str, Any]) -> None:
    answer = sent(messages.write_answer([SCANNED]))
    answer["segments"][0] |= change
    with pytest.raises(WorkerFailed, match="cannot be understood"):
        messages.read_answer(answer, [source()])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["protocol", "segments", "error"]), inner)
    ),
)


@given(JSON)
def test_nonsense_is_refused_with_an_error_of_ours(document: Any) -> None:
    with pytest.raises(LookalikeError):
        messages.read_answer(document, [source()])
    with pytest.raises(LookalikeError):
        messages.read_order(document)


def test_an_answer_in_another_protocol_is_refused() -> None:
    with pytest.raises(WorkerFailed, match="answers in protocol 1"):
        messages.read_answer({"protocol": 1, "segments": []}, [])
