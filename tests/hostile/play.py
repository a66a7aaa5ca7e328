"""Asks everything of crafted indexes, in a process that may take little memory and time.

Prints a line for each case, before and after it: where this process ends, the last line says of what.
"""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

from lookalike import Index
from shards.storage.local import LocalStore
from tests.hostile.cases import Place, every
from tests.torture.corruption import scene
from tests.torture.corruption.asking import Broken, Refused, ask, asked
from tests.world import FakeWorld

SEED = 7

MEMORY = 1 << 30
"""Bytes above what the process takes before the first case."""

SECONDS = 120
"""Limit of one case, on a busy machine."""


def main(folder: Path, first: int, step: int) -> None:
    """Play every `step`-th case, from number `first` on."""
    warnings.simplefilter("error")
    built, now_ns = scene.built(SEED)
    good = scene.placed(built, SEED)
    world = FakeWorld(SEED, now_ns)
    whole = ask(_store(folder, good, world), FakeWorld(8, world.now_ns()))
    assert not [answer for answer in whole.values() if isinstance(answer, Broken | Refused)], "it is damaged already"
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
    for case in every()[first::step]:
        print(f"begin {case.name}", flush=True)
        store = _store(folder, good, world)
        case.make(Place(folder))
        signal.alarm(SECONDS)
        broken = _broken(store, world)
        signal.alarm(0)
        print(f"broken {broken[0]}" if broken else "fine", flush=True)
    clear(folder)


def _broken(store: LocalStore, world: FakeWorld) -> list[str]:
    """Ask all questions, and do all that can be done; return the errors that are not ours."""
    answers = ask(store, FakeWorld(8, world.now_ns()))
    answers["verify"] = asked(lambda: _open(store, world).verify())
    answers["plan of a repair"] = asked(lambda: _repair(_open(store, world), dry_run=True))
    answers["upkeep"] = asked(lambda: _keep(_open(store, world)))
    answers["repair"] = asked(lambda: _repair(_open(store, world), dry_run=False))
    return [f"{question}: {answer.said}" for question, answer in answers.items() if isinstance(answer, Broken)]


def _store(folder: Path, objects: Mapping[str, bytes], world: FakeWorld) -> LocalStore:
    """Return a store of these objects, in a folder that is made anew."""
    clear(folder)
    for name, body in objects.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return LocalStore(folder, lambda: world.now_ns() / 1e9)


def clear(folder: Path) -> None:
    """Remove a folder, however deep: Python's own way is a call in a call for each level."""
    subprocess.run(["rm", "-rf", folder], check=True)


def _open(store: LocalStore, world: FakeWorld) -> Index:
    return Index.open(store, effects=FakeWorld(9, world.now_ns()))


def _repair(index: Index, *, dry_run: bool) -> bool:
    index.repair(index.verify(), dry_run=dry_run)
    return True


def _keep(index: Index) -> bool:
    index.compact(everything=True)
    index.collect()
    return True


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
