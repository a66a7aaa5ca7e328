"""Many functions at once on a real S3, killed at any moment: nothing that was acknowledged is ever lost.

It ends when enough has happened. LOOKALIKE_SOAK_SECONDS=60 goes on for a minute.
"""

from __future__ import annotations

import json
import os
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

import boto3
import pytest

from lookalike import Index
from shards.table.maintain import collect
from tests.functions.killable import Failed, Killable, Killed
from tests.functions.stage import START_MS, message, notification
from tests.lookalike.cli.drawing import png
from tests.servers import BUCKET, S3Server

SEED = 20_261_121
SOAK_SECONDS = float(os.environ.get("LOOKALIKE_SOAK_SECONDS", "0"))

ENOUGH = Counter(
    {
        "ingests killed": 5,
        "compactors killed": 3,
        "messages acknowledged": 200,
        "merges": 4,
        "objects collected": 10,
        "pictures looked for": 48,
    }
)
"""Things that have to have happened, on a fast machine within few seconds."""

SECONDS = 900.0
"""Until it ends all the same, and fails."""

INGESTS, COMPACTORS = 5, 2
KEYS, BATCH, LOOKED_FOR = 300, 8, 16

LOG_SECONDS, ORPHAN_SECONDS, PAUSE = 2.0, 3.0, 0.5
"""Ages at which objects are collected. As short as that, readers find many of them gone."""

AGES = {"shards.table.read.newest.UPLOAD_SECONDS": 1.0}
"""Up to which age compactors name what they have uploaded: less than what is collected, by more than the second to
which this S3 tells the time."""

IMAGES = "many-pictures"


@dataclass(frozen=True, slots=True)
class State:
    """An object of the bucket. `seed`: of its picture, `None` if it was deleted; `change`: its number."""

    seed: int | None
    change: int

    @property
    def digest(self) -> str | None:
        return None if self.seed is None else sha256(png(self.seed)).hexdigest()


@dataclass
class Uploads:
    """The bucket, and the queue that is told of its changes: at least once, in any order."""

    s3: Any
    states: dict[str, State] = field(default_factory=dict)
    queue: list[dict[str, Any]] = field(default_factory=list)
    _changes: int = 0
    _on_the_way: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def change(self, rng: random.Random) -> None:
        """Put a picture that nobody has seen, or delete one; an eighth of what happens is told twice."""
        key = f"{rng.randrange(KEYS):04d}.png"
        with self._lock:
            self._changes += 1
            number = self._changes
            if rng.random() < 0.2 and key in self.states:
                self.s3.delete_object(Bucket=IMAGES, Key=key)
                self.states[key] = State(None, number)
            else:
                self.s3.put_object(Bucket=IMAGES, Key=key, Body=png(number))
                self.states[key] = State(number, number)
            kind = "Delete" if self.states[key].seed is None else "Put"
            body = notification(key, START_MS + number, f"{number:018X}", kind)
            body["Records"][0]["s3"]["bucket"]["name"] = IMAGES
            for _ in range(1 + (rng.random() < 1 / 8)):
                self.queue.append({**message(body), "messageId": uuid.UUID(int=rng.getrandbits(128)).hex, "key": key})
                self._on_the_way[key] += 1

    def take(self, rng: random.Random, most: int) -> list[dict[str, Any]]:
        """Some messages, of any age."""
        with self._lock:
            rng.shuffle(self.queue)
            taken, self.queue = self.queue[:most], self.queue[most:]
        return taken

    def give_back(self, messages: list[dict[str, Any]]) -> None:
        with self._lock:
            self.queue += messages

    def done(self, messages: list[dict[str, Any]]) -> None:
        with self._lock:
            self._on_the_way.subtract(one["key"] for one in messages)

    def settled(self) -> dict[str, State]:
        """The keys all of whose changes were acknowledged."""
        with self._lock:
            return {key: state for key, state in self.states.items() if not self._on_the_way[key]}

    def is_still(self, key: str, state: State) -> bool:
        with self._lock:
            return self.states[key] == state


@dataclass
class Crowd:
    """All who are at work, until enough has happened. `errors`: what a function raised; `seen`: what has happened."""

    uploads: Uploads
    variables: dict[str, str]
    folder: Path
    started: float = field(default_factory=time.monotonic)
    errors: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def is_over(self) -> bool:
        passed = time.monotonic() - self.started
        if SOAK_SECONDS:
            return passed > SOAK_SECONDS
        return passed > SECONDS or self.seen >= ENOUGH

    def count(self, what: str, number: int = 1) -> None:
        with self._lock:
            self.seen[what] += number

    def ingest(self, number: int) -> None:
        """A function that reads the queue."""
        rng = random.Random(f"{SEED} ingest {number}")
        with Killable("ingest", self.variables, self.folder / "ingest.log") as function:
            while not self.is_over():
                for _ in range(BATCH):
                    self.uploads.change(rng)
                messages = self.uploads.take(rng, rng.randint(1, 3 * BATCH))
                self.deliver(function, messages, kill_after(rng, 1 / 3, (0.05, 0.4)))

    def deliver(self, function: Killable, messages: list[dict[str, Any]], kill_after: float | None = None) -> None:
        """One batch; what is not acknowledged comes again."""
        try:
            answer = function.call({"Records": messages}, kill_after)
        except (Failed, Killed) as error:
            self.uploads.give_back(messages)
            if isinstance(error, Failed):
                self.errors.append(f"ingest: {error}")
            else:
                self.count("ingests killed")
            return
        again = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        self.uploads.give_back([one for one in messages if one["messageId"] in again])
        done = [one for one in messages if one["messageId"] not in again]
        self.uploads.done(done)
        self.count("messages acknowledged", len(done))

    def compact(self, number: int) -> None:
        """One of two compactors that know nothing of each other."""
        rng = random.Random(f"{SEED} compact {number}")
        with Killable("compact", self.variables, self.folder / "compact.log", AGES) as function:
            while not self.is_over():
                try:
                    function.call({}, kill_after(rng, 2 / 3, (2.0,)))
                except Failed as error:
                    self.errors.append(f"compact: {error}")
                except Killed:
                    self.count("compactors killed")

    def read(self) -> None:
        """Somebody who searches, and has opened the index long ago, or just now."""
        rng = random.Random(f"{SEED} read")
        while not self.is_over():
            index = Index.open(self.variables["LOOKALIKE_INDEX"])
            for _ in range(rng.randint(1, 5)):
                settled = self.uploads.settled()
                wanted = rng.sample(sorted(settled), min(LOOKED_FOR, len(settled)))
                found = index.images(wanted)
                for key in wanted:
                    image = found.get(key)
                    has = image.sha256 if image else None
                    assert has == settled[key].digest or not self.uploads.is_still(key, settled[key]), key
                for key in wanted[:2]:
                    seed = settled[key].seed
                    if seed is not None:
                        hits = index.search(png(seed), limit=3).hits
                        assert key in [hit.image.key for hit in hits] or not self.uploads.is_still(key, settled[key])
                self.count("pictures looked for", len(wanted))

    def collect(self) -> None:
        """Somebody who deletes what nobody needs any more, and sees how much was merged."""
        index = Index.open(self.variables["LOOKALIKE_INDEX"])
        while not self.is_over():
            self.count("objects collected", len(index.collect().objects))
            self.count("merges", self.merges() - self.seen["merges"])
            # it lists everything, and is not what this is about
            time.sleep(PAUSE)

    def merges(self) -> int:
        """Return the merges of all compactors that ended by themselves, from their log."""
        log = self.folder / "compact.log"
        lines = log.read_text().splitlines() if log.exists() else []
        # a kill may have cut a line short, and another process gone on in it
        whole = [json.loads(line) for line in lines if line.startswith('{"level":"INFO"') and line.endswith("}")]
        return sum(one["merges"] for one in whole if one["message"] == "done")


def kill_after(rng: random.Random, often: float, most: Sequence[float]) -> float | None:
    """Seconds, for so many of all calls; those that are done before live on. `most`: on fast and on slow machines."""
    return rng.uniform(0, rng.choice(most)) if rng.random() < often else None


def contents(index: Index) -> dict[str, str]:
    return {image.key: image.sha256 for image in index.list()}


def held(states: dict[str, State]) -> dict[str, str]:
    return {key: state.digest for key, state in states.items() if state.digest is not None}


@pytest.fixture
def crowd(s3_environment: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crowd]:
    monkeypatch.setattr(collect, "LOG_AGE_MS", LOG_SECONDS * 1000)
    monkeypatch.setattr(collect, "ORPHAN_SECONDS", ORPHAN_SECONDS)
    variables = s3_environment.environment | {
        "AWS_DEFAULT_REGION": "us-east-1",
        "LOOKALIKE_INDEX": f"s3://{BUCKET}/{uuid.uuid4().hex}",
        "LOOKALIKE_IMAGES": IMAGES,
        "LOOKALIKE_FAMILIES": "dhash",
        "LOOKALIKE_SHARDS": "2",
        # small segments, so that merges have much to do
        "LOOKALIKE_SEGMENT_ROWS": "64",
        "LOOKALIKE_HOLD": "0",
    }
    # a session of its own: the one that all share keeps the first credentials that it sees
    with closing(boto3.session.Session().client("s3")) as s3:
        s3.create_bucket(Bucket=IMAGES)
        yield Crowd(Uploads(s3), variables, tmp_path)


def all_of(work: list[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(len(work)) as pool:
        for one in [pool.submit(one) for one in work]:
            one.result()


@pytest.mark.long
def test_nothing_is_lost_by_many_processes_that_are_killed_at_any_moment(crowd: Crowd) -> None:
    print(f"seed {SEED}")
    Index.create(crowd.variables["LOOKALIKE_INDEX"], families=["dhash"], shards=2, segment_rows=64)
    feeding = [lambda number=number: crowd.ingest(number) for number in range(INGESTS)]
    compacting = [lambda number=number: crowd.compact(number) for number in range(COMPACTORS)]
    all_of([*feeding, *compacting, crowd.collect, crowd.read])

    index = Index.open(crowd.variables["LOOKALIKE_INDEX"])
    settled = crowd.uploads.settled()
    found = contents(index)
    assert {key: found[key] for key in settled if key in found} == held(settled)
    assert index.verify().is_clean

    # all that was not acknowledged comes again
    rng = random.Random(f"{SEED} rest")
    with Killable("ingest", crowd.variables, crowd.folder / "rest.log") as function:
        while rest := crowd.uploads.take(rng, 100):
            crowd.deliver(function, rest)
    assert contents(index) == held(crowd.uploads.states)
    index.compact(everything=True)
    assert contents(index) == held(crowd.uploads.states)
    assert index.verify().is_clean
    assert crowd.errors == []

    print(dict(crowd.seen), f"{len(settled)} of {len(crowd.uploads.states)} keys settled")
    assert crowd.seen >= ENOUGH
