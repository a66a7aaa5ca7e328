"""Protection of a service without tokens from the pages that its user's browser has open.

Such a service listens on loopback only, but a browser lets every page send requests there. Two things give them away:

- the Host header, where a page has pointed its own name at 127.0.0.1 to be of one origin with the service (DNS
  rebinding): it is the page's name then;
- Sec-Fetch-Site, which a page cannot set, or else Origin (both: W3C Fetch Metadata, WHATWG Fetch).

With tokens there is no need for this: a browser does not add a token by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from lookalike.web.http import problems
from lookalike.web.http.access import is_loopback
from lookalike.web.http.problems import Problem
from lookalike.web.settings import WebSettings

PAGES = frozenset({"/"})
"""What a link on any page may lead to. All else is for programs, and for the page itself."""


class Guard:
    """Refuses what pages of other origins send, unless `cors_origins` names theirs.

    `refused`: is told the code of each refusal.
    """

    def __init__(self, app: ASGIApp, *, settings: WebSettings, refused: Callable[[str], None]) -> None:
        self._app = app
        self._refused = refused
        self._origins = frozenset(settings.cors_origins)
        self._checks_site = settings.tokens.is_open
        self._checks_host = settings.tokens.is_open if settings.host_check is None else settings.host_check

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
            "This name is not answered",
            "the Host header does not name this machine",
            hosts[0] if hosts else None,
            "Without tokens only localhost and 127.0.0.1 are answered. To be reached by another name, run the service "
            "with --tokens FILE.",
        )

    def _site(self, scope: Scope, headers: Headers) -> Problem | None:
        if not self._checks_site or self._is_ours(scope, headers):
            return None
        origin = headers.get("origin")
        return Problem(
            403,
            "cross-site",
            "Pages of other sites may not do that",
            "a page of another origin sent this request",
            origin,
            "To let pages of that origin use this service, name it in --cors-origin.",
        )

    def _is_ours(self, scope: Scope, headers: Headers) -> bool:
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site")
        if site in ("same-origin", "none") or (site is None and origin is None):
            return True  # our page, its user, or no browser
        if origin is not None and (origin in self._origins or "*" in self._origins):
            return True
        if site is None:
            # the scheme does not count: it is another one behind a proxy that ends TLS
            return headers.get("host", "") == str(origin).partition("://")[2] != ""
        return (
            scope["path"].removeprefix(scope.get("root_path", "")) in PAGES
            and scope["method"] in ("GET", "HEAD")
            and headers.get("sec-fetch-mode") == "navigate"
            and headers.get("sec-fetch-dest") == "document"  # a frame would let the other page lay itself over ours
        )


def _name(host: str) -> str | None:
    """The name or address in a Host header, None where that is none."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
