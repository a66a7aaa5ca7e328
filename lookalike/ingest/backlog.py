"""What a bucket has and its index has not: signed and added, or only counted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from threading import Lock
from typing import Any, Literal, TypeAlias

from functions.aws.events import Context
from functions.aws.listing import Listed
from functions.aws.pictures import Picture, Pictures
from functions.aws.signing import Sign
from lookalike.index import Index
from lookalike.ingest.files import has_picture_extension
from shards.errors import LookalikeError, PictureError, StorageError
from shards.table.format.records import Record
from shards.table.read.snapshot import Image
from shards.table.table import TAIL_BYTES, TAIL_OBJECTS

REPORTED_BYTES = 150_000
"""Of failures in one answer: Step Functions takes 256 KiB from a call."""

EXAMPLES = 20
"""Keys that a count names: whoever wants them all compares the listings."""


class Busy(LookalikeError):
    """The index has more to fold than it should: nothing was read. Try again later."""


class Unfinished(LookalikeError):
    """The time is over, and what was signed is safe in the index. Try again at once: it goes on from there."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An object that is not in the index. `reason`: one word for programs; `message`: for people."""

    key: str
    reason: str
    message: str


Outcome: TypeAlias = Record | LookalikeError | Literal["gone", "left"]
"""Of one picture: signed, not signed, deleted since it was listed, or left for the next call."""

Over: TypeAlias = Callable[[], bool]
"""Whether the time is over: what is under way can be finished, and nothing else begun."""


def ending(context: Context, reserve: float) -> Over:
    """Of a call whose last `reserve` seconds are for what is under way."""
    return lambda: context.get_remaining_time_in_millis() < reserve * 1e3


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a batch of objects.

    `added`: they are in the index as they were when they were read, unless it knows of something later. `unchanged`:
    they were in before. `skipped`: no pictures by their names. `gone`: deleted since they were listed. `failures`:
    the first of them; `failed` counts all.
    """

    added: int
    unchanged: int
    skipped: int
    gone: int
    failed: int
    failures: tuple[Failure, ...]

    def document(self) -> dict[str, Any]:
        """As JSON, with as many of the failures as an answer has room for."""
        sizes = accumulate(len(json.dumps(asdict(one))) + 2 for one in self.failures)
        room = sum(size <= REPORTED_BYTES for size in sizes)
        return {**asdict(self), "failures": [asdict(one) for one in self.failures[:room]]}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an index is. `missing` of the `pictures` are not in it as they are now; `examples`: the first of them.

    `next`: the key after which counting goes on; None when all were counted.
    """

    pictures: int = 0
    indexed: int = 0
    missing: int = 0
    examples: tuple[str, ...] = ()
    next: str | None = None

    def and_of(self, index: Index | None, page: Sequence[Listed]) -> Progress:
        """With the next objects of the listing."""
        pictures = [one for one in page if is_picture(one.key)]
        wanted = [one.key for one in missing(index, pictures)]
        return Progress(
            self.pictures + len(pictures),
            self.indexed + len(pictures) - len(wanted),
            self.missing + len(wanted),
            (*self.examples, *wanted)[:EXAMPLES],
            page[-1].key if page else self.next,
        )


def is_picture(key: str) -> bool:
    """Whether the name says so; folders end in a slash."""
    return not key.endswith("/") and has_picture_extension(key)


def missing(index: Index | None, objects: Sequence[Listed]) -> list[Listed]:
    """Those that the index does not have, or not as they are in the listing: all, where there is no index yet."""
    images = {} if index is None else index.images(one.key for one in objects)
    return [one for one in objects if not _is_known(images.get(one.key), one)]


def _is_known(image: Image | None, listed: Listed) -> bool:
    """Whether nothing would come of signing this object.

    The image was read from an object of this size and time, or the index has something later, and a record of this
    state would lose against it.
    """
    return image is not None and (image.source == listed.source or image.added >= listed.modified_ns)


def add(
    index: Index, objects: Sequence[Listed], pictures: Pictures, sign: Sign, *, readers: int, is_over: Over
) -> Added:
    """Sign and add the pictures among these objects that the index does not have, in one log object.

    `sign`: as `Index.sign`. `readers`: objects that are read at once. What is wrong with one object is said of it and
    stops no other. Raises Busy before anything is read, Unfinished when the time does not suffice, and StorageError
    where the index cannot be read or written, or none of the objects can: after each of them a call with the same
    objects does what is left.
    """
    named = [one for one in objects if is_picture(one.key)]
    wanted = missing(index, named)
    if wanted:
        _refuse_if_busy(index)
    # signed one after another: a function has one processor, and a decoded picture may have 300 MB
    signing_now = Lock()

    def outcome(one: Listed) -> Outcome:
        try:
            if is_over():
                return "left"
            picture = pictures.read(one.key, index.settings.pictures.max_bytes)
            if picture is None:
                return "gone"
            with signing_now:
                return (
                    "left" if is_over() else _signed(index, sign, one.key, picture, pictures.source(one.key, picture))
                )
        except LookalikeError as error:
            return error

    with ThreadPoolExecutor(readers) as pool:
        outcomes = list(pool.map(outcome, wanted))
    broken = [one for one in outcomes if isinstance(one, StorageError)]
    if broken and len(broken) == len(outcomes):
        raise broken[0]
    records = [one for one in outcomes if isinstance(one, Record)]
    index.write(records)
    left = outcomes.count("left")
    if left:
        raise Unfinished(f"the time was over with {left:,} of {len(wanted):,} pictures to go; the others are done")
    failures = tuple(
        _failure(listed, one) for listed, one in zip(wanted, outcomes, strict=True) if isinstance(one, LookalikeError)
    )
    return Added(
        added=len(records),
        unchanged=len(named) - len(wanted),
        skipped=len(objects) - len(named),
        gone=outcomes.count("gone"),
        failed=len(failures),
        failures=failures,
    )


def count(index: Index | None, pages: Iterable[Sequence[Listed]], so_far: Progress, is_over: Over) -> Progress:
    """Count on, page by page, until the listing ends or the time is over."""
    for page in pages:
        so_far = so_far.and_of(index, page)
        if is_over():
            return so_far
    return replace(so_far, next=None)


def _refuse_if_busy(index: Index) -> None:
    objects, size = index.pressure()
    if objects >= TAIL_OBJECTS or size >= TAIL_BYTES:
        raise Busy(f"{index.url}: {objects:,} log objects of {size:,} bytes wait to be folded: compact it, then go on")


def _failure(listed: Listed, error: LookalikeError) -> Failure:
    return Failure(listed.key, error.reason if isinstance(error, PictureError) else "unreadable", str(error))


def _signed(index: Index, sign: Sign, key: str, picture: Picture, source: Mapping[str, Any]) -> Record:
    """The record of an object as it is now.

    Its order is no later than that of any event of this state: S3 cuts LastModified to seconds, and stamps events when
    they are over. So what happens to the object from now on wins, whenever it is told.
    """
    if picture.data is None:
        limit = index.settings.pictures.max_bytes
        raise PictureError("too_large_bytes", f"the object has {picture.size:,} bytes, the limit is {limit:,}")
    return sign(key, picture.data, picture.meta, source=source, order=(picture.modified_ns, 0))
