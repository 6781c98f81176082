"""An estimate held to a limit: no evidence is kept, so it takes enough data, look after look."""

from __future__ import annotations

from abc import ABC, abstractmethod

from mlship.metrics.answers import Pairs
from mlship.plan.verdict import Evidence, Outcome

STEADY = 3
"""Looks in a row with new data, each beyond the limit, after which a limit has failed for the rest of the stage."""


class LimitAccount(ABC):
    """Sums since the beginning of the stage. Nothing is judged before there is enough, and no single look fails it.

    The estimate is of everything so far, so three looks in a row are beyond the limit only if the whole is. It is an
    engineering limit all the same: it draws on no error budget, and so it is not to be set close to what is normal.
    """

    def __init__(self, *, fails: bool = True) -> None:
        self._fails = fails
        self._beyond = 0
        self._failed = ""

    def absorb(self, pairs: Pairs) -> None:
        """One look; one that brings nothing of the kind changes nothing."""
        if not self._take(pairs) or self.missing or not self._fails:
            return
        self._beyond = 0 if self._holds() else self._beyond + 1
        if self._beyond >= STEADY:
            self._failed = self._failed or self.told()

    @property
    def e_value(self) -> float:
        """None is kept."""
        return 0.0

    @property
    def evidence(self) -> Evidence:
        """The estimate."""
        return Evidence(measure=self._measure, estimate=self._estimate())

    def found(self) -> tuple[Outcome, str]:
        """Pass within the limit; beyond it wait, and fail where that lasts."""
        if self._failed:
            return Outcome.FAIL, self._failed
        if self.missing:
            return Outcome.WAIT, self.missing
        return (Outcome.PASS if self._holds() else Outcome.WAIT), self.told()

    @property
    @abstractmethod
    def missing(self) -> str:
        """What it takes before there is a verdict."""

    @abstractmethod
    def told(self) -> str:
        """The estimate and the limit."""

    @property
    @abstractmethod
    def _measure(self) -> str:
        """What is estimated."""

    @abstractmethod
    def _take(self, pairs: Pairs) -> bool:
        """Add what is new; False where nothing is."""

    @abstractmethod
    def _estimate(self) -> float | None:
        """Of everything so far."""

    @abstractmethod
    def _holds(self) -> bool:
        """The estimate is within the limit."""
