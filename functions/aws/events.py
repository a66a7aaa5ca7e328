"""Events of AWS, as far as the functions read them.

What a message of the queue says is read in `functions.aws.notifications`.

Sources: Lambda, "Using Lambda with Amazon SQS" and "Reporting batch item failures"; API Gateway, "Working with AWS
Lambda proxy integrations for HTTP APIs" (payload format 2.0).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NotRequired, Protocol, TypedDict


class Context(Protocol):
    """An invocation, as Lambda describes it."""

    @property
    def aws_request_id(self) -> str: ...

    def get_remaining_time_in_millis(self) -> int: ...


def ending(context: Context, reserve: float) -> Callable[[], bool]:
    """Return what says whether the time is over: the last `reserve` seconds are for what is under way."""
    return lambda: context.get_remaining_time_in_millis() < reserve * 1e3


class Message(TypedDict):
    """One message of a queue."""

    messageId: str
    body: str

    receiptHandle: NotRequired[str]
    """The name of this receipt of it, by which it can be given back."""

    attributes: NotRequired[dict[str, str]]
    """`ApproximateReceiveCount`: how often it was handed out."""


class QueueBatch(TypedDict):
    """The messages that a queue hands over in one call: 1 to 10,000."""

    Records: list[Message]


class MessageAgain(TypedDict):
    """A message that stays in the queue."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """The answer to a batch: messages that are not in it are deleted from the queue."""

    batchItemFailures: list[MessageAgain]


class Http(TypedDict):
    """The request line of a request to an HTTP API, and its sender."""

    method: str
    path: str
    sourceIp: str


class RequestContext(TypedDict):
    """The way by which a request came."""

    http: Http
    domainName: NotRequired[str]
    requestId: str
    stage: str


class HttpRequest(TypedDict):
    """A request to an HTTP API or to a function's own address, payload format 2.0.

    `body`: base64 where it is binary. `rawPath`: see `functions.aws.paths`.
    """

    version: str
    rawPath: str
    rawQueryString: str
    headers: dict[str, str]
    requestContext: RequestContext
    body: NotRequired[str]
    isBase64Encoded: bool


class HttpResponse(TypedDict):
    """The answer to an HttpRequest."""

    statusCode: int
    headers: dict[str, str]
    body: str
    isBase64Encoded: bool


class MergeRequest(TypedDict):
    """A merge that the compactor asks of a worker: one of `Index.due_merges`."""

    segments: list[str]


class MergeResponse(TypedDict):
    """The answer to a MergeRequest. `merged`: a `Merged` as JSON; null if somebody else was faster."""

    merged: dict[str, Any] | None


class CountRequest(TypedDict):
    """A prefix to count the pictures of. `so_far`: the answer of the call before."""

    prefix: NotRequired[str]
    so_far: NotRequired[dict[str, Any]]


class CollectRequest(TypedDict):
    """A call of the collector. `place`: where to begin among the thumbnails, 0 to 1; else the day says where."""

    place: NotRequired[float]


class CollectResponse(TypedDict):
    """What was deleted. `covered`: the share of the thumbnails that was looked at; `next`: the place to go on at."""

    objects: int
    bytes: int
    covered: float
    next: float | None
