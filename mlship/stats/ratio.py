"""Is something more frequent in the candidate than in the live model? Exact at every look, whatever the rates do."""

from __future__ import annotations

from mlship.stats.law import hypergeometric
from mlship.stats.upward import UpwardTest


class RatioTest(UpwardTest):
    """E-process against "the odds ratio candidate / live of a bad answer is at most `margin`", one stratum per look.

    Given the totals of a look, the candidate's part of the bad answers is hypergeometric whatever the rate of that
    moment is, so rates may drift and weights may change between looks (Lindon, Malek 2022; the likelihood ratio is
    monotone, so the whole composite null holds). With `margin` 1 this rests on random routing
    alone, however errors cluster.
    """

    def __init__(self, *, alpha: float, margin: float = 1.0, start_mix: float = 0.1) -> None:
        super().__init__(alpha=alpha, start_mix=start_mix)
        self._margin = margin

    def absorb(self, *, candidate: tuple[int, int], live: tuple[int, int]) -> None:
        """One look: (bad, all) answers of each."""
        (bad, every), (live_bad, live_every) = candidate, live
        drawn = bad + live_bad
        if not drawn or not every or not live_every or drawn == every + live_every:
            return
        self._mixture.absorb(hypergeometric(every, live_every, drawn, self._margin), bad)
