"""The limit of open files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lookalike import Index
from shards.families import family
from shards.table.format.records import Records

SEGMENTS = 400
FEW = 256

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({few}, {hard}))
{then}
"""

RAISED = """
from lookalike.cli.descriptors import raise_limit
raise_limit()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""

FOLDED = """
from lookalike import Index
from tests.lookalike.cli.test_descriptors import records
index = Index.create(sys.argv[1], families=["dhash"], shards={segments})
index.write_bulk(records(range(3 * {segments})))
index.compact(everything=True)
assert index.verify().is_clean
print(index.count())
"""

USED = """
import numpy as np
from lookalike import Index, Key
from tests.lookalike.cli.test_descriptors import records
index = Index.open(sys.argv[1])
keys = [image.key for image in index.list()]
assert len(keys) == {segments}, len(keys)
assert index.has(keys) == set(keys)
assert len(index.search(Key("00007"), limit=5, max_distance=64).hits) == 5
index.write_bulk(records(range(0, {segments}, 7)))
assert index.count() == {segments}
assert index.verify().is_clean
print(len(keys))
"""


def records(numbers: range) -> Records:
    """A record of 100 KB a number: each segment is large enough to be mapped."""
    rows = np.zeros(len(numbers), family("dhash").dtype)
    rows["hash"][:, 0] = numbers
    orders = np.array([(1_800_000_000_000_000_000 + n, n) for n in numbers], np.uint64)
    meta = [b'{"meta":{"text":"%s"}}' % (b"x" * 100_000)] * len(numbers)
    return Records.build(keys=[f"{n:05}" for n in numbers], order=orders, rows={"dhash": rows}, meta=meta)


def run(hard: int, then: str, *arguments: Path) -> str:
    code = LIMITED.format(few=FEW, hard=hard, then=then.format(segments=SEGMENTS) if "{segments}" in then else then)
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}  # noqa: PTH109
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_command_raises_its_limit_as_far_as_it_may() -> None:
    assert run(1000, RAISED) == "1000"
    assert run(FEW, RAISED) == str(FEW)


@pytest.mark.long
def test_hundreds_of_segments_work_with_few_descriptors(tmp_path: Path) -> None:
    index = Index.create(str(tmp_path / "index"), families=["dhash"])
    for n in range(SEGMENTS):
        index.write_bulk(records(range(n, n + 1)))
    assert index.stats().segments == SEGMENTS
    assert run(FEW, USED, tmp_path / "index") == str(SEGMENTS)


@pytest.mark.long
def test_hundreds_of_shards_are_written_with_few_descriptors(tmp_path: Path) -> None:
    assert run(FEW, FOLDED, tmp_path / "index") == str(3 * SEGMENTS)
