"""Metrics, A/B tests and bandits of a checked document to values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlship.plan import defaults, units
from mlship.plan.outcome import Better, Goal, Kind, Method, Metric, Policy, Race, Stop

SOURCES = ("prometheus", "cloudwatch", "http", "sql", "command")
"""Keys of a metric that say whom to ask."""

Document = Mapping[str, Any]


def build_metric(name: str, document: Document, *, base: Path) -> Metric:
    """One entry of `metrics`; relative paths in it start from `base`."""
    source = next((key for key in SOURCES if key in document), "")
    readers: Mapping[str, Callable[[Any], Any]] = {
        "outcome": str,
        "kind": Kind,
        "better": Better,
        "within": units.seconds,
    }
    settings = document.get(source, {})
    if source in {"sql", "command"}:
        settings = {**settings, "workdir": str(base / settings.get("workdir", ""))}
    return Metric(name=name, source=source, settings=settings, **_given(document, readers))


def build_goal(stage: Document, metric: Metric) -> Goal:
    """What an A/B test asks."""
    readers: Mapping[str, Callable[[Any], Any]] = {
        "alpha": units.fraction,
        "margin": units.amount,
        "minimal-effect": units.amount,
        "baseline": units.amount,
        "spread": units.amount,
        "power": units.fraction,
        "method": Method,
        "covariate": str,
        "least": int,
    }
    return Goal(name=f"{metric.name}-decides", metric=metric, **_given(stage, readers))


def build_race(stage: Document, metric: Metric) -> Race:
    """How a bandit divides the traffic, and when it ends."""
    readers: Mapping[str, Callable[[Any], Any]] = {
        "policy": Policy,
        "every": units.seconds,
        "batch": int,
        "floor": _share,
        "ceiling": _share,
        "burn-in": int,
        "epsilon": units.fraction,
        "horizon": int,
        "stop": Stop,
        "alpha": units.fraction,
        "loss": units.fraction,
        "least": int,
    }
    discount = defaults.DISCOUNTS[stage.get("drift", "none")]
    return Race(name=f"{metric.name}-race", metric=metric, discount=discount, **_given(stage, readers))


def _share(percentage: str) -> int:
    return units.basis_points(percentage) or 0


def _given(document: Document, readers: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    return {name.replace("-", "_"): read(document[name]) for name, read in readers.items() if name in document}
