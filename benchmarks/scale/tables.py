"""The tables of docs/scale.md, each made by a run of the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from benchmarks.scale import cloud, shapes
from benchmarks.scale.costs import added
from benchmarks.scale.ingest import MINUTES, NAME_JSON, Play, Setting, play
from benchmarks.scale.lookups import lookups
from benchmarks.scale.query import QUESTIONS, ask
from shards.search.plan import WORKERS
from shards.table.manifest import Manifest
from shards.table.table import TAIL_OBJECTS

TEN_GIGABYTES = 9 << 30
"""What a function of 10 GB has for key hashes."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table by name: what its columns are, and its rows."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        lines = [self.columns, ("---", *["--:"] * (len(self.columns) - 1)), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def to_json(self) -> dict[str, object]:
        return {"table": self.name, "rows": [dict(zip(self.columns, row, strict=True)) for row in self.rows]}


SIZES = tuple(Setting(images) for images in (1_000_000, 100_000_000, 1_000_000_000))
"""As an index is made and run by default."""

BILLION = SIZES[-1]

MENDS: tuple[tuple[str, dict[str, int | bool]], ...] = (
    ("the log collected each minute", {"collected": 60}),
    ("400 images a log object", {"batch": 400}),
    ("all key hashes in the compactor's memory", {"memory": TEN_GIGABYTES}),
    ("a merged segment uploaded once", {"once": True}),
    ("16 objects created at a time", {"at_once": 16}),
    ("folds of 128 MB", {"fold_bytes": 128 << 20}),
    ("4 shards", {"shards": 4}),
)
"""What would help, one after the other."""


@lru_cache
def played(setting: Setting) -> Play:
    return play(setting)


@lru_cache
def manifest(setting: Setting) -> Manifest:
    return setting.grown().manifest


def mended(setting: Setting) -> Setting:
    """With all that would help."""
    for _, change in MENDS:
        setting = replace(setting, **change)  # type: ignore[arg-type]
    return setting


def index_table() -> Table:
    """What an index of each size consists of."""
    rows = []
    for setting in SIZES:
        life = setting.grown()
        segments = sum(map(len, life.manifest.segments))
        busy = played(mended(setting))
        rows.append(
            (
                f"{setting.images:,}",
                f"{segments:,}",
                f"{life.largest:,}",
                _size(sum(segment.size for segment in life.manifest)),
                f"{life.rewritten / setting.images:.1f}",
                f"{_size(busy.json)}, {_size(busy.stored)}",
                f"{busy.json * cloud.UNSEAL:.2f} s, {busy.json * cloud.SEAL:.2f} s",
            )
        )
    columns = ("images", "segments", "at most", "bytes", "times a row is merged", "manifest, stored",
               "read, written in")  # fmt: skip
    return Table("index", columns, tuple(rows))


def adding_table() -> Table:
    """What 10,000 images a second ask of everything before the fold, by images in a log object."""
    rows = []
    for batch in (10, 100, 400, 1000):
        setting = replace(BILLION, batch=batch, collected=60.0)
        logs = setting.rate / batch
        seconds = batch * (cloud.SIGN + (cloud.GET + cloud.PUT) / cloud.PARALLEL) + cloud.PUT
        row = [f"{batch:,}", f"{seconds:.1f} s", f"{logs * seconds:,.0f}", f"{logs:,.0f}"]
        row.append(f"{TAIL_OBJECTS / logs:.1f} s")
        for collected in (setting.collected, 86_400.0):
            listed = replace(setting, collected=2 * collected).listed
            row.append(f"{listed:,} in {cloud.listing(listed):,.1f} s, {_size(listed * NAME_JSON)}")
        rows.append(tuple(row))
    columns = ("images a log object", "made in", "functions", "log objects a second", f"until {TAIL_OBJECTS} wait",
               "listed at most, collected each minute", "collected each day")  # fmt: skip
    return Table("adding", columns, tuple(rows))


def folding_table() -> Table:
    """Ten minutes at 10,000 images a second, or fewer, as it is, and with what would help."""
    chosen = [(f"{one.images:,}, as it is", one) for one in SIZES]
    one = BILLION
    for number, (name, change) in enumerate(MENDS, 1):
        one = replace(one, **change)  # type: ignore[arg-type]
        chosen.append((f"{'and ' * (number > 1)}{number}. {name}", one))
    for one in SIZES[:-1]:
        chosen.append((f"{one.images:,}, with 1.", replace(one, collected=60.0)))
        chosen.append((f"{one.images:,}, with all", mended(one)))
    slower = [replace(one, rate=rate, collected=60.0) for one, rate in zip(SIZES, (1000, 300, 30), strict=True)]
    chosen += [(f"{one.images:,} at {one.rate:,} a second, with 1.", one) for one in slower]
    chosen.append((f"{SIZES[0].images:,} at 100 a second, as it is", replace(SIZES[0], rate=100)))
    alone = replace(SIZES[0], collected=60.0, batch=400, shards=1)
    chosen.append((f"{alone.images:,} in 1 shard, with 1. and 2.", alone))
    waiting = replace(SIZES[0], collected=60.0, batch=400, memory=TEN_GIGABYTES, waits=True)
    chosen.append((f"{waiting.images:,}, with 1. to 3., and folding waits for merges", waiting))
    columns = ("", "folded a second", "a fold takes", "tail at most", "merges done, under way, given up",
               "races lost by folds, merges", "uploaded in vain", "commits a second")  # fmt: skip
    return Table("folding", columns, tuple(_folding(name, one) for name, one in chosen))


def _folding(name: str, setting: Setting) -> tuple[str, ...]:
    done = played(setting)
    return (
        name,
        f"{done.folded / (60 * MINUTES):,.0f}",
        f"{sum(done.folds) / max(len(done.folds), 1):.1f} s",
        f"{done.longest:,}",
        f"{len(done.merges):,}, {done.under_way:,}, {done.gave_up:,}",
        f"{done.lost_folds:,}, {done.lost_merges:,}",
        _size(done.wasted),
        f"{done.commits / (60 * MINUTES):.2f}",
    )


def questions_table() -> Table:
    """What a question takes, with nothing in any memory, and with everything that it reads."""
    rows = []
    for setting in SIZES:
        for question in QUESTIONS:
            cold = ask(manifest(setting), question, warm=False)
            warm = ask(manifest(setting), question, warm=True)
            rows.append(
                (
                    f"{setting.images:,}, {question.name}",
                    f"{len(cold.plan.batches)}",
                    _size(cold.plan.cold),
                    _size(cold.fetched),
                    f"{cold.requests:,}",
                    f"{cold.rounds}",
                    f"{cold.opening:.1f} + {cold.scanning:.1f} + {cold.describing:.1f} = {cold.seconds:.1f} s",
                    f"{warm.seconds:.1f} s" if warm.fits else "does not fit",
                    f"{1000 * cold.dollars:.2f}",
                    f"{1000 * warm.dollars:.2f}" if warm.fits else "",
                )
            )
    columns = ("images, question", "workers", "planned", "fetched", "requests", "rounds a segment",
               "cold: open + scan + describe", "warm", "$ a thousand, cold", "warm")  # fmt: skip
    return Table("questions", columns, tuple(rows))


def tail_table() -> Table:
    """What a tail adds to the opening of a snapshot by a reader that has nothing."""
    rows = []
    for setting in SIZES:
        for records in (1, 10, 100, 10_000):
            reads = lookups(manifest(setting), records)
            asked = ask(manifest(setting), QUESTIONS[2], warm=False, tail=records)
            rows.append(
                (
                    f"{setting.images:,} images, {records:,} in the tail",
                    f"{reads.rounds:,}",
                    f"{reads.requests:,}",
                    _size(reads.fetched),
                    f"{asked.opening:,.1f} s",
                    f"{cloud.download(reads.fetched, reads.rounds):,.1f} s",
                    f"{1000 * asked.dollars:,.2f}",
                )
            )
    columns = ("", "rounds", "requests", "fetched", "opening takes", "of it, were 16 asked at once",
               "$ a thousand questions")  # fmt: skip
    return Table("tail", columns, tuple(rows))


def costs_table() -> Table:
    """Dollars for a million images."""
    rows = []
    for setting in SIZES:
        life = setting.grown()
        cost = added(mended(setting), played(mended(setting)), life.rewritten / setting.images)
        parts = (cost.read, cost.signed, cost.thumbnails, cost.logged, cost.folded, cost.merged, cost.once, cost.stored)
        rows.append((f"{setting.images:,}", *(f"{part:.3f}" for part in parts)))
    columns = ("images there are", "read, queue", "signed", "thumbnails", "logged", "folded", "merged", "all, once",
               "kept, a month")  # fmt: skip
    return Table("costs", columns, tuple(rows))


def settings_table() -> Table:
    """A billion images in more or fewer shards, in larger or smaller segments, with all that would help."""
    rows = []
    for shards, bits in ((1, 20), (4, 20), (16, 20), (64, 20), (4, 22), (16, 22)):
        setting = replace(mended(BILLION), shards=shards, segment_rows=1 << bits)
        done = played(setting)
        life = setting.grown()
        haar, dhash = (ask(life.manifest, QUESTIONS[n], warm=False) for n in (0, 2))
        largest = shapes.segment(0, 1 << bits, 0).size
        rows.append(
            (
                f"{shards} shard{'s' * (shards > 1)}, 2^{bits} rows",
                f"{life.largest:,}",
                _size(largest),
                f"{life.rewritten / setting.images:.1f}",
                _size(done.stored),
                f"{done.folded / (60 * MINUTES):,.0f}",
                f"{done.lost_folds:,}, {done.lost_merges:,}",
                f"{cloud.download(largest) + (1 << bits) * cloud.PACK + cloud.upload(largest):,.0f} s",
                f"{haar.seconds:.1f} s, {1000 * haar.dollars:.0f}",
                f"{dhash.seconds:.1f} s, {1000 * dhash.dollars:.2f}",
            )
        )
    columns = ("", "segments at most", "of bytes", "times a row is merged", "manifest", "folded a second",
               "races lost by folds, merges", "a full merge", "haar, cold: $ a thousand", "dhash within 3")  # fmt: skip
    return Table("settings", columns, tuple(rows))


def limits_table() -> Table:
    """How far each limit is at a billion images and 10,000 a second."""
    asked = ask(manifest(BILLION), QUESTIONS[1], warm=False)
    largest = max(map(len, asked.plan.batches))
    payload = largest * 2 * 1024
    functions = BILLION.rate * (cloud.SIGN + cloud.GET / cloud.PARALLEL)
    limits: Sequence[tuple[str, float, float, str]] = (
        ("segments of one worker in its request, bytes", payload, 6 << 20, ""),
        ("functions that sign", functions, cloud.CONCURRENCY, ""),
        ("workers of a question", len(asked.plan.batches), WORKERS, "the planner's own"),
        ("questions at once", 1, cloud.CONCURRENCY // WORKERS, "of 64 workers, where nothing else runs"),
        ("new environments for a question", len(asked.plan.batches), 1000, "in 10 s"),
        ("thumbnails created a second", BILLION.rate, cloud.PREFIX_PUTS, "under one prefix, until S3 divides it"),
        ("pictures read a second", BILLION.rate, cloud.PREFIX_GETS, "under one prefix, until S3 divides it"),
        ("bytes that a worker of goldberg fetches", asked.fetched / WORKERS, cloud.ON_DISK, "kept on its disk"),
        ("bytes of key hashes", BILLION.images * 8, TEN_GIGABYTES, "in the largest function"),
    )
    rows = [(name, _count(value), _count(limit), f"{value / limit:.2f}", note) for name, value, limit, note in limits]
    return Table("limits", ("", "there are", "limit", "share", ""), tuple(rows))


TABLES: tuple[Callable[[], Table], ...] = (
    index_table,
    adding_table,
    folding_table,
    questions_table,
    tail_table,
    costs_table,
    settings_table,
    limits_table,
)


def _size(size: float) -> str:
    """Bytes as people write them."""
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if size >= 10 or unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _count(number: float) -> str:
    return f"{number:,.0f}"
