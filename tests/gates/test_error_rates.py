"""The promise for a whole rollout: all gates and guards together accuse a harmless candidate hardly ever."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mlship.gates.panel import Panel
from mlship.metrics.counters import LATENCY_EDGES, Tally
from mlship.plan.model import Comparison, Threshold
from mlship.plan.verdict import Outcome
from tests.gates.made import ERRORS, LATENCY, begun, look, routing, step

RATE = 0.05
AT_THE_CEILING = Threshold(name="ceiling", metric="error_rate", maximum=RATE)
MEDIAN = Comparison(name="median", metric="latency_p50", margin=0.0001)
FAST = Threshold(name="fast", metric="latency_p95", maximum=0.1)
GATES = (ERRORS, LATENCY, AT_THE_CEILING, MEDIAN, FAST)
WEIGHTS = (500, 2500, 5000)
LOOKS = 25
"""Per step."""


def answers(rng: np.random.Generator, requests: int, *, p95: float = 0.1) -> Tally:
    """Errors at the ceiling, latency log-normal with its 95th percentile at that of the gate."""
    seconds = p95 * np.exp(0.5 * (rng.standard_normal(requests) - 1.6449))
    places = np.searchsorted(LATENCY_EDGES, seconds)
    latency = tuple(np.bincount(places, minlength=len(LATENCY_EDGES) + 1).tolist())
    return Tally(requests=requests, errors=int(rng.binomial(requests, RATE)), latency=latency)


def rollout(rng: np.random.Generator, *, sticky: bool, slower: float = 1.0) -> Panel:
    """Three steps of a canary, every gate named in each."""
    gates = begun(*GATES, sticky=sticky)
    for place, weight in enumerate(WEIGHTS):
        gates.begin(step(*(gate.name for gate in GATES), weight=weight), 0.0)
        for number in range(place * LOOKS + 1, (place + 1) * LOOKS + 1):
            mine = int(rng.binomial(400, routing(weight).share("v2")))
            candidate = answers(rng, mine, p95=0.1 * slower)
            gates.absorb(look(number, candidate, answers(rng, 400 - mine), weight=weight))
    return gates


def outcomes(gates: Panel) -> dict[str, Outcome]:
    return {verdict.gate: verdict.outcome for verdict in gates.verdicts(approved=False)}


@pytest.mark.parametrize(("sticky", "runs"), [(False, 25), (True, 20)])
def test_five_gates_at_once(sticky: bool, runs: int) -> None:  # noqa: FBT001 - a table
    """With five gates and a candidate at every limit, at most alpha of the rollouts go back, and none is skewed."""
    rng, alpha = np.random.default_rng(31), 0.05
    ends = [outcomes(rollout(rng, sticky=sticky)) for _ in range(runs)]
    failed = sum(Outcome.FAIL in end.values() for end in ends)
    assert failed / runs <= alpha + 2 * math.sqrt(alpha * (1 - alpha) / runs)
    assert all(end["sample-ratio"] is Outcome.PASS for end in ends)


@pytest.mark.parametrize("sticky", [False, True])
def test_five_gates_find_a_slow_candidate(sticky: bool) -> None:  # noqa: FBT001 - a table
    """The shared budget leaves enough to see that the candidate takes twice as long."""
    ended = outcomes(rollout(np.random.default_rng(32), sticky=sticky, slower=2.0))
    assert Outcome.FAIL in {ended[name] for name in ("latency", "median", "fast")}
