"""Another index at the same place, while a process lives that has opened the one before."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lookalike import Index, IndexNotFound, QueryError, Record, Signature
from shards.families import family
from shards.storage import open_store
from shards.table.format import names, settings
from shards.table.format.settings import IndexSettings
from shards.table.read.disk import DiskCache
from tests.shards.table.counting import CountingStore
from tests.shards.table.synthetic import put, records
from tests.simulation.interleaving import InterleavedStore

DHASH = family("dhash")


def record(index: Index, key: str, number: int, kind: str = "dhash") -> Record:
    return Record(key, index.next_order(), rows={kind: family(kind).parse(f"{number:016x}")})


def add(index: Index, *numbers: int) -> None:
    for number in numbers:
        index.write([record(index, f"{number}.png", number)])


def keys(index: Index) -> set[str]:
    return {image.key for image in index.list()}


def make(place: Path, *numbers: int, commits: int = 1, families: tuple[str, ...] = ("dhash",)) -> None:
    index = Index.create(str(place), families=families, thumbnails=0)
    for n in range(commits):
        index.write([record(index, f"{number}.png", number, families[0]) for number in numbers[n::commits]])
        index.compact()


Replace = Callable[[Path, Path], None]


def by_moving(new: Path, old: Path) -> None:
    shutil.rmtree(old)
    new.rename(old)


def by_moving_the_old_one_away(new: Path, old: Path) -> None:
    old.rename(old.with_name("away"))
    new.rename(old)


def by_copying_over_it(new: Path, old: Path) -> None:
    """The objects of the old one are all there still."""
    shutil.copytree(new, old, dirs_exist_ok=True)


WAYS = [by_moving, by_moving_the_old_one_away, by_copying_over_it]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make(tmp_path / "index", 1, 2)
    return tmp_path / "index"


@pytest.mark.parametrize("replace", WAYS)
@pytest.mark.parametrize("commits", [1, 3], ids=["of-the-same-version", "of-a-later-version"])
class TestAnIndexThatWasReplaced:
    @pytest.fixture
    def process(self, place: Path, replace: Replace, commits: int) -> Index:
        """A process that has used the index, before another one took its place."""
        process = Index.open(str(place))
        assert keys(process) == {"1.png", "2.png"}
        process.search(Signature("0" * 16))
        make(place.with_name("new"), 7, 8, 9, commits=commits)
        replace(place.with_name("new"), place)
        return process

    def test_is_written_whole_by_who_knew_the_other(self, process: Index, place: Path) -> None:
        add(process, 10)
        process.compact(everything=True)
        assert keys(process) == {"7.png", "8.png", "9.png", "10.png"}
        fresh = Index.open(str(place))
        assert keys(fresh) == {"7.png", "8.png", "9.png", "10.png"}
        assert fresh.verify().is_clean

    def test_is_folded_whole(self, process: Index, place: Path) -> None:
        fresh = Index.open(str(place))
        add(fresh, 11)
        process.compact()
        assert keys(process) == keys(fresh) == {"7.png", "8.png", "9.png", "11.png"}
        assert fresh.verify().is_clean

    def test_gets_what_is_written_in_bulk(self, process: Index, place: Path) -> None:
        process.write_bulk(records(put("12.png", 2_000_000_000, 12)))
        assert keys(Index.open(str(place))) == {"7.png", "8.png", "9.png", "12.png"}

    def test_is_collected_without_loss(self, process: Index, place: Path) -> None:
        process.collect()
        assert keys(Index.open(str(place))) == {"7.png", "8.png", "9.png"}
        assert Index.open(str(place)).verify().is_clean


@pytest.mark.parametrize("replace", [by_moving, by_moving_the_old_one_away])
class TestReading:
    def test_who_only_reads_sees_the_new_one(self, place: Path, replace: Replace) -> None:
        process = Index.open(str(place))
        assert keys(process) == {"1.png", "2.png"}
        make(place.with_name("new"), 7, 8)
        replace(place.with_name("new"), place)
        assert keys(process) == {"7.png", "8.png"}
        assert [hit.key for hit in process.search(Signature(f"{7:016x}"), limit=1).hits] == ["7.png"]

    def test_the_new_one_may_have_other_families(self, place: Path, replace: Replace) -> None:
        process = Index.open(str(place))
        assert keys(process) == {"1.png", "2.png"}
        make(place.with_name("new"), 7, families=("phash",))
        replace(place.with_name("new"), place)
        with pytest.raises(QueryError, match="no signatures of dhash, only of phash"):
            process.search(Signature(f"{7:016x}"), family="dhash")
        assert [kind.name for kind in process.families] == ["phash"]
        assert [hit.key for hit in process.search(Signature(f"{7:016x}")).hits] == ["7.png"]

    def test_between_the_two_there_is_none(self, place: Path, replace: Replace) -> None:
        process = Index.open(str(place))
        place.rename(place.with_name("away"))
        with pytest.raises(IndexNotFound):
            process.count()
        place.with_name("away").rename(place)
        assert process.count() == 2


def test_records_for_other_families_are_refused_and_leave_nothing(place: Path) -> None:
    process = Index.open(str(place))
    made = record(process, "3.png", 3)
    make(place.with_name("new"), 7, families=("phash",))
    by_moving(place.with_name("new"), place)
    with pytest.raises(QueryError, match=r"signatures of \['dhash'\], the index has \['phash'\]"):
        process.write([made])
    fresh = Index.open(str(place))
    assert keys(fresh) == {"7.png"}
    assert fresh.verify().is_clean


class TestWhileAWriterSleeps:
    """The other index comes just before the last step."""

    @pytest.mark.parametrize("prefix", [names.LOG, names.SEGMENTS, names.MANIFEST])
    @pytest.mark.parametrize("replace", WAYS)
    def test_what_it_acknowledges_is_in_the_new_one(self, place: Path, replace: Replace, prefix: str) -> None:
        way = InterleavedStore(open_store(str(place)))
        process = Index.open(way)
        make(place.with_name("new"), 7)
        data = settings.read(way).id
        way.before("create", f"{data}/{prefix}", lambda: replace(place.with_name("new"), place))
        if prefix == names.LOG:
            add(process, 10)
        else:
            process.write_bulk(records(put("10.png", 2_000_000_000, 10)))
        assert way.all_happened
        fresh = Index.open(str(place))
        assert keys(fresh) == keys(process) == {"7.png", "10.png"}
        fresh.compact(everything=True)
        assert fresh.verify().is_clean


class TestAnOlderStateOfTheSameIndex:
    """Put back by a tool that knows nothing of indexes: it has the same id."""

    def test_is_what_a_process_goes_on_from(self, place: Path) -> None:
        shutil.copytree(place, place.with_name("backup"))
        process = Index.open(str(place))
        for number in range(3, 8):
            add(process, number)
            process.compact()
        shutil.rmtree(place)
        place.with_name("backup").rename(place)
        assert keys(process) == {"1.png", "2.png"}
        add(process, 20)
        process.compact(everything=True)
        fresh = Index.open(str(place))
        assert keys(fresh) == keys(process) == {"1.png", "2.png", "20.png"}
        assert fresh.verify().is_clean

    def test_with_another_manifest_of_the_same_number(self, place: Path) -> None:
        shutil.copytree(place, place.with_name("backup"))
        process, other = Index.open(str(place)), Index.open(str(place.with_name("backup")))
        for index, number in ((process, 3), (other, 4)):
            add(index, number)
            index.compact()
        assert keys(process) == {"1.png", "2.png", "3.png"}
        shutil.rmtree(place)
        place.with_name("backup").rename(place)
        assert keys(process) == {"1.png", "2.png", "4.png"}
        add(process, 5)
        process.compact(everything=True)
        assert keys(Index.open(str(place))) == {"1.png", "2.png", "4.png", "5.png"}
        assert Index.open(str(place)).verify().is_clean

    def test_a_commit_that_slept_meanwhile_is_made_again(self, place: Path) -> None:
        shutil.copytree(place, place.with_name("backup"))
        way = InterleavedStore(open_store(str(place)))
        process = Index.open(way)
        for number in (3, 4):
            add(process, number)
            process.compact()
        data = settings.read(way).id

        def put_back() -> None:
            shutil.rmtree(place)
            place.with_name("backup").rename(place)

        way.before("create", f"{data}/{names.MANIFEST}", put_back)
        process.write_bulk(records(put("10.png", 2_000_000_000, 10)))
        assert keys(Index.open(str(place))) == {"1.png", "2.png", "10.png"}
        assert Index.open(str(place)).verify().is_clean


class TestCaches:
    def test_on_disk_are_of_one_index(self, place: Path, tmp_path: Path) -> None:
        cache = DiskCache(tmp_path / "cache")
        made = Index.open(CountingStore(open_store(str(place))), cache=cache.folder)
        made.search(Signature("0" * 16))
        (data,) = {path.name.partition("-segments-")[0] for path in cache.folder.iterdir()}
        assert data == made.settings.id


class TestIds:
    def test_every_index_has_its_own(self, tmp_path: Path) -> None:
        made = {Index.create(str(tmp_path / str(n))).settings.id for n in range(20)}
        assert len(made) == 20
        assert all(names.is_id(one) for one in made)

    def test_a_manifest_of_another_index_is_refused(self, place: Path) -> None:
        other = place.with_name("other")
        make(other, 7, commits=2)
        mine, theirs = (one / Index.open(str(one)).settings.id for one in (place, other))
        shutil.copytree(theirs / "manifest", mine / "manifest", dirs_exist_ok=True)
        with pytest.raises(Exception, match=f"is of index '{theirs.name}', and lies in index '{mine.name}'"):
            Index.open(str(place)).count()

    def test_an_id_that_leads_elsewhere_is_refused(self) -> None:
        for bad in ("../../../etc/pass", "0123456789ABCDEF", "0" * 15, "0123456789abcde/"):
            with pytest.raises(QueryError, match="16 hex digits"):
                IndexSettings(("dhash",), id=bad)

    def test_an_index_of_format_1_has_none_and_keeps_its_format(self, tmp_path: Path) -> None:
        store = open_store(str(tmp_path / "old"))
        store.create(names.SETTINGS, IndexSettings(("dhash",), thumbnails=0).to_bytes())
        index = Index.open(store)
        add(index, 1, 2)
        index.compact()
        assert (tmp_path / "old/manifest").is_dir()
        assert keys(Index.open(store)) == {"1.png", "2.png"}
        assert index.verify().is_clean
