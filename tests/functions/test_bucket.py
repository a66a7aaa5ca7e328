"""The image bucket, on a real S3 server: objects as they are now, and addresses that lead to them."""

from __future__ import annotations

from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from functions.aws.addresses import BucketContents, BucketUploads
from functions.aws.bucket import CONFIG, META, BucketOriginals, client_config, meta_header
from functions.aws.image_folder import ImageFolder
from lookalike.ingest.original import OriginalArchived
from lookalike.web.http.problems import Problem
from lookalike.web.uploads import Upload
from shards.errors import PictureError, StorageError
from shards.table.read.snapshot import Image
from tests.lookalike.cli.drawing import png
from tests.servers import BUCKET, S3Server

PICTURE = png(1)


@pytest.fixture
def s3(s3_environment: S3Server) -> Any:
    env = s3_environment.environment
    # a session of its own: the default one keeps the credentials that it found first
    session = boto3.Session(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], region_name=env["AWS_REGION"])
    client = session.client("s3", config=CONFIG)
    # the server makes its bucket with the first object
    client.put_object(Bucket=BUCKET, Key="first", Body=b"")
    return client


@pytest.fixture
def pictures(s3: Any) -> BucketOriginals:
    return BucketOriginals(s3, BUCKET)


@pytest.mark.parametrize("key", ["a.png", "zoo/a b+c%20.png", "ü/😺.png", "x//y.png"])
def test_an_object_is_read_as_it_is_now(s3: Any, pictures: BucketOriginals, key: str) -> None:
    assert pictures.read(key, 10_000) is None
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"before")
    s3.put_object(Bucket=BUCKET, Key=key, Body=PICTURE, Metadata=meta_header({"album": "Zoo für alle"}))
    found = pictures.read(key, 10_000)
    assert found is not None
    assert (found.data, found.original.size, found.meta) == (PICTURE, len(PICTURE), {"album": "Zoo für alle"})
    source = found.original.source
    assert source["path"] == f"s3://{BUCKET}/{key}"
    assert pictures.is_unchanged(key, source)
    assert not pictures.is_unchanged(key, source | {"size": 1})
    s3.delete_object(Bucket=BUCKET, Key=key)
    assert pictures.read(key, 10_000) is None
    assert not pictures.is_unchanged(key, source)


def test_a_source_is_what_a_sync_of_the_bucket_has(s3: Any, pictures: BucketOriginals) -> None:
    from lookalike.ingest.files import Rules
    from lookalike.ingest.objects import in_bucket

    s3.put_object(Bucket=BUCKET, Key="synced/a.png", Body=PICTURE)
    found = pictures.read("synced/a.png", 10_000)
    assert found is not None
    (seen,) = in_bucket(f"s3://{BUCKET}/synced/", Rules())
    assert found.original.source == seen.source  # type: ignore[union-attr]


def test_no_more_is_read_than_is_wanted(s3: Any, pictures: BucketOriginals) -> None:
    s3.put_object(Bucket=BUCKET, Key="large.png", Body=bytes(10_001))
    found = pictures.read("large.png", 10_000)
    assert found is not None
    assert (found.original.size, found.data) == (10_001, None)


@pytest.mark.parametrize("text", ["{", "bnVsbA", "é".encode().hex(), "*"])
def test_metadata_that_is_no_json_object_is_named(s3: Any, pictures: BucketOriginals, text: str) -> None:
    s3.put_object(Bucket=BUCKET, Key="meta.png", Body=PICTURE, Metadata={META: text})
    with pytest.raises(PictureError, match=r"meta.png: x-amz-meta-lookalike-meta is no"):
        pictures.read("meta.png", 10_000)


def presigning(region: str, endpoint: str | None = None) -> BucketOriginals:
    session = boto3.Session("key", "secret", region_name=region)
    config = client_config({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})
    return BucketOriginals(session.client("s3", config=config, endpoint_url=endpoint), "my-pictures")


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "my-pictures.s3.us-east-1.amazonaws.com"),
        ("eu-central-1", "my-pictures.s3.eu-central-1.amazonaws.com"),
        # one that an account has to opt in to: the host that all regions share answers 400 for its buckets
        ("ap-southeast-3", "my-pictures.s3.ap-southeast-3.amazonaws.com"),
        ("us-gov-west-1", "my-pictures.s3.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "my-pictures.s3.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_addresses_name_the_host_of_the_region(region: str, host: str) -> None:
    bucket = presigning(region)
    addresses = [bucket.address_to_get("a.png", 60), bucket.address_to_put("a.png", 60, 10, {})]
    for address in map(httpx.URL, addresses):
        assert (address.host, address.path) == (host, "/a.png")
        assert f"/{region}/s3/aws4_request" in address.params["X-Amz-Credential"]
    assert bucket.origin == f"https://{host}"


@pytest.mark.parametrize("endpoint", ["http://localhost:4566", "http://127.0.0.1:4566"])
def test_addresses_of_a_stand_in_need_no_name_below_its_own(endpoint: str) -> None:
    assert presigning("eu-central-1", endpoint).origin == endpoint


class Refusing:
    """A client whose server answers with this code."""

    def __init__(self, code: str) -> None:
        self._error = ClientError({"Error": {"Code": code, "Message": "no"}}, "GetObject")

    def get_object(self, **_: Any) -> Any:
        raise self._error

    head_object = generate_presigned_url = get_object


def test_a_refusal_says_which_right_is_missing() -> None:
    with pytest.raises(StorageError, match=r"s3://b/a.png cannot be read .*needs s3:GetObject and s3:ListBucket"):
        BucketOriginals(Refusing("AccessDenied"), "b").read("a.png", 1)  # type: ignore[arg-type]
    with pytest.raises(StorageError, match=r"s3://b/a.png cannot be read \(.*SlowDown"):
        BucketOriginals(Refusing("SlowDown"), "b").read("a.png", 1)  # type: ignore[arg-type]


def test_an_object_in_an_archive_is_told_from_one_that_cannot_be_read() -> None:
    with pytest.raises(OriginalArchived, match=r"s3://b/a\.png lies in an archive"):
        BucketOriginals(Refusing("InvalidObjectState"), "b").read("a.png", 1)  # type: ignore[arg-type]


def upload(size: int | None = len(PICTURE), key: str = "up/löad +.png", **meta: Any) -> Upload:
    return Upload(key, meta, 1000, 1_800_000_900, size)


def nowhere(token: str) -> str:
    raise AssertionError(f"{token} does not lead back here")


def test_a_picture_that_is_put_to_its_address_is_in_the_bucket_with_its_metadata(
    s3: Any, pictures: BucketOriginals
) -> None:
    del s3
    address = BucketUploads(pictures, ImageFolder(BUCKET), 32 << 20, 900).address(upload(album="zoo"), nowhere)
    answer = httpx.request(address.method, address.url, content=PICTURE, headers=dict(address.headers))
    assert answer.status_code == 200, answer.text
    found = pictures.read("up/löad +.png", 10_000)
    assert found is not None
    assert (found.data, found.meta) == (PICTURE, {"album": "zoo"})


def test_an_address_is_good_for_what_it_was_made_for_only(s3: Any, pictures: BucketOriginals) -> None:
    del s3
    address = BucketUploads(pictures, ImageFolder(BUCKET), 32 << 20, 900).address(
        upload(key="only.png", album="zoo"), nowhere
    )
    headers = dict(address.headers)
    # what is signed: the length, the metadata, the key, the method
    assert "content-length" in httpx.URL(address.url).params["X-Amz-SignedHeaders"]
    tries = [
        ("PUT", address.url, PICTURE + b"more", headers),
        ("PUT", address.url, PICTURE, {}),
        ("PUT", address.url.replace("only.png", "other.png"), PICTURE, headers),
        ("GET", address.url, b"", headers),
    ]
    for method, url, content, more in tries:
        assert httpx.request(method, url, content=content, headers=more).status_code == 403, (method, url)
    assert pictures.read("only.png", 10_000) is None
    assert pictures.read("other.png", 10_000) is None


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (upload(size=None), "bytes: say how large"),
        (upload(key="notes.txt"), "key: it has to end as a picture's name does"),
        (upload(text="x" * 2000), "meta: .* the bucket keeps 2,048"),
    ],
)
def test_what_would_not_be_found_is_refused(asked: Upload, said: str) -> None:
    with pytest.raises(Problem, match=said) as caught:
        BucketUploads(BucketOriginals(Refusing("never"), "b"), ImageFolder("b"), 1, 900).address(asked, nowhere)  # type: ignore[arg-type]
    assert caught.value.status == 422


def test_an_address_leads_to_where_ingest_looks() -> None:
    uploads = BucketUploads(presigning("eu-central-1"), ImageFolder("b", "photos/"), 1 << 20, 900)
    with pytest.raises(Problem, match="key: it has to begin with photos/"):
        uploads.address(upload(key="index/cat.png"), nowhere)
    assert "/photos/cat.png?" in uploads.address(upload(key="photos/cat.png"), nowhere).url


def image(pictures: BucketOriginals, key: str) -> Image:
    found = pictures.read(key, 10_000)
    assert found is not None
    return Image(key, 24, 24, "", 0, {}, found.original.source)


def test_a_large_picture_is_fetched_from_the_bucket(s3: Any, pictures: BucketOriginals) -> None:
    s3.put_object(Bucket=BUCKET, Key="big ü.png", Body=PICTURE, ContentType="text/html")
    address = BucketContents(pictures, len(PICTURE) - 1, 60).address(image(pictures, "big ü.png"))
    assert address is not None
    answer = httpx.get(address)
    assert answer.content == PICTURE
    assert answer.headers["content-disposition"] == "attachment"


def test_a_small_one_or_one_that_has_changed_is_not(s3: Any, pictures: BucketOriginals) -> None:
    s3.put_object(Bucket=BUCKET, Key="b.png", Body=PICTURE)
    known = image(pictures, "b.png")
    assert BucketContents(pictures, len(PICTURE), 60).address(known) is None
    contents = BucketContents(pictures, 10, 60)
    assert contents.address(known) is not None
    assert contents.address(Image("b.png", 1, 1, "", 0, {}, {"path": "/home/b.png", "size": 9999})) is None
    assert contents.address(Image("b.png", 1, 1, "", 0, {}, {})) is None
    s3.put_object(Bucket=BUCKET, Key="b.png", Body=PICTURE + b"more")
    assert contents.address(known) is None
