"""CloudWatch's metric queries: statistics of series, and formulas of them with + - * / and FILL.

Documented: points that one operand lacks are missing in the result, so is a division by 0; FILL puts a number in
their place. Our reading: FILL fills every period of the window, also of a series that never had a datapoint.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

import msgspec

from tests.emulators.sagemaker.errors import ApiError
from tests.emulators.sagemaker.metrics import Grid, Metrics, dimensions, is_statistic

Points = dict[float, float]
OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def refused(message: str) -> ApiError:
    """CloudWatch's word for a faulty query."""
    return ApiError("ValidationError", message)


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """The time that is asked about, and the time of asking."""

    start: float
    end: float
    now: float
    aligned: bool = True
    """Whether periods begin at multiples of themselves, else at `start`."""


class Evaluation:
    """The queries of one call, each computed once."""

    def __init__(self, metrics: Metrics, queries: list[dict[str, Any]], span: Span) -> None:
        self._metrics = metrics
        self._queries = {query["Id"]: query for query in queries}
        self._span = span
        if len(self._queries) < len(queries):
            raise refused("The values for parameter id in MetricDataQueries must be unique.")

    def points(self, name: str) -> Points:
        """The result of a query by its Id.

        Raises:
            ApiError: it names what does not exist, or says what is not understood.
        """
        query = self._queries.get(name)
        if query is None:
            raise refused(f"Error in expression: unknown metric id {name}.")
        if "MetricStat" in query:
            return self._statistic(query["MetricStat"])
        result = self._value(_parsed(query["Expression"]))
        if isinstance(result, float):
            raise refused(f"Expression {query['Expression']!r} yields no time series.")
        return result

    def _statistic(self, asked: dict[str, Any]) -> Points:
        metric, statistic = asked["Metric"], asked["Stat"]
        if not is_statistic(statistic):
            raise refused(f"The value {statistic} for parameter Stat is not supported.")
        series = metric["Namespace"], metric["MetricName"], dimensions(metric.get("Dimensions", []))
        return self._metrics.points(series, statistic, self._grid(float(asked["Period"])), self._span.now)

    def _grid(self, period: float) -> Grid:
        start = math.floor(self._span.start / period) * period if self._span.aligned else self._span.start
        return Grid(start=start, end=self._span.end, period=period)

    def _period(self) -> float:
        return max(float(query["MetricStat"]["Period"]) for query in self._queries.values() if "MetricStat" in query)

    def _value(self, node: ast.expr) -> Points | float:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return _combined(operator.mul, -1.0, self._value(inner))
            case ast.Name(id=name):
                return self.points(name)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return _combined(OPERATORS[type(op)], self._value(left), self._value(right))
            case ast.Call(func=ast.Name(id="FILL"), args=[inner, filling]):
                return self._filled(self._value(inner), self._value(filling))
            case _:
                raise refused(f"Error in expression: {ast.unparse(node)!r} is not emulated.")

    def _filled(self, points: Points | float, filling: Points | float) -> Points:
        if isinstance(points, float) or not isinstance(filling, float):
            raise refused("FILL takes a time series and a number.")
        return {start: points.get(start, filling) for start in self._grid(self._period()).starts()}


def _parsed(expression: str) -> ast.expr:
    try:
        return ast.parse(expression, mode="eval").body
    except SyntaxError as error:
        raise refused(f"Error in expression {expression!r}.") from error


def _combined(how: Callable[[float, float], float], left: Points | float, right: Points | float) -> Points | float:
    if isinstance(left, float) and isinstance(right, float):
        return _number(how, left, right)
    starts = set(left) & set(right) if isinstance(left, dict) and isinstance(right, dict) else set(_series(left, right))
    found = {start: _number(how, _point(left, start), _point(right, start)) for start in starts}
    return {start: value for start, value in found.items() if not math.isnan(value)}


def _series(left: Points | float, right: Points | float) -> Points:
    series = left if isinstance(left, dict) else right
    assert isinstance(series, dict)
    return series


def _point(operand: Points | float, start: float) -> float:
    return operand[start] if isinstance(operand, dict) else operand


def _number(how: Callable[[float, float], float], left: float, right: float) -> float:
    try:
        return how(left, right)
    except ZeroDivisionError:
        return math.nan
