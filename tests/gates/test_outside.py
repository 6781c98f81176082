"""Limits to numbers that somebody else measures."""

from __future__ import annotations

from msgspec.structs import replace

from mlship.gates.outside import OutsideJudge
from mlship.metrics.look import Look
from mlship.plan.model import Outside
from mlship.plan.outcome import Metric
from mlship.plan.routing import Routing
from mlship.plan.step import Step
from mlship.plan.verdict import Outcome

GATE = Outside(name="cb", metric=Metric(name="chargebacks", source="prometheus"), maximum=0.5)
STEP = Step(
    stage="canary",
    strategy="canary",
    label="5 %",
    routing=Routing(segments=(("v2", 500), ("v1", 9500))),
    gates=("cb",),
)


def judged(*values: float | None, gate: Outside = GATE) -> OutsideJudge:
    judge = OutsideJudge(gate, candidate="v2")
    judge.begin(STEP)
    for number, value in enumerate(values, start=1):
        look = Look(
            number=number, start=10.0 * number, end=10.0 * number + 10, weights={}, tallies={},
            outside={"cb": {"v2": value}}, trouble="prom is down" if value is None else "",
        )  # fmt: skip
        judge.absorb(look)
    return judge


def test_within_and_beyond() -> None:
    """Within it passes; beyond it waits, and a third look in a row fails it for the stage."""
    assert judged(0.4).verdict().outcome is Outcome.PASS
    assert judged(0.6, 0.6).verdict().outcome is Outcome.WAIT
    assert judged(0.6, 0.6, 0.4, 0.6).verdict().outcome is Outcome.WAIT
    assert judged(0.6, 0.6, 0.6, 0.1).verdict().outcome is Outcome.FAIL
    assert judged(0.6, 0.6, 0.6).verdict().reason == "chargebacks is 0.6, at most 0.5"


def test_for_a_while() -> None:
    """With `for`, it is time that counts, not looks."""
    gate = replace(GATE, sustained=50.0)

    assert judged(*[0.6] * 4, gate=gate).verdict().outcome is Outcome.WAIT
    assert judged(*[0.6] * 5, gate=gate).verdict().outcome is Outcome.FAIL


def test_a_minimum() -> None:
    """The other way round."""
    gate = replace(GATE, maximum=None, minimum=100.0)

    assert judged(120.0, gate=gate).verdict().outcome is Outcome.PASS
    assert judged(*[80.0] * 3, gate=gate).verdict().reason == "chargebacks is 80, at least 100"


def test_no_data_is_not_zero() -> None:
    """Nothing measured waits, then is blind; it never fails."""
    assert judged().verdict().outcome is Outcome.WAIT
    assert judged(*[None] * 4).verdict().outcome is Outcome.WAIT
    blind = judged(*[None] * 5).verdict()

    assert (blind.outcome, blind.reason) == (Outcome.BLIND, "prom is down, for 5 looks")
    assert judged(*[None] * 5, 0.1).verdict().outcome is Outcome.PASS


def test_another_stage_begins_anew() -> None:
    """What failed in a stage that was passed by an order does not fail the next one."""
    judge = judged(*[0.6] * 3)
    judge.begin(replace(STEP, stage="go-live"))

    assert judge.verdict().outcome is Outcome.WAIT
