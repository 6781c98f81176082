"""A quantile from bucket counts, for display: gates never compare quantiles."""

from __future__ import annotations

from collections.abc import Sequence


def quantile(counts: Sequence[int], edges: Sequence[float], portion: float) -> float | None:
    """The value that `portion` of the answers do not exceed, log-linear within its bucket; None without answers.

    `counts` has one entry per edge, for what lies at or under it, and a last one for what exceeds them all, which is
    told as the last edge: "at least".
    """
    wanted = portion * sum(counts)
    if not any(counts):
        return None
    seen = 0
    for place, (count, edge) in enumerate(zip(counts, edges, strict=False)):
        if count and seen + count >= wanted:
            low = edges[place - 1] if place else edge / 2
            return float(low * (edge / low) ** max(0.0, (wanted - seen) / count))
        seen += count
    return edges[-1]
