"""The rules of the decision, one by one and against each other."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mlship.engine.decide import Advance, Hold, Order, Park, RollBack, Situation, decide
from mlship.plan.routing import all_to
from mlship.plan.step import AtDeadline, Step
from mlship.plan.verdict import Outcome, Verdict

STEP = Step(
    stage="canary",
    strategy="canary",
    label="5 %",
    routing=all_to("v1"),
    gates=("errors",),
    guards=("ceiling",),
    hold=60.0,
)


def said(gate: str, outcome: Outcome) -> Verdict:
    return Verdict(gate=gate, outcome=outcome, reason="because")


def situation(*verdicts: Verdict, **changes: object) -> Situation:
    standard: dict[str, object] = {"step": STEP, "now": 100.0, "settled_at": 0.0, "verdicts": verdicts}
    return Situation(**{**standard, **changes})  # type: ignore[arg-type]


PASS, WAIT, BLIND, FAIL = (said("errors", outcome) for outcome in Outcome)
ABORT, PROMOTE = Order(verb="abort", by="ann"), Order(verb="promote", by="ann")


def test_advance() -> None:
    """Every gate passes and the hold time is over: move on."""
    assert isinstance(decide(situation(PASS)), Advance)


def test_hold_time() -> None:
    """A pass before the hold time is over holds until it is."""
    assert decide(situation(PASS, now=30.0)) == Hold(until=60.0, reason="hold")


@pytest.mark.parametrize("verdict", [WAIT, BLIND])
def test_no_pass_holds(verdict: Verdict) -> None:
    """Waiting and blind gates hold the traffic where it is."""
    assert decide(situation(verdict)) == Hold(until=STEP.deadline, reason="errors: because")


def test_guards_may_wait() -> None:
    """A guard that waits for data does not hold the step."""
    assert isinstance(decide(situation(PASS, said("ceiling", Outcome.WAIT))), Advance)


def test_blind_guard_holds() -> None:
    """A guard that could not measure does: nobody goes on in the dark."""
    assert isinstance(decide(situation(PASS, said("ceiling", Outcome.BLIND))), Hold)


def test_fail_rolls_back() -> None:
    """A failed gate or guard rolls back, before the hold time too."""
    assert decide(situation(PASS, said("ceiling", Outcome.FAIL), now=1.0)) == RollBack(reason="ceiling: because")


def test_requests() -> None:
    """Too few requests to the candidate hold."""
    step = replace(STEP, requests=100)
    assert decide(situation(PASS, step=step, requests=40)) == Hold(
        until=STEP.deadline, reason="60 more requests to the candidate"
    )


@pytest.mark.parametrize(("what", "act"), [(AtDeadline.ROLLBACK, RollBack), (AtDeadline.PARK, Park)])
def test_deadline(what: AtDeadline, act: type) -> None:
    """At the deadline the plan decides."""
    late = situation(WAIT, step=replace(STEP, at_deadline=what), now=STEP.deadline)
    assert isinstance(decide(late), act)


def test_pass_beats_deadline() -> None:
    """A step that passes at its deadline has passed."""
    assert isinstance(decide(situation(PASS, now=STEP.deadline)), Advance)


def test_missing_signature_parks() -> None:
    """Nobody is rolled back for want of a signature."""
    late = situation(WAIT, now=STEP.deadline, unsigned=frozenset({"errors"}))
    assert isinstance(decide(late), Park)


def test_pause() -> None:
    """A pause holds for as long as it lasts, past any deadline."""
    assert decide(situation(PASS, paused=True, now=STEP.deadline)) == Hold(until=math.inf, reason="paused")


def test_orders() -> None:
    """An order to abort beats everything; one to promote beats waiting, not failing."""
    assert isinstance(decide(situation(PASS, order=ABORT)), RollBack)
    assert isinstance(decide(situation(BLIND, order=PROMOTE, now=1.0)), Advance)
    assert isinstance(decide(situation(FAIL, order=PROMOTE)), RollBack)
    assert isinstance(decide(situation(FAIL, full=True)), RollBack)


VERDICTS = st.lists(
    st.builds(said, st.sampled_from(["errors", "ceiling", "health"]), st.sampled_from(Outcome)), max_size=4
)


@given(verdicts=VERDICTS, now=st.floats(0, 10_000), paused=st.booleans(), full=st.booleans())
def test_never_past_a_failure(verdicts: list[Verdict], now: float, paused: bool, full: bool) -> None:  # noqa: FBT001
    """No step is left forward past a failed gate, whatever else; only a failure or a deadline goes back."""
    act = decide(situation(*verdicts, now=now, paused=paused, full=full))
    failed = any(verdict.outcome is Outcome.FAIL for verdict in verdicts)
    assert isinstance(act, RollBack) if failed else True
    assert failed or now >= STEP.deadline if isinstance(act, RollBack) else True
