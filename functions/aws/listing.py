"""Objects as listings have them: of ListObjectsV2, as Step Functions or the SDK hand them over, or of an inventory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import unquote_plus

from botocore.exceptions import BotoCoreError, ClientError

from shards.errors import QueryError, StorageError


class Paginator(Protocol):
    """What is used of boto3's paginators."""

    def paginate(self, **asked: str) -> Iterable[Mapping[str, Any]]: ...


class Lists(Protocol):
    """What is used of boto3's S3 client."""

    def get_paginator(self, operation_name: str) -> Paginator: ...


@dataclass(frozen=True, slots=True)
class Listed:
    """An object of the image bucket. `path`: its URL. `size`: bytes. `modified_ns`: LastModified, in ns since 1970."""

    key: str
    path: str
    size: int
    modified_ns: int

    @property
    def source(self) -> dict[str, Any]:
        """What a record says of where it came from; equal means that the object has not changed."""
        return {"path": self.path, "size": self.size, "mtime_ns": self.modified_ns}


def listed(items: Sequence[Mapping[str, Any]], bucket: str) -> list[Listed]:
    """The objects of a listing of this bucket, each key once.

    Raises QueryError for an inventory of another bucket, and for one that does not say what is needed.
    """
    found = (_of_inventory(item, bucket) if "Bucket" in item else _of_object(item, bucket) for item in items)
    return list({one.key: one for one in found if one is not None}.values())


def pages(s3: Lists, bucket: str, prefix: str, after: str | None) -> Iterator[list[Listed]]:
    """The objects whose key begins so, by key, from after this one on, a thousand at a time. Raises StorageError."""
    asked = {"Bucket": bucket, "Prefix": prefix} | ({"StartAfter": after} if after else {})
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(**asked):
            yield listed(page.get("Contents", []), bucket)
    except (BotoCoreError, ClientError) as error:
        raise StorageError(f"s3://{bucket}/{prefix} cannot be listed ({error})") from error


def _of_object(item: Mapping[str, Any], bucket: str) -> Listed:
    """Of ListObjectsV2. Step Functions gives LastModified in seconds since 1970, the SDK as a datetime."""
    modified = item["LastModified"]
    seconds = modified.timestamp() if isinstance(modified, datetime) else float(modified)
    return _listed(item["Key"], bucket, int(item["Size"]), seconds)


def _of_inventory(item: Mapping[str, str], bucket: str) -> Listed | None:
    """A row of a CSV inventory: all texts, the key URL-encoded. None for a version that is not the object's state."""
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
    return _listed(unquote_plus(item["Key"]), bucket, int(item["Size"]), modified.timestamp())


def _listed(key: str, bucket: str, size: int, seconds: float) -> Listed:
    # some stores list fractions of a second, and none says them when the object is read
    return Listed(key, f"s3://{bucket}/{key}", size, int(seconds) * 10**9)
