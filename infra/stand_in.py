"""MiniStack, made to refuse what AWS refuses. As a program, runs it: in the Python that has it, for `infra.stack`.

MiniStack itself compares each request with the role of the function that signed it (AUTH=true), counts functions at
once, and repeats what failed. Added here is what it leaves out:

- Lambda uses a function's role too: to write its log, and to read its queue.
- Whoever may not list a bucket is told 403, not 404, of an object that is not there.
- Payloads have a largest size.
- A call that need not be waited for, while no function is free, comes again until it is too old.
- What a template reserves of the account's functions is reserved.

Whatever is refused is written to a file, a line of JSON each (`infra.refusals`): functions survive much of it, and a
test is to fail all the same.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

from ministack import app
from ministack.core import iam_evaluator
from ministack.services import lambda_svc, s3
from ministack.services.cloudformation import provisioners

REFUSALS = Path(os.environ["REFUSALS"])

SYNCHRONOUS_BYTES = 6 * 2**20
"""Limit on the payload of a call that is waited for, and on its answer (Lambda quotas)."""

EVENT_BYTES = 256 * 2**10
"""Limit on the payload of a call that is not waited for. AWS has raised it to 1 MB; nothing here needs that."""

EVENT_SECONDS = 6 * 3600
"""What Lambda gives up after where a function does not say otherwise."""

QUEUE_ACTIONS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")

Function: TypeAlias = dict[str, Any]
"""A function of MiniStack: its configuration under `config`, if it is not one itself."""

enforce = iam_evaluator.enforce
pin_request_origin = app.pin_request_origin
execute_function = lambda_svc._execute_function
invoke_async = lambda_svc.invoke_async_with_retry

lock = Lock()

event_age: ContextVar[float | None] = ContextVar("event_age", default=None)
"""Seconds that a call may come again for; `None` where somebody waits for it."""


def main() -> None:
    """Run MiniStack with these limits."""
    iam_evaluator.enforce = enforced
    app.pin_request_origin = over_tls
    lambda_svc._execute_function = executed
    lambda_svc.invoke_async_with_retry = started
    deployed = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    deployed |= {"create": reserving(deployed["create"], 1), "update": reserving(deployed["update"], 2)}
    app.main()


def refuse(kind: str, function: str, call: str, resource: str, why: str) -> None:
    """Write down a refusal (`infra.refusals.Refusal`)."""
    line = json.dumps({"kind": kind, "function": function, "call": call, "resource": resource, "why": why})
    with lock, REFUSALS.open("a") as file:
        file.write(f"{line}\n")


def over_tls(address: str, is_tls: bool) -> None:
    """Take each request for one over TLS: on this machine there is none, and policies refuse what comes without."""
    del is_tls
    pin_request_origin(address, True)


# Roles


def enforced(
    access_key: str,
    action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: Mapping[str, Any] | None = None,
) -> Any:
    """Compare a request with the policies. Returns `None` if it may be, else why not."""
    if service == "sqs":
        # AWS knows no actions for batches: who may do a thing may do ten of it (Amazon SQS API permissions)
        action = action.removesuffix("Batch")
    found = enforce(access_key, action, service, region, resource_arn, service_context)
    if found is None and action == "s3:GetObject" and is_missing(resource_arn):
        action, resource_arn = "s3:ListBucket", resource_arn.partition("/")[0]
        found = enforce(access_key, action, service, region, resource_arn)
    if isinstance(found, iam_evaluator.EvalResult) and ":assumed-role/" in found.principal_arn:
        function = found.principal_arn.rpartition("/")[2]
        refuse("role", function, action, resource_arn, why_not(found, action, resource_arn))
    return found


def is_missing(object_arn: str) -> bool:
    """Return whether there is no such object in its bucket."""
    # a key may hold colons
    bucket, _, key = object_arn.split(":", 5)[5].partition("/")
    known = s3._buckets.get(bucket)
    return known is not None and key not in known["objects"]


def why_not(found: Any, action: str, resource_arn: str) -> str:
    """Return the statement that is missing, or that denies it."""
    if found.decision == "Deny":
        return f"statement {found.matched_sid or found.resource_policy_arn} denies it"
    missing = {"Effect": "Allow", "Action": action, "Resource": resource_arn}
    return f"no statement of its role allows it; missing: {json.dumps(missing)}"


def by_lambda(config: Function, event: Any) -> list[tuple[str, str]]:
    """Return what Lambda does with the role of a function for this call, as (action, resource)."""
    _, _, _, region, account, *_ = config["FunctionArn"].split(":")
    log = f"arn:aws:logs:{region}:{account}:log-group:/aws/lambda/{config['FunctionName']}:log-stream:any"
    used = [("logs:CreateLogStream", log), ("logs:PutLogEvents", log)]
    records = event.get("Records", ()) if isinstance(event, dict) else ()
    queues = {one["eventSourceARN"] for one in records if one.get("eventSource") == "aws:sqs"}
    return used + [(action, queue) for queue in sorted(queues) for action in QUEUE_ACTIONS]


def compare(config: Function, used: list[tuple[str, str]]) -> None:
    """Compare what Lambda does with the role of a function."""
    _, _, _, region, account, *_ = config["FunctionArn"].split(":")
    role = config["Role"].rpartition("/")[2]
    policies = iam_evaluator._gather_role_policies(role, account)
    for action, resource in used:
        principal = f"arn:aws:sts::{account}:assumed-role/{role}/{config['FunctionName']}"
        asked = iam_evaluator.EvalContext(principal, "AssumedRole", account, action, resource, region)
        found = iam_evaluator.evaluate(asked, policies)
        if found.decision != "Allow":
            refuse("role", config["FunctionName"], action, resource, why_not(found, action, resource))


# Functions of a template


def reserving(deploy: Callable[..., tuple[str, Any]], place: int) -> Callable[..., tuple[str, Any]]:
    """Return what deploys a function, and reserves what its template says; MiniStack's `deploy` reserves nothing.

    `place` is that of the function's properties among the arguments.
    """

    def deploy_and_reserve(*given: Any) -> tuple[str, Any]:
        name, attributes = deploy(*given)
        reserved = given[place].get("ReservedConcurrentExecutions")
        lambda_svc._functions[name]["concurrency"] = None if reserved is None else int(reserved)
        return name, attributes

    return deploy_and_reserve


# Calls of functions


def executed(function: Function, event: Any) -> dict[str, Any]:
    """Run a function, within the limits of an account."""
    config = function.get("config") or function
    if lambda_svc._function_config_scope_mismatch(config):
        # comes again, when account and region are those of the function
        return execute_function(function, event)  # type: ignore[no-any-return]
    name, age = config["FunctionName"], event_age.get()
    if age is None and size_of(event) > SYNCHRONOUS_BYTES:
        return too_large(name, "payload", size_of(event), SYNCHRONOUS_BYTES)
    compare(config, by_lambda(config, event))
    answer: dict[str, Any] = execute_function(function, event)
    begun = time.monotonic()
    while answer.get("throttle") and age is not None and time.monotonic() < begun + age:
        time.sleep(1)
        answer = execute_function(function, event)
    if answer.get("throttle") and "account" in answer["body"]["message"]:
        most = lambda_svc._ACCOUNT_CONCURRENCY_CAP
        refuse("throttled", name, "lambda:InvokeFunction", config["FunctionArn"], f"{most} run already, all there may")
    size = size_of(answer.get("body"))
    if age is None and not answer.get("error") and size > SYNCHRONOUS_BYTES:
        return too_large(name, "answer", size, SYNCHRONOUS_BYTES)
    return answer


def started(function: Function, event: Any) -> None:
    """Have a function run that nobody waits for, as often as it takes."""
    config = function.get("config") or function
    if size_of(event) > EVENT_BYTES:
        too_large(config["FunctionName"], "event", size_of(event), EVENT_BYTES)
        return
    chosen = function.get("event_invoke_config") or (function.get("event_invoke_configs") or {}).get("$LATEST") or {}
    token = event_age.set(float(chosen.get("MaximumEventAgeInSeconds", EVENT_SECONDS)))
    try:
        # its thread gets what is set here
        invoke_async(function, event)
    finally:
        event_age.reset(token)


def size_of(payload: Any) -> int:
    """Return the bytes of a payload as it is sent: the runtimes of AWS write JSON in UTF-8, not in ASCII."""
    return len(json.dumps(payload, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def too_large(function: str, what: str, size: int, limit: int) -> dict[str, Any]:
    """Refuse a payload, and return what is answered instead."""
    why = f"its {what} has {size:,} bytes, {limit:,} at most can be sent"
    refuse("size", function, "lambda:InvokeFunction", what, why)
    return {"error": True, "log": "", "body": {"errorMessage": why, "errorType": "Function.ResponseSizeTooLarge"}}


if __name__ == "__main__":
    main()
