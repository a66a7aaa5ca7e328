"""Every knob of the web service, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field

from lookalike.web.http.access import Tokens

MAX_BODY = 64 << 20
"""A picture of the usual 32 MiB as base64 in JSON is 43 MiB; two of them are a comparison of files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """How an index is served.

    `tokens`: who may ask what; none means that only this machine may ask, and may do everything. `cors_origins`:
    pages of these origins may call the service from a browser. `picture_origins`: where addresses for uploads and for
    large pictures lead, if not back to this service; the page may go there. `urls`: pictures may be named by their
    address, which makes this server fetch it. `page`: the page for people is served at `/`. `host_check`: only
    loopback names are answered in the Host header, so that a page which points its own name at 127.0.0.1 learns
    nothing; None means wherever there are no tokens.

    `url_bytes`, `url_seconds`: of one fetched picture, redirects included. `max_body`: bytes of a request, 4.5 MB
    on Lambda. `body_seconds`: a body must have arrived by then, so that slow clients hold no place for ever.
    `sign_seconds`: a picture that takes longer to sign is refused. `concurrency`: requests at work at once, which
    bounds memory; `waiting`: requests that wait for a place, beyond which 429 is kinder than a long silence.

    `duplicates_seconds`: finding duplicates may take so long; by default what an HTTP API of AWS waits for, which is
    30 s. `duplicates_bytes`: of the signatures that are compared for it, which takes up to seven times as much memory.

    `ready_seconds`: a store that does not answer within this is of no use to whoever asks now; `/readyz` says so.

    `max_batch`: images in one `POST /v1/images`; `max_questions`: questions in one search.

    `upload_secret`: signs the addresses that large pictures are put to; several processes of one service need one
    in common, a single one makes its own. `upload_seconds`: how long such an address is good.
    """

    tokens: Tokens = field(default_factory=Tokens.none)
    cors_origins: tuple[str, ...] = ()
    picture_origins: tuple[str, ...] = ()
    urls: bool = True
    page: bool = True
    host_check: bool | None = None

    url_bytes: int = 32 << 20
    url_seconds: float = 20
    max_body: int = MAX_BODY
    body_seconds: float = 60
    sign_seconds: float = 20
    concurrency: int = 64
    waiting: int = 256

    duplicates_seconds: float = 25
    duplicates_bytes: int = 128 << 20

    ready_seconds: float = 5

    max_batch: int = 1000
    max_questions: int = 64

    upload_secret: bytes | None = field(default=None, repr=False)
    upload_seconds: int = 900
