"""JSON of objects that anybody may have written."""

from __future__ import annotations

import pytest

from shards.table.format import strict_json

BAD = [
    b"",
    b"{",
    b"NaN",
    b"[Infinity]",
    b"[-Infinity]",
    b"1e999",
    b'"\\ud800"',
    b'{"a":"\\uDFFF"}',
    b"\xff",
    b"1" * 5000,
]


@pytest.mark.parametrize("stored", [*BAD, b"[" * 200_000, b'{"a":' * 200_000], ids=lambda stored: repr(stored[:12]))
def test_what_is_no_json_is_a_value_error(stored: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        strict_json.loads(stored)


def test_json_comes_back() -> None:
    assert strict_json.loads('{"a":[1,2.5,null,"ü😀","\\ud83d\\ude00"]}'.encode()) == {"a": [1, 2.5, None, "ü😀", "😀"]}
