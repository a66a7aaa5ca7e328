"""False rates that were measured among an index's own images: notes that readers may go by, and need not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shards.errors import CorruptObject, LookalikeError, ObjectNotFound
from shards.families.rates import LEAST, RateTable
from shards.storage.base import Data, Store
from shards.storage.deciding import write_once
from shards.storage.effects import Effects
from shards.table.format import names, whole
from shards.table.format.envelope import seal, unseal
from shards.table.format.fields import Fields

MAX_POINTS = 1000
MAX_FAMILIES = 64


@dataclass(frozen=True, slots=True)
class Rates:
    """False rates, and what they were measured with."""

    time: int
    """When, in ms since 1970."""

    images: int
    """Images that the index had."""

    pairs: int
    """Pairs that were compared."""

    tables: Mapping[str, RateTable]
    """By the family's name."""


def store(store: Store, effects: Effects, rates: Rates, form: int) -> None:
    """Keep these rates. They count until later ones do. `form`: the format of the index."""
    tables = {name: [list(point) for point in table.points] for name, table in rates.tables.items()}
    document = {"format": form, "time": rates.time, "images": rates.images, "pairs": rates.pairs, "families": tables}
    body = seal(document)
    write_once(store, effects, names.rates(rates.time, body), body)


def newest(store: Store) -> Rates | None:
    """Return the rates that count; None where none were measured. Raises CorruptObject."""
    listed = [entry.name for entry in store.list(names.RATES) if names.RATES_NAME.fullmatch(entry.name)]
    if not listed:
        return None
    name = max(listed)
    try:
        return parse(name, whole.get(store, name))
    except ObjectNotFound:
        return None


def parse(name: str, data: Data) -> Rates:
    """Return the rates in the object of this name. Raises CorruptObject."""
    document = unseal(data, name)
    try:
        fields = Fields(document)
        most = (1 << 63) - 1
        families = fields.nested("families").every(MAX_FAMILIES)
        return Rates(
            fields.integer("time", 0, most),
            fields.integer("images", 0, most),
            fields.integer("pairs", 0, most),
            {family: _table(points) for family, points in families},
        )
    except (ValueError, LookalikeError) as error:
        raise CorruptObject(name, f"its contents are no false rates: {error}") from error


def _table(points: object) -> RateTable:
    if not isinstance(points, list) or not 2 <= len(points) <= MAX_POINTS:
        raise ValueError(f"a table should be a list of 2 to {MAX_POINTS:,} points")
    for point in points:
        is_pair = isinstance(point, list) and len(point) == 2
        is_within = is_pair and all(type(value) in (int, float) for value in point)
        is_within = is_within and 0 <= point[0] <= 100 and LEAST <= point[1] <= 1
        if not is_within:
            raise ValueError(f"{str(point)[:80]} should be a score up to 100 and a rate from {LEAST} to 1")
    return RateTable(tuple((float(score), float(rate)) for score, rate in points))
