"""Which pictures are flat: without the structure by which a picture can be told from others.

Plain colours, ramps from dark to bright, white ink on white: such pictures score high against each other without
showing the same, so nothing matches them but their own bytes. One signature alone often cannot tell. The hash of a
plain picture is 0, but that of a nearly plain one is whatever its noise is, and a ramp has as clear a hash, and a
goldberg signature, as a photograph. So some families are witnesses for all: they count structure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Family, Rows

WITNESSES: tuple[tuple[str, ...], ...] = (("pdq", "crops"), ("goldberg",))
"""Names of the witnesses. Of the first group of which there is any, all have to call a picture flat: pdq counts edges,
and crops marks, so that a small drawing on an empty page, which has few edges, is not flat. Where there is neither,
goldberg knows pictures without contrast, but not ramps."""

BOTH = "both pictures are flat"
"""Reason why two pictures are no match, whatever they score."""

IDENTICAL = "the files are identical"
"""Reason why two pictures are a match, whatever they score and however flat they are."""


def witnesses(families: Iterable[Family]) -> list[Family]:
    """Return the families, of these, that say together which pictures are flat; none where each says it for itself."""
    by_name = {family.name: family for family in families}
    groups = ([by_name[name] for name in group if name in by_name] for group in WITNESSES)
    return next((group for group in groups if group), [])


def are_flat(
    families: Sequence[Family], rows: Callable[[Family, NDArray[np.int64]], Rows], count: int
) -> NDArray[np.bool_]:
    """Return (count,) bool: which images are flat to the witnesses among these families; none without witnesses.

    `rows`: returns the signatures of the images with these numbers, (n,) int64 and rising, in a family. It is asked for
    those alone about which another witness has not spoken.
    """
    suspects = np.arange(count) if witnesses(families) else np.arange(0)
    for witness in witnesses(families):
        if len(suspects):
            suspects = suspects[witness.is_flat(rows(witness, suspects))]
    flat = np.zeros(count, bool)
    flat[suspects] = True
    return flat


def flat_backgrounds(families: Iterable[Family], asked: Mapping[str, Rows], backgrounds: int) -> NDArray[np.bool_]:
    """Return (backgrounds,) bool: those over which the picture of a question is flat to the witnesses.

    `asked`: by family, the rows that ask for the picture: as many over each background, one after the other.
    """
    spoken = [
        witness.is_flat(asked[witness.name]).reshape(backgrounds, -1).all(axis=1)
        for witness in witnesses(family for family in families if family.name in asked)
    ]
    return np.logical_and.reduce(spoken) if spoken else np.zeros(backgrounds, bool)


def why_not(first: bool, second: bool, names: tuple[str, str]) -> str | None:
    """Return why two pictures are no match, by which of them are flat; None where neither is."""
    if first and second:
        return BOTH
    return f"{names[0 if first else 1]} is flat" if first or second else None
