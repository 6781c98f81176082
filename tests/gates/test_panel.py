"""All gates together: which speak, the shared budget, blindness, and the same verdicts after a crash."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlship.gates.panel import Counts, Panel
from mlship.gates.strata import PATIENCE
from mlship.metrics.look import Look
from mlship.plan.model import Threshold
from mlship.plan.step import Step
from mlship.plan.verdict import Outcome, Verdict
from tests.gates.made import CEILING, ERRORS, FAST, LATENCY, SIGNED, begun, history, look, panel, said, step, tally

GATES = (ERRORS, LATENCY, CEILING, FAST, SIGNED)


def speakers(gates: Panel) -> list[str]:
    return [verdict.gate for verdict in gates.verdicts(approved=False)]


def test_nothing_is_said_before_a_step() -> None:
    """Without a step there is nothing to judge."""
    gates = panel(*GATES)
    gates.absorb(look(1, tally(10), tally(10)))
    assert gates.verdicts(approved=False) == ()


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (0, ["signed"]),
        (500, ["errors", "ceiling", "latency", "signed", "sample-ratio"]),
        (10_000, ["ceiling", "signed"]),
    ],
)
def test_who_speaks(weight: int, expected: list[str]) -> None:
    """Gates and guards of the step speak where their models have traffic; comparisons need both."""
    gates = panel(*GATES)
    gates.begin(step("errors", "ceiling", weight=weight, guards=("latency", "signed", "errors")), 0.0)
    assert speakers(gates) == expected


@pytest.mark.parametrize(("approved", "outcome"), [(False, Outcome.WAIT), (True, Outcome.PASS)])
def test_manual(approved: bool, outcome: Outcome) -> None:  # noqa: FBT001 - a table
    """A manual gate waits for its people, by name, until somebody signs."""
    verdict = said(begun(SIGNED), "signed", approved=approved)
    assert verdict.outcome is outcome
    assert verdict.reason == ("signed off" if approved else "waits for fraud-team: mlship promote")


def test_a_look_counts_once() -> None:
    """A look that is absorbed twice is one look."""
    gates = begun(ERRORS)
    for _ in range(3):
        gates.absorb(look(1, tally(10, 1), tally(10)))
    assert (gates.requests, gates.counts()) == (10, Counts(candidate=10, live=10))
    evidence = said(gates, "errors").evidence
    assert evidence is not None
    assert evidence.candidate == (1, 10)


def test_requests_are_counted_per_step() -> None:
    """A new step counts its requests from 0, whatever kind of look brings them; missing looks are counted for good."""
    gates = begun(ERRORS)
    gates.absorb(look(1, tally(10), tally(10), settling=True))
    gates.absorb(look(2, tallies=None))
    gates.begin(step("errors"), 10.0)
    gates.absorb(look(3, tally(7), tally(10), warming=frozenset({"v2"})))
    assert (gates.requests, gates.counts().skipped) == (7, 1)


def test_history_is_no_evidence() -> None:
    """Look 0 sets expectations; whatever it holds, it accuses nobody and proves nothing."""
    gates = begun(*GATES)
    gates.absorb(Look(number=0, start=0, end=0, weights={}, tallies={"v1": tally(5000), "v2": tally(5000, 5000)}))
    verdicts = {verdict.gate: verdict for verdict in gates.verdicts(approved=False)}
    assert gates.requests == 0
    assert all(verdict.outcome is Outcome.WAIT for verdict in verdicts.values())


def test_the_budget_is_shared() -> None:
    """The more gates judge, the more evidence one of them needs: their number / alpha."""
    for others in (0, 1, 4):
        more = [Threshold(name=f"t{number}", metric="error_rate", maximum=0.9) for number in range(others)]
        gates = begun(ERRORS, *more, SIGNED)
        gates.absorb(look(1, tally(10), tally(10)))
        evidence = said(gates, "errors").evidence
        assert evidence is not None
        assert evidence.limit == pytest.approx((1 + others) / 0.05)


def test_gates_fail_together() -> None:
    """Two gates that are each short of their own limit fail the rollout by their mean; the stronger is named."""
    ceilings = [
        Threshold(name=name, metric="error_rate", maximum=maximum)
        for name, maximum in (("loose", 0.95), ("weaker", 0.72), ("stronger", 0.7))
    ]
    both, alone = begun(*ceilings, weight=10_000), begun(*ceilings, weight=10_000)
    alone.begin(step("stronger", weight=10_000), 0.0)
    fell: dict[str, int] = {}
    for number in range(1, 80):
        for name, gates in (("both", both), ("alone", alone)):
            gates.absorb(look(number, tally(1, 1), weight=10_000))
            if said(gates, "stronger").outcome is Outcome.FAIL:
                fell.setdefault(name, number)
    assert fell["both"] < fell["alone"]
    assert [verdict.gate for verdict in both.verdicts(approved=False) if verdict.outcome is Outcome.FAIL] == [
        "stronger"
    ]


def test_failed_is_failed() -> None:
    """No number of good looks takes a failure back, in this step or in the next."""
    gates = begun(ERRORS)
    gates.absorb(look(1, tally(50, 50), tally(50)))
    for number in range(2, 40):
        gates.absorb(look(number, tally(50), tally(50, 25)))
    gates.begin(step("errors"), 500.0)
    assert said(gates, "errors").outcome is Outcome.FAIL


def test_evidence_is_carried_over_steps() -> None:
    """Harm that was not clear in one step adds to that of the next, also where that step did not name the gate."""
    gates = panel(ERRORS)
    gates.begin(step(weight=500), 0.0)
    gates.absorb(look(1, tally(30, 2), tally(570, 12), weight=500))
    gates.absorb(look(2, tally(30, 2), tally(570, 12), weight=500))
    assert speakers(gates) == ["sample-ratio"]
    gates.begin(step("errors", weight=1000), 10.0)
    gates.absorb(look(3, tally(60, 3), tally(540, 11), weight=1000))
    fresh = begun(ERRORS, weight=1000)
    fresh.absorb(look(3, tally(60, 3), tally(540, 11), weight=1000))
    carried, alone = said(gates, "errors").evidence, said(fresh, "errors").evidence
    assert carried is not None
    assert alone is not None
    assert (carried.e_value or 0) > (alone.e_value or 0)


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ({"tallies": None, "trouble": "connection refused"}, "connection refused, for 5 looks"),
        ({}, "no requests, for 5 looks"),
    ],
)
def test_blind(missing: dict[str, object], reason: str) -> None:
    """Five looks without numbers or traffic make every measuring gate blind; one good look makes it see again."""
    gates = begun(ERRORS, CEILING, SIGNED)
    gates.absorb(look(1, tally(200), tally(200)))
    for number in range(2, 2 + PATIENCE):
        assert said(gates, "errors").outcome is Outcome.PASS
        gates.absorb(look(number, **missing))  # type: ignore[arg-type]
    for name in ("errors", "ceiling"):
        assert (said(gates, name).outcome, said(gates, name).reason) == (Outcome.BLIND, reason)
    assert said(gates, "signed").outcome is Outcome.WAIT
    gates.absorb(look(10, tally(10), tally(10)))
    assert said(gates, "errors").outcome is Outcome.PASS


def test_no_candidate_traffic_is_blind() -> None:
    """A candidate that should have traffic and gets none is not judged by what it got before."""
    gates = begun(ERRORS)
    gates.absorb(look(1, tally(200), tally(200)))
    for number in range(2, 2 + PATIENCE):
        gates.absorb(look(number, None, tally(200)))
    verdict = said(gates, "errors")
    assert (verdict.outcome, verdict.reason) == (Outcome.BLIND, "no requests reach v2, for 5 looks")


def test_a_failure_outlives_blindness() -> None:
    """What has failed stays failed when the numbers stop."""
    gates = begun(ERRORS)
    gates.absorb(look(1, tally(50, 50), tally(50)))
    for number in range(2, 2 + PATIENCE):
        gates.absorb(look(number, tallies=None))
    assert said(gates, "errors").outcome is Outcome.FAIL


def test_at_all_traffic_ceilings_go_on() -> None:
    """At 100 % comparisons are silent, and a ceiling named as a guard still fails a candidate that breaks late."""
    gates = panel(ERRORS, CEILING)
    gates.begin(step(guards=("errors", "ceiling"), weight=10_000), 0.0)
    gates.absorb(look(1, tally(500), None, weight=10_000))
    assert speakers(gates) == ["ceiling"]
    gates.absorb(look(2, tally(500, 300), None, weight=10_000))
    assert said(gates, "ceiling").outcome is Outcome.FAIL


Act = Step | Look


@st.composite
def rollouts(draw: st.DrawFn) -> list[Act]:
    """Any steps and looks, with holes, resets, silence, errors and slowness."""
    acts: list[Act] = [history(tally(draw(st.sampled_from([0, 150, 5000])), 3))]
    number = 0
    for _ in range(draw(st.integers(1, 3))):
        weight = draw(st.sampled_from([0, 100, 2000, 5000, 10_000]))
        named = draw(st.lists(st.sampled_from([gate.name for gate in GATES]), unique=True, min_size=1))
        acts.append(step(*named, weight=weight, proof=draw(st.booleans())))
        for _ in range(draw(st.integers(0, 6))):
            number += 1
            acts.append(_any_look(draw, number, weight))
    return acts


def _any_look(draw: st.DrawFn, number: int, weight: int) -> Look:
    total = draw(st.sampled_from([0, 3, 60, 1000]))
    mine = draw(st.integers(0, total)) if draw(st.booleans()) else total * weight // 10_000
    errors = draw(st.integers(0, mine))
    return look(
        number,
        tally(mine, errors, slower=draw(st.sampled_from([1.0, 3.0]))),
        tally(total - mine, draw(st.integers(0, total - mine))),
        weight=weight,
        settling=draw(st.booleans()),
        **({"tallies": None} if draw(st.integers(0, 5)) == 0 else {}),
    )


def told(acts: list[Act], *, sticky: bool, asking: bool) -> tuple[Verdict, ...]:
    """What a panel says after these acts, asked at each of them or at the end only."""
    gates = panel(*GATES, sticky=sticky)
    for at, act in enumerate(acts):
        if isinstance(act, Step):
            gates.begin(act, float(at))
        else:
            gates.absorb(act)
        if asking:
            gates.verdicts(approved=False)
    return gates.verdicts(approved=False)


@given(acts=rollouts(), sticky=st.booleans(), cut=st.integers(0, 20))
@settings(max_examples=60, deadline=None)
def test_rebuilt_panels_agree(acts: list[Act], *, sticky: bool, cut: int) -> None:
    """At any point a panel rebuilt from the record says what the one that was there all the time says."""
    for part in (acts[: cut % (len(acts) + 1)], acts):
        assert told(part, sticky=sticky, asking=True) == told(part, sticky=sticky, asking=False)
        again = [act for act in part for _ in range(1 if isinstance(act, Step) else 2)]
        assert told(again, sticky=sticky, asking=False) == told(part, sticky=sticky, asking=False)


@given(acts=rollouts(), sticky=st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_history_is_judged(acts: list[Act], *, sticky: bool) -> None:
    """Whatever happens, each verdict has an outcome and a reason, and only gates that measure can fail."""
    for verdict in told(acts, sticky=sticky, asking=False):
        assert verdict.reason
        assert verdict.outcome is not Outcome.FAIL or verdict.gate in {"errors", "latency", "ceiling", "fast"}
