"""What an import does to an index: once, again, after a kill, of a newer dump, and beside other writers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike import DumpUnreadable, Index, Record
from lookalike.interchange import importer
from lookalike.interchange.dump import ORIGINALS, Batch, Dump, Refused
from lookalike.interchange.importer import Imported, Importer, parse_time
from shards.families import family
from shards.storage.memory import MemoryStore
from shards.table.format.records import meta_bytes
from shards.table.format.texts import Texts

CONTENT, NEWER = "0" * 32, "1" * 32
DTYPE = family("dhash").dtype


class Rows(Dump):
    """Rows that a test gives: (key, hash, url), or a text for a row that is refused."""

    kind = "rows"
    families = ("dhash",)

    def __init__(self, rows: Sequence[tuple[str, int, str | None] | str], at_once: int = 3) -> None:
        super().__init__()
        self._rows = rows
        self._at_once = at_once
        self.size = len(rows)

    def batches(self) -> Iterator[Batch]:
        for start in range(0, len(self._rows), self._at_once):
            some = list(enumerate(self._rows[start : start + self._at_once], start))
            taken = [(number, *row) for number, row in some if not isinstance(row, str)]
            signatures = np.zeros(len(taken), DTYPE)
            signatures["hash"][:, 0] = [hashed for _, _, hashed, _ in taken]
            meta = [meta_bytes({"url": url}, None) if url else b"" for *_, url in taken]
            self.done = start + len(some)
            yield Batch(
                np.array([number for number, *_ in taken], np.uint64),
                Texts.of([key.encode() for _, key, _, _ in taken]),
                {"dhash": signatures},
                Texts.of(meta),
                [Refused(f"line {number}", row) for number, row in some if isinstance(row, str)],
            )


@dataclass
class Said:
    """What was reported."""

    refused_rows: list[tuple[str, Refused]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def progress(self, dump: Dump) -> None:
        assert dump.size is None or 0 <= dump.done <= dump.size

    def refused(self, file: str, row: Refused) -> None:
        self.refused_rows.append((file, row))

    def note(self, text: str) -> None:
        self.notes.append(text)

    def fault(self, text: str) -> None:
        self.faults.append(text)


@pytest.fixture(autouse=True)
def _little_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several writes of few rows, where a real import has one of half a million."""
    monkeypatch.setattr(importer, "ROWS", 4)


@pytest.fixture
def where(tmp_path: Path) -> str:
    return str(tmp_path / "index")


def bring(
    where: str, rows: Sequence[tuple[str, int, str | None] | str], content: str | None = CONTENT, **options: object
) -> Imported:
    said = Said()
    run = Importer(where, said, **options)  # type: ignore[arg-type]
    dump = Rows(rows)
    run.check(dump, "a dump")
    run.add(dump, "a dump", content)
    run.finish(dump)
    return run.done


def state(where: str) -> dict[str, tuple[str, str | None]]:
    return {
        record.key: (family("dhash").format((record.rows or {})["dhash"]), (record.meta or {}).get("url"))
        for record in Index.open(where).records()
    }


TEN: list[tuple[str, int, str | None]] = [(f"k{n}", n, f"u{n}") for n in range(10)]


class TestAnIndexThatIsNew:
    def test_gets_the_family_of_the_dump_and_reads_pictures_as_the_system_did(self, where: str) -> None:
        bring(where, TEN)
        settings = Index.open(where).settings
        assert settings.families == ("dhash",)
        assert settings.pictures == ORIGINALS

    def test_holds_every_row(self, where: str) -> None:
        done = bring(where, TEN)
        assert (done.rows, done.added, done.imported) == (10, 10, 10)
        assert state(where) == {f"k{n}": (f"{n:016x}", f"u{n}") for n in range(10)}

    def test_is_made_where_there_are_no_rows(self, where: str) -> None:
        assert bring(where, []).imported == 0
        assert Index.open(where).count() == 0

    def test_is_not_made_where_nothing_could_be_taken_for_long(
        self, where: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(importer, "HOPELESS", 5)
        with pytest.raises(DumpUnreadable, match=r"none of the first 6 rows .* is an option wrong\?"):
            bring(where, ["no number"] * 9)
        assert not Path(where).exists()


class TestAnIndexThatIsThere:
    def test_with_other_families_is_refused(self, where: str) -> None:
        Index.create(where, families=("dhash", "phash"))
        with pytest.raises(DumpUnreadable, match="has dhash, phash: an index has a signature of each"):
            bring(where, TEN)

    def test_that_reads_pictures_in_another_way_takes_it_and_a_remark_is_made(self, where: str) -> None:
        Index.create(where, families=("dhash",))
        said = Said()
        Importer(where, said).check(Rows(TEN), "a dump")
        assert "reads pictures in another way than rows does" in said.notes[0]

    def test_keeps_its_other_images(self, where: str) -> None:
        bring(where, TEN)
        bring(where, [("new", 77, None)], NEWER)
        assert len(state(where)) == 11


class TestTheSameKeyTwice:
    ROWS = (*TEN, ("k1", 100, None), ("k9", 101, None), ("k1", 102, "late"))

    def test_the_last_row_counts(self, where: str) -> None:
        done = bring(where, self.ROWS)
        assert (done.imported, done.same_key, done.rows) == (10, 3, 13)
        assert state(where)["k1"] == (f"{102:016x}", "late")
        assert state(where)["k9"] == (f"{101:016x}", None)

    def test_it_is_counted_the_same_when_the_import_goes_on(self, where: str) -> None:
        bring(where, self.ROWS, is_stopped=lambda: True)
        done = bring(where, self.ROWS)
        assert (done.imported, done.same_key) == (10, 3)
        assert state(where)["k1"] == (f"{102:016x}", "late")

    def test_a_row_that_is_just_the_same_counts_as_such(self, where: str) -> None:
        done = bring(where, [*TEN, TEN[0]])
        assert (done.imported, done.same_key) == (10, 1)


class TestAgain:
    def test_nothing_is_written(self, where: str) -> None:
        bring(where, TEN)
        before = Index.open(where).stats()
        done = bring(where, TEN)
        assert (done.added, done.replaced, done.unchanged) == (0, 0, 10)
        assert Index.open(where).stats() == before

    def test_what_was_removed_since_then_stays_removed(self, where: str) -> None:
        bring(where, TEN)
        Index.open(where).remove(["k3"])
        bring(where, TEN)
        assert "k3" not in state(where)

    def test_what_was_removed_so_long_ago_that_it_is_forgotten_stays_removed(self, where: str) -> None:
        bring(where, TEN)
        index = Index.open(where)
        # a deletion that was forgotten leaves nothing
        index.write([Record("k3", (index.next_order()[0], 0), deleted=True)])
        index.compact(everything=True)
        bring(where, TEN)
        assert "k3" not in state(where)

    def test_what_was_replaced_since_then_stays(self, where: str) -> None:
        bring(where, TEN)
        bring(where, [("k3", 500, "mine")], NEWER)
        bring(where, TEN)
        assert state(where)["k3"] == (f"{500:016x}", "mine")

    def test_as_of_now_everything_comes_back(self, where: str) -> None:
        bring(where, TEN)
        Index.open(where).remove(["k3"])
        bring(where, TEN, as_of=parse_time("now"))
        assert "k3" in state(where)


class TestAnImportThatWasInterrupted:
    def test_goes_on(self, where: str) -> None:
        first = bring(where, TEN, is_stopped=lambda: True)
        assert first.interrupted
        assert 0 < first.imported < 10
        done = bring(where, TEN)
        assert (done.unchanged, done.added) == (first.added, 10 - first.added)
        assert len(state(where)) == 10

    def test_does_not_undo_what_was_removed_meanwhile(self, where: str) -> None:
        bring(where, TEN, is_stopped=lambda: True)
        Index.open(where).remove(["k0"])
        done = bring(where, TEN)
        assert done.outdated == 1
        assert "k0" not in state(where)


class TestANewerDump:
    def test_only_what_is_new_or_changed_is_written(self, where: str) -> None:
        bring(where, TEN)
        changed = [*TEN[:5], ("k5", 55, "u5"), ("k6", 6, "moved"), *TEN[7:], ("k10", 10, None)]
        done = bring(where, changed, NEWER)
        assert (done.added, done.replaced, done.unchanged) == (1, 2, 8)
        assert state(where)["k6"] == (f"{6:016x}", "moved")
        assert Index.open(where).stats().images == 11

    def test_whose_time_is_said_does_not_undo_what_came_after(self, where: str) -> None:
        bring(where, TEN)
        Index.open(where).remove(["k3"])
        done = bring(where, TEN, NEWER, as_of=parse_time("2020-01-01"))
        assert "k3" not in state(where)
        assert done.outdated >= 1


class TestKeys:
    def test_get_another_prefix(self, where: str) -> None:
        bring(where, [("http://a/1", 1, None), ("2", 2, None)], strip_prefix="http://", prefix="wiki/")
        assert set(state(where)) == {"wiki/a/1", "wiki/2"}

    def test_of_which_nothing_is_left_are_refused_by_name(self, where: str) -> None:
        said = Said()
        run = Importer(where, said, strip_prefix="gone")
        run.add(Rows([("gone", 1, "u"), ("here", 2, "v")]), "a dump", CONTENT)
        assert [row.place for _, row in said.refused_rows] == ["key 'gone'"]
        assert (run.done.refused, run.done.imported) == (1, 1)
        assert state(where) == {"here": (f"{2:016x}", "v")}


def test_rows_that_cannot_be_taken_are_named_and_the_others_are_in(where: str) -> None:
    said = Said()
    run = Importer(where, said)
    run.add(Rows([TEN[0], "is no hash", TEN[1]]), "a dump", CONTENT)
    assert said.refused_rows == [("a dump", Refused("line 1", "is no hash"))]
    assert (run.done.imported, run.done.refused) == (2, 1)


class TestADumpThatBreaksOff:
    class Broken(Rows):
        """Rows, and then a file that cannot be read on."""

        def batches(self) -> Iterator[Batch]:
            yield from super().batches()
            raise DumpUnreadable("the file is damaged here")

    def test_is_in_as_far_as_it_could_be_read_and_the_reason_is_a_fault(self, where: str) -> None:
        said = Said()
        run = Importer(where, said)
        run.add(self.Broken(TEN), "a dump", CONTENT)
        assert (run.done.imported, run.done.faults, said.faults) == (10, 1, ["a dump: the file is damaged here"])
        assert not Index.open(where).was_imported(CONTENT)

    def test_before_its_first_row_is_refused_and_no_index_is_made(self, where: str) -> None:
        with pytest.raises(DumpUnreadable, match="the file is damaged here"):
            Importer(where, Said()).add(self.Broken([]), "a dump", CONTENT)
        assert not Path(where).exists()

    def test_many_bad_rows_after_good_ones_are_no_reason_to_give_up(
        self, where: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(importer, "HOPELESS", 5)
        done = bring(where, [TEN[0], *["bad"] * 20])
        assert (done.imported, done.refused) == (1, 20)


def test_of_two_files_with_one_time_the_later_counts(where: str) -> None:
    run = Importer(where, Said(), as_of=parse_time("2026-03-01T12:00+01:00"))
    run.add(Rows([("a", 1, None)]), "one", CONTENT)
    run.add(Rows([("a", 2, None)]), "two", NEWER)
    assert state(where) == {"a": (f"{2:016x}", None)}


def test_a_time_is_in_utc_unless_it_says_otherwise() -> None:
    assert parse_time("2026-03-01") == parse_time("2026-03-01T00:00:00Z") == parse_time("2026-03-01T01:00+01:00")


@given(
    rows=st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 3), st.sampled_from([None, "u"])), max_size=20),
    stops=st.lists(st.integers(0, 6), max_size=3),
    at_once=st.integers(1, 5),
)
def test_however_often_it_is_stopped_the_last_row_of_each_key_is_there_and_counted_once(
    rows: list[tuple[str, int, str | None]], stops: list[int], at_once: int
) -> None:
    store = MemoryStore()
    Index.create(store, families=("dhash",), pictures=ORIGINALS)
    for stop in [*stops, None]:
        polls = iter(range(100))
        run = Importer("memory", Said(), is_stopped=lambda stop=stop, polls=polls: next(polls) == stop)  # type: ignore[misc]
        run.index = Index.open(store)
        run.add(Rows(rows, at_once), "a dump", CONTENT)
    wanted = {key: (f"{hashed:016x}", url) for key, hashed, url in rows}
    found = {
        record.key: (family("dhash").format((record.rows or {})["dhash"]), (record.meta or {}).get("url"))
        for record in run.index.records()
    }
    assert found == wanted
    assert (run.done.imported, run.done.outdated) == (len(wanted), 0)
    assert run.done.imported + run.done.same_key == len(rows)
