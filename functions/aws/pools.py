"""The processes in which a function has signatures computed."""

from __future__ import annotations

from dataclasses import replace

from functions.aws.settings import Settings
from lookalike.signatures.pool import Pool
from lookalike.signatures.worker import WorkerSettings
from shards.table.format.settings import IndexSettings


def pool(index: IndexSettings, settings: Settings, seconds: float) -> Pool:
    """Return a pool for an index, within the limits of the function's settings. `seconds`: for one picture."""
    worker = WorkerSettings.of(index)
    worker = replace(worker, memory=min(worker.memory, settings.sign_memory))
    # a function has one processor
    return Pool(worker, 1, seconds, budget=settings.sign_memory)
