from collections.abc import Mapping

import pytest

from mlship.drivers.base import Observed, ObservedModel
from mlship.journal.state import ServiceState
from mlship.plan.model import Alpha, Plan
from mlship.plan.routing import Routing, all_to
from mlship.strategies import compile_plan
from mlship.views.drift import drift
from mlship.views.outline import outline
from mlship.views.paper import Paper
from mlship.views.risk import Risk, bad_answers, proof_requests, risk
from tests.strategies.plans import canary, plan
from tests.views.scenes import BAD, GOOD, followed, page, printed, until
from tests.views.story import WEIGHTS

SPLIT = Routing(segments=(("v2", 500), ("v1", 9500)))


def _plan(traffic: float | None = 100.0) -> Plan:
    return plan(canary(*WEIGHTS), bake=30.0, service="fraud-scorer", traffic=traffic)


def _observed(routing: Routing | None, models: Mapping[str, ObservedModel] | None = None) -> Observed:
    up = ObservedModel(running=1, ready=1)
    return Observed(routing=routing, models=models or {"v1": up, "v2": up}, router=True)


def _outline(
    plan_: Plan, observed: Observed | None, state: ServiceState | None, width: int = 100, live: str = "v1"
) -> str:
    compiled = compile_plan(plan_, live=live)
    return printed(lambda paper: outline(compiled, plan_, observed, state, paper), Paper(width=width))


@pytest.mark.parametrize("width", [80, 160])
def test_a_preview_is_as_it_was_found_good(width: int) -> None:
    """What would happen, for how long, at what risk and how to undo it, on narrow and on wide paper."""
    assert page(f"outline-{width}") == _outline(_plan(), _observed(None, {"v1": ObservedModel()}), None, width)


def test_a_preview_begins_with_drift() -> None:
    """Where the world is not as recorded, that is the first thing to know."""
    state, _ = followed(BAD)
    shown = _outline(_plan(), _observed(all_to("v2")), state).splitlines()
    assert shown[1] == "! drift: the routing is v2 100 %, recorded is v1 100 %"


def test_a_preview_without_drift_says_what_serves() -> None:
    """No drift is said, not left out."""
    state, _ = followed(GOOD)
    assert _outline(_plan(), _observed(all_to("v2")), state).splitlines()[1] == "✓ no drift: v2 100 %"


def test_a_rollout_under_way_is_told_before_the_steps() -> None:
    """A second deploy would be refused, so the preview says it first."""
    state, _ = followed(until(GOOD, 55.0))
    assert _outline(_plan(), None, state).splitlines()[1:3] == [
        "! rollout k7f3a9 is running: it has to end first",
        "what runs now was not asked",
    ]


def test_a_plan_without_traffic_says_what_it_cannot_tell() -> None:
    """Time to detect needs the traffic; the preview asks for it and invents nothing."""
    shown = _outline(_plan(traffic=None), None, None)
    assert "State `traffic`" in shown
    assert "at risk:" not in shown


def test_a_plan_that_only_brings_up_is_one_step() -> None:
    """A new service has nothing to compare and nothing at risk."""
    alone = plan(models={"v1": plan().models["v1"]}, candidate=None, service="fraud-scorer")
    assert _outline(alone, None, None).splitlines()[-1] == (
        "Plan: 1 step, least 0s, most 0s, and the starting of models"
    )


@pytest.mark.parametrize(
    ("observed", "said"),
    [
        (_observed(all_to("v2")), ()),
        (_observed(SPLIT), ("the routing is v2 5 %, v1 95 %, recorded is v2 100 %",)),
        (_observed(None), ("there is no routing, recorded is v2 100 %",)),
        (_observed(all_to("v2"), {"v1": ObservedModel()}), ("v2 does not run",)),
        (
            _observed(all_to("v2"), {"v2": ObservedModel(running=3, ready=1)}),
            ("v2: 1 of 3 replicas are ready",),
        ),
        (
            Observed(routing=all_to("v2"), models={"v2": ObservedModel(running=1, ready=1)}),
            ("the router does not answer",),
        ),
    ],
)
def test_drift_names_each_difference(observed: Observed, said: tuple[str, ...]) -> None:
    """What was promoted must still be what runs."""
    assert said == drift(observed, followed(GOOD)[0])


def test_a_service_without_a_record_drifts_only_where_something_serves() -> None:
    """A router that nobody recorded is told; an empty machine is not."""
    assert drift(Observed(), None) == ()
    assert drift(_observed(SPLIT), None) == ("the router sends v2 5 %, v1 95 %, recorded is nothing",)


def test_a_rollout_that_has_not_routed_yet_expects_the_live_model() -> None:
    """Between the start and the first routing, all on the live model is no drift, and anything else is."""
    state, _ = followed(GOOD[:2])
    assert drift(_observed(all_to("v1")), state) == ()
    assert drift(_observed(SPLIT), state) == ("the router sends v2 5 %, v1 95 %, recorded is v1 100 %",)


def test_what_was_stopped_must_stay_stopped() -> None:
    """After `down` a router that runs is drift."""
    down = ServiceState(service="fraud-scorer", down=True)
    assert drift(Observed(), down) == ()
    assert drift(_observed(SPLIT), down) == ("the router runs, recorded is that everything was stopped",)


@pytest.mark.parametrize(
    ("traffic", "found"),
    [
        (100.0, Risk(seconds=5.0, requests=25)),
        (10.0, Risk(seconds=15.0, requests=8)),
        (1.0, Risk(seconds=120.0, requests=6)),
        (None, None),
        (0.0, None),
    ],
)
def test_risk_follows_the_stated_formula(traffic: float | None, found: Risk | None) -> None:
    """Six bad answers at 5 % of the traffic, found at the next look, checked by hand."""
    plan_ = _plan(traffic)
    step = compile_plan(plan_, live="v1").steps[1]
    assert bad_answers(plan_, step) == 6
    assert risk(plan_, step, "v2") == found
    assert risk(plan_, step, None) is None


def test_the_proof_needs_ln_of_one_over_alpha_by_the_margin() -> None:
    """ln(20) / 0.02 is 150 requests, asked only of the step that must prove."""
    plan_ = _plan()
    steps = compile_plan(plan_, live="v1").steps
    assert [proof_requests(plan_, step) for step in steps] == [0, 0, 0, 150, 0, 0]
    stricter = plan(canary(*WEIGHTS), alpha=Alpha(promote=0.01))
    assert proof_requests(stricter, steps[3]) == 231
