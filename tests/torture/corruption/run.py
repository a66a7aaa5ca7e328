"""Corruption as a part of `make torture`: one damage after the other, each decided by its number."""

from __future__ import annotations

import logging
import multiprocessing
import resource
import signal
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from itertools import count
from pathlib import Path
from random import Random

from tests.torture.corruption.crafting import BOMBS, CRAFTS, Craft
from tests.torture.corruption.damages import DAMAGES, kind
from tests.torture.corruption.repairing import REPAIR, try_repair
from tests.torture.corruption.trying import PROMISED, Outcome, Place, Trial, Tried
from tests.torture.figures import Failure, Figures, Table

MEMORY = 1 << 30
"""Bytes that all of a damaged index may take, in addition to what a process takes that has imported everything."""

SECONDS = 60
"""Time in which everything has been asked of a damaged index: it takes a tenth of a second."""

BATCH = 25
"""Damages that a process tries before the next one begins anew."""

MOST_FAILURES = 10

CRAFTED, BOMBED, REPAIRED = 0.4, 0.02, 0.3
"""Shares: of objects that are made on purpose among all damages, and of bombs among those; of the others, those that
are repaired."""


class OverTime(BaseException):
    """Asking took longer than it may. Not an Exception, so that nothing on the way takes it for an answer."""


def run(minutes: float, seed: int) -> Figures:
    """Damage indexes until the time is over."""
    end = time.monotonic() + 60 * minutes
    tried: list[Tried] = []
    failures: dict[str, Failure] = {}
    for first in count(0, BATCH):
        numbers = range(first, first + BATCH)
        for n, one in zip(numbers, _in_a_process(seed, numbers), strict=True):
            if one is None:
                continue
            tried.append(one)
            if one.outcome not in PROMISED:
                failures.setdefault(f"{one.damage} {kind(one.name)} {one.outcome}", _failure(one, seed, n))
        if time.monotonic() > end or len(failures) >= MOST_FAILURES:
            break
    return figures(tried, list(failures.values()))


def replay(text: str) -> Figures:
    """Try one damage again, by what a failure has printed: the seed, a colon, its number."""
    seed, n = map(int, text.split(":"))
    (one,) = _in_a_process(seed, range(n, n + 1))
    tried = [] if one is None else [one]
    return figures(tried, [_failure(one, seed, n) for one in tried if one.outcome not in PROMISED])


def figures(tried: Sequence[Tried], failures: Sequence[Failure]) -> Figures:
    """Return how many damages of each kind came to what."""
    by_damage: dict[str, Counter[Outcome]] = {}
    for one in tried:
        by_damage.setdefault(one.damage.replace("_", " "), Counter())[one.outcome] += 1
    rows = [
        (damage, *(f"{number:,}" for number in (outcomes.total(), *(outcomes[outcome] for outcome in PROMISED))))
        for damage, outcomes in sorted(by_damage.items())
    ]
    titles = ("damage", "tried", *(outcome.value for outcome in PROMISED))
    counts = {
        "damaged indexes": len(tried),
        "answers that were wrong, or errors that were not ours": sum(one.outcome not in PROMISED for one in tried),
    }
    return Figures(counts, failures, [Table(titles, rows)])


def _failure(one: Tried, seed: int, n: int) -> Failure:
    return Failure(str(one), f"{seed}:{n}")


def _in_a_process(seed: int, numbers: range) -> Sequence[Tried | None]:
    """Try damages in a process whose memory and time end, so that an index that takes them takes no others."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(_batch, seed, numbers).result()
        except BrokenProcessPool:
            if len(numbers) == 1:
                return [Tried("one that ended the process", "whole index", Outcome.BARE, f"number {numbers[0]}")]
    return [one for n in numbers for one in _in_a_process(seed, range(n, n + 1))]


def _batch(seed: int, numbers: range) -> list[Tried | None]:
    # a folder's clock is the machine's, and that of the index is not
    logging.disable()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):
        for place in Place:
            trial(place, Path(folder))
        with limited():
            return [one_trial(seed, n, Path(folder)) for n in numbers]


def bombed(place: Place, craft: Craft) -> Tried:
    """Try this on an index that lies there, in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(_bomb, place, craft).result()
        except BrokenProcessPool:
            return Tried(craft.__name__, "whole index", Outcome.BARE, "it ended the process")


def _bomb(place: Place, craft: Craft) -> Tried:
    with tempfile.TemporaryDirectory() as folder:
        whole = trial(place, Path(folder))
        with limited():
            tried = _in_time(craft.__name__, "whole index", lambda: whole.try_craft(craft, Random(0)))
    assert tried is not None
    return tried


@lru_cache
def trial(place: Place, folder: Path) -> Trial:
    """Return the index to damage. It is built once in each process."""
    return Trial(place, folder)


def one_trial(seed: int, n: int, folder: Path) -> Tried | None:
    """Try one damage, all of it decided by these numbers; None where it cannot happen to the object."""
    random = Random(f"{seed}:{n}")
    place = trial(random.choice(list(Place)), folder)
    if random.random() < CRAFTED:
        craft = random.choice(BOMBS if random.random() < BOMBED else CRAFTS)
        return _in_time(craft.__name__, "whole index", lambda: place.try_craft(craft, random))
    damage = random.choice(DAMAGES)
    chosen = random.choice(sorted({kind(name) for name in place.objects}))
    name = random.choice([name for name in place.objects if kind(name) == chosen])
    if random.random() < REPAIRED:
        return _in_time(REPAIR, name, lambda: try_repair(place, damage, name, random))
    return _in_time(damage.__name__, name, lambda: place.try_damage(damage, name, random))


def _in_time(damage: str, name: str, attempt: Callable[[], Tried | None]) -> Tried | None:
    signal.alarm(SECONDS)
    try:
        return attempt()
    except OverTime:
        return Tried(damage, name, Outcome.SLOW)
    finally:
        signal.alarm(0)


@contextmanager
def limited() -> Iterator[None]:
    """Let this process take no more than MEMORY in addition, and raise OverTime where an alarm rings."""

    def ring(*_: object) -> None:
        raise OverTime

    taken = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGALRM, ring)
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGALRM, before)
