"""Processes of our own, each at the other end of a private socket: how they start, and how they end."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from typing import Any

LAST_SECONDS = 30.0
"""A process whose socket is closed ends at once, or when the system has written down its memory; its exit status says
why. One that an attacker's code runs need not end."""

PASSED_ON = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH")
PASSED_ON_FROM = ("LC_", "PYTHON", "MALLOC_", "OMP_", "OPENBLAS_", "MKL_")
"""Variables, and beginnings of variables, that every process gets. They say where libraries are and how these work; a
list of what may be passed on, since nobody knows all names that secrets have."""


def processors() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def used_memory(pid: int | str = "self") -> int | None:
    """Return the bytes of a process's address space, as its limit counts them; None where the system does not say."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123 - for each large picture
            return int(file.read(64).split()[0]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return None


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process, given our own: it has no secrets.

    A process is one thread on one processor, since there are as many of them as processors.
    """
    passed_on = {
        name: value for name, value in variables.items() if name in PASSED_ON or name.startswith(PASSED_ON_FROM)
    }
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109
    return {**threads, **passed_on, "PYTHONPATH": path}


class Process:
    """`python -m MODULE FD`, where FD is its end of a socket; it ends when ours is closed, or when we do.

    What it prints on stderr is ours, until it is confined; it has no stdin and no stdout.
    """

    is_ready = False
    """Whether it has said that it can begin."""

    seconds = 0.0
    """Seconds that it has been at work. Set by whoever gives it work."""

    _memory: int | None = None
    """Bytes of memory that it had when it began."""

    def __init__(self, module: str) -> None:
        self.connection: Connection
        self.connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-P", "-m", module, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment(os.environ),
                # a group of its own: Ctrl-C in the terminal is for the command alone
                process_group=0,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def send(self, message: Any) -> None:
        """Send a message. A process that has died takes none: whoever waits for its answer finds the socket closed."""
        with suppress(ConnectionError):
            self.connection.send(message)

    def begins(self) -> None:
        """Take note that it has said that it can begin."""
        self.is_ready = True
        self._memory = used_memory(self.pid)

    @property
    def kept(self) -> int:
        """Bytes of memory that it has beside those that it had when it began; 0 where the system does not say."""
        now = None if self._memory is None else used_memory(self.pid)
        return 0 if self._memory is None or now is None else max(0, now - self._memory)

    def allow_memory(self, size: int) -> None:
        """Let it have so many bytes of memory beside those that it had when it began, where the system can do that."""
        if sys.platform != "linux" or self._memory is None:
            return
        # an error: it has ended, or the system does not let us, and its own limit is what holds
        with suppress(OSError):
            _, hard = resource.prlimit(self.pid, resource.RLIMIT_AS)
            limit = self._memory + size
            resource.prlimit(self.pid, resource.RLIMIT_AS, (limit if hard < 0 else min(limit, hard), hard))

    def kill(self) -> None:
        """End the process, whatever it is at."""
        self._process.kill()

    def close(self, *, has_hung_up: bool = False) -> int:
        """End the process, and return its exit status. One that `has_hung_up` is given time to end by itself."""
        self.connection.close()
        if has_hung_up:
            with suppress(subprocess.TimeoutExpired):
                return self._process.wait(LAST_SECONDS)
        self.kill()
        return self._process.wait()


def serving_end() -> Connection:
    """Return, in the process itself, its end of the socket."""
    return Connection(int(sys.argv[1]))


def ending(status: int) -> str:
    """Return an exit status in words: `exit status 1`, or the name of the signal."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def crash(status: int) -> str:
    """Return what to say of a picture at which a process ended with this status."""
    message = f"the process that read it ended ({ending(status)})"
    if status == -signal.SIGKILL:
        message += "; perhaps the memory did not suffice"
    return message
