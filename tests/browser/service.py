"""The real app on a port of this machine, with an index of its own for each test."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from demo.edits import EDITS
from lookalike import Index
from lookalike.web import WebSettings, create_app
from lookalike.web.dependencies import service_of
from shards.table.format.records import Record
from tests.lookalike.web.conftest import PICTURES, Elsewhere
from tests.lookalike.web.threads import Threads
from tests.lookalike.web.unhurried import unhurried
from tests.patience import PATIENCE

COPIES: Mapping[str, Sequence[str]] = {
    "raccoon.jpg": ("half the size", "grey", "mirrored"),
    "cat.jpg": ("half the size", "JPEG of quality 20"),
}
"""Of which pictures there are copies, and what was done to them."""


FAMILIES = ("haar", "goldberg", "dhash", "pdq", "crops")
"""Of the index. One of them knows of parts of pictures."""


@dataclass(frozen=True)
class Service:
    """A running service: where it is, its index, the other sites that it may fetch from, and its app."""

    url: str
    index: Index
    elsewhere: Elsewhere
    app: FastAPI


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
    """Their records, for an index with these families."""
    index = Index.create("memory://", families=FAMILIES)
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


class Host:
    """A server whose app is another one for each test: to a browser it stays the same, which keeps the page's files."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.app: ASGIApp = _nobody

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    @contextmanager
    def serving(self, records: list[Record], settings: WebSettings) -> Iterator[Service]:
        """A service of an index of these records."""
        index = Index.create("memory://", families=FAMILIES)
        index.write(records)
        index.trust_originals(*(record.source["path"] for record in records if record.source))
        elsewhere = Elsewhere()
        self.app = app = create_app(index, unhurried(settings), pool=Threads(index.settings), fetcher=elsewhere)
        try:
            yield Service(self.url, index, elsewhere, app)
        finally:
            self.app = _nobody
            service_of(app).pool.close()


async def _nobody(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers what a page still asks whose test is over."""
    await Response(status_code=404)(scope, receive, send)


@contextmanager
def hosted() -> Iterator[Host]:
    """A host at a port that was free."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        host = Host(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        server = Server(uvicorn.Config(host, log_level="warning", lifespan="off", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        assert server.answers.wait(PATIENCE), "the server does not start"
        try:
            yield host
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive(), "the server does not stop"
