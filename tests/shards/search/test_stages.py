"""Stages of a question to several families: what is asked first, what later, and what is said of the rest."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from lookalike import Answer, Index, Key
from shards.families import DEFAULT, family
from shards.pictures.decoding import Picture
from shards.search.plan import cold_bytes
from shards.search.query import Part, Query
from shards.search.stages import NotAsked, everything, is_empty, only, plan_stages
from shards.storage.memory import MemoryStore
from shards.testing.samples import scene
from tests.shards.table.counting import CountingStore

CROPS = family("crops")


def png(rgb: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    return file.getvalue()


def detailed(n: int) -> Picture:
    return scene(n, 300, 400)


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    store = MemoryStore()
    index = Index.create(store, families=DEFAULT, thumbnails=0)
    for n in range(3):
        index.add(f"{n}", png(detailed(n).rgb))
    index.compact()
    return store


def asked(*names: str, picture: Picture | None = None) -> Query:
    parts = []
    for name in names:
        rows = family(name).questions(picture or detailed(1))
        parts.append(Part(family(name), (rows,), None, (("as is",) * len(rows),)))
    return Query(tuple(parts))


def rows_in(query: Query) -> dict[str, list[int]]:
    return {part.family.name: [len(rows) for rows in part.questions] for part in query.parts}


def test_the_dear_rows_of_a_question_are_asked_later() -> None:
    made = plan_stages(asked("dhash", "crops"), [])
    assert rows_in(made.first) == {"dhash": [1], "crops": [1]}
    assert rows_in(made.second) == {"dhash": [0], "crops": [1]}
    assert made.second.parts[1].questions[0]["count"][0] > made.first.parts[1].questions[0]["count"][0]
    assert made.cold == ()


def test_everything_at_once_leaves_nothing_for_later() -> None:
    made = everything(asked("dhash", "crops"))
    assert rows_in(made.first) == {"dhash": [1], "crops": [2]}
    assert is_empty(made.second)


def test_questions_that_have_their_answer_are_not_asked_again() -> None:
    query = Query((Part(CROPS, tuple(CROPS.questions(detailed(n)) for n in range(3)), None),))
    assert rows_in(only(query, [True, False, True])) == {"crops": [2, 0, 2]}


def test_what_is_far_away_is_asked_by_its_cost(store: MemoryStore) -> None:
    index = Index.open(CountingStore(store), memory=0)
    sources = index._table.snapshot().scanned
    query = asked("haar", "dhash", "crops")
    costs = {
        part.family.name: sum(cold_bytes(source, Query((part,))) for source in sources)
        for part in plan_stages(query, sources).first.parts
    }
    assert min(costs.values()) > 0
    cheap, dear = sorted(("haar", "dhash"), key=lambda name: costs[name])
    made = plan_stages(query, sources, costs["crops"] + costs[cheap])
    assert rows_in(made.first) == {cheap: [1], dear: [0], "crops": [1]}
    assert [(each.family, each.reason, each.whole) for each in made.cold] == [
        (dear, "cold", True),
        ("crops", "cold", False),
    ]
    assert made.cold[0].fetched == costs[dear]
    # what nothing else can find is asked for in any case
    assert rows_in(plan_stages(query, sources, 0).first) == {"haar": [0], "dhash": [0], "crops": [1]}


def test_what_is_certain_is_not_asked_for_any_further(store: MemoryStore) -> None:
    index = Index.open(store)
    whole, part = detailed(1), Picture(np.ascontiguousarray(detailed(2).rgb[60:280, 100:390]))
    known, cut = index.search_many([whole, part])
    assert isinstance(known, Answer)
    assert isinstance(cut, Answer)
    assert (known.hits[0].key, known.hits[0].confidence) == ("1", "certain")
    assert known.not_asked == (NotAsked("goldberg", "certain", True, 0), NotAsked("crops", "certain", False, 0))
    assert (cut.hits[0].key, cut.hits[0].is_match) == ("2", True)
    assert index.search(whole, thorough=True).not_asked == ()


@pytest.mark.parametrize("question", [Key("1"), png(detailed(1).rgb)], ids=["its key", "its file"])
def test_that_an_image_finds_itself_is_no_reason_to_look_no_further(store: MemoryStore, question: Key | bytes) -> None:
    answer = Index.open(store).search(question)
    assert (answer.hits[0].key, answer.hits[0].confidence) == ("1", "certain")
    assert answer.not_asked == ()


def test_an_image_that_has_another_copy_is_looked_for_no_further(store: MemoryStore) -> None:
    index = Index.create("memory://", families=("dhash", "pdq", "goldberg"), thumbnails=0)
    index.add("1", png(detailed(1).rgb))
    assert index.search(Key("1")).not_asked == ()
    index.add("copy", png(detailed(1).rgb[1:]))
    assert [each.family for each in index.search(Key("1")).not_asked] == ["goldberg"]


def test_an_answer_says_what_was_too_far_away(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.answers.WORTH", 0)
    answer = Index.open(CountingStore(store), memory=0).search(detailed(1))
    left_out = {each.family for each in answer.not_asked if each.reason == "cold"}
    assert left_out >= {"haar", "goldberg", "dhash", "pdq"}
    assert answer.hits[0].key == "1"
    assert Index.open(CountingStore(store), memory=0).search(detailed(1), thorough=True).not_asked == ()
