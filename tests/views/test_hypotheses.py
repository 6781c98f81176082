"""What `mlship plan` says of A/B tests and bandits before they run."""

import math
from typing import Any

import pytest
from msgspec.structs import replace

from mlship.plan.model import AB, Plan
from mlship.plan.outcome import Better, Goal, Kind, Method, Policy, Stop
from mlship.plan.routing import WHOLE
from mlship.plan.step import AtDeadline
from mlship.strategies import compile_plan
from mlship.views.expected import Case, Planned, cases, missing
from mlship.views.outline import outline
from mlship.views.paper import Paper
from mlship.views.risk import rivals
from tests.scenarios.experiments import CONVERSION, GOAL, RACE, ab, bandit
from tests.views.contest_plan import contest
from tests.views.scenes import page, printed
from tests.views.trials import PLANNED, THREE, planned

WEIGHED = replace(RACE, floor=1000, ceiling=8000, horizon=50_000, discount=0.99)
REVENUE = replace(CONVERSION, name="revenue", kind=Kind.MEAN)
COMPLAINTS = replace(CONVERSION, name="complaints", better=Better.LOWER)
OF_REVENUE = replace(GOAL, metric=REVENUE, minimal_effect=0.5, spread=12.0)


def _outline(plan: Plan, width: int = 100) -> str:
    compiled = compile_plan(plan, live="v1", salt="x")
    return printed(lambda sheet: outline(compiled, plan, None, None, sheet), Paper(width=width))


def _flat(plan: Plan) -> str:
    """The page without line ends."""
    return " ".join(_outline(plan, 200).split())


def _ab(goal: Goal = PLANNED, stage: AB | None = None) -> Plan:
    return planned(stage or ab(), goal=goal, v2={})


@pytest.mark.parametrize("width", [80, 140])
def test_the_preview_of_an_ab_test_is_as_it_was_found_good(width: int) -> None:
    """Both hypotheses, who is counted, how it may be read and err, and how long it takes whatever the truth is."""
    shown = _outline(_ab(), width)
    assert page(f"outline-ab-{width}") == shown
    assert max(map(len, shown.splitlines())) <= width


@pytest.mark.parametrize("width", [80, 140])
def test_the_preview_of_a_bandit_is_as_it_was_found_good(width: int) -> None:
    """How the traffic is divided, when weights move, when it is over, and what that claims."""
    shown = _outline(planned(bandit(), race=WEIGHED, v2={}, v3={}), width)
    assert page(f"outline-bandit-{width}") == shown
    assert max(map(len, shown.splitlines())) <= width


@pytest.mark.parametrize(
    ("changes", "null", "alternative"),
    [
        ({}, "the rate of conversion is no higher with v2 than with v1.", "it is higher with v2."),
        (
            {"margin": 0.02},
            "the rate of conversion is lower with v2 than with v1, by 2 points or more.",
            "it is lower by less than 2 points, or higher.",
        ),
        ({"metric": COMPLAINTS}, "the rate of complaints is no lower with v2 than with v1.", "it is lower with v2."),
        ({"metric": REVENUE}, "revenue per user is no higher with v2 than with v1.", "it is higher with v2."),
        (
            {"metric": REVENUE, "margin": 0.5},
            "revenue per user is lower with v2 than with v1, by 0.5 or more.",
            "it is lower by less than 0.5, or higher.",
        ),
        (
            {"method": Method.FIXED},
            "the rate of conversion is the same with v2 as with v1: there is no difference.",
            "they differ; v2 goes on where it is higher.",
        ),
        (
            {"method": Method.AA},
            "the rate of conversion is the same with v2 as with v1: there is no difference.",
            "they differ; as both are the same model, the set-up is at fault then.",
        ),
    ],
)
def test_both_hypotheses_are_written_out(changes: dict[str, Any], null: str, alternative: str) -> None:
    """What is assumed until it is refuted, and what is then proven, whichever way is up."""
    told = _flat(_ab(replace(PLANNED, **changes)))
    assert f"Null hypothesis: {null} Alternative: {alternative} Counted:" in told


@pytest.mark.parametrize(
    ("goal", "said"),
    [
        (replace(PLANNED, method=Method.FIXED), "read once, when each arm has 8 158 users, which takes 2m 53s:"),
        (replace(PLANNED, method=Method.FIXED, minimal_effect=1e-4), ", longer than `at-most`: the minimal effect"),
        (replace(PLANNED, method=Method.AA), "it passes after 30s without a proven difference."),
        (OF_REVENUE, "Asymptotic: it holds for many, not exactly."),
        (replace(OF_REVENUE, covariate="spent"), "What `spent` explains beforehand is taken out of it (CUPED)."),
        (replace(PLANNED, alpha=0.01), "if it is not better, v2 goes on with probability at most 1 %"),
        (replace(PLANNED, margin=0.01), "if it is worse by the margin, v2 goes on with probability at most 5 %"),
        (replace(GOAL, margin=0.01), "Expected: add `baseline` to the stage"),
        (
            GOAL,
            "Expected: add `baseline` and `minimal-effect` to the stage to see how many users and how long it takes.",
        ),
        (replace(OF_REVENUE, spread=None), "Expected: add `spread` to the stage"),
    ],
)
def test_the_method_and_its_errors_are_said(goal: Goal, said: str) -> None:
    """When it may be read, how exact it is, how often it errs, and what to add where something is missing."""
    assert said in _flat(_ab(goal))


def test_numbers_from_a_source_are_counted_by_it() -> None:
    """Where somebody else counts, no outcome is named."""
    metric = replace(CONVERSION, outcome="", source="prometheus")
    assert "as prometheus tells them of each model" in _flat(_ab(replace(PLANNED, metric=metric)))


def test_several_candidates_share_the_chances_to_err() -> None:
    """Each is told against live, at its part of alpha."""
    told = _flat(planned(ab(split=THREE), goal=PLANNED, v2={}, v3={}))
    assert "is v2 or v3 better than v1?" in told
    assert "a candidate (v2 or v3) goes on with probability at most 2.5 %" in told
    assert "users of each" in told


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "if in truth users of v2 decided in then no effect (5 %) never rolled back after 1d 00h"),
        ({"at_deadline": AtDeadline.PARK}, "never parked after 1d 00h"),
        ({"at_most": 300.0}, "better by half the minimal effect (5.5 %) 31 000 10m 30s too late: rolled back after 5m"),
        ({"hold": 3600.0}, "better by the minimal effect (6 %) 8 100 1h 00m goes on"),
    ],
)
def test_hold_and_deadline_bound_what_is_expected(changes: dict[str, Any], said: str) -> None:
    """Nothing is decided before the hold time, nor after the deadline."""
    assert said in _flat(_ab(stage=ab(**changes)))


def test_without_traffic_there_are_numbers_but_no_times() -> None:
    """How many users it takes is known, and what to state to see how long."""
    told = _flat(replace(_ab(), traffic=None))
    assert "if in truth users of v2 decided in then no effect (5 %) never rolled back after 1d 00h" in told
    assert "(5.5 %) 31 000 goes on" in told
    assert "State `traffic`" in told


def _found(goal: Goal, share: float = 0.5) -> list[Case]:
    return list(cases(Planned(goal=goal, share=share, alpha=0.05, against=0.0125)))


@pytest.mark.parametrize("goal", [PLANNED, OF_REVENUE, replace(PLANNED, metric=COMPLAINTS)])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_larger_effect_is_found_sooner(goal: Goal, share: float) -> None:
    """No effect is never proven; half of it takes about four times as many users as the whole."""
    none, half, whole, harm = _found(goal, share)
    assert math.isinf(none.units)
    assert 3 < half.units / whole.units < 6
    assert 0 < harm.units < math.inf
    assert (none.goes_on, half.goes_on, whole.goes_on, harm.goes_on) == (True, True, True, False)


@pytest.mark.parametrize("goal", [replace(PLANNED, margin=0.02), replace(OF_REVENUE, margin=1.0)])
def test_with_a_margin_no_effect_is_enough(goal: Goal) -> None:
    """The better the candidate is, the sooner it is proven not to be worse by the margin."""
    none, half, better, harm = _found(goal)
    assert better.units < none.units < half.units < math.inf
    assert (half.truth.split(" (")[0], harm.truth.split(" (")[0]) == ("worse by half the margin", "worse by the margin")


@pytest.mark.parametrize(("baseline", "effect", "margin"), [(0.999, 0.5, None), (0.0, 0.5, None), (1.0, 0.9, 0.9)])
def test_any_plan_that_passes_its_checks_can_be_foretold(baseline: float, effect: float, margin: float | None) -> None:
    """Rates beyond 0 and 1 are no reason for a traceback."""
    for better in Better:
        goal = replace(PLANNED, baseline=baseline, minimal_effect=effect, margin=margin)
        goal = replace(goal, metric=replace(CONVERSION, better=better))
        assert all(case.units >= 0 for case in _found(goal))


def test_only_what_is_needed_is_asked_for() -> None:
    """A rate needs a baseline, a mean its spread; a margin does without a minimal effect."""
    assert missing(PLANNED) == ()
    assert missing(replace(GOAL, margin=0.01, baseline=0.05)) == ()
    assert missing(GOAL) == ("baseline", "minimal-effect")
    assert missing(replace(GOAL, metric=REVENUE)) == ("spread", "minimal-effect")


POLICIES = {
    Policy.PROBABILITY_MATCHING: "it gets the probability that it is the best",
    Policy.THOMPSON: "drawn from what is believed",
    Policy.KL_UCB: "the highest upper bound",
    Policy.EPSILON_GREEDY: "10 % is divided evenly",
}
CLAIMS = {
    Stop.EVIDENCE: "Claims: the winner is better than each other arm; that it is not has probability at most 5 %",
    Stop.LOSS: "Claims: nothing is proven; by what is believed then, little is left to gain.",
    Stop.HORIZON: "Claims: nothing is proven; as much as possible is earned until then.",
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("stop", CLAIMS)
def test_each_end_of_a_bandit_says_what_it_claims(policy: Policy, stop: Stop) -> None:
    """Proof is claimed only where there is one."""
    told = _flat(planned(bandit(), race=replace(WEIGHED, policy=policy, stop=stop), v2={}, v3={}))
    assert POLICIES[policy].removeprefix("it ") in told
    assert CLAIMS[stop] in told
    assert (
        "each arm keeps at least 10 % and at most 80 %; what is old counts 0.99 of its weight after each move" in told
    )


def test_requests_are_counted_where_no_user_is_known() -> None:
    """Without `assign-by` each request is drawn anew, and is what counts."""
    told = _flat(replace(planned(bandit(), v2={}, v3={}), assign_by=None))
    assert "Counted: requests, each once, 10s after it:" in told
    assert "users" not in told


def test_the_way_back_ends_copies_only_where_there_are_any() -> None:
    """Arms that serve users are stopped; nobody speaks of copies."""
    assert "with 1 of v1 ready first; it stops v2)." in _flat(_ab())
    assert "it ends the copies and stops v2, v3 and v4)." in _flat(contest())


def test_all_candidates_share_the_budget() -> None:
    """Mirrored or serving, by name or by role: each model that may replace live counts once."""
    assert rivals(_ab()) == 1
    assert rivals(planned(ab(split=THREE), v2={}, v3={})) == 2
    assert rivals(planned(bandit(), v2={}, v3={})) == 2
    assert rivals(replace(contest(), stages=(*contest().stages, ab()))) == 3
    assert rivals(replace(contest({"v2": WHOLE}), stages=(bandit(arms=("live", "v2")),))) == 1
