"""What a gate counts as bad: errors, or answers slower than an edge of the latency buckets."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlship.gates.wording import seconds
from mlship.metrics.counters import LATENCY_EDGES, Tally

LEAST_HISTORY = 200
"""Answers of the live model that the latency edges are chosen from."""

_USABLE = (0.0005, 0.95)
_TARGETS = (0.5, 0.1, 0.05, 0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Bad is an error where `edge` is None, else an answer slower than `LATENCY_EDGES[edge]`."""

    edge: int | None = None

    def count(self, tally: Tally) -> tuple[int, int]:
        """(bad, all) answers. What begins in one look may fail in the next, so errors can outnumber requests."""
        if self.edge is None:
            return tally.errors, max(tally.requests, tally.errors)
        return tally.slower_than(self.edge), sum(tally.latency)

    @property
    def verb(self) -> str:
        """As in "4 of 812 failed" or "4 of 812 took over 50 ms"."""
        return "failed" if self.edge is None else f"took over {self._seconds}"

    @property
    def ratio(self) -> str:
        """What the odds ratio is called."""
        return "odds ratio" if self.edge is None else f"odds ratio over {self._seconds}"

    @property
    def rate(self) -> str:
        """What the rate is called."""
        return "error rate" if self.edge is None else f"requests over {self._seconds}"

    @property
    def _seconds(self) -> str:
        return seconds(LATENCY_EDGES[self.edge]) if self.edge is not None else ""


def percentile_of(metric: str) -> float | None:
    """The part of the answers that `latency_pNN` speaks of, 0..1; None for another metric."""
    digits = metric.removeprefix("latency_p")
    return None if digits == metric else float(digits) / 100


def edge_at(maximum: float) -> int | None:
    """The first edge at or above `maximum` seconds: what exceeds it surely exceeds the maximum. None: no edge."""
    return next((place for place, edge in enumerate(LATENCY_EDGES) if edge >= maximum), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """Where latency is compared, and which of the cuts carries the proof."""

    every: tuple[Cut, ...]
    proof: Cut


ERRORS = Cuts(every=(Cut(),), proof=Cut())


def choose_cuts(live: Tally, percentile: float) -> Cuts:
    """Up to six edges from the live model's latency: near p50, p90, p95, p99 and `percentile`, and one beyond its tail.

    The one beyond sees a tail that the live model does not have at all.
    """
    exceedance = [live.slower_than(place) / sum(live.latency) for place in range(len(LATENCY_EDGES))]
    usable = [place for place, part in enumerate(exceedance) if _USABLE[0] <= part <= _USABLE[1]]
    beyond = next((place for place, part in enumerate(exceedance) if part < _USABLE[0]), len(LATENCY_EDGES) - 1)
    near = {_nearest(exceedance, usable, target) for target in (*_TARGETS, 1 - percentile)} if usable else set()
    proof = _nearest(exceedance, usable, 1 - percentile) if usable else beyond
    return Cuts(every=tuple(Cut(edge=place) for place in sorted({*near, beyond})), proof=Cut(edge=proof))


def _nearest(exceedance: list[float], usable: list[int], target: float) -> int:
    return min(usable, key=lambda place: abs(_logit(exceedance[place]) - _logit(target)))


def _logit(part: float) -> float:
    inside = min(max(part, 1e-6), 1 - 1e-6)
    return math.log(inside / (1 - inside))
