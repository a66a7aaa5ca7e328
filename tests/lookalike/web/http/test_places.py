"""Places for computing: callers get them in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from lookalike.web.http.places import Places
from tests.lookalike.web.virtual_time import run, settle


class Hall:
    """Callers that wish for a place, and keep it until the test says so."""

    def __init__(self, count: int) -> None:
        self.places = Places(count)
        self.served: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def wish(self, name: str) -> None:
        """`name` is a caller's letter and a number."""
        self._ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._work(name))

    async def _work(self, name: str) -> None:
        async with self.places.turn(name[0]):
            self.served.append(name)
            await self._ends[name].wait()

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await settle()


def test_callers_take_turns_however_many_wishes_one_of_them_has() -> None:
    async def scene() -> None:
        hall = Hall(1)
        for name in ("a1", "a2", "a3", "a4", "b1", "c1", "b2"):
            hall.wish(name)
        await settle()
        for number in range(7):
            await hall.end(hall.served[number])
        assert hall.served == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]
        assert (hall.places.working, hall.places.waiting) == (0, 0)

    run(scene())


def test_who_goes_away_while_waiting_is_not_waited_for() -> None:
    async def scene() -> None:
        hall = Hall(1)
        for name in ("a1", "b1", "c1"):
            hall.wish(name)
        await settle()
        hall.tasks["b1"].cancel()
        await settle()
        await hall.end("a1")
        assert hall.served == ["a1", "c1"]

    run(scene())


def test_a_place_that_comes_too_late_goes_to_the_next() -> None:
    async def scene() -> None:
        hall = Hall(1)
        for name in ("a1", "b1", "c1"):
            hall.wish(name)
        await settle()
        hall._ends["a1"].set()
        await hall.tasks["a1"]
        # the place is b1's already, which has not run since
        hall.tasks["b1"].cancel()
        await settle()
        assert hall.served in (["a1", "c1"], ["a1", "b1", "c1"])
        await hall.end("c1")
        assert (hall.places.working, hall.places.waiting) == (0, 0)

    run(scene())


@given(st.lists(st.tuples(st.sampled_from(["wish", "end", "cancel"]), st.integers(0, 20)), max_size=40))
def test_no_place_is_lost_and_none_is_made_up(events: Sequence[tuple[str, int]]) -> None:
    async def scene() -> None:
        hall = Hall(2)
        names: list[str] = []
        for event, number in events:
            if event == "wish":
                names.append(f"{'abc'[number % 3]}{len(names)}")
                hall.wish(names[-1])
            elif names:
                name = names[number % len(names)]
                if event == "end":
                    hall._ends[name].set()
                else:
                    hall.tasks[name].cancel()
            await settle()
            inside = [name for name in hall.served if not hall.tasks[name].done()]
            assert len(inside) == hall.places.working <= 2
            assert hall.places.working == 2 or hall.places.waiting == 0
        for task in hall.tasks.values():
            task.cancel()
        await asyncio.gather(*hall.tasks.values(), return_exceptions=True)
        assert (hall.places.working, hall.places.waiting) == (0, 0)

    run(scene())
