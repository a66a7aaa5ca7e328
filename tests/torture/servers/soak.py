"""A service that works for a long time: its memory and its open files stay as they are."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import numpy as np

from lookalike import Index
from tests.lookalike.cli.drawing import png

ROOT = Path(__file__).parents[3]

KEYS = 150
"""Images that are added, replaced and removed again and again: the index itself does not grow."""

SAMPLES = 60
"""How often memory and files are looked at, over the whole time."""

FEWEST = 5
"""Samples through which a line says anything."""

LONG_ENOUGH = 60.0
"""Seconds that suffice for them on the busiest machine."""

WARMING = 1 / 3
"""The share of the time after which everything has been done many times, and nothing should grow any more."""

GROWTH = 0.10
"""The share of its memory by which the service may grow after that: what the allocators of libraries do."""

GROWTH_BYTES = 24 << 20
"""The same for a short time, in which one collection more or less is more than a share."""

GROWTH_FILES = 10

PAUSE = 0.01
"""Seconds between two requests."""


@dataclass
class Soaked:
    """What a soak did and found."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    figures: Mapping[str, str] = field(default_factory=dict)


def soak(folder: Path, seconds: float, seed: int) -> Soaked:
    """Send requests of every kind to `lookalike serve` for so long."""
    address = folder / "index"
    Index.create(str(address), families=["dhash", "phash"])
    with (folder / "service.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lookalike", "serve", str(address), "--port", "0", "--json", "--jobs", "1"],
            cwd=ROOT,
            env={**os.environ, "HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            return Soaked(failures=[f"the service did not start: {(folder / 'service.txt').read_text()[-500:]}"])
        soaked = _ask_for(seconds, json.loads(line)["url"], process.pid, Random(seed))
        said = (folder / "service.txt").read_text(errors="replace")
        if "Traceback" in said:
            soaked.failures.append(f"the service's log has an error that nobody caught: {said[-1_500:]}")
        report = Index.open(str(address)).verify()
        if not report.is_clean:
            soaked.failures.append(f"verify after the soak: {[str(one) for one in report.problems][:3]}")
        return soaked
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _ask_for(seconds: float, url: str, pid: int, random: Random) -> Soaked:
    soaked = Soaked()
    address = urlsplit(url)
    pictures = [png(n) for n in range(40)]
    samples: list[tuple[float, int, int]] = []
    begun = time.monotonic()
    while (now := time.monotonic() - begun) < seconds:
        if now >= seconds * len(samples) / SAMPLES:
            samples.append((now, *_taken(pid)))
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=120)
        try:
            for method, path, body in _requests(random, pictures):
                connection.request(method, path, body, {"Content-Type": "image/png"} if body else {})
                answer = connection.getresponse()
                said = answer.read()
                soaked.counts["requests"] += 1
                if answer.status >= 500:
                    soaked.failures.append(f"{method} {path}: {answer.status} {said[:300]!r}")
        except OSError as error:
            soaked.failures.append(f"no answer: {error!r}")
        finally:
            connection.close()
        if len(soaked.failures) > 5:
            break
        time.sleep(PAUSE)
    failures, soaked.figures = growth(samples, seconds)
    soaked.failures += failures
    return soaked


def _requests(random: Random, pictures: Sequence[bytes]) -> list[tuple[str, str, bytes | None]]:
    key = f"/v1/images/{random.randrange(KEYS)}"
    return [
        ("PUT", key, random.choice(pictures)),
        ("POST", f"/v1/search?family={random.choice(('dhash', 'phash'))}&limit=5", random.choice(pictures)),
        ("GET", key, None),
        ("GET", f"{key}/thumbnail", None),
        ("GET", "/v1/images?limit=20", None),
        *([("DELETE", key, None)] if random.random() < 0.3 else []),
        *([("GET", "/v1/duplicates?family=dhash", None)] if random.random() < 0.05 else []),
        *([("PUT", key, b"no picture")] if random.random() < 0.1 else []),
    ]


def _taken(pid: int) -> tuple[int, int]:
    """Return the memory in bytes, and the open files, of a process and those it has started."""
    memory = files = 0
    for one in [pid, *_children(pid)]:
        try:
            pages = int(Path(f"/proc/{one}/statm").read_text(encoding="ascii").split()[1])
            memory += pages * os.sysconf("SC_PAGE_SIZE")
            files += len(list(Path(f"/proc/{one}/fd").iterdir()))
        except OSError:
            continue  # it has ended meanwhile
    return memory, files


def _children(pid: int) -> list[int]:
    try:
        mine = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [each for child in map(int, mine) for each in (child, *_children(child))]


def growth(samples: Sequence[tuple[float, int, int]], wanted: float) -> tuple[list[str], Mapping[str, str]]:
    """Return what grew too much, and the figures: by the line through the samples after the warming.

    `wanted`: seconds that the soak was to take. Where that is little, there may be no figures, and nothing failed.
    """
    warm = np.array(samples[int(len(samples) * WARMING) :], np.float64)
    if len(warm) < FEWEST:
        is_slow = wanted >= LONG_ENOUGH
        return [
            f"{len(samples)} rounds of requests in {wanted:.0f} s: the service hardly answers"
        ] if is_slow else [], {}
    seconds = warm[-1, 0] - warm[0, 0]
    memory, files = (np.polyfit(warm[:, 0], warm[:, n], 1)[0] * seconds for n in (1, 2))
    mean = warm[:, 1].mean()
    failures = []
    if memory > max(GROWTH * mean, GROWTH_BYTES):
        failures.append(f"memory grew by {memory / 1e6:.1f} MB in {seconds:.0f} s, from {warm[0, 1] / 1e6:.0f} MB")
    if files > GROWTH_FILES:
        failures.append(f"open files grew by {files:.0f} in {seconds:.0f} s, from {warm[0, 2]:.0f}")
    return failures, {
        "seconds": f"{seconds:,.0f}",
        "memory": f"{mean / 1e6:,.0f} MB",
        "growth of memory": f"{memory / 1e6:+.1f} MB",
        "open files": f"{warm[:, 2].mean():,.0f}",
        "growth of open files": f"{files:+.1f}",
    }
