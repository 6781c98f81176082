"""CloudWatch alarms that look at their metric once a minute.

Documented: INSUFFICIENT_DATA at first, M of N datapoints, the four ways to treat missing data; that a state set by
hand lasts until the next evaluation. Our reading: the window ends at the moment of the evaluation, and is not aligned
to full minutes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import msgspec

from tests.emulators.sagemaker.formulas import Evaluation, Span
from tests.emulators.sagemaker.metrics import Grid, Metrics

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
CAUGHT_UP = 500
"""Evaluations that are made up for when nobody asked for long."""


class Alarm(msgspec.Struct, kw_only=True):
    """An alarm and its state."""

    spec: dict[str, Any]
    arn: str
    state: str = "INSUFFICIENT_DATA"
    reason: str = "Unchecked: Initial alarm creation"
    changed: float
    looked: float
    """When it was evaluated last."""

    def settle(self, now: float, every: float, metrics: Metrics) -> None:
        """Evaluate at each turn until now."""
        self.looked = max(self.looked, now - every * CAUGHT_UP)
        while self.looked + every <= now:
            self.looked += every
            self._look(metrics)

    def put(self, state: str, reason: str, now: float) -> None:
        """Enter a state."""
        if state != self.state:
            self.changed = now
        self.state, self.reason = state, reason

    def _look(self, metrics: Metrics) -> None:
        points, periods = self._points(metrics)
        missing = periods - len(points)
        breach = COMPARISONS[self.spec["ComparisonOperator"]]
        breaching = sum(breach(value, self.spec["Threshold"]) for value in points)
        treated = self.spec.get("TreatMissingData", "missing")
        known = len(points)
        if treated in {"breaching", "notBreaching"}:
            known, breaching = periods, breaching + (missing if treated == "breaching" else 0)
        wanted = int(self.spec.get("DatapointsToAlarm", periods))
        if known == 0:
            if treated != "ignore":
                self.put("INSUFFICIENT_DATA", "Insufficient Data: no datapoints were received.", self.looked)
            return
        state = "ALARM" if breaching >= min(wanted, known) else "OK"
        self.put(state, f"Threshold Crossed: {breaching} of {periods} datapoints breach it.", self.looked)

    def _points(self, metrics: Metrics) -> tuple[list[float], int]:
        periods = int(self.spec["EvaluationPeriods"])
        queries, name = _queries(self.spec)
        period = max(float(query["MetricStat"]["Period"]) for query in queries if "MetricStat" in query)
        first = self.looked - periods * period
        span = Span(start=first, end=self.looked, now=self.looked, aligned=False)
        found = Evaluation(metrics, queries, span).points(name)
        starts = Grid(start=first, end=self.looked, period=period).starts()
        return [found[start] for start in starts if start in found], periods


def _queries(spec: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """The alarm's queries, and which of them is held against the threshold."""
    if "Metrics" in spec:
        shown = next(query["Id"] for query in spec["Metrics"] if query.get("ReturnData", True))
        return spec["Metrics"], shown
    metric = {key: spec[key] for key in ("Namespace", "MetricName", "Dimensions") if key in spec}
    statistic = spec.get("Statistic", spec.get("ExtendedStatistic"))
    return [{"Id": "m", "MetricStat": {"Metric": metric, "Period": spec["Period"], "Stat": statistic}}], "m"
