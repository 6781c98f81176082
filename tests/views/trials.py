"""Rollouts in which users' outcomes decide, as the engine carries them out in the made-up world."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from mlship.journal.events import Looked, Recorded
from mlship.plan.model import AnyStage, Plan, Shadow
from mlship.plan.outcome import Better, Goal, Kind, Method, Race
from mlship.plan.routing import WHOLE
from tests.scenarios.experiments import CONVERSION, GOAL, RACE, ab, bandit, experiment
from tests.scenarios.rehearsal import Rehearsal
from tests.strategies.plans import COMPARED, blue_green

PER_SECOND = 100
"""Users of the made-up world."""
PLANNED = replace(GOAL, baseline=0.05, minimal_effect=0.01)
THREE = {"live": 5000, "v2": 2500, "v3": 2500}


def planned(*stages: AnyStage, goal: Goal = GOAL, race: Race = RACE, **scripts: dict[str, Any]) -> Plan:
    """An experiment with users who keep their arm."""
    found = experiment(*stages, goal=goal, race=race, **scripts)
    return replace(found, service="shop", assign_by="x-user-id", traffic=float(PER_SECOND))


@cache
def told(name: str) -> tuple[Recorded, ...]:
    """Every event of one of the stories below."""
    with tempfile.TemporaryDirectory() as folder:
        rollout = Rehearsal(Path(folder), STORIES[name], rollout="k7f3a9")
        rollout.start()
        return tuple(_with_young(rollout.events))


def _with_young(events: Iterable[Recorded]) -> Iterable[Recorded]:
    """The made-up world does not say how many users it has whose time has not come: they follow from the weights."""
    for recorded in events:
        event = recorded.event
        if isinstance(event, Looked) and event.look.rewards:
            young = PER_SECOND * CONVERSION.within
            pending = {arm: round(young * weight / WHOLE) for arm, weight in event.look.weights.items()}
            rewards = replace(event.look.rewards, pending=pending)
            event = replace(event, look=replace(event.look, rewards=rewards))
        yield replace(recorded, event=event)


SHADOW = Shadow(name="shadow", gates=COMPARED, mirror={"v2": WHOLE, "v3": WHOLE}, hold=30.0)
MEAN = replace(CONVERSION, name="revenue", kind=Kind.MEAN)
COMPLAINTS = replace(CONVERSION, name="complaints", better=Better.LOWER)

STORIES = {
    "ab": planned(ab(), v2={"conversion": 0.12}),
    "worse": planned(ab(), v2={"conversion": 0.06}),
    "three": planned(ab(split=THREE), v2={"error-rate": 0.2}, v3={"conversion": 0.13}),
    "fixed": planned(ab(), goal=replace(PLANNED, method=Method.FIXED, minimal_effect=0.02), v2={"conversion": 0.14}),
    "fewer": planned(ab(), goal=replace(GOAL, metric=COMPLAINTS), v2={"conversion": 0.06}),
    "revenue": planned(ab(), goal=replace(GOAL, metric=MEAN), v2={"value": 1.2}),
    "bandit": planned(bandit(), race=replace(RACE, floor=1000), v2={"conversion": 0.13}, v3={"conversion": 0.08}),
    "chain": planned(SHADOW, ab(), blue_green(), v2={"conversion": 0.2}, v3={"error-rate": 0.2}),
    "pair": planned(bandit(arms=("live", "v2")), race=replace(RACE, metric=MEAN), v2={"value": 1.2}),
}
