"""Bodies that are laid out before they are created."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from shards.errors import StorageError
from shards.storage.laid_out import lay_out
from shards.storage.maps import SMALLEST_MAP

FEW = 256


@contextmanager
def few_descriptors() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("size", [0, 1, SMALLEST_MAP, SMALLEST_MAP + 1])
def test_a_body_is_what_was_written_last(size: int) -> None:
    def write(file: IO[bytes]) -> str:
        file.write(b"a first try")
        file.seek(0)
        file.truncate()
        file.write(b"x" * size)
        return "done"

    result, body = lay_out(write, "it cannot be laid out in")
    assert (result, bytes(body)) == ("done", b"x" * size)


@pytest.mark.parametrize("size", [1, 2 * SMALLEST_MAP])
def test_hundreds_of_bodies_hold_no_descriptors(size: int) -> None:
    with few_descriptors():
        bodies = [lay_out(lambda file: file.write(bytes(size)), "it cannot be laid out in")[1] for _ in range(2 * FEW)]
    assert {len(body) for body in bodies} == {size}


def test_a_disk_without_room_is_named() -> None:
    def fail(_: IO[bytes]) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match=r"a segment cannot be laid out in /.*: No space left on device; free some"):
        lay_out(fail, "a segment cannot be laid out in")
