"""The limit of open files: programs that know how to use more than the usual 1,024 may raise it themselves."""

from __future__ import annotations

import resource
from contextlib import suppress

WANTED = 1 << 16
"""Descriptors: connections of a busy server and files of a large index are fewer. Systems that say "unlimited" mean
some other number, and refuse to be asked for more."""


def raise_limit() -> None:
    """Raise the soft limit of this process up to the hard one, or as far as is useful."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # where even that is refused, it stays as it was: everything works with few, if more slowly
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
