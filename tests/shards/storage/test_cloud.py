"""Objects in S3: against a real server, and against one that has a bad day."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from obstore.store import AzureStore, GCSStore, S3Store

from shards.errors import ObjectNotFound, StorageError, Undecided
from shards.storage import Store, open_store
from shards.storage.cloud import GAP, CloudStore
from shards.testing import StoreTests
from shards.testing.stores import NewStore, names
from tests.conftest import MakeStore
from tests.patience import PATIENCE
from tests.servers import BUCKET, S3Server
from tests.shards.storage.failing import Answer, Request, Script, ScriptedServer

if TYPE_CHECKING:
    from obstore.store import ClientConfig


class TestS3(StoreTests):
    mapped = False
    examples = 25
    # this server lets those who lose wait, a second at a time
    races = 1

    @pytest.fixture
    def new_store(self, make_store: MakeStore) -> NewStore:
        return lambda: make_store("cloud")


UNHURRIED: ClientConfig = {
    "allow_http": True,
    "timeout": timedelta(seconds=PATIENCE),
    "connect_timeout": timedelta(seconds=PATIENCE),
}
"""Options of a client that asks again because it was refused, and never because it had to wait."""


def s3(endpoint: str) -> CloudStore:
    """Return a store that soon gives up."""
    objects = S3Store(
        "bucket",
        endpoint=endpoint,
        access_key_id="key",
        secret_access_key="secret",
        region="us-east-1",
        client_options=UNHURRIED,
        retry_config={
            "max_retries": 2,
            "retry_timeout": timedelta(seconds=PATIENCE),
            "backoff": {"init_backoff": timedelta(milliseconds=1), "max_backoff": timedelta(milliseconds=2), "base": 2},
        },
    )
    return CloudStore("s3://bucket", objects, objects)


def azure(endpoint: str) -> CloudStore:
    objects = AzureStore(
        "container",
        account_name="account",
        account_key="a2V5",
        endpoint=endpoint,
        client_options=UNHURRIED,
        retry_config={"max_retries": 0},
    )
    return CloudStore("az://container", objects, objects)


def google(endpoint: str) -> CloudStore:
    account = {"gcs_base_url": endpoint, "disable_oauth": True, "client_email": "", "private_key": ""}
    objects = GCSStore(
        "bucket",
        service_account_key=json.dumps({**account, "private_key_id": ""}),
        client_options=UNHURRIED,
        retry_config={"max_retries": 0},
    )
    return CloudStore("gs://bucket", objects, objects)


def always(status: int, body: str = "") -> Script:
    return lambda _: Answer(status, body.encode())


def in_turn(*answers: Answer) -> Script:
    rest = iter(answers)
    return lambda _: next(rest)


def xml(code: str, message: str) -> str:
    return f'<?xml version="1.0"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'


VERBS: dict[str, Callable[[Store], object]] = {
    "create": lambda store: store.create("a/b", b"content"),
    "get": lambda store: store.get("a/b"),
    "get_ranges": lambda store: store.get_ranges("a/b", [(0, 1)]),
    "list": lambda store: names(store, "a/"),
    "delete": lambda store: store.delete(["a/b"]),
    "size": lambda store: store.size("a/b"),
}

each_verb = pytest.mark.parametrize("verb", VERBS)


@each_verb
@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
def test_what_may_pass_by_itself_is_undecided(verb: str, status: int) -> None:
    with ScriptedServer(always(status)) as server, pytest.raises(Undecided, match=str(status)):
        VERBS[verb](s3(server.endpoint))


@each_verb
def test_a_connection_that_breaks_is_undecided(verb: str) -> None:
    with ScriptedServer(always(0)) as server, pytest.raises(Undecided, match=r"^a/.*HTTP error"):
        VERBS[verb](s3(server.endpoint))


@each_verb
def test_a_server_that_is_not_there_is_undecided(verb: str) -> None:
    with ScriptedServer(always(200)) as server:
        endpoint = server.endpoint
    with pytest.raises(Undecided, match=r"in s3://bucket: .*HTTP error"):
        VERBS[verb](s3(endpoint))


@each_verb
@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_says_what_was_refused_and_what_to_do(verb: str, status: int) -> None:
    with ScriptedServer(always(status, xml("AccessDenied", "Not you."))) as server:
        with pytest.raises(StorageError, match=r"^a/.* in s3://bucket: .*; set AWS_ACCESS_KEY_ID") as raised:
            VERBS[verb](s3(server.endpoint))
        assert not isinstance(raised.value, Undecided)
        assert len(server.requests) == 1


@each_verb
def test_what_stays_wrong_is_not_undecided(verb: str) -> None:
    with ScriptedServer(always(400, xml("KeyTooLongError", "Too long."))) as server:
        with pytest.raises(StorageError) as raised:
            VERBS[verb](s3(server.endpoint))
        assert type(raised.value) is StorageError
        # the answer to HEAD has no body
        assert ("400" if verb == "size" else "400 KeyTooLongError: Too long.") in str(raised.value)


@pytest.mark.parametrize("verb", ["create", "get", "get_ranges", "list"])
def test_a_missing_bucket_is_no_missing_object(verb: str) -> None:
    with ScriptedServer(always(404, xml("NoSuchBucket", "No such bucket."))) as server:
        with pytest.raises(StorageError, match="create the bucket, or correct the URL") as raised:
            VERBS[verb](s3(server.endpoint))
        assert not isinstance(raised.value, ObjectNotFound)


def test_a_failed_precondition_means_it_is_there_already() -> None:
    with ScriptedServer(always(412, xml("PreconditionFailed", "It is there."))) as server:
        assert not s3(server.endpoint).create("a", b"")


def test_a_conflict_in_s3_decides_nothing() -> None:
    with (
        ScriptedServer(always(409, xml("ConditionalRequestConflict", "Another is under way."))) as server,
        pytest.raises(Undecided, match=r"^a: cannot create in s3://bucket: 409 ConditionalRequestConflict"),
    ):
        s3(server.endpoint).create("a", b"")


def test_a_conflict_in_azure_says_whether_it_is_there() -> None:
    with ScriptedServer(always(409, xml("BlobAlreadyExists", "It is there."))) as server:
        assert not azure(server.endpoint).create("a", b"")
    with (
        ScriptedServer(always(409, xml("ContainerBeingDeleted", "Wait."))) as server,
        pytest.raises(Undecided, match="ContainerBeingDeleted"),
    ):
        azure(server.endpoint).create("a", b"")


def test_the_client_tries_again_before_it_gives_up() -> None:
    with ScriptedServer(in_turn(Answer(500), Answer(503), Answer(200, headers={"etag": '"1"'}))) as server:
        assert s3(server.endpoint).create("a", b"")
        assert [request.method for request in server.requests] == ["PUT"] * 3


def test_a_create_whose_answer_was_lost_may_say_it_was_there_already() -> None:
    # what the docstring warns of: the first request was carried out, and the second one met its result
    with ScriptedServer(in_turn(Answer(500), Answer(412))) as server:
        assert not s3(server.endpoint).create("a", b"")


def test_a_create_of_any_size_is_one_conditional_put() -> None:
    with ScriptedServer(always(412)) as server:
        assert not s3(server.endpoint).create("a", bytes(20_000_000))
        assert [(request.method, request.path) for request in server.requests] == [("PUT", "/bucket/a")]


def test_deletes_the_rest_where_a_store_stumbles_over_a_missing_object() -> None:
    objects = {"a", "c", "d"}

    def script(request: Request) -> Answer:
        name = request.path.rpartition("/")[2]
        found = name in objects
        objects.discard(name)
        return Answer(204 if found else 404)

    with ScriptedServer(script) as server:
        google(server.endpoint).delete(["a", "b", "c", "d"])
    assert objects == set()


def test_a_delete_that_fails_half_way_is_told() -> None:
    with (
        ScriptedServer(in_turn(Answer(404), Answer(503))) as server,
        pytest.raises(Undecided, match=r"^a: cannot delete in gs://bucket: .*503"),
    ):
        google(server.endpoint).delete(["a"])


def test_an_object_that_goes_while_its_length_is_asked_for_is_missing() -> None:
    dated = {"last-modified": "Thu, 01 Jan 2026 00:00:00 GMT", "etag": '"1"'}
    past, length, gone = Answer(416), Answer(200, headers={**dated, "content-length": "10"}), Answer(404)
    with ScriptedServer(in_turn(past, length, gone)) as server:
        with pytest.raises(ObjectNotFound):
            s3(server.endpoint).get_ranges("a", [(5, 15), (50, 60 + GAP)])
        assert [request.method for request in server.requests] == ["GET", "HEAD", "GET"]


def serve(body: bytes) -> Script:
    """An object of this content, as S3 serves ranges of it."""

    def answer(request: Request) -> Answer:
        assert request.byte_range is not None
        first, last = (int(edge) for edge in request.byte_range.removeprefix("bytes=").split("-"))
        last = min(last, len(body) - 1)
        span = {"content-range": f"bytes {first}-{last}/{len(body)}", "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        return Answer(206, body[first : last + 1], {"etag": '"1"', **span})

    return answer


def test_near_ranges_share_a_request_and_far_ones_do_not() -> None:
    body = bytes(range(251)) * 20_000
    near, far = 100 + GAP - 1, 3 * GAP
    ranges = [(far, far + 10), (0, 100), (near, near + 10), (50, 60)]
    with ScriptedServer(serve(body)) as server:
        got = s3(server.endpoint).get_ranges("a", ranges)
        assert got == [body[start:stop] for start, stop in ranges]
        asked = sorted(str(request.byte_range) for request in server.requests)
        assert asked == [f"bytes=0-{near + 9}", f"bytes={far}-{far + 9}"]


def test_a_store_that_lists_out_of_order_is_refused() -> None:
    def entry(name: str) -> str:
        modified, etag = "2026-01-01T00:00:00.000Z", "&quot;1&quot;"
        return (
            f"<Contents><Key>{name}</Key><LastModified>{modified}</LastModified><ETag>{etag}</ETag><Size>1</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
        )

    listed = "".join(entry(name) for name in ["log/2", "log/1"])
    page = f"<ListBucketResult><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>"
    with (
        ScriptedServer(always(200, page)) as server,
        pytest.raises(StorageError, match=r"^log/1: listed after log/2, .* use a general purpose bucket"),
    ):
        names(s3(server.endpoint), "log/")


def test_lists_more_than_a_page(make_store: MakeStore) -> None:
    store = make_store("cloud")
    every = [f"log/{number:04}" for number in range(1_050)]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda name: store.create(name, b""), every))
    assert names(store, "log/") == every
    assert names(store, "log/", every[999]) == every[1_000:]
    assert names(store, "log/104", limit=3) == ["log/1040", "log/1041", "log/1042"]


def test_what_others_keep_in_the_bucket_is_not_listed(s3_environment: S3Server, make_store: MakeStore) -> None:
    store = make_store("cloud")
    store.create("a/b", b"")
    foreign = S3Store(BUCKET, prefix=store.url.rpartition("/")[2], client_options={"allow_http": True})
    for name in ["a b", "a!", "a/ä", "a/.hidden", "a~", "a:b", "z z"]:
        foreign.put(name, b"")
    assert names(store) == names(store, "a") == names(store, "a/") == ["a/b"]


def test_two_prefixes_of_a_bucket_are_two_stores(s3_environment: S3Server) -> None:
    one, other = open_store(f"s3://{BUCKET}/two/stores"), open_store(f"s3://{BUCKET}/two/stores-more/")
    one.create("a", b"one")
    other.create("a", b"other")
    assert (one.url, other.url) == (f"s3://{BUCKET}/two/stores", f"s3://{BUCKET}/two/stores-more")
    assert names(one) == ["a"]
    assert bytes(one.get("a")) == b"one"
    assert names(open_store(f"s3://{BUCKET}"), "two/stores") == ["two/stores-more/a", "two/stores/a"]


def test_wrong_credentials_are_told_with_a_hint(s3_environment: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StorageError, match=r"SignatureDoesNotMatch: .*; set AWS_ACCESS_KEY_ID"):
        open_store(f"s3://{BUCKET}/x").create("a", b"")
