"""Databases of IQDB: all that it has comes over, and what no index can take is named."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from lookalike.interchange.file import DumpFile
from lookalike.interchange.iqdb import Iqdb, signatures
from lookalike.interchange.iqdb.metadata import meta_of
from lookalike.interchange.kinds import open_dump
from lookalike.interchange.options import DumpOptions
from lookalike.interchange.sqlite.keys import keys_of
from shards.errors import DumpUnreadable, SignatureError
from shards.families import family
from shards.families.haar.row import ROW
from shards.table.format.records import meta_bytes
from tests.lookalike.interchange.reading import INTEROP, Expected, check, expected, read
from tests.tiers import scaled

DATA = INTEROP / "iqdb"
ROWS = expected("iqdb")

NOT_OF_THE_READER = ["same key", "1", "what could be read is reported; nothing is silently left out"]
"""What the importer says, and what is no quotation."""
ALSO_NOT = ["the folder is unchanged afterwards", "or exit 2 with the words: iqdb convert"]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_file_gives_what_is_expected_of_it(row: Expected) -> None:
    words = [word for word in row.words if word not in [*NOT_OF_THE_READER, *ALSO_NOT]]
    path = DATA / (row.options if row.name == "live-wal" else row.name)
    wanted = Expected(row.name, row.options, row.exit_code, row.imported, row.skipped, row.refused, words)
    check(wanted, lambda: read(Iqdb, path))


@pytest.mark.parametrize(("name", "of"), [("iqdb", "iqdb"), ("e621", "e621"), ("iqdb-rs", None), ("varunda", None)])
def test_signatures_are_those_that_iqdb_prints(name: str, of: str | None) -> None:
    found = read(Iqdb, DATA / f"{name}.sqlite")
    images = json.loads((DATA / f"{of or 'iqdb'}.expected.json").read_text(encoding="utf-8"))["images"]
    got = {key: texts["haar"] for key, texts in found.texts.items()}
    assert sorted(got.values()) == sorted(images.values())
    if of is not None:
        assert got == images


def test_the_old_file_has_the_signatures_that_its_conversion_has() -> None:
    assert read(Iqdb, DATA / "old-0.9.0.db").texts == read(Iqdb, DATA / "old-0.9.0.converted.sqlite").texts


@pytest.mark.parametrize("name", ["bad-corrupt-page.sqlite", "bad-truncated.sqlite"])
def test_images_on_damaged_pages_are_called_by_their_ids_too(name: str) -> None:
    found = read(Iqdb, DATA / name)
    everything = read(Iqdb, DATA / "iqdb.sqlite")
    lost = {row.place.removeprefix("image ") for row in found.refused}
    assert set(found.keys) | lost == set(everything.keys)
    assert not set(found.keys) & lost
    assert all(found.texts[key] == everything.texts[key] for key in found.keys)


def test_every_bad_row_is_called_by_its_id() -> None:
    document = json.loads((DATA / "mixed-bad-rows.expected.json").read_text(encoding="utf-8"))
    found = read(Iqdb, DATA / "mixed-bad-rows.sqlite")
    assert sorted(found.keys) == sorted(document["good"])
    places = [row.place for row in found.refused]
    assert places == [f"image {key}" if key is not None else "row 24" for key, _ in document["bad"]]
    reasons = {row.place: row.reason for row in found.refused}
    assert reasons["image 900003"] == "sig is NULL"
    assert reasons["image 900001"] == "sig has 239 bytes; a signature has 240"
    assert "inf" in reasons["image 900010"]


def test_a_black_picture_is_a_picture() -> None:
    found = read(Iqdb, DATA / "mixed-bad-rows.sqlite")
    assert found.texts["900021"]["haar"].startswith("iqdb_" + "0" * 48)


def test_coefficients_in_no_order_are_sorted() -> None:
    row = family("haar").parse(read(Iqdb, DATA / "mixed-bad-rows.sqlite").texts["900020"]["haar"])
    assert (np.diff(row["sig"].astype(int)) > 0).all()


def test_varundas_md5_is_metadata_beside_its_post_id() -> None:
    found = read(Iqdb, DATA / "varunda.sqlite")
    at = found.keys.index("post-1234")
    assert found.meta[at] == {"meta": {"md5": f"{1234:032x}"}}


def test_a_database_may_have_any_name(tmp_path: Path) -> None:
    for name in ("img.db", "posts", "posts.csv", "iqdb.sqlite.bak"):
        path = tmp_path / name
        path.write_bytes((DATA / "evazion.sqlite").read_bytes())
        with DumpFile(path) as file:
            assert isinstance(open_dump(file, DumpOptions()), Iqdb)


def test_any_column_can_be_the_key() -> None:
    found = read(Iqdb, DATA / "varunda.sqlite", DumpOptions(key="md5"))
    assert f"{1234:032x}" in found.keys
    assert read(Iqdb, DATA / "evazion.sqlite", DumpOptions(key="ID")).keys == [str(n) for n in range(1, 13)]
    with pytest.raises(DumpUnreadable, match=r"no column name to make keys of; give --key with one of id, post_id"):
        read(Iqdb, DATA / "evazion.sqlite", DumpOptions(key="name"))


def test_a_table_of_another_name_is_read_when_it_is_named() -> None:
    table = DumpOptions(table="old_images")
    assert read(Iqdb, DATA / "iqdb-rs-migrated.sqlite", table).keys == read(Iqdb, DATA / "iqdb.sqlite").keys
    with pytest.raises(DumpUnreadable, match=r"has no table imagse.*: images\. Give --table"):
        read(Iqdb, DATA / "iqdb.sqlite", DumpOptions(table="imagse"))


def test_another_family_is_refused() -> None:
    with pytest.raises(DumpUnreadable, match="family haar, not dhash"):
        read(Iqdb, DATA / "iqdb.sqlite", DumpOptions(family="dhash"))


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("iqdb.sqlite", DumpOptions(hash="sig"), "a database of IQDB has no use for --hash: leave it out"),
        ("iqdb.sqlite", DumpOptions(hash_form="hex"), "has no use for --hash-form"),
        ("iqdb.sqlite", DumpOptions(columns=("a", "b")), "has no use for --columns"),
        ("iqdb.sqlite", DumpOptions(null="-"), "has no use for --null"),
        ("old-0.9.0.db", DumpOptions(table="images"), "the file of IQDB 0.9 has no use for --table"),
    ],
)
def test_an_option_that_would_not_be_heard_is_refused(name: str, options: DumpOptions, said: str) -> None:
    with pytest.raises(DumpUnreadable, match=re.escape(said)):
        read(Iqdb, DATA / name, options)


def test_progress_is_in_bytes_of_the_file() -> None:
    with DumpFile(DATA / "iqdb.sqlite") as file:
        dump = Iqdb.open(file, DumpOptions())
        assert (dump.size, dump.done) == (file.packed_size, 0)
        list(dump.batches())
        assert dump.done == dump.size


@pytest.mark.parametrize("claimed", [2**63, 2**40])
def test_a_header_that_claims_too_much_is_not_believed(tmp_path: Path, claimed: int) -> None:
    data = bytearray((DATA / "old-0.9.0.db").read_bytes())
    data[4:12] = claimed.to_bytes(8, "little")
    (tmp_path / "old.db").write_bytes(data)
    found = read(Iqdb, tmp_path / "old.db")
    assert len(found.keys) == 20
    assert found.exit_code == 1
    assert len(found.refused) == 10_000
    assert any(f"{claimed - 10_020:,} more images are missing" in said for said in found.said)


@pytest.mark.parametrize("first", [0, 2**40, 2**64 - 1])
def test_an_old_file_whose_images_begin_where_none_can_is_refused(tmp_path: Path, first: int) -> None:
    data = bytearray((DATA / "old-0.9.0.db").read_bytes())
    data[12:20] = first.to_bytes(8, "little")
    (tmp_path / "old.db").write_bytes(data)
    with pytest.raises(DumpUnreadable, match=f"begin at byte {first:,}"):
        read(Iqdb, tmp_path / "old.db")


@pytest.mark.scaled
def test_whatever_a_byte_of_an_old_file_is_turned_into_no_other_error_comes(tmp_path: Path) -> None:
    random, data = np.random.default_rng(50), (DATA / "old-0.9.0.db").read_bytes()
    for _ in range(scaled(30)):
        broken = np.frombuffer(data, np.uint8).copy()
        places = random.integers(0, random.choice([20, len(broken)]), random.choice([1, 30]))
        broken[places] = random.integers(0, 256, len(places))
        (tmp_path / "old.db").write_bytes(broken.tobytes()[: random.choice([len(data), 5000])])
        try:
            found = read(Iqdb, tmp_path / "old.db")
        except DumpUnreadable:
            continue
        assert len(found.keys) <= 20


def test_a_signature_is_refused_exactly_where_the_family_refuses_its_text() -> None:
    haar, random = family("haar"), np.random.default_rng(20)
    rows = np.zeros(600, ROW)
    for row in rows:
        for channel in row["sig"]:
            channel[:] = random.choice(np.arange(1, 16384), 40, replace=False) * random.choice([-1, 1], 40)
        row["avgl"] = random.uniform([0, -0.6, -0.53], [1, 0.6, 0.53])
    for row in rows[100:]:  # one change that is wrong, or just right
        place = tuple(random.integers((3, 40)))
        value = random.choice([0, 1, -1, 16383, -16383, 16384, -16384, 32767, -32768, -row["sig"][place[0], 0]])
        if random.random() < 0.7:
            row["sig"][place] = value
        else:
            row["avgl"][place[0]] = random.choice(
                [np.nan, np.inf, -np.inf, 0, 1, 0.6, -0.6, 0.53, -0.53, 1.0001, -0.61]
            )
    texts = [haar.format(row) for row in rows]
    wrong = signatures.check(rows)
    assert 100 < len(wrong) < 500
    for number, text in enumerate(texts):
        try:
            parsed = haar.parse(text)
        except SignatureError as error:
            assert str(error) == wrong[number] or "coefficient" in wrong[number]
        else:
            assert number not in wrong
            assert rows[number] == parsed


def test_keys_are_decimal_or_texts_as_they_are() -> None:
    for values in (
        [0, 7, 2**63 - 1],
        [b"a/b", "é".encode(), 12],
        [b"a", "é".encode()],
        [None, -1, 1.5, b"", b"\xff", b"x" * 1025, 5],
    ):
        texts, wrong = keys_of(values, "post_id")
        assert texts.tolist() == [
            b"" if row in wrong else value if isinstance(value, bytes) else str(value).encode()
            for row, value in enumerate(values)
        ]
    assert sorted(wrong) == [0, 1, 2, 3, 4, 5]
    assert len(keys_of([], "id")[0]) == 0


@pytest.mark.parametrize("column", [[b"00ff", b"", b"abc"], [b'"', b"\\", b"\n"], [None, b"x"], [7, 1.5], []])
def test_metadata_is_written_as_records_have_it(column: list[object]) -> None:
    expected = [
        meta_bytes(None if value is None else {"md5": value.decode() if isinstance(value, bytes) else value}, None)
        for value in column
    ]
    assert meta_of(column, "md5").tolist() == expected


def test_thousands_of_rows_come_in_batches_with_numbers_that_rise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.interchange.sqlite.scan.AT_ONCE", 7)
    found = read(Iqdb, DATA / "iqdb.sqlite")
    assert found.numbers == list(range(45))
    assert found.keys[-1] == "17"


def test_a_signature_of_a_gigabyte_is_no_reason_to_make_room_for_it(tmp_path: Path) -> None:
    path = tmp_path / "large.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE images (id INTEGER PRIMARY KEY, post_id, avglf1, avglf2, avglf3, sig)")
        good = bytes(range(1, 0))
        connection.execute("INSERT INTO images VALUES (1, 1, 0.5, 0, 0, zeroblob(3000000))")
        connection.execute("INSERT INTO images VALUES (2, zeroblob(3000000), 0.5, 0, 0, ?)", (good,))
        connection.execute("INSERT INTO images VALUES (3, 3, 0.5, 0, 0, NULL)")
    connection.close()
    found = read(Iqdb, path)
    assert [row.place for row in found.refused] == ["image 1", "image 3"]
    assert any("too big: rowid 2 cannot be read" in said for said in found.said)
