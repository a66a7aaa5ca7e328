"""The tables of docs/scale.md, each made by a run of the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from benchmarks.scale import cloud, shapes
from benchmarks.scale.ceiling import Busy, Reserved
from benchmarks.scale.costs import added
from benchmarks.scale.ingest import MINUTES, NAME_JSON, Play, Setting, play
from benchmarks.scale.lookups import lookups
from benchmarks.scale.query import NEAREST, QUESTIONS, ask, stages
from lookalike.ingest.backpressure import BACKPRESSURE
from shards.search.plan import WORKERS
from shards.table.format.manifest import Manifest

LARGEST = 8 << 30
"""Bytes of key hashes that a function of 10 GB keeps beside what a fold takes: `compact-bytes` of `serverless.yml`."""


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


SIZES = (Setting(1_000_000), Setting(100_000_000), Setting(1_000_000_000, memory=LARGEST))
"""The default settings; for a billion images with as much memory as the page says."""

BILLION = SIZES[-1]

BUSY = 400
"""Images in a log object when 10,000 are added a second."""


CEILINGS = (50, 100, 250, 500, 1000, 2500, 5000)
"""Dollars a day."""


@lru_cache
def played(setting: Setting) -> Play:
    return play(setting)


@lru_cache
def manifest(setting: Setting) -> Manifest:
    return setting.grown().manifest


def busy(setting: Setting) -> Setting:
    """Return the settings for so many adds."""
    return replace(setting, batch=BUSY)


def index_table() -> Table:
    """Return what an index of each size consists of."""
    rows = []
    for setting in SIZES:
        life = setting.grown()
        segments = sum(map(len, life.manifest.segments))
        done = played(busy(setting))
        rows.append(
            (
                f"{setting.images:,}",
                f"{segments:,}",
                f"{life.largest:,}",
                _size(sum(segment.size for segment in life.manifest)),
                f"{life.rewritten / setting.images:.1f}",
                f"{_size(done.json)}, {_size(done.stored)}",
                f"{done.json * cloud.UNSEAL:.2f} s, {done.json * cloud.SEAL:.2f} s",
            )
        )
    columns = ("images", "segments", "at most", "bytes", "times a row is merged", "manifest, stored",
               "read, written in")  # fmt: skip
    return Table("index", columns, tuple(rows))


def adding_table() -> Table:
    """Return the load of 10,000 images a second before the fold, by images in a log object."""
    rows = []
    for batch in (10, 100, 400, 1000):
        setting = replace(BILLION, batch=batch)
        logs = setting.rate / batch
        seconds = batch * (cloud.SIGN + (cloud.GET + cloud.PUT) / cloud.PARALLEL) + cloud.PUT
        row = [f"{batch:,}", f"{seconds:.1f} s", f"{logs * seconds:,.0f}", f"{logs:,.0f}"]
        row.append(f"{BACKPRESSURE.max_objects / logs:.1f} s")
        for collected in (0.0, 86_400.0):
            listed = replace(setting, collected=2 * collected).listed
            row.append(f"{listed:,} in {cloud.listing(listed):,.1f} s, {_size(listed * NAME_JSON)}")
        rows.append(tuple(row))
    until = f"until {BACKPRESSURE.max_objects} wait"
    columns = ("images a log object", "made in", "functions", "log objects a second", until,
               "listed at most, collected as it is folded", "once a day")  # fmt: skip
    return Table("adding", columns, tuple(rows))


def folding_table() -> Table:
    """Return ten minutes at 10,000 images a second, or fewer: by default, with better settings, and with worse ones."""
    chosen = [(f"{one.images:,}, as it is", one) for one in SIZES]
    chosen += [(f"{one.images:,}, {BUSY} images a log object", busy(one)) for one in SIZES]
    last = busy(BILLION)
    others: tuple[tuple[str, Setting], ...] = (
        ("but 1.5 GB for the compactor", replace(last, memory=Setting(1).memory)),
        ("but the log is collected once a day", replace(last, collected=86_400.0)),
        ("but folds of 32 MB", replace(last, fold_bytes=32 << 20)),
        ("but one object after the other", replace(last, at_once=1)),
        ("but in 1 shard", replace(last, shards=1)),
        ("but in 16 shards", replace(last, shards=16)),
    )
    chosen += [(f"the same, {name}", one) for name, one in others]
    slower = zip(SIZES, (100, 1000, 1000), strict=True)
    chosen += [(f"{one.images:,} at {rate:,} a second, as it is", replace(one, rate=rate)) for one, rate in slower]
    columns = ("", "folded a second", "a fold takes", "tail at most", "merges done, under way", "a merge takes",
               "commits a minute")  # fmt: skip
    return Table("folding", columns, tuple(_folding(name, one) for name, one in chosen))


def _folding(name: str, setting: Setting) -> tuple[str, ...]:
    done = played(setting)
    return (
        name,
        f"{done.folded / (60 * MINUTES):,.0f}",
        f"{_mean(done.folds):.1f} s",
        f"{done.longest:,}, {_size(done.longest * shapes.log_bytes(setting.batch))}",
        f"{len(done.merges):,}, {done.under_way:,}",
        f"{_mean(done.merges):.0f} s" if done.merges else "",
        f"{done.commits / MINUTES:.1f}",
    )


def _mean(seconds: Sequence[float]) -> float:
    return sum(seconds) / max(len(seconds), 1)


def questions_table() -> Table:
    """Return the cost of questions, with nothing in any memory, and with everything that they read."""
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


def auto_table() -> Table:
    """Return what of a question to all families is asked of an index of which nothing is in memory, and what is not."""
    rows = []
    for setting in SIZES:
        made = stages(manifest(setting))
        first = [part.family.name for part in made.first.parts if any(map(len, part.questions))]
        later = [part.family.name for part in made.second.parts if any(map(len, part.questions))]
        left = [f"{each.family}{'' if each.whole else ', dear rows'} ({_size(each.fetched)})" for each in made.cold]
        cost = ""
        if first == [NEAREST.family] and not later:
            asked = ask(manifest(setting), NEAREST, warm=False)
            cost = f"{asked.seconds:.1f} s, {1000 * asked.dollars:.2f}"
        rows.append((f"{setting.images:,}", ", ".join(first), ", ".join(later), "; ".join(left), cost))
    columns = ("images", "asked", "where nothing is certain", "not asked", "cold: seconds, $ a thousand")
    return Table("auto", columns, tuple(rows))


def tail_table() -> Table:
    """Return the cost of a tail for a reader without a cache: of a question, and of counting."""
    rows = []
    for setting in SIZES:
        for records in (0, 1, 100, 10_000):
            asked = ask(manifest(setting), QUESTIONS[2], warm=False, tail=records)
            reads = lookups(manifest(setting), records)
            rows.append(
                (
                    f"{setting.images:,} images, {records:,} in the tail",
                    f"{asked.opening:,.1f} s",
                    f"{asked.seconds:,.1f} s",
                    f"{1000 * asked.dollars:,.2f}",
                    f"{reads.requests:,}",
                    _size(reads.fetched),
                    f"{reads.seconds:,.1f} s",
                )
            )
    columns = ("", "opening takes", "the answer", "$ a thousand questions", "counting: look-ups", "fetched", "take")
    return Table("tail", columns, tuple(rows))


def costs_table() -> Table:
    """Return the dollars for a million images."""
    rows = []
    for setting in SIZES:
        life = setting.grown()
        cost = added(busy(setting), played(busy(setting)), life.rewritten / setting.images)
        parts = (
            cost.read,
            cost.computed,
            cost.thumbnails,
            cost.logged,
            cost.folded,
            cost.merged,
            cost.once,
            cost.stored,
        )
        rows.append((f"{setting.images:,}", *(f"{part:.3f}" for part in parts)))
    columns = ("images there are", "read, queue", "signatures", "thumbnails", "logged", "folded", "merged", "all, once",
               "kept, a month")  # fmt: skip
    return Table("costs", columns, tuple(rows))


def settings_table() -> Table:
    """Return a billion images in more or fewer shards, in larger or smaller segments."""
    rows = []
    for shards, bits in ((1, 20), (4, 20), (16, 20), (64, 20), (4, 22), (16, 22)):
        setting = replace(busy(BILLION), shards=shards, segment_rows=1 << bits)
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
                f"{_mean(done.folds):.1f} s",
                f"{cloud.download(largest) + (1 << bits) * cloud.PACK + cloud.upload(largest):,.0f} s",
                f"{haar.seconds:.1f} s, {1000 * haar.dollars:.0f}",
                f"{dhash.seconds:.1f} s, {1000 * dhash.dollars:.2f}",
            )
        )
    columns = ("", "segments at most", "of bytes", "times a row is merged", "manifest", "folded a second",
               "a fold takes", "a full merge", "haar, cold: $ a thousand", "dhash within 3")  # fmt: skip
    return Table("settings", columns, tuple(rows))


def limits_table() -> Table:
    """Return the distance to each limit at a billion images and 10,000 a second."""
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
        ("bytes of key hashes", BILLION.images * 8, LARGEST, "in the largest function"),
    )
    rows = [(name, _count(value), _count(limit), f"{value / limit:.2f}", note) for name, value, limit, note in limits]
    return Table("limits", ("", "there are", "limit", "share", ""), tuple(rows))


def ceiling_table() -> Table:
    """Return the functions that a number of dollars a day pays for, and how long `haar` takes with them."""
    busy = Busy.of([manifest(setting) for setting in SIZES])
    rows = []
    for dollars in CEILINGS:
        reserved = Reserved.within(dollars, busy)
        took = [ask(manifest(one), QUESTIONS[0], warm=False, max_workers=reserved.workers).seconds for one in SIZES]
        rows.append(
            (
                f"{dollars:,}",
                f"{reserved.api:,}",
                f"{reserved.scan:,}",
                f"{reserved.workers:,}",
                *(f"{seconds:,.1f} s" for seconds in took),
            )
        )
    columns = ("dollars a day at most", "`api-concurrency`", "`scan-concurrency`", "`workers`",
               *(f"haar, cold: {one.images:,} images" for one in SIZES))  # fmt: skip
    return Table("ceiling", columns, tuple(rows))


TABLES: tuple[Callable[[], Table], ...] = (
    index_table,
    adding_table,
    folding_table,
    questions_table,
    auto_table,
    tail_table,
    costs_table,
    ceiling_table,
    settings_table,
    limits_table,
)


def _size(size: float) -> str:
    """Write a number of bytes."""
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if size >= 10 or unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _count(number: float) -> str:
    return f"{number:,.0f}"
