"""Protection of a service without tokens from other pages in its user's browser.

Such a service listens on loopback only, but a browser lets every page send requests there. Two headers give them away:

- Host: a page that has pointed its own name at 127.0.0.1, to share an origin with the service (DNS rebinding), sends
  that name;
- Sec-Fetch-Site, which a page cannot set, or Origin where it is missing (W3C Fetch Metadata, WHATWG Fetch).

A service with tokens does not need this: a browser does not add a token by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from lookalike.web.http import problems
from lookalike.web.http.access import is_loopback
from lookalike.web.http.problems import Problem

PAGES = frozenset({"/"})
"""Paths that a link on any page may lead to. All others are for programs and for the page itself."""


class Guard:
    """Middleware that refuses requests from pages of other origins, except `origins`.

    `refused` is called with the code of each refusal.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        origins: Iterable[str],
        checks_site: bool,
        checks_host: bool,
        refused: Callable[[str], None],
    ) -> None:
        self._app = app
        self._refused = refused
        self._origins = frozenset(origins)
        self._checks_site = checks_site
        self._checks_host = checks_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            problem = self._host(headers) or self._site(scope, headers)
            if problem is not None:
                self._refused(problem.code)
                await problems.response(problem)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _host(self, headers: Headers) -> Problem | None:
        if not self._checks_host:
            return None
        hosts = headers.getlist("host")
        name = _name(hosts[0]) if len(hosts) == 1 else None
        if name is not None and is_loopback(name):
            return None
        return Problem(
            403,
            "host-refused",
            "Host not allowed",
            "the Host header does not name this machine",
            hosts[0] if hosts else None,
            "Without tokens the service answers to localhost and 127.0.0.1 only. To use another name, run it with "
            "--tokens FILE.",
        )

    def _site(self, scope: Scope, headers: Headers) -> Problem | None:
        if not self._checks_site or self._is_ours(scope, headers):
            return None
        origin = headers.get("origin")
        return Problem(
            403,
            "cross-site",
            "Pages of other sites are not allowed",
            "a page of another origin sent this request",
            origin,
            "To let pages of that origin use this service, name it in --cors-origin.",
        )

    def _is_ours(self, scope: Scope, headers: Headers) -> bool:
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site")
        if site in ("same-origin", "none") or (site is None and origin is None):
            return True  # our own page, its user typing the address, or no browser at all
        if origin is not None and (origin in self._origins or "*" in self._origins):
            return True
        if site is None:
            # the scheme is ignored: behind a proxy that ends TLS it differs
            return headers.get("host", "") == str(origin).partition("://")[2] != ""
        return (
            scope["path"].removeprefix(scope.get("root_path", "")) in PAGES
            and scope["method"] in ("GET", "HEAD")
            and headers.get("sec-fetch-mode") == "navigate"
            and headers.get("sec-fetch-dest") == "document"  # a frame would let the other page lay itself over ours
        )


def _name(host: str) -> str | None:
    """Return the name or address in a Host header, `None` where it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
