"""Queries in several families: a record is ranked by the family that is surest of it, whoever scans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from lookalike import Index
from shards.families import Rows, family
from shards.search.executors.base import Executor
from shards.search.executors.fan_out import FanOut
from shards.search.executors.local import LocalExecutor
from shards.search.executors.worker import Worker
from shards.search.hits import Hit
from shards.search.query import Part, Query
from shards.search.search import SearchResult, search
from shards.storage.memory import MemoryStore
from shards.testing.samples import scene
from tests.shards.search.fanned import KEYS, ask, fill, one_each
from tests.shards.search.task_runner import FakeTaskRunner
from tests.shards.table.counting import CountingStore

NAMES = ("dhash", "haar")


@pytest.fixture(scope="module")
def store() -> CountingStore:
    store = CountingStore(MemoryStore())
    fill(store)
    return store


def question(name: str, *scenes: int) -> Rows:
    """Signatures of some pictures, all of one question."""
    return np.concatenate([family(name).questions(scene(n)) for n in scenes])


def query(limit: int, **options: Any) -> Query:
    """Two questions in two families; the first has more signatures than a record has."""
    variants = (("scene 0", "scene 1", "scene 2"), ("scene 0",))
    parts = [Part(family(name), (question(name, 1, 2, 3), question(name, 4)), None, variants) for name in NAMES]
    return Query(tuple(parts), limit, **options)


def searched(store: CountingStore, asked: Query, executor: Executor) -> SearchResult:
    index = Index.open(store, memory=0)
    return search(executor, index._table.parallel_map, index._table.snapshot(), asked)


def best_of(part: Part, question: int, texts: Mapping[str, str]) -> float:
    row = part.family.parse(texts[part.family.name])
    return float(part.family.score_asked(part.questions[question], np.array([row], part.family.dtype))[0])


def by_formula(store: CountingStore, asked: Query) -> list[list[tuple[str, float]]]:
    index = Index.open(store)
    stored = {key: index.get(key).signatures for key in index.has(KEYS)}
    best = []
    for n in range(asked.questions):
        scores = {
            key: min(
                (part.family.false_rate(score), -score)
                for part in asked.parts
                if (score := best_of(part, n, texts)) > -np.inf
            )
            for key, texts in stored.items()
        }
        ranked = sorted(scores.items(), key=lambda item: (item[1], item[0].encode()))[: asked.limit]
        best.append([(key, -score) for key, (_, score) in ranked])
    return best


def scored(hits: list[Hit]) -> list[tuple[str, float]]:
    return [(hit.key, hit.score) for hit in hits]


@pytest.mark.parametrize("limit", [1, 5, 200])
@pytest.mark.parametrize("is_far", [False, True])
def test_each_image_is_a_hit_once_by_the_family_that_is_surest(store: CountingStore, limit: int, is_far: bool) -> None:
    workers = FanOut(ask(Worker(store, memory=1 << 24)), tasks=FakeTaskRunner(), planner=one_each)
    result = searched(store, query(limit), workers if is_far else LocalExecutor())
    assert [scored(list(hits)) for hits in result.hits] == by_formula(store, query(limit))
    assert not result.missing


def test_a_hit_says_which_signature_it_is_like_and_its_distance_in_the_family_that_found_it(
    store: CountingStore,
) -> None:
    first, _ = searched(store, query(200), LocalExecutor()).hits
    exact = [hit for hit in first if hit.score == 100]
    assert {hit.variant for hit in exact} == {"scene 0", "scene 1", "scene 2"}
    assert {hit.distance for hit in exact} <= {0.0, None}
