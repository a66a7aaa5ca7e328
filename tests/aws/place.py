"""What was deployed, as those who use it see it: a bucket to put pictures in, an address to ask, and an index."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import httpx
from botocore.config import Config

from infra.stack import Stack, wait_for
from lookalike import Index
from tests.patience import PATIENCE

AT_ONCE = 8
"""Uploads."""

TAKEN = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
"""Attributes of a queue that are all 0 when nothing is to be done."""


@dataclass
class Place:
    """A deployed stack. `token`: may do everything."""

    stack: Stack
    token: str

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        return self.stack.outputs()

    @cached_property
    def s3(self) -> Any:
        return self.stack.client("s3", config=Config(max_pool_connections=AT_ONCE))

    @cached_property
    def sqs(self) -> Any:
        return self.stack.client("sqs")

    @cached_property
    def functions(self) -> Any:
        # a call that is repeated by the client would do the work twice
        return self.stack.client("lambda", config=Config(read_timeout=PATIENCE, retries={"total_max_attempts": 1}))

    @cached_property
    def machines(self) -> Any:
        """Step Functions."""
        return self.stack.client("stepfunctions")

    @cached_property
    def logs(self) -> Any:
        return self.stack.client("logs")

    @cached_property
    def http(self) -> httpx.Client:
        return httpx.Client(base_url=self.stack.endpoint, headers={"Host": self.stack.host()}, timeout=PATIENCE)

    @property
    def bucket(self) -> str:
        return self.outputs["ImagesBucket"]

    @cached_property
    def uploads(self) -> str:
        """The address of the queue."""
        found: str = self.sqs.get_queue_url(QueueName=f"{self.stack.name}-uploads")["QueueUrl"]
        return found

    @cached_property
    def dead(self) -> str:
        """The address of the queue of dead letters."""
        found: str = self.sqs.get_queue_url(QueueName=f"{self.stack.name}-dead-uploads")["QueueUrl"]
        return found

    def ask(self, method: str, path: str, **rest: Any) -> httpx.Response:
        """One request to the API, with the token."""
        return self.http.request(method, path, headers={"Authorization": f"Bearer {self.token}"}, **rest)

    def put(self, pictures: Mapping[str, bytes]) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda key: self.s3.put_object(Bucket=self.bucket, Key=key, Body=pictures[key]), pictures))

    def delete(self, keys: Sequence[str]) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda key: self.s3.delete_object(Bucket=self.bucket, Key=key), keys))

    def stored(self, prefix: str = "") -> dict[str, str]:
        """The SHA-256 of each object of the bucket, read from there."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        keys = [one["Key"] for page in pages for one in page.get("Contents", ())]

        def digest(key: str) -> str:
            return sha256(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()).hexdigest()

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(keys, pool.map(digest, keys), strict=True))

    def index(self) -> Index:
        return Index.open(self.outputs["IndexUrl"])

    def indexed(self, prefix: str = "") -> dict[str, str]:
        """The SHA-256 of each image of the index."""
        return {image.key: image.sha256 for image in self.index().list(prefix=prefix)}

    def waiting(self) -> int:
        """Messages that are in the queue, or that a function works on."""
        found = self.sqs.get_queue_attributes(QueueUrl=self.uploads, AttributeNames=list(TAKEN))["Attributes"]
        return sum(int(found[name]) for name in TAKEN)

    def settle(self) -> None:
        """Come back when there is nothing in the queue that anybody works on or could."""
        wait_for(lambda: self.waiting() == 0, PATIENCE, lambda: f"{self.waiting()} messages wait:\n{self.said()}")

    def wait_until_indexed(self, prefix: str, expected: Mapping[str, str]) -> None:
        """Come back when these, and no others, are the images whose keys begin so, and the queue is empty."""

        def difference() -> str:
            found = self.indexed(prefix)
            wrong = sorted(key for key in {*found, *expected} if found.get(key) != expected.get(key))
            return f"not as they should be: {wrong}, and {self.waiting()} messages wait:\n{self.said()}"

        wait_for(lambda: self.waiting() == 0 and self.indexed(prefix) == expected, PATIENCE, difference)

    def said(self) -> str:
        """What the functions complained of lately."""
        lines = self.stack.output.read_text().splitlines()
        return "\n".join(line[:2000] for line in lines if re.search(r"WARNING|ERROR|Traceback", line))[-8000:]

    def lines(self, function: str, message: str) -> list[dict[str, Any]]:
        """What a function has told so far by this message, oldest first."""
        pages = self.logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{self.stack.name}-{function}"
        )
        texts = [one["message"] for page in pages for one in page["events"]]
        told = [json.loads(text) for text in texts if text.startswith("{")]
        return [one for one in told if one.get("message") == message]

    def told(self, function: str, message: str, since: int, count: int) -> list[dict[str, Any]]:
        """The lines after the first `since`, when there are so many of them: they may come later than an answer."""
        found: list[dict[str, Any]] = []

        def are_there() -> bool:
            found[:] = self.lines(function, message)[since:]
            return len(found) >= count

        wait_for(are_there, PATIENCE, lambda: f"{function} told {message!r} {len(found)} times, not {count}")
        return found

    @contextmanager
    def choosing(self, function: str, **settings: str) -> Iterator[None]:
        """Give a function these settings within it, and all the time that it needs."""
        name = f"{self.stack.name}-{function}"
        usual = self.functions.get_function_configuration(FunctionName=name)
        variables, seconds = usual["Environment"]["Variables"], usual["Timeout"]
        self._configure(name, variables | settings, int(PATIENCE))
        try:
            yield
        finally:
            self._configure(name, variables, seconds)

    def _configure(self, name: str, variables: Mapping[str, str], seconds: int) -> None:
        """Give a function these, and come back when it has them."""
        self.functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}, Timeout=seconds
        )

        def is_done() -> bool:
            found = self.functions.get_function_configuration(FunctionName=name)
            return bool(found["LastUpdateStatus"] == "Successful")

        wait_for(is_done, PATIENCE, lambda: f"{name} does not get its settings")

    def processes(self, function: str) -> list[int]:
        """The numbers of the processes that run a function, and of those that have run it and wait."""
        variable = f"AWS_LAMBDA_FUNCTION_NAME={self.stack.name}-{function}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it ended meanwhile, or is somebody else's
                variables = (folder / "environ").read_bytes().split(b"\0")
                if variable in variables and self.stack.endpoint.encode() in b"".join(variables):
                    found.append(int(folder.name))
        return found

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """Within it, nobody is told what happens in the bucket: as before there was a stack."""
        self.settle()
        told = self.s3.get_bucket_notification_configuration(Bucket=self.bucket)
        del told["ResponseMetadata"]
        self.s3.put_bucket_notification_configuration(Bucket=self.bucket, NotificationConfiguration={})
        try:
            yield
        finally:
            self.s3.put_bucket_notification_configuration(Bucket=self.bucket, NotificationConfiguration=told)

    def backfill(self, **asked: str) -> None:
        """Run the state machine to its end. Fails where it does."""
        started = self.machines.start_execution(stateMachineArn=self.outputs["Backfill"], input=json.dumps(asked))
        found: dict[str, Any] = {}

        def is_over() -> bool:
            found.update(self.machines.describe_execution(executionArn=started["executionArn"]))
            return bool(found["status"] != "RUNNING")

        wait_for(is_over, PATIENCE, lambda: f"the backfill does not end:\n{self.said()}")
        assert found["status"] == "SUCCEEDED", (found, self.said())

    def compact(self) -> None:
        """Have it compacted. Where the schedule's own call is under way no other may be, and this one waits."""

        def is_done() -> bool:
            try:
                self.call("compact")
            except self.functions.exceptions.TooManyRequestsException:
                return False
            return True

        wait_for(is_done, PATIENCE, lambda: f"the compactor does not end:\n{self.said()}")

    def call(self, function: str, payload: object = None) -> Any:
        """The answer of a function; what it raised is an error here too."""
        answer = self.functions.invoke(
            FunctionName=f"{self.stack.name}-{function}", Payload=json.dumps(payload or {}).encode()
        )
        text = answer["Payload"].read().decode()
        assert "FunctionError" not in answer, text
        return json.loads(text or "null")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within it, what happens in the bucket stays in the queue."""
        self.settle()
        name = f"{self.stack.name}-ingest"
        (mapping,) = self.functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        self.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        # LocalStack's poller ends when it has looked once more
        wait_for(
            lambda: self.functions.get_event_source_mapping(UUID=mapping["UUID"])["State"] == "Disabled",
            PATIENCE,
            lambda: "what is held is still polled",
        )
        try:
            yield
        finally:
            self.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)

    def take(self, count: int) -> list[str]:
        """So many messages of the queue, which are in it no more."""
        found: list[str] = []

        def is_enough() -> bool:
            answer = self.sqs.receive_message(QueueUrl=self.uploads, MaxNumberOfMessages=10)
            for message in answer.get("Messages", ()):
                found.append(message["Body"])
                self.sqs.delete_message(QueueUrl=self.uploads, ReceiptHandle=message["ReceiptHandle"])
            return len(found) >= count

        wait_for(is_enough, PATIENCE, lambda: f"{len(found)} of {count} messages came")
        return found

    def send(self, bodies: Sequence[str]) -> None:
        """Put these messages into the queue, in this order."""
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.uploads, MessageBody=body)

    def dead_keys(self) -> list[str]:
        """The objects whose messages are among the dead letters. They stay there."""
        answer = self.sqs.receive_message(QueueUrl=self.dead, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return sorted(key for message in answer.get("Messages", ()) for key in keys_of(message["Body"]))


def keys_of(body: str) -> list[str]:
    """The objects that a message names."""
    return [unquote_plus(record["s3"]["object"]["key"]) for record in json.loads(body)["Records"]]
