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

from lookalike.web.service import Serving

INDEX = "index.html"

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What the page consists of. Other files of the folder are not served."""


def policy(picture_origins: tuple[str, ...] = ()) -> str:
    """The page's Content-Security-Policy (W3C CSP 3): nothing inline, and in no frame of another page.

    Nothing is from elsewhere either, but for pictures that are put to and read from these origins.
    """
    elsewhere = "".join(f" {origin}" for origin in picture_origins)
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            # blob: pictures that were dropped, or fetched with a token; data: the preview of one given by its address
            f"img-src 'self' blob: data:{elsewhere}",
            f"connect-src 'self'{elsewhere}",
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}

KEPT = "public, max-age=31536000, immutable"
"""Of what is at an address that has its version in it. A function answers thirty requests less for each visit."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the page."""

    body: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Site:
    """The page: `index`, with its `etag` (strong, RFC 9110, 8.8.3), and what it loads, by name.

    `version`: of all files together. Modules name each other without one, so it is a folder of their addresses: no
    browser mixes an old page with a new one.
    """

    index: bytes
    etag: str
    files: Mapping[str, File]
    version: str


@lru_cache(maxsize=1)
def site() -> Site:
    """The page of this package, read once."""
    found = {}
    for entry in sorted((resources.files("lookalike.web.page") / "assets").iterdir(), key=lambda entry: entry.name):
        media_type = MEDIA_TYPES.get("." + entry.name.rpartition(".")[2])
        if media_type:
            found[entry.name] = File(entry.read_bytes(), media_type)
    index = found.pop(INDEX).body
    version = _digest(*(part for name, file in found.items() for part in (name.encode(), file.body)))
    # all modules at once: a browser else learns of each only when it has read the one that imports it
    scripts = (name for name in found if name.endswith(".js"))
    preloads = "".join(f'<link rel="modulepreload" href="page/{name}">\n' for name in scripts)
    index = index.replace(b"</head>", preloads.encode() + b"</head>").replace(b'"page/', f'"page/{version}/'.encode())
    return Site(index, f'"{_digest(index)}"', MappingProxyType(found), version)


def _digest(*parts: bytes) -> str:
    """Of these bytes, each with its length before it, for an address."""
    digest = blake2b(digest_size=12)
    for part in parts:
        digest.update(len(part).to_bytes(8) + part)
    return urlsafe_b64encode(digest.digest()).decode()


router = APIRouter(include_in_schema=False)


@router.get("/")
async def index(request: Request, service: Serving) -> Response:
    """The page itself: asked for each time, and not sent again while it is the same."""
    headers = {
        **HEADERS,
        "Content-Security-Policy": policy(service.settings.picture_origins),
        "Cache-Control": "no-cache",
        "ETag": site().etag,
    }
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if known & {site().etag, "*"}:
        return Response(status_code=304, headers=headers)
    return Response(site().index, headers=headers, media_type=MEDIA_TYPES[".html"])


@router.get("/page/{version}/{name}")
async def file(version: str, name: str) -> Response:
    """What the page loads."""
    found = site().files.get(name) if version == site().version else None
    if found is None:
        return Response("the page has no such file; load it anew\n", 404, HEADERS, "text/plain; charset=utf-8")
    return Response(found.body, headers={**HEADERS, "Cache-Control": KEPT}, media_type=found.media_type)
