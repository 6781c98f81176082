"""Traffic that the backend moves by itself: a course that is asked for once, and that its alarms judge."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import StrEnum

import msgspec

from mlship.plan.rule import WHOLE

LONGEST_WAIT = 3600.0
"""Seconds; the longest wait of a deployment of SageMaker (`WaitIntervalInSeconds`, `TerminationWaitInSeconds`)."""

LIMITS = (600.0, 28_800.0)
"""Seconds; the shortest and the longest limit of one (`MaximumExecutionTimeoutInSeconds`)."""

MOST_FIRST = 5_000
"""Basis points; the largest first part (`CanarySize`), and the largest step (`LinearStepSize`)."""

LEAST_STEP = 1_000
"""Basis points; the smallest step (`LinearStepSize`)."""

STARTING = 3600.0
"""Seconds that new instances may take to start before a deployment gives up, unless the stage says `at-most`."""


class ShiftKind(StrEnum):
    """How the traffic moves to the new fleet."""

    ALL_AT_ONCE = "all-at-once"
    CANARY = "canary"
    """A first part, then the rest."""
    LINEAR = "linear"
    """In equal steps."""
    ROLLING = "rolling"
    """With the instances, which are replaced batch by batch."""


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """From the old fleet of one variant to a new one. Nobody can stop it on its way but an alarm."""

    kind: ShiftKind
    """all-at-once, canary (a part, then the rest), linear (equal steps) or rolling (with the instances)."""
    share: int = 0
    """Basis points of the first part of a canary, or of each step of a linear shift."""
    batch: int = 0
    """Instances that are replaced at a time in a rolling one."""
    parts: int = 1
    """Moves until all traffic is on the new fleet."""
    interval: float = 0.0
    """Seconds between two of them."""
    bake: float = 0.0
    """Seconds that the old fleet is kept once all traffic is on the new one; the last batch's, in a rolling one."""
    limit: float
    """Most seconds for all of it; then the traffic goes back."""
    alarms: tuple[str, ...] = ()
    """Names of those that send the traffic back; none: only a fleet that does not start does."""

    @property
    def least(self) -> float:
        """Seconds that the waits take together; the starting of instances comes on top."""
        return (self.parts - 1) * self.interval + self.bake

    def course(self) -> Iterator[tuple[int, float]]:
        """(basis points on the new fleet, seconds that it stays so), move by move."""
        for part in range(1, self.parts):
            yield (self.share * part if self.share else WHOLE * part // self.parts), self.interval
        yield WHOLE, self.bake

    @property
    def waits(self) -> float:
        """Seconds that the limit must exceed: AWS names the sum of the waits, and may count one after the last part."""
        return self.least + self.interval


class Managed(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage says of a shift that the backend carries out."""

    alarms: tuple[str, ...] = ()
    limit: float | None = None
    """Seconds; None: as long as the waits and the starting of instances take."""

    def timed(self, shift: Shift) -> Shift:
        """The shift with its limit and its alarms."""
        starting = max(STARTING, STARTING / 4 * shift.parts)
        limit = min(LIMITS[1], shift.waits + starting) if self.limit is None else self.limit
        return msgspec.structs.replace(shift, limit=limit, alarms=self.alarms)


def stepped(weights: Sequence[int], *, hold: float) -> Shift | None:
    """The canary or linear shift that gives the new fleet these shares (basis points); None: there is none.

    A last share of 100 % may be left out. One share is a canary's; several must grow by the first of them.
    """
    shares = [weight for weight in weights if weight < WHOLE]
    if not shares:
        return None
    first = shares[0]
    even = all(share == place * first for place, share in enumerate(shares, start=1)) and shares[-1] + first >= WHOLE
    whole = first % 100 == 0 and first <= MOST_FIRST
    if len(shares) == 1 and whole:
        return Shift(kind=ShiftKind.CANARY, share=first, parts=2, interval=hold, bake=hold, limit=0.0)
    if even and whole and first >= LEAST_STEP:
        parts = math.ceil(WHOLE / first)
        return Shift(kind=ShiftKind.LINEAR, share=first, parts=parts, interval=hold, bake=hold, limit=0.0)
    return None


def rolled(*, batch: int, instances: int, hold: float) -> Shift | None:
    """The rolling shift of so many instances; None: a batch is less than 5 % or more than half of them."""
    if not 0.05 <= batch / max(1, instances) <= 0.5:
        return None
    parts = math.ceil(instances / batch)
    return Shift(kind=ShiftKind.ROLLING, batch=batch, parts=parts, interval=hold, bake=hold, limit=0.0)
