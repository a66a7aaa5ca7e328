"""Documents of image-match: each form gives the same images, and what no index can take is named with its line."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.interchange import lines as lines_of_files
from lookalike.interchange.documents import DocumentsDump, dump, reading, shapes
from lookalike.interchange.documents.document import MARK, Fields
from lookalike.interchange.documents.reading import FAMILY, Reading
from lookalike.interchange.file import DumpFile
from lookalike.interchange.options import DumpOptions
from shards.errors import DumpUnreadable
from shards.families import family
from tests.lookalike.interchange.reading import INTEROP, Expected, Read, check, expected, gathered, read

DATA = INTEROP / "image-match"
EXPECTED = json.loads((DATA / "expected.json").read_text(encoding="utf-8"))

SAME = ("elasticdump", "elasticdump-nested", "bare", "scroll-pages", "mongoexport", "excludes-words")
"""Files with the same 43 documents."""

OF_THE_IMPORTER = ("same key", "5")


def packed(name: str) -> Path:
    return path if (path := DATA / name).exists() else DATA / f"{name}.gz"


def content(name: str) -> bytes:
    with gzip.open(DATA / f"{name}.gz") as file:
        return file.read()


def lines() -> list[bytes]:
    return content("elasticdump.jsonl").splitlines()


def documents() -> list[dict[str, Any]]:
    return [json.loads(line) for line in content("bare.jsonl").splitlines()]


def reading_of(tmp_path: Path, *texts: bytes, options: DumpOptions | None = None) -> Read:
    path = tmp_path / "documents"
    path.write_bytes(b"\n".join([*texts, b""]))
    return read(DocumentsDump, path, options)


def as_bytes(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


@pytest.mark.parametrize("row", expected("image-match"), ids=str)
def test_a_file_gives_what_is_expected_of_it(row: Expected) -> None:
    words = [word for word in row.words if word not in OF_THE_IMPORTER]
    wanted = Expected(row.name, row.options, row.exit_code, row.imported, row.skipped, row.refused, words)
    check(wanted, lambda: read(DocumentsDump, packed(row.name)))


def test_every_form_of_the_same_documents_gives_the_same_images() -> None:
    first, *others = (read(DocumentsDump, packed(f"{name}.jsonl")) for name in SAME)
    assert sorted(first.keys) == sorted(EXPECTED["files"])
    for other in others:
        assert (other.keys, other.texts, other.meta) == (first.keys, first.texts, first.meta)


@pytest.mark.parametrize(
    "name",
    [
        "elasticdump-es7.jsonl",
        "bare-array.json",
        "search-response.json",
        "bulk.ndjson",
        "mongoexport-array.json",
        "elasticdump-nested-images.jsonl",
        "url-field.jsonl",
        "mongoexport-canonical.jsonl",
    ],
)
def test_a_form_of_some_of_the_documents_gives_the_same_of_these(name: str) -> None:
    all_of_them = read(DocumentsDump, packed("bare.jsonl"))
    some = read(DocumentsDump, packed(name))
    assert some.texts == {key: all_of_them.texts[key] for key in some.keys}
    assert some.meta == [all_of_them.meta[all_of_them.keys.index(key)] for key in some.keys]


def test_signatures_are_as_near_as_image_match_says() -> None:
    found = read(DocumentsDump, packed("elasticdump.jsonl"))
    goldberg = family(FAMILY)
    rows = np.array([goldberg.parse(found.texts[key][FAMILY]) for key in found.keys], goldberg.dtype)
    for path, near in EXPECTED["near"].items():
        distances = 1 - goldberg.score(rows[found.keys.index(path)], rows) / 100
        got = sorted((round(distance, 6), key) for distance, key in zip(distances, found.keys, strict=True))
        assert [entry for entry in got if entry[0] < 0.45] == sorted((round(d, 6), key) for d, key in near)


def test_metadata_is_that_of_the_document_and_what_is_no_object_a_field_of_one() -> None:
    found = read(DocumentsDump, packed("bare.jsonl"))
    for key, meta in zip(found.keys, found.meta, strict=True):
        metadata = EXPECTED["metadata"][key]
        if metadata is None:
            assert not meta
        else:
            assert meta["meta"] == (metadata if isinstance(metadata, dict) else {"metadata": metadata})


def test_the_same_path_comes_again_and_with_ids_as_keys_each_document_is_one() -> None:
    by_path = read(DocumentsDump, packed("duplicates.jsonl"))
    assert (len(by_path.keys), len(set(by_path.keys))) == (8, 3)
    assert by_path.meta[len(by_path.keys) - 1 - by_path.keys[::-1].index("/srv/images/astronaut.png")] == {
        "meta": {"copy": 4}
    }
    by_id = read(DocumentsDump, packed("duplicates.jsonl"), DumpOptions(key="_id"))
    assert len(set(by_id.keys)) == 8
    assert by_id.meta[3] == {"meta": {"copy": 0, "path": "/srv/images/astronaut.png"}}


@pytest.mark.parametrize("name", ["bulk.ndjson", "mongoexport.jsonl", "search-response.json"])
def test_ids_can_be_keys_in_every_form(name: str) -> None:
    assert not read(DocumentsDump, packed(name), DumpOptions(key="_id")).refused


def test_bad_documents_are_refused_for_what_is_bad_about_them() -> None:
    found = read(DocumentsDump, packed("mixed-bad.jsonl"))
    reasons = [f"{row.place}: {row.reason}" for row in found.refused]
    wanted = [
        "line 1: signature has 647 values",
        "line 2: signature has 324 values, not 648: diagonal_neighbors=False",
        "line 3: signature has 512 values, not 648: a grid of n=8",
        "line 4: signature: value 13 is 3",
        "line 5: signature: value 1 is 0.5",
        "line 6: signature: value 1 is '0', no number",
        "line 7: has no field signature",
        "line 8: has no field signature",
        "line 9: is no JSON",
        "line 11: has no path",
        "line 12: has no path",
        "line 13: path: key '' has 0 bytes",
        "line 14: path is a number",
        "line 15: path: key",
        "line 16: signature: the comparison of a grid point with its neighbour is not that of the neighbour",
        "line 17: metadata has 70,017 bytes",
        "line 18: is no JSON: NaN",
        "line 19: is no JSON",
    ]
    assert len(reasons) == len(wanted)
    for reason, beginning in zip(reasons, wanted, strict=True):
        assert reason.startswith(beginning)
    assert "documents with fields that are not imported (other): 1" in found.said


# what is read by its bytes, and what by a JSON parser


def both_ways(monkeypatch: pytest.MonkeyPatch, texts: Sequence[bytes], fields: Fields | None = None) -> list[Any]:
    """What reading gives with signatures and words cut out, and without."""
    found = []
    for is_cut in (True, False):
        with monkeypatch.context() as patched:
            if not is_cut:
                patched.setattr(reading, "cutter", lambda _: lambda _: None)
            taken = Reading(fields or Fields())
            taken.take(texts, [f"line {number}" for number in range(1, len(texts) + 1)])
            taken.end()
            batch = taken.batch()
        meta = batch.meta.tolist() if batch.meta else None
        rows = batch.signatures[FAMILY].tobytes()
        found.append((batch.numbers.tolist(), batch.keys.tolist(), meta, rows, batch.refused, taken.notes()))
    return found


def as_usual(line: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(line)
    return document


def spaced(line: bytes) -> bytes:
    return json.dumps(json.loads(line), ensure_ascii=False).encode()


def sorted_names(line: bytes) -> bytes:
    return json.dumps(json.loads(line), sort_keys=True, separators=(",", ":")).encode()


def as_floats(line: bytes) -> bytes:
    document = json.loads(line)
    document["_source"]["signature"] = [float(value) for value in document["_source"]["signature"]]
    return as_bytes(document)


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda line: line.replace(old, new, 1)


TWICE = b'"signature":[' + b",".join([b"0"] * 648) + b"],"

FORMS: dict[str, Callable[[bytes], bytes]] = {
    "as usual": lambda line: line,
    "blanks": spaced,
    "sorted": sorted_names,
    "floats": as_floats,
    "a carriage return": lambda line: line + b"\r",
    "a blank signature first": replaced(b'"_source":{', b'"_source":{' + TWICE),
    "a signature last": lambda line: line[:-2] + b"," + TWICE[:-1] + b"}}",
    "a signature in metadata": replaced(b'"path"', b'"metadata":{' + TWICE + b'"a":1},"path"'),
    "a signature of the envelope": replaced(b'"_source"', TWICE + b'"_source"'),
    "words in metadata": replaced(b',"simple_word_0"', b',"metadata":{"a":1,"simple_word_3":4},"simple_word_0"'),
    "metadata among words": replaced(b',"simple_word_9"', b',"metadata":{"a":1},"simple_word_9"'),
    "metadata begins with words": replaced(b',"simple_word_0"', b',"metadata":{"simple_word_3":4},"simple_word_0"'),
    "a text of words": replaced(b',"simple_word_0"', b',"metadata":{"a":",\\"simple_word_0\\":1"},"simple_word_0"'),
    "a name that ends so": replaced(b'"signature"', b'"my\\"signature"'),
    "an escaped name": replaced(b'"signature"', b'"s\\u0069gnature"'),
    "a path of signatures": replaced(b'"path":"', b'"path":"\\"signature\\":[0,0],'),
    "a path with brackets": replaced(b'"path":"', b'"path":"]}{['),
    "an escaped path": replaced(b'"path":"', b'"path":"\\u00e4\\ud83d\\ude00\\n'),
    "half a surrogate": replaced(b'"path":"', b'"path":"\\ud83d'),
    "no UTF-8": replaced(b'"path":"', b'"path":"\xff'),
    "a control character": replaced(b'"path":"', b'"path":"\x01'),
    "the mark as a name": replaced(b'"path"', b'"%s":0,"path"' % MARK.encode()),
    "the mark as a signature": replaced(b'"_source":{', b'"_source":{"signature":"%s",' % MARK.encode()),
    "the mark as a path": replaced(b'"path":"', b'"path":"%s' % MARK.encode()),
    "a score with a fraction": replaced(b'"_score":1', b'"_score":1.5'),
    "a negative score": replaced(b'"_score":1', b'"_score":-0'),
    "a score with an exponent": replaced(b'"_score":1', b'"_score":1e5'),
    "a score that begins with 0": replaced(b'"_score":1', b'"_score":01'),
    "a score that ends with a point": replaced(b'"_score":1', b'"_score":1.'),
    "a score that is a text": replaced(b'"_score":1', b'"_score":"1"'),
    "no score": replaced(b'"_score":1', b'"_score":null'),
    "a path of two texts": replaced(b'"path":"', b'"path":"a","path":"'),
    "a path that ends too early": replaced(b'"path":"', b'"path":"a"b'),
    "an empty path": lambda line: re.sub(rb'"path":"[^"]*"', b'"path":""', line),
    "a long path": replaced(b'"path":"', b'"path":"' + b"x" * 1024),
    "a path that is a number": lambda line: re.sub(rb'"path":"[^"]*"', b'"path":7', line),
    "a path of more than ASCII": replaced(b'"path":"', '"path":"日本'.encode()),
    "blanks between": replaced(b'"_score":1,', b'"_score" : 1 , '),
    "NaN": replaced(b'"_score":1', b'"_score":NaN'),
    "a great number": replaced(b'"_score":1', b'"_score":1e999'),
    "a long number": replaced(b'"_score":1', b'"_score":' + b"1" * 5000),
    "a word that begins with 0": replaced(b'"simple_word_7":', b'"simple_word_7":0'),
    "a word that is 0": replaced(b'"simple_word_7":', b'"simple_word_7":0,"simple_word_77":'),
    "a word without a number": replaced(b'"simple_word_7":', b'"simple_word_7":,"simple_word_77":'),
    "a word that is no number": replaced(b'"simple_word_7":', b'"simple_word_7":true,"simple_word_77":'),
    "a word that is negative": replaced(b'"simple_word_7":', b'"simple_word_7":-'),
    "a word that is a float": replaced(b',"simple_word_7"', b',"simple_word_99":1.5,"simple_word_7"'),
    "a digit in a word's name": replaced(b'"simple_word_7"', b'"simp1e_word_7"'),
    "a digit before a comma": replaced(b',"simple_word_7"', b' 1,"simple_word_7"'),
    "a digit after a comma": replaced(b',"simple_word_7"', b',1"simple_word_7"'),
    "a digit before a colon": replaced(b'"simple_word_7":', b'"simple_word_7"7:'),
    "a word without a colon": replaced(b'"simple_word_7":', b'"simple_word_7"'),
    "a word without a name": replaced(b'"simple_word_7":', b'"simple_word_":'),
    "a byte of a word": replaced(b'"simple_word_7":', b'"simple_word\xdf":'),
    "two words of one name": replaced(b'"simple_word_7":', b'"simple_word_8":'),
    "a wrong word": replaced(b'"simple_word_7":', b'"simple_word_7":9'),
    "no words": lambda line: as_bytes({k: v for k, v in as_usual(line)["_source"].items() if "word" not in k}),
    "one word": lambda line: as_bytes(
        {k: v for k, v in as_usual(line)["_source"].items() if "word" not in k or k.endswith("_62")}
    ),
    "cut off": lambda line: line[:-40],
    "something behind": lambda line: line + b"}",
    "another document behind": lambda line: line + b"," + line,
    "an action": lambda line: b'{"index":' + line + b"}",
    "an array": lambda line: b"[" + line + b"]",
    "another field": replaced(b'"path"', b'"extra":1,"path"'),
    "nested as a type": lambda line: as_bytes({"_source": {"image": as_usual(line)["_source"]}}),
    "nested twice": lambda line: as_bytes({"_source": {s: as_usual(line)["_source"] for s in "ab"}}),
    "minus a blank 1": replaced(b"[", b"[- 1,"),
    "two blanks": replaced(b",0,", b",  0,"),
    "a tab": replaced(b",0,", b",\t0,"),
    "a plus": replaced(b",0,", b",+0,"),
    "two minuses": replaced(b"-1", b"--1"),
    "minus 0": replaced(b",0,", b",-0,"),
    "a value of two digits": replaced(b",0,", b",00,"),
    "no value": replaced(b",0,", b",,0,"),
    "one value more": replaced(b",0,", b",0,0,"),
    "one value less": replaced(b",0,", b","),
    "a value of 3": replaced(b",2,", b",3,"),
    "another sign": replaced(b",2,", b",-2,"),
    "a float": replaced(b",0,", b",0.0,"),
    "a float with a point too many": replaced(b",0,", b",0.0.0,"),
    "half a float": replaced(b",0,", b",0.,"),
    "a float with an exponent": replaced(b",0,", b",0.0e1,"),
    "a nested list": replaced(b",0,", b",[0],"),
    "a comma at the end": replaced(b"]", b",]"),
    "nothing": lambda _: b"{}",
    "no object": lambda _: b'["signature"]',
    "deep": lambda _: b'{"signature":' + b"[" * 100_000,
}


@pytest.mark.parametrize("form", FORMS)
def test_a_document_is_read_by_its_bytes_as_by_a_json_parser(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its shape was met before, in a document without metadata."""
    without_metadata, with_metadata = (lines()[0], lines()[4], lines()[5]), lines()[2:5]
    for before, line, after in (without_metadata, with_metadata):
        fast, slow = both_ways(monkeypatch, [before, before, FORMS[form](line), after, line])
        assert fast == slow


USUAL = ("as usual", "blanks", "floats", "a carriage return", "an escaped path", "two words of one name", "no words")


@pytest.mark.parametrize("form", USUAL)
def test_usual_documents_need_no_whole_parse(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the test above compares the parser with itself."""
    monkeypatch.setattr(Reading, "_read_whole", lambda *_: pytest.fail("parsed as a whole"))
    taken = Reading(Fields())
    taken.take([FORMS[form](line) for line in lines()], ["here"] * 43)
    assert taken.rows == 43


def test_documents_of_one_shape_are_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []
    loads = reading.strict_json.loads
    monkeypatch.setattr(reading.strict_json, "loads", lambda text: parsed.append(text) or loads(text))  # type: ignore[func-returns-value]
    taken = Reading(Fields())
    taken.take([lines()[0], lines()[4], lines()[5]] * 100, range(300))
    # the first as it is, and once more with other texts, to see which of them is the key
    assert (taken.rows, len(parsed)) == (300, 2)


def test_shapes_are_not_made_of_every_document(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    learn = shapes.Shapes._learn
    monkeypatch.setattr(shapes.Shapes, "_learn", lambda self, rest: made.append(rest) or learn(self, rest))  # type: ignore[func-returns-value]
    texts = [lines()[0].replace(b'"_score"', b'"score %d"' % n) for n in range(100)]
    taken = Reading(Fields())
    taken.take(texts, range(100))
    assert (taken.rows, len(made)) == (100, shapes.SHAPES)
    taken = Reading(Fields())
    taken.take([lines()[1]] * 100, range(100))
    assert len(made) == shapes.SHAPES + shapes.TRIALS


BYTES = st.sampled_from([b"", *(bytes([byte]) for byte in b'0-,"\\[]{}: ')])
EDITS = st.lists(st.tuples(st.floats(0, 1), BYTES), min_size=1, max_size=3)


@given(EDITS, st.booleans())
def test_edited_documents_are_read_by_their_bytes_as_by_a_json_parser(
    edits: list[tuple[float, bytes]], is_inserted: bool
) -> None:
    usual = line = lines()[0]
    for place, edit in edits:
        at = int(place * len(line))
        line = line[:at] + edit + line[at + (not is_inserted) :]
    with pytest.MonkeyPatch.context() as monkeypatch:
        fast, slow = both_ways(monkeypatch, [usual, line])
    assert fast == slow


# arrangements


def test_extended_json_of_mongodb_is_made_plain(tmp_path: Path) -> None:
    document = documents()[0]
    document["metadata"] = {
        "int": {"$numberInt": "7"},
        "long": {"$numberLong": "9007199254740993"},
        "double": {"$numberDouble": "0.5"},
        "infinite": {"$numberDouble": "Infinity"},
        "date": {"$date": {"$numberLong": "1483228800123"}},
        "relaxed date": {"$date": "2017-01-01T00:00:00Z"},
        "far date": {"$date": {"$numberLong": "99999999999999999"}},
        "id": [{"$oid": "b04e3321fd81d86be4c4bc4a"}],
        "other": {"$regularExpression": {"pattern": "a", "options": ""}},
        "two": {"$numberInt": "1", "b": 2},
    }
    found = reading_of(tmp_path, as_bytes(document))
    assert found.meta[0]["meta"] == {
        "int": 7,
        "long": 9007199254740993,
        "double": 0.5,
        "infinite": "Infinity",
        "date": "2017-01-01T00:00:00.123Z",
        "relaxed date": "2017-01-01T00:00:00Z",
        "far date": {"$date": {"$numberLong": "99999999999999999"}},
        "id": ["b04e3321fd81d86be4c4bc4a"],
        "other": {"$regularExpression": {"pattern": "a", "options": ""}},
        "two": {"$numberInt": "1", "b": 2},
    }


def test_metadata_of_elasticsearch_stays_as_it_is(tmp_path: Path) -> None:
    document = documents()[0] | {"metadata": {"a": {"$numberInt": "7"}}}
    assert reading_of(tmp_path, as_bytes({"_source": document})).meta[0]["meta"] == {"a": {"$numberInt": "7"}}


def test_indented_documents_one_after_the_other(tmp_path: Path) -> None:
    texts = [json.dumps(document, indent=2).encode() for document in documents()[:3]]
    assert reading_of(tmp_path, *texts).keys == [document["path"] for document in documents()[:3]]


def test_a_page_longer_than_memory_should_hold_is_read_hit_by_hit(tmp_path: Path) -> None:
    hits = [{"_id": str(n), "_source": document} for n, document in enumerate(documents() * 10)]
    page = {"took": 3, "aggregations": {"hits": {"x": ["{" * 100]}}, "hits": {"total": {"value": 1000}, "hits": hits}}
    found = reading_of(tmp_path, as_bytes(page), as_bytes(page))
    assert len(found.keys) == 860
    assert "860 of 1,000: the response holds fewer than it says" in found.said


def test_an_array_that_breaks_off_gives_what_came_before(tmp_path: Path) -> None:
    text = as_bytes(documents()[:3])
    found = reading_of(tmp_path, text[:-100])
    assert (len(found.keys), found.exit_code) == (2, 1)
    assert "what follows was not read" in found.said[0]


def test_a_bad_element_of_an_array_is_refused_and_the_others_are_in(tmp_path: Path) -> None:
    first, second, third = (as_bytes(document) for document in documents()[:3])
    found = reading_of(tmp_path, b"[" + b",".join([first, second.replace(b'"path"', b'"path\xff"'), third]) + b"]")
    assert found.keys == [documents()[0]["path"], documents()[2]["path"]]
    assert found.refused[0].place == "line 1, document 2"


@pytest.mark.parametrize("is_array", [False, True])
def test_a_packed_file_that_ends_early_gives_what_came_before(is_array: bool, tmp_path: Path) -> None:
    some = [document | {"path": str(n)} for n, document in enumerate(documents() * 20)]
    random.Random(4).shuffle(some)
    text = as_bytes(some) if is_array else b"\n".join(map(as_bytes, some))
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(text)[:-2000])
    found = read(DocumentsDump, path)
    assert 0 < len(found.keys) < len(some)
    assert found.keys == [document["path"] for document in some][: len(found.keys)]
    assert "the file is damaged or ends early" in found.said[-1]


def test_large_metadata_makes_batches_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump, "BYTES", 1 << 20)
    some = [document | {"metadata": {"text": "x" * 60_000}} for document in documents() * 2]
    for text in (b"\n".join(map(as_bytes, some)), as_bytes(some)):
        (tmp_path / "images").write_bytes(text)
        with DumpFile(tmp_path / "images") as file:
            batches = list(DocumentsDump.open(file, DumpOptions()).batches())
        assert sum(len(batch.keys) for batch in batches) == len(some)
        assert max(len(batch.meta.data) for batch in batches if batch.meta) < 3 << 20


def test_bulk_requests_index_and_neither_update_nor_delete(tmp_path: Path) -> None:
    document = as_bytes(documents()[0])
    found = reading_of(
        tmp_path,
        b'{"delete":{"_id":"1"}}',
        b'{"update":{"_id":"2"}}',
        b'{"doc":' + document + b"}",
        b'{"create":{"_id":"3"}}',
        document,
        b'{"index":{"_id":"4"}}',
        options=DumpOptions(key="_id"),
    )
    assert found.keys == ["3"]
    assert [row.place for row in found.refused] == ["line 1", "line 3", "line 6"]
    assert found.meta[0]["meta"]["path"] == documents()[0]["path"]


def test_a_long_line_is_refused_and_the_next_is_read(tmp_path: Path) -> None:
    document = documents()[0]
    found = reading_of(
        tmp_path, as_bytes(document), as_bytes(document | {"other": "x" * (3 << 20)}), as_bytes(documents()[1])
    )
    assert found.keys == [documents()[0]["path"], documents()[1]["path"]]
    assert [(row.place, row.reason) for row in found.refused] == [("line 2", "has more than 1,048,576 bytes")]


def test_batches_are_of_limited_size_and_numbers_are_those_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_of_files, "PIECE", 10_000)
    monkeypatch.setattr(dump, "ROWS", 10)
    with DumpFile(packed("bare.jsonl")) as file:
        batches = list(DocumentsDump.open(file, DumpOptions()).batches())
    assert max(len(batch.numbers) for batch in batches) < 20
    assert np.concatenate([batch.numbers for batch in batches]).tolist() == list(range(43))


def test_refused_rows_leave_gaps_among_the_numbers(tmp_path: Path) -> None:
    assert reading_of(tmp_path, lines()[0], b"{}", lines()[1], b"", lines()[2]).numbers == [0, 2, 3]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (DumpOptions(family="haar"), "goldberg, not haar"),
        (DumpOptions(null="NULL"), "--null"),
        (DumpOptions(hash_form="hex"), "--hash-form"),
        (DumpOptions(columns=("a",)), "--columns"),
        (DumpOptions(key="nosuch"), "no document at the beginning has a field nosuch"),
        (DumpOptions(hash="sig"), "no document at the beginning has a field sig"),
    ],
)
def test_options_that_mean_nothing_here_are_refused(options: DumpOptions, words: str, tmp_path: Path) -> None:
    with pytest.raises(DumpUnreadable, match=words):
        reading_of(tmp_path, lines()[0], options=options)


def test_another_field_can_have_the_signature_and_another_be_the_key(tmp_path: Path) -> None:
    """Such a file has to be called what it is, with --from."""
    document = documents()[0]
    document["sig"] = document.pop("signature")
    document["number"] = 17
    (tmp_path / "images").write_bytes(as_bytes(document | {"signature": 1}))
    with DumpFile(tmp_path / "images") as file:
        found = gathered(DocumentsDump.open(file, DumpOptions(hash="sig", key="number")))
    assert found.keys == ["17"]
    assert found.meta == [{"meta": {"path": document["path"]}}]


def test_a_list_of_hashes_in_a_field_of_that_name_is_none_of_documents(tmp_path: Path) -> None:
    (tmp_path / "list").write_text('{"path": "a", "signature": "5a5a5a5a5a5a5a5a"}')
    with DumpFile(tmp_path / "list") as file:
        assert not DocumentsDump.recognises(file)
    with DumpFile(packed("bare-array.json")) as file:
        assert DocumentsDump.recognises(file)


def test_the_mappings_of_an_index_are_no_documents(tmp_path: Path) -> None:
    path = tmp_path / "mapping.json"
    path.write_text('{"images":{"mappings":{"properties":{"path":{"type":"keyword"}}}}}')
    with DumpFile(path) as file, pytest.raises(DumpUnreadable, match="--type=data"):
        DocumentsDump.open(file, DumpOptions())


def test_random_bytes_raise_nothing(tmp_path: Path) -> None:
    def noises() -> Iterator[bytes]:
        chosen = random.Random(3)
        whole = content("scroll-pages.jsonl")
        for _ in range(30):
            noise = bytearray(whole[: chosen.randrange(10_000)])
            for _ in range(chosen.randrange(1, 6)):
                if noise:
                    noise[chosen.randrange(len(noise))] = chosen.choice(b'{}[]",:\\\n 0\xff\x00')
            yield b'[{"signature":[0]},' + bytes(noise)
            yield b'{"signature":[0]}\n' + bytes(noise)

    for noise in noises():
        reading_of(tmp_path, noise)
