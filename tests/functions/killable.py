"""A function in a process of its own, started quickly, called again and again, and killed at any moment."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Timer
from typing import Any

from tests.functions.stage import Invocation

SECONDS = 900.0
"""Time of a call, as far as the function knows."""

START = multiprocessing.get_context("forkserver")
START.set_forkserver_preload(
    [
        "boto3",
        "functions.aws.calls",
        "functions.aws.opening",
        "functions.aws.queue",
        "lookalike.upkeep.compactor",
        "lookalike.ingest.throttle",
    ]
)
"""Processes are forked from one that has imported what they need, and has no threads; so each starts in no time."""


class Killed(Exception):
    """The process was killed before it answered."""


class Failed(Exception):
    """The function raised something."""


class Killable:
    """A function with these variables of the environment. What it prints is appended to `log`; `constants` of modules
    are other ones in its process.

    A context manager; the process is started by the first call, and by the first one after each kill.
    """

    def __init__(
        self, name: str, variables: Mapping[str, str], log: Path, constants: Mapping[str, float] | None = None
    ) -> None:
        self._arguments = (name, dict(variables), log, dict(constants or {}))
        self._process: multiprocessing.process.BaseProcess | None = None

    def __enter__(self) -> Killable:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def call(self, event: object, kill_after: float | None = None) -> Any:
        """Return what the function answers. `kill_after`: seconds until it is killed, if it has not answered by then.

        Raises Killed, Failed.
        """
        if self._process is None:
            self._start()
        assert self._process is not None
        timer = Timer(kill_after, self._process.kill) if kill_after is not None else None
        try:
            self._connection.send(event)
            if timer:
                timer.start()
            answer, error = self._connection.recv()
        except (EOFError, ConnectionError):
            self._end()
            raise Killed from None
        finally:
            if timer:
                timer.cancel()
        if error is not None:
            raise Failed(error)
        return answer

    def _start(self) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        self._process = START.Process(target=_serve, args=(*self._arguments, theirs), daemon=True)
        self._process.start()
        # theirs alone is to hold it open: its end is how a kill is noticed
        theirs.close()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None
            self._connection.close()


def _serve(
    name: str, variables: Mapping[str, str], log: Path, constants: Mapping[str, float], connection: Connection
) -> None:
    """Answer one call after another, for ever: this runs in the process."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    os.environ.update(variables)
    for constant, value in constants.items():
        module, _, attribute = constant.rpartition(".")
        setattr(importlib.import_module(module), attribute, value)
    handler = importlib.import_module(f"functions.handlers.{name}").handler
    with suppress(EOFError):
        while True:
            event = connection.recv()
            try:
                connection.send((handler(event, Invocation(SECONDS)), None))
            except Exception as error:
                connection.send((None, f"{type(error).__name__}: {error}"))
