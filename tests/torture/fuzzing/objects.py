"""The objects of an index, each with its digest and its checksums made right: what a stranger's index may hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from random import Random
from typing import TypeAlias

from lookalike import Index, Key, LookalikeError
from shards.storage.memory import MemoryStore
from shards.table.format import names, thumbnails
from tests.torture.corruption import scene
from tests.torture.corruption.crafting import (
    archived,
    changed,
    named_instead,
    newest,
    resealed_segment,
    sealed,
    strange_bytes,
    strange_member,
    unsealed,
)
from tests.torture.corruption.crafting import members as members_of
from tests.torture.corruption.damages import Objects, kind
from tests.torture.fuzzing.target import Mutation, Target
from tests.world import FakeWorld

LONGEST_ERROR = 20_000
"""Characters: what an object holds is not repeated at any length."""

Question: TypeAlias = Callable[[Index], object]


def valid() -> Objects:
    """The objects of a small index in good order."""
    return scene.built(7)[0]


def asked(changes: Mapping[str, bytes], *questions: Question, of: Sequence[str] = ("segments", "dead")) -> None:
    """Ask an index with other objects in it: every question is answered, or refused with an error of ours.

    `of`: the kinds of valid objects that are there besides the settings; the newest manifest comes with its segments.
    """
    world = FakeWorld(8, scene.built(7)[1])
    store = MemoryStore(clock=lambda: world.now_ns() / 1e9)
    kept_kinds = {"index.json", *of}
    manifest = {newest(valid())} if "segments" in of else set()
    objects = {name: body for name, body in valid().items() if kind(name) in kept_kinds or name in manifest}
    for name, body in scene.placed({**objects, **changes}, 7).items():
        store.create(name, body)
    try:
        index = Index.open(store, effects=world)
    except LookalikeError as error:
        assert len(str(error)) < LONGEST_ERROR
        return
    for question in questions:
        try:
            question(index)
        except LookalikeError as error:
            assert len(str(error)) < LONGEST_ERROR


def listed(index: Index) -> object:
    return list(index.list())


def verified(index: Index) -> object:
    return index.verify()


def kept(index: Index) -> object:
    """Folding and merging change no answer."""
    before = {image.key: image for image in index.list()}
    index.compact(everything=True)
    after = {image.key: image for image in index.list()}
    assert before == after
    return after


def searched(index: Index) -> object:
    living = next(index.list(), None)
    if living is None:
        return None
    return [index.search(Key(living.key), family=name, limit=5) for name in scene.FAMILIES]


# JSON documents: the first letter says which


def check_document(data: bytes) -> None:
    which, body = data[:1], data[1:]
    name = "index.json" if which == b"i" else newest(valid())
    # "e": the bytes of the whole object
    asked({name: body if which == b"e" else sealed(body, packed=which == b"g")}, Index.stats, listed, verified)


def documents() -> Sequence[bytes]:
    found = []
    for name in ("index.json", newest(valid())):
        body = json.dumps(unsealed(valid()[name]), separators=(",", ":")).encode()
        found += [b"i" + body] if name == "index.json" else [b"m" + body, b"g" + body]
        found.append(b"e" + valid()[name])
    return found


def mutate_document(data: bytes, plain: Mutation, random: Random) -> bytes:
    if data[:1] in (b"i", b"m", b"g") and random.random() < 0.7:
        try:
            return data[:1] + json.dumps(changed(json.loads(data[1:]), random), separators=(",", ":")).encode()
        except (ValueError, RecursionError):
            pass
    return data[:1] + plain(data[1:])


# log objects


def check_log(data: bytes) -> None:
    asked({names.log(1_800_000_000_001, data): data}, listed, verified, kept, searched, of=())


def logs() -> Sequence[bytes]:
    return [body for name, body in valid().items() if kind(name) == "log"]


def mutate_archive(data: bytes, plain: Mutation, random: Random) -> bytes:
    """Mutate one column, or the archive around it; the checksums of the columns are right mostly."""
    if random.random() < 0.2:
        return plain(data)
    try:
        columns = members_of(data)
    except Exception:
        # what zipfile and its decompressors raise of broken archives has no common base
        return plain(data)
    if not columns:
        return plain(data)
    at = random.randrange(len(columns))
    name, head, body = columns[at]
    match random.randrange(4):
        case 0:
            columns[at] = name, head, plain(body)
        case 1:
            columns[at] = name, plain(head), body
        case 2:
            columns[at] = strange_member(columns[at], random)
        case _:
            del columns[at]
    try:
        return archived(columns, random)
    except (ValueError, OSError):
        return data


# segments: the first byte says which, the others take the place of its own


def check_segment(data: bytes) -> None:
    at = data[0] if data else 0
    name = segments()[at % len(segments())]
    asked(resealed_segment(valid(), name, over(valid()[name], data[1:])), listed, searched, verified)


@lru_cache
def segments() -> Sequence[str]:
    """The segments of the newest manifest."""
    return [segment["name"] for shard in unsealed(valid()[newest(valid())])["shards"] for segment in shard]


def over(body: bytes, data: bytes) -> bytes:
    return (data + body[len(data) :])[: len(body)]


def segment_files() -> Sequence[bytes]:
    return [bytes([n]) + valid()[name] for n, name in enumerate(segments())]


def mutate_segment(data: bytes, plain: Mutation, random: Random) -> bytes:
    return data[:1] + (strange_bytes(data[1:], random) if random.random() < 0.5 else plain(data[1:]))


# lists of dead rows, and thumbnails


def check_dead(data: bytes) -> None:
    named = json.dumps(unsealed(valid()[newest(valid())]))
    old = min(name for name in valid() if kind(name) == "dead" and name in named)
    changes = named_instead(valid(), old, names.dead(data, "0" * 16), data)
    asked(changes, listed, searched, verified, lambda index: index.compact(everything=True))


def dead_lists() -> Sequence[bytes]:
    return [body for name, body in valid().items() if kind(name) == "dead"]


def check_thumbnail(data: bytes) -> None:
    name = min(name for name in valid() if kind(name) == "thumbnails")
    assert thumbnails.unseal(name, memoryview(thumbnails.seal(data))) == data
    asked(
        {name: data},
        lambda index: [index.thumbnail(image) for image in index.list(prefix="tail")],
        verified,
        of=("log",),
    )


def small_pictures() -> Sequence[bytes]:
    return [body for name, body in valid().items() if kind(name) == "thumbnails"]


DOCUMENTS = Target(check_document, documents, (b"null", b"NaN", b"1e999", b"[[[[", b"\\ud800"), mutate_document)
LOGS = Target(check_log, logs, (b"\x93NUMPY\x01\0", b"'descr'", b"'|O'", b"PK\x03\x04"), mutate_archive)
SEGMENTS = Target(check_segment, segment_files, (b"\xff\xff\xff\xff",), mutate_segment, longest=1 << 17)
DEAD = Target(check_dead, dead_lists, (b"'<u4'", b"'shape': (", b"\xff\xff\xff\xff"))
THUMBNAILS = Target(check_thumbnail, small_pictures)
