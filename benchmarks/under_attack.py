"""A good client of a service while somebody attacks it, beside the same client before."""

from __future__ import annotations

import http.client
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.attacks import ATTACKS, LARGE, LARGE_BYTES
from benchmarks.clients import FAMILY, PATIENCE, Sample, samples
from benchmarks.measure import Result, human
from benchmarks.service import fill
from lookalike import Index

COUNT = 10_000

SECONDS = 10.0
"""Time for each attack, and for the same client before it."""

WARM_UP = 5.0
"""Seconds of questions that do not count."""

PAUSE = 0.05
"""Seconds between an answer and the next question of a good client, which has other things to do as well."""

MOST = 5
"""The target: the ratio of the 99th percentiles, during and before."""

LIMIT = 30.0
"""Seconds after which an answer is not waited for any more."""

DESCRIPTORS = 1024
"""The soft limit of the server's descriptors, as it is on most systems."""

ELSEWHERE = "127.0.0.2"
"""Another address of this machine, so that the good client is not counted together with the attacker."""


@dataclass(slots=True)
class Seen:
    """What a good client saw: seconds of each answer, and what was no answer."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def p99(self) -> float:
        """The 99th percentile; what was no answer has taken LIMIT."""
        times = sorted([*self.seconds, *[LIMIT] * len(self.errors)])
        return times[len(times) * 99 // 100]


def run(count: int = COUNT, *, seconds: float = SECONDS) -> Iterator[Result]:
    """Measure searches by picture and by hash under each attack, one after the other."""
    pool = samples(50, seed=3)
    with tempfile.TemporaryDirectory() as folder:
        url = str(Path(folder) / "index")
        fill(url, count)
        _add_large(url, Path(folder))
        for name in ATTACKS:
            yield _attacked(name, url, pool, seconds, count)


def _attacked(name: str, url: str, pool: Sequence[Sample], seconds: float, count: int) -> Result:
    with _served(url) as (server, address):
        # the processes that decode start with the first pictures
        ask(address, pool, WARM_UP, ELSEWHERE)
        before = ask(address, pool, seconds, ELSEWHERE)
        memory = _memory(server.pid)
        host, port = address
        command = [sys.executable, "-m", "benchmarks.attacks", name, host, str(port), str(seconds + 3)]
        attack = subprocess.Popen(command)
        try:
            time.sleep(2)
            with ThreadPoolExecutor(2) as threads:
                elsewhere = threads.submit(ask, address, pool, seconds, ELSEWHERE)
                here = threads.submit(ask, address, pool, seconds, host)
                during, beside = elsewhere.result(), here.result()
            memory = _memory(server.pid) - memory
        finally:
            attack.wait(PATIENCE)
        health = _health(address)
    about = ATTACKS[name][0]
    for error in [*during.errors[:3], *beside.errors[:3]]:
        print(f"{about}: {error}", file=sys.stderr)
    return Result(
        f"a search while there are {about}",
        during.p99,
        "before",
        before.p99,
        f"median {human(statistics.median(during.seconds or [LIMIT]))}, before "
        f"{human(statistics.median(before.seconds))}; {len(during.errors)} of "
        f"{len(during.seconds) + len(during.errors)} not answered; a client at the attacker's own address: p99 "
        f"{human(beside.p99)}, {len(beside.errors)} not answered; {memory / 1e6:+.0f} MB; {health} afterwards",
        f"p99 at most {MOST} times",
        during.p99 <= MOST * before.p99,
        rows=count,
    )


def ask(address: tuple[str, int], pool: Sequence[Sample], seconds: float, source: str) -> Seen:
    """Search by picture and by hash in turn, from this address; a refusal with Retry-After is followed."""
    seen = Seen()
    until = time.perf_counter() + seconds
    connection = _connection(address, source)
    number = 0
    while time.perf_counter() < until:
        sample = pool[number % len(pool)]
        number += 1
        began = time.perf_counter()
        error = "no answer"
        while time.perf_counter() - began < LIMIT:
            try:
                error = _one(connection, sample, by_picture=number % 2 == 0)
            except (OSError, http.client.HTTPException) as failure:
                error = repr(failure)
                connection.close()
                connection = _connection(address, source)
            if not error:
                seen.seconds.append(time.perf_counter() - began)
                break
            time.sleep(PAUSE)
        else:
            seen.errors.append(error)
        time.sleep(PAUSE)
    connection.close()
    return seen


def _connection(address: tuple[str, int], source: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(*address, timeout=LIMIT, source_address=(source, 0))


def _one(connection: http.client.HTTPConnection, sample: Sample, *, by_picture: bool) -> str:
    """Ask one question. Returns what is wrong with the answer, or nothing."""
    if by_picture:
        connection.request("POST", f"/v1/search?family={FAMILY}", sample.data, {"Content-Type": "image/jpeg"})
    else:
        body = json.dumps({"signature": sample.hash, "family": FAMILY})
        connection.request("POST", "/v1/search", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status == 200:
        return ""
    time.sleep(float(answer.getheader("Retry-After") or 0))
    return f"{answer.status} {text[:200]!r}"


def _health(address: tuple[str, int]) -> str:
    connection = _connection(address, ELSEWHERE)
    try:
        connection.request("GET", "/healthz")
        return "alive" if connection.getresponse().status == 200 else "ill"
    except (OSError, http.client.HTTPException):
        return "dead"
    finally:
        connection.close()


def _add_large(url: str, folder: Path) -> None:
    """Add an image whose file is as large as those that cameras make."""
    side = int((LARGE_BYTES / 3) ** 0.5)
    data = b"P6 %d %d 255\n" % (side, side) + bytes(3 * side * side)
    path = folder / LARGE
    path.write_bytes(data)
    Index.open(url).add(LARGE, data, source={"path": str(path)})


def _memory(pid: int) -> int:
    """Return the memory of a process in bytes; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


@contextmanager
def _served(url: str) -> Iterator[tuple[subprocess.Popen[str], tuple[str, int]]]:
    """Serve an index. Yields the process and the address."""
    command = [sys.executable, "-m", "benchmarks.attacked", url, str(Path(url).parent)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=_few_descriptors)
    try:
        assert server.stdout is not None
        parts = urlsplit(server.stdout.readline().strip())
        assert parts.hostname is not None
        assert parts.port is not None
        yield server, (parts.hostname, parts.port)
        server.terminate()
        server.wait(PATIENCE)
    finally:
        if server.poll() is None:
            server.kill()
        server.communicate()


def _few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
