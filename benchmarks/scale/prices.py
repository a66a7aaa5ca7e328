"""The prices of AWS. When one changes, change it here, with the date."""

from __future__ import annotations

from dataclasses import dataclass

AS_OF = "June 2025"
"""Date of these list prices, as far as we know: compare them with https://aws.amazon.com/pricing first."""

REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars, of the first tier, without free tiers and discounts."""

    get: float = 0.40e-6
    """An S3 GET."""

    put: float = 5.00e-6
    """An S3 PUT or LIST; a delete costs nothing."""

    gigabyte_month: float = 0.023
    """A GB (10^9 bytes) kept in S3 Standard for a month."""

    gigabyte_second: float = 13.3334e-6
    """A GB (2^30 bytes) of an arm64 function's memory for a second."""

    invocation: float = 0.20e-6
    """A call of a function."""

    message: float = 0.40e-6
    """A call to SQS."""


PRICES = Prices()
