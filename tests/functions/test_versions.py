"""An index in a bucket that keeps versions: what was deleted is a version, with a mark on it, and is not seen."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest

from functions.aws.bucket import CONFIG
from lookalike import Index
from shards.storage import open_store
from shards.storage.base import Entry
from shards.storage.delegating import DelegatingStore
from shards.table.format import names
from tests.lookalike.cli.drawing import png
from tests.servers import S3Server

MONTH = 30 * 86_400


class Old(DelegatingStore):
    """A store whose objects are a month old, but for those by which it is asked for the time."""

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        for entry in super().list(prefix, after=after, limit=limit):
            yield entry if "/probe/" in f"/{entry.name}" else replace(entry, modified=entry.modified - MONTH)


@pytest.fixture
def s3(s3_environment: S3Server) -> Any:
    env = s3_environment.environment
    # a session of its own: the default one keeps the credentials that it found first
    session = boto3.Session(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], region_name=env["AWS_REGION"])
    return session.client("s3", config=CONFIG)


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"versions-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def marks(s3: Any, bucket: str) -> set[str]:
    """The keys whose newest version is a mark that they were deleted."""
    found = s3.list_object_versions(Bucket=bucket).get("DeleteMarkers", [])
    return {one["Key"] for one in found if one["IsLatest"]}


@pytest.mark.long
def test_what_was_collected_is_not_seen_again(s3: Any, bucket: str) -> None:
    url = f"s3://{bucket}/index"
    Index.create(url, families=["dhash"], shards=1)
    index = Index.open(url)
    # more commits than are kept for readers
    for number in range(12):
        index.add(f"{number:02}.png", png(number))
        index.compact()
    index.remove(["00.png"])
    index.compact()
    inside = index.settings.data(open_store(url))
    before = {entry.name for entry in inside.list()}
    Index.open(Old(open_store(url))).collect()
    after = {entry.name for entry in inside.list()}
    gone = before - after
    assert any(name.startswith(names.MANIFEST) for name in gone)
    assert {key.split("/", 2)[2] for key in marks(s3, bucket)} >= gone
    # versions are kept, and yet no listing and no reader sees them
    kept = {one["Key"] for one in s3.list_object_versions(Bucket=bucket)["Versions"]}
    assert {key.split("/", 2)[2] for key in kept if key.count("/") > 1} >= gone
    found = Index.open(url)
    assert sorted(image.key for image in found.list()) == [f"{number:02}.png" for number in range(1, 12)]
    assert found.verify().problems == ()
    # collected once, there is nothing left to collect
    assert not Index.open(Old(open_store(url))).collect().objects


def test_a_name_that_was_deleted_may_be_created_again(s3: Any, bucket: str) -> None:
    store = open_store(f"s3://{bucket}/index")
    assert store.create("a", b"one")
    assert not store.create("a", b"two")
    store.delete(["a"])
    assert [entry.name for entry in store.list()] == []
    assert store.create("a", b"three")
    assert bytes(store.get("a")) == b"three"
