"""The table from errors to HTTP: problem details of RFC 9457, with a stable word for programs in `code`."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lookalike.web.http.headers import NOSNIFF, SAME_ORIGIN
from shards.errors import (
    Conflict,
    CorruptObject,
    KeyInvalid,
    KeyNotFound,
    LookalikeError,
    PictureError,
    PoolBusy,
    QueryError,
    SignatureError,
    Undecided,
    WorkerNotStarted,
)

log = logging.getLogger("lookalike")

MEDIA_TYPE = "application/problem+json"

SHOWN = 200
"""Characters of an offending value in the document."""

EXACT = 1 << 53
"""The largest integer that every reader of JSON gets exactly (RFC 8259, section 6)."""

SOON = {"Retry-After": "1"}


class Problem(Exception):
    """A refusal that is sent to the client.

    `status` is HTTP's, `code` a stable kebab-case word. `title` names the kind of problem, `detail` says what is wrong
    this time, `value` is the offending value, and `help` says what to do. `headers` are added to the answer, such as
    Retry-After.
    """

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str,
        value: Any = None,
        help: str | None = None,  # noqa: A002 - the field's name in the document
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.value = value
        self.help = help
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """Return the JSON object that is sent."""
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.value is not None:
            document["value"] = _shown(self.value)
        if self.help is not None:
            document["help"] = self.help
        return document


def response(problem: Problem) -> Response:
    """Return the answer to a request that this problem ends."""
    # some problems are answered outside of all middleware
    headers = {"Cache-Control": "no-store", **NOSNIFF, **SAME_ORIGIN, **problem.headers}
    return Response(json.dumps(problem.document()), problem.status, headers, MEDIA_TYPE)


PICTURES: dict[str, tuple[int, str]] = {
    "empty": (422, "The file is empty"),
    "too_large_bytes": (413, "The picture is too large"),
    "too_many_pixels": (413, "The picture is too large"),
    "not_an_image": (415, "Not a picture"),
    "unsupported": (415, "Unsupported kind of picture"),
    "truncated": (422, "The picture is incomplete"),
    "damaged": (422, "The picture is damaged"),
    "timeout": (422, "The picture took too long"),
    "crashed": (422, "The picture is damaged"),
    "memory": (413, "The picture is too large"),
    "too_costly": (413, "The picture is too much work"),
}
"""Status and title, by the reason of a PictureError."""


def of(error: Exception) -> Problem:
    """Return the problem that a client is told of this error. Details for the operator are logged, not sent."""
    match error:
        case Problem():
            return error
        case PictureError():
            status, title = PICTURES.get(error.reason, (422, "The picture cannot be read"))
            return Problem(status, f"picture-{error.reason.replace('_', '-')}", title, str(error))
        case KeyNotFound():
            return Problem(404, "key-not-found", "No such image", f"no image has the key {error.key!r}", error.key)
        case KeyInvalid():
            return Problem(422, "key-invalid", "Invalid key", str(error))
        case SignatureError():
            return Problem(422, "signature-invalid", "Invalid signature", str(error))
        case QueryError():
            return Problem(422, "query-invalid", "Invalid query", str(error))
        case RequestValidationError() | ValidationError():
            return _invalid(error)
        case HTTPException():
            return _of_http(error)
        case Conflict():
            log.warning("%s", error)
            detail = "other writers kept changing the index at the same time; this request changed nothing"
            return Problem(409, "conflict", "Too many writers", detail, help="Send it again.", headers=SOON)
        case Undecided():
            log.warning("%s", error)
            detail = "the connection to the store broke off; the change may or may not have been made"
            help_ = "Send it again: repeating it does no harm."
            return Problem(503, "store-undecided", "The store gave no answer", detail, help=help_, headers=SOON)
        case WorkerNotStarted():
            log.error("%s", error)
            # not the picture's fault
            detail = "no process could be started to read pictures"
            help_ = "Send it again; if it stays so, tell whoever runs this service: its log says more."
            return Problem(503, "signing-failed", "Pictures cannot be read now", detail, help=help_, headers=SOON)
        case PoolBusy():
            # 429: this caller sends too much at once; 503: all of them together do
            status = 429 if error.is_callers else 503
            help_ = "Try again after the seconds in Retry-After."
            headers = {"Retry-After": str(error.retry_after)}
            return Problem(status, "too-busy", "The service is busy", str(error), help=help_, headers=headers)
        case CorruptObject():
            log.error("%s", error)
            detail = "a part of the index is no longer what was written"
            help_ = "Tell whoever runs this service: its log names the part, and 'lookalike verify' says more."
            return Problem(503, "corrupt", "The index is damaged", detail, help=help_)
        case LookalikeError():
            log.error("%s", error)
            detail = "the store refused or failed"
            help_ = "Send it again; if it stays so, tell whoever runs this service: its log says more."
            return Problem(503, "store-failed", "The store failed", detail, help=help_, headers=SOON)
    detail = "this is a bug in lookalike, not a fault of the request; the service's log has the details"
    return Problem(500, "internal", "Something went wrong", detail)


def validation(detail: str, value: Any = None, *, help: str | None = None) -> Problem:  # noqa: A002
    """Return the problem of a request with an invalid field."""
    return Problem(422, "validation", "The request is not valid", detail, value, help)


def _invalid(error: RequestValidationError | ValidationError) -> Problem:
    """Return the first error of a model as a problem: a client mends one thing at a time."""
    first = error.errors()[0]
    if first["type"] == "json_invalid" and not first["loc"]:
        return Problem(400, "bad-request", "The request cannot be read", first["msg"])
    names = [str(part) for part in first["loc"] if part not in ("query", "path", "body")]
    # a field's name comes from the client: the first bytes of a picture that was called a form are none
    where = _shown(".".join(name for name in names if name.isprintable()))
    message = first["msg"].removeprefix("Value error, ")
    help_ = None
    if first["type"] == "extra_forbidden":
        message = "there is no such field"
        # curl --data-binary calls a picture a form
        help_ = "A picture sent as the body needs its own Content-Type, or application/octet-stream."
    return validation(f"{where}: {message}" if where else message, first.get("input"), help=help_)


HTTP = {
    400: ("bad-request", "The request cannot be read"),
    404: ("not-found", "Nothing at this address"),
    405: ("method-not-allowed", "Method not allowed"),
}


def _of_http(error: HTTPException) -> Problem:
    phrase = HTTPStatus(error.status_code).phrase
    code, title = HTTP.get(error.status_code, (phrase.lower().replace(" ", "-"), phrase))
    help_ = "/openapi.json lists all paths and methods." if error.status_code in (404, 405) else None
    return Problem(error.status_code, code, title, error.detail, help=help_, headers=error.headers)


def _shown(value: Any) -> Any:
    """Return the value where it is small and JSON can express it, otherwise its beginning as text."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        # readers that parse numbers as JavaScript does would get another number
        return value if abs(value) <= EXACT else str(value)[:SHOWN] if value.bit_length() < 1024 else "more than 2^53"
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list | dict) and len(value) > SHOWN:
        # its text would be made only to be cut
        return f"{len(value):,} items"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
