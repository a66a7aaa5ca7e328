"""All that a user can ask of an index, question by question, each of them of an index that was just opened."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from lookalike import Index, Key, LookalikeError
from shards.storage import Store
from shards.storage.effects import Effects
from tests.torture.corruption.scene import FAMILIES, IMAGES, TAIL, key, picture

Question: TypeAlias = Callable[[Index], object]


@dataclass(frozen=True, slots=True)
class Refused:
    """An error of ours in the place of an answer."""

    said: str


@dataclass(frozen=True, slots=True)
class Broken:
    """An error that is not ours, which no user should ever see. `said`: its last lines."""

    said: str


def asked(question: Callable[[], object]) -> object:
    """Return the answer, or Refused, or Broken."""
    try:
        return question()
    except LookalikeError as error:
        return Refused(str(error))
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return Broken(
            f"{type(error).__name__}: {str(error)[:200]} ({where.filename.rpartition('/')[2]}:{where.lineno})"
        )


def _search(family: str, about: Key | bytes, index: Index) -> object:
    answer = index.search(about, family=family, limit=30, orientations=isinstance(about, bytes))
    return [(hit.image, hit.score, hit.variant) for hit in answer.hits]


def _thumbnails(index: Index) -> object:
    return [index.thumbnail(index.get(name).image) for name in (TAIL, "folded.png")]


def _stats(index: Index) -> object:
    stats = index.stats()
    return stats.images, stats.segments, stats.tail_images, stats.size


LIVING = key(77)
"""A key that lives in a segment with search columns."""

QUESTIONS: Mapping[str, Question] = {
    "count": Index.count,
    "list": lambda index: list(index.list()),
    "has": lambda index: index.has([*map(key, range(IMAGES)), TAIL, "folded.png", "none"]),
    "get": lambda index: [
        (stored.image, dict(stored.signatures)) for stored in map(index.get, (LIVING, key(118), TAIL, "folded.png"))
    ],
    **{f"search {family}": partial(_search, family, Key(LIVING)) for family in FAMILIES},
    "search for a new image": partial(_search, "haar", Key(TAIL)),
    "search with a picture": partial(_search, "dhash", picture(1)),
    "duplicates": lambda index: index.duplicates(family="dhash", min_score=95),
    "compare": lambda index: index.compare(Key(LIVING), Key(key(110))),
    "stats": _stats,
    "thumbnails": _thumbnails,
}
"""What is asked, by its name."""


def ask(store: Store, effects: Effects) -> dict[str, object]:
    """Return the answer to each question, or what came instead of it."""

    def answer(question: Question) -> object:
        with Index.open(store, effects=effects) as index:
            return question(index)

    return {name: asked(partial(answer, question)) for name, question in QUESTIONS.items()}
