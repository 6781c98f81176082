"""Whole rollouts on an emulated account: the real engine, journal and driver, killed where one likes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlship.drivers.sagemaker import SagemakerDriver
from mlship.plan.model import Plan
from mlship.plan.routing import WHOLE
from tests.scenarios.rehearsal import Enactment, Killed
from tests.support.sagemaker_site import SagemakerSite

LONG = 5.0
"""Seconds; the engine sleeps for less at a time."""


class Time:
    """The account's clock; the process may die in one of its waits."""

    def __init__(self, site: SagemakerSite, *, on: Callable[[float], None] | None = None) -> None:
        self._clock = site.aws.clock
        self._on = on
        self.waits = 0
        """Of the driver, for the endpoint."""
        self.dies_in = 0
        """Number of the wait in which the process is killed; 0: in none."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        """Move on, with whatever happens meanwhile."""
        if seconds >= LONG:
            self.waits += 1
            if self.waits == self.dies_in:
                raise Killed
        self._clock.sleep(seconds)
        if self._on is not None:
            self._on(seconds)


class Rollout(Enactment):
    """A plan from v1 to v2 on the site's endpoint."""

    def __init__(
        self, site: SagemakerSite, folder: Path, plan: Plan, *, on: Callable[[float], None] | None = None
    ) -> None:
        self.time = Time(site, on=on)
        super().__init__(folder, plan, clock=self.time)
        self.site = site
        site.folder = folder

    def driver(self, fence: int | None = None) -> SagemakerDriver:
        """The endpoint, in the hands of the holder of `fence`."""
        return self.site.open(fence, clock=self.time)

    @property
    def weights(self) -> dict[str, int]:
        """What the endpoint really does, in basis points; a variant without traffic is absent."""
        weights = self.site.weights
        total = sum(weights.values())
        return {name: round(WHOLE * weight / total) for name, weight in weights.items() if weight}
