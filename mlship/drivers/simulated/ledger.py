"""What users of a made-up world got: what no router can know, and a simulation tells."""

from __future__ import annotations

from collections.abc import Mapping

from mlship.drivers.simulated.course import Course
from mlship.drivers.simulated.draws import Rng
from mlship.drivers.simulated.spec import Nature, World
from mlship.metrics.rewards import Reward
from mlship.plan.outcome import Better, Kind, Metric


class Ledger:
    """Adds up, from the start of the rollout on."""

    def __init__(self, *, live: str) -> None:
        self.live = live
        self.requests = 0
        """Of all users."""
        self.tried = 0
        """Those of them that another model than the live one has answered."""
        self.bad = 0.0
        """Expected errors of those beyond what the live model would have made of the same requests."""
        self.turned_away = 0
        """Requests that met a closed door."""
        self.regret = 0.0
        """What the units would have brought beyond what was expected of them, all on the best arm."""

    def serve(self, model: str, number: int, share: float, live_share: float) -> None:
        """`number` requests, of which `model` is expected to fail that share, and live the other."""
        self.requests += number
        if model != self.live:
            self.tried += number
            self.bad += number * (share - live_share)

    def turn_away(self, rng: Rng, course: Course, span: tuple[float, float]) -> None:
        """An announced downtime."""
        expected = sum(course.requests(start, end) for start, end in course.slices(*span))
        number = int(rng.poisson(expected))
        self.requests += number
        self.turned_away += number

    def count(self, metric: Metric, arms: Mapping[str, Reward], world: World) -> None:
        """One cohort: each arm's units times what the arm falls short of the best of them."""
        worth = {arm: worth_of(metric, world.models[arm]) for arm in arms}
        best = max(worth.values(), default=0.0)
        self.regret += sum(reward.units * (best - worth[arm]) for arm, reward in arms.items())


def worth_of(metric: Metric, nature: Nature) -> float:
    """What a unit of a model is expected to bring; more is better."""
    mean = nature.conversion if metric.kind is Kind.RATE else nature.value
    return mean if metric.better is Better.HIGHER else -mean
