"""All that a run was told to add, under one key each."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

from lookalike.cli.output.human import shown
from lookalike.cli.output.progress import Progress
from lookalike.ingest import files, objects
from lookalike.ingest.files import Found, Rules, Seen, Unusable
from lookalike.ingest.refused import RefusedError
from shards.storage import originals

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Inputs:
    """`found`: by key. `unusable`: what was met and cannot be added."""

    found: dict[str, Found]
    unusable: list[Unusable]


def gather(seen: Iterable[Seen], progress: Progress) -> Inputs:
    """Everything, each key once. Raises RefusedError where two pictures would have one key, and names both."""
    found: dict[str, Found] = {}
    unusable: list[Unusable] = []
    for one in seen:
        progress.advance()
        if isinstance(one, Unusable):
            unusable.append(one)
            continue
        other = found.setdefault(one.key, one)
        if other.path != one.path:
            raise RefusedError(
                f"{shown(other.path)} and {shown(one.path)} would both get the key {shown(one.key)!r}: add them one"
                " after the other with different --prefix; nothing was added"
            )
    return Inputs(found, unusable)


def seen(what: Iterable[str], rules: Rules, *, nul_separated: bool = False) -> Iterator[Seen]:
    """Whatever these name: `-` for a list on stdin, URLs of objects, globs, folders, files."""
    return chain.from_iterable(_of(name, rules, nul_separated) for name in what)


def _of(name: str, rules: Rules, nul_separated: bool) -> Iterator[Seen]:
    if name == STDIN:
        return files.in_list(listed(sys.stdin.buffer, b"\0" if nul_separated else b"\n"), rules)
    if originals.is_url(name):
        return objects.in_bucket(name, rules)
    return files.in_glob(name, rules) if files.is_glob(name) else files.named(name, rules)


def listed(stream: BinaryIO, separator: bytes) -> Iterator[str]:
    """The names in this stream, whatever bytes they have; empty ones are left out."""
    rest = b""
    while block := stream.read(1 << 16):
        *names, rest = (rest + block).split(separator)
        yield from (os.fsdecode(name) for name in names if name)
    if rest:
        yield os.fsdecode(rest)
