"""Samples of metrics, and what CloudWatch makes of them per period."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Mapping

import msgspec

from tests.emulators.sagemaker.trimmed import is_trimmed, trimmed_count

Series = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, metric, dimensions."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A value, `count` times, or what is left of many values."""

    time: float
    value: float
    count: float = 1.0
    visible: float
    """Seconds since the epoch from which it can be read."""
    extremes: tuple[float, float] | None = None
    """Smallest and largest of a StatisticSet, whose `value` is its mean."""


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """Periods from `start` on, up to but without `end`."""

    start: float
    end: float
    period: float

    def start_of(self, time: float) -> float:
        """The start of the period that a time lies in."""
        return self.start + math.floor((time - self.start) / self.period) * self.period

    def starts(self) -> list[float]:
        """The start of each period."""
        return [self.start + self.period * place for place in range(math.ceil((self.end - self.start) / self.period))]


class Metrics:
    """The samples of a region."""

    def __init__(self) -> None:
        self._samples: dict[Series, list[Sample]] = {}

    def add(self, series: Series, samples: Iterable[Sample]) -> None:
        """Keep them in the order of time."""
        kept = self._samples.setdefault(series, [])
        for sample in samples:
            bisect.insort(kept, sample, key=lambda other: other.time)

    def known(self) -> list[Series]:
        """Every series that ever got a sample."""
        return list(self._samples)

    def points(self, series: Series, statistic: str, grid: Grid, now: float) -> dict[float, float]:
        """The statistic by the start of its period; periods without samples are missing."""
        buckets: dict[float, list[Sample]] = {}
        kept = self._samples.get(series, [])
        for sample in kept[bisect.bisect_left(kept, grid.start, key=lambda sample: sample.time) :]:
            if sample.time >= grid.end:
                break
            if sample.visible <= now:
                buckets.setdefault(grid.start_of(sample.time), []).append(sample)
        return {start: reduced(samples, statistic) for start, samples in buckets.items()}


def dimensions(pairs: Iterable[Mapping[str, str]]) -> frozenset[tuple[str, str]]:
    """CloudWatch's list of Name and Value as a key."""
    return frozenset((pair["Name"], pair["Value"]) for pair in pairs)


def reduced(samples: list[Sample], statistic: str) -> float:
    """One number of many; `statistic` is one that `is_statistic` knows."""
    total = sum(sample.count for sample in samples)
    match statistic:
        case "Sum":
            return sum(sample.value * sample.count for sample in samples)
        case "SampleCount":
            return total
        case "Average":
            return sum(sample.value * sample.count for sample in samples) / total
        case "Minimum":
            return min(sample.extremes[0] if sample.extremes else sample.value for sample in samples)
        case "Maximum":
            return max(sample.extremes[1] if sample.extremes else sample.value for sample in samples)
        case _:
            trimmed = is_trimmed(statistic)
            return trimmed_count(samples, statistic) if trimmed else percentile(samples, float(statistic[1:]))


def is_statistic(name: str) -> bool:
    """Sum, Average, Minimum, Maximum, SampleCount, p0 to p100, and trimmed counts."""
    if name in {"Sum", "Average", "Minimum", "Maximum", "SampleCount"} or is_trimmed(name):
        return True
    try:
        return name.startswith("p") and 0.0 <= float(name[1:]) <= 100.0
    except ValueError:
        return False


def percentile(samples: list[Sample], percent: float) -> float:
    """Linear between the closest ranks (Hyndman and Fan's type 7): CloudWatch's own way is not documented."""
    ordered = sorted(samples, key=lambda sample: sample.value)
    total = sum(sample.count for sample in ordered)
    place = (total - 1) * percent / 100.0
    below = _at(ordered, math.floor(place))
    return below + (_at(ordered, math.ceil(place)) - below) * (place - math.floor(place))


def _at(ordered: list[Sample], rank: float) -> float:
    passed = 0.0
    for sample in ordered:
        passed += sample.count
        if rank < passed:
            return sample.value
    return ordered[-1].value
