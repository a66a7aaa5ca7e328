"""Searching crops: a stored row and a full question beside the top 10 of Haar signatures, warm and cold.

Real rows are in crops.npz beside this file, of photographs of clothes that are in the public domain (CC0,
github.com/alexeygrigorev/clothing-dataset-small), in which all of one kind hang, lie or are worn before a few
backgrounds. `python -m benchmarks crops-rows FOLDER` makes such a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.columns import REQUEST_WORTH, Stored
from benchmarks.measure import Result, median_seconds, seconds
from benchmarks.signatures import crossed_haar, real_rows
from shards.errors import PictureError
from shards.families import ColumnReader, Matches, Rows
from shards.families.base import search_plainly
from shards.families.crops import Crops
from shards.families.crops.row import STORED
from shards.families.haar import Haar
from shards.families.resident import Resident
from shards.pictures.decoding import decode

COUNT = 1_000_000

QUERIES = 20

ROWS = Path(__file__).parent / "crops.npz"

KEPT = 1000
"""Rows of the file: 48,000 features, whose words are as skewed as those of any number."""

CROSSED = 1 << 14
"""Rows made at a time, so that temporaries stay small."""

OTHER_WORDS, OTHER_BITS = 6, 5
"""Halvings of the probability that a bit differs from its parent's, within the word and outside of it: 1/64 and 1/32.
With these a question is compared with as many features, and is near as many, as with a million real rows, extrapolated
from 4,800: 8 million and 60,000."""

CROPS, HAAR = Crops(), Haar()


@dataclass(frozen=True, slots=True)
class Question:
    """What a measurement asks by, and what it may cost."""

    what: str
    queries: Sequence[Rows]
    times_haar: float


def run(count: int = COUNT) -> list[Result]:
    """Search `count` rows for pictures that are not among them."""
    parents, questions = real()
    rows = crossed(parents, count, seed=0)
    made: dict[str, NDArray[np.generic]] = {}
    build = seconds(lambda: made.update(CROPS.columns(rows)))
    reader = Resident(made, count)
    _check(questions[:3], reader)
    kinds = [
        Question("a stored row", [both[:1] for both in questions], 1.5),
        Question("500 features", [both[1:] for both in questions], 5),
        Question("both rows of a question", list(questions), 5),
    ]
    haar, *times = _typical([_haar(count), *(_asking(reader, kind.queries) for kind in kinds)])
    stored = Stored.of(made, count)
    row_bytes = sum(array.nbytes for array in made.values()) / count
    found = []
    for kind, ours in zip(kinds, times, strict=True):
        found.append(
            Result(
                f"crops, {kind.what}, exact top 10",
                ours,
                "haar, exact top 10",
                haar,
                f"{row_bytes:.0f} B a row",
                f"at most {kind.times_haar:g} of its time, 1,450 B a row",
                ours <= kind.times_haar * haar and row_bytes <= 1450,
                rows=count,
                row_bytes=row_bytes,
                build=build,
            )
        )
        if len(kind.queries[0]) == 1:
            found += _cold(stored, kind, count, ours)
    return found


def _cold(stored: Stored, kind: Question, count: int, warm: float) -> Iterator[Result]:
    """Measure the same questions, each by a reader without a cache, where bytes count and where requests do."""
    for what, gap in (("bytes count", 1), ("requests count", REQUEST_WORTH)):
        cold = stored.cold(np.concatenate(kind.queries), _search, gap)
        yield Result(
            f"  the same, cold, where {what}",
            cold.seconds,
            "warm",
            warm,
            f"{cold.bytes / count:.1f} B a row, {cold}",
            rows=count,
            read_bytes=cold.bytes,
        )


def _search(queries: Rows, reader: ColumnReader) -> Matches:
    return CROPS.search(queries, reader, limit=10)


def _check(questions: Sequence[Rows], reader: Resident) -> None:
    """Compare answers with those of the plain formula. Raises RuntimeError."""
    some = Resident({"crops": reader.columns["crops"][: 1 << 15]}, min(1 << 15, reader.rows))
    indexed = Resident(CROPS.columns(some.columns["crops"]), some.rows)
    for number, queries in enumerate(questions):
        found = _search(queries, indexed)
        plain = search_plainly(CROPS.score, "crops", queries, some, limit=10, min_score=CROPS.least_score, dead=None)
        if found.rows.tolist() != plain.rows.tolist() or found.scores.tobytes() != plain.scores.tobytes():
            raise RuntimeError(f"question {number} of crops found {found.rows}, the plain formula {plain.rows}")


def _haar(count: int) -> list[Callable[[], object]]:
    """Return searches of as many Haar signatures."""
    parents = real_rows("haar")
    held_out = max(len(parents) // 10, 1)
    queries = crossed_haar(parents[:held_out], QUERIES, seed=1)
    reader = Resident(HAAR.columns(crossed_haar(parents[held_out:], count, seed=0)), count)
    return [partial(HAAR.search, HAAR.asked(queries[n : n + 1]), reader, limit=10) for n in range(QUERIES)]


def _asking(reader: Resident, questions: Sequence[Rows]) -> list[Callable[[], object]]:
    return [partial(_search, queries, reader) for queries in questions]


def _typical(works: Sequence[Sequence[Callable[[], object]]]) -> list[float]:
    """Return the medians of several kinds of work, in turn, so that what else the machine does slows all down alike."""
    times = [[median_seconds(one, runs=3) for one in turn] for turn in zip(*works, strict=True)]
    medians: list[float] = np.median(times, axis=0).tolist()
    return medians


def real() -> tuple[Rows, list[Rows]]:
    """Return stored rows of real pictures, and the questions that other pictures are asked for by."""
    with np.load(ROWS) as file:
        rows, questions = file["rows"], file["questions"]
    return rows.view(CROPS.dtype)[:, 0], list(questions.view(CROPS.question_dtype)[..., 0])


def crossed(parents: Rows, count: int, seed: int) -> Rows:
    """Return rows with each feature from one of two real rows, and a few bits of each code the other way."""
    rng = np.random.default_rng(seed)
    rows = np.empty(count, CROPS.dtype)
    word = np.uint64((1 << 17) - 1)
    for start in range(0, count, CROSSED):
        some = min(CROSSED, count - start)
        one, other = (parents[rng.integers(0, len(parents), some)] for _ in range(2))
        is_others = rng.integers(0, 2, (some, STORED, 1), np.uint8) == 1
        features = np.where(is_others, other["features"], one["features"])
        flips = np.full((some, STORED), ~np.uint64(0))
        for halving in range(OTHER_WORDS):
            half = rng.integers(0, 1 << 64, (some, STORED), np.uint64)
            flips &= half if halving < OTHER_BITS else half | ~word
        codes = np.ascontiguousarray(features[..., :8]).view("<u8")[..., 0] ^ flips
        features[..., :8] = codes[..., None].view(np.uint8).reshape(some, STORED, 8)
        made = rows[start : start + some]
        for name in ("width", "height"):
            made[name] = one[name]
        made["count"] = np.minimum(one["count"], other["count"])
        made["features"] = features * (np.arange(STORED) < made["count"][:, None])[..., None].astype(np.uint8)
    return rows


def write_rows(folder: Path, out: Path) -> int:
    """Write rows of pictures in a folder that have 48 features, and the questions of others; return their number."""
    rows: list[Rows] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            picture = decode(path.read_bytes())
        except PictureError:
            continue
        row, questions = CROPS.compute_both(picture)
        if row["count"] == STORED:
            rows.append(questions)
        if len(rows) == KEPT + QUERIES:
            break
    asked = np.array(rows[:QUERIES])
    features = np.array([question["features"][0, :STORED] for question in rows[QUERIES:]], np.uint8)
    stored = np.zeros(len(features), CROPS.dtype)
    stored["features"] = features
    for name in ("count", "width", "height"):
        stored[name] = [question[name][0] for question in rows[QUERIES:]]
    np.savez_compressed(
        out,
        rows=stored.view(np.uint8).reshape(len(stored), -1),
        questions=asked.view(np.uint8).reshape(*asked.shape, -1),
    )
    return len(rows)
