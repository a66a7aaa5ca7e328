"""Hashes as values: what people do with ImageHash, without it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import imagehash
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import lookalike
from lookalike import Hash, Index, PictureError, QueryError, SignatureError
from shards.families import family
from shards.families.hashes import ImageHash
from shards.pictures.decoding import decode

PICTURES = Path(__file__).parents[2] / "demo" / "pictures"
CAT = PICTURES / "cat.jpg"

hashes = st.integers(2, 20).flatmap(lambda side: st.builds(Hash, st.integers(0, (1 << side**2) - 1), st.just(side)))


@pytest.mark.parametrize("size", [8, 16])
@pytest.mark.parametrize("name", ["dhash", "dhash_vertical", "phash", "ahash", "whash"])
def test_a_picture_has_the_hash_of_its_family(name: str, size: int) -> None:
    compute: Callable[..., Hash] = getattr(lookalike, name)
    kind = family(name if size == 8 else f"{name}{size}")
    computed = compute(CAT, size)
    assert str(computed) == kind.format(kind.compute(decode(CAT.read_bytes())))
    assert compute(CAT.read_bytes(), size) == compute(str(CAT), size) == computed


def test_hashes_are_subtracted_in_bits() -> None:
    cat = lookalike.dhash(CAT)
    assert cat - cat == 0
    assert cat - lookalike.dhash(PICTURES / "coffee.jpg") > 10
    assert Hash.from_hex("f" * 16) - Hash.from_hex("0" * 16) == 64
    assert isinstance(cat - cat, int)


def test_those_of_imagehash_mix_with_ours() -> None:
    with Image.open(CAT) as image:
        theirs = imagehash.dhash(image)
    ours = Hash.from_bits(theirs.hash)
    assert str(ours) == str(theirs)
    assert len(ours) == len(theirs) == 64
    assert ours - theirs == theirs - ours == 0
    assert Hash.from_hex("0" * 16) - theirs == theirs.hash.sum()
    assert np.array_equal(ours.hash, theirs.hash)
    assert theirs == ours


def test_a_hash_is_a_question() -> None:
    index = Index.create("memory://", families=["dhash"])
    index.add("cat", CAT.read_bytes())
    index.add("coffee", (PICTURES / "coffee.jpg").read_bytes())
    (hit,) = index.search(lookalike.dhash(CAT), max_distance=3).hits
    assert (hit.key, hit.distance) == ("cat", 0)


@given(hashes)
def test_its_forms_are_one_hash(one: Hash) -> None:
    assert Hash.from_bits(one.hash) == one
    assert Hash.from_hex(str(one)) == Hash.from_hex(str(one).upper()) == one
    assert int(one) == one.number
    assert one.hash.shape == (one.side, one.side)
    assert pickle.loads(pickle.dumps(one)) == one
    assert len({one, Hash(one.number, one.side)}) == 1


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_a_signed_number_is_the_hash_that_a_database_means(number: int) -> None:
    kind = ImageHash("dhash")
    assert str(Hash.from_signed(number)) == kind.format(kind.from_signed(number))


def test_hashes_of_other_shapes_are_neither_equal_nor_subtracted() -> None:
    small, large = Hash(0, 8), Hash(0, 16)
    assert small != large
    assert small != 0
    with pytest.raises(TypeError, match="a hash of 8 × 8 bits and one of 16 × 16 cannot be compared"):
        _ = small - large
    with pytest.raises(TypeError):
        _ = small - None  # type: ignore[operator]


@pytest.mark.parametrize("text", ["", "xyz", "0" * 15, "0" * 17, "-f" * 8, " " * 16])
def test_what_is_no_hash_in_hex_says_so(text: str) -> None:
    with pytest.raises(SignatureError, match="is no hash"):
        Hash.from_hex(text)


def test_what_is_no_hash_is_refused() -> None:
    for bits in (np.zeros((4, 16), bool), np.zeros(64, bool), np.zeros((8, 8))):
        with pytest.raises(SignatureError, match="give a square of bits"):
            Hash.from_bits(bits)
    for number, side in ((-1, 8), (1 << 64, 8), (0, 1)):
        with pytest.raises(SignatureError, match="is no hash of"):
            Hash(number, side)
    with pytest.raises(SignatureError, match="signed number of 64 bits"):
        Hash.from_signed(1 << 63)
    with pytest.raises(PictureError):
        lookalike.dhash(b"nothing")
    with pytest.raises(QueryError, match="no size 1"):
        lookalike.dhash(CAT, 1)
