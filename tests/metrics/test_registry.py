"""From the words of a plan to a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from mlship.errors import UsageError
from mlship.metrics.base import Source
from mlship.metrics.cloudwatch import CloudWatch, CloudWatchSource
from mlship.metrics.command import Command, CommandSource
from mlship.metrics.http import Http, HttpSource
from mlship.metrics.prometheus import Prometheus, PrometheusSource
from mlship.metrics.registry import KINDS, sourced, specified
from mlship.metrics.sql import Sql, SqlSource

PLANS: Mapping[str, tuple[dict[str, Any], object, type]] = {
    "prometheus": (
        {"url": "http://prom.test:9090", "query": "up", "headers": {"X-Scope-OrgID": "${env:TENANT}"}},
        PrometheusSource(url="http://prom.test:9090", query="up", headers={"X-Scope-OrgID": "${env:TENANT}"}),
        Prometheus,
    ),
    "cloudwatch": (
        {"namespace": "N", "metric": "M", "statistic": "p99", "period": "5m", "lag": "3m", "region": "eu-west-1"},
        CloudWatchSource(namespace="N", metric="M", statistic="p99", period=300.0, lag=180.0, region="eu-west-1"),
        CloudWatch,
    ),
    "http": (
        {"url": "http://kpi.test/${model}", "count": "n", "sum": "sold", "timeout": "1m30s", "retries": 0},
        HttpSource(url="http://kpi.test/${model}", count="n", sum="sold", timeout=90.0, retries=0),
        Http,
    ),
    "sql": (
        {"url": "sqlite:///kpi.db", "query": "SELECT 1 AS value", "timeout": "250ms"},
        SqlSource(url="sqlite:///kpi.db", query="SELECT 1 AS value", timeout=0.25),
        Sql,
    ),
    "command": ({"run": ["./kpi", "--json"]}, CommandSource(run=("./kpi", "--json")), Command),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_becomes_a_source(kind: str) -> None:
    """Each kind has its settings and its class; nothing is asked before it is needed."""
    settings, spec, source = PLANS[kind]

    assert specified(kind, settings) == spec
    assert isinstance(sourced(specified(kind, settings)), source)
    assert isinstance(sourced(specified(kind, settings)), Source)


@pytest.mark.parametrize("kind", KINDS)
def test_a_spec_keeps_its_references(kind: str) -> None:
    """What is written to the record holds names of variables, not their values, and reads back as it was."""
    spec = specified(kind, PLANS[kind][0])

    assert msgspec.json.decode(msgspec.json.encode(spec), type=KINDS[kind]) == spec


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        ("graphite", {}, "no source of numbers named graphite"),
        ("sql", {"url": "sqlite:///x"}, "sql: .*query"),
        ("sql", {"url": "sqlite:///x", "query": "SELECT 1", "qeury": ""}, "sql: .*qeury"),
        ("command", {"run": "./kpi"}, "command: .*run"),
        ("command", {"run": []}, "command: .*run"),
        ("command", {"run": ["./kpi"], "timeout": "0s"}, "command: .*timeout"),
        ("http", {"url": "http://kpi.test", "retries": -1}, "http: .*retries"),
    ],
)
def test_settings_that_do_not_fit_are_refused(kind: str, settings: Mapping[str, Any], said: str) -> None:
    """An unknown kind, a missing key, an unknown key, another type, a number out of bounds."""
    with pytest.raises(UsageError, match=said):
        specified(kind, settings)
