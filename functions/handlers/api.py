"""Answers HTTP: the app of lookalike.web behind API Gateway."""

from __future__ import annotations

import boto3

from functions.aws import fanout, pools
from functions.aws.bucket import CONFIG, BucketOriginals
from functions.aws.calls import compactor_wake
from functions.aws.events import Context, HttpRequest, HttpResponse
from functions.aws.front import Front, app_builder
from functions.aws.image_folder import ImageFolder
from functions.aws.opening import ObservedIndex, counted_store, open_index
from functions.aws.settings import Settings
from functions.aws.telemetry import Telemetry
from functions.aws.tokens import SecretTokens
from lookalike.signatures.async_pool import AsyncProcessPool
from lookalike.upkeep.waker import Waker

settings = Settings.from_env()
folder = ImageFolder.of(settings)
store = counted_store(settings)
telemetry = Telemetry("api", store)
telemetry.adopt("lookalike")
bucket = BucketOriginals(boto3.client("s3", config=CONFIG), folder.bucket)
opened = open_index(
    store,
    settings,
    originals=[bucket.url("")],
    max_staleness=settings.max_staleness,
    cache=settings.cache or None,
    cache_bytes=settings.cache_bytes,
    executor=fanout.executor(settings, telemetry),
)
wake = compactor_wake(settings, telemetry.log)
index = ObservedIndex(opened, telemetry, store, Waker(wake).look if wake else None)
pool = AsyncProcessPool(pools.pool(index.settings, settings, settings.answer_seconds))
tokens = SecretTokens(
    boto3.client("secretsmanager"),
    settings.tokens_secret,
    public=settings.public,
    seconds=settings.tokens_seconds,
    log=telemetry.log,
)
front = Front(tokens, app_builder(index, pool, bucket, folder, settings))


def handler(event: HttpRequest, context: Context) -> HttpResponse:
    """Answer a request: API Gateway calls this with each."""
    with telemetry.invocation(context) as facts:
        answer = front(event, context)
        # the path only: a query may hold what is nobody's business
        method, path = event["requestContext"]["http"]["method"], event["rawPath"]
        facts.update(method=method, path=path, status=answer["statusCode"])
        return answer
