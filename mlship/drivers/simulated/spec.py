"""What a made-up world is like, as frozen values. Durations are seconds from the start of the rollout, shares 0..1."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist

import msgspec

DAY = 86_400.0


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """A lognormal distribution of seconds."""

    median: float
    spread: float
    """Geometric standard deviation, at least 1."""

    def within(self, seconds: float) -> float:
        """The share of at most `seconds`."""
        if self.median <= 0 or self.spread <= 1:
            return float(seconds >= self.median)
        return NormalDist().cdf(math.log(seconds / self.median) / math.log(self.spread)) if seconds > 0 else 0.0

    def quantile(self, share: float) -> float:
        """Seconds that the share 0 < `share` < 1 does not exceed."""
        return self.median * math.exp(math.log(self.spread) * NormalDist().inv_cdf(share))


class Latency(Spread, frozen=True, kw_only=True):
    """How long a model's answers take."""

    median: float = 0.02
    spread: float = 1.6
    slow: float = 0.0
    """Share of the answers that take longer by `slow_by` seconds."""
    slow_by: float = 0.3

    def within(self, seconds: float) -> float:
        """The share of answers within `seconds`."""
        body = Spread(median=self.median, spread=self.spread)
        return (1 - self.slow) * body.within(seconds) + self.slow * body.within(seconds - self.slow_by)

    def quantile(self, share: float) -> float:
        """By bisection: a mixture has no closed form."""
        low, high = 0.0, Spread(median=self.median, spread=self.spread).quantile(share) + self.slow_by
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (low, middle) if self.within(middle) >= share else (middle, high)
        return high


class Nature(msgspec.Struct, frozen=True, kw_only=True):
    """How good a model really is."""

    errors: float = 0.01
    latency: Latency = Latency()
    conversion: float = 0.1
    value: float = 1.0
    deviation: float = 1.0
    accuracy: float = 0.9
    start: float = 0.0
    """Seconds until a replica is ready."""
    dies_after: float = math.inf
    """Seconds after which its replicas die."""


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Requests per second of all users together."""

    rates: tuple[tuple[float, float], ...] = ((0.0, 100.0),)
    """(from when on, requests per second), ascending; the first also holds before."""
    swing: float = 0.0
    """Of a daily wave: how far it goes above and below the rate, as a part of it."""
    peak: float = 0.0
    """When that wave is highest."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A factor that grows evenly from 1 to `factor`, and stays there."""

    start: float = 0.0
    length: float = 0.0
    factor: float = 1.0

    def at(self, time: float) -> float:
        """The factor at a moment."""
        if time <= self.start:
            return 1.0
        done = min(1.0, (time - self.start) / self.length) if self.length else 1.0
        return 1 + done * (self.factor - 1)


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which models make `factor` times as many errors."""

    start: float
    length: float
    factor: float
    models: frozenset[str] = frozenset()
    """Whom it hits; empty: every model."""

    def hits(self, model: str) -> bool:
        """The model is among those."""
        return not self.models or model in self.models


class Users(msgspec.Struct, frozen=True, kw_only=True):
    """How requests come in clumps."""

    requests: float = 1.0
    """Of a user, on the average."""
    alike: float = 0.0
    """Share of the users whose requests all end alike."""


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """What turns out to be right."""

    share: float = 1.0
    delay: Spread = Spread(median=0.0, spread=2.0)
    alike: float = 0.5
    """How much two models stumble over the same requests: 0 not at all, 1 as much as their accuracies allow."""


class World(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    models: Mapping[str, Nature]
    """Of every model in the plan."""
    traffic: Traffic = Traffic()
    history: float = 3600.0
    """Seconds for which the live model has served before the rollout."""
    matching: float = 0.05
    """Share of the requests that meet a rule of a feature flag."""
    users: Users = Users()
    errors: Change = Change()
    """How the share of errors drifts."""
    conversion: Change = Change()
    """How the share of users who do what is hoped for drifts."""
    incidents: tuple[Incident, ...] = ()
    outages: tuple[tuple[float, float], ...] = ()
    """(from, until) in which no number can be read."""
    outcomes: Spread = Spread(median=0.0, spread=2.0)
    """How long after the request an outcome comes."""
    labels: Labels = Labels()
    signed_after: float = 0.0
    """Seconds after a step has begun until somebody signs its manual gates."""
