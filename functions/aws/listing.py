"""Originals in listings: of ListObjectsV2, as Step Functions or the SDK hand them over, or of an inventory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import unquote_plus

from botocore.exceptions import BotoCoreError, ClientError

from functions.aws.image_folder import ImageFolder
from lookalike.ingest.original import Original
from shards.errors import QueryError, StorageError

ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Classes of storage whose objects have to be restored before they can be read. Those of GLACIER_IR can be read."""

ARCHIVED_TIERS = frozenset({"ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS"})
"""Tiers of Intelligent-Tiering of which the same is true. Only an inventory names them."""


class Paginator(Protocol):
    """The part of boto3's paginators that is used."""

    def paginate(self, **asked: str) -> Iterable[Mapping[str, Any]]: ...


class Lists(Protocol):
    """The part of boto3's S3 client that is used."""

    def get_paginator(self, operation_name: str) -> Paginator: ...


def originals(items: Sequence[Mapping[str, Any]], folder: ImageFolder) -> list[Original]:
    """Return the objects of a listing of the bucket that are indexed, each key once.

    Raises QueryError for an inventory of another bucket, and for one that does not say what is needed.
    """
    bucket = folder.bucket
    listed = (_of_inventory(item, bucket) if "Bucket" in item else _of_object(item, bucket) for item in items)
    found = {original.key: original for original in listed if original is not None}
    return [original for key, original in found.items() if folder.has(key)]


def pages(s3: Lists, folder: ImageFolder, prefix: str, after: str | None) -> Iterator[list[Original]]:
    """Yield the objects that are indexed, whose key begins so and comes after `after`, by key, in thousands.

    Raises StorageError.
    """
    prefix = prefix or folder.prefix
    asked = {"Bucket": folder.bucket, "Prefix": prefix} | ({"StartAfter": after} if after else {})
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(**asked):
            yield originals(page.get("Contents", []), folder)
    except (BotoCoreError, ClientError) as error:
        raise StorageError(f"s3://{folder.bucket}/{prefix} cannot be listed ({error})") from error


def _of_object(item: Mapping[str, Any], bucket: str) -> Original:
    """Read an item of ListObjectsV2. Step Functions gives LastModified in seconds since 1970, the SDK as a datetime."""
    modified = item["LastModified"]
    seconds = modified.timestamp() if isinstance(modified, datetime) else float(modified)
    return _original(item["Key"], bucket, int(item["Size"]), seconds, item.get("StorageClass") in ARCHIVED)


def _of_inventory(item: Mapping[str, str], bucket: str) -> Original | None:
    """Read a row of a CSV inventory: all texts, the key URL-encoded. `None` for a version that is not the newest."""
    if item["Bucket"] != bucket:
        raise QueryError(
            f"this is an inventory of bucket {item['Bucket']}, and what is indexed here is {bucket}: deploy a stage for"
            " that bucket, or give an inventory of this one"
        )
    for field in ("Size", "LastModifiedDate"):
        if not item.get(field) and item.get("IsDeleteMarker") != "true":
            raise QueryError(
                f"the inventory does not say {field} of {item['Key']}: add that field to its configuration"
            )
    if item.get("IsLatest") == "false" or item.get("IsDeleteMarker") == "true":
        return None
    modified = datetime.fromisoformat(item["LastModifiedDate"])
    is_archived = item.get("StorageClass") in ARCHIVED or item.get("IntelligentTieringAccessTier") in ARCHIVED_TIERS
    return _original(unquote_plus(item["Key"]), bucket, int(item["Size"]), modified.timestamp(), is_archived)


def _original(key: str, bucket: str, size: int, seconds: float, is_archived: bool) -> Original:
    # some stores list fractions of a second, and none says them when the object is read
    return Original(key, f"s3://{bucket}/{key}", size, int(seconds) * 10**9, is_archived)
