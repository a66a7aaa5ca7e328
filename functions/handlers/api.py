"""Answers HTTP: the app of lookalike.web behind API Gateway."""

from __future__ import annotations

import boto3
from fastapi import FastAPI

from functions.aws import fanout
from functions.aws.addresses import BucketContents, BucketUploads
from functions.aws.events import Context, HttpRequest, HttpResponse
from functions.aws.front import Front
from functions.aws.observed import ObservedIndex
from functions.aws.opening import counted_store, open_index
from functions.aws.pictures import CONFIG, BucketPictures
from functions.aws.settings import Settings
from functions.aws.telemetry import Telemetry
from functions.aws.tokens import SecretTokens
from functions.aws.waker import Waker, caller
from lookalike.signatures.signers import ThreadSigner
from lookalike.web import WebSettings, create_app
from lookalike.web.http.access import Tokens

settings = Settings.from_env()
store = counted_store(settings)
telemetry = Telemetry("api", store)
telemetry.adopt("lookalike")
index = open_index(
    ObservedIndex,
    store,
    settings,
    max_staleness=settings.max_staleness,
    cache=settings.cache or None,
    cache_bytes=settings.cache_bytes,
    executor=fanout.executor(settings, telemetry),
)
call_compactor = caller(settings, telemetry.log)
index.observe(telemetry, store, Waker(call_compactor).look if call_compactor else None)
pictures = BucketPictures(boto3.client("s3", config=CONFIG), settings.images_bucket())
signer = ThreadSigner(index, settings.answer_seconds)


def build(tokens: Tokens) -> FastAPI:
    """The app for whoever has these tokens."""
    web = WebSettings(
        tokens=tokens,
        cors_origins=settings.cors_origins,
        picture_origins=(pictures.origin,),
        urls=settings.urls,
        url_seconds=settings.answer_seconds,
        max_body=settings.max_body,
        sign_seconds=settings.answer_seconds,
        # a function answers one request at a time
        concurrency=1,
    )
    app = create_app(index, web, signer=signer)
    most = index.settings.pictures.max_bytes
    app.state.uploads = BucketUploads(pictures, most, settings.address_seconds)
    app.state.elsewhere = BucketContents(pictures, settings.max_content, settings.address_seconds)
    return app


front = Front(
    SecretTokens(
        boto3.client("secretsmanager"),
        settings.tokens_secret,
        public=settings.public,
        seconds=settings.tokens_seconds,
        log=telemetry.log,
    ),
    build,
)


def handler(event: HttpRequest, context: Context) -> HttpResponse:
    """Called by API Gateway with each request."""
    with telemetry.invocation(context) as said:
        answer = front(event, context)
        # the path only: a query may hold what is nobody's business
        said.update(
            method=event["requestContext"]["http"]["method"], path=event["rawPath"], status=answer["statusCode"]
        )
        return answer
