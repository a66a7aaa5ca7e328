"""Processes that compute signatures, kept from one command of a test to the next: each takes a second to start."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Self

from lookalike.cli import question
from lookalike.signatures.pool import Pool
from shards.pictures.settings import PictureSettings

OWN = question.computing
"""Processes of each command's own."""


class SharedPools:
    """Pools of one process each, by what they compute. A context manager: on leaving, they end."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._pools: dict[tuple[tuple[str, ...], PictureSettings], Pool] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def computing(
        self, families: Sequence[str], pictures: PictureSettings, *, names: Sequence[str], jobs: int | None = None
    ) -> AbstractContextManager[Pool]:
        """Stand in for `question.computing`."""
        wanted = tuple(families), pictures
        if wanted not in self._pools:
            self._pools[wanted] = self._stack.enter_context(OWN(families, pictures, names=names, jobs=1))
        return nullcontext(self._pools[wanted])
