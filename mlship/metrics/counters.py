"""Cumulative counters of a router, and the tally between two readings of them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

LATENCY_EDGES = (
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75,
    1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
"""Upper edges of the latency buckets in seconds; what is slower falls into a last, open bucket."""


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of one model, since its router started (a counter) or between two readings (a difference)."""

    requests: int = 0
    errors: int = 0
    """Answers with a status of 500 or more, and requests that found no replica."""
    unconnected: int = 0
    """Those of the errors that found no replica; a router forgets them with a model that is taken away."""
    latency: tuple[int, ...] = (0,) * (len(LATENCY_EDGES) + 1)
    """Answers per bucket of `LATENCY_EDGES`, not cumulated over the buckets."""
    dropped: int = 0
    """Copies that a challenger was not sent, because it had too many in hand; not among the requests."""
    unkept: int = 0
    """Answers that were to be kept, and were not, because what is kept already fills its space."""

    def slower_than(self, edge: int) -> int:
        """Answers above `LATENCY_EDGES[edge]`."""
        return sum(self.latency[edge + 1 :])


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """One reading: cumulative tallies per model, all of one life of the router."""

    at: float
    epoch: str
    """Changes whenever the counters start again from zero (a restart of the router)."""
    models: Mapping[str, Tally] = msgspec.field(default_factory=dict)


def difference(before: Counters | None, after: Counters) -> Mapping[str, Tally] | None:
    """What happened between two readings, per model.

    None where it cannot be known: there is no reading before, the router started anew, or a counter fell (a reset is
    never negative traffic). A model that is new in `after` counts from zero, and so do the requests that found no
    replica of a model that was away.
    """
    if before is None or before.epoch != after.epoch:
        return None
    tallies = {model: _minus(tally, before.models.get(model, Tally())) for model, tally in after.models.items()}
    if any(tally is None for tally in tallies.values()):
        return None
    return {model: tally for model, tally in tallies.items() if tally is not None}


def _minus(after: Tally, before: Tally) -> Tally | None:
    if len(after.latency) != len(before.latency):
        return None
    forgotten = before.unconnected if after.unconnected < before.unconnected else 0
    tally = Tally(
        requests=after.requests - before.requests + forgotten,
        errors=after.errors - before.errors + forgotten,
        unconnected=after.unconnected - before.unconnected + forgotten,
        latency=tuple(a - b for a, b in zip(after.latency, before.latency, strict=True)),
        # A router forgets the former with a model that is taken away, and neither says anything of the traffic.
        dropped=max(after.dropped - before.dropped, 0),
        unkept=max(after.unkept - before.unkept, 0),
    )
    fell = tally.requests < 0 or tally.errors < 0 or any(count < 0 for count in tally.latency)
    return None if fell else tally
