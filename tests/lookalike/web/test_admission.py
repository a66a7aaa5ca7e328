"""Requests that are refused by their head alone: nobody sends 64 MB to hear that the address was wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal
from starlette.types import Message

from lookalike import Index
from lookalike.signatures.computed import ComputedPicture
from lookalike.web import WebSettings, create_app
from lookalike.web.http.access import Tokens
from lookalike.web.uploads import TokenUploads, Upload
from shards.errors import PictureError
from tests.lookalike.cli.drawing import png
from tests.lookalike.web.conftest import Client

NOW = 1_800_000_000


class BodyAwaited(Exception):
    """The head was not enough."""


class Head:
    """A request of which only the head ever comes."""

    def __init__(self, portal: BlockingPortal) -> None:
        index = Index.create("memory://")
        self.uploads = TokenUploads(index, WebSettings(), lambda: NOW)
        settings = WebSettings(tokens=Tokens.parse("0123456789-writer write"))
        self.app = create_app(index, settings, uploads=self.uploads)
        self._portal = portal

    def put(self, path: str, headers: Mapping[str, str] | None = None, *, root_path: str = "") -> tuple[int, str]:
        """Status and body of the answer."""
        said: list[Message] = []

        async def receive() -> Message:
            raise BodyAwaited

        async def send(message: Message) -> None:
            said.append(message)

        scope = {
            "type": "http",
            "method": "PUT",
            "path": root_path + path,
            "root_path": root_path,
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
        }
        self._portal.call(self.app, scope, receive, send)
        return said[0]["status"], said[1]["body"].decode()

    def address(self, **changes: int) -> str:
        upload = Upload("a.png", {}, **{"max_bytes": 1000, "expires": NOW + 900, **changes})
        return self.uploads.address(upload, lambda token: f"/v1/uploads/{token}").url


@pytest.fixture
def head(portal: BlockingPortal) -> Head:
    return Head(portal)


@pytest.mark.parametrize("path", ["/v1/uploads/garbage", "/v1/uploads/", "/v1/uploads/a.b.c/d"])
def test_an_address_that_is_none_of_ours(head: Head, path: str) -> None:
    for root_path in ("", "/pictures"):
        status, body = head.put(path, root_path=root_path)
        assert (status, '"upload-unknown"' in body) == (403, True)


def test_an_address_that_has_expired(head: Head) -> None:
    status, body = head.put(head.address(expires=NOW))
    assert (status, '"upload-expired"' in body) == (403, True)


def test_a_picture_that_says_it_is_larger_than_was_agreed(head: Head) -> None:
    status, body = head.put(head.address(), {"content-length": "1001"})
    assert (status, '"picture-too-large-bytes"' in body) == (413, True)
    assert "this address takes 1,000 at most" in body


def test_what_needs_a_token_and_has_none(head: Head) -> None:
    status, body = head.put("/v1/images/a.png")
    assert (status, '"token-missing"' in body) == (401, True)


def test_a_good_address_needs_no_token(head: Head) -> None:
    with pytest.raises(BodyAwaited):
        head.put(head.address(), {"content-length": "1000"})


class Asked:
    """A pool that computes nothing, and knows who asked."""

    def __init__(self) -> None:
        self.callers: list[str] = []

    async def compute(
        self, data: bytes, *, asked: Sequence[str] = (), orientations: bool = False, caller: str = ""
    ) -> ComputedPicture:
        self.callers.append(caller)
        raise PictureError("empty", "nothing is computed here")

    async def thumbnail(self, data: bytes, side: int, *, caller: str = "") -> bytes:
        self.callers.append(caller)
        raise PictureError("empty", "nothing is drawn here")

    def close(self) -> None:
        pass


def test_the_pool_is_told_who_asks(portal: BlockingPortal, tmp_path: Path) -> None:
    index, pool = Index.create("memory://", thumbnails=0), Asked()
    path = tmp_path / "a.png"
    path.write_bytes(png(1))
    index.add("a.png", png(1), source={"path": str(path)})
    index.trust_originals(path)
    tokens = Tokens.parse("0123456789-writer write robot", public_read=True)
    client = Client(create_app(index, WebSettings(tokens=tokens), pool=pool), portal)
    robot = {"Authorization": "Bearer 0123456789-writer"}
    client.put("/v1/images/b.png", content=png(2), headers=robot | {"Content-Type": "image/png"})
    client.get("/v1/images/a.png/thumbnail")
    client.get("/v1/images/a.png/thumbnail", headers=robot)
    assert pool.callers == ["token robot", "peer 127.0.0.1", "token robot"]
