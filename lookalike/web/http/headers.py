"""Headers of every answer that keep browsers from using it for something else."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOSNIFF = {"X-Content-Type-Options": "nosniff"}
"""A browser takes an answer for what its Content-Type says, and not for a script that it looks like (WHATWG Fetch)."""

CORP = "Cross-Origin-Resource-Policy"
"""Who may embed an answer in a page without asking by CORS, and so learn that it is there (WHATWG Fetch)."""

SAME_ORIGIN = {CORP: "same-origin"}


class SafeHeaders:
    """Middleware that adds these headers to every answer that does not have them.

    `is_shared`: pages of some other origins may use the service, so their browsers may embed its pictures.
    """

    def __init__(self, app: ASGIApp, *, is_shared: bool) -> None:
        self._app = app
        self._headers = NOSNIFF | ({CORP: "cross-origin"} if is_shared else SAME_ORIGIN)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", [])))
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                message = {**message, "headers": headers.raw}
            await send(message)

        await self._app(scope, receive, send_safe)
