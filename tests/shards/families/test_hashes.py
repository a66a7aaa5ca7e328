"""The hashes of the ImageHash package, which is the oracle here."""

from __future__ import annotations

import imagehash
import numpy as np
import pytest
import scipy.fftpack
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shards.errors import QueryError, SignatureError
from shards.families import family
from shards.families.base import Family
from shards.families.hashes import KINDS, ImageHash
from shards.families.hashes.cosine import dct
from shards.families.hashes.lanczos import resize
from shards.pictures.decoding import Picture
from shards.testing.families import FamilyTests
from shards.testing.samples import flat, scene
from tests import pictures
from tests.tiers import scaled

SEEDS = range(120)


class TestImageHashFamilies(FamilyTests):
    @pytest.fixture(params=[(kind, 8) for kind in KINDS] + [("dhash", 16), ("phash", 12)])
    def family(self, request: pytest.FixtureRequest) -> Family:
        kind, size = request.param
        return ImageHash(kind, size)


@pytest.fixture(scope="module")
def many_pictures() -> list[Picture]:
    return [Picture(rgb) for rgb in (*pictures.real(), *map(pictures.drawn, SEEDS))]


def as_imagehash_computes(kind: str, size: int, picture: Picture) -> imagehash.ImageHash:
    image = Image.fromarray(picture.luma)
    if kind == "whash_db4":
        # below 8 · size its hash has another length; from there on this is its own choice of scale
        scale = max(1 << (min(image.size).bit_length() - 1), 8 * size)
        return imagehash.whash(image, size, image_scale=scale, mode="db4")
    compute = {"ahash": imagehash.average_hash}.get(kind) or getattr(imagehash, kind)
    return compute(image, size)


# the same bits


@pytest.mark.parametrize("size", [8, 16])
@pytest.mark.parametrize("kind", KINDS)
def test_hashes_are_those_of_imagehash(kind: str, size: int, many_pictures: list[Picture]) -> None:
    family = ImageHash(kind, size)
    distances = []
    for picture in many_pictures:
        theirs = family.parse(str(as_imagehash_computes(kind, size, picture)))
        ours = np.array([family.compute(picture)])
        distances.append(int(family.distances(theirs, ours)[0]))

    assert np.mean(np.array(distances) == 0) >= 0.98
    assert max(distances) <= 2


@pytest.mark.parametrize("size", [2, 3, 5, 7, 8, 13, 24, 32])
@pytest.mark.parametrize("kind", ["dhash", "dhash_vertical", "phash", "ahash"])
def test_text_is_that_of_imagehash_at_every_size(kind: str, size: int) -> None:
    picture = Picture(pictures.drawn(12))
    family = ImageHash(kind, size)

    assert family.format(family.compute(picture)) == str(as_imagehash_computes(kind, size, picture))


@settings(max_examples=scaled(40), deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 60), st.integers(1, 60))
def test_pictures_are_reduced_as_pillow_does(seed: int, width: int, height: int) -> None:
    luma = np.random.default_rng(seed).integers(0, 256, (seed % 97 + 1, seed % 89 + 1), np.uint8)
    theirs = np.asarray(Image.fromarray(luma).resize((width, height), Image.Resampling.LANCZOS))

    difference = np.abs(resize(luma, width, height).astype(int) - theirs)

    # sin() of another C library may round a weight the other way
    assert difference.max() <= 1
    assert np.mean(difference == 0) >= 0.99


@pytest.mark.parametrize("shape", [(700, 37), (37, 700), (600, 1), (1, 600), (90, 45), (91, 45), (1500, 1100)])
def test_large_wide_and_tall_pictures_are_reduced_as_pillow_does(shape: tuple[int, int]) -> None:
    luma = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    for width, height in ((9, 8), (8, 9), (64, 64), (300, 300)):
        theirs = np.asarray(Image.fromarray(luma).resize((width, height), Image.Resampling.LANCZOS))
        assert np.mean(resize(luma, width, height) == theirs) >= 0.99


@pytest.mark.parametrize("length", range(8, 129, 4))
def test_the_cosine_transform_has_scipys_rounding_errors(length: int) -> None:
    values = np.random.default_rng(length).integers(0, 256, (50, length)).astype(float)

    assert np.array_equal(dct(values), scipy.fftpack.dct(values, axis=1))


# kinds and sizes


@pytest.mark.parametrize(
    ("kind", "size", "bits", "digits"),
    [("dhash", 8, 64, 16), ("phash", 16, 256, 64), ("ahash", 3, 9, 3), ("whash_db4", 8, 196, 49)],
)
def test_a_hash_has_so_many_bits_and_digits(kind: str, size: int, bits: int, digits: int) -> None:
    family = ImageHash(kind, size)

    assert family.bits == bits
    assert family.dtype["hash"].shape == (-(-bits // 64),)
    assert len(family.format(family.compute(scene(0)))) == digits


def test_a_name_has_the_size_unless_it_is_8() -> None:
    assert [ImageHash("phash").name, ImageHash("phash", 8).name, ImageHash("phash", 16).name] == [
        "phash",
        "phash",
        "phash16",
    ]


@pytest.mark.parametrize(
    ("kind", "size"), [("dhash", 1), ("dhash", 33), ("whash", 12), ("whash_db4", 4), ("crop_resistant", 8)]
)
def test_a_kind_or_size_that_there_is_not_is_refused(kind: str, size: int) -> None:
    with pytest.raises(QueryError, match=r"there are|it can be one of"):
        ImageHash(kind, size)


@pytest.mark.parametrize("name", ["phash8", "phash016", "phash١٦", "dhash08"])
def test_a_family_has_one_name(name: str) -> None:
    with pytest.raises(QueryError, match=r"is called .[dp]hash"):
        family(name)


@pytest.mark.parametrize("name", ["phash" + "9" * 5_000, "x" * 100_000])
def test_a_name_of_any_length_is_refused_in_a_line(name: str) -> None:
    with pytest.raises(QueryError, match=r"no family has a name of [\d,]+ characters") as refusal:
        family(name)
    assert len(str(refusal.value)) < 200


def test_a_small_picture_has_a_db4_hash_as_long_as_any() -> None:
    assert len(ImageHash("whash_db4").format(ImageHash("whash_db4").compute(scene(1, 20, 9)))) == 49


# text


def test_words_hold_the_number_most_significant_word_first() -> None:
    row = ImageHash("phash", 16).parse("0123456789abcdef" + "0" * 47 + "1")
    assert row["hash"].tolist() == [0x0123456789ABCDEF, 0, 0, 1]

    row = ImageHash("whash_db4").parse("1" + "0" * 48)
    assert row["hash"].tolist() == [1, 0, 0, 0]


@settings(max_examples=scaled(50))
@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_signed_integers_and_hashes_are_each_others(number: int) -> None:
    family = ImageHash("dhash")
    row = family.from_signed(number)

    assert family.to_signed(row) == number
    assert family.parse(family.format(row)) == row
    if len(str(number)) != 16:
        assert family.parse(str(number)) == row


def test_16_digits_are_hexadecimal() -> None:
    assert ImageHash("dhash").format(ImageHash("dhash").parse("1234567890123456")) == "1234567890123456"
    assert ImageHash("dhash").format(ImageHash("dhash").parse("-1")) == "f" * 16
    assert ImageHash("dhash").parse("ABCDEF0123456789") == ImageHash("dhash").parse("abcdef0123456789")


@pytest.mark.parametrize("text", [str(1 << 63), str(-(1 << 63) - 1), "--1", "+1", "0x12", "-", "1.0"])
def test_what_is_no_signed_number_of_64_bits_is_refused(text: str) -> None:
    with pytest.raises(SignatureError):
        ImageHash("dhash").parse(text)


def test_only_hashes_of_64_bits_are_integers() -> None:
    with pytest.raises(SignatureError):
        ImageHash("dhash", 16).from_signed(1)
    with pytest.raises(SignatureError):
        ImageHash("dhash", 16).parse("1")
    with pytest.raises(SignatureError):
        ImageHash("dhash", 16).to_signed(ImageHash("dhash", 16).compute(scene(0)))


def test_digits_beyond_the_bits_are_refused() -> None:
    assert ImageHash("ahash", 3).parse("1ff")["hash"].tolist() == [0x1FF]
    with pytest.raises(SignatureError, match="9 bits"):
        ImageHash("ahash", 3).parse("200")


# scores


def test_score_counts_the_bits_that_differ() -> None:
    family = ImageHash("dhash")
    rows = np.array([family.parse(text) for text in ("0" * 16, "0" * 15 + "3", "f" * 16)], family.dtype)

    assert family.distances(rows[0], rows).tolist() == [0, 2, 64]
    assert family.score(rows[0], rows).tolist() == [100.0, 96.875, 0.0]
    assert family.score_at(10) == ImageHash("ahash").match_score == 84.375
    assert ImageHash("dhash", 16).distance_at(ImageHash("dhash", 16).match_score) == 40


@pytest.mark.parametrize("family", [ImageHash("dhash"), ImageHash("ahash", 3), ImageHash("phash", 32)])
def test_a_search_within_a_radius_loses_nothing_on_its_edge(family: ImageHash) -> None:
    rng = np.random.default_rng(0)
    hashes = [f"{int.from_bytes(rng.bytes(128)) % (1 << family.bits):0{-(-family.bits // 4)}x}" for _ in range(99)]
    rows = np.array([family.parse(text) for text in hashes], family.dtype)

    for distance, score in zip(family.distances(rows[0], rows), family.score(rows[0], rows), strict=True):
        assert score == family.score_at(int(distance))


# flat


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [0, 77, 255])
def test_the_hash_of_a_plain_picture_is_flat(kind: str, level: int) -> None:
    family = ImageHash(kind)
    rows = np.array([family.compute(flat((level, level, level), 100, 130))])

    assert family.is_flat(rows).tolist() == [True]


def test_a_ramp_from_dark_to_bright_is_flat_to_a_dhash() -> None:
    ramp = np.arange(200, dtype=np.uint8)[None, :, None].repeat(90, 0).repeat(3, 2)
    family = ImageHash("dhash")
    rows = np.array([family.compute(Picture(ramp)), family.compute(Picture(ramp[:, ::-1])), family.compute(scene(0))])

    assert family.is_flat(rows).tolist() == [True, True, False]
