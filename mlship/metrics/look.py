"""A look: the numbers of one interval, which gates absorb once and the journal keeps for ever."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mlship.metrics.answers import Answers
from mlship.metrics.counters import Tally
from mlship.metrics.rewards import Rewards


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """Tallies per model over one interval in which the routing did not change.

    Number 0 is the history before the rollout: it fixes the latency edges and the expected rates, and is evidence of
    nothing.
    """

    number: int
    start: float
    end: float
    weights: Mapping[str, int]
    """Basis points asked of each model during the interval."""
    tallies: Mapping[str, Tally] | None
    """None: the numbers could not be had (source out of reach, or the counters started anew)."""
    settling: bool = False
    """The first interval under a new routing: requests drawn under the old one may still end in it."""
    warming: frozenset[str] = msgspec.field(default_factory=frozenset)
    """Models whose latency does not count yet."""
    picked: frozenset[str] = msgspec.field(default_factory=frozenset)
    """Models that requests reached by rules only, beside the weights: how many match, nobody knows."""
    answers: Mapping[str, Answers] = msgspec.field(default_factory=dict)
    """Challenger → what its answers and the live model's to the same requests came to."""
    rewards: Rewards | None = None
    """What the outcomes of a cohort of users came to; None: none were asked for, or they could not be read."""
    outside: Mapping[str, Mapping[str, float | None]] = msgspec.field(default_factory=dict)
    """Gate → model → what the gate's source said of it; None: it has nothing, or is out of reach."""
    trouble: str = ""
    """Why `tallies` is None."""
