"""Corners of A/B tests and bandits: nobody converts, nobody comes, arms die, outcomes are late or of nobody."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from mlship.gates.panel import Panel
from mlship.gates.race import RaceJudge
from mlship.journal.events import Looked, Reallocated
from mlship.journal.status import Status
from mlship.metrics.look import Look
from mlship.plan.outcome import Method, Metric, Policy, Race, Stop
from mlship.plan.routing import WHOLE
from mlship.plan.verdict import Outcome
from tests.gates.earned import GOAL, LOSSES, MEAN, RACE, RATE, THIRDS, UNWANTED, cohort, divided, moved, numbers, racing
from tests.gates.made import begun, look, said
from tests.predictions.trial import SINCE, Trial
from tests.scenarios.experiments import DAY, bandit, experiment
from tests.scenarios.rehearsal import Rehearsal


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        (RATE, "v2 0 % of 2 000, v1 0 % of 2 000: +0 points"),
        (UNWANTED, "v2 0 % of 2 000, v1 0 % of 2 000: +0 points"),
        (MEAN, "v2 0 over 2 000, v1 0 over 2 000: +0, asymptotic"),
        (LOSSES, "v2 0 over 2 000, v1 0 over 2 000: +0, asymptotic"),
    ],
)
def test_no_conversions_decide_nothing(metric: Metric, told: str) -> None:
    """Where no arm converts there is nothing to tell them apart: the test waits, and says 0 where it means 0."""
    panel = begun(replace(GOAL, metric=metric))
    for number in range(1, 5):
        panel.absorb(cohort(number, v1=(0, 500), v2=(0, 500)))

    verdict = said(panel, "goal")
    assert (verdict.outcome, verdict.reason) == (Outcome.WAIT, f"not decided: {told}")
    assert (numbers(verdict).estimate, numbers(verdict).interval, numbers(verdict).e_value) == (0, None, 1)


@pytest.mark.parametrize("metric", [RATE, MEAN])
def test_no_conversions_are_no_proof_of_not_worse(metric: Metric) -> None:
    """A margin is not proven by outcomes that are all 0: whoever buys seldom may not have bought yet."""
    panel = begun(replace(GOAL, metric=metric, margin=0.02))
    for number in range(1, 5):
        panel.absorb(cohort(number, v1=(0, 500), v2=(0, 500)))
    assert said(panel, "goal").outcome is Outcome.WAIT

    for number in range(5, 60):
        panel.absorb(cohort(number, v1=(5, 500), v2=(5, 500)))
    assert said(panel, "goal").reason.startswith("proven not worse by")


def test_a_complete_sample_without_conversions_finds_nothing() -> None:
    """A fixed sample is read all the same, and an A/A test is content."""
    fixed = begun(replace(GOAL, method=Method.FIXED, minimal_effect=0.05, baseline=0.1))
    same = begun(replace(GOAL, method=Method.AA))
    for panel in (fixed, same):
        for number in (1, 2):
            panel.absorb(cohort(number, v1=(0, 500), v2=(0, 500)))

    assert said(fixed, "goal").reason == "no difference found (p = 1): v2 0 % of 1 000, v1 0 % of 1 000"
    assert said(same, "goal").outcome is Outcome.PASS


@pytest.mark.parametrize("policy", list(Policy))
@pytest.mark.parametrize("stop", list(Stop))
def test_a_race_without_conversions_goes_on(policy: Policy, stop: Stop) -> None:
    """Nobody wins and nobody is out; the traffic stays as even as it was."""
    judge = racing(replace(RACE, policy=policy, stop=stop, horizon=50_000))
    for number in range(1, 5):
        judge.absorb(cohort(number, v1=(0, 500), v2=(0, 500), v3=(0, 500)))

    assert {verdict.outcome for verdict in judge.verdicts(()).values()} == {Outcome.WAIT}
    weights = allocation.weights if (allocation := moved(judge)) else THIRDS
    assert all(abs(weight - WHOLE / 3) < 300 for weight in weights.values())


@pytest.mark.parametrize("arm", ["v1", "v2"])
@pytest.mark.parametrize("method", [Method.SEQUENTIAL, Method.AA])
def test_an_arm_without_users_is_waited_for(arm: str, method: Method) -> None:
    """However many the other one has, and whatever they do, nothing is compared."""
    panel = begun(replace(GOAL, method=method))
    for number in range(1, 9):
        panel.absorb(cohort(number, **{arm: (400, 500)}))

    verdict = said(panel, "goal")
    assert (verdict.outcome, verdict.reason) == (Outcome.WAIT, "0 of 100 units of each arm counted")
    assert (numbers(verdict).estimate, numbers(verdict).e_value) == (None, 1)


def test_an_arm_at_weight_0_is_compared_with_nobody() -> None:
    """The others are still judged by each other; nobody wins, and no weight moves, before the arm has had its turn."""
    judge = racing(weights={"v1": 5000, "v2": 5000})
    for number in range(1, 6):
        judge.absorb(cohort(number, v1=(100, 500), v2=(25, 500)))

    verdicts = judge.verdicts(())
    assert verdicts["v2"].outcome is Outcome.FAIL
    assert (verdicts["v3"].outcome, verdicts["v3"].reason) == (Outcome.WAIT, "0 of 100 units of v3 counted")
    assert (numbers(verdicts["v3"]).e_value, numbers(verdicts["v3"]).proof) == (1, 1)
    assert moved(judge) is None


def test_outcomes_of_nobody_count_for_no_arm(tmp_path: Path) -> None:
    """Five hundred rewards for requests that were never made are told, and no arm has them."""
    trial, panel, judge = Trial(tmp_path), begun(GOAL), racing()
    for number in range(120):
        for arm in ("v1", "v2"):
            trial.ask(f"{arm}-{number}", SINCE + 1, user=f"{arm}-{number}", arm=arm)
            if number < 12:
                trial.report(f"{arm}-{number}", 1, SINCE + 2)
    for number in range(500):
        trial.report(f"nobody-{number}", 1, SINCE + 2)
    both(panel, judge, look(1, rewards=trial.whole(upto=SINCE + 1)))
    later = trial.whole(upto=SINCE + 200)
    both(panel, judge, look(2, rewards=later))

    assert later.unknown == 500
    for found in (numbers(said(panel, "goal")), numbers(judge.verdicts(("v3",))["v2"])):
        assert (found.candidate, found.live) == ((12, 120), (12, 120))


def test_a_dead_arm_gets_nothing_whatever_it_earns() -> None:
    """Its late outcomes, better than anybody's, neither bring it back nor count among the others."""
    judge = racing()
    judge.absorb(cohort(1, v1=(50, 500), v2=(60, 500), v3=(250, 500)))
    first = moved(judge, ("v3",), now=1.0)
    assert first is not None
    assert (first.urgent, set(first.weights), sum(first.weights.values())) == (True, {"v1", "v2"}, WHOLE)

    judge.reroute(divided(RACE, first.weights), 1.0)
    judge.absorb(cohort(2, v1=(50, 500), v2=(70, 500), v3=(500, 500)))
    later = moved(judge, ("v3",))
    assert later is not None
    assert (later.urgent, set(later.weights)) == (False, {"v1", "v2"})
    assert later.weights["v2"] > first.weights["v2"]
    assert judge.verdicts(("v3",)).keys() == {"v2"}


def test_an_arm_that_dies_late_is_out_for_good(tmp_path: Path) -> None:
    """The best arm begins to err: its share becomes 0 and stays 0, also after a crash, and the others race on."""
    plan = experiment(bandit(at_most=900.0), v2={}, v3={"conversion": 0.13, "error-rate": 0.4, "errs-after": 60.0})
    rollout = Rehearsal(tmp_path, plan)
    rollout.start(kill_at_look=60)
    assert rollout.resume() is Status.ROLLED_BACK

    events = [recorded.event for recorded in rollout.events]
    shares = [event.propensities for event in events if isinstance(event, Reallocated)]
    death = next(place for place, each in enumerate(shares) if "v3" not in each)
    assert shares[death - 1]["v3"] > 1 / 3
    assert all(each.keys() == {"v1", "v2"} for each in shares[death:])
    assert len({each["v2"] for each in shares[death:]}) > 1
    after = [event.look for event in events if isinstance(event, Looked) and set(event.look.weights) == {"v1", "v2"}]
    assert sum(each.tallies["v3"].requests for each in after if each.tallies and "v3" in each.tallies) == 0


def run(race: Race, seed: int, looks: int) -> list[dict[str, Outcome]]:
    """Three arms that each convert one in ten, and weights that follow what happens to be converted."""
    rng, judge, weights = np.random.default_rng(seed), racing(race), THIRDS
    found = []
    for number in range(1, looks + 1):
        units = dict(zip(weights, rng.multinomial(500, [each / WHOLE for each in weights.values()]), strict=True))
        judge.absorb(cohort(number, **{arm: (int(rng.binomial(each, 0.1)), int(each)) for arm, each in units.items()}))
        found.append({arm: verdict.outcome for arm, verdict in judge.verdicts(()).items()})
        if allocation := moved(judge, now=60.0 * number):
            weights = dict(allocation.weights)
            judge.reroute(divided(race, weights), 60.0 * number)
    return found


def test_equal_arms_race_for_ever() -> None:
    """A horizon that the policy sharpens towards ends no race for evidence: nobody wins before it or after it."""
    found = run(replace(RACE, horizon=20_000), 3, looks=60)

    assert all(each == {"v2": Outcome.WAIT, "v3": Outcome.WAIT} for each in found)


def test_equal_arms_stop_at_the_horizon() -> None:
    """Where the plan says so the race is over with the 20 000th unit, not before; one arm goes on at most."""
    found = run(replace(RACE, stop=Stop.HORIZON, horizon=20_000), 3, looks=40)

    assert all(set(each.values()) == {Outcome.WAIT} for each in found[:39])
    assert Outcome.WAIT not in found[39].values()
    assert list(found[39].values()).count(Outcome.PASS) <= 1


def test_equal_arms_of_a_test_stay_undecided() -> None:
    """At none of 200 looks is the candidate proven better or worse: the deadline is what ends it."""
    rng, panel = np.random.default_rng(5), begun(GOAL)
    for number in range(1, 201):
        v1, v2 = rng.binomial(250, 0.1, size=2).tolist()
        panel.absorb(cohort(number, v1=(v1, 250), v2=(v2, 250)))
        assert said(panel, "goal").outcome is Outcome.WAIT


def ask(trial: Trial, arm: str, at: float, *, told: float, names: count[int]) -> None:
    """Of 150 users every fifth converts, `told` seconds later."""
    for place in range(150):
        request = f"{arm}-{next(names)}"
        trial.ask(request, at, user=request, arm=arm)
        if place % 5 == 0:
            trial.report(request, 1, at + told)


def test_rewards_that_come_a_day_late_punish_nobody(tmp_path: Path) -> None:
    """v1's users convert at once and v2's after 23 hours: until a day is over none counts, then those of one age do."""
    trial, names = Trial(tmp_path, replace(RATE, within=DAY)), count()
    panel, judge = begun(GOAL), racing(replace(RACE, batch=100))
    for arm, told in (("v1", 5.0), ("v2", DAY - 3600)):
        ask(trial, arm, SINCE + 1, told=told, names=names)
        ask(trial, arm, SINCE + DAY / 2, told=told, names=names)
    for number, now in enumerate((SINCE + 60, SINCE + DAY / 2 + 60, SINCE + DAY), start=1):
        early = look(number, rewards=trial.look(now=now))
        both(panel, judge, early)
        assert said(panel, "goal").reason.startswith("0 of 100 units of each arm counted, 600 too young")
        assert moved(judge, now=now) is None
        assert {verdict.outcome for verdict in judge.verdicts(()).values()} == {Outcome.WAIT}
    both(panel, judge, look(4, rewards=trial.whole(upto=SINCE + 1)))

    for found in (numbers(said(panel, "goal")), numbers(judge.verdicts(("v3",))["v2"])):
        assert (found.candidate, found.live) == ((30, 150), (30, 150))


def both(panel: Panel, judge: RaceJudge, heard: Look) -> None:
    panel.absorb(heard)
    judge.absorb(heard)


@pytest.mark.parametrize("changes", [{}, {"metric": MEAN}, {"method": Method.FIXED, "minimal_effect": 0.05}])
def test_a_test_takes_a_look_once(changes: dict[str, Any]) -> None:
    """Absorbed again, its users are not counted again."""
    goal = replace(GOAL, **{"baseline": 0.1} | changes)
    once, twice = begun(goal), begun(goal)
    for number in range(1, 4):
        heard = cohort(number, v1=(20, 200), v2=(35, 200))
        once.absorb(heard)
        for _ in range(2):
            twice.absorb(heard)

    assert said(twice, "goal") == said(once, "goal")


@pytest.mark.parametrize("stop", list(Stop))
def test_a_race_takes_a_look_once(stop: Stop) -> None:
    """Absorbed again, it is no further evidence, no further spending, and no reason to move the weights."""
    race = replace(RACE, stop=stop, horizon=3000)
    once, twice = racing(race), racing(race)
    for number in range(1, 4):
        heard = cohort(number, v1=(20, 200), v2=(35, 200), v3=(20, 200))
        once.absorb(heard)
        for _ in range(2):
            twice.absorb(heard)
        assert twice.verdicts(()) == once.verdicts(())
        assert moved(twice) == moved(once)
