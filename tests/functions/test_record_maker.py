"""Records made in a process: what happens to it happens to one picture."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from functions.aws.record_maker import RecordMaker
from functions.aws.settings import Settings
from lookalike import Index
from shards.errors import PictureError
from tests.lookalike.cli.drawing import png
from tests.patience import PATIENCE

ORDER = (1_800_000_000_000_000_000, 7)
SOURCE = {"path": "s3://pictures/a.png", "size": 1, "mtime_ns": 2}


@pytest.fixture(scope="module")
def index() -> Index:
    return Index.create("memory://", families=["dhash", "haar"])


@pytest.fixture
def make(index: Index) -> Iterator[RecordMaker]:
    maker = RecordMaker(index.settings, Settings(index=index.url, sign_seconds=PATIENCE))
    yield maker
    maker.close()


def test_a_record_is_as_the_index_itself_makes_it(index: Index, make: RecordMaker) -> None:
    record = make("a.png", png(1), {"album": "zoo"}, source=SOURCE, order=ORDER)
    assert record == index.sign("a.png", png(1), {"album": "zoo"}, source=SOURCE, order=ORDER)


def test_what_is_wrong_with_a_picture_is_said_of_its_key(make: RecordMaker) -> None:
    with pytest.raises(PictureError, match=r"image 'a\.png': ") as caught:
        make("a.png", png(1)[:200], None, source=SOURCE, order=ORDER)
    assert caught.value.reason == "truncated"


def test_a_process_that_is_gone_is_replaced(make: RecordMaker) -> None:
    make("a.png", png(1), None, source=SOURCE, order=ORDER)
    (pid,) = make._pool.pids
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert make("b.png", png(2), None, source=SOURCE, order=ORDER).key == "b.png"
    assert make._pool.pids not in ([], [pid])


def test_a_picture_may_take_the_memory_that_the_function_can_spare(index: Index) -> None:
    assert RecordMaker(index.settings, Settings(index=index.url, sign_memory=1 << 29))._pool._settings.memory == 1 << 29
