"""`SignatureES`: image-match's driver of the same name, over an index instead of a client of Elasticsearch."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime
from secrets import token_hex
from typing import Any

import numpy as np

from lookalike.image_match.pre_filter import where
from lookalike.image_match.signature_database_base import Found, SignatureDatabaseBase, normalized_distance
from lookalike.image_match.values import from_meta, to_meta
from lookalike.index import Index
from lookalike.ingest.backpressure import BACKPRESSURE
from lookalike.interchange.dump import ORIGINALS
from lookalike.questions import Signature
from shards.errors import IndexExists, IndexNotFound, QueryError
from shards.families import family
from shards.families.goldberg import pack, unpack
from shards.families.goldberg.signature import USUAL
from shards.table.format.records import Record

FAMILY = family("goldberg")

SEPARATOR = "\x1f"
"""What stands between a path and an id in a key: the unit separator of ASCII, which no path has."""

ID_BYTES = 10
"""Bytes of the id of a record: of a million records with one path, two get the same once in 10^12 times."""

WITH_ID = re.compile(f"(?P<path>.*){SEPARATOR}[0-9a-f]{{{2 * ID_BYTES}}}", re.DOTALL)

LOOK_EVERY = 64
"""Records that are added between two looks at how much waits to be folded: a look costs two listings."""

SLACK = 1e-9
"""Slack of scores for rounding errors. Distances are compared exactly afterwards."""


class SignatureES(SignatureDatabaseBase):
    """A store of signatures in an index of lookalike.

    >>> ses = SignatureES("memory://")
    >>> ses.add_image("cat.jpg", metadata={"album": "zoo"})  # doctest: +SKIP
    >>> ses.search_image("copy-of-cat.jpg", pre_filter={"term": {"metadata.album": "zoo"}})  # doctest: +SKIP
    [{'id': 'cat.jpg\\x1f0c1f…', 'score': 97.9, 'metadata': {'album': 'zoo'}, 'path': 'cat.jpg', 'dist': 0.0206…}]
    """

    def __init__(
        self,
        es: str | os.PathLike[str] | Index,
        index: str = "images",
        doc_type: str = "image",
        timeout: str = "10s",
        size: int = 100,
        *args: Any,
        one_per_path: bool = False,
        **kwargs: Any,
    ) -> None:
        """Open an index that has the family `goldberg`, or make one where there is none.

        `es`: the index, or its address: a folder, `s3://bucket/prefix`, `memory://`. `doc_type`: name that fields of a
        `pre_filter` may begin with. `size`: maximum number of hits. `index` and `timeout` do nothing. `one_per_path`:
        adding a path again replaces its record; otherwise there are two. The rest is for `SignatureDatabaseBase`.

        Raises QueryError for parameters of signatures other than the usual, since an index has no others, and for
        an index without `goldberg`.
        """
        self.es = _opened(es)
        self.index = index
        self.doc_type = doc_type
        self.timeout = timeout
        self.size = size
        self.one_per_path = one_per_path
        super().__init__(*args, **kwargs)
        if self.gis.parameters != USUAL:
            raise QueryError(
                "an index keeps the standard signature only, with image-match's default parameters of ImageSignature,"
                f" not with {[*args, *kwargs.items()]}: leave them out, or compare what ImageSignature returns yourself"
            )
        self.gis.pictures = self.es.settings.pictures
        self._added = 0

    def insert_single_record(self, rec: dict[str, Any], refresh_after: bool = False) -> None:  # noqa: ARG002
        """Store a record that `make_record` made, and note the time in its `timestamp`; every search sees it at once.

        Its words are not stored, since no search needs them. Raises QueryError for metadata that is no JSON, and in
        an index with more families, KeyInvalid for a path that is too long.
        """
        if len(self.es.families) > 1:
            raise QueryError(
                f"{self.es.url} has signatures of {', '.join(kind.name for kind in self.es.families)}, and a record of"
                " image-match has one of goldberg alone: add images with Index.add, or to an index with goldberg alone"
            )
        rec["timestamp"] = datetime.now()  # noqa: DTZ005 - what image-match sets
        key = rec["path"] if self.one_per_path else f"{rec['path']}{SEPARATOR}{token_hex(ID_BYTES)}"
        (row,) = pack(np.array([rec["signature"]]))
        (order,) = self.es.orders([key])
        self.es.write([Record(key, order, meta=to_meta(rec.get("metadata")), rows={FAMILY.name: row})])
        self._added += 1
        if self._added % LOOK_EVERY == 0 and BACKPRESSURE.should_fold_soon(*self.es.pressure()):
            self.es.compact()

    def search_single_record(self, rec: dict[str, Any], pre_filter: Any = None) -> Iterator[Found]:
        """Yield what is like a record that `make_record` made, nearest first; takes its path and signature out of it.

        A hit is `{"id", "score", "metadata", "path", "dist"}`: `dist` is below `distance_cutoff`, the score is
        100 · (1 - dist), and the id is the image's key in the index. There are at most `size`. All images are compared
        that `pre_filter` accepts. Raises NotImplementedError for a filter that has no equal here.
        """
        rec.pop("path")
        signature = np.array(rec.pop("signature"))
        rec.pop("metadata", None)
        filters = {} if pre_filter is None else where(pre_filter, self.doc_type)
        return iter(self._nearest(signature, filters))

    def _nearest(self, signature: np.ndarray[Any, Any], filters: dict[str, Any]) -> list[Found]:
        if self.distance_cutoff <= 0:
            return []
        least = FAMILY.score_at(self.distance_cutoff) - SLACK
        answer = self.es.search(
            Signature(FAMILY.format(pack(signature[None])[0])),
            family=FAMILY.name,
            limit=self.size,
            min_score=max(0.0, least),
            where=filters,
        )
        stored = self.es.signatures([hit.key for hit in answer.hits], FAMILY.name)
        hits = [hit for hit in answer.hits if hit.key in stored]
        if not hits:
            return []
        rows = np.array([FAMILY.parse(stored[hit.key]) for hit in hits], FAMILY.dtype)
        # of whole signatures, as image-match computes it: the family's own may differ in the last digit
        distances = normalized_distance(unpack(rows), signature)
        return [
            {
                "id": hit.key,
                "score": hit.score,
                "metadata": from_meta(hit.image.meta),
                "path": path_of(hit.key),
                "dist": distance,
            }
            for hit, distance in zip(hits, distances, strict=True)
            if distance < self.distance_cutoff
        ]

    def delete_duplicates(self, path: str) -> None:
        """Delete all records with this path but the oldest. Reads the keys of the whole index."""
        found = [image for image in self.es.list(prefix=path) if path_of(image.key) == path]
        oldest_first = sorted(found, key=lambda image: (image.added, image.key))
        self.es.remove(image.key for image in oldest_first[1:])


def path_of(key: str) -> str:
    """Return the path in a key: what comes before the id, or all of it where another program added the image."""
    match = WITH_ID.fullmatch(key)
    return key if match is None else match["path"]


def _opened(where: object) -> Index:
    if isinstance(where, Index):
        index = where
    elif isinstance(where, str | os.PathLike):
        index = _open_or_create(os.fspath(where))
    else:
        raise QueryError(
            f"SignatureES is given {type(where).__name__}: give an index or its address, such as 'photos.index', in"
            " place of a client of Elasticsearch; 'lookalike import' makes one of its documents"
        )
    if FAMILY not in index.families:
        raise QueryError(f"{index.url} has no signatures of goldberg, image-match's: make an index that has them")
    return index


def _open_or_create(place: str) -> Index:
    try:
        return Index.open(place)
    except IndexNotFound:
        pass
    try:
        return Index.create(place, families=[FAMILY.name], pictures=ORIGINALS, thumbnails=0)
    except IndexExists:
        # somebody else was faster
        return Index.open(place)
