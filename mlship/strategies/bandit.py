"""Multi-armed bandit: the traffic follows the outcomes by itself, until one arm has won."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlship.plan.model import Bandit
from mlship.plan.outcome import Race
from mlship.plan.routing import WHOLE, Routing
from mlship.plan.step import Step
from mlship.strategies.arms import counted, goes_on
from mlship.strategies.pair import Pair


def compile_bandit(stage: Bandit, pair: Pair, current: Routing) -> Iterator[Step]:
    """One step that begins with even shares and whose race moves them; then the winner has what one arm can have."""
    race = pair.plan.gates[stage.race]
    assert isinstance(race, Race)
    names = tuple(dict.fromkeys(map(pair.named, stage.arms)))
    arms = tuple(arm for arm in names if arm != pair.live.name)
    step = Step(
        stage=stage.name,
        strategy="bandit",
        label=f"{', '.join((pair.live.name, *arms))} compete",
        ready={arm: pair.plan.models[arm].replicas for arm in arms},
        routing=counted(pair.divided(_even((*arms, pair.live.name)), current), race, pair.plan),
        challengers=arms,
        metric=race.metric,
        race=race.name,
        hold=stage.hold,
        requests=pair.least(stage),
    )
    yield pair.waiting(pair.judged(step, stage), stage)
    share = most(race)
    yield goes_on(step, pair, {pair.candidate.name: share, pair.live.name: WHOLE - share})


def most(race: Race) -> int:
    """Basis points that one arm can have while another keeps its floor."""
    return min(race.ceiling, WHOLE - race.floor)


def _even(arms: tuple[str, ...]) -> Mapping[str, int]:
    part, rest = divmod(WHOLE, len(arms))
    return {arm: part + (place < rest) for place, arm in enumerate(arms)}
