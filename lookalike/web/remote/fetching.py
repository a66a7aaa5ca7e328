"""Fetching of pictures from other sites: from public addresses only, within limits of time and size.

A name is looked up once, all its addresses are checked, and the connection goes to one of them. If the HTTP client
looked the name up again, it could get another address (DNS rebinding). Redirects are followed here, and each is checked
like a URL that a stranger gave.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from math import inf
from urllib.parse import urljoin

import anyio
import httpcore

import lookalike
from lookalike.web.http.problems import Problem
from lookalike.web.remote.addresses import Address, Target, is_public, parse, refused
from lookalike.web.remote.network import Pinned, Resolve, SystemNames
from lookalike.web.remote.turns import Turns
from lookalike.web.settings import WebSettings

REDIRECTS = 5
REDIRECTED = frozenset({301, 302, 303, 307, 308})

DIGITS = 18
"""Digits of the largest length that is read as a number."""

MEDIA_TYPES = re.compile(r"image/.+|(application|binary)/octet-stream")
"""Accepted media types; S3 sends the last where nobody gave an object's type."""

HEADERS: dict[str | bytes, str | bytes] = {
    "User-Agent": f"lookalike/{lookalike.__version__}",
    "Accept": "image/*",
    # the bytes are hashed and decoded as they are; and a small compressed body cannot unpack to gigabytes
    "Accept-Encoding": "identity",
    "Connection": "close",
}


@dataclass(frozen=True, slots=True)
class Fetched:
    """A picture from another site."""

    data: bytes
    media_type: str
    """As the other server says; may be wrong."""
    url: str
    """The last address, after redirects."""


class Fetcher:
    """A fetcher of pictures for one service.

    `is_allowed` says which addresses may be contacted. `resolve` and `network` are the effects, for tests.
    """

    def __init__(
        self,
        settings: WebSettings,
        *,
        is_allowed: Callable[[Address], bool] = is_public,
        resolve: Resolve | None = None,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._is_on = settings.urls
        self._max_bytes = settings.url_bytes
        self._seconds = settings.url_seconds
        self._is_allowed = is_allowed
        self._resolve = resolve or SystemNames()
        self._network = network or httpcore.AnyIOBackend()
        self._tls: ssl.SSLContext | None = None
        self._turns = Turns()

    async def fetch(self, url: str, *, caller: str = "", seconds: float = inf) -> Fetched:
        """Return the picture at this address, for this caller, and within this time and that of the settings.

        Raises Problem: 400 or 403 `url-refused`, 413 `url-too-large`, 415 `url-not-a-picture`, 429 `too-busy`,
        502 `url-failed`, 504 `url-timeout`. None of them reveals the addresses of a name.
        """
        if not self._is_on:
            raise Problem(
                403,
                "url-refused",
                "Addresses are not fetched",
                "this service does not fetch pictures from other sites",
                help="Send the picture itself.",
            )
        target = parse(url)
        seconds = max(0.0, min(seconds, self._seconds))
        try:
            # everything is inside: waiting for a turn, looking the name up, redirects
            with anyio.fail_after(seconds):
                async with self._turns.turn(caller):
                    return await self._follow(target)
        except TimeoutError as error:
            raise Problem(
                504,
                "url-timeout",
                "The other site is too slow",
                f"{target.url} had not sent the picture within {seconds:.3g} s",
                target.url,
                "Send the picture itself, or try again later.",
            ) from error

    async def _follow(self, target: Target) -> Fetched:
        """Return the picture at this address, or where redirects lead."""
        first = target
        for _ in range(REDIRECTS + 1):
            answer = await self._get(target)
            if isinstance(answer, Fetched):
                return answer
            following = parse(answer)
            if target.scheme == "https" and following.scheme == "http":
                raise refused(f"{target.url} redirects from https to http", following.url)
            target = following
        raise _failed(f"more than {REDIRECTS} redirects, the last one to {target.url}", first)

    async def _get(self, target: Target) -> Fetched | str:
        """Return the picture at this one address, or the URL that it redirects to."""
        addresses = await self._addresses(target)
        async with self._turns.at(str(addresses[0])):
            return await self._get_from(target, Pinned(self._network, addresses))

    async def _get_from(self, target: Target, network: Pinned) -> Fetched | str:
        tls = self._tls_context() if target.scheme == "https" else None
        origin = httpcore.Origin(target.scheme.encode(), target.host.encode(), target.port)
        request = httpcore.Request(
            "GET",
            httpcore.URL(scheme=origin.scheme, host=origin.host, port=target.port, target=target.target.encode()),
            headers={"Host": target.authority, **HEADERS},
        )
        try:
            async with httpcore.AsyncHTTPConnection(origin, ssl_context=tls, network_backend=network) as connection:
                response = await connection.handle_async_request(request)
                try:
                    return await self._read(target, response)
                finally:
                    await response.aclose()
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            raise _failed(_why(error), target) from error

    async def _read(self, target: Target, response: httpcore.Response) -> Fetched | str:
        headers = _Headers(response.headers)
        if response.status in REDIRECTED:
            if "location" not in headers:
                raise _failed(f"it answered {response.status} without a Location", target)
            try:
                return urljoin(target.url, headers["location"])
            except ValueError as error:
                raise _failed("it redirects to an invalid URL", target) from error
        if response.status != HTTPStatus.OK:
            raise _failed(f"it answered {_status(response.status)}", target)
        media_type = headers.get("content-type", "application/octet-stream").partition(";")[0].strip().lower()
        if not MEDIA_TYPES.fullmatch(media_type):
            raise Problem(
                415,
                "url-not-a-picture",
                "Not a picture",
                f"{target.url} is {media_type}",
                target.url,
                "Give the address of the picture itself, not of a page that shows it.",
            )
        if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise _failed("it sends the picture compressed, although asked not to", target)
        length = headers.get("content-length", "")
        if length.isdecimal() and (len(length) > DIGITS or int(length) > self._max_bytes):
            raise self._too_large(target)
        data = bytearray()
        async for chunk in response.aiter_stream():
            data += chunk
            if len(data) > self._max_bytes:
                raise self._too_large(target)
        return Fetched(bytes(data), media_type, target.url)

    async def _addresses(self, target: Target) -> Sequence[Address]:
        """Return the addresses of the host. Raises Problem unless all of them are allowed."""
        if target.address is not None:
            addresses: Sequence[Address] = [target.address]
        else:
            try:
                addresses = await self._resolve(target.host, target.port)
            except (OSError, UnicodeError) as error:
                raise _failed(f"there is no host {target.host}", target) from error
        if not addresses:
            raise _failed(f"there is no host {target.host}", target)
        if not all(self._is_allowed(address) for address in addresses):
            # the addresses are not revealed: it may be a name of this server's own network
            raise refused(f"{target.host} is not a public address", target.url)
        return addresses

    def _too_large(self, target: Target) -> Problem:
        return Problem(
            413,
            "url-too-large",
            "The picture is too large",
            f"{target.url} is larger than the limit of {self._max_bytes:,} bytes",
            target.url,
            "Give the address of a smaller copy.",
        )

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:  # reading the certificates is slow
            self._tls = httpcore.default_ssl_context()
        return self._tls


class _Headers(dict[str, str]):
    """Headers by lower-case name; the first of several counts."""

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        super().__init__()
        for name, value in raw:
            self.setdefault(name.decode("latin-1").lower(), value.decode("utf-8", "replace"))


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _why(error: Exception) -> str:
    """Return a reason that is safe to tell: nothing about the machines behind a name."""
    match error:
        case httpcore.ConnectError() | httpcore.ConnectTimeout():
            return "no connection, or no valid certificate"
        case httpcore.ProtocolError():
            return "its answer is not valid HTTP, or broke off"
    return "the connection broke"


def _failed(why: str, target: Target) -> Problem:
    return Problem(
        502,
        "url-failed",
        "The address gave no picture",
        f"{target.url}: {why}",
        target.url,
        "Check the address in a browser, try again later, or send the picture itself.",
    )
