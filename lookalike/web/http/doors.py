"""Doors: apps in front of the app, for connections that may not ask for everything."""

from __future__ import annotations

from anyio import to_thread
from starlette.types import ASGIApp, Receive, Scope, Send

from lookalike.web.http import problems
from lookalike.web.http.problems import Problem
from lookalike.web.http.users import Users

HEALTH = frozenset({"/healthz", "/readyz"})
"""Paths that are answered on every connection."""


class HealthOnly:
    """The door of a connection past all others, which may ask for the service's health."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _is_about_health(scope):
            await self._app(scope, receive, send)
            return
        problem = Problem(
            503,
            "too-many-connections",
            "The service is busy",
            "too many clients are connected",
            help="Try again after the seconds in Retry-After.",
            headers={"Retry-After": "5", "Connection": "close"},
        )
        await problems.response(problem)(scope, receive, send)


class UsersOnly:
    """The door of a service without tokens on a machine that several people use. Each connection has its own."""

    def __init__(self, app: ASGIApp, users: Users) -> None:
        self._app = app
        self._users = users
        self._may_enter: bool | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._may_enter is None and not _is_about_health(scope):
            # in a thread: where the kernel cannot be asked, the table of all connections takes milliseconds
            self._may_enter = await to_thread.run_sync(self._users.may_enter, scope["client"], scope["server"])
        if self._may_enter is not False:
            await self._app(scope, receive, send)
            return
        problem = Problem(
            403,
            "other-user",
            "Other users of this machine are not allowed",
            "the service has no tokens, and answers only the user who runs it, and root",
            help="Run it with --tokens FILE and send a token, or run it with --any-local-user.",
            headers={"Connection": "close"},
        )
        await problems.response(problem)(scope, receive, send)


def _is_about_health(scope: Scope) -> bool:
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path in HEALTH
