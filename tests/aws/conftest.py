"""serverless.yml, deployed to a stand-in for AWS on this machine: once for all tests of this folder."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.engines import ENGINES, LOCALSTACK, MINISTACK, Engine
from infra.stack import FUNCTIONS_AT_ONCE, Stack
from tests.aws.place import Place
from tests.servers import free_ports, localstack_unavailable

CHOSEN = (
    # a process each, and what one of them starts with takes a processor more than a second
    "--param=ingest-concurrency=2",
    "--param=backfill-concurrency=2",
    # a test waits until a corrupt picture was tried five times
    "--param=ingest-again=2",
    # few, so that a test makes enough segments of one shard to be merged
    "--param=shards=2",
    # of a few hundred pictures there is not much to fetch: a worker is to fetch it all the same
    "--param=alone-bytes=1",
)


@contextmanager
def deployed(
    folder: Path,
    stage: str,
    *chosen: str,
    prepare: Callable[[Stack], None] = lambda _: None,
    functions_at_once: int = FUNCTIONS_AT_ONCE,
    engine: Engine = MINISTACK,
) -> Iterator[Place]:
    """A deployed stack, and a token for it. `prepare` makes what is there before it."""
    (port,) = free_ports(1)
    stack = Stack(folder, port, stage, functions_at_once=functions_at_once, engine=engine)
    with pytest.MonkeyPatch.context() as patch:
        for variable in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(variable)
        for variable, value in stack.environment.items():
            patch.setenv(variable, value)
        try:
            stack.start()
            token = secrets.token_urlsafe(24)
            stack.client("secretsmanager").create_secret(
                Name=f"{stack.name}/tokens", SecretString=f"{token} read,write,admin test"
            )
            prepare(stack)
            stack.deploy(*CHOSEN, *chosen)
            found = Place(stack, token)
            with found.http:
                yield found
        finally:
            stack.stop()


@pytest.fixture(scope="package", params=[MINISTACK.name, pytest.param(LOCALSTACK.name, marks=pytest.mark.long)])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The deployed stack. Without Node.js or the stand-in, its tests fail and say what to do."""
    engine = ENGINES[request.param]
    if engine is LOCALSTACK and (reason := localstack_unavailable()):
        pytest.skip(reason)
    with deployed(tmp_path_factory.mktemp("aws"), "test", engine=engine) as found:
        yield found


@pytest.fixture(autouse=True)
def nothing_is_refused(place: Place) -> Iterator[None]:
    """Fail a test in which a function asked for more than its role allows, or than an account can do."""
    before = len(place.stack.refused())
    yield
    refused = place.stack.refused()[before:]
    assert not refused, "\n".join(map(str, refused))
