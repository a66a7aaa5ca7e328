"""docs/operations.md explains every alarm, and names metrics and messages as they are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/operations.md").read_text(encoding="utf-8")


def rows(heading: str) -> set[str]:
    """The first cells of the tables below a heading, where they are names."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE))


def test_every_alarm_is_explained_and_no_other() -> None:
    template = (ROOT / "infra/alarms.yml").read_text(encoding="utf-8")
    alarms = set(re.findall(r"AlarmName: \$\{self:custom\.name\}-([\w-]+)", template))
    assert len(alarms) == 10
    assert {name for name in rows("Alarms") if not name.startswith("lookalike_")} == alarms


def test_metrics_are_called_as_they_are() -> None:
    source = (ROOT / "lookalike/web/metrics.py").read_text(encoding="utf-8")
    named = {name for name in rows("Alarms") if name.startswith("lookalike_")}
    assert len(named) > 3
    assert [name for name in named if f'"{name}"' not in source] == []


def test_what_verify_says_is_quoted_as_it_is() -> None:
    source = (ROOT / "shards/table/maintain/verify.py").read_text(encoding="utf-8")
    for said in ("could not be read", "belongs to no manifest", "is no object of an index"):
        assert said in source
        assert f"*{said}*" in PAGE


def test_the_order_for_other_tools_is_the_one_that_is_tried() -> None:
    from tests.shards.table.test_other_tools import RIGHT

    section = PAGE.split("### With other tools")[1].split("\n## ")[0]
    listed = re.findall(r"`(\w+/)`", section.split("\n1. ")[1].split("\n4. ")[0])
    assert tuple(listed) == RIGHT
