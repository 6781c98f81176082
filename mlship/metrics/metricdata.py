"""GetMetricData of CloudWatch: all pages of an answer, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from mlship.errors import OutOfReach, UsageError
from mlship.metrics.address import quoted
from mlship.metrics.amazon import Calls
from mlship.metrics.patience import Passing

MOST_QUERIES = 500
"""Queries of one call, by the API reference of GetMetricData."""
_MOST_PAGES = 100
PERMISSION = "cloudwatch:GetMetricData"

Points = Mapping[float, float]
"""Start of a period, in seconds since the epoch → value; a period without data is absent."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """The periods from `start` up to, and without, `end`; both in seconds since the epoch."""

    start: float
    end: float


def metric_query(name: str, stat: Mapping[str, Any], *, returned: bool = True) -> dict[str, Any]:
    """A query for one metric; `stat` has Metric, Period and Stat."""
    return {"Id": name, "MetricStat": stat, "ReturnData": returned}


def metric(namespace: str, name: str, dimensions: Mapping[str, str]) -> dict[str, Any]:
    """A metric as AWS writes it; the dimensions are all of those that it was published with."""
    named = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    return {"Namespace": namespace, "MetricName": name, "Dimensions": named}


def fetched(aws: Calls, queries: Sequence[Mapping[str, Any]], span: Span) -> Mapping[str, Points]:
    """Id → points, of every query that returns data.

    Raises:
        Passing: AWS has an incomplete answer: another try may bring all of it.
        OutOfReach: it does not answer, throttles, or has no end.
        UsageError: it denies or refuses a query, or one yields several series.
    """
    found: dict[str, dict[float, float]] = {each["Id"]: {} for each in queries if each.get("ReturnData", True)}
    answer = _Answer(found)
    asked: dict[str, Any] = {
        "MetricDataQueries": list(queries),
        "StartTime": datetime.fromtimestamp(span.start, UTC),
        "EndTime": datetime.fromtimestamp(span.end, UTC),
        "ScanBy": "TimestampAscending",
    }
    for _ in range(_MOST_PAGES):
        page = aws.call("cloudwatch", "get_metric_data", **asked)
        answer.add(page)
        if not page.get("NextToken"):
            answer.check()
            return found
        asked["NextToken"] = page["NextToken"]
    raise OutOfReach("CloudWatch answers without end", hint="ask for fewer metrics, or a longer period")


class _Answer:
    def __init__(self, points: dict[str, dict[float, float]]) -> None:
        self._points = points
        self._labels: dict[str, str] = {}
        self._states: dict[str, tuple[str, str]] = {}

    def add(self, page: Mapping[str, Any]) -> None:
        """Take over a page: a query may go on in the next one, or begin there."""
        if page.get("Messages"):
            hint = _said(page["Messages"])
            raise OutOfReach("CloudWatch left something out", hint=hint)
        for result in page.get("MetricDataResults", ()):
            self._take(result)

    def check(self) -> None:
        """All of it is there."""
        for name, (state, said) in self._states.items():
            if state == "Forbidden":
                hint = f"allow {PERMISSION} to whoever runs mlship"
                raise UsageError(f"CloudWatch denies {name}: {said or state}", hint=hint)
            if state != "Complete":
                raise Passing(f"CloudWatch has no whole answer to {name} ({state})", hint=said)

    def _take(self, result: Mapping[str, Any]) -> None:
        name = result["Id"]
        label = self._labels.setdefault(name, result.get("Label", ""))
        if label != result.get("Label", ""):
            said = f"CloudWatch: {name} has several series, and one is needed: {label}, {result['Label']}"
            raise UsageError(said, hint="add them up with SUM(...), or name all dimensions")
        self._states[name] = (result.get("StatusCode", "Complete"), _said(result.get("Messages", ())))
        moments = (moment.timestamp() for moment in result.get("Timestamps", ()))
        self._points.setdefault(name, {}).update(zip(moments, result.get("Values", ()), strict=True))


def _said(messages: Sequence[Mapping[str, str]]) -> str:
    return quoted("; ".join(each.get("Value") or each.get("Code", "") for each in messages))
