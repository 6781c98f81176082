"""Gates over paired answers: better, no worse, scores, segments."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from mlship.gates.judge import Budget
from mlship.gates.panel import Panel
from mlship.gates.quality import AccuracyAccount
from mlship.gates.segments import Segments
from mlship.gates.strata import PATIENCE
from mlship.metrics.answers import Answers, Pairs
from mlship.plan.answergates import Direction, Quality
from mlship.plan.model import Gate
from mlship.plan.verdict import Outcome
from tests.gates.answered import BETTER, LOG_LOSS, NO_WORSE, heard, labelled, mirrored, scored
from tests.gates.made import look, panel, said, step, tally


def listening(*gates: Gate, **changes: object) -> Panel:
    made = panel(*gates)
    made.begin(mirrored(*(gate.name for gate in gates), **changes), 0.0)  # type: ignore[arg-type]
    return made


def after(gate: Gate, *totals: Pairs) -> Panel:
    made = listening(gate)
    for number, total in enumerate(totals, start=1):
        made.absorb(heard(number, total))
    return made


@pytest.mark.parametrize(
    ("gate", "lost", "won", "looks", "outcome"),
    [
        (BETTER, 4, 12, 10, Outcome.PASS),
        (BETTER, 8, 8, 10, Outcome.WAIT),
        (BETTER, 12, 4, 10, Outcome.FAIL),
        (NO_WORSE, 8, 8, 10, Outcome.PASS),
        (NO_WORSE, 30, 6, 10, Outcome.FAIL),
        (NO_WORSE, 9, 5, 3, Outcome.WAIT),
        (replace(BETTER, margin=0.02), 4, 24, 10, Outcome.PASS),
        (replace(BETTER, margin=0.05), 4, 10, 10, Outcome.FAIL),
    ],
)
def test_accuracy(gate: Quality, lost: int, won: int, looks: int, outcome: Outcome) -> None:
    """What is asked for is proven, refuted, or neither."""
    verdict = said(after(gate, *[labelled(200, lost, won)] * looks), gate.name)
    assert verdict.outcome is outcome, verdict.reason
    assert verdict.evidence is not None
    assert verdict.evidence.estimate == pytest.approx((won - lost) / 200)
    low, high = verdict.evidence.interval or (0.0, 0.0)
    assert low <= (won - lost) / 200 <= high
    assert verdict.evidence.candidate == (lost * looks, 200 * looks)


def test_what_is_said() -> None:
    """The gain with its interval, and what it rests on."""
    assert said(after(BETTER, labelled(60, 1, 2)), "better").reason == "60 of 100 labelled pairs"
    reason = said(after(BETTER, *[labelled(200, 4, 12)] * 10), "better").reason
    assert reason.startswith("proven better than live: accuracy +4 points [+2, +6.")
    assert reason.endswith("on 2 000 labelled pairs, alone right 120, live alone 40")
    reason = said(after(NO_WORSE, labelled(200, 1, 1)), "no-worse").reason
    assert reason.startswith("not yet proven no worse than live by 2 %: accuracy +0 points")


def test_enough_pairs_first() -> None:
    """Even a clear gain passes only once there are `least` labelled pairs."""
    few = after(replace(BETTER, least=300), labelled(200, 0, 40))
    assert (said(few, "better").outcome, said(few, "better").reason) == (Outcome.WAIT, "200 of 300 labelled pairs")
    few.absorb(heard(2, labelled(100, 0, 2)))
    assert said(few, "better").outcome is Outcome.PASS


def test_proven_is_proven_and_failed_is_failed() -> None:
    """Evidence that has been reached is not taken back by what comes after, in this step or in the next."""
    good, bad = ([labelled(200, lost, won)] * 6 for lost, won in ((2, 14), (14, 2)))
    assert said(after(BETTER, *good, labelled(200, 9, 8)), "better").outcome is Outcome.PASS
    gates = after(BETTER, *bad, *good)
    gates.begin(mirrored("better"), 100.0)
    assert said(gates, "better").outcome is Outcome.FAIL


def test_late_labels_count_in_later_steps() -> None:
    """Evidence goes on where a step sends no copies: a label that comes late can still accuse."""
    gates = after(BETTER, *[labelled(200, 8, 5)] * 2)
    assert said(gates, "better").outcome is Outcome.WAIT
    gates.begin(step(guards=("better",)), 100.0)
    assert said(gates, "better").outcome is Outcome.WAIT
    for number in range(3, 20):
        late = heard(number, Pairs(labelled=200, right=(12, 2)))
        gates.absorb(replace(late, weights={"v1": 5000, "v2": 5000}, tallies={"v1": tally(50), "v2": tally(50)}))
    assert said(gates, "better").outcome is Outcome.FAIL


def test_without_copies_a_gate_never_passes() -> None:
    """A gate that a step names without ever having had answers is silent as a guard, and no verdict is a pass."""
    gates = panel(BETTER)
    gates.begin(step("better"), 0.0)
    gates.absorb(look(1, tally(100), tally(100)))
    assert all(verdict.gate != "better" for verdict in gates.verdicts(approved=False))


def test_no_answers_are_blind() -> None:
    """Five looks without a single answer make a gate blind; one answer makes it see; failures outlive it."""
    gates = after(BETTER, labelled(200, 4, 4))
    for number in range(2, 2 + PATIENCE):
        assert said(gates, "better").outcome is Outcome.WAIT
        gates.absorb(heard(number))
    verdict = said(gates, "better")
    assert (verdict.outcome, verdict.reason) == (Outcome.BLIND, "no answers of v2 to compare, for 5 looks")
    gates.absorb(heard(20, Pairs(unpaired=3)))
    assert said(gates, "better").outcome is Outcome.WAIT
    failed = after(BETTER, *[labelled(200, 14, 2)] * 6)
    for number in range(20, 20 + PATIENCE):
        failed.absorb(heard(number))
    assert said(failed, "better").outcome is Outcome.FAIL


def test_before_the_first_answer() -> None:
    """A step that has just begun waits."""
    assert said(listening(BETTER), "better").reason == "no answers to compare yet"


@pytest.mark.parametrize(
    ("shift", "higher", "outcome"),
    [
        (-0.2, False, Outcome.PASS),
        (0.2, False, Outcome.FAIL),
        (0.2, True, Outcome.PASS),
        (0.0, False, Outcome.WAIT),
    ],
)
def test_scores(shift: float, higher: bool, outcome: Outcome) -> None:  # noqa: FBT001 - a table
    """Lower errors, or higher scores, are a gain; the claim is told as asymptotic, in the score's own direction."""
    rng, gate = np.random.default_rng(71), replace(LOG_LOSS, higher_is_better=higher)
    verdict = said(after(gate, *(scored("log_loss", rng.standard_normal(100) + shift) for _ in range(20))), gate.name)
    assert verdict.outcome is outcome, verdict.reason
    assert verdict.evidence is not None
    assert verdict.evidence.measure == "gain in log loss (asymptotic)"
    assert verdict.evidence.estimate == pytest.approx(shift if higher else -shift, abs=0.08)
    assert f"log loss {'-' if shift < 0 else ''}" in verdict.reason


def test_scores_within_a_margin() -> None:
    """A score that is a little worse is within a margin in its own units, and without that score nothing is said."""
    rng, gate = np.random.default_rng(72), replace(LOG_LOSS, direction=Direction.NO_WORSE_THAN, margin=0.2)
    totals = [scored("log_loss", 0.5 * rng.standard_normal(100) + 0.05) for _ in range(20)]
    assert said(after(gate, *totals), gate.name).outcome is Outcome.PASS
    assert said(after(gate, labelled(500, 5, 5)), gate.name).reason == "0 of 200 pairs with log loss"


def in_segments(gate: Quality, looks: int, **named: tuple[int, int, int]) -> Panel:
    gates = listening(gate)
    parts = {f"region={name}": labelled(*counts) for name, counts in named.items()}
    for number in range(1, looks + 1):
        gates.absorb(heard(number, labelled(sum(counts[0] for counts in named.values())), segments=parts))
    return gates


@pytest.mark.parametrize("segment", ["region", "each"])
def test_every_segment_must_hold(segment: str) -> None:
    """A gain in most segments does not make up for one in which there is none."""
    gate = replace(BETTER, segment=segment)
    held = said(in_segments(gate, 15, eu=(200, 2, 12), us=(200, 2, 12)), "better")
    assert held.outcome is Outcome.PASS
    assert held.reason.startswith("region=eu: proven better")
    assert held.reason.endswith("(2 segments)")
    waits = said(in_segments(gate, 15, eu=(200, 2, 12), us=(200, 4, 4)), "better")
    assert waits.outcome is Outcome.WAIT
    assert waits.reason.startswith("region=us: not yet proven")
    failed = said(in_segments(gate, 15, eu=(200, 2, 12), us=(200, 12, 2)), "better")
    assert (failed.outcome, failed.reason[:10]) == (Outcome.FAIL, "region=us:")


def test_one_segment() -> None:
    """A gate about one segment sees no other."""
    gate = replace(BETTER, segment="region=eu")
    assert said(in_segments(gate, 15, eu=(200, 2, 12), us=(200, 12, 2)), "better").outcome is Outcome.PASS
    assert said(in_segments(gate, 5, us=(200, 12, 2)), "better").reason == "no answers to compare yet"


def test_small_segments_hold_nobody_up() -> None:
    """Under 1 % of the pairs and too few to judge: passed over, and told; a larger one that is short is waited for."""
    gate = replace(BETTER, segment="region")
    verdict = said(in_segments(gate, 15, eu=(400, 4, 24), li=(3, 0, 0)), "better")
    assert verdict.outcome is Outcome.PASS
    assert verdict.reason.endswith("(1 segments, 1 too small)")
    verdict = said(in_segments(gate, 10, eu=(400, 4, 24), fr=(8, 0, 0)), "better")
    assert (verdict.outcome, verdict.reason[:10]) == (Outcome.WAIT, "region=fr:")


def test_many_segments_share_the_budget() -> None:
    """The later a segment appears, the more evidence it takes to be accused alone."""
    gate = replace(BETTER, segment="region")
    first = said(in_segments(gate, 1, a=(200, 9, 3)), "better").evidence
    third = said(in_segments(gate, 1, a=(200, 3, 9), b=(200, 3, 9), c=(200, 9, 3)), "better").evidence
    assert first is not None
    assert third is not None
    assert first.limit == pytest.approx(2 / 0.05)
    assert third.limit == pytest.approx(12 / 0.05)


def _account(weight: float) -> AccuracyAccount:
    return AccuracyAccount(BETTER, budget=Budget(rollback=0.05, promote=0.05, judges=1), weight=weight)


def test_segments_without_evidence_count_as_one() -> None:
    """Those seen without evidence, and those yet to come, are worth 1 together: no case, and none in favour."""
    segments = Segments("region", _account)
    assert segments.e_value == 1
    for names in (("eu",), ("eu", "us", "ap")):
        segments.absorb(Answers(segments={f"region={name}": labelled(10) for name in names}))
        assert segments.e_value == pytest.approx(1)
