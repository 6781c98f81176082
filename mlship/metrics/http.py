"""Numbers from any service that answers GET with JSON."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import ceil
from typing import Any
from urllib.parse import quote

import msgspec

from mlship.errors import OutOfReach, UsageError
from mlship.metrics.address import addressed, filled, shown
from mlship.metrics.base import Parts, Totals, number
from mlship.metrics.patience import RETRIES, TIMEOUT, Retries, Seconds

_NO_CONTENT = 204


class HttpSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service that answers GET with JSON, and where in it (JMESPath) the numbers are.

    In the address `${model}` stands for the model's name; `${since}` and `${until}` for the interval asked about, in
    whole seconds since the epoch. `value` is for a limit on a number; `count` and `sum` are for a goal.
    """

    url: str
    """Address, such as https://kpi.example.com/v1/${model}?from=${since}&to=${until}; may hold ${env:NAME}."""
    value: str = ""
    """Where one number is: a gauge, a rate, a ratio."""
    count: str = ""
    """Where the number of units is, from since to until."""
    sum: str = ""
    """Where the sum of their outcomes is; conversions, where an outcome is 0 or 1."""
    square: str = ""
    """Where the sum of the squares of their outcomes is; left out where an outcome is 0 or 1."""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Sent with each question; values may hold ${env:NAME}."""
    timeout: Seconds = TIMEOUT
    """Seconds that one question may take, retries included."""
    retries: Retries = RETRIES
    """Further tries, where it cannot be reached, fails (5xx) or is too busy (429)."""


class Http:
    """`Source` over GET. 204, and an expression that finds nothing, are no data."""

    def __init__(self, spec: HttpSource, env: Mapping[str, str]) -> None:
        from mlship.metrics.web import Web

        self._spec = spec
        self._env = env
        self._web = Web(spec.headers, timeout=spec.timeout, retries=spec.retries, env=env)

    def totals(self, model: str, since: float, until: float) -> Totals | None:
        """What the service says of the interval; all of it from one answer."""
        expressions = {"count": self._spec.count, "sum": self._spec.sum}
        if self._spec.square:
            expressions["square"] = self._spec.square
        document = self._document(model, since, until)
        found = {name: self._found(name, expression, document) for name, expression in expressions.items()}
        return Parts(**found, squared=bool(self._spec.square)).totals(source=shown(self._spec.url))

    def value(self, model: str, since: float, until: float) -> float | None:
        """What the service says."""
        return self._found("value", self._spec.value, self._document(model, since, until))

    def ping(self) -> None:
        """It answers, whatever it says, when asked about no time at all of a model named `ping`."""
        from mlship.metrics.web import UNKNOWN

        answer = self._web.get(addressed(self._url("ping", 0.0, 0.0), self._env))
        if answer.status in UNKNOWN or answer.elsewhere:
            raise answer.refusal()

    def _url(self, model: str, since: float, until: float) -> str:
        # Whole seconds inside the interval: nothing before it, nothing after, and never less as `until` grows.
        start = ceil(since)
        values = {"model": quote(model, safe=""), "since": str(start), "until": str(max(int(until), start))}
        return filled(self._spec.url, values, where=f"{shown(self._spec.url)}: url")

    def _document(self, model: str, since: float, until: float) -> object:
        answer = self._web.get(addressed(self._url(model, since, until), self._env))
        if not answer.good:
            raise answer.refusal()
        if answer.status == _NO_CONTENT:
            return None
        try:
            return msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            hint = f"it begins with {answer.said}" if answer.said else "its answer is empty"
            raise OutOfReach(f"{answer.address.shown} does not answer with JSON", hint=hint) from error

    def _found(self, name: str, expression: str, document: object) -> float | None:
        where = f"{shown(self._spec.url)}: {name}"
        if not expression:
            raise UsageError(f"{where} is not in the plan", hint=f"write {name}: with an expression for it")
        from jmespath.exceptions import JMESPathError

        try:
            return number(_compiled(expression).search(document), what=where)
        except (JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
            # Not the error's own words: they quote the answer.
            said = f"{where}: {expression} does not fit the answer ({type(error).__name__})"
            raise UsageError(said, hint="correct the expression in the plan") from error


@lru_cache(maxsize=256)
def _compiled(expression: str) -> Any:  # noqa: ANN401 - jmespath has no types
    """An expression, parsed once.

    Raises:
        UsageError: it is no JMESPath.
    """
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        return jmespath.compile(expression)
    except JMESPathError as error:
        hint = "write it as on jmespath.org, for example data.orders[0].count"
        said = str(error).partition("\n")[0]
        raise UsageError(f"{expression} is no JMESPath: {said}", hint=hint) from error
