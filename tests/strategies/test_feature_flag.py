"""What a feature flag compiles to, and what is judged under it."""

from __future__ import annotations

import pytest

from mlship.plan.model import FeatureFlag
from mlship.plan.routing import WHOLE
from mlship.plan.rule import Condition, Part, Rule
from mlship.strategies import compile_plan
from tests.strategies.plans import canary, plan

BETA = Rule(model="candidate", when=(Condition(part=Part.HEADER, name="x-beta", values=("yes",)),))
NEVER = Rule(model="live", when=(Condition(part=Part.HEADER, name="x-tier", values=("free",)),))
TENTH = Rule(model="candidate", share=1000)


def flag(*rules: Rule, gates: tuple[str, ...] = ("no-more-errors", "error-ceiling")) -> FeatureFlag:
    return FeatureFlag(name="flag", gates=gates, rules=rules, hold=30.0)


def test_everything_stays_live_but_what_the_rules_say() -> None:
    """The models stand in for their parts, in the order of the plan; the next stage and the way back have no rules."""
    compiled = compile_plan(plan(flag(NEVER, BETA), canary(500)), live="v1", salt="s")
    _, step, following, *rest = compiled.steps

    assert dict(step.routing.weights) == {"v1": WHOLE}
    assert [rule.model for rule in step.routing.rules] == ["v1", "v2"]
    assert dict(step.ready) == {"v2": 1}
    assert step.routing.salt == following.routing.salt == "s"
    assert not any(each.routing.rules for each in (following, *rest, compiled.way_back))


@pytest.mark.parametrize(
    ("rules", "gates"),
    [
        ((BETA,), ("error-ceiling",)),
        ((NEVER, TENTH), ("error-ceiling",)),
        ((TENTH,), ("no-more-errors", "error-ceiling")),
    ],
)
def test_only_chance_makes_users_comparable(rules: tuple[Rule, ...], gates: tuple[str, ...]) -> None:
    """A comparison is judged where a percentage is the only rule; a ceiling wherever somebody gets the candidate."""
    step = compile_plan(plan(flag(*rules)), live="v1").steps[1]

    assert step.gates == gates
    assert step.proof == ("no-more-errors" in gates)


def test_who_is_asked_for() -> None:
    """A lone percentage is a share of the traffic; how many match other rules, nobody knows."""
    alone = compile_plan(plan(flag(TENTH)), live="v1").steps[1].routing
    picked = compile_plan(plan(flag(NEVER, BETA)), live="v1").steps[1].routing

    assert (dict(alone.asked), alone.picked) == ({"v2": 1000, "v1": 9000}, frozenset())
    assert (dict(picked.asked), picked.picked) == ({"v1": WHOLE}, frozenset({"v2"}))
