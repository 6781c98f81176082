"""Floors and drift: what is proven, what is held to a limit, and what fails only if it lasts."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mlship.gates.panel import Panel
from mlship.metrics.answers import Pairs
from mlship.plan.answergates import Drift, Floor
from mlship.plan.model import Gate
from mlship.plan.verdict import Outcome
from tests.gates.answered import AGREES, STABLE, binned, cells, heard, labelled, mirrored
from tests.gates.made import panel, said, step
from tests.gates.test_quality import after

SAME, APART = binned((250,) * 4, (250,) * 4), binned((250,) * 4, (400, 300, 200, 100))


def floor(metric: str, minimum: float, **changes: object) -> Floor:
    return replace(Floor(name="floor", metric=metric, minimum=minimum), **changes)


def outcome(gate: Gate, *totals: Pairs) -> Outcome:
    return said(after(gate, *totals), gate.name).outcome


@pytest.mark.parametrize(
    ("disagreed", "looks", "expected"),
    [(3, 5, Outcome.PASS), (10, 5, Outcome.WAIT), (20, 5, Outcome.FAIL), (0, 1, Outcome.PASS)],
)
def test_agreement(disagreed: int, looks: int, expected: Outcome) -> None:
    """Proven at or above 95 %, proven below, or neither; labels are not needed."""
    pairs = Pairs(pairs=200, agreed=200 - disagreed)
    verdict = said(after(AGREES, *[pairs] * looks), "agrees")
    assert verdict.outcome is expected, verdict.reason
    assert verdict.evidence is not None
    assert verdict.evidence.estimate == pytest.approx(1 - disagreed / 200)
    assert verdict.evidence.candidate == (disagreed * looks, 200 * looks)


def test_what_is_said_of_agreement() -> None:
    """Counts and the minimum."""
    assert said(after(AGREES, Pairs(pairs=50, agreed=50)), "agrees").reason == "50 of 100 pairs"
    reason = said(after(AGREES, Pairs(pairs=200, agreed=190)), "agrees").reason
    assert reason == "not yet proven: agreement 95 % of 200 pairs, at least 95 %"


@pytest.mark.parametrize(("wrong", "expected"), [(6, Outcome.PASS), (20, Outcome.WAIT), (40, Outcome.FAIL)])
def test_accuracy(wrong: int, expected: Outcome) -> None:
    """Accuracy is proven like agreement, over the labelled pairs."""
    counts = cells(tp=100, tn=100 - wrong, fp=wrong)
    assert outcome(floor("accuracy", 0.9), *[counts] * 5) is expected


def test_accuracy_that_cannot_be_counted_is_blind() -> None:
    """Too many different predictions to keep apart: nobody knows which were right."""
    assert outcome(floor("accuracy", 0.9), *[labelled(200, 1, 1)] * 3) is Outcome.BLIND


@pytest.mark.parametrize(
    ("metric", "positive", "minimum", "expected"),
    [
        ("precision", "1", 0.8, Outcome.PASS),
        ("precision", "1", 0.81, Outcome.FAIL),
        ("recall", "1", 0.5, Outcome.PASS),
        ("recall", "1", 0.51, Outcome.FAIL),
        ("f1", "1", 0.61, Outcome.PASS),
        ("f1", "1", 0.62, Outcome.FAIL),
        ("f1", None, 0.73, Outcome.PASS),
        ("f1", None, 0.75, Outcome.FAIL),
    ],
)
def test_classes(metric: str, positive: str | None, minimum: float, expected: Outcome) -> None:
    """Precision 80 %, recall 50 %, F1 0.615, mean F1 over both classes 0.740: held to the limit look after look."""
    counts = cells(tp=40, fp=10, fn=40, tn=160)
    assert outcome(floor(metric, minimum, positive=positive), counts, counts, counts) is expected


def test_few_cases_say_nothing() -> None:
    """Precision of a class that was predicted three times waits, however many labels there are."""
    verdict = said(after(floor("precision", 0.9, positive="1"), cells(tp=1, fp=2, tn=1000)), "floor")
    assert (verdict.outcome, verdict.reason) == (Outcome.WAIT, "3 of 20 cases of 1")
    assert said(after(floor("f1", 0.9), cells(tp=5)), "floor").reason == "5 of 100 labelled pairs"


def test_a_limit_fails_only_if_it_lasts() -> None:
    """Two bad looks wait, looks without new data do not count, the third bad one fails, and that stays."""
    gate, bad, good = floor("f1", 0.9, positive="1"), cells(tp=60, fp=40), cells(tp=2000)
    assert outcome(gate, bad, bad) is Outcome.WAIT
    assert outcome(gate, bad, bad, *[Pairs(pairs=10, agreed=10)] * 5) is Outcome.WAIT
    assert outcome(gate, bad, bad, good, bad, bad) is Outcome.PASS
    assert outcome(gate, bad, bad, cells(tp=300), cells(fp=60)) is Outcome.WAIT
    assert outcome(gate, bad, bad, bad) is Outcome.FAIL
    assert outcome(gate, bad, bad, bad, good) is Outcome.FAIL


def test_a_limit_is_about_the_stage() -> None:
    """The next step of a stage goes on with its sums; another stage begins anew."""
    gates = after(floor("f1", 0.9, positive="1"), *[cells(tp=60, fp=40)] * 3)
    gates.begin(mirrored("floor"), 50.0)
    assert said(gates, "floor").outcome is Outcome.FAIL
    gates.begin(mirrored("floor", stage="another"), 60.0)
    assert said(gates, "floor").outcome is Outcome.WAIT
    gates.absorb(heard(10, cells(tp=300)))
    assert said(gates, "floor").outcome is Outcome.PASS


def test_truth_that_comes_after_the_stage_is_added_to_it() -> None:
    """Steps without copies in between do not begin anew: labels are about the stage that sent the copies."""
    gates = after(floor("f1", 0.9, positive="1"), cells(tp=90, fp=5))
    gates.begin(step(guards=("floor",)), 50.0)
    gates.absorb(heard(2, cells(tp=30)))
    gates.begin(mirrored("floor"), 60.0)
    gates.absorb(heard(3, cells(tp=30)))
    assert said(gates, "floor").reason == "f1 of 1 0.984 on 155 labelled pairs, at least 0.9"


def test_classes_that_cannot_be_counted_wait() -> None:
    """Labels without their cells are no labels of a class."""
    verdict = said(after(floor("f1", 0.9), labelled(500, 1, 1)), "floor")
    assert (verdict.outcome, verdict.reason) == (
        Outcome.WAIT,
        "too many different predictions to tell the classes apart",
    )


def test_coverage_waits_for_truth() -> None:
    """Labels that have not come are waited for, however long; with enough of them the gate passes."""
    gate, silent = floor("coverage", 0.5), Pairs(pairs=100, agreed=100)
    verdict = said(after(gate, *[silent] * 20), "floor")
    assert (verdict.outcome, verdict.reason) == (Outcome.WAIT, "coverage 0 % of 2 000 pairs, at least 50 %")
    assert outcome(gate, *[silent] * 2, Pairs(labelled=100)) is Outcome.PASS
    assert said(after(gate, Pairs(pairs=9)), "floor").reason == "9 of 100 pairs"


def test_unpaired_answers_fail() -> None:
    """A challenger that leaves out every tenth request is not judged by the easy ones alone."""
    gate = floor("paired", 0.95)
    assert outcome(gate, *[Pairs(pairs=196, unpaired=4)] * 3) is Outcome.PASS
    assert outcome(gate, *[Pairs(pairs=180, unpaired=20)] * 3) is Outcome.FAIL


@pytest.mark.parametrize("metric", ["psi", "ks"])
def test_drift(metric: str) -> None:
    """The same distribution passes, another one fails if it lasts, few values wait."""
    gate = replace(STABLE, metric=metric)
    assert outcome(gate, SAME) is Outcome.PASS
    assert outcome(gate, APART, APART) is Outcome.WAIT
    assert outcome(gate, APART, APART, APART) is Outcome.FAIL
    assert said(after(gate, binned((10,) * 4, (10,) * 4)), "stable").reason == "40 of 1 000 values of score"
    assert said(after(gate, labelled(500)), "stable").reason == "0 of 1 000 values of score"
    assert said(after(gate, APART), "stable").reason.startswith(f"{metric} of score 0.2")


def test_other_bins_start_anew() -> None:
    """Counts in other bins are not added to those before."""
    gate, other = Drift(name="stable", metric="ks", of="score", maximum=0.1), binned((300,) * 4, (300,) * 4, (1, 2, 3))
    assert outcome(gate, *[APART] * 2, other) is Outcome.PASS


def test_limits_draw_on_no_budget() -> None:
    """Beside limits, a gate that keeps evidence has the whole budget; beside another of its kind, half of it."""
    for others, share in (((STABLE, floor("f1", 0.5)), 1), ((floor("accuracy", 0.5),), 2)):
        gates: Panel = panel(AGREES, *others)
        gates.begin(mirrored("agrees"), 0.0)
        gates.absorb(heard(1, Pairs(pairs=10, agreed=10)))
        evidence = said(gates, "agrees").evidence
        assert evidence is not None
        assert evidence.limit == pytest.approx(share / 0.05)
