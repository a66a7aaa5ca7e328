"""Databases of local-reverse-image-search: every hash comes over that can be told apart from those of another size."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from lookalike.interchange.dump import ORIGINALS
from lookalike.interchange.file import DumpFile
from lookalike.interchange.local_reverse_image_search import Lris, hashes
from lookalike.interchange.options import DumpOptions
from lookalike.signatures.compute import compute_signatures
from shards.errors import DumpUnreadable, SignatureError
from shards.families import family
from shards.families.hashes import ImageHash
from shards.pictures.decoding import decode
from tests.lookalike.interchange.reading import INTEROP, Expected, check, expected, read

DATA = INTEROP / "local-reverse-image-search"
EXPECTED = json.loads((DATA / "expected.json").read_text(encoding="utf-8"))
FAMILIES = {name: database["family"] for name, database in EXPECTED["databases"].items()}


def family_of(row: Expected) -> str | None:
    """The family that is given where no settings lie beside the file: the last word of the options."""
    return row.options.split()[-1] if "--family" in row.options else None


@pytest.mark.parametrize("row", expected("local-reverse-image-search"), ids=str)
def test_a_file_gives_what_is_expected_of_it(row: Expected) -> None:
    check(row, lambda: read(Lris, DATA / row.name, DumpOptions(family=family_of(row))))


@pytest.mark.parametrize("name", FAMILIES)
def test_settings_beside_the_database_tell_the_family(name: str, tmp_path: Path) -> None:
    shutil.copyfile(DATA / f"{name}.img.db", tmp_path / "img.db")
    with pytest.raises(DumpUnreadable, match=r"no params\.json beside it: give --family with one of ahash"):
        read(Lris, tmp_path / "img.db")
    shutil.copyfile(DATA / f"{name}.params.json", tmp_path / "params.json")
    found = read(Lris, tmp_path / "img.db")
    assert found.texts == read(Lris, DATA / f"{name}.img.db", DumpOptions(family=FAMILIES[name])).texts
    stored = EXPECTED["databases"][name]["hashes"]
    digits = max(map(len, stored.values()))
    assert found.texts == {key: {FAMILIES[name]: text} for key, text in stored.items() if len(text) == digits}
    assert any("as params.json says" in said for said in found.said)


def test_the_family_that_is_given_counts_more_than_the_settings() -> None:
    found = read(Lris, DATA / "dhash8.img.db", DumpOptions(family="phash"))
    assert set(found.texts[found.keys[0]]) == {"phash"}
    assert any("taken for phash, as --family says" in said for said in found.said)


def test_hashes_that_another_method_must_have_made_are_counted() -> None:
    for name in FAMILIES:
        assert not any("another method" in said for said in read(Lris, DATA / f"{name}.img.db").said), name
    mixed = read(Lris, DATA / "mixed-methods.img.db")  # beside settings that say phash
    (said,) = [said for said in mixed.said if "another method" in said]
    more = sum(int(text["phash"], 16).bit_count() > 32 for text in mixed.texts.values())
    assert more > 10
    assert said.startswith(f"{more} of these hashes have more than half of their bits set, which no phash has")


def test_hashes_of_another_size_are_counted_for_an_index_of_their_own() -> None:
    found = read(Lris, DATA / "mixed-sizes.img.db", DumpOptions(family="dhash16"))
    assert any("1 of 16 digits. Hashes of another size go into an index of their own" in said for said in found.said)
    other = read(Lris, DATA / "mixed-sizes.img.db", DumpOptions(family="dhash"))
    assert (len(other.keys), len(other.refused)) == (1, 61)
    assert set(found.keys) | set(other.keys) == {*found.keys, other.keys[0]}


def test_images_on_damaged_pages_are_called_by_their_paths(tmp_path: Path) -> None:
    data = bytearray((DATA / "dhash8.img.db").read_bytes())
    at = data.index(b"cd8dd91d897293a7") // 4096 * 4096  # a hash, which the table alone has and no index
    data[at : at + 4096] = b"\xaa" * 4096
    (tmp_path / "img.db").write_bytes(data)
    found = read(Lris, tmp_path / "img.db", DumpOptions(family="dhash"))
    lost = {row.place.removeprefix("image ") for row in found.refused}
    assert found.exit_code == 1
    assert lost
    assert set(found.keys) | lost == set(EXPECTED["databases"]["dhash8"]["hashes"])
    assert any("malformed" in said for said in found.said)


def test_every_bad_row_has_its_reason() -> None:
    found = read(Lris, DATA / "bad-rows.img.db", DumpOptions(family="dhash"))
    reasons = {row.place.rsplit("/", 1)[-1]: row.reason for row in found.refused}
    assert reasons == {
        "null.png": "hash_hex is NULL",
        "empty.png": "hash_hex is empty",
        "short.png": "hash_hex has 3 digits; a dhash has 16",
        "long.png": "hash_hex has 17 digits; a dhash has 16",
        "nohex.png": "hash_hex is 'zzzzzzzzzzzzzzzz': not all of that are hexadecimal digits",
        "longpath.png": reasons["longpath.png"],
    }
    assert "a key has 1 to 1,024" in reasons["longpath.png"]
    assert set(found.keys) == {"/p/good.png", "/p/UPPER.png", "C:\\Users\\x\\Pictures\\win.png", "/p/number.png"}


@pytest.mark.parametrize(
    ("directory", "key"),
    [
        ("/p", "/p/a.png"),
        ("/", "/a.png"),
        ("C:\\", "C:\\a.png"),
        ("C:/x", "C:/x\\a.png"),
        ("\\\\server\\x", "\\\\server\\x\\a.png"),
        ("pics", "pics/a.png"),
    ],
)
def test_a_key_is_the_path_that_the_system_of_the_database_writes(tmp_path: Path, directory: str, key: str) -> None:
    database(tmp_path / "img.db", [(directory, "a.png", "0" * 16, 1, 1)])
    assert read(Lris, tmp_path / "img.db", DumpOptions(family="dhash")).keys == [key]


def database(
    path: Path, rows: list[tuple[object, ...]], columns: str = "directory, filename, hash_hex, s, present"
) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE TABLE image ({columns})")
    connection.executemany(f"INSERT INTO image VALUES ({','.join('?' * len(columns.split(',')))})", rows)
    connection.commit()
    connection.close()


def test_only_rows_that_say_so_are_absent(tmp_path: Path) -> None:
    database(tmp_path / "img.db", [("/p", f"{n}", "0" * 16, 1, n) for n in (0, 1, None, 0.0, "x")])
    found = read(Lris, tmp_path / "img.db", DumpOptions(family="dhash"))
    assert (found.keys, found.skipped) == (["/p/1", "/p/None", "/p/x"], 2)
    database(tmp_path / "older.db", [("/p", "a", "0" * 16)], "directory, filename, hash_hex")
    assert read(Lris, tmp_path / "older.db", DumpOptions(family="dhash")).keys == ["/p/a"]


def test_a_tree_is_never_unpickled(tmp_path: Path) -> None:
    import pickle

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "sprung",)  # type: ignore[return-value]

    path = tmp_path / "bk_tree.pkl"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DumpUnreadable, match=r"give img\.db"):
        read(Lris, path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["haar", "pdq", "dhash_vertical", "dhash99", "x"])
def test_a_family_that_the_program_does_not_make_is_refused(name: str) -> None:
    with pytest.raises(DumpUnreadable):
        read(Lris, DATA / "dhash8.img.db", DumpOptions(family=name))


def test_damaged_settings_are_named(tmp_path: Path) -> None:
    shutil.copyfile(DATA / "dhash8.img.db", tmp_path / "img.db")
    (tmp_path / "params.json").write_text('{"hash_method": "xhash"}')
    with pytest.raises(
        DumpUnreadable, match=r"params\.json: hash_method is \"xhash\": give one of .*; or give --family"
    ):
        read(Lris, tmp_path / "img.db")
    assert len(read(Lris, tmp_path / "img.db", DumpOptions(family="dhash")).keys) == 61


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    shutil.copyfile(INTEROP / "iqdb" / "wrong-table.sqlite", tmp_path / "img.db")
    with pytest.raises(DumpUnreadable, match=r"no table image with the columns directory, filename, hash_hex.*: posts"):
        read(Lris, tmp_path / "img.db", DumpOptions(family="dhash"))


@pytest.mark.parametrize("name", ["dhash", "dhash6", "dhash5", "dhash16", "whash_db4"])
def test_hashes_are_read_exactly_as_the_family_reads_them(name: str) -> None:
    kind = family(name)
    assert isinstance(kind, ImageHash)
    digits, random = hashes.digits_of(kind), np.random.default_rng(40)
    column: list[object] = [bytes(random.choice(list(b"0123456789abcdefABCDEF"), digits).tolist()) for _ in range(50)]
    column += [b"f" * digits, b"0" * digits]
    for some in (
        column,
        [*column, b"f" * (digits + 1), b" " * digits, b"", None, 7, b"g" * digits, b"\n" + b"0" * digits],
    ):
        rows, wrong = hashes.of_column(some, kind)
        for number, text in enumerate(some):
            try:
                parsed = kind.parse(text.decode() if isinstance(text, bytes) else "")
            except SignatureError:
                assert number in wrong
            else:
                assert number not in wrong
                assert rows[number] == parsed
    assert len(hashes.of_column([], kind)[0]) == 0


def test_progress_is_in_bytes_of_the_file() -> None:
    with DumpFile(DATA / "dhash8.img.db") as file:
        dump = Lris.open(file, DumpOptions())
        assert (dump.size, dump.done) == (file.packed_size, 0)
        list(dump.batches())
        assert dump.done == dump.size


GOLDEN = {
    path.name: path
    for folder in ("iqdb", "goldberg")
    for path in (Path(__file__).parents[3] / "golden" / folder / "images").iterdir()
}


def originals() -> list[tuple[str, Path]]:
    """The keys of the databases whose pictures are here, and the pictures."""
    pictures = {key: Path(name).name for key, name in EXPECTED["pictures"].items()}
    return sorted((key, GOLDEN[name]) for key, name in pictures.items() if name in GOLDEN)


def check_hashes(pictures: list[tuple[str, Path]]) -> None:
    families = [family(name) for name in FAMILIES.values()]
    others = []
    for key, path in pictures:
        computed = compute_signatures(decode(path.read_bytes(), ORIGINALS), families)
        for name, kind in zip(FAMILIES, families, strict=True):
            stored = EXPECTED["databases"][name]["hashes"][key]
            if kind.format(computed[kind.name]) != stored:
                others.append((name, len(stored)))
    # ImageHash's hashes of small pictures by the db4 wavelet are shorter than all others, and comparable with none
    assert {name for name, _ in others} <= {"whash-db4-8"}
    assert all(digits < 49 for _, digits in others)


def test_the_same_pictures_have_the_same_hashes_here() -> None:
    assert len(originals()) == 56
    check_hashes(originals()[::9])


@pytest.mark.long
def test_all_pictures_have_the_same_hashes_here() -> None:
    check_hashes(originals())
