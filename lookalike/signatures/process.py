"""Processes of our own, each at the other end of a private socket: how they start, and how they end.

Not `concurrent.futures`: there, one dead process breaks the whole pool, and nobody knows which picture it was.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from typing import Any

READY = "ready"
"""The first message of every process: everything is imported, and it can begin."""


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Process:
    """`python -m MODULE FD`, where FD is its end of a socket; it ends when ours is closed, or when we do.

    What it prints on stderr is ours; it has no stdin and no stdout.
    """

    def __init__(self, module: str) -> None:
        self.connection: Connection
        self.connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-P", "-m", module, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=_environment(),
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
        """Send it. One that has died takes nothing: whoever waits for its answer finds the connection at its end."""
        with suppress(ConnectionError):
            self.connection.send(message)

    def kill(self) -> None:
        """End it, whatever it is at."""
        self._process.kill()

    def close(self, *, has_hung_up: bool = False) -> int:
        """End it, unless its end of the connection is closed, for then it ends by itself; its exit status."""
        self.connection.close()
        if not has_hung_up:
            self.kill()
        return self._process.wait()


def serving_end() -> Connection:
    """In the process itself: its end of the socket."""
    return Connection(int(sys.argv[1]))


def ending(status: int) -> str:
    """An exit status in words: `exit status 1`, or the name of the signal."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def crash(status: int) -> str:
    """What a process that ended with this status at a picture is to whoever sent the picture."""
    message = f"the process that read it ended ({ending(status)})"
    if status == -signal.SIGKILL:
        message += "; perhaps the memory did not suffice"
    return message


def _environment() -> dict[str, str]:
    """A process is one thread on one processor: there are as many of them as processors."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109
    return {**threads, **os.environ, "PYTHONPATH": path}
