"""A question goes from the API to many functions that scan, and what they find comes back as one answer."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import termios
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from infra.stack import wait_for
from shards.families import DEFAULT
from tests.aws.pictures import digests, pictures, reduced
from tests.aws.place import Place
from tests.patience import PATIENCE

SPREAD = "scanned by workers"
"""What the API tells of a question that others scanned."""

FORGETFUL = {"LOOKALIKE_MEMORY": "0", "LOOKALIKE_SCAN_SECONDS": f"{PATIENCE:g}"}
"""Settings of the API: it reads whatever it needs anew, so has it read by workers each time, and waits for them."""


@pytest.fixture(scope="module")
def stored(place: Place) -> Mapping[str, bytes]:
    """Pictures in the index: a segment of each of the two shards, and a tail."""
    drawn = pictures("spread", 24, 11_000)
    fresh = pictures("spread/fresh", 3, 11_100)
    place.put(drawn)
    place.wait_until_indexed("spread/", digests(drawn))
    place.index().compact(everything=True)
    assert place.index().stats().segments == 2
    place.put(fresh)
    place.wait_until_indexed("spread/", digests(drawn | fresh))
    return drawn | fresh


def ask(place: Place, picture: bytes, family: str) -> Any:
    answer = place.ask("POST", f"/v1/search?limit=20&family={family}", content=reduced(picture))
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["answers"]
    return found


def is_that_of_one_process(place: Place, picture: bytes, family: str, found: Any) -> bool:
    """Whether the index, scanned here, answers the same."""
    here = place.index().search(reduced(picture), family=family, limit=20)
    hits = [(hit["key"], hit["score"], hit["distance"], hit["sha256"]) for hit in found["hits"]]
    expected = [(hit.key, hit.score, hit.distance, hit.image.sha256) for hit in here.hits]
    return not found.get("partial") and found["searched"] == here.searched and hits == expected


def test_workers_find_what_one_process_finds(place: Place, stored: Mapping[str, bytes]) -> None:
    spread, scanned = len(place.lines("api", SPREAD)), len(place.lines("scan", "done"))
    with place.choosing("api", **FORGETFUL, LOOKALIKE_WORKER_BYTES="1"):
        for number, family in enumerate(DEFAULT):
            key = sorted(stored)[5 * number]
            found = ask(place, stored[key], family)
            assert is_that_of_one_process(place, stored[key], family, found), family
            assert found["hits"][0]["key"] == key
    told = place.told("api", SPREAD, spread, len(DEFAULT))
    assert [(one["workers"], one["missing"]) for one in told] == [(2, {})] * len(DEFAULT)
    # and those who scanned say so themselves
    done = place.told("scan", "done", scanned, sum(one["workers"] for one in told))
    assert all(one["segments"] > 0 and one["errors"] == [] for one in done)
    assert any(one["QueryBytes"] > 0 for one in done)


def test_a_worker_that_dies_at_work_is_replaced(place: Place, stored: Mapping[str, bytes]) -> None:
    picture = stored[min(stored)]
    asked = len(place.lines("api", SPREAD))
    with place.choosing("api", **FORGETFUL):
        # now there is a worker that has answered
        ask(place, picture, "dhash")
        place.told("api", SPREAD, asked, 1)
        with ThreadPoolExecutor(1) as other, stopped(place.processes("scan")) as workers:
            answer = other.submit(ask, place, picture, "dhash")
            wait_for(lambda: any(map(has_work, workers)), PATIENCE, lambda: f"no worker was asked:\n{place.said()}")
            os.kill(next(filter(has_work, workers)), signal.SIGKILL)
            resume(workers)
            found = answer.result()
    assert is_that_of_one_process(place, picture, "dhash", found)
    _, told = place.told("api", SPREAD, asked, 2)
    assert (told["workers"], told["missing"]) == (2, {})
    # by a second call once the first has failed, or before, since it takes longer than that of the other worker
    assert told["retried"] + told["hedged"] >= 1


@contextmanager
def stopped(processes: list[int]) -> Iterator[list[int]]:
    """These processes, which do nothing until they are told to go on, or until it is over."""
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield processes
    finally:
        resume(processes)


def resume(processes: list[int]) -> None:
    """Have those of these processes go on that there are still."""
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def has_work(pid: int) -> bool:
    """Whether something waits to be read by a process: the stand-in sends calls to its standard input."""
    pipe = os.open(f"/proc/{pid}/fd/0", os.O_RDONLY | os.O_NONBLOCK)
    try:
        (size,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))
    finally:
        os.close(pipe)
    return bool(size)
