"""Confinement: code that has taken over a process can compute, answer, and nothing else."""

from __future__ import annotations

import ctypes
import json
import os
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lookalike.signatures import confinement
from lookalike.signatures.confinement import LANDLOCK, LIMITS, SECCOMP
from lookalike.signatures.pool import Pool
from lookalike.signatures.worker import Task, WorkerSettings
from shards.errors import PictureError
from shards.table.format.settings import IndexSettings
from tests.lookalike.cli.drawing import png
from tests.lookalike.signatures.attacks import ATTEMPTS, HARMLESS
from tests.patience import PATIENCE

LINUX = sys.platform == "linux"
CONFINED = f"""
import _socket, ctypes, json, os, resource, sys
from lookalike.signatures import confinement
without, parent, secret = json.loads(sys.argv[1])
for layer in without:
    setattr(confinement, "_" + layer, lambda libc, **options: False)
layers = sorted(confinement.confine(200 << 20, 100))
{ATTEMPTS}
print(json.dumps([layers, attempts]))
"""


class TakenOver(bytes):
    """A picture that has the process which receives it run an attacker's code, and answer with what it found."""

    code: str

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (self.code, {"__builtins__": __builtins__})


def taken_over(secret: Path) -> Task:
    """Return the task whose picture takes the process over."""
    picture = TakenOver(png(1))
    picture.code = (
        f"parent, secret = {os.getpid()}, {str(secret)!r}\n{ATTEMPTS}\n"
        "os.write(2, b'what a library says of a picture')\n"
        "said = b'Eprobe\\0' + json.dumps(attempts).encode()\n"
        "os.write(int(sys.argv[1]), len(said).to_bytes(4, 'big') + said)\n"
        "os._exit(0)"
    )
    return Task(picture)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("nobody's business")
    return path


def confined(secret: Path, without: tuple[str, ...] = ()) -> tuple[set[str], Mapping[str, str]]:
    """Return the layers that hold in a process of its own, and what came of each attempt there."""
    command = [sys.executable, "-c", CONFINED, json.dumps([without, os.getpid(), str(secret)])]
    done = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE)
    layers, attempts = json.loads(done.stdout)
    return set(layers), attempts


def succeeded(attempts: Mapping[str, str]) -> set[str]:
    return {name for name in HARMLESS if attempts[name].startswith("done")}


def test_a_worker_that_was_taken_over_can_only_answer(
    secret: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LOOKALIKE_TOKENS", "DATABASE_URL"):
        monkeypatch.setenv(name, "nobody's business")
    with Pool(WorkerSettings.of(IndexSettings(("dhash",))), 1, PATIENCE) as pool:
        pool.compute(png(1))
        with pytest.raises(PictureError) as caught:
            pool.submit(taken_over(secret)).result()
        assert caught.value.reason == "probe"
        attempts = json.loads(str(caught.value))
        assert attempts["own secrets"] == "done: []"
        if confined(secret)[0] == {LIMITS, LANDLOCK, SECCOMP}:
            assert succeeded(attempts) == set()
        assert secret.read_text() == "nobody's business"
        assert not secret.with_name("secret.written").exists()
        assert capfd.readouterr() == ("", ""), "nor is it heard"
        # and the next picture has a process of its own
        assert pool.compute(png(2)).width == 24


@pytest.mark.skipif(not LINUX, reason="the layers are Linux's")
@pytest.mark.parametrize(
    ("without", "left"),
    [
        ((), set[str]()),
        # Landlock alone lets what needs no file: it forks, and root raises limits
        (("seccomp",), {"fork", "raise a limit"}),
        (("landlock",), set[str]()),
        # a path that exists can be deleted without being opened
        (("landlock", "seccomp"), {"fork", "raise a limit", "delete a file", "run a program", "signal the parent"}),
    ],
)
def test_each_layer_holds_without_the_others(secret: Path, without: tuple[str, ...], left: set[str]) -> None:
    layers, attempts = confined(secret, without)
    if layers | set(without) != {LIMITS, LANDLOCK, SECCOMP}:
        pytest.skip(f"this system has only {', '.join(sorted(layers))}")
    assert succeeded(attempts) <= left


def test_a_filter_lets_its_own_process_abort_and_no_other_be_signalled() -> None:
    code = (
        "import os\n"
        "from lookalike.signatures.confinement import confine\n"
        "confine(200 << 20, 100)\n"
        "try:\n"
        "    os.kill(int(os.environ['VICTIM']), 15)\n"
        "except OSError:\n"
        "    os.abort()\n"
    )
    victim = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        environment = {**os.environ, "VICTIM": str(victim.pid)}
        done = subprocess.run([sys.executable, "-c", code], check=False, timeout=PATIENCE, env=environment)
        if LINUX:
            assert done.returncode == -6
            assert victim.poll() is None
    finally:
        victim.communicate(timeout=PATIENCE)


def test_processor_time_is_bounded() -> None:
    code = "from lookalike.signatures.confinement import confine\nconfine(200 << 20, 0)\nwhile True: pass"
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=PATIENCE)
    assert done.returncode in (-9, -24)


@pytest.mark.parametrize(("threads", "said"), [(True, "a thread, no process"), (False, "nothing")])
def test_threads_are_for_decoders_that_need_them_and_processes_for_nobody(threads: bool, said: str) -> None:
    code = (
        "import os, threading\n"
        "from lookalike.signatures.confinement import SECCOMP, confine\n"
        f"if SECCOMP not in confine(200 << 20, 100, threads={threads}):\n"
        "    print('no filter')\n"
        "    raise SystemExit\n"
        "try:\n"
        "    thread = threading.Thread(target=print, args=('a thread',), kwargs={'end': ''})\n"
        "    thread.start()\n"
        "    thread.join()\n"
        "except RuntimeError:\n"
        "    print('nothing')\n"
        "    raise SystemExit\n"
        "try:\n"
        "    os.fork()\n"
        "except OSError:\n"
        "    print(', no process')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=PATIENCE)
    assert done.stdout.decode() in (f"{said}\n", "no filter\n")


@pytest.mark.parametrize("threads", [False, True])
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_is_a_program_that_the_kernel_would_take(machine: str, threads: bool) -> None:
    program = confinement._program(machine, threads=threads)
    lines = [struct.unpack_from("=HBBI", program, start) for start in range(0, len(program), 8)]
    assert len(lines) < 4096
    for number, (code, then, otherwise, _) in enumerate(lines):
        if code in (0x15, 0x45):
            assert number + 1 + max(then, otherwise) < len(lines)
    assert lines[-1][0] == 0x06
    # every number once: the columns are not mixed up
    column = list(confinement.AUDIT_ARCH).index(machine)
    numbers = [pair[column] for pair in [*confinement.ALLOWED.values(), *confinement.OWN_SIGNALS.values()]]
    assert len(set(numbers)) == len(numbers)


def test_a_system_without_it_is_told_of_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with Pool(WorkerSettings.of(IndexSettings(("dhash",))), 1, PATIENCE) as pool:
        told = pool._lanes[0].crew
        for layers in ([LANDLOCK, LIMITS], [LIMITS, SECCOMP]):
            told._tell(layers)
        assert caplog.messages == []
        for _ in range(2):
            told._tell([LIMITS])
    assert len(caplog.messages) == 1
    assert "limits of resources alone" in caplog.text


def test_a_system_that_has_no_landlock_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        """The C library on an older kernel: every call fails."""

        class syscall:  # noqa: N801 - C's name
            restype: Any = None

            def __new__(cls, *given: object) -> Any:
                return -1

        @staticmethod
        def prctl(*given: object) -> int:
            return -1

    old: Any = Old
    assert not confinement._landlock(old)
    assert not confinement._seccomp(old)
    monkeypatch.setattr(confinement.platform, "machine", lambda: "riscv64")
    assert not confinement._seccomp(ctypes.CDLL(None))
