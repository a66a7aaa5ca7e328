"""Dumps of PostgreSQL: statements, tables, COPY and INSERT, and hostile files."""

from __future__ import annotations

import gzip
import io
import json
import random
from dataclasses import replace
from pathlib import Path

import imagehash
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lookalike import Index, Signature
from lookalike.interchange.dump import Batch
from lookalike.interchange.file import DumpFile
from lookalike.interchange.kinds import open_dump
from lookalike.interchange.options import DumpOptions
from lookalike.interchange.postgres import dump as reading
from lookalike.interchange.postgres import statements as splitting
from lookalike.interchange.postgres import tables
from lookalike.interchange.postgres.dump import PostgresDump
from lookalike.interchange.postgres.rows import RowReader, unescaped
from lookalike.interchange.postgres.statements import Statements
from lookalike.interchange.postgres.tables import Roles
from lookalike.interchange.postgres.values import converter, form_of, many_signed, parse_hash
from shards.errors import DumpUnreadable


def split(sql: bytes) -> tuple[list[tuple[int, bytes]], Statements]:
    statements = Statements(io.BytesIO(sql), "a file")
    found = []
    while (following := statements.next()) is not None:
        found.append(following)
    return found, statements


class TestStatements:
    @pytest.mark.parametrize("piece", [1, 2, 3, 7, 1 << 20])
    @pytest.mark.parametrize(
        "statement",
        [
            b"SELECT 1",
            b"SELECT ';', 'it''s; '",
            b"SELECT E'\\';', e'\\\\'",
            b"SELECT '\\'",
            b'CREATE TABLE "a;b" (c int)',
            b'CREATE TABLE "a"";b" (c int)',
            b"CREATE FUNCTION f() AS $$ BEGIN; END; $$",
            b"CREATE FUNCTION f() AS $body$ $$ ; $$ $body$ LANGUAGE sql",
            b"SELECT 1 -- not; yet\n + 1",
            b"SELECT 1 /* not; yet */ + 1",
            b"SELECT 5 - 3 / 2, $1",
            b"INSERT INTO t VALUES ('\nCOPY x (a) FROM stdin;\n1\n\\.\n')",
            "COMMENT ON TABLE t IS 'naïve; Łódź'".encode(),
        ],
    )
    def test_end_at_a_semicolon_that_is_in_no_quotes(
        self, statement: bytes, piece: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(splitting, "PIECE", piece)
        found, statements = split(b"-- first\n" + statement + b";\n\\connect x\nSELECT 2;\n--")
        assert [sql for _, sql in found] == [statement, b"SELECT 2"]
        assert found[0][0] == 2
        assert not statements.is_cut

    def test_backslashes_escape_in_every_string_where_the_dump_says_so(self) -> None:
        found, _ = split(b"SET standard_conforming_strings = off;\nSELECT 'a\\'; b';\n")
        assert found[1] == (2, b"SELECT 'a\\'; b'")

    def test_one_that_the_file_ends_in_is_known_as_cut(self) -> None:
        found, statements = split(b"SELECT 1;\nINSERT INTO t VALUES ('")
        assert found[-1] == (2, b"INSERT INTO t VALUES ('")
        assert statements.is_cut

    def test_one_that_never_ends_is_refused_before_it_fills_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(splitting, "MAX_STATEMENT", 1 << 20)
        with pytest.raises(DumpUnreadable, match="a file, line 1: a statement or row of over 1,048,576 bytes"):
            split(b"SELECT '" + bytes(4 << 20))

    @pytest.mark.parametrize("piece", [1, 2, 5, 1 << 20])
    @pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
    def test_rows_of_a_copy_end_at_their_mark(
        self, piece: int, newline: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(splitting, "PIECE", piece)
        lines = [b"COPY t (a) FROM stdin;", b"1", b"\\\\.", b"x\\.", b"\\.", b"SELECT ';';", b""]
        statements = Statements(io.BytesIO(newline.join(lines)), "a file")
        assert statements.next() == (1, b"COPY t (a) FROM stdin")
        blocks = list(statements.copy_blocks())
        assert b"".join(block for _, block in blocks) == newline.join([*lines[1:4], b""])
        assert [line for line, _ in blocks] == sorted({line for line, _ in blocks})
        assert blocks[0][0] == 2
        assert statements.next() == (6, b"SELECT ';'")
        assert statements.next() is None

    def test_a_copy_without_rows_has_none(self) -> None:
        statements = Statements(io.BytesIO(b"COPY t (a) FROM stdin;\n\\.\nSELECT 1;\n"), "a file")
        statements.next()
        assert list(statements.copy_blocks()) == []
        assert statements.next() == (3, b"SELECT 1")


class TestTables:
    def test_columns_and_types_are_those_of_the_definition(self) -> None:
        table = tables.defined(
            'CREATE TABLE public."Image Hashes" (\n    id bigint NOT NULL,\n    "Hash" numeric(20,0) DEFAULT 0,\n'
            "    note text DEFAULT 'a, b) NOT NULL'::text,\n    CONSTRAINT c CHECK ((id > 0))\n)"
        )
        assert table is not None
        assert table.name == "Image Hashes"
        assert table.types == {"id": "bigint", "Hash": "numeric(20,0)", "note": "text"}

    def test_letters_of_names_without_quotes_are_small(self) -> None:
        assert tables.unquoted('Wiki."A""b".C') == 'wiki.A"b.c'

    @pytest.mark.parametrize(
        ("named", "chosen"), [(["hashes", "other"], "hashes"), (["other"], "other"), (["x.hashes", "y"], "x.hashes")]
    )
    def test_the_one_called_hashes_or_the_only_one_with_a_hash_is_chosen(self, named: list[str], chosen: str) -> None:
        found = [tables.Table(name, columns=("id", "hash")) for name in named]
        assert tables.choose(found, DumpOptions(), "f").name == chosen

    def test_of_several_none_is_guessed(self) -> None:
        found = [tables.Table(name, columns=("id", "hash")) for name in ("a", "b")]
        with pytest.raises(DumpUnreadable, match="has several tables with a column hash; its tables are: a"):
            tables.choose(found, DumpOptions(), "f")
        assert tables.choose(found, DumpOptions(table="b"), "f").name == "b"

    def test_a_column_that_is_not_there_is_named_with_those_that_are(self) -> None:
        table = tables.Table("t", columns=("id", "dhash"))
        with pytest.raises(DumpUnreadable, match="no column hash, only id, dhash: choose one with --hash"):
            tables.roles(table, DumpOptions(), "f")
        assert tables.roles(table, DumpOptions(hash="dhash"), "f").key == 0


class TestHashes:
    def test_the_type_of_the_column_says_how_they_are_written(self) -> None:
        sample = ["1234567890123456"]
        assert form_of("bigint", sample, None, "c") == "signed"
        assert form_of("bit(64)", sample, None, "c") == "bits"
        assert form_of("numeric(20,0)", sample, None, "c") == "unsigned"

    def test_without_a_type_all_values_together_do(self) -> None:
        assert form_of(None, ["1234567890123456", "-5"], None, "c") == "signed"
        assert form_of(None, ["1234567890123456", "00ff00ff00ff00ff"], None, "c") == "hex"
        assert form_of(None, ["18446744073709551615"], None, "c") == "unsigned"
        assert form_of(None, ["01" * 32], None, "c") == "bits"

    def test_what_may_be_both_is_asked_for(self) -> None:
        with pytest.raises(DumpUnreadable, match="say --hash-form hex or --hash-form signed"):
            form_of(None, ["1234567890123456"], None, "c")
        assert form_of("text", ["1234567890123456"], "hex", "c") == "hex"

    @pytest.mark.parametrize(
        ("text", "form", "bits"),
        [
            ("-1", "signed", (1 << 64) - 1),
            ("9223372036854775807", "signed", (1 << 63) - 1),
            ("18446744073709551615", "unsigned", (1 << 64) - 1),
            ("\\x00FF00ff00ff00ff", "hex", 0x00FF00FF00FF00FF),
            ("1" + "0" * 63, "bits", 1 << 63),
        ],
    )
    def test_are_read_in_their_form(self, text: str, form: str, bits: int) -> None:
        assert parse_hash(text, form) == bits  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("text", "form"),
        [
            *((text, "signed") for text in ("", "1.5", "1e3", " 1", "1_0", "٣", "9223372036854775808")),
            ("-1", "unsigned"),
            ("ff", "hex"),
            ("2" * 64, "bits"),
        ],
    )
    def test_of_another_form_are_refused(self, text: str, form: str) -> None:
        with pytest.raises(ValueError, match="hash "):
            parse_hash(text, form)  # type: ignore[arg-type]
        if form == "signed":
            assert many_signed([b"1", text.encode()]) is None

    @given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1)))
    def test_many_at_once_are_the_same_as_one_by_one(self, numbers: list[int]) -> None:
        many = many_signed([str(number).encode() for number in numbers])
        assert many is not None
        assert many.tolist() == [parse_hash(str(number), "signed") for number in numbers]


class TestMetadata:
    @pytest.mark.parametrize(
        ("type_name", "text", "value"),
        [
            ("integer", "-5", -5),
            ("bigint", "9007199254740993000", "9007199254740993000"),
            ("double precision", "2.5", 2.5),
            ("double precision", "NaN", "NaN"),
            ("numeric(5,2)", "1e999", "1e999"),
            ("numeric(20,0)", "12345678901234567889", "12345678901234567889"),
            ("numeric", "0.1", 0.1),
            ("numeric", "0.1000000000000000055", "0.1000000000000000055"),
            ("boolean", "t", True),
            ("jsonb", '{"a": [1]}', {"a": [1]}),
            ("jsonb", '{"a": NaN}', '{"a": NaN}'),
            ("text", "5", "5"),
            ("text[]", "{a,b}", "{a,b}"),
            (None, "5", "5"),
        ],
    )
    def test_has_the_kind_of_its_column(self, type_name: str | None, text: str, value: object) -> None:
        assert converter(type_name)(text) == value


ROLES = Roles(("id", "hash", "url"), 0, 1, {"url": 2}, {"hash": "bigint", "id": "integer", "url": "text"})


def taken(batches: list[Batch]) -> dict[int, tuple[bytes, int, bytes]]:
    """The rows by number."""
    found = {}
    for batch in batches:
        meta = batch.meta.tolist() if batch.meta is not None else [b""] * len(batch.keys)
        hashes = batch.signatures["dhash"]["hash"][:, 0].tolist()
        assert (np.diff(batch.numbers.astype(np.int64)) > 0).all()
        for number, *row in zip(batch.numbers.tolist(), batch.keys.tolist(), hashes, meta, strict=True):
            found[number] = (row[0], row[1], row[2])
    return found


CELLS = st.one_of(
    st.sampled_from([r"\N", "", "x", "5", "-7", "a\\\\b", 'quo"te', "Łódź", "\\t", "\x01", "9" * 19, "1.5", "\udcff"]),
    st.integers(-(1 << 63), (1 << 63) - 1).map(str),
)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=12), st.booleans())
def test_many_rows_at_once_are_what_they_are_one_by_one(rows: list[list[str]], is_plain_first: bool) -> None:
    rows = [["k", "5", "u"], *rows] if is_plain_first else rows
    lines = ["\t".join(cells).encode("utf-8", "surrogateescape") for cells in rows]
    block = b"".join(line + b"\n" for line in lines)
    together = RowReader(ROLES, "dhash", "signed", "utf-8")
    alone = RowReader(ROLES, "dhash", "signed", "utf-8")
    some = list(together.copied(10, block))
    one_by_one = [batch for n, line in enumerate(lines) for batch in alone.copied(10 + n, line + b"\n")]
    assert taken(some) == taken(one_by_one)
    refusals = [sorted((r.place, r.reason) for b in batches for r in b.refused) for batches in (some, one_by_one)]
    assert refusals[0] == refusals[1]
    skipped = [sum(batch.skipped for batch in batches) for batches in (some, one_by_one)]
    assert skipped[0] == skipped[1]
    assert len(taken(some)) + len(refusals[0]) + skipped[0] == len(rows)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_escapes_of_copy_are_undone(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    assert unescaped(escaped) == text


def opened(path: Path, sql: bytes, **options: str) -> PostgresDump:
    path.write_bytes(sql)
    return PostgresDump.open(DumpFile(path), DumpOptions(**options))  # type: ignore[arg-type]


URL = b'{"meta":{"url":"%s"}}'


class TestInserts:
    HEAD = b"CREATE TABLE hashes (id integer, hash bigint, url text);\n"

    @pytest.mark.parametrize(
        ("sql", "rows"),
        [
            (b"INSERT INTO hashes VALUES (1, -2, 'it''s; \\x');\n", [(b"1", b'{"meta":{"url":"it\'s; \\\\x"}}')]),
            (b"INSERT INTO public.hashes VALUES (1, 2, NULL);\n", [(b"1", b"")]),
            (b"INSERT INTO hashes VALUES (1, 2, E'\\t'),\n(2, 3, '');\n", [(b"1", URL % b"\\t"), (b"2", URL % b"")]),
            (b"insert into hashes (id, hash, url)\nvalues\n(1, 2::bigint, 'x'::text);\n", [(b"1", URL % b"x")]),
            (b"INSERT INTO hashes VALUES (7, 2, NULL) ON CONFLICT DO NOTHING;\n", [(b"7", b"")]),
        ],
    )  # fmt: skip
    def test_are_read(self, sql: bytes, rows: list[tuple[bytes, bytes]], tmp_path: Path) -> None:
        dump = opened(tmp_path / "dump.sql", self.HEAD + sql)
        found = taken(list(dump.batches()))
        assert [(key, meta) for key, _, meta in found.values()] == rows

    def test_with_columns_of_any_name(self, tmp_path: Path) -> None:
        sql = b'CREATE TABLE hashes (id int, hash bigint, "it\'s (a) ""name""" text);\n'
        sql += b'INSERT INTO hashes (id, hash, "it\'s (a) ""name""") VALUES (1, 5, \'x\');\n'
        found = taken(list(opened(tmp_path / "dump.sql", sql).batches()))
        assert json.loads(found[0][2]) == {"meta": {'it\'s (a) "name"': "x"}}

    def test_of_generated_columns_have_no_value_for_them(self, tmp_path: Path) -> None:
        sql = self.HEAD + b"INSERT INTO hashes VALUES (1, 5, DEFAULT);\nINSERT INTO hashes VALUES (2, 6, 'DEFAULT');\n"
        found = taken(list(opened(tmp_path / "dump.sql", sql).batches()))
        assert [meta for *_, meta in found.values()] == [b"", b'{"meta":{"url":"DEFAULT"}}']

    @pytest.mark.parametrize("values", [b"(1, now(), 'x')", b"(1, 2", b"(1, 2, 'x') garbage"])
    def test_that_are_no_plain_values_are_refused_by_line(self, values: bytes, tmp_path: Path) -> None:
        dump = opened(tmp_path / "dump.sql", self.HEAD + b"INSERT INTO hashes VALUES " + values + b";\n")
        refused = [row for batch in dump.batches() for row in batch.refused]
        assert [row.place for row in refused] == ["line 2"]


class TestTablesOfOneName:
    SQL = b"".join(
        b"CREATE TABLE %s.hashes (id bigint, hash bigint);\nINSERT INTO %s.hashes VALUES (%d, 5);\n" % (name, name, n)
        for n, name in enumerate([b"public", b"old"])
    )

    @pytest.mark.parametrize(("asked", "key"), [("hashes", b"0"), ("public.hashes", b"0"), ("old.hashes", b"1")])
    def test_are_chosen_by_their_schema(self, asked: str, key: bytes, tmp_path: Path) -> None:
        found = taken(list(opened(tmp_path / "dump.sql", self.SQL, table=asked).batches()))
        assert [each for each, *_ in found.values()] == [key]

    def test_are_partitions_where_one_has_no_rows(self, tmp_path: Path) -> None:
        sql = b"CREATE TABLE hashes (id int, hash bigint)\nPARTITION BY RANGE (id);\n"
        sql += b"CREATE TABLE part (id int, hash bigint);\nINSERT INTO part VALUES (1, 5);\n"
        dump = opened(tmp_path / "dump.sql", sql)
        list(dump.batches())
        assert "part" in dump.faults[0]


def test_a_bad_row_of_an_insert_hides_none_of_the_others(tmp_path: Path) -> None:
    values = b"(1, 2, 'a'), (2, now(), 'b)'), (3, 4, 'c'), (4, 5, (SELECT 1)), (5, 6, 'd')"
    dump = opened(tmp_path / "dump.sql", TestInserts.HEAD + b"INSERT INTO hashes VALUES " + values + b";\n")
    batches = list(dump.batches())
    assert [key for key, *_ in taken(batches).values()] == [b"1", b"3", b"5"]
    assert [row.place for batch in batches for row in batch.refused] == ["line 2", "line 2"]


class TestAFileThatIsCutOff:
    def test_anywhere_gives_no_row_that_is_not_whole(self, tmp_path: Path) -> None:
        whole = TestInserts.HEAD + b"COPY hashes (id, hash, url) FROM stdin;\n"
        rows = [b"1\t12345\tabc\n", b"2\t67890\tdef\n"]
        moments = random.Random(7)
        sql = whole + b"".join(rows) + b"\\.\n\n-- PostgreSQL database dump complete\n"
        for end in moments.sample(range(len(whole) + 1, len(sql)), 40):
            dump = opened(tmp_path / "cut.sql", sql[:end])
            found = taken(list(dump.batches()))
            complete = min(max(sql[:end].count(b"\n") - whole.count(b"\n"), 0), 2)
            assert [key for key, *_ in found.values()] == [b"1", b"2"][:complete]

    HEADER = b"--\n-- PostgreSQL database dump\n--\n\n"
    FOOTER = b"\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n"

    @pytest.mark.parametrize(
        "rows",
        [
            b"INSERT INTO hashes VALUES (1, 5, 'x');\nINSERT INTO hashes VALUES (2, 6, 'y');\n",
            b"COPY hashes (id, hash, url) FROM stdin;\n1\t5\tx\n2\t6\ty\n\\.\n",
        ],
    )
    def test_between_two_statements_is_noticed_by_the_last_line_of_pg_dump(self, rows: bytes, tmp_path: Path) -> None:
        sql = self.HEADER + TestInserts.HEAD + rows
        cut = opened(tmp_path / "cut.sql", sql)
        assert len(taken(list(cut.batches()))) == 2
        assert len(cut.faults) == 1
        assert "cut off" in cut.faults[0]
        whole = opened(tmp_path / "whole.sql", sql + self.FOOTER)
        assert len(taken(list(whole.batches()))) == 2
        assert whole.faults == []

    def test_of_a_cluster_is_whole_with_its_own_last_line(self, tmp_path: Path) -> None:
        sql = b"--\n-- PostgreSQL database cluster dump\n--\n\n" + self.HEADER + TestInserts.HEAD
        sql += b"INSERT INTO hashes VALUES (1, 5, 'x');\n" + self.FOOTER
        sql += b"--\n-- PostgreSQL database cluster dump complete\n--\n\n"
        dump = opened(tmp_path / "all.sql", sql)
        assert len(taken(list(dump.batches()))) == 1
        assert dump.faults == []

    @pytest.mark.parametrize("lost", [1, 2, 4])
    def test_in_its_packing_gives_the_rows_before(self, lost: int, tmp_path: Path) -> None:
        rows = b"".join(b"%d\t%d\tx\n" % (n, n * 7919) for n in range(1, 3001))
        sql = TestInserts.HEAD + b"COPY hashes (id, hash, url) FROM stdin;\n" + rows + b"\\.\n"
        stored = gzip.compress(sql)
        dump = opened(tmp_path / "cut.sql.gz", stored[: len(stored) - lost * 1000])
        found = taken(list(dump.batches()))
        assert found
        assert all(bits == int(key) * 7919 for key, bits, _ in found.values())
        assert any("ends early" in fault for fault in dump.faults)

    def test_in_the_text_form_gives_no_row_without_the_end_of_its_line(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.txt"
        path.write_bytes(b"1\t12345\tabc\n2\t\\N\tx\n3\t67890\td")
        with DumpFile(path) as file:
            batches = list(PostgresDump.open(file, DumpOptions(columns=("id", "hash", "url"))).batches())
        assert [key for key, *_ in taken(batches).values()] == [b"1"]
        assert [row.place for batch in batches for row in batch.refused] == ["line 3"]


def test_encodings_are_those_of_the_dump(tmp_path: Path) -> None:
    for name, codec in [("WIN1252", "cp1252"), ("KOI8R", "koi8-r"), ("EUC_JP", "euc-jp"), ("SJIS", "shift-jis")]:
        text = {"cp1252": "€ naïve", "koi8-r": "Москва"}.get(codec, "東京ソ")
        sql = f"SET client_encoding = '{name}';\n".encode() + TestInserts.HEAD
        sql += b"COPY hashes (id, hash, url) FROM stdin;\n1\t5\t" + text.encode(codec) + b"\n\\.\n"
        found = taken(list(opened(tmp_path / "dump.sql", sql).batches()))
        assert found[0][2].decode() == f'{{"meta":{{"url":"{text}"}}}}', name


def test_an_encoding_that_python_has_with_another_backslash_is_refused(tmp_path: Path) -> None:
    sql = b"SET client_encoding = 'SHIFT_JIS_2004';\n" + TestInserts.HEAD
    with pytest.raises(DumpUnreadable, match="UTF8"):
        opened(tmp_path / "dump.sql", sql)


def test_types_in_quotes_are_those_without(tmp_path: Path) -> None:
    sql = b'CREATE TABLE "public"."hashes" ("id" integer, "hash" "pg_catalog"."int8", "made" "jsonb");\n'
    sql += b"""INSERT INTO "public"."hashes" VALUES (1, 5, '{"by": "me"}');\n"""
    found = taken(list(opened(tmp_path / "dump.sql", sql).batches()))
    assert found[0][2] == b'{"meta":{"made":{"by":"me"}}}'


class TestRowsOfCopyAlone:
    ROWS = b'1\t-7358573925013741238\t"Heroes"\n2\t1358573925013741238\tback\\\\slash\\ttab\n3\t5\t"open\n'
    URLS = ('"Heroes"', "back\\slash\ttab", '"open')

    def urls(self, path: Path, **options: tuple[str, ...]) -> tuple[str, ...]:
        with DumpFile(path) as file:
            dump = open_dump(file, DumpOptions(**options))  # type: ignore[arg-type]
            batches = list(dump.batches())
        assert not any(batch.refused for batch in batches)
        return tuple(json.loads(meta)["meta"]["url"] for *_, meta in taken(batches).values())

    def test_are_known_by_their_numbers_without_null_among_them(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.tsv"
        path.write_bytes(self.ROWS)
        assert self.urls(path, columns=("id", "hash", "url")) == self.URLS

    def test_may_have_their_names_above_them(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.tsv"
        path.write_bytes(b"id\thash\turl\n" + self.ROWS + b"4\t\\N\t\\N\n")
        assert self.urls(path) == self.URLS
        assert self.urls(path, columns=("id", "hash", "url")) == self.URLS

    def test_other_tables_with_tabs_are_lists(self, tmp_path: Path) -> None:
        path = tmp_path / "list.tsv"
        path.write_bytes(b'1\t4c4e64476eb1361a\t"Heroes"\n')
        with DumpFile(path) as file:
            assert open_dump(file, DumpOptions(columns=("id", "hash", "note"), family="dhash")).kind == "hashes"

    def test_of_endless_length_are_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "MAX_ROW", 1 << 20)
        path = tmp_path / "rows.tsv"
        path.write_bytes(b"1\t5\t\\N\n" + b"1" * (3 << 20))
        with DumpFile(path) as file:
            dump = PostgresDump.open(file, DumpOptions(columns=("id", "hash", "url")))
            with pytest.raises(DumpUnreadable, match="line 2"):
                list(dump.batches())


def test_an_encoding_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DumpUnreadable, match="encoding MULE_INTERNAL is not known"):
        opened(tmp_path / "dump.sql", b"SET client_encoding = 'MULE_INTERNAL';\n" + TestInserts.HEAD)


def test_another_family_of_64_bits_can_be_named_and_no_other(tmp_path: Path) -> None:
    assert opened(tmp_path / "dump.sql", TestInserts.HEAD, family="phash").families == ("phash",)
    with pytest.raises(DumpUnreadable, match="is no signature of family haar"):
        opened(tmp_path / "dump.sql", TestInserts.HEAD, family="haar")


def test_transparent_pictures_are_read_as_reverse_wikipedia_reads_them() -> None:
    """Its program pastes them onto white; ImageHash by itself sees the colour below, which is black in most logos."""
    logo = np.zeros((64, 64, 4), np.uint8)
    logo[8:56, 8:56, 3] = np.linspace(0, 255, 48).astype(np.uint8)
    picture = Image.fromarray(logo, "RGBA")
    white = Image.new("RGBA", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    file = io.BytesIO()
    picture.save(file, "PNG")
    stored = Signature(str(imagehash.dhash(white)))
    distances = {}
    for alpha in ("white", "drop"):
        pictures = replace(PostgresDump.pictures, alpha=alpha)
        index = Index.create("memory://", families=["dhash"], pictures=pictures, thumbnails=0)
        index.add("logo", file.getvalue())
        distances[pictures] = index.search(stored).hits[0].distance
    assert distances.pop(PostgresDump.pictures) == 0
    assert min(distances.values()) > 3  # type: ignore[type-var]
