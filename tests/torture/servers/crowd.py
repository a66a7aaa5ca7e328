"""Writers, compactors and readers as processes, which are killed and replaced; and the audit at the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from lookalike import Index, Key
from tests.lookalike.cli.drawing import draw
from tests.torture.servers.actor import FAMILY
from tests.torture.servers.ledger import NO_VERSION, Ledger, Promised

ROOT = Path(__file__).parents[3]

CAST: Mapping[str, int] = {"writer": 7, "importer": 1, "compactor": 2, "reader": 4}
"""Importers are `lookalike add` of a folder of pictures; the others use the library."""

PICTURES = 40
"""Number of pictures in the folder of an importer."""

BETWEEN = 0.3, 2.0
"""Seconds between two faults: less than an actor needs to be at work again, or much more."""

ENDING = 300.0
"""Seconds in which actors end that were told to: a call under way may wait for a store that is just coming back."""


@dataclass
class Outcome:
    """What a crowd did, and what was wrong."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


class Crowd:
    """A cast at work on one index. Its files are in `folder`."""

    def __init__(self, address: str, folder: Path, seed: int, environment: Mapping[str, str] | None = None) -> None:
        self._address = address
        self._folder = folder
        self._seed = seed
        self._environment = {**os.environ, "HOME": str(folder), **(environment or {})}
        self._random = Random(seed)
        self._actors: dict[str, tuple[str, subprocess.Popen[bytes]]] = {}
        self._born = 0
        self.outcome = Outcome()

    def begin(self, cast: Mapping[str, int] = CAST) -> None:
        for role, number in cast.items():
            for _ in range(number):
                self._bear(role)

    def _bear(self, role: str) -> None:
        self._born += 1
        name = f"{role}-{self._born}"
        if role == "importer":
            arguments = ["lookalike", "add", self._address, str(self._pictures(name)), "--batch", "3", "--jobs", "1"]
        else:
            arguments = ["tests.torture.servers.actor", role, name, self._address, str(self._folder), str(self._seed)]
        with (self._folder / f"{name}.said").open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._actors[name] = role, process

    def _pictures(self, name: str) -> Path:
        """Draw pictures for an importer, and note that it will ask for them."""
        folder = self._folder / "pictures" / name
        names = [f"{name}/{n:03}.png" for n in range(PICTURES)]
        draw(folder, names, first_seed=PICTURES * self._born)
        Ledger(self._folder / f"{name}.ledger").asks(dict.fromkeys(names, NO_VERSION))
        return folder

    def _read_importers(self) -> None:
        """Note what importers have reported as added."""
        for path in self._folder.glob("importer-*.said"):
            lines = [json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line[-2:] == b"}\n"]
            added = [line["key"] for line in lines if line.get("status") in ("added", "unchanged")]
            Ledger(path.with_suffix(".ledger")).told(dict.fromkeys(added, NO_VERSION))

    def kill_one(self) -> None:
        """Kill an actor, and put another in its place."""
        name = self._random.choice(sorted(self._actors))
        role, process = self._actors.pop(name)
        if process.poll() is None:
            # the processes that an importer has started go with it
            os.killpg(process.pid, signal.SIGKILL)
            self.outcome.counts["processes killed"] += 1
        process.wait()
        self._bear(role)

    def live(self, seconds: float, fault: Callable[[], None] | None = None, share: float = 0.5) -> None:
        """Let them work so long, with a fault now and then: `fault` in this share of the cases, or a kill."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(min(self._random.uniform(*BETWEEN), max(end - time.monotonic(), 0)))
            if fault is not None and self._random.random() < share:
                fault()
            else:
                self.kill_one()

    def end(self) -> None:
        """Tell them to stop, and wait for them."""
        (self._folder / "stop").touch()
        for name, (_, process) in self._actors.items():
            try:
                process.wait(ENDING)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                self.outcome.failures.append(f"{name} did not end within {ENDING:g} s")

    def audit(self) -> Outcome:
        """Compare the index with what was acknowledged, verify it, and search in it."""
        self._read_importers()
        promised = Promised().read(self._folder.glob("*.ledger"))
        outcome = self.outcome
        outcome.counts["acknowledged changes"] += promised.acknowledged
        index = Index.open(self._address)
        for when in ("as it was left", "compacted"):
            found = {image.key: int(image.meta.get("version", NO_VERSION)) for image in index.list()}
            wrong = promised.broken_by(found)
            outcome.counts["changes that were lost"] += len(wrong)
            if wrong:
                outcome.failures.append(f"{len(wrong)} keys are wrong in the index {when}: {'; '.join(wrong[:5])}")
            report = index.verify()
            if not report.is_clean:
                outcome.failures.append(f"verify of the index {when}: {[str(one) for one in report.problems][:5]}")
            for key in sorted(found)[:: max(len(found) // 20, 1)]:
                hits = index.search(Key(key), family=FAMILY, limit=3).hits
                if key not in [hit.key for hit in hits]:
                    outcome.failures.append(f"a search for {key} does not find it in the index {when}")
            index.compact(everything=True)
        self._read_notes()
        return outcome

    def _read_notes(self) -> None:
        for path in sorted(self._folder.glob("*.notes")):
            for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
                if not line.endswith("\n"):
                    continue
                what, text = json.loads(line)
                match what:
                    case "looked":
                        self.outcome.counts["keys that readers looked for"] += int(text)
                    case "refused":
                        self.outcome.counts["calls that a fault refused"] += 1
                    case _:
                        self.outcome.failures.append(f"{path.stem}: {what}: {text}")
