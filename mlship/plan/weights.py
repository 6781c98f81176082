"""Shares as whole weights of servers: exact, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd

from mlship.plan.routing import WHOLE

MOST = 256
"""The greatest weight of a server."""


def totals(shares: Mapping[str, int], servers: Mapping[str, int]) -> Mapping[str, int] | None:
    """Sum of the weights of each model's servers, in exactly these shares (basis points); None where there are none.

    The greatest such sums: they are spread the most evenly over a model's servers.
    """
    asked = {model: share for model, share in shares.items() if share}
    unit = gcd(*asked.values())
    factor = min(MOST * servers.get(model, 0) * unit // share for model, share in asked.items())
    return {model: shares.get(model, 0) // unit * factor for model in shares} if factor else None


def spread(total: int, count: int) -> tuple[int, ...]:
    """A sum over so many servers, as evenly as whole numbers allow: the largest remainder first."""
    return tuple(total // count + (place < total % count) for place in range(count))


def nearest(share: int, mine: int, others: int) -> tuple[int, ...]:
    """Shares next to `share`, below and above, that one model of `mine` servers can have beside one of `others`."""
    count = {"one": mine, "other": others}

    def fits(tried: int) -> bool:
        return totals({"one": tried, "other": WHOLE - tried}, count) is not None

    below = next((tried for tried in range(share, 0, -1) if fits(tried)), None)
    above = next((tried for tried in range(share, WHOLE) if fits(tried)), None)
    return tuple(dict.fromkeys(tried for tried in (below, above) if tried))
