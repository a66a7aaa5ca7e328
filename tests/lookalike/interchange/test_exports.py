"""What is exported comes back as it was, metadata included."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike import Index, Record
from lookalike.cli.commands.export import FORMATS as OFFERED
from lookalike.interchange.exports.export import Export
from lookalike.interchange.exports.formats import FORMATS
from lookalike.interchange.exports.postgres import postgres
from shards.errors import QueryError
from shards.families import family
from shards.testing.samples import scene
from tests.lookalike.cli.running import lines, run

HOLDING_ALL = ("csv", "jsonl", "parquet", "npy")
"""Formats that hold every family, and metadata of any kind."""

STRANGE: list[dict[str, Any] | None] = [
    None,
    {"url": "https://example.org/a,b\"c'd"},
    {"year": 2020, "score": 1.5, "tags": ["a", "b"], "nested": {"x": None, "y": True}},
    {"text": "tab\tline\nreturn\rback\\slash \\N \\.", "url": ""},
    {"Łódź": "東京 🦝", "meta": {"meta": 1}, "id": 7, "hash": "no"},
]
KEYS = ["1", "a b", 'q"uo,te', "tab\tline\nend", "Łódź/東京"]


def filled(where: Path, families: tuple[str, ...], keys: list[str] = KEYS) -> Index:
    index = Index.create(str(where), families=families)
    kinds = [family(name) for name in families]
    records = []
    for n, (key, meta) in enumerate(zip(keys, STRANGE, strict=True)):
        rows = {kind.name: kind.compute(scene(n)) for kind in kinds}
        size = (640, 480) if n else (0, 0)
        digest = bytes([n]) * 32
        record = Record(key, (10**18, n), sha256=digest, width=size[0], height=size[1], meta=meta, rows=rows)
        records.append(record)
    index.write(records)
    return index


def told(index: Index) -> dict[str, Any]:
    """All that is known of each image, but for when it was added."""
    return {
        record.key: (
            {name: family(name).format(row) for name, row in (record.rows or {}).items()},
            record.meta,
            record.width,
            record.height,
            record.sha256,
        )
        for record in index.records()
    }


def test_every_format_is_offered() -> None:
    assert set(OFFERED) == set(FORMATS)


@pytest.mark.parametrize("form", HOLDING_ALL)
@pytest.mark.parametrize("families", [("dhash",), ("haar", "goldberg", "phash16", "pdq", "whash_db4")])
def test_what_is_exported_comes_back(form: str, families: tuple[str, ...], tmp_path: Path) -> None:
    index = filled(tmp_path / "index", families)
    path = tmp_path / "exported"
    assert run("export", tmp_path / "index", "--to", form, "-o", path).exit_code == 0
    result = run("import", tmp_path / "again", path)
    assert result.exit_code == 0, result.stderr
    again = Index.open(str(tmp_path / "again"))
    assert again.families == index.families
    if form == "npy":  # arrays hold keys, signatures and metadata
        assert {key: known[:2] for key, known in told(again).items()} == {k: v[:2] for k, v in told(index).items()}
    else:
        assert told(again) == told(index)


@pytest.mark.parametrize("keys", [KEYS, ["1", "-5", "0", "12345678901", "7"]])
def test_a_dump_for_postgresql_comes_back(keys: list[str], tmp_path: Path) -> None:
    index = filled(tmp_path / "index", ("haar", "dhash"), keys)
    path = tmp_path / "exported.sql"
    result = run("export", tmp_path / "index", "--to", "postgres", "-o", path)
    assert result.exit_code == 0
    assert "only the signatures of dhash were written" in result.stderr
    defined = "id bigint NOT NULL" if keys[1] == "-5" else "id text NOT NULL"
    assert defined in path.read_text()
    assert run("import", tmp_path / "again", path).exit_code == 0
    again = told(Index.open(str(tmp_path / "again")))
    before = told(index)
    assert {key: (known[0]["dhash"], known[1]) for key, known in again.items()} == {
        key: (known[0]["dhash"], known[1]) for key, known in before.items()
    }


def test_hashes_of_a_dump_for_postgresql_come_back_as_what_they_are(tmp_path: Path) -> None:
    index = filled(tmp_path / "index", ("phash",))
    path = tmp_path / "exported.sql"
    assert run("export", tmp_path / "index", "--to", "postgres", "-o", path).exit_code == 0
    assert run("import", tmp_path / "again", path).exit_code == 0
    assert {k: v[:2] for k, v in told(Index.open(str(tmp_path / "again"))).items()} == {
        k: v[:2] for k, v in told(index).items()
    }


def test_a_carriage_return_in_a_csv_comes_back(tmp_path: Path) -> None:
    keys = {"old\rmac", "end\r", "both\r\n"}
    row = np.zeros((), family("dhash").dtype)
    Index.create(str(tmp_path / "index"), families=("dhash",)).write(
        [Record(key, (10**18, 1), rows={"dhash": row}) for key in keys]
    )
    path = tmp_path / "exported.csv"
    assert run("export", tmp_path / "index", "--to", "csv", "-o", path).exit_code == 0
    assert path.read_bytes().startswith(b"key,dhash,width,height,sha256,meta\n")
    assert run("import", tmp_path / "again", path).exit_code == 0
    assert told(Index.open(str(tmp_path / "again"))).keys() == keys


def test_a_name_of_metadata_may_be_a_word_of_sql(tmp_path: Path) -> None:
    index = Index.create(str(tmp_path / "index"), families=("dhash",))
    row = np.zeros((), family("dhash").dtype)
    index.write([Record("a", (10**18, 1), meta={"select": "x", "Ti tle": "y"}, rows={"dhash": row})])
    result = run("export", tmp_path / "index", "--to", "postgres")
    assert 'COPY hashes (id, hash, "Ti tle", "select", meta) FROM stdin;' in result.stdout


def test_a_database_of_iqdb_comes_back_without_what_it_cannot_hold(tmp_path: Path) -> None:
    index = filled(tmp_path / "index", ("haar",), ["7", "8", "09", "x", str(1 << 31)])
    path = tmp_path / "iqdb.sqlite"
    result = run("export", tmp_path / "index", "--to", "iqdb", "-o", path)
    assert result.exit_code == 1
    assert lines(result.stdout) == [{"status": "exported", "file": str(path), "images": 2, "left_out": 3}]
    assert "left out: 09: is no post id" in result.stderr
    assert "IQDB keeps no metadata" in result.stderr
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT id, post_id, length(sig) FROM images ORDER BY post_id").fetchall()[0][1:] == (
            7,
            240,
        )
    assert run("import", tmp_path / "again", path).exit_code == 0
    again = told(Index.open(str(tmp_path / "again")))
    assert {key: known[0] for key, known in again.items()} == {key: told(index)[key][0] for key in ("7", "8")}


@settings(max_examples=10)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=8),
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
            st.one_of(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), st.integers(-5, 5), st.none()),
            max_size=3,
        ),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_keys_and_metadata_are_they_come_back(
    tmp_path_factory: pytest.TempPathFactory, images: dict[str, dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("exports")
    index = Index.create(str(folder / "index"), families=("dhash",))
    row = np.zeros((), family("dhash").dtype)
    index.write([Record(key, (10**18, 1), meta=meta, rows={"dhash": row}) for key, meta in images.items()])
    for form in (*HOLDING_ALL, "postgres"):
        path = folder / f"exported.{form}"
        assert run("export", folder / "index", "--to", form, "-o", path).exit_code == 0
        result = run("import", folder / f"again-{form}", path)
        assert result.exit_code == 0, (form, result.stderr)
        again = Index.open(str(folder / f"again-{form}"))
        assert {image.key: image.meta for image in again.list()} == images, form


def test_standard_output_is_a_stream(tmp_path: Path) -> None:
    filled(tmp_path / "index", ("dhash",))
    result = run("export", tmp_path / "index", "--to", "jsonl", "--prefix", "a")
    assert [line["key"] for line in lines(result.stdout)] == ["a b"]


@pytest.mark.parametrize("form", ["iqdb", "parquet", "npy"])
def test_a_format_that_is_no_stream_needs_a_file(form: str, tmp_path: Path) -> None:
    filled(tmp_path / "index", ("haar", "dhash"))
    result = run("export", tmp_path / "index", "--to", form)
    assert result.exit_code == 2
    assert "name one, such as -o images." in result.stderr


@pytest.mark.parametrize(
    ("form", "needs"), [("iqdb", "IQDB needs haar"), ("postgres", "a bigint holds a hash of 64 bits")]
)
def test_an_index_without_the_signatures_of_the_format_is_refused(form: str, needs: str, tmp_path: Path) -> None:
    filled(tmp_path / "index", ("phash16",))
    result = run("export", tmp_path / "index", "--to", form, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert needs in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_family_that_the_index_has_not_is_refused(tmp_path: Path) -> None:
    filled(tmp_path / "index", ("dhash",))
    result = run("export", tmp_path / "index", "--to", "csv", "--family", "haar")
    assert result.exit_code == 2
    assert "has no signatures of haar, only of dhash" in result.stderr


def test_an_export_that_fails_leaves_the_file_before_it(tmp_path: Path) -> None:
    index = filled(tmp_path / "index", ("dhash",))
    path = tmp_path / "out.sql"
    path.write_text("before")

    def fail(_: int) -> None:
        raise QueryError("no more")

    with pytest.raises(QueryError):
        postgres(Export(index, str(path), progress=fail))
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []
