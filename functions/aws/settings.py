"""Every knob of the functions, each with its reason. They come from the environment, as `LOOKALIKE_<NAME>`.

The template sets them from one place; what it leaves out has the value that stands here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from shards.errors import LookalikeError
from shards.families import DEFAULT
from shards.search.plan import ALONE, WORKER
from shards.table.format.settings import SEGMENT_ROWS, THUMBNAIL

PREFIX = "LOOKALIKE_"

STACK = PREFIX + "STACK"
"""Variable with the name of the stack, which is in front of all its names."""

FLAGS = {"true": True, "false": False}


class SettingInvalid(LookalikeError):
    """A variable of the environment that is missing, or says nothing that can be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the functions are deployed.

    `index`: its address, `s3://bucket/prefix`. `images`: the bucket whose pictures are indexed.

    What an index is made with, by the function that first finds none; it keeps them for ever. `families`: their
    names. `shards`: a fold makes a segment in each, so few are better; `lookalike reshard` doubles them.
    `segment_rows`: larger segments cost fewer requests a query, smaller ones spread better. `thumbnails`: pixels, 0 for
    none.

    `cache`: a folder in which bytes of the index are kept while the environment lives; empty: in memory only. It is
    the one place of a function that may be written. `cache_bytes`: a function has 512 MB there unless it pays for
    more. `memory`: bytes of the index kept in memory; the rest of the function's is for pictures. The compactor keeps
    key hashes, 8 bytes an image, and folds an eighth of it at a time, of 32 to 128 MB.
    `max_staleness`: seconds for which a warm function asks nothing before it answers; 0 sees every write, for two
    requests a query.

    `readers`: objects of a batch that are read at once, 63 ms each; they are signed one after another, since a function
    of 1.8 GB has one processor, and one decoded picture may have 300 MB. `reserve`: seconds before the end at which no
    picture is begun: what was signed must be written. `sign_seconds`, `sign_memory`: what one picture may take, in a
    process of its own, before it is given up: the largest needs 6 s, and the function itself and what it reads besides
    have room for 400 MB. `hold`: seconds that a batch waits when there is more to fold than there should be (see
    `functions.aws.throttle`).

    `tokens_secret`: name or ARN of the secret in Secrets Manager that has the tokens, a line each as `lookalike serve`
    takes them; empty, missing or without a token, nobody may ask. `tokens_seconds`: how long a token that was taken
    out of it still counts in a warm function. `public`: everybody may ask; adding still needs a token.
    `cors_origins`: pages of these origins may call the API from a browser. `urls`: pictures may be named by their
    address, which makes the function fetch it.
    `answer_seconds`: what a request may take; the API gives up after 30.
    `max_body`: bytes of a request, of the 6 MB that a function takes after base64 made them a third more.
    `max_content`: bytes of a picture that the function sends itself, for the same reason; larger ones are fetched
    from the bucket.
    `address_seconds`: how long an address that leads into the bucket is good.

    `scan_function`: what a query that has much to fetch is handed to, in parts; empty: the API scans by itself.
    `scan_seconds`: what its workers may take; then the answer is partial, before `answer_seconds` are over.
    `alone_bytes`: up to so many the API fetches everything itself; `worker_bytes`: what one worker fetches at most.
    Less of either: cold answers come sooner, and more functions are paid for (see `shards.search.plan`).

    `compact_function`: what is called when the tail grows faster than the schedule folds it; empty: nothing is.
    `merge_function`: what merges are handed to; empty: the compactor merges by itself. `merges`: at once.
    `merge_seconds`: what a merge of the largest segments may take; none is begun when less is left.
    """

    index: str
    images: str = ""

    families: tuple[str, ...] = DEFAULT
    shards: int = 4
    segment_rows: int = SEGMENT_ROWS
    thumbnails: int = THUMBNAIL

    cache: str = ""
    cache_bytes: int = 384 << 20
    memory: int = 256 << 20
    max_staleness: float = 0.0

    readers: int = 8
    reserve: float = 15.0
    sign_seconds: float = 10.0
    sign_memory: int = 1280 << 20
    hold: float = 10.0

    tokens_secret: str = ""
    tokens_seconds: float = 300.0
    public: bool = False
    cors_origins: tuple[str, ...] = ()
    urls: bool = True
    answer_seconds: float = 25.0
    max_body: int = 4_500_000
    max_content: int = 4_500_000
    address_seconds: int = 900

    scan_function: str = ""
    scan_seconds: float = 20.0
    alone_bytes: int = ALONE
    worker_bytes: int = WORKER

    compact_function: str = ""
    merge_function: str = ""
    merges: int = 16
    merge_seconds: float = 300.0

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """What the environment says. Raises SettingInvalid, which names the variable and its value."""
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
        """The bucket of the pictures. Raises SettingInvalid where none is given."""
        if not self.images:
            raise SettingInvalid(f"{PREFIX}IMAGES is missing: give the name of the bucket whose pictures are indexed")
        return self.images


def stack_name(environ: Mapping[str, str] = os.environ) -> str:
    """The name of the stack that this function is of."""
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
"""By the type of a field: how its text is read, and what it has to be."""


def _parse(variable: str, text: str, kind: str) -> Any:
    parse, wanted = PARSERS[kind]
    try:
        return parse(text)
    except (KeyError, ValueError):
        raise SettingInvalid(f"{variable} is {text!r}: it has to be {wanted}") from None
