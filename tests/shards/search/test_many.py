"""Several questions at once: each is answered as it would be alone, and none spoils the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike import (
    Answer,
    Index,
    Key,
    KeyInvalid,
    KeyNotFound,
    PictureError,
    QueryError,
    Record,
    Signature,
    SignatureError,
)
from shards.families import family
from shards.search.stored import StoredPictures
from shards.storage import Store
from shards.storage.memory import MemoryStore
from shards.testing.samples import scene
from tests.shards.table.counting import CountingStore

FAMILIES = ("haar", "goldberg", "dhash", "phash16")


@pytest.fixture(scope="module")
def index() -> Index:
    """An index of thirty scenes of two kinds in three shards, some of them still in the log."""
    return filled(MemoryStore())


def filled(store: Store) -> Index:
    index = Index.create(store, families=FAMILIES, shards=3, thumbnails=0)
    for n in range(30):
        picture = scene(n % 20)
        rows = {name: family(name).compute(picture) for name in FAMILIES}
        record = Record(f"{n}.jpg", index.next_order(), width=10, height=10, meta={"is_even": n % 2 == 0}, rows=rows)
        index.write([record])
        if n == 20:
            index.compact()
    index.remove(["7.jpg"])
    return index


@given(
    asked=st.lists(st.integers(0, 29).filter(lambda n: n != 7), max_size=6),
    name=st.sampled_from(FAMILIES),
    limit=st.sampled_from([1, 3, 40]),
    min_score=st.sampled_from([None, 20.0, 99.0]),
    where=st.sampled_from([None, {"is_even": True}, {"is_even": 7}, {"is_even": {"$ne": True}}]),
)
def test_each_is_answered_as_it_is_alone(
    index: Index, asked: list[int], name: str, limit: int, min_score: float | None, where: dict[str, object] | None
) -> None:
    questions = [Key(f"{n}.jpg") if n % 3 else Signature(index.get(f"{n}.jpg").signatures[name]) for n in asked]
    together = index.search_many(questions, family=name, limit=limit, min_score=min_score, where=where)

    assert list(together) == [
        index.search(question, family=name, limit=limit, min_score=min_score, where=where) for question in questions
    ]


@pytest.mark.parametrize("name", FAMILIES[:2])
def test_orientations_and_negatives_are_searched_for_each(index: Index, name: str) -> None:
    negatives = name == "goldberg"
    turned = [scene(3).orientations()[5], scene(4), scene(5).orientations()[2]]
    together = index.search_many(turned, family=name, orientations=True, negatives=negatives, limit=2)

    assert list(together) == [
        index.search(one, family=name, orientations=True, negatives=negatives, limit=2) for one in turned
    ]
    assert [answer.hits[0].key for answer in together if isinstance(answer, Answer)] == ["23.jpg", "24.jpg", "25.jpg"]


def test_a_question_without_an_answer_has_its_error_there(index: Index, tmp_path: Path) -> None:
    questions = [Key("none"), Signature("xyz"), b"text", tmp_path / "none.jpg", Key(""), Key("4.jpg"), scene(5)]
    answers = index.search_many(questions, family="dhash", limit=1)

    assert [type(answer) for answer in answers[:5]] == [
        KeyNotFound,
        SignatureError,
        PictureError,
        PictureError,
        KeyInvalid,
    ]
    assert [answer.hits[0].key for answer in answers[5:] if isinstance(answer, Answer)] == ["24.jpg", "25.jpg"]
    turned = index.search_many([Key("4.jpg"), scene(5)], family="dhash", limit=1, orientations=True)
    assert [type(answer) for answer in turned] == [QueryError, Answer]
    inverted = index.search_many([Key("4.jpg"), Key("none")], family="dhash", negatives=True)
    assert [type(answer) for answer in inverted] == [QueryError, KeyNotFound]


def test_no_questions_have_no_answers(index: Index) -> None:
    assert list(index.search_many([])) == []


@pytest.mark.parametrize(
    "options",
    [{"limit": 0}, {"min_score": 101}, {"family": "sift"}, {"where": {"n": object()}}, {"max_distance": 3}],
)
def test_what_no_question_can_ask_is_refused_whatever_the_questions(index: Index, options: dict[str, object]) -> None:
    with pytest.raises(QueryError):
        index.search_many([], **options)  # type: ignore[arg-type]


def test_ten_questions_read_no_more_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # except to see that what they find is not flat: there are more hits
    monkeypatch.setattr(StoredPictures, "read", lambda _, called: list(called))
    store = CountingStore(MemoryStore())
    filled(store)
    index = Index.open(store, memory=0)
    assert index.rates is None  # looked for once, whatever is asked
    questions = [Signature(index.get(f"{n}.jpg").signatures["phash16"]) for n in range(10, 20)]
    # the first search also looks for false rates of the index's own
    index.search_many(questions[:1], family="phash16")
    store.reset()
    index.search_many(questions[:1], family="phash16")
    alone = (store.requests, store.bytes_read)
    store.reset()
    answers = index.search_many(questions, family="phash16")

    assert len(answers) == 10
    assert (store.requests, store.bytes_read) == alone
