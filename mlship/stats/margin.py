"""Is the candidate proven not to be worse by the margin? Exact at every look."""

from __future__ import annotations

import math
from dataclasses import dataclass

_BETS = ((0.0, 0.6), (-0.5, 0.25), (0.35, 0.15))
"""(true difference in margins, stake): as good as live, better, a little worse."""

_MEMORY = 5000
"""Most requests of history that the expected rate starts from: what is old gives way to what is seen."""

_LEAST = 1e-9

_STEPS = 80
_PRECISION = 1e-9
"""Of the last step of Newton's method, which leaves an error of its square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bet:
    """Rates bet on, and the rates of the null that are hardest to tell from them."""

    candidate: float
    live: float
    null_candidate: float
    null_live: float

    def log_factor(self, candidate: tuple[int, int], live: tuple[int, int]) -> float:
        on_candidate = _log_ratio(candidate, self.candidate, self.null_candidate)
        return on_candidate + _log_ratio(live, self.live, self.null_live)


class MarginTest:
    """E-process against "the candidate's rate is at least live's plus `margin`": high evidence proves it is not.

    Per look the likelihood of the rates bet on, over that of their projection on the null (Turner, Ly, Grünwald, arXiv
    2106.02693). The rates bet on come from earlier looks and `history`, (bad, all) of live, which needs only to be
    about right: it decides how fast the proof goes, never whether it holds.
    """

    def __init__(self, *, margin: float, alpha: float, history: tuple[int, int] = (0, 0)) -> None:
        bad, every = history
        weight = min(1.0, _MEMORY / every) if every else 0.0
        self._bad, self._all = bad * weight, every * weight
        self._margin = margin
        self._limit = math.log(1 / alpha)
        self._wealth = [math.log(stake) for _, stake in _BETS]
        self.peak = 0.0

    @property
    def log_e(self) -> float:
        """Logarithm of the evidence that the candidate is not worse by the margin."""
        highest = max(self._wealth)
        return highest + math.log(sum(math.exp(wealth - highest) for wealth in self._wealth))

    @property
    def proven(self) -> bool:
        """The evidence has reached 1/alpha at some look."""
        return self.peak >= self._limit

    def absorb(self, *, candidate: tuple[int, int], live: tuple[int, int]) -> None:
        """One look: (bad, all) answers of each."""
        every = candidate[1] + live[1]
        if candidate[1] and live[1] and 0 < self._margin < 1:
            share = candidate[1] / every
            for place, (shift, _) in enumerate(_BETS):
                self._wealth[place] += self._bet(shift, share).log_factor(candidate, live)
            self.peak = max(self.peak, self.log_e)
        self._bad += candidate[0] + live[0]
        self._all += every

    def pace(self, share: float) -> float:
        """Expected growth of `log_e` per request of a candidate as good as live, at its `share` of the traffic."""
        if not 0 < share < 1 or not 0 < self._margin < 1:
            return 0.0
        bet = self._bet(0.0, share)
        of_live = (1 - share) * _divergence(bet.live, bet.null_live)
        return (share * _divergence(bet.candidate, bet.null_candidate) + of_live) / share

    def _bet(self, shift: float, share: float) -> _Bet:
        rate = (self._bad + 1) / (self._all + 60)
        least = min(rate / 10, 0.01)
        live = _between(least, rate - share * shift * self._margin, 1 - least)
        candidate = _between(least, rate + (1 - share) * shift * self._margin, 1 - least)
        null = _nearest_null(candidate, live, share, self._margin)
        return _Bet(candidate=candidate, live=live, null_candidate=null + self._margin, null_live=null)


def _nearest_null(candidate: float, live: float, share: float, margin: float) -> float:
    """argmin over b of share * KL(candidate || b + margin) + (1 - share) * KL(live || b).

    It is convex, so Newton's method finds it; where a step leaves what is left of the interval, that is halved.
    """
    low, high = 0.0, 1 - margin
    b = share * candidate + (1 - share) * live - share * margin
    for _ in range(_STEPS):
        if not low < b < high:
            b = (low + high) / 2
        c = b + margin
        slope = share * (c - candidate) / (c * (1 - c)) + (1 - share) * (b - live) / (b * (1 - b))
        low, high = (b, high) if slope < 0 else (low, b)
        step = slope / (share * _curvature(candidate, c) + (1 - share) * _curvature(live, b))
        b -= step
        if abs(step) <= _PRECISION * c * min(b, 1 - c):
            break
    return _between(_LEAST, b, 1 - margin - _LEAST)


def _curvature(rate: float, null: float) -> float:
    """Second derivative of KL(rate || null) by null."""
    return rate / (null * null) + (1 - rate) / ((1 - null) * (1 - null))


def _log_ratio(counted: tuple[int, int], rate: float, null: float) -> float:
    bad, every = counted
    return bad * math.log(rate / null) + (every - bad) * math.log((1 - rate) / (1 - null))


def _divergence(rate: float, null: float) -> float:
    return rate * math.log(rate / null) + (1 - rate) * math.log((1 - rate) / (1 - null))


def _between(low: float, value: float, high: float) -> float:
    return min(max(value, low), high)
