"""`SignatureES`: image-match's driver of the same name, over an index instead of a client of Elasticsearch."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from secrets import token_hex
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.image_match.pictures import color_picture
from lookalike.image_match.pre_filter import where
from lookalike.image_match.signature_database_base import Found, SignatureDatabaseBase, normalized_distance
from lookalike.image_match.values import from_meta, to_meta
from lookalike.index import Index
from lookalike.ingest.backpressure import BACKPRESSURE
from lookalike.interchange.dump import ORIGINALS
from lookalike.questions import Signature
from lookalike.signatures.compute import compute_signatures
from shards.errors import IndexExists, IndexNotFound, LookalikeError, QueryError
from shards.families import Row, family
from shards.families.goldberg import pack, unpack
from shards.families.goldberg.signature import USUAL
from shards.search.hits import Hit
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
        path_field: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Open an index that has the family `goldberg`, or make one where there is none.

        `es`: the index, or its address: a folder, `s3://bucket/prefix`, `memory://`. `doc_type`: name that fields of a
        `pre_filter` may begin with. `size`: maximum number of hits. `index` and `timeout` do nothing. `one_per_path`:
        adding a path again replaces its record; otherwise there are two. `path_field`: the field of the metadata that
        has the path of images that were imported by another key. The rest is for `SignatureDatabaseBase`.

        Raises QueryError for parameters of signatures other than the usual, since an index has no others, and for
        an index without `goldberg`.
        """
        super().__init__(*args, **kwargs)
        # before an index is made for nothing
        if self.gis.parameters != USUAL:
            raise QueryError(
                "an index keeps the standard signature only, with image-match's default parameters of ImageSignature,"
                f" not with {[*args, *kwargs.items()]}: leave them out, or compare what ImageSignature returns yourself"
            )
        self.es = _opened(es)
        self.index = index
        self.doc_type = doc_type
        self.timeout = timeout
        self.size = size
        self.one_per_path = one_per_path
        self.path_field = path_field
        self.gis.pictures = self.es.settings.pictures
        self._added = 0

    def add_image(
        self,
        path: str,
        img: Any = None,
        bytestream: bool = False,
        metadata: Any = None,
        refresh_after: bool = False,
    ) -> None:
        """Add a picture, as the base does; to an index with more families, with a signature of each."""
        if len(self.es.families) == 1:
            super().add_image(path, img, bytestream, metadata, refresh_after)
            return
        given, is_encoded = (path, False) if img is None else (img, bytestream)
        picture = color_picture(given, bytestream=is_encoded, settings=self.gis.pictures)
        rows = compute_signatures(picture, self.es.families)
        self._write(path, metadata, rows, picture.width, picture.height)

    def insert_single_record(self, rec: dict[str, Any], refresh_after: bool = False) -> None:  # noqa: ARG002
        """Store a record that `make_record` made, and note the time in its `timestamp`; every search sees it at once.

        Its words are not stored, since no search needs them. Raises QueryError for metadata that is no JSON, and in
        an index with more families, KeyInvalid for a path that is too long.
        """
        if len(self.es.families) > 1:
            raise QueryError(
                f"{self.es.url} has signatures of {', '.join(kind.name for kind in self.es.families)}, and a record of"
                " image-match has one of goldberg alone: call add_image, or make an index with goldberg alone"
            )
        rec["timestamp"] = datetime.now()  # noqa: DTZ005 - what image-match sets
        (row,) = pack(np.array([rec["signature"]]))
        self._write(rec["path"], rec.get("metadata"), {FAMILY.name: row})

    def _write(self, path: str, metadata: Any, rows: Mapping[str, Row], width: int = 0, height: int = 0) -> None:
        if not isinstance(path, str):
            raise QueryError(f"the path of an image is {type(path).__name__}: give text, and the picture as img")
        key = path if self.one_per_path else f"{path}{SEPARATOR}{token_hex(ID_BYTES)}"
        (order,) = self.es.orders([key])
        self.es.write([Record(key, order, width=width, height=height, meta=to_meta(metadata), rows=rows)])
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
        signature = rec.pop("signature")
        rec.pop("metadata", None)
        return iter(self._nearest([signature], pre_filter))

    def _search_records(self, records: Iterable[dict[str, Any]], pre_filter: Any) -> Iterable[Found]:
        if type(self).search_single_record is not SignatureES.search_single_record:
            # a program's own: it wants to be called
            return super()._search_records(records, pre_filter)
        return self._nearest([record["signature"] for record in records], pre_filter)

    def _nearest(self, signatures: Sequence[Sequence[int]], pre_filter: Any) -> list[Found]:
        """Return the `size` nearest to each of these signatures, all found in one search."""
        filters = {} if pre_filter is None else where(pre_filter, self.doc_type)
        if self.distance_cutoff <= 0:
            return []
        asked = np.array(signatures)
        answers = self.es.search_many(
            [Signature(FAMILY.format(row)) for row in pack(asked)],
            family=FAMILY.name,
            limit=self.size,
            min_score=max(0.0, FAMILY.score_at(self.distance_cutoff) - SLACK),
            where=filters,
        )
        hits: list[tuple[Hit, NDArray[np.int64]]] = []
        for answer, signature in zip(answers, asked, strict=True):
            if isinstance(answer, LookalikeError):
                raise answer
            hits += [(hit, signature) for hit in answer.hits]
        stored = self.es.signatures([hit.key for hit, _ in hits], FAMILY.name)
        found = [self._found(hit, signature, stored[hit.key]) for hit, signature in hits if hit.key in stored]
        return [one for one in found if one["dist"] < self.distance_cutoff]

    def _found(self, hit: Hit, asked: NDArray[np.int64], stored: str) -> Found:
        meta = dict(hit.image.meta)
        path = path_of(hit.key)
        if self.path_field is not None and path == hit.key:
            path = meta.pop(self.path_field, path)
        row = np.array([FAMILY.parse(stored)], FAMILY.dtype)
        # of whole signatures, as image-match computes it: the family's own may differ in the last digit
        (distance,) = normalized_distance(unpack(row), asked)
        return {"id": hit.key, "score": hit.score, "metadata": from_meta(meta), "path": path, "dist": distance}

    def delete_duplicates(self, path: str) -> None:
        """Delete all records with this path but the oldest. Reads the keys of the whole index."""
        found = {image for image in self.es.list(prefix=path) if path_of(image.key) == path}
        if self.path_field is not None:
            found |= {image for image in self.es.list(where={self.path_field: path}) if path_of(image.key) == image.key}
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
    if FAMILY.name not in {kind.name for kind in index.families}:
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
