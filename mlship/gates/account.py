"""One cut's account of the candidate beside live: evidence of harm, odds ratio, counts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from mlship.gates.cut import Cut
from mlship.gates.strata import Stratum
from mlship.gates.wording import grouped, ratio
from mlship.stats.clustered import ClusteredTest
from mlship.stats.interval import OddsRatio
from mlship.stats.ratio import RatioTest

_LARGEST = 700.0
"""Logarithms beyond this have no float."""


def e_value(log_e: float) -> float:
    """The evidence itself, as far as a float can hold it."""
    return math.exp(min(log_e, _LARGEST))


@dataclass(slots=True, kw_only=True)
class Account:
    """What is kept per cut."""

    cut: Cut
    harm: RatioTest | ClusteredTest
    odds: OddsRatio = field(default_factory=OddsRatio)
    candidate: tuple[int, int] = (0, 0)
    live: tuple[int, int] = (0, 0)

    def absorb(self, stratum: Stratum) -> None:
        """One stratum in which both sides have answered."""
        candidate, live = self.cut.count(stratum.candidate), self.cut.count(stratum.live)
        self.harm.absorb(candidate=candidate, live=live)
        self.odds.absorb(candidate=candidate, live=live)
        self.candidate = (self.candidate[0] + candidate[0], self.candidate[1] + candidate[1])
        self.live = (self.live[0] + live[0], self.live[1] + live[1])

    def interval(self, alpha: float) -> tuple[float, float] | None:
        """The odds ratio's, wider where answers come in clumps."""
        spread = self.harm.design_effect if isinstance(self.harm, ClusteredTest) else 1.0
        return self.odds.interval(alpha, design_effect=spread)

    def told(self) -> str:
        """The counts in words, "4 of 812 failed, live 3 of 7 310"."""
        (bad, every), (live_bad, live_every) = self.candidate, self.live
        counted = f"{grouped(bad)} of {grouped(every)} {self.cut.verb}"
        return f"{counted}, live {grouped(live_bad)} of {grouped(live_every)}"

    def told_ratio(self, alpha: float) -> str:
        """The odds ratio in words, "odds ratio 1.2 [0.4, 3.9]"."""
        interval, estimate = self.interval(alpha) or (0.0, math.inf), self.odds.estimate
        if estimate is None:
            return f"odds ratio at least {interval[0]:.2g}"
        return f"odds ratio {estimate:.2g} {ratio(*interval)}"
