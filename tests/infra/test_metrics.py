"""Every metric that an alarm or the dashboard looks at is one that a function writes, as it is looked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.aws.telemetry import Metric
from tests.infra.recorded import NAME, Stack
from tests.infra.template import EXISTING, resources

Series = tuple[str, str, frozenset[tuple[str, str]]]
"""What CloudWatch keeps apart, and charges for: namespace, name and dimensions."""


def written(stack: Stack) -> set[Series]:
    """What the functions wrote in the embedded metric format, while they were called in every way that matters."""
    return {
        (directive["Namespace"], metric["Name"], frozenset((name, line[name]) for name in names))
        for line in stack.told
        if "_aws" in line
        for directive in line["_aws"]["CloudWatchMetrics"]
        for names in directive["Dimensions"]
        for metric in directive["Metrics"]
        if metric["Name"] in line
    }


def _alarmed(*chosen: str) -> Iterator[Series]:
    for alarm in resources("AWS::CloudWatch::Alarm", *chosen).values():
        dimensions = frozenset((one["Name"], str(one["Value"])) for one in alarm["Dimensions"])
        yield alarm["Namespace"], alarm["MetricName"], dimensions


def shown(*chosen: str) -> Iterator[Series]:
    """What the dashboard shows: namespace, name, then dimensions in turns, and what it is to look like."""
    (dashboard,) = resources("AWS::CloudWatch::Dashboard", *chosen).values()
    for widget in json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]:
        for namespace, metric, *rest in widget["properties"]["metrics"]:
            words = [one for one in rest if not isinstance(one, dict)]
            yield namespace, metric, frozenset(zip(words[::2], words[1::2], strict=True))


def ours(series: Iterator[Series]) -> set[Series]:
    return {one for one in series if not one[0].startswith("AWS/")}


def test_alarms_watch_what_functions_write(stack: Stack) -> None:
    watched = ours(_alarmed())
    assert len(watched) == 3
    assert watched <= written(stack)


def test_the_dashboard_shows_what_functions_write(stack: Stack) -> None:
    looked_at = ours(shown())
    assert len(looked_at) > 10
    assert looked_at <= written(stack)


def test_all_that_is_written_is_known_and_of_this_stack(stack: Stack) -> None:
    series = written(stack)
    assert {namespace for namespace, _, _ in series} == {NAME}
    assert {name for _, name, _ in series} == set(Metric.__args__)  # type: ignore[attr-defined] # typing's own way
    # 0.30 dollars a month each, while there is something to write: docs/aws.md
    assert len(series) == 19


@pytest.mark.parametrize("looked_at", [_alarmed, shown])
def test_two_stacks_have_no_metric_in_common(looked_at: Any) -> None:
    assert ours(looked_at()).isdisjoint(ours(looked_at(*EXISTING)))
    assert {namespace for namespace, _, _ in ours(looked_at(*EXISTING))} == {"pictures-prod"}
