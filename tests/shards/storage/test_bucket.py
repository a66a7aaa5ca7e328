"""A bucket of somebody's images, with the names that people give them."""

from __future__ import annotations

import obstore
import pytest
from obstore.store import S3Store

from shards.errors import ObjectNotFound, StorageError
from shards.storage import open_bucket
from tests.servers import BUCKET, S3Server

NAMES = ["a b.jpg", "ü+.jpg", "100%.jpg", "p%20q.jpg", "🐈.png", "a[1].jpg", "#h?.jpg", ".hidden/x.jpg", "plain/1.jpg"]


@pytest.fixture
def folder(s3_environment: S3Server, request: pytest.FixtureRequest) -> str:
    """Objects of these names, in a folder of their own."""
    folder = f"others-{request.node.name[:40].strip('[]')}"
    client = S3Store(BUCKET, prefix=folder, client_options={"allow_http": True})
    for name in NAMES:
        obstore.put(client, name, name.encode())
    return folder


def test_every_name_is_listed_and_can_be_read(folder: str) -> None:
    bucket = open_bucket(f"s3://{BUCKET}")
    listed = {entry.name: entry.size for entry in bucket.list(folder)}
    assert listed == {f"{folder}/{name}": len(name.encode()) for name in NAMES}
    for name in NAMES:
        assert bucket.get(f"{folder}/{name}") == name.encode()
        entry = bucket.look(f"{folder}/{name}")
        assert entry is not None
        assert (entry.name, entry.size) == (f"{folder}/{name}", len(name.encode()))


def test_a_folder_is_not_a_prefix(folder: str) -> None:
    assert list(open_bucket(f"s3://{BUCKET}").list(folder[:-1])) == []


def test_what_is_not_there_says_so(folder: str) -> None:
    bucket = open_bucket(f"s3://{BUCKET}")
    assert bucket.look(f"{folder}/none.jpg") is None
    with pytest.raises(ObjectNotFound, match=r"none\.jpg"):
        bucket.get(f"{folder}/none.jpg")


def test_a_name_the_client_refuses_is_an_error_that_names_it(folder: str) -> None:
    with pytest.raises(StorageError, match=r"\.\."):
        open_bucket(f"s3://{BUCKET}").get(f"{folder}/../x.jpg")


def test_a_bucket_that_is_not_there_says_so(s3_environment: S3Server) -> None:
    with pytest.raises(StorageError, match="no-such-bucket"):
        list(open_bucket("s3://no-such-bucket").list())
