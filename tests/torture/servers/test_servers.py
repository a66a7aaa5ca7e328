"""What makes up the torture of real servers: that it notices what it looks for. The long tier does a little of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.servers.ledger import GONE, Ledger, Promised
from tests.torture.servers.run import SHARES, one
from tests.torture.servers.soak import growth

SECONDS = 20.0


def test_of_changes_that_were_acknowledged_the_last_one_has_to_be_there(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "a.ledger")
    for version in (1, 2):
        ledger.asks({"key": version})
        ledger.told({"key": version})
    promised = Promised().read([tmp_path / "a.ledger"])
    assert promised.acknowledged == 2
    assert promised.sure == ["key"]
    assert promised.broken_by({"key": 2}) == []
    assert promised.broken_by({"key": 1}) == ["key has version 1, and only [2] can be"]
    assert promised.broken_by({}) == ["key has version -1, and only [2] can be"]
    assert promised.broken_by({"key": 2, "other": 1}) == ["other is there, and nobody has added it"]


def test_a_change_that_nobody_acknowledged_may_have_happened_or_not(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "a.ledger")
    ledger.told({"key": 1})
    ledger.asks({"key": 2})
    ledger.asks({"key": GONE, "new": 3})
    promised = Promised().read([tmp_path / "a.ledger"])
    assert promised.sure == []
    for found in ({"key": 1}, {"key": 2}, {}, {"key": 1, "new": 3}):
        assert promised.broken_by(found) == []
    assert promised.broken_by({"key": 3})


def test_a_line_that_a_kill_cut_off_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.ledger"
    Ledger(path).told({"key": 1})
    path.write_bytes(path.read_bytes() + b'{"told": {"key"')
    assert Promised().read([path]).allowed == {"key": {1}}


MB = 1 << 20


@pytest.mark.parametrize(
    ("memory", "files", "said"),
    [(0.0, 0.0, []), (0.2, 0.0, ["memory grew"]), (0.0, 0.3, ["open files grew"]), (-0.5, -0.1, [])],
)
def test_what_grows_steadily_is_noticed_and_what_goes_up_and_down_is_not(
    memory: float, files: float, said: list[str]
) -> None:
    samples = [
        (float(t), int((200 + t * memory + 5 * (t % 3)) * MB), int(90 + t * files + 4 * (t % 2))) for t in range(300)
    ]
    failures, figures = growth(samples, 60)
    assert [failure.partition(" by")[0] for failure in failures] == said
    assert figures["seconds"] == "199"


def test_what_it_takes_to_warm_up_is_no_growth() -> None:
    samples = [(float(t), min(t, 80) * 3 * MB, min(t, 80)) for t in range(300)]
    assert growth(samples, 60)[0] == []


@pytest.mark.long
@pytest.mark.parametrize("name", SHARES)
def test_nothing_is_lost(name: str) -> None:
    figures = one(name, SECONDS, 1)
    assert not figures.failures
    if name != "full":
        assert figures.counts


def test_a_soak_that_is_too_short_says_nothing_and_one_that_was_long_enough_fails() -> None:
    samples = [(float(n), 1 << 27, 20) for n in range(4)]
    assert growth(samples, 5) == ([], {})
    assert growth(samples, 60)[0] == ["4 rounds of requests in 60 s: the service hardly answers"]
