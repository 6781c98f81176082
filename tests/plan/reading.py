"""A good plan, and ways to read plans from text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from mlship.drivers.abilities import ALB, CADDY, ENVOY, HAPROXY, NGINX, REST, SAGEMAKER, TRAEFIK
from mlship.plan.fault import PlanError
from mlship.plan.load import parse
from mlship.plan.model import Capability, Plan

EVERYTHING = frozenset(Capability)
DRIVERS: Mapping[str, frozenset[Capability]] = {
    "process": EVERYTHING,
    "memory": EVERYTHING,
    "docker": EVERYTHING,
    "alb": ALB,
    "haproxy": HAPROXY,
    "rest": REST,
    "caddy": CADDY,
    "envoy": ENVOY,
    "sagemaker": SAGEMAKER,
    "nginx": NGINX,
    "traefik": TRAEFIK,
}
VARIABLES = {"region": "eu"}
ENVIRONMENT = {"HOME": "/home/ada", "TOKEN": "hunter2"}

GOOD = """\
version: 1
service: scorer
driver: { process: { listen: "127.0.0.1:8080" } }
models:
  v1: { command: [serve, "{port}"], replicas: 3 }
  v2: { command: [serve, "{port}"], replicas: 3 }
live: v1
gates:
  errors: { metric: error_rate, no-worse-than: live, margin: 1% }
  fast: { metric: latency_p95, max: 250ms }
  signed: { manual: team }
stages:
  - strategy: canary
    weights: [1%, 10%, 50%]
    hold: 10m
guards: [errors]
"""

BARE = """\
version: 1
service: scorer
driver: { memory: {} }
models: { v1: {}, v2: {} }
live: v1
"""
"""No gates, no guards, no stages: what follows is appended."""


def read(
    text: str | bytes,
    *,
    base: Path = Path("/srv"),
    drivers: Mapping[str, frozenset[Capability]] = DRIVERS,
    variables: Mapping[str, str] = VARIABLES,
) -> Plan:
    """The plan in `text`."""
    data = text.encode() if isinstance(text, str) else text
    return parse(data, source="plan.yaml", drivers=drivers, variables=variables, env=ENVIRONMENT, base=base)


def faults(
    text: str | bytes, *, base: Path = Path("/srv"), drivers: Mapping[str, frozenset[Capability]] = DRIVERS
) -> list[str]:
    """Every fault of `text`, without the file's name."""
    with pytest.raises(PlanError) as caught:
        read(text, base=base, drivers=drivers)
    return [str(fault).removeprefix("plan.yaml:") for fault in caught.value.faults]
