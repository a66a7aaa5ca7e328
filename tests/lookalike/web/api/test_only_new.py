"""`If-None-Match: *`: of several requests that add the same key at once, exactly one succeeds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from threading import Barrier, Event
from typing import Any
from uuid import uuid4

import anyio
import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from lookalike import Index
from lookalike.web import create_app
from lookalike.web.dependencies import service_of
from shards.table.format.records import Record
from tests.lookalike.cli.drawing import png
from tests.lookalike.web.conftest import Client, problem
from tests.lookalike.web.threads import Threads
from tests.lookalike.web.unhurried import unhurried
from tests.patience import PATIENCE

ONLY_NEW = {"If-None-Match": "*"}


def put(client: Client, content: bytes) -> httpx.Response:
    return client.put("/v1/images/a.png", content=content, headers=ONLY_NEW)


def state(index: Index) -> str:
    return index.get("a.png").image.sha256


class Turn:
    """A turn that says when `everybody` has come for it."""

    def __init__(self, everybody: int) -> None:
        self.all_are_here = Event()
        self._missing = everybody
        self._lock = anyio.Lock()

    async def __aenter__(self) -> None:
        self._missing -= 1
        if not self._missing:
            self.all_are_here.set()
        await self._lock.acquire()

    async def __aexit__(self, *error: object) -> None:
        self._lock.release()


def test_of_many_requests_at_once_one_succeeds(
    fresh: Client, index: Index, portal: BlockingPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [png(n) for n in range(16)]
    turn = Turn(len(pictures))
    monkeypatch.setitem(fresh.service._turns, "a.png", turn)
    looked: list[str] = []
    looked_again = Event()
    has, write, images = Index.has, Index.write, Index.images

    def look(self: Index, keys: Iterable[str]) -> set[str]:
        looked.extend(keys)
        if len(looked) > 1:
            # they do not take turns: there is nobody else to wait for
            turn.all_are_here.set()
        return has(self, looked[-1:])

    def look_again(self: Index, keys: Iterable[str]) -> Any:
        found = images(self, keys)
        looked_again.set()
        return found

    def write_when_all_are_here(self: Index, records: Any) -> None:
        if len(looked) == 1:
            assert turn.all_are_here.wait(PATIENCE)
        else:
            # too late to be seen by the first: only taking turns helps
            assert looked_again.wait(PATIENCE)
        write(self, records)

    monkeypatch.setattr(Index, "has", look)
    monkeypatch.setattr(Index, "images", look_again)
    monkeypatch.setattr(Index, "write", write_when_all_are_here)

    async def all_at_once() -> list[httpx.Response]:
        transport = httpx.ASGITransport(fresh.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            puts = (client.put("/v1/images/a.png", content=picture, headers=ONLY_NEW) for picture in pictures)
            return list(await asyncio.gather(*puts))

    answers = portal.call(all_at_once)
    assert sorted(answer.status_code for answer in answers) == [201] + [412] * 15
    (winner,) = (picture for picture, answer in zip(pictures, answers, strict=True) if answer.status_code == 201)
    assert state(index) == sha256(winner).hexdigest()
    assert {problem(answer)["code"] for answer in answers if answer.status_code == 412} == {"key-exists"}


def test_a_key_that_was_deleted_is_free(fresh: Client) -> None:
    for n in range(3):
        assert put(fresh, png(n)).status_code == 201
        assert put(fresh, png(n)).status_code == 412
        assert fresh.delete("/v1/images/a.png").status_code == 204


def test_other_keys_do_not_wait(fresh: Client, portal: BlockingPortal) -> None:
    async def one_in_the_way() -> httpx.Response:
        transport = httpx.ASGITransport(fresh.app)
        async with (
            fresh.service._turns.setdefault("b.png", anyio.Lock()),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
        ):
            return await client.put("/v1/images/a.png", content=png(1), headers=ONLY_NEW)

    assert portal.call(one_in_the_way).status_code == 201
    assert not fresh.service._turns, "nothing is kept of a turn that is over"


class TestOfTwoServices:
    """Two processes on one index, which know nothing of each other."""

    @pytest.fixture
    def address(self) -> str:
        address = f"memory://{uuid4().hex}"
        Index.create(address)
        return address

    @contextmanager
    def served(self, address: str) -> Iterator[Client]:
        with start_blocking_portal() as portal:
            index = Index.open(address)
            app = create_app(index, unhurried(), pool=Threads(index.settings))
            yield Client(app, portal)
            service_of(app).pool.close()

    def test_who_looked_before_the_other_wrote_looks_again(self, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        both_looked, both_wrote = Barrier(2), Barrier(2)
        write = Index.write

        def in_step(self: Index, records: Any) -> None:
            both_looked.wait(PATIENCE)
            write(self, records)
            both_wrote.wait(PATIENCE)

        pictures = png(1), png(2)
        with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
            clients = [stack.enter_context(self.served(address)) for _ in pictures]
            monkeypatch.setattr(Index, "write", in_step)
            answers = list(pool.map(put, clients, pictures))
        assert sorted(answer.status_code for answer in answers) == [201, 412]
        (winner,) = (picture for picture, answer in zip(pictures, answers, strict=True) if answer.status_code == 201)
        assert state(Index.open(address)) == sha256(winner).hexdigest()

    def test_one_that_is_deleted_at_once_was_added_all_the_same(
        self, address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = Index.write
        other = Index.open(address)

        def and_delete(self: Index, records: Any) -> None:
            write(self, records)
            write(other, [Record(records[0].key, other.next_order(), deleted=True)])

        with self.served(address) as client:
            monkeypatch.setattr(Index, "write", and_delete)
            assert put(client, png(1)).status_code == 201
        assert other.count() == 0
