"""What a gate says, and the numbers that made it say so."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Outcome(StrEnum):
    """The four answers of a gate. Only FAIL rolls back; WAIT and BLIND hold the traffic where it is."""

    PASS = "pass"  # noqa: S105 - a verdict
    WAIT = "wait"
    """Not enough data yet."""
    BLIND = "blind"
    """Could not measure."""
    FAIL = "fail"


_SEVERITY = {Outcome.PASS: 0, Outcome.WAIT: 1, Outcome.BLIND: 2, Outcome.FAIL: 3}


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers behind a verdict. Rates are 0..1; `interval` is valid at every look (anytime-valid)."""

    measure: str
    """What was estimated, in words: "odds ratio", "error rate", "requests over 50 ms"."""
    estimate: float | None = None
    interval: tuple[float, float] | None = None
    e_value: float | None = None
    """Evidence against the candidate; the gate fails once it reaches `limit`."""
    limit: float | None = None
    proof: float | None = None
    """Evidence that the candidate is not worse; proven once it reaches `proof_limit`."""
    proof_limit: float | None = None
    candidate: tuple[int, int] | None = None
    """(bad, all) requests of the candidate so far."""
    live: tuple[int, int] | None = None
    """(bad, all) requests of the live model over the same windows."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One gate's answer at one look."""

    gate: str
    outcome: Outcome
    reason: str
    evidence: Evidence | None = None
    challenger: str = ""
    """Whom it is about, where several are judged in one step."""

    @property
    def name(self) -> str:
        """The gate, and whom it is about."""
        return f"{self.gate} ({self.challenger})" if self.challenger else self.gate


def worst(verdicts: Iterable[Verdict]) -> Outcome:
    """The outcome that decides: FAIL over BLIND over WAIT over PASS; no verdict at all is PASS."""
    return max((verdict.outcome for verdict in verdicts), key=_SEVERITY.__getitem__, default=Outcome.PASS)
