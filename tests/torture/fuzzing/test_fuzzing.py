"""Whatever strangers send: errors of ours, or a whole result. A few inputs here, millions by `make torture`."""

from __future__ import annotations

import warnings
from random import Random

import pytest

from tests.tiers import scaled
from tests.torture.fuzzing.target import plainly
from tests.torture.fuzzing.targets import TARGETS, target

INPUTS = {
    "pictures": 6, "texts": 1_000, "documents": 3, "logs": 10, "segments": 1, "dead": 2, "thumbnails": 4, "events": 300,
    "requests": 15,
}  # fmt: skip
"""As many as take a fifth of a second."""

SEEDS = 8


# a form that ends within a file: Starlette leaves the closing to the garbage collector
@pytest.mark.filterwarnings("ignore:Unclosed file <tempfile.SpooledTemporaryFile:ResourceWarning")
@pytest.mark.scaled
@pytest.mark.parametrize("name", TARGETS)
def test_valid_inputs_and_what_resembles_them_break_no_promise(name: str) -> None:
    fuzzed = target(name)
    seeds = fuzzed.seeds()
    assert seeds
    random = Random(f"{name} once")
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        for data in random.sample(list(seeds), min(scaled(SEEDS), len(seeds))):
            fuzzed.check(data)
        for _ in range(scaled(INPUTS[name])):
            data = fuzzed.mutate(random.choice(seeds), plainly(random), random)[: fuzzed.longest]
            try:
                fuzzed.check(data)
            except Exception as error:
                error.add_note(f"given {data!r}")
                raise
