"""`SignatureDatabaseBase`: what all drivers have in common, and the functions by which they make records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.image_match.goldberg import ImageSignature
from shards.families.goldberg.words import coded, cut
from shards.pictures.orientations import ORIENTATIONS, turned

Found: TypeAlias = dict[str, Any]
"""A hit: at least `id` and `dist`."""


class SignatureDatabaseBase:
    """A store of signatures that can be searched: subclasses say how one record is stored, and how one is looked for.

    They have `insert_single_record` and `search_single_record`.
    """

    def __init__(
        self,
        k: int = 16,
        N: int = 63,
        n_grid: int = 9,
        crop_percentile: tuple[float, float] | None = (5, 95),
        distance_cutoff: float = 0.45,
        *signature_args: Any,
        **signature_kwargs: Any,
    ) -> None:
        """Set the parameters.

        `k`, `N`: length and number of the words of a record. `n_grid`, `crop_percentile` and the rest: parameters of
        `ImageSignature`. `distance_cutoff`: distance below which pictures are alike.

        Raises TypeError unless `k`, `N` and `n_grid` are integers and `distance_cutoff` is a float, ValueError if that
        is negative, and what `ImageSignature` does.
        """
        for name, number in (("k", k), ("N", N), ("n_grid", n_grid)):
            if type(number) is not int:
                raise TypeError(f"{name} is {number!r}: give an integer")
        if type(distance_cutoff) is not float:
            raise TypeError(f"distance_cutoff is {distance_cutoff!r}: give a float")
        if distance_cutoff < 0:
            raise ValueError(f"distance_cutoff is {distance_cutoff!r}: give 0.0 or more")
        self.k = k
        self.N = N
        self.n_grid = n_grid
        self.crop_percentile = crop_percentile
        self.distance_cutoff = distance_cutoff
        self.gis = ImageSignature(
            *signature_args,
            n=n_grid,
            crop_percentiles=crop_percentile,
            **signature_kwargs,  # type: ignore[misc]
        )

    def insert_single_record(self, rec: dict[str, Any], refresh_after: bool = False) -> None:
        """Store a record that `make_record` made."""
        raise NotImplementedError

    def search_single_record(self, rec: dict[str, Any], pre_filter: Any = None) -> Iterable[Found]:
        """Return what is like a record of `make_record`, in any order: dicts with at least `id` and `dist`."""
        raise NotImplementedError

    def add_image(
        self,
        path: str,
        img: Any = None,
        bytestream: bool = False,
        metadata: Any = None,
        refresh_after: bool = False,
    ) -> None:
        """Add a picture.

        `path`: what it is called; also where it is read from, unless `img` says so: another path or address, an array,
        or if `bytestream` the bytes of its file. `metadata`: what to find with it.
        """
        record = make_record(path, self.gis, self.k, self.N, img=img, bytestream=bytestream, metadata=metadata)
        self.insert_single_record(record, refresh_after=refresh_after)

    def search_image(
        self,
        path: Any,
        all_orientations: bool = False,
        bytestream: bool = False,
        pre_filter: Any = None,
    ) -> list[Found]:
        """Return what is like a picture, the nearest first, each record once.

        `path`: a path or address, an array, or if `bytestream` the bytes of a file. `all_orientations`: also find it
        turned by right angles, mirrored, and with inverted brightness. `pre_filter`: what only is looked at.
        """
        image = self.gis.read(path, bytestream=bytestream)
        pictures = _variants(image) if all_orientations else (image,)
        records = (make_record(picture, self.gis, self.k, self.N) for picture in pictures)
        found = self._search_records(records, pre_filter)
        nearest: dict[Any, Found] = {}
        for item in sorted(found, key=itemgetter("dist")):
            nearest.setdefault(item["id"], item)
        return list(nearest.values())

    def _search_records(self, records: Iterable[dict[str, Any]], pre_filter: Any) -> Iterable[Found]:
        """Return what is like any of these records."""
        return chain.from_iterable(self.search_single_record(record, pre_filter=pre_filter) for record in records)


def _variants(image: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Yield a grey picture in its 8 orientations, each as it is and inverted."""
    for orientation in range(1, len(ORIENTATIONS) + 1):
        pixels = turned(image, orientation)
        yield pixels
        yield -pixels


def make_record(
    path: Any,
    gis: ImageSignature,
    k: int,
    N: int,
    img: Any = None,
    bytestream: bool = False,
    metadata: Any = None,
) -> dict[str, Any]:
    """Return a record: `path`, `signature` (a list), `simple_word_0` to `simple_word_<N-1>`, and `metadata` if any.

    The arguments are those of `add_image`, and a generator of signatures with the length and number of words.
    """
    signature = gis.generate_signature(path) if img is None else gis.generate_signature(img, bytestream=bytestream)
    record: dict[str, Any] = {"path": path, "signature": signature.tolist()}
    if metadata:
        record["metadata"] = metadata
    signs = get_words(signature, k, N)
    max_contrast(signs)
    numbers = words_to_int(signs).tolist()
    return record | {f"simple_word_{place}": number for place, number in enumerate(numbers)}


def get_words(array: NDArray[np.int8], k: int, N: int) -> NDArray[np.int8]:
    """Return (N, k) int8: words of a signature, which may overlap; zeros follow after its end.

    Raises ValueError where k or N is more than the signature's length.
    """
    if k > len(array):
        raise ValueError(f"words of {k} values are longer than the {len(array)} of the array")
    if len(array) < N:
        raise ValueError(f"{N} words are more than the {len(array)} values of the array")
    return cut(array, N, k)


def max_contrast(array: NDArray[Any]) -> None:
    """Replace what is positive by 1 and what is negative by -1, in the array itself."""
    np.sign(array, out=array)


def words_to_int(word_array: NDArray[Any]) -> NDArray[np.int64]:
    """Return (words,) int64 of (words, length) values -1, 0 and 1: the number of base 3, lowest digit first."""
    return coded(word_array)


def normalized_distance(_target_array: NDArray[Any], _vec: NDArray[Any], nan_value: float = 1.0) -> NDArray[np.float64]:
    """Return (rows,) float64: the distance of a signature to each row of (rows, values).

    `nan_value`: the distance of two blank signatures.
    """
    targets, vector = np.asarray(_target_array).astype(np.int64), np.asarray(_vec).astype(np.int64)
    lengths = np.linalg.norm(vector) + np.linalg.norm(targets, axis=1)
    apart = np.linalg.norm(vector - targets, axis=1)
    distances: NDArray[np.float64] = np.divide(apart, lengths, out=np.full(len(targets), nan_value), where=lengths > 0)
    return distances
