"""PDQ, against golden values of the reference implementation."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shards.errors import SignatureError
from shards.families.base import Family
from shards.families.hashes import Pdq, jarosz
from shards.pictures.decoding import Picture
from shards.testing.families import FamilyTests
from shards.testing.samples import flat, scene
from tests.shards.families.pdq_reference import GOLDEN, cases, digest

VALUES: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))


class TestPdq(FamilyTests):
    @pytest.fixture
    def family(self) -> Family:
        return Pdq()


def ours(rgb: NDArray[np.uint8]) -> str:
    return Pdq().format(Pdq().compute(Picture(rgb)))


@pytest.mark.parametrize("kind", ["painted", "noise", "real"])
def test_pictures_have_the_references_bits_and_quality(kind: str) -> None:
    seen = 0
    for name, rgb in cases():
        if name.startswith(kind):
            pixels, golden = VALUES[name]
            assert digest(rgb) == pixels, f"{name} is another picture than the one the golden value is of"
            assert ours(rgb) == golden, name
            seen += 1
    assert seen == sum(name.startswith(kind) for name in VALUES)


@pytest.mark.parametrize("block", [1, 5000])
def test_a_picture_has_the_same_hash_in_any_number_of_blocks(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    pictures = [random.integers(0, 256, (*shape, 3), np.uint8) for shape in ((200, 150), (64, 65), (129, 5), (5, 700))]
    whole = [ours(rgb) for rgb in pictures]
    monkeypatch.setattr(jarosz, "BLOCK", block)
    assert [ours(rgb) for rgb in pictures] == whole


@pytest.mark.parametrize("shape", [(1, 1), (4, 300), (300, 4)])
def test_a_picture_below_5_pixels_has_no_hash(shape: tuple[int, int]) -> None:
    assert ours(np.full((*shape, 3), 99, np.uint8)) == "0" * 64 + ":000"


def test_quality_tells_plain_pictures_from_others() -> None:
    ramp = np.arange(200, dtype=np.uint8)[None, :, None].repeat(150, 0).repeat(3, 2)
    rows = np.array([Pdq().compute(picture) for picture in (flat((9, 9, 9)), Picture(ramp), scene(0))])

    assert rows["quality"][0] == 0
    assert rows["quality"][2] == 100
    assert Pdq().is_flat(rows).tolist() == [True, True, False]


def test_a_hash_without_its_quality_is_taken_for_reliable() -> None:
    row = Pdq().parse("F" * 32 + "0" * 31 + "1")

    assert row["hash"].tolist() == [2**64 - 1, 2**64 - 1, 0, 1]
    assert Pdq().format(row) == "f" * 32 + "0" * 31 + "1:100"
    assert Pdq().is_flat(np.array([row, Pdq().parse("0" * 64)])).tolist() == [False, True]


@pytest.mark.parametrize("quality", [":101", ":1", ":0100", ":-01", ",100", ":", ":1e1"])
def test_a_quality_that_is_none_is_refused(quality: str) -> None:
    with pytest.raises(SignatureError, match="quality"):
        Pdq().parse("a" * 64 + quality)


def test_31_bits_are_a_match() -> None:
    assert Pdq().score_at(31) == 87.890625
    rows = np.array([Pdq().parse("0" * 64), Pdq().parse("0" * 56 + "7fffffff")])
    assert Pdq().score(rows[0], rows).tolist() == [100.0, 87.890625]
