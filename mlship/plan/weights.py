"""Shares as whole weights of servers: exact, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import gcd, lcm

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


def even(shares: Mapping[str, int], servers: Mapping[str, int], *, most: int, whole: int) -> Mapping[str, int] | None:
    """The weight that each server of a model has, in exactly these shares (basis points); None where there is none.

    The greatest such weights up to `most` each and `whole` together. All servers of a model have the same.
    """
    asked = {model: share for model, share in shares.items() if share}
    if not all(servers.get(model) for model in asked):
        return None
    common = lcm(*(servers[model] for model in asked))
    raw = {model: share * common // servers[model] for model, share in asked.items()}
    unit = gcd(*raw.values())
    least = {model: weight // unit for model, weight in raw.items()}
    factor = min(most // max(least.values()), whole // sum(least[model] * servers[model] for model in asked))
    return {model: least.get(model, 0) * factor for model in shares} if factor else None


def rounded(sums: Mapping[str, int]) -> Mapping[str, int]:
    """Shares in basis points that weights come to; what rounding leaves over goes to the largest.

    Empty: they come to none, because all are 0, or one is below.
    """
    total = sum(sums.values())
    if not total or min(sums.values()) < 0:
        return {}
    widths = {model: weight * WHOLE // total for model, weight in sums.items()}
    widths[max(widths, key=lambda model: widths[model])] += WHOLE - sum(widths.values())
    return {model: width for model, width in widths.items() if width}


def nearest(share: int, mine: int, others: int) -> tuple[int, ...]:
    """Shares next to `share`, below and above, that one model of `mine` servers can have beside one of `others`."""
    count = {"one": mine, "other": others}
    return closest(share, lambda tried: totals({"one": tried, "other": WHOLE - tried}, count) is not None)


def closest(share: int, fits: Callable[[int], bool]) -> tuple[int, ...]:
    """Shares next to `share` in basis points, below and above, that fit."""
    below = next((tried for tried in range(share, 0, -1) if fits(tried)), None)
    above = next((tried for tried in range(share, WHOLE) if fits(tried)), None)
    return tuple(dict.fromkeys(tried for tried in (below, above) if tried))
