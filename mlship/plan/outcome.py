"""What counts as success: a number per user or request, reported after the answer or read from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec


class Kind(StrEnum):
    """What becomes of the numbers of one unit."""

    RATE = "rate"
    """Did it happen: a unit counts as 1 where its numbers sum to more than 0, else as 0."""
    MEAN = "mean"
    """How much: the sum of a unit's numbers."""


class Better(StrEnum):
    """Which way is up."""

    HIGHER = "higher"
    LOWER = "lower"


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A number per unit, which is a user where users are assigned, else a request.

    It is what applications report under the name `outcome`, or what the `source` of that name is asked for.
    """

    name: str
    """As the plan calls it."""
    outcome: str = ""
    """The name under which applications report it; empty: a source is asked."""
    source: str = ""
    """prometheus, cloudwatch, http, sql or command; empty: reported outcomes."""
    settings: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """Of the source, as the plan has them."""
    kind: Kind = Kind.RATE
    """What becomes of the numbers of one unit."""
    better: Better = Better.HIGHER
    """Which way is up."""
    within: float = 60.0
    """Seconds after a unit's first request in which its outcomes count; it is counted once they are over."""


class Method(StrEnum):
    """When an A/B test may be read."""

    SEQUENTIAL = "sequential"
    """At every look: the evidence stays valid."""
    FIXED = "fixed"
    """Once, when the sample that was computed beforehand is complete."""
    AA = "a-a"
    """At every look, of two arms that are the same model: a difference is a fault of the set-up."""


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """The gate of an A/B test: the candidate's `metric` beside the live model's, unit by unit."""

    name: str
    metric: Metric
    alpha: float = 0.05
    """Most probability of promoting a candidate that is not better (or, with `margin`, worse by it)."""
    margin: float | None = None
    """A candidate that is not worse by this much may go on too: points of a rate, else units of the metric."""
    minimal_effect: float | None = None
    """The smallest difference that matters, in the same units: what the sample is planned for."""
    baseline: float | None = None
    """What is expected of the live model, in the same units."""
    spread: float | None = None
    """Standard deviation of the metric from unit to unit; for `mean` alone."""
    power: float = 0.8
    """Probability of finding the smallest difference that matters; for the fixed method."""
    method: Method = Method.SEQUENTIAL
    covariate: str | None = None
    """A number known before the outcome (JMESPath over request and headers) that explains part of its spread."""
    least: int = 100
    """Units of each arm before it can pass."""


class Policy(StrEnum):
    """How a bandit divides the traffic."""

    PROBABILITY_MATCHING = "probability-matching"
    THOMPSON = "thompson"
    KL_UCB = "kl-ucb"
    EPSILON_GREEDY = "epsilon-greedy"


class Stop(StrEnum):
    """When a bandit is over, and what that claims."""

    EVIDENCE = "evidence"
    """One arm is proven better than each other one."""
    LOSS = "loss"
    """Whatever is still to be gained is small; nothing is claimed."""
    HORIZON = "horizon"
    """So many units have been counted; nothing is claimed."""


class Race(msgspec.Struct, frozen=True, kw_only=True):
    """The gate of a bandit: its arms against each other, and how the traffic follows them."""

    name: str
    metric: Metric
    policy: Policy = Policy.PROBABILITY_MATCHING
    every: float = 60.0
    """Least seconds between two changes of the weights."""
    batch: int = 500
    """Least units that are counted between two changes."""
    floor: int = 100
    """Basis points that each arm keeps."""
    ceiling: int = 10_000
    """Basis points that no arm exceeds."""
    burn_in: int = 100
    """Units of each arm before the weights move."""
    discount: float = 1.0
    """Weight of what was counted before, at each change; below 1 what is old is forgotten."""
    epsilon: float = 0.1
    """Part of the traffic that epsilon-greedy divides evenly."""
    horizon: int | None = None
    """Units in all: what the policy sharpens towards, and where `stop: horizon` ends."""
    stop: Stop = Stop.EVIDENCE
    alpha: float = 0.05
    """Most probability that an arm is called better which is not, over all arms and looks."""
    loss: float = 0.01
    """`stop: loss`: part of the best arm's value that may still be lost by choosing it."""
    least: int = 100
    """Units of each arm before it can stop."""
