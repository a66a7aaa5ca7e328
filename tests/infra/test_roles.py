"""Every role allows what its function does, and nothing that it does not do: the functions are called, and watched."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.infra.played import started
from tests.infra.recorded import ACCOUNT, NAME, REGION, Stack
from tests.infra.template import resources, template

FUNCTIONS = ("api", "scan", "ingest", "compact", "merge", "collect", "backfill", "progress")

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
