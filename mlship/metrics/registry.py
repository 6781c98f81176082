"""Sources by the key that names them in a plan."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, assert_never

import msgspec

from mlship.errors import UsageError
from mlship.metrics.base import Source
from mlship.metrics.cloudwatch import CloudWatch, CloudWatchSource
from mlship.metrics.command import Command, CommandSource
from mlship.metrics.http import Http, HttpSource
from mlship.metrics.prometheus import Prometheus, PrometheusSource
from mlship.metrics.sql import Sql, SqlSource
from mlship.plan.units import seconds

AnySource = PrometheusSource | CloudWatchSource | HttpSource | SqlSource | CommandSource
KINDS: Mapping[str, type[AnySource]] = {
    "prometheus": PrometheusSource,
    "cloudwatch": CloudWatchSource,
    "http": HttpSource,
    "sql": SqlSource,
    "command": CommandSource,
}
_DURATIONS = ("timeout", "period", "lag")


def specified(kind: str, settings: Mapping[str, Any]) -> AnySource:
    """The source that a plan describes under the key `kind`; a duration may be a text such as `10s`.

    Raises:
        UsageError: there is no such kind, or its settings do not fit.
    """
    if kind not in KINDS:
        raise UsageError(f"there is no source of numbers named {kind}", hint=f"there are {', '.join(KINDS)}")
    durations = {name: seconds(settings[name]) for name in _DURATIONS if name in settings}
    try:
        return msgspec.convert({**settings, **durations}, KINDS[kind])
    except msgspec.ValidationError as error:
        raise UsageError(f"{kind}: {error}", hint="compare it with `mlship schema`") from error


def sourced(spec: AnySource, env: Mapping[str, str] = os.environ) -> Source:
    """The source that a plan describes. Variables are looked up in `env` at each use; nothing is asked yet."""
    match spec:
        case PrometheusSource():
            return Prometheus(spec, env)
        case CloudWatchSource():
            return CloudWatch(spec, env)
        case HttpSource():
            return Http(spec, env)
        case SqlSource():
            return Sql(spec, env)
        case CommandSource():
            return Command(spec, env)
        case _:
            assert_never(spec)
