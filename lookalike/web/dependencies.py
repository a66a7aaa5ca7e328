"""Dependencies of the handlers: the service that answers a request, and a caller with the scope that is needed.

The service of an app is at `app.state.service`; only this module knows that.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.applications import Starlette

from lookalike.web.http.access import Caller, Scope, authenticate, require
from lookalike.web.service import Service


def provide(app: FastAPI, service: Service) -> None:
    """Let this service answer the requests of the app."""
    app.state.service = service


def service_of(app: Starlette) -> Service:
    """Return the service that answers the requests of this app."""
    service: Service = app.state.service
    return service


def _service(request: Request) -> Service:
    return service_of(request.app)


Serving = Annotated[Service, Depends(_service)]
"""The annotation of a handler's `service` parameter."""


_bearer = HTTPBearer(
    scheme_name="token", description="A token of this service. A service without tokens needs none.", auto_error=False
)


@cache
def needs(scope: Scope) -> Any:
    """Return the annotation of a handler's caller: `caller: Annotated[Caller, needs("read")]`.

    A caller without that scope is answered 401 or 403, and the handler does not run.
    """

    async def check(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]) -> Caller:
        tokens = service_of(request.app).settings.tokens
        caller = authenticate(request.headers.get("authorization"), tokens)
        require(scope, caller)
        return caller

    return Depends(check)
