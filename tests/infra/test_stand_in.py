"""The stand-in refuses what AWS refuses, and says so: small functions do what ours must not."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from infra import limits
from infra.refusals import Refusal
from infra.stack import Stack, wait_for
from tests.patience import PATIENCE
from tests.servers import free_ports

AT_ONCE = 10
"""Functions that a new account runs at once."""

SOURCE = """
import os, time
from pathlib import Path

def handler(event, context):
    do = event["do"]
    if do == "answer":
        return event["text"] * event["times"]
    if do == "wait":
        Path(event["folder"], context.aws_request_id).touch()
        while not Path(event["folder"], "go").exists():
            time.sleep(0.05)
    if do == "boto3":
        import boto3
        boto3.client("s3").get_object(Bucket="pictures", Key=event["key"])
    if do == "batch":
        import boto3
        boto3.client("sqs").send_message_batch(QueueUrl=event["queue"], Entries=[{"Id": "1", "MessageBody": "x"}])
    if do == "obstore":
        import obstore
        store = obstore.store.S3Store("pictures", endpoint=os.environ["AWS_ENDPOINT_URL"], allow_http=True)
        obstore.put(store, event["key"], b"new")
"""

LOG = {
    "Effect": "Allow",
    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/small:*",
}
READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::pictures/public/*"}
LIST = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::pictures"}


class Account:
    """A new account with one small function."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.iam, self.s3 = stack.client("iam"), stack.client("s3")
        self.functions = stack.client(
            "lambda",
            config=Config(read_timeout=PATIENCE, retries={"total_max_attempts": 1}, max_pool_connections=2 * AT_ONCE),
        )
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = self.iam.create_role(RoleName="small", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        self.s3.create_bucket(Bucket="pictures")
        self.s3.put_object(Bucket="pictures", Key="public/cat: über 100%25 +.png", Body=b"cat")
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("small.py", SOURCE)
        self.functions.create_function(
            FunctionName="small",
            Runtime="python3.13",
            Role=role,
            Handler="small.handler",
            Code={"ZipFile": code.getvalue()},
            Timeout=900,
        )

    def allow(self, *statements: dict[str, Any]) -> None:
        """Let the function do this, and nothing else."""
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.iam.put_role_policy(RoleName="small", PolicyName="small", PolicyDocument=policy)

    def call(self, kind: str = "RequestResponse", **event: Any) -> str:
        """The error of the function, or an empty text."""
        answer = self.functions.invoke(FunctionName="small", InvocationType=kind, Payload=json.dumps(event).encode())
        text: str = answer["Payload"].read().decode()
        return text if "FunctionError" in answer else ""

    def refused(self) -> list[Refusal]:
        """What was refused since the last question, and is forgotten now."""
        found = self.stack.refused()
        (self.stack.folder / "refusals.jsonl").unlink(missing_ok=True)
        return found


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    (port,) = free_ports(1)
    stack = Stack(tmp_path_factory.mktemp("account"), port, "test", AT_ONCE)
    try:
        stack.start()
        yield Account(stack)
    finally:
        stack.stop()


@pytest.fixture
def account(started: Account) -> Account:
    started.allow(LOG, READ, LIST)
    started.refused()
    return started


def test_what_a_role_allows_is_not_refused(account: Account) -> None:
    assert account.call(do="boto3", key="public/cat: über 100%25 +.png") == ""
    assert "NoSuchKey" in account.call(do="boto3", key="public/dog.png")
    assert account.refused() == []


def test_a_call_that_the_role_does_not_allow_is_refused_with_the_statement_that_is_missing(account: Account) -> None:
    assert "AccessDenied" in account.call(do="boto3", key="private/cat.png")
    assert "403" in account.call(do="obstore", key="public/new.png")
    read, written = account.refused()
    assert (read.kind, read.function, read.call) == ("role", "small", "s3:GetObject")
    assert read.resource == "arn:aws:s3:::pictures/private/cat.png"
    missing = '{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::pictures/public/new.png"}'
    assert (written.call, written.resource) == ("s3:PutObject", "arn:aws:s3:::pictures/public/new.png")
    assert missing in written.why


@pytest.mark.long
def test_a_condition_that_does_not_hold_is_no_permission(account: Account) -> None:
    account.allow(LOG, LIST, READ | {"Condition": {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}})
    assert "AccessDenied" in account.call(do="boto3", key="public/cat: über 100%25 +.png")
    assert [one.call for one in account.refused()] == ["s3:GetObject"]


@pytest.mark.long
def test_a_batch_of_messages_needs_what_one_message_needs(account: Account) -> None:
    queue = account.stack.client("sqs").create_queue(QueueName="batches")["QueueUrl"]
    source = "arn:aws:sqs:us-east-1:000000000000:batches"
    account.allow(LOG, {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": source})
    assert account.call(do="batch", queue=queue) == ""
    assert account.refused() == []
    account.allow(LOG)
    account.call(do="batch", queue=queue)
    assert [(one.call, one.resource) for one in account.refused()] == [("sqs:SendMessage", source)]


@pytest.mark.long
def test_who_may_not_list_is_not_told_that_an_object_is_missing(account: Account) -> None:
    account.allow(LOG, READ)
    assert "AccessDenied" in account.call(do="boto3", key="public/dog.png")
    (refused,) = account.refused()
    assert (refused.call, refused.resource) == ("s3:ListBucket", "arn:aws:s3:::pictures")


def test_what_lambda_itself_does_needs_the_role_too(account: Account) -> None:
    account.allow(READ)
    assert account.call(do="answer", text="x", times=1) == ""
    assert [one.call for one in account.refused()] == ["logs:CreateLogStream", "logs:PutLogEvents"]


def test_an_answer_of_seven_megabytes_is_refused(account: Account) -> None:
    assert account.call(do="answer", text="x", times=6_000_000) == ""
    assert account.refused() == []
    assert "7,000,002 bytes" in account.call(do="answer", text="x", times=7_000_000)
    (refused,) = account.refused()
    assert (refused.kind, refused.function, refused.resource) == ("size", "small", "answer")


@pytest.mark.long
def test_an_answer_is_measured_as_it_is_sent(account: Account) -> None:
    assert account.call(do="answer", text="ü", times=3_100_000) == ""
    assert "ResponseSizeTooLarge" in account.call(do="answer", text="ü", times=3_200_000)
    # a quotation mark of JSON inside JSON is two characters
    assert "ResponseSizeTooLarge" in account.call(do="answer", text='"', times=3_200_000)
    assert [one.kind for one in account.refused()] == ["size", "size"]


def test_an_event_of_300_kilobytes_is_refused_and_one_of_7_megabytes_that_is_waited_for(account: Account) -> None:
    account.call("Event", do="answer", text="x" * 300_000, times=0)
    account.call(do="answer", text="x" * 300_000, times=0)
    account.call(do="answer", text="x" * 7_000_000, times=0)
    assert [(one.kind, one.resource) for one in account.refused()] == [("size", "event"), ("size", "payload")]


@pytest.mark.long
def test_the_eleventh_function_of_a_new_account_is_refused_and_an_event_comes_again(
    account: Account, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("running")
    go, running = folder / "go", lambda: len(list(folder.iterdir()))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        calls = [pool.submit(account.call, do="wait", folder=str(folder)) for _ in range(AT_ONCE)]
        try:
            wait_for(lambda: running() == AT_ONCE, PATIENCE, lambda: f"{running()} run")
            with pytest.raises(ClientError, match="TooManyRequests"):
                account.call(do="wait", folder=str(folder))
            (refused,) = account.refused()
            assert (refused.kind, refused.function) == ("throttled", "small")
            # nobody waits for this one, so it waits for its turn
            account.call("Event", do="wait", folder=str(folder))
        finally:
            go.touch()
        assert [call.result() for call in calls] == [""] * AT_ONCE
    wait_for(lambda: running() == AT_ONCE + 2, PATIENCE, lambda: f"{running()} files")


def test_what_aws_would_not_deploy_is_found(account: Account) -> None:
    client, functions, queues = account.stack.client, account.functions, account.stack.client("sqs")
    queue = queues.create_queue(QueueName="pictures", Attributes={"VisibilityTimeout": "899"})["QueueUrl"]
    source = "arn:aws:sqs:us-east-1:000000000000:pictures"
    mapping = functions.create_event_source_mapping(FunctionName="small", EventSourceArn=source)["UUID"]
    try:
        (refused,) = limits.refused(client, AT_ONCE)
        assert refused == f"messages of {source} come again after 899 s, and small may take 900 s"
        queues.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "900"})
        assert limits.refused(client, AT_ONCE) == []

        functions.put_function_concurrency(FunctionName="small", ReservedConcurrentExecutions=1)
        (refused,) = limits.refused(client, AT_ONCE)
        assert "functions reserve 1 of the 10" in refused
        assert limits.refused(client, 1_000) == []
    finally:
        functions.delete_function_concurrency(FunctionName="small")
        functions.delete_event_source_mapping(UUID=mapping)


RESERVING = {
    "Parameters": {"Reserved": {"Type": "String"}},
    "Conditions": {"Reserves": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Reserved"}, "none"]}]}},
    "Resources": {
        "Small": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": "reserving",
                "Role": "arn:aws:iam::000000000000:role/small",
                "Runtime": "python3.13",
                "Handler": "index.handler",
                "Code": {"ZipFile": "handler = print"},
                "ReservedConcurrentExecutions": {"Fn::If": ["Reserves", {"Ref": "Reserved"}, {"Ref": "AWS::NoValue"}]},
            },
        }
    },
}


def test_what_a_template_reserves_is_reserved_and_found_where_aws_would_not_take_it(account: Account) -> None:
    stacks, functions = account.stack.client("cloudformation"), account.functions

    def deploy(change: Any, waiter: str, reserved: str) -> None:
        parameters = [{"ParameterKey": "Reserved", "ParameterValue": reserved}]
        change(StackName="reserving", TemplateBody=json.dumps(RESERVING), Parameters=parameters)
        stacks.get_waiter(waiter).wait(StackName="reserving", WaiterConfig={"Delay": 0.1, "MaxAttempts": 1_000})

    def reserved() -> int | None:
        found = functions.get_function_concurrency(FunctionName="reserving")
        number: int | None = found.get("ReservedConcurrentExecutions")
        return number

    try:
        deploy(stacks.create_stack, "stack_create_complete", "3")
        assert reserved() == 3
        (refused,) = limits.refused(account.stack.client, AT_ONCE)
        assert "functions reserve 3 of the 10" in refused
        deploy(stacks.update_stack, "stack_update_complete", "none")
        assert reserved() is None
        assert limits.refused(account.stack.client, AT_ONCE) == []
        deploy(stacks.update_stack, "stack_update_complete", "2")
        assert reserved() == 2
    finally:
        stacks.delete_stack(StackName="reserving")
        stacks.get_waiter("stack_delete_complete").wait(
            StackName="reserving", WaiterConfig={"Delay": 0.1, "MaxAttempts": 1_000}
        )
