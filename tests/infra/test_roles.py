"""Every role allows what its function does, and nothing that it does not do: the functions are called, and watched."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import boto3
import pytest
from moto import mock_aws

from shards import Index
from shards.search import plan
from shards.table import names
from shards.table.manifest import INLINE_DEAD
from tests.cli.drawing import png
from tests.functions.stage import batch, event, notification
from tests.infra.recorded import ACCOUNT, IMAGES, NAME, REGION, Stack, Use
from tests.infra.template import resources, template
from tests.world import FakeWorld

FUNCTIONS = ("api", "scan", "ingest", "compact", "merge", "collect", "backfill", "progress")

BY_LAMBDA = {"logs:CreateLogStream", "logs:PutLogEvents"}
OF_A_QUEUE = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
"""What Lambda does with a function's role before and after it calls the function."""

NOT_PLAYED = {
    # rows that die while the merge is under way are listed in an object of their own if they are many
    ("merge", "s3:PutObject", "dead/*"),
}
"""What a function does so rarely that it does not happen here."""


@pytest.fixture(scope="module")
def used() -> Iterator[dict[str, set[Use]]]:
    """What each function did, when all were called in every way that matters."""
    log = logging.getLogger("lookalike")
    before = log.handlers, log.propagate
    with mock_aws(), pytest.MonkeyPatch.context() as monkeypatch:
        stack = Stack(monkeypatch)
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket=IMAGES)
        for key in ("cat.png", "old.png"):
            s3.put_object(Bucket=IMAGES, Key=key, Body=png(1))
        secrets = boto3.client("secretsmanager", region_name=REGION)
        secrets.create_secret(Name=f"{NAME}/tokens", SecretString="0123456789-writer read,write")

        _adding(stack)
        _folding(stack)
        _asking(stack, monkeypatch)
        _collecting(stack)
        yield stack.used
    log.handlers, log.propagate = before


def _emptied(stack: Stack) -> None:
    """Whoever is loaded next finds no index, and makes it."""
    stack.store.delete([entry.name for entry in stack.store.list()])


def _written(stack: Stack, keys: list[str]) -> None:
    """Records in the log, one object for each."""
    index = Index.open(stack.store)
    signed = index.sign("one", png(1))
    for key in keys:
        index.write([replace(signed, key=key, order=index.next_order())])


def _adding(stack: Stack) -> None:
    stack.function("ingest", LOOKALIKE_COMPACT_FUNCTION=f"{NAME}-compact", LOOKALIKE_HOLD="0")
    # so many that the compactor is called early
    _written(stack, [f"{n}.png" for n in range(65)])
    bodies = [notification("cat.png"), notification("gone/dog.png", kind="Delete")]
    for body in bodies:
        body["Records"][0]["s3"]["bucket"]["name"] = IMAGES
    assert stack.call("ingest", batch(*bodies)) == {"batchItemFailures": []}
    _emptied(stack)
    stack.function("backfill")
    listed = {"Size": len(png(1)), "LastModified": 1763712001}
    items = [listed | {"Key": "old.png"}, listed | {"Key": "gone/fish.png"}]
    assert stack.call("backfill", {"Items": items}, "batch")["added"] == 1
    stack.function("progress", "backfill")
    assert stack.call("progress", {}, "progress")["pictures"] == 2


def _folding(stack: Stack) -> None:
    _emptied(stack)
    stack.function("compact", LOOKALIKE_MERGE_FUNCTION=f"{NAME}-merge", LOOKALIKE_MERGE_SECONDS="1")
    stack.function("merge")
    index = Index.open(stack.store)
    signed = index.sign("one", png(1))
    many = [f"{n}.png" for n in range(2 * INLINE_DEAD)]
    for _ in range(2):
        # the second time around all rows of the first segment die: so many are listed in an object of their own
        index.write([replace(signed, key=key, order=index.next_order()) for key in many])
        stack.call("compact", {})
    for n in range(8):
        _written(stack, [f"small-{n}.png"])
        stack.call("compact", {})


def _asking(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {entry.name: bytes(stack.store.get(entry.name)) for entry in stack.store.list()}
    _emptied(stack)
    api = stack.function(
        "api",
        LOOKALIKE_TOKENS_SECRET=f"{NAME}/tokens",
        LOOKALIKE_SCAN_FUNCTION=f"{NAME}-scan",
        LOOKALIKE_MAX_CONTENT="1",
    )
    _emptied(stack)
    for name, data in kept.items():
        stack.store.create(name, data)
    stack.function("scan")
    # whatever is not in memory goes to workers
    monkeypatch.setattr(plan, "ALONE", 0)
    index = Index.open(stack.store)
    source = {"path": f"s3://{IMAGES}/gone/cat.png", "size": 2, "mtime_ns": 0}
    index.add("gone/cat.png", png(2), source=source)

    def ask(method: str, path: str, body: str = "") -> dict[str, Any]:
        asked = event("http_post" if body else "http_get")
        asked["rawPath"] = asked["requestContext"]["http"]["path"] = path
        asked["requestContext"]["http"]["method"] = method
        asked["headers"] |= {"authorization": "Bearer 0123456789-writer", "content-length": str(len(body))}
        asked["body"] = body
        found: dict[str, Any] = stack.call("api", asked)
        return found

    assert ask("POST", "/v1/search", '{"key":"small-1.png"}')["statusCode"] == 200
    assert ask("POST", "/v1/uploads", '{"key":"new.png","bytes":7000000}')["statusCode"] == 201
    image = '{"images":[{"key":"direct.png","image":"' + b64encode(png(3)).decode() + '"}]}'
    assert ask("POST", "/v1/images", image)["statusCode"] == 200
    assert ask("GET", "/v1/images/gone/cat.png/content")["statusCode"] >= 300
    api.signer.close()
    # a worker that is late: what it is to scan was merged and collected meanwhile
    del stack.modules["scan"]
    stack.function("scan")
    segments = {entry.name: bytes(stack.store.get(entry.name)) for entry in stack.store.list(names.SEGMENTS)}
    stack.store.delete(list(segments))
    stack.call("scan", stack.last["scan"])
    for name, data in segments.items():
        stack.store.create(name, data)


def _collecting(stack: Stack) -> None:
    index = Index.open(stack.store)
    index.remove(["direct.png"])
    for n in range(10):
        _written(stack, [f"last-{n}.png"])
        index.compact()
    collect = stack.function("collect")
    # by then everything is old
    collect.index._table.effects = FakeWorld(start_ns=index.next_order()[0] + 30 * 86_400 * 10**9)
    stack.call("collect", {})


def _resolved(value: Any) -> str:
    """The text of a resource in the template, in one account."""
    if isinstance(value, dict) and "Fn::Sub" in value:
        text: str = value["Fn::Sub"]
        for variable, said in {"Partition": "aws", "AccountId": ACCOUNT, "Region": REGION}.items():
            text = text.replace(f"${{AWS::{variable}}}", said)
        return text
    return str(value)


def _allowed(function: str) -> list[tuple[str, str]]:
    """(action, pattern of resources) of everything that the function's role allows."""
    found = next(
        one for one in resources("AWS::Lambda::Function").values() if one["FunctionName"] == f"{NAME}-{function}"
    )
    role = template()["Resources"][found["Role"]["Fn::GetAtt"][0]]["Properties"]
    assert "ManagedPolicyArns" not in role
    return [
        (action, _resolved(resource))
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in _several(statement["Action"])
        for resource in _several(statement["Resource"])
    ]


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_do_what_it_does(function: str, used: dict[str, set[Use]]) -> None:
    allowed = _allowed(function)
    for action, resource in sorted(used[function]):
        assert any(action == may and fnmatchcase(resource, pattern) for may, pattern in allowed), (action, resource)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_do_nothing_else(function: str, used: dict[str, set[Use]]) -> None:
    by_lambda = BY_LAMBDA | (OF_A_QUEUE if function == "ingest" else set())
    unused = {
        (may, pattern)
        for may, pattern in _allowed(function)
        if may not in by_lambda
        and not any(action == may and fnmatchcase(resource, pattern) for action, resource in used[function])
    }
    rare = {(may, pattern) for may, pattern in unused if (function, may, pattern.partition("/index/")[2]) in NOT_PLAYED}
    assert unused - rare == set()
    assert len(rare) == sum(one[0] == function for one in NOT_PLAYED), "what is played need not be excused"


@pytest.mark.parametrize("role", sorted(resources("AWS::IAM::Role")))
def test_no_role_may_do_everything_or_touch_everything(role: str) -> None:
    for policy in resources("AWS::IAM::Role")[role]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            assert all("*" not in action for action in _several(statement["Action"])), statement["Sid"]
            for resource in map(_resolved, _several(statement["Resource"])):
                # `name:*` of a log group are its streams, `bucket/*` its objects
                assert resource.count("*") <= 1, statement["Sid"]
                assert NAME in resource or "Fn::GetAtt" in resource, statement["Sid"]


def test_each_function_has_a_role_of_its_own_and_writes_its_own_log() -> None:
    functions = resources("AWS::Lambda::Function").values()
    assert len({one["Role"]["Fn::GetAtt"][0] for one in functions}) == len(functions) == len(FUNCTIONS)
    for function in FUNCTIONS:
        logs = {pattern for may, pattern in _allowed(function) if may in BY_LAMBDA}
        assert logs == {f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{NAME}-{function}:*"}


def test_schedules_do_not_borrow_the_role_of_their_function() -> None:
    schedules = resources("AWS::Scheduler::Schedule")
    assert len(schedules) == 2
    for one in schedules.values():
        assert one["Target"]["RoleArn"] == {"Fn::GetAtt": ["ScheduleRole", "Arn"]}
    (policy,) = resources("AWS::IAM::Role")["ScheduleRole"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert sorted(one["Fn::GetAtt"][0] for one in statement["Resource"]) == sorted(
        one["Target"]["Arn"]["Fn::GetAtt"][0] for one in schedules.values()
    )
