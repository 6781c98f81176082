from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from mlship.drivers.base import Observed, ObservedModel
from mlship.journal.events import Parked
from mlship.journal.state import ServiceState
from mlship.plan.answergates import Direction, Drift, Floor, Quality
from mlship.plan.model import Alpha, Gate, Plan
from mlship.plan.routing import Routing, all_to
from mlship.strategies import compile_plan
from mlship.views.drift import drift
from mlship.views.needed import claim, pairs
from mlship.views.outline import outline
from mlship.views.paper import Paper
from mlship.views.risk import Risk, bad_answers, requests_needed, risk
from tests.strategies.plans import blue_green, canary, plan
from tests.views.contest_plan import compiled, contest
from tests.views.scenes import BAD, CONTEST, GOOD, followed, later, page, printed, until
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


@pytest.mark.parametrize("width", [80, 140, 190])
def test_a_preview_of_a_shadow_is_as_it_was_found_good(width: int) -> None:
    """Who gets copies, what several challengers lead to, what is kept, what the gates need, and how all that ends."""
    plan_ = contest()
    shown = printed(lambda paper: outline(compiled(), plan_, None, None, paper), Paper(width=width))
    assert page(f"outline-shadow-{width}") == shown
    assert max(map(len, shown.splitlines())) <= width


def test_copies_put_nothing_at_risk() -> None:
    """A challenger that gets a fifth of the requests as copies is found by them, and no user gets an answer of it."""
    plan_ = contest()
    steps = compile_plan(plan_, live="v1").steps
    assert bad_answers(plan_, steps[1]) == 8
    assert risk(plan_, steps[1], "v2") == Risk(seconds=5.0, requests=0)
    assert risk(plan_, steps[3], "v2") == Risk(seconds=5.0, requests=125)
    assert requests_needed(plan_, steps[4]) == 205


def test_other_copies_are_drift() -> None:
    """A mirror that was taken away is told as such."""
    state, _ = followed(until(CONTEST, 40.0))
    asked = compiled().steps[1].routing
    models = {model: ObservedModel(running=1, ready=1) for model in asked.models}
    assert drift(_observed(asked, models), state) == ()
    said = "the routing is v1 100 %, recorded is v1 100 %, copies: v2 100 %, v3 20 %, v4 100 %"
    assert drift(_observed(all_to("v1"), models), state) == (said,)


def test_a_challenger_that_is_out_is_not_missed() -> None:
    """Only those that may still go on have to run: nobody brings the other one back."""
    state, _ = followed(later(until(CONTEST, 55.0), Parked(reason="paused by bob")))
    asked = compiled().steps[1].routing
    up = ObservedModel(running=1, ready=1)
    without_v4 = {model: up for model in asked.models if model != "v4"}
    without_v2 = {model: up for model in asked.models if model != "v2"}
    assert drift(_observed(asked, without_v4), state) == ()
    assert drift(_observed(asked, without_v2), state) == ("v2 does not run",)


NEEDS = [
    (Quality(name="g", metric="accuracy", direction=Direction.BETTER_THAN), "accuracy better than live", "about"),
    (
        Quality(name="g", metric="accuracy", direction=Direction.NO_WORSE_THAN, margin=0.02),
        "accuracy no worse than live by more than 2 points",
        "about",
    ),
    (
        Quality(name="g", metric="absolute_error", direction=Direction.BETTER_THAN, margin=0.1, segment="each"),
        "absolute error in each segment better than live by 0.1",
        "at least 100 labelled pairs",
    ),
    (Floor(name="g", metric="agreement", minimum=0.97), "agreement with live at least 97 %", "if it never disagrees"),
    (Floor(name="g", metric="f1", minimum=0.8, positive="1"), "f1 of 1 at least 80 %", "at least 100 labelled pairs"),
    (Floor(name="g", metric="coverage", minimum=0.5), "coverage at least 50 %", "at least 100 pairs"),
    (Drift(name="g", metric="psi", of="score", maximum=0.2), "psi of score at most 0.2", "at least 1 000 values"),
    (plan().gates["no-more-errors"], "", ""),
]


@pytest.mark.parametrize(("gate", "claims", "needs"), NEEDS)
def test_gates_over_answers_say_what_they_need(gate: Gate, claims: str, needs: str) -> None:
    """In words what is asked, and in pairs what it takes."""
    assert claim(gate) == claims
    assert needs in pairs(gate, contest())


def test_a_proof_that_would_take_for_ever_is_left_out() -> None:
    """Nobody is told a number that nobody can reach."""
    gate = Quality(name="g", metric="accuracy", direction=Direction.NO_WORSE_THAN, margin=1e-9)
    assert pairs(gate, contest()) == ""


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
        (
            Observed(routing=all_to("v2"), unreachable=True),
            ("the router does not answer", "whether v2 runs is unknown"),
        ),
    ],
)
def test_drift_names_each_difference(observed: Observed, said: tuple[str, ...]) -> None:
    """What was promoted must still be what runs."""
    assert said == drift(observed, followed(GOOD)[0])


def test_another_assignment_is_drift_only_where_users_can_tell() -> None:
    """The same weights under another salt give other users the candidate; with one model nobody can tell."""
    state, _ = followed(until(GOOD, 55.0))
    assert state.rollout is not None
    assert state.rollout.asked is not None
    asked = state.rollout.asked
    models = {model: ObservedModel(running=1, ready=1) for model in asked.models}
    assert drift(_observed(asked, models), state) == ()
    said = "the routing has the recorded weights, but other rules, captures or assignment of users"
    assert drift(_observed(replace(asked, salt="other"), models), state) == (said,)


def test_too_few_replicas_are_drift() -> None:
    """Fewer than the record asks for is told, however well the others serve."""
    state, _ = followed(GOOD)
    assert state.rollout is not None
    compiled = compile_plan(plan(canary(*WEIGHTS), bake=30.0, replicas=3), live="v1")
    state = replace(state, rollout=replace(state.rollout, compiled=compiled))
    short = _observed(all_to("v2"), {"v2": ObservedModel(running=2, ready=2)})
    assert drift(short, state) == ("v2: 2 of 3 replicas run",)


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
    """ln(20) / 0.02 is 150 requests, asked only of the step that must prove; ln(1.5) / 0.02 is 21 for those before."""
    plan_ = _plan()
    steps = compile_plan(plan_, live="v1").steps
    assert [requests_needed(plan_, step) for step in steps] == [0, 21, 21, 150, 0, 0]
    stricter = plan(canary(*WEIGHTS), alpha=Alpha(promote=0.01))
    assert requests_needed(stricter, steps[3]) == 231


def test_a_step_that_waits_for_a_signature_only_parks() -> None:
    """The preview names what the engine does at the deadline: a bad gate rolls back, a missing signature never does."""
    signed = plan(blue_green(gates=("signed-off", "error-ceiling")), service="fraud-scorer")
    assert [row for row in _ends(signed) if row] == ["park", "rollback"]
    both = plan(canary(500, gates=("signed-off", "no-more-errors")), service="fraud-scorer")
    assert _ends(both)[1] == "rollback"


def _ends(plan_: Plan) -> list[str]:
    """The column `or else`."""
    head, *rows = _outline(plan_, None, None, 200).split("\n\n")[1].splitlines()
    at = head.index("or else")
    return [row[at : at + len("or else ")].strip() for row in rows]
