"""Lists of hashes: every way to write them gives the same images, and what is lost or unsafe is refused."""

from __future__ import annotations

import csv
import gzip
import io
import json
import pickle
import random
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.interchange.file import DumpFile
from lookalike.interchange.hashes import HashesDump, objects, tables
from lookalike.interchange.hashes.forms import HashReader, form_of
from lookalike.interchange.hashes.rows import meta_of_columns
from lookalike.interchange.options import DumpOptions
from lookalike.interchange.stored import RowUnfit
from shards.errors import DumpUnreadable
from shards.families import family
from shards.families.hashes.forms import parse
from shards.families.hashes.hamming import HammingFamily
from shards.hash_forms import HashForm
from shards.table.format.records import meta_bytes
from tests.lookalike.interchange.reading import INTEROP, Expected, Read, check, expected, read
from tests.tiers import scaled

DATA = INTEROP / "hashes"
EXPECTED = json.loads((DATA / "expected.json").read_text(encoding="utf-8"))
HASHES: Mapping[str, Mapping[str, str]] = EXPECTED["hashes"]
UNPICKLED = Path("/tmp/lookalike-unpickled")
"""What one of the pickles would create."""

WORDS: dict[str, str] = {"dhash": "5a5a5a5a5a5a5a5a", "other": "4c4e64476eb1361a"}


def options_of(words: str) -> DumpOptions:
    """The options of a row of expect.json; what is in brackets explains them."""
    given: dict[str, Any] = {}
    parts = words.split("(")[0].split()
    for name, value in zip(parts[::2], parts[1::2], strict=True):
        given[name.removeprefix("--").replace("-", "_")] = tuple(value.split(",")) if name == "--columns" else value
    return DumpOptions(**given)


def packed(name: str) -> Path:
    return path if (path := DATA / name).exists() else DATA / f"{name}.gz"


def reading_of(tmp_path: Path, text: str | bytes, name: str = "list", **options: Any) -> Read:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(HashesDump, path, DumpOptions(**options))  # type: ignore[arg-type]


class TestALastLineWithoutItsEnd:
    @pytest.mark.parametrize(
        ("whole", "cut", "options"),
        [
            ("id,hash\n1,-5881573925013741238\n", "2,86926285", {}),
            ("name,value\na,1234567890123456789\n", "b,12345", {"family": "dhash", "hash_form": "unsigned"}),
            ("path,dhash,album\na,4c4e64476eb1361a,Rome\n", "b,4c4e64476eb1361a,Ro", {}),
            ("path,dhash,album\na,4c4e64476eb1361a,Rome\n", 'b,4c4e64476eb1361a,"Ro', {}),
            ("path,dhash,album\na,4c4e64476eb1361a,Rome\n", "b,4c4e64476eb1361a", {}),
            ("4c4e64476eb1361a  astronaut.png\n", "4c4e64476eb1361a  astron", {"family": "dhash"}),
        ],
    )
    def test_is_refused_where_it_may_be_cut_off(
        self, whole: str, cut: str, options: dict[str, Any], tmp_path: Path
    ) -> None:
        found = reading_of(tmp_path, whole + cut, **options)
        assert len(found.keys) == 1
        assert len(found.refused) == 1
        assert found.exit_code == 1

    @pytest.mark.parametrize(
        "text", ["path,dhash\na,5a5a5a5a5a5a5a5a\nb,4c4e64476eb1361a", "dhash\n4c4e64476eb1361a\n5a5a5a5a5a5a5a5a"]
    )
    def test_is_taken_where_it_ends_with_all_digits_of_a_hash(self, text: str, tmp_path: Path) -> None:
        found = reading_of(tmp_path, text)
        assert len(found.keys) == 2
        assert found.exit_code == 0

    def test_has_half_of_its_end_where_that_is_two_characters(self, tmp_path: Path) -> None:
        found = reading_of(tmp_path, "path,dhash,album\r\na,4c4e64476eb1361a,Rome\r")
        assert found.exit_code == 0
        assert found.meta == [{"meta": {"album": "Rome"}}]


def refused(found: Read) -> list[str]:
    return [f"{row.place}: {row.reason}" for row in found.refused]


@pytest.mark.parametrize("row", expected("hashes"), ids=str)
def test_a_file_gives_what_is_expected_of_it(row: Expected) -> None:
    check(row, lambda: read(HashesDump, packed(row.name), options_of(row.options)))  # type: ignore[arg-type]
    assert not UNPICKLED.exists()


@pytest.mark.parametrize(
    "row",
    [row for row in expected("hashes") if row.exit_code < 2 and not row.name.startswith(("imagededup", "pdq"))],
    ids=str,
)
def test_hashes_are_those_that_imagehash_computed(row: Expected) -> None:
    found = read(HashesDump, packed(row.name), options_of(row.options))  # type: ignore[arg-type]
    for key, texts in found.texts.items():
        for name, text in texts.items():
            if key in HASHES[name]:
                assert text == HASHES[name][key]


@pytest.mark.parametrize("name", ["pdq-hash-quality-id.csv", "pdq-noheader.csv", "pdq-hasher-output.csv"])
def test_pdq_hashes_have_their_quality(name: str) -> None:
    (row,) = [row for row in expected("hashes") if row.name == name]
    found = read(HashesDump, DATA / name, options_of(row.options))  # type: ignore[arg-type]
    for key, texts in found.texts.items():
        _, text, quality = EXPECTED["pdq"][key] if len(EXPECTED["pdq"][key]) == 3 else (0, *EXPECTED["pdq"][key])
        assert texts["pdq"] == f"{text}:{quality:03d}"


def test_a_list_of_known_hashes_may_have_comments_and_the_quality_behind_each(tmp_path: Path) -> None:
    a, b = (EXPECTED["pdq"][name][-2] for name in list(EXPECTED["pdq"])[:2])
    found = reading_of(tmp_path, f"# known, since 2020\n#\n{a}:087\n{b}\n{a}:101\n{a}:7\n", family="pdq")
    assert found.texts == {a: {"pdq": f"{a}:087"}, b: {"pdq": f"{b}:100"}}
    assert [row.place for row in found.refused] == ["line 5", "line 6"]
    assert "rows without a quality, which are taken as reliable (100): 1" in found.said


def test_an_old_hash_is_what_imagehash_makes_of_it() -> None:
    found = read(HashesDump, DATA / "old-hex.csv", DumpOptions(hash_form="imagehash3"))  # type: ignore[arg-type]
    with (DATA / "old-hex.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            assert found.texts[row["filename"]]["dhash"] == str(imagehash.old_hex_to_hash(row["dhash"]))


# what writes hashes


def family_of(name: str) -> HammingFamily:
    found = family(name)
    assert isinstance(found, HammingFamily)
    return found


FAMILIES = st.sampled_from(["dhash", "phash16", "dhash3", "ahash5", "whash_db4", "pdq"])


@settings(max_examples=scaled(30))
@given(FAMILIES, st.lists(st.integers(0), min_size=1, max_size=20))
def test_hex_and_binary_digits_are_read_as_the_family_reads_them(name: str, numbers: Sequence[int]) -> None:
    kind = family_of(name)
    texts = [f"{number % (1 << kind.bits):0{-(-kind.bits // 4)}x}" for number in numbers]
    wanted = np.array([kind.parse(text)["hash"] for text in texts])
    binary = [f"{number % (1 << kind.bits):0{kind.bits}b}" for number in numbers]
    assert np.array_equal(HashReader(kind, "hex").many(texts), wanted)
    assert np.array_equal(HashReader(kind, "hex").many(["0X" + text.upper() for text in texts]), wanted)
    assert np.array_equal(HashReader(kind, "bits").many(binary), wanted)
    for text, row in zip(texts, wanted, strict=True):
        assert np.array_equal(HashReader(kind, "hex").one(f" {text} ")[0], row)


@settings(max_examples=scaled(30))
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20))
def test_numbers_with_and_without_sign_are_the_same_bits(numbers: list[int]) -> None:
    kind = family_of("dhash")
    wanted = np.array(numbers, np.uint64)[:, None]
    signed = [str(number - (1 << 64) if number >> 63 else number) for number in numbers]
    for form, texts in (("signed", signed), ("unsigned", list(map(str, numbers))), ("integers", signed)):
        assert np.array_equal(HashReader(kind, form).many(texts), wanted)  # type: ignore[arg-type]


ONE_BY_ONE: Mapping[HashForm, Callable[[int], str]] = {
    "hex": lambda number: f"{number:016x}",
    "signed": lambda number: str(number - (1 << 64) if number >> 63 else number),
    "unsigned": str,
    "bits": lambda number: f"{number:064b}",
    "imagehash3": lambda number: f"{number:016x}",
}


@settings(max_examples=scaled(30))
@given(st.sampled_from(list(ONE_BY_ONE)), st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=9))
def test_many_hashes_are_read_as_a_question_reads_one(form: HashForm, numbers: list[int]) -> None:
    kind = family_of("phash")
    texts = [ONE_BY_ONE[form](number) for number in numbers]
    assert np.array_equal(HashReader(kind, form).many(texts), [parse(text, kind, form)["hash"] for text in texts])


def test_old_hashes_of_other_sizes_are_what_imagehash_makes_of_them() -> None:
    text = "0123456789abcdef" * 4
    words = HashReader(family_of("dhash16"), "imagehash3").many([text])
    assert words is not None
    bits = np.unpackbits(words[0].astype(">u8").view(np.uint8))
    assert np.array_equal(bits, imagehash.old_hex_to_hash(text, 16).hash.ravel())


@pytest.mark.parametrize(
    ("form", "text", "words"),
    [
        ("hex", "", "no hash"),
        ("hex", "5a 5a5a5a5a5a5a5a", "no dhash"),
        ("hex", "５a5a5a5a5a5a5a5a", "no dhash"),
        ("hex", "5a5a5a5a5a5a5a5", "zeros in front"),
        ("hex", "1,2E+18", "spreadsheet"),
        ("hex", "1.2e18", "spreadsheet"),
        ("hex", "5a5a5a5a5a5a5a5a5", "17 hex digits"),
        ("bits", "01", "64 binary digits"),
        ("bits", "2" * 64, "64 binary digits"),
        ("integers", "1_000", "no whole number"),
        ("integers", "18446744073709551616", "no number of 64 bits"),
        ("integers", "1.23457E+18", "spreadsheet"),
        ("signed", "9223372036854775808", "--hash-form unsigned"),
        ("unsigned", "-1", "without a sign"),
        ("integers", "5a5a5a5a5a5a5a5a", "no whole number"),
    ],
)
def test_what_is_no_hash_is_named_with_the_reason(form: Any, text: str, words: str) -> None:
    reader = HashReader(family_of("dhash"), form)
    assert reader.many(["5a5a5a5a5a5a5a5a", text]) is None
    with pytest.raises(RowUnfit, match=words):
        reader.one(text)


def test_a_hash_of_more_bits_than_the_family_has_is_refused() -> None:
    with pytest.raises(RowUnfit):
        HashReader(family_of("dhash3"), "hex").one("fff")


@pytest.mark.parametrize(
    ("sample", "form"),
    [
        (["1234567890123456", "5a5a5a5a5a5a5a5a"], "hex"),
        (["1234567890123456", "-123456789012345678", "123456789012345678"], "integers"),
        (["0" * 64, "01" * 32], "bits"),
        (["nothing", "5a5a"], None),
        ([], None),
    ],
)
def test_the_form_is_told_by_a_column_and_not_by_a_value(sample: list[str], form: str | None) -> None:
    assert form_of(family_of("dhash"), sample) == form


def test_a_column_of_nothing_but_16_decimal_digits_has_to_be_explained(tmp_path: Path) -> None:
    text = "name,dhash\na,1234567890123456\nb,2234567890123456\n"
    with pytest.raises(DumpUnreadable, match="--hash-form hex or --hash-form signed"):
        reading_of(tmp_path, text)
    assert reading_of(tmp_path, text, hash_form="hex").texts["a"] == {"dhash": "1234567890123456"}
    assert reading_of(tmp_path, text, hash_form="signed").texts["a"] == {"dhash": f"{1234567890123456:016x}"}


def test_numbers_of_which_a_spreadsheet_kept_15_digits_are_refused_together(tmp_path: Path) -> None:
    rows = "".join(f"{n},{n}23456789012345000\n" for n in range(1, 10))
    with pytest.raises(DumpUnreadable, match="a spreadsheet has rounded all these numbers"):
        reading_of(tmp_path, f"name,dhash\n{rows}")


# tables


def test_a_row_that_is_not_closed_does_not_take_the_next_with_it(tmp_path: Path) -> None:
    a, b = WORDS.values()
    found = reading_of(tmp_path, f'name,dhash\n"a,1",{a}\n"b,{a}\nc,{b}\n"d\nd",{b}\ne,"{a}"x\nf,{a}\n')
    assert found.keys == ["a,1", "c", "d\nd", "f"]
    assert [row.place for row in found.refused] == ["line 3", "line 7"]


@pytest.mark.parametrize("piece", [1, 7, 40, 1000])
def test_rows_are_the_same_whatever_is_read_at_a_time(piece: int, tmp_path: Path, monkeypatch: Any) -> None:
    a, b = WORDS.values()
    text = f'\ufeffsep=;\r\nname;dhash\r\n"a\r\n2";{a}\r\n\r\nb;{b}\r\n"c ""c""";{a}\r\n"d;{b}\r\ne;{b}'
    whole = reading_of(tmp_path, text)
    assert (whole.keys, refused(whole)) == (
        ["a\r\n2", "b", 'c "c"', "e"],
        ["line 8: is no row: unexpected end of data"],
    )
    monkeypatch.setattr("lookalike.interchange.lines.PIECE", piece)
    again = reading_of(tmp_path, text)
    assert (again.keys, again.texts, again.refused, again.numbers) == (
        whole.keys,
        whole.texts,
        whole.refused,
        whole.numbers,
    )


def test_other_columns_are_metadata_and_empty_cells_are_none(tmp_path: Path) -> None:
    a, _ = WORDS.values()
    text = f'dhash,path,album,Größe\n{a},x,"a, ""b""",7\n{a},y,,NULL\n{a},z\n'
    found = reading_of(tmp_path, text, null="NULL")
    assert found.keys == ["x", "y", "z"]
    assert found.meta == [{"meta": {"album": 'a, "b"', "Größe": "7"}}, {}, {}]


@settings(max_examples=scaled(50))
@given(st.dictionaries(st.text(), st.lists(st.text(st.characters(codec="utf-8")), min_size=3, max_size=3), max_size=4))
def test_metadata_of_columns_is_stored_as_metadata_of_records(columns: dict[str, list[str]]) -> None:
    rows = [{name: cells[at] for name, cells in columns.items() if cells[at]} for at in range(3)]
    assert meta_of_columns(columns, {""}) == ([meta_bytes(row, None) for row in rows] if columns else [])


def test_a_word_can_stand_for_no_hash(tmp_path: Path) -> None:
    a, _ = WORDS.values()
    found = reading_of(tmp_path, f"name,dhash\nx,{a}\ny,\\N\nz,{a}\n", null="\\N")
    assert (found.keys, found.skipped, found.refused, found.numbers) == (["x", "z"], 1, [], [2, 4])


def test_one_of_two_hashes_is_not_enough(tmp_path: Path) -> None:
    a, b = WORDS.values()
    found = reading_of(tmp_path, f"name,dhash,phash\nx,{a},{b}\ny,{a},\nz,NULL,{b}\nv,NULL,NULL\n", null="NULL")
    assert (found.keys, found.skipped) == (["x"], 1)
    assert refused(found) == ["line 3: has no hash", "line 4: has no hash"]


def test_checksums_with_escaped_names(tmp_path: Path) -> None:
    a, b = WORDS.values()
    found = reading_of(tmp_path, f"{a}  a  b.png\n\\{b} *c\\nd\\\\.png\nnonsense\n", family="dhash")
    assert list(found.texts) == ["a  b.png", "c\nd\\.png"]
    assert refused(found) == ["line 3: has no hash with two blanks and a name after it"]


def test_bytes_that_are_no_text_refuse_their_row(tmp_path: Path) -> None:
    a, _ = WORDS.values()
    found = reading_of(tmp_path, b"name,dhash,x\na\xff,%s,1\nb,%s,\xff\nc,%s,2\n" % ((a.encode(),) * 3))
    assert found.keys == ["c"]
    assert [row.place for row in found.refused] == ["line 2", "line 3"]


def test_the_hash_is_its_own_key_in_small_letters(tmp_path: Path) -> None:
    a, b = WORDS.values()
    found = reading_of(tmp_path, f"{a.upper()}\n{b}\n", family="dhash")
    assert found.keys == [a, b]
    assert reading_of(tmp_path, "0x1ff\n0x07f\n", family="dhash3", columns=("hash",)).keys == ["1ff", "07f"]


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("name,hash\na,5a5a5a5a5a5a5a5a\n", {}, "--family"),
        ("name,hash\na,5a5a5a5a5a5a5a5a\n", {"family": "haar"}, "haar are none"),
        ("name,hash\na,5a5a5a5a5a5a5a5a\n", {"family": "nohash"}, "no family is called"),
        ("id,path,dhash\n1,a,5a5a5a5a5a5a5a5a\n", {}, "which of the columns id, path is the key"),
        ("a,b,dhash\n1,a,5a5a5a5a5a5a5a5a\n", {}, "which of the columns a, b is the key"),
        ("name,dhash\na,5a5a5a5a5a5a5a5a\n", {"key": "path"}, "no column is called path"),
        ("name,x,y\na,5a5a5a5a5a5a5a5a,5a5a5a5a5a5a5a5a\n", {"family": "dhash"}, "which of x, y has"),
        ("name,x\na,b\n", {"family": "dhash"}, "none of name, x seems"),
        ("a.png,5a5a5a5a5a5a5a5a\n", {"family": "dhash"}, "--columns"),
        ("name,name,dhash\n1,2,5a5a5a5a5a5a5a5a\n", {}, "two columns have one name"),
        ("name,dhash,DHash\n1,2,5a5a5a5a5a5a5a5a\n", {}, "two columns have hashes of one kind"),
        ("dhash,phash\n5a5a5a5a5a5a5a5a,5a5a5a5a5a5a5a5a\n", {}, "nothing but hashes"),
        ("name,dhash\na,5a5a5a5a5a5a5a5a\n", {"table": "t"}, "--table"),
        ("name,dhash16\na," + "5a" * 32 + "\n", {"hash_form": "signed"}, "256 bits"),
        ("name,dhash3\na,1ff\n", {"hash_form": "imagehash3"}, "ImageHash below 4"),
        ("\xff\xfen\x00", {}, "UTF-16"),
        (",".join(f"c{n}" for n in range(2000)) + "\n", {}, "2,000 columns"),
        ("", {}, "empty"),
        ("\x00\x01\x02", {}, "no text"),
    ],
)
def test_what_is_not_clear_is_asked_for(text: str, options: dict[str, Any], words: str, tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(text.encode("latin-1"))
    with DumpFile(path) as file, pytest.raises(DumpUnreadable, match=words):
        HashesDump.open(file, DumpOptions(**options))


def test_the_column_with_hashes_is_found_by_its_values(tmp_path: Path) -> None:
    a, _ = WORDS.values()
    assert reading_of(tmp_path, f"picture\tvalue\tn\nx\t{a}\t1\n", family="phash", key="picture").texts == {
        "x": {"phash": a}
    }


def test_a_long_line_is_refused_and_the_next_is_read(tmp_path: Path) -> None:
    a, _ = WORDS.values()
    found = reading_of(tmp_path, f"name,dhash,x\na,{a},1\nb,{a},{'y' * 300_000}\nc,{a},{'z' * 2_000_000}\nd,{a},2\n")
    assert found.keys == ["a", "d"]
    assert [row.place for row in found.refused] == ["line 3", "line 4"]


# JSON


def test_fields_of_objects_are_metadata_with_their_types(tmp_path: Path) -> None:
    a, b = WORDS.values()
    rows = [
        {"key": "x", "dhash": a, "n": 1, "tags": ["a"], "meta": {"deep": {"a": None}}, "none": None},
        {"key": 7, "dhash": int(b, 16), "metadata": "a text"},
        {"key": "y", "dhash": None},
    ]
    found = reading_of(tmp_path, "\n".join(map(json.dumps, rows)))
    assert found.keys == ["x"]
    assert found.meta == [{"meta": {"n": 1, "tags": ["a"], "deep": {"a": None}}}]
    assert found.skipped == 1
    assert found.refused[0].place == "line 2"


def test_numbers_of_json_are_hashes(tmp_path: Path) -> None:
    numbers = {f"{n}.png": number for n, number in enumerate([-1, 1 << 62, 12345678901234567])}
    found = reading_of(tmp_path, json.dumps(numbers), family="dhash")
    assert [texts["dhash"] for texts in found.texts.values()] == [f"{n % (1 << 64):016x}" for n in numbers.values()]


def test_numbers_that_json_rounded_are_refused(tmp_path: Path) -> None:
    found = reading_of(tmp_path, '{"a": 12345678901234567, "b": 1.2345678901234567e18}', family="dhash")
    assert refused(found)[0].startswith("entry 2: '1.2345678901234568e+18': a spreadsheet has rounded")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"a": "5a5a5a5a5a5a5a5a"}', "map"),
        ('{"key": "a", "dhash": "5a5a5a5a5a5a5a5a"}', "lines"),
        ('{"a": "5a5a5a5a5a5a5a5a"}\n{"a": "5a5a5a5a5a5a5a5a"}', "lines"),
        ('{\n "a": "5a5a5a5a5a5a5a5a"\n}', "map"),
        ('{"broken\n{"a": 1}', "lines"),
        ("\ufeff [1]", "list"),
        ("a,b", None),
    ],
)
def test_objects_are_arranged_in_one_of_three_ways(text: str, wanted: str | None) -> None:
    assert objects.arrangement(text.encode(), None) == wanted


def test_bad_entries_are_named_and_the_others_are_in(tmp_path: Path) -> None:
    a, _ = WORDS.values()
    entries = [{"name": "x", "dhash": a}, 7, {"name": "y"}, {"dhash": a}, {"name": ["z"], "dhash": a}]
    found = reading_of(tmp_path, json.dumps([*entries, {"name": "v", "dhash": a}]))
    assert found.keys == ["x", "v"]
    assert refused(found) == [
        "entry 2: is no object with a name and a hash",
        "entry 3: has no dhash",
        "entry 4: has no name, which becomes the key",
        "entry 5: ['z'] is neither a text nor a number",
    ]


def test_a_list_that_breaks_off_gives_what_came_before(tmp_path: Path) -> None:
    a, _ = WORDS.values()
    text = json.dumps([{"name": str(n), "dhash": a} for n in range(2000)])
    found = reading_of(tmp_path, text[:-10])
    assert (len(found.keys), found.exit_code) == (1999, 1)
    assert "what follows was not read" in found.said[0]


@pytest.mark.parametrize("size", [200, 20_000])
@pytest.mark.parametrize("form", ["table", "list", "lines"])
def test_a_packed_file_that_ends_early_gives_what_came_before(form: str, size: int, tmp_path: Path) -> None:
    chosen = random.Random(8)
    rows = [{"name": str(n), "dhash": f"{chosen.getrandbits(64):016x}"} for n in range(size)]
    lines = [json.dumps(row) for row in rows]
    text = {
        "table": "\n".join(["name,dhash", *(",".join(row.values()) for row in rows)]),
        "list": f"[{','.join(lines)}]",
        "lines": "\n".join(lines),
    }[form]
    found = reading_of(tmp_path, gzip.compress(text.encode())[:-size], "list.gz")
    assert size // 20 < len(found.keys) < len(rows)
    assert found.keys == [row["name"] for row in rows][: len(found.keys)]
    assert any("the file is damaged or ends early" in told for told in found.said)


def test_an_object_of_names_and_hashes_may_be_of_imagededup() -> None:
    found = read(HashesDump, DATA / "imagededup-phash-encodings.json", DumpOptions(family="phash"))  # type: ignore[arg-type]
    assert "its phash differs in nearly every picture" in found.said[0]
    assert not any(HASHES["phash"][key] == texts["phash"] for key, texts in found.texts.items())


# arrays


def arrays(tmp_path: Path, **columns: Any) -> Path:
    np.savez(tmp_path / "hashes.npz", **columns)
    return tmp_path / "hashes.npz"


KEYS = np.array(["a", "ü"])
BITS = np.random.default_rng(5).random((2, 8, 8)) < 0.5


def test_arrays_hold_hashes_as_numbers_bools_or_bytes(tmp_path: Path) -> None:
    wanted = [str(imagehash.ImageHash(bits)) for bits in BITS]
    numbers = np.array([int(text, 16) for text in wanted], np.uint64)
    packed_bits = np.packbits(BITS.reshape(2, -1), axis=1)
    for column in (numbers, numbers.view(np.int64), numbers.astype(">u8"), BITS, BITS.reshape(2, -1), packed_bits):
        found = read(HashesDump, arrays(tmp_path, keys=KEYS, dhash=column))  # type: ignore[arg-type]
        assert [found.texts[key]["dhash"] for key in ("a", "ü")] == wanted
    small = np.random.default_rng(6).random((2, 3, 3)) < 0.5
    for column in (small, np.packbits(small.reshape(2, -1), axis=1)):
        found = read(HashesDump, arrays(tmp_path, keys=KEYS, ahash3=column))  # type: ignore[arg-type]
        assert [found.texts[key]["ahash3"] for key in ("a", "ü")] == [str(imagehash.ImageHash(bits)) for bits in small]


def test_arrays_may_be_compressed_and_their_keys_bytes(tmp_path: Path) -> None:
    path = tmp_path / "hashes.npz"
    np.savez_compressed(path, keys=np.array([b"a", "ü".encode()]), hashes=BITS)
    found = read(HashesDump, path, DumpOptions(family="phash", hash="hashes"))  # type: ignore[arg-type]
    assert found.keys == ["a", "ü"]


class Evil:
    def __reduce__(self) -> Any:
        return UNPICKLED.touch, ()


def test_python_objects_are_refused_and_never_opened(tmp_path: Path) -> None:
    array = np.array([Evil()], object)
    paths = [arrays(tmp_path, keys=array, dhash=np.zeros(1, np.uint64))]
    np.save(tmp_path / "a.npy", array)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        paths.append(tmp_path / f"pickled {protocol}")
        paths[-1].write_bytes(pickle.dumps({"a": Evil()}, protocol))
        paths.append(tmp_path / f"{protocol}.pkl")
        paths[-1].write_bytes(pickle.dumps("a", protocol))
    for path in [*paths, tmp_path / "a.npy"]:
        with DumpFile(path) as file, pytest.raises(DumpUnreadable, match="pickle"):
            HashesDump.open(file, DumpOptions())
    assert not UNPICKLED.exists()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"dhash": np.zeros(2, np.uint64)}, "no array keys"),
        ({"keys": KEYS, "dhash": np.zeros(3, np.uint64)}, "2 hashes of dhash"),
        ({"keys": KEYS, "dhash": np.zeros((2, 2), np.uint64)}, "64 bits each"),
        ({"keys": KEYS, "dhash": np.zeros(2, np.float64)}, "64 bits each"),
        ({"keys": KEYS, "hashes": np.zeros(2, np.uint64)}, "--family"),
        ({"keys": KEYS.reshape(1, 2), "dhash": np.zeros(2, np.uint64)}, "not a list of texts"),
        ({"keys": KEYS, "dhash": np.asfortranarray(np.zeros((2, 64), bool))}, "Fortran"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(columns: dict[str, Any], words: str, tmp_path: Path) -> None:
    with DumpFile(arrays(tmp_path, **columns)) as file, pytest.raises(DumpUnreadable, match=words):
        HashesDump.open(file, DumpOptions())


def test_a_header_cannot_ask_for_more_than_is_there(tmp_path: Path) -> None:
    def array(shape: str, dtype: str) -> bytes:
        header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
        return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header

    path = tmp_path / "hashes.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("keys.npy", array("(1000000000000,)", "<U4") + "a\0\0\0b\0\0\0".encode("utf-32-le"))
        archive.writestr("dhash.npy", array("(1000000000000,)", "<u8") + bytes(16))
    found = read(HashesDump, path)  # type: ignore[arg-type]
    assert (found.keys, found.exit_code) == ([], 1)


# other programs


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cache_similar_images_16_Gradient_Nearest_100.bin", b"\x01\x02\x03"),
        ("cache_similar_images_8_Mean_Lanczos3_61.json", b"[]"),
        (
            "results.json",
            b'[[{"path":"/a.png","size":1,"width":2,"height":3,"modified_date":4,"hash":[1,2],"similarity":0}]]',
        ),
    ],
)
def test_caches_and_results_of_czkawka_are_refused_for_their_algorithms(
    name: str, content: bytes, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with DumpFile(tmp_path / name) as file:
        assert HashesDump.recognises(file)
        with pytest.raises(DumpUnreadable, match=r"other algorithms.*lookalike add"):
            HashesDump.open(file, DumpOptions())


def test_random_damage_raises_nothing_but_our_error(tmp_path: Path) -> None:
    chosen = random.Random(11)
    names = [
        "many-columns.csv",
        "excel.csv",
        "list.json",
        "map.json",
        "lines.jsonl",
        "uint64.npz",
        "sha256sum-like.txt",
    ]
    for turn in range(scaled(60)):
        content = bytearray((DATA / names[turn % len(names)]).read_bytes()[: chosen.randrange(1, 8000)])
        for _ in range(chosen.randrange(1, 8)):
            content[chosen.randrange(len(content))] = chosen.choice(b'{}[]",:;\n\r\0\xff 0a')
        path = tmp_path / "list"
        path.write_bytes(content)
        with DumpFile(path) as file:
            try:
                for batch in HashesDump.open(file, DumpOptions(family="dhash")).batches():
                    assert len(batch.keys) == len(batch.numbers) == len(batch.signatures["dhash"])
            except DumpUnreadable:
                pass


def test_a_table_is_as_csv_reads_it(tmp_path: Path) -> None:
    """Quotes, delimiters and line breaks at random."""
    chosen = random.Random(2)
    rows = [["".join(chosen.choices('a,;"\n é', k=chosen.randrange(1, 9))), WORDS["dhash"]] for _ in range(300)]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["name", "dhash"], *rows])
    found = reading_of(tmp_path, text.getvalue())
    assert found.keys == [name for name, _ in rows]
    assert tables.QUOTED_LINES > 9


class TestATableOfPostgresql:
    """CSV of `COPY … TO … WITH (FORMAT csv, HEADER)`: nothing in it says what kind its numbers are."""

    def test_its_numbers_are_dhashes_its_id_is_the_key_and_nothing_is_null(self, tmp_path: Path) -> None:
        path = tmp_path / "hashes.csv"
        path.write_bytes(b'id,hash,url\n7,-5,here\n8,,no hash\n9,6,\n10,7,""\n11,8,"two\r\nlines, ""quoted"""\n12,x,\n')
        dump = HashesDump.open(DumpFile(path), DumpOptions())
        (batch,) = [batch for batch in dump.batches() if len(batch.keys)]
        assert dump.families == ("dhash",)
        assert batch.keys.tolist() == [b"7", b"9", b"10", b"11"]
        assert batch.signatures["dhash"]["hash"][0, 0] == (1 << 64) - 5
        assert batch.meta is not None
        assert [json.loads(meta)["meta"] if meta else None for meta in batch.meta.tolist()] == [
            {"url": "here"},
            None,
            {"url": ""},
            {"url": 'two\r\nlines, "quoted"'},
        ]
        assert batch.skipped == 1
        assert [row.place for row in batch.refused] == ["line 8"]
        assert "are taken as dhash" in dump.notes[0]

    def test_a_word_for_null_is_none_only_without_quotes(self, tmp_path: Path) -> None:
        path = tmp_path / "hashes.csv"
        path.write_bytes(b'id,hash,url\n7,-5,NULL\n8,NULL,x\n9,6,"NULL"\n10,7,\n')
        dump = HashesDump.open(DumpFile(path), DumpOptions(null="NULL"))
        (batch,) = [batch for batch in dump.batches() if len(batch.keys)]
        assert batch.meta is not None
        assert batch.keys.tolist() == [b"7", b"9", b"10"]
        assert batch.meta.tolist() == [b"", b'{"meta":{"url":"NULL"}}', b'{"meta":{"url":""}}']
        assert batch.skipped == 1

    def test_digits_that_may_be_hex_are_asked_for(self, tmp_path: Path) -> None:
        path = tmp_path / "hashes.csv"
        path.write_bytes(b"id,hash\n1,1234567890123456\n2,2234567890123456\n")
        with pytest.raises(DumpUnreadable, match="may be hex digits or numbers"):
            HashesDump.open(DumpFile(path), DumpOptions())
