"""The originals that a run was told to add, each under its own key."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import BinaryIO

from lookalike.cli.output.human import shown
from lookalike.cli.output.progress import Progress
from lookalike.cli.refused import RefusedError
from lookalike.ingest import files, objects
from lookalike.ingest.files import Rules, Seen
from lookalike.ingest.original import LeftOut, Original
from lookalike.ingest.outcome import Failure
from shards.storage import originals

STDIN = "-"

NUMBER = re.compile("[0-9]{1,18}")
"""The name of a file that is an id of IQDB, which has 64 bits."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The originals that a run was told to add."""

    by_key: dict[str, Original]

    unusable: list[Failure]
    """Files and objects that were named, but cannot be added."""

    left_out: Counter[LeftOut] = field(default_factory=Counter)
    """Numbers of the others that lie in the same folders and buckets, by kind."""


def gather(seen: Iterable[Seen], progress: Progress) -> Inputs:
    """Return all originals, each key once. Raises RefusedError where two have the same key, and names both."""
    by_key: dict[str, Original] = {}
    unusable: list[Failure] = []
    left_out = Counter[LeftOut]()
    for original in seen:
        progress.advance()
        if isinstance(original, Failure):
            unusable.append(original)
            continue
        if isinstance(original, LeftOut):
            left_out[original] += 1
            continue
        first = by_key.setdefault(original.key, original)
        if first.path != original.path:
            raise RefusedError(
                f"{shown(first.path)} and {shown(original.path)} would both get the key {shown(original.key)!r}: add"
                " them one after the other with different --prefix; nothing was added"
            )
    return Inputs(by_key, unusable, left_out)


def seen(
    what: Iterable[str], rules: Rules, *, nul_separated: bool = False, names: Mapping[str, str] | None = None
) -> Iterator[Seen]:
    """Yield the originals that the names stand for: `-` for a list on stdin, URLs of objects, globs, folders, files.

    `names`: by the path of a folder, the name that the keys of its images begin with.
    """
    return chain.from_iterable(_of(name, _named(name, rules, names or {}), nul_separated) for name in what)


def _named(name: str, rules: Rules, names: Mapping[str, str]) -> Rules:
    if not names or name == STDIN or originals.is_url(name):
        return rules
    given = names.get(os.path.realpath(_folder(name)))
    return rules if given is None else replace(rules, prefix=f"{rules.prefix}{given}/")


def _of(name: str, rules: Rules, nul_separated: bool) -> Iterator[Seen]:
    if name == STDIN:
        return files.in_list(listed(sys.stdin.buffer, b"\0" if nul_separated else b"\n"), rules)
    if originals.is_url(name):
        return objects.in_bucket(name, rules)
    return files.in_glob(name, rules) if files.is_glob(name) else files.named(name, rules)


def folders(what: Iterable[str]) -> list[str]:
    """Return the paths, without links, of the folders that were named, and of those in which globs look."""
    named = (os.path.realpath(_folder(name)) for name in what if name != STDIN and not originals.is_url(name))
    return [path for path in named if os.path.isdir(path)]  # noqa: PTH112


def numbered(found: Iterable[Seen]) -> Iterator[Seen]:
    """Yield originals with the number that their file is named by in place of their key: `img/0042.jpg` is `42`.

    One that has another name is a failure.
    """
    for each in found:
        if not isinstance(each, Original):
            yield each
            continue
        name = os.path.splitext(os.path.basename(each.key))[0]  # noqa: PTH119, PTH122
        if NUMBER.fullmatch(name):
            yield replace(each, key=str(int(name)))
        else:
            yield Failure(each.key, "key", f"{each.path}: the file's name is no number", each.path)


def places(what: Iterable[str], found: Iterable[Original]) -> list[str]:
    """Return the folders and URLs that were named, and each file that was found elsewhere: what roots to remember."""
    named = [name if originals.is_url(name) else os.path.abspath(_folder(name)) for name in what if name != STDIN]  # noqa: PTH100
    below = tuple(os.path.join(name, "") for name in named)  # noqa: PTH118
    return [*named, *(original.path for original in found if not original.path.startswith(below))]


def _folder(name: str) -> str:
    return (files.split_glob(name)[0] or ".") if files.is_glob(name) else name


def listed(stream: BinaryIO, separator: bytes) -> Iterator[str]:
    """Yield the names in a stream, whatever bytes they have, without empty ones."""
    rest = b""
    while block := stream.read(1 << 16):
        *names, rest = (rest + block).split(separator)
        yield from (os.fsdecode(name) for name in names if name)
    if rest:
        yield os.fsdecode(rest)
