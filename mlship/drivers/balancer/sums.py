"""Counters of several balancers, added up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlship.metrics.counters import Tally


def added(readings: Iterable[Mapping[str, Tally]]) -> Mapping[str, Tally]:
    """The tallies of all nodes, by model."""
    total: dict[str, Tally] = {}
    for reading in readings:
        for model, tally in reading.items():
            total[model] = _sum(total[model], tally) if model in total else tally
    return total


def _sum(one: Tally, other: Tally) -> Tally:
    return Tally(
        requests=one.requests + other.requests,
        errors=one.errors + other.errors,
        latency=tuple(a + b for a, b in zip(one.latency, other.latency, strict=True)),
    )
