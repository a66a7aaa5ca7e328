"""The memory that pictures may have together."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Condition

SHARE = 0.5
"""Part of the machine's memory that all processes together may have; the rest is for the index, and for others."""

CONTAINER_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Limits of memory of a container, as control groups of version 2 and 1 show it."""


def for_pictures() -> int:
    """Return the bytes of memory that pictures may have on this machine, or in this container."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in CONTAINER_LIMITS:
        with suppress(OSError, ValueError):  # no such file, or the word max
            limits.append(int(path.read_text()))
    return int(SHARE * min(limit for limit in limits if limit > 0))


class MemoryBudget:
    """Bytes of memory that are lent to one picture after another, first come, first served.

    Whoever needs more than there is gets all of it, and is alone. Safe to use from several threads.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._left = size
        self._changed = Condition()
        self._waiting: deque[object] = deque()

    @contextmanager
    def lent(self, size: int) -> Iterator[int]:
        """Wait until there are so many bytes, and hold them. Gives the number that is held."""
        size, turn = min(size, self.size), object()
        with self._changed:
            self._waiting.append(turn)
            self._changed.wait_for(lambda: self._waiting[0] is turn and self._left >= size)
            self._waiting.popleft()
            self._left -= size
            # perhaps the next fits in, too
            self._changed.notify_all()
        try:
            yield size
        finally:
            with self._changed:
                self._left += size
                self._changed.notify_all()
