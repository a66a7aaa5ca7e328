"""`GET /v1/duplicates`: groups, found once for a state of the index."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from PIL import Image

from lookalike import Index
from lookalike.web import WebSettings
from lookalike.web.duplicates import KEPT, ROW_BYTES, WAITING, DuplicatesCache
from lookalike.web.http.problems import Problem
from shards.families import family
from tests.lookalike.web.conftest import CAT, PICTURES, RACCOON, Client, add, problem
from tests.lookalike.web.unhurried import unhurried
from tests.lookalike.web.virtual_time import run_standing
from tests.patience import PATIENCE


def half(data: bytes) -> bytes:
    file = io.BytesIO()
    image = Image.open(io.BytesIO(data))
    image.resize((image.width // 2, image.height // 2)).save(file, "PNG")
    return file.getvalue()


def flat(grey: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), (grey, grey, grey)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def index(index: Index) -> Index:
    for name, data in {"cat": CAT, "cat small": half(CAT), "cat again": CAT, "raccoon": RACCOON}.items():
        add(index, name, data)
    add(index, "raccoon small", half(RACCOON))
    for path in sorted(PICTURES.glob("*.jpg"))[:2]:
        assert path.stem not in ("cat", "raccoon")
        add(index, path.stem, path.read_bytes())
    add(index, "grey", flat(90))
    add(index, "dark", flat(20))
    return index


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The searches that the index has done."""
    asked: list[dict[str, Any]] = []
    plain = Index.duplicates

    def duplicates(self: Index, **options: Any) -> Any:
        asked.append(options)
        return plain(self, **options)

    monkeypatch.setattr(Index, "duplicates", duplicates)
    return asked


def test_the_groups_are_the_library_s(client: Client, index: Index) -> None:
    response = client.get("/v1/duplicates?family=dhash")
    assert response.status_code == 200, response.text
    document = response.json()
    found = index.duplicates(family="dhash")
    assert [
        (group["head"]["key"], [(copy["key"], copy["score"], copy["distance"]) for copy in group["copies"]])
        for group in document["groups"]
    ] == [
        (group.head.key, [(copy.image.key, copy.score, copy.distance) for copy in group.copies])
        for group in found.groups
    ]
    assert document["groups"][0]["head"]["key"] == "cat"
    assert (document["total_groups"], document["total_copies"]) == (2, 3)
    assert document["flat"] == 2
    assert document["min_score"] == family("dhash").match_score
    assert (document["method"], document["is_complete"]) == (found.method.name, True)


def test_the_pages_of_one_state_are_found_once(client: Client, searches: list[dict[str, Any]]) -> None:
    pages = [client.get(f"/v1/duplicates?family=dhash&limit=1&offset={n}").json() for n in range(3)]
    assert [[group["head"]["key"] for group in page["groups"]] for page in pages] == [["cat"], ["raccoon"], []]
    assert len(searches) == 1
    client.get("/v1/duplicates?family=dhash&max_distance=5")
    # the same bar in another unit
    client.get(f"/v1/duplicates?family=dhash&min_score={family('dhash').score_at(5)}")
    assert len(searches) == 2
    client.get("/v1/duplicates?family=dhash&group=components")
    assert len(searches) == 3


def test_a_changed_index_is_searched_anew(client: Client, index: Index, searches: list[dict[str, Any]]) -> None:
    client.get("/v1/duplicates?family=dhash")
    client.delete("/v1/images/cat%20again")
    assert client.get("/v1/duplicates?family=dhash").json()["total_copies"] == 2
    index.compact()
    assert client.get("/v1/duplicates?family=dhash").json()["total_copies"] == 2
    assert len(searches) == 3


def test_a_few_results_are_kept(client: Client, searches: list[dict[str, Any]]) -> None:
    for score in range(90, 91 + KEPT):
        client.get(f"/v1/duplicates?family=dhash&min_score={score}")
    assert len(searches) == KEPT + 1
    client.get(f"/v1/duplicates?family=dhash&min_score={90 + KEPT}")
    assert len(searches) == KEPT + 1
    client.get("/v1/duplicates?family=dhash&min_score=90")
    assert len(searches) == KEPT + 2


def test_one_search_runs_at_a_time_and_equal_ones_share_it(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, running, asked = Index.duplicates, threading.Semaphore(1), []

    def duplicates(self: Index, **options: Any) -> Any:
        assert running.acquire(blocking=False), "two searches at once"
        asked.append(options["family"])
        try:
            return plain(self, **options)
        finally:
            running.release()

    monkeypatch.setattr(Index, "duplicates", duplicates)

    async def ask() -> None:
        cache = DuplicatesCache(index, unhurried())
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                for name in ("dhash", "phash"):
                    tasks.start_soon(cache.find, family(name), 90.0, "star")

    anyio.run(ask)
    assert sorted(asked) == ["dhash", "phash"]


def test_too_many_that_wait_are_told_so(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    plain = Index.duplicates

    def duplicates(self: Index, **options: Any) -> Any:
        assert go_on.wait(PATIENCE)
        return plain(self, **options)

    monkeypatch.setattr(Index, "duplicates", duplicates)
    codes: list[str] = []

    async def ask() -> None:
        cache = DuplicatesCache(index, unhurried())

        async def request(n: int) -> None:
            try:
                await cache.find(family("dhash"), 80.0 + n, "star")
                codes.append("found")
            except Problem as problem:
                codes.append(problem.code)
                assert problem.headers["Retry-After"]
                go_on.set()

        async with anyio.create_task_group() as tasks:
            for n in range(WAITING + 1):
                tasks.start_soon(request, n)

    anyio.run(ask)
    assert sorted(codes) == ["found"] * WAITING + ["too-busy"]


def refused(cache: DuplicatesCache, name: str, **how: Any) -> Problem:
    async def ask() -> Problem:
        with pytest.raises(Problem) as caught:
            await cache.find(family(name), 80.0, "star", **how)
        return caught.value

    return anyio.run(ask)


def test_what_takes_too_long_is_ended_and_said_so(index: Index) -> None:
    """At the first step after the time is over."""
    clock = iter((0.0, 0.0, *(PATIENCE + 1 for _ in range(100)))).__next__
    cache = DuplicatesCache(index, unhurried(), clock=clock)
    problem = refused(cache, "haar", exhaustive=True)
    assert (problem.status, problem.code) == (503, "duplicates-too-slow")
    assert f"{PATIENCE:g} s" in problem.detail
    assert "lookalike duplicates" in str(problem.help)
    # the clock stands still now: nothing is left locked, and nothing half done is kept
    assert anyio.run(lambda: cache.find(family("haar"), 80.0, "star", exhaustive=True)).groups


def test_a_search_that_hangs_is_not_waited_for_and_its_result_is_kept(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, found = threading.Event(), threading.Event()
    plain = Index.duplicates

    async def ask(pass_seconds: Callable[[float], None]) -> None:
        def duplicates(self: Index, **options: Any) -> Any:
            pass_seconds(PATIENCE)
            assert go_on.wait(PATIENCE)
            options.pop("progress")
            try:
                return plain(self, **options)
            finally:
                found.set()

        monkeypatch.setattr(Index, "duplicates", duplicates)
        cache = DuplicatesCache(index, unhurried(), clock=lambda: 0.0)
        with pytest.raises(Problem, match=f"{PATIENCE:g} s"):
            await cache.find(family("dhash"), 80.0, "star")
        assert not found.is_set()
        go_on.set()
        assert await anyio.to_thread.run_sync(found.wait, PATIENCE)
        # it is kept a moment after it was found: whoever asks by then waits for that, and searches no more
        monkeypatch.delattr(Index, "duplicates")
        assert (await cache.find(family("dhash"), 80.0, "star")).groups

    run_standing(ask)


def test_what_does_not_fit_in_memory_is_not_begun(index: Index, searches: list[dict[str, Any]]) -> None:
    images, row = index.count(), family("haar").dtype.itemsize
    assert refused(DuplicatesCache(index, WebSettings(duplicates_bytes=images * row - 1)), "haar").status == 422
    assert not searches
    problem = refused(DuplicatesCache(index, WebSettings(duplicates_bytes=2 * row)), "haar")
    assert problem.code == "duplicates-too-many"
    assert f"{images} images" in problem.detail
    assert "memory for 2" in problem.detail

    assert (
        "memory for 5" in refused(DuplicatesCache(index, WebSettings(duplicates_bytes=5 * ROW_BYTES)), "dhash").detail
    )

    async def ask() -> None:
        await DuplicatesCache(index, unhurried(WebSettings(duplicates_bytes=images * row))).find(
            family("haar"), 80.0, "star"
        )

    anyio.run(ask)
    assert len(searches) == 1


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("family=nope", "query-invalid"),
        ("family=haar&max_distance=3", "query-invalid"),
        ("min_score=1&max_distance=3", "validation"),
        ("min_score=101", "validation"),
        ("group=pairs", "validation"),
        ("limit=0", "validation"),
        ("offset=-1", "validation"),
        ("page=1", "validation"),
    ],
)
def test_what_cannot_be_asked_is_refused(client: Client, query: str, code: str) -> None:
    response = client.get(f"/v1/duplicates?{query}")
    assert (response.status_code, problem(response)["code"]) == (422, code)
