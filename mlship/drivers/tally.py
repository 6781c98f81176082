"""The counters of our own router as a driver tells them."""

from __future__ import annotations

from mlship.dataplane.counts import Count
from mlship.metrics.counters import LATENCY_EDGES, Tally


def tally(count: Count) -> Tally:
    """One model's numbers."""
    return Tally(
        requests=count.requests,
        errors=count.errors,
        unconnected=count.unconnected,
        latency=count.latency or (0,) * (len(LATENCY_EDGES) + 1),
        dropped=count.dropped,
        unkept=count.unkept,
    )
