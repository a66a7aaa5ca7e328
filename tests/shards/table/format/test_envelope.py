"""JSON documents that notice a changed byte."""

from __future__ import annotations

import gzip
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards.errors import CorruptObject, FormatUnsupported, QueryError
from shards.table.format import envelope
from shards.table.format.names import digest
from tests.tiers import scaled

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)

LARGE = {"format": 1, "numbers": [random.Random(0).getrandbits(64) for _ in range(5000)]}


@given(st.dictionaries(st.text(), json_values, max_size=4))
@settings(max_examples=scaled(40))
def test_what_was_sealed_comes_back(document: dict[str, Any]) -> None:
    document["format"] = 1
    assert envelope.unseal(envelope.seal(document), "a.json") == document


def test_a_small_one_is_plain_json_with_the_digest_of_its_body() -> None:
    stored = envelope.seal({"format": 1, "ü": [1, 2]})
    body = '{"format":1,"ü":[1,2]}'.encode()
    assert stored == b'{"blake2b":"%s","body":%s}\n' % (digest(body).encode(), body)
    assert json.loads(stored)["body"] == {"format": 1, "ü": [1, 2]}


def test_a_large_one_is_a_gzip_file_that_any_tool_opens() -> None:
    stored = envelope.seal(LARGE)
    assert stored[:2] == b"\x1f\x8b"
    assert json.loads(gzip.decompress(stored))["body"] == LARGE
    assert envelope.unseal(stored, "a.json") == LARGE


@pytest.mark.parametrize("document", [{"format": 1, "b": 1, "a": 2}, LARGE])
def test_the_same_document_gives_the_same_bytes_whatever_the_order_of_its_keys(document: dict[str, Any]) -> None:
    assert envelope.seal(document) == envelope.seal(dict(reversed(document.items())))


@pytest.mark.parametrize("document", [{"format": 1, "text": "hello"}, LARGE])
def test_any_changed_byte_is_noticed(document: dict[str, Any]) -> None:
    stored = envelope.seal(document)
    chosen = range(len(stored)) if len(stored) < 200 else random.Random(1).sample(range(len(stored)), 200)
    for at in chosen:
        changed = bytearray(stored)
        changed[at] ^= 1 << (at % 8)
        with pytest.raises(CorruptObject, match=r"a\.json: its .* do not match"):
            envelope.unseal(bytes(changed), "a.json")


@pytest.mark.parametrize("document", [{"format": 1}, LARGE])
@pytest.mark.parametrize("kept", [0, 1, 20, 40, -1])
def test_a_truncated_one_is_noticed(document: dict[str, Any], kept: int) -> None:
    with pytest.raises(CorruptObject, match="do not match"):
        envelope.unseal(envelope.seal(document)[:kept], "a.json")


@pytest.mark.parametrize("version", [3, 0, None, "1"])
def test_another_format_says_that_lookalike_is_too_old(version: object) -> None:
    with pytest.raises(FormatUnsupported, match=r"a\.json has format .* upgrade lookalike"):
        envelope.unseal(envelope.seal({"format": version}), "a.json")


@pytest.mark.parametrize("limit", ["MAX_DOCUMENT", "MAX_VALUES"])
def test_what_no_reader_would_take_is_not_written(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = envelope.seal(LARGE)
    monkeypatch.setattr(envelope, limit, 4_000)
    with pytest.raises(QueryError, match="it lists too many segments; merge them"):
        envelope.seal(LARGE)
    with pytest.raises(CorruptObject, match=r"a\.json: .*(is not one gzip file|more than any index needs)"):
        envelope.unseal(stored, "a.json")


@pytest.mark.parametrize("tail", [b"x", b"\x1f\x8b\x08"])
def test_what_follows_a_compressed_one_is_noticed(tail: bytes) -> None:
    head = envelope.seal(LARGE)[:16]
    packed = envelope.seal(LARGE)[48:] + tail
    with pytest.raises(CorruptObject, match="is not one gzip file"):
        envelope.unseal(head + digest(packed).encode() + packed, "a.json")
