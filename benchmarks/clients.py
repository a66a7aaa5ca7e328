"""Clients of a service, each with a connection of its own, that add pictures and ask for them as fast as they can."""

from __future__ import annotations

import http.client
import json
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from benchmarks.signatures import PICTURES
from shards.families import family
from shards.pictures.decoding import decode

SIDE = 180
"""Pixels of the longer side, as danbooru sends pictures to IQDB."""

FAMILY = "haar"

KINDS = ("add", "picture", "hash")

WEIGHTS = (1, 2, 2)
"""Weight of each kind of request: searches are more frequent than adds."""

PATIENCE = 600.0
"""Seconds for an answer. A busy machine may need many; what has not come by then never will."""

LEAST = 3
"""Answers of each kind that every client waits for, however short its time: the median of fewer says nothing."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A small JPEG and its Haar signature as text."""

    data: bytes = field(repr=False)
    hash: str


@dataclass(slots=True)
class Tally:
    """What clients saw. `seconds`: of each answered request, by kind. `added`: by key, acknowledged. `errors`: what was
    answered that should not be. `put_off`: answers 429, after which the client waited as long as it was told. `lasted`:
    seconds from the first request to the last answer."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    added: dict[str, Sample] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    put_off: int = 0
    lasted: float = 0.0

    def __iadd__(self, other: Tally) -> Tally:
        for kind in KINDS:
            self.seconds[kind] += other.seconds[kind]
        self.added |= other.added
        self.errors += other.errors
        self.put_off += other.put_off
        return self

    def has_enough(self) -> bool:
        """Return whether there are answers of each kind, or an error, after which none may ever come."""
        return bool(self.errors) or all(len(times) >= LEAST for times in self.seconds.values())

    def rarest(self) -> str:
        """Return the kind with the fewest answers."""
        return min(KINDS, key=lambda kind: len(self.seconds[kind]))

    def queries(self) -> list[float]:
        """Sorted seconds of the queries of both kinds."""
        return sorted(self.seconds["picture"] + self.seconds["hash"])


class Client:
    """One connection that is kept open."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)

    def send(self, method: str, path: str, body: bytes = b"", media_type: str = "image/jpeg") -> tuple[int, float, Any]:
        """Send a request. Returns the status, the seconds of Retry-After, and the JSON."""
        self._connection.request(method, path, body, {"Content-Type": media_type})
        answer = self._connection.getresponse()
        document = json.loads(answer.read() or b"null")
        return answer.status, float(answer.getheader("Retry-After") or 1), document

    def ask(self, path: str, document: Any) -> tuple[int, float, Any]:
        return self.send("POST", path, json.dumps(document).encode(), "application/json")

    def close(self) -> None:
        self._connection.close()


def samples(count: int, seed: int) -> list[Sample]:
    """Return different crops of the demo's pictures."""
    rng = random.Random(seed)
    sources = [Image.open(path).convert("RGB") for path in sorted(PICTURES.glob("*.jpg"))]
    return [_sample(rng.choice(sources), rng) for _ in range(count)]


def _sample(source: Image.Image, rng: random.Random) -> Sample:
    width, height = (int(side * rng.uniform(0.4, 0.9)) for side in source.size)
    left, top = rng.randrange(source.width - width), rng.randrange(source.height - height)
    small = source.crop((left, top, left + width, top + height))
    small.thumbnail((SIDE, SIDE))
    buffer = BytesIO()
    small.save(buffer, "JPEG", quality=90)
    haar = family(FAMILY)
    return Sample(buffer.getvalue(), haar.format(haar.compute(decode(buffer.getvalue()))))


def load(
    url: str, clients: int, seconds: float, pool: Sequence[Sample], *, folder: str, requests: int | None = None
) -> Tally:
    """Run so many clients for a time, or for a number of requests each, and return their tally.

    A client that has too few answers of some kind by then goes on until it has enough. They add to `folder`.
    """
    total = Tally()
    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        share = len(pool) // clients
        runs = [
            threads.submit(_run, url, f"{folder}/{n}", seconds, pool[n * share : (n + 1) * share], requests)
            for n in range(clients)
        ]
        for run in runs:
            total += run.result()
    total.lasted = time.perf_counter() - began
    return total


def _run(url: str, folder: str, seconds: float, pool: Sequence[Sample], requests: int | None) -> Tally:
    tally = Tally()
    rng = random.Random(folder)
    fresh = iter(pool)
    client = Client(url)
    until = time.perf_counter() + seconds
    sent = 0
    while True:
        is_over = time.perf_counter() >= until or sent == requests
        if is_over and tally.has_enough():
            break
        [kind] = [tally.rarest()] if is_over else rng.choices(KINDS, WEIGHTS)
        try:
            _one(client, kind, folder, rng, fresh, pool, tally)
        except StopIteration:
            tally.errors.append(f"{folder}: had added all of its {len(pool)} pictures: more are needed")
            break
        except (OSError, http.client.HTTPException, ValueError) as error:
            tally.errors.append(f"{kind}: {error!r}")
            client.close()
        sent += 1
    client.close()
    return tally


def _one(
    client: Client,
    kind: str,
    folder: str,
    rng: random.Random,
    fresh: Iterator[Sample],
    pool: Sequence[Sample],
    tally: Tally,
) -> None:
    """Send one request and note what came of it."""
    sample = next(fresh) if kind == "add" else rng.choice(pool)
    key = f"{folder}/{len(tally.added)}.jpg"
    while True:
        start = time.perf_counter()
        if kind == "add":
            status, wait, document = client.send("PUT", f"/v1/images/{key}", sample.data)
        elif kind == "picture":
            status, wait, document = client.send("POST", f"/v1/search?family={FAMILY}", sample.data)
        else:
            status, wait, document = client.ask("/v1/search", {"signature": sample.hash, "family": FAMILY})
        taken = time.perf_counter() - start
        if status != 429:
            break
        tally.put_off += 1
        time.sleep(wait)
    if status != (201 if kind == "add" else 200):
        tally.errors.append(f"{kind}: {status} {document}")
        return
    tally.seconds[kind].append(taken)
    if kind == "add":
        tally.added[key] = sample


def missing(url: str, added: dict[str, Sample], together: int = 64) -> list[str]:
    """Return the keys that are not in the index, or that a search for their own signature does not find."""
    client = Client(url)
    lost = [key for key in added if client.send("GET", f"/v1/images/{key}")[0] != 200]
    keys = list(added)
    for start in range(0, len(keys), together):
        some = keys[start : start + together]
        question = {"signature": [added[key].hash for key in some], "family": FAMILY, "min_score": 99.9}
        _, _, document = client.ask("/v1/search", question)
        for key, answer in zip(some, document["answers"], strict=True):
            if key not in {hit["key"] for hit in answer["hits"]}:
                lost.append(key)
    client.close()
    return lost
