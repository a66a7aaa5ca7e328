"""`lookalike serve` under load: 16 clients add small pictures and look for others, by picture and by hash."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.clients import FAMILY, KINDS, LEAST, PATIENCE, Sample, Tally, load, missing, samples
from benchmarks.measure import Result, human
from benchmarks.signatures import MODELLED, perturbed
from lookalike import Index, Records, Signature

COUNT = 100_000
BATCH = 10_000

CLIENTS = 16
SECONDS = 60.0

ALONE = 300
"""Requests of a single client, for the baseline."""

ADDS = 150
"""Pictures that all clients together can add in a second: more than two processors can compute signatures of."""


def run(count: int = COUNT, *, seconds: float = SECONDS) -> list[Result]:
    """Measure queries and adds, beside a single client in the same run, and the time that HTTP adds to a search."""
    pool = samples(ALONE + max(int(ADDS * seconds), CLIENTS * LEAST), seed=1)
    alone_pool, crowd_pool = pool[:ALONE], pool[ALONE:]
    with tempfile.TemporaryDirectory() as folder:
        url = str(Path(folder) / "index")
        fill(url, count)
        with _served(url) as (address, stop):
            alone = load(address, 1, seconds, alone_pool, folder="alone", requests=ALONE)
            asked = _in_process(url, alone_pool)
            crowd = load(address, CLIENTS, seconds, crowd_pool, folder="crowd")
            lost = missing(address, crowd.added)
            status = stop()
        report = Index.open(url).verify()
    errors = [*alone.errors, *crowd.errors, *([f"exit code {status}"] if status else [])]
    for problem in [*errors[:5], *(f"lost: {key}" for key in lost[:5]), *report.problems[:5]]:
        print(problem, file=sys.stderr)
    if not all(tally.seconds[kind] for tally in (alone, crowd) for kind in KINDS):
        raise RuntimeError("there are no answers to measure: the errors above say why")
    return [
        _queries(alone, crowd, count),
        Result(
            f"add a picture, {CLIENTS} clients at once",
            statistics.median(crowd.seconds["add"]),
            "one client alone",
            statistics.median(alone.seconds["add"]),
            f"{len(crowd.seconds['add']) / crowd.lasted:.1f} adds/s, p99 {human(_p99(sorted(crowd.seconds['add'])))}; "
            f"{crowd.put_off} put off; {len(errors)} errors; {len(lost)} of {len(crowd.added):,} added are lost; "
            f"index {'sound' if report.is_clean else 'damaged'}",
            "no error, nothing lost, index sound",
            not errors and not lost and report.is_clean,
            rows=count,
        ),
        Result(
            "search by hash over HTTP, one client",
            statistics.median(alone.seconds["hash"]),
            "Index.search in this process",
            asked,
            "",
            rows=count,
        ),
    ]


def _queries(alone: Tally, crowd: Tally, count: int) -> Result:
    times, before = crowd.queries(), alone.queries()
    return Result(
        f"query, {CLIENTS} clients at once, by picture and by hash",
        statistics.median(times),
        "one client alone",
        statistics.median(before),
        f"p99 {human(_p99(times))}, alone {human(_p99(before))}; {len(times) / crowd.lasted:.0f} queries/s",
        rows=count,
    )


def _p99(times: Sequence[float]) -> float:
    """Return the 99th percentile of sorted times."""
    return times[len(times) * 99 // 100]


def fill(url: str, count: int) -> None:
    """Create an index of this many images, as an import would leave it."""
    index = Index.create(url, families=list(MODELLED))
    for start in range(0, count, BATCH):
        some = min(BATCH, count - start)
        index.write_bulk(
            Records.build(
                keys=[f"images/{n:07}.jpg" for n in range(start, start + some)],
                order=np.array([index.next_order() for _ in range(some)], np.uint64),
                rows={name: perturbed(name, some, seed=start) for name in MODELLED},
            )
        )
    index.compact(everything=True)


@contextmanager
def _served(url: str) -> Iterator[tuple[str, Callable[[], int]]]:
    """Serve an index. Yields its address, and a function that stops the server and returns its exit code."""
    command = [str(Path(sys.executable).with_name("lookalike")), "serve", url, "--port", "0", "--json"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def stop() -> int:
        server.terminate()
        return server.wait(PATIENCE)

    try:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())["url"], stop
    finally:
        if server.poll() is None:
            server.kill()
        server.communicate()


def _in_process(url: str, pool: Sequence[Sample]) -> float:
    """Return the median seconds of the same searches by hash, without HTTP."""
    index = Index.open(url)
    times = []
    for sample in pool:
        start = time.perf_counter()
        index.search(Signature(sample.hash), family=FAMILY)
        times.append(time.perf_counter() - start)
    return statistics.median(times)
