"""The C library's memory allocator: it is made to keep freed memory, for searches."""

from __future__ import annotations

from functools import cache

import numpy as np

KEPT_FREE = 31 << 20
"""Bytes. When glibc frees an array of this size, it learns to keep freed memory instead of giving the pages of every
array back to the system. To get them anew is a page fault for every 4 KB, which would take a quarter of a search."""


@cache
def keep_freed_memory() -> None:
    """Have this process keep freed memory for the next array. Done once; other C libraries are not affected."""
    np.empty(KEPT_FREE, np.uint8)
