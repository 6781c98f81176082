"""What stages compile to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlship.plan.model import AnyStage, Plan
from mlship.plan.routing import WHOLE
from mlship.plan.rule import header_is
from mlship.plan.step import AtDeadline, CompiledPlan
from mlship.strategies import compile_plan
from mlship.strategies.rolling import batches
from tests.strategies.plans import blue_green, canary, plan, recreate, rolling


def compiled(*stages: AnyStage, **changes: Any) -> CompiledPlan:
    return compile_plan(plan(*stages, **changes), live="v1", salt="s")


def labels(steps: CompiledPlan) -> list[str]:
    return [step.label for step in steps.steps]


def test_canary_steps() -> None:
    """A canary has one step per weight, then everything, then the old model goes."""
    assert labels(compiled(canary(100, 2500, 5000))) == ["v1 serves", "1 %", "25 %", "50 %", "100 %", "retire v1"]


def test_canary_proof() -> None:
    """Only the last step with both models must prove; the ones before must only show no harm."""
    steps = compiled(canary(500, 5000, 10_000)).steps
    assert [step.proof for step in steps] == [False, False, True, False, False]


def test_comparisons_need_both() -> None:
    """A comparison is judged only where live and candidate both have traffic; a ceiling wherever the candidate has."""
    by_label = {step.label: (step.gates, step.guards) for step in compiled(canary(5000, 10_000)).steps}
    assert by_label["50 %"] == (("no-more-errors", "not-slower"), ("error-ceiling",))
    assert by_label["100 %"] == ((), ("error-ceiling",))
    assert by_label["v1 serves"] == ((), ())


def test_blue_green() -> None:
    """Green comes up on the side under its preview header, then gets everything; blue stays until the bake is over."""
    preview = header_is("x-preview", "green", "")
    up, switch, retire = compiled(blue_green(preview=preview)).steps[1:]
    assert (up.routing.weights, up.routing.rules[0].model) == ({"v1": WHOLE}, "v2")
    assert (switch.routing.weights, switch.routing.rules, dict(switch.keep)) == ({"v2": WHOLE}, (), {})
    assert dict(retire.keep) == {"v1": 0}


def test_blue_green_signature() -> None:
    """People sign off while green is on the side, not after the switch."""
    up, switch, _ = compiled(blue_green(gates=("signed-off", "error-ceiling"))).steps[1:]
    assert (up.gates, switch.gates) == (("signed-off",), ("error-ceiling",))


def test_blue_green_after_canary() -> None:
    """A stage starts under the routing that the one before left: nobody is taken back from the candidate."""
    steps = compiled(canary(5000), blue_green()).steps
    shares = [step.routing.share("v2") for step in steps]
    assert shares == sorted(shares)


def test_recreate() -> None:
    """The door closes before the old model stops, and opens only on the new one."""
    stop, start = compiled(recreate()).steps[1:]
    assert (stop.routing.closed, dict(stop.keep)) == (True, {"v1": 0})
    assert (start.routing.closed, dict(start.ready), start.routing.weights) == (False, {"v2": 1}, {"v2": WHOLE})


def test_recreate_signature() -> None:
    """A signature is asked for before anything stops."""
    steps = compiled(recreate(gates=("signed-off",))).steps
    assert [step.label for step in steps][1:] == ["approval", "stop v1", "start v2"]


def test_rolling_surge() -> None:
    """With one replica above, each batch comes up before an old replica goes."""
    course = [(dict(step.ready), dict(step.keep)) for step in compiled(rolling(), replicas=3).steps[1:]]
    assert course == [({"v2": 1}, {"v1": 2}), ({"v2": 2}, {"v1": 1}), ({"v2": 3}, {"v1": 0})]


def test_rolling_without_surge() -> None:
    """Without a spare place an old replica goes first, as far as the floor allows."""
    steps = compiled(rolling(surge=0, unavailable=1), replicas=2).steps[1:]
    assert [(step.label, dict(step.ready), dict(step.keep)) for step in steps] == [
        ("make room", {}, {"v1": 1}),
        ("batch 1 of 2", {"v2": 1}, {"v1": 0}),
        ("batch 2 of 2", {"v2": 2}, {"v1": 0}),
    ]


@given(
    old=st.integers(1, 12),
    new=st.integers(1, 12),
    batch=st.integers(1, 12),
    surge=st.integers(0, 4),
    unavailable=st.integers(0, 4),
)
def test_rolling_floor(old: int, new: int, batch: int, surge: int, unavailable: int) -> None:
    """Ready replicas never fall below the floor while a batch starts, and never rise above the surge."""
    unavailable = min(unavailable, old - 1)
    if surge + unavailable == 0:
        surge = 1
    up, stay = 0, old
    for step in batches(rolling(batch=batch, surge=surge, unavailable=unavailable), old=old, new=new):
        assert step.new - up <= batch
        assert up + stay >= min(old, new) - unavailable
        assert step.new + stay <= max(old, new) + surge
        up, stay = step.new, step.old
    assert (up, stay) == (new, 0)


def test_bring_up() -> None:
    """A plan with one model only brings it up."""
    only = plan(models={"v1": plan().models["v1"]}, candidate=None)
    steps = compile_plan(only, live="v1")
    assert (labels(steps), steps.candidate) == (["v1 serves"], None)


def test_keep_old() -> None:
    """`keep-old` leaves the old model warm."""
    assert labels(compiled(canary(5000), keep_old=True))[-1] == "100 %"


def test_way_back() -> None:
    """The way back brings the live model up, routes to it alone and stops the candidate."""
    back = compiled(canary(5000), replicas=2).way_back
    assert (dict(back.ready), back.routing.weights, dict(back.keep)) == ({"v1": 2}, {"v1": WHOLE}, {"v2": 0})


def test_deadline() -> None:
    """`at-most` and `at-deadline` reach every step of their stage; the default grows with the hold."""
    named, default = (
        compiled(canary(5000, at_most=90.0, at_deadline=AtDeadline.PARK)).steps[1],
        compiled(canary(5000, hold=7200.0)).steps[1],
    )
    assert (named.deadline, named.at_deadline) == (90.0, AtDeadline.PARK)
    assert (default.deadline, default.at_deadline) == (72_000.0, AtDeadline.ROLLBACK)


STAGES = st.lists(st.integers(1, WHOLE), min_size=1, max_size=5, unique=True).map(sorted)


@given(
    weights=STAGES, replicas=st.integers(1, 5), kind=st.sampled_from(["canary", "blue-green", "rolling", "recreate"])
)
def test_weights_are_whole(weights: list[int], replicas: int, kind: str) -> None:
    """Whatever the plan, every routing sums to 100 % and the candidate's share never falls on the way forward."""
    stages: dict[str, AnyStage] = {"canary": canary(*weights), "blue-green": blue_green(), "rolling": rolling()}
    stage = stages.get(kind, recreate())
    steps = compiled(stage, replicas=replicas).steps
    assert all(sum(step.routing.weights.values()) == WHOLE for step in steps)
    shares = [step.routing.share("v2") for step in steps]
    assert (shares, shares[-1]) == (sorted(shares), 1.0)


@pytest.mark.parametrize("stage", [canary(5000), blue_green(), rolling(), recreate()])
def test_pure(stage: AnyStage) -> None:
    """Compiling twice gives the same steps."""
    asked: Plan = plan(stage, replicas=2)
    assert compile_plan(asked, live="v1", salt="a") == compile_plan(asked, live="v1", salt="a")
