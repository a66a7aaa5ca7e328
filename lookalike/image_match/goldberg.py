"""`ImageSignature`: signatures of any parameters, and each step of computing one."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.image_match.pictures import CorruptImageError, grey_picture
from lookalike.interchange.dump import ORIGINALS
from shards.families.goldberg import signature
from shards.families.goldberg.greys import Greys
from shards.families.goldberg.grid import ALL_AROUND, STRAIGHT, Grid
from shards.families.goldberg.signature import Parameters
from shards.pictures.decoding import PictureSettings

__all__ = ["CorruptImageError", "ImageSignature"]

DENOMINATOR = 1_000_000
"""The largest denominator of a fraction that a float is taken for: 2/255. is two levels of 255."""

FINEST = 1 << 40
"""Steps between 0 and 1 in which differences are compared, so that rounding errors do not part what is equal."""


class ImageSignature:
    """A generator of signatures, with the parameters of the paper unless told otherwise.

    Signatures are equal to image-match's but for ties at the median of a picture's differences, which the original
    leaves to rounding errors, and for what `docs/from-image-match.md` says.
    """

    def __init__(
        self,
        n: int = 9,
        crop_percentiles: Sequence[float] | None = (5, 95),
        P: int | None = None,
        diagonal_neighbors: bool = True,
        identical_tolerance: float = 2 / 255.0,
        n_levels: int = 2,
        fix_ratio: bool = False,
    ) -> None:
        """Set the parameters. Raises AssertionError for one of another type or out of its range.

        `n`: grid points along a side. `crop_percentiles`: of the changes of brightness, where the grid begins and ends;
        None lays it over all of the picture. `P`: side in pixels of the square around each point, by default a
        twentieth of the picture. `diagonal_neighbors`: compare with 8 neighbours, not 4. `identical_tolerance`: share
        of white by which equal points may differ. `n_levels`: sizes of differences that are told apart. `fix_ratio`:
        lay the grid between the same lines in both directions, for square pictures.
        """
        if crop_percentiles is not None:
            _check(len(crop_percentiles) == 2, f"crop_percentiles is {crop_percentiles!r}: give two, or None")
            lower, upper = crop_percentiles
            _check(0 <= lower < upper <= 100, f"crop_percentiles is {crop_percentiles!r}: give two that rise, 0 to 100")
        _check(type(n) is int and n > 1, f"n is {n!r}: give an integer greater than 1")
        _check(P is None or (type(P) is int and P >= 1), f"P is {P!r}: give an integer of 1 or more, or None")
        _check(type(diagonal_neighbors) is bool, f"diagonal_neighbors is {diagonal_neighbors!r}: give True or False")
        _check(type(fix_ratio) is bool, f"fix_ratio is {fix_ratio!r}: give True or False")
        is_share = type(identical_tolerance) in (int, float) and 0 <= identical_tolerance <= 1
        _check(is_share, f"identical_tolerance is {identical_tolerance!r}: give a number from 0 to 1")
        _check(type(n_levels) is int and n_levels > 0, f"n_levels is {n_levels!r}: give an integer greater than 0")
        self.crop_percentiles = crop_percentiles
        limits: Sequence[float] = (0, 100) if crop_percentiles is None else crop_percentiles
        self.lower_percentile, self.upper_percentile = limits
        self.n = n
        self.P = P
        self.diagonal_neighbors = diagonal_neighbors
        self.sig_length = n**2 * (8 if diagonal_neighbors else 4)
        self.fix_ratio = fix_ratio
        self.identical_tolerance = identical_tolerance
        self.n_levels = n_levels
        self.handle_mpo = True
        self.pictures: PictureSettings = ORIGINALS
        """How pictures are read: as image-match does, or as an index does that was made otherwise."""

    @property
    def parameters(self) -> Parameters:
        """The parameters, as the family `goldberg` knows them."""
        crop = None
        if self.crop_percentiles is not None:
            crop = _fraction(self.lower_percentile), _fraction(self.upper_percentile)
        return Parameters(
            side=self.n,
            crop=crop,
            fix_ratio=self.fix_ratio,
            square=self.P,
            neighbours=_neighbours(self.diagonal_neighbors),
            same=_fraction(self.identical_tolerance),
            levels=self.n_levels,
        )

    def generate_signature(self, path_or_image: object, bytestream: bool = False) -> NDArray[np.int8]:
        """Return the signature, (n * n * 8,) int8, or (n * n * 4,) without diagonal neighbours.

        `path_or_image`: path or address of a picture, its pixels as an array, or if `bytestream` its file's bytes.
        Raises what `preprocess_image` does.
        """
        greys = Greys.of_shares(self.read(path_or_image, bytestream=bytestream))
        chosen = self.parameters
        whole: NDArray[np.int8] = chosen.grid.expand(signature.values(greys, chosen)[None])[0]
        return whole

    def read(self, path_or_image: object, *, bytestream: bool = False) -> NDArray[np.float64]:
        """Return what `preprocess_image` does, of a picture that is read as `pictures` says."""
        if self.pictures == ORIGINALS:
            return self.preprocess_image(path_or_image, bytestream=bytestream, handle_mpo=self.handle_mpo)
        return grey_picture(path_or_image, bytestream=bytestream, settings=self.pictures)

    @staticmethod
    def preprocess_image(
        image_or_path: object,
        bytestream: bool = False,
        handle_mpo: bool = False,  # noqa: ARG004 - a file of several pictures is its first one anyhow
    ) -> NDArray[np.float64]:
        """Return a picture in grey: (height, width) float64, 0 for black and 1 for white.

        Raises CorruptImageError for bytes that are no picture, OSError for truncated ones and for files that cannot be
        read, PictureError for what exceeds the limits of `PictureSettings`, TypeError for anything else.
        """
        return grey_picture(image_or_path, bytestream=bytestream, settings=ORIGINALS)

    @staticmethod
    def crop_image(
        image: NDArray[Any],
        lower_percentile: float = 5,
        upper_percentile: float = 95,
        fix_ratio: bool = False,
    ) -> list[tuple[int, int]]:
        """Return [(top, bottom), (left, right)]: the part of a grey picture that has no plain margins."""
        percentiles = _fraction(lower_percentile), _fraction(upper_percentile)
        return list(signature.crop_window(_greys(image), *percentiles, fix_ratio=fix_ratio))

    @staticmethod
    def compute_grid_points(
        image: NDArray[Any], n: int = 9, window: Sequence[Sequence[int]] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows and the columns of the grid points, (n,) each. `window`: as `crop_image` returns it."""
        limits = [(0, side) for side in image.shape[:2]] if window is None else window
        rows, columns = (np.array(signature.grid_lines(low, high, n), np.int64) for low, high in limits)
        return rows, columns

    @staticmethod
    def compute_mean_level(
        image: NDArray[Any], x_coords: Sequence[int], y_coords: Sequence[int], P: int | None = None
    ) -> NDArray[np.float64]:
        """Return (rows, columns) float64: the mean of the square around each grid point.

        `x_coords`, `y_coords`: rows and columns of the points, in this order. `P`: side of the squares.
        """
        greys = _greys(image)
        side = None if P is None else int(P)
        sums, areas = signature.square_sums(greys, [int(x) for x in x_coords], [int(y) for y in y_coords], side)
        means: NDArray[np.float64] = sums / (areas * greys.white)
        return means.reshape(len(x_coords), len(y_coords))

    @staticmethod
    def compute_differentials(grey_level_matrix: NDArray[Any], diagonal_neighbors: bool = True) -> NDArray[np.float64]:
        """Return (n, n, 8) or (n, n, 4) float64: how much brighter each point is than its neighbours.

        They go from the upper left to the lower right one. Beyond the edge of the grid the difference is 0. Raises
        ValueError unless the matrix is (n, n).
        """
        levels = np.asarray(grey_level_matrix, np.float64)
        if levels.ndim != 2 or levels.shape[0] != levels.shape[1]:
            raise ValueError(f"a grid of shape {levels.shape}: it has as many rows as columns")
        neighbours = _neighbours(diagonal_neighbors)
        grid = Grid.of(len(levels), neighbours)
        whole: NDArray[np.float64] = grid.expand(grid.compare(levels.ravel())[None])[0]
        return whole.reshape(*levels.shape, len(neighbours))

    @staticmethod
    def normalize_and_threshold(
        difference_array: NDArray[Any], identical_tolerance: float = 2 / 255.0, n_levels: int = 2
    ) -> None:
        """Replace differences by 0 for none, and 1 to `n_levels` for the smallest to the largest part, with their sign.

        Changes the array itself.
        """
        largest = float(np.abs(difference_array).max(initial=1.0))
        white = int(FINEST / largest)
        steps = np.rint(difference_array * float(white)).astype(np.int64)
        least = max(1, int(np.ceil(float(_fraction(identical_tolerance) * white))))
        difference_array[...] = 0
        for sign in (1, -1):
            part = steps * sign >= least
            difference_array[part] = sign * signature.size_ranks(steps[part] * sign, white, n_levels)

    @staticmethod
    def normalized_distance(_a: NDArray[Any], _b: NDArray[Any]) -> np.float64:
        """Return ‖a - b‖ / (‖a‖ + ‖b‖): 0 for the same, 1 for the opposite, and 1 for two blank pictures.

        (image-match divides by zero for two blank ones.)
        """
        a, b = np.asarray(_a).astype(np.int64), np.asarray(_b).astype(np.int64)
        lengths = np.linalg.norm(a) + np.linalg.norm(b)
        return np.float64(np.linalg.norm(b - a) / lengths if lengths else 1.0)


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)


def _fraction(number: float) -> Fraction:
    return Fraction(number).limit_denominator(DENOMINATOR)


def _neighbours(diagonal: bool) -> tuple[tuple[int, int], ...]:
    return ALL_AROUND if diagonal else STRAIGHT


def _greys(image: NDArray[Any]) -> Greys:
    return Greys.of_shares(np.asarray(image, np.float64))
