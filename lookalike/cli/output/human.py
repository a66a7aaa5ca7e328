"""Numbers, sizes, times and names as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

UNITS = ("bytes", "KB", "MB", "GB", "TB", "PB")
"""Of 1,000 each, as disks and clouds count."""


def count(n: int, what: str = "", plural: str | None = None) -> str:
    """1 → "1 image", 1234 → "1,234 images"; the number alone without a noun."""
    if not what:
        return f"{n:,}"
    return f"{n:,} {what if n == 1 else plural or what + 's'}"


def size(n: float) -> str:
    """1536 → "1.5 KB"."""
    for unit in UNITS[:-1]:
        if n < 999.5:
            return f"{n:,.0f} {unit}" if unit == UNITS[0] or n >= 99.95 else f"{n:,.1f} {unit}"
        n /= 1000
    return f"{n:,.1f} {UNITS[-1]}"


def duration(seconds: float) -> str:
    """75.2 → "1 min 15 s"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def moment(ns: int) -> str:
    """Nanoseconds since 1970 → "2026-11-21 04:05:00", local time."""
    return datetime.fromtimestamp(ns / 1e9, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def moment_utc(ns: int) -> str:
    """Nanoseconds since 1970 → "2026-11-21T04:05:00.123Z", for programs."""
    return datetime.fromtimestamp(ns // 10**6 / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def pixels(width: int, height: int) -> str:
    return f"{width:,} × {height:,}"


def score(value: float) -> str:
    """Two places; 100.00 is for what is the same only, never for what was rounded up to it."""
    return "100.00" if value >= 100 else f"{min(value, 99.99):.2f}"


def distance(value: float | None) -> str:
    """Bits without a fraction, other units with four places, nothing where the family has no distance."""
    if value is None:
        return ""
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.4f}"


def shown(name: str) -> str:
    """A name on one line and without control characters, which could otherwise command the terminal."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode()
        for character in name
    )
