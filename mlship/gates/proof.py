"""The account for the candidate: is it proven not to be worse by the margin?"""

from __future__ import annotations

import math

from mlship.gates.cut import Cut
from mlship.gates.strata import Stratum
from mlship.gates.wording import about
from mlship.stats.clustered import ClusteredTest
from mlship.stats.margin import MarginTest

SPEAKS_FOR = math.log(1.5)
"""Evidence on which more users are given to a candidate that is yet to be proven.

Without any, every other candidate that errs twice as often gets to the larger steps before it is found out. More of it
keeps good ones waiting and finds hardly any sooner: `benchmarks/judgement.py` counts the requests.
"""

LEAST_LOOKS = 20
"""Looks before a proof may rest on an estimated design effect."""


class Proof:
    """A margin test, and for sticky assignment the design effect that its evidence is discounted by.

    With the log of a likelihood ratio divided by the variance inflation of its score, its null expectation is 1 again
    in the normal limit (quasi-likelihood). That is an approximation: with sticky assignment alpha.promote holds about,
    not exactly.
    """

    def __init__(self, *, cut: Cut, margin: float, alpha: float, sticky: bool, history: tuple[int, int]) -> None:
        self._cut = cut
        self._limit = math.log(1 / alpha)
        self._test = MarginTest(margin=margin, alpha=alpha, history=history)
        self._clumps = ClusteredTest(alpha=alpha) if sticky else None
        self._looks = 0
        self._share = 0.5
        self.proven = False

    def absorb(self, stratum: Stratum) -> None:
        """One stratum in which both sides have answered."""
        candidate, live = self._cut.count(stratum.candidate), self._cut.count(stratum.live)
        self._looks += 1
        self._share = stratum.share
        self._test.absorb(candidate=candidate, live=live)
        if self._clumps:
            self._clumps.absorb(candidate=candidate, live=live)
        enough = self._clumps is None or self._looks >= LEAST_LOOKS
        self.proven = self.proven or (enough and self.log_e >= self._limit - 1e-9)

    @property
    def log_e(self) -> float:
        """Logarithm of the evidence that the candidate is not worse by the margin."""
        return self._test.log_e / self._design_effect

    @property
    def speaks_for(self) -> bool:
        """There is some evidence for the candidate: no proof yet, and nothing that it would have if it were bad."""
        return self.log_e >= SPEAKS_FOR

    def missing(self, *, proof: bool) -> str:
        """What the proof takes yet, or what speaks for it, in words, should the candidate be as good as live."""
        pace = self._test.pace(self._share) / self._design_effect
        left = (self._limit if proof else SPEAKS_FOR) - self.log_e
        if left <= 0:
            return f"{LEAST_LOOKS - self._looks} more looks"
        return f"about {about(left / pace)} more requests" if pace > 1e-9 else "a larger margin"

    @property
    def _design_effect(self) -> float:
        return self._clumps.design_effect if self._clumps else 1.0
