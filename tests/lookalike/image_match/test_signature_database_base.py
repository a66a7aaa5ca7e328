"""SignatureDatabaseBase, and the functions that make records."""

from __future__ import annotations

import gzip
import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from lookalike.image_match import signature_database_base as base
from lookalike.image_match.goldberg import ImageSignature
from lookalike.image_match.signature_database_base import SignatureDatabaseBase

GOLDEN = Path(__file__).parents[2] / "golden" / "goldberg"
IMAGES: dict[str, dict[str, Any]] = json.loads(gzip.decompress((GOLDEN / "golden.json.gz").read_bytes()))["images"]
COFFEE = GOLDEN / "images" / "coffee.png"


class InMemory(SignatureDatabaseBase):
    """A driver of somebody else's, written for image-match."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.records: list[dict[str, Any]] = []
        self.refreshed = False

    def insert_single_record(self, rec: dict[str, Any], refresh_after: bool = False) -> None:
        self.records.append(rec)
        self.refreshed = refresh_after

    def search_single_record(self, rec: dict[str, Any], pre_filter: Any = None) -> list[dict[str, Any]]:
        signatures = np.array([record["signature"] for record in self.records])
        distances = base.normalized_distance(signatures, np.array(rec["signature"]))
        return [
            {"id": n, "dist": distance, "filter": pre_filter}
            for n, distance in enumerate(distances)
            if distance < self.distance_cutoff
        ]


def defaults(function: Any) -> dict[str, Any]:
    return {name: one.default for name, one in inspect.signature(function).parameters.items() if name != "self"}


def test_names_and_defaults_are_image_matchs() -> None:
    nothing = inspect.Parameter.empty
    assert list(defaults(SignatureDatabaseBase).items())[:5] == [
        ("k", 16), ("N", 63), ("n_grid", 9), ("crop_percentile", (5, 95)), ("distance_cutoff", 0.45),
    ]  # fmt: skip
    assert defaults(SignatureDatabaseBase.add_image) == {
        "path": nothing, "img": None, "bytestream": False, "metadata": None, "refresh_after": False,
    }  # fmt: skip
    assert defaults(SignatureDatabaseBase.search_image) == {
        "path": nothing, "all_orientations": False, "bytestream": False, "pre_filter": None,
    }  # fmt: skip
    assert defaults(base.make_record) == {
        "path": nothing, "gis": nothing, "k": nothing, "N": nothing, "img": None, "bytestream": False, "metadata": None,
    }  # fmt: skip
    assert defaults(base.normalized_distance) == {"_target_array": nothing, "_vec": nothing, "nan_value": 1.0}


def test_parameters_are_attributes_and_go_on_to_the_generator() -> None:
    made = SignatureDatabaseBase(10, 20, 7, (1, 99), 0.3, n_levels=3)
    assert (made.k, made.N, made.n_grid, made.crop_percentile, made.distance_cutoff) == (10, 20, 7, (1, 99), 0.3)
    assert (made.gis.n, made.gis.crop_percentiles, made.gis.n_levels) == (7, (1, 99), 3)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"k": 16.0}, TypeError), ({"N": "x"}, TypeError), ({"n_grid": 9.0}, TypeError), ({"k": True}, TypeError),
        ({"distance_cutoff": 1}, TypeError), ({"distance_cutoff": -0.1}, ValueError),
    ],
)  # fmt: skip
def test_a_parameter_of_another_type_is_refused_by_name(wrong: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(wrong))):
        SignatureDatabaseBase(**wrong)


def test_parameters_of_the_generator_have_names() -> None:
    with pytest.raises(TypeError, match="multiple values"):
        SignatureDatabaseBase(16, 63, 9, (5, 95), 0.45, 9)
    with pytest.raises(TypeError, match="multiple values"):
        SignatureDatabaseBase(n=9)


def test_storing_and_looking_up_are_left_to_drivers() -> None:
    with pytest.raises(NotImplementedError):
        SignatureDatabaseBase().insert_single_record({})
    with pytest.raises(NotImplementedError):
        SignatureDatabaseBase().search_single_record({})


class TestADriver:
    """One that somebody wrote for image-match."""

    def test_gets_records_and_is_asked_for_them(self) -> None:
        driver = InMemory()
        driver.add_image(str(COFFEE), metadata={"a": 1}, refresh_after=True)
        driver.add_image("elsewhere", img=COFFEE.read_bytes(), bytestream=True)
        assert [record["path"] for record in driver.records] == [str(COFFEE), "elsewhere"]
        assert driver.records[0]["metadata"] == {"a": 1}
        found = driver.search_image(str(COFFEE), pre_filter="anything")
        assert found == [{"id": 0, "dist": 0.0, "filter": "anything"}, {"id": 1, "dist": 0.0, "filter": "anything"}]
        assert driver.search_image(COFFEE.read_bytes(), bytestream=True) == driver.search_image(str(COFFEE))

    def test_finds_each_picture_once_at_its_least_distance_in_all_orientations(self, tmp_path: Path) -> None:
        driver = InMemory(distance_cutoff=1.1)
        for name in ("coffee", "astronaut", "rocket"):
            driver.add_image(str(GOLDEN / "images" / f"{name}.png"))
        with Image.open(COFFEE) as image:
            picture = ImageOps.mirror(ImageOps.invert(image.convert("RGB")).rotate(90, expand=True))
        picture.save(tmp_path / "turned.png")
        assert driver.search_image(str(tmp_path / "turned.png"))[0]["dist"] > 0.5
        found = driver.search_image(str(tmp_path / "turned.png"), all_orientations=True)
        assert found[0]["id"] == 0
        # a window is laid from the other side: a line beside it
        assert found[0]["dist"] < 0.2
        assert sorted(item["id"] for item in found) == [0, 1, 2]
        assert [item["dist"] for item in found] == sorted(item["dist"] for item in found)


class TestARecord:
    @pytest.mark.parametrize("name", ["coffee", "astronaut", "edge_black"])
    def test_has_the_words_of_image_match(self, name: str) -> None:
        record = base.make_record(str(GOLDEN / "images" / f"{name}.png"), ImageSignature(), 16, 63)
        assert record.keys() == {"path", "signature", *(f"simple_word_{n}" for n in range(63))}
        assert record["signature"] == IMAGES[name]["signature"]
        assert [record[f"simple_word_{n}"] for n in range(63)] == IMAGES[name]["words"]
        assert {type(value) for value in record["signature"]} == {int}
        assert type(record["simple_word_0"]) is int

    def test_has_other_words_of_other_lengths(self) -> None:
        record = base.make_record(str(COFFEE), ImageSignature(), 3, 5)
        assert [key for key in record if key.startswith("simple")] == [f"simple_word_{n}" for n in range(5)]
        assert all(0 <= record[f"simple_word_{n}"] < 27 for n in range(5))

    def test_has_no_metadata_where_there_is_none(self) -> None:
        assert "metadata" not in base.make_record(str(COFFEE), ImageSignature(), 16, 63, metadata={})

    def test_may_have_another_path_than_the_picture(self) -> None:
        record = base.make_record("a name", ImageSignature(), 16, 63, img=str(COFFEE), metadata={"a": {"b": 1}})
        assert (record["path"], record["metadata"]) == ("a name", {"a": {"b": 1}})
        assert record["signature"] == IMAGES["coffee"]["signature"]


class TestWords:
    def test_begin_at_equal_distances_and_end_with_zeros(self) -> None:
        words = base.get_words(np.array([0, 1, 2, 0, -1, -2, 0, 1], np.int8), 3, 4)
        assert (words.dtype, words.shape) == (np.int8, (4, 3))
        assert words.tolist() == [[0, 1, 2], [2, 0, -1], [-1, -2, 0], [0, 1, 0]]

    def test_are_no_more_and_no_longer_than_the_signature(self) -> None:
        for k, N in ((9, 4), (3, 9)):
            with pytest.raises(ValueError, match="9"):
                base.get_words(np.zeros(8, np.int8), k, N)

    def test_lose_their_sizes_in_place(self) -> None:
        words = np.array([[2, -2, 0], [1, -1, 2]], np.int8)
        assert base.max_contrast(words) is None
        assert words.tolist() == [[1, -1, 0], [1, -1, 1]]

    def test_are_numbers_of_base_3_lowest_digit_first(self) -> None:
        numbers = base.words_to_int(np.array([[-1, -1, -1], [0, 0, 0], [0, 1, 0], [1, 1, 1]], np.int8))
        assert numbers.dtype == np.int64
        assert numbers.tolist() == [0, 13, 16, 26]


class TestDistances:
    def test_are_those_to_each_row(self) -> None:
        rows = np.array([[1, 2], [-1, -2], [0, 0]], np.int8)
        distances = base.normalized_distance(rows, np.array([1, 2], np.int8))
        assert (distances.dtype, distances.tolist()) == (np.float64, [0.0, 1.0, 1.0])

    def test_between_blanks_are_as_told(self) -> None:
        blank = np.zeros((2, 4), np.int8)
        assert base.normalized_distance(blank, blank[0]).tolist() == [1.0, 1.0]
        assert base.normalized_distance(blank, blank[0], nan_value=0.0).tolist() == [0.0, 0.0]
