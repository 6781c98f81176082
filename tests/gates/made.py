"""Looks, steps and panels with standard values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlship.gates.panel import Panel
from mlship.metrics.counters import LATENCY_EDGES, Tally
from mlship.metrics.look import Look
from mlship.plan.model import Alpha, Comparison, Gate, Manual, Threshold
from mlship.plan.routing import WHOLE, Routing
from mlship.plan.rule import header_is
from mlship.plan.step import Step
from mlship.plan.verdict import Verdict

ERRORS = Comparison(name="errors", metric="error_rate", margin=0.01)
LATENCY = Comparison(name="latency", metric="latency_p95", margin=0.02)
CEILING = Threshold(name="ceiling", metric="error_rate", maximum=0.05)
FAST = Threshold(name="fast", metric="latency_p95", maximum=0.25)
SIGNED = Manual(name="signed", by="fraud-team")

USUAL = ((0.012, 0.3), (0.018, 0.4), (0.027, 0.2), (0.04, 0.06), (0.06, 0.03), (0.09, 0.01))
"""(seconds, part of the answers): p50 near 20 ms, p95 near 50 ms."""


def latencies(answers: int, spread: Iterable[tuple[float, float]] = USUAL, slower: float = 1.0) -> tuple[int, ...]:
    """Answers per bucket; what rounding leaves over goes to the first."""
    buckets = [0] * (len(LATENCY_EDGES) + 1)
    parts = [(bucket_of(seconds * slower), round(answers * part)) for seconds, part in spread]
    for bucket, count in parts[1:]:
        buckets[bucket] += count
    buckets[parts[0][0]] += answers - sum(count for _, count in parts[1:])
    return tuple(buckets)


def bucket_of(seconds: float) -> int:
    """Where an answer of so many seconds is counted."""
    return next((place for place, edge in enumerate(LATENCY_EDGES) if seconds <= edge), len(LATENCY_EDGES))


def tally(requests: int, errors: int = 0, *, slower: float = 1.0) -> Tally:
    """Answers with the usual latencies, times `slower`."""
    return Tally(requests=requests, errors=errors, latency=latencies(requests, slower=slower))


def routing(weight: int, *, match: bool = False) -> Routing:
    """`weight` basis points to v2, the rest to v1."""
    segments = tuple((model, width) for model, width in (("v2", weight), ("v1", WHOLE - weight)) if width)
    rules = (header_is("x-preview", "1", "v2"),) if match else ()
    return Routing(segments=segments, rules=rules)


def step(*gates: str, weight: int = 5000, match: bool = False, **changes: Any) -> Step:
    """A canary step judged by these gates."""
    standard: dict[str, Any] = {"stage": "canary", "strategy": "canary", "label": "50 %", "requests": 100}
    return Step(routing=routing(weight, match=match), gates=gates, **standard | changes)


def look(number: int, v2: Tally | None = None, v1: Tally | None = None, *, weight: int = 5000, **changes: Any) -> Look:
    """Five seconds; a model without a tally answered nothing."""
    tallies = {model: counted for model, counted in (("v1", v1), ("v2", v2)) if counted}
    start = 5.0 * number
    standard: dict[str, Any] = {"start": start, "end": start + 5, "weights": routing(weight).weights}
    return Look(number=number, **{"tallies": tallies} | standard | changes)


def history(v1: Tally) -> Look:
    """Look 0."""
    return Look(number=0, start=0.0, end=0.0, weights={}, tallies={"v1": v1})


def panel(*gates: Gate, sticky: bool = False, alpha: Alpha | None = None) -> Panel:
    """From v1 to v2."""
    named = {gate.name: gate for gate in gates}
    return Panel(gates=named, alpha=alpha or Alpha(), live="v1", candidate="v2", sticky=sticky)


def begun(*gates: Gate, sticky: bool = False, alpha: Alpha | None = None, **changes: Any) -> Panel:
    """A panel in a step that all the gates judge."""
    made = panel(*gates, sticky=sticky, alpha=alpha)
    made.begin(step(*(gate.name for gate in gates), **changes), 0.0)
    return made


def said(made: Panel, gate: str, *, approved: bool = False) -> Verdict:
    """What one gate says."""
    return next(verdict for verdict in made.verdicts(approved=approved) if verdict.gate == gate)
