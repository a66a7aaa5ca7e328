"""Questions: a picture, a text and a key each become signatures before an index is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import pytest
from PIL import Image

from lookalike.options import SearchOptions
from lookalike.questions import Asking, Key, Signature, signatures_by_family
from lookalike.signatures.computed import Signed
from shards.errors import KeyNotFound, LookalikeError, PictureError, QueryError, SignatureError
from shards.families import Row, family
from shards.pictures.decoding import ORIENTATIONS, Picture, PictureSettings, decode

CAT = Path(__file__).parents[2] / "demo" / "pictures" / "cat.jpg"
DHASH, GOLDBERG = family("dhash"), family("goldberg")
PICTURES = PictureSettings()


@pytest.fixture(scope="module")
def cat() -> Picture:
    return decode(CAT.read_bytes())


def no_index(key: str) -> Row:
    raise KeyNotFound(key, "memory://")


def test_a_variant_is_named_for_every_signature_of_a_question(cat: Picture) -> None:
    for orientations in (False, True):
        for negatives in (False, True):
            asking = Asking(GOLDBERG, PICTURES, SearchOptions(orientations=orientations, negatives=negatives))
            (rows,) = asking.rows(asking.signatures([cat]), no_index)
            assert not isinstance(rows, LookalikeError)
            assert len(rows) == len(asking.variants) == len(set(asking.variants))
            turned = cat.orientations() if orientations else [cat]
            pictures = [*turned, *(Picture(255 - one.rgb) for one in turned if negatives)]
            scores = [GOLDBERG.score(GOLDBERG.compute(one), rows[i : i + 1])[0] for i, one in enumerate(pictures)]
            assert scores == [100] * len(rows)
    assert Asking(GOLDBERG, PICTURES, SearchOptions(orientations=True, negatives=True)).variants[8:] == tuple(
        f"{one}, negative" for one in ORIENTATIONS
    )


def test_a_picture_a_path_a_text_and_what_was_signed_elsewhere_give_one_signature(cat: Picture) -> None:
    row = DHASH.compute(cat)
    asked = [cat, CAT, str(CAT), CAT.read_bytes(), Signature(DHASH.format(row)), Signed(({"dhash": row},)), Key("cat")]
    asking = Asking(DHASH, PICTURES)
    for rows in asking.rows(asking.signatures(asked), {"cat": row}.__getitem__):
        assert np.array_equal(rows, np.array([row], DHASH.dtype))  # type: ignore[arg-type]


def test_one_that_cannot_be_asked_has_its_error_in_its_place(cat: Picture) -> None:
    asking = Asking(DHASH, PICTURES)
    signed = asking.signatures([b"no picture", cat, Signature("zz"), Key("nobody")])
    found = asking.rows(signed, no_index)
    assert [type(one) for one in found] == [PictureError, np.ndarray, SignatureError, KeyNotFound]


def test_a_key_and_a_text_cannot_be_turned_and_a_hash_cannot_be_inverted(cat: Picture) -> None:
    asking = Asking(DHASH, PICTURES, SearchOptions(orientations=True))
    alone = Signed(({"dhash": DHASH.compute(cat)},))
    key, text, signed = asking.signatures([Key("cat"), Signature("0" * 16), alone])
    assert isinstance(key, QueryError)
    assert str(key) == str(text) == "orientations are computed from a picture: give the image, not its key or signature"
    assert str(signed) == "this picture has signatures of one orientation only: compute those of all 8 to search them"
    asking = Asking(DHASH, PICTURES, SearchOptions(negatives=True))
    (found,) = asking.rows(asking.signatures([cat]), no_index)
    assert str(found) == "family dhash cannot find negatives; goldberg can"


@dataclass
class Hash:
    """What an `imagehash.ImageHash` looks like."""

    hash: Any


def test_a_hash_of_another_program_is_asked_as_it_is(cat: Picture) -> None:
    with Image.open(CAT) as image:
        hashes = {
            "dhash": imagehash.dhash(image),
            "phash16": imagehash.phash(image, 16),
            "whash_db4": imagehash.whash(image, mode="db4"),
        }
    for name, computed in hashes.items():
        kind = family(name)
        asking = Asking(kind, PICTURES)
        for question in (computed, Hash(computed.hash)):
            (rows,) = asking.rows(asking.signatures([question]), no_index)
            assert not isinstance(rows, LookalikeError)
            assert kind.format(rows[0]) == str(computed)


def test_a_hash_is_asked_of_families_of_its_shape_alone(cat: Picture) -> None:
    square = Hash(np.eye(8, dtype=bool))
    assert list(signatures_by_family(square, [DHASH, family("phash"), family("pdq"), GOLDBERG], PICTURES)) == [
        "dhash",
        "phash",
    ]
    for kind, shape, message in (
        (DHASH, (16, 16), "a hash of 16 × 16 bits is no dhash: that has 8 × 8"),
        (DHASH, (4, 16), "a hash of 4 × 16 bits is no dhash"),
        (GOLDBERG, (24, 34), "a hash of 24 × 34 bits is no signature of goldberg"),
    ):
        (refusal,) = Asking(kind, PICTURES).signatures([Hash(np.zeros(shape, bool))])
        assert isinstance(refusal, SignatureError)
        assert message in str(refusal)


@pytest.mark.parametrize(
    ("odd", "shown"),
    [("0f0f", "str"), (np.zeros(64, bool), r"bool of shape \(64,\)"), (np.zeros((8, 8)), r"float64 of shape \(8, 8\)")],
)
def test_what_only_has_a_hash_says_what_it_should_be(odd: Any, shown: str) -> None:
    with pytest.raises(SignatureError, match=f"the hash of Hash is {shown}: give one of bits"):
        signatures_by_family(Hash(odd), [DHASH], PICTURES)


def test_a_hash_cannot_be_turned() -> None:
    asking = Asking(DHASH, PICTURES, SearchOptions(orientations=True))
    (refusal,) = asking.signatures([Hash(np.eye(8, dtype=bool))])
    assert "orientations are computed from a picture" in str(refusal)


def test_a_text_is_read_by_every_family_it_may_be_of(cat: Picture) -> None:
    families = [DHASH, family("phash"), GOLDBERG]
    text = Signature(DHASH.format(DHASH.compute(cat)))
    assert list(signatures_by_family(text, families, PICTURES)) == ["dhash", "phash"]
    assert list(signatures_by_family(cat, families, PICTURES)) == ["dhash", "phash", "goldberg"]
    with pytest.raises(SignatureError, match=r"dhash.*; .*phash.*; .*goldberg"):
        signatures_by_family(Signature("zz"), families, PICTURES)
