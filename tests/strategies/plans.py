"""Plans as values, for tests that need no YAML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlship.plan.model import (
    AnyStage,
    BlueGreen,
    Canary,
    Comparison,
    DriverSpec,
    Gate,
    Manual,
    Model,
    Plan,
    Recreate,
    Rolling,
    Threshold,
)

ERRORS = Comparison(name="no-more-errors", metric="error_rate", margin=0.02)
LATENCY = Comparison(name="not-slower", metric="latency_p95", margin=0.05)
CEILING = Threshold(name="error-ceiling", metric="error_rate", maximum=0.05)
SIGNED = Manual(name="signed-off", by="team")
GATES: Mapping[str, Gate] = {gate.name: gate for gate in (ERRORS, LATENCY, CEILING, SIGNED)}
COMPARED = ("no-more-errors", "not-slower")


def canary(*weights: int, **changes: Any) -> Canary:
    """A canary stage; weights in basis points."""
    standard: dict[str, Any] = {"name": "canary", "gates": COMPARED, "weights": weights, "hold": 30.0}
    return Canary(**standard | changes)


def blue_green(**changes: Any) -> BlueGreen:
    """A blue-green stage."""
    standard: dict[str, Any] = {"name": "blue-green", "gates": ("error-ceiling",), "hold": 0.0, "bake": 60.0}
    return BlueGreen(**standard | changes)


def rolling(**changes: Any) -> Rolling:
    """A rolling stage."""
    standard: dict[str, Any] = {
        "name": "rolling",
        "gates": COMPARED,
        "batch": 1,
        "surge": 1,
        "unavailable": 0,
        "hold": 30.0,
    }
    return Rolling(**standard | changes)


def recreate(**changes: Any) -> Recreate:
    """A recreate stage."""
    standard: dict[str, Any] = {"name": "recreate", "gates": ("error-ceiling",), "bake": 30.0}
    return Recreate(**standard | changes)


def plan(*stages: AnyStage, replicas: int = 1, faults: Mapping[str, Any] | None = None, **changes: Any) -> Plan:
    """A plan from v1 to v2 on the memory driver; `faults` script v2."""
    models = {
        "v1": Model(name="v1", replicas=replicas),
        "v2": Model(name="v2", replicas=replicas, faults=faults or {}),
    }
    standard: dict[str, Any] = {
        "service": "scorer",
        "driver": DriverSpec(name="memory"),
        "models": models,
        "live": "v1",
        "candidate": "v2",
        "assign_by": None,
        "gates": GATES,
        "guards": ("error-ceiling",),
        "stages": stages,
    }
    return Plan(**standard | changes)
