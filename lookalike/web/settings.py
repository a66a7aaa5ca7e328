"""The settings of the web service."""

from __future__ import annotations

from dataclasses import dataclass, field

from lookalike.links import LinkTemplate
from lookalike.web.http.access import Tokens

MAX_BODY = 64 << 20
"""Bytes. A picture of the usual 32 MiB is 43 MiB as base64 in JSON; a comparison of two files needs twice that room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """The settings of one app."""

    tokens: Tokens = field(default_factory=Tokens.none)
    """The known tokens and their scopes. Without tokens, requests from this machine alone may do everything."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may call the service from a browser."""
    picture_origins: tuple[str, ...] = ()
    """Origins to which addresses of uploads and large pictures lead, if not to this service; the page may go there."""
    urls: bool = True
    """`True`: a request may give a picture by its address, which this server then fetches."""
    page: bool = True
    """`True`: the page for people is served at `/`."""
    host_check: bool | None = None
    """`True`: the Host header must name this machine, so that a page which points its own name at 127.0.0.1 learns
    nothing. `None`: the same, but only where there are no tokens.
    """

    url_bytes: int = 32 << 20
    """Size of one fetched picture."""
    url_seconds: float = 20
    """Time for fetching one picture, waiting for its turn and redirects included."""
    urls_seconds: float = 120
    """Time for fetching all pictures that one request gives by their addresses."""
    max_body: int = MAX_BODY
    """Bytes of a request; a function on Lambda takes 4.5 MB."""
    body_seconds: float = 60
    """Time in which a body must arrive, so that slow clients do not hold their places for ever."""
    picture_seconds: float = 20
    """Time for computing the signatures of one picture; a picture that takes longer is refused."""
    concurrency: int = 32
    """Calls of the index at once, most of which wait for the store; others wait for their turn."""
    waiting: int = 256
    """Requests beyond these that may be at work or wait; past that, a 429 is kinder than a long silence."""

    duplicates_seconds: float = 25
    """Time for finding duplicates; an HTTP API of AWS waits for 30 s."""
    duplicates_bytes: int = 128 << 20
    """Bytes of the signatures that are compared to find duplicates, which takes up to seven times as much memory."""

    reviews: bool = True
    """`True`: duplicates are reviewed here: in a thread, and kept in memory. No function does that."""
    files_reason: str | None = "this service does not touch files"
    """Why callers may not have the files of duplicates moved, linked and deleted; `None`: with the scope `files`."""

    ready_seconds: float = 5
    """Time in which the store must answer `/readyz`; a slower one is of no use to whoever searches now."""

    max_batch: int = 1000
    """Images in one `POST /v1/images`."""
    max_questions: int = 64
    """Questions in one search."""

    link: LinkTemplate | None = None
    """What makes an address of each hit, of its key and metadata; `None`: hits have no links."""
    max_streamed: int | None = None
    """Hits of one answer in lines, after which it ends with a cursor; `None`: all. A function sends 6 MB at most."""

    public_url: str | None = None
    """The address of the service as clients know it, without a slash at its end; `None`: they are told paths only."""
    upload_secret: bytes | None = field(default=None, repr=False)
    """The secret that signs addresses for uploads, the same for all processes of a service; `None` is a random one."""
    upload_seconds: int = 900
    """Time for which an address for uploads is good."""

    @property
    def checks_host(self) -> bool:
        """True where the Host header must name this machine."""
        return self.tokens.is_open if self.host_check is None else self.host_check
