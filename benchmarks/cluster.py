"""A PostgreSQL of our own while a benchmark runs: in a temporary folder, behind a Unix socket, on one core."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SETTINGS = {
    "listen_addresses": "",
    # one process does a query, and nothing else runs meanwhile
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "autovacuum": "off",
    # compiling a query costs more than most of these queries
    "jit": "off",
    # everything in memory, as it is for those it is compared with; nothing has to survive
    "shared_buffers": "3GB",
    "maintenance_work_mem": "1GB",
    "fsync": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "32GB",
}

DEBIAN = Path("/usr/lib/postgresql")
"""Folder in which Debian keeps the programs of each version; most are not on the PATH."""

SUPERUSER = "bench"
STARTED_WITHIN = 60.0
"""Limit on starting the server, in seconds."""


class NoPostgres(Exception):
    """PostgreSQL cannot run here; the message has the reason in a few words."""


class StatementFailed(Exception):
    """A statement failed; the message is the output of psql."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running server. `socket`: the folder of its Unix socket."""

    psql: str
    socket: str

    def run(self, *statements: str) -> list[str]:
        """Run statements and return their output by line: values without headings, with `\\timing on` also the times.

        Raises StatementFailed.
        """
        done = subprocess.run(
            [self.psql, "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", self.socket, "-U", SUPERUSER, "postgres"],
            input="\n".join(statements) + "\n",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise StatementFailed(done.stderr.strip())
        return done.stdout.splitlines()

    def has(self, extension: str) -> bool:
        """Return whether this extension is installed."""
        return bool(self.run(f"SELECT 1 FROM pg_available_extensions WHERE name = '{extension}';"))

    def timed(self, *statements: str, before: str = "") -> tuple[list[int], list[float]]:
        """Run statements after a set-up, and return the number that each prints and the seconds that it takes."""
        lines = self.run(before, "\\timing on", *statements)
        times = [float(match[1]) / 1000 for line in lines if (match := re.match(r"Time: ([\d.]+) ms", line))]
        return [int(line) for line in lines if line.lstrip("-").isdecimal()], times


@contextmanager
def started() -> Iterator[Cluster]:
    """Start a fresh server, and remove it at the end. Raises NoPostgres if it cannot be started."""
    programs = _programs()
    user = _user()
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        if user is not None:
            shutil.chown(folder, user)
        data = str(Path(folder) / "data")
        made = subprocess.run(
            [programs["initdb"], "-D", data, "-A", "trust", "-U", SUPERUSER, "-E", "UTF8", "--locale=C", "--no-sync"],
            user=user,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise NoPostgres(f"initdb failed: {made.stderr.strip()}")
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        log = Path(folder) / "log"
        with log.open("w") as output:
            server = subprocess.Popen(
                [programs["postgres"], "-D", data, "-k", folder, *settings],
                user=user,
                cwd=folder,
                stdout=output,
                stderr=output,
            )
        try:
            _wait(server, programs["pg_isready"], folder, log)
            yield Cluster(programs["psql"], folder)
        finally:
            server.send_signal(signal.SIGINT)  # a fast shutdown: open sessions are ended
            server.wait()


def _programs() -> dict[str, str]:
    """Return the folder of the programs: on the PATH, or in Debian's place. Raises NoPostgres."""
    versions = sorted(DEBIAN.glob("*/bin"), key=lambda path: int(path.parent.name))
    path = os.pathsep.join([*(str(version) for version in reversed(versions)), os.environ.get("PATH", "")])
    found = {name: shutil.which(name, path=path) for name in ("initdb", "postgres", "psql", "pg_isready")}
    missing = [name for name, program in found.items() if program is None]
    if missing:
        raise NoPostgres("PostgreSQL is not installed")
    return {name: program for name, program in found.items() if program is not None}


def _user() -> str | None:
    """Return the user to run the server as, if we are root, which it refuses; else None. Raises NoPostgres."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise NoPostgres("PostgreSQL does not run as root, and there is no user 'postgres'") from None


def _wait(server: subprocess.Popen[bytes], pg_isready: str, socket: str, log: Path) -> None:
    until = time.monotonic() + STARTED_WITHIN
    while time.monotonic() < until:
        if server.poll() is not None:
            break
        if subprocess.run([pg_isready, "-q", "-h", socket], check=False).returncode == 0:
            return
        time.sleep(0.05)
    raise NoPostgres(f"PostgreSQL did not start: {log.read_text(errors='replace').strip()[-500:]}")
