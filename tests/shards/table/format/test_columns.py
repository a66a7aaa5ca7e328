"""Columns in a stored `.npz`."""

from __future__ import annotations

import gc
import io
import json
import sys
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

from shards.errors import CorruptObject
from shards.table.format import columns
from shards.table.format.columns import ALIGNMENT, CHECK_BLOCK, CHECKS, Column, decode, encode, write

SIGNATURE = np.dtype([("avgl", "<f8", (3,)), ("sig", "<i2", (3, 40))])
DTYPES = [np.dtype("<u8"), np.dtype("u1"), np.dtype("<i2"), SIGNATURE]


def counting(dtype: np.dtype[np.void], shape: tuple[int, ...]) -> NDArray[np.void]:
    """An array of this dtype and shape whose bytes count up."""
    size = int(np.prod(shape)) * dtype.itemsize
    return np.resize(np.arange(251, dtype=np.uint8), size).view(dtype).reshape(shape)


some_columns = st.dictionaries(
    st.text("abc_.[]", min_size=1, max_size=80),
    st.builds(counting, st.sampled_from(DTYPES), st.sampled_from([(0,), (1,), (7,), (5000,), (3, 2), (0, 2)])),
    max_size=5,
)


@hypothesis.given(some_columns)
def test_numpy_opens_what_was_written(given: dict[str, NDArray[np.void]]) -> None:
    stored = encode(given.items())
    with np.load(io.BytesIO(stored), allow_pickle=False) as archive:
        assert archive.files == list(given)
        for name, array in given.items():
            assert archive[name].dtype == array.dtype
            assert archive[name].tobytes() == array.tobytes()
            assert archive[name].shape == array.shape
    assert list(decode("a.npz", stored)) == list(given)


@hypothesis.given(some_columns)
def test_every_columns_bytes_are_where_it_says_aligned_to_a_cache_line(given: dict[str, NDArray[np.void]]) -> None:
    file = io.BytesIO()
    placed = write(file, given.items(), checked=True)
    stored = file.getvalue()
    assert list(placed) == [*given, CHECKS]
    for name, array in given.items():
        column = placed[name]
        assert column.offset % ALIGNMENT == 0
        assert stored[column.offset : column.offset + column.size] == array.tobytes()
        assert column.size == len(array) * column.row_size


def test_alignment_holds_for_members_of_gigabytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large members have a longer header (APPNOTE.TXT, 4.5.3: ZIP64); here already from 1,000 bytes on."""
    assert columns.ZIP64_FROM * 1.05 < zipfile.ZIP64_LIMIT, "else zipfile chooses the longer header by itself"
    monkeypatch.setattr(columns, "ZIP64_FROM", 1000)
    file = io.BytesIO()
    array = np.arange(500, dtype=np.uint64)
    placed = write(file, [("small", array[:3]), ("large", array), ("last", array[:5])], checked=False)
    for name in placed:
        assert placed[name].offset % ALIGNMENT == 0
    assert file.getvalue()[placed["large"].offset :][: array.nbytes] == array.tobytes()
    assert decode("a.npz", file.getvalue())["large"].tolist() == array.tolist()


def test_members_are_stored_and_the_archive_is_sound() -> None:
    stored = encode([("a", np.arange(9)), ("b", np.zeros(0, np.uint8))])
    with zipfile.ZipFile(io.BytesIO(stored)) as archive:
        assert archive.testzip() is None
        assert [(info.filename, info.compress_type) for info in archive.infolist()] == [
            ("a.npy", zipfile.ZIP_STORED),
            ("b.npy", zipfile.ZIP_STORED),
        ]


def test_numbers_are_stored_little_endian_whatever_they_came_as() -> None:
    stored = encode([("a", np.array([1, 2], ">u4"))])
    assert decode("a.npz", stored)["a"].dtype == np.dtype("<u4")
    assert bytes.fromhex("01000000 02000000") in stored


def test_the_layout_of_memory_does_not_matter() -> None:
    array = np.arange(12, dtype=np.uint32).reshape(3, 4)
    assert encode([("a", np.asfortranarray(array))]) == encode([("a", array)])


@hypothesis.given(some_columns)
def test_the_same_columns_give_the_same_bytes(given: dict[str, NDArray[np.void]]) -> None:
    copies = {name: array.copy() for name, array in given.items()}
    assert encode(given.items()) == encode(copies.items())


def test_there_is_a_checksum_for_every_block_of_every_column() -> None:
    a = np.arange(CHECK_BLOCK // 8 * 2 + 1, dtype=np.uint64)
    b = np.arange(100, dtype=np.uint8)
    file = io.BytesIO()
    placed = write(file, [("a", a), ("none", a[:0]), ("b", b)], checked=True)
    assert [placed[name].blocks for name in ("a", "none", "b")] == [3, 0, 1]
    data = a.tobytes()
    assert decode("a.npz", file.getvalue())[CHECKS].tolist() == [
        zlib.crc32(data[:CHECK_BLOCK]),
        zlib.crc32(data[CHECK_BLOCK : 2 * CHECK_BLOCK]),
        zlib.crc32(data[2 * CHECK_BLOCK :]),
        zlib.crc32(b.tobytes()),
    ]


@pytest.mark.parametrize("dtype", DTYPES)
def test_where_a_column_lies_goes_through_json(dtype: np.dtype[np.void]) -> None:
    placed = write(io.BytesIO(), [("a", counting(dtype, (4, 2)))], checked=False)["a"]
    assert Column.from_json(json.loads(json.dumps(placed.to_json()))) == placed


@pytest.mark.parametrize("change", [{"offset": 1}, {"bytes": 7}, {"shape": [3]}, {"dtype": "<u4"}])
def test_a_column_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    document = Column(64, 16, np.dtype("<u8"), (2,)).to_json()
    with pytest.raises(ValueError, match="cannot be"):
        Column.from_json({**document, **change})


@pytest.mark.parametrize("data", [b"", b"no archive", encode([("a", np.arange(3))])[:-30]])
def test_what_is_no_archive_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptObject, match=r"log/x\.npz: is no archive of columns"):
        decode("log/x.npz", data)


def test_pickled_objects_are_never_loaded() -> None:
    file = io.BytesIO()
    np.savez(file, a=np.array([{}], object))
    with pytest.raises(CorruptObject, match="is no archive of columns"):
        decode("log/x.npz", file.getvalue())


class Interrupting:
    """Garbage whose collection lets another thread run."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        list(range(50))


def test_many_threads_decode_at_once_while_garbage_is_collected() -> None:
    """CPython 3.11 raises SystemError where threads take turns while they parse headers."""
    data = encode([("a", np.zeros(3, SIGNATURE)), ("b", np.zeros(5, np.uint8))])

    def decode_many() -> None:
        for _ in range(1_000):
            Interrupting()
            assert decode("log/x.npz", data).keys() == {"a", "b"}

    before = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(5)
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            for decoding in [pool.submit(decode_many) for _ in range(8)]:
                decoding.result()
    finally:
        gc.set_threshold(*before[0])
        sys.setswitchinterval(before[1])
