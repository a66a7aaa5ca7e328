"""An image given on the command line: a file, stdin, or an object of a bucket."""

from __future__ import annotations

import sys

from lookalike.cli.inputs import STDIN
from lookalike.cli.refused import RefusedError


def image(name: str) -> str | bytes:
    """Return the path of a file, or the bytes of stdin or of an object."""
    from shards.storage import originals

    if name == STDIN:
        data = sys.stdin.buffer.read()
        if not data:
            raise RefusedError("there is no image on stdin: nothing came")
        return data
    return originals.read_object(name) if originals.is_url(name) else name
