"""Looks: what happened between two readings of the counters, under one routing."""

from __future__ import annotations

from mlship.clock import Clock
from mlship.drivers.base import Driver
from mlship.errors import OutOfReach
from mlship.metrics.counters import Counters, difference
from mlship.metrics.look import Look
from mlship.plan.step import Step


class Watch:
    """Numbers the looks of a rollout and takes each as the difference to the reading before."""

    def __init__(self, *, driver: Driver, clock: Clock, warmup: float) -> None:
        self._driver = driver
        self._clock = clock
        self._warmup = warmup
        self._served_since: dict[str, float] = {}
        self.reading: Counters | None = None
        self.number = 0

    def read(self) -> Counters | None:
        """Take a reading as the base of the next look; None where the counters are out of reach."""
        try:
            self.reading = self._driver.measure()
        except OutOfReach:
            self.reading = None
        return self.reading

    def history(self) -> Look:
        """Look number 0: all that the counters know from before the rollout."""
        reading = self.read()
        now = self._clock.now()
        return Look(number=0, start=now, end=now, weights={}, tallies=reading.models if reading else None)

    def look(self, step: Step, *, settled_at: float) -> Look:
        """The next look. `settled_at` is when the step's routing became live."""
        before, trouble = self.reading, ""
        try:
            self.reading = self._driver.measure()
        except OutOfReach as error:
            self.reading, trouble = None, error.message
        tallies = difference(before, self.reading) if self.reading else None
        # The numbers are all since the reading before, also those from while nobody was at work.
        start = before.at if before else settled_at
        self.number += 1
        return Look(
            number=self.number,
            start=start,
            end=self._clock.now(),
            weights=step.routing.asked,
            picked=step.routing.picked,
            tallies=tallies,
            settling=start <= settled_at,
            warming=self._warming(step),
            trouble=trouble or ("" if tallies is not None else "the counters started anew"),
        )

    def absorb(self, look: Look, reading: Counters | None) -> None:
        """Take over a look that the journal holds."""
        self.number = max(self.number, look.number)
        self.reading = reading
        for model in (*look.weights, *look.picked):
            self._served_since.setdefault(model, look.start)

    def _warming(self, step: Step) -> frozenset[str]:
        now = self._clock.now()
        since = {
            model: self._served_since.setdefault(model, now) for model in (*step.routing.asked, *step.routing.picked)
        }
        return frozenset(model for model, start in since.items() if now - start < self._warmup)
