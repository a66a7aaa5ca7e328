"""The command behind `make torture`."""

from __future__ import annotations

import logging
import os
import platform
import secrets
import sys
import time
from pathlib import Path

import click

from tests.torture.figures import Figures
from tests.torture.pages import counted, render, replaced
from tests.torture.parts import PARTS

PAGE = Path(__file__).parents[2] / "docs" / "trust.md"

HASH_SEED = "0"
"""Sets of names go in the same order in every run, or a seed would decide a little less than everything."""


@click.command()
@click.argument("parts", nargs=-1, metavar=f"[{'|'.join(PARTS)}]…")
@click.option("--minutes", default=10.0, show_default=True, help="How long, all parts together.")
@click.option("--seed", type=int, help="Where to begin; chosen at random and printed unless given.")
@click.option("--replay", help="What a failure has printed: that alone is done again, by the one part named.")
@click.option("--write-docs", is_flag=True, help="Write the figures into docs/trust.md, and count them to the others.")
def torture(parts: tuple[str, ...], minutes: float, seed: int | None, replay: str | None, write_docs: bool) -> None:
    """Try to make the store lose something."""
    # of all the clocks that are wrong on purpose
    logging.getLogger("lookalike").setLevel(logging.ERROR)
    chosen = {name: PARTS[name] for name in parts or PARTS if _is_part(name)}
    if replay is not None:
        (name,) = chosen
        sys.exit(_said(name, PARTS[name].replay(replay)))
    seed = secrets.randbelow(10**9) if seed is None else seed
    failed = False
    for name, part in chosen.items():
        share = minutes * part.share / sum(one.share for one in chosen.values())
        click.echo(f"{name}: about {share:.1f} minutes, seed {seed}")
        started = _processor()
        figures = part.run(share, seed)
        where = _where(_processor() - started, seed)
        page = PAGE.read_text(encoding="utf-8")
        text = render(where, counted(page, name).plus(figures.counts), figures)
        click.echo(text)
        failed |= _said(name, figures)
        if write_docs and not figures.failures:
            PAGE.write_text(replaced(page, name, text), encoding="utf-8")
    sys.exit(failed)


def _is_part(name: str) -> bool:
    if name not in PARTS:
        raise click.BadParameter(f"{name!r} is no part; there are {', '.join(PARTS)}")
    return True


def _said(name: str, figures: Figures) -> bool:
    """Print the failures, and how to see each again; return True if there are any."""
    for failure in figures.failures:
        click.echo(f"FAILED {failure.what}\nagain: make torture PARTS={name} REPLAY={failure.replay}\n", err=True)
    return bool(figures.failures)


def _processor() -> float:
    """Return the processor's seconds of this process, and of all that it has started and seen end."""
    return sum(os.times()[:4])


def _where(seconds: float, seed: int) -> str:
    """Return when, on what and how a run was made."""
    cpu = platform.processor() or platform.machine()
    try:
        names = [
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ]
    except OSError:
        names = []
    return (
        f"{time.strftime('%Y-%m-%d', time.gmtime())}, {names[0] if names else cpu}, {platform.system()}, Python"
        f" {platform.python_version()}; {seconds:,.0f} s of one core, seed {seed}."
    )


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        os.environ["PYTHONHASHSEED"] = HASH_SEED
        os.execv(sys.executable, [sys.executable, "-m", "tests.torture", *sys.argv[1:]])
    torture()
