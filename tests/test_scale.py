"""The model of scale: its segments are as real ones are, nothing is lost in it, and the page shows what it prints."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scale import cloud, shapes
from benchmarks.scale.__main__ import PAGE, filled, main
from benchmarks.scale.ceiling import Busy, Reserved
from benchmarks.scale.ingest import NAME_JSON, NAME_STORED, SEGMENT_JSON, SEGMENT_STORED, Play, Setting, play
from benchmarks.scale.life import Life, grown
from benchmarks.scale.lookups import lookups
from benchmarks.scale.query import LOGGED, QUESTIONS, Question, ask
from benchmarks.scale.store import Unwritten, even_hashes
from benchmarks.scale.tables import CEILINGS, TABLES, Table
from benchmarks.signatures import MODELLED, perturbed
from lookalike.ingest.backpressure import BACKPRESSURE
from shards.families import family
from shards.search.plan import WORKERS
from shards.storage.parallel import PARALLEL
from shards.table.format import names
from shards.table.format.columns import ALIGNMENT, CHECKS, encode
from shards.table.format.manifest import Manifest
from shards.table.format.records import Records
from shards.table.format.segment import pack_records
from shards.table.read.reader import SegmentReader
from tests.tiers import scaled

ROWS = 70_000
"""From 65,536 on a segment has every column for searching."""

FITTED = ("haar.buckets", "haar.inverted", "goldberg.classes", "dhash.buckets", "phash.buckets", CHECKS)

MARK = "0" * 16


def small(images: int, **others: int | float | bool) -> Setting:
    """An index of segments of up to 4,096 rows."""
    return replace(Setting(images, shards=1, segment_rows=1 << 12, rate=50, batch=10), **others)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def records() -> Records:
    """As long as the model takes them to be. Hashes may be any; how large the columns of the others are depends on
    how like each other they are, so those are crosses of real ones."""
    hashes = np.random.default_rng(1).integers(0, 1 << 63, (2, ROWS), np.uint64)
    rows = {name: np.resize(perturbed(name, 20_000, seed=1), ROWS) for name in ("haar", "goldberg")}
    rows |= {name: hashes[n].view(family(name).dtype) for n, name in enumerate(("dhash", "phash"))}
    return Records.build(
        keys=[f"photos/2026/11/{n:040x}.jpg" for n in range(ROWS)],
        order=np.ones((ROWS, 2), np.uint64),
        rows=rows,
        meta=[b"x" * shapes.META_BYTES] * ROWS,
    ).latest()


def test_segments_are_as_large_as_real_ones_column_by_column(records: Records) -> None:
    for rows in (3_000, 20_000, ROWS):
        real, _ = pack_records(0, records.take(np.arange(rows)), [family(name) for name in MODELLED], MARK)
        made = shapes.segment(0, rows, 0)
        assert made.columns.keys() == real.columns.keys()
        assert made.size == pytest.approx(real.size, rel=0.01)
        for name, column in real.columns.items():
            if name in FITTED:
                # of few rows not all classes are there
                assert made.columns[name].size == pytest.approx(column.size, rel=0.03, abs=20_000), name
            else:
                assert (made.columns[name].size, made.columns[name].shape) == (column.size, column.shape), name


def test_columns_lie_behind_one_another_and_aligned() -> None:
    columns = shapes.segment(0, ROWS, 0).columns
    assert all(column.offset % ALIGNMENT == 0 for column in columns.values())
    assert all(a.offset + a.size <= b.offset for a, b in pairwise(columns.values()))


def test_log_objects_are_as_large_as_real_ones(records: Records) -> None:
    real = len(encode(records.take(np.arange(400)).columns()))
    assert shapes.log_bytes(400) == pytest.approx(real, rel=0.01)


def test_manifests_are_as_large_as_real_ones() -> None:
    rng = random.Random(7)
    # rows that differ, as they do where pictures are not of equal numbers a shard
    segments = tuple(
        tuple(shapes.segment(shard, 880_000 - rng.randrange(5_000), rng.getrandbits(60), shards=4) for _ in range(100))
        for shard in range(4)
    )
    folded = {names.log(1_764_000_000_000 + 40 * n, n.to_bytes(4, "big")): 1_764_000_001_000 for n in range(4_000)}
    manifest = Manifest(9, MARK, 0, segments, folded)
    stored = manifest.to_bytes()
    listed = sum(len(json.dumps(segment.to_json(4), separators=(",", ":"))) for segment in manifest)
    assert listed / 400 == pytest.approx(SEGMENT_JSON, rel=0.1)
    assert (len(json.dumps(folded, separators=(",", ":")))) / 4_000 == pytest.approx(NAME_JSON, rel=0.1)
    assert len(stored) == pytest.approx(400 * SEGMENT_STORED + 4_000 * NAME_STORED, rel=0.1)


def test_a_real_reader_takes_what_nobody_wrote_and_finds_keys_in_it() -> None:
    store = Unwritten()
    segment = store.hold(shapes.segment(0, 1 << 20, 0))
    reader = SegmentReader(store, segment)
    at, rows = reader.find(np.concatenate([even_hashes(1 << 20)[[7, 500_000]], np.array([2], np.uint64)]))
    assert (at.tolist(), rows.tolist()) == ([0, 1], [7, 500_000])
    assert store.fetched < segment.columns["key_hash"].size, "windows are read, not the column"
    assert store.rounds == 1


@given(
    images=st.integers(1, 60_000), shards=st.sampled_from([1, 3, 8]), bits=st.integers(9, 12), fold=st.integers(1, 3000)
)
@settings(max_examples=scaled(30))
def test_an_index_grows_by_the_rules_of_merging_and_loses_no_image(
    images: int, shards: int, bits: int, fold: int
) -> None:
    images = max(images, 40 * shards)
    life = grown(images, shards, 1 << bits, max(fold, images // 400))
    life.manifest.check()
    assert life.manifest.live == images
    assert max(segment.rows for segment in life.manifest) <= (1 << bits) + shards
    assert life.largest >= sum(map(len, life.manifest.segments))


def test_old_segments_that_are_not_played_are_those_that_playing_makes() -> None:
    by_rule = grown(400_000, 1, 1 << 12, 100)
    played = Life.begin(1, 1 << 12)
    while played.manifest.live < 400_000:
        played.fold(100)
        while merges := played.due():
            for segments in merges:
                played.commit(played.merged(segments))
    assert sum(map(len, by_rule.manifest.segments)) == pytest.approx(sum(map(len, played.manifest.segments)), rel=0.1)
    assert by_rule.rewritten == pytest.approx(played.rewritten, rel=0.1)


@pytest.mark.parametrize(
    "setting",
    [
        small(20_000),
        small(20_000, shards=4, collected=60.0),
        small(20_000, rate=2_000, batch=10, shards=4),
        small(20_000, rate=4_000, batch=400, shards=4, at_once=1),
        small(40_000, memory=1000, shards=2),
    ],
)
def test_every_image_that_was_written_is_in_the_tail_or_in_the_segments(setting: Setting) -> None:
    done = play(setting)
    assert done.written == done.folded + done.tail * setting.batch
    assert done.life.manifest.live == setting.images + done.folded
    assert len(done.folds) <= done.commits <= len(done.folds) + len(done.merges)
    assert done.begun == len(done.merges) + done.under_way
    assert len(done.done) <= done.under_way
    done.life.manifest.check()


def test_a_quiet_index_is_folded_every_five_minutes_or_when_enough_waits() -> None:
    done = play(small(20_000, rate=10))
    assert done.longest <= BACKPRESSURE.max_objects
    assert done.folded == pytest.approx(done.written, abs=10 * 300 * 1.1)
    assert done.running < 60


def test_what_helps_never_folds_less() -> None:
    setting = Setting(20_000_000, memory=1 << 20, collected=86_400.0, at_once=1, fold_bytes=32 << 20)
    folded = [play(setting).folded]
    changes: tuple[dict[str, int | float], ...] = (
        {"memory": 1 << 30}, {"collected": 0.0}, {"batch": 400}, {"at_once": 16}, {"fold_bytes": 128 << 20},
    )  # fmt: skip
    for change in changes:
        setting = replace(setting, **change)
        folded.append(play(setting).folded)
    assert all(more >= 0.99 * less for less, more in pairwise(folded))
    assert folded[-1] > 10 * folded[0]


def test_the_same_play_ends_the_same() -> None:
    setting = small(20_000, rate=2_000, shards=4)
    one, other = (Play(setting, setting.grown()).run(300.0) for _ in range(2))
    assert (one.folds, one.merges, one.life.manifest) == (other.folds, other.merges, other.life.manifest)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_question_is_planned_within_the_limits_and_costs_more_where_there_is_more(question: Question) -> None:
    before = None
    for count in (1, 10, 100, 1000):
        manifest = Manifest(1, MARK, 0, (tuple(shapes.segment(0, 880_000, n) for n in range(count)),))
        cold, warm = (ask(manifest, question, warm=warm) for warm in (False, True))
        scanned = [*cold.plan.here, *(n for batch in cold.plan.batches for n in batch)]
        assert sorted(scanned) == list(range(count))
        assert len(cold.plan.batches) <= WORKERS
        assert warm.dollars <= cold.dollars
        assert warm.seconds <= cold.seconds
        if before is not None:
            assert cold.dollars > before.dollars
            assert cold.fetched > before.fetched
        before = cold


def test_functions_that_are_reserved_cost_no_more_than_their_ceiling() -> None:
    busy = Busy.of([Setting(3_000_000, shards=2).grown().manifest])
    before = Reserved(0, 0)
    for dollars in CEILINGS:
        reserved = Reserved.within(dollars, busy)
        assert busy.dollars(reserved) <= dollars < busy.dollars(replace(reserved, scan=reserved.scan + 1))
        assert reserved.api >= before.api
        assert reserved.scan >= before.scan
        before = reserved


def test_a_tail_costs_a_question_its_log_objects_and_no_look_up() -> None:
    manifest = Setting(3_000_000, shards=2).grown().manifest
    for question in QUESTIONS:
        without, with_one, with_many = (ask(manifest, question, warm=False, tail=tail) for tail in (0, 1, 1000))
        assert with_one.requests == without.requests + 1
        assert with_many.requests == without.requests + 1000 // LOGGED
        assert with_many.fetched == without.fetched + shapes.log_bytes(1000)
        assert with_many.scanning == without.scanning


def test_a_hit_takes_two_rounds_for_its_key_and_two_for_the_rest_however_many_there_are() -> None:
    manifest = Setting(3_000_000, shards=2).grown().manifest
    haar, dhash = (ask(manifest, QUESTIONS[n], warm=True) for n in (0, 2))
    assert 2 * cloud.GET <= dhash.describing < 2.5 * cloud.GET
    assert haar.describing < 5 * dhash.describing


def test_looking_a_tail_up_costs_more_the_more_there_is() -> None:
    manifest = Setting(3_000_000, shards=2).grown().manifest
    fetched = [lookups(manifest, records).fetched for records in (0, 1, 10, 100, 10_000)]
    assert fetched == sorted(fetched)
    assert fetched[0] == 0
    whole = sum(segment.columns["key_hash"].size for segment in manifest)
    assert fetched[-1] == pytest.approx(whole, rel=0.05), "no more than the column and its checksums"


def test_requests_at_once_are_as_many_as_the_library_makes() -> None:
    assert cloud.PARALLEL == PARALLEL


@pytest.fixture(scope="module")
def tables() -> list[Table]:
    return [make() for make in TABLES]


@pytest.mark.long
def test_the_page_shows_what_the_model_prints(tables: list[Table]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert filled(page, tables) == page, "run python -m benchmarks.scale --write"


@pytest.mark.long
def test_tables_are_printed_as_json_too(tables: list[Table], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.scale.__main__.TABLES", [lambda table=table: table for table in tables])
    done = CliRunner().invoke(main, ["--json"])
    assert done.exit_code == 0
    printed = [json.loads(line) for line in done.output.splitlines()]
    assert [one["table"] for one in printed] == [table.name for table in tables]
    assert all(len(one["rows"]) == len(table.rows) for one, table in zip(printed, tables, strict=True))


@pytest.mark.long
def test_a_page_without_a_place_for_a_table_is_refused(tables: list[Table]) -> None:
    with pytest.raises(Exception, match=tables[0].name):
        filled("nothing", tables)
