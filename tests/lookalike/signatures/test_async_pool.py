"""Pools for an event loop: each picture has its own answer, and the loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import threading
from collections.abc import Iterator
from hashlib import sha256

import pytest
from PIL import Image

from lookalike import Index, Key
from lookalike.signatures import pool as pools
from lookalike.signatures.async_pool import AT_ONCE, AsyncPool, AsyncProcessPool
from lookalike.signatures.computed import ComputedPicture, Signed
from lookalike.signatures.pool import Pool
from lookalike.signatures.worker import WorkerSettings
from shards.errors import PictureError
from shards.pictures.costs import stated_cost
from shards.pictures.decoding import ORIENTATIONS, PictureSettings, decode
from tests.lookalike.cli.drawing import cloud, png
from tests.lookalike.signatures.encoded import black
from tests.lookalike.signatures.exchanges import Exchanges, exchanges
from tests.patience import PATIENCE

__all__ = ["exchanges"]

FAMILIES = ("dhash", "goldberg")


@pytest.fixture(scope="module")
def index() -> Index:
    return Index.create("memory://", families=FAMILIES, pictures=PictureSettings(max_pixels=50_000_000))


@pytest.fixture(scope="module")
def processes(index: Index) -> Iterator[Pool]:
    """Shared by the tests that leave its processes alone."""
    with Pool(WorkerSettings.of(index.settings), 2, PATIENCE) as pool:
        yield pool


@pytest.fixture
def pool(processes: Pool) -> AsyncPool:
    return AsyncProcessPool(processes)


@pytest.fixture
def single(index: Index) -> Iterator[Pool]:
    """A pool of one process, which has computed a picture."""
    with Pool(WorkerSettings.of(index.settings), 1, PATIENCE) as pool:
        pool.compute(png(1))
        yield pool


def test_all_of_a_picture_is_as_the_index_itself_computes_it(pool: AsyncPool, index: Index) -> None:
    data = png(1, side=300)
    picture = asyncio.run(pool.compute(data))
    expected = index.sign("a.png", data, {"album": "zoo"}, source={"path": "a.png"})
    assert picture.record("a.png", expected.order, {"album": "zoo"}, {"path": "a.png"}) == expected
    assert (picture.width, picture.height, picture.sha256) == (300, 300, sha256(data).digest())
    assert picture.thumbnail is not None
    assert decode(picture.thumbnail).rgb.shape == (256, 256, 3)


def test_the_eight_orientations_are_those_of_a_search(pool: AsyncPool, index: Index) -> None:
    data = png(2)
    computed = asyncio.run(pool.compute(data, asked=FAMILIES, orientations=True))
    assert len(computed.orientations) == len(ORIENTATIONS)
    pictures = decode(data).orientations()
    for kind in index.families:
        assert [rows[kind.name] for rows in computed.orientations] == [kind.questions(picture) for picture in pictures]


def test_a_computed_picture_is_a_question(processes: Pool) -> None:
    index = Index.create("memory://", families=FAMILIES)
    index.add("a.png", png(3))
    index.add("b.png", png(4))
    turned = io.BytesIO()
    cloud(3).transpose(Image.Transpose.ROTATE_90).save(turned, "PNG")
    question = processes.compute(turned.getvalue(), asked=FAMILIES, orientations=True).question()
    assert isinstance(question, Signed)
    hit = index.search(question, orientations=True, limit=1).hits[0]
    assert (hit.key, hit.score, hit.variant) == ("a.png", 100, "rotated 90")
    assert index.compare(question, Key("b.png"))[0].score < 100


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty"), (b"nothing", "not_an_image"), (png(1)[:300], "truncated"), (black(7_100), "too_many_pixels")],
)
def test_what_is_wrong_with_a_picture_is_said(pool: AsyncPool, data: bytes, reason: str) -> None:
    with pytest.raises(PictureError) as caught:
        asyncio.run(pool.compute(data))
    assert caught.value.reason == reason


def test_many_at_once_are_answered_each_with_its_own(processes: Pool) -> None:
    pictures = [png(seed) for seed in range(40)]
    pool = AsyncProcessPool(processes)

    async def all_of_them() -> list[ComputedPicture]:
        return await asyncio.gather(*(pool.compute(data) for data in pictures))

    assert [picture.sha256 for picture in asyncio.run(all_of_them())] == [sha256(data).digest() for data in pictures]
    assert len(processes.pids) <= 2


def test_the_event_loop_goes_on_meanwhile(single: Pool, exchanges: Exchanges) -> None:
    async def turns_meanwhile() -> int:
        (pid,) = single.pids
        os.kill(pid, signal.SIGSTOP)
        work = asyncio.ensure_future(AsyncProcessPool(single).compute(png(2)))
        turns = 0
        while not (exchanges.begun.is_set() and turns > 100):
            turns += 1
            await asyncio.sleep(0)
        assert not work.done()
        os.kill(pid, signal.SIGCONT)
        await work
        return turns

    assert asyncio.run(turns_meanwhile()) > 100


def test_what_is_cancelled_does_not_put_its_process_out_of_step(single: Pool, exchanges: Exchanges) -> None:
    (pid,) = single.pids
    pool = AsyncProcessPool(single)

    async def cancelled() -> bytes:
        os.kill(pid, signal.SIGSTOP)
        begun = asyncio.ensure_future(pool.compute(png(2)))
        waiting = asyncio.ensure_future(pool.compute(png(3)))
        await asyncio.to_thread(exchanges.begun.wait)
        for work in (begun, waiting):
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
        os.kill(pid, signal.SIGCONT)
        return (await pool.compute(png(4))).sha256

    assert asyncio.run(cancelled()) == sha256(png(4)).digest()
    assert single.pids == [pid]
    assert len(exchanges.limits) == 2, "nothing is computed for what was cancelled while it waited"


def test_closing_refuses_what_is_at_work(single: Pool, exchanges: Exchanges) -> None:
    (pid,) = single.pids
    pool = AsyncProcessPool(single)

    async def closed() -> None:
        os.kill(pid, signal.SIGSTOP)
        work = asyncio.ensure_future(pool.compute(png(2)))
        await asyncio.to_thread(exchanges.begun.wait)
        await asyncio.to_thread(pool.close)
        with pytest.raises(PictureError):
            await work

    asyncio.run(closed())
    assert single.pids == []


def test_a_thumbnail_alone_is_drawn_as_large_as_is_wanted(pool: AsyncPool) -> None:
    drawn = asyncio.run(pool.thumbnail(png(1, side=300), 40))
    assert decode(drawn).rgb.shape == (40, 40, 3)
    with pytest.raises(PictureError) as caught:
        asyncio.run(pool.thumbnail(b"nothing", 40))
    assert caught.value.reason == "not_an_image"


def test_the_pool_of_a_service_ends_with_whoever_refers_to_it(index: Index) -> None:
    pool = AsyncProcessPool.shared(index.settings, PATIENCE)
    assert asyncio.run(pool.compute(png(1))).width == 24
    inner = pool._pool
    (pid,) = inner.pids
    del pool
    assert inner.pids == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_event_loop_does_not_look_through_large_files(processes: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    def look(data: bytes, max_pixels: int) -> tuple[float, int]:
        looked.append(threading.current_thread() is threading.main_thread())
        return stated_cost(data, max_pixels)

    monkeypatch.setattr(pools, "stated_cost", look)
    for data in (png(1), png(1) + bytes(AT_ONCE)):
        assert asyncio.run(AsyncProcessPool(processes).compute(data)).width == 24
    assert looked == [True, False]
