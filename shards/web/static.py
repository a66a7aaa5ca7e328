"""The page: a few files that a browser runs, served as they lie in the package."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from importlib import resources
from types import MappingProxyType

from fastapi import APIRouter, Request, Response

__all__ = ["File", "files", "router"]

INDEX = "index.html"

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What the page consists of. Other files of the folder are not served."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        # blob: pictures that were dropped, or fetched with a token; data: the preview of a picture given by its address
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""Content-Security-Policy (W3C CSP 3): nothing from elsewhere, nothing inline, in no frame of another page."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    # asked for again each time, and answered 304 while it is the same: modules name each other without a version,
    # so a browser that kept some of them over an upgrade would mix the old page with the new one
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file of the page. `etag`: strong, of its bytes (RFC 9110, 8.8.3)."""

    body: bytes
    media_type: str
    etag: str


@lru_cache(maxsize=1)
def files() -> Mapping[str, File]:
    """The page's files by name, read once."""
    found = {}
    for entry in (resources.files("shards.web") / "page").iterdir():
        media_type = MEDIA_TYPES.get("." + entry.name.rpartition(".")[2])
        if media_type:
            body = entry.read_bytes()
            digest = urlsafe_b64encode(blake2b(body, digest_size=12).digest()).decode()
            found[entry.name] = File(body, media_type, f'"{digest}"')
    return MappingProxyType(found)


router = APIRouter(include_in_schema=False)


@router.get("/")
async def index(request: Request) -> Response:
    """The page itself."""
    return _answer(files()[INDEX], request)


@router.get("/page/{name}")
async def file(name: str, request: Request) -> Response:
    """What the page loads."""
    found = files().get(name)
    if found is None:
        return Response(f"the page has no file {name!r}\n", 404, HEADERS, "text/plain; charset=utf-8")
    return _answer(found, request)


def _answer(found: File, request: Request) -> Response:
    headers = {**HEADERS, "ETag": found.etag}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if found.etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(found.body, headers=headers, media_type=found.media_type)
