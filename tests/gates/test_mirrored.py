"""Comparisons and ceilings while the candidate gets nothing but copies."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlship.gates.jury import Jury
from mlship.gates.panel import Panel
from mlship.gates.strata import PATIENCE, Strata
from mlship.metrics.answers import Pairs
from mlship.metrics.counters import Tally
from mlship.metrics.look import Look
from mlship.plan.model import Alpha, Gate
from mlship.plan.step import CompiledPlan, Step
from mlship.plan.verdict import Outcome, Verdict
from tests.gates.answered import AGREES, BETTER, STABLE, binned, cells, heard, labelled, mirrored
from tests.gates.made import CEILING, ERRORS, FAST, LATENCY, SIGNED, history, look, panel, said, step, tally

TALLIED = (ERRORS, LATENCY, CEILING, FAST)


def shadowing(*gates: Gate, **changes: object) -> Panel:
    made = panel(*gates)
    made.begin(mirrored(*(gate.name for gate in gates), **changes), 0.0)  # type: ignore[arg-type]
    made.absorb(history(tally(5000, 20)))
    return made


def outcomes(gates: Panel) -> dict[str, Outcome]:
    return {verdict.gate: verdict.outcome for verdict in gates.verdicts(approved=False)}


def test_who_speaks_about_copies() -> None:
    """Every gate that the step names, and no check of the split: copies are none."""
    gates = shadowing(*TALLIED, BETTER, AGREES, STABLE, SIGNED)
    names = {gate.name for gate in (*TALLIED, BETTER, AGREES, STABLE, SIGNED)}
    assert {verdict.gate for verdict in gates.verdicts(approved=False)} == names


@pytest.mark.parametrize("share", [10_000, 2000, 500])
def test_a_sound_challenger_passes(share: int) -> None:
    """Copies with as many errors and the same latency as live's requests, whatever part of them is copied."""
    gates = shadowing(*TALLIED, share=share)
    for number in range(1, 11):
        gates.absorb(look(number, tally(share // 10, share // 5000), tally(1000, 4), weight=0))
    assert set(outcomes(gates).values()) == {Outcome.PASS}
    assert gates.requests == share


@pytest.mark.parametrize(
    ("gate", "copies"), [(ERRORS, tally(500, 50)), (CEILING, tally(500, 80)), (LATENCY, tally(500, slower=4.0))]
)
@pytest.mark.parametrize("share", [10_000, 2000])
def test_a_broken_challenger_fails(gate: Gate, copies: Tally, share: int) -> None:
    """Errors and slowness are seen in the copies, before any user meets them."""
    gates = shadowing(gate, share=share)
    for number in range(1, 16):
        gates.absorb(look(number, copies, tally(500 * 10_000 // share, 2), weight=0))
    assert said(gates, gate.name).outcome is Outcome.FAIL


def test_copies_that_do_not_arrive_are_blind() -> None:
    """Five looks in which live is busy and no copy is answered."""
    gates = shadowing(ERRORS)
    for number in range(1, 1 + PATIENCE):
        gates.absorb(look(number, None, tally(200), weight=0))
    verdict = said(gates, "errors")
    assert (verdict.outcome, verdict.reason) == (Outcome.BLIND, "no copies reach v2, for 5 looks")


def test_few_copies_are_waited_for() -> None:
    """Where a twentieth is copied, looks of ten requests are pooled until a copy can be expected."""
    gates = shadowing(ERRORS, share=500)
    for number in range(1, 1 + PATIENCE):
        gates.absorb(look(number, None, tally(10), weight=0))
    assert said(gates, "errors").outcome is Outcome.WAIT


def test_copies_and_users_are_not_pooled() -> None:
    """What was too little to judge as copies is not added to requests that users made."""
    strata = Strata(live="v1", candidate="v2")
    strata.begin(mirrored())
    assert strata.absorb(look(1, None, tally(1), weight=0)) is None
    strata.begin(step())
    stratum = strata.absorb(look(2, tally(5), tally(5)))
    assert stratum is not None
    assert (stratum.candidate.requests, stratum.live.requests) == (5, 5)


def test_a_warming_challenger_has_no_latency() -> None:
    """Latency of copies counts once the challenger is warm."""
    gates = shadowing(LATENCY)
    gates.absorb(look(1, tally(500, slower=5.0), tally(500), weight=0, warming=frozenset({"v2"})))
    assert said(gates, "latency").evidence is not None
    assert said(gates, "latency").reason == "0 of 100 requests timed"


def test_evidence_is_carried_from_copies_to_users() -> None:
    """What the copies had against a candidate adds to what its users meet."""
    gates, fresh = shadowing(ERRORS), panel(ERRORS)
    gates.absorb(look(1, tally(500, 9), tally(500, 3), weight=0))
    for each in (gates, fresh):
        each.begin(step("errors"), 10.0)
        each.absorb(look(2, tally(500, 6), tally(500, 3)))
    carried, alone = said(gates, "errors").evidence, said(fresh, "errors").evidence
    assert carried is not None
    assert alone is not None
    assert (carried.e_value or 0) > (alone.e_value or 0)


def test_challengers_share_both_budgets() -> None:
    """Of three challengers each is accused, and believed, at a third of alpha."""
    gates = Panel(
        gates={"better": BETTER}, alpha=Alpha(), live="v1", candidate="v2", sticky=False, challengers=3
    )  # fmt: skip
    gates.begin(mirrored("better"), 0.0)
    gates.absorb(heard(1, labelled(100, 2, 2)))
    evidence = said(gates, "better").evidence
    assert evidence is not None
    assert [evidence.limit, evidence.proof_limit] == pytest.approx([60, 60])


def test_the_jury_takes_the_largest_gain() -> None:
    """Of those that passed, the one whose estimate is highest, not the first of the plan."""
    shadow = mirrored("better", models=("v2", "v3"), challengers=("v2", "v3"))
    compiled = CompiledPlan(service="s", live="v1", candidate="v2", steps=(shadow,), way_back=step())
    jury = Jury(gates={"better": BETTER}, alpha=Alpha(), compiled=compiled, sticky=False)
    jury.begin(shadow, 0.0)
    for number in range(1, 6):
        answers = {
            name: heard(0, labelled(200, 2, won)).answers["v2"] for name, won in (("v2", 12), ("v3", 16))
        }  # fmt: skip
        jury.absorb(heard(number, answers=answers))
    assert {verdict.outcome for verdict in jury.verdicts(approved=False)} == {Outcome.PASS}
    assert jury.best(("v2", "v3")) == ("v3", "the largest gain in accuracy: v2 +5 points, v3 +7 points")


Act = Step | Look
GATES = (ERRORS, CEILING, BETTER, AGREES, STABLE)


@st.composite
def shadows(draw: st.DrawFn) -> list[Act]:
    """Shadow and canary steps in any order, with answers, late labels, holes and silence."""
    acts: list[Act] = []
    number = 0
    for _ in range(draw(st.integers(1, 4))):
        copied = draw(st.booleans())
        named = draw(st.lists(st.sampled_from([gate.name for gate in GATES]), unique=True, min_size=1))
        acts.append(mirrored(*named) if copied else step(*named))
        for _ in range(draw(st.integers(0, 6))):
            number += 1
            totals = (None, labelled(50, 1, 9), labelled(50, 9, 1), cells(tp=20, fp=9), Pairs(labelled=9, right=(1, 2)))
            total = draw(st.sampled_from((*totals, binned((300,) * 4, (600, 300, 200, 100)))))
            counted = {"v1": tally(100, 2), "v2": tally(draw(st.sampled_from([0, 100])), 0)}
            weights = {"v1": 10_000} if copied else {"v1": 5000, "v2": 5000}
            missing = draw(st.integers(0, 4)) == 0
            acts.append(heard(number, total, tallies=None if missing else counted, weights=weights))
    return acts


def told(acts: list[Act], *, asking: bool) -> tuple[Verdict, ...]:
    gates = panel(*GATES)
    for at, act in enumerate(acts):
        if isinstance(act, Step):
            gates.begin(act, float(at))
        else:
            gates.absorb(act)
        if asking:
            gates.verdicts(approved=False)
    return gates.verdicts(approved=False)


@given(acts=shadows())
@settings(max_examples=60, deadline=None)
def test_rebuilt_panels_agree(acts: list[Act]) -> None:
    """A panel rebuilt from the record says what the one that was there all the time says, and each look counts once."""
    assert told(acts, asking=True) == told(acts, asking=False)
    again = [act for act in acts for _ in range(1 if isinstance(act, Step) else 2)]
    assert told(again, asking=False) == told(acts, asking=False)
    assert all(verdict.reason for verdict in told(acts, asking=False))
