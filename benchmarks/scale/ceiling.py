"""The most that questions can cost in a day: functions that whoever may ask keeps busy, day and night.

Whatever is asked and however often, no more of them work than are reserved (`reserved` in serverless.yml). So a number
of dollars a day is a number of functions: each has its price while it works, and asks S3 for so much at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.scale.query import QUESTIONS, ask
from shards.search.plan import WORKERS
from shards.table.format.manifest import Manifest

DAY = 86_400

OF_THE_API = 0.3
"""Share of the dollars for the API's own functions: most questions to an index of a million need no others."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Dollars a day of one function that always works on the dearest question: itself, and its requests."""

    api: float
    """A function of the API that scans alone."""

    scan: float
    """A worker, with its share of what the API does for the question."""

    @classmethod
    def of(cls, manifests: Sequence[Manifest]) -> Busy:
        """Return the most of all questions to these indexes, with nothing in memory or with everything."""
        asked = [ask(one, question, warm=warm) for one in manifests for question in QUESTIONS for warm in (False, True)]
        return cls(
            max(DAY * one.dollars / one.seconds for one in asked if not one.plan.batches),
            max(DAY * one.dollars / one.working for one in asked if one.plan.batches),
        )

    def dollars(self, reserved: Reserved) -> float:
        """Return the dollars a day that so many functions cost at most."""
        return self.api * reserved.api + self.scan * reserved.scan


@dataclass(frozen=True, slots=True)
class Reserved:
    """The functions that may run at once."""

    api: int
    scan: int

    @classmethod
    def within(cls, dollars: float, busy: Busy) -> Reserved:
        """Return as many as cost no more than this a day."""
        api = int(dollars * OF_THE_API / busy.api)
        return cls(api, int((dollars - api * busy.api) / busy.scan))

    @property
    def workers(self) -> int:
        """Workers of one question: as many as there may be, or as the planner asks at most."""
        return min(self.scan, WORKERS)
