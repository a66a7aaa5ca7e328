"""A bucket beside the service: pictures are put into it by addresses that it signs, and are indexed a while later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lookalike.web.http.problems import Problem
from lookalike.web.uploads import Address, Upload

ANYBODY = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, PUT",
    "Access-Control-Allow-Headers": "*",
}
"""Pages of any origin may come: an address says by its signature what may be done there."""


@dataclass
class Bucket:
    """An app that takes pictures, and the `Uploads` of a service that sends them there.

    `put`: what was put, by key, with the headers. `indexed`: is told of each.
    """

    url: str
    max_bytes: int = 1 << 20
    seconds: int = 900
    put: dict[str, tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    indexed: Callable[[str, bytes], None] = lambda key, data: None

    def now(self) -> float:
        return 1_800_000_000.0

    def address(self, upload: Upload, here: Callable[[str], str]) -> Address:
        del here
        return Address(f"{self.url}{quote(upload.key)}?size={upload.size}", headers={"x-amz-meta-of": "a-page"})

    def opened(self, token: str) -> Upload:
        raise Problem(403, "upload-unknown", "That is no address for uploads", "pictures go into the bucket", token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.method == "PUT":
            key, data = unquote(request.url.path.removeprefix("/")), await request.body()
            assert len(data) == int(request.query_params["size"])
            self.put[key] = data, dict(request.headers)
            self.indexed(key, data)
        await Response(headers=ANYBODY)(scope, receive, send)
