"""Every role allows what its function does, and nothing that it does not do: the functions are called, and watched."""

from __future__ import annotations

from collections import defaultdict
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.infra.played import started
from tests.infra.recorded import ACCOUNT, NAME, REGION, Stack
from tests.infra.template import resources, template

FUNCTIONS = ("api", "scan", "ingest", "compact", "merge", "collect", "backfill", "progress")

READS, WRITES = {"kms:Decrypt"}, {"kms:Decrypt", "kms:GenerateDataKey"}
"""What a key is used for."""

MAKERS = {"api", "ingest", "compact", "backfill"}
"""Functions that make the index where there is none."""

BY_LAMBDA = {"logs:CreateLogStream", "logs:PutLogEvents"}
OF_A_QUEUE = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
"""What Lambda does with a function's role before and after it calls the function."""


def _resolved(value: Any) -> str:
    """The text of a resource in the template, in one account."""
    if isinstance(value, dict) and "Fn::Sub" in value:
        text: str = value["Fn::Sub"]
        for variable, said in {"Partition": "aws", "AccountId": ACCOUNT, "Region": REGION}.items():
            text = text.replace(f"${{AWS::{variable}}}", said)
        return text
    if isinstance(value, dict) and "Fn::GetAtt" in value:
        resource = template()["Resources"][value["Fn::GetAtt"][0]]
        if resource["Type"] == "AWS::SQS::Queue":
            return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{resource['Properties']['QueueName']}"
    return str(value)


def _allowed(function: str) -> list[tuple[str, str]]:
    """(action, pattern of resources) of everything that the function's role allows."""
    found = next(
        one for one in resources("AWS::Lambda::Function").values() if one["FunctionName"] == f"{NAME}-{function}"
    )
    role = resources("AWS::IAM::Role")[found["Role"]["Fn::GetAtt"][0]]
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
def test_a_function_may_do_what_it_does(function: str, stack: Stack) -> None:
    allowed = _allowed(function)
    for action, resource in sorted(stack.used[function]):
        assert any(action == may and fnmatchcase(resource, pattern) for may, pattern in allowed), (action, resource)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_do_nothing_else(function: str, stack: Stack) -> None:
    by_lambda = BY_LAMBDA | (OF_A_QUEUE if function == "ingest" else set())
    unused = {
        (may, pattern)
        for may, pattern in _allowed(function)
        if may not in by_lambda
        and not any(action == may and fnmatchcase(resource, pattern) for action, resource in stack.used[function])
    }
    assert unused == set()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_that_runs_first_in_a_new_stack_may_do_what_it_does(function: str, library_log: None) -> None:
    used = started(function).used[function]
    allowed = _allowed(function)
    for action, resource in sorted(used):
        assert any(action == may and fnmatchcase(resource, pattern) for may, pattern in allowed), (action, resource)
    makes = {action for action, resource in used if action == "s3:PutObject" and resource.endswith("/index.json")}
    assert bool(makes) == (function in MAKERS)


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


KEYS = {
    part: f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{number:08d}-0000-4000-8000-000000000000"
    for number, part in enumerate(("index", "images", "tokens"))
}

BY_KEY = {
    # what is written is encrypted with a data key; what is uploaded in parts is decrypted, too
    "ApiRole": {"index": WRITES, "images": WRITES, "tokens": READS},
    "ScanRole": {"index": READS},
    "IngestRole": {"index": WRITES, "images": READS},
    "CompactRole": {"index": WRITES},
    "MergeRole": {"index": WRITES},
    "CollectRole": {"index": WRITES},
    "BackfillBatchRole": {"index": WRITES, "images": READS},
    "ProgressRole": {"index": READS},
    "BackfillRole": {"index": WRITES, "images": READS},
    "ScheduleRole": {},
}
"""What each role does with objects and the secret, and so with the keys that they are encrypted with."""


def _keys(role: dict[str, Any]) -> dict[str, set[str]]:
    """The actions that a role may take with each key, all of them through the service whose key it is."""
    found = {}
    for statement in role["Policies"][0]["PolicyDocument"]["Statement"]:
        actions = {action for action in _several(statement["Action"]) if action.startswith("kms:")}
        if actions:
            part = statement["Resource"]["Ref"].removesuffix("Key").lower()
            service = "secretsmanager" if part == "tokens" else "s3"
            through = {"Fn::Sub": service + ".${AWS::Region}.${AWS::URLSuffix}"}
            assert statement["Condition"] == {"StringEquals": {"kms:ViaService": through}}
            found[part] = actions
    return found


def test_with_keys_of_ones_own_each_role_may_use_those_of_what_it_reads_and_writes() -> None:
    each = tuple(f"--param={part}-kms-key={key}" for part, key in KEYS.items())
    roles = resources("AWS::IAM::Role", *each)
    assert {name: _keys(role) for name, role in roles.items()} == BY_KEY
    assert template(*each)["Parameters"]["ImagesKey"]["Default"] == KEYS["images"]
    # one for all is the same
    one = resources("AWS::IAM::Role", f"--param=kms-key={KEYS['index']}")
    assert {name: _keys(role) for name, role in one.items()} == BY_KEY


@pytest.mark.parametrize("role", sorted(BY_KEY))
def test_what_a_role_does_with_a_key_follows_from_what_it_does_with_objects(role: str) -> None:
    wanted: dict[str, set[str]] = defaultdict(set)
    for statement in resources("AWS::IAM::Role")[role]["Policies"][0]["PolicyDocument"]["Statement"]:
        for action in _several(statement["Action"]):
            if action in ("s3:GetObject", "s3:PutObject", "secretsmanager:GetSecretValue"):
                resource = _resolved(_several(statement["Resource"])[0])
                part = "tokens" if "secret:" in resource else "images" if "-images-" in resource else "index"
                wanted[part] |= WRITES if action == "s3:PutObject" else READS
    assert wanted == BY_KEY[role]


def test_without_keys_of_ones_own_no_role_may_use_any() -> None:
    assert not any(map(_keys, resources("AWS::IAM::Role").values()))


def test_the_secret_may_be_named_or_be_an_arn() -> None:
    def secret(*chosen: str) -> Any:
        (statement,) = [
            one
            for one in resources("AWS::IAM::Role", *chosen)["ApiRole"]["Policies"][0]["PolicyDocument"]["Statement"]
            if one["Action"] == "secretsmanager:GetSecretValue"
        ]
        return statement["Resource"]["Fn::Sub"]

    here = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:"
    assert secret() == f"{here}{NAME}/tokens-??????"
    assert secret("--param=tokens=shared/tokens") == f"{here}shared/tokens-??????"
    # of another account, too
    arn = "arn:aws:secretsmanager:us-east-1:210987654321:secret:shared/tokens-aB3dE6"
    assert secret(f"--param=tokens={arn}") == arn
    environment = resources("AWS::Lambda::Function", f"--param=tokens={arn}")["ApiLambdaFunction"]["Environment"]
    assert environment["Variables"]["LOOKALIKE_TOKENS_SECRET"] == arn


def test_a_folder_of_the_bucket_is_all_of_it_that_a_function_may_touch() -> None:
    for role in resources("AWS::IAM::Role", "--param=images-prefix=photos/").values():
        for statement in role["Policies"][0]["PolicyDocument"]["Statement"]:
            for resource in map(_resolved, _several(statement["Resource"])):
                if "-images-" in resource and _several(statement["Action"]) != ["s3:ListBucket"]:
                    is_inventory = statement["Sid"] == "ReadAnInventory"
                    assert resource.endswith("/*" if is_inventory else "/photos/*"), statement["Sid"]


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
