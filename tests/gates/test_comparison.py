"""The candidate beside the live model: errors and latency."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mlship.metrics.counters import Tally
from mlship.plan.verdict import Outcome
from tests.gates.made import ERRORS, LATENCY, USUAL, begun, history, latencies, look, said, step, tally

HISTORY = history(tally(10_000, 50))


@pytest.mark.parametrize(
    ("requests", "outcome", "reason"),
    [
        (20, Outcome.WAIT, "40 of 100 requests"),
        (100, Outcome.PASS, "no harm seen: 0 of 200 failed, live 0 of 3 800"),
    ],
)
def test_no_harm_seen(requests: int, outcome: Outcome, reason: str) -> None:
    """Without proof asked for, a comparison passes once enough requests have shown no harm."""
    gates = begun(ERRORS, weight=500)
    for number in (1, 2):
        gates.absorb(look(number, tally(requests), tally(1900), weight=500))
    verdict = said(gates, "errors")
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


def test_requests_that_do_not_speak_for_it_are_too_few() -> None:
    """A candidate that errs more by the margin gets no more users, however many requests it has had."""
    gates = begun(ERRORS, weight=500)
    for number in range(1, 7):
        gates.absorb(look(number, tally(100, 3), tally(1900, 38), weight=500))
    verdict = said(gates, "errors")
    assert verdict.outcome is Outcome.WAIT
    assert re.match(r"about [\d ]+ more requests to see whether it is within 1 %: 18 of 600 failed", verdict.reason)


@pytest.mark.parametrize("live_errors", [0, 3])
def test_broken_candidate_fails_at_the_first_look(live_errors: int) -> None:
    """A candidate that fails every request is found at once, and the reason gives counts and odds ratio."""
    gates = begun(ERRORS, LATENCY, weight=500)
    gates.absorb(look(1, tally(25, 25), tally(475, live_errors), weight=500))
    verdict = said(gates, "errors")
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason.startswith(f"25 of 25 failed, live {live_errors} of 475; odds ratio ")
    assert verdict.evidence is not None
    assert (verdict.evidence.candidate, verdict.evidence.live) == ((25, 25), (live_errors, 475))
    assert verdict.evidence.e_value == pytest.approx(40)
    assert verdict.evidence.limit == pytest.approx(40)


def test_live_is_the_worse_one() -> None:
    """A live model that fails often never fails its candidate, and the proof comes soon."""
    gates = begun(ERRORS, proof=True)
    for number in range(1, 6):
        gates.absorb(look(number, tally(200, 1), tally(200, 60)))
    assert said(gates, "errors").outcome is Outcome.PASS


def test_proof_without_any_error() -> None:
    """With no error anywhere, a margin of 1 % is proven after some 300 requests of the candidate."""
    gates = begun(ERRORS, proof=True)
    gates.absorb(HISTORY)
    answered = []
    for number in range(1, 50):
        gates.absorb(look(number, tally(10), tally(10)))
        if said(gates, "errors").outcome is Outcome.PASS:
            answered.append(10 * number)
    assert 250 <= answered[0] <= 600
    assert answered == list(range(answered[0], 500, 10))


def test_what_the_proof_lacks_is_said() -> None:
    """While a proof is missing, the verdict waits and tells about how many requests it takes yet."""
    gates = begun(ERRORS, proof=True)
    gates.absorb(HISTORY)
    gates.absorb(look(1, tally(100, 1), tally(100)))
    first = said(gates, "errors")
    gates.absorb(look(2, tally(200), tally(200, 1)))
    later = said(gates, "errors")
    assert first.outcome is later.outcome is Outcome.WAIT
    assert _requests_missing(first.reason) > _requests_missing(later.reason) > 0
    assert later.reason.endswith("to prove it within 1 %: 1 of 300 failed, live 1 of 300")


def test_proof_is_carried_over_steps() -> None:
    """What has been proven in one step is proven in the next, once the candidate has answered enough there."""
    gates = begun(ERRORS, proof=True)
    gates.absorb(HISTORY)
    gates.absorb(look(1, tally(500), tally(500)))
    assert said(gates, "errors").outcome is Outcome.PASS
    gates.begin(step("errors", proof=True), 10.0)
    assert said(gates, "errors").reason == "0 of 100 requests"
    gates.absorb(look(2, tally(100, 4), tally(100)))
    carried = said(gates, "errors")
    assert carried.reason.startswith("proven within 1 %")
    assert carried.evidence is not None
    assert (carried.evidence.proof or 0) < 20


def test_at_the_margin_nothing_is_proven() -> None:
    """A candidate that is worse by the margin is not proven fit by any number of requests."""
    gates = begun(ERRORS, proof=True)
    for number in range(1, 40):
        gates.absorb(look(number, tally(1000, 15), tally(1000, 5)))
        assert said(gates, "errors").outcome is not Outcome.PASS


@pytest.mark.parametrize("errors", [5, 5000])
def test_more_errors_than_requests(errors: int) -> None:
    """Errors of requests that began in an earlier look do not break the count."""
    gates = begun(ERRORS)
    gates.absorb(look(1, tally(4, errors), tally(4)))
    evidence = said(gates, "errors").evidence
    assert evidence is not None
    assert evidence.candidate == (errors, errors)


def test_slow_candidate_fails() -> None:
    """A candidate whose answers take half as long again is found in a few hundred requests."""
    gates = begun(LATENCY)
    gates.absorb(HISTORY)
    answered = 0
    while said(gates, "latency").outcome is not Outcome.FAIL:
        answered += 50
        gates.absorb(look(answered, tally(50, slower=1.8), tally(50)))
        assert answered < 600
    assert re.match(r"\d+ of \d+ took over \d+ ms, live \d+ of \d+; odds ratio ", said(gates, "latency").reason)


@pytest.mark.parametrize(("tail", "outcome"), [(0.03, Outcome.FAIL), (0.0, Outcome.PASS)])
def test_a_new_tail_fails(tail: float, outcome: Outcome) -> None:
    """Answers beyond everything that the live model shows are found although they are few."""
    gates = begun(LATENCY)
    gates.absorb(HISTORY)
    spread = (*((seconds, part * (1 - tail)) for seconds, part in USUAL), (0.6, tail))
    for number in range(1, 5):
        slow = Tally(requests=200, latency=latencies(200, spread))
        gates.absorb(look(number, slow, tally(200)))
    assert said(gates, "latency").outcome is outcome


def test_a_little_slower_is_within_the_margin() -> None:
    """A difference that stays within the margin is never harm, however many requests show it."""
    gates = begun(LATENCY)
    gates.absorb(HISTORY)
    spread = ((0.012, 0.285), (0.018, 0.4), (0.027, 0.2), (0.04, 0.066), (0.06, 0.037), (0.09, 0.012))
    for number in range(1, 100):
        slower = Tally(requests=5000, latency=latencies(5000, spread))
        gates.absorb(look(number, slower, tally(5000)))
    assert said(gates, "latency").outcome is Outcome.PASS


def test_latency_edges_come_from_the_first_looks() -> None:
    """Without history the first looks are for choosing edges only: slow answers in them are no evidence."""
    gates = begun(LATENCY)
    for number in (1, 2):
        gates.absorb(look(number, tally(150, slower=20), tally(150)))
        expected = "150 of 200 answers of live to know its latency" if number == 1 else "0 of 100 requests timed"
        assert (said(gates, "latency").outcome, said(gates, "latency").reason) == (Outcome.WAIT, expected)
    gates.absorb(look(3, tally(150, slower=20), tally(150)))
    assert said(gates, "latency").outcome is Outcome.FAIL


@pytest.mark.parametrize("seconds", [0.0001, 0.02, 100.0])
def test_all_answers_in_one_bucket(seconds: float) -> None:
    """Where all live answers share a bucket, a candidate of the same speed passes and one above it is seen."""
    even = Tally(requests=1000, latency=latencies(1000, [(seconds, 1.0)]))
    slow = Tally(requests=1000, latency=latencies(1000, [(seconds * 10, 1.0)]))
    for candidate, outcome in ((even, Outcome.PASS), (slow, Outcome.FAIL if seconds < 60 else Outcome.PASS)):
        gates = begun(LATENCY)
        gates.absorb(history(even))
        gates.absorb(look(1, candidate, even))
        assert said(gates, "latency").outcome is outcome


@pytest.mark.parametrize("changes", [{"settling": True}, {"warming": frozenset({"v2"})}])
def test_latency_of_a_fresh_start_does_not_count(changes: dict[str, Any]) -> None:
    """Slow answers while the routing settles or the model warms up are no evidence; errors then are."""
    gates = begun(ERRORS, LATENCY)
    gates.absorb(HISTORY)
    gates.absorb(look(1, tally(300, slower=20), tally(300), **changes))
    assert (said(gates, "latency").outcome, said(gates, "errors").outcome) == (Outcome.WAIT, Outcome.PASS)
    gates.absorb(look(2, tally(100, 100), tally(100), **changes))
    assert said(gates, "errors").outcome is Outcome.FAIL


def test_latency_is_proven_too() -> None:
    """A candidate of the same speed is proven not to be slower by the margin."""
    gates = begun(LATENCY, proof=True)
    gates.absorb(HISTORY)
    verdicts = []
    for number in range(1, 16):
        gates.absorb(look(number, tally(300), tally(300)))
        verdicts.append(said(gates, "latency"))
    assert verdicts[0].outcome is Outcome.WAIT
    assert verdicts[-1].outcome is Outcome.PASS
    assert verdicts[-1].evidence is not None
    assert verdicts[-1].evidence.measure == "odds ratio over 50 ms"
    assert (verdicts[-1].evidence.proof or 0) >= (verdicts[-1].evidence.proof_limit or 0) == 20


def test_sticky_proof_takes_twenty_looks() -> None:
    """Where users are assigned, a proof waits for enough looks to know how errors clump."""
    gates = begun(ERRORS, sticky=True, proof=True)
    outcomes = []
    for number in range(1, 23):
        gates.absorb(look(number, tally(500), tally(500)))
        outcomes.append(said(gates, "errors").outcome)
    assert outcomes == [Outcome.WAIT] * 19 + [Outcome.PASS] * 3
    assert said(gates, "errors").reason.startswith("proven")


def test_sticky_clumps_are_forgiven() -> None:
    """Errors that come in clumps, now here, now there, fail nobody where users are assigned; steady harm does."""
    clumps, harm = begun(ERRORS, sticky=True), begun(ERRORS, sticky=True)
    for number in range(1, 41):
        mine, other = ((30, 0), (0, 28))[number % 2]
        clumps.absorb(look(number, tally(200, mine), tally(200, other)))
        harm.absorb(look(number, tally(200, 12 + number % 3), tally(200, 2)))
    assert (said(clumps, "errors").outcome, said(harm, "errors").outcome) == (Outcome.WAIT, Outcome.FAIL)


def _requests_missing(reason: str) -> int:
    found = re.match(r"about ([\d ]+) more requests ", reason)
    assert found, reason
    return int(found[1].replace(" ", ""))
