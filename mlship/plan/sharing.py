"""Whether both models serve at the same time in a stage, so that they can be compared."""

from __future__ import annotations

from mlship.plan.routing import WHOLE


def canary_shares(weights: tuple[int, ...]) -> bool:
    """A weight under 100 % leaves traffic to the live model."""
    return any(weight < WHOLE for weight in weights)


def rolling_shares(*, old: int, new: int, batch: int, surge: int, unavailable: int) -> bool:
    """After the first batch some of the `old` live replicas are left while more new ones come.

    The first batch is the likeliest to leave any: later ones leave fewer.
    """
    first = max(1, min(batch, surge + unavailable))
    second = min(2 * first, new)
    return new > first and min(old - first, old + surge - second) > 0
