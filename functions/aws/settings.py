"""Settings of the functions, each with its reason. They come from the environment, as `LOOKALIKE_<NAME>`.

The template sets them from one place; those that it leaves out have the values given here.

Parsed by hand: `functions.handlers.scan` reads them in each cold start, and its package has no pydantic.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from shards.errors import LookalikeError
from shards.families import DEFAULT
from shards.search.plan import ALONE, WORKER, WORKERS
from shards.table.format.settings import SEGMENT_ROWS, THUMBNAIL

PREFIX = "LOOKALIKE_"

STACK = PREFIX + "STACK"
"""Variable with the name of the stack, which all its other names begin with."""

FLAGS = {"true": True, "false": False}


class SettingInvalid(LookalikeError):
    """A variable of the environment that is missing, or that cannot be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The way in which the functions are deployed."""

    index: str
    """Address of the index, `s3://bucket/prefix`."""

    images: str = ""
    """The bucket whose pictures are indexed."""

    images_prefix: str = ""
    """The folder of that bucket, with a slash at its end; empty: all of it. It is never the folder of the index, which
    may lie beside it."""

    # What an index is made with, by the function that first finds none. It keeps these for ever.

    families: tuple[str, ...] = DEFAULT
    """Names of its families."""

    shards: int = 4
    """A fold makes a segment in each, so few are better. `lookalike reshard` doubles them."""

    segment_rows: int = SEGMENT_ROWS
    """Larger segments cost fewer requests a query, smaller ones spread better."""

    thumbnails: int = THUMBNAIL
    """Pixels of the longer side, 0 for none."""

    # What a function keeps.

    cache: str = ""
    """A folder in which bytes of the index are kept while the environment lives, the only one that a function may
    write; empty: they are kept in memory only."""

    cache_bytes: int = 384 << 20
    """A function has 512 MB of disk unless it pays for more."""

    memory: int = 256 << 20
    """Bytes of the index that are kept in memory; the rest of the function's memory is for pictures. The compactor
    keeps key hashes, 8 bytes an image, and folds an eighth of this at a time, of 32 to 128 MB."""

    max_staleness: float = 0.0
    """Seconds for which a warm function believes what it knows; 0 sees every write, for two requests a query."""

    # Adding.

    readers: int = 8
    """Objects of a batch that are read at once, 63 ms each. Their signatures are computed one after another: a function
    of 1.8 GB has one processor, and a decoded picture may have 300 MB."""

    reserve: float = 15.0
    """Seconds before the end of a call at which pictures are no longer waited for: the records that there are must be
    written, and a write whose answer is lost is repeated for as long."""

    sign_seconds: float = 10.0
    """Time limit for the signatures of one picture, in a process of its own. The largest needs 6 s."""

    sign_memory: int = 1280 << 20
    """Limit on the memory of that process; the function itself, and what it reads besides, have room for 400 MB."""

    uploads_queue: str = ""
    """URL of the queue that ingest reads; empty: it is not told when to show messages again."""

    again: float = 150.0
    """Seconds until a message with which something went wrong is tried again: five tries bridge ten minutes."""

    hold: float = 10.0
    """Seconds that a batch waits when there is more to fold than there should be (see `lookalike.ingest.throttle`)."""

    # Answering.

    tokens_secret: str = ""
    """Name or ARN of the secret in Secrets Manager with the tokens, a line each as `lookalike serve` takes them. If it
    is empty, missing or without a token, nobody may ask."""

    tokens_seconds: float = 300.0
    """Time for which a token that was taken out of the secret still counts in a warm function."""

    public: bool = False
    """Everybody may ask; adding still needs a token."""

    cors_origins: tuple[str, ...] = ()
    """Pages of these origins may call the API from a browser."""

    urls: bool = True
    """Pictures may be named by their address, which makes the function fetch it."""

    answer_seconds: float = 25.0
    """Time limit for a request. The API gives up after 30 s."""

    max_body: int = 4_500_000
    """Bytes of a request: a function takes 6 MB, and base64 makes it a third more."""

    max_content: int = 4_500_000
    """Bytes of the largest picture that the function sends itself, for the same reason; larger ones are fetched from
    the bucket."""

    address_seconds: int = 900
    """Time for which an address that leads into the bucket is good."""

    # Scanning.

    scan_function: str = ""
    """The function that scans parts of a query that has much to fetch; empty: the API scans by itself."""

    scan_seconds: float = 20.0
    """Time limit for its workers. Then the answer is partial, before `answer_seconds` are over."""

    alone_bytes: int = ALONE
    """Up to so many bytes, the API fetches everything itself. With less, cold answers come sooner, and more functions
    are paid for (see `shards.search.plan`)."""

    worker_bytes: int = WORKER
    """Limit on the bytes that one worker fetches. The same holds for it."""

    workers: int = WORKERS
    """Limit on the workers of one query: fewer of them fetch more bytes each. A new account runs ten functions at once,
    and whatever is asked for beyond that is refused; with less than two, the API scans everything itself."""

    # Folding and merging.

    compact_function: str = ""
    """The function that is called when the log grows faster than the schedule folds it; empty: none is."""

    merge_function: str = ""
    """The function that does merges; empty: the compactor does them itself."""

    merges: int = 16
    """Merges at once."""

    merge_seconds: float = 300.0
    """Time that a merge of the largest segments may take; none is begun when less is left."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Return the settings in the environment. Raises SettingInvalid, which names the variable and its value."""
        given: dict[str, Any] = {}
        for field in fields(cls):
            variable = PREFIX + field.name.upper()
            text = environ.get(variable, "").strip()
            if text:
                given[field.name] = _parse(variable, text, str(field.type))
        if "index" not in given:
            raise SettingInvalid(f"{PREFIX}INDEX is missing: give the address of the index, as s3://bucket/prefix")
        return cls(**given)

    def images_bucket(self) -> str:
        """Return the bucket of the pictures. Raises SettingInvalid if none is given."""
        if not self.images:
            raise SettingInvalid(f"{PREFIX}IMAGES is missing: give the name of the bucket whose pictures are indexed")
        return self.images


def stack_name(environ: Mapping[str, str] = os.environ) -> str:
    """Return the name of the stack that this function belongs to."""
    return environ.get(STACK, "").strip() or "lookalike"


def _flag(text: str) -> bool:
    return FLAGS[text.lower()]


def _not_negative(number: Callable[[str], float]) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = number(text)
        if not 0 <= value < float("inf"):
            raise ValueError(text)
        return value

    return parse


PARSERS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "str": (str, "a text"),
    "int": (_not_negative(int), "a whole number, 0 or more"),
    "float": (_not_negative(float), "a number, 0 or more"),
    "bool": (_flag, "true or false"),
    "tuple[str, ...]": (lambda text: tuple(part.strip() for part in text.split(",") if part.strip()), "a,b,c"),
}
"""The parser of each type of field, and a description of what the text has to be."""


def _parse(variable: str, text: str, kind: str) -> Any:
    parse, expected = PARSERS[kind]
    try:
        return parse(text)
    except (KeyError, ValueError):
        raise SettingInvalid(f"{variable} is {text!r}: it has to be {expected}") from None
