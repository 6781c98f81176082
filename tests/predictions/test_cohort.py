"""Whatever comes in which order, a look tells what a plain count of the lines tells."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mlship.metrics.rewards import Reward
from mlship.predictions.cohort import SETTLE

from .trial import MEAN, RATE, SINCE, Trial

WITHIN = 8.0
FIRST, EVERY, LOOKS = SINCE + 1.0, 12.0, 8
ARMS = ("v1", "v2")
_Unit = tuple[str, str]


@dataclass(frozen=True)
class Asking:
    """A request whose line comes so many looks late."""

    id: str
    at: float
    user: str | None
    arm: str
    covariate: float | None
    late: int


@dataclass(frozen=True)
class Telling:
    """An outcome: `at` is seconds after its request, until that is known."""

    id: str
    at: float
    value: float | bool | str
    late: int


@dataclass(kw_only=True)
class Count:
    """The same by lists and loops."""

    rate: bool
    sticky: bool
    requests: dict[str, Asking] = field(default_factory=dict)
    outcomes: list[Telling] = field(default_factory=list)
    begun: dict[_Unit, Asking] = field(default_factory=dict)
    place: dict[_Unit, float] = field(default_factory=dict)

    def take(self, requests: Sequence[Asking], outcomes: Sequence[Telling], *, behind: float) -> None:
        """Lines are read, when units up to `behind` are on record."""
        self.outcomes += outcomes
        for each in sorted(requests, key=lambda one: one.at):
            if each.id in self.requests:
                continue
            self.requests[each.id] = each
            unit = self.unit(each)
            if each.at < SINCE or self.place.get(unit, math.inf) <= behind:
                continue
            if unit not in self.begun or each.at < self.begun[unit].at:
                self.begun[unit] = each
            place = max(each.at, math.nextafter(behind, math.inf))
            self.place[unit] = min(place, self.place.get(unit, math.inf))

    def unit(self, request: Asking) -> _Unit:
        """Whose request it is."""
        return (request.user if self.sticky and request.user else f"request {request.id}", request.arm)

    def arms(self, behind: float, end: float) -> dict[str, Reward]:
        """Of the units whose place is behind the one and up to the other moment."""
        known = [self.begun[unit].covariate for unit, place in self.place.items() if place <= end]
        numbers = [each for each in known if each is not None]
        mean = math.fsum(numbers) / len(numbers) if numbers else 0.0
        rows = defaultdict(list)
        for unit, place in self.place.items():
            if behind < place <= end:
                own = self.begun[unit].covariate
                values = self.values(unit)
                total = math.fsum(values)
                worth = float(total > 0) if self.rate else total
                rows[unit[1]].append((worth, mean if own is None else own, bool(values)))
        return {arm: summed(rows[arm]) for arm in ARMS}

    def values(self, unit: _Unit) -> list[float]:
        """What was reported of the unit in time."""
        begin = self.begun[unit].at
        return [
            0.0 if isinstance(outcome.value, str) else float(outcome.value)
            for outcome in self.outcomes
            if (request := self.requests.get(outcome.id)) is not None
            and self.unit(request) == unit
            and begin <= request.at <= begin + WITHIN
            and outcome.at <= begin + WITHIN
        ]

    def pending(self, end: float) -> dict[str, int]:
        """Units that are in no cohort yet."""
        return {arm: sum(unit[1] == arm and at > end for unit, at in self.place.items()) for arm in ARMS}


def summed(rows: Sequence[tuple[float, float, bool]]) -> Reward:
    return Reward(
        units=len(rows),
        sum=math.fsum(worth for worth, _, _ in rows),
        square=math.fsum(worth**2 for worth, _, _ in rows),
        reported=sum(reported for _, _, reported in rows),
        before=math.fsum(before for _, before, _ in rows),
        before_square=math.fsum(before**2 for _, before, _ in rows),
        product=math.fsum(before * worth for worth, before, _ in rows),
    )


MOMENTS = st.floats(SINCE - 2, SINCE + 40).map(lambda at: round(at, 3))
IDS = st.sampled_from([f"r{n}" for n in range(20)])
ASKED = st.builds(
    Asking,
    id=IDS,
    at=MOMENTS,
    user=st.sampled_from(["a", "b", "c", "d", None]),
    arm=st.sampled_from(ARMS),
    covariate=st.sampled_from([None, -1.0, 2.0, 8.0]),
    late=st.integers(0, 2),
)
TOLD = st.builds(
    Telling,
    id=IDS,
    at=st.floats(0, 10).map(lambda after: round(after, 3)),
    value=st.sampled_from([0, 1, -1, 2.5, True, False, "words"]),
    late=st.integers(0, 2),
)


@given(
    asked=st.lists(ASKED, max_size=40, unique_by=lambda each: each.at),
    told=st.lists(TOLD, max_size=25),
    changes=st.lists(MOMENTS.filter(lambda at: at > SINCE), max_size=2).map(sorted),
    lost=st.sets(st.integers(0, LOOKS - 1)),
    count=st.builds(Count, rate=st.booleans(), sticky=st.booleans()),
)
@settings(max_examples=20, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
def test_a_look_tells_what_a_plain_count_tells(
    asked: list[Asking], told: list[Telling], changes: list[float], lost: set[int], count: Count
) -> None:
    """Late and repeated lines, changes of the routing, looks that are lost: each sum is that of loops over the lines.

    Over all looks on record each unit that ever began is counted once.
    """
    metric, counted = replace(RATE if count.rate else MEAN, within=WITHIN), 0
    dated = [after(each, asked) for each in told]
    with TemporaryDirectory() as folder:
        trial = Trial(Path(folder), metric, sticky=count.sticky, covariate="headers.age")
        with trial.kept.session():
            for number in range(LOOKS):
                behind, now = float(trial.mark) if trial.mark else -math.inf, FIRST + EVERY * number
                requests = [each for each in asked if due(each) == number]
                outcomes = [each for each in dated if due(each) == number]
                write(trial, requests, outcomes)
                count.take(requests, outcomes, behind=behind)
                found, mark = trial.peek(now=now, changes=changes)
                end = min([now - WITHIN - SETTLE, *(at for at in changes if at > behind)])
                assert found.pending == count.pending(max(end, behind))
                assert found.arms == ({} if mark == trial.mark else count.arms(behind, end))
                if number not in lost:
                    counted += sum(arm.units for arm in found.arms.values())
                    trial.mark = mark
            counted += rest(trial, changes)
    assert counted == len(count.place)


def due(line: Asking | Telling) -> int:
    """The look that reads it."""
    return max(math.ceil((line.at - FIRST) / EVERY), 0) + line.late


def after(outcome: Telling, asked: Sequence[Asking]) -> Telling:
    """Nobody knows what comes of a request before it was asked, each time that it was."""
    return dataclasses.replace(
        outcome, at=outcome.at + max([SINCE, *(each.at for each in asked if each.id == outcome.id)])
    )


def rest(trial: Trial, changes: Sequence[float]) -> int:
    """Units that are counted when everybody's time is over."""
    found = 0
    while arms := trial.look(now=2 * SINCE, changes=changes).arms:
        found += sum(arm.units for arm in arms.values())
    return found


def write(trial: Trial, requests: Sequence[Asking], outcomes: Sequence[Telling]) -> None:
    for each in requests:
        age = None if each.covariate is None else str(each.covariate)
        trial.ask(each.id, each.at, user=each.user, arm=each.arm, headers={"age": age})
    for one in outcomes:
        trial.report(one.id, one.value, one.at)
