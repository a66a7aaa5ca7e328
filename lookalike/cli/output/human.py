"""Numbers, sizes, times and names as people read them.

Sizes are rich's, like those of the progress bar. The rest is by hand: humanize writes "1 minute and 15.20 seconds",
which is too long for a table, and knows no scores, distances, or keys that may hold control characters.
"""

from __future__ import annotations

from datetime import UTC, datetime


def count(n: int, what: str = "", plural: str | None = None) -> str:
    """Write a number with its noun: 1 → "1 image", 1234 → "1,234 images"; without a noun, the number alone."""
    if not what:
        return f"{n:,}"
    return f"{n:,} {what if n == 1 else plural or what + 's'}"


def size(n: int) -> str:
    """Write a number of bytes: 1536 → "1.5 kB". Units are of 1,000, as disks and clouds count."""
    # imported here: rich takes 9 ms, which `lookalike --help` need not pay
    from rich.filesize import decimal

    return decimal(n)


def duration(seconds: float) -> str:
    """Write a duration, the longer the coarser: 75.2 → "1 min 15 s"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def moment(ns: int) -> str:
    """Write nanoseconds since 1970 in local time: "2026-11-21 04:05:00"."""
    return datetime.fromtimestamp(ns / 1e9, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def moment_utc(ns: int) -> str:
    """Write nanoseconds since 1970 for programs: "2026-11-21T04:05:00.123Z"."""
    return datetime.fromtimestamp(ns // 10**6 / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def pixels(width: int, height: int) -> str:
    """Write the size of a picture: "640 × 480"."""
    return f"{width:,} × {height:,}"


def score(value: float) -> str:
    """Write a score with two places. "100.00" means the same signature: nothing is rounded up to it."""
    return "100.00" if value >= 100 else f"{min(value, 99.99):.2f}"


def distance(value: float | None) -> str:
    """Write a distance: bits without a fraction, other units with four places, "" where the family has none."""
    if value is None:
        return ""
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.4f}"


def shown(name: str) -> str:
    """Escape the control characters of a name: it stays on one line, and cannot command the terminal."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode()
        for character in name
    )
