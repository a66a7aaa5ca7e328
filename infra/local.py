"""`make aws-local`: deploys serverless.yml to a stand-in for AWS on this machine, and fills it.

`python -m infra.local start ministack` or `localstack`, and `python -m infra.local stop`.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from infra.engines import ENGINES, Engine
from infra.osls import ROOT, OslsError
from infra.stack import LocalStackError, Stack, wait_for

PICTURES = ROOT / "demo" / "pictures"

STACK = Stack(ROOT / "build" / "local")

FOUND_SECONDS = 600.0
"""Limit for the pictures to be found: the queue is polled every few seconds, and the first call starts the function."""


@dataclass(frozen=True, slots=True)
class Api:
    """What was deployed. `host`: as a browser and curl understand it; `token`: may do everything."""

    host: str
    token: str

    def ask(self, method: str, path: str, **rest: Any) -> httpx.Response:
        """Send one request, and return its answer."""
        headers = {"Authorization": f"Bearer {self.token}", "Host": self.host}
        return httpx.request(method, STACK.endpoint + path, headers=headers, timeout=60, **rest)


def main() -> None:
    """Start or stop the stand-in, as the argument says."""
    actions: dict[str, Callable[[], None]] = {
        f"start {name}": partial(start, engine) for name, engine in ENGINES.items()
    }
    chosen = (actions | {"stop": stop}).get(" ".join(sys.argv[1:]))
    if chosen is None:
        sys.exit(f"usage: python -m infra.local stop|start {'|'.join(ENGINES)}")
    try:
        chosen()
    except (LocalStackError, OslsError) as error:
        sys.exit(str(error))


def start(engine: Engine) -> None:
    """Start the stand-in, deploy to it, upload the demo's pictures, and wait until searches find them."""
    STACK.engine = engine
    os.environ.update(STACK.environment)
    STACK.start()
    print("deploying serverless.yml", flush=True)
    token = token_of_stack()
    # each is a process, and a call gets ten messages: more of them only wait for processors
    STACK.deploy("--param=ingest-concurrency=2")
    api = Api(STACK.host(), token)
    bucket = STACK.outputs()["ImagesBucket"]
    wait_until_found(api, upload_pictures(bucket))
    if not engine.has_schedules:
        STACK.client("lambda").invoke(FunctionName=f"{STACK.name}-compact", InvocationType="Event", Payload=b"{}")
    copy = PICTURES / "cat.jpg"
    answer = api.ask("POST", "/v1/search", params={"limit": 1}, content=copy.read_bytes()).raise_for_status()
    (hit,) = answer.json()["answers"][0]["hits"]
    print(f"most like {copy.relative_to(ROOT)}: {hit['key']}, score {hit['score']:.1f}")
    print(f"\nhttp://{api.host}\n  curl -H 'Authorization: Bearer {token}' http://{api.host}/v1/images")
    print(f"  pictures go to s3://{bucket}, at AWS_ENDPOINT_URL={STACK.endpoint}\n  make aws-local-stop ends it")


def stop() -> None:
    """Stop the stand-in, and delete its data."""
    print("stopped" if STACK.stop() else "it does not run")


def token_of_stack() -> str:
    """Create a token, put it into the stack's secret, and return it."""
    kept = STACK.folder / "token"
    if not kept.exists():
        kept.write_text(secrets.token_urlsafe(24))
    token = kept.read_text()
    client = STACK.client("secretsmanager")
    with suppress(client.exceptions.ResourceExistsException):
        client.create_secret(Name=f"{STACK.name}/tokens", SecretString=f"{token} read,write,admin local")
    return token


def upload_pictures(bucket: str) -> list[str]:
    """Put the demo's pictures into the image bucket, and return their keys."""
    paths = sorted(PICTURES.glob("*.jpg"))
    client = STACK.client("s3")
    for path in paths:
        client.upload_file(str(path), bucket, path.name)
    print(f"uploaded {len(paths)} pictures", flush=True)
    return [path.name for path in paths]


def wait_until_found(api: Api, names: list[str]) -> None:
    """Wait until the index has all these keys."""
    started = time.monotonic()

    def are_found() -> bool:
        return all(api.ask("GET", f"/v1/images/{name}").is_success for name in names)

    wait_for(are_found, FOUND_SECONDS, lambda: f"they are not found; {STACK.output} says why")
    print(f"all found after {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
