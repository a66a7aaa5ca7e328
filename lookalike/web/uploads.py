"""Addresses for uploads: anyone who has one may put one picture to it, once.

They are for clients without a token. `TokenUploads` makes addresses that lead back to this service; where requests must
be small (a function takes 4.5 MB), another `Uploads` makes addresses that lead past the service, into a bucket.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

from lookalike.index import Index
from lookalike.web.http.problems import Problem, validation
from lookalike.web.http.timestamps import rfc3339
from lookalike.web.settings import WebSettings
from shards.errors import PictureError

BELOW = "/v1/uploads/"
"""The rest of such a path is a token."""

SOURCE = "upload"
"""The field in an image's source with the name of the permission by which it was added."""

TOKEN_CHARACTERS = 6000
"""Proxies take request lines of 8 KB; this much is left for the key and the metadata."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A permission to put one picture."""

    key: str
    meta: Mapping[str, Any]
    max_bytes: int
    expires: int
    """Seconds since 1970."""
    size: int | None = None
    """Bytes of the picture as announced by the client, if it did."""
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    """A name of this permission, which the image keeps in its source."""


@dataclass(frozen=True, slots=True)
class Address:
    """The target of an upload: the URL, the method, and the headers to send."""

    url: str
    method: str = "PUT"
    headers: Mapping[str, str] = field(default_factory=dict)


class Uploads(Protocol):
    """A maker of addresses for uploads."""

    @property
    def max_bytes(self) -> int:
        """Limit on the size of one picture."""
        ...

    @property
    def seconds(self) -> int:
        """Time for which an address is good."""
        ...

    def now(self) -> float:
        """Return the seconds since 1970."""
        ...

    def address(self, upload: Upload, here: Callable[[str], str]) -> Address:
        """Return the address for this upload. `here` maps a token to its URL at this service. Raises Problem."""
        ...

    def opened(self, token: str) -> Upload:
        """Return what a token allows at this service. Raises Problem for an unknown or expired token."""
        ...


class TokenUploads:
    """Addresses of this service, with a token that says what may be put, authenticated by HMAC-SHA256 (RFC 2104).

    No token is stored: every process with the same secret accepts it. A token is good for one index only, even if
    another service has the same secret.
    """

    def __init__(self, index: Index, settings: WebSettings, now: Callable[[], float] = time.time) -> None:
        self.max_bytes = min(index.settings.pictures.max_bytes, settings.max_body)
        self.seconds = settings.upload_seconds
        self.now = now
        self._secret = settings.upload_secret or secrets.token_bytes(32)
        self._context = f"lookalike upload 1\n{index.url}\n".encode()

    def address(self, upload: Upload, here: Callable[[str], str]) -> Address:
        # the id also keeps holders of two addresses from seeing whether both are for the same picture
        fields = [upload.key, upload.meta, upload.max_bytes, upload.expires, upload.id]
        payload = _text(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode())
        token = f"{payload}.{_text(self._seal(payload))}"
        if len(token) > TOKEN_CHARACTERS:
            raise validation(
                f"the key and the metadata make a token of {len(token):,} characters; it may have {TOKEN_CHARACTERS:,} "
                "at most",
                help="Leave out the metadata, or add the picture with PUT /v1/images/{key}.",
            )
        return Address(here(token))

    def opened(self, token: str) -> Upload:
        payload, _, seal = token.partition(".")
        try:
            is_ours = hmac.compare_digest(self._seal(payload), _data(seal))
        except ValueError:
            is_ours = False
        if not is_ours:
            raise Problem(
                403,
                "upload-unknown",
                "Unknown upload address",
                "this service did not make the address, or it was changed",
                help="Use the url of POST /v1/uploads as it is.",
            )
        key, meta, max_bytes, expires, id_ = json.loads(_data(payload))
        if self.now() >= expires:
            raise Problem(
                403,
                "upload-expired",
                "The address has expired",
                f"it was good until {rfc3339(expires * 10**9)}",
                help="Ask for a new one with POST /v1/uploads.",
            )
        return Upload(key, meta, max_bytes, expires, id=id_)

    def _seal(self, payload: str) -> bytes:
        return hmac.digest(self._secret, self._context + payload.encode(), "sha256")


class UsedUploads:
    """The permissions that are used up. Safe to use from several threads.

    A process remembers them until they expire, and finds those that others have used by their names in the sources of
    images. Only two processes that get a picture each at the same moment may both add theirs; one of them counts then.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._used: dict[str, int] = {}
        self._lock = Lock()

    def use(self, upload: Upload, now: float) -> None:
        """Use a permission up. Raises Problem where it was used. Call it in a thread: it may ask the store."""
        with self._lock:
            self._used = {id_: expires for id_, expires in self._used.items() if expires > now}
            if upload.id in self._used:
                raise _used_up()
            self._used[upload.id] = upload.expires
        try:
            image = self._index.images([upload.key]).get(upload.key)
        except BaseException:
            self.give_back(upload)
            raise
        if image is not None and image.source.get(SOURCE) == upload.id:
            raise _used_up()

    def give_back(self, upload: Upload) -> None:
        """Let a permission be used after all: nothing was added by it."""
        with self._lock:
            self._used.pop(upload.id, None)


def _text(data: bytes) -> str:
    """Encode as base64url without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _data(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _used_up() -> Problem:
    return Problem(
        403,
        "upload-used",
        "The address was used",
        "it is good for one picture, which was sent already",
        help="Ask for a new one with POST /v1/uploads.",
    )


def too_large(size: int, max_bytes: int) -> PictureError:
    """Return the error of a picture that is larger than its address takes."""
    return PictureError("too_large_bytes", f"{size:,} bytes, and this address takes {max_bytes:,} at most")
