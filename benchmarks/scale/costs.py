"""Dollars for adding a million images and for keeping them a month."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.scale import cloud, shapes
from benchmarks.scale.ingest import Play, Setting
from benchmarks.scale.prices import PRICES
from shards.families.reading import SECONDS_A_BYTE

MILLION = 1_000_000

THUMBNAIL = 11_700
"""Bytes of a thumbnail of 256 pixels: measured on a detailed picture, most are smaller."""

COMPACTOR = 1.5
"""GB that the compactor takes beside what it keeps."""

MESSAGES = 10
"""Messages that SQS hands over in one call."""


@dataclass(frozen=True, slots=True)
class Added:
    """Dollars for a million images."""

    read: float
    """Reading the pictures, and being told of them."""

    computed: float
    """Computing their signatures."""

    thumbnails: float
    logged: float
    folded: float
    merged: float

    stored: float
    """Their part of the index for a month, thumbnails included."""

    @property
    def once(self) -> float:
        """Everything that is paid once."""
        return self.read + self.computed + self.thumbnails + self.logged + self.folded + self.merged


def added(setting: Setting, play: Play, amplification: float) -> Added:
    """Return the cost of the folds of this play, and of merges that write each row `amplification` times."""
    row = shapes.segment(0, setting.segment_rows, 0).size / setting.segment_rows
    logs = MILLION / setting.batch
    share = MILLION / max(play.folded, 1)
    pages = (setting.listed + play.longest) / cloud.PAGE + 2
    gigabytes = COMPACTOR + setting.memory / 2**30
    rewritten = MILLION * amplification
    return Added(
        read=MILLION * (PRICES.get + PRICES.message * (1 + 2 / MESSAGES)),
        computed=cloud.running(MILLION * (cloud.SIGN + cloud.GET / cloud.PARALLEL)) + PRICES.invocation * logs,
        thumbnails=MILLION * PRICES.put,
        logged=logs * (PRICES.put + 2 * PRICES.get) + cloud.running(logs * cloud.PUT),
        folded=share
        * (cloud.running(play.running, gigabytes) + PRICES.put * play.commits * (setting.shards + 1 + pages)),
        merged=cloud.running(rewritten * (cloud.PACK + 2 * row * SECONDS_A_BYTE)),
        stored=MILLION * (row + THUMBNAIL) / 1e9 * PRICES.gigabyte_month,
    )
