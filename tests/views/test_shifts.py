"""What the preview says of traffic that the backend moves by itself."""

from __future__ import annotations

import pytest

from mlship.plan.model import AnyStage
from mlship.plan.routing import WHOLE
from mlship.plan.shift import Managed
from mlship.strategies import compile_plan
from mlship.views.outline import outline
from mlship.views.paper import Paper
from tests.strategies.plans import blue_green, canary, plan, rolling
from tests.views.scenes import printed

TENTHS = tuple(range(1000, WHOLE, 1000))


def shown(stage: AnyStage) -> str:
    plan_ = plan(stage, replicas=4)
    compiled = compile_plan(plan_, live="v1")
    return printed(lambda paper: outline(compiled, plan_, None, None, paper), Paper(width=400))


@pytest.mark.parametrize(
    ("stage", "way", "least"),
    [
        (canary(1000, hold=600.0, managed=Managed()), "10 % for 10m 00s, then all", "20m 00s"),
        (canary(*TENTHS, hold=60.0, managed=Managed()), "10 % more every 1m 00s", "10m 00s"),
        (blue_green(bake=300.0, managed=Managed()), "all at once", "5m 00s"),
        (rolling(batch=2, hold=60.0, managed=Managed()), "2 instances every 1m 00s", "2m 00s"),
    ],
    ids=["canary", "linear", "blue-green", "rolling"],
)
def test_a_preview_tells_how_the_traffic_moves_and_how_long_that_takes(stage: AnyStage, way: str, least: str) -> None:
    """The way stands below the shares, the waits of the backend count into the least time."""
    told = shown(stage)

    assert way in told
    assert f"least {least}, most" in told


def test_without_alarms_a_preview_says_that_nothing_judges() -> None:
    """Nobody should take a managed shift for a safe one by its name."""
    assert "No alarms: on the way the traffic goes back only if" in shown(blue_green(managed=Managed()))

    alarmed = shown(blue_green(managed=Managed(alarms=("fraud-5xx", "fraud-slow"))))

    assert "Alarms that send the traffic back on the way: fraud-5xx and fraud-slow." in alarmed
    assert "No alarms" not in alarmed
