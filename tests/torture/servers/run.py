"""Real servers, processes and disks as a part of `make torture`: killed, full, read-only, and long at work."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest.mock import patch

from lookalike import Index, Key, LookalikeError, StorageError
from tests.servers import BUCKET, S3Server, s3_unavailable
from tests.torture.figures import Failure, Figures, Table
from tests.torture.servers import disks
from tests.torture.servers.actor import FAMILY, LARGEST_FILE
from tests.torture.servers.crowd import Crowd, Outcome
from tests.torture.servers.soak import soak

SHARES: Mapping[str, float] = {"s3": 0.4, "folder": 0.15, "full": 0.1, "limited": 0.05, "soak": 0.3}
"""Of the time."""

FEW: Mapping[str, int] = {"writer": 3, "compactor": 1, "reader": 1}
"""The cast on a small disk."""

DOWN = 0.2
"""Seconds for which a killed server stays away."""

LONGEST_ON_DISK = 60.0
"""Seconds on the small disk, which would be full by itself later."""

FREE = 40_000
"""Bytes that are left on a full disk: a log object fits, a segment does not."""


def run(minutes: float, seed: int) -> Figures:
    """Do everything for its share of the time."""
    counts: Counter[str] = Counter()
    failures: list[Failure] = []
    tables: list[Table] = []
    for name, share in SHARES.items():
        done = one(name, 60 * minutes * share, seed)
        counts.update(done.counts)
        failures += done.failures
        tables += done.tables
    return Figures(counts, failures, tables)


def replay(text: str) -> Figures:
    """Do one thing again: its name, its seconds and its seed, with colons between them. Processes differ each time."""
    name, seconds, seed = text.split(":")
    return one(name, float(seconds), int(seed))


def one(name: str, seconds: float, seed: int) -> Figures:
    """Do one thing for so many seconds."""
    with tempfile.TemporaryDirectory(prefix="torture-") as made:
        folder = Path(made)
        if name == "soak":
            soaked = soak(folder, seconds, seed)
            tables = [Table(tuple(soaked.figures), [tuple(soaked.figures.values())])] if soaked.figures else []
            outcome = Outcome(soaked.counts, soaked.failures)
        else:
            tables = []
            outcome = WAYS[name](folder, seconds, seed)
    again = f"{name}:{seconds:.0f}:{seed}"
    return Figures(outcome.counts, [Failure(f"{name}: {what}", again) for what in outcome.failures], tables)


def created(address: str) -> str:
    Index.create(address, families=[FAMILY], shards=2, segment_rows=2_000, thumbnails=0)
    return address


def on_s3(folder: Path, seconds: float, seed: int) -> Outcome:
    """A crowd whose S3 server is killed and started again."""
    if s3_unavailable():
        return Outcome()
    with S3Server() as server, patch.dict(os.environ, server.environment):
        crowd = Crowd(created(f"s3://{BUCKET}/torture"), folder, seed)

        def fault() -> None:
            server.kill()
            time.sleep(DOWN)
            server.start_again()
            crowd.outcome.counts["servers killed"] += 1

        crowd.begin()
        crowd.live(seconds, fault)
        crowd.end()
        return crowd.audit()


def on_a_folder(folder: Path, seconds: float, seed: int) -> Outcome:
    """A crowd on a folder, whose members are killed."""
    crowd = Crowd(created(str(folder / "index")), folder, seed)
    crowd.begin()
    crowd.live(seconds)
    crowd.end()
    return crowd.audit()


def on_a_full_disk(folder: Path, seconds: float, seed: int) -> Outcome:
    """A small crowd whose disk is full for a while, and then read-only."""
    if not disks.can_mount():
        return Outcome()
    seconds = min(seconds, LONGEST_ON_DISK)
    with disks.small_disk(folder / "disk") as disk:
        address = created(str(disk / "index"))
        crowd = Crowd(address, folder, seed, {"TMPDIR": str(disk)})
        crowd.begin(FEW)
        crowd.live(seconds / 3)
        ballast = disks.fill(disk, FREE)
        crowd.live(seconds / 3)
        ballast.unlink()
        crowd.outcome.counts["full disks"] += 1
        crowd.live(seconds / 3)
        crowd.end()
        with disks.read_only(disk):
            crowd.outcome.failures += only_read(address)
        return crowd.audit()


def only_read(address: str) -> list[str]:
    """Return what is wrong with an index that nobody can write to: reading works, writing is refused by our error."""
    wrong = []
    index = Index.open(address)
    keys = [image.key for image in index.list(limit=20)]
    if any(index.search(Key(key), family=FAMILY, limit=1).searched == 0 for key in keys):
        wrong.append("a search in a read-only folder compares nothing")
    attempts: Mapping[str, Callable[[], object]] = {
        "add": lambda: index.remove(keys[:1]),
        "compact": lambda: index.compact(everything=True),
    }
    for what, attempt in attempts.items():
        try:
            attempt()
        except StorageError:
            continue
        except LookalikeError as error:
            wrong.append(f"{what} in a read-only folder: {type(error).__name__} is no StorageError: {error}")
        except Exception as error:
            wrong.append(f"{what} in a read-only folder: {error!r}")
        else:
            wrong.append(f"{what} in a read-only folder claims to have worked")
    if not index.verify().is_clean:
        wrong.append("a read-only index is not clean")
    return wrong


def with_small_files(folder: Path, seconds: float, seed: int) -> Outcome:
    """A small crowd that cannot write files as large as segments, and then one that can. Needs no privileges."""
    address = created(str(folder / "index"))
    crowd = Crowd(address, folder, seed, {LARGEST_FILE: str(FREE // 4)})
    crowd.begin(FEW)
    crowd.live(seconds)
    crowd.end()
    crowd.outcome.counts["limits of files"] += 1
    return crowd.audit()


WAYS: Mapping[str, Callable[[Path, float, int], Outcome]] = {
    "s3": on_s3,
    "folder": on_a_folder,
    "full": on_a_full_disk,
    "limited": with_small_files,
}
