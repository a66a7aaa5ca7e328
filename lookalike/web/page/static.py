"""The page: a few files for the browser, served as they lie in the package."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from importlib import resources
from types import MappingProxyType

from fastapi import APIRouter, Request, Response

from lookalike.web.dependencies import Serving

INDEX = "index.html"

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Media types of the page's files, by ending. Other files of the folder are not served."""


def policy(picture_origins: tuple[str, ...] = ()) -> str:
    """Return the page's Content-Security-Policy (W3C CSP 3): no inline code, and no frames in other pages.

    The page loads from its own origin only; pictures may also be put to and read from `picture_origins`.
    """
    elsewhere = "".join(f" {origin}" for origin in picture_origins)
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            # blob: pictures that were dropped, or fetched with a token; data: previews of pictures given by address
            f"img-src 'self' blob: data:{elsewhere}",
            f"connect-src 'self'{elsewhere}",
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


HEADERS = {
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}

KEPT = "public, max-age=31536000, immutable"
"""Cache-Control for addresses with a version: a returning visitor then sends thirty requests less."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the page."""

    body: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Site:
    """The page and the files that it loads."""

    index: bytes
    etag: str
    """A strong ETag of the index (RFC 9110, 8.8.3)."""
    files: Mapping[str, File]
    """By name."""
    version: str
    """A digest of all files, which is a folder in their addresses, so that no browser mixes an old page with a new one.

    It cannot be a part of the names, because modules import each other by name.
    """


@lru_cache(maxsize=1)
def site() -> Site:
    """Return the page of this package, read once."""
    files = {}
    for entry in sorted((resources.files("lookalike.web.page") / "assets").iterdir(), key=lambda entry: entry.name):
        media_type = MEDIA_TYPES.get("." + entry.name.rpartition(".")[2])
        if media_type:
            files[entry.name] = File(entry.read_bytes(), media_type)
    index = files.pop(INDEX).body
    version = _digest(*(part for name, file in files.items() for part in (name.encode(), file.body)))
    # preload all modules: otherwise a browser learns of each only after reading the one that imports it
    scripts = (name for name in files if name.endswith(".js"))
    preloads = "".join(f'<link rel="modulepreload" href="page/{name}">\n' for name in scripts)
    index = index.replace(b"</head>", preloads.encode() + b"</head>").replace(b'"page/', f'"page/{version}/'.encode())
    return Site(index, f'"{_digest(index)}"', MappingProxyType(files), version)


def _digest(*parts: bytes) -> str:
    """Return a digest of these parts, fit for a URL. The length before each part keeps parts apart."""
    digest = blake2b(digest_size=12)
    for part in parts:
        digest.update(len(part).to_bytes(8) + part)
    return urlsafe_b64encode(digest.digest()).decode()


router = APIRouter(include_in_schema=False)


@router.get("/")
async def index(request: Request, service: Serving) -> Response:
    """Send the page itself, unless the browser has this version."""
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
    """Send a file of the page."""
    loaded = site().files.get(name) if version == site().version else None
    if loaded is None:
        return Response("the page has no such file; reload it\n", 404, HEADERS, "text/plain; charset=utf-8")
    return Response(loaded.body, headers={**HEADERS, "Cache-Control": KEPT}, media_type=loaded.media_type)
