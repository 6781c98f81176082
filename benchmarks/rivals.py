"""The rules that other tools decide by, as published, on the same matrices of counts: one row a run, one column a look.

All of them see what has been counted so far, pooled, but for the thresholds, which see one look at a time. Each returns
the look of its first alarm, from 0; `NEVER` where there is none.

    repeated z      one-sided z test at every look, as if it were the only one
    mSPRT           mixture sequential probability ratio test, normal mixture of 1 point (Johari, Koomen, Pekelis, Walsh
                    2022), its positive half: all of alpha is spent on harm
    asympt. CS      asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2024), tuned to 5 000
                    units as GrowthBook's is, one-sided likewise
    Flagger-like    success rate of the candidate under 99 % in five looks
    Argo-like       error rate of the candidate more than 1 point above live's in more than three looks
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

ALPHA = 0.05
NEVER = 10**9
Z = 1.6448536269514722
"""The 95th percentile of the standard normal distribution."""

_ERFC: Callable[[Floats], Floats] = np.vectorize(math.erfc, otypes=[float])
_TAU = 0.01
_TUNED = 5000
_FAILED_CHECKS = 5
_FAILURE_LIMIT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Bad answers per look, shape (runs, looks), and requests per look, shape (looks)."""

    bad: Counts
    live_bad: Counts
    every: Counts
    live_every: Counts

    @property
    def runs(self) -> int:
        """How many rollouts."""
        return len(self.bad)

    def pooled(self, margin: float = 0.0) -> Pooled:
        """Difference of the rates so far, less `margin`, and its variance."""
        n, m = np.cumsum(self.every), np.cumsum(self.live_every)
        bad, live_bad = np.cumsum(self.bad, axis=1), np.cumsum(self.live_bad, axis=1)
        mixed = (bad + live_bad) / (n + m)
        variance = _spread(bad, n) + _spread(live_bad, m) if margin else mixed * (1 - mixed) * (1 / n + 1 / m)
        difference = bad / n - live_bad / m - margin
        return Pooled(difference=difference, variance=variance, units=(n + m).astype(np.float64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """Everything so far, look by look."""

    difference: Floats
    variance: Floats
    units: Floats

    @property
    def turned(self) -> Pooled:
        """The other way round: for a proof that the candidate is not worse."""
        return Pooled(difference=-self.difference, variance=self.variance, units=self.units)


def _spread(bad: Counts, every: Counts) -> Floats:
    """Variance of a rate; with one bad and one good answer added, so that a rate of 0 is no certainty."""
    rate = (bad + 1) / (every + 2)
    spread: Floats = rate * (1 - rate) / every
    return spread


def repeated_z(pooled: Pooled) -> Counts:
    """z at every look."""
    return first(pooled.difference > Z * np.sqrt(np.maximum(pooled.variance, 1e-300)))


def msprt(pooled: Pooled) -> Counts:
    """Likelihood of a half-normal mixture of differences over that of none; where there is none it is below 1."""
    variance = np.maximum(pooled.variance, 1e-300)
    total = variance + _TAU**2
    z = np.maximum(pooled.difference, 0.0) * _TAU / np.sqrt(variance * total)
    beyond = np.log(2 - _ERFC(z / math.sqrt(2)))
    return first(0.5 * np.log(variance / total) + z * z / 2 + beyond >= math.log(1 / ALPHA))


def asymptotic(pooled: Pooled) -> Counts:
    """The lower end of the confidence sequence is above 0."""
    return first(pooled.difference > radius(pooled.variance, pooled.units))


def radius(variance: Floats, units: Floats) -> Floats:
    """Half of the width of the confidence sequence, for a mean with that variance."""
    level = 2 * ALPHA
    tuned = (-2 * math.log(level) + math.log(-2 * math.log(level) + 1)) / _TUNED
    grown = units * tuned + 1
    width: Floats = np.sqrt(variance * 2 * grown / (units * tuned) * np.log(np.sqrt(grown) / level))
    return width


def flagger(streams: Streams) -> Counts:
    """Failed checks add up."""
    failed = streams.bad > 0.01 * streams.every
    return first(np.cumsum(failed, axis=1) >= _FAILED_CHECKS)


def argo(streams: Streams) -> Counts:
    """Failed measurements add up."""
    failed = streams.bad / streams.every > streams.live_bad / streams.live_every + 0.01
    return first(np.cumsum(failed, axis=1) > _FAILURE_LIMIT)


POOLED: dict[str, Callable[[Pooled], Counts]] = {
    "repeated z": repeated_z,
    "mSPRT": msprt,
    "asympt. CS": asymptotic,
}
THRESHOLDS: dict[str, Callable[[Streams], Counts]] = {"Flagger": flagger, "Argo": argo}


def alarms(streams: Streams) -> dict[str, Counts]:
    """Rule → look of its first alarm, run by run."""
    pooled = streams.pooled()
    found = {name: rule(pooled) for name, rule in POOLED.items()}
    return found | {name: rule(streams) for name, rule in THRESHOLDS.items()}


def proofs(streams: Streams, margin: float) -> dict[str, Counts]:
    """Rule → look at which it calls the candidate not worse by the margin; thresholds prove nothing."""
    pooled = streams.pooled(margin).turned
    return {name: rule(pooled) for name, rule in POOLED.items()}


def first(alarm: npt.NDArray[np.bool_]) -> Counts:
    """The first look with an alarm, run by run."""
    return np.where(alarm.any(axis=1), alarm.argmax(axis=1), NEVER)
