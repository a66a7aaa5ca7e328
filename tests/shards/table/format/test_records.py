"""Records, column by column."""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shards.errors import KeyInvalid, QueryError, SignatureError
from shards.families import family
from shards.table.format import names
from shards.table.format.columns import decode, encode
from shards.table.format.records import Record, Records, meta_bytes, meta_of
from shards.table.format.texts import Texts
from tests.shards.table.synthetic import DHASH, FAMILIES, delete, order, put, records, row

events = st.lists(
    st.tuples(st.sampled_from(["a", "b", "cc", "dd", "e"]), st.integers(0, 3), st.integers(0, 2), st.booleans()),
    min_size=1,
    max_size=30,
)


class TestRecords:
    def test_each_record_is_a_row_of_every_column(self) -> None:
        made = records(put("ü.jpg", 5, 300, tie=9, meta={"a": 1}), delete("b", 6))
        assert len(made) == 2
        assert made.key(0) == "ü.jpg"
        assert made.fixed["key_hash"].tolist() == [names.key_hash("ü.jpg".encode()), names.key_hash(b"b")]
        assert made.fixed["order"].tolist() == [list(order(5, 9)), list(order(6))]
        assert made.fixed["kind"].tolist() == [0, 1]
        assert made.fixed["width"].tolist() == [300, 0]
        assert made.fixed["height"].tolist() == [7, 0]
        assert made.fixed["sha256"].tolist() == [[44] * 32, [0] * 32]
        assert made.rows[DHASH.name]["hash"].tolist() == [[300], [0]]
        assert [meta_of(stored, "log/x") for stored in made.texts["meta"].tolist()] == [({"a": 1}, {}), ({}, {})]

    def test_they_come_back_from_what_is_stored(self) -> None:
        made = records(put("a", 1, 5, meta={"b": [None, 2.5, "ü"]}), delete("c", 2), put("d", 3))
        back = Records.from_columns(decode("x", encode(made.columns())), FAMILIES, "x")
        assert encode(back.columns()) == encode(made.columns())

    def test_without_a_signature_of_every_family_a_record_is_refused(self) -> None:
        haar = family("haar")
        with pytest.raises(SignatureError, match="image 'a' comes without a signature of family haar"):
            Records.of([Record("a", order(1), rows={DHASH.name: row(1)})], [DHASH, haar])

    def test_a_key_that_cannot_be_is_refused(self) -> None:
        with pytest.raises(KeyInvalid, match="0 bytes"):
            records(put("", 1))

    def test_keys_and_metadata_may_be_texts(self) -> None:
        keys, meta = ["a", "ü.jpg"], [b"", b'{"meta":{"x":1}}']
        others = {"order": np.ones((2, 2), np.uint64), "rows": {DHASH.name: np.zeros(2, DHASH.dtype)}}
        made = Records.build(keys=keys, meta=meta, **others)  # type: ignore[arg-type]
        stored = Texts.of([key.encode() for key in keys])
        same = Records.build(keys=stored, meta=Texts.of(meta), **others)  # type: ignore[arg-type]
        assert encode(same.columns()) == encode(made.columns())

    @pytest.mark.parametrize(
        ("keys", "problem"),
        [
            ([b"a", b"", b"c"], r"key b'' has 0 bytes; a key has 1 to 1,024"),
            ([b"a", b"b" * 1025], r"key b'b{60}' has 1,025 bytes"),
            ([b"a", b"\xff"], r"key b'\\xff' is not valid UTF-8: invalid start byte"),
            (["ü".encode()[:1], "ü".encode()[1:]], r"key b'\\xc3' is not valid UTF-8: unexpected end of data"),
        ],
    )
    def test_texts_that_can_be_no_keys_are_refused(self, keys: list[bytes], problem: str) -> None:
        order = np.zeros((len(keys), 2), np.uint64)
        with pytest.raises(KeyInvalid, match=problem):
            Records.build(keys=Texts.of(keys), order=order, rows={DHASH.name: np.zeros(len(keys), DHASH.dtype)})

    def test_metadata_of_another_length_is_refused(self) -> None:
        order = np.zeros((1, 2), np.uint64)
        with pytest.raises(QueryError, match=r"column meta\.offsets has 3 places, 1 records need one more"):
            Records.build(keys=["a"], order=order, rows={DHASH.name: np.zeros(1, DHASH.dtype)}, meta=[b"", b""])

    @pytest.mark.parametrize("offsets", [[1, 2, 3], [0, 2, 1], [0, 1, 2], [0, 9, 3]])
    def test_texts_that_do_not_lie_end_to_end_are_refused(self, offsets: list[int]) -> None:
        wrong = Texts(np.frombuffer(b"abc", np.uint8), np.array(offsets, np.uint64))
        rows = {DHASH.name: np.zeros(2, DHASH.dtype)}
        order = np.zeros((2, 2), np.uint64)
        with pytest.raises(QueryError, match=r"column key\.offsets does not rise from 0 to the 3 bytes"):
            Records.build(keys=wrong, order=order, rows=rows)
        with pytest.raises(QueryError, match=r"column meta\.offsets does not rise from 0 to the 3 bytes"):
            Records.build(keys=["a", "b"], meta=wrong, order=order, rows=rows)

    def test_some_of_them_are_stored_as_if_they_were_taken_first(self) -> None:
        made = records(put("a", 1, 5, meta={"b": 1}), delete("c", 2), put("d", 3))
        rows = np.array([2, 0])
        assert encode(made.columns(rows)) == encode(made.take(rows).columns())

    @pytest.mark.parametrize(
        ("column", "problem"),
        [
            ({"order": np.zeros((3, 2), np.uint64)}, r"column order has shape \(3, 2\), 2 records need \(2, 2\)"),
            ({"sha256": np.zeros((2, 31), np.uint8)}, r"column sha256 has shape \(2, 31\)"),
            ({"rows": {DHASH.name: np.zeros(1, DHASH.dtype)}}, "column dhash has 1 rows for 2 records"),
        ],
    )
    def test_columns_of_other_lengths_are_refused(self, column: dict[str, NDArray[np.uint64]], problem: str) -> None:
        good = {"order": np.zeros((2, 2), np.uint64), "rows": {DHASH.name: np.zeros(2, DHASH.dtype)}}
        with pytest.raises(QueryError, match=problem):
            Records.build(keys=["a", "b"], **{**good, **column})  # type: ignore[arg-type]

    def test_no_records_are_records_too(self) -> None:
        nothing = Records.none(FAMILIES)
        assert len(nothing) == 0
        assert len(nothing.latest()) == 0
        assert len(Records.join([nothing, records(put("a", 1))])) == 1


def collide(stored: Iterable[bytes]) -> NDArray[np.uint64]:
    """Key hashes as they nearly never are: two for all keys."""
    return np.array([len(key) % 2 for key in stored], np.uint64)


def one_each(stored: Iterable[bytes]) -> NDArray[np.uint64]:
    return np.zeros(len(list(stored)), np.uint64)


class TestLatest:
    """One record a key: the one with the highest order."""

    @given(given=events, collisions=st.sampled_from([None, collide, one_each]))
    def test_it_is_what_a_dict_would_keep(self, given: list[tuple[str, int, int, bool]], collisions: object) -> None:
        made = [
            delete(key, time, tie=tie) if deleted else put(key, time, i + 1, tie=tie)
            for i, (key, time, tie, deleted) in enumerate(given)
        ]
        with pytest.MonkeyPatch.context() as patch:
            if collisions is not None:
                patch.setattr(names, "key_hashes", collisions)
            latest = records(*made).latest()
        best: dict[str, tuple[int, int]] = {}
        for record in made:
            best[record.key] = max(record.order, best.get(record.key, (0, 0)))
        keys = [key.decode() for key in latest.texts["key"].tolist()]
        assert sorted(keys) == sorted(best)
        assert dict(zip(keys, map(tuple, latest.fixed["order"].tolist()), strict=True)) == best
        hashes = latest.fixed["key_hash"]
        assert (hashes[1:] >= hashes[:-1]).all()
        for i, key in enumerate(keys):
            written = [r for r in made if (r.key, r.order) == (key, best[key])]
            assert latest.fixed["width"][i] in {record.width for record in written}
            assert latest.rows[DHASH.name]["hash"][i, 0] == latest.fixed["width"][i]

    def test_orders_are_64_bits_unsigned(self) -> None:
        high, low = Record("a", (2**64 - 1, 0), deleted=True), Record("a", (2**63, 2**64 - 1), deleted=True)
        assert records(low, high, low).latest().fixed["order"].tolist() == [[2**64 - 1, 0]]


class TestMetadata:
    def test_it_is_canonical_json_so_that_the_same_record_gives_the_same_bytes(self) -> None:
        assert (
            meta_bytes({"b": 1, "a": "ü"}, {"path": "x"}) == '{"meta":{"a":"ü","b":1},"source":{"path":"x"}}'.encode()
        )
        assert meta_bytes({"b": 1}, None) == b'{"meta":{"b":1}}'
        assert meta_bytes(None, {}) == b""

    @given(st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.floats(allow_nan=False))))
    def test_it_comes_back(self, meta: dict[str, object]) -> None:
        if any(isinstance(value, list) and any(abs(x) == float("inf") for x in value) for value in meta.values()):
            with pytest.raises(QueryError, match="is not JSON"):
                meta_bytes(meta, None)
        else:
            assert meta_of(meta_bytes(meta, None), "log/x") == (meta, {})
            assert meta_of(meta_bytes(None, meta), "log/x") == ({}, meta)

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", {1, 2}, object()])
    def test_what_is_not_json_is_refused(self, value: object) -> None:
        with pytest.raises(QueryError, match="is not JSON"):
            meta_bytes({"a": value}, None)

    def test_any_json_tool_can_read_it(self) -> None:
        assert json.loads(meta_bytes({"a": 1}, None)) == {"meta": {"a": 1}}
