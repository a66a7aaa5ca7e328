"""What is refused by a request's head alone, so that not a byte of its body is read for nothing."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import Scope

from lookalike.web.api.uploads import BELOW, Uploads, too_large
from lookalike.web.http import problems
from lookalike.web.http.access import Tokens, authenticate


def admit(scope: Scope, tokens: Tokens) -> None:
    """Raise Problem where the request's token will not do.

    A picture that is put to an address of `/v1/uploads` needs none: its address is one. There an address that is not
    ours or has expired is refused, and a picture that says it is larger than was agreed.
    """
    headers = Headers(scope=scope)
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    if scope["method"] != "PUT" or not path.startswith(BELOW):
        authenticate(headers.get("authorization"), tokens)
        return
    uploads: Uploads = scope["app"].state.uploads
    upload = uploads.opened(path.removeprefix(BELOW))
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > upload.max_bytes:
        raise problems.of(too_large(int(length), upload.max_bytes))
