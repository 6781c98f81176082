"""Shares of the requests that a balancer can copy which copies whole percents of them."""

from __future__ import annotations

from mlship.plan.routing import WHOLE

PERCENT = WHOLE // 100
"""Basis points."""

ONLY_PERCENTS = "copies whole percents of the requests"


def percents(share: int) -> str:
    """The whole percents nearest to a share in basis points, in words; empty where it is one itself. None is 0."""
    below, rest = divmod(share, PERCENT)
    return " or ".join(f"{each}%" for each in (below, below + 1) if each) if rest else ""
