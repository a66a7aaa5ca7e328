"""Addresses that lead past the API into the image bucket, for what is too large for a function."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from functions.aws.bucket import META_BYTES, BucketOriginals, meta_header
from functions.aws.image_folder import ImageFolder
from lookalike.ingest.original import is_picture_name
from lookalike.web.http.problems import Problem, validation
from lookalike.web.uploads import Address, Upload
from shards.table.read.snapshot import Image


@dataclass(frozen=True, slots=True)
class BucketUploads:
    """Addresses for uploads into the bucket itself, where ingest finds them within seconds.

    An address is good for one size: without that, whoever has it could fill the bucket.
    """

    bucket: BucketOriginals

    folder: ImageFolder
    """Where ingest looks."""

    max_bytes: int
    """Limit on the size of an upload."""

    seconds: int
    """How long an address is good."""

    now: Callable[[], float] = time.time

    def address(self, upload: Upload, here: Callable[[str], str]) -> Address:
        """Return the address for this upload. Raises Problem if ingest would not take it."""
        del here
        if upload.size is None:
            raise validation("bytes: say how large the picture is; the address is good for that size", upload.key)
        if not is_picture_name(upload.key):
            raise validation(
                "key: it has to end as a picture's name does, such as .jpg, or it is not looked at", upload.key
            )
        if not self.folder.has(upload.key):
            raise validation(f"key: it has to begin with {self.folder.prefix}, or it is not looked at", upload.key)
        headers = meta_header(upload.meta)
        size = sum(len(name) + len(value) for name, value in headers.items())
        if size > META_BYTES:
            raise validation(f"meta: {size:,} bytes in base64, the bucket keeps {META_BYTES:,} of an object")
        return Address(
            self.bucket.address_to_put(upload.key, self.seconds, upload.size, headers),
            headers={f"x-amz-meta-{name}": value for name, value in headers.items()},
        )

    def opened(self, token: str) -> Upload:
        """Raise Problem: no address leads back here."""
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
    """Addresses of originals that are too large for a function's answer, in the bucket itself."""

    bucket: BucketOriginals

    max_answer: int
    """Bytes of the largest original that the function sends itself."""

    seconds: int
    """How long an address is good."""

    def address(self, image: Image) -> str | None:
        """Return the address of an original; `None` if it is small, gone, changed, or in no bucket of ours.

        Raises StorageError.
        """
        size = image.source.get("size")
        if image.source.get("path") != self.bucket.url(image.key):
            return None
        if not isinstance(size, int) or size <= self.max_answer:
            return None
        if not self.bucket.is_unchanged(image.key, image.source):
            return None
        return self.bucket.address_to_get(image.key, self.seconds)
