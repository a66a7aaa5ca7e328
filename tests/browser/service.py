"""The real app on a port of this machine, in a thread, for as long as a test takes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from demo.edits import EDITS
from shards import Index
from shards.table.records import Record
from shards.web import WebSettings, create_app
from tests.web.conftest import PICTURES, Elsewhere

COPIES: Mapping[str, Sequence[str]] = {
    "raccoon.jpg": ("half the size", "grey", "mirrored"),
    "cat.jpg": ("half the size", "JPEG of quality 20"),
}
"""Of which pictures there are copies, and what was done to them."""

PATIENCE = 20.0
"""Seconds after which a server that does not start or stop is broken."""


@dataclass(frozen=True)
class Service:
    """A running service: where it is, its index, and the other sites that it may fetch from."""

    url: str
    index: Index
    elsewhere: Elsewhere


def photographs(folder: Path, copies: Mapping[str, Sequence[str]] = COPIES) -> dict[str, Path]:
    """The demo's pictures and these copies of them, as files in this folder, by key."""
    edits = {edit.name: edit for edit in EDITS}
    found = {}
    for original in sorted(PICTURES.glob("*.jpg")):
        found[original.name] = original
        for edit in copies.get(original.name, ()):
            key = f"copies/{edit}/{original.name}"
            found[key] = folder / key
            found[key].parent.mkdir(parents=True, exist_ok=True)
            found[key].write_bytes(edits[edit].apply(original.read_bytes()))
    return found


def signed(files: dict[str, Path]) -> list[Record]:
    """Their records, for an index with the usual families."""
    index = Index.create("memory://")
    return [
        index.sign(
            key, file.read_bytes(), {"album": "zoo"} if "raccoon" in key else None, source={"path": str(file.resolve())}
        )
        for key, file in files.items()
    ]


class Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answers.set()


@contextmanager
def served(records: list[Record], settings: WebSettings) -> Iterator[Service]:
    """A service of an index of these records, at a port that was free."""
    index = Index.create("memory://")
    index.write(records)
    elsewhere = Elsewhere()
    app = create_app(index, settings, fetcher=elsewhere)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        assert server.answers.wait(PATIENCE), "the server does not start"
        try:
            yield Service(f"http://127.0.0.1:{listening.getsockname()[1]}/", index, elsewhere)
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive(), "the server does not stop"
            app.state.service.signer.close()
