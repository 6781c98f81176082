"""Numbers from Amazon CloudWatch: single metrics, and metric math over several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil
from typing import Annotated, Any, cast

import msgspec

from mlship.errors import UsageError
from mlship.metrics.address import filled
from mlship.metrics.amazon import Aws
from mlship.metrics.base import Parts, Totals, number
from mlship.metrics.metricdata import Points, Span, fetched, metric, metric_query
from mlship.metrics.patience import TIMEOUT, Seconds, patiently

ATTEMPTS = 4
"""Tries of one call within a look."""
_WHERE = "CloudWatch"


class MetricQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One statistic of one metric."""

    namespace: str
    metric: str
    statistic: str
    """Sum, Average, SampleCount, Minimum, Maximum, p99, TC(0:250000) and their like."""
    dimensions: Mapping[str, str] = msgspec.field(default_factory=dict)
    """All that the metric was published with; `${model}` in a value stands for the model's name."""


class CloudWatchSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Metrics of CloudWatch. A period without data is no data, which is not zero: `FILL(m, 0)` says where it is.

    `namespace`, `metric` and `statistic`, or `expression` over `queries`, yield one number, for a limit: that of the
    latest period that is final. `count` and `sum` over `queries` are for a goal.
    """

    namespace: str = ""
    metric: str = ""
    statistic: str = ""
    dimensions: Mapping[str, str] = msgspec.field(default_factory=dict)
    """As in `queries`."""
    queries: Mapping[str, MetricQuery] = msgspec.field(default_factory=dict)
    """What the expressions are over, by the names that they have there."""
    expression: str = ""
    """One number, by metric math: errors / requests."""
    count: str = ""
    """Units in one period."""
    sum: str = ""
    """Sum of their outcomes in it; conversions, where an outcome is 0 or 1."""
    square: str = ""
    """Sum of the squares of their outcomes; left out where an outcome is 0 or 1."""
    period: Seconds = 60.0
    """Seconds over which CloudWatch sums up; numbers are of whole periods."""
    lag: Annotated[float, msgspec.Meta(ge=0)] = 120.0
    """Seconds after the end of a period until its numbers are final."""
    scale: float = 1.0
    """What the one number is multiplied by: 0.000001 from microseconds to seconds."""
    region: str = ""
    """Of AWS; empty: the environment's."""
    profile: str = ""
    """Of the shared configuration of AWS; empty: the environment's."""
    timeout: Seconds = TIMEOUT
    """Seconds that one try may take."""


class CloudWatch:
    """`Source` over GetMetricData."""

    def __init__(self, spec: CloudWatchSource, env: Mapping[str, str]) -> None:
        del env  # boto3 reads the process's own
        self._spec = spec
        self._aws = Aws(region=spec.region, profile=spec.profile, attempts=ATTEMPTS, read_within=spec.timeout)

    def totals(self, model: str, since: float, until: float) -> Totals | None:
        """The sums over the whole periods between the two; None where a series has no data at all."""
        names = [name for name in ("count", "sum", "square") if name != "square" or self._spec.square]
        period = self._spec.period
        start, end = ceil(since / period) * period, until // period * period
        if start >= end:
            return Totals()
        points = self._points({name: self._written(name) for name in names}, model, Span(start=start, end=end))
        found = {name: _added(points[_identity(name)], what=name) for name in names}
        return Parts(**found, squared=bool(self._spec.square)).totals(source=_WHERE)

    def value(self, model: str, since: float, until: float) -> float | None:
        """What the latest period comes to that was final by `until`."""
        del since
        end = (until - self._spec.lag) // self._spec.period * self._spec.period
        points = self._points({"value": self._single()}, model, Span(start=end - self._spec.period, end=end))
        return next((found * self._spec.scale for _, found in _numbers(points[_identity("value")], what="value")), None)

    def ping(self) -> None:
        """It answers what the plan asks, about a model named `ping` that need not be there."""
        names = [name for name in ("count", "sum", "square") if getattr(self._spec, name)]
        expressions = {name: self._written(name) for name in names} or {"value": self._single()}
        self._points(expressions, "ping", Span(start=0.0, end=self._spec.period))

    def _points(self, expressions: Mapping[str, str], model: str, span: Span) -> Mapping[str, Points]:
        queries = [*self._metrics(model), *self._expressions(expressions)]
        return patiently(lambda _: fetched(self._aws, queries, span), timeout=self._spec.timeout, retries=1)

    def _single(self) -> str:
        if self._spec.metric:
            return ""
        return self._written("expression")

    def _written(self, name: str) -> str:
        expression = cast("str", getattr(self._spec, name))
        if not expression:
            hint = f"write {name}: with metric math over `queries`"
            raise UsageError(f"{_WHERE}: {name} is not in the plan", hint=hint)
        return expression

    def _metrics(self, model: str) -> Iterator[dict[str, Any]]:
        spec = self._spec
        if spec.metric:
            single = MetricQuery(
                namespace=spec.namespace, metric=spec.metric, statistic=spec.statistic, dimensions=spec.dimensions
            )
            yield metric_query(_identity("value"), self._stat(single, model))
        for name, query in spec.queries.items():
            yield metric_query(name, self._stat(query, model), returned=False)

    def _stat(self, query: MetricQuery, model: str) -> dict[str, Any]:
        where = f"{_WHERE}: {query.metric}"
        dimensions = {name: filled(value, {"model": model}, where=where) for name, value in query.dimensions.items()}
        named = metric(query.namespace, query.metric, dimensions)
        return {"Metric": named, "Period": int(self._spec.period), "Stat": query.statistic}

    def _expressions(self, expressions: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        for name, expression in expressions.items():
            if expression:
                yield {"Id": _identity(name), "Expression": expression, "Period": int(self._spec.period)}


def _identity(name: str) -> str:
    """An id that no query of a plan has."""
    return f"mlship_{name}"


def _numbers(points: Points, *, what: str) -> Iterator[tuple[float, float]]:
    for moment, point in sorted(points.items()):
        found = number(point, what=f"{_WHERE}: {what}")
        if found is not None:
            yield moment, found


def _added(points: Points, *, what: str) -> float | None:
    found = [value for _, value in _numbers(points, what=what)]
    return sum(found) if found else None
