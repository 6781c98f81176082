"""Looks, made ready for judging: what is comparable, what is missing."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from mlship.metrics.counters import LATENCY_EDGES, Tally
from mlship.metrics.look import Look
from mlship.plan.routing import WHOLE, Routing
from mlship.plan.step import Step

PATIENCE = 5
"""Looks in a row without numbers, or without the traffic that was asked for, after which gates are blind."""

_NO_LATENCY = (0,) * (len(LATENCY_EDGES) + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """Requests that were routed alike: what random routing would divide in the asked shares."""

    candidate: Tally
    live: Tally
    share: float
    """The candidate's part of the traffic of the two, 0..1."""
    seconds: float


class Strata:
    """Turns looks into strata, and counts the looks that could not be.

    Where a look is expected to bring less than one request to the smaller side, it is pooled with those that follow
    under the same weights. What is pooled depends on totals only, never on who got what, so a stratum stays a random
    split. Latency of a look under a fresh routing, or of a model that is warming up, is left out.

    In a step that mirrors, the copies are compared with live's requests of the same look. They are the same requests,
    so what both models stumble over cancels all the more: evidence comes slower than from a random split, never sooner.
    """

    def __init__(self, *, live: str, candidate: str) -> None:
        self._live = live
        self._candidate = candidate
        self._pooled: Stratum | None = None
        self._mirrored = 0
        self._picked = False
        self.missed = 0
        """Looks in a row that brought nothing to judge."""
        self.skipped = 0
        """All looks without numbers."""
        self.trouble = ""
        """Why the last look brought nothing."""

    def begin(self, step: Step, *, judged: bool = True) -> None:
        """What the candidate gets in this step: a part of the traffic, copies, whom rules lead to it, or nothing.

        What rules bring counts only where some gate judges it: the requests of a preview are no users'.
        """
        self.missed = 0
        self._picked = judged and self._candidate in step.routing.picked
        mirrored = copied(step.routing, self._candidate)
        if mirrored != self._mirrored:
            self._pooled = None
        self._mirrored = mirrored

    def absorb(self, look: Look) -> Stratum | None:
        """The stratum that the look completes."""
        picked = self._picked and self._candidate in look.picked
        if not look.weights.get(self._candidate) and not self._mirrored and not picked:
            self._pooled, self.missed = None, 0
            return None
        if look.tallies is None:
            self.skipped += 1
            self._miss(look.trouble or "no numbers")
            return None
        fresh = self._pick(look) if picked else self._read(look)
        if picked and not fresh.candidate.requests:
            # Nobody knows how many requests match: none for a while is no trouble.
            self.missed = 0
            return None
        if not _requests(fresh):
            self._miss("no requests")
            return None
        pooled = _pool(self._pooled, fresh)
        smaller = min(part for part in (pooled.share, 1 - pooled.share) if part)
        self._pooled = pooled if _requests(pooled) * smaller < 1 else None
        return None if self._pooled else self._complete(pooled)

    def _complete(self, stratum: Stratum) -> Stratum:
        if not stratum.candidate.requests:
            self._miss(f"no {'copies' if self._mirrored else 'requests'} reach {self._candidate}")
        elif not stratum.live.requests and stratum.share < 1:
            self._miss(f"no requests reach {self._live}")
        else:
            self.missed = 0
        return stratum

    def _miss(self, trouble: str) -> None:
        self.missed += 1
        self.trouble = trouble

    def _read(self, look: Look) -> Stratum:
        weight, live_weight = look.weights.get(self._candidate, 0), look.weights.get(self._live, 0)
        part = weight or self._mirrored * live_weight / WHOLE
        return Stratum(
            candidate=self._tally(look, self._candidate) if part else Tally(),
            live=self._tally(look, self._live) if live_weight else Tally(),
            share=part / (part + live_weight) if part else 0.0,
            seconds=max(0.0, look.end - look.start),
        )

    def _pick(self, look: Look) -> Stratum:
        """Whom rules lead to the candidate differs from the others: there is nothing to compare with."""
        seconds = max(0.0, look.end - look.start)
        return Stratum(candidate=self._tally(look, self._candidate), live=Tally(), share=1.0, seconds=seconds)

    def _tally(self, look: Look, model: str) -> Tally:
        tally = (look.tallies or {}).get(model, Tally())
        serving = look.weights.keys() | look.picked | ({self._candidate} if self._mirrored else set())
        # Both sides or neither: a warm model is not to be compared with the same hour's missing one.
        return replace(tally, latency=_NO_LATENCY) if look.settling or look.warming & serving else tally


def copied(routing: Routing, model: str) -> int:
    """Basis points of live's requests that `model` gets copies of; 0 where it has traffic of its own."""
    if model in routing.weights:
        return 0
    return next((mirror.share for mirror in routing.mirrors if mirror.model == model), 0)


def _pool(before: Stratum | None, fresh: Stratum) -> Stratum:
    if before is None or before.share != fresh.share:
        return fresh
    return Stratum(
        candidate=together(before.candidate, fresh.candidate),
        live=together(before.live, fresh.live),
        share=fresh.share,
        seconds=before.seconds + fresh.seconds,
    )


def together(one: Tally, other: Tally) -> Tally:
    """The sum of two tallies."""
    return Tally(
        requests=one.requests + other.requests,
        errors=one.errors + other.errors,
        latency=tuple(a + b for a, b in zip(one.latency, other.latency, strict=True)),
    )


def _requests(stratum: Stratum) -> int:
    return stratum.candidate.requests + stratum.live.requests
