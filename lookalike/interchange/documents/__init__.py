"""Documents with image-match's signatures, as Elasticsearch and MongoDB give them out."""

from __future__ import annotations

from lookalike.interchange.documents.dump import DocumentsDump

__all__ = ["DocumentsDump"]
