"""Admission of requests by their head alone, so that a refused request's body is not read."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import Scope

from lookalike.web.dependencies import service_of
from lookalike.web.http import problems
from lookalike.web.http.access import authenticate
from lookalike.web.http.callers import CALLER, caller_name, peer
from lookalike.web.uploads import BELOW, too_large


def admit(scope: Scope) -> str:
    """Return the name of the caller, and note it. Raises Problem for a request with a missing or unknown token.

    A PUT below `/v1/uploads` needs no token, because its address is one. It is refused where the address is unknown or
    has expired, and where the announced picture is larger than the address allows.
    """
    service = service_of(scope["app"])
    headers = Headers(scope=scope)
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    if scope["method"] != "PUT" or not path.startswith(BELOW):
        return _noted(caller_name(authenticate(headers.get("authorization"), service.settings.tokens), scope))
    caller = _noted(f"peer {peer(scope)}")
    upload = service.uploads.opened(path.removeprefix(BELOW))
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > upload.max_bytes:
        raise problems.of(too_large(int(length), upload.max_bytes))
    return caller


def _noted(caller: str) -> str:
    CALLER.set(caller)
    return caller
