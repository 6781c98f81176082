"""Gates over answers: what a challenger predicted beside the live model, on the same requests."""

from __future__ import annotations

from enum import StrEnum

import msgspec

FLOORS = ("agreement", "accuracy", "precision", "recall", "f1", "paired", "coverage")
"""What a floor may be about."""


PROVEN = frozenset({"agreement", "accuracy"})
"""Floors that pass by proof; the others are held to an estimate."""


class Direction(StrEnum):
    """What a paired gate asks of the challenger."""

    BETTER_THAN = "better-than"
    NO_WORSE_THAN = "no-worse-than"


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """`metric` of the challenger is better than the live model's, or not worse, on labelled requests of both.

    `accuracy` is exact at every look; a numeric score is judged by its mean difference, which is asymptotic.
    """

    name: str
    metric: str
    """`accuracy`, or a name in `Pairs.scores`."""
    direction: Direction
    margin: float = 0.0
    """By how much it must be better, or may be worse: probability points for accuracy, else units of the score."""
    higher_is_better: bool = False
    """Of a numeric score; those that come with mlship are errors."""
    segment: str | None = None
    """None: all pairs. "each": every segment. A segment's name: every value of it. "NAME=VALUE": that one."""
    least: int = 100
    """Labelled pairs before it can pass, in each segment that it judges."""


class Floor(msgspec.Struct, frozen=True, kw_only=True):
    """`metric` of the challenger is at least `minimum` (0..1).

    `agreement` and `accuracy` are proven; `paired` (sampled answers of live that the challenger answered too),
    `precision`, `recall` and `f1` are estimates held to a limit; `coverage` (pairs whose truth has arrived) only waits.
    """

    name: str
    metric: str
    minimum: float
    positive: str | None = None
    """The class that precision, recall and f1 speak of; None: the mean over all classes."""
    segment: str | None = None
    """As in `Quality`."""
    least: int = 100
    """Pairs (labelled ones, where truth is needed) before it can pass."""


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """The distribution of `of` in the challenger's answers is at most `maximum` away from that in the live model's."""

    name: str
    metric: str
    """`psi` (population stability index) or `ks` (Kolmogorov and Smirnov's distance)."""
    of: str
    """A name in `Pairs.histograms`."""
    maximum: float
    segment: str | None = None
    """As in `Quality`."""
    least: int = 1000
    """Values on each side before it speaks."""
