"""Reviews of duplicates and jobs on files, which take longer than a request: in threads, and kept in memory."""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from threading import Lock, Thread
from typing import Literal, TypeAlias

from lookalike.duplicates.applying import Outcome
from lookalike.duplicates.planning import Action, Plan
from lookalike.duplicates.review import Asked, Phase, Review
from lookalike.index import Index
from lookalike.web.http.problems import Problem
from shards.errors import LookalikeError

log = logging.getLogger("lookalike")

KEPT = 4
"""Reviews that are kept: of 20,000 groups each takes 60 MB."""

JOBS = 100
"""Jobs whose outcome is kept."""

WAITING = 4
"""Reviews that may wait while another is made."""

State: TypeAlias = Literal["running", "done", "failed"]
IndexState: TypeAlias = tuple[int, int]
"""Version of the manifest, and log objects after it: within one version the log only grows."""


@dataclass(slots=True)
class Kept:
    """A review that is made, or was."""

    id: str
    asked: Asked
    family: str | None
    of_state: IndexState
    state: State = "running"
    phase: Phase | Literal["done"] = "reading"
    done: int = 0
    of: int = 1
    error: str | None = None
    review: Review | None = None
    plans: OrderedDict[str, Plan] = field(default_factory=OrderedDict)

    def found(self) -> Review:
        """Return the review. Raises Problem while it is made, and where it has failed."""
        if self.review is None:
            detail = self.error or "the review is not done yet"
            help_ = "Ask for the review until its state is 'done'."
            raise Problem(409, "review-not-done", "The review is not done", detail, help=help_)
        return self.review


@dataclass(slots=True)
class Job:
    """Something that is done with files."""

    id: str
    kind: Literal["apply", "undo"]
    action: Action
    of: int
    state: State = "running"
    done: int = 0
    outcome: Outcome | None = None
    log: str = ""
    error: str | None = None


class Reviews:
    """The reviews and jobs of one app. Safe to use from several threads."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = Lock()
        self._working = Lock()
        self._acting = Lock()

    def state(self) -> IndexState:
        """Return the state of the index."""
        stats = self._index.stats()
        return stats.version, stats.tail

    def begin(self, asked: Asked, family: str | None) -> tuple[Kept, bool]:
        """Return the review of the index as it is now, and whether it is a new one. Raises Problem if too many wait."""
        state = self.state()
        # what was decided since belongs to the next review
        decided = sorted(self._index.marks().different)
        told = repr((state, asked.tiers, asked.prefix, asked.against, asked.where.text, family, decided))
        id_ = blake2b(told.encode(errors="surrogatepass"), digest_size=8).hexdigest()
        with self._lock:
            kept = self._kept.get(id_)
            if kept is not None and kept.state != "failed":
                self._kept.move_to_end(id_)
                return kept, False
            if sum(kept.state == "running" for kept in self._kept.values()) > WAITING:
                detail = "other reviews are being made; they are made one at a time"
                raise Problem(429, "too-busy", "The service is busy", detail, headers={"Retry-After": "10"})
            kept = self._kept[id_] = Kept(id_, asked, family, state)
            for old in [old for old in self._kept.values() if old.state != "running"][: max(0, len(self._kept) - KEPT)]:
                del self._kept[old.id]
        Thread(target=self._make, args=(kept,), name="review", daemon=True).start()
        return kept, True

    def get(self, id_: str) -> Kept:
        """Return the review of this id. Raises Problem 404."""
        kept = self._kept.get(id_)
        if kept is None:
            detail = f"no review {id_[:32]!r} is kept"
            raise Problem(404, "review-gone", "No such review", detail, id_[:64], "Ask for a review once more.")
        return kept

    def job(self, id_: str) -> Job:
        """Return the job of this id. Raises Problem 404."""
        job = self._jobs.get(id_)
        if job is None:
            raise Problem(404, "job-gone", "No such job", f"no job {id_[:32]!r} is kept", id_[:64])
        return job

    def run(
        self,
        kind: Literal["apply", "undo"],
        action: Action,
        of: int,
        work: Callable[[Callable[[int, int], None]], Outcome],
    ) -> Job:
        """Begin a job; one is done at a time. `work` gets a function that it tells (files seen, files in all)."""
        job = Job(secrets.token_hex(8), kind, action, of)
        with self._lock:
            self._jobs[job.id] = job
            ended = [old for old in self._jobs.values() if old.state != "running"]
            for old in ended[: max(0, len(self._jobs) - JOBS)]:
                del self._jobs[old.id]
        Thread(target=self._act, args=(job, work), name=kind, daemon=True).start()
        return job

    def _make(self, kept: Kept) -> None:
        def progress(phase: Phase, done: int, of: int) -> None:
            kept.phase, kept.done, kept.of = phase, done, of

        with self._working:
            try:
                kept.review = self._index.review(kept.asked, family=kept.family, progress=progress)
                kept.phase, kept.done, kept.state = "done", kept.of, "done"
            except LookalikeError as error:
                kept.error, kept.state = str(error), "failed"
            except Exception:
                log.exception("a review of duplicates")
                kept.error, kept.state = "it ended with a fault of the service, which its log says", "failed"

    def _act(self, job: Job, work: Callable[[Callable[[int, int], None]], Outcome]) -> None:
        def progress(done: int, of: int) -> None:
            job.done, job.of = done, of

        with self._acting:
            try:
                job.outcome = work(progress)
                job.state = "done"
            except (LookalikeError, OSError) as error:
                job.error, job.state = str(error), "failed"
            except Exception:
                log.exception("a job on files")
                job.error, job.state = "it ended with a fault of the service, which its log says", "failed"
