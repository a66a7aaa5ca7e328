"""ImageSignature: image-match's names, types and errors, and its values for every parameter."""

from __future__ import annotations

import gzip
import inspect
import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lookalike import LookalikeError, PictureError, PictureSettings
from lookalike.image_match.goldberg import CorruptImageError, ImageSignature
from shards.families.goldberg import Goldberg, unpack
from shards.pictures.decoding import decode
from shards.testing.samples import single
from tests.lookalike.image_match.addresses import served

GOLDEN = Path(__file__).parents[2] / "golden" / "goldberg"
ORIGINAL: dict[str, Any] = json.loads(gzip.decompress((GOLDEN / "parameters.json.gz").read_bytes()))
USUAL: dict[str, Any] = json.loads(gzip.decompress((GOLDEN / "golden.json.gz").read_bytes()))
COFFEE = GOLDEN / "images" / "coffee.png"

TIED = {
    ("P=1", "rocket"): 2,
    ("P=1", "camera"): 16,
    ("levels=3", "edge_checker200"): 8,
    ("levels=4", "edge_checker200"): 32,
}
"""How many values differ where differences are exactly the tolerance, or exactly on the border of two levels: which
side they belong to, image-match leaves to rounding errors."""

PARAMETERS = {
    name: {key: tuple(value) if isinstance(value, list) else value for key, value in parameters.items()}
    for name, parameters in ORIGINAL["parameters"].items()
}


def path(name: str) -> str:
    return str(GOLDEN / "images" / f"{name}.png")


def png(pixels: NDArray[np.uint8]) -> bytes:
    body = io.BytesIO()
    Image.fromarray(pixels).save(body, "PNG")
    return body.getvalue()


class TestParameters:
    @pytest.mark.parametrize("parameters", PARAMETERS)
    def test_signatures_of_any_are_image_matchs(self, parameters: str) -> None:
        generator = ImageSignature(**PARAMETERS[parameters])
        for name, signature in ORIGINAL["signatures"][parameters].items():
            ours = generator.generate_signature(path(name))
            assert ours.dtype == np.int8
            assert ours.shape == (generator.sig_length,)
            assert np.count_nonzero(ours != np.array(signature)) == TIED.get((parameters, name), 0), name

    def test_those_of_the_family_are_the_usual_ones(self) -> None:
        row = Goldberg().compute(decode(COFFEE.read_bytes()))
        assert ImageSignature().generate_signature(str(COFFEE)).tolist() == unpack(single(row))[0].tolist()

    def test_have_image_matchs_names_and_defaults(self) -> None:
        found = {name: one.default for name, one in inspect.signature(ImageSignature).parameters.items()}
        assert found == {
            "n": 9, "crop_percentiles": (5, 95), "P": None, "diagonal_neighbors": True,
            "identical_tolerance": 2 / 255.0, "n_levels": 2, "fix_ratio": False,
        }  # fmt: skip

    def test_are_attributes(self) -> None:
        made = vars(ImageSignature(5, (1, 99), 7, False, 0.1, 3, True))
        made.pop("pictures")
        assert made == {
            "n": 5, "crop_percentiles": (1, 99), "lower_percentile": 1, "upper_percentile": 99, "P": 7,
            "diagonal_neighbors": False, "sig_length": 100, "identical_tolerance": 0.1, "n_levels": 3,
            "fix_ratio": True, "handle_mpo": True,
        }  # fmt: skip
        whole = ImageSignature(crop_percentiles=None)
        assert (whole.crop_percentiles, whole.lower_percentile, whole.upper_percentile) == (None, 0, 100)
        assert whole.sig_length == 648

    @pytest.mark.parametrize(
        "wrong",
        [
            {"n": 1}, {"n": 9.0}, {"n": True}, {"crop_percentiles": (95, 5)}, {"crop_percentiles": (5,)},
            {"crop_percentiles": (-1, 95)}, {"crop_percentiles": (5, 101)}, {"P": 0}, {"P": 2.0},
            {"diagonal_neighbors": 1}, {"identical_tolerance": 2}, {"identical_tolerance": -0.1},
            {"identical_tolerance": "0.1"}, {"n_levels": 0}, {"n_levels": 2.0}, {"fix_ratio": 1},
        ],
    )  # fmt: skip
    def test_of_another_type_or_out_of_range_are_refused_by_name(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(AssertionError, match=f"^{next(iter(wrong))} is "):
            ImageSignature(**wrong)

    def test_may_change_later(self) -> None:
        generator = ImageSignature()
        generator.n = 5
        assert np.array_equal(generator.generate_signature(path("coffee")), ORIGINAL["signatures"]["n=5"]["coffee"])

    def test_cross_to_other_processes(self) -> None:
        generator = pickle.loads(pickle.dumps(ImageSignature(n=5)))
        assert np.array_equal(generator.generate_signature(path("coffee")), ORIGINAL["signatures"]["n=5"]["coffee"])


class TestPictures:
    """What signatures are computed of."""

    @pytest.mark.parametrize("name", ["coffee", "mode_P", "mode_Ptrns", "mode_RGBA", "mode_LA", "mode_I16"])
    def test_are_read_as_image_match_reads_them(self, name: str) -> None:
        stored = USUAL["images"][name]
        ours = ImageSignature().generate_signature(Path(path(name)).read_bytes(), bytestream=True).tolist()
        assert ours in [stored["signature"], *stored["alt_signatures"]]

    def test_give_the_same_by_path_address_bytes_and_array(self) -> None:
        generator, data = ImageSignature(), COFFEE.read_bytes()
        wanted = USUAL["images"]["coffee"]["signature"]
        with served({"/a/coffee.png": data}) as address:
            assert generator.generate_signature(f"{address}/a/coffee.png").tolist() == wanted
        assert generator.generate_signature(str(COFFEE)).tolist() == wanted
        for given in (data, bytearray(data), memoryview(data)):
            assert generator.generate_signature(given, bytestream=True).tolist() == wanted
        with Image.open(COFFEE) as image:
            pixels = np.asarray(image.convert("RGB"))
        deep = pixels.astype(np.uint16) * 257
        for array in (pixels, pixels / 255.0, deep, ImageSignature.preprocess_image(str(COFFEE))):
            assert generator.generate_signature(array).tolist() == wanted

    def test_in_grey_are_shares_of_white(self) -> None:
        grey = ImageSignature.preprocess_image(str(COFFEE))
        assert (grey.dtype, grey.ndim) == (np.float64, 2)
        assert grey.mean() == pytest.approx(ORIGINAL["steps"]["mean_of_picture"], abs=1e-12)
        black_white = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
        assert ImageSignature.preprocess_image(png(black_white), bytestream=True).tolist() == [[0.0, 1.0]]

    def test_as_arrays_of_integers_have_the_white_of_their_type(self) -> None:
        for dtype, white in ((np.uint8, 255), (np.uint16, 65535), (np.int16, 32767), (bool, True)):
            assert ImageSignature.preprocess_image(np.array([[0, white]], dtype)).tolist() == [[0.0, 1.0]]

    @pytest.mark.parametrize("data", [b"", b"corrupt", b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
    def test_that_are_none_are_corrupt(self, data: bytes, tmp_path: Path) -> None:
        with pytest.raises(CorruptImageError):
            ImageSignature().generate_signature(data, bytestream=True)
        (tmp_path / "a.jpg").write_bytes(data)
        # image-match reads files another way, and has another error for them
        with pytest.raises(OSError, match=r"a\.jpg"):
            ImageSignature().generate_signature(str(tmp_path / "a.jpg"))

    def test_that_are_corrupt_are_a_runtime_error_without_arguments(self) -> None:
        assert issubclass(CorruptImageError, RuntimeError)
        assert issubclass(CorruptImageError, LookalikeError)
        assert CorruptImageError().args == ()

    def test_that_end_early_are_an_os_error(self, tmp_path: Path) -> None:
        short = COFFEE.read_bytes()[:-5000]
        (tmp_path / "a.png").write_bytes(short)
        with pytest.raises(OSError, match="goes on"):
            ImageSignature.preprocess_image(short, bytestream=True)
        with pytest.raises(OSError, match=r"a\.png.*goes on"):
            ImageSignature.preprocess_image(str(tmp_path / "a.png"))

    def test_that_are_not_there_say_so(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            ImageSignature().generate_signature(str(tmp_path / "none.jpg"))
        with pytest.raises(OSError, match="Is a directory"):
            ImageSignature().generate_signature(str(tmp_path))
        with served({}) as address, pytest.raises(OSError, match="404"):
            ImageSignature().generate_signature(f"{address}/none.jpg")

    @pytest.mark.parametrize("nothing", [None, 7, COFFEE, [1, 2]])
    def test_of_another_type_are_refused(self, nothing: object) -> None:
        with pytest.raises(TypeError, match=r"^Path or image required\.$"):
            ImageSignature().generate_signature(nothing)

    def test_as_bytes_need_the_word_for_them(self) -> None:
        with pytest.raises(ValueError, match="bytestream=True"):
            ImageSignature().generate_signature(COFFEE.read_bytes())
        with pytest.raises(TypeError):
            ImageSignature().generate_signature("coffee.png", bytestream=True)

    @pytest.mark.parametrize("shape", [(5,), (5, 5, 4), (5, 5, 3, 1), (0, 5), (5, 0, 3)])
    def test_as_arrays_of_another_shape_are_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match="shape"):
            ImageSignature().generate_signature(np.zeros(shape))

    def test_as_arrays_of_other_things_are_refused(self) -> None:
        with pytest.raises(ValueError, match="complex"):
            ImageSignature().generate_signature(np.zeros((9, 9), complex))

    def test_may_be_objects_of_a_bucket(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []

        def read_object(url: str, max_bytes: int) -> bytes:
            asked.append((url, max_bytes))
            return COFFEE.read_bytes()

        monkeypatch.setattr("shards.storage.originals.read_object", read_object)
        signature = ImageSignature().generate_signature("s3://pictures/coffee.png")
        assert signature.tolist() == USUAL["images"]["coffee"]["signature"]
        assert asked == [("s3://pictures/coffee.png", PictureSettings().max_bytes)]

    def test_that_are_too_large_as_files_say_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("lookalike.image_match.goldberg.ORIGINALS", PictureSettings(max_bytes=10))
        with pytest.raises(PictureError, match="limit is 10"):
            ImageSignature.preprocess_image(str(COFFEE))

    @pytest.mark.parametrize("level", [np.nan, np.inf, 1e300])
    def test_with_impossible_levels_are_refused(self, level: float) -> None:
        with pytest.raises(ValueError, match="grey picture has"):
            ImageSignature().generate_signature(np.full((20, 20), level))

    def test_past_the_limits_are_not_decoded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        generator = ImageSignature()
        generator.pictures = PictureSettings(max_pixels=100)
        with pytest.raises(PictureError, match="pixels"):
            generator.generate_signature(str(COFFEE))
        monkeypatch.setattr("lookalike.image_match.goldberg.ORIGINALS", PictureSettings(max_bytes=10))
        with served({"/a": COFFEE.read_bytes()}) as address, pytest.raises(PictureError, match="10 bytes"):
            ImageSignature.preprocess_image(f"{address}/a")


class TestSteps:
    """The steps of a signature, which can be taken one by one."""

    def test_come_out_as_in_image_match(self) -> None:
        generator, wanted = ImageSignature(), ORIGINAL["steps"]
        grey = generator.preprocess_image(str(COFFEE))

        window = generator.crop_image(grey)
        assert [list(limits) for limits in window] == wanted["window"]
        assert isinstance(window, list)

        points = generator.compute_grid_points(grey, window=window)
        assert [axis.tolist() for axis in points] == wanted["grid"]
        assert isinstance(points, tuple)

        means = generator.compute_mean_level(grey, *points)
        assert means.shape == (9, 9)
        assert means == pytest.approx(np.array(wanted["means"]), abs=1e-12)

        differences = generator.compute_differentials(means)
        assert differences.shape == (9, 9, 8)
        assert differences[2] == pytest.approx(np.array(wanted["differences"]), abs=1e-12)
        straight = generator.compute_differentials(means, diagonal_neighbors=False)
        assert straight.shape == (9, 9, 4)
        assert straight[2] == pytest.approx(np.array(wanted["straight"]), abs=1e-12)

        assert generator.normalize_and_threshold(differences) is None
        assert differences.ravel().tolist() == USUAL["images"]["coffee"]["signature"]

    def test_a_square_has_the_side_that_is_told(self) -> None:
        grey = np.arange(100.0).reshape(10, 10) / 100
        for P in (2, 2.0, np.int64(2)):
            means = ImageSignature.compute_mean_level(grey, np.array([5]), np.array([3]), P=P)
            assert means == pytest.approx(np.array([[grey[4:6, 2:4].mean()]]))

    def test_without_a_window_the_grid_lies_over_all(self) -> None:
        rows, columns = ImageSignature.compute_grid_points(np.zeros((100, 60)))
        assert rows.tolist() == [10, 20, 30, 40, 50, 60, 70, 80, 90]
        assert columns.tolist() == [6, 12, 18, 24, 30, 36, 42, 48, 54]

    def test_one_ratio_is_that_of_the_longer_side(self) -> None:
        grey = np.zeros((100, 100))
        grey[40:60, 20:90] = np.arange(70) % 7 / 7
        (top, bottom), (left, right) = ImageSignature.crop_image(grey)
        assert right - left > bottom - top
        assert ImageSignature.crop_image(grey, fix_ratio=True) == [(left, right)] * 2

    def test_a_grid_for_a_picture_of_another_shape_stays_in_the_picture(self) -> None:
        picture = np.tile(np.linspace(0, 1, 600), (30, 1))
        assert ImageSignature(fix_ratio=True).generate_signature(picture).any()

    def test_a_blank_picture_has_a_blank_signature(self) -> None:
        assert not ImageSignature().generate_signature(np.full((50, 50), 0.5)).any()
        differences = np.zeros((9, 9, 8))
        ImageSignature.normalize_and_threshold(differences)
        assert not differences.any()

    def test_differences_are_parted_on_each_side_of_0_by_itself(self) -> None:
        differences = np.array([0.001, 0.1, 0.2, 0.3, 0.4, -0.5, -0.6])
        ImageSignature.normalize_and_threshold(differences)
        assert differences.tolist() == [0, 1, 1, 2, 2, -1, -2]

    def test_a_grid_is_square(self) -> None:
        with pytest.raises(ValueError, match="as many rows as columns"):
            ImageSignature.compute_differentials(np.zeros((9, 8)))


class TestDistance:
    def test_is_image_matchs_to_the_last_digit(self) -> None:
        names = ORIGINAL["distances"]["names"]
        signatures = [np.array(USUAL["images"][name]["signature"], np.int8) for name in names]
        for a, row in zip(signatures, ORIGINAL["distances"]["matrix"], strict=True):
            for b, distance in zip(signatures, row, strict=True):
                assert ImageSignature.normalized_distance(a, b) == distance

    def test_is_a_number_of_numpy(self) -> None:
        one = np.array([1, -2, 2], np.int8)
        assert type(ImageSignature.normalized_distance(one, one)) is np.float64
        assert ImageSignature.normalized_distance(one, one) == 0.0
        assert ImageSignature.normalized_distance(one, -one) == 1.0

    def test_of_two_blanks_is_1_and_no_warning(self) -> None:
        blank = np.zeros(648, np.int8)
        assert ImageSignature.normalized_distance(blank, blank) == 1.0
        assert type(ImageSignature.normalized_distance(blank, blank)) is np.float64

    def test_does_not_overflow_the_type_of_signatures(self) -> None:
        twos = np.full(648, 2, np.int8)
        assert ImageSignature.normalized_distance(twos, -twos) == 1.0
