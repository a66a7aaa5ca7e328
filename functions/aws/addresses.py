"""Addresses that lead past the API into the image bucket, for what is too large for a function."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from functions.aws.pictures import META_BYTES, BucketPictures, meta_header
from lookalike.ingest.backlog import is_picture
from lookalike.web.api.uploads import Address, Upload
from lookalike.web.http.problems import Problem, validation
from shards.table.read.snapshot import Image


@dataclass(frozen=True, slots=True)
class BucketUploads:
    """Pictures are put into the bucket itself, where ingest finds them, a few seconds later than it answers a PUT here.

    An address is good for one size: without that, whoever has it could fill the bucket.
    """

    bucket: BucketPictures
    max_bytes: int
    seconds: int
    now: Callable[[], float] = time.time

    def address(self, upload: Upload, here: Callable[[str], str]) -> Address:
        """Raises Problem where ingest would not take it."""
        del here
        if upload.size is None:
            raise validation("bytes: say how large the picture is; the address is good for that size", upload.key)
        if not is_picture(upload.key):
            raise validation(
                "key: it has to end as a picture's name does, such as .jpg, or it is not looked at", upload.key
            )
        headers = meta_header(upload.meta)
        size = sum(len(name) + len(value) for name, value in headers.items())
        if size > META_BYTES:
            raise validation(f"meta: {size:,} bytes in base64, the bucket keeps {META_BYTES:,} of an object")
        return Address(
            self.bucket.address_to_put(upload.key, self.seconds, upload.size, headers),
            headers={f"x-amz-meta-{name}": value for name, value in headers.items()},
        )

    def opened(self, token: str) -> Upload:
        raise Problem(
            403,
            "upload-unknown",
            "That is no address for uploads",
            "pictures are put into the bucket, not here",
            token,
            "Use the url of POST /v1/uploads as it is.",
        )


@dataclass(frozen=True, slots=True)
class BucketContents:
    """Pictures larger than `most` bytes are fetched from the bucket itself."""

    bucket: BucketPictures
    most: int
    seconds: int

    def address(self, image: Image) -> str | None:
        """Where the file is; None where it is small, gone, changed, or not from this bucket. Raises StorageError."""
        size = image.source.get("size")
        if image.source.get("path") != self.bucket.url(image.key) or not isinstance(size, int) or size <= self.most:
            return None
        if not self.bucket.is_unchanged(image.key, image.source):
            return None
        return self.bucket.address_to_get(image.key, self.seconds)
