"""What stages compile to whose traffic the backend moves by itself."""

from __future__ import annotations

import pytest

from mlship.plan.model import AnyStage
from mlship.plan.routing import WHOLE
from mlship.plan.shift import Managed, Shift, ShiftKind, rolled, stepped
from mlship.plan.step import Step
from mlship.strategies import compile_plan
from tests.strategies.plans import blue_green, canary, plan, rolling

ALARMED = Managed(alarms=("fraud-5xx",))


def steps(*stages: AnyStage) -> tuple[Step, ...]:
    return compile_plan(plan(*stages, replicas=4), live="v1", salt="s").steps


def shift_of(stage: AnyStage) -> Shift:
    (step,) = (step for step in steps(stage) if step.routing.shift)
    assert step.routing.shift
    return step.routing.shift


def test_a_canary_is_a_first_part_and_then_the_rest() -> None:
    """Both fleets are watched for the hold time: beside each other, and once all traffic has moved."""
    shift = shift_of(canary(1000, hold=600.0, managed=ALARMED))

    assert shift == Shift(
        kind=ShiftKind.CANARY, share=1000, parts=2, interval=600.0, bake=600.0, limit=5400.0, alarms=("fraud-5xx",)
    )
    assert shift.least == 1200.0


@pytest.mark.parametrize(
    ("weights", "share", "parts"),
    [((2500, 5000, 7500), 2500, 4), ((2500, 5000, 7500, WHOLE), 2500, 4), ((3300, 6600, 9900), 3300, 4)],
)
def test_equal_steps_are_a_linear_shift(weights: tuple[int, ...], share: int, parts: int) -> None:
    """The last one may be written or left out, and be smaller than the others."""
    shift = shift_of(canary(*weights, hold=300.0, managed=Managed()))

    assert (shift.kind, shift.share, shift.parts, shift.least) == (ShiftKind.LINEAR, share, parts, 300.0 * parts)


@pytest.mark.parametrize(
    "weights",
    [(WHOLE,), (6000,), (500, 2500, 5000), (500, 1000, 1500), (1000, 2000), (1250, 2500), (1250,), (5500, WHOLE)],
)
def test_what_is_neither_is_no_shift(weights: tuple[int, ...]) -> None:
    """More than half first, unequal or small steps, steps that stop half-way, fractions of a percent."""
    assert stepped(weights, hold=60.0) is None


def test_blue_green_is_all_at_once_with_the_bake_as_wait() -> None:
    """The old instances stay for as long as blue would stay warm."""
    shift = shift_of(blue_green(bake=300.0, managed=ALARMED))

    assert (shift.kind, shift.parts, shift.bake, shift.least) == (ShiftKind.ALL_AT_ONCE, 1, 300.0, 300.0)


def test_rolling_replaces_instances_batch_by_batch() -> None:
    """Each batch is watched for the hold time, the last one too."""
    shift = shift_of(rolling(batch=1, hold=60.0, managed=Managed()))

    assert (shift.kind, shift.batch, shift.parts, shift.least) == (ShiftKind.ROLLING, 1, 4, 240.0)
    assert rolled(batch=3, instances=4, hold=60.0) is None
    assert rolled(batch=1, instances=1, hold=60.0) is None


def test_the_limit_is_more_than_the_waits_and_within_what_the_backend_takes() -> None:
    """An hour, or a quarter of one for each batch, is for instances to start; `at-most` overrides it."""
    assert shift_of(blue_green(bake=0.0, managed=Managed())).limit == 3600.0
    assert shift_of(canary(1000, hold=3600.0, managed=Managed(limit=9000.0))).limit == 9000.0
    nine = tuple(range(1000, WHOLE, 1000))
    assert shift_of(canary(*nine, hold=2800.0, managed=Managed())).limit == 28_800.0


def test_a_managed_stage_is_one_step_that_ends_with_the_old_model() -> None:
    """The new model serves everything then, nothing is left to retire, and what can be judged alone is judged."""
    shifting = canary(1000, hold=600.0, managed=ALARMED, gates=("signed-off", "error-ceiling"))
    serves, approval, shift = steps(shifting)

    assert (serves.label, approval.label, shift.label) == ("v1 serves", "approval", "10 %, then all")
    assert (approval.gates, approval.routing.weights) == (("signed-off",), {"v1": WHOLE})
    assert (shift.gates, dict(shift.ready), dict(shift.keep)) == (("error-ceiling",), {"v2": 4}, {"v1": 0})
    assert shift.routing.weights == {"v2": WHOLE}


def test_what_follows_a_shift_does_not_shift_again() -> None:
    """The bake after it routes plainly, and so does the way back."""
    compiled = compile_plan(plan(blue_green(managed=Managed()), bake=60.0), live="v1", salt="s")
    shift, finish = compiled.steps[1:]

    assert shift.routing.shift
    assert finish.routing == shift.routing.reached
    assert not compiled.way_back.routing.shift
