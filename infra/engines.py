"""The programs that stand in for AWS on this machine: how each is run, and what it cannot do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
"""Loopback only: a stand-in asks for no password."""

REGION = "us-east-1"

ENVIRONMENTS = Path(sys.prefix)
"""`make` puts the environment of each beside that of this process."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stand-in keeps its data, and listens. `functions_at_once` is what the account may run."""

    folder: Path
    port: int
    functions_at_once: int


@dataclass(frozen=True, slots=True)
class Engine:
    """A stand-in for AWS."""

    name: str
    program: Path
    """The Python that has it."""

    module: str
    """What that Python runs; it tells its process from others."""

    health: str
    """Path that answers once it is ready."""

    chosen: tuple[str, ...]
    """Parameters of serverless.yml that it needs."""

    has_schedules: bool
    """Without them, somebody has to call the compactor."""

    variables: Callable[[Place], Mapping[str, str]]
    """Return its settings."""

    host: Callable[[Callable[[str], Any], str, int], str]
    """Return the name of the host by which it knows requests to the API: of (client of a service, stack, port)."""


def _ministack(place: Place) -> Mapping[str, str]:
    return {
        # of the roles of functions; who has the keys of `Stack.environment` may do everything
        "AUTH": "true",
        "REFUSALS": str(place.folder / "refusals.jsonl"),
        "LAMBDA_ACCOUNT_CONCURRENCY": str(place.functions_at_once),
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(place.port),
        # the API's address is http://ID.execute-api.HOST: every name below localhost is this machine
        "MINISTACK_HOST": "localhost",
        # what it unpacks and keeps goes when the folder goes
        "TMPDIR": str(place.folder / "tmp"),
        "STATE_DIR": str(place.folder / "state"),
        "S3_DATA_DIR": str(place.folder / "s3"),
    }


def _http_api(client: Callable[[str], Any], stack: str, port: int) -> str:
    (found,) = client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    (api,) = (one["OutputValue"] for one in found["Outputs"] if one["OutputKey"] == "HttpApiId")
    return f"{api}.execute-api.localhost:{port}"


MINISTACK = Engine(
    name="ministack",
    program=ENVIRONMENTS / "local" / "bin" / "python",
    module="infra.stand_in",
    health="/_ministack/health",
    chosen=(),
    has_schedules=True,
    variables=_ministack,
    host=_http_api,
)
"""The usual one. It refuses what AWS refuses."""


def _localstack(place: Place) -> Mapping[str, str]:
    plugins = place.folder / "plugins"
    package = plugins / "lookalike_executor-0.dist-info"
    package.mkdir(parents=True, exist_ok=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: lookalike-executor\nVersion: 0\n")
    (package / "entry_points.txt").write_text(
        "[localstack.lambda.runtime_executor]\nprocesses = infra.localstack_executor:ProcessExecutorPlugin\n"
    )
    return {
        # any other server of it binds every address
        "GATEWAY_SERVER": "hypercorn",
        "GATEWAY_LISTEN": f"{HOST}:{place.port}",
        "LOCALSTACK_HOST": f"localhost:{place.port}",
        # nothing is asked of its makers, or told to them
        "DNS_ADDRESS": "0",
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "S3_SKIP_SIGNATURE_VALIDATION": "0",
        # it runs functions in containers; this plug-in, as processes of the Python that has what they import
        "LAMBDA_RUNTIME_EXECUTOR": "processes",
        "FUNCTION_PYTHON": str(MINISTACK.program),
        "PYTHONPATH": str(plugins),
        "TMPDIR": str(place.folder / "tmp"),
        # of the names of plug-ins
        "XDG_CACHE_HOME": str(place.folder / "cache"),
    }


def _function_url(client: Callable[[str], Any], stack: str, port: int) -> str:
    functions, name = client("lambda"), f"{stack}-api"
    try:
        found = functions.get_function_url_config(FunctionName=name)
    except functions.exceptions.ResourceNotFoundException:
        found = functions.create_function_url_config(FunctionName=name, AuthType="NONE")
    return f"{found['FunctionUrl'].split('/')[2].partition('.')[0]}.lambda-url.{REGION}.localhost:{port}"


LOCALSTACK = Engine(
    name="localstack",
    program=ENVIRONMENTS / "localstack" / "bin" / "python",
    module="localstack.runtime.main",
    health="/_localstack/health",
    # its state machines make no batches
    chosen=("--param=backfill=false",),
    has_schedules=False,
    variables=_localstack,
    # its HTTP APIs need a licence
    host=_function_url,
)
"""The one that many know. Its schedules never fire, and it compares nothing with roles."""

ENGINES = {engine.name: engine for engine in (MINISTACK, LOCALSTACK)}
