"""The two tiers of tests, and how much a test does in each.

`make test` is the first tier: all but what has the mark `long`. It takes six minutes at most on two idle cores, and
holds on a busy machine: no test waits for real time to pass, or fails because something took long.

`make test-long` is the second: what has the mark `long`; and once more, with twenty times as many examples, seeds or
rounds, what has the mark `scaled` and every property test of hypothesis. It takes an hour at most.

The mark `outside` is for tests that need a browser, Node.js, the stand-in for AWS, or the very versions that are
deployed. All others are the unit and contract tests, which `make test-newest` and `make test-oldest` run.
"""

from __future__ import annotations

import os

LENGTH = int(os.environ.get("LOOKALIKE_TEST_LENGTH", "1"))
"""1 in the first tier."""


def scaled(number: int) -> int:
    """Return how many examples a test looks at of which `number` are enough, in most of its runs, to see a fault.

    The first tier, which is run again and again, looks at half as many; a longer one at `LENGTH` times as many.
    """
    return number * LENGTH if LENGTH > 1 else (number + 1) // 2
