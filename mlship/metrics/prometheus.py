"""Numbers from Prometheus, and from what speaks its query API: Thanos, Mimir, VictoriaMetrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from mlship.errors import OutOfReach, UsageError
from mlship.metrics.address import addressed, filled, shown
from mlship.metrics.base import Parts, Totals, number
from mlship.metrics.patience import TIMEOUT, Seconds
from mlship.plan.fault import bare

_SERIES_NAMED = 3


class PrometheusSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Queries in PromQL. `${model}` stands for the model's name, `${window}` for the time since the last look (300s).

    Each yields one series at most. `query` is for a limit on a number; `count` and `sum` are for a goal.
    """

    url: str
    """Address of the server, such as http://prometheus:9090; may hold ${env:NAME}."""
    query: str = ""
    """One number: a gauge, a rate, a ratio."""
    count: str = ""
    """Units so far: a counter as it is, without rate() or increase()."""
    sum: str = ""
    """Sum of their outcomes so far, a counter too; conversions, where an outcome is 0 or 1."""
    square: str = ""
    """Sum of the squares of their outcomes so far; left out where an outcome is 0 or 1."""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Sent with each query; values may hold ${env:NAME}."""
    timeout: Seconds = TIMEOUT
    """Seconds that one query may take, retries included."""


class Prometheus:
    """`Source` over /api/v1/query, as of the end of the interval. Totals are counters: they know no `since`."""

    def __init__(self, spec: PrometheusSource, env: Mapping[str, str]) -> None:
        from mlship.metrics.web import Web

        self._spec = spec
        self._env = env
        self._web = Web(spec.headers, timeout=spec.timeout, env=env)

    def totals(self, model: str, since: float, until: float) -> Totals | None:
        """The counters as they are at `until`."""
        queries = {"count": self._spec.count, "sum": self._spec.sum}
        if self._spec.square:
            queries["square"] = self._spec.square
        found = {name: self._number(name, query, (model, since, until)) for name, query in queries.items()}
        return Parts(**found, squared=bool(self._spec.square)).totals(source=shown(self._spec.url))

    def value(self, model: str, since: float, until: float) -> float | None:
        """What `query` comes to at `until`."""
        return self._number("query", self._spec.query, (model, since, until))

    def ping(self) -> None:
        """It answers queries."""
        self._asked("query", "vector(1)", at=None)

    def _number(self, name: str, query: str, asked: tuple[str, float, float]) -> float | None:
        where = f"{shown(self._spec.url)}: {name}"
        if not query:
            raise UsageError(f"{where} is not in the plan", hint=f"write {name}: with a query for it")
        model, since, until = asked
        placeholders = {"model": _escaped(model), "window": f"{max(round(until - since), 1)}s"}
        data = self._asked(name, filled(query, placeholders, where=where), at=until)
        match data:
            case {"resultType": "scalar", "result": [_, str(text)]}:
                return number(_parsed(text), what=where)
            case {"resultType": "vector", "result": []}:
                return None
            case {"resultType": "vector", "result": [{"value": [_, str(text)]}]}:
                return number(_parsed(text), what=where)
            case {"resultType": "vector", "result": [_, _, *_] as series}:
                said = f"{where} has {len(series)} series, and one is needed: {_named(series)}"
                raise UsageError(said, hint="add them up with sum(...), or pick one by its labels")
            case _:
                hint = "write a query for one number as of now: no range, no text, no native histogram"
                raise UsageError(f"{where} yields {data.get('resultType', 'nothing known')}, no number", hint=hint)

    def _asked(self, name: str, query: str, *, at: float | None) -> dict[str, Any]:
        """The data of the answer."""
        address = addressed(self._spec.url, self._env)
        when = {} if at is None else {"time": f"{at:.3f}"}
        answer = self._web.get(address, path="/api/v1/query?" + urlencode({"query": query, **when}))
        match _decoded(answer.body):
            case {"status": "error", "error": str(error)} if not answer.good:
                hint = f"correct {name} in the plan: {answer.secrets.quoted(query)}"
                raise UsageError(f"{address.shown} refuses {name}: {answer.secrets.quoted(error)}", hint=hint)
            case {"status": "success", "data": dict(data)}:
                return data
            case _ if answer.good:
                hint = "give the address of the server itself, without /api/v1"
                raise OutOfReach(f"{address.shown} does not answer as Prometheus does", hint=hint)
            case _:
                raise answer.refusal()


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _parsed(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _escaped(text: str) -> str:
    """As it may stand between quotes of either kind in PromQL."""
    return text.replace("\\", r"\\").replace('"', r"\x22").replace("'", r"\x27").replace("\n", r"\n")


def _named(series: Sequence[Any]) -> str:
    names = [_name(each) for each in series[:_SERIES_NAMED]]
    return ", ".join(names) + (", ..." if len(series) > len(names) else "")


def _name(series: object) -> str:
    match series:
        case {"metric": dict(labels)}:
            inside = ", ".join(f'{name}="{value}"' for name, value in labels.items() if name != "__name__")
            return bare(f"{labels.get('__name__', '')}{{{inside}}}")
        case _:
            return "{}"
