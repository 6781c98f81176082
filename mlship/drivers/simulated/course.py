"""How a made-up world changes: requests until a moment, and the rates of one. Seconds from the rollout's start."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator

from mlship.drivers.simulated.spec import DAY, World


class Course:
    """A world over time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._turns = sorted(_turns(world))

    def slices(self, start: float, end: float, *more: float) -> Iterator[tuple[float, float]]:
        """The time from `start` to `end`, cut wherever something jumps, and at the moments `more`."""
        turns = self._turns[bisect_right(self._turns, start) : bisect_right(self._turns, end)]
        cuts = sorted({*turns, *(moment for moment in more if start < moment < end)} - {end})
        edges = [start, *cuts, end]
        for place, edge in enumerate(edges[:-1]):
            if edge < edges[place + 1]:
                yield edge, edges[place + 1]

    def requests(self, start: float, end: float) -> float:
        """How many are expected in a slice: the integral of the rate."""
        traffic = self._world.traffic
        # The rate holds from its moment on, and the middle lies within the slice.
        middle = (start + end) / 2
        rate = next((rate for at, rate in reversed(traffic.rates) if at <= middle), traffic.rates[0][1])
        if not traffic.swing:
            return rate * (end - start)
        omega = 2 * math.pi / DAY
        wave = math.sin(omega * (end - traffic.peak)) - math.sin(omega * (start - traffic.peak))
        return rate * (end - start + traffic.swing / omega * wave)

    def errors(self, model: str, at: float) -> float:
        """Share of the model's answers that are errors, while it lives."""
        share = self._world.models[model].errors * self._world.errors.at(at)
        for incident in self._world.incidents:
            if incident.start <= at < incident.start + incident.length and incident.hits(model):
                share *= incident.factor
        return min(share, 1.0)

    def conversion(self, model: str, at: float) -> float:
        """Share of the model's users who do what is hoped for."""
        return min(1.0, self._world.models[model].conversion * self._world.conversion.at(at))

    def is_out(self, at: float) -> bool:
        """No number can be read."""
        return any(start <= at < end for start, end in self._world.outages)


def _turns(world: World) -> Iterator[float]:
    yield 0.0
    yield from (at for at, _ in world.traffic.rates)
    for incident in world.incidents:
        yield from (incident.start, incident.start + incident.length)
    for change in (world.errors, world.conversion):
        yield from (change.start, change.start + change.length)
