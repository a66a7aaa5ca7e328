"""A process as a tree: from the answers that it has had so far to what it asks next.

The code of a process is a function of its answers: what its store says, what its clock shows. So what it asks after
certain answers is found out once, by running the code, and looked up ever after. A process that takes another turn
than before is run again from its start with the answers that it had.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal, TypeAlias

from greenlet import getcurrent, greenlet

from shards.errors import ObjectNotFound, Undecided
from shards.storage.base import Data, Entry, check_size
from shards.storage.ranges import check_ranges
from tests.simulation.schedules.objects import Stored, entries

Asked: TypeAlias = Literal["get", "create", "list", "delete", "replace", "now", "steady", "sleep", "say"]

Answer: TypeAlias = Hashable

GONE, UNDECIDED = "gone", "undecided"
"""Answers that are raised."""

PARKED = 5_000
"""Runs that wait at the end of a branch for being continued; the longest unused one is given up first."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a process asks. `what`: the body of an object to create, the end of a listing, or what it says."""

    verb: Asked
    name: str = ""
    what: Any = None

    @property
    def is_local(self) -> bool:
        """True where no other process can come between, since none can tell."""
        return self.verb in ("now", "steady", "say")

    @property
    def changes(self) -> bool:
        return self.verb in ("create", "delete")

    def __str__(self) -> str:
        return f"{self.verb} {self.name}"


@dataclass(slots=True, eq=False)
class Node:
    """A place in the tree. `request` is None where the process has ended, `error` says how if not well."""

    parent: Node | None
    answer: Answer
    request: Request | None = None
    error: Exception | None = None
    children: dict[Answer, Node] = field(default_factory=dict)


class Outside:
    """What a program has of the world: a store, effects, and somebody to tell what it does."""

    def __init__(self, seed: int, *, mapped: bool, asks_for_time: bool) -> None:
        self.store = AskingStore(mapped=mapped)
        self.asks_for_time = asks_for_time
        self.effects = AskingEffects(seed)

    def say(self, what: Hashable) -> None:
        """Tell the oracle."""
        ask(Request("say", what=what))

    def replace(self, objects: tuple[Stored, ...]) -> None:
        """Put these objects in the place of all that the store has, as `mv` does with a folder."""
        ask(Request("replace", what=objects))


Program: TypeAlias = Callable[[Outside], None]


class Process:
    """The tree of one program."""

    def __init__(self, name: str, program: Program, seed: int, *, mapped: bool, asks_for_time: bool) -> None:
        """`mapped`: what the store says of itself; if not, it is asked for ranges, and more often. `asks_for_time`:
        whether the process asks the store for the time before it writes, or knows it."""
        self.name = name
        self.ran = 0
        self._program = program
        self._seed = seed
        self._mapped = mapped
        self._asks_for_time = asks_for_time
        self._parked: OrderedDict[Node, Any] = OrderedDict()
        self.root = Node(None, None)
        self._go(self.root, greenlet(self._body), None)

    def after(self, node: Node, answer: Answer) -> Node:
        """Return the place that this answer leads to."""
        there = node.children.get(answer)
        if there is None:
            there = node.children[answer] = Node(node, answer)
            run = self._parked.pop(node, None) or self._again(node)
            self._go(there, run, answer)
        return there

    def _again(self, node: Node) -> Any:
        """Run the program up to a place once more."""
        answers: list[Answer] = []
        while node.parent is not None:
            answers.append(node.answer)
            node = node.parent
        run = greenlet(self._body)
        run.switch()
        self.ran += 1
        for answer in reversed(answers):
            run.switch(answer)
        return run

    def _go(self, there: Node, run: Any, answer: Answer) -> None:
        said = run.switch() if there.parent is None else run.switch(answer)
        if isinstance(said, Request):
            there.request = said
            self._parked[there] = run
            if len(self._parked) > PARKED:
                self._parked.popitem(last=False)
        else:
            there.error = said

    def _body(self) -> Exception | None:
        try:
            self._program(Outside(self._seed, mapped=self._mapped, asks_for_time=self._asks_for_time))
        except Exception as error:
            return error
        return None


def ask(request: Request) -> Any:
    """Wait for the answer to a request. Raises what a store raises."""
    answer = getcurrent().parent.switch(request)
    if answer == GONE:
        raise ObjectNotFound(request.name, "memory://schedules")
    if answer == UNDECIDED:
        raise Undecided(f"simulated: {request}")
    return answer


class AskingStore:
    """The store as a process sees it."""

    url = "memory://schedules"

    def __init__(self, *, mapped: bool) -> None:
        self.mapped = mapped

    def get(self, name: str, max_bytes: int | None = None) -> memoryview:
        found: Stored = ask(Request("get", name))
        check_size(name, len(found.body), max_bytes)
        return memoryview(found.body)

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        check_ranges(name, ranges)
        body = self.get(name)
        return [body[start:stop] for start, stop in ranges]

    def create(self, name: str, data: Data) -> bool:
        return bool(ask(Request("create", name, bytes(data))))

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        yield from entries(ask(Request("list", prefix, (after, limit))))

    def delete(self, names: Sequence[str]) -> None:
        """Delete one object after the other: a process may die between two."""
        for name in names:
            ask(Request("delete", name))

    def size(self, name: str) -> int:
        return len(self.get(name))


class AskingEffects:
    """The effects of a process. Its random numbers are its own, and the same in every run."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._drawn = 0

    def now_ns(self) -> int:
        return int(ask(Request("now")))

    def steady_ns(self) -> int:
        return int(ask(Request("steady")))

    def random(self) -> int:
        self._drawn += 1
        drawn = blake2b(f"{self._seed} {self._drawn}".encode(), digest_size=8)
        return int.from_bytes(drawn.digest(), "little")

    def sleep(self, seconds: float) -> None:
        ask(Request("sleep", what=seconds))
