"""The figures of the dashboard, from the last looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from mlship.metrics.counters import LATENCY_EDGES, Tally
from mlship.metrics.look import Look
from mlship.stats.quantile import quantile

RECENT = 3
"""Looks that the request rate is averaged over: steady enough to read, quick enough to believe."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One model over the looks at hand; None where there is nothing to tell it from."""

    per_second: float | None
    errors: float | None
    quantiles: tuple[float | None, float | None, float | None]
    """p50, p95 and p99 in seconds."""
    rate_trend: tuple[float | None, ...]
    error_trend: tuple[float | None, ...]
    slow_trend: tuple[float | None, ...]
    """p95 in seconds."""


def figures(model: str, looks: Sequence[Look]) -> Figures:
    """What the looks say of `model`."""
    tallies = [_of(model, look) for look in looks]
    total = together([tally for tally in tallies if tally is not None])
    return Figures(
        per_second=_per_second(model, looks[-RECENT:]),
        errors=_ratio(total.errors, total.requests),
        quantiles=(latency(total, 0.5), latency(total, 0.95), latency(total, 0.99)),
        rate_trend=tuple(_per_second(model, [look]) for look in looks),
        error_trend=tuple(_ratio(tally.errors, tally.requests) if tally else None for tally in tallies),
        slow_trend=tuple(latency(tally, 0.95) if tally else None for tally in tallies),
    )


def together(tallies: Sequence[Tally]) -> Tally:
    """The sum of tallies of one model."""
    return Tally(
        requests=sum(tally.requests for tally in tallies),
        errors=sum(tally.errors for tally in tallies),
        latency=tuple(sum(counts) for counts in zip(*(tally.latency for tally in tallies), strict=False)),
        dropped=sum(tally.dropped for tally in tallies),
        unkept=sum(tally.unkept for tally in tallies),
    )


def latency(tally: Tally, portion: float) -> float | None:
    """The seconds that `portion` of the answers do not exceed."""
    return quantile(tally.latency, LATENCY_EDGES, portion)


def observed_share(model: str, requests: Mapping[str, int]) -> float | None:
    """The part of the requests that `model` really got."""
    return _ratio(requests.get(model, 0), sum(requests.values()))


def _of(model: str, look: Look) -> Tally | None:
    return None if look.tallies is None else look.tallies.get(model, Tally())


def _per_second(model: str, looks: Sequence[Look]) -> float | None:
    known = [(look.end - look.start, tally) for look in looks if (tally := _of(model, look)) is not None]
    seconds = sum(length for length, _ in known)
    return sum(tally.requests for _, tally in known) / seconds if seconds > 0 else None


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole > 0 else None
