"""What a shadow stage compiles to."""

from __future__ import annotations

from typing import Any

from mlship.plan.model import Model, Plan, Shadow
from mlship.plan.routing import WHOLE, Mirror
from mlship.strategies import compile_plan
from tests.strategies.plans import canary, plan

MODELS = {name: Model(name=name, replicas=count) for name, count in (("v1", 1), ("v2", 2), ("v3", 1))}


def shadow(**changes: Any) -> Shadow:
    standard: dict[str, Any] = {
        "name": "shadow",
        "gates": ("no-more-errors", "signed-off"),
        "mirror": {"v2": WHOLE, "v3": 2000},
        "hold": 30.0,
    }
    return Shadow(**standard | changes)


def two_challengers(*stages: Any, candidate: str | None = None) -> Plan:
    return plan(*stages, models=MODELS, candidate=candidate)


def test_copies_then_one_goes_on() -> None:
    """Users stay with the live model; both challengers are up; afterwards one of them goes."""
    copies, chosen = compile_plan(two_challengers(shadow(), candidate="v3"), live="v1").steps[1:3]

    assert copies.routing.weights == {"v1": WHOLE}
    assert copies.routing.mirrors == (Mirror(model="v2", share=WHOLE), Mirror(model="v3", share=2000))
    assert copies.routing.capture is not None
    assert (dict(copies.ready), copies.challengers) == ({"v2": 2, "v3": 1}, ("v2", "v3"))
    assert (copies.gates, copies.guards) == (("no-more-errors", "signed-off"), ("error-ceiling",))
    assert (chosen.routing.mirrors, chosen.routing.capture, dict(chosen.keep)) == ((), None, {"v2": 0})


def test_the_way_back_stops_every_challenger() -> None:
    """After a rollback nothing but the live model is left."""
    compiled = compile_plan(two_challengers(shadow(), canary(5000)), live="v1")

    assert dict(compiled.way_back.keep) == {"v2": 0, "v3": 0}
    assert compiled.way_back.routing.models == {"v1"}


def test_the_steps_are_the_same_whoever_is_chosen() -> None:
    """A choice renames the candidate, and never moves the step at work."""
    first, second = (
        compile_plan(two_challengers(shadow(), canary(5000), candidate=name), live="v1").steps for name in ("v2", "v3")
    )

    assert first[:2] == second[:2]
    assert len(first) == len(second)
    assert second[3].routing.weights == {"v3": 5000, "v1": 5000}
