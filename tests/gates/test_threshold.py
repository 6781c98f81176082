"""Ceilings for the candidate alone."""

from __future__ import annotations

from typing import Any

import pytest

from mlship.metrics.counters import Tally
from mlship.plan.model import Threshold
from mlship.plan.verdict import Outcome
from tests.gates.made import CEILING, FAST, begun, latencies, look, said, step, tally

ALONE = 10_000
"""All traffic to the candidate."""


@pytest.mark.parametrize("weight", [500, ALONE])
@pytest.mark.parametrize(
    ("errors", "outcome", "reason"),
    [
        (0, Outcome.PASS, "0 of 200 failed, at most 5 % may"),
        (10, Outcome.PASS, "10 of 200 failed, at most 5 % may"),
        (13, Outcome.WAIT, "13 of 200 failed, at most 5 % may"),
        (60, Outcome.FAIL, "60 of 200 failed, at most 5 % may"),
    ],
)
def test_error_ceiling(weight: int, errors: int, outcome: Outcome, reason: str) -> None:
    """At or under the maximum passes, clearly above fails, in between waits; with and without live traffic."""
    gates = begun(CEILING, weight=weight)
    live = tally(3800, 500) if weight < ALONE else None
    gates.absorb(look(1, tally(200, errors), live, weight=weight))
    verdict = said(gates, "ceiling")
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    assert verdict.evidence is not None
    assert verdict.evidence.measure == "error rate"
    assert verdict.evidence.interval is not None
    assert verdict.evidence.interval[0] <= errors / 200 <= verdict.evidence.interval[1]


def test_too_few_requests_wait() -> None:
    """A good rate of too few requests is no pass; nor is none at all."""
    gates = begun(CEILING, weight=ALONE)
    assert said(gates, "ceiling").reason == "0 of 100 requests"
    gates.absorb(look(1, tally(99), weight=ALONE))
    assert said(gates, "ceiling").outcome is Outcome.WAIT
    gates.absorb(look(2, tally(1), weight=ALONE))
    assert said(gates, "ceiling").outcome is Outcome.PASS


def test_estimate_is_of_this_step() -> None:
    """Good requests of an earlier step do not hide a rate above the maximum in this one."""
    gates = begun(CEILING, weight=ALONE)
    gates.absorb(look(1, tally(10_000), weight=ALONE))
    gates.begin(step("ceiling", weight=ALONE), 10.0)
    gates.absorb(look(2, tally(200, 14), weight=ALONE))
    assert said(gates, "ceiling").outcome is Outcome.WAIT


def test_one_error_breaks_a_ceiling_of_nothing() -> None:
    """`max: 0%` falls with the first error."""
    gates = begun(Threshold(name="none", metric="error_rate", maximum=0.0), weight=ALONE)
    gates.absorb(look(1, tally(5000), weight=ALONE))
    assert said(gates, "none").outcome is Outcome.PASS
    gates.absorb(look(2, tally(5000, 1), weight=ALONE))
    assert said(gates, "none").outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("slower", "outcome", "reason"),
    [
        (1.0, Outcome.PASS, "p95 is 46.9 ms, at most 250 ms"),
        (10.0, Outcome.FAIL, "80 of 200 took over 300 ms, at most 5 % may"),
    ],
)
def test_latency_ceiling(slower: float, outcome: Outcome, reason: str) -> None:
    """The percentile at or under the maximum passes; far more slow answers than it allows fail."""
    gates = begun(FAST, weight=ALONE)
    spread = ((0.02, 0.6), (0.04, 0.4))
    counted = Tally(requests=200, latency=latencies(200, spread, slower=slower))
    gates.absorb(look(1, counted, weight=ALONE))
    verdict = said(gates, "fast")
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


@pytest.mark.parametrize("changes", [{"settling": True}, {"warming": frozenset({"v2"})}])
def test_latency_of_a_fresh_start_does_not_count(changes: dict[str, Any]) -> None:
    """Slow answers while the routing settles or the model warms up are no evidence."""
    gates = begun(FAST, weight=ALONE)
    gates.absorb(look(1, tally(500, slower=50), weight=ALONE, **changes))
    assert said(gates, "fast").reason == "0 of 100 requests timed"


def test_unmeasurable_latency_is_blind() -> None:
    """A maximum beyond the last bucket edge cannot be judged, and says so."""
    gates = begun(Threshold(name="slow", metric="latency_p99", maximum=90.0), weight=ALONE)
    gates.absorb(look(1, tally(500), weight=ALONE))
    verdict = said(gates, "slow")
    assert (verdict.outcome, verdict.reason) == (Outcome.BLIND, "latency is counted up to 60 s only")


def sustained(seconds: float) -> Threshold:
    return Threshold(name="ceiling", metric="error_rate", maximum=0.05, sustained=seconds)


def test_sustained_evidence_must_last() -> None:
    """With `for: 15s` the gate fails at the third look of five seconds above the maximum, not before."""
    other = Threshold(name="other", metric="error_rate", maximum=0.99)
    gates = begun(sustained(15.0), other, weight=ALONE)
    outcomes = []
    for number in range(1, 5):
        gates.absorb(look(number, tally(100, 50), weight=ALONE))
        outcomes.append(said(gates, "ceiling").outcome)
    assert outcomes == [Outcome.WAIT, Outcome.WAIT, Outcome.FAIL, Outcome.FAIL]
    assert said(gates, "ceiling").reason.endswith("at most 5 % may, for 20 s")


def test_a_recovery_ends_what_was_sustained() -> None:
    """A look at or under the maximum starts the time anew; one without requests neither ends nor prolongs it."""
    gates = begun(sustained(15.0), weight=ALONE)
    looks = [50, 50, 0, 50, None, 50, 50]
    outcomes = []
    for number, errors in enumerate(looks, start=1):
        counted = None if errors is None else tally(100, errors)
        gates.absorb(look(number, counted, weight=ALONE))
        outcomes.append(said(gates, "ceiling").outcome)
    assert outcomes.index(Outcome.FAIL) == len(looks) - 1
