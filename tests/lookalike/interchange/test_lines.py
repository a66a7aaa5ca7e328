"""Lines in blocks: the same whatever is read at a time, and no longer than what is kept of them."""

from __future__ import annotations

import io

import pytest

from lookalike.interchange import lines


def numbered(content: bytes) -> list[tuple[int, bytes]]:
    blocks = lines.blocks(io.BytesIO(content))
    return [(number, line) for first, block in blocks for number, line in enumerate(block, first)]


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 100])
def test_lines_are_numbered_from_1_on(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "PIECE", piece)
    assert numbered(b"a\n\nbcd\r\nlast") == [(1, b"a"), (2, b""), (3, b"bcd\r"), (4, b"last")]
    assert numbered(b"a\n") == [(1, b"a")]
    assert numbered(b"") == []


@pytest.mark.parametrize("piece", [1, 3, 7, 10])
def test_a_long_line_is_cut(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "PIECE", piece)
    monkeypatch.setattr(lines, "MAX_LINE", 10)
    assert numbered(b"a\n" + b"b" * 10 + b"\n" + b"c" * 50 + b"\nd\n" + b"e" * 50) == [
        (1, b"a"),
        (2, b"b" * 10),
        (3, b"c" * 11),
        (4, b"d"),
        (5, b"e" * 11),
    ]
