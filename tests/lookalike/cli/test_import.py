"""`lookalike import`: what it prints, standard input, gzip, and kill -9."""

from __future__ import annotations

import gzip
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lookalike import Index, Signature
from lookalike.cli.commands import import_
from lookalike.interchange.kinds import KINDS
from tests.lookalike.cli.running import lines, run, start
from tests.lookalike.cli.test_kill import ROOT, kill
from tests.lookalike.interchange.reading import INTEROP, Expected, expected

HEAD = b"""--
-- PostgreSQL database dump
--

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

CREATE TABLE public.hashes (
    id integer NOT NULL,
    hash bigint,
    url text
);

COPY public.hashes (id, hash, url) FROM stdin;
"""
SEED = 20_261_130
ROWS, INDEXES, KILLS_EACH = 1_000_000, 4, 5

TAIL = "\\.\n\n\n--\n-- PostgreSQL database dump complete\n--\n\n"


def dump(rows: list[str], end: str = TAIL) -> bytes:
    return HEAD + "".join(f"{row}\n" for row in rows).encode() + end.encode()


FEW = dump(["1\t-5\tA", "2\t6\tB", "3\t\\N\tC", "4\tx\tD"])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "dump.sql"
    path.write_bytes(FEW)
    return path


def test_a_program_gets_a_line_for_each_refused_row_and_a_summary(source: Path, tmp_path: Path) -> None:
    result = run("import", tmp_path / "index", source)
    assert result.exit_code == 1
    refused, summary = lines(result.stdout)
    assert refused == {
        "status": "refused",
        "file": str(source),
        "place": "line 18",
        "reason": "hash 'x' is not a whole number",
    }
    seconds = summary.pop("seconds")
    assert seconds >= 0
    assert summary == {
        "status": "summary",
        "index": str(tmp_path / "index"),
        "families": ["dhash"],
        "imported": 2,
        "added": 2,
        "replaced": 0,
        "unchanged": 0,
        "outdated": 0,
        "same_key": 0,
        "skipped": 1,
        "refused": 1,
        "images": 2,
        "interrupted": False,
    }


def test_people_are_told_in_words(source: Path, tmp_path: Path) -> None:
    result = run("import", tmp_path / "index", source, "--text")
    assert f"refused: {source}, line 18: hash 'x' is not a whole number" in result.stderr
    assert result.stdout.startswith("2 images imported (2 new), 1 without a signature, 1 refused in ")
    again = run("import", tmp_path / "index", source, "--text")
    assert again.stdout.startswith("2 images imported (0 new, 2 as before), ")
    assert "was imported before" in again.stderr


def test_standard_input_and_gzip_are_read(tmp_path: Path) -> None:
    result = run("import", tmp_path / "index", "-", stdin=gzip.compress(FEW))
    assert lines(result.stdout)[0]["file"] == "standard input"
    assert Index.open(str(tmp_path / "index")).count() == 2


def test_several_files_go_into_one_index(source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.sql"
    other.write_bytes(dump(["2\t60\tB2", "9\t9\tZ"]))
    result = run("import", tmp_path / "index", source, other)
    summary = lines(result.stdout)[-1]
    assert (summary["added"], summary["replaced"], summary["images"]) == (3, 1, 3)
    assert Index.open(str(tmp_path / "index")).get("2").image.meta == {"url": "B2"}


def test_a_dry_run_changes_nothing(source: Path, tmp_path: Path) -> None:
    result = run("import", tmp_path / "index", source, "--dry-run")
    assert result.exit_code == 1
    assert lines(result.stdout)[-1] == {
        "status": "dry run",
        "families": ["dhash"],
        "rows": 2,
        "skipped": 1,
        "refused": 1,
    }
    assert not (tmp_path / "index").exists()


def test_strict_is_all_or_nothing(source: Path, tmp_path: Path) -> None:
    result = run("import", tmp_path / "index", source, "--strict")
    assert result.exit_code == 1
    assert lines(result.stdout)[-1]["status"] == "nothing imported"
    assert not (tmp_path / "index").exists()
    source.write_bytes(FEW.replace(b"4\tx\tD\n", b""))
    assert run("import", tmp_path / "index", source, "--strict").exit_code == 0
    assert Index.open(str(tmp_path / "index")).count() == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"", "is empty", id="nothing"),
        pytest.param(b"\x00\x01who knows", "begins with b'\\x00\\x01who knows'", id="bytes"),
        pytest.param(b"\x1f\x8b\x08cut", "the gzip file is damaged or ends early", id="no gzip"),
        pytest.param(gzip.compress(FEW)[:14], "the gzip file is damaged or ends early", id="cut gzip"),
    ],
)
def test_what_is_no_dump_is_refused_by_name(content: bytes, told: str, tmp_path: Path) -> None:
    source = tmp_path / "strange"
    source.write_bytes(content)
    result = run("import", tmp_path / "index", source)
    assert result.exit_code == 2
    assert f"{source}" in result.stderr
    assert told in result.stderr
    assert not (tmp_path / "index").exists()


def test_a_gzip_file_that_is_cut_off_is_in_as_far_as_it_goes(tmp_path: Path) -> None:
    source = tmp_path / "dump.sql.gz"
    packed = gzip.compress(many(50_000))
    source.write_bytes(packed[: len(packed) // 2])
    result = run("import", tmp_path / "index", source)
    assert result.exit_code == 1
    assert "the gzip file is damaged or ends early" in result.stderr
    assert 10_000 < lines(result.stdout)[-1]["imported"] < 50_000


def test_an_option_that_a_dump_in_sql_has_no_use_for_is_refused(source: Path, tmp_path: Path) -> None:
    result = run("import", tmp_path / "index", source, "--columns", "id,hash,url")
    assert result.exit_code == 2
    assert "has no use for --columns" in result.stderr


def test_every_kind_can_be_named() -> None:
    assert set(import_.KINDS) == {kind.kind for kind in KINDS}


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = run("import", tmp_path / "index", tmp_path / "nothing.sql")
    assert result.exit_code == 2
    assert "nothing.sql: no such file" in result.stderr


def many(rows: int) -> bytes:
    """A dump of so many rows, with hashes and keys that are all different."""
    return dump([f"{n}\t{n * 9_223_372_036_854_775 % (1 << 63) - (1 << 62)}\tPage_{n}" for n in range(rows)])


def check_whole(where: Path, rows: int) -> None:
    """Every row is in the index, once."""
    index = Index.open(str(where))
    assert [problem for problem in index.verify().problems if not problem.is_harmless] == []
    assert index.count() == rows
    moments = random.Random(SEED)
    for n in moments.sample(range(rows), 50):
        hashed = (n * 9_223_372_036_854_775 % (1 << 63) - (1 << 62)) % (1 << 64)
        hits = index.search(Signature(f"{hashed:016x}"), max_distance=0).hits
        assert [(hit.key, hit.image.meta) for hit in hits] == [(str(n), {"url": f"Page_{n}"})]


@pytest.mark.long
@pytest.mark.parametrize("n", range(INDEXES))
def test_an_import_that_is_killed_goes_on_and_nothing_is_double(n: int, tmp_path: Path) -> None:
    """At random moments of the time that a whole import takes here and now."""
    print(f"seed {SEED + n}")
    moments = random.Random(SEED + n)
    source = tmp_path / "dump.sql"
    source.write_bytes(many(ROWS))
    began = time.monotonic()
    assert run("import", tmp_path / "measured", source).exit_code == 0
    whole = time.monotonic() - began
    killed = 0
    while killed < KILLS_EACH:
        process = start("import", tmp_path / "index", source, cwd=ROOT)
        try:
            process.communicate(timeout=moments.uniform(0.05, 0.9) * whole)
        except subprocess.TimeoutExpired:
            kill(process)
            process.communicate()
        if process.returncode == -signal.SIGKILL:
            killed += 1
        else:
            # faster than the one that was measured: from the beginning, and killed earlier
            shutil.rmtree(tmp_path / "index")
            whole /= 2
    result = run("import", tmp_path / "index", source)
    assert result.exit_code == 0
    summary = lines(result.stdout)[-1]
    assert (summary["imported"], summary["same_key"], summary["images"]) == (ROWS, 0, ROWS)
    check_whole(tmp_path / "index", ROWS)


def test_an_import_that_is_killed_at_once_goes_on(tmp_path: Path) -> None:
    source = tmp_path / "dump.sql"
    source.write_bytes(many(20_000))
    process = start("import", tmp_path / "index", source, cwd=ROOT)
    while process.poll() is None and not (tmp_path / "index").exists():
        time.sleep(0.001)
    kill(process)
    process.communicate()
    assert run("import", tmp_path / "index", source).exit_code == 0
    check_whole(tmp_path / "index", 20_000)


@pytest.mark.long
@pytest.mark.parametrize("row", [*expected("image-match"), *expected("hashes")], ids=str)
def test_a_list_or_documents_give_what_is_expected_of_them(row: Expected, tmp_path: Path) -> None:
    name = "image-match" if row in expected("image-match") else "hashes"
    path = INTEROP / name / row.name
    path = path if path.exists() else path.with_name(f"{path.name}.gz")
    result = run("import", tmp_path / "index", path, *row.options.split("(")[0].split())
    said = result.stdout + result.stderr
    assert result.exit_code == row.exit_code, said
    assert all(word in said for word in row.words), said
    if row.exit_code == 2:
        assert not (tmp_path / "index").exists()
    else:
        summary = lines(result.stdout)[-1]
        assert (summary["imported"], summary["skipped"], summary["refused"]) == (row.imported, row.skipped, row.refused)


def test_the_last_document_of_a_path_counts_and_the_others_are_counted(tmp_path: Path) -> None:
    result = run("import", tmp_path / "index", INTEROP / "image-match" / "duplicates.jsonl.gz")
    assert "5 rows have the same key as another row" in result.stderr
    kept = Index.open(str(tmp_path / "index")).get("/srv/images/astronaut.png")
    assert kept.image.meta == {"copy": 4}
