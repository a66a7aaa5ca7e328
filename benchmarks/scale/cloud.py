"""How long S3 and Lambda take for it: measured constants, each with where it is from, and sums of them."""

from __future__ import annotations

from benchmarks.scale.prices import PRICES
from shards.families.reading import SECONDS_A_BYTE

GET = 0.063
"""Seconds to the first byte of an S3 GET, and of a page of a listing; the median in the bucket's region, p99 0.078."""

PUT = 0.100
"""Seconds of a small S3 PUT, the median; p99 0.195."""

PAGE = 1000
"""Names in a page of a listing."""

PARALLEL = 16
"""Requests at once in one process: as `shards.storage.parallel` makes them."""

START = 0.5
"""Seconds until a new environment runs: assumed. Of it 0.1 s is importing numpy."""

INVOKE = 0.02
"""Seconds to call a function that has a warm environment: assumed."""

NEW_ENVIRONMENTS = 100
"""New environments a second of one function: AWS gives 1,000 every 10 s."""

CONCURRENCY = 1000
"""Environments at once that an account has to begin with; more on request."""

PREFIX_PUTS, PREFIX_GETS = 3500, 5500
"""Requests a second that S3 promises for one prefix of a bucket. It splits a busy prefix, after minutes of 503."""

KEPT, ON_DISK = 256 << 20, 1_610_612_736
"""Bytes of the index that a function keeps in memory, and on its disk: as `functions` and `serverless.yml` set them."""

DISK = 1 / 400e6
"""Seconds a byte to read and check it from that disk: assumed."""

GIGABYTES = 2.0
"""Memory of the functions that compute signatures, scan and fold: from 1.77 GB on they have a whole core."""

SIGN = 0.057
"""Seconds of one core for the default signatures and the thumbnail of a JPEG of 3 megapixels: measured."""

PACK = 1 / 96_000
"""Seconds a row to write a segment with its search columns: measured with 100,000 rows in the default families."""

SEAL, UNSEAL = 56e-9, 75e-9
"""Seconds a byte to write and to read a manifest's JSON, measured with 1,300 segments; compressing included."""


def download(size: float, requests: float = 1, parallel: int = PARALLEL) -> float:
    """Return the seconds to fetch so many bytes in so many requests: whichever of the two takes longer."""
    return max(GET * -(-requests // parallel), GET * (requests > 0) + size * SECONDS_A_BYTE)


def upload(size: float) -> float:
    """Return the seconds to create an object of so many bytes."""
    return PUT + size * SECONDS_A_BYTE


def listing(names: int) -> float:
    """Return the seconds to list so many names, one page after the other."""
    return GET * max(-(-names // PAGE), 1)


def running(seconds: float, gigabytes: float = GIGABYTES) -> float:
    """Return the dollars for a function that runs so long."""
    return seconds * gigabytes * PRICES.gigabyte_second
