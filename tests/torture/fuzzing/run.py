"""Fuzzing as a part of `make torture`: each target for its share of the time, with coverage as the guide."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.torture.figures import Failure, Figures, Table
from tests.torture.fuzzing.targets import TARGETS, target

ROOT = Path(__file__).parents[3]

PYTHON = Path(sys.prefix) / "fuzz" / "bin" / "python"
"""That of the environment with Atheris, which `make torture` installs."""

SECONDS = 30
"""Time for one input, after which it counts as one that never ends: the slowest take a tenth of a second."""

MEMORY_MB = 3000
"""Limit of the process: the slowest picture takes 200 MB."""

EXECUTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
COVERED = re.compile(r"cov: (\d+) ft: (\d+)")


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """What came of fuzzing one target."""

    target: str
    inputs: int

    edges: int
    """Edges of our code that some input took."""

    kept: int
    """Inputs that took a way of their own."""

    failures: tuple[Failure, ...]


def run(minutes: float, seed: int) -> Figures:
    """Fuzz every target for the same time."""
    if (
        not PYTHON.exists()
        or subprocess.run([PYTHON, "-c", "import atheris"], check=False, capture_output=True).returncode
    ):
        return Figures({"inputs": 0}, [Failure(f"{PYTHON} has no Atheris: make .venv/fuzz/complete", "texts:")])
    seconds = max(int(60 * minutes / len(TARGETS)), 5)
    done = [fuzz(name, seconds, seed) for name in TARGETS]
    rows = [(one.target, f"{one.inputs:,}", f"{one.edges:,}", f"{one.kept:,}", str(len(one.failures))) for one in done]
    failures = [failure for one in done for failure in one.failures]
    counts = {"inputs": sum(one.inputs for one in done), "inputs that broke a promise": len(failures)}
    titles = ("target", "inputs", "branches of our code", "inputs with a way of their own", "broken promises")
    return Figures(counts, failures, [Table(titles, rows)])


def replay(text: str) -> Figures:
    """Give its target one input again, in this process: the target's name, a colon, the input as a failure says it."""
    name, _, packed = text.partition(":")
    target(name).check(zlib.decompress(base64.urlsafe_b64decode(packed)))
    return Figures({"inputs": 1})


def fuzz(name: str, seconds: int, seed: int) -> Fuzzed:
    """Fuzz one target for so many seconds, or until the first input that breaks a promise."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        corpus = place / "corpus"
        corpus.mkdir()
        fuzzed = target(name)
        seeds = fuzzed.seeds()
        for n, data in enumerate(seeds):
            (corpus / f"seed-{n:03}").write_bytes(data)
        (place / "tokens").write_text("".join(_quoted(token) for token in fuzzed.tokens), encoding="ascii")
        options = [
            f"-max_total_time={seconds}", f"-seed={seed % (1 << 32) or 1}", f"-timeout={SECONDS}",
            f"-max_len={fuzzed.longest}",
            f"-rss_limit_mb={MEMORY_MB}", f"-artifact_prefix={folder}/found-",
            *([f"-dict={folder}/tokens"] if fuzzed.tokens else ()), "-print_final_stats=1",
        ]  # fmt: skip
        done = subprocess.run(
            [PYTHON, "-m", "tests.torture.fuzzing.engine", name, *options, str(corpus)],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "HOME": folder, "TMPDIR": folder, "PYTHONHASHSEED": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        said = done.stdout + done.stderr
        failures = tuple(_failures(name, place))
        if done.returncode and not failures:
            failures = (Failure(f"{name}: the engine ended with {done.returncode}: {said[-2_000:]}", f"{name}:"),)
        inputs = max((int(found) for found in EXECUTED.findall(said)), default=0)
        edges = max((int(found[0]) for found in COVERED.findall(said)), default=0)
        return Fuzzed(name, inputs, edges, len(list(corpus.iterdir())) - len(seeds), failures)


def _failures(name: str, place: Path) -> Iterator[Failure]:
    for path in sorted(place.glob("found-*")):
        replay = f"{name}:{base64.urlsafe_b64encode(zlib.compress(path.read_bytes(), 9)).decode()}"
        kind = path.name.split("-")[1]
        yield Failure(f"{name}: {kind} with {path.stat().st_size:,} bytes: {_said_again(replay)}", replay)


def _said_again(replay: str) -> str:
    """Return the last lines of what an input leads to in a process without the engine."""
    again = [sys.executable, "-m", "tests.torture", "fuzzing", "--replay", replay]
    try:
        done = subprocess.run(
            again, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=2 * SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"it takes over {SECONDS} s"
    return f"exit {done.returncode}: {done.stderr.strip()[-700:]}"


def _quoted(token: bytes) -> str:
    """Return a line of libFuzzer's list of words."""
    escaped = "".join(f"\\x{byte:02x}" for byte in token)
    return f'"{escaped}"\n'
