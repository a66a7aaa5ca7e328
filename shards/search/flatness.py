"""What is flat among stored pictures: all that families see in them then is no match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from shards.families import Family, family
from shards.families.structure import WITNESSES, are_flat, witnesses
from shards.table.read.snapshot import Source


def stored_flat(
    source: Source, rows: NDArray[np.int64], families: Sequence[Family]
) -> tuple[Mapping[str, NDArray[np.bool_]], NDArray[np.bool_]]:
    """Return which of these rows of a source are flat.

    By family, (n,) bool: those that are flat to it, or to the witnesses of the index; and (n,) bool: those that are
    flat to the witnesses.
    """
    held = [family(name) for group in WITNESSES for name in group if source.reader.form(name) is not None]
    read = {kind.name for kind in (*families, *witnesses(held))}
    columns = source.reader.pick(rows, sorted(read)).columns
    witnessed = are_flat(witnesses(held), lambda kind, wanted: columns[kind.name][wanted], len(rows))
    return {kind.name: kind.is_flat(columns[kind.name]) | witnessed for kind in families}, witnessed
