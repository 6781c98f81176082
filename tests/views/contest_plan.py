"""A plan in which three challengers get copies, and the best of them goes through a canary."""

from __future__ import annotations

from msgspec.structs import replace

from mlship.plan.answergates import Direction, Quality
from mlship.plan.model import CaptureSettings, Model, Plan, Shadow
from mlship.plan.routing import WHOLE
from mlship.plan.step import AtDeadline, CompiledPlan
from mlship.strategies import compile_plan
from tests.strategies.plans import COMPARED, GATES, canary, plan

RIGHT = Quality(name="right-more-often", metric="accuracy", direction=Direction.BETTER_THAN)
MIRROR = {"v2": WHOLE, "v3": 2000, "v4": WHOLE}


def contest(mirror: dict[str, int] | None = None, traffic: float | None = 100.0) -> Plan:
    """v1 is live; copies to v2, v3 and v4, then a canary."""
    mirror = mirror or MIRROR
    shadow = Shadow(
        name="shadow",
        gates=(*COMPARED, "right-more-often"),
        mirror=mirror,
        hold=30.0,
        requests=2000,
        at_most=1800.0,
        at_deadline=AtDeadline.PARK,
    )
    return plan(
        shadow,
        canary(2500, 5000),
        service="fraud-scorer",
        models={name: Model(name=name) for name in ("v1", *mirror)},
        candidate=None if len(mirror) > 1 else next(iter(mirror)),
        gates={**GATES, RIGHT.name: RIGHT},
        capture=CaptureSettings(sample=5000, headers=("x-country",)),
        traffic=traffic,
        bake=30.0,
    )


def compiled(candidate: str | None = None, mirror: dict[str, int] | None = None) -> CompiledPlan:
    """As it is at the start, or once `candidate` has been chosen."""
    asked = contest(mirror)
    return compile_plan(replace(asked, candidate=candidate) if candidate else asked, live="v1", salt="x")
