"""What the functions ask of AWS, as actions on resources, written down while they are called.

The index lies in memory and S3 is moto's; functions call each other for real. What Lambda itself does for a function,
which is to write its log and to read its queue, happens nowhere here.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

import boto3
import pytest
from botocore.awsrequest import AWSResponse

import functions.aws.opening
import shards.storage
from shards.errors import ObjectNotFound
from shards.storage import Store
from shards.storage.delegating import DelegatingStore, Verb
from shards.storage.memory import MemoryStore
from tests.functions.stage import Invocation, load

ACCOUNT, REGION = "123456789012", "us-east-1"
NAME = "lookalike-dev"
IMAGES = f"{NAME}-images-{ACCOUNT}-{REGION}"
INDEX = f"{NAME}-index-{ACCOUNT}-{REGION}"

Result = TypeVar("Result")

Use = tuple[str, str]
"""(action, ARN of the resource)."""


ACTIONS: Mapping[Verb, str] = {
    "get": "GetObject",
    "get_ranges": "GetObject",
    "size": "GetObject",
    "create": "PutObject",
    "delete": "DeleteObject",
}
"""What the role of a function needs for a request, besides listing."""


class RecordedStore(DelegatingStore):
    """The index's folder of its bucket, as one function sees it."""

    def __init__(self, inner: Store, used: set[Use]) -> None:
        super().__init__(inner)
        self.used = used

    @property
    def url(self) -> str:
        return f"s3://{INDEX}/index"

    @property
    def mapped(self) -> bool:
        return False

    def request(self, verb: Verb, name: str, send: Callable[[], Result]) -> Result:
        if verb == "list":
            self.used.add(("s3:ListBucket", f"arn:aws:s3:::{INDEX}"))
        else:
            for part in name.split():
                self._used(ACTIONS[verb], part)
        return super().request(verb, name, send)

    def _used(self, action: str, name: str) -> None:
        self.used.add((f"s3:{action}", f"arn:aws:s3:::{INDEX}/index/{name}"))
        if action == "GetObject":
            try:
                self.inner.size(name)
            except ObjectNotFound:
                # who may not list is told 403
                self.used.add(("s3:ListBucket", f"arn:aws:s3:::{INDEX}"))


@dataclass
class Stack:
    """The functions of a stack, each loaded when it is first called.

    `used`: by function; `last`: what each was called with; `told`: the JSON lines that they printed, of metrics too;
    `broken`: those whose calls fail.
    """

    monkeypatch: pytest.MonkeyPatch
    store: MemoryStore = field(default_factory=MemoryStore)
    used: dict[str, set[Use]] = field(default_factory=dict)
    modules: dict[str, ModuleType] = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def function(self, name: str, **environment: str) -> ModuleType:
        """The module of a function, with everything it asks for written down as used by `name`."""
        if name not in self.modules:
            used = self.used.setdefault(name, set())
            recorded = RecordedStore(self.store, used)
            self.monkeypatch.setattr(shards.storage, "open_store", lambda url: recorded)
            self.monkeypatch.setattr(functions.aws.opening, "open_store", lambda url: recorded)
            self._watch_clients(used)
            common = {
                "LOOKALIKE_STACK": NAME,
                "LOOKALIKE_INDEX": recorded.url,
                "LOOKALIKE_IMAGES": IMAGES,
                "LOOKALIKE_FAMILIES": "dhash",
            }
            self.modules[name] = load(name, self.monkeypatch, **common, LOOKALIKE_SHARDS="1", **environment)
        return self.modules[name]

    def call(self, function: str, event: Any) -> Any:
        """What it answers, as JSON on its way."""
        self.last[function] = event
        with redirect_stdout(io.StringIO()) as printed:
            answer = self.modules[function].handler(json.loads(json.dumps(event)), Invocation(900))
        self.told += map(json.loads, printed.getvalue().splitlines())
        return json.loads(json.dumps(answer))

    def _watch_clients(self, used: set[Use]) -> None:
        """Have the clients that are made next say what they are called with."""
        boto3.setup_default_session(region_name=REGION)
        session = boto3._get_default_session()
        session.events.register("provide-client-params.*", lambda **call: used.update(_uses(call)))
        session.events.register("before-call.lambda.Invoke", self._invoke)

    def _invoke(self, params: Mapping[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        """Call one function from another, instead of a request."""
        name = params["url_path"].split("/")[3].removeprefix(f"{NAME}-")
        if name in self.broken:
            return _response(b'{"errorMessage":"out of memory"}', FunctionError="Unhandled")
        answer = b""
        if params["headers"]["X-Amz-Invocation-Type"] == "RequestResponse":
            answer = json.dumps(self.call(name, json.loads(params["body"]))).encode()
        return _response(answer)


def _response(answer: bytes, **more: str) -> tuple[AWSResponse, dict[str, Any]]:
    """What boto3 makes of Lambda's answer."""
    response = AWSResponse("", 200, {}, io.BytesIO())
    return response, {"StatusCode": 200, "Payload": io.BytesIO(answer), "ResponseMetadata": {}, **more}


def _uses(said: Mapping[str, Any]) -> Iterator[Use]:
    """The actions that a call of boto3 needs. Raises KeyError for a call that is not known here: then add it."""
    operation, params = said["model"].name, said["params"]
    if operation == "Invoke":
        yield "lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{params['FunctionName']}"
    elif operation == "GetSecretValue":
        # Secrets Manager puts six characters behind the name
        yield (
            "secretsmanager:GetSecretValue",
            f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{params['SecretId']}-aB3dE6",
        )
    elif operation == "ChangeMessageVisibilityBatch":
        yield "sqs:ChangeMessageVisibility", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{params['QueueUrl'].rsplit('/', 1)[1]}"
    elif operation == "ListObjectsV2":
        yield "s3:ListBucket", f"arn:aws:s3:::{params['Bucket']}"
    else:
        action = {"GetObject": "GetObject", "HeadObject": "GetObject", "PutObject": "PutObject"}[operation]
        yield f"s3:{action}", f"arn:aws:s3:::{params['Bucket']}/{params['Key']}"
        if params["Key"].startswith("gone/"):
            # who may not list is told 403
            yield "s3:ListBucket", f"arn:aws:s3:::{params['Bucket']}"
