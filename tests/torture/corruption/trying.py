"""One damage to one object, and what the index then says: the oracle of all promises about damaged indexes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from random import Random

from lookalike import Index
from shards.storage import Store
from shards.storage.delegating import DelegatingStore
from shards.storage.local import LocalStore
from shards.storage.memory import MemoryStore
from tests.torture.corruption import scene
from tests.torture.corruption.asking import Broken, Refused, ask, asked
from tests.torture.corruption.crafting import Craft, newest
from tests.torture.corruption.damages import Damage, Objects, gone, kind, swapped, under_another_name
from tests.world import FakeWorld

DAYS_NS = 86_400 * 10**9


class FarStore(DelegatingStore):
    """A store that is not mapped: what is read comes in ranges, as from a bucket."""

    @property
    def mapped(self) -> bool:
        return False


class Place(Enum):
    """Where the objects lie."""

    MEMORY = "memory"
    FAR = "far away"
    FOLDER = "folder"


class Outcome(Enum):
    """What came of a damage. The first five are as promised."""

    HARMLESS = "every answer is right"
    REFUSED = "an error names the object, no answer is wrong"
    UNKNOWABLE = "nothing that is left knows of it"
    NAMED = "repaired, and what is gone or back is said"
    BOUNDED = "only errors of ours, in bounded time and memory"
    WRONG = "an answer is wrong"
    BARE = "an error is not ours"
    UNNAMED = "an error does not name the object"
    UNSAID = "a repair does not say what is gone, or back, or still wrong"
    UNSEEN = "verify does not see it"
    SLOW = "it takes too long"


PROMISED = (Outcome.HARMLESS, Outcome.REFUSED, Outcome.UNKNOWABLE, Outcome.NAMED, Outcome.BOUNDED)


@dataclass(frozen=True, slots=True)
class Tried:
    """A damage that was tried."""

    damage: str
    name: str
    outcome: Outcome
    details: str = ""

    def __str__(self) -> str:
        return f"{self.damage} {self.name}: {self.outcome.value}. {self.details}".rstrip()


class Trial:
    """An index in good order, and what it answers: damages are tried on copies of it."""

    def __init__(self, place: Place, folder: Path | None = None, seed: int = 7) -> None:
        """Build the index. `folder`: an empty one, for Place.FOLDER."""
        self._place = place
        self._folder = folder
        self._seed = seed
        self.objects, self._now = scene.built(seed)
        with self.opened({}) as store:
            self.expected = ask(store, self.world())
            broken = [found for found in self.expected.values() if isinstance(found, Broken | Refused)]
            assert not broken, f"the index is damaged before anything was done to it: {broken}"
            report = self.index(store).verify()
            assert not report.problems, report.problems

    def try_damage(self, damage: Damage, name: str, random: Random) -> Tried | None:
        """Return what comes of this damage to the object `name`; None where it cannot happen to it."""
        changes = damage(name, self.objects, random)
        if changes is None or all(self.objects.get(other) == body for other, body in changes.items()):
            return None
        with self.opened(changes) as store:
            outcome, details = self._outcome(store, damage, name, changes)
        return Tried(damage.__name__, name, outcome, details)

    def try_craft(self, craft: Craft, random: Random) -> Tried:
        """Return what comes of objects that somebody made: any answer may be wrong, but no error may be bare."""
        changes = craft(self.objects, random)
        with self.opened(changes) as store:
            answers = {**ask(store, self.world()), "verify": asked(lambda: self.index(store).verify())}
            answers |= self._after_upkeep(store)
        bare = [f"{question}: {answer.said}" for question, answer in answers.items() if isinstance(answer, Broken)]
        outcome = Outcome.BARE if bare else Outcome.BOUNDED
        return Tried(craft.__name__, next(iter(changes)), outcome, bare[0] if bare else "")

    def _outcome(
        self, store: Store, damage: Damage, name: str, changes: Mapping[str, bytes | None]
    ) -> tuple[Outcome, str]:
        answers = ask(store, self.world())
        verified = asked(lambda: self.index(store).verify())
        kept = self._after_upkeep(store)
        answers |= {f"{question}, after upkeep": answer for question, answer in kept.items()}
        for question, answer in [*answers.items(), ("verify", verified)]:
            if isinstance(answer, Broken):
                return Outcome.BARE, f"{question}: {answer.said}"
        wrong = [question for question, answer in answers.items() if self._is_wrong(question, answer)]
        if wrong and is_unknowable(damage, name, self.objects):
            return Outcome.UNKNOWABLE, ""
        if wrong:
            return Outcome.WRONG, ", ".join(wrong)
        refused = {question: answer.said for question, answer in answers.items() if isinstance(answer, Refused)}
        for question, said in refused.items():
            if not any(other in said for other in changes) and "no index" not in said and "not an index" not in said:
                return Outcome.UNNAMED, f"{question}: {said}"
        said = verified.said if isinstance(verified, Refused) else str(verified.problems or "")  # type: ignore[attr-defined]
        if refused and not said:
            return Outcome.UNSEEN, f"but {', '.join(refused)} refused: {next(iter(refused.values()))}"
        is_change = any(body is not None and other in self.objects for other, body in changes.items())
        if is_change and not any(other in said for other in changes):
            return (Outcome.UNKNOWABLE, "") if is_unknowable(damage, name, self.objects) else (Outcome.UNSEEN, said)
        return (Outcome.REFUSED, "") if refused else (Outcome.HARMLESS, "")

    def _is_wrong(self, question: str, answer: object) -> bool:
        if isinstance(answer, Refused):
            return False
        question, _, later = question.partition(", after")
        if later and question == "stats":
            return False  # of other segments
        return answer != self.expected.get(question, True)

    def _after_upkeep(self, store: Store) -> dict[str, object]:
        """Fold, merge everything, add an image, collect; then ask all again: damage must not spread."""

        def keep() -> bool:
            index = self.index(store)
            index.compact(everything=True)
            index.collect()
            return True

        kept = asked(keep)
        answers = ask(store, self.world(days=1))
        return {"upkeep": kept, **answers}

    def index(self, store: Store, days: int = 0) -> Index:
        return Index.open(store, effects=self.world(days))

    def world(self, days: int = 0) -> FakeWorld:
        return FakeWorld(8, self._now + days * DAYS_NS)

    def opened(self, changes: Mapping[str, bytes | None]) -> AbstractContextManager[Store]:
        there = {name: body for name, body in {**self.objects, **changes}.items() if body is not None}
        objects = scene.placed(there, self._seed)
        if self._place is Place.FOLDER:
            assert self._folder is not None
            return in_folder(self._folder, objects, lambda: self._now / 1e9)
        store: Store = filled(objects, lambda: self._now / 1e9)
        return nullcontext(FarStore(store) if self._place is Place.FAR else store)


def is_unknowable(damage: Damage, name: str, objects: Objects) -> bool:
    """True for what nothing in the store can tell: docs/trust.md lists it."""
    match kind(name):
        case "log":
            # no object names those of the log's tail
            return damage is gone
        case "manifest":
            # nor the newest manifest
            return damage is gone and name == newest(objects)
        case "thumbnails":
            # a thumbnail knows its own bytes, not its image; one that is missing can be drawn again
            return damage in (gone, swapped, under_another_name)
    return False


def filled(objects: Objects, clock: Callable[[], float]) -> MemoryStore:
    """Return a store in memory that holds these objects."""
    store = MemoryStore(clock=clock)
    for name, body in objects.items():
        store.create(name, body)
    return store


@contextmanager
def in_folder(folder: Path, objects: Objects, clock: Callable[[], float]) -> Iterator[Store]:
    """Write these objects into the folder, and give a store of them; the folder is empty again afterwards."""
    for name, body in objects.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    yield LocalStore(folder, clock)
    shutil.rmtree(folder)
    folder.mkdir()
