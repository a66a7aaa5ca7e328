"""The memory that pictures may have together."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

import pytest

from lookalike.signatures import memory
from lookalike.signatures.memory import MemoryBudget
from tests.patience import PATIENCE


def test_who_needs_more_than_there_is_gets_all_of_it() -> None:
    budget = MemoryBudget(100)
    with budget.lent(1000) as size:
        assert size == 100


def test_who_does_not_fit_waits_and_nobody_passes() -> None:
    budget, order = MemoryBudget(100), list[str]()
    release = {name: Event() for name in ("first", "large", "small")}
    begun = {name: Event() for name in release}

    def work(name: str, size: int) -> None:
        with budget.lent(size):
            order.append(name)
            begun[name].set()
            assert release[name].wait(PATIENCE)

    threads = []
    for number, (name, size) in enumerate([("first", 60), ("large", 80), ("small", 10)]):
        threads.append(Thread(target=work, args=(name, size)))
        threads[-1].start()
        if name == "first":
            assert begun["first"].wait(PATIENCE)
        with budget._changed:
            assert budget._changed.wait_for(lambda n=number: len(budget._waiting) >= n, 0) or True  # type: ignore[misc]
        while len(budget._waiting) < number:
            pass
    assert order == ["first"]
    release["first"].set()
    assert begun["large"].wait(PATIENCE)
    assert begun["small"].wait(PATIENCE)
    for event in release.values():
        event.set()
    for thread in threads:
        thread.join()
    assert order == ["first", "large", "small"]


def test_a_container_has_less_than_its_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = tmp_path / "memory.max", tmp_path / "none"
    monkeypatch.setattr(memory, "CONTAINER_LIMITS", paths)
    paths[0].write_text("max\n")
    machine = memory.for_pictures()
    paths[0].write_text(f"{100 << 20}\n")
    assert memory.for_pictures() == 50 << 20 < machine
