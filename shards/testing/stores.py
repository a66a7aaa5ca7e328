# ruff: noqa: S101 - these are tests
"""The contract of a store, as a test class.

A store's tests begin with

    class TestMyStore(StoreTests):
        mapped = False

        @pytest.fixture
        def new_store(self, tmp_path: Path) -> NewStore:
            numbers = count()
            return lambda: MyStore(tmp_path / str(next(numbers)))

and go on with what is peculiar to the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeAlias

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from shards.errors import CorruptObject, ObjectNotFound, StorageError
from shards.storage import Store, open_store

NewStore: TypeAlias = Callable[[], Store]
"""A function that makes a fresh, empty store."""

MISSHAPEN = [
    "",
    "/",
    "/etc/passwd",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/./b",
    ".hidden",
    "a/.hidden",
    "a b",
    "a\\b",
    "a\n",
    "a\0",
    "ä",
    "a%2fb",
    "a?b",
    "a" * 256,
    "/".join(["a" * 100] * 11),
]

# the characters that sort before "/", between it and the letters, and after: where listings by folder and by
# name disagree
TREE = ["a-b/c", "a.b", "a/b", "a/b-c", "a/b.c", "a/b0", "a/c/d", "a/c/e", "a0", "aB", "a_", "ab/c", "b"]


def names(store: Store, prefix: str = "", after: str = "", limit: int | None = None) -> list[str]:
    return [entry.name for entry in store.list(prefix, after=after, limit=limit)]


def fill(store: Store, those: Iterable[str]) -> None:
    for name in those:
        assert store.create(name, name.encode())


class StoreTests:
    """The contract of `shards.storage.base.Store`, by what can be seen of a store from outside."""

    mapped: bool
    """The value of `Store.mapped` for this store."""

    examples = 60
    """Number of games that the store plays against a dict."""

    races = 5
    """Number of names that 16 creators race for."""

    @pytest.fixture
    def new_store(self) -> NewStore:
        """Return a function that makes a fresh, empty store of the backend. Every test class overrides this fixture."""
        raise NotImplementedError(f"{type(self).__name__} has no fixture new_store, which makes stores to test")

    @pytest.fixture
    def store(self, new_store: NewStore) -> Store:
        return new_store()

    def open_again(self, url: str) -> Store:
        """Open a store of this backend by its URL. To be overridden where `open_store` does not know its scheme."""
        return open_store(url)

    def test_gives_back_what_was_created(self, store: Store) -> None:
        assert store.create("log/1.npz", b"content")
        assert bytes(store.get("log/1.npz")) == b"content"
        assert store.size("log/1.npz") == 7

    def test_keeps_an_empty_object(self, store: Store) -> None:
        assert store.create("empty", b"")
        assert bytes(store.get("empty")) == b""
        assert store.size("empty") == 0
        assert [bytes(view) for view in store.get_ranges("empty", [(0, 0), (0, 5), (3, 4)])] == [b"", b"", b""]
        assert names(store) == ["empty"]

    def test_keeps_a_large_object(self, store: Store) -> None:
        data = bytes(range(256)) * (9_000_000 // 256)
        assert store.create("large", data)
        assert store.get("large") == data
        assert store.size("large") == len(data)
        ranges = [(8_000_000, 8_000_100), (0, 10), (4_000_000, 6_500_000)]
        assert store.get_ranges("large", ranges) == [data[start:stop] for start, stop in ranges]

    def test_refuses_an_object_that_is_larger_than_it_may_be(self, store: Store) -> None:
        store.create("a", b"content")
        assert bytes(store.get("a", 7)) == b"content"
        with pytest.raises(CorruptObject, match=r"^a: has 7 bytes, and no object of its kind has more than 6"):
            store.get("a", 6)

    def test_creates_a_large_object_only_if_it_is_absent(self, store: Store) -> None:
        # a client that switches to multipart uploads for these would overwrite
        assert store.create("large", bytes(9_000_000))
        assert not store.create("large", b"1" * 9_000_000)
        assert store.get("large") == bytes(9_000_000)

    def test_creates_from_a_view(self, store: Store) -> None:
        assert store.create("view", memoryview(bytearray(b"-content-"))[1:-1])
        assert bytes(store.get("view")) == b"content"

    def test_keeps_what_was_created_when_the_writer_reuses_its_buffer(self, store: Store) -> None:
        buffer = bytearray(b"content")
        store.create("a", memoryview(buffer))
        buffer[:] = b"XXXXXXX"
        assert bytes(store.get("a")) == b"content"

    @pytest.mark.parametrize("size", [7, 1_000_000])
    def test_hands_out_views_that_cannot_be_written_to(self, store: Store, size: int) -> None:
        store.create("a", bytes(size))
        views = [store.get("a"), *store.get_ranges("a", [(1, 3), (2, 2)])]
        assert [view.readonly for view in views] == [True, True, True]
        assert [(view.ndim, view.format, view.nbytes) for view in views] == [(1, "B", size), (1, "B", 2), (1, "B", 0)]

    def test_views_outlive_their_object(self, store: Store) -> None:
        store.create("a", b"content" * 100_000)
        whole, (part,) = store.get("a"), store.get_ranges("a", [(7, 14)])
        store.delete(["a"])
        assert bytes(whole[:7]) == b"content"
        assert bytes(part) == b"content"

    def test_reads_ranges_in_the_order_they_were_asked_for(self, store: Store) -> None:
        store.create("a", b"0123456789")
        got = store.get_ranges("a", [(5, 8), (0, 2), (0, 2), (1, 6), (9, 10), (4, 4), (0, 10)])
        assert [bytes(view) for view in got] == [b"567", b"01", b"01", b"12345", b"9", b"", b"0123456789"]

    @pytest.mark.parametrize(
        ("ranges", "expected"),
        [
            ([(8, 12)], [b"89"]),
            ([(8, 12), (0, 2)], [b"89", b"01"]),
            ([(10, 12)], [b""]),
            ([(50, 60)], [b""]),
            ([(0, 2), (50, 60)], [b"01", b""]),
            ([(5_000_000, 6_000_000), (9, 1_000_000_000), (3, 4)], [b"", b"9", b"3"]),
            ([(8_000_000, 8_000_000)], [b""]),
        ],
    )
    def test_a_range_past_the_end_comes_back_short(
        self, store: Store, ranges: list[tuple[int, int]], expected: list[bytes]
    ) -> None:
        store.create("a", b"0123456789")
        assert [bytes(view) for view in store.get_ranges("a", ranges)] == expected

    def test_no_ranges_are_no_views(self, store: Store) -> None:
        store.create("a", b"0123456789")
        assert store.get_ranges("a", []) == []

    @pytest.mark.parametrize("wrong", [(-1, 2), (3, 2), (-3, -1)])
    def test_refuses_a_range_that_is_none(self, store: Store, wrong: tuple[int, int]) -> None:
        store.create("a", b"0123456789")
        with pytest.raises(StorageError, match=r"^a: \("):
            store.get_ranges("a", [(0, 1), wrong])

    def test_says_which_object_is_missing_and_where(self, store: Store) -> None:
        fill(store, ["a", "b/c"])
        reads: list[Callable[[str], object]] = [
            store.get,
            store.size,
            lambda name: store.get_ranges(name, [(0, 1)]),
            lambda name: store.get_ranges(name, [(0, 0)]),
            lambda name: store.get_ranges(name, []),
        ]
        for missing in ["x", "b", "b/x", "a/x", "x/y/z"]:
            for read in reads:
                with pytest.raises(ObjectNotFound) as raised:
                    read(missing)
                assert raised.value.name == missing
                assert str(raised.value) == f"{missing}: no such object in {store.url}"

    def test_an_empty_store_can_be_asked_anything(self, store: Store) -> None:
        assert names(store) == []
        assert names(store, "a/b", "a/b/c", 3) == []
        store.delete(["a", "b/c"])
        with pytest.raises(ObjectNotFound):
            store.get("a")

    def test_never_overwrites(self, store: Store) -> None:
        assert store.create("a/b", b"first")
        assert not store.create("a/b", b"second, and longer")
        assert not store.create("a/b", b"first")
        assert bytes(store.get("a/b")) == b"first"

    def test_of_16_creators_at_once_exactly_one_wins(self, store: Store) -> None:
        for number in range(self.races):
            name, barrier = f"race/{number}", Barrier(16)

            def create(creator: int, name: str = name, barrier: Barrier = barrier) -> bool:
                barrier.wait()
                return store.create(name, bytes([creator]) * 20_000)

            with ThreadPoolExecutor(16) as pool:
                won = list(pool.map(create, range(16)))
            assert sum(won) == 1
            assert store.get(name) == bytes([won.index(True)]) * 20_000

    def test_deletes_objects_and_minds_none_that_are_missing(self, store: Store) -> None:
        fill(store, ["a/1", "a/2", "a/3", "b"])
        store.delete(["a/3", "nothing", "a/1", "a/1", "no/thing"])
        assert names(store) == ["a/2", "b"]
        store.delete([])
        store.delete(["a"])
        assert names(store) == ["a/2", "b"]

    def test_deletes_more_than_one_request_holds(self, store: Store) -> None:
        store.create("keep", b"")
        store.create("n0700", b"")
        store.delete([f"n{number:04}" for number in range(1_100)])
        assert names(store) == ["keep"]

    def test_a_deleted_name_can_be_created_again(self, store: Store) -> None:
        store.create("a", b"first")
        store.delete(["a"])
        assert store.create("a", b"second")
        assert bytes(store.get("a")) == b"second"

    def test_lists_by_the_bytes_of_the_whole_name(self, store: Store) -> None:
        fill(store, reversed(TREE))
        assert names(store) == sorted(TREE)

    @pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b", "a/c/", "a/c", "a.", "a-", "A", "ab/c", "c", "a/b/"])
    def test_lists_what_begins_with_a_prefix(self, store: Store, prefix: str) -> None:
        fill(store, TREE)
        expected = [name for name in sorted(TREE) if name.startswith(prefix)]
        assert names(store, prefix) == expected
        assert names(store, prefix, limit=2) == expected[:2]
        for after in ["", "A", "a", "a-", "a.b", "a.c", "a/", "a/b", "a/b-c", "a/b~", "a/c", "a/c/d", "a0", "b", "c"]:
            rest = [name for name in expected if name > after]
            assert names(store, prefix, after) == rest
            assert names(store, prefix, after, limit=1) == rest[:1]

    def test_a_limit_of_none_is_all_and_of_0_is_nothing(self, store: Store) -> None:
        fill(store, TREE)
        assert names(store, limit=None) == names(store, limit=1_000) == sorted(TREE)
        assert names(store, limit=0) == []

    def test_the_first_name_of_a_folder_is_found_with_limit_1(self, store: Store) -> None:
        versions = [f"manifest/{2**64 - 1 - version:020}.json" for version in range(25)]
        fill(store, versions)
        assert names(store, "manifest/", limit=1) == [versions[-1]]

    def test_a_listing_tells_size_and_age(self, store: Store) -> None:
        before = time.time()
        store.create("a", b"12345")
        (entry,) = store.list()
        assert (entry.name, entry.size) == ("a", 5)
        # the store's clock may be another machine's, and S3 counts whole seconds
        assert before - 60 < entry.modified < time.time() + 60

    def test_deleting_while_listing_harms_nobody(self, store: Store) -> None:
        every = [f"a/{number:02}/x" for number in range(20)] + [f"b/{number:02}" for number in range(20)]
        fill(store, every)
        seen = []
        for entry in store.list():
            seen.append(entry.name)
            # what was listed, and the last of its neighbours that may not have been
            store.delete([entry.name, f"{entry.name[0]}/19/x", f"{entry.name[0]}/19"])
        assert seen == sorted(set(seen))
        assert set(every) - {"a/19/x", "b/19"} <= set(seen)
        assert names(store) == []

    def test_can_be_opened_again_by_its_url(self, store: Store) -> None:
        store.create("a/b", b"content")
        again = self.open_again(store.url)
        assert again.url == store.url
        assert bytes(again.get("a/b")) == b"content"

    @pytest.mark.parametrize("name", MISSHAPEN)
    def test_refuses_a_name_no_object_can_have(self, store: Store, name: str) -> None:
        calls: list[Callable[[], object]] = [
            lambda: store.get(name),
            lambda: store.get_ranges(name, [(0, 1)]),
            lambda: store.create(name, b""),
            lambda: store.delete(["fine", name]),
            lambda: store.size(name),
        ]
        for call in calls:
            with pytest.raises(StorageError, match="no object can have this name"):
                call()

    @pytest.mark.parametrize("prefix", ["/", "..", "../", "a/../", ".", "./", "//", "a//", ".tmp/", "/etc/"])
    def test_no_object_has_a_prefix_that_is_no_name(self, store: Store, prefix: str) -> None:
        fill(store, ["a/b", "c"])
        assert names(store, prefix) == []

    def test_says_whether_its_views_are_maps(self, store: Store) -> None:
        assert store.mapped == self.mapped

    def test_behaves_like_a_dict(self, new_store: NewStore) -> None:
        class Game(AgainstADict):
            def __init__(game) -> None:  # noqa: N805 - `self` is the test
                super().__init__(new_store())

        run_state_machine_as_test(Game, settings=settings(max_examples=self.examples, stateful_step_count=20))


class AgainstADict(RuleBasedStateMachine):
    """Plays one store against a dict that never overwrites."""

    object_names = st.sampled_from(TREE)

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.model: dict[str, bytes] = {}

    @rule(name=object_names, data=st.binary(max_size=100))
    def create(self, name: str, data: bytes) -> None:
        assert self.store.create(name, data) == (name not in self.model)
        self.model.setdefault(name, data)

    @rule(name=object_names)
    def read(self, name: str) -> None:
        if name in self.model:
            assert bytes(self.store.get(name)) == self.model[name]
            assert self.store.size(name) == len(self.model[name])
        else:
            with pytest.raises(ObjectNotFound):
                self.store.get(name)

    @rule(
        name=object_names,
        ranges=st.lists(st.tuples(st.integers(0, 120), st.integers(0, 60)).map(lambda r: (r[0], r[0] + r[1]))),
    )
    def read_ranges(self, name: str, ranges: list[tuple[int, int]]) -> None:
        if name in self.model:
            expected = [self.model[name][start:stop] for start, stop in ranges]
            assert [bytes(view) for view in self.store.get_ranges(name, ranges)] == expected
        else:
            with pytest.raises(ObjectNotFound):
                self.store.get_ranges(name, ranges)

    @rule(those=st.lists(object_names, max_size=4))
    def delete(self, those: list[str]) -> None:
        self.store.delete(those)
        for name in those:
            self.model.pop(name, None)

    @rule(
        prefix=st.builds(lambda name, length: name[:length], object_names, st.integers(0, 6)),
        after=st.text("-./0BZ_abcd", max_size=4),
        limit=st.none() | st.integers(0, 5),
    )
    def look(self, prefix: str, after: str, limit: int | None) -> None:
        expected = sorted(name for name in self.model if name.startswith(prefix) and name > after)[:limit]
        listed = list(self.store.list(prefix, after=after, limit=limit))
        assert [(entry.name, entry.size) for entry in listed] == [(name, len(self.model[name])) for name in expected]
