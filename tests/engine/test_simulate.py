"""Plans in made-up worlds, by the run that carries them out in the real one; seeds are fixed."""

from __future__ import annotations

import math
from typing import Any

import pytest
from msgspec.structs import replace

from mlship.drivers.simulated.reading import Cast, build_world
from mlship.drivers.simulated.spec import World
from mlship.engine.simulate import Setting, rehearse, simulate, summarised
from mlship.journal.status import Status
from mlship.journal.summary import Summary
from mlship.journal.trial import Trial
from mlship.plan.model import Model, Plan
from mlship.plan.outcome import Goal
from mlship.plan.shift import Managed
from tests.scenarios.experiments import CONVERSION, ab, bandit, experiment
from tests.strategies.plans import canary, plan, recreate

STAGE = canary(500, 2500, 5000, gates=("no-more-errors",), requests=50, at_most=1200.0)
CANARY = plan(STAGE, guards=(), look_every=10.0)
ALPHA = 0.05


def world(of: Plan, **document: Any) -> World:
    """A world by its document; 100 requests per second, 1 % errors unless it says otherwise."""
    return build_world(document, Cast(models=tuple(of.models), live="v1", candidate="v2"))


def rehearsed(of: Plan, *, runs: int = 1, **document: Any) -> list[Trial]:
    setting = Setting(plan=of, live="v1", world=world(of, **document))
    return [rehearse(setting, number) for number in range(runs)]


def summary(of: Plan, *, runs: int, **document: Any) -> Summary:
    setting = Setting(plan=of, live="v1", world=world(of, **document))
    return summarised(setting, list(simulate(setting, runs, jobs=1)), asked=runs)


def share_of(told: Summary, status: Status) -> float:
    return next(ending.chance.share for ending in told.endings if ending.status is status)


def test_a_harmless_candidate_is_promoted() -> None:
    """Nearly always, and rolled back within alpha and two standard errors."""
    runs = 60
    told = summary(CANARY, runs=runs)

    assert told.harmless
    assert share_of(told, Status.PROMOTED) >= 0.9
    assert told.false_alarms is not None
    assert told.false_alarms.share <= ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / runs)
    assert told.bad.p90 == 0


def test_a_candidate_that_is_twice_as_bad_is_rolled_back() -> None:
    """By the gate, before it has had half of the users, and what it did to them is told."""
    told = summary(CANARY, runs=30, models={"live": {"errors": "6%"}, "candidate": {"errors": "12%"}})

    assert not told.harmless
    assert told.false_alarms is None
    assert share_of(told, Status.ROLLED_BACK) >= 0.9
    assert told.decisions[0].by == "no-more-errors"
    assert told.bad.median == pytest.approx(0.06 * told.tried.median, rel=0.5)


def test_a_seed_is_the_whole_of_the_chance() -> None:
    """The same rollouts, whatever the number of processes; others with another seed."""
    setting = Setting(plan=CANARY, live="v1", world=world(CANARY))
    alone, together = (sorted(simulate(setting, 6, jobs=jobs), key=lambda trial: trial.number) for jobs in (1, 2))

    assert alone == together
    assert [trial.number for trial in alone] == list(range(6))
    assert rehearse(replace(setting, seed=2), 0).requests != alone[0].requests


def test_an_outage_of_the_numbers_holds_the_traffic() -> None:
    """Nothing is decided while it lasts; afterwards the rollout goes on."""
    for trial in rehearsed(CANARY, runs=5, outages=[{"from": "45s", "for": "10m"}]):
        assert trial.status is Status.PROMOTED
        assert trial.seconds > 645


def test_an_outage_without_end_is_decided_by_the_deadline() -> None:
    """Not before it, and not by a gate."""
    for trial in rehearsed(CANARY, runs=3, outages=[{"from": "15s", "for": "10d"}]):
        assert (trial.status, trial.failed) == (Status.ROLLED_BACK, False)
        assert trial.by == "deadline, no-more-errors blind"
        assert trial.seconds >= 1200


def test_an_incident_that_hits_both_models_is_no_reason() -> None:
    """Ten times as many errors of both do not roll back."""
    told = summary(CANARY, runs=20, incidents=[{"from": "40s", "for": "2m", "factor": 10}])

    assert share_of(told, Status.PROMOTED) >= 0.9
    assert told.harmless


def test_an_incident_of_the_candidate_alone_rolls_back() -> None:
    """As it would in the real world."""
    hit = {"from": "40s", "for": "10m", "factor": 10, "models": ["candidate"]}
    told = summary(CANARY, runs=10, incidents=[hit])

    assert share_of(told, Status.ROLLED_BACK) == 1
    assert not told.harmless


def test_a_drift_of_all_models_is_no_reason() -> None:
    """Error rates that triple while the weights change do not roll back."""
    told = summary(CANARY, runs=20, drift={"errors": {"for": "2m", "factor": 3}})

    assert share_of(told, Status.PROMOTED) >= 0.9


def test_a_candidate_that_dies_is_rolled_back_for_its_health() -> None:
    """At the look after its death."""
    for trial in rehearsed(CANARY, runs=3, models={"candidate": {"dies-after": "35s"}}):
        assert (trial.status, trial.by) == (Status.ROLLED_BACK, "health")
        assert trial.bad > 0


def test_a_candidate_that_does_not_start_gets_no_request() -> None:
    """The rollout ends where it would have been needed."""
    (trial,) = rehearsed(CANARY, models={"candidate": {"start": "10m"}})

    assert (trial.status, trial.by) == (Status.ROLLED_BACK, "the step could not be carried out")
    assert trial.tried == 0


def test_manual_gates_are_signed_in_time() -> None:
    """Nobody waits for ever."""
    signed = plan(canary(5000, gates=("no-more-errors", "signed-off"), requests=50), guards=(), look_every=10.0)
    worlds: list[dict[str, Any]] = [{"signed-after": after} for after in ("0s", "20m")]
    quick, slow = (rehearsed(signed, **each)[0] for each in worlds)

    assert (quick.status, slow.status) == (Status.PROMOTED, Status.PROMOTED)
    assert slow.seconds > quick.seconds
    assert slow.seconds > 1200


def test_an_announced_downtime_turns_requests_away() -> None:
    """As many as come while the new model starts."""
    (trial,) = rehearsed(plan(recreate(), look_every=10.0), models={"candidate": {"start": "30s"}})

    assert trial.status is Status.PROMOTED
    assert trial.turned_away == pytest.approx(3000, rel=0.1)


def test_an_ab_test_finds_a_real_effect() -> None:
    """It promotes, its estimate is near the truth, and its interval holds it."""
    ours = replace(experiment(ab(gates=("conversion-decides",)), v2={}), look_every=30.0, guards=())
    told = summary(ours, runs=10, models={"live": {"conversion": "10%"}, "candidate": {"conversion": "15%"}})

    assert share_of(told, Status.PROMOTED) == 1
    effect = told.effects["conversion-decides"]
    assert effect.truth == pytest.approx(0.05)
    assert effect.estimate.median == pytest.approx(0.05, abs=0.03)
    assert effect.covered is not None
    assert effect.covered.share >= 0.8


def test_outcomes_that_come_too_late_count_as_none() -> None:
    """Half of them after the metric's time: half of the gain is seen."""
    goal = Goal(name="conversion-decides", metric=CONVERSION)
    ours = replace(experiment(ab(gates=(goal.name,)), goal=goal, v2={}), look_every=30.0, guards=())
    told = summary(
        ours, runs=3,
        models={"live": {"conversion": "20%"}, "candidate": {"conversion": "40%"}},
        outcomes={"delay": {"median": "10s", "spread": 3}},
    )  # fmt: skip

    assert told.effects[goal.name].estimate.median == pytest.approx(0.1, abs=0.05)


def test_the_traffic_of_a_bandit_follows_the_outcomes() -> None:
    """The best arm ends with most of it; what the others cost is told."""
    ours = replace(experiment(bandit(gates=("conversion-race",)), v2={}, v3={}), look_every=30.0, guards=())
    told = summary(
        ours, runs=5,
        models={"v1": {"conversion": "10%"}, "v2": {"conversion": "14%"}, "v3": {"conversion": "8%"}},
    )  # fmt: skip

    assert share_of(told, Status.PROMOTED) == 1
    assert told.weights["v2"].median > 0.6
    assert told.regret is not None
    assert told.regret.median > 0


def test_what_is_promoted_without_deserving_it_is_counted() -> None:
    """Where no gate asks for what is wrong with a candidate, it goes through, and that is no false promotion."""
    careless = plan(canary(5000, gates=(), requests=0), guards=("error-ceiling",), look_every=10.0)
    fine = summary(careless, runs=3, models={"candidate": {"errors": "3%"}})

    assert (fine.harmless, fine.false_promotions.count) == (True, 0)


def test_a_shift_of_the_backend_takes_its_time_and_is_judged_afterwards() -> None:
    """Half an hour of it passes without a gate; a candidate that errs is found once everything is on it."""
    shifting = replace(canary(1000, hold=900.0, managed=Managed(), gates=()), requests=0)
    shifted = plan(shifting, replicas=4, bake=60.0, look_every=10.0)
    (good,) = rehearsed(shifted)
    (bad,) = rehearsed(shifted, models={"candidate": {"errors": "50%"}})

    assert (good.status, good.seconds >= 1860.0) == (Status.PROMOTED, True)
    assert bad.status is Status.ROLLED_BACK
    assert 1800.0 <= bad.seconds < 1860.0


def test_models_of_a_plan_may_be_many() -> None:
    """Each has its own nature, and whoever plays no part needs none."""
    crowd = replace(CANARY, models={**CANARY.models, "v9": Model(name="v9")})
    (trial,) = rehearsed(crowd, models={"v9": {"errors": "50%"}})

    assert (trial.status, trial.model) == (Status.PROMOTED, "v2")
    assert (trial.weights, trial.regret) == ({}, None)
