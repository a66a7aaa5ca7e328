"""Slow pictures: whatever each takes, every batch makes progress, and no good one ends among the dead letters.

The code that reads the queue runs on a clock of its own, between a queue that counts how often it hands out a message
and a function that ends at its time limit. Nothing here waits.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from functions.aws.image_folder import ImageFolder
from functions.aws.queue import QueueReader
from functions.aws.settings import Settings
from lookalike.ingest.original import Content, Original
from lookalike.ingest.reading import RecordReader
from shards.table.format.records import Order, Record
from tests.functions.stage import event, notification
from tests.infra.template import resources

SEED = 20_261_201

SETTINGS = Settings(index="memory://")


@dataclass
class Deployed:
    """The numbers of a queue and of the function that reads it."""

    timeout: float
    visibility: float
    batch: int
    receives: int
    tells: bool = True
    """Whether the function tells the queue when what it hands back is to be seen."""

    @classmethod
    def of_the_template(cls) -> Deployed:
        queue = resources("AWS::SQS::Queue")["Uploads"]
        function = resources("AWS::Lambda::Function")["IngestLambdaFunction"]
        (source,) = resources("AWS::Lambda::EventSourceMapping").values()
        receives = queue["RedrivePolicy"]["maxReceiveCount"]
        return cls(function["Timeout"], queue["VisibilityTimeout"], source["BatchSize"], receives)


class Silent:
    """Telemetry that nobody reads."""

    def measure(self, *_: object) -> None: ...

    def warn(self, *_: object, **__: object) -> None: ...

    def warn_of(self, *_: object) -> None: ...


class TimedOut(Exception):
    """The end of a function: nothing that it does later happens."""


@dataclass
class Account:
    """A queue of pictures, of which each takes `seconds`, and functions that read it, one after the other here.

    Each has the whole machine, so that the time of one is its own clock, whoever runs beside it.
    """

    deployed: Deployed
    seconds: float
    functions: int = 10
    now: float = 0.0
    written: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    handed_out: int = 0
    _ends: float = 0.0

    def __post_init__(self) -> None:
        reader = RecordReader(self, self._make_record, max_bytes=10, readers=1)
        self.queue = QueueReader(self, reader, ImageFolder("pictures"), Silent(), now_ns=lambda: 0)  # type: ignore[arg-type]

    # an original, its signatures, and the index

    def read(self, key: str, max_bytes: int) -> Content:
        return Content(Original(key, f"s3://pictures/{key}", 1, 10**18), b"x", {})

    def _make_record(
        self, key: str, image: bytes, meta: Mapping[str, Any] | None, *, source: Mapping[str, Any], order: Order
    ) -> Record:
        self._pass(self.seconds)
        return Record(key, order, source=source)

    def write(self, records: Sequence[Record]) -> None:
        self._pass(0.2)
        self.written.update(record.key for record in records)

    def _pass(self, seconds: float) -> None:
        self.now += seconds
        if self.now > self._ends:
            raise TimedOut

    # the function, and the queue

    def run(self, pictures: int) -> None:
        rng = random.Random(SEED)
        shape = event("sqs_batch")["Records"][0]
        bodies = {f"{n}.png": notification(f"{n}.png") for n in range(2)}
        text = str(bodies["1.png"]).replace("'", '"')
        received = dict.fromkeys(range(pictures), 0)
        visible = [(0.0, rng.random(), n) for n in range(pictures)]
        heapq.heapify(visible)
        idle = [0.0] * self.functions
        while visible:
            began = self.now = max(heapq.heappop(idle), visible[0][0])
            self._ends = began + self.deployed.timeout
            taken = []
            while visible and visible[0][0] <= began and len(taken) < self.deployed.batch:
                number = heapq.heappop(visible)[2]
                received[number] += 1
                if received[number] > self.deployed.receives:
                    self.dead.add(f"{number}.png")
                else:
                    taken.append(number)
            self.handed_out += len(taken)
            records = [
                shape
                | {"messageId": str(number), "body": text.replace("1.png", f"{number}.png")}
                | {"attributes": {"ApproximateReceiveCount": str(received[number])}}
                for number in taken
            ]
            ends = self._ends
            try:
                again = self.queue.add({"Records": records}, lambda ends=ends: ends - self.now < SETTINGS.reserve, {})  # type: ignore[misc]
                left, failed = again.left, again.failed
            except TimedOut:
                self.now, left, failed = ends, frozenset(), frozenset(map(str, taken))
            hidden = began + self.deployed.visibility
            for number in taken:
                if str(number) in left:
                    at = self.now if self.deployed.tells else hidden
                    heapq.heappush(visible, (at, rng.random(), number))
                elif str(number) in failed:
                    heapq.heappush(visible, (hidden, rng.random(), number))
            heapq.heappush(idle, self.now)


def lost(deployed: Deployed, seconds: float, pictures: int) -> float:
    """Return the share of good pictures that are not in the index in the end."""
    account = Account(deployed, seconds)
    account.run(pictures)
    assert len(account.written | account.dead) == pictures
    share = 1 - len(account.written) / pictures
    times = account.handed_out / pictures
    print(f"{pictures:,} of {seconds:g} s: {share:.1%} lost, handed out {times:.2f} times, seed {SEED}")
    return share


@pytest.mark.parametrize("seconds", [0.5, 2.2, 9.9])
def test_no_good_picture_is_lost_however_slow_it_is(seconds: float) -> None:
    assert lost(Deployed.of_the_template(), seconds, 600) == 0


@pytest.mark.long
@pytest.mark.parametrize("seconds", [2.2, 4.0, 7.0, 9.9])
def test_none_of_twenty_thousand_is_lost(seconds: float) -> None:
    assert lost(Deployed.of_the_template(), seconds, 20_000) == 0


@pytest.mark.long
def test_with_two_minutes_for_a_batch_many_would_be() -> None:
    before = Deployed(timeout=120, visibility=150, batch=100, receives=5, tells=False)
    assert lost(before, 4.0, 20_000) > 0.05
