"""Hashes of 64 bits within a radius, beside PostgreSQL: through the `bktree` extension where it is installed, else by
looking at every row."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.cluster import Cluster, NoPostgres, started
from benchmarks.hashes import NEAR, Searched
from benchmarks.measure import Result, human
from shards.families.hashes import ImageHash

COUNT = 1_000_000

ASKED = 20
"""Of the queries, put to the index; both answer all of them, so that they can be compared."""

SCANNED = 3
"""Of the queries, put to a scan, which takes as long for any other."""

QUOTED = {3: "28.7 ms", 10: "2,203 ms"}
"""What the extension took at 30 million hashes when lookalike was designed, on another machine: not measured here."""

EXTENSION = "bktree"


def run(count: int = COUNT, signatures: str | None = None) -> list[Result]:
    """All within 3 and within 10 bits; the same rows have to be found."""
    searched = Searched.of(ImageHash("dhash"), count, signatures)
    try:
        with started() as cluster:
            return list(_measured(searched, cluster))
    except NoPostgres as reason:
        return [_result(searched, radius, f"PostgreSQL ({reason})", None, _quoted(radius)) for radius in NEAR]


def _measured(searched: Searched, cluster: Cluster) -> Iterator[Result]:
    hashes = searched.rows["hash"][:, 0].view(np.int64)
    with tempfile.NamedTemporaryFile(suffix=".copy") as file:
        file.write(copy_format(hashes))
        file.flush()
        cluster.run(
            "CREATE TABLE hashes (id serial, hash int8 NOT NULL);",
            f"\\copy hashes (hash) FROM '{file.name}' WITH (FORMAT binary)",
            "VACUUM (FREEZE, ANALYZE) hashes;",
        )
    indexed = cluster.has(EXTENSION)
    built = f"{EXTENSION} is not installed"
    if indexed:
        _, (_, build) = cluster.timed(
            f"CREATE EXTENSION {EXTENSION};", "CREATE INDEX by_hash ON hashes USING spgist (hash bktree_ops);"
        )
        (size,), _ = cluster.timed("SELECT pg_relation_size('by_hash');")
        built = f"its index: {size / len(hashes):.0f} B a row, built in {human(build)}"
    for radius in NEAR:
        if indexed:
            # the planner may do as it likes, except for not using the index
            where = "hash <@ ({hash}, {radius})::bktree_area"
            theirs = _asked(searched, cluster, radius, where, ASKED, "SET enable_seqscan = off;")
            name = "PostgreSQL, BK-tree"
            yield _result(searched, radius, name, theirs, f"{built}; {_quoted(radius)}", f"PostgreSQL within {radius}")
        scanning = "bit_count((hash # {hash})::bit(64)) <= {radius}"
        theirs = _asked(searched, cluster, radius, scanning, SCANNED, "")
        detail = "" if indexed else f"{built}; {_quoted(radius)}"
        yield _result(searched, radius, "PostgreSQL, every row", theirs, detail)


def _asked(searched: Searched, cluster: Cluster, radius: int, where: str, asked: int, before: str) -> float:
    """Seconds of a query, the median over the queries, each asked before; what they find is compared with ours."""
    hashes = searched.queries["hash"][:asked, 0].view(np.int64).tolist()
    queries = [f"SELECT count(*) FROM hashes WHERE {where.format(hash=one, radius=radius)};" for one in hashes]
    counts, times = cluster.timed(*queries, *queries, before=before)
    ours = [len(searched.ask(searched.queries[n : n + 1], searched.resident, radius).rows) for n in range(asked)]
    if counts[asked:] != ours:
        raise RuntimeError(f"within {radius} bits PostgreSQL found {counts[asked:]} rows, we {ours}")
    return float(np.median(times[asked:]))


def _result(searched: Searched, radius: int, name: str, theirs: float | None, detail: str, line: str = "") -> Result:
    ours = float(np.median(searched.times(radius, ASKED)))
    target = "at most 1/50" if line else ""
    return Result(
        f"64 bits, all within {radius}",
        ours,
        name,
        theirs,
        detail,
        target,
        theirs is None or not line or ours <= theirs / 50,
        rows=len(searched.rows),
        line=line,
    )


def _quoted(radius: int) -> str:
    return f"quoted, not measured: {QUOTED[radius]} at 30 million"


def copy_format(hashes: NDArray[np.int64]) -> bytes:
    """One column of int8 in the binary format of PostgreSQL's COPY."""
    rows = np.empty(len(hashes), [("fields", ">i2"), ("bytes", ">i4"), ("value", ">i8")])
    rows["fields"], rows["bytes"], rows["value"] = 1, 8, hashes
    return b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0) + rows.tobytes() + struct.pack(">h", -1)
