"""What a look says of outcomes: sums per arm over the units whose time has come, never single users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from mlship.plan.outcome import Metric


class Reward(msgspec.Struct, frozen=True, kw_only=True):
    """One arm's units of a cohort. Of a rate, a unit's outcome is 0 or 1."""

    units: int = 0
    """Users where users are assigned, else requests."""
    sum: float = 0.0
    """Of their outcomes."""
    square: float = 0.0
    """Of the squares of their outcomes."""
    reported: int = 0
    """Units of which any outcome came at all."""
    before: float = 0.0
    """Sum of the covariate."""
    before_square: float = 0.0
    """Sum of its squares."""
    product: float = 0.0
    """Sum of covariate times outcome."""


class Rewards(msgspec.Struct, frozen=True, kw_only=True):
    """A cohort: units that began in one interval in which the routing did not change, each counted once for ever."""

    start: float = 0.0
    """When the first of them may have begun, in seconds since the epoch."""
    end: float = 0.0
    """When the last of them may have begun."""
    weights: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Basis points asked of each arm while they began."""
    arms: Mapping[str, Reward] = msgspec.field(default_factory=dict)
    """Arm → its units."""
    pending: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Arm → units that have begun and whose time has not come."""
    unknown: int = 0
    """Outcomes so far whose request nobody knows."""


class Belief(msgspec.Struct, frozen=True, kw_only=True):
    """What is believed of an arm: its units and their outcomes so far, older ones discounted, and what follows."""

    units: float
    """How many, older ones discounted."""
    sum: float
    """Of their outcomes."""
    square: float
    """Of the squares of their outcomes."""
    value: float
    """Posterior mean of the outcome of a unit."""
    best: float
    """Probability that the arm is the best."""


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """How the traffic is to be divided, and why."""

    weights: Mapping[str, int]
    """Basis points; an arm without is absent."""
    reason: str
    beliefs: Mapping[str, Belief]
    urgent: bool = False
    """An arm has failed and still has users."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which units a look wants to know of."""

    arms: Sequence[str]
    since: float
    """When the comparison began, in seconds since the epoch."""
    changes: Sequence[float] = ()
    """When the routing changed since: no cohort spans such a moment."""


def next_cohort(asked: Asked, mark: str, *, until: float) -> tuple[float, float]:
    """From when to when the units of the cohort behind `mark` began; the same moment twice where there is none yet.

    It ends at `until`, or at the next change of the routing.
    """
    start = float(mark) if mark else asked.since
    change = min((change for change in asked.changes if change > start), default=until)
    return start, max(start, min(until, change))


@runtime_checkable
class RewardSource(Protocol):
    """Where outcomes come from. The mark is all it remembers: the same mark is told of the same units again."""

    def rewards(self, metric: Metric, asked: Asked, mark: str) -> tuple[Rewards, str]:
        """The cohort behind `mark` (empty: the first), and the mark behind it.

        Raises:
            OutOfReach: it cannot be read now.
        """
        ...


class OutsideSource(Protocol):
    """Numbers that somebody else measures."""

    def value(self, metric: Metric, model: str, since: float) -> float | None:
        """What it says of the model, since a moment (seconds since the epoch) until now; None: it has nothing to say.

        Raises:
            OutOfReach: it cannot be read now.
        """
        ...
