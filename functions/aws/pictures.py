"""The bucket of the pictures: what an object is now, and addresses that lead straight to it.

Through boto3, where the index goes through obstore: of the keys that S3 allows, such as `a//b.jpg`, obstore cannot ask
for all.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shards.errors import PictureError, StorageError

META = "lookalike-meta"
"""User metadata of an object: what the index keeps with the picture, a JSON object in base64url."""

META_BYTES = 2048
"""Of all user metadata together, names included: what S3 takes."""

CONFIG = Config(
    signature_version="s3v4",
    # presigned addresses are for clients that compute no checksums of their own
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    max_pool_connections=32,
)
"""Of the S3 client."""

GONE = frozenset({"NoSuchKey", "404", "NotFound"})
DENIED = frozenset({"AccessDenied", "403", "Forbidden"})
"""Codes of S3's errors; those of a HEAD, which has no body, are made of the status."""


class S3(Protocol):
    """What is used of boto3's S3 client."""

    def get_object(self, **asked: Any) -> Mapping[str, Any]: ...

    def head_object(self, **asked: Any) -> Mapping[str, Any]: ...

    def generate_presigned_url(self, name: str, /, **asked: Any) -> str: ...


@dataclass(frozen=True, slots=True)
class Picture:
    """An object as it is now. `data`: None where there are more bytes than are wanted. `meta`: to keep with it."""

    size: int
    modified_ns: int
    data: bytes | None = field(repr=False)
    meta: Mapping[str, Any]


class Pictures(Protocol):
    """Where ingest reads pictures."""

    def read(self, key: str, max_bytes: int) -> Picture | None:
        """The object of this key as it is now; None where there is none. Raises StorageError, PictureError."""
        ...

    def source(self, key: str, picture: Picture) -> dict[str, Any]:
        """What its record says of where it came from."""
        ...


class BucketPictures:
    """The objects of one bucket."""

    def __init__(self, s3: S3, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def url(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def read(self, key: str, max_bytes: int) -> Picture | None:
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=key)
            with found["Body"] as body:
                size = int(found["ContentLength"])
                data = body.read() if size <= max_bytes else None
        except (BotoCoreError, ClientError) as error:
            self._raise_unless_gone(key, error)
            return None
        return Picture(size, _modified_ns(found), data, self._meta(key, found["Metadata"]))

    def source(self, key: str, picture: Picture) -> dict[str, Any]:
        """As listings have it too, so that `lookalike sync` and a backfill see that nothing has changed."""
        return {"path": self.url(key), "size": picture.size, "mtime_ns": picture.modified_ns}

    def is_unchanged(self, key: str, source: Mapping[str, Any]) -> bool:
        """Whether the object is there, and what it was when its record was made. Raises StorageError."""
        try:
            found = self._s3.head_object(Bucket=self._bucket, Key=key)
        except (BotoCoreError, ClientError) as error:
            self._raise_unless_gone(key, error)
            return False
        return (found["ContentLength"], _modified_ns(found)) == (source.get("size"), source.get("mtime_ns"))

    @property
    def origin(self) -> str:
        """Where its addresses lead, as `https://host`. Sends no request."""
        parts = urlsplit(self.address_to_get("any", 1))
        return f"{parts.scheme}://{parts.netloc}"

    def address_to_get(self, key: str, seconds: int) -> str:
        """Where whoever has this address may read the object."""
        asked = {
            "Bucket": self._bucket,
            "Key": key,
            # nothing that was uploaded is to run as a page of the bucket; a picture in a page is shown all the same
            "ResponseContentDisposition": "attachment",
        }
        return self._s3.generate_presigned_url("get_object", Params=asked, ExpiresIn=seconds)

    def address_to_put(self, key: str, seconds: int, size: int, headers: Mapping[str, str]) -> str:
        """Where whoever has this address may put an object of exactly so many bytes, with these headers of metadata."""
        asked = {"Bucket": self._bucket, "Key": key, "ContentLength": size, "Metadata": dict(headers)}
        return self._s3.generate_presigned_url("put_object", Params=asked, ExpiresIn=seconds)

    def _raise_unless_gone(self, key: str, error: BotoCoreError | ClientError) -> None:
        code = error.response["Error"].get("Code") if isinstance(error, ClientError) else None
        if code not in GONE:
            # without the right to list the bucket, S3 answers so for objects that are gone, too
            hint = "; the function's role needs s3:GetObject and s3:ListBucket there" if code in DENIED else ""
            raise StorageError(f"{self.url(key)} cannot be read ({error}){hint}") from error

    def _meta(self, key: str, metadata: Mapping[str, str]) -> dict[str, Any]:
        text = metadata.get(META)
        if text is None:
            return {}
        try:
            meta = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        except ValueError as error:
            raise PictureError("metadata", f"{self.url(key)}: x-amz-meta-{META} is not JSON in base64url") from error
        if not isinstance(meta, dict):
            raise PictureError("metadata", f"{self.url(key)}: x-amz-meta-{META} is no JSON object")
        return meta


def meta_header(meta: Mapping[str, Any]) -> dict[str, str]:
    """The user metadata that makes ingest keep this with the picture."""
    if not meta:
        return {}
    text = json.dumps(meta, ensure_ascii=False, separators=(",", ":")).encode()
    return {META: base64.urlsafe_b64encode(text).decode().rstrip("=")}


def _modified_ns(found: Mapping[str, Any]) -> int:
    # to the microsecond: what a float of seconds since 1970 can hold
    modified: datetime = found["LastModified"]
    return round(modified.timestamp() * 1e6) * 1000
