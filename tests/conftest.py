"""What all tests share: hypothesis profiles, a real S3 server, and a fresh store of any backend."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import settings

from shards.storage import Store, cloud, open_store
from tests.patience import PATIENCE
from tests.servers import BUCKET, S3Server, s3_unavailable
from tests.tiers import scaled

# the contracts' assertions are to be as talkative as those of the tests that inherit them
pytest.register_assert_rewrite("shards.testing")

# no deadline: how long an example takes says more about the machine than about the code. The same examples each time,
# so that a failure belongs to the change that was made; HYPOTHESIS_PROFILE=thorough looks for new ones
settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True, max_examples=scaled(100))
settings.register_profile("thorough", parent=settings.get_profile("ci"), max_examples=2_000, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

OUTSIDE = ("aws", "browser", "infra")
"""Folders whose tests need a browser, Node.js, or the stand-in for AWS."""

BACKENDS = ("memory", "local", "cloud")

MakeStore: TypeAlias = Callable[[str], Store]
"""From the name of a backend to a fresh, empty store of it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(Path(__file__).parent).parts[0] in OUTSIDE:
            item.add_marker(pytest.mark.outside)


@pytest.fixture(autouse=True)
def _state_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what programs note for their user out of the user's home."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """An S3 server, one for each test process, so that parallel runs share nothing."""
    reason = s3_unavailable()
    if reason:
        pytest.skip(reason)
    with S3Server() as server:
        yield server


@pytest.fixture
def s3_environment(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, with this process and those it starts configured to use it, as a user would."""
    for variable in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(variable)
    for variable, value in s3_server.environment.items():
        monkeypatch.setenv(variable, value)
    # a server that gets no processor for a while has not stalled
    monkeypatch.setattr(cloud, "STALLED", timedelta(seconds=PATIENCE))
    monkeypatch.setitem(cloud.RETRIES, "retry_timeout", timedelta(seconds=PATIENCE))
    return s3_server


@pytest.fixture
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    """`make_store(backend)`: a fresh, empty store; `open_store(store.url)` opens it again during the test.

    Backends are those of BACKENDS. A store in memory can be opened again in this process only.
    """

    def make(backend: str) -> Store:
        name = uuid.uuid4().hex
        if backend == "memory":
            return open_store(f"memory://{name}")
        if backend == "local":
            return open_store(str(tmp_path / name))
        assert backend == "cloud", f"{backend!r} is none of {BACKENDS}"
        request.getfixturevalue("s3_environment")
        return open_store(f"s3://{BUCKET}/{name}")

    return make


@pytest.fixture(params=BACKENDS)
def store(request: pytest.FixtureRequest, make_store: MakeStore) -> Store:
    """A fresh, empty store: a test that asks for this runs once on every backend."""
    return make_store(str(request.param))
