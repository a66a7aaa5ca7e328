"""A process that uses an index until it is told to stop, or killed: `python -m tests.torture.servers.actor`."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

from lookalike import Index, LookalikeError, Record
from shards.families import family
from tests.torture.servers.ledger import GONE, Ledger, Promised, unlimited

FAMILY = "dhash"

PAUSE = 0.02
"""Seconds between two calls: fourteen processes share a few cores."""

LARGEST_FILE = "LARGEST_FILE"
"""The variable with the limit of a file's bytes: a disk that is full for segments, and has room for log objects."""

NOT_OURS = 3
"""The exit code of an actor that met an error that is not ours."""


def row(random: Random) -> np.void:
    rows = np.zeros(1, family(FAMILY).dtype)
    rows["hash"] = random.getrandbits(64)
    only: np.void = rows[0]
    return only


def write(index: Index, name: str, folder: Path, random: Random) -> Callable[[], None]:
    """Add, replace and remove images under keys of its own."""
    ledger = Ledger(folder / f"{name}.ledger")
    mine: list[str] = []
    version = 0

    def step() -> None:
        nonlocal version
        version += 1
        if mine and random.random() < 0.1:
            change = dict.fromkeys(random.sample(mine, min(2, len(mine))), GONE)
        else:
            keys = [f"{name}/{version}-{n}" for n in range(random.randrange(1, 6))]
            change = dict.fromkeys(keys, version)
            if mine and random.random() < 0.3:
                change[random.choice(mine)] = version
        ledger.asks(change)
        index.write(
            [
                Record(key, index.next_order(), deleted=True)
                if number == GONE
                else Record(key, index.next_order(), meta={"version": number}, rows={FAMILY: row(random)})
                for key, number in change.items()
            ]
        )
        ledger.told(change)
        mine.extend(key for key in change if key not in mine)

    return step


def compact(index: Index, name: str, folder: Path, random: Random) -> Callable[[], None]:
    """Fold, merge and collect."""

    def step() -> None:
        index.compact(everything=random.random() < 0.1)
        if random.random() < 0.3:
            index.collect()

    return step


def read(index: Index, name: str, folder: Path, random: Random) -> Callable[[], None]:
    """Look for keys that were acknowledged before: each of them has to be there."""

    def step() -> None:
        promised = Promised().read(folder.glob("*.ledger"))
        sure = promised.sure
        some = random.sample(sure, min(50, len(sure)))
        missing = set(some) - index.has(some)
        if missing:
            # what was changed meanwhile may have been gone in between
            now = Promised().read(folder.glob("*.ledger")).allowed
            missing = {key for key in missing if now[key] == promised.allowed[key]}
        if missing:
            note(folder, name, "lost", f"{sorted(missing)} were acknowledged, and a reader did not see them")
        note(folder, name, "looked", str(len(some)))

    return step


ROLES = {"writer": write, "compactor": compact, "reader": read}


def note(folder: Path, name: str, what: str, text: str) -> None:
    with unlimited(), (folder / f"{name}.notes").open("a", encoding="utf-8") as file:
        file.write(json.dumps([what, text]) + "\n")


def main(role: str, name: str, address: str, folder: Path, seed: str) -> int:
    """Go on until the file `stop` is there. Errors of ours are what a fault leads to; any other ends this process."""
    random = Random(f"{seed} {name}")
    step: Callable[[], None] | None = None
    while not (folder / "stop").exists():
        try:
            if step is None:
                step = ROLES[role](Index.open(address), name, folder, random)
            step()
        except LookalikeError as error:
            note(folder, name, "refused", f"{type(error).__name__}: {error}")
        except Exception:
            note(folder, name, "bare", traceback.format_exc()[-2_000:])
            return NOT_OURS
        time.sleep(PAUSE * random.random() * 2)
    return 0


if __name__ == "__main__":
    if LARGEST_FILE in os.environ:
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ[LARGEST_FILE]), most))
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]), sys.argv[5]))
