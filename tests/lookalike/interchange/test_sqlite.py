"""SQLite databases are read in full, and left as they were, with their folders."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from lookalike.interchange.file import DumpFile
from lookalike.interchange.sqlite import Database, Scan, Table
from lookalike.interchange.sqlite import scan as scan_module
from shards.errors import DumpUnreadable
from tests.lookalike.interchange.reading import INTEROP
from tests.tiers import scaled

DATA = INTEROP / "iqdb"


def state(folder: Path) -> list[tuple[str, bytes, int]]:
    return sorted((path.name, path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir())


def ids(path: Path, table: str = "images") -> tuple[list[int], list[str]]:
    with DumpFile(path) as file:
        database = Database(file)
        scan = Scan(database, database.tables()[table], [])
        return [row[0] for rows in scan.read() for row in rows], scan.faults


def made(path: Path, rows: int = 300, *, index: bool = True) -> Path:
    """A database of a page for each three rows or so."""
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE TABLE images (id INTEGER PRIMARY KEY, name {'UNIQUE' if index else ''}, body)")
    connection.executemany("INSERT INTO images VALUES (?, ?, zeroblob(1000))", ((n, n) for n in range(1, rows + 1)))
    connection.commit()
    connection.close()
    return path


def damage(path: Path, *pages: int) -> None:
    with path.open("r+b") as file:
        for page in pages:
            file.seek(page * 4096)
            file.write(b"\xaa" * 4096)


@pytest.fixture
def live(tmp_path: Path) -> Path:
    folder = tmp_path / "live"
    folder.mkdir()
    for name in ("iqdb.sqlite", "iqdb.sqlite-wal"):
        shutil.copyfile(DATA / "live-wal" / name, folder / name)
    return folder


def test_what_is_in_the_write_ahead_log_is_read_and_the_folder_stays_as_it_was(live: Path) -> None:
    before = state(live)
    assert len(ids(live / "iqdb.sqlite")[0]) == 14
    assert state(live) == before


@pytest.mark.parametrize("missing", [1, 700, 4095])
def test_of_a_page_that_is_cut_off_no_row_is_read(missing: int, tmp_path: Path) -> None:
    path = made(tmp_path / "cut.sqlite", index=False)
    size = path.stat().st_size
    whole = ids(path)[0]
    os.truncate(path, size - missing)
    found, faults = ids(path)
    assert found == whole[: len(found)]
    assert len(whole) - 5 < len(found) < len(whole)
    assert faults
    assert path.stat().st_size == size - missing


def test_a_database_without_its_log_is_read_without_making_one(live: Path) -> None:
    (live / "iqdb.sqlite-wal").unlink()
    before = state(live)
    assert len(ids(live / "iqdb.sqlite")[0]) == 10
    assert state(live) == before


def test_a_link_leads_to_the_log_too(live: Path, tmp_path: Path) -> None:
    (tmp_path / "linked.db").symlink_to(live / "iqdb.sqlite")
    before = state(live)
    assert len(ids(tmp_path / "linked.db")[0]) == 14
    assert state(live) == before
    with DumpFile(tmp_path / "linked.db") as linked, DumpFile(live / "iqdb.sqlite") as file:
        assert linked.digest() == file.digest()


def test_a_server_that_starts_to_write_what_was_taken_for_quiet_is_noticed(live: Path) -> None:
    (live / "iqdb.sqlite-wal").unlink()
    with DumpFile(live / "iqdb.sqlite") as file:
        database = Database(file)
        scan = Scan(database, database.tables()["images"], [])
        assert len(next(scan.read())) == 10
        assert not scan.faults
        connection = sqlite3.connect(live / "iqdb.sqlite")
        connection.execute("DELETE FROM images WHERE id = 1")
        connection.commit()
        assert any("written to while it was read" in fault for fault in scan.faults)
        connection.close()


def test_the_log_is_part_of_what_a_file_is_known_by(live: Path) -> None:
    with DumpFile(live / "iqdb.sqlite") as file:
        with_log = file.digest()
    (live / "iqdb.sqlite-wal").unlink()
    with DumpFile(live / "iqdb.sqlite") as file:
        assert file.digest() != with_log


def test_a_folder_that_cannot_be_written_is_no_trouble(live: Path) -> None:
    live.chmod(0o500)
    try:
        assert len(ids(live / "iqdb.sqlite")[0]) == 14
    finally:
        live.chmod(0o700)


def test_a_write_that_was_not_finished_is_rolled_back_in_a_copy(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db")
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("DELETE FROM images")
    for name in ("a.db", "a.db-journal"):
        shutil.copyfile(tmp_path / name, crashed / name)
    connection.close()
    before = state(crashed)
    assert len(ids(crashed / "a.db")[0]) == 300
    assert state(crashed) == before


def test_a_database_that_changes_all_the_time_is_refused(live: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = shutil.copyfile

    def copy_and_write(source: Path, target: Path) -> None:
        copy(source, target)
        os.utime(live / "iqdb.sqlite-wal", ns=(0, live.joinpath("iqdb.sqlite-wal").stat().st_mtime_ns + 1))

    monkeypatch.setattr(shutil, "copyfile", copy_and_write)
    with pytest.raises(DumpUnreadable, match="written to all the time"):
        ids(live / "iqdb.sqlite")


def test_a_log_that_goes_into_the_database_meanwhile_is_not_missed(live: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = shutil.copyfile
    path = live / "iqdb.sqlite"

    def copy_and_settle(source: Path, target: Path) -> None:
        if path.with_name("iqdb.sqlite-wal").exists():
            connection = sqlite3.connect(path)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
        copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", copy_and_settle)
    assert len(ids(path)[0]) == 14


def test_a_server_can_write_between_two_steps_of_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_module, "AT_ONCE", 10)
    path = made(tmp_path / "a.db", rows=30)
    server = sqlite3.connect(path, timeout=0)
    with DumpFile(path) as file:
        database = Database(file)
        scan = Scan(database, database.tables()["images"], ["name"])
        steps = scan.read()
        seen = [row[0] for row in next(steps)]
        server.execute("DELETE FROM images WHERE id IN (5, 25)")
        server.execute("INSERT INTO images VALUES (31, 31, NULL)")
        server.commit()
        seen += [row[0] for rows in steps for row in rows]
    assert seen == [n for n in range(1, 32) if n != 25]
    assert not scan.faults
    server.close()


def test_a_gzip_file_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite.gz").write_bytes(gzip.compress((DATA / "iqdb.sqlite").read_bytes()))
    assert len(ids(tmp_path / "a.sqlite.gz")[0]) == 45


@pytest.mark.parametrize("name", ["a b?c#d%20.db", "ü.db", "a'b\".db"])
def test_any_name_of_a_file_will_do(tmp_path: Path, name: str) -> None:
    shutil.copyfile(DATA / "iqdb.sqlite", tmp_path / name)
    assert len(ids(tmp_path / name)[0]) == 45


def test_names_are_folded_as_sqlite_folds_them(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = sqlite3.connect(path)
    connection.execute('CREATE TABLE "BILDER" ("Größe", "SIG", "ÄÖ")')
    connection.close()
    with DumpFile(path) as file:
        assert Database(file).tables() == {"bilder": Table("BILDER", ("größe", "sig", "ÄÖ"))}


def test_any_name_of_a_table_will_do(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = sqlite3.connect(path)
    connection.execute('CREATE TABLE "a""b; DROP" (x)')
    connection.execute('INSERT INTO "a""b; DROP" VALUES (1)')
    connection.commit()
    connection.close()
    assert ids(path, 'a"b; drop') == ([1], [])


@pytest.mark.parametrize("index", [True, False])
def test_rows_around_damaged_pages_are_read_and_the_others_are_named(tmp_path: Path, index: bool) -> None:
    path = made(tmp_path / "a.db", index=index)
    damage(path, 20, 21, 50)
    read, faults = ids(path)
    lost = sorted(set(range(1, 301)) - set(read))
    assert read == sorted(read)
    assert 3 <= len(lost) <= 12
    assert len(faults) == (3 if index else 2)
    said = " ".join(faults)
    for hole in holes(lost):
        assert f"malformed: rowids {hole[0]} to {hole[1]} cannot be read" in said
    if index:
        assert f"{len(lost)} rows that it counts are lost" in said


def holes(lost: list[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for row in lost:
        if found and found[-1][1] == row - 1:
            found[-1] = (found[-1][0], row)
        else:
            found.append((row, row))
    return found


def test_a_last_page_that_was_cut_off_does_not_hide_the_others(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes((DATA / "iqdb.sqlite").read_bytes()[:25282])
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA writable_schema = ON")
    # the last page reads as zeros, so SQLite takes 0 for the greatest rowid, and finds nothing up to it
    assert connection.execute("SELECT max(rowid) FROM images").fetchone() == (0,)
    connection.close()
    found, faults = ids(path)
    assert len(found) > 35
    assert any(f"{45 - len(found)} rows that it counts are lost" in fault for fault in faults)


def test_a_rowid_that_is_damaged_does_not_hide_the_rows_after_it(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db", index=False)
    data = bytearray(path.read_bytes())
    # a cell begins with the length of its payload, 1,006, and its rowid, 100; the payload with 5 bytes of header
    cell = data.index(bytes([0x87, 0x6E, 100, 5]))
    data[cell + 2] = 126
    path.write_bytes(data)
    found, faults = ids(path)
    assert len(found) == 300
    assert any("out of order" in fault for fault in faults)


def test_the_row_before_a_damaged_page_is_not_lost_with_it(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db", rows=30)
    damage(path, 8)
    read, _ = ids(path)
    (hole,) = holes(sorted(set(range(1, 31)) - set(read)))
    assert hole[1] - hole[0] < 4  # the rows of one page


def test_a_file_that_ends_early_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db")
    os.truncate(path, path.stat().st_size // 2 + 1000)
    read, faults = ids(path)
    assert 100 < len(read) < 200
    assert read == sorted(read)
    assert any("malformed" in fault and f"{300 - len(read)} rows" in fault for fault in faults)


def test_great_gaps_between_ids_after_damage_are_overcome(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db", rows=30)
    connection = sqlite3.connect(path)
    connection.executemany(
        "INSERT INTO images VALUES (?, ?, zeroblob(1000))", ((n, -n) for n in (10**6, 10**9, 2**62, 2**63 - 1))
    )
    connection.commit()
    connection.close()
    damage(path, 8)
    read, faults = ids(path)
    assert read[-4:] == [10**6, 10**9, 2**62, 2**63 - 1]
    assert faults


def test_many_holes_are_summed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_module, "REPORTED", 2)
    path = made(tmp_path / "a.db", index=False)
    damage(path, 20, 30, 40, 50, 60)
    _, faults = ids(path)
    assert len(faults) == 3
    assert "3 more places between rowid" in faults[-1]


def test_a_file_with_damage_everywhere_takes_no_time_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan_module, "PROBES", 10)
    path = made(tmp_path / "a.db", index=False)
    damage(path, *range(20, 80, 2))
    found, faults = ids(path)
    assert 150 < len(found) < 290
    assert faults
    assert found == sorted(set(found))


def test_a_table_cut_off_at_its_only_row_is_read_to_an_end(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db", rows=1, index=False)
    data = bytearray(path.read_bytes())
    data[4096 : 2 * 4096] = data[4096:4104] + bytes(4088)  # the table's page: its cells are zeros
    path.write_bytes(data)
    found, faults = ids(path)
    assert found in ([], [0])
    assert faults or found == [0]


def test_a_database_that_is_locked_is_not_taken_for_a_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path / "a.db", rows=3)
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **k, timeout=0))
    connection = connect(path)
    connection.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DumpUnreadable, match="locked"):
        ids(path)
    connection.close()


def test_a_column_may_be_called_as_sqlite_calls_the_id_of_a_row(tmp_path: Path) -> None:
    for number, columns in enumerate(["rowid", "ROWID, _rowid_", "rowid, _rowid_, oid"]):
        path = tmp_path / f"{number}.db"
        connection = sqlite3.connect(path)
        connection.execute(f"CREATE TABLE images ({columns})")
        connection.execute(
            f"INSERT INTO images VALUES ({', '.join('?' * len(columns.split(',')))})", "xyz"[: number + 1]
        )
        connection.commit()
        connection.close()
        if number < 2:
            assert ids(path) == ([1], [])
        else:
            with pytest.raises(DumpUnreadable, match="rename one"):
                ids(path)


def test_a_table_without_rowids_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE images (id INTEGER PRIMARY KEY) WITHOUT ROWID")
    connection.commit()
    connection.close()
    with pytest.raises(DumpUnreadable, match="no such column: rowid"):
        ids(path)


@pytest.mark.parametrize("content", [b"", b"SQLite format 2\0" + bytes(100), b"SQLite format 3\0", b"PK\3\4"])
def test_what_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.db").write_bytes(content)
    with pytest.raises(DumpUnreadable):
        ids(tmp_path / "a.db")
    with pytest.raises(DumpUnreadable, match="is a folder"):
        ids(tmp_path)


@pytest.mark.scaled
def test_whatever_a_byte_is_turned_into_no_other_error_comes(tmp_path: Path) -> None:
    import random

    rng = random.Random(30)
    data = (DATA / "iqdb.sqlite").read_bytes()
    for _ in range(scaled(60)):
        broken = bytearray(data)
        for _ in range(rng.choice([1, 10, 300])):
            broken[rng.randrange(len(broken) if rng.random() < 0.5 else 4096)] = rng.randrange(256)
        if rng.random() < 0.3:
            del broken[rng.randrange(len(broken)) :]
        (tmp_path / "a.db").write_bytes(broken)
        try:
            read, faults = ids(tmp_path / "a.db")
        except (DumpUnreadable, KeyError):  # KeyError: the table has another name now
            continue
        assert len(read) >= 45 or faults
