"""Listings: the same objects, whichever way they are listed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from functions.aws.image_folder import ImageFolder
from functions.aws.listing import originals, pages
from lookalike.ingest.original import Original
from shards.errors import QueryError

EVENTS = Path(__file__).parents[1] / "events"

SECOND = 10**9
START = 1763712000 * SECOND

ZOO = [
    Original("zoo/", "s3://images/zoo/", 0, START),
    Original("zoo/red + blue panda.PNG", "s3://images/zoo/red + blue panda.PNG", 34910, START + SECOND),
    Original("zoo/Bär 100%.png", "s3://images/zoo/Bär 100%.png", 52011, START + 2 * SECOND),
    Original("zoo/opening hours.txt", "s3://images/zoo/opening hours.txt", 120, START + 3 * SECOND),
]


def items(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((EVENTS / name).read_text())["Items"]
    return loaded


def test_step_functions_list_a_bucket() -> None:
    assert originals(items("backfill_batch.json"), ImageFolder("images")) == ZOO


def test_an_inventory_has_encoded_keys_and_what_is_no_object_any_more() -> None:
    assert originals(items("backfill_inventory.json"), ImageFolder("images")) == ZOO


def test_the_sdk_lists_a_bucket() -> None:
    contents = [
        {"Key": one.key, "Size": one.size, "LastModified": datetime.fromtimestamp(one.mtime_ns / SECOND, UTC)}
        for one in ZOO
    ]
    assert originals(contents, ImageFolder("images")) == ZOO


@pytest.mark.parametrize(
    ("item", "is_archived"),
    [
        ({"StorageClass": "STANDARD"}, False),
        ({"StorageClass": "INTELLIGENT_TIERING"}, False),
        ({"StorageClass": "GLACIER_IR"}, False),
        ({"StorageClass": "GLACIER"}, True),
        ({"StorageClass": "DEEP_ARCHIVE"}, True),
        ({}, False),
    ],
)
def test_a_listing_says_what_lies_in_an_archive(item: dict[str, str], is_archived: bool) -> None:
    (one,) = originals([{"Key": "a.png", "Size": 1, "LastModified": 1, **item}], ImageFolder("images"))
    assert one.is_archived == is_archived


@pytest.mark.parametrize(
    ("tier", "is_archived"),
    [("FREQUENT", False), ("ARCHIVE_INSTANT_ACCESS", False), ("ARCHIVE_ACCESS", True), ("DEEP_ARCHIVE_ACCESS", True)],
)
def test_an_inventory_says_the_tier_too(tier: str, is_archived: bool) -> None:
    row = next(item for item in items("backfill_inventory.json") if item["Key"].endswith("PNG"))
    row |= {"StorageClass": "INTELLIGENT_TIERING", "IntelligentTieringAccessTier": tier}
    (one,) = originals([row], ImageFolder("images"))
    assert one.is_archived == is_archived


def test_times_are_those_that_reading_the_object_tells_too() -> None:
    listed_at = datetime(2025, 11, 21, 8, 0, 1, 999_000, UTC)
    (one,) = originals([{"Key": "a.png", "Size": 1, "LastModified": listed_at}], ImageFolder("images"))
    assert one.mtime_ns == START + SECOND


def test_a_key_that_is_listed_twice_is_one_object() -> None:
    twice = [{"Key": "a.png", "Size": 1, "LastModified": 1}, {"Key": "a.png", "Size": 2, "LastModified": 2}]
    assert [(one.key, one.size) for one in originals(twice, ImageFolder("images"))] == [("a.png", 2)]


def test_the_inventory_of_another_bucket_is_refused() -> None:
    with pytest.raises(QueryError, match="inventory of bucket images, and what is indexed here is photos"):
        originals(items("backfill_inventory.json"), ImageFolder("photos"))


@pytest.mark.parametrize("field", ["Size", "LastModifiedDate"])
def test_an_inventory_that_says_too_little_is_refused(field: str) -> None:
    rows = items("backfill_inventory.json")
    for row in rows:
        del row[field]
    with pytest.raises(QueryError, match=f"does not say {field} of zoo/: add that field"):
        originals(rows, ImageFolder("images"))


def test_what_is_not_indexed_is_left_out() -> None:
    listed = [{"Key": key, "Size": 1, "LastModified": 1} for key in ("photos/a.png", "index/0123/thumbnails/a.webp")]
    assert [one.key for one in originals(listed, ImageFolder("images", "photos/"))] == ["photos/a.png"]


@pytest.mark.parametrize(("asked", "listed"), [("", "photos/"), ("photos/zoo/", "photos/zoo/")])
def test_a_folder_is_listed_where_only_that_is_indexed(asked: str, listed: str) -> None:
    class Listing:
        def get_paginator(self, operation_name: str) -> Listing:
            assert operation_name == "list_objects_v2"
            return self

        def paginate(self, **given: str) -> list[dict[str, Any]]:
            assert given == {"Bucket": "images", "Prefix": listed}
            return []

    assert list(pages(Listing(), ImageFolder("images", "photos/"), asked, None)) == []
