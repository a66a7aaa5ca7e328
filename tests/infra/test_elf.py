"""Cutting out of shared libraries what no loader reads: what one reads stays where it was, page by page."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.elf import HEADER, MAGIC, PROGRAM, segments_of, stripped

LOAD = 1
PAGE = 4096

LIBRARIES = sorted(path for path in Path(np.__file__).parent.rglob("*.so"))[:5]


def made(sizes: list[tuple[int, int]], headers_last: bool) -> bytes:
    """A library of segments, each after a gap, and a gap at the end. `sizes`: of each gap and segment, in bytes."""
    table = PROGRAM.size * len(sizes)
    body = bytearray(HEADER.size if headers_last else HEADER.size + table)
    packed = []
    for number, (gap, size) in enumerate(sizes):
        body += b"\xee" * gap
        # whatever the address, it lies in its page where the bytes lie in the file's
        address = number * (1 << 24) + len(body) % PAGE
        packed.append(PROGRAM.pack(LOAD, 5, len(body), address, address, size, size + 7, PAGE))
        body += bytes((number + n) % 251 for n in range(size))
    at = len(body) if headers_last else HEADER.size
    body[at : at + table] = b"".join(packed)
    body += b"\xee" * 3 * PAGE
    header = (MAGIC.ljust(16, b"\0"), 3, 183, 1, 0, at, len(body) - 64, 0, 64, 56, len(sizes), 64, 1, 0)
    body[: HEADER.size] = HEADER.pack(*header)
    return bytes(body)


@given(st.lists(st.tuples(st.integers(0, 4 * PAGE), st.integers(1, 3 * PAGE)), min_size=1, max_size=5), st.booleans())
def test_segments_keep_their_bytes_and_their_places_in_a_page(sizes: list[tuple[int, int]], headers_last: bool) -> None:
    whole = made(sizes, headers_last)
    cut = stripped(whole)
    for before, after in zip(segments_of(whole), segments_of(cut), strict=True):
        assert cut[after.offset : after.offset + after.size] == whole[before.offset : before.offset + before.size]
        assert (after.address, after.size, after.in_memory) == (before.address, before.size, before.in_memory)
        assert after.offset % PAGE == after.address % PAGE
    # of each gap less than a page is left, and of the last one nothing
    used = HEADER.size + PROGRAM.size * len(sizes) + sum(size for _, size in sizes)
    assert len(cut) < used + PAGE * (len(sizes) + 1)
    assert stripped(cut) == cut


def test_no_section_is_told_of_any_more() -> None:
    cut = stripped(made([(10, 100)], headers_last=False))
    assert struct.unpack_from("<Q", cut, 40) == (0,)
    assert struct.unpack_from("<HH", cut, 60) == (0, 0)


@pytest.mark.parametrize("path", LIBRARIES, ids=lambda path: path.name)
def test_real_libraries_become_no_larger(path: Path) -> None:
    whole = path.read_bytes()
    cut = stripped(whole)
    assert len(cut) <= len(whole)
    assert stripped(cut) == cut


@pytest.mark.parametrize("other", [b"", b"GROUP ( libc.so.6 )", b"\x7fELF\x01\x01" + bytes(60)])
def test_what_is_no_such_library_stays_as_it_is(other: bytes) -> None:
    assert stripped(other) == other
