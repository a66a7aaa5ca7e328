"""Logs and metrics of a function: one JSON line for each thing that happened, and CloudWatch's metrics.

Metrics are written as log lines too, in CloudWatch's embedded metric format: no request, and no permission. Their
namespace is the name of the stack, so what two stacks measure is never added up. (A second dimension would do the same
for the same price, which is by the combination of namespace, name and dimensions, and make every line longer.)
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, TextIO, TypeAlias

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from functions.aws.counted import Counted
from functions.aws.events import Context
from functions.aws.settings import stack_name
from lookalike.ingest.outcome import Failure

Metric: TypeAlias = Literal[
    "ImagesAdded",
    "ImagesDeleted",
    "Skipped",
    "Failed",
    "UploadToSearchable",
    "QueryTime",
    "QueryBytes",
    "QueryRequests",
    "PartialAnswers",
    "TailObjects",
    "TailBytes",
    "Merges",
    "MergesFailed",
    "ObjectsCollected",
]

UNITS: Mapping[Metric, MetricUnit] = {
    "UploadToSearchable": MetricUnit.Milliseconds,
    "QueryTime": MetricUnit.Milliseconds,
    "QueryBytes": MetricUnit.Bytes,
    "TailBytes": MetricUnit.Bytes,
}
"""All others are counts. `QueryBytes` and `QueryRequests` have several values for a query, of which the sum counts."""


class Telemetry:
    """The log and the metrics of one function. Its name stands in every line, and is the one dimension of every metric.

    `clock` gives seconds that only rise.
    """

    def __init__(
        self,
        function: str,
        store: Counted | None = None,
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.log = Logger(service=function, stream=stream or sys.stdout)
        self._metrics = EphemeralMetrics(namespace=stack_name(), service=function)
        self._store = store
        self._clock = clock
        self._is_cold = True

    def adopt(self, name: str) -> None:
        """Send what is logged by the logger of this name the same way."""
        logger = logging.getLogger(name)
        logger.handlers = list(self.log.handlers)
        logger.propagate = False

    def measure(self, metric: Metric, value: float = 1) -> None:
        """Add one value; CloudWatch knows sums, averages and percentiles of them."""
        self._metrics.add_metric(metric, UNITS.get(metric, MetricUnit.Count), value)

    def warn(self, message: str, **facts: Any) -> None:
        """Log something that should not have happened."""
        self.log.warning(message, extra=facts)

    def warn_of(self, failure: Failure) -> None:
        """Log that an original was not added."""
        # of a mistake in the code, the place matters
        trace = failure.error if failure.is_mistake else None
        facts = {"key": failure.key, "reason": failure.reason, "error": failure.message}
        self.log.warning("not added", exc_info=trace, extra=facts)

    @contextmanager
    def invocation(self, context: Context) -> Iterator[dict[str, Any]]:
        """Log one call: every line in it has the request's id, and a last one says how it went, even if it fails.

        Yields facts for that last line, to be added to.
        """
        self.log.append_keys(request_id=context.aws_request_id, cold_start=self._is_cold)
        self._is_cold = False
        facts: dict[str, Any] = {}
        started = self._clock()
        before = self._store.traffic if self._store else None
        try:
            yield facts
        except BaseException:
            self.log.exception("failed", extra=facts | self._work(started, before))
            raise
        else:
            self.log.info("done", extra=facts | self._work(started, before))
        finally:
            if self._metrics.metric_set:
                self._metrics.flush_metrics()

    def _work(self, started: float, before: tuple[int, int] | None) -> dict[str, Any]:
        work: dict[str, Any] = {"milliseconds": round((self._clock() - started) * 1e3, 1)}
        if before is not None and self._store is not None:
            requests, size = self._store.traffic
            work |= {"requests_made": requests - before[0], "bytes_read": size - before[1]}
        return work
