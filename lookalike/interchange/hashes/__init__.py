"""Lists of hashes: names and hashes of pictures, as people keep them in tables, in JSON and in arrays."""

from __future__ import annotations

from lookalike.interchange.hashes.dump import HashesDump

__all__ = ["HashesDump"]
