"""What the tests of "too often" share: one boosted mixture of bets on higher odds, and how its evidence is read."""

from __future__ import annotations

import math

import numpy as np

from mlship.stats.mixture import Bets, Mixture


def upward() -> Bets:
    """On odds ratios 1.05 to 64 times the tolerated one, evenly apart in the logarithm of the log odds ratio.

    Evidence enough to decide tells a log odds ratio to about 40 % of itself, whatever its size, so even steps would be
    too coarse for small effects and too fine for large ones. Stakes follow a gamma density of shape 3/2 and scale 0.7:
    little on effects that nobody can see in time, most on odds ratios from 1.3 to 5, a tail for the broken.
    """
    tilts = np.geomspace(math.log(1.05), math.log(64.0), 20)
    stakes = np.sqrt(tilts) * np.exp(-tilts / 0.7) * np.gradient(tilts)
    return Bets(tilts, stakes / stakes.sum())


UPWARD = upward()


class UpwardTest:
    """An e-process that bets on higher odds; a test adds under which law it looks at its counts."""

    def __init__(self, *, alpha: float, start_mix: float = 0.1) -> None:
        self._mixture = Mixture(bets=UPWARD, alpha=alpha, start_mix=start_mix)

    @property
    def log_e(self) -> float:
        """Logarithm of the evidence against the null; it stays at ln(1/alpha) once it is there."""
        return self._mixture.log_e

    @property
    def fired(self) -> bool:
        """The evidence has reached 1/alpha."""
        return self._mixture.fired

    @property
    def peak(self) -> float:
        """The highest `log_e` so far."""
        return self._mixture.peak

    @property
    def p_value(self) -> float:
        """Anytime-valid: at most x with probability at most x, at whatever look one stops."""
        return min(1.0, math.exp(-self._mixture.peak))
