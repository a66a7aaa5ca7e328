"""A visit to the page: what a test does there, and what must not happen meanwhile."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Locator, Page, Request

from tests.browser.service import Service

GIVE = """([kind, files, text]) => {
    const data = new DataTransfer();
    for (const [name, type, content] of files) {
        const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
        data.items.add(new File([bytes], name, { type }));
    }
    if (text) data.setData("text/plain", text);
    const bubbles = { bubbles: true, cancelable: true };
    if (kind === "paste") {
        document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, ...bubbles }));
        return;
    }
    for (const step of ["dragenter", "dragover", "drop"]) {
        document.body.dispatchEvent(new DragEvent(step, { dataTransfer: data, ...bubbles }));
    }
}"""
"""Drops or pastes files or a text, as another window would."""


AT_REST = """() => document.querySelector("dialog.small[open], [role=alert]")
    || ![...document.querySelectorAll(".ghost, [aria-busy=true]")].some((one) => one.checkVisibility())"""
"""Whether what was asked for is there, or the page asks or complains instead."""

ANSWERED = (
    """() => document.querySelector(".search .found[aria-busy=false] h1.summary:not(.ghost)")?.checkVisibility()"""
)


@dataclass
class Visit:
    """The page of a service. `expected`: patterns of what the console may say in this test, given before it does: at
    anything else the page is closed. `elsewhere`: where it may send requests, but for the service itself."""

    page: Page
    service: Service
    expected: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list, repr=False)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self._complain(f"error: {error}"))
        self.page.on("request", lambda request: self.requests.append(request))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._complain(f"{message.text} ({message.location.get('url', '')})")

    def _complain(self, said: str) -> None:
        self.complaints.append(said)
        if self.unexpected():
            # the test has failed, and must not wait any longer for what may never come
            self.page.close()

    def unexpected(self) -> list[str]:
        """What the console says and should not."""
        return [said for said in self.complaints if not any(re.search(one, said) for one in self.expected)]

    def verdict(self) -> None:
        """Fails where a script failed, the policy of the page was violated, or something was asked of another host."""
        wrong = self.unexpected()
        assert not wrong, f"the console says {wrong}"
        hosts = {urlsplit(request.url).netloc for request in self.requests if request.url.startswith("http")}
        known = {urlsplit(url).netloc for url in (self.service.url, *self.elsewhere)}
        assert hosts <= known, f"other hosts were asked: {hosts - known}"

    def open(self, place: str = "") -> None:
        """Goes there, and waits for what is to be seen there; `expect` asks less often, and so later."""
        self.page.goto(self.service.url + place)
        self.page.wait_for_function(AT_REST)

    def drop(self, *files: Path) -> None:
        self.page.evaluate(GIVE, ["drop", [_content(file) for file in files], ""])

    def paste(self, *files: Path, text: str = "") -> None:
        self.page.evaluate(GIVE, ["paste", [_content(file) for file in files], text])

    @property
    def cards(self) -> Locator:
        """The images that can be seen now."""
        return self.page.locator("li.card[data-key]:visible")

    def shown(self) -> list[str]:
        return [str(key) for key in self.cards.evaluate_all("cards => cards.map(card => card.dataset.key)")]

    def card(self, key: str) -> Locator:
        return self.page.locator(f'li.card[data-key="{key}"]:visible')

    def answered(self) -> None:
        """Waits for the answer to a search."""
        self.page.wait_for_function(ANSWERED)

    @contextmanager
    def standing_clock(self) -> Iterator[Callable[[int], None]]:
        """Stop the page's clock within it; it gives what lets milliseconds pass."""
        clock = self.page.clock
        clock.install()
        clock.pause_at(datetime.now(UTC) + timedelta(hours=1))
        try:
            yield clock.run_for
        finally:
            # it is the clock of the pages to come too
            clock.resume()

    def asked(self, path: str) -> Iterator[Request]:
        """What was requested of this path so far."""
        return (request for request in self.requests if urlsplit(request.url).path == path)


def _content(file: Path) -> tuple[str, str, str]:
    return file.name, "image/jpeg", base64.b64encode(file.read_bytes()).decode()
