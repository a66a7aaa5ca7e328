"""Deletes objects that nobody can need any more: called once a day."""

from __future__ import annotations

import time

from functions.aws.events import CollectRequest, CollectResponse, Context, ending
from functions.aws.opening import counted_store, existing_index
from functions.aws.settings import Settings
from functions.aws.telemetry import Telemetry

settings = Settings.from_env()
store = counted_store(settings)
telemetry = Telemetry("collect", store)


RESERVE = 120.0
"""Seconds before the end at which nothing more is looked at: sixteen parts of the thumbnails are listed at a time, and
what no image has is deleted."""

DAY = 86_400

GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, without their whole parts, are spread evenly over 0 to 1, however many they are."""


def handler(event: CollectRequest, context: Context) -> CollectResponse:
    """Collect: the scheduler calls this, once a day.

    Each day begins elsewhere among the thumbnails, so that all have their turn where the time does not suffice for all
    of them, and nothing has to be remembered. Whoever calls with the answer's `next` as `place` goes on from there.
    """
    with telemetry.invocation(context) as facts:
        index = existing_index(store, settings)
        if index is None:
            # the first call may come before anything was added, and this function may not make an index
            facts.update(objects=0, bytes=0)
            return {"objects": 0, "bytes": 0, "covered": 1.0, "next": None}
        place = event.get("place")
        collected = index.collect(
            place=time.time() // DAY * GOLDEN % 1 if place is None else float(place) % 1,
            is_over=ending(context, RESERVE),
        )
        facts.update(objects=collected.count, bytes=collected.size, covered=collected.covered, next=collected.next)
        telemetry.measure("ObjectsCollected", collected.count)
        return {
            "objects": collected.count,
            "bytes": collected.size,
            "covered": collected.covered,
            "next": collected.next,
        }
