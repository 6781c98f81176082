"""Numbers from outside the router: what every source of them answers, and what two readings come to."""

from __future__ import annotations

from math import isfinite
from numbers import Real
from typing import Protocol, SupportsFloat, cast, runtime_checkable

import msgspec

from mlship.errors import OutOfReach, UsageError

ROUNDING = 1e-9
"""Relative; a sum of floats that differs by less has not changed: databases add up in any order."""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over the units of one model: cumulative (a reading), or between two readings (a difference)."""

    count: int = 0
    """Units: requests, users or orders, whichever is the one that was assigned to a model."""
    sum: float = 0.0
    """Of their outcomes; the number of conversions where an outcome is 0 or 1."""
    square: float = 0.0
    """Of the squares of their outcomes; equal to `sum` where an outcome is 0 or 1."""


@runtime_checkable
class Source(Protocol):
    """Where numbers come from. Times are seconds since the epoch; None is no data, which is not zero.

    Raises, from every method:
        OutOfReach: it cannot be had now, or what it says cannot be true; retried as often as that makes sense.
        UsageError: the plan asks for it in a way that cannot work, or a variable of the environment is not set.
    """

    def totals(self, model: str, since: float, until: float) -> Totals | None:
        """The model's sums over `since` <= t < `until`; they never fall while `until` grows and `since` stays.

        A source of counters (Prometheus) counts from a start of its own instead, and falls at a reset: what happened is
        always the `difference` of two readings.
        """
        ...

    def value(self, model: str, since: float, until: float) -> float | None:
        """One number: a gauge, a rate, a ratio."""
        ...

    def ping(self) -> None:
        """See that it can be asked at all."""
        ...


def difference(before: Totals | None, after: Totals | None) -> Totals | None:
    """What happened between two readings; None where it cannot be known: no data, or a reset in between.

    A reset shows in a count or a sum of squares that fell. A sum alone may fall: outcomes can be negative. Units and
    their outcomes need not come in the same interval, so `sum` of 0/1 outcomes may be above `count`.
    """
    if before is None or after is None:
        return None
    count, square = after.count - before.count, after.square - before.square
    if count < 0 or square < -ROUNDING * before.square:
        return None
    return Totals(count=count, sum=after.sum - before.sum, square=max(square, 0.0))


def number(found: object, *, what: str) -> float | None:
    """A number that a source gave as `what`; None for nothing, for not-a-number and for infinity.

    Raises:
        UsageError: it is something else than a number.
    """
    from decimal import Decimal

    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, Real | Decimal):
        raise UsageError(f"{what} is no number but {_kind(found)}", hint="have it converted where it is asked for")
    value = _float(cast("SupportsFloat", found))
    return value if isfinite(value) else None


def _float(found: SupportsFloat) -> float:
    try:
        return float(found)
    except OverflowError:
        return float("inf")


def _kind(found: object) -> str:
    match found:
        case bool():
            return str(found).lower()
        case str():
            return "a text"
        case dict():
            return "an object"
        case list() | tuple():
            return "a list"
        case _:
            return f"of the type {type(found).__name__}"


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """The three numbers of a reading as a source gave them."""

    count: float | None
    sum: float | None
    square: float | None = None
    """Counts where `squared`."""
    squared: bool = False
    """The plan asks for squares; without them an outcome is 0 or 1."""

    def totals(self, *, source: str) -> Totals | None:
        """Their totals; None where one is missing. Over no units a sum may be missing: it is 0.

        Raises:
            UsageError: the count is not whole.
            OutOfReach: the numbers do not fit together.
        """
        if self.count is None:
            return None
        if self.count != int(self.count):
            hint = "count units; of Prometheus counters take the counter itself, no rate() or increase()"
            raise UsageError(f"{source}: count is {self.count:g}, which is no whole number", hint=hint)
        none = 0.0 if self.count == 0 else None
        total = self.sum if self.sum is not None else none
        square = (self.square if self.square is not None else none) if self.squared else total
        if total is None or square is None:
            return None
        return self._fitting(Totals(count=int(self.count), sum=total, square=square), source)

    def _fitting(self, totals: Totals, source: str) -> Totals:
        said = f"{source}: count {totals.count}, sum {totals.sum:g}"
        if not self.squared and not 0 <= totals.sum <= totals.count:
            hint = "where outcomes are other numbers than 0 and 1, ask for `square` too: the sum of their squares"
            raise OutOfReach(f"{said}: no such outcomes of 0 or 1", hint=hint)
        # Cauchy-Schwarz: (Σx)² <= n Σx².
        if totals.count < 0 or totals.sum**2 > totals.count * totals.square * (1 + ROUNDING):
            hint = "see that all of them are over the same units, each with one outcome"
            raise OutOfReach(f"{said}, square {totals.square:g}: no such outcomes", hint=hint)
        return totals
