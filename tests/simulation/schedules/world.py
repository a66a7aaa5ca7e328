"""A few processes, their store and their clocks as one value, and all that can happen next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from shards.errors import LookalikeError
from shards.storage.memory import MemoryStore
from shards.table.format import names
from shards.table.format.manifest import Manifest
from shards.table.format.settings import read as read_settings
from tests.simulation.model import Seen, ViolationError
from tests.simulation.scheduler import START_NS
from tests.simulation.schedules.facts import Acknowledged, Facts
from tests.simulation.schedules.objects import Contents, Pool, Stored
from tests.simulation.schedules.process import GONE, UNDECIDED, Answer, Node, Process, Program, Request

SECOND = 10**9

LONG = 60.0
"""Seconds from which on a wait takes time. Shorter ones, between two attempts, only let others go on."""

Kind: TypeAlias = Literal["go", "dies before", "dies after", "answer lost", "request lost", "time"]


@dataclass(frozen=True, slots=True)
class Step:
    """A step of time: of everybody's, the store's too, or of one clock that somebody sets."""

    seconds: float
    whose: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How often a schedule is unkind: pre-emptions, deaths and lost messages, steps of time."""

    preemptions: int = 3
    mishaps: int = 1
    steps: int = 1


@dataclass(frozen=True, slots=True)
class Setting:
    """How a schedule begins. `skews`: how far clocks are ahead, in seconds. `steps`: those that may happen."""

    objects: Sequence[Stored]
    facts: Facts
    programs: Mapping[str, Program]
    skews: Mapping[str, float] = field(default_factory=dict)
    steps: Sequence[Step] = ()
    limits: Limits = Limits()
    mapped: bool = True
    asks_for_time: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """Everything that what comes next depends on. `running` is None where anybody may go on at no cost.

    `elapsed`: seconds since the beginning; `set`: by how much each process's clock was set since, in seconds.
    """

    contents: Contents
    nodes: tuple[Node, ...]
    running: int | None
    limits: Limits
    elapsed: float
    set: tuple[float, ...]
    facts: Facts

    @property
    def key(self) -> tuple[object, ...]:
        """Return what is equal for equal states only. Facts are kept once, so the place of one stands for it."""
        return (self.contents, self.nodes, self.running, self.limits, self.elapsed, self.set, id(self.facts))


@dataclass(frozen=True, slots=True)
class Choice:
    """What happens next. `which`: the number of a process, or of a step of time."""

    kind: Kind
    which: int


class World:
    """The rules: what can happen in a state, and what comes of it."""

    def __init__(self, setting: Setting, look: Callable[[Contents], Sequence[Seen]]) -> None:
        """`look`: what a reader sees that has the store for itself. Raises LookalikeError."""
        self.setting = setting
        self.pool = Pool()
        self.processes = [
            Process(name, program, seed, mapped=setting.mapped, asks_for_time=setting.asks_for_time)
            for seed, (name, program) in enumerate(setting.programs.items(), 1)
        ]
        self._look = look
        self._seen: dict[Contents, Sequence[Seen]] = {}
        self._facts: dict[Facts, Facts] = {}
        self._after: dict[tuple[int, Node, Contents], Facts] = {}
        self._needed: dict[Stored, frozenset[str]] = {}
        self._folders: dict[Stored, str] = {}
        contents = self.pool.contents(self.pool.stored(one.name, one.body, one.modified) for one in setting.objects)
        self.dead = Node(None, None)
        nothing = tuple(0.0 for _ in self.processes)
        state = State(contents, (), None, setting.limits, 0.0, nothing, self._same(setting.facts))
        for number, process in enumerate(self.processes):
            before = State(
                contents, (*state.nodes, process.root), None, state.limits, state.elapsed, nothing, state.facts
            )
            state = self._settle(before, number)
        self.start = state

    def choices(self, state: State) -> list[Choice]:
        """Return what can happen: first what happens where nobody is unkind."""
        alive = [n for n, node in enumerate(state.nodes) if node.request is not None]
        limits, running = state.limits, state.running
        found = [Choice("go", n) for n in alive] if running is None else [Choice("go", running)]
        if running is not None and limits.preemptions:
            found += [Choice("go", n) for n in alive if n != running]
        acting = alive if running is None else [running]
        if limits.mishaps:
            for n in acting:
                request = state.nodes[n].request
                found.append(Choice("dies before", n))
                if request is not None and request.changes:
                    found += [Choice("dies after", n), Choice("answer lost", n), Choice("request lost", n)]
        if limits.steps and alive:
            found += [Choice("time", n) for n in range(len(self.setting.steps))]
        return found

    def after(self, state: State, choice: Choice) -> State:
        """Return the state after this. Raises ViolationError."""
        limits = state.limits
        if choice.kind == "time":
            return self._step(state, self.setting.steps[choice.which])
        n = choice.which
        if choice.kind != "go":
            limits = Limits(limits.preemptions, limits.mishaps - 1, limits.steps)
        elif state.running not in (None, n):
            limits = Limits(limits.preemptions - 1, limits.mishaps, limits.steps)
        request = state.nodes[n].request
        assert request is not None
        contents, answer = state.contents, None
        if choice.kind in ("go", "dies after", "answer lost"):
            contents, answer = self._do(contents, request, START_NS / SECOND + state.elapsed)
        if choice.kind in ("dies before", "dies after"):
            return self._at(state, n, self.dead, contents, limits, None)
        if choice.kind in ("answer lost", "request lost"):
            answer = UNDECIDED
        node = self.processes[n].after(state.nodes[n], answer)
        return self._settle(self._at(state, n, node, contents, limits, n), n)

    def check_end(self, state: State) -> None:
        """Check what is there when all have ended. Raises ViolationError."""
        state.facts.seeing(self.seen(state.contents))

    def seen(self, contents: Contents) -> Sequence[Seen]:
        """Return what a reader sees that has the store for itself. Raises ViolationError."""
        known = self._seen.get(contents)
        if known is None:
            try:
                known = self._look(contents)
            except LookalikeError as error:
                raise ViolationError(f"a reader gets {type(error).__name__}: {error}") from error
            self._seen[contents] = known
        return known

    def _at(self, state: State, n: int, node: Node, contents: Contents, limits: Limits, running: int | None) -> State:
        nodes = (*state.nodes[:n], node, *state.nodes[n + 1 :])
        return State(contents, nodes, running, limits, state.elapsed, state.set, state.facts)

    def _step(self, state: State, step: Step) -> State:
        limits = Limits(state.limits.preemptions, state.limits.mishaps, state.limits.steps - 1)
        elapsed, clocks = state.elapsed, state.set
        if step.whose is None:
            elapsed += step.seconds
        else:
            clocks = tuple(
                clock + step.seconds * (process.name == step.whose)
                for clock, process in zip(clocks, self.processes, strict=True)
            )
        return State(state.contents, state.nodes, state.running, limits, elapsed, clocks, state.facts)

    def _do(self, contents: Contents, request: Request, now: float) -> tuple[Contents, Answer]:
        """Return the store after a request, and its answer. Raises ViolationError."""
        name = request.name
        match request.verb:
            case "get":
                return contents, contents.by_name.get(name, GONE)
            case "list":
                return contents, contents.listed(name, *request.what)
            case "create":
                if name in contents.by_name:
                    return contents, False
                after = contents.created(name, request.what, now)
                manifests = self._folder(contents) + names.MANIFEST
                if name.startswith(manifests) and after.listed(manifests, limit=1)[0].name == name:
                    missing = self._needs(after) - after.by_name.keys()
                    if missing:
                        raise ViolationError(f"{name} is created, and {sorted(missing)} is not there, which it names")
                return after, True
            case "delete":
                if name in self._needs(contents):
                    raise ViolationError(f"{name} is deleted, and the newest manifest names it")
                return contents.deleted(name), None
            case "replace":
                return self.pool.contents(self.pool.stored(o.name, o.body, o.modified) for o in request.what), None
            case _:
                return contents, None

    def _needs(self, contents: Contents) -> frozenset[str]:
        """Return the objects that the newest manifest names."""
        folder = self._folder(contents)
        for newest in contents.listed(folder + names.MANIFEST, limit=1):
            needed = self._needed.get(newest)
            if needed is None:
                manifest = Manifest.from_bytes(newest.body, newest.name.removeprefix(folder))
                needed = self._needed[newest] = frozenset(
                    folder + name
                    for segment in manifest
                    for name in (segment.name, segment.dead_object)
                    if name is not None
                )
            return needed
        return frozenset()

    def _folder(self, contents: Contents) -> str:
        """Return what the names of all objects of the index that is here now begin with."""
        settings = contents.by_name.get(names.SETTINGS)
        if settings is None:
            return ""
        folder = self._folders.get(settings)
        if folder is None:
            store = MemoryStore()
            store.create(settings.name, settings.body)
            stored = read_settings(store)
            folder = self._folders[settings] = f"{stored.id}/" if stored.id else ""
        return folder

    def _settle(self, state: State, n: int) -> State:
        """Go on with a process until it asks for what others can tell."""
        node, running, elapsed, facts = state.nodes[n], state.running, state.elapsed, state.facts
        process = self.processes[n]
        while node.request is not None and (node.request.is_local or node.request.verb == "sleep"):
            answer: Answer = None
            if node.request.verb == "now":
                ahead = self.setting.skews.get(process.name, 0.0) + state.set[n]
                answer = START_NS + int((elapsed + ahead) * SECOND)
            elif node.request.verb == "steady":
                answer = START_NS + int(elapsed * SECOND)
            elif node.request.verb == "sleep":
                running = None  # who waits lets others go on
                elapsed += node.request.what if node.request.what >= LONG else 0.0
            else:
                facts = self._told(facts, node, process.name, state.contents)
                elapsed += isinstance(node.request.what, Acknowledged)  # so that what comes next comes later
            node = process.after(node, answer)
        if node.request is None:
            running = None
            if node.error is not None:
                raise ViolationError(f"{process.name} gets {type(node.error).__name__}: {node.error}") from node.error
        nodes = (*state.nodes[:n], node, *state.nodes[n + 1 :])
        return State(state.contents, nodes, running, state.limits, elapsed, state.set, facts)

    def _told(self, facts: Facts, node: Node, name: str, contents: Contents) -> Facts:
        key = (id(facts), node, contents)
        after = self._after.get(key)
        if after is None:
            assert node.request is not None
            after = facts.after(name, node.request.what)
            if isinstance(node.request.what, Acknowledged):
                after = after.seeing(self.seen(contents))
            after = self._after[key] = self._same(after)
        return after

    def _same(self, facts: Facts) -> Facts:
        """Return the one of all equal facts that is kept, so that equal states are found by their parts."""
        return self._facts.setdefault(facts, facts)


def describe(choice: Choice, state: State, world: World) -> str:
    """Return a step of a schedule in words."""
    if choice.kind == "time":
        step = world.setting.steps[choice.which]
        return f"{step.whose or 'everybody'}'s clock goes on by {step.seconds / 3600:g} h"
    process, request = world.processes[choice.which].name, state.nodes[choice.which].request
    return f"{process:12} {'' if choice.kind == 'go' else choice.kind + ': '}{request}"
