"""A browser and a server for each test process, and for each test an index of its own and a visit to its page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from lookalike.web import WebSettings
from shards.table.format.records import Record
from tests.browser import service as services
from tests.browser.service import Host, Service
from tests.browser.visit import Visit
from tests.patience import PATIENCE

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""Those first that take less of a processor."""

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
"""A browser that asks nobody for anything, and runs as root in a container."""

DESKTOP = {"width": 1280, "height": 860}

PATIENCE_MS = PATIENCE * 1000

expect.set_options(timeout=PATIENCE_MS)


def chromium() -> str | None:
    """Where this machine's browser is."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Gone when these tests are over: Playwright has an event loop running in this thread as long as it lives."""
    path = chromium()
    if path is None:
        pytest.fail("there is no browser to test the page with: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS), timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pictures of the index, by key."""
    return services.photographs(tmp_path_factory.mktemp("photographs"))


@pytest.fixture(scope="session")
def signed(files: dict[str, Path]) -> list[Record]:
    return services.signed(files)


@pytest.fixture
def records(signed: list[Record]) -> list[Record]:
    """What is in the index; a test that needs something else has a fixture of this name."""
    return signed


@pytest.fixture
def settings() -> WebSettings:
    """How the index is served; a test that needs something else has a fixture of this name."""
    return WebSettings()


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    with services.hosted() as host:
        yield host


@pytest.fixture
def service(host: Host, records: list[Record], settings: WebSettings) -> Iterator[Service]:
    with host.serving(records, settings) as service:
        yield service


@pytest.fixture
def look() -> dict[str, object]:
    """What the browser is like: size of the window, colours."""
    return {"viewport": DESKTOP, "color_scheme": "light"}


@pytest.fixture(scope="package")
def contexts() -> dict[str, BrowserContext]:
    """By look: a browser that has been here before keeps the page's files, and nothing else."""
    return {}


@pytest.fixture
def visit(
    browser: Browser, contexts: dict[str, BrowserContext], service: Service, look: dict[str, object]
) -> Iterator[Visit]:
    context = contexts.get(repr(look))
    if context is None:
        context = contexts[repr(look)] = browser.new_context(**look)  # type: ignore[arg-type] # of a test's choice
        context.set_default_timeout(PATIENCE_MS)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit = Visit(context.new_page(), service)
    yield visit
    visit.page.close()
    if visit.unexpected():
        # it may be left in any state, such as with a clock that stands
        contexts.pop(repr(look)).close()
        visit.verdict()
    assert not context.cookies(), "the page left a cookie"
    visit.verdict()
