"""A server that runs as a real process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.lookalike.cli.running import start
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[3]


@dataclass
class Server:
    """A server that runs. `said`: what it printed when it was ready."""

    process: subprocess.Popen[bytes]
    said: dict[str, Any]

    @property
    def url(self) -> str:
        url: str = self.said["url"]
        return url.rstrip("/")

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    def client(self) -> httpx.Client:
        """Return a client that waits, and opens a connection for each request: none is closed while it is idle."""
        limits = httpx.Limits(max_keepalive_connections=0)
        return httpx.Client(base_url=self.url, timeout=PATIENCE, limits=limits, trust_env=False)

    def ask(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Return the answer to one request."""
        with self.client() as client:
            return client.request(method, path, **content)

    def ended(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Its exit code after this signal, and what it said on stderr."""
        self.process.send_signal(number)
        _, stderr = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, stderr.decode()


@contextmanager
def serving(index: Path, *options: object) -> Iterator[Server]:
    """The command on a free port, once it is ready."""
    process = start("serve", index, "--port", 0, *options, cwd=ROOT, program="unhurried")
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1].decode()
        yield Server(process, json.loads(line))
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
