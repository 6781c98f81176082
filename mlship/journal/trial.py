"""What one simulated rollout came to."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mlship.journal.status import Status


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What an A/B test said last."""

    measure: str
    value: float
    interval: tuple[float, float] | None = None


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One rollout, to its end."""

    number: int
    """From 0; with the seed, the whole of its chance."""
    status: Status
    stage: str
    step: str
    """Label of the step at work when it was decided."""
    by: str
    """The gate that decided, or what else did."""
    failed: bool
    """A gate has failed: it was no deadline."""
    model: str
    """The candidate at the end."""
    seconds: float
    """From the start to the end."""
    requests: int
    """Of all users meanwhile."""
    tried: int
    """Those of them that a candidate answered."""
    bad: float
    """Errors of those beyond what live would have made."""
    turned_away: int = 0
    """Requests during an announced downtime."""
    estimates: Mapping[str, Estimate] = msgspec.field(default_factory=dict)
    """Goal → its estimate."""
    weights: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Arm → basis points at the end of a bandit."""
    regret: float | None = None
    """What the outcomes of all units fell short of the best arm's."""
