"""The bucket of the originals: reading an object as it is now, and addresses that lead straight to it.

It is asked through boto3, while the index goes through obstore, which cannot ask for every key that S3 allows, such as
`a//b.jpg`.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lookalike.ingest.original import Content, Original, OriginalArchived
from shards.errors import PictureError, StorageError

META = "lookalike-meta"
"""User metadata of an object, for its record to keep: a JSON object in base64url."""

META_BYTES = 2048
"""Limit of S3 on all user metadata of an object together, names included."""

ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
"""Variables by which a client of S3 finds a stand-in for AWS."""


def client_config(environ: Mapping[str, str] = os.environ) -> Config:
    """Return the settings of the S3 client.

    Addresses name the host of the region. That is what `virtual` is for: otherwise botocore writes the host that all
    regions share into presigned addresses, which redirects for a day after a bucket was made, and refuses buckets of
    newer regions for ever. us-east-1 has a host of its own, too. A stand-in for AWS often has no names below its own.
    """
    has_stand_in = any(environ.get(variable) for variable in ENDPOINTS)
    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "auto" if has_stand_in else "virtual", "us_east_1_regional_endpoint": "regional"},
        # presigned addresses are for clients that compute no checksums of their own
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        max_pool_connections=32,
    )


CONFIG = client_config()
"""Settings of the S3 client, as this process was started."""

GONE = frozenset({"NoSuchKey", "404", "NotFound"})
ARCHIVED = "InvalidObjectState"
DENIED = frozenset({"AccessDenied", "403", "Forbidden"})
"""Codes of S3's errors; a HEAD's, which has no body, are made of the status."""


class S3(Protocol):
    """The part of boto3's S3 client that is used."""

    def get_object(self, **asked: Any) -> Mapping[str, Any]: ...

    def head_object(self, **asked: Any) -> Mapping[str, Any]: ...

    def generate_presigned_url(self, name: str, /, **asked: Any) -> str: ...


class BucketOriginals:
    """The objects of one bucket."""

    def __init__(self, s3: S3, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def url(self, key: str) -> str:
        """Return the URL of an object, as records name it."""
        return f"s3://{self._bucket}/{key}"

    def read(self, key: str, max_bytes: int) -> Content | None:
        """Do as `Originals.read`. Times are those of listings too, so that a backfill sees that nothing has changed."""
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=key)
            with answer["Body"] as body:
                size = int(answer["ContentLength"])
                data = body.read() if size <= max_bytes else None
        except (BotoCoreError, ClientError) as error:
            self._raise_unless_gone(key, error)
            return None
        original = Original(key, self.url(key), size, _modified_ns(answer))
        return Content(original, data, self._meta(key, answer["Metadata"]))

    def is_unchanged(self, key: str, source: Mapping[str, Any]) -> bool:
        """Return whether the object is there, and still what it was when its record was made. Raises StorageError."""
        try:
            answer = self._s3.head_object(Bucket=self._bucket, Key=key)
        except (BotoCoreError, ClientError) as error:
            self._raise_unless_gone(key, error)
            return False
        return (answer["ContentLength"], _modified_ns(answer)) == (source.get("size"), source.get("mtime_ns"))

    @property
    def origin(self) -> str:
        """The origin of its addresses, as `https://host`. Sends no request."""
        parts = urlsplit(self.address_to_get("any", 1))
        return f"{parts.scheme}://{parts.netloc}"

    def address_to_get(self, key: str, seconds: int) -> str:
        """Return an address from which whoever has it may read the object."""
        asked = {
            "Bucket": self._bucket,
            "Key": key,
            # nothing that was uploaded is to run as a page of the bucket; a picture in a page is shown all the same
            "ResponseContentDisposition": "attachment",
        }
        return self._s3.generate_presigned_url("get_object", Params=asked, ExpiresIn=seconds)

    def address_to_put(self, key: str, seconds: int, size: int, headers: Mapping[str, str]) -> str:
        """Return an address to which whoever has it may put an object of exactly so many bytes, with this metadata."""
        asked = {"Bucket": self._bucket, "Key": key, "ContentLength": size, "Metadata": dict(headers)}
        return self._s3.generate_presigned_url("put_object", Params=asked, ExpiresIn=seconds)

    def _raise_unless_gone(self, key: str, error: BotoCoreError | ClientError) -> None:
        code = error.response["Error"].get("Code") if isinstance(error, ClientError) else None
        if code == ARCHIVED:
            raise OriginalArchived(f"{self.url(key)} lies in an archive") from error
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
    """Return the user metadata that makes ingest keep `meta` in the record."""
    if not meta:
        return {}
    text = json.dumps(meta, ensure_ascii=False, separators=(",", ":")).encode()
    return {META: base64.urlsafe_b64encode(text).decode().rstrip("=")}


def _modified_ns(answer: Mapping[str, Any]) -> int:
    # to the microsecond: what a float of seconds since 1970 can hold
    modified: datetime = answer["LastModified"]
    return round(modified.timestamp() * 1e6) * 1000
