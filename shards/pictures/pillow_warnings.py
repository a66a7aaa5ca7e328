"""Pillow's warnings, which nobody needs to hear."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_ignoring = threading.Lock()
_decoding_threads = 0
_saved: warnings.catch_warnings[None] | None = None


@contextmanager
def pillow_warnings_ignored() -> Iterator[None]:
    """Neither show nor raise what Pillow's modules warn of meanwhile, in any thread.

    Pillow warns of a hundred harmless oddities in files that strangers send. `catch_warnings` alone swaps the
    filters of the whole process, and threads that decode at once would restore each other's: so the first
    decoder in sets the filter, and the last one out takes it back.
    """
    global _decoding_threads, _saved
    with _ignoring:
        _decoding_threads += 1
        if _decoding_threads == 1:
            _saved = warnings.catch_warnings()
            _saved.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\.|pillow_heif")
    try:
        yield
    finally:
        with _ignoring:
            _decoding_threads -= 1
            if _decoding_threads == 0 and _saved is not None:
                _saved.__exit__(None, None, None)
                _saved = None
