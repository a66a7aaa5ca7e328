"""Stages of a question to several families: what is asked first, what later, and what is said of the rest."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from lookalike import Answer, Index, Key, Records
from shards.families import DEFAULT, family
from shards.families.rates import MATCH_RATE, WEAK_RATE
from shards.pictures.decoding import Picture
from shards.search.plan import cold_bytes
from shards.search.query import Part, Query
from shards.search.stages import NotAsked, everything, is_empty, only, plan_stages, reaching
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


def test_one_family_is_asked_in_any_case(store: MemoryStore) -> None:
    sources = Index.open(CountingStore(store), memory=0)._table.snapshot().scanned
    made = plan_stages(asked("dhash", "haar", "crops"), sources, 0)
    assert rows_in(made.first) == {"dhash": [1], "haar": [0], "crops": [0]}
    assert is_empty(made.second)
    assert {(each.family, each.whole) for each in made.cold} == {("haar", True), ("crops", True)}
    alone = plan_stages(asked("goldberg"), sources, 0)
    assert (rows_in(alone.second), alone.cold) == ({"goldberg": [1]}, ())


def test_what_is_in_memory_is_asked_at_any_cost_of_the_rest(store: MemoryStore) -> None:
    sources = Index.open(store)._table.snapshot().scanned
    made = plan_stages(asked("haar", "goldberg", "crops"), sources, -1)
    assert rows_in(made.first) == {"haar": [1], "goldberg": [0], "crops": [1]}
    assert made.cold == ()


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
    assert len(left_out) == len(DEFAULT) - 1
    assert answer.hits[0].key == "1"
    assert Index.open(CountingStore(store), memory=0).search(detailed(1), thorough=True).not_asked == ()


def test_what_no_family_seconds_is_no_match_of_several() -> None:
    names = ("dhash", "pdq", "goldberg")
    index = Index.create("memory://", families=names, thumbnails=0)
    page, other = detailed(1), detailed(2)
    rows = {name: np.array([family(name).compute(other if name != "goldberg" else page)]) for name in names}
    index.write_bulk(Records.build(keys=["other"], order=np.array([index.next_order()], np.uint64), rows=rows))
    (hit,) = index.search(page).hits
    assert (hit.family, hit.score, hit.is_match, hit.confidence) == ("goldberg", 100, False, "weak")
    assert (hit.false_rate, hit.families, hit.reason) == (WEAK_RATE, (), "no other family sees anything in common")
    (asked_alone,) = index.search(page, family="goldberg").hits
    assert asked_alone.is_match


def flipped(row: np.void, bits: int) -> np.void:
    """A hash that differs in so many bits."""
    other = row.copy()
    other["hash"][0] ^= np.uint64((1 << bits) - 1)
    return other


def stored_index(*records: dict[str, np.void]) -> Index:
    """An index of these signatures, each with the number of its place as its key."""
    index = Index.create("memory://", families=tuple(records[0]), thumbnails=0)
    order = np.array([index.next_order() for _ in records], np.uint64)
    rows = {name: np.array([record[name] for record in records]) for name in records[0]}
    index.write_bulk(Records.build(keys=[f"{n}" for n in range(len(records))], order=order, rows=rows))
    return index


def signatures(n: int, *names: str) -> dict[str, np.void]:
    return {name: family(name).compute(detailed(n)) for name in names}


@pytest.mark.parametrize(("bits", "is_seconded"), [(11, True), (12, True), (20, False)])
@pytest.mark.parametrize("nearer", [30, 5])
def test_what_another_family_sees_at_all_is_seconded(bits: int, is_seconded: bool, nearer: int) -> None:
    question, other = (signatures(n, "dhash", "pdq", "goldberg") for n in (1, 2))
    copy = other | {"goldberg": question["goldberg"], "dhash": flipped(question["dhash"], bits)}
    # the best that dhash finds is the copy itself, or another picture: then the copy's hash has to be read
    index = stored_index(copy, other | {"dhash": flipped(question["dhash"], nearer)})
    (hit,) = index.search(detailed(1), limit=1).hits
    assert (hit.key == "0" and hit.is_match) == is_seconded
    assert [each.family for each in hit.families] == ["goldberg"] * is_seconded


def test_what_follows_is_asked_for_where_a_picture_turns_out_to_be_flat() -> None:
    question, other = (signatures(n, "dhash", "pdq", "goldberg") for n in (1, 2))
    flat_pdq = other["pdq"].copy()
    flat_pdq["quality"] = 0
    flat = other | {"goldberg": question["goldberg"], "pdq": flat_pdq, "dhash": flipped(question["dhash"], 7)}
    second = signatures(3, "dhash", "pdq", "goldberg") | {"dhash": flipped(question["dhash"], 14)}
    somewhat_alike = question["goldberg"].copy()
    somewhat_alike["planes"][:, 12:] = other["goldberg"]["planes"][:, 12:]
    third = other | {"goldberg": somewhat_alike, "dhash": flipped(question["dhash"], 64)}
    index = stored_index(flat, second, third)
    later, at_once = (index.search(detailed(1), limit=2, thorough=thorough) for thorough in (False, True))
    assert [hit.key for hit in at_once.hits] == ["1", "2"]
    assert later.hits == at_once.hits


def test_a_negative_needs_no_second_word() -> None:
    index = Index.create("memory://", families=("dhash", "pdq", "goldberg"), thumbnails=0)
    index.add("negative", png(255 - detailed(1).rgb))
    (hit,) = index.search(detailed(1), negatives=True).hits
    assert (hit.family, hit.is_match, hit.variant) == ("goldberg", True, "as is, negative")


def test_thresholds_keep_what_gets_among_the_best_and_what_is_told_of_others() -> None:
    goldberg, crops = family("goldberg"), family("crops")
    bounded = reaching(asked("goldberg", "crops"), 1e-9)
    for part, rate in zip(bounded.parts, (MATCH_RATE, WEAK_RATE), strict=True):
        assert part.min_score == pytest.approx(part.rates.score(rate), abs=1e-5)
        assert part.min_score < part.rates.score(rate)
    (part,) = reaching(asked("goldberg"), 1e-3).parts
    assert part.min_score == pytest.approx(goldberg.rates.score(1e-3), abs=1e-5)
    assert [part.min_score for part in reaching(asked("goldberg", "crops"), 1.0).parts] == [None, None]
    assert crops.knows_overlaps


@pytest.mark.parametrize("limit", [1, 2, 5, 40])
def test_what_is_asked_later_within_a_bound_finds_what_everything_at_once_does(limit: int) -> None:
    index = Index.create("memory://", families=("haar", "dhash", "pdq", "goldberg"), thumbnails=0)
    count, rng = 200, np.random.default_rng(7)
    parents = {kind.name: np.array([kind.compute(scene(n)) for n in range(8)]) for kind in index.families}
    # relatives of one another, as if by chance: each family has other ones
    rows = {name: found[rng.integers(0, len(found), count)].copy() for name, found in parents.items()}
    for name in ("dhash", "pdq"):
        flips = np.bitwise_and.reduce(rng.integers(0, 1 << 64, (3, *rows[name]["hash"].shape), np.uint64))
        rows[name]["hash"] ^= flips
    rows["goldberg"]["planes"][:, :2] &= rng.integers(0, 256, (count, 1, 34), np.uint8)
    order = np.array([index.next_order() for _ in range(count)], np.uint64)
    index.write_bulk(Records.build(keys=[f"{n}" for n in range(count)], order=order, rows=rows))
    for n in range(20):
        question = scene(n)
        later, at_once = (index.search(question, limit=limit, thorough=thorough) for thorough in (False, True))
        if not any(each.reason == "certain" for each in later.not_asked):
            assert later.hits == at_once.hits
