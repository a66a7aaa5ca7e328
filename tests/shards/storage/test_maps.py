"""Maps of files: they hold no descriptor, and a file that was cut short is noticed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shards.storage.maps import is_whole, map_file

SIZE = 100_000


def mapped(path: Path) -> memoryview:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return map_file(descriptor, str(path), os.fstat(descriptor))
    finally:
        os.close(descriptor)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(250)) * (SIZE // 250))
    return path


def test_a_map_has_the_files_bytes_and_cannot_be_written_to(path: Path) -> None:
    view = mapped(path)
    assert view.readonly
    assert (view.format, view.nbytes) == ("B", SIZE)
    assert view == path.read_bytes()


def test_maps_hold_no_descriptors(path: Path) -> None:
    first = mapped(path)
    free = os.dup(0)
    views = [first, *(mapped(path) for _ in range(300))]
    os.close(free)
    again = os.dup(0)
    os.close(again)
    assert again == free, "the lowest free descriptor is the same as before"
    assert all(view[7] == 7 for view in views)


def test_a_map_lives_as_long_as_anything_of_it(path: Path) -> None:
    part = mapped(path)[250:500]
    path.unlink()
    assert bytes(part) == bytes(range(250))


def test_a_file_that_was_cut_short_is_noticed(path: Path) -> None:
    view = mapped(path)
    assert is_whole(view[10:20])
    os.truncate(path, SIZE - 1)
    assert not is_whole(view)
    assert not is_whole(view[10:20])


def test_a_file_that_was_replaced_or_removed_still_can_be_read(path: Path, tmp_path: Path) -> None:
    view = mapped(path)
    (tmp_path / "other").write_bytes(b"short")
    (tmp_path / "other").replace(path)
    assert is_whole(view)
    path.unlink()
    assert is_whole(view)
    assert view[7] == 7


def test_other_views_are_whole() -> None:
    assert is_whole(memoryview(b"bytes"))
