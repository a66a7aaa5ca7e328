"""Realistic signatures in any number: real pictures' rows, crossed and perturbed.

Real are those of crops of the demo's pictures, or of a file: a `.npz` with an array for each family, as `sign_folder`
writes them. Its rows come in eights, the orientations of one picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from shards.errors import PictureError
from shards.families import Rows, family
from shards.families.goldberg import Goldberg
from shards.families.haar.row import ROW as HAAR_ROW
from shards.families.hashes.hamming import WORD
from shards.pictures.decoding import Picture, decode

PICTURES = Path(__file__).parent.parent / "demo" / "pictures"

CROSSED = 10_000
"""Number of Haar rows made at a time, so that temporaries stay small."""

AT_A_TIME = 1 << 20


MODELLED = ("haar", "goldberg", "dhash", "phash")
"""Families of which any number of rows can be made that are like real ones."""


def real_rows(name: str, signatures: str | None = None) -> Rows:
    """Return the rows of real pictures in a default family, from a file if one is given. Raises ValueError."""
    return _of_demo(name) if signatures is None else _of_file(signatures, name)


@lru_cache
def _of_demo(name: str) -> Rows:
    """Return the rows of crops of the demo's pictures, in 8 orientations: 384 rows."""
    return _sign(
        name,
        (
            Picture(np.ascontiguousarray(whole.rgb[int(top * whole.height) :, int(left * whole.width) :]))
            for whole in (decode(path.read_bytes()) for path in sorted(PICTURES.glob("*.jpg")))
            for top in (0.0, 0.3)
            for left in (0.0, 0.25)
        ),
    )


def _sign(name: str, pictures: Iterable[Picture]) -> Rows:
    one = family(name)
    return np.array([one.compute(turned) for picture in pictures for turned in picture.orientations()], one.dtype)


def _of_file(path: str, name: str) -> Rows:
    arrays = {"haar": ("sig", "avgl"), "goldberg": ("planes",)}.get(name, (name,))
    with np.load(path) as file:
        missing = [array for array in arrays if array not in file]
        if missing:
            raise ValueError(f"{path} has no array {missing[0]!r}, which {name} is made of; it has {', '.join(file)}")
        rows = np.zeros(len(file[arrays[0]]), family(name).dtype)
        for array in arrays:
            field = array if array in (rows.dtype.names or ()) else "hash"
            rows[field] = file[array].reshape(rows[field].shape)
    return rows


def sign_folder(folder: Path, out: Path) -> int:
    """Write the signatures of the pictures in a folder, and return their number. Other files are left out."""
    signed: dict[str, list[Rows]] = {name: [] for name in MODELLED}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            picture = decode(path.read_bytes())
        except PictureError:
            continue
        for name in MODELLED:
            signed[name].append(_sign(name, [picture]))
    count = len(signed["haar"])
    if not count:
        raise ValueError(f"{folder} has no picture in it that can be read")
    rows = {name: np.concatenate(found) for name, found in signed.items()}
    np.savez(
        out,
        sig=rows["haar"]["sig"],
        avgl=rows["haar"]["avgl"],
        planes=rows["goldberg"]["planes"],
        dhash=rows["dhash"]["hash"][:, 0],
        phash=rows["phash"]["hash"][:, 0],
    )
    return count


def perturbed(name: str, count: int, seed: int, signatures: str | None = None) -> Rows:
    """Return `count` rows of a default family: each value from one of two real parents, then a little noise."""
    real = real_rows(name, signatures)
    if name == "haar":
        return crossed_haar(real, count, seed)
    return crossed_goldberg(real, count, seed) if name == "goldberg" else crossed_hashes([real], count, seed)


def crossed_haar(parents: Rows, count: int, seed: int) -> Rows:
    """Return rows with each coefficient from one of two parents, 40 different ones a channel, and colours between."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, HAAR_ROW)
    for start in range(0, count, CROSSED):
        some = min(CROSSED, count - start)
        one, other = (parents[rng.integers(0, len(parents), some)] for _ in range(2))
        both = np.sort(np.concatenate([one["sig"], other["sig"]], axis=2), axis=2)
        repeat = np.zeros(both.shape, bool)
        repeat[:, :, 1:] = both[:, :, 1:] == both[:, :, :-1]
        chosen = np.argsort(rng.random(both.shape, np.float32) + repeat, axis=2)[:, :, :40]
        share = rng.random((some, 1))
        made = rows[start : start + some]
        made["sig"] = np.sort(np.take_along_axis(both, chosen, axis=2), axis=2)
        made["avgl"] = one["avgl"] * share + other["avgl"] * (1 - share) + rng.normal(0, 0.005, (some, 3))
    return rows


def crossed_goldberg(parents: Rows, count: int, seed: int) -> Rows:
    """Return rows with each of the 272 values from one of two parents."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, Goldberg().dtype)
    for start in range(0, count, AT_A_TIME):
        some = min(AT_A_TIME, count - start)
        one, other = (parents["planes"][rng.integers(0, len(parents), some)] for _ in range(2))
        take = rng.integers(0, 256, (some, 1, 34), np.uint8)
        rows["planes"][start : start + some] = (one & take) | (other & ~take)
    return rows


def crossed_hashes(parents: Sequence[Rows], count: int, seed: int) -> Rows:
    """Hashes whose words come each from a family of parents of its own: every bit from one of two real pictures, and
    one bit from neither."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, [("hash", "<u8", (len(parents),))])
    for word, real in enumerate(parents):
        hashes = real["hash"][:, 0]
        for start in range(0, count, AT_A_TIME):
            some = min(AT_A_TIME, count - start)
            one, other = (hashes[rng.integers(0, len(hashes), some)] for _ in range(2))
            mask = rng.integers(0, 1 << 64, some, np.uint64)
            neither = np.uint64(1) << rng.integers(0, WORD, some, np.uint64)
            rows["hash"][start : start + some, word] = ((one & mask) | (other & ~mask)) ^ neither
    return rows
