"""Questions: a picture, a text and a key each become signatures before an index is asked."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import pytest
from PIL import Image

from lookalike.options import SearchOptions
from lookalike.questions import Asked, Asking, Key, Question, Signature, Stored, sign
from lookalike.signatures.computed import Signed
from shards.errors import KeyNotFound, LookalikeError, PictureError, QueryError, SignatureError
from shards.families import Family, family
from shards.pictures.decoding import ORIENTATIONS, Picture, PictureSettings, decode

CAT = Path(__file__).parents[2] / "demo" / "pictures" / "cat.jpg"
DHASH, GOLDBERG = family("dhash"), family("goldberg")
PICTURES = PictureSettings()


@pytest.fixture(scope="module")
def cat() -> Picture:
    return decode(CAT.read_bytes())


def no_index(key: str) -> Signed:
    raise KeyNotFound(key, "memory://")


def asked_of(asking: Asking, questions: list[Any], stored: Stored = no_index) -> list[Asked | LookalikeError]:
    """Return what the one family is asked."""
    found = asking.rows(asking.signed(questions), stored)
    (kind,) = asking.families
    return [one if isinstance(one, LookalikeError) else one.by_family[kind.name] for one in found]


def names_of(question: Question, *families: Family) -> list[str]:
    """Return the families that can read a question."""
    assert not isinstance(question, Key)
    return list(sign(question, families, PICTURES).rows)


def test_a_variant_is_named_for_every_signature_of_a_question(cat: Picture) -> None:
    for orientations in (False, True):
        for negatives in (False, True):
            asking = Asking((GOLDBERG,), PICTURES, SearchOptions(orientations=orientations, negatives=negatives))
            (asked,) = asked_of(asking, [cat])
            assert isinstance(asked, Asked)
            rows = asked.rows
            assert len(rows) == len(asked.variants) == len(set(asked.variants))
            assert asked.variants[:8] == ORIENTATIONS or not orientations
            turned = cat.orientations() if orientations else [cat]
            pictures = [*turned, *(Picture(255 - one.rgb) for one in turned if negatives)]
            scores = [GOLDBERG.score(GOLDBERG.compute(one), rows[i : i + 1])[0] for i, one in enumerate(pictures)]
            assert scores == [100] * len(rows)
    (asked,) = asked_of(Asking((GOLDBERG,), PICTURES, SearchOptions(orientations=True, negatives=True)), [cat])
    assert isinstance(asked, Asked)
    assert asked.variants[8:] == tuple(f"{one}, negative" for one in ORIENTATIONS)


def test_a_picture_a_path_a_text_and_what_was_signed_elsewhere_give_one_signature(cat: Picture) -> None:
    row = DHASH.compute(cat)
    asked = [cat, CAT, str(CAT), CAT.read_bytes(), Signature(DHASH.format(row)), Signed(({"dhash": row},)), Key("cat")]
    for one in asked_of(Asking((DHASH,), PICTURES), asked, {"cat": Signed(({"dhash": row},))}.__getitem__):
        assert isinstance(one, Asked)
        assert one.rows.tobytes() == row.tobytes()


def test_one_that_cannot_be_asked_has_its_error_in_its_place(cat: Picture) -> None:
    found = asked_of(Asking((DHASH,), PICTURES), [b"no picture", cat, Signature("zz"), Key("nobody")])
    assert [type(one) for one in found] == [PictureError, Asked, SignatureError, KeyNotFound]


def test_a_key_and_a_text_cannot_be_turned_and_a_hash_cannot_be_inverted(cat: Picture) -> None:
    asking = Asking((DHASH,), PICTURES, SearchOptions(orientations=True))
    alone = Signed(({"dhash": DHASH.compute(cat)},))
    key, text, signed = asking.signed([Key("cat"), Signature("0" * 16), alone])
    assert isinstance(key, QueryError)
    assert str(key) == str(text) == "orientations are computed from a picture: give the image, not its key or signature"
    assert str(signed) == "this picture has signatures of one orientation only: compute those of all 8 to search them"
    (found,) = asked_of(Asking((DHASH,), PICTURES, SearchOptions(negatives=True)), [cat])
    assert str(found) == "family dhash cannot find negatives; goldberg can"


def test_of_several_families_those_that_can_are_asked_for_the_negative(cat: Picture) -> None:
    asking = Asking((DHASH, GOLDBERG), PICTURES, SearchOptions(negatives=True))
    (found,) = asking.rows(asking.signed([cat]), no_index)
    assert not isinstance(found, LookalikeError)
    assert {name: asked.variants for name, asked in found.by_family.items()} == {
        "dhash": ("as is",),
        "goldberg": ("as is", "as is, negative"),
    }


def test_a_family_that_finds_turned_pictures_is_asked_for_the_mirrored_one_alone(cat: Picture) -> None:
    asking = Asking((family("crops"), DHASH), PICTURES, SearchOptions(orientations=True))
    (found,) = asking.rows(asking.signed([cat]), no_index)
    assert not isinstance(found, LookalikeError)
    assert set(found.by_family["crops"].variants) == {"as is", "mirrored"}
    assert found.by_family["dhash"].variants == ORIENTATIONS
    assert found.by_family["crops"].rows.dtype == family("crops").question_dtype


def test_a_picture_that_is_transparent_is_asked_for_over_both_backgrounds(cat: Picture) -> None:
    opacity = np.full((cat.height, cat.width), 255, np.uint8)
    opacity[:100, :200] = 0
    cut_out = Picture(np.where(opacity[:, :, None] == 0, np.uint8(255), cat.rgb), opacity)
    (asked,) = asked_of(Asking((DHASH,), PICTURES), [cut_out])
    assert isinstance(asked, Asked)
    assert asked.variants == ("as is", "as is")
    shown = cut_out.over_black
    assert shown is not None
    assert asked.rows[1].tobytes() == DHASH.compute(Picture(shown)).tobytes() != asked.rows[0].tobytes()


def test_a_flat_picture_is_known_to_be(cat: Picture) -> None:
    white = Picture(np.full((40, 40, 3), 255, np.uint8))
    found = asked_of(Asking((GOLDBERG,), PICTURES), [white, cat])
    assert [isinstance(one, Asked) and one.flat.tolist() for one in found] == [[True], [False]]


@pytest.mark.parametrize("orientations", [False, True])
def test_white_ink_is_flat_over_white_and_not_over_black(cat: Picture, orientations: bool) -> None:
    ink = Picture(np.full(cat.rgb.shape, 255, np.uint8), cat.luma)
    families = tuple(map(family, ("haar", "dhash", "pdq", "crops")))
    asking = Asking(families, PICTURES, SearchOptions(orientations=orientations))
    (found,) = asking.rows(asking.signed([ink]), no_index)
    assert not isinstance(found, LookalikeError)
    for name, asked in found.by_family.items():
        shown = 2 if name == "crops" else 1
        each = [True] * shown + [False] * shown
        assert asked.flat.tolist() == each * (len(asked.rows) // len(each))


def test_the_digest_of_a_file_is_known_and_that_of_a_key(cat: Picture) -> None:
    asking = Asking((DHASH,), PICTURES)
    known = Signed(({"dhash": DHASH.compute(cat)},), sha256=b"1" * 32)
    found = asking.rows(asking.signed([CAT, CAT.read_bytes(), Key("cat"), Signature("0" * 16)]), lambda _: known)
    assert [not isinstance(one, LookalikeError) and one.sha256 for one in found] == [
        sha256(CAT.read_bytes()).hexdigest(),
        sha256(CAT.read_bytes()).hexdigest(),
        "31" * 32,
        "",
    ]


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
        for question in (computed, Hash(computed.hash)):
            (asked,) = asked_of(Asking((kind,), PICTURES), [question])
            assert isinstance(asked, Asked)
            assert kind.format(asked.rows[0]) == str(computed)


def test_a_hash_is_asked_of_families_of_its_shape_alone(cat: Picture) -> None:
    square = Hash(np.eye(8, dtype=bool))
    assert names_of(square, DHASH, family("phash"), family("pdq"), GOLDBERG) == ["dhash", "phash"]
    for kind, shape, message in (
        (DHASH, (16, 16), "a hash of 16 × 16 bits is no dhash: that has 8 × 8"),
        (DHASH, (4, 16), "a hash of 4 × 16 bits is no dhash"),
        (GOLDBERG, (24, 34), "a hash of 24 × 34 bits is no signature of goldberg"),
    ):
        (refusal,) = Asking((kind,), PICTURES).signed([Hash(np.zeros(shape, bool))])
        assert isinstance(refusal, SignatureError)
        assert message in str(refusal)


@pytest.mark.parametrize(
    ("odd", "shown"),
    [("0f0f", "str"), (np.zeros(64, bool), r"bool of shape \(64,\)"), (np.zeros((8, 8)), r"float64 of shape \(8, 8\)")],
)
def test_what_only_has_a_hash_says_what_it_should_be(odd: Any, shown: str) -> None:
    with pytest.raises(SignatureError, match=f"the hash of Hash is {shown}: give one of bits"):
        sign(Hash(odd), [DHASH], PICTURES)


def test_a_hash_cannot_be_turned() -> None:
    asking = Asking((DHASH,), PICTURES, SearchOptions(orientations=True))
    (refusal,) = asking.signed([Hash(np.eye(8, dtype=bool))])
    assert "orientations are computed from a picture" in str(refusal)


def test_a_text_is_read_by_every_family_it_may_be_of(cat: Picture) -> None:
    families = (DHASH, family("phash"), GOLDBERG)
    text = Signature(DHASH.format(DHASH.compute(cat)))
    assert names_of(text, *families) == ["dhash", "phash"]
    assert names_of(cat, *families) == ["dhash", "phash", "goldberg"]
    with pytest.raises(SignatureError, match=r"dhash.*; .*phash.*; .*goldberg"):
        sign(Signature("zz"), families, PICTURES)
