"""A progress bar with rate, time left and failures; invisible where nobody watches."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import ProgressColumn, TaskID

REDRAW_SECONDS = 0.1
"""Time between two updates of the bar. Updating it for each of 200,000 files would take longer than checking them."""


class Progress:
    """A progress bar, as a context manager. `total` is None while it is unknown."""

    def __init__(self, is_shown: bool, what: str, total: int | None, in_bytes: bool, failing: str = "failed") -> None:
        """Show a bar, or nothing. `failing`: what is said of those that are counted as failed."""
        self._failing = failing
        self._done = self._failed = 0
        self._drawn = 0.0
        self._bars: Bars | None = None
        if is_shown:
            self._bars = _bars(total, in_bytes)
            self._task: TaskID = self._bars.add_task(what, total=total, failed="")

    def __enter__(self) -> Progress:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._draw()
            self._bars.stop()

    def advance(self, n: int = 1, *, failed: int = 0) -> None:
        """Count `n` more as done, `failed` of them as failed."""
        self._done += n
        self._failed += failed
        if self._bars is not None and time.monotonic() - self._drawn >= REDRAW_SECONDS:
            self._draw()

    def _draw(self) -> None:
        if self._bars is not None and self._done + self._failed:
            told = f"{self._failed:,} {self._failing}" if self._failed else ""
            self._bars.update(self._task, completed=self._done, failed=told)
            self._drawn = time.monotonic()

    def update(self, done: int, total: int) -> None:
        """Set the bar to `done` of `total`."""
        if self._bars is not None:
            self._bars.update(self._task, completed=done, total=total)

    def say(self, line: str) -> None:
        """Print a line on stderr, above the bar if there is one."""
        if self._bars is not None:
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(line, err=True)


def _bars(total: int | None, in_bytes: bool) -> Bars:
    from rich import progress
    from rich.console import Console

    class Rate(progress.ProgressColumn):
        def render(self, task: progress.Task) -> str:
            return f"{task.speed:,.0f}/s" if task.speed else ""

    columns: list[ProgressColumn] = [progress.TextColumn("{task.description}", markup=False)]
    if total is None and not in_bytes:
        columns += [progress.SpinnerColumn(), progress.TextColumn("{task.completed:,}")]
    else:
        columns += [progress.BarColumn()]
        columns += (
            [progress.DownloadColumn(), progress.TransferSpeedColumn()]
            if in_bytes
            else [progress.MofNCompleteColumn(), Rate()]
        )
        columns += [progress.TimeRemainingColumn(elapsed_when_finished=True)]
    columns += [progress.TextColumn("{task.fields[failed]}", style="red", markup=False)]
    # not redirected: what the command prints on stdout belongs there, and not on the terminal of the bar
    console = Console(stderr=True)
    return progress.Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
