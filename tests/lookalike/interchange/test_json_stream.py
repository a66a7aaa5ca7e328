"""Streams of JSON: where each value ends, whatever is read at a time and however long the others are."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.interchange import json_stream
from lookalike.interchange.json_stream import JsonStream, Malformed
from tests.tiers import scaled

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)
PIECES = st.integers(1, 40)


def stream(text: bytes) -> JsonStream:
    return JsonStream(io.BytesIO(text))


def parsed(text: bytes | None) -> Any:
    assert text is not None
    return json.loads(text)


@settings(max_examples=scaled(30))
@given(st.lists(JSON), PIECES, st.sampled_from([None, 2]), st.booleans())
def test_elements_of_an_array(values: list[Any], piece: int, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(json_stream, "PIECE", piece)
        reader = stream(text)
        assert [parsed(reader.value()) for _ in reader.elements()] == values
        assert reader.peek() == b""


@settings(max_examples=scaled(30))
@given(st.dictionaries(st.text(), JSON), PIECES, st.sets(st.text(max_size=1)))
def test_members_of_an_object_of_which_some_are_skipped(members: dict[str, Any], piece: int, skipped: set[str]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(json_stream, "PIECE", piece)
        reader = stream(json.dumps(members).encode())
        found = {}
        for name in reader.members():
            if name in skipped:
                reader.skip()
            else:
                found[name] = parsed(reader.value())
    assert found == {name: value for name, value in members.items() if name not in skipped}


@settings(max_examples=scaled(30))
@given(st.lists(JSON), PIECES)
def test_values_one_after_the_other(values: list[Any], piece: int) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(json_stream, "PIECE", piece)
        reader = stream("\n".join(map(json.dumps, values)).encode())
        found = []
        while reader.peek():
            found.append(parsed(reader.value()))
    assert found == values


def test_lines_are_counted() -> None:
    reader = stream(b'\n[\n1,\n\n{"a":\n2}\n,3]')
    lines = []
    for line in reader.elements():
        lines.append(line)
        reader.value()
    assert lines == [3, 5, 7]


@pytest.mark.parametrize("value", [b'"' + b"x" * 5000 + b'"', b"1" * 5000, b"[" + b"1," * 2500 + b"1]"])
def test_a_long_value_is_not_held_and_can_be_skipped(value: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "MAX_VALUE", 1000)
    monkeypatch.setattr(json_stream, "PIECE", 100)
    reader = stream(b"[" + value + b",7]")
    found = []
    try:
        for _ in reader.elements():
            text = reader.value()
            if text is None:
                reader.skip()
            found.append(text)
    except Malformed as error:
        assert "more than 1,000 bytes" in str(error)
        assert not value.startswith(b"[")
    else:
        assert found == [None, b"7"]


CUT = [b"[1,", b"[", b'["a', b'["a\\', b'{"a":1']
WRONG = [b"[1 2]", b"[1,]", b"[{]", b"{1:2}", b'{"a" 1}', b'{"a":}', b'{"\xff":1}']


@pytest.mark.parametrize("text", CUT + WRONG)
def test_what_is_no_json_is_said_with_its_line(text: bytes) -> None:
    def walk() -> None:
        reader = stream(b"\n" + text)
        for _ in reader.elements() if text.startswith(b"[") else reader.members():
            reader.value()

    with pytest.raises(Malformed, match="line 2"):
        walk()
