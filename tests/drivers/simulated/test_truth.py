"""Whether a model deserves to be promoted, in a world where that is known."""

from __future__ import annotations

from typing import Any

import pytest

from mlship.drivers.simulated.reading import Cast, build_world
from mlship.drivers.simulated.truth import Truth, is_told_by
from mlship.plan.answergates import Direction, Drift, Floor, Quality
from mlship.plan.model import Comparison, Gate, Manual, Outside, Threshold
from mlship.plan.outcome import Better, Goal, Metric, Race
from mlship.plan.routing import all_to
from mlship.plan.step import CompiledPlan, Step
from tests.strategies.plans import plan

ERRORS = Comparison(name="gate", metric="error_rate", margin=0.02)
SLOWER = Comparison(name="gate", metric="latency_p95", margin=0.05)
CEILING = Threshold(name="gate", metric="error_rate", maximum=0.05)
FAST = Threshold(name="gate", metric="latency_p95", maximum=0.1)
ACCURATE = Quality(name="gate", metric="accuracy", direction=Direction.NO_WORSE_THAN, margin=0.01)
BETTER = Quality(name="gate", metric="accuracy", direction=Direction.BETTER_THAN)
AGREES = Floor(name="gate", metric="agreement", minimum=0.95)
F1 = Floor(name="gate", metric="f1", minimum=0.85)
PAYS = Goal(name="gate", metric=Metric(name="conversion"))
CHURNS = Goal(name="gate", metric=Metric(name="churn", better=Better.LOWER))
KEEPS = Goal(name="gate", metric=Metric(name="conversion"), margin=0.02)
RACE = Race(name="gate", metric=Metric(name="conversion"))


def truth(gate: Gate, document: Any) -> Truth:
    step = Step(stage="", strategy="", label="", routing=all_to("v1"), gates=("gate",))
    compiled = CompiledPlan(service="s", live="v1", candidate="v2", steps=(step,), way_back=step)
    world = build_world(document, Cast(models=("v1", "v2"), live="v1", candidate="v2"))
    return Truth(plan(gates={"gate": gate}), compiled, world)


@pytest.mark.parametrize(
    ("gate", "fine", "bad"),
    [
        (ERRORS, {"errors": "3%"}, {"errors": "3.1%"}),
        (SLOWER, {"latency": {"median": "22ms"}}, {"latency": {"median": "40ms"}}),
        (SLOWER, {"latency": {"slow": "4%"}}, {"latency": {"slow": "8%"}}),
        (CEILING, {"errors": "5%"}, {"errors": "6%"}),
        (FAST, {"latency": {"median": "40ms"}}, {"latency": {"median": "60ms"}}),
        (ACCURATE, {"accuracy": "89%"}, {"accuracy": "88%"}),
        (BETTER, {"accuracy": "90%"}, {"accuracy": "89%"}),
        (AGREES, {}, {"accuracy": "80%"}),
        (F1, {"accuracy": "86%"}, {"accuracy": "84%"}),
        (PAYS, {"conversion": "10%"}, {"conversion": "9%"}),
        (CHURNS, {"conversion": "9%"}, {"conversion": "11%"}),
        (KEEPS, {"conversion": "8%"}, {"conversion": "7%"}),
        (RACE, {"conversion": "11%"}, {"conversion": "9%"}),
        (ERRORS, {}, {"dies-after": "1h"}),
        (ERRORS, {"start": "30s"}, {"start": "2m"}),
    ],
)
def test_a_model_is_harmful_beyond_what_its_gate_tolerates(gate: Gate, fine: Any, bad: Any) -> None:
    """Up to the margin it is not."""
    labels = {"labels": {"alike": "100%"}}

    assert not truth(gate, {"models": {"candidate": fine}, **labels}).is_harmful("v2")
    assert truth(gate, {"models": {"candidate": bad}, **labels}).is_harmful("v2")


@pytest.mark.parametrize(
    ("gate", "equal", "enough"),
    [
        (PAYS, {}, {"conversion": "11%"}),
        (BETTER, {}, {"accuracy": "91%"}),
    ],
)
def test_a_promise_to_be_better_has_to_be_kept(gate: Gate, equal: Any, enough: Any) -> None:
    """An equal candidate is harmless and deserves nothing."""
    same, good = (truth(gate, {"models": {"candidate": nature}}) for nature in (equal, enough))

    assert (same.is_harmful("v2"), same.deserves("v2")) == (False, False)
    assert good.deserves("v2")


def test_an_incident_of_one_model_speaks_against_it() -> None:
    """One that hits both does not."""
    hit: dict[str, Any] = {"from": "1m", "for": "1m", "factor": 5}

    assert not truth(ERRORS, {"incidents": [hit]}).is_harmful("v2")
    assert truth(ERRORS, {"incidents": [{**hit, "models": ["v2"]}]}).is_harmful("v2")
    assert not truth(ERRORS, {"incidents": [{**hit, "models": ["v2"]}]}).is_any_harmless(["v2"])


def test_gates_without_numbers_are_known() -> None:
    """Other people's numbers, drift, scores and segments are no part of a made-up world."""
    told: list[Gate] = [ERRORS, FAST, ACCURATE, F1, PAYS, RACE, Manual(name="gate", by="team")]
    untold: list[Gate] = [
        Outside(name="gate", metric=Metric(name="chargebacks", source="sql")),
        Drift(name="gate", metric="psi", of="prediction", maximum=0.2),
        Quality(name="gate", metric="log_loss", direction=Direction.BETTER_THAN),
        Floor(name="gate", metric="f1", minimum=0.9, segment="each"),
    ]

    assert all(map(is_told_by, told))
    assert not any(map(is_told_by, untold))
