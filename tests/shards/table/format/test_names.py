"""Names of objects."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shards.errors import CorruptObject, KeyInvalid
from shards.table.format import names

BODY = b"a body"
DIGEST = blake2b(BODY, digest_size=16).hexdigest()


def test_a_log_object_is_named_by_its_time_and_content_so_that_a_repeated_call_is_a_no_op() -> None:
    assert names.log(1_800_000_000_123, BODY) == f"log/1800000000123-{DIGEST}.npz"
    assert names.log(7, BODY) == f"log/0000000000007-{DIGEST}.npz"
    assert names.log(9, b"") < names.log(10, b"") < names.log(10**12, b"")


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_the_newest_manifest_sorts_first(a: int, b: int) -> None:
    assert (names.manifest(a) < names.manifest(b)) == (a > b)
    assert names.manifest_version(names.manifest(a)) == a


@pytest.mark.parametrize(
    "name",
    ["manifest/1.json", "manifest/.json", f"manifest/{2**64:020d}.json", "manifest/0000000000000000000x.json"],
)
def test_what_is_no_name_of_a_manifest_is_refused(name: str) -> None:
    with pytest.raises(CorruptObject, match="no name of a manifest"):
        names.manifest_version(name)


def test_a_segment_is_named_by_its_shard_its_content_and_its_commit() -> None:
    name = names.segment(255, BODY, "c0ffee")
    assert name == f"segments/00ff/{DIGEST}-c0ffee.npz"
    assert name.startswith(names.shard_prefix(255))
    assert names.dead(BODY, "c0ffee") == f"dead/{DIGEST}-c0ffee.npy"


@pytest.mark.parametrize(
    "name", [names.log(1, BODY), names.segment(1, BODY, "0123456789abcdef"), names.dead(BODY, "0123456789abcdef")]
)
def test_a_name_tells_whether_the_content_is_whole(name: str) -> None:
    names.check_content(name, BODY)
    with pytest.raises(CorruptObject, match=f"{name}: BLAKE2b of its 6 bytes is"):
        names.check_content(name, b"a bodY")


def test_a_name_without_a_digest_proves_nothing() -> None:
    with pytest.raises(CorruptObject, match="not what its name says"):
        names.check_content("log/notes.txt", BODY)


@pytest.mark.parametrize("key", ["a", "x" * 1024, "ü" * 512, "🐈" * 256, "a\nb\0c", "../.."])
def test_a_key_is_any_text_of_up_to_1024_bytes(key: str) -> None:
    assert names.key_bytes(key).decode() == key


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("", "has 0 bytes"),
        ("x" * 1025, "has 1,025 bytes"),
        ("ü" * 513, "has 1,026 bytes"),
        ("\ud800", "not valid UTF-8"),
    ],
)
def test_other_keys_are_refused(key: str, problem: str) -> None:
    with pytest.raises(KeyInvalid, match=problem):
        names.key_bytes(key)


def test_key_hashes_are_the_first_8_bytes_of_blake2b_little_endian() -> None:
    # RFC 7693 with an output of 8 bytes, of "abc"
    assert blake2b(b"abc", digest_size=8).hexdigest() == "d8bb14d833d59559"
    assert names.key_hash(b"abc") == 0x5995D533D814BBD8


@given(st.lists(st.binary(max_size=20)))
def test_key_hashes_of_many_are_those_of_each(keys: list[bytes]) -> None:
    hashes = names.key_hashes(keys)
    assert hashes.dtype == np.uint64
    assert hashes.tolist() == [names.key_hash(key) for key in keys]
