"""The API behind API Gateway: closed until it has tokens, and the same as anywhere else from then on."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from queue import Queue
from types import ModuleType
from typing import Any
from urllib.parse import quote, urlsplit

import boto3
import pytest
from moto import mock_aws

from functions.aws import calls
from functions.aws.front import ANSWER_BYTES
from lookalike import Index
from lookalike.ingest.backpressure import BACKPRESSURE
from lookalike.web.dependencies import service_of
from tests.functions.stage import Invocation, event, load
from tests.functions.test_paths import GATEWAYS, KEYS, MISTAKEN, QUESTION_MARKS, Gateway, by_http_api
from tests.lookalike.web.conftest import CAT, RACCOON, add
from tests.patience import PATIENCE

WRITER = {"authorization": "Bearer 0123456789-writer"}
READER = {"authorization": "Bearer 0123456789-reader"}
TOKENS = "0123456789-writer write\n0123456789-reader read\n"

_indexes = count()


@dataclass
class Answer:
    """A function's answer, as API Gateway sends it."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    was_encoded: bool

    def json(self) -> Any:
        return json.loads(self.content)


@dataclass
class Api:
    """The function, asked as API Gateway asks it."""

    module: ModuleType
    index: Index

    def ask(
        self,
        method: str,
        path: str,
        content: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        media_type: str = "application/json",
        gateway: Gateway = by_http_api,
    ) -> Answer:
        at = urlsplit(path)
        asked = event("http_post") if content else event("http_get")
        arrived = gateway(at.path)
        asked |= {"rawPath": arrived["rawPath"], "requestContext": arrived["requestContext"]}
        asked["rawQueryString"] = at.query
        asked["requestContext"]["http"]["method"] = method
        asked["headers"] |= {"content-length": str(len(content)), **(headers or {})}
        if content:
            is_text = media_type.startswith("application/json")
            asked["headers"]["content-type"] = media_type
            asked["body"] = content.decode() if is_text else base64.b64encode(content).decode()
            asked["isBase64Encoded"] = not is_text
        answer = self.module.handler(asked, Invocation())
        body = answer.get("body", "")
        encoded = answer["isBase64Encoded"]
        return Answer(
            answer["statusCode"],
            answer["headers"],
            base64.b64decode(body, validate=True) if encoded else body.encode(),
            encoded,
        )


@pytest.fixture
def library_log() -> Iterator[None]:
    """The function takes over what the library logs, for ever; tests want it back."""
    log = logging.getLogger("lookalike")
    before = log.handlers, log.propagate
    yield
    log.handlers, log.propagate = before


@pytest.fixture
def tokens() -> str:
    return TOKENS


@pytest.fixture
def environment() -> dict[str, str]:
    return {}


@pytest.fixture
def region() -> str:
    return "us-east-1"


@pytest.fixture
def api(
    monkeypatch: pytest.MonkeyPatch, library_log: None, tokens: str, environment: dict[str, str], region: str
) -> Iterator[Api]:
    where = f"memory://api-{next(_indexes)}"
    with mock_aws():
        if tokens:
            secrets = boto3.client("secretsmanager", region_name=region)
            secrets.create_secret(Name="lookalike/tokens", SecretString=tokens)
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="pictures")
        module = load(
            "api",
            monkeypatch,
            LOOKALIKE_INDEX=where,
            LOOKALIKE_IMAGES="pictures",
            LOOKALIKE_TOKENS_SECRET="lookalike/tokens",
            AWS_REGION=region,
            AWS_DEFAULT_REGION=region,
            **environment,
        )
        yield Api(module, Index.open(where))
        module.pool.close()


def problem(answer: Answer) -> Any:
    """The problem document of a refusal, which is text on its way, too."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert not answer.was_encoded
    document = answer.json()
    assert document["status"] == answer.status
    return document


@pytest.mark.parametrize("tokens", [""])
def test_without_tokens_every_route_but_one_answers_401(api: Api) -> None:
    routes = [
        (method.upper(), path.replace("{", "").replace("}", ""))
        for path, methods in api.module.front._build(api.module.front._known).openapi()["paths"].items()
        for method in methods
    ]
    assert len(routes) > 20
    others = [("GET", path) for path in ("/", "/page/page.js", "/openapi.json", "/metrics", "/nothing", "/healthz/x")]
    for method, path in [*routes, *others]:
        if path != "/healthz":
            refusal = problem(api.ask(method, path, headers=WRITER))
            assert (refusal["status"], refusal["code"]) == (401, "closed"), (method, path)
            assert "secret" in refusal["help"]
    assert api.ask("GET", "/healthz").json() == {"status": "ok"}


def test_with_tokens_who_has_none_is_answered_401(api: Api) -> None:
    for method, path in [("POST", "/v1/search"), ("GET", "/v1/images"), ("GET", "/v1/stats"), ("PUT", "/v1/images/a")]:
        answer = api.ask(method, path)
        assert problem(answer)["code"] == "token-missing"
        assert answer.headers["www-authenticate"].startswith("Bearer")
    unknown = {"authorization": "Bearer 0123456789-nobody"}
    assert problem(api.ask("GET", "/v1/stats", headers=unknown))["code"] == "token-unknown"
    assert problem(api.ask("PUT", "/v1/images/a", CAT, headers=READER, media_type="image/jpeg"))["status"] == 403


@pytest.mark.parametrize(("tokens", "environment"), [("", {"LOOKALIKE_PUBLIC": "true"})])
def test_public_means_that_everybody_may_ask_and_no_more(api: Api) -> None:
    add(api.index, "cat.jpg", CAT)
    assert api.ask("GET", "/v1/images").json()["images"][0]["key"] == "cat.jpg"
    assert problem(api.ask("DELETE", "/v1/images/cat.jpg"))["status"] == 401


def test_a_token_that_is_new_or_gone_is_noticed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.module.front._tokens, "clock", lambda: 0.0)
    assert api.ask("GET", "/v1/stats", headers=READER).status == 200
    secrets = boto3.client("secretsmanager", region_name="us-east-1")
    secrets.put_secret_value(SecretId="lookalike/tokens", SecretString="0123456789-another read\n")
    assert api.ask("GET", "/v1/stats", headers=READER).status == 200
    # each look at the clock is a while later than the one before
    monkeypatch.setattr(api.module.front._tokens, "clock", count(10**9, 300).__next__)
    assert api.ask("GET", "/v1/stats", headers=READER).status == 401
    assert api.ask("GET", "/v1/stats", headers={"authorization": "Bearer 0123456789-another"}).status == 200
    secrets.put_secret_value(SecretId="lookalike/tokens", SecretString="# none")
    assert problem(api.ask("GET", "/v1/stats", headers=READER))["code"] == "closed"


def test_a_picture_comes_in_as_base64_and_is_found(
    api: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(api.module.telemetry.log.handlers[0], "stream", written)
    added = api.ask("PUT", "/v1/images/zoo/cat.jpg", CAT, headers=WRITER, media_type="image/jpeg")
    assert (added.status, added.json()["key"], added.was_encoded) == (201, "zoo/cat.jpg", False)
    capsys.readouterr()
    written.seek(0)
    written.truncate()
    found = api.ask("POST", "/v1/search?limit=1", CAT, headers=READER, media_type="image/jpeg")
    (hit,) = found.json()["answers"][0]["hits"]
    assert (hit["key"], hit["score"]) == ("zoo/cat.jpg", 100.0)
    lines = [json.loads(line) for line in [*written.getvalue().splitlines(), *capsys.readouterr().out.splitlines()]]
    (done,) = [line for line in lines if line.get("message") == "done"]
    assert (done["method"], done["path"], done["status"], done["service"]) == ("POST", "/v1/search", 200, "api")
    assert done["request_id"] == Invocation().aws_request_id
    (metrics,) = [line for line in lines if "_aws" in line]
    assert metrics["QueryTime"][0] > 0
    assert metrics["QueryRequests"][0] > 0
    assert "0123456789" not in json.dumps(lines), "a token is never told"


def test_strangers_pictures_are_decoded_in_a_process_without_secrets_that_may_die(api: Api) -> None:
    def ask() -> tuple[int, list[int]]:
        found = api.ask("POST", "/v1/search?limit=1", CAT, headers=READER, media_type="image/jpeg")
        return found.status, api.module.pool._pool.pids

    add(api.index, "cat.jpg", CAT)
    status, (pid,) = ask()
    assert status == 200
    assert pid != os.getpid()
    variables = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"PATH" in variables
    assert not any(secret in variables for secret in (b"AWS_", b"LOOKALIKE_"))
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    status, (other,) = ask()
    assert (status, other != pid) == (200, True)


def test_a_question_may_be_json(api: Api) -> None:
    add(api.index, "cat.jpg", CAT)
    add(api.index, "raccoon.jpg", RACCOON)
    found = api.ask("POST", "/v1/search", b'{"key": "cat.jpg"}', headers=READER).json()
    assert found["answers"][0]["hits"][0]["key"] == "cat.jpg"


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_key_is_what_it_is_in_a_path_or_in_the_query(api: Api, gateway: Gateway) -> None:
    record = api.index.sign("one", CAT)
    api.index.write([replace(record, key=key) for key in [*KEYS, *QUESTION_MARKS, *MISTAKEN]])
    for key in KEYS:
        answer = api.ask("GET", f"/v1/images/{quote(key, safe='')}", headers=READER, gateway=gateway)
        assert (answer.status, answer.json().get("key")) == (200, key)
    for key in [*KEYS, *QUESTION_MARKS, *MISTAKEN]:
        for part in ("", "/thumbnail"):
            answer = api.ask("GET", f"/v1/images{part}?key={quote(key, safe='')}", headers=READER, gateway=gateway)
            assert answer.status == 200, (key, part)
            assert part or answer.json()["key"] == key


def test_pictures_go_out_as_base64(api: Api) -> None:
    add(api.index, "cat.jpg", CAT)
    answer = api.ask("GET", "/v1/images/cat.jpg/thumbnail", headers=READER)
    assert (answer.status, answer.was_encoded, answer.headers["content-type"]) == (200, True, "image/webp")
    assert answer.content[:4] == b"RIFF"


def test_a_request_that_is_too_large_is_told_another_way(api: Api) -> None:
    refusal = problem(api.ask("PUT", "/v1/images/a.jpg", bytes(4_500_001), headers=WRITER, media_type="image/jpeg"))
    assert (refusal["status"], refusal["code"]) == (413, "body-too-large")
    assert "/v1/uploads" in refusal["help"]
    asked = json.dumps({"key": "a.jpg", "bytes": 20_000_000, "meta": {"album": "zoo"}}).encode()
    offer = api.ask("POST", "/v1/uploads", asked, headers=WRITER).json()
    address = urlsplit(offer["url"])
    assert "pictures" in address.netloc + address.path
    assert "Signature" in address.query
    assert (offer["method"], offer["max_bytes"]) == ("PUT", 20_000_000)
    assert set(offer["headers"]) == {"x-amz-meta-lookalike-meta"}


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "ap-southeast-3"])
def test_the_page_may_put_a_picture_where_its_address_leads(api: Api, region: str) -> None:
    asked = json.dumps({"key": "a.jpg", "bytes": 20_000_000}).encode()
    address = urlsplit(api.ask("POST", "/v1/uploads", asked, headers=WRITER).json()["url"])
    policy = api.ask("GET", "/", headers=READER).headers["content-security-policy"]
    connect = next(part for part in policy.split("; ") if part.startswith("connect-src"))
    assert connect.split()[1:] == ["'self'", f"{address.scheme}://{address.netloc}"]
    assert address.netloc == f"pictures.s3.{region}.amazonaws.com"


def test_an_address_needs_a_size_and_none_leads_back_here(api: Api) -> None:
    assert (
        "bytes: say how large" in problem(api.ask("POST", "/v1/uploads", b'{"key":"a.jpg"}', headers=WRITER))["detail"]
    )
    large = b'{"key":"a.jpg","bytes":50000000}'
    assert problem(api.ask("POST", "/v1/uploads", large, headers=WRITER))["code"] == "picture-too-large-bytes"
    assert problem(api.ask("PUT", "/v1/uploads/token", CAT, media_type="image/jpeg"))["code"] == "upload-unknown"


@pytest.mark.parametrize("environment", [{"LOOKALIKE_MAX_CONTENT": "1000"}])
def test_a_large_picture_is_fetched_from_the_bucket(api: Api) -> None:
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.put_object(Bucket="pictures", Key="cat.jpg", Body=CAT)
    add(api.index, "cat.jpg", CAT)
    source = api.module.bucket.read("cat.jpg", 10**7).original.source
    api.index.write([api.index.sign("cat.jpg", CAT, source=source)])
    answer = api.ask("GET", "/v1/images/cat.jpg/content", headers=READER)
    assert (answer.status, answer.content) == (307, b"")
    assert "Signature" in answer.headers["location"]
    assert answer.headers["cache-control"] == "no-store"
    sha256 = api.index.get("cat.jpg").image.sha256
    known = {**READER, "if-none-match": f'"{sha256}"'}
    assert api.ask("GET", "/v1/images/cat.jpg/content", headers=known).status == 304


def test_an_answer_that_is_too_large_is_refused_not_lost(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.aws.front.ANSWER_BYTES", 100)
    refusal = problem(api.ask("GET", "/v1/stats", headers=READER))
    assert (refusal["status"], refusal["code"]) == (422, "answer-too-large")
    assert ANSWER_BYTES <= 6 << 20


@pytest.mark.parametrize("environment", [{"LOOKALIKE_COMPACT_FUNCTION": "lookalike-compact"}])
def test_who_adds_wakes_the_compactor_before_anybody_has_to_wait(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    called: Queue[str] = Queue()
    monkeypatch.setattr(calls, "start", lambda client, function: called.put(function))
    waker = api.module.index._look.__self__
    monkeypatch.setattr(waker, "clock", lambda: 0.0)

    def put(key: str) -> int:
        return api.ask("PUT", f"/v1/images/{key}", CAT, headers=WRITER, media_type="image/jpeg").status

    assert put("first.jpg") == 201
    record = api.index.sign("cat.jpg", CAT)
    for n in range(BACKPRESSURE.max_objects // BACKPRESSURE.early):
        api.index.write([replace(record, key=f"{n}.jpg")])
    # how long the tail is was looked at a moment ago
    service = service_of(api.module.front._adapter.app)
    monkeypatch.setattr(service, "clock", count(10**9, 60).__next__)
    assert put("second.jpg") == 201
    assert called.get(timeout=PATIENCE) == "lookalike-compact"
    assert put("third.jpg") == 201
    waker.start(lambda: called.put("the last"))
    assert called.get(timeout=PATIENCE) == "the last", "once in a while is enough"


def test_requests_one_after_another_share_one_app(api: Api) -> None:
    built = api.module.front._adapter
    for _ in range(3):
        assert api.ask("GET", "/v1/stats", headers=READER).status == 200
    assert api.module.front._adapter is built


class TestWhereAnAnswerInLinesHasALimit:
    @pytest.fixture
    def environment(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
        monkeypatch.setattr("functions.aws.front.STREAMED", 1)
        return {}

    def test_lines_go_out_as_text_and_the_last_one_leads_to_the_rest(self, api: Api) -> None:
        add(api.index, "cat.jpg", CAT)
        add(api.index, "raccoon.jpg", RACCOON)
        asked, seen = "/v1/search?key=cat.jpg&family=haar&min_score=0", []
        after = ""
        for _ in range(2):
            answer = api.ask("GET", asked + after, headers={**READER, "accept": "application/x-ndjson"})
            assert (answer.status, answer.was_encoded) == (200, False)
            hit, end = (json.loads(line) for line in answer.content.splitlines())
            seen.append((hit["rank"], hit["key"]))
            assert (end["end"], end["hits"]) == (True, 1)
            after = f"&after={end['next']}"
        assert seen == [(1, "cat.jpg"), (2, "raccoon.jpg")]
