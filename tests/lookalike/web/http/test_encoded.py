"""JSON documents with pictures: what they hold, and what they may cost."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lookalike.web.http.encoded import CONTAINERS, LONG, LONGEST_TEXT, PIECE, VALUES, Encoded, decoded, read
from lookalike.web.http.forms import TEXT_BYTES
from lookalike.web.http.problems import Problem

PICTURE = bytes(range(256)) * (PIECE // 100)


def refused(document: bytes) -> int:
    with pytest.raises(Problem) as caught:
        read(document)
    return caught.value.status


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(1 << 40), 1 << 40) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
        max_leaves=20,
    )
)
@example(['"' * LONG, "\\" * (LONG + 1), "x" * LONGEST_TEXT, {"a": 'b"' * LONG}])
def test_a_document_without_pictures_is_what_any_parser_reads(document: Any) -> None:
    assert read(json.dumps(document).encode()) == document
    assert read(json.dumps(document, ensure_ascii=False).encode()) == document


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 1000, LONGEST_TEXT, PIECE, len(PICTURE)])
@pytest.mark.parametrize("head", ["", "data:image/png;base64,"])
@pytest.mark.parametrize("escapes", [False, True])
def test_a_picture_is_what_was_encoded(size: int, head: str, escapes: bool) -> None:
    document = json.dumps({"key": "a", "image": head + b64encode(PICTURE[:size]).decode()})
    if escapes:
        document = document.replace("/", "\\/").replace("+", "\\u002B")
    image = read(document.encode())["image"]
    assert isinstance(image, Encoded) == (size >= LONGEST_TEXT)
    assert decoded(image) == PICTURE[:size]


@pytest.mark.parametrize("damage", [b"!", b"=", b"\\n", b"\\u00e9", b"\\ud800", b"\\x", b" "])
def test_a_picture_with_something_else_in_it_is_refused(damage: bytes) -> None:
    encoded = b64encode(PICTURE)
    with pytest.raises(Problem):
        decoded(read(b'{"image": "%b%b%b"}' % (encoded[:PIECE], damage, encoded[PIECE:]))["image"])


@pytest.mark.parametrize(
    ("document", "status"),
    [
        pytest.param(b'{"image": "', 400, id="no end"),
        pytest.param(b"", 400, id="nothing"),
        pytest.param(b"{}}", 400, id="too much"),
        pytest.param(b'{"a": NaN}', 400, id="no number"),
        pytest.param(rb'{"a": "\ud800"}', 400, id="half of a surrogate pair"),
        pytest.param(b"[" * 100_000, 400, id="depth"),
        pytest.param(b"[" + b"[]," * CONTAINERS + b"1]", 400, id="lists"),
        pytest.param(b"[" + b'"",' * (TEXT_BYTES // 3) + b"1]", 413, id="empty strings"),
        pytest.param(b"[" + b" " * TEXT_BYTES + b"]", 413, id="blanks"),
        pytest.param(b'{"image": "' + b'\\"' * TEXT_BYTES + b'"}', 413, id="quotes"),
        pytest.param(b'{"image": "' + b"\\" * (2 * TEXT_BYTES) + b'"}', 413, id="backslashes"),
        pytest.param(b'{"%b": 1}' % (b"x" * 2000), 422, id="a long name"),
    ],
)
def test_what_would_be_dear_to_read_is_refused(document: bytes, status: int) -> None:
    assert refused(document) == status


@given(st.lists(st.sampled_from([b"\\", b'"', b"x", b"\\" * 15, b"\\" * 40, b"y" * (LONG + 1), b'\\"', b"\\\\"])))
@example([b"\\" * 16, b'"'])
def test_strings_begin_and_end_where_a_parser_says(parts: list[bytes]) -> None:
    document = b'{"a": "' + b"".join(parts) + b'", "b": ["' + b"x" * 2 * LONG + b'", "\\\\"]}'
    try:
        expected = json.loads(document)
    except ValueError:
        assert refused(document) == 400
        return
    assert read(document) == expected


def test_a_document_of_very_many_values_is_refused_before_it_is_parsed() -> None:
    assert refused(b"[" + b"1," * (VALUES + 1) + b"1]") == 400


def test_pictures_do_not_count_as_text() -> None:
    document = {"image": [b64encode(PICTURE).decode()] * 9}
    assert [decoded(image) for image in read(json.dumps(document).encode())["image"]] == [PICTURE] * 9
