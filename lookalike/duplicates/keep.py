"""Rules by which one image of a group is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from lookalike.duplicates.facts import LEAST_COMPRESSED, Facts
from shards.errors import QueryError
from shards.table.read.snapshot import Image

Rule: TypeAlias = Literal["colour", "pixels", "bytes", "format", "oldest", "exif", "no-exif", "path"]
"""colour: not a grey copy. pixels: the most. bytes: the largest file. format: the least compressed. oldest: by EXIF,
then by the file's time.
exif, no-exif: with it, or without. path: the shortest."""

RULES: tuple[Rule, ...] = get_args(Rule)

DEFAULT: tuple[Rule, ...] = ("colour", "pixels", "bytes", "format", "oldest", "exif", "path")

NAMED: Mapping[str, Rule] = {"largest": "pixels", "shortest": "path"}
"""Other names of rules."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """The rules that somebody chose."""

    rules: tuple[Rule, ...] = DEFAULT
    """In their order: the next one decides where those before it do not."""

    prefer: tuple[str, ...] = ()
    """Beginnings of keys: images there are kept rather than others, the first the most."""

    protect: tuple[str, ...] = ()
    """Beginnings of keys: images there are never marked or touched."""

    @classmethod
    def of(cls, rules: Sequence[str] = (), prefer: Sequence[str] = (), protect: Sequence[str] = ()) -> Keeping:
        """Return the rules of these names; what they leave open the others decide. Raises QueryError."""
        named = [_rule(rule) for rule in rules]
        rest = [rule for rule in DEFAULT if rule != "exif" or "no-exif" not in named]
        # colours that are gone come back from no copy: they count first unless somebody has another order in mind
        ordered: list[Rule] = [*named, *rest] if "colour" in named else ["colour", *named, *rest]
        return cls(tuple(dict.fromkeys(ordered)), tuple(prefer), tuple(protect))

    def is_protected(self, key: str) -> bool:
        return key.startswith(self.protect) if self.protect else False

    def rank(self, image: Image, facts: Facts) -> tuple[Any, ...]:
        """Return what sorts images, the one to keep first."""
        preferred = next((n for n, prefix in enumerate(self.prefer) if image.key.startswith(prefix)), len(self.prefer))
        return (
            facts.is_link,
            preferred,
            *(_RANKS[rule](image, facts) for rule in self.rules),
            # of two that the rules call equal
            not self.is_protected(image.key),
            image.key,
        )

    def better(self, rule: Rule, image: Image, facts: Facts, other: Image, others: Facts) -> int:
        """Return 1 where an image is better than another by a rule, -1 where it is worse, 0 where both are alike."""
        mine, theirs = _RANKS[rule](image, facts), _RANKS[rule](other, others)
        return int(mine < theirs) - int(theirs < mine)


def _rule(name: str) -> Rule:
    for rule in RULES:
        if NAMED.get(name, name) == rule:
            return rule
    raise QueryError(f"{name!r} is no rule: give {', '.join(RULES)}")


def _format(_: Image, facts: Facts) -> Any:
    name = (facts.format or "").lower()
    return LEAST_COMPRESSED.index(name) if name in LEAST_COMPRESSED else len(LEAST_COMPRESSED)


def _oldest(_: Image, facts: Facts) -> Any:
    # an EXIF date is worth more than the file's time, which copying changes
    return (facts.taken is None, facts.taken or "", facts.modified_ns or 1 << 63)


_RANKS: Mapping[Rule, Callable[[Image, Facts], Any]] = {
    "colour": lambda _, facts: bool(facts.is_grey),
    "pixels": lambda image, _: -image.width * image.height,
    "bytes": lambda _, facts: -(facts.bytes or 0),
    "format": _format,
    "oldest": _oldest,
    "exif": lambda _, facts: not facts.has_exif,
    "no-exif": lambda _, facts: bool(facts.has_exif),
    "path": lambda image, _: len(image.key),
}
